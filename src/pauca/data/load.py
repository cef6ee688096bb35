"""One door to every data set: by name, or by path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pauca.data.catalog import datasets
from pauca.data.dataset import Dataset

__all__ = ["load_dataset"]


def load_dataset(
    name_or_path: str | Path,
    *,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> Dataset:
    """The data set called ``name_or_path``, or read from that path."""
    return datasets.make(str(name_or_path), options, progress=progress)
