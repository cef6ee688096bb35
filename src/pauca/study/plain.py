"""What values a study may hold, whatever they are for: those that every store can write down."""

import math
from collections.abc import Mapping
from os import PathLike
from typing import Any, TypeVar

from pauca.errors import UsageError, shown

__all__ = ["check_plain"]

V = TypeVar("V")

_DEEPEST = 16
"""Tables and lists within each other; studies have 5."""


def check_plain(value: V, where: str) -> V:
    """The same value, made of tables, lists, texts, booleans and numbers that can be written down.

    Raises:
        UsageError: a number that is not finite or needs more than 64 bits, a date, a text with a
            NUL or with half a character, an object of another kind; too deep a nesting.
    """
    open_: list[tuple[Any, str, int]] = [(value, "", 0)]
    while open_:
        part, path, depth = open_.pop()
        if depth > _DEEPEST:
            raise UsageError(
                "tables or lists lie too deep within each other",
                expected=f"at most {_DEEPEST} of them",
                got=path,
                where=where,
                todo="write settings directly into their section",
            )
        if isinstance(part, Mapping):
            open_ += [(key, f"{path}, a key", depth + 1) for key in part]
            open_ += [(v, f"{path}.{k}" if path else f"{k}", depth + 1) for k, v in part.items()]
        elif isinstance(part, list | tuple):
            open_ += [(each, f"{path}[{i}]", depth + 1) for i, each in enumerate(part)]
        elif (expected := _wanted(part)) is not None:
            raise UsageError(
                f"the value of {path!r} cannot be one of a study"
                if path
                else "not a study's value",
                expected=expected,
                got=shown(part),
                where=where,
                todo="give it another value",
            )
    return value


def _wanted(value: object) -> str | None:
    """What would have been right instead of a single value; None if it is right."""
    if value is None or isinstance(value, bool | PathLike):
        return None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "a number of at most 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "a finite number"
    if isinstance(value, str):
        whole = value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
        return None if whole and "\0" not in value else "a text of whole characters, without NUL"
    return "a number, a text, true or false, a list or a table"
