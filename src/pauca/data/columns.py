"""What a column is: decided here once, for a data set and for a labelling project alike.

Everything is decided on the training part as it came, before a test part is cut off it, and what is
guessed, left out or converted is said. Content counts: a column of numbers, of dates, of a few
words, of texts or of vectors is told by its cells, a label or an id by the name of its column.
"""

import ast
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pauca.data.labels import Copies, check_classes, in_order, listed
from pauca.errors import DataError, nearest
from pauca.formats.answers import same_label
from pauca.formats.base import Items, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LABEL_NAMES",
    "MOST_CATEGORIES",
    "Column",
    "ColumnOptions",
    "EmptyTexts",
    "Labels",
    "Missing",
    "Roles",
    "Unusable",
    "cells_of",
    "find_column",
    "find_roles",
    "has_text",
    "id_column",
    "items_of",
    "joined_texts",
    "numbers_of",
    "pool_notes",
    "read_labels",
]

Missing = Literal["refuse", "mean"]
"""What an empty cell of a number column does: stop, or become the mean of the training part."""

Unusable = Literal["refuse", "leave-out"]
"""What a column that can be no feature does: stop, or be left out."""

EmptyTexts = Literal["leave-out", "keep", "refuse"]
"""What an item without a text does: be left out, stay (without any weight), or stop."""

LABEL_NAMES = ("label", "class", "target", "category")
"""Columns taken for the label when none is named."""

MOST_CATEGORIES = 50
"""A column of words with more different ones than this is no set of categories."""

