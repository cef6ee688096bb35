"""Formats by name."""

from pauca.data.dataset import Dataset
from pauca.registry import Registry

__all__ = ["own_sources"]

own_sources: Registry[Dataset] = Registry(
    "format", "pauca.data.sources", "sources", context=frozenset({"path", "progress"})
)
"""Readers of data of one's own by format; their keyword arguments are the options."""
