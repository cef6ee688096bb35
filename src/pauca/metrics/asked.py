"""What a strategy asked for: how varied, how redundant, how like another strategy's."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.checks import check_count, check_finite, check_labels, typed
from pauca.errors import InputError
from pauca.metrics.arrays import as_floats, as_ints

__all__ = ["class_entropy", "duplicate_rate", "jaccard"]

_BLOCK = 256


@typed
def class_entropy(labels: Any, classes: int) -> float:
    """Entropy in nats of the classes of what was asked, in [0, log c]; log c when balanced.

    Args:
        labels: Their classes, whole numbers [n], n >= 1.
        classes: Number of classes c of the task.
    """
    y = as_ints(labels, "labels")
    check_labels(torch.from_numpy(y), check_count(classes, "classes", least=1))
    share = np.bincount(y) / len(y)
    share = share[share > 0]
    return float(max(0.0, -(share * np.log(share)).sum()))


@typed
def duplicate_rate(x: Any, *, tolerance: float = 0.0) -> float:
    """Share of items that lie within ``tolerance`` of one that comes before them, in [0, 1).

    Args:
        x: What was asked, in order of asking, numbers [n, ...], n >= 1 (pixels, features).
        tolerance: Greatest Euclidean distance of a duplicate; 0 means equal in every number.

    Cost: O(n^2 d) time, O(256 n) memory: meant for what was asked, not for a pool.
    """
    items = _rows(x)
    if not tolerance >= 0:
        raise InputError(
            "tolerance is out of range",
            expected=">= 0",
            got=tolerance,
            todo="pass 0 to count exact copies only",
        )
    found = 0
    for start in range(0, len(items), _BLOCK):
        block = items[start : start + _BLOCK]
        # [b, start + b], by direct differences, so that equal items are at distance 0
        distance = torch.cdist(
            block,
            items[: start + len(block)],
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        earlier = torch.ones_like(distance, dtype=torch.bool).tril(start - 1)
        found += int(((distance <= tolerance) & earlier).any(1).sum())
    return found / len(items)


@typed
def jaccard(a: Any, b: Any) -> float:
    """Overlap |A and B| / |A or B| of two sets of ids, in [0, 1]; two empty sets give 1.

    Args:
        a: ids [n]; one named twice counts once.
        b: ids [m].
    """
    first = set(as_ints(a, "a", least=0).tolist())
    second = set(as_ints(b, "b", least=0).tolist())
    either = first | second
    return len(first & second) / len(either) if either else 1.0


def _rows(x: Any) -> Tensor:
    items = torch.from_numpy(as_floats(x, "x"))
    if items.ndim < 1 or len(items) == 0:
        raise InputError(
            "x has no items",
            expected="[n, ...], n >= 1",
            got=list(items.shape),
            todo="pass the items that were asked for, one a row",
        )
    return check_finite(items.reshape(len(items), -1), "x")
