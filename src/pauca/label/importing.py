"""Answers from files: checked as a whole, then kept as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from pauca.errors import DataError, PaucaError, UsageError, nearest
from pauca.formats import AnswerRow, Answers, TextOptions, find_format
from pauca.formats.answers import RowErrors, same_label
from pauca.formats.tables import unsafe_cell
from pauca.label.checking import check_note, check_person
from pauca.label.classes import Classes
from pauca.label.labels import GIVEN
from pauca.label.matching import ItemIndex
from pauca.label.project import Project
from pauca.label.records import Action, Event, Given

__all__ = ["Imported", "import_file"]

_PERSON = "import"
_NO_LABEL = "-1"  # as data sets write it, where no class has this name
_SHOWN = 5


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Args:
        rows: Answers in the file.
        new: Those that were kept; the others stood already.
        blank: Rows without a label, which were passed over.
        unmatched: Rows of no item of the project, or of one of several, which were passed over.
        notes: What was chosen, left out or converted.
    """

    rows: int
    new: int
    blank: int
    unmatched: int = 0
    notes: tuple[str, ...] = ()


def import_file(
    project: Project,
    path: Path,
    *,
    form: str | None = None,
    person: str | None = None,
    id_column: str | None = None,
    label_column: str | None = None,
    control: str | None = None,
    match: Literal["id", "content"] = "id",
    unmatched: Literal["refuse", "skip"] = "refuse",
    join_labels: bool = False,
    add_new_classes: bool = False,
) -> Imported:
    """Keep the answers of a file: of a table, of Label Studio, Prodigy, doccano or Argilla.

    What a file says of an item beside its id (text, columns, name of the picture) must be what the
    project holds; without an id the item is found by that. A row without a label (and action) is
    passed over: not answered yet. Everything is checked first; if anything is wrong, nothing is
    kept. An answer of nobody that equals what stands adds nothing. The whole account of a project
    (``export_answers``) is kept with its times, and with what was taken back.

    Args:
        project: Where to.
        path: The file.
        form: Name of its format; by its content, else by its name if None.
        person: Whose the answers are, where the file does not say; "import" if None.
        id_column: Column of ids; pauca_id, else id if None.
        label_column: Column of classes; label or class if None.
        control: Question that is read, where a file answers several.
        match: ``content`` finds items by what the file says of them, whatever ids it has.
        unmatched: ``skip`` passes over rows of no item of the project, and counts them.
        join_labels: Whether a name that differs from a class by nothing that can be seen (capital
            letters, blanks, Unicode form, letters without width) is that class.
        add_new_classes: Whether other names become classes, together with the answers.

    Raises:
        DataError: the file cannot be read, or rows that cannot be kept; the first are named by
            where they stand.
        UsageError: an unknown format or choice.
    """
    _check_choice("match", match, ("id", "content"))
    _check_choice("unmatched", unmatched, ("refuse", "skip"))
    who = None if person is None else check_person(person)
    options = TextOptions(id_column=id_column, label_column=label_column, control=control)
    found = _read(path, form, options)
    answered = [row for row in found if row.action is not None]
    index = ItemIndex(project)
    if match == "content":
        answered = [replace(row, key=None) for row in answered]
    skip = unmatched == "skip"
    reader = _Reader(project, index, who or _PERSON, join_labels, skip, add_new_classes)
    if unmatched == "refuse":
        reader.check_ids(answered, path)
    given = reader.all_of(answered)
    noted = reader.noted(found)
    reader.errors.refuse(str(path), reader.todo)
    blank = len(found) - len(answered) + reader.blank
    notes = (*(found.notes if isinstance(found, Answers) else ()), *reader.notes)
    if any("seq" in row.more for row, _ in given):
        events = [_event(row, each, project) for row, each in given]
        new = _replay(project, events, reader.new_classes, path)
    else:
        kept = [each for row, each in given if who or row.person or not reader.stands(each)]
        new = project.import_answers(_in_order(kept), reader.new_classes)
    for (item, who_), text in noted.items():
        project.note(who_, item, text)
    return Imported(len(given), new, blank, reader.unmatched, notes)


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            f"there is no such choice of {name}",
            expected=" or ".join(known),
            got=repr(value)[:100],
            todo="choose one of these",
        )


def _read(path: Path, form: str | None, options: TextOptions) -> list[AnswerRow]:
    """The answers of a file.

    Raises:
        DataError: it cannot be read; the file is named.
    """
    try:
        return find_format(path, "answers", form).read_answers(path, options)
    except DataError as error:
        if error.where is None or str(path) not in str(error.where):
            raise error.at(path) from None
        raise


