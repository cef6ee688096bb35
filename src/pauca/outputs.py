"""The seam between learners and strategies: what a learner says about items of the pool."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from pauca.checks import (
    as_tensor,
    as_whole,
    check_finite,
    check_ids,
    check_labels,
    check_ordered,
    check_probabilities,
    check_size,
    check_tensor,
)
from pauca.errors import InputError, shown

__all__ = ["Outputs", "check_outputs", "widened"]

_RESERVED = frozenset({"ids", "probs", "features", "goodness", "labels", "layers", "members"})


@dataclass(frozen=True, eq=False)
class Outputs:
    """A validated, frozen account of n items: s members >= 1, c classes, d features, l layers.

    Args:
        ids: int64 [n], distinct; one id space for the whole pool.
        probs: float [s, n, c], rows sum to 1. The member axis is always there.
        features: float [n, d]; may be memory-mapped: it is read in place, unless the items have to
            be put into another order.
        goodness: float [n, c, l], Forward-Forward's goodness of each label in each layer.
        labels: int64 [n], only ever set for labelled items.
        extras: named per-item columns [n] or [n, ...]: ``adversarial_bim``, ``predicted_loss``, ...

    Raises:
        InputError: wrong type, shape or size; NaN; probabilities that do not sum to 1.
    """

    ids: Tensor
    probs: Tensor
    features: Tensor | None = None
    goodness: Tensor | None = None
    labels: Tensor | None = None
    extras: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check everything once, here, so that no strategy has to."""
        object.__setattr__(self, "extras", MappingProxyType(_named(self.extras)))
        for name, column in self._columns():
            check_tensor(column, f"Outputs.{name}", todo="use Outputs.from_arrays for arrays")
        self._forget_gradients()
        check_ids(self.ids, "Outputs.ids")
        _check_axes(self.probs, 3, "Outputs.probs", "[s, n, c]")
        check_size(self.probs, self.n, "Outputs.probs", axis=1)
        if self.s < 1 or self.c < 1:
            raise InputError(
                "Outputs.probs has an empty axis",
                expected="s, c >= 1",
                got=list(self.probs.shape),
                todo="give at least one member and one class",
            )
        check_probabilities(self.probs, "Outputs.probs")
        if self.features is not None:
            _check_axes(self.features, 2, "Outputs.features", "[n, d]")
            _check_column(self.features, self.n, "Outputs.features")
        if self.goodness is not None:
            _check_axes(self.goodness, 3, "Outputs.goodness", "[n, c, l]")
            check_size(self.goodness, self.c, "Outputs.goodness", axis=1)
            _check_column(self.goodness, self.n, "Outputs.goodness")
        if self.labels is not None:
            check_size(
                check_labels(self.labels, self.c, "Outputs.labels"), self.n, "Outputs.labels"
            )
        for name, column in self.extras.items():
            if name in _RESERVED:
                raise InputError(
                    f"an extra column cannot be called {name!r}",
                    expected="a name of its own",
                    got=f"one of {', '.join(sorted(_RESERVED))}",
                    todo="rename it",
                )
            _check_column(column, self.n, f"Outputs.extras[{name!r}]", finite=False)

    def _columns(self) -> list[tuple[str, Tensor]]:
        """Every column that is there, with its name."""
        named = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "extras"]
        whole = [*named, *((f"extras[{name!r}]", one) for name, one in self.extras.items())]
        return [(name, one) for name, one in whole if one is not None or name in ("ids", "probs")]

    def _form(self) -> str:
        """Every column with its shape."""
        return ", ".join(f"{name} {list(column.shape)}" for name, column in self._columns())

    def _forget_gradients(self) -> None:
        """Values are read here, never derivatives; the numbers stay where they lie."""
        if any(column.requires_grad for _, column in self._columns()):
            for name in ("probs", "features", "goodness"):
                column = getattr(self, name)
                object.__setattr__(self, name, None if column is None else column.detach())
            plain = {name: column.detach() for name, column in self.extras.items()}
            object.__setattr__(self, "extras", MappingProxyType(plain))

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process border as its parts, checked again on the other side."""
        parts = tuple(getattr(self, f.name) for f in fields(self) if f.name != "extras")
        return Outputs, (*parts, dict(self.extras))

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.ids)

    @property
    def s(self) -> int:
        """Number of members."""
        return self.probs.shape[0]

    @property
    def c(self) -> int:
        """Number of classes."""
        return self.probs.shape[2]

    @property
    def mean_probs(self) -> Tensor:
        """The mean over members, float [n, c]; float32 where the members are shorter floats."""
        probs = widened(self.probs)
        return probs[0] if self.s == 1 else probs.mean(0)

    @property
    def has(self) -> frozenset[str]:
        """What is here, in the words of a strategy's ``needs``."""
        found = {"probs", *self.extras}
        found |= {"members"} if self.s > 1 else set()
        several = self.goodness is not None and self.goodness.shape[2] > 1
        found |= {"layers"} if several else set()
        found |= {name for name in ("features", "goodness") if getattr(self, name) is not None}
        return frozenset(found)

    def take(self, index: Tensor) -> "Outputs":
        """The items at these positions (int64 [k], or bool [n]), in that order."""
        index = _positions(index, self.n)
        return Outputs(
            ids=self.ids[index],
            probs=self.probs[:, index],
            features=None if self.features is None else self.features[index],
            goodness=None if self.goodness is None else self.goodness[index],
            labels=None if self.labels is None else self.labels[index],
            extras={name: column[index] for name, column in self.extras.items()},
        )

    def by_id(self) -> "Outputs":
        """The same items in increasing order of id: the canonical order of every selection."""
        if self.n < 2 or bool((self.ids[1:] > self.ids[:-1]).all()):
            return self
        return self.take(self.ids.argsort())

    def to(self, device: torch.device | str) -> "Outputs":
        """The same on another device."""
        try:
            torch.empty(0, device=device)
        except (RuntimeError, TypeError, ValueError, AssertionError) as error:
            raise InputError(
                "the device is not there",
                expected="cpu, cuda, cuda:0, ...",
                got=shown(device),
                todo='use "cpu"',
            ) from error
        return Outputs(
            ids=self.ids.to(device),
            probs=self.probs.to(device),
            features=None if self.features is None else self.features.to(device),
            goodness=None if self.goodness is None else self.goodness.to(device),
            labels=None if self.labels is None else self.labels.to(device),
            extras={name: column.to(device) for name, column in self.extras.items()},
        )

    @staticmethod
    def concat(blocks: Iterable["Outputs"]) -> "Outputs":
        """Blocks of one learner's outputs, one after the other."""
        parts: Sequence[Outputs] = list(check_ordered(blocks, "blocks", once=True))
        if not parts:
            raise InputError(
                "no blocks to join",
                expected="at least one Outputs",
                got="none",
                todo="pass at least one",
            )
        _check_alike(parts)
        if len(parts) == 1:
            return parts[0]

        def join(name: str) -> Tensor | None:
            column = [getattr(part, name) for part in parts]
            return None if column[0] is None else torch.cat(column)

        return Outputs(
            ids=torch.cat([part.ids for part in parts]),
            probs=torch.cat([part.probs for part in parts], dim=1),
            features=join("features"),
            goodness=join("goodness"),
            labels=join("labels"),
            extras={name: torch.cat([p.extras[name] for p in parts]) for name in parts[0].extras},
        )

    @staticmethod
    def from_arrays(
        probs: Any,
        *,
        ids: Any = None,
        features: Any = None,
        goodness: Any = None,
        labels: Any = None,
        extras: Mapping[str, Any] | None = None,
    ) -> "Outputs":
        """From NumPy arrays or nested lists of any origin; ``probs`` [n, c] or [s, n, c].

        Without ``ids``, items are numbered from 0. Arrays that torch can read are not copied.

        Raises:
            InputError: not numbers, ragged rows, ids or labels that are no whole numbers, or what
                Outputs refuse.
        """
        p = as_tensor(probs, "probs")
        p = p.unsqueeze(0) if p.ndim == 2 else p
        _check_axes(p, 3, "probs", "[n, c] or [s, n, c]")
        return Outputs(
            ids=torch.arange(p.shape[1]) if ids is None else as_whole(ids, "ids"),
            probs=p,
            features=None if features is None else as_tensor(features, "features"),
            goodness=None if goodness is None else as_tensor(goodness, "goodness"),
            labels=None if labels is None else as_whole(labels, "labels"),
            extras={
                name: as_tensor(column, f"extras[{name!r}]")
                for name, column in _named({} if extras is None else extras).items()
            },
        )


