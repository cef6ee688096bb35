"""A change of the pool that is killed leaves the project of before or of after; served or not."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from pauca.label import Project
from tests.label.helpers import clusters, npz, project, truth
from tests.label.web.running import Refused, ask, start


@contextmanager
def changer() -> Iterator[Callable[[int, str, Path, Path], str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.label.changer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None

        def change(step: int, what: str, folder: Path, data: Path) -> str:
            assert parent.stdin is not None
            assert parent.stdout is not None
            parent.stdin.write(f"{step}\t{what}\t{folder}\t{data}\n")
            parent.stdin.flush()
            return parent.stdout.readline().strip()

        yield change
        parent.stdin.close()


def state(folder: Path) -> tuple[object, ...]:
    """All that may have changed; reading it checks every digest."""
    with Project.open(folder) as made:
        keys, features = made.items.keys(), made.features.clone()
        assert len(keys) == len(features)
        assert features.isfinite().all()
        assert features.abs().sum(1).min() > 0  # no row was left empty
        rows = tuple(made.items.sources())
        account = tuple(entry.event.item for entry in made.history(most=None))
        where = tuple(source.path for source in made.sources)
        return (
            len(keys), tuple(keys), rows, account, where, made.removed, made.classes.names,
            tuple(sorted(made.labels.item.tolist())), hash(features.numpy().tobytes()),
        )  # fmt: skip


@pytest.mark.parametrize("what", ["add", "remove", "delete", "relocate"])
def test_a_change_that_is_killed_is_made_or_not(tmp_path: Path, what: str) -> None:
    x, _ = clusters(120)
    with project(tmp_path, n=90) as made:
        for item in range(12):
            made.answer("anna", item, truth(item))
        template = made.folder
    data = npz(tmp_path / "more.npz", x=x[90:])
    if what == "relocate":
        data = tmp_path / "moved.npz"
        shutil.copy(tmp_path / "data.npz", data)
    seen = []
    with changer() as change:
        whole = tmp_path / "whole"
        shutil.copytree(template, whole)
        before = state(whole)
        assert change(0, what, whole, data) == "done"
        after = state(whole)
        assert after != before
        for step in range(1, 100):
            folder = tmp_path / f"p{step}"
            shutil.copytree(template, folder)
            if change(step, what, folder, data) == "done":
                break
            found = state(folder)
            assert found in (before, after)
            seen.append(found == after)
            if what == "add" and found == before:  # what is left over is in nobody's way
                assert change(0, what, folder, data) == "done"
                assert state(folder) == after
                assert not list(folder.glob(".*.part-*"))
            shutil.rmtree(folder)
    assert len(seen) >= (12 if what == "add" else 1)
    assert seen == sorted(seen)  # once made it stays made
    assert what != "add" or any(seen)


def test_a_server_sees_what_another_process_changes(tmp_path: Path) -> None:
    x, _ = clusters(120)
    with project(tmp_path, n=60, batch=10) as made:
        running = start(made.folder)
        try:
            asked = {"person": "anna", "k": 5}
            held = ask(running.base, "/api/lease", asked)["items"]
            assert held
            assert ask(running.base, "/api/project")["items"] == 60
            made.add(npz(tmp_path / "more.npz", x=x[60:]))
            assert ask(running.base, "/api/project")["items"] == 120
            told = {"person": "anna", "item": 100, "action": "label", "class": truth(100)}
            ask(running.base, "/api/answer", told)  # known there at once
            assert 100 in made.labels.item
            made.remove([held[0]["item"], 101])
            for gone in (held[0]["item"], 101):
                with pytest.raises(Refused, match="removed from the pool"):
                    ask(running.base, "/api/answer", {**told, "item": gone})
            again = ask(running.base, "/api/lease", asked)["items"]
            assert held[0]["item"] not in {each["item"] for each in again}
            made.delete_class("cat", unlabel=True)
            with pytest.raises(Refused, match="deleted"):
                ask(running.base, "/api/answer", {**told, "item": 50, "class": 2})
            ask(running.base, "/api/answer", {**told, "item": 51, "class": 0})
            new = Path(made.backup(tmp_path / "b.zip"))
        finally:
            running.kill()
        shutil.unpack_archive(new, tmp_path / "restored")
        with Project.open(tmp_path / "restored") as again_there:
            assert again_there.removed == made.removed
            assert torch.equal(again_there.features, made.features)
            assert np.array_equal(again_there.labels.item, made.labels.item)
