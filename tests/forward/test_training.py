from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pauca.errors import InputError, RunError, UsageError
from pauca.forward import (
    AbstractSchedule,
    EndToEnd,
    Greedy,
    Items,
    Plan,
    RandomWrong,
    Speed,
    Threshold,
    train,
)
from pauca.rng import generator_from
from tests.forward.plain import CLASSES, a_code, a_net, a_training, some_items

BOTH = pytest.mark.parametrize("schedule", [Greedy(), EndToEnd()], ids=["greedy", "end-to-end"])


class Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Holds on to every distinct storage of at least so many elements, and notes the largest."""

    def __init__(self, least: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.least = least
        self.held: dict[int, Tensor] = {}
        self.largest = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                elements = storage.nbytes() // tensor.element_size()
                self.largest = max(self.largest, elements)
                if elements >= self.least:
                    self.held[storage.data_ptr()] = tensor
        return result


class Spy(RandomWrong):
    """Remembers what was drawn for whom."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[Tensor, Tensor]] = []

    def draw(
        self, y: Tensor, classes: int, generator: Generator, goodness: Tensor | None = None
    ) -> Tensor:
        wrong = super().draw(y, classes, generator, goodness)
        self.drawn.append((y, wrong))
        return wrong


@BOTH
def test_negatives_are_drawn_afresh_for_every_step_and_are_never_right(
    schedule: AbstractSchedule,
) -> None:
    net, items, spy = a_net((5, 5)), some_items(30), Spy()
    train(
        net,
        items,
        schedule=schedule,
        loss=Threshold(),
        negatives=spy,
        plan=Plan(epochs=4, batch=30),
        generator=generator_from(0),
    )
    assert len(spy.drawn) == 4 * schedule.count(2)
    for y, wrong in spy.drawn:
        assert wrong.shape == (1, len(y))
        assert not bool((wrong == y).any())
    first, second = spy.drawn[0][1], spy.drawn[1][1]
    assert not torch.equal(first, second)


def test_no_labelled_copy_of_the_data_is_ever_made() -> None:
    """Of whole-set size are encoded items and one finished product, one after the other."""
    n, u, d = 60_000, 8, 12
    net, items = a_net((u, u, u), code=a_code((1, 3, 4))), some_items(n, d=d)
    with Allocations(least=n * u) as made:
        a_training(net, items, steps=6, batch=100)
    assert sorted(tensor.numel() for tensor in made.held.values()) == [n * u, n * d]
    assert made.largest == n * d


@BOTH
def test_without_a_budget_nothing_of_whole_set_size_is_kept(schedule: AbstractSchedule) -> None:
    n, u = 20_000, 8
    net, items = a_net((u, u), code=a_code((1, 3, 4))), some_items(n, d=12)
    with Allocations(least=n * u) as made:
        a_training(net, items, schedule=schedule, steps=3, batch=100, speed=Speed(keep=0))
    assert made.held == {}


def test_evaluation_looks_at_a_bounded_number_of_pairs() -> None:
    net = a_net((10, 10))
    assert net.block(CLASSES) * CLASSES <= 8192
    assert net.block(10_000) == 1


@BOTH
def test_same_seed_same_weights_another_seed_others(schedule: AbstractSchedule) -> None:
    nets = [a_net() for _ in range(3)]
    items = some_items(40)
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        a_training(net, items, schedule=schedule, seed=seed)
    for a, b, c in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


@BOTH
def test_learns_to_tell_right_from_wrong_labels(schedule: AbstractSchedule) -> None:
    g = generator_from(0)
    y = torch.arange(200) % CLASSES
    centres = 3 * torch.randn(CLASSES, 30, generator=g, dtype=torch.float64)
    x = centres[y] + torch.randn(200, 30, generator=g, dtype=torch.float64)
    net = a_net((40, 40))
    trained = a_training(net, Items(x, y, lambda b: b), schedule=schedule, steps=300)
    accuracy = (net.label_goodness(x).softmax(1).sum(-1).argmax(-1) == y).double().mean()
    assert float(accuracy) > 0.95
    last = trained.history[-1]
    assert last["goodness_positive"] > last["goodness_negative"] + 0.5


