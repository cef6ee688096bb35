"""Checks of what people and clients say."""

from collections.abc import Sequence
from dataclasses import replace

from pauca.checks import check_count
from pauca.errors import InputError
from pauca.label.labels import GIVEN
from pauca.label.records import Given

__all__ = ["check_given", "check_note", "check_person"]

_LONGEST = 200
_NOTE = 2000


def check_given(given: Given, also: Sequence[int], n: int) -> list[Given]:
    """The answer, and the same one for further items.

    Raises:
        InputError: no such item or action, an item twice, a class without label or the other way
            round, a number out of range.
    """
    items = [check_count(each, "item", most=n - 1) for each in (given.item, *also)]
    if len(set(items)) != len(items):
        raise InputError("an item is named twice", got=str(items)[:300], todo="name it once")
    if given.action not in ("label", "skip", "unsure", "flag"):
        raise InputError(
            "there is no such action",
            expected="label, skip, unsure or flag",
            got=repr(given.action)[:300],
            todo="choose one of these",
        )
    if (given.cls is None) == (given.action == "label"):
        raise InputError(
            "a label has a class, and nothing else has",
            got=f"{given.action} with class {given.cls}",
            todo="give a class with a label, and with nothing else",
        )
    if given.ms is not None:
        check_count(given.ms, "ms", most=2**53)
    if given.confidence is not None and not 0 <= given.confidence <= 1:
        raise InputError(
            "confidence is out of range",
            expected="[0, 1]",
            got=given.confidence,
            todo="give a probability, or none",
        )
    token = given.token
    if token is not None and not (isinstance(token, str) and 0 < len(token) <= _LONGEST):
        raise InputError(
            "this is no token",
            expected=f"1 to {_LONGEST} characters",
            got=repr(token)[:300],
            todo="choose a shorter text, or none",
        )
    return [replace(given, item=each, shown=bool(given.shown)) for each in items]


def check_note(text: str) -> str:
    """The note without blanks at its ends.

    Raises:
        InputError: it is no text, or too long.
    """
    bare = text.strip() if isinstance(text, str) else None
    if bare is None or len(bare) > _NOTE or "\0" in bare:
        raise InputError(
            "this is no note",
            expected=f"a text of at most {_NOTE} characters",
            got=type(text).__name__ if bare is None else f"{len(bare)} characters",
            todo="write a shorter one",
        )
    return bare


def check_person(name: str) -> str:
    """The name without blanks at its ends.

    Raises:
        InputError: it is none, or it is reserved.
    """
    bare = name.strip() if isinstance(name, str) else ""
    if not bare or len(bare) > _LONGEST or not bare.isprintable() or bare == GIVEN:
        raise InputError(
            "this is no name of a person",
            expected=f"1 to {_LONGEST} characters that can be printed, not {GIVEN!r}",
            got=repr(name)[:300],
            todo="give another name",
        )
    return bare
