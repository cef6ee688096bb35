"""Weighing strategies: made-up studies in which the answer is known."""

import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, rankdata

from pauca.metrics import area_under_budget_curve
from pauca.report.areas import areas_record
from pauca.report.comparison.asked import (
    asked_rows,
    draw_overlap,
    draw_picks,
    overlap_of,
    read_picks,
)
from pauca.report.comparison.blocks import blocks, upper_bound
from pauca.report.comparison.factors import (
    Effect,
    FactorRecord,
    draw_factor,
    factor_words,
    factors_of,
)
from pauca.report.comparison.penalties import draw_penalties, penalties_record, penalty_words
from pauca.report.comparison.ranks import draw_ranks, rank_words, ranks_record
from pauca.report.comparison.savings import (
    draw_savings,
    saving_words,
    savings_record,
    shares_table,
)
from pauca.report.comparison.weigh import across, across_section, across_words, power_words
from pauca.report.estimates import Estimate
from pauca.report.frame import study_frame
from pauca.report.page import build_page
from pauca.report.style import looks, raw_svg
from pauca.report.view import Group, StudyView, read_study
from pauca.store import MemoryStore, RunSpec
from tests.report.studies import Plan, active, meta, study

PLAN = Plan(repetitions=24, rounds=5)


def view_of(plan: Plan = PLAN) -> StudyView:
    return read_study(study(plan, parts="a"))


def crossed(levels: dict[int, float], plan: Plan = PLAN, full: float | None = None) -> MemoryStore:
    """A study with the query size as a factor; each size lowers margin's accuracy by so much."""
    store = MemoryStore()
    meta(store, plan)
    for query, loss in levels.items():
        one = MemoryStore()
        active(one, replace(plan, query=query, seed=plan.seed))
        for run in one.runs():
            settings = {**run.spec.settings, "pool": {"size": None}}
            copied(store, RunSpec(f"{run.spec.id}-{query}", "active", settings), run.rounds, loss)
    if full is not None:
        for r in range(plan.repetitions):
            shared = {k: v for k, v in store.runs()[0].spec.settings.items() if k in SHARED}
            spec = RunSpec(f"b-{r}", "bound", {**shared, "repetition": r, "study_seed": 1})
            copied(store, spec, [{"round": 0, "labels": 1437, "metrics": {"accuracy": full}}], 0)
    return store


SHARED = ("data", "learner", "pool", "threads", "device")


def copied(store: MemoryStore, spec: RunSpec, rounds: Any, loss: float) -> None:
    store.add([spec])
    assert store.claim("tester") is not None
    for record in rounds:
        lower = loss if spec.settings.get("strategy", {}).get("name") == "margin" else 0.0
        metrics = {**record["metrics"], "accuracy": record["metrics"]["accuracy"] - lower}
        store.append(spec.id, "tester", {**record, "metrics": metrics}, {})
    store.finish(spec.id, "tester")


def test_blocks_are_the_repetitions_that_all_finished() -> None:
    view = view_of(Plan(repetitions=4, fails={1: "boom"}, rounds=3))
    (group,) = view.kind("active")
    found = blocks(group)
    assert found is not None
    assert found.repetitions == (1, 2, 3)
    assert found.curves.shape == (4, 3, 3)
    record = areas_record(group)
    for name, areas in zip(found.names, found.areas, strict=True):
        row = next(row for row in record.rows if row.label == name)
        assert [v for r, v in row.values if r > 0] == pytest.approx(areas.tolist())


def test_a_round_that_is_no_number_makes_a_repetition_incomplete() -> None:
    (group,) = view_of(Plan(repetitions=3, rounds=3, nan=frozenset({1}))).kind("active")
    found = blocks(group)
    assert found is not None
    assert found.repetitions == (0, 2)


def test_ranks_agree_with_scipy() -> None:
    (group,) = view_of().kind("active")
    found = blocks(group)
    assert found is not None
    record = ranks_record([found])
    assert record is not None
    areas = found.areas.T
    ranks = rankdata(-areas, axis=1).mean(0)
    assert dict(zip(record.names, record.mean_ranks, strict=True)) == pytest.approx(
        dict(zip(found.names, ranks.tolist(), strict=True))
    )
    statistic = friedmanchisquare(*areas.T).statistic
    n, m = areas.shape
    f = (n - 1) * statistic / (n * (m - 1) - statistic)
    assert record.differ == (f > 3)  # far from the border here
    assert record.names[0] == "margin"
    assert "margin" in " ".join(rank_words(record))


