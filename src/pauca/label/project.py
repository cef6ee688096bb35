"""A labelling project: all that commands and a page need, for threads and processes alike."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_count, check_ordered, check_positive
from pauca.errors import StoreError, UsageError
from pauca.label.adding import Added, add_items
from pauca.label.backup import write_backup
from pauca.label.book import Book, Training
from pauca.label.changing import relocate, remove_items
from pauca.label.checking import check_given, check_note, check_person
from pauca.label.classes import Classes
from pauca.label.discovering import Accepted, Discovered, accept, discover
from pauca.label.engine import Engine, Predictions
from pauca.label.items import Items
from pauca.label.labels import Agreement, Disagreement, Labels, agreement_of
from pauca.label.making import DATABASE, GUIDELINES, make_project
from pauca.label.model import Model
from pauca.label.places import check_out
from pauca.label.pool import PoolOptions
from pauca.label.records import Action, Answer, Entry, Event, Given, Leased, Version
from pauca.label.settings import SETTINGS, ProjectSettings, Source, read_settings
from pauca.label.status import Status, status_of
from pauca.learners.base import Progress

__all__ = ["Project"]


class Project:
    """A pool, its classes and answers, and the model that chooses what to ask.

    Threads may share one, and processes may open the same folder side by side: what is answered,
    leased, asked for or trained in one is seen by the others. An answer that was acknowledged is on
    the disk. Items are numbered from 0; classes have ids that stay.

    Args:
        folder: The project's.
        clock: Tells the time in seconds since 1970.

    Attributes:
        id: Stays with the project: made with it, or when one of an older version is first opened.

    Raises:
        PaucaError: there is no project, or some file of it is damaged.
    """

    def __init__(self, folder: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        self.folder = Path(folder)
        settings = read_settings(self.folder / SETTINGS)
        self.notes: tuple[str, ...] = ()  # what was done to the data, if made just now
        self._book = Book(self.folder / DATABASE, overlap=settings.overlap, clock=clock)
        try:
            self._engine = Engine(self.folder, settings, self._book)
            self.id = self._known_id()
        except BaseException:
            self._book.close()
            raise

    @classmethod
    def create(
        cls,
        source: Path | str,
        folder: Path | str,
        *,
        classes: Sequence[str] = (),
        options: PoolOptions | None = None,
        features: str | Mapping[str, Any] | None = None,
        size: int | None = None,
        vocabulary: int = 4096,
        guidelines: str | None = None,
        progress: Progress | None = None,
        force: bool = False,
        **settings: Any,
    ) -> Self:
        """Make a project of one's own data and open it; it is there whole or not at all.

        Args:
            source: A folder of images, or a csv, jsonl, parquet or npz file.
            folder: The project's folder, which must be new or empty.
            classes: Names of the classes; those that the data name come after them.
            options: How the data are read; its ``classes`` give way to ``classes``.
            features: A name, or ``name`` and settings; by the kind of the items if None.
            size: Side that images are read at for their features.
            vocabulary: Most words of tf-idf.
            guidelines: Text for those who label.
            progress: Told which fraction of the features is done.
            force: Take the place of a project that nobody has answered in.
            **settings: Of ``ProjectSettings``: learner, strategy, batch, random_share, overlap,
                seed, target, budget, ...

        Raises:
            PaucaError: the data, a name or a setting is not as it should be.
        """
        made = make_project(
            Path(source),
            Path(folder),
            replace(
                options or PoolOptions(),
                classes=tuple(check_ordered(classes, "the names of classes")),
            ),
            features=features,
            size=size,
            vocabulary=vocabulary,
            guidelines=guidelines,
            progress=progress,
            force=force,
            **settings,
        )
        project = cls(made.folder)
        project.notes = made.notes
        return project

    @classmethod
    def open(cls, folder: Path | str, *, clock: Callable[[], float] = time.time) -> Self:
        """Open a project that is there."""
        return cls(folder, clock=clock)

    def _known_id(self) -> str:
        try:
            return self._book.own("id")
        except StoreError:  # an older project where nothing can be written: it is only read
            return hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:32]

    @property
    def secret(self) -> str:
        """Known to the server of the project alone.

        Raises:
            StoreError: there is none yet, and nothing can be written.
        """
        return self._book.own("secret")

    def close(self) -> None:
        """Let go of the database."""
        self._book.close()

    def __enter__(self) -> Self:
        """The project itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    @property
    def n(self) -> int:
        """Numbers of items, from 0; those of items that were removed among them."""
        return self.items.n

    @property
    def settings(self) -> ProjectSettings:
        """What it is set to."""
        return self._engine.settings

    def encode(
        self,
        features: str | Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
    ) -> tuple[str, ...]:
        """Compute the features that are to come, if any, and put them in place of those now.

        People may label meanwhile; no answer changes. The model and the near-duplicates are those
        of the features before, and have to be made anew. A run that is ended goes on where it was.

        Args:
            features: A name, or ``name`` and settings; those that the project is to get if None.
            progress: Told which fraction is done; what it raises ends the work.

        Returns:
            What was done; nothing where no others are to come.

        Raises:
            UsageError: no such features, or not for texts or images.
            StoreError: another process is at it.
            PaucaError: an item, or the encoder's package, is not as it has to be.
        """
        if features is None and self.settings.next_features is None:
            return ()
        return self._engine.encode(features, progress)

    @property
    def items(self) -> Items:
        """Every item that there ever was, as the pool is now, whichever process changed it."""
        return self._engine.pool.items

    @property
    def features(self) -> Tensor:
        """Features of all items, float32 [n, d], mapped."""
        return self._engine.features

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the items are from: of what the project began with, then of each addition."""
        return self._engine.pool.sources

    @property
    def removed(self) -> frozenset[int]:
        """Numbers of items that were taken out of the pool."""
        return frozenset(self._engine.pool.removed.tolist())

    @property
    def version(self) -> Version:
        """How often the pool has changed."""
        return self._book.version()

    @property
    def guidelines(self) -> str:
        """Text for those who label; empty without a file guidelines.md."""
        path = self.folder / GUIDELINES
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def picture(self, item: int) -> tuple[bytes, str]:
        """Bytes and media type of the picture of an item of kind image; see ``Pictures.read``."""
        return self._engine.pool.pictures(item).read(item)

    def original(self, item: int) -> tuple[bytes, str]:
        """Bytes of the picture as the data hold it, and its file's name; see ``Pictures``."""
        return self._engine.pool.pictures(item).original(item)

    def add(
        self,
        source: Path | str,
        *,
        options: PoolOptions | None = None,
        known: Literal["refuse", "skip"] = "refuse",
        prefix: str = "",
        add_new_classes: bool = False,
        person: str = "cli",
        progress: Progress | None = None,
    ) -> Added:
        """Let the items of further data be part of the pool; nothing that is there changes.

        They get the features that were fitted on the first items. Numbers go on where those of the
        pool end. Ids have to be new; items of data without ids are called by the name of the file
        and their row, as in ``more.csv:17``. Each takes a random place in the random order, so that
        the random sample remains one of the whole pool.

        Args:
            source: A folder of images, or a file, of the kind of the project.
            options: How it is read; as the first data were where that is not said.
            known: Whether items whose ids are there already refuse the whole, or are passed over.
            prefix: In front of every id.
            add_new_classes: Whether labels of the data that are no classes become some.
            person: Who adds them.
            progress: Told which fraction of the features is done.

        Raises:
            DataError: data of another kind, an id that is taken, a label that is no class.
        """
        return add_items(
            self._engine,
            Path(source),
            options=options or PoolOptions(),
            known=known,
            prefix=prefix,
            add_new_classes=add_new_classes,
            person=check_person(person),
            progress=progress,
        )

    def remove(self, items: Sequence[int], *, person: str = "cli") -> int:
        """Take items out of the pool, all or none; how many.

        They are not asked for, learned from, predicted or exported any more. What was answered
        stays in the account, and their ids are not given again.

        Raises:
            InputError: no such item, or one that was removed before.
        """
        return remove_items(self._engine, items, check_person(person))

    def relocate(
        self, path: Path | str, *, old: Path | str | None = None, person: str = "cli"
    ) -> tuple[Path, Path]:
        """Tell the project where its data lie now; from where and whereto.

        Args:
            path: Where they lie now.
            old: Where they lay; needed where the items come from several places.
            person: Who says so.

        Raises:
            DataError: other data lie there: another file, or a folder in which images are missing
                or differ in size.
        """
        return relocate(
            self._engine, Path(path), None if old is None else Path(old), check_person(person)
        )

    def backup(self, out: Path | str, *, force: bool = False) -> Path:
        """Write the project into a zip file while others work on it; see ``write_backup``.

        Unpacked into a folder, it is the project as it was then. The data are not in it.
        """
        check_out(self, Path(out))
        write_backup(self._engine, Path(out), force=force)
        return Path(out)

    @property
    def classes(self) -> Classes:
        """The classes as they stand."""
        return self._book.classes()

    def add_classes(self, names: Sequence[str], *, person: str = "cli") -> Classes:
        """Add classes, all or none.

        Raises:
            InputError: a name that is taken, or none.
        """
        names = list(check_ordered(names, "the names of classes"))
        self._book.add_classes(names, check_person(person))
        return self.classes

    def rename_class(self, old: str, new: str, *, person: str = "cli") -> Classes:
        """Give a class another name; its id and its labels stay.

        Raises:
            UnknownNameError: there is no such class.
            InputError: the new name is taken, or none.
        """
        self._book.rename_class(old, new, check_person(person))
        return self.classes

    def merge_class(self, name: str, into: str, *, person: str = "cli") -> Classes:
        """Let a class become part of another; the account keeps what was answered.

        Raises:
            UnknownNameError: there is no such class.
            InputError: both are the same.
        """
        self._book.merge_class(name, into, check_person(person))
        return self.classes

    def delete_class(
        self, name: str, *, into: str | None = None, unlabel: bool = False, person: str = "cli"
    ) -> Classes:
        """Delete a class.

        Args:
            name: Which.
            into: Class that what was answered so becomes; this is ``merge_class``.
            unlabel: Whether what was answered so does not count any more: items without another
                answer are asked again. ``restore_class`` undoes it.
            person: Who.

        Raises:
            UnknownNameError: there is no such class.
            UsageError: there are answers, and neither of the two is said, or both are.
        """
        who = check_person(person)
        if into is not None and unlabel:
            raise UsageError(
                "what becomes of the answers is said twice",
                expected="another class, or that they count no more",
                got=f"into {into!r}, and unlabel",
                todo="leave one of them out",
            )
        if into is not None:
            return self.merge_class(name, into, person=who)
        cls = self.classes.find(name)
        count = sum(self._book.standing().cls == cls)
        if count and not unlabel:
            raise UsageError(
                f"{count} answers name class {name!r}, so it was not deleted",
                expected="what is to become of them",
                todo="--into OTHER makes them answers of another class, --unlabel lets them count "
                "no more",
            )
        self._book.delete_class(name, who)
        return self.classes

    def restore_class(self, name: str, *, person: str = "cli") -> Classes:
        """Undo that a class was deleted: what was answered so counts again.

        Raises:
            UnknownNameError: no class of this name was deleted.
            InputError: another one has the name by now.
        """
        self._book.restore_class(name, check_person(person))
        return self.classes

    def lease(
        self, person: str, k: int = 1, seconds: float = 600.0, *, refill: bool = True
    ) -> list[Leased]:
        """Give a person up to k items to label: those that he holds already first.

        Nobody else is given them until they are answered or the lease runs out; with an overlap of
        n, an item has at most n answers and leases together. Fewer than k come where no more are
        open. Asking again prolongs the leases.

        Args:
            person: Who.
            k: How many, >= 1.
            seconds: How long they are his.
            refill: Whether a new batch is chosen where too few wait.
        """
        who = check_person(person)
        check_count(k, "k", least=1)
        check_positive(seconds, "seconds")
        held = self._book.lease(who, k, seconds)
        if len(held) < k and refill:
            more = max(self.settings.batch, k)
            self._engine.fill(lambda: more if self._book.waiting(who) < k else 0)
            held = self._book.lease(who, k, seconds)
        told, items = self.suggestions([item for item, *_ in held]), self.items
        found = []
        for item, until, round_, strategy, stands in held:
            cls, sure = told.get(item, (None, None))
            fellows = self._engine.open_duplicates(item)
            key = items.key(item)
            found.append(Leased(item, key, until, round_, strategy, cls, sure, fellows, stands))
        return found

    def release(self, person: str) -> int:
        """Take back what a person holds; how many items."""
        return self._book.release(check_person(person))

    def answer(
        self,
        person: str,
        item: int,
        cls: int | None = None,
        *,
        action: Action = "label",
        ms: int | None = None,
        suggested: int | None = None,
        confidence: float | None = None,
        shown: bool = False,
        token: str | None = None,
        also: Sequence[int] = (),
        stands: Mapping[int, int] | None = None,
    ) -> Answer:
        """Keep an answer; it is on the disk when this returns.

        A person's new answer to an item replaces his earlier one. No lease is needed.

        Args:
            person: Who.
            item: Number of the item.
            cls: Id of the class, for action ``label``.
            action: ``label``; ``skip`` (not for this person), ``unsure`` (counts as an answer
                without a class) or ``flag`` (unfit, of none of the classes or no good: nobody is
                asked again, its labels do not count).
            ms: How long it took, in milliseconds.
            suggested: Id of the class that was suggested.
            confidence: Of the suggestion, in [0, 1].
            shown: Whether the person saw the suggestion.
            token: Chosen by the client: the same token again is the same answer, whatever else is
                said.
            also: Further items with the same answer: near-duplicates. One undo takes all back.
            stands: Place of the person's own answer that stands for each of the items, as far as
                the person knows (``standing_of``, ``Leased.stands``); items without one are not
                named. Unchecked if None.

        Raises:
            ChangedMeanwhile: another answer of the person's stands, given in another tab say.
            InputError: no such item, class or action; a token of another person's.
        """
        given = Given(
            check_person(person), item, action, cls, suggested, confidence, shown, ms, token
        )
        return self._book.answer(check_given(given, also, self.n), stands)

    def note(self, person: str, item: int, text: str) -> None:
        """Keep a person's note on an item, in place of an earlier one; an empty one takes it back.

        Raises:
            InputError: no such item, or it was removed; a text of more than 2,000 characters.
        """
        check_count(item, "item", most=self.n - 1)
        self._book.note(check_person(person), item, check_note(text))

    def item_notes(self) -> dict[int, dict[str, str]]:
        """The notes that stand, by item and person."""
        return self._book.notes()

    def standing_of(self, person: str, items: Sequence[int]) -> dict[int, Event]:
        """The person's own answers to these items that stand."""
        return self._book.standing_of(check_person(person), items)

    def undo(
        self,
        person: str,
        *,
        token: str | None = None,
        seconds: float = 600.0,
        last: int | None = None,
    ) -> Answer:
        """Take back the person's last answer that stands; its items are leased to him again.

        What he had answered before stands again. Items that others hold by now stay theirs.

        Args:
            person: Who.
            token: As in ``answer``.
            seconds: How long the items are leased.
            last: Place of the answer (``Event.act``) that the person believes to be the last;
                unchecked if None.

        Raises:
            ChangedMeanwhile: the last answer is another one.
            InputError: there is none.
        """
        return self._book.undo(check_person(person), seconds=seconds, token=token, last=last)

    def history(
        self, person: str | None = None, most: int | None = 50, before: int | None = None
    ) -> list[Entry]:
        """What happened, newest first.

        Args:
            person: Whose; everybody's if None.
            most: At most so many; all of it if None.
            before: Only events before this place.
        """
        limit = -1 if most is None else check_count(most, "most")
        return [Entry(*found) for found in self._book.history(person, limit, before)]

    def import_answers(
        self, given: Sequence[Given], new_classes: Mapping[int, str] | None = None
    ) -> int:
        """Keep many answers, all or none, but for equal ones; how many were new.

        Args:
            given: The answers.
            new_classes: Names of classes that are added with them, by the negative number that
                stands for each in ``given``.
        """
        most = self.n - 1
        for each in given:
            check_count(each.item, "item", most=most)
        return self._book.answer_all(given, new_classes)

    def import_account(
        self, account: Sequence[Event], new_classes: Mapping[int, str] | None = None
    ) -> tuple[int, list[tuple[Event, str]]]:
        """Keep the events of another project's account, each with its time, all or none.

        Args:
            account: In order; ``seq``, ``act`` and ``undoes`` are places in that account, items and
                classes are of this project.
            new_classes: As in ``import_answers``.

        Returns:
            How many were new, and the events that do not go on where this project's account ends,
            with what is wrong about them; with any of those, nothing is kept.
        """
        most = self.n - 1
        for each in account:
            check_count(each.item, "item", most=most)
        return self._book.replay(account, new_classes)

    def waiting(self, person: str | None = None) -> int:
        """Items that were asked for and that the person could be given; all that wait if None."""
        return self._book.waiting(None if person is None else check_person(person))

    def refill(self, k: int | None = None) -> int:
        """Choose the next batch, whatever waits; how many items were added.

        The learner is trained on the labels so far for the choice; ``model`` stays as it is.

        Args:
            k: How many; the project's ``batch`` if None.
        """
        wanted = self.settings.batch if k is None else check_count(k, "k", least=1)
        return self._engine.fill(lambda: wanted)

    def suggest(self, k: int) -> list[int]:
        """The next k items to label, in order: those that wait, and as many more as are missing.

        Asked again without answers in between, it says the same.
        """
        check_count(k, "k", least=1)
        self._engine.fill(lambda: k - self._book.waiting())
        return [pick.item for pick in self._book.queued(k)]

    @property
    def labels(self) -> Labels:
        """One class an item, from the answers that stand."""
        return self._engine.labels

    def asked_for(self, items: Sequence[int]) -> dict[int, tuple[int, str, bool]]:
        """Round, strategy and whether at random, of those of these items that were asked for."""
        return self._book.where_asked(items)

    def answers(self) -> list[Event]:
        """Every answer that counts, in order: none of removed items or of deleted classes."""
        found, gone, classes = self._book.history(None, -1), self.removed, self.classes
        return [
            event
            for event, stands in reversed(found)
            if stands
            and event.item not in gone
            and (event.cls is None or classes.is_active(event.cls))
        ]

    @property
    def model(self) -> Model | None:
        """The model of the last training, whichever process trained it; None before."""
        return self._engine.model

    def train(self, *, assessed: bool = True, progress: Progress | None = None) -> Training:
        """Train on the labels so far, calibrate, and keep model and findings.

        Leases and answers go on meanwhile; the queue stays as it is.

        Args:
            assessed: Whether accuracy, curve and label saving are worked out too, which takes
                several times as long.
            progress: Told which fraction of training and cross-validation is done.

        Raises:
            InputError: fewer than two classes, or no label.
        """
        return self._engine.train(assessed=assessed, progress=progress)

    @property
    def stale(self) -> bool:
        """Whether answers came or went since the last training, or its model is missing."""
        return self._engine.stale

    def trainings(self) -> list[Training]:
        """Every training, in order."""
        return self._book.trainings()

    def suggestions(self, items: Sequence[int]) -> dict[int, tuple[int, float]]:
        """Likeliest class and its calibrated confidence, for each item; nothing without a model."""
        return self._engine.suggestions(items)

    def predict(self, items: Sequence[int] | None = None) -> Iterator[Predictions]:
        """What the model says of these items, in blocks; of all without a label or flag if None.

        Raises:
            InputError: no model was trained yet.
        """
        return self._engine.predict(items)

    def duplicates(self, progress: Progress | None = None) -> NDArray[np.int32]:
        """The group of near-duplicates of each item, -1 without any, int32 [n]; kept on the disk.

        From then on a batch holds at most one item of a group (the random share apart), and a lease
        names the others. The first call may take minutes (``duplicates.find_groups``).
        """
        return self._engine.duplicates(progress)

    def discover(self, *, least: int = 20, exemplars: int = 5) -> Discovered:
        """New classes among the items that were set aside; see ``discovering.discover``."""
        return discover(self._engine, self.items, least=least, exemplars=exemplars)

    def accept(
        self,
        person: str,
        names: Mapping[int, str],
        *,
        seen: str,
        only: Sequence[int] | None = None,
        without: Sequence[int] = (),
    ) -> Accepted:
        """Name groups that ``discover`` proposed; see ``discovering.accept``."""
        who = check_person(person)
        return accept(self._engine, who, names, seen=seen, only=only, without=without)

    def agreement(self) -> Agreement:
        """How far people agree, and where they do not."""
        return agreement_of(*self._book.moment())

    def relabels(self, k: int = 50) -> list[Disagreement]:
        """Labelled items that are most worth a second look, at most k.

        By the entropy of their answers, highest first; then by the cross-validated margin of their
        class, lowest first: below 0 the model sees another class.
        """
        return self._engine.relabels(check_count(k, "k"))

    def status(self, wanted: str | None = None, recall: float | None = None) -> Status:
        """How far the project is, and whether to stop.

        Args:
            wanted: Class whose items are to be found; that of the project if None.
            recall: Share of them that is to be found; that of the project if None.

        Raises:
            UnknownNameError: there is no such class.
        """
        return status_of(self.folder, self._engine, wanted, recall)
