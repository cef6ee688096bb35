"""Small models of the kinds that users bring."""

from typing import Any

import torch
from torch import Tensor, nn

from pauca.rng import generator_from, isolated


class Chain(nn.Module):
    """Linear, ReLU in place, Linear; the ReLU twice."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high, self.head = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.act(self.high(self.act(self.low(x)))))
        return out


class Noisy(nn.Module):
    """Dropout, batch statistics, and a part that is frozen while the rest learns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(8, 3)
        self.train()
        self.body[1].eval()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x)) + 0.0 * torch.rand(())
        return out


class Conv(nn.Module):
    """Two convolutions, the mean over places, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.conv2(self.conv1(x).relu()).relu().mean((2, 3)))
        return out


class Former(nn.Module):
    """A transformer over 4 positions; says its scores in a dictionary beside other things."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor, scale: Tensor) -> dict[str, Any]:
        h = self.encoder(self.embed(x * scale[:, None, None]))
        return {"length": x.shape[1], "logits": self.head(h.mean(1)), "states": h}


def made(kind: type[nn.Module], seed: int = 0) -> Any:
    """In evaluation mode (but Noisy), its weights from a seed."""
    with isolated(generator_from(seed)):
        model = kind()
    return model if kind is Noisy else model.eval()


def items(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator_from(seed))
