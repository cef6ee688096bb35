import pytest
import torch
from torch import Tensor, nn

from pauca.errors import InputError, UnknownNameError
from pauca.nets import activations, make_net, nets, record
from pauca.rng import generator_from, isolated


def _chain() -> nn.Sequential:
    with isolated(generator_from(0)):
        return nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))


def _x(n: int = 5) -> Tensor:
    return torch.randn(n, 4, generator=generator_from(0))


def test_records_what_a_module_returned_before_a_later_one_worked_in_place() -> None:
    net, x = _chain(), _x()
    with record(net, ["0", "1"]) as recording:
        net(x)
        seen = recording.take()
    before = x @ net.get_parameter("0.weight").T + net.get_parameter("0.bias")
    assert torch.allclose(seen["0"], before, atol=1e-6)
    assert torch.allclose(seen["1"], before.clamp(min=0), atol=1e-6)
    assert list(seen) == ["0", "1"]
    assert not seen["0"].requires_grad


def test_take_joins_passes_and_forgets_them() -> None:
    net = _chain()
    with record(net, ["2"]) as recording:
        net(_x(2))
        net(_x(3))
        assert recording.take()["2"].shape == (5, 2)
        net(_x(1))
        assert recording.take()["2"].shape == (1, 2)


def test_hooks_are_removed_also_after_an_error() -> None:
    net = _chain()
    with pytest.raises(RuntimeError), record(net, ["0", "2"]):
        net(torch.ones(2, 7))
    assert not any(part._forward_hooks for part in net.modules())


def test_an_unknown_tap_is_told_the_nearest_before_any_hook() -> None:
    net = make_net("mlp", shape=(4,), classes=2, generator=generator_from(0), widths=[3])
    with pytest.raises(UnknownNameError, match="layer1"), record(net, ["layer1", "layr1"]):
        pass
    assert not any(part._forward_hooks for part in net.modules())


def test_a_tap_that_is_not_reached_or_reached_twice_is_refused() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.act, self.idle = nn.Linear(4, 4), nn.ReLU(), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.act(self.a(self.act(x)))
            return out

    with isolated(generator_from(0)):
        net = Shared()
    for taps in (["a", "act"], ["a", "idle"]):
        with record(net, taps) as recording:
            net(_x())
            with pytest.raises(InputError, match=taps[1]):
                recording.take()


def test_a_tuple_counts_as_its_first_tensor_and_anything_else_is_refused() -> None:
    with isolated(generator_from(0)):
        whole = nn.Sequential(nn.GRU(4, 3, batch_first=True))
    with record(whole, ["0"]) as recording:
        whole(torch.ones(2, 5, 4))
        assert recording.take()["0"].shape == (2, 15)

    class Words(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"x": x}

    other = nn.Sequential(Words())
    with record(other, ["0"]), pytest.raises(InputError, match="'0'"):
        other(_x())


@pytest.mark.parametrize("name", nets.names())
def test_activations_of_every_net_do_not_depend_on_batches(name: str) -> None:
    shape = (1, 8, 8)
    net = make_net(name, shape=shape, classes=3, generator=generator_from(0)).eval()
    x = torch.randn(5, *shape, generator=generator_from(1))
    whole = activations(net, [x], net.taps, 5)
    parts = activations(net, torch.split(x, 2), net.taps, 5)
    assert list(whole) == list(net.taps)
    for tap in net.taps:
        assert whole[tap].shape[0] == 5
        assert whole[tap].ndim == 2
        assert torch.allclose(whole[tap], parts[tap], atol=1e-4)
    # the last tap of every net is its penultimate layer
    assert torch.allclose(whole[net.taps[-1]], net.features(x), atol=1e-5)


@pytest.mark.parametrize("n", [4, 6])
def test_batches_that_are_not_n_items_are_refused(n: int) -> None:
    with pytest.raises(InputError, match="items"):
        activations(_chain(), torch.split(_x(5), 2), ["2"], n)
