"""Multinomial logistic regression on features, in torch so that it runs where the features are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["LinearProbe"]

_BLOCK = 8192
_STEPS = 100


class LinearProbe(nn.Module):
    """Softmax of a linear map of standardised features.

    Minimises mean cross-entropy + penalty / 2 * squared weights (not the bias), a convex problem
    solved from zero by L-BFGS on all items at once: no random number is used.

    Args:
        d: Features.
        classes: c.
        penalty: Of the squared weights, >= 0.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, d: int, classes: int, penalty: float) -> None:
        super().__init__()
        self.penalty = penalty
        self.weight = nn.Parameter(torch.zeros(classes, d))
        self.bias = nn.Parameter(torch.zeros(classes))
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("scale", torch.ones(d))

    def fit(self, features: Tensor, y: Tensor) -> None:
        """Learn from n items.

        Args:
            features: float [n, d], on the device of the probe.
            y: int64 [n].
        """
        variance, mean = torch.var_mean(features, 0, correction=0)
        self.mean.copy_(mean)
        # a constant feature says nothing and stays 0
        self.scale.copy_(torch.where(variance > 1e-12, variance.rsqrt(), 0.0))
        optimiser = torch.optim.LBFGS(
            [self.weight, self.bias], max_iter=_STEPS, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = self.weight.square().sum() * (self.penalty / 2)
            loss.backward()  # type: ignore[no-untyped-call]
            total = loss.detach()
            for some, right in zip(
                torch.split(features, _BLOCK), torch.split(y, _BLOCK), strict=True
            ):
                part = F.cross_entropy(self(some), right, reduction="sum") / len(y)
                part.backward()  # type: ignore[no-untyped-call]
                total = total + part.detach()
            return total

        with torch.enable_grad():
            optimiser.step(closure)  # type: ignore[no-untyped-call]
        self.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """Logits, float [n, d] -> [n, c]."""
        return F.linear((features - self.mean) * self.scale, self.weight, self.bias)
