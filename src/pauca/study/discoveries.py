"""What was rejected, put in groups, proposed as new classes, and learned once these are accepted.

The person who looks at a proposal is simulated: shown its exemplars, they name it after the class
that more than half of these have, or turn it down. Groups named alike become one class. Then the
learner is trained anew on what was labelled and on every item of an accepted group under that name,
right or wrong, and beside it on the same items under their own names: what a perfect grouping of
what was rejected would have given.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from pauca.analysis import Proposal, discover, divide
from pauca.data import Dataset
from pauca.learners import AbstractLearner
from pauca.metrics import adjusted_rand
from pauca.study.evaluate import predictions
from pauca.study.openset import World, restricted_task
from pauca.study.plan import learner_of

__all__ = ["Learned", "Rejected", "codes", "discovered", "name_of"]


@dataclass(frozen=True, eq=False)
class Rejected:
    """Items that were answered with "none of the known", and what they really are.

    Args:
        ids: In the pool, int64 [n].
        x: Stored items [n, ...].
        truth: Their classes, numbered as in the data set, int64 [n].
    """

    ids: Tensor
    x: Tensor
    truth: Tensor


@dataclass(frozen=True, eq=False)
class Learned:
    """What a learner has learned from.

    Args:
        x: Labelled items [m, ...].
        y: Their classes, int64 [m].
        unlabelled: Items of the pool that were neither labelled nor rejected, [n, ...].
    """

    x: Tensor
    y: Tensor
    unlabelled: Tensor


def codes(learner: AbstractLearner, x: Tensor) -> Tensor:
    """Activity under the neutral label, float [n, u], every layer of length 1 for itself."""
    layers = learner.activations(x).values()
    return torch.cat([F.normalize(h.detach().cpu(), dim=1) for h in layers], dim=1)


def discovered(
    learner: AbstractLearner,
    rejected: Rejected,
    learned: Learned,
    dataset: Dataset,
    world: World,
    settings: Mapping[str, Any],
    streams: Sequence[Generator],
) -> dict[str, Any]:
    """Groups, proposals, and accuracy once they are accepted; only a count where there are too few.

    Args:
        learner: Trained on the known classes.
        rejected: What it did not know.
        learned: What it learned from.
        dataset: All classes.
        world: What is known of it.
        settings: Of the cell.
        streams: Generators of the training on proposals, of that on the truth, of predictions.
    """
    chosen = settings["discovery"]
    n = len(rejected.ids)
    if n < chosen["least"]:
        return {"rejected": n}
    activity = codes(learner, rejected.x)
    found = discover(
        activity, method=chosen["method"], most=chosen["most"], exemplars=chosen["exemplars"]
    )
    there = len(torch.unique(rejected.truth))
    right_number = divide(activity, there, method=chosen["method"])
    names = [name_of(one, rejected.truth) for one in found.proposals]
    labels = torch.full((n,), -1)
    for one, name in zip(found.proposals, names, strict=True):
        if name is not None:
            labels[one.items] = name
    accepted, all_named = (
        _accuracies(learner, rejected, named, learned, dataset, world, settings, *generators)
        for named, generators in (
            (labels, (streams[0], streams[2])),
            (rejected.truth, (streams[1], streams[2])),
        )
    )
    return {
        "rejected": n,
        "categories": there,
        "groups": found.number,
        "adjusted_rand": adjusted_rand(found.groups, rejected.truth),
        "adjusted_rand_right_number": adjusted_rand(right_number, rejected.truth),
        "shown": sum(len(one.exemplars) for one in found.proposals),
        "proposals": [
            {
                "size": one.size,
                "cohesion": one.cohesion,
                "separation": one.separation,
                "exemplars": rejected.ids[one.exemplars].tolist(),
                "named": name,
            }
            for one, name in zip(found.proposals, names, strict=True)
        ],
        "before": _measured(learner, list(world.known or ()), dataset, world, streams[2]),
        "accepted": accepted,
        "truth": all_named,
    }


def name_of(proposal: Proposal[Tensor], truth: Tensor) -> int | None:
    """The class that more than half of the exemplars have; None where none has."""
    (name, count), *_ = Counter(truth[proposal.exemplars].tolist()).most_common(1)
    return name if 2 * count > len(proposal.exemplars) else None


def _accuracies(
    learner: AbstractLearner,
    rejected: Rejected,
    labels: Tensor,
    learned: Learned,
    dataset: Dataset,
    world: World,
    settings: Mapping[str, Any],
    training: Generator,
    asking: Generator,
) -> dict[str, float]:
    """After a training on what was labelled and on the rejected items with a name (not -1)."""
    named = labels >= 0
    new = sorted(set(labels[named].tolist()))
    known = [*(world.known or ()), *new]
    if not new:
        return _measured(learner, known, dataset, world, asking)
    task = replace(restricted_task(dataset.task, known), name=world.task.name)
    wider = learner_of(settings["learner"], task, settings["device"])
    more = torch.tensor([known.index(name) for name in labels[named].tolist()])
    wider.fit(
        torch.cat([learned.x, rejected.x[named]]),
        torch.cat([learned.y, more]),
        generator=training,
        unlabelled=learned.unlabelled if wider.reads_unlabelled else None,
    )
    return _measured(wider, known, dataset, world, asking)


def _measured(
    learner: AbstractLearner,
    known: Sequence[int],
    dataset: Dataset,
    world: World,
    generator: Generator,
) -> dict[str, float]:
    """Accuracy on test items of all classes, of those known from the start, and of the others.

    Args:
        learner: Trained.
        known: Class of the data set for each class that it tells apart.
        dataset: All classes.
        world: What was known from the start.
        generator: Of what the learner draws, if anything.
    """
    test = dataset.test
    assert test is not None
    assert test.y is not None
    start = generator.get_state()
    named = torch.tensor(known)[predictions(learner, test, generator).argmax(1)]
    generator.set_state(start)
    right = (named == test.y).double()
    old = torch.isin(test.y, torch.tensor(world.known or ()))
    return {
        "classes": len(known),
        "accuracy": float(right.mean()),
        "accuracy_known": float(right[old].mean()),
        "accuracy_new": float(right[~old].mean()),
    }
