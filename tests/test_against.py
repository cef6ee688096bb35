"""Tables of one row against another, from a made-up study whose differences are known."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from scipy.stats import ttest_rel

from pauca.metrics import area_under_budget_curve
from pauca.store import SqliteStore
from tests.report.studies import Plan, accuracy, fill

PLAN = Plan(repetitions=6, rounds=5)
SETTING = "digits, backprop"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = Path(__file__).parents[1] / "tools" / "against.py"
    spec = importlib.util.spec_from_file_location("against", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("study")
    with SqliteStore(found / "study.db") as store:
        fill(store, PLAN, parts="a")
    return found


def printed(
    tool: ModuleType,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *args: str,
) -> dict[str, list[str]]:
    monkeypatch.setattr(sys, "argv", ["against.py", *args])
    tool.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| d")]
    return {cells[0]: cells[1:] for cells in (line.strip("| ").split(" | ") for line in lines)}


def areas(name: str) -> list[float]:
    labels = [PLAN.initial + PLAN.query * t for t in range(PLAN.rounds)]
    return [
        area_under_budget_curve(labels, [accuracy(PLAN, name, r, m) for m in labels])
        for r in range(PLAN.repetitions)
    ]


def test_areas_against_another_strategy_than_random(
    tool: ModuleType,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = printed(tool, capsys, monkeypatch, str(folder), f"{SETTING}: margin")
    assert set(rows) == {f"{SETTING}: {n}" for n in ("random", "entropy", "least-confidence")}
    theirs = areas("margin")
    tests = {name: ttest_rel(areas(name.split(": ")[1]), theirs).pvalue for name in rows}
    steps = sorted(tests, key=lambda name: tests[name])
    adjusted, least = {}, 0.0
    for place, name in enumerate(steps):
        least = max(least, min(1.0, (len(steps) - place) * tests[name]))
        adjusted[name] = least
    for name, (n, mean, difference, p, signs) in rows.items():
        own = areas(name.split(": ")[1])
        assert n == "6"
        assert float(mean.split()[0]) == pytest.approx(100 * sum(own) / 6, abs=0.006)
        apart = [a - b for a, b in zip(own, theirs, strict=True)]
        found = float(difference.split()[0].replace("\u2212", "-"))
        assert found == pytest.approx(100 * sum(apart) / 6, abs=0.006)
        assert float(p) == pytest.approx(adjusted[name], abs=0.0006)
        above = sum(d > 0 for d in apart)
        assert signs == f"{above}/0/{6 - above}"


def test_measures_of_the_last_round_and_names_that_are_not_there(
    tool: ModuleType,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = f"{SETTING}: random: accuracy"
    only = ("--metric", "acc*", "--only", "*: margin: *")
    rows = printed(tool, capsys, monkeypatch, str(folder), row, *only)
    assert list(rows) == [f"{SETTING}: margin: accuracy"]
    last = PLAN.initial + PLAN.query * (PLAN.rounds - 1)
    mean = sum(accuracy(PLAN, "margin", r, last) for r in range(6)) / 6
    assert float(rows[f"{SETTING}: margin: accuracy"][1].split()[0]) == pytest.approx(
        100 * mean, abs=0.006
    )
    with pytest.raises(SystemExit, match="there are"):
        printed(tool, capsys, monkeypatch, str(folder), "nothing", "--metric", "acc*")
