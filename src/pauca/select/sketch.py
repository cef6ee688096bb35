"""Exact pruning: a few leading coordinates after one rotation bound every inner product.

Rotated to the principal axes, h = (a, b) with a the p leading coordinates and r = |b|. As a
rotation changes no inner product, |<h_i, h_j> - <a_i, a_j>| <= r_i r_j, so that
|a_i - a_j|^2 + (r_i - r_j)^2 <= |h_i - h_j|^2, and likewise for outer products with q. Only items
whose bound is below their least distance can be nearer to a new centre. The axes come from a
sample: any rotation is exact, the principal one prunes best.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pauca.select.embedding import Embedding
from pauca.select.points import blocks, where

__all__ = ["Plan", "Sketch", "leading_axes", "plan"]

_FIRST = (4, 8, 16, 32, 64)
_SECOND = (32, 64, 96, 128)
_PIVOTS = 128
_WORTH = (0.7, 0.6)
"""Largest share of a plain pass that a pruned one may cost: plain, and with a factor q."""
_SPAN = 512
"""Items of about the same length that are ruled out together."""
_SAMPLE = 1024
EXACT = 4.0
"""One gathered direct distance costs about as much as this many in a pass over all items."""
_COLUMNS = 15
"""Coordinates that could be read in the time that the bound's arithmetic on columns takes."""
_CALLS = 2**18
"""Numbers that could be read in the time that calling all the operations takes."""
_GATHER = 150
"""Coordinates that could be read in a pass in the time that gathering a short row takes."""


@dataclass(frozen=True)
class Plan:
    """How many leading coordinates bound first all items, then those left, and the axes."""

    first: int
    second: int
    axes: Tensor


def cost(items: int, long: int, first: int, some: int, second: int, few: int, width: int) -> float:
    """Cost of one pruned pass over ``items``, where one plain pass costs 1."""
    fixed = long / items * (first + _COLUMNS) / width + _CALLS / (items * width)
    staged = fixed + some / items * (second + _GATHER) / width
    return staged + EXACT * few / items


