"""The repetitions that every strategy of a group finished: what paired statistics rest on."""

import math
from dataclasses import dataclass

import numpy as np

from pauca.metrics import area_under_budget_curve
from pauca.metrics.arrays import Floats
from pauca.report.curves import points
from pauca.report.view import Group, StudyView

__all__ = ["Blocks", "blocks", "upper_bound"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Learning curves of m strategies in the same r repetitions at the same t budgets.

    Args:
        group: They come from.
        names: Labels of the strategies, [m].
        repetitions: Numbers of the repetitions, [r], r >= 1.
        labels: Labels spent, [t], increasing.
        curves: Measure, [m, r, t].
        left_out: Labels of strategies without a finished repetition.
    """

    group: Group
    names: tuple[str, ...]
    repetitions: tuple[int, ...]
    labels: tuple[int, ...]
    curves: Floats
    left_out: tuple[str, ...]

    @property
    def areas(self) -> Floats:
        """Area under the budget curve, [m, r]."""
        return np.array(
            [[area_under_budget_curve(self.labels, curve) for curve in s] for s in self.curves]
        )

    def of(self, name: str) -> Floats:
        """Curves of one strategy, [r, t]."""
        found: Floats = self.curves[self.names.index(name)]
        return found


def blocks(group: Group, metric: str = "accuracy") -> Blocks | None:
    """The complete repetitions of a group; None where there is none, or one strategy only.

    A strategy that finished no repetition at all is left out and named; of the others, only
    repetitions that each of them finished with a number in every round count.
    """
    held = {}
    for series in group.series:
        done = {r for r, _ in series.done}
        runs = {
            r: by_labels
            for r, by_labels in points(series, metric).items()
            if r in done and by_labels and not any(map(math.isnan, by_labels.values()))
        }
        if runs:
            held[series.label] = runs
    if len(held) < 2:
        return None
    budgets = {tuple(by_labels) for runs in held.values() for by_labels in runs.values()}
    common = sorted(set.intersection(*(set(runs) for runs in held.values())))
    if not common or len(budgets) != 1:
        return None
    (labels,) = budgets
    curves = np.array([[list(runs[r].values()) for r in common] for runs in held.values()])
    left = tuple(series.label for series in group.series if series.label not in held)
    return Blocks(group, tuple(held), tuple(common), labels, curves, left)


def upper_bound(view: StudyView, group: Group, metric: str = "accuracy") -> dict[int, float]:
    """{repetition: measure with every label of the pool} of the group's learner, data and pool."""
    for bound in view.kind("bound"):
        if all(group.settings.get(key) == value for key, value in bound.settings.items()):
            for series in bound.series:
                if series.runs[0][1].spec.settings["learner"] == group.settings.get("learner"):
                    return {
                        r: next(iter(by_labels.values()))
                        for r, by_labels in points(series, metric).items()
                        if by_labels and not any(map(math.isnan, by_labels.values()))
                    }
    return {}
