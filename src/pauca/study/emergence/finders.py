"""The definitions of an ensemble side by side."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor

from pauca.analysis import Detector, ks_mean_members, mean_ratio, selective

__all__ = ["RATIO", "SELECTIVE", "detector", "find", "find_published"]

RATIO, SELECTIVE = "mean-ratio-1", "selective"


def find(activity: Tensor, y: Tensor, c: int) -> dict[str, Tensor]:
    """Members by definition, bool [c, u]; ratios are left out where activity can be negative.

    Args:
        activity: float [n, u].
        y: int64 [n].
        c: Number of classes.
    """
    found = {}
    if bool((activity >= 0).all()):
        found[RATIO] = _padded(mean_ratio(activity, y, c=1.0).members, c)
        found["mean-ratio-2"] = _padded(mean_ratio(activity, y, c=2.0).members, c)
    by_auc = selective(activity, y)
    return {
        **found,
        SELECTIVE: _padded(by_auc.members, c),
        "off": _padded(by_auc.off, c),
    }


def find_published(activity: Tensor, y: Tensor, c: int) -> Tensor:
    """Members by ``ks-mean``, bool [c, u]; arguments as in ``find``."""
    return _padded(ks_mean_members(activity, y), c)


def detector(name: str, c: int) -> Detector:
    """``selective`` or ``mean-ratio-1`` as a function of activations and labels."""
    return partial(_found, name=name, c=c)


def _found(activity: Tensor, y: Tensor, *, name: str, c: int) -> Tensor:
    found = selective(activity, y) if name == SELECTIVE else mean_ratio(activity, y)
    return _padded(found.members, c)


def _padded(members: Tensor, c: int) -> Tensor:
    """Classes without items have no members, bool [k, u] -> [c, u]."""
    missing = max(0, c - len(members))
    return F.pad(members, (0, 0, 0, missing)) if missing else members
