"""Data of one's own: one module a format, each found by itself."""

from pauca.data.sources._registry import own_sources

__all__ = ["own_sources"]
