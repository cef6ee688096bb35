"""What the tests of companions share: small tasks and learners, pools that differ in one way."""

import io
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.data.dataset import Task
from pauca.learners import AbstractLearner, make_learner
from pauca.learners.companions import attach
from pauca.rng import generator_from

QUICK: dict[str, dict[str, Any]] = {
    "pseudo-labels": {"delta": 1.0, "decay": 0.1},
    "loss-prediction": {"hidden": 6},
    "vaal": {"latent": 3, "hidden": 8, "batch": 8},
    "waal": {"hidden": 6},
}
COLUMN = {"loss-prediction": "predicted_loss", "vaal": "labelled_looking", "waal": "critic"}


def as_floats(x: Tensor, generator: Generator | None) -> Tensor:
    return x.to(torch.float32)


def table_task(d: int = 4, classes: int = 3) -> Task:
    names = tuple(f"class {k}" for k in range(classes))
    return Task("toy", "table", (d,), names, evaluate=as_floats, train=as_floats)


def small_mlp(task: Task, **settings: Any) -> AbstractLearner:
    whole = {"net": "mlp", "net_params": {"widths": [8, 6], "dropout": 0.0}, "steps": 12}
    return make_learner("backprop", task=task, **{**whole, "batch": 8, **settings})


def convnet(task: Task, **settings: Any) -> AbstractLearner:
    whole = {"net_params": {"widths": [3, 4], "hidden": 6}, "steps": 8, "batch": 8, "passes": 3}
    return make_learner("backprop", task=task, **{**whole, **settings})


def accompanied(name: str, task: Task) -> AbstractLearner:
    """A quick companion of a quick learner; at module level, so that it can cross a process."""
    learner = convnet(task, steps=4) if task.kind == "image" else small_mlp(task, steps=5)
    return attach(name, learner, QUICK[name])


def maker_of(name: str) -> partial[AbstractLearner]:
    return partial(accompanied, name)


def two_sides(seed: int, m: int = 60, n: int = 120) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Labelled items and labels, a pool, and which of it lie where no labelled item is.

    Items differ along their first number alone: around -2 for the labelled ones and a quarter of
    the pool, around 2 for the rest.
    """
    g = generator_from(seed)
    labelled = torch.randn(m, 4, generator=g)
    labelled[:, 0] -= 2
    y = (labelled[:, 1] + 0.5 * labelled[:, 0] + 1 > 0).long()
    pool = torch.randn(n, 4, generator=g)
    far = torch.arange(n) >= n // 4
    pool[:, 0] += torch.where(far, 2.0, -2.0)
    return labelled, y, pool, far


def weights_of(learner: AbstractLearner) -> dict[str, Tensor]:
    """Weights of the learner itself, within its companion or without."""
    state = learner.state()
    net: dict[str, Tensor] = state.get("learner", state)["net"]
    return net


def same_weights(one: AbstractLearner, other: AbstractLearner) -> bool:
    a, b = weights_of(one), weights_of(other)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def saved(state: dict[str, Any]) -> Any:
    """The state after a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
