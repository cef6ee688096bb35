"""Data in memory already: arrays, tensors, frames, lists, data sets of other libraries.

They become the same ``Items`` as files do, so that every rule about columns, labels and pictures
holds for them too.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pauca.checks import check_ordered, check_tensor
from pauca.data.sparse import SparseRows
from pauca.errors import DataError, InputError, shown
from pauca.formats import Images, Items, Part, Raw, check_room, library
from pauca.formats.npz import at_most_float64, column_of
from pauca.formats.tables import object_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["encoded_picture", "items_of"]

_WHERE = "x"
_KINDS = "an array, a tensor, a DataFrame, a list, a datasets.Dataset or a scikit-learn Bunch"
_TODO = "convert it to one of these first"
_BLOCK = 256
_HALF = re.compile("[\ud800-\udfff]")


def items_of(
    x: Any, y: Any = None, x_test: Any = None, y_test: Any = None, group: Any = None
) -> Items:
    """A training and perhaps a test part, as a file would give them.

    Args:
        x: Items: numbers [n, d], pictures [n, h, w], [n, h, w, channels] or [n, channels, h, w],
            sequences [n, t, d]; a list of texts, of PIL images, of rows or of dicts; a SciPy matrix
            of rows; a DataFrame; a ``datasets.Dataset`` or ``DatasetDict``; a scikit-learn Bunch.
        y: Labels [n], or the name of their column in ``x``.
        x_test: The test part, as ``x``.
        y_test: Its labels, as ``y``.
        group: Group of each item of ``x`` [n], which become a column of this name.

    Raises:
        InputError: of another kind; labels that do not fit; a set, whose order says nothing.
        DataError: what a library cannot read; parts that differ.
    """
    if _is_splits(x):
        if x_test is not None or y_test is not None:
            raise InputError(
                "the test part is given twice",
                got=", ".join(map(str, x)),
                todo="leave x_test and y_test out, or pass one split as x",
            )
        test = _test_split(x)
        left = [name for name in x if name not in ("train", test)]
        part = _part(x["train"], y, "train")
        said = (f"splits that are left out: {', '.join(left)}",) if left else ()
        part = replace(part, notes=(*said, *part.notes))
        return _grouped(part, None if test is None else _part(x[test], y, "test"), group)
    if x_test is None and y_test is not None:
        raise InputError("labels of a test part without its items", todo="give x_test too")
    first = _part(x, y, _WHERE)
    if x_test is None:
        return _grouped(first, None, group)
    named = isinstance(y, str) and y_test is None
    second = _part(x_test, y if named else y_test, "x_test")
    if (first.label is None) != (second.label is None):
        raise InputError(
            "only one part has labels that are given",
            got="y alone" if second.label is None else "y_test alone",
            todo="give both y and y_test, None for items without a label",
        )
    return _grouped(first, second, group)


def _grouped(train: Part, test: Part | None, group: Any) -> Items:
    """Both parts; groups become a column of the training part where there is no other."""
    if group is None:
        return Items(train, test)
    if test is not None:
        raise InputError(
            "groups hold items together where a test part is cut off, and there is one",
            todo="leave group or x_test out",
        )
    import pandas as pd

    cells = pd.Series(_labels(group, train.n, "group"), dtype=object)
    frame, notes = _mended(train.frame.assign(group=cells))
    return Items(replace(train, frame=frame, notes=(*train.notes, *notes)))


def _part(x: Any, y: Any, where: str) -> Part:
    if _class_of(x) == "sklearn.utils._bunch.Bunch":
        return _bunch(x, y, where)
    if _class_of(x).startswith("datasets."):
        with library(where, _KINDS, _TODO, f"{where} cannot be read"):
            return _hub(x, y, where)
    frame = _columns(x, where) if _has_columns(x) else _frame_of(x, where)
    if frame is not None:
        return _framed(frame, y, where)
    if hasattr(x, "tocsr") or isinstance(x, SparseRows):
        return _labelled(x.shape[0], None, None, _sparse(x, where), y, where)
    if isinstance(x, np.ndarray) and x.ndim == 1 and x.dtype.kind in "OUT":
        x = x.tolist()
    if isinstance(x, Sequence) and not isinstance(x, str | bytes | memoryview) and len(x):
        first = next((each for each in x if each is not None), None)
        if isinstance(first, Mapping):
            return _framed(_frame_of_rows(x, where), y, where)
        listed = _listed(x, first, where)
        if listed is not None:
            return _labelled(*listed, y, where)
    array = _array(x, where)
    return _labelled(len(array), None, None, array, y, where)


def _labelled(
    n: int,
    texts: Sequence[Any] | None,
    images: Images | None,
    array: NDArray[np.generic] | None,
    y: Any,
    where: str,
) -> Part:
    """A part with a column ``y`` where there are labels."""
    import pandas as pd

    columns: dict[str, Any] = {}
    if texts is not None:
        columns["text"] = list(texts)
    if y is not None:
        columns["y"] = _labels(y, n, where)
    frame, notes = _mended(pd.DataFrame(columns, index=pd.RangeIndex(n), dtype=object))
    if images is None and array is not None and _holds_pictures(array):
        images = Images(lambda: (), lambda i: f"image {i} of {where}", array)
    label = "y" if y is not None else None
    text = ("text",) if texts is not None else ()
    return Part(where, frame, images=images, array=array, label=label, text=text, notes=notes)


def _framed(frame: "pd.DataFrame", y: Any, where: str, names: Any = None) -> Part:
    """A frame whose labels are one of its columns, or stand beside it."""
    import pandas as pd

    frame = frame.reset_index(drop=True)
    frame.columns = [_HALF.sub("\ufffd", str(name)) for name in frame.columns]
    twice = [name for name, count in Counter(frame.columns).items() if count > 1]
    if twice:
        raise DataError(
            "a column name occurs twice", got=repr(twice[0]), where=where, todo="rename one of them"
        )
    label = y
    if y is not None and not isinstance(y, str):
        label = "y" if "y" not in frame.columns else "label of y"
        labels = pd.Series(_labels(y, len(frame), where), dtype=object)
        frame, names = frame.assign(**{label: labels}), None
    frame, notes = _mended(frame)
    return Part(where, frame, label=label, class_names=names or {}, notes=notes)


def _mended(frame: "pd.DataFrame") -> tuple["pd.DataFrame", tuple[str, ...]]:
    """Halves of surrogate pairs in texts as U+FFFD, as files are read; and what is said."""
    halves: dict[str, list[Any]] = {}
    for name in frame.columns[[kind.kind == "O" for kind in frame.dtypes]]:
        cells = frame[name].tolist()
        if any(isinstance(cell, str) and _HALF.search(cell) for cell in cells):
            halves[name] = [
                _HALF.sub("\ufffd", cell) if isinstance(cell, str) else cell for cell in cells
            ]
    if not halves:
        return frame, ()
    said = f"halves of surrogate pairs are read as U+FFFD: {', '.join(map(repr, halves))}"
    return frame.assign(**halves), (said,)


def _has_columns(x: Any) -> bool:
    """Whether it is a dict of columns, or an array with fields."""
    if isinstance(x, np.ndarray):
        return x.dtype.names is not None
    scalar = (str, bytes)
    return (
        isinstance(x, dict)
        and bool(x)
        and all(hasattr(each, "__len__") and not isinstance(each, scalar) for each in x.values())
    )


def _columns(x: Any, where: str) -> "pd.DataFrame":
    import pandas as pd

    with library(where, "columns of one length", "make them equally long", f"{where} is no table"):
        return pd.DataFrame(x)


def _frame_of_rows(x: Sequence[Any], where: str) -> "pd.DataFrame":
    """Rows that are mappings: a cell that one lacks is None."""
    rows: list[dict[str, Any]] = []
    for i, row in enumerate(x):
        if not isinstance(row, Mapping):
            raise InputError(
                "items are of different kinds",
                expected="a mapping of names to values, as the first item is",
                got=f"{type(row).__name__} {shown(row)}",
                where=f"item {i} of {where}",
                todo="give one mapping an item",
            )
        rows.append({str(name): value for name, value in row.items()})
        if len(rows[-1]) < len(row):
            raise DataError(
                "two names of values are the same text",
                got=shown(list(row)),
                where=f"item {i} of {where}",
                todo="rename one of them",
            )
    names = dict.fromkeys(name for row in rows for name in row)
    return object_frame({name: [row.get(name) for row in rows] for name in names}, len(rows))


def _hub(x: Any, y: Any, where: str) -> Part:
    """A ``datasets.Dataset``: its columns, class names and pictures; nothing is downloaded."""
    from datasets import Audio, ClassLabel, Image

    if _class_of(x) != "datasets.arrow_dataset.Dataset":
        raise InputError(
            "a stream of rows cannot be chosen from",
            expected="a datasets.Dataset",
            got=type(x).__name__,
            todo="load it without streaming=True",
        )
    heard = [name for name, kind in x.features.items() if isinstance(kind, Audio)]
    if heard:
        raise InputError(
            "sounds are not read", got=f"column {heard[0]!r}", todo="give features of them instead"
        )
    seen = [name for name, kind in x.features.items() if isinstance(kind, Image)]
    names = {k: tuple(kind.names) for k, kind in x.features.items() if isinstance(kind, ClassLabel)}
    rest = [name for name in x.column_names if name not in seen[:1]]
    frame = x.select_columns(rest).with_format("pandas")[:] if rest else _empty(len(x))
    part = _framed(frame, y, where, names)
    if not seen:
        return part
    raw = x.select_columns(seen[:1]).cast_column(seen[0], Image(decode=False))
    images = Images(lambda: _hub_blocks(raw, seen[0]), lambda i: f"row {i} of {where}")
    notes = (f"further columns of images are left out: {', '.join(seen[1:])}",) if seen[1:] else ()
    kept = part.frame.drop(columns=[name for name in seen[1:] if name in part.frame.columns])
    return Part(where, kept, images, class_names=names, label=part.label, notes=notes)


def _hub_blocks(rows: Any, column: str) -> Iterator[Sequence[Raw]]:
    """The bytes of the pictures, or the files that they are kept in."""
    for low in range(0, len(rows), _BLOCK):
        with library(f"column {column!r}", "pictures", _TODO, "rows cannot be read"):
            cells = rows[low : low + _BLOCK][column]
        yield [_hub_picture(cell) for cell in cells]


def _hub_picture(cell: Any) -> Raw:
    if not isinstance(cell, Mapping):
        return b""
    content, path = cell.get("bytes"), cell.get("path")
    return Path(path) if content is None and path else content or b""


def _bunch(x: Any, y: Any, where: str) -> Part:
    """What scikit-learn's loaders give: data and target, perhaps with names."""
    data, target = x.get("data"), x.get("target") if y is None else y
    if data is None:
        raise InputError(
            "the Bunch holds no items", expected="data, target", got=", ".join(x), todo="pass x, y"
        )
    part = _part(data, target, where)
    names = x.get("target_names")
    if names is None or y is not None or part.label is None or isinstance(target, str):
        return part
    cells = [cell for cell in part.frame[part.label].tolist() if cell is not None]
    if not all(isinstance(cell, int) for cell in cells):
        return part
    words = tuple(map(str, check_ordered(names, "target_names")))
    if not all(-1 <= cell < len(words) for cell in cells):
        return part  # the name of the column, as OpenML has it
    if len(set(words)) < len(words):
        raise InputError(
            "a class is named twice",
            expected="one name a number of the target, no two alike",
            got=shown(list(words)),
            where=where,
            todo="mend target_names, or pass x.data and x.target",
        )
    return replace(part, class_names={part.label: words})


