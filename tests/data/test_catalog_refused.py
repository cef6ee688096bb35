"""What of a catalogue entry is refused, and what is read where there is no local copy."""

import string
from pathlib import Path

import numpy as np
import pytest

from pauca.data import load_dataset, resolve_options
from pauca.errors import DataError, PaucaError
from pauca.testing.datasets import check_dataset
from tests.data import small


@pytest.mark.parametrize("name", ["mnist", "svhn", "waterbirds", "banking77", "agnews"])
def test_without_copy_and_network_it_says_how_to_get_it(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(repo: str, config: str | None, split: str) -> None:
        raise ConnectionError(f"cannot reach {repo}")

    monkeypatch.setattr("pauca.data.rows.load_from_hub", refuse)
    with pytest.raises(DataError, match="hf download") as caught:
        load_dataset(name)
    assert f"PAUCA_DATA/{name}" in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_hub_is_read_when_there_is_no_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import ClassLabel, Features, Image, disable_progress_bars
    from datasets import Dataset as Table

    disable_progress_bars()
    features = Features(image=Image(), label=ClassLabel(names=list(string.digits)))
    asked = []

    def give(repo: str, config: str | None, split: str) -> Table:
        asked.append((repo, config, split))
        raw = [small.encoded(one) for one in small.pixels(5, 10, 32, 32, 3)]
        cells = {"image": [{"bytes": r, "path": None} for r in raw], "label": list(range(10))}
        return Table.from_dict(cells, features=features)

    monkeypatch.setattr("pauca.data.rows.load_from_hub", give)
    dataset = load_dataset("svhn")
    assert asked == [
        ("ufldl-stanford/svhn", "cropped_digits", "train"),
        ("ufldl-stanford/svhn", "cropped_digits", "test"),
    ]
    wanted = small.pixels(5, 10, 32, 32, 3).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(dataset.train.x.numpy(), wanted)
    assert dataset.source == "Hub: ufldl-stanford/svhn"
    check_dataset(dataset)


@pytest.mark.parametrize("name", ["emnist-byclass", "breakhis"])
def test_without_copy_the_folder_is_named(name: str, root: Path) -> None:
    with pytest.raises(DataError, match="is not in the data folder"):
        load_dataset(name)


def test_openml_without_copy_and_network(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", refuse)
    with pytest.raises(DataError, match=r"openml/31\.csv"):
        load_dataset("openml:31")


def test_local_copy_without_a_split(root: Path) -> None:
    small.hub_copy(root, "mnist", shape=(28, 28), classes=10, splits=("train",))
    with pytest.raises(DataError, match="no test part"):
        load_dataset("mnist")


def test_other_image_size_is_refused_with_the_row(root: Path) -> None:
    small.hub_copy(root, "mnist", shape=(28, 27), classes=10)
    with pytest.raises(DataError, match=r"28 x 27 and not 28 x 28"):
        load_dataset("mnist")


def test_broken_image_is_refused_with_the_row(root: Path) -> None:
    raw = [small.encoded(one) for one in small.pixels(0, 20, 28, 28)]
    raw[7] = raw[7][: len(raw[7]) // 2]
    raw[9] = b""
    for split in ("train", "test"):
        path = root / "mnist" / f"{split}-0.parquet"
        small.write_hub(path, raw, {"label": [i % 10 for i in range(20)]})
    with pytest.raises(DataError, match="4 images cannot be read") as caught:
        load_dataset("mnist")
    assert "row 7 of train-0.parquet" in str(caught.value)
    assert "row 9 of train-0.parquet (zero bytes)" in str(caught.value)
    assert "row 7 of test-0.parquet" in str(caught.value)


@pytest.mark.parametrize(("bad", "match"), [(10, "got: 10"), (-1, "got: -1"), (None, "got: None")])
def test_label_out_of_the_class_list(bad: int | None, match: str, root: Path) -> None:
    raw = [small.encoded(one) for one in small.pixels(0, 4, 28, 28)]
    small.write_hub(root / "mnist" / "train-0.parquet", raw, {"label": [0, 1, bad, 3]})
    small.write_hub(root / "mnist" / "test-0.parquet", raw, {"label": [0, 1, 2, 3]})
    with pytest.raises(DataError, match=match) as caught:
        load_dataset("mnist")
    assert "row 2" in str(caught.value)


def test_missing_image_column(root: Path) -> None:
    small.hub_copy(root, "mnist", shape=(28, 28), classes=10, image="picture")
    with pytest.raises(DataError, match="there is no column 'image'"):
        load_dataset("mnist")


def test_truncated_parquet(root: Path) -> None:
    small.hub_copy(root, "mnist", shape=(28, 28), classes=10)
    file = next((root / "mnist").glob("train*"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match="parquet file cannot be read") as caught:
        load_dataset("mnist")
    assert str(file) in str(caught.value)


def test_wrong_number_of_named_classes(root: Path) -> None:
    names = [f"n{i}" for i in range(3)]
    small.hub_copy(
        root, "tiny-imagenet", shape=(64, 64, 3), classes=3, splits=("train", "valid"), names=names
    )
    with pytest.raises(DataError, match="another number of classes"):
        load_dataset("tiny-imagenet")


@pytest.mark.parametrize(
    "name", ["openml:" + "9" * 5_000, "a" * 5_000, "a\0b", "openml:" + "9" * 18, "~nobody-here/x"]
)
def test_names_that_nothing_can_have_are_refused(name: str) -> None:
    with pytest.raises(PaucaError):
        resolve_options(name, {"nope": 1})
