"""Activity of any torch module by name, and changes to it on its way, through forward hooks.

A module is named as in ``model.named_modules()``. One that is called several times in a pass (a
shared ReLU, say) has to be named with the number of the call, counted from 1: ``"act#2"``. What it
returns is read as items times units:

- a tensor [n, u] as it is, and [n] as one unit;
- [n, t, d] (positions t, as in transformers) and [n, channels, h, w] (and more axes) by ``pool``:
  ``flatten`` makes every number a unit, ``mean`` and ``max`` go over positions, so that a unit is
  one of d features or one channel. ``Tap`` says which axis holds the units where it is another;
- of a tuple, a list or a mapping the first tensor.

The first axis is the item: modules that put time first need ``batch_first=True``.

A hook is reached only where the module itself is called. So nets of ``torch.compile`` run as they
are written meanwhile, and what is never called (a part of a traced or scripted net, weights that
another module reads, such as ``out_proj`` of ``nn.MultiheadAttention``) is refused.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pauca.analysis._passes import Inputs, blocks, eager, first, length, run, still, with_first
from pauca.analysis.edits import Change, Edit, as_edit
from pauca.errors import InputError, UnknownNameError

__all__ = ["Inputs", "Pool", "Tap", "intervene", "outputs", "record"]

Pool = Literal["flatten", "mean", "max"]
"""How positions are handled: every number a unit, or the mean or maximum over positions."""


@dataclass(frozen=True)
class Tap:
    """A module whose output is read or changed.

    Args:
        name: As in ``model.named_modules()``; ``"name#k"`` is its k-th call in a pass, from 1.
        pool: What is done with positions.
        axis: Which axis of its output holds the units under ``mean`` and ``max``; by default the
            last of three, the second of four and more.
    """

    name: str
    pool: Pool = "flatten"
    axis: int | None = None

    def spread(self, output: Tensor) -> Tensor:
        """Units along the last axis, [n, ...] -> [n, (positions,) u], a view where that can be."""
        if self.pool == "flatten" or output.ndim < 3:
            return output.flatten(1) if output.ndim > 1 else output.unsqueeze(1)
        return output.movedim(self._axis(output), -1)

    def read(self, output: Tensor) -> Tensor:
        """Activity of units, [n, ...] -> [n, u]."""
        units = self.spread(output)
        if units.ndim == 2:
            return units
        places = units.flatten(1, -2)  # [n, positions, u]
        return places.mean(1) if self.pool == "mean" else places.amax(1)

    def changed(self, output: Tensor, edit: Edit) -> Tensor:
        """The output after the edit of its units; [n, ...] -> the same shape."""
        units = self.spread(output)
        # one that works in place shall not reach what else reads this tensor, a residual say
        new = edit(units if isinstance(edit, Change) else units.clone())
        if not isinstance(new, Tensor):
            raise InputError(
                f"the edit of {self.name!r} returns no tensor",
                expected=list(units.shape),
                got=type(new).__name__,
                todo="return the changed activity",
            )
        if new.shape != units.shape or not torch.can_cast(new.dtype, output.dtype):
            raise InputError(
                f"the edit of {self.name!r} changes the shape or the type of the activity",
                expected=f"{units.dtype} {list(units.shape)}",
                got=f"{new.dtype} {list(new.shape)}",
                todo="return one value for each unit that the edit is given",
            )
        new = new.to(output.dtype)
        if units.ndim == 2:
            return new.reshape(output.shape)
        return new.movedim(-1, self._axis(output))

    def _axis(self, output: Tensor) -> int:
        axis = self.axis if self.axis is not None else -1 if output.ndim == 3 else 1
        if not -output.ndim < axis < output.ndim or axis == 0:
            raise InputError(
                f"the output of {self.name!r} has no such axis of units",
                expected=f"1 to {output.ndim - 1}, or from the end -1 to {1 - output.ndim}",
                got=axis,
                todo="name an axis of the output that is not that of the samples",
            )
        return axis


def record(
    model: nn.Module,
    x: Inputs,
    names: Sequence[str | Tap],
    *,
    batch: int = 256,
    pool: Pool = "flatten",
) -> dict[str, Tensor]:
    """Activity of the named modules for n items, {name: [n, u]} in the order of the names.

    The model runs in evaluation mode, without gradients, and is left as it was: training flags,
    hooks and the global random state are put back, also after an error. What it draws at random, if
    it does so in evaluation mode, comes from a fixed seed. Peak memory: the result and one block.

    Args:
        model: Any torch module.
        x: What it reads, n items; on the device of the model.
        names: Modules, or taps with a pool of their own.
        batch: Items of one block.
        pool: For modules that are given by name alone.

    Raises:
        UnknownNameError: no such module; the nearest known name is offered.
        InputError: a module that was not reached, was called more than once and is named without
            the number of the call, or does not return items; inputs of different lengths.
    """
    taps = checked_taps(model, names, pool)
    keepers = [_Keeper(tap, length(x)) for tap in taps]
    with ExitStack() as stack:
        for keeper in keepers:
            stack.callback(_hooked(model, keeper))
        stack.enter_context(still(model))
        for start, block in blocks(model, x, batch):
            for keeper in keepers:
                keeper.begin(start, length(block))
            run(model, block)
            for keeper in keepers:
                keeper.check()
    return {tap.name: keeper.out for tap, keeper in zip(taps, keepers, strict=True)}


def outputs(model: nn.Module, x: Inputs, *, batch: int = 256) -> Tensor:
    """What the model returns for n items, [n, ...], in evaluation mode and leaving it as it was.

    Of a tuple, a list or a mapping the first tensor.

    Args:
        model: Any torch module.
        x: What it reads, n items; on the device of the model.
        batch: Items of one block.

    Raises:
        InputError: it does not return one row an item.
    """
    with still(model):
        found = [_rows(run(model, block), length(block)) for _, block in blocks(model, x, batch)]
    return torch.cat(found)


def _rows(output: Any, n: int) -> Tensor:
    found = first(output, "the model")
    if len(found) != n:
        raise InputError(
            "what the model returns is not one row an item",
            expected=f"[{n}, ...]",
            got=list(found.shape),
            todo="make the model with batch_first=True, or wrap it so that items come first",
        )
    return found


@contextmanager
def intervene(
    model: nn.Module,
    edits: Mapping[str, Edit | Tensor | NDArray[Any]] | Mapping[Tap, Edit | Tensor | NDArray[Any]],
    *,
    pool: Pool = "flatten",
) -> Iterator[None]:
    """Within it, the activity of the named modules is changed before anyone reads it.

    A module named without the number of a call is changed in every call; numbers count from the
    start of a pass of ``model``. Edits of one module by nested contexts are applied in that order.
    Hooks are removed at the end, also after an error. The mode is the model's own, and gradients
    flow; nets of ``torch.compile`` run as they are written.

    Args:
        model: Any torch module.
        edits: What happens to units: a function of activity [..., u] with units along the last
            axis, such as those of ``pauca.analysis.edits``, or a mask bool [u] of units to silence.
        pool: For modules that are given by name alone: whether a unit is every number of the output
            (``flatten``) or a feature or channel at all its positions (``mean`` and ``max`` alike).

    Raises:
        UnknownNameError: no such module; the nearest known name is offered.
        InputError: at the next pass, an edit that changes the shape, or a mask of another size; at
            its end, an edit that was not reached: its module was called 0 times, or less often than
            the number of the call; at the end of the context, one that was never reached.
    """
    editors = [_Editor(_tap(name, pool), as_edit(edit)) for name, edit in edits.items()]
    with ExitStack() as stack:
        for editor in editors:
            stack.callback(_hooked(model, editor))
        if editors:
            stack.callback(_passes_hooked(model, editors))
        stack.enter_context(eager())
        yield
        for editor in editors:
            editor.check_reached()


class _Counted(ABC):
    """Counts the calls of a module in one pass."""

    def __init__(self, tap: Tap) -> None:
        self.tap, self.calls = tap, 0
        _, _, number = tap.name.partition("#")
        self.only = int(number) if number else None

    @abstractmethod
    def hook(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """What is done with an output; what it returns is what is read in its place."""

    def wanted(self) -> bool:
        """Whether the call that was just counted is the one named, or none was named."""
        self.calls += 1
        return self.only is None or self.calls == self.only

    def check(self) -> None:
        """The pass is over: the module was called at least as often as its name says."""
        if self.calls < (self.only or 1):
            raise self.missed("in a pass")

    def missed(self, when: str) -> InputError:
        """The error of a module that was called too seldom."""
        return InputError(
            f"module {self.tap.name!r} was called {self.calls} times {when}",
            expected=f"at least {self.only or 1}",
            todo="name a module that the model calls; weights that are used without a call of "
            "their module, and parts of a traced or scripted model, are out of reach",
        )


class _Keeper(_Counted):
    """Writes the activity of one tap into its place, block by block."""

    def __init__(self, tap: Tap, n: int) -> None:
        super().__init__(tap)
        self.n, self.start, self.size = n, 0, 0
        self.out = torch.empty(0)

    def begin(self, start: int, size: int) -> None:
        """The next block has so many items from here on."""
        self.start, self.size, self.calls = start, size, 0

    def hook(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        """Keep the output, if this is the call that is wanted."""
        if not self.wanted() or (self.only is None and self.calls > 1):
            return
        found = first(output, f"module {self.tap.name!r}").detach()
        if len(found) != self.size:
            raise InputError(
                f"the output of {self.tap.name!r} is not one row an item",
                expected=f"[{self.size}, ...]",
                got=list(found.shape),
                todo="record another module, or make the model with batch_first=True",
            )
        units = self.tap.read(found)
        if self.start == 0:
            self.out = units.new_empty(self.n, units.shape[1])
        if self.out.shape[1:] != units.shape[1:]:
            raise InputError(
                f"{self.tap.name!r} has another number of units in another block",
                expected=self.out.shape[1],
                got=units.shape[1],
                todo="bring items to one length, or use pool='mean'",
            )
        self.out[self.start : self.start + self.size] = units

    def check(self) -> None:
        """The pass is over: the module was called as often as its name says."""
        super().check()
        if self.only is None and self.calls > 1:
            raise InputError(
                f"module {self.tap.name!r} was called {self.calls} times in a pass",
                expected="once, or the number of the call in the name",
                todo=f"name one of them, {self.tap.name}#1 to {self.tap.name}#{self.calls}",
            )


class _Editor(_Counted):
    """Changes the activity of one tap."""

    def __init__(self, tap: Tap, edit: Edit) -> None:
        super().__init__(tap)
        self.edit, self.passing, self.reached = edit, False, False

    def begin(self) -> None:
        """A pass of the model begins."""
        self.calls, self.passing = 0, True

    def end(self) -> None:
        """It is over, and its answer stands only if the edit is in it."""
        self.passing = False
        self.check()

    def hook(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        """The output with its first tensor changed, if this call is meant."""
        if self.only is not None and not self.passing:
            raise InputError(
                f"module {self.tap.name!r} was called outside a pass of the model",
                expected="a call whose number counts from the start of a pass",
                todo="call the model itself, or name the module without a number",
            )
        if not self.wanted():
            return None
        self.reached = True
        own = first(output, f"module {self.tap.name!r}")
        return with_first(output, self.tap.changed(own, self.edit))

    def check_reached(self) -> None:
        """The context is over: something came by, in a pass of the model or past it."""
        if not self.reached:
            self.calls = 0
            raise self.missed("in a pass, and no pass of the model itself was seen")


def _hooked(model: nn.Module, counted: _Counted) -> Callable[[], None]:
    """The hook put where its tap says; what is returned removes it."""
    module = _module(model, counted.tap)
    try:
        return module.register_forward_hook(counted.hook).remove
    except RuntimeError:  # what torch.jit.script makes takes no hooks
        raise counted.missed("in a pass, as far as TorchScript tells") from None


def _passes_hooked(model: nn.Module, editors: Sequence[_Editor]) -> Callable[[], None]:
    """Editors told when a pass of the model begins and ends; what is returned undoes it."""

    def begin(*_: Any) -> None:
        for editor in editors:
            editor.begin()

    def end(*_: Any) -> None:
        for editor in editors:
            editor.end()

    handles = (model.register_forward_pre_hook(begin), model.register_forward_hook(end))

    def remove() -> None:
        for handle in handles:
            handle.remove()

    return remove


def checked_taps(model: nn.Module, names: Sequence[str | Tap], pool: Pool) -> list[Tap]:
    """Taps of these names, each of a module that is there, and none twice.

    Raises:
        UnknownNameError: no such module; the nearest known name is offered.
        InputError: a module that is named twice, or whose call has no such number.
    """
    if isinstance(names, str):
        raise InputError(
            "modules are named in a list", expected=f"[{names!r}]", got=repr(names), todo="add []"
        )
    taps = [_tap(name, pool) for name in names]
    if len({tap.name for tap in taps}) != len(taps):
        raise InputError(
            "a module is named twice",
            expected="distinct names",
            got=[tap.name for tap in taps],
            todo="name each module once",
        )
    for tap in taps:
        _module(model, tap)
    return taps


def _tap(name: str | Tap, pool: Pool) -> Tap:
    tap = name if isinstance(name, Tap) else Tap(name, pool)
    if tap.pool not in ("flatten", "mean", "max"):
        raise InputError(
            "unknown pool", expected="flatten, mean or max", got=tap.pool, todo="choose one of them"
        )
    _, mark, number = tap.name.partition("#")
    if mark and not (number.isdecimal() and int(number) >= 1):
        raise InputError(
            "not the number of a call",
            expected="1, 2, ...",
            got=repr(tap.name),
            todo=f"write {tap.name.partition('#')[0]}#1 for the first call",
        )
    return tap


def _module(model: nn.Module, tap: Tap) -> nn.Module:
    """The module that a tap names.

    Raises:
        UnknownNameError: there is none; the nearest is offered.
    """
    known = {name: part for name, part in model.named_modules(remove_duplicate=False) if name}
    name = tap.name.partition("#")[0]
    if name not in known:
        raise UnknownNameError("module", name, known)
    found: nn.Module = known[name]
    return found
