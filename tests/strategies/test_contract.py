from collections.abc import Callable

import pytest

from pauca.strategies import AbstractStrategy, make_strategy, strategies
from pauca.testing.process import OtherProcess
from pauca.testing.strategies import STRATEGY_CHECKS, check_other_process


@pytest.mark.parametrize("name", strategies.names())
@pytest.mark.parametrize("check", STRATEGY_CHECKS, ids=lambda check: check.__name__)
def test_contract(name: str, check: Callable[[AbstractStrategy, str], None]) -> None:
    check(make_strategy(name), "cpu")


@pytest.mark.parametrize("name", strategies.names())
def test_contract_in_another_process(name: str, other_process: OtherProcess) -> None:
    check_other_process(make_strategy(name), other_process)


def test_the_first_strategies_are_there() -> None:
    assert {"random", "least-confidence", "margin", "entropy"} <= set(strategies.names())
