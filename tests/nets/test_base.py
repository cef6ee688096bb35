from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pauca.errors import InputError, UnknownNameError, UsageError
from pauca.nets import AbstractNet, make_net, nets
from pauca.nets.mlp import MLP
from pauca.rng import generator_from, isolated

_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "mlp": [(5,), (1, 8, 8), (3, 4, 9)],
    "convnet": [(1, 8, 8), (1, 28, 28), (3, 32, 32), (2, 5, 17), (1, 4, 4), (3, 64, 64)],
    "resnet18": [(1, 8, 8), (3, 32, 32), (4, 64, 40)],
}
_CASES = [(name, shape) for name, shapes in _SHAPES.items() for shape in shapes]


def _net(name: str, shape: tuple[int, ...], seed: int = 0, **params: Any) -> AbstractNet:
    if name == "resnet18":
        params = {"width": 4, **params}
    return make_net(name, shape=shape, classes=3, generator=generator_from(seed), **params)


def _items(shape: tuple[int, ...], b: int = 2) -> Tensor:
    return torch.randn(b, *shape, generator=generator_from(9))


def test_every_net_is_checked_here() -> None:
    assert set(nets.names()) == set(_SHAPES)


@pytest.mark.parametrize(("name", "shape"), _CASES)
def test_logits_are_head_of_rest_of_stem(name: str, shape: tuple[int, ...]) -> None:
    net, x = _net(name, shape).eval(), _items(shape)
    logits = net(x)
    assert logits.shape == (2, 3)
    assert torch.equal(logits, net.head(net.rest(net.stem(x))))
    assert torch.equal(net.features(x), net.rest(net.stem(x)))
    assert net.features(x).ndim == 2


@pytest.mark.parametrize(("name", "shape"), _CASES)
def test_every_parameter_learns(name: str, shape: tuple[int, ...]) -> None:
    net = _net(name, shape)
    with isolated(generator_from(2)):
        net(_items(shape, 4)).square().sum().backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key


@pytest.mark.parametrize("name", nets.names())
def test_weights_come_from_the_generator_alone(name: str) -> None:
    shape = _SHAPES[name][0]
    first, same, other = (_net(name, shape, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", nets.names())
def test_without_dropout_the_stem_is_all(name: str) -> None:
    shape = _SHAPES[name][0]
    net = _net(name, shape, dropout=0.0).eval()
    z = net.stem(_items(shape))
    assert not net.stochastic
    assert torch.equal(net.rest(z), z)
    assert not [part for part in net.modules() if isinstance(part, nn.Dropout)]


@pytest.mark.parametrize("name", nets.names())
def test_with_dropout_the_stem_is_the_same_in_every_training_pass(name: str) -> None:
    shape = _SHAPES[name][0]
    net, x = _net(name, shape, dropout=0.5), _items(shape, 16)
    assert net.stochastic
    with isolated(generator_from(2)):
        assert torch.equal(net.stem(x), net.stem(x))
        assert not torch.equal(net.features(x), net.features(x))


@pytest.mark.parametrize("name", nets.names())
def test_describes_itself(name: str) -> None:
    net = _net(name, _SHAPES[name][0])
    assert net.name == name
    assert net.summary
    assert net.reference
    known = dict(net.named_modules())
    assert net.taps
    assert all(tap in known for tap in net.taps)


def test_the_mlp_is_linear_relu() -> None:
    net = make_net("mlp", shape=(2, 3), classes=4, generator=generator_from(0), widths=[5, 7])
    x = torch.randn(6, 2, 3, generator=generator_from(1))
    p = {key: value.detach().numpy() for key, value in net.named_parameters()}
    h = x.flatten(1).numpy()
    for layer in ("layer1.0", "layer2.0"):
        h = (h @ p[f"{layer}.weight"].T + p[f"{layer}.bias"]).clip(0)
    expected = torch.from_numpy(h @ p["head.weight"].T + p["head.bias"])
    assert torch.allclose(net(x), expected, atol=1e-6)
    assert net.taps == ("layer1", "layer2")


def test_the_dense_part_of_the_convnet_stays_small() -> None:
    for side in (8, 28, 32, 64, 96):
        net = make_net("convnet", shape=(1, side, side), classes=10, generator=generator_from(0))
        assert net.get_submodule("dense.0").weight.shape == (128, 512)


def test_resnet18_is_the_published_net() -> None:
    net = make_net(
        "resnet18", shape=(3, 64, 64), classes=1000, generator=generator_from(0), stem="large"
    )
    # the count of He et al.'s 18-layer net, as any implementation has it
    assert sum(p.numel() for p in net.parameters()) == 11_689_512
    assert sum(isinstance(part, nn.Conv2d) for part in net.modules()) == 20


@pytest.mark.parametrize(
    ("stem", "shape", "side"),
    [("small", (3, 32, 32), 32), ("large", (3, 64, 64), 16), ("mnist", (1, 28, 28), 7)],
)
def test_entries_of_resnet18(stem: str, shape: tuple[int, int, int], side: int) -> None:
    net = _net("resnet18", shape, stem=stem).eval()
    entry = net.get_submodule("entry")
    assert entry(_items(shape)).shape == (2, 4, side, side)
    assert net(_items(shape)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "shape", "params"),
    [
        ("convnet", (5,), {}),
        ("convnet", (1, 3, 8), {}),
        ("resnet18", (1, 7, 7), {}),
        ("resnet18", (1, 20, 20), {"stem": "mnist"}),
    ],
)
def test_items_that_a_net_cannot_read(
    name: str, shape: tuple[int, ...], params: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="mlp"):
        _net(name, shape, **params)


@pytest.mark.parametrize(
    "params", [{"widths": []}, {"widths": [0]}, {"dropout": 1.0}, {"dropout": -0.1}]
)
@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_settings_that_a_net_cannot_have(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        _net(name, (1, 8, 8), **params)


def test_unknown_names_are_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="convnet"):
        _net("convnets", (1, 8, 8))
    with pytest.raises(UnknownNameError, match="widths"):
        _net("mlp", (4,), width=[3])


def test_building_without_numbers() -> None:
    with torch.device("meta"):
        net = MLP(shape=(4,), classes=2, widths=(10**6, 10**6))
    assert net.head.weight.is_meta
