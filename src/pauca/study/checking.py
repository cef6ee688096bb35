"""Whether a study can be done at all, found out before anything is trained."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from pauca.data import Dataset, Split, Task
from pauca.errors import DataError, PaucaError, UsageError, shown
from pauca.rng import Streams
from pauca.session import BEFORE_LABELS
from pauca.study.openset import known_classes, restricted_task
from pauca.study.plan import accompanied, learner_of, strategy_of
from pauca.study.pool import made_pool
from pauca.study.settings import Active, Emergence, Pool, StudySettings

__all__ = ["check_device", "check_study", "class_number"]

_HERE = "cpu"
"""Where learners are made to see whether they can be: what fits does not depend on the device."""


def check_study(settings: StudySettings, dataset: Dataset) -> None:
    """Refuse a study that cannot be done, before anything is trained.

    Raises:
        CapabilityError: a strategy needs what the learner does not give.
        DataError: no labels, no test split, or fewer items than the budget.
        UsageError: a learner's setting does not fit the data.
    """
    _check_data(settings, dataset)
    if settings.active is not None:
        _check_active(settings, settings.active, dataset)
    for choice in _all_learners(settings):
        with _on(choice, dataset):
            learner_of(choice, dataset.task, _HERE)
    if settings.emergence is not None:
        _check_classes(settings.emergence, dataset.task)


def _all_learners(settings: StudySettings) -> Iterator[Mapping[str, Any]]:
    if settings.models is not None:
        yield from settings.models.learners
    if settings.emergence is not None:
        yield from settings.emergence.learners
        if settings.emergence.unseen is not None:
            yield from settings.emergence.unseen.learners or ()


def _check_classes(emergence: Emergence, task: Task) -> None:
    """Refuse classes that the data set does not have, or one named twice."""
    unseen = emergence.unseen
    for place, classes in (
        (
            "section [emergence], key 'groups'",
            [k for group in emergence.groups or () for k in group],
        ),
        ("section [emergence.unseen], key 'classes'", (unseen and unseen.classes) or []),
    ):
        numbers = [class_number(key, task, place) for key in classes]
        if len(set(numbers)) < len(numbers):
            twice = next(
                key for key, k in zip(classes, numbers, strict=True) if numbers.count(k) > 1
            )
            raise UsageError(
                "a class is named twice", got=repr(twice), where=place, todo="name it once"
            )


def class_number(key: int | str, task: Task, where: str) -> int:
    """The number of a class that is given by name or number.

    Raises:
        UsageError: there is none.
    """
    if isinstance(key, str) and key in task.classes:
        return task.classes.index(key)
    if isinstance(key, int) and 0 <= key < task.c:
        return key
    raise UsageError(
        f"data set {task.name!r} has no such class",
        expected=f"a number from 0 to {task.c - 1}, or one of {', '.join(task.classes[:20])}",
        got=shown(key),
        where=where,
        todo="name one of these",
    )


def _of_pool(active: Active, dataset: Dataset) -> list[tuple[str, int]]:
    """What is wanted of the training items; the budget of what is left of them.

    Raises:
        DataError: too little is left of the pool for the budget.
    """
    pool = active.pool
    if pool.size is not None and pool.size > len(dataset.train):
        return [("pool.size", pool.size)]
    if pool == Pool() or dataset.train.y is None:
        return [("budget", active.budget)]
    # how many are left depends on the labels alone, so no item is copied
    rows = Split(torch.zeros(len(dataset.train), 1), dataset.train.y)
    left = len(made_pool(rows, dataset.task.c, pool, Streams(0)))
    if active.budget > left:
        raise DataError(
            "the budget is larger than what is left of the pool",
            expected=f"<= about {left}, with {_told(pool)}",
            got=active.budget,
            todo="lower budget, or thin the pool out less",
        )
    return []


def _told(pool: Pool) -> str:
    return ", ".join(
        f"{key} {value}" for key, value in pool.model_dump(exclude_defaults=True).items()
    )


def _check_active(settings: StudySettings, active: Active, dataset: Dataset) -> None:
    task = _known_task(settings, active, dataset.task)
    for choice in active.strategies:
        with _on(choice, dataset):
            strategy = strategy_of(choice)
            learner = accompanied(active.learner, strategy, task, _HERE)
            strategy.check_needs(learner.gives, f"learner {learner.name!r}")
    with _on(active.initial_strategy, dataset):
        strategy_of(active.initial_strategy).check_needs(BEFORE_LABELS, "a pool without labels")


def _known_task(settings: StudySettings, active: Active, task: Task) -> Task:
    """The task that strategies and learner meet.

    Raises:
        UsageError: an unknown class that the data set does not have, or too few that are known.
    """
    unknown, place = active.pool.unknown, "section [active.pool], key 'unknown'"
    if unknown is None:
        return task
    named = [] if isinstance(unknown, int) else [class_number(k, task, place) for k in unknown]
    if len(set(named)) < len(named):
        raise UsageError(
            "a class is named twice", got=shown(unknown), where=place, todo="name it once"
        )
    number = unknown if isinstance(unknown, int) else len(named)
    if task.c - number < 2:
        raise UsageError(
            "too few classes are known",
            expected=f"at most {task.c - 2} unknown of {task.c}, so that two can be told apart",
            got=number,
            where=place,
            todo="leave more classes known",
        )
    known = known_classes(task, active.pool, Streams(settings.seed))
    return task if known is None else restricted_task(task, known)


@contextmanager
def _on(choice: Mapping[str, Any], dataset: Dataset) -> Iterator[None]:
    """Say for which choice and data set something is refused."""
    try:
        yield
    except PaucaError as error:
        raise error.at(f"{choice['name']!r} on data set {dataset.name!r}") from None


def check_device(name: str) -> None:
    """Refuse a device that is not on this machine.

    Raises:
        UsageError: it is not, or it is none.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(
            "unknown device",
            expected="cpu, cuda, cuda:0, ...",
            got=shown(name),
            where="key 'device'",
            todo='use "cpu"',
        ) from error
    if not _there(device):
        raise UsageError(
            "the device is not there", got=shown(name), where="key 'device'", todo='use "cpu"'
        )


def _there(device: torch.device) -> bool:
    """Whether numbers can lie there; CUDA is asked without being started, for workers will be."""
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    try:
        torch.zeros(1, device=device).tolist()  # a meta tensor holds no numbers
    except (RuntimeError, NotImplementedError, AssertionError):
        return False
    return True


def _check_data(settings: StudySettings, dataset: Dataset) -> None:
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        if split is None or split.y is None:
            raise DataError(
                f"the data set has no {'test split' if split is None else f'{name} labels'}",
                expected="train and test split with labels, for a study measures against them",
                where=f"data set {dataset.name!r}",
                todo="add them, or see the options of load_dataset",
            )
    wanted = []
    if settings.active:
        wanted = _of_pool(settings.active, dataset)
    if settings.models and settings.models.train_size:
        wanted.append(("train_size", settings.models.train_size))
    if settings.emergence:
        wanted.append(("items", settings.emergence.items))
    for key, size in wanted:
        if size > len(dataset.train):
            raise DataError(
                f"{key} is larger than the pool",
                expected=f"<= {len(dataset.train)}, the items of {dataset.name!r}",
                got=size,
                todo=f"lower {key}",
            )
