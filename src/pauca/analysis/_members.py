"""Ensembles and answers that have to fit a layer and a number of classes."""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis._means import class_means
from pauca.analysis._sets import member_sets
from pauca.checks import check_size
from pauca.errors import InputError

__all__ = ["accuracy", "class_rates", "fitting_sets"]


def fitting_sets(
    members: Tensor | NDArray[Any], u: int | None = None, c: int | None = None
) -> Tensor:
    """Ensembles as bool [c, u], if they are of this layer and of all these classes.

    Args:
        members: bool [c, u]; a row without any is a class that has no ensemble.
        u: Units that there must be.
        c: Least number of rows.

    Raises:
        InputError: another type, shape or size.
    """
    found = member_sets(members)
    if (u is not None and found.shape[1] != u) or len(found) < (c or 0):
        raise InputError(
            "members do not fit the layer or the classes",
            expected=f"bool [{'c' if c is None else c}, {'u' if u is None else u}], "
            "one row a class, one column a unit",
            got=list(found.shape),
            todo="take members of this layer, one row a class",
        )
    return found


def accuracy(answers: Tensor, y: Tensor) -> float:
    """Share of right answers, both int64 [n].

    Raises:
        InputError: not one label an item.
    """
    check_size(y, len(answers), "labels")
    return float((answers == y.to(answers.device)).double().mean())


def class_rates(hits: Tensor, y: Tensor, c: int) -> Tensor:
    """Means over the items of each class, [m, n] -> float64 [m, c]; NaN for a class without any."""
    return class_means(hits.T, y, c).T
