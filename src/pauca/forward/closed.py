"""Gradients by their formula, for linear layers that each learn from their own goodness.

Where goodness depends on the length of the activity h = relu(z) alone, dG/dh = slope * h. Where h
is 0 so is that, so no mask of the rectifier is needed: with c = dL/dG * slope and z = f W x + b,

    dL/dW = sum_{r, b} (c f) h x^T        dL/db = sum_{r, b} c h

Autograd is asked for dL/dG alone, [1 + r, b] numbers. In the first layer x = x0 + p: the rows of an
item share x0, so their activities are added up before the one product with it, and what the labels
add are sums of activity over the items that were shown each.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pauca.forward.adversary import item_slopes, moved
from pauca.forward.kernels import fold_, scale_, sums
from pauca.forward.losses import AbstractLoss
from pauca.forward.net import Prepared
from pauca.forward.normalise import Moments
from pauca.forward.schedules import AbstractStage
from pauca.forward.stack import Read, Stack

__all__ = ["ClosedForm", "Found"]


class Found(NamedTuple):
    """What a step found, for s nets.

    Args:
        loss: Summed over the layers that learn, float [s].
        goodness: Of each layer that learns, float [s, 1 + r, b].
        answers: Of each such layer, the activity summed over positives, float [s, u].
        gradients: Of each such layer's weights [s, u, d] and bias [s, u].
    """

    loss: Tensor
    goodness: list[Tensor]
    answers: list[Tensor]
    gradients: list[Tensor]


class _Seen(NamedTuple):
    """A layer in a step: what it read and how, its activity, and the squared length of that."""

    below: Tensor
    read: Read
    h: Tensor
    squares: Tensor


class ClosedForm:
    """Gradients of a stage's layers for s nets at once.

    Args:
        stages: The same stage of each net.
        stack: Their weights.
        loss: Of positives and negatives.
    """

    def __init__(self, stages: Sequence[AbstractStage], stack: Stack, loss: AbstractLoss) -> None:
        self._stages, self._stack, self._loss = stages, stack, loss
        self._layers = stages[0].layers
        self._moves = stages[0].source.noise.adversarial > 0 and 0 in self._layers

    @staticmethod
    def fits(stage: AbstractStage) -> bool:
        """Whether the gradients of a stage have this form."""
        source = stage.source
        return stage.local and source.net.direct and source.negatives.labelled

    @torch.no_grad()
    def __call__(self, index: Sequence[Tensor], y: Sequence[Tensor]) -> Found:
        """Loss and gradients of a step.

        Args:
            index: Positions of the items of each net, int64 [b].
            y: Their labels, int64 [b].
        """
        base, product, alone = self._product(index)
        rows = torch.stack(
            [
                stage.source.rows(label, Prepared(product[s], alone.sums[s], alone.squares[s]))
                for s, (stage, label) in enumerate(zip(self._stages, y, strict=True))
            ]
        )
        if self._moves:
            base, product, alone = self._moved(base, product, alone, rows)
        seen = self._through(index, base, product, alone, rows)
        goodness = [self._stack.judged(k, seen[k].squares) for k in self._layers]
        loss, slopes = self._slopes(goodness)
        answers, gradients = [], []
        # from the top, as a layer's activity is no longer needed once its own gradient is known
        for at in reversed(range(len(self._layers))):
            k = self._layers[at]
            found = self._gradient(k, seen[k], slopes[at], goodness[at], rows if k == 0 else None)
            answers.append(found[0])
            gradients += [found[2], found[1]]
        return Found(loss, goodness, answers[::-1], gradients[::-1])

    def _product(self, index: Sequence[Tensor]) -> tuple[Tensor, Tensor, Moments]:
        """Items alone [s, b, d] where the first layer learns, its product, and their moments."""
        known = [stage.known(at) for stage, at in zip(self._stages, index, strict=True)]
        multiplied = known[0] is not None
        looked = [
            stage.alone(at) if prepared is None else prepared
            for stage, at, prepared in zip(self._stages, index, known, strict=True)
        ]
        parts = looked[0].product.unsqueeze(0), looked[0].sums[None], looked[0].squares[None]
        if len(looked) > 1:
            parts = tuple(torch.stack(part) for part in zip(*looked, strict=True))  # type: ignore[assignment]
        product = parts[0] if multiplied else self._stack.product(parts[0])
        return parts[0], product, Moments(*parts[1:])

    def _moved(
        self, base: Tensor, product: Tensor, alone: Moments, rows: Tensor
    ) -> tuple[Tensor, Tensor, Moments]:
        """The items moved against the first layer, their product, and their moments."""
        stack, h = self._stack, self._stack.activity(0, rows)
        _, squares = stack.first(product, alone, rows, h)
        goodness = stack.judged(0, squares)
        inner = stack.net.goodness.slope(h, goodness)
        assert inner is not None
        outer = self._slopes([goodness])[1][0] * inner
        slopes = item_slopes(stack, base, alone, rows, h, outer, squares)
        radius = self._stages[0].source.noise.adversarial
        base = moved(base, slopes, radius)
        return base, stack.product(base), Moments(base.sum(-1), base.square().sum(-1))

    def _through(
        self,
        index: Sequence[Tensor],
        base: Tensor,
        product: Tensor,
        alone: Moments,
        rows: Tensor,
    ) -> list[_Seen]:
        """Every layer up to the highest that learns."""
        stack, top = self._stack, self._layers[-1]
        known = self._stages[0].kept.right is not None
        shown = rows[:, 1:] if known else rows
        h = stack.activity(0, shown)
        read, squares = stack.first(product, alone, shown, h)
        seen = [_Seen(base, read, h, squares)]
        for number in range(1, top + 1):
            if number == top and known:
                h, squares = self._with_right(index, h, squares)
            if number > min(self._layers) or number == top:
                h, squares = self._noisy(h, squares)
            below, h = h, stack.activity(number, rows[:, : h.shape[1]])
            read, squares = stack.after(number, below, squares, h)
            seen.append(_Seen(below, read, h, squares))
        return seen

    def _with_right(
        self, index: Sequence[Tensor], h: Tensor, squares: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Wrong answers with the right ones, that are kept, before them."""
        whole = self._stack.buffers.get("below", len(h), h.shape[1] + 1, *h.shape[2:])
        whole[:, 1:] = h
        for s, (stage, at) in enumerate(zip(self._stages, index, strict=True)):
            assert stage.kept.right is not None
            torch.index_select(stage.kept.right, 0, at, out=whole[s, 0])
        right = torch.linalg.vector_norm(whole[:, :1], dim=-1).square()
        return whole, torch.cat([right, squares], 1)

    def _noisy(self, h: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
        """Activity as the layer above sees it."""
        if self._stages[0].source.noise.hidden == 0:
            return h, squares
        seen = torch.stack(
            [stage.source.noise.on_activity(h[s]) for s, stage in enumerate(self._stages)]
        )
        return seen, torch.linalg.vector_norm(seen, dim=-1).square()

    def _slopes(self, goodness: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The loss of each net, summed over layers, and dL/dG of each layer."""
        total = goodness[0].new_zeros(len(goodness[0]))
        slopes: list[Tensor] = []
        for g in goodness:
            with torch.enable_grad():
                leaf = g.detach().requires_grad_()
                loss = self._losses(leaf)
                slopes += torch.autograd.grad(loss.sum(), leaf)
            total += loss.detach()
        return total, slopes

    def _losses(self, goodness: Tensor) -> Tensor:
        if len(goodness) == 1:
            return self._loss(goodness[0, 0], goodness[0, 1:]).unsqueeze(0)
        return torch.stack([self._loss(g[0], g[1:]) for g in goodness])

    def _gradient(
        self, number: int, seen: _Seen, slope: Tensor, goodness: Tensor, rows: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Answers [s, u] to positives, and gradients of weights and bias; takes ``seen.h``."""
        weight = self._stack.weights[number]
        inner = self._stack.net.goodness.slope(seen.h, goodness)
        assert inner is not None
        outer = slope * inner
        scaled = outer * seen.read.factor
        added = sums(_weights(outer, scaled, seen.read.mean, rows, self._stack.patterns), seen.h)
        gradient = self._stack.buffers.get(f"gradient {number}", *weight.shape)
        if rows is None:
            d, x = scale_(seen.h, scaled).flatten(1, 2), seen.below.flatten(1, 2)
        else:
            d, x = fold_(seen.h, scaled), seen.below
        self._stack.speed.multiply(d.transpose(1, 2), x, gradient)
        if rows is not None:
            shown = added[:, -self._stack.patterns.shape[1] :]  # [s, c + 2, u]
            columns = torch.bmm(shown.transpose(1, 2), self._stack.patterns)
            gradient.index_add_(2, self._stack.spots, columns)
        if seen.read.mean is not None:
            gradient -= added[:, _FIXED].unsqueeze(-1)
        # the fused optimiser reads memory in order, whatever the strides say
        return added[:, 0], gradient, added[:, 1].contiguous()


_FIXED = 2  # weighted sums that every layer has: over positives, and for the bias


def _weights(
    outer: Tensor, scaled: Tensor, mean: Tensor | None, rows: Tensor | None, patterns: Tensor
) -> Tensor:
    """Weights of the sums of activity that a layer needs, float [s, k, r, b].

    Over positives; for the bias; for what the normalisation took off, if it did; and for every row
    of the label code over the items that were shown it, where labels were shown.
    """
    s, r, b = outer.shape
    labels = 0 if rows is None else patterns.shape[1]
    fixed = _FIXED + (mean is not None)
    weights = outer.new_zeros(s, fixed + labels, r, b)
    weights[:, 0, 0] = 1
    weights[:, 1] = outer
    if mean is not None:
        weights[:, 2] = scaled * mean
    if rows is not None:
        weights[:, fixed:].scatter_(1, rows.unsqueeze(1), scaled.unsqueeze(1))
    return weights
