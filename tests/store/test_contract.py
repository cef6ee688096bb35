"""Every store keeps every rule."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from pauca.store import AbstractStore, MemoryStore, SqliteStore
from pauca.testing.stores import STORE_CHECKS, MakeStore, check_store


def sqlite_maker(folder: Path) -> MakeStore:
    numbers = count()
    return lambda: SqliteStore(folder / f"{next(numbers)}.db")


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    return MemoryStore if request.param == "memory" else sqlite_maker(tmp_path)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_rule(check: Callable[[MakeStore], None], make_store: MakeStore) -> None:
    check(make_store)


class Forgetful(MemoryStore):
    """Breaks one rule: lets anyone finish a run."""

    def finish(self, run_id: str, owner: str) -> None:
        super().finish(run_id, self.run(run_id).owner or owner)


def test_the_checks_find_a_broken_rule() -> None:
    with pytest.raises(AssertionError, match="not refused"):
        check_store(Forgetful)


class Greedy(MemoryStore):
    """Breaks another: hands a run out twice."""

    def claim(self, owner: str) -> None:
        self.requeue(running=True)
        return super().claim(owner)  # type: ignore[return-value]


def test_the_checks_find_a_double_claim() -> None:
    with pytest.raises(AssertionError):
        check_store(Greedy)


def test_names_of_the_package(tmp_path: Path) -> None:
    stores: list[AbstractStore] = [MemoryStore(), SqliteStore(tmp_path / "a.db")]
    for store in stores:
        store.close()
