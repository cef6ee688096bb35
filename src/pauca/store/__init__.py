"""Stores: append-only accounts of runs, safe against a kill at any moment."""

from pauca.store.base import AbstractStore
from pauca.store.memory import MemoryStore
from pauca.store.records import Run, RunSpec, Status
from pauca.store.sqlite import SqliteStore

__all__ = ["AbstractStore", "MemoryStore", "Run", "RunSpec", "SqliteStore", "Status"]
