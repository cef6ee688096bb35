"""Scores of Forward-Forward's goodness, which says of each label by itself how well it fits."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from pauca.errors import InputError
from pauca.outputs import Outputs
from pauca.strategies._common import column_of
from pauca.strategies.base import AbstractScore, strategies
from pauca.strategies.disagreement import mutual_information

__all__ = [
    "GoodnessAmbiguity",
    "GoodnessEnergy",
    "GoodnessMargin",
    "LayerBald",
    "LayerVoteEntropy",
]

_GOODNESS = frozenset({"probs", "goodness"})
_LAYERS = frozenset({"probs", "goodness", "layers"})
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@strategies.register("goodness-margin")
class GoodnessMargin(AbstractScore):
    """-(G(1) - G(2)) of the two labels of the highest goodness summed over layers, <= 0.

    margin without a softmax: it asks where two labels fit about equally well, whether both fit well
    or neither does, and no temperature changes its order. An item that is active throughout has
    larger goodness for all labels, and so larger differences.
    """

    name = "goodness-margin"
    family = "goodness"
    needs = _GOODNESS
    cost = "O(n c l + n log n)"
    reference = "margin (Scheffer, Decomain and Wrobel, IDA 2001) of goodness (Hinton, 2022)"
    when = "margin for Forward-Forward, where probabilities are not calibrated"

    def score(self, pool: Outputs) -> Tensor:
        """G(2) - G(1), float64 [n]; with a single class every item is equal."""
        summed = _summed(pool)
        if pool.c == 1:
            return torch.zeros_like(summed[:, 0])
        first, second = summed.topk(2, dim=-1).values.unbind(-1)
        return second - first


@strategies.register("goodness-energy")
class GoodnessEnergy(AbstractScore):
    """-T log sum_y exp(G_y / T) of goodness summed over layers: no label has much of it.

    Goodness is learned against a threshold and not only against other labels, so that it can be low
    for all of them: "none of these". It asks for what looks like no category that is known, also
    for what looks like nothing at all, and is indifferent to a tie of two good labels.

    Args:
        temperature: T > 0, in units of goodness; the smaller, the more the best label decides.
    """

    name = "goodness-energy"
    family = "goodness"
    needs = _GOODNESS
    cost = "O(n c l + n log n)"
    reference = "Liu, Wang, Owens and Li, NeurIPS 2020, eq. 4 (of logits; here of goodness)"
    when = "pools that hold categories nobody asked for, when these are wanted"

    def __init__(self, temperature: Positive = 1.0) -> None:
        self.temperature = temperature

    def score(self, pool: Outputs) -> Tensor:
        """-T logsumexp(G / T), float64 [n]."""
        return -self.temperature * (_summed(pool) / self.temperature).logsumexp(-1)


@strategies.register("goodness-ambiguity")
class GoodnessAmbiguity(AbstractScore):
    """How far the number of labels above the threshold is from one: |m - 1|.

    m = #{y : G_y > theta} with goodness summed over layers. 1 is a clear answer and asked last; 0
    is novel, 2 and more are ambiguous. A count has few values, so most of a pool is tied, and ties
    are broken at random.

    Goodness has a level of its own only where the loss gives it one (threshold); otherwise a
    calibrated theta is the level that right labels exceed as often as wrong ones stay below it.

    Args:
        theta: Threshold on goodness summed over layers; None for the learner's column ``theta``:
            that of its calibration, or of its loss.
        first: ``unclear`` for |m - 1|; ``ambiguous`` for m itself, the more labels pass the sooner;
            ``novel`` for -m, where none passes first.
    """

    name = "goodness-ambiguity"
    family = "goodness"
    needs = frozenset({"probs", "goodness", "theta"})
    cost = "O(n c l + n log n)"
    reference = "Hinton, arXiv 2212.13345, 2022, section 2 (theta); the count is pauca's own"
    when = "labels that pass a threshold one by one: none of these, one, or several"

    def __init__(
        self,
        theta: Annotated[float, Field(allow_inf_nan=False)] | None = None,
        first: Literal["unclear", "ambiguous", "novel"] = "unclear",
    ) -> None:
        self.theta, self.first = theta, first
        if theta is not None:
            self.needs = _GOODNESS
        if first not in ("unclear", "ambiguous", "novel"):
            raise InputError(
                "unknown choice of what comes first",
                expected="unclear, ambiguous or novel",
                got=repr(first),
                where="strategy 'goodness-ambiguity'",
                todo="choose one of these",
            )

    def score(self, pool: Outputs) -> Tensor:
        """|m - 1|, m or -m, float64 [n]."""
        summed = _summed(pool)
        if self.theta is not None:
            passed = summed > self.theta
        else:
            passed = summed > column_of(pool, "theta").double().unsqueeze(-1)
        count = passed.sum(-1).double()
        if self.first == "unclear":
            return (count - 1).abs()
        return count if self.first == "ambiguous" else -count


@strategies.register("layer-vote-entropy")
class LayerVoteEntropy(AbstractScore):
    """-sum_y V(y)/l log V(y)/l in nats, V(y) the layers whose goodness is highest for y.

    In [0, log min(l, c)]. Layers that learned by themselves are a committee for nothing: they see
    the same items through other eyes, though each through those below it. With few layers there are
    few values, and ties are broken at random.
    """

    name = "layer-vote-entropy"
    family = "goodness"
    needs = _LAYERS
    cost = "O(n c l + n log n)"
    reference = "Dagan and Engelson, ICML 1995 (vote entropy); layers as the committee: pauca's own"
    when = "a committee for nothing: asks where layers name other labels"

    def score(self, pool: Outputs) -> Tensor:
        """Entropy of the votes, float64 [n]; a layer's own tie goes to its first label."""
        goodness = _goodness(pool)
        winners = goodness.argmax(1)  # [n, c, l] -> [n, l]
        votes = torch.zeros(pool.n, pool.c, dtype=torch.float64, device=goodness.device)
        votes.scatter_add_(1, winners, torch.ones_like(winners, dtype=votes.dtype))
        # in order of size, so that the same counts give the same sum to the bit
        shares = votes.sort(dim=1).values / goodness.shape[2]
        return -torch.xlogy(shares, shares).sum(-1)


