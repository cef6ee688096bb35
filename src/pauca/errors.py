"""Every error that a user can cause: one root, a few leaves, one form of message.

A message says what is wrong, what was expected, what came, where, and what to do.
"""

import difflib
from collections.abc import Iterable
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
    "nearest",
]


class PaucaError(Exception):
    """Root of every error a user can cause.

    Args:
        what: One sentence without a full stop: what is wrong.
        expected: What would have been right.
        got: What came instead.
        where: File, row, argument or setting.
        todo: What to do about it.
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
        self.what = what
        self.expected = expected
        self.got = got
        self.where = where
        self.todo = todo
        parts = [what]
        for word, value in (("expected", expected), ("got", got), ("where", where)):
            if value is not None:
                parts.append(f"{word}: {value}")
        if todo is not None:
            parts.append(f"what to do: {todo}")
        super().__init__("; ".join(parts))

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
        close = nearest(str(name), known)
        todo = f"did you mean {close!r}?" if close else f"choose one of: {', '.join(known)}"
        if not known:
            todo = "leave it out: there are none"
        super().__init__(f"unknown {kind} {name!r}", where=where, todo=todo)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None when nothing is close."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None
