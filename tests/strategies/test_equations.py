"""Every strategy asks for what its paper's equation says, over random pools of any size."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pauca.learners import make_learner
from pauca.learners.backprop import Backprop
from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.strategies import AbstractStrategy, make_strategy, strategies
from pauca.testing.fakes import tiny_table_dataset
from tests.select.test_adversarial import slow_bim, slow_deepfool
from tests.strategies.slow import CHOICES, SCORES, SETTINGS

OWN = [n for n in strategies.names() if strategies.get(n).__module__.startswith("pauca.")]
CASES = st.fixed_dictionaries(
    {
        "n": st.integers(1, 24),
        "c": st.integers(1, 6),
        "d": st.integers(2, 5),
        "m": st.integers(0, 5),
        "share": st.floats(0, 1),
        "ties": st.booleans(),
        "double": st.booleans(),
        "seed": st.integers(0, 10**6),
    }
)


def test_every_strategy_has_its_equation() -> None:
    assert set(OWN) == {*SCORES, *CHOICES, "random", "ceal", "ensemble-novelty"}


def drawn(strategy: AbstractStrategy, n: int, case: dict[str, Any], seed: int) -> Outputs:
    """Random Outputs; with ties, probabilities and features from a small grid."""
    rng, c = np.random.default_rng(seed), case["c"]
    dtype = torch.float64 if case["double"] else torch.float32
    s = 4 if "members" in strategy.needs else 1
    probs = rng.dirichlet(np.full(c, 0.5), (s, n))
    features = rng.normal(size=(n, case["d"]))
    if case["ties"]:
        probs = rng.multinomial(4, probs) / 4
        features = features.round()
    goodness = rng.gamma(2, 1, (n, c, 3))
    if case["ties"]:
        goodness = goodness.round()
    named = strategy.needs - {"probs", "members", "features", "goodness", "layers"}
    column = np.round(rng.normal(size=n), 0 if case["ties"] else 9)
    return Outputs(
        ids=torch.from_numpy(rng.permutation(3 * n)[:n]),
        probs=torch.from_numpy(probs).to(dtype),
        features=torch.from_numpy(features).to(dtype),
        goodness=torch.from_numpy(goodness).to(dtype),
        extras=dict.fromkeys(named, torch.from_numpy(column).to(dtype)),
    )


def slow_scores(name: str, pool: Outputs) -> dict[int, float]:
    probs = pool.probs.double().transpose(0, 1).tolist()
    columns = {key: column.tolist() for key, column in pool.extras.items()}
    if pool.goodness is not None:
        columns["goodness"] = pool.goodness.double().tolist()
    return {
        item: SCORES[name](probs[i], {key: column[i] for key, column in columns.items()})
        for i, item in enumerate(pool.ids.tolist())
    }


def check_scored(name: str, strategy: AbstractStrategy, case: dict[str, Any]) -> None:
    """The k highest, highest first, but for ties that rounding may decide."""
    pool = drawn(strategy, case["n"], case, case["seed"])
    k = round(case["share"] * pool.n)
    scores = slow_scores(name, pool)
    asked = strategy.select(pool, None, k, generator_from(0)).tolist()
    assert len(set(asked)) == len(asked) == k
    tolerance = (1e-9 if case["double"] else 2e-5) * max(1.0, *map(abs, scores.values()))
    found, wanted = [scores[i] for i in asked], sorted(scores.values(), reverse=True)[:k]
    assert found == pytest.approx(wanted, abs=tolerance)


@pytest.mark.parametrize("name", SCORES)
@settings(max_examples=25, deadline=None)
@given(case=CASES)
def test_a_score_asks_for_the_highest_of_its_equation(name: str, case: dict[str, Any]) -> None:
    check_scored(name, make_strategy(name, **SETTINGS.get(name, {})), case)


def check_chosen(name: str, strategy: AbstractStrategy, case: dict[str, Any]) -> None:
    """The same items in the same order, from the same random numbers."""
    pool = drawn(strategy, case["n"], case, case["seed"])
    labelled = drawn(strategy, case["m"], case, case["seed"] + 1)
    k = round(case["share"] * pool.n)
    ordered = pool.by_id()
    assert ordered.features is not None
    known: Tensor | None = labelled.by_id().features
    assert known is not None
    wanted = CHOICES[name](
        ordered.probs.double().numpy(),
        ordered.features.double().numpy(),
        known.double().numpy() if len(known) else None,
        k,
        generator_from(case["seed"]),
    )
    asked = strategy.select(pool, labelled, k, generator_from(case["seed"])).tolist()
    expected = ordered.ids[torch.tensor(wanted, dtype=torch.int64)].tolist()
    if name == "k-means-faiss":  # which gives its centres an order of its own where k = n
        asked, expected = sorted(asked), sorted(expected)
    assert asked == expected


def decided(name: str, case: dict[str, Any]) -> dict[str, Any]:
    """Without what the definition leaves open: ties of rotated or of clustered points."""
    if name in ("k-center-pca", "k-means", "k-means-faiss"):
        return {**case, "ties": False, "double": case["double"] or name == "k-center-pca"}
    return case


@pytest.mark.parametrize("name", CHOICES)
@settings(max_examples=40, deadline=None)
@given(case=CASES)
def test_a_batch_is_the_one_of_the_papers_algorithm(name: str, case: dict[str, Any]) -> None:
    check_chosen(name, make_strategy(name, **SETTINGS.get(name, {})), decided(name, case))


@settings(max_examples=30, deadline=None)
@given(case=CASES)
def test_random_is_the_beginning_of_a_random_order(case: dict[str, Any]) -> None:
    strategy = make_strategy("random")
    pool = drawn(strategy, case["n"], case, case["seed"])
    k = round(case["share"] * pool.n)
    order = torch.randperm(pool.n, generator=generator_from(case["seed"]))[:k]
    asked = strategy.select(pool, None, k, generator_from(case["seed"]))
    assert asked.tolist() == pool.by_id().ids[order].tolist()


@pytest.mark.parametrize("base", sorted({*SCORES, *CHOICES} - {"loss-prediction", "vaal", "waal"}))
@settings(max_examples=5, deadline=None)
@given(case=CASES)
def test_ceal_asks_what_its_base_asks(base: str, case: dict[str, Any]) -> None:
    strategy = make_strategy("ceal", base=base, base_params=SETTINGS.get(base, {}))
    if base in SCORES:
        check_scored(base, strategy, case)
    else:
        check_chosen(base, strategy, decided(base, case))


@pytest.mark.parametrize("name", ["adversarial-bim", "adversarial-deepfool"])
@pytest.mark.parametrize("seed", range(2))
def test_the_nearest_to_the_boundary_of_a_trained_net_are_asked(name: str, seed: int) -> None:
    """From the net to the choice, against one item and one class at a time."""
    data = tiny_table_dataset(40, c=4, seed=seed)
    assert data.train.y is not None
    net: dict[str, Any] = {"net": "mlp", "net_params": {"widths": [7]}, "attack_steps": 40}
    learner = make_learner("backprop", task=data.task, steps=40, **net)
    assert isinstance(learner, Backprop)
    learner.fit(data.train.x[:20], data.train.y[:20], generator=generator_from(seed))
    pool = learner.outputs(data.train.x[28:], torch.arange(12), needs=make_strategy(name).needs)
    rows = data.train.x[28:].double()
    net_of_one = nn.Sequential(nn.Unflatten(0, (1, 5)), learner.net.double(), nn.Flatten(0))
    if name == "adversarial-bim":
        away = [slow_bim(net_of_one, row, 0.05, 40) for row in rows]
    else:
        away = [slow_deepfool(net_of_one, row, 40, 0.02) for row in rows]
    asked = make_strategy(name).select(pool, None, 12, generator_from(0)).tolist()
    assert [away[i] for i in asked] == pytest.approx(sorted(away), rel=1e-4)
    assert min(away) < max(away)
