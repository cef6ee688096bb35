"""Forward-Forward learning and backpropagation on the same goodness."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field
from torch import Generator, Tensor

from pauca import rng
from pauca.checks import check_size
from pauca.data.dataset import Task
from pauca.forward import Calibration, ForwardNet
from pauca.learners._answers import Answers
from pauca.learners._folds import Given, part_of, told_apart
from pauca.learners._forward_settings import (
    Choice,
    calibration_from,
    check_same,
    complete,
    start_from,
)
from pauca.learners._long import run_long
from pauca.learners._making import Making
from pauca.learners._model import ForwardModel
from pauca.learners.base import (
    AbstractLearner,
    Checkpoint,
    FitReport,
    LabelInput,
    Progress,
    Told,
    learners,
)
from pauca.learners.starts import Past, prepared, training_from
from pauca.outputs import Outputs

__all__ = ["AbstractForward", "ForwardForward"]

Count = Annotated[int, Field(ge=1)]
Widths = Annotated[tuple[Count | dict[str, Any], ...], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AbstractForward(AbstractLearner):
    """A net that reads items together with a label and answers by goodness.

    Items are flattened after the task's evaluation transform. Images carry the label over their
    first c pixels, in the values that the transform gives to black and white; tables and embeddings
    have it appended, as long as .3 of the median training item. Either way the values are constants
    of the trained model.

    Probabilities are the readout's, calibrated where that is asked for; members are the layers that
    the readout hears, each by itself. Features are the activities of all layers side by side, d =
    sum of widths, under the neutral label (every label's place a c-th of the way on). A trained
    layer may stay silent when no label is right: its features are then zeros. Column ``theta`` is
    the threshold on goodness summed over layers, where the loss or a calibration has one.

    Every setting that is left out is the recipe's. An axis is chosen by name, or by name with
    settings: ``{"name": "hard", "beta": 2.0}``.

    Args:
        recipe: ``published`` (Tosato et al.); ``quick``: one layer that learns the label by
            cross-entropy over the goodness of all labels; ``best``: wider, longer, adversarial.
        widths: Units of each layer, input side first, or a layer with settings, such as
            ``{"name": "conv2d", "channels": 32, "pool": 2}``.
        goodness: Of a layer's activity.
        loss: Of the goodness of positives and negatives.
        label: How a label is written into an item; ``auto`` is overlay for images, append for
            tables and embeddings, and none where goodness is by class or negatives mix items.
        negatives: What is wrong about a negative.
        normalisation: Of what a layer reads.
        schedule: Which layers learn when.
        readout: How a label is decided.
        epochs: Passes over the items; of each layer, where layers learn one after the other.
        steps: Optimiser steps of all layers together; either this or epochs. With neither, the
            recipe's epochs.
        rate: Adam's rate at its highest.
        batch: Items a step.
        decay: ``constant``, ``linear`` or ``cosine``.
        warmup: Part of the steps in which the rate rises.
        weight_decay: Decoupled decay of the weights.
        average: Decay a step of the running mean of the weights that predicts; 0 for none.
        dropout: Part of the activity that a deeper layer does not see while it learns.
        item_dropout: Part of an item that the first layer does not see while it learns.
        adversarial: Part of its length by which an item is moved to raise the first layer's loss.
        peer: Weight of peer normalisation.
        shift: Pixels by which images are moved at random while learning, in each direction.
        pixels: ``task`` for the task's own transform, ``unit`` for grey levels in [0, 1],
            ``centred`` for these less the mean training image.
        shortlist: Deeper layers answer to this many labels of the first layer alone; others share
            the lowest answer among them. None for all: the exact rule.
        calibration: ``cross-fit``, with further trainings that leave out a part each, or
            ``held-out``, a part of the labels that is not learned: temperatures of the decision and
            of each layer, fitted on labelled items that were not learned. None for goodness as it
            is.
        start: From which weights a training starts: ``last``, those of the training before;
            ``in-turn``, likewise, and one layer learns at a time; ``label-free``, those learned
            from the unlabelled pool; or ``new``, which is the default.
        speed: Which short cuts the training takes, none of which changes what is learned:
            ``closed_form``, ``factorise``, ``keep``, ``precision`` (see pauca.forward.Speed).
        task: What is learned.
        device: Where.

    Raises:
        UsageError: both epochs and steps; fewer steps than layers that learn in turn; an unknown
            name; choices that make no sense together.
        InputError: a number out of range; fewer than 2 classes; images too small for their label.
    """

    fixed_schedule: ClassVar[str | None] = None
    own: ClassVar[Mapping[str, Any]]
    """Defaults of this learner, where the recipe leaves them open."""
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"widths": (24, 16), "steps": 40, "batch": 32}
    )

    def __init__(
        self,
        *,
        recipe: str = "published",
        widths: Widths | None = None,
        goodness: Choice | None = None,
        loss: Choice | None = None,
        label: Choice | None = None,
        negatives: Choice | None = None,
        normalisation: Choice | None = None,
        schedule: Choice | None = None,
        readout: Choice | None = None,
        epochs: Count | None = None,
        steps: Count | None = None,
        rate: Positive | None = None,
        batch: Count | None = None,
        decay: Literal["constant", "linear", "cosine"] | None = None,
        warmup: float | None = None,
        weight_decay: float | None = None,
        average: float | None = None,
        dropout: float | None = None,
        item_dropout: float | None = None,
        adversarial: float | None = None,
        peer: float | None = None,
        shift: int | None = None,
        pixels: Literal["task", "unit", "centred"] | None = None,
        shortlist: Count | None = None,
        calibration: Choice | None = None,
        start: Choice | None = None,
        speed: dict[str, Any] | None = None,
        task: Task,
        device: str = "cpu",
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "task", "device")}
        given.pop("__class__", None)
        super().__init__(task=task, device=device)
        whole = self.complete(given)
        self.settings: Mapping[str, Any] = MappingProxyType(whole)
        self.widths = tuple(whole["widths"])
        self.making = Making(task, whole, self.device)
        self.recipe, self.encoding = self.making.recipe, self.making.encoding
        self.calibrating = calibration_from(whole)
        self.start = start_from(whole, self.recipe)
        self.answers = Answers(self.recipe, calibrated=self.calibrating is not None)
        self.past = Past()
        """What trainings so far have left to the next one, where a start asks for it."""
        self._model: ForwardModel | None = None

    @classmethod
    def complete(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """What the recipe says where a setting is left out, and the settings of every choice.

        Raises:
            UsageError: both steps and epochs; no layer; fewer steps than layers that learn in turn;
                a schedule that is another learner's; an unknown name.
        """
        return complete(settings, cls.name, cls.own, cls.fixed_schedule)

    @property
    def gives(self) -> frozenset[str]:
        """Probabilities, features, and what goodness says where labels are learned."""
        return frozenset({"probs", "features"}) | self.answers.gives

    @property
    def carries_state(self) -> bool:
        """With a start other than new weights."""
        return self.start is not None

    @property
    def reads_unlabelled(self) -> bool:
        """With a start that is learned without labels."""
        return self.start is not None and self.start.reads_unlabelled

    @property
    def fitted(self) -> bool:
        """Whether there is a trained net."""
        return self._model is not None

    @property
    def model(self) -> ForwardModel:
        """What training left.

        Raises:
            InputError: not trained yet.
        """
        self.check_fitted()
        return cast(ForwardModel, self._model)

    @property
    def net(self) -> ForwardNet:
        """The trained net; raises as ``model``."""
        return self.model.net

    @property
    def calibration(self) -> Calibration | None:
        """What goodness is divided by; None without calibration, or with nothing to fit it on."""
        return self.answers.calibration

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
        return self._learn(x, y, generator, progress=progress, unlabelled=unlabelled)

    def fit_long(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        checkpoint: Checkpoint | None = None,
        told: Told | None = None,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """As ``fit``, and goes on in the middle of a layer; arguments as in the base class.

        Raises:
            InputError: as ``fit``; the checkpoint belongs to another training.
            RunError: the training diverged.
        """
        return self._learn(
            x,
            y,
            generator,
            checkpoint=checkpoint,
            told=told,
            progress=progress,
            unlabelled=unlabelled,
        )

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
        """As ``fit``, with further items; what a calibration is fitted on comes from x alone."""
        given = (more, share)
        return self._learn(x, y, generator, more=given, progress=progress, unlabelled=unlabelled)

    def _learn(
        self,
        x: Tensor,
        y: Tensor,
        generator: Generator,
        *,
        more: Given = (None, 1.0),
        checkpoint: Checkpoint | None = None,
        told: Told | None = None,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        self.check_fit(x, y)
        names = ("weights", "training", "calibration", "start")
        weights, stream, other, start = rng.split(generator, *names)
        parts = (x, None if more[0] is None else more[0][0], unlabelled)
        past, before, progress = prepared(
            self.start, self.past, self.making, parts, start, progress
        )
        apart = None if self.calibrating is None else self.calibrating.apart(y, other)
        own = (x, y) if apart is None else (x[apart.own], y[apart.own])
        net = None if self._model is None else self._model.net
        shown = self.with_more(*own, *more)
        training = training_from(self.start, past, self.making, net, shown, (weights, stream))
        trained = run_long(training, self._plain(), checkpoint, told, part_of(progress, apart))
        model, steps, found = self.making.model(training.net), 0, None
        model.fit_probe(training.items)
        if apart is not None:
            judged, steps = told_apart(self, apart, past, x, y, more, other, progress)
            found = self.answers.fit([*judged, (model.goodness(x[apart.held]), y[apart.held])])
        self._model, self.answers.calibration = model, found
        self.past = replace(past, fits=past.fits + 1)
        return FitReport(trained.steps, trained.examples, before + steps, trained.history)

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
        model, features, goodness = self.model, None, None
        if "features" in needs or model.probe is not None:
            features = model.features(x)
        if needs & self.answers.gives or model.probe is None:
            goodness = model.goodness(x)
        if model.probe is not None:
            probs = model.probed(cast(Tensor, features))
        else:
            probs = self.answers.probs(cast(Tensor, goodness), members="members" in needs)
        columns = {"theta": self.answers.theta} if "theta" in needs else {}
        return Outputs(
            ids=ids,
            probs=probs,
            features=features if "features" in needs else None,
            goodness=goodness if needs & {"goodness", "layers"} else None,
            extras={name: column(cast(Tensor, goodness)) for name, column in columns.items()},
        )

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
        found = self.model.activities(x, self.rows(label, len(x)))
        return {f"layer{at}": h for at, h in enumerate(found, start=1)}

    def state(self) -> dict[str, Any]:
        """Settings, weights, the label's constants; probe, calibration and past where there are."""
        found = {"settings": self._plain(), **self.model.state()}
        if self.calibration is not None:
            found["calibration"] = self.calibration.plain()
        return found if self.start is None else {**found, "past": self.past.plain()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: it comes from a net of another form, or learned by other choices.
        """
        check_same(state, self._plain())
        model = self.making.blank()
        model.load_state(state)
        self._model = model
        self.answers.load(state.get("calibration"))
        self.past = Past() if self.start is None else Past(**state["past"])

    def _plain(self) -> dict[str, Any]:
        """The settings as plain values, lists for tuples."""
        found: dict[str, Any] = json.loads(json.dumps(dict(self.settings)))
        return found

    def rows(self, label: LabelInput, n: int) -> Tensor:
        """Rows of the label code that show a label to n items, int64 [n]."""
        return self.model.rows(label, n)


@learners.register("forward-forward")
class ForwardForward(AbstractForward):
    """Each layer learns from its own goodness; nothing flows back out of a layer."""

    name = "forward-forward"
    summary = "layers that learn from their own goodness, no backpropagation"
    reference = "Hinton, arXiv 2212.13345, 2022; Tosato et al., TMLR 2025 (FF)"
    own = MappingProxyType({"schedule": "greedy", "epochs": 30, "rate": 0.01})
