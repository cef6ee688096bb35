"""What runs elsewhere under Ray, without Ray: the store as workers see it, and what they refuse."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pauca.errors import DataError, PaucaError, RunError, StoreError, UsageError
from pauca.store import SqliteStore
from pauca.study import run_study
from pauca.study.engines import ray as engine
from pauca.study.engines._remote import Clerk, Order, RemoteStore, Worker, versions
from pauca.testing.stores import STORE_CHECKS
from tests.study.helpers import Lines, numbers, run
from tests.study.plugin import NAME, study


class Handle:
    """Calls a clerk as Ray does: one call after the other, in a thread of its own."""

    def __init__(self, clerk: Any) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._clerk = self._pool.submit(clerk).result()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._clerk, name)
        return SimpleNamespace(remote=lambda *a, **k: self._pool.submit(method, *a, **k))


class RayError(Exception):
    """Stands for Ray's own."""


@pytest.fixture(autouse=True)
def fake_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(
        get=lambda future: future.result(), exceptions=SimpleNamespace(RayError=RayError)
    )
    monkeypatch.setitem(sys.modules, "ray", fake)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_the_store_of_a_worker_keeps_every_rule(check: Any, tmp_path: Path) -> None:
    numbered = count()

    def make() -> RemoteStore:
        path = tmp_path / f"{next(numbered)}.db"
        SqliteStore(path).close()
        return RemoteStore(Handle(lambda: Clerk(str(path))))

    check(make)


def test_a_clerk_that_is_gone() -> None:
    def gone(*args: Any) -> Any:
        raise RayError("the actor died")

    store = RemoteStore(Handle(lambda: SimpleNamespace(ask=gone)))
    with pytest.raises(StoreError, match=r"cannot be reached; got: the actor died.*pauca resume"):
        store.claim("me")


@contextmanager
def begun(folder: Path, plain: dict[str, Any]) -> Iterator[Handle]:
    """The clerk of a study in which nothing was done yet."""
    from pauca.study.begin import begin
    from pauca.study.folder import StudyFolder
    from pauca.study.reading import settings_from

    place = StudyFolder(folder)
    place.make()
    place.lock.write_text("mark")
    begin(place, settings_from(plain), "", 1)
    found = Handle(lambda: Clerk(str(place.database)))
    yield found
    found.close.remote().result()


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[Handle]:
    with begun(tmp_path / "s", study()) as found:
        yield found


def order(folder: Path, **changes: Any) -> Order:
    plain: dict[str, Any] = {
        "owner": "me",
        "threads": 1,
        "imports": (NAME,),
        "path": str(folder),
        "mark": "mark",
        "data_folder": None,
        "versions": versions(),
    }
    return Order(**{**plain, **changes})


def test_a_worker_does_what_a_local_one_does(handle: Handle, tmp_path: Path) -> None:
    assert Worker(handle, order(tmp_path / "s")).work() is None
    news = handle.news.remote().result()
    assert [event for event, *_ in news if event in ("claimed", "done")] == ["claimed", "done"] * 4
    assert handle.news.remote().result() == []
    alone = run(tmp_path / "alone", workers=0)
    assert numbers(handle.ask.remote("runs").result()) == numbers(alone.runs)


def test_a_study_of_several_data_sets_and_frozen_features(tmp_path: Path) -> None:
    features = {"name": "tiny", "n": 70, "frozen_features": {"name": "pca", "dimensions": 4}}
    plain = {**study(active__repetitions=1), "factors": {"data": [{"name": "tiny"}, features]}}
    with begun(tmp_path / "s", plain) as handle:
        assert Worker(handle, order(tmp_path / "s")).work() is None
        found = handle.ask.remote("runs").result()
    alone = run_study(plain, tmp_path / "alone", workers=0, imports=[NAME])
    assert {r.status for r in found} == {"done"}
    assert numbers(found) == numbers(alone.runs)


