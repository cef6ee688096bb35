"""Points of several kinds, made from a seed or read from real data."""

import io
import os
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    """Isotropic: pruning cannot help."""
    return torch.randn(n, d, generator=Generator().manual_seed(seed))


def low_rank(n: int, d: int, rank: int, noise: float = 0.05, seed: int = 0) -> Tensor:
    """Features with ``rank`` strong directions, like those of a trained net."""
    g = Generator().manual_seed(seed)
    strong = torch.randn(n, rank, generator=g) @ torch.randn(rank, d, generator=g)
    return strong + noise * torch.randn(n, d, generator=g)


def integers(n: int, d: int, high: int, seed: int = 0) -> Tensor:
    """A small grid: ties and duplicates everywhere."""
    return torch.randint(high, (n, d), generator=Generator().manual_seed(seed)).float()


def predictions(n: int, c: int, sharp: float = 2.0, seed: int = 0) -> Tensor:
    """p - onehot(argmax p) of random logits, [n, c]."""
    p = (sharp * torch.randn(n, c, generator=Generator().manual_seed(seed))).softmax(1)
    return p.scatter_add(1, p.argmax(1, keepdim=True), torch.full((n, 1), -1.0))


def mnist_pixels(n: int) -> Tensor:
    """The first n test images of MNIST as floats in [0, 1], [n, 784]."""
    import pyarrow.parquet as pq
    from PIL import Image

    path = next((Path(os.environ["PAUCA_DATA"]) / "mnist").glob("test-*.parquet"))
    images = pq.read_table(path, columns=["image"]).column("image").slice(0, n).to_pylist()
    rows = [np.asarray(Image.open(io.BytesIO(one["bytes"]))).ravel() for one in images]
    return torch.from_numpy(np.stack(rows)).float() / 255
