"""What several strategies read."""

from torch import Tensor

from pauca.errors import InputError
from pauca.outputs import Outputs

__all__ = ["features_of", "labelled_features"]


def features_of(outputs: Outputs) -> Tensor:
    """The features, float [n, d], which ``needs`` has made sure of for the pool.

    Raises:
        InputError: there are none.
    """
    if outputs.features is None:
        raise InputError(
            "there are no features", expected="float [n, d]", todo="take them from the same model"
        )
    return outputs.features


def labelled_features(labelled: Outputs | None) -> Tensor | None:
    """Features of the labelled items, float [m, d], or None while there are none."""
    return None if labelled is None or labelled.n == 0 else features_of(labelled)
