"""Some 1,800 calls with data in memory of the wrong kind: each is taken, or refused in words."""

import datetime
import decimal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from datasets import Dataset, DatasetDict, Features, Image, IterableDataset, Value
from PIL import Image as Pictures
from sklearn.utils import Bunch

import pauca
from pauca.data.load import options_of
from pauca.formats import formats_with
from pauca.testing.malformed import WRONG
from tests.malformed.conftest import TallyOf

N = 12
Make = Callable[[], Any]
LABELS = ["a", "b"] * 6


class Odd:
    """An object that is nothing in particular."""


class Raising:
    """Says that it is an array, and is none."""

    def __array__(self, *args: Any, **more: Any) -> Any:
        raise KeyError("no array")

    def __len__(self) -> int:
        return N


class Polars:
    """A frame of a library that is not installed."""

    columns = ("a", "b")

    def __len__(self) -> int:
        return N


Polars.__module__, Polars.__qualname__, Polars.__name__ = (
    "polars.dataframe",
    "DataFrame",
    "DataFrame",
)


def rows(d: int = 3) -> Any:
    return np.random.default_rng(0).normal(size=(N, d))


def bytes_of_pictures(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def frame(**more: Any) -> pd.DataFrame:
    return pd.DataFrame({"v": np.linspace(0, 1, N) ** 2, "label": LABELS, **more})


def hub(**columns: Any) -> Dataset:
    return Dataset.from_dict({"label": [0, 1] * 6, **columns})


def pictures() -> list[Any]:
    modes = ("L", "RGB", "RGBA", "P", "1", "LA", "I", "F", "CMYK", "YCbCr", "HSV", "I;16")
    return [Pictures.new(mode, (6, 6)) for mode in modes]


def recursive() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made * N


NUMBERS: dict[str, Make] = {
    "NaN": lambda: np.full((N, 3), np.nan),
    "one NaN": lambda: np.where(np.arange(N * 3).reshape(N, 3) == 4, np.nan, rows()),
    "infinite": lambda: np.full((N, 3), np.inf),
    "huge": lambda: np.full((N, 3), 1e308) * np.linspace(-1, 1, N)[:, None],
    "tiny": lambda: np.full((N, 3), 5e-324) * np.arange(N)[:, None],
    "constant": lambda: np.ones((N, 3)),
    "float16": lambda: rows().astype(np.float16),
    "float128": lambda: rows().astype(np.longdouble),
    "float128, out of range": lambda: rows().astype(np.longdouble) * np.longdouble("1e400"),
    "big-endian": lambda: rows().astype(">f8"),
    "Fortran order": lambda: np.asfortranarray(rows()),
    "negative strides": lambda: rows()[::-1, ::-1],
    "read only": lambda: np.broadcast_to(rows()[:1], (N, 3)),
    "uint64": lambda: np.arange(N * 3, dtype=np.uint64).reshape(N, 3) + 2**63,
    "int64 at its ends": lambda: np.tile(np.array([-(2**63), 2**63 - 1]), N).reshape(N, 2),
    "bool": lambda: rows() > 0,
    "complex": lambda: rows() + 1j,
    "datetimes": lambda: np.arange(N * 2).reshape(N, 2).astype("M8[s]"),
    "not a time": lambda: np.full((N, 2), np.datetime64("NaT")),
    "spans": lambda: np.arange(N * 2).reshape(N, 2).astype("m8[D]"),
    "texts": lambda: np.array([["a", "b"]] * N),
    "strings": lambda: np.array([["a", "b"]] * N, dtype=np.dtypes.StringDType()),
    "bytes": lambda: np.array([[b"a", b"b"]] * N),
    "numbers as texts": lambda: np.array([["1", "2.5"]] * N),
    "structured": lambda: np.zeros(N, dtype=[("a", "f4"), ("b", "i4")]),
    "record array": lambda: np.rec.array(np.zeros(N, dtype=[("a", "f4"), ("b", "i4")])),
    "void": lambda: np.zeros((N, 2), dtype="V8"),
    "objects": lambda: np.array([[None, Odd()]] * N, dtype=object),
    "numbers as objects": lambda: rows().astype(object),
    "mixed objects": lambda: np.array([[1, "a", None]] * N, dtype=object),
    "objects of arrays": lambda: np.array([rows(), rows()[:4], None], dtype=object),
    "masked": lambda: np.ma.masked_greater(rows(), 1.0),
    "all masked": lambda: np.ma.masked_array(rows(), True),
    "matrix": lambda: np.asmatrix(rows()),
    "no dimension": lambda: np.array(3.0),
    "one dimension": lambda: np.arange(N),
    "one dimension of texts": lambda: np.array(["a text", "and more"] * 6),
    "one dimension of objects": lambda: np.array(["a text", None] * 6, dtype=object),
    "three dimensions": lambda: np.zeros((N, 3, 4)),
    "five dimensions": lambda: np.zeros((N, 3, 4, 4, 2)),
    "many dimensions": lambda: np.zeros((1,) * 40),
    "no rows": lambda: np.zeros((0, 3)),
    "no columns": lambda: np.zeros((N, 0)),
    "one row": lambda: np.ones((1, 3)),
    "one column": lambda: rows(1),
    "pictures": lambda: bytes_of_pictures(N, 6, 6),
    "pictures of 2 channels": lambda: bytes_of_pictures(N, 6, 6, 2),
    "pictures of 5 channels": lambda: bytes_of_pictures(N, 6, 6, 5),
    "pictures with channels anywhere": lambda: bytes_of_pictures(N, 3, 3, 3),
    "pictures of NaN": lambda: np.full((N, 4, 4, 3), np.nan),
    "pictures of one NaN": lambda: np.where(
        np.arange(N * 48).reshape(N, 4, 4, 3) == 100, np.nan, 0.5
    ),
    "pictures of infinity": lambda: np.full((N, 3, 4, 4), -np.inf),
    "pictures of complex": lambda: np.zeros((N, 4, 4, 3), dtype=complex),
    "pictures of objects": lambda: np.full((N, 4, 4, 3), None),
    "pictures without pixels": lambda: np.zeros((N, 0, 4, 3), dtype=np.uint8),
    "pictures of huge numbers": lambda: np.linspace(-8e307, 8e307, N * 48).reshape(N, 4, 4, 3),
    "pictures of float16": lambda: np.full((N, 4, 4, 3), 6e4, dtype=np.float16),
    "pictures of int64": lambda: np.full((N, 4, 4, 3), 2**63 - 1),
    "a promised terabyte": lambda: np.broadcast_to(np.float32(0), (2**20, 2**20)),
    "a promised picture": lambda: np.broadcast_to(np.uint8(0), (4, 2**20, 2**20)),
    "an array that is none": Raising,
}  # fmt: skip
TENSORS: dict[str, Make] = {
    "tensor": lambda: torch.from_numpy(rows()),
    "with a gradient": lambda: torch.from_numpy(rows()).requires_grad_(),
    "without numbers": lambda: torch.zeros(N, 3, device="meta"),
    "sparse": lambda: torch.eye(N).to_sparse(),
    "sparse rows": lambda: torch.eye(N).to_sparse_csr(),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(N, 3), 0.1, 0, torch.quint8),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "complex tensor": lambda: torch.ones(N, 3, dtype=torch.complex64),
    "conjugate": lambda: torch.ones(N, 3, dtype=torch.complex64).conj(),
    "negative": lambda: torch.ones(N, 3, dtype=torch.complex64).conj().imag,
    "bfloat16": lambda: torch.ones(N, 3, dtype=torch.bfloat16),
    "float8": lambda: torch.ones(N, 3).to(torch.float8_e4m3fn),
    "bool tensor": lambda: torch.ones(N, 3, dtype=torch.bool),
    "scalar tensor": lambda: torch.tensor(0.5),
    "pictures of bfloat16": lambda: torch.zeros(N, 3, 4, 4, dtype=torch.bfloat16),
    "expanded": lambda: torch.zeros(1).expand(2**40, 8),
    "parameter": lambda: torch.nn.Parameter(torch.ones(N, 3)),
    "module": torch.nn.Identity,
    "loader": lambda: torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.ones(N, 3)), generator=torch.Generator()
    ),
    "torch data set": lambda: torch.utils.data.TensorDataset(torch.ones(N, 3)),
}
LISTS: dict[str, Make] = {
    "ragged": lambda: [[1.0, 2.0], [1.0]] * 6,
    "ragged deep": lambda: [[[1.0], [2.0, 3.0]]] * N,
    "rows": lambda: rows().tolist(),
    "rows of texts": lambda: [["a", "b"]] * N,
    "rows of None": lambda: [[None, 1.0]] * N,
    "rows with a word": lambda: [[1.0, "a"]] * N,
    "texts": lambda: ["a text of words", "and another one"] * 6,
    "a text that is empty": lambda: ["a text of words", ""] * 6,
    "a text that is None": lambda: ["a text of words", None] * 6,
    "a text that is a number": lambda: ["a text of words", 3] * 6,
    "a text that is bytes": lambda: ["a text of words", b"and bytes"] * 6,
    "a text that is a list": lambda: ["a text of words", ["and", "a list"]] * 6,
    "texts of half a character": lambda: ["a \ud800 text", "another one"] * 6,
    "texts of control characters": lambda: ["\0\x1b[2J", "\u202e"] * 6,
    "all empty": lambda: [""] * N,
    "bytes in a list": lambda: [b"\x89PNG", b"text"] * 6,
    "None in a list": lambda: [None] * N,
    "numbers in a list": lambda: list(range(N)),
    "truth in a list": lambda: [True, False] * 6,
    "huge numbers": lambda: [[10**400, 1]] * N,
    "decimals": lambda: [[decimal.Decimal("1.5"), decimal.Decimal("NaN")]] * N,
    "dates": lambda: [[datetime.date(2024, 1, 1)]] * N,
    "objects in a list": lambda: [Odd()] * N,
    "arrays": lambda: [rows()[0]] * N,
    "arrays of other lengths": lambda: [np.zeros(i + 1) for i in range(N)],
    "arrays of pictures": lambda: [bytes_of_pictures(6, 6, 3)] * N,
    "arrays of pictures of other sizes": lambda: [bytes_of_pictures(4 + i, 6, 3) for i in range(N)],
    "tensors": lambda: [torch.ones(3)] * N,
    "tensors without numbers": lambda: [torch.ones(3, device="meta")] * N,
    "frames": lambda: [frame()] * 2,
    "dicts": lambda: [{"v": i / 7, "w": i % 3, "label": "ab"[i % 2]} for i in range(N)],
    "dicts of other keys": lambda: [{"v": i / 7, f"w{i}": 1.0} for i in range(N)],
    "dicts with None": lambda: [{"v": i / 7, "label": "ab"[i % 2]} for i in range(N - 1)] + [None],
    "dicts, nested": lambda: [{"v": {"w": [i]}, "label": "ab"[i % 2]} for i in range(N)],
    "dicts without keys": lambda: [{}] * N,
    "dicts with odd keys": lambda: [{1: 2.0, None: 1, ("a",): i} for i in range(N)],
    "dicts whose keys collide": lambda: [{1: 2.0, "1": i} for i in range(N)],
    "dicts and rows": lambda: [{"v": 1.0}, [1.0]] * 6,
    "dicts of texts": lambda: [{"text": f"words {i}", "label": "ab"[i % 2]} for i in range(N)],
    "dicts of pictures": lambda: [{"image": Pictures.new("L", (4, 4))}] * N,
    "PIL images of all modes": pictures,
    "PIL images": lambda: [Pictures.new("RGB", (6, 6), (i, i, i)) for i in range(N)],
    "PIL images and None": lambda: [Pictures.new("RGB", (6, 6)), None] * 6,
    "PIL images and texts": lambda: [Pictures.new("RGB", (6, 6)), "a"] * 6,
    "PIL images without pixels": lambda: [Pictures.new("RGB", (0, 6))] * N,
    "PIL images of other sizes": lambda: [Pictures.new("RGB", (6 + i, 6)) for i in range(N)],
    "itself": recursive,
    "empty": list,
    "nested empty": lambda: [[]] * N,
    "tuple": lambda: tuple(map(tuple, rows())),
    "set": lambda: {1, 2},
    "frozen set": lambda: frozenset({"a"}),
    "mapping": lambda: {"a": [1, 2], "b": [3, 4]},
    "keys": lambda: {0: 1}.keys(),
    "values": lambda: {0: [1.0]}.values(),
    "generator": lambda: ([1.0, 2.0] for _ in range(N)),
    "iterator of texts": lambda: iter(["a", "b"]),
    "range": lambda: range(N),
    "map": lambda: map(str, range(N)),
    "zip": lambda: zip([1], [2], strict=True),
    "text": lambda: "a text",
    "a path": lambda: "digits",
    "bytes": lambda: b"abc",
    "bytearray": lambda: bytearray(b"abc"),
    "memory view": lambda: memoryview(rows()),
    "object": Odd,
    "class": lambda: Odd,
    "function": lambda: rows,
    "image alone": lambda: Pictures.new("L", (4, 4)),
    "NotImplemented": lambda: NotImplemented,
    "Ellipsis": lambda: ...,
    "date": lambda: datetime.date(2024, 1, 1),
}
FRAMES: dict[str, Make] = {
    "frame": frame,
    "no rows": lambda: frame()[:0],
    "no columns": lambda: pd.DataFrame(index=range(N)),
    "labels alone": lambda: frame()[["label"]],
    "columns twice": lambda: pd.concat([frame(), frame()], axis=1),
    "names of columns that collide": lambda: pd.DataFrame({1: [1.5] * N, "1": [2.5] * N}),
    "levels of columns": lambda: pd.concat({"a": frame(), "b": frame()}, axis=1),
    "levels of rows": lambda: frame().set_index(["label", "v"]),
    "rows named twice": lambda: frame().set_index(pd.Index([0] * N)),
    "rows named as a column": lambda: frame().set_index(pd.Index(range(N), name="v")),
    "index of dates": lambda: frame().set_index(pd.date_range("2024", periods=N)),
    "names of columns of numbers": lambda: pd.DataFrame(rows()),
    "names of columns of None": lambda: pd.DataFrame(rows(), columns=[None, "a", np.nan]),
    "names of columns of odd texts": lambda: pd.DataFrame(rows(), columns=["", "\0", "é" * 5000]),
    "names of columns of half a character": lambda: pd.DataFrame(
        rows(), columns=pd.Index(["\ud800", "b", "c"], dtype=object)
    ),
    "categories": lambda: frame(c=pd.Categorical(list("xyz") * 4)),
    "categories as labels": lambda: frame(label=pd.Categorical(LABELS, list("abcd"))),
    "categories of intervals": lambda: frame(c=pd.cut(np.arange(N), 3)),
    "categories of numbers": lambda: frame(c=pd.Categorical([1, 2, None] * 4)),
    "nullable whole": lambda: frame(c=pd.array([1, 7, None] * 4, dtype="Int64")),
    "nullable floats": lambda: frame(c=pd.array([1.5, 7, None] * 4, dtype="Float64")),
    "nullable truth": lambda: frame(c=pd.array([True, False, None] * 4, dtype="boolean")),
    "nullable texts": lambda: frame(c=pd.array(["u", "v", None] * 4, dtype="string")),
    "nullable labels": lambda: frame(label=pd.array([0, 1, None] * 4, dtype="Int64")),
    "periods": lambda: frame(c=pd.period_range("2024-01", periods=N, freq="M")),
    "intervals": lambda: frame(c=pd.interval_range(0, N)),
    "sparse": lambda: frame(c=pd.arrays.SparseArray([0, 0, 1.5] * 4)),
    "dates": lambda: frame(c=pd.date_range("2024", periods=N)),
    "dates with a zone": lambda: frame(c=pd.date_range("2024", periods=N, tz="Asia/Tokyo")),
    "spans of time": lambda: frame(c=pd.to_timedelta(np.arange(N), unit="h")),
    "dates as labels": lambda: frame(label=pd.date_range("2024", periods=N)),
    "not a time": lambda: frame(c=[pd.NaT] * N),
    "missing": lambda: frame(c=[pd.NA] * N),
    "missing as label": lambda: frame(label=[pd.NA, "a", "b"] * 4),
    "complex": lambda: frame(c=np.arange(N) * 1j),
    "lists": lambda: frame(c=[[1, 2.5]] * N),
    "lists of other lengths": lambda: frame(c=[[1.5] * (i % 3) for i in range(N)]),
    "sets": lambda: frame(c=[{1, 2}] * N),
    "dicts": lambda: frame(c=[{"a": 1}] * N),
    "objects": lambda: frame(c=[Odd() for _ in range(N)]),
    "frames in cells": lambda: frame(c=[frame()] * N),
    "arrays in cells": lambda: frame(c=[np.arange(2) + i for i in range(N)]),
    "tensors in cells": lambda: frame(c=[torch.ones(2) * i for i in range(N)]),
    "decimals": lambda: frame(c=[decimal.Decimal(i) / 7 for i in range(N)]),
    "huge numbers": lambda: frame(c=[10**400 + i for i in range(N)]),
    "bytes": lambda: frame(c=[b"\xff\0"] * N),
    "pictures in cells": lambda: frame(c=[Pictures.new("L", (4, 4))] * N),
    "labels of lists": lambda: frame(label=[["a"], ["a", "b"]] * 6),
    "labels of dicts": lambda: frame(label=[{"a": 1}, {}] * 6),
    "labels of objects": lambda: frame(label=[Odd(), None] * 6),
    "labels of huge numbers": lambda: frame(label=[10**400, 10**401] * 6),
    "labels of long numbers": lambda: frame(label=[10**5000, 1] * 6),
    "labels of bytes": lambda: frame(label=[b"a", b"\xff"] * 6),
    "labels of truth and None": lambda: frame(label=[True, False, None] * 4),
    "labels of NaN": lambda: frame(label=[np.nan] * N),
    "labels of infinity": lambda: frame(label=[np.inf, 1.0] * 6),
    "series": lambda: pd.Series(np.arange(N) / 7),
    "series of texts": lambda: pd.Series(["a text", "more of it"] * 6),
    "series of lists": lambda: pd.Series([[1.5, 2.0]] * N),
    "series of None": lambda: pd.Series([None] * N),
    "index": lambda: pd.Index(range(N)),
    "groups": lambda: frame().groupby("label"),
    "column of texts": lambda: pd.DataFrame({"text": ["a text"] * N, "label": LABELS}),
    "column of texts with None": lambda: pd.DataFrame({"text": ["a text", None] * 6}),
    "column of texts with numbers": lambda: pd.DataFrame({"text": ["a text", 3.5] * 6}),
    "Arrow": lambda: __import__("pyarrow").Table.from_pandas(frame()),
    "Arrow with names twice": lambda: __import__("pyarrow").table([[1.5] * N] * 2, names=["a"] * 2),
    "Arrow array": lambda: __import__("pyarrow").array(range(N)),
    "another library": Polars,
}  # fmt: skip
HUBS: dict[str, Make] = {
    "data set": lambda: hub(v=[float(i * i) for i in range(N)]),
    "no rows": lambda: hub(v=[1.5] * N).select([]),
    "no columns": lambda: Dataset.from_dict({}),
    "nested": lambda: hub(v=[{"a": {"b": [i]}} for i in range(N)]),
    "lists of lists": lambda: hub(v=[[[i]] for i in range(N)]),
    "None": lambda: hub(v=[None] * N),
    "texts": lambda: hub(text=[f"words {i}" for i in range(N)]),
    "texts with None": lambda: hub(text=["words", None] * 6),
    "labels of lists": lambda: Dataset.from_dict({"text": ["a b"] * N, "label": [[0], [0, 1]] * 6}),
    "dates": lambda: hub(v=[datetime.datetime(2024, 1, 1 + i) for i in range(N)]),
    "bytes": lambda: hub(v=[b"a"] * N),
    "pictures": lambda: hub(image=[{"bytes": None, "path": None}] * N).cast_column(
        "image", Image()
    ),
    "pictures that are gone": lambda: hub(image=["/gone.png"] * N).cast_column("image", Image()),
    "pictures that are none": lambda: hub(image=[{"bytes": b"no", "path": None}] * N).cast_column(
        "image", Image()
    ),
    "pictures in lists": lambda: Dataset.from_dict(
        {"image": [[b"no"]] * N}, features=Features({"image": [Image()]})
    ),
    "large texts": lambda: Dataset.from_dict(
        {"text": ["a b"] * N}, features=Features({"text": Value("large_string")})
    ),
    "half floats": lambda: Dataset.from_dict(
        {"v": [1.5 + i for i in range(N)]}, features=Features({"v": Value("float16")})
    ),
    "in torch's form": lambda: hub(v=[1.5 + i for i in range(N)]).with_format("torch"),
    "transformed": lambda: hub(v=[1.5] * N).with_transform(lambda batch: {"x": [1] * len(batch)}),
    "splits": lambda: DatasetDict({"train": hub(v=rows()[:, 0].tolist())}),
    "splits with a test part": lambda: DatasetDict(
        {"train": hub(v=rows()[:, 0].tolist()), "test": hub(w=[1.5] * N)}
    ),
    "splits without training": lambda: DatasetDict({"test": hub(v=[1.5] * N)}),
    "no splits": DatasetDict,
    "splits that are none": lambda: DatasetDict({"train": [1, 2]}),
    "stream": lambda: IterableDataset.from_generator(lambda: iter([{"a": 1}])),
    "bunch": lambda: Bunch(data=rows(), target=np.arange(N) % 2, target_names=["a", "b"]),
    "bunch without target": lambda: Bunch(data=rows()),
    "bunch without data": lambda: Bunch(target=np.arange(N) % 2),
    "empty bunch": Bunch,
    "bunch of None": lambda: Bunch(data=None, target=None),
    "bunch of texts": lambda: Bunch(data=["a text"] * N, target=[0, 1] * 6),
    "bunch of a frame": lambda: Bunch(data=frame(), target=frame()["label"]),
    "bunch with too few names": lambda: Bunch(data=rows(), target=np.arange(N), target_names=["a"]),
    "bunch with names of no order": lambda: Bunch(
        data=rows(), target=np.arange(N) % 2, target_names={"a", "b"}
    ),
    "bunch with a name for names": lambda: Bunch(
        data=rows(), target=np.arange(N) % 2, target_names=5
    ),
    "bunch with names twice": lambda: Bunch(
        data=rows(), target=np.arange(N) % 2, target_names=["a", "a"]
    ),
    "bunch of rows that differ": lambda: Bunch(data=rows(), target=[0]),
    "bunch of many targets": lambda: Bunch(data=rows(), target=rows()),
    "scipy rows": lambda: sp.csr_array(rows()),
    "scipy columns": lambda: sp.csc_matrix(rows()),
    "scipy list": lambda: sp.lil_array(rows()),
    "scipy diagonals": lambda: sp.eye_array(N),
    "scipy pairs": lambda: sp.coo_array(rows()),
    "scipy of one dimension": lambda: sp.coo_array(np.arange(N)),
    "scipy of NaN": lambda: sp.csr_array(np.full((N, 3), np.nan)),
    "scipy of complex": lambda: sp.csr_array(rows() * 1j),
    "scipy of truth": lambda: sp.csr_array(rows() > 0),
    "scipy of zeros": lambda: sp.csr_array((N, 3)),
    "scipy without rows": lambda: sp.csr_array((0, 3)),
    "scipy without columns": lambda: sp.csr_array((N, 0)),
    "scipy of huge numbers": lambda: sp.csr_array(np.full((N, 2), 1e300)),
    "scipy that is wide": lambda: sp.csr_array(([1.0], ([0], [2**40])), shape=(N, 2**41)),
    "scipy of places that lie": lambda: broken(),
}  # fmt: skip


