"""How items are read: what a pool found out about its columns and pictures, for further items.

A pool is read once, and what was decided then (columns, marks of decimals, the words of a column,
the form of pictures) is kept. Further items, from a file or from memory, are read in the same way:
nothing is decided anew.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.columns import find_column, has_text, joined_texts
from pauca.data.dataset import Kind
from pauca.data.features import RowFit, vectors_of
from pauca.data.images import MOST_PIXELS, ImageForm, decode_all
from pauca.data.in_memory import encoded_picture, items_of
from pauca.data.own import PixelMap, channels_first
from pauca.errors import DataError, InputError, shown
from pauca.formats import Images, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AbstractIntake",
    "Fresh",
    "ImageIntake",
    "RowIntake",
    "TextIntake",
    "flat_rows",
    "gathered",
    "intake_of",
    "named_from",
    "part_of",
]

_WHERE = "the items"
_TEXTS, _IMAGES = 4096, 2048  # read at once
_NUMBERS = 2**22


@dataclass(frozen=True, eq=False)
class Fresh:
    """n items as they were read.

    Args:
        n: How many.
        blocks: Gives all of them anew, in blocks: texts, stored images [b, c, h, w], rows [b, d].
        shown: What tables say of them: columns by name; none for pictures and vectors.
        notes: What was done.
    """

    n: int
    blocks: Callable[[], Iterator[Sequence[str] | Tensor]]
    shown: Mapping[str, Sequence[Any]]
    notes: tuple[str, ...] = ()


class AbstractIntake(ABC):
    """Reads items of one kind as those of the pool were read.

    Class attributes:
        kind: image, text, table or embedding.
    """

    kind: Kind

    @abstractmethod
    def read(self, part: Part) -> Fresh:
        """The items of a part, all of them.

        Raises:
            DataError: items of another kind or form; a column is missing; a cell does not fit.
        """

    @abstractmethod
    def probe(self) -> Sequence[str] | Tensor:
        """One item of this kind, as ``Fresh.blocks`` gives it."""

    @abstractmethod
    def plain(self) -> dict[str, Any]:
        """Plain values and arrays, which ``intake_of`` takes."""

    def empty(self, part: Part) -> Collection[int]:
        """Items that hold nothing."""
        return ()

    def misfit(self, expected: str, part: Part) -> DataError:
        """What is said of items of another kind."""
        got = f"columns {', '.join(map(repr, list(part.frame.columns)[:8]))}"
        if part.images is not None:
            got = "images"
        elif part.array is not None:
            got = f"{part.array.dtype} {list(part.array.shape)}"
        return DataError(
            f"the items are of another kind than those that were learned from ({self.kind})",
            expected=expected,
            got=got,
            where=part.where,
            todo="give items of the kind that the pool had",
        )


class TextIntake(AbstractIntake):
    """Texts of one or more columns.

    Args:
        columns: Where they stand in tables.
    """

    kind = "text"

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = _names(columns)

    def read(self, part: Part) -> Fresh:
        """The texts, empty ones included."""
        if part.images is not None or part.array is not None:
            raise self.misfit("texts", part)
        texts = joined_texts(part.frame, self._columns(part), part.where)

        def blocks() -> Iterator[Sequence[str]]:
            return (texts[low : low + _TEXTS] for low in range(0, len(texts), _TEXTS))

        return Fresh(len(texts), blocks, {"text": texts})

    def empty(self, part: Part) -> Collection[int]:
        """Items without a text."""
        texts = self.read(part).shown["text"]
        return {row for row, text in enumerate(texts) if not has_text(text)}

    def probe(self) -> Sequence[str]:
        """A short text."""
        return ["a"]

    def plain(self) -> dict[str, Any]:
        """Names of the columns."""
        return {"columns": list(self.columns)}

    def _columns(self, part: Part) -> Sequence[str]:
        """The pool's columns, else what the format takes for the text, one called text, or all."""
        names = [str(name) for name in part.frame.columns]
        if set(self.columns) <= set(names):
            return self.columns
        if part.text:
            return part.text
        if "text" in names and not set(self.columns) & set(names):
            return ["text"]
        if len(names) == 1:
            return names
        lost = next(name for name in self.columns if name not in names)
        find_column(part.frame, lost, part.where, "text")
        raise AssertionError(lost)


