"""Does WAAL's critic tell the labelled side from the rest when labels are few?

    PAUCA_DATA=... python benchmarks/critic.py --labels 50 100 --seeds 3

Labelled items are of the digits 0 to 4 only, the pool holds all ten. A critic that has learned
anything puts unseen items of 5 to 9 above unseen items of 0 to 4: printed is how often (the area
under the ROC curve), for the critic as it is trained here (its own mean taken out) and for one that
raises E[g(unlabelled)] - gamma E[g(labelled)] with its mean left free, gamma = m / n in both.
"""

from argparse import ArgumentParser
from time import perf_counter

import torch
from torch import Tensor

from pauca.data import load_dataset
from pauca.learners import make_learner
from pauca.learners.companions.waal import DistanceGame
from pauca.learners.objective import AbstractGradientLearner
from pauca.nets.adversary import gradient_penalty, weighted_distance
from pauca.rng import generator_from


class FreeGame(DistanceGame):
    """The critic's mean left free."""

    def _step(self, labelled: Tensor, unlabelled: Tensor) -> None:
        smooth = gradient_penalty(self.critic, labelled, unlabelled, self._noise)
        apart = weighted_distance(self.critic(labelled), self.critic(unlabelled), self.gamma)
        (self.penalty * smooth - apart).backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.steps += 1


def area(high: Tensor, low: Tensor) -> float:
    """How often an item of ``high`` is above one of ``low``; ties count half."""
    above = (high[:, None] > low).double() + 0.5 * (high[:, None] == low).double()
    return float(above.mean())


def main() -> None:
    """Print one line a training."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 100])
    parser.add_argument("--pool", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    told = parser.parse_args()
    data = load_dataset("mnist")
    x, y = data.train.x, data.train.y
    assert y is not None
    for m in told.labels:
        for seed in range(told.seeds):
            order = torch.randperm(len(x), generator=generator_from(seed))
            pool, rest = order[: told.pool], order[told.pool :]
            near, far = rest[y[rest] < 5], rest[y[rest] >= 5][:1000]
            labelled, near = near[:m], near[m : m + 1000]
            for name, kind in (("mean out", DistanceGame), ("mean free", FreeGame)):
                learner = make_learner("backprop", task=data.task, steps=told.steps, rate=0.004)
                assert isinstance(learner, AbstractGradientLearner)
                settings = {"mu": 2e-3, "penalty": 1.0, "hidden": 50, "rate": 3e-3}
                game = kind(x[pool], gamma=m / told.pool, **settings)  # type: ignore[arg-type]
                began = perf_counter()
                learner.fit_towards(game, x[labelled], y[labelled], generator=generator_from(seed))
                seconds = perf_counter() - began
                game.critic.eval()
                g = []
                for ids in (far, near):
                    told_of = learner.outputs(x[ids], ids, needs=frozenset({"features"}))
                    assert told_of.features is not None
                    with torch.no_grad():
                        g.append(game.critic(told_of.features))
                print(
                    f"labels {m:4d}  seed {seed}  {name:9s}  area {area(*g):.3f}  mean g: digits"
                    f" 5 to 9 {g[0].mean():.4f}, 0 to 4 {g[1].mean():.4f}  {seconds:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
