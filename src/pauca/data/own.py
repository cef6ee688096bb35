"""Transforms for data of one's own: constants from the pool, no guess at what may be turned."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pauca.data.augment import Normalise, Pipeline, RandomFlip, Standardise, ToFloat
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.images import memory_note

__all__ = ["cut", "image_dataset_of_own", "pixel_statistics", "plain_images", "vectors"]

_BLOCK = 1024


def cut(
    x: Tensor, y: Tensor | None, names: Sequence[str] | None, n: int
) -> tuple[Split, Split | None]:
    """The first n items and the rest (None when there is no rest), without a copy of the images."""

    def part(start: int, end: int) -> Split:
        sources = None if names is None else tuple(names[start:end])
        return Split(x[start:end], None if y is None else y[start:end], sources=sources)

    return part(0, n), part(n, len(x)) if n < len(x) else None


def pixel_statistics(x: Tensor) -> Normalise:
    """Mean and standard deviation by channel of images uint8 [n, channels, h, w], in [0, 1].

    A channel that hardly varies gets a standard deviation of 1.
    """
    total = torch.zeros(2, x.shape[1], dtype=torch.float64)
    for block in torch.split(x, _BLOCK):
        wide = block.to(torch.float64) / 255
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
) -> Dataset:
    """A data set of images with constants from the pool; ``flip`` mirrors half in training."""
    normalise = pixel_statistics(train.x)
    random = Pipeline((ToFloat(), RandomFlip(), normalise))
    evaluate = plain_images(normalise)
    shape = tuple(train.x.shape[1:])
    task = Task(name, "image", shape, classes, evaluate, random if flip else evaluate)
    said = memory_note(len(train) + (0 if test is None else len(test)), shape)
    return Dataset(task, train, test, source=source, notes=(*notes, said))


def vectors(x: Tensor) -> Pipeline:
    """Features standardised by the mean and standard deviation of these n items, float [n, d]."""
    return Pipeline((Standardise.of(x),))


def _short(values: Tensor) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values.tolist())