def test_several_settings_are_averaged_within_a_repetition() -> None:
    view = read_study(crossed({20: 0.0, 40: 0.0}))
    found = [each for each in map(blocks, view.kind("active")) if each is not None]
    record = ranks_record(found)
    assert record is not None
    assert (record.blocks, record.settings) == (24, 2)
    assert "averaged over 2 settings" in rank_words(record)[0]


def test_nothing_is_said_of_strategies_that_are_alike() -> None:
    same = tuple({"name": name} for name in ("one", "two", "three"))
    (group,) = view_of(Plan(repetitions=8, rounds=3, strategies=same, noise=0.02)).kind("active")
    found = blocks(group)
    assert found is not None
    record = ranks_record([found])
    assert record is not None
    assert not record.differ
    assert "do not show" in rank_words(record)[0]


def test_penalties_know_who_wins() -> None:
    (group,) = view_of().kind("active")
    found = blocks(group)
    assert found is not None
    record = penalties_record([found])
    assert record is not None
    table = dict(zip(record.names, record.beaten, strict=True))
    assert table["margin"] == min(record.beaten)
    assert table["random"] > table["entropy"]
    place = record.names.index
    assert record.matrix[place("margin")][place("random")] == 1.0
    assert "margin" in penalty_words(record)[0]


def test_savings_are_those_of_the_planted_gain() -> None:
    (group,) = view_of().kind("active")
    found = blocks(group)
    assert found is not None
    record = savings_record(found)
    assert record is not None
    told = dict(zip(record.names, record.savings, strict=True))
    assert "random" not in told
    assert told["margin"].common.low > 1
    assert told["margin"].common.ratio > told["entropy"].common.ratio
    assert any("margin" in words and "saved" in words for words in saving_words(record))
    again = savings_record(found)
    assert again == record  # the bootstrap draws are the same


def test_few_repetitions_have_no_interval_of_a_saving() -> None:
    (group,) = view_of(Plan(repetitions=3, rounds=3)).kind("active")
    found = blocks(group)
    assert found is not None
    record = savings_record(found)
    assert record is not None
    assert "too few" in saving_words(record)[0]


def test_labels_for_a_share_of_full_accuracy() -> None:
    view = read_study(crossed({20: 0.0}, full=0.9))
    (group,) = view.kind("active")
    full = upper_bound(view, group)
    assert full == dict.fromkeys(range(24), 0.9)
    found = blocks(group)
    assert found is not None
    table = shares_table(found, full)
    assert table is not None
    row = next(row for row in table.rows if row[0].text == "margin")
    reached = [
        next((m for m, v in zip(found.labels, c, strict=True) if v >= 0.81), math.inf)
        for c in found.of("margin")
    ]
    assert row[1].text.replace(",", "") == f"{sorted(reached)[11]:.0f}"
    assert shares_table(found, {}) is None


def test_a_bound_of_another_pool_is_not_this_one() -> None:
    store = crossed({20: 0.0}, full=0.9)
    view = read_study(store)
    (group,) = view.kind("active")
    other = replace(group, settings={**group.settings, "pool": {"size": 10}})
    assert upper_bound(view, other) == {}


def test_a_factor_shows_its_planted_effect() -> None:
    view = read_study(crossed({40: 0.05, 20: 0.0}))
    factors = factors_of(view.kind("active"))
    named = {factor.name: factor for factor in factors}
    query = named["query"]  # the budget changes with it, in the same way
    assert query.levels == ("20", "40")
    effects = {effect.label: effect for effect in query.effects}
    margin, random = effects["margin"], effects["random"]
    assert margin.against is not None
    assert margin.against[0].low > 0
    assert margin.against[1].high < 0
    assert random.against is None
    assert margin.spans.mean < random.spans.mean
    words = factor_words(query)
    assert "random choice changes by" in words[0]
    assert "above at one and below at another: margin (95" in words[-1]
    assert len(factors) == 1


def test_what_follows_from_another_setting_is_no_factor() -> None:
    view = read_study(crossed({20: 0.0}))
    (group,) = view.kind("active")
    names = {"a": 20, "b": 20, "c": 50}

    def at(name: str, query: int, size: int) -> Group:
        data = {**group.settings["data"], "name": name}
        pool = {"size": size}
        return replace(
            group, settings={**group.settings, "data": data, "query": query, "pool": pool}
        )

    linked = [at(name, query, 100) for name, query in names.items()]
    (factor,) = factors_of(linked)
    assert factor.name == "data"
    assert factor.levels == ("a", "b", "c")
    assert not factor.same_items
    assert not any("changes by" in words for words in factor_words(factor))
    both = factors_of([at(name, query, size) for name, query in names.items() for size in (1, 2)])
    assert [each.name for each in both] == ["data", "pool.size"]


