"""Random numbers of an analysis: drawn where the generator is, used where the activations are."""

import torch
from torch import Generator, Tensor

__all__ = ["permutations", "subsets", "uniform"]


def uniform(shape: tuple[int, ...], generator: Generator, device: torch.device) -> Tensor:
    """float64 in [0, 1): the same numbers whatever the device they are used on."""
    drawn = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)
    return drawn.to(device)


def permutations(rows: int, n: int, generator: Generator, device: torch.device) -> Tensor:
    """Independent uniform orders of n things, int64 [rows, n]."""
    return uniform((rows, n), generator, device).argsort(1)


def subsets(counts: Tensor, stratum: Tensor, generator: Generator) -> Tensor:
    """Uniform random sets with so many units of each stratum, bool [c, u].

    Args:
        counts: Units that row k takes from each stratum, int64 [c, strata].
        stratum: Which stratum each unit is in, int64 [u].
        generator: Of the draw.
    """
    c, u = len(counts), len(stratum)
    order = permutations(c, u, generator, stratum.device)
    # a stable sort by stratum keeps the random order within each
    order = order.gather(1, stratum[order].argsort(stable=True, dim=1))
    layer = stratum[order]  # [c, u], ascending along each row
    start = torch.searchsorted(stratum.sort().values, torch.arange(counts.shape[1]).to(stratum))
    rank = torch.arange(u, device=stratum.device) - start[layer]
    chosen = torch.zeros(c, u, dtype=torch.bool, device=stratum.device)
    return chosen.scatter(1, order, rank < counts.gather(1, layer))
