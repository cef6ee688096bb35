"""The append-only account of a session: nothing enters it that cannot have happened."""

from collections.abc import Sequence

from pauca.errors import InputError
from pauca.session.events import Asked, Event, Rejected, Skipped, Told, Undone
from pauca.session.state import Book, State, last_change

__all__ = ["Ledger"]


class Ledger:
    """Events in order, each checked before it enters, and the state they lead to.

    Args:
        n: Items of the pool.
        c: Classes of the task.
    """

    def __init__(self, n: int, c: int) -> None:
        self._n = n
        self._c = c
        self._log: list[Event] = []
        self._book = Book()
        self._state: State | None = None

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened."""
        return tuple(self._log)

    @property
    def state(self) -> State:
        """Where the session stands."""
        if self._state is None:
            self._state = self._book.state()
        return self._state

    def append(self, event: Event) -> None:
        """Let the event enter, or refuse it and stay as it was.

        Raises:
            InputError: an id outside the pool or named twice, an item labelled or rejected already,
                a label outside the task, sizes that differ, nothing to undo.
        """
        self.check(event)
        self._log.append(event)
        self._state = None
        if isinstance(event, Undone):
            self._book = Book.of(self._log)
        else:
            self._book.write(event)

    def unasked(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Those among these items that are not pending."""
        return tuple(i for i in ids if i not in self._book.pending)

    def check(self, event: Event) -> None:
        """Refuse an event that cannot come next; nothing changes.

        Raises:
            InputError: as ``append``.
        """
        if isinstance(event, Undone):
            self._check_undone(event)
            return
        self._check_items(event.ids)
        if isinstance(event, Told):
            self._check_told(event)
        if isinstance(event, Asked):
            self._check_asked(event)
        if isinstance(event, Skipped):
            self._check_skipped(event)
        if isinstance(event, Rejected):
            self._check_rejected(event)

    def _check_items(self, ids: Sequence[int]) -> None:
        if not ids:
            raise InputError(
                "no item is named",
                expected="at least one id",
                got="none",
                todo="pass at least one id",
            )
        seen: set[int] = set()
        for i in ids:
            if i in seen:
                raise InputError(
                    "an item is named twice",
                    expected="distinct ids",
                    got=i,
                    todo="name every item once",
                )
            seen.add(i)
            if not 0 <= i < self._n:
                raise InputError(
                    "an item is not in the pool",
                    expected=f"0 to {self._n - 1}",
                    got=i,
                    todo="number the items by their row in the pool, from 0",
                )
            if i in self._book.labelled:
                raise InputError(
                    f"item {i} is labelled already",
                    got=f"class {self._book.labelled[i]}",
                    todo="undo the tell that labelled it, then tell again",
                )

    def _check_told(self, event: Told) -> None:
        if len(event.labels) != len(event.ids):
            raise InputError(
                "ids and labels differ in size",
                expected=len(event.ids),
                got=len(event.labels),
                todo="give one label for each id, in the same order",
            )
        for i, label in zip(event.ids, event.labels, strict=True):
            if not 0 <= label < self._c:
                raise InputError(
                    "a label is not a class of the task",
                    expected=f"0 to {self._c - 1}",
                    got=label,
                    where=f"item {i}",
                    todo="pass a class's number or name, or reject the item: none of them fits",
                )
        if event.unasked != self.unasked(event.ids):
            raise InputError(
                "what was not asked for is not so recorded",
                got=event.unasked,
                todo="take the events as a session gave them",
            )

    def _check_asked(self, event: Asked) -> None:
        for i in event.ids:
            if i in self._book.pending or i in self._book.skipped or i in self._book.rejected:
                raise InputError(
                    f"item {i} is pending, skipped or rejected already",
                    todo="take the events as a session gave them, all and in order",
                )
        if event.round != self._book.round:
            raise InputError(
                "a round is out of order",
                expected=self._book.round,
                got=event.round,
                todo="take the events as a session gave them, all and in order",
            )

    def _check_skipped(self, event: Skipped) -> None:
        for i in event.ids:
            if i in self._book.skipped:
                raise InputError(f"item {i} is skipped already", todo="leave it out")
            self._check_not_rejected(i)

    def _check_rejected(self, event: Rejected) -> None:
        for i in event.ids:
            self._check_not_rejected(i)
        if event.unasked != self.unasked(event.ids):
            raise InputError(
                "what was not asked for is not so recorded",
                got=event.unasked,
                todo="take the events as a session gave them",
            )

    def _check_not_rejected(self, i: int) -> None:
        if i in self._book.rejected:
            raise InputError(
                f"item {i} is rejected already",
                todo="undo the rejection, or tell its class: that takes it back too",
            )

    def _check_undone(self, event: Undone) -> None:
        place = last_change(self._log)
        if place is None:
            raise InputError(
                "there is nothing to undo",
                expected="a tell, a rejection or a skip before",
                got="none",
                todo="go on: everything was undone already",
            )
        if event.event != place:
            raise InputError(
                "only the last tell, rejection or skip is undone",
                expected=place,
                got=event.event,
                todo="undo one after the other, the last first",
            )
