"""Wasserstein adversarial active learning: features that a critic cannot tell labelled from not."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import functional_call

from pauca.checks import check_count, check_nonnegative, check_positive
from pauca.errors import InputError
from pauca.learners.base import AbstractLearner, FitReport, Progress
from pauca.learners.companions.base import (
    AbstractCompanion,
    companions,
    gradient_learner,
)
from pauca.learners.objective import AbstractObjective, Training
from pauca.learners.training import index_batches
from pauca.nets.adversary import Critic, critic_loss, make_critic, weighted_distance
from pauca.outputs import Outputs
from pauca.rng import generator_from, split

__all__ = ["DistanceGame", "Waal"]


@companions.register("waal")
class Waal(AbstractCompanion):
    """The learner's net lowers its loss and the distance that a critic finds between the two sides.

    Each step the critic takes one step of its own, then the net takes the learner's step on its
    loss + mu (E[g(unlabelled)] - gamma E[g(labelled)]). Batches hold as many labelled items as
    unlabelled ones while the pool does not: gamma = m / n gives every item the same weight.
    Gives ``critic``: g in (0, 1), float [n], higher for what looks less labelled.

    The critic raises that same distance with its own mean taken out, under a gradient penalty. With
    weights 1 and gamma < 1 a constant added to g would raise the distance whatever the features
    are, and for m far below n that is all a bounded critic learns: g near 1 everywhere. Without the
    constant the best critic does not depend on gamma (``critic_loss``); gamma weighs what the
    features do.

    The paper's own weight of the labelled side is (n - b) m / (n (m + b)) for a query of b items
    (eq. 8: (r - a) / (r (1 + a)) with r = n / m, a = b / m); it is 1 for b = 0. m / n is that of
    the authors' experiments. Any number can be set as ``gamma``.

    Args:
        learner: A learner of one net by gradient steps.
        mu: Weight of the distance in the net's loss.
        penalty: Weight of the gradient penalty in the critic's loss.
        hidden: Units of the critic's hidden layer.
        rate: Adam's step size of the critic.
        gamma: Weight of the labelled side; None for m / n.

    Raises:
        CapabilityError: another kind of learner.

    Reference: Shui, Zhou, Gagne and Wang, AISTATS 2020, section 4, eq. 8.
    """

    name = "waal"
    summary = "a critic of labelled from unlabelled features, and a net that lowers its distance"
    reference = "Shui, Zhou, Gagne and Wang, AISTATS 2020, section 4"
    columns = frozenset({"critic"})
    reads = frozenset({"features"})

    def __init__(
        self,
        *,
        learner: AbstractLearner,
        mu: float = 2e-3,
        penalty: float = 1.0,
        hidden: int = 50,
        rate: float = 3e-3,
        gamma: float | None = None,
    ) -> None:
        super().__init__(learner=learner)
        self.inner = gradient_learner(learner, self.name)
        self.mu = check_nonnegative(mu, "waal's mu")
        self.penalty = check_nonnegative(penalty, "waal's penalty")
        self.hidden = check_count(hidden, "waal's hidden", least=1)
        self.rate = check_positive(rate, "waal's rate")
        self.gamma = None if gamma is None else check_nonnegative(gamma, "waal's gamma")
        self._critic: Critic | None = None

    @property
    def reads_unlabelled(self) -> bool:
        """Always."""
        return True

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Train net and critic in turns, the net in as many steps as the learner alone.

        With an empty pool there is nothing to tell apart, and the learner trains alone.
        """
        pool = self.check_unlabelled(unlabelled)
        if len(pool) == 0:
            report = self.learner.fit(x, y, generator=generator, progress=progress)
            self._critic = None
            return report
        start = deepcopy(self._critic) if self.learner.carries_state else None
        objective = DistanceGame(
            pool,
            gamma=len(x) / len(pool) if self.gamma is None else self.gamma,
            mu=self.mu,
            penalty=self.penalty,
            hidden=self.hidden,
            rate=self.rate,
            start=start,
        )
        report = self.inner.fit_towards(objective, x, y, generator=generator, progress=progress)
        self._critic = objective.critic.eval()
        return replace(report, companion_steps=report.companion_steps + objective.steps)

    def measure(self, x: Tensor, told: Outputs) -> Mapping[str, Tensor]:
        """``critic``, float [n], from the features.

        Raises:
            InputError: the last training had no pool.
        """
        if self._critic is None or told.features is None:
            raise InputError(
                "the critic was not trained",
                expected="a training with unlabelled items",
                got="none, or one with an empty pool",
                todo="call fit with the pool's items first",
            )
        with torch.no_grad():
            return {"critic": self._critic(told.features)}

    def own_state(self) -> dict[str, Any]:
        """Weights of the critic and how many features it reads."""
        if self._critic is None:
            return {}
        weights = {name: value.cpu().clone() for name, value in self._critic.state_dict().items()}
        return {"features": self._critic.z, "weights": weights}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        """Put them back."""
        self._critic = None
        if state:
            critic = make_critic(int(state["features"]), self.hidden, generator_from(0))
            critic.load_state_dict(state["weights"])
            self._critic = critic.to(self.device).eval()


class DistanceGame(AbstractObjective):
    """Mean loss + mu (E[g(unlabelled)] - gamma E[g(labelled)]) over features, of one training.

    Args:
        pool: Stored unlabelled items [n, ...], n >= 1.
        gamma: Weight of the labelled side.
        mu: Weight of the distance in the net's loss.
        penalty: Weight of the gradient penalty in the critic's loss.
        hidden: Units of the critic's hidden layer.
        rate: Adam's step size of the critic.
        start: A critic to go on with; None for a fresh one.
    """

    def __init__(
        self,
        pool: Tensor,
        *,
        gamma: float,
        mu: float,
        penalty: float,
        hidden: int,
        rate: float,
        start: Critic | None = None,
    ) -> None:
        self.pool, self.gamma, self.mu, self.penalty = pool, gamma, mu, penalty
        self.hidden, self.rate = hidden, rate
        self.steps = 0
        self._start = start

    def begin(self, training: Training) -> nn.Module:
        """The critic, as wide as the net's features; the net's optimiser never moves it."""
        self.net, self._transform = training.net, training.transform
        init, self._order, self._noise = split(training.generator, "critic", "pool", "penalty")
        width = self.net.features(training.example).shape[1]
        critic = self._start or make_critic(width, self.hidden, init)
        self.critic = critic.to(training.example.device)
        self._optimiser = torch.optim.Adam(self.critic.parameters(), lr=self.rate)
        return self.critic

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The net's loss, float [], after one step of the critic."""
        features = self.net.features(x)
        others = self.net.features(self._transform(self.pool[self._next(len(x))]))
        self._step(features.detach(), others.detach())
        # the critic is held fixed: its parameters must get no gradient from the net's loss
        fixed = {name: value.detach() for name, value in self.critic.named_parameters()}
        judged = [functional_call(self.critic, fixed, (side,)) for side in (features, others)]
        distance = weighted_distance(judged[0], judged[1], self.gamma)
        return F.cross_entropy(self.net.head(features), y) + self.mu * distance

    def _next(self, size: int) -> Tensor:
        if self.steps == 0:
            self._batches = index_batches(len(self.pool), size, self._order, exact=True)
        return next(self._batches)

    def _step(self, labelled: Tensor, unlabelled: Tensor) -> None:
        loss = critic_loss(
            self.critic,
            labelled,
            unlabelled,
            penalty=self.penalty,
            generator=self._noise,
        )
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.steps += 1
