"""What is said of a model, against plain computations; and what is not said."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from pauca.label.model import fit_temperature, make_for, tempered
from pauca.label.settings import ProjectSettings, Source
from pauca.label.status import advise, said_saving
from pauca.label.training import Material, _folds, assess, fit
from pauca.learners import AbstractLearner
from pauca.metrics import nll
from tests.label.helpers import NAMES, clusters


def material(m: int = 200, random: float = 0.5, seed: int = 0, noise: float = 0.2) -> Material:
    """Labelled items of overlapping clusters, some of the labels wrong."""
    x, y = clusters(m, d=6, seed=seed)
    rng = np.random.default_rng(seed)
    x = x * 0.35 + rng.normal(size=x.shape).astype(np.float32)
    y = np.where(rng.random(m) < noise, rng.integers(0, 3, m), y)
    return Material(
        x=torch.from_numpy(x.astype(np.float32)),
        y=torch.from_numpy(y),
        random=rng.random(m) < random,
        given=np.zeros(m, dtype=np.bool_),
        c=3,
        folds=5,
        seed=seed,
    )


def make() -> AbstractLearner:
    return make_for({"name": "probe"}, 6, NAMES)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_temperature_has_the_least_loss(seed: int, scale: float) -> None:
    """Against a fine grid."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(80, 4, generator=generator, dtype=torch.float64)
    y = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    probs = (logits * scale).softmax(1)
    found = fit_temperature(probs, y)

    def loss(temperature: float) -> float:
        prior = float(norm.logpdf(math.log(temperature)))
        return nll(y, tempered(probs, temperature)) - prior / 80

    grid = np.exp(np.linspace(math.log(0.02), math.log(50), 400))
    assert loss(found) <= min(loss(float(t)) for t in grid) + 1e-6


