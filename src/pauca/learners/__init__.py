"""Learners: train on labelled items, and say what they think of others."""

from pauca.learners.base import AbstractLearner, FitReport, LabelInput, learners, make_learner

__all__ = ["AbstractLearner", "FitReport", "LabelInput", "learners", "make_learner"]