def plan(embedding: Embedding, worth: float | None = None) -> Plan | None:
    """Try the bound on a sample; None where it would not pay (isotropic or few features)."""
    step = max(1, embedding.n // _SAMPLE)
    index = torch.arange(0, embedding.n, step, device=embedding.norms.device)
    if embedding.h.d < 32 or len(index) < 2 * _PIVOTS:
        return None
    rows = embedding.h.rows(index)
    axes = leading_axes(rows, min(_SECOND[-1], embedding.h.d // 2))
    left = _survivors(embedding, index, rows, axes)
    n, width = len(index), embedding.cost
    best, choice = _WORTH[embedding.q is not None] if worth is None else worth, None
    for first in [p for p in _FIRST if p in left]:
        for second in [p for p in _SECOND if p in left and p >= first]:
            scale = embedding.n / n
            some, few = int(left[first] * scale), int(left[second] * scale)
            price = cost(embedding.n, embedding.n, first, some, second - first, few, width)
            if price < best:
                best, choice = price, Plan(first, second, axes[:, :second].contiguous())
    return choice


class Sketch:
    """Leading coordinates, residual lengths and factors of all items, longest items first.

    Coordinates lie column by column, [p, n], so that a pass over a few of them reads no others. In
    this order ``|g_i| |g_j|`` alone bounds the products of a whole block of short items at once.
    """

    def __init__(self, embedding: Embedding, chosen: Plan) -> None:
        self.embedding, self.first, self.second = embedding, chosen.first, chosen.second
        n, p, q = embedding.n, chosen.first, chosen.second - chosen.first
        like = embedding.norms
        self.order = like.argsort(descending=True, stable=True)
        self.rank = torch.empty_like(self.order)
        self.rank[self.order] = torch.arange(n, device=like.device)
        self.lead, self.more = like.new_empty((p, n)), like.new_empty((n, q))
        self.rest, self.last = like.new_empty(n), like.new_empty(n)
        self.q = None if embedding.q is None else like.new_empty((embedding.q.d, n))
        for low, high in blocks(n, embedding.h.d):
            self._turn(chosen.axes, low, high)
        self.root = like.index_select(0, self.order).sqrt_().mul_(1 + 4 * embedding.gamma)
        self.slack = like.new_full((-(-n // _SPAN) * _SPAN,), torch.inf)
        self.spare = like.new_empty((3, n))

    def _turn(self, axes: Tensor, low: int, high: int) -> None:
        """Coordinates of the items of these ranks."""
        h, index = self.embedding.h, self.order[low:high]
        turned, norms = h.rows(index) @ axes, h.norms[index]
        self.lead[:, low:high] = turned[:, : self.first].T
        self.more[low:high] = turned[:, self.first :]
        self.rest[low:high] = _residual(norms, turned[:, : self.first], h.gamma)
        self.last[low:high] = _residual(norms, turned, h.gamma)
        if self.q is not None and self.embedding.q is not None:
            self.q[:, low:high] = self.embedding.q.rows(index).T

    def nearer(self, one: int) -> tuple[Tensor | None, float, int]:
        """Items that may be nearer to ``one`` than to what they are nearest to now.

        Args:
            one: The new centre.

        Returns:
            The items' ranks, or None where a plain pass costs less than going on; the pass's cost
            in plain passes; the coordinates multiplied.
        """
        n, width, at = self.embedding.n, self.embedding.cost, int(self.rank[one])
        half = float(self.embedding.norms[one]) * (1 - 8 * self.embedding.gamma) / 2
        m = self._long(at, half)
        lead, factor = self._leading(at, m)
        rest = torch.mul(self.rest[:m], self.rest[at], out=self.spare[2, :m])
        bound = _upper(factor, lead, rest).sub_(self.slack[:m])
        places = where(bound > half)
        columns = self.first + 1 + (0 if self.q is None else len(self.q))
        read, some = m * columns + n // _SPAN, len(places)
        more = self.second - self.first
        if cost(n, m, columns, some, more, 0, width) > 1:
            return None, 1 + read / n / width, read
        if some and more:
            lead = self.spare[0].index_select(0, places)
            lead.addmv_(self.more.index_select(0, places), self.more[at])
            part = None if factor is None else factor.index_select(0, places)
            bound = _upper(part, lead, self.last.index_select(0, places).mul_(self.last[at]))
            places = places[where(bound.sub_(self.slack.index_select(0, places)) > half)]
            read += some * (more + 1)
        few = len(places)
        price = cost(n, m, columns, some, more, few, width)
        useful = EXACT * few < n
        return (places if useful else None), price + (not useful), read

    def _long(self, at: int, half: float) -> int:
        """How many of the longest items hold all those that their length does not rule out."""
        low = self.slack.view(-1, _SPAN).amin(1)
        last = where(self.root[::_SPAN] * self.root[at] - low > half)
        return min(len(self.root), (int(last[-1]) + 1) * _SPAN) if len(last) else 0

    def _leading(self, at: int, m: int) -> tuple[Tensor, Tensor | None]:
        """Products of the first coordinates, and of the factors, of the m longest items."""
        lead = torch.mv(self.lead[:, :m].T, self.lead[:, at], out=self.spare[0, :m])
        if self.q is None:
            return lead, None
        return lead, torch.mv(self.q[:, :m].T, self.q[:, at], out=self.spare[1, :m])


def _upper(factor: Tensor | None, lead: Tensor, rest: Tensor) -> Tensor:
    """Upper bound on <q_i, q_j> <h_i, h_j>; ``rest`` is overwritten."""
    if factor is None:
        return rest.add_(lead)
    return rest.mul_(factor.abs()).addcmul_(lead, factor)


def _residual(norms: Tensor, lead: Tensor, gamma: float) -> Tensor:
    """Length of what the leading coordinates leave out, rounded up."""
    return (norms - lead.square().sum(1)).clamp_(min=0).add_(norms, alpha=4 * gamma).sqrt_()


def leading_axes(rows: Tensor, most: int) -> Tensor:
    """Leading principal axes of these rows by subspace iteration, [d, p]; no random number."""
    most = min(most, len(rows))
    basis: Tensor = torch.linalg.qr(rows[:: len(rows) // most][:most].T)[0]
    for _ in range(3):
        basis = torch.linalg.qr(rows.T @ (rows @ basis))[0]
    turned = rows @ basis
    inner: Tensor = torch.linalg.eigh(turned.T @ turned)[1]
    return basis @ inner.flip(1)


def _survivors(embedding: Embedding, index: Tensor, rows: Tensor, axes: Tensor) -> dict[int, int]:
    """How many items of a sample each number of coordinates leaves, once centres are many."""
    pivots = torch.arange(0, len(index), len(index) // _PIVOTS, device=index.device)[:_PIVOTS]
    norms = embedding.norms[index]
    half = (norms[:, None] + norms[pivots]) / 2
    q = None if embedding.q is None else embedding.q.rows(index)
    factor = None if q is None else q @ q[pivots].T
    product = rows @ rows[pivots].T
    least = (half - (product if factor is None else product * factor)).cummin(1).values
    least, half = least[:, _PIVOTS // 2 - 1 : -1], half[:, _PIVOTS // 2 :]
    turned = rows @ axes
    left = {}
    for p in sorted({p for p in _FIRST + _SECOND if p <= axes.shape[1]}):
        lead = turned[:, :p]
        rest = _residual(embedding.h.norms[index], lead, embedding.h.gamma)
        bound = _upper(factor, lead @ lead[pivots].T, torch.outer(rest, rest[pivots]))
        later = bound[:, _PIVOTS // 2 :]
        left[p] = int((half - later < least).sum()) // (_PIVOTS - _PIVOTS // 2)
    return left
