"""What a net says as each of its dropout members; what comes before the dropout runs once."""

from collections.abc import Iterable

import torch
from torch import Generator, Tensor, nn

from pauca.nets.base import AbstractNet
from pauca.nets.dropout import MemberMasks, member_masks

__all__ = ["member_logits", "member_logits_from", "member_passes"]


def member_logits(net: nn.Module, x: Tensor, masks: MemberMasks) -> Tensor:
    """What ``net`` returns for one batch [b, ...] as each member of ``masks``, float [s, b, c].

    For a net of pauca the stem runs once and the rest s times; any other module runs s times.
    """
    if not isinstance(net, AbstractNet):
        return torch.stack([net(x) for _ in masks])
    return member_logits_from(net, net.stem(x), masks)


def member_logits_from(net: AbstractNet, z: Tensor, masks: MemberMasks) -> Tensor:
    """The same from the stem's output z [b, ...], which all members share, float [s, b, c]."""
    return torch.stack([net.head(net.rest(z)) for _ in masks])


def member_passes(
    net: nn.Module, batches: Iterable[Tensor], s: int, generator: Generator
) -> Tensor:
    """Logits of s dropout members for all batches, float [s, n, c]; the net is left as it was.

    Args:
        net: Any module with dropout layers that returns logits [b, c].
        batches: Inputs [b, ...], one after the other.
        s: Members, >= 1.
        generator: Source of the masks; the same for every item, so neither the order of the items
            nor their division into batches matters.

    Raises:
        CapabilityError: the net has no dropout layer.
    """
    with torch.no_grad(), member_masks(net, s, generator) as masks:
        return torch.cat([member_logits(net, x, masks) for x in batches], dim=1)
