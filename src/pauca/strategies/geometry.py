"""Batches that cover the feature space."""

from typing import Annotated

from pydantic import Field
from torch import Generator, Tensor

from pauca.outputs import Outputs
from pauca.select.kcenter import k_center
from pauca.select.kmeans import k_means
from pauca.select.pca import principal_components
from pauca.strategies._common import features_of, labelled_features
from pauca.strategies.base import AbstractStrategy, strategies

__all__ = ["KCenter", "KCenterPca", "KMeans", "KMeansFaiss"]

_FEATURES = frozenset({"probs", "features"})


@strategies.register("k-center")
class KCenter(AbstractStrategy):
    """Greedy farthest point from everything labelled or already chosen.

    Each choice is the item whose nearest labelled or chosen neighbour is farthest away, which
    covers the pool with balls at most twice as large as the best possible. It reads no
    probability and so spends labels on what the model knows already, and on outliers: for batches
    that are large beside the number of classes, on features whose distances mean something.
    """

    name = "k-center"
    family = "geometry"
    needs = _FEATURES
    reads_labelled = True
    cost = "at most O(n (m + k) d) time, O(n + k d) memory"
    reference = "Sener and Savarese, ICLR 2018, algorithm 1"
    when = "large batches whose items should not repeat each other; sensitive to outliers"

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions of the k farthest points, in the order of choice."""
        return k_center(features_of(pool), k, labelled_features(labelled))


@strategies.register("k-center-pca")
class KCenterPca(AbstractStrategy):
    """k-center on the leading principal components of pool and labelled items together.

    In many dimensions all distances become alike; those along the directions of the largest
    variance remain apart, and cost less to compare.

    Args:
        components: How many; all of them where the features have fewer.
    """

    name = "k-center-pca"
    family = "geometry"
    needs = _FEATURES
    reads_labelled = True
    cost = (
        "O((n + m) d^2 + d^3) and at most O(n (m + k) p), p components; O(d^2 + (n + m) p) memory"
    )
    reference = "Sener and Savarese, ICLR 2018, algorithm 1, on 50 principal components (DeepAL+)"
    when = "k-center on wide features, when the small directions are noise"

    def __init__(self, components: Annotated[int, Field(ge=1)] = 50) -> None:
        self.components = components

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions of the k farthest points among the projections."""
        x, known = features_of(pool), labelled_features(labelled)
        low = principal_components(x, self.components, further=known)
        return k_center(low[: len(x)], k, low[len(x) :])


@strategies.register("k-means")
class KMeans(AbstractStrategy):
    """The item nearest to each of k cluster centres of the pool, all distinct.

    It asks for what is typical, where k-center asks for what is extreme: good for the first labels
    of all. It knows neither the labelled items nor what the model is unsure of, so that later
    rounds ask for neighbours of what is labelled.

    Args:
        rounds: Most iterations of Lloyd's algorithm.
    """

    name = "k-means"
    family = "geometry"
    needs = _FEATURES
    cost = "O(rounds n k d) time, O(n + k d) memory"
    reference = "Zhdanov, arXiv 1901.05954, 2019 (there weighted); Lloyd, IEEE Trans. IT 1982"
    when = "small batches that represent the pool; blind to what is already labelled"

    def __init__(self, rounds: Annotated[int, Field(ge=1)] = 100) -> None:
        self.rounds = rounds

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions of the nearest distinct items, in the order of the centres."""
        return k_means(features_of(pool), k, generator, rounds=self.rounds)


@strategies.register("k-means-faiss")
class KMeansFaiss(KMeans):
    """As k-means, from the same seeds, with the clustering done by faiss.

    The pool is copied once, as float32; the items are the same wherever Lloyd's algorithm ends.

    Args:
        rounds: Iterations of Lloyd's algorithm.
    """

    name = "k-means-faiss"
    cost = "O(rounds n k d) time, O(n d) memory"
    reference = "as k-means; clustering by Douze et al., The Faiss library, arXiv 2401.08281, 2024"
    when = "as k-means, when a faiss built for this machine is faster"

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions of the nearest distinct items, in the order of the centres."""
        x = features_of(pool)
        return k_means(x, k, generator, rounds=self.rounds, engine="faiss")
