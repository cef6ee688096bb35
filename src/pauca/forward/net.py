"""A stack of layers that reads items with their label, the label written on the fly."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.errors import InputError
from pauca.forward.goodness import AbstractGoodness
from pauca.forward.labels import AbstractLabelCode
from pauca.forward.layers import AbstractLayer, layers
from pauca.forward.normalise import AbstractNormalisation, AbstractScaling, Moments
from pauca.forward.stack import Stack

__all__ = ["ForwardNet", "Prepared"]

# (item, label) pairs looked at together, so that memory does not grow with the pool, and how many
# numbers of the widest layer they may have: few enough to stay near the processor
_ROWS, _NUMBERS = 8192, 2**21


class Prepared(NamedTuple):
    """What the first layer makes of b items before it knows their label.

    Args:
        product: First layer's product with the items alone, float [b, ...]; or the items alone,
            [b, d], where the first layer has to see them with their label.
        sums: Sum of the numbers of the items alone, float [b].
        squares: Squared length of the items alone, float [b].
    """

    product: Tensor
    sums: Tensor
    squares: Tensor

    def take(self, index: Tensor) -> "Prepared":
        """The items at these positions."""
        return Prepared(*(torch.index_select(part, 0, index) for part in self))


class ForwardNet(nn.Module):
    """Layers that each answer an item with a label by their goodness.

    The first layer is linear in the encoded item x = x0 + p, x0 the item with zeros where labels
    are written and p the label's pattern, and ||x||^2 = ||x0||^2 + ||p||^2. So

        W x / ||x|| + b = (W x0 + W p) / sqrt(||x0||^2 + ||p||^2) + b

    with W x0 computed once an item and W p once a label, whatever their combinations. A
    normalisation that is no such scaling (batch) is done on items with their label instead.

    Args:
        code: How labels are written.
        widths: Units of each layer, input side first; or the layer's kind and settings by name.
        goodness: Of a layer's activity.
        normalisation: Of what each layer reads.
        generator: Source of the weights, on the CPU.
        factorise: Whether to share the first product among labels, where it can be shared.

    Raises:
        InputError: no layer, or a layer that does not fit what it reads.
    """

    def __init__(
        self,
        code: AbstractLabelCode,
        widths: Sequence[int | Mapping[str, Any]],
        *,
        goodness: AbstractGoodness,
        normalisation: AbstractNormalisation,
        generator: Generator,
        factorise: bool = True,
    ) -> None:
        super().__init__()
        if not widths:
            raise InputError(
                "a net without layers",
                expected="at least one width",
                got="none",
                todo="name the width of each layer, such as widths = [500, 500]",
            )
        self.code = code
        self.goodness = goodness
        self.layers = nn.ModuleList()
        shape: tuple[int, ...] = code.shape
        for number, width in enumerate(widths):
            settings: dict[str, Any] = (
                dict(width) if isinstance(width, Mapping) else {"units": width}
            )
            kind = str(settings.pop("name", "linear"))
            context = {"shape": shape, "normalisation": normalisation, "generator": generator}
            layer = layers.make(kind, settings, **context)
            goodness.check(layer.groups if goodness.by_class else layer.units, code.classes)
            self.layers.append(layer)
            shape = self.layer(number).out
        self.factorised = factorise and isinstance(self.layer(0).normalisation, AbstractScaling)
        self.eval()

    @property
    def depth(self) -> int:
        """Number of layers l."""
        return len(self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each layer."""
        return tuple(self.layer(number).units for number in range(self.depth))

    def layer(self, number: int) -> AbstractLayer:
        """Layer ``number``, from 0."""
        return cast(AbstractLayer, self.layers[number])

    @property
    def direct(self) -> bool:
        """Whether activity and goodness need neither autograd nor more than a product a layer.

        Goodness of linear layers behind a scaling depends on squared lengths alone; labels share
        the first product.
        """
        lengths = self.goodness.of_squares(torch.ones(1), 1) is not None
        linear = all(Stack.fits(self.layer(number)) for number in range(self.depth))
        return lengths and linear and self.factorised and self.code.labels

    def prepare(self, x: Tensor) -> Prepared:
        """The part of the first layer that is the same for every label.

        Args:
            x: Flattened items, float [b, d_item]; [r, b, d_item] where each row is an item.
        """
        return self.multiplied(self.alone(x))

    def alone(self, x: Tensor) -> Prepared:
        """Items before any product: what depends on no weight; arguments as in ``prepare``."""
        base = self.code.base(x)
        return Prepared(base, base.sum(-1), torch.linalg.vector_norm(base, dim=-1).square())

    def multiplied(self, alone: Prepared) -> Prepared:
        """What the first layer makes of items alone, float [..., d] -> [..., ...]."""
        if not self.factorised:
            return alone
        base = alone.product
        product = self.layer(0).multiply(base.view(-1, *self.code.shape))
        return Prepared(product.view(*base.shape[:-1], *product.shape[1:]), *alone[1:])

    def shown(self, rows: Tensor) -> Tensor:
        """The rows that are really shown: the absent one alone where goodness is by class.

        Args:
            rows: int64 [r, b] or [r, 1].
        """
        if not self.goodness.by_class:
            return rows
        return rows.new_full((1, rows.shape[1]), self.code.absent)

    def first(self, prepared: Prepared, rows: Tensor) -> Tensor:
        """First layer's activity for b items, each with r rows of the label code.

        Args:
            prepared: Of b items.
            rows: int64 [r, b], or [r, 1] where every item is shown the same rows.

        Returns:
            float [r, b, *out].
        """
        squares = prepared.squares + self.code.squares[rows]  # [r, b]
        if not self.factorised:
            encoded = self._encoded(prepared.product, rows, squares.shape)
            activity: Tensor = self.layer(0)(encoded.view(*squares.shape, *self.code.shape))
            return activity
        sums = prepared.sums + self.code.patterns.sum(-1)[rows]
        product = self._written(prepared, rows, squares.shape)
        return self.layer(0).answer(product, Moments(sums, squares))

    def _encoded(self, base: Tensor, rows: Tensor, shape: Sequence[int]) -> Tensor:
        """Items with their label, float [r, b, d]."""
        encoded = base.expand(*shape, self.code.d).clone()
        values = self.code.patterns[rows].to(encoded.dtype)
        encoded[..., self.code.spots] = values.expand(*shape, -1)
        return encoded

    def _written(self, prepared: Prepared, rows: Tensor, shape: Sequence[int]) -> Tensor:
        """First layer's product with items and labels, float [r, b, ...]."""
        product = prepared.product
        if not self.code.labels:
            return product.expand(*shape, *product.shape[prepared.squares.ndim :])
        written = self.layer(0).multiply_at(self.code.spots, self.code.patterns)  # [c + 2, ...]
        label = F.embedding(rows, written.flatten(1)).view(*rows.shape, *written.shape[1:])
        return product + label

    def after(self, number: int, h: Tensor) -> Tensor:
        """Activity of layer ``number`` >= 1 from that of the layer below, float [r, b, *out]."""
        activity: Tensor = self.layer(number)(h)
        return activity

    def through(self, prepared: Prepared, rows: Tensor) -> list[Tensor]:
        """Activity of every layer, each float [r, b, *out]; arguments as in ``first``."""
        activities = [self.first(prepared, rows)]
        for number in range(1, self.depth):
            activities.append(self.after(number, activities[-1]))
        return activities

    def forward(self, x: Tensor, rows: Tensor) -> list[Tensor]:
        """Activity of every layer, each flattened to float [b, u].

        Args:
            x: Flattened items, float [b, d_item].
            rows: Row of the label code for each item, int64 [b].
        """
        return [h[0].flatten(1) for h in self.through(self.prepare(x), rows.unsqueeze(0))]

    def judge(self, h: Tensor, rows: Tensor) -> Tensor:
        """Goodness of labels from the activity of a layer.

        Args:
            h: Activity under the rows that are really shown, float [r or 1, b, *out].
            rows: int64 [r, b] or [r, 1].

        Returns:
            float [r, b].
        """
        return self.goodness.of(h.flatten(2), rows, self.code.classes)

    @torch.no_grad()
    def label_goodness(self, x: Tensor, depth: int | None = None) -> Tensor:
        """Goodness of every label in the first ``depth`` layers (all by default), no autograd.

        Args:
            x: Flattened items, float [b, d_item].
            depth: How many layers.

        Returns:
            float [b, c, l].
        """
        rows = torch.arange(self.code.classes, device=x.device).unsqueeze(-1)  # [c, 1]
        found = list(self.goodness_of_rows(self.prepare(x), rows, depth))
        # l times [c, b] -> [b, c, l]
        return torch.stack(found, dim=-1).transpose(0, 1)

    @torch.no_grad()
    def goodness_of_rows(
        self, prepared: Prepared, rows: Tensor, depth: int | None = None
    ) -> Iterator[Tensor]:
        """Goodness in the first ``depth`` layers, one after the other, each float [r, b].

        Args:
            prepared: Of b items.
            rows: int64 [r, b] or [r, 1].
            depth: How many layers; all by default.
        """
        depth = self.depth if depth is None else depth
        if self.direct:
            yield from Stack.of(self).goodness(prepared, rows.expand(-1, len(prepared.sums)), depth)
            return
        h = self.first(prepared, self.shown(rows))
        yield self.judge(h, rows)
        for number in range(1, depth):
            h = self.after(number, h)
            yield self.judge(h, rows)

    def first_goodness(self, prepared: Prepared) -> Tensor:
        """The first layer's goodness of every label, float [b, c], no autograd."""
        rows = torch.arange(self.code.classes, device=prepared.squares.device).unsqueeze(1)
        return next(iter(self.goodness_of_rows(prepared, rows, 1))).T

    def block(self, labels: int = 1) -> int:
        """How many items to look at together when each is shown so many labels."""
        rows = min(_ROWS, _NUMBERS // max(self.widths))
        return max(1, rows // labels)
