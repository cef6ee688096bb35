"""What is kept under a budget, and lower precision, change nothing that they must not."""

import pytest
import torch

from pauca.forward import (
    L2,
    AbstractGoodness,
    AbstractSchedule,
    Difference,
    EndToEnd,
    ForwardNet,
    Greedy,
    Items,
    MeanOfSquares,
    Plan,
    RandomWrong,
    RMSScaling,
    Simultaneous,
    Threshold,
    Training,
)
from pauca.forward.speed import Speed
from pauca.rng import generator_from
from tests.forward.fast import LOCAL, N, a_net, compare, trained
from tests.forward.plain import CLASSES, a_code, some_items


@pytest.mark.parametrize("keep", [0, N * 9 * 8, N * 20 * 8, None, 10**9])
@pytest.mark.parametrize("closed_form", [True, False])
@LOCAL
def test_what_is_kept_changes_nothing(
    schedule: AbstractSchedule, closed_form: bool, keep: int | None
) -> None:
    compare(Speed(closed_form=closed_form, keep=keep), schedule=schedule)


def kept_bytes(keep: int | None) -> list[dict[str, int]]:
    """What each stage of a greedy training keeps, in bytes of float64."""
    net, found = a_net(), []
    training = Training(
        net,
        some_items(N),
        schedule=Greedy(),
        loss=Threshold(),
        negatives=RandomWrong(),
        plan=Plan(steps=3, batch=16),
        generator=generator_from(0),
        speed=Speed(keep=keep),
    )
    for _ in range(3):
        kept = training.begin().kept
        parts = {
            "alone": None if kept.alone is None else kept.alone.product,
            "first": None if kept.first is None else kept.first.product,
            "right": kept.right,
        }
        found.append({name: part.nbytes for name, part in parts.items() if part is not None})
        for _ in range(training.stage_steps):
            training.run(steps=1)
    return found


def test_the_budget_of_bytes_is_kept_and_what_saves_more_comes_first() -> None:
    item, first, right = N * 30 * 8, N * 9 * 8, N * 8 * 8
    assert kept_bytes(0) == [{}, {}, {}]
    assert kept_bytes(None) == [{"alone": item}, {"first": first}, {"first": first, "right": right}]
    assert kept_bytes(first) == [{}, {"first": first}, {"first": first}]
    assert kept_bytes(right) == [{}, {}, {"right": right}]
    for budget in (0, first, right, first + right, item):
        assert max(sum(stage.values()) for stage in kept_bytes(budget)) <= budget


def test_items_that_change_are_not_kept() -> None:
    items = some_items(N)
    varied = Items(items.x, items.y, items.encode, lambda x, g: x * 1.0)
    training = Training(
        a_net(),
        varied,
        schedule=Greedy(),
        loss=Threshold(),
        negatives=RandomWrong(),
        plan=Plan(steps=3),
        generator=generator_from(0),
    )
    assert training.begin().kept.alone is None


@pytest.mark.parametrize(
    ("schedule", "goodness"),
    [(Greedy(), L2()), (Simultaneous(), MeanOfSquares()), (EndToEnd(), L2())],
)
def test_bfloat16_is_as_accurate_within_the_noise_of_a_seed(
    schedule: AbstractSchedule, goodness: AbstractGoodness
) -> None:
    g = generator_from(0)
    y = torch.arange(400) % CLASSES
    centres = torch.randn(CLASSES, 30, generator=g)
    x = centres[y] + torch.randn(400, 30, generator=g)
    items, held = Items(x[:200], y[:200], lambda b: b), slice(200, None)

    def accuracy(speed: Speed, seed: int) -> float:
        net = ForwardNet(
            a_code(),
            (24, 24),
            goodness=goodness,
            normalisation=RMSScaling(),
            generator=generator_from(seed),
        )
        trained(
            net,
            speed,
            items=items,
            schedule=schedule,
            steps=40,
            batch=50,
            seed=seed,
            loss=Difference(),
        )
        scores = net.label_goodness(x[held]).sum(-1)
        return float((scores.argmax(1) == y[held]).double().mean())

    full = torch.tensor([accuracy(Speed(), seed) for seed in range(3)])
    low = torch.tensor([accuracy(Speed(precision="bfloat16"), seed) for seed in range(3)])
    assert float(full.mean()) > 0.6
    noise = float(full.std() + low.std()) / 2
    assert abs(float(low.mean() - full.mean())) < max(2 * noise, 0.03)


def test_bfloat16_changes_products_and_nothing_else() -> None:
    fast, slow = a_net(), a_net()
    trained(fast, Speed(precision="bfloat16"), steps=3)
    trained(slow, Speed(), steps=3)
    assert all(p.dtype == torch.float64 for p in fast.parameters())
    assert not torch.equal(next(fast.parameters()), next(slow.parameters()))
