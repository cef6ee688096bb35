"""How few units carry an answer: measures of sparsity on activations [n, u] (n samples, u units).

Every function takes a torch tensor or a NumPy array and gives back the same kind. Measures read the
magnitude of activity. Sparsity is undefined where nothing is active: a **silent sample** (a row of
zeros) or a **dead unit** (a column of zeros) yields NaN, never 0 or 1, and is never dropped in
silence. Count them with ``silent_samples`` and ``dead_units``, or take ``mean_defined``: the mean
together with the number of values it leaves out.
"""

from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis._arrays import Array, like, matrix, tensor
from pauca.analysis._sort import sorted_rows
from pauca.errors import InputError

__all__ = [
    "DefinedMean",
    "dead_units",
    "fraction_active",
    "gini",
    "hoyer",
    "mean_defined",
    "participation_ratio",
    "silent_samples",
    "treves_rolls_lifetime",
    "treves_rolls_population",
]


class DefinedMean(NamedTuple):
    """A mean over the values that are defined.

    Args:
        mean: Of the defined values; NaN where there is none.
        defined: How many values it is the mean of.
        undefined: How many were NaN: silent samples or dead units.
    """

    mean: float
    defined: int
    undefined: int


def hoyer(activations: Array) -> Array:
    """Hoyer sparsity of each sample: (sqrt(u) - L1 / L2) / (sqrt(u) - 1), [n, u] -> [n].

    From 0 (all units equally active) to 1 (a single active unit); NaN for a silent sample.

    Raises:
        InputError: not [n, u] with u >= 2, or values that are NaN or infinite.

    Reference: Hoyer, JMLR 5, 2004, section 3.1.
    """
    x = _magnitudes(activations)
    root = x.shape[1] ** 0.5
    # scaling by the largest activity changes nothing and keeps squares in range
    x = x / x.amax(1, keepdim=True)
    return like((root - x.sum(1) / x.square().sum(1).sqrt()) / (root - 1), activations)


def gini(activations: Array) -> Array:
    """Gini index of each sample, [n, u] -> [n].

    1 - 2 sum_k (x_(k) / L1) (u - k + 1/2) / u with x_(1) <= ... <= x_(u): from 0 (all units equally
    active) to 1 - 1/u (a single active unit); NaN for a silent sample.

    Raises:
        InputError: not [n, u] with u >= 2, or values that are NaN or infinite.

    Reference: Hurley and Rickard, IEEE Transactions on Information Theory 55, 2009, table I.
    """
    x = sorted_rows(_magnitudes(activations))
    u = x.shape[1]
    weight = (u - torch.arange(1, u + 1, dtype=x.dtype, device=x.device) + 0.5) / u
    shares = x / x.sum(1, keepdim=True)
    return like(1 - 2 * (shares * weight).sum(1), activations)


def treves_rolls_population(activations: Array) -> Array:
    """Treves-Rolls sparseness of each sample over units, [n, u] -> [n].

    (1 - a) / (1 - 1/u) with a = (mean_i x_i)^2 / mean_i x_i^2, so that it grows with sparseness:
    from 0 (all units equally active) to 1 (a single active unit); NaN for a silent sample.

    Raises:
        InputError: not [n, u] with u >= 2, or values that are NaN or infinite.

    Reference: Treves and Rolls, Network 2, 1991 (a); Vinje and Gallant, Science 287, 2000 (scale).
    """
    return like(_treves_rolls(_magnitudes(activations)), activations)


def treves_rolls_lifetime(activations: Array) -> Array:
    """Treves-Rolls sparseness of each unit over samples, [n, u] -> [u].

    As ``treves_rolls_population`` with samples in place of units: from 0 (equally active for every
    sample) to 1 (active for a single one); NaN for a dead unit.

    Raises:
        InputError: not [n, u] with n >= 2 and u >= 2, or values that are NaN or infinite.

    Reference: Rolls and Tovee, Journal of Neurophysiology 73, 1995; Vinje and Gallant 2000.
    """
    x = _magnitudes(activations)
    if len(x) < 2:
        raise InputError(
            "lifetime sparseness of one sample",
            expected="n >= 2",
            got=len(x),
            todo="give at least two samples",
        )
    return like(_treves_rolls(x.T), activations)


def fraction_active(activations: Array, threshold: float = 0.0) -> Array:
    """Share of units whose magnitude is above the threshold, [n, u] -> [n], in [0, 1].

    0 for a silent sample; lower is sparser.

    Raises:
        InputError: not [n, u] with u >= 2, or values that are NaN or infinite.
    """
    x = _magnitudes(activations)
    return like((x > threshold).to(x.dtype).mean(1), activations)


def dead_units(activations: Array) -> Array:
    """Which units answer to no sample, [n, u] -> bool [u]."""
    return like(~(_magnitudes(activations) > 0).any(0), activations)


def silent_samples(activations: Array) -> Array:
    """Which samples no unit answers to, [n, u] -> bool [n]."""
    return like(~(_magnitudes(activations) > 0).any(1), activations)


def participation_ratio(activations: Array) -> float:
    """Number of dimensions that the activity fills: (sum_i v_i)^2 / sum_i v_i^2.

    v are the eigenvalues of the covariance of units over samples; from 1 (all variance along one
    line) to min(n - 1, u). NaN where nothing varies. No eigenvalue is computed: the sums are the
    trace and the squared Frobenius norm of the covariance.

    Raises:
        InputError: not [n, u] with n >= 2 and u >= 2, or values that are NaN or infinite.

    Reference: Gao et al., bioRxiv 214262, 2017, eq. 4; Recanatesi et al., Patterns 3, 2022.
    """
    x = matrix(activations).to(torch.float64)
    if len(x) < 2:
        raise InputError(
            "no variance in one sample",
            expected="n >= 2",
            got=len(x),
            todo="give at least two samples",
        )
    x = x - x.mean(0)
    # the smaller of [u, u] and [n, n]: both have the same eigenvalues but zeros
    gram = x.T @ x if x.shape[1] <= len(x) else x @ x.T
    return float(gram.trace().square() / gram.square().sum())


def mean_defined(values: Array) -> DefinedMean:
    """Mean of the values that are not NaN, with the number of those that are, any shape."""
    x = tensor(values)
    undefined = int(x.isnan().sum())
    return DefinedMean(float(x.nanmean(dtype=torch.float64)), x.numel() - undefined, undefined)


def _treves_rolls(x: Tensor) -> Tensor:
    """Sparseness along the last axis of magnitudes, [..., m] -> [...]."""
    x = x / x.amax(-1, keepdim=True)
    a = x.mean(-1).square() / x.square().mean(-1)
    return (1 - a) / (1 - 1 / x.shape[-1])


def _magnitudes(activations: Tensor | NDArray[Any]) -> Tensor:
    return matrix(activations).abs()
