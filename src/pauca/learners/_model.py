"""A trained Forward-Forward net with what it needs to read stored items, block by block."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from pauca.checks import check_labels, check_size
from pauca.errors import InputError
from pauca.forward import ForwardNet, Items, LinearProbe, shortlist_goodness
from pauca.learners._encoding import Encoding
from pauca.learners.base import LabelInput, weights_of

__all__ = ["ForwardModel"]


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """What a training leaves.

    Args:
        net: Trained.
        encoding: From stored items to what the net reads.
        probe: On its features, where that is how it decides.
        shortlist: How many labels of the first layer deeper layers answer to; None for all.
        device: Where the net is.
    """

    net: ForwardNet
    encoding: Encoding
    probe: LinearProbe | None
    shortlist: int | None
    device: torch.device

    @torch.no_grad()
    def goodness(self, x: Tensor) -> Tensor:
        """Of every label in every layer, [n, ...] -> float [n, c, l]."""
        blocks = _blocks(x, self.net.block(self.net.code.classes))
        return torch.cat([self._goodness(self.encoding(block)) for block in blocks])

    def _goodness(self, x: Tensor) -> Tensor:
        if self.shortlist is None:
            return self.net.label_goodness(x)
        return shortlist_goodness(self.net, x, self.shortlist)

    def features(self, x: Tensor) -> Tensor:
        """Activity of all layers side by side while the neutral label is shown, float [n, d]."""
        rows = torch.full((len(x),), self.net.code.neutral, device=self.device)
        return torch.cat(self.activities(x, rows), dim=1)

    @torch.no_grad()
    def activities(self, x: Tensor, rows: Tensor) -> list[Tensor]:
        """Activity of each layer, float [n, u], while these rows of the label code are shown."""
        pairs = zip(_blocks(x, self.net.block()), _blocks(rows, self.net.block()), strict=True)
        blocks = [self.net(self.encoding(block), shown) for block, shown in pairs]
        return [torch.cat(parts) for parts in zip(*blocks, strict=True)]

    def rows(self, label: LabelInput, n: int) -> Tensor:
        """Rows of the label code that show a label to n items, int64 [n].

        Raises:
            InputError: an unknown label, or not one for each item.
        """
        code = self.net.code
        if isinstance(label, Tensor):
            check_size(check_labels(label, code.classes, "label"), n, "label")
            return label.to(self.device)
        rows = {"neutral": code.neutral, "absent": code.absent}
        if label not in rows:
            raise InputError(
                "unknown label to show",
                expected="int64 [n], 'neutral' or 'absent'",
                got=label,
                todo="pass one of these",
            )
        return torch.full((n,), rows[label], device=self.device)

    def fit_probe(self, items: Items) -> None:
        """Fit the probe, where there is one, on what was learned."""
        if self.probe is not None:
            self.probe.fit(self.features(items.x), items.y)

    @torch.no_grad()
    def probed(self, features: Tensor) -> Tensor:
        """Probabilities by the probe, float [n, d] -> [1, n, c]."""
        logits: Tensor = cast(LinearProbe, self.probe)(features)
        return logits.softmax(-1).unsqueeze(0)

    def state(self) -> dict[str, Any]:
        """Weights, the label's constants among them, and the mean item and the probe if there."""
        found: dict[str, Any] = {"net": weights_of(self.net)}
        if self.encoding.centre is not None:
            found["centre"] = self.encoding.centre.cpu()
        return found if self.probe is None else {**found, "probe": weights_of(self.probe)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: it comes from a net of another form.
        """
        try:
            self.net.load_state_dict(state["net"])
            if self.probe is not None:
                self.probe.requires_grad_(False).load_state_dict(state["probe"])
        except (KeyError, RuntimeError) as error:
            raise InputError(
                "this state belongs to another net",
                expected=f"layers of {', '.join(map(str, self.net.widths))} units for this task",
                got=str(error).replace("\n", " "),
                todo="make the learner with the settings it was trained with",
            ) from None
        centre = state.get("centre")
        self.encoding.centre = None if centre is None else centre.to(self.device)


def _blocks(x: Tensor, size: int) -> Iterator[Tensor]:
    """Slices of ``x``, at least one even where it is empty."""
    for start in range(0, max(1, len(x)), size):
        yield x[start : start + size]
