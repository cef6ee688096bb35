"""Items moved against the first layer: along the true gradient, by the right length, locally."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.errors import InputError
from pauca.forward import (
    L1,
    AbstractLabelCode,
    AbstractNormalisation,
    AbstractSchedule,
    AllWrong,
    Append,
    BatchNorm,
    CrossEntropy,
    EndToEnd,
    Greedy,
    HardWrong,
    HybridMask,
    L2Scaling,
    LayerNorm,
    MeanOfSquares,
    Noise,
    NoLabel,
    NoScaling,
    Overlapping,
    Plan,
    RMSScaling,
    Simultaneous,
    Training,
    train_seeds,
)
from pauca.forward.adversary import moved
from pauca.forward.closed import ClosedForm
from pauca.forward.speed import Speed
from pauca.rng import generator_from, split
from tests.forward.fast import LOCAL, PLAIN, a_net, compare, same, trained
from tests.forward.plain import CLASSES, a_code, some_items

RADIUS = 0.2


@LOCAL
@pytest.mark.parametrize(
    "normalisation",
    [L2Scaling(), RMSScaling(), LayerNorm(), NoScaling()],
    ids=lambda n: n.name,
)
@pytest.mark.parametrize(
    "code",
    [a_code(), Append(shape=(30,), classes=CLASSES, on=[1.5], off=[-0.25])],
    ids=lambda c: c.name,
)
def test_the_formula_gives_the_weights_of_autograd(
    schedule: AbstractSchedule, normalisation: AbstractNormalisation, code: AbstractLabelCode
) -> None:
    net: dict[str, Any] = {
        "normalisation": normalisation,
        "code": code,
        "goodness": MeanOfSquares(),
    }
    fast, slow, start = a_net(**net), a_net(**net), a_net(**net)
    for made, speed in ((fast, Speed()), (slow, PLAIN)):
        trained(
            made,
            speed,
            schedule=schedule,
            loss=CrossEntropy(4.0),
            negatives=AllWrong(),
            adversarial=RADIUS,
            item_dropout=0.1,
            dropout=0.1,
        )
    same(fast, slow, start)


def test_it_is_a_training_of_its_own() -> None:
    with_it, without = a_net(), a_net()
    trained(with_it, Speed(), adversarial=RADIUS)
    trained(without, Speed())
    weights = [next(net.parameters()).detach() for net in (with_it, without)]
    assert float((weights[0] - weights[1]).abs().max()) > 1e-3


@pytest.mark.parametrize("normalisation", [RMSScaling(), LayerNorm()], ids=lambda n: n.name)
def test_the_gradient_is_that_of_a_plain_loop_over_labelled_copies(
    normalisation: AbstractNormalisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Item by item and label by label, written out, against what the formula moved."""
    net = a_net(normalisation=normalisation, goodness=MeanOfSquares())
    items, loss = some_items(12), CrossEntropy(4.0)
    seen: list[Tensor] = []
    keep = ClosedForm._moved

    def spy(self: ClosedForm, *args: Any) -> Any:
        found = keep(self, *args)
        seen.append(found[0][0].clone())
        return found

    monkeypatch.setattr(ClosedForm, "_moved", spy)
    training = Training(
        net,
        items,
        schedule=Greedy(),
        loss=loss,
        negatives=AllWrong(),
        plan=Plan(steps=3, rate=0.01, batch=12),
        generator=generator_from(3),
        adversarial=RADIUS,
    )
    weight, bias = (p.detach().clone() for p in net.layer(0).parameters())
    training.run(steps=1)
    found = seen[0][training_order(training).argsort()]

    for i in range(12):
        x = items.x[i].clone()
        x[:CLASSES] = 0
        x.requires_grad_()
        goodness = []
        for k in range(CLASSES):
            written = net.code.write(x.unsqueeze(0), torch.tensor([k]))[0]
            z = normalisation.sized((30,))(written) @ weight.T + bias
            goodness.append(z.relu().square().mean())
        right = int(items.y[i])
        logits = 4.0 * torch.stack(goodness)
        value = -(logits[right] - logits.logsumexp(0))
        (slope,) = torch.autograd.grad(value, x)
        slope[:CLASSES] = 0
        expected = x.detach() + RADIUS * x.detach().norm() * slope / slope.norm()
        torch.testing.assert_close(found[i], expected, rtol=1e-8, atol=1e-10)


def training_order(training: Training) -> Tensor:
    """Which item was where in the first batch, which held all of them."""
    again = generator_from(3)
    batches = split(again, "batches", "negatives", "noise")[0]
    return torch.randperm(len(training.items), generator=batches)


