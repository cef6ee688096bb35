"""Running a study in a folder, and going on with it after whatever happened."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pauca.checks import check_count
from pauca.errors import StoreError, UsageError
from pauca.progress import AbstractDisplay, SilentDisplay
from pauca.store import Run, SqliteStore
from pauca.study.begin import begin, check_same, made, stored_settings
from pauca.study.composing import composed
from pauca.study.engines import Job, engines
from pauca.study.folder import StudyFolder
from pauca.study.preview import Preview, preview
from pauca.study.provenance import cores
from pauca.study.reading import settings_from
from pauca.study.settings import StudySettings
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
        progress: Where progress is shown; nowhere if left out.
        imports: Modules to import first, here and in every worker: they may register strategies,
            learners, data sets and kinds of cells.
        overrides: Settings that win over those of a study file, such as ``active.query=20``.

    Raises:
        PaucaError: the study, its data or the folder cannot be used; nothing was trained then.
    """
    settings, text = _read(study, imports, overrides)
    how = _how(engine, workers, settings, progress, imports)
    place = StudyFolder(folder)
    with how.progress, stoppable(), made(place), place.held():
        if place.database.exists():
            with place.store() as store:
                check_same(store, settings, place)
                place.keep_text(text)
                if _over(store):
                    return Result(place.path, store.runs(), 0)
        begin(place, settings, text, how.workers)
        return _work(place, settings, how)


def resume_study(
    folder: Path | str,
    *,
    workers: int | None = None,
    failed: bool = False,
    engine: str = "local",
    progress: AbstractDisplay | None = None,
    imports: Sequence[str] = (),
) -> Result:
    """Go on with the study of a folder: after the last finished round of each run.

    Args:
        folder: Of a study that was begun.
        workers: As for ``run_study``.
        failed: Try failed runs again too.
        engine: As for ``run_study``.
        progress: As for ``run_study``.
        imports: As for ``run_study``.

    Raises:
        PaucaError: there is no study, another process runs it, or its data changed.
    """
    _import(imports)
    place = StudyFolder(folder)
    with place.store() as store:
        settings = stored_settings(store, place)
    how = _how(engine, workers, settings, progress, imports)
    with how.progress, stoppable(), place.held():
        with place.store() as store:
            store.check_whole()
            if failed:
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
    return preview(settings, max(1, _workers(workers, settings)))


@dataclass(frozen=True)
class _How:
    """Everything that changes no result."""

    engine: str
    workers: int
    progress: AbstractDisplay
    imports: tuple[str, ...]


def _how(
    engine: str,
    workers: int | None,
    settings: StudySettings,
    progress: AbstractDisplay | None,
    imports: Sequence[str],
) -> _How:
    engines.get(engine)
    display = SilentDisplay() if progress is None else progress
    return _How(engine, _workers(workers, settings), display, tuple(imports))


def _workers(wanted: int | None, settings: StudySettings) -> int:
    if wanted is None:
        return max(1, cores() // settings.threads)
    return check_count(wanted, "workers")


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise  # the module is there; something that it imports is not
            raise UsageError(
                f"there is no module {module!r}",
                where="--import",
                todo="check its name, and that it is installed or on PYTHONPATH",
            ) from None


def _read(
    study: StudySettings | Mapping[str, Any] | Path | str,
    imports: Sequence[str],
    overrides: Sequence[str],
) -> tuple[StudySettings, str]:
    """The settings, and the text to keep beside the results."""
    _import(imports)
    if isinstance(study, Path | str):
        path = Path(study)
        raw, text = composed(path, overrides)
        return settings_from(raw, where=str(path), folder=path.parent), text
    if overrides:
        raise UsageError("overrides are for study files", got=list(overrides))
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
                engines.make(how.engine, {}).work(job)
                store.requeue(running=True)  # claimed by a worker that outlived its parent
        except BaseException:
            with suppress(StoreError):  # if even that fails, the next start does it
                store.requeue(running=True)
            raise
        runs = store.runs()
    return Result(place.path, runs, sum(run.status == "done" for run in runs) - before)


def _over(store: SqliteStore) -> bool:
    """Whether every run was planned and has ended."""
    ended = all(run.status in ("done", "failed") for run in store.runs())
    return ended and "planned" in store.meta()
