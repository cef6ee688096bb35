"""Running a study in a folder, and going on with it after whatever happened."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pauca.checks import check_count
from pauca.errors import PaucaError, StoreError, UsageError
from pauca.progress import AbstractDisplay, SilentDisplay
from pauca.store import Run, SqliteStore
from pauca.study.begin import begin, check_same, made, stored_settings
from pauca.study.composing import composed
from pauca.study.engines import AbstractEngine, Job, engines
from pauca.study.folder import StudyFolder
from pauca.study.preview import Preview, preview
from pauca.study.provenance import cores
from pauca.study.reading import settings_from
from pauca.study.settings import StudySettings
from pauca.study.share import Share, check_share
from pauca.study.stopping import stoppable
from pauca.study.toml import to_toml
from pauca.study.watch import Watch

__all__ = ["Result", "preview_study", "resume_study", "run_study"]


@dataclass(frozen=True)
class Result:
    """How a study ended.

    Args:
        folder: Where it is.
        runs: Every run, as stored.
        worked: How many of them were finished this time.
    """

    folder: Path
    runs: tuple[Run, ...]
    worked: int

    @property
    def done(self) -> tuple[Run, ...]:
        """Runs that ended well."""
        return tuple(run for run in self.runs if run.status == "done")

    @property
    def failed(self) -> tuple[Run, ...]:
        """Runs that failed, with their errors."""
        return tuple(run for run in self.runs if run.status == "failed")


def run_study(
    study: StudySettings | Mapping[str, Any] | Path | str,
    folder: Path | str,
    *,
    workers: int | None = None,
    engine: str = "local",
    engine_settings: Mapping[str, Any] | None = None,
    part: str | None = None,
    progress: AbstractDisplay | None = None,
    imports: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Result:
    """Run a study in a folder. In the folder of the same study, go on where it stopped.

    Args:
        study: A TOML file, or the settings.
        folder: Made if it is not there.
        workers: How many cells at once: as many as cores allow if left out; 0 for one after the
            other in this very process. The results do not depend on it.
        engine: Where the cells are worked on.
        engine_settings: Of the engine: ``{"address": ..., "gpus_per_cell": ...}`` for ``ray``.
        part: ``"2/3"`` for the second of three equal shares of the cells: as many machines, each
            with a folder of its own, do them without knowing of each other, and ``merge_studies``
            makes one study of the folders. All cells if left out.
        progress: Where progress is shown; nowhere if left out.
        imports: Modules to import first, here and in every worker: they may register strategies,
            learners, data sets and kinds of cells.
        overrides: Settings that win over those of a study file, such as ``active.query=20``.

    Raises:
        PaucaError: the study, its data or the folder cannot be used; nothing was trained then.
    """
    settings, text = _read(study, imports, overrides)
    share = None if part is None else Share.read(part)
    how = _how(engine, engine_settings, workers, settings, progress, imports)
    place = StudyFolder(folder)
    with how.progress, stoppable(), made(place), place.held():
        if place.database.exists():
            with place.store() as store:
                check_same(store, settings, place)
                check_share(store, share, place)
                place.keep_text(text)
                if _over(store):
                    return Result(place.path, store.runs(), 0)
        begin(place, settings, text, how.workers, share=share)
        return _work(place, settings, how)


def resume_study(
    folder: Path | str,
    *,
    workers: int | None = None,
    failed: bool = False,
    cells: Sequence[str] = (),
    engine: str = "local",
    engine_settings: Mapping[str, Any] | None = None,
    progress: AbstractDisplay | None = None,
    imports: Sequence[str] = (),
) -> Result:
    """Go on with the study of a folder: after the last finished round of each run.

    Args:
        folder: Of a study that was begun.
        workers: As for ``run_study``.
        failed: Try failed runs again too.
        cells: Of the failed runs, only those whose ids begin like this; it implies ``failed``.
        engine: As for ``run_study``.
        engine_settings: As for ``run_study``.
        progress: As for ``run_study``.
        imports: As for ``run_study``.

    Raises:
        PaucaError: there is no study, another process runs it, or its data changed.
    """
    import_modules(imports)
    place = StudyFolder(folder)
    with place.store() as store:
        settings = stored_settings(store, place)
    how = _how(engine, engine_settings, workers, settings, progress, imports)
    with how.progress, stoppable(), place.held():
        with place.store() as store:
            store.check_whole()
            if cells:
                store.requeue(failed=True, only=_failed(store, cells, place))
            elif failed:
                store.requeue(failed=True)
            if _over(store):
                return Result(place.path, store.runs(), 0)
        begin(place, settings, None, how.workers)
        return _work(place, settings, how)


def preview_study(
    study: StudySettings | Mapping[str, Any] | Path | str,
    *,
    workers: int | None = None,
    imports: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Preview:
    """What ``run_study`` would do, and about how long it would take; nothing is written.

    Args:
        study: As for ``run_study``.
        workers: As for ``run_study``.
        imports: As for ``run_study``.
        overrides: As for ``run_study``.

    Raises:
        PaucaError: the study or its data cannot be used.
    """
    settings, _ = _read(study, imports, overrides)
    engines.make("local", {}).check(settings.device)
    return preview(settings, max(1, _workers(workers, settings)))


@dataclass(frozen=True)
class _How:
    """Everything that changes no result."""

    engine: AbstractEngine
    workers: int | None
    progress: AbstractDisplay
    imports: tuple[str, ...]


def _how(
    engine: str,
    engine_settings: Mapping[str, Any] | None,
    workers: int | None,
    settings: StudySettings,
    progress: AbstractDisplay | None,
    imports: Sequence[str],
) -> _How:
    place = engines.make(engine, engine_settings or {})
    place.check(settings.device)
    display = SilentDisplay() if progress is None else progress
    count = None if workers is None and place.elastic else _workers(workers, settings)
    return _How(place, count, display, tuple(imports))


def _workers(wanted: int | None, settings: StudySettings) -> int:
    if wanted is None:
        return max(1, cores() // settings.threads)
    return check_count(wanted, "workers")


def import_modules(modules: Sequence[str]) -> None:
    for module in modules:
        try:
            import_module(module)
        except PaucaError:
            raise
        except Exception as error:
            lacking = error.name if isinstance(error, ModuleNotFoundError) else None
            if lacking is not None and f"{module}.".startswith(f"{lacking}."):
                raise UsageError(
                    f"there is no module {module!r}",
                    where="--import",
                    todo="check its name, and that it is installed or on PYTHONPATH",
                ) from None
            raise UsageError(
                f"the module {module!r} cannot be imported",
                got=f"{type(error).__name__}: {error}",
                where="--import",
                todo="mend it until `python -c 'import ...'` of it says nothing",
            ) from error


def _read(
    study: StudySettings | Mapping[str, Any] | Path | str,
    imports: Sequence[str],
    overrides: Sequence[str],
) -> tuple[StudySettings, str]:
    """The settings, and the text to keep beside the results."""
    import_modules(imports)
    if isinstance(study, Path | str):
        path = Path(study)
        raw, text = composed(path, overrides)
        return settings_from(raw, where=str(path), folder=path.parent), text
    if overrides:
        raise UsageError(
            "overrides are for study files",
            got=list(overrides),
            todo="change the settings before they are passed",
        )
    plain = study.plain() if isinstance(study, StudySettings) else study
    settings = settings_from(plain)
    return settings, to_toml(settings.plain())


def _work(place: StudyFolder, settings: StudySettings, how: _How) -> Result:
    """Let the engine work until nothing is pending, and put things in order when it is stopped."""
    with place.store() as store:
        try:
            store.requeue(running=True)  # the folder is ours: whoever held them is gone
            before = sum(run.status == "done" for run in store.runs())
            while any(run.status == "pending" for run in store.runs()):
                watch = Watch(settings.name, store.runs(), how.workers or 1, how.progress)
                job = Job(store, watch, how.workers, settings.threads, how.imports)
                how.engine.work(job)
                store.requeue(running=True)  # claimed by a worker that outlived its parent
        except BaseException:
            with suppress(StoreError):  # if even that fails, the next start does it
                store.requeue(running=True)
            raise
        runs = store.runs()
    return Result(place.path, runs, sum(run.status == "done" for run in runs) - before)


def _failed(store: SqliteStore, cells: Sequence[str], place: StudyFolder) -> tuple[str, ...]:
    """The failed runs whose ids begin like this.

    Raises:
        UsageError: one begins like none of them.
    """
    failed = [run.spec.id for run in store.runs() if run.status == "failed"]
    for cell in cells:
        if not any(run_id.startswith(cell) for run_id in failed) or not cell:
            raise UsageError(
                f"no failed cell's id begins with {cell!r}",
                expected=", ".join(run_id[:8] for run_id in failed[:20]) or "there is none",
                where=place.path,
                todo=f"`pauca status {place.path}` shows the ids of failed cells",
            )
    return tuple(run_id for run_id in failed if run_id.startswith(tuple(cells)))


def _over(store: SqliteStore) -> bool:
    """Whether every run was planned and has ended."""
    ended = all(run.status in ("done", "failed") for run in store.runs())
    return ended and "planned" in store.meta()
