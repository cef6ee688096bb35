"""What a study would do, and about how long that would take, before it is begun."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch

from pauca.data import Dataset
from pauca.progress import say
from pauca.store import MemoryStore, RunSpec
from pauca.store.codec import canonical
from pauca.study.begin import checked
from pauca.study.cells import Desk, cells
from pauca.study.factors import shown_level
from pauca.study.plan import plan
from pauca.study.reading import variants
from pauca.study.settings import StudySettings
from pauca.study.watch import group_of
from pauca.study.work import keeper

__all__ = ["Alike", "Preview", "preview"]

_SECONDS, _LEAST, _MOST = 60.0, 1.0, 8.0
_SEEN = 0.002  # a fraction from which a pace can be told


@dataclass(frozen=True)
class Alike:
    """Cells that differ in their repetition alone.

    Args:
        kind: Of the cells.
        label: What is done.
        levels: The factors' levels, in words; empty without factors.
        cells: How many.
        rounds: Of one of them.
        labels: Labels asked for in one of them, or None where none are.
        seconds: About how long one takes; None where it was not tried or failed.
        error: What went wrong when it was tried.
    """

    kind: str
    label: str
    levels: str
    cells: int
    rounds: int
    labels: int | None
    seconds: float | None
    error: str = ""


@dataclass(frozen=True)
class Preview:
    """A study before it is begun.

    Args:
        name: Of the study.
        alike: Its cells, those that differ in their repetition together.
        workers: How many would work at once.
        seconds: About how long all takes, or None where nothing could be tried.
        tried: Seconds spent on finding that out.
    """

    name: str
    alike: tuple[Alike, ...]
    workers: int
    seconds: float | None
    tried: float

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return sum(each.cells for each in self.alike)


class _EnoughError(Exception):
    """The pace was seen."""


def preview(settings: StudySettings, workers: int) -> Preview:
    """Plan a study and try its cells for a moment each; nothing is written.

    One cell of each group of repetitions is begun, until its first round is done or a few seconds
    have passed, and its pace so far is taken for all of it. Later rounds have more labels, so where
    the length of a training depends on them the truth is longer; workers that share a machine slow
    each other down, which a single one does not show.

    Args:
        settings: Of the study.
        workers: How many would work at once.

    Raises:
        PaucaError: the study cannot be done.
    """
    facts = checked(settings)
    specs: dict[str, tuple[RunSpec, str]] = {}  # the levels in which each is met first
    for variant in variants(settings):
        words = _words(variant.levels)
        for spec in plan(variant.settings, lambda data: len(facts[canonical(data)]["classes"])):
            specs.setdefault(spec.id, (spec, words))
    groups: dict[str, list[tuple[RunSpec, str]]] = {}
    for spec, words in specs.values():
        groups.setdefault(group_of(spec), []).append((spec, words))
    patience = min(_MOST, max(_LEAST, _SECONDS / len(groups)))
    load, began = keeper(), perf_counter()
    # what is slow the first time is done
    _tried(next(iter(specs.values()))[0], load, _LEAST, settings.threads)
    found = []
    for number, held in enumerate(groups.values()):
        spec, words = held[0]
        cell = cells.make(spec.kind, {})
        label = cell.label(spec.settings)
        say(f"trying {label}, {number + 1} of {len(groups)}")
        seconds, error = _tried(spec, load, patience, settings.threads)
        asked = spec.settings.get("budget")
        rounds = cell.rounds(spec.settings)
        found.append(Alike(spec.kind, label, words, len(held), rounds, asked, seconds, error))
    times = [each.seconds * each.cells for each in found if each.seconds is not None]
    longest = max((each.seconds for each in found if each.seconds is not None), default=0.0)
    known = sum(each.cells for each in found if each.seconds is not None)
    whole = sum(times) / known * len(specs) if known else None
    left = None if whole is None else max(longest, whole / max(1, workers))
    return Preview(settings.name, tuple(found), workers, left, perf_counter() - began)


def _words(levels: Mapping[str, Any]) -> str:
    shown = [f"{name.rpartition('.')[2]} {shown_level(level)}" for name, level in levels.items()]
    return ", ".join(shown)


def _tried(
    spec: RunSpec, load: Callable[[Mapping[str, Any]], Dataset], patience: float, threads: int
) -> tuple[float | None, str]:
    """Seconds that the cell would take at the pace of its beginning; or what went wrong."""
    load(spec.settings["data"])  # read once for many cells, so no part of one
    store = MemoryStore()
    store.add([spec])
    run = store.claim("preview")
    assert run is not None
    began = perf_counter()
    seen: list[tuple[float, float]] = []

    def heard(fraction: float, how: str) -> None:
        spent = perf_counter() - began
        if not seen or fraction > seen[-1][1]:
            seen.append((spent, fraction))
        whole_round = bool(store.runs()[0].rounds)
        if seen[-1][1] >= _SEEN and spent > (patience / 4 if whole_round else patience):
            raise _EnoughError

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        cells.make(spec.kind, {}).work(Desk(run, "preview", store, load, heard))
    except _EnoughError:
        return _pace(seen), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    finally:
        torch.set_num_threads(before)
    return perf_counter() - began, ""


def _pace(seen: Sequence[tuple[float, float]]) -> float:
    """Seconds for the whole from (seconds, fraction) so far; without the start, which is slow."""
    (began, first), (spent, fraction) = seen[0], seen[-1]
    if fraction > first:
        return (spent - began) / (fraction - first)
    return spent / fraction
