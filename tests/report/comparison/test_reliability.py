"""Reliability diagrams from made-up bins whose gaps are known."""

from dataclasses import replace
from typing import Any

import pytest

from pauca.report.comparison.reliability import (
    LINES,
    Point,
    draw_reliability,
    reliability_picture,
    reliability_record,
    reliability_table,
    reliability_words,
)
from pauca.report.page import build_page
from pauca.report.view import Group, read_study
from pauca.store import MemoryStore
from tests.report.studies import Plan, meta, models
from tests.report.studies import active as fill_active

PLAN = Plan(repetitions=3, rounds=3)
OFF = {"random": 0.0, "margin": 0.1, "entropy": -0.05, "least-confidence": 0.02}


def bins(name: str, repetition: int) -> list[dict[str, float]]:
    """Two bins that hold a quarter and three quarters, and one of five items only."""
    off = OFF.get(name, 0.0) + 0.001 * (repetition - 1)
    return [
        {"bin": 3, "items": 5, "confidence": 0.25, "accuracy": 0.25 - off},
        {"bin": 8, "items": 100, "confidence": 0.58, "accuracy": 0.58 - off},
        {"bin": 13, "items": 300, "confidence": 0.9, "accuracy": 0.9 - off},
    ]


def store_with(*, said: bool = True, parts: str = "a") -> MemoryStore:
    source, store = MemoryStore(), MemoryStore()
    if "a" in parts:
        fill_active(source, PLAN)
    if "m" in parts:
        models(source, PLAN)
    meta(store, PLAN)
    store.add([run.spec for run in source.runs()])
    for run in source.runs():
        assert store.claim("tester") is not None
        settings = run.spec.settings
        name = settings.get("strategy", settings["learner"])["name"]
        for record in run.rounds:
            more = {"calibration": bins(name, settings["repetition"])} if said else {}
            store.append(run.spec.id, "tester", {**record, **more}, {})
        store.finish(run.spec.id, "tester")
    return store


def groups(**how: Any) -> tuple[Group, ...]:
    return read_study(store_with(**how)).kind("active")


def test_gaps_and_points_are_those_that_were_planted() -> None:
    record = reliability_record(groups())
    assert record is not None
    assert [panel.label for panel in record.panels] == [s["name"] for s in PLAN.strategies]
    for panel in record.panels:
        (line,) = panel.lines
        assert line.gap.mean == pytest.approx(OFF[panel.label])
        assert line.gap.low < line.gap.mean < line.gap.high
        assert [p.confidence for p in line.points] == pytest.approx([0.58, 0.9])  # five are too few
        assert [p.accuracy.mean for p in line.points] == pytest.approx(
            [0.58 - OFF[panel.label], 0.9 - OFF[panel.label]]
        )
        assert [p.share for p in line.points] == pytest.approx([100 / 405, 300 / 405])


def test_a_bin_that_a_repetition_hardly_uses_does_not_count() -> None:
    """Whatever the answers of its few items are; with too few repetitions left it is not drawn."""
    store = store_with()
    (group,) = read_study(store).kind("active")
    series = group.series[0]

    def at(counts: list[int]) -> tuple[Point, ...]:
        runs = [
            (r, replace(run, rounds=({"calibration": [one_bin(n, n > 1)]},)))
            for n, (r, run) in zip(counts, series.runs, strict=True)
        ]
        record = reliability_record([replace(group, series=(replace(series, runs=tuple(runs)),))])
        assert record is not None
        return record.panels[0].lines[0].points

    def one_bin(items: int, good: bool) -> dict[str, float]:
        return {"bin": 8, "items": items, "confidence": 0.58, "accuracy": 0.4 if good else 1.0}

    (point,) = at([58, 40, 1])
    assert point.accuracy.mean == pytest.approx(0.4)
    assert point.accuracy.n == 2
    assert at([58, 1, 1]) == ()


def test_words_and_table_say_which_side() -> None:
    record = reliability_record(groups())
    assert record is not None
    (said,) = reliability_words(record)
    assert "surer than right with margin and least-confidence" in said
    assert "less sure than right with entropy" in said
    assert "random" not in said
    table = reliability_table(record)
    rows = {row[0].text: row[1:] for row in table.rows}
    assert rows["margin"][0].text.startswith("+10.0")
    assert rows["entropy"][0].text.startswith("\u22125.0")
    assert len(rows["margin"]) == 2


def test_learners_are_lines_of_one_panel() -> None:
    (group,) = groups()
    other = Group(group.kind, "another learner", group.settings, group.series)
    record = reliability_record([group, other])
    assert record is not None
    assert record.labels == (group.title, "another learner")
    assert all(len(panel.lines) == 2 for panel in record.panels)
    assert len(reliability_words(record)) == 2
    table = reliability_table(record)
    assert len(table.rows) == 2 * len(PLAN.strategies)
    drawing = draw_reliability(record)
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == list(record.labels)
    assert reliability_picture([group] * (LINES + 1), "k") == ((), ())


def test_a_study_that_did_not_look_shows_nothing() -> None:
    assert reliability_record(groups(said=False)) is None
    assert reliability_picture(groups(said=False), "k") == ((), ())


def test_the_page_shows_strategies_and_models() -> None:
    page = build_page(store_with(parts="am"))
    assert page.count("As sure as right?</h3>") == 2
    assert "As sure as right?" not in build_page(store_with(said=False, parts="am"))
