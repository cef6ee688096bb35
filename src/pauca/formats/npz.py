"""npz: arrays of NumPy, with names that say what they are."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import DataError
from pauca.formats.base import (
    AbstractFormat,
    Images,
    Items,
    Part,
    TextOptions,
    check_room,
    formats,
    reading,
)

__all__ = ["NpzFormat", "at_most_float64", "column_of", "holds_images", "read_arrays"]

# (items, labels) of the pool, then of the test part; the last is MedMNIST's way
_LAYOUTS = (
    (("x", "y"), ("x_test", "y_test")),
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("train_images", "train_labels"), ("test_images", "test_labels")),
)
_TODO = "save plain arrays: np.savez(file, x=..., y=...)"
_KNOWN = {"x", "y", "ids", "x_test", "y_test", "ids_test"}
_Array = NDArray[np.generic]


@formats.register("npz")
class NpzFormat(AbstractFormat):
    """Arrays x and y; x_train, y_train, x_test, y_test; or MedMNIST's names; and perhaps ids.

    Beside x, other arrays of one value an item can be named as groups.
    """

    name = "npz"
    title = "npz"
    suffixes = (".npz",)
    abilities = frozenset({"items"})
    holds = frozenset({"arrays"})

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """Rows [n, d], images or sequences; labels [n] or [n, 1]; ids [n].

        Raises:
            DataError: not npz, cut short, object arrays, no array of items, sizes that differ.
        """
        arrays = read_arrays(path)
        layout = next((one for one in _LAYOUTS if one[0][0] in arrays), None)
        if layout is None:
            raise DataError(
                "the file holds no items",
                expected="arrays x and y; or x_train, y_train, x_test, y_test",
                got=", ".join(arrays) or "no arrays",
                where=path.name,
                todo="save it again with these names: np.savez(file, x=..., y=...)",
            )
        parts = [_part(arrays, *names, path) for names in layout if names[0] in arrays]
        return Items(parts[0], parts[1] if len(parts) > 1 else None)


def read_arrays(path: Path) -> dict[str, _Array]:
    """Every array; pickled objects are never loaded, because loading them can run any program.

    Each array's header is held against the size of its member before memory is taken.

    Raises:
        DataError: no such file, cut short, object arrays, or more than fits into memory.
    """
    with (
        reading(path, "a whole npz file of number or text arrays", _TODO),
        zipfile.ZipFile(path) as file,
    ):
        members = [one for one in file.infolist() if one.filename.endswith(".npy")]
        check_room(sum(one.file_size for one in members), str(path))
        return {one.filename.removesuffix(".npy"): _read_member(file, one, path) for one in members}


def holds_images(array: _Array) -> bool:
    """Whether [n, ...] are pictures: whole numbers with three axes, or anything with four."""
    return array.ndim == 4 or (array.ndim == 3 and array.dtype.kind in "uib")


def _read_member(file: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> _Array:
    """One array, once its header promises just what the member holds."""
    where = f"{path.name}, {member.filename}"
    with file.open(member) as raw:
        version = np.lib.format.read_magic(raw)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(raw)
        if dtype.hasobject or dtype.fields is not None or dtype.kind not in "biufUS":
            raise DataError(
                "the file holds object arrays" if dtype.hasobject else "an array has no plain type",
                expected="numbers or texts",
                got=dtype,
                where=where,
                todo=_TODO,
            )
        held = member.file_size - raw.tell()
        if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != held:
            raise DataError(
                "the header of an array does not fit its size",
                expected=f"{held} bytes",
                got=f"{dtype} {list(shape)}",
                where=where,
                todo="fetch or write the file again",
            )
    with file.open(member) as raw:
        return at_most_float64(np.lib.format.read_array(raw, allow_pickle=False))


def at_most_float64(array: _Array) -> _Array:
    """Numbers of more than 64 bits as float64; those out of its range are infinite."""
    if array.dtype != np.longdouble:
        return array
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def _part(arrays: Mapping[str, _Array], items: str, labels: str, path: Path) -> Part:
    import pandas as pd

    x = arrays[items]
    where = f"{path.name}, {items}"
    if x.ndim < 2 or not x.size or x.dtype.kind not in "biuf":
        raise DataError(
            "items have the wrong form",
            expected="numbers: rows [n, d], images [n, h, w] or [n, h, w, channels]",
            got=f"{x.dtype} {list(x.shape)}",
            where=where,
            todo=_TODO,
        )
    columns: dict[str, Any] = {}
    ids = "ids" if items == "x" else f"ids{items[1:]}"
    for name, key in ((labels, "y"), (ids, "ids")):
        if name in arrays:
            columns[key] = column_of(arrays[name], len(x), f"{path.name}, {name}")
    if items == "x":
        columns |= {name: arrays[name].tolist() for name in _beside(arrays)}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(x)), dtype=object)
    images = None
    if holds_images(x):
        images = Images(lambda: (), lambda i: f"image {i} of {where}", x)
    return Part(
        where,
        frame,
        images=images,
        array=x,
        label="y" if "y" in columns else None,
        id="ids" if "ids" in columns else None,
        notes=_unused(arrays, path) if items == "x" else (),
    )


def column_of(array: _Array, n: int, where: str) -> list[Any]:
    """Labels or ids [n] or [n, 1] as Python values."""
    if array.ndim == 2 and array.shape[1] > 1 and len(array) == n:
        raise DataError(
            "every item has a row of labels: one-hot codes, or several labels an item",
            expected=f"one label an item, [{n}]",
            got=list(array.shape),
            where=where,
            todo="save y.argmax(1) for one-hot codes; several labels an item are another task",
        )
    if array.size != n or array.ndim not in (1, 2):
        raise DataError(
            f"{where.rpartition(', ')[2]} does not fit the items",
            expected=[n],
            got=list(array.shape),
            where=where,
            todo="save one value an item",
        )
    flat = array.reshape(n).tolist()
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in flat]


def _beside(arrays: Mapping[str, _Array]) -> list[str]:
    """Arrays of one value an item, beside those that are known."""
    if "x_test" in arrays:  # which they would have to be for both parts
        return []
    n = len(arrays["x"])
    return sorted(name for name in set(arrays) - _KNOWN if arrays[name].shape == (n,))


def _unused(arrays: Mapping[str, _Array], path: Path) -> tuple[str, ...]:
    rest = sorted(set(arrays) - _KNOWN - set(_beside(arrays)))
    return (f"arrays that are not used: {', '.join(rest)}",) if rest else ()