@strategies.register("layer-bald")
class LayerBald(AbstractScore):
    """H[mean_l p_l] - mean_l H[p_l] with p_l the softmax of layer l's goodness, in nats.

    bald with layers for members: high where layers are sure of different labels, 0 where they
    agree, whatever the label. How sure a layer is depends on the scale. bald itself reads the
    members that the learner gives, which are the same layers at the learner's own scale and
    temperatures.

    Args:
        scale: What goodness is multiplied by before the softmax, > 0, in inverse units of goodness.
    """

    name = "layer-bald"
    family = "goodness"
    needs = _LAYERS
    cost = "O(n c l + n log n)"
    reference = "Houlsby et al., arXiv 1112.5745, 2011, eq. 2; layers as the members: pauca's own"
    when = "as layer-vote-entropy, when it counts how sure each layer is"

    def __init__(self, scale: Positive = 1.0) -> None:
        self.scale = scale

    def score(self, pool: Outputs) -> Tensor:
        """Mutual information of label and layer, float64 [n]."""
        shares = (self.scale * _goodness(pool)).softmax(1)
        return mutual_information(shares.permute(2, 0, 1))


def _goodness(pool: Outputs) -> Tensor:
    """Float64 [n, c, l], which ``needs`` has made sure of."""
    assert pool.goodness is not None
    return pool.goodness.double()


def _summed(pool: Outputs) -> Tensor:
    """Goodness summed over layers, float64 [n, c]."""
    return _goodness(pool).sum(-1)
