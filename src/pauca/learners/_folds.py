"""Further trainings that leave out a part of the labelled items each, and are asked about it."""

from typing import TYPE_CHECKING, Any

from torch import Generator, Tensor

from pauca.learners.base import Progress
from pauca.learners.calibrations import Apart
from pauca.learners.starts import Past, share_of

if TYPE_CHECKING:
    from pauca.learners.forward_forward import AbstractForward

__all__ = ["Given", "part_of", "told_apart"]

Given = tuple[tuple[Tensor, Tensor] | None, float]
"""Further items with their labels, and the most that they may be of all; None without any."""


def told_apart(
    learner: "AbstractForward",
    apart: Apart,
    past: Past,
    x: Tensor,
    y: Tensor,
    more: Given,
    generator: Generator,
    progress: Progress | None,
) -> tuple[list[tuple[Tensor, Tensor]], int]:
    """Goodness and labels of what each fold leaves out, and the optimiser steps of all folds.

    Args:
        learner: Whose settings, but for the calibration, the further trainings have.
        apart: What is learned, what is left out.
        past: What every training starts from, the learner's own too.
        x: Labelled items [m, ...].
        y: int64 [m].
        more: Further items that every fold learns from too.
        generator: Source of every random number.
        progress: Told how far all trainings are, the first of which is the learner's own.
    """
    judged, steps = [], 0
    settings: dict[str, Any] = {**learner.settings, "calibration": None}
    for number, (learned, left) in enumerate(apart.folds, start=1):
        fold = type(learner)(**settings, task=learner.task, device=str(learner.device))
        fold.past = past
        given = fold.with_more(x[learned], y[learned], *more)
        part = part_of(progress, apart, number)
        steps += fold.fit(*given, generator=generator, progress=part).steps
        judged.append((fold.model.goodness(x[left]), y[left]))
    return judged, steps


def part_of(progress: Progress | None, apart: Apart | None, number: int = 0) -> Progress | None:
    """Progress of training ``number`` of all, which take equally long."""
    return progress if apart is None else share_of(progress, number, 1 + len(apart.folds))
