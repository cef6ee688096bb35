"""How a call ended: well, with an error that says what to do, or raw."""

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pauca.errors import PaucaError

LONGEST = 3_000
"""Characters of a whole message: five parts, each bounded."""


@dataclass
class Endings:
    """An account of many calls with malformed input."""

    counts: Counter[str] = field(default_factory=Counter)
    raw: list[str] = field(default_factory=list)

    def of(self, call: Callable[[], Any], told: str) -> None:
        """Make the call, and note how it ended."""
        try:
            call()
            self.counts["fine"] += 1
        except PaucaError as error:
            self.counts[type(error).__name__] += 1
            if error.todo is None:
                self.raw.append(f"{told}: says nothing to do: {error}")
            if len(str(error)) > LONGEST or not str(error).isprintable():
                self.raw.append(f"{told}: {len(str(error))} characters, or not printable")
        except Exception as error:
            self.counts["raw"] += 1
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{last.filename.rpartition('/src/')[2]}:{last.lineno}"
            self.raw.append(f"{told}: {type(error).__name__}: {error} ({place})")

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.counts.items()))
        return f"{self.counts.total()} inputs: {kinds}; {len(self.raw)} ended raw"
