"""What it costs to know a net better: dropout members and distances to the boundary.

Members: s passes in which the part before the first dropout runs once, against one pass. Distances:
whole batches against one image at a time (timed on fewer images, per image). MNIST, the default
convnet, 300 steps on 1,000 labels. Ratios are of times taken in turn in one process.

    PAUCA_DATA=... python benchmarks/passes.py
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

import pauca
from pauca.learners.backprop import Backprop
from pauca.rng import generator_from
from pauca.select.adversarial import bim_distances, deepfool_distances


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(ratios: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f} - {max(ratios):.1f})"


def trained() -> tuple[Backprop, Tensor]:
    """A learner, and 10,000 images that it has not seen."""
    data = pauca.load_dataset("mnist")
    learner = pauca.make_learner("backprop", task=data.task, steps=300)
    assert isinstance(learner, Backprop)
    assert data.train.y is not None
    order = torch.randperm(len(data.train), generator=generator_from(0))
    some = order[:1000]
    learner.fit(data.train.x[some], data.train.y[some], generator=generator_from(1))
    return learner, data.train.x[order[1000:11000]]


def members(learner: Backprop, x: Tensor, repeats: int) -> None:
    """Print what s passes cost beside one."""
    ids, both = torch.arange(len(x)), frozenset({"probs", "members"})
    ratios = []
    for _ in range(repeats):
        one = seconds(lambda: learner.outputs(x, ids))
        many = seconds(lambda: learner.outputs(x, ids, needs=both, generator=generator_from(2)))
        ratios.append(many / one)
    print(f"{learner.passes} dropout members cost {spread(ratios)} times one pass")


def distances(learner: Backprop, x: Tensor, repeats: int, few: int) -> None:
    """Print what a distance costs in whole batches and one image at a time."""
    inputs = learner.task.evaluate(x, None)
    for name, kernel in (("BIM", bim_distances), ("DeepFool", deepfool_distances)):
        attack = partial(kernel, learner.net)
        ratios = []
        for _ in range(repeats):
            alone = seconds(partial(one_by_one, attack, inputs[:few])) / few
            whole = seconds(partial(attack, inputs)) / len(inputs)
            ratios.append(alone / whole)
        print(
            f"{name}: {whole * len(inputs):.1f} s for {len(inputs)} images, "
            f"{spread(ratios)} times faster than one at a time ({few} images)"
        )


def one_by_one(attack: Callable[[Tensor], Tensor], inputs: Tensor) -> None:
    """The plain form: a loop over images."""
    for image in inputs:
        attack(image[None])


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--alone", type=int, default=50, help="images taken one at a time")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    learner, x = trained()
    members(learner, x, given.repeats)
    distances(learner, x, given.repeats, given.alone)


if __name__ == "__main__":
    main()
