"""What can be done to units: silence them, hold them at a value, scale them, push them.

An edit is any function of activity [..., u] that returns the same shape; units lie along the last
axis. Those made here leave every unit that is not chosen exactly as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis._arrays import tensor
from pauca.checks import check_finite
from pauca.errors import InputError

__all__ = ["Change", "Edit", "as_edit", "hold", "push", "scale", "silence"]

Edit = Callable[[Tensor], Tensor]
"""Activity [..., u] -> activity [..., u]."""

Mask = Tensor | NDArray[Any]
Level = Tensor | NDArray[Any] | float


@dataclass(frozen=True, eq=False)
class Change:
    """factor h + amount in the chosen units, h in the others.

    Args:
        units: Which are changed, bool [u].
        factor: A number, or one a unit, float [u].
        amount: A number, or one a unit, float [u].
    """

    units: Tensor
    factor: Tensor | float
    amount: Tensor | float

    def __call__(self, h: Tensor) -> Tensor:
        """Changed activity, [..., u] -> [..., u].

        Raises:
            InputError: another number of units; values that whole numbers cannot take.
        """
        if h.shape[-1] != len(self.units):
            raise InputError(
                "the mask belongs to another layer",
                expected=f"bool [{h.shape[-1]}], one for each unit",
                got=f"bool [{len(self.units)}]",
                todo="make the mask for this layer, or put the edit on the layer of the mask",
            )
        factor, amount = _as(self.factor, h), _as(self.amount, h)
        # a factor of 0 also ends what is infinite
        kept = torch.where(factor == 0, torch.zeros_like(h), h * factor)
        return torch.where(self.units.to(h.device), kept + amount, h)


def silence(units: Mask) -> Change:
    """Activity 0 in these units, bool [u]: a lesion."""
    return Change(_mask(units), 0.0, 0.0)


def as_edit(edit: Edit | Mask) -> Edit:
    """The edit itself, or the silence of the units that a mask, bool [u], chooses."""
    return edit if callable(edit) else silence(edit)


def hold(units: Mask, value: Level) -> Change:
    """These units, bool [u], are at ``value``, a number or float [u], whatever they read.

    With each unit's mean it takes away what a unit tells and leaves how active it is; with a high
    value it drives units.
    """
    return Change(_mask(units), 0.0, _level(value, units))


def scale(units: Mask, factor: Level) -> Change:
    """Activity of these units, bool [u], times a number or float [u]."""
    return Change(_mask(units), _level(factor, units), 0.0)


def push(units: Mask, amount: Level) -> Change:
    """Activity of these units, bool [u], plus a number or float [u]."""
    return Change(_mask(units), 1.0, _level(amount, units))


def _mask(units: Mask) -> Tensor:
    mask = tensor(units)
    if mask.dtype != torch.bool or mask.ndim != 1:
        raise InputError(
            "a mask of units has the wrong form",
            expected="bool [u]",
            got=f"{mask.dtype} {list(mask.shape)}",
            todo="make it by a comparison, or by zeros(u, dtype=bool) with the units set to True",
        )
    return mask


def _level(value: Level, units: Mask) -> Tensor:
    if isinstance(value, int | float):
        value = torch.tensor(float(value))
    level = check_finite(tensor(value).detach(), "values of units")
    if level.ndim and level.shape != tensor(units).shape:
        raise InputError(
            "not one value a unit",
            expected=list(tensor(units).shape),
            got=list(level.shape),
            todo="give a number, or one value for each unit of the layer",
        )
    return level


def _as(value: Tensor | float, h: Tensor) -> Tensor:
    given = torch.as_tensor(value, device=h.device)
    found = given.to(h.dtype)
    if not torch.can_cast(given.dtype, h.dtype) and bool((found != given).any()):
        raise InputError(
            "units are changed to what their activity cannot hold",
            expected=f"values of {h.dtype}",
            got=f"values of {given.dtype}",
            todo="edit a layer whose activity is floating point",
        )
    return found
