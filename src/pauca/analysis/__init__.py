"""What emerges inside a network: pure functions on activations [n, units] and labels."""

from pauca.analysis.auc import OneVsRest, one_vs_rest
from pauca.analysis.coactivation import Coactivation, coactivation, marchenko_pastur_edge
from pauca.analysis.ensembles import (
    Ensembles,
    SelectiveEnsembles,
    ks_mean,
    mean_ratio,
    selective,
)
from pauca.analysis.planted import Planted, planted
from pauca.analysis.power import DETECTORS, PowerRecord, measure_power
from pauca.analysis.selectivity import (
    class_means,
    class_selectivity,
    d_prime,
    mutual_information,
    selectivity_index,
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
    "DETECTORS",
    "Coactivation",
    "DefinedMean",
    "Ensembles",
    "OneVsRest",
    "Planted",
    "PowerRecord",
    "SelectiveEnsembles",
    "UnitOrder",
    "Wall",
    "activation_walls",
    "choose_samples",
    "class_means",
    "class_selectivity",
    "coactivation",
    "d_prime",
    "dead_units",
    "fraction_active",
    "gini",
    "hoyer",
    "ks_mean",
    "marchenko_pastur_edge",
    "mean_defined",
    "mean_ratio",
    "measure_power",
    "mutual_information",
    "one_vs_rest",
    "order_units",
    "participation_ratio",
    "planted",
    "selective",
    "selectivity_index",
    "silent_samples",
    "treves_rolls_lifetime",
    "treves_rolls_population",
]
