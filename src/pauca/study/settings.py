"""What a study is: frozen settings whose keys, types and ranges are checked."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

__all__ = [
    "FEATURES",
    "UNTRAINED",
    "Active",
    "Discovery",
    "Emergence",
    "Models",
    "Pool",
    "StudySettings",
    "Unseen",
]

UNTRAINED = "untrained"
"""Key of a learner that is measured as it starts."""

FEATURES = "frozen_features"
"""Key of a data set whose items give way to frozen features."""

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[\w.+-][\w .+-]*$", max_length=120)]


def _chosen(value: Any) -> dict[str, Any]:
    """A name alone, or a table that has one."""
    table = {"name": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise ValueError("a name, or a table with `name` and further settings")
    return dict(table)


Chosen = Annotated[Any, AfterValidator(_chosen)]
"""A dictionary: ``name``, and the settings of what it names."""


def _classes(value: Any) -> int | list[int | str] | None:
    """How many classes, or which."""
    if value is None or (type(value) is int and value >= 1):
        return value
    listed = value if isinstance(value, list | tuple) else []
    fits = all(isinstance(k, str) or (type(k) is int and k >= 0) for k in listed)
    if not listed or not fits or len(set(listed)) < len(listed):
        raise ValueError("how many classes (>= 1), or a list of different ones by name or number")
    return list(listed)


class _Frozen(BaseModel):
    """Never changes, knows its keys, converts nothing.

    Class attributes:
        later: Settings that came after studies had been run: at their defaults they are not written
            down, so that those studies and their cells keep their names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _lean(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {
            key: value
            for key, value in whole(self).items()
            if key not in self.later or getattr(self, key) != fields[key].default
        }


class Pool(_Frozen):
    """What is done to the training items before any is asked for, anew in every repetition.

    Test items stay as they are. In this order (``pauca.study.pool``):

    Args:
        size: So many items at random; all of them if left out.
        imbalance: Largest class over smallest, >= 1: classes in random order are thinned out
            exponentially.
        redundancy: Share of the items that are replaced by copies of others, in [0, 1).
        noise: Probability of a wrong answer, one of the other classes at random, in [0, 1). It is
            the item's: whoever asks, and however often, is told the same.
        unknown: Classes that the task does not have though the pool holds them, listed by name or
            number, or so many drawn in every repetition. Asked about one, the oracle answers "none
            of the known", which costs a label like any answer; a wrong answer may be one of them.
    """

    later = frozenset({"unknown"})

    unknown: Annotated[Any, AfterValidator(_classes)] = None
    size: Count | None = None
    imbalance: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    redundancy: Annotated[float, Field(ge=0, lt=1)] = 0.0
    noise: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Discovery(_Frozen):
    """New categories proposed from what was rejected, once the budget is spent.

    Args:
        least: Rejected items from which groups are looked for.
        method: How they are grouped: ``agglomerative`` or ``k-means``.
        most: Groups at most.
        exemplars: Items of a group that a person looks at to name it or to turn it down.
    """

    least: Annotated[int, Field(ge=2)] = 20
    method: Literal["agglomerative", "k-means"] = "agglomerative"
    most: Count = 8
    exemplars: Count = 5


class Active(_Frozen):
    """Strategies compared on one learner.

    Args:
        repetitions: How often each, every time from another initial set and other weights.
        strategies: What asks.
        initial: Size of the initial set.
        initial_strategy: What chooses it, before anything is learned: by probabilities that say
            nothing, and by the items themselves as features.
        query: Labels asked for in one round.
        budget: Labels in all, the initial set included.
        learner: What learns.
        pool: What is done to the training items.
        upper_bound: Whether the learner is trained on all labels of the pool too, with as many
            optimiser steps as its settings say.
        stop_set: So many items of the pool at random, on which rules of when to stop read what the
            learner says each round; 0 for none.
        follow: Whether sparsity and ensembles are measured each round, on test items.
        discovery: New categories among rejected items; none if left out.
    """

    later = frozenset({"stop_set", "follow", "discovery"})

    repetitions: Count = 5
    strategies: Annotated[list[Chosen], Field(min_length=1)]
    initial: Count
    initial_strategy: Chosen = Field(default_factory=lambda: {"name": "random"})
    query: Count
    budget: Count
    learner: Chosen
    pool: Pool = Pool()
    upper_bound: bool = False
    stop_set: Annotated[int, Field(ge=0, le=1000)] = 0
    follow: bool = False
    discovery: Discovery | None = None


class Models(_Frozen):
    """Learners trained on all labels, their representations measured.

    Args:
        repetitions: How often each, every time from other weights.
        learners: What learns.
        train_size: Train on so many items drawn at random; on all of them if left out.
    """

    repetitions: Count = 3
    learners: Annotated[list[Chosen], Field(min_length=1)]
    train_size: Count | None = None


class Unseen(_Frozen):
    """Each category left out of training in turn, then shown.

    Args:
        repetitions: How often each learner and category, every time from other weights.
        classes: Numbers of the categories left out in turn; all of them if left out.
        learners: What learns; those of the section [emergence] if left out.
    """

    repetitions: Count = 3
    classes: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None
    learners: Annotated[list[Chosen], Field(min_length=1)] | None = None


class Emergence(_Frozen):
    """Learners trained on all labels, and everything measured of what emerges inside them.

    Args:
        repetitions: How often each, every time from other weights.
        learners: What learns; one with ``untrained = true`` is measured as it starts.
        items: Training items, as many of each class, on which ensembles are defined; all test items
            are used besides.
        groups: Classes that belong together, by name or number; do these share units?
        unseen: Categories left out; none if left out.
    """

    repetitions: Count = 10
    learners: Annotated[list[Chosen], Field(min_length=1)]
    items: Annotated[int, Field(ge=100)] = 10_000
    groups: list[Annotated[list[int | str], Field(min_length=2)]] | None = None
    unseen: Unseen | None = None


class StudySettings(_Frozen):
    """A whole study.

    Args:
        name: Shown in the report.
        seed: Of every random stream, together with the number of the repetition.
        threads: Threads of each worker. It decides the order of sums, so the last bit of results;
            the number of workers does not.
        device: Where tensors live.
        data: ``name`` of a data set or ``path`` of one's own, options of ``load_dataset``, and
            ``frozen_features`` where these take the items' place.
        active: Strategies to compare.
        models: Models to measure.
        emergence: Models whose inside is looked at closely.
        factors: Levels by the path of a setting ("active.query"), or by a name of one's own: then a
            level is a table of paths, and all levels have the same. Every combination is a study of
            its own; what is the same in several is done once (``pauca.study.factors``).
    """

    name: Name
    seed: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    device: str = "cpu"
    data: dict[str, Any]
    active: Active | None = None
    models: Models | None = None
    emergence: Emergence | None = None
    factors: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = None

    def runs(self, classes: int) -> int:
        """How many runs these settings are, without factors, counted by their numbers alone.

        Args:
            classes: Of the data set: so many runs has [emergence.unseen] where it names none.
        """
        active, models, emergence = self.active, self.models, self.emergence
        number = 0
        if active is not None:
            number += active.repetitions * (len(active.strategies) + active.upper_bound)
        if models is not None:
            number += models.repetitions * len(models.learners)
        if emergence is not None:
            number += emergence.repetitions * len(emergence.learners)
        if emergence is not None and (unseen := emergence.unseen) is not None:
            learners = len(unseen.learners or emergence.learners)
            number += unseen.repetitions * learners * len(unseen.classes or range(classes))
        return number

    def plain(self) -> dict[str, Any]:
        """As plain values, to store and to read again; parts that are not there are left out."""
        whole = self.model_dump(mode="json")
        return {key: value for key, value in whole.items() if value is not None}
