import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.forward import AbstractGoodnessReadout, readouts
from pauca.rng import generator_from


def make(name: str) -> AbstractGoodnessReadout:
    readout = readouts.make(name, {})
    assert isinstance(readout, AbstractGoodnessReadout)
    return readout


def test_names() -> None:
    assert readouts.names() == ("probe", "softmax-sum", "sum")


def test_softmax_sum_equals_the_loop() -> None:
    g = torch.rand(3, 4, 2, generator=generator_from(0), dtype=torch.float64) * 5
    found = make("softmax-sum").scores(g)
    for i in range(3):
        for k in range(4):
            total = 0.0
            for layer in range(2):
                column = [math.exp(float(a)) for a in g[i, :, layer]]
                total += column[k] / sum(column)
            assert float(found[i, k]) == pytest.approx(total)


def test_sum_equals_the_loop() -> None:
    g = torch.rand(3, 4, 2, generator=generator_from(0), dtype=torch.float64)
    found = make("sum").scores(g)
    assert float(found[1, 2]) == pytest.approx(float(g[1, 2, 0]) + float(g[1, 2, 1]))


@settings(deadline=None)
@given(name=st.sampled_from(["softmax-sum", "sum"]), seed=st.integers(0, 10_000))
def test_probabilities_sum_to_one_and_keep_the_rule(name: str, seed: int) -> None:
    g = torch.randn(50, 7, 3, generator=generator_from(seed)).abs() * 4
    readout = make(name)
    probs = readout.probs(g)
    torch.testing.assert_close(probs.sum(-1), torch.ones(50))
    assert torch.equal(probs.argmax(-1), readout.scores(g).argmax(-1))


def test_the_scale_of_the_sum_changes_how_sure_it_is_and_never_what_it_says() -> None:
    g = torch.rand(20, 5, 2, generator=generator_from(3), dtype=torch.float64)
    steep = readouts.make("sum", {"scale": 16.0})
    assert isinstance(steep, AbstractGoodnessReadout)
    torch.testing.assert_close(steep.probs(g), (16 * g.sum(-1)).softmax(-1))
    assert torch.equal(steep.probs(g).argmax(-1), make("sum").probs(g).argmax(-1))
    with pytest.raises(InputError, match="scale"):
        readouts.make("sum", {"scale": 0.0})


@pytest.mark.parametrize("name", ["softmax-sum", "sum"])
def test_strong_goodness_stays_finite(name: str) -> None:
    g = torch.tensor([[[1e4, 1e4], [0.0, 5.0]]])
    assert make(name).probs(g).tolist() == [[1.0, 0.0]]
