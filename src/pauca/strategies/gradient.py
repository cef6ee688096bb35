"""Batches by the gradient that each item would cause."""

from torch import Generator, Tensor
from torch.nn.functional import one_hot

from pauca.outputs import Outputs
from pauca.select.kmeanspp import badge_seeding
from pauca.select.points import work_dtype
from pauca.strategies._common import features_of
from pauca.strategies.base import AbstractStrategy, strategies

__all__ = ["Badge", "gradient_factor"]


@strategies.register("badge")
class Badge(AbstractStrategy):
    """k-means++ seeding on last-layer gradients g = (p - onehot(argmax p)) x h, never formed.

    Uncertain items have long gradients and unlike items have unlike ones, so a batch is both
    uncertain and diverse. The first item is the one with the longest gradient. Where one pass
    and k looks at the pool are affordable it is the safe choice for batches: it has no setting,
    behaves like an uncertainty for small k, and survives duplicates.
    """

    name = "badge"
    family = "gradient"
    needs = frozenset({"probs", "features"})
    cost = "at most O(k n (c + d)) time, O(n (c + d)) memory"
    reference = "Ash, Zhang, Krishnamurthy, Langford and Agarwal, ICLR 2020, algorithm 1"
    when = "large batches from a net trained end to end"

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions of k distinct items, however many embeddings are alike."""
        h = features_of(pool)
        q = gradient_factor(pool.mean_probs).to(work_dtype(h))
        return badge_seeding(q, h, k, generator)


def gradient_factor(probs: Tensor) -> Tensor:
    """P - onehot(argmax p), the factor of the gradient that the label decides, float [n, c]."""
    return probs - one_hot(probs.argmax(-1), probs.shape[-1]).to(probs.dtype)
