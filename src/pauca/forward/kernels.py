"""What linear layers do item by item, in place and in pieces that stay in the processor's cache.

Every function takes s nets of the same shape at once. Letters: s nets, r rows (labels shown to each
item), b items, u units, c classes, k weighted sums. Activity is [s, r, b, u].
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Buffers", "Labelled", "Shift", "answer_", "fold_", "goodness_of", "scale_", "sums"]

_CACHE = 1 << 18  # numbers looked at together: what one operation writes, the next finds there


class Labelled(NamedTuple):
    """A first layer's product with items and with labels.

    Args:
        product: With items alone, float [s, b, u].
        table: With each row of the label code, float [s, c + 2, u].
        rows: Rows shown, int64 [s, r, b].
    """

    product: Tensor
    table: Tensor
    rows: Tensor


class Shift(NamedTuple):
    """What a normalisation takes off: the mean of what is read, times the weights' sums.

    Args:
        mean: Of what is read, float [s, r, b].
        ones: The product with ones, float [s, u].
    """

    mean: Tensor
    ones: Tensor


class Buffers:
    """Memory that is used again at every step, by name."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._held: dict[str, Tensor] = {}

    def get(self, name: str, *shape: int) -> Tensor:
        """Memory of this shape; what it holds is left from its last use."""
        size = torch.Size(shape).numel()
        held = self._held.get(name)
        if held is None or held.numel() < size:
            held = self._held[name] = self._like.new_empty(size)
        return held[:size].view(shape)


def answer_(
    h: Tensor,
    factor: Tensor,
    bias: Tensor,
    *,
    labelled: Labelled | None = None,
    shift: Shift | None = None,
) -> Tensor:
    """Activity relu(factor (z - shift) + bias) in place of z, and its squared length.

    Args:
        h: z, float [s, r, b, u]; anything where ``labelled`` says what z is.
        factor: Of the normalisation, float [s, r, b].
        bias: float [s, u].
        labelled: Of a first layer.
        shift: Of a normalisation that takes the mean off.

    Returns:
        sum_i h_i^2, float [s, r, b].
    """
    length = factor.new_empty(factor.shape)
    for s, i in _pieces(h):
        z = h[s, :, i]
        if labelled is not None:
            _written(labelled, s, i, z)
        _activate(z, s, i, factor, bias, shift)
        length[s, :, i] = torch.linalg.vector_norm(z, dim=-1)
    return length.square_()


def goodness_of(labelled: Labelled, factor: Tensor, bias: Tensor, shift: Shift | None) -> Tensor:
    """Squared length of a first layer's activity, which is not kept, float [s, r, b]."""
    length = factor.new_empty(factor.shape)
    shape = (*factor.shape, labelled.product.shape[-1])
    for s, i in _pieces(labelled.product.new_empty(1).expand(shape)):
        shown = factor[s, :, i].shape
        z = labelled.product.new_empty(*shown, shape[-1])
        _written(labelled, s, i, z)
        _activate(z, s, i, factor, bias, shift)
        length[s, :, i] = torch.linalg.vector_norm(z, dim=-1)
    return length.square_()


def sums(weights: Tensor, h: Tensor) -> Tensor:
    """Weighted sums of activity over rows and items, float [s, k, r, b] -> [s, k, u]."""
    a, b = weights.flatten(2), h.flatten(1, 2)
    return torch.mm(a[0], b[0]).unsqueeze(0) if len(a) == 1 else torch.bmm(a, b)


def scale_(h: Tensor, weights: Tensor) -> Tensor:
    """Activity times a weight [s, r, b] for each row and item, in place."""
    return h.mul_(weights.unsqueeze(-1))


def fold_(h: Tensor, weights: Tensor) -> Tensor:
    """sum_r weight_r h_r, float [s, b, u], in place of the first row."""
    for s, i in _pieces(h):
        first = h[s, 0, i].mul_(weights[s, 0, i].unsqueeze(-1))
        for r in range(1, h.shape[1]):
            first.addcmul_(h[s, r, i], weights[s, r, i].unsqueeze(-1))
    return h[:, 0]


def _pieces(h: Tensor) -> Iterator[tuple[slice, slice]]:
    """Nets and items to look at together."""
    s, r, b, u = h.shape
    if b == 0:
        return
    if h.device.type != "cpu":
        yield slice(0, s), slice(0, b)
        return
    nets = max(1, _CACHE // (r * b * u))
    items = b if nets > 1 else max(1, _CACHE // (r * u))
    for net in range(0, s, nets):
        for item in range(0, b, items):
            yield slice(net, net + nets), slice(item, item + items)


def _written(labelled: Labelled, s: slice, i: slice, z: Tensor) -> None:
    """The sum of both products, in place."""
    rows, table = labelled.rows[s, :, i], labelled.table[s]
    nets, size, u = table.shape
    if nets > 1:
        rows = rows + size * torch.arange(nets, device=rows.device).view(-1, 1, 1)
    label = torch.index_select(table.reshape(-1, u), 0, rows.reshape(-1)).view(z.shape)
    torch.add(labelled.product[s, i].unsqueeze(1), label, out=z)


def _activate(
    z: Tensor, s: slice, i: slice, factor: Tensor, bias: Tensor, shift: Shift | None
) -> None:
    if shift is not None:
        z.addcmul_(
            shift.mean[s, :, i].unsqueeze(-1), shift.ones[s].unsqueeze(1).unsqueeze(1), value=-1
        )
    torch.addcmul(bias[s].unsqueeze(1).unsqueeze(1), z, factor[s, :, i].unsqueeze(-1), out=z)
    z.relu_()
