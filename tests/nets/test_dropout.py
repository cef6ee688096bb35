import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pauca.errors import CapabilityError, InputError
from pauca.nets import (
    make_net,
    member_logits,
    member_masks,
    member_passes,
    stochastic_layers,
)
from pauca.rng import generator_from, isolated


class Own(nn.Module):
    """A user's net: BatchNorm, one dropout layer used twice, a channel dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.channels = nn.Dropout2d(0.4)
        self.drop = nn.Dropout(0.5)
        self.one = nn.Linear(4 * 6 * 6, 20)
        self.two = nn.Linear(20, 3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.channels(self.norm(self.conv(x))).relu().flatten(1)
        out: Tensor = self.two(self.drop(self.one(self.drop(z)).relu()))
        return out


def _own() -> Own:
    with isolated(generator_from(0)):
        return Own()


def _items(n: int = 12, seed: int = 1) -> Tensor:
    return torch.randn(n, 1, 8, 8, generator=generator_from(seed))


def _snapshot(net: nn.Module) -> list[object]:
    flags = [part.training for part in net.modules()]
    hooks = [len(part._forward_hooks) for part in net.modules()]
    return [flags, hooks, {k: v.clone() for k, v in net.state_dict().items()}]


def _same(before: list[object], after: list[object]) -> bool:
    one, other = before[2], after[2]
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    return before[:2] == after[:2] and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("training", [True, False])
def test_passes_leave_everything_as_it_was(training: bool) -> None:
    net = _own().train(training)
    net.norm.eval()  # a flag of its own must survive too
    before = _snapshot(net)
    member_passes(net, [_items()], 3, generator_from(0))
    assert _same(before, _snapshot(net))


def test_an_error_inside_leaves_everything_as_it_was() -> None:
    net = _own().train()
    before = _snapshot(net)
    with pytest.raises(ZeroDivisionError), member_masks(net, 2, generator_from(0)):
        raise ZeroDivisionError
    assert _same(before, _snapshot(net))


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_members_depend_on_neither_batches_nor_order(sizes: list[int], seed: int) -> None:
    net, x = _own(), _items()
    whole = member_passes(net, [x], 4, generator_from(3))
    order = torch.randperm(12, generator=generator_from(seed))
    cuts = [c for c in torch.tensor(sizes).cumsum(0).tolist() if c < 12]
    parts = torch.tensor_split(order, cuts)
    found = member_passes(net, [x[part] for part in parts], 4, generator_from(3))
    assert torch.allclose(found[:, order.argsort()], whole, atol=1e-5)


def test_equal_items_are_judged_equally_by_each_member() -> None:
    x = _items(1).expand(6, -1, -1, -1)
    passes = member_passes(_own(), [x], 5, generator_from(0))
    assert torch.allclose(passes, passes[:, :1].expand_as(passes), atol=1e-6)
    assert passes[:, 0].std(0).min() > 0


def test_a_member_is_the_net_with_its_masks() -> None:
    """Against a hand-written pass through a two-layer net with masks drawn the same way."""
    net = make_net(
        "mlp", shape=(6,), classes=3, generator=generator_from(0), widths=[8], dropout=0.25
    )
    x = torch.randn(5, 6, generator=generator_from(1))
    with torch.no_grad(), member_masks(net, 3, generator_from(2)) as masks:
        found = member_logits(net, x, masks)
        hidden = net.get_submodule("layer1")(x)
        kept = []
        for _ in masks:
            ones = net.get_submodule("drop1")(torch.ones(5, 8))
            assert torch.equal(ones, ones[:1].expand(5, -1))
            assert torch.allclose(ones[ones > 0], torch.tensor(4 / 3))
            kept.append(net.head(hidden * ones[0]))
    assert torch.allclose(found, torch.stack(kept), atol=1e-6)


def test_mean_over_many_members_keeps_the_scale() -> None:
    drop = nn.Dropout(0.3)
    passes = member_passes(drop, [torch.ones(1, 50)], 400, generator_from(0))
    # mean of 20,000 draws of {0, 1/.7} with standard deviation .65
    assert abs(float(passes.mean()) - 1) < 5 * 0.65 / 20_000**0.5
    assert abs(float((passes == 0).double().mean()) - 0.3) < 5 * 0.46 / 20_000**0.5


def test_channel_dropout_drops_whole_channels() -> None:
    passes = member_passes(nn.Dropout2d(0.5), [torch.ones(2, 8, 3, 3)], 4, generator_from(0))
    assert torch.equal(passes, passes[..., :1, :1].expand_as(passes))
    assert set(torch.unique(passes).tolist()) == {0.0, 2.0}


def test_a_layer_used_twice_has_two_masks_in_a_pass() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.drop(x), self.drop(x)], dim=1)

    first, second = member_passes(Twice(), [torch.ones(1, 64)], 1, generator_from(0)).chunk(2, 2)
    assert not torch.equal(first, second)


def test_more_members_leave_the_first_as_they_were() -> None:
    net, x = _own(), _items()
    few = member_passes(net, [x], 2, generator_from(5))
    many = member_passes(net, [x], 6, generator_from(5))
    assert torch.equal(few, many[:2])


def test_the_stem_runs_once() -> None:
    net = make_net("convnet", shape=(1, 8, 8), classes=3, generator=generator_from(0))
    calls = {"conv1": 0, "dense": 0}

    def count(name: str) -> object:
        def hook(*_: object) -> None:
            calls[name] += 1

        return net.get_submodule(name).register_forward_hook(hook)

    for name in calls:
        count(name)
    member_passes(net, [_items(), _items()], 20, generator_from(0))
    assert calls == {"conv1": 2, "dense": 40}


def test_a_stem_computed_once_gives_what_whole_passes_give() -> None:
    net, x = make_net("convnet", shape=(1, 8, 8), classes=3, generator=generator_from(0)), _items()
    found = member_passes(net, [x], 4, generator_from(1))
    with torch.no_grad(), member_masks(net, 4, generator_from(1)) as masks:
        expected = torch.stack([net(x) for _ in masks])
    assert torch.allclose(found, expected, atol=1e-6)


def test_outside_an_iteration_the_net_is_deterministic() -> None:
    net, x = _own().eval(), _items()
    expected = net(x)
    with member_masks(net, 2, generator_from(0)) as masks:
        assert torch.equal(net(x), expected)
        for _ in masks:
            assert not torch.equal(net(x), expected)
        assert torch.equal(net(x), expected)


@pytest.mark.parametrize("net", [nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Dropout(0.0))])
def test_a_net_without_dropout_is_refused(net: nn.Module) -> None:
    with pytest.raises(CapabilityError, match=r"nn\.Dropout"):
        member_passes(net, [torch.ones(2, 3)], 5, generator_from(0))


def test_a_kind_without_consistent_masks_is_refused_by_name() -> None:
    net = nn.Sequential(nn.ReLU(), nn.AlphaDropout(0.5))
    with pytest.raises(CapabilityError, match="'1'"):
        member_passes(net, [torch.ones(2, 3)], 5, generator_from(0))


def test_items_of_different_shapes_are_refused() -> None:
    batches = [torch.ones(2, 3), torch.ones(2, 4)]
    with pytest.raises(InputError, match="one shape"):
        member_passes(nn.Dropout(0.5), batches, 2, generator_from(0))


def test_no_members_are_refused() -> None:
    with pytest.raises(InputError, match="members"):
        member_passes(nn.Dropout(0.5), [torch.ones(1, 2)], 0, generator_from(0))


def test_stochastic_layers_by_name() -> None:
    assert list(stochastic_layers(_own())) == ["channels", "drop"]
