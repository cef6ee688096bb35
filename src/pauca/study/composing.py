"""A study file with what it includes, and what the command line says besides."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pauca.errors import PaucaError, UsageError, shown
from pauca.study.factors import FACTORS, SECTIONS, placed, values_of
from pauca.study.plain import check_plain
from pauca.study.toml import to_toml

__all__ = ["composed", "rooted"]

INCLUDE = "include"
_HEADS = (*SECTIONS, FACTORS, "name", "threads", "device")
_LARGEST = 2**20
"""Bytes of a study file; those of this repository have 4 kB at most."""
_FILES = 100
"""Files that a study includes, each counted as often as it is included."""


def composed(path: Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], str]:
    """The study as given, and the text that says the same in one file.

    Included files come first, in their order, then the file itself, then the overrides; tables are
    joined, everything else is replaced. Paths in a file are relative to that file.

    Args:
        path: A TOML file; ``include = ["other.toml"]`` names others.
        overrides: Such as ``active.query=20``; the value is TOML, or else taken as a text.

    Raises:
        UsageError: a file cannot be read, is not TOML or includes itself; an override without a
            value or of no setting.
    """
    text = _text(path)
    raw = _read(path, text, (), [])
    if not overrides and INCLUDE not in _parsed(path, text):
        return raw, text
    for override in overrides:
        raw = _overridden(raw, override)
    return raw, to_toml(raw)


def _read(path: Path, text: str, above: tuple[Path, ...], met: list[Path]) -> dict[str, Any]:
    own = _parsed(path, text)
    included = own.pop(INCLUDE, [])
    if isinstance(included, str):
        included = [included]
    if not isinstance(included, list) or not all(isinstance(name, str) for name in included):
        raise UsageError(
            "the value of 'include' does not fit",
            expected="a list of study files",
            got=shown(included),
            where=path,
            todo='write, say, include = ["common/base.toml"]',
        )
    above = (*above, path.resolve())
    whole: dict[str, Any] = {}
    for name in included:
        other = path.parent / name
        below = _text(other)
        if other.resolve() in above:
            raise UsageError(
                "a study file includes itself",
                got=" -> ".join(each.name for each in (*above, other)),
                where=path,
                todo="take out one of these includes",
            )
        met.append(other)
        if len(met) > _FILES:
            raise UsageError(
                "a study includes too many files",
                expected=f"at most {_FILES}, each counted as often as it is included",
                where=path,
                todo="include each file once, from the study itself",
            )
        whole = _joined(whole, _read(other, below, above, met))
    return _joined(whole, rooted(own, path.parent))


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return check_plain(tomllib.loads(text), str(path))
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        deep = isinstance(error, RecursionError)
        raise UsageError(
            "the file is not well-formed TOML",
            got="tables or lists too deep within each other" if deep else str(error),
            where=path,
            todo="correct that line; see studies/mnist-first.toml for an example",
        ) from None


def _text(path: Path) -> str:
    """The file as text; a mark at its beginning (BOM) is passed over."""
    todo = "name a TOML file, such as studies/mnist-first.toml"
    try:
        found = path.stat()
        # a pipe or a device may never end
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "neither a file nor a folder"
            raise UsageError("the study file cannot be read", got=kind, where=path, todo=todo)
        if found.st_size > _LARGEST:
            raise UsageError(
                "the study file is too large for one",
                expected=f"at most {_LARGEST} bytes",
                got=f"{found.st_size} bytes",
                where=path,
                todo=todo,
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            "the study file is not UTF-8 text",
            got=f"{error.reason} at byte {error.start}",
            where=path,
            todo="save it as UTF-8 in an editor",
        ) from None
    except (OSError, ValueError) as error:  # a name may hold what no name can
        got = getattr(error, "strerror", None) or str(error)
        raise UsageError("the study file cannot be read", got=got, where=path, todo=todo) from None


def _joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables joined, other values replaced by those above; factors are replaced one by one."""
    whole = dict(below)
    for key, value in above.items():
        whole[key] = _one(whole.get(key), value)
    return whole


