"""Scores of s members that disagree: dropout passes or an ensemble."""

import torch
from torch import Tensor

from pauca.outputs import Outputs, widened
from pauca.strategies.base import AbstractScore, strategies
from pauca.strategies.uncertainty import Entropy, LeastConfidence, Margin

__all__ = [
    "Bald",
    "EntropyDropout",
    "LeastConfidenceDropout",
    "MarginDropout",
    "MeanStd",
    "VarRatio",
    "mutual_information",
]

_MEMBERS = frozenset({"probs", "members"})


@strategies.register("least-confidence-dropout")
class LeastConfidenceDropout(LeastConfidence):
    """1 - max_y of the mean over members, in [0, 1 - 1/c].

    The mean over s dropout passes is less sure of itself than one pass, above all far from the
    labelled items. What comes before the first dropout layer is computed once, the rest s times.
    """

    name = "least-confidence-dropout"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c + n log n)"
    reference = "Gal, Islam and Ghahramani, ICML 2017, section 4; Lewis and Gale, SIGIR 1994"
    when = "least-confidence with steadier probabilities, at the price of s passes"


@strategies.register("margin-dropout")
class MarginDropout(Margin):
    """-(p(1) - p(2)) of the mean over members, in [-1, 0].

    Worth its s passes where one pass is overconfident; try margin first, which often does as well.
    """

    name = "margin-dropout"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c + n log n)"
    reference = "Gal, Islam and Ghahramani, ICML 2017, section 4; Scheffer et al., IDA 2001"
    when = "margin with steadier probabilities, at the price of s passes"


@strategies.register("entropy-dropout")
class EntropyDropout(Entropy):
    """H of the mean over members in nats, in [0, log c].

    The whole uncertainty: of the label, which no further label removes, and of the model. Where
    labels are noisy it keeps asking for what nobody can know; bald takes that part away.
    """

    name = "entropy-dropout"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c + n log n)"
    reference = "Gal, Islam and Ghahramani, ICML 2017, section 4 (max entropy)"
    when = "entropy with steadier probabilities, at the price of s passes"


@strategies.register("mean-std")
class MeanStd(AbstractScore):
    """Mean over classes of the standard deviation over members, in [0, 1/2].

    Like bald it is 0 where all members agree, however unsure they are, but it counts a difference
    between .5 and .6 as much as one between .0 and .1.
    """

    name = "mean-std"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c + n log n)"
    reference = (
        "Kampffmeyer, Salberg and Jenssen, CVPR workshops 2016; Gal et al., ICML 2017, section 4"
    )
    when = "a plain measure of how much the members differ"

    def score(self, pool: Outputs) -> Tensor:
        """(1/c) sum_y sqrt(mean_s p_s^2 - (mean_s p_s)^2), float [n]."""
        probs = widened(pool.probs)
        centre = _centred_mean(probs)
        return (probs - centre).square().mean(0).sqrt().mean(-1)


@strategies.register("var-ratio")
class VarRatio(AbstractScore):
    """1 - (votes of the modal predicted class) / s, in [0, 1 - 1/s].

    It has s values at most, so that most of a pool is tied, and ties are broken at random: take
    many passes, or a score that is not a count.
    """

    name = "var-ratio"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c + n log n)"
    reference = "Freeman, Elementary Applied Statistics, 1965; Gal et al., ICML 2017, section 4"
    when = "coarse but robust: only who wins counts, not by how much"

    def score(self, pool: Outputs) -> Tensor:
        """1 - f_m / s, float [n]; a member's own tie goes to its first class."""
        votes = torch.zeros(pool.n, pool.c, device=pool.probs.device)
        winners = pool.probs.argmax(-1).T  # [n, s]
        votes.scatter_add_(1, winners, torch.ones_like(winners, dtype=votes.dtype))
        return 1 - votes.amax(-1) / pool.s


@strategies.register("bald")
class Bald(AbstractScore):
    """Mutual information of label and member, H[mean p] - mean H[p], in nats, in [0, log c].

    What the label would tell about the model: high where members are sure of different classes, 0
    where they agree. It needs members that differ, so enough passes and a dropout rate that is not
    tiny; the k best are scored one by one and may be near-duplicates.
    """

    name = "bald"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c + n log n)"
    reference = "Houlsby et al., arXiv 1112.5745, 2011, eq. 2; Gal et al., ICML 2017, section 4"
    when = "asks where the members contradict each other, not where the label is noisy anyway"

    def score(self, pool: Outputs) -> Tensor:
        """Mutual information of label and member, float64 [n]."""
        return mutual_information(pool.probs)


def mutual_information(probs: Tensor) -> Tensor:
    """mean_s KL(p_s || mean p), [s, n, c] -> float64 [n]: exactly 0 for equal members.

    The same as H[mean p] - mean H[p], in nats.
    """
    total = torch.zeros(probs.shape[1], dtype=torch.float64, device=probs.device)
    mean = _centred_mean(probs.double())
    for member in probs.double():
        ratio = torch.where(member > 0, member / mean.clamp_min(1e-300), 1.0)
        total += (torch.xlogy(member, ratio)).sum(-1)
    return (total / len(probs)).clamp_min(0)


def _centred_mean(probs: Tensor) -> Tensor:
    """The mean over members [n, c] of [s, n, c], to the bit their value where all are equal."""
    return probs[0] + (probs - probs[0]).mean(0)
