"""Which items of a file are learned from, and a data set of those that are rows or texts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_fraction
from pauca.data.augment import Pipeline
from pauca.data.columns import (
    ColumnOptions,
    Labels,
    Roles,
    find_roles,
    has_text,
    joined_texts,
    numbers_of,
    pool_notes,
    read_labels,
)
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.features import Features, make_features, text_weights
from pauca.data.labels import check_several, copies_note, held_out, listed, numbered_groups
from pauca.data.sparse import text_features
from pauca.errors import DataError
from pauca.formats.base import Items, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Chosen",
    "Rows",
    "choose",
    "row_keys",
    "table_dataset",
    "text_keys",
    "unlabelled_note",
]

_NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one part, and what is read of them.

    Args:
        where: File and part, for messages.
        frame: Columns of features as they were read, [n], named by their places in the part; no
            column for texts, pictures and arrays.
        texts: [n], or None.
        y: Number of the class of each, -1 for no label, int64 [n]; None without labels.
        groups: int64 [n], or None.
        keys: What stands for each row: equal for copies, and equal for near copies too, [n].
    """

    where: str
    frame: "pd.DataFrame"
    texts: NDArray[np.object_] | None
    y: Tensor | None
    groups: Tensor | None
    keys: tuple[NDArray[np.uint64], NDArray[np.uint64]]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.frame)

    def take(self, places: Tensor) -> "Rows":
        """The rows at these places."""
        at = places.numpy()
        return Rows(
            self.where,
            self.frame.iloc[at],
            None if self.texts is None else self.texts[at],
            None if self.y is None else self.y[places],
            None if self.groups is None else self.groups[places],
            (self.keys[0][at], self.keys[1][at]),
        )

    def sources(self) -> tuple[str, ...] | None:
        """The texts as a data set keeps them."""
        return None if self.texts is None else tuple(self.texts.tolist())


@dataclass(frozen=True, eq=False)
class Chosen:
    """Which items are learned from, and which are held out.

    Args:
        roles: What the columns are.
        classes: Names of the classes.
        group_names: Names of the groups.
        train: Rows of the training part.
        test: Rows of the test part; of the training file where they were held out of it.
        notes: What was left out, converted or held out.
    """

    roles: Roles
    classes: tuple[str, ...]
    group_names: tuple[str, ...]
    train: Rows
    test: Rows | None
    notes: tuple[str, ...]

    @property
    def parts(self) -> tuple[Rows, ...]:
        """Both, as far as they are there."""
        return (self.train,) if self.test is None else (self.train, self.test)


def choose(
    items: Items,
    options: ColumnOptions,
    *,
    skipped: Collection[int] = (),
    keys: NDArray[np.uint64] | None = None,
) -> Chosen:
    """Which items are learned from: those that have a label, where any has one, and a text.

    Args:
        items: The pool, or everything when there is no test part.
        options: How columns are read, and what is held out.
        skipped: Rows, counted through both parts, that are left out anyhow.
        keys: What stands for each picture or row of an array, [n] through both parts, equal for
            copies; None where nobody looked.

    Raises:
        DataError: a missing column or cell, labels of another task or outside the class list, one
            class only, no rows.
    """
    check_fraction(options.test_fraction, "test_fraction", open_end=True)
    for part in items.parts:
        _check_rows(part)
    roles = find_roles(items, options)
    labels = _labels(items, roles, options)
    group_names, parts = _read(items, roles, labels, keys)
    said = [*items.train.notes, *pool_notes(items, roles), *roles.notes, *labels.notes]
    parts = _with_texts(_with_labels(_without(parts, skipped), said), options, said)
    if parts[0].y is not None:
        check_several(labels.classes, f"{items.train.where}, column {roles.label!r}")
    train, test = _cut(parts, labels.classes, options, said)
    return Chosen(roles, labels.classes, group_names, train, test, tuple(said))


def table_dataset(
    name: str,
    items: Items,
    options: ColumnOptions,
    *,
    licence: str = "unknown",
    source: str = "memory",
    notes: tuple[str, ...] = (),
) -> Dataset:
    """A data set of kind table, text or embedding from one or two parts with the same columns.

    Numbers stay numbers; a column of a few words becomes one column a word (of the training part).
    Standardisation, vocabulary and means are computed on the training part alone. Rows without a
    label are left out where others have one, and so are rows without a text.

    Args:
        name: Of the data set.
        items: The pool, or everything when there is no test part; ``items_of`` makes it of frames.
        options: How to read them.
        licence: Terms of use.
        source: Where it was read from.
        notes: What was done before.

    Raises:
        DataError: a missing column or cell, labels of another task or outside the class list, one
            class only, no rows.
    """
    chosen = choose(items, options)
    train, test, classes = chosen.train, chosen.test, chosen.classes
    made = _features(train, test, chosen.roles, options)
    task = Task(name, made.kind, (made.train.shape[1],), classes, made.transform, made.transform)
    return Dataset(
        task=task,
        train=Split(made.train, train.y, train.groups, train.sources()),
        test=None
        if test is None or made.test is None
        else Split(made.test, test.y, test.groups, test.sources()),
        group_names=chosen.group_names,
        licence=licence,
        source=source,
        notes=(*notes, *chosen.notes, *made.notes),
    )


