"""Numbers of a learning curve: a value (accuracy, ...) at each number of labels spent."""

from typing import Any

import numpy as np

from pauca.checks import typed
from pauca.errors import InputError
from pauca.metrics.arrays import Floats, as_values, check_same

__all__ = ["area_under_budget_curve", "check_curve", "labels_to_reach"]


@typed
def area_under_budget_curve(labels: Any, values: Any) -> float:
    """Area under the budget curve: the mean height of the curve over the labels really spent.

    The trapezoid rule over ``labels``, divided by their span. A constant curve gives its constant
    exactly, and a single point its value.

    Args:
        labels: Labels spent at each point, [t], strictly increasing, any spacing.
        values: Value at each point, [t], finite.

    Raises:
        InputError: budgets unsorted or twice the same, sizes that differ, no point.

    Reference: Zhan et al., arXiv 2203.13450 (area under the budget curve).
    """
    spent, height = check_curve(labels, values)
    if len(spent) == 1:
        return float(height[0])
    # measured from the first value, so that a constant curve has no rounding
    above = height - height[0]
    area = (np.diff(spent) * (above[1:] + above[:-1]) / 2).sum()
    return float(height[0] + area / (spent[-1] - spent[0]))


@typed
def labels_to_reach(labels: Any, values: Any, target: float) -> int | None:
    """Labels spent at the first point whose value is at least ``target``.

    Nothing is interpolated: the answer is a budget that was measured. None means right-censored:
    the target was not reached within ``labels[-1]``, so it would take more labels than that.

    Args:
        labels: Labels spent at each point, [t], strictly increasing.
        values: Value at each point, [t]; higher is better.
        target: Value to reach.

    Raises:
        InputError: as in ``area_under_budget_curve``; target is NaN.
    """
    spent, height = check_curve(labels, values)
    if np.isnan(target):
        raise InputError(
            "target is NaN",
            expected="a number",
            got=target,
            todo="pass the value that is to be reached",
        )
    reached = np.flatnonzero(height >= target)
    return int(spent[reached[0]]) if len(reached) else None


def check_curve(labels: Any, values: Any) -> tuple[Floats, Floats]:
    """Labels spent and the value at each point, both [t], t >= 1.

    Raises:
        InputError: budgets unsorted or twice the same, sizes that differ, no point, NaN.
    """
    spent, height = as_values(labels, "labels"), as_values(values, "values")
    check_same(spent, height, "labels and values")
    steps = np.diff(spent)
    if len(steps) and steps.min() <= 0:
        at = int(np.argmax(steps <= 0))
        raise InputError(
            "labels spent do not increase along the curve",
            expected="strictly increasing budgets",
            got=f"{spent[at]:g} then {spent[at + 1]:g}",
            where=f"points {at} and {at + 1}",
            todo="sort the points and keep one for each budget",
        )
    return spent, height
