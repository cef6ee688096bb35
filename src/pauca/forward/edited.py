"""The same net while the activity of some units is changed: for lesions, drive and pruning.

Prediction takes short cuts that bypass a layer's own ``forward`` (one first product for all labels,
goodness from squared lengths), so hooks do not reach it. Here a layer is exchanged for one that
edits its activity right behind the rectifier, before goodness and the next layer read it. The short
cuts recognise only layers that they know, so they step aside.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from pauca.checks import check_count
from pauca.errors import InputError
from pauca.forward.layers import AbstractLayer
from pauca.forward.net import ForwardNet

__all__ = ["edited", "goodness_under"]

Edit = Callable[[Tensor], Tensor]
"""Activity [..., u] -> activity [..., u], units along the last axis."""


class _Edited(AbstractLayer):
    """Another layer with its activity edited; weights and normalisation are that layer's own.

    Args:
        layer: Whose activity is edited.
        edit: How.
    """

    def __init__(self, layer: AbstractLayer, edit: Edit) -> None:
        super().__init__(layer.shape, layer.out, layer.groups, layer.normalisation)
        # its own, with its running values, not one like it
        self.normalisation, self.inner, self.edit = layer.normalisation, layer, edit
        self.training = layer.training

    def multiply(self, x: Tensor) -> Tensor:
        """The layer's."""
        return self.inner.multiply(x)

    def multiply_at(self, spots: Tensor, values: Tensor) -> Tensor:
        """The layer's."""
        return self.inner.multiply_at(spots, values)

    def rectify(self, z: Tensor) -> Tensor:
        """The layer's activity, edited."""
        return _changed(self.inner.rectify(z), self.edit, 1)


@contextmanager
def edited(net: ForwardNet, edits: Mapping[int, Edit]) -> Iterator[ForwardNet]:
    """Within it, activity of these layers is edited wherever the net is asked; ends on errors too.

    Nested contexts add up: the outer edit comes first.

    Args:
        net: Changed in place meanwhile; no weight is touched.
        edits: By number of the layer, from 0.

    Raises:
        InputError: no such layer; an edit that changes the shape, when the net is asked.
    """
    numbers = [check_count(at, "number of a layer", most=net.depth - 1) for at in edits]
    kept = [net.layer(at) for at in numbers]
    for at, layer in zip(numbers, kept, strict=True):
        net.layers[at] = _Edited(layer, edits[at])
    try:
        yield net
    finally:
        for at, layer in zip(numbers, kept, strict=True):
            net.layers[at] = layer


@torch.no_grad()
def goodness_under(
    net: ForwardNet, x: Tensor, number: int, edits: Sequence[Edit]
) -> Iterator[Tensor]:
    """Goodness of every label under each edit of one layer alone, each float [b, c, l].

    The layers up to that one are computed once for all edits.

    Args:
        net: Who answers.
        x: Flattened items, float [b, d_item].
        number: Of the layer, from 0.
        edits: How its activity is changed, one at a time.
    """
    check_count(number, "number of a layer", most=net.depth - 1)
    rows = torch.arange(net.code.classes, device=x.device).unsqueeze(-1)  # [c, 1]
    below, h = [], net.first(net.prepare(x), net.shown(rows))  # [c or 1, b, *out]
    for at in range(number):
        below.append(net.judge(h, rows))
        h = net.after(at + 1, h)
    for edit in edits:
        changed = _changed(h, edit, 2)
        found = [*below, net.judge(changed, rows)]
        for at in range(number + 1, net.depth):
            changed = net.after(at, changed)
            found.append(net.judge(changed, rows))
        yield torch.stack(found, dim=-1).transpose(0, 1)


def _changed(h: Tensor, edit: Edit, lead: int) -> Tensor:
    """Activity after an edit that sees units along one axis; the first ``lead`` axes are others."""
    units = h.flatten(lead)
    new = edit(units)
    if new.shape != units.shape:
        raise InputError(
            "the edit changes the shape of the activity",
            expected=list(units.shape),
            got=list(new.shape),
            todo="return a tensor of the shape that came in",
        )
    return new.view_as(h)
