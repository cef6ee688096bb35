"""The folded net against the net itself: logits, input gradients, and what it must leave alone."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pauca.nets import folded, make_net
from pauca.rng import generator_from, isolated


def lived_in(net: nn.Module) -> nn.Module:
    """In double precision, evaluation mode, with BatchNorms that have seen something."""
    noise = generator_from(5)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean = torch.randn(part.num_features, generator=noise)
            part.running_var = torch.rand(part.num_features, generator=noise) + 0.5
            nn.init.constant_(part.weight, -1.5)
            nn.init.constant_(part.bias, 0.3)
    return net.double().eval()


def both(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Output, and the gradient of its weighted sum for the input."""
    x = x.clone().requires_grad_()
    z = net(x)
    weights = torch.linspace(-1, 1, z.numel(), dtype=z.dtype).view(z.shape)
    return z.detach(), torch.autograd.grad((z * weights).sum(), x)[0]


def agree(net: nn.Module, x: Tensor) -> None:
    for one, other in zip(both(net, x), both(folded(net), x), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("convnet", (1, 28, 28)),
        ("convnet", (3, 32, 32)),
        ("convnet", (1, 8, 8)),
        ("convnet", (2, 15, 29)),
        ("resnet18", (3, 32, 32)),
        ("mlp", (5,)),
    ],
)
def test_every_net_says_the_same_when_folded(name: str, shape: tuple[int, ...]) -> None:
    net = lived_in(make_net(name, shape=shape, classes=4, generator=generator_from(0)))
    agree(net, torch.randn(3, *shape, generator=generator_from(1), dtype=torch.float64))


@given(
    channels=st.integers(1, 7),
    stride=st.integers(1, 4),
    kernel=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    size=st.tuples(st.integers(6, 17), st.integers(6, 17)),
    bias=st.booleans(),
)
def test_stacked_pixels_are_the_strided_convolution(
    channels: int,
    stride: int,
    kernel: tuple[int, int],
    padding: tuple[int, int],
    size: tuple[int, int],
    bias: bool,
) -> None:
    with isolated(generator_from(0)):
        net = nn.Sequential(nn.Conv2d(channels, 3, kernel, stride, padding, bias=bias)).double()
    if stride > 1:
        assert type(folded(net)[0]) is not nn.Conv2d  # type: ignore[index]
    agree(net, torch.randn(2, channels, *size, generator=generator_from(1), dtype=torch.float64))


@pytest.mark.parametrize(
    "settings",
    [{"groups": 2}, {"dilation": 2}, {"padding_mode": "reflect", "padding": 1}, {"stride": (1, 2)}],
)
def test_other_convolutions_stay_as_they_are(settings: dict[str, object]) -> None:
    with isolated(generator_from(0)):
        conv = nn.Conv2d(2, 4, 3, **{"stride": 2, **settings}).double()  # type: ignore[arg-type]
    agree(
        nn.Sequential(conv),
        torch.randn(2, 2, 9, 9, generator=generator_from(1), dtype=torch.float64),
    )


def test_the_net_itself_is_left_alone() -> None:
    net = make_net("convnet", shape=(1, 8, 8), classes=3, generator=generator_from(0))
    before = deepcopy(net)
    quick = folded(net)
    assert net.training
    assert all(p.requires_grad for p in net.parameters())
    assert not any(p.requires_grad for p in quick.parameters())
    assert not any(isinstance(part, nn.BatchNorm2d) for part in quick.modules())
    after = net.state_dict()
    assert all(torch.equal(after[name], kept) for name, kept in before.state_dict().items())


def test_a_batchnorm_without_running_statistics_is_not_folded() -> None:
    norm = nn.BatchNorm2d(2, track_running_stats=False)
    with isolated(generator_from(0)):
        net = nn.Sequential(nn.Conv2d(8, 2, 3), norm).double()
    agree(net, torch.randn(4, 8, 5, 5, generator=generator_from(1), dtype=torch.float64))