def test_levels_are_compared_where_nothing_else_differs() -> None:
    """Of two learners, one of them twice, calibrated with fewer strategies the second time."""
    found = read_study(crossed({20: 0.0, 40: 0.05, 60: 0.1})).kind("active")
    learners: list[dict[str, Any]] = [
        {"name": "backprop", "net": "mlp"},
        {"name": "forward-forward", "calibration": None},
        {"name": "forward-forward", "calibration": "cross-fit"},
    ]
    shared = {key: value for key, value in found[0].settings.items() if key != "learner"}
    groups = [
        replace(group, settings={**shared, "learner": learner})
        for group, learner in zip(found, learners, strict=True)
    ]
    groups[2] = replace(groups[2], series=groups[2].series[:2])
    areas = [{row.label: row.area.mean for row in areas_record(group).rows} for group in groups]
    factors = {factor.name: factor for factor in factors_of(groups)}
    learner, calibration = factors["learner"], factors["learner.calibration"]
    assert {effect.label for effect in learner.effects} == set(areas[0])
    for effect in learner.effects:
        expected = [areas[0][effect.label], areas[1][effect.label]]
        assert [each.mean for each in effect.areas] == pytest.approx(expected)
    assert [effect.label for effect in calibration.effects] == ["random", "margin"]
    for effect in calibration.effects:
        expected = [areas[1][effect.label], areas[2][effect.label]]
        assert [each.mean for each in effect.areas] == pytest.approx(expected)


def test_settings_that_are_never_crossed_are_one_factor() -> None:
    """A start, and what one of the starts alone has: five learners, five levels."""
    found = read_study(crossed({20: 0.0, 40: 0.05, 60: 0.1, 80: 0.15, 100: 0.2})).kind("active")
    starts: list[Any] = [
        None,
        {"name": "last"},
        {"name": "in-turn"},
        {"name": "label-free", "negatives": "self-contrastive"},
        {"name": "label-free", "negatives": "hybrid-mask"},
    ]
    groups = [
        replace(
            g,
            settings={
                **found[0].settings,
                "learner": {"name": "x", "start": s} if s else {"name": "x"},
            },
        )
        for g, s in zip(found, starts, strict=True)
    ]
    (factor,) = factors_of(groups)
    assert factor.name == "learner.start"
    assert factor.levels == (
        "none",
        "last",
        "in-turn",
        "label-free, self-contrastive",
        "label-free, hybrid-mask",
    )
    (words, *_) = factor_words(factor)
    assert words.startswith("Area of random choice: none ")
    assert "label-free, hybrid-mask " in words
    margin = next(effect for effect in factor.effects if effect.label == "margin")
    for group, each in zip(groups, margin.areas, strict=True):
        row = next(row for row in areas_record(group).rows if row.label == "margin")
        assert each.mean == pytest.approx(row.area.mean)


def test_areas_on_other_test_items_are_not_compared() -> None:
    found = read_study(crossed({20: 0.0, 40: 0.05})).kind("active")
    groups = [
        replace(group, settings={**found[0].settings, "pool": {"unknown": unknown}})
        for group, unknown in zip(found, (2, 4), strict=True)
    ]
    (factor,) = factors_of(groups)
    assert factor.name == "pool.unknown"
    assert not factor.same_items
    assert not any("changes by" in words or "higher" in words for words in factor_words(factor))


def test_the_lead_counts_settings_of_the_same_strategies() -> None:
    view = read_study(crossed({20: 0.0, 40: 0.05, 60: 0.1}))
    groups = view.kind("active")
    fewer = replace(groups[2], series=groups[2].series[:2])

    def lead(*of: Group) -> str:
        found = across(replace(view, groups=of))
        assert found is not None
        return across_section(found).lead

    assert lead(*groups) == "3 settings of the same strategies."
    assert lead(*groups[:2], fewer) == (
        "3 settings, 2 of them of the same strategies, which are ranked."
    )
    assert lead(groups[0], fewer) == "2 settings, not all of the same strategies."


def test_upper_bounds_are_counted_and_their_failures_shown() -> None:
    store = crossed({20: 0.0}, Plan(repetitions=2, rounds=3), full=0.9)
    spec = replace(store.runs()[-1].spec, id="b-9")
    store.add([spec])
    assert store.claim("tester") is not None
    store.fail("b-9", "tester", "the disk is gone")
    page = build_page(store)
    assert "the disk is gone" in page
    assert "bound" in set(study_frame(read_study(store))["kind"])


