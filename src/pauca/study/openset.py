"""Open pools: they hold classes that the task does not have, and the oracle says so when asked.

Known classes are renumbered from 0 in their order; labels of the pool stay those of the data set,
for the oracle alone reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pauca.data import Dataset, Split, Task
from pauca.errors import DataError
from pauca.oracle import UNKNOWN
from pauca.rng import Streams
from pauca.study.pool import made_pool
from pauca.study.settings import Pool

__all__ = ["World", "known_classes", "opened", "restricted", "restricted_task", "so_far"]


@dataclass(frozen=True, eq=False)
class World:
    """What the strategies of one repetition meet.

    Args:
        task: With the known classes alone.
        pool: Every item, labelled as in the data set.
        test: Test items of known classes, labelled as in the task.
        strange: Test items of other classes, labelled as in the data set; none in a closed pool.
        known: Class of the data set for each class of the task; None in a closed pool.
    """

    task: Task
    pool: Split
    test: Split
    strange: Split
    known: tuple[int, ...] | None


def opened(dataset: Dataset, pool: Mapping[str, Any], streams: Streams) -> World:
    """The world of one repetition.

    Args:
        dataset: All classes.
        pool: Settings of the pool.
        streams: Of the repetition.

    Raises:
        DataError: labels or a test split are missing; no test item of a known or unknown class.
    """
    made = made_pool(dataset.train, dataset.task.c, pool, streams)
    known = known_classes(dataset.task, pool, streams)
    test = dataset.test
    if test is None:
        raise DataError(
            "the data set has no test split",
            where=dataset.name,
            todo="add test items, or see the options of load_dataset",
        )
    if known is None:
        return World(dataset.task, made, test, test.take(torch.arange(0)), None)
    seen, strange = restricted(test, known), test.take(_others(_labels(test), known))
    if not len(seen) or not len(strange):
        raise DataError(
            "the test split holds items of one kind alone",
            expected="items of known classes and of unknown ones",
            got=f"{len(seen)} and {len(strange)}",
            where=dataset.name,
            todo="choose other unknown classes",
        )
    return World(restricted_task(dataset.task, known), made, seen, strange, known)


def known_classes(
    task: Task, pool: Pool | Mapping[str, Any], streams: Streams
) -> tuple[int, ...] | None:
    """Numbers of the classes that are known, increasing; None where all are.

    Of so many unknown classes which ones is drawn from the stream ``unknown``: the same whatever
    else is done to the pool, and the two unknown of one study are among the four of another.
    """
    unknown = pool.unknown if isinstance(pool, Pool) else pool.get("unknown")
    if unknown is None:
        return None
    if isinstance(unknown, int):
        order = torch.randperm(task.c, generator=streams.generator("unknown"))
        left_out = set(order[:unknown].tolist())
    else:
        left_out = {task.classes.index(k) if isinstance(k, str) else k for k in unknown}
    return tuple(k for k in range(task.c) if k not in left_out)


def restricted_task(task: Task, known: Sequence[int]) -> Task:
    """The task of these classes alone, in this order."""
    return replace(task, classes=tuple(task.classes[k] for k in known))


def restricted(split: Split, known: Sequence[int]) -> Split:
    """The items of these classes, labelled by their places among them."""
    y = _labels(split)
    places = torch.full((max(int(y.max()) if len(y) else 0, *known) + 1,), UNKNOWN)
    places[torch.tensor(known)] = torch.arange(len(known))
    found = places[y]
    kept = split.take((found != UNKNOWN).nonzero()[:, 0])
    return replace(kept, y=found[found != UNKNOWN])


def so_far(labelled: int, rejected: int, pool: Split, known: Sequence[int]) -> dict[str, Any]:
    """What was asked so far: how much of it is known, and how much of what is known it is.

    Args:
        labelled: Items asked for and found to be of known classes, the initial set among them.
        rejected: Items asked for and found to be of none.
        pool: With the oracle's labels.
        known: Of the data set's classes.

    Returns:
        ``labelled`` and ``rejected`` items; ``precision``, the labelled among the asked, and
        ``recall``, the labelled among the pool's items of known classes.

    Reference: Ning, Zhao, Li and Huang, CVPR 2022, section 4 (open-set annotation).
    """
    asked = labelled + rejected
    there = int(torch.isin(_labels(pool), torch.tensor(known)).sum())
    return {
        "labelled": labelled,
        "rejected": rejected,
        "precision": labelled / asked if asked else float("nan"),
        "recall": labelled / there if there else float("nan"),
    }


def _others(y: Tensor, known: Sequence[int]) -> Tensor:
    return (~torch.isin(y, torch.tensor(known))).nonzero()[:, 0]


def _labels(split: Split) -> Tensor:
    if split.y is None:
        raise DataError(
            "there are no labels to tell known classes from unknown ones by",
            todo="use a data set with labels",
        )
    return split.y
