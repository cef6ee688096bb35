"""A second Python process, to see that an answer does not depend on the one it was given in."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, Self, TypeVar, cast

__all__ = ["OtherProcess"]

R = TypeVar("R")


class OtherProcess:
    """Runs functions in a fresh interpreter, which lives until ``close`` and starts at first use.

    Functions, arguments and results must be picklable, so defined in a module.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """``function(*args, **kwargs)``, computed over there; what it raises is raised here."""
        process = self._process or self._start()
        request = pickle.dumps((function, args, kwargs))
        cast("IO[bytes]", process.stdin).write(request)
        cast("IO[bytes]", process.stdin).flush()
        done, result = pickle.load(cast("IO[bytes]", process.stdout))
        if not done:
            raise result
        return cast("R", result)

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment.pop("PYTHONHASHSEED", None)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from pauca.testing.process import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        return self._process

    def close(self) -> None:
        """End the process; safe to call twice."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def serve() -> None:
    """The other side: answer calls from standard input until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # whatever a function prints must not mix with the answers
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        try:
            function, args, kwargs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, function(*args, **kwargs)))
        except Exception as error:
            answer = pickle.dumps((False, error))
        answers.write(answer)
        answers.flush()
