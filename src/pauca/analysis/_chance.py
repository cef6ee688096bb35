"""How many units two sets share by chance: the hypergeometric distribution, without SciPy."""

import torch
from torch import Tensor

__all__ = ["chance_jaccard", "chance_tails"]


def chance_jaccard(u: int, a: int, b: int) -> float:
    """Mean Jaccard index of two random sets of a and b out of u units; NaN if both are empty."""
    if a + b == 0:
        return float("nan")
    shared, p = _overlaps(u, a, b)
    return float((p * shared / (a + b - shared)).sum())


def chance_tails(u: int, a: int, b: int, shared: int) -> tuple[float, float]:
    """P(at least so many shared) and P(at most so many), for random sets of a and b of u units."""
    values, p = _overlaps(u, a, b)
    more, fewer = p[values >= shared].sum(), p[values <= shared].sum()
    return min(1.0, float(more)), min(1.0, float(fewer))


def _overlaps(u: int, a: int, b: int) -> tuple[Tensor, Tensor]:
    """Every number that can be shared, and its probability, float64 [m]."""
    k = torch.arange(max(0, a + b - u), min(a, b) + 1, dtype=torch.float64)
    log = _choose(b, k) + _choose(u - b, a - k) - _choose(u, torch.tensor(float(a)))
    return k, log.exp()


def _choose(n: int, k: Tensor) -> Tensor:
    """Logarithm of n over k."""
    k = k.to(torch.float64)
    whole = torch.tensor(n + 1.0, dtype=torch.float64)
    return torch.lgamma(whole) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
