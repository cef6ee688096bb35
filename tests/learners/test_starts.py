"""A training goes on from the last, layer by layer, or from what a pool taught without labels."""

import io
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.errors import InputError, UsageError
from pauca.forward import EndToEnd, Items, Plan, Training, losses, negatives, schedules
from pauca.learners.forward_forward import AbstractForward
from pauca.learners.starts import LabelFree, starts
from pauca.rng import Streams, generator_from, split
from pauca.session import Session
from pauca.strategies import make_strategy
from pauca.testing.fakes import tiny_image_dataset
from tests.learners.test_forward_forward import NAMES, a_learner, a_task, some
from tests.learners.test_long import Cut, Kept

both = pytest.mark.parametrize("name", NAMES)
FREE = {"name": "label-free", "steps": 40}
DATA = tiny_image_dataset(40)


def weights(learner: AbstractForward) -> dict[str, Tensor]:
    return deepcopy(dict(learner.net.state_dict()))


def equal(a: dict[str, Tensor], b: dict[str, Tensor], part: str = "") -> bool:
    assert a.keys() == b.keys()
    keys = [key for key in a if part in key]
    assert keys
    return all(torch.equal(a[key], b[key]) for key in keys)


def by_hand(learner: AbstractForward, x: Tensor, y: Tensor, seed: int, **parts: Any) -> Training:
    """A training of a copy of the learner's net, put together from its parts."""
    chosen = {
        "schedule": schedules.make("greedy", {}),
        "loss": losses.make("threshold", {}),
        "negatives": negatives.make("random", {}),
        "plan": Plan(steps=60, batch=32, rate=0.02),
        **parts,
    }
    _, stream = split(generator_from(seed), "weights", "training")
    items = Items(x, y, learner.encoding, None, learner.task.shape)
    return Training(deepcopy(learner.net), items, generator=stream, **chosen)


@both
def test_last_is_a_training_of_the_net_that_is_there(name: str) -> None:
    learner = a_learner(name, start="last")
    learner.fit(*some(), generator=generator_from(1))
    assert equal(weights(learner), weights(_plain(name, 1)))  # the first has nothing to go on from
    x, y = some(80, seed=5)
    schedule = EndToEnd() if name == "bp-ff" else schedules.make("greedy", {})
    hand = by_hand(learner, x, y, 2, schedule=schedule)
    hand.run()
    learner.fit(x, y, generator=generator_from(2))
    assert equal(weights(learner), dict(hand.net.state_dict()))
    assert not equal(weights(learner), weights(_plain(name, 2, some(80, seed=5))))


def _plain(name: str, seed: int, items: tuple[Tensor, Tensor] | None = None) -> AbstractForward:
    learner = a_learner(name)
    learner.fit(*(items or some()), generator=generator_from(seed))
    return learner


@pytest.mark.parametrize("schedule", ["greedy", "simultaneous"])
def test_layers_learn_in_turn_and_the_others_stay(schedule: str) -> None:
    learner = a_learner("forward-forward", start="in-turn", schedule=schedule, widths=[24, 16, 8])
    seen, steps = [], []
    for number in range(5):
        x, y = some(60 + 20 * number, seed=number)
        steps.append(learner.fit(x, y, generator=generator_from(number)).steps)
        seen.append(weights(learner))
    for number, (before, after) in enumerate(pairwise(seen)):
        moved = [not equal(before, after, f"layers.{layer}.") for layer in range(3)]
        assert moved == [layer == number % 3 for layer in range(3)]
    # as many steps as the layer has in a whole training of 60
    share = 20 if schedule == "greedy" else 60
    assert steps == [60, share, share, share, share]


def test_the_layer_whose_turn_it_is_learns_as_in_a_greedy_stage() -> None:
    """The second layer of two, on top of a first that stays: a stage of greedy, put together."""
    learner = a_learner("forward-forward", start="in-turn")
    for seed in (1, 2):
        learner.fit(*some(), generator=generator_from(seed))
    x, y = some(80, seed=5)
    hand = by_hand(learner, x, y, 3, plan=Plan(steps=30, batch=32, rate=0.02))
    greedy = hand.schedule
    hand.schedule = type("Second", (type(greedy),), {})()
    hand.schedule.stage = lambda number, source, before: greedy.stage(1, source, before)  # type: ignore[method-assign]
    hand.budgets = [30]
    hand.run()
    learner.fit(x, y, generator=generator_from(3))
    assert equal(weights(learner), dict(hand.net.state_dict()))


