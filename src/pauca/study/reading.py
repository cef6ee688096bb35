"""From a TOML file to settings in which no number is left open.

Every choice of a data set, learner or strategy goes through its registry, so that its settings are
checked by name and type and its defaults are written down too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from pauca.data import datasets, resolve_options
from pauca.errors import PaucaError, UnknownNameError, UsageError, shown
from pauca.features import resolve_features
from pauca.learners import learners
from pauca.registry import Registry
from pauca.strategies import strategies
from pauca.study.composing import composed, rooted
from pauca.study.factors import FACTORS, combinations, first_of, placed, shown_level
from pauca.study.plain import check_plain
from pauca.study.settings import FEATURES, UNTRAINED, StudySettings

__all__ = ["Variant", "check_runs", "read_study", "settings_from", "variants"]

_MOST_RUNS = 1_000_000
"""Of a study: at a second each, a week and a half."""


_EXPECTED = {"model_type": "a table of settings", "dict_type": "a table", "list_type": "a list"}
"""Python's kinds in TOML's words."""


@dataclass(frozen=True)
class Variant:
    """One of the studies that a study with factors stands for.

    Args:
        levels: Level of each factor, as given.
        settings: The study at these levels, every default written down.
    """

    levels: Mapping[str, Any]
    settings: StudySettings


def read_study(path: Path | str, overrides: Sequence[str] = ()) -> StudySettings:
    """The study of a TOML file, every default written down.

    Args:
        path: The file.
        overrides: Such as ``active.query=20``; they win over the file.

    Raises:
        UsageError: no such file; not TOML; an unknown key or name (the nearest known one is named);
            a value of the wrong type; a study that makes no sense.
    """
    raw, _ = composed(Path(path), overrides)
    return settings_from(raw, where=str(path), folder=Path(path).parent)


def settings_from(
    raw: Mapping[str, Any], *, where: str = "the study", folder: Path | None = None
) -> StudySettings:
    """A study from plain values, every default written down; its own ``plain()`` gives it again.

    A study with factors is kept as it was given, with the first level of each in place; every study
    that it stands for is checked all the same, and ``variants`` gives them with their defaults.

    Args:
        raw: The sections of the study.
        where: What to call it in messages.
        folder: A relative path of data starts here; at the working folder if left out.

    Raises:
        UsageError: as ``read_study``.
    """
    check_plain(raw, where)
    if not isinstance(raw, Mapping):
        raise UsageError(
            "a study is no table", got=shown(raw), where=where, todo="give its sections by name"
        )
    if raw.get(FACTORS) is not None:
        settings = _validated(rooted(first_of(raw, where), folder or Path()), where)
        found = _all_variants(settings, where, folder)
        check_runs(sum(variant.settings.runs(1) for variant in found), where)
        return settings
    settings = _validated(raw, where)
    _check_sense(settings, where)
    check_runs(settings.runs(1), where)
    whole = settings.plain()
    whole["data"] = _data(whole["data"], f"{where}, section [data]", folder or Path())
    if "active" in whole:
        _active(whole["active"], f"{where}, section [active]")
    if "models" in whole:
        whole["models"]["learners"] = _all(
            learners, whole["models"]["learners"], f"{where}, section [models], learners"
        )
    if "emergence" in whole:
        _emergence(whole["emergence"], where)
    return StudySettings.model_validate(to_jsonable_python(whole))


def check_runs(number: int, where: str) -> None:
    """Refuse a study that would never end, before its runs are listed.

    Raises:
        UsageError: there are more than a million.
    """
    if number > _MOST_RUNS:
        raise UsageError(
            f"the study has {number:,} runs",
            expected=f"at most {_MOST_RUNS:,}",
            where=where,
            todo="lower `repetitions`, take out levels of factors, or make several studies of it",
        )


def variants(settings: StudySettings) -> tuple[Variant, ...]:
    """The studies without factors that a study stands for; itself where it has none."""
    if settings.factors is None:
        return (Variant({}, settings),)
    return _all_variants(settings, settings.name, None)


def _all_variants(settings: StudySettings, where: str, folder: Path | None) -> tuple[Variant, ...]:
    raw = settings.plain()
    found = []
    for levels in combinations(raw[FACTORS]):
        told = ", ".join(f"{name} = {shown_level(level)}" for name, level in levels.items())
        place = f"{where}, where {told}"
        found.append(
            Variant(levels, settings_from(placed(raw, levels), where=place, folder=folder))
        )
    return tuple(found)


def _validated(raw: Mapping[str, Any], where: str) -> StudySettings:
    try:
        return StudySettings.model_validate(dict(raw))
    except ValidationError as error:
        raise _fault(error, where) from None


def _active(section: dict[str, Any], where: str) -> None:
    """Write down every default of what asks and what learns."""
    section["strategies"] = _all(strategies, section["strategies"], f"{where}, strategies")
    section["initial_strategy"] = _whole(
        strategies, section["initial_strategy"], f"{where}, initial_strategy"
    )
    section["learner"] = _whole(learners, section["learner"], f"{where}, learner")


def _emergence(section: dict[str, Any], where: str) -> None:
    """Write down every default of the learners in the section and in its part [unseen]."""
    section["learners"] = _looked_at(section["learners"], f"{where}, section [emergence], learners")
    unseen = section["unseen"]
    if unseen is not None and unseen["learners"] is not None:
        where = f"{where}, section [emergence.unseen], learners"
        unseen["learners"] = _looked_at(unseen["learners"], where)


def _looked_at(choices: Sequence[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
    """As ``_all``, for learners that may be left untrained."""
    marks = [choice.get(UNTRAINED, False) for choice in choices]
    for i, mark in enumerate(marks):
        if not isinstance(mark, bool):
            raise UsageError(
                f"the value of {UNTRAINED!r} does not fit",
                expected="true or false",
                got=shown(mark),
                where=f"{where}[{i}]",
                todo=f"write {UNTRAINED} = true, or leave it out",
            )
    bare = [{k: v for k, v in choice.items() if k != UNTRAINED} for choice in choices]
    found = [_whole(learners, choice, f"{where}[{i}]") for i, choice in enumerate(bare)]
    marked = [{**one, UNTRAINED: True} if m else one for one, m in zip(found, marks, strict=True)]
    _check_twice(learners, marked, where)
    return marked


def _all(
    registry: Registry[Any], choices: Sequence[Mapping[str, Any]], where: str
) -> list[dict[str, Any]]:
    found = [_whole(registry, choice, f"{where}[{i}]") for i, choice in enumerate(choices)]
    _check_twice(registry, found, where)
    return found


def _check_twice(registry: Registry[Any], found: Sequence[Mapping[str, Any]], where: str) -> None:
    for i, choice in enumerate(found):
        if choice in found[:i]:
            raise UsageError(
                f"{registry.kind} {choice['name']!r} is listed twice with the same settings",
                where=where,
                todo="list it once: `repetitions` says how often it is run",
            )


def _whole(registry: Registry[Any], choice: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A choice with every setting of what it names."""
    params = {key: value for key, value in choice.items() if key != "name"}
    return {
        "name": choice["name"],
        **_located(lambda: registry.resolve(choice["name"], params), where),
    }


