"""Principal components of pixels or rows, fitted on the training part, exact."""

from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from pauca.data.augment import Pipeline
from pauca.data.dataset import Dataset, Task
from pauca.errors import DataError, InputError
from pauca.features.base import AbstractExtractor, Extracted, extractors, inputs
from pauca.select.pca import signed

__all__ = ["PCA"]


@extractors.register("pca")
class PCA(AbstractExtractor):
    """Coordinates along the directions of the largest variance, after the evaluation transform.

    Mean and directions come from the training part, without its labels: the covariance is summed
    in float64 block by block and its leading eigenvectors are computed, so the answer is exact. A
    direction's sign is such that its largest coefficient is positive. Directions in which nothing
    varies are left out, so fewer than asked for may come out.

    Args:
        dimensions: How many.
        scale: ``common`` divides all coordinates by one number, so that their mean variance is 1
            and distances keep their proportions; ``whiten`` gives each a variance of 1; ``none``
            leaves them as they are.

    Cost: O(n d^2 + d^3) time, O(d^2) memory; d^2 numbers of 8 bytes have to fit.
    """

    name = "pca"
    summary = "principal components of the pixels or rows, fitted on the training part"
    reference = "Pearson, 1901; Jolliffe, Principal Component Analysis, 2002"

    def __init__(
        self,
        *,
        dimensions: Annotated[int, Field(ge=1)] = 64,
        scale: Literal["common", "whiten", "none"] = "common",
    ) -> None:
        self.dimensions, self.scale = dimensions, scale

    def extract(self, dataset: Dataset, device: torch.device) -> Extracted:
        """Components of both parts; always on the CPU.

        Raises:
            DataError: no items, or all are the same.
        """
        task, x = dataset.task, dataset.train.x
        if not len(x):
            raise DataError(
                "the pool is empty",
                expected="at least two items",
                where=task.name,
                todo="add items to the training part",
            )
        mean, scatter = _moments(task, x)
        # n items vary in n - 1 directions; what else there seems to be is rounding
        axes, variances = _leading(scatter, min(self.dimensions, max(1, len(x) - 1)))
        if not len(variances):
            raise DataError(
                "the items have no principal components",
                expected="at least two items that differ",
                got=f"{len(x)} items, all alike",
                where=dataset.name,
                todo="use another kind of features, or look at the data: nothing varies",
            )
        variances, total = variances / len(x), float(scatter.diagonal().sum()) / len(x)
        if self.scale == "whiten":
            axes = axes / variances.sqrt()
        elif self.scale == "common":
            axes = axes / variances.mean().sqrt()
        test = dataset.test
        return Extracted(
            _project(task, x, mean, axes),
            None if test is None else _project(task, test.x, mean, axes),
            Pipeline(),
            self._notes(mean, variances, total),
            {"mean": mean, "axes": axes},
        )

    def apply(
        self, state: Mapping[str, Any] | None, dataset: Dataset, device: torch.device
    ) -> Tensor:
        """Coordinates along directions that were found before.

        Raises:
            InputError: items of another size.
        """
        assert state is not None
        task, mean, axes = dataset.task, state["mean"], state["axes"]
        if axes.ndim != 2 or {prod(task.shape)} != {len(axes), len(mean)}:
            raise InputError(
                "the items have another size than those that the directions were found for",
                expected=f"{len(mean)} numbers an item",
                got=prod(task.shape),
                todo="bring the items to the size that the model was trained on",
            )
        return _project(task, dataset.train.x, mean, axes)

    def _notes(self, mean: Tensor, variances: Tensor, total: float) -> tuple[str, ...]:
        found, part = len(variances), float(variances.sum()) / total
        scaled = {
            "common": "all divided by one number (mean variance 1)",
            "whiten": "each divided by its deviation",
            "none": "not scaled",
        }[self.scale]
        first = (
            f"features: {found} principal components of {len(mean)} numbers after the evaluation "
            f"transform, fitted on the training part; they hold {100 * part:.1f} % of its variance;"
            f" {scaled}"
        )
        if found == self.dimensions:
            return (first,)
        fewer = f"features: {self.dimensions} components were asked for, and only {found} vary"
        return first, fewer


def _moments(task: Task, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [d] and sum of squared deviations [d, d] (upper half) of n items, float64."""
    import numpy as np
    from scipy.linalg.blas import dsyrk  # half the work of a product, and torch has none

    # near the mean, so that squares do not cancel
    shift = next(inputs(task, x)).flatten(1).double().mean(0)
    total, d = torch.zeros_like(shift), len(shift)
    scatter = np.zeros((d, d), order="F")
    for block in inputs(task, x):
        rows = block.flatten(1).double() - shift
        total += rows.sum(0)
        scatter = dsyrk(1.0, rows.numpy().T, beta=1.0, c=scatter, overwrite_c=True)
    whole = torch.from_numpy(scatter)
    whole -= torch.outer(total, total / len(x))
    return shift + total / len(x), whole


def _leading(scatter: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Directions [d, p] and sums of squares [p] that are not rounding, largest first."""
    from scipy.linalg import eigh

    d = len(scatter)
    sizes, axes = eigh(scatter.numpy(), lower=False, subset_by_index=[max(0, d - most), d - 1])
    found, directions = torch.from_numpy(sizes).flip(0), torch.from_numpy(axes).flip(1)
    least = torch.finfo(torch.float64).eps * d * max(float(found[0]), 0.0)
    kept = found > least
    return signed(directions[:, kept].contiguous()), found[kept]


def _project(task: Task, x: Tensor, mean: Tensor, axes: Tensor) -> Tensor:
    """Coordinates float32 [n, p]."""
    if not len(x):
        return torch.empty(0, axes.shape[1])
    parts = ((block.flatten(1).double() - mean) @ axes for block in inputs(task, x))
    return torch.cat([part.float() for part in parts])
