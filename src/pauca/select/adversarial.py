"""Distance to the decision boundary by adversarial attack: BIM and DeepFool, whole batches at once.

Items that flipped leave the batch and new ones take their place, so that every pass through the net
is full whatever the spread of distances. A batch that stays in the cache is the fastest: gradients
of several classes are taken one after the other, not side by side.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pauca.checks import check_count, check_finite, check_positive
from pauca.errors import InputError

__all__ = ["bim_distances", "deepfool_distances"]

Logits = Callable[[Tensor], Tensor]


@dataclass
class _Flight:
    """The a items under attack: their positions, perturbations, ages and first predictions."""

    index: Tensor  # int64 [a]
    eta: Tensor  # float [a, ...]
    age: Tensor  # int64 [a]
    first: Tensor  # int64 [a], the prediction to leave
    ranked: Tensor  # int64 [a, r], the classes in the running, by first logits

    def take(self, keep: Tensor) -> "_Flight":
        return _Flight(
            self.index[keep], self.eta[keep], self.age[keep], self.first[keep], self.ranked[keep]
        )


def bim_distances(
    logits: Logits, x: Tensor, *, step: float = 0.05, max_steps: int = 100, batch: int = 256
) -> Tensor:
    """L2 length of the perturbation at which iterated signed gradient steps flip the prediction.

    Each step adds ``step * sign(grad_x J)`` with J the cross-entropy of the first prediction. The
    gradient is taken of logsumexp_{k != y} z_k - z_y, a positive multiple of J's gradient: the same
    signs, but it does not vanish when the softmax saturates. Coordinates whose gradient is rounding
    noise beside the item's largest count as 0, so that noise cannot decide a step.

    Args:
        logits: float [b, ...] -> float [b, c], differentiable, item by item (evaluation mode).
        x: float [n, ...], as the net reads it.
        step: Length of a step in every coordinate, in units of ``x``.
        max_steps: Cap; an item that has not flipped by then has distance +inf.
        batch: Items in flight at once; does not change the result.

    Returns:
        float [n], in [0, inf].

    Reference: Kurakin, Goodfellow and Bengio, ICLR workshop 2017, section 2.2; as a query rule
    Ducoffe and Precioso, arXiv 1802.09841, 2018.
    """
    check_positive(step, "step")

    def advance(inputs: Tensor, flight: _Flight, z: Tensor) -> Tensor:
        own = torch.nn.functional.one_hot(flight.first, z.shape[1]).bool()
        rivals = z.masked_fill(own, -torch.inf).logsumexp(-1)
        (gradient,) = torch.autograd.grad((rivals - z[own]).sum(), inputs)
        return flight.eta + step * _sign(gradient)

    return _attack(logits, x, advance, ranks=1, max_steps=max_steps, batch=batch)


def deepfool_distances(
    logits: Logits,
    x: Tensor,
    *,
    max_steps: int = 50,
    classes: int = 10,
    overshoot: float = 0.02,
    batch: int = 128,
) -> Tensor:
    """DeepFool's estimate of the L2 distance to the nearest decision boundary.

    With y the first prediction, f_k = z_k - z_y and w_k = grad f_k, each step moves to the nearest
    linearised boundary: l = argmin_{k != y} |f_k| / ||w_k||, r = |f_l| w_l / ||w_l||^2. Exact
    in one step on a linear net.

    Args:
        logits: float [b, ...] -> float [b, c], differentiable, item by item (evaluation mode).
        x: float [n, ...], as the net reads it.
        max_steps: Cap; an item that has not flipped by then has distance +inf.
        classes: Only so many of the likeliest classes are in the running (all when c is smaller).
        overshoot: The boundary is crossed by this factor; not counted in the distance.
        batch: Items in flight at once; does not change the result.

    Returns:
        float [n], in [0, inf].

    Reference: Moosavi-Dezfooli, Fawzi and Frossard, CVPR 2016, algorithm 2; as a query rule Ducoffe
    and Precioso, arXiv 1802.09841, 2018.
    """
    check_count(classes, "classes", least=2)

    def advance(inputs: Tensor, flight: _Flight, z: Tensor) -> Tensor:
        nearest = torch.full_like(z[:, 0], torch.inf)  # [a]
        move = torch.zeros_like(flight.eta)
        gaps = z.gather(1, flight.ranked[:, 1:]) - z.gather(1, flight.first[:, None])
        for f in gaps.unbind(1):
            (w,) = torch.autograd.grad(f.sum(), inputs, retain_graph=True)
            length = w.flatten(1).norm(dim=1)
            ratio = torch.where(length > 0, f.detach().abs() / length, torch.inf)
            nearer = ratio < nearest
            nearest = torch.where(nearer, ratio, nearest)
            move = torch.where(_column(nearer, w), _column(ratio / length, w) * w, move)
        return flight.eta + move

    return _attack(
        logits,
        x,
        advance,
        ranks=classes,
        overshoot=overshoot,
        max_steps=max_steps,
        batch=batch,
        look=True,
    )


def _sign(gradient: Tensor) -> Tensor:
    """-1, 0 or 1; 0 also where rounding cannot tell a coordinate from 0."""
    size = gradient.abs()
    noise = 32 * torch.finfo(gradient.dtype).eps * size.flatten(1).amax(1)
    return gradient.sign() * (size > _column(noise, gradient))


def _column(values: Tensor, like: Tensor) -> Tensor:
    """[a] -> [a, 1, ...], one value an item."""
    return values.view(-1, *[1] * (like.ndim - 1))


def _attack(
    logits: Logits,
    x: Tensor,
    advance: Callable[[Tensor, _Flight, Tensor], Tensor],
    *,
    ranks: int,
    max_steps: int,
    batch: int,
    overshoot: float = 0.0,
    look: bool = False,
) -> Tensor:
    """Run ``advance`` on a full batch until every item flipped or reached the cap.

    With ``look`` a pass without gradients first lets those go that have flipped: worth it where an
    item's gradients cost many passes.
    """
    check_count(max_steps, "max_steps", least=1)
    check_count(batch, "batch", least=1)
    check_finite(x, "x")
    distances = torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device)
    flight, queued = _board(x, 0, 0), 0
    while True:
        if look and len(flight.index):
            with torch.no_grad():
                flipped = logits(_inputs(x, flight, overshoot)).argmax(-1) != flight.first
            flight = _land(flight, flipped, ~flipped & (flight.age < max_steps), distances)
        joining = min(batch - len(flight.index), len(x) - queued)
        flight = _join(flight, _board(x, queued, joining))
        queued += joining
        if not len(flight.index):
            return distances
        inputs = _inputs(x, flight, overshoot).requires_grad_()
        with torch.enable_grad():
            z = logits(inputs)
            _enter(flight, z.detach(), ranks)
            flipped = z.detach().argmax(-1) != flight.first
            staying = ~flipped & (flight.age < max_steps)
            moved = advance(inputs, flight, z).detach() if z.shape[1] > 1 else flight.eta
        staying &= (moved != flight.eta).flatten(1).any(1)  # the others are stuck for ever
        aged = replace(flight, eta=moved, age=flight.age + 1)
        _land(flight, flipped, staying, distances)
        flight = aged.take(staying)


def _inputs(x: Tensor, flight: _Flight, overshoot: float) -> Tensor:
    return x[flight.index] + (1 + overshoot) * flight.eta


def _land(flight: _Flight, flipped: Tensor, staying: Tensor, distances: Tensor) -> _Flight:
    """Write down the distances of those that flipped; who stays."""
    distances[flight.index[flipped]] = flight.eta[flipped].flatten(1).norm(dim=1)
    return flight.take(staying)


def _board(x: Tensor, start: int, count: int) -> _Flight:
    index = torch.arange(start, start + count, device=x.device)
    zeros = torch.zeros_like(index)
    return _Flight(index, torch.zeros_like(x[index]), zeros, zeros, zeros[:, None])


def _join(old: _Flight, new: _Flight) -> _Flight:
    if not len(new.index):
        return old
    if not len(old.index):
        return new
    ranked = new.ranked.expand(-1, old.ranked.shape[1])
    return _Flight(
        torch.cat([old.index, new.index]),
        torch.cat([old.eta, new.eta]),
        torch.cat([old.age, new.age]),
        torch.cat([old.first, new.first]),
        torch.cat([old.ranked, ranked]),
    )


def _enter(flight: _Flight, z: Tensor, ranks: int) -> None:
    """Fix the first prediction and the rivals of the items that have just come in."""
    if not bool(torch.isfinite(z).all()):
        raise InputError("the net gives NaN or infinite logits", todo="train it anew")
    fresh = flight.age == 0
    ranked = z.topk(min(ranks, z.shape[1]), dim=-1).indices
    first = z.argmax(-1)
    # the prediction leads its own ranking, ties included
    order = (ranked != first[:, None]).to(torch.uint8).argsort(dim=1, stable=True)
    ranked = ranked.gather(1, order)
    flight.first = torch.where(fresh, first, flight.first)
    kept = flight.ranked.expand(-1, ranked.shape[1])
    flight.ranked = torch.where(fresh[:, None], ranked, kept)
