"""BIM and DeepFool distances against closed forms and against one item at a time."""

import math

import pytest
import torch
from torch import Tensor, nn

from pauca.errors import InputError
from pauca.rng import generator_from, isolated
from pauca.select.adversarial import bim_distances, deepfool_distances


def linear(c: int, d: int, seed: int = 0) -> nn.Linear:
    with isolated(generator_from(seed)):
        return nn.Linear(d, c).double()


def curved(c: int, d: int, seed: int = 0) -> nn.Module:
    with isolated(generator_from(seed)):
        return nn.Sequential(nn.Linear(d, 16), nn.Tanh(), nn.Linear(16, c)).double()


def items(n: int, d: int, seed: int = 1) -> Tensor:
    return torch.randn(n, d, generator=generator_from(seed), dtype=torch.float64)


def slow_bim(net: nn.Module, x: Tensor, step: float, cap: int) -> float:
    """Kurakin 2017, one item, the gradient of the cross-entropy as the paper writes it."""
    y = int(net(x).argmax())
    adversarial = x.clone()
    for _ in range(cap + 1):
        point = adversarial.clone().requires_grad_()
        z = net(point)
        if int(z.argmax()) != y:
            return float((adversarial - x).norm())
        (g,) = torch.autograd.grad(-z.log_softmax(-1)[y], point)
        adversarial = adversarial + step * g.sign()
    return math.inf


def slow_deepfool(net: nn.Module, x: Tensor, cap: int, overshoot: float) -> float:
    """Moosavi-Dezfooli 2016, algorithm 2, one item and one class at a time."""
    y = int(net(x).argmax())
    total = torch.zeros_like(x)
    for _ in range(cap + 1):
        point = (x + (1 + overshoot) * total).requires_grad_()
        z = net(point)
        if int(z.argmax()) != y:
            return float(total.norm())
        best, move = math.inf, torch.zeros_like(x)
        for k in range(len(z)):
            (w,) = torch.autograd.grad(z[k] - z[y], point, retain_graph=True)
            if k == y or not w.any():
                continue
            f = float((z[k] - z[y]).detach())
            if abs(f) / float(w.norm()) < best:
                best = abs(f) / float(w.norm())
                move = abs(f) / float(w.norm()) ** 2 * w
        total = total + move
    return math.inf


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_bim_is_the_slow_form(batch: int) -> None:
    net, x = curved(4, 6), items(23, 6)
    wanted = [slow_bim(net, row, 0.05, 60) for row in x]
    found = bim_distances(net, x, step=0.05, max_steps=60, batch=batch)
    assert found.tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_deepfool_is_the_slow_form(batch: int) -> None:
    net, x = curved(4, 6), items(23, 6)
    wanted = [slow_deepfool(net, row, 50, 0.02) for row in x]
    found = deepfool_distances(net, x, batch=batch)
    assert found.tolist() == pytest.approx(wanted)


def test_deepfool_finds_the_nearest_boundary_on_linear_nets_in_closed_form() -> None:
    """The survey's toolkit always moves towards the last class."""
    net, x = linear(7, 5), items(40, 5)
    z, w = net(x).detach(), net.weight.detach()
    wanted = []
    for row in z:
        y = int(row.argmax())
        others = [k for k in range(7) if k != y]
        wanted.append(min(float((row[y] - row[k]) / (w[k] - w[y]).norm()) for k in others))
    assert deepfool_distances(net, x).tolist() == pytest.approx(wanted)


def test_deepfool_takes_the_nearest_class_of_a_toy() -> None:
    net = linear(3, 2)
    with torch.no_grad():
        net.bias.zero_()
        net.weight.copy_(torch.tensor([[1.0, 0.0], [0.99, 0.02], [-1.0, 0.0]]))
    x = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    nearest = 0.01 / math.hypot(0.01, 0.02)
    assert deepfool_distances(net, x).tolist() == pytest.approx([nearest])


def test_bim_handles_a_saturated_softmax() -> None:
    """Cross-entropy has no gradient there: the survey's toolkit loops for ever."""
    net = linear(3, 4)
    with torch.no_grad():
        net.weight.mul_(1e4)
    x = items(6, 4)
    assert (net(x).softmax(-1).amax(-1) == 1).any()
    distances = bim_distances(net, x, step=0.01, max_steps=1000)
    assert torch.isfinite(distances).all()


def test_bim_is_capped() -> None:
    net, x = linear(3, 4), items(9, 4)
    assert bim_distances(net, x, step=1e-9, max_steps=3).tolist() == [math.inf] * 9


def test_a_constant_net_never_flips() -> None:
    net = linear(3, 4)
    with torch.no_grad():
        net.weight.zero_()
    assert bim_distances(net, items(3, 4)).tolist() == [math.inf] * 3
    assert deepfool_distances(net, items(3, 4)).tolist() == [math.inf] * 3


def test_one_class_never_flips() -> None:
    assert bim_distances(linear(1, 4), items(3, 4)).tolist() == [math.inf] * 3
    assert deepfool_distances(linear(1, 4), items(3, 4)).tolist() == [math.inf] * 3


def test_only_the_likeliest_classes_are_in_the_running() -> None:
    net, x = linear(30, 8), items(12, 8)
    few = deepfool_distances(net, x, classes=5)
    every = deepfool_distances(net, x, classes=30)
    assert bool((few >= every - 1e-12).all())


def test_no_items_and_no_gradient_left_behind() -> None:
    net = curved(3, 4)
    assert bim_distances(net, items(0, 4)).shape == (0,)
    before = [p.clone() for p in net.parameters()]
    deepfool_distances(net, items(5, 4))
    bim_distances(net, items(5, 4))
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))


def test_images_keep_their_shape() -> None:
    with isolated(generator_from(0)):
        net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 4))
    x = torch.rand(10, 1, 8, 8, generator=generator_from(2))
    assert torch.isfinite(deepfool_distances(net, x)).all()
    assert bim_distances(net, x, step=0.1).shape == (10,)


def test_nan_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        bim_distances(linear(3, 4), torch.full((2, 4), torch.nan, dtype=torch.float64))


def test_an_item_that_flipped_has_no_more_gradients() -> None:
    """On a linear net DeepFool takes one step: one pass for gradients, one to see the flip."""
    net, x = linear(7, 5), items(40, 5)
    passes = {True: 0, False: 0}

    def counted(inputs: Tensor) -> Tensor:
        passes[torch.is_grad_enabled()] += len(inputs)
        return torch.as_tensor(net(inputs))

    assert torch.isfinite(deepfool_distances(counted, x, batch=16)).all()
    assert passes == {True: 40, False: 40}


def test_the_cap_is_the_number_of_steps_whatever_the_batch() -> None:
    net, x = curved(4, 6), items(23, 6)
    wanted = [slow_deepfool(net, row, 1, 0.02) for row in x]
    assert math.inf in wanted
    assert min(wanted) < math.inf
    for batch in (1, 5, 64):
        found = deepfool_distances(net, x, max_steps=1, batch=batch)
        assert found.tolist() == pytest.approx(wanted)
