"""Means of classes, block by block, so that no float64 copy of all samples is made."""

import torch
from torch import Tensor

__all__ = ["class_means"]

_BLOCK = 4096  # samples widened at once


def class_means(x: Tensor, labels: Tensor, c: int) -> Tensor:
    """Mean of each class, [n, d] of any type -> float64 [c, d]; NaN for a class without samples."""
    sums = torch.zeros(c, x.shape[1], dtype=torch.float64, device=x.device)
    y = labels.to(x.device)
    for i in range(0, len(x), _BLOCK):
        one_hot = torch.nn.functional.one_hot(y[i : i + _BLOCK], c).to(torch.float64)
        sums += one_hot.T @ x[i : i + _BLOCK].to(torch.float64)
    return sums / y.bincount(minlength=c)[:, None]
