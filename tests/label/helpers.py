"""Small projects whose right answers are known."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pauca.label import Project

NAMES = ("ant", "bee", "cat")


def clusters(n: int = 90, d: int = 12, c: int = 3, seed: int = 0) -> tuple[Any, NDArray[np.int64]]:
    """n rows float32 [n, d] around c centres, and whose each is."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % c
    centres = rng.normal(0, 4, (c, d))
    return (centres[y] + rng.normal(0, 1, (n, d))).astype(np.float32), y


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@contextmanager
def project(folder: Path, *, n: int = 90, c: int = 3, **settings: Any) -> Iterator[Project]:
    """A project of embeddings in clusters."""
    x, _ = clusters(n, c=c)
    data = npz(folder / "data.npz", x=x)
    names = settings.pop("classes", NAMES[:c])
    with Project.create(data, folder / "project", classes=names, **settings) as made:
        yield made


def truth(item: int, c: int = 3) -> int:
    """Id of the class of an item of ``project``."""
    return item % c


def images(folder: Path, names: list[str], size: int = 8) -> Path:
    """Images of random pixels with these relative names."""
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path