def _listed(
    x: Sequence[Any], first: Any, where: str
) -> tuple[int, Sequence[Any] | None, Images | None, NDArray[np.generic] | None] | None:
    """Texts or PIL images of a list; None where it is rows of numbers."""
    if isinstance(first, str):
        return len(x), x, None, None
    if not _is_picture(first):
        return None
    odd = next((i for i, each in enumerate(x) if each is not None and not _is_picture(each)), None)
    if odd is not None:
        raise InputError(
            "items are of different kinds",
            expected="a PIL image, as the first item is",
            got=f"{type(x[odd]).__name__} {shown(x[odd])}",
            where=f"item {odd} of {where}",
            todo="give one image an item",
        )
    images = Images(lambda: _png_blocks(x), lambda i: f"image {i} of {where}")
    return len(x), None, images, None


def _is_picture(each: Any) -> bool:
    return any(kind.__module__.startswith("PIL.") for kind in type(each).__mro__)


def _png_blocks(pictures: Sequence[Any]) -> Iterator[Sequence[Raw]]:
    """PIL images as PNG or, where PNG has no such pixels, TIFF: as they are, to the bit."""
    for low in range(0, len(pictures), _BLOCK):
        yield [encoded_picture(each) for each in pictures[low : low + _BLOCK]]


