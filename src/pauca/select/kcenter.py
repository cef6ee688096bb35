"""Greedy farthest-point selection (k-center), exact and lazy.

A least distance only falls as centres are added, so an old value is an upper bound. The pool is
therefore worked on in rounds: the items with the largest upper bounds are brought up to date by
matrix products with all centres they have not met yet, and the greedy choice goes on among these
few for as long as its farthest item is farther than any bound outside. Most items are never asked
about most centres, and what is computed runs at the speed of matrix products instead of memory.

Rounding never decides: products in the working precision carry an error bound, and where it leaves
more than one candidate, their distances are computed again from direct differences in float64.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from pauca.checks import check_count, typed
from pauca.select.live import Live, Rows
from pauca.select.points import TIE, Points, blocks, first_of_least
from pauca.select.work import Work

__all__ = ["k_center"]

_ACTIVE = 3 * 2**19
_CENTRES = 1024
_FIRST = 64


@typed
def k_center(
    x: Tensor,
    k: int,
    labelled: Tensor | None = None,
    *,
    width: int | None = None,
    work: Work | None = None,
) -> Tensor:
    """Each pick is the item farthest from its nearest labelled or already picked point.

    Euclidean distances; equal ones (within 1e-12 of their square) go to the first position, so
    the caller's order of the pool is the order of ties. Duplicates have distance 0 and come last.
    Without labelled points the first pick is the item nearest to the mean of the pool.

    Args:
        x: features, float [n, d]; may be memory-mapped.
        k: 0 <= k <= n.
        labelled: features of the labelled items, float [m, d], of the same type; may be
            memory-mapped.
        width: how many items are worked on at a time; changes the time, never the answer.
        work: counter of the distances computed.

    Returns:
        int64 [k], distinct positions in the order of choice.

    Raises:
        InputError: wrong shapes or types, NaN, or k out of range.

    Cost: at most O(n (m + k) d) time in matrix products, mostly far less; O(n + k d) memory
    beside the inputs.

    Reference: Sener and Savarese, ICLR 2018, algorithm 1; Gonzalez, 1985. Lazy evaluation: Minoux,
    1978.
    """
    points = Points.of(x, labelled)
    check_count(k, "k", most=points.n)
    if k == 0:
        return torch.empty(0, dtype=torch.int64, device=x.device)
    active = _width(points) if width is None else width
    greedy = _Greedy(points, k, check_count(active, "width", least=1), work or Work())
    greedy.run()
    return torch.tensor(greedy.picks, dtype=torch.int64, device=x.device)


def _width(points: Points) -> int:
    """Few enough for their rows to stay in the cache, many enough for long rounds."""
    return max(512, min(points.n // 16, _ACTIVE // points.d, 4096))


class _Greedy:
    """The state of one selection: for each item, the least distance over the centres it has met."""

    def __init__(self, points: Points, k: int, width: int, work: Work) -> None:
        n, device = points.n, points.x.device
        self.points, self.k, self.width, self.work = points, k, width, work
        self.picks: list[int] = []
        m = 0 if points.further is None else len(points.further)
        self.centres = torch.empty(m + k, dtype=torch.int64, device=device)
        self.centres[:m] = torch.arange(points.n, points.n + m, device=device)
        self.rows = torch.empty((k, points.d), dtype=points.dtype, device=device)
        self.m = self.count = m
        self.near = torch.full((n,), torch.inf, dtype=points.dtype, device=device)
        self.met = torch.zeros(n, dtype=torch.int64, device=device)

    def run(self) -> None:
        """Pick k items."""
        if self.count == 0:
            self._add(_nearest_to_mean(self.points))
        self._meet_first()
        width = self.width
        while len(self.picks) < self.k:
            refreshed, picked = self._round(min(width, self.points.n))
            if picked:
                width = self.width
            elif not refreshed:
                width *= 2

    def _add(self, position: int) -> None:
        self.centres[self.count] = position
        self.rows[len(self.picks)] = self.points.rows(self.centres[self.count : self.count + 1])[0]
        self.picks.append(position)
        self.count += 1
        self.near[position] = -torch.inf

    def _meet_first(self) -> None:
        """Distances of all items to a few first centres: bounds to start from."""
        most = min(self.count, _FIRST)
        rows = self.points.rows(self.centres[:most])
        norms = rows.square().sum(1)
        for low, high in blocks(self.points.n, self.points.d):
            away = torch.addmm(norms, self.points.span(low, high), rows.T, alpha=-2).amin(1)
            away.add_(self.points.norms[low:high]).clamp_(min=0)
            self.near[low:high].copy_(torch.minimum(self.near[low:high], away))
        for pick in self.picks:
            self.near[pick] = -torch.inf
        self.met.fill_(most)
        self.work.distances += most * self.points.n

    def _upper(self, index: Tensor | None = None) -> Tensor:
        """Upper bounds on true squared least distances; minus infinity for what is picked."""
        near = self.near if index is None else self.near[index]
        norms = self.points.norms if index is None else self.points.norms[index]
        return torch.add(near * (1 + 4 * self.points.gamma), norms, alpha=8 * self.points.gamma)

    def _round(self, width: int) -> tuple[bool, bool]:
        """One active set: whether anything was brought up to date, and whether anything picked."""
        self.work.rounds += 1
        upper = self._upper()
        if width < self.points.n:
            top = upper.topk(width + 1)
            outside, active = float(top.values[-1]), top.indices[:-1]
        else:
            outside = -torch.inf
            active = torch.arange(self.points.n, device=upper.device)
        rows = Rows(self.points, active[self.met[active].argsort()], self.width)
        refreshed = self._refresh(rows)
        rows = rows.take((self._upper(rows.index) >= outside).nonzero()[:, 0])
        live = Live(self.points, rows, self.near[rows.index], self.centres[: self.count])
        picked = live.run(self.k - len(self.picks), outside)
        for index, near, met in live.done:
            self.near[index], self.met[index] = near, met
        self.work.distances += live.distances
        for position in picked:
            self._add(position)
        if live.only_duplicates:
            self._fill()
        return refreshed, bool(picked)

    def _refresh(self, rows: Rows) -> bool:
        """Let the active items, in order of what they have met, meet every centre they have not."""
        since, sizes = _runs(self.met[rows.index])
        low, changed = 0, False
        for met, size in zip(since, sizes, strict=True):
            if met < self.count:
                self._meet(rows, low, low + size, met)
                changed = True
            low += size
        return changed

    def _meet(self, rows: Rows, low: int, high: int, since: int) -> None:
        """Least squared distances of these rows to the centres from number ``since`` on."""
        index = rows.index[low:high]
        least = torch.full((high - low,), torch.inf, dtype=self.points.dtype, device=index.device)
        for centres, norms in self._centres(since):
            for at, block in rows.blocks(low, high):
                away = torch.addmm(norms, block, centres.T, alpha=-2).amin(1)
                part = least[at - low : at - low + len(block)]
                torch.minimum(part, away, out=part)
        least.add_(self.points.norms[index]).clamp_(min=0)
        self.near[index] = torch.minimum(self.near[index], least)
        self.met[index] = self.count
        self.work.distances += (high - low) * (self.count - since)

    def _centres(self, since: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and squared lengths of the centres from number ``since`` on, in blocks."""
        for low in range(since, self.m, _CENTRES):
            rows = self.points.rows(self.centres[low : min(self.m, low + _CENTRES)])
            yield rows, rows.square().sum(1)
        for low in range(max(0, since - self.m), len(self.picks), _CENTRES):
            high = min(len(self.picks), low + _CENTRES)
            yield self.rows[low:high], self.points.norms[self.centres[self.m + low : self.m + high]]

    def _fill(self) -> None:
        """Every item left is a duplicate of a centre: take them as they come."""
        left = (self.near > -torch.inf).nonzero()[:, 0]
        for position in left[: self.k - len(self.picks)].tolist():
            self._add(position)


def _runs(values: Tensor) -> tuple[list[int], list[int]]:
    """Values and lengths of the runs of equal numbers in a sorted tensor."""
    found = torch.unique(values)
    sizes = torch.bincount(torch.searchsorted(found, values), minlength=len(found))
    return found.tolist(), sizes.tolist()


def _nearest_to_mean(points: Points) -> int:
    """The item nearest to the mean of all, the first of equals."""
    total = torch.zeros(points.d, dtype=torch.float64, device=points.x.device)
    for low, high in blocks(points.n, points.d):
        total += (points.x[low:high].double() * points.scale).sum(0)
    mean = total / points.n
    centre = (mean - points.shift.double()).to(points.dtype)
    away = points.norms - 2 * points.dot(centre) + centre @ centre
    slack = 2 * points.dot_error(centre) + points.gamma * (points.norms + centre @ centre)
    close = (away - slack <= (away + slack).min() * (1 + 2 * TIE)).nonzero()[:, 0]
    exact = torch.cat(
        [
            (points.x[close[low:high]].double() * points.scale - mean).square_().sum(1)
            for low, high in blocks(len(close), points.d)
        ]
    )
    return first_of_least(exact, close)
