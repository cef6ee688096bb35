"""VAAL: the learner untouched, the right side of the game, and any kind of item."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.learners.companions import attach
from pauca.learners.companions.vaal import VaalSettings, train_vaal
from pauca.nets.adversary import make_discriminator
from pauca.nets.vae import make_vae
from pauca.rng import generator_from
from pauca.strategies import make_strategy
from pauca.testing.fakes import FakeLearner, tiny_image_dataset, tiny_table_dataset
from tests.learners.companions.toys import convnet, same_weights, saved, table_task, two_sides

SMALL: dict[str, Any] = {"latent": 3, "hidden": 8, "batch": 8}


def test_vaal_leaves_the_learner_as_the_plain_one_to_the_bit() -> None:
    data = tiny_image_dataset(30)
    x, y = data.train.x, data.train.y
    assert y is not None
    plain = convnet(data.task)
    learner = attach("vaal", convnet(data.task), SMALL)
    report = plain.fit(x[:12], y[:12], generator=generator_from(3))
    told = learner.fit(x[:12], y[:12], generator=generator_from(3), unlabelled=x[12:])
    assert same_weights(learner, plain)
    assert told.steps == report.steps
    assert told.companion_steps == 2 * report.steps
    assert told.history == report.history


def test_steps_of_its_own_are_reported() -> None:
    data = tiny_table_dataset(20)
    assert data.train.y is not None
    learner = attach("vaal", FakeLearner(task=data.task), {**SMALL, "steps": 5})
    report = learner.fit(
        data.train.x, data.train.y, generator=generator_from(0), unlabelled=data.train.x
    )
    assert (report.steps, report.companion_steps) == (1, 10)


@pytest.mark.parametrize("seed", range(3))
def test_vaal_asks_the_least_labelled_looking(seed: int) -> None:
    x, y, pool, far = two_sides(seed)
    strategy = make_strategy("vaal", latent=4, hidden=32, batch=32, steps=60, adversary=0.1)
    learner = attach(
        strategy.companion, FakeLearner(task=table_task(4, 2)), strategy.companion_settings
    )
    learner.fit(x, y, generator=generator_from(seed), unlabelled=pool)
    told = learner.outputs(pool, torch.arange(len(pool)), needs=strategy.needs)
    odds = told.extras["labelled_looking"]
    assert float((odds[far][:, None] < odds[~far]).double().mean()) > 0.85
    chosen = strategy.select(told, None, 30, generator_from(0))
    assert float(far[chosen].double().mean()) > 0.9  # three quarters of the pool are


def test_each_step_moves_the_autoencoder_then_the_discriminator() -> None:
    vae = make_vae((4,), 3, generator_from(0))
    judge = make_discriminator(3, 8, generator_from(1))
    first = [w.clone() for w in (*vae.parameters(), *judge.parameters())]
    batch: tuple[Tensor, Tensor] = (torch.ones(5, 4), torch.zeros(3, 4))
    taken: list[int] = []

    def batches() -> Any:
        for step in range(10):
            taken.append(step)
            yield batch

    train_vaal(vae, judge, batches(), VaalSettings(steps=2), generator_from(2))
    assert taken == [0, 1]
    moved = [
        not torch.equal(w, old)
        for w, old in zip((*vae.parameters(), *judge.parameters()), first, strict=True)
    ]
    assert all(moved)


def test_no_class_label_reaches_the_autoencoder() -> None:
    x, y, pool, _ = two_sides(0)
    columns = []
    for labels in (y, 1 - y):
        learner = attach("vaal", FakeLearner(task=table_task(4, 2)), {**SMALL, "steps": 5})
        learner.fit(x, labels, generator=generator_from(0), unlabelled=pool)
        told = learner.outputs(pool, torch.arange(len(pool)), needs=learner.gives - {"members"})
        columns.append(told.extras["labelled_looking"])
    assert torch.equal(columns[0], columns[1])


def test_state_brings_both_parts_back() -> None:
    data = tiny_image_dataset(20)
    assert data.train.y is not None
    learner, other = (attach("vaal", convnet(data.task), SMALL) for _ in range(2))
    learner.fit(data.train.x, data.train.y, generator=generator_from(0), unlabelled=data.train.x)
    other.load_state(saved(learner.state()))
    ids = torch.arange(20)
    needs = frozenset({"probs", "labelled_looking"})
    one, two = (each.outputs(data.train.x, ids, needs=needs) for each in (learner, other))
    assert torch.equal(one.extras["labelled_looking"], two.extras["labelled_looking"])
