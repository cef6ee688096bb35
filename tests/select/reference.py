"""Slow forms, transcribed from the papers' equations with NumPy and Python loops."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TIE = 1e-12


def first_most(values: Array, free: list[int]) -> int:
    """First of the free positions whose value is the largest, near-equal values being ties."""
    most = max(values[i] for i in free)
    return next(i for i in free if values[i] >= most * (1 - TIE))


def squared(a: Array, b: Array) -> float:
    away = a - b
    return float(np.sum(away * away))


def k_center(x: Array, k: int, labelled: Array | None = None) -> list[int]:
    """Sener and Savarese 2018, algorithm 1: u = argmax_i min_j d(x_i, x_j)."""
    free = list(range(len(x)))
    picks: list[int] = []
    centres = [] if labelled is None else list(labelled)
    if k and not centres:
        mean = x.mean(0)
        away = np.array([squared(row, mean) for row in x])
        first = next(i for i in free if away[i] <= away.min() * (1 + TIE))
        picks.append(first)
        free.remove(first)
        centres.append(x[first])
    least = np.array([min(squared(row, centre) for centre in centres) for row in x]) if k else x
    while len(picks) < k:
        u = first_most(least, free)
        picks.append(u)
        free.remove(u)
        least = np.array([min(old, squared(row, x[u])) for old, row in zip(least, x, strict=True)])
    return picks


def outer(q: Array, h: Array) -> Array:
    """g_i = q_i (x) h_i, [n, c d]: what the fast form never makes."""
    return np.stack([np.outer(a, b).ravel() for a, b in zip(q, h, strict=True)])


def draw(weights: Array, free: list[int], u: float) -> int:
    """Inverse CDF: the first free item whose cumulative weight exceeds u times the total."""
    total = float(sum(weights[i] for i in free))
    if total == 0:
        return free[int(u * len(free))]
    passed = 0.0
    last = free[0]
    for i in free:
        if weights[i] > 0:
            last = i
        passed += float(weights[i])
        if passed > u * total:
            return i
    return last


def kmeans_plusplus(g: Array, uniforms: Array, first: int) -> list[int]:
    """Arthur and Vassilvitskii 2007: the next with probability D(x)^2 / sum of D^2."""
    free = [i for i in range(len(g)) if i != first]
    picks = [first]
    weights = np.full(len(g), np.inf)
    for u in uniforms:
        weights = np.array(
            [min(w, squared(row, g[picks[-1]])) for w, row in zip(weights, g, strict=True)]
        )
        i = draw(weights, free, float(u))
        picks.append(i)
        free.remove(i)
    return picks
