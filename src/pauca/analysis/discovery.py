"""New categories among items that no known class fits: groups, and how well each holds together.

Rows are what a net makes of the items under the neutral label: activity of one layer, or of all
side by side. Only the direction of a row counts, that is, which units answer in which proportion.

Sizes: n items, u units, g groups.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, matrix
from pauca.checks import check_count, check_size
from pauca.errors import InputError
from pauca.rng import generator_from
from pauca.select import k_means_centres

__all__ = ["Discovery", "Proposal", "discover", "divide", "silhouette"]

Method = Literal["agglomerative", "k-means"]


@dataclass(frozen=True, eq=False)
class Proposal(Generic[Array]):
    """A group that may be a category.

    Args:
        group: Its number.
        items: Positions of its items, increasing, int64 [m].
        cohesion: Mean cosine of its rows to the direction of their mean, in [0, 1] for activity
            that is not negative; 1 where all point the same way.
        separation: Mean silhouette of its items, in [-1, 1]; NaN where there is one group only.
        exemplars: Positions of the items nearest to that direction, the nearest first, int64 [e]:
            what to show a person.
    """

    group: int
    items: Array
    cohesion: float
    separation: float
    exemplars: Array

    @property
    def size(self) -> int:
        """Items in it."""
        return len(self.items)


@dataclass(frozen=True, eq=False)
class Discovery(Generic[Array]):
    """All items in groups.

    Args:
        groups: Of each item, int64 [n], numbered by size, the largest is 0.
        proposals: The groups that are large enough, the largest first.
        silhouettes: Mean silhouette by number of groups tried.
    """

    groups: Array
    proposals: tuple[Proposal[Array], ...]
    silhouettes: Mapping[int, float]

    @property
    def number(self) -> int:
        """How many groups."""
        return int(self.groups.max()) + 1


def discover(
    activity: Array,
    *,
    method: Method = "agglomerative",
    most: int = 8,
    least: float = 0.05,
    size: int = 3,
    exemplars: int = 5,
    seed: int = 0,
) -> Discovery[Array]:
    """Groups of items by the units that they activate, proposed as new categories.

    Rows are given length 1. The number of groups is that of 2 to ``most`` with the highest mean
    silhouette, the smaller of equals; if even that is below ``least``, the items are one group.
    Groups of fewer than ``size`` items are not proposed: one odd item is no category.

    Args:
        activity: Under the neutral label, float [n, u], n >= 1.
        method: ``agglomerative`` (average linkage of cosine distances, nothing random) or
            ``k-means`` (of the rows on the sphere, the best of ten starts).
        most: Groups at most, >= 1.
        least: Silhouette from which there is more than one group.
        size: Items of a proposal at least, >= 1.
        exemplars: Items to show of each, >= 1.
        seed: Of the starts of k-means.

    Raises:
        InputError: no items, another form, NaN or infinity, an unknown method.

    Memory O(n^2 + n u): for items that were rejected, not for a pool.

    Reference: Rousseeuw, Journal of Computational and Applied Mathematics 20, 1987 (silhouettes and
        the number of groups); Han, Vedaldi and Zisserman, ICCV 2019 (the problem).
    """
    rows = _rows(activity)
    check_count(most, "most", least=1)
    check_count(size, "size", least=1)
    check_count(exemplars, "exemplars", least=1)
    away, cut = _cosines(rows), _divider(rows, method, seed)
    tried = {
        g: (found, _silhouettes(away, found))
        for g in range(2, min(most, len(rows) - 1) + 1)
        for found in (_by_size(cut(g)),)
    }
    means = {g: float(each.mean()) for g, (_, each) in tried.items()}
    best = max(means, key=lambda g: (round(means[g], 9), -g), default=0)
    groups = torch.zeros(len(rows), dtype=torch.int64)
    widths = torch.full((len(rows),), torch.nan, dtype=torch.float64)
    if best and means[best] >= least:
        groups, widths = tried[best]
    found = tuple(
        _proposal(rows, groups, widths, k, exemplars, activity)
        for k, count in enumerate(torch.bincount(groups).tolist())
        if count >= size
    )
    return Discovery(like(groups, activity), found, MappingProxyType(means))


def divide(
    activity: Array, groups: int, *, method: Method = "agglomerative", seed: int = 0
) -> Array:
    """The items in so many groups, numbered by size, int64 [n]; arguments as in ``discover``.

    Fewer where there are fewer distinct directions.
    """
    rows = _rows(activity)
    check_count(groups, "groups", least=1, most=len(rows))
    return like(_by_size(_divider(rows, method, seed)(groups)), activity)


def silhouette(activity: Array, groups: Any) -> Array:
    """Silhouette of each item by cosine distance, float64 [n], in [-1, 1].

    (b - a) / max(a, b), with a the mean distance to the others of its group and b the least mean
    distance to another group; 0 for an item alone in its group.

    Args:
        activity: float [n, u].
        groups: Of each item, whole numbers [n]; at least two groups.

    Raises:
        InputError: sizes that differ, one group only, NaN or infinity.

    Reference: Rousseeuw, Journal of Computational and Applied Mathematics 20, 1987, eq. 2.
    """
    rows = _rows(activity)
    y, _ = classes(groups, len(rows))
    groups = torch.unique(y, return_inverse=True)[1]
    return like(_silhouettes(_cosines(rows), groups), activity)


def _rows(activity: Any) -> Tensor:
    """Rows of length 1 in float64 on the CPU; silent ones stay 0."""
    x = matrix(activity).double().cpu()
    if not len(x):
        raise InputError(
            "there is nothing to group",
            expected="at least one item",
            got="none",
            todo="give the items that are to be grouped",
        )
    return F.normalize(x, dim=1)


def _cosines(rows: Tensor) -> Tensor:
    """Cosine distances, [n, n], 0 on the diagonal and between silent items, which are alike."""
    silent = (rows == 0).all(1)
    away = (1 - rows @ rows.T).clamp(min=0).fill_diagonal_(0)
    return away.masked_fill_(silent[:, None] & silent, 0)


def _silhouettes(away: Tensor, groups: Tensor) -> Tensor:
    """From the distances of all pairs, [n, n]."""
    check_size(groups, len(away), "groups")
    sizes = torch.bincount(groups).double()
    if len(sizes) < 2:
        return torch.zeros(len(away), dtype=torch.float64)
    one_hot = F.one_hot(groups, len(sizes)).double()
    sums = away @ one_hot  # [n, g]
    own = groups[:, None]
    near = sums.gather(1, own)[:, 0] / (sizes[groups] - 1)
    far = (sums / sizes).scatter(1, own, torch.inf).amin(1)
    width = (far - near) / torch.maximum(near, far)
    # alone, or among copies only in two groups of them
    return torch.where(sizes[groups] > 1, width.nan_to_num(0.0), 0.0)


def _divider(rows: Tensor, method: str, seed: int) -> Callable[[int], Tensor]:
    """A way to divide the rows into so many groups, int64 [n]; what serves every number is done."""
    if method == "agglomerative":
        return _linked(rows)
    if method == "k-means":
        return lambda groups: _k_means(rows, groups, generator_from(seed))
    raise InputError(
        "unknown way to group",
        expected="agglomerative or k-means",
        got=method,
        where="method",
        todo="pass 'agglomerative' or 'k-means'",
    )


def _linked(rows: Tensor) -> Callable[[int], Tensor]:
    """By average linkage of cosine distances, cut where so many groups are left."""
    if len(rows) < 2:
        return lambda groups: torch.zeros(len(rows), dtype=torch.int64)
    # scipy is imported here because only this needs it
    from scipy.cluster.hierarchy import cut_tree, linkage

    i, j = np.triu_indices(len(rows), 1)
    tree = linkage(_cosines(rows).numpy()[i, j], "average")
    return lambda groups: torch.from_numpy(cut_tree(tree, groups)[:, 0].astype(np.int64))


def _k_means(rows: Tensor, groups: int, generator: Generator) -> Tensor:
    """The start of ten whose items lie nearest to their centres."""
    best, least = torch.zeros(len(rows), dtype=torch.int64), float("inf")
    for _ in range(10):
        away = torch.cdist(rows, k_means_centres(rows, groups, generator)).square()
        near = away.min(1)
        if float(near.values.sum()) < least:
            best, least = near.indices, float(near.values.sum())
    return best


def _by_size(groups: Tensor) -> Tensor:
    """Numbered from the largest on, those of one size by their first item."""
    _, numbered, counts = torch.unique(groups, return_inverse=True, return_counts=True)
    first = [int((numbered == k).nonzero()[0]) for k in range(len(counts))]
    order = sorted(range(len(counts)), key=lambda k: (-int(counts[k]), first[k]))
    return torch.tensor(order).argsort()[numbered]


def _proposal(
    rows: Tensor, groups: Tensor, widths: Tensor, k: int, shown: int, given: Array
) -> Proposal[Array]:
    items = (groups == k).nonzero()[:, 0]
    own = rows[items]
    cosines = own @ F.normalize(own.mean(0), dim=0)
    order = cosines.argsort(descending=True, stable=True)[:shown]
    return Proposal(
        group=k,
        items=like(items, given),
        cohesion=float(cosines.mean()),
        separation=float(widths[items].mean()),
        exemplars=like(items[order], given),
    )
