import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.rng import generator_from
from pauca.select.topk import top_k

SCORES = st.lists(st.integers(-3, 3) | st.just(float("-inf")) | st.just(float("inf")), max_size=30)


@given(SCORES, st.integers(0, 30), st.integers(0, 1000))
def test_the_highest_scores_are_taken_in_falling_order(
    scores: list[float], k: int, seed: int
) -> None:
    k = min(k, len(scores))
    found = top_k(torch.tensor(scores, dtype=torch.float64), k, generator_from(seed)).tolist()
    assert len(set(found)) == k
    assert [scores[i] for i in found] == sorted(scores, reverse=True)[:k]


@given(SCORES.filter(bool), st.integers(0, 1000))
def test_a_smaller_k_takes_the_beginning_of_a_larger_one(scores: list[float], seed: int) -> None:
    x = torch.tensor(scores, dtype=torch.float64)
    whole = top_k(x, len(x), generator_from(seed))
    for k in range(len(x)):
        assert torch.equal(top_k(x, k, generator_from(seed)), whole[:k])


def test_ties_are_uniform() -> None:
    # 3 of 6 equal items, 4000 times: each is taken 2000 times, sd 32
    g = generator_from(0)
    counts = torch.zeros(6)
    firsts = torch.zeros(6)
    for _ in range(4000):
        found = top_k(torch.zeros(6), 3, g)
        counts[found] += 1
        firsts[found[0]] += 1
    assert (counts - 2000).abs().max() < 5 * (4000 / 4) ** 0.5
    assert (firsts - 4000 / 6).abs().max() < 5 * (4000 * 5 / 36) ** 0.5


def test_the_generator_advances_by_n_draws_whatever_k_is() -> None:
    states = []
    for k in (0, 3, 10):
        g = generator_from(0)
        top_k(torch.arange(10.0), k, g)
        states.append(g.get_state().tolist())
    assert states[0] == states[1] == states[2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_orders_alike(dtype: torch.dtype) -> None:
    scores = torch.tensor([0.5, 2.0, -1.0, 2.0, 0.0], dtype=dtype)
    found = top_k(scores, 5, generator_from(1)).tolist()
    assert set(found[:2]) == {1, 3}
    assert found[2:] == [0, 4, 2]


@pytest.mark.parametrize("k", [-1, 4, 1.0])
def test_a_k_outside_its_range_is_refused(k: int) -> None:
    with pytest.raises(InputError, match=r"k is (out of range|of the wrong kind)"):
        top_k(torch.zeros(3), k, generator_from(0))


def test_scores_with_more_axes_are_refused() -> None:
    with pytest.raises(InputError, match="axes"):
        top_k(torch.zeros(3, 1), 1, generator_from(0))
