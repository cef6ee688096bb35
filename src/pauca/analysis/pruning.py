"""How many units are needed: accuracy against the share of units that is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, matrix, tensor
from pauca.analysis._draws import permutations
from pauca.analysis._members import accuracy
from pauca.analysis.edits import Change, silence
from pauca.analysis.selectivity import class_selectivity
from pauca.analysis.subject import AbstractSubject
from pauca.checks import check_fraction
from pauca.errors import InputError

__all__ = ["PruningPoint", "Removal", "pruning_curve", "removal_order"]

Removal = Literal["silent", "least-active", "least-selective", "random"]
"""What goes first: units active for the fewest items; of the lowest mean magnitude; of the lowest
selectivity; anything."""

_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)


@dataclass(frozen=True)
class PruningPoint:
    """One point of a pruning curve.

    Args:
        kept: Share of the units that is kept, all layers together, in [0, 1].
        units: How many are kept, by layer.
        accuracy: Share of right answers, in [0, 1].
    """

    kept: float
    units: Mapping[str, int]
    accuracy: float


def removal_order(
    activations: Array, by: Removal, *, labels: Any = None, generator: Generator
) -> Array:
    """Units in the order in which they are removed, int64 [u]; equal ones at random.

    Selectivity is (a - b) / (a + b) with a the highest mean magnitude of a class and b the mean of
    the means of the others: 0 for a unit that answers to all classes alike (dead ones too), 1 for
    one that answers to a single class.

    Args:
        activations: Of other items than those that accuracy is measured on, float [n, u].
        by: What goes first.
        labels: Classes of these items, int64 [n]; for ``least-selective``.
        generator: Orders units that are equal.

    Raises:
        InputError: an unknown order; no labels where they are needed, or of one class.

    Reference: Morcos et al., ICLR 2018, eq. 1 (class selectivity index).
    """
    h = matrix(activations).abs()
    if by not in get_args(Removal):
        raise InputError(
            "unknown order",
            expected=", ".join(get_args(Removal)),
            got=by,
            todo="pass one of the orders that are expected",
        )
    score = h.new_zeros(h.shape[1])
    if by == "silent":
        score = (h > 0).to(h.dtype).mean(0)
    elif by == "least-active":
        score = h.mean(0)
    elif by == "least-selective":
        if labels is None:
            raise InputError("selectivity needs the classes of the items", todo="pass labels")
        score = class_selectivity(h, labels).nan_to_num()  # of dead units
    shuffle = permutations(1, h.shape[1], generator, h.device)[0]
    return like(shuffle[score[shuffle].argsort(stable=True)], activations)


def pruning_curve(
    subject: AbstractSubject,
    x: Any,
    labels: Tensor | NDArray[Any],
    orders: Mapping[str, Tensor | NDArray[Any]],
    *,
    shares: Sequence[float] = _SHARES,
) -> list[PruningPoint]:
    """Accuracy while the same share of units is kept in each of these layers.

    A removed unit is silent: 0 whatever it reads, as if its weights and bias were taken out. Of u
    units the nearest whole number to share u is kept.

    Args:
        subject: Whose units are removed.
        x: n items, other ones than those that the orders come from.
        labels: Their classes, int64 [n].
        orders: Units of each layer in the order in which they go (see ``removal_order``), int64
            [u]; layers that are not named keep all units.
        shares: Which part is kept at each point, in [0, 1].

    Returns:
        One point a share, in the order of the shares.

    Raises:
        UnknownNameError: no such layer.
        InputError: no order; an order that does not name every unit once; a share outside [0, 1];
            not one label an item; answers or layers that ``subject.predict`` refuses.
    """
    y, _ = classes(labels, len(tensor(labels)), least=1)
    if not orders:
        raise InputError(
            "there is nothing to remove",
            expected="an order of units for at least one layer",
            todo="make one by removal_order",
        )
    given = {layer: _whole(tensor(order), layer) for layer, order in orders.items()}
    points = []
    for share in shares:
        check_fraction(share, "share of units kept")
        gone = {layer: order[: _removed(len(order), share)] for layer, order in given.items()}
        edits = {layer: _silenced(order, gone[layer]) for layer, order in given.items()}
        kept = {layer: len(order) - len(gone[layer]) for layer, order in given.items()}
        points.append(
            PruningPoint(
                kept=sum(kept.values()) / max(1, sum(map(len, given.values()))),
                units=kept,
                accuracy=accuracy(subject.edited(edits).predict(x), y),
            )
        )
    return points


def _removed(u: int, share: float) -> int:
    return u - round(share * u)


def _silenced(order: Tensor, gone: Tensor) -> Change:
    mask = torch.zeros(len(order), dtype=torch.bool, device=order.device)
    mask[gone] = True
    return silence(mask)


def _whole(order: Tensor, layer: str) -> Tensor:
    """The order, if every unit is there once."""
    whole = torch.arange(order.numel(), device=order.device)
    numbers = torch.can_cast(order.dtype, torch.int64) and order.dtype != torch.bool
    if order.ndim != 1 or not numbers or not bool((order.sort()[0] == whole).all()):
        raise InputError(
            f"the order of {layer!r} does not name every unit once",
            expected="a permutation of 0 .. u - 1",
            got=f"{order.dtype} {list(order.shape)}",
            todo="make it by removal_order, or by argsort of one score a unit",
        )
    return order
