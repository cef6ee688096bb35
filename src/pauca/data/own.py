"""Data of one's own: arrays as images, constants from the pool, no guess at what may be turned."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.augment import Normalise, Pipeline, RandomFlip, Standardise, ToFloat
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.images import memory_note, to_eight_bits
from pauca.errors import DataError

__all__ = [
    "PixelMap",
    "as_pixels",
    "channels_first",
    "cut",
    "find_pixel_map",
    "image_arrays",
    "image_dataset_of_own",
    "pixel_statistics",
    "plain_images",
    "vectors",
]

_BLOCK = 1024
_CHANNELS = (1, 3, 4)
_HALF = 128  # whole numbers up to here or more, and up to 255, are 8 bits


@dataclass(frozen=True)
class PixelMap:
    """How arrays of pixels become stored images.

    Args:
        how: Bytes and floats in [0, 1] as they are; whole numbers of 8 bits as bytes; true and
            false as 255 and 0; all else scaled from a range to [0, 1].
        low: End of the range, for ``range``.
        high: Its other end.
    """

    how: Literal["bytes", "truth", "whole", "unit", "range"]
    low: float = 0.0
    high: float = 0.0

    def apply(self, x: NDArray[Any], where: str) -> Tensor:
        """Numbers [n, c, h, w] as uint8 or float32 in [0, 1]; beyond a range they are cut.

        Raises:
            DataError: NaN or infinity, or numbers that this map is not for.
        """
        if self.how == "bytes" and x.dtype == np.uint8:
            return _tensor(x)
        low, high = _end(x, np.min, where), _end(x, np.max, where)
        fits = {
            "bytes": low >= 0 and high <= 255 and x.dtype.kind in "iu",
            "truth": x.dtype == np.bool_,
            "whole": low >= 0 and high <= 255 and _are_whole(x),
            "unit": low >= 0 and high <= 1 and x.dtype.kind == "f",
            "range": True,
        }
        if not fits[self.how]:
            raise DataError(
                "pixels are of another kind than those that were learned from",
                expected=_HOW[self.how],
                got=f"{x.dtype} from {low:g} to {high:g}",
                where=where,
                todo="give pixels as the pool had them",
            )
        if self.how == "truth":
            return _tensor(x.astype(np.uint8) * np.uint8(255))
        if self.how == "range":
            return _tensor(_unit_range(x, self.low, self.high))
        return _tensor(x.astype(np.float32 if self.how == "unit" else np.uint8, copy=False))


_HOW = {
    "bytes": "whole numbers 0 to 255",
    "truth": "true and false",
    "whole": "whole numbers 0 to 255",
    "unit": "floats in [0, 1]",
}


def image_arrays(
    *arrays: NDArray[Any] | Tensor,
    channels: Literal["first", "last"] | None = None,
    where: str = "images",
) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """Arrays of images as they are stored, and what has to be said; all by one and the same map.

    Bytes stay bytes, and so do whole numbers of 8 bits in a larger type; floats in [0, 1] stay
    floats; all else is scaled to floats in [0, 1] by the range of the arrays together, so that a
    test part has to be given beside its training part.

    Args:
        arrays: [n, h, w], [n, h, w, c] or [n, c, h, w] each, c of 1, 3 or 4; NumPy or torch.
        channels: Where c is; needed where both places could be.
        where: For messages.

    Returns:
        uint8 or float32 in [0, 1], [n, c, h, w] each; notes.

    Raises:
        DataError: another form, no images, NaN or infinity, or channels that could be in two
            places.
    """
    given = [channels_first(array, channels, where) for array in arrays]
    found, notes = find_pixel_map(given, where)
    return tuple(found.apply(array, where) for array in given), notes


def find_pixel_map(given: Sequence[NDArray[Any]], where: str) -> tuple[PixelMap, tuple[str, ...]]:
    """The map for arrays [n, c, h, w] of images, and what has to be said.

    Raises:
        DataError: NaN or infinity.
    """
    kinds = sorted({str(array.dtype) for array in given})
    if kinds == ["uint8"]:
        return PixelMap("bytes"), ()
    if kinds == ["bool"]:
        return PixelMap("truth"), (f"{where} of true and false became 255 and 0",)
    low = min(_end(array, np.min, where) for array in given)
    high = max(_end(array, np.max, where) for array in given)
    said = f"{where} hold values {low:.6g} to {high:.6g} ({', '.join(kinds)}): "
    if low >= 0 and _HALF <= high <= 255 and all(map(_are_whole, given)):
        return PixelMap("whole"), (f"{said}whole numbers, kept as 8 bits",)
    if low >= 0 and high <= 1 and all(array.dtype.kind == "f" for array in given):
        return PixelMap("unit"), (f"{said}kept as floats",)
    return PixelMap("range", low, high), (f"{said}scaled to [0, 1] by this range",)


def as_pixels(x: Tensor) -> NDArray[np.uint8]:
    """Stored images [n, channels, h, w] as uint8, to be looked at."""
    return x.numpy() if x.dtype == torch.uint8 else to_eight_bits(x.numpy(), (0.0, 1.0))


def _as_numpy(x: Any, where: str) -> NDArray[Any]:
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        x = (x.float() if x.dtype == torch.bfloat16 else x).numpy()
    array = np.asarray(x)
    if array.dtype.kind not in "buif" or array.ndim not in (3, 4) or not array.size:
        raise DataError(
            "images have the wrong form",
            expected="numbers [n, h, w], [n, h, w, channels] or [n, channels, h, w]",
            got=f"{array.dtype} {list(array.shape)}",
            where=where,
            todo="give at least one image, all of one size",
        )
    return array


def channels_first(
    x: NDArray[Any] | Tensor, channels: Literal["first", "last"] | None, where: str
) -> NDArray[Any]:
    """[n, h, w], [n, h, w, c] or [n, c, h, w] -> [n, c, h, w], without a copy.

    Raises:
        DataError: another form, no images, or channels that could be in two places.
    """
    x = _as_numpy(x, where)
    if x.ndim == 3:
        return x[:, None]
    first, last = x.shape[1] in _CHANNELS, x.shape[3] in _CHANNELS
    if channels is None and first and last:
        raise DataError(
            "the channels of the images could be in two places",
            expected="[n, channels, h, w] or [n, h, w, channels]",
            got=list(x.shape),
            where=where,
            todo="say channels='first' or channels='last'",
        )
    if not {"first": first, "last": last, None: first or last}[channels]:
        raise DataError(
            "images have the wrong channels",
            expected="1 (grey), 3 (RGB) or 4",
            got=list(x.shape),
            where=where,
            todo="leave channels out, or split what belongs to several images",
        )
    return x if channels == "first" or (channels is None and first) else x.transpose(0, 3, 1, 2)


def _tensor(x: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x))


def _end(x: NDArray[Any], which: Any, where: str) -> float:
    """Least or greatest value.

    Raises:
        DataError: a value is NaN or infinite; the first is named.
    """
    end = float(which(x))
    if not math.isfinite(end):
        item, channel, row, column = np.argwhere(~np.isfinite(x))[0].tolist()
        raise DataError(
            "a pixel is NaN or infinite",
            got=x[item, channel, row, column],
            where=f"{where}, image {item}, channel {channel}, row {row}, column {column}",
            todo="fill it in, or leave the image out",
        )
    return end


def _are_whole(x: NDArray[Any]) -> bool:
    """Whether all are whole numbers; looked at in blocks, which take little memory."""
    return x.dtype.kind in "ui" or all(
        bool((np.rint(x[i : i + _BLOCK]) == x[i : i + _BLOCK]).all())
        for i in range(0, len(x), _BLOCK)
    )


def _unit_range(x: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """low..high -> 0..1, computed in float64 a block at a time."""
    out = np.empty(x.shape, np.float32)
    for i in range(0, len(x), _BLOCK):
        part = x[i : i + _BLOCK].astype(np.float64) - low
        out[i : i + _BLOCK] = np.clip(part / ((high - low) or 1), 0, 1)
    return out


def cut(
    x: Tensor, y: Tensor | None, names: Sequence[str] | None, n: int
) -> tuple[Split, Split | None]:
    """The first n items and the rest (None when there is no rest), without a copy of the images."""

    def part(start: int, end: int) -> Split:
        sources = None if names is None else tuple(names[start:end])
        return Split(x[start:end], None if y is None else y[start:end], sources=sources)

    return part(0, n), part(n, len(x)) if n < len(x) else None


def pixel_statistics(x: Tensor) -> Normalise:
    """Mean and standard deviation by channel of stored images [n, channels, h, w], in [0, 1].

    A channel that hardly varies gets a standard deviation of 1.
    """
    total = torch.zeros(2, x.shape[1], dtype=torch.float64)
    for block in torch.split(x, _BLOCK):
        wide = block.to(torch.float64) / (255 if block.dtype == torch.uint8 else 1)
        total[0] += wide.sum((0, 2, 3))
        total[1] += wide.square().sum((0, 2, 3))
    count = max(1, x.numel() // max(1, x.shape[1]))
    mean = total[0] / count
    std = (total[1] / count - mean.square()).clamp_min(0).sqrt()
    std = torch.where(std > 1e-3, std, torch.ones_like(std))
    # four figures, as published constants have
    return Normalise(_short(mean), _short(std))


def plain_images(normalise: Normalise) -> Pipeline:
    """Pixels in [0, 1], normalised."""
    return Pipeline((ToFloat(), normalise))


def image_dataset_of_own(
    name: str,
    train: Split,
    test: Split | None,
    classes: tuple[str, ...],
    *,
    flip: bool,
    source: str,
    notes: tuple[str, ...],
    group_names: tuple[str, ...] = (),
) -> Dataset:
    """A data set of images with constants from the pool; ``flip`` mirrors half in training."""
    normalise = pixel_statistics(train.x)
    random = Pipeline((ToFloat(), RandomFlip(), normalise))
    evaluate = plain_images(normalise)
    shape = tuple(train.x.shape[1:])
    task = Task(name, "image", shape, classes, evaluate, random if flip else evaluate)
    said = memory_note(len(train) + (0 if test is None else len(test)), shape)
    return Dataset(task, train, test, group_names=group_names, source=source, notes=(*notes, said))


def vectors(x: Tensor) -> Pipeline:
    """Features standardised by the mean and standard deviation of these n items, float [n, d]."""
    return Pipeline((Standardise.of(x),))


def _short(values: Tensor) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values.tolist())
