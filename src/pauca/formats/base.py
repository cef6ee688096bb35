"""What a format is: files of other tools on one side, raw parts and records on the other.

A format turns a file (or a folder) into a ``Part``: rows of cells as they came, pictures as bytes,
an array. It decides nothing about them; what a column is, ``pauca.data.columns`` decides, for a
data set and for a labelling project alike. It also turns answers of other tools into ``AnswerRow``,
and writes labels and batches. A new format is one module of this package that registers one class;
the contract test runs over it at once.
"""

from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from pauca.errors import CapabilityError, UsageError
from pauca.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Ability",
    "AbstractFormat",
    "AnswerRow",
    "Answers",
    "Images",
    "ItemRecord",
    "Items",
    "LabelSheet",
    "Part",
    "Raw",
    "TextOptions",
    "find_format",
    "formats",
    "formats_with",
]

Raw = Path | bytes
"""A picture as it is kept: a file, or the bytes of one."""

Ability = Literal["items", "answers", "labels", "batch"]
"""What a format can do: read items, read answers, write labels, write a batch to be labelled."""

Action = Literal["label", "skip", "unsure", "flag", "undo"]
"""What a person did with an item, as files say it."""


@dataclass(frozen=True)
class TextOptions:
    """How a file of text is read; what is None is detected, and said.

    Args:
        encoding: Name of the encoding: ``utf-8``, ``utf-16``, ``cp1252``, ``latin-1``, ...
        delimiter: What separates cells: ``,`` ``;`` tab or ``|``.
        id_column: Of answers: column of the ids.
        label_column: Of answers: column of the names of classes.
        control: Of answers to several questions: the question that is read.
    """

    encoding: str | None = None
    delimiter: str | None = None
    id_column: str | None = None
    label_column: str | None = None
    control: str | None = None


@dataclass(frozen=True, eq=False)
class Images:
    """The pictures of n items, in the order of their rows.

    Args:
        blocks: Gives all of them anew, in blocks.
        name: What picture i is called, for messages.
        stored: Pixels of all of them, where a file keeps these as one array.
    """

    blocks: Callable[[], Iterable[Sequence[Raw]]]
    name: Callable[[int], str]
    stored: NDArray[np.generic] | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """n items as a file holds them, before anything is decided about them.

    Args:
        where: File, for messages.
        frame: n rows. Cells of text formats are the texts that stand there ("007", "NaN", ""),
            other formats keep their types; None is a null. Column names are texts, no two alike;
            there may be no column at all.
        images: Pictures, where there are any.
        array: Rows or pixels [n, ...], where a file keeps these as one array.
        class_names: By label column, the names of its numbers, as files of the Hub say them.
        label: Column of the labels, where the format itself says so.
        id: Column of the ids, where the format itself says so.
        text: Columns of the text, where the format itself says so.
        notes: What was detected, left out or converted.
        lines: Line of the file (row of a sheet, entry of a list) where each row begins,
            int64 [n], from 1, for messages; None where files have none, or are several.
    """

    where: str
    frame: "pd.DataFrame"
    images: Images | None = None
    array: NDArray[np.generic] | None = None
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label: str | None = None
    id: str | None = None
    text: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lines: NDArray[np.int64] | None = None

    @property
    def n(self) -> int:
        """How many items."""
        return len(self.frame)


