"""A stack of layers that reads items with their label, the label written on the fly."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.checks import check_count
from pauca.errors import InputError
from pauca.forward.goodness import AbstractGoodness
from pauca.forward.labels import AbstractLabelCode
from pauca.forward.layers import AbstractLayer, LinearLayer
from pauca.forward.normalise import AbstractScaling

__all__ = ["ForwardNet", "Prepared"]

_ROWS = 8192  # (item, label) pairs looked at together, so that memory does not grow with the pool


class Prepared(NamedTuple):
    """What the first layer makes of n items before it knows their label.

    Args:
        product: First layer's product with the items alone, float [n, u].
        squares: Squared length of the items alone, float [n].
    """

    product: Tensor
    squares: Tensor

    def take(self, index: Tensor) -> "Prepared":
        """The items at these positions."""
        return Prepared(self.product[index], self.squares[index])


class ForwardNet(nn.Module):
    """Layers that each answer an item with a label by their goodness.

    The first layer is linear in the encoded item x = x0 + p, x0 the item with zeros where labels
    are written and p the label's pattern, and ||x||^2 = ||x0||^2 + ||p||^2. So

        W x / ||x|| + b = (W x0 + W p) / sqrt(||x0||^2 + ||p||^2) + b

    with W x0 computed once an item and W p once a label, whatever their combinations.

    Args:
        code: How labels are written.
        widths: Units of each layer, input side first.
        goodness: Of a layer's activity.
        normalisation: Of what each layer reads.
        generator: Source of the weights, on the CPU.

    Raises:
        InputError: no layer, or a layer without units.
    """

    def __init__(
        self,
        code: AbstractLabelCode,
        widths: Sequence[int],
        *,
        goodness: AbstractGoodness,
        normalisation: AbstractScaling,
        generator: Generator,
    ) -> None:
        super().__init__()
        if not widths:
            raise InputError("a net without layers", expected="at least one width", got="none")
        sizes = [code.d, *(check_count(u, "width of a layer", least=1) for u in widths)]
        self.code = code
        self.widths = tuple(widths)
        self.goodness = goodness
        self.layers = nn.ModuleList(
            LinearLayer(d=d, u=u, normalisation=normalisation, generator=generator)
            for d, u in pairwise(sizes)
        )

    @property
    def depth(self) -> int:
        """Number of layers l."""
        return len(self.layers)

    def layer(self, number: int) -> AbstractLayer:
        """Layer ``number``, from 0."""
        return cast(AbstractLayer, self.layers[number])

    def prepare(self, x: Tensor) -> Prepared:
        """The part of the first layer that is the same for every label.

        Args:
            x: Flattened items, float [b, d_item].
        """
        base = self.code.base(x)
        return Prepared(self.layer(0).multiply(base), base.square().sum(-1))

    def first(self, prepared: Prepared, rows: Tensor) -> Tensor:
        """First layer's activity for b items, each with r rows of the label code.

        Args:
            prepared: Of b items.
            rows: int64 [r, b], or [r, 1] where every item is shown the same rows.

        Returns:
            float [r, b, u].
        """
        layer, code = self.layer(0), self.code
        written = F.embedding(rows, layer.multiply_at(code.spots, code.patterns))  # [r, b or 1, u]
        squares = prepared.squares + code.squares[rows]  # [r, b]
        return layer.rectify(
            prepared.product + written, layer.normalisation.factor(squares, code.d)
        )

    def through(self, prepared: Prepared, rows: Tensor) -> list[Tensor]:
        """Activity of every layer, each float [r, b, u]; arguments as in ``first``."""
        activities = [self.first(prepared, rows)]
        for number in range(1, self.depth):
            activities.append(self.layer(number)(activities[-1]))
        return activities

    def forward(self, x: Tensor, rows: Tensor) -> list[Tensor]:
        """Activity of every layer, each float [b, u].

        Args:
            x: Flattened items, float [b, d_item].
            rows: Row of the label code for each item, int64 [b].
        """
        return [h[0] for h in self.through(self.prepare(x), rows.unsqueeze(0))]

    @torch.no_grad()
    def label_goodness(self, x: Tensor) -> Tensor:
        """Goodness of every label in every layer, without autograd.

        Args:
            x: Flattened items, float [b, d_item].

        Returns:
            float [b, c, l].
        """
        rows = torch.arange(self.code.classes, device=x.device).unsqueeze(-1)  # [c, 1]
        activities = self.through(self.prepare(x), rows)
        # l times [c, b] -> [b, c, l]
        return torch.stack([self.goodness(h) for h in activities], dim=-1).transpose(0, 1)

    def block(self, labels: int = 1) -> int:
        """How many items to look at together when each is shown so many labels."""
        return max(1, _ROWS // labels)
