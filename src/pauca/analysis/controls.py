"""Random sets of units to compare an ensemble with: of its size, or also as active as it is."""

from dataclasses import dataclass
from math import nan
from typing import Any, Generic

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, like, tensor
from pauca.analysis._draws import monte_carlo_p, uniform
from pauca.analysis._members import fitting_sets
from pauca.checks import check_count, check_finite, check_size
from pauca.errors import InputError
from pauca.rng import split

__all__ = [
    "Against",
    "against",
    "compared",
    "control_sets",
    "empty_effects",
    "matching_levels",
    "mean_level",
    "share_as_high",
]


@dataclass(frozen=True, eq=False)
class Against(Generic[Array]):
    """An effect beside that of random sets of units; rows are ensembles, columns classes.

    NaN in a row whose ensemble is empty, or has more units than there are others.

    Args:
        mean: Mean effect of the random sets, float [c, c].
        sd: Their standard deviation, float [c, c]; NaN for a single draw.
        excess: The ensemble's effect less that mean, float [c, c].
        p: Share of sets (the ensemble among them) with an effect at least as large, float [c, c].
            Not corrected for looking at many cells.
        activity: Mean activity of a unit in the sets, float [c]; compare with the ensemble's.
    """

    mean: Array
    sd: Array
    excess: Array
    p: Array
    activity: Array


def control_sets(
    units: Any, draws: int, *, generator: Generator, activity: Any = None, among: Any = None
) -> Tensor:
    """Sets of other units, each as large as this one, bool [draws, u].

    Without ``activity`` all sets of that size are equally likely. With it, every unit of the set
    has a partner of nearly its activity: others are ordered by activity (equal ones at random), a
    unit's partner is at most u / 50 places (and no less than 3) from its own place at random, and
    where partners collide they move on to the next free place, upwards in one half of the draws and
    downwards in the other. Where the set itself is the most active part of the layer no set is as
    active: compare the means before trusting the match.

    Args:
        units: bool [u].
        draws: How many sets.
        generator: On the CPU.
        activity: float [u], such as mean activity.
        among: Which other units may be drawn, bool [u]; all by default.

    Raises:
        InputError: fewer other units than the set has; activity that does not fit.

    Memory: a few times [draws, u].
    """
    mask = fitting_sets(tensor(units)[None])[0]
    check_count(draws, "draws", least=1)
    free = ~mask if among is None else fitting_sets(tensor(among)[None], len(mask))[0] & ~mask
    k, others = int(mask.sum()), free.nonzero().squeeze(1)
    if len(others) < k:
        raise InputError(
            "there are not enough other units to compare with",
            expected=f"at least {k} of them",
            got=len(others),
            todo="ask for fewer units, or leave fewer out",
        )
    keys = uniform((draws, len(others)), generator, mask.device)
    if activity is None:
        chosen = keys.argsort(1)[:, :k]
    else:
        level = check_size(tensor(activity).detach(), len(mask), "activity").to(mask.device)
        check_finite(level, "activity")
        # equal ones at random: order by a random key, then stably by activity
        shuffled = keys.argsort(1)
        order = torch.gather(shuffled, 1, level[others][shuffled].argsort(dim=1, stable=True))
        places = _places(level[mask], level[others], draws, generator)
        chosen = torch.gather(order, 1, places)
    found = torch.zeros(draws, len(mask), dtype=torch.bool, device=mask.device)
    return found.scatter_(1, others[chosen], True)


def share_as_high(observed: Tensor, drawn: Tensor) -> Tensor:
    """The p of a value among m values drawn by chance: (1 + number as high) / (1 + m), [...].

    One-sided; never 0, since the observed set is one of those that chance could have drawn. NaN
    where either is.

    Args:
        observed: float [...].
        drawn: float [m, ...].

    Reference: Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9,
        2010.
    """
    as_high, _, _ = monte_carlo_p(drawn, observed)
    return as_high.masked_fill(drawn.isnan().any(0), nan)


