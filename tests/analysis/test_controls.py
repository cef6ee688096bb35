import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.analysis import control_sets
from pauca.analysis.controls import share_as_high
from pauca.errors import InputError
from pauca.rng import generator_from


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 1000),
    u=st.integers(4, 60),
    share=st.floats(0, 0.5),
    kind=st.sampled_from(["none", "spread", "equal", "top"]),
)
def test_sets_are_of_the_same_size_and_of_other_units(
    seed: int, u: int, share: float, kind: str
) -> None:
    g = generator_from(seed)
    units = torch.zeros(u, dtype=torch.bool)
    units[torch.randperm(u, generator=g)[: int(share * u)]] = True
    activity = {
        "none": None,
        "spread": torch.rand(u, generator=g),
        "equal": torch.zeros(u),
        "top": units + 0.1 * torch.rand(u, generator=g),
    }[kind]
    found = control_sets(units, 7, generator=g, activity=activity)
    assert found.shape == (7, u)
    assert found.dtype == torch.bool
    assert found.sum(1).tolist() == [int(units.sum())] * 7
    assert not bool((found & units).any())


def test_every_other_unit_is_equally_likely_by_size() -> None:
    units = torch.arange(20) < 5
    counts = control_sets(units, 6000, generator=generator_from(0))[:, 5:].double().mean(0)
    assert float((counts - 1 / 3).abs().max()) < 5 * (2 / 9 / 6000) ** 0.5


@pytest.mark.parametrize("tilt", [0.0, 1.0])
def test_matched_sets_are_as_active_and_others_are_not(tilt: float) -> None:
    g = generator_from(0)
    activity = torch.rand(600, generator=g).double() ** 2
    odds = activity**tilt * torch.rand(600, generator=g)
    units = torch.zeros(600, dtype=torch.bool)
    units[odds.topk(60).indices] = True
    own = float(activity[units].mean())
    plain, matched = (
        (control_sets(units, 200, generator=g, activity=of) * activity).sum(1) / 60
        for of in (None, activity)
    )
    assert abs(float(matched.mean()) - own) < 0.02
    if tilt:
        assert own - float(plain.mean()) > 0.2
    # neither all alike nor a few units only
    assert len(torch.unique(matched)) == 200
    sets = control_sets(units, 200, generator=g, activity=activity)
    assert int(sets.any(0).sum()) > (120 if tilt else 400)


def test_equal_activity_leaves_all_equally_likely() -> None:
    units = torch.arange(40) < 4
    activity = torch.zeros(40)
    activity[30:] = 1  # dead units and ten others, none of them in the set
    sets = control_sets(units, 4000, generator=generator_from(0), activity=activity)
    shares = sets[:, 4:30].double().mean(0)
    assert float(shares.max() / shares.min()) < 1.8


def test_seeds_decide_and_what_cannot_be_is_refused() -> None:
    units = torch.arange(9) < 4
    first, again, other = (control_sets(units, 5, generator=generator_from(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(InputError, match="at least 5"):
        control_sets(torch.arange(9) < 5, 5, generator=generator_from(0))
    with pytest.raises(InputError, match="activity"):
        control_sets(units, 5, generator=generator_from(0), activity=torch.zeros(8))
    with pytest.raises(InputError, match="draws"):
        control_sets(units, 0, generator=generator_from(0))


def test_p_counts_those_as_high() -> None:
    observed = torch.tensor([2.0, 0.0, 5.0, float("nan"), 1.0])
    drawn = torch.tensor([[1.0, 0, 0, 0, 0], [2, 0, 0, 0, float("nan")], [3, 0, 0, 0, 0]])
    found = share_as_high(observed, drawn)
    assert found[:3].tolist() == [3 / 4, 1.0, 1 / 4]
    assert bool(found[3:].isnan().all())
