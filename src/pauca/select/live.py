"""The greedy farthest-point choice among a few items that are up to date."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pauca.select.points import TIE, Points, where

__all__ = ["Live", "Rows"]

_CENTRES = 2048
_KEPT = 4096
_PAIRS = 2**22
_BLOCK = 2048
_TIDY = 32


class Rows:
    """Centred rows of some items: held where they are few, read in blocks where they are many."""

    def __init__(
        self, points: Points, index: Tensor, width: int, held: Tensor | None = None
    ) -> None:
        self.points, self.index, self.width = points, index, width
        self.held = points.rows(index) if held is None and len(index) <= 2 * width else held

    def __len__(self) -> int:
        return len(self.index)

    def take(self, part: Tensor) -> "Rows":
        """The rows at these places, in this order."""
        if len(part) == len(self):
            return self
        held = None if self.held is None else self.held.index_select(0, part)
        return Rows(self.points, self.index[part], self.width, held)

    def blocks(self, low: int = 0, high: int | None = None) -> Iterator[tuple[int, Tensor]]:
        """Place of the first row and rows of each block from ``low`` to ``high``."""
        high = len(self) if high is None else high
        if self.held is not None:
            yield low, self.held[low:high]
            return
        for at in range(low, high, _BLOCK):
            yield at, self.points.rows(self.index[at : min(high, at + _BLOCK)])


class _Centres:
    """Rows and squared lengths of the centres, kept where they are few."""

    def __init__(self, points: Points) -> None:
        self.points, self.count = points, 0
        self.rows = points.norms.new_empty((0, points.d))
        self.norms = points.norms.new_empty(0)

    def take(self, centres: Tensor, low: int, high: int) -> tuple[Tensor, Tensor]:
        """Of the centres from ``low`` to ``high`` among all, [b, d] and [b]."""
        if high > _KEPT:
            rows = self.points.rows(centres[low:high])
            return rows, rows.square().sum(1)
        if high > len(self.rows):
            self._grow(min(_KEPT, 2 * high))
        if high > self.count:
            rows = self.points.rows(centres[self.count : high])
            self.rows[self.count : high] = rows
            self.norms[self.count : high] = rows.square().sum(1)
            self.count = high
        return self.rows[low:high], self.norms[low:high]

    def _grow(self, size: int) -> None:
        rows, norms = self.rows, self.norms
        self.rows, self.norms = rows.new_empty((size, self.points.d)), norms.new_empty(size)
        self.rows[: self.count], self.norms[: self.count] = rows[: self.count], norms[: self.count]


class Live:
    """Items that have met every centre, and what is known of their least distances.

    Args:
        points: All points.
        rows: The live items.
        near: Their least squared distances, in the working precision.
        centres: Numbers of the points that they have met.
    """

    def __init__(self, points: Points, rows: Rows, near: Tensor, centres: Tensor) -> None:
        self.points, self.rows, self.near = points, rows, near
        self.centres = [centres]
        self.count = len(centres)
        self.norms = points.norms[rows.index]
        self.error = self.norms * (8 * points.gamma)
        self.exact = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=near.device)
        self.met = torch.zeros(len(rows), dtype=torch.int64, device=near.device)
        self.done: list[tuple[Tensor, Tensor, int]] = []
        self.distances = 0
        self.only_duplicates = False
        self.known = _Centres(points)
        self.most_error = float(self.error.max()) if len(rows) else 0.0

    def run(self, wanted: int, outside: float) -> list[int]:
        """Pick while the farthest item is farther than ``outside``, a bound on all others."""
        picked: list[int] = []
        while len(picked) < wanted and len(self.rows):
            at = self._farthest(outside)
            if at is None:
                break
            picked.append(int(self.rows.index[at]))
            self._meet(at)
            if len(picked) % _TIDY == 0:
                self._drop(outside)
        self.done.append((self.rows.index, self.near, self.count))
        return picked

    def _drop(self, outside: float) -> None:
        """Part with the items that cannot be picked any more before one from outside."""
        stays = self.near * (1 + 4 * self.points.gamma) + self.error >= outside
        keep = stays.nonzero()[:, 0]
        if len(keep) > 0.75 * len(stays):
            return
        gone = (~stays).nonzero()[:, 0]
        self.done.append((self.rows.index[gone], self.near[gone], self.count))
        self.rows = self.rows.take(keep)
        self.near, self.norms, self.error = self.near[keep], self.norms[keep], self.error[keep]
        self.exact, self.met = self.exact[keep], self.met[keep]

    def _farthest(self, outside: float) -> int | None:
        """The place of the item with the largest true least distance, if it is surely the one."""
        most = float(self.near.max())
        close = where(self.near >= most - 2 * self.most_error)
        near, error = self.near[close], self.error[close]
        sure = float((near - error).max())
        sure -= (8 * self.points.gamma + 2 * TIE) * max(0.0, sure)
        if sure <= outside or sure == -torch.inf:
            return None
        within = where(self.near >= sure - self.most_error)
        within = within[self.near[within] + self.error[within] >= sure]
        if len(within) == 1:
            return int(within)
        self._resolve(within)
        exact = self.exact[within]
        most = float(exact.max())
        if most == 0:
            self.only_duplicates = True
            return None
        tied = within[exact >= most * (1 - TIE)]
        return int(tied[self.rows.index[tied].argmin()])

    def _meet(self, at: int) -> None:
        """Let every live item meet the item just picked."""
        self.near[at] = -torch.inf
        row = self._row(at)
        for low, block in self.rows.blocks():
            part = self.near[low : low + len(block)]
            norms = self.norms[low : low + len(block)]
            away = torch.addmv(norms, block, row, alpha=-2).add_(self.norms[at]).clamp_(min=0)
            torch.minimum(part, away, out=part)
        self.distances += len(self.rows)
        self.centres.append(self.rows.index[at : at + 1])
        self.count += 1

    def _row(self, at: int) -> Tensor:
        if self.rows.held is not None:
            return self.rows.held[at]
        return self.points.rows(self.rows.index[at : at + 1])[0]

    def _resolve(self, within: Tensor) -> None:
        """Make the true least distances of these places known."""
        since = int(self.met[within].min())
        centres = torch.cat(self.centres)
        self.centres = [centres]
        for low in range(since, self.count, _CENTRES):
            part = centres[low : low + _CENTRES]
            known = self.known.take(centres, low, low + len(part))
            step = max(1, _PAIRS // len(part))
            for start in range(0, len(within), step):
                self._compare(within[start : start + step], part, *known)
        self.met[within] = self.count

    def _compare(self, places: Tensor, centres: Tensor, others: Tensor, further: Tensor) -> None:
        """True distances where the working precision cannot tell which centre is nearest."""
        index = self.rows.index[places]
        rows, norms = self.points.rows(index), self.norms[places]
        away = torch.addmm(further, rows, others.T, alpha=-2).add_(norms[:, None])
        nearest = away.argmin(1)
        best = torch.minimum(self.exact[places], self.points.exact(index, centres[nearest]))
        error = (norms.sqrt()[:, None] + further.sqrt()).square_().mul_(self.points.gamma)
        doubt = (away - error < best[:, None]) & (best[:, None] > 0)
        doubt.scatter_(1, nearest[:, None], False)
        first, second = doubt.nonzero().unbind(1)
        exact = self.points.exact(index[first], centres[second])
        self.exact[places] = best.scatter_reduce(0, first, exact, "amin")
        self.distances += away.numel() + len(places) + len(first)
