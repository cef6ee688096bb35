"""Every method of the survey once more, slowly: the papers' equations in plain loops.

Scores take what one item has (its members' probabilities [s][c], its columns); choices take
float64 arrays in the order of ids and give positions.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Generator

from tests.select import reference
from tests.select.reference import Array

Members = list[list[float]]
Columns = Mapping[str, Any]


def mean_of(p: Members) -> list[float]:
    return [sum(member[y] for member in p) / len(p) for y in range(len(p[0]))]


def shannon(row: Sequence[float]) -> float:
    """H[p] = -sum_y p_y log p_y, and 0 log 0 = 0."""
    return -sum(v * math.log(v) for v in row if v > 0)


def least_confidence(p: Members, columns: Columns) -> float:
    """Lewis and Gale 1994: 1 - max_y p(y|x)."""
    return 1 - max(mean_of(p))


def margin(p: Members, columns: Columns) -> float:
    """Scheffer et al. 2001: the smallest difference of the two likeliest classes first."""
    if len(p[0]) == 1:
        return 0.0
    first, second = sorted(mean_of(p), reverse=True)[:2]
    return second - first


def entropy(p: Members, columns: Columns) -> float:
    """Shannon 1948."""
    return shannon(mean_of(p))


def mean_std(p: Members, columns: Columns) -> float:
    """Kampffmeyer et al. 2016: (1/c) sum_y sqrt(E[p_y^2] - E[p_y]^2)."""
    mean = mean_of(p)
    spread = [
        math.sqrt(sum((member[y] - mean[y]) ** 2 for member in p) / len(p))
        for y in range(len(mean))
    ]
    return sum(spread) / len(spread)


def var_ratio(p: Members, columns: Columns) -> float:
    """Freeman 1965: 1 - f_m / s, f_m the votes of the class that most members predict."""
    votes = [member.index(max(member)) for member in p]
    return 1 - max(votes.count(y) for y in votes) / len(votes)


def bald(p: Members, columns: Columns) -> float:
    """Houlsby et al. 2011, eq. 2: H[E p] - E H[p]."""
    return shannon(mean_of(p)) - sum(shannon(member) for member in p) / len(p)


def waal(p: Members, columns: Columns) -> float:
    """Shui et al. 2020, section 4: 10 g - (|log p|_1 + |log p|_2) / 2."""
    losses = [-math.log(max(v, 1e-38)) for v in mean_of(p)]
    length = math.sqrt(sum(v * v for v in losses))
    found: float = 10 * columns["critic"] - (sum(losses) + length) / 2
    return found


def summed(columns: Columns) -> list[float]:
    """sum_l G_yl of each label."""
    return [sum(label) for label in columns["goodness"]]


def goodness_margin(p: Members, columns: Columns) -> float:
    """G(2) - G(1)."""
    if len(p[0]) == 1:
        return 0.0
    first, second = sorted(summed(columns), reverse=True)[:2]
    return second - first


def goodness_energy(p: Members, columns: Columns) -> float:
    """Liu et al. 2020, eq. 4: -T log sum_y exp(G_y / T), T = 1."""
    return -math.log(sum(math.exp(g) for g in summed(columns)))


def goodness_ambiguity(p: Members, columns: Columns) -> float:
    """|m - 1|, m the labels whose goodness is above theta."""
    theta: float = columns["theta"]
    return abs(len([g for g in summed(columns) if g > theta]) - 1)


def by_layer(columns: Columns) -> list[list[float]]:
    """Goodness of each label, layer by layer."""
    return [list(layer) for layer in zip(*columns["goodness"], strict=True)]


def layer_vote_entropy(p: Members, columns: Columns) -> float:
    """Dagan and Engelson 1995: -sum_y V(y)/l log V(y)/l."""
    votes = [layer.index(max(layer)) for layer in by_layer(columns)]
    return shannon([votes.count(y) / len(votes) for y in range(len(p[0]))])


def layer_bald(p: Members, columns: Columns) -> float:
    """Houlsby et al. 2011, eq. 2, each layer's softmax a member."""
    members = []
    for layer in by_layer(columns):
        whole = sum(math.exp(g) for g in layer)
        members.append([math.exp(g) / whole for g in layer])
    return bald(members, columns)


