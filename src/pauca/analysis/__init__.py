"""What emerges inside a network: pure functions on activations [n, units] and labels."""

from pauca.analysis.sparsity import (
    DefinedMean,
    dead_units,
    fraction_active,
    gini,
    hoyer,
    mean_defined,
    participation_ratio,
    silent_samples,
    treves_rolls_lifetime,
    treves_rolls_population,
)
from pauca.analysis.walls import UnitOrder, Wall, activation_walls, choose_samples, order_units

__all__ = [
    "DefinedMean",
    "UnitOrder",
    "Wall",
    "activation_walls",
    "choose_samples",
    "dead_units",
    "fraction_active",
    "gini",
    "hoyer",
    "mean_defined",
    "order_units",
    "participation_ratio",
    "silent_samples",
    "treves_rolls_lifetime",
    "treves_rolls_population",
]
