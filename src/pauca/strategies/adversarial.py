"""Items close to the decision boundary, as adversarial attacks measure it."""

from torch import Tensor

from pauca.outputs import Outputs
from pauca.strategies._common import column_of
from pauca.strategies.base import AbstractScore, strategies

__all__ = ["AdversarialBim", "AdversarialDeepfool"]


@strategies.register("adversarial-bim")
class AdversarialBim(AbstractScore):
    """Minus the L2 length at which iterated signed gradient steps flip the prediction.

    The distance to the boundary is measured in the input, along one path of equal steps, so it
    is coarse. Only for inputs whose distances mean something, such as pixels.
    """

    name = "adversarial-bim"
    family = "adversarial"
    needs = frozenset({"probs", "adversarial_bim"})
    cost = "O(n log n) on top of up to 100 forward and backward passes an item"
    reference = "Kurakin, Goodfellow and Bengio, ICLR workshop 2017; Ducoffe and Precioso, 2018"
    when = "distance to the boundary in input space, when passes over the pool are cheap"

    def score(self, pool: Outputs) -> Tensor:
        """-distance, float [n]; an item that never flips is minus infinity, last."""
        return -column_of(pool, "adversarial_bim")


@strategies.register("adversarial-deepfool")
class AdversarialDeepfool(AbstractScore):
    """Minus DeepFool's distance to the nearest decision boundary.

    Exact for a linear net; for others a short walk along linearisations, nearer to the true
    distance than adversarial-bim's in far fewer steps. With more than ten classes the ten likeliest
    are in the running.
    """

    name = "adversarial-deepfool"
    family = "adversarial"
    needs = frozenset({"probs", "adversarial_deepfool"})
    cost = "O(n log n) on top of a few steps an item: two passes and min(c, 10) - 1 gradients each"
    reference = "Moosavi-Dezfooli, Fawzi and Frossard, CVPR 2016; Ducoffe and Precioso, 2018"
    when = "as adversarial-bim, with fewer steps and a finer distance"

    def score(self, pool: Outputs) -> Tensor:
        """-distance, float [n]; an item that never flips is minus infinity, last."""
        return -column_of(pool, "adversarial_deepfool")
