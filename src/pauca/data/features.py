"""From columns of a table to features: numbers, a few words, vectors, or texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.augment import Pipeline, Standardise
from pauca.data.dataset import Kind
from pauca.data.sparse import text_features
from pauca.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Features",
    "Missing",
    "TableOptions",
    "find_column",
    "make_features",
    "texts_of",
    "tf_idf",
]

Missing = Literal["refuse", "mean"]
"""What an empty cell of a number column does: stop, or become the mean of the training part."""

_EMPTY = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "None", "?"})
_MOST_CATEGORIES = 50
_MOSTLY = 0.9


@dataclass(frozen=True)
class TableOptions:
    """How a table becomes a data set.

    Args:
        label: Column of the labels; without one, a column called label, class, target or category.
        text: Column of texts; then the features are tf-idf weights of its words. Without one, a
            column called text.
        features: Columns to use; all others by default.
        group: Column of the group of each row.
        classes: Every class; the labels that occur by default.
        test_fraction: Share held out when there is no test part.
        seed: Decides which rows are held out.
        missing: What an empty cell does.
        vocabulary: At most this many words.
    """

    label: str | None = None
    text: str | None = None
    features: tuple[str, ...] | None = None
    group: str | None = None
    classes: tuple[str, ...] | None = None
    test_fraction: float = 0.2
    seed: int = 0
    missing: Missing = "refuse"
    vocabulary: int = 4096


@dataclass(frozen=True)
class Features:
    """Features of both parts, and what was done to get them.

    Args:
        kind: table, text or embedding.
        train: float32 [n, d].
        test: float32 [t, d], or None without a test part.
        transform: For a batch of either.
        sources: The texts of both parts, where there are texts.
        notes: What was done.
    """

    kind: Kind
    train: Tensor
    test: Tensor | None
    transform: Pipeline
    sources: tuple[tuple[str, ...] | None, tuple[str, ...] | None] = (None, None)
    notes: tuple[str, ...] = ()


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
            got=", ".join(map(str, frame.columns)),
            where=where,
            todo=f"did you mean {close!r}?" if close else f"name another with {option}",
        )
    return name


def make_features(
    train: "pd.DataFrame",
    test: "pd.DataFrame | None",
    label: str | None,
    options: TableOptions,
    where: str,
) -> Features:
    """Features of the rows of both parts; everything computed is computed on the training part.

    Raises:
        DataError: a missing column or cell, a cell that is not a number, no features at all.
    """
    text = options.text or ("text" if "text" in train.columns and not options.features else None)
    if text is not None:
        return _texts(train, test, find_column(train, text, where, "text"), options, where)
    taken = {label, options.group}
    names = options.features or tuple(str(c) for c in train.columns if c not in taken)
    for name in names:
        find_column(train, name, where, "features")
        if test is not None:
            find_column(test, name, f"{where}, test part", "features")
    if not names:
        raise DataError("the table has no column of features", where=where)
    if label in names:
        raise DataError(
            "the label is among the features",
            got=", ".join(names),
            where=where,
            todo=f"leave {label!r} out of features",
        )
    if len(names) == 1 and isinstance(train[names[0]].iloc[0], list | tuple | np.ndarray):
        x = _vectors(train[names[0]], where)
        x_test = None if test is None else _vectors(test[names[0]], f"{where}, test part")
        return Features("embedding", x, x_test, Pipeline((Standardise.of(x),)))
    x, x_test, notes = _columns(train, test, names, options.missing, where)
    return Features("table", x, x_test, Pipeline((Standardise.of(x),)), notes=notes)


def _vectors(column: "pd.Series[Any]", where: str) -> Tensor:
    sizes = {len(row) for row in column}
    if len(sizes) != 1:
        raise DataError("vectors differ in length", got=sorted(sizes)[:5], where=where)
    x = np.stack([np.asarray(row, dtype=np.float32) for row in column])
    if not np.isfinite(x).all():
        row, place = np.argwhere(~np.isfinite(x))[0].tolist()
        raise DataError(
            "a vector holds NaN or infinity",
            got=x[row, place],
            where=f"{where}, row {column.index[row]}, column {column.name!r}, place {place}",
        )
    return torch.from_numpy(x)


def _columns(
    train: "pd.DataFrame",
    test: "pd.DataFrame | None",
    names: Sequence[str],
    missing: Missing,
    where: str,
) -> tuple[Tensor, Tensor | None, tuple[str, ...]]:
    """float32 [n, d] and [t, d], and what has to be said."""
    parts = [(train, where)] + ([] if test is None else [(test, f"{where}, test part")])
    blocks: list[list[NDArray[np.float64]]] = [[] for _ in parts]
    spread, filled = [], 0
    for name in names:
        numbers = [_numbers(frame[name], at) for frame, at in parts]
        if numbers[0] is None:
            words = _words(train[name], where)
            spread.append(f"{name} ({len(words)})")
            encoded = [_one_hot(frame[name], words) for frame, _ in parts]
        else:
            found = []
            for (frame, at), column in zip(parts, numbers, strict=True):
                if column is None:
                    raise DataError(
                        f"column {name!r} holds words where training holds numbers", where=at
                    )
                _check_cells(column, frame[name], missing, at)
                found.append(column)
            filled += _fill(found, train[name], where)
            encoded = [column[:, None] for column in found]
        for block, values in zip(blocks, encoded, strict=True):
            block.append(values)
    notes = []
    if spread:
        notes.append(f"one column a word was made of: {', '.join(spread)}")
    if filled:
        notes.append(f"{filled} empty cells became the mean of their column in training")
    wide = [torch.from_numpy(np.concatenate(b, axis=1)).to(torch.float32) for b in blocks]
    return wide[0], wide[1] if len(wide) > 1 else None, tuple(notes)


def _numbers(column: "pd.Series[Any]", where: str) -> NDArray[np.float64] | None:
    """The column as floats, empty cells as NaN; None when it holds words."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan)).copy()
    cells = [str(v).strip() if v is not None and v == v else "" for v in column.tolist()]
    full = [i for i, cell in enumerate(cells) if cell not in _EMPTY]
    numbers, wrong = np.full(len(cells), np.nan), []
    for i in full:
        try:
            numbers[i] = float(cells[i])
        except ValueError:
            wrong.append(i)
    if not wrong:
        return numbers
    if len(wrong) < (1 - _MOSTLY) * len(full):
        raise DataError(
            f"column {column.name!r} holds a word among numbers",
            expected="a number",
            got=repr(cells[wrong[0]]),
            where=f"{where}, row {column.index[wrong[0]]}",
            todo="correct it, or leave the column out with features",
        )
    return None


