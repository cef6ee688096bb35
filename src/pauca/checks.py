"""Checks of what users pass in: each raises an error that says expected, got, where, what to do.

Letters of sizes are the same everywhere in pauca: s members, n items, m labelled items, c classes,
d features, l layers, k picks, u units.
"""

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

import numpy as np
import torch
from torch import Tensor

from pauca.errors import InputError, shown

__all__ = [
    "SupportsArray",
    "as_integers",
    "as_tensor",
    "as_whole",
    "check_count",
    "check_fields",
    "check_finite",
    "check_fraction",
    "check_ids",
    "check_labels",
    "check_nonnegative",
    "check_ordered",
    "check_positive",
    "check_probabilities",
    "check_share",
    "check_size",
    "check_tensor",
    "shapes",
    "typed",
]

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")

_BITS = 63
"""Of a whole number besides its sign: those that NumPy, torch and every store can hold."""


def check_count(value: int, where: str, *, least: int = 0, most: int | None = None) -> int:
    """A whole number from ``least`` to ``most``, as Python's int; NumPy's integers count."""
    span = f"a whole number >= {least}" + ("" if most is None else f" and <= {most}")
    wrong = isinstance(value, bool) or not isinstance(value, int | np.integer)
    if wrong or value < least or (most is not None and value > most):
        raise _out_of_range(value, where, span)
    return int(value)


def check_fraction(value: float, where: str, *, open_end: bool = False) -> float:
    """A number in [0, 1], or in [0, 1) with ``open_end``."""
    if not _is_number(value) or not (0 <= value < 1 if open_end else 0 <= value <= 1):
        raise _out_of_range(value, where, f"a number in [0, 1{')' if open_end else ']'}")
    return value


def check_share(value: float, where: str) -> float:
    """A number in (0, 1]."""
    if not _is_number(value) or not 0 < value <= 1:
        raise _out_of_range(value, where, "a number in (0, 1]")
    return value


def check_positive(value: float, where: str) -> float:
    """A finite number above 0."""
    if not _is_number(value) or not 0 < value < float("inf"):
        raise _out_of_range(value, where, "a number > 0")
    return value


def check_nonnegative(value: float, where: str) -> float:
    """A finite number from 0 on."""
    if not _is_number(value) or not 0 <= value < float("inf"):
        raise _out_of_range(value, where, "a number >= 0")
    return value


