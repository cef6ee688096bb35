"""Take the pictures of docs/label.md: the labelling page in a browser, on real data.

PAUCA_DATA=... python tools/label_pictures.py

2,000 images of Fashion-MNIST and the texts of banking77; a simulated person has answered some from
the files before. Needs Chromium.
"""

import io
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from pauca import load_dataset
from pauca.label import PoolOptions, Project
from pauca.label.web import make_app

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDE = {"width": 1366, "height": 768}
PHONE = {"width": 360, "height": 640}
GUIDELINES = "# What counts\n\nThe piece in the middle. Half a pair counts as the whole."


def photographed(photos: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Pictures as files: the classes, and the class of each file."""
    data = load_dataset("fashion-mnist")
    photos.mkdir()
    y = {}
    assert data.train.y is not None
    for item in range(2000):
        name = f"{item:04d}.png"
        Image.fromarray(data.train.x[item, 0].numpy()).save(photos / name)
        y[name] = data.task.classes[int(data.train.y[item])]
    return data.task.classes, y


def clothes(folder: Path) -> Project:
    """All ten classes are known."""
    photos = folder / "clothes"
    classes, y = photographed(photos)
    made = Project.create(
        photos,
        folder / "clothes-project",
        classes=classes,
        guidelines=GUIDELINES,
        name="clothes",
        batch=40,
        random_share=0.25,
        budget=1000,
    )
    made.duplicates()
    answered(made, lambda item: made.classes.find(y[made.items.key(item)]), rounds=10)
    return made


def strange(folder: Path) -> Project:
    """Three of ten classes are not known: who meets one of their items sets it aside."""
    photos = folder / "wardrobe"
    classes, y = photographed(photos)
    unknown = ("trouser", "bag", "ankle boot")
    made = Project.create(
        photos,
        folder / "wardrobe-project",
        classes=[name for name in classes if name.lower() not in unknown],
        name="wardrobe",
        batch=40,
        budget=1000,
    )
    known = made.classes
    for _ in range(8):
        for each in made.lease("ben", 40):
            name = y[made.items.key(each.item)]
            if name in known.names:
                made.answer("ben", each.item, known.find(name), ms=1800)
            else:
                made.answer("ben", each.item, action="flag", ms=1800)
        made.train()
    return made


def topics(folder: Path) -> Project:
    """Texts of 77 classes."""
    data = load_dataset("banking77")
    source = data.train.sources
    assert source is not None
    assert data.train.y is not None
    import csv

    with (folder / "texts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([text] for text in source)
    names = [name.replace("_", " ") for name in data.task.classes]
    options = PoolOptions(text="text")
    made = Project.create(
        folder / "texts.csv", folder / "texts", classes=names, options=options, name="requests"
    )
    ids, y = made.classes.ids, data.train.y.tolist()
    answered(made, lambda item: ids[y[item]], rounds=12, k=50)
    return made


def answered(made: Project, cls: Callable[[int], int], *, rounds: int, k: int = 40) -> None:
    """What a person who knows says, and a model after each round; another is sometimes wrong."""
    for number in range(rounds):
        for at, each in enumerate(made.lease("ben", k)):
            right = cls(each.item)
            wrong = made.classes.ids[(right + 3) % len(made.classes)]
            slip = number == 2 and at % 20 == 0
            made.answer("ben", each.item, wrong if slip else right, ms=1800)
        made.train()


@contextmanager
def served(project: Project) -> Iterator[str]:
    """The address of a server in this process."""
    import socket

    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_app(project), log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@contextmanager
def opened(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """A page at which somebody begins."""
    context = browser.new_context(**settings)
    page = context.new_page()
    page.goto(address)
    page.locator("dialog[open]").wait_for()
    page.keyboard.type("anna")
    page.keyboard.press("Enter")
    page.locator(".stage .class, .class").first.wait_for()
    page.wait_for_timeout(1500)
    yield page
    context.close()


def take(page: Page, name: str) -> None:
    """A picture of what is seen, in few colours."""
    page.locator("#toast").evaluate("e => e.className = ''")
    page.wait_for_timeout(300)
    with Image.open(io.BytesIO(page.screenshot())) as seen:
        small = seen.convert("RGB").quantize(96, dither=Image.Dither.NONE)
        small.save(PICTURES / f"{name}.png", optimize=True)
    print(PICTURES / f"{name}.png")


def main() -> None:
    """Make, serve, look."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("no Chromium is installed")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        with clothes(folder) as made, served(made) as address:
            with opened(browser, address, viewport=WIDE) as page:
                take(page, "label-image")
                page.keyboard.press("Shift+G")
                page.locator(".tile").nth(4).wait_for()
                page.locator(".tile").nth(3).click()
                page.wait_for_timeout(600)
                take(page, "label-grid")
                page.keyboard.press("Shift+R")
                page.locator(".doubt").first.wait_for()
                page.wait_for_timeout(600)
                take(page, "label-review")
            with opened(browser, address, viewport=PHONE, color_scheme="dark") as page:
                take(page, "label-phone")
        with (
            strange(folder) as made,
            served(made) as address,
            opened(browser, address, viewport=WIDE) as page,
        ):
            page.keyboard.press("Shift+N")
            page.locator(".proposal .tile").nth(4).wait_for()
            page.wait_for_timeout(600)
            take(page, "label-new-classes")
        with topics(folder) as made, served(made) as address:
            with opened(browser, address, viewport=WIDE) as page:
                take(page, "label-text")
            with opened(browser, address, viewport=PHONE) as page:
                take(page, "label-text-phone")
        browser.close()


if __name__ == "__main__":
    main()
