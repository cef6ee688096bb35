"""A real browser, where there is one."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system; tests that need it are skipped without it."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    with sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-gpu"]  # as root there is no sandbox to have
        started = driver.chromium.launch(executable_path=found, args=arguments)
        yield started
        started.close()
