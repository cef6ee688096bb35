"""Data in memory: every kind of container, by the rules that files are read by."""

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_iris
from sklearn.utils import Bunch

import pauca
from pauca.data import Dataset, dataset_from, load_dataset
from pauca.errors import DataError, InputError, PaucaError, UnknownNameError
from pauca.testing.datasets import check_dataset
from tests.data import small

X = np.random.default_rng(0).normal(5, 3, (40, 4))
Y = ["cat", "dog"] * 20


def same(left: Dataset, right: Dataset) -> bool:
    assert left.test is not None
    assert right.test is not None
    pairs = [(left.train.x, right.train.x), (left.test.x, right.test.x)]
    return left.classes == right.classes and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "x",
    [X, torch.from_numpy(X), X.tolist(), tuple(map(tuple, X.tolist())), np.asfortranarray(X)],
    ids=["array", "tensor", "lists", "tuples", "fortran"],
)
def test_rows_of_every_container_are_the_rows_of_a_file(x: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=np.array(Y))
    made = dataset_from(x, Y)
    check_dataset(made)
    assert same(made, load_dataset(tmp_path / "a.npz"))


def test_a_memory_map_and_labels_of_every_container() -> None:
    expected = dataset_from(X, Y)
    for y in (np.array(Y), pd.Series(Y), tuple(Y), np.array(Y)[:, None]):
        assert same(dataset_from(X, y), expected)
    numbers = [0, 1] * 20
    for whole in (numbers, torch.tensor(numbers), np.array(numbers, dtype=np.uint8)):
        assert dataset_from(X, whole).classes == ("0", "1")


