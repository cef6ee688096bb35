"""Pseudo-labels: the surest items of the pool join the next training with the model's own label."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_nonnegative, check_share, shapes
from pauca.learners.base import AbstractLearner, FitReport, Progress
from pauca.learners.companions.base import AbstractCompanion, blocks, companions

__all__ = ["PseudoLabels", "surest", "threshold"]


@companions.register("pseudo-labels")
class PseudoLabels(AbstractCompanion):
    """Before each training but the first, the last model labels what it is sure of in the pool.

    An item whose entropy is below delta_t = max(0, delta - decay t) joins the training that
    follows query t (from 0), and that training only; the pool passed to ``fit`` holds no labelled
    item, so a true label is never replaced. Validation part and number of steps remain those of the
    labelled items where the learner can tell them apart (``fit_more``); otherwise the report counts
    what was done.

    The paper's loss weighs every item of the union alike and trains by epochs of it. In a fixed
    number of steps the sure ones, many and of few classes, would crowd out the labelled ones; so
    labelled items are repeated until the pseudo-labelled are at most ``share`` of what the batches
    are drawn from. No pseudo-label is left out.

    Args:
        learner: Any learner.
        delta: delta_0, in nats.
        decay: What the threshold loses a round.
        share: Most that pseudo-labelled items may be of the training examples, in (0, 1]; 1 for the
            paper's union.

    Reference: Wang, Zhang, Li, Zhang and Lin, IEEE TCSVT 2017 (arXiv 1701.03551), section III.
    """

    name = "pseudo-labels"
    summary = "adds the surest items of the pool with the model's label to the next training"
    reference = "Wang et al., IEEE TCSVT 2017 (arXiv 1701.03551), section III"

    def __init__(
        self,
        *,
        learner: AbstractLearner,
        delta: float = 0.05,
        decay: float = 0.0033,
        share: float = 0.5,
    ) -> None:
        super().__init__(learner=learner)
        self.delta = check_nonnegative(delta, "pseudo-labels' delta")
        self.decay = check_nonnegative(decay, "pseudo-labels' decay")
        self.share = check_share(share, "pseudo-labels' share")
        self.trainings = 0

    @property
    def carries_state(self) -> bool:
        """Always: the last model labels the pool."""
        return True

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
        """Train on the labelled items and on those of the pool that the last model is sure of."""
        self.check_fit(x, y)
        pool = self.check_unlabelled(unlabelled)
        delta, where, labels = self._sure(pool)
        told: dict[str, Any] = {
            "generator": generator,
            "progress": progress,
            "unlabelled": pool if self.learner.reads_unlabelled else None,
        }
        if len(where):
            report = self.learner.fit_more(x, y, (pool[where], labels), share=self.share, **told)
        else:
            report = self.learner.fit(x, y, **told)
        self.trainings += 1
        record = {"pseudo_labels": float(len(where)), "threshold": delta}
        return replace(report, history=(record, *report.history))

    def own_state(self) -> dict[str, Any]:
        """How many trainings there were."""
        return {"trainings": self.trainings}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        """Put it back."""
        self.trainings = int(state["trainings"])

    def _sure(self, pool: Tensor) -> tuple[float, Tensor, Tensor]:
        """The threshold, positions in the pool, and labels; nothing before the first training."""
        none = torch.empty(0, dtype=torch.int64)
        if self.trainings == 0 or len(pool) == 0:
            return 0.0, none, none
        delta = threshold(self.delta, self.decay, self.trainings - 1)
        probs = torch.cat(
            [self.learner.outputs(x, torch.arange(len(x))).mean_probs for x in blocks(pool)]
        )
        where, labels = surest(probs, delta)
        return delta, where.cpu(), labels.cpu()


def threshold(delta: float, decay: float, t: int) -> float:
    """delta_t = max(0, delta - decay t), in nats.

    Args:
        delta: delta_0 >= 0.
        decay: >= 0.
        t: Number of the query, from 0.
    """
    return max(0.0, delta - decay * check_count(t, "t"))


@shapes(probs="n c")
def surest(probs: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """Positions of the items whose entropy is below delta, and their likeliest class.

    0 log 0 is 0, so that an item with a probability of exactly 1 has entropy 0 and is among them.

    Args:
        probs: float [n, c].
        delta: In nats; nothing is below 0.

    Returns:
        Two of int64 [k].
    """
    entropy = -torch.xlogy(probs, probs).sum(-1)
    where = (entropy < delta).nonzero().squeeze(1)
    return where, probs[where].argmax(-1)
