"""The page in a real browser, before a real server."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pauca.label import PoolOptions, Project
from tests.label.helpers import NAMES, images, npz, project, table, truth
from tests.label.web.running import Running, Threaded, start, threaded

expect.set_options(timeout=30_000)
EVIL = "<img src=x onerror=\"document.title='pwned'\">"


@contextmanager
def begun(made: Project, *arguments: str) -> Iterator[Running]:
    """The server as people start it."""
    made.close()
    found = start(made.folder, *arguments)
    try:
        yield found
    finally:
        found.end()


@contextmanager
def running(made: Project, **settings: Any) -> Iterator[Threaded]:
    """The server in a thread of this process, which is quicker to start than one of its own."""
    made.close()
    with threaded(made.folder, **settings) as found:
        yield found


@contextmanager
def visiting(
    browser: Browser, at: Running | Threaded, person: str = "anna", **settings: Any
) -> Iterator[Page]:
    """A page that was opened by a person; nothing may go wrong on it unseen."""
    context: BrowserContext = browser.new_context(**settings)
    page = context.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda told: wrong.append(told.text) if "Content Security Policy" in told.text else None,
    )
    page.goto(at.address)
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.type(person)
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).not_to_be_visible()
    expect(page.locator("#view-title")).to_have_count(1)  # from now on keys are heard
    yield page
    assert wrong == []
    context.close()


def item_of(page: Page) -> int:
    """The embedding that is shown."""
    text = page.locator(".numbers figcaption").inner_text()
    found = re.match(r"Item (\d+):", text)
    assert found is not None
    return int(found[1])


def said(page: Page, text: str) -> None:
    expect(page.locator("#said")).to_have_text(text)


def answered(page: Page, key: str) -> int:
    """Press a key and wait until another item is shown; the one that was answered."""
    item = item_of(page)
    page.keyboard.press(key)
    expect(page.locator(".numbers figcaption")).not_to_contain_text(f"Item {item}:")
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    return item


def events(folder: Path) -> list[Any]:
    with Project.open(folder) as made:
        return [entry.event for entry in reversed(made.history(most=None))]


def test_sixty_items_by_keyboard_with_undo_skip_reload_retraining_and_export(
    browser: Browser, tmp_path: Path
) -> None:
    with project(tmp_path, n=150, batch=12) as made, begun(made, "--retrain", "20") as at:
        with visiting(browser, at, accept_downloads=True) as page:
            expect(page.locator(".numbers")).to_be_visible()
            done: list[int] = []
            for number in range(60):
                item = item_of(page)
                if number == 10:
                    page.keyboard.press("x")
                    said(page, "skipped")
                    expect(page.locator(".numbers")).not_to_contain_text(f"Item {item}:")
                    continue
                if number == 20:  # an answer that was wrong is taken back
                    wrong = answered(page, str(1 + (truth(item) + 1) % 3))
                    page.keyboard.press("z")
                    expect(page.locator(".numbers")).to_contain_text(f"Item {wrong}:")
                if number == 30:  # a reload finds the same item, person and view
                    page.reload()
                    expect(page.locator(".numbers")).to_contain_text(f"Item {item}:")
                    expect(page.locator("#who")).to_contain_text("anna")
                done.append(answered(page, str(1 + truth(item_of(page)))))
            assert len(set(done)) == 59
            expect(page.locator("#side")).to_contain_text("59 of 150 items")
            expect(page.locator(".now")).to_contain_text("Model of")
            button = page.get_by_role("button", name="Train now")
            if button.is_enabled():
                button.click()
            expect(page.locator(".now")).to_contain_text("Model of 59 labels")
            # the model is right about these; space accepts what it suggests
            item = item_of(page)
            expect(page.locator(".accept")).to_contain_text(f"{NAMES[truth(item)]}?")
            done.append(answered(page, " "))
            with page.expect_download() as download:
                page.get_by_role("link", name="csv").click()
            text = download.value.path().read_text(encoding="utf-8")
            rows = list(csv.DictReader(text.splitlines()))
            assert {int(row["id"]): row["label"] for row in rows} == {
                each: NAMES[truth(each)] for each in done
            }
        kept = events(made.folder)
        accepted = [event for event in kept if event.item == done[-1]][-1]
        assert (accepted.shown, accepted.suggested) == (True, truth(done[-1]))
        assert all(event.ms is not None for event in kept if event.action == "label")


def test_two_browsers_at_once_never_get_the_same_item(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=80, batch=10) as made, running(made) as at:
        with visiting(browser, at, "anna") as one, visiting(browser, at, "ben") as two:
            seen: list[int] = []
            for _ in range(12):
                for page in (one, two):
                    expect(page.locator(".numbers")).to_be_visible()
                    seen.append(answered(page, str(1 + truth(item_of(page)))))
                    assert item_of(one) != item_of(two)
            assert len(set(seen)) == 24
            expect(one.locator("#side")).to_contain_text("ben")  # told of each other
        assert len({event.item for event in events(made.folder)}) == 24


def test_a_hidden_suggestion_is_nowhere_and_answers_say_so(
    browser: Browser, tmp_path: Path
) -> None:
    with project(tmp_path, n=90, batch=10) as made:
        for _ in range(3):
            for each in made.lease("carl", 10):
                made.answer("carl", each.item, truth(each.item))
        made.train()
        with running(made) as at, visiting(browser, at) as page:
            expect(page.locator(".accept")).to_be_visible()
            page.keyboard.press("v")
            said(page, "suggestions are hidden")
            expect(page.locator(".accept")).to_have_count(0)
            assert "%" not in page.locator("main").inner_text()
            assert page.locator(".marked").count() == 0
            page.keyboard.press(" ")
            said(page, "there is no suggestion to accept")
            answered(page, "1")
            page.reload()  # it stays hidden
            expect(page.locator(".numbers")).to_be_visible()
            expect(page.locator(".accept")).to_have_count(0)
        assert events(made.folder)[-1].shown is False


def test_unsure_unfit_and_correcting_an_answer_in_the_history(
    browser: Browser, tmp_path: Path
) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            expect(page.locator(".numbers")).to_be_visible()
            unsure, unfit = answered(page, "u"), answered(page, "f")
            wrong = answered(page, "1")
            page.keyboard.press("Shift+H")
            expect(page.locator(".entry")).to_have_count(3)
            page.locator(".entry").first.click()
            expect(page.locator("dialog")).to_contain_text(f"Item {wrong}")
            page.locator("dialog .class", has_text="cat").click()
            said(page, "cat")
            expect(page.locator(".entry")).to_have_count(4)
            expect(page.locator(".gone")).to_have_count(1)
        with Project.open(made.folder) as opened:
            assert opened.labels.flagged == {unfit}
            assert dict(zip(opened.labels.item, opened.labels.cls, strict=True)) == {wrong: 2}
            assert unsure not in opened.labels.item


def test_a_grid_is_accepted_at_once_but_for_what_was_pressed_out(
    browser: Browser, tmp_path: Path
) -> None:
    with project(tmp_path, n=120, batch=30) as made:
        for each in made.lease("carl", 30):
            made.answer("carl", each.item, truth(each.item))
        made.train()
        with running(made) as at, visiting(browser, at) as page:
            expect(page.locator(".numbers")).to_be_visible()
            page.keyboard.press("Shift+G")
            expect(page.locator(".tile").first).to_be_visible()
            count = page.locator(".tile").count()
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Enter")  # the second one is something else
            expect(page.locator(".tile[aria-pressed=true]")).to_have_count(1)
            guess = page.locator("h2 strong").inner_text()
            page.keyboard.press(" ")
            expect(page.locator("#said")).to_contain_text(f"{guess}: {count - 1} item")
            expect(page.locator("main")).to_contain_text("1 item that you pressed out")
            expect(page.locator(".numbers")).to_be_visible()
            item = item_of(page)
            page.keyboard.press(str(1 + truth(item)))
            said(page, NAMES[truth(item)])
        told = [event for event in events(made.folder) if event.person == "anna"]
        together = [event for event in told if event.act == told[0].act]
        assert len(together) == count - 1
        assert {NAMES[event.cls] for event in together} == {guess}
        assert told[-1].item == item


def test_near_duplicates_are_answered_together_once_they_were_ticked(
    browser: Browser, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (40, 12)).astype(np.float32)
    x[20:] = x[:20] + 0.001  # each item twice
    with Project.create(
        npz(tmp_path / "x.npz", x=x), tmp_path / "p", classes=("a", "b"), batch=6
    ) as made:
        made.duplicates()
        with running(made) as at:
            with visiting(browser, at) as page:
                expect(page.locator(".copies input")).to_have_count(1)
                first = answered(page, "1")  # not ticked: alone
                expect(page.locator(".copies input")).to_have_count(1)
                page.keyboard.press("d")
                said(page, "1 ticked")
                second = answered(page, "2")
                said(page, "b (2 items)")
                page.keyboard.press("z")
                said(page, "taken back: 2 items")
            told = events(made.folder)
            assert [e.item for e in told[:3]] == [first, second, (second + 20) % 40]
            assert [e.action for e in told[3:]] == ["undo", "undo"]


def test_markup_is_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    rows = [{"text": f"{EVIL} {i} <script>document.title='pwned'</script>"} for i in range(30)]
    file = table(tmp_path / "t.csv", rows)
    with (
        Project.create(
            file,
            tmp_path / "p",
            classes=("good", EVIL),
            options=PoolOptions(text="text"),
            guidelines=f"# {EVIL}\n\n<b>bold?</b>",
            name=EVIL,
        ) as made,
        running(made) as at,
        visiting(browser, at, "<b>anna</b>") as page,
    ):
        expect(page.locator(".text")).to_contain_text(EVIL)
        expect(page.locator(".class").nth(1)).to_contain_text(EVIL)
        page.keyboard.press("g")
        expect(page.locator("dialog")).to_contain_text("<b>bold?</b>")
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        said(page, EVIL)
        page.keyboard.press("Shift+H")
        expect(page.locator(".entry")).to_contain_text(EVIL)
        page.keyboard.press("Shift+C")
        expect(page.locator(".classes-table")).to_contain_text(EVIL)
        assert page.title() == f"{EVIL} · pauca label"
        assert page.locator("main img, main script, main b").count() == 0


def test_a_file_whose_name_is_markup(browser: Browser, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    folder = images(tmp_path / "photos", [name, *(f"{i}.png" for i in range(3))])
    with (
        Project.create(folder, tmp_path / "p", classes=("a", "b")) as made,
        running(made) as at,
        visiting(browser, at) as page,
    ):
        for _ in range(4):
            expect(page.locator(".stage .picture")).to_be_visible()
            page.keyboard.press("1")
            expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        expect(page.locator(".empty")).to_contain_text("Nothing is left")
        page.keyboard.press("Shift+H")
        expect(page.locator(".history")).to_contain_text(name)
        assert page.locator("main img").count() == 0


def test_seventy_seven_classes_are_found_by_typing(browser: Browser, tmp_path: Path) -> None:
    names = [f"topic {a}{b}" for a in "abcdefg" for b in "abcdefghijk"]
    with project(tmp_path, n=60, c=77, classes=names) as made, running(made) as at:
        with visiting(browser, at) as page:
            expect(page.locator(".class")).to_have_count(77)
            page.keyboard.press("/")
            page.keyboard.type("topic gk")
            expect(page.locator(".class")).to_have_count(1)
            page.keyboard.press("Enter")
            said(page, "topic gk")
            expect(page.locator(".class").first).to_contain_text("topic gk")  # used last, first
            answered(page, "1")
        assert [names[e.cls] for e in events(made.folder)] == ["topic gk", "topic aa"]


def test_an_answer_outlives_a_server_that_goes_away(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made:
        made.close()
        at = start(made.folder)
        port = at.base.rpartition(":")[2]
        with visiting(browser, at) as page:
            expect(page.locator(".numbers")).to_be_visible()
            item = item_of(page)
            at.kill()
            page.keyboard.press("2")
            expect(page.locator("#banner")).to_contain_text("does not answer")
            assert item_of(page) == item  # the next one comes once this one is on the disk
            again = start(made.folder, "--port", port)
            try:
                said(page, "bee")
                expect(page.locator("#banner")).to_be_hidden()
                expect(page.locator(".numbers")).not_to_contain_text(f"Item {item}:")
            finally:
                again.end()
        assert [(e.item, e.cls) for e in events(made.folder)] == [(item, 1)]


def test_a_reload_sends_what_was_under_way(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            expect(page.locator(".numbers")).to_be_visible()
            item = item_of(page)
            page.route("**/api/answer", lambda route: route.abort())
            page.keyboard.press("2")
            expect(page.locator("#banner")).to_be_visible()
            page.unroute("**/api/answer")
            page.reload()
            expect(page.locator(".numbers")).not_to_contain_text(f"Item {item}:")
        assert [(e.item, e.cls) for e in events(made.folder)] == [(item, 1)]


def test_a_token_in_the_address_is_used_and_removed(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=30) as made, running(made, token="t" * 20) as at:
        assert at.address.endswith("#token=" + "t" * 20)
        with visiting(browser, at) as page:
            expect(page.locator(".numbers")).to_be_visible()
            assert page.url == at.base + "/"
            page.reload()  # the cookie is enough
            expect(page.locator(".numbers")).to_be_visible()
        context = browser.new_context()
        page = context.new_page()
        page.goto(at.base)
        expect(page.locator("dialog")).to_contain_text("token")
        page.keyboard.type("t" * 20)
        page.keyboard.press("Enter")
        expect(page.locator("dialog")).to_contain_text("Who labels?")
        context.close()


def kinds(tmp_path: Path) -> dict[str, Project]:
    """A project of each kind; long words and names among them."""
    long = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrente" * 2
    texts = table(tmp_path / "t.csv", [{"text": f"{long} {i}"} for i in range(20)])
    rows = table(tmp_path / "r.csv", [{f"column {long}": i, "b": i / 2} for i in range(20)])
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(20):
        Image.new("RGB", (1600, 400), (12 * i, 99, 180)).save(folder / f"{i}{long[:90]}.jpg")
    classes = ("ant", long, "cat")
    make = Project.create
    return {
        "text": make(texts, tmp_path / "pt", classes=classes, options=PoolOptions(text="text")),
        "table": make(rows, tmp_path / "pr", classes=classes),
        "image": make(folder, tmp_path / "pi", classes=classes),
    }


@pytest.mark.parametrize("kind", ["text", "table", "image"])
def test_it_fits_a_phone(browser: Browser, tmp_path: Path, kind: str) -> None:
    with kinds(tmp_path)[kind] as made, running(made) as at:
        size = {"width": 360, "height": 740}
        with visiting(browser, at, viewport=size, has_touch=True) as page:
            expect(page.locator(".class").first).to_be_visible()
            for name in ("Label", "Grid", "History", "Review", "Classes", "New classes"):
                page.get_by_role("button", name=name, exact=True).tap()
                expect(page.locator("#view-title")).to_have_count(1)
                page.wait_for_timeout(300)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= 360, f"{name} is {wide} wide"
                for button in page.locator("button:visible, a.button:visible").all():
                    box = button.bounding_box()
                    assert box is not None
                    assert box["height"] >= 40  # large enough for a thumb
            page.get_by_role("button", name="Label", exact=True).tap()
            page.locator(".class").first.tap()
            said(page, "ant")


def topics(folder: Path, count: int) -> Project:
    """Long texts of many classes, each with a near-duplicate, and a model."""
    names = [f"topic_{number}_of_a_long_name" for number in range(count)]
    words = [f"word{number} " * 3 for number in range(count)]
    texts = [words[i % count] + "and much more that is to be read of it, " * 40 for i in range(240)]
    file = table(folder / "t.csv", [{"text": text} for text in texts])
    options = PoolOptions(text="text")
    made = Project.create(file, folder / "p", classes=names, options=options, batch=20)
    made.duplicates()
    for each in made.lease("carl", 160):
        made.answer("carl", each.item, made.classes.ids[each.item % count])
    made.train(assessed=False)
    return made


# buttons of classes that are not wholly inside the viewport, and how many of them can be pressed;
# those that are scrolled out of their list are not seen
SIGHT = """
() => {
  const list = document.querySelector(".classes").getBoundingClientRect();
  const seen = [...document.querySelectorAll(".class")].map((e) => e.getBoundingClientRect())
    .filter((box) => box.bottom > list.top + 4 && box.top < list.bottom - 4);
  const out = seen.filter((b) => b.left < 0 || b.top < 0
    || b.right > innerWidth || b.bottom > innerHeight);
  const hit = seen.filter((b) => {
    const found = document.elementFromPoint((b.left + b.right) / 2, (b.top + b.bottom) / 2);
    return found?.closest(".class");
  });
  const stage = document.querySelector(".stage").getBoundingClientRect();
  const item = document.elementFromPoint(stage.left + 30, Math.max(0, stage.top) + 60);
  return { item: Boolean(item?.closest(".stage")), seen: seen.length, out: out.length,
    hit: hit.length };
}
"""


@pytest.mark.parametrize("count", [3, 10, 77])
def test_the_buttons_of_classes_are_in_sight(browser: Browser, tmp_path: Path, count: int) -> None:
    size: Any = {"width": 360, "height": 640}
    with (
        topics(tmp_path, count) as made,
        running(made) as at,
        visiting(browser, at, viewport=size) as page,
    ):
        for width, height in ((360, 640), (320, 640), (1366, 768), (683, 384)):
            page.set_viewport_size({"width": width, "height": height})
            expect(page.locator(".accept")).to_be_visible()
            for depth in (0, 200):
                page.evaluate(f"scrollTo(0, {depth})")
                told = page.evaluate(SIGHT)
                where = f"{count} classes, {width} x {height}, {depth}: {told}"
                assert told["item"], where
                assert told["out"] == 0, where
                assert told["seen"] == count or count > 10 or height < 400, where
                assert told["seen"] >= 3, where
                assert told["hit"] >= min(told["seen"] - 2, count), where
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_of_many_classes_the_likeliest_come_first(browser: Browser, tmp_path: Path) -> None:
    with topics(tmp_path, 77) as made, running(made) as at, visiting(browser, at) as page:
        first = page.locator(".class").first
        expect(first).to_have_class("class marked")
        name = first.get_attribute("title")
        assert name is not None
        expect(page.locator(".accept")).to_contain_text(name)
        assert page.locator(".class wbr").count() > 0
        page.keyboard.press("v")  # who hides suggestions is not swayed by the order either
        expect(page.locator(".class").first).to_have_attribute("title", "topic_0_of_a_long_name")


def test_words_that_speak_for_the_suggestion_are_marked(browser: Browser, tmp_path: Path) -> None:
    with topics(tmp_path, 3) as made, running(made) as at, visiting(browser, at) as page:
        guess = page.locator(".class.marked").get_attribute("title")
        assert guess is not None
        word = f"word{guess.split('_')[1]}"
        expect(page.locator(".stage mark").first).to_have_text(word)
        assert set(page.locator(".stage mark").all_inner_texts()) == {word}
        assert page.evaluate(CONTRAST) == []
        before = page.locator(".stage").inner_text()
        page.keyboard.press("h")
        expect(page.locator(".stage mark")).to_have_count(0)
        page.reload()  # it stays so
        expect(page.locator(".accept")).to_be_visible()
        expect(page.locator(".stage mark")).to_have_count(0)
        page.keyboard.press("h")
        expect(page.locator(".stage mark")).not_to_have_count(0)
        assert page.locator(".stage").inner_text() == before
        page.keyboard.press("v")  # who hides suggestions is not told by words either
        expect(page.locator(".stage mark")).to_have_count(0)


def test_a_note_is_kept_and_found_again(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            expect(page.locator(".numbers")).to_be_visible()
            item = item_of(page)
            page.keyboard.press(".")
            page.get_by_label("Your note").fill(f"{EVIL}\nsecond line")
            page.get_by_role("button", name="Keep the note").click()
            said(page, "note kept")
            expect(page.locator(".note")).to_contain_text(EVIL)
            page.reload()
            expect(page.locator(".note")).to_contain_text("second line")
            answered(page, "1")
            expect(page.locator(".note")).to_have_text("")
            page.keyboard.press("z")
            expect(page.locator(".note")).to_contain_text("second line")
        with Project.open(made.folder) as opened:
            assert opened.item_notes() == {item: {"anna": f"{EVIL}\nsecond line"}}


def test_a_person_gives_classes_keys_of_their_own(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            page.keyboard.press("Shift+C")
            page.get_by_label("Key of cat").press(";")
            said(page, "; stands for cat")
            page.get_by_label("Key of ant").press("3")
            page.get_by_label("Key of bee").press("z")  # takes answers back
            expect(page.locator("#toast")).to_contain_text("z is the key of something else")
            expect(page.get_by_label("Key of bee")).to_have_value("2")
            page.locator("main").focus()
            page.keyboard.press("Shift+L")
            expect(page.locator(".numbers")).to_be_visible()
            shown = page.locator(".class kbd").all_inner_texts()
            assert shown == ["3", "2", ";"]
            page.reload()
            expect(page.locator(".numbers")).to_be_visible()
            done = [answered(page, key) for key in ("3", ";", "2")]
            page.keyboard.press("1")  # of nothing now
            page.wait_for_timeout(200)
        told = [(event.item, event.cls) for event in events(made.folder)]
        assert told == list(zip(done, (0, 2, 1), strict=True))


def scale_of(page: Page) -> float:
    """How many times as large the picture is."""
    told = page.locator(".frame .picture").evaluate("e => new DOMMatrix(e.style.transform).a")
    return round(float(told), 3)


def test_a_picture_is_looked_at_closely(browser: Browser, tmp_path: Path) -> None:
    photos = images(tmp_path / "photos", [f"{i}.png" for i in range(6)], size=400)
    with (
        Project.create(photos, tmp_path / "p", classes=("a", "b")) as made,
        running(made) as at,
        visiting(browser, at, has_touch=True) as page,
    ):
        expect(page.locator(".frame .picture")).to_be_visible()
        page.keyboard.press("+")
        assert scale_of(page) == 1.5
        page.keyboard.press("-")
        page.keyboard.press("-")
        assert scale_of(page) == 1  # not smaller than whole
        page.locator(".frame").dblclick()
        assert scale_of(page) == 3
        box = page.locator(".frame .picture").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2 - 40, box["y"] + box["height"] / 2 + 30)
        page.mouse.up()
        moved = page.locator(".frame .picture").bounding_box()
        assert moved is not None
        assert (moved["x"] - box["x"], moved["y"] - box["y"]) == pytest.approx((-40, 30), abs=1)
        page.mouse.wheel(0, -240)
        page.wait_for_function("document.querySelector('.picture').style.transform.includes('4.8')")
        page.keyboard.press("Shift+ArrowRight")
        assert scale_of(page) > 4
        page.keyboard.press("0")
        assert scale_of(page) == 1
        touch = page.context.new_cdp_session(page)
        whole = page.locator(".frame").bounding_box()
        assert whole is not None
        x, y = whole["x"] + whole["width"] / 2, whole["y"] + whole["height"] / 2
        for kind, apart in (("touchStart", 20), ("touchMove", 30), ("touchMove", 40)):
            fingers = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert scale_of(page) == pytest.approx(2, abs=0.2)
        page.keyboard.press("1")  # the next one is whole
        expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        page.wait_for_function("!document.querySelector('.picture').style.transform")
        assert events(made.folder)[-1].action == "label"


def test_what_is_transparent_is_white_as_the_model_saw_it(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(4):
        Image.new("RGBA", (200, 200), (0, 0, 0, i)).save(folder / f"{i}.png")
    with (
        Project.create(folder, tmp_path / "p", classes=("a", "b")) as made,
        running(made) as at,
        visiting(browser, at, color_scheme="dark") as page,
    ):
        expect(page.locator(".frame .picture")).to_be_visible()
        seen = Image.open(io.BytesIO(page.locator(".frame .picture").screenshot())).convert("L")
        assert np.asarray(seen)[100, 100] > 250


def test_everything_can_be_reached_and_has_a_name(browser: Browser, tmp_path: Path) -> None:
    with (
        project(tmp_path, n=60, batch=10) as made,
        running(made) as at,
        visiting(browser, at) as page,
    ):
        expect(page.locator(".numbers")).to_be_visible()
        for view in ("L", "G", "H", "R", "C", "N"):
            page.keyboard.press(f"Shift+{view}")
            expect(page.locator("#view-title")).to_have_count(1)
            page.wait_for_timeout(200)
            assert page.locator("main").count() == 1
            assert page.locator("h1").count() == 1
            assert page.get_by_role("navigation").count() == 1
            assert page.get_by_role("complementary").count() == 1
            unnamed = page.evaluate(NAMELESS)
            assert unnamed == []
        page.keyboard.press("Shift+L")
        expect(page.locator(".numbers")).to_be_visible()
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent.trim()"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none" or page.evaluate("document.activeElement === document.body")
        for name in ("ant", "Skip", "Undo", "Guidelines", "csv"):
            assert any(name in each for each in reached), name
        # Enter presses what has the focus, and the place is not lost
        page.locator(".class").nth(1).focus()
        page.keyboard.press("Enter")
        said(page, "bee")
        assert page.evaluate("document.activeElement !== document.body")


OUTLINED = """
() => document.activeElement === document.body
  || getComputedStyle(document.activeElement).outlineStyle !== "none"
