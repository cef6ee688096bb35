"""The contract check passes what keeps every promise, and fails whatever breaks one."""

from collections.abc import Callable
from dataclasses import replace
from pickle import PicklingError

import pytest
import torch
from torch import Generator, Tensor

from pauca.data import Dataset, Split, Task, Transform
from pauca.data.augment import Normalise, Pipeline, RandomCrop, RandomFlip, ToFloat
from pauca.rng import generator_from
from pauca.testing.datasets import check_dataset

EVALUATE = Pipeline((ToFloat(), Normalise((0.5,), (0.5,))))
CALLS: list[int] = []
TRAIN = Pipeline((ToFloat(), RandomCrop(1), RandomFlip(), Normalise((0.5,), (0.5,))))


def dataset(evaluate: Transform = EVALUATE, train: Transform = TRAIN) -> Dataset:
    x = torch.randint(0, 256, (20, 1, 6, 6), generator=generator_from(0), dtype=torch.uint8)
    task = Task("sample", "image", (1, 6, 6), ("a", "b"), evaluate, train)
    return Dataset(task, Split(x, torch.arange(20) % 2), Split(x[:4], torch.arange(4) % 2))


def of_the_batch(x: Tensor, generator: Generator | None) -> Tensor:
    return x.float() - x.float().mean()


def nan(x: Tensor, generator: Generator | None) -> Tensor:
    return x.float() * float("nan")


def doubles(x: Tensor, generator: Generator | None) -> Tensor:
    return x.double()


def in_place(x: Tensor, generator: Generator | None) -> Tensor:
    return x.add_(1).float()


def noisy_scoring(x: Tensor, generator: Generator | None) -> Tensor:
    return x.float() if generator is None else x + torch.rand(x.shape, generator=generator)


def without_the_generator(x: Tensor, generator: Generator | None) -> Tensor:
    CALLS.append(1)
    return x.float() + len(CALLS)


def drawing_for_nothing(x: Tensor, generator: Generator | None) -> Tensor:
    torch.rand(1, generator=generator)
    return x.float()


def test_a_good_data_set_passes() -> None:
    check_dataset(dataset())
    check_dataset(dataset(train=EVALUATE))


@pytest.mark.parametrize(
    ("evaluate", "match"),
    [
        (of_the_batch, "rest of the batch"),
        (nan, "NaN"),
        (doubles, "float32"),
        (in_place, "changes its input"),
        (noisy_scoring, "depends on the generator"),
        (without_the_generator, "two answers"),
        (lambda x, generator: x.float(), "pickle|local"),
    ],
)
def test_a_broken_evaluation_transform_fails(evaluate: Transform, match: str) -> None:
    with pytest.raises((AssertionError, AttributeError, PicklingError), match=match):
        check_dataset(dataset(evaluate=evaluate))


@pytest.mark.parametrize(
    ("train", "match"),
    [(without_the_generator, "two answers"), (drawing_for_nothing, "always gives the same")],
)
def test_a_broken_training_transform_fails(train: Transform, match: str) -> None:
    with pytest.raises(AssertionError, match=match):
        check_dataset(dataset(train=train))


def _same_names(good: Dataset) -> Dataset:
    return replace(good, task=replace(good.task, classes=("a", "a")))


def _no_source(good: Dataset) -> Dataset:
    return replace(good, source="")


def _groups(good: Dataset) -> Dataset:
    groups = torch.full((20,), 3)
    return replace(good, train=replace(good.train, groups=groups), group_names=("x", "y"))


def _channels(good: Dataset) -> Dataset:
    x = good.train.x.expand(-1, 2, -1, -1)
    task = replace(good.task, shape=(2, 6, 6))
    return Dataset(task, Split(x, good.train.y), None)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (_same_names, "not distinct"),
        (_no_source, "source is empty"),
        (_groups, "groups are not all in"),
        (_channels, "neither 1 nor 3"),
    ],
)
def test_a_broken_data_set_fails(spoil: Callable[[Dataset], Dataset], match: str) -> None:
    with pytest.raises(AssertionError, match=match):
        check_dataset(spoil(dataset()))
