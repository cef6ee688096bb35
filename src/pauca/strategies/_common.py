"""What several strategies read."""

from torch import Tensor

from pauca.errors import InputError
from pauca.outputs import Outputs, widened

__all__ = ["column_of", "features_of", "labelled_features"]


def features_of(outputs: Outputs, whose: str = "the pool's") -> Tensor:
    """The features, float [n, d], which ``needs`` has made sure of for the pool.

    Raises:
        InputError: there are none.
    """
    if outputs.features is None:
        raise InputError(
            f"{whose} Outputs have no features",
            expected="float [n, d]",
            got="None",
            todo="take them from the same model as those of the pool",
        )
    return outputs.features


def labelled_features(labelled: Outputs | None) -> Tensor | None:
    """Features of the labelled items, float [m, d], or None while there are none."""
    if labelled is None or labelled.n == 0:
        return None
    return features_of(labelled, "the labelled items'")


def column_of(pool: Outputs, name: str) -> Tensor:
    """An extra column with one number an item, float [n] (at least float32).

    Raises:
        InputError: it has more numbers an item.
    """
    column = pool.extras[name]
    if column.ndim != 1:
        raise InputError(
            f"column {name!r} has more than one number an item",
            expected=f"[{pool.n}]",
            got=list(column.shape),
            todo="reduce it to one number an item",
        )
    return widened(column) if column.is_floating_point() else column.double()
