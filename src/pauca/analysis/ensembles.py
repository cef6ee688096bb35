"""Which units belong to the ensemble of a class: three definitions side by side.

Each gives ``members``, bool [c, u], whose row k is the ensemble of class k, and the ``evidence``
that the rule compares. Classes are numbered from 0; one without samples has no members and NaN
evidence. ``coactivation`` finds ensembles without labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, matrix
from pauca.analysis._ks import ks_p_values, largest_gaps
from pauca.analysis._ks_bounds import mean_p_below
from pauca.analysis.auc import one_vs_rest
from pauca.analysis.selectivity import class_means
from pauca.checks import check_nonnegative, check_share
from pauca.errors import InputError
from pauca.metrics import benjamini_hochberg

__all__ = [
    "MEDIUM",
    "Ensembles",
    "Pairs",
    "SelectiveEnsembles",
    "ks_mean",
    "ks_mean_members",
    "mean_ratio",
    "selective",
]

Pairs = Literal["later", "all"]
"""``later`` tests a unit against those after it, as published; ``all`` against all others."""

MEDIUM = 0.14
"""An AUC of .64, a medium effect by Vargha and Delaney (small .56, large .71)."""


@dataclass(frozen=True, eq=False)
class Ensembles(Generic[Array]):
    """Members of the ensemble of each class.

    Args:
        members: bool [c, u].
        evidence: What the rule compares, float64 [c, u]; NaN where it is undefined.
    """

    members: Array
    evidence: Array


@dataclass(frozen=True, eq=False)
class SelectiveEnsembles(Generic[Array]):
    """Units that are more, and units that are less active for a class than for the rest.

    Args:
        members: Of the ON ensembles, bool [c, u].
        off: Of the OFF ensembles: units that fall silent for the class, bool [c, u].
        evidence: AUC of the class against the rest, float64 [c, u].
        p: Two-sided, float64 [c, u]; NaN for units that never vary.
        adjusted: p with the false-discovery rate held over all units and classes, float64 [c, u].
    """

    members: Array
    off: Array
    evidence: Array
    p: Array
    adjusted: Array


def ks_mean(
    activations: Array, labels: Any, *, alpha: float = 0.05, pairs: Pairs = "later"
) -> Ensembles[Array]:
    """Published rule: a unit is a member where its mean KS p against other units is below alpha.

    On the samples of one class, unit i is tested against every later unit j > i with the two-sample
    Kolmogorov-Smirnov test; the evidence is the mean of these p (lower is stronger). p is that of
    ``scipy.stats.ks_2samp``: exact up to 10,000 samples a class, the limit beyond. Two properties
    of the rule are worth knowing: it asks whether a unit differs from other units, in either
    direction, not whether it prefers the class; and it depends on the order of units. The last unit
    has no later one: its evidence is NaN and it is never a member (in the published loop the mean
    of nothing). With ``pairs="all"`` each unit is tested against all others, whatever their order.

    p below alpha times 1e-16 counts as 0, so evidence is exact to that much. Memory O(n u + u^2).

    Args:
        activations: [n, u].
        labels: Whole numbers from 0, [n].
        alpha: In (0, 1].
        pairs: Which units a unit is tested against.

    Raises:
        InputError: activations or labels of the wrong form; an unknown choice of pairs.

    Reference: Tosato et al., TMLR 2025 (arXiv 2305.18353).
    """
    x, y, c = _asked(activations, labels, alpha, pairs)
    mean_p = torch.full((c, x.shape[1]), torch.nan, dtype=torch.float64, device=x.device)
    for k, of_class in _by_class(x, y, c):
        mean_p[k] = _mean_ks_p(of_class, alpha * 1e-16, pairs)
    return _ensembles(mean_p < alpha, mean_p, activations)


def ks_mean_members(
    activations: Array, labels: Any, *, alpha: float = 0.05, pairs: Pairs = "later"
) -> Array:
    """Members alone by the published rule, bool [c, u]: those of ``ks_mean``, several times faster.

    Whether a mean p is below alpha is known long before p is: bounds from few thresholds decide
    most units, and only the others are compared step by step.

    Args:
        activations: [n, u].
        labels: Whole numbers from 0, [n].
        alpha: In (0, 1].
        pairs: Which units a unit is tested against.

    Raises:
        InputError: activations or labels of the wrong form; an unknown choice of pairs.

    Reference: Tosato et al., TMLR 2025 (arXiv 2305.18353).
    """
    x, y, c = _asked(activations, labels, alpha, pairs)
    members = torch.zeros(c, x.shape[1], dtype=torch.bool, device=x.device)
    for k, of_class in _by_class(x, y, c):
        known = torch.from_numpy(ks_p_values(len(of_class), alpha * 1e-16)).to(x.device)
        members[k] = mean_p_below(of_class, known, alpha, pairs).members
    return like(members, activations)


def _asked(activations: Any, labels: Any, alpha: float, pairs: str) -> tuple[Tensor, Tensor, int]:
    x = matrix(activations)
    y, c = classes(labels, len(x), least=1)
    check_share(alpha, "alpha")
    if pairs not in ("later", "all"):
        raise InputError(
            "unknown choice of pairs",
            expected="later or all",
            got=pairs,
            todo="pass 'later' or 'all'",
        )
    return x, y, c


def _by_class(x: Tensor, y: Tensor, c: int) -> Iterator[tuple[int, Tensor]]:
    """Classes that have samples, and these."""
    for k in range(c):
        of_class = x[(y == k).to(x.device)]
        if len(of_class):
            yield k, of_class


def _mean_ks_p(x: Tensor, negligible: float, pairs: Pairs) -> Tensor:
    """Mean p of each unit against others on the samples of one class, [n, u] -> [u]."""
    n, u = x.shape
    known = ks_p_values(n, negligible)
    table = torch.zeros(n + 1, dtype=torch.float64, device=x.device)
    table[: len(known)] = torch.from_numpy(known)
    # [u, u]
    p = table[largest_gaps(x, enough=len(known)).counts]
    if pairs == "all":
        return p.fill_diagonal_(0).sum(1) / (u - 1)
    return p.triu_(1).sum(1) / torch.arange(u - 1, -1, -1, device=x.device)


def mean_ratio(activations: Array, labels: Any, *, c: float = 1.0) -> Ensembles[Array]:
    """Ratio rule: a unit is a member where its mean activity exceeds that of the others enough.

    On the samples of one class, with m_i the mean activity of unit i: (m_i - r_i) / r_i > c with
    r_i the mean of m_j over j != i; the left side is the evidence (higher is stronger). It compares
    a unit with other units, so one that is as active for every class can be in every ensemble.
    Infinite where all other units are silent, NaN where all are. Scale does not matter.

    Args:
        activations: [n, u], >= 0.
        labels: Whole numbers from 0, [n].
        c: How much more active than the others, as a share of their mean; >= 0.

    Raises:
        InputError: activations or labels of the wrong form; negative activity, for which a ratio of
            means says nothing.

    Reference: public code of Tosato et al., TMLR 2025, there with c = 1 and 2.
    """
    x = matrix(activations)
    check_nonnegative(c, "c")
    if bool((x < 0).any()):
        raise InputError(
            "negative activity has no ratio of means",
            expected=">= 0",
            got=float(x.min()),
            todo="rectify the activations or take their magnitude first",
        )
    means = class_means(x, labels)
    others = (means.sum(1, keepdim=True) - means) / (x.shape[1] - 1)
    ratio = (means - others) / others
    return _ensembles(ratio > c, ratio, activations)


def selective(
    activations: Array,
    labels: Any,
    *,
    alpha: float = 0.05,
    effect: float = MEDIUM,
    permutations: int | None = None,
    generator: Generator | None = None,
) -> SelectiveEnsembles[Array]:
    """Statistical rule: a unit is a member where it tells the class from the rest, surely and well.

    One-vs-rest Mann-Whitney tests of every unit and class; members have a two-sided p that stays <=
    alpha when the false-discovery rate over all units and classes is held, and an AUC >= 1/2 +
    ``effect``. OFF ensembles have the same p and an AUC <= 1/2 - ``effect``. Units that never vary
    are not tested. Depends neither on the order of units or classes nor on the scale of a unit.

    With thousands of samples a difference far too small to matter is significant, so the least
    effect decides. AUC is at most (1 + a) / 2 for a unit that is silent for all others and active
    for a share a of the class: the medium effect, .14, lets such a unit in from a = 28 % on, the
    large one, .21, from 42 %, which a sparse code need not reach.

    Args:
        activations: [n, u].
        labels: Whole numbers from 0, [n].
        alpha: False-discovery rate, in (0, 1].
        effect: Least distance of AUC from 1/2, in [0, 0.5].
        permutations: Shuffles of labels for p; None for the normal limit. With m
            members, u c / (alpha m) are needed for any to be found.
        generator: Draws the shuffles, on the CPU.

    Raises:
        InputError: activations or labels of the wrong form; fewer than two classes; shuffles
            without a generator.

    Reference: Mann and Whitney 1947; Benjamini and Hochberg, JRSS B 57, 1995; Vargha and Delaney,
    Journal of Educational and Behavioral Statistics 25, 2000 (effect sizes).
    """
    x = matrix(activations)
    check_share(alpha, "alpha")
    if not 0 <= effect <= 0.5:
        raise InputError(
            "effect is out of range",
            expected="[0, 0.5]",
            got=effect,
            todo="pass a number in this range: AUROC is 0.5 + effect",
        )
    found = one_vs_rest(x, labels, permutations=permutations, generator=generator)
    adjusted = torch.from_numpy(benjamini_hochberg(found.p)).to(x.device)
    sure = adjusted <= alpha
    parts = (
        sure & (found.auc >= 0.5 + effect),
        sure & (found.auc <= 0.5 - effect),
        found.auc,
        found.p,
        adjusted,
    )
    return SelectiveEnsembles(*(like(part, activations) for part in parts))


def _ensembles(members: Tensor, evidence: Tensor, given: Array) -> Ensembles[Array]:
    return Ensembles(like(members, given), like(evidence, given))
