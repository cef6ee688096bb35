"""Equal shares of a study's runs, for machines that do not know of each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pauca.errors import UsageError
from pauca.store import RunSpec, SqliteStore
from pauca.store.codec import canonical
from pauca.study.folder import StudyFolder

__all__ = ["Share", "check_share", "note_share"]

_KEY = "part"


@dataclass(frozen=True)
class Share:
    """The ``number``-th of ``of_all`` shares; numbers begin with 1."""

    number: int
    of_all: int

    @classmethod
    def read(cls, text: str) -> "Share":
        """From ``2/3``.

        Raises:
            UsageError: it is nothing of that form.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip())
        number, of_all = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of_all:
            raise UsageError(
                "there is no such part",
                expected="i/n with 1 <= i <= n, such as 2/3",
                got=repr(text),
                where="--part",
                todo="number the parts from 1",
            )
        return cls(number, of_all)

    def __str__(self) -> str:
        return f"{self.number}/{self.of_all}"

    def of(self, runs: Sequence[RunSpec]) -> tuple[RunSpec, ...]:
        """The runs of this share, in their order.

        Runs that differ in their repetition only are dealt out one after the other, and so on with
        the next: every share gets as many of each strategy or model as any other, give or take one,
        so that no machine has the slow ones alone.
        """
        dealt = sorted(range(len(runs)), key=lambda i: _alike(runs[i]))
        mine = {i for place, i in enumerate(dealt) if place % self.of_all == self.number - 1}
        return tuple(run for i, run in enumerate(runs) if i in mine)


def note_share(store: SqliteStore, share: Share) -> None:
    """Write down that a folder holds this share only."""
    store.put_meta(_KEY, str(share))


def check_share(store: SqliteStore, share: Share | None, place: StudyFolder) -> None:
    """Refuse a folder that holds another share of the study.

    Raises:
        UsageError: it does.
    """
    if "planned" not in store.meta():
        return
    known = store.meta().get(_KEY)
    wanted = None if share is None else str(share)
    if known != wanted:
        raise UsageError(
            "this folder holds another part of the study",
            expected=f"--part {known}" if known else "no --part: it holds the whole study",
            got=f"--part {wanted}" if wanted else "no --part",
            where=place.path,
            todo=f"name another folder with --out; `pauca resume {place.path}` goes on with what "
            "this one holds, `pauca merge` makes one study of the parts",
        )


def _alike(run: RunSpec) -> tuple[str, str, int]:
    rest = {key: value for key, value in run.settings.items() if key != "repetition"}
    return run.kind, canonical(rest), int(run.settings.get("repetition", 0))
