"""A recipe: one choice on every axis, refused with the reason where the choices make no sense."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Generator

from pauca.errors import UsageError
from pauca.forward.goodness import AbstractGoodness
from pauca.forward.labels import AbstractLabelCode, label_codes
from pauca.forward.losses import AbstractLoss
from pauca.forward.negatives import AbstractNegatives
from pauca.forward.net import ForwardNet
from pauca.forward.normalise import AbstractNormalisation
from pauca.forward.readout import AbstractReadout
from pauca.forward.schedules import AbstractSchedule

__all__ = ["Recipe"]

Layer = int | Mapping[str, Any]

_FLAT = ("append", "random")
_WINDOWS = ("conv2d", "local")


@dataclass(frozen=True)
class Recipe:
    """How a net is built, what it learns from, and how it decides.

    Args:
        widths: Units of each layer, or its kind and settings by name.
        goodness: Of activity.
        loss: Of goodness.
        label: Name of the label code.
        label_params: Its settings.
        negatives: What is wrong about a negative.
        normalisation: Of what a layer reads.
        schedule: Which layers learn when.
        readout: How it decides.

    Raises:
        UsageError: choices that make no sense together, with the reason.
    """

    widths: tuple[Layer, ...]
    goodness: AbstractGoodness
    loss: AbstractLoss
    label: str
    label_params: Mapping[str, Any]
    negatives: AbstractNegatives
    normalisation: AbstractNormalisation
    schedule: AbstractSchedule
    readout: AbstractReadout

    def __post_init__(self) -> None:
        """Check what can be known without the items."""
        shown = self.label != "none"
        by_class = self.goodness.by_class
        if not self.negatives.labelled:
            self._refuse(shown, "mix items instead of labels, so no label may be shown", "label")
            self._refuse(by_class, "leave no class to a goodness by class", "goodness")
            self._refuse(self.readout.labelled, "teach no goodness of labels to read", "readout")
        elif by_class and shown:
            raise UsageError(
                f"goodness {self.goodness.name!r} has units for each class and is shown no label",
                expected="label = 'none'",
                got=f"label = {self.label!r}",
                todo="set label = 'none', or choose another goodness",
            )
        elif not by_class and not shown:
            raise UsageError(
                "a wrong label that is not shown is no negative",
                expected="a label code, goodness 'channel-wise', or negatives that mix items",
                got=f"label = 'none', goodness = {self.goodness.name!r}, "
                f"negatives = {self.negatives.name!r}",
                todo="choose one of these",
            )
        if self.label in _FLAT and any(_kind(layer) in _WINDOWS for layer in self.widths):
            raise UsageError(
                f"label code {self.label!r} stands beside the pixels, where no window reaches",
                expected="label 'spatial', 'overlay' or 'none' for layers that read images",
                got=f"label = {self.label!r} with a layer {_WINDOWS[0]!r} or {_WINDOWS[1]!r}",
                todo="choose one of these labels, or layers that read flat rows",
            )

    def _refuse(self, wrong: bool, reason: str, axis: str) -> None:
        if wrong:
            got = self.label if axis == "label" else getattr(self, axis).name
            raise UsageError(
                f"negatives {self.negatives.name!r} {reason}",
                expected="label 'none', a goodness of the whole layer, and readout 'probe'",
                got=f"{axis} = {got!r}",
                todo="change one of these settings",
            )

    def code(
        self, shape: Sequence[int], classes: int, on: Sequence[float], off: Sequence[float]
    ) -> AbstractLabelCode:
        """The label code for items of this shape.

        Args:
            shape: (channels, height, width) or (d,).
            classes: c.
            on: Value of a label in each channel.
            off: Value of no label in each channel.

        Raises:
            InputError: the items cannot carry it.
        """
        context = {"shape": shape, "classes": classes, "on": on, "off": off}
        return label_codes.make(self.label, self.label_params, **context)

    def build(
        self, code: AbstractLabelCode, generator: Generator, *, factorise: bool = True
    ) -> ForwardNet:
        """A fresh net.

        Args:
            code: How labels are written.
            generator: Source of the weights, on the CPU.
            factorise: Whether to share the first product among labels.

        Raises:
            InputError: a layer that does not fit what it reads.
        """
        net = ForwardNet(
            code,
            self.widths,
            goodness=self.goodness,
            normalisation=self.normalisation,
            generator=generator,
            factorise=factorise,
        )
        self.readout.check(net.depth)
        return net


def _kind(layer: Layer) -> str:
    return str(layer.get("name", "linear")) if isinstance(layer, Mapping) else "linear"
