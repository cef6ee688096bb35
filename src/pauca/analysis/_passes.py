"""Passes of any torch module over items, block by block, that leave it as it was."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pauca.checks import check_count
from pauca.errors import InputError
from pauca.rng import generator_from, isolated

__all__ = ["Inputs", "blocks", "eager", "first", "length", "run", "still", "with_first"]

Inputs = Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]
"""What a model reads: one tensor [n, ...], several in their order, or several by name."""


def blocks(model: nn.Module, x: Inputs, batch: int) -> Iterator[tuple[int, Inputs]]:
    """Blocks of items with the position of the first, at least one.

    Raises:
        InputError: several blocks of a model whose answer to an item depends on the block.
    """
    check_count(batch, "batch", least=1)
    normalised = [name for name, part in model.named_modules() if _reads_the_block(part)]
    if normalised and length(x) > batch:
        raise InputError(
            "the model normalises an item by the items of its block, so blocks would change it",
            expected="running statistics, or all items in one block",
            got=f"{length(x)} items in blocks of {batch}",
            where=f"module {normalised[0]!r}",
            todo=f"make the model with track_running_stats=True, or pass batch={length(x)}",
        )
    for start in range(0, max(1, length(x)), batch):
        yield start, _cut(x, slice(start, start + batch))


def eager() -> AbstractContextManager[Any]:
    """Within it, compiled nets run as they are written: a compiled pass calls no later hooks.

    Before torch 2.6, which cannot ask for it, they run compiled.
    """
    stance: Any = getattr(torch.compiler, "set_stance", None)
    # torch.compile imports it; without it nothing is compiled, and it takes a second to import
    if stance is None or "torch._dynamo" not in sys.modules:
        return nullcontext()
    found: AbstractContextManager[Any] = stance("force_eager")
    return found


def _reads_the_block(part: nn.Module) -> bool:
    known = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    return isinstance(part, known) and part.running_mean is None


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, uncompiled, no gradients, randomness apart; all put back at the end."""
    if any(map(is_lazy, model.parameters())):
        raise InputError(
            "the model has weights that its first pass will make, so it cannot be left as it is",
            expected="a model that has been called",
            todo="call the model once on a few items first",
        )
    flags = [(part, part.training) for part in model.modules()]
    try:
        for part, _ in flags:
            part.training = False
        with eager(), torch.no_grad(), isolated(generator_from(0)):
            yield
    finally:
        for part, flag in flags:
            part.training = flag


def length(x: Inputs) -> int:
    """How many items.

    Raises:
        InputError: inputs of different lengths, or none; inputs that are no tensors.
    """
    parts = list(
        x.values() if isinstance(x, Mapping) else x if isinstance(x, tuple | list) else [x]
    )
    if not all(isinstance(part, Tensor) and part.ndim for part in parts):
        raise InputError(
            "inputs are no tensors of items",
            expected="a tensor [n, ...], or a tuple or mapping of such tensors",
            got=", ".join(sorted({type(part).__name__ for part in parts})),
            todo="make them by torch.from_numpy or torch.tensor",
        )
    sizes = {len(part) for part in parts}
    if len(sizes) != 1:
        raise InputError(
            "inputs do not have one row an item each",
            expected="inputs of one length",
            got=sorted(sizes),
            todo="pass every input of the same items",
        )
    return sizes.pop()


def _cut(x: Inputs, where: slice) -> Inputs:
    if isinstance(x, Tensor):
        return x[where]
    if isinstance(x, Mapping):
        return {name: part[where] for name, part in x.items()}
    return tuple(part[where] for part in x)


def run(model: Callable[..., Any], x: Inputs) -> Any:
    """What the model returns."""
    if isinstance(x, Tensor):
        return model(x)
    return model(**x) if isinstance(x, Mapping) else model(*x)


def first(output: Any, where: str) -> Tensor:
    """The tensor itself, or the first one of several."""
    parts: Iterable[Any] = ()
    if isinstance(output, Tensor | Mapping):
        parts = [output] if isinstance(output, Tensor) else output.values()
    elif isinstance(output, tuple | list):
        parts = output
    found = next((part for part in parts if isinstance(part, Tensor)), None)
    if found is not None and found.is_nested:
        raise InputError(
            f"{where} returns a nested tensor, items of different lengths",
            expected="a tensor [n, ...]",
            todo="make nn.TransformerEncoder with enable_nested_tensor=False",
        )
    if found is not None and found.ndim:
        return found
    raise InputError(
        f"{where} returns no tensor",
        expected="a tensor [n, ...], or a tuple, list or mapping of tensors",
        got=type(output).__name__,
        todo="record another module",
    )


def with_first(output: Any, new: Tensor) -> Any:
    """The output with its first tensor replaced; everything else, and its type, stay."""
    if isinstance(output, Tensor):
        return new
    if isinstance(output, Mapping):
        name = next(name for name, part in output.items() if isinstance(part, Tensor))
        changed: Any = copy(output)
        changed[name] = new
        return changed
    at = next(i for i, part in enumerate(output) if isinstance(part, Tensor))
    parts = [*output[:at], new, *output[at + 1 :]]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
