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
from pauca.select.points import blocks

__all__ = ["Plan", "Sketch", "leading_axes", "plan"]

_FIRST = (4, 8, 16, 32, 64)
_SECOND = (32, 64, 96, 128)
_PIVOTS = 128
_WORTH = (0.7, 0.5)
"""Largest share of a plain pass that a pruned one may cost: plain, and with a factor q."""
_SAMPLE = 1024
_EXACT = 8.0
"""One gathered direct distance costs about as much as this many in a pass over all items."""
_COLUMNS = 20
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


def cost(items: int, first: int, some: int, second: int, few: int, width: int) -> float:
    """Cost of one pruned pass over ``items``, where one plain pass costs 1."""
    fixed = (first + _COLUMNS) / width + _CALLS / (items * width)
    staged = fixed + some / items * (second + _GATHER) / width
    return staged + _EXACT * few / items


def plan(embedding: Embedding) -> Plan | None:
    """Try the bound on a sample; None where it would not pay (isotropic or few features)."""
    step = max(1, embedding.n // _SAMPLE)
    index = torch.arange(0, embedding.n, step, device=embedding.norms.device)
    if embedding.h.d < 32 or len(index) < 2 * _PIVOTS:
        return None
    rows = embedding.h.rows(index)
    axes = leading_axes(rows, min(_SECOND[-1], embedding.h.d // 2))
    left = _survivors(embedding, index, rows, axes)
    n, width = len(index), embedding.cost
    best, choice = _WORTH[embedding.q is not None], None
    for first in [p for p in _FIRST if p in left]:
        for second in [p for p in _SECOND if p in left and p >= first]:
            scale = embedding.n / n
            some, few = int(left[first] * scale), int(left[second] * scale)
            price = cost(embedding.n, first, some, second - first, few, width)
            if price < best:
                best, choice = price, Plan(first, second, axes[:, :second].contiguous())
    return choice


class Sketch:
    """Leading coordinates and residual lengths of all items, [n, p]."""

    def __init__(self, embedding: Embedding, chosen: Plan) -> None:
        self.embedding, self.first, self.second = embedding, chosen.first, chosen.second
        n, p, q = embedding.n, chosen.first, chosen.second - chosen.first
        like = embedding.norms
        self.lead, self.more = like.new_empty((n, p)), like.new_empty((n, q))
        self.rest, self.last = like.new_empty(n), like.new_empty(n)
        h = embedding.h
        for low, high in blocks(n, h.d):
            turned = h.span(low, high) @ chosen.axes
            norms = h.norms[low:high]
            self.lead[low:high], self.more[low:high] = turned[:, :p], turned[:, p:]
            self.rest[low:high] = _residual(norms, turned[:, :p], h.gamma)
            self.last[low:high] = _residual(norms, turned, h.gamma)

    def nearer(self, one: int, slack: Tensor, limit: float) -> tuple[Tensor | None, float, int]:
        """Items that may be nearer to ``one`` than to what they are nearest to now.

        Args:
            one: The new centre.
            slack: For each item half of (its squared length less its least squared distance), [n].
            limit: Largest share of items that the second stage is worth while for.

        Returns:
            The items, or None above the limit; the pass's cost; the coordinates multiplied.
        """
        n, width = self.embedding.n, self.embedding.cost
        half = self.embedding.norms[one] * ((1 - 8 * self.embedding.gamma) / 2)
        factor = self.embedding.factor(one)
        lead = self.lead @ self.lead[one]
        bound = _upper(factor, lead, self.rest * self.rest[one])
        index = (bound.sub_(slack) > half).nonzero()[:, 0]
        read = n * (self.first + 1 + (0 if self.embedding.q is None else self.embedding.q.d))
        some = len(index)
        if some > limit * n:
            return None, 1 + read / n / width, read
        if self.second > self.first:
            lead = lead[index].addmv_(self.more.index_select(0, index), self.more[one])
            part = None if factor is None else factor[index]
            bound = _upper(part, lead, self.last[index] * self.last[one])
            index = index[bound.sub_(slack[index]) > half]
            read += some * (self.second - self.first + 1)
        price = cost(n, self.first, some, self.second - self.first, len(index), width)
        return (index if _EXACT * len(index) < n else None), price, read


def _upper(factor: Tensor | None, lead: Tensor, rest: Tensor) -> Tensor:
    """Upper bound on <q_i, q_j> <h_i, h_j>."""
    if factor is None:
        return rest.add_(lead)
    return rest.mul_(factor.abs()).add_(lead.mul(factor))


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
