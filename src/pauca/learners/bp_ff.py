"""Backpropagation on Forward-Forward's goodness."""

from types import MappingProxyType

from pauca.learners.base import learners
from pauca.learners.forward_forward import AbstractForward

__all__ = ["BackpropForward"]


@learners.register("bp-ff")
class BackpropForward(AbstractForward):
    """All layers learn together by backpropagation of the goodness summed over layers."""

    name = "bp-ff"
    summary = "the same net and goodness as forward-forward, trained end to end by backpropagation"
    reference = "Tosato et al., TMLR 2025 (BP/FF)"
    fixed_schedule = "end-to-end"
    own = MappingProxyType({"schedule": "end-to-end", "epochs": 10, "rate": 0.001})