def _is_number(value: object) -> bool:
    """NumPy's numbers count, true and false do not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _out_of_range(value: object, where: str, span: str) -> InputError:
    return InputError(
        f"{where} is out of range", expected=span, got=shown(value), todo=f"pass {span}"
    )


def check_ordered(values: V, where: str, *, once: bool = False) -> V:
    """The same values, where they stand in an order that is the caller's own.

    Lists, tuples, ranges, arrays, tensors and columns of tables have one. The order of a set is
    Python's, and another one tomorrow; that of a mapping's keys, of its views and of what can be
    read once only cannot be told from it. A text is not a sequence of texts.

    Args:
        values: What has an order, or not.
        where: Its name in a message.
        once: Whether what can be read once only is taken, as its order is what was computed.

    Raises:
        InputError: there is no such order.
    """
    if not (_is_ordered(values) or (once and isinstance(values, Iterator))):
        lost = isinstance(values, Iterable) and not isinstance(values, str | bytes)
        raise InputError(
            f"the order of {where} is not known" if lost else f"{where} is no sequence",
            expected="a list, a tuple, an array or a tensor",
            got=type(values).__name__ if lost else shown(values),
            todo="pass a list in the order that you mean",
        )
    return values


def _is_ordered(values: object) -> bool:
    if isinstance(values, Tensor):
        return _is_dense(values) and values.ndim > 0
    if isinstance(values, np.ndarray | np.generic):
        return values.ndim > 0
    return isinstance(values, Sequence | SupportsArray) and not isinstance(values, str | bytes)


@runtime_checkable
class SupportsArray(Protocol):
    """What NumPy can read: arrays, tensors, columns of a DataFrame."""

    def __array__(self) -> np.ndarray[Any, Any]: ...


def check_tensor(x: object, where: str, *, todo: str = "pass torch.as_tensor(...)") -> Tensor:
    """A tensor whose numbers can be read as they lie.

    Raises:
        InputError: something else, or one that is sparse, quantised or without numbers (meta).
    """
    if not isinstance(x, Tensor):
        raise InputError(
            f"{where} is no tensor", expected="a torch.Tensor", got=type(x).__name__, todo=todo
        )
    if not _is_dense(x):
        raise InputError(
            f"{where} is no dense tensor",
            expected="strided numbers",
            got=f"{x.dtype}, {x.layout} on {x.device}",
            todo="convert it first: x.to_dense(), x.dequantize()",
        )
    return x


def as_tensor(x: Any, where: str) -> Tensor:
    """A tensor that shares memory with the array where torch can read it as it lies.

    Args:
        x: A tensor, an array, a memory map, a table of numbers, lists of numbers.
        where: Its name in a message.

    Raises:
        InputError: not numbers, ragged rows, or no order.
    """
    if isinstance(x, Tensor):
        return check_tensor(x, where)
    if isinstance(x, Iterable) and not isinstance(x, str | np.ndarray):
        check_ordered(x, where)
    try:
        array = np.asarray(x)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise InputError(
            f"{where} is no array",
            expected="rows of equal length",
            got=str(error),
            todo="make all rows equally long",
        ) from None
    if array.dtype.kind not in "biufc":
        raise InputError(
            f"{where} has the wrong type",
            expected="numbers",
            got=_told_kind(x, array),
            todo="convert to floats (ids and labels: to whole numbers) first",
        )
    if array.dtype == np.longdouble:
        array = array.astype(np.float64)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:  # torch barely knows these
        array = array.astype(np.int64 if array.dtype.itemsize < 8 else np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    return _shared(array, isinstance(x, np.memmap))


def _told_kind(x: object, array: np.ndarray[Any, Any]) -> str:
    """What an array holds; of a mixture the first value that is no number."""
    told = f"{type(x).__name__} of {array.dtype}"
    flat = array.ravel() if array.dtype == object else array.ravel()[:0]
    odd = next((each for each in flat.tolist() if not isinstance(each, Real)), None)
    return told if odd is None else f"{told}, such as {shown(odd)}"


def _shared(array: np.ndarray[Any, Any], mapped: bool) -> Tensor:
    """Read-only memory is copied unless it is a file's: nothing here writes to what it reads."""
    if array.flags.writeable:
        return torch.from_numpy(array)
    if not mapped:
        return torch.from_numpy(array.copy())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def as_whole(x: Any, where: str) -> Tensor:
    """Whole numbers as int64; floats pass where they are whole."""
    found = as_tensor(x, where)
    if found.dtype == torch.bool or found.is_complex():
        raise InputError(
            f"{where} has the wrong type",
            expected="whole numbers",
            got=found.dtype,
            todo="number classes and items from 0",
        )
    wrong = found[(found != found.trunc()) | found.isinf()] if found.is_floating_point() else None
    if wrong is not None and len(wrong):
        raise InputError(
            f"{where} are not whole",
            expected="whole numbers",
            got=wrong[0].item(),
            todo="number classes and items from 0",
        )
    return found.to(torch.int64)


def as_integers(x: Any, where: str) -> Tensor:
    """Integers of any origin as int64; floats stay what they are, to be refused by who reads them.

    Raises:
        InputError: as ``as_tensor``.
    """
    found = as_tensor(x, where)
    kept = found.dtype == torch.bool or found.is_complex() or found.is_floating_point()
    return found if kept and found.numel() else found.to(torch.int64)


def _is_dense(x: Tensor) -> bool:
    return x.layout is torch.strided and not x.is_meta and not x.is_quantized


