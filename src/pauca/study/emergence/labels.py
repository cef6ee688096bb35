"""The label control: do units answer to the category in the image, or to the label beside it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pauca.analysis import one_vs_rest
from pauca.study.emergence.examined import Examined
from pauca.study.emergence.finders import SELECTIVE
from pauca.study.emergence.layer import alike
from pauca.study.emergence.plain import plain

__all__ = ["LabelControl"]

Members = Mapping[str, Tensor]


@dataclass
class LabelControl:
    """Gathers, condition after condition, what the ensembles under the true label answer to.

    Args:
        exam: A learner that reads a label.
    """

    exam: Examined
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    """{layer: record}."""
    _true: dict[str, Members] = field(default_factory=dict)

    def begin(self, layer: str, members: Members, live: Tensor) -> None:
        """Take the ensembles under the true label; show each label with an empty item."""
        self._true[layer] = members
        blank = torch.zeros_like(self.exam.tested.x[:1]).expand(
            self.exam.c, *self.exam.tested.x.shape[1:]
        )
        h = self.exam.learner.activations(blank, label=torch.arange(self.exam.c))[layer]
        active = h > 0
        record = {**alike(members[SELECTIVE], active, live), "active": plain(active.sum(1))}
        self.found[layer] = {"blank": record, "auc": {name: {} for name in members}}

    def look(self, condition: str, layer: str, h: Tensor) -> None:
        """How well the mean activity of each ensemble tells a class from the rest.

        Args:
            condition: Under which ``h`` is.
            layer: Which.
            h: Activity on the test items, float [m, u].
        """
        tested = self.exam.tested
        asked = {
            "true": {"true": tested.y},
            "neutral": {"neutral": tested.y},
            "wrong": {"wrong_image": tested.y, "wrong_label": self.exam.wrong["tested"]},
        }
        for name, members in self._true[layer].items():
            score = _scores(h, members)
            for key, labels in asked.get(condition, {}).items():
                auc = one_vs_rest(score, labels).auc.diagonal()
                missing = ~members.any(1)
                self.found[layer]["auc"][name][key] = plain(auc.masked_fill(missing, torch.nan))

    def compare(self, layer: str, members: Members, live: Tensor) -> None:
        """Ensembles under the neutral label beside those under the true one."""
        self.found[layer]["neutral_true"] = {
            name: alike(self._true[layer][name], sets, live) for name, sets in members.items()
        }


def _scores(h: Tensor, members: Tensor) -> Tensor:
    """Mean activity of each ensemble, float [m, c]; 0 for an empty one."""
    sets = members.to(h.dtype)
    return h @ (sets / sets.sum(1, keepdim=True).clamp_min(1)).T
