"""Records against small cases by hand, and figures against their numbers."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pauca.report.emergence.arrays import Arrays
from pauca.report.emergence.ensembles import ensembles_record, ensembles_row
from pauca.report.emergence.matrices import effects_record
from pauca.report.emergence.nets import Material, materials
from pauca.report.emergence.published import HOYER, accuracy_on_record, hoyer_on_record
from pauca.report.emergence.related import contrast_record
from pauca.report.emergence.scatter import scatter_record, scatter_row
from pauca.report.emergence.sharing import sharing_record
from pauca.report.emergence.sparsity import sparsity_record, sparsity_row
from pauca.report.emergence.spikes import spikes_record, unit_order
from pauca.report.emergence.stability import stability_record
from pauca.report.emergence.totals import blind_table, totals_table, units_table
from pauca.report.emergence.unseen import formation_record, shared_record
from pauca.report.emergence.unseen_scores import few_shot, scores
from pauca.report.emergence.values import array, dig, mean, slug
from pauca.report.estimates import SHARE, estimate
from pauca.report.view import read_study
from pauca.store import MemoryStore
from tests.report.emergence.planted import BACKPROP, CLEAR, FAST, START, Plan, study

PLAN = Plan(
    learners=(CLEAR, BACKPROP, START), models=(FAST, BACKPROP), repetitions=3, unseen=(0, 3)
)


@cache
def made() -> tuple[MemoryStore, Material]:
    store = study(PLAN)
    (material,) = materials(read_study(store))
    return store, material


def record(run: str) -> dict[str, object]:
    return dict(next(r for r in made()[0].runs() if r.spec.id == run).rounds[-1])


def test_nets_are_named_briefly_and_models_counted_once() -> None:
    material = made()[1]
    assert [n.label for n in material.nets] == [
        "forward-forward",
        "backprop (rate 0.0001)",
        "forward-forward, untrained",
    ]
    assert [n.label for n in material.models] == ["backprop (rate 0.01)"]
    assert [n.own for n in material.nets] == ["neutral", "none", "neutral"]
    assert material.start_of(material.nets[0]) is material.nets[2]
    assert material.start_of(material.nets[1]) is None
    assert material.related == ((0, 2, 4), (1, 3))


def test_groups_of_a_study_are_by_name_or_number() -> None:
    store = study(Plan(learners=(CLEAR,), repetitions=1, unseen=(), related=None))
    view = read_study(store)
    named = {"emergence": {"groups": [["class 1", 3], [0, "nobody"]]}}
    assert materials(replace(view, settings=named))[0].related == ((1, 3), (0,))


def test_sparsity_is_that_of_the_store_beside_the_record() -> None:
    rows = sparsity_record(made()[1])
    first = rows[0]
    held = [
        dig(record(f"e0-{r}"), "sparsity", "neutral", "layer1", "hoyer", "all") for r in range(3)
    ]
    assert first.own == estimate(held, SHARE)
    correct = [
        dig(record(f"e0-{r}"), "sparsity", "true", "layer1", "hoyer", "correct") for r in range(3)
    ]
    assert first.published == estimate(correct, SHARE)
    assert first.record == (0.845, 0.805)
    assert [row.record for row in rows if row.untrained] == [()] * 3
    best = study(Plan(learners=({**CLEAR, "recipe": "best"},), repetitions=1, unseen=()))
    assert not any(row.record for row in sparsity_record(materials(read_study(best))[0]))
    assert first.indices["dead_units"].mean == 3


def test_the_record_of_the_published_code() -> None:
    assert hoyer_on_record("fashion-mnist", "bp-ff", 2) == (0.016,)
    assert hoyer_on_record("mnist", "forward-forward", 3) == ()
    assert hoyer_on_record("digits", "backprop", 0) == ()
    assert accuracy_on_record("mnist", "backprop") == (0.98, 0.987)
    assert all(
        0 <= v <= 1 for of in HOYER.values() for runs in of.values() for r in runs for v in r
    )


def test_ensembles_and_their_figure_agree_with_the_table() -> None:
    rows = ensembles_record(made()[1])
    held = [
        mean(dig(record(f"e0-{r}"), "ensembles", "neutral", "layer2", "selective", "jaccard"))
        for r in range(3)
    ]
    row = next(r for r in rows if (r.net, r.layer) == ("forward-forward", "layer2"))
    assert row.jaccard == estimate(held, SHARE)
    frame = ensembles_row(rows).plates[0].frame
    chosen = frame[(frame.net == row.net) & (frame.layer == row.layer)]
    jaccard = chosen[(chosen.definition == row.definition) & (chosen.measure == "jaccard")]
    assert jaccard[["mean", "low", "high", "n"]].to_numpy().tolist() == [
        [row.jaccard.mean, row.jaccard.low, row.jaccard.high, 3]
    ]


def test_a_figure_draws_what_its_table_says() -> None:
    material = made()[1]
    plate = sparsity_row(sparsity_record(material), material).plates[0]
    drawn = {
        round(float(x), 9)
        for axes in plate.drawing.axes
        for line in axes.lines
        for x in np.asarray(line.get_xdata())
    }
    shown = plate.frame[plate.frame.measure.isin(["hoyer", "on record"])]
    assert {round(float(v), 9) for v in shown["mean"]} <= drawn
    scatter = scatter_row(material)
    assert scatter is not None
    points = {
        (round(float(x[0]), 9), round(float(y[0]), 7))
        for axes in scatter.plates[0].drawing.axes
        for line in axes.lines
        for x, y in [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))]
        if len(x) == 1
    }
    frame = scatter.plates[0].frame
    assert points == {
        (round(h, 9), round(100 * a, 7)) for h, a in zip(frame.hoyer, frame.accuracy, strict=True)
    }


def test_the_scatter_has_trained_nets_alone() -> None:
    points = scatter_record(made()[1])
    assert {(p.net, p.rate, p.kind) for p in points} == {
        ("forward-forward", 0.01, "emergence"),
        ("backprop (rate 0.0001)", 0.0001, "emergence"),
        ("backprop (rate 0.01)", 0.01, "model"),
    }


def test_shared_units_are_those_of_the_arrays() -> None:
    store, material = made()
    found = sharing_record(material.nets[0], "layer1", "selective", Arrays(store))
    assert found is not None
    # ensembles of 8 units; 4 shared within a group, of 45 live ones: 4 / (64 / 45)
    assert found.combined.repetitions == 3
    np.testing.assert_allclose(np.asarray(found.combined.ratio)[0, 2], 4 * 45 / 64)
    np.testing.assert_allclose(np.asarray(found.combined.ratio)[0, 1], 0)
    assert found.distances[0, 2] == pytest.approx(1 - 4 / 12)
    contrast = contrast_record(found, material.related)
    assert contrast is not None
    assert contrast.within == pytest.approx(dict.fromkeys(range(3), 4 * 45 / 64))
    assert contrast.difference[0] > 2
    assert contrast.p < 0.05
    assert contrast_record(found, ()) is None
    assert contrast_record(found, [list(range(6))]) is None


def test_units_stand_by_the_class_they_prefer() -> None:
    means = np.array([[0.0, 3.0, 1.0, 0.0, 5.0], [0.0, 1.0, 2.0, 4.0, 1.0]])
    assert unit_order(means).tolist() == [4, 1, 3, 2, 0]


def test_spikes_mark_the_members() -> None:
    store, material = made()
    arrays = Arrays(store)
    found = spikes_record(material.nets[0], arrays)
    assert [one.layer for one in found] == ["layer1", "layer2", "layer3"]
    members = arrays.members(material.nets[0], 0, "layer1", "mean-ratio-1")
    assert members is not None
    assert found[0].members.tolist() == members[:3][:, found[0].units].tolist()
    assert members.shape == (6, 48)


def test_lesions_are_means_over_repetitions() -> None:
    found = effects_record(made()[1].nets[0], "lesions, same size")
    tables = [
        np.array(dig(record(f"e0-{r}"), "lesions", "layer1", "by_size", "excess")) for r in range(3)
    ]
    np.testing.assert_allclose(found[0].excess, np.mean(tables, 0))
    off = ~np.eye(6, dtype=bool)
    expected = [t.diagonal().mean() - t[off].mean() for t in tables]
    assert list(found[0].difference.values()) == pytest.approx(expected)
    assert [one.place for one in effects_record(made()[1].nets[0], "drive, answers")] == [
        "layer1>layer2",
        "layer2>layer3",
    ]


def test_unseen_categories_class_by_class() -> None:
    net = made()[1].unseen[0]
    assert (net.left_out, net.repetitions) == ((0, 3), (0, 1, 2))
    rows = formation_record(made()[1], net)
    assert [(r.layer, r.k) for r in rows[:3]] == [("layer1", 0), ("layer1", 3), ("layer2", 0)]
    place = ("formation", "neutral", "layer1", "selective", "left-out", "jaccard")
    held = [dig(record(f"u0-3-{r}"), *place) for r in range(3)]
    assert rows[1].jaccard["left-out"] == estimate(held, SHARE)
    assert rows[1].jaccard["untrained"].n == 3
    ratio = shared_record(net, "layer1", 6)
    assert ratio[0, 2] == pytest.approx(3 / 1.2)
    assert ratio[0, 1] == pytest.approx(1 / 1.2)
    assert math.isnan(ratio[0, 0])
    assert np.isnan(ratio[1]).all()
    both = [
        mean([dig(record(f"u0-{k}-{r}"), "novelty", "overlap, layer1")[0] for k in (0, 3)])
        for r in range(3)
    ]
    assert scores(net)["overlap, layer1"] == estimate(both, SHARE)
    assert list(scores(net)) == ["overlap, layer1", "energy", "confidence"]
    left_out = few_shot(net, "few_shot_left_out")
    assert left_out["ensemble overlap", 5] == estimate([0.4] * 3, SHARE)


def test_stability_beats_shuffled_profiles_where_classes_have_units() -> None:
    store, material = made()
    found = stability_record(material.nets[0], Arrays(store))
    assert found is not None
    assert found.nets == 3
    assert found.jaccard > found.shuffled + 0.2


@pytest.mark.parametrize(
    ("value", "expected"), [([1, None, 3.0], 2.0), ([], math.nan), (0.5, 0.5), (None, math.nan)]
)
def test_means_leave_out_what_is_not_there(value: object, expected: float) -> None:
    assert mean(value) == pytest.approx(expected, nan_ok=True)


def test_totals_are_over_what_random_sets_share() -> None:
    table = totals_table(made()[1])
    assert table is not None
    first = [cell.text for cell in table.rows[0]]
    assert first == ["forward-forward", "layer1", "selective", "0.60", "0.55"]  # 12/20, 12/22
    units, blind = units_table(made()[1]), blind_table(made()[1])
    assert units is not None
    assert len(units.rows) == 9
    assert blind is not None
    assert [cell.text for cell in blind.rows[0][2:]] == ["3.00", "4.00", "0.90", "0.55"]
    assert totals_table(Material("", "", (), (), ())) is None


def test_small_helpers() -> None:
    assert np.isnan(array(None, 2, 2)).all()
    assert np.isnan(array([[1]], 2, 2)).all()
    assert dig({"a": {"b": 1}}, "a", "c") is None
    assert dig(None, "a") is None
    assert slug("backprop (rate 0.01), untrained") == "backprop-rate-0.01-untrained"
    assert slug("///") == "unnamed"
