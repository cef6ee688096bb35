"""How much of a ranking can defects of a toolkit explain?

Five methods of the survey as a public toolkit has them, beside the correct ones: same data, same
first labels, same weights, same steps. In the toolkit

- ``var-ratio`` computes least-confidence of a single pass;
- ``k-means`` ("GPU") returns the first k of the pool. Here the pool is in random order, where that
  is a random choice, and once more sorted by class (``k-means, sorted pool``);
- ``adversarial-deepfool`` always takes the last class in place of the nearest boundary;
- ``vaal`` asks for what looks most labelled (its discriminator is left as it should be here, though
  the toolkit gives it the same target on both sides);
- ``waal`` trains with many times the steps of the others and weighs the labelled side by 1. Here
  ``--steps`` times as many, and random choice with as many shows what the steps alone are worth.

These forms live here only. Area under the budget curve, over repetitions; the difference of a form
to the correct one is paired. Both rankings, of all methods with the correct forms and with the
other ones, are compared by Kendall's tau, and so are two halves of the repetitions with the correct
forms: what chance alone does to a ranking.

    PAUCA_DATA=... OMP_NUM_THREADS=1 python benchmarks/defects.py --data digits --workers 2
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.stats import kendalltau
from torch import Generator, Tensor

import pauca
from pauca.data import Dataset
from pauca.features import featured
from pauca.learners.companions import attach
from pauca.metrics import area_under_budget_curve, mean_interval
from pauca.outputs import Outputs
from pauca.rng import Streams
from pauca.strategies import AbstractStrategy, make_strategy

CONTEXT = ("random", "margin", "entropy", "badge", "k-center", "bald")
STEPS = 300


class FirstOfThePool(AbstractStrategy):
    """The first k, in the order of the pool."""

    name = "first-of-the-pool"
    family = "defect"
    needs: ClassVar[frozenset[str]] = frozenset({"probs"})

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions 0, ..., k - 1."""
        return torch.arange(k)


class Given(AbstractStrategy):
    """Items that were chosen before.

    Args:
        ids: int64 [k].
    """

    name = "given"
    family = "fixed"
    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, ids: Tensor) -> None:
        self.ids = ids

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Their positions, in a pool of all items."""
        return self.ids[:k]


class MostLabelledLooking(AbstractStrategy):
    """What vaal would ask for last."""

    name = "most-labelled-looking"
    family = "defect"
    needs: ClassVar[frozenset[str]] = frozenset({"probs", "labelled_looking"})
    companion = "vaal"

    @property
    def companion_settings(self) -> Mapping[str, Any]:
        """Those of vaal."""
        return make_strategy("vaal").companion_settings

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions of the highest log-odds."""
        return pool.extras["labelled_looking"].topk(k).indices


def last_class_distances(
    logits: Callable[[Tensor], Tensor], x: Tensor, *, max_steps: int = 100
) -> Tensor:
    """DeepFool that always walks to the last class (the one before, if the first answer is that).

    As ``pauca.select.deepfool_distances`` otherwise: float [n, ...] -> [n], +inf if never flipped.
    """
    with torch.no_grad():
        first = logits(x).argmax(-1)
    c = int(logits(x[:1]).shape[1])
    target = torch.where(first == c - 1, c - 2, c - 1)
    moved = torch.zeros_like(x)
    found = torch.full((len(x),), torch.inf)
    open_ = torch.arange(len(x))
    for _ in range(max_steps + 1):
        inputs = (x[open_] + 1.02 * moved[open_]).requires_grad_()
        z = logits(inputs)
        flipped = z.argmax(-1) != first[open_]
        found[open_[flipped]] = moved[open_[flipped]].flatten(1).norm(dim=1)
        gap = (z.gather(1, target[open_, None]) - z.gather(1, first[open_, None]))[:, 0]
        (w,) = torch.autograd.grad(gap.sum(), inputs)
        size = w.flatten(1).square().sum(1).clamp_min(1e-20)
        step = (gap.abs() / size).detach().view(-1, *[1] * (x.ndim - 1)) * w
        moved[open_] += step
        open_ = open_[~flipped]
        if not len(open_):
            break
    return found


@contextmanager
def last_class() -> Iterator[None]:
    """Learners measure distances that way for the time being."""
    from pauca.learners import attack

    right = attack.deepfool_distances
    attack.deepfool_distances = last_class_distances
    try:
        yield
    finally:
        attack.deepfool_distances = right


@dataclass(frozen=True)
class Form:
    """One way to ask.

    Args:
        of: The method it stands for.
        make: The strategy.
        steps: Optimiser steps a round, as a multiple of everyone else's.
        within: What is changed while it runs.
        ordered: Whether the pool is sorted by class.
    """

    of: str
    make: Callable[[], AbstractStrategy]
    steps: int = 1
    within: Callable[[], AbstractContextManager[None]] = nullcontext
    ordered: bool = False


