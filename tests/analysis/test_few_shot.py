from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pauca.analysis import draw_episodes, nearest_ensemble, nearest_mean
from pauca.errors import InputError
from pauca.metrics import mean_interval, paired_difference
from pauca.rng import generator_from


def clouds(n: int = 80, d: int = 6, c: int = 4, apart: float = 4.0) -> tuple[Tensor, Tensor]:
    y = torch.arange(n) % c
    centres = apart * torch.eye(c, d)
    return centres[y] + torch.randn(n, d, generator=generator_from(0)), y


def drawn(y: Any, shots: int = 2, **other: Any) -> Any:
    given_: dict[str, Any] = {"queries": 4, "episodes": 6, "generator": generator_from(1)}
    return draw_episodes(y, shots=shots, **(given_ | other))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 500), shots=st.integers(1, 6), queries=st.integers(1, 6))
def test_examples_and_queries_are_distinct_items_of_their_class(
    seed: int, shots: int, queries: int
) -> None:
    y = torch.tensor([0, 2, 2, 5] * 12)[torch.randperm(48, generator=generator_from(seed))]
    found = drawn(y, shots, queries=queries, generator=generator_from(seed))
    assert found.classes.tolist() == [0, 2, 5]
    assert found.support.shape == (6, 3, shots)
    assert found.query.shape == (6, 3, queries)
    both = torch.cat([found.support, found.query], 2)
    for episode in both:
        for label, items in zip(found.classes, episode, strict=True):
            assert bool((y[items] == label).all())
            assert len(torch.unique(items)) == shots + queries
    again = drawn(y, shots, queries=queries, generator=generator_from(seed))
    assert torch.equal(again.support, found.support)


def test_nearest_mean_is_the_plain_loop() -> None:
    x, y = clouds(apart=1.5)
    episodes = drawn(y)
    found = nearest_mean(x, episodes)
    rates = torch.zeros(6, 4, dtype=torch.float64)
    for e in range(6):
        means = [x[episodes.support[e, k]].double().mean(0) for k in range(4)]
        for k in range(4):
            for item in episodes.query[e, k]:
                far = [float((x[item].double() - mean).norm()) for mean in means]
                rates[e, k] += (far.index(min(far)) == k) / 4
    torch.testing.assert_close(found.by_episode, rates.mean(1))
    torch.testing.assert_close(found.by_class, rates.mean(0))
    assert found.accuracy == mean_interval(found.by_episode)
    assert 0.3 < found.accuracy.mean < 1


def test_nearest_ensemble_is_the_plain_loop() -> None:
    g = generator_from(2)
    y = torch.arange(80) % 4
    x = (torch.rand(80, 20, generator=g) < 0.15 + 0.4 * (torch.arange(20) % 4 == y[:, None])) * 1.0
    x *= torch.rand(80, 20, generator=g)
    x[5] = 0
    episodes = drawn(y, 3)
    found = nearest_ensemble(x, episodes, threshold=0.1)
    active = (x > 0.1).double()
    rates = torch.zeros(6, 4, dtype=torch.float64)
    for e in range(6):
        codes = [active[episodes.support[e, k]].mean(0) for k in range(4)]
        for k in range(4):
            for item in episodes.query[e, k]:
                code = active[item]
                fits = [
                    float(code @ own / (code.norm() * own.norm()).clamp_min(1e-12)) for own in codes
                ]
                best = [abs(fit - max(fits)) < 1e-9 for fit in fits]
                rates[e, k] += best[k] / sum(best) / 4
    torch.testing.assert_close(found.by_episode, rates.mean(1))
    assert found.accuracy.mean > 0.4


def test_units_and_scales_do_not_matter_for_ensembles() -> None:
    x, y = clouds()
    x = x.relu()
    episodes = drawn(y)
    order = torch.randperm(6, generator=generator_from(3))
    found = nearest_ensemble(x, episodes)
    again = nearest_ensemble((7 * x[:, order]).numpy(), episodes)
    assert isinstance(again.by_episode, np.ndarray)
    np.testing.assert_array_equal(again.by_episode, found.by_episode.numpy())
    as_arrays = drawn(y.numpy())
    assert isinstance(as_arrays.support, np.ndarray)
    assert torch.equal(nearest_ensemble(x, as_arrays).by_class, found.by_class)


def test_silent_queries_are_a_guess_and_not_class_0() -> None:
    y = torch.arange(40) % 4
    found = nearest_ensemble(torch.zeros(40, 5), drawn(y))
    assert found.by_class.tolist() == [0.25] * 4
    assert found.accuracy.mean == 0.25


def test_more_shots_help_and_methods_are_compared_on_the_same_episodes() -> None:
    x, y = clouds(200, apart=1.5)
    one, five = (
        nearest_mean(x, drawn(y, shots, episodes=40, queries=10)).accuracy.mean for shots in (1, 5)
    )
    assert five > one + 0.05
    episodes = drawn(y, 5, episodes=40)
    difference = paired_difference(
        nearest_mean(x, episodes).by_episode, nearest_mean(torch.randn(
            200, 6, generator=generator_from(4)), episodes).by_episode
    )  # fmt: skip
    assert difference.low > 0.2


def test_too_few_items_are_refused() -> None:
    y = torch.tensor([0] * 9 + [1] * 5)
    with pytest.raises(InputError, match="class 1"):
        drawn(y)
    for wrong in ({"shots": 0}, {"queries": 0}, {"episodes": 0}):
        with pytest.raises(InputError):
            drawn(torch.arange(40) % 2, **wrong)


def test_episodes_of_other_items_and_features_that_are_not_finite_are_refused() -> None:
    x, y = clouds()
    episodes = drawn(y)
    for name in (nearest_mean, nearest_ensemble):
        with pytest.raises(InputError, match="other items"):
            name(x[:40], episodes)
        for bad in (float("nan"), float("inf")):
            broken = x.clone()
            broken[3, 2] = bad
            with pytest.raises(InputError, match=r"first at \(3, 2\)"):
                name(broken, episodes)
