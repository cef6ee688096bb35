"""What a store keeps: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["OF_THE_MACHINE", "Run", "RunSpec", "Status"]

Status = Literal["pending", "running", "done", "failed"]

OF_THE_MACHINE = frozenset({"seconds", "memory"})
"""Parts of a round's record that are measured, not computed: they differ from run to run."""


@dataclass(frozen=True)
class RunSpec:
    """One unit of work of a study, before it was done.

    Args:
        id: Hash of the canonical settings: the same work has the same id everywhere.
        kind: Which cell does it (``active``, ``model``).
        settings: Everything that decides its result, defaults included; plain JSON values.
    """

    id: str
    kind: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A unit of work and how far it came.

    Args:
        spec: What is to be done.
        status: pending, running, done or failed.
        rounds: One record a finished round, in order; plain JSON values.
        error: What went wrong, with its traceback, when failed.
        owner: Who runs it, while running.
        started: When it was first claimed, seconds since 1970, or None.
        ended: When it ended, or None.
    """

    spec: RunSpec
    status: Status
    rounds: tuple[Mapping[str, Any], ...] = field(default=())
    error: str | None = None
    owner: str | None = None
    started: float | None = None
    ended: float | None = None
