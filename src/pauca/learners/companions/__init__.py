"""Companions: what trains beside a learner, or changes its training, so that a strategy can ask."""

from pauca.learners.companions.base import AbstractCompanion, attach, companions

__all__ = ["AbstractCompanion", "attach", "companions"]