SCORES: dict[str, Callable[[Members, Columns], float]] = {
    "least-confidence": least_confidence,
    "margin": margin,
    "entropy": entropy,
    "least-confidence-dropout": least_confidence,
    "margin-dropout": margin,
    "entropy-dropout": entropy,
    "mean-std": mean_std,
    "var-ratio": var_ratio,
    "bald": bald,
    "adversarial-bim": lambda p, columns: -columns["adversarial_bim"],
    "adversarial-deepfool": lambda p, columns: -columns["adversarial_deepfool"],
    "loss-prediction": lambda p, columns: columns["predicted_loss"],
    "vaal": lambda p, columns: -columns["labelled_looking"],
    "waal": waal,
    "goodness-margin": goodness_margin,
    "goodness-energy": goodness_energy,
    "goodness-ambiguity": goodness_ambiguity,
    "layer-vote-entropy": layer_vote_entropy,
    "layer-bald": layer_bald,
}


def uniforms(generator: Generator, k: int) -> Array:
    """k numbers of the stream, one for each draw."""
    import torch

    drawn: Array = torch.rand(k, dtype=torch.float64, generator=generator).numpy()
    return drawn


def k_center(probs: Array, x: Array, known: Array | None, k: int, g: Generator) -> list[int]:
    """Sener and Savarese 2018, algorithm 1."""
    return reference.k_center(x, k, known)


def k_center_pca(probs: Array, x: Array, known: Array | None, k: int, g: Generator) -> list[int]:
    """The same on the two leading principal components of pool and labelled items together."""
    both = x if known is None else np.concatenate([x, known])
    centred = both - both.mean(0)
    low = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    return reference.k_center(low[: len(x)], k, None if known is None else low[len(x) :])


def badge(probs: Array, x: Array, known: Array | None, k: int, g: Generator) -> list[int]:
    """Ash et al. 2020, algorithm 1: k-means++ on g = (p - onehot(argmax p)) (x) h, written out."""
    if k == 0:
        return []
    p = probs.mean(0)
    gradients = reference.outer(p - np.eye(p.shape[1])[p.argmax(1)], x)
    norms = (gradients * gradients).sum(1)
    first = int(np.argmax(norms >= norms.max() * (1 - reference.TIE)))
    return reference.kmeans_plusplus(gradients, uniforms(g, k - 1), first)


def k_means(probs: Array, x: Array, known: Array | None, k: int, g: Generator) -> list[int]:
    """Lloyd 1982 from k-means++ seeds, then the nearest item to each centre that is not taken."""
    if k == 0:
        return []
    first, *rest = uniforms(g, k)
    centres = x[reference.kmeans_plusplus(x, np.array(rest), int(first * len(x)))]
    owners: list[int] = []
    for _ in range(100):
        moved = [min(range(k), key=lambda j: reference.squared(row, centres[j])) for row in x]
        if moved == owners:
            break
        owners = moved
        centres = np.stack([x[[o == j for o in owners]].mean(0) for j in range(k)])
    picks: list[int] = []
    for centre in centres:
        free = [i for i in range(len(x)) if i not in picks]
        away = [reference.squared(x[i], centre) for i in free]
        near = min(away) * (1 + reference.TIE)
        picks.append(next(i for i, one in zip(free, away, strict=True) if one <= near))
    return picks


def sparse_code_center(
    probs: Array, x: Array, known: Array | None, k: int, g: Generator
) -> list[int]:
    """k-center on the bits |x| > 1/2."""
    bits = None if known is None else (np.abs(known) > 0.5).astype(np.float64)
    return reference.k_center((np.abs(x) > 0.5).astype(np.float64), k, bits)


Choice = Callable[[Array, Array, Array | None, int, Generator], list[int]]
CHOICES: dict[str, Choice] = {
    "k-center": k_center,
    "k-center-pca": k_center_pca,
    "k-means": k_means,
    "k-means-faiss": k_means,
    "badge": badge,
    "sparse-code-center": sparse_code_center,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "k-center-pca": {"components": 2},
    "loss-prediction": {"subset": None},
    "sparse-code-center": {"threshold": 0.5},
}