@both
@pytest.mark.parametrize("kind", ["self-contrastive", "hybrid-mask"])
def test_label_free_weights_come_from_the_items_alone(name: str, kind: str) -> None:
    (x, y), pool = some(40), some(300, seed=8)[0]
    start = {**FREE, "negatives": kind}
    learner = a_learner(name, start=start)
    assert learner.reads_unlabelled
    assert learner.carries_state
    report = learner.fit(x, y, generator=generator_from(1), unlabelled=pool)
    assert (report.steps, report.companion_steps) == (60, 40)
    other = a_learner(name, start=start)
    other.fit(x, (y + 1) % 4, generator=generator_from(1), unlabelled=pool)
    first, second = learner.past.weights, other.past.weights
    assert first is not None
    assert second is not None
    assert equal(dict(first), dict(second))
    assert not equal(weights(learner), weights(other))
    fewer = a_learner(name, start=start)
    fewer.fit(x, y, generator=generator_from(1))  # no pool: the labelled items are what there is
    assert fewer.past.weights is not None
    assert not equal(dict(first), dict(fewer.past.weights))


@both
def test_label_free_weights_separate_items_from_mixtures(name: str) -> None:
    """What was learned without labels: real items have more goodness than mixed ones."""
    pool, new = some(400)[0], some(200, seed=3)[0]
    learner = a_learner(name, start={**FREE, "steps": 400}, loss="difference")
    learner.fit(*some(20), generator=generator_from(1), unlabelled=pool)
    assert learner.past.weights is not None
    net = deepcopy(learner.net)
    net.load_state_dict(dict(learner.past.weights))
    seen = learner.encoding(new)
    mixed = (seen + seen.roll(1, 0)) / 2  # bars of neighbouring classes
    absent = torch.full((len(new),), net.code.absent)
    with torch.no_grad():
        real, mixed_up = (
            torch.stack([net.goodness(h) for h in net(items, absent)]).sum(0)
            for items in (seen, mixed)
        )
    assert float((real > mixed_up).double().mean()) > 0.8


@both
def test_every_training_starts_from_the_same_label_free_weights(name: str) -> None:
    (x, y), pool = some(40), some(300, seed=8)[0]
    learner = a_learner(name, start=FREE)
    learner.fit(*some(20, seed=2), generator=generator_from(1), unlabelled=pool)
    start = learner.past.weights
    assert start is not None
    plan = Plan(steps=60, batch=32, rate=0.02)
    schedule = EndToEnd() if name == "bp-ff" else schedules.make("greedy", {})
    hand = by_hand(learner, x, y, 2, schedule=schedule, plan=plan)
    hand.net.load_state_dict(dict(start))
    hand.run()
    report = learner.fit(x, y, generator=generator_from(2), unlabelled=pool[:5])
    assert report.companion_steps == 0
    assert equal(weights(learner), dict(hand.net.state_dict()))


@pytest.mark.parametrize("start", ["last", "in-turn", FREE], ids=["last", "in-turn", "free"])
def test_a_state_goes_on_as_the_learner_would_have(start: Any) -> None:
    alone, pool = a_learner("forward-forward", start=start), some(100, seed=8)[0]
    for seed in range(3):
        alone.fit(*some(40, seed=seed), generator=generator_from(seed), unlabelled=pool)
    kept = io.BytesIO()
    torch.save(alone.state(), kept)
    kept.seek(0)
    again = a_learner("forward-forward", start=start)
    again.load_state(torch.load(kept, weights_only=True))
    for learner in (alone, again):
        learner.fit(*some(60, seed=7), generator=generator_from(7), unlabelled=pool)
    assert equal(weights(alone), weights(again))
    assert again.past.fits == 4


@pytest.mark.parametrize("start", ["last", "in-turn", FREE], ids=["last", "in-turn", "free"])
def test_a_rebuilt_session_is_the_one_that_went_on(start: Any) -> None:
    assert DATA.train.y is not None

    def play(session: Session, times: int) -> None:
        for _ in range(times):
            ids = session.ask(6)
            assert DATA.train.y is not None
            session.tell(ids, DATA.train.y[ids])

    def fresh(events: Any = ()) -> Session:
        learner = a_learner("forward-forward", DATA.task, start=start, steps=12)
        return Session(
            DATA.train.x, learner, make_strategy("margin"), streams=Streams(3), events=events
        )

    whole, half = fresh(), fresh()
    play(whole, 4)
    play(half, 2)
    rebuilt = fresh(half.events)
    play(rebuilt, 2)
    assert rebuilt.events == whole.events


