"""Means with their uncertainty over repetitions: Student-t intervals, paired differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from pauca.metrics import mean_interval

__all__ = [
    "ANYWHERE",
    "COUNT",
    "LEVEL",
    "RANGES",
    "SHARE",
    "Estimate",
    "estimate",
    "paired",
    "paired_p",
]

ANYWHERE = (-math.inf, math.inf)
SHARE = (0.0, 1.0)
"""Range of accuracy, of an area under it, of Hoyer sparsity."""
COUNT = (0.0, math.inf)
"""Range of counts and of seconds."""
RANGES = {
    "accuracy": SHARE,
    "balanced_accuracy": SHARE,
    "worst_group": SHARE,
    "worst_group_accuracy": SHARE,
    "macro_f1": SHARE,
    "ece": SHARE,
    "brier": (0.0, 2.0),
    "nll": COUNT,
}
"""Range of each measure that is known."""
LEVEL = 0.95
"""Confidence level of every interval in a report."""


@dataclass(frozen=True)
class Estimate:
    """A mean over repetitions and its two-sided Student-t interval.

    Args:
        mean: Mean of the finite values; NaN where there is none.
        low: Lower end; NaN with fewer than two values.
        high: Upper end; NaN with fewer than two values.
        n: Number of finite values.
        missing: Number of values that were NaN, infinite or absent, and so left out.
    """

    mean: float
    low: float
    high: float
    n: int
    missing: int = 0

    @property
    def known(self) -> bool:
        """Whether there is an interval at all (two values or more)."""
        return self.n >= 2

    @property
    def sign(self) -> int:
        """+1 or -1 when the whole interval lies on one side of zero, else 0."""
        if not self.known:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def estimate(values: Sequence[float], within: tuple[float, float] = ANYWHERE) -> Estimate:
    """Mean and interval of one value a repetition; NaN is counted, not averaged.

    Args:
        values: One a repetition.
        within: Range of the measure; the interval is cut off there, which costs no coverage, since
            the true mean cannot lie outside.
    """
    x = np.asarray(values, dtype=float)
    finite = x[np.isfinite(x)]
    missing = len(x) - len(finite)
    if len(finite) == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, missing)
    found = mean_interval(finite, LEVEL)
    if found.n == 1:
        return Estimate(found.mean, math.nan, math.nan, 1, missing)
    low, high = max(found.low, within[0]), min(found.high, within[1])
    return Estimate(found.mean, low, high, found.n, missing)


def paired(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> tuple[tuple[int, float], ...]:
    """(repetition, value - baseline) for each repetition that both have, in order."""
    both = sorted(values.keys() & baseline.keys())
    return tuple((r, values[r] - baseline[r]) for r in both)


def paired_p(differences: Sequence[float]) -> float:
    """Two-sided p of the paired t test (mean difference 0); NaN with fewer than two values."""
    x = np.asarray(differences, dtype=float)
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return math.nan
    error = float(x.std(ddof=1)) / math.sqrt(len(x))
    if error == 0:
        return 1.0 if x[0] == 0 else 0.0
    return float(2 * stdtr(len(x) - 1, -abs(float(x.mean())) / error))
