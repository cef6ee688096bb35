"""One pass over the pool serves every strategy that asks about the same model."""

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor

from pauca.data.sparse import DENSE_BYTES
from pauca.errors import CapabilityError
from pauca.learners.base import AbstractLearner
from pauca.outputs import Outputs
from pauca.strategies.base import AbstractScore, AbstractStrategy

__all__ = ["Reader", "check_room", "too_wide"]

_LIMIT = 2**30


class Reader:
    """Outputs of items of the pool, block by block, kept while the model stays the same.

    Members are never kept: a large pool's would not fit. Nothing is kept beyond ``limit`` bytes.

    Args:
        x: The pool as stored, [n, ...].
        block: Items whose Outputs are computed at once.
        limit: Bytes that may be kept.
    """

    def __init__(self, x: Tensor, block: int, limit: int = _LIMIT) -> None:
        self._x, self._block, self._limit = x, block, limit
        self._model: object = None
        self._kept: dict[tuple[int, int], Outputs] = {}

    def blocks(
        self,
        ids: Tensor,
        learner: AbstractLearner,
        needs: frozenset[str],
        *,
        model: object,
        generator: Callable[[], Generator],
    ) -> Iterator[Outputs]:
        """Outputs of the items ``ids`` (increasing, int64 [n]) with at least ``needs``.

        Args:
            ids: Which items.
            learner: Who tells.
            needs: What.
            model: What is kept holds as long as this is the same object.
            generator: A new one at the same start for every block: the same draw serves every item.
        """
        if model is not self._model:
            self._model, self._kept = model, {}
        for part in torch.split(ids, self._block):
            key = (int(part[0]), int(part[-1])) if len(part) else (-1, -1)
            old = self._kept.get(key)
            old = old if old is not None and torch.equal(old.ids.cpu(), part) else None
            if old is not None and needs <= old.has:
                yield old
                continue
            wanted = needs if old is None else needs | (old.has & learner.gives)
            new = learner.outputs(self._x[part], part, needs=wanted, generator=generator())
            self._keep(key, new)
            yield new

    def _keep(self, key: tuple[int, int], new: Outputs) -> None:
        self._kept.pop(key, None)
        held = sum(map(_bytes, self._kept.values()))
        if new.s == 1 and held + _bytes(new) <= self._limit:
            self._kept[key] = new


def check_room(blocks: Iterator[Outputs], n: int, strategy: AbstractStrategy) -> Iterator[Outputs]:
    """The same blocks, unless what the strategy holds of all n items would not fit.

    Raises:
        CapabilityError: their features, block after block, would take more than 2 GiB.
    """
    first = next(blocks, None)
    if first is None:
        return
    held = strategy.reduced(first.take(torch.arange(min(1, first.n)))).features
    need = 0 if held is None or isinstance(strategy, AbstractScore) else n * held.nbytes
    if need > DENSE_BYTES:
        raise too_wide(strategy.name, n, need)
    yield first
    yield from blocks


def too_wide(name: str, n: int, need: int) -> CapabilityError:
    """What is said of a strategy that would hold too much."""
    return CapabilityError(
        f"strategy {name!r} compares the features of all {n:,} items, and they do not fit",
        expected=f"at most {DENSE_BYTES / 1e9:.1f} GB",
        got=f"{need / 1e9:.1f} GB",
        todo="use a strategy that reads probabilities (margin, entropy), fewer numbers an item (a "
        "smaller vocabulary, frozen features such as pca), or a smaller pool",
    )


def _bytes(outputs: Outputs) -> int:
    columns = (outputs.ids, outputs.probs, outputs.features, outputs.goodness)
    return sum(x.nbytes for x in (*columns, *outputs.extras.values()) if x is not None)
