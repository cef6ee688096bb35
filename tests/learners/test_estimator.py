import copy
import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

import joblib
import numpy as np
import pandas as pd
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


# another valid value of each parameter than that with which ``fitted`` fits
OTHERS: dict[str, Any] = {
    "learner": "bp-ff",
    "recipe": "published",
    "widths": [7],
    "goodness": "mean-of-squares",
    "loss": "threshold",
    "label": "none",
    "negatives": "hard",
    "normalisation": "none",
    "schedule": "simultaneous",
    "readout": "probe",
    "epochs": 3,
    "steps": 5,
    "rate": 1e-5,
    "batch": 8,
    "decay": "cosine",
    "warmup": 0.2,
    "weight_decay": 0.1,
    "average": 0.5,
    "dropout": 0.3,
    "item_dropout": 0.3,
    "adversarial": 0.1,
    "peer": 0.1,
    "shift": 1,
    "pixels": "unit",
    "shortlist": 1,
    "calibration": "held-out",
    "speed": {"keep": False},
    "device": "cuda",
    "random_state": 7,
}
FITS: dict[str, dict[str, Any]] = {
    "quick": {"steps": 60, "widths": [12]},
    "published": {
        "epochs": 4,
        "recipe": "published",
        "widths": [8, {"name": "linear", "units": 6}],
    },
    "calibrated": {"steps": 60, "widths": [8, 6], "calibration": "cross-fit"},
    "together": {"steps": 60, "learner": "bp-ff", "widths": [8, 6], "shortlist": 2},
}
ROUNDS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "joblib": lambda model: through_joblib(model),
}


def through_joblib(model: Any) -> Any:
    file = BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("kind", FITS)
def test_what_is_fitted_comes_back_as_it_was_whatever_is_set_afterwards(kind: str) -> None:
    x, y = load_iris(return_X_y=True)
    model = ForwardForwardClassifier(batch=32, random_state=0).set_params(**FITS[kind]).fit(x, y)
    right = model.predict_proba(x)
    assert set(OTHERS) == set(model.get_params())
    first = model.get_params()
    for name, value in OTHERS.items():
        model.set_params(**{name: value})
        np.testing.assert_array_equal(model.predict_proba(x), right, err_msg=name)
        for way, through in ROUNDS.items():
            again = through(model)
            where = f"{name} by {way}"
            np.testing.assert_array_equal(again.predict_proba(x), right, err_msg=where)
            assert again.get_params() == model.get_params(), where
            twice = through(again)
            np.testing.assert_array_equal(twice.predict_proba(x), right, err_msg=where)
        fresh = clone(model)
        assert fresh.get_params() == model.get_params()
        assert not hasattr(fresh, "learner_")
        model.set_params(**{name: first[name]})
    everything = pickle.loads(pickle.dumps(model.set_params(**OTHERS)))
    np.testing.assert_array_equal(everything.predict_proba(x), right)
    assert everything.get_params() == OTHERS


def test_a_value_that_is_changed_in_place_is_no_other_form() -> None:
    x, y = load_iris(return_X_y=True)
    widths: list[Any] = [{"name": "linear", "units": 9}]
    model = ForwardForwardClassifier(widths=widths, steps=20, random_state=0).fit(x, y)
    widths[0]["units"] = 3
    widths.append(4)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_what_counts_after_loading_is_what_is_set_when_it_is_fitted_anew() -> None:
    x, y = load_iris(return_X_y=True)
    model = ForwardForwardClassifier(**QUICK).fit(x, y).set_params(widths=[5], steps=30)
    again = pickle.loads(pickle.dumps(model)).fit(x, y)
    assert again.learner_.widths == (5,)
    np.testing.assert_array_equal(again.predict_proba(x), clone(model).fit(x, y).predict_proba(x))


def test_a_state_without_a_form_is_read_by_its_parameters() -> None:
    x, y = load_iris(return_X_y=True)
    model = ForwardForwardClassifier(**QUICK).fit(x, y)
    state = model.__getstate__()
    del state["_fitted_form"]
    old = ForwardForwardClassifier.__new__(ForwardForwardClassifier)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.predict_proba(x), model.predict_proba(x))


def test_a_device_that_is_not_here_is_said_and_the_cpu_answers() -> None:
    x, y = load_iris(return_X_y=True)
    model = ForwardForwardClassifier(**QUICK).fit(x, y)
    model._fitted_form = model._fitted_form._replace(device="cuda:77")
    with pytest.warns(UserWarning, match="fitted on 'cuda:77'"):
        again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_a_fit_that_fails_leaves_what_was_fitted() -> None:
    x, y = load_iris(return_X_y=True)
    model = ForwardForwardClassifier(**QUICK).fit(x, y)
    right = model.predict_proba(x)
    with pytest.raises(UsageError):
        model.set_params(label="none", negatives="random").fit(x, y % 2)
    np.testing.assert_array_equal(model.predict_proba(x), right)
    assert list(model.classes_) == [0, 1, 2]


