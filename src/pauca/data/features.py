"""From columns of a table to features: numbers, a few words, vectors, or texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.augment import Pipeline, Standardise
from pauca.data.columns import (
    Column,
    Missing,
    Roles,
    numbers_of,
)
from pauca.data.dataset import Kind
from pauca.data.labels import listed
from pauca.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Features",
    "make_features",
    "standardised",
    "text_weights",
    "tf_idf",
    "vectors_of",
]

_LOSS = 1e-6
_FEW_TEXTS = 20
_BLOCK = 1 << 22  # numbers that are standardised at a time


@dataclass(frozen=True)
class Features:
    """Features of both parts, and what was done to get them.

    Args:
        kind: table, text or embedding.
        train: float32 [n, d].
        test: float32 [t, d], or None without a test part.
        transform: For a batch of either.
        notes: What was done.
    """

    kind: Kind
    train: Tensor
    test: Tensor | None
    transform: Pipeline
    notes: tuple[str, ...] = ()


def standardised(
    train: NDArray[Any],
    test: NDArray[Any] | None = None,
    names: Sequence[str] | None = None,
) -> tuple[Tensor, Tensor | None, tuple[str, ...]]:
    """Rows as float32, of which no column loses what it tells.

    A column that float32 holds to 1 part in a million (of its deviation from the mean) is kept as
    it is, for the transform to standardise. Another one, such as times in milliseconds, becomes
    (v - mean) / std first, in float64, by mean and standard deviation of the training part.

    Args:
        train: Finite numbers [n, d].
        test: Finite numbers [t, d].
        names: Names of the columns, for notes; places without them.

    Returns:
        float32 [n, d], float32 [t, d] or None, and which columns were standardised, and which hold
        smaller differences than float64 can.
    """
    x = torch.empty(train.shape, dtype=torch.float32)
    x_test = None if test is None else torch.empty(test.shape, dtype=torch.float32)
    scaled: list[int] = []
    coarse: list[int] = []
    width = max(1, _BLOCK // max(1, len(train)))
    for start in range(0, train.shape[1], width):
        block = slice(start, start + width)
        wide = train[:, block]
        later = None if test is None else test[:, block]
        with np.errstate(over="ignore", invalid="ignore"):
            x[:, block] = torch.from_numpy(np.asarray(wide, dtype=np.float32))
            if x_test is not None:
                x_test[:, block] = torch.from_numpy(np.asarray(later, dtype=np.float32))
        for place in _lossy(wide):
            column, offset = wide[:, place], start + place
            scaled.append(offset)
            mean, std, shift = _moments(column)
            x[:, offset] = _scaled(column, mean, std, shift)
            if x_test is not None and later is not None:
                x_test[:, offset] = _scaled(later[:, place], mean, std, shift)
            if _coarse(column, std):
                coarse.append(offset)
    notes = []
    if scaled:
        notes.append(
            "standardised in float64 before float32, which would lose digits: "
            f"{_columns(scaled, names, train.shape[1])}"
        )
    if coarse:
        notes.append(
            "of so large a scale that float64 loses more than 1 part in a million of what differs "
            f"(take the offset away in the file): {_columns(coarse, names, train.shape[1])}"
        )
    return x, x_test, tuple(notes)


def _columns(places: Sequence[int], names: Sequence[str] | None, d: int) -> str:
    if names is not None:
        return listed([repr(names[i]) for i in places])
    return f"{len(places)} of {d} columns"


def _lossy(wide: NDArray[Any]) -> list[int]:
    """Columns of which float32 would lose more than a part in a million."""
    narrow = wide.dtype.kind == "f" and wide.dtype.itemsize <= 4
    small = wide.dtype.kind in "iub" and (wide.dtype.itemsize <= 2 or wide.dtype.kind == "b")
    if narrow or small or not len(wide):
        return []
    exact = wide.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        lost = np.abs(exact - exact.astype(np.float32))
        places = np.flatnonzero(~(lost.max(0) == 0))
        found = []
        for place in places.tolist():
            column = exact[:, place]
            mean, std, shift = _moments(column)
            far = np.abs((column - shift) - mean) + std
            if std > 0 and not (lost[:, place] <= _LOSS * far).all():
                found.append(place)
    return found


def _moments(column: NDArray[Any]) -> tuple[float, float, float]:
    """Mean above a shift, standard deviation (over n), and the shift: a value of the column."""
    wide = column.astype(np.float64, copy=False)
    shift = float(wide[0])
    moved = wide - shift
    # numbers whose squares have no place in float64
    unit = max(1.0, float(np.abs(moved).max()) / 1e100)
    mean = float((moved / unit).mean()) * unit
    return mean, float(((moved - mean) / unit).std()) * unit, shift


def _scaled(column: NDArray[Any], mean: float, std: float, shift: float) -> Tensor:
    wide = column.astype(np.float64, copy=False)
    return torch.from_numpy((((wide - shift) - mean) / (std or 1.0)).astype(np.float32))


def _coarse(column: NDArray[Any], std: float) -> bool:
    """Whether float64 itself holds the column less finely than a millionth of its deviation."""
    wide = column.astype(np.float64, copy=False)
    largest = float(np.abs(wide).max())
    if largest < 2.0**53 and bool((wide == np.floor(wide)).all()):
        return False
    return largest * 2.0**-53 > _LOSS * std


def make_features(
    train: "pd.DataFrame",
    test: "pd.DataFrame | None",
    roles: Roles,
    missing: Missing,
    where: str,
) -> Features:
    """Features of the rows of both parts; everything computed is computed on the training part.

    Args:
        train: Rows of the training part that are used.
        test: Rows of the test part.
        roles: Whose ``features`` are used; texts are not for this function.
        missing: What an empty cell of a number column does.
        where: File, for messages.

    Raises:
        DataError: a cell that is empty or not what its column holds.
    """
    parts = [(train, where)] + ([] if test is None else [(test, f"{where}, test part")])
    columns = [roles.columns[name] for name in roles.features]
    if columns[0].content == "vectors":
        rows = [vectors_of(frame[columns[0].name], at) for frame, at in parts]
        if len({array.shape[1] for array in rows}) > 1:
            raise DataError(
                "vectors differ in length",
                expected=f"{rows[0].shape[1]} numbers, as in training",
                got=rows[1].shape[1],
                where=parts[1][1],
                todo="write both parts with vectors of one length",
            )
        kind: Kind = "embedding"
        names, notes = None, tuple[str, ...]()
    else:
        kind = "table"
        rows, names, notes = _columns_of(parts, columns, missing)
    x, x_test, said = standardised(rows[0], rows[1] if test is not None else None, names)
    return Features(kind, x, x_test, Pipeline((Standardise.of(x),)), (*notes, *said))


def vectors_of(column: "pd.Series[Any]", where: str) -> NDArray[Any]:
    """A column of lists of numbers as one array [n, d].

    Raises:
        DataError: a list is missing, of another length, or holds something that is no number.
    """
    cells = column.tolist()
    try:
        array = np.stack([np.asarray(cell) for cell in cells])
    except (ValueError, TypeError):
        array = np.empty(0, dtype=object)
    if array.ndim != 2 or array.dtype.kind not in "iufb" or array.shape[1] == 0:
        _refuse_vector(column, cells, where)
    if not np.isfinite(array).all():
        row, place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise DataError(
            "a vector holds NaN or infinity",
            expected="a number in every place",
            got=array[row, place],
            where=f"{where}, row {column.index[row]}, column {column.name!r}, place {place}",
            todo="fill it in, or leave the row out",
        )
    return array


def _refuse_vector(column: "pd.Series[Any]", cells: Sequence[Any], where: str) -> None:
    """Name the first row that is no vector as the first one is."""
    size = None
    for row, cell in zip(column.index, cells, strict=True):
        plain = isinstance(cell, list | tuple | np.ndarray) and len(cell) > 0
        flat = plain and all(isinstance(v, int | float | np.number | np.bool_) for v in cell)
        size = len(cell) if size is None and flat else size
        if not flat or len(cell) != size:
            raise DataError(
                "vectors differ in length" if flat else "a cell is no vector of numbers",
                expected="a list of numbers in every row, all of one length",
                got=f"{len(cell)} numbers, {size} before" if flat else repr(cell)[:80],
                where=f"{where}, row {row}, column {column.name!r}",
                todo="correct the row, or leave it out",
            )


def _columns_of(
    parts: Sequence[tuple["pd.DataFrame", str]], columns: Sequence[Column], missing: Missing
) -> tuple[list[NDArray[np.float64]], list[str], tuple[str, ...]]:
    """float64 [n, d] of each part, names of the d features, and what has to be said."""
    blocks: list[list[NDArray[np.float64]]] = [[] for _ in parts]
    names: list[str] = []
    spread, filled = [], 0
    for column in columns:
        name = column.name
        if column.content == "words":
            words = sorted(set(_words(parts[0][0][name])))
            spread.append(f"{name} ({len(words)})")
            encoded = [_one_hot(_words(frame[name]), words) for frame, _ in parts]
            names += [f"{name} {word}" for word in words]
        else:
            found = [numbers_of(column, frame[name], at) for frame, at in parts]
            for numbers, (frame, at) in zip(found, parts, strict=True):
                _check_cells(numbers, frame[name], missing, at)
            filled += _fill(found, parts[0][0][name], parts[0][1])
            encoded = [numbers[:, None] for numbers in found]
            names.append(name)
        for block, values in zip(blocks, encoded, strict=True):
            block.append(values)
    notes = []
    if spread:
        notes.append(f"one column a word was made of: {', '.join(spread)}")
    if filled:
        notes.append(f"{filled} empty cells became the mean of their column in training")
    return [np.concatenate(block, axis=1) for block in blocks], names, tuple(notes)


def _words(column: "pd.Series[Any]") -> list[str]:
    return [str(value) for value in column.tolist()]


def _one_hot(cells: Sequence[str], words: Sequence[str]) -> NDArray[np.float64]:
    """Float [n, words]; a word never met in training is all zeros."""
    number = {word: i for i, word in enumerate(words)}
    codes = np.array([number.get(cell, -1) for cell in cells], dtype=np.int64)
    return np.asarray(codes[:, None] == np.arange(len(words)), dtype=np.float64)


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
        raise DataError(
            f"column {column.name!r} is empty in the training part",
            where=where,
            todo="leave the column out with features",
        )
    mean = np.nanmean(parts[0])
    for part in parts:
        part[np.isnan(part)] = mean
    return count


def text_weights(
    texts: Sequence[str], later: Sequence[str] | None, vocabulary: int, where: str
) -> tuple[Any, Any, str]:
    """tf-idf weights as sparse matrices [n, d] and [t, d], rows of length 1, and what they are.

    Vocabulary and weights come from the training part alone. Texts without a word, such as signs
    and emojis, are told apart by their characters instead; so are texts of which hardly two share
    a word, as those of scripts that are written without blanks.

    Raises:
        DataError: the texts hold nothing at all.
    """
    why = ""
    for characters in (False, True):
        model = tf_idf(vocabulary, characters=characters)
        try:
            x = model.fit_transform(texts)
        except ValueError:  # raised when nothing is found at all
            why = "the texts hold no words"
            continue
        if not characters and _hardly_shared(x):
            why = "hardly two texts share a word"
            continue
        what = f"characters and pairs of these, for {why}" if characters else "words"
        said = f"tf-idf weights of {x.shape[1]} {what}"
        return x, None if later is None else model.transform(later), said
    raise DataError(
        "the texts hold no words",
        expected="texts of words or signs",
        got=f"{len(texts)} texts",
        where=where,
        todo="name the column of the texts with text",
    )


def _hardly_shared(x: Any) -> bool:
    """Whether less than a tenth of the words of texts [n, d] stand in another text too."""
    counts = np.bincount(x.indices, minlength=x.shape[1])
    return x.shape[0] >= _FEW_TEXTS and int(counts[counts > 1].sum()) < 0.1 * x.nnz


def tf_idf(vocabulary: int, *, characters: bool = False) -> Any:
    """scikit-learn's vectoriser as pauca uses it: tf-idf weights of words, rows of length 1.

    Args:
        vocabulary: At most this many.
        characters: Characters and pairs of these in the place of words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    own: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 2)} if characters else {}
    return TfidfVectorizer(
        sublinear_tf=True,
        max_features=vocabulary,
        dtype=np.float32,
        strip_accents="unicode",
        **own,
    )
