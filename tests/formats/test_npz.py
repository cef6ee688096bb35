"""npz: what the arrays become, and files whose headers promise what is not there."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pauca.errors import DataError
from pauca.formats import Items, TextOptions, find_format
from pauca.formats.npz import read_arrays

X = np.arange(24, dtype=np.float64).reshape(8, 3)


def read(path: Path) -> Items:
    return find_format(path).read_items(path, TextOptions())


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_rows_labels_and_ids(tmp_path: Path) -> None:
    part = read(
        saved(tmp_path / "a.npz", x=X, y=np.arange(8)[:, None], ids=np.array(list("abcdefgh")))
    ).train
    assert part.array is not None
    np.testing.assert_array_equal(part.array, X)
    assert (part.label, part.id) == ("y", "ids")
    assert part.frame["y"].tolist() == list(range(8))
    assert part.frame["ids"].tolist() == list("abcdefgh")


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "float16", "float64"])
def test_rows_of_every_type_of_number_are_rows(kind: str, tmp_path: Path) -> None:
    part = read(saved(tmp_path / "a.npz", x=X.astype(kind))).train
    assert part.images is None
    assert part.array is not None
    assert part.array.dtype == kind


@pytest.mark.parametrize(
    "names",
    [
        ("x", "y", "x_test", "y_test"),
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_a_test_part(names: tuple[str, ...], tmp_path: Path) -> None:
    arrays = dict(zip(names, (X, np.arange(8), X[:2], np.arange(2)), strict=True))
    items = read(saved(tmp_path / "a.npz", **arrays))
    assert items.test is not None
    assert (items.train.n, items.test.n) == (8, 2)
    assert items.test.frame["y"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"a": X}, "holds no items.*got: a"),
        ({"x": X[0]}, "wrong form"),
        ({"x": np.array(["a", "b"])}, "wrong form"),
        ({"x": X, "y": np.zeros(7)}, "does not fit the items"),
        ({"x": X, "y": np.eye(8)}, "one-hot"),
        ({"x": np.zeros((0, 3))}, "wrong form"),
        ({"x": np.array([[1, "a"]], dtype=object)}, "object arrays"),
    ],
)
def test_refused(arrays: dict[str, Any], match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        read(saved(tmp_path / "a.npz", **arrays))


def forged(path: Path, header: str, body: bytes = b"", compression: int = 0) -> Path:
    raw = io.BytesIO()
    raw.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + body)
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("x.npy", raw.getvalue())
    return path


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 9999), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 3, }\n",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }\n",
        "__import__('os').system('true')\n",
        "{" * 9000,
        "",
    ],
)
def test_forged_headers_are_refused_before_memory_is_taken(header: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.npz") as caught:
        read_arrays(forged(tmp_path / "a.npz", header, b"\0" * 64))
    assert caught.value.todo


def test_a_member_that_promises_more_than_memory_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", x=X)
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 20 : at + 28] = b"\xfe\xff\xff\xff" * 2  # 4 GiB, eight times over
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"a\.npz"):
        read_arrays(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_broken_streams_of_every_compression(compression: int, tmp_path: Path) -> None:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (8, 3), }\n"
    path = forged(tmp_path / "a.npz", header, X.tobytes(), compression)
    assert read_arrays(path)["x"].shape == (8, 3)
    raw = bytearray(path.read_bytes())
    raw[60:90] = b"\xff" * 30
    path.write_bytes(raw)
    with pytest.raises(DataError, match="cannot be read"):
        read_arrays(path)