def encoded_picture(picture: Any) -> bytes:
    """A PIL image as the bytes of a file that has the same pixels, and the same way up.

    None, and one that has no pixels, is a file of zero bytes.
    """
    from PIL.Image import Exif

    if picture is None or 0 in picture.size:
        return b""
    out, upright, exif = io.BytesIO(), 0x0112, Exif()
    turned = picture.getexif().get(upright)
    if turned is not None:
        exif[upright] = turned
    if picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        picture.save(out, "PNG", exif=exif, compress_level=1)
    else:
        kept = picture.mode in ("I", "F", "I;16B", "CMYK", "YCbCr")
        (picture if kept else picture.convert("RGB")).save(out, "TIFF", exif=exif)
    return out.getvalue()


def _advice(x: Any) -> str:
    """What to do with something that is no array of numbers."""
    if isinstance(x, tuple) and len(x) == 2:
        return "pass items and labels apart: dataset_from(*pair)"
    if getattr(x, "ndim", None) == 1:
        return "give one row an item: x[:, None] where each has one number"
    if hasattr(x, "__getitem__") and not isinstance(x, np.ndarray | Sequence | torch.Tensor):
        return "stack its items: x = torch.stack([x for x, _ in data]), y = [y for _, y in data]"
    return "give one row or picture an item, all of one size"


