"""What emerges inside a network: pure functions on activations [n, units] and labels."""

from pauca.analysis.auc import OneVsRest, one_vs_rest
from pauca.analysis.coactivation import Coactivation, coactivation, marchenko_pastur_edge
from pauca.analysis.combined import CombinedOverlap, combine_overlaps
from pauca.analysis.connections import (
    InsideBetween,
    WeightBlocks,
    inside_against_between,
    weight_blocks,
)
from pauca.analysis.controls import Against, control_sets
from pauca.analysis.drive import DriveMatrix, Followed, drive_matrix
from pauca.analysis.edits import Change, Edit, hold, push, scale, silence
from pauca.analysis.ensembles import Ensembles, SelectiveEnsembles, ks_mean, mean_ratio, selective
from pauca.analysis.few_shot import Episodes, FewShot, draw_episodes, nearest_ensemble, nearest_mean
from pauca.analysis.groups import GroupContrast, group_contrast
from pauca.analysis.inhibition import (
    Ablation,
    Drives,
    ablation,
    class_drives,
    unit_drives,
    without_weights,
)
from pauca.analysis.lesions import Dominance, LesionMatrix, dominance, lesion_matrix
from pauca.analysis.matching import Match, match_units, matched_jaccard
from pauca.analysis.novelty import class_overlap, energy, novelty_auroc, overlap_novelty
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
from pauca.analysis.pruning import PruningPoint, Removal, pruning_curve, removal_order
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
from pauca.analysis.sharing import Overlap, jaccard, jaccard_distances, overlap, total_shared
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
from pauca.analysis.subject import AbstractSubject, ModuleSubject, replaced
from pauca.analysis.taps import Tap, intervene, record
from pauca.analysis.trees import Dendrogram, dendrogram
from pauca.analysis.unseen import (
    Detector,
    Formation,
    SharedUnits,
    formation,
    formations,
    shared_units,
)
from pauca.analysis.walls import UnitOrder, Wall, activation_walls, choose_samples, order_units

__all__ = [
    "DETECTORS",
    "Ablation",
    "AbstractSubject",
    "Against",
    "Bootstrap",
    "Change",
    "Coactivation",
    "CombinedOverlap",
    "DefinedMean",
    "Dendrogram",
    "Detector",
    "Dominance",
    "DriveMatrix",
    "Drives",
    "Edit",
    "Ensembles",
    "Episodes",
    "FewShot",
    "Followed",
    "Formation",
    "GroupContrast",
    "InsideBetween",
    "LesionMatrix",
    "Mantel",
    "Match",
    "ModuleSubject",
    "Null",
    "OneVsRest",
    "Overlap",
    "Planted",
    "PowerRecord",
    "PruningPoint",
    "Removal",
    "SeedStability",
    "SelectiveEnsembles",
    "SharedUnits",
    "SplitHalf",
    "Tap",
    "UnitOrder",
    "Wall",
    "WeightBlocks",
    "ablation",
    "activation_walls",
    "activity_matched_sets",
    "bootstrap_membership",
    "chance_jaccard",
    "choose_samples",
    "class_drives",
    "class_means",
    "class_overlap",
    "class_selectivity",
    "class_similarity",
    "coactivation",
    "combine_overlaps",
    "confusion",
    "control_sets",
    "d_prime",
    "dead_units",
    "dendrogram",
    "dominance",
    "draw_episodes",
    "drive_matrix",
    "energy",
    "formation",
    "formations",
    "fraction_active",
    "gini",
    "group_contrast",
    "hold",
    "hoyer",
    "inside_against_between",
    "intervene",
    "jaccard",
    "jaccard_distances",
    "ks_mean",
    "lesion_matrix",
    "mantel",
    "marchenko_pastur_edge",
    "match_units",
    "matched_jaccard",
    "mean_defined",
    "mean_ratio",
    "measure_power",
    "mutual_information",
    "nearest_ensemble",
    "nearest_mean",
    "novelty_auroc",
    "null_distribution",
    "one_vs_rest",
    "order_units",
    "overlap",
    "overlap_novelty",
    "p_interval",
    "participation_ratio",
    "planted",
    "pruning_curve",
    "push",
    "random_sets",
    "record",
    "removal_order",
    "replaced",
    "scale",
    "seed_stability",
    "selective",
    "selectivity_index",
    "shared_units",
    "shuffle_labels",
    "shuffle_units",
    "silence",
    "silent_samples",
    "split_half",
    "total_shared",
    "treves_rolls_lifetime",
    "treves_rolls_population",
    "unit_drives",
    "weight_blocks",
    "without_weights",
]
