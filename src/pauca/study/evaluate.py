"""What is measured of a trained learner: predictions, reliability, sparsity, walls."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis import choose_samples, dead_units, hoyer, mean_defined, silent_samples
from pauca.data import Split
from pauca.learners import AbstractLearner, LabelInput
from pauca.metrics import evaluate, reliability_curve

__all__ = ["measure", "npz", "predictions", "reliability", "representation", "walls"]

_BLOCK = 2048
_SHOWN = 200


def predictions(learner: AbstractLearner, split: Split, generator: Generator) -> Tensor:
    """Probabilities of every item, float [n, c], on the CPU; block by block."""
    start = generator.get_state()
    parts = []
    for ids in _blocks(len(split)):
        generator.set_state(start)  # the same draw serves every block
        parts.append(learner.outputs(split.x[ids], ids, generator=generator).mean_probs.cpu())
    return torch.cat(parts)


def measure(split: Split, probs: Tensor) -> dict[str, float]:
    """Every measure of these predictions, by name."""
    return evaluate(split.y, probs, split.groups)


def reliability(split: Split, probs: Tensor) -> list[dict[str, float]]:
    """Of each of 15 bins of confidence that holds an item: its number, items, and what they are.

    ``{bin, items, confidence, accuracy}``, the last two means over the items of the bin.
    """
    return [
        {
            "bin": found.place,
            "items": found.accuracy.n,
            "confidence": found.confidence,
            "accuracy": found.accuracy.mean,
        }
        for found in reliability_curve(split.y, probs).bins
    ]


def representation(
    learner: AbstractLearner, split: Split, labels: Tensor, correct: Tensor
) -> dict[str, dict[str, dict[str, Any]]]:
    """Sparsity of every layer, under the neutral label and under the true one.

    Args:
        learner: Trained.
        split: n items.
        labels: int64 [n], the true ones.
        correct: bool [n], which of them the learner predicts.

    Returns:
        ``hoyer``: {layer: {neutral, true, true_correct}}, means over the items that are not silent;
        ``silent``: {layer: {dead_units, silent_samples}} under the neutral label, and the same with
        ``true_`` in front.
    """
    neutral = _Layers()
    true = _Layers()
    for ids in _blocks(len(split)):
        neutral.add(learner, split.x[ids], "neutral")
        true.add(learner, split.x[ids], labels[ids])
    everything = torch.ones(len(split), dtype=torch.bool)
    return {
        "hoyer": {
            layer: {
                "neutral": neutral.hoyer(layer, everything),
                "true": true.hoyer(layer, everything),
                "true_correct": true.hoyer(layer, correct),
            }
            for layer in neutral.names
        },
        "silent": {
            layer: {
                **neutral.silent(layer),
                **{f"true_{key}": count for key, count in true.silent(layer).items()},
            }
            for layer in neutral.names
        },
    }


def walls(learner: AbstractLearner, split: Split, labels: Tensor, generator: Generator) -> bytes:
    """Activity of up to 200 items sorted by class, under their true label, as an npz file.

    Arrays: ``labels`` int64 [n], and float16 [n, units] by name of layer.
    """
    per_class = max(1, _SHOWN // max(1, len(torch.unique(labels))))
    chosen = choose_samples(labels, per_class, generator)[:_SHOWN]
    layers = learner.activations(split.x[chosen], label=labels[chosen])
    arrays: dict[str, Any] = {
        name: layer.cpu().to(torch.float16).numpy() for name, layer in layers.items()
    }
    return npz({"labels": labels[chosen].numpy(), **arrays})


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as the bytes of one compressed file."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


class _Layers:
    """Counts of every layer, gathered block by block so that activity never exists all at once."""

    def __init__(self) -> None:
        self._hoyer: dict[str, list[Tensor]] = {}
        self._dead: dict[str, Tensor] = {}
        self._silent: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._hoyer)

    def add(self, learner: AbstractLearner, x: Tensor, label: LabelInput) -> None:
        for name, layer in learner.activations(x, label=label).items():
            self._hoyer.setdefault(name, []).append(hoyer(layer).cpu())
            dead = dead_units(layer).cpu()
            self._dead[name] = dead & self._dead.get(name, dead)
            self._silent[name] = self._silent.get(name, 0) + int(silent_samples(layer).sum())

    def hoyer(self, layer: str, among: Tensor) -> float:
        return mean_defined(torch.cat(self._hoyer[layer])[among]).mean

    def silent(self, layer: str) -> dict[str, int]:
        return {
            "dead_units": int(self._dead[layer].sum()),
            "silent_samples": self._silent[layer],
        }


def _blocks(n: int) -> Iterator[Tensor]:
    yield from torch.split(torch.arange(n), _BLOCK)