def _array(x: Any, where: str) -> NDArray[np.generic]:
    """Numbers [n, ...] as NumPy has them; a memory map stays one."""
    if isinstance(x, set | frozenset | Mapping | str | bytes):
        raise InputError(
            f"{where} has no order of items"
            if isinstance(x, set | frozenset)
            else f"{where} holds no items",
            expected=_KINDS,
            got=type(x).__name__,
            todo="pass a list or an array",
        )
    with library(where, _KINDS, _advice(x), f"{where} is no array of numbers", InputError):
        found = _numpy(x, where)
    if found.dtype.kind not in "biuf" or found.ndim < 2 or not found.size:
        raise InputError(
            f"{where} has the wrong form",
            expected=f"{_KINDS}; numbers [n, d] or pictures [n, h, w(, channels)]",
            got=f"{type(x).__name__}: {found.dtype} {list(found.shape)}",
            where=where,
            todo=_advice(x),
        )
    check_room(found.size * found.itemsize, where)
    return found


def _numpy(x: Any, where: str) -> NDArray[Any]:
    """An array of what is one, or becomes one; masked numbers are NaN."""
    if isinstance(x, torch.Tensor):
        check_room(x.numel() * x.element_size(), where)
        plain = check_tensor(x, where).detach().cpu().resolve_conj().resolve_neg()
        own = plain.dtype in (torch.float16, torch.float32, torch.float64)
        return (plain if own or not plain.is_floating_point() else plain.float()).numpy()
    if isinstance(x, np.ma.MaskedArray) and x.dtype.kind in "biuf":
        masked = np.ma.is_masked(x)
        return np.ma.filled(x.astype(np.float64), np.nan) if masked else np.asarray(x.data)
    return at_most_float64(np.asarray(x))


def _sparse(x: Any, where: str) -> Any:
    """A SciPy matrix of rows in CSR form, float32 [n, d]."""
    wide = 2**31
    with library(where, "a SciPy matrix of rows", _TODO, f"{where} cannot be read"):
        rows = x.scipy() if isinstance(x, SparseRows) else x.tocsr()
        rows.check_format(full_check=True)
    if rows.dtype.kind not in "biuf" or rows.ndim != 2 or not all(rows.shape):
        raise InputError(
            f"{where} has the wrong form",
            expected="a SciPy matrix of numbers [n, d]",
            got=f"{type(x).__name__}: {rows.dtype} {list(rows.shape)}",
            where=where,
            todo="give one row an item",
        )
    largest = np.abs(rows.data, dtype=np.float64).max(initial=0.0)
    if rows.shape[1] >= wide or not largest <= np.finfo(np.float32).max:
        raise DataError(
            f"{where} does not fit into sparse rows of float32",
            expected=f"finite numbers within float32, fewer than {wide} columns",
            got=f"{largest} at most, {rows.shape[1]} columns",
            where=where,
            todo="fill in what is NaN, scale the numbers, or leave columns out",
        )
    return rows.astype(np.float32)


