"""Pseudo-labels: who gets one, when, and for how long."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from pauca.data.dataset import Task
from pauca.learners import AbstractLearner, FitReport
from pauca.learners.base import Progress
from pauca.learners.companions import attach
from pauca.learners.companions.pseudo_labels import PseudoLabels, surest, threshold
from pauca.rng import generator_from
from pauca.testing.fakes import FakeLearner, fake_outputs
from tests.learners.companions.toys import same_weights, saved, small_mlp, table_task, two_sides


@given(st.floats(0, 1), st.floats(0, 0.2), st.integers(0, 100))
def test_ceal_decay_never_negative(delta: float, decay: float, t: int) -> None:
    expected = delta - decay * t
    assert threshold(delta, decay, t) == (expected if expected > 0 else 0)


def test_ceal_threshold_of_the_paper() -> None:
    found = [threshold(0.05, 0.0033, t) for t in (0, 1, 15, 16, 17)]
    assert found == pytest.approx([0.05, 0.0467, 0.0005, 0, 0])


@pytest.mark.parametrize("delta", [0.0, 0.3, 0.8, 2.0])
def test_surest_against_loops(delta: float) -> None:
    probs = fake_outputs(n=60, c=4).probs[0]
    expected = []
    for i, p in enumerate(probs.tolist()):
        entropy = -sum(v * math.log(v) for v in p if v > 0)
        if entropy < delta:
            expected.append((i, max(range(4), key=p.__getitem__)))
    where, labels = surest(probs, delta)
    assert list(zip(where.tolist(), labels.tolist(), strict=True)) == expected


def test_ceal_surest_items_are_included() -> None:
    probs = torch.tensor([[1.0, 0.0, 0.0], [0.4, 0.3, 0.3], [0.0, 0.0, 1.0], [1e-45, 1.0, 0.0]])
    where, labels = surest(probs, 0.05)
    assert where.tolist() == [0, 2, 3]
    assert labels.tolist() == [0, 2, 1]


def test_a_threshold_of_0_takes_nobody() -> None:
    assert surest(torch.eye(3), 0.0)[0].tolist() == []


class Noting(FakeLearner):
    """A fake that notes what it is trained on."""

    def __init__(self, task: Task) -> None:
        super().__init__(task=task)
        self.seen: list[tuple[Tensor, Tensor]] = []

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        self.seen.append((x, y))
        return super().fit(x, y, generator=generator, progress=progress, unlabelled=unlabelled)


def noting(**settings: Any) -> tuple[Noting, AbstractLearner]:
    inner = Noting(table_task(4, 2))
    return inner, attach("pseudo-labels", inner, {"share": 1.0, **settings})


def test_the_first_training_has_labelled_items_only() -> None:
    x, y, pool, _ = two_sides(0)
    inner, learner = noting(delta=10.0)
    report = learner.fit(x, y, generator=generator_from(0), unlabelled=pool)
    assert torch.equal(inner.seen[0][0], x)
    assert report.history[0] == {"pseudo_labels": 0.0, "threshold": 0.0}


def test_the_next_training_has_the_sure_ones_with_the_models_label() -> None:
    x, y, pool, _ = two_sides(0)
    inner, learner = noting(delta=0.4, decay=0.15)
    learner.fit(x, y, generator=generator_from(0), unlabelled=pool)
    for t in (0, 1, 2, 3):
        told = inner.outputs(pool, torch.arange(len(pool)))
        where, labels = surest(told.mean_probs, max(0.0, 0.4 - 0.15 * t))
        report = learner.fit(x, y, generator=generator_from(t), unlabelled=pool)
        seen_x, seen_y = inner.seen[-1]
        # last time's pseudo-labels are gone; the true labels come first and stay
        assert torch.equal(seen_x, torch.cat([x, pool[where]]))
        assert torch.equal(seen_y, torch.cat([y, labels]))
        assert report.history[0]["pseudo_labels"] == len(where)
        assert 0 < len(where) < len(pool) or t == 3
    assert torch.equal(inner.seen[-1][0], x)  # the threshold has reached 0


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 1.0])
def test_ceal_pseudo_labels_do_not_crowd_out_the_labelled(share: float) -> None:
    x, y, pool, _ = two_sides(0, m=7, n=120)
    inner, learner = noting(delta=0.6, decay=0.0, share=share)
    learner.fit(x, y, generator=generator_from(0), unlabelled=pool)
    where, labels = surest(inner.outputs(pool, torch.arange(120)).mean_probs, 0.6)
    h = len(where)
    assert h > 7
    learner.fit(x, y, generator=generator_from(1), unlabelled=pool)
    seen_x, seen_y = inner.seen[-1]
    repeated = len(seen_x) - h
    assert repeated % 7 == 0  # each labelled item equally often
    assert h / len(seen_x) <= share + 1e-12
    assert repeated == 7 or h / (len(seen_x) - 7) > share  # and no more often than needed
    assert torch.equal(seen_x, torch.cat([x] * (repeated // 7) + [pool[where]]))
    assert torch.equal(seen_y, torch.cat([y] * (repeated // 7) + [labels]))


def test_ceal_never_pseudo_labels_what_is_labelled() -> None:
    x, y, pool, _ = two_sides(1)
    inner, learner = noting(delta=10.0)
    learner.fit(x, y, generator=generator_from(0), unlabelled=pool)
    inner_x = torch.cat([x, pool[:5]])
    true = torch.cat([y, torch.tensor([1, 0, 1, 0, 1])])  # whatever the model thinks of them
    learner.fit(inner_x, true, generator=generator_from(0), unlabelled=pool[5:])
    seen_x, seen_y = inner.seen[-1]
    assert len(seen_x) == len(x) + len(pool)
    assert torch.equal(seen_y[: len(true)], true)


def test_the_validation_part_holds_true_labels_only() -> None:
    x, y, pool, _ = two_sides(2)
    kept: list[int] = []
    settings: dict[str, Any] = {"validation": 0.25, "steps": 6}
    plain = small_mlp(table_task(4, 2), **settings)
    learner = attach("pseudo-labels", small_mlp(table_task(4, 2), **settings), {"delta": 10.0})
    for seed in (0, 1):
        report = plain.fit(x, y, generator=generator_from(seed))
        told = learner.fit(x, y, generator=generator_from(seed), unlabelled=pool)
        kept.append(int(told.history[0]["pseudo_labels"]))
        assert told.steps == report.steps
    assert kept == [0, len(pool)]
    # accuracies over 15 true items: with pseudo-labels among them they would be other fractions
    accuracy = told.history[-1]["validation_accuracy"]
    assert accuracy * 15 == pytest.approx(round(accuracy * 15), abs=1e-9)
    assert not same_weights(learner, plain)


def test_state_carries_the_model_that_labels_the_pool_and_the_round() -> None:
    x, y, pool, _ = two_sides(3)
    first = attach("pseudo-labels", small_mlp(table_task(4, 2)), {"delta": 0.6, "decay": 0.1})
    for seed in (0, 1):
        first.fit(x, y, generator=generator_from(seed), unlabelled=pool)
    other = attach("pseudo-labels", small_mlp(table_task(4, 2)), {"delta": 0.6, "decay": 0.1})
    other.load_state(saved(first.state()))
    assert first.carries_state
    assert not first.keeps_units  # what is kept labels the pool; the net starts anew
    reports = [
        learner.fit(x, y, generator=generator_from(2), unlabelled=pool)
        for learner in (first, other)
    ]
    assert reports[0] == reports[1]
    assert reports[0].history[0]["threshold"] == pytest.approx(0.5)
    assert same_weights(first, other)
    assert isinstance(other, PseudoLabels)
    assert other.trainings == 3
