"""Running account of a stage, kept on the device and read out once a report."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pauca.errors import RunError
from pauca.forward.schedules import AbstractStage

__all__ = ["Recorder"]

_SAMPLE = 1000
_COLUMNS = ("loss", "goodness_positive", "goodness_negative", "separation")


class Recorder:
    """Sums over steps since the last report; nothing leaves the device in between.

    Args:
        stage: Whose layers are followed.
        epoch_steps: Steps of one epoch.
    """

    def __init__(self, stage: AbstractStage, epoch_steps: int) -> None:
        self._stage = stage
        self._epoch_steps = epoch_steps
        device = stage.parameters()[0].device
        layers = [stage.net.layer(number) for number in stage.layers]
        self._sums = torch.zeros(len(layers), len(_COLUMNS), device=device)
        self._alive = [torch.zeros(a.units, dtype=torch.bool, device=device) for a in layers]
        self._steps, self._since = 0, 0

    def add(self, loss: Tensor, goodness: list[Tensor], answers: list[Tensor]) -> None:
        """One step: its loss, each layer's goodness [1 + r, b] and summed answers [u].

        Activity is never negative, so a unit's sum over positives is above 0 if and only if it
        answered to one of them.
        """
        self._steps += 1
        self._since += 1
        for layer, (g, h) in enumerate(zip(goodness, answers, strict=True)):
            better = (g[0] > g[1:]).to(g.dtype).mean()
            self._sums[layer] += torch.stack([loss, g[0].mean(), g[1:].mean(), better])
            self._alive[layer] |= h > 0

    def report(self) -> list[Mapping[str, float]]:
        """One record a layer, and start afresh.

        Raises:
            RunError: the mean loss is not finite.
        """
        means = (self._sums / self._since).tolist()
        if not torch.isfinite(self._sums).all():
            raise RunError(
                "the training diverged",
                expected="a finite loss",
                got=f"{means[0][0]} after {self._steps} steps of layer {self._stage.layers[0] + 1}",
                todo="use a smaller rate",
            )
        accuracy = self._accuracy()
        records: list[Mapping[str, float]] = [
            {
                "layer": layer + 1,
                "epoch": self._steps / self._epoch_steps,
                "steps": self._steps,
                **dict(zip(_COLUMNS, row, strict=True)),
                "dead_units": int((~alive).sum()),
                **({} if accuracy is None else {"accuracy": accuracy[layer]}),
            }
            for layer, row, alive in zip(self._stage.layers, means, self._alive, strict=True)
        ]
        self._since = 0
        self._sums.zero_()
        for alive in self._alive:
            alive.zero_()
        return records

    def state(self) -> dict[str, Any]:
        """All that it holds."""
        return {
            "steps": self._steps,
            "since": self._since,
            "sums": self._sums.clone(),
            "alive": [alive.clone() for alive in self._alive],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._steps, self._since = state["steps"], state["since"]
        self._sums.copy_(state["sums"])
        for alive, kept in zip(self._alive, state["alive"], strict=True):
            alive.copy_(kept)

    def _accuracy(self) -> list[float] | None:
        """Of each layer by itself, on the first items of an even sample; None without labels."""
        net, items = self._stage.net, self._stage.source.items
        if not self._stage.source.negatives.labelled:
            return None
        step = max(1, -(-len(items) // _SAMPLE))
        index = torch.arange(0, len(items), step, device=items.y.device)
        learning = [net.layer(number) for number in self._stage.layers]
        for layer in learning:
            layer.eval()
        depth = max(self._stage.layers) + 1
        parts = [
            net.label_goodness(items.at(some), depth)
            for some in torch.split(index, net.block(net.code.classes))
        ]
        for layer in learning:
            layer.train()
        right = torch.cat(parts).argmax(1) == items.y[index].unsqueeze(1)  # [b, l]
        shares: list[float] = right.double().mean(0).tolist()
        return [shares[number] for number in range(depth)]
