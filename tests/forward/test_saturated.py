"""At the ends of the range: goodness up to 1e4, ties, one wrong label in twelve."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pauca.forward import AbstractWrongLabels, losses, negatives
from pauca.rng import generator_from

LEVELS = st.sampled_from([0.0, 1e-30, 1.0, 88.0, 700.0, 9999.0, 1e4])


@st.composite
def goodness(draw: st.DrawFn, rows: int, b: int) -> Tensor:
    """Float32 [rows, b], strong, weak and tied."""
    levels = draw(st.lists(LEVELS, min_size=rows * b, max_size=rows * b))
    return torch.tensor(levels).view(rows, b)


@settings(deadline=None, max_examples=150)
@given(st.data(), st.sampled_from(losses.names()), st.integers(1, 11), st.floats(0.1, 4))
def test_losses_and_their_gradients_are_finite_and_point_the_right_way(
    data: st.DataObject, name: str, r: int, scale: float
) -> None:
    g = data.draw(goodness(1 + r, 3)).requires_grad_()
    key = "theta" if name == "threshold" else "scale"
    loss = losses.make(name, {key: scale})(g[0], g[1:])
    (gradient,) = torch.autograd.grad(loss, g)
    assert bool(torch.isfinite(loss))
    assert float(loss.detach()) >= 0
    assert bool(torch.isfinite(gradient).all())
    assert bool((gradient[0] <= 0).all())
    assert bool((gradient[1:] >= 0).all())


@settings(deadline=None, max_examples=100)
@given(st.data(), st.sampled_from(["random", "all", "hard"]), st.integers(2, 12))
def test_a_wrong_label_is_never_right(data: st.DataObject, name: str, c: int) -> None:
    b, seed = 9, data.draw(st.integers(0, 1000))
    beta = data.draw(st.sampled_from([0.0, 1.0, 50.0]))
    params = {} if name == "all" else {"count": 3}
    made = negatives.make(name, {**params, "beta": beta} if name == "hard" else params)
    assert isinstance(made, AbstractWrongLabels)
    g = generator_from(seed)
    y = torch.randint(c, (b,), generator=g)
    wrong = made.draw(y, c, g, data.draw(goodness(b, c)))
    assert wrong.shape == (c - 1 if name == "all" else 3, b)
    assert wrong.dtype == torch.int64
    assert not bool((wrong == y).any())
    assert int(wrong.min()) >= 0
    assert int(wrong.max()) < c
    if name == "all":
        assert all(len(set(column)) == c - 1 for column in wrong.T.tolist())


def test_hard_labels_are_drawn_in_proportion_to_exp_of_their_goodness() -> None:
    """Chi-square against shares computed one by one."""
    n, beta, y = 40_000, 1.5, 2
    levels = [0.2, 1.0, 3.0, 0.2, 1.9]
    made = negatives.make("hard", {"beta": beta, "count": 2})
    assert isinstance(made, AbstractWrongLabels)
    drawn = made.draw(torch.full((n,), y), 5, generator_from(1), torch.tensor(levels).expand(n, -1))
    weights = [0.0 if k == y else math.exp(beta * g) for k, g in enumerate(levels)]
    counts = torch.bincount(drawn.flatten(), minlength=5).tolist()
    expected = [2 * n * w / sum(weights) for w in weights]
    chi = sum((a - e) ** 2 / e for a, e in zip(counts, expected, strict=True) if e > 0)
    assert counts[y] == 0
    assert chi < 16.3  # 3 degrees of freedom, p = .001
    # both draws of an item are independent of one another
    pairs = torch.bincount(5 * drawn[0] + drawn[1], minlength=25).view(5, 5).double()
    shares = torch.tensor(weights).double() / sum(weights)
    cells = n * shares.unsqueeze(1) * shares
    seen = cells > 0
    assert float(((pairs - cells)[seen].square() / cells[seen]).sum()) < 37.7  # 15, p = .001


@pytest.mark.parametrize("level", [0.0, 1e4])
def test_ties_are_drawn_evenly(level: float) -> None:
    n, c = 20_000, 4
    made = negatives.make("hard", {"beta": 4.0})
    assert isinstance(made, AbstractWrongLabels)
    drawn = made.draw(
        torch.zeros(n, dtype=torch.int64), c, generator_from(2), torch.full((n, c), level)
    )
    counts = torch.bincount(drawn[0], minlength=c).tolist()
    assert counts[0] == 0
    assert sum((a - n / 3) ** 2 / (n / 3) for a in counts[1:]) < 13.8  # 2, p = .001
