"""Entry of the command line, and what becomes of errors: a clean message, never a traceback.

Exit codes: 0 fine, 1 failed, 2 wrong usage or unusable data, 130 stopped by Ctrl-C (128 + the
number of any other signal).
"""

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from pauca.errors import PaucaError, bounded

__all__ = ["debugging", "guarded", "main", "show_error"]

P = ParamSpec("P")
R = TypeVar("R")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; this process's own if left out. Returns the exit code."""
    from pauca.cli.app import app

    try:
        app(None if arguments is None else list(arguments), prog_name="pauca")
    except SystemExit as end:
        return _flushed(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
    except Exception as error:
        _show_bug(error)
        return 1
    return _flushed(0)


def debugging() -> bool:
    """Whether PAUCA_DEBUG asks for tracebacks."""
    return os.environ.get("PAUCA_DEBUG", "") not in ("", "0")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose errors that a user can cause become a message and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        import typer

        try:
            return command(*args, **kwargs)
        except PaucaError as error:
            show_error(error)
            raise typer.Exit(error.exit_code) from None
        except MemoryError:
            show_error(_TOO_LARGE)
            raise typer.Exit(PaucaError.exit_code) from None
        except OSError as error:
            if not _full(error):
                raise
            show_error(_told(error))
            raise typer.Exit(PaucaError.exit_code) from None
        except KeyboardInterrupt as stop:
            raise typer.Exit(128 + getattr(stop, "number", 2)) from None

    return wrapped


_TOO_LARGE = PaucaError(
    "there is not enough memory",
    todo="take fewer items, smaller images or fewer words, or a machine with more memory",
)


def _full(error: OSError) -> bool:
    """Whether a disk has no room; without any, Python finds no folder for temporary files."""
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
    return error.errno in numbers or "temporary directory" in str(error)


def _told(error: OSError) -> PaucaError:
    return PaucaError(
        "the disk is full",
        got=error.strerror,
        where=error.filename,
        todo="free some space, then go on with `pauca resume`: what was finished is kept",
    )


def show_error(error: PaucaError) -> None:
    """The parts of a message, one a line, on standard error."""
    from rich.console import Console
    from rich.text import Text

    if debugging():
        traceback.print_exception(error)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text(f"error: {error.what}", style="bold red"))
    parts = (
        ("expected", error.expected),
        ("got", error.got),
        ("where", error.where),
        ("what to do", error.todo),
    )
    for word, value in parts:
        if value is not None:
            console.print(Text(f"  {word}: {value}"))


def _show_bug(error: Exception) -> None:
    if debugging():
        traceback.print_exception(error)
        return
    told = bounded(f"{type(error).__name__}: {error}")
    print(f"this is a bug in pauca: {told}", file=sys.stderr)
    print("what to do: set PAUCA_DEBUG=1 to see where, and report it with that", file=sys.stderr)


def _flushed(code: int) -> int:
    """The code, once everything is out; whoever read our output may have gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or 1
    return code
