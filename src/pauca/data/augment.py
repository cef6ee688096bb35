"""Transforms of whole batches on their device: plain values, to be compared and pickled.

Images keep their stored form ([b, channels, h, w], uint8 or floats in [0, 1]) until a batch is
made; then every step works on the whole batch. Random numbers are drawn on the CPU from the
generator given and then moved, so a GPU sees the same batch as a CPU.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from pauca.checks import check_count, check_fraction, check_positive
from pauca.errors import InputError

__all__ = [
    "AbstractRandomStep",
    "AbstractStep",
    "Normalise",
    "Pipeline",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "Standardise",
    "ToFloat",
]


class AbstractStep(ABC):
    """One step of a pipeline: a batch in, a new batch out; the input stays as it was.

    Class attributes:
        random: Whether it draws from the generator.
    """

    random: ClassVar[bool] = False

    @abstractmethod
    def apply(self, x: Tensor, generator: Generator | None) -> Tensor:
        """The transformed batch, on the device of ``x``; the generator may go unused."""


class AbstractRandomStep(AbstractStep):
    """A step that draws one number, or a few, for every item."""

    random = True

    @final
    def apply(self, x: Tensor, generator: Generator | None) -> Tensor:
        """The transformed batch.

        Raises:
            InputError: no generator.
        """
        if generator is None:
            raise InputError(
                f"{type(self).__name__} is random and was given no generator",
                expected="a torch.Generator on the CPU",
                got="None",
                todo="pass a generator, or use the task's evaluation transform",
            )
        return self.draw(x, generator)

    @abstractmethod
    def draw(self, x: Tensor, generator: Generator) -> Tensor:
        """The transformed batch, with numbers from the generator."""


@dataclass(frozen=True)
class Pipeline:
    """Steps one after the other: stored items [b, ...] -> float batch [b, ...] on the same device.

    Args:
        steps: Applied from the first to the last.
    """

    steps: tuple[AbstractStep, ...] = ()

    @property
    def random(self) -> bool:
        """Whether a generator is needed."""
        return any(step.random for step in self.steps)

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """The transformed batch.

        Raises:
            InputError: a step is random and there is no generator; a step does not fit the items.
        """
        for step in self.steps:
            x = step.apply(x, generator)
        return x


@dataclass(frozen=True)
class ToFloat(AbstractStep):
    """uint8 in 0..255 -> float32 in [0, 1]; images stored as floats in [0, 1] stay as they are."""

    def apply(self, x: Tensor, generator: Generator | None) -> Tensor:
        """X / 255, or X."""
        if x.dtype == torch.uint8:
            return x.to(torch.float32).div_(255)
        low, high = (0.0, 0.0) if not x.numel() else map(float, x.aminmax())
        if not (x.is_floating_point() and low >= 0 and high <= 1):
            raise InputError(
                "images are not as stored",
                expected="uint8, or floats in [0, 1]",
                got=f"{x.dtype} from {low:g} to {high:g}",
                todo="pass images as the data set holds them, without a step before",
            )
        return x.to(torch.float32)


@dataclass(frozen=True)
class Normalise(AbstractStep):
    """(x - mean) / std by channel, float [b, channels, h, w].

    Args:
        mean: One number a channel.
        std: One number a channel, > 0.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check both."""
        if len(self.mean) != len(self.std):
            raise InputError(
                "mean and std differ in length",
                expected=len(self.mean),
                got=len(self.std),
                todo="give one of each a channel",
            )
        for value in self.std:
            check_positive(value, "Normalise.std")

    def apply(self, x: Tensor, generator: Generator | None) -> Tensor:
        """(x - mean) / std."""
        if x.ndim != 4 or x.shape[1] != len(self.mean):
            raise InputError(
                "images do not fit the normalisation",
                expected=f"[b, {len(self.mean)}, h, w]",
                got=list(x.shape),
                todo="give images of as many channels as the numbers are for",
            )
        # [channels] -> [channels, 1, 1]
        mean = torch.tensor(self.mean, dtype=x.dtype, device=x.device)[:, None, None]
        std = torch.tensor(self.std, dtype=x.dtype, device=x.device)[:, None, None]
        return (x - mean) / std


@dataclass(frozen=True)
class Standardise(AbstractStep):
    """(x - mean) / scale by feature, float [b, ..., d] -> float32; a constant one becomes 0.

    Args:
        mean: d numbers.
        scale: d numbers >= 0; 0 stands for a feature without variance and divides by 1.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check both."""
        if len(self.mean) != len(self.scale):
            raise InputError(
                "mean and scale differ in length",
                expected=len(self.mean),
                got=len(self.scale),
                todo="give one of each a feature",
            )
        if not all(0 <= value < math.inf for value in self.scale):
            raise InputError(
                "a scale is negative or not finite",
                expected="numbers >= 0",
                todo="compute it on finite numbers: Standardise.of(x)",
            )

    @classmethod
    def of(cls, x: Tensor) -> "Standardise":
        """Constants of these items, float [n, d]: mean and standard deviation (over n)."""
        wide = x.to(torch.float64)
        mean, scale = wide.mean(0), wide.std(0, correction=0)
        # what rounding leaves of a constant column is no variance; small units and a large offset
        # are no reason to lose one
        scale = torch.where(scale > 1e-14 * mean.abs(), scale, torch.zeros_like(scale))
        return cls(tuple(mean.tolist()), tuple(scale.tolist()))

    def apply(self, x: Tensor, generator: Generator | None) -> Tensor:
        """(x - mean) / scale."""
        if x.ndim < 2 or x.shape[-1] != len(self.mean):
            raise InputError(
                "rows do not fit the standardisation",
                expected=f"[b, ..., {len(self.mean)}]",
                got=list(x.shape),
                todo="give rows of as many features as it was computed on",
            )
        mean = torch.tensor(self.mean, dtype=torch.float64, device=x.device)
        scale = torch.tensor(self.scale, dtype=torch.float64, device=x.device)
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        return ((x - mean) / scale).to(torch.float32)


@dataclass(frozen=True)
class RandomCrop(AbstractRandomStep):
    """Pad each side with zeros, then cut a window of the first size at a random place, per item.

    Args:
        padding: Pixels on each side, >= 0; the shift is uniform over (2 padding + 1)^2 places.
    """

    padding: int

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.padding, "RandomCrop.padding")

    def draw(self, x: Tensor, generator: Generator) -> Tensor:
        """Shifted images [b, channels, h, w]."""
        b, _, h, w = x.shape
        shift = torch.randint(2 * self.padding + 1, (2, b), generator=generator).to(x.device)
        padded = F.pad(x, (self.padding,) * 4)
        rows = shift[0, :, None] + torch.arange(h, device=x.device)  # [b, h]
        columns = shift[1, :, None] + torch.arange(w, device=x.device)  # [b, w]
        items = torch.arange(b, device=x.device)[:, None, None]
        # [b, h, w, channels] -> [b, channels, h, w]
        window = padded[items, :, rows[:, :, None], columns[:, None, :]]
        return window.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class RandomFlip(AbstractRandomStep):
    """Mirror each item with probability p.

    Args:
        axis: ``horizontal`` swaps left and right, ``vertical`` top and bottom.
        p: Probability, in [0, 1].
    """

    axis: Literal["horizontal", "vertical"] = "horizontal"
    p: float = 0.5

    def __post_init__(self) -> None:
        """Check."""
        check_fraction(self.p, "RandomFlip.p")

    def draw(self, x: Tensor, generator: Generator) -> Tensor:
        """Mirrored and unmirrored images [b, channels, h, w]."""
        chosen = (torch.rand(len(x), generator=generator) < self.p).to(x.device)
        mirrored = x.flip(-1 if self.axis == "horizontal" else -2)
        return torch.where(chosen[:, None, None, None], mirrored, x)


@dataclass(frozen=True)
class RandomRotation(AbstractRandomStep):
    """Turn each item about its centre by an angle uniform in [-degrees, degrees]; bilinear.

    Args:
        degrees: Largest angle, in [0, 180].
        fill: What comes in at the corners: ``zeros``, or ``border`` (the nearest pixel).
    """

    degrees: float
    fill: Literal["zeros", "border"] = "zeros"

    def __post_init__(self) -> None:
        """Check."""
        if not 0 <= self.degrees <= 180:
            raise InputError(
                "RandomRotation.degrees is out of range",
                expected="[0, 180]",
                got=self.degrees,
                todo="pass an angle in this range",
            )

    def draw(self, x: Tensor, generator: Generator) -> Tensor:
        """Turned images, float [b, channels, h, w]; a positive angle turns counter-clockwise."""
        if x.numel() == 0:
            return x.clone()
        b, _, h, w = x.shape
        angle = (torch.rand(b, generator=generator) * 2 - 1) * math.radians(self.degrees)
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(b)
        # the grid runs from -1 to 1 along both sides, so h / w keeps a circle round
        top = torch.stack([cos, -sin * h / w, zero], dim=-1)
        bottom = torch.stack([sin * w / h, cos, zero], dim=-1)
        matrix = torch.stack([top, bottom], dim=1).to(device=x.device, dtype=x.dtype)  # [b, 2, 3]
        grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode=self.fill, align_corners=False)
