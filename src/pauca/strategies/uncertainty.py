"""Scores of one predictive distribution: least confidence, margin, entropy."""

import torch
from torch import Tensor

from pauca.outputs import Outputs
from pauca.strategies.base import AbstractScore, strategies

__all__ = ["Entropy", "LeastConfidence", "Margin"]


@strategies.register("least-confidence")
class LeastConfidence(AbstractScore):
    """1 - max_y p(y|x), in [0, 1 - 1/c]."""

    name = "least-confidence"
    family = "uncertainty"
    cost = "O(n c)"
    reference = "Lewis and Gale, SIGIR 1994; Settles, 2009, section 3.1, eq. x*_LC"
    when = "a cheap first choice when only the surest class matters"

    def score(self, pool: Outputs) -> Tensor:
        """1 - max p, float [n]."""
        return 1 - pool.mean_probs.amax(-1)


@strategies.register("margin")
class Margin(AbstractScore):
    """-(p(1) - p(2)) of the two likeliest classes, in [-1, 0]."""

    name = "margin"
    family = "uncertainty"
    cost = "O(n c)"
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
    """H[p] = -sum_y p log p in nats, in [0, log c]; 0 log 0 is 0."""

    name = "entropy"
    family = "uncertainty"
    cost = "O(n c)"
    reference = "Shannon, 1948; Settles, 2009, section 3.1, eq. x*_H"
    when = "like least-confidence, when all classes count"

    def score(self, pool: Outputs) -> Tensor:
        """H[p], float [n]."""
        p = pool.mean_probs
        return -torch.xlogy(p, p).sum(-1)