class _Reader:
    """Turns rows into answers of a project, and gathers what is wrong with them."""

    def __init__(
        self,
        project: Project,
        index: ItemIndex,
        person: str,
        join_labels: bool,
        skip: bool,
        add_new_classes: bool,
    ) -> None:
        self.errors, self.notes = RowErrors(), list[str]()
        self.new_classes = dict[int, str]()  # by the numbers that stand for them
        self._add = add_new_classes
        self._gone = project.removed
        self.blank, self.unmatched = 0, 0
        self.todo = (
            "correct the file; --add-new-classes adds these, `pauca label classes PROJECT --add "
            "NAME` one"
        )
        self._items, self._index, self._person = project.items, index, person
        self._join, self._skip = join_labels, skip
        self._classes: Classes = project.classes
        self._names = {each.name: each.id for each in self._classes}
        self._joined: dict[str, str] = {}
        self._tasks = project.settings.source.id == "task_id"
        labels = project.labels
        self._labels = dict(zip(labels.item.tolist(), labels.cls.tolist(), strict=True))
        self._standing = {
            (e.item, "label" if e.action == "relabel" else e.action, self._root(e.cls))
            for e in project.answers()
        }

    def check_ids(self, rows: Sequence[AnswerRow], path: Path) -> None:
        """Refuse a file that has no ids, and says of no item what the project holds of one.

        Raises:
            DataError: it is such a file; its columns are named.
        """
        told = (self._key(row) is not None or self._index.find(row.shown) for row in rows)
        if not rows or any(told):
            return
        names = sorted({str(name) for row in rows for name in row.shown})
        raise DataError(
            "there is no column of ids, and no item is like what the file says",
            expected="pauca_id or id, or the texts or names of files of this project",
            got=f"columns {', '.join(names)[:300] or 'of labels alone'}",
            where=str(path),
            todo="name the column with --id-column",
        )

    def all_of(self, rows: Sequence[AnswerRow]) -> list[tuple[AnswerRow, Given]]:
        """The answers of rows that have one, each with its row."""
        found, seen = list[tuple[AnswerRow, Given]](), dict[tuple[int, str], str]()
        for row in rows:
            try:
                given = self._given(row)
            except PaucaError as error:
                self.errors.add(row.where, _as_data_error(error))
                continue
            if given is None:
                continue
            before = seen.setdefault((given.item, given.person), row.where)
            if before != row.where and "seq" not in row.more:
                self.errors.add(row.where, f"the same item and person as in {before}")
            found.append((row, given))
        if self._joined:
            told = ", ".join(f"{a!r} as {b!r}" for a, b in list(self._joined.items())[:_SHOWN])
            self.notes.append(f"names of classes were joined: {told}")
        if self.new_classes:
            self.notes.append(f"classes were added: {', '.join(self.new_classes.values())}")
        if self.unmatched:
            self.notes.append(f"{self.unmatched} rows of no item of the project were passed over")
        return found

    def noted(self, rows: Sequence[AnswerRow]) -> dict[tuple[int, str], str]:
        """Notes of an account, by item and person."""
        found: dict[tuple[int, str], str] = {}
        for row in rows:
            text = row.more.get("note")
            if not text or not row.person:
                continue
            try:
                item = self._item(row)
                if item is not None and item not in self._gone:
                    found[item, check_person(row.person)] = check_note(text)
            except PaucaError as error:
                if row.action is None:  # else it was said already
                    self.errors.add(row.where, _as_data_error(error))
        return found

    def stands(self, given: Given) -> bool:
        """Whether an answer of nobody says what stands already."""
        cls = self._root(given.cls)
        if given.action == "label" and self._labels.get(given.item) == cls:
            return True
        return (given.item, given.action, cls) in self._standing

    def _root(self, cls: int | None) -> int | None:
        return cls if cls is None or cls in self.new_classes else self._classes.root(cls)

    def _given(self, row: AnswerRow) -> Given | None:
        """The answer of a row; None for one that is passed over."""
        cls = None
        if row.action == "label":
            if row.label == _NO_LABEL and _NO_LABEL not in self._names:
                self.blank += 1
                return None
            cls = self._class(row.label or "")
        item = self._item(row)
        if item is not None and item in self._gone and "seq" not in row.more:
            if not self._skip:
                self.todo = "leave those rows out, or pass over them with --unmatched skip"
                raise DataError(
                    "was removed from the pool:", got=repr(self._items.key(item)), todo=self.todo
                )
            item = None
        if item is None:
            self.unmatched += 1
            return None
        action = cast(Action, row.action)
        if row.given and row.person == GIVEN:  # came with the data, as our own export says
            return Given(GIVEN, item, action, cls, strategy=GIVEN, ms=row.ms, at=row.at)
        person = self._person if row.person is None else check_person(row.person)
        return Given(person, item, action, cls, ms=row.ms, at=row.at)

    def _item(self, row: AnswerRow) -> int | None:
        """The item of a row; None for one that is passed over."""
        key = self._key(row)
        if not key:
            hint = self._items.number(row.more["hint"]) if self._is_hint(row) else None
            return self._by_content(row) if hint is None else hint
        # ids of tables were taken without blanks at their ends
        forms = (key, key.strip(), unsafe_cell(key))
        key = next((form for form in forms if self._items.has(form)), key.strip())
        if self._skip and not self._items.has(key):
            return None
        if not self._items.has(key):
            self.todo = (
                "check that it is the same data; --match content finds items by what the file says "
                "of them, --unmatched skip passes over those that are not there"
            )
        item = self._items.number(key)
        told = self._index.differs(item, row.shown)
        if told is not None:
            self.todo = (
                "check that both are the same data, and that the ids are those of the project; "
                "--match content finds items by what the file says of them"
            )
            raise DataError(
                f"id {key!r} has in the project {told[0]}, in the file {told[1]}", todo=self.todo
            )
        return item

    def _key(self, row: AnswerRow) -> str | None:
        """The id of a row; the number of its task in a project that was made of such tasks."""
        return row.key or (row.more.get("task") if self._tasks else row.key)

    def _is_hint(self, row: AnswerRow) -> bool:
        """Whether the row has an id that may be the project's, and what it shows agrees."""
        hint = row.more.get("hint")
        if not isinstance(hint, str) or not self._items.has(hint):
            return False
        item = self._items.number(hint)
        return self._index.tells(row.shown) and self._index.differs(item, row.shown) is None

    def _by_content(self, row: AnswerRow) -> int | None:
        if not self._index.tells(row.shown):
            raise DataError("an id is missing", todo=self.todo)
        found = self._index.find(row.shown)
        if len(found) == 1:
            return found[0]
        if self._skip:
            return None
        self.todo = "leave those rows out, or pass over them with --unmatched skip"
        shown = ", ".join(f"{k} {str(v)[:60]!r}" for k, v in list(row.shown.items())[:3])
        if not found:
            raise DataError("no item is like this:", got=shown, todo=self.todo)
        keys = ", ".join(repr(key) for key in self._items.keys(found[:3]))
        raise DataError(f"{len(found)} items are like this ({keys}):", got=shown, todo=self.todo)

    def _class(self, name: str) -> int:
        name = name if name in self._names else unsafe_cell(name)
        if name in self._names:
            return self._names[name]
        alike = [known for known in self._names if same_label(known) == same_label(name)]
        if len(alike) == 1 and self._join:
            self._joined[name] = alike[0]
            return self._names[alike[0]]
        if alike:
            self.todo = "correct the file, or say --join-labels where both are one class"
            raise DataError(
                "no such class",
                got=ascii(name)[:200],
                todo=f"did you mean {alike[0]!r}? Case, blanks or Unicode form alone differ",
            )
        if self._add:
            number = -1 - len(self.new_classes)
            self.new_classes[number], self._names[name] = name, number
            return number
        close = nearest(name, self._names)
        todo = f"did you mean {close!r}?" if close else None
        raise DataError("no such class", got=repr(name)[:200], todo=todo)


