"""Synthetic activations whose ensembles are known: what does a detector find, and what invent?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_fraction, check_nonnegative
from pauca.errors import InputError

__all__ = ["Planted", "planted"]


@dataclass(frozen=True, eq=False)
class Planted:
    """Activations with the truth about them.

    Args:
        activations: >= 0, float32 [n, u].
        labels: int64 [n], as many samples of one class as of another, or one more.
        members: Units whose activity depends on the class, bool [c, u]: raised by a positive
            effect, lowered by a negative one. All False if the effect is 0.
        dead: Units that are silent throughout, bool [u].
    """

    activations: Tensor
    labels: Tensor
    members: Tensor
    dead: Tensor

    @property
    def null(self) -> Tensor:
        """Units that belong to no ensemble, dead ones included, bool [u]."""
        return ~self.members.any(0)


def planted(
    n: int,
    u: int,
    sizes: Sequence[int],
    *,
    generator: Generator,
    effect: float = 1.0,
    active: float = 0.1,
    overlap: int = 0,
    correlation: float = 0.0,
    spread: float = 0.0,
    dead: int = 0,
) -> Planted:
    """Sparse activity of u units for n samples of c classes, with an ensemble for each class.

    Sample s of class y has z_si = sqrt(1 - r) e_si + sqrt(r) g_s + effect [i in ensemble y] with e
    and g standard normal and r the correlation, and a_si = gain_i max(z_si - t, 0), t the normal
    quantile of 1 - active. So a unit of no ensemble answers to a share ``active`` of the samples, a
    member to a share Phi(effect - t) of its class; without rectification their distance would be d'
    = effect and the AUC Phi(effect / sqrt 2), and rectification takes from the AUC what falls
    silent. Which units are members, shared or dead is drawn, so that the order of units says
    nothing.

    Args:
        n: Samples, >= classes.
        u: Units.
        sizes: Units in the ensemble of each class; 0 for a class without one.
        generator: Draws everything, on its device.
        effect: Distance of members from the rest for their class, in standard deviations; negative
            for members that fall silent.
        active: Share of samples that a unit of no ensemble answers to, in (0, 1).
        overlap: Units that each ensemble shares with that of the next class that has one; no unit
            is in three.
        correlation: Of any two units given the class (a common drive), in [0, 1).
        spread: Standard deviation of the logarithm of the units' gains; 0 gives all the same scale.
        dead: Units that never answer.

    Raises:
        InputError: numbers out of range, or more units needed than there are.
    """
    check_count(n, "n", least=len(sizes))
    check_fraction(correlation, "correlation", open_end=True)
    check_nonnegative(spread, "spread")
    if not 0 < active < 1:
        raise InputError(
            "active is out of range",
            expected="a number in (0, 1)",
            got=active,
            todo="pass a share between 0 and 1",
        )
    device, c = generator.device, len(sizes)
    places = _places(u, sizes, overlap, dead)
    order = torch.randperm(u, generator=generator, device=device)
    inside = torch.zeros(c, u, dtype=torch.bool, device=device)
    for row, place in zip(inside, places, strict=True):
        row[order[place]] = True
    silent = torch.zeros(u, dtype=torch.bool, device=device)
    silent[order[u - dead :]] = True
    labels = torch.randperm(n, generator=generator, device=device) % c
    own = torch.randn(n, u, generator=generator, device=device)
    common = torch.randn(n, 1, generator=generator, device=device)
    gain = (spread * torch.randn(u, generator=generator, device=device)).exp()
    z = (1 - correlation) ** 0.5 * own + correlation**0.5 * common + effect * inside[labels]
    threshold = torch.special.ndtri(torch.tensor(1 - active, dtype=torch.float64)).item()
    activations = ((z - threshold).relu() * gain).masked_fill(silent, 0)
    return Planted(activations, labels, inside & (effect != 0), silent)


def _places(u: int, sizes: Sequence[int], overlap: int, dead: int) -> list[slice]:
    """Where each ensemble lies in a row of units, the dead ones at its end."""
    check_count(len(sizes), "number of classes", least=2)
    check_count(overlap, "overlap")
    check_count(dead, "dead")
    places, end = [], 0
    for k, size in enumerate(sizes):
        check_count(size, f"sizes[{k}]")
        start = end - overlap if size and end else end
        if size:
            end = start + size
        places.append(slice(start, start + size))
    least = min((size for size in sizes if size), default=2 * overlap)
    if least < 2 * overlap:
        raise InputError(
            "ensembles are too small for their overlap",
            expected=f"sizes of at least {2 * overlap}, so that no unit is in three",
            got=least,
            todo="make the ensembles larger, or their overlap smaller",
        )
    if end + dead > u:
        raise InputError(
            "more units are needed than there are",
            expected=f">= {end + dead}",
            got=u,
            todo="give more units, or smaller ensembles",
        )
    return places
