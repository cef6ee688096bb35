"""Linear layers of one net, or of s nets of one shape, computed in place without autograd."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from pauca.forward.kernels import Buffers, Labelled, Shift, answer_, goodness_of
from pauca.forward.layers import LinearLayer
from pauca.forward.normalise import AbstractScaling, Moments
from pauca.forward.speed import Speed

if TYPE_CHECKING:
    from pauca.forward.net import ForwardNet, Prepared

__all__ = ["Read", "Stack"]


class Read(NamedTuple):
    """How a layer's normalisation took what it read.

    Args:
        factor: float [s, r, b].
        mean: float [s, r, b], or None where it is not taken off.
    """

    factor: Tensor
    mean: Tensor | None


class Stack:
    """Weights of s nets of one shape, layer by layer.

    Args:
        nets: Whose label codes and normalisations count; all of one shape.
        weights: Of each layer, float [s, u, d].
        biases: Of each layer, float [s, u].
        speed: Which short cuts are taken.
    """

    def __init__(
        self,
        nets: Sequence["ForwardNet"],
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        speed: Speed = Speed(),  # noqa: B008 - frozen
    ) -> None:
        self.net, self.weights, self.biases, self.speed = nets[0], weights, biases, speed
        self.spots = self.net.code.spots
        self.patterns = torch.stack([net.code.patterns for net in nets])  # [s, c + 2, m]
        self._moments = Moments(self.patterns.sum(-1), self.patterns.square().sum(-1))
        self.buffers = Buffers(self.patterns)

    @classmethod
    def of(cls, net: "ForwardNet", speed: Speed = Speed()) -> "Stack":  # noqa: B008 - frozen
        """One net, whose weights are read and written where they are."""
        linear = [layer for layer in net.layers if isinstance(layer, LinearLayer)]
        weights = [layer.weight.detach().unsqueeze(0) for layer in linear]
        return cls([net], weights, [layer.bias.detach().unsqueeze(0) for layer in linear], speed)

    @staticmethod
    def fits(layer: nn.Module) -> bool:
        """Whether a layer is of this kind: linear, behind a scaling."""
        return type(layer) is LinearLayer and isinstance(layer.normalisation, AbstractScaling)

    def product(self, base: Tensor) -> Tensor:
        """First layer's product with items alone, float [s, b, d] -> [s, b, u]."""
        weight = self.weights[0]
        out = self.buffers.get("product", *base.shape[:2], weight.shape[1])
        return self.speed.multiply(base, weight.transpose(1, 2), out)

    def first(
        self, product: Tensor, alone: Moments, rows: Tensor, out: Tensor | None
    ) -> tuple[Read, Tensor]:
        """First layer's activity, in ``out`` unless that is None.

        Args:
            product: With items alone, float [s, b, u].
            alone: Of the items, float [s, b].
            rows: Rows shown, int64 [s, r, b].
            out: float [s, r, b, u].

        Returns:
            How it was read, and the squared length of the activity, float [s, r, b].
        """
        read, shift = self._read(0, self.moments(alone, rows))
        written = self.weights[0][:, :, self.spots].transpose(1, 2)  # [s, m, u]
        labelled = Labelled(product, torch.bmm(self.patterns, written), rows)
        if out is None:
            return read, goodness_of(labelled, read.factor, self.biases[0], shift)
        return read, answer_(out, read.factor, self.biases[0], labelled=labelled, shift=shift)

    def moments(self, alone: Moments, rows: Tensor) -> Moments:
        """Of items with these labels, float [s, r, b], from those of the items [s, b]."""
        shown = Moments(*(torch.gather(of, 1, rows.flatten(1)) for of in self._moments))
        return Moments(
            *(a.unsqueeze(1) + b.view(rows.shape) for a, b in zip(alone, shown, strict=True))
        )

    def after(
        self, number: int, below: Tensor, squares: Tensor, out: Tensor
    ) -> tuple[Read, Tensor]:
        """Activity of layer ``number`` >= 1 in ``out``.

        Args:
            number: Of the layer.
            below: What it reads, float [s, r, b, d].
            squares: Squared length of that, float [s, r, b].
            out: float [s, r, b, u].

        Returns:
            How it was read, and the squared length of the activity, float [s, r, b].
        """
        sums = below.sum(-1) if self._scaling(number).centred else squares.new_zeros(())
        read, shift = self._read(number, Moments(sums, squares))
        weight = self.weights[number].transpose(1, 2)
        self.speed.multiply(below.flatten(1, 2), weight, out.flatten(1, 2))
        return read, answer_(out, read.factor, self.biases[number], shift=shift)

    def goodness(self, prepared: "Prepared", rows: Tensor, depth: int) -> Iterator[Tensor]:
        """Goodness in the first layers of a single net, one after the other.

        Args:
            prepared: Of b items.
            rows: int64 [r, b].
            depth: How many layers.

        Yields:
            float [r, b].
        """
        rows, h = rows.unsqueeze(0), None
        moments = Moments(prepared.sums.unsqueeze(0), prepared.squares.unsqueeze(0))
        if depth > 1:
            h = self._turn(0, rows)
        _, squares = self.first(prepared.product.detach().unsqueeze(0), moments, rows, h)
        yield self.judged(0, squares)[0]
        for number in range(1, depth):
            assert h is not None
            below, h = h, self._turn(number, rows)
            _, squares = self.after(number, below, squares, h)
            yield self.judged(number, squares)[0]

    def activity(self, number: int, rows: Tensor) -> Tensor:
        """Memory for the activity of a layer under rows int64 [s, r, b]."""
        return self.buffers.get(f"activity {number}", *rows.shape, self.biases[number].shape[1])

    def _turn(self, number: int, rows: Tensor) -> Tensor:
        """As ``activity``, but only two layers next to each other have memory of their own."""
        return self.buffers.get(f"turn {number % 2}", *rows.shape, self.biases[number].shape[1])

    def judged(self, number: int, squares: Tensor) -> Tensor:
        """Goodness of a layer's activity from its squared length, float [...]."""
        found = self.net.goodness.of_squares(squares, self.biases[number].shape[1])
        assert found is not None
        return found

    def _scaling(self, number: int) -> AbstractScaling:
        scaling = self.net.layer(number).normalisation
        assert isinstance(scaling, AbstractScaling)
        return scaling

    def _read(self, number: int, moments: Moments) -> tuple[Read, Shift | None]:
        scaling, weight = self._scaling(number), self.weights[number]
        factor = scaling.factor(moments, weight.shape[-1])
        if not scaling.centred:
            return Read(factor, None), None
        mean = moments.sums / weight.shape[-1]
        return Read(factor, mean), Shift(mean, weight.sum(-1))
