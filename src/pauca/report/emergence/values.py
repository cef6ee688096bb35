"""Numbers out of stored records, whatever part of a record is missing."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.report.estimates import ANYWHERE, Estimate, estimate
from pauca.report.view import number

__all__ = ["array", "dig", "mean", "named", "over", "slug", "three", "two"]


def dig(record: Any, *path: str) -> Any:
    """What stands at this place of a record; None where a part of the way is missing."""
    for step in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(step)
    return record


def array(value: Any, *shape: int) -> NDArray[np.float64]:
    """A stored list as float64 of this shape; NaN where it is absent or of another shape."""
    try:
        found = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.zeros(0)
    return found if found.shape == shape else np.full(shape, np.nan)


def mean(values: Any) -> float:
    """Mean of the numbers of a stored list that are not NaN; NaN where there is none."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        return number(values)
    known = [x for x in map(number, values) if not math.isnan(x)]
    return sum(known) / len(known) if known else math.nan


def over(values: Iterable[float], within: tuple[float, float] = ANYWHERE) -> Estimate:
    """Estimate over repetitions, those without a value left aside in silence."""
    return estimate([v for v in values if not math.isnan(v)], within)


def named(classes: Sequence[str], k: int) -> str:
    """The name of a class, or its number."""
    return classes[k] if k < len(classes) else str(k)


def slug(text: str) -> str:
    """A text as part of a file name: letters, digits and single dashes."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in text.lower())
    return "-".join(filter(None, plain.split("-"))) or "unnamed"


def two(value: float) -> str:
    """Two decimals."""
    return f"{value + 0.0:.2f}".replace("-", "\u2212")


def three(value: float) -> str:
    """Three decimals."""
    return f"{value + 0.0:.3f}".replace("-", "\u2212")
