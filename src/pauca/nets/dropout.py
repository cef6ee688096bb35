"""Consistent dropout: one mask per member, shared by every item, so batches do not matter.

A usual dropout layer draws a new mask for every item of every batch. As members of a committee
such passes are noisy (two items are never judged by the same member) and depend on how the pool is
cut into batches. Here a member is one fixed set of masks. The masks are laid on by hooks over
modules in evaluation mode, so they work in any ``torch.nn.Module`` with dropout layers and leave no
trace.

Reference: Gal and Ghahramani, ICML 2016 (dropout as approximate inference); Kirsch, van Amersfoort
and Gal, NeurIPS 2019, section 3.4 (consistent masks).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor, nn

from pauca.checks import check_count
from pauca.errors import CapabilityError, InputError
from pauca.rng import split

__all__ = ["MemberMasks", "member_masks", "stochastic_layers"]

_BY_UNIT = (nn.Dropout,)
_BY_CHANNEL = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_OTHER = (nn.AlphaDropout, nn.FeatureAlphaDropout)


def stochastic_layers(module: nn.Module) -> dict[str, nn.Module]:
    """Every dropout layer with a rate above 0, by name, in order of definition.

    Dropout called as a function, or inside attention and recurrent layers, cannot be seen from
    outside and stays off.
    """
    kinds = (*_BY_UNIT, *_BY_CHANNEL, *_OTHER)
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, kinds) and layer.p > 0
    }


class MemberMasks:
    """The masks of s members, drawn at first use and kept.

    Iterating makes each member in turn the current one; outside of an iteration the module is
    deterministic, as in evaluation. Mask number t of a layer and member depends on the generator,
    the layer's name and the member alone.
    """

    def __init__(self, s: int, layers: dict[str, nn.Module], generator: Generator) -> None:
        self.s = check_count(s, "members", least=1)
        keys = [(member, name) for member in range(s) for name in layers]
        children = split(generator, *(f"{member} {name}" for member, name in keys))
        self._generators = dict(zip(keys, children, strict=True))
        self._masks: dict[tuple[int, str], list[Tensor]] = {key: [] for key in keys}
        self._calls: dict[str, int] = {}
        self._member: int | None = None

    def __iter__(self) -> Iterator[int]:
        """Members 0 to s - 1, each the current one until the next."""
        try:
            for member in range(self.s):
                self._calls.clear()
                self._member = member
                yield member
        finally:
            self._member = None

    def lay_on(self, name: str, layer: nn.Module, x: Tensor) -> Tensor:
        """``x`` [b, ...] times the current member's mask of this layer; without a member, ``x``."""
        if self._member is None:
            return x
        call = self._calls.get(name, 0)
        self._calls[name] = call + 1
        key = (self._member, name)
        masks = self._masks[key]
        if call == len(masks):
            masks.append(_draw(layer, x, self._generators[key]))
        if masks[call].shape != _mask_shape(layer, x):
            raise InputError(
                f"items reach dropout layer {name!r} in different shapes",
                expected=f"{list(masks[call].shape)} for every item",
                got=list(x.shape[1:]),
                todo="bring all items to one shape: the mask of a member is shared by all of them",
            )
        return x * masks[call]


@contextmanager
def member_masks(module: nn.Module, s: int, generator: Generator) -> Iterator[MemberMasks]:
    """Within it, ``for member in masks:`` runs ``module`` as each of s dropout members.

    The module is in evaluation mode meanwhile (BatchNorm keeps its running statistics); hooks and
    flags are as before afterwards, whatever happens. ``generator`` advances by one draw.

    Raises:
        CapabilityError: no dropout layer, or one of a kind that has no consistent masks.
    """
    layers = _checked_layers(module)
    masks = MemberMasks(s, layers, generator)
    flags = [(part, part.training) for part in module.modules()]
    handles = [
        layer.register_forward_hook(_hook(masks, name), prepend=True)
        for name, layer in layers.items()
    ]
    try:
        for part, _ in flags:
            part.training = False
        yield masks
    finally:
        for handle in handles:
            handle.remove()
        for part, flag in flags:
            part.training = flag


def _hook(masks: MemberMasks, name: str) -> Any:
    def lay_on(layer: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return masks.lay_on(name, layer, output)

    return lay_on


def _checked_layers(module: nn.Module) -> dict[str, nn.Module]:
    layers = stochastic_layers(module)
    if not layers:
        raise CapabilityError(
            "the net has no dropout layer, so every pass would be the same",
            expected="an nn.Dropout module with p > 0",
            got=type(module).__name__,
            todo="set dropout > 0 in net_params, or add nn.Dropout (as a module) to a net of your"
            " own",
        )
    for name, layer in layers.items():
        if isinstance(layer, _OTHER):
            raise CapabilityError(
                f"layer {name!r} has no consistent masks",
                expected="nn.Dropout, nn.Dropout1d, nn.Dropout2d or nn.Dropout3d",
                got=type(layer).__name__,
                todo="replace it by nn.Dropout",
            )
    return layers


def _mask_shape(layer: nn.Module, x: Tensor) -> torch.Size:
    if isinstance(layer, _BY_UNIT):
        return x.shape[1:]
    return torch.Size([x.shape[1], *[1] * (x.ndim - 2)])


def _draw(layer: nn.Module, x: Tensor, generator: Generator) -> Tensor:
    rate = float(layer.p)  # type: ignore[arg-type]
    kept = torch.rand(_mask_shape(layer, x), generator=generator) >= rate
    scale = 0.0 if rate >= 1 else 1 / (1 - rate)
    return kept.to(x.device, x.dtype) * scale
