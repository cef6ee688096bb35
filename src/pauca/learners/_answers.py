"""What a Forward-Forward net's goodness says, in the columns that strategies read."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pauca.errors import UsageError
from pauca.forward import (
    AbstractGoodnessReadout,
    Calibration,
    EndToEnd,
    Recipe,
    Threshold,
    calibrate,
)

__all__ = ["Answers"]


class Answers:
    """Probabilities, members and a threshold from goodness, calibrated where that was asked for.

    Args:
        recipe: What the net learned from, and how it decides.
        calibrated: Whether there is to be a calibration.

    Raises:
        UsageError: a calibration of what does not decide by goodness.
    """

    def __init__(self, recipe: Recipe, *, calibrated: bool) -> None:
        readout = recipe.readout
        self.readout = readout if isinstance(readout, AbstractGoodnessReadout) else None
        self.calibration: Calibration | None = None
        self._recipe, self._calibrated = recipe, calibrated
        if calibrated and self.readout is None:
            raise UsageError(
                "nothing to calibrate: this readout does not decide by goodness",
                expected="readout 'sum' or 'softmax-sum', or no calibration",
                got=f"readout = {readout.name!r}",
                todo="change one of these settings",
            )

    @property
    def gives(self) -> frozenset[str]:
        """Names of what there is besides probabilities and features."""
        found = set[str]()
        if self._recipe.negatives.labelled:
            found |= {"goodness"} | ({"layers"} if self._depth > 1 else set())
            found |= {"theta"} if self._calibrated or self._learned_theta is not None else set()
        if self.readout is not None and self.readout.heard(self._depth) > 1:
            found |= {"members"}
        return frozenset(found)

    def probs(self, goodness: Tensor, *, members: bool) -> Tensor:
        """Float [n, c, l] -> [s, n, c]: the decision alone, or the heard layers by themselves."""
        assert self.readout is not None
        if self.calibration is not None:
            if members:
                return self.calibration.members(self.readout, goodness)
            return self.calibration.probs(self.readout, goodness).unsqueeze(0)
        if members:
            return self.readout.layer_logits(goodness).softmax(1).permute(2, 0, 1)
        return self.readout.probs(goodness).unsqueeze(0)

    def theta(self, goodness: Tensor) -> Tensor:
        """Threshold on goodness summed over layers, one number an item, [n, c, l] -> [n].

        That of the calibration; else that of the loss, once for each layer that has the loss by
        itself. Where there was nothing to calibrate on and the loss has none, no label passes.
        """
        known = self._learned_theta
        if self.calibration is not None:
            known = self.calibration.theta
        return goodness.new_full((len(goodness),), torch.inf if known is None else known)

    def fit(self, judged: list[tuple[Tensor, Tensor]]) -> Calibration | None:
        """From goodness [m, c, l] and labels [m] of items that were not learned; None of none."""
        goodness, labels = (torch.cat(parts) for parts in zip(*judged, strict=True))
        assert self.readout is not None
        return calibrate(self.readout, goodness, labels) if len(labels) else None

    def load(self, values: Mapping[str, Any] | None) -> None:
        """Put back what a state holds."""
        self.calibration = None if values is None else Calibration.from_plain(values)

    @property
    def _depth(self) -> int:
        return len(self._recipe.widths)

    @property
    def _learned_theta(self) -> float | None:
        loss = self._recipe.loss
        if not isinstance(loss, Threshold):
            return None
        together = isinstance(self._recipe.schedule, EndToEnd)
        return loss.theta * (1 if together else self._depth)