def test_few_labels_that_are_all_right_make_no_certainty() -> None:
    """Overlapping clusters: on the rest confidence is no worse a guess than without tempering."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 16))
    centres *= 2.5 / np.linalg.norm(centres, axis=1, keepdims=True)
    losses = np.zeros(2)
    for seed in range(8):
        y = torch.from_numpy(rng.integers(0, 2, 600))
        x = torch.from_numpy(centres[y] + rng.normal(size=(600, 16))).float()
        none = np.zeros(10, dtype=np.bool_)
        fitted = fit(
            Material(x[:10], y[:10], none, none, 2, 5, seed),
            lambda: make_for({"name": "probe"}, 16, ("a", "b")),
        )
        probs = fitted.learner.outputs(x[10:], torch.arange(590)).mean_probs
        losses += nll(y[10:], probs), nll(y[10:], tempered(probs, fitted.temperature))
    assert losses[1] < 1.25 * losses[0]


def test_tempering_keeps_the_order() -> None:
    probs = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]], dtype=torch.float64)
    for temperature in (0.1, 1, 7):
        found = tempered(probs, temperature)
        assert torch.equal(found.argsort(1, descending=True)[0], torch.tensor([0, 1, 2]))
        torch.testing.assert_close(found.sum(1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(tempered(probs, 1.0)[0], probs[0])
    powers = probs[0] ** 0.5
    torch.testing.assert_close(tempered(probs, 2.0)[0], powers / powers.sum())


def test_every_item_is_told_by_a_model_without_it() -> None:
    """The accuracy is that of five trainings by hand, on the random items alone."""
    data = material()
    fitted = fit(data, make)
    folds = _folds(data)
    assert np.bincount(folds).tolist() == [40] * 5
    right = np.zeros(data.m, dtype=bool)
    for fold in range(5):
        learner, inside = make(), torch.from_numpy(folds != fold)
        learner.fit(data.x[inside], data.y[inside], generator=torch.Generator())
        right[folds == fold] = (learner.predict(data.x[~inside]) == data.y[~inside]).numpy()
    found = assess(data, fitted, make)
    n = int(data.random.sum())
    hits = int(right[data.random].sum())
    low, high = proportion_confint(hits, n, 0.05, method="wilson")
    assert found.accuracy is not None
    assert found.accuracy["n"] == n == found.random
    assert [found.accuracy[k] for k in ("value", "low", "high")] == pytest.approx(
        [hits / n, low, high]
    )
    assert found.chosen == pytest.approx(right.mean())
    assert found.nll is not None
    assert found.nll[1] <= found.nll[0]
    assert [point["labels"] for point in found.curve] == [50, 100, 200]
    assert found.curve[-1]["value"] == found.accuracy["value"]
    assert found.gain is not None
    assert found.gain["value"] == pytest.approx(found.curve[2]["value"] - found.curve[1]["value"])
    assert found.gain["low"] <= found.gain["value"] <= found.gain["high"]


def test_the_interval_holds_the_truth() -> None:
    """The accuracy on 4,000 new items lies within it in most of 12 studies (nominal 95 %)."""
    held = 0
    for seed in range(12):
        whole = material(4300, seed=seed)
        part = Material(
            whole.x[:300], whole.y[:300], np.ones(300, bool), np.zeros(300, bool), 3, 5, seed
        )
        fitted = fit(part, make)
        found = assess(part, fitted, make).accuracy
        assert found is not None
        new = (fitted.learner.predict(whole.x[300:]) == whole.y[300:]).double().mean()
        held += found["low"] <= float(new) <= found["high"]
    assert held >= 10


def test_little_is_said_of_little() -> None:
    one = material(1)
    found = assess(one, fit(one, make), make)
    assert (found.accuracy, found.chosen, found.gain, found.nll) == (None, None, None, None)
    some = material(60, random=0.2)
    found = assess(some, fit(some, make), make)
    assert found.accuracy is None
    assert found.chosen is not None
    assert "12 random items" in found.saving["reason"] or "random items" in found.saving["reason"]
    assert found.calibrated_on == "all labelled items"
    everything = material(100, random=1.1)
    assert "nothing to compare" in assess(everything, fit(everything, make), make).saving["reason"]
    assert assess(everything, fit(everything, make), make).calibrated_on == "all labelled items"
    part = material(400)
    assert fit(part, make).temperature == assess(part, fit(part, make), make).temperature
    assert assess(part, fit(part, make), make).calibrated_on == "random sample"


def test_saving_of_labels_that_teach_more() -> None:
    """Thirty kinds of items: the chosen are one of each, random ones repeat themselves."""
    kinds = np.r_[np.arange(30), np.random.default_rng(0).integers(0, 30, 150)]
    data = Material(
        x=torch.eye(30)[torch.from_numpy(kinds)] * 5,
        y=torch.from_numpy(kinds % 3),
        random=np.arange(180) >= 30,
        given=np.zeros(180, dtype=np.bool_),
        c=3,
        folds=5,
        seed=0,
    )

    def learner() -> AbstractLearner:
        return make_for({"name": "probe"}, 30, NAMES)

    found = assess(data, fit(data, learner), learner).saving
    assert (found["up_to"], found["n"]) == (120, 150)
    assert found["labels"] <= 30 < found["random_labels"]
    assert found["ratio"] == pytest.approx(found["random_labels"] / found["labels"])
    assert found["low"] > 1.2


def test_same_labels_same_words() -> None:
    data = material()
    first, second = (assess(data, fit(data, make), make).plain() for _ in range(2))
    first.pop("seconds")
    second.pop("seconds")
    assert first == second


def test_a_class_that_few_items_have() -> None:
    data = material(60)
    y = torch.zeros(60, dtype=torch.int64)
    y[7] = 2
    only = Material(data.x, y, data.random, data.given, 3, 5, 0)
    fitted = fit(only, make)
    assert fitted.probs is not None
    assert fitted.probs.shape == (60, 3)
    torch.testing.assert_close(fitted.probs.sum(1), torch.ones(60, dtype=torch.float64))


def _settings(**more: Any) -> ProjectSettings:
    source = Source(path="x", format="csv", kind="text", items=9, fingerprint="f")
    return ProjectSettings(name="p", source=source, features={"name": "tf-idf"}, **more)


_TOLD = {
    "labels": 200,
    "random": 100,
    "accuracy": {"value": 0.9, "low": 0.85, "high": 0.94, "n": 100},
    "gain": {"labels": 100, "value": 0.01, "low": -0.01, "high": 0.03, "n": 100},
    "saving": {"reason": "why"},
}


@pytest.mark.parametrize(
    ("settings", "state", "stop", "words"),
    [
        ({"budget": 50}, {}, True, "budget is spent: 190 of 50 labels"),
        ({}, {"open_items": 0}, True, "every item was asked for"),
        ({}, {"assessment": None}, False, "not known before `pauca label train`"),
        ({}, {"assessment": {**_TOLD, "accuracy": None}}, False, "20 are needed"),
        ({"target": 0.85}, {}, True, "target is reached: accuracy 90.0 % .85.0 % to 94.0 %."),
        ({"target": 0.9}, {}, False, "wanted 90.0 %"),
        ({}, {"unseen": ("cow", "hen")}, False, "2 classes have no label yet: cow, hen"),
        ({}, {}, False, r"from 100 to 200 brought \+1.0 points \(-1.0 to \+3.0\)"),
        ({"tolerance": 0.04}, {}, True, "the curve is flat"),
        ({"tolerance": 0.04}, {"unseen": ("cow",)}, False, "no label yet"),
        ({}, {"assessment": {**_TOLD, "gain": None}}, False, "cannot be told yet; accuracy 90.0 %"),
    ],
)
def test_advice(settings: dict[str, Any], state: dict[str, Any], stop: bool, words: str) -> None:
    given: dict[str, Any] = {
        "labelled": 200,
        "given": 10,
        "open_items": 500,
        "unseen": (),
        "assessment": _TOLD,
    }
    found = advise(_settings(**settings), **{**given, **state})
    assert found.stop is stop
    assert re.search(words, found.reason), found.reason


def test_saving_in_words() -> None:
    assert said_saving(None) == "not known before `pauca label train`"
    assert said_saving(_TOLD) == "why"
    saving = {
        "ratio": 2.0, "low": 1.2, "high": None, "bound": "at least", "value": 0.8, "labels": 40.0,
        "random_labels": 80.0, "up_to": 80, "n": 100,
    }  # fmt: skip
    assert said_saving({"saving": saving}) == (
        "random choice needs at least 2.00 times the labels for 80.0 % accuracy (1.20 to no upper "
        "bound; seen up to 80 labels, on 100 random items)"
    )


def test_more_parts_than_random_items() -> None:
    """No part of the sample is empty."""
    data = replace(material(90, random=0.5), folds=60)
    assert 40 <= data.random.sum() < 60
    told = assess(data, fit(data, make), make)
    assert told.saving["n"] == data.random.sum()
    assert told.saving["up_to"] == data.random.sum() - 1