def broken() -> Any:
    """Columns that are none of its own."""
    made = sp.csr_array(rows())
    made.indices[:] = 1000
    return made


ITEMS = {"array": NUMBERS, "tensor": TENSORS, "list": LISTS, "frame": FRAMES, "library": HUBS}
EVERY = {f"{kind}, {name}": make for kind, held in ITEMS.items() for name, make in held.items()}
PLAIN: dict[str, Make] = {repr(value)[:30]: partial(lambda v: v, value) for value in WRONG}


def texts() -> list[str]:
    return [f"a text of words {'xyz'[i % 3]} {i}" for i in range(N)]


RIGHT: dict[str, Make] = {
    "rows": rows, "texts": texts, "frame": frame, "pictures": lambda: bytes_of_pictures(N, 6, 6, 3)
}  # fmt: skip


Calls = Iterator[tuple[str, Callable[[], Any]]]


def made(*args: Make, **given: Any) -> None:
    """Each argument is made anew; of what comes out all parts are looked at."""
    named = {key: value() if callable(value) else value for key, value in given.items()}
    data = pauca.dataset_from(*(make() for make in args), **named)
    for part in (data.train, data.test):
        if part is not None:
            data.task.evaluate(part.x[:4], None)
    str(data)


def labels() -> list[str]:
    return LABELS


