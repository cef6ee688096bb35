"""Measures of predictions, of learning curves and of what was asked, with their intervals.

Every function takes torch tensors, NumPy arrays or plain sequences, computes in float64 and returns
plain Python numbers or a frozen record.
"""

from pauca.metrics.asked import class_entropy, duplicate_rate, jaccard
from pauca.metrics.corrections import benjamini_hochberg, holm
from pauca.metrics.curves import area_under_budget_curve, labels_to_reach
from pauca.metrics.intervals import Interval, mean_interval, paired_difference
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
from pauca.metrics.ranks import auroc, cliffs_delta

__all__ = [
    "Interval",
    "accuracy",
    "area_under_budget_curve",
    "auroc",
    "balanced_accuracy",
    "benjamini_hochberg",
    "brier",
    "class_entropy",
    "cliffs_delta",
    "duplicate_rate",
    "ece",
    "evaluate",
    "holm",
    "jaccard",
    "labels_to_reach",
    "macro_f1",
    "mean_interval",
    "nll",
    "paired_difference",
    "worst_group_accuracy",
]