def _labels(y: Any, n: int, where: str) -> list[Any]:
    """Labels [n] as Python values; None for none."""
    if isinstance(y, set | frozenset):
        raise InputError("labels in a set have no order", got=type(y).__name__, todo="pass a list")
    if isinstance(y, Mapping | str | bytes) or not hasattr(y, "__len__"):
        raise InputError(
            "labels are of the wrong kind",
            expected="a list, an array or a column, one label an item",
            got=f"{type(y).__name__} {shown(y)}",
            where=where,
            todo="pass a list; the name of a column only where x has columns",
        )
    with library(where, "labels [n]", "pass a list, one label an item", "labels cannot be read"):
        if len(y) != n:
            raise InputError(
                "labels do not fit the items",
                expected=f"{n} of them, one an item",
                got=len(y),
                where=where,
                todo="give one label an item, None for those without",
            )
        frame = _frame_of(y, where)
        found = y if frame is None else frame.to_numpy()
        if isinstance(found, np.ndarray | torch.Tensor):
            # a masked one has None where it is
            array: Any = found if isinstance(found, np.ma.MaskedArray) else _numpy(found, where)
            if array.ndim == 2 and array.shape[1] > 1:
                raise _several(array.shape[1], n, where)
            return column_of(array, n, where)
        values: list[Any] = found.tolist() if hasattr(found, "tolist") else list(found)
        values = [_value(each) for each in values]
    if values and all(map(_is_one_hot, values)) and len(set(map(len, values))) == 1:
        raise _several(len(values[0]), n, where)
    return values


def _several(width: int, n: int, where: str) -> InputError:
    return InputError(
        "every item has a row of labels: one-hot codes, or several labels an item",
        expected=f"one label an item, [{n}]",
        got=f"rows of {width}",
        where=where,
        todo="pass y.argmax(1) for one-hot codes; several labels an item are another task",
    )


def _value(label: Any) -> Any:
    """A label as a Python value, tensors of one number too."""
    return label.item() if isinstance(label, torch.Tensor) and label.numel() == 1 else label


def _is_one_hot(label: Any) -> bool:
    if not isinstance(label, list) or len(label) < 2:
        return False
    return all(isinstance(each, int | float) for each in label) and sorted(label)[-2:] == [0, 1]


def _holds_pictures(array: NDArray[np.generic]) -> bool:
    """Four axes, or three of bytes; three of other numbers may be sequences."""
    return array.ndim == 4 or (array.ndim == 3 and array.dtype == np.uint8)


def _frame_of(x: Any, where: str) -> "pd.DataFrame | None":
    """A DataFrame of pandas, polars or Arrow as pandas has it; None for anything else."""
    module = type(x).__module__.partition(".")[0]
    name = type(x).__name__
    if module == "pandas" and name == "DataFrame":
        found: pd.DataFrame = x
        return found
    if module == "pandas" and name == "Series":
        frame: pd.DataFrame = x.to_frame(name="text" if x.dtype.kind in "OUT" else (x.name or "x"))
        return frame
    if (module, name) in (("polars", "DataFrame"), ("pyarrow", "Table")):
        with library(where, f"a {name} that pandas takes", _TODO, f"{where} cannot be read"):
            made: pd.DataFrame = x.to_pandas()
        return made
    return None


def _empty(n: int) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(index=pd.RangeIndex(n))


def _is_splits(x: Any) -> bool:
    return _class_of(x) in ("datasets.dataset_dict.DatasetDict",)


def _test_split(x: Any) -> str | None:
    if "train" not in x:
        raise InputError(
            "there is no training part", expected="train", got=", ".join(x), todo="pass one split"
        )
    return next((name for name in ("test", "validation", "valid") if name in x), None)


def _class_of(x: Any) -> str:
    return f"{type(x).__module__}.{type(x).__qualname__}"
