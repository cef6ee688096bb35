"""Named recipes of the Forward-Forward learners: what a setting is when it is left out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pauca.errors import UnknownNameError

__all__ = ["RECIPES", "recipe_of"]

_PUBLISHED: dict[str, Any] = {
    "widths": (784, 784, 784),
    "goodness": "l2",
    "loss": "threshold",
    "label": "auto",
    "negatives": "random",
    "normalisation": "l2",
    "readout": "softmax-sum",
    "batch": 1024,
    "decay": "constant",
    "warmup": 0.0,
    "weight_decay": 0.0,
    "average": 0.0,
    "dropout": 0.0,
    "item_dropout": 0.0,
    "adversarial": 0.0,
    "peer": 0.0,
    "shift": 0,
    "pixels": "task",
}

_QUICK: dict[str, Any] = {
    **_PUBLISHED,
    "widths": (1200,),
    "goodness": "mean-of-squares",
    "loss": {"name": "cross-entropy", "scale": 64.0},
    "negatives": "all",
    "normalisation": "rms",
    "readout": {"name": "sum", "scale": 64.0},
    "epochs": 8,
    "rate": 0.01,
    "batch": 256,
    "decay": "linear",
    "item_dropout": 0.2,
    "pixels": "unit",
}

_BEST: dict[str, Any] = {
    **_QUICK,
    "widths": (2000,),
    "epochs": 20,
    "item_dropout": 0.0,
    "adversarial": 0.1,
}

RECIPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"published": _PUBLISHED, "quick": _QUICK, "best": _BEST}
)
"""Settings by recipe; what a recipe leaves open is the learner's own default."""


def recipe_of(name: str) -> Mapping[str, Any]:
    """The settings of a recipe.

    Raises:
        UnknownNameError: no such recipe; the nearest known one is named.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
