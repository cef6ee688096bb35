"""Learners: train on labelled items, and say what they think of others."""

from pauca.learners.base import (
    LOGITS,
    AbstractLearner,
    Checkpoint,
    FitReport,
    LabelInput,
    learners,
    make_learner,
)

__all__ = [
    "LOGITS",
    "AbstractLearner",
    "Checkpoint",
    "FitReport",
    "LabelInput",
    "learners",
    "make_learner",
]