def test_one_setting_has_no_factor() -> None:
    assert factors_of(view_of().kind("active")) == ()
    assert across(view_of()) is None


def test_all_settings_together_in_words() -> None:
    found = across(read_study(crossed({40: 0.05, 20: 0.0})))
    assert found is not None
    said = across_words(found)
    assert "averaged over 2 settings" in said[0]
    assert "random choice changes by" in said[1]


def test_power_words_say_what_is_in_reach() -> None:
    (group,) = view_of().kind("active")
    words = power_words(areas_record(group))
    assert "24 repetitions show" in words
    few = view_of(Plan(repetitions=2, rounds=3)).kind("active")[0]
    assert power_words(areas_record(few)) == ""


def test_what_was_asked_for() -> None:
    view = view_of(Plan(repetitions=3, rounds=4))
    (group,) = view.kind("active")
    for row in asked_rows(group, 10):
        assert row.balance.mean == 0.0  # the made-up answers are all of one class
    overlap = overlap_of(group, 1437)
    assert overlap is not None
    assert np.allclose(overlap.mean, 1.0)  # and all asked for the same
    assert overlap.chance == pytest.approx(60 / (2 * 1437 - 60))


def test_pictures_of_what_was_asked_for() -> None:
    store = MemoryStore()
    meta(store, PLAN)
    out = io.BytesIO()
    items = np.arange(5 * 16, dtype=np.uint8).reshape(5, 1, 4, 4)
    np.savez_compressed(out, items=items, answers=np.arange(5))
    settings = study(PLAN, parts="a").runs()[0].spec.settings
    store.add([RunSpec("a", "active", settings)])
    assert store.claim("tester") is not None
    record = {"round": 0, "labels": 20, "metrics": {"accuracy": 0.5}, "asked": [], "steps": 1}
    store.append("a", "tester", record, {"picks.npz": out.getvalue()})
    store.finish("a", "tester")
    (group,) = read_study(store).kind("active")
    (picks,) = read_picks(store, group)
    assert np.array_equal(picks.items, items)
    assert picks.answers == (0, 1, 2, 3, 4)
    assert "<image" in raw_svg(draw_picks([picks], [f"class {k}" for k in range(5)]))


def test_many_strategies_have_a_row_each_and_the_highest_is_on_top() -> None:
    flat = Estimate(0.8, 0.79, 0.81, 5)
    centre = {f"s{i:02d}": i / 100 for i in range(-5, 5)}
    gains = {k: Estimate(x, x - 0.01, x + 0.01, 5) for k, x in centre.items()}
    effects = [Effect(k, k, (flat, flat), (gain, gain), flat) for k, gain in gains.items()]
    effects.append(Effect("random", "random", (flat, flat), None, flat))
    record = FactorRecord("data", ("digits", "mnist"), tuple(effects))
    drawing = draw_factor(record, looks([e.label for e in effects]))
    left, right = drawing.axes
    rows = [label.get_text() for label in left.get_yticklabels()]
    assert left.yaxis_inverted()
    assert rows[0] == "s04"
    assert rows[-1] == "s-5"
    assert {rows[4], rows[5]} == {"random", "s00"}
    assert right.get_xlabel() == "less random's (points)"
    assert "data digits" in raw_svg(drawing)


def test_every_figure_can_be_drawn_and_the_page_holds_them() -> None:
    store = crossed({20: 0.0, 40: 0.02}, Plan(repetitions=7, rounds=4), full=0.9)
    view = read_study(store)
    group = view.kind("active")[0]
    found = blocks(group)
    assert found is not None
    style = looks(found.names)
    ranks, penalties, savings = (
        ranks_record([found]),
        penalties_record([found]),
        savings_record(found),
    )
    overlap = overlap_of(group, 1437)
    assert ranks is not None
    assert penalties is not None
    assert savings is not None
    assert overlap is not None
    (factor,) = factors_of(view.kind("active"))
    for figure in (
        draw_ranks(ranks, style),
        draw_penalties(penalties),
        draw_savings(savings, style),
        draw_overlap(overlap),
        draw_factor(factor, style),
    ):
        assert "margin" in raw_svg(figure)
    page = build_page(store)
    for title in ("All settings together", "Ranks", "Who beats whom", "Labels saved", "Factor: "):
        assert title in page
    assert "all labels of the pool" in page
    assert area_under_budget_curve(found.labels, found.of("margin")[0]) == found.areas[1, 0]