def far(kind: str) -> tuple[Any, Any]:
    """Columns that float32 cannot tell apart, of which the first decides."""
    z = np.random.default_rng(0).normal(size=(400, 3))
    scales: dict[str, tuple[Any, Any]] = {
        "seconds": (1.0, 1.7e9),
        "milliseconds": (60e3, 1.7e12),
        "nanoseconds": (1e6, 1.7e18),
        "below": (1.0, -1e10),
        "small units": (1e-15, 0.0),
        "small and far": (1e-15, 1e-6),
        "mixed": (np.array([1.0, 1e-13, 1e8]), np.array([1e9, 0.0, 1e16])),
    }
    scale, offset = scales[kind]
    return z * scale + offset, (z[:, 0] > 0).astype(int)


FAR = ["seconds", "milliseconds", "nanoseconds", "below", "small units", "small and far", "mixed"]
SMALL: dict[str, Any] = {"widths": [32], "epochs": 15, "batch": 32, "random_state": 0}


@pytest.mark.parametrize("kind", FAR)
def test_rows_far_from_zero_are_learned_as_behind_a_standard_scaler(kind: str) -> None:
    x, y = far(kind)
    model = ForwardForwardClassifier(**SMALL).fit(x[:300], y[:300])
    scaled = make_pipeline(StandardScaler(), clone(model)).fit(x[:300], y[:300])
    assert model.score(x[300:], y[300:]) > 0.93
    assert scaled.score(x[300:], y[300:]) > 0.93
    np.testing.assert_allclose(
        model.predict_proba(x), scaled.predict_proba(x), atol=1e-3, err_msg="same as behind it"
    )
    # a row by itself is standardised by the training rows
    np.testing.assert_allclose(
        model.predict_proba(x[300:301]), model.predict_proba(x[300:])[:1], atol=1e-6
    )


def test_rows_may_come_as_any_estimator_takes_them() -> None:
    z, y = far("seconds")
    x = np.round(z * 1000)  # whole numbers of 13 digits
    right = ForwardForwardClassifier(**SMALL).fit(x, y).predict_proba(x)
    frame = pd.DataFrame(x.astype(np.int64), columns=["a", "b", "c"])
    read_only = x.copy()
    read_only.flags.writeable = False
    forms: dict[str, Any] = {
        "list": x.tolist(),
        "int64": x.astype(np.int64),
        "long double": x.astype(np.longdouble),
        "object": x.astype(object),
        "big end": x.astype(">f8"),
        "columns first": np.asfortranarray(x),
        "strides": np.ascontiguousarray(x[::-1])[::-1],
        "read-only": read_only,
        "tensor": torch.from_numpy(x),
        "frame": frame,
        "frame of two types": frame.astype({"b": float}),
        "nullable": frame.astype("Int64"),
    }
    for name, given in forms.items():
        model = ForwardForwardClassifier(**SMALL).fit(given, y)
        np.testing.assert_array_equal(model.predict_proba(given), right, err_msg=name)
    bits = (x > x.mean(0)).astype(float)
    by_bits = ForwardForwardClassifier(**SMALL).fit(bits, y).predict_proba(bits)
    for dtype in (bool, np.uint8, np.int8, np.float16, np.float32):
        given = bits.astype(dtype)
        found = ForwardForwardClassifier(**SMALL).fit(given, y).predict_proba(given)
        np.testing.assert_array_equal(found, by_bits, err_msg=str(dtype))


def test_what_float32_holds_is_learned_as_it_was() -> None:
    x, y = load_iris(return_X_y=True)
    single = x.astype(np.float32)
    model = ForwardForwardClassifier(**QUICK).fit(single, y)
    again = ForwardForwardClassifier(**QUICK).fit(single.astype(np.float64), y)
    assert model.learner_.task.evaluate == again.learner_.task.evaluate
    np.testing.assert_array_equal(model.predict_proba(single), again.predict_proba(single))
    np.testing.assert_array_equal(model.predict_proba(single), model.predict_proba(single.tolist()))


def test_numbers_that_are_too_large_are_refused_by_their_column() -> None:
    x, y = load_iris(return_X_y=True)
    model = ForwardForwardClassifier(**QUICK).fit(x, y)
    for value in (1e300, -1e300, 1e50):
        beyond = x.copy()
        beyond[3, 2] = value
        with pytest.raises(ValueError, match="column 2"):
            model.predict(beyond)
    huge = x * 1e200
    with pytest.raises(ValueError, match="too large"):
        ForwardForwardClassifier(**QUICK).fit(huge, y)
    for value in (np.nan, np.inf):
        beyond = x.copy()
        beyond[3, 2] = value
        for ask in (model.predict, lambda rows: ForwardForwardClassifier(**QUICK).fit(rows, y)):
            with pytest.raises(ValueError, match="contains"):
                ask(beyond)
