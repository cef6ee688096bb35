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
]

_MEMBERS = frozenset({"probs", "members"})


@strategies.register("least-confidence-dropout")
class LeastConfidenceDropout(LeastConfidence):
    """1 - max_y of the mean over members, in [0, 1 - 1/c]."""

    name = "least-confidence-dropout"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c)"
    reference = "Gal, Islam and Ghahramani, ICML 2017, section 4; Lewis and Gale, SIGIR 1994"
    when = "least-confidence with steadier probabilities, at the price of s passes"


@strategies.register("margin-dropout")
class MarginDropout(Margin):
    """-(p(1) - p(2)) of the mean over members, in [-1, 0]."""

    name = "margin-dropout"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c)"
    reference = "Gal, Islam and Ghahramani, ICML 2017, section 4; Scheffer et al., IDA 2001"
    when = "margin with steadier probabilities, at the price of s passes"


@strategies.register("entropy-dropout")
class EntropyDropout(Entropy):
    """H of the mean over members in nats, in [0, log c]."""

    name = "entropy-dropout"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c)"
    reference = "Gal, Islam and Ghahramani, ICML 2017, section 4 (max entropy)"
    when = "entropy with steadier probabilities, at the price of s passes"


@strategies.register("mean-std")
class MeanStd(AbstractScore):
    """Mean over classes of the standard deviation over members, in [0, 1/2]."""

    name = "mean-std"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c)"
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
    """1 - (votes of the modal predicted class) / s, in [0, 1 - 1/s]."""

    name = "var-ratio"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c)"
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
    """Mutual information of label and member, H[mean p] - mean H[p], in nats, in [0, log c]."""

    name = "bald"
    family = "disagreement"
    needs = _MEMBERS
    cost = "O(s n c)"
    reference = "Houlsby et al., arXiv 1112.5745, 2011, eq. 2; Gal et al., ICML 2017, section 4"
    when = "asks where the members contradict each other, not where the label is noisy anyway"

    def score(self, pool: Outputs) -> Tensor:
        """mean_s KL(p_s || mean p), which is the same, float64 [n]: exactly 0 for equal members."""
        total = torch.zeros(pool.n, dtype=torch.float64, device=pool.probs.device)
        mean = _centred_mean(pool.probs.double())
        for member in pool.probs.double():
            ratio = torch.where(member > 0, member / mean.clamp_min(1e-300), 1.0)
            total += (torch.xlogy(member, ratio)).sum(-1)
        return (total / pool.s).clamp_min(0)


def _centred_mean(probs: Tensor) -> Tensor:
    """The mean over members [n, c] of [s, n, c], to the bit their value where all are equal."""
    return probs[0] + (probs - probs[0]).mean(0)
