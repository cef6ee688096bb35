import re
import time
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from pauca.report.page import build_page, summary
from pauca.report.view import read_study
from pauca.store import MemoryStore
from tests.report.studies import Plan, study

VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})
SMALL = Plan(repetitions=2, rounds=3, units=12, items=20)
ONE = ({"name": "forward-forward"},)


@cache
def small() -> str:
    return build_page(study(SMALL))


class Page(HTMLParser):
    """Tags in balance, ids, resources and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._look(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._look(attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def _look(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "data", "action", "xlink:href"):
                self.links.append(value or "")


ZOOM = (files("pauca.report") / "templates" / "zoom.js").read_text(encoding="utf-8").strip()
PLANS = {
    "one repetition": (Plan(repetitions=1, rounds=2, learners=ONE), "am"),
    "strategies only": (SMALL, "a"),
    "models only": (Plan(repetitions=2, learners=ONE), "m"),
    "no random": (Plan(repetitions=2, rounds=2, strategies=({"name": "margin"},)), "a"),
    "failed": (Plan(repetitions=2, rounds=4, fails={0: "boom", 3: "bang"}), "a"),
    "all failed": (Plan(repetitions=1, rounds=1, fails=dict.fromkeys(range(4), "boom")), "a"),
    "not a number": (Plan(repetitions=2, rounds=3, nan=frozenset({0, 1}), learners=ONE), "am"),
    "62 classes": (Plan(repetitions=2, classes=62, items=186, learners=ONE), "m"),
    "not begun": (Plan(unfinished=999), "am"),
    "many": (
        Plan(repetitions=2, rounds=2, strategies=tuple({"name": f"s{i}"} for i in range(20))),
        "a",
    ),
    "one round": (Plan(repetitions=2, rounds=1), "a"),
}


@pytest.mark.parametrize("name", ["whole", *PLANS])
def test_every_study_gives_a_sound_page(name: str) -> None:
    text = small() if name == "whole" else build_page(study(PLANS[name][0], parts=PLANS[name][1]))
    page = Page(text)
    assert page.faults == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link.startswith(("#", "data:image/png;base64,"))
        assert not link.startswith("#") or link[1:] in page.ids
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    # the only script is the page's own, where there are curves to look closer at
    assert page.tags.count("script") == int('class="zoom' in text)
    words = page.text.replace(ZOOM, "").replace("in results", "")
    assert not re.search(r"(?<![a-z])(nan|None|inf)(?![a-z])", words)


def test_an_empty_store_gives_a_page_that_says_so() -> None:
    page = Page(build_page(MemoryStore()))
    assert "nothing to report" in page.text
    assert "This study has no runs yet." in page.text


def test_the_page_holds_what_a_reader_needs() -> None:
    text = Page(small()).text
    for part in (
        "digits-first",
        "In short",
        "Learning curves",
        "Against random choice",
        "Over the whole budget",
        "Cost",
        "Models side by side: digits",
        "Sparsity of each layer",
        "Activation walls: digits",
        "What was run",
        "pauca run 'a study.toml' --out there",
        "2.13.0",
        "study seed",
        "State of the runs",
        "Words used",
    ):
        assert part in text


def test_every_figure_has_a_text_for_those_who_cannot_see_it() -> None:
    text = small()
    drawings = re.findall(r"<svg[^>]*>", text)
    # curves, areas, ranks, savings, penalties, overlap; accuracy, sparsity; walls
    assert len(drawings) == 6 + 2 + 3 * 3
    assert all(
        re.search(r'aria-label="[^"]{10,}"', tag) and 'role="img"' in tag for tag in drawings
    )


def test_what_users_name_is_shown_as_text() -> None:
    evil = '<script>alert("x")</script> & <b>bold</b>'
    plan = Plan(
        name=evil,
        repetitions=2,
        rounds=2,
        strategies=({"name": "random"}, {"name": evil}),
        fails={0: evil},
    )
    text = build_page(study(plan, parts="a"))
    page = Page(text)
    assert page.tags.count("script") == 1
    assert ZOOM in page.text
    assert "b" not in page.tags
    assert evil in page.text
    assert text.count("<script") == 1


def test_the_same_store_gives_the_same_page() -> None:
    store = study(Plan(repetitions=2, rounds=2, learners=ONE))
    assert build_page(store) == build_page(store)


def test_failures_are_shown_in_full() -> None:
    error = "Traceback (most recent call last):\n  at here\nRuntimeError: out of memory"
    text = Page(build_page(study(Plan(repetitions=1, rounds=2, fails={1: error}), parts="a"))).text
    assert error in text
    assert "3 of 4 runs are done (1 failed)" in text


def test_the_summary_is_short_and_careful() -> None:
    view = read_study(study(SMALL))
    sentences = summary(view, None)
    assert 2 <= len(sentences) <= 3
    assert "first look" in sentences[-1]
    assert "claim" not in " ".join(
        summary(read_study(study(Plan(repetitions=20), parts="a")), None)
    )


def test_thousands_of_runs_take_seconds() -> None:
    plan = Plan(repetitions=120, strategies=tuple({"name": f"s{i}"} for i in range(10)))
    store = study(plan, parts="a")
    began = time.perf_counter()
    text = build_page(store)
    assert time.perf_counter() - began < 20
    assert len(text) < 2_000_000
