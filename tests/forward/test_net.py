import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pauca.errors import InputError
from pauca.forward import L2, Append, ForwardNet, L2Scaling, NoScaling, layers
from pauca.rng import generator_from
from tests.forward.plain import (
    CLASSES,
    a_code,
    a_net,
    plain_activities,
    plain_label_goodness,
    some_items,
)


def test_names() -> None:
    assert layers.names() == ("conv2d", "linear", "local")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 500), colour=st.booleans(), classes=st.integers(2, 8))
def test_factorised_equals_plain_for_every_row_of_the_code(
    seed: int, colour: bool, classes: int
) -> None:
    code = a_code((3 if colour else 1, 3, 4), classes)
    net = a_net((6, 5), code=code, seed=seed)
    x = torch.randn(9, code.d_item, generator=generator_from(seed), dtype=torch.float64)
    rows = torch.arange(9) % (classes + 2)
    for fast, slow in zip(net(x, rows), plain_activities(net, code.write(x, rows)), strict=True):
        close(fast, slow)


def test_factorised_equals_plain_where_the_label_is_appended() -> None:
    net = a_net((6, 5), code=Append(shape=(7,), classes=3, on=[1.5], off=[0.0]))
    x = some_items(8, d=7).x
    rows = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    for fast, slow in zip(
        net(x, rows), plain_activities(net, net.code.write(x, rows)), strict=True
    ):
        close(fast, slow)


def test_goodness_of_all_labels_equals_one_pass_a_label() -> None:
    net, items = a_net(), some_items(11)
    found = net.label_goodness(items.x)
    assert found.shape == (11, CLASSES, 3)
    close(found, plain_label_goodness(net, items.x))


def test_several_rows_an_item_equal_one_pass_a_row() -> None:
    net, items = a_net(), some_items(6)
    rows = torch.randint(CLASSES, (3, 6), generator=generator_from(2))
    together = net.through(net.prepare(items.x), rows)
    for r in range(3):
        for h, alone in zip(together, net(items.x, rows[r]), strict=True):
            close(h[r], alone)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 500), size=st.integers(1, 12))
def test_prediction_is_independent_of_the_batch(seed: int, size: int) -> None:
    net, items = a_net(seed=seed), some_items(12, seed=seed)
    order = torch.randperm(12, generator=generator_from(seed))
    cut = [net.label_goodness(items.x[order[at : at + size]]) for at in range(0, 12, size)]
    close(torch.cat(cut), net.label_goodness(items.x)[order])


def test_a_bright_neighbour_changes_nothing() -> None:
    net, items = a_net(), some_items(2)
    alone = net.label_goodness(items.x[:1])
    bright = torch.cat([items.x[:1], items.x[1:] * 1000])
    close(net.label_goodness(bright)[:1], alone)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 500))
def test_permuting_units_changes_nothing(seed: int) -> None:
    net, items = a_net(seed=seed), some_items(7)
    before = net.label_goodness(items.x)
    order = torch.randperm(9, generator=generator_from(seed))
    with torch.no_grad():
        weight, bias = net.layer(0).parameters()
        weight.copy_(weight[order])
        bias.copy_(bias[order])
        after, _ = net.layer(1).parameters()
        after.copy_(after[:, order])
    close(net.label_goodness(items.x), before)


def test_evaluation_keeps_no_graph() -> None:
    saved: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    net, items = a_net(), some_items(4)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = net.label_goodness(items.x)
    assert not found.requires_grad
    assert saved == []


def test_same_generator_same_weights() -> None:
    one, two, other = a_net(seed=3), a_net(seed=3), a_net(seed=4)
    for a, b, c in zip(one.parameters(), two.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_weights_start_uniform_within_one_over_root_d() -> None:
    net = a_net((400, 300))
    for number, d in ((0, 30), (1, 400)):
        for weights in net.layer(number).parameters():
            parameter = weights.detach()
            bound = d**-0.5
            assert float(parameter.abs().max()) <= bound
            assert float(parameter.std()) == pytest.approx(bound / 3**0.5, rel=0.1)


def test_without_normalisation_length_matters() -> None:
    net = ForwardNet(
        a_code(), [5], goodness=L2(), normalisation=NoScaling(), generator=generator_from(0)
    ).double()
    x = some_items(3).x
    rows = torch.tensor([0, 1, 2])
    weight, bias = net.layer(0).parameters()
    close(net(x, rows)[0], (net.code.write(x, rows) @ weight.T + bias).relu())


@pytest.mark.parametrize("widths", [[], [4, 0]])
def test_refuses_a_net_without_layers_or_units(widths: list[int]) -> None:
    with pytest.raises(InputError):
        ForwardNet(
            a_code(), widths, goodness=L2(), normalisation=L2Scaling(), generator=generator_from(0)
        )
