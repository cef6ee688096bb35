"""What a format is: files of other tools on one side, raw parts and records on the other.

A format turns a file (or a folder) into a ``Part``: rows of cells as they came, pictures as bytes,
an array. It decides nothing about them; what a column is, ``pauca.data.columns`` decides, for data
sets and labelling projects alike. It also turns answers of other tools into ``AnswerRow``, and
writes labels and batches. A new format is one module of this package that registers one class; the
contract test runs over it at once.
"""

import os
import stat
from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from pauca.errors import CapabilityError, DataError, PaucaError, UsageError
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
    "check_file",
    "check_room",
    "find_format",
    "formats",
    "formats_with",
    "library",
    "machine_memory",
    "read_items",
    "reading",
]

_SHARE = 0.8  # of the machine's memory that data may fill

Raw = Path | bytes
"""A picture as it is kept: a file, or the bytes of one."""

Ability = Literal["items", "answers", "labels", "batch"]
"""What a format can do: read items, read answers, write labels, write a batch to be labelled."""

Holding = Literal["rows", "images", "arrays"]
"""What a file can hold."""

Action = Literal["label", "skip", "unsure", "flag", "undo"]
"""What a person did with an item, as files say it."""


@dataclass(frozen=True)
class TextOptions:
    """How a file of text is read; what is None is detected, and said.

    Args:
        encoding: Name of the encoding: ``utf-8``, ``utf-16``, ``cp1252``, ``latin-1``, ...
        delimiter: What separates cells: ``,`` ``;`` tab or ``|``.
        image: Column of the pictures, in formats that keep pictures in cells.
        id_column: Of answers: column of the ids.
        label_column: Of answers: column of the names of classes.
        control: Of answers to several questions: the question that is read.
    """

    encoding: str | None = None
    delimiter: str | None = None
    image: str | None = None
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
        files: All files that the pictures are read from; none for those in memory.
    """

    blocks: Callable[[], Iterable[Sequence[Raw]]]
    name: Callable[[int], str]
    stored: NDArray[np.generic] | None = None
    files: tuple[Path, ...] = ()


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
        image: Column of the pictures, where they are cells of one.
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
    image: str | None = None
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

    def __post_init__(self) -> None:
        """Refuse parts of different kinds.

        Raises:
            DataError: one holds pictures or an array and the other does not, or items of another
                shape.
        """
        kinds = [_holding(part) for part in self.parts]
        if len(set(kinds)) > 1:
            raise DataError(
                "the test part is of another kind than the training part",
                expected=kinds[0],
                got=kinds[1],
                where=self.parts[1].where,
                todo="give both parts in the same form, with items of one shape",
            )

    @property
    def parts(self) -> tuple[Part, ...]:
        """Both, as far as they are there."""
        return (self.train,) if self.test is None else (self.train, self.test)


def _holding(part: Part) -> str:
    if part.array is not None:
        form = "sparse rows" if hasattr(part.array, "tocsr") else "an array of items"
        return f"{form} {list(part.array.shape[1:])}"
    return "pictures" if part.images is not None else "rows of cells"


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
        original: The bytes of the picture of an item as the data hold them, and its file's name.
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
        holds: What its files can hold: rows of cells, images, arrays.
        options: Names of the options of ``load_dataset`` that only some formats have: how a file of
            text is read, which column holds the images.
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
    holds: ClassVar[frozenset[Holding]] = frozenset({"rows"})
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


def check_file(path: Path) -> Path:
    """The path, if a file of at least one byte is there; pipes and devices are never opened.

    Raises:
        DataError: nothing is there, or no regular file, or an empty one.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise DataError(
            "there is no such file", got=f"{path} ({said})", todo="check the path"
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise DataError(
            "this is no file",
            expected="a regular file",
            got="a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, a device or a socket",
            where=str(path),
            todo="name a file",
        )
    if found.st_size == 0:
        raise DataError("the file has zero bytes", where=str(path), todo="fetch or write it again")
    return path


@contextmanager
def reading(path: Path, expected: str, todo: str = "fetch or write it again") -> Iterator[None]:
    """Where a library reads a file: whatever it raises becomes one error that names the file.

    Broken files make libraries raise errors of every kind (``struct.error``, ``MemoryError``,
    ``NotImplementedError``, ...), so none is listed here; only calls of a library belong inside.

    Args:
        path: The file.
        expected: What it should have been: "a whole parquet file".
        todo: What to do about it.

    Raises:
        DataError: in place of what the library raised.
    """
    check_file(path)
    with library(str(path), expected, todo):
        yield


@contextmanager
def library(
    where: str,
    expected: str,
    todo: str = "fetch or write it again",
    what: str = "the file cannot be read",
    kind: type[PaucaError] = DataError,
) -> Iterator[None]:
    """Where a library reads what is no file, or a file that is open; see ``reading``.

    Args:
        where: What it reads, for messages.
        expected: What that should have been.
        todo: What to do about it.
        what: What is wrong.
        kind: Of the error.

    Raises:
        DataError: in place of what the library raised; or another kind that is asked for.
    """
    try:
        yield
    except PaucaError:
        raise
    except Exception as error:  # the door to a library: what is broken raises what it likes
        said = " ".join(_words_of(error).split())[:200]
        raise kind(
            what,
            expected=expected,
            got=f"{type(error).__name__}: {said}" if said else type(error).__name__,
            where=where,
            todo=todo,
        ) from error


def _words_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # one whose text cannot be made
        return ""


def machine_memory() -> int | None:
    """Bytes of memory that the machine has; None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def check_room(size: int, where: str) -> None:
    """Refuse what would take more than 80% of the machine's memory, before any is taken.

    Raises:
        DataError: it would.
    """
    have = machine_memory()
    if have is not None and size > _SHARE * have:
        raise DataError(
            "this does not fit into memory",
            expected=f"at most {_SHARE:.0%} of {have / 1e9:.1f} GB",
            got=f"{size / 1e9:.1f} GB",
            where=where,
            todo="take fewer items or columns, or smaller types",
        )


def formats_with(ability: Ability) -> list[AbstractFormat]:
    """Every format that can do this, by name."""
    made = (formats.make(name, {}) for name in formats.names())
    return [each for each in made if ability in each.abilities]


def find_format(path: Path, ability: Ability = "items", name: str | None = None) -> AbstractFormat:
    """What reads a file or a folder: by name, by what its first bytes say, or by its suffix.

    Args:
        path: A file, a folder of images, or a folder with train and test files of a format.
        ability: What it has to be able to do.
        name: Of the format; found if None.

    Raises:
        UnknownNameError: no format of this name.
        UsageError: the format that is named cannot do this.
        DataError: no format that can do it takes this file.
    """
    able = formats_with(ability)
    if name is not None:
        return _named(name, ability, able)
    if path.is_dir():
        return _folder_of(path, able)
    suffix = path.suffix.lower()
    special = [each for each in able if not each.general and _recognises(each, path)]
    by_suffix = [each for each in able if suffix in each.suffixes]
    general = [each for each in by_suffix if each.general]
    unnamed = [] if by_suffix else [each for each in able if _recognises(each, path)]
    fitting = [*special, *general, *by_suffix, *unnamed]
    if fitting:
        return fitting[0]
    known = sorted({suffix for each in able for suffix in each.suffixes})
    raise DataError(
        "the format is not known",
        expected=f"a file ending in {', '.join(known)}"
        + (", or a folder" if ability == "items" else ""),
        got=path.name,
        todo="save it in one of these formats, or name its format",
    )


_WORDS: dict[Ability, str] = {
    "items": "read items",
    "answers": "read answers",
    "labels": "write labels",
    "batch": "write a batch",
}


def _named(name: str, ability: Ability, able: Sequence[AbstractFormat]) -> AbstractFormat:
    found = formats.make(name, {})
    if ability not in found.abilities:
        raise UsageError(
            f"{found.title} cannot {_WORDS[ability]}",
            got=name,
            todo=f"choose one of: {', '.join(each.name for each in able)}",
        )
    return found


def read_items(path: Path, options: TextOptions | None = None) -> Items:
    """The items of a file or a folder, in whatever format it is; see ``find_format``."""
    return find_format(path).read_items(path, options or TextOptions())


def _recognises(form: AbstractFormat, path: Path) -> bool:
    try:
        return form.recognises(check_file(path))
    except (DataError, OSError):  # what is wrong with it, reading says
        return False


def _folder_of(path: Path, able: Sequence[AbstractFormat]) -> AbstractFormat:
    """A folder with train files of a format of rows, or else a folder of images."""
    for each in able:
        for suffix in each.suffixes if each.general else ():
            if any(path.glob(f"train*{suffix}")) or any(path.glob(f"data/train*{suffix}")):
                return each
    return formats.make("folder", {})
