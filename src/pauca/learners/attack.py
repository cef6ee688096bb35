"""Distances to a net's decision boundary, as columns of Outputs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from pauca.nets import folded
from pauca.select.adversarial import bim_distances, deepfool_distances

__all__ = ["Attack"]

_NUMBERS = 2**24  # of net inputs at once: 64 MB in single precision


@dataclass(frozen=True)
class Attack:
    """How a net is attacked to see how near its boundary is.

    Args:
        bim_step: Step of BIM in every input coordinate.
        max_steps: Steps after which an item counts as never flipping.
    """

    columns: ClassVar[frozenset[str]] = frozenset({"adversarial_bim", "adversarial_deepfool"})

    bim_step: float
    max_steps: int

    def distances(
        self, net: nn.Module, parts: Iterable[Tensor], needs: frozenset[str]
    ) -> dict[str, Tensor]:
        """The columns among ``needs`` for net inputs [b, ...], each float [n]; changes nothing."""
        wanted = sorted(self.columns & needs)
        if not wanted:
            return {}
        quick = folded(net)
        found: dict[str, list[Tensor]] = {name: [] for name in wanted}
        for part in _larger(parts):
            for name in wanted:
                found[name].append(self._kernel(name)(quick, part, max_steps=self.max_steps))
        return {name: torch.cat(columns) for name, columns in found.items()}

    def _kernel(self, name: str) -> Callable[..., Tensor]:
        if name == "adversarial_bim":
            return partial(bim_distances, step=self.bim_step)
        return deepfool_distances


def _larger(parts: Iterable[Tensor]) -> Iterator[Tensor]:
    """The same rows in larger parts, so that few attacks end with a batch that runs empty."""
    held: list[Tensor] = []
    for part in parts:
        held.append(part)
        if sum(map(torch.numel, held)) >= _NUMBERS:
            yield torch.cat(held)
            held = []
    if held:
        yield torch.cat(held)
