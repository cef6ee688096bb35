"""What each layer multiplies by which weights, for the analysis of excitation and inhibition."""

from dataclasses import dataclass
from functools import partial, singledispatch

import torch
from torch import Tensor, nn

from pauca.errors import CapabilityError
from pauca.forward import LinearLayer
from pauca.learners.base import AbstractLearner, LabelInput
from pauca.learners.forward_forward import AbstractForward
from pauca.learners.objective import AbstractGradientLearner

__all__ = ["Wiring", "wiring"]


@dataclass(frozen=True, eq=False)
class Wiring:
    """One fully connected layer and what it read.

    Args:
        weight: Name of its weights [u, d] among the parameters of the net.
        bias: Name of its bias [u].
        inputs: What the weights multiplied, float [n, d].
    """

    weight: str
    bias: str
    inputs: Tensor


@singledispatch
def wiring(learner: AbstractLearner, x: Tensor, label: LabelInput = "neutral") -> dict[str, Wiring]:
    """The fully connected layers among ``learner.activations``, and what each reads for n items.

    Learners from elsewhere join by ``wiring.register``.

    Args:
        learner: Trained.
        x: Stored items [n, ...]; what is read is held for all of them at once.
        label: Shown with them, as in ``learner.activations``.

    Raises:
        CapabilityError: a learner whose weights are not known.
        InputError: not trained yet.
    """
    raise CapabilityError(
        "the weights of this learner are not known",
        expected="backprop, forward-forward or bp-ff, or a learner registered with wiring",
        got=learner.name,
        todo="use one of these learners, or register its wiring",
    )


@wiring.register
@torch.no_grad()
def _(learner: AbstractForward, x: Tensor, label: LabelInput = "neutral") -> dict[str, Wiring]:
    shown = learner.activations(x, label=label)
    net, found = learner.net, dict[str, Wiring]()
    read = net.code.write(learner.encoding(x), learner.rows(label, len(x)))
    for number, (name, h) in enumerate(shown.items()):
        layer = net.layer(number)
        if isinstance(layer, LinearLayer):
            prefix = f"layers.{number}."
            inputs = layer.normalisation(read.view(-1, *layer.shape)).flatten(1)
            found[name] = Wiring(f"{prefix}weight", f"{prefix}bias", inputs)
        read = h
    return found


@wiring.register
def _(
    learner: AbstractGradientLearner, x: Tensor, label: LabelInput = "neutral"
) -> dict[str, Wiring]:
    net = learner.net
    places = {name: place for name in net.taps if (place := _linear(net, name)) is not None}
    read: dict[str, list[Tensor]] = {name: [] for name in places}
    hooks = [
        net.get_submodule(place).register_forward_pre_hook(partial(_keep, read[name]))
        for name, place in places.items()
    ]
    try:
        learner.activations(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {
        name: Wiring(f"{place}.weight", f"{place}.bias", torch.cat(read[name]))
        for name, place in places.items()
    }


def _keep(parts: list[Tensor], module: nn.Module, given: tuple[Tensor, ...]) -> None:
    """A hook that keeps what a module is given."""
    parts.append(given[0].detach())


def _linear(net: nn.Module, name: str) -> str | None:
    """Where the only linear layer of a module is, if it has a bias and nothing else has weights."""
    inside = [
        (f"{name}.{at}" if at else name, part)
        for at, part in net.get_submodule(name).named_modules()
        if any(True for _ in part.parameters(recurse=False))
    ]
    if len(inside) != 1 or not isinstance(inside[0][1], nn.Linear) or inside[0][1].bias is None:
        return None
    return inside[0][0]
