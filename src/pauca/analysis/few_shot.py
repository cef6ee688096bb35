"""Naming a category from one, five or ten examples: by the units they activate, or by class means.

Sizes: e episodes, c classes, k shots (examples of each class), q queries (items to be named).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, matrix, tensor
from pauca.analysis._draws import permutations
from pauca.checks import check_count
from pauca.errors import InputError
from pauca.metrics import Interval, mean_interval

__all__ = ["Episodes", "FewShot", "draw_episodes", "nearest_ensemble", "nearest_mean"]


@dataclass(frozen=True, eq=False)
class Episodes(Generic[Array]):
    """Which items are examples and which are to be named, the same for every method.

    Args:
        support: Positions of the examples, int64 [e, c, k].
        query: Positions of the items to be named, int64 [e, c, q], none of them an example.
        classes: Label of each of the c classes, int64 [c].
    """

    support: Array
    query: Array
    classes: Array


@dataclass(frozen=True, eq=False)
class FewShot(Generic[Array]):
    """Share of queries that are named rightly, in [0, 1]; 1 / c is chance.

    Where several classes fit equally well, each is chosen with equal probability: a query counts by
    its chance to be right.

    Args:
        accuracy: Mean over episodes. Its interval is that of another draw of episodes from these
            items, not of another training.
        by_episode: float64 [e]; for a paired difference with another method.
        by_class: float64 [c].
    """

    accuracy: Interval
    by_episode: Array
    by_class: Array


def draw_episodes(
    labels: Array, *, shots: int, generator: Generator, queries: int = 15, episodes: int = 100
) -> Episodes[Array]:
    """Episodes over all classes that there are, examples and queries drawn without repetition.

    Args:
        labels: int64 [n].
        shots: Examples of each class, k.
        generator: Draws them.
        queries: Items of each class to be named, q.
        episodes: How many.

    Raises:
        InputError: a class with fewer than k + q items.

    Memory: [e, items of one class].
    """
    y, _ = classes(labels, len(tensor(labels)))
    k, q = (check_count(n, name, least=1) for n, name in ((shots, "shots"), (queries, "queries")))
    check_count(episodes, "episodes", least=1)
    there = torch.unique(y)
    chosen = []
    for label in there.tolist():
        items = (y == label).nonzero().squeeze(1)
        if len(items) < k + q:
            raise InputError(
                f"class {label} has too few items for an episode",
                expected=f"at least {k} shots + {q} queries",
                got=len(items),
                todo="ask for fewer shots or queries, or leave the class out",
            )
        order = permutations(episodes, len(items), generator, items.device)
        chosen.append(items[order[:, : k + q]])
    both = torch.stack(chosen, 1)  # [e, c, k + q]
    return Episodes(*(like(part, labels) for part in (both[:, :, :k], both[:, :, k:], there)))


def nearest_mean(features: Array, episodes: Episodes[Any]) -> FewShot[Array]:
    """Names each query after the class with the nearest mean of examples, by Euclidean distance.

    Args:
        features: Pixels, or a net's features, float [n, d].
        episodes: Examples and queries.

    Raises:
        InputError: features that are NaN or infinite; episodes of other items.

    Reference: Snell, Swersky and Zemel, NeurIPS 2017, eq. 1 and 2 (on given features).
    """
    x = matrix(features)

    def fit(support: Tensor, query: Tensor) -> Tensor:
        mean = support.mean(1)  # [c, k, d] -> [c, d]
        return query @ mean.T - mean.square().sum(1) / 2

    return _judged(x, episodes, fit, features)


def nearest_ensemble(
    activations: Array, episodes: Episodes[Any], *, threshold: float = 0.0
) -> FewShot[Array]:
    """Names each query after the class whose examples activate the same units.

    A class's code is, for each unit, the share of its examples that activate it: for one example
    the set of its active units. The overlap with a query is the cosine of that code and the query's
    set of active units; 0 for a silent query, which fits all classes alike.

    Args:
        activations: float [n, u].
        episodes: Examples and queries.
        threshold: A unit is active if its magnitude is above it.

    Raises:
        InputError: activity that is NaN or infinite; episodes of other items.
    """
    x = matrix(activations)
    active = (x.abs() > threshold).to(x.dtype)

    def fit(support: Tensor, query: Tensor) -> Tensor:
        code = torch.nn.functional.normalize(support.mean(1), dim=1)  # [c, k, u] -> [c, u]
        return torch.nn.functional.normalize(query, dim=1) @ code.T

    return _judged(active, episodes, fit, activations)


def _judged(
    x: Tensor, episodes: Episodes[Any], fit: Callable[[Tensor, Tensor], Tensor], given: Array
) -> FewShot[Array]:
    """By the class that fits best: examples [c, k, d] and queries [c q, d] -> fit [c q, c]."""
    e, c, _ = episodes.support.shape
    both = [_within(part, len(x)).to(x.device) for part in (episodes.support, episodes.query)]
    credit = torch.empty(e, c, dtype=torch.float64, device=x.device)
    for at in range(e):
        support, query = (x[part[at]].to(torch.float64) for part in both)
        scores = fit(support, query.flatten(0, 1)).view(*query.shape[:2], c)  # [c, q, c]
        best = scores.amax(2, keepdim=True)
        # equal up to rounding
        fits = scores >= best - 1e-9 * (1 + best.abs())
        right = fits.diagonal(dim1=0, dim2=2).T  # [c, q]
        credit[at] = (right / fits.sum(2)).to(torch.float64).mean(1)
    by_episode = credit.mean(1)
    return FewShot(mean_interval(by_episode), like(by_episode, given), like(credit.mean(0), given))


def _within(positions: Any, n: int) -> Tensor:
    found = tensor(positions)
    if found.numel() and not 0 <= int(found.min()) <= int(found.max()) < n:
        raise InputError(
            "the episodes are of other items",
            expected=f"positions from 0 to {n - 1}",
            got=f"{int(found.min())} to {int(found.max())}",
            todo="draw them from the labels of these items",
        )
    return found