def check_finite(x: Tensor, where: str) -> Tensor:
    """Neither NaN nor infinite, anywhere; the first bad row is named."""
    check_tensor(x, where)
    if x.is_floating_point() and not _all_finite(x):
        bad = (~torch.isfinite(x)).nonzero()
        raise InputError(
            f"{where} has {len(bad)} values that are NaN or infinite",
            expected="finite values",
            got=f"{x[tuple(bad[0])].item()} first at {tuple(bad[0].tolist())}",
            todo="find where they arise (a diverged model, a missing value) before asking",
        )
    return x


def _all_finite(x: Tensor) -> bool:
    """Whether least and greatest are finite, so that nothing of x's size is made beside it."""
    return not x.numel() or all(map(math.isfinite, (float(end) for end in x.aminmax())))


def _check_whole(x: Tensor, where: str) -> None:
    check_tensor(x, where)
    if x.dtype != torch.int64 or x.ndim != 1:
        raise InputError(
            f"{where} has the wrong form",
            expected="int64 of shape [n]",
            got=f"{x.dtype} of shape {list(x.shape)}",
            todo="pass torch.tensor([...], dtype=torch.int64), one number an item",
        )


def check_ids(ids: Tensor, where: str = "ids") -> Tensor:
    """int64 [n], distinct, not negative."""
    _check_whole(ids, where)
    if ids.numel() and int(ids.min()) < 0:
        raise InputError(
            f"{where} holds a negative id",
            expected=">= 0",
            got=int(ids.min()),
            todo="number the items by their row in the pool, from 0",
        )
    if len(torch.unique(ids)) != len(ids):
        values, counts = torch.unique(ids, return_counts=True)
        twice = int(values[counts > 1][0])
        raise InputError(
            f"{where} holds an id twice",
            expected="distinct ids",
            got=f"id {twice}",
            todo="name every item once",
        )
    return ids


def check_labels(labels: Tensor, classes: int, where: str = "labels") -> Tensor:
    """int64 [n], each in [0, classes)."""
    _check_whole(labels, where)
    if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) >= classes):
        bad = labels[(labels < 0) | (labels >= classes)][0]
        raise InputError(
            f"{where} holds a class that the task does not have",
            expected=f"0 to {classes - 1}",
            got=int(bad),
            todo="list every class when the task is made",
        )
    return labels


def check_probabilities(probs: Tensor, where: str = "probs", *, tolerance: float = 1e-3) -> Tensor:
    """Float, finite, not negative, and rows (last axis) that sum to 1.

    Sums may be off by ``tolerance``, or by the spacing of floats at 1 where that is wider.
    """
    if not check_tensor(probs, where).is_floating_point():
        raise InputError(
            f"{where} has the wrong type", expected="floats", got=probs.dtype, todo="pass x.float()"
        )
    check_finite(probs, where)
    if probs.numel() == 0:
        return probs
    if float(probs.min()) < 0:
        raise InputError(
            f"{where} has negative values",
            expected="probabilities",
            got=float(probs.min()),
            todo="apply softmax to logits first",
        )
    tolerance = max(tolerance, torch.finfo(probs.dtype).eps)
    sums = probs.sum(-1, dtype=torch.promote_types(probs.dtype, torch.float32))
    off = (sums - 1).abs()
    if float(off.max()) > tolerance:
        at = tuple(int(i) for i in torch.unravel_index(off.argmax(), off.shape))
        raise InputError(
            f"rows of {where} do not sum to 1",
            expected=f"sums within {tolerance} of 1",
            got=f"{float(sums[at]):.6g} at {at}",
            todo="apply softmax to logits first",
        )
    return probs


def check_size(x: Tensor, size: int, where: str, *, axis: int = 0) -> Tensor:
    """``x`` has ``size`` entries along ``axis``."""
    check_tensor(x, where)
    if x.ndim <= axis or x.shape[axis] != size:
        raise InputError(
            f"{where} has the wrong size",
            expected=f"{size} along axis {axis}",
            got=f"shape {list(x.shape)}",
            todo="give it one entry for each of the same items",
        )
    return x


