"""One study of several folders: what was done on several machines, or in several studies."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pauca.errors import StoreError, UsageError
from pauca.progress import say
from pauca.store import Run, RunSpec, SqliteStore
from pauca.study.folder import StudyFolder
from pauca.study.plan import Classes, plan
from pauca.study.settings import StudySettings
from pauca.study.sources import Source, agreed, opened
from pauca.study.toml import to_toml
from pauca.study.union import common, united

__all__ = ["Merged", "merge_studies"]


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Args:
        folder: Where the merged study is.
        studies: How many different studies went into it.
        runs: Every run, as stored.
        notes: What a person should know: what could not be read, versions that differ.
    """

    folder: Path
    studies: int
    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def merge_studies(
    folders: Sequence[Path | str],
    out: Path | str,
    *,
    salvage: bool = False,
    imports: Sequence[str] = (),
) -> Merged:
    """Make one study of several folders, which stay as they are.

    Its cells are those of all studies, each whole: of a study of which only a part was done, the
    rest is pending. A cell done in one folder is done; of one begun in several, the most rounds are
    kept. What two folders both have must agree to the bit, times excepted. Where the studies are
    one, or differ in repetitions and in lists of strategies and learners only and leave no gap, the
    merged folder is that of one study, with which ``run`` goes on too; else it holds several.

    Args:
        folders: Of one study or more.
        out: A new folder; it is there whole at the end, or not at all.
        salvage: Keep what can be read of a damaged folder; what cannot is pending.
        imports: As for ``run_study``.

    Raises:
        UsageError: the folders do not go together, or ``out`` is there already.
        StoreError: one is worked on now, or damaged; a cell differs between two.
    """
    from pauca.study.runner import import_modules

    import_modules(imports)
    place = StudyFolder(out)
    _check_new(place, folders)
    with ExitStack() as stack:
        sources = [stack.enter_context(opened(folder, salvage=salvage)) for folder in folders]
        _check_together(sources)
        draft = StudyFolder(place.path.with_name(f".{place.path.name}.{os.getpid()}.part"))
        draft.make()
        try:
            notes, studies = _write(draft, sources)
            os.replace(draft.path, place.path)
        except OSError as error:
            raise StoreError(
                "the merged folder cannot be written",
                got=error.strerror,
                where=place.path,
                todo="check that you may write there and that the disk has room; the folders to "
                "be merged are as they were",
            ) from None
        finally:
            shutil.rmtree(draft.path, ignore_errors=True)
    with place.store(readonly=True) as store:
        return Merged(place.path, studies, store.runs(), notes)


def _check_new(place: StudyFolder, folders: Sequence[Path | str]) -> None:
    if not folders:
        raise UsageError(
            "there is nothing to merge",
            expected="the folder of a study, or several",
            todo="name one",
        )
    if place.path.exists() and (not place.path.is_dir() or any(place.path.iterdir())):
        raise UsageError(
            "the folder to merge into is there already",
            where=place.path,
            todo="name a new one with --out; to merge more into it, merge it with the others",
        )
    seen = [Path(folder).resolve() for folder in folders]
    twice = next((folder for folder in seen if seen.count(folder) > 1), None)
    if twice is not None:
        raise UsageError("a folder is named twice", got=twice, todo="name it once")


def _check_together(sources: Sequence[Source]) -> None:
    """Refuse data that differ, and numbers of threads, which decide the last bit.

    Raises:
        UsageError: they do.
    """
    first = sources[0]
    for other in sources[1:]:
        for what, a, b in (
            ("data", _fingerprints(first), _fingerprints(other)),
            ("threads", first.studies[0].threads, other.studies[0].threads),
        ):
            if a != b:
                raise UsageError(
                    f"the folders do not go together: their {what} differ",
                    expected=f"{a}, as in {first.path}",
                    got=f"{b} in {other.path}",
                    todo="merge only what was done on the same data with the same threads",
                )


def _fingerprints(source: Source) -> str:
    return ", ".join(sorted(facts["fingerprint"] for facts in source.data))


