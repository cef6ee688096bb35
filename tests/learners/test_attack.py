"""Boundary distances as a learner gives them."""

import pytest
import torch

from pauca.learners import attack, make_learner
from pauca.learners.backprop import Backprop
from pauca.rng import generator_from
from pauca.select.adversarial import bim_distances, deepfool_distances
from pauca.testing.fakes import tiny_image_dataset

NEEDS = frozenset({"probs", "adversarial_bim", "adversarial_deepfool"})


def test_columns_are_the_kernels_on_the_net_input_and_change_nothing() -> None:
    dataset = tiny_image_dataset()
    learner = make_learner("backprop", task=dataset.task, **Backprop.quick)
    assert isinstance(learner, Backprop)
    assert dataset.train.y is not None
    x, y = dataset.train.x, dataset.train.y
    learner.fit(x, y, generator=generator_from(0))
    before = {name: value.clone() for name, value in learner.net.state_dict().items()}
    found = learner.outputs(x[:9], torch.arange(9), needs=NEEDS)
    inputs = dataset.task.evaluate(x[:9], None)
    bim = bim_distances(learner.net, inputs, step=0.05, max_steps=learner.attack.max_steps)
    deepfool = deepfool_distances(learner.net, inputs, max_steps=learner.attack.max_steps)
    assert torch.allclose(found.extras["adversarial_bim"], bim)
    assert torch.allclose(found.extras["adversarial_deepfool"], deepfool)
    after = learner.net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in learner.net.parameters())


def test_small_parts_are_attacked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch runs empty at the end of a part; the rows and their order stay the same."""
    monkeypatch.setattr(attack, "_NUMBERS", 20)
    parts = torch.split(torch.arange(36.0).view(9, 4), 2)
    larger = list(attack._larger(parts))
    assert [len(part) for part in larger] == [6, 3]
    assert torch.equal(torch.cat(larger), torch.cat(parts))
