from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from pauca.errors import CapabilityError, InputError
from pauca.learners.base import FitReport
from pauca.outputs import Outputs
from pauca.rng import Streams
from pauca.session import Session
from pauca.strategies import AbstractStrategy, make_strategy, strategies
from pauca.testing.fakes import FakeLearner, tiny_image_dataset
from tests.session.helpers import DATA, LABELS, answer, make, play


class Nearest(AbstractStrategy):
    """Reads features and labels of labelled items: nearest to any item of class 0."""

    name = "nearest"
    family = "test"
    needs = frozenset({"probs", "features"})
    reads_labelled = True
    cost = "O(n m d)"
    reference = "none"
    when = "never"
    seen: Outputs | None = None

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        self.seen = labelled
        assert labelled is not None
        assert labelled.labels is not None
        assert labelled.features is not None
        assert pool.features is not None
        zero = labelled.features[labelled.labels == 0]
        return torch.cdist(pool.features, zero).amin(1).argsort()[:k]


def test_a_session_from_start_to_empty_pool() -> None:
    session = make()
    asked: list[int] = []
    while len(session.remaining):
        ids = session.ask(25)
        assert ids.dtype == torch.int64
        asked += ids.tolist()
        assert session.pending.tolist() == ids.tolist()
        answer(session, ids)
    assert sorted(asked) == list(range(60))
    assert session.labelled_ids.tolist() == list(range(60))
    assert LABELS is not None
    assert torch.equal(session.labels, LABELS)
    assert session.round == 2
    with pytest.raises(InputError, match=r"nothing is left.*60 labelled, 0 rejected, 0 pending"):
        session.ask(1)


def test_fewer_than_k_are_asked_when_fewer_remain() -> None:
    session = make()
    answer(session, session.ask(55))
    assert len(session.ask(25)) == 5
    with pytest.raises(InputError, match="answer what is pending"):
        session.ask(1)


def test_pending_items_survive_and_are_not_asked_again() -> None:
    session = make()
    first = session.ask(10)
    answer(session, first[:4])
    second = session.ask(10)
    assert not set(first.tolist()) & set(second.tolist())
    assert session.pending.tolist() == first[4:].tolist() + second.tolist()
    answer(session, first[4:])
    assert session.pending.tolist() == second.tolist()


def test_skipped_items_are_not_asked_until_the_skip_is_undone() -> None:
    session = make()
    first = session.ask(10)
    session.skip(first[:5])
    assert session.pending.tolist() == first[5:].tolist()
    answer(session, first[5:])
    rest = session.ask(60)
    assert len(rest) == 50
    assert not set(first.tolist()) & set(rest.tolist())
    session.undo()
    assert session.undo()["kind"] == "skipped"
    assert session.skipped.tolist() == []
    assert set(first.tolist()) <= set(session.pending.tolist())


def test_items_that_were_not_asked_may_be_labelled_and_are_recorded_so() -> None:
    session = make()
    ids = session.ask(3).tolist()
    other = [i for i in range(60) if i not in ids][:2]
    session.tell([ids[0], *other], [0, 1, 2])
    assert session.events[-1]["unasked"] == other
    session.skip([ids[1]])
    session.tell([ids[1]], [0])
    assert session.skipped.tolist() == []
    assert session.events[-1]["unasked"] == [ids[1]]
    session.undo()
    assert session.skipped.tolist() == [ids[1]]


@pytest.mark.parametrize(
    ("ids", "labels", "message"),
    [
        ([0, 0], [1, 1], "twice"),
        ([60], [0], "not in the pool"),
        ([-1], [0], "not in the pool"),
        ([0], [3], "not a class"),
        ([0], [-1], "not a class"),
        ([0, 1], [0], "differ in size"),
        ([], [], "no item"),
        ([5], [0], "labelled already"),
        ([0.5], [0], "wrong form"),
        ([True], [0], "wrong form"),
        ([[0]], [0], "wrong form"),
        (torch.tensor(0.5), [0], "wrong form"),
        (torch.tensor([[0]]), [0], "wrong form"),
    ],
)
def test_nothing_changes_when_a_tell_is_refused(ids: Any, labels: Any, message: str) -> None:
    session = make()
    session.tell([5], [1])
    session.ask(4)
    before, state = session.events, session.state
    with pytest.raises(InputError, match=message):
        session.tell(ids, labels)
    with pytest.raises(InputError):
        session.tell(torch.tensor([6, 5]), torch.tensor([0, 0]))
    assert session.events == before
    assert session.state is state