def compared(sets: Tensor, levels: Tensor, draws: int, generator: Generator) -> list[Tensor]:
    """For each ensemble random sets of its size, then of its size and activity, bool [2, draws, u].

    Empty, [2, 0, u], where the ensemble is, or where it has more units than there are others. The
    sets of one ensemble do not depend on the other ensembles.

    Args:
        sets: bool [c, u].
        levels: Activity to match, float [c, u].
        draws: Sets of each kind.
        generator: On the CPU.
    """
    found = []
    streams = split(generator, *map(str, range(len(sets))))
    for own, level, stream in zip(sets, levels, streams, strict=True):
        if not 0 < int(own.sum()) <= len(own) // 2:
            found.append(own.new_zeros(2, 0, len(own)))
            continue
        by_size = control_sets(own, draws, generator=stream)
        by_activity = control_sets(own, draws, generator=stream, activity=level)
        found.append(torch.stack([by_size, by_activity]))
    return found


def matching_levels(shown: Tensor, sets: Tensor, activity: Any) -> Tensor:
    """Activity that random sets are matched to, float [c, u].

    Args:
        shown: Activity of the layer, float [n, u].
        sets: Ensembles, bool [c, u].
        activity: float [u] or [c, u], or None for the mean over samples.
    """
    level = shown.mean(0, dtype=torch.float64) if activity is None else tensor(activity).detach()
    if level.shape not in (sets.shape[1:], sets.shape):
        raise InputError(
            "the activity to match has the wrong form",
            expected=f"[{sets.shape[1]}] or {list(sets.shape)}",
            got=list(level.shape),
            todo="give one number a unit, or one row a class",
        )
    return level.to(shown.device, torch.float64).expand(sets.shape)


def empty_effects(c: int, draws: int, kind: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """NaN where effects of ensembles [c, c] and of random sets [2, draws, c, c] will stand.

    And their activity, [2, c].
    """
    shapes = ((c, c), (2, draws, c, c), (2, c))
    effect, drawn, level = (kind.new_full(shape, nan) for shape in shapes)
    return effect, drawn, level


def mean_level(sets: Tensor, levels: Tensor) -> Tensor:
    """Mean activity of a unit in sets, bool [..., u] with float [..., u] -> [...]; NaN if empty."""
    return (sets * levels).sum(-1) / sets.sum(-1)


def against(effect: Tensor, drawn: Tensor, activity: Tensor, given: Array) -> Against[Array]:
    """An effect beside those of random sets.

    Args:
        effect: float [c, c].
        drawn: float [draws, c, c].
        activity: float [c].
        given: What decides whether tensors or arrays come back.
    """
    mean = drawn.mean(0)
    sd = drawn.std(0) if len(drawn) > 1 else torch.full_like(mean, nan)
    return Against(
        mean=like(mean, given),
        sd=like(sd, given),
        excess=like(effect - mean, given),
        p=like(share_as_high(effect, drawn), given),
        activity=like(activity, given),
    )


def _places(own: Tensor, others: Tensor, draws: int, generator: Generator) -> Tensor:
    """Distinct places in the order of m others near those of k own ones, int64 [draws, k]."""
    ordered, k, m = others.sort().values, len(own), len(others)
    low = torch.searchsorted(ordered, own)
    high = torch.searchsorted(ordered, own, right=True)
    reach = max(3, -(-m // 50))
    among, step = uniform((2, draws, k), generator, own.device)
    # anywhere among equals, and a step of at most ``reach`` to either side
    at = (low + (high - low) * among + (2 * reach + 1) * (step - 0.5)).round().long()
    at = at.clamp(0, m - 1)
    down = uniform((draws, 1), generator, own.device) < 0.5
    at = torch.where(down, m - 1 - at, at).sort(1).values
    rank = torch.arange(k, device=own.device)
    at = rank + (at - rank).cummax(1).values if k else at
    at = torch.minimum(at, m - k + rank)
    return torch.where(down, m - 1 - at, at)