@pytest.mark.parametrize(("mark", "seen"), [("mark", True), ("another", False)])
def test_whether_the_folder_is_seen(handle: Handle, tmp_path: Path, mark: str, seen: bool) -> None:
    folder = tmp_path / "s"
    found = Worker(handle, order(folder, mark=mark))._store.folder
    assert found == (folder if seen else None)
    assert Worker(handle, order(tmp_path / "nowhere"))._store.folder is None


def refused(handle: Handle, tmp_path: Path, **changes: Any) -> PaucaError:
    error = Worker(handle, order(tmp_path / "s", **changes)).work()
    assert error is not None
    assert {r.status for r in handle.ask.remote("runs").result()} == {"pending"}
    return error


def test_other_versions_are_refused(handle: Handle, tmp_path: Path) -> None:
    error = refused(handle, tmp_path, versions={**versions(), "torch": "1.0"})
    assert isinstance(error, RunError)
    assert (error.expected, "install the same versions" in str(error)) == ("torch 1.0", True)


def test_a_module_that_is_not_there(handle: Handle, tmp_path: Path) -> None:
    error = refused(handle, tmp_path, imports=("tests.nowhere",))
    assert "cannot import 'tests.nowhere'" in str(error)
    assert "ModuleNotFoundError" in str(error)


def test_other_data_are_refused(
    handle: Handle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pauca.study import work
    from pauca.testing import tiny_image_dataset

    monkeypatch.setattr(work, "load_items", lambda data: tiny_image_dataset(seed=9))
    error = refused(handle, tmp_path)
    assert "is another one on a machine of the cluster" in str(error)

    def missing(data: Any) -> Any:
        raise DataError("there are no files")

    monkeypatch.setattr(work, "load_items", missing)
    error = refused(handle, tmp_path)
    assert "there are no files" in str(error)
    assert "its own PAUCA_DATA" in str(error)


@pytest.mark.parametrize(
    ("settings", "device", "message"),
    [
        ({"address": "ray://head:10001"}, "cpu", "Ray's client cannot be used"),
        ({}, "cuda:1", "the device does not go with this engine"),
        ({"gpus_per_cell": 0.0}, "cuda", "the device does not go with this engine"),
        ({"gpus_per_cell": -1.0}, "cpu", "gpus_per_cell"),
        ({"adress": "x"}, "cpu", "did you mean 'address'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    device: str,
    message: str,
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: object())
    with pytest.raises(UsageError, match=message):
        run_study(
            study(device=device),
            tmp_path / "s",
            engine="ray",
            engine_settings=settings,
            imports=[NAME],
        )
    assert not (tmp_path / "s").exists()


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"Ray is not installed.*pip install 'pauca\[ray\]'"):
        run_study(study(), tmp_path / "s", engine="ray", imports=[NAME], progress=Lines())
    assert not (tmp_path / "s").exists()


def test_the_local_engine_knows_no_address(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'address'"):
        run_study(study(), tmp_path / "s", engine_settings={"address": "auto"}, imports=[NAME])


def test_room_is_counted_machine_by_machine() -> None:
    def crew(threads: int, gpus: float) -> Any:
        made = object.__new__(engine._Crew)
        vars(made).update(_job=SimpleNamespace(threads=threads), _gpus=gpus)
        nodes = [{"CPU": 4.0, "GPU": 1.0}, {"CPU": 3.0}, {"CPU": 16.0, "GPU": 2.0}]
        made._ray = SimpleNamespace(
            nodes=lambda: [
                {"Alive": i != 3, "Resources": n} for i, n in enumerate([*nodes, {"CPU": 9.0}])
            ]
        )
        return made

    assert crew(1, 0.0)._room() == 23
    assert crew(2, 0.0)._room() == 11
    assert crew(1, 1.0)._room() == 3
    assert crew(1, 0.25)._room() == 12
    assert crew(2, 0.25)._room() == 2 + 8
    assert crew(32, 0.0)._room() == 0