def _as_data_error(error: PaucaError) -> DataError:
    return DataError(error.what, got=error.got, todo=error.todo)


def _in_order(given: Sequence[Given]) -> list[Given]:
    """By time, where every answer has one; else as in the file."""
    if all(each.at is not None for each in given):
        return sorted(given, key=lambda each: each.at or 0.0)
    return list(given)


def _event(row: AnswerRow, given: Given, project: Project) -> Event:
    """An entry of an account, with the places that it has there."""
    more = row.more
    seq = _whole(more.get("seq"))
    if seq is None:
        raise DataError("an entry has no place", where=row.where, todo="write the account again")
    suggestion = more.get("suggestion") or None
    names = {each.name: each.id for each in project.classes}
    act = _whole(more.get("act"))
    return Event(
        seq=seq,
        act=seq if act is None else act,
        at=given.at or 0.0,
        person=given.person,
        item=given.item,
        action=given.action,
        cls=given.cls,
        suggested=None if suggestion is None else names.get(str(suggestion)),
        confidence=_share(more.get("confidence")),
        shown=str(more.get("shown")).lower() in ("true", "1"),
        ms=given.ms,
        round=_whole(more.get("round")),
        strategy=str(more["strategy"]) if more.get("strategy") else None,
        undoes=_whole(more.get("undoes")) if given.action == "undo" else None,
    )


def _whole(value: Any) -> int | None:
    try:
        found = None if value in (None, "") else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found is not None and 0 <= found < 2**53 else None


def _share(value: Any) -> float | None:
    try:
        found = None if value in (None, "") else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found is not None and 0 <= found <= 1 else None


def _replay(
    project: Project, account: Sequence[Event], new_classes: Mapping[int, str], path: Path
) -> int:
    """Keep an account; how many events were new.

    Raises:
        DataError: an event twice, or some do not go on where the project's account ends.
    """
    seen = set[int]()
    twice = next((e.seq for e in account if e.seq in seen or seen.add(e.seq)), None)  # type: ignore[func-returns-value]
    if twice is not None:
        raise DataError(
            "an entry of the account stands twice",
            got=f"seq {twice}",
            where=str(path),
            todo="write the account again",
        )
    account = sorted(account, key=lambda event: event.seq)
    new, wrong = project.import_account(account, new_classes)
    if wrong:
        told = "; ".join(_told(project, event, said) for event, said in wrong[:_SHOWN])
        raise DataError(
            f"{len(wrong)} items were answered otherwise here, so nothing was kept",
            expected="an account that goes on where this project's ends",
            got=told,
            where=str(path),
            todo="import it into a new project of the same data",
        )
    return new


def _told(project: Project, event: Event, said: str) -> str:
    return f"seq {event.seq}, item {project.items.key(event.item)!r}: {said}"
