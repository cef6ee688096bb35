"""What a training step reads: items, their right and wrong labels or wrong items, and noise."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from pauca.forward.negatives import AbstractNegatives, AbstractWrongItems, AbstractWrongLabels
from pauca.forward.net import ForwardNet, Prepared
from pauca.forward.noise import Noise
from pauca.forward.speed import Speed

__all__ = ["Items", "Source"]


@dataclass(frozen=True, eq=False)
class Items:
    """Labelled items in stored form, turned into flattened floats one batch at a time.

    Args:
        x: Stored items [n, ...], on the device where training runs.
        y: Right labels, int64 [n], on the same device.
        encode: Stored batch [b, ...] -> float [b, d_item].
        vary: Stored batch and a generator on the CPU -> stored batch, changed at random; None to
            take items as they are.
        shape: Of an encoded item before it was flattened, for negatives that mix images.
    """

    x: Tensor
    y: Tensor
    encode: Callable[[Tensor], Tensor]
    vary: Callable[[Tensor, Generator], Tensor] | None = None
    shape: tuple[int, ...] | None = None

    def __len__(self) -> int:
        """Number of items."""
        return len(self.y)

    def at(self, index: Tensor) -> Tensor:
        """Flattened items at these positions as they are, float [b, d_item]."""
        return self.encode(self.x[index])

    def varied(self, index: Tensor, generator: Generator) -> Tensor:
        """Flattened items at these positions, changed at random where there is such a change."""
        if self.vary is None:
            return self.at(index)
        return self.encode(self.vary(self.x[index], generator))


@dataclass(frozen=True, eq=False)
class Source:
    """Items as a training shows them to a net.

    Args:
        items: What there is.
        net: Who reads.
        negatives: What is wrong about the negatives.
        noise: What is left out.
        generator: Source of wrong labels or items and of random changes, on the CPU.
        speed: Which short cuts are taken.
    """

    items: Items
    net: ForwardNet
    negatives: AbstractNegatives
    noise: Noise
    generator: Generator
    speed: Speed = field(default_factory=Speed)

    @property
    def plain(self) -> bool:
        """Whether an item looks the same at every step, so that what it gives may be kept."""
        return self.negatives.labelled and self.items.vary is None and self.noise.item == 0

    def read(self, index: Tensor) -> Tensor:
        """Flattened items as they are shown, float [b, d_item], or [1 + r, b, d_item]."""
        x = self.items.varied(index, self.generator)
        if isinstance(self.negatives, AbstractWrongItems):
            whole = x if self.items.shape is None else x.view(len(x), *self.items.shape)
            x = self.negatives.make(whole, self.generator).flatten(2)
        return self.noise.on_items(x)

    def rows(self, y: Tensor, prepared: Prepared) -> Tensor:
        """Right labels and then wrong ones, int64 [1 + r, b]; the absent row where none is shown.

        Args:
            y: Right labels, int64 [b].
            prepared: What the first layer makes of the items.
        """
        code = self.net.code
        if not isinstance(self.negatives, AbstractWrongLabels):
            return y.new_full(prepared.squares.shape, code.absent)
        wanted = self.negatives.wants_goodness
        goodness = self.net.first_goodness(prepared) if wanted else None
        wrong = self.negatives.draw(y, code.classes, self.generator, goodness)
        return torch.cat([y.unsqueeze(0), wrong])
