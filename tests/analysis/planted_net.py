"""A net made by hand in which five units alone carry each class, beside units that nobody reads."""

import torch
from torch import Tensor, nn

from pauca.rng import generator_from

C, EACH, IDLE = 4, 5, 30
U = C * EACH + IDLE


class Planted(nn.Module):
    """Units 5 k to 5 k + 4 answer to items of class k and alone speak for it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.act, self.head = nn.Linear(U, U), nn.ReLU(), nn.Linear(U, C)
        with torch.no_grad():
            self.hidden.weight.copy_(torch.eye(U))
            self.hidden.bias.zero_()
            self.head.weight.zero_()
            self.head.weight[:, : C * EACH] = torch.eye(C).repeat_interleave(EACH, 1)
            # whom nothing speaks for is taken for one of class 3
            self.head.bias.copy_(torch.tensor([0.0, 0, 0, 0.1]))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.act(self.hidden(x)))
        return out


class Linked(Planted):
    """A second layer between: units 2 k and 2 k + 1 read the mean of those that carry class k."""

    def __init__(self) -> None:
        super().__init__()
        self.link, self.act2, self.head = nn.Linear(U, 2 * C), nn.ReLU(), nn.Linear(2 * C, C)
        with torch.no_grad():
            rows = torch.zeros(C, U)
            rows[:, : C * EACH] = torch.eye(C).repeat_interleave(EACH, 1) / EACH
            self.link.weight.copy_(rows.repeat_interleave(2, 0))
            self.link.bias.zero_()
            self.head.weight.copy_(torch.eye(C).repeat_interleave(2, 1))
            self.head.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.act2(self.link(self.act(self.hidden(x)))))
        return out


def linked() -> Linked:
    with torch.random.fork_rng():
        return Linked().eval()


def planted() -> Planted:
    with torch.random.fork_rng():
        return Planted().eval()


def planted_members() -> Tensor:
    """bool [C, U]."""
    members = torch.zeros(C, U, dtype=torch.bool)
    members[:, : C * EACH] = torch.eye(C, dtype=torch.bool).repeat_interleave(EACH, 1)
    return members


def planted_items(n: int = 80, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Own units active by 1 to 2; idle ones at random, as active on the whole; others silent."""
    g, y = generator_from(seed), torch.arange(n) % C
    x = torch.zeros(n, U)
    own = planted_members()[y]
    x[own] = 1 + torch.rand(int(own.sum()), generator=g)
    idle = torch.rand(n, IDLE, generator=g)
    x[:, C * EACH :] = idle * (torch.rand(n, IDLE, generator=g) < 0.7)
    return x, y
