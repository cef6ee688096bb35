"""From stored items to what a Forward-Forward net reads, and the label code that fits them."""

import torch
from torch import Tensor

from pauca.data.augment import ToFloat
from pauca.data.dataset import Task
from pauca.data.sparse import as_dense
from pauca.forward import AbstractLabelCode, Recipe

__all__ = ["Encoding"]

_BLOCK = 8192
_APPENDED = 0.3  # length of an appended label, in median lengths of a training item


class Encoding:
    """Stored items [b, ...] -> flattened floats [b, d] on the device.

    Args:
        task: What is learned.
        pixels: ``task`` for the task's own transform, ``unit`` for grey levels in [0, 1],
            ``centred`` for these less the mean training item.
        device: Where.
    """

    def __init__(self, task: Task, pixels: str, device: torch.device) -> None:
        self._task, self._pixels, self._device = task, pixels, device
        self.centre: Tensor | None = None
        """The mean training item, float [d], where it is taken off; a constant of the model."""

    def __call__(self, x: Tensor) -> Tensor:
        """Flattened items, float [b, d]."""
        seen = self._levels(x)
        return seen if self.centre is None else seen - self.centre

    def learn(self, x: Tensor) -> None:
        """Take what depends on the training items from them, [n, ...]."""
        self.centre = None
        if self._pixels == "centred":
            parts = [
                self._levels(part).sum(0, dtype=torch.float64) for part in torch.split(x, _BLOCK)
            ]
            self.centre = (torch.stack(parts).sum(0) / len(x)).float()

    def _levels(self, x: Tensor) -> Tensor:
        """Before anything is taken off, float [b, d]."""
        x = as_dense(x).to(self._device)
        if self._pixels != "task" and x.ndim == 4:
            return ToFloat().apply(x, None).flatten(1)
        return self._task.evaluate(x, None).flatten(1)

    def code(self, recipe: Recipe, appended: float) -> AbstractLabelCode:
        """The label code for this task; ``appended`` is the length of a label outside images.

        Raises:
            InputError: the items cannot carry it.
        """
        shape, c = self._task.shape, self._task.c
        if len(shape) != 3:
            return recipe.code(shape, c, [appended], [0.0])
        # [2, channels], black and white
        levels = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, *shape)
        seen = self._levels(levels).cpu().view(2, shape[0], -1)
        return recipe.code(shape, c, seen[1].amax(1).tolist(), seen[0].amin(1).tolist())

    def appended(self, x: Tensor) -> float:
        """Length of an appended label, from the training items; 1 if they are all zero."""
        if len(self._task.shape) == 3:
            return 1.0
        length = float(self(x).norm(dim=1).median())
        return _APPENDED * length if length > 0 else 1.0