def forms(steps: int) -> dict[str, Form]:
    """Correct forms under the methods' names, the others under "name, as found"."""
    methods = (*CONTEXT, "var-ratio", "k-means", "adversarial-deepfool", "vaal", "waal")
    right = {name: Form(name, partial(make_strategy, name)) for name in methods}
    return {
        **right,
        "var-ratio, as found": Form("var-ratio", partial(make_strategy, "least-confidence")),
        "k-means, as found": Form("k-means", FirstOfThePool),
        "adversarial-deepfool, as found": Form(
            "adversarial-deepfool",
            partial(make_strategy, "adversarial-deepfool"),
            within=last_class,
        ),
        "vaal, as found": Form("vaal", MostLabelledLooking),
        "waal, as found": Form("waal", partial(make_strategy, "waal", gamma=1.0), steps=steps),
        "k-means, sorted pool": Form("k-means", partial(make_strategy, "k-means"), ordered=True),
        "k-means, as found, sorted pool": Form("k-means", FirstOfThePool, ordered=True),
        f"random, {steps} x the steps": Form(
            "random", partial(make_strategy, "random"), steps=steps
        ),
    }


@cache
def items(name: str) -> Dataset:
    """The data set, images larger than digits as principal components."""
    data = pauca.load_dataset(name)
    return data if name == "digits" else featured(data, "pca")


def area(form: Form, asked: argparse.Namespace, repetition: int) -> float:
    """Area under the budget curve of one repetition."""
    torch.set_num_threads(1)
    data, streams = items(asked.data), Streams(asked.seed, repetition)
    assert data.train.y is not None
    assert data.test is not None
    assert data.test.y is not None
    kept = torch.randperm(len(data.train), generator=streams.generator("split", 1))[: asked.pool]
    pool, strategy = data.train.take(kept), form.make()
    assert pool.y is not None
    learner: Any = pauca.make_learner(
        "probe", task=data.task, head="mlp", steps=STEPS * form.steps, attack_steps=50
    )
    learner = attach(strategy.companion, learner, strategy.companion_settings)
    order = pool.y.argsort(stable=True) if form.ordered else torch.arange(len(pool))
    # the same first items, wherever they stand
    drawn = torch.randperm(len(pool), generator=streams.generator("initial"))[: asked.initial]
    first = order.argsort()[drawn]
    x, y = pool.x[order], pool.y[order]
    session = pauca.Session(x, learner, strategy, streams=streams, initial_strategy=Given(first))
    labels, accuracy = [], []
    with form.within():
        for t in range(1 + (asked.budget - asked.initial) // asked.query):
            ids = session.ask(asked.query if t else asked.initial)
            session.tell(ids, y[ids])
            session.train()
            right = learner.predict(data.test.x).cpu() == data.test.y
            labels.append(len(session.labelled_ids))
            accuracy.append(float(right.double().mean()))
    return area_under_budget_curve(labels, accuracy)


def main() -> None:
    """Every form in every repetition, then the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--pool", type=int, default=1000)
    parser.add_argument("--initial", type=int, default=20)
    parser.add_argument("--query", type=int, default=20)
    parser.add_argument("--budget", type=int, default=160)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10, help="waal's, as a multiple")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    found = run(asked)
    report(found, asked)


def run(asked: argparse.Namespace) -> dict[str, np.ndarray]:
    """{form: areas over repetitions}."""
    wanted = forms(asked.steps)
    with ProcessPoolExecutor(asked.workers) as workers:
        tasks = {
            (name, r): workers.submit(one, name, asked, r)
            for r in range(asked.repetitions)
            for name in wanted
        }
        done = {}
        for key, task in tasks.items():
            done[key] = task.result()
            print(f"\r{len(done)} of {len(tasks)} done", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    return {name: np.array([done[name, r] for r in range(asked.repetitions)]) for name in wanted}


def one(name: str, asked: argparse.Namespace, repetition: int) -> float:
    """Area of a form by its name, for a worker."""
    return area(forms(asked.steps)[name], asked, repetition)


def report(found: Mapping[str, np.ndarray], asked: argparse.Namespace) -> None:
    """Print both tables."""
    wanted = forms(asked.steps)
    print(
        f"{asked.data}: {asked.repetitions} repetitions, {asked.initial} to {asked.budget} labels"
    )
    print(f"{'form':34s} {'area, %':>8s}   less random's, points     less the correct form's")
    for name, form in wanted.items():
        against = "" if name == "random" else interval(found[name] - found["random"])
        base = f"{form.of}, sorted pool" if form.ordered else form.of
        changed = "" if name in (form.of, base) else interval(found[name] - found[base])
        print(f"{name:34s} {100 * found[name].mean():8.2f}   {against:24s}  {changed}")
    right = [name for name in wanted if name == wanted[name].of]
    wrong = [f"{name}, as found" if f"{name}, as found" in wanted else name for name in right]
    a, b = (np.array([found[name] for name in names]) for names in (right, wrong))
    print(f"\n{'method':22s} rank, correct   rank, as found   (by mean area)")
    for name, mine, theirs in zip(right, ranks(a.mean(1)), ranks(b.mean(1)), strict=True):
        print(f"{name:22s} {mine:13d} {theirs:16d}")
    tau = kendalltau(a.mean(1), b.mean(1)).statistic
    half = a.shape[1] // 2
    chance = kendalltau(a[:, :half].mean(1), a[:, half:].mean(1)).statistic
    print(f"Kendall's tau of the two: {tau:.2f}; of two halves, both correct: {chance:.2f}")


def ranks(values: np.ndarray) -> list[int]:
    """1 for the largest."""
    places = (-values).argsort().argsort() + 1
    return [int(place) for place in places]


def interval(values: np.ndarray) -> str:
    """Mean and 95 % Student-t interval, in points."""
    found = mean_interval(100 * values)
    return f"{found.mean:+6.2f} [{found.low:+.2f}, {found.high:+.2f}]"


if __name__ == "__main__":
    main()
