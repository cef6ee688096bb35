"""Temperatures that make goodness as sure as it is right, fitted on items that were not learned.

Goodness is trained to tell labels apart, not to say how sure it is, and on few items, which a net
knows by heart, it is far too sure. One number a layer, and one for the decision, is divided out;
no label changes its place.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pauca.checks import check_labels, check_size
from pauca.errors import InputError
from pauca.forward.readout import AbstractGoodnessReadout

__all__ = ["Calibration", "calibrate", "equal_error_threshold", "fit_temperature"]

_HALVINGS = 60
_LOG_RANGE = 7.0  # temperatures from e^-7 to e^7, about 1/1,100 to 1,100


@dataclass(frozen=True)
class Calibration:
    """What goodness is divided by, and where right labels begin.

    Args:
        decision: Temperature of the readout's logits, > 0.
        layers: Temperature of each heard layer's logits, > 0.
        theta: Threshold on goodness summed over all layers that as large a share of right labels
            misses as of wrong labels passes.
        items: How many items it was fitted on.
    """

    decision: float
    layers: tuple[float, ...]
    theta: float
    items: int

    def probs(self, readout: AbstractGoodnessReadout, goodness: Tensor) -> Tensor:
        """Probability of each label, float [n, c, l] -> [n, c]."""
        return (readout.logits(goodness) / self.decision).softmax(-1)

    def members(self, readout: AbstractGoodnessReadout, goodness: Tensor) -> Tensor:
        """Probability of each label by each heard layer alone, [n, c, l] -> [l - skip, n, c]."""
        logits = readout.layer_logits(goodness)
        shares = (logits / logits.new_tensor(self.layers)).softmax(1)
        return shares.permute(2, 0, 1)

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "decision": self.decision,
            "layers": list(self.layers),
            "theta": self.theta,
            "items": self.items,
        }

    @staticmethod
    def from_plain(values: Mapping[str, Any]) -> "Calibration":
        """What ``plain`` gave."""
        return Calibration(
            values["decision"], tuple(values["layers"]), values["theta"], values["items"]
        )


def calibrate(readout: AbstractGoodnessReadout, goodness: Tensor, labels: Tensor) -> Calibration:
    """A temperature for the decision and for each heard layer, and a threshold.

    Args:
        readout: How a label is decided.
        goodness: Of m >= 1 items that the net did not learn from, float [m, c, l], c >= 2.
        labels: int64 [m].

    Raises:
        InputError: no item, one label alone, sizes that differ, labels outside.
    """
    layers = readout.layer_logits(goodness)
    return Calibration(
        decision=fit_temperature(readout.logits(goodness), labels),
        layers=tuple(fit_temperature(layer, labels) for layer in layers.unbind(-1)),
        theta=equal_error_threshold(goodness.double().sum(-1), labels),
        items=len(labels),
    )


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """T > 0 at which the cross-entropy of softmax(logits / T) is least.

    The right label's target is (m + 1) / (m + 2), and what is left goes to the others equally: few
    items that are all right do not prove that none is ever wrong, and T would be 0. The loss is
    convex in 1 / T, so there is one optimum; it is found by halving, and cut to the range from e^-7
    to e^7.

    Args:
        logits: float [m, c], m >= 1, c >= 2, finite.
        labels: int64 [m].

    Raises:
        InputError: no item, one label alone, sizes that differ, labels outside.

    Reference: Guo, Pleiss, Sun and Weinberger, ICML 2017, section 4.2; targets: Platt, Advances in
        Large Margin Classifiers, 1999, section 2.2.
    """
    z, y = _checked(logits, labels)
    z = z - z.amax(1, keepdim=True)
    m, c = z.shape
    miss = 1 / (m + 2)
    target = torch.full_like(z, miss / (c - 1))
    target[torch.arange(m, device=z.device), y] = 1 - miss
    wanted = float((target * z).sum())
    low, high = -_LOG_RANGE, _LOG_RANGE  # of log 1/T
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # the derivative by 1/T rises with 1/T
        shares = (z * math.exp(middle)).softmax(1)
        if float((shares * z).sum()) < wanted:
            low = middle
        else:
            high = middle
    return math.exp(-(low + high) / 2)


def equal_error_threshold(goodness: Tensor, labels: Tensor) -> float:
    """Threshold that as large a share of right labels misses as of wrong labels passes.

    Half-way between the two neighbouring goodnesses where the shares cross.

    Args:
        goodness: float [m, c], m >= 1, c >= 2, finite.
        labels: int64 [m].

    Raises:
        InputError: no item, one label alone, sizes that differ, labels outside.
    """
    g, y = _checked(goodness, labels)
    right = torch.zeros_like(g, dtype=torch.bool)
    right[torch.arange(len(y), device=g.device), y] = True
    values = torch.unique(g)
    # half-way marks, and one beyond each end
    marks = torch.cat([values[:1] - 1, (values[1:] + values[:-1]) / 2, values[-1:] + 1])
    missed = torch.searchsorted(g[right].sort().values, marks) / len(y)
    passed = 1 - torch.searchsorted(g[~right].sort().values, marks) / int((~right).sum())
    return float(marks[(missed - passed).abs().argmin()])


def _checked(values: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    if values.ndim != 2 or len(values) < 1 or values.shape[1] < 2:
        raise InputError(
            "nothing to calibrate on",
            expected="float [m, c], m >= 1, c >= 2",
            got=list(values.shape),
            todo="label more items, or train without a calibration",
        )
    check_size(labels, len(values), "labels")
    check_labels(labels, values.shape[1], "labels")
    return values.detach().double(), labels.to(values.device)
