"""Data in memory already: arrays, tensors, frames, lists, data sets of other libraries.

They become the same ``Items`` as files do, so that every rule about columns, labels and pictures
holds for them too.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pauca.errors import DataError, InputError
from pauca.formats import Images, Items, Part, Raw

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["encoded_picture", "items_of"]

_WHERE = "x"
_KINDS = "an array, a tensor, a DataFrame, a list, a datasets.Dataset or a scikit-learn Bunch"
_BLOCK = 256


def items_of(x: Any, y: Any = None, x_test: Any = None, y_test: Any = None) -> Items:
    """A training and perhaps a test part, as a file would give them.

    Args:
        x: Items: numbers [n, d], pictures [n, h, w], [n, h, w, channels] or [n, channels, h, w],
            sequences [n, t, d]; a list of texts, of PIL images or of rows; a DataFrame; a
            ``datasets.Dataset`` or ``DatasetDict``; a scikit-learn Bunch.
        y: Labels [n], or the name of their column in ``x``.
        x_test: The test part, as ``x``.
        y_test: Its labels, as ``y``.

    Raises:
        InputError: of another kind; labels that do not fit; a set, whose order says nothing.
    """
    if _is_splits(x):
        train, test = _splits(x)
        return Items(_part(train, y, "train"), None if test is None else _part(test, y, "test"))
    test_part = None if x_test is None else _part(x_test, y_test, "x_test")
    if x_test is None and y_test is not None:
        raise InputError("labels of a test part without its items", todo="give x_test too")
    return Items(_part(x, y, _WHERE), test_part)


def _part(x: Any, y: Any, where: str) -> Part:
    if _class_of(x) == "sklearn.utils._bunch.Bunch":
        return _bunch(x, where)
    if _class_of(x).startswith("datasets."):
        return _hub(x, y, where)
    frame = _frame_of(x)
    if frame is not None:
        return _framed(frame, y, where)
    if isinstance(x, Sequence) and not isinstance(x, str | bytes) and len(x):
        listed = _listed(x, where)
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
    frame = pd.DataFrame(columns, index=pd.RangeIndex(n), dtype=object)
    if images is None and array is not None and _holds_pictures(array):
        images = Images(lambda: (), lambda i: f"image {i} of {where}", array)
    label = "y" if y is not None else None
    text = ("text",) if texts is not None else ()
    return Part(where, frame, images=images, array=array, label=label, text=text)


def _framed(frame: "pd.DataFrame", y: Any, where: str, names: Any = None) -> Part:
    """A frame whose labels are one of its columns, or stand beside it."""
    frame = frame.reset_index(drop=True)
    frame.columns = [str(name) for name in frame.columns]
    twice = [name for name in frame.columns if list(frame.columns).count(name) > 1]
    if twice:
        raise DataError(
            "a column name occurs twice", got=repr(twice[0]), where=where, todo="rename one of them"
        )
    if y is None or isinstance(y, str):
        return Part(where, frame, label=y, class_names=names or {})
    taken = "y" if "y" not in frame.columns else "label of y"
    return Part(where, frame.assign(**{taken: _labels(y, len(frame), where)}), label=taken)


def _hub(x: Any, y: Any, where: str) -> Part:
    """A ``datasets.Dataset``: its columns, class names and pictures; nothing is downloaded."""
    from datasets import Audio, ClassLabel, Image

    if not hasattr(x, "features") or x.features is None or not hasattr(x, "select_columns"):
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
    """The bytes of the pictures; those that are kept as files are read from these."""
    for low in range(0, len(rows), _BLOCK):
        cells = rows[low : low + _BLOCK][column]
        yield [_hub_bytes(cell) for cell in cells]


def _hub_bytes(cell: Any) -> bytes:
    if not isinstance(cell, Mapping):
        return b""
    content = cell.get("bytes")
    if content is None and cell.get("path"):
        with open(cell["path"], "rb") as file:
            content = file.read()
    return content or b""


def _bunch(x: Any, where: str) -> Part:
    """What scikit-learn's loaders give: data and target, perhaps with names."""
    data, target = x.get("data"), x.get("target")
    if data is None:
        raise InputError(
            "the Bunch holds no items", expected="data, target", got=", ".join(x), todo="pass x, y"
        )
    part = _part(data, target, where)
    names = x.get("target_names")
    whole = target is not None and np.asarray(target).dtype.kind in "iu"
    if names is None or not whole or part.label is None:
        return part
    return Part(
        where,
        part.frame,
        part.images,
        part.array,
        {part.label: tuple(map(str, names))},
        part.label,
        text=part.text,
    )


