"""Names that pauca itself registers: other tests register some of their own."""

from typing import Any

from pauca.registry import Registry

__all__ = ["own_names"]


def own_names(registry: Registry[Any]) -> list[str]:
    """Those whose maker is one of pauca's."""
    return [name for name in registry.names() if registry.get(name).__module__.startswith("pauca.")]
