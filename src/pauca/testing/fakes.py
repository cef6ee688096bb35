"""Outputs, a learner and data sets that need no training, no download and no time."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.checks import check_count
from pauca.data.dataset import Dataset, Split, Task
from pauca.learners.base import AbstractLearner, FitReport, LabelInput, Progress
from pauca.outputs import Outputs
from pauca.rng import generator_from, split

__all__ = ["FakeLearner", "fake_outputs", "tiny_image_dataset", "tiny_table_dataset"]


def fake_outputs(
    n: int = 40,
    c: int = 4,
    d: int = 0,
    s: int = 1,
    l: int = 0,  # noqa: E741 - the letter of layers everywhere
    seed: int = 0,
    *,
    labelled: bool = False,
    extras: Iterable[str] = (),
    dtype: torch.dtype = torch.float32,
    first: int = 0,
) -> Outputs:
    """Random Outputs of n items with ids that are neither sorted nor without gaps.

    Args:
        n: Items.
        c: Classes.
        d: Features; 0 for none.
        s: Members.
        l: Layers of goodness; 0 for none.
        seed: Seed of every number.
        labelled: Whether the items have labels.
        extras: Names of extra columns, float [n].
        dtype: Type of every float.
        first: Least id that may occur; ids lie in [first, first + 3 n).
    """
    g = generator_from(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    member = 0.5 * normal(s, n, c)
    probs = (2 * normal(n, c) + member).softmax(-1).to(dtype)
    features = normal(n, d).to(dtype) if d else None
    goodness = normal(n, c, l).exp().to(dtype) if l else None
    return Outputs(
        ids=first + torch.randperm(3 * n, generator=g)[:n],
        probs=probs,
        features=features,
        goodness=goodness,
        labels=torch.randint(c, (n,), generator=g) if labelled else None,
        extras={name: normal(n).to(dtype) for name in extras},
    )


class FakeLearner(AbstractLearner):
    """Nearest class mean over the flattened items, softened by weights drawn as a net's would be.

    Computed in float64 one item at a time, so that no answer depends on which items share a batch.

    Args:
        task: What is learned.
        device: Where to compute.
        members: Members s that ``outputs`` gives when asked; each shifts every item's class scores
            by the same draw.
        layers: Layers l of goodness; 0 for none.
        extras: Names of extra columns it gives.
    """

    name = "fake"
    summary = "nearest class mean, for tests"
    reference = "none"

    def __init__(
        self,
        *,
        task: Task,
        device: str = "cpu",
        members: int = 3,
        layers: int = 2,
        extras: tuple[str, ...] = (),
    ) -> None:
        super().__init__(task=task, device=device)
        self.members = check_count(members, "members", least=1)
        self.layers = check_count(layers, "layers")
        self.extras = extras
        self.fits = 0
        self._weights: dict[str, Tensor] = {}

    @property
    def gives(self) -> frozenset[str]:
        """Probs and features; members, goodness and extra columns as constructed."""
        more = {"members"} if self.members > 1 else set()
        more |= {"goodness"} if self.layers else set()
        more |= {"layers"} if self.layers > 1 else set()
        return frozenset({"probs", "features", *more, *self.extras})

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load_state`` was called."""
        return bool(self._weights)

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Class means of the items; a class without any keeps its first weights."""
        self.check_fit(x, y)
        (init,) = split(generator, "init")
        items = self._items(x)
        first = torch.randn(self.task.c, items.shape[1], generator=init, dtype=torch.float64)
        first = first.to(self.device)
        y = y.to(self.device)
        # [c, n] x [n, d] -> [c, d]
        onehot = (torch.arange(self.task.c, device=self.device)[:, None] == y).to(torch.float64)
        means = (onehot @ items + 0.1 * first) / (onehot.sum(1, keepdim=True) + 0.1)
        self._weights = {"first": first, "means": means}
        self.fits += 1
        if progress is not None:
            progress(1.0)
        return FitReport(steps=1, examples=len(x), history=({"items": float(len(x))},))

    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = frozenset({"probs"}),
        generator: Generator | None = None,
    ) -> Outputs:
        """What nearest class means say of these items."""
        self.check_gives(needs)
        self.check_fitted()
        self.check_items(x)
        items = self._items(x)
        # [n, 1, d] - [c, d] -> [n, c]
        squares = ((items[:, None] - self._weights["means"]) ** 2).sum(-1)
        scores = (-squares / items.shape[1] ** 0.5).unsqueeze(0)
        if "members" in needs:
            g = generator if generator is not None else generator_from(0)
            shift = torch.randn(self.members, 1, self.task.c, generator=g, dtype=torch.float64)
            scores = scores + 0.3 * shift.to(self.device)
        layer = torch.arange(1, self.layers + 1, dtype=torch.float64, device=self.device)
        return Outputs(
            ids=ids.to(self.device),
            probs=scores.softmax(-1),
            features=items if "features" in needs else None,
            goodness=1 / (1 + squares[..., None] * layer)
            if needs & {"goodness", "layers"}
            else None,
            extras={name: squares.amin(1) for name in self.extras if name in needs},
        )

    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        """One layer: how much nearer each class mean is than the farthest one, float [n, c]."""
        probs = self.outputs(x, torch.arange(len(x))).probs[0]
        return {"layer1": probs.to(torch.float32)}

    def state(self) -> dict[str, Any]:
        """First weights and class means."""
        return {name: weight.clone() for name, weight in self._weights.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._weights = {name: weight.to(self.device) for name, weight in state.items()}

    def _items(self, x: Tensor) -> Tensor:
        return self.task.evaluate(x.to(self.device), None).to(torch.float64).flatten(1)


def _scaled(x: Tensor, generator: Generator | None) -> Tensor:
    return x.to(torch.float32) / 255


def _shifted(x: Tensor, generator: Generator | None) -> Tensor:
    if generator is None:
        return _scaled(x, None)
    step = int(torch.randint(-1, 2, (), generator=generator))
    return _scaled(x.roll(step, dims=-1), None)


def _floats(x: Tensor, generator: Generator | None) -> Tensor:
    return x.to(torch.float32)


def tiny_image_dataset(n: int = 60, *, c: int = 3, size: int = 8, seed: int = 0) -> Dataset:
    """Small images, n for training and n/2 for test: uint8 [1, size, size].

    A bright bar for each class over noise. Two groups (left or right half of the noise
    brighter), so that a worst group can be told.
    """
    g = generator_from(seed)
    task = Task(
        name="tiny-images",
        kind="image",
        shape=(1, size, size),
        classes=tuple(f"bar {k}" for k in range(c)),
        evaluate=_scaled,
        train=_shifted,
    )

    def draw(count: int) -> Split:
        y = torch.arange(count)[torch.randperm(count, generator=g)] % c
        groups = torch.randint(2, (count,), generator=g)
        x = torch.randint(0, 120, (count, 1, size, size), generator=g)
        rows = torch.arange(size) * c // size
        # [count, 1, size, 1]: the rows of the item's class are brighter
        x += 100 * (rows == y[:, None])[:, None, :, None]
        half = torch.arange(size) * 2 // size
        x += 30 * (half == groups[:, None])[:, None, None, :]
        return Split(x=x.to(torch.uint8), y=y, groups=groups)

    return Dataset(
        task=task,
        train=draw(n),
        test=draw(max(n // 2, c)),
        group_names=("left", "right"),
        licence="CC0-1.0",
        source="pauca.testing",
    )


def tiny_table_dataset(n: int = 60, *, c: int = 3, d: int = 5, seed: int = 0) -> Dataset:
    """Small rows, n for training and n/2 for test, float32 [d]: one normal blob a class."""
    g = generator_from(seed)
    task = Task(
        name="tiny-table",
        kind="table",
        shape=(d,),
        classes=tuple(f"blob {k}" for k in range(c)),
        evaluate=_floats,
        train=_floats,
    )
    centres = 2 * torch.randn(c, d, generator=g)

    def draw(count: int) -> Split:
        y = torch.arange(count)[torch.randperm(count, generator=g)] % c
        return Split(x=centres[y] + torch.randn(count, d, generator=g), y=y)

    return Dataset(
        task=task,
        train=draw(n),
        test=draw(max(n // 2, c)),
        licence="CC0-1.0",
        source="pauca.testing",
    )
