"""Strategies: which items to have labelled next."""

from pauca.strategies.base import AbstractScore, AbstractStrategy, make_strategy, strategies

__all__ = ["AbstractScore", "AbstractStrategy", "make_strategy", "strategies"]
