"""A small head on frozen features: a study of many repetitions in seconds."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from pauca.checks import check_size
from pauca.data.dataset import Task
from pauca.errors import CapabilityError, InputError, UsageError
from pauca.learners._logistic import Logistic
from pauca.learners.attack import Attack
from pauca.learners.backprop import Backprop
from pauca.learners.base import FitReport, LabelInput, Progress, learners
from pauca.learners.objective import AbstractGradientLearner, AbstractObjective, Training
from pauca.learners.training import check_length
from pauca.nets import AbstractNet
from pauca.outputs import Outputs

__all__ = ["Probe"]

_NUMBERS = 2**24  # of rows that are read at once: 64 MB in single precision

_OWN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "logistic": {"l2": 1.0},
        "mlp": {
            "hidden": 128,
            "dropout": 0.3,
            "steps": 300,
            "batch": 64,
            "rate": 0.003,
            "weight_decay": 0.0,
            "validation": 0.0,
            "check_every": 50,
            "patience": 0,
            "warm": False,
            "passes": 20,
        },
    }
)
"""Settings that belong to one head, with their values where they are left out."""


@learners.register("probe")
class Probe(AbstractGradientLearner):
    """A linear or one-layer head on what the evaluation transform gives, flattened.

    Use it where the representation is fixed and what counts is which items are labelled: tables,
    texts, embeddings, and images as frozen features (``frozen_features`` in the section [data] of a
    study). A round takes milliseconds (``logistic``) or a fraction of a second (``mlp``), so
    differences between strategies can be measured over tens of repetitions on one core.

    ``logistic`` minimises -log-likelihood + l2 / 2 (|W|^2 + |b|^2) over all classes of the task.
    There is one optimum, it is reached (the history's ``gap`` says to within what), and nothing is
    random; a class without labels is unlikely, not impossible. Its features are the rows. l2 weighs
    against the sum over labels, as a prior does, and its scale is that of the rows: with long rows,
    such as raw pixels, 1 is little. There are no members: the Laplace approximation needs a matrix
    of (c d)^2 numbers, which no text allows.

    ``mlp`` is ``backprop`` with one hidden layer and Adam for a fixed number of steps, whatever the
    number of labels; members are its dropout passes, features its hidden layer, and companions can
    join its training.

    Limits: nothing is learned below the head, so what the features do not tell apart stays unknown,
    and results need not carry over to a net that learns its features. Images are augmented in
    neither head.

    Args:
        head: logistic, or mlp.
        l2: Of the squared weights of logistic, bias included; 1 / C of scikit-learn. 1 if None.
        hidden: Units of mlp's hidden layer; 128 if None.
        dropout: Rate after the hidden layer of mlp; .3 if None.
        steps: Optimiser steps of mlp, whatever the number of items; 300 if None.
        batch: Items a step of mlp; 64 if None.
        rate: Adam's rate at the start (cosine down to 0) for mlp; .003 if None.
        weight_decay: Adam's, for mlp; 0 if None.
        validation: Fraction of the labelled items that mlp holds out; 0 if None.
        check_every: Steps of mlp between two looks at the validation part; 50 if None.
        patience: Looks without a lower validation loss before mlp stops; 0, for never, if None.
        warm: mlp starts from its last weights. False if None.
        passes: Dropout members s of mlp that ``outputs`` gives when asked; 20 if None.
        bim_step: Step of BIM in every input coordinate, in units of the rows.
        attack_steps: Steps after which BIM and DeepFool give an item up as never flipping.
        task: What is learned.
        device: Where to train mlp, and where both predict; logistic is solved on the CPU.

    Raises:
        UsageError: a setting of the other head; settings that exclude each other.
    """

    name = "probe"
    summary = "a logistic or one-layer head on frozen features; rounds in milliseconds to seconds"
    reference = (
        "Böhning, Annals of the Institute of Statistical Mathematics 1992; Alain and Bengio, arXiv"
        " 1610.01644, 2016 (probes)"
    )
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({"attack_steps": 5})

    def __init__(
        self,
        *,
        head: Literal["logistic", "mlp"] = "logistic",
        l2: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        hidden: Annotated[int, Field(ge=1)] | None = None,
        dropout: Annotated[float, Field(ge=0, lt=1)] | None = None,
        steps: Annotated[int, Field(ge=1)] | None = None,
        batch: Annotated[int, Field(ge=1)] | None = None,
        rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None,
        validation: Annotated[float, Field(ge=0, lt=1)] | None = None,
        check_every: Annotated[int, Field(ge=1)] | None = None,
        patience: Annotated[int, Field(ge=0)] | None = None,
        warm: bool | None = None,
        passes: Annotated[int, Field(ge=1)] | None = None,
        bim_step: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05,
        attack_steps: Annotated[int, Field(ge=1)] = 100,
        task: Task,
        device: str = "cpu",
    ) -> None:
        super().__init__(task=task, device=device)
        given = {
            "l2": l2,
            "hidden": hidden,
            "dropout": dropout,
            "steps": steps,
            "batch": batch,
            "rate": rate,
            "weight_decay": weight_decay,
            "validation": validation,
            "check_every": check_every,
            "patience": patience,
            "warm": warm,
            "passes": passes,
        }
        whole = self.complete({"head": head, **given})
        self.head, self.settings = head, {key: whole[key] for key in _OWN[head]}
        rows = replace(
            task, kind="embedding", shape=(prod(task.shape),), evaluate=_same, train=_same
        )
        self._inner: Logistic | _Hidden
        if head == "logistic":
            attack = Attack(bim_step=bim_step, max_steps=attack_steps)
            self._inner = Logistic(l2=whole["l2"], attack=attack, task=rows, device=device)
        else:
            chosen = dict(self.settings)
            net = {"widths": (chosen.pop("hidden"),), "dropout": chosen.pop("dropout")}
            self._inner = _Hidden(
                net="mlp",
                net_params=net,
                augment=False,
                bim_step=bim_step,
                attack_steps=attack_steps,
                task=rows,
                device=device,
                **chosen,
            )

    @classmethod
    def complete(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Every setting of the head that was left out.

        Raises:
            UsageError: a setting of the other head; patience without a validation part.
        """
        head = settings["head"]
        other = next(name for name in _OWN if name != head)
        for key in _OWN[other]:
            if settings.get(key) is not None:
                raise _stray(key, head, other)
        own = _OWN[head].items()
        whole = {**settings, **{k: v if settings.get(k) is None else settings[k] for k, v in own}}
        check_length(whole, cls.name)
        return whole

    @property
    def gives(self) -> frozenset[str]:
        """Probabilities, logits, features, boundary distances; members with dropout, passes > 1."""
        return self._inner.gives

    @property
    def fitted(self) -> bool:
        """Whether the head was trained."""
        return self._inner.fitted

    @property
    def carries_state(self) -> bool:
        """With a warm start of mlp; where there is one optimum, the start does not matter."""
        return self._inner.carries_state

    @property
    def joinable(self) -> bool:
        """Whether the head trains by gradient steps: mlp."""
        return isinstance(self._inner, _Hidden)

    @property
    def net(self) -> AbstractNet:
        """The head as a net that reads transformed items [b, ...], in evaluation mode.

        Raises:
            InputError: not trained yet.
        """
        return self._inner.net

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Train the head on n labelled items; arguments as in the base class.

        Raises:
            InputError: no items, labels outside the task, sizes that differ.
            RunError: mlp diverged, or logistic did not reach its optimum; the learner stays as it
                was.
        """
        self.check_fit(x, y)
        return self._inner.fit(self._rows(x), y, generator=generator, progress=progress)

    def fit_more(
        self,
        x: Tensor,
        y: Tensor,
        more: tuple[Tensor, Tensor],
        *,
        generator: Generator,
        share: float = 1.0,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """As ``fit``, with further items; the validation part of mlp comes from x alone."""
        self.check_fit(x, y)
        self.check_fit(*more)
        rows = (self._rows(more[0]), more[1])
        return self._inner.fit_more(
            self._rows(x), y, rows, generator=generator, share=share, progress=progress
        )

    def fit_towards(
        self,
        objective: AbstractObjective,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
    ) -> FitReport:
        """As ``fit``, with the objective's loss in place of the cross-entropy.

        Raises:
            CapabilityError: the head is logistic.
        """
        if not isinstance(self._inner, _Hidden):
            raise CapabilityError(
                "a head that is solved to its optimum cannot be trained beside something else",
                expected="head = 'mlp'",
                got="head = 'logistic'",
                where="learner 'probe'",
                todo="set head to 'mlp', or use learner 'backprop'",
            )
        self.check_fit(x, y)
        onto = _OnRows(objective, self)
        return self._inner.fit_towards(
            onto, self._rows(x), y, generator=generator, progress=progress
        )

    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = frozenset({"probs"}),
        generator: Generator | None = None,
    ) -> Outputs:
        """What the head says of these items; changes nothing.

        Members of mlp are drawn as those of ``backprop``: blocks that are given the same generator
        meet the same members.

        Raises:
            CapabilityError: ``needs`` is not within ``gives``.
            InputError: not trained yet; members without a generator; items that are not finite.
        """
        self.check_gives(needs)
        self.check_fitted()
        self.check_items(x)
        check_size(ids, len(x), "ids")
        return Outputs.concat(
            self._inner.outputs(self._rows(part), some, needs=needs, generator=generator)
            for part, some in self._parts(x, ids)
        )

    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        """mlp: its hidden layer; logistic: the rows. No head reads a label."""
        self.check_fitted()
        self.check_items(x)
        return self._inner.activations(self._rows(x))

    def state(self) -> dict[str, Any]:
        """The head's name and weights."""
        return {"head": self.head, **self._inner.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: it comes from another head or task.
        """
        if state.get("head") != self.head:
            raise InputError(
                "this state belongs to another head",
                expected=f"head = {self.head!r}",
                got=repr(state.get("head")),
                where="learner 'probe'",
                todo="make the learner with the settings it was trained with",
            )
        self._inner.load_state(state)

    def _rows(self, x: Tensor) -> Tensor:
        """Stored items [b, ...] -> float [b, d] on the device."""
        return self.task.evaluate(x.to(self.device), None).flatten(1)

    def _parts(self, x: Tensor, ids: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        size = max(1, _NUMBERS // prod(self.task.shape))
        return zip(torch.split(x, size), torch.split(ids, size), strict=True)


class _Hidden(Backprop):
    """The head ``mlp``: rows are short, so many are judged at once."""

    name = "probe"
    eval_batch = 4096


class _OnRows(AbstractObjective):
    """An objective that is given stored items as rows."""

    def __init__(self, objective: AbstractObjective, probe: Probe) -> None:
        self._objective, self._probe = objective, probe

    def begin(self, training: Training) -> nn.Module:
        """The objective's own, told how stored items become what the net reads."""
        return self._objective.begin(
            replace(training, transform=lambda x: training.transform(self._probe._rows(x)))
        )

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The objective's."""
        return self._objective.loss(x, y)


def _same(x: Tensor, generator: Generator | None) -> Tensor:
    return x


def _stray(key: str, head: str, other: str) -> UsageError:
    """What is said of a setting that the head does not have."""
    todo = f"leave it out, or set head to {other!r}"
    if key == "warm":
        todo = "leave it out: there is one optimum, wherever the search for it starts"
    if key == "l2":
        todo = "leave it out: weight_decay and dropout hold mlp back"
    return UsageError(
        f"head {head!r} has no setting {key!r}",
        expected=f"of this head: {', '.join(_OWN[head])}",
        got=key,
        where="learner 'probe'",
        todo=todo,
    )
