"""What chance alone would give: shuffles, random sets, and p-values by drawing.

Each null breaks one thing and keeps the rest. A **label shuffle** breaks the tie between samples
and classes. A **unit shuffle** breaks the population: which units are active together. **Random
sets** keep nothing of an ensemble but its size; **activity-matched** ones also keep how active its
units are. Every draw comes from the generator given: the same seed draws the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, like, tensor
from pauca.analysis._draws import monte_carlo_p, permutations, subsets
from pauca.analysis._hypergeometric import mean_jaccard
from pauca.analysis._sets import member_sets
from pauca.checks import check_count, check_finite, check_fraction, check_share, check_size
from pauca.errors import InputError

__all__ = [
    "Null",
    "activity_matched_sets",
    "chance_jaccard",
    "null_distribution",
    "p_interval",
    "random_sets",
    "shuffle_labels",
    "shuffle_units",
]

V = TypeVar("V", float, Tensor, NDArray[Any])

_BLOCK = 1 << 22  # random numbers held at once by a unit shuffle: 32 MiB


@dataclass(frozen=True, eq=False)
class Null(Generic[V]):
    """A statistic beside what it is under a null model; each field has the statistic's own shape.

    Args:
        observed: The statistic of the data.
        mean: Its mean over draws from the null model; NaN where no draw is defined.
        low: Lower end of the central interval of the draws.
        high: Upper end.
        p_above: Share of draws at least as high, the observed value counted as one of them.
        p_below: Share of draws at most as high, likewise.
        p: Two-sided: twice the smaller of both, at most 1.
        values: Every draw, float64 [draws, ...].
        draws: How many.
        undefined: How many values among the draws are NaN. They count as extreme on both sides, so
            that a null which is often undefined never makes a claim look surer.
    """

    observed: V
    mean: V
    low: V
    high: V
    p_above: V
    p_below: V
    p: V
    values: Tensor | NDArray[Any]
    draws: int
    undefined: int


def shuffle_labels(labels: Array, generator: Generator) -> Array:
    """The labels in random order, [n]: class sizes stay, their tie to the samples goes."""
    y = tensor(labels)
    return like(y[permutations(1, len(y), generator, y.device)[0]], labels)


def shuffle_units(activations: Array, generator: Generator) -> Array:
    """Each unit's activity over samples in a random order of its own, [n, u] -> [n, u].

    Every unit keeps its distribution of activity; which units are active together, and for what, is
    lost. Takes profiles [c, u] as well. O(n u log n) time.

    Raises:
        InputError: not [n, u].

    Reference: Schneidman, Bialek and Berry, Journal of Neuroscience 23, 2003 (shuffled responses).
    """
    x = tensor(activations)
    if x.ndim != 2:
        raise InputError(
            "activations have the wrong form",
            expected="[n, u]",
            got=list(x.shape),
            todo="give one row a sample, one column a unit",
        )
    shuffled = torch.empty_like(x)
    step = max(1, _BLOCK // max(1, len(x)))
    for i in range(0, x.shape[1], step):
        block = x[:, i : i + step]
        order = permutations(block.shape[1], len(x), generator, x.device)  # [units, n]
        shuffled[:, i : i + step] = block.gather(0, order.T)
    return like(shuffled, activations)


def random_sets(sizes: Array, u: int, generator: Generator) -> Array:
    """One uniformly random set of each size among u units, independently, [c] -> bool [c, u].

    Any two of them share a number of units that is hypergeometric with mean |A||B|/u.

    Raises:
        InputError: a size that is not a whole number from 0 to u.
    """
    counts = _sizes(sizes, u)
    one = torch.zeros(u, dtype=torch.int64, device=counts.device)
    return like(subsets(counts[:, None], one, generator), sizes)


def activity_matched_sets(
    members: Array, activity: Array, generator: Generator, bins: int = 10
) -> Array:
    """Random sets that take as many units from each bin of mean activity, bool [c, u] -> the same.

    Bins are quantiles of the units' activity; equal activities are in the same bin, so dead units
    are not exchanged for active ones where they are many. A drawn set may hold true members.

    Args:
        members: The ensembles to imitate, bool [c, u].
        activity: Mean activity of each unit, float [u].
        generator: Of the draw.
        bins: >= 1; with 1 this is ``random_sets``.

    Raises:
        InputError: sizes that differ; activity that is NaN or infinite.
    """
    sets = member_sets(members)
    mean = check_finite(tensor(activity).detach().to(torch.float64), "activity")
    check_size(mean, sets.shape[1], "activity")
    check_count(bins, "bins", least=1)
    levels = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=mean.device)[1:-1]
    stratum = torch.bucketize(mean, mean.quantile(levels)) if bins > 1 else mean.long() * 0
    one_hot = torch.nn.functional.one_hot(stratum, bins)
    counts = (sets.to(torch.float64) @ one_hot.to(torch.float64)).to(torch.int64)  # [c, bins]
    return like(subsets(counts, stratum, generator), members)


def chance_jaccard(sizes: Array, others: Array, u: int) -> Array:
    """Mean Jaccard index of independent random sets of those sizes among u units, float64 [c].

    Exact, by the hypergeometric distribution. 0 where one of two sets is empty, NaN where both are.

    Raises:
        InputError: a size that is not a whole number from 0 to u; lengths that differ.
    """
    a, b = _sizes(sizes, u), _sizes(others, u)
    check_size(b, len(a), "others")
    return like(mean_jaccard(a, b, torch.full_like(a, u)), sizes)


def null_distribution(
    statistic: Callable[[Generator], V],
    observed: V,
    *,
    draws: int = 999,
    generator: Generator,
    level: float = 0.95,
) -> Null[V]:
    """The observed statistic beside ``draws`` of the null model, with Monte-Carlo p-values.

    p = (1 + draws at least as extreme) / (1 + draws), so that p is never 0 and a test at level a is
    wrong at most a of the time however few draws there are.

    Args:
        statistic: Makes one draw of the null model with the generator and gives its statistic: a
            float, or a tensor or array of any one shape.
        observed: The statistic of the data, of the same kind and shape.
        draws: >= 1.
        generator: Passed to every draw.
        level: Of the central interval of the draws.

    Raises:
        InputError: no draw; a statistic whose shape differs from the observed one.

    Reference: Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9,
    2010, eq. 2.
    """
    check_count(draws, "draws", least=1)
    check_fraction(level, "level", open_end=True)
    seen = _doubles(observed)
    values = torch.stack([_draw(statistic, generator, seen) for _ in range(draws)])
    above, below, both = monte_carlo_p(values, seen)
    ends = torch.tensor([0.5 - level / 2, 0.5 + level / 2]).to(seen)
    low, high = values.nanquantile(ends, dim=0)
    return Null(
        observed=_back(seen, observed),
        mean=_back(values.nanmean(0), observed),
        low=_back(low, observed),
        high=_back(high, observed),
        p_above=_back(above, observed),
        p_below=_back(below, observed),
        p=_back(both, observed),
        values=values if isinstance(observed, Tensor) else values.cpu().numpy(),
        draws=draws,
        undefined=int(values.isnan().sum()),
    )


def p_interval(p: float, draws: int, level: float = 0.95) -> tuple[float, float]:
    """Where the p-value of endlessly many draws lies, given a Monte-Carlo p of ``draws``.

    The Clopper-Pearson interval of the share of draws that are at least as extreme. If it straddles
    the level of a test, draw more.

    Args:
        p: (1 + extreme) / (1 + draws).
        draws: How many it is of.
        level: In [0, 1).

    Reference: Clopper and Pearson, Biometrika 26, 1934.
    """
    check_share(p, "p")
    check_count(draws, "draws", least=1)
    check_fraction(level, "level", open_end=True)
    from scipy.special import betaincinv

    extreme, tail = round(p * (draws + 1)) - 1, (1 - level) / 2
    low = 0.0 if extreme <= 0 else float(betaincinv(extreme, draws - extreme + 1, tail))
    high = 1.0 if extreme >= draws else float(betaincinv(extreme + 1, draws - extreme, 1 - tail))
    return low, high


def _draw(statistic: Callable[[Generator], V], generator: Generator, seen: Tensor) -> Tensor:
    drawn = _doubles(statistic(generator))
    if drawn.shape != seen.shape:
        raise InputError(
            "the statistic of a draw has another shape than the observed one",
            expected=list(seen.shape),
            got=list(drawn.shape),
            todo="let the statistic give one shape, whatever it is given",
        )
    return drawn.to(seen.device)


def _sizes(sizes: Tensor | NDArray[Any], u: int) -> Tensor:
    counts = tensor(sizes).detach()
    whole = counts.dtype in (torch.int64, torch.int32, torch.int16, torch.uint8)
    if counts.ndim != 1 or not whole or bool(((counts < 0) | (counts > u)).any()):
        raise InputError(
            "sizes of sets are out of range",
            expected=f"whole numbers from 0 to {u}, [c]",
            got=counts.tolist(),
            todo="give one size a class, at most the number of units",
        )
    return counts.to(torch.int64)


def _doubles(value: float | Tensor | NDArray[Any]) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64).detach()


@overload
def _back(result: Tensor, given: float) -> float: ...
@overload
def _back(result: Tensor, given: Tensor) -> Tensor: ...
@overload
def _back(result: Tensor, given: NDArray[Any]) -> NDArray[Any]: ...
def _back(result: Tensor, given: float | Tensor | NDArray[Any]) -> float | Tensor | NDArray[Any]:
    """A float, a tensor or an array, whichever the statistic is."""
    if isinstance(given, Tensor):
        return result
    return float(result) if isinstance(given, int | float) else result.cpu().numpy()