def _data(data: Mapping[str, Any], where: str, folder: Path) -> dict[str, Any]:
    """The data set with every option; a path from the root on."""
    if FEATURES in data:
        items = {key: value for key, value in data.items() if key != FEATURES}
        place = f"{where}, key {FEATURES!r}"
        made = _located(lambda: resolve_features(data[FEATURES], folder=folder), place)
        return {**_data(items, where, folder), FEATURES: made}
    options = {key: value for key, value in data.items() if key not in ("name", "path")}
    if "path" in data:
        if not str(data["path"]).strip():
            raise UsageError(
                "the path is empty",
                expected="a file or a folder",
                where=f"{where}, key 'path'",
                todo="write . for the folder of the study file itself",
            )
        path = (folder / str(data["path"])).resolve()
        return {"path": str(path), **_located(lambda: resolve_options(path, options), where)}
    name = str(data["name"])
    if name.startswith("openml:"):
        return {"name": name, **_located(lambda: resolve_options(name, options), where)}
    return _whole(datasets, data, where)


def _located(resolve: Callable[[], dict[str, Any]], where: str) -> dict[str, Any]:
    """Say in which section of which file, when something is refused."""
    try:
        return resolve()
    except PaucaError as error:
        raise error.at(where) from None


def _check_sense(settings: StudySettings, where: str) -> None:
    if not (settings.active or settings.models or settings.emergence):
        raise UsageError(
            "the study has nothing to do",
            expected="a section [active], [models] or [emergence]",
            where=where,
            todo="see studies/mnist-first.toml for an example",
        )
    if ("name" in settings.data) == ("path" in settings.data):
        raise UsageError(
            "the data set is named twice"
            if "name" in settings.data
            else "the data set is not named",
            expected="either `name` or `path`",
            got=", ".join(sorted(settings.data)) or "neither",
            where=f"{where}, section [data]",
            todo="take one of them out" if "name" in settings.data else 'say, name = "digits"',
        )
    active = settings.active
    if active is not None and active.discovery is not None and active.pool.unknown is None:
        raise UsageError(
            "there is nothing to discover: every class is known, so no item is ever rejected",
            expected="classes that are unknown",
            where=f"{where}, section [active.discovery]",
            todo="set `unknown` in [active.pool], or leave the section out",
        )
    if active is not None and active.budget < active.initial:
        raise UsageError(
            "the budget is smaller than the initial set",
            expected=f"budget >= {active.initial}",
            got=active.budget,
            where=f"{where}, section [active]",
            todo="raise budget or lower initial: the budget counts the initial set too",
        )


def _fault(error: ValidationError, where: str) -> UsageError:
    """What pydantic found wrong first, in this project's words; a mistyped key before a missing."""
    faults = error.errors()
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    *sections, key = _path(first["loc"])
    place = f"{where}, section [{'.'.join(sections)}]" if sections else where
    if first["type"] == "extra_forbidden":
        return UnknownNameError("key", key, _keys(sections), where=place)
    if first["type"] == "missing":
        return UsageError(f"the key {key!r} is missing", where=place, todo="give it a value")
    message = first["msg"].removeprefix("Value error, ")
    return UsageError(
        f"the value of {key!r} does not fit",
        expected=_EXPECTED.get(first["type"], message.removeprefix("Input should be ")),
        got=shown(first["input"]),
        where=place,
        todo="give it such a value; docs/studies.md lists every key",
    )


def _path(places: Sequence[int | str]) -> list[str]:
    """Names of sections and key; a place in a list belongs to the list's name."""
    names: list[str] = []
    for place in places:
        if isinstance(place, int):
            names[-1] += f"[{place}]"
        else:
            names.append(place)
    return names


def _keys(sections: Sequence[str]) -> list[str]:
    """The keys that a section knows."""
    model: type[BaseModel] = StudySettings
    for section in sections:
        kind = model.model_fields[section].annotation
        kinds = (kind, *get_args(kind))  # a section that may be left out has None beside it
        model = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return list(model.model_fields)
