"""Ensembles without labels: units that are active together more than chance lets them."""

from dataclasses import dataclass
from typing import Generic, Literal

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, like, matrix
from pauca.analysis._rotation import most_skewed, polar
from pauca.analysis._sort import sorted_rows
from pauca.checks import check_count
from pauca.errors import InputError

__all__ = ["Coactivation", "MemberRule", "coactivation", "marchenko_pastur_edge"]

MemberRule = Literal["otsu", "share"]
"""``otsu`` parts a component's weights in two; ``share`` takes those above an equal share."""


@dataclass(frozen=True, eq=False)
class Coactivation(Generic[Array]):
    """Units that are active together, one ensemble a row.

    Args:
        members: bool [a, u], a the number of ensembles; by the variance of their components.
        weights: Of each unit in the component, float64 [a, u], length 1, the largest positive; 0
            for dead units.
        eigenvalues: Of the correlations between units, largest first, float64 [min(n, u)].
        threshold: What an eigenvalue has to exceed to count.
        dead: Units that never vary, left out of it all, bool [u].
        converged: Whether the independent components settled.
    """

    members: Array
    weights: Array
    eigenvalues: Array
    threshold: float
    dead: Array
    converged: bool


def marchenko_pastur_edge(n: int, u: int) -> float:
    """Largest eigenvalue of correlations of u unrelated units in the limit, (1 + sqrt(u/n))^2.

    Reference: Marchenko and Pastur, Mathematics of the USSR - Sbornik 1, 1967.
    """
    return float((1 + (u / n) ** 0.5) ** 2)


def coactivation(
    activations: Array,
    *,
    generator: Generator,
    rule: MemberRule = "otsu",
    shuffles: int = 19,
) -> Coactivation[Array]:
    """Principal components above chance, turned to be independent; the heavy units of each.

    Every unit is brought to mean 0 and variance 1 over samples. Eigenvectors of their correlations
    count where the eigenvalue exceeds the Marchenko-Pastur edge. Within the space of these,
    independent component analysis finds the directions of largest skewness, in which a few samples
    weigh much, so that two ensembles do not share one component. (Published is the contrast log
    cosh, which is blind to an ensemble that a fifth of the samples bring up, because its activity
    then has the kurtosis of noise. Skewness sees it.)

    The edge is a limit for activity without heavy tails. A unit that answers to few samples has
    such tails, and unrelated units then exceed the edge more often than not. So an eigenvalue also
    has to exceed the largest one found with each unit's samples moved round by a random distance of
    its own, in a random order, which keeps what a unit does and takes away what units do together:
    by chance that happens in 1 of ``shuffles`` + 1 analyses. 0 leaves the edge alone, as published.

    Components are signed so that the largest weight is positive, and members are positive: a unit
    that falls silent when the others are active is not one of them. ``otsu`` draws the line between
    weights so that the variance within both groups is least; ``share`` at 1 / sqrt(u), the weight
    of every unit if all shared equally. Ensembles of classes that exclude each other span one
    dimension less than there are classes, so that one may be missing or split over the others.

    Args:
        activations: [n, u].
        generator: Draws the shuffles and where the components start, on the CPU.
        rule: Who is a member.
        shuffles: Analyses of shuffled activity, >= 0; each takes an eigenvalue decomposition.

    Raises:
        InputError: activations of the wrong form; fewer than two samples or two units that vary; an
            unknown rule.

    Reference: Lopes-dos-Santos, Ribeiro and Tort, Journal of Neuroscience Methods 220, 2013;
    Peyrache et al., Journal of Computational Neuroscience 29, 2010 (the edge); Otsu, IEEE
    Transactions on Systems, Man, and Cybernetics 9, 1979; Hyvarinen and Oja, Neural Computation 9,
    1997 (fixed points; g(y) = y^2 for skewness).
    """
    x = matrix(activations)
    check_count(shuffles, "shuffles")
    if rule not in ("otsu", "share"):
        raise InputError(
            "unknown rule of membership",
            expected="otsu or share",
            got=rule,
            todo="pass 'otsu' or 'share'",
        )
    dead = x.amax(0) == x.amin(0)
    z = _standardised(x[:, ~dead])
    n, u = z.shape
    values, vectors = _components(z)
    by_chance = _largest_by_chance(z, shuffles, generator)
    threshold = max(marchenko_pastur_edge(n, u), by_chance)
    turned, converged = _independent(z, vectors[:, values > threshold], generator)
    weights = _signed(turned)
    placed = x.new_zeros((len(weights), x.shape[1]), dtype=torch.float64)
    placed[:, ~dead] = weights
    return Coactivation(
        members=like(placed > _lines(weights, rule)[:, None], activations),
        weights=like(placed, activations),
        eigenvalues=like(values, activations),
        threshold=threshold,
        dead=like(dead, activations),
        converged=converged,
    )


