"""Arrays of one's own: npz files with x and y, or with a training and a test part."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_fraction
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.images import Progress
from pauca.data.labels import (
    check_classes,
    class_names,
    encode_labels,
    held_out_note,
    stratified_split,
)
from pauca.data.own import pixel_statistics, plain_images, vectors
from pauca.data.sources._registry import own_sources
from pauca.errors import DataError

__all__ = ["npz_source", "read_arrays", "stored_items"]

# (items, labels) of the pool, then of the test part; the second line is MedMNIST's way
_LAYOUTS = (
    (("x", "y"), ("x_test", "y_test")),
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("train_images", "train_labels"), ("test_images", "test_labels")),
)


@own_sources.register("npz")
def npz_source(
    *,
    path: Path,
    classes: tuple[str, ...] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """An npz file with arrays x and y; x_train, y_train, x_test, y_test; or MedMNIST's names.

    Items are uint8 images [n, h, w], [n, h, w, channels] or [n, channels, h, w], or float vectors
    [n, d]; labels are whole numbers or words [n]; without them the file is an unlabelled pool.

    Raises:
        DataError: cut short, object arrays, an unknown layout, NaN, sizes that differ.
    """
    arrays = read_arrays(path)
    layout = next((one for one in _LAYOUTS if one[0][0] in arrays), None)
    if layout is None:
        raise DataError(
            "the file holds no items",
            expected="arrays x and y; or x_train, y_train, x_test, y_test",
            got=", ".join(arrays) or "no arrays",
            where=path.name,
            todo="save it again with these names",
        )
    (x_name, y_name), (x_test_name, y_test_name) = layout
    x = stored_items(arrays[x_name], f"{path.name}, {x_name}")
    given = None if classes is None else check_classes(classes, "classes")
    names, y = _labels(arrays.get(y_name), len(x), given, f"{path.name}, {y_name}")
    train, test = Split(x, y), None
    notes: tuple[str, ...] = ()
    if x_test_name in arrays:
        x_test = stored_items(arrays[x_test_name], f"{path.name}, {x_test_name}")
        where = f"{path.name}, {y_test_name}"
        test = Split(x_test, _labels(arrays.get(y_test_name), len(x_test), names, where)[1])
    elif y is not None and check_fraction(test_fraction, "test_fraction", open_end=True) > 0:
        kept, held = stratified_split(y, test_fraction, seed)
        notes = (held_out_note(len(held), len(y), seed),)
        train, test = train.take(kept), train.take(held)
    if progress is not None:
        progress(1.0)
    image = x.dtype == torch.uint8
    transform = plain_images(pixel_statistics(train.x)) if image else vectors(train.x)
    task = Task(
        path.stem,
        "image" if image else "embedding",
        tuple(x.shape[1:]),
        names,
        transform,
        transform,
    )
    return Dataset(task, train, test, source=f"npz: {path.name}", notes=notes)


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Every array; pickled objects are never loaded, because loading them can run any program.

    Raises:
        DataError: no such file, cut short, or object arrays.
    """
    if not path.is_file():
        raise DataError("there is no such file", got=str(path), todo="check the path")
    try:
        # opened here, because np.load leaves a file that it cannot read open
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if not hasattr(file, "files"):
                raise ValueError("this is a single array and not an npz file")
            arrays = {name: file[name] for name in file.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("a member is not an array")
        return arrays
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        objects = "pickle" in str(error) or "Object arrays" in str(error)
        raise DataError(
            "the file holds object arrays" if objects else "the file cannot be read",
            expected="a whole npz file of number or text arrays",
            got="zero bytes" if path.stat().st_size == 0 else str(error)[:200],
            where=str(path),
            todo="save plain arrays: np.savez(file, x=..., y=...)",
        ) from error


def stored_items(array: NDArray[np.generic], where: str) -> Tensor:
    """Images uint8 [n, channels, h, w], or finite rows float32 [n, d].

    Raises:
        DataError: another form; NaN or infinity, whose first place is named.
    """
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        return _channels_first(torch.from_numpy(np.ascontiguousarray(array)), where)
    if array.dtype.kind == "f" and array.ndim == 2:
        bad = ~np.isfinite(array)
        if bad.any():
            row, column = np.argwhere(bad)[0].tolist()
            raise DataError(
                f"{int(bad.sum())} numbers are NaN or infinite",
                got=array[row, column],
                where=f"{where}, row {row}, column {column}",
                todo="fill them in or leave the rows out",
            )
        return torch.from_numpy(array.astype(np.float32))
    raise DataError(
        "items have the wrong form",
        expected="uint8 [n, h, w], [n, h, w, channels], [n, channels, h, w] or float [n, d]",
        got=f"{array.dtype} {list(array.shape)}",
        where=where,
        todo="images of floats: multiply by 255 and save as uint8",
    )


def _channels_first(x: Tensor, where: str) -> Tensor:
    """uint8 [n, h, w] or [n, h, w, channels] or [n, channels, h, w] -> [n, channels, h, w]."""
    if x.ndim == 3:
        return x.unsqueeze(1)
    if x.shape[-1] in (1, 3):
        return x.permute(0, 3, 1, 2).contiguous()
    if x.shape[1] in (1, 3):
        return x
    raise DataError(
        "images have the wrong channels", expected="1 or 3", got=list(x.shape), where=where
    )


def _labels(
    array: NDArray[np.generic] | None, n: int, classes: tuple[str, ...] | None, where: str
) -> tuple[tuple[str, ...], Tensor | None]:
    if array is None:
        return classes or (), None
    flat = array.reshape(len(array), -1)
    if flat.shape != (n, 1):
        raise DataError(
            "labels do not fit the items", expected=[n], got=list(array.shape), where=where
        )
    if array.dtype.kind not in "iufUSb":
        raise DataError("labels are not numbers or words", got=array.dtype, where=where)
    values = [v.decode() if isinstance(v, bytes) else v for v in flat[:, 0].tolist()]
    names = classes or class_names(values, where)
    return names, encode_labels(values, names, where)
