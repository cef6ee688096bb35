"""Nets: mlp, convnet, resnet18; what they tell of their inside, and their stochastic passes."""

from pauca.nets.base import AbstractNet, make_net, nets
from pauca.nets.dropout import MemberMasks, member_masks, stochastic_layers
from pauca.nets.folded import folded
from pauca.nets.members import member_logits, member_logits_from, member_passes
from pauca.nets.taps import Recording, activations, record

__all__ = [
    "AbstractNet",
    "MemberMasks",
    "Recording",
    "activations",
    "folded",
    "make_net",
    "member_logits",
    "member_logits_from",
    "member_masks",
    "member_passes",
    "nets",
    "record",
    "stochastic_layers",
]
