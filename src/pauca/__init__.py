"""pauca: learn from few labels, and study the few units that carry what is learned.

Everything public is reachable from here and imported when first touched, so that ``import pauca``
(and ``pauca --help``) stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pauca import analysis, errors, label, metrics, testing
    from pauca.data import Dataset, Split, Task, dataset_from, load_dataset
    from pauca.errors import PaucaError
    from pauca.learners import AbstractLearner, make_learner
    from pauca.learners._estimator import ForwardForwardClassifier
    from pauca.oracle import AbstractOracle, VaultOracle
    from pauca.outputs import Outputs
    from pauca.rng import Streams
    from pauca.session import Session
    from pauca.strategies import AbstractStrategy, make_strategy

_HOMES = {
    "AbstractLearner": "pauca.learners",
    "AbstractOracle": "pauca.oracle",
    "AbstractStrategy": "pauca.strategies",
    "Dataset": "pauca.data",
    "ForwardForwardClassifier": "pauca.learners._estimator",
    "Outputs": "pauca.outputs",
    "PaucaError": "pauca.errors",
    "Session": "pauca.session",
    "Split": "pauca.data",
    "Streams": "pauca.rng",
    "Task": "pauca.data",
    "VaultOracle": "pauca.oracle",
    "dataset_from": "pauca.data",
    "load_dataset": "pauca.data",
    "make_learner": "pauca.learners",
    "make_strategy": "pauca.strategies",
}
_MODULES = frozenset({"analysis", "errors", "label", "metrics", "testing"})

__all__ = [
    "AbstractLearner",
    "AbstractOracle",
    "AbstractStrategy",
    "Dataset",
    "ForwardForwardClassifier",
    "Outputs",
    "PaucaError",
    "Session",
    "Split",
    "Streams",
    "Task",
    "VaultOracle",
    "__version__",
    "analysis",
    "dataset_from",
    "errors",
    "label",
    "load_dataset",
    "make_learner",
    "make_strategy",
    "metrics",
    "testing",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home at first use (PEP 562)."""
    if name in _MODULES:
        return import_module(f"pauca.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pauca' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Every public name, loaded or not."""
    return sorted(__all__)
