"""What asks by Forward-Forward's goodness and by active units: by hand, and from net to choice."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pauca.analysis import energy, mean_ratio, overlap_novelty, selective
from pauca.errors import CapabilityError, InputError, UsageError
from pauca.learners import make_learner
from pauca.outputs import Outputs
from pauca.rng import Streams, generator_from
from pauca.select import k_center
from pauca.session import Session
from pauca.strategies import AbstractScore, make_strategy
from pauca.strategies.active_units import SparseCodeCenter
from pauca.testing.fakes import fake_outputs, tiny_image_dataset
from tests.select import reference

Array = NDArray[np.float64]


def pool_of(goodness: Any, theta: float | None = None, **more: Any) -> Outputs:
    """Items with this goodness [n, c, l], or [n, c] of one layer."""
    g = torch.tensor(goodness, dtype=torch.float64)
    g = g.unsqueeze(-1) if g.ndim == 2 else g
    extras = {} if theta is None else {"theta": torch.full((len(g),), theta).double()}
    probs = torch.full((1, *g.shape[:2]), 1 / g.shape[1])
    return Outputs(ids=torch.arange(len(g)), probs=probs, goodness=g, extras=extras, **more)


def scores(name: str, pool: Outputs, **params: Any) -> list[float]:
    strategy = make_strategy(name, **params)
    assert isinstance(strategy, AbstractScore)
    return [float(v) for v in strategy.score(pool)]


def test_margin_of_goodness_is_of_the_sum_over_layers_whatever_its_level() -> None:
    pool = pool_of([[[1, 2], [4, 3], [0, 1]], [[9, 9], [9, 8.5], [1, 1]], [[0, 0], [0, 0], [0, 0]]])
    assert scores("goodness-margin", pool) == [-4.0, -0.5, 0.0]
    order = make_strategy("goodness-margin").select(pool, None, 3, generator_from(0))
    assert order.tolist() == [2, 1, 0]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), temperature=st.floats(0.05, 50))
def test_energy_is_that_of_the_analysis(seed: int, temperature: float) -> None:
    g = np.random.default_rng(seed).gamma(2, 2, (12, 5, 3))
    found = scores("goodness-energy", pool_of(g), temperature=temperature)
    assert found == pytest.approx(energy(g.sum(-1), temperature=temperature).tolist())


def test_energy_asks_for_what_no_label_fits_and_is_indifferent_to_a_tie() -> None:
    pool = pool_of([[9.0, 0, 0], [9, 9, 0], [1, 1, 1], [900, 0, 0]])
    order = make_strategy("goodness-energy").select(pool, None, 4, generator_from(0))
    assert order.tolist() == [2, 0, 1, 3]
    assert all(math.isfinite(v) for v in scores("goodness-energy", pool, temperature=1e-3))


@pytest.mark.parametrize(
    ("first", "expected"),
    [("unclear", [1, 0, 1, 2]), ("ambiguous", [0, 1, 2, 3]), ("novel", [0, -1, -2, -3])],
)
@pytest.mark.parametrize("given_by", ["setting", "column"])
def test_ambiguity_counts_the_labels_that_pass(
    first: str, expected: list[int], given_by: str
) -> None:
    goodness = [[1.0, 2, 3], [4, 3, 0], [5, 4, 3], [9, 9, 9]]  # theta = 3 itself does not pass
    by_column = given_by == "column"
    pool = pool_of(goodness, theta=3.0 if by_column else None)
    params = {"first": first} | ({} if by_column else {"theta": 3.0})
    assert scores("goodness-ambiguity", pool, **params) == expected


def test_ambiguity_needs_a_threshold_and_says_where_it_may_come_from() -> None:
    strategy = make_strategy("goodness-ambiguity")
    pool = pool_of(np.ones((5, 3)))
    with pytest.raises(CapabilityError, match=r"theta.*set theta.*calibration"):
        strategy.select(pool, None, 2, generator_from(0))
    task = tiny_image_dataset(4).task
    quick = make_learner("forward-forward", task=task, recipe="quick")
    with pytest.raises(CapabilityError, match="theta"):
        strategy.check_needs(quick.gives, "the learner")
    for settings_ in ({"recipe": "quick", "calibration": "cross-fit"}, {"recipe": "published"}):
        learner = make_learner("forward-forward", task=task, **settings_)
        strategy.check_needs(learner.gives, "the learner")
    with pytest.raises(UsageError):
        make_strategy("goodness-ambiguity", first="sure")
    make_strategy("goodness-ambiguity", theta=0.0).check_needs(quick.gives, "the learner")


def test_layers_vote_and_disagree() -> None:
    alike = [[3.0, 3, 3, 3], [1, 1, 1, 1], [0, 0, 0, 0]]
    half = [[3.0, 3, 0, 0], [1, 1, 9, 9], [0, 0, 0, 0]]
    apart = [[3.0, 3, 0, 0], [1, 1, 9, 0], [0, 0, 0, 9]]
    pool = pool_of([alike, half, apart])
    votes = scores("layer-vote-entropy", pool)
    assert votes == pytest.approx([0, math.log(2), 1.5 * math.log(2)])
    bald = scores("layer-bald", pool)
    assert bald[0] == 0
    assert 0 < bald[1] < bald[2] < math.log(3)
    # ever steeper, a layer's softmax becomes its vote
    assert scores("layer-bald", pool, scale=1e4) == pytest.approx(votes)
    assert scores("layer-bald", pool, scale=1e-9) == pytest.approx([0, 0, 0], abs=1e-12)


def test_equal_counts_of_votes_are_equal_to_the_bit() -> None:
    """2, 2, 3 and 4 of 11 layers vote for a label, whichever labels these are."""
    votes = torch.tensor([0] * 2 + [1] * 2 + [2] * 3 + [3] * 4)
    names = [torch.randperm(7, generator=generator_from(i)) for i in range(40)]
    goodness = torch.stack([torch.eye(7)[name[votes]].T for name in names])  # [n, c, l]
    assert len(set(scores("layer-vote-entropy", pool_of(goodness.numpy())))) == 1


@pytest.mark.parametrize("name", ["layer-vote-entropy", "layer-bald"])
def test_one_layer_is_no_committee(name: str) -> None:
    with pytest.raises(CapabilityError, match=r"needs .*layers.*more than one layer"):
        make_strategy(name).select(pool_of(np.ones((5, 3))), None, 2, generator_from(0))
    data = tiny_image_dataset(20)
    learner = make_learner("forward-forward", task=data.task, recipe="quick")
    with pytest.raises(CapabilityError, match="widths"):
        Session(data.train.x, learner, make_strategy(name), streams=Streams(0))
    assert not learner.fitted


def with_features(x: Any, labels: Any = None) -> Outputs:
    n = len(x)
    probs = torch.full((1, n, 3), 1 / 3)
    y = None if labels is None else torch.tensor(labels)
    return Outputs(
        ids=torch.arange(n), probs=probs, features=torch.tensor(np.asarray(x)).double(), labels=y
    )


def slow_novelty(
    x: Array, known: Array, y: list[int], ratio: float, threshold: float
) -> list[float]:
    """1 - the highest Jaccard index of active units and an ensemble by the ratio rule."""
    u = x.shape[1]
    ensembles = []
    for k in sorted(set(y)):
        m = [
            sum(abs(row[i]) for row, label in zip(known, y, strict=True) if label == k) / y.count(k)
            for i in range(u)
        ]
        members = set()
        for i in range(u):
            others = sum(m[j] for j in range(u) if j != i) / (u - 1)
            if m[i] > 0 and (others == 0 or (m[i] - others) / others > ratio):
                members.add(i)
        if members:
            ensembles.append(members)
    found = []
    for row in x:
        active = {i for i in range(u) if abs(row[i]) > threshold}
        shares = [len(active & one) / len(active | one) for one in ensembles]
        found.append(1 - max(shares) if shares else 0.0)
    return found


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 20),
    u=st.integers(2, 12),
    m=st.integers(1, 9),
    ratio=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    threshold=st.sampled_from([0.0, 0.7]),
    seed=st.integers(0, 10**6),
)
def test_ensemble_novelty_asks_for_the_least_overlap(
    n: int, u: int, m: int, ratio: float, threshold: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, known = (np.maximum(rng.normal(size=(rows, u)), 0) for rows in (n, m))
    y = rng.integers(0, 3, m).tolist()
    strategy = make_strategy("ensemble-novelty", ratio=ratio, threshold=threshold)
    k = int(rng.integers(0, n + 1))
    asked = strategy.select(with_features(x), with_features(known, y), k, generator_from(0))
    slow = slow_novelty(x, known, y, ratio, threshold)
    assert [slow[i] for i in asked.tolist()] == pytest.approx(sorted(slow, reverse=True)[:k])


def test_ensemble_novelty_by_hand() -> None:
    known = with_features([[5.0, 4, 0, 0, 0, 0], [0, 0, 6, 5, 0, 0]], [0, 1])
    x = [[1.0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1], [1, 0, 1, 0, 0, 0]]
    strategy = make_strategy("ensemble-novelty")
    assert isinstance(strategy, AbstractScore)
    found = strategy.scorer(known)(with_features(x))
    assert found.tolist() == pytest.approx([0, 1 / 3, 1, 2 / 3])
    assert strategy.scorer(None)(with_features(x)).tolist() == [0.0] * 4
    silent = with_features(np.zeros((2, 6)), [0, 1])
    assert strategy.scorer(silent)(with_features(x)).tolist() == [0.0] * 4
    bare = with_features(np.ones((2, 6)))
    with pytest.raises(InputError, match="no labels"):
        strategy.select(with_features(x), bare, 1, generator_from(0))


def test_ensembles_are_found_by_the_definition_asked_for() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    known = np.maximum(rng.normal(size=(60, 15)) + 3 * (np.arange(15) // 5 == y[:, None]), 0)
    x = np.maximum(rng.normal(size=(9, 15)), 0)
    pool, labelled = with_features(x), with_features(known, y.tolist())
    expected = {
        "mean-ratio": overlap_novelty(x, mean_ratio(known, y, c=0.5).members),
        "selective": overlap_novelty(x, selective(known, y).members),
    }
    for definition, slow in expected.items():
        strategy = make_strategy("ensemble-novelty", definition=definition, ratio=0.5)
        assert isinstance(strategy, AbstractScore)
        assert strategy.scorer(labelled)(pool).tolist() == pytest.approx(slow.tolist())
    ks = make_strategy("ensemble-novelty", definition="ks-mean")
    assert len(ks.select(pool, labelled, 5, generator_from(0))) == 5
    alone = with_features(known[:20], [0] * 20)  # one class is selective of nothing
    selecting = make_strategy("ensemble-novelty", definition="selective")
    assert isinstance(selecting, AbstractScore)
    assert selecting.scorer(alone)(pool).tolist() == [0.0] * 9


def test_an_unasked_category_with_units_of_its_own_is_found() -> None:
    """Two known categories of six units each, a third that nobody labelled."""
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1, 2], 40)
    x = rng.random((120, 18)) * (np.arange(18) // 6 == y[:, None])
    x *= rng.random((120, 18)) < 0.8
    known = np.r_[0:5, 40:45]
    labelled = with_features(x[known], y[known].tolist())
    rest = np.setdiff1d(np.arange(120), known)
    asked = make_strategy("ensemble-novelty").select(
        with_features(x[rest]), labelled, 30, generator_from(0)
    )
    assert all(y[rest[asked.numpy()]] == 2)


@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_codes_cover_as_k_center_on_their_bits(threshold: float) -> None:
    x = np.maximum(np.random.default_rng(0).normal(size=(70, 90)), 0)
    pool, labelled = with_features(x[9:]), with_features(x[:9])
    strategy = make_strategy("sparse-code-center", threshold=threshold)
    bits = (x > threshold).astype(np.float64)
    for known in (labelled, None):
        found = strategy.select(pool, known, 20, generator_from(0)).tolist()
        there = None if known is None else bits[:9]
        assert found == reference.k_center(bits[9:], 20, there)
        low = None if there is None else torch.from_numpy(there)
        assert found == k_center(torch.from_numpy(bits[9:]), 20, low).tolist()


def test_a_pool_in_blocks_is_held_as_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each block 8 bytes an item are kept for 64 units, and never its features."""
    pool = fake_outputs(4000, c=3, d=64, l=2).by_id()
    strategy = make_strategy("sparse-code-center")
    assert isinstance(strategy, SparseCodeCenter)
    kept: list[Outputs] = []
    reduce = SparseCodeCenter.reduced

    def noting(self: SparseCodeCenter, block: Outputs) -> Outputs:
        kept.append(reduce(self, block))
        return kept[-1]

    monkeypatch.setattr(SparseCodeCenter, "reduced", noting)
    blocks = (pool.take(torch.arange(low, low + 500)) for low in range(0, 4000, 500))
    found = strategy.select_from_blocks(blocks, None, 9, generator_from(0))
    assert len(kept) == 8
    assert all(one.features is None and one.goodness is None for one in kept)
    assert sum(column.nbytes for one in kept for column in one.extras.values()) == 4000 * 8
    assert torch.equal(found, strategy.select(pool, None, 9, generator_from(0)))
    ceal = make_strategy("ceal", base="sparse-code-center")
    assert torch.equal(found, ceal.select(pool, None, 9, generator_from(0)))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("goodness-energy", {"temperature": 0.0}),
        ("layer-bald", {"scale": -1.0}),
        ("goodness-ambiguity", {"theta": float("nan")}),
        ("ensemble-novelty", {"definition": "selectiv"}),
        ("ensemble-novelty", {"ratio": -1.0}),
        ("sparse-code-center", {"threshold": float("inf")}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_strategy(name, **params)


@pytest.mark.parametrize("learner_name", ["forward-forward", "bp-ff"])
def test_from_a_trained_net_to_the_choice(learner_name: str) -> None:
    """Goodness is read as the norm of each layer's activity under each label, taken by itself."""
    data = tiny_image_dataset(60)
    assert data.train.y is not None
    settings_: dict[str, Any] = {"widths": [16, 12], "steps": 80, "batch": 16}
    learner = make_learner(learner_name, task=data.task, **settings_)
    learner.fit(data.train.x[:30], data.train.y[:30], generator=generator_from(0))
    x = data.train.x[30:]
    g = np.zeros((30, 3, 2))
    for label in range(3):
        shown = learner.activations(x, label=torch.full((30,), label))
        for at, layer in enumerate(shown.values()):
            g[:, label, at] = layer.norm(dim=1).double().numpy()
    total = np.sort(g.sum(-1), axis=1)
    votes = [[int(layer.argmax()) for layer in item.T] for item in g]
    theta = 3.0 * (2 if learner_name == "forward-forward" else 1)
    slow = {
        "goodness-margin": total[:, -2] - total[:, -1],
        "goodness-energy": -np.log(np.exp(total).sum(1)),
        "goodness-ambiguity": np.abs((total > theta).sum(1) - 1.0),
        "layer-vote-entropy": np.array([math.log(2) * (a != b) for a, b in votes]),
    }
    for name, expected in slow.items():
        strategy = make_strategy(name)
        pool = learner.outputs(x, torch.arange(30), needs=strategy.needs)
        asked = strategy.select(pool, None, 10, generator_from(0)).numpy()
        assert expected[asked] == pytest.approx(np.sort(expected)[::-1][:10], abs=1e-4)
