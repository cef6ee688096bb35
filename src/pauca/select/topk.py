"""The k highest scores with seeded ties."""

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, shapes, typed

__all__ = ["top_k"]


@typed
@shapes("k", scores="n")
def top_k(scores: Tensor, k: int, generator: Generator) -> Tensor:
    """Positions of the k highest of n scores, highest first; equal scores in random order.

    Args:
        scores: float [n], no NaN.
        k: 0 <= k <= n.
        generator: CPU generator that orders ties; advances by n draws whatever k is.

    Returns:
        int64 [k].

    Cost: O(n log n) time, O(n) memory.
    """
    check_count(k, "k", most=len(scores))
    shuffle = torch.randperm(len(scores), generator=generator).to(scores.device)
    order = scores[shuffle].argsort(descending=True, stable=True)
    return shuffle[order[:k]]