def _words(column: "pd.Series[Any]", where: str) -> list[str]:
    words = sorted({str(value) for value in column.tolist()})
    if len(words) > _MOST_CATEGORIES:
        raise DataError(
            f"column {column.name!r} is neither numbers nor a few categories",
            expected=f"numbers, or at most {_MOST_CATEGORIES} different words",
            got=f"{len(words)} different values, such as {words[0]!r}",
            where=where,
            todo="name it with label or text if it is that, or choose columns with features",
        )
    return words


def _one_hot(column: "pd.Series[Any]", words: Sequence[str]) -> NDArray[np.float64]:
    """Float [n, words]; a word never met in training is all zeros."""
    cells = np.asarray([str(value) for value in column.tolist()], dtype=object)
    return np.stack([cells == word for word in words], axis=1).astype(np.float64)


def _check_cells(
    numbers: NDArray[np.float64], column: "pd.Series[Any]", missing: Missing, where: str
) -> None:
    refused = np.isinf(numbers) | (np.isnan(numbers) & (missing == "refuse"))
    if refused.any():
        first = int(np.flatnonzero(refused)[0])
        raise DataError(
            f"{int(refused.sum())} cells of column {column.name!r} are NaN, empty or infinite",
            expected="a number in every row",
            got=numbers[first],
            where=f"{where}, row {column.index[first]}, column {column.name!r}",
            todo="fill them in, leave the column out with features, or set missing = 'mean'",
        )


def _fill(parts: list[NDArray[np.float64]], column: "pd.Series[Any]", where: str) -> int:
    """Fill NaN in place by the mean of training; how many there were."""
    count = sum(int(np.isnan(part).sum()) for part in parts)
    if count == 0:
        return 0
    if np.isnan(parts[0]).all():
        raise DataError(f"column {column.name!r} is empty in the training part", where=where)
    mean = np.nanmean(parts[0])
    for part in parts:
        part[np.isnan(part)] = mean
    return count


def _texts(
    train: "pd.DataFrame",
    test: "pd.DataFrame | None",
    text: str,
    options: TableOptions,
    where: str,
) -> Features:
    """tf-idf weights of words, rows of length 1; vocabulary and weights from training alone."""
    texts = texts_of(train, text, where)
    later = None if test is None else texts_of(test, text, f"{where}, test part")
    model = tf_idf(options.vocabulary)
    try:
        x = text_features(model.fit_transform(texts))
    except ValueError as error:  # raised when no word is found at all
        raise DataError("the texts hold no words", where=f"{where}, column {text!r}") from error
    x_test = None if later is None else text_features(model.transform(later))
    note = f"features are tf-idf weights of {x.shape[1]} words, computed on the training part"
    return Features("text", x, x_test, Pipeline(), (texts, later), (note,))


def tf_idf(vocabulary: int) -> Any:
    """scikit-learn's vectoriser as pauca uses it: tf-idf weights of words, rows of length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        sublinear_tf=True,
        max_features=vocabulary,
        dtype=np.float32,
        strip_accents="unicode",
    )


def texts_of(frame: "pd.DataFrame", text: str, where: str) -> tuple[str, ...]:
    """The texts of a column.

    Raises:
        DataError: there is no such column; a text is missing.
    """
    column = frame[find_column(frame, text, where, "text")]
    for row, value in zip(column.index, column.tolist(), strict=True):
        if not isinstance(value, str) or not value.strip():
            raise DataError(
                "a text is missing", got=repr(value), where=f"{where}, row {row}, column {text!r}"
            )
    return tuple(column.tolist())
