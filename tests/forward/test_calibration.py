import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor

from pauca.errors import InputError
from pauca.forward import (
    Calibration,
    PlainSum,
    SoftmaxSum,
    calibrate,
    equal_error_threshold,
    fit_temperature,
)
from pauca.rng import generator_from

READOUTS = {
    "sum": PlainSum(),
    "steep sum": PlainSum(scale=64.0),
    "sum without the first": PlainSum(skip=1),
    "softmax-sum": SoftmaxSum(),
    "softmax-sum without the first": SoftmaxSum(skip=1),
}


def drawn(m: int, c: int, seed: int, sure: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits and labels that agree with them more often than not."""
    g = generator_from(seed)
    y = torch.randint(c, (m,), generator=g)
    z = torch.randn(m, c, generator=g, dtype=torch.float64)
    z[torch.arange(m), y] += 1
    return sure * z, y


def by_scipy(z: Any, y: Any) -> float:
    """The temperature that SciPy finds for the same loss, written out."""
    z, y = np.asarray(z, dtype=np.float64), np.asarray(y)
    m, c = z.shape
    target = np.full((m, c), 1 / (m + 2) / (c - 1))
    target[np.arange(m), y] = (m + 1) / (m + 2)

    def loss(log_t: float) -> float:
        return float(-(target * log_softmax(z / math.exp(log_t), axis=1)).sum())

    found = minimize_scalar(loss, bounds=(-7, 7), method="bounded", options={"xatol": 1e-10})
    return math.exp(found.x)


@pytest.mark.parametrize("sure", [0.1, 3.0, 40.0])
@pytest.mark.parametrize(("m", "c"), [(3, 2), (40, 10), (300, 4)])
def test_the_temperature_is_the_one_of_the_least_loss(m: int, c: int, sure: float) -> None:
    z, y = drawn(m, c, seed=m)
    assert fit_temperature(sure * z, y) == pytest.approx(by_scipy(sure * z, y), rel=1e-5)


def test_the_right_temperature_is_found_where_there_is_one() -> None:
    """Labels drawn from softmax(z / 5) by way of Gumbel noise."""
    g = generator_from(0)
    z = 10 * torch.randn(20_000, 5, generator=g, dtype=torch.float64)
    uniform = torch.rand(20_000, 5, generator=g, dtype=torch.float64)
    y = (z / 5 - (-uniform.log()).log()).argmax(1)
    assert fit_temperature(z, y) == pytest.approx(5, rel=0.05)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100))
def test_scale_and_level_of_an_item_make_no_difference(seed: int, scale: float) -> None:
    z, y = drawn(30, 4, seed)
    base = fit_temperature(z, y)
    moved = scale * z + torch.randn(30, 1, generator=generator_from(seed), dtype=torch.float64)
    if math.exp(-6) < scale * base < math.exp(6):
        assert fit_temperature(moved, y) == pytest.approx(scale * base, rel=1e-6)


def test_items_that_are_all_right_do_not_prove_certainty_and_wrong_ones_prove_ignorance() -> None:
    z = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0]]
    y = torch.tensor([0, 1, 2, 0])
    # 1 right of 3 with target 5/6: softmax gives 5/6 to the right label at z = log 10
    assert fit_temperature(z, y) == pytest.approx(1 / math.log(10))
    assert fit_temperature(z, (y + 1) % 3) == pytest.approx(math.exp(7))


def slow_threshold(g: Tensor, y: Tensor) -> tuple[float, float]:
    """The least difference of both shares over every threshold that could matter."""
    values = sorted(set(g.flatten().tolist()))
    marks = [values[0] - 1, *((a + b) / 2 for a, b in pairwise(values))]
    marks.append(values[-1] + 1)
    best = []
    for mark in marks:
        missed = sum(float(row[k]) <= mark for row, k in zip(g, y.tolist(), strict=True)) / len(y)
        wrong = [
            float(v)
            for row, k in zip(g, y.tolist(), strict=True)
            for i, v in enumerate(row)
            if i != k
        ]
        passed = sum(v > mark for v in wrong) / len(wrong)
        best.append((abs(missed - passed), mark))
    return min(best)


@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_misses_as_many_right_labels_as_it_passes_wrong_ones(seed: int) -> None:
    z, y = drawn(25, 4, seed)
    z = z.round() if seed % 2 else z
    assert equal_error_threshold(z, y) == pytest.approx(slow_threshold(z, y)[1])


def test_the_threshold_lies_half_way_where_right_and_wrong_are_apart() -> None:
    g = torch.tensor([[5.0, 1.0, 0.0], [2.0, 9.0, 1.0]])
    assert equal_error_threshold(g, torch.tensor([0, 1])) == 3.5


@pytest.mark.parametrize("readout", READOUTS)
def test_logits_are_the_logarithms_of_the_probabilities(readout: str) -> None:
    rule = READOUTS[readout]
    g = torch.rand(20, 4, 3, generator=generator_from(0), dtype=torch.float64) / 8
    log = rule.probs(g).log()
    found = rule.logits(g)
    torch.testing.assert_close(found - found[:, :1], log - log[:, :1])
    assert torch.equal(found.argmax(1), rule.scores(g).argmax(1))
    layers = rule.layer_logits(g)
    assert layers.shape == (20, 4, rule.heard(3))
    torch.testing.assert_close(layers, getattr(rule, "scale", 1.0) * g[..., rule.skip :])
    far = rule.logits(1e4 * g)
    assert bool(far.isfinite().all())


@pytest.mark.parametrize("readout", READOUTS)
def test_a_calibration_is_a_temperature_for_each_voice(readout: str) -> None:
    rule = READOUTS[readout]
    g = torch.rand(60, 4, 3, generator=generator_from(1), dtype=torch.float64)
    y = (g.sum(-1) + torch.rand(60, 4, generator=generator_from(2))).argmax(1)
    found = calibrate(rule, g, y)
    assert found.items == 60
    assert found.decision == pytest.approx(by_scipy(rule.probs(g).log(), y), rel=1e-5)
    assert len(found.layers) == rule.heard(3)
    for at, temperature in enumerate(found.layers):
        layer = rule.layer_logits(g)[..., at]
        assert temperature == pytest.approx(by_scipy(layer, y), rel=1e-5)
        shares = found.members(rule, g)[at]
        torch.testing.assert_close(shares, (layer / temperature).softmax(1))
    assert found.theta == equal_error_threshold(g.sum(-1), y)
    power = rule.probs(g) ** (1 / found.decision)
    torch.testing.assert_close(found.probs(rule, g), power / power.sum(1, keepdim=True))
    assert torch.equal(found.probs(rule, g).argmax(1), rule.probs(g).argmax(1))
    assert Calibration.from_plain(found.plain()) == found


def test_what_cannot_be_calibrated_is_refused() -> None:
    z, y = drawn(5, 3, 0)
    for fit in (fit_temperature, equal_error_threshold):
        for wrong in ((z[:0], y[:0]), (z[:, :1], y * 0), (z, y[:4]), (z, y + 3), (z[0], y)):
            with pytest.raises(InputError):
                fit(*wrong)
