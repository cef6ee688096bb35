"""Units that ensembles share, against what random sets of their sizes would share.

Sharing above chance says that two classes are carried by the same units, avoidance (below chance)
that they are kept apart. An empty ensemble shares nothing with anyone by definition, which is no
finding: its pairs are NaN, never 0.
"""

from dataclasses import dataclass
from typing import Generic

import torch
from torch import Generator, Tensor

from pauca.analysis import _sets
from pauca.analysis._arrays import Array, like, tensor
from pauca.analysis._hypergeometric import moments, tails
from pauca.analysis._sets import adjusted, member_sets, possible, table, upper
from pauca.analysis.nulls import Null, activity_matched_sets, null_distribution, random_sets
from pauca.checks import check_size

__all__ = [
    "Overlap",
    "jaccard",
    "jaccard_distances",
    "overlap",
    "total_shared",
]


@dataclass(frozen=True, eq=False)
class Overlap(Generic[Array]):
    """Shared units of every two ensembles of one net; symmetric, diagonals are NaN but for counts.

    Args:
        sizes: Members of each ensemble, int64 [c].
        observed: Units shared, int64 [c, c]; the diagonal holds the sizes.
        expected: Mean for random sets of those sizes, |A||B|/u, float64 [c, c].
        ratio: Observed over expected, float64 [c, c]: 1 is chance, 0 complete avoidance. NaN where
            one of both is empty, as are all fields below.
        z: (observed - expected) / standard deviation under chance, float64 [c, c]; NaN also where a
            set holds all units.
        p_below: Chance of so few shared units or fewer, float64 [c, c]: small means avoidance.
        p_above: Chance of so many or more: small means sharing.
        p: Two-sided: chance of every outcome that is no more likely than the observed one.
        q: p adjusted over pairs by Benjamini and Hochberg: what is below a is found with a
            false-discovery rate of a; ``ratio`` says in which direction.
        units: Units that a set could be drawn from.
    """

    sizes: Array
    observed: Array
    expected: Array
    ratio: Array
    z: Array
    p_below: Array
    p_above: Array
    p: Array
    q: Array
    units: int


def overlap(members: Array, *, among: Array | None = None) -> Overlap[Array]:
    """Overlap of every two ensembles with its exact significance, in one net.

    Under chance each ensemble is a uniformly random set of its size, and what two of them share is
    hypergeometric. c x c numbers are held, and a bounded table of probabilities.

    Args:
        members: Ensembles, bool [c, u].
        among: Units that could be a member, bool [u]; all where nothing is said. Give the live
            units of a net with dead ones: units that no ensemble could have make every overlap look
            large.

    Raises:
        InputError: not bool [c, u]; a member that is not among the units that could be one.

    Reference: Fisher, Journal of the Royal Statistical Society 98, 1935 (exact test); Benjamini and
    Hochberg, Journal of the Royal Statistical Society B 57, 1995.
    """
    sets = member_sets(members)
    u, c, sizes = int(possible(among, sets).sum()), len(sets), sets.sum(1)
    observed = _intersections(sets)
    i, j = upper(c, sets.device)
    a, b, shared = sizes[i], sizes[j], observed[i, j]
    units = torch.full_like(a, u)
    lost = (a == 0) | (b == 0)
    expected, deviation = moments(a, b, units)
    below, above, both = (
        p.masked_fill(lost, torch.nan) for p in tails(*(x[None] for x in (shared, a, b, units)))
    )
    z = torch.where(deviation > 0, (shared - expected) / deviation, torch.nan)
    ratio = (shared / expected).masked_fill(lost, torch.nan)

    def full(values: Tensor) -> Array:
        return like(table(values, c), members)

    return Overlap(
        sizes=like(sizes, members),
        observed=like(observed, members),
        expected=full(expected),
        ratio=full(ratio),
        z=full(z),
        p_below=full(below),
        p_above=full(above),
        p=full(both),
        q=full(adjusted(both)),
        units=u,
    )


def total_shared(
    members: Array,
    *,
    draws: int = 999,
    generator: Generator,
    among: Array | None = None,
    activity: Array | None = None,
    bins: int = 10,
) -> Null[float]:
    """Unit-pairs shared over all pairs of classes, beside random sets of the same sizes.

    Args:
        members: Ensembles, bool [c, u].
        draws: Of the null, >= 1.
        generator: Of the null.
        among: Units that could be a member, bool [u]; all where nothing is said.
        activity: Mean activity of units, float [u]: random sets then take as many units from each
            of ``bins`` quantiles of it, so that a few busy units are not taken for sharing.
        bins: Of the activity.

    Raises:
        InputError: sizes that do not fit; a member that is not among the units that could be one.
    """
    sets = member_sets(members)
    allowed = possible(among, sets)
    kept = sets[:, allowed]
    mean = None if activity is None else tensor(activity)
    if mean is not None:
        check_size(mean, sets.shape[1], "activity")
        mean = mean[allowed]

    def draw(g: Generator) -> float:
        if mean is None:
            return _total(random_sets(kept.sum(1), kept.shape[1], g))
        return _total(activity_matched_sets(kept, mean, g, bins))

    return null_distribution(draw, _total(kept), draws=draws, generator=generator)


def jaccard(a: Array, b: Array) -> Array:
    """Shared over joint members, ensemble by ensemble: bool [c, u] twice -> float64 [c].

    From 0 (none shared) to 1 (the same units); NaN where both are empty. Compare with
    ``chance_jaccard``.

    Raises:
        InputError: not bool [c, u]; sizes that differ.

    Reference: Jaccard, New Phytologist 11, 1912.
    """
    sets, others = member_sets(a, "a"), member_sets(b, "b")
    for axis in (0, 1):
        check_size(others, sets.shape[axis], "b", axis=axis)
    return like(_sets.jaccard(sets, others.to(sets.device)), a)


def jaccard_distances(members: Array) -> Array:
    """1 - shared over joint members of every two ensembles, bool [c, u] -> float64 [c, c].

    From 0 (the same units) to 1 (none in common), symmetric, 0 on the diagonal. An empty ensemble
    has no distance: its row and column are NaN.

    Raises:
        InputError: not bool [c, u].

    Reference: Jaccard, New Phytologist 11, 1912.
    """
    sets = member_sets(members)
    both, sizes = _intersections(sets).to(torch.float64), sets.sum(1).to(torch.float64)
    distances = 1 - both / (sizes[:, None] + sizes - both)
    empty = sizes == 0
    return like(distances.masked_fill(empty[:, None] | empty, torch.nan), members)


def _intersections(sets: Tensor) -> Tensor:
    """Members in common, bool [c, u] -> int64 [c, c]."""
    # exact in float64, and integer products are not there on every device
    one = sets.to(torch.float64)
    return (one @ one.T).round().to(torch.int64)


def _total(sets: Tensor) -> float:
    """Sum over units of the pairs of ensembles that each belongs to."""
    times = sets.sum(0)
    return float((times * (times - 1) // 2).sum())
