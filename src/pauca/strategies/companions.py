"""Strategies whose learner trains with a companion: they only read what the companion gives."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.checks import (
    check_count,
    check_finite,
    check_fraction,
    check_nonnegative,
    check_positive,
    check_share,
    shapes,
)
from pauca.errors import UsageError
from pauca.outputs import Outputs
from pauca.select.topk import top_k
from pauca.strategies._common import column_of
from pauca.strategies.base import AbstractScore, AbstractStrategy, make_strategy, strategies

__all__ = ["Ceal", "LossPrediction", "Vaal", "Waal", "label_agnostic_bound"]


@strategies.register("ceal")
class Ceal(AbstractStrategy):
    """The base strategy asks; the surest of the rest get pseudo-labels for the next training.

    After the t-th query (t from 0) the items of the pool with entropy below
    delta_t = max(0, delta - decay t) join the next training with the class that the model gives
    them, and that training only.

    Args:
        base: Name of any strategy that has no companion of its own.
        base_params: Its settings.
        delta: First threshold on the entropy, in nats, >= 0.
        decay: What the threshold loses a round, >= 0.
        share: Most that pseudo-labelled items may be of the training examples, in (0, 1]; labelled
            items are repeated to that end. 1 for the paper's union, which needs more steps the more
            items are sure.
    """

    name = "ceal"
    family = "semi-supervised"
    companion = "pseudo-labels"
    cost = "the base strategy's, and one more pass over the pool before each training"
    reference = "Wang, Zhang, Li, Zhang and Lin, IEEE TCSVT 2017 (arXiv 1701.03551), section III"
    when = "a pool of many easy items: the model labels those itself"

    def __init__(
        self,
        *,
        base: str = "entropy",
        base_params: Mapping[str, Any] | None = None,
        delta: float = 0.05,
        decay: float = 0.0033,
        share: float = 0.5,
    ) -> None:
        self.base = make_strategy(base, **(base_params or {}))
        if self.base.companion is not None:
            raise UsageError(
                f"ceal cannot wrap {base!r}, which has a companion of its own",
                expected="a strategy without a companion",
                got=f"{base!r} with {self.base.companion!r}",
                where="strategy 'ceal', setting 'base'",
                todo="choose another base, such as 'entropy'",
            )
        self.delta = check_nonnegative(delta, "ceal's delta")
        self.decay = check_nonnegative(decay, "ceal's decay")
        self.share = check_share(share, "ceal's share")
        self.needs = self.base.needs
        self.reads_labelled = self.base.reads_labelled

    @classmethod
    def complete(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Every setting of the base strategy."""
        whole = strategies.resolve(settings["base"], settings["base_params"] or {})
        return {**settings, "base_params": whole}

    @property
    def companion_settings(self) -> Mapping[str, Any]:
        """The threshold, its decay, and the share."""
        return {"delta": self.delta, "decay": self.decay, "share": self.share}

    def select_from_blocks(
        self, blocks: Iterable[Outputs], labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """What the base strategy selects, block by block where it can."""
        return self.base.select_from_blocks(blocks, labelled, k, generator)

    def reduced(self, pool: Outputs) -> Outputs:
        """What the base strategy keeps."""
        return self.base.reduced(pool)

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """What the base strategy chooses, int64 [k]."""
        return self.base.choose(pool, labelled, k, generator)


@strategies.register("loss-prediction")
class LossPrediction(AbstractStrategy):
    """The loss that a head on the block outputs predicts; highest first.

    Items of high predicted loss are alike, often of one or two classes; so, as in the paper, a part
    of the pool is drawn at random and the highest of that part are asked.

    Args:
        subset: Size of that part, in items for each one asked: the paper has 10,000 for 1,000. None
            for the whole pool.
        weight: lambda, weight of the head's ranking loss beside the task's loss.
        margin: xi of the ranking loss.
        stop: Fraction of the training after which the head no longer shapes the net (the paper
            stops at 120 of 200 epochs).
        hidden: Units that the head gives each tap.
    """

    name = "loss-prediction"
    family = "learned"
    needs = frozenset({"probs", "predicted_loss"})
    companion = "loss-prediction"
    cost = "O(n log n) on top of one more pass over the pool"
    reference = "Yoo and Kweon, CVPR 2019, eq. 2 and 3, section 4.1"
    when = "large nets with many labels, where a head has enough losses to learn from"

    def __init__(
        self,
        *,
        subset: int | None = 10,
        weight: float = 1.0,
        margin: float = 1.0,
        stop: float = 0.6,
        hidden: int = 128,
    ) -> None:
        if subset is not None:
            check_count(subset, "loss-prediction's subset", least=1)
        self.subset = subset
        self._settings = {"weight": weight, "margin": margin, "stop": stop, "hidden": hidden}
        check_positive(weight, "loss-prediction's weight")
        check_positive(margin, "loss-prediction's margin")
        check_fraction(stop, "loss-prediction's stop")

    @property
    def companion_settings(self) -> Mapping[str, Any]:
        """Weight, margin, stop and hidden."""
        return self._settings

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """The highest predicted losses (only their order is learned), int64 [k]."""
        losses = check_finite(column_of(pool, "predicted_loss"), "the predicted loss")
        if self.subset is None or self.subset * k >= pool.n:
            return top_k(losses, k, generator)
        drawn = torch.randperm(pool.n, generator=generator)[: self.subset * k].sort().values
        return drawn[top_k(losses[drawn.to(losses.device)], k, generator).cpu()]


@strategies.register("vaal")
class Vaal(AbstractScore):
    """Minus the log-odds that an item's latent code is one of a labelled item.

    Args:
        latent: Latent numbers of the autoencoder.
        beta: Weight of the divergence in its bound.
        adversary: Weight of fooling the discriminator.
        hidden: Units of each hidden layer of the discriminator.
        rate: Adam's step size of both.
        batch: Labelled and unlabelled items a step, each.
        steps: Steps of each; None takes as many as the learner took.
    """

    name = "vaal"
    family = "adversarial"
    needs = frozenset({"probs", "labelled_looking"})
    companion = "vaal"
    cost = "O(n log n) on top of an autoencoder's training and one pass of its encoder"
    reference = "Sinha, Ebrahimi and Darrell, ICCV 2019, eq. 1 to 4 and section 3.3"
    when = "coverage of the pool without trusting the task's net, when training time is cheap"

    def __init__(
        self,
        *,
        latent: int = 32,
        beta: float = 1.0,
        adversary: float = 1.0,
        hidden: int = 512,
        rate: float = 5e-4,
        batch: int = 64,
        steps: int | None = None,
    ) -> None:
        self._settings = {
            "latent": latent,
            "beta": check_nonnegative(beta, "vaal's beta"),
            "adversary": check_nonnegative(adversary, "vaal's adversary"),
            "hidden": hidden,
            "rate": check_positive(rate, "vaal's rate"),
            "batch": batch,
            "steps": steps,
        }

    @property
    def companion_settings(self) -> Mapping[str, Any]:
        """Everything but the score."""
        return self._settings

    def score(self, pool: Outputs) -> Tensor:
        """-log-odds of looking labelled, float [n]."""
        return -column_of(pool, "labelled_looking")


@strategies.register("waal")
class Waal(AbstractScore):
    """How unlabelled an item looks to the critic, minus bounds on its loss whatever its label.

    The bounds are least for the uniform prediction, so the second term asks where the net is
    unsure; the first asks where the labelled items are not.

    Args:
        diversity: Weight of the critic in the score, >= 0.
        mu: Weight of the distance beside the task's loss in training.
        penalty: Weight of the gradient penalty in the critic's loss.
        hidden: Units of the critic's hidden layer.
        rate: Adam's step size of the critic.
        gamma: Weight of the labelled side in the distance that the net lowers; None for m / n.
    """

    name = "waal"
    family = "adversarial"
    needs = frozenset({"probs", "critic"})
    companion = "waal"
    cost = "O(n c) on top of twice the training time and one pass over the pool"
    reference = "Shui, Zhou, Gagne and Wang, AISTATS 2020, eq. 8 to 11"
    when = "uncertainty and coverage in one score, with the pool helping the training"

    def __init__(
        self,
        *,
        diversity: float = 10.0,
        mu: float = 2e-3,
        penalty: float = 1.0,
        hidden: int = 50,
        rate: float = 3e-3,
        gamma: float | None = None,
    ) -> None:
        self.diversity = check_nonnegative(diversity, "waal's diversity")
        self._settings = {
            "mu": check_nonnegative(mu, "waal's mu"),
            "penalty": check_nonnegative(penalty, "waal's penalty"),
            "hidden": hidden,
            "rate": check_positive(rate, "waal's rate"),
            "gamma": gamma if gamma is None else check_nonnegative(gamma, "waal's gamma"),
        }

    @property
    def companion_settings(self) -> Mapping[str, Any]:
        """Everything but the score."""
        return self._settings

    def score(self, pool: Outputs) -> Tensor:
        """Diversity g - (|log p|_1 + |log p|_2) / 2, float [n]."""
        return self.diversity * column_of(pool, "critic") - label_agnostic_bound(pool.mean_probs)


@shapes("n", probs="n c")
def label_agnostic_bound(probs: Tensor) -> Tensor:
    """(|-log p|_1 + |-log p|_2) / 2: a bound on -log p(y|x) for every label y, float [n].

    Each norm is at least max_y -log p(y|x). A p of 0 counts as the smallest normal number, so that
    the answer stays finite.

    Args:
        probs: float [n, c].

    Reference: Shui, Zhou, Gagne and Wang, AISTATS 2020, section 4 (querying).
    """
    losses = -probs.clamp_min(torch.finfo(probs.dtype).tiny).log()
    return (losses.abs().sum(1) + losses.square().sum(1).sqrt()) / 2
