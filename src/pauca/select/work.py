"""What a selection cost: distances and bounds computed, for tests and reports."""

from dataclasses import dataclass

__all__ = ["Work"]


@dataclass
class Work:
    """A counter that a kernel adds to; pass one in and read it afterwards.

    Attributes:
        distances: Pairs of points whose distance was computed from all d features.
        bounds: Coordinates multiplied for bounds; d of them cost as much as a distance.
        rounds: Passes over the pool that were started (k-center), or picks (k-means++).
        fallback: Whether pruning was found useless and given up, for a while or for good.
    """

    distances: int = 0
    bounds: int = 0
    rounds: int = 0
    fallback: bool = False

    def total(self, d: int) -> float:
        """Everything in units of one distance between points of d features."""
        return self.distances + self.bounds / d
