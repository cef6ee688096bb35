"""What emerges inside a network: pure functions on activations [n, units] and labels."""

from pauca.analysis.nulls import (
    Null,
    activity_matched_sets,
    chance_jaccard,
    null_distribution,
    p_interval,
    random_sets,
    shuffle_labels,
    shuffle_units,
)
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
    "Null",
    "UnitOrder",
    "Wall",
    "activation_walls",
    "activity_matched_sets",
    "chance_jaccard",
    "choose_samples",
    "dead_units",
    "fraction_active",
    "gini",
    "hoyer",
    "mean_defined",
    "null_distribution",
    "order_units",
    "p_interval",
    "participation_ratio",
    "random_sets",
    "shuffle_labels",
    "shuffle_units",
    "silent_samples",
    "treves_rolls_lifetime",
    "treves_rolls_population",
]