def calls() -> Calls:
    """Every kind in the place of each argument, the others as they should be."""
    for name, make in {**EVERY, **PLAIN}.items():
        yield f"x: {name}", partial(made, make)
        yield f"x: {name}, with y", partial(made, make, labels)
        yield f"y: {name}", partial(made, rows, make)
        yield f"y of a frame: {name}", partial(made, frame, make)
        yield f"x_test: {name}", partial(made, rows, labels, x_test=make, y_test=labels)
        yield f"y_test: {name}", partial(made, rows, labels, x_test=rows, y_test=make)
    for name, make in EVERY.items():
        yield f"both parts: {name}", partial(made, make, x_test=make)
        for kind in ("image", "sequence"):
            yield f"{kind}: {name}", partial(made, make, labels, kind=kind)


OPTIONS = sorted(
    {name for form in formats_with("items") for name in options_of(form)}
    - {"format", "encoding", "delimiter", "image"}
)
SEVERAL: dict[str, Make] = {
    "names": lambda: ["a", "b"], "one name": lambda: ["a"], "a column": lambda: "v",
    "columns": lambda: ["v", "label"], "a name twice": lambda: ["a", "a"], "a set": lambda: {"a"},
    "a name and None": lambda: ["a", None], "blanks": lambda: [" a", "a ", ""],
    "numbers": lambda: (0, 1), "numbers reversed": lambda: (1, 0),
    "NaNs": lambda: (float("nan"),) * 2,
    "an array": lambda: np.array(["a", "b"]), "a tensor": lambda: torch.ones(2), "an object": Odd,
    "pixels": lambda: 2**31, "few pixels": lambda: (1, 1), "a function": lambda: print,
    "many": lambda: [f"c{i}" for i in range(5000)], "bytes": lambda: b"a",
    "keys": lambda: {"a": 1}.keys(), "a generator": lambda: iter("ab"),
    "a missing column": lambda: "q",
}  # fmt: skip


def options() -> Calls:
    """Every option with every wrong value."""
    for option in (*OPTIONS, "name", "kind", "progress", "no such option"):
        for name, value in {**PLAIN, **SEVERAL}.items():
            for kind, make in RIGHT.items():
                if kind == "frame" or option in ("scale", "size", "kind", "classes", "text"):
                    yield (
                        f"{option}={name} of {kind}",
                        partial(made, make, **{option: lambda v=value: v()}),
                    )


@pytest.mark.filterwarnings("ignore:Sparse CSR")  # torch says so of three of its own kinds
@pytest.mark.filterwarnings("ignore:torch.quantize")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize(("door", "inputs"), [("data in memory", calls), ("options", options)])
def test_data_in_memory(tally: TallyOf, door: str, inputs: Callable[[], Calls]) -> None:
    found = tally(door)
    for name, call in inputs():
        found.open(name, call)
    assert not found.bugs, str(found)
    assert min(found.counts["fine"], found.counts["refused"]) > 150
