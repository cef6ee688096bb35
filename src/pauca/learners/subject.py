"""Learners as subjects of lesions, drive and pruning."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from pauca.analysis.edits import Edit
from pauca.analysis.subject import AbstractSubject, Shown
from pauca.analysis.taps import intervene
from pauca.checks import check_finite
from pauca.errors import CapabilityError
from pauca.forward import AbstractGoodnessReadout, edited, goodness_under
from pauca.learners.base import AbstractLearner
from pauca.learners.companions.base import AbstractCompanion
from pauca.learners.forward_forward import AbstractForward
from pauca.learners.objective import AbstractGradientLearner

__all__ = ["BackpropSubject", "ForwardSubject", "subject"]


@singledispatch
def subject(learner: AbstractLearner) -> AbstractSubject:
    """The trained learner as a subject: layers and items are those of ``learner.activations``.

    Learners from elsewhere join by ``subject.register``.

    Raises:
        CapabilityError: a learner whose inside cannot be changed.
        InputError: not trained yet.
    """
    raise CapabilityError(
        "the activity of this learner cannot be changed",
        expected="backprop, forward-forward or bp-ff, or a learner registered with subject",
        got=learner.name,
        todo="wrap its net in pauca.analysis.ModuleSubject",
    )


class BackpropSubject(AbstractSubject):
    """A net trained end to end; units are the numbers that its taps return, flattened."""

    def __init__(self, learner: AbstractGradientLearner) -> None:
        super().__init__(learner.net, learner.net.taps)
        self._learner = learner

    def _activations(self, x: Tensor, label: Shown) -> dict[str, Tensor]:
        return self._learner.activations(x, label=label)

    def _predict(self, x: Tensor) -> Tensor:
        return self._learner.predict(x)

    def _edit(self, layer: str, edit: Edit) -> AbstractContextManager[None]:
        return intervene(self.module, {layer: edit})


class ForwardSubject(AbstractSubject):
    """A net that answers by goodness; an edit acts under every label that is tried."""

    def __init__(self, learner: AbstractForward) -> None:
        super().__init__(learner.net, [f"layer{at + 1}" for at in range(learner.net.depth)])
        self._learner = learner

    def _activations(self, x: Tensor, label: Shown) -> dict[str, Tensor]:
        return self._learner.activations(x, label=label)

    def _predict(self, x: Tensor) -> Tensor:
        return self._learner.predict(x)

    def _edit(self, layer: str, edit: Edit) -> AbstractContextManager[Any]:
        return edited(self._learner.net, {self.layers.index(layer): edit})

    def _predict_each(self, x: Tensor, layer: str, edits: Sequence[Edit]) -> Tensor:
        """Layers up to the edited one once for all edits, where labels are judged by goodness."""
        readout = self._learner.recipe.readout
        if isinstance(readout, AbstractGoodnessReadout) and not self._learner.settings["shortlist"]:
            return self._judged_each(x, self.layers.index(layer), edits, readout)
        return super()._predict_each(x, layer, edits)

    def _judged_each(
        self, x: Tensor, number: int, edits: Sequence[Edit], readout: AbstractGoodnessReadout
    ) -> Tensor:
        learner, net = self._learner, self._learner.net
        learner.check_items(x)
        found = torch.empty(len(edits), len(x), dtype=torch.int64, device=learner.device)
        size = net.block(net.code.classes)
        for start in range(0, len(x), size):
            block = learner.encoding(x[start : start + size])
            for row, goodness in zip(found, goodness_under(net, block, number, edits), strict=True):
                probs = check_finite(readout.probs(goodness), "probabilities under an edit")
                row[start : start + size] = probs.argmax(-1)
        return found


@subject.register
def _(learner: AbstractCompanion) -> AbstractSubject:
    """The learner that it accompanies: a companion does not change what is answered."""
    return subject(learner.learner)


@subject.register
def _(learner: AbstractGradientLearner) -> AbstractSubject:
    return BackpropSubject(learner)


@subject.register
def _(learner: AbstractForward) -> AbstractSubject:
    return ForwardSubject(learner)
