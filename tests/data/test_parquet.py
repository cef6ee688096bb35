from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pauca.data import load_dataset
from pauca.errors import DataError
from pauca.testing.datasets import check_dataset
from tests.data import small


def test_images_with_named_classes(tmp_path: Path) -> None:
    x = small.pixels(0, 20, 6, 7, 3)
    path = tmp_path / "a.parquet"
    raw = [small.encoded(one) for one in x]
    y = [i % 2 for i in range(20)]
    small.write_hub(path, raw, {"label": y}, names={"label": ["cat", "dog"]})
    dataset = load_dataset(path)
    check_dataset(dataset)
    assert dataset.classes == ("cat", "dog")
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    stored = {one.transpose(2, 0, 1).tobytes(): label for one, label in zip(x, y, strict=True)}
    for split in (dataset.train, dataset.test):
        assert split.y is not None
        for one, label in zip(split.x, split.y.tolist(), strict=True):
            assert stored[one.numpy().tobytes()] == label


def test_a_folder_as_on_the_hub(tmp_path: Path) -> None:
    for split, n in (("train", 8), ("validation", 4)):
        raw = [small.encoded(one) for one in small.pixels(n, n, 5, 5)]
        for shard in range(2):
            half = slice(shard * n // 2, (shard + 1) * n // 2)
            path = tmp_path / "data" / f"{split}-{shard:05}-of-00002.parquet"
            small.write_hub(path, raw[half], {"label": ["a", "b"] * (n // 4)})
    dataset = load_dataset(tmp_path)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (8, 4)
    np.testing.assert_array_equal(dataset.train.x[:, 0].numpy(), small.pixels(8, 8, 5, 5))
    check_dataset(dataset)


def test_plain_bytes_mixed_sizes_and_no_labels(tmp_path: Path) -> None:
    raw = [small.encoded(small.pixels(i, 5 + i, 9)) for i in range(4)]
    pq.write_table(pa.table({"photo": pa.array(raw)}), tmp_path / "a.parquet")
    dataset = load_dataset(tmp_path / "a.parquet", size=4)
    assert dataset.task.shape == (1, 4, 4)
    assert dataset.train.y is None
    assert any("4 sizes" in note for note in dataset.notes)


def test_broken_images_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    raw = [small.encoded(one) for one in small.pixels(0, 4, 5, 5)]
    small.write_hub(path, [raw[0], b"no image", raw[2], b""], {"label": [0, 1, 0, 1]})
    with pytest.raises(DataError, match=r"2 images.*row 1 of a\.parquet \(not an image\)"):
        load_dataset(path)
    small.write_hub(path, raw, {"label": [0, 1, 0, 1]})
    with pytest.raises(DataError, match="no column 'picture'"):
        load_dataset(path, image="picture")
    with pytest.raises(DataError, match="no column 'kind'"):
        load_dataset(path, label="kind")
    pq.write_table(pa.table({"a": [1.0, 2.0], "label": [0, 1]}), path)
    with pytest.raises(DataError, match="no column of images"):
        load_dataset(path, size=8)
