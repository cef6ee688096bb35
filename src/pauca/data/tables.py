"""From a table of a person's own, or of a catalogue, to a data set."""

from typing import TYPE_CHECKING

from torch import Tensor

from pauca.checks import check_fraction
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.features import TableOptions, find_column, make_features
from pauca.data.labels import check_classes, class_names, encode_labels, stratified_split
from pauca.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LABEL_NAMES", "held_out_note", "table_dataset"]

LABEL_NAMES = ("label", "class", "target", "category")
"""Columns taken for the label when none is named."""


def table_dataset(
    name: str,
    train: "pd.DataFrame",
    test: "pd.DataFrame | None",
    options: TableOptions,
    *,
    where: str,
    licence: str = "unknown",
    source: str = "memory",
    notes: tuple[str, ...] = (),
) -> Dataset:
    """A data set of kind table, text or embedding from one or two frames with the same columns.

    Numbers stay numbers; a column of a few words becomes one column a word (of the training part).
    Standardisation, vocabulary and means are computed on the training part alone.

    Args:
        name: Of the data set.
        train: The pool, or everything when there is no ``test``.
        test: The test part.
        options: How to read them.
        where: File, for messages.
        licence: Terms of use.
        source: Where it was read from.
        notes: What was done before.

    Raises:
        DataError: a missing column or cell, a label outside the class list, one class only, no
            rows.
    """
    for part, at in ((train, where), (test, f"{where}, test part")):
        if part is not None and len(part) == 0:
            raise DataError("the table has no rows", expected="at least one row", where=at)
    label = _label_column(train, options, where)
    if label is None:
        notes = (*notes, _UNLABELLED)
    classes, y, y_test = _labels(train, test, label, options, where)
    if (
        check_fraction(options.test_fraction, "test_fraction", open_end=True) > 0
        and test is None
        and y is not None
    ):
        kept, held = stratified_split(y, options.test_fraction, options.seed)
        notes = (*notes, held_out_note(len(held), len(y), options.seed))
        train, test = train.iloc[kept.tolist()], train.iloc[held.tolist()]
        y, y_test = y[kept], y[held]
    groups, group_names = _groups(train, test, options.group, where)
    made = make_features(train, test, label, options, where)
    task = Task(name, made.kind, (made.train.shape[1],), classes, made.transform, made.transform)
    return Dataset(
        task=task,
        train=Split(made.train, y, groups[0], made.sources[0]),
        test=None if made.test is None else Split(made.test, y_test, groups[1], made.sources[1]),
        group_names=group_names,
        licence=licence,
        source=source,
        notes=(*notes, *made.notes),
    )


_UNLABELLED = (
    f"no column is called {', '.join(LABEL_NAMES[:-1])} or {LABEL_NAMES[-1]}: read as a pool "
    "without labels (say which column holds them with label)"
)


def held_out_note(held: int, n: int, seed: int) -> str:
    """What is said when a test part was cut off."""
    return (
        f"{held} of {n} items were held out as the test part, the same share of every class, "
        f"seed {seed} (choose with test_fraction)"
    )


def _label_column(frame: "pd.DataFrame", options: TableOptions, where: str) -> str | None:
    if options.label is not None:
        return find_column(frame, options.label, where, "label")
    known = [str(name) for name in frame.columns if str(name).lower() in LABEL_NAMES]
    if len(known) > 1:
        raise DataError(
            "more than one column may be the label",
            got=", ".join(known),
            where=where,
            todo="say which with label",
        )
    return known[0] if known else None


def _labels(
    train: "pd.DataFrame",
    test: "pd.DataFrame | None",
    label: str | None,
    options: TableOptions,
    where: str,
) -> tuple[tuple[str, ...], Tensor | None, Tensor | None]:
    given = None if options.classes is None else check_classes(options.classes, "classes")
    if label is None:
        return given or (), None, None
    values, at = train[label].tolist(), f"{where}, column {label!r}"
    classes = given or class_names(values, at)
    y = encode_labels(values, classes, at)
    if test is None:
        return classes, y, None
    find_column(test, label, f"{where}, test part", "label")
    return classes, y, encode_labels(test[label].tolist(), classes, f"{at}, test part")


def _groups(
    train: "pd.DataFrame", test: "pd.DataFrame | None", group: str | None, where: str
) -> tuple[tuple[Tensor | None, Tensor | None], tuple[str, ...]]:
    if group is None:
        return (None, None), ()
    frames = [train] if test is None else [train, test]
    columns = [frame[find_column(frame, group, where, "group")].tolist() for frame in frames]
    at = f"{where}, column {group!r}"
    names = class_names([value for column in columns for value in column], at)
    coded = [encode_labels(column, names, at) for column in columns]
    return (coded[0], coded[1] if len(coded) > 1 else None), names
