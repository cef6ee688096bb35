"""On which labelled items a model is calibrated: on none that it, or the model asked, learned from.

Neither pool nor test labels are ever read: calibration is paid for out of the labels that there
are.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_fraction, check_positive
from pauca.learners.training import hold_out
from pauca.registry import Registry

__all__ = ["AbstractCalibration", "Apart", "CrossFit", "HeldOut", "calibrations"]

calibrations: Registry["AbstractCalibration"] = Registry(
    "calibration", "pauca.learners", "calibrations"
)
"""Every way to calibrate by name."""


@dataclass(frozen=True, eq=False)
class Apart:
    """Positions of labelled items, each int64.

    Args:
        own: What the model itself learns from.
        held: What it is asked about afterwards.
        folds: Of further models: what each learns from, and what it is asked about.
    """

    own: Tensor
    held: Tensor
    folds: tuple[tuple[Tensor, Tensor], ...] = ()


class AbstractCalibration(ABC):
    """Which labelled items are learned, and which tell how sure a model may be.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def apart(self, y: Tensor, generator: Generator) -> Apart:
        """Positions for m >= 1 labelled items, int64 [m]; nothing is held where too few are there.

        Args:
            y: int64 [m].
            generator: Which ones.
        """


@calibrations.register("cross-fit")
@dataclass(frozen=True)
class CrossFit(AbstractCalibration):
    """Further models, each trained without one part of the labelled items and asked about it.

    The model itself learns from all of them. It takes ``folds`` times as many steps besides; parts
    are stratified. With one item there is no calibration.

    Args:
        folds: How many parts, >= 2; as many as there are items where these are fewer.
    """

    folds: int = 3

    name = "cross-fit"
    reference = "Platt, Advances in Large Margin Classifiers, 1999, section 2.1 (cross-validation)"

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.folds, "folds of the calibration", least=2)

    def apart(self, y: Tensor, generator: Generator) -> Apart:
        """Items of each class in random order, dealt out to the parts in turn."""
        y = y.cpu()
        everything, parts = torch.arange(len(y)), min(self.folds, len(y))
        if parts < 2:
            return Apart(everything, everything[:0])
        mixed = torch.randperm(len(y), generator=generator)
        dealt = mixed[y[mixed].argsort(stable=True)]
        part = torch.empty_like(dealt)
        part[dealt] = everything % parts
        folds = [(everything[part != p], everything[part == p]) for p in range(parts)]
        return Apart(everything, everything[:0], tuple(folds))


@calibrations.register("held-out")
@dataclass(frozen=True)
class HeldOut(AbstractCalibration):
    """A part of the labelled items that the model does not learn from.

    It costs labels and no steps. Classes of one item give none, so with very few labels nothing may
    be left to calibrate on.

    Args:
        share: Of the labelled items, in (0, 1), stratified.
    """

    share: float = 0.2

    name = "held-out"
    reference = "Guo, Pleiss, Sun and Weinberger, ICML 2017, section 4"

    def __post_init__(self) -> None:
        """Check."""
        check_positive(self.share, "share of the calibration")
        check_fraction(self.share, "share of the calibration", open_end=True)

    def apart(self, y: Tensor, generator: Generator) -> Apart:
        """The rest learned, the part held."""
        return Apart(*hold_out(y, self.share, generator))
