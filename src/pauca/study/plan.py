"""From settings to runs, and whether they can be done at all, before anything is trained."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pauca.data import Dataset, Task, load_dataset
from pauca.errors import DataError, PaucaError, UsageError
from pauca.learners import AbstractLearner, make_learner
from pauca.learners.companions import attach
from pauca.store import RunSpec
from pauca.store.codec import digest
from pauca.strategies import AbstractStrategy, make_strategy
from pauca.study.settings import UNTRAINED, Active, Emergence, Models, StudySettings

__all__ = [
    "accompanied",
    "check_study",
    "class_number",
    "learner_of",
    "load_data",
    "plan",
    "strategy_of",
]


def plan(settings: StudySettings, classes: int) -> tuple[RunSpec, ...]:
    """Every run of the study, repetition by repetition, so that what is done first is balanced.

    Args:
        settings: Of the study.
        classes: How many the data set has.
    """
    whole = settings.plain()
    common = {
        "study_seed": settings.seed,
        "data": whole["data"],
        "threads": settings.threads,
        "device": settings.device,
    }
    runs = [
        (repetition, kind, settings)
        for kind, cells in (
            ("active", _active(settings.active)),
            ("model", _model(settings.models)),
            ("emergence", _emergence(settings.emergence)),
            ("unseen", _unseen(settings.emergence, classes)),
        )
        for repetition, settings in cells
    ]
    runs.sort(key=lambda run: run[0])  # stable: within a repetition the study's own order
    return tuple(
        _spec(kind, {**common, "repetition": repetition, **own}) for repetition, kind, own in runs
    )


def _spec(kind: str, settings: Mapping[str, Any]) -> RunSpec:
    return RunSpec(digest({"kind": kind, "settings": settings}), kind, settings)


def _active(active: Active | None) -> Iterator[tuple[int, dict[str, Any]]]:
    if active is None:
        return
    for repetition in range(active.repetitions):
        for strategy in active.strategies:
            yield (
                repetition,
                {
                    "learner": active.learner,
                    "strategy": strategy,
                    "initial": active.initial,
                    "query": active.query,
                    "budget": active.budget,
                },
            )


def _model(models: Models | None) -> Iterator[tuple[int, dict[str, Any]]]:
    if models is None:
        return
    part = {} if models.train_size is None else {"train_size": models.train_size}
    for repetition in range(models.repetitions):
        for learner in models.learners:
            yield repetition, {"learner": learner, **part}


def _emergence(emergence: Emergence | None) -> Iterator[tuple[int, dict[str, Any]]]:
    if emergence is None:
        return
    for repetition in range(emergence.repetitions):
        for learner in emergence.learners:
            yield repetition, {"learner": learner, "items": emergence.items}


def _unseen(emergence: Emergence | None, classes: int) -> Iterator[tuple[int, dict[str, Any]]]:
    if emergence is None or emergence.unseen is None:
        return
    unseen = emergence.unseen
    for repetition in range(unseen.repetitions):
        for left_out in unseen.classes or range(classes):
            for learner in unseen.learners or emergence.learners:
                yield (
                    repetition,
                    {"learner": learner, "left_out": left_out, "items": emergence.items},
                )


def load_data(data: Mapping[str, Any]) -> Dataset:
    """The data set of a study's section [data]."""
    options = {key: value for key, value in data.items() if key not in ("name", "path")}
    return load_dataset(Path(data["path"]) if "path" in data else data["name"], **options)


def learner_of(choice: Mapping[str, Any], task: Task, device: str) -> AbstractLearner:
    """A new learner with these settings for this task."""
    return make_learner(choice["name"], task=task, device=device, **_params(choice))


def strategy_of(choice: Mapping[str, Any]) -> AbstractStrategy:
    """A strategy with these settings."""
    return make_strategy(choice["name"], **_params(choice))


def accompanied(
    choice: Mapping[str, Any], strategy: AbstractStrategy, dataset: Dataset, device: str
) -> AbstractLearner:
    """A new learner, with the companion that the strategy wants."""
    learner = learner_of(choice, dataset.task, device)
    return attach(strategy.companion, learner, strategy.companion_settings)


def _params(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in choice.items() if key not in ("name", UNTRAINED)}


def check_study(settings: StudySettings, dataset: Dataset) -> None:
    """Refuse a study that cannot be done, before anything is trained.

    Raises:
        CapabilityError: a strategy needs what the learner does not give.
        DataError: no labels, no test split, or fewer items than the budget.
        UsageError: the device is not there, or a learner's setting does not fit the data.
    """
    _check_device(settings.device)
    _check_data(settings, dataset)
    if settings.active is not None:
        _check_active(settings.active, dataset, settings.device)
    for choice in _all_learners(settings):
        with _on(choice, dataset):
            learner_of(choice, dataset.task, settings.device)
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
        got=repr(key),
        where=where,
    )


def _check_active(active: Active, dataset: Dataset, device: str) -> None:
    for choice in active.strategies:
        with _on(choice, dataset):
            strategy = strategy_of(choice)
            learner = accompanied(active.learner, strategy, dataset, device)
            strategy.check_needs(learner.gives, f"learner {learner.name!r}")


@contextmanager
def _on(choice: Mapping[str, Any], dataset: Dataset) -> Iterator[None]:
    """Say for which choice and data set something is refused."""
    try:
        yield
    except PaucaError as error:
        raise error.at(f"{choice['name']!r} on data set {dataset.name!r}") from None


def _check_device(name: str) -> None:
    try:
        kind = torch.device(name).type
    except RuntimeError as error:
        raise UsageError(
            "unknown device",
            expected="cpu, cuda, cuda:0, ...",
            got=repr(name),
            where="key 'device'",
        ) from error
    there = kind != "cuda" or torch.cuda.is_available()
    if kind == "meta" or not there:  # a meta tensor holds no numbers
        raise UsageError(
            "the device is not there", got=repr(name), where="key 'device'", todo='use "cpu"'
        )


def _check_data(settings: StudySettings, dataset: Dataset) -> None:
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        if split is None or split.y is None:
            raise DataError(
                f"the data set has no {'test split' if split is None else f'{name} labels'}",
                expected="train and test split with labels, for a study measures against them",
                where=f"data set {dataset.name!r}",
                todo="add them, or see the options of load_dataset",
            )
    wanted = [("budget", settings.active.budget)] if settings.active else []
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
