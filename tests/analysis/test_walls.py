import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.analysis import activation_walls, choose_samples, order_units
from pauca.errors import InputError
from pauca.rng import generator_from


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 9), st.integers(0, 100))
def test_samples_are_distinct_sorted_by_class_and_as_many_as_there_are(
    n: int, c: int, per_class: int, seed: int
) -> None:
    g = generator_from(seed)
    labels = torch.randint(c, (n,), generator=g)
    chosen = choose_samples(labels, per_class, g)
    assert len(set(chosen.tolist())) == len(chosen)
    shown = labels[chosen]
    assert shown.tolist() == sorted(shown.tolist())
    for k in range(c):
        assert int((shown == k).sum()) == min(per_class, int((labels == k).sum()))


def test_samples_are_drawn_at_random_and_repeatably() -> None:
    labels = torch.zeros(100, dtype=torch.int64)
    first = choose_samples(labels, 5, generator_from(0))
    assert torch.equal(first, choose_samples(labels, 5, generator_from(0)))
    assert not torch.equal(first, choose_samples(labels, 5, generator_from(1)))


def test_units_are_ordered_by_the_class_they_answer_to_then_by_strength() -> None:
    labels = torch.tensor([0, 0, 2, 2])  # class 1 is not here
    activations = torch.tensor(
        [
            [0.0, 1.0, 0.0, 5.0, 0.2],
            [0.0, 1.0, 0.0, 5.0, 0.0],
            [9.0, 0.0, 0.0, 1.0, 3.0],
            [9.0, 0.0, 0.0, 1.0, 3.0],
        ]
    )
    assert order_units(activations, labels).tolist() == [3, 1, 0, 4, 2]


@settings(deadline=None)
@given(st.integers(0, 100))
def test_every_unit_is_there_once_whatever_the_class_names(seed: int) -> None:
    g = generator_from(seed)
    labels = torch.randint(4, (20,), generator=g)
    x = torch.randn(20, 11, generator=g).relu()
    order = order_units(x, labels)
    assert order.sort().values.tolist() == list(range(11))
    assert torch.equal(order, order_units(x, labels * 7 + 1))


@pytest.mark.parametrize("order", ["given", "preferred"])
def test_walls_hold_the_same_samples_in_every_layer(order: str) -> None:
    g = generator_from(0)
    labels = torch.arange(30) % 3
    layers = {"layer1": torch.rand(30, 6, generator=g), "layer2": torch.rand(30, 4, generator=g)}
    walls = activation_walls(
        layers,
        labels,
        generator=generator_from(1),
        per_class=2,
        order=order,  # type: ignore[arg-type]
    )
    assert list(walls) == ["layer1", "layer2"]
    for name, wall in walls.items():
        assert wall.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert torch.equal(wall.samples, walls["layer1"].samples)
        assert torch.equal(wall.labels, labels[wall.samples])
        for row, sample in enumerate(wall.samples.tolist()):
            for column, unit in enumerate(wall.units.tolist()):
                assert wall.values[row, column] == layers[name][sample, unit]
    ordered = walls["layer1"].units.tolist() == list(range(6))
    assert ordered == (order == "given")


def test_refuses_sizes_that_differ_and_unknown_orders() -> None:
    with pytest.raises(InputError, match="layer1"):
        activation_walls(
            {"layer1": torch.ones(3, 2)}, torch.zeros(4).long(), generator=generator_from(0)
        )
    with pytest.raises(InputError, match="order of units"):
        activation_walls(
            {},
            torch.zeros(4).long(),
            generator=generator_from(0),
            order="best",  # type: ignore[arg-type]
        )
    with pytest.raises(InputError, match="per_class"):
        choose_samples(torch.zeros(4).long(), 0, generator_from(0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_units_are_not_ordered_by_activity_that_is_not_finite(bad: float) -> None:
    labels = torch.arange(6) % 2
    activations = torch.ones(6, 3)
    activations[4, 1] = bad
    with pytest.raises(InputError, match=r"first at \(4, 1\)"):
        order_units(activations, labels)
    with pytest.raises(InputError, match=r"first at \(4, 1\)"):
        activation_walls(
            {"layer": activations}, labels, generator=generator_from(0), order="preferred"
        )