def _listed(
    x: Sequence[Any], where: str
) -> tuple[int, Sequence[Any] | None, Images | None, NDArray[np.generic] | None] | None:
    """Texts or PIL images of a list; None where it is rows of numbers."""
    first = next((each for each in x if each is not None), None)
    if isinstance(first, str):
        return len(x), x, None, None
    if _class_of(first).startswith("PIL."):
        images = Images(lambda: _png_blocks(x), lambda i: f"image {i} of {where}")
        return len(x), None, images, None
    return None


def _png_blocks(pictures: Sequence[Any]) -> Iterator[Sequence[Raw]]:
    """PIL images as PNG or, where PNG has no such pixels, TIFF: as they are, to the bit."""
    for low in range(0, len(pictures), _BLOCK):
        yield [encoded_picture(each) for each in pictures[low : low + _BLOCK]]


def encoded_picture(picture: Any) -> bytes:
    """A PIL image as the bytes of a file that has the same pixels, and the same way up."""
    from PIL.Image import Exif

    out, upright, exif = io.BytesIO(), 0x0112, Exif()
    turned = picture.getexif().get(upright)
    if turned is not None:
        exif[upright] = turned
    plain = picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
    more: dict[str, Any] = {"compress_level": 1} if plain else {}
    picture.save(out, "PNG" if plain else "TIFF", exif=exif, **more)
    return out.getvalue()


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
    try:
        found = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asanyarray(x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{where} is no array of numbers",
            expected=_KINDS,
            got=str(error)[:200],
            todo="see expected",
        ) from None
    if found.dtype.kind not in "biuf" or found.ndim < 2 or not found.size:
        raise InputError(
            f"{where} has the wrong form",
            expected=f"{_KINDS}; numbers [n, d] or pictures [n, h, w(, channels)]",
            got=f"{type(x).__name__}: {found.dtype} {list(found.shape)}",
            todo="give one row or picture an item",
        )
    return found


def _labels(y: Any, n: int, where: str) -> list[Any]:
    """Labels [n] as Python values; None for none."""
    if isinstance(y, set | frozenset):
        raise InputError("labels in a set have no order", got=type(y).__name__, todo="pass a list")
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu().numpy()
    values = y.tolist() if hasattr(y, "tolist") else list(y)
    if values and isinstance(values[0], list) and all(len(each) == 1 for each in values):
        values = [each[0] for each in values]
    if len(values) != n:
        raise InputError(
            "labels do not fit the items",
            expected=f"{n} of them, one an item",
            got=len(values),
            where=where,
            todo="give one label an item, None for those without",
        )
    return [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in values]


def _holds_pictures(array: NDArray[np.generic]) -> bool:
    """Four axes, or three of bytes; three of other numbers may be sequences."""
    return array.ndim == 4 or (array.ndim == 3 and array.dtype == np.uint8)


def _frame_of(x: Any) -> "pd.DataFrame | None":
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
        made: pd.DataFrame = x.to_pandas()
        return made
    return None


def _empty(n: int) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(index=pd.RangeIndex(n))


def _is_splits(x: Any) -> bool:
    return _class_of(x) in ("datasets.dataset_dict.DatasetDict",)


def _splits(x: Any) -> tuple[Any, Any]:
    if "train" not in x:
        raise InputError(
            "there is no training part", expected="train", got=", ".join(x), todo="pass one split"
        )
    test = next((x[name] for name in ("test", "validation", "valid") if name in x), None)
    return x["train"], test


def _class_of(x: Any) -> str:
    return f"{type(x).__module__}.{type(x).__qualname__}"