def unlabelled_note(missing: int, n: int, where: str = "") -> str:
    """What is said of items that are left out because they have no label."""
    return f"{missing} of {n} items{where} have no label and are left out"


def _check_rows(part: Part) -> None:
    if part.n == 0:
        raise DataError(
            "the table has no rows",
            expected="at least one row",
            where=part.where,
            todo="write the rows below the header",
        )


def _labels(items: Items, roles: Roles, options: ColumnOptions) -> Labels:
    if roles.label is None:
        return Labels(options.classes or (), tuple([None] * part.n for part in items.parts))
    where = f"{items.train.where}, column {roles.label!r}"
    columns = [part.frame[roles.label] for part in items.parts]
    named = items.train.class_names.get(roles.label)
    return read_labels(columns, where, options, named, column=roles.label)


def _read(
    items: Items, roles: Roles, labels: Labels, given: NDArray[np.uint64] | None
) -> tuple[tuple[str, ...], list[Rows]]:
    """Names of the groups, and the rows of each part."""
    low, whole = 0, _own_keys(items) if given is None else given
    number = {name: i for i, name in enumerate(labels.classes)}
    groups: list[Tensor | None] = [None] * len(items.parts)
    group_names: tuple[str, ...] = ()
    if roles.group is not None:
        cells = [part.frame[roles.group] for part in items.parts]
        where = f"{items.train.where}, column {roles.group!r}"
        groups[:], group_names = numbered_groups(cells, where)
    rows = []
    for i, part in enumerate(items.parts):
        y = torch.tensor([_NO_LABEL if v is None else number[v] for v in labels.values[i]])
        texts = None
        if roles.text:
            texts = np.array(joined_texts(part.frame, roles.text, part.where), dtype=object)
        frame = _parsed(part, roles, train=i == 0)
        keys = (whole[low : low + part.n], whole[low : low + part.n])
        low += part.n
        if texts is not None or roles.features:
            keys = _table_keys(frame) if texts is None else text_keys(texts)
        rows.append(Rows(part.where, frame, texts, y, groups[i], keys))
    return group_names, rows


def _own_keys(items: Items) -> NDArray[np.uint64]:
    """A key of its own for every item: no two are copies."""
    return np.arange(sum(part.n for part in items.parts), dtype=np.uint64)


def _without(parts: list[Rows], skipped: Collection[int]) -> list[Rows]:
    """The rows of both parts without those that are skipped, counted through."""
    if not skipped:
        return parts
    kept, low = [], 0
    for rows in parts:
        places = [i for i in range(len(rows)) if low + i not in skipped]
        kept.append(rows.take(torch.tensor(places, dtype=torch.int64)))
        low += len(rows)
    return kept


def _parsed(part: Part, roles: Roles, *, train: bool) -> "pd.DataFrame":
    """The columns of features alone, numbers as float64, rows named as in the file."""
    import pandas as pd

    cells: dict[str, Any] = {}
    for name, column in roles.columns.items():
        if column.content != "numbers":
            cells[name] = part.frame[name].to_numpy(dtype=object)
        elif train and column.numbers is not None:
            cells[name] = column.numbers
        else:
            cells[name] = numbers_of(column, part.frame[name], part.where)
    return pd.DataFrame(cells, index=part.frame.index)


def _table_keys(frame: "pd.DataFrame") -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Keys of the rows of a table: equal rows have equal ones; there are no near copies."""
    import pandas as pd

    columns: list[NDArray[Any]] = []
    for name in frame.columns:
        cells = frame[name].to_numpy()
        if cells.dtype == object:
            words = np.array([str(cell) for cell in cells.tolist()], dtype=object)
            cells = pd.util.hash_array(words)
        columns.append(cells)
    keys = row_keys(columns, len(frame))
    return keys, keys


def row_keys(columns: Sequence[NDArray[Any]], n: int) -> NDArray[np.uint64]:
    """A number that stands for each row, uint64 [n]: equal rows have equal ones.

    Args:
        columns: Numbers of 64 bits, or what becomes such a float, [n] each.
        n: How many rows.
    """
    keys = np.zeros(n, dtype=np.uint64)
    for place, column in enumerate(columns, start=1):
        plain = column if column.dtype == np.uint64 else column.astype(np.float64) + 0.0
        bits = plain.view(np.uint64) + np.uint64(place * 0x9E3779B97F4A7C15 & (1 << 64) - 1)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
        keys += bits ^ (bits >> np.uint64(31))
    return keys


def text_keys(texts: Sequence[str] | NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Keys of texts: equal for equal texts, and equal but for case and blanks, uint64 [n] each."""
    import pandas as pd

    bare = [" ".join(text.casefold().split()) for text in texts]
    return (
        pd.util.hash_array(np.asarray(texts, dtype=object)),
        pd.util.hash_array(np.asarray(bare, dtype=object)),
    )