def test_steps_are_shared_by_the_layers_and_examples_counted() -> None:
    trained = a_training(a_net(), some_items(40), steps=11, batch=16)
    last = {record["layer"]: record["steps"] for record in trained.history}
    assert trained.steps == 11
    assert last == {1: 4, 2: 4, 3: 3}
    # batches of 16, 16, 8 of 40 items, from the start in every stage
    assert trained.examples == (16 + 16 + 8 + 16) * 2 + 40


def test_history_has_one_record_an_epoch_and_layer() -> None:
    net, items = a_net(), some_items(40)
    trained = a_training(net, items, epochs=5, steps=None, batch=16)  # type: ignore[arg-type]
    assert [(h["layer"], h["epoch"]) for h in trained.history] == [
        (layer, epoch) for layer in (1, 2, 3) for epoch in (1, 2, 3, 4, 5)
    ]
    assert trained.steps == 3 * 5 * 3
    together = a_training(a_net(), items, schedule=EndToEnd(), epochs=2, steps=None)  # type: ignore[arg-type]
    assert [h["layer"] for h in together.history] == [1, 2, 3, 1, 2, 3]


def test_a_long_training_of_few_items_reports_a_hundred_times_not_every_step() -> None:
    trained = a_training(a_net((4,)), some_items(3), steps=450)
    assert len(trained.history) == 90
    assert trained.history[-1]["steps"] == 450


def test_history_counts_dead_units() -> None:
    net, items = a_net((9,)), some_items(40)
    with torch.no_grad():
        list(net.layer(0).parameters())[1][:3] = -100.0
    trained = a_training(net, items, steps=3, rate=1e-6)
    assert trained.history[0]["dead_units"] >= 3


def test_first_report_equals_the_plain_goodness() -> None:
    net, items, spy = a_net((9,)), some_items(16), Spy()
    before = net.label_goodness(items.x)[..., 0]
    trained = train(
        net,
        items,
        schedule=Greedy(),
        loss=Threshold(),
        negatives=spy,
        plan=Plan(steps=1, batch=16),
        generator=generator_from(0),
    )
    record = trained.history[0]
    right = before[torch.arange(16), items.y].mean()
    assert record["goodness_positive"] == pytest.approx(float(right), rel=1e-5)
    assert record["loss"] > 0


@BOTH
def test_progress_goes_up_to_one(schedule: AbstractSchedule) -> None:
    told: list[float] = []
    train(
        a_net(),
        some_items(40),
        schedule=schedule,
        loss=Threshold(),
        negatives=RandomWrong(),
        plan=Plan(epochs=3, batch=16),
        generator=generator_from(0),
        progress=told.append,
    )
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 2


@BOTH
@pytest.mark.parametrize("n", [1, 2, 17])
def test_fewer_items_than_a_batch_and_missing_classes(schedule: AbstractSchedule, n: int) -> None:
    items = some_items(n)
    net = a_net()
    trained = a_training(net, Items(items.x, torch.zeros_like(items.y), items.encode), steps=6)
    assert trained.steps == 6
    assert bool(torch.isfinite(net.label_goodness(items.x)).all())


def test_a_training_that_diverges_says_so() -> None:
    items = some_items(20)
    broken = Items(items.x * float("nan"), items.y, items.encode)
    with pytest.raises(RunError, match="smaller rate"):
        a_training(a_net(), broken)


@pytest.mark.parametrize("wrong", [{}, {"epochs": 1, "steps": 2}])
def test_plan_wants_exactly_one_of_epochs_and_steps(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="exactly one"):
        Plan(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"steps": -1}, {"epochs": 1, "rate": 0.0}, {"epochs": 1, "batch": 0}]
)
def test_plan_refuses_numbers_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Plan(**wrong)


def test_fewer_steps_than_layers_are_refused() -> None:
    with pytest.raises(UsageError, match="fewer steps than layers"):
        a_training(a_net(), some_items(5), steps=2)


def test_the_global_generator_is_neither_read_nor_changed() -> None:
    nets = [a_net(), a_net()]
    state = torch.random.get_rng_state()
    for net, seed in zip(nets, (0, 123), strict=True):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        a_training(net, some_items(20))
        assert torch.equal(before, torch.random.get_rng_state())
    torch.random.set_rng_state(state)
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(a, b)
