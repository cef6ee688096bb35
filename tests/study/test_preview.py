"""What a study would do and how long it would take, against what it does."""

from pathlib import Path

import pytest

from pauca.errors import UsageError
from pauca.study import plan, preview_study, settings_from
from tests.study.plugin import NAME, study


def test_the_grid_is_the_plan() -> None:
    plain = {
        **study(active__upper_bound=True),
        "models": {"repetitions": 3, "learners": ["fake"]},
        "factors": {"active.query": [2, 7]},
    }
    found = preview_study(plain, workers=2, imports=[NAME])
    assert found.cells == len(plan(settings_from(plain), lambda data: 10))
    told = {(each.kind, each.label, each.levels): each for each in found.alike}
    assert told["active", "margin", "query 7"].cells == 2
    assert told["active", "margin", "query 7"].rounds == 3
    assert told["active", "margin", "query 2"].rounds == 8
    assert told["model", "fake", "query 2"].cells == 3
    assert told["bound", "fake", "query 2"].labels is None
    assert len(told) == 6


def test_the_time_is_that_of_all_cells() -> None:
    """Every training takes .06 s, there are 8 of them in 2 cells of each strategy."""
    pause = {"name": "fake", "pause": 0.06}
    found = preview_study(study(active__learner=pause), workers=1, imports=[NAME])
    for each in found.alike:
        assert each.seconds is not None
        assert each.seconds >= 4 * 0.04  # rounds; the last third of a pause is told to nobody
    assert found.seconds is not None
    assert found.seconds >= 4 * 4 * 0.04
    two = preview_study(study(active__learner=pause), workers=2, imports=[NAME])
    assert two.seconds is not None


def test_a_cell_that_fails_is_shown(tmp_path: Path) -> None:
    fault = {"name": "fake", "fault": "raise", "at": 6}
    found = preview_study(study(active__learner=fault), imports=[NAME])
    assert all("a fault on purpose" in each.error for each in found.alike)
    assert found.seconds is None


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    preview_study(study(), imports=[NAME])
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(UsageError, match="margn"):
        preview_study(study(active__strategies=["margn"]), imports=[NAME])
