"""What nobody may know: labels that were not paid for, and everything of the test split."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from pauca.data import Dataset
from pauca.rng import generator_from
from pauca.store import MemoryStore, Run
from pauca.study import plan, settings_from
from pauca.study.work import work_through
from pauca.testing import tiny_image_dataset
from tests.study.plugin import study

LEARNER: dict[str, Any] = {
    "name": "backprop",
    "net_params": {"widths": [4, 4], "hidden": 8},
    "steps": 8,
    "batch": 8,
    "validation": 0.25,
    "check_every": 2,
    "patience": 2,
}
VAAL = {"name": "vaal", "steps": 2, "hidden": 8}
STRATEGIES = ["margin", "bald", "k-center", "badge", "loss-prediction", VAAL, "waal", "ceal"]


def played(dataset: Dataset) -> list[Run]:
    changes = {"learner": LEARNER, "strategies": STRATEGIES, "repetitions": 1, "budget": 16}
    plain = study(**{f"active__{key}": value for key, value in changes.items()})
    store = MemoryStore()
    store.add(plan(settings_from(plain), lambda data: 10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pauca.study.work.load_items", lambda data: dataset)
        work_through(store, "me", lambda *event: None)
    runs = list(store.runs())
    for run in runs:
        assert run.status == "done", run.error
    return runs


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return played(tiny_image_dataset())


def test_nothing_asked_depends_on_the_test_split(runs: list[Run]) -> None:
    dataset = tiny_image_dataset()
    test = dataset.test
    assert test is not None
    assert test.y is not None
    other = replace(test, x=255 - test.x, y=(test.y + 1) % dataset.task.c)
    for one, two in zip(runs, played(replace(dataset, test=other)), strict=True):
        for a, b in zip(one.rounds, two.rounds, strict=True):
            assert (a["asked"], a["steps"]) == (b["asked"], b["steps"]), one.spec.settings
        assert one.rounds[-1]["metrics"] != two.rounds[-1]["metrics"]


def test_nothing_asked_depends_on_a_label_before_it_is_paid_for(runs: list[Run]) -> None:
    dataset = tiny_image_dataset()
    assert dataset.train.y is not None
    initial = torch.tensor(runs[0].rounds[0]["initial"])
    wrong = torch.randint(dataset.task.c, (len(dataset.train),), generator=generator_from(0))
    wrong[initial] = dataset.train.y[initial]
    assert not torch.equal(wrong, dataset.train.y)
    blind = played(replace(dataset, train=replace(dataset.train, y=wrong)))
    for one, two in zip(runs, blind, strict=True):
        assert one.rounds[0]["initial"] == two.rounds[0]["initial"]
        assert one.rounds[0]["asked"] == two.rounds[0]["asked"], one.spec.settings
        assert one.rounds[0]["metrics"] == two.rounds[0]["metrics"]
