"""Every companion keeps the contract of a learner, and what is said of companions in general."""

from collections.abc import Callable

import pytest
import torch

from pauca.data.dataset import Dataset
from pauca.errors import CapabilityError, InputError, UnknownNameError
from pauca.learners import learners
from pauca.learners.companions import attach, companions
from pauca.rng import generator_from
from pauca.testing.fakes import FakeLearner, tiny_image_dataset, tiny_table_dataset
from pauca.testing.learners import (
    LEARNER_CHECKS,
    Make,
    check_few,
    check_other_process,
    check_outputs,
    check_state,
)
from pauca.testing.process import OtherProcess
from tests.learners.companions.toys import COLUMN, QUICK, accompanied, convnet, maker_of, small_mlp

NAMES = sorted(QUICK)


@pytest.mark.parametrize("name", sorted(COLUMN))
@pytest.mark.parametrize(
    "check",
    [check_outputs, check_few, check_state],
    ids=lambda check: check.__name__,
)
def test_contract_on_images(name: str, check: Callable[[Make, Dataset], None]) -> None:
    check(maker_of(name), tiny_image_dataset(6))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_contract_on_tables(name: str, check: Callable[[Make, Dataset], None]) -> None:
    check(maker_of(name), tiny_table_dataset(6))


@pytest.mark.parametrize("name", NAMES)
def test_contract_in_another_process(name: str, other_process: OtherProcess) -> None:
    check_other_process(maker_of(name), tiny_table_dataset(24), other_process)


def test_companions_are_found_and_are_not_learners() -> None:
    assert list(companions.names()) == NAMES
    assert not set(NAMES) & set(learners.names())


def test_no_companion_is_the_learner_itself() -> None:
    learner = FakeLearner(task=tiny_table_dataset().task)
    assert attach(None, learner) is learner


def test_an_unknown_companion_or_setting_names_the_nearest() -> None:
    learner = FakeLearner(task=tiny_table_dataset().task)
    with pytest.raises(UnknownNameError, match="vaal"):
        attach("vall", learner)
    with pytest.raises(UnknownNameError, match="latent"):
        attach("vaal", learner, {"latents": 3})


@pytest.mark.parametrize("name", ["loss-prediction", "waal"])
def test_a_learner_whose_training_cannot_be_joined_is_refused(name: str) -> None:
    with pytest.raises(CapabilityError, match="backprop"):
        attach(name, FakeLearner(task=tiny_table_dataset().task))


@pytest.mark.parametrize("name", sorted(COLUMN))
def test_gives_its_column_beside_all_that_the_learner_gives(name: str) -> None:
    data = tiny_image_dataset(20)
    learner = accompanied(name, data.task)
    assert learner.gives == convnet(data.task).gives | {COLUMN[name]}
    y = data.train.y
    assert y is not None
    learner.fit(data.train.x, y, generator=generator_from(0), unlabelled=data.train.x)
    ids = torch.arange(20)
    alone = learner.outputs(data.train.x, ids, needs=frozenset({"probs", COLUMN[name]}))
    assert alone.features is None
    assert set(alone.extras) == {COLUMN[name]}
    assert alone.extras[COLUMN[name]].shape == (20,)
    assert not alone.extras[COLUMN[name]].requires_grad
    whole = learner.outputs(data.train.x, ids, needs=learner.gives, generator=generator_from(1))
    assert whole.features is not None
    assert whole.s == 3
    torch.testing.assert_close(whole.extras[COLUMN[name]], alone.extras[COLUMN[name]])


@pytest.mark.parametrize("name", ["vaal", "waal", "pseudo-labels"])
def test_a_pool_that_was_not_passed_is_asked_for(name: str) -> None:
    data = tiny_table_dataset(20)
    assert data.train.y is not None
    learner = accompanied(name, data.task)
    assert learner.reads_unlabelled
    with pytest.raises(InputError, match="unlabelled"):
        learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    assert not learner.fitted


@pytest.mark.parametrize("name", ["vaal", "waal", "pseudo-labels"])
def test_with_everything_labelled_the_learner_trains_alone(name: str) -> None:
    data = tiny_table_dataset(20)
    x, y = data.train.x, data.train.y
    assert y is not None
    learner, plain = accompanied(name, data.task), small_mlp(data.task, steps=5)
    told = learner.fit(x, y, generator=generator_from(0), unlabelled=x[:0])
    report = plain.fit(x, y, generator=generator_from(0))
    assert (told.steps, told.companion_steps) == (report.steps, 0)
    assert torch.equal(learner.predict(x), plain.predict(x))
    if name in COLUMN:
        with pytest.raises(InputError, match="not trained"):
            learner.outputs(x, torch.arange(20), needs=learner.gives)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", [{"steps": 7}, {"epochs": 2}])
def test_same_number_of_optimiser_steps_as_the_plain_learner(
    name: str, settings: dict[str, int]
) -> None:
    data = tiny_table_dataset(50)
    x, y = data.train.x, data.train.y
    assert y is not None
    plain = small_mlp(data.task, **{"steps": None, **settings})
    learner = attach(name, small_mlp(data.task, **{"steps": None, **settings}), QUICK[name])
    for seed in (0, 1):  # pseudo-labels join from the second training on
        report = plain.fit(x[:21], y[:21], generator=generator_from(seed))
        told = learner.fit(x[:21], y[:21], generator=generator_from(seed), unlabelled=x[21:])
        assert told.steps == report.steps
        assert told.companion_steps == {"vaal": 2, "waal": 1}.get(name, 0) * report.steps