def test_a_calibration_of_label_free_starts_leaves_items_out_of_every_training() -> None:
    learner = a_learner("forward-forward", start=FREE, calibration="cross-fit")
    report = learner.fit(*some(40), generator=generator_from(1), unlabelled=some(100, seed=8)[0])
    assert report.companion_steps == 40 + 3 * 60  # once without labels, and three folds
    assert learner.calibration is not None


def test_folds_of_a_calibration_start_where_the_model_does(monkeypatch: Any) -> None:
    """From what was learned once from everything, the first time too, and with two labels."""
    given: list[int] = []
    prepare = LabelFree.prepare

    def counted(self: LabelFree, making: Any, past: Any, items: Tensor, *rest: Any) -> Any:
        given.append(len(items))
        return prepare(self, making, past, items, *rest)

    monkeypatch.setattr(LabelFree, "prepare", counted)
    pool = some(100, seed=8)[0]
    learner = a_learner("forward-forward", start=FREE, calibration="cross-fit")
    for n in (40, 50):
        learner.fit(*some(n), generator=generator_from(1), unlabelled=pool)
    assert given == [140]
    few = a_learner("forward-forward", start=FREE, calibration={"name": "cross-fit", "folds": 2})
    few.fit(*some(2), generator=generator_from(1), unlabelled=pool)
    assert given == [140, 102]


@both
def test_progress_of_a_label_free_start_never_falls_and_ends_at_one(name: str) -> None:
    told: list[float] = []
    learner = a_learner(name, start=FREE)
    learner.fit(*some(40), generator=generator_from(1), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert any(0 < part < 0.5 for part in told)


@both
def test_a_cut_training_with_a_label_free_start_goes_on_to_the_same_model(name: str) -> None:
    x, y = some()
    alone = a_learner(name, start=FREE)
    alone.fit_long(x, y, generator=generator_from(1))
    kept = Kept(10, 17)
    with pytest.raises(Cut):
        a_learner(name, start=FREE).fit_long(x, y, generator=generator_from(1), checkpoint=kept)
    kept.asked, kept.fail_at = 0, 0
    after = a_learner(name, start=FREE)
    after.fit_long(x, y, generator=generator_from(1), checkpoint=kept)
    assert equal(weights(alone), weights(after))


def test_a_start_that_is_left_out_names_no_training() -> None:
    """Cells are named by their settings: those on record keep their names."""
    assert not {"start", "calibration"} & a_learner("forward-forward").settings.keys()
    assert "start" not in a_learner("forward-forward", start="new").settings
    assert a_learner("forward-forward", start="last").settings["start"] == {"name": "last"}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("bp-ff", {"start": "in-turn"}, "learn alone"),
    ("forward-forward", {"start": "in-turn", "schedule": "overlapping"}, "learn alone"),
    ("forward-forward", {"start": "last", "calibration": "cross-fit"}, "leaves out"),
    ("forward-forward", {"start": "in-turn", "calibration": "held-out"}, "leaves out"),
    ("forward-forward", {"start": {**FREE, "negatives": "hard"}}, "need labels"),
    ("forward-forward", {"start": {**FREE, "steps": 1}}, "nothing"),
    ("forward-forward", {"start": {**FREE, "steps": 0}}, "steps"),
    ("forward-forward", {"start": {**FREE, "rate": -1.0}}, "rate"),
    ("forward-forward", {"start": "warm"}, "start"),
]


@pytest.mark.parametrize(("name", "settings", "said"), REFUSED)
def test_what_makes_no_sense_is_refused_before_any_training(
    name: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises((UsageError, InputError), match=said):
        a_learner(name, **settings)


def test_a_goodness_by_class_learns_nothing_without_labels() -> None:
    with pytest.raises(UsageError, match="teaches this net nothing"):
        a_learner(
            "forward-forward",
            a_task(),
            start=FREE,
            goodness="channel-wise",
            label="none",
            widths=[24],
        )


def test_a_state_of_another_start_is_refused() -> None:
    learner = a_learner("forward-forward", start="last")
    learner.fit(*some(40), generator=generator_from(1))
    with pytest.raises(InputError, match="another net"):
        a_learner("forward-forward").load_state(learner.state())


@pytest.mark.parametrize("name", sorted(starts.names()))
def test_every_start_says_where_it_comes_from(name: str) -> None:
    made = starts.make(name, {})
    assert made.name == name
    assert len(made.reference) > 10
