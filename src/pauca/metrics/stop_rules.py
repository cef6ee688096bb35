"""When to stop asking: rules that read what a learner says of unlabelled items, round by round.

Each rule takes one number a round, in order, and gives the round at which it first says stop, from
0, or None where it never does. None or NaN stands for a round that has no number (nothing came
before it to compare with); it breaks a run of rounds. No rule reads a label that was not paid for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pauca.checks import check_count, check_fraction, check_nonnegative, typed
from pauca.errors import InputError
from pauca.metrics.arrays import Floats
from pauca.metrics.curves import check_curve

__all__ = [
    "Stop",
    "judge_stop",
    "stop_by_classification_change",
    "stop_by_confidence",
    "stop_by_ensemble_stability",
    "stop_by_max_uncertainty",
    "stop_by_overall_uncertainty",
    "stop_by_plateau",
    "stop_by_stable_predictions",
]


@dataclass(frozen=True)
class Stop:
    """What a rule would have cost and spared.

    Args:
        round: At which it says stop; the last one where it never does.
        stopped: Whether it says so at all.
        labels: Spent by then.
        spared: Share of the budget that would not have been spent, in [0, 1).
        value: At that round (accuracy, ...).
        lost: The last value less that one; below 0 where stopping is better than going on.
        regret: The best value of all rounds less that one, >= 0.
    """

    round: int
    stopped: bool
    labels: int
    spared: float
    value: float
    lost: float
    regret: float


@typed
def stop_by_confidence(confidence: Sequence[float | None], *, drops: int = 3) -> int | None:
    """Stop once confidence in a fixed unlabelled set has dropped for several rounds in a row.

    Confidence rises while labels teach something, and is thought to fall past its peak.

    Args:
        confidence: Mean confidence of each round (highest probability, margin, ...).
        drops: Rounds in a row, each lower than the one before, >= 1.

    Reference: Vlachos, Computer Speech and Language 22, 2008 (peak of confidence); a drop over
        three rounds is how later comparisons read "consistent".
    """
    check_count(drops, "drops", least=1)
    values, run = _rounds(confidence, "confidence"), 0
    for t in range(1, len(values)):
        run = run + 1 if values[t] < values[t - 1] else 0
        if run == drops:
            return t
    return None


@typed
def stop_by_max_uncertainty(
    uncertainty: Sequence[float | None], *, threshold: float = 0.1
) -> int | None:
    """Stop once even the least certain item is certain enough.

    Args:
        uncertainty: The highest entropy among the unlabelled items (or those about to be asked for)
            of each round, over log c: in [0, 1].
        threshold: Least that counts as uncertain.

    Reference: Zhu, Wang, Hovy and Ma, ACM Transactions on Speech and Language Processing 6, 2010
        (maximum uncertainty); Zhu and Hovy, EMNLP-CoNLL 2007 (max-confidence).
    """
    return _first_below(uncertainty, threshold, "uncertainty")


@typed
def stop_by_overall_uncertainty(
    uncertainty: Sequence[float | None], *, threshold: float = 0.05
) -> int | None:
    """Stop once the unlabelled items are certain enough on average.

    Args:
        uncertainty: Mean entropy of the unlabelled items of each round, over log c: in [0, 1].
        threshold: Least that counts as uncertain.

    Reference: Zhu, Wang, Hovy and Ma, ACM Transactions on Speech and Language Processing 6, 2010
        (overall uncertainty).
    """
    return _first_below(uncertainty, threshold, "uncertainty")


@typed
def stop_by_classification_change(
    changed: Sequence[float | None], *, share: float = 0.0, rounds: int = 1
) -> int | None:
    """Stop once the unlabelled items are classified as they were the round before.

    Args:
        changed: Share of the unlabelled items whose predicted class differs from that of the round
            before, in [0, 1]; None in the first round.
        share: Most that may change.
        rounds: In a row, >= 1.

    Reference: Zhu, Wang and Hovy, COLING 2008 (classification change, share 0).
    """
    check_fraction(share, "share")
    return _first_run([x <= share for x in _rounds(changed, "changed")], rounds)


@typed
def stop_by_stable_predictions(
    agreement: Sequence[float | None], *, threshold: float = 0.99, window: int = 3
) -> int | None:
    """Stop once successive models agree on a fixed stop set, averaged over the last few rounds.

    Args:
        agreement: Cohen's kappa of the predictions with those of the round before (``kappa``); None
            in the first round.
        threshold: Least mean agreement.
        window: Rounds that are averaged, >= 1.

    Reference: Bloodgood and Vijay-Shanker, CoNLL 2009, section 3 (kappa, .99, the last three).
    """
    return _mean_above(agreement, threshold, window, "agreement")


@typed
def stop_by_ensemble_stability(
    stability: Sequence[float | None], *, threshold: float = 0.9, window: int = 3
) -> int | None:
    """Stop once the ensembles of classes keep their units from one round to the next.

    Args:
        stability: Mean Jaccard index of each class's ensemble with that of the round before, in
            [0, 1]; None in the first round.
        threshold: Least mean stability.
        window: Rounds that are averaged, >= 1.

    Reference: pauca's own, after ``stop_by_stable_predictions``, with units in the place of
        predictions.
    """
    return _mean_above(stability, threshold, window, "stability")


@typed
def stop_by_plateau(
    values: Sequence[float | None], *, gain: float = 0.01, window: int = 3
) -> int | None:
    """Stop once agreement with the round before has all but stopped rising.

    Nets that are trained anew in every round never agree wholly, however many labels there are: a
    threshold on agreement may lie out of reach, or be passed at once. This rule asks whether the
    mean of the last rounds is above that of as many rounds before them by less than ``gain``.

    Args:
        values: Agreement of each round with the one before (kappa of predictions, Jaccard index of
            ensembles); None in the first round.
        gain: Least rise that counts, >= 0.
        window: Rounds that are averaged, >= 1.

    Reference: pauca's own, after ``stop_by_stable_predictions``.
    """
    check_nonnegative(gain, "gain")
    check_count(window, "window", least=1)
    found = _rounds(values, "agreement")
    for t in range(2 * window - 1, len(found)):
        middle = t - window + 1
        # NaN in a window compares as False
        if found[middle : t + 1].mean() - found[middle - window : middle].mean() < gain:
            return t
    return None


@typed
def judge_stop(labels: Any, values: Any, at: int | None) -> Stop:
    """What stopping there would have cost on this learning curve, and spared.

    Args:
        labels: Labels spent at each round, [t], strictly increasing.
        values: Value at each round (accuracy, ...), [t]; higher is better.
        at: What a rule gave.

    Raises:
        InputError: no curve, or a round that it does not have.
    """
    spent, height = check_curve(labels, values)
    last = len(spent) - 1
    t = last if at is None else check_count(at, "the round of a stop", most=last)
    return Stop(
        round=t,
        stopped=at is not None,
        labels=int(spent[t]),
        spared=float(1 - spent[t] / spent[-1]),
        value=float(height[t]),
        lost=float(height[-1] - height[t]),
        regret=float(height.max() - height[t]),
    )


def _rounds(values: Sequence[float | None], where: str) -> Floats:
    """float64 [t]; NaN where there is no number."""
    plain = [math.nan if value is None else float(value) for value in values]
    if any(map(math.isinf, plain)):
        raise InputError(
            f"{where} is infinite",
            expected="numbers, or None",
            got=plain,
            todo="write None where there is no number",
        )
    return np.array(plain, dtype=np.float64)


def _first_below(values: Sequence[float | None], threshold: float, where: str) -> int | None:
    check_nonnegative(threshold, "threshold")
    return _first_run([x < threshold for x in _rounds(values, where)], 1)


def _mean_above(
    values: Sequence[float | None], threshold: float, window: int, where: str
) -> int | None:
    check_fraction(threshold, "threshold")
    check_count(window, "window", least=1)
    found = _rounds(values, where)
    for t in range(window - 1, len(found)):
        # NaN in the window compares as False
        if found[t - window + 1 : t + 1].mean() >= threshold:
            return t
    return None


def _first_run(holds: Sequence[bool], rounds: int) -> int | None:
    """The end of the first run of so many rounds."""
    check_count(rounds, "rounds", least=1)
    run = 0
    for t, one in enumerate(holds):
        run = run + 1 if one else 0
        if run == rounds:
            return t
    return None
