import math

import pytest
import torch

from pauca.analysis import Planted, planted
from pauca.errors import InputError
from pauca.rng import generator_from


def some(**settings: float) -> Planted:
    """Eight thousand samples of three classes, 40 units."""
    return planted(8000, 40, [10, 6, 8], generator=generator_from(0), **settings)  # type: ignore[arg-type]


def phi(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def test_sizes_labels_and_dead_units_are_as_asked() -> None:
    p = some(dead=5)
    assert p.members.sum(1).tolist() == [10, 6, 8]
    assert torch.bincount(p.labels).tolist() == [2667, 2667, 2666]
    assert int(p.dead.sum()) == 5
    assert torch.equal(p.dead, ~(p.activations > 0).any(0))
    assert not p.members[:, p.dead].any()
    assert int(p.null.sum()) == 40 - 24
    assert float(p.activations.min()) == 0


def test_neighbours_share_what_was_asked_and_no_unit_is_in_three() -> None:
    members = planted(10, 60, [10, 0, 8, 12], generator=generator_from(0), overlap=4).members.int()
    shared = members @ members.T
    assert shared.tolist() == [[10, 0, 4, 0], [0, 0, 0, 0], [4, 0, 8, 4], [0, 0, 4, 12]]
    assert int(members.sum(0).max()) == 2


@pytest.mark.parametrize("effect", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("active", [0.05, 0.4])
def test_units_answer_as_often_as_the_docstring_says(effect: float, active: float) -> None:
    p = some(effect=effect, active=active, correlation=0.3, spread=0.5)
    inside = some().members  # the same draw of units
    threshold = torch.special.ndtri(torch.tensor(1 - active)).item()
    for k in range(3):
        of_class = p.activations[p.labels == k] > 0
        share = float(of_class[:, inside[k]].float().mean())
        assert share == pytest.approx(phi(effect - threshold), abs=0.03)
        assert float(of_class[:, ~inside[k]].float().mean()) == pytest.approx(active, abs=0.03)
    assert bool(p.members.any()) == (effect != 0)


def test_units_are_correlated_as_asked_and_gains_spread() -> None:
    # nearly all active: what is left of the normal is linear
    p = some(active=0.9999, effect=0, correlation=0.4)
    correlations = torch.corrcoef(p.activations.T)
    off = correlations[~torch.eye(40, dtype=torch.bool)]
    assert float(off.mean()) == pytest.approx(0.4, abs=0.03)
    level = some(active=0.5, effect=0).activations.mean(0)
    spread = some(active=0.5, effect=0, spread=0.7).activations.mean(0)
    assert float(level.log().std()) < 0.05
    assert float(spread.log().std()) == pytest.approx(0.7, abs=0.2)


def test_the_same_generator_draws_the_same_and_order_says_nothing() -> None:
    a, b = some(), some()
    assert torch.equal(a.activations, b.activations)
    assert torch.equal(a.labels, b.labels)
    places = a.members[0].nonzero().view(-1)
    assert int(places.max() - places.min()) > 10


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"dead": 30}, "more units"),
        ({"overlap": 4}, "too small for their overlap"),
        ({"active": 0.0}, "active"),
        ({"active": 1.0}, "active"),
        ({"correlation": 1.0}, "correlation"),
        ({"spread": -1.0}, "spread"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, float], what: str) -> None:
    with pytest.raises(InputError, match=what):
        some(**settings)
    with pytest.raises(InputError, match="number of classes"):
        planted(10, 40, [5], generator=generator_from(0))
