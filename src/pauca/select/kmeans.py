"""Blocked k-means and the items nearest its centres."""

from typing import Any, Literal

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_finite, check_size, typed
from pauca.select.kmeanspp import kmeans_plusplus
from pauca.select.points import TIE, Points, blocks, check_points

__all__ = ["k_means", "k_means_centres", "nearest_distinct"]

_PAIRS = 2**20


@typed
def k_means(
    x: Tensor,
    k: int,
    generator: Generator,
    *,
    rounds: int = 100,
    engine: Literal["pauca", "faiss"] = "pauca",
) -> Tensor:
    """The item nearest to each of k cluster centres, all distinct.

    Args:
        x: float [n, d], in canonical order; may be memory-mapped.
        k: 0 <= k <= n.
        generator: CPU generator of the first centres.
        rounds: Most iterations of Lloyd's algorithm.
        engine: "pauca", or "faiss" for the clustering (the choice of items is the same).

    Returns:
        int64 [k], distinct positions, one for each centre in the centres' order.

    Raises:
        InputError: wrong shape or type, NaN, k out of range, or an engine that is not there.

    Cost: O(rounds n k d) time, O(n + k d) memory beside the input.

    Reference: Lloyd, 1982; as a query: Zhdanov, 2019, section 3.
    """
    points = Points.of(x)
    check_count(k, "k", most=points.n)
    if k == 0:
        return torch.empty(0, dtype=torch.int64, device=x.device)
    make = _faiss_centres if engine == "faiss" else _lloyd
    return _nearest(points, make(points, k, generator, rounds))


@typed
def k_means_centres(x: Tensor, k: int, generator: Generator, *, rounds: int = 100) -> Tensor:
    """Centres of Lloyd's algorithm from k-means++ seeds, [k, d], in the scale of ``x``.

    It ends when no item changes its cluster, or after ``rounds``. A cluster that loses all its
    items moves to the item farthest from its own centre.
    """
    points = Points.of(x)
    check_count(k, "k", least=1, most=points.n)
    centres = _lloyd(points, k, generator, rounds)
    return ((centres + points.shift.double()) / points.scale).to(points.dtype)


@typed
def nearest_distinct(x: Tensor, centres: Tensor) -> Tensor:
    """For each centre in turn the nearest item not yet taken, the first of equals; int64 [k]."""
    points = Points.of(x)
    check_finite(
        check_size(check_points(centres, "centres"), points.d, "centres", axis=1), "centres"
    )
    check_count(len(centres), "the number of centres", most=points.n)
    return _nearest(points, centres.double() * points.scale - points.shift.double())


def _lloyd(points: Points, k: int, generator: Generator, rounds: int) -> Tensor:
    """Centres in the points' moved and scaled coordinates, in float64."""
    centres = points.rows(kmeans_plusplus(points.x, k, generator)).double()
    before = torch.full((points.n,), -1, dtype=torch.int64, device=centres.device)
    for _ in range(rounds):
        owner, away, total, size = _assign(points, centres.to(points.dtype))
        if torch.equal(owner, before):
            break
        before = owner
        centres = total / size.clamp(min=1)[:, None]
        empty = (size == 0).nonzero()[:, 0]
        if len(empty):
            far = away.argsort(descending=True, stable=True)[: len(empty)]
            centres[empty] = points.rows(far).double()
    return centres


def _assign(points: Points, centres: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Nearest centre and squared distance of each item; sum and number of each cluster's items."""
    n, device = points.n, centres.device
    owner = torch.empty(n, dtype=torch.int64, device=device)
    away = torch.empty(n, dtype=points.dtype, device=device)
    total = torch.zeros(centres.shape, dtype=torch.float64, device=device)
    norms = centres.square().sum(1)
    for low, high in blocks(n, max(points.d, len(centres)), numbers=_PAIRS):
        rows = points.span(low, high)
        product = torch.addmm(norms, rows, centres.T, alpha=-2)
        best = product.min(1)
        owner[low:high] = best.indices
        away[low:high] = (best.values + points.norms[low:high]).clamp(min=0)
        total.index_add_(0, best.indices, rows.double())
    return owner, away, total, torch.bincount(owner, minlength=len(centres))


def _nearest(points: Points, centres: Tensor) -> Tensor:
    """Distinct nearest items; distances that rounding cannot tell apart are compared in float64.

    Centres are float64: the two items of a pair are then equally far from their mean, and the first
    is taken whatever the type of the features.
    """
    taken = torch.zeros(points.n, dtype=torch.bool, device=centres.device)
    picks = []
    for true in centres:
        centre = true.to(points.dtype)
        away = torch.add(points.norms, points.dot(centre), alpha=-2).add_(centre @ centre)
        away[taken] = torch.inf
        error = 2 * points.dot_error(centre) + points.gamma * (points.norms + centre @ centre)
        low = (away + error).min()
        close = ((away - error <= low * (1 + 2 * TIE)) & ~taken).nonzero()[:, 0]
        exact = (points.rows(close).double() - true).square_().sum(1)
        first = int(close[exact <= exact.min() * (1 + TIE)].min())
        taken[first] = True
        picks.append(first)
    return torch.tensor(picks, dtype=torch.int64, device=centres.device)


def _faiss_centres(points: Points, k: int, generator: Generator, rounds: int) -> Tensor:
    """Centres by faiss from the same seeds, in float32 on the CPU; the pool is copied once.

    Its clusters' means are taken once more, in float64.
    """
    faiss = _faiss()
    seeds = points.rows(kmeans_plusplus(points.x, k, generator))
    rows = points.span(0, points.n).float().cpu().contiguous().numpy()
    clusters = faiss.Kmeans(
        points.d, k, niter=rounds, seed=1, min_points_per_centroid=1,
        max_points_per_centroid=max(1, points.n), verbose=False,
    )  # fmt: skip
    clusters.train(rows, init_centroids=seeds.float().cpu().numpy())
    found = torch.from_numpy(clusters.centroids).to(points.x.device, points.dtype)
    _, _, total, size = _assign(points, found)
    return torch.where(size[:, None] > 0, total / size.clamp(min=1)[:, None], found.double())


def _faiss() -> Any:
    """The library, imported only when asked for."""
    import faiss

    return faiss