@pytest.mark.parametrize("ids", [[5], [60], [], [1, 1], [7]])
def test_nothing_changes_when_a_skip_is_refused(ids: list[int]) -> None:
    session = make()
    session.tell([5], [1])
    session.skip([7])
    before = session.events
    with pytest.raises(InputError):
        session.skip(ids)
    assert session.events == before


def test_there_may_be_nothing_to_undo() -> None:
    session = make()
    with pytest.raises(InputError, match="nothing to undo"):
        session.undo()
    session.ask(3)
    with pytest.raises(InputError, match="nothing to undo"):
        session.undo()
    session.skip([0])
    session.undo()
    with pytest.raises(InputError, match="nothing to undo"):
        session.undo()


def test_undo_goes_back_step_by_step_and_leaves_later_asks() -> None:
    session = make()
    first = session.ask(4)
    answer(session, first)
    second = session.ask(4)
    answer(session, second[:1])
    answer(session, second[1:2])
    session.undo()
    session.undo()
    assert session.labelled_ids.tolist() == sorted(first.tolist())
    session.undo()
    assert session.labelled_ids.tolist() == []
    assert session.pending.tolist() == first.tolist() + second.tolist()
    # no label is left, so the initial strategy chooses, from a stream of its own
    third = session.ask(4)
    assert session.state.initial == 2
    assert not set(third.tolist()) & set(first.tolist() + second.tolist())


@pytest.mark.parametrize("k", [0, -1, 2.0, True])
def test_a_k_that_is_no_count_is_refused(k: Any) -> None:
    with pytest.raises(InputError, match="k is out of range"):
        make().ask(k)


def test_arrays_and_lists_are_told_like_tensors() -> None:
    session = make()
    session.tell(np.array([1, 2]), np.array([0, 1]))
    session.tell(list(np.array([3])), [2])
    session.tell(torch.tensor([4], dtype=torch.int32), [2])
    assert session.labels.tolist() == [0, 1, 2, 2]


def test_a_strategy_that_needs_what_the_learner_lacks_is_refused_before_any_training() -> None:
    learner = FakeLearner(task=DATA.task, members=1)
    with pytest.raises(CapabilityError, match=r"bald.*members.*fake"):
        make("bald", learner=learner)
    with pytest.raises(CapabilityError, match="seen no label"):
        make("margin", initial_strategy="bald")
    assert learner.fits == 0


def test_bad_pools_are_refused() -> None:
    learner = FakeLearner(task=DATA.task)
    margin = make_strategy("margin")
    for x in (DATA.train.x[:0], DATA.train.x[:, :2], tiny_image_dataset().train.x):
        with pytest.raises(InputError):
            Session(x, learner, margin, streams=Streams(0))


def test_training_happens_only_when_labels_changed() -> None:
    learner = FakeLearner(task=DATA.task)
    session = make(learner=learner)
    with pytest.raises(InputError, match="nothing is labelled"):
        session.train()
    answer(session, session.ask(6))
    assert learner.fits == 0
    session.ask(2)
    session.ask(2)
    assert learner.fits == 1
    report = session.train()
    assert learner.fits == 1
    assert report.examples == 6
    session.tell(session.pending[:1], [0])
    assert session.train().examples == 7
    session.ask(1)
    assert learner.fits == 2
    session.undo()
    assert session.train() == report


def test_a_broken_training_is_not_taken_for_a_finished_one() -> None:
    class Breaks(FakeLearner):
        broken = False

        def fit(self, x: Tensor, y: Tensor, **options: Any) -> FitReport:
            report = super().fit(x, y, **options)
            if self.broken:
                raise KeyboardInterrupt
            return report

    learner = Breaks(task=DATA.task)
    session = make(learner=learner)
    answer(session, session.ask(6))
    session.train()
    answer(session, session.ask(6))
    learner.broken = True
    with pytest.raises(KeyboardInterrupt):
        session.ask(6)
    learner.broken = False
    session.undo()
    before = learner.fits
    session.train()
    assert learner.fits == before + 1


