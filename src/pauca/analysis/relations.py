"""Do classes that share units look alike, or get confused: one table of classes and another."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, tensor
from pauca.analysis._draws import permutations
from pauca.analysis._means import class_means
from pauca.analysis._square import Floats, Ints, complete, p_values, square, upper_values
from pauca.checks import check_count, check_labels, check_size
from pauca.errors import InputError

__all__ = ["Correlation", "Mantel", "class_similarity", "confusion", "mantel"]

Correlation = Literal["spearman", "pearson"]

_CELLS = 1 << 21  # values of permuted matrices held at once: 16 MiB


@dataclass(frozen=True)
class Mantel:
    """Correlation of two matrices over pairs of classes, tested by relabelling classes.

    Args:
        correlation: In [-1, 1]; NaN where a matrix is constant or fewer than 3 classes are left.
        p_above: Share of relabellings with at least this correlation.
        p_below: Share with at most this correlation.
        p: Two-sided: share with a correlation at least as far from 0.
        classes: Classes compared; those without values (empty ensembles) are left out.
        relabellings: How many permutations of them the p-values rest on.
        exact: Whether those are all there are; otherwise drawn, and the observed order counted in.
        method: Of the correlation.
    """

    correlation: float
    p_above: float
    p_below: float
    p: float
    classes: tuple[int, ...]
    relabellings: int
    exact: bool
    method: Correlation


def mantel(
    a: Tensor | NDArray[Any],
    b: Tensor | NDArray[Any],
    *,
    method: Correlation = "spearman",
    draws: int = 9999,
    generator: Generator,
) -> Mantel:
    """Mantel test: correlation of the c (c - 1) / 2 pairs of classes of two symmetric matrices.

    Pairs that share a class are not independent, so a usual p-value would be wrong. Rows and
    columns of one matrix are permuted together instead; all c! ways are tried where there are no
    more than ``draws``. Diagonals are not read. No causes: both may go along with a third matrix.

    Args:
        a: Symmetric, float [c, c], such as the overlap ratio; NaN for a whole class without values.
        b: Symmetric, float [c, c], such as ``class_similarity`` or ``confusion``.
        method: ``spearman`` (of ranks) or ``pearson``.
        draws: Permutations drawn where there are more, >= 1.
        generator: Of the permutations.

    Raises:
        InputError: not symmetric, sizes that differ, NaN for single pairs, an unknown method.

    Reference: Mantel, Cancer Research 27, 1967; Legendre and Legendre, Numerical Ecology, 2012,
    section 10.5.1; Phipson and Smyth 2010 (p).
    """
    first, second = square(a, "a"), square(b, "b")
    check_size(torch.from_numpy(second), len(first), "b")
    check_count(draws, "draws", least=1)
    if method not in ("spearman", "pearson"):
        raise InputError(
            "unknown correlation",
            expected="spearman or pearson",
            got=method,
            todo="pass 'spearman' or 'pearson'",
        )
    kept = complete({"a": first, "b": second})
    c, exact = len(kept), math.factorial(len(kept)) <= draws
    count = math.factorial(c) if exact else draws
    x, y = (_standard(upper_values(m, kept), method) for m in (first, second))
    if c < 3 or x is None or y is None:
        none = math.nan
        return Mantel(none, none, none, none, tuple(kept.tolist()), count, exact, method)
    observed = float(x @ y)
    values = _permuted(x, y, _orders(c, draws, exact, generator))
    above, below = p_values(values, observed, exact=exact)
    both = p_values(np.abs(values), abs(observed), exact=exact)[0]
    return Mantel(observed, above, below, both, tuple(kept.tolist()), count, exact, method)


def class_similarity(x: Array, labels: Array) -> Array:
    """How alike classes look: Pearson correlation over pixels of their mean images, float64 [c, c].

    Higher is more alike, 1 on the diagonal; NaN for a class without samples or with a flat mean.

    Args:
        x: Samples as the net is shown them or as pixels, any type, [n, ...].
        labels: int64 [n].

    Raises:
        InputError: samples that do not fit the labels, labels that are not whole numbers from 0.
    """
    items = tensor(x).detach().flatten(1)
    y, c = classes(labels, len(items))
    means = class_means(items, y, c)
    centred = means - means.mean(1, keepdim=True)
    length = centred.square().sum(1).sqrt()
    flat = ~(length > 1e-12 * (1 + means.abs().amax(1)))
    r = ((centred @ centred.T) / (length[:, None] * length)).clamp(-1, 1)
    r = r.masked_fill(flat[:, None] | flat, torch.nan)
    return like((r + r.T) / 2, x)


def confusion(predicted: Array, labels: Array, c: int) -> Array:
    """Symmetrised confusion: mean of P(says j | is i) and P(says i | is j), float64 [c, c].

    In [0, 1], higher is more confused; the diagonal holds the accuracy of each class. NaN for a
    class without samples.

    Args:
        predicted: int64 [n], from 0 to c - 1.
        labels: int64 [n], likewise.
        c: Number of classes, >= 2.

    Raises:
        InputError: sizes that differ, a class out of range.
    """
    check_count(c, "c", least=2)
    y = check_labels(tensor(labels).detach(), c)
    said = check_labels(tensor(predicted).detach(), c, "predicted")
    check_size(said, len(y), "predicted")
    counts = (y * c + said).bincount(minlength=c * c).reshape(c, c).to(torch.float64)
    share = counts / counts.sum(1, keepdim=True)
    return like((share + share.T) / 2, predicted)


def _standard(values: Floats, method: Correlation) -> Floats | None:
    """Centred and of length 1, so that a product is a correlation; None where all are equal."""
    if method == "spearman":
        from scipy.stats import rankdata

        values = rankdata(values)
    centred = values - values.mean() if len(values) else values
    length = float(np.sqrt(centred @ centred))
    level = float(np.abs(values).max(initial=0))
    return centred / length if length > 1e-12 * level else None


def _orders(c: int, draws: int, exact: bool, generator: Generator) -> Iterator[Ints]:
    """Permutations of c classes in blocks, int64 [block, c]."""
    block = max(1, _CELLS // (c * c))
    if exact:
        every = itertools.permutations(range(c))
        while chunk := list(itertools.islice(every, block)):
            yield np.array(chunk, dtype=np.int64)
        return
    for i in range(0, draws, block):
        rows = min(block, draws - i)
        yield permutations(rows, c, generator, torch.device("cpu")).numpy()


def _permuted(x: Floats, y: Floats, orders: Iterator[Ints]) -> Floats:
    """Correlation of x with y of relabelled classes, float64 [permutations]."""
    found = []
    full: Floats = np.zeros((0, 0))
    for block in orders:
        c = block.shape[1]
        i, j = np.triu_indices(c, 1)
        if not full.size:
            full = np.zeros((c, c))
            full[i, j] = full[j, i] = y
        found.append(full[block[:, i], block[:, j]] @ x)
    return np.concatenate(found)
