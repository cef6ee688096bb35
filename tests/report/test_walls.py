import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pauca.errors import StoreError
from pauca.report.view import read_study
from pauca.report.walls import draw_wall, read_walls, wall
from pauca.store import MemoryStore, RunSpec
from tests.report.studies import LAYERS, Plan, study

X = np.array([[2.0, 0, 0, 1], [4.0, 0, 0, 1], [0, 3.0, 0, 1], [0, 5.0, 0, 1]], np.float32)
Y = np.array([0, 0, 1, 1])


def test_numbers_by_hand() -> None:
    made = wall("bp", "layer-1", X, Y)
    assert made.active == 8 / 16
    assert (made.dead, made.units, made.broken) == (1, 4, 0)
    assert made.chance == pytest.approx(1 / 3)
    columns = [X[:, 0], X[:, 1]]
    total = sum(float(((c - c.mean()) ** 2).sum()) for c in columns)
    between = sum(
        2 * float((c[:2].mean() - c.mean()) ** 2 + (c[2:].mean() - c.mean()) ** 2) for c in columns
    )
    assert made.between == pytest.approx(between / total)
    assert made.top == pytest.approx(np.percentile(X[X > 0], 99))


def test_rows_are_put_in_order_of_class() -> None:
    order = np.array([2, 0, 3, 1])
    made = wall("bp", "layer-1", X[order], Y[order])
    assert made.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(made.activity, X)


@given(st.integers(0, 2**31))
def test_class_explains_what_chance_says_where_there_is_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = wall("bp", "layer-1", rng.normal(size=(60, 400)), np.arange(60) % 6)
    assert made.between == pytest.approx(made.chance, abs=0.02)


def test_class_explains_everything_where_it_does() -> None:
    labels = np.repeat(np.arange(3), 5)
    made = wall("bp", "layer-1", np.eye(3)[labels], labels)
    assert made.between == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1.0, 37.5])
def test_shares_do_not_depend_on_scale_or_order_of_units(scale: float) -> None:
    rng = np.random.default_rng(1)
    x = np.maximum(rng.normal(size=(30, 12)), 0)
    y = np.arange(30) % 3
    one, other = wall("m", "l", x, y), wall("m", "l", scale * x[:, ::-1], y)
    assert other.between == pytest.approx(one.between, rel=1e-5)
    assert (other.active, other.dead) == (one.active, one.dead)


def test_a_silent_layer_is_drawn_and_has_no_share() -> None:
    made = wall("bp", "layer-1", np.zeros((4, 3)), Y)
    assert (made.active, made.dead, made.top) == (0.0, 3, 1.0)
    assert np.isnan(made.between)
    draw_wall(made)


def test_values_that_are_not_finite_are_counted() -> None:
    x = X.copy()
    x[0, 0], x[1, 1] = np.nan, np.inf
    made = wall("bp", "layer-1", x, Y)
    assert made.broken == 2
    assert np.isfinite(made.between)
    assert np.isfinite(made.top)
    draw_wall(made)


def test_many_units_are_thinned_for_the_eye_only() -> None:
    x = np.tile(X, (1, 700))
    made = wall("bp", "layer-1", x, Y)
    assert made.activity.shape == (4, 1000)
    assert (made.units, made.dead) == (2800, 700)
    assert draw_wall(made).axes[0].get_xlabel() == "unit (1,000 of 2,800)"


@pytest.mark.parametrize(("classes", "shown"), [(10, 10), (62, 13)])
def test_class_names_stay_readable(classes: int, shown: int) -> None:
    labels = np.sort(np.arange(186) % classes)
    drawing = draw_wall(wall("bp", "layer-1", np.ones((186, 5)), labels))
    assert len(drawing.axes[0].get_yticks()) == shown


def test_classes_go_by_name_where_they_have_one() -> None:
    made = wall("bp", "layer-1", X, Y, classes=("T-shirt / top", "Bag"))
    ticks = [t.get_text() for t in draw_wall(made).axes[0].get_yticklabels()]
    assert ticks == ["T-shirt / ", "Bag"]
    ticks = [t.get_text() for t in draw_wall(wall("b", "l", X, Y)).axes[0].get_yticklabels()]
    assert ticks == ["0", "1"]


def test_walls_come_from_the_first_finished_repetition() -> None:
    plan = Plan(repetitions=2, units=30, items=40)
    store = study(plan, parts="m")
    found = read_walls(store, read_study(store).groups[0], most=2)
    assert list(found) == ["forward-forward", "bp-ff"]
    assert [w.layer for w in found["bp-ff"]] == list(LAYERS)
    assert all(w.repetition == 0 and w.activity.shape == (40, 30) for w in found["bp-ff"])


def _store(blob: bytes) -> MemoryStore:
    store = MemoryStore()
    store.add([RunSpec("x", "model", {"learner": {"name": "bp"}, "repetition": 0})])
    store.claim("t")
    store.append("x", "t", {"round": 0, "labels": 1}, {"walls.npz": blob})
    store.finish("x", "t")
    return store


def _npz(**arrays: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize(
    "blob",
    [
        b"no archive",
        _npz(labels=Y, layer=X)[:-30],
        _npz(layer=X),
        _npz(labels=Y, layer=X[:2]),
        _npz(labels=Y[:0], layer=X[:0]),
    ],
    ids=["text", "cut off", "no labels", "other length", "empty"],
)
def test_damaged_arrays_are_refused_with_the_run_named(blob: bytes) -> None:
    store = _store(blob)
    with pytest.raises(StoreError, match=r"activation walls .* run x; what to do"):
        read_walls(store, read_study(store).groups[0], most=9)
