"""Measures of predictions, of learning curves and of what was asked, with their statistics.

Every function takes torch tensors, NumPy arrays or plain sequences, computes in float64 and returns
plain Python numbers or a frozen record.
"""

from pauca.metrics.agreement import answer_entropy, cohen_kappa, fleiss_kappa
from pauca.metrics.asked import class_entropy, duplicate_rate, jaccard
from pauca.metrics.bootstrap import bootstrap_interval
from pauca.metrics.calibration import (
    Reliability,
    ReliabilityBin,
    reliability_curve,
)
from pauca.metrics.comparisons import Comparison, Comparisons, compare_all
from pauca.metrics.corrections import benjamini_hochberg, holm
from pauca.metrics.curves import area_under_budget_curve, labels_to_reach
from pauca.metrics.intervals import (
    Interval,
    hypergeometric_interval,
    mean_interval,
    paired_difference,
    wilson_interval,
)
from pauca.metrics.overlaps import overlap_matrix
from pauca.metrics.partitions import adjusted_rand
from pauca.metrics.penalties import Penalties, penalty_matrix
from pauca.metrics.power import paired_power, repetitions_needed, smallest_effect
from pauca.metrics.predictions import (
    accuracy,
    balanced_accuracy,
    brier,
    ece,
    evaluate,
    macro_f1,
    nll,
    worst_group_accuracy,
)
from pauca.metrics.rank_tests import Friedman, Nemenyi, cliques, friedman, nemenyi
from pauca.metrics.ranks import aupr, auroc, cliffs_delta, false_acceptance
from pauca.metrics.savings import LabelSaving, Saving, label_saving
from pauca.metrics.shares import ShareReached, labels_for_share
from pauca.metrics.signed_ranks import SignedRanks, least_p, wilcoxon
from pauca.metrics.stop_rules import (
    Stop,
    judge_stop,
    stop_by_classification_change,
    stop_by_confidence,
    stop_by_ensemble_stability,
    stop_by_max_uncertainty,
    stop_by_overall_uncertainty,
    stop_by_plateau,
    stop_by_stable_predictions,
)

__all__ = [
    "Comparison",
    "Comparisons",
    "Friedman",
    "Interval",
    "LabelSaving",
    "Nemenyi",
    "Penalties",
    "Reliability",
    "ReliabilityBin",
    "Saving",
    "ShareReached",
    "SignedRanks",
    "Stop",
    "accuracy",
    "adjusted_rand",
    "answer_entropy",
    "area_under_budget_curve",
    "aupr",
    "auroc",
    "balanced_accuracy",
    "benjamini_hochberg",
    "bootstrap_interval",
    "brier",
    "class_entropy",
    "cliffs_delta",
    "cliques",
    "cohen_kappa",
    "compare_all",
    "duplicate_rate",
    "ece",
    "evaluate",
    "false_acceptance",
    "fleiss_kappa",
    "friedman",
    "holm",
    "hypergeometric_interval",
    "jaccard",
    "judge_stop",
    "label_saving",
    "labels_for_share",
    "labels_to_reach",
    "least_p",
    "macro_f1",
    "mean_interval",
    "nemenyi",
    "nll",
    "overlap_matrix",
    "paired_difference",
    "paired_power",
    "penalty_matrix",
    "reliability_curve",
    "repetitions_needed",
    "smallest_effect",
    "stop_by_classification_change",
    "stop_by_confidence",
    "stop_by_ensemble_stability",
    "stop_by_max_uncertainty",
    "stop_by_overall_uncertainty",
    "stop_by_plateau",
    "stop_by_stable_predictions",
    "wilcoxon",
    "wilson_interval",
    "worst_group_accuracy",
]
