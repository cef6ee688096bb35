"""Whether a unit answers more to one class than to all others, from one ranking a unit."""

from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, matrix
from pauca.analysis._ranks import blocks_of_units, mid_ranks
from pauca.checks import check_count
from pauca.errors import InputError

__all__ = ["OneVsRest", "one_vs_rest"]


@dataclass(frozen=True, eq=False)
class OneVsRest(Generic[Array]):
    """Mann-Whitney tests of each class against the rest, for each unit.

    NaN throughout for a class without samples or without a rest; p is NaN for a unit that never
    varies, where no labels could look different, while its AUC is 1/2.

    Args:
        auc: Chance that the unit is more active for a sample of the class than for one of another,
            ties counting half; in [0, 1], 1/2 where the class makes no difference, [c, u].
        greater: p against the rest being as active or more, [c, u].
        less: p against the rest being as active or less, [c, u].
        p: Two-sided, [c, u].
    """

    auc: Array
    greater: Array
    less: Array
    p: Array


def one_vs_rest(
    activations: Array,
    labels: Any,
    *,
    permutations: int | None = None,
    generator: Generator | None = None,
) -> OneVsRest[Array]:
    """Area under the ROC curve of each class against the rest, with p, from one ranking a unit.

    With R the sum of the class's n_c mid-ranks among all n: U = R - n_c (n_c + 1) / 2 and AUC = U /
    (n_c (n - n_c)). p by the normal limit with continuity and tie correction, variance n_c (n -
    n_c) / 12 (n + 1 - sum(t^3 - t) / (n (n - 1))) over groups of t equal values; or, for few
    samples, by shuffling labels: (1 + shuffles at least as far from the mean) / (1 + shuffles),
    never below 1 / (1 + shuffles), which a correction for many tests has to leave room for.

    Only the order of activity counts: any rising function of it gives the same. Time O(u n log n)
    and O(u n) a shuffle; memory O(n u) and ``permutations`` sets of labels.

    Args:
        activations: [n, u].
        labels: Whole numbers from 0, [n].
        permutations: Shuffles; None for the normal limit.
        generator: Draws the shuffles, on the CPU.

    Raises:
        InputError: activations or labels of the wrong form; fewer than two classes; shuffles
            without a generator.

    Reference: Mann and Whitney, Annals of Mathematical Statistics 18, 1947; Lehmann,
    Nonparametrics, 1975, section 1.4 (ties); Hanley and McNeil, Radiology 143, 1982 (AUC); Phipson
    and Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010 (p of shuffles).
    """
    x = matrix(activations)
    y, c = classes(labels, len(x))
    y = y.to(x.device)
    shuffled = _shuffles(y, c, permutations, generator)
    sizes = torch.bincount(y, minlength=c).double()[:, None]
    auc, greater, less, both = x.new_empty((4, c, x.shape[1]), dtype=torch.float64)
    for block, values in blocks_of_units(x):
        ranks, ties = mid_ranks(values)
        ranks = ranks.T.contiguous()
        away = _away(ranks, y, sizes)
        auc[:, block] = 0.5 + away / (sizes * (len(x) - sizes))
        found = (
            _normal_p(away, sizes, ties)
            if shuffled is None
            else _shuffled_p(away, ranks, shuffled, sizes)
        )
        undefined = (values.amin(1) == values.amax(1)) | (sizes == 0)
        for target, p in zip((greater, less, both), found, strict=True):
            target[:, block] = p.masked_fill(undefined, torch.nan)
    return OneVsRest(*(like(part, activations) for part in (auc, greater, less, both)))


def _shuffles(y: Tensor, c: int, number: int | None, generator: Generator | None) -> Tensor | None:
    """Shuffled labels, one set a row, [permutations, n], as small as labels can be."""
    if number is None:
        return None
    check_count(number, "permutations", least=1)
    if generator is None:
        raise InputError("shuffles need a generator", todo="pass generator=")
    small = y.to(torch.uint8 if c <= 256 else torch.int32)
    rows = (torch.randperm(len(y), generator=generator) for _ in range(number))
    return torch.stack([small[row.to(y.device)] for row in rows])


def _away(ranks: Tensor, y: Tensor, sizes: Tensor) -> Tensor:
    """U less its mean: the class's rank sum less that of any n_c samples; exact, [c, b]."""
    sums = ranks.new_zeros(len(sizes), ranks.shape[1]).index_add_(0, y, ranks)
    return sums - sizes * ((len(y) + 1) / 2)


def _normal_p(away: Tensor, sizes: Tensor, ties: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The p of greater, less and both sides, each [c, b]."""
    n = float(sizes.sum())
    spread = (sizes * (n - sizes) / 12 * (n + 1 - ties / (n * (n - 1)))).sqrt()
    # erfc keeps its precision far out, where ndtr is 0
    greater, less, twice = (
        torch.special.erfc((side - 0.5) / spread * 0.5**0.5) for side in (away, -away, away.abs())
    )
    return greater / 2, less / 2, twice.clamp(max=1)


def _shuffled_p(
    away: Tensor, ranks: Tensor, shuffled: Tensor, sizes: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same by shuffling; sums of ranks are exact, so that ties with what was found count."""
    greater, less, both = (torch.ones_like(away) for _ in range(3))
    for labels in shuffled:
        other = _away(ranks, labels.long(), sizes)
        greater += other >= away
        less += other <= away
        both += other.abs() >= away.abs()
    total = len(shuffled) + 1
    return greater / total, less / total, both / total
