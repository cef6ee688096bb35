"""The account: what was answered stands, once, whoever asks, and only grows."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pauca.errors import InputError, StoreError, UnknownNameError
from pauca.label.book import Book
from pauca.label.labels import labels_of
from pauca.label.records import Given, Pick


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(tmp_path: Path, clock: Clock) -> Iterator[Book]:
    made = Book(tmp_path / "project.db", create=True, clock=clock)
    made.add_classes(["ant", "bee", "cat"], "tester")
    yield made
    made.close()


def say(person: str, item: int, cls: int | None = 0, **more: object) -> Given:
    action = "skip" if cls is None else "label"
    return Given(person, item, **{"action": action, "cls": cls, **more})  # type: ignore[arg-type]


def asked(book: Book, *items: int, strategy: str = "margin") -> None:
    book.ask([Pick(item, strategy) for item in items], book.asked()[1])


def held(book: Book, person: str, k: int = 1, seconds: float = 60) -> list[int]:
    return [item for item, *_ in book.lease(person, k, seconds)]


def stands(book: Book) -> dict[tuple[int, str], int]:
    found = book.standing()
    return dict(
        zip(zip(found.item.tolist(), found.person, strict=True), found.cls.tolist(), strict=True)
    )


def test_an_answer_keeps_all_that_was_said(book: Book, clock: Clock) -> None:
    asked(book, 7)
    clock.now = 1234.5
    given = say("anna", 7, 2, suggested=1, confidence=0.75, shown=True, ms=830, token="t-1")
    kept = book.answer([given])
    event = kept.events[0]
    assert (kept.again, kept.items) == (False, (7,))
    assert (event.seq, event.act, event.at, event.person) == (1, 1, 1234.5, "anna")
    assert (event.item, event.action, event.cls) == (7, "label", 2)
    assert (event.suggested, event.confidence, event.shown, event.ms) == (1, 0.75, True, 830)
    assert (event.round, event.strategy, event.token, event.undoes) == (0, "margin", "t-1", None)
    assert book.history("anna", 5) == [(event, True)]


def test_the_same_token_twice_is_one_answer(book: Book) -> None:
    first = book.answer([say("anna", 3, 0, token="x"), say("anna", 4, 0, token="x")])
    again = book.answer([say("anna", 3, 1, token="x")])
    assert again.events == first.events
    assert again.again
    assert len(book.history(None, 10)) == 2
    with pytest.raises(InputError, match="another person's"):
        book.answer([say("bob", 9, 0, token="x")])
    undone = book.undo("anna", seconds=9, token="u")
    assert book.undo("anna", seconds=9, token="u").events == undone.events
    assert len(book.history(None, 10)) == 4


def test_undo_takes_back_one_act_and_what_stood_before_stands_again(book: Book) -> None:
    book.answer([say("anna", 1, 0)])
    book.answer([say("anna", 2, 1), say("anna", 3, 1)])
    assert book.answer([say("anna", 1, 2)]).events[0].action == "relabel"
    book.answer([say("bob", 1, 1)])
    assert stands(book)[1, "anna"] == 2
    assert book.undo("anna", seconds=1).items == (1,)
    assert stands(book)[1, "anna"] == 0
    assert book.undo("anna", seconds=1).items == (2, 3)
    assert book.undo("anna", seconds=1).items == (1,)
    assert stands(book) == {(1, "bob"): 1}
    with pytest.raises(InputError, match="nothing to undo"):
        book.undo("anna", seconds=1)
    assert [event.action for event, _ in book.history("anna", 20)][::-1] == [
        "label", "label", "label", "relabel", "undo", "undo", "undo", "undo",
    ]  # fmt: skip


def test_an_item_is_given_to_one_person_until_the_lease_runs_out(book: Book, clock: Clock) -> None:
    asked(book, 5, 6, 7)
    assert held(book, "anna", 2) == [5, 6]
    assert held(book, "bob", 2) == [7]
    assert held(book, "anna", 2) == [5, 6]  # nothing is lost by asking again
    assert held(book, "cleo", 2) == []
    assert (book.waiting("anna"), book.waiting("bob"), book.waiting("cleo")) == (2, 1, 0)
    book.answer([say("anna", 5)])
    assert held(book, "anna", 2) == [6]
    clock.now += 61
    assert held(book, "cleo", 5) == [6, 7]
    assert held(book, "bob", 5) == []
    assert book.release("cleo") == 2
    assert held(book, "bob", 5) == [6, 7]


def test_a_late_answer_counts_all_the_same(book: Book, clock: Clock) -> None:
    asked(book, 5)
    held(book, "anna")
    clock.now += 100
    held(book, "bob")
    book.answer([say("anna", 5, 1)])
    assert held(book, "bob") == []
    assert stands(book) == {(5, "anna"): 1}


def test_skipped_unsure_and_flagged(book: Book) -> None:
    asked(book, 5, 6, 7)
    book.answer([say("anna", 5, None)])
    assert held(book, "anna", 5) == [6, 7]
    assert held(book, "bob") == [5]  # a skip is one person's
    book.answer([say("anna", 6, None, action="unsure")])
    book.answer([say("anna", 7, None, action="flag")])
    assert [pick.item for pick in book.queued(9)] == [5]
    assert labels_of(book.standing(), book.classes()).flagged == {7}
    book.undo("anna", seconds=1)
    assert [pick.item for pick in book.queued(9)] == [5, 7]


def test_undo_leases_the_item_again(book: Book) -> None:
    asked(book, 5, 6)
    held(book, "anna")
    book.answer([say("anna", 5)])
    book.undo("anna", seconds=60)
    assert held(book, "bob", 5) == [6]
    assert held(book, "anna", 5) == [5]


def test_undo_of_a_skip_takes_nothing_from_others(book: Book, clock: Clock) -> None:
    asked(book, 1)
    assert held(book, "anna") == [1]
    book.answer([say("anna", 1, None)])
    assert held(book, "bob") == [1]
    book.undo("anna", seconds=60)
    assert held(book, "anna") == []
    assert held(book, "bob") == [1]
    clock.now += 61  # until it runs out
    assert held(book, "anna") == [1]


def test_an_overlap_of_two(tmp_path: Path) -> None:
    book = Book(tmp_path / "two.db", create=True, overlap=2)
    book.add_classes(["ant"], "tester")
    asked(book, 5, 6)
    assert held(book, "anna", 1) == [5]
    assert held(book, "bob", 1) == [5]
    assert held(book, "cleo", 1) == [6]
    book.answer([say("anna", 5)])
    assert held(book, "dan", 5) == [6]
    book.answer([say("bob", 5)])
    assert [pick.item for pick in book.queued(9)] == [6]
    assert held(book, "anna", 5) == []  # both places of 6 are held
    book.close()


def test_threads_and_two_objects_never_give_an_item_twice(tmp_path: Path) -> None:
    """Eight people in threads, on two connections as two processes would have them."""
    books = [Book(tmp_path / "project.db", create=True) for _ in range(2)]
    books[0].add_classes(["ant", "bee"], "tester")
    asked(books[0], *range(120))
    got: dict[str, list[int]] = {f"p{i}": [] for i in range(8)}

    def work(person: str, book: Book) -> None:
        while items := held(book, person, 3):
            for item in items:
                book.answer([say(person, item, item % 2, token=f"{person}-{item}")])
                got[person].append(item)

    threads = [
        threading.Thread(target=work, args=(person, books[at % 2])) for at, person in enumerate(got)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = sorted(item for items in got.values() for item in items)
    assert given == list(range(120))
    assert {item: cls for (item, _), cls in stands(books[1]).items()} == {
        item: item % 2 for item in range(120)
    }
    for book in books:
        book.close()


def test_classes_keep_their_history(book: Book) -> None:
    book.answer([say("anna", 1, 0)])
    book.answer([say("anna", 2, 1)])
    book.rename_class("ant", "emmet", "anna")
    book.merge_class("bee", "emmet", "anna")
    book.add_classes(["bee"], "anna")  # the name is free again; the id is new
    known = book.classes()
    assert [(each.id, each.name) for each in known] == [(0, "emmet"), (2, "cat"), (3, "bee")]
    assert (known.name(1), known.root(1)) == ("emmet", 0)
    assert stands(book) == {(1, "anna"): 0, (2, "anna"): 0}
    assert [event.cls for event, _ in book.history(None, 9)] == [1, 0]  # as it was answered
    assert book.answer([say("bob", 9, 1)]).events[0].cls == 0
    book.merge_class("emmet", "cat", "anna")
    assert set(stands(book).values()) == {2}
    with sqlite3.connect(book.path) as db:
        rows = db.execute("SELECT action, class, name, target FROM class_changes").fetchall()
    db.close()
    assert rows[3:] == [
        ("rename", 0, "emmet", None),
        ("merge", 1, None, 0),
        ("add", 3, "bee", None),
        ("merge", 0, None, 2),
    ]


def test_classes_that_cannot_be(book: Book) -> None:
    for names in (["dog", "cat"], [""], ["a\nb"], ["dog", "dog"], ["x" * 201]):
        with pytest.raises(InputError):
            book.add_classes(names, "anna")
    with pytest.raises(UnknownNameError, match="did you mean 'cat'"):
        book.rename_class("cats", "dog", "anna")
    with pytest.raises(InputError, match="has this name already"):
        book.rename_class("cat", "bee", "anna")
    with pytest.raises(InputError, match="into itself"):
        book.merge_class("cat", "cat", "anna")
    with pytest.raises(InputError, match="no such class"):
        book.answer([say("anna", 1, 17)])
    assert book.classes().names == ("ant", "bee", "cat")
    assert book.history(None, 9) == []


def test_all_of_an_import_or_nothing(book: Book) -> None:
    book.answer([say("anna", 1, 0)])
    with pytest.raises(InputError, match="no such class"):
        book.answer_all([say("anna", 2, 0), say("anna", 3, 99)])
    assert stands(book) == {(1, "anna"): 0}
    assert book.answer_all([say("anna", 1, 0), say("anna", 2, 1)]) == 1
    assert book.answer_all([say("anna", 1, 2), say("anna", 2, 1)]) == 1
    assert [event.action for event, _ in book.history(None, 9)] == ["relabel", "label", "label"]


@pytest.mark.parametrize("table", ["events", "asked", "class_changes", "trainings"])
def test_what_happened_never_changes(book: Book, table: str) -> None:
    asked(book, 5)
    book.answer([say("anna", 5)])
    book.keep_training(1, 1, {"temperature": 1.0})
    db = sqlite3.connect(book.path)
    for statement in (
        f"DELETE FROM {table}",
        f"UPDATE {table} SET at = 0",
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="what happened never changes"):
            db.execute(statement)
    db.close()


def test_commits_are_on_the_disk(book: Book) -> None:
    assert book._open is not None
    assert book._open.execute("PRAGMA synchronous").fetchone() == (2,)
    assert book._open.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_files_that_are_no_account(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no project here"):
        Book(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("hello " * 200)
    with pytest.raises(StoreError, match="no database of a project"):
        Book(tmp_path / "text.db")
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE mine (x)")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="no database of a labelling project"):
        Book(tmp_path / "other.db")
    book = Book(tmp_path / "project.db", create=True)
    book.close()
    with pytest.raises(StoreError, match="was closed"):
        book.classes()


def test_an_empty_file_is_no_new_account(tmp_path: Path) -> None:
    """What was cut short does not become a project without answers."""
    path = tmp_path / "project.db"
    path.touch()
    with pytest.raises(StoreError, match="is empty"):
        Book(path)
    assert path.stat().st_size == 0


def test_a_second_look_does_not_make_a_label_a_late_one(book: Book) -> None:
    """The learning curve is over labels in the order in which items were first labelled."""

    def order() -> list[int]:
        return [int(item) for item in labels_of(*book.moment()).item]

    for item in (3, 5, 8):
        book.answer([say("anna", item, 0)])
    book.answer([say("anna", 3, 1)])
    book.answer([say("bob", 5, 1)])
    book.answer([say("anna", 5, 2)])
    assert order() == [3, 5, 8]
    assert labels_of(*book.moment()).cls.tolist() == [1, 2, 0]
    book.undo("anna", seconds=60)
    assert order() == [3, 5, 8]
    book.answer([say("anna", 7, 0)])
    book.undo("anna", seconds=60)
    book.answer([say("anna", 6, 0)])
    book.answer([say("anna", 7, 0)])
    book.answer([say("anna", 7, 1)])
    assert order()[-2:] == [6, 7]  # what was taken back does not count


def test_items_set_aside_get_classes_by_name_as_one_act(book: Book) -> None:
    for person, item in (("anna", 1), ("anna", 2), ("bob", 2), ("bob", 3)):
        book.answer([Given(person, item, "flag")])
    found, added, still = book.accept("anna", {1: "dog", 2: "bee", 3: "dog"})
    known = book.classes()
    assert (added, still) == (("dog",), frozenset({2, 3}))
    assert known.names == ("ant", "bee", "cat", "dog")
    assert [(e.item, e.cls, e.act, e.action) for e in found.events] == [
        (1, 3, found.events[0].seq, "label"),
        (2, 1, found.events[0].seq, "label"),
        (3, 3, found.events[0].seq, "label"),
    ]
    assert labels_of(*book.moment()).item.tolist() == [1]
    assert sorted(book.undo("anna", seconds=60).items) == [1, 2, 3]
    assert book.counts() == {"flag": 4, "pending": 0}


@pytest.mark.parametrize("named", [{1: "dog", 2: "dog"}, {1: "dog", 3: " "}, {1: "\x00"}])
def test_an_acceptance_is_kept_as_a_whole_or_not(book: Book, named: dict[int, str]) -> None:
    """Item 2 is not set aside, the other names are none."""
    for item in (1, 3):
        book.answer([Given("anna", item, "flag")])
    book.answer([say("anna", 2)])
    last = book.last()
    with pytest.raises(InputError):
        book.accept("anna", named)
    assert (book.last(), book.classes().names) == (last, ("ant", "bee", "cat"))
