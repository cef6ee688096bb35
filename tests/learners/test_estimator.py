import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pauca import ForwardForwardClassifier
from pauca.errors import InputError, PaucaError, UsageError

QUICK: dict[str, Any] = {"widths": [32, 16], "steps": 60, "batch": 32, "random_state": 0}


ROUNDING = {
    "check_methods_subset_invariance": "single precision: batches of other sizes differ in the"
    " seventh digit, the check allows 1e-7",
}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [ForwardForwardClassifier(**QUICK)], expected_failed_checks=lambda estimator: ROUNDING
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def test_any_labels_on_tables() -> None:
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = ForwardForwardClassifier(widths=[32], steps=200, batch=32, random_state=0)
    model.fit(x, names)
    assert list(model.classes_) == ["setosa", "versicolor", "virginica"]
    assert model.score(x, names) > 0.8
    probs = model.predict_proba(x)
    np.testing.assert_allclose(probs.sum(1), 1)
    assert (model.classes_[probs.argmax(1)] == model.predict(x)).all()
    assert model.history_[-1]["layer"] == 1


def digits(form: str) -> tuple[Any, Any]:
    x, y = load_digits(return_X_y=True)
    images = (x.reshape(-1, 8, 8) * 15.9).astype(np.uint8)[:600]
    colour = np.stack([images, images // 2, 255 - images], 3)
    forms = {"hw": images, "hwc": colour, "chw": colour.transpose(0, 3, 1, 2)}
    return forms[form], y[:600]


@pytest.mark.parametrize("form", ["hw", "hwc", "chw"])
def test_images(form: str) -> None:
    x, y = digits(form)
    model = ForwardForwardClassifier(widths=[48], steps=150, batch=64, random_state=0)
    model.fit(x[:500], y[:500])
    assert model.score(x[500:], y[500:]) > 0.75
    assert model.n_features_in_ == x[0].size
    assert model.learner_.task.shape == ((1, 8, 8) if form == "hw" else (3, 8, 8))
    with pytest.raises(ValueError, match="wrong shape"):
        model.predict(x[:, :7] if form != "chw" else x[:, :, :7])
    with pytest.raises(ValueError, match="wrong shape"):
        model.predict(x.reshape(len(x), -1).astype(float))


def test_the_order_of_axes_does_not_matter() -> None:
    found = []
    for form in ("hwc", "chw"):
        x, y = digits(form)
        model = ForwardForwardClassifier(**QUICK).fit(x, y)
        found.append(model.predict_proba(x))
    np.testing.assert_array_equal(found[0], found[1])


def test_pickle_and_clone() -> None:
    x, y = digits("hw")
    model = ForwardForwardClassifier(**QUICK).fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "learner_")
    np.testing.assert_array_equal(fresh.fit(x, y).predict_proba(x), model.predict_proba(x))


def test_every_setting_of_the_learner_is_a_parameter() -> None:
    from pauca.learners import learners

    own = {"learner", "device", "random_state"}
    for name in ("forward-forward", "bp-ff"):
        # a start other than new weights is for what is trained more than once
        settings = set(learners.resolve(name, {"calibration": "cross-fit"}))
        assert set(ForwardForwardClassifier(name).get_params()) - own == settings


def test_in_a_pipeline_and_a_search() -> None:
    x, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), ForwardForwardClassifier(**QUICK))
    search = GridSearchCV(model, {"forwardforwardclassifier__rate": [1e-6, 0.01]}, cv=2)
    search.fit(x, y)
    assert search.best_params_ == {"forwardforwardclassifier__rate": 0.01}


def test_same_seed_same_model_another_seed_another() -> None:
    x, y = load_iris(return_X_y=True)
    probs = [
        ForwardForwardClassifier(**{**QUICK, "random_state": seed}).fit(x, y).predict_proba(x)
        for seed in (1, 1, np.random.RandomState(1), 2)
    ]
    np.testing.assert_array_equal(probs[0], probs[1])
    np.testing.assert_array_equal(probs[0], probs[2])
    assert not np.array_equal(probs[0], probs[3])


def test_the_global_generators_are_left_alone() -> None:
    x, y = load_iris(return_X_y=True)
    before, torch_before = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # type: ignore[index]
    ForwardForwardClassifier(**QUICK).fit(x, y)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]
    assert torch.equal(torch.random.get_rng_state(), torch_before)


def test_misuse_is_refused() -> None:
    x, y = digits("hw")
    with pytest.raises(UsageError, match="given twice"):
        ForwardForwardClassifier(epochs=1, steps=5).fit(x, y)
    with pytest.raises(UsageError, match="no negative"):
        ForwardForwardClassifier(label="none").fit(x, y)
    with pytest.raises(PaucaError, match="goodnes"):
        ForwardForwardClassifier(goodness="l3").fit(x, y)
    with pytest.raises(InputError, match="labels do not fit"):
        ForwardForwardClassifier().fit(x, y[:5])
    with pytest.raises(ValueError, match="wrong form"):
        ForwardForwardClassifier().fit(np.zeros((4, 5, 6, 7), np.uint8), [0, 1, 0, 1])
