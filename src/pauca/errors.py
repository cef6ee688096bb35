"""Every error that a user can cause: one root, a few leaves, one form of message.

A message says what is wrong, what was expected, what came, where, and what to do. Each part is
bounded in length and free of control characters, whatever it was made from.
"""

import difflib
import unicodedata
from collections.abc import Callable, Iterable
from typing import Self, cast

__all__ = [
    "CapabilityError",
    "DataError",
    "InputError",
    "PaucaError",
    "RunError",
    "StoreError",
    "UnknownNameError",
    "UsageError",
    "bounded",
    "nearest",
    "shown",
]

_LONGEST = 500
"""Characters of one part of a message."""


class PaucaError(Exception):
    """Root of every error a user can cause.

    Args:
        what: One sentence without a full stop: what is wrong.
        expected: What would have been right.
        got: What came instead.
        where: File, row, argument or setting.
        todo: What to do about it.

    A part longer than 500 characters is cut in the middle, and says by how much.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        expected: object = None,
        got: object = None,
        where: object = None,
        todo: str | None = None,
    ) -> None:
        self.what = bounded(what)
        self.expected = _part(expected)
        self.got = _part(got)
        self.where = _part(where)
        self.todo = None if todo is None else bounded(todo)
        named = (
            ("expected", self.expected),
            ("got", self.got),
            ("where", self.where),
            ("what to do", self.todo),
        )
        told = [f"{word}: {value}" for word, value in named if value is not None]
        super().__init__("; ".join([self.what, *told]))

    def at(self, where: object) -> Self:
        """The same error, with the place that it does not know, in front of the one it names."""
        places = where if self.where is None else f"{where}: {self.where}"
        parts = (self.what, self.expected, self.got, places, self.todo)
        return cast(Self, _rebuild(type(self), *parts))

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every part when the error crosses a process border."""
        return _rebuild, (type(self), self.what, self.expected, self.got, self.where, self.todo)


def _rebuild(
    cls: type[PaucaError],
    what: str,
    expected: object,
    got: object,
    where: object,
    todo: str | None,
) -> PaucaError:
    error = cls.__new__(cls)
    PaucaError.__init__(error, what, expected=expected, got=got, where=where, todo=todo)
    return error


class InputError(PaucaError):
    """A value passed to a function is not what the function is defined on."""


class UsageError(PaucaError):
    """A command, a setting or a study file is not well formed."""


class DataError(PaucaError):
    """A file or a data set cannot be used as it is."""


class CapabilityError(PaucaError):
    """A strategy needs what the learner does not give, or an analysis what the model lacks."""


class StoreError(PaucaError):
    """The store refuses: a finished run, a lock held by another process, a damaged file."""


class RunError(PaucaError):
    """Work that started well and failed on the way: exit code 1, not 2."""

    exit_code = 1


class UnknownNameError(UsageError):
    """A name that nothing answers to; the nearest known ones are offered."""

    def __init__(
        self, kind: str, name: object, known: Iterable[str], *, where: object = None
    ) -> None:
        known = sorted(known)
        close = nearest(_said(name, str) or "", known)
        todo = f"did you mean {close!r}?" if close else f"choose one of: {', '.join(known)}"
        if not known:
            todo = "leave it out: there are none"
        super().__init__(f"unknown {kind} {shown(name)}", where=where, todo=todo)


def shown(value: object) -> str:
    """What ``repr`` says of a value, or its kind where there is no such text; bounded in length."""
    text = _said(value, repr)
    return _kind(value) if text is None else bounded(text)


def _part(value: object) -> object:
    """The value itself where its text can stand in a message as it is, else that text mended."""
    text = _said(value, str)
    if value is None or text is None:
        return None if value is None else _kind(value)
    plain = bounded(text)
    return value if plain == text else plain


def _said(value: object, form: Callable[[object], str]) -> str | None:
    """The text of a value; None for a number of more digits than Python writes, and the like."""
    try:
        return form(value)
    except (ValueError, RuntimeError):  # RecursionError is one of these
        return None


def _kind(value: object) -> str:
    size = f" of {value.bit_length()} bits" if isinstance(value, int) else ""
    return f"{type(value).__name__}{size}"


def bounded(text: str) -> str:
    """A text of at most 500 characters, the middle cut; control characters by their codes."""
    if len(text) > _LONGEST:
        head, tail = _LONGEST * 2 // 3, _LONGEST // 4
        left_out = len(text) - head - tail
        text = f"{text[:head]} ... ({left_out} characters left out) ... {text[-tail:]}"
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(letter: str) -> str:
    """Line ends as blanks; what steers a terminal, turns a line round or is no character, by code.

    Letters that are only invisible stay: emoji and several scripts are written with them.
    """
    if letter in "\n\r\t":
        return " "
    steers = unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
    turns = unicodedata.bidirectional(letter) in _TURNING
    return letter.encode("unicode_escape").decode() if steers or turns else letter


_TURNING = frozenset({"LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None when nothing is close."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None
