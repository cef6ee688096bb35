"""What people pass to a session: taken where it can be, refused with a line that does it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import pauca
from pauca.errors import InputError, UnknownNameError
from pauca.rng import Streams
from pauca.session import Session
from pauca.strategies import make_strategy
from pauca.testing.fakes import FakeLearner
from tests.session.helpers import DATA, LABELS, answer, make

X = DATA.train.x


def mapped(folder: Path) -> Any:
    np.save(folder / "x.npy", X.numpy())
    return np.load(folder / "x.npy", mmap_mode="r")


@pytest.mark.parametrize(
    ("convert", "note"),
    [
        (lambda folder: X, None),
        (lambda folder: X.numpy(), "ndarray: read in place, float32"),
        (mapped, "memmap: read in place, float32"),
        (lambda folder: X.double().tolist(), "list: copied, float64"),
        (lambda folder: pandas.DataFrame(X.numpy()), "DataFrame: "),
        (lambda folder: X.numpy()[::-1][::-1], "ndarray: read in place"),
        (lambda folder: X.numpy().astype(">f4"), "ndarray: copied, float32"),
    ],
)
def test_pools_of_every_origin_are_taken(
    convert: Callable[[Path], Any], note: str | None, tmp_path: Path
) -> None:
    pool = convert(tmp_path)
    session = Session(pool, FakeLearner(task=DATA.task), "margin", streams=Streams(0))
    assert torch.equal(session.x.float(), X)
    assert len(session.notes) == (note is not None)
    if note is not None:
        assert f"the pool came as {note}" in session.notes[0]
    for _ in range(2):
        answer(session, session.ask(6))
    other = make()
    for _ in range(2):
        answer(other, other.ask(6))
    assert session.events == other.events


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (None, "the pool has the wrong type"),
        ("digits", "the pool has the wrong type"),
        ([[1.0], [1.0, 2.0]], "the pool is no array"),
        (np.array(["a", "b"]), "wrong type"),
        (pandas.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), "such as 'x'"),
        ({(1.0, 2.0)}, "order of the pool is not known"),
        (torch.tensor(1.0), "has no items"),
        (X.to_sparse(), "no dense tensor"),
        (X.to("meta"), "no dense tensor"),
    ],
)
def test_pools_that_cannot_be_taken_are_refused(pool: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Session(pool, FakeLearner(task=DATA.task), "margin", streams=Streams(0))


def test_a_strategy_may_be_named() -> None:
    session = make()
    answer(session, session.ask(6))
    assert torch.equal(session.preview("entropy", 3), session.preview(make_strategy("entropy"), 3))
    with pytest.raises(UnknownNameError, match="did you mean 'margin'"):
        make().preview("margn", 3)
    for wrong in (None, 3, LogisticRegression(), make_strategy):
        with pytest.raises(InputError, match="strategy is of the wrong kind"):
            Session(X, FakeLearner(task=DATA.task), wrong, streams=Streams(0))  # type: ignore[arg-type]


@pytest.mark.parametrize("streams", [None, 1, torch.Generator()])
def test_streams_of_another_kind(streams: Any) -> None:
    with pytest.raises(InputError, match=r"what to do: pass streams=pauca.Streams\(1\)"):
        Session(X, FakeLearner(task=DATA.task), "margin", streams=streams)


def fitted() -> LogisticRegression:
    assert LABELS is not None
    return LogisticRegression().fit(X.numpy(), LABELS.numpy())


@pytest.mark.parametrize("model", [fitted(), nn.Identity(), "prob", object(), None])
def test_a_model_of_another_kind_is_refused_with_a_line_that_runs(model: Any) -> None:
    with pytest.raises(InputError, match=r"expected: a learner as `pauca.make_learner`") as caught:
        Session(X, model, "margin", streams=Streams(0))
    todo = caught.value.todo
    assert todo is not None
    lines = re.findall(r"pauca\.make_\w+\(.*?(?=; or|$)", todo)
    assert lines
    known: dict[str, Any] = {"pauca": pauca, "torch": torch, "x": X, "data": DATA, "model": model}
    if isinstance(model, LogisticRegression):
        known["x"] = X.numpy()
    done = [eval(line, known) for line in lines]
    assert isinstance(done[-1], pauca.AbstractLearner)
    if len(done) > 1:
        assert isinstance(done[0], Tensor)
        assert len(set(done[0].tolist())) == 20


def test_labels_are_told_by_name_or_number() -> None:
    names = DATA.task.classes
    session = make()
    session.tell([1, 2], [names[2], names[0]])
    session.tell(3, names[1])
    session.tell(np.array([4]), np.array([names[2]]))
    session.tell(pandas.Series([5]), pandas.Series([1]))
    assert session.labels.tolist() == [2, 0, 1, 2, 1]
    with pytest.raises(InputError, match=f"did you mean '{names[1]}'"):
        session.tell([6], [names[1] + "x"])


@pytest.mark.parametrize("wrong", [{5, 2}, frozenset({5, 2}), {5: 1, 2: 0}, iter([5, 2])])
def test_what_has_no_order_is_refused(wrong: Any) -> None:
    session = make()
    for ids, labels in ((wrong, [0, 1]), ([7, 3], wrong), ({7: 0, 3: 1}.keys(), [0, 1])):
        with pytest.raises(InputError, match=r"order of (ids|labels) is not known"):
            session.tell(ids, labels)
    for other in (session.skip, session.reject):
        with pytest.raises(InputError, match="order of ids is not known"):
            other(wrong)
    assert session.events == ()


def trained(seed: int = 0) -> FakeLearner:
    learner = FakeLearner(task=DATA.task)
    assert LABELS is not None
    learner.fit(X[:30], LABELS[:30], generator=torch.Generator().manual_seed(seed))
    return learner


def test_a_trained_learner_is_asked_before_there_are_labels() -> None:
    session = make(learner=trained(), initial="learner")
    best = make_strategy("margin").select(
        trained().outputs(X, torch.arange(len(X))), None, 20, torch.Generator()
    )
    assert set(session.preview("margin", 20).tolist()) == set(best.tolist())
    assert not session.events
    assert set(session.ask(20).tolist()) == set(best.tolist())
    assert session.events[0]["learner"]


def test_such_a_session_is_rebuilt() -> None:
    """Also after everything was taken back, and when it asks twice before it is told."""
    session = make(learner=trained(), initial="learner")
    ids = session.ask(6)
    session.ask(3)
    answer(session, ids)
    session.ask(4)
    session.undo()
    for events in (session.events[:1], session.events[:3], session.events):
        again = make(learner=trained(), initial="learner", events=events)
        twice = make(learner=trained(), initial="learner", events=events)
        assert torch.equal(again.ask(5), twice.ask(5))
    rebuilt = make(learner=trained(), initial="learner", events=session.events)
    assert torch.equal(session.ask(5), rebuilt.ask(5))
    assert session.events == rebuilt.events


def test_what_does_not_go_on_as_it_began_is_refused() -> None:
    begun = make(learner=trained(), initial="learner")
    begun.ask(6)
    plain = make()
    plain.ask(6)
    assert set(plain.events[0]) == {"kind", "ids", "round", "initial"}
    with pytest.raises(InputError, match=r"by another learner.*initial='learner'"):
        make(events=begun.events)
    with pytest.raises(InputError, match="by another learner"):
        make(learner=trained(seed=1), initial="learner", events=begun.events)
    with pytest.raises(InputError, match="leave `initial` out"):
        make(learner=trained(), initial="learner", events=plain.events)


def test_a_learner_that_knows_nothing_is_not_asked() -> None:
    with pytest.raises(InputError, match="was not trained cannot be asked first"):
        make(initial="learner")
    for wrong in ("random", None, True, ["learner"]):
        with pytest.raises(InputError, match="nobody to ask"):
            make(initial=wrong)
