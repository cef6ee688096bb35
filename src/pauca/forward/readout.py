"""Readouts: from the goodness of every label in every layer to a decision."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from pauca.registry import Registry

__all__ = ["AbstractReadout", "PlainSum", "SoftmaxSum", "readouts"]

readouts: Registry["AbstractReadout"] = Registry("readout", "pauca.forward", "readouts")
"""Every readout by name."""


class AbstractReadout(ABC):
    """Rule that turns goodness into a score and a probability of each label.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def scores(self, goodness: Tensor) -> Tensor:
        """Score of each label, float [n, c, l] -> [n, c]; the highest is the prediction."""

    @abstractmethod
    def probs(self, goodness: Tensor) -> Tensor:
        """Probability of each label, float [n, c, l] -> [n, c], in the order of the scores."""


@readouts.register("softmax-sum")
class SoftmaxSum(AbstractReadout):
    """Softmax over labels in each layer, summed over layers: the published form.

    The probability is the mean over layers instead of the sum, so every layer is one voice.
    """

    name = "softmax-sum"
    reference = "Tosato et al., TMLR 2025, section 2"

    def scores(self, goodness: Tensor) -> Tensor:
        """sum_l softmax_k G_kl, in [0, l]."""
        return goodness.softmax(1).sum(-1)

    def probs(self, goodness: Tensor) -> Tensor:
        """The scores over the number of layers."""
        return self.scores(goodness) / goodness.shape[-1]


@readouts.register("sum")
class PlainSum(AbstractReadout):
    """Goodness summed over layers; its softmax as probability."""

    name = "sum"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.3"

    def scores(self, goodness: Tensor) -> Tensor:
        """sum_l G_kl."""
        return goodness.sum(-1)

    def probs(self, goodness: Tensor) -> Tensor:
        """softmax_k sum_l G_kl."""
        return self.scores(goodness).softmax(-1)
