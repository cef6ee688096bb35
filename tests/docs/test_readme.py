"""What the README shows runs, and prints what it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from pauca.strategies import AbstractStrategy
from pauca.testing.strategies import STRATEGY_CHECKS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
NUMBER = re.compile(r"\d+\.\d+")


def test_the_example_prints_what_the_readme_says() -> None:
    """Words and whole numbers to the letter; rates within .03, which another processor may need."""
    code = next(text for kind, text in BLOCKS if kind == "python")
    shown = next(text for kind, text in BLOCKS if kind == "text")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    printed = out.getvalue()
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
    rates = [float(x) for x in NUMBER.findall(shown)]
    assert [float(x) for x in NUMBER.findall(printed)] == pytest.approx(rates, abs=0.03)


def test_the_strategy_of_the_readme_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    code = [text for kind, text in BLOCKS if kind == "python"][1]
    from pauca.strategies import strategies

    strategies.names()  # found before the copy is made, so that none is lost with it
    monkeypatch.setattr(strategies, "_makers", dict(strategies._makers))
    scope: dict[str, object] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), scope)
    made = [x for x in scope.values() if isinstance(x, type) and x.__module__ == "readme"]
    assert len(made) == 1
    assert issubclass(made[0], AbstractStrategy)
    for check in STRATEGY_CHECKS:
        check(made[0](), "cpu")


def test_every_make_target_and_command_of_the_readme_exists() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w[\w-]*)", README, flags=re.MULTILINE):
        assert f"\n{target}:" in makefile, target


def test_every_study_file_of_the_readme_exists() -> None:
    for study in re.findall(r"studies/[\w-]+\.toml", README):
        assert (Path(__file__).parents[2] / study).exists(), study
