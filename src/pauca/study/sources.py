"""The folders that a merge reads: opened without a change to them, and compared cell by cell."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pauca.errors import StoreError
from pauca.store import OF_THE_MACHINE, Run, RunSpec, SqliteStore
from pauca.store.codec import canonical, encode
from pauca.store.salvage import salvaged
from pauca.study.folder import StudyFolder
from pauca.study.provenance import data_sets
from pauca.study.reading import settings_from
from pauca.study.settings import StudySettings
from pauca.study.watch import label_of

__all__ = ["Source", "agreed", "opened"]

_RANK = {"done": 2, "failed": 1}


@dataclass(frozen=True, eq=False)
class Source:
    """A folder to be merged.

    Args:
        path: Of the folder.
        store: Open, to be read only.
        studies: The study that it holds, or several.
        data: Facts of its data sets, one or more.
        sessions: With what it was run, each time.
        runs: By id.
        gaps: Whether it may lack cells of its study: a part, or damaged.
        text: Its study file.
        notes: What could not be read.
    """

    path: Path
    store: SqliteStore
    studies: tuple[StudySettings, ...]
    data: tuple[Mapping[str, Any], ...]
    sessions: tuple[Mapping[str, Any], ...]
    runs: Mapping[str, Run]
    gaps: bool
    text: str | None
    notes: tuple[str, ...]

    def blobs(self, run: Run) -> dict[str, tuple[int, bytes]]:
        """By name, the round that kept it and its bytes, for the rounds that this run has."""
        found = self.store.blob_rounds(run.spec.id)
        return {
            name: (number, self.store.blob(run.spec.id, name))
            for name, number in found.items()
            if number < len(run.rounds)
        }

    def classes(self, data: Mapping[str, Any]) -> int:
        """How many classes the data set of a section [data] has."""
        known = {facts.get("section"): facts for facts in self.data}
        return len(known.get(canonical(data), self.data[0])["classes"])

    def plain(self) -> dict[str, Any]:
        """What to write down of it."""
        done = sum(run.status == "done" for run in self.runs.values())
        return {"folder": str(self.path), "cells": len(self.runs), "done": done}


@contextmanager
def opened(folder: Path | str, *, salvage: bool) -> Iterator[Source]:
    """The study of a folder; nothing in the folder is changed, not even its log folded in.

    Raises:
        StoreError: there is no study, it is worked on now, or (without ``salvage``) damaged.
    """
    place = StudyFolder(folder)
    if place.busy():
        raise StoreError(
            "a process is running this study",
            where=place.path,
            todo="wait for it, or end it: what is finished is kept; then merge",
        )
    with _unchanged(place) as database, SqliteStore(database, readonly=True) as store:
        yield _source(place, store, salvage)


@contextmanager
def _unchanged(place: StudyFolder) -> Iterator[Path]:
    """The database, or a copy where a kill left a log that opening would fold in."""
    logs = [place.database.with_name(f"study.db{end}") for end in ("-wal", "-shm")]
    if not logs[0].is_file() or not place.database.is_file():
        yield place.database
        return
    with tempfile.TemporaryDirectory() as spare:
        try:
            for file in (place.database, logs[0]):
                shutil.copyfile(file, Path(spare) / file.name)
        except OSError as error:
            raise StoreError(
                "the study's database cannot be copied to be read",
                got=error.strerror,
                where=place.database,
                todo="check that you may read it, and that the disk of temporary files has room",
            ) from None
        yield Path(spare) / place.database.name


def _source(place: StudyFolder, store: SqliteStore, salvage: bool) -> Source:
    meta = store.meta()
    if not {"study", "data", "planned"} <= meta.keys():
        raise StoreError(
            "this study was stopped before it began",
            where=place.path,
            todo="leave it out: there is nothing in it",
        )
    runs, lost = salvaged(store) if salvage else (_whole(store), ())
    keys = [key for key in meta if key == "provenance" or key.startswith("resume.")]
    return Source(
        path=place.path,
        store=store,
        studies=tuple(
            settings_from(study, where=str(place.database))
            for study in meta.get("studies") or [meta["study"]]
        ),
        data=data_sets(meta),
        sessions=tuple(meta[key] for key in keys),
        runs={run.spec.id: run for run in runs},
        gaps="part" in meta or bool(lost),
        text=_text_of(place),
        notes=tuple(f"{place.path}: {what}" for what in lost),
    )


def _text_of(place: StudyFolder) -> str | None:
    """The study file as it was run, if it is there.

    Raises:
        StoreError: it cannot be read.
    """
    if not place.study.is_file():
        return None
    try:
        return place.study.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            "the study file beside the results cannot be read",
            got=str(error)[:200],
            where=place.study,
            todo="remove it: what was run stands in the database too",
        ) from None


def _whole(store: SqliteStore) -> tuple[Run, ...]:
    store.check_whole()
    return store.runs()


def agreed(spec: RunSpec, sources: Sequence[Source]) -> tuple[Run, Source | None]:
    """What is known of a cell, and whose it is: done before failed, then the most rounds.

    Raises:
        StoreError: two folders have different results for it.
    """
    held = [(source.runs[spec.id], source) for source in sources if spec.id in source.runs]
    if not held:
        return Run(spec, "pending"), None
    best, at = max(held, key=lambda one: (one[0].status == "done", len(one[0].rounds)))
    for run, source in held:
        if source is not at:
            _check_same(best, at, run, source)
    ranked = max((run for run, _ in held), key=lambda run: _RANK.get(run.status, 0))
    if ranked.status == "failed":  # as far as anyone came, and what went wrong
        best = replace(best, status="failed", error=ranked.error, ended=ranked.ended)
    return best, at


def _check_same(one: Run, source: Source, other: Run, its: Source) -> None:
    """The rounds that both have must agree, and so must what they keep; not times and memory."""
    for number, (a, b) in enumerate(zip(one.rounds, other.rounds, strict=False)):
        for key in sorted((a.keys() | b.keys()) - OF_THE_MACHINE):
            if _text(a.get(key)) != _text(b.get(key)):
                _refuse(one, number, key, (source, _text(a.get(key))), (its, _text(b.get(key))))
    shared = min(len(one.rounds), len(other.rounds))
    mine, others = source.store.blob_rounds(one.spec.id), its.store.blob_rounds(one.spec.id)
    for name in sorted(mine.keys() | others.keys()):
        if min(mine.get(name, shared), others.get(name, shared)) >= shared:
            continue
        a_bytes = source.store.blob(one.spec.id, name) if name in mine else None
        b_bytes = its.store.blob(one.spec.id, name) if name in others else None
        if a_bytes != b_bytes:
            number = mine.get(name, others.get(name, 0))
            _refuse(one, number, name, (source, _size(a_bytes)), (its, _size(b_bytes)))


def _refuse(
    run: Run, number: int, what: str, one: tuple[Source, str], other: tuple[Source, str]
) -> None:
    raise StoreError(
        "a cell was done in two folders, and the results differ",
        expected=f"{what} = {_short(one[1])} in {one[0].path}",
        got=f"{what} = {_short(other[1])} in {other[0].path}",
        where=f"cell {run.spec.id}: {label_of(run)}, round {number + 1}",
        todo="leave one of the folders out; versions and processors of both stand in their reports",
    )


def _text(value: Any) -> str:
    return encode(value, "a record")


def _size(data: bytes | None) -> str:
    return "nothing" if data is None else f"an array of {len(data)} bytes"


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."
