"""Making a project: its folder is there whole, or not at all."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pauca.errors import CapabilityError, UnknownNameError, UsageError
from pauca.label.atomic import keep_sums, new_folder
from pauca.label.book import Book
from pauca.label.embed import FEATURES, resolve_choice, write_features
from pauca.label.fitting import FIT
from pauca.label.items import ITEMS, write_items
from pauca.label.labels import GIVEN
from pauca.label.model import make_for
from pauca.label.pool import Pool, PoolOptions
from pauca.label.reading import fingerprint, read_pool
from pauca.label.records import Given
from pauca.label.settings import ProjectSettings, settings_from, write_settings
from pauca.learners import learners
from pauca.strategies import strategies

__all__ = ["DATABASE", "GUIDELINES", "SETTINGS", "Made", "make_project"]

DATABASE, SETTINGS, GUIDELINES = "project.db", "project.toml", "guidelines.md"
"""Files of a project's folder."""

_TEXT_L2 = 0.03
Progress = Any


@dataclass(frozen=True)
class Made:
    """A project that was made.

    Args:
        folder: Where.
        notes: What was done to the data.
    """

    folder: Path
    notes: tuple[str, ...]


def make_project(
    source: Path,
    out: Path,
    options: PoolOptions,
    *,
    features: str | Mapping[str, Any] | None = None,
    size: int | None = None,
    vocabulary: int = 4096,
    guidelines: str | None = None,
    progress: Progress | None = None,
    force: bool = False,
    **settings: Any,
) -> Made:
    """Read the data, compute the features and write the project's folder.

    Args:
        source: Folder of images, or csv, jsonl, parquet or npz file.
        out: Folder to make.
        options: How the data are read.
        features: What turns items into features.
        size: Side that images are read at.
        vocabulary: Most words of tf-idf.
        guidelines: Text for those who label.
        progress: Told which fraction of the features is done.
        force: Take the place of a project that nobody has answered in.
        **settings: Of ``ProjectSettings``.

    Raises:
        PaucaError: the data, a name or a setting is not as it should be; nothing is left behind.
    """
    source = Path(os.path.abspath(source.expanduser()))
    _check_places(source, out)
    if force:
        _check_replaced(source, Path(os.path.abspath(out)))
    pool = read_pool(source, options)
    choice = resolve_choice(features, pool)
    given = {key: value for key, value in settings.items() if value is not None}
    whole = settings_from(
        {
            "name": Path(os.path.abspath(out)).name,
            "source": _source(source, pool, options, size, vocabulary),
            "features": choice,
            **given,
            "learner": _learner(given.get("learner"), choice),
            "strategy": _resolved(strategies, given.get("strategy", "margin"), "strategy"),
        },
        "the project",
    )
    names = _classes(pool, options)
    if whole.wanted is not None and whole.wanted not in names:
        raise UnknownNameError("class", whole.wanted, names)
    _check_strategy(whole)
    with new_folder(out, force=force) as folder:
        write_items(folder, pool.keys, pool.sources)
        notes = write_features(
            folder,
            pool,
            choice,
            size=size,
            vocabulary=vocabulary,
            device=whole.device,
            seed=whole.seed,
            progress=progress,
        )
        keep_sums(folder, (ITEMS, FEATURES, FIT))
        _begin(folder, pool, names, whole.overlap)
        if guidelines is not None:
            (folder / GUIDELINES).write_text(guidelines, encoding="utf-8")
        write_settings(folder / SETTINGS, whole)
    return Made(out, (*pool.notes, *notes))


def _check_strategy(settings: ProjectSettings) -> None:
    """Refuse what the learner cannot serve, before anything is computed.

    Raises:
        CapabilityError: the strategy needs what the learner does not give, or a companion.
    """
    strategy = strategies.make(
        settings.strategy["name"], {k: v for k, v in settings.strategy.items() if k != "name"}
    )
    learner = make_for(settings.learner, 2, ("a", "b"), settings.device)
    if strategy.companion is not None:
        raise CapabilityError(
            f"strategy {strategy.name!r} needs a companion in training",
            expected="a strategy that reads what the learner says",
            got=f"companion {strategy.companion!r}",
            todo="choose margin, entropy, badge, k-center, ...",
        )
    strategy.check_needs(learner.gives | {"probs"}, f"learner {learner.name!r}")


