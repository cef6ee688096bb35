"""Verdicts on studies whose truth is planted, in both directions."""

from dataclasses import replace
from functools import cache

import pytest

from pauca.report.emergence.arrays import Arrays
from pauca.report.emergence.checks import Verdict
from pauca.report.emergence.claims import first_claims
from pauca.report.emergence.claims_classes import related_claim, unseen_claim
from pauca.report.emergence.nets import materials
from pauca.report.emergence.related import contrast_record
from pauca.report.emergence.sharing import BOTH, sharing_record
from pauca.report.view import read_study
from tests.report.emergence.planted import (
    BACKPROP,
    BP_FF,
    BP_START,
    CLEAR,
    FAST,
    NONE,
    START,
    TRUTHS,
    Plan,
    Truth,
    study,
)

NO_ARRAYS = frozenset({"arrays"})
SPARSE, SPECIFIC, BACK, SAME, ACCURATE, UNSEEN, RELATED = range(7)


def verdicts(plan: Plan) -> tuple[Verdict, ...]:
    store = study(plan)
    (material,) = materials(read_study(store))
    arrays = Arrays(store)
    contrasts = [
        contrast
        for net in material.nets
        for definition in BOTH
        for layer in net.layers
        if (found := sharing_record(net, layer, definition, arrays)) is not None
        if (contrast := contrast_record(found, material.related)) is not None
    ]
    return (
        *first_claims(material),
        unseen_claim(material),
        related_claim(material, contrasts),
    )


@cache
def planted() -> tuple[Verdict, ...]:
    return verdicts(Plan())


def test_clear_ensembles_are_confirmed() -> None:
    words = [v.word for v in planted()]
    assert words[SPARSE] == words[SPECIFIC] == words[UNSEEN] == words[RELATED] == "confirmed"
    assert words[BACK] == "confirmed"  # backprop was planted without any
    assert words[SAME] == "depends"  # its last layer is not sparse
    assert planted()[SAME].on == "bp-ff: holds in layer1 and layer2, not in layer3"


def test_a_net_without_ensembles_has_none() -> None:
    dull = replace(NONE, hoyer=(0.40, 0.35, 0.33))
    found = verdicts(
        Plan(learners=(CLEAR, BACKPROP, START), truths={**TRUTHS, "forward-forward": dull})
    )
    for claim in (SPARSE, SPECIFIC, UNSEEN, RELATED):
        assert found[claim].word == "not confirmed"
    assert found[SAME].word == "not decided"
    assert found[SAME].missing == ("no such net has finished in this study",)
    # without an untrained net nothing says that it is not sparser, and chance level shows nothing
    assert found[BACK].word == "not decided"
    assert found[BACK].missing == ("no untrained net to compare backprop with",)


def test_ensembles_under_backprop_are_seen() -> None:
    clear = Truth(hoyer=(0.8, 0.35, 0.8), accuracy=0.98)
    found = verdicts(Plan(truths={**TRUTHS, "backprop": clear}, unseen=(), without=NO_ARRAYS))
    assert found[BACK].word == "depends"
    assert found[BACK].on == "backprop: they are there in layer1 and layer3"
    everywhere = Truth(accuracy=0.98)
    plan = Plan(truths={**TRUTHS, "backprop": everywhere}, unseen=(), without=NO_ARRAYS)
    assert verdicts(plan)[BACK].word == "not confirmed"


def test_a_pattern_made_by_the_label_is_not_a_category() -> None:
    found = verdicts(
        Plan(truths={**TRUTHS, "forward-forward": Truth(label=1.0)}, unseen=(), without=NO_ARRAYS)
    )
    assert found[SPECIFIC].word == "not confirmed"
    marks = {s.split(":")[0]: mark for mark, s in found[SPECIFIC].readings[0].sentences}
    assert marks["More members than by chance"] == "yes"
    assert marks["Follows the image, not the label"] == "no"
    assert marks["Made by the image, not by the label's pixels"] == "no"
    assert "blank image" in found[SPECIFIC].remarks[0]


