"""Sparsity of every layer by every index, of all items and of those classified rightly."""

from typing import Any

import torch
from torch import Tensor

from pauca.analysis import (
    dead_units,
    fraction_active,
    gini,
    hoyer,
    mean_defined,
    participation_ratio,
    silent_samples,
    treves_rolls_lifetime,
    treves_rolls_population,
)

__all__ = ["sparsity"]

_BY_ITEM = {
    "hoyer": hoyer,
    "gini": gini,
    "treves_rolls_population": treves_rolls_population,
    "fraction_active": fraction_active,
}


def sparsity(activity: Tensor, y: Tensor, correct: Tensor, c: int) -> dict[str, Any]:
    """Every index; items that are silent and units that are dead are counted and left out of means.

    Args:
        activity: Of one layer, float [n, u].
        y: int64 [n].
        correct: Which items are classified rightly, bool [n].
        c: Number of classes.
    """
    values = {name: index(activity) for name, index in _BY_ITEM.items()}
    found: dict[str, Any] = {
        name: {"all": mean_defined(each).mean, "correct": mean_defined(each[correct]).mean}
        for name, each in values.items()
    }
    by_class = [mean_defined(values["hoyer"][y == k]).mean for k in range(c)]
    return {
        **found,
        "hoyer_by_class": by_class,
        "treves_rolls_lifetime": mean_defined(treves_rolls_lifetime(activity)).mean,
        "participation_ratio": participation_ratio(activity),
        "dead_units": int(torch.count_nonzero(dead_units(activity))),
        "silent_samples": int(torch.count_nonzero(silent_samples(activity))),
    }
