"""From columns of a table to features: numbers, a few words, vectors, or texts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.augment import Pipeline, Standardise
from pauca.data.columns import (
    Column,
    Missing,
    Reading,
    Roles,
    find_column,
    numbers_of,
)
from pauca.data.dataset import Kind
from pauca.data.labels import listed
from pauca.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ColumnFit",
    "Features",
    "RowFit",
    "Scaling",
    "find_scaling",
    "fit_texts",
    "make_features",
    "standardised",
    "text_weights",
    "tf_idf",
    "vectors_of",
]

_LOSS = 1e-6
_BLOCK = 1 << 22  # numbers that are looked at in float64 at a time
_NOTHING = ("", "None", "nan", "NaN", "<NA>")


@dataclass(frozen=True, eq=False)
class Scaling:
    """Columns that become (v - mean) / std in float64, because float32 would lose their digits.

    Args:
        places: Which columns, int64 [k].
        moments: Of each the mean above a shift, the standard deviation, and the shift; float64
            [k, 3].
    """

    places: NDArray[np.int64]
    moments: NDArray[np.float64]

    def apply(self, rows: NDArray[Any]) -> Tensor:
        """Finite numbers [n, d] as float32 [n, d]."""
        with np.errstate(over="ignore", invalid="ignore"):
            x = torch.from_numpy(np.array(rows, dtype=np.float32, order="C"))
        for place, (mean, std, shift) in zip(
            self.places.tolist(), self.moments.tolist(), strict=True
        ):
            x[:, place] = _scaled(rows[:, place], mean, std, shift)
        return x


_NO_SCALING = Scaling(np.empty(0, np.int64), np.empty((0, 3)))
_PLAIN = Reading()


@dataclass(frozen=True)
class ColumnFit:
    """How one column becomes numbers.

    Args:
        name: Of the column.
        reading: How its texts become numbers.
        words: Those that become one number each, in order; None for a column of numbers.
        mean: What an empty cell of numbers becomes; None refuses it.
    """

    name: str
    reading: Reading = _PLAIN
    words: tuple[str, ...] | None = None
    mean: float | None = None

    def read(self, column: "pd.Series[Any]", where: str) -> NDArray[np.float64]:
        """float64 [n, 1] of numbers, [n, words] of words.

        Raises:
            DataError: a cell that is no number, or an empty one that is refused.
        """
        if self.words is not None:
            return _one_hot(column.tolist(), self.words)
        judged = Column(self.name, "numbers", reading=self.reading)
        numbers = numbers_of(judged, column, where)
        _check_cells(numbers, column, "refuse" if self.mean is None else "mean", where)
        if self.mean is not None:
            numbers[np.isnan(numbers)] = self.mean
        return numbers[:, None]


@dataclass(frozen=True, eq=False)
class RowFit:
    """How the columns of a table become rows of numbers, fitted on a training part.

    Args:
        columns: In order; none for vectors.
        vector: Column of the vectors, or None.
        d: Numbers of a row.
        scaling: Of these.
    """

    columns: tuple[ColumnFit, ...]
    vector: str | None
    d: int
    scaling: Scaling

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(c.name for c in self.columns) if self.vector is None else (self.vector,)

    def apply(self, frame: "pd.DataFrame", where: str) -> Tensor:
        """Other rows, read in the same way: float32 [n, d].

        Raises:
            DataError: a column is missing; a cell is empty or not what its column holds.
        """
        return self.scaling.apply(self.read(frame, where))

    def read(self, frame: "pd.DataFrame", where: str) -> NDArray[Any]:
        """The same before it is scaled."""
        for name in self.names:
            find_column(frame, name, where, "features")
        if self.vector is None:
            return np.concatenate([c.read(frame[c.name], where) for c in self.columns], axis=1)
        rows = vectors_of(frame[self.vector], where)
        if rows.shape[1] != self.d:
            raise DataError(
                "vectors differ in length",
                expected=f"{self.d} numbers, as in training",
                got=rows.shape[1],
                where=where,
                todo="write both parts with vectors of one length",
            )
        return rows

    def plain(self) -> dict[str, Any]:
        """Plain values and arrays, which ``of`` takes."""
        return {
            "columns": [asdict(column) for column in self.columns],
            "vector": self.vector,
            "d": self.d,
            "scaling": vars(self.scaling),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "RowFit":
        """From what ``plain`` gave."""
        columns = [
            ColumnFit(**{**each, "reading": Reading(**each["reading"])})
            for each in plain["columns"]
        ]
        scaling = Scaling(**plain["scaling"])
        return cls(tuple(columns), plain["vector"], plain["d"], scaling)


@dataclass(frozen=True)
class Features:
    """Features of both parts, and what was done to get them.

    Args:
        kind: table, text or embedding.
        train: float32 [n, d].
        test: float32 [t, d], or None without a test part.
        transform: For a batch of either.
        notes: What was done.
        fit: How other rows are read.
    """

    kind: Kind
    train: Tensor
    test: Tensor | None
    transform: Pipeline
    notes: tuple[str, ...] = ()
    fit: RowFit | None = None


def standardised(
    train: NDArray[Any],
    test: NDArray[Any] | None = None,
    names: Sequence[str] | None = None,
) -> tuple[Tensor, Tensor | None, tuple[str, ...]]:
    """Rows as float32, of which no column loses what it tells; see ``find_scaling``.

    Args:
        train: Finite numbers [n, d].
        test: Finite numbers [t, d].
        names: Names of the columns, for notes; places without them.

    Returns:
        float32 [n, d], float32 [t, d] or None, and what is said of columns.
    """
    scaling, notes = find_scaling(train, names)
    return scaling.apply(train), None if test is None else scaling.apply(test), notes


def find_scaling(
    train: NDArray[Any], names: Sequence[str] | None = None
) -> tuple[Scaling, tuple[str, ...]]:
    """Which columns have to be standardised before they become float32.

    A column that float32 holds to 1 part in a million (of its deviation from the mean) is kept as
    it is, for the transform to standardise. Another one, such as times in milliseconds, becomes
    (v - mean) / std first, in float64, by mean and standard deviation of the training part.

    Args:
        train: Finite numbers [n, d].
        names: Names of the columns, for notes; places without them.

    Returns:
        The scaling, and which columns it has, and which hold smaller differences than float64 can.
    """
    d = train.shape[1]
    places: list[int] = []
    width = max(1, _BLOCK // max(1, len(train)))
    for start in range(0, d, width):
        places += [start + place for place in _lossy(train[:, start : start + width])]
    moments = [_moments(train[:, place]) for place in places]
    coarse = [
        place
        for place, (_, std, _) in zip(places, moments, strict=True)
        if _coarse(train[:, place], std)
    ]
    notes = []
    if places:
        notes.append(
            "standardised in float64 before float32, which would lose digits: "
            f"{_columns(places, names, d)}"
        )
    if coarse:
        notes.append(
            "of so large a scale that float64 loses more than 1 part in a million of what differs "
            f"(take the offset away in the file): {_columns(coarse, names, d)}"
        )
    rows = np.array(moments, dtype=np.float64).reshape(-1, 3)
    return Scaling(np.array(places, dtype=np.int64), rows), tuple(notes)


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
    first = [roles.columns[name] for name in roles.features]
    if first[0].content == "vectors":
        kind: Kind = "embedding"
        d = vectors_of(train[first[0].name], where).shape[1]
        fit, names, notes = RowFit((), first[0].name, d, _NO_SCALING), None, tuple[str, ...]()
    else:
        kind = "table"
        fit, names, notes = _fit_columns(train, first, missing, where)
    rows = fit.read(train, where)
    scaling, said = find_scaling(rows, names)
    fit = replace(fit, scaling=scaling)
    x = scaling.apply(rows)
    x_test = None if test is None else fit.apply(test, f"{where}, test part")
    notes = (*notes, *_filled(fit, [train] if test is None else [train, test]), *said)
    return Features(kind, x, x_test, Pipeline((Standardise.of(x),)), notes, fit)


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


def _fit_columns(
    train: "pd.DataFrame", columns: Sequence[Column], missing: Missing, where: str
) -> tuple[RowFit, list[str], tuple[str, ...]]:
    """How the columns are read, names of the d numbers of a row, and what has to be said."""
    fits: list[ColumnFit] = []
    names: list[str] = []
    spread = []
    for column in columns:
        name = column.name
        if column.content == "words":
            words = tuple(sorted(set(map(str, train[name].tolist()))))
            spread.append(f"{name} ({len(words)})")
            fits.append(ColumnFit(name, words=words))
            names += [f"{name} {word}" for word in words]
        else:
            numbers = numbers_of(column, train[name], where)
            _check_cells(numbers, train[name], missing, where)
            mean = _mean(numbers, name, where) if missing == "mean" else None
            fits.append(ColumnFit(name, column.reading, mean=mean))
            names.append(name)
    said = (f"one column a word was made of: {', '.join(spread)}",) if spread else ()
    return RowFit(tuple(fits), None, len(names), _NO_SCALING), names, said


def _filled(fit: RowFit, parts: Sequence["pd.DataFrame"]) -> tuple[str, ...]:
    """How many empty cells became a mean."""
    filled = 0
    for column in fit.columns:
        if column.mean is not None:
            judged = Column(column.name, "numbers", reading=column.reading)
            found = (numbers_of(judged, part[column.name], "") for part in parts)
            filled += sum(int(np.isnan(numbers).sum()) for numbers in found)
    said = f"{filled} empty cells became the mean of their column in training"
    return (said,) if filled else ()


def _one_hot(cells: Sequence[Any], words: Sequence[str]) -> NDArray[np.float64]:
    """Float [n, words]; a word never met in training is all zeros."""
    number = {word: i for i, word in enumerate(words)}
    # what is missing may be written in another way than it was in training
    nothing = next((number[word] for word in _NOTHING if word in number), -1)
    codes = np.array(
        [number.get(str(cell), nothing if str(cell) in _NOTHING else -1) for cell in cells],
        dtype=np.int64,
    )
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


def _mean(numbers: NDArray[np.float64], name: str, where: str) -> float:
    """Mean of the cells that are filled."""
    if np.isnan(numbers).all():
        raise DataError(
            f"column {name!r} is empty in the training part",
            where=where,
            todo="leave the column out with features",
        )
    return float(np.nanmean(numbers))


def text_weights(
    texts: Sequence[str], later: Sequence[str] | None, vocabulary: int, where: str
) -> tuple[Any, Any, str]:
    """tf-idf weights as sparse matrices [n, d] and [t, d], rows of length 1, and what they are.

    Vocabulary and weights come from the training part alone. Texts without a word, such as signs
    and emojis, are told apart by their characters instead.

    Raises:
        DataError: the texts hold nothing at all.
    """
    model, x, said = fit_texts(texts, vocabulary, where)
    return x, None if later is None else model.transform(later), said


def fit_texts(texts: Sequence[str], vocabulary: int, where: str) -> tuple[Any, Any, str]:
    """The fitted vectoriser, the weights of these texts [n, d], and what they are.

    Raises:
        DataError: the texts hold nothing at all.
    """
    for characters in (False, True):
        model = tf_idf(vocabulary, characters=characters)
        try:
            x = model.fit_transform(texts)
        except ValueError:  # raised when nothing is found at all
            continue
        what = (
            "characters and pairs of these, for the texts hold no words" if characters else "words"
        )
        return model, x, f"tf-idf weights of {x.shape[1]} {what}"
    raise DataError(
        "the texts hold no words",
        expected="texts of words or signs",
        got=f"{len(texts)} texts",
        where=where,
        todo="name the column of the texts with text",
    )


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