def _standardised(x: Tensor) -> Tensor:
    n, u = x.shape
    if n < 2 or u < 2:
        raise InputError(
            "nothing can be active together",
            expected="2 samples and 2 units that vary",
            got=[n, u],
            todo="give more samples, or a layer of more units",
        )
    x = x.double() - x.double().mean(0)
    return x / x.square().mean(0).sqrt()


def _components(z: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues of the correlations, largest first, and eigenvectors, [u, min(n, u)]."""
    n, u = z.shape
    if u <= n:
        values, vectors = torch.linalg.eigh(z.T @ z / n)
        return values.flip(0), vectors.flip(1)
    values, left = torch.linalg.eigh(z @ z.T / n)
    # [n, n] -> [u, n]; directions of eigenvalue 0 are never asked for
    vectors = z.T @ left / (n * values.clamp(min=1e-12)).sqrt()
    return values.flip(0), vectors.flip(1)


def _largest_by_chance(z: Tensor, shuffles: int, generator: Generator) -> float:
    """Largest eigenvalue of all shuffles, in which every unit is moved round by itself."""
    n, u = z.shape
    # a bar to exceed need not be known to 16 digits
    shuffled = z[torch.randperm(n, generator=generator).to(z.device)].float()
    places = torch.arange(n, device=z.device)[:, None]
    largest = 0.0
    for _ in range(shuffles):
        moved = torch.randint(n, (u,), generator=generator).to(z.device)
        drawn = shuffled.gather(0, (places + moved) % n)
        gram = drawn.T @ drawn if u <= n else drawn @ drawn.T
        largest = max(largest, float(torch.linalg.eigvalsh(gram.double() / n)[-1]))
    return largest


def _independent(z: Tensor, kept: Tensor, generator: Generator) -> tuple[Tensor, bool]:
    """Components, [u, a], turned and by variance, [a, u], and whether the turn came to rest."""
    a = kept.shape[1]
    scores = z @ kept
    variances = scores.square().mean(0)
    # signs that do not depend on the order of units, so that the start does not either
    signs = 1.0 - 2.0 * (scores.pow(3).sum(0) < 0)
    scores = scores / variances.sqrt() * signs
    start = torch.randn(a, a, generator=generator, dtype=torch.float64).to(z.device)
    turn, converged = most_skewed(scores, polar(start))
    order = torch.argsort(turn.square() @ variances, descending=True)
    turned: Tensor = turn @ (kept * signs).T
    return turned[order], converged


def _signed(weights: Tensor) -> Tensor:
    """Rows of length 1 whose largest weight is positive."""
    largest = weights.gather(1, weights.abs().argmax(1, keepdim=True))
    return torch.nn.functional.normalize(weights, dim=1) * largest.sign()


def _lines(weights: Tensor, rule: MemberRule) -> Tensor:
    """What a member's weight has to exceed, [a, u] -> [a]."""
    if rule == "share":
        return weights.new_full((len(weights),), weights.shape[1] ** -0.5)
    return _otsu(weights.abs())


def _otsu(values: Tensor) -> Tensor:
    """The value of each row that parts it best: those above against the rest, [a, u] -> [a].

    n_1 n_2 (m_1 - m_2)^2, the variance between the groups, is largest.
    """
    ascending = sorted_rows(values)
    u = values.shape[1]
    below = torch.arange(1, u, device=values.device)
    sums = ascending.cumsum(1)
    low = sums[:, :-1] / below
    high = (sums[:, -1:] - sums[:, :-1]) / (u - below)
    best = (below * (u - below) * (high - low).square()).argmax(1)
    return ascending.gather(1, best[:, None])[:, 0]