def test_a_step_has_its_length_and_leaves_flat_items_alone() -> None:
    base = torch.randn(3, 5, 30, generator=generator_from(0), dtype=torch.float64)
    slopes = torch.randn(base.shape, generator=generator_from(1), dtype=torch.float64) * 1e-200
    slopes[0, 0] = 0
    found = moved(base, slopes, RADIUS)
    steps = (found - base).norm(dim=-1) / base.norm(dim=-1)
    assert torch.equal(found[0, 0], base[0, 0])
    torch.testing.assert_close(steps.flatten()[1:], torch.full((14,), RADIUS, dtype=steps.dtype))


def test_a_small_step_raises_the_loss() -> None:
    net, loss, code = a_net(normalisation=RMSScaling()), CrossEntropy(2.0), a_code()
    x, y = some_items(30).x, some_items(30).y
    rows = torch.stack([y, *[(y + k) % CLASSES for k in range(1, CLASSES)]])

    def value(base: Tensor) -> Tensor:
        goodness = net.judge(net.first(net.prepare(base), rows), rows)
        return loss(goodness[:1, :].squeeze(0), goodness[1:])

    base = code.base(x).requires_grad_()
    (slopes,) = torch.autograd.grad(value(base), base)
    last = value(base).item()
    for radius in (0.01, 0.03, 0.1):
        now = value(moved(base.detach(), slopes, radius)).item()
        assert now > last
        last = now


@pytest.mark.parametrize(
    "schedule", [Greedy(), Simultaneous(), Overlapping(), EndToEnd()], ids=lambda s: s.name
)
@pytest.mark.parametrize(
    "net",
    [{"goodness": L1()}, {"normalisation": BatchNorm()}, {}],
    ids=["l1", "batch", "plain"],
)
def test_every_form_of_training_can_be_done_with_it(
    schedule: AbstractSchedule, net: dict[str, Any]
) -> None:
    made = a_net(**net)
    found = trained(made, Speed(), schedule=schedule, adversarial=RADIUS)
    assert all(torch.isfinite(p).all() for p in made.parameters())
    assert found.history[-1]["loss"] < 10


def test_running_values_follow_what_is_shown_and_not_the_search_for_it() -> None:
    once, twice = a_net(normalisation=BatchNorm()), a_net(normalisation=BatchNorm())
    trained(once, Speed(), steps=3, rate=1e-12)
    trained(twice, Speed(), steps=3, rate=1e-12, adversarial=1e-9)
    for a, b in zip(once.buffers(), twice.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_negatives_that_mix_items_are_moved_too() -> None:
    net = a_net(code=NoLabel(shape=(1, 5, 6), classes=CLASSES, on=[1.0], off=[0.0]))
    trained(net, Speed(), negatives=HybridMask(), adversarial=RADIUS)
    assert all(torch.isfinite(p).all() for p in net.parameters())


def test_hard_negatives_are_those_of_the_item_before_it_moves() -> None:
    compare(Speed(), negatives=HardWrong(2, 5.0), adversarial=RADIUS)


def test_many_seeds_at_once() -> None:
    def run(seeds: Sequence[int], together: bool) -> list[Any]:
        nets = [a_net(seed=s, goodness=MeanOfSquares()) for s in seeds]
        settings: dict[str, Any] = {
            "schedule": Greedy(),
            "loss": CrossEntropy(4.0),
            "negatives": AllWrong(),
            "plan": Plan(steps=18, rate=0.02, batch=16),
            "adversarial": RADIUS,
        }
        if together:
            made = [generator_from(9 + s) for s in seeds]
            train_seeds(nets, some_items(40), generators=made, **settings)
        else:
            for s, net in zip(seeds, nets, strict=True):
                made_one = generator_from(9 + s)
                Training(net, some_items(40), generator=made_one, **settings).run()
        return nets

    for a, b, s in zip(run((0, 1), True), run((0, 1), False), (0, 1), strict=True):
        same(a, b, a_net(seed=s, goodness=MeanOfSquares()))


def test_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="adversarial"):
        Noise(0.0, 0.0, generator_from(0), adversarial=1.0)


def test_the_plain_form_is_taken_without_closed_form() -> None:
    fast, slow, start = a_net(factorise=False), a_net(), a_net()
    trained(fast, PLAIN, adversarial=RADIUS)
    trained(slow, Speed(), adversarial=RADIUS)
    same(fast, slow, start)
