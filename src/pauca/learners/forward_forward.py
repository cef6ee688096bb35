"""Forward-Forward learning and backpropagation on the same goodness, in their published form."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Generator, Tensor

from pauca import rng
from pauca.checks import check_labels, check_size
from pauca.data.dataset import Task
from pauca.errors import InputError, UsageError
from pauca.forward.goodness import L2
from pauca.forward.labels import AbstractLabelCode, Append, Overlay
from pauca.forward.losses import Threshold
from pauca.forward.negatives import RandomWrong
from pauca.forward.net import ForwardNet
from pauca.forward.normalise import L2Scaling
from pauca.forward.readout import readouts
from pauca.forward.schedules import AbstractSchedule, EndToEnd, Greedy, Items
from pauca.forward.training import Plan, train
from pauca.learners.base import AbstractLearner, FitReport, LabelInput, Progress, learners
from pauca.outputs import Outputs

__all__ = ["AbstractForward", "BackpropForward", "ForwardForward"]

_GIVES = frozenset({"probs", "features", "goodness"})
_APPENDED = 0.3  # length of an appended label, in median lengths of a training item

Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AbstractForward(AbstractLearner):
    """A net that reads items together with a label and answers by goodness.

    Items are flattened after the task's evaluation transform. Images carry the label over their
    first c pixels, in the values that the transform gives to black and white; tables and embeddings
    have it appended, as long as .3 of the median training item. Either way the values are constants
    of the trained model.

    Probabilities are the readout's. Features are the activities of all layers side by side, d = sum
    of widths, under the neutral label (every label's place a c-th of the way on). A trained layer
    may stay silent when no label is right: its features are then zeros.

    Args:
        widths: Units of each layer, input side first.
        epochs: Passes over the items; of each layer, where layers learn one after the other.
        steps: Optimiser steps of all layers together; either this or epochs. With neither, 30
            epochs of each layer for forward-forward, 10 for bp-ff.
        rate: Adam's constant rate; if left out, .01 for forward-forward, .001 for bp-ff.
        batch: Items a step.
        theta: Threshold of goodness, > 0.
        readout: ``softmax-sum`` (published) or ``sum``.
        task: What is learned.
        device: Where.

    Raises:
        UsageError: both epochs and steps; fewer steps than layers that learn in turn; an unknown
            readout.
        InputError: a number out of range; fewer than 2 classes; images too small for their label.
    """

    schedule: ClassVar[AbstractSchedule]
    default_epochs: ClassVar[int]
    default_rate: ClassVar[float]
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"widths": (24, 16), "steps": 40, "batch": 32}
    )

    def __init__(
        self,
        *,
        widths: Widths = (784, 784, 784),
        epochs: Count | None = None,
        steps: Count | None = None,
        rate: Positive | None = None,
        batch: Count = 1024,
        theta: Positive = 3.0,
        readout: str = "softmax-sum",
        task: Task,
        device: str = "cpu",
    ) -> None:
        super().__init__(task=task, device=device)
        given = {"widths": widths, "epochs": epochs, "steps": steps, "rate": rate}
        whole = self.complete(given)
        self.widths = tuple(widths)
        self.plan = Plan(whole["epochs"], steps, rate=whole["rate"], batch=batch)
        self.loss = Threshold(theta)
        self.readout = readouts.make(readout, {})
        self._code(1.0)  # an item that cannot carry its label is refused now, not after hours
        self._net: ForwardNet | None = None

    @classmethod
    def complete(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """The number of epochs where neither it nor steps is given, and the rate.

        Raises:
            UsageError: both steps and epochs; no layer; fewer steps than layers that learn in turn.
        """
        steps, epochs, widths = settings["steps"], settings["epochs"], settings["widths"]
        where = f"learner {cls.name!r}"
        if steps is not None and epochs is not None:
            raise UsageError(
                "the length of training is given twice",
                expected="either steps or epochs",
                got=f"steps = {steps} and epochs = {epochs}",
                where=where,
                todo="leave one of them out",
            )
        stages = cls.schedule.count(len(widths))
        if not widths or (steps is not None and steps < stages):
            raise UsageError(
                "a layer would not learn",
                expected="at least one layer, and a step for each that learns in turn",
                got=f"widths = {list(widths)} and steps = {steps}",
                where=where,
                todo="allow more steps",
            )
        fixed = cls.default_epochs if steps is None and epochs is None else epochs
        rate = cls.default_rate if settings["rate"] is None else settings["rate"]
        return {**settings, "epochs": fixed, "rate": rate}

    @property
    def gives(self) -> frozenset[str]:
        """Probabilities, features, and the goodness of every label in every layer."""
        return _GIVES

    @property
    def fitted(self) -> bool:
        """Whether there is a trained net."""
        return self._net is not None

    @property
    def net(self) -> ForwardNet:
        """The trained net.

        Raises:
            InputError: not trained yet.
        """
        self.check_fitted()
        return cast(ForwardNet, self._net)

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Train a fresh net on n labelled items; arguments as in the base class.

        Raises:
            InputError: no items, labels outside the task, sizes that differ.
            RunError: the training diverged.
        """
        self.check_fit(x, y)
        weights, training = rng.split(generator, "weights", "training")
        items = Items(x.to(self.device), y.to(self.device), self._encode)
        net = self._build(self._code(self._appended_length(items.x)), weights)
        trained = train(
            net,
            items,
            schedule=self.schedule,
            loss=self.loss,
            negatives=RandomWrong(),
            plan=self.plan,
            generator=training,
            progress=progress,
        )
        self._net = net
        return FitReport(trained.steps, trained.examples, history=trained.history)

    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = frozenset({"probs"}),
        generator: Generator | None = None,
    ) -> Outputs:
        """Probabilities and whatever else is needed, block by block without autograd."""
        self.check_gives(needs)
        self.check_items(x)
        check_size(ids, len(x), "ids")
        net = self.net
        blocks = _blocks(x, net.block(net.code.classes))
        goodness = torch.cat([net.label_goodness(self._encode(block)) for block in blocks])
        features = None
        if "features" in needs:
            features = torch.cat(list(self.activations(x).values()), dim=1)
        return Outputs(
            ids=ids,
            probs=self.readout.probs(goodness).unsqueeze(0),
            features=features,
            goodness=goodness if "goodness" in needs else None,
        )

    @torch.no_grad()
    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        """Activity of every layer: {"layer1": float [n, u], ...}, input side first.

        Args:
            x: Stored items [n, ...].
            label: int64 [n] labels shown with the items; or ``neutral``, every label's place a c-th
                of the way from off to on; or ``absent``, every place off.

        Raises:
            InputError: not trained yet; labels outside the task, or not one for each item.
        """
        self.check_items(x)
        rows = self._rows(label, len(x))
        net = self.net
        pairs = zip(_blocks(x, net.block()), _blocks(rows, net.block()), strict=True)
        blocks = [net(self._encode(block), shown) for block, shown in pairs]
        layers = zip(*blocks, strict=True)
        return {f"layer{at}": torch.cat(parts) for at, parts in enumerate(layers, start=1)}

    def state(self) -> dict[str, Any]:
        """Weights of every layer and the label code's constants."""
        weights = self.net.state_dict()
        return {"net": {name: value.detach().clone().cpu() for name, value in weights.items()}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: it comes from a net of another form.
        """
        net = self._build(self._code(1.0), rng.generator_from(0))
        try:
            net.load_state_dict(state["net"])
        except (KeyError, RuntimeError) as error:
            raise InputError(
                "this state belongs to another net",
                expected=f"layers of {', '.join(map(str, self.widths))} units for this task",
                got=str(error).replace("\n", " "),
                todo="make the learner with the settings it was trained with",
            ) from None
        self._net = net

    def _build(self, code: AbstractLabelCode, generator: Generator) -> ForwardNet:
        net = ForwardNet(
            code, self.widths, goodness=L2(), normalisation=L2Scaling(), generator=generator
        )
        return net.to(self.device)

    def _encode(self, x: Tensor) -> Tensor:
        """Stored items [b, ...] -> flattened floats [b, d]."""
        return self.task.evaluate(x.to(self.device), None).flatten(1)

    def _code(self, appended: float) -> AbstractLabelCode:
        """The label code for this task; ``appended`` is the length of a label outside images."""
        shape, c = self.task.shape, self.task.c
        if len(shape) != 3:
            return Append(shape=shape, classes=c, on=[appended], off=[0.0])
        black, white = (
            self.task.evaluate(torch.full((1, *shape), level, dtype=torch.uint8), None)[0]
            for level in (0, 255)
        )
        on = white.flatten(1).amax(1).tolist()
        return Overlay(shape=black.shape, classes=c, on=on, off=black.flatten(1).amin(1).tolist())

    def _appended_length(self, x: Tensor) -> float:
        """Length of an appended label, from the training items; 1 if they are all zero."""
        if len(self.task.shape) == 3:
            return 1.0
        length = float(self._encode(x).norm(dim=1).median())
        return _APPENDED * length if length > 0 else 1.0

    def _rows(self, label: LabelInput, n: int) -> Tensor:
        """Rows of the label code, int64 [n]."""
        code = self.net.code
        if isinstance(label, Tensor):
            check_size(check_labels(label, code.classes, "label"), n, "label")
            return label.to(self.device)
        rows = {"neutral": code.neutral, "absent": code.absent}
        if label not in rows:
            raise InputError(
                "unknown label to show", expected="int64 [n], 'neutral' or 'absent'", got=label
            )
        return torch.full((n,), rows[label], device=self.device)


def _blocks(x: Tensor, size: int) -> Iterator[Tensor]:
    """Slices of ``x``, at least one even where it is empty."""
    for start in range(0, max(1, len(x)), size):
        yield x[start : start + size]


@learners.register("forward-forward")
class ForwardForward(AbstractForward):
    """Each layer learns from its own goodness, one after the other; nothing flows back."""

    name = "forward-forward"
    summary = "layers that learn one after the other from their own goodness, no backpropagation"
    reference = "Hinton, arXiv 2212.13345, 2022; Tosato et al., TMLR 2025 (FF)"
    schedule = Greedy()
    default_epochs = 30
    default_rate = 0.01


@learners.register("bp-ff")
class BackpropForward(AbstractForward):
    """All layers learn together by backpropagation of the goodness summed over layers."""

    name = "bp-ff"
    summary = "the same net and goodness as forward-forward, trained end to end by backpropagation"
    reference = "Tosato et al., TMLR 2025 (BP/FF)"
    schedule = EndToEnd()
    default_epochs = 10
    default_rate = 0.001
