"""Engines: where the cells of a study are worked on, one module each."""

from pauca.study.engines.base import AbstractEngine, Job, engines

__all__ = ["AbstractEngine", "Job", "engines"]
