"""How much one unit tells about the class: selectivity index, d' and mutual information.

All by class, except mutual information and ``class_selectivity``, which give one number a unit. The
area under the ROC curve, which asks nothing of the form of activity, is in ``one_vs_rest``.
"""

import math
from typing import Any

import torch
from torch import Tensor

from pauca.analysis._arrays import Array, classes, like, matrix
from pauca.analysis._means import class_means as means_of_classes
from pauca.analysis._ranks import blocks_of_units, mid_ranks
from pauca.checks import check_count
from pauca.errors import InputError

__all__ = [
    "class_means",
    "class_selectivity",
    "d_prime",
    "mutual_information",
    "selectivity_index",
]


def class_means(activations: Array, labels: Any) -> Array:
    """Mean activity of each unit over the samples of each class, float64 [c, u].

    NaN for a class without samples.

    Raises:
        InputError: activations or labels of the wrong form.
    """
    x = matrix(activations)
    return like(means_of_classes(x, *classes(labels, len(x), least=1)), activations)


def selectivity_index(activations: Array, labels: Any) -> Array:
    """Selectivity index (m_c - m_other) / (m_c + m_other) of each class and unit, float64 [c, u].

    m_c is the unit's mean activity for the class, m_other the mean over the other classes of
    theirs, so that large classes count no more than small ones. From -1 (silent for the class,
    active for another) over 0 (as active as for the others) to 1 (active for this class alone); NaN
    for a unit that is silent throughout and for a class without samples. Scale does not matter.

    Raises:
        InputError: activations or labels of the wrong form; negative activity, for which the index
            has no range; fewer than two classes.

    Reference: Morcos et al., ICLR 2018, eq. 1; Leavitt and Morcos, ICLR 2021, eq. 1 (there with the
    class of highest activity as c: ``class_selectivity``).
    """
    x = matrix(activations)
    y, c = classes(labels, len(x))
    if bool((x < 0).any()):
        raise InputError(
            "negative activity has no selectivity index",
            expected=">= 0",
            got=float(x.min()),
            todo="rectify the activations or take their magnitude first",
        )
    sizes, means = _sums(x, y, c)
    known = (sizes > 0).double()
    others = (means.nansum(0) - means) / (known.sum() - 1)
    return like((means - others) / (means + others), activations)


def class_selectivity(activations: Array, labels: Any) -> Array:
    """Selectivity index of each unit for the class it is most active for, float64 [u].

    (m_max - m_-max) / (m_max + m_-max): from 0 (as active for every class) to 1 (active for a
    single one); NaN for a unit that is silent throughout. The index grows with m_c, so this is the
    largest over classes.

    Raises:
        InputError: as ``selectivity_index``.

    Reference: Morcos et al., ICLR 2018, eq. 1; Leavitt and Morcos, ICLR 2021, eq. 1.
    """
    index = torch.as_tensor(selectivity_index(activations, labels))
    absent = index.isnan().all(1)
    return like(index[~absent].amax(0), activations)


def d_prime(activations: Array, labels: Any) -> Array:
    """Discriminability d' of each class against the rest, float64 [c, u].

    (m_c - m_rest) / sqrt((v_c + v_rest) / 2) with means and variances (over n - 1) of the samples
    of the class and of all others: distance of the means in units of the root mean variance, which
    does not depend on how many samples each side has. Positive where the unit is more active for
    the class; infinite where the means differ and neither side varies. NaN for a unit that never
    varies and where one side has fewer than two samples.

    Raises:
        InputError: activations or labels of the wrong form; fewer than two classes.

    Reference: Green and Swets, Signal Detection Theory and Psychophysics, 1966; Simpson and Fitter,
    Psychological Bulletin 80, 1973 (d_a, unequal variances).
    """
    x = matrix(activations)
    y, c = classes(labels, len(x))
    centred = x.double() - x.double().mean(0)
    sizes, means = _sums(centred, y, c)
    # [n, u] -> [c, u], about the unit's own mean
    squares = (means_of_classes(centred.square(), y, c) * sizes).nan_to_num()
    rest = len(x) - sizes
    rest_means = -means * sizes / rest
    own = (squares - sizes * means.square()) / (sizes - 1)
    other = (squares.sum(0) - squares - rest * rest_means.square()) / (rest - 1)
    variance = (own + other) / 2
    # what sums of squares leave by rounding where nothing varies
    none = variance <= 1e-13 * squares.sum(0) / len(x)
    return like((means - rest_means) / variance.masked_fill(none, 0).sqrt(), activations)


