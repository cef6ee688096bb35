"""Embeddings h_i, or g_i = q_i (x) h_i that are never made: distances to one item at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pauca.checks import check_size
from pauca.select.points import TIE, Points, blocks, where

__all__ = ["Embedding"]

_TRUST = 2**-10
"""Distances whose relative rounding error may exceed this are computed again."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """n embeddings: rows of ``h`` [n, d], or outer products with rows of ``q`` [n, c].

    ``||g_i - g_j||^2 = |q_i|^2 |h_i|^2 + |q_j|^2 |h_j|^2 - 2 <q_i, q_j> <h_i, h_j>``.
    """

    h: Points
    q: Points | None
    norms: Tensor
    """Squared lengths of the embeddings, [n]."""
    gamma: float

    @staticmethod
    def of(h: Tensor, q: Tensor | None = None) -> "Embedding":
        """Read everything once.

        Raises:
            InputError: wrong shape or type, or a value that is NaN or infinite.
        """
        if q is None:
            points = Points.of(h)
            return Embedding(points, None, points.norms, points.gamma)
        points, factor = Points.of(h, centre=False), Points.of(q, centre=False)
        check_size(q, len(h), "q")
        gamma = points.gamma + factor.gamma
        return Embedding(points, factor, points.norms * factor.norms, gamma)

    @property
    def n(self) -> int:
        """Number of items."""
        return self.h.n

    @property
    def cost(self) -> int:
        """Coordinates read for one distance."""
        return self.h.d + (0 if self.q is None else self.q.d)

    def factor(self, one: int, index: Tensor | None = None) -> Tensor | None:
        """<q_i, q_one> of all or some items, or None where there is no q."""
        return None if self.q is None else self.q.dot(self.q.span(one, one + 1)[0], index)

    def distances(self, one: int, index: Tensor | None = None) -> tuple[Tensor, int]:
        """Squared distances of all or some items to one, and how many were computed twice.

        Those that rounding could change by more than a thousandth come from direct differences.
        """
        norms = self.norms if index is None else self.norms.index_select(0, index)
        product = self.h.dot(self.h.span(one, one + 1)[0], index)
        factor = self.factor(one, index)
        product = product if factor is None else product.mul_(factor)
        length = float(self.norms[one])
        away = torch.add(norms, product, alpha=-2).add_(length)
        share = 3 * self.gamma / _TRUST
        least = share * (length + (self.h.offset**2 if self.q is None else 0))
        doubt = where(torch.add(away, norms, alpha=-share) < least)
        if len(doubt):
            away[doubt] = self.direct(doubt if index is None else index[doubt], one)
        return away, len(doubt)

    def direct(self, index: Tensor, one: int) -> Tensor:
        """Squared distances of these items to one from direct differences, [b].

        ``q_i (x) h_i - q_j (x) h_j = (q_i - q_j) (x) h_i + q_j (x) (h_i - h_j)``: nothing large
        cancels, and duplicates are at distance 0.
        """
        if self.q is None:
            return self.h.near(index, one)
        found = torch.empty(len(index), dtype=self.norms.dtype, device=index.device)
        q, h = self.q.span(one, one + 1)[0], self.h.span(one, one + 1)[0]
        for low, high in blocks(len(index), self.cost):
            part = index[low:high]
            rows = self.h.rows(part)
            dq, dh = self.q.rows(part) - q, rows - h
            cross = (dq @ q) * (rows * dh).sum(1)
            first = dq.square().sum(1) * self.h.norms[part]
            second = dh.square().sum(1) * (q @ q)
            found[low:high] = first + second + 2 * cross
        return found.clamp_(min=0)

    def longest(self) -> int:
        """The embedding of the largest norm, the first of equals (norms in float64)."""
        low = self.norms.amax() * (1 - 8 * self.gamma)
        close = (self.norms >= low).nonzero()[:, 0]
        exact = _squared(self.h, close)
        if self.q is not None:
            exact *= _squared(self.q, close)
        return int(close[exact >= exact.max() * (1 - TIE)].min())


def _squared(points: Points, index: Tensor) -> Tensor:
    """Squared lengths of raw rows in float64."""
    parts = [
        (points.raw(index[low:high]).double() * points.scale).square_().sum(1)
        for low, high in blocks(len(index), points.d)
    ]
    return torch.cat(parts)
