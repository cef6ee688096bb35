"""From settings to runs, and what is refused before anything is trained."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pauca.data import Dataset, Split
from pauca.errors import CapabilityError, DataError, UsageError
from pauca.study import plan, preview_study, run_study, settings_from
from pauca.study.checking import check_study
from pauca.testing import tiny_image_dataset
from tests.study.plugin import study

MODELS = {"repetitions": 3, "learners": ["fake", {"name": "fake", "warm": True}]}


def test_runs_are_balanced_over_repetitions() -> None:
    runs = plan(settings_from(study(models=MODELS)), lambda data: 10)
    order = [
        (
            run.settings["repetition"],
            run.kind,
            run.settings["strategy"]["name"]
            if run.kind == "active"
            else run.settings["learner"]["warm"],
        )
        for run in runs
    ]
    first = [
        ("active", "random"),
        ("active", "margin"),
        ("model", False),
        ("model", True),
    ]
    assert order == [(0, *x) for x in first] + [(1, *x) for x in first] + [
        (2, "model", False),
        (2, "model", True),
    ]
    assert len({run.id for run in runs}) == len(runs)


def test_settings_of_a_run_are_whole() -> None:
    active, *_, model = plan(
        settings_from(study(models={**MODELS, "train_size": 30})), lambda data: 10
    )
    assert set(active.settings) == {
        "study_seed",
        "repetition",
        "data",
        "learner",
        "strategy",
        "initial",
        "initial_strategy",
        "query",
        "budget",
        "pool",
        "threads",
        "device",
    }
    assert set(model.settings) == {
        "study_seed",
        "repetition",
        "data",
        "learner",
        "train_size",
        "threads",
        "device",
    }


def test_a_run_is_named_by_what_decides_its_result() -> None:
    """The same ids on every machine, unless a setting changes; the study's name is none."""
    names = [run.id for run in plan(settings_from(study()), lambda data: 10)]
    assert names[0] == "6907c61c1c11b4198322"
    assert [run.id for run in plan(settings_from(study(name="other")), lambda data: 10)] == names
    for change in ({"seed": 4}, {"threads": 2}, {"active__query": 4}, {"data__n": 61}):
        others = {run.id for run in plan(settings_from(study(**change)), lambda data: 10)}
        assert not others & set(names), change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"active__strategies": ["random", "greedy"]},
            CapabilityError,
            "needs crystal-ball.*learner 'fake' gives",
        ),
        ({"active__budget": 61}, DataError, "budget is larger than the pool; expected: <= 60"),
        ({"models": {**MODELS, "train_size": 70}}, DataError, "train_size is larger"),
    ],
)
def test_refused_before_training(change: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_study(settings_from(study(**change)), tiny_image_dataset())


@pytest.mark.parametrize(
    ("device", "message"),
    [("gpu", "unknown device"), ("meta", "is not there"), ("cuda", "is not there")],
)
def test_a_device_that_is_not_there(device: str, message: str, tmp_path: Path) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    plain = study(device=device)
    with pytest.raises(UsageError, match=message):
        run_study(plain, tmp_path / "s")
    with pytest.raises(UsageError, match=message):
        preview_study(plain)
    assert not (tmp_path / "s").exists()


def without(dataset: Dataset, what: str) -> Dataset:
    train, test = dataset.train, dataset.test
    if what == "train labels":
        train = Split(train.x, None)
    if what == "test split":
        test = None
    return Dataset(dataset.task, train, test)


@pytest.mark.parametrize("what", ["train labels", "test split"])
def test_data_without_labels(what: str) -> None:
    with pytest.raises(DataError, match=f"has no {what}"):
        check_study(settings_from(study()), without(tiny_image_dataset(), what))
