"""ceal, loss-prediction, vaal, waal: what they read, which way round, and their settings."""

import inspect
import math
from typing import Any

import pytest
import torch

from pauca.errors import CapabilityError, InputError, UnknownNameError, UsageError
from pauca.learners.companions import companions
from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.strategies import AbstractStrategy, make_strategy, strategies
from pauca.strategies.companions import Ceal, label_agnostic_bound
from pauca.testing.fakes import fake_outputs

COMPANIONS = {
    "ceal": "pseudo-labels",
    "loss-prediction": "loss-prediction",
    "vaal": "vaal",
    "waal": "waal",
}
BASES = [
    name
    for name in strategies.names()
    if inspect.isclass(made := strategies.get(name))
    and issubclass(made, AbstractStrategy)
    and made.companion is None
    and all(p.default is not p.empty for p in inspect.signature(made).parameters.values())
]


def pool_for(needs: frozenset[str], n: int = 40) -> Outputs:
    known = {"probs", "features", "members", "goodness", "layers"}
    return fake_outputs(
        n=n,
        d=5 if "features" in needs else 0,
        s=4 if "members" in needs else 1,
        l=2 if "goodness" in needs else 0,
        extras=sorted(needs - known),
    )


@pytest.mark.parametrize("base", BASES)
def test_ceal_wraps_any_base_strategy(base: str) -> None:
    plain, ceal = make_strategy(base), make_strategy("ceal", base=base)
    assert ceal.needs == plain.needs
    assert ceal.reads_labelled == plain.reads_labelled
    pool = pool_for(plain.needs)
    known = fake_outputs(n=6, d=5, s=pool.s, seed=3, labelled=True, first=500)
    labelled = known if plain.reads_labelled else None
    for k in (0, 1, 7):
        chosen = ceal.select(pool, labelled, k, generator_from(1))
        assert torch.equal(chosen, plain.select(pool, labelled, k, generator_from(1)))
    blocks = [pool.take(part) for part in torch.split(torch.arange(pool.n), 9)]
    chosen = ceal.select_from_blocks(blocks, labelled, 7, generator_from(1))
    expected = plain.select_from_blocks(blocks, labelled, 7, generator_from(1))
    assert torch.equal(chosen, expected)


@pytest.mark.parametrize("base", ["badge", "mean-std", "var-ratio", "margin", "k-center"])
def test_ceal_wraps_badge_and_whatever_else_is_named(base: str) -> None:
    ceal = make_strategy("ceal", base=base)
    assert isinstance(ceal, Ceal)
    assert type(ceal.base) is strategies.get(base)
    assert ceal.base.name == base


def test_ceal_hands_its_base_the_settings() -> None:
    with pytest.raises(UnknownNameError, match="margin"):
        make_strategy("ceal", base="margins")
    with pytest.raises(UnknownNameError, match="no_such"):
        make_strategy("ceal", base="margin", base_params={"no_such": 1})


def test_every_setting_of_ceals_base_can_be_read_back() -> None:
    whole = strategies.resolve("ceal", {"base": "k-center-pca"})
    assert whole["base_params"] == strategies.resolve("k-center-pca", {})
    assert strategies.resolve("ceal", whole) == whole


def test_ceal_needs_what_its_base_needs() -> None:
    ceal = make_strategy("ceal", base="bald")
    with pytest.raises(CapabilityError, match="members"):
        ceal.select(fake_outputs(), None, 3, generator_from(0))
    assert Ceal.needs == {"probs"}  # of the class, whatever is wrapped by one of its instances


@pytest.mark.parametrize("base", sorted(COMPANIONS))
def test_ceal_refuses_a_base_with_a_companion_of_its_own(base: str) -> None:
    with pytest.raises(UsageError, match="companion"):
        make_strategy("ceal", base=base)


@pytest.mark.parametrize(
    ("name", "column", "sign"),
    [("loss-prediction", "predicted_loss", 1), ("vaal", "labelled_looking", -1)],
)
def test_which_way_round(name: str, column: str, sign: int) -> None:
    pool = fake_outputs(n=30, extras=[column])
    chosen = make_strategy(name).select(pool, None, 5, generator_from(0))
    order = sorted(
        zip(pool.extras[column].tolist(), pool.ids.tolist(), strict=True), reverse=sign > 0
    )
    assert chosen.tolist() == [item for _, item in order[:5]]


