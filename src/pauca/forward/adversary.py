"""Items moved against the first layer: a short step along which its loss grows fastest.

With z = f (W x0 + W p - m W 1) + b the answer of a layer to an item x0 under a label p, h = relu(z)
and c = dL/dG * slope, so that dL/dz = c h (see ``closed``), the gradient of the item is

    sum_r [ c f W^T h  +  2 a x0  +  (e - c f h.W1 / d) 1 ]

where f and the mean m = sum / d come from the sum and the squared length of x0 + p alone:
a = dL/df * df/dsquares, e = dL/df * df/dsums, dL/df = c h.(z - b) / f. One product with the weights
gives it for all labels of an item; the rest are numbers for each item and label.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from pauca.forward.kernels import fold_
from pauca.forward.net import ForwardNet, Prepared
from pauca.forward.normalise import AbstractScaling, Moments
from pauca.forward.schedules import AbstractStage
from pauca.forward.stack import Stack

__all__ = ["item_slopes", "moved", "moved_by_autograd"]


def moved(base: Tensor, slopes: Tensor, radius: float) -> Tensor:
    """Items moved along their slopes by a part of their own length.

    An item whose loss is flat stays where it is.

    Args:
        base: Items alone, float [..., d].
        slopes: Gradient of the loss with respect to them, float [..., d].
        radius: Length of the step, as a part of the item's own length.

    Reference: Goodfellow, Shlens and Szegedy, ICLR 2015, section 4; with the L2 norm as in Miyato
        et al., IEEE TPAMI 2018, eq. 4.
    """
    # scaled by its largest number first: squares of tiny slopes would vanish
    slopes = slopes / slopes.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(slopes.dtype).tiny)
    length = torch.linalg.vector_norm(slopes, dim=-1, keepdim=True).clamp_min(1e-12)
    whole = torch.linalg.vector_norm(base, dim=-1, keepdim=True)
    return torch.addcmul(base, slopes, radius * whole / length)


def moved_by_autograd(
    stage: AbstractStage,
    alone: Prepared,
    rows: Tensor,
    index: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> Prepared:
    """As ``moved``, for any net, goodness and loss.

    The loss is the first layer's own; where layers learn together, theirs together.

    Args:
        stage: In which the first layer learns.
        alone: Items, before any product.
        rows: int64 [1 + r, b], the right label first.
        index: int64 [b], positions of the items.
        loss: Of positives and negatives.
    """
    net, radius = stage.net, stage.source.noise.adversarial
    with torch.enable_grad():
        base = alone.product.detach().requires_grad_()
        prepared = net.multiplied(_prepared(base))
        shown = net.shown(rows)
        with _unseen(net):
            if stage.joint:
                activities = stage.activities(prepared, shown, index)
            else:
                activities = [net.first(prepared, shown)]
        goodness = [net.judge(h.to(base.dtype), rows) for h in activities]
        objective = stage.objectives(goodness)[0]
        (slopes,) = torch.autograd.grad(loss(objective[0], objective[1:]), base)
        slopes = slopes.index_fill(-1, net.code.spots, 0.0)  # a label is never changed
    return _prepared(moved(base.detach(), slopes, radius))


def item_slopes(
    stack: Stack,
    base: Tensor,
    alone: Moments,
    rows: Tensor,
    h: Tensor,
    outer: Tensor,
    squares: Tensor,
) -> Tensor:
    """Gradient of the first layer's loss with respect to items, by its formula; takes ``h``.

    It is 0 where labels are written.

    Args:
        stack: The nets.
        base: Items alone, float [s, b, d].
        alone: Their moments, float [s, b].
        rows: Rows shown, int64 [s, r, b].
        h: Activity, float [s, r, b, u].
        outer: c, float [s, r, b].
        squares: Squared length of the activity, float [s, r, b].

    Returns:
        float [s, b, d].
    """
    weight, d = stack.weights[0], base.shape[-1]
    scaling = stack.net.layer(0).normalisation
    assert isinstance(scaling, AbstractScaling)
    with torch.enable_grad():
        moments = Moments(*(part.detach().requires_grad_() for part in stack.moments(alone, rows)))
        factor = scaling.factor(moments, d)
        sums, lengths = torch.zeros_like(outer), torch.zeros_like(outer)
        if factor.requires_grad:
            biased = torch.einsum("srbu,su->srb", h, stack.biases[0])
            towards = outer * (squares - biased) / factor.detach()
            sums, lengths = torch.autograd.grad(factor, moments, towards, materialize_grads=True)
    factor, constant = factor.detach(), sums
    if scaling.centred:
        ones = torch.einsum("srbu,su->srb", h, weight.sum(-1))
        constant = constant - outer * factor * ones / d
    slopes = torch.bmm(fold_(h, outer * factor), weight)
    slopes.addcmul_(base, 2 * lengths.sum(1).unsqueeze(-1))
    slopes.add_(constant.sum(1).unsqueeze(-1))
    return slopes.index_fill_(-1, stack.spots, 0.0)  # a label is never changed


@contextmanager
def _unseen(net: ForwardNet) -> Iterator[None]:
    """Running values of normalisations stay as they are."""
    all_of_them = [net.layer(number).normalisation for number in range(net.depth)]
    before = [normalisation.follows for normalisation in all_of_them]
    try:
        for normalisation in all_of_them:
            normalisation.follows = False
        yield
    finally:
        for normalisation, follows in zip(all_of_them, before, strict=True):
            normalisation.follows = follows


def _prepared(base: Tensor) -> Prepared:
    return Prepared(base, base.sum(-1), base.square().sum(-1))