"""

NAMELESS = """
() => [...document.querySelectorAll("button, a, input, select, summary, img, svg[role=img]")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.getAttribute("alt")
    || (e.labels && e.labels.length) || e.closest("label")))
  .map((e) => e.outerHTML)
"""

CONTRAST = """
() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || e.closest("svg, :disabled, #toast, .unseen, .skip-link")) continue;
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${e.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return found;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    with project(tmp_path, n=90, batch=10) as made:
        for _ in range(3):
            for each in made.lease("carl", 10):
                made.answer("carl", each.item, truth(each.item))
        made.train()
        with running(made) as at, visiting(browser, at, color_scheme=scheme) as page:
            expect(page.locator(".accept")).to_be_visible()
            for view in ("L", "G", "H", "R", "C", "N"):
                page.keyboard.press(f"Shift+{view}")
                page.wait_for_timeout(400)
                assert page.evaluate(CONTRAST) == [], view
            page.keyboard.press("?")
            assert page.evaluate(CONTRAST) == []


def test_classes_are_added_renamed_and_merged_on_the_page(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=60, batch=10) as made, running(made) as at:
        with visiting(browser, at) as page:
            page.keyboard.press("Shift+C")
            page.get_by_label("New class").fill("dog")
            page.keyboard.press("Enter")
            said(page, "added dog")
            page.get_by_role("row", name="dog").get_by_role("button", name="Rename").click()
            page.get_by_label("New name").fill("wolf")
            page.locator("dialog").get_by_role("button", name="Rename").click()
            said(page, "renamed to wolf")
            page.get_by_role("row", name="wolf").get_by_role("button", name="Merge").click()
            page.get_by_label("Class that takes them").select_option("cat")
            page.locator("dialog").get_by_role("button", name="Merge").click()
            said(page, "merged into cat")
            page.keyboard.press("Shift+L")
            expect(page.locator(".class")).to_have_count(3)
        with Project.open(made.folder) as opened:
            assert opened.classes.names == NAMES


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_new_class_is_found_and_accepted_on_the_page(
    browser: Browser, tmp_path: Path, scheme: Any
) -> None:
    with project(tmp_path, n=120, c=4, classes=("ant", "bee")) as made:
        unfit = [item for item in range(100) if item % 4 > 1]
        for item in unfit:
            made.answer("anna", item, action="flag")
        made.answer("bob", 2, action="flag")
        with running(made) as at, visiting(browser, at, color_scheme=scheme) as page:
            page.keyboard.press("Shift+N")
            expect(page.locator("main")).to_contain_text("50 items answered with none of these")
            groups = page.locator(".proposal")
            expect(groups).to_have_count(2)
            assert page.evaluate(NAMELESS) == []
            assert page.evaluate(CONTRAST) == []
            for at_ in range(2):
                assert groups.nth(at_).locator(".tile").count() == 24
            label = groups.first.locator(".tile").first.get_attribute("aria-label")
            assert label is not None
            out = int(label.removeprefix("item "))
            groups.first.locator(".tile").first.click()
            expect(groups.first.get_by_role("button", name="Label 24 items")).to_be_visible()
            page.get_by_label("Name of the class of group 1").fill("cow")
            page.keyboard.press("Enter")
            expect(page.locator("#said")).to_contain_text("cow: 24 items")
            expect(page.locator("main")).to_contain_text("items answered with none of these")
            expect(page.locator(".balance")).to_contain_text("cow")
            with Project.open(made.folder) as opened:
                (kind,) = {item % 4 for item in opened.labels.item.tolist()}
                other = {2} if kind == 2 else set()
                left = {i for i in unfit if i % 4 != kind} | {out} | other
                assert opened.labels.flagged == left
                assert set(opened.labels.item.tolist()) == set(unfit) - left
                assert opened.classes.names == ("ant", "bee", "cow")
            page.locator("main").focus()
            page.keyboard.press("z")
            said(page, "taken back: 24 items")
            expect(page.locator("main")).to_contain_text("50 items answered with none of these")
            # what came since it was shown is said, and nothing is labelled before another look
            with Project.open(made.folder) as opened:
                opened.answer("carl", 102, action="flag")
            page.get_by_label("Name of the class of group 1").fill("cow")
            page.keyboard.press("Enter")
            expect(page.locator("#said")).to_contain_text("not those of now")
            page.get_by_role("button", name="Look again").click()
            expect(page.locator("main")).to_contain_text("51 items answered with none of these")
        with Project.open(made.folder) as opened:
            assert opened.labels.flagged == {*unfit, 102}


def test_nothing_of_the_page_comes_from_elsewhere(browser: Browser, tmp_path: Path) -> None:
    with project(tmp_path, n=30) as made, running(made) as at:
        context = browser.new_context()
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(at.address)
        expect(page.locator("dialog")).to_be_visible()
        assert asked
        assert all(url.startswith(at.base) for url in asked)
        context.close()


def test_what_is_sent_is_json(tmp_path: Path) -> None:
    """The page's modules are found by the server, and none is left out."""
    folder = Path(__file__).parents[3] / "src/pauca/label/web/static"
    names = {path.name for path in folder.iterdir()}
    for path in folder.glob("*.js"):
        for used in re.findall(r'from "\./([a-z]+\.js)"', path.read_text(encoding="utf-8")):
            assert used in names
        assert "innerHTML" not in path.read_text(encoding="utf-8")
    assert json.dumps(sorted(names))
