from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from pauca.forward import (
    AbstractSchedule,
    AbstractStage,
    EndToEnd,
    ForwardNet,
    Greedy,
    Items,
    Noise,
    RandomWrong,
    Source,
    Threshold,
    schedules,
)
from pauca.rng import generator_from
from tests.forward.plain import (
    CLASSES,
    a_net,
    a_training,
    plain_activities,
    plain_train,
    some_items,
)

N = 40


def some_rows(y: Tensor) -> Tensor:
    offset = torch.randint(1, CLASSES, (2, len(y)), generator=generator_from(1))
    return torch.cat([y.unsqueeze(0), (y + offset) % CLASSES])


def a_source(net: ForwardNet, items: Items) -> Source:
    g = generator_from(0)
    return Source(items, net, RandomWrong(), Noise(0.0, 0.0, g), g)


def all_stages(
    schedule: AbstractSchedule, net: ForwardNet, items: Items
) -> Iterator[AbstractStage]:
    source, before = a_source(net, items), None
    for number in range(schedule.count(net.depth)):
        before = schedule.stage(number, source, before)
        yield before


def activities(stage: AbstractStage, index: Tensor, rows: Tensor) -> list[Tensor]:
    return stage.activities(stage.prepared(index), rows, index)


def loss_of(stage: AbstractStage, index: Tensor, rows: Tensor) -> Tensor:
    goodness = [h.norm(dim=-1) for h in activities(stage, index, rows)]
    parts = [Threshold()(g[0], g[1:]) for g in stage.objectives(goodness)]
    return torch.stack(parts).sum()


def gradient_of(loss: Tensor, layer: nn.Module) -> float:
    """The largest gradient that reaches this layer; nothing at all is 0."""
    found = torch.autograd.grad(
        loss, list(layer.parameters()), allow_unused=True, retain_graph=True
    )
    return max(0.0 if g is None else float(g.abs().max()) for g in found)


def test_names() -> None:
    assert schedules.names() == ("end-to-end", "greedy", "overlapping", "simultaneous")


def test_no_gradient_of_a_layers_loss_reaches_any_other_layer() -> None:
    net, items = a_net(), some_items(N)
    index = torch.arange(10)
    stages = list(all_stages(Greedy(), net, items))
    assert [stage.layers for stage in stages] == [(0,), (1,), (2,)]
    for stage in stages:
        loss = loss_of(stage, index, some_rows(items.y[index]))
        for number in range(3):
            reached = gradient_of(loss, net.layer(number))
            assert (reached > 0) == (number in stage.layers)


def test_under_bp_ff_the_gradient_reaches_every_layer_through_the_deepest_alone() -> None:
    net, items = a_net(), some_items(N)
    index = torch.arange(10)
    (stage,) = all_stages(EndToEnd(), net, items)
    deepest = activities(stage, index, some_rows(items.y[index]))[-1].norm(dim=-1)
    loss = Threshold()(deepest[0], deepest[1:])
    for number in range(3):
        assert gradient_of(loss, net.layer(number)) > 0


def test_end_to_end_reads_the_goodness_summed_over_layers() -> None:
    net, items = a_net(), some_items(N)
    (stage,) = all_stages(EndToEnd(), net, items)
    goodness = [torch.rand(2, 5, generator=generator_from(k)) for k in range(3)]
    (objective,) = stage.objectives(goodness)
    torch.testing.assert_close(objective, goodness[0] + goodness[1] + goodness[2])


def test_what_is_kept_of_finished_layers_equals_the_plain_pass() -> None:
    net, items = a_net((9, 8, 7, 6)), some_items(N)
    index = torch.tensor([3, 39, 0, 17])
    rows = some_rows(items.y[index])
    for number, stage in enumerate(all_stages(Greedy(), net, items)):
        (found,) = activities(stage, index, rows)
        for r, label in enumerate(rows):
            encoded = net.code.write(items.x[index], label)
            expected = plain_activities(net, encoded)[number]
            torch.testing.assert_close(found[r], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("schedule", [Greedy(), EndToEnd()], ids=["greedy", "end-to-end"])
def test_fast_training_equals_the_plain_loop(schedule: AbstractSchedule) -> None:
    fast, slow, start, items = a_net(), a_net(), a_net(), some_items(N)
    a_training(fast, items, schedule=schedule, steps=24, rate=0.02, batch=16, seed=5)
    greedy = isinstance(schedule, Greedy)
    plain_train(slow, items, greedy=greedy, steps=24, rate=0.02, batch=16, seed=5)
    for a, b, c in zip(fast.parameters(), slow.parameters(), start.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)
        assert float((a - c).detach().abs().max()) > 0.01


def test_a_finished_layer_never_changes_again() -> None:
    net, items = a_net(), some_items(N)
    stages = all_stages(Greedy(), net, items)
    next(stages)
    before = [p.clone() for p in net.layer(0).parameters()]
    stage = next(stages)
    loss = loss_of(stage, torch.arange(8), some_rows(items.y[:8]))
    optimiser = torch.optim.Adam(stage.parameters(), lr=0.1)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    for now, then in zip(net.layer(0).parameters(), before, strict=True):
        assert torch.equal(now, then)
        assert now.grad is None
