"""One worker's loop: claim a run, do it, keep it, until nothing is pending."""

import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Literal

from pauca.data import Dataset
from pauca.errors import StoreError
from pauca.store import AbstractStore
from pauca.store.codec import canonical, decode
from pauca.study.cells import Desk, cells
from pauca.study.plan import load_items, with_features
from pauca.study.settings import FEATURES

__all__ = ["Announce", "Event", "Load", "keeper", "work_through"]

Event = Literal["claimed", "part", "done", "failed"]

Announce = Callable[[Event, str, float, str], None]
"""Told what happened: the event, the run, the fraction done, and what went wrong or how it goes."""

Load = Callable[[Mapping[str, Any]], Dataset]
"""Gives the data set of a section [data]."""


def work_through(
    store: AbstractStore, owner: str, announce: Announce, load: Load | None = None
) -> None:
    """Do every pending run. A cell that raises is failed, with its traceback, and the next begins.

    Raises:
        StoreError: the store itself refuses (disk full, damaged, handed to another owner).
    """
    load = keeper() if load is None else load
    while (run := store.claim(owner)) is not None:
        run_id = run.spec.id
        cell = cells.make(run.spec.kind, {})
        done = len(run.rounds) / max(1, cell.rounds(run.spec.settings))
        announce("claimed", run_id, done, "")
        desk = Desk(run, owner, store, load, partial(_part, announce, run_id))
        try:
            cell.work(desk)
        except StoreError:
            raise
        except Exception as error:
            store.fail(run_id, owner, traceback.format_exc())
            announce("failed", run_id, 1.0, f"{type(error).__name__}: {error}")
        else:
            store.finish(run_id, owner)
            announce("done", run_id, 1.0, "")


def _part(announce: Announce, run_id: str, fraction: float, how: str) -> None:
    announce("part", run_id, fraction, how)


def keeper() -> Load:
    """Loads a data set once, however many cells read it."""

    @lru_cache(maxsize=4)
    def items(text: str) -> Dataset:
        return load_items(decode(text, "section [data]"))

    def load(data: Mapping[str, Any]) -> Dataset:
        bare = {key: value for key, value in data.items() if key != FEATURES}
        return with_features(items(canonical(bare)), data)

    return load