def _bind(spec: str, x: Tensor, sizes: dict[str, int], where: str) -> None:
    letters = spec.split()
    check_tensor(x, where)
    if x.ndim != len(letters):
        raise InputError(
            f"{where} has the wrong number of axes",
            expected=f"[{spec}]",
            got=list(x.shape),
            todo="reshape it, or add an axis of size 1: x[None]",
        )
    for letter, size in zip(letters, x.shape, strict=True):
        wanted = int(letter) if letter.isdigit() else sizes.setdefault(letter, size)
        if wanted != size:
            raise InputError(
                f"{where} does not fit the other arguments",
                expected=f"[{spec}] with {letter} = {wanted}",
                got=list(x.shape),
                todo="pass tensors of the same items, classes and members",
            )


def shapes(
    returns: str | None = None, /, **specs: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check shapes of tensors in and out, one letter an axis: ``@shapes("n", probs="s n c")``.

    A letter means the same size in every argument and in the result; a number means itself.
    Arguments that are None are passed over.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            sizes: dict[str, int] = {}
            bound = signature.bind(*args, **kwargs).arguments
            for name, spec in specs.items():
                value = bound.get(name)
                if value is not None:
                    _bind(spec, value, sizes, f"{function.__name__}({name})")
            result = function(*args, **kwargs)
            if returns is not None and isinstance(result, Tensor):
                _bind(returns, result, sizes, f"the result of {function.__name__}")
            return result

        return checked

    return decorate


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments of another kind than the annotations name, before anything is computed.

    Numbers are Python's or NumPy's, of at most 64 bits where they are whole; true and false are
    none. A ``Sequence`` has an order of its own, and what is ``Any`` is left to the function.
    """
    signature = inspect.signature(function)
    name_of = function.__name__

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        hints = _hints(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            if not several:
                _check_kind(value, hints.get(name, Any), name, f"{name_of}({name})")
        return function(*args, **kwargs)

    return checked


def check_fields(record: Any) -> None:
    """Refuse fields of a dataclass that are of another kind than it names, as ``typed`` does.

    Raises:
        InputError: the first of them is named.
    """
    kind: Any = type(record)
    hints = _hints(kind)
    for field in fields(record):
        place = f"{kind.__name__}.{field.name}"
        _check_kind(getattr(record, field.name), hints[field.name], field.name, place)


@functools.cache
def _hints(annotated: Hashable) -> dict[str, Any]:
    return get_type_hints(annotated)


def _check_kind(value: Any, hint: Any, name: str, where: str) -> None:
    if not _fits(value, hint):
        raise InputError(
            f"{name} is of the wrong kind",
            expected=_words(hint),
            got=f"{type(value).__name__} {shown(value)}",
            where=where,
            todo=f"pass {_words(hint)}",
        )


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if hint is float:
        return _is_number(value) and not (isinstance(value, int) and value.bit_length() > _BITS)
    if hint is int:
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return whole and int(value).bit_length() <= _BITS
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if hint is Tensor:
        return isinstance(value, Tensor) and _is_dense(value) and not value.is_complex()
    if origin is Sequence:
        if not _is_ordered(value):
            return False
        plain = value.tolist() if isinstance(value, Tensor | np.ndarray) else value
        return all(_fits(each, parts[0]) for each in plain)
    if origin is tuple and parts[1:] == (...,):
        return isinstance(value, tuple | list) and all(_fits(each, parts[0]) for each in value)
    if origin is Callable:
        return callable(value)
    kind = origin or hint
    return isinstance(value, kind) if isinstance(kind, type) else True


def _words(hint: Any) -> str:
    """An annotation as a reader says it."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_words, parts))
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is tuple and parts[1:] == (...,):
        return f"a tuple of {_words(parts[0])}"
    if origin is Sequence:
        return f"a list, a tuple or an array of {_words(parts[0])}"
    named: dict[Any, str] = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
    }
    named |= {
        NoneType: "None",
        Tensor: "a dense torch.Tensor",
        Any: "anything",
        Callable: "a function",
    }
    kind = origin or hint
    return named.get(kind) or f"{kind.__module__}.{kind.__qualname__}"