def _positions(index: Tensor, n: int) -> Tensor:
    """Positions among n items, int64 [k] or bool [n].

    Raises:
        InputError: another kind or shape, or outside of them.
    """
    check_tensor(index, "index")
    mask = index.dtype == torch.bool and list(index.shape) == [n]
    whole = index.dtype == torch.int64 and index.ndim == 1
    inside = mask or (whole and (not len(index) or -n <= int(index.min()) <= int(index.max()) < n))
    if not inside:
        raise InputError(
            "index names no items",
            expected=f"int64 [k] below {n}, or bool [{n}]",
            got=shown(index),
            todo="pass positions, not ids",
        )
    return index


def _check_alike(parts: Sequence[Outputs]) -> None:
    """Blocks hold the same columns, members, classes and features.

    Raises:
        InputError: they do not.
    """
    for part in parts:
        check_outputs(part, "a block")
        for name, column in part._columns():
            first = parts[0]
            whole = dict(first._columns())
            sizes = [list(one.shape) for one in (whole.get(name, column), column)]
            kept = 1 if name == "probs" else 0
            for size in sizes:
                del size[kept]
            if len(whole) != len(part._columns()) or name not in whole or sizes[0] != sizes[1]:
                raise InputError(
                    "blocks of Outputs do not fit together",
                    expected=first._form(),
                    got=part._form(),
                    todo="make all of them with the same learner and the same needs",
                )


