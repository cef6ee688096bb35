from collections.abc import Mapping
from typing import Any

from pauca.report.labels import brief_names, key, learner_labels, telling


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
    plain = {"learner.name": "ff"}
    made = {"learner.name": "ff", "learner.calibration.folds": 2, "learner.calibration.name": "fit"}
    assert telling([plain, made]) == ("learner.calibration.name",)


def test_names_are_brief_unless_two_end_alike() -> None:
    assert brief_names(["learner.start.name", "query"]) == {
        "learner.start.name": "start",
        "query": "query",
    }
    assert brief_names(["data.rate", "learner.rate"]) == {
        "data.rate": "data.rate",
        "learner.rate": "learner.rate",
    }
