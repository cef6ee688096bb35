"""Readouts: from goodness, or from what layers do without a label, to a decision."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pauca.checks import check_count, check_nonnegative, check_positive
from pauca.errors import InputError
from pauca.forward.probe import LinearProbe
from pauca.registry import Registry

__all__ = [
    "AbstractGoodnessReadout",
    "AbstractReadout",
    "PlainSum",
    "ProbeReadout",
    "SoftmaxSum",
    "readouts",
]

readouts: Registry["AbstractReadout"] = Registry("readout", "pauca.forward", "readouts")
"""Every readout by name."""


class AbstractReadout(ABC):
    """Rule that says which label an item has.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
        labelled: Whether it reads the goodness of every label; otherwise it reads the activity of
            all layers while no label is shown.
    """

    name: ClassVar[str]
    reference: ClassVar[str]
    labelled: ClassVar[bool]

    @abstractmethod
    def check(self, depth: int) -> None:
        """Refuse a net of so many layers.

        Raises:
            InputError: no layer would be read.
        """


@dataclass(frozen=True)
class AbstractGoodnessReadout(AbstractReadout):
    """Rule that turns goodness into a score and a probability of each label.

    Args:
        skip: How many first layers are not heard.
    """

    skip: int = 0

    labelled = True

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.skip, "skip of the readout")

    def check(self, depth: int) -> None:
        """At least one layer is heard."""
        if self.skip >= depth:
            raise InputError(
                "the readout hears no layer",
                expected=f"skip below the number of layers, {depth}",
                got=self.skip,
                todo="lower `skip`, or add layers",
            )

    def heard(self, depth: int) -> int:
        """How many of so many layers are heard."""
        return depth - self.skip

    @abstractmethod
    def scores(self, goodness: Tensor) -> Tensor:
        """Score of each label, float [n, c, l] -> [n, c]; the highest is the prediction."""

    @abstractmethod
    def probs(self, goodness: Tensor) -> Tensor:
        """Probability of each label, float [n, c, l] -> [n, c], in the order of the scores."""

    @abstractmethod
    def logits(self, goodness: Tensor) -> Tensor:
        """Logarithms of ``probs`` up to a constant of the item, finite, [n, c, l] -> [n, c]."""

    @abstractmethod
    def layer_logits(self, goodness: Tensor) -> Tensor:
        """Each heard layer's own logits, [n, c, l] -> [n, c, l - skip]."""


@readouts.register("softmax-sum")
class SoftmaxSum(AbstractGoodnessReadout):
    """Softmax over labels in each layer, summed over layers: the published form.

    The probability is the mean over layers instead of the sum, so every layer is one voice.

    Args:
        skip: How many first layers are not heard.
    """

    name = "softmax-sum"
    reference = "Tosato et al., TMLR 2025, section 2"

    def scores(self, goodness: Tensor) -> Tensor:
        """sum_l softmax_k G_kl, in [0, l]."""
        return goodness[..., self.skip :].softmax(1).sum(-1)

    def probs(self, goodness: Tensor) -> Tensor:
        """The scores over the number of layers."""
        return self.scores(goodness) / (goodness.shape[-1] - self.skip)

    def logits(self, goodness: Tensor) -> Tensor:
        """The logarithm of the scores."""
        return self.layer_logits(goodness).log_softmax(1).logsumexp(-1)

    def layer_logits(self, goodness: Tensor) -> Tensor:
        """G_kl."""
        return goodness[..., self.skip :]


@readouts.register("sum")
@dataclass(frozen=True)
class PlainSum(AbstractGoodnessReadout):
    """Goodness summed over layers; its softmax as probability.

    Args:
        skip: How many first layers are not heard.
        scale: What the sum is multiplied by before the softmax, > 0; that of the loss, where the
            loss is a cross-entropy of goodness. It changes how sure a prediction is, not which.
    """

    scale: float = 1.0

    name = "sum"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.3"

    def __post_init__(self) -> None:
        """Check."""
        super().__post_init__()
        check_positive(self.scale, "scale of the readout")

    def scores(self, goodness: Tensor) -> Tensor:
        """sum_l G_kl."""
        return goodness[..., self.skip :].sum(-1)

    def probs(self, goodness: Tensor) -> Tensor:
        """softmax_k (scale * sum_l G_kl)."""
        return self.logits(goodness).softmax(-1)

    def logits(self, goodness: Tensor) -> Tensor:
        """Scale * sum_l G_kl."""
        return self.scores(goodness).mul(self.scale)

    def layer_logits(self, goodness: Tensor) -> Tensor:
        """Scale * G_kl."""
        return goodness[..., self.skip :] * self.scale


@readouts.register("probe")
@dataclass(frozen=True)
class ProbeReadout(AbstractReadout):
    """Logistic regression on the activity of all layers while no label is shown.

    Args:
        penalty: Of the probe's squared weights.
    """

    penalty: float = 1e-3

    name = "probe"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.2 (linear classifier on activity)"
    labelled = False

    def __post_init__(self) -> None:
        """Check."""
        check_nonnegative(self.penalty, "penalty of the probe")

    def check(self, depth: int) -> None:
        """Any net."""

    def probe(self, d: int, classes: int) -> LinearProbe:
        """One that is to be fitted on features float [n, d]."""
        return LinearProbe(d, classes, self.penalty)
