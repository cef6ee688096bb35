import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pauca.data import load_dataset, resolve_options
from pauca.errors import DataError
from pauca.testing.datasets import check_dataset
from tests.data import small

Y = np.arange(20) % 2


@pytest.mark.parametrize(
    "shape", [(20, 5, 6), (20, 5, 6, 1), (20, 1, 5, 6), (20, 5, 6, 3), (20, 3, 5, 6)]
)
def test_images(shape: tuple[int, ...], tmp_path: Path) -> None:
    x = small.pixels(0, *shape)
    np.savez(tmp_path / "a.npz", x=x, y=Y)
    dataset = load_dataset(tmp_path / "a.npz", test_fraction=0)
    check_dataset(dataset)
    wanted = x.reshape(20, 1, 5, 6) if x.size == 600 else x
    if x.ndim == 4 and x.shape[-1] == 3:
        wanted = x.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(dataset.train.x.numpy(), wanted)
    assert dataset.train.y is not None
    assert dataset.train.y.tolist() == Y.tolist()


def test_vectors_are_an_embedding_with_a_held_out_part(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(5, 3, (20, 4))
    np.savez_compressed(tmp_path / "a.npz", x=x, y=np.array(["cat", "dog"])[Y])
    dataset = load_dataset(tmp_path / "a.npz")
    check_dataset(dataset)
    assert dataset.kind == "embedding"
    assert dataset.classes == ("cat", "dog")
    assert dataset.test is not None
    assert len(dataset.test) == 4
    assert dataset.task.evaluate(dataset.train.x, None).mean(0).abs().max() < 1e-6


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_files_with_a_test_part(names: tuple[str, ...], tmp_path: Path) -> None:
    parts = (small.pixels(0, 20, 4, 4), Y[:, None], small.pixels(1, 6, 4, 4), Y[:6, None])
    arrays: dict[str, Any] = dict(zip(names, parts, strict=True))
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = load_dataset(tmp_path / "a.npz", classes=["normal", "pneumonia"])
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (20, 6)
    assert dataset.classes == ("normal", "pneumonia")
    check_dataset(dataset)


def test_without_labels_it_is_a_pool(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=small.pixels(0, 7, 4, 4))
    dataset = load_dataset(tmp_path / "a.npz")
    assert dataset.train.y is None
    assert dataset.test is None


def _bad(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(x)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"x": _bad([[1.0, 2.0], [np.nan, 1.0]]), "y": _bad([0, 1])}, r"NaN.*row 1, column 0"),
        ({"x": small.pixels(0, 4, 3, 3), "y": _bad([0, 0, 0, 0])}, "only one class"),
        ({"x": small.pixels(0, 4, 3, 3), "y": _bad([0, 1])}, "does not fit"),
        ({"x": small.pixels(0, 4, 5, 5, 2), "y": _bad([0, 1, 0, 1])}, "channels"),
        ({"x": _bad([1, 2, 3])}, "wrong form"),
        ({"images": small.pixels(0, 4, 3, 3)}, "holds no items"),
        ({"x": np.array([{"a": 1}, None], dtype=object)}, "object arrays"),
        ({"x": small.pixels(0, 4, 3, 3), "y": _bad([0.5, 0.25, 2.5, 1])}, "regression"),
    ],
)
def test_broken_arrays(arrays: dict[str, Any], match: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=match):
        load_dataset(tmp_path / "a.npz")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "a.npz", x=np.array([Trap(), Trap()], dtype=object))
    with pytest.raises(DataError, match="object arrays"):
        load_dataset(tmp_path / "a.npz")
    assert not (tmp_path / "sprung").exists()


def test_truncated_and_empty_and_foreign(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=small.pixels(0, 20, 9, 9), y=Y)
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"PK\x03\x04" + bytes(30), b"hello"):
        path.write_bytes(broken)
        with pytest.raises(DataError) as caught:
            load_dataset(path)
        assert str(path) in str(caught.value)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", whole[200:400])
    with pytest.raises(DataError):
        load_dataset(path)


def test_a_label_outside_the_class_list(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=small.pixels(0, 3, 3, 3), y=[0, 1, 2])
    with pytest.raises(DataError, match=r"not in the class list.*row 2"):
        load_dataset(tmp_path / "a.npz", classes=["a", "b"])


def test_an_array_beside_the_items_names_their_groups(tmp_path: Path) -> None:
    x, patients = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) // 4 % 5
    np.savez(tmp_path / "a.npz", x=x, y=Y, patient=patients, other=np.arange(3))
    dataset = load_dataset(tmp_path / "a.npz", group="patient")
    assert dataset.train.groups is not None
    assert dataset.test is not None
    assert dataset.test.groups is not None
    assert not set(dataset.train.groups.tolist()) & set(dataset.test.groups.tolist())
    assert "arrays that are not used: other" in dataset.notes
    assert "not used: 'patient'" in load_dataset(tmp_path / "a.npz").notes


def test_groups_leave_the_ids_of_earlier_studies_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((20, 4)), y=Y)
    assert "group" not in resolve_options(tmp_path / "a.npz", {})
    assert resolve_options(tmp_path / "a.npz", {"group": "patient"})["group"] == "patient"
