"""Variational adversarial active learning: does an item's latent code look labelled?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_nonnegative, check_positive
from pauca.errors import InputError
from pauca.learners.base import AbstractLearner, FitReport, Progress
from pauca.learners.companions.base import AbstractCompanion, blocks, companions
from pauca.learners.training import index_batches
from pauca.nets.adversary import (
    Discriminator,
    discriminator_loss,
    fooling_loss,
    make_discriminator,
)
from pauca.nets.vae import AbstractVae, make_vae, negative_elbo
from pauca.outputs import Outputs
from pauca.rng import generator_from, split

__all__ = ["Vaal", "VaalSettings", "train_vaal"]


class VaalSettings(NamedTuple):
    """Numbers of the training, as in the companion's constructor."""

    beta: float = 1.0
    adversary: float = 1.0
    rate: float = 5e-4
    steps: int = 1


@companions.register("vaal")
class Vaal(AbstractCompanion):
    """An autoencoder of all items and a discriminator of labelled from unlabelled codes.

    The learner trains exactly as without it; then, from fresh weights, both train in turns. Gives
    ``labelled_looking``: log-odds [n] that the discriminator takes an item's code for a labelled
    one.

    Args:
        learner: Any learner.
        latent: Latent numbers.
        beta: Weight of the divergence.
        adversary: Weight of fooling the discriminator in the autoencoder's loss.
        hidden: Units of each hidden layer of the discriminator.
        rate: Adam's step size of both.
        batch: Labelled and unlabelled items a step, each.
        steps: Steps of each; None takes as many as the learner took.

    Reference: Sinha, Ebrahimi and Darrell, ICCV 2019, eq. 1 to 4 and algorithm 1.
    """

    name = "vaal"
    summary = "an autoencoder and a discriminator of labelled from unlabelled items"
    reference = "Sinha, Ebrahimi and Darrell, ICCV 2019, eq. 1 to 4"
    columns = frozenset({"labelled_looking"})

    def __init__(
        self,
        *,
        learner: AbstractLearner,
        latent: int = 32,
        beta: float = 1.0,
        adversary: float = 1.0,
        hidden: int = 512,
        rate: float = 5e-4,
        batch: int = 64,
        steps: int | None = None,
    ) -> None:
        super().__init__(learner=learner)
        self.latent = check_count(latent, "vaal's latent", least=1)
        self.beta = check_nonnegative(beta, "vaal's beta")
        self.adversary = check_nonnegative(adversary, "vaal's adversary")
        self.hidden = check_count(hidden, "vaal's hidden", least=1)
        self.rate = check_positive(rate, "vaal's rate")
        self.batch = check_count(batch, "vaal's batch", least=1)
        self.steps = steps if steps is None else check_count(steps, "vaal's steps", least=1)
        self._parts: tuple[AbstractVae, Discriminator] | None = None
        self._shape: tuple[int, ...] = ()

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
        """Train the learner, then the autoencoder and the discriminator.

        With an empty pool there is nothing to tell apart, and nothing besides the learner trains.
        """
        pool = self.check_unlabelled(unlabelled)
        report = self.learner.fit(
            x,
            y,
            generator=generator,
            progress=None if progress is None else (lambda done: progress(done / 2)),
            unlabelled=pool if self.learner.reads_unlabelled else None,
        )
        self._parts = None
        steps = (self.steps or max(1, report.steps)) if len(pool) else 0
        if steps:
            self._train(x, pool, steps, generator, progress)
        if progress is not None:
            progress(1.0)
        return replace(report, companion_steps=report.companion_steps + 2 * steps)

    def measure(self, x: Tensor, told: Outputs) -> Mapping[str, Tensor]:
        """``labelled_looking``, float [n].

        Raises:
            InputError: the last training had no pool.
        """
        if self._parts is None:
            raise InputError(
                "the discriminator was not trained",
                expected="a training with unlabelled items",
                got="none, or one with an empty pool",
                todo="call fit with the pool's items first",
            )
        vae, discriminator = self._parts
        with torch.no_grad():
            odds = [discriminator(vae.encode(self._seen(block))[0]) for block in blocks(x)]
        column = torch.cat(odds) if odds else torch.empty(0)
        return {"labelled_looking": column.to(told.probs.device)}

    def own_state(self) -> dict[str, Any]:
        """Weights of both parts, and the shape of what they see."""
        if self._parts is None:
            return {}
        weights = [
            {name: value.clone() for name, value in part.state_dict().items()}
            for part in self._parts
        ]
        return {"shape": self._shape, "vae": weights[0], "discriminator": weights[1]}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        """Put them back."""
        self._parts = None
        if state:
            self._shape = tuple(state["shape"])
            self._parts = self._fresh(generator_from(0))
            self._parts[0].load_state_dict(state["vae"])
            self._parts[1].load_state_dict(state["discriminator"])

    def _seen(self, x: Tensor) -> Tensor:
        return self.task.evaluate(x.to(self.device), None)

    def _fresh(self, generator: Generator) -> tuple[AbstractVae, Discriminator]:
        first, second = split(generator, "vae", "discriminator")
        vae = make_vae(self._shape, self.latent, first).to(self.device)
        return vae, make_discriminator(self.latent, self.hidden, second).to(self.device)

    def _train(
        self, x: Tensor, pool: Tensor, steps: int, generator: Generator, progress: Progress | None
    ) -> None:
        init, left, right, noise = split(generator, "init", "labelled", "unlabelled", "noise")
        self._shape = tuple(self._seen(x[:1]).shape[1:])
        self._parts = self._fresh(init)

        def batches() -> Iterator[tuple[Tensor, Tensor]]:
            ours = index_batches(len(x), self.batch, left)
            theirs = index_batches(len(pool), self.batch, right)
            for step, (i, j) in enumerate(zip(ours, theirs, strict=False)):
                if progress is not None:
                    progress((1 + step / steps) / 2)
                yield self._seen(x[i]), self._seen(pool[j])

        settings = VaalSettings(self.beta, self.adversary, self.rate, steps)
        train_vaal(*self._parts, batches(), settings, noise)


def train_vaal(
    vae: AbstractVae,
    discriminator: Discriminator,
    batches: Iterator[tuple[Tensor, Tensor]],
    settings: VaalSettings,
    generator: Generator,
) -> None:
    """In each step the autoencoder learns and fools, then the discriminator tells apart.

    Args:
        vae: Changed in place.
        discriminator: Changed in place.
        batches: Labelled and unlabelled items, float [b, ...] each; one pair a step.
        settings: beta, adversary, rate, steps.
        generator: Noise of the codes.
    """
    codes = torch.optim.Adam(vae.parameters(), lr=settings.rate)
    judge = torch.optim.Adam(discriminator.parameters(), lr=settings.rate)
    for _, (labelled, unlabelled) in zip(range(settings.steps), batches, strict=False):
        loss = torch.zeros((), device=labelled.device)
        odds: list[Tensor] = []
        for x in (labelled, unlabelled):
            seen, mean, log_variance = vae(x, generator)
            loss = loss + negative_elbo(x, seen, mean, log_variance, settings.beta)
            odds.append(discriminator(mean))
        loss = loss + settings.adversary * fooling_loss(odds[0], odds[1])
        _step(codes, loss)
        with torch.no_grad():
            ours, theirs = vae.encode(labelled)[0], vae.encode(unlabelled)[0]
        _step(judge, discriminator_loss(discriminator(ours), discriminator(theirs)))


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
