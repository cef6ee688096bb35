from collections.abc import Mapping
from typing import Any

from pauca.report.labels import key, learner_labels, told_apart


def labels(*learners: Mapping[str, Any]) -> list[str]:
    found = learner_labels(learners)
    return [found[key(one)] for one in learners]


def test_a_learner_alone_has_its_name() -> None:
    assert labels({"name": "backprop", "rate": 0.1}, {"name": "bp-ff"}) == ["backprop", "bp-ff"]


def test_one_setting_is_enough_where_it_tells() -> None:
    a = {"name": "ff", "loss": "x", "recipe": "best", "rate": 1}
    b = {"name": "ff", "loss": "y", "recipe": "quick", "rate": 2}
    assert labels(a, b) == ["ff (recipe best)", "ff (recipe quick)"]


def test_two_settings_where_one_does_not_tell() -> None:
    rates = [{"name": "ff", "recipe": r, "rate": x} for r in ("a", "b") for x in (1, 2)]
    assert labels(*rates)[1] == "ff (recipe a, rate 2)"


def test_untrained_learners_are_told_apart_among_themselves() -> None:
    a = {"name": "ff", "rate": 1}
    b = {"name": "ff", "rate": 2}
    c = {"name": "ff", "rate": 1, "untrained": True}
    assert labels(a, b, c) == ["ff (rate 1)", "ff (rate 2)", "ff, untrained"]


def test_a_choice_tells_before_its_settings_do() -> None:
    made = {"name": "ff", "calibration": {"folds": 2, "name": "cross-fit"}}
    assert told_apart([{"name": "ff"}, made]) == ["ff", "ff (calibration cross-fit)"]


def test_settings_have_brief_names_unless_two_end_alike() -> None:
    rates = [{"a": {"rate": x}, "b": {"rate": y}} for x in (1, 2) for y in (1, 2)]
    assert told_apart(rates, ["ff"] * 4)[1] == "ff (a.rate 1, b.rate 2)"


def test_a_name_alone_is_a_choice_without_settings() -> None:
    assert told_apart(["bald", {"name": "bald", "passes": 9}]) == ["bald", "bald (passes 9)"]
