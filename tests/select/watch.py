"""What a computation allocates, seen at every operation."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class _Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers size of the largest and types of all tensors that operations return as new."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes: int = 0
        self.dtypes = set[torch.dtype]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kept = {one.untyped_storage().data_ptr() for one in _tensors((args, kwargs or {}))}
        result = func(*args, **(kwargs or {}))
        for one in _tensors(result):
            if one.untyped_storage().data_ptr() not in kept:
                self.dtypes.add(one.dtype)
                self.bytes = max(self.bytes, one.untyped_storage().nbytes())
        return result


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [one for part in value for one in _tensors(part)]
    return []


def largest_tensor(run: Callable[[], object]) -> int:
    """Bytes of the largest tensor that ``run`` makes."""
    seen = _Largest()
    with seen:
        run()
    return seen.bytes


def types_made(run: Callable[[], object]) -> set[torch.dtype]:
    """Types of the tensors that ``run`` makes."""
    seen = _Largest()
    with seen:
        run()
    return seen.dtypes
