"""Recording what happens inside a net: forward hooks on named modules, always removed again."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pauca.errors import InputError, UnknownNameError

__all__ = ["Recording", "activations", "record"]


class Recording:
    """What the taps saw since the last ``take``."""

    def __init__(self, taps: Sequence[str]) -> None:
        self._seen: dict[str, list[Tensor]] = {tap: [] for tap in taps}

    def add(self, tap: str, output: Any) -> None:
        """Keep one output of a tap, as float [b, units]; of several tensors the first."""
        x = output[0] if isinstance(output, tuple | list) and len(output) else output
        if not isinstance(x, Tensor) or x.ndim == 0:
            raise InputError(
                f"tap {tap!r} does not return a tensor of items",
                expected="a tensor [b, ...], or a tuple that starts with one",
                got=type(output).__name__,
                todo="record another module of the net",
            )
        # a copy: a later layer may work in place, and a view would keep a larger tensor alive
        self._seen[tap].append(x.detach().reshape(len(x), -1).clone())

    def take(self) -> dict[str, Tensor]:
        """{tap: float [n, units]} of all passes since the last take, in order; then forget them.

        Raises:
            InputError: a tap was not reached, or not once in every pass.
        """
        calls = {tap: len(seen) for tap, seen in self._seen.items()}
        passes = min(calls.values(), default=0)
        for tap, count in calls.items():
            if count == 0 or count != passes:
                raise InputError(
                    f"tap {tap!r} was reached {count} times",
                    expected=f"{passes or 'as many times as the net ran'}, as the other taps",
                    got=calls,
                    todo="record a module that runs exactly once in a pass",
                )
        taken = {tap: torch.cat(seen) for tap, seen in self._seen.items()}
        for seen in self._seen.values():
            seen.clear()
        return taken


@contextmanager
def record(module: nn.Module, taps: Sequence[str]) -> Iterator[Recording]:
    """Within it, every pass through ``module`` is recorded at the named sub-modules.

    Works on any ``torch.nn.Module``. Call ``take()`` after each batch so that only one is held at a
    time. Hooks are removed at the end, also after an error.

    Raises:
        UnknownNameError: no such sub-module; the nearest known name is offered.
    """
    parts = dict(module.named_modules())
    for tap in taps:
        if tap not in parts or tap == "":
            raise UnknownNameError("tap", tap, [name for name in parts if name])
    recording = Recording(taps)
    handles = [parts[tap].register_forward_hook(_hook(recording, tap)) for tap in taps]
    try:
        yield recording
    finally:
        for handle in handles:
            handle.remove()


def activations(
    module: nn.Module, batches: Iterable[Tensor], taps: Sequence[str], n: int
) -> dict[str, Tensor]:
    """Activity of every tap for n items that come in batches: {tap: float [n, units]}.

    One batch at a time is written into its place, so the peak is the result and one batch. The
    module is used in the mode it is in; no gradients.

    Raises:
        InputError: the batches do not hold n items; a tap not reached once in every pass.
    """
    out: dict[str, Tensor] = {}
    start = 0
    with record(module, taps) as recording, torch.no_grad():
        for x in batches:
            module(x)
            for tap, seen in recording.take().items():
                if tap not in out:
                    out[tap] = seen.new_empty(n, seen.shape[1])
                if start + len(seen) > n:
                    break
                out[tap][start : start + len(seen)] = seen
            start += len(x)
    if start != n:
        raise InputError(
            "the batches do not hold all items",
            expected=n,
            got=start,
            todo="pass batches that hold all of these items once",
        )
    return out


def _hook(recording: Recording, tap: str) -> Any:
    def keep(_module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        recording.add(tap, output)

    return keep
