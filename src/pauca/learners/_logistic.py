"""Softmax regression on rows as a learner: the linear head of ``probe``."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from pauca.checks import check_size
from pauca.data.dataset import Task
from pauca.data.sparse import SparseRows, as_dense
from pauca.errors import InputError
from pauca.learners._softmax import softmax_regression
from pauca.learners.attack import Attack
from pauca.learners.base import LOGITS, AbstractLearner, FitReport, LabelInput, Progress
from pauca.nets import AbstractNet
from pauca.outputs import Outputs

__all__ = ["LinearNet", "Logistic"]

_DEEPFOOL = "adversarial_deepfool"


class LinearNet(AbstractNet):
    """Rows and a linear map: features are the rows themselves."""

    name = "linear"
    summary = "a linear head on the rows"
    reference = "none"

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        # on no device: nothing is drawn, and both are put in right away
        head = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        head.weight, head.bias = nn.Parameter(weight.float()), nn.Parameter(bias.float())
        super().__init__({"rows": nn.Flatten()}, head, ("rows",))


class Logistic(AbstractLearner):
    """Softmax regression with an L2 penalty, solved to the optimum in float64; no random number.

    Args:
        l2: Of the squared weights, bias included.
        attack: How near the boundary is.
        task: Of rows that need no transform, float [n, d].
        device: Where to predict.
    """

    name = "probe"
    summary = "softmax regression"
    reference = "none"

    def __init__(self, *, l2: float, attack: Attack, task: Task, device: str) -> None:
        super().__init__(task=task, device=device)
        self.l2, self.attack = l2, attack
        self._weights: tuple[Tensor, Tensor] | None = None
        self._net: LinearNet | None = None

    @property
    def gives(self) -> frozenset[str]:
        """Probabilities, the rows as features, boundary distances."""
        return frozenset({"probs", LOGITS, "features", *Attack.columns})

    @property
    def fitted(self) -> bool:
        """Whether there are weights."""
        return self._net is not None

    @property
    def net(self) -> LinearNet:
        """The head as a net, float32, in evaluation mode."""
        self.check_fitted()
        return cast(LinearNet, self._net)

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Solve for n rows; the generator is left alone.

        Raises:
            InputError: no rows, labels outside the task, sizes that differ.
            RunError: the optimum was not reached; the learner stays as it was.
        """
        self.check_fit(x, y)
        found = softmax_regression(x, y, self.task.c, self.l2)
        self._take(found.weight, found.bias)
        if progress is not None:
            progress(1.0)
        steps = max(1, found.steps)
        record = {"step": float(steps), "loss": found.loss / len(x), "gap": found.gap}
        return FitReport(steps, steps * len(x), history=(record,))

    @torch.inference_mode()
    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = frozenset({"probs"}),
        generator: Generator | None = None,
    ) -> Outputs:
        """What the head says of these rows, all in one product.

        Raises:
            CapabilityError: ``needs`` is not within ``gives``.
            InputError: not trained yet; rows that are not finite.
        """
        self.check_gives(needs)
        self.check_fitted()
        self.check_items(x)
        check_size(ids, len(x), "ids")
        rows = x.to(self.device)
        sparse = isinstance(rows, SparseRows) and rows.device.type == "cpu"
        logits = self._product(cast(SparseRows, rows)) if sparse else self.net(rows)
        with torch.inference_mode(mode=False):  # plain tensors, that any later step may use
            parts = map(as_dense, (rows,))  # dense if anybody asks
            extras = self.attack.distances(self.net, parts, needs - {_DEEPFOOL})
            if _DEEPFOOL in needs:
                extras[_DEEPFOOL] = _distances(
                    logits.clone(), self.net.get_parameter("head.weight").detach()
                )
            if LOGITS in needs:
                extras[LOGITS] = logits.clone()
            return Outputs(
                extras=extras,
                ids=ids.to(self.device),
                probs=logits[None].log_softmax(-1).exp(),  # [n, c] -> [1, n, c]
                features=as_dense(rows) if "features" in needs else None,
            )

    def _product(self, rows: SparseRows) -> Tensor:
        """Logits of rows that are mostly zeros, float [n, c]: the net's, but for rounding."""
        weight, bias = (self.net.get_parameter(f"head.{name}") for name in ("weight", "bias"))
        found = rows.scipy() @ weight.detach().T.numpy()
        return torch.from_numpy(found).add_(bias.detach())

    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        """The rows themselves, float [n, d]."""
        self.check_fitted()
        self.check_items(x)
        return {"rows": as_dense(x).to(self.device, copy=True)}

    def state(self) -> dict[str, Any]:
        """Weights in float64."""
        self.check_fitted()
        weight, bias = cast(tuple[Tensor, Tensor], self._weights)
        return {"weight": weight.clone(), "bias": bias.clone()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: weights of another shape, or none.
        """
        weight, bias = state.get("weight"), state.get("bias")
        c, d = self.task.c, self.task.shape[0]
        for found, shape in ((weight, (c, d)), (bias, (c,))):
            if not isinstance(found, Tensor) or tuple(found.shape) != shape:
                raise InputError(
                    "this state belongs to another probe",
                    expected=f"weights [{c}, {d}] and bias [{c}]",
                    got=list(found.shape) if isinstance(found, Tensor) else type(found).__name__,
                    todo="make the learner with the settings and for the task it was trained with",
                )
        self._take(cast(Tensor, weight).clone(), cast(Tensor, bias).clone())

    def _take(self, weight: Tensor, bias: Tensor) -> None:
        net = LinearNet(weight, bias).to(self.device)
        self._weights, self._net = (weight.cpu(), bias.cpu()), net.eval()


def _distances(logits: Tensor, weight: Tensor) -> Tensor:
    """To the nearest plane between the likeliest class and another, float [n]: DeepFool, exactly.

    On a linear net its first step is the last one: min_k (z_y - z_k) / |w_y - w_k|. +inf where no
    other class has other weights.

    Reference: Moosavi-Dezfooli, Fawzi and Frossard, CVPR 2016, eq. 8.
    """
    top, own = logits.max(1)
    apart = torch.cdist(weight.double(), weight.double()).to(logits.dtype)[own]  # [n, c]
    ratio = torch.where(apart > 0, (top[:, None] - logits) / apart, torch.inf)
    return ratio.scatter(1, own[:, None], torch.inf).amin(1)
