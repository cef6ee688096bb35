"""Factors: a study that crosses settings, and the studies without factors that it stands for.

A level replaces the value at its path in the study as given, before any default is filled in, so
that ``"active.learner.epochs" = [10, 20]`` does not meet the steps of a learner without epochs.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import product
from math import prod
from typing import Any

from pauca.errors import UsageError, shown

__all__ = ["FACTORS", "SECTIONS", "combinations", "first_of", "placed", "shown_level", "values_of"]

FACTORS = "factors"
SECTIONS = ("seed", "data", "active", "models", "emergence")
"""Where the path of a factor may begin; threads and device are one for all workers."""

_MOST = 10_000
"""Combinations of a study: each is checked for itself, which takes some milliseconds."""


def combinations(factors: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of levels, the last factor varying fastest: {factor: level}."""
    for levels in product(*factors.values()):
        yield dict(zip(factors, levels, strict=True))


def placed(raw: Mapping[str, Any], combination: Mapping[str, Any]) -> dict[str, Any]:
    """A study without factors: these levels put in place. What was given stays as it was.

    Args:
        raw: The study as given.
        combination: {factor: level}.

    Raises:
        UsageError: a path leads through something that is no table.
    """
    whole = {key: deepcopy(value) for key, value in raw.items() if key != FACTORS}
    paths = {
        path: value for name, level in combination.items() for path, value in values_of(name, level)
    }
    # outer ones first, so that an inner one is not overwritten
    for path in sorted(paths, key=lambda path: path.count(".")):
        _put(whole, path, deepcopy(paths[path]))
    return whole


def first_of(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The study with the first level of every factor in place, the factors beside it.

    Raises:
        UsageError: a factor that is no list of levels, has a level twice, begins with no section,
            or whose levels are tables of different paths; two factors of one setting.
    """
    factors = raw[FACTORS]
    _check(factors, f"{where}, section [factors]")
    first = {name: levels[0] for name, levels in factors.items()}
    return {**placed(raw, first), FACTORS: factors}


def values_of(name: str, level: Any) -> Iterator[tuple[str, Any]]:
    """Path and value of every setting that a level decides."""
    if _section(name) is None and isinstance(level, Mapping):
        yield from _leaves(level, "")
    else:
        yield name, level


def _leaves(level: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Paths within a level; a table that names something is a value, other tables lead on."""
    for key, value in level.items():
        if isinstance(value, Mapping) and not {"name", "path"} & set(value):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def shown_level(level: Any) -> str:
    """A level in a few words."""
    if isinstance(level, Mapping):
        head = [str(level["name"])] if "name" in level else []
        rest = [f"{key.rpartition('.')[2]} {shown_level(v)}" for key, v in level.items()]
        return ", ".join(head + [text for text in rest if not text.startswith("name ")])
    if isinstance(level, list | tuple):
        return " + ".join(map(shown_level, level))
    return str(level)


def _section(path: str) -> str | None:
    head = path.partition(".")[0]
    return head if head in SECTIONS else None


def _check(factors: Any, where: str) -> None:
    if not isinstance(factors, Mapping) or not factors:
        raise UsageError(
            "there is no factor",
            expected='such as "active.query" = [10, 50]',
            got=shown(factors),
            where=where,
            todo="name a setting and its levels, or leave the section out",
        )
    _check_number(factors, where)
    taken: dict[str, str] = {}
    for name, levels in factors.items():
        if not isinstance(levels, list | tuple) or not levels:
            raise UsageError(
                f"factor {name!r} has no levels",
                expected="a list of values",
                got=shown(levels),
                where=where,
                todo=f"write, say, {name!r} = [10, 50]",
            )
        if any(level in levels[:i] for i, level in enumerate(levels)):
            raise UsageError(
                f"factor {name!r} has a level twice",
                got=shown(levels),
                where=where,
                todo="list it once: `repetitions` says how often everything is run",
            )
        for path in _paths(name, levels, where):
            if _section(path) is None:
                raise UsageError(
                    f"factor {name!r} names no setting",
                    expected=f"a path that begins with {', '.join(SECTIONS)}; or a name of your own"
                    " whose levels are tables of such paths",
                    got=shown(path),
                    where=where,
                    todo="write the path as in the study: section, a full stop, key, in quotes",
                )
            if path in taken:
                raise UsageError(
                    f"two factors decide {path!r}",
                    got=f"{taken[path]!r} and {name!r}",
                    where=where,
                    todo="take it out of one of them",
                )
            taken[path] = name


def _check_number(factors: Mapping[str, Any], where: str) -> None:
    """Refuse a grid that nobody can run, by the lengths of its axes alone."""
    sizes = [len(levels) for levels in factors.values() if isinstance(levels, list | tuple)]
    if prod(sizes) > _MOST:
        raise UsageError(
            f"the factors have {prod(sizes):,} combinations",
            expected=f"at most {_MOST:,}",
            got=" x ".join(map(str, sizes)),
            where=where,
            todo="take out levels, or cross fewer factors in each of several studies",
        )


def _paths(name: str, levels: Sequence[Any], where: str) -> list[str]:
    """The paths that every level of a factor decides."""
    found = [[path for path, _ in values_of(name, level)] for level in levels]
    for paths, level in zip(found, levels, strict=True):
        if sorted(paths) != sorted(found[0]):
            raise UsageError(
                f"the levels of factor {name!r} decide different settings",
                expected=", ".join(found[0]),
                got=f"{', '.join(paths)} in {shown(level)}",
                where=where,
                todo="give every level a value for each of them",
            )
    return found[0]


def _put(whole: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path; tables on the way are made, and a bare name becomes a table."""
    *way, last = path.split(".")
    at = whole
    for step in way:
        inner = at.get(step)
        if isinstance(inner, str):
            inner = {"name": inner}
        elif inner is None:
            inner = {}
        elif not isinstance(inner, Mapping):
            raise UsageError(
                f"the path {path!r} leads nowhere",
                expected=f"a table at {step!r}",
                got=shown(inner),
                todo="name a setting that lies in tables, not in a list",
            )
        at[step] = dict(inner)
        at = at[step]
    at[last] = value
