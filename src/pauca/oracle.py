"""Who knows the labels: a vault for simulation; a person answers through the session itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from pauca.checks import as_integers, check_ids, check_labels
from pauca.errors import InputError

__all__ = ["UNKNOWN", "AbstractOracle", "VaultOracle"]

UNKNOWN = -1
"""The answer "none of the known classes"."""


class AbstractOracle(ABC):
    """Answers with labels, and keeps account of what that cost."""

    __slots__ = ()

    @abstractmethod
    def answer(self, ids: Tensor) -> Tensor:
        """The labels of these items.

        Args:
            ids: int64 [k], distinct, of the pool.

        Returns:
            int64 [k]; ``UNKNOWN`` for an item of none of the classes that were asked about.

        Raises:
            InputError: an id that the oracle does not know, or one named twice in a call.
        """

    @property
    @abstractmethod
    def spent(self) -> int:
        """Labels paid for so far."""


class VaultOracle(AbstractOracle):
    """Keeps the labels of a pool hidden and opens one at a time, for a price of one label each.

    The labels are in no attribute, in no printed form, and in no copy or pickle, so that no code
    reads them by accident. An item is paid for once: asking for it again gives the same answer and
    costs nothing, as a person who was asked twice would look it up.

    Args:
        labels: int64 [n], label of item i at row i; copied, so that later changes have no effect.
            A tensor, an array or a list.
        known: In an open pool, the labels that are classes of the task, in the order of their
            numbers there: an item with ``known[k]`` is answered with k, any other with ``UNKNOWN``,
            which costs as much. None where every label is a class.

    Raises:
        InputError: not int64 [n], or a negative label; a known class named twice, or none.
    """

    __slots__ = ("_known", "_n", "_open")

    _n: int
    _open: Callable[[Tensor], Tensor]
    _known: dict[int, None]

    def __init__(self, labels: Any, known: Sequence[int] | None = None) -> None:
        labels = as_integers(labels, "the oracle's labels")
        check_labels(labels, _classes(labels), "the oracle's labels")
        hidden = labels.detach().cpu().clone()
        if known is not None:
            hidden = _renumbered(hidden, known)
        self._n = len(hidden)
        self._open = lambda ids: hidden[ids]
        self._known = {}

    def answer(self, ids: Tensor) -> Tensor:
        """The labels of these items; those asked for the first time are paid for."""
        ids = check_ids(as_integers(ids, "ids"))
        asked = ids.tolist()
        unknown = [i for i in asked if i >= self._n]
        if unknown:
            raise InputError(
                "the oracle does not know this item",
                expected=f"ids from 0 to {self._n - 1}",
                got=unknown[0],
                todo="ask for items of the pool that its labels belong to",
            )
        self._known.update(dict.fromkeys(asked))
        return self._open(ids.cpu()).to(ids.device)

    @property
    def spent(self) -> int:
        """Labels paid for so far: distinct items asked for."""
        return len(self._known)

    @property
    def asked(self) -> Tensor:
        """The items paid for, in order, int64 [spent]."""
        return torch.tensor(list(self._known), dtype=torch.int64)

    def __repr__(self) -> str:
        """How many items, how many paid for; no label."""
        return f"VaultOracle(n={self._n}, spent={self.spent})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied or pickled."""
        raise InputError(
            "a vault is neither copied nor pickled",
            todo="make the oracle where it is used, from the data set",
        )


def _renumbered(labels: Tensor, known: Sequence[int]) -> Tensor:
    """Each label's place among the known ones, or ``UNKNOWN``."""
    classes = check_ids(as_integers(known, "the known classes"), "the known classes")
    if not len(classes):
        raise InputError(
            "no class is known",
            expected="at least one",
            got="none",
            todo="name at least one class, or leave `known` out",
        )
    most = max(int(labels.max()) if len(labels) else 0, int(classes.max()))
    places = torch.full((most + 1,), UNKNOWN, dtype=torch.int64)
    places[classes] = torch.arange(len(classes))
    return places[labels]


def _classes(labels: Tensor) -> int:
    whole = labels.dtype == torch.int64 and labels.numel() > 0
    return int(labels.max()) + 1 if whole else 1
