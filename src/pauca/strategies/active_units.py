"""Which units an item activates: novelty beside known ensembles, and codes that cover the pool."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from pauca.analysis import ks_mean_members, mean_ratio, overlap_novelty, selective
from pauca.errors import InputError
from pauca.outputs import Outputs, widened
from pauca.select.codes import k_center_codes, pack_bits
from pauca.select.points import blocks, check_points
from pauca.strategies._common import features_of, labelled_features
from pauca.strategies.base import AbstractScore, AbstractStrategy, strategies

__all__ = ["EnsembleNovelty", "SparseCodeCenter"]

_FEATURES = frozenset({"probs", "features"})
_CODES = "active_units"
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@strategies.register("ensemble-novelty")
class EnsembleNovelty(AbstractScore):
    """1 - max_y |A and E_y| / |A or E_y|, A the units that an item activates, E_y ensembles.

    In [0, 1]. The ensemble of a class is found on the labelled items; an item whose active units
    are no class's ensemble is asked first, and so is one that activates nothing. Forward-Forward's
    features are the activity of all layers under the neutral label, which says nothing of a class.
    Before any class has an ensemble all items are equal.

    Args:
        definition: How ensembles are found: ``mean-ratio``, which needs one item of a class;
            ``selective``, tested and so for more labels; or ``ks-mean``, as published.
        ratio: c of ``mean-ratio``: how much more active than the others a member is.
        threshold: A unit is active if its magnitude is above it, >= 0.
    """

    name = "ensemble-novelty"
    family = "active units"
    needs = _FEATURES
    reads_labelled = True
    cost = "O(m d) (selective: O(c m d), ks-mean: O(m d^2)) and O(n c d + n log n)"
    reference = (
        "Tosato et al., TMLR 2025 (ensembles, shared units); as a question to ask: pauca's own"
    )
    when = "sparse codes whose categories have units of their own; finds categories not yet asked"

    def __init__(
        self,
        definition: Literal["mean-ratio", "selective", "ks-mean"] = "mean-ratio",
        ratio: NotNegative = 1.0,
        threshold: NotNegative = 0.0,
    ) -> None:
        self.definition, self.ratio, self.threshold = definition, ratio, threshold

    def score(self, pool: Outputs) -> Tensor:
        """Zero for every item, while nothing is labelled, float64 [n]."""
        return torch.zeros(pool.n, dtype=torch.float64, device=pool.probs.device)

    def scorer(self, labelled: Outputs | None) -> Callable[[Outputs], Tensor]:
        """1 - the highest overlap with an ensemble of the labelled items."""
        members = self._members(labelled)
        return self.score if members is None else partial(self._novelty, members)

    def _members(self, labelled: Outputs | None) -> Tensor | None:
        """Ensembles, bool [c, d], or None while there are none."""
        x = labelled_features(labelled)
        if labelled is None or x is None:
            return None
        if labelled.labels is None:
            raise InputError(
                "the labelled items' Outputs have no labels",
                expected="int64 [m]",
                got="None",
                todo="give what was answered as labels",
            )
        activity, y = x.double().abs(), labelled.labels
        if self.definition == "mean-ratio":
            members = mean_ratio(activity, y, c=self.ratio).members
        elif self.definition == "ks-mean":
            members = ks_mean_members(activity, y)
        elif len(set(y.tolist())) < 2:
            return None  # nothing to be selective about
        else:
            members = selective(activity, y).members
        return members if bool(members.any()) else None

    def _novelty(self, members: Tensor, pool: Outputs) -> Tensor:
        x = features_of(pool)
        parts = [
            overlap_novelty(x[low:high].double(), members, threshold=self.threshold)
            for low, high in blocks(*x.shape)
        ]
        return torch.cat([self.score(pool)[:0], *parts])


@strategies.register("sparse-code-center")
class SparseCodeCenter(AbstractStrategy):
    """k-center on the sets of active units: the Hamming distance of binary codes.

    Each choice is the item whose active units differ in most places from those of the nearest
    labelled or chosen item. Codes take one bit a unit, 1/32 of the floats, and pools are packed
    block by block, so that a million items fit in memory; distances are whole numbers, and the
    answer is that of k-center on the bits. How active a unit is does not count.

    Args:
        threshold: A unit is active if its magnitude is above it, >= 0.
    """

    name = "sparse-code-center"
    family = "active units"
    needs = _FEATURES
    reads_labelled = True
    cost = "at most O(n (m + k) d / 64) time, O(n d / 64) words of memory"
    reference = "Sener and Savarese, ICLR 2018, algorithm 1, on binary codes: pauca's own"
    when = (
        "large pools with sparse codes, such as Forward-Forward's, when batches should not repeat"
    )

    def __init__(self, threshold: NotNegative = 0.0) -> None:
        self.threshold = threshold

    def reduced(self, pool: Outputs) -> Outputs:
        """The codes in place of the features."""
        x = features_of(pool)
        codes = self._codes(x).to(pool.ids.device)
        return replace(pool, features=None, goodness=None, extras={_CODES: codes})

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions of the k farthest codes, in the order of choice."""
        known = labelled_features(labelled)
        codes = pool.extras[_CODES]
        return k_center_codes(codes, k, None if known is None else self._codes(known))

    def _codes(self, x: Tensor) -> Tensor:
        check_points(x, "features")
        parts = [
            pack_bits(widened(x[low:high]).abs() > self.threshold) for low, high in blocks(*x.shape)
        ]
        return torch.cat(parts) if parts else pack_bits(x != 0)
