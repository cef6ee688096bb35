"""Numbers on record: single runs of the published code, beside which a study's means are set.

Source: Tosato, Basile, Ballarin, de Alteriis, Cazzaniga and Ansuini, "Emergent representations in
networks trained with the Forward-Forward algorithm", TMLR 2025, arXiv 2305.18353, and what its
public code gives when it is run. Test images, true label shown, correctly classified ones only.
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ACCURACY", "HOYER", "SOURCE", "accuracy_on_record", "hoyer_on_record"]

SOURCE = (
    "single runs of the public code of Tosato et al. (TMLR 2025, arXiv 2305.18353); test images,"
    " true label shown, correct items only"
)

HOYER: Mapping[str, Mapping[str, tuple[tuple[float, ...], ...]]] = MappingProxyType(
    {
        "mnist": {
            "forward-forward": ((0.845, 0.633, 0.756), (0.805, 0.576, 0.457)),
            "bp-ff": ((0.937, 0.793, 0.255),),
            "backprop": ((0.495, 0.365, 0.340),),
        },
        "fashion-mnist": {
            "forward-forward": ((0.725, 0.512, 0.479),),
            "bp-ff": ((0.880, 0.826, 0.016),),
            "backprop": ((0.347, 0.238, 0.246),),
        },
        "svhn": {
            "forward-forward": ((0.887, 0.601, 0.774),),
            "bp-ff": ((0.800, 0.880, 0.674),),
            "backprop": ((0.471, 0.861, 0.748),),
        },
    }
)
"""{data set: {learner: runs of Hoyer sparsity, input side first}}."""

ACCURACY: Mapping[str, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "mnist": {
            "forward-forward": (0.93, 0.96),
            "bp-ff": (0.97, 0.97),
            "backprop": (0.98, 0.987),
        },
        "fashion-mnist": {
            "forward-forward": (0.83, 0.85),
            "bp-ff": (0.87, 0.88),
            "backprop": (0.88, 0.90),
        },
        "svhn": {
            "forward-forward": (0.60, 0.64),
            "bp-ff": (0.79, 0.84),
            "backprop": (0.83, 0.88),
        },
    }
)
"""{data set: {learner: lowest and highest test accuracy}}."""


def hoyer_on_record(data: str, learner: str, depth: int) -> tuple[float, ...]:
    """Hoyer sparsity of layer ``depth`` (0 is next to the input), one a run; empty if unknown."""
    runs = HOYER.get(data, {}).get(learner, ())
    return tuple(run[depth] for run in runs if depth < len(run))


def accuracy_on_record(data: str, learner: str) -> tuple[float, float] | None:
    """Lowest and highest test accuracy of the published runs; None if unknown."""
    return ACCURACY.get(data, {}).get(learner)
