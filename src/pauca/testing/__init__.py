"""Contract checks and fakes, for pauca's own tests and for those of anyone who extends it.

``check_strategy``, ``check_learner``, ``check_dataset`` and ``check_store`` raise an AssertionError
that says which promise is broken. ``FakeLearner``, ``fake_outputs`` and the tiny data sets stand
in for training and for real data.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pauca.testing.datasets import check_dataset
    from pauca.testing.fakes import (
        FakeLearner,
        fake_outputs,
        tiny_image_dataset,
        tiny_table_dataset,
    )
    from pauca.testing.learners import check_learner
    from pauca.testing.process import OtherProcess
    from pauca.testing.stores import check_store
    from pauca.testing.strategies import check_strategy

_HOMES = {
    "FakeLearner": "fakes",
    "OtherProcess": "process",
    "check_dataset": "datasets",
    "check_learner": "learners",
    "check_store": "stores",
    "check_strategy": "strategies",
    "fake_outputs": "fakes",
    "tiny_image_dataset": "fakes",
    "tiny_table_dataset": "fakes",
}

__all__ = [
    "FakeLearner",
    "OtherProcess",
    "check_dataset",
    "check_learner",
    "check_store",
    "check_strategy",
    "fake_outputs",
    "tiny_image_dataset",
    "tiny_table_dataset",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home at first use."""
    if name in _HOMES:
        return getattr(import_module(f"pauca.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'pauca.testing' has no attribute {name!r}")
