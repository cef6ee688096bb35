"""k-means++ (D^2) seeding for plain embeddings and for badge's factorised ones."""

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, typed
from pauca.select.embedding import Embedding
from pauca.select.pruning import Pruning
from pauca.select.sketch import plan
from pauca.select.work import Work

__all__ = ["badge_seeding", "kmeans_plusplus"]

_WARM = 8
_LEAST_WORK = 2**20


@typed
def kmeans_plusplus(
    x: Tensor, k: int, generator: Generator, *, prune: bool = True, work: Work | None = None
) -> Tensor:
    """Each item is picked with probability proportional to its squared distance to those picked.

    The first is uniform. One number u in [0, 1) is drawn for each pick (k of them, at once): the
    pick is the first item whose cumulative weight, in float64 and in the order of positions,
    exceeds u times the total; where every weight is 0, the item u of the way through what is
    left. Pruned or not, the picks are the same.

    Args:
        x: float [n, d]; may be memory-mapped.
        k: 0 <= k <= n.
        generator: CPU generator; advances by k draws.
        prune: Whether to skip distances by an exact bound where that pays.
        work: counter of the distances computed.

    Returns:
        int64 [k], distinct positions in the order of choice.

    Raises:
        InputError: wrong shape or type, NaN, or k out of range.

    Cost: O(n k d) time at most, O(n) memory beside the input, n p more for the bound.

    Reference: Arthur and Vassilvitskii, SODA 2007, section 2.2; the skipping of distances follows
    Raff, IJCAI 2021, with a bound by principal axes.
    """
    embedding = Embedding.of(x)
    uniforms = _uniforms(k, embedding.n, generator)
    if k == 0:
        return torch.empty(0, dtype=torch.int64, device=x.device)
    first = min(embedding.n - 1, int(uniforms[0] * embedding.n))
    return _Seeding(embedding, prune, work or Work()).run(first, uniforms[1:])


@typed
def badge_seeding(
    q: Tensor,
    h: Tensor,
    k: int,
    generator: Generator,
    *,
    prune: bool = True,
    work: Work | None = None,
) -> Tensor:
    """k-means++ on gradient embeddings g_i = q_i (x) h_i, which are never made.

    The first pick is the embedding of the largest norm, the first position among equals; then as
    ``kmeans_plusplus``, with k - 1 numbers drawn.

    Args:
        q: p - onehot(argmax p), or any other factor, float [n, c].
        h: features, float [n, d]; may be memory-mapped.
        k: 0 <= k <= n.
        generator: CPU generator; advances by max(0, k - 1) draws.
        prune: Whether to skip distances by an exact bound where that pays.
        work: counter of the distances computed.

    Returns:
        int64 [k], distinct positions in the order of choice.

    Raises:
        InputError: wrong shape or type, NaN, or k out of range.

    Cost: O(n k (c + d)) time at most, O(n) memory beside the inputs, n p more for the bound.

    Reference: Ash, Zhang, Krishnamurthy, Langford and Agarwal, ICLR 2020, algorithm 1.
    """
    embedding = Embedding.of(h, q)
    check_count(k, "k", most=embedding.n)
    if k == 0:
        return torch.empty(0, dtype=torch.int64, device=h.device)
    uniforms = _uniforms(k - 1, embedding.n, generator)
    return _Seeding(embedding, prune, work or Work()).run(embedding.longest(), uniforms)


def _uniforms(k: int, n: int, generator: Generator) -> list[float]:
    check_count(k, "k", most=n)
    drawn = torch.rand(k, dtype=torch.float64, generator=generator, device=generator.device)
    return [float(u) for u in drawn]


class _Seeding:
    """Least squared distances in float64, [n], and what skips computing them."""

    def __init__(self, embedding: Embedding, prune: bool, work: Work) -> None:
        self.embedding, self.prune, self.work = embedding, prune, work
        norms = embedding.norms
        self.weights = torch.full((embedding.n,), torch.inf, dtype=torch.float64).to(norms.device)
        self.free = torch.ones(embedding.n, dtype=torch.bool, device=norms.device)
        self.passed = torch.empty_like(self.weights)
        self.pruning: Pruning | None = None

    def run(self, first: int, uniforms: list[float]) -> Tensor:
        """The first pick and one more for each number."""
        picks = [first]
        self.prune &= (len(uniforms) - _WARM) * self.embedding.n >= _LEAST_WORK
        for u in uniforms:
            if self.prune and len(picks) == _WARM:
                self._prepare()
            self._meet(picks[-1])
            picks.append(self._draw(u))
        return torch.tensor(picks, dtype=torch.int64, device=self.weights.device)

    def _draw(self, u: float) -> int:
        """Inverse CDF of the weights."""
        passed = torch.cumsum(self.weights, 0, out=self.passed)
        total = float(passed[-1])
        if total == 0:
            left = self.free.nonzero()[:, 0]
            return int(left[min(len(left) - 1, int(u * len(left)))])
        goal = torch.tensor([u * total], dtype=torch.float64, device=passed.device)
        at = int(torch.searchsorted(passed, goal, right=True))
        # u * total can be rounded up to the total
        return at if at < len(passed) else int(self.weights.nonzero()[-1])

    def _meet(self, one: int) -> None:
        """Lower the weights of the items that are nearer to the newest pick."""
        self.work.rounds += 1
        found = None if self.pruning is None else self.pruning.nearer(one)
        if self.pruning is None or found is None:
            away, again = self.embedding.distances(one)
            torch.minimum(self.weights, away.double(), out=self.weights)
            if self.pruning is not None:
                self.pruning.update(self.weights)
        else:
            places, index = found
            away, again = self.embedding.distances(one, index)
            least = torch.minimum(self.weights.index_select(0, index), away.double())
            self.weights.index_copy_(0, index, least)
            norms = self.embedding.norms.index_select(0, index)
            self.pruning.update_some(places, norms, least)
        self.work.distances += len(away) + again
        self.weights[one] = 0
        self.free[one] = False

    def _prepare(self) -> None:
        chosen = plan(self.embedding)
        if chosen is None:
            self.prune, self.work.fallback = False, True
            return
        self.pruning = Pruning(self.embedding, chosen, self.work)
        self.pruning.update(self.weights)
