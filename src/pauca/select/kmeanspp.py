"""k-means++ (D^2) seeding for plain embeddings and for badge's factorised ones."""

import torch
from torch import Generator, Tensor

from pauca.checks import check_count
from pauca.select.embedding import Embedding
from pauca.select.sketch import Sketch, plan
from pauca.select.work import Work

__all__ = ["badge_seeding", "kmeans_plusplus"]

_WARM = 8
_LEAST_WORK = 2**20
_LIMIT = 0.25


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
        self.sketch: Sketch | None = None
        self.slack = norms
        self.pause, self.wait = 1, 0

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
        passed = self.weights.cumsum(0)
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
        index = None if self.sketch is None else self._nearer(self.sketch, one)
        if index is None:
            away, again = self.embedding.distances(one)
            self.work.distances += len(away) + again
            torch.minimum(self.weights, away.double(), out=self.weights)
            if self.sketch is not None:
                self.slack = self._slack()
        else:
            away, again = self.embedding.distances(one, index)
            self.work.distances += len(away) + again
            self.weights[index] = torch.minimum(self.weights[index], away.double())
            self.slack[index] = self._slack(index)
        self.weights[one] = 0
        self.free[one] = False

    def _nearer(self, sketch: Sketch, one: int) -> Tensor | None:
        """Candidates by the bound; None where a plain pass costs less, or while it was given up."""
        if self.wait > 0:
            self.wait -= 1
            return None
        index, price, read = sketch.nearer(one, self.slack, _LIMIT)
        self.work.bounds += read
        if price > 1:
            self.wait, self.pause = self.pause, min(64, 2 * self.pause)
            self.work.fallback |= self.pause > 16
        else:
            self.pause = 1
        return index

    def _prepare(self) -> None:
        chosen = plan(self.embedding)
        if chosen is None:
            self.prune, self.work.fallback = False, True
            return
        self.sketch = Sketch(self.embedding, chosen)
        self.work.bounds += self.embedding.n * chosen.second
        self.slack = self._slack()

    def _slack(self, index: Tensor | None = None) -> Tensor:
        """Half of (squared length less least squared distance), rounded down."""
        norms = self.embedding.norms if index is None else self.embedding.norms[index]
        weights = self.weights if index is None else self.weights[index]
        gamma = self.embedding.gamma
        low = norms * (1 - 8 * gamma) - weights.to(norms.dtype) * (1 + 4 * gamma)
        return low.div_(2)
