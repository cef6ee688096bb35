"""From tensors to what a store keeps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["packed", "plain"]


def plain(values: Any, digits: int = 6) -> Any:
    """Numbers as lists of Python numbers, fractions to so many significant digits."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().tolist()
    if isinstance(values, Mapping):
        return {str(key): plain(value, digits) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value, digits) for value in values]
    return float(f"{values:.{digits}g}") if isinstance(values, float) else values


def packed(members: Tensor) -> NDArray[np.uint8]:
    """Sets of units, bool [..., u], as bits, uint8 [..., ceil(u / 8)]."""
    return np.packbits(members.cpu().numpy(), axis=-1)