def test_where_measures_of_selectivity_disagree_it_depends_on_them() -> None:
    rare = {**TRUTHS, "forward-forward": Truth(accuracy=0.995, rare=1.0)}
    found = verdicts(Plan(truths=rare, unseen=(), without=NO_ARRAYS))
    on = "forward-forward: on the measure of selectivity in layer1, layer2 and layer3"
    assert (found[SPECIFIC].word, found[SPECIFIC].on) == ("depends", on)
    assert (found[ACCURATE].word, found[ACCURATE].on) == ("depends", on)
    marks = {s.split(":")[0]: mark for mark, s in found[SPECIFIC].readings[0].sentences}
    assert marks["Units more selective than untrained (AUC)"] == "no"
    assert marks["Units more selective than untrained (selectivity index)"] == "yes"


def test_sparsity_depends_on_the_learning_rate_of_backprop() -> None:
    fast = Truth((0.96, 0.9, 0.85), 0.0, accuracy=0.955)
    truths = {**TRUTHS, "backprop 0.01": fast}
    plan = Plan(models=(FAST,), truths=truths, unseen=(), without=NO_ARRAYS)
    found = verdicts(plan)[SPARSE]
    assert found.word == "depends"
    assert "the learning rate of backprop in layer1, layer2 and layer3" in found.on
    poor = {**TRUTHS, "backprop 0.01": Truth(fast.hoyer, 0.0, accuracy=0.8)}
    assert (
        verdicts(Plan(models=(FAST,), truths=poor, unseen=(), without=NO_ARRAYS))[SPARSE].word
        == "confirmed"
    )


def test_a_net_as_accurate_as_backprop_is_held_to_the_same() -> None:
    assert planted()[ACCURATE].word == "not decided"
    assert "no forward-forward net" in planted()[ACCURATE].on
    good = {**TRUTHS, "forward-forward": Truth(accuracy=0.995)}
    assert verdicts(Plan(truths=good, unseen=(), without=NO_ARRAYS))[ACCURATE].word == "confirmed"
    dense = {**TRUTHS, "forward-forward": Truth((0.4, 0.75, 0.8), accuracy=0.995)}
    found = verdicts(Plan(truths=dense, unseen=(), without=NO_ARRAYS))[ACCURATE]
    assert (found.word, found.on) == (
        "depends",
        "forward-forward: not in layer1, holds in layer2 and layer3",
    )
    assert "paired difference" in found.remarks[0]


def test_one_repetition_decides_nothing() -> None:
    found = verdicts(Plan(repetitions=1, unseen_repetitions=1, without=NO_ARRAYS))
    assert {v.word for v in found} == {"not decided"}
    assert "no interval" in found[SPARSE].on


@pytest.mark.parametrize("learners", [(CLEAR, BP_FF, BACKPROP, BP_START), (CLEAR, BACKPROP)])
def test_without_an_untrained_net_nothing_is_confirmed(
    learners: tuple[dict[str, object], ...],
) -> None:
    found = verdicts(Plan(learners=learners, unseen=(0,), without=NO_ARRAYS))
    assert found[SPARSE].word == found[SPECIFIC].word == found[UNSEEN].word == "not decided"
    assert "no untrained net to compare forward-forward with" in found[SPARSE].on


def test_without_groups_looks_decide() -> None:
    assert verdicts(Plan(related=None, unseen=(), without=NO_ARRAYS))[RELATED].word == "confirmed"
    none = {**TRUTHS, "forward-forward": Truth(related=1.0)}
    assert (
        verdicts(Plan(related=None, truths=none, unseen=(), without=NO_ARRAYS))[RELATED].word
        == "not confirmed"
    )


def test_a_missing_part_is_named() -> None:
    found = verdicts(Plan(without=NO_ARRAYS | {"label_control"}, unseen=()))
    assert found[SPECIFIC].word == "not decided"
    assert found[SPECIFIC].missing == ("no label control of forward-forward",)
    assert found[SPARSE].word == "confirmed"
