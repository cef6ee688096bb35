"""What every test shares: where real data lie, one thread, and no leak of the global generator."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pauca.testing.process import OtherProcess

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
if "PAUCA_DATA" not in os.environ and _BESIDE.is_dir():
    os.environ["PAUCA_DATA"] = str(_BESIDE)


def pytest_configure() -> None:
    torch.set_num_threads(1)
    # where tests are run in the background ctrl-c is ignored, by every process they start too
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("data"):
        folder = Path(os.environ.get("PAUCA_DATA", "")) / marker.args[0]
        if not os.environ.get("PAUCA_DATA") or not folder.is_dir():
            pytest.skip(f"no {marker.args[0]} under PAUCA_DATA")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many malformed inputs were tried at which doors (tests/malformed), and what came of it.

    The counts come with the reports of the tests, from the workers of pytest-xdist too.
    """
    reports = [each for found in terminalreporter.stats.values() for each in found]
    told = {
        (each.nodeid, *counts)
        for each in reports
        for name, counts in getattr(each, "user_properties", ())
        if name == "malformed"
    }
    doors: dict[str, list[int]] = {}
    for _, door, tried, bugs in sorted(told):
        counts = doors.setdefault(door, [0, 0])
        counts[0] += tried
        counts[1] += bugs
    for door, (tried, bugs) in doors.items():
        terminalreporter.write_line(f"{door}: {tried:,} malformed inputs, {bugs} ended as a bug")
    if doors:
        tried, bugs = (sum(each[at] for each in doors.values()) for at in (0, 1))
        terminalreporter.write_line(
            f"{tried:,} malformed inputs at {len(doors)} doors, {bugs} ended as a bug"
        )


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Decoded pixels lie in a folder of this run's own, also for the processes that it starts."""
    os.environ["PAUCA_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def other_process() -> Iterator[OtherProcess]:
    """A second Python process for the whole run: starting one imports torch once more."""
    with OtherProcess() as process:
        yield process


@pytest.fixture(autouse=True)
def global_generator_untouched() -> Iterator[None]:
    """No test may depend on torch's global generator, nor leave it changed."""
    before = torch.random.get_rng_state()
    yield
    if not torch.equal(before, torch.random.get_rng_state()):
        torch.random.set_rng_state(before)
        pytest.fail("torch's global generator was changed; use pauca.rng.isolated")
