"""Weights inside ensembles and between them: is a unit excited by its own and inhibited by others?

Weights are [u, d], from d units of a layer to u units of the next; ``below`` bool [c, d] and
``above`` bool [c, u] are the members of the classes' ensembles in both. Memory is a few times that
of the weights.
"""

from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, like, tensor
from pauca.analysis._draws import monte_carlo_p, permutations
from pauca.analysis._members import fitting_sets
from pauca.checks import check_count, check_finite
from pauca.errors import InputError
from pauca.metrics import cliffs_delta

__all__ = ["InsideBetween", "WeightBlocks", "inside_against_between", "weight_blocks"]


@dataclass(frozen=True, eq=False)
class WeightBlocks(Generic[Array]):
    """Weights from the ensemble of class k below to that of class j above, each [c, c] at [j, k].

    NaN where either ensemble is empty.

    Args:
        count: How many weights, int64.
        mean: float.
        sd: Standard deviation, divided by the count, float.
        negative: Share of weights below 0, float.
        skewness: Third central moment over sd cubed: above 0 where few weights are strongly
            positive, below 0 where few are strongly negative; NaN where all weights are equal.
    """

    count: Array
    mean: Array
    sd: Array
    negative: Array
    skewness: Array


@dataclass(frozen=True)
class InsideBetween:
    """Weights between units of one class against those between units of different classes.

    Args:
        inside: Mean weight between two units that share an ensemble; NaN where there is none.
        between: Mean weight between two units with an ensemble each and none in common.
        inside_count: How many weights inside.
        between_count: How many between.
        inside_negative: Share of weights below 0 inside.
        between_negative: Share of weights below 0 between.
        d: Difference of the means over the pooled standard deviation (Cohen).
        delta: P(inside > between) - P(inside < between), from -1 to 1 (Cliff).
        p: Of the difference of the means if it did not matter to which ensemble a unit above
            belongs: two-sided, by permutation of units.
        draws: How many permutations.
    """

    inside: float
    between: float
    inside_count: int
    between_count: int
    inside_negative: float
    between_negative: float
    d: float
    delta: float
    p: float
    draws: int


def weight_blocks(weights: Array, below: Any, above: Any) -> WeightBlocks[Array]:
    """Distribution of the weights of every pair of ensembles in consecutive layers.

    Moments come from the sums of w, w^2, w^3 and (w < 0) over blocks, each two matrix products.

    Args:
        weights: float [u, d].
        below: Members in the layer that is read, bool [c, d].
        above: Members in the layer that reads, bool [c, u].

    Raises:
        InputError: sizes that differ; weights that are NaN or infinite.
    """
    w, low, high = _checked(weights, below, above)
    rows, columns = high.to(w.dtype), low.T.to(w.dtype)  # [c, u], [d, c]
    counts = rows.sum(1)[:, None] * columns.sum(0)
    centre = w.mean()
    w = w - centre

    def block(values: Tensor) -> Tensor:
        return rows @ values @ columns / counts

    mean, square, cube = block(w), block(w.square()), block(w.pow(3))
    variance = (square - mean.square()).clamp(min=0)
    third = cube - 3 * mean * square + 2 * mean.pow(3)
    # what rounding leaves of equal weights is no spread
    spread = variance > 1e-12 * square
    sd = torch.where(spread, variance.sqrt(), variance * 0)
    return WeightBlocks(
        count=like(counts.to(torch.int64), weights),
        mean=like(mean + centre, weights),
        sd=like(sd, weights),
        negative=like(block((w + centre < 0).to(w.dtype)), weights),
        skewness=like(torch.where(spread, third / sd.pow(3), torch.nan), weights),
    )


def inside_against_between(
    weights: Any, below: Any, above: Any, *, generator: Generator, draws: int = 1000
) -> InsideBetween:
    """Whether units of one class are connected otherwise than units of different classes.

    Every weight between two units that belong to ensembles counts once: inside if there is a class
    that both belong to, between if not. The permutation test exchanges the memberships of the units
    above that belong to any ensemble; weights into one unit stay together, since they are not
    independent of each other.

    Args:
        weights: float [u, d].
        below: Members in the layer that is read, bool [c, d].
        above: Members in the layer that reads, bool [c, u].
        generator: Draws permutations.
        draws: How many; the lowest p there can be is 2 / (draws + 1).

    Raises:
        InputError: sizes that differ; weights that are NaN or infinite.
    """
    w, low, high = _checked(weights, below, above)
    check_count(draws, "draws", least=1)
    some, others = high.any(0), low.any(0)
    # only units with an ensemble, [u', d']
    w, high, low = w[some][:, others], high[:, some], low[:, others]
    pairs = _together(high, low)
    inside, between = w[pairs], w[~pairs]
    d = delta = p = float("nan")
    if len(inside) and len(between):
        d = float((inside.mean() - between.mean()) / _pooled(inside, between))
        delta = cliffs_delta(inside, between)
        drawn = torch.empty(draws, dtype=w.dtype)
        for at in range(draws):
            order = permutations(1, high.shape[1], generator, w.device)[0]
            drawn[at] = _difference(w, _together(high[:, order], low))
        p = float(monte_carlo_p(drawn, _difference(w, pairs).to(drawn))[2])
    return InsideBetween(
        inside=_mean(inside),
        between=_mean(between),
        inside_count=len(inside),
        between_count=len(between),
        inside_negative=_mean((inside < 0).to(w.dtype)),
        between_negative=_mean((between < 0).to(w.dtype)),
        d=d,
        delta=delta,
        p=p,
        draws=draws,
    )


def _checked(weights: Any, below: Any, above: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Weights in double precision, members on their device."""
    w = tensor(weights).detach().to(torch.float64)
    if w.ndim != 2:
        raise InputError(
            "weights have the wrong form",
            expected="[u, d]",
            got=list(w.shape),
            todo="pass the matrix of a linear layer, one row a unit above",
        )
    check_finite(w, "weights")
    low, high = fitting_sets(below, w.shape[1]), fitting_sets(above, w.shape[0])
    if len(low) != len(high):
        raise InputError(
            "ensembles of the two layers are of different classes",
            expected=f"{len(low)} rows, as below",
            got=len(high),
            todo="take both of the same classes, in the same order",
        )
    return w, low.to(w.device), high.to(w.device)


def _together(high: Tensor, low: Tensor) -> Tensor:
    """Which pairs share an ensemble, bool [u, d]."""
    return (high.T.to(torch.float32) @ low.to(torch.float32)) > 0


def _difference(w: Tensor, pairs: Tensor) -> Tensor:
    """Mean inside less mean between; NaN where either is missing."""
    count = pairs.sum()
    total = torch.where(pairs, w, 0).sum()
    return total / count - (w.sum() - total) / (pairs.numel() - count)


def _pooled(a: Tensor, b: Tensor) -> Tensor:
    """Standard deviation within both groups."""
    total = (a - a.mean()).square().sum() + (b - b.mean()).square().sum()
    return (total / (len(a) + len(b) - 2)).sqrt()


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else float("nan")
