"""Label codes: how a label becomes part of what the net reads.

Every code splits an encoded item in two: the item with zeros where labels are written, and one of
c + 2 patterns at those places. Rows of patterns: 0 .. c - 1 for the labels, then the neutral row
(every place a c-th of the way from off to on) and the absent row (every place off). Because the
parts never overlap, any linear map of an encoded item is the sum of its parts, and so is its
squared length: no labelled copy of the data has to exist.

The constants that stand for on and off belong to the code and travel with the model; they never
depend on the batch.
"""

import math
from abc import ABC
from collections.abc import Sequence
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pauca.checks import check_count, check_size
from pauca.errors import InputError
from pauca.registry import Registry

__all__ = [
    "AbstractLabelCode",
    "Append",
    "NoLabel",
    "Overlay",
    "check_image",
    "label_codes",
    "levels",
]

label_codes: Registry["AbstractLabelCode"] = Registry(
    "label code",
    "pauca.forward",
    "label_codes",
    context=frozenset({"shape", "classes", "on", "off"}),
)
"""Every label code by name."""


class AbstractLabelCode(nn.Module, ABC):
    """Writes labels at fixed places of flattened items.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year.
        labels: Whether there is anything to see of a label.

    Args:
        classes: c >= 2.
        d_item: Numbers of a flattened item.
        shape: Of an encoded item, of d >= d_item numbers: [d] or [channels, height, width].
        spots: int64 [m], places of a flattened encoded item where labels stand.
        patterns: float [c + 2, m], what stands there for each row.
    """

    name: ClassVar[str]
    reference: ClassVar[str]
    labels: ClassVar[bool] = True
    spots: Tensor
    patterns: Tensor

    def __init__(
        self,
        *,
        classes: int,
        d_item: int,
        shape: Sequence[int],
        spots: Tensor,
        patterns: Tensor,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.d_item = d_item
        self.shape = tuple(shape)
        self.d = math.prod(self.shape)
        self.register_buffer("spots", spots)
        self.register_buffer("patterns", patterns)

    @property
    def neutral(self) -> int:
        """Row of the neutral pattern: every label equally likely."""
        return self.classes

    @property
    def absent(self) -> int:
        """Row of the absent pattern: no label at all."""
        return self.classes + 1

    @property
    def squares(self) -> Tensor:
        """Squared length of each pattern, float [c + 2]."""
        return self.patterns.square().sum(-1)

    @final
    def base(self, x: Tensor) -> Tensor:
        """Flattened items with zeros where labels are written, float [..., d_item] -> [..., d]."""
        check_size(x, self.d_item, "items", axis=x.ndim - 1)
        encoded = F.pad(x, (0, self.d - self.d_item)) if self.d > self.d_item else x.clone()
        encoded[..., self.spots] = 0
        return encoded

    @final
    def write(self, x: Tensor, rows: Tensor) -> Tensor:
        """Encoded items: float [b, d_item] with rows int64 [b] -> [b, d]."""
        encoded = self.base(x)
        encoded[:, self.spots] = self.patterns[rows].to(x.dtype)
        return encoded

    @final
    def read(self, encoded: Tensor) -> Tensor:
        """Row whose pattern is nearest to what stands in each encoded item, int64 [b]."""
        return torch.cdist(encoded[:, self.spots], self.patterns).argmin(-1)


def _patterns(classes: int, on: float, off: float) -> Tensor:
    """One channel's patterns, float [c + 2, c]."""
    on, off = levels(on, off)
    patterns = torch.full((classes + 2, classes), off)
    patterns[:classes].fill_diagonal_(on)
    patterns[classes] = off + (on - off) / classes
    return patterns


@label_codes.register("overlay")
class Overlay(AbstractLabelCode):
    """One-hot label over the first c pixels of every channel: the published form for images.

    Pixels are counted along the rows of the flattened channel, so an image narrower than c goes on
    in its second row. The pixels under the label are lost to the net.

    Args:
        shape: (channels, height, width) of an item.
        classes: c >= 2.
        on: Value of a white pixel in each channel.
        off: Value of a black pixel in each channel.

    Raises:
        InputError: the image has no more pixels than there are classes; on is not above off.
    """

    name = "overlay"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.3; Tosato et al., TMLR 2025"

    def __init__(
        self, *, shape: Sequence[int], classes: int, on: Sequence[float], off: Sequence[float]
    ) -> None:
        check_count(classes, "number of classes", least=2)
        channels, height, width = check_image(shape, self.name)
        pixels = height * width
        if pixels <= classes:
            raise InputError(
                "images are too small to carry their label",
                expected=f"more than {classes} pixels, one for each class and some to look at",
                got=f"{height} x {width}",
                todo="use larger images, or flatten them into rows so that the label is appended",
            )
        # [channels, c] -> [channels * c]
        spots = torch.arange(channels)[:, None] * pixels + torch.arange(classes)
        parts = [_patterns(classes, *levels) for levels in zip(on, off, strict=True)]
        super().__init__(
            classes=classes,
            d_item=channels * pixels,
            shape=shape,
            spots=spots.flatten(),
            patterns=torch.cat(parts, dim=1),
        )


@label_codes.register("append")
class Append(AbstractLabelCode):
    """One-hot label after the item's own numbers, for tables and embeddings: nothing is lost.

    Args:
        shape: (d,) of an item, or (channels, height, width) of one that is flattened.
        classes: c >= 2.
        on: Value that stands for the label shown; the first counts.
        off: Value that stands for every other label; the first counts.

    Raises:
        InputError: on is not above off.
    """

    name = "append"
    reference = "one-hot label beside the item"

    def __init__(
        self, *, shape: Sequence[int], classes: int, on: Sequence[float], off: Sequence[float]
    ) -> None:
        check_count(classes, "number of classes", least=2)
        size = math.prod(shape)
        super().__init__(
            classes=classes,
            d_item=size,
            shape=[size + classes],
            spots=torch.arange(size, size + classes),
            patterns=_patterns(classes, on[0], off[0]),
        )


@label_codes.register("none")
class NoLabel(AbstractLabelCode):
    """No label at all: for goodness by class, and for learning without labels.

    Args:
        shape: Of an item.
        classes: c >= 1.
        on: Not used.
        off: Not used.
    """

    name = "none"
    reference = "the item alone"
    labels = False

    def __init__(
        self, *, shape: Sequence[int], classes: int, on: Sequence[float], off: Sequence[float]
    ) -> None:
        check_count(classes, "number of classes", least=1)
        super().__init__(
            classes=classes,
            d_item=math.prod(shape),
            shape=shape,
            spots=torch.empty(0, dtype=torch.int64),
            patterns=torch.empty(classes + 2, 0),
        )


def check_image(shape: Sequence[int], what: str) -> tuple[int, int, int]:
    """Channels, height and width.

    Raises:
        InputError: not the shape of an image.
    """
    if len(shape) != 3:
        raise InputError(
            f"the label code {what!r} is for images",
            expected="[channels, height, width]",
            got=list(shape),
            todo="use 'append' or 'random' for tables and embeddings",
        )
    channels, height, width = shape
    return channels, height, width


def levels(on: float, off: float) -> tuple[float, float]:
    """On and off.

    Raises:
        InputError: on is not above off.
    """
    if not on > off:
        raise InputError(
            "a label cannot be seen",
            expected="on > off",
            got=f"on {on}, off {off}",
            todo="raise `on` or lower `off`",
        )
    return on, off