def _one(below: Any, above: Any) -> Any:
    tables = isinstance(below, Mapping) and isinstance(above, Mapping)
    # a table with a name is a choice: another choice replaces it whole
    return _joined(below, above) if tables and not {"name", "path"} & set(above) else above


def rooted(raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A study as given, its paths of data from the root on.

    Args:
        raw: The study.
        folder: Where relative paths start.
    """
    whole = dict(raw)
    if isinstance(raw.get("data"), Mapping):
        whole["data"] = _moved(raw["data"], folder)
    factors = raw.get(FACTORS)
    if isinstance(factors, Mapping):
        whole[FACTORS] = {
            name: [_level(name, level, folder) for level in levels]
            if isinstance(levels, list)
            else levels
            for name, levels in factors.items()
        }
    return whole


def _level(name: str, level: Any, folder: Path) -> Any:
    if name == "data" and isinstance(level, Mapping):
        return _moved(level, folder)
    if name == "data.path":
        return _moved({"path": level}, folder)["path"]
    if isinstance(level, Mapping) and name.partition(".")[0] not in SECTIONS:
        # an unquoted data.name = ... is a table in a table: both are told by their paths
        return {path: _level(path, value, folder) for path, value in values_of(name, level)}
    return level


def _moved(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    path = data.get("path")
    if not isinstance(path, str) or not path.strip():
        return dict(data)
    return {**data, "path": os.path.normpath((folder / path).absolute())}


def _overridden(raw: Mapping[str, Any], override: str) -> dict[str, Any]:
    path, equals, text = (part.strip() for part in override.partition("="))
    place = "--set"
    if not equals or not path:
        raise UsageError(
            "an override has no value",
            expected="PATH=VALUE, such as active.query=20",
            got=override,
            where=place,
            todo="write the value after an equals sign, without blanks around it",
        )
    head = path.partition(".")[0]
    if head not in _HEADS:
        raise UsageError(
            "an override names no setting",
            expected=f"a path that begins with {', '.join(_HEADS)}",
            got=path,
            where=place,
            todo="write the path as in the study file: section, a full stop, key",
        )
    value = check_plain(_value(text), f"{place} {path}")
    if head == FACTORS:
        return _with_factor(raw, path.partition(".")[2], value)
    try:
        found = placed(raw, {path: value})
    except PaucaError as error:
        raise error.at(place) from None
    if head == "data":
        found = rooted(found, Path())
    factors = _without(raw.get(FACTORS), path, place)
    return {**found, FACTORS: factors} if factors else found


def _without(factors: Any, path: str, where: str) -> dict[str, Any]:
    """The factors but the one of this path: a single value takes its place.

    Raises:
        UsageError: the path is one of several that a factor decides together.
    """
    if not isinstance(factors, Mapping):
        return {}
    left = {name: levels for name, levels in factors.items() if name != path}
    for name, levels in left.items():
        if isinstance(levels, list | tuple) and any(
            path == each for level in levels for each, _ in values_of(name, level)
        ):
            raise UsageError(
                f"factor {name!r} decides this setting together with others",
                got=path,
                where=where,
                todo=f"give the levels anew: --set 'factors.{name}=[...]'",
            )
    return left


def _with_factor(raw: Mapping[str, Any], name: str, levels: Any) -> dict[str, Any]:
    name = name.strip('"')
    given = raw.get(FACTORS)
    factors = dict(given) if isinstance(given, Mapping) else {}
    factors[name] = levels
    return {**raw, FACTORS: factors}


def _value(text: str) -> Any:
    """A TOML value, or the text itself."""
    try:
        found = tomllib.loads(f"x = {text}")
    except (ValueError, RecursionError):
        return text
    return found["x"] if len(found) == 1 else text
