"""Activity of many kinds, and the published loop over all pairs of units."""

import math
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from pauca.analysis.ensembles import Pairs
from pauca.rng import generator_from

KINDS = ["continuous", "sparse", "tied", "silent units", "graded"]


def activity(kind: str, n: int, u: int, seed: int = 0) -> Tensor:
    """Activity of one kind, [n, u]; "graded" has units of very different levels."""
    x = torch.randn(n, u, generator=generator_from(seed), dtype=torch.float64)
    if kind == "sparse":
        return (x - 1.0).relu()
    if kind == "tied":
        return (2 * x).round().relu()
    if kind == "silent units":
        x = (x + torch.arange(u) % 3 - 1).relu()
        x[:, [0, u // 2, u - 1]] = 0
    if kind == "graded":
        x = x + torch.linspace(-2, 2, u)
    return x


def plain_ks_p(a: NDArray[Any], b: NDArray[Any]) -> float:
    with warnings.catch_warnings():
        # rounding at times takes SciPy's exact p of 1 above 1: it warns and takes the limit
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful")
        return float(stats.ks_2samp(a, b).pvalue)


def plain_mean_p(x: NDArray[Any], labels: NDArray[Any], pairs: Pairs = "later") -> NDArray[Any]:
    """The published loop, [n, u] -> [c, u]."""
    u = x.shape[1]
    found = np.full((labels.max() + 1, u), math.nan)
    for k in range(len(found)):
        of_class = x[labels == k]
        for i in range(u):
            others = range(i + 1, u) if pairs == "later" else [j for j in range(u) if j != i]
            p = [plain_ks_p(of_class[:, i], of_class[:, j]) for j in others]
            if p:
                found[k, i] = np.mean(p)
    return found
