"""When a bound is asked, when it is left alone, and what it has to know about each item."""

import torch
from torch import Tensor

from pauca.select.embedding import Embedding
from pauca.select.sketch import Plan, Sketch
from pauca.select.work import Work

__all__ = ["Pruning"]

_LONGEST = 64


class Pruning:
    """A sketch of all items, asked as long as that pays.

    Args:
        embedding: All items.
        chosen: The coordinates to bound with.
        work: Counter of what is read.
    """

    def __init__(self, embedding: Embedding, chosen: Plan, work: Work) -> None:
        self.embedding, self.work = embedding, work
        self.sketch = Sketch(embedding, chosen)
        self.work.bounds += embedding.n * chosen.second
        self.pause, self.wait = 1, 0

    def nearer(self, one: int) -> tuple[Tensor, Tensor] | None:
        """Ranks and items that may be nearer to ``one`` than to what they are nearest to now.

        None where a plain pass costs less, or while the bound is given up: after each pass that did
        not pay for twice as long.
        """
        if self.wait > 0:
            self.wait -= 1
            return None
        places, price, read = self.sketch.nearer(one)
        self.work.bounds += read
        if price > 1:
            self.wait, self.pause = self.pause, min(_LONGEST, 2 * self.pause)
            self.work.fallback |= self.pause > 16
        else:
            self.pause = 1
        return None if places is None else (places, self.sketch.order.index_select(0, places))

    def update(self, least: Tensor) -> None:
        """Take in the least squared distances of all items, [n]."""
        order = self.sketch.order
        slack = self._slack(self.embedding.norms[order], least[order])
        self.sketch.slack[: len(order)] = slack

    def update_some(self, places: Tensor, norms: Tensor, least: Tensor) -> None:
        """Take in those of the items of these ranks; also their squared lengths."""
        self.sketch.slack.index_copy_(0, places, self._slack(norms, least))

    def _slack(self, norms: Tensor, least: Tensor) -> Tensor:
        """Half of (squared length less least squared distance), rounded down."""
        gamma = self.embedding.gamma
        low = torch.mul(norms, (1 - 8 * gamma) / 2)
        return low.sub_(least.to(norms.dtype), alpha=(1 + 4 * gamma) / 2)
