"""From settings to runs, and from a run's settings to what it works with."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pauca.data import Dataset, Task, load_dataset
from pauca.features import featured
from pauca.learners import AbstractLearner, make_learner
from pauca.learners.companions import attach
from pauca.store import RunSpec
from pauca.store.codec import digest
from pauca.strategies import AbstractStrategy, make_strategy
from pauca.study.reading import check_runs, variants
from pauca.study.settings import FEATURES, UNTRAINED, Active, Emergence, Models, StudySettings

__all__ = [
    "Classes",
    "accompanied",
    "learner_of",
    "load_items",
    "plan",
    "strategy_of",
    "with_features",
]

Classes = Callable[[Mapping[str, Any]], int]
"""How many classes the data set of a section [data] has."""


def plan(settings: StudySettings, classes: Classes) -> tuple[RunSpec, ...]:
    """Every run of the study, repetition by repetition, so that what is done first is balanced.

    What is the same at several levels of a factor is one run.

    Args:
        settings: Of the study.
        classes: How many classes the data set of a section [data] has.
    """
    counted = [(one.settings, classes(one.settings.data)) for one in variants(settings)]
    check_runs(sum(study.runs(number) for study, number in counted), settings.name)
    runs = [run for study, number in counted for run in _runs(study, number)]
    runs.sort(key=lambda run: run[0])  # stable: within a repetition the study's own order
    specs = {spec.id: spec for spec in (_spec(kind, own) for _, kind, own in runs)}
    return tuple(specs.values())


def _runs(settings: StudySettings, classes: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Repetition, kind and settings of every run of a study without factors."""
    whole = settings.plain()
    common = {
        "study_seed": settings.seed,
        "data": whole["data"],
        "threads": settings.threads,
        "device": settings.device,
    }
    for kind, cells in (
        ("active", _active(settings.active)),
        ("bound", _bound(settings.active)),
        ("model", _model(settings.models)),
        ("emergence", _emergence(settings.emergence)),
        ("unseen", _unseen(settings.emergence, classes)),
    ):
        for repetition, own in cells:
            yield repetition, kind, {**common, "repetition": repetition, **own}


def _spec(kind: str, settings: Mapping[str, Any]) -> RunSpec:
    return RunSpec(digest({"kind": kind, "settings": settings}), kind, settings)


def _active(active: Active | None) -> Iterator[tuple[int, dict[str, Any]]]:
    if active is None:
        return
    more = {key: value for key, value in active.model_dump().items() if key in active.later}
    for repetition in range(active.repetitions):
        for strategy in active.strategies:
            yield (
                repetition,
                {
                    "learner": active.learner,
                    "strategy": strategy,
                    "initial": active.initial,
                    "initial_strategy": active.initial_strategy,
                    "query": active.query,
                    "budget": active.budget,
                    "pool": active.pool.model_dump(),
                    **more,
                },
            )


def _bound(active: Active | None) -> Iterator[tuple[int, dict[str, Any]]]:
    if active is None or not active.upper_bound:
        return
    for repetition in range(active.repetitions):
        yield repetition, {"learner": active.learner, "pool": active.pool.model_dump()}


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


def with_features(items: Dataset, data: Mapping[str, Any]) -> Dataset:
    """What a section [data] makes of its items: frozen features in their place, if it says so.

    Computed on the CPU, so that workers anywhere meet the same numbers; once for the same items.
    """
    choice = data.get(FEATURES)
    return items if choice is None else featured(items, choice)


def load_items(data: Mapping[str, Any]) -> Dataset:
    """The data set of a study's section [data], whatever features are made of it."""
    options = {key: value for key, value in data.items() if key not in ("name", "path", FEATURES)}
    return load_dataset(Path(data["path"]) if "path" in data else data["name"], **options)


def learner_of(choice: Mapping[str, Any], task: Task, device: str) -> AbstractLearner:
    """A new learner with these settings for this task."""
    return make_learner(choice["name"], task=task, device=device, **_params(choice))


def strategy_of(choice: Mapping[str, Any]) -> AbstractStrategy:
    """A strategy with these settings."""
    return make_strategy(choice["name"], **_params(choice))


def accompanied(
    choice: Mapping[str, Any], strategy: AbstractStrategy, task: Task, device: str
) -> AbstractLearner:
    """A new learner, with the companion that the strategy wants."""
    learner = learner_of(choice, task, device)
    return attach(strategy.companion, learner, strategy.companion_settings)


def _params(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in choice.items() if key not in ("name", UNTRAINED)}
