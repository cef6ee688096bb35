"""Activation walls: samples sorted by class against units, so that ensembles show as bands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_finite, check_size
from pauca.errors import InputError

__all__ = ["UnitOrder", "Wall", "activation_walls", "choose_samples", "order_units"]

UnitOrder = Literal["given", "preferred"]
"""``given`` leaves units in place; ``preferred`` sorts them by the class they answer to most."""


@dataclass(frozen=True, eq=False)
class Wall:
    """One layer's picture, as numbers.

    Args:
        values: Activity of the samples shown, float [n, u], rows sorted by class.
        labels: Class of each row, int64 [n], ascending.
        samples: Position of each row among the samples given, int64 [n].
        units: Which unit each column is, int64 [u].
    """

    values: Tensor
    labels: Tensor
    samples: Tensor
    units: Tensor


def choose_samples(labels: Tensor, per_class: int, generator: Generator) -> Tensor:
    """Positions of up to ``per_class`` samples of each class at random, sorted by class, int64 [n].

    A class with fewer samples gives all of them. The same seed chooses the same samples.

    Args:
        labels: int64 [n].
        per_class: >= 1.
        generator: On the CPU.
    """
    check_count(per_class, "per_class", least=1)
    shuffle = torch.randperm(len(labels), generator=generator).to(labels.device)
    order = shuffle[labels[shuffle].argsort(stable=True)]
    kept = labels[order]
    # rank of each sample within its class: its place less the place where its class starts
    rank = torch.arange(len(kept), device=kept.device) - torch.searchsorted(kept, kept)
    return order[rank < per_class]


def order_units(activations: Tensor, labels: Tensor) -> Tensor:
    """Units by the class with their highest mean activity, strongest first, int64 [u].

    Dead units come last. Every unit is there once.

    Args:
        activations: float [n, u].
        labels: int64 [n].

    Raises:
        InputError: sizes that differ; activity that is NaN or infinite.
    """
    check_size(labels, len(activations), "labels")
    check_finite(activations, "activations")
    classes, member = torch.unique(labels, return_inverse=True)
    one_hot = torch.nn.functional.one_hot(member, len(classes)).to(activations.dtype)
    means = one_hot.T @ activations / one_hot.sum(0)[:, None]  # [c, u]
    strength, preferred = means.max(0)
    dead = ~(activations != 0).any(0)
    preferred = torch.where(dead, torch.full_like(preferred, len(classes)), preferred)
    strongest = strength.argsort(descending=True, stable=True)
    return strongest[preferred[strongest].argsort(stable=True)]


def activation_walls(
    activations: Mapping[str, Tensor],
    labels: Tensor,
    *,
    generator: Generator,
    per_class: int = 20,
    order: UnitOrder = "given",
) -> dict[str, Wall]:
    """One wall a layer, all of the same samples.

    Units are ordered by all samples given, not by the few that are shown.

    Args:
        activations: {layer: float [n, u]}.
        labels: int64 [n].
        generator: Chooses the samples.
        per_class: Samples shown of each class.
        order: Of the units.

    Raises:
        InputError: sizes that differ; an unknown order.
    """
    if order not in ("given", "preferred"):
        raise InputError(
            "unknown order of units",
            expected="given or preferred",
            got=order,
            todo="pass 'given' or 'preferred'",
        )
    for name, layer in activations.items():
        check_size(layer, len(labels), f"activations[{name!r}]")
    samples = choose_samples(labels, per_class, generator)
    return {name: _wall(layer, labels, samples, order) for name, layer in activations.items()}


def _wall(layer: Tensor, labels: Tensor, samples: Tensor, order: UnitOrder) -> Wall:
    units = torch.arange(layer.shape[1], device=layer.device)
    if order == "preferred":
        units = order_units(layer, labels)
    return Wall(layer[samples][:, units], labels[samples], samples, units)
