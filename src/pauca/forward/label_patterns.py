"""Label codes whose patterns are spread out: random ones beside the item, waves over the image."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pauca import rng
from pauca.checks import check_count
from pauca.errors import InputError
from pauca.forward.labels import AbstractLabelCode, check_image, label_codes, levels

__all__ = ["RandomPatterns", "Spatial"]


@label_codes.register("random")
class RandomPatterns(AbstractLabelCode):
    """A fixed random pattern of on and off for each class, after the item's own numbers.

    The neutral row is the mean of the patterns.

    Args:
        size: Numbers of a pattern.
        seed: Of the patterns.
        shape: (d,) of an item, or (channels, height, width) of one that is flattened.
        classes: c >= 2.
        on: Higher value; the first counts.
        off: Lower value, everywhere in the absent row; the first counts.

    Raises:
        InputError: on is not above off; too short for patterns that all differ.
    """

    name = "random"
    reference = "Lee and Song, arXiv 2303.08418, 2023, section 3.3 (intrinsic class patterns)"

    def __init__(
        self,
        size: int = 100,
        seed: int = 0,
        *,
        shape: Sequence[int],
        classes: int,
        on: Sequence[float],
        off: Sequence[float],
    ) -> None:
        check_count(classes, "number of classes", least=2)
        least = 2 * math.ceil(math.log2(classes)) + 8
        check_count(size, "size of the label's pattern", least=least)
        high, low = levels(on[0], off[0])
        d = math.prod(shape)
        super().__init__(
            classes=classes,
            d_item=d,
            shape=[d + size],
            spots=torch.arange(d, d + size),
            patterns=_with_neutral(low + (high - low) * _different_bits(classes, size, seed), low),
        )


@label_codes.register("spatial")
class Spatial(AbstractLabelCode):
    """A plane wave for each class, in a channel of its own: seen at every place of the image.

    Class k has the wave (1 + cos(2 pi <f_k, place> + phase_k)) / 2 between off and on, with f_k
    going through the half plane of the lowest whole frequencies; so a window of any convolution
    sees a part of the label, and no pixel is lost. The neutral row is the mean of the waves.

    Args:
        shape: (channels, height, width) of an item.
        classes: c >= 2.
        on: The first channel's white.
        off: The first channel's black, everywhere in the absent row.

    Raises:
        InputError: not an image; too small for so many waves; on is not above off.
    """

    name = "spatial"
    reference = "Scodellaro et al., Sci. Rep. 2025 (Fourier labels); here in a channel of its own"

    def __init__(
        self, *, shape: Sequence[int], classes: int, on: Sequence[float], off: Sequence[float]
    ) -> None:
        check_count(classes, "number of classes", least=2)
        channels, height, width = check_image(shape, self.name)
        high, low = levels(on[0], off[0])
        d, pixels = channels * height * width, height * width
        super().__init__(
            classes=classes,
            d_item=d,
            shape=[channels + 1, height, width],
            spots=torch.arange(d, d + pixels),
            patterns=_with_neutral(low + (high - low) * _waves(classes, height, width), low),
        )


def _with_neutral(patterns: Tensor, off: float) -> Tensor:
    """Patterns of the classes, [c, m], with the neutral and the absent row, [c + 2, m]."""
    neutral = patterns.mean(0, keepdim=True)
    return torch.cat([patterns, neutral, torch.full_like(neutral, off)])


def _different_bits(classes: int, size: int, seed: int) -> Tensor:
    """Bits 0 and 1, float [c, size], no two rows alike and none all 0; drawn again until so."""
    generator = rng.generator_from(seed)
    while True:
        bits = torch.randint(2, (classes, size), generator=generator)
        if len(torch.unique(bits, dim=0)) == classes and bool(bits.any(1).all()):
            return bits.float()


def _waves(classes: int, height: int, width: int) -> Tensor:
    """Waves between 0 and 1, float [c, height * width]; each frequency serves two phases."""
    reach = max(1, math.ceil(math.sqrt(classes)))
    half = [(v, u) for v in range(reach + 1) for u in range(-reach, reach + 1) if (v, u) > (0, 0)]
    half.sort(key=lambda f: (f[0] ** 2 + f[1] ** 2, f))
    used = half[: (classes + 1) // 2]
    if 2 * max(max(v, abs(u)) for v, u in used) >= min(height, width):
        raise InputError(
            "images are too small for a wave for each class",
            expected=f"{classes} waves that can be told apart",
            got=f"{height} x {width}",
            todo="use 'overlay', or 'append' with linear layers",
        )
    y = torch.arange(height).unsqueeze(1) / height
    x = torch.arange(width) / width
    angles = [2 * math.pi * (v * y + u * x) - (k % 2) * math.pi / 2 for k, (v, u) in _pairs(used)]
    return torch.stack([((1 + a.cos()) / 2).flatten() for a in angles[:classes]])


def _pairs(frequencies: Sequence[tuple[int, int]]) -> list[tuple[int, tuple[int, int]]]:
    """Each frequency twice, with its number."""
    return [(2 * at + phase, f) for at, f in enumerate(frequencies) for phase in (0, 1)]