def _check_places(source: Path, out: Path) -> None:
    where = Path(os.path.abspath(out))
    if source.is_dir() and where.is_relative_to(source):
        raise UsageError(
            "the project would lie within its own data",
            got=str(out),
            where=str(source),
            todo="name a folder elsewhere with --out",
        )


def _check_replaced(source: Path, out: Path) -> None:
    """Refuse to replace anything but a project in which nobody has answered.

    Raises:
        UsageError: another folder, the folder of the data, or one with answers of people.
        StoreError: the answers cannot be read.
    """
    if not out.is_dir() or not any(out.iterdir()):
        return
    lost = None
    if not (out / DATABASE).is_file() or not (out / SETTINGS).is_file():
        lost = "a folder that is no project"
    elif Path(os.path.realpath(source)).is_relative_to(os.path.realpath(out)):
        lost = "the folder that holds the data"
    else:
        book = Book(out / DATABASE)
        try:
            # those of removed items and deleted classes among them
            events = [event for event, stands in book.history(None, -1) if stands]
            answers = sum(event.person != GIVEN for event in events)
        finally:
            book.close()
        if answers:
            lost = f"a project with {answers} answers of people"
    if lost is not None:
        raise UsageError(
            f"{lost} is never replaced", where=str(out), todo="name another place with --out"
        )


def _source(
    source: Path, pool: Pool, options: PoolOptions, size: int | None, vocabulary: int
) -> dict[str, Any]:
    columns = {key: value for key, value in pool.columns.items() if value is not None}
    levels = None if pool.survey is None else pool.survey.levels
    return {
        "path": str(source),
        "format": pool.format,
        "kind": pool.kind,
        "items": pool.n,
        "fingerprint": fingerprint(source),
        "missing": options.missing,
        "vocabulary": vocabulary,
        **({} if size is None else {"size": size}),
        **({} if levels is None else {"levels": levels}),
        **({} if not options.more else {"read": dict(options.more)}),
        **columns,
    }


def _learner(given: Any, choice: Mapping[str, Any]) -> dict[str, Any]:
    """The learner with every setting; rows of length 1, as those of texts, want a weaker l2."""
    if given is None:
        given = {"name": "probe"}
        if choice["name"] in ("tf-idf", "lsa"):
            given["l2"] = _TEXT_L2
    return _resolved(learners, given, "learner")


def _resolved(registry: Any, given: Any, key: str) -> dict[str, Any]:
    choice = {"name": given} if isinstance(given, str) else dict(given)
    name = choice.pop("name", None)
    if not isinstance(name, str):
        raise UsageError(
            f"the {key} is not named",
            expected="a name",
            got=repr(given)[:300],
            todo=f"choose one of: {', '.join(registry.names())}",
        )
    found = registry.resolve(name, choice)
    return {"name": name, **{k: v for k, v in found.items() if v is not None}}


def _classes(pool: Pool, options: PoolOptions) -> list[str]:
    """Those that were given, then those that the data name, in order."""
    found = sorted({label for label in pool.labels if label is not None})
    return list(dict.fromkeys([*options.classes, *pool.classes, *found]))


def _begin(folder: Path, pool: Pool, names: list[str], overlap: int) -> None:
    book = Book(folder / DATABASE, create=True, overlap=overlap)
    try:
        if names:
            book.add_classes(names, GIVEN)
        known = book.classes()
        number = {name: known.find(name.strip()) for name in names}
        book.answer_all(
            [
                Given(GIVEN, item, "label", number[label], strategy=GIVEN)
                for item, label in enumerate(pool.labels)
                if label is not None
            ]
        )
    finally:
        book.close()