_LABELLIKE = ("labels", "classes", "y", "gold", "annotation", "answer")
_EMPTY = frozenset(
    {"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "<NA>", "#N/A", "?"}
)
_NO_LABEL = frozenset({"nan", "null", "none", "na", "n/a"})
_MOSTLY = 0.9
_SAMPLE = 1000
_FEW_ROWS, _MANY_ROWS = 20, 100
_FEW_VALUES = 10


@dataclass(frozen=True)
class ColumnOptions:
    """How the columns of a table are read; what is None is found.

    Args:
        label: Column of the labels; without one, the one that the format names, or one called
            label, class, target or category.
        id: Column of the ids; without one, the one that the format names, or one called id.
        text: Columns of texts, joined by an empty line. Without them, the ones that the format
            names, one called text, or the only one that holds texts.
        features: Columns to use; all that are left by default.
        group: Column of the group of each row; a group is never cut by the held-out part.
        classes: Every class; the labels that occur by default.
        test_fraction: Share held out when there is no test part.
        seed: Decides which rows are held out.
        missing: What an empty cell of a number column does.
        vocabulary: At most this many words.
        decimal: Mark of decimals in numbers, ``,`` or ``.``; found where it is clear.
        thousands: Mark of thousands in numbers; found where it is clear.
        label_separator: What separates several labels in one cell.
        join_labels: Whether labels that differ by case, blanks or Unicode form alone are one class.
        keep: Columns to use although they would be left out.
        unusable: What a column that can be no feature does.
        empty_texts: What an item without a text does.
        copies: What is done with equal rows when a test part is cut off.
    """

    label: str | None = None
    id: str | None = None
    text: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    group: str | None = None
    classes: tuple[str, ...] | None = None
    test_fraction: float = 0.2
    seed: int = 0
    missing: Missing = "refuse"
    vocabulary: int = 4096
    decimal: str | None = None
    thousands: str | None = None
    label_separator: str | None = None
    join_labels: bool = False
    keep: tuple[str, ...] = ()
    unusable: Unusable = "refuse"
    empty_texts: EmptyTexts = "leave-out"
    copies: Copies = "note"


@dataclass(frozen=True)
class Reading:
    """How the texts of a column become numbers.

    Args:
        way: As Python reads numbers, with marks of their own, as dates, as times of the day, or
            as true and false.
        decimal: Mark of decimals, with ``way`` marks.
    """

    way: Literal["plain", "marks", "dates", "times", "booleans"] = "plain"
    decimal: str = "."


@dataclass(frozen=True, eq=False)
class Column:
    """What one column of the training part turned out to be.

    Args:
        name: Of the column.
        content: numbers (dates and booleans too), words, texts, vectors; or why it is none.
        numbers: float64 [n] of numbers, NaN where a cell is empty.
        reading: How its texts become numbers.
        said: What was converted.
        left_out: Why it is no feature, unless it is asked for.
        fault: Why it can be no feature at all.
        got: A cell that shows it.
        row: Row of that cell.
        constant: Whether all of its cells are equal.
    """

    name: str
    content: Literal["numbers", "words", "texts", "vectors", "none"]
    numbers: NDArray[np.float64] | None = None
    reading: Reading = Reading()
    said: str | None = None
    left_out: str | None = None
    fault: str | None = None
    got: str | None = None
    row: Any = None
    constant: bool = False


@dataclass(frozen=True, eq=False)
class Roles:
    """Which column is what.

    Args:
        label: Of the labels, or None.
        id: Of the ids, or None.
        group: Of the groups, or None.
        text: Of the texts, to be joined; then there are no features.
        features: Of numbers and few words, or one of vectors.
        left_out: Every other column, and why.
        notes: What has to be said.
        columns: What the features turned out to be.
    """

    label: str | None
    id: str | None
    group: str | None
    text: tuple[str, ...]
    features: tuple[str, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    columns: Mapping[str, Column] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Labels:
    """The class of each item, by name.

    Args:
        classes: All classes in order; empty where there are no labels.
        values: Name of the class of each item, a list for each part; None for no label.
        notes: What was converted, joined or is odd.
    """

    classes: tuple[str, ...]
    values: tuple[list[str | None], ...]
    notes: tuple[str, ...] = ()


def items_of(train: "pd.DataFrame", test: "pd.DataFrame | None", where: str) -> Items:
    """Frames as the items that a file would give."""
    later = None if test is None else Part(f"{where}, test part", test)
    return Items(Part(where, train), later)


def find_column(frame: "pd.DataFrame", name: str, where: str, option: str) -> str:
    """``name`` itself, when the table has such a column.

    Raises:
        DataError: it has not; the nearest one is named.
    """
    if name not in frame.columns:
        close = nearest(name, map(str, frame.columns))
        raise DataError(
            f"there is no column {name!r}",
            expected=name,
            got=listed(list(map(str, frame.columns)), 20) or "no columns",
            where=where,
            todo=f"did you mean {close!r}?" if close else f"name another with {option}",
        )
    return name


# ---------------------------------------------------------------------------- which column is what


def find_roles(items: Items, options: ColumnOptions) -> Roles:
    """Which column is the label, the id, the group, the text, and which are features.

    Items that are pictures or come as an array have no features among their columns.

    Raises:
        DataError: a column that is named is not there; more than one may be the label or the text;
            columns that can be no feature (all of them are named); nothing is left to learn from.
    """
    label, id_ = _label_column(items, options), id_column(items, options)
    group = _named(items, options.group, "group")
    taken = {name for name in (label, id_, group) if name is not None}
    train = items.train
    if train.images is not None or train.array is not None:
        return Roles(label, id_, group, (), (), {}, ())
    text = _text_columns(items, options)
    for name in (*(options.features or ()), *options.keep):
        _named(items, name, "features" if name in (options.features or ()) else "keep")
    _check_taken(label, text, options, train.where)
    if text:
        rest = [str(c) for c in train.frame.columns if c not in {*taken, *text}]
        left = dict.fromkeys(rest, f"the features are made of {' and '.join(map(repr, text))}")
        return Roles(label, id_, group, text, (), left, _left_note(left))
    return _features(items, options, (label, id_, group))


def _named(items: Items, name: str | None, option: str) -> str | None:
    """A column that is asked for by name; it has to be in every part."""
    if name is not None:
        for part in items.parts:
            find_column(part.frame, name, part.where, option)
    return name


def _label_column(items: Items, options: ColumnOptions) -> str | None:
    train = items.train
    if options.label is not None or train.label is not None:
        return _named(items, options.label or train.label, "label")
    other = {options.id, options.group, *(options.text or ())}
    names = [str(name) for name in train.frame.columns]
    known = [name for name in names if name.lower() in LABEL_NAMES and name not in other]
    if len(known) > 1:
        raise DataError(
            "more than one column may be the label",
            got=", ".join(known),
            where=train.where,
            todo="say which with label",
        )
    return _named(items, known[0], "label") if known else None


def pool_notes(items: Items, roles: Roles) -> tuple[str, ...]:
    """What is said of a data set without labels."""
    names = [str(name) for name in items.train.frame.columns if name != roles.id]
    if roles.label is not None:
        return ()
    if not names:
        return ("there are no labels: read as a pool (classes lists those that it will have)",)
    like = [name for name in names if name.lower() in _LABELLIKE]
    said = f"; perhaps {' or '.join(map(repr, like))}" if like else ""
    return (
        f"no column is called {', '.join(LABEL_NAMES[:-1])} or {LABEL_NAMES[-1]}: read as a pool "
        f"without labels (say which column holds them with label{said})",
    )


def id_column(items: Items, options: ColumnOptions) -> str | None:
    """Column of the ids: the one that is named, or that the format names, or one called id.

    Raises:
        DataError: the one that is named is not there.
    """
    train = items.train
    if options.id is not None:
        return _named(items, options.id, "id")
    if train.id is not None:
        return train.id
    used = {*(options.features or ()), *options.keep, *(options.text or ())}
    used |= {name for name in (options.label, options.group) if name is not None}
    names = (str(name) for name in train.frame.columns)
    return next((name for name in names if name.lower() == "id" and name not in used), None)


def _text_columns(items: Items, options: ColumnOptions) -> tuple[str, ...]:
    if options.text:
        for name in options.text:
            _named(items, name, "text")
        return options.text
    if options.features:
        return ()
    if items.train.text:
        return items.train.text
    frame, other = items.train.frame, (options.label, options.id, options.group)
    name = next((str(c) for c in frame.columns if str(c).lower() == "text" and c not in other), "")
    if not name:
        return ()
    whole = bool(len(frame)) and _kind_of(frame[name].tolist()) == "text"
    return (str(_named(items, name, "text")),) if whole else ()


def _check_taken(
    label: str | None, text: Sequence[str], options: ColumnOptions, where: str
) -> None:
    for names, option in ((options.features or (), "features"), (text, "text")):
        if label in names:
            raise DataError(
                f"the label is among the {option}" if option == "features" else "the label is text",
                got=listed(names),
                where=where,
                todo=f"leave {label!r} out of {option}, or name another column with label",
            )
    if text and options.features:
        raise DataError(
            "both text and features are named",
            got=f"text {listed(text)}; features {listed(options.features)}",
            where=where,
            todo="leave one of them out: features are made of texts, or of numbers and words",
        )


def _features(
    items: Items, options: ColumnOptions, taken: tuple[str | None, str | None, str | None]
) -> Roles:
    """Roles of a table without named texts."""
    train, where = items.train, items.train.where
    names = options.features or tuple(str(c) for c in train.frame.columns if c not in taken)
    columns = _judged(train.frame, names, options)
    asked = {*(options.features or ()), *options.keep}
    free = [c for c in columns.values() if c.left_out is None or c.name in asked]
    left = {c.name: c.left_out for c in columns.values() if c.left_out and c.name not in asked}
    if taken[1] is not None:
        left[taken[1]] = "the id"
    said = [f"column {c.name!r} is kept as asked for: {c.left_out}" for c in free if c.left_out]
    good, text, faults = _chosen(free, left, said, options.features is not None, where)
    if faults and options.unusable == "refuse":
        raise _refusal(faults, where)
    left |= {c.name: f"it {c.fault}" for c in faults}
    if not good and not text:
        good = [_sole(columns, left, where)]
        said.append(
            f"column {good[0].name!r} is kept because there is no other: {good[0].left_out}"
        )
        del left[good[0].name]
    for part in items.parts[1:]:
        for name in (*text, *(c.name for c in good)):
            find_column(part.frame, name, part.where, "features")
    return Roles(
        *taken,
        text=text,
        features=tuple(c.name for c in good),
        left_out=left,
        notes=(*said, *_left_note(left), *_said(good)),
        columns={c.name: c for c in good},
    )


def _chosen(
    free: Sequence[Column], left: dict[str, str], said: list[str], named: bool, where: str
) -> tuple[list[Column], tuple[str, ...], list[Column]]:
    """Columns of features, columns of texts, and those that can be neither.

    Vectors alone are an embedding; texts count where there are no numbers, words or vectors.
    """
    good = [c for c in free if c.content in ("numbers", "words")]
    vectors = [c for c in free if c.content == "vectors"]
    texts = [c for c in free if c.content == "texts"]
    faults = [c for c in free if c.content == "none"]
    if len(vectors) == 1 and (not named or len(free) == 1):
        why = f"the features are the vectors of {vectors[0].name!r}"
        left |= {c.name: why for c in (*good, *texts, *faults)}
        return vectors, (), []
    faults += [replace(c, fault="holds vectors beside other columns") for c in vectors]
    if named:
        return good, (), faults + [replace(c, fault="holds texts") for c in texts]
    if good:
        left |= {c.name: "it holds texts; name it with text to learn from it" for c in texts}
        return good, (), faults
    text = _only_text(texts or [c for c in faults if _worded(c)], texts, where)
    if text:
        said.append(f"the texts are those of column {text[0]!r}, the only one that holds texts")
        left |= {c.name: f"the features are made of {text[0]!r}" for c in faults}
        left.pop(text[0], None)
        faults = []
    return [], text, faults


def _worded(column: Column) -> bool:
    """Whether its cells hold several words each, so that it may be a text."""
    return column.reading.way == "plain" and column.got is not None and " " in column.got.strip()


def _only_text(spare: Sequence[Column], texts: Sequence[Column], where: str) -> tuple[str, ...]:
    if len(texts) > 1:
        raise DataError(
            "more than one column may be the text",
            got=listed([c.name for c in texts]),
            where=where,
            todo="say which with text; several are joined",
        )
    return (spare[0].name,) if len(spare) == 1 else ()


def _sole(columns: Mapping[str, Column], left: Mapping[str, str], where: str) -> Column:
    """The one column that was left out for its distinct numbers alone, when there is no other."""
    spare = [c for c in columns.values() if c.left_out == _DISTINCT]
    if len(spare) == 1 and len(columns) == 1:
        return spare[0]
    raise DataError(
        "the table has no column of features",
        expected="numbers, a few words, texts or vectors beside the label",
        got="; ".join(f"{name!r}: {why}" for name, why in list(left.items())[:10]) or "none",
        where=where,
        todo="use a column in spite of that with keep" if left else "add a column to learn from",
    )


def _refusal(faults: Sequence[Column], where: str) -> DataError:
    advice = "leave it out with unusable = 'leave-out' or choose columns with features"
    first = faults[0]
    if len(faults) == 1:
        return DataError(
            f"column {first.name!r} {first.fault}",
            expected=f"numbers, or at most {MOST_CATEGORIES} different words",
            got=first.got,
            where=where if first.row is None else f"{where}, row {first.row}",
            todo=f"name it with label, id or text if it is that, {advice}",
        )
    shown = [f"{c.name!r} {c.fault}" + (f" ({c.got})" if c.got else "") for c in faults]
    return DataError(
        f"{len(faults)} columns cannot be used as features",
        expected=f"numbers, or at most {MOST_CATEGORIES} different words",
        got="; ".join(shown[:10]) + ("; ..." if len(shown) > 10 else ""),
        where=where,
        todo="name them with label, id or text if they are that, "
        + advice.replace("leave it", "leave them"),
    )


def _left_note(left: Mapping[str, str]) -> tuple[str, ...]:
    if not left:
        return ()
    whys: dict[str, list[str]] = {}
    for name, why in left.items():
        whys.setdefault(why, []).append(repr(name))
    said = "; ".join(f"{listed(names)} ({why})" for why, names in whys.items())
    return (f"left out of the features: {said}",)


def _said(columns: Sequence[Column]) -> tuple[str, ...]:
    """What was converted or is odd, columns of one kind together."""
    kinds: dict[str, list[str]] = {}
    for column in columns:
        if column.said is not None:
            kinds.setdefault(column.said, []).append(repr(column.name))
        if column.constant:
            kinds.setdefault("columns that never change", []).append(repr(column.name))
    return tuple(f"{what}: {listed(names)}" for what, names in kinds.items())


# ------------------------------------------------------------------------------- what a column is

_ROW_NUMBERS = "the numbers of the rows"
_DISTINCT = "a different whole number in every row, as an id has"
_UNNAMED = re.compile(r"^\s*$|^Unnamed: \d+(_level_\d+)?$")
_INDEX_NAME = re.compile(r"^(index|level_\d+|row_?(nr|num|number|no|id)?|rownames?)$", re.I)
_ID_NAME = re.compile(
    r"^(ids?|idx|uu_?id|gu_?id|key|#|no\.?|nr\.?)$"
    r"|[ _.\-](id|uuid|guid|key)$|^(id|uuid|guid)[ _.\-]",
    re.I,
)
_ID_END = re.compile(r"[a-z](ID|Id)$")
_TIME_NAME = re.compile(r"time|date|stamp|epoch|year|^ts?$|_(at|on|ms|us|ns)$", re.I)
_WHOLE = re.compile(r"\s*[+-]?\d+\s*")
_DAY = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?"
)
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")
_OTHER_DAY = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b.*|\d{4}[./]\d{1,2}[./]\d{1,2}\b.*")
_GAPS = "'\u2019 \u00a0\u202f"
# decimal comma: 1.234,56 and 1 234,56; decimal point: 1,234.56 and 1'234.56
_MARKED = {
    mark: re.compile(
        rf"(?=.*\d)[+-]?(\d+|[1-9]\d{{0,2}}([{other}{_GAPS}]\d{{3}})+)?([{mark}]\d+)?([eE][+-]?\d+)?"
    )
    for mark, other in ((",", "."), (".", ","))
}
_UNIT = re.compile(r"([€$£¥]?)\s*[+-]?\d[\d.,]*\s*(%|‰|[€$£¥]|°?[a-zA-Zµ]{1,4}(/[a-zA-Z]{1,3})?)?")


def _judged(
    frame: "pd.DataFrame", names: Sequence[str], options: ColumnOptions
) -> dict[str, Column]:
    """What each of these columns is; a decimal mark that one shows decides those that it leaves."""
    decimal = options.decimal or {",": ".", ".": ","}.get(options.thousands or "")
    columns = {name: _judge(name, frame[name], decimal) for name in names}
    marked = {c.name: c.reading.decimal for c in columns.values() if c.reading.way == "marks"}
    shown = {mark for name, mark in marked.items() if columns[name].content == "numbers"}
    if decimal is None and len(shown) == 1:
        for name, column in columns.items():
            clear = column.content == "numbers" and (name in marked or column.left_out)
            if not clear and (name in marked or column.content == "numbers"):
                columns[name] = _judge(name, frame[name], next(iter(shown)))
    return columns


def _judge(name: str, column: "pd.Series[Any]", decimal: str | None) -> Column:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        if column.dtype.kind == "c":
            return Column(name, "none", fault="holds complex numbers", got=str(column.iloc[0]))
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return _as_numbers(Column(name, "numbers", numbers), column.dtype.kind in "iu")
    if column.dtype.kind in "mM":
        way = Reading("dates")
        return Column(name, "numbers", _seconds(column), way, said=_conversion(way))
    kind = "text" if isinstance(column.dtype, pd.StringDtype) else _kind_of(column.tolist())
    if kind == "vector":
        return Column(name, "vectors")
    if kind in _OBJECTS:
        got = _first_of(column.tolist(), kind)
        return Column(name, "none", fault=_OBJECTS[kind], got=got)
    return _judge_texts(name, column, cells_of(column), decimal)


_OBJECTS = {
    "object": "holds objects with fields, as records of Argilla and Label Studio do",
    "list": "holds lists of words",
    "bytes": "holds bytes",
}


def _kind_of(cells: Sequence[object]) -> str:
    """text, vector, list, object or bytes: by the first cell, and whether others are lists."""
    first = next((cell for cell in cells if not _nothing(cell)), "")
    types = set(map(type, cells))
    if isinstance(first, list | tuple) or (isinstance(first, np.ndarray) and first.ndim):
        plain = len(first) == 0 or (not _ragged(first) and np.asarray(first).dtype.kind in "iufb")
        return "vector" if plain else "list"
    if types & {dict, bytes}:
        return "object" if dict in types else "bytes"
    return "list" if types & {list, tuple, np.ndarray} else "text"


def _first_of(cells: Sequence[object], kind: str) -> str:
    """A cell that makes the column what it is, for messages."""
    types = {"object": dict, "bytes": bytes, "list": list | tuple | np.ndarray}
    return reprlib.repr(next(cell for cell in cells if isinstance(cell, types.get(kind, object))))


def _ragged(cell: Iterable[Any]) -> bool:
    """Whether a cell holds more than one plain value after the other."""
    return any(isinstance(each, list | tuple | np.ndarray | dict) or each is None for each in cell)


def _nothing(cell: object) -> bool:
    """None, NaN, or what pandas has for them."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float | np.floating) and bool(cell != cell)


def cells_of(column: "pd.Series[Any]") -> NDArray[np.object_]:
    """The cells as texts; nothing becomes the empty text."""
    import pandas as pd

    cells = np.array(column.to_numpy(dtype=object), copy=True)
    if isinstance(column.dtype, pd.StringDtype):
        cells[np.asarray(column.isna())] = ""
    elif pd.api.types.infer_dtype(cells, skipna=False) != "string":
        plain = ("" if _nothing(cell) else cell for cell in column.tolist())
        cells[:] = [cell if isinstance(cell, str) else str(cell) for cell in plain]
    return cells


def _judge_texts(
    name: str, column: "pd.Series[Any]", cells: NDArray[np.object_], decimal: str | None
) -> Column:
    """A column of texts: numbers in some way of writing, words, or texts."""
    if decimal is None:
        numbers = _floats(cells)
        if numbers is not None:
            return _as_numbers(Column(name, "numbers", numbers), cells)
    codes, uniques = _coded(cells)
    full = np.array([unique not in _EMPTY for unique in uniques], dtype=bool)
    known = [unique for unique, good in zip(uniques, full.tolist(), strict=True) if good]
    if not known:
        return Column(name, "none", fault="is empty")
    reading, ambiguous = _reading(known, decimal)
    if ambiguous:
        return Column(
            name,
            "none",
            fault="holds numbers whose comma may be the decimal mark or that of thousands: "
            "say which with decimal or thousands",
            got=repr(ambiguous),
            reading=Reading("marks"),
        )
    if reading is not None:
        made = Column(name, "numbers", _parse(uniques, reading)[codes], reading)
        return _as_numbers(replace(made, said=_conversion(reading)), cells)
    return _worded_column(name, column, codes, uniques, full)


def _floats(cells: NDArray[np.object_]) -> NDArray[np.float64] | None:
    """All cells as Python reads numbers; None where one of them is none, or empty."""
    try:
        return cells.astype(np.float64)
    except ValueError:
        return None


def _coded(cells: NDArray[np.object_]) -> tuple[NDArray[np.intp], list[str]]:
    """Place of each cell among the different ones, and these without blanks at their ends."""
    import pandas as pd

    codes, uniques = pd.factorize(cells)
    return np.asarray(codes), [str(unique).strip() for unique in uniques]


def _parse(cells: Sequence[str], reading: Reading) -> NDArray[np.float64]:
    """Numbers of stripped cells, NaN where one is empty or no such number."""
    numbers = np.full(len(cells), np.nan)
    if reading.way in ("dates", "times"):
        known = [i for i, cell in enumerate(cells) if cell not in _EMPTY]
        numbers[known] = _clock([cells[i] for i in known], reading.way)
        return numbers
    for i, cell in enumerate(cells):
        if cell not in _EMPTY:
            numbers[i] = _number(cell, reading)
    return numbers


def _number(cell: str, reading: Reading) -> float:
    if reading.way == "booleans":
        return {"true": 1.0, "false": 0.0}.get(cell.lower(), np.nan)
    if reading.way == "marks":
        if not _MARKED[reading.decimal].fullmatch(cell):
            return np.nan
        other = "." if reading.decimal == "," else ","
        cell = re.sub(f"[{other}{_GAPS}]", "", cell).replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _clock(cells: Sequence[str], way: str) -> NDArray[np.float64]:
    """Seconds since 1970, or since midnight; NaN where a cell is no such thing."""
    import pandas as pd

    if way == "dates":
        days = pd.to_datetime(
            pd.Series(cells, dtype=object), format="ISO8601", utc=True, errors="coerce"
        )
        return _seconds(days)
    numbers = []
    for cell in cells:
        parts = [float(part) for part in cell.split(":")] if _TIME.fullmatch(cell) else [np.nan]
        numbers.append(
            sum(part * 60**power for part, power in zip(parts, (2, 1, 0), strict=False))
            if len(parts) > 1
            else np.nan
        )
    return np.array(numbers, dtype=np.float64)


def _seconds(column: "pd.Series[Any]") -> NDArray[np.float64]:
    """Seconds since 1970 (UTC) of dates, seconds of durations; NaN where there is none."""
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert(None)
    kind = "datetime64" if column.dtype.kind == "M" else "timedelta64"
    ticks = column.to_numpy(dtype=f"{kind}[us]")
    return np.where(np.isnat(ticks), np.nan, ticks.astype(np.int64) / 1e6)


def _conversion(reading: Reading) -> str | None:
    return {
        "dates": "dates are read as seconds since 1970",
        "times": "times are read as seconds since midnight",
        "marks": f"numbers are read with {reading.decimal!r} as the mark of decimals",
    }.get(reading.way)


def _reading(known: Sequence[str], decimal: str | None) -> tuple[Reading | None, str | None]:
    """How all of these cells are numbers, or None; and a cell that can be read in two ways."""
    sample = known[:20]
    if all(cell.lower() in ("true", "false") for cell in (*sample, *known)):
        return Reading("booleans"), None
    for way, form in (("dates", _DAY), ("times", _TIME)):
        if all(form.fullmatch(cell) for cell in sample) and _all_clock(known, form, way):
            return Reading(way), None  # type: ignore[arg-type]  # both are ways
    marks = [mark for mark, form in _MARKED.items() if _all_marked(known, sample, form)]
    if decimal in marks and any(not _plain_number(cell) or "." in cell for cell in known):
        return Reading("marks", str(decimal)), None
    plain = all(_plain_number(cell) for cell in sample) and all(map(_plain_number, known))
    if plain:
        return Reading(), None
    if len(marks) == 1 and decimal is None:
        return Reading("marks", marks[0]), None
    odd = next((cell for cell in known if not _plain_number(cell)), None)
    return None, odd if len(marks) == 2 and odd is not None else None


def _all_clock(known: Sequence[str], form: "re.Pattern[str]", way: str) -> bool:
    whole = all(form.fullmatch(cell) for cell in known)
    return whole and not bool(np.isnan(_clock(known, way)).any())


def _all_marked(known: Sequence[str], sample: Sequence[str], form: "re.Pattern[str]") -> bool:
    return all(form.fullmatch(c) for c in sample) and all(form.fullmatch(c) for c in known)


def _plain_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _as_numbers(column: Column, cells: NDArray[np.object_] | bool) -> Column:
    """A column of numbers: a measurement, or numbers of rows, or ids, or mostly empty.

    Args:
        column: As it was read.
        cells: As they are written, or whether they are whole numbers by their type.
    """
    numbers = column.numbers
    assert numbers is not None
    n = len(numbers)
    if _UNNAMED.match(column.name):
        return replace(column, left_out="it has no name, as row numbers have that are saved along")
    known = numbers[~np.isnan(numbers)]
    if n and len(known) < n / 2:
        share = f"{1 - len(known) / n:.0%}"
        if not len(known):
            return replace(column, content="none", fault="is empty")
        return replace(column, content="none", fault=f"is mostly empty: {share} of its cells")
    if n > 1 and bool((numbers == numbers[0]).all()):
        return replace(column, constant=True)
    if column.reading.way in ("dates", "times", "booleans") or len(known) < n:
        return column
    if not _whole_and_distinct(known):
        return column
    return _numbered(column, known, cells)


def _whole_and_distinct(numbers: NDArray[np.float64]) -> bool:
    head = numbers[:_SAMPLE]
    for part in (head, numbers):
        if len(part) < 2 or not np.isfinite(part).all() or (part != np.floor(part)).any():
            return False
        if len(np.unique(part)) < len(part):
            return False
    return True


def _numbered(
    column: Column, numbers: NDArray[np.float64], cells: NDArray[np.object_] | bool
) -> Column:
    """A column with another whole number in every row."""
    n, low, high = len(numbers), numbers.min(), numbers.max()
    if n >= 5 and low in (0, 1) and high - low == n - 1:
        return replace(column, left_out=_ROW_NUMBERS)
    if _INDEX_NAME.match(column.name) or _is_id_name(column.name):
        return replace(column, left_out="an id by its name, and different in every row")
    written = cells if isinstance(cells, bool) else all(map(_WHOLE.fullmatch, cells))
    # with decimals written, or called a time, it was measured
    if not written or n < _FEW_ROWS or _TIME_NAME.search(column.name):
        return column
    dense = high - low < 2 * n
    if n >= _MANY_ROWS or dense or bool((np.diff(numbers) > 0).all()):
        return replace(column, left_out=_DISTINCT)
    said = "a different whole number in every row (if it is an id, leave it out with features)"
    return replace(column, said=said)


def _is_id_name(name: str) -> bool:
    return bool(_ID_NAME.search(name) or _ID_END.search(name))


def _worded_column(
    name: str,
    column: "pd.Series[Any]",
    codes: NDArray[np.intp],
    uniques: list[str],
    full: NDArray[np.bool_],
) -> Column:
    """A column that holds no numbers: words, texts, or something in between."""
    filled = full[codes]
    count, distinct = int(filled.sum()), int(full.sum())
    n = len(codes)
    first = next(u for u, good in zip(uniques, full.tolist(), strict=True) if good)
    wrong = np.array([good and not _plain_number(u) for u, good in zip(uniques, full, strict=True)])
    rows = np.flatnonzero(wrong[codes])
    if len(rows) < (1 - _MOSTLY) * count:
        cell = uniques[codes[rows[0]]]
        row = column.index[rows[0]]
        return Column(name, "none", fault="holds a word among numbers", got=repr(cell), row=row)
    made = Column(name, "words", got=repr(first), constant=len(uniques) == 1 and n > 1)
    if unread := _unread(uniques, full):
        return replace(made, content="none", fault=unread)
    if _texts_by_content(uniques, full, count):
        return replace(made, content="texts")
    if _UNNAMED.match(name):
        return replace(made, left_out="it has no name, as row numbers have that are saved along")
    if count == n and distinct == n and n >= 3:
        why = (
            "an id by its name, and different in every row"
            if _is_id_name(name)
            else ("another word in every row, as an id has")
        )
        made = replace(made, left_out=why)
    if count < n / 2:
        said = f"is mostly empty: {1 - count / n:.0%} of its cells"
        return replace(made, content="none", fault=said)
    if distinct > MOST_CATEGORIES:
        said = "is neither numbers nor a few categories: "
        said += f"{distinct} different values, such as {first!r}"
        return replace(made, content="none", fault=said)
    return made


def _unread(uniques: Sequence[str], full: NDArray[np.bool_]) -> str | None:
    """Why cells of many values are no words: numbers, dates or lists, written in another way."""
    known = [u for u, good in zip(uniques, full.tolist(), strict=True) if good]
    if len(known) <= _FEW_VALUES:
        return None
    if unit := _united(known):
        return f"holds numbers with a sign or unit ({unit}): write the numbers alone"
    if all(map(_OTHER_DAY.fullmatch, known)):
        return "holds dates that are not written as 2020-12-31"
    if all(cell.startswith("[") and cell.endswith("]") for cell in known):
        return "holds lists that are written as text: save them as jsonl or parquet"
    return None


def _united(known: Sequence[str]) -> str | None:
    """The one sign or unit that all of these numbers have."""
    units = set()
    for cell in known:
        found = _UNIT.fullmatch(cell)
        unit = None if found is None else (found[1] or found[2])
        units.add(unit)
        if unit is None or len(units) > 1:
            return None
    return units.pop()


def _texts_by_content(uniques: Sequence[str], full: NDArray[np.bool_], count: int) -> bool:
    """Whether cells are texts: several words, and hardly one twice."""
    known = [u for u, good in zip(uniques, full.tolist(), strict=True) if good]
    step = max(1, len(known) // _SAMPLE)
    words = [len(cell.split()) for cell in known[::step]]
    mean = sum(words) / len(words)
    return mean >= 3 and (len(known) >= count / 2 or (mean >= 5 and len(known) > MOST_CATEGORIES))


def numbers_of(judged: Column, column: "pd.Series[Any]", where: str) -> NDArray[np.float64]:
    """The cells of some rows as numbers, float64 [n], NaN where one is empty; read as training is.

    Raises:
        DataError: a cell is no such number.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return np.array(column.to_numpy(dtype=np.float64, na_value=np.nan), copy=True)
    if column.dtype.kind in "mM":
        return _seconds(column)
    cells = cells_of(column)
    if judged.reading.way == "plain" and (numbers := _floats(cells)) is not None:
        return numbers
    codes, uniques = _coded(cells)
    numbers = _parse(uniques, judged.reading)
    full = np.array([unique not in _EMPTY for unique in uniques], dtype=bool)
    wrong = np.flatnonzero((np.isnan(numbers) & full)[codes])
    if len(wrong):
        raise DataError(
            f"column {judged.name!r} holds words where training holds numbers",
            expected="a number",
            got=repr(uniques[codes[wrong[0]]]),
            where=f"{where}, row {column.index[wrong[0]]}",
            todo="correct it, or leave the column out with features",
        )
    return np.asarray(numbers[codes])


def has_text(text: str) -> bool:
    """Whether anything can be seen of it."""
    return bool(text.strip().strip("\u200b\u200c\u200d\u2060\ufeff").strip())


def joined_texts(frame: "pd.DataFrame", text: Sequence[str], where: str) -> list[str]:
    """The texts of one or more columns, [n]; several joined by an empty line, empty ones passed by.

    Raises:
        DataError: a cell is an object or a list.
    """
    parts = []
    for name in text:
        kind = _kind_of(frame[name].tolist())
        if kind != "text":
            what = {**_OBJECTS, "vector": "holds vectors"}[kind]
            raise DataError(
                f"column {name!r} {what} and no texts",
                expected="a text in every row",
                got=_first_of(frame[name].tolist(), kind),
                where=where,
                todo="write the texts themselves into the column, or name another with text",
            )
        parts.append(cells_of(frame[name]).tolist())
    if len(parts) == 1:
        return list(parts[0])
    rows = zip(*parts, strict=True)
    return ["\n\n".join(cell for cell in row if cell.strip()) for row in rows]


# --------------------------------------------------------------------------------- what labels are

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_WRITTEN_WHOLE = re.compile(r"([+-]?\d+)\.0*")
_SPAN_KEYS = frozenset({"start", "end", "x", "y", "bbox", "points", "width", "height", "polygon"})
_MULTI, _SPANS = "multi-label classification", "span or box annotation"
_REGRESSION, _FREE = "regression", "free"

_Key = tuple[str, str]  # what type a label had, and the text of it


def read_labels(
    columns: Sequence[Iterable[object]],
    where: str,
    options: ColumnOptions,
    class_names: Sequence[str] | None = None,
    *,
    column: str | None = None,
) -> Labels:
    """Names of classes from the cells of a label column, one sequence of cells for each part.

    Words, whole numbers and true or false are names of classes, a list of one its element. Nothing,
    NaN, an empty text or list, and -1 among whole numbers >= 0 (or where names are given) are no
    label. Where names are given, whole numbers stand for their places.

    Args:
        columns: Cells by part; rows of a Series are named by its index.
        where: File and column, for messages.
        options: ``classes``, ``label_separator`` and ``join_labels`` are used.
        class_names: Names of the numbers, as the file itself says them.
        column: Name of the column; a label of that name is said.

    Raises:
        DataError: the labels are those of another task (several a row, decimals, spans, boxes), or
            one is not among the classes given.
    """
    keys = [_keys(cells, _at(where, i), options.label_separator) for i, cells in enumerate(columns)]
    counts = Counter(key for part in keys for key in part if key is not None)
    given = check_classes(options.classes, "classes") if options.classes else None
    named = tuple(given or class_names or ())
    notes: list[str] = []
    names = _plain_names(counts, named, notes)
    if not named:
        _check_task(counts, names, sum(part.count(None) for part in keys), where)
    if options.join_labels:
        _join(counts, names, named, notes)
    if named:
        found = _places(names, named, given, class_names)
        lost = next((key for key in names if names[key] is not None and key not in found), None)
        if lost is not None:
            raise _stranger(lost[1], named, keys, lost, columns, where)
        names = {key: found.get(key) for key in names}
    classes = named or in_order({name for name in names.values() if name is not None})
    tally = Counter[str]()
    for key, count in counts.items():
        if (name := names[key]) is not None:
            tally[name] += count
    notes += _odd(tally, classes, bool(named), column, options.join_labels)
    values = tuple([None if k is None else names[k] for k in part] for part in keys)
    return Labels(tuple(classes), values, tuple(notes))


def _at(where: str, part: int) -> str:
    return where if part == 0 else f"{where}, test part"


def _row_of(cells: Iterable[object], place: int) -> object:
    index = getattr(cells, "index", None)
    return place if index is None or callable(index) else index[place]


def _keys(cells: Iterable[object], where: str, separator: str | None) -> list[_Key | None]:
    """What each cell says: type and text of one label, or None for no label."""
    values = cells.tolist() if hasattr(cells, "tolist") else list(cells)
    written: dict[tuple[str, str | int | float], _Key | str | None] = {}
    keys: list[_Key | None] = []
    for place, value in enumerate(values):
        plain = (type(value).__name__, value) if isinstance(value, str | int | float) else None
        found = written.get(plain, "") if plain is not None else ""
        if found == "":
            found = _key(value, separator)
            if plain is not None:
                written[plain] = found
        if isinstance(found, str):
            raise _other_task(found, value, f"{where}, row {_row_of(cells, place)}")
        keys.append(found)
    return keys


def _key(value: object, separator: str | None) -> _Key | str | None:
    """Type and text of a label, None for none, or the task that the cell belongs to."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if _nothing(value):
        return None
    if isinstance(value, dict):
        return _SPANS if _SPAN_KEYS & {str(key).lower() for key in value} else _MULTI
    if isinstance(value, str):
        return _text_key(value, separator)
    if isinstance(value, list | tuple | set | frozenset):
        return _list_key(list(value), separator)
    if isinstance(value, bool):
        return "bool", str(value)
    if isinstance(value, float) and value.is_integer():
        return "float", str(int(value))
    return type(value).__name__, str(value)


def _text_key(value: str, separator: str | None) -> _Key | str | None:
    stripped = value.strip().strip("\ufeff\u200b")
    if not stripped:
        return None
    if separator:
        parts = [part for part in stripped.split(separator) if part.strip()]
        if len(parts) != 1:
            return _MULTI if parts else None
        return "str", parts[0].strip()
    if stripped[0] in "[{" and stripped[-1] in "]}" and len(stripped) < 10_000:
        listed_ = _literal(stripped)
        if isinstance(listed_, list | dict):
            return _key(listed_, None)
    return "str", stripped if _NUMBER.fullmatch(stripped) else value


def _literal(text: str) -> object:
    """The list or object that a text writes, or None."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _list_key(values: list[Any], separator: str | None) -> _Key | str | None:
    if any(isinstance(each, dict | list | tuple) for each in values):
        if len(values) == 1 and isinstance(values[0], list | tuple):
            inner = values[0]
            if any(isinstance(each, dict | list | tuple) for each in inner):
                return _SPANS if any(map(_is_span, inner)) else _MULTI
            return _SPANS if any(map(_is_number, inner)) else _list_key(list(inner), separator)
        return _SPANS if any(map(_is_span, values)) else _MULTI
    full = [each for each in values if not _nothing(each) and str(each).strip()]
    if len(full) > 1:
        return _MULTI
    return _key(full[0], separator) if full else None


def _is_span(value: object) -> bool:
    """Whether it is an object or a list with numbers, as spans and boxes are."""
    cells = value.values() if isinstance(value, dict) else value
    return isinstance(value, dict | list | tuple) and any(map(_is_number, cells))  # type: ignore[call-overload]  # a list here


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _plain_names(
    counts: Counter[_Key], named: Sequence[str], notes: list[str]
) -> dict[_Key, str | None]:
    """Name of each label as it is written, None for no label."""
    names: dict[_Key, str | None] = {key: key[1] for key in counts}
    words = [key for key in counts if key[0] == "str" and key[1].strip().lower() in _NO_LABEL]
    numbers = [key for key in counts if key not in words and _is_numeric(key)]
    numeric = bool(numbers) and len(numbers) + len(words) == len(counts)
    if numeric and words and not any(key[1] in named for key in words):
        lost = sum(counts[key] for key in words)
        notes.append(
            f"{lost} labels {listed([repr(key[1]) for key in words])} stand among numbers: "
            "read as no label"
        )
        names |= dict.fromkeys(words, None)
    if numeric:
        written = [key for key in numbers if _WRITTEN_WHOLE.fullmatch(key[1])]
        whole = all(_whole_value(key) is not None for key in numbers)
        if whole and written:
            names |= {key: str(_whole_value(key)) for key in written}
            notes.append(f"labels such as {written[0][1]!r} are read as {names[written[0]]!r}")
    _minus_one(counts, names, numeric, named, notes)
    return names


def _is_numeric(key: _Key) -> bool:
    return key[0] in ("int", "float", "Decimal") or (
        key[0] == "str" and _NUMBER.fullmatch(key[1]) is not None
    )


def _whole_value(key: _Key) -> int | None:
    found = _WRITTEN_WHOLE.fullmatch(key[1])
    text = found[1] if found else key[1]
    return int(text) if re.fullmatch(r"[+-]?\d{1,4000}", text) else None


def _minus_one(
    counts: Counter[_Key],
    names: dict[_Key, str | None],
    numeric: bool,
    named: Sequence[str],
    notes: list[str],
) -> None:
    """-1 is no label among whole numbers >= 0, or where names are given that do not hold it."""
    minus = [key for key in counts if _is_numeric(key) and _whole_value(key) == -1]
    rest = {_whole_value(key) for key in counts if names[key] is not None and key not in minus}
    if not minus or "-1" in named:
        return
    if not named and (not numeric or not all(v is not None and v >= 0 for v in rest)):
        return
    if not named and rest == {1}:
        notes.append("labels are -1 and 1 alone: -1 is read as a class, not as no label")
        return
    lost = sum(counts[key] for key in minus)
    notes.append(
        f"{lost} labels are -1: read as no label (if -1 is a class, list every class with classes)"
    )
    names |= dict.fromkeys(minus, None)


def _check_task(
    counts: Counter[_Key], names: Mapping[_Key, str | None], missing: int, where: str
) -> None:
    """Refuse numbers that are measured, and texts that hardly occur twice."""
    kept = {key: count for key, count in counts.items() if names[key] is not None}
    n, k = sum(kept.values()), len({names[key] for key in kept})
    numeric = [key for key in kept if _is_numeric(key)]
    first = next(iter(kept), ("", ""))[1]
    if kept and len(numeric) == len(kept):
        whole = [_whole_value(key) for key in numeric]
        if None in whole:
            odd = next(key[1] for key in numeric if _whole_value(key) is None)
            raise _regression(f"{k} different numbers with decimals, such as {odd!r}", where)
        values = [value for value in whole if value is not None]
        span = max(values) - min(values) + 1
        decimals = all(key[0] == "float" or _WRITTEN_WHOLE.fullmatch(key[1]) for key in numeric)
        sparse = k > MOST_CATEGORIES and span > 10 * k and n < 10 * k
        # a class of few items among many says that numbers were measured, or counted
        measured = decimals and missing == 0 and k > _FEW_ROWS and min(kept.values()) < 5
        if k > max(MOST_CATEGORIES, n / 2) or sparse or measured or _nearly_all(k, n):
            raise _regression(f"{k} different numbers in {n} rows, such as {first!r}", where)
    elif _nearly_all(k, n):
        raise DataError(
            "nearly every row has a label of its own: is this the id or the text?",
            expected="classes with several items each",
            got=f"{k} different labels in {n} rows, such as {first[:80]!r}",
            where=where,
            todo="name the column of the labels with label, or list every class with classes",
        )


def _nearly_all(k: int, n: int) -> bool:
    return n >= _FEW_ROWS and k > _MOSTLY * n


def _regression(got: str, where: str) -> DataError:
    return DataError(
        "the labels are numbers that are measured: this is regression, and pauca does one class "
        "an item",
        expected="one class an item",
        got=got,
        where=where,
        todo="make classes of the numbers, or list every class with classes if they are classes",
    )


def _other_task(task: str, value: object, where: str) -> DataError:
    return DataError(
        f"the labels are those of {task}, and pauca does one class an item",
        expected="one class an item: a word, a whole number, true or false",
        got=reprlib.repr(value),
        where=where,
        todo="choose one class for each item, or name another column with label",
    )


def _places(
    names: Mapping[_Key, str | None],
    named: Sequence[str],
    given: Sequence[str] | None,
    class_names: Sequence[str] | None,
) -> dict[_Key, str]:
    """Class of each label: by its name, or by its place where names are no numbers themselves."""
    found = {}
    exact = {name: name for name in named}
    bare = {name.strip(): name for name in named}
    by_place = not any(name.strip().isdecimal() for name in named)
    own = tuple(class_names or ())
    for key, name in names.items():
        if name is None:
            continue
        place = _whole_value(key) if _is_numeric(key) else None
        if name in exact or name.strip() in bare:
            found[key] = exact.get(name) or bare[name.strip()]
        elif own and place is not None and place in range(len(own)) and own[place] in exact:
            found[key] = own[place]
        elif by_place and place is not None and place in range(len(named)):
            found[key] = named[place]
    return found


def _stranger(
    text: str,
    named: Sequence[str],
    keys: Sequence[Sequence[_Key | None]],
    key: _Key,
    columns: Sequence[Iterable[object]],
    where: str,
) -> DataError:
    part = next(i for i, values in enumerate(keys) if key in values)
    row = _row_of(columns[part], list(keys[part]).index(key))
    close = nearest(text, named)
    return DataError(
        "a label is not in the class list",
        expected=listed(named),
        got=repr(text[:80]),
        where=f"{_at(where, part)}, row {row}",
        todo=f"did you mean {close!r}?" if close else "list every class with classes",
    )


def folded(text: str) -> str:
    """The text without what eyes hardly see: case, blanks, Unicode form, zero-width letters."""
    return same_label(text)


def _alike(names: Iterable[str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(folded(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _join(
    counts: Counter[_Key],
    names: dict[_Key, str | None],
    named: Sequence[str],
    notes: list[str],
) -> None:
    """Bring labels that differ by case, blanks or Unicode form to the commonest of them."""
    tally = Counter[str]()
    for key, name in names.items():
        if name is not None:
            tally[name] += counts[key]
    joined: dict[str, str] = {}
    for group in _alike({*tally, *named}):
        kept = next((name for name in group if name in named), None)
        best = kept or min(group, key=lambda name: (-tally[name], name))
        joined |= {name: best for name in group if name not in named}
        others = [repr(name) for name in group if name != best]
        notes.append(f"labels {listed(others)} are joined to {best!r}")
    for key, name in names.items():
        if name is not None:
            names[key] = joined.get(name, name)


def _odd(
    tally: Counter[str], classes: Sequence[str], named: bool, column: str | None, joined: bool
) -> list[str]:
    """What looks wrong about the classes, though it may be right."""
    notes = []
    alike = [] if joined or named else _alike(classes)
    if alike:
        pairs = [" and ".join(map(repr, group)) for group in alike]
        notes.append(
            f"classes differ by case, blanks or Unicode form alone: {listed(pairs)} (join them "
            "with join_labels)"
        )
    if column is not None and tally[column]:
        notes.append(
            f"{tally[column]} items have the name of the column, {column!r}, as their label: "
            "perhaps a header that stands again in the file"
        )
    n, k = sum(tally.values()), len(tally)
    if not named and k > n / 2 and k > 2:
        notes.append(f"{k} classes in {n} items with labels: hardly two items have the same label")
    return notes
