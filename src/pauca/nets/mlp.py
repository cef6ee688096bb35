"""The multilayer perceptron of the plain backpropagation baseline."""

from itertools import pairwise
from math import prod
from typing import Annotated

from pydantic import Field
from torch import nn

from pauca.nets.base import AbstractNet, nets

__all__ = ["MLP"]


@nets.register("mlp")
class MLP(AbstractNet):
    """Linear-ReLU layers and a linear head; any item is flattened first, none is normalised.

    Args:
        shape: Shape of one item, any.
        classes: How many.
        widths: Units of each hidden layer.
        dropout: Rate after every hidden layer; 0 leaves dropout out.
    """

    name = "mlp"
    summary = "fully connected: Linear-ReLU layers and a linear head, for items of any shape"
    reference = "Tosato et al., TMLR 2025, section 3 (plain backpropagation)"

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        classes: int,
        widths: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
            784,
            784,
            784,
        ),
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
        sizes = (prod(shape), *widths)
        for i, (before, after) in enumerate(pairwise(sizes), start=1):
            layers[f"layer{i}"] = nn.Sequential(nn.Linear(before, after), nn.ReLU())
            if dropout > 0:
                layers[f"drop{i}"] = nn.Dropout(dropout)
        taps = [f"layer{i}" for i in range(1, len(widths) + 1)]
        super().__init__(layers, nn.Linear(widths[-1], classes), taps)
