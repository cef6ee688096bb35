"""Stores: append-only accounts of runs, safe against a kill at any moment."""

from pauca.store.base import AbstractStore
from pauca.store.memory import MemoryStore
from pauca.store.records import OF_THE_MACHINE, Run, RunSpec, Status
from pauca.store.sqlite import SqliteStore

__all__ = [
    "OF_THE_MACHINE",
    "AbstractStore",
    "MemoryStore",
    "Run",
    "RunSpec",
    "SqliteStore",
    "Status",
]
