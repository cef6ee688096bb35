"""Does the net know what it does not know? Scores, higher is more novel, and their AUROC."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pauca.analysis._arrays import Array, like, matrix, tensor
from pauca.analysis._members import fitting_sets
from pauca.checks import check_positive, check_size
from pauca.errors import InputError
from pauca.metrics import Interval, aupr, auroc

__all__ = ["class_overlap", "energy", "novelty_aupr", "novelty_auroc", "overlap_novelty"]


def class_overlap(activations: Array, members: Any, *, threshold: float = 0.0) -> Array:
    """Jaccard index of each sample's active units and each class's ensemble, [n, u] -> [n, c].

    Shared units over units of either, from 0 to 1. A silent sample shares nothing, so it has 0; NaN
    for a class without an ensemble.

    Args:
        activations: float [n, u].
        members: bool [c, u].
        threshold: A unit is active if its magnitude is above it.

    Raises:
        InputError: sizes that differ; activity that is NaN or infinite.
    """
    x = matrix(activations)
    active = (x.abs() > threshold).to(x.dtype)
    sets = fitting_sets(members, x.shape[1]).to(x.device, x.dtype)
    shared, sizes = active @ sets.T, sets.sum(1)
    either = active.sum(1, keepdim=True) + sizes - shared
    return like(torch.where(sizes > 0, shared / either, torch.nan), activations)


def overlap_novelty(activations: Array, members: Any, *, threshold: float = 0.0) -> Array:
    """1 - the highest overlap with the ensemble of a class, [n, u] -> [n]; higher is more novel.

    Classes without an ensemble are passed over; NaN if no class has one. Arguments as in
    ``class_overlap``.
    """
    overlap = tensor(class_overlap(activations, members, threshold=threshold))
    best = overlap.nan_to_num(nan=-torch.inf).amax(1)
    return like(torch.where(best.isinf(), torch.nan, 1 - best), activations)


def energy(goodness: Array, *, temperature: float = 1.0) -> Array:
    """-T log sum_k exp(G_k / T) of the goodness or logits of labels, [n, c] -> [n].

    Higher is more novel: no label has much goodness.

    Args:
        goodness: float [n, c].
        temperature: T > 0.

    Raises:
        InputError: another form, or values that are NaN or infinite.

    Reference: Liu et al., NeurIPS 2020, eq. 4.
    """
    check_positive(temperature, "temperature")
    found = matrix(goodness)
    return like(-temperature * torch.logsumexp(found / temperature, 1), goodness)


def novelty_auroc(scores: Mapping[str, Any], unseen: Any) -> dict[str, Interval]:
    """How well each score tells unseen items from seen ones: .5 not at all, 1 without a mistake.

    Args:
        scores: Higher is more novel, each [n]; for a confidence, such as the highest probability,
            pass it with its sign changed.
        unseen: Which items are of unseen categories, bool [n].

    Raises:
        InputError: sizes that differ, NaN, or items of one kind alone.
    """
    return {name: auroc(*both) for name, both in _apart(scores, unseen).items()}


def novelty_aupr(scores: Mapping[str, Any], unseen: Any) -> dict[str, Interval]:
    """How pure the most novel items are: the share of unseen ones by chance, 1 without a mistake.

    Arguments as in ``novelty_auroc``.
    """
    return {name: aupr(*both) for name, both in _apart(scores, unseen).items()}


def _apart(scores: Mapping[str, Any], unseen: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """Each score of the unseen items and of the seen ones, float64."""
    novel = tensor(unseen).detach().cpu()
    if novel.dtype != torch.bool or novel.ndim != 1:
        raise InputError(
            "not a truth value an item",
            expected="bool [n]",
            got=f"{novel.dtype} {list(novel.shape)}",
        )
    found = {}
    for name, score in scores.items():
        values = check_size(tensor(score).detach().cpu(), len(novel), f"scores[{name!r}]")
        found[name] = values[novel].double(), values[~novel].double()
    return found