def test_a_training_depends_on_what_is_labelled_and_not_on_the_order_of_telling() -> None:
    one, other = FakeLearner(task=DATA.task), FakeLearner(task=DATA.task)
    first, second = make(learner=one), make(learner=other)
    ids = first.ask(8)
    assert torch.equal(ids, second.ask(8))
    answer(first, ids)
    for i in ids.flip(0):
        answer(second, i[None])
    assert torch.equal(first.ask(8), second.ask(8))
    for name, weight in one.state().items():
        assert torch.equal(weight, other.state()[name])


def test_every_strategy_of_a_repetition_starts_alike() -> None:
    starts = []
    weights = []
    given = {"probs", "features", "members", "goodness", "layers"}
    for name in strategies.names():
        extras = tuple(strategies.make(name, {}).needs - given)
        learner = FakeLearner(task=DATA.task, layers=2, extras=extras)
        session = make(name, learner=learner)
        ids = session.ask(10)
        answer(session, ids)
        session.train()
        starts.append(ids.tolist())
        weights.append(learner.state())
    assert len(starts) >= 4
    assert all(start == starts[0] for start in starts)
    for state in weights:
        assert all(torch.equal(state[name], weights[0][name]) for name in state)


def test_repetitions_start_differently() -> None:
    learner = FakeLearner(task=DATA.task)
    strategy = make_strategy("random")
    first, second = (
        Session(DATA.train.x, learner, strategy, streams=Streams(0, repetition)).ask(10)
        for repetition in (0, 1)
    )
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("name", ["random", "margin", "entropy-dropout", "bald"])
def test_blocks_do_not_change_what_is_asked(name: str) -> None:
    plays = [play(name, block=block) for block in (1, 7, 4096)]
    assert plays[0] == plays[1] == plays[2]


def test_blocks_do_not_change_what_a_comparing_strategy_reads() -> None:
    asked = []
    for block in (1, 7, 4096):
        strategy = Nearest()
        session = make(strategy, block=block)
        answer(session, session.ask(9))
        asked.append(session.ask(5).tolist())
        assert strategy.seen is not None
        assert torch.equal(strategy.seen.ids, session.labelled_ids)
        assert strategy.seen.labels is not None
        assert torch.equal(strategy.seen.labels, session.labels)
    assert asked[0] == asked[1] == asked[2]


def test_labelled_outputs_are_computed_only_for_those_who_read_them() -> None:
    seen: list[int] = []

    class Counts(FakeLearner):
        def outputs(self, x: Tensor, ids: Tensor, **options: Any) -> Outputs:
            seen.extend(ids.tolist())
            return super().outputs(x, ids, **options)

    session = make("margin", learner=Counts(task=DATA.task))
    ids = session.ask(9)
    answer(session, ids)
    session.ask(3)
    assert not set(seen) & set(ids.tolist())
    assert len(seen) == 51


def test_unlabelled_items_go_only_to_a_learner_that_reads_them() -> None:
    seen: list[Tensor | None] = []

    class Reads(FakeLearner):
        reads = True

        @property
        def reads_unlabelled(self) -> bool:
            return self.reads

        def fit(self, x: Tensor, y: Tensor, **options: Any) -> FitReport:
            seen.append(options["unlabelled"])
            return super().fit(x, y, **options)

    learner = Reads(task=DATA.task)
    session = make(learner=learner)
    ids = session.ask(6)
    answer(session, ids)
    session.train()
    rest = [i for i in range(60) if i not in ids.tolist()]
    assert seen[-1] is not None
    assert torch.equal(seen[-1], DATA.train.x[rest])
    learner.reads = False
    answer(session, session.ask(1))
    session.train()
    assert seen[-1] is None


def test_progress_of_a_training_is_passed_on() -> None:
    told: list[float] = []
    session = make()
    answer(session, session.ask(6))
    session.train(told.append)
    assert told == [1.0]


def test_events_are_copies() -> None:
    session = make()
    answer(session, session.ask(4))
    session.events[0]["ids"].append(17)
    session.events[1]["labels"].clear()
    assert len(session.events[0]["ids"]) == 4
    assert len(session.labels) == 4
    with pytest.raises(AttributeError):
        session.events = ()  # type: ignore[misc]


def test_images_as_stored_make_a_pool_too() -> None:
    images = tiny_image_dataset()
    session = Session(
        images.train.x,
        FakeLearner(task=images.task),
        make_strategy("entropy"),
        streams=Streams(0),
    )
    assert images.train.y is not None
    for _ in range(3):
        ids = session.ask(5)
        session.tell(ids, images.train.y[ids])
    assert session.train().examples == 15
