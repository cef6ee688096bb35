"""Random numbers of an analysis: drawn where the generator is, used where the activations are."""

import torch
from torch import Generator, Tensor

__all__ = ["monte_carlo_p", "permutations", "random_half", "ranks_within", "subsets", "uniform"]


_TIE = 1e-12  # relative: a draw that equals the observed value up to rounding is as extreme


def monte_carlo_p(values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Share of draws at least as high, at most as high, and twice the smaller (at most 1).

    The observed value counts as one of the draws, so that p is never 0. A draw that is NaN counts
    as extreme on both sides; p is NaN where the observed value is.

    Args:
        values: Draws from the null, float [m, ...].
        seen: What was observed, float [...].

    Reference: Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9,
    2010, eq. 2.
    """
    undefined, lost = values.isnan(), seen.isnan()
    size = torch.cat([seen[None], values]).abs().nan_to_num(nan=0.0, posinf=0.0).amax(0)
    above = 1.0 + ((values >= seen - _TIE * size) | undefined).sum(0)
    below = 1.0 + ((values <= seen + _TIE * size) | undefined).sum(0)
    total = 1 + len(values)
    above, below = (
        (n.to(torch.float64) / total).masked_fill(lost, torch.nan) for n in (above, below)
    )
    return above, below, (2 * torch.minimum(above, below)).clamp(max=1)


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


def ranks_within(labels: Tensor, generator: Generator) -> Tensor:
    """Place of each sample among those of its class, in random order from 0, int64 [n]."""
    n, y = len(labels), labels
    order = permutations(1, n, generator, y.device)[0]
    order = order[y[order].argsort(stable=True)]
    ordered = y[order]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(n, device=y.device) - torch.searchsorted(ordered, ordered)
    return rank


def random_half(labels: Tensor, generator: Generator) -> Tensor:
    """A random half of each class, bool [n]; which half has the odd sample is drawn too."""
    rank = ranks_within(labels, generator)
    coin = uniform((int(labels.max()) + 1,), generator, labels.device) < 0.5
    return (rank + coin[labels]) % 2 == 0
