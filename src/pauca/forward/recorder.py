"""Running account of a stage, kept on the device and read out once a report."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pauca.errors import RunError
from pauca.forward.net import ForwardNet
from pauca.forward.schedules import AbstractStage

__all__ = ["Recorder"]


class Recorder:
    """Sums over steps since the last report; nothing leaves the device in between.

    Args:
        stage: Whose layers are followed.
        net: Of the stage.
        epoch_steps: Steps of one epoch.
    """

    def __init__(self, stage: AbstractStage, net: ForwardNet, epoch_steps: int) -> None:
        self._layers = stage.layers
        self._epoch_steps = epoch_steps
        self._device = stage.parameters()[0].device
        self._widths = [net.widths[layer] for layer in stage.layers]
        self._steps = 0
        self._clear()

    def add(self, loss: Tensor, goodness: list[Tensor], activities: list[Tensor]) -> None:
        """One step: its loss, each layer's goodness [1 + r, b] and activity [1 + r, b, u]."""
        self._steps += 1
        self._since += 1
        self._sums[:, 0] += loss
        for layer, (g, h) in enumerate(zip(goodness, activities, strict=True)):
            self._sums[layer, 1] += g[0].mean()
            self._sums[layer, 2] += g[1:].mean()
            self._alive[layer] |= h[0].amax(0) > 0

    def report(self) -> list[Mapping[str, float]]:
        """One record a layer, and start afresh.

        Raises:
            RunError: the mean loss is not finite.
        """
        means = (self._sums / self._since).tolist()
        dead = [int((~alive).sum()) for alive in self._alive]
        records: list[Mapping[str, float]] = [
            {
                "layer": layer + 1,
                "epoch": self._steps / self._epoch_steps,
                "steps": self._steps,
                "loss": loss,
                "goodness_positive": positive,
                "goodness_negative": negative,
                "dead_units": count,
            }
            for layer, (loss, positive, negative), count in zip(
                self._layers, means, dead, strict=True
            )
        ]
        if not torch.isfinite(self._sums).all():
            raise RunError(
                "the training diverged",
                expected="a finite loss",
                got=f"{means[0][0]} after {self._steps} steps of layer {self._layers[0] + 1}",
                todo="use a smaller rate",
            )
        self._clear()
        return records

    def _clear(self) -> None:
        self._since = 0
        self._sums = torch.zeros(len(self._layers), 3, device=self._device)
        self._alive = [torch.zeros(u, dtype=torch.bool, device=self._device) for u in self._widths]