def _write(place: StudyFolder, sources: Sequence[Source]) -> tuple[tuple[str, ...], int]:
    """Fill a new folder; returns the notes, and how many studies went into it."""
    studies = _distinct([study for source in sources for study in source.studies])
    classes = sources[0].classes
    notes = [note for source in sources for note in source.notes]
    specs, more = _cells(sources, classes)
    whole = united(studies, classes, frozenset(specs))
    names = {study.name for study in studies}
    count = 1 if len({_nameless(study) for study in studies}) == 1 else len(studies)
    with place.store(create=True) as store:
        _note(store, sources, studies, whole)
        order = specs if whole is None else {s.id: s for s in plan(whole, classes)}
        for spec in sorted(order.values(), key=_repetition):
            run, source = agreed(specs[spec.id], sources)
            store.adopt(run, {} if source is None else source.blobs(run))
            if source is not None and run.status != "done":
                _take_checkpoint(source, place, run)
        store.put_meta("planned", len(specs))
        store.check_whole()
    _keep_texts(place, sources, studies, whole)
    notes += more + _versions(sources)
    if whole is None:
        notes.append(f"{len(studies)} studies in one folder: {', '.join(sorted(names))}")
    for note in notes:
        say(note)
    return tuple(notes), count


def _distinct(studies: Sequence[StudySettings]) -> list[StudySettings]:
    found: list[StudySettings] = []
    for study in studies:
        if study not in found:
            found.append(study)
    return found


def _nameless(study: StudySettings) -> str:
    return repr({**study.plain(), "name": ""})


def _cells(sources: Sequence[Source], classes: Classes) -> tuple[dict[str, RunSpec], list[str]]:
    """Every cell of every study, whether or not its folder was to do it."""
    specs = {run.spec.id: run.spec for source in sources for run in source.runs.values()}
    notes = []
    for source in sources:
        if not source.gaps:
            continue
        planned = {spec.id: spec for study in source.studies for spec in plan(study, classes)}
        if source.runs.keys() <= planned.keys():
            specs |= planned
        else:  # this version of pauca has more settings, so it would give other names to all
            notes.append(
                f"{source.path}: made by another version of pauca, so cells that no folder holds "
                "are left out"
            )
    return specs, notes


def _note(
    store: SqliteStore,
    sources: Sequence[Source],
    studies: Sequence[StudySettings],
    whole: StudySettings | None,
) -> None:
    """Write down what the study is, and with what each part of it was run."""
    store.put_meta("study", common(studies) if whole is None else whole.plain())
    if whole is None:
        store.put_meta("studies", [study.plain() for study in studies])
    for number, facts in enumerate(sources[0].data):
        store.put_meta(f"data.{number}" if number else "data", dict(facts))
    sessions = [session for source in sources for session in source.sessions]
    for number, session in enumerate(sessions):
        store.put_meta(f"resume.{number}" if number else "provenance", session)
    store.put_meta("merged", [source.plain() for source in sources])


def _repetition(spec: RunSpec) -> int:
    return int(spec.settings.get("repetition", 0))


def _take_checkpoint(source: Source, place: StudyFolder, run: Run) -> None:
    """How far a long training came that was cut off."""
    kept = source.path / "checkpoints" / f"{run.spec.id}.pt"
    if kept.exists():
        folder = place.path / "checkpoints"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(kept, folder / kept.name)


def _keep_texts(
    place: StudyFolder,
    sources: Sequence[Source],
    studies: Sequence[StudySettings],
    whole: StudySettings | None,
) -> None:
    texts = {source.text for source in sources}
    if len(studies) == 1 and len(texts) == 1 and sources[0].text is not None:
        place.keep_text(sources[0].text)
    elif whole is not None:
        place.keep_text(to_toml(whole.plain()))
    else:
        for number, study in enumerate(studies, start=1):
            path = place.path / f"study-{number}.toml"
            path.write_text(to_toml(study.plain()), encoding="utf-8")


def _versions(sources: Sequence[Source]) -> list[str]:
    """A note where the parts were done with different versions."""
    seen: dict[str, set[str]] = {}
    for source in sources:
        for session in source.sessions:
            known: Mapping[str, Any] = session.get("versions", {})
            for name, version in known.items():
                seen.setdefault(name, set()).add(str(version))
    differing = [f"{name} {', '.join(sorted(v))}" for name, v in seen.items() if len(v) > 1]
    if not differing:
        return []
    return [f"done with different versions ({'; '.join(differing)}); results may differ a little"]
