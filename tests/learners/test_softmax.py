"""Against scikit-learn, SciPy's general minimiser and closed forms."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from torch import Tensor

import pauca.learners._softmax as module
from pauca.errors import RunError
from pauca.learners._softmax import softmax_regression
from pauca.rng import generator_from


def items(m: int, d: int, c: int, seed: int = 0, zeros: float = 0.0) -> tuple[Tensor, Tensor]:
    """Blobs that overlap, float64 [m, d], of c classes that all occur."""
    g = generator_from(seed)
    y = torch.arange(m)[torch.randperm(m, generator=g)] % c
    centres = torch.randn(c, d, generator=g, dtype=torch.float64)
    x = centres[y] + 1.5 * torch.randn(m, d, generator=g, dtype=torch.float64)
    return x * (torch.rand(m, d, generator=g) >= zeros), y


def loss(weights: NDArray[Any], x: NDArray[Any], y: NDArray[Any], c: int, l2: float) -> float:
    """The objective as it is written, item by item."""
    w = weights.reshape(c, -1)
    total = l2 / 2 * float((w**2).sum())
    for row, label in zip(x, y, strict=True):
        z = w[:, :-1] @ row + w[:, -1]
        total += float(np.log(np.exp(z - z.max()).sum()) + z.max() - z[label])
    return total


def whole(found: module.Solution) -> NDArray[Any]:
    both: NDArray[Any] = torch.cat([found.weight, found.bias[:, None]], dim=1).numpy()
    return both


# rows that are longer than many, as many, and few; mostly zeros, stored as such
SIZES = [(60, 5, 3, 0.0), (40, 200, 4, 0.0), (200, 10, 10, 0.0), (120, 400, 5, 0.97)]


@pytest.mark.parametrize(("m", "d", "c", "zeros"), SIZES)
@pytest.mark.parametrize("l2", [0.01, 1.0, 30.0])
def test_the_optimum_is_scikit_learns(m: int, d: int, c: int, zeros: float, l2: float) -> None:
    """With the constant as a column, so that its weight is held back there too."""
    x, y = items(m, d, c, zeros=zeros)
    found = softmax_regression(x, y, c, l2)
    ones = np.c_[x.numpy(), np.ones(m)]
    model = LogisticRegression(C=1 / l2, fit_intercept=False, tol=1e-10, max_iter=100_000)
    theirs = model.fit(ones, y.numpy()).coef_
    best = loss(theirs, x.numpy(), y.numpy(), c, l2)
    mine = loss(whole(found), x.numpy(), y.numpy(), c, l2)
    assert mine == pytest.approx(found.loss, rel=1e-9)
    assert mine <= best * (1 + 1e-6)
    assert mine >= best - max(found.gap, 1e-6 * best)
    np.testing.assert_allclose(whole(found), theirs, atol=2e-3 * abs(theirs).max())


@pytest.mark.parametrize("m", [1, 3, 30])
def test_absent_classes_have_part_in_the_optimum(m: int) -> None:
    x, y = items(m, 4, 2, seed=3)
    found = softmax_regression(x, y, 5, 0.5)
    start = np.zeros(5 * 5)
    args = (x.numpy(), y.numpy(), 5, 0.5)
    best = minimize(loss, start, args=args, method="BFGS", options={"gtol": 1e-6})
    assert found.loss == pytest.approx(best.fun, rel=1e-6)
    np.testing.assert_allclose(whole(found).ravel(), best.x, atol=1e-4)
    p = (x @ found.weight.T + found.bias).softmax(1)
    assert float(p[:, 2:].min()) > 0
    # what no label speaks for is told apart by nothing
    assert torch.allclose(p[:, 2], p[:, 4])
    assert float(p[:, 2:].max()) < 1 / 5


def test_the_gap_bounds_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = items(80, 6, 4)
    best = softmax_regression(x, y, 4, 0.3)
    monkeypatch.setattr(module, "_GAP", 0.05)
    monkeypatch.setattr(module, "_WORST", 0.05)
    early = softmax_regression(x, y, 4, 0.3)
    assert early.steps < best.steps
    assert 0 < early.loss - best.loss <= early.gap


def test_two_classes_are_binary_regression() -> None:
    """Weights w / 2 and -w / 2: half the penalty of a single vector w."""
    x, y = items(50, 3, 2)
    found = softmax_regression(x, y, 2, 2.0)
    ones = np.c_[x.numpy(), np.ones(50)]
    model = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=10_000)
    theirs = model.fit(ones, y.numpy()).coef_[0]
    np.testing.assert_allclose(whole(found)[1] - whole(found)[0], theirs, atol=1e-5)
    np.testing.assert_allclose(whole(found)[1], -whole(found)[0], atol=1e-9)


def test_one_class_needs_no_step() -> None:
    x, y = items(7, 3, 1)
    found = softmax_regression(x, y, 1, 1.0)
    assert found.steps == 0
    assert found.loss == 0
    assert not found.weight.any()


@settings(max_examples=40, deadline=None)
@given(
    m=st.integers(1, 25),
    d=st.integers(1, 30),
    c=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    l2=st.floats(1e-4, 1e3),
    scale=st.floats(1e-3, 1e2),
)
def test_any_items_have_a_known_optimum(
    m: int, d: int, c: int, seed: int, l2: float, scale: float
) -> None:
    x, y = items(m, d, c, seed)
    x = x * scale
    x[-1] = x[0]
    found = softmax_regression(x, y, c, l2)
    assert found.gap <= 1e-6 * (1 + found.loss)
    logits = x @ found.weight.T + found.bias
    # the conditions of the optimum: the gradient is l2 times how far off it is
    error = logits.softmax(1) - torch.nn.functional.one_hot(y, c)
    slope = error.T @ torch.cat([x, torch.ones(m, 1)], 1) + l2 * torch.from_numpy(whole(found))
    assert float(slope.square().sum()) / (2 * l2) <= 1.01 * found.gap + 1e-9 * (1 + found.loss)
    # shifting all logits alike costs penalty and changes nothing
    assert float(found.weight.sum(0).abs().max()) <= 1e-5 * (1 + float(found.weight.abs().max()))


@pytest.mark.parametrize(("m", "d"), [(30, 300), (120, 50)])
def test_leaving_zeros_out_changes_nothing(m: int, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a basis of the span, and against the rows as they are."""
    x, y = items(m, d, 4, zeros=0.95)
    plain = []
    for small in (1, 10**9):
        monkeypatch.setattr(module, "_SMALL", small)
        plain.append(softmax_regression(x, y, 4, 0.1))
    assert torch.allclose(plain[0].weight, plain[1].weight, atol=1e-5)
    assert plain[0].loss == pytest.approx(plain[1].loss, rel=1e-9)


def test_an_optimum_out_of_reach_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = items(40, 5, 3)
    monkeypatch.setattr(module, "_STEPS", 1)
    with pytest.raises(RunError, match=r"did not reach its optimum.*l2"):
        softmax_regression(x, y, 3, 1e-6)


def test_the_answer_depends_on_the_order_of_items_by_rounding_alone() -> None:
    x, y = items(40, 5, 3)
    one, other = softmax_regression(x, y, 3, 0.1), softmax_regression(x.flip(0), y.flip(0), 3, 0.1)
    assert torch.allclose(one.weight, other.weight, atol=1e-5)
