"""The ranking loss against the paper's pairs, and the head on taps of any kind."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pauca.errors import InputError
from pauca.nets.loss_head import make_loss_head, pooled, ranking_loss
from pauca.rng import generator_from


def slow(predicted: list[float], losses: list[float], margin: float) -> float:
    """Yoo and Kweon, eq. 2 and 3, one pair at a time; an odd one out is left over."""
    half = len(predicted) // 2
    total = 0.0
    for i in range(half):
        j = half + i
        sign = 1 if losses[i] > losses[j] else -1
        total += max(0.0, -sign * (predicted[i] - predicted[j]) + margin)
    return total / half if half else 0.0


numbers = st.floats(-5, 5, width=32)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9), st.floats(0.1, 2))
def test_ranking_loss_takes_any_batch_size(pairs: list[tuple[float, float]], margin: float) -> None:
    predicted, losses = ([pair[i] for pair in pairs] for i in (0, 1))
    got = ranking_loss(
        torch.tensor(predicted, dtype=torch.float64),
        torch.tensor(losses, dtype=torch.float64),
        margin,
    )
    assert float(got) == pytest.approx(slow(predicted, losses, margin), abs=1e-9)


def test_ranking_loss_lowers_by_putting_the_larger_loss_higher() -> None:
    predicted = torch.zeros(2, requires_grad=True)
    losses = torch.tensor([3.0, 1.0], requires_grad=True)
    ranking_loss(predicted, losses, 1.0).backward()  # type: ignore[no-untyped-call]
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [-1.0, 1.0]
    assert losses.grad is None  # the true loss is a target, not something to be learned from here


def test_ranking_loss_is_0_beyond_the_margin() -> None:
    apart = ranking_loss(torch.tensor([5.0, 1.0]), torch.tensor([2.0, 1.0]), 1.0)
    assert float(apart) == 0


def test_ranking_loss_of_one_item_has_a_gradient_of_0() -> None:
    predicted = torch.ones(1, requires_grad=True)
    ranking_loss(predicted, torch.ones(1), 1.0).backward()  # type: ignore[no-untyped-call]
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [0.0]


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="ranking_loss"):
        ranking_loss(torch.ones(3), torch.ones(4), 1.0)


def test_conv_taps_are_averaged_and_dense_taps_kept() -> None:
    maps = torch.randn(2, 3, 4, 5, generator=generator_from(0), dtype=torch.float64)
    expected = [[float(maps[b, u].numpy().mean()) for u in range(3)] for b in range(2)]
    torch.testing.assert_close(pooled(maps), torch.tensor(expected, dtype=torch.float64))
    dense = torch.randn(2, 6, generator=generator_from(1))
    assert torch.equal(pooled(dense), dense)


def test_head_against_loops() -> None:
    head = make_loss_head([3, 5], 4, generator_from(0))
    g = generator_from(1)
    taps = [torch.randn(6, 3, generator=g), torch.randn(6, 5, generator=g)]

    def by_hand(i: int) -> Tensor:
        seen = []
        for tap, read in zip(taps, head.reads, strict=True):
            weight, bias = read.weight, read.bias
            assert isinstance(weight, Tensor)
            assert isinstance(bias, Tensor)
            seen.append(torch.clamp(weight @ tap[i] + bias, min=0))
        return (head.out.weight @ torch.cat(seen) + head.out.bias).squeeze()

    expected = torch.stack([by_hand(i) for i in range(6)])
    torch.testing.assert_close(head(taps), expected)
