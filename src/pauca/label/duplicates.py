"""Near-duplicates: items whose features point the same way, found by nearest neighbours."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_share
from pauca.errors import DataError
from pauca.files import map_array
from pauca.label.atomic import keep_sums, new_file
from pauca.learners.base import Progress

__all__ = ["duplicates_file", "find_groups", "members_of", "read_groups", "write_groups"]

_NEIGHBOURS = 16
_BLOCK = 4096
_EXACT = 2e12  # multiplications beyond which neighbours are looked for in cells
_CELLS = 8
_LEAST_FEATURES = 8


def find_groups(
    x: Tensor, threshold: float, *, exact: bool | None = None, progress: Progress | None = None
) -> NDArray[np.int32]:
    """The group of near-duplicates of each item, -1 for items without any, int32 [n].

    Items are gone through in order; one that belongs to no group yet begins one with those of its
    neighbours that do not either, if their cosine similarity is at least ``threshold``. So every
    member is alike the first, and groups do not grow into chains. Neighbours are the 16 nearest of
    each item: all compared while n^2 d is at most 2e12, else in the 8 nearest of 4 sqrt(n) cells,
    which misses some. Never n x n; beside the features one copy of them.

    With fewer than 8 features many items point the same way, and none counts as a duplicate.

    Args:
        x: Features, float32 [n, d]; may be memory-mapped.
        threshold: In (0, 1].
        exact: Whether all pairs are compared; decided by size if None.
        progress: Told from time to time which fraction is done; what it raises ends the search.
    """
    check_share(threshold, "threshold")
    n, d = x.shape
    groups = np.full(n, -1, dtype=np.int32)
    if d < _LEAST_FEATURES or n < 2:
        return groups
    whole = n * n * d <= _EXACT if exact is None else exact
    first, second = _pairs(x, threshold, whole, progress)
    changes = np.flatnonzero(first[1:] != first[:-1]) + 1
    ends = [0, *changes.tolist(), len(first)] if len(first) else [0]
    number = 0
    for low, high in pairwise(ends):
        leader = first[low]
        if groups[leader] >= 0:
            continue
        fellows = second[low:high]
        fellows = fellows[(groups[fellows] < 0) & (fellows != leader)]
        if len(fellows):
            groups[leader] = groups[fellows] = number
            number += 1
    return groups


def members_of(groups: NDArray[np.int32], item: int) -> tuple[int, ...]:
    """The other members of the item's group, increasing."""
    group = groups[item]
    if group < 0:
        return ()
    return tuple(int(i) for i in np.flatnonzero(groups == group) if i != item)


def duplicates_file(folder: Path, threshold: float) -> Path:
    """Where the groups at this threshold are kept."""
    return folder / f"duplicates-{threshold:g}.npy"


def read_groups(folder: Path, threshold: float, n: int) -> NDArray[np.int32] | None:
    """The groups that were kept, or None; a file of other items counts as none."""
    try:
        again = "remove it: it is made anew when duplicates are asked for"
        what = "the groups of duplicates cannot be read"
        found: NDArray[np.int32] = np.array(
            map_array(duplicates_file(folder, threshold), what, again)
        )
    except DataError:
        return None
    return found if found.dtype == np.int32 and found.shape == (n,) else None


def write_groups(folder: Path, threshold: float, groups: NDArray[np.int32]) -> None:
    """Keep the groups, and their digest."""
    path = duplicates_file(folder, threshold)
    with new_file(path, force=True) as draft, draft.open("wb") as file:
        np.save(file, groups)
    keep_sums(folder, (path.name,))


def _pairs(
    x: Tensor, threshold: float, exact: bool, progress: Progress | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of neighbours that are alike enough, in both directions, in order."""
    import faiss

    n, d = x.shape
    index: Any
    if exact:
        index = faiss.IndexFlatIP(d)
    else:
        cells = int(4 * np.sqrt(n))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, cells, faiss.METRIC_INNER_PRODUCT)
        index.nprobe = _CELLS
        index.cp.seed, index.cp.niter = 1, 8
        drawn = np.random.default_rng(0).choice(n, min(n, 40 * cells), replace=False)
        index.train(_unit(x[np.sort(drawn)]))
    for low in range(0, n, _BLOCK):
        index.add(_unit(x[low : low + _BLOCK]))
    found: list[NDArray[np.int64]] = []
    for low in range(0, n, _BLOCK):
        near, which = index.search(_unit(x[low : low + _BLOCK]), min(n, _NEIGHBOURS))
        # similarities of equal rows may come out a rounding below 1
        row, column = np.nonzero((near >= threshold - 1e-6) & (which >= 0))
        found.append(np.stack([row + low, which[row, column]]))
        if progress is not None:
            progress(min(1.0, (low + _BLOCK) / n))
    a, b = np.concatenate(found, axis=1)
    kept = a != b
    a, b = a[kept], b[kept]
    both = np.unique(np.r_[a * n + b, b * n + a])
    return both // n, both % n


def _unit(x: Tensor) -> NDArray[np.float32]:
    """Rows of length 1; rows of zeros stay, and are like nothing."""
    rows = x.float().numpy()
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(rows / np.where(length > 0, length, 1))
