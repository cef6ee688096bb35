import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from pauca.data.dataset import Dataset
from pauca.errors import UsageError
from pauca.learners import AbstractLearner, learners, make_learner
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset
from pauca.testing.learners import LEARNER_CHECKS, Make, check_other_process, maker
from pauca.testing.process import OtherProcess
from tests.own import own_names

_IMAGES = tiny_image_dataset(40)
_FEW = {"passes": 2, "attack_steps": 3}


@pytest.mark.parametrize("name", own_names(learners))
@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_contract(name: str, check: Callable[[Make, Dataset], None]) -> None:
    check(maker(name), _IMAGES)


@pytest.mark.parametrize("name", own_names(learners))
def test_contract_in_another_process(name: str, other_process: OtherProcess) -> None:
    check_other_process(maker(name), _IMAGES, other_process)


@pytest.mark.parametrize(
    "settings",
    [
        {"net": "mlp", "net_params": {"widths": [6, 5], "dropout": 0.3}},
        {"net": "mlp", "net_params": {"widths": [6]}, "warm": True, "augment": False},
        {"net": "mlp", "net_params": {"widths": [6]}, "validation": 0.3, "patience": 1},
    ],
)
@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_contract_of_backprop_on_tables(
    settings: dict[str, Any], check: Callable[[Make, Dataset], None]
) -> None:
    table = tiny_table_dataset(40)
    check(maker("backprop", steps=12, check_every=4, batch=8, **_FEW, **settings), table)


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_contract_of_backprop_with_a_residual_net(check: Callable[[Make, Dataset], None]) -> None:
    net = {"net": "resnet18", "net_params": {"width": 2, "dropout": 0.2}}
    check(maker("backprop", steps=3, batch=8, **_FEW, **net), tiny_image_dataset(16))


@pytest.mark.parametrize("name", own_names(learners))
def test_settings_are_whole_json_and_stay_as_they_are(name: str) -> None:
    quick = dict(cast(type[AbstractLearner], learners.get(name)).quick)
    for params in ({}, quick):
        whole = json.loads(json.dumps(learners.resolve(name, params)))
        assert json.loads(json.dumps(learners.resolve(name, whole))) == whole


@pytest.mark.parametrize("name", own_names(learners))
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown device.*'gpu'"):
        make_learner(name, task=_IMAGES.task, device="gpu")


def test_the_first_learners_are_there() -> None:
    assert {"backprop", "forward-forward", "bp-ff"} <= set(learners.names())