@dataclass(frozen=True, eq=False)
class Items:
    """A training and, where the files have one, a test part.

    Args:
        train: The pool, or all that there is.
        test: The test part.
    """

    train: Part
    test: Part | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Both, as far as they are there."""
        return (self.train,) if self.test is None else (self.train, self.test)


@dataclass(frozen=True)
class AnswerRow:
    """One answer as a file says it; nothing of it is checked against a project yet.

    Args:
        where: Line or task, for messages.
        key: Id of the item; None where the file has none, empty where it leaves it out.
        action: What was done; None for an item that is not answered yet.
        label: Name of the class, for ``label``.
        person: Who, or None where the file does not say.
        at: When, in seconds since 1970, or None.
        ms: How long it took, in milliseconds, or None.
        shown: What the file says of the item beside its id: text, image, columns.
        given: Whether the label came with the data, as our own exports say.
        more: Further columns of our own account (seq, suggestion, undoes, ...); ``task``, the
            number that the tool gave; ``hint``, an id that counts only where the rest agrees.
    """

    where: str
    key: str | None
    action: Action | None
    label: str | None = None
    person: str | None = None
    at: float | None = None
    ms: int | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    given: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


class Answers(list[AnswerRow]):
    """The answers of a file, in its order, with what has to be said of them.

    Args:
        rows: The answers.
        notes: What was chosen, left out or converted.
    """

    def __init__(self, rows: Iterable[AnswerRow] = (), notes: Iterable[str] = ()) -> None:
        super().__init__(rows)
        self.notes = tuple(notes)


@dataclass(frozen=True)
class ItemRecord:
    """One item on its way out.

    Args:
        number: Its place in the pool, from 0.
        key: Its id.
        shown: What it is: its text, its columns; nothing for pictures and embeddings.
        label: Name of its class, or None.
        suggestion: Name of the class that the model suggests, or None.
        confidence: Calibrated confidence of the suggestion, in [0, 1].
        answers: Those that stand, of every person; ``more`` holds their ``seq``.
    """

    number: int
    key: str
    shown: Mapping[str, Any]
    label: str | None = None
    suggestion: str | None = None
    confidence: float | None = None
    answers: tuple[AnswerRow, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelSheet:
    """Items on their way out, with labels or to be labelled.

    Args:
        kind: image, text, table or embedding.
        classes: Names of the classes.
        columns: Columns of ``ItemRecord.shown``, in order.
        records: The items, anew at each call.
        model: Version of the model that suggests, or None.
        people: Everybody who has answered, sorted.
        prefix: In front of the paths of pictures; None for what the tool takes by itself.
        link: Hard links in place of copies of files.
        untyped: Whether every cell is a text, as in csv, so that a text may be a number.
        original: The bytes of the picture of an item as its file holds them, and the suffix of such
            files.
        file: File of the picture of an item; None where pictures are no files.
        vector: The embedding of an item, float32 [d].
    """

    kind: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    records: Callable[[], Iterator[ItemRecord]]
    model: str | None = None
    people: tuple[str, ...] = ()
    prefix: str | None = None
    link: bool = False
    untyped: bool = False
    original: Callable[[int], tuple[bytes, str]] | None = None
    file: Callable[[int], Path] | None = None
    vector: Callable[[int], NDArray[np.float32]] | None = None


class AbstractFormat(ABC):
    """Reads and writes the files of one tool.

    Class attributes:
        name: As ``--format`` takes it.
        title: What it is, in words: "Prodigy's jsonl".
        suffixes: Of its files, lower case, with the dot.
        abilities: What it can do; each has its method.
        general: Whether it takes any file with its suffixes. One that is not general is asked first
            (``recognises``), so that jsonl of Prodigy is not read as any jsonl.
        options: Names of the options of ``load_dataset`` that this format has.
        package: What has to be installed to use it, as pip takes it; None for nothing.
        folder: Whether labels are written as a folder, not as a file.
        every_answer: Whether labels are written as every answer of every person that stands, not as
            one class an item.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    abilities: ClassVar[frozenset[Ability]]
    general: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ()
    package: ClassVar[str | None] = None
    folder: ClassVar[bool] = False
    every_answer: ClassVar[bool] = False

    def recognises(self, path: Path) -> bool:
        """Whether the file's first bytes say that it is of this format, suffix apart."""
        return False

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The items of a file, or of a folder with a training and a test file.

        Raises:
            DataError: broken or not of this format; says where and what to do.
        """
        raise self._unable("read items")

    def read_answers(self, path: Path, options: TextOptions) -> list[AnswerRow]:
        """The answers of a file, in its order; items without an answer have ``action`` None.

        Raises:
            DataError: broken, or of a task that is not one class an item.
        """
        raise self._unable("read answers")

    def write_rows(
        self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
    ) -> int:
        """Write rows with these columns; how many."""
        raise self._unable("write rows")

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """Write labelled items; how many. Rows with ``id``, what the items are, and ``label``."""
        rows = ({"id": each.key, **each.shown, "label": each.label} for each in sheet.records())
        return self.write_rows(out, ["id", *sheet.columns, "label"], rows)

    def write_batch(self, out: Path | TextIO, sheet: LabelSheet) -> int:
        """Write items to be labelled, with what the model suggests; how many.

        Rows with ``id``, what the items are, an empty ``label`` to be filled in, ``suggestion`` and
        ``confidence``.
        """
        rows = (
            {
                "id": each.key,
                **each.shown,
                "label": None,
                "suggestion": each.suggestion,
                "confidence": each.confidence,
            }
            for each in sheet.records()
        )
        names = ["id", *sheet.columns, "label", "suggestion", "confidence"]
        return self.write_rows(out, names, rows)

    @classmethod
    def writes_tables(cls) -> bool:
        """Whether any table can be written: predictions, the whole account."""
        return cls.write_rows is not AbstractFormat.write_rows

    def needed_package(self) -> ModuleType:
        """The package that reads and writes the files.

        Raises:
            CapabilityError: it is not installed; says how.
        """
        try:
            return import_module(str(self.package))
        except ImportError as error:
            raise CapabilityError(
                f"{self.title} needs a package that is not installed",
                expected=self.package,
                todo=f"pip install {self.package}",
            ) from error

    def _unable(self, what: str) -> UsageError:
        able = [name for name in formats.names() if name != self.name]
        return UsageError(
            f"{self.title} cannot {what}",
            got=self.name,
            todo=f"choose another format: {', '.join(able)}",
        )


formats: Registry[AbstractFormat] = Registry("format", "pauca.formats", "formats")
"""Every format by name; a module of this package that registers one is found by itself."""


def formats_with(ability: Ability) -> list[AbstractFormat]:
    """Every format that can do this, by name."""
    found = (formats.make(name, {}) for name in formats.names())
    return [each for each in found if ability in each.abilities]


def find_format(path: Path, ability: Ability, name: str | None = None) -> AbstractFormat:
    """The format of a file: the one of this name, else by its content, else by its suffix.

    Raises:
        UnknownNameError: there is no format of this name.
        UsageError: the format cannot do this, or the file is of none that is known.
    """
    able = formats_with(ability)
    if name is not None:
        found = formats.make(name, {})
        if ability not in found.abilities:
            raise UsageError(
                f"{found.title} cannot {_WORDS[ability]}",
                got=name,
                todo=f"choose one of: {', '.join(each.name for each in able)}",
            )
        return found
    if path.is_file():
        special = [each for each in able if not each.general and each.recognises(path)]
        if special:
            return special[0]
    suffix = path.suffix.lower()
    by_suffix = [each for each in able if suffix in each.suffixes]
    general = [each for each in by_suffix if each.general]
    if general or by_suffix:
        return (general or by_suffix)[0]
    raise UsageError(
        "the format is not known",
        expected=", ".join(each.name for each in able),
        got=path.name,
        todo="name it with --format",
    )


_WORDS: dict[Ability, str] = {
    "items": "read items",
    "answers": "read answers",
    "labels": "write labels",
    "batch": "write a batch",
}