def check_outputs(x: object, where: str) -> Outputs:
    """What a learner says, as ``Outputs``.

    Raises:
        InputError: something else.
    """
    if not isinstance(x, Outputs):
        raise InputError(
            f"{where} is no Outputs",
            expected="pauca.Outputs",
            got=type(x).__name__,
            todo="make them with Outputs.from_arrays(probs, features=...)",
        )
    return x


def _named(extras: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the extra columns.

    Raises:
        InputError: they are not columns by name.
    """
    if not isinstance(extras, Mapping) or not all(isinstance(name, str) for name in extras):
        raise InputError(
            "extra columns have no names",
            expected="a mapping from names to columns",
            got=shown(extras),
            todo='pass extras={"name": column}',
        )
    return dict(extras)


def widened(x: Tensor) -> Tensor:
    """At least float32: sums and logarithms of shorter floats would lose what they hold."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _check_axes(x: Tensor, axes: int, where: str, form: str) -> None:
    if x.ndim != axes:
        raise InputError(
            f"{where} has the wrong number of axes",
            expected=form,
            got=list(x.shape),
            todo="reshape it, or add an axis of size 1: x[None]",
        )
    if not x.is_floating_point():
        raise InputError(
            f"{where} has the wrong type", expected="floats", got=x.dtype, todo="pass x.float()"
        )


def _check_column(x: Tensor, n: int, where: str, *, finite: bool = True) -> None:
    check_size(x, n, where)
    if finite:
        check_finite(x, where)
    elif x.is_floating_point() and bool(x.isnan().any()):
        raise InputError(
            f"{where} holds NaN",
            expected="numbers (infinities allowed)",
            got="NaN",
            todo="leave the item out, or write infinity where it is meant",
        )