def test_a_frame_is_read_as_a_csv_file_is(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(label=Y)
    frame.to_csv(tmp_path / "a.csv")  # with the row numbers that are left out
    assert same(dataset_from(frame), load_dataset(tmp_path / "a.csv"))
    assert same(dataset_from(frame.drop(columns="label"), Y), dataset_from(frame, "label"))


def test_texts_are_words() -> None:
    texts = [f"good morning {i}" if i % 2 else f"bad news {i}" for i in range(40)]
    for x in (texts, pd.Series(texts), np.array(texts, dtype=object).tolist()):
        made = dataset_from(x, Y)
        assert made.kind == "text"
        assert made.train.sources is not None
        assert set(made.train.sources) < set(texts)


def test_a_data_set_of_the_hub() -> None:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    images = [Image.fromarray(pixels) for pixels in small.pixels(0, 20, 6, 6, 3)]
    hub = datasets.Dataset.from_dict({"image": images, "label": [0, 1] * 10}, features=features)
    made = dataset_from(datasets.DatasetDict({"train": hub, "test": hub.select(range(4))}))
    check_dataset(made)
    assert (made.kind, made.classes, len(made.train)) == ("image", ("cat", "dog"), 20)
    assert made.test is not None
    assert torch.equal(made.test.x, made.train.x[:4])
    np.testing.assert_array_equal(made.train.x[3].numpy().transpose(1, 2, 0), np.asarray(images[3]))
    assert any("4 of 4 items of the test part stand in training too" in n for n in made.notes)
    with pytest.raises(InputError, match="stream of rows"):
        dataset_from(hub.to_iterable_dataset())


def test_a_bunch_names_its_classes() -> None:
    for as_frame in (False, True):
        made = dataset_from(load_iris(as_frame=as_frame))
        assert made.classes == ("setosa", "versicolor", "virginica")
    with pytest.raises(InputError, match=r"holds no items.*target"):
        dataset_from(Bunch(target=[1]))


def test_pictures_in_a_list_keep_their_pixels() -> None:
    grey = [Image.fromarray(pixels) for pixels in small.pixels(0, 8, 5, 5)]
    made = dataset_from(grey, Y[:8], test_fraction=0)
    np.testing.assert_array_equal(made.train.x[:, 0].numpy(), np.stack(list(map(np.asarray, grey))))
    deep = [Image.fromarray(p.astype(np.uint16) * 16) for p in small.pixels(0, 8, 5, 5)]
    assert len(set(dataset_from(deep, Y[:8], test_fraction=0).train.x.flatten().tolist())) > 50


@pytest.mark.parametrize("shape", [(20, 5, 6, 4), (20, 4, 5, 6), (20, 5, 6, 3)])
def test_images_of_floats_and_of_four_channels_are_learned_from(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random(shape)
    made = dataset_from(x, Y[:20], test_fraction=0)
    check_dataset(made)
    assert (made.kind, made.train.x.dtype) == ("image", torch.float32)
    learner = pauca.make_learner("backprop", task=made.task, net="mlp", steps=2)
    assert made.train.y is not None
    learner.fit(made.train.x, made.train.y, generator=torch.Generator().manual_seed(0))
    assert learner.predict(made.train.x).shape == (20,)


def test_three_axes_have_to_be_named() -> None:
    x = np.random.default_rng(0).normal(size=(20, 7, 3))
    with pytest.raises(InputError, match=r"grey images or sequences.*kind"):
        dataset_from(x, Y[:20])
    made = dataset_from(x, Y[:20], kind="sequence")
    check_dataset(made)
    assert (made.kind, made.task.shape) == ("sequence", (7, 3))
    whole = made.task.evaluate(made.train.x, None)
    assert whole.mean((0, 1)).abs().max() < 1e-5
    for name in ("probe", "backprop"):
        settings: dict[str, Any] = {"net": "mlp", "steps": 2} if name == "backprop" else {}
        learner = pauca.make_learner(name, task=made.task, **settings)
        assert made.train.y is not None
        learner.fit(made.train.x, made.train.y, generator=torch.Generator().manual_seed(0))
        assert learner.predict(made.train.x).shape == (16,)
    assert dataset_from(x, Y[:20], kind="image").task.shape == (1, 7, 3)


def test_groups_stay_whole_and_copies_are_said() -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(label=Y, who=[i // 4 for i in range(40)])
    made = dataset_from(frame, group="who")
    assert made.test is not None
    assert made.train.groups is not None
    assert made.test.groups is not None
    assert not set(made.train.groups.tolist()) & set(made.test.groups.tolist())
    twice = np.repeat(X[:10], 4, 0)
    said = dataset_from(twice, np.repeat(Y[:10], 4)).notes
    assert any("stand in training too" in note for note in said)
    apart = dataset_from(twice, np.repeat(Y[:10], 4), copies="together")
    assert apart.test is not None
    seen = {tuple(row) for row in apart.train.x.tolist()}
    assert not any(tuple(row) in seen for row in apart.test.x.tolist())


def test_a_test_part_of_ones_own() -> None:
    made = dataset_from(X[:30], Y[:30], x_test=X[30:], y_test=Y[30:])
    assert made.test is not None
    assert (len(made.train), len(made.test)) == (30, 10)


@pytest.mark.parametrize(
    ("x", "y", "match"),
    [
        ({1.0, 2.0}, None, "no order"),
        (X, {"cat", "dog"}, "have no order"),
        (X, Y[:39], "do not fit"),
        (None, None, "wrong form|no array"),
        ("text", None, "holds no items"),
        (X[0], None, "wrong form"),
        ([], None, "wrong form"),
        (object(), None, "wrong form|no array"),
        ([[1.0], [1.0, 2.0]], None, "no array"),
        (np.array([[1 + 2j]]), None, "wrong form"),
        (np.where(X > 4, np.nan, X), Y, "NaN or infinite"),
    ],
)
def test_what_is_refused_is_refused_in_words(x: Any, y: Any, match: str) -> None:
    with pytest.raises(PaucaError, match=match) as caught:
        dataset_from(x, y)
    assert caught.value.todo


def test_options_are_checked_and_labels_are_of_one_class() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'test_fraction'"):
        dataset_from(X, Y, test_fracton=0.1)
    with pytest.raises(DataError, match="multi-label"):
        dataset_from(X, [["a", "b"]] * 40)
    with pytest.raises(DataError, match="regression"):
        dataset_from(X, X[:, 0])
    half = dataset_from(X, [None if i % 2 else "ab"[i % 4 // 2] for i in range(40)])
    assert any("20 of 40 items have no label" in note for note in half.notes)


def test_images_are_encoded_without_loss() -> None:
    file = io.BytesIO()
    Image.fromarray(small.pixels(1, 9, 9)).save(file, "PNG")
    with Image.open(file) as image:
        made = dataset_from([image, image], ["a", "b"], test_fraction=0)
    np.testing.assert_array_equal(made.train.x[0, 0].numpy(), small.pixels(1, 9, 9))
