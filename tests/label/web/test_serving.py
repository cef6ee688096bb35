"""The server as a process: one a project, ends when told, loses nothing when killed."""

import http.client
import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from pauca.label import Project
from tests.label.helpers import project, truth
from tests.label.web.running import Refused, Running, ask, start

LOST = (OSError, http.client.HTTPException, json.JSONDecodeError)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with project(tmp_path, n=300, batch=20) as made:
        return made.folder


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pauca", "label", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_listens_on_this_machine_alone_and_ends_when_told(folder: Path) -> None:
    running = start(folder)
    try:
        assert running.address.startswith("http://127.0.0.1:")
        assert ask(running.base, "/api/project")["items"] == 300
    finally:
        assert running.end() == 128 + signal.SIGTERM
    assert not (folder / "server.json").exists()
    again = start(folder)  # nothing is in its way
    assert again.end(signal.SIGINT) == 128 + signal.SIGINT


def test_a_second_server_of_a_project_says_where_the_first_is(folder: Path) -> None:
    running = start(folder)
    try:
        second = command(str(folder), "--port", "0")
        assert second.returncode == 2
        assert "served already" in second.stderr
        assert running.base in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        running.kill()
    third = start(folder)  # a killed one holds nothing
    third.end()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--host", "256.1.1.1", "--port", "0"), "listened on"),
        (("--host", "203.0.113.7", "--port", "0"), "listened on"),
        (("--token", "short"), "too short"),
        (("--port", "70000"), "port"),
        (("--retrain", "-1"), "retrain"),
    ],
)
def test_what_cannot_be_served_is_said(folder: Path, arguments: tuple[str, ...], word: str) -> None:
    told = command(str(folder), *arguments)
    assert told.returncode == 2
    assert word in told.stderr
    assert "Traceback" not in told.stderr


def test_a_port_that_is_taken_and_a_folder_that_is_none(folder: Path, tmp_path: Path) -> None:
    running = start(folder)
    try:
        (tmp_path / "other").mkdir()
        with project(tmp_path / "other", n=30) as other:
            told = command(str(other.folder), "--port", running.base.rpartition(":")[2])
        assert told.returncode == 2
        assert "listened on" in told.stderr
    finally:
        running.end()
    told = command(str(tmp_path / "nothing"))
    assert told.returncode == 2
    assert "no project" in told.stderr


def test_beyond_this_machine_a_token_is_made_up_and_needed(folder: Path) -> None:
    running = start(folder, "--host", "0.0.0.0")
    try:
        token = running.address.partition("#token=")[2]
        assert len(token) >= 32
        port = running.base.rpartition(":")[2]
        base = f"http://127.0.0.1:{port}"
        with pytest.raises(Refused) as refused:
            ask(base, "/api/project")
        assert refused.value.code == 401
        told = ask(base, "/api/project", authorization=f"Bearer {token}")
        assert told["token_needed"] is True
    finally:
        running.end()


@pytest.mark.parametrize("token", ["plus+and/slash=and%25&x#", "grün und blau und rot"])
def test_a_token_is_quoted_in_the_address(folder: Path, token: str) -> None:
    running = start(folder, "--token", token, "--host", "0.0.0.0")
    try:
        shown = running.address.partition("#token=")[2]
        assert unquote(shown) == token
        assert quote(shown, safe="%") == shown
    finally:
        running.end()


def test_behind_a_proxy_a_token_is_needed_and_the_address_is_that_of_the_proxy(
    folder: Path,
) -> None:
    running = start(folder, "--behind-proxy", "--allow-host", "labels.example", answers=False)
    try:
        assert running.address.startswith("https://labels.example/#token=")
    finally:
        running.end()
    told = command(str(folder), "--token", " leading-blank-in-a-token")
    assert told.returncode == 2
    assert "blank" in told.stderr


class Person(threading.Thread):
    """Labels, and sends what was not acknowledged again under the same token."""

    def __init__(self, name: str, where: list[str], most: int) -> None:
        super().__init__(daemon=True)
        self.who, self.where, self.most = name, where, most
        self.acknowledged: dict[str, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        number = 0
        while len(self.acknowledged) < self.most and not self.ended.is_set():
            try:
                told = ask(self.where[0], "/api/lease", {"person": self.who, "k": 2}, 5)
                items = [each["item"] for each in told["items"]]
                if not items:
                    time.sleep(0.01)
                for item in items:
                    token = f"{self.who}-{number}"
                    number += 1
                    self._answer(item, token)
            except LOST:
                time.sleep(0.01)

    def _answer(self, item: int, token: str) -> None:
        body = {"person": self.who, "item": item, "class": truth(item), "token": token, "ms": 5}
        while not self.ended.is_set():
            try:
                told = ask(self.where[0], "/api/answer", body, 5)
            except LOST:
                time.sleep(0.01)
                continue
            assert [event["item"] for event in told["events"]] == [item]
            self.acknowledged[token] = item
            return


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_no_answer_is_lost_or_doubled_by_kills(tmp_path: Path, kills: int) -> None:
    """SIGKILL at random moments, while two people label."""
    with project(tmp_path, n=30 * kills + 60, batch=10) as made:
        folder = made.folder
    draw = random.Random(kills)
    running: Running = start(folder, "--retrain", "10")
    where = [running.base]
    people = [Person(name, where, 10**6) for name in ("anna", "ben")]
    for person in people:
        person.start()
    for _ in range(kills):
        before = sum(len(person.acknowledged) for person in people)
        end = time.monotonic() + 60
        while sum(len(person.acknowledged) for person in people) == before:
            assert time.monotonic() < end, "nothing was answered any more"
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.3))
        running.kill()
        running = start(folder, "--retrain", "10")
        where[0] = running.base
    time.sleep(0.5)
    for person in people:
        person.ended.set()
    for person in people:
        person.join(30)
        assert not person.is_alive()
    running.end()
    with Project.open(folder) as made:
        events = [entry.event for entry in made.history(most=None)]
    tokens = [event.token for event in events]
    assert len(tokens) == len(set(tokens))  # none twice
    kept = {event.token: event.item for event in events}
    for person in people:
        assert person.acknowledged.items() <= kept.items()  # none lost
    items = [event.item for event in events]
    assert len(items) == len(set(items))  # and no item was given to both