@pytest.mark.parametrize("subset", [1, 2, 4, 5, 99, None])
def test_loss_prediction_asks_the_highest_of_a_random_part(subset: int | None) -> None:
    pool = fake_outputs(n=30, extras=["predicted_loss"])
    strategy = make_strategy("loss-prediction", subset=subset)
    for seed in range(5):
        chosen = strategy.select(pool, None, 6, generator_from(seed))
        drawn = torch.arange(30)
        if subset is not None and 6 * subset < 30:
            drawn = torch.randperm(30, generator=generator_from(seed))[: 6 * subset]
        among = pool.by_id().take(drawn)
        order = among.extras["predicted_loss"].argsort(descending=True)
        assert chosen.tolist() == among.ids[order[:6]].tolist()


def test_waal_score_against_loops() -> None:
    pool = fake_outputs(n=30, c=4, extras=["critic"], dtype=torch.float64)
    scores = []
    for i, p in enumerate(pool.probs[0].tolist()):
        one = sum(-math.log(v) for v in p)
        two = math.sqrt(sum(math.log(v) ** 2 for v in p))
        scores.append(7.0 * float(pool.extras["critic"][i]) - (one + two) / 2)
    strategy = make_strategy("waal", diversity=7.0)
    chosen = strategy.select(pool, None, 30, generator_from(0))
    order = sorted(range(30), key=lambda i: -scores[i])
    assert chosen.tolist() == pool.ids[order].tolist()


def test_waal_asks_where_the_net_is_unsure_and_labelled_items_are_not() -> None:
    probs = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.9, 0.1]])
    critic = torch.tensor([0.9, 0.9, 0.1, 0.1])
    pool = Outputs(ids=torch.arange(4), probs=probs[None], extras={"critic": critic})
    chosen = make_strategy("waal", diversity=1.0).select(pool, None, 4, generator_from(0))
    assert chosen.tolist() == [0, 2, 1, 3]
    chosen = make_strategy("waal", diversity=100.0).select(pool, None, 4, generator_from(0))
    assert chosen.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("c", [1, 2, 5])
def test_the_bound_holds_for_every_label_and_is_least_for_the_uniform(c: int) -> None:
    probs = fake_outputs(n=50, c=c, dtype=torch.float64).probs[0]
    bound = label_agnostic_bound(probs)
    assert bool((bound[:, None] >= -probs.log() - 1e-12).all())
    uniform = label_agnostic_bound(torch.full((1, c), 1 / c, dtype=torch.float64))
    assert bool((bound >= uniform - 1e-12).all())


def test_the_bound_is_finite_where_a_probability_is_0() -> None:
    bound = label_agnostic_bound(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    assert bool(bound.isfinite().all())
    assert float(bound[0]) > float(bound[1])


@pytest.mark.parametrize("name", sorted(COMPANIONS))
def test_settings_reach_the_companion_with_the_same_defaults(name: str) -> None:
    strategy = make_strategy(name)
    assert strategy.companion == COMPANIONS[name]
    assert strategy.companion is not None
    assert dict(strategy.companion_settings) == companions.resolve(strategy.companion, {})
    key = next(iter(strategy.companion_settings))
    other = make_strategy(name, **{key: 3})
    assert other.companion_settings[key] == 3


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ceal", {"delta": -0.1}),
        ("ceal", {"decay": float("nan")}),
        ("ceal", {"share": 0.0}),
        ("ceal", {"share": 1.01}),
        ("loss-prediction", {"stop": 1.5}),
        ("loss-prediction", {"margin": 0.0}),
        ("loss-prediction", {"subset": 0}),
        ("vaal", {"beta": -1.0}),
        ("vaal", {"rate": 0.0}),
        ("waal", {"diversity": -1.0}),
        ("waal", {"gamma": -1.0}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises((InputError, UsageError), match=next(iter(settings))):
        make_strategy(name, **settings)
