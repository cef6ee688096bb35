"""Scores of one predictive distribution: least confidence, margin, entropy."""

import torch
from torch import Tensor

from pauca.outputs import Outputs
from pauca.strategies.base import AbstractScore, strategies

__all__ = ["Entropy", "LeastConfidence", "Margin"]


@strategies.register("least-confidence")
class LeastConfidence(AbstractScore):
    """1 - max_y p(y|x), in [0, 1 - 1/c].

    It looks at the likeliest class alone and asks where that one is weak, so with many classes it
    is drawn to items spread over all of them. Among the k asked for there may be near-duplicates:
    take small batches, or a method that looks at the batch.
    """

    name = "least-confidence"
    family = "uncertainty"
    cost = "O(n c + n log n)"
    reference = "Lewis and Gale, SIGIR 1994; Settles, 2009, section 3.1, eq. x*_LC"
    when = "a cheap first choice when only the surest class matters"

    def score(self, pool: Outputs) -> Tensor:
        """1 - max p, float [n]."""
        return 1 - pool.mean_probs.amax(-1)


@strategies.register("margin")
class Margin(AbstractScore):
    """-(p(1) - p(2)) of the two likeliest classes, in [-1, 0].

    It asks at the boundary between two classes and ignores the tail of the distribution, which a
    net with many classes predicts badly. It costs one pass and compares well with far dearer
    methods; like every score of single items it may ask for near-duplicates in one batch.
    """

    name = "margin"
    family = "uncertainty"
    cost = "O(n c + n log n)"
    reference = "Scheffer, Decomain and Wrobel, IDA 2001; Settles, 2009, section 3.1, eq. x*_M"
    when = "the default among cheap strategies: asks where two classes compete"

    def score(self, pool: Outputs) -> Tensor:
        """-(p(1) - p(2)), float [n]; with a single class every item is equal."""
        if pool.c == 1:
            return torch.zeros(pool.n, device=pool.probs.device)
        first, second = pool.mean_probs.topk(2, dim=-1).values.unbind(-1)
        return second - first


@strategies.register("entropy")
class Entropy(AbstractScore):
    """H[p] = -sum_y p log p in nats, in [0, log c]; 0 log 0 is 0.

    It counts every class, and so asks for items that the net knows nothing about. With many
    classes, small probabilities far from the boundary can outweigh a tie of two classes: margin is
    then the safer choice. With two classes all three scores give the same order.
    """

    name = "entropy"
    family = "uncertainty"
    cost = "O(n c + n log n)"
    reference = "Shannon, 1948; Settles, 2009, section 3.1, eq. x*_H"
    when = "like least-confidence, when all classes count"

    def score(self, pool: Outputs) -> Tensor:
        """H[p], float [n]."""
        p = pool.mean_probs
        return -torch.xlogy(p, p).sum(-1)