class RowIntake(AbstractIntake):
    """Rows of a table, or vectors.

    Args:
        kind: table or embedding.
        fit: How columns become numbers; without columns, of arrays [n, d].
    """

    def __init__(self, kind: Kind, fit: RowFit) -> None:
        self.kind, self.fit = kind, fit

    def read(self, part: Part) -> Fresh:
        """The rows, each as long as those of the pool."""
        if part.images is not None and part.array is None:
            raise self.misfit(self._expected, part)
        x = self._rows(part)
        size = max(1, _NUMBERS // max(1, self.fit.d))
        table = self.kind == "table" and part.array is None
        columns = {str(name): part.frame[name].tolist() for name in part.frame if table}
        notes = self.fit.strangers(part.frame) if table else ()
        return Fresh(len(x), lambda: iter(torch.split(x, size)), columns, notes)

    def probe(self) -> Tensor:
        """A row of zeros."""
        return torch.zeros(1, self.fit.d)

    def plain(self) -> dict[str, Any]:
        """The fit."""
        return self.fit.plain()

    @property
    def _expected(self) -> str:
        if self.fit.columns:
            return f"rows with columns {', '.join(map(repr, self.fit.names[:8]))}"
        return f"vectors of {self.fit.d} numbers"

    def _rows(self, part: Part) -> Tensor:
        fit = self.fit
        if part.array is None and (fit.columns or fit.vector in part.frame.columns):
            return fit.apply(part.frame, part.where)
        rows = self._vectors(part) if part.array is None else flat_rows(part)
        if fit.columns:
            return fit.apply(self._named(rows, part), part.where)
        if rows.shape[1] != fit.d:
            raise self.misfit(self._expected, part)
        return fit.scaling.apply(rows)

    def _named(self, rows: NDArray[Any], part: Part) -> "pd.DataFrame":
        """An array as the columns of the pool, in their order."""
        import pandas as pd

        worded = any(column.words is not None for column in self.fit.columns)
        if rows.shape[1] != len(self.fit.columns) or worded:
            raise self.misfit(self._expected, part)
        return pd.DataFrame(rows, columns=list(self.fit.names))

    def _vectors(self, part: Part) -> NDArray[Any]:
        """A column of vectors under another name, or as many columns of numbers."""
        frame = part.frame
        if frame.shape[1] == 1:
            return vectors_of(frame.iloc[:, 0], part.where)
        if frame.shape[1] != self.fit.d or not all(kind.kind in "iufb" for kind in frame.dtypes):
            raise self.misfit(self._expected, part)
        return frame.to_numpy(dtype=np.float64)


class ImageIntake(AbstractIntake):
    """Pictures, from files, as arrays, or as PIL has them.

    Args:
        form: What every picture becomes.
        pixels: How arrays are read; None where the pool was made of files.
        channels: Of a stored image.
    """

    kind = "image"

    def __init__(self, form: ImageForm, pixels: PixelMap | None, channels: int) -> None:
        self.form, self.pixels, self.channels = form, pixels, channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a stored image: (channels, height, width)."""
        return (self.channels, self.form.height, self.form.width)

    def read(self, part: Part) -> Fresh:
        """The pictures, decoded a block at a time."""
        if part.images is not None and part.images.stored is None:
            return self._decoded(part.images, part.n)
        array = part.array if part.images is None else part.images.stored
        if array is None or array.ndim not in (3, 4):
            raise self.misfit("images", part)
        return self._stored(array, part.where)

    def probe(self) -> Tensor:
        """A black image."""
        if self.pixels is None and self.channels != self.form.shape[0]:
            raise ValueError("channels that do not fit the mode")
        return torch.zeros(1, *self.shape, dtype=torch.uint8)

    def plain(self) -> dict[str, Any]:
        """Form and map."""
        pixels = None if self.pixels is None else asdict(self.pixels)
        return {"form": asdict(self.form), "pixels": pixels, "channels": self.channels}

    def planes(self, array: Any, where: str) -> NDArray[Any]:
        """[n, c, h, w]; where channels could be in two places, as the pool has them, else last."""
        own = len(array.shape) == 4 and tuple(array.shape[1:]) == self.shape
        last = len(array.shape) == 4 and array.shape[3] in (1, 3, 4)
        place: Literal["first", "last"] | None = "first" if own else "last" if last else None
        return channels_first(array, place, where)

    def _decoded(self, images: Images, n: int) -> Fresh:
        if self.pixels is not None and (self.pixels.how == "range" or self.channels == 4):
            raise DataError(
                "the pool was an array of pixels, which files do not hold in this form",
                expected=f"arrays {list(self.shape)} an image",
                got="files of images",
                where=_WHERE,
                todo="give arrays as the pool had them",
            )

        def blocks() -> Iterator[Tensor]:
            low = 0
            for block in gathered(images.blocks(), _IMAGES):
                name = named_from(images.name, low)
                yield decode_all([block], len(block), self.form, name)
                low += len(block)

        return Fresh(n, blocks, {})

    def _stored(self, array: NDArray[Any], where: str) -> Fresh:
        x = self.planes(array, where)
        if self.pixels is None:
            return self._decoded(_pictures(list(x)), len(x))
        if tuple(x.shape[1:]) != self.shape:
            raise DataError(
                "images have another size than those that were learned from",
                expected=f"{list(self.shape)} (channels, height, width)",
                got=list(x.shape[1:]),
                where=where,
                todo="bring them to this size",
            )
        pixels = self.pixels

        def blocks() -> Iterator[Tensor]:
            return (pixels.apply(x[i : i + _IMAGES], where) for i in range(0, len(x), _IMAGES))

        return Fresh(len(x), blocks, {})


def intake_of(kind: Kind, plain: Mapping[str, Any]) -> AbstractIntake:
    """From what ``AbstractIntake.plain`` gave.

    Raises:
        Exception: whatever values of another form lead to; a ValueError, as a rule.
    """
    if kind == "text":
        return TextIntake(plain["columns"])
    if kind == "image":
        from pydantic import TypeAdapter

        form = TypeAdapter(ImageForm).validate_python(plain["form"])
        pixels = TypeAdapter(PixelMap | None).validate_python(plain["pixels"])
        if not 0 < form.height * form.width <= MOST_PIXELS or plain["channels"] not in (1, 3, 4):
            raise ValueError("an image of another form")
        return ImageIntake(form, pixels, plain["channels"])
    return RowIntake(kind, RowFit.of(plain))


def part_of(items: Any, intake: AbstractIntake) -> Part:
    """Items in memory as a part of a file.

    Args:
        items: A list of texts; of paths of images, PIL images or arrays; of rows as lists or
            dicts; an array or tensor; a DataFrame; a ``datasets.Dataset``.
        intake: That will read it.

    Raises:
        InputError: none of these; a single text or path.
    """
    if isinstance(items, str | bytes | Path) or not hasattr(items, "__len__"):
        raise InputError(
            "items are not given one by one",
            expected=_EXPECTED[intake.kind],
            got=shown(items),
            todo="put a single one into a list; a file: `pauca label predict MODEL --data FILE`",
        )
    if _holds_objects(items):
        items = list(items)
    if isinstance(items, list | tuple) and len(items):
        return _listed(list(items), intake)
    return items_of(items).train


_EXPECTED = {
    "text": "a list of texts, or a DataFrame",
    "image": "a list of paths, PIL images or arrays, or one array",
    "table": "a DataFrame, or a list of rows as dicts or lists",
    "embedding": "an array [n, d]",
}


def _holds_objects(items: Any) -> bool:
    """Whether it is a row of texts or objects: an array with one axis, a Series, an Index."""
    kind = getattr(getattr(items, "dtype", None), "kind", "")
    return kind in tuple("OUT") and getattr(items, "ndim", 0) == 1


def _listed(items: list[Any], intake: AbstractIntake) -> Part:
    """A list of items, all of one type."""
    import pandas as pd

    if intake.kind == "text":
        _check_all(items, str, _EXPECTED["text"])
        return Part(_WHERE, pd.DataFrame({"text": pd.Series(items, dtype=object)}), text=("text",))
    if isinstance(intake, ImageIntake):
        frame, first = pd.DataFrame(index=range(len(items))), items[0]
        if isinstance(first, str | Path):
            _check_all(items, str | Path, _EXPECTED["image"])
            return Part(_WHERE, frame, images=_files([Path(each).expanduser() for each in items]))
        if isinstance(first, np.ndarray | Tensor):
            _check_all(items, np.ndarray | Tensor, _EXPECTED["image"])
            return Part(_WHERE, frame, images=_arrays(items, intake))
        return items_of(items).train
    if isinstance(items[0], Mapping):
        _check_all(items, Mapping, _EXPECTED["table"])
        return Part(_WHERE, pd.DataFrame([dict(each) for each in items]))
    if isinstance(intake, RowIntake) and intake.fit.columns:
        return Part(_WHERE, _framed(items, intake.fit.names))
    return items_of(items).train


def _check_all(items: Sequence[Any], kind: Any, expected: str) -> None:
    for place, each in enumerate(items):
        if not isinstance(each, kind):
            raise InputError(
                "an item is of another kind than the others",
                expected=expected,
                got=shown(each),
                where=f"item {place}",
                todo="leave it out, or mend it",
            )


def _framed(rows: Sequence[Any], names: Sequence[str]) -> "pd.DataFrame":
    """Rows in the order of the pool's columns."""
    import pandas as pd

    for place, row in enumerate(rows):
        if isinstance(row, str) or not hasattr(row, "__len__") or len(row) != len(names):
            raise InputError(
                "a row does not have one cell for each column",
                expected=f"{len(names)} cells: {', '.join(map(repr, names[:8]))}",
                got=shown(row),
                where=f"item {place}",
                todo="give the cells in this order, or dicts that name them",
            )
    return pd.DataFrame([list(row) for row in rows], columns=list(names))


def _files(paths: Sequence[Path]) -> Images:
    return Images(
        lambda: (paths[low : low + _IMAGES] for low in range(0, len(paths), _IMAGES)),
        lambda i: str(paths[i]),
    )


def _arrays(items: Sequence[Any], intake: ImageIntake) -> Images:
    """Arrays [h, w], [h, w, c] or [c, h, w]: one array where the pool was one, else as files."""
    planes = [intake.planes(each[None], f"image {i}")[0] for i, each in enumerate(items)]
    if intake.pixels is None:
        return _pictures(planes)
    if len({plane.shape for plane in planes}) > 1:
        raise InputError(
            "images differ in size",
            expected=f"{list(intake.shape)} (channels, height, width)",
            got=sorted({plane.shape for plane in planes})[:4],
            todo="bring them to this size",
        )
    return Images(lambda: (), lambda i: f"image {i}", stored=np.stack(planes))


def _pictures(planes: Sequence[NDArray[Any]]) -> Images:
    """Arrays [c, h, w] as the bytes of files that hold the same pixels."""
    return Images(
        lambda: (
            [_encoded(plane) for plane in planes[low : low + _IMAGES]]
            for low in range(0, len(planes), _IMAGES)
        ),
        lambda i: f"image {i}",
    )


def _encoded(plane: NDArray[Any]) -> bytes:
    from PIL import Image

    flat = plane[0] if len(plane) == 1 else np.ascontiguousarray(plane.transpose(1, 2, 0))
    wide = {"f": np.float32, "i": np.int32, "u": np.uint16}
    if flat.dtype not in (np.uint8, np.bool_):
        exact, flat = flat, flat.astype(wide[flat.dtype.kind])
        if flat.dtype.kind != "f" and (flat != exact).any():
            raise _too_deep(plane)
    try:
        return encoded_picture(Image.fromarray(flat))
    except TypeError:  # colours of more than 8 bits
        raise _too_deep(plane) from None


def _too_deep(plane: NDArray[Any]) -> DataError:
    return DataError(
        "an image has values of another kind than files hold",
        expected="uint8 [h, w, 3], or [h, w]",
        got=f"{plane.dtype} {list(plane.shape)}",
        where=_WHERE,
        todo="bring the values to 0 to 255 and give uint8",
    )


def flat_rows(part: Part) -> NDArray[Any]:
    """Rows [n, d] of the array of a part; every axis but the first is joined.

    Raises:
        DataError: a number is NaN or infinite.
    """
    array = part.array
    assert array is not None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            "a number is NaN or infinite",
            where=f"{part.where}, row {row}",
            todo="fill it in, or leave the row out",
        )
    return array.reshape(len(array), -1)


def gathered(blocks: Iterable[Sequence[Any]], most: int) -> Iterator[list[Any]]:
    """Blocks joined until each has so many items, or more."""
    held: list[Any] = []
    for block in blocks:
        held += block
        if len(held) >= most:
            yield held
            held = []
    if held:
        yield held


def named_from(name: Callable[[int], str], low: int) -> Callable[[int], str]:
    """Names of items that are counted from ``low`` on."""
    return lambda i: name(low + i)


def _names(columns: Sequence[str]) -> tuple[str, ...]:
    names = tuple(columns)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("columns without names")
    return names
