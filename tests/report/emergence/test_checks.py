import math
from typing import Any

import pytest

from pauca.report.emergence.checks import Check, Reading, compare, reading, verdict
from pauca.report.estimates import Estimate

GOOD = Estimate(0.5, 0.4, 0.6, 5)
BAD = Estimate(0.1, -0.1, 0.3, 5)
LONE = Estimate(0.5, math.nan, math.nan, 1)


def check(found: Estimate, layer: str = "layer1", **more: Any) -> Check:
    return Check("It holds", "an effect", layer, found, **more)


@pytest.mark.parametrize(
    ("found", "more", "expected"),
    [
        (GOOD, {}, True),
        (GOOD, {"above": 0.4}, False),  # the whole interval has to exceed it
        (BAD, {}, False),
        (LONE, {}, None),
        (Estimate(math.nan, math.nan, math.nan, 0), {}, None),
        (GOOD, {"p": 0.04}, True),
        (GOOD, {"p": 0.06}, False),
        (GOOD, {"p": math.nan}, None),
    ],
)
def test_a_check_holds_when_its_whole_interval_does(
    found: Estimate, more: dict[str, Any], expected: bool | None
) -> None:
    assert check(found, **more).holds is expected


def test_differences_are_taken_repetition_by_repetition() -> None:
    found = compare("t", "e", "layer1", {0: 0.9, 1: 0.8, 2: 0.7}, {2: 0.6, 1: 0.6, 9: 0.0}).found
    assert (found.n, found.mean, found.low) == pytest.approx(
        (2, 0.15, 0.15 - 12.706 * 0.05), abs=1e-3
    )
    assert compare("t", "e", "layer1", {0: 0.9}, {}).found.n == 0


@pytest.mark.parametrize(
    ("layers", "word"),
    [
        ([GOOD, GOOD], "confirmed"),
        ([BAD, BAD], "not confirmed"),
        ([GOOD, BAD], "depends"),
        ([GOOD, LONE], "depends"),
        ([BAD, LONE], "not decided"),
        ([LONE, LONE], "not decided"),
    ],
)
def test_a_net_is_read_layer_by_layer(layers: list[Estimate], word: str) -> None:
    checks = [check(found, f"layer{i}") for i, found in enumerate(layers, start=1)]
    assert reading("net", checks).word == word


def test_one_failure_in_a_layer_is_enough() -> None:
    assert reading("net", [check(GOOD), check(BAD)]).word == "not confirmed"
    assert reading("net", [check(LONE), check(BAD)]).word == "not confirmed"
    assert reading("net", [check(LONE), check(GOOD)]).word == "not decided"


def test_what_fails_for_one_comparison_of_several_depends_on_it() -> None:
    rates = [check(GOOD, by="the rate"), check(BAD, by="the rate")]
    found = reading("net", [check(GOOD), *rates])
    assert (found.word, found.layers) == ("depends", {"layer1": "the rate"})
    assert reading("net", [check(GOOD), check(BAD, by="the rate")]).word == "not confirmed"
    assert reading("net", [check(BAD), *rates]).word == "not confirmed"


def read(word: str, net: str = "net") -> Reading:
    found = {"confirmed": [GOOD], "not confirmed": [BAD], "not decided": [LONE]}
    layers = found.get(word, [GOOD, BAD])
    return reading(net, [check(e, f"layer{i}") for i, e in enumerate(layers)])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["confirmed", "confirmed"], "confirmed"),
        (["not confirmed", "not confirmed"], "not confirmed"),
        (["confirmed", "not confirmed"], "depends"),
        (["depends", "depends"], "depends"),
        (["confirmed", "not decided"], "depends"),
        (["not confirmed", "not decided"], "not decided"),
        (["not decided"], "not decided"),
        ([], "not decided"),
    ],
)
def test_a_verdict_needs_every_net(words: list[str], expected: str) -> None:
    found = verdict("claim", [read(word, f"net{i}") for i, word in enumerate(words)], "rule")
    assert found.word == expected
    assert bool(found.on) == (expected in ("depends", "not decided"))


def test_the_words_say_where_and_what_is_missing() -> None:
    assert verdict("claim", [read("depends")], "r").on == "net: holds in layer0, not in layer1"
    assert verdict("claim", [], "r", missing=["no net"]).on == "no net"
    assert "fewer than two repetitions" in verdict("claim", [read("not decided")], "r").on


@pytest.mark.parametrize(
    ("layers", "mark"),
    [
        ([GOOD, GOOD], "yes"),
        ([GOOD, BAD], "partly"),
        ([BAD, BAD], "open"),
        ([BAD, Estimate(-0.5, -0.6, -0.4, 5)], "no"),
        ([LONE], "unknown"),
    ],
)
def test_open_is_not_the_opposite(layers: list[Estimate], mark: str) -> None:
    checks = [check(found, f"layer{i}") for i, found in enumerate(layers)]
    assert [m for m, _ in reading("net", checks).sentences] == [mark]


def test_a_sentence_names_test_effect_interval_and_n() -> None:
    checks = [check(GOOD), check(BAD, "layer2", p=0.5)]
    ((mark, sentence),) = reading("net", checks).sentences
    assert mark == "partly"
    assert sentence == (
        "It holds: an effect, layer1 0.50 [0.40, 0.60]; layer2 0.10 [\u22120.10, 0.30], p = 0.5000"
        " (5 repetitions)."
    )
