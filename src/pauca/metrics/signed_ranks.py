"""Wilcoxon's test of paired values, and the least p that it can give."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pauca.checks import check_count, typed
from pauca.metrics._pairs import differences, midranks
from pauca.metrics.arrays import Floats, as_values, check_same

__all__ = ["SignedRanks", "least_p", "wilcoxon"]

_EXACT = 50  # up to here every sign pattern is counted exactly in float64: 2 ** 50 < 2 ** 53


@dataclass(frozen=True)
class SignedRanks:
    """What Wilcoxon's signed-rank test found.

    Args:
        statistic: The smaller of the two rank sums W+ (a above b) and W- (a below b).
        p: Two-sided p, in [0, 1].
        n: Pairs.
        used: Pairs that differ; only these are ranked.
        method: "exact" counts all 2 ** used patterns of signs; "exact given ties" does so with the
            tied ranks that were seen; "normal" is the approximation, above 50 pairs; "no
            difference" where none differs, and p = 1.
        effect: Matched-pairs rank-biserial correlation (W+ - W-) / (W+ + W-), from -1 (a below b
            in every pair) to 1 (above in every one); 0 where no pair differs.
    """

    statistic: float
    p: float
    n: int
    used: int
    method: Literal["exact", "exact given ties", "normal", "no difference"]
    effect: float


@typed
def wilcoxon(a: Any, b: Any) -> SignedRanks:
    """Wilcoxon's signed-rank test that a - b is symmetric about 0, two-sided.

    Pairs that do not differ are left out (Wilcoxon's own rule), tied differences share their mean
    rank, and differences within rounding are 0 or tied. Up to 50 pairs that differ p is exact, ties
    or not: given the ranks, each pattern of signs is as probable as any other. With five pairs or
    fewer it cannot be below .05: see ``least_p``.

    Args:
        a: One value a repetition, [n], n >= 1, finite; the effect is above 0 where a is higher.
        b: The other's value in the same repetitions, in the same order, [n].

    Raises:
        InputError: no value, NaN, or sizes that differ.

    Reference: Wilcoxon, Biometrics Bulletin 1, 1945; Pratt and Gibbons, Concepts of Nonparametric
        Theory, 1981 (given ties); Kerby, Comprehensive Psychology 3, 2014 (effect).
    """
    first, second = as_values(a, "a"), as_values(b, "b")
    check_same(first, second, "a and b")
    d = differences(first, second)
    differ = d != 0
    if not differ.any():
        return SignedRanks(0.0, 1.0, len(d), 0, "no difference", 0.0)
    size = np.maximum(np.abs(first), np.abs(second))[differ]
    ranks, counts = midranks(np.abs(d[differ]), size)
    above, total = float(ranks[d[differ] > 0].sum()), float(ranks.sum())
    least, used = min(above, total - above), len(ranks)
    effect = (2 * above - total) / total
    if used > _EXACT:
        return SignedRanks(least, _normal_p(least, counts), len(d), used, "normal", effect)
    tied = bool(counts.max() > 1)
    p = _exact_p(least, ranks)
    return SignedRanks(least, p, len(d), used, "exact given ties" if tied else "exact", effect)


@typed
def least_p(n: int, comparisons: int = 1) -> float:
    """The least p that Wilcoxon's test of n pairs can give: 2 / 2 ** n, when all agree in sign.

    With 5 pairs it is .0625, so that no difference can be significant at .05, however large; with 6
    it is .03125.

    Args:
        n: Pairs (repetitions), >= 1.
        comparisons: How many tests are adjusted together by ``holm``; the least p is multiplied by
            as many, which is what the smallest of them becomes.

    Raises:
        InputError: n or comparisons below 1.

    Reference: Wilcoxon, Biometrics Bulletin 1, 1945; Holm, Scandinavian Journal of Statistics 6,
        1979.
    """
    check_count(n, "n", least=1)
    check_count(comparisons, "comparisons", least=1)
    return min(1.0, comparisons * math.ldexp(1.0, 1 - n))


def _exact_p(least: float, ranks: Floats) -> float:
    """min(1, 2 P(W <= least)) with every sign + or - by a fair coin."""
    doubled = np.rint(2 * ranks).astype(np.int64)  # mean ranks are multiples of 1/2
    ways = np.zeros(int(doubled.sum()) + 1)  # how many sign patterns have each sum
    ways[0] = 1
    for rank in doubled:
        ways[rank:] = ways[rank:] + ways[: len(ways) - rank]
    return float(min(1.0, 2 * ways[: round(2 * least) + 1].sum() / 2.0 ** len(ranks)))


def _normal_p(least: float, counts: Any) -> float:
    # scipy is imported here because only large samples need it
    from scipy.special import ndtr

    n = int(counts.sum())
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((counts**3 - counts).sum()) / 48
    return float(min(1.0, 2 * ndtr((least - n * (n + 1) / 4) / math.sqrt(variance))))
