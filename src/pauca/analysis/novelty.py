"""Does the net know what it does not know? Scores of novelty, and how well they find it.

Every score is one number an item, and higher is more novel. What a score reads differs: goodness of
labels (``goodness_novelty``, ``few_labels``, ``energy``), logits (``energy``), probabilities
(``low_confidence``), features (``class_mean_distance``, ``neighbour_distance``), or which units are
active (``overlap_novelty``).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pauca.analysis._arrays import Array, classes, like, matrix, tensor
from pauca.analysis._means import class_means
from pauca.analysis._members import fitting_sets
from pauca.checks import (
    check_count,
    check_finite,
    check_positive,
    check_probabilities,
    check_share,
    check_size,
)
from pauca.errors import InputError
from pauca.metrics import Interval, aupr, auroc, false_acceptance

__all__ = [
    "class_mean_distance",
    "class_overlap",
    "energy",
    "few_labels",
    "goodness_novelty",
    "label_thresholds",
    "labels_above",
    "low_confidence",
    "neighbour_distance",
    "novelty_auroc",
    "novelty_measures",
    "overlap_novelty",
]

_BLOCK = 2048  # items whose distances are held at once


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


def low_confidence(probs: Array) -> Array:
    """1 - max_k p_k, [n, c] -> [n], from 0 to 1 - 1/c; higher is more novel.

    Args:
        probs: float [n, c], rows sum to 1.

    Raises:
        InputError: no probabilities.

    Reference: Hendrycks and Gimpel, ICLR 2017 (maximum softmax probability).
    """
    found = tensor(probs).detach()
    if found.ndim != 2:
        raise InputError(
            "probs have the wrong form",
            expected="[n, c]",
            got=list(found.shape),
            todo="give one row an item, one column a class",
        )
    return like(1 - check_probabilities(found).amax(1), probs)


def goodness_novelty(goodness: Array) -> Array:
    """-max_k sum_l G_kl: no label has much goodness in all layers together, [n, c, l] -> [n].

    Higher is more novel. Rejecting an item whose best goodness is below a threshold is rejecting by
    this score.

    Args:
        goodness: float [n, c, l].

    Raises:
        InputError: another form, or values that are NaN or infinite.

    Reference: after Hinton, arXiv 2212.13345, 2022 (the threshold on goodness tells real from not).
    """
    return like(-_goodness(goodness).sum(2).amax(1), goodness)


def labels_above(goodness: Array, theta: Any) -> Array:
    """In how many labels a layer's goodness is above its threshold, [n, c, l] -> int64 [n, l].

    0: nothing that is known fits; 1: one label does; 2 or more: ambiguous.

    Args:
        goodness: float [n, c, l].
        theta: One threshold for all layers, or one for each, [l].

    Raises:
        InputError: another form; NaN or infinity; thresholds of another number.
    """
    found = _goodness(goodness)
    border = torch.as_tensor(theta, dtype=found.dtype, device=found.device)
    if border.ndim:
        check_size(border, found.shape[2], "theta")
    check_finite(border, "theta")
    return like((found > border).sum(1), goodness)


def few_labels(goodness: Array, theta: Any) -> Array:
    """-(labels whose goodness is above the threshold, mean over layers), [n, c, l] -> [n].

    From -c to 0; higher is more novel. Arguments as in ``labels_above``.
    """
    counts = tensor(labels_above(goodness, theta))
    return like(-counts.to(torch.float64).mean(1), goodness)


def label_thresholds(goodness: Array, labels: Any, *, keep: float = 0.95) -> Array:
    """A threshold for each layer that the right label passes in ``keep`` of the items, [l].

    For a net that was trained without one; the items should be labelled ones. It is the largest
    number that at least that share of them is strictly above.

    Args:
        goodness: float [n, c, l], n >= 1.
        labels: The right ones, int64 [n].
        keep: Share of the items, in (0, 1].

    Raises:
        InputError: another form, sizes that differ, a label that has no goodness.
    """
    found = _goodness(goodness)
    check_share(keep, "keep")
    y, c = classes(labels, len(found), least=1)
    if c > found.shape[1]:
        raise InputError(
            "a label has no goodness",
            expected=f"0 to {found.shape[1] - 1}",
            got=c - 1,
            todo="give goodness of every class, or labels of these classes",
        )
    own = found[torch.arange(len(found)), y.to(found.device)].sort(dim=0).values  # [n, l]
    lost = int((1 - keep) * len(own) + 1e-9)
    return like(torch.nextafter(own[lost], torch.full_like(own[lost], -torch.inf)), goodness)


def class_mean_distance(features: Array, reference: Any, labels: Any) -> Array:
    """Euclidean distance to the nearest class mean, [n, d] -> [n], >= 0; higher is more novel.

    Args:
        features: float [n, d].
        reference: Features of labelled items, [m, d].
        labels: Their classes, int64 [m]; a class without items has no mean.

    Raises:
        InputError: sizes that differ, no labelled item, NaN or infinity.

    Reference: Mensink et al., IEEE PAMI 35, 2013 (nearest class mean).
    """
    x, known = _both(features, reference)
    y, c = classes(labels, len(known), least=1)
    means = class_means(known, y.to(known.device), c)
    held = means[~means.isnan().any(1)].to(x.dtype)
    return like(_distances(x, held, 1), features)


def neighbour_distance(
    features: Array, reference: Any, *, k: int = 5, normalise: bool = True
) -> Array:
    """Euclidean distance to the k-th nearest labelled item, [n, d] -> [n]; higher is more novel.

    Args:
        features: float [n, d].
        reference: Features of labelled items, [m, d].
        k: Which neighbour, >= 1; the farthest where there are fewer labelled items.
        normalise: Whether every row is first given length 1 (a silent one stays 0): distances are
            then in [0, 2], and how strongly the net answers does not count.

    Raises:
        InputError: sizes that differ, no labelled item, NaN or infinity, k < 1.

    Reference: Sun, Ming, Zhu and Li, ICML 2022 (on normalised features).
    """
    x, known = _both(features, reference)
    check_count(k, "k", least=1)
    if normalise:
        x, known = (torch.nn.functional.normalize(each, dim=1) for each in (x, known))
    return like(_distances(x, known, min(k, len(known))), features)


def novelty_auroc(scores: Mapping[str, Any], unseen: Any) -> dict[str, Interval]:
    """How well each score tells unseen items from seen ones: .5 not at all, 1 without a mistake.

    Args:
        scores: Higher is more novel, each [n]; for a confidence, such as the highest probability,
            pass it with its sign changed.
        unseen: Which items are of unseen categories, bool [n].

    Raises:
        InputError: sizes that differ, NaN, or items of one kind alone.
    """
    return {name: auroc(*both) for name, both in _divided(scores, unseen).items()}


def novelty_measures(scores: Mapping[str, Any], unseen: Any) -> dict[str, dict[str, float]]:
    """AUROC, AUPR (unseen items are to be found) and FPR95 of each score.

    AUPR of a score that tells nothing is the share of unseen items. FPR95 is the share of unseen
    items that pass where 95 % of the seen ones do; lower is better.

    Args:
        scores: Higher is more novel, each [n].
        unseen: Which items are of unseen categories, bool [n].

    Returns:
        {score: {"auroc", "aupr", "fpr95"}}.

    Raises:
        InputError: sizes that differ, NaN, or items of one kind alone.
    """
    return {
        name: {
            "auroc": auroc(*both).mean,
            "aupr": aupr(*both).mean,
            "fpr95": false_acceptance(*both),
        }
        for name, both in _divided(scores, unseen).items()
    }


def _divided(scores: Mapping[str, Any], unseen: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """Scores of unseen and of seen items, by name."""
    novel = tensor(unseen).detach().cpu()
    if novel.dtype != torch.bool or novel.ndim != 1:
        raise InputError(
            "not a truth value an item",
            expected="bool [n]",
            got=f"{novel.dtype} {list(novel.shape)}",
            todo="pass a mask: true for items of an unknown class",
        )
    found = {}
    for name, score in scores.items():
        values = check_size(tensor(score).detach().cpu(), len(novel), f"scores[{name!r}]")
        found[name] = (values[novel].double(), values[~novel].double())
    return found


def _goodness(goodness: Any) -> Tensor:
    """Float [n, c, l], finite, at least single precision."""
    found = tensor(goodness).detach()
    if found.ndim != 3 or not found.is_floating_point() or 0 in found.shape[1:]:
        raise InputError(
            "goodness has the wrong form",
            expected="float [n, c, l]",
            got=list(found.shape),
            todo="give one number an item, class and layer",
        )
    wide = found if found.dtype in (torch.float32, torch.float64) else found.float()
    return check_finite(wide, "goodness")


def _both(features: Any, reference: Any) -> tuple[Tensor, Tensor]:
    """Features of items and of labelled ones, of as many numbers."""
    x, known = matrix(features), matrix(reference)
    check_size(known, x.shape[1], "reference", axis=1)
    if not len(known):
        raise InputError(
            "there is no labelled item",
            expected="at least one",
            got="none",
            todo="give labels of at least one item",
        )
    return x, known.to(x.device, x.dtype)


def _distances(x: Tensor, known: Tensor, k: int) -> Tensor:
    """Distance of each row to the k-th nearest of ``known``, by products of centred rows, [n]."""
    centre = known.mean(0)
    held = known - centre
    lengths = held.square().sum(1)
    parts = []
    for part in torch.split(x, _BLOCK):
        rows = part - centre
        squares = torch.addmm(lengths, rows, held.T, alpha=-2).kthvalue(k, 1).values
        parts.append((squares + rows.square().sum(1)).clamp(min=0).sqrt())
    return torch.cat(parts)