def mutual_information(
    activations: Array, labels: Any, *, bins: int = 5, corrected: bool = True
) -> Array:
    """Mutual information between a unit's binned activity and the class, in bits, float64 [u].

    I = sum_(r, c) p(r, c) log2(p(r, c) / (p(r) p(c))). Silence (an activity of 0) is one bin; the
    others divide the rest by rank into equal parts, values that tie in one part, so that any rising
    function of activity gives the same. ``bins=2`` asks for active or silent only. From 0 (nothing)
    to the smaller of log2(bins) and the entropy of the classes.

    n samples never look quite independent, so the plain estimate is too large by about (sum_c (R_c
    - 1) - (R - 1)) / (2 n ln 2), with R bins occupied in all and R_c by class c; this is taken off
    unless ``corrected`` is False, and the result may be a little below 0. Sound where n is several
    times ``bins`` times the number of classes.

    Args:
        activations: [n, u].
        labels: Whole numbers from 0, [n].
        bins: Of activity, silence included, >= 2.
        corrected: Whether the bias is taken off.

    Raises:
        InputError: activations or labels of the wrong form; fewer than two classes or bins.

    Reference: Miller, Information Theory in Psychology, 1955; Panzeri and Treves, Network 7, 1996,
    eq. 14 (with the bins that are occupied in place of those that could be).
    """
    x = matrix(activations)
    y, c = classes(labels, len(x))
    y = y.to(x.device)
    check_count(bins, "bins", least=2)
    found = x.new_empty(x.shape[1], dtype=torch.float64)
    for block, values in blocks_of_units(x):
        unit = torch.arange(len(values), device=x.device)[:, None]
        # [b, n] -> [b, bins, c]
        places = (unit * bins + _bins(values, bins)) * c + y
        counts = torch.bincount(places.view(-1), minlength=len(values) * bins * c)
        counts = counts.view(-1, bins, c).double()
        found[block] = _information(counts) - (_bias(counts) if corrected else 0)
    return like(found, activations)


def _bins(values: Tensor, bins: int) -> Tensor:
    """Bin of each sample, 0 where silent, int64 [b, n]."""
    silent = values == 0
    ranks, _ = mid_ranks(values.masked_fill(silent, torch.inf))
    active = (~silent).sum(1, keepdim=True)
    return (1 + (ranks - 0.5) / active * (bins - 1)).long().masked_fill(silent, 0)


def _information(counts: Tensor) -> Tensor:
    """Plain mutual information of a table of counts, bits, [b, bins, c] -> [b]."""
    joint = counts / counts.sum((1, 2), keepdim=True)
    expected = joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True)
    terms: Tensor = torch.special.xlogy(joint, joint / expected)
    # a bin without samples is 0 log(0 / 0)
    return terms.nansum((1, 2)) / math.log(2)


def _bias(counts: Tensor) -> Tensor:
    """Its bias, bits, [b, bins, c] -> [b]."""
    occupied = (counts > 0).sum(1)
    by_class = (occupied - 1).clamp(min=0).sum(1)
    overall = (counts.sum(2) > 0).sum(1) - 1
    return (by_class - overall) / (2 * counts.sum((1, 2)) * math.log(2))


def _sums(x: Tensor, y: Tensor, c: int) -> tuple[Tensor, Tensor]:
    """Samples of each class, float64 [c, 1], and means over them, float64 [c, u]."""
    sizes = torch.bincount(y.to(x.device), minlength=c).double()[:, None]
    return sizes, means_of_classes(x, y, c)
