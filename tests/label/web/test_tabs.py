"""Several tabs, several projects, Back, reload, held keys: no answer goes astray."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pauca.errors import StoreError
from pauca.label import Project
from tests.label.helpers import NAMES, images, npz, project
from tests.label.web.helpers import client, leased
from tests.label.web.running import threaded
from tests.label.web.test_page import answered, events, item_of, running, said, visiting

expect.set_options(timeout=30_000)
DROP = "**/api/answer"


def begun(page: Page, address: str) -> None:
    """A further tab of a person whom the browser knows."""
    page.set_default_timeout(30_000)
    page.goto(address)
    ready(page)


def named(page: Page, address: str, person: str) -> None:
    """The first tab of a person."""
    page.set_default_timeout(30_000)
    page.goto(address)
    expect(page.locator("dialog")).to_contain_text("Who labels?")
    page.locator("dialog input").fill(person)
    page.keyboard.press("Enter")
    ready(page)


def ready(page: Page) -> None:
    expect(page.locator(".numbers")).to_be_visible()
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")


def pressed(page: Page, key: str) -> None:
    """Answer, and wait until that was dealt with."""
    page.keyboard.press(key)
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")


@contextmanager
def two_projects(folder: Path) -> Iterator[tuple[Project, Project]]:
    for name in ("a", "b"):
        (folder / name).mkdir()
    with (
        project(folder / "a", n=60, name="fish") as a,
        project(folder / "b", n=60, name="birds") as b,
    ):
        a.close()
        b.close()
        yield a, b


def port_of(base: str) -> int:
    return int(base.rpartition(":")[2])


def test_a_tab_of_one_project_answers_nothing_in_another(browser: Browser, tmp_path: Path) -> None:
    with two_projects(tmp_path) as (a, b):
        with threaded(a.folder) as at:
            port = port_of(at.base)
            context = browser.new_context()
            page = context.new_page()
            named(page, at.address, "anna")
            page.route("**/api/status", lambda route: route.abort())  # it learns by its own answer
        with threaded(b.folder, port=port):
            page.keyboard.press("2")
            expect(page.locator("dialog")).to_contain_text("now serves the project birds")
            expect(page.locator("dialog")).to_contain_text("1 answer for fish is kept")
            page.keyboard.press("Enter")
            expect(page.locator("dialog")).to_contain_text("Who labels?")  # persons are apart too
            expect(page).to_have_title("birds · pauca label")
            page.locator("dialog input").fill("ben")
            page.keyboard.press("Enter")
            ready(page)
            pressed(page, "1")
        assert [(e.person, e.cls) for e in events(b.folder)] == [("ben", 0)]
        assert events(a.folder) == []
        with threaded(a.folder, port=port):
            page.goto(at.address)
            ready(page)
            expect(page.locator("#who")).to_contain_text("anna")
        assert [(e.person, e.cls) for e in events(a.folder)] == [("anna", 1)]
        assert len(events(b.folder)) == 1
        context.close()


def test_a_tab_that_only_looks_is_told_of_the_other_project(
    browser: Browser, tmp_path: Path
) -> None:
    with two_projects(tmp_path) as (a, b):
        with threaded(a.folder) as at:
            context = browser.new_context()
            page = context.new_page()
            named(page, at.address, "anna")
        with threaded(b.folder, port=port_of(at.base)):
            expect(page.locator("dialog")).to_contain_text("now serves the project birds")
        context.close()


def test_pictures_of_one_project_are_not_those_of_another(tmp_path: Path) -> None:
    seen = set()
    for name in ("a", "b"):
        data = images(tmp_path / name, ["0.png", "1.png"])
        made = Project.create(data, tmp_path / f"p{name}", classes=("a", "b"))
        with made, client(made) as asked:
            (each,) = leased(asked, "anna")
            seen.add(each["content"]["picture"])
            assert asked.get(each["content"]["picture"]).status_code == 200
            del asked.headers["pauca-project"]  # as a picture of a page is asked for
            assert asked.get("/api/picture/0?project=another").status_code == 409
    assert len(seen) == 2  # a browser keeps pictures by their address


def two_tabs(context: BrowserContext, one: Page, address: str) -> Page:
    two = context.new_page()
    begun(two, address)
    assert item_of(one) == item_of(two)
    return two


def test_two_tabs_that_are_offline_lose_no_answer(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as one:
            ready(one)
            two = two_tabs(one.context, one, at.address)
            for page in (one, two):
                page.route(DROP, lambda route: route.abort())
            first = item_of(one)
            two.unroute(DROP)
            other = answered(two, "x")  # the second tab goes on to another item
            two.route(DROP, lambda route: route.abort())
            second = item_of(two)
            assert other == first != second
            one.keyboard.press("2")
            two.keyboard.press("3")
            for page in (one, two):
                expect(page.locator("#banner")).to_contain_text("kept here")
            kept = one.evaluate("Object.keys(localStorage).filter((k) => k.includes('/kept/'))")
            assert len(kept) == 2
            two.close()
            one.unroute(DROP)
            one.reload()
            # of the first item a skip stands meanwhile, so it is asked
            expect(one.locator("dialog")).to_contain_text("Answered meanwhile")
            one.get_by_role("button", name="Make it bee").click()
            ready(one)
            assert (
                one.evaluate("Object.keys(localStorage).filter((k) => k.includes('/kept/'))") == []
            )
        kept_ = [(e.item, e.action, e.cls) for e in events(made.folder)]
        assert kept_[0] == (first, "skip", None)
        assert sorted(kept_[1:]) == sorted([(first, "label", 1), (second, "label", 2)])


def test_two_tabs_do_not_overwrite_each_other_in_silence(browser: Browser, tmp_path: Path) -> None:
    with (
        project(tmp_path, n=60, batch=10) as made,
        running(made) as at,
        visiting(browser, at) as one,
    ):
        ready(one)
        two = two_tabs(one.context, one, at.address)
        item = item_of(one)
        answered(one, "1")
        two.keyboard.press("2")
        expect(two.locator("dialog")).to_contain_text(f"you answered item {item}: {NAMES[0]}")
        expect(two.locator("dialog")).to_contain_text(f"Here you said {NAMES[1]}")
        two.keyboard.press("Enter")  # what stands is left
        said(two, "left as it was answered")
        assert [(e.item, e.cls) for e in events(made.folder)] == [(item, 0)]
        ready(two)
        begun(one, at.address)
        item = item_of(one)
        assert item_of(two) == item
        answered(one, "1")
        two.keyboard.press("2")
        two.get_by_role("button", name=f"Make it {NAMES[1]}").click()
        said(two, NAMES[1])
        assert [(e.item, e.cls, e.action) for e in events(made.folder)][1:] == [
            (item, 0, "label"), (item, 1, "relabel"),
        ]  # fmt: skip
        # an answer of the other tab is not taken back unasked
        ready(one)
        one.keyboard.press("z")
        expect(one.locator("dialog")).to_contain_text("in another tab or window")
        one.keyboard.press("Enter")
        expect(one.locator("dialog")).not_to_be_visible()
        assert len(events(made.folder)) == 3
        two.close()


def test_near_duplicates_of_the_item_before_are_not_ticked(
    browser: Browser, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(0, 1, (40, 12)).astype(np.float32)
    x[20:] = x[:20] + 0.001  # each item twice
    data = npz(tmp_path / "x.npz", x=x)
    with Project.create(data, tmp_path / "p", classes=("a", "b"), batch=6) as made:
        made.duplicates()
        with running(made) as at, visiting(browser, at) as page:
            expect(page.locator(".copies input")).to_have_count(1)
            page.route("**/api/items?*", lambda route: route.abort())  # they come late, or never
            first = answered(page, "1")
            page.keyboard.press("d")
            second = answered(page, "2")
        assert [e.item for e in events(made.folder)] == [first, second]


def test_a_held_key_answers_once(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            ready(page)
            for key in ("1", "x", "u"):
                page.keyboard.down(key)
                for _ in range(12):
                    page.wait_for_timeout(30)
                    page.keyboard.down(key)  # repeats, as a held key does
                page.keyboard.up(key)
                ready(page)
            page.locator(".class").first.focus()
            page.keyboard.down("Enter")
            for _ in range(12):
                page.wait_for_timeout(30)
                page.keyboard.down("Enter")
            page.keyboard.up("Enter")
            ready(page)
            page.keyboard.down("z")
            for _ in range(12):
                page.wait_for_timeout(30)
                page.keyboard.down("z")
            page.keyboard.up("z")
            ready(page)
        actions = [e.action for e in events(made.folder)]
        assert actions == ["label", "skip", "unsure", "label", "undo"]


def test_a_double_click_answers_once(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            ready(page)
            for button in (page.locator(".class").first, page.get_by_role("button", name="Skip")):
                item = item_of(page)
                box = button.bounding_box()
                assert box is not None
                page.mouse.move(box["x"] + 5, box["y"] + 5)
                page.mouse.down(click_count=1)
                page.mouse.up(click_count=1)
                # the next item stands there when the second click comes
                expect(page.locator(".numbers figcaption")).not_to_contain_text(f"Item {item}:")
                page.mouse.down(click_count=2)
                page.mouse.up(click_count=2)
                page.wait_for_timeout(600)
                ready(page)
            page.locator(".class").nth(1).click()  # a click of its own is heard
            said(page, "bee")
        assert [e.action for e in events(made.folder)] == ["label", "skip", "label"]


def view_of(page: Page) -> str:
    return str(page.locator("#views [aria-current]").inner_text())


def test_back_stays_in_the_page_and_a_reload_finds_view_and_item(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        project(tmp_path, n=60, batch=10) as made,
        running(made) as at,
        visiting(browser, at) as page,
    ):
        ready(page)
        answered(page, "1")
        page.keyboard.press("Shift+H")
        expect(page.locator(".entry")).to_have_count(1)
        page.keyboard.press("Shift+C")
        expect(page.locator(".classes-table")).to_be_visible()
        page.reload()
        expect(page.locator(".classes-table")).to_be_visible()
        page.go_back()
        expect(page.locator(".entry")).to_have_count(1)
        page.go_back()
        ready(page)
        item = item_of(page)
        for _ in range(4):  # further back there is nothing
            page.go_back()
            page.wait_for_timeout(200)
        assert view_of(page) == "Label"
        assert item_of(page) == item
        assert page.url == at.base + "/"
        page.keyboard.press("?")
        expect(page.locator("dialog")).to_be_visible()
        page.go_back()  # closes what lies over the view
        expect(page.locator("dialog")).not_to_be_visible()
        assert view_of(page) == "Label"
        page.reload()
        ready(page)
        assert item_of(page) == item
        # a new tab begins with the items, whatever another tab shows
        page.keyboard.press("Shift+H")
        expect(page.locator(".entry")).to_have_count(1)
        other = page.context.new_page()
        begun(other, at.address)
        assert view_of(other) == "Label"
        other.close()


def test_a_reload_finds_an_item_whose_answer_was_taken_back(
    browser: Browser, tmp_path: Path
) -> None:
    with project(tmp_path, n=60, batch=12) as made:
        made.answer("anna", 41, 0)
        made.answer("anna", 41, 1)  # nobody asked for this one, and another answer stands below
        with running(made) as at, visiting(browser, at) as page:
            ready(page)
            page.keyboard.press("z")
            expect(page.locator(".numbers figcaption")).to_contain_text("Item 41:")
            page.reload()
            expect(page.locator(".numbers figcaption")).to_contain_text("Item 41:")
            ready(page)
            answered(page, "3")
        assert [(e.action, e.cls) for e in events(made.folder) if e.item == 41] == [
            ("label", 0), ("relabel", 1), ("undo", None), ("relabel", 2),
        ]  # fmt: skip


def test_two_people_in_two_tabs_stay_who_they_are(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as one:
            ready(one)
            two = one.context.new_page()
            begun(two, at.address)
            two.locator("#who").click()
            two.locator("dialog input").fill("ben")
            two.keyboard.press("Enter")
            expect(two.locator("#who")).to_contain_text("ben")
            ready(two)
            one.reload()
            ready(one)
            answered(one, "1")
            answered(two, "1")
            two.close()
        assert [e.person for e in events(made.folder)] == ["anna", "ben"]


def test_a_full_disk_is_told_and_the_answer_kept(
    browser: Browser, tmp_path: Path, monkeypatch: Any
) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            ready(page)
            item = item_of(page)
            real, full = Project.answer, [True]

            def answer(self: Project, *given: Any, **more: Any) -> Any:
                if full[0]:
                    raise StoreError("the disk is full", todo="free some space and go on")
                return real(self, *given, **more)

            monkeypatch.setattr(Project, "answer", answer)
            page.keyboard.press("2")
            expect(page.locator("#banner")).to_contain_text("cannot keep answers")
            expect(page.locator("#banner")).to_contain_text("the disk is full")
            assert item_of(page) == item
            full[0] = False
            said(page, "bee")
            expect(page.locator("#banner")).to_be_hidden()
        assert [(e.item, e.cls) for e in events(made.folder)] == [(item, 1)]
    assert re.fullmatch(r"[0-9a-f]{32}", made.id)
