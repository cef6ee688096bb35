"""What is passed to a session: taken where it can be, else refused with the line that does it."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from pauca.checks import as_tensor, check_tensor
from pauca.errors import InputError, nearest, shown
from pauca.learners.base import AbstractLearner, learners
from pauca.rng import Streams
from pauca.strategies.base import AbstractStrategy, make_strategy

__all__ = ["as_learner", "as_pool", "as_strategy", "as_streams"]

_MADE = 'pauca.make_learner("probe", task=data.task)'


@runtime_checkable
class _Classifier(Protocol):
    """A classifier as scikit-learn has them."""

    def predict_proba(self, x: Any) -> Any: ...


def as_pool(x: Any) -> tuple[Tensor, tuple[str, ...]]:
    """The items as a tensor [n, ...], and what was done to them.

    Raises:
        InputError: not numbers, ragged rows, no rows.
    """
    if isinstance(x, Tensor):
        return _rows(x), ()
    pool = _rows(as_tensor(x, "the pool"))
    shared = isinstance(x, np.ndarray) and np.shares_memory(x, pool.numpy())
    how = "read in place" if shared else "copied"
    kind = str(pool.dtype).removeprefix("torch.")
    return pool, (f"the pool came as {type(x).__name__}: {how}, {kind} {list(pool.shape)}",)


def _rows(pool: Tensor) -> Tensor:
    if check_tensor(pool, "the pool").ndim < 1:
        raise InputError(
            "the pool has no items",
            expected="[n, ...]",
            got=list(pool.shape),
            todo="pass one row an item",
        )
    return pool


def as_strategy(strategy: Any, where: str) -> AbstractStrategy:
    """A strategy, or the one of this name.

    Raises:
        InputError: something else.
    """
    if isinstance(strategy, str):
        return make_strategy(strategy)
    if not isinstance(strategy, AbstractStrategy):
        raise InputError(
            f"{where} is of the wrong kind",
            expected="a strategy as `pauca.make_strategy` makes it, or its name",
            got=type(strategy).__name__,
            todo='pass pauca.make_strategy("margin")',
        )
    return strategy


def as_streams(streams: Any) -> Streams:
    """The random streams.

    Raises:
        InputError: something else.
    """
    if not isinstance(streams, Streams):
        raise InputError(
            "streams are of the wrong kind",
            expected="pauca.Streams",
            got=shown(streams),
            todo="pass streams=pauca.Streams(1), where 1 is the seed",
        )
    return streams


def as_learner(learner: Any) -> AbstractLearner:
    """A learner.

    Raises:
        InputError: something else; says how a strategy asks what is not one of pauca's, from its
            probabilities of the items x.
    """
    if not isinstance(learner, AbstractLearner):
        raise InputError(
            "the learner is of the wrong kind",
            expected="a learner as `pauca.make_learner` makes it",
            got=f"{type(learner).__name__} {shown(learner)}"
            if isinstance(learner, str)
            else type(learner).__name__,
            todo=_instead(learner),
        )
    return learner


def _instead(learner: Any) -> str:
    if isinstance(learner, str):
        name = nearest(learner, learners.names()) or "probe"
        return f'pass pauca.make_learner("{name}", task=data.task)'
    probs = None
    if isinstance(learner, nn.Module):
        probs = "model(x).softmax(-1)"
    elif isinstance(learner, _Classifier):
        probs = "model.predict_proba(x)"
    if probs is None:
        return f"pass {_MADE}"
    return (
        f'ask without a session: ids = pauca.make_strategy("margin").select('
        f"pauca.Outputs.from_arrays({probs}), None, 20, torch.Generator()); "
        f"or pass {_MADE}"
    )
