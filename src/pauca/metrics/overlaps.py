"""How alike strategies are in what they asked for."""

from collections.abc import Sequence
from typing import Any

from pauca.checks import typed
from pauca.errors import InputError
from pauca.metrics.arrays import check_level
from pauca.metrics.asked import jaccard
from pauca.metrics.intervals import Interval, mean_interval

__all__ = ["overlap_matrix"]


@typed
def overlap_matrix(
    picks: Sequence[Sequence[Any]], level: float = 0.95
) -> tuple[tuple[Interval, ...], ...]:
    """Jaccard overlap of what every two strategies asked for, averaged over repetitions.

    Within a repetition both began from the same labelled items; leave those out, or they count as
    shared. Two random choices of k out of n items overlap by about k / (2 n - k).

    Args:
        picks: [m][r], the ids that each strategy asked for in each repetition, each [k], in any
            order; an id named twice counts once; two that asked for nothing overlap by 1.
        level: Confidence level in (0, 1).

    Returns:
        [m, m], symmetric: mean overlap in [0, 1] with its Student t interval, cut to [0, 1]; NaN
        bounds with one repetition. 1 on the diagonal.

    Raises:
        InputError: no strategy, no repetition, repetitions that differ in number, ids that are not
            whole numbers >= 0, a level outside (0, 1).

    Reference: Jaccard, Bulletin de la Societe vaudoise des sciences naturelles 37, 1901; Student,
        Biometrika 1908.
    """
    check_level(level)
    if not len(picks):
        raise InputError(
            "there is no strategy",
            expected="picks of shape [m][r]",
            got="none",
            todo="pass the picks of each strategy",
        )
    r = len(picks[0])
    for at, each in enumerate(picks):
        if len(each) != r or not r:
            raise InputError(
                "picks have the wrong number of repetitions",
                expected=max(r, 1),
                got=len(each),
                where=f"strategy {at}",
                todo="give every strategy the same repetitions",
            )
    m = len(picks)
    upper = {(i, j): _overlap(picks[i], picks[j], level) for i in range(m) for j in range(i, m)}
    return tuple(tuple(upper[min(i, j), max(i, j)] for j in range(m)) for i in range(m))


def _overlap(a: Sequence[Any], b: Sequence[Any], level: float) -> Interval:
    found = mean_interval([jaccard(x, y) for x, y in zip(a, b, strict=True)], level)
    low, high = (
        float(min(1, max(0, end))) if end == end else end for end in (found.low, found.high)
    )
    return Interval(found.mean, low, high, found.n, level)