def _with_labels(parts: list[Rows], said: list[str]) -> list[Rows]:
    """The rows that have a label, where any has one; a test part without any is left aside."""
    kept: list[Rows] = []
    for rows, what in zip(parts, ("", " of the test part"), strict=False):
        assert rows.y is not None
        good = rows.y != _NO_LABEL
        missing = int((~good).sum())
        if missing == len(rows):
            if kept and kept[0].y is not None:
                said.append("no item of the test part has a label: the test part is left aside")
                continue
            kept.append(replace(rows, y=None))
            continue
        if missing:
            said.append(unlabelled_note(missing, len(rows), what))
            rows = rows.take(good.nonzero().squeeze(1))
        kept.append(rows)
    return kept


def _with_texts(parts: list[Rows], options: ColumnOptions, said: list[str]) -> list[Rows]:
    """The rows that have a text, or all of them, as ``empty_texts`` says."""
    kept = []
    for rows, what in zip(parts, ("", " of the test part"), strict=False):
        good = [rows.texts is None or has_text(text) for text in _each(rows)]
        empty = good.count(False)
        if empty and options.empty_texts == "refuse":
            row = rows.frame.index[good.index(False)]
            raise DataError(
                "a text is missing",
                expected="a text in every row",
                got=f"{empty} of {len(rows)} rows without one",
                where=f"{rows.where}, row {row}",
                todo="fill it in, or set empty_texts = 'leave-out'",
            )
        if empty and options.empty_texts == "leave-out":
            said.append(f"{empty} of {len(rows)} items{what} have no text and are left out")
            rows = rows.take(torch.tensor(good).nonzero().squeeze(1))
        elif empty:
            said.append(f"{empty} of {len(rows)} items{what} have no text: all their weights are 0")
        if not len(rows):
            raise DataError(
                "every text is empty",
                expected="a text in some rows",
                where=rows.where,
                todo="name the column of the texts with text",
            )
        kept.append(rows)
    return kept


def _each(rows: Rows) -> list[str]:
    return [""] * len(rows) if rows.texts is None else rows.texts.tolist()


def _cut(
    parts: list[Rows], classes: Sequence[str], options: ColumnOptions, said: list[str]
) -> tuple[Rows, Rows | None]:
    """Training and test part; one is held out where there is none and there are labels."""
    rows = parts[0]
    if len(parts) > 1:
        said += _strangers(rows, parts[1], classes)
        said += copies_note(rows.keys[0], parts[1].keys[0], (rows.keys[1], parts[1].keys[1]))
        return rows, parts[1]
    if rows.y is None or options.test_fraction == 0:
        return rows, None
    kept, held, notes = held_out(
        rows.y,
        rows.groups,
        rows.keys[0],
        options.test_fraction,
        options.seed,
        near_keys=rows.keys[1],
        copies=options.copies,
        classes=classes,
    )
    said += notes if len(held) else ["there are too few items to hold out a test part"]
    return rows.take(kept), rows.take(held) if len(held) else None


def _strangers(train: Rows, test: Rows, classes: Sequence[str]) -> list[str]:
    """Classes that stand in the test part alone: nothing can be learned of them."""
    if train.y is None or test.y is None:
        return []
    alone = sorted(set(test.y.tolist()) - set(train.y.tolist()))
    names = [repr(classes[i]) for i in alone]
    return [f"classes of the test part that training lacks: {listed(names)}"] if names else []


def _features(train: Rows, test: Rows | None, roles: Roles, options: ColumnOptions) -> Features:
    where = train.where
    if train.texts is None:
        later = None if test is None else test.frame
        return make_features(train.frame, later, roles, options.missing, where)
    texts = None if test is None or test.texts is None else test.texts.tolist()
    at = f"{where}, column {' and '.join(map(repr, roles.text))}"
    x, x_test, what = text_weights(train.texts.tolist(), texts, options.vocabulary, at)
    return Features(
        "text",
        text_features(x),
        None if x_test is None else text_features(x_test),
        Pipeline(),
        (f"features are {what}, computed on the training part",),
    )
