"""Forward-Forward learning and backpropagation on the same goodness."""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Generator, Tensor

from pauca import rng
from pauca.checks import check_labels, check_size
from pauca.data.augment import RandomCrop
from pauca.data.dataset import Task
from pauca.errors import InputError
from pauca.forward import (
    AbstractGoodnessReadout,
    AbstractLabelCode,
    ForwardNet,
    Items,
    LinearProbe,
    ProbeReadout,
    Training,
    shortlist_goodness,
)
from pauca.learners._encoding import Encoding
from pauca.learners._forward_settings import (
    Choice,
    check_same,
    check_shift,
    complete,
    plan_from,
    recipe_from,
    speed_from,
)
from pauca.learners._long import run_long
from pauca.learners.base import (
    AbstractLearner,
    Checkpoint,
    FitReport,
    LabelInput,
    Progress,
    Told,
    learners,
    weights_of,
)
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

    Probabilities are the readout's. Features are the activities of all layers side by side, d = sum
    of widths, under the neutral label (every label's place a c-th of the way on). A trained layer
    may stay silent when no label is right: its features are then zeros.

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
        self.recipe = recipe_from(whole, image=len(task.shape) == 3)
        self.plan, self.speed = plan_from(whole), speed_from(whole)
        check_shift(whole["shift"], image=len(task.shape) == 3)
        self.encoding = Encoding(task, whole["pixels"], self.device)
        # an item that cannot carry its label is refused now, not after hours
        self.encoding.code(self.recipe, 1.0)
        self._net: ForwardNet | None = None
        self._probe: LinearProbe | None = None

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
        """Probabilities, features, and the goodness of every label where labels are learned."""
        return frozenset({"probs", "features"}) | (
            {"goodness"} if self.recipe.negatives.labelled else frozenset()
        )

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
        return self.fit_long(x, y, generator=generator, progress=progress)

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
        self.check_fit(x, y)
        weights, stream = rng.split(generator, "weights", "training")
        whole = self.settings
        shift = RandomCrop(whole["shift"]).draw if whole["shift"] else None
        items = Items(x.to(self.device), y.to(self.device), self.encoding, shift, self.task.shape)
        self.encoding.learn(items.x)
        code = self.encoding.code(self.recipe, self.encoding.appended(items.x))
        net = self._build(code, weights)
        training = Training(
            net,
            items,
            schedule=self.recipe.schedule,
            loss=self.recipe.loss,
            negatives=self.recipe.negatives,
            plan=self.plan,
            generator=stream,
            dropout=whole["dropout"],
            item_dropout=whole["item_dropout"],
            adversarial=whole["adversarial"],
            speed=self.speed,
        )
        trained = run_long(training, self._plain(), checkpoint, told, progress)
        self._net, self._probe = net, self._fitted_probe(net, items)
        return FitReport(trained.steps, trained.examples, history=trained.history)

    def _fitted_probe(self, net: ForwardNet, items: Items) -> LinearProbe | None:
        readout = self.recipe.readout
        if not isinstance(readout, ProbeReadout):
            return None
        probe = readout.probe(sum(net.widths), self.task.c).to(self.device)
        probe.fit(self._features(net, items.x), items.y)
        return probe

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
        net, features, goodness = self.net, None, None
        if "features" in needs or self._probe is not None:
            features = self._features(net, x)
        if "goodness" in needs or self._probe is None:
            blocks = _blocks(x, net.block(net.code.classes))
            goodness = torch.cat([self._goodness(net, self.encoding(block)) for block in blocks])
        return Outputs(
            ids=ids,
            probs=self._probs(goodness, features).unsqueeze(0),
            features=features if "features" in needs else None,
            goodness=goodness if "goodness" in needs else None,
        )

    def _goodness(self, net: ForwardNet, x: Tensor) -> Tensor:
        """Of every label, float [b, c, l]."""
        best = self.settings["shortlist"]
        return net.label_goodness(x) if best is None else shortlist_goodness(net, x, best)

    @torch.no_grad()
    def _probs(self, goodness: Tensor | None, features: Tensor | None) -> Tensor:
        """By the readout, float [n, c]."""
        if self._probe is not None:
            logits: Tensor = self._probe(cast(Tensor, features))
            return logits.softmax(-1)
        readout = cast(AbstractGoodnessReadout, self.recipe.readout)
        return readout.probs(cast(Tensor, goodness))

    def _features(self, net: ForwardNet, x: Tensor) -> Tensor:
        """Activity of all layers side by side while the neutral label is shown, float [n, d]."""
        rows = torch.full((len(x),), net.code.neutral, device=self.device)
        return torch.cat(self._activities(net, x, rows), dim=1)

    @torch.no_grad()
    def _activities(self, net: ForwardNet, x: Tensor, rows: Tensor) -> list[Tensor]:
        pairs = zip(_blocks(x, net.block()), _blocks(rows, net.block()), strict=True)
        blocks = [net(self.encoding(block), shown) for block, shown in pairs]
        return [torch.cat(parts) for parts in zip(*blocks, strict=True)]

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
        found = self._activities(self.net, x, self.rows(label, len(x)))
        return {f"layer{at}": h for at, h in enumerate(found, start=1)}

    def state(self) -> dict[str, Any]:
        """Settings, weights of every layer, the label's constants, and the probe if there."""
        found: dict[str, Any] = {"settings": self._plain(), "net": weights_of(self.net)}
        if self.encoding.centre is not None:
            found["centre"] = self.encoding.centre.cpu()
        return found if self._probe is None else {**found, "probe": weights_of(self._probe)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: it comes from a net of another form, or learned by other choices.
        """
        check_same(state, self._plain())
        net = self._build(self.encoding.code(self.recipe, 1.0), rng.generator_from(0))
        readout, probe = self.recipe.readout, None
        if isinstance(readout, ProbeReadout):
            probe = readout.probe(sum(net.widths), self.task.c).requires_grad_(False)
        try:
            net.load_state_dict(state["net"])
            if probe is not None:
                probe.load_state_dict(state["probe"])
        except (KeyError, RuntimeError) as error:
            raise InputError(
                "this state belongs to another net",
                expected=f"layers of {', '.join(map(str, self.widths))} units for this task",
                got=str(error).replace("\n", " "),
                todo="make the learner with the settings it was trained with",
            ) from None
        self._net, self._probe = net, None if probe is None else probe.to(self.device)
        centre = state.get("centre")
        self.encoding.centre = None if centre is None else centre.to(self.device)

    def _plain(self) -> dict[str, Any]:
        """The settings as plain values, lists for tuples."""
        found: dict[str, Any] = json.loads(json.dumps(dict(self.settings)))
        return found

    def _build(self, code: AbstractLabelCode, generator: Generator) -> ForwardNet:
        built = self.recipe.build(code, generator, factorise=self.speed.factorise)
        return built.to(self.device)

    def rows(self, label: LabelInput, n: int) -> Tensor:
        """Rows of the label code that show a label to n items, int64 [n]."""
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
    """Each layer learns from its own goodness; nothing flows back out of a layer."""

    name = "forward-forward"
    summary = "layers that learn from their own goodness, no backpropagation"
    reference = "Hinton, arXiv 2212.13345, 2022; Tosato et al., TMLR 2025 (FF)"
    own = MappingProxyType({"schedule": "greedy", "epochs": 30, "rate": 0.01})
