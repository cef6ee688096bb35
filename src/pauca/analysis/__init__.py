"""What emerges inside a network: pure functions on activations [n, units] and labels."""

from pauca.analysis.auc import OneVsRest, one_vs_rest
from pauca.analysis.coactivation import Coactivation, coactivation, marchenko_pastur_edge
from pauca.analysis.combined import CombinedOverlap, combine_overlaps
from pauca.analysis.ensembles import Ensembles, SelectiveEnsembles, ks_mean, mean_ratio, selective
from pauca.analysis.groups import GroupContrast, group_contrast
from pauca.analysis.matching import Match, class_profiles, match_units, matched_jaccard
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
from pauca.analysis.planted import Planted, planted
from pauca.analysis.power import DETECTORS, PowerRecord, measure_power
from pauca.analysis.relations import Mantel, class_similarity, confusion, mantel
from pauca.analysis.reliability import (
    Bootstrap,
    SeedStability,
    SplitHalf,
    bootstrap_membership,
    seed_stability,
    split_half,
)
from pauca.analysis.selectivity import (
    class_means,
    class_selectivity,
    d_prime,
    mutual_information,
    selectivity_index,
)
from pauca.analysis.sharing import Overlap, jaccard_distances, overlap, total_shared
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
from pauca.analysis.trees import Dendrogram, dendrogram
from pauca.analysis.walls import UnitOrder, Wall, activation_walls, choose_samples, order_units

__all__ = [
    "DETECTORS",
    "Bootstrap",
    "Coactivation",
    "CombinedOverlap",
    "DefinedMean",
    "Dendrogram",
    "Ensembles",
    "GroupContrast",
    "Mantel",
    "Match",
    "Null",
    "OneVsRest",
    "Overlap",
    "Planted",
    "PowerRecord",
    "SeedStability",
    "SelectiveEnsembles",
    "SplitHalf",
    "UnitOrder",
    "Wall",
    "activation_walls",
    "activity_matched_sets",
    "bootstrap_membership",
    "chance_jaccard",
    "choose_samples",
    "class_means",
    "class_profiles",
    "class_selectivity",
    "class_similarity",
    "coactivation",
    "combine_overlaps",
    "confusion",
    "d_prime",
    "dead_units",
    "dendrogram",
    "fraction_active",
    "gini",
    "group_contrast",
    "hoyer",
    "jaccard_distances",
    "ks_mean",
    "mantel",
    "marchenko_pastur_edge",
    "match_units",
    "matched_jaccard",
    "mean_defined",
    "mean_ratio",
    "measure_power",
    "mutual_information",
    "null_distribution",
    "one_vs_rest",
    "order_units",
    "overlap",
    "p_interval",
    "participation_ratio",
    "planted",
    "random_sets",
    "seed_stability",
    "selective",
    "selectivity_index",
    "shuffle_labels",
    "shuffle_units",
    "silent_samples",
    "split_half",
    "total_shared",
    "treves_rolls_lifetime",
    "treves_rolls_population",
]
