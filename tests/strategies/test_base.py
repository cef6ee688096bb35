from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from pauca.errors import CapabilityError, InputError
from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.strategies import AbstractScore, make_strategy
from pauca.testing.fakes import fake_outputs


class Given(AbstractScore):
    """Scores as they are given."""

    name = "given"
    family = "test"
    needs = frozenset({"probs", "given"})
    cost = "O(n)"
    reference = "none"
    when = "never"

    def score(self, pool: Outputs) -> Tensor:
        return pool.extras["given"].reciprocal()


def scored(values: list[float]) -> Outputs:
    n = len(values)
    probs = torch.full((1, n, 2), 0.5)
    return Outputs(
        ids=torch.arange(n) * 10,
        probs=probs,
        extras={"given": torch.tensor(values, dtype=torch.float64).reciprocal()},
    )


def test_the_highest_scores_are_asked_first() -> None:
    chosen = Given().select(scored([1, 5, -2, 4]), None, 3, generator_from(0))
    assert chosen.tolist() == [10, 30, 0]


def test_infinite_scores_have_their_place() -> None:
    inf = float("inf")
    chosen = Given().select(scored([1, -1e300, 3]), None, 3, generator_from(0))
    assert chosen.tolist() == [20, 0, 10]
    # 1 / 0 is infinity with the sign of the zero
    pool = scored([1, inf, -inf])
    assert Given().select(pool, None, 3, generator_from(0)).tolist() == [10, 0, 20]


def test_a_score_that_is_nan_is_refused_and_not_repaired() -> None:
    class Nan(Given):
        def score(self, pool: Outputs) -> Tensor:
            scores = torch.zeros(pool.n)
            scores[1] = float("nan")
            return scores

    with pytest.raises(InputError, match="the score of given has 1 values"):
        Nan().select(scored([1, 2, 3]), None, 1, generator_from(0))
    with pytest.raises(InputError, match="the score of given"):
        Nan().select_from_blocks([scored([1, 2, 3])], None, 1, generator_from(0))


def test_a_score_of_the_wrong_size_is_refused() -> None:
    class Short(Given):
        def score(self, pool: Outputs) -> Tensor:
            return torch.zeros(1)

    with pytest.raises(InputError, match="the score of given has the wrong size"):
        Short().select(scored([1, 2, 3]), None, 1, generator_from(0))


def test_a_score_holds_one_block_at_a_time() -> None:
    alive: list[int] = []

    class Tracked(Given):
        def score(self, pool: Outputs) -> Tensor:
            alive.append(pool.n)
            return super().score(pool)

    pool = scored([float(i + 1) for i in range(10)])

    def blocks() -> Iterator[Outputs]:
        for start in range(0, 10, 4):
            assert len(alive) == start // 4
            yield pool.take(torch.arange(start, min(start + 4, 10)))

    chosen = Tracked().select_from_blocks(blocks(), None, 2, generator_from(0))
    assert chosen.tolist() == [90, 80]
    assert alive == [4, 4, 2]


def test_no_blocks_are_refused() -> None:
    with pytest.raises(InputError, match="the pool is empty"):
        make_strategy("margin").select_from_blocks([], None, 1, generator_from(0))


@pytest.mark.parametrize(
    ("name", "word", "advice"),
    [("bald", "members", "dropout"), ("adversarial-bim", "adversarial_bim", "learner")],
)
def test_a_missing_need_is_named_with_advice(name: str, word: str, advice: str) -> None:
    strategy = make_strategy(name)
    pool = fake_outputs(5)
    message = f"{name}.*needs {word}.*{advice}"
    with pytest.raises(CapabilityError, match=message):
        strategy.select(pool, None, 1, generator_from(0))
    with pytest.raises(CapabilityError, match=message):
        strategy.select_from_blocks([pool], None, 1, generator_from(0))
