"""Data sets: named ones and one's own, frozen, images as uint8 until a batch is made."""

from pauca.data.catalog import datasets
from pauca.data.dataset import Dataset, Kind, Split, Task, Transform
from pauca.data.load import dataset_from, load_dataset, resolve_options

__all__ = [
    "Dataset",
    "Kind",
    "Split",
    "Task",
    "Transform",
    "dataset_from",
    "datasets",
    "load_dataset",
    "resolve_options",
]
