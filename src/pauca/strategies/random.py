"""The baseline that every other strategy has to beat."""

import torch
from torch import Tensor

from pauca.outputs import Outputs
from pauca.strategies.base import AbstractScore, strategies

__all__ = ["Random"]


@strategies.register("random")
class Random(AbstractScore):
    """Uniform without replacement: every score is equal and ties are broken at random.

    It asks no model, costs nothing, and its labelled set stays a fair sample of the pool, on which
    a model can be judged. Many a method fails to beat it with few labels or large batches.
    """

    name = "random"
    family = "baseline"
    needs = frozenset()
    cost = "O(n log n)"
    reference = "simple random sampling"
    when = "always run it: a method that does not beat it saves no label"

    def score(self, pool: Outputs) -> Tensor:
        """Zero for every item, float [n]."""
        return torch.zeros(pool.n, device=pool.probs.device)
