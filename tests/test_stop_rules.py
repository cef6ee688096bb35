"""When each rule says stop: cases made by hand, and properties that all of them have."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.metrics import (
    judge_stop,
    stop_by_classification_change,
    stop_by_confidence,
    stop_by_ensemble_stability,
    stop_by_max_uncertainty,
    stop_by_overall_uncertainty,
    stop_by_plateau,
    stop_by_stable_predictions,
)

Rule = Callable[[list[float | None]], int | None]
RULES: list[Rule] = [
    stop_by_confidence,
    stop_by_max_uncertainty,
    stop_by_overall_uncertainty,
    stop_by_classification_change,
    stop_by_stable_predictions,
    stop_by_ensemble_stability,
    stop_by_plateau,
]
shares = st.lists(st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 0.995, 1.0])))


def test_confidence_that_drops_three_times_in_a_row() -> None:
    assert stop_by_confidence([0.5, 0.7, 0.9, 0.8, 0.7, 0.6, 0.9]) == 5
    assert stop_by_confidence([0.5, 0.9, 0.8, 0.7, 0.9, 0.8, 0.7, 0.9]) is None
    assert stop_by_confidence([0.9, 0.8, 0.8, 0.7, 0.6]) is None  # level is no drop
    assert stop_by_confidence([0.9, 0.8, None, 0.7, 0.6, 0.5]) is None
    assert stop_by_confidence([0.5, 0.4], drops=1) == 1


@pytest.mark.parametrize("rule", [stop_by_max_uncertainty, stop_by_overall_uncertainty])
def test_the_first_round_below_the_threshold(rule: Callable[..., int | None]) -> None:
    assert rule([0.9, 0.2, 0.19, 0.5, 0.1], threshold=0.2) == 2
    assert rule([0.9, 0.2], threshold=0.2) is None
    assert rule([None, 0.0]) == 1


def test_a_round_that_changes_no_class() -> None:
    assert stop_by_classification_change([None, 0.2, 0.0, 0.0]) == 2
    assert stop_by_classification_change([None, 0.2, 0.0, 0.1, 0.0, 0.0], rounds=2) == 5
    assert stop_by_classification_change([None, 0.2, 0.05], share=0.05) == 2
    assert stop_by_classification_change([None, 0.2, 0.05]) is None


@pytest.mark.parametrize("rule", [stop_by_stable_predictions, stop_by_ensemble_stability])
def test_the_mean_of_the_last_rounds(rule: Callable[..., int | None]) -> None:
    values = [None, 1.0, 0.7, 0.9, 0.9, 0.9]
    assert rule(values, threshold=0.85, window=3) == 3  # (1 + .7 + .9) / 3 = .866...
    assert rule(values, threshold=0.9, window=3) == 5
    assert rule(values, threshold=0.9, window=1) == 1
    # a mean needs all of its rounds
    assert rule([1.0, 1.0]) is None
    assert rule([None, 1.0, 1.0]) is None


def test_agreement_that_stops_rising() -> None:
    rising = [None, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert stop_by_plateau(rising) is None
    assert stop_by_plateau([*rising, 0.7, 0.7]) is None  # .7 against .5
    assert stop_by_plateau([*rising, 0.7, 0.7, 0.7]) is None  # .7 against .6
    assert stop_by_plateau([*rising, 0.7, 0.7, 0.7, 0.7]) is None  # .7 against .667
    assert stop_by_plateau([*rising, 0.7, 0.7, 0.7, 0.7, 0.7]) == 11
    assert stop_by_plateau([None, 0.9, 0.5, 0.4], window=1) == 2  # falling is no rise
    assert stop_by_plateau([0.5, 0.75], window=1, gain=0.25) is None  # a rise of the gain counts
    assert stop_by_plateau([0.5, 0.74], window=1, gain=0.25) == 1
    assert stop_by_plateau([None, 0.5, 0.5, 0.5], window=2) is None  # both means need their rounds


@pytest.mark.parametrize("rule", RULES)
@given(values=shares)
def test_no_rule_looks_ahead(rule: Rule, values: list[float | None]) -> None:
    at = rule(values)
    for t in range(len(values)):
        # what is said after round t depends on the rounds up to t alone
        assert rule(values[: t + 1]) == (at if at is not None and at <= t else None)


@pytest.mark.parametrize("rule", RULES)
@given(values=shares)
def test_nan_is_no_number_either(rule: Rule, values: list[float | None]) -> None:
    assert rule([math.nan if x is None else x for x in values]) == rule(values)
    assert rule([None] * len(values)) is None


@given(values=shares, low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_stricter_rule_never_stops_earlier(
    values: list[float | None], low: float, high: float
) -> None:
    low, high = sorted((low, high))
    never = len(values)

    def when(at: int | None) -> int:
        return never if at is None else at

    for above in (stop_by_stable_predictions, stop_by_ensemble_stability):
        assert when(above(values, threshold=low)) <= when(above(values, threshold=high))
    for below in (stop_by_max_uncertainty, stop_by_overall_uncertainty):
        assert when(below(values, threshold=high)) <= when(below(values, threshold=low))
    assert when(stop_by_plateau(values, gain=high)) <= when(stop_by_plateau(values, gain=low))
    assert when(stop_by_classification_change(values, share=high)) <= when(
        stop_by_classification_change(values, share=low)
    )
    assert when(stop_by_confidence(values, drops=1)) <= when(stop_by_confidence(values, drops=2))


def test_what_a_stop_costs_and_spares() -> None:
    labels, values = [20, 40, 60, 80], [0.5, 0.9, 0.8, 0.85]
    found = judge_stop(labels, values, 2)
    assert (found.round, found.stopped, found.labels, found.value) == (2, True, 60, 0.8)
    assert found.spared == pytest.approx(0.25)
    assert found.lost == pytest.approx(0.05)
    assert found.regret == pytest.approx(0.1)
    never = judge_stop(labels, values, None)
    assert (never.round, never.stopped, never.spared, never.lost) == (3, False, 0, 0)
    assert judge_stop(labels, values, 1).lost == pytest.approx(-0.05)
    with pytest.raises(InputError, match="round of a stop"):
        judge_stop(labels, values, 4)


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="infinite"):
        stop_by_confidence([math.inf])
    mistakes: tuple[Callable[[], object], ...] = (
        lambda: stop_by_confidence([], drops=0),
        lambda: stop_by_stable_predictions([], threshold=1.5),
        lambda: stop_by_ensemble_stability([], window=0),
        lambda: stop_by_max_uncertainty([], threshold=-1),
        lambda: stop_by_classification_change([], share=2),
        lambda: stop_by_classification_change([], rounds=0),
    )
    for wrong in mistakes:
        with pytest.raises(InputError):
            wrong()
