"""Which classes share most, then which of those groups: a tree of classes."""

from dataclasses import dataclass
from typing import Generic

import numpy as np
import torch
from numpy.typing import NDArray

from pauca.analysis._arrays import Array, like, tensor
from pauca.analysis._square import complete, square, upper_values
from pauca.errors import InputError

__all__ = ["Dendrogram", "dendrogram"]


@dataclass(frozen=True, eq=False)
class Dendrogram(Generic[Array]):
    """Classes joined two by two, the nearest first.

    Args:
        classes: Classes in the tree, int64 [m]; row and column numbers of the distances.
        left_out: Classes without a distance to any other, int64 [c - m]: empty ensembles, and the
            last one if all others are. They have no place in the tree.
        linkage: SciPy's form, float64 [m - 1, 4]: two nodes joined, their distance, classes below.
            Node k < m is ``classes[k]``, node m + k is the one made by row k.
        leaves: Classes from left to right, int64 [m], so that no branches cross and neighbours are
            as near as that allows.
        faithful: Correlation of distances in the tree with those given (cophenetic), at most 1; NaN
            where all distances are equal or m < 3. Near 0 the tree shows what is not there.
    """

    classes: Array
    left_out: Array
    linkage: Array
    leaves: Array
    faithful: float


def dendrogram(distances: Array) -> Dendrogram[Array]:
    """Average linkage (UPGMA) of classes by their distances, such as ``jaccard_distances``.

    Distances of several nets may be averaged first. Where all classes are equally far apart, as
    sets without a common unit are, every tree is as good as any other: look at ``faithful``.

    Args:
        distances: Symmetric, float [c, c]; NaN in the whole row and column of a class without one.

    Raises:
        InputError: not symmetric, negative, or NaN between two classes that have other distances.

    Reference: Sokal and Michener, University of Kansas Science Bulletin 38, 1958; Sokal and Rohlf,
    Taxon 11, 1962 (cophenetic correlation); Bar-Joseph et al., Bioinformatics 17, 2001 (leaves).
    """
    full = square(distances, "distances")
    if (full < 0).any():
        raise InputError(
            "a distance is negative",
            expected=">= 0",
            got=float(np.nanmin(full)),
            todo="pass distances, which are 0 or more; of similarities s in [0, 1] 1 - s",
        )
    kept = complete({"distances": full})
    flat, m = upper_values(full, kept), len(kept)
    linkage, leaves, faithful = np.zeros((0, 4)), np.arange(m), np.nan
    if m >= 2:
        from scipy.cluster import hierarchy

        linkage = hierarchy.linkage(flat, "average", optimal_ordering=True)
        leaves = hierarchy.leaves_list(linkage)
        faithful = _correlation(flat, hierarchy.cophenet(linkage))
    out = np.setdiff1d(np.arange(len(full)), kept)

    def back(x: NDArray[np.float64] | NDArray[np.int64]) -> Array:
        return like(
            torch.from_numpy(np.ascontiguousarray(x)).to(tensor(distances).device), distances
        )

    return Dendrogram(
        classes=back(kept),
        left_out=back(out.astype(np.int64)),
        linkage=back(linkage.astype(np.float64)),
        leaves=back(kept[leaves]),
        faithful=faithful,
    )


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else float("nan")
