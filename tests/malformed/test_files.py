"""Some 2,000 malformed files of data: each becomes a data set and a pool, or is refused."""

import datetime
import decimal
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pauca.cli.main import main
from pauca.data.load import load_dataset
from pauca.label import Project
from pauca.label.pool import PoolOptions
from pauca.label.reading import read_pool
from pauca.testing.malformed import (
    foreign,
    forged_npy,
    misplaced,
    mutations,
    variations,
)
from tests.malformed.conftest import TallyOf

N = 12
LABELS = ["a", "b"] * 6
Inputs = Iterator[tuple[str, bytes]]
CODES = {0: "fine", 2: "refused"}


def png(size: int = 6, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (size, size)).save(out, "PNG")
    return out.getvalue()


def bomb(side: int = 30_000) -> bytes:
    """A PNG of a few hundred bytes whose header promises a gigapixel."""
    raw = bytearray(png())
    raw[16:24] = side.to_bytes(4, "big") * 2
    raw[29:33] = zlib.crc32(raw[12:29]).to_bytes(4, "big")
    return bytes(raw)


def inflating(rows: int = 200_000) -> bytes:
    """A PNG of 6 x 6 whose pixels inflate to far more than that."""
    packed = zlib.compress(bytes(rows * 1000), 9)
    raw = png()
    start = raw.index(b"IDAT") - 4
    chunk = b"IDAT" + packed
    held = len(packed).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return raw[:start] + held + raw[raw.index(b"IEND") - 4 :]


# ------------------------------------------------------------------------------------- parquet


def parquet(columns: Mapping[str, Any], metadata: Any = None, **options: Any) -> bytes:
    table = pa.table(columns)
    if metadata is not None:
        raw = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
        table = table.replace_schema_metadata({"huggingface": raw})
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def extended(kind: Any, cells: list[Any]) -> Any:
    return pa.ExtensionArray.from_storage(kind, pa.array(cells, kind.storage_type))


WHOLE_PNG = png()
CELLS: dict[str, tuple[Any, Any]] = {
    "bytes": ([WHOLE_PNG] * N, pa.binary()),
    "bytes and null": ([WHOLE_PNG, None] * 6, pa.binary()),
    "null": ([None] * N, pa.binary()),
    "empty": ([b""] * N, pa.binary()),
    "text as bytes": ([b"no image"] * N, pa.binary()),
    "cut": ([WHOLE_PNG[:40]] * N, pa.binary()),
    "a bomb": ([bomb()] * N, pa.binary()),
    "inflating": ([inflating()] * N, pa.binary()),
    "large bytes": ([WHOLE_PNG] * N, pa.large_binary()),
    "bytes of one length": ([b"\x89PNG"] * N, pa.binary(4)),
    "a view of bytes": ([WHOLE_PNG] * N, pa.binary_view()),
    "structs": ([{"bytes": WHOLE_PNG, "path": "a.png"}] * N, None),
    "structs and null": ([{"bytes": WHOLE_PNG, "path": None}, None] * 6, None),
    "structs of null": ([{"bytes": None, "path": None}] * N, pa.struct({"bytes": pa.binary()})),
    "structs of paths": (
        [{"bytes": None, "path": "/etc/passwd"}] * N,
        pa.struct({"bytes": pa.binary(), "path": pa.string()}),
    ),
    "structs of texts": ([{"bytes": "text", "path": "a"}] * N, None),
    "structs of numbers": ([{"bytes": 7, "path": "a"}] * N, None),
    "structs of lists": ([{"bytes": [1, 2], "path": "a"}] * N, None),
    "structs of structs": ([{"bytes": {"bytes": WHOLE_PNG}}] * N, None),
    "structs of truth": ([{"bytes": True}] * N, None),
    "structs of lists of bytes": ([{"bytes": [WHOLE_PNG]}] * N, None),
    "structs with bytes twice": (
        pa.StructArray.from_arrays(
            [pa.array([WHOLE_PNG] * N), pa.array([WHOLE_PNG] * N)], names=["bytes", "bytes"]
        ),
        None,
    ),
    "structs without bytes": ([{"path": "a.png"}] * N, None),
    "lists of bytes": ([[WHOLE_PNG]] * N, None),
    "lists of structs": ([[{"bytes": WHOLE_PNG}]] * N, None),
    "texts": (["a.png"] * N, pa.string()),
    "numbers": (list(range(N)), pa.int64()),
    "mixed sizes": ([png(4 + i) for i in range(N)], pa.binary()),
    "mixed modes": ([png(6, m) for m in ("L", "RGB", "RGBA", "P", "1", "I;16") * 2], pa.binary()),
    "pixels as lists": ([[[0, 1], [2, 3]]] * N, None),
    "encoded bytes": (pa.array([WHOLE_PNG] * N).dictionary_encode(), None),
}
VECTORS: dict[str, tuple[Any, Any]] = {
    "null": ([[1.0, 2.0], None] * 6, None),
    "all null": ([None] * N, pa.list_(pa.float32())),
    "null within": ([[1.0, None]] * N, None),
    "ragged": ([[1.0] * (1 + i % 3) for i in range(N)], None),
    "empty": ([[]] * N, pa.list_(pa.float32())),
    "some empty": ([[], [1.0]] * 6, pa.list_(pa.float32())),
    "words": ([["a", "b"]] * N, None),
    "words and null": ([["a", None]] * N, None),
    "truth": ([[True, False]] * N, None),
    "nested": ([[[1.0], [2.0]]] * N, None),
    "nested, ragged": ([[[1.0], [2.0, 3.0]]] * N, None),
    "NaN": ([[float("nan"), 1.0]] * N, None),
    "infinite": ([[float("inf"), 1.0]] * N, None),
    "huge": ([[1e308, -1e308]] * N, None),
    "huge whole": ([[2**63 - 1, -(2**63)]] * N, pa.list_(pa.int64())),
    "unsigned": ([[2**64 - 1, 0]] * N, pa.list_(pa.uint64())),
    "half floats": ([np.array([1, 2], np.float16)] * N, pa.list_(pa.float16())),
    "of fixed size": ([[1.0, 2.0]] * N, pa.list_(pa.float32(), 2)),
    "of fixed size, null": ([[1.0, 2.0], None] * 6, pa.list_(pa.float32(), 2)),
    "of size 0": ([[]] * N, pa.list_(pa.float32(), 0)),
    "large lists": ([[1.0 + i] for i in range(N)], pa.large_list(pa.float32())),
    "list views": ([[1.0 + i] for i in range(N)], pa.list_view(pa.float32())),
    "decimals": ([[decimal.Decimal("1.5")]] * N, None),
    "dates": ([[datetime.date(2024, 1, 1)]] * N, None),
    "structs": ([[{"a": 1.0}]] * N, None),
    "maps": ([[("a", 1.0)]] * N, pa.map_(pa.string(), pa.float32())),
    "bytes": ([[b"a"]] * N, None),
    "one number": ([[float(i)] for i in range(N)], None),
    "wide": ([[float(i)] * 5000 for i in range(N)], None),
}
COLUMNS: dict[str, tuple[Any, Any]] = {
    "decimals": ([decimal.Decimal(i) / 8 for i in range(N)], None),
    "large decimals": ([decimal.Decimal("9" * 60)] * N, pa.decimal256(76, 0)),
    "decimals and null": ([decimal.Decimal("1.5"), None] * 6, None),
    "dates": ([datetime.date(2024, 1, 1 + i) for i in range(N)], None),
    "dates out of range": ([datetime.date(1, 1, 1), datetime.date(9999, 12, 31)] * 6, None),
    "times": ([datetime.time(i, 5) for i in range(N)], None),
    "moments": ([datetime.datetime(2024, 1, 1 + i) for i in range(N)], None),
    "moments in a zone": ([i * 10**9 for i in range(N)], pa.timestamp("ns", "Asia/Tokyo")),
    "moments in a zone that is none": ([i for i in range(N)], pa.timestamp("s", "Nowhere/At all")),
    "moments out of range": ([2**62 + i for i in range(N)], pa.timestamp("us")),
    "spans": ([datetime.timedelta(hours=i) for i in range(N)], None),
    "maps": ([[("a", i)] for i in range(N)], pa.map_(pa.string(), pa.int64())),
    "maps with keys twice": ([[("a", 1), ("a", 2)]] * N, pa.map_(pa.string(), pa.int64())),
    "structs": ([{"a": i, "b": {"c": [i]}} for i in range(N)], None),
    "structs without fields": ([{}] * N, pa.struct({"x": pa.null()})),
    "encoded texts": (pa.array(["u", "v"] * 6).dictionary_encode(), None),
    "encoded numbers": (pa.array([1.5, 2.5] * 6).dictionary_encode(), None),
    "encoded null": (pa.array(["u", None] * 6).dictionary_encode(), None),
    "null": ([None] * N, pa.null()),
    "null numbers": ([None] * N, pa.int64()),
    "null texts": ([None] * N, pa.string()),
    "whole and null": ([1, None] * 6, None),
    "truth": ([True, False] * 6, None),
    "truth and null": ([True, None] * 6, None),
    "large texts": ([f"words {i}" for i in range(N)], pa.large_string()),
    "texts seen": ([f"words {i}" for i in range(N)], pa.string_view()),
    "texts that are no UTF-8": (pa.array([b"\xff\xfe"] * N).view(pa.string()), None),
    "texts of control characters": (["\0\x1b[2J", "\u202e"] * 6, None),
    "long texts": (["x" * 100_000] * N, None),
    "empty texts": ([""] * N, None),
    "half floats": (np.arange(N).astype(np.float16), None),
    "NaN": ([float("nan")] * N, None),
    "infinite": ([float("inf"), 1.0] * 6, None),
    "huge numbers": ([1e308, -1e308] * 6, None),
    "unsigned": ([2**64 - 1 - i for i in range(N)], pa.uint64()),
    "bytes": ([b"a", b"b"] * 6, None),
    "bytes of one length": ([b"ab"] * N, pa.binary(2)),
    "identifiers": (extended(pa.uuid(), [bytes(16)] * N), None),
    "JSON": (extended(pa.json_(), ['{"a": 1}'] * N), None),
    "tensors": (extended(pa.fixed_shape_tensor(pa.float32(), [2]), [[1.0, 2.0]] * N), None),
    "bool8": (extended(pa.bool8(), [0, 1] * 6), None),
}  # fmt: skip
NAMES = (
    "label", "id", "text", "", " ", "__index_level_0__", "a\nb", "a.b", "\0", "é" * 3000,
    "bytes", "huggingface", "-1", "[0]", "{x}", "%s", "../..",
)  # fmt: skip
INFO = {
    "info": {
        "features": {
            "label": {"names": ["a", "b"], "_type": "ClassLabel"},
            "image": {"_type": "Image"},
            "v": {"dtype": "float32", "_type": "Value"},
            "w": {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "Sequence"},
        },
        "splits": [{"name": "train", "num_examples": N}],
    }
}


def arrow(cells: Any, kind: Any) -> Any:
    return cells if isinstance(cells, pa.Array) else pa.array(cells, kind)


def columns_of(held: Mapping[str, tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    for name, (cells, kind) in held.items():
        yield name, arrow(cells, kind)


def parquets() -> Inputs:
    v = [float(i * i) for i in range(N)]
    for name, cells in columns_of(CELLS):
        yield f"pictures: {name}", parquet({"image": cells, "label": LABELS})
        yield f"pictures without labels: {name}", parquet({"image": cells})
        yield f"pictures and numbers: {name}", parquet({"v": v, "image": cells, "label": LABELS})
    for name, cells in [*columns_of(VECTORS), *columns_of(COLUMNS), *columns_of(CELLS)]:
        yield f"cells: {name}", parquet({"v": cells, "label": LABELS})
        yield f"cells and numbers: {name}", parquet({"w": v, "v": cells, "label": LABELS})
        yield f"cells alone: {name}", parquet({"v": cells})
        yield f"labels: {name}", parquet({"v": v, "label": cells})
        yield f"ids: {name}", parquet({"v": v, "id": cells, "label": LABELS})
        yield f"texts: {name}", parquet({"text": cells, "label": LABELS})
        yield f"described: {name}", parquet({"v": v, "label": cells}, INFO)
    for name, value in variations(INFO, 20, 250):
        yield f"description: {name}", parquet({"v": v, "label": [0, 1] * 6}, value)
    for number, raw in enumerate([b"", b"{", b"[" * 10_000, b"\xff", b"null", b"9" * 5000, b"NaN"]):
        yield f"description that is none {number}", parquet({"v": v, "label": LABELS}, raw)
    for name in NAMES:
        yield f"column {name[:20]!r}", parquet({name: v, "label": LABELS})
        yield f"columns {name[:20]!r}", parquet({name: v, f"{name} ": v, "label": LABELS})
    twice = pa.Table.from_arrays([pa.array(v)] * 2, names=["v", "v"])
    out = io.BytesIO()
    pq.write_table(twice, out)
    yield "a name twice", out.getvalue()
    yield "no rows", parquet({"v": pa.array([], pa.float64()), "label": pa.array([], pa.string())})
    yield "one row", parquet({"v": [1.5], "label": ["a"]})
    yield "no columns", parquet({})
    yield "many columns", parquet({f"c{i}": v for i in range(2000)})
    yield "a row a group", parquet({"v": v, "label": LABELS}, row_group_size=1)
    yield from expanding()
    yield from foreign()
    small = parquet({"v": v, "label": LABELS}, INFO)
    yield from mutations(small, 21, 250)
    tail = 8 + int.from_bytes(small[-8:-4], "little")
    for name, footer in mutations(small[-tail:], 22, 200):
        yield f"footer: {name}", small[:-tail] + footer
    for name, footer in mutations(small[-tail:-8], 23, 100):
        size = len(footer).to_bytes(4, "little")
        yield f"footer of a size that fits: {name}", small[:-tail] + footer + size + b"PAR1"
    packed = parquet({"image": [WHOLE_PNG] * N, "label": LABELS}, compression="zstd")
    yield from mutations(packed, 24, 100)


def expanding() -> Inputs:
    """Small files that fill much memory: what stands once is meant 200,000 times."""

    def many(value: Any, n: int = 200_000) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int8)), pa.array([value]))

    text, numbers = many("x" * 10**6), np.arange(200_000) / 7
    for stored in (True, False):  # whether the file says that it is encoded
        save = partial(parquet, store_schema=stored)
        yield f"many texts, {stored}", save({"text": text})
        yield f"many ids, {stored}", save({"id": text, "v": numbers})
        yield f"many labels, {stored}", save({"v": numbers, "label": text})
        yield f"many pictures, {stored}", save({"image": many(bytes(10**5), 4000)})


# ----------------------------------------------------------------------------------------- npz


def npz(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def saved(**arrays: Any) -> bytes:
    return npz({f"{name}.npy": npy(np.asarray(value)) for name, value in arrays.items()})


X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.arange(N) % 2
ARRAYS: dict[str, Any] = {
    "objects": np.array([None] * N, dtype=object),
    "structured": np.zeros(N, dtype=[("a", "f4"), ("b", "i4")]),
    "structured in columns": np.zeros((N, 3), dtype=[("a", "f4")]),
    "complex": X + 1j,
    "datetimes": np.arange(N * 3).reshape(N, 3).astype("M8[s]"),
    "not a time": np.full((N, 3), np.datetime64("NaT")),
    "spans": np.arange(N * 3).reshape(N, 3).astype("m8[D]"),
    "float16": X.astype(np.float16),
    "float128": X.astype(np.longdouble),
    "float128 out of range": X.astype(np.longdouble) * np.longdouble("1e4000"),
    "big-endian": X.astype(">f4"),
    "Fortran order": np.asfortranarray(X),
    "unicode": np.array([["a", "b", "c"]] * N),
    "unicode, one dimension": np.array(["a", "b"] * 6),
    "bytes": np.array([[b"a", b"\xff"]] * N),
    "bytes, one dimension": np.array([b"a", b"\xff"] * 6),
    "void": np.zeros((N, 3), dtype="V7"),
    "no dimension": np.array(3.0),
    "one dimension": np.arange(N) / 7,
    "five dimensions": np.zeros((N, 2, 2, 2, 2)),
    "thirty dimensions": np.zeros((N,) + (1,) * 29),
    "no rows": np.zeros((0, 3)),
    "no columns": np.zeros((N, 0)),
    "one row": np.zeros((1, 3)),
    "other rows": np.zeros((N + 1, 3)),
    "NaN": np.full((N, 3), np.nan),
    "infinite": np.full((N, 3), np.inf),
    "huge": np.full((N, 3), 1e308),
    "huge whole": np.full((N, 3), 2**63 - 1),
    "unsigned": np.full((N, 3), 2**64 - 1, dtype=np.uint64),
    "bool": X > 0,
    "pictures": np.zeros((N, 6, 6), np.uint8),
    "pictures of floats": np.random.default_rng(1).random((N, 6, 6)),
    "pictures of NaN": np.full((N, 3, 6, 6), np.nan),
    "pictures of 2 channels": np.zeros((N, 6, 6, 2), np.uint8),
    "pictures with channels anywhere": np.zeros((N, 3, 3, 3), np.uint8),
    "pictures of 5 channels": np.zeros((N, 5, 6, 7), np.uint8),
    "pictures of whole numbers": np.full((N, 3, 6, 6), -(2**62)),
    "pictures without pixels": np.zeros((N, 3, 0, 6), np.uint8),
    "pictures of truth": np.zeros((N, 6, 6), bool),
    "labels": Y,
    "labels in a column": Y[:, None],
    "labels as codes": np.eye(2)[Y],
    "labels with decimals": Y / 3,
    "labels that are NaN": np.full(N, np.nan),
    "labels below 0": Y - 2,
    "labels of words": np.array(LABELS),
    "labels of empty words": np.array([""] * N),
    "labels of long words": np.array(["x" * 10_000] * N),
    "labels of half a character": np.array(["\ud800"] * N),
    "labels of another number": Y[:5],
}
HEADERS: tuple[Any, ...] = tuple(
    (descr, shape, fortran)
    for descr in ("<f4", ">f8", "|O", "<U9", "|S0", "<U1000000000", "|V8", "<c16", "<M8[s]",
                  "f", "<f16", [("a", "<f4")], [["a", "<f4"]], ("<f4", (2, 2)), "", None, 7,
                  "O,O", "<x9", "=i8")
    for shape, fortran in (
        ((N, 3), False), ((N, 3), True), ((2**40, 2**20), False), ((2**63, 1), False),
        ((-1, 3), False), ((N, 10**30), False), ((0, 3), False), ((N,), False), ((), False),
        ("x", False), (None, False), ([N, 3], False), ((N, 3.0), False), ((True, 3), False),
        ((N, 3), "x"), ((2**31, 2**31, 4), True),
    )
)  # fmt: skip


def arrays() -> Inputs:
    for name, array in ARRAYS.items():
        yield f"x: {name}", saved(x=array)
        yield f"x and y: {name}", saved(x=array, y=Y)
        yield f"y: {name}", saved(x=X, y=array)
        yield f"ids: {name}", saved(x=X, y=Y, ids=array)
        yield f"x_test: {name}", saved(x_train=X, y_train=Y, x_test=array, y_test=Y)
        yield f"y_test: {name}", saved(x_train=X, y_train=Y, x_test=X, y_test=array)
        yield f"images: {name}", saved(train_images=array, train_labels=Y[:, None])
    data = X.astype("<f4").tobytes()
    for descr, shape, fortran in HEADERS:
        member = forged_npy(descr, shape, data, fortran=fortran)
        yield f"a header of {descr!r} {shape!r} {fortran!r}", npz({"x.npy": member})
    x, y = npy(X), npy(Y)
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        packed = npz({"x.npy": x, "y.npy": y}, method)
        yield f"packed by method {method}", packed
        yield from (
            (f"method {method}: {name}", raw) for name, raw in mutations(packed, method, 60)
        )
    for name, members in {
        "no arrays": {}, "a text": {"x.npy": b"text"}, "an empty member": {"x.npy": b""},
        "no ending": {"x": x, "y": y}, "folders": {"a/x.npy": x, "../y.npy": y},
        "another version": {"x.npy": x[:6] + b"\x09\x00" + x[8:]}, "labels alone": {"y.npy": y},
        "a header without end": {"x.npy": x[:60]}, "more than the header says": {"x.npy": x + x},
        "a pickle": {"x.npy": b"\x80\x04K\x05."}, "an npz": {"x.npy": saved(x=X)},
        "a long header": {"x.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b" " * 100},
        "many arrays": {f"a{i}.npy": y for i in range(500)}, "odd names": {"\n.npy": x, "x.npy": x},
    }.items():  # fmt: skip
        yield name, npz(members)
    yield "a name twice", twice(x, y)
    yield "64 bits", sixty_four(x)
    yield "locked", locked(npz({"x.npy": x}))
    yield (
        "much of nothing",
        npz({"x.npy": npy(np.zeros((N, 3)))[:128] + bytes(10**8)}, zipfile.ZIP_DEFLATED),
    )
    yield from foreign()
    whole = npz({"x.npy": x, "y.npy": y, "ids.npy": npy(np.arange(N))})
    yield from mutations(whole, 25, 250)


def twice(x: bytes, y: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("x.npy", x)
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("x.npy", y)
    return out.getvalue()


def sixty_four(x: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, file.open("x.npy", "w", force_zip64=True) as member:
        member.write(x)
    return out.getvalue()


def locked(raw: bytes) -> bytes:
    """The flag that says that a password is needed, in both headers."""
    made = bytearray(raw)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        made[raw.index(mark) + offset] |= 1
    return bytes(made)


# ------------------------------------------------------------------------------------- folders


def put(folder: Path, *names: str, raw: bytes = WHOLE_PNG) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)


def some(folder: Path) -> None:
    put(folder, *(f"{'ab'[i % 2]}/{i}.png" for i in range(N)))


def deep(folder: Path) -> None:
    some(folder)
    put(folder, "/".join(["a"] + ["b" * 20] * 40 + ["x.png"]))


def linked(folder: Path, target: str) -> None:
    some(folder)
    (folder / "a" / "link.png").symlink_to(target)


def linked_folder(folder: Path, target: str) -> None:
    some(folder)
    (folder / "c").symlink_to(target)


def piped(folder: Path) -> None:
    some(folder)
    os.mkfifo(folder / "a" / "pipe.png")


def many(folder: Path) -> None:
    put(folder, *(f"c{i:04}/x.png" for i in range(1500)))


def odd_bytes(folder: Path) -> None:
    some(folder)
    (folder / os.fsdecode(b"a/\xff\xfe.png")).write_bytes(WHOLE_PNG)


def broken(folder: Path, raw: bytes) -> None:
    some(folder)
    put(folder, *(f"a/x{i}.png" for i in range(15)), raw=raw)


FOLDERS: dict[str, Callable[[Path], None]] = {
    "right": some,
    "empty": lambda folder: None,
    "empty folders": lambda folder: (folder / "a" / "b").mkdir(parents=True),
    "names of odd letters": lambda folder: put(
        folder, "a\nb/x\ny.png", "\x1b[2J/z.png", "\u202e/a.png", " /b.png", "..a/c.png", "é/d.png"
    ),
    "names of bytes": odd_bytes,
    "deep": deep,
    "many folders": many,
    "a folder called like a file": lambda folder: put(folder, "a.png/x.png", "b.png/y.png"),
    "a link out": partial(linked, target="/etc/passwd"),
    "a link to a device": partial(linked, target="/dev/zero"),
    "a link to nowhere": partial(linked, target="nowhere"),
    "a link to itself": partial(linked, target="link.png"),
    "a link to its folder": partial(linked, target="."),
    "a link within": partial(linked, target="1.png"),
    "a linked folder": partial(linked_folder, target="a"),
    "a folder linked to its root": partial(linked_folder, target="."),
    "a folder linked out": partial(linked_folder, target="/"),
    "a pipe": piped,
    "texts": lambda folder: put(folder, "a/x.txt", "b/y.csv", raw=b"text"),
    "train alone": lambda folder: put(folder, "train/a/x.png"),
    "train that is empty": lambda folder: put(folder, "train/x.txt", "test/a/x.png"),
    "train flat, test in folders": lambda folder: put(folder, "train/x.png", "test/a/x.png"),
    "train twice": lambda folder: put(folder, "train/a/x.png", "TRAIN/b/x.png", "Train/c/y.png"),
    "train as a file": lambda folder: put(folder, "train.csv", "a/x.png"),
    "train as a folder called csv": lambda folder: put(folder, "train.csv/a.png"),
    "one class": lambda folder: put(folder, *(f"a/{i}.png" for i in range(N))),
    "an image a class": lambda folder: put(folder, "a/x.png", "b/x.png"),
    "one image": lambda folder: put(folder, "x.png"),
    "hidden": lambda folder: put(folder, ".a/x.png", "a/.x.png", "__MACOSX/a/x.png"),
    "broken": partial(broken, raw=b"no image"),
    "zero bytes": partial(broken, raw=b""),
    "bombs": partial(broken, raw=bomb()),
    "inflating": partial(broken, raw=inflating()),
    "programs": partial(broken, raw=b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
    "drawings": partial(broken, raw=b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
}


# --------------------------------------------------------------------------------------- doors


def opened(path: Path, **options: Any) -> None:
    data = load_dataset(path, **options)
    for part in (data.train, data.test):
        if part is not None:
            data.task.evaluate(part.x[:4], None)


def pooled(path: Path) -> None:
    pool = read_pool(path, PoolOptions())
    assert pool.n == len(pool.labels)


def made(path: Path) -> None:
    """A project, in place of the one before."""
    with Project.create(path, path.parent / "project", classes=("a", "b"), force=True) as project:
        project.status()


KINDS = {"parquet": parquets, "npz": arrays}


@pytest.mark.parametrize("kind", KINDS)
def test_files(tmp_path: Path, tally: TallyOf, kind: str) -> None:
    """Every second one as a data set, the others as a pool to label."""
    data, pool = tally(f"{kind} as data"), tally(f"{kind} as a pool")
    path = tmp_path / f"x.{kind}"
    for number, (name, raw) in enumerate(KINDS[kind]()):
        path.write_bytes(raw)
        if number % 2:
            pool.open(name, partial(pooled, path))
        else:
            data.open(name, partial(opened, path))
    for each in (data, pool):
        assert not each.bugs, str(each)
        assert min(each.counts["fine"], each.counts["refused"]) > each.total / 20


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_in_the_place_of_a_file(tmp_path: Path, tally: TallyOf, kind: str) -> None:
    found = tally(f"{kind} misplaced")
    path = tmp_path / f"x.{kind}"
    path.write_bytes(
        parquet({"v": list(X[:, 0]), "label": LABELS}) if kind == "parquet" else saved(x=X)
    )
    for name in misplaced(path):
        for call in (opened, pooled):
            found.open(name, partial(call, path))
    assert not found.bugs, str(found)
    assert found.counts["refused"] > 8


def test_folders(tmp_path: Path, tally: TallyOf) -> None:
    found = tally("folders")
    for number, (name, make) in enumerate(FOLDERS.items()):
        folder = tmp_path / str(number) / "data"
        folder.mkdir(parents=True)
        make(folder)
        found.open(name, partial(opened, folder))
        found.open(f"{name}, broken ones passed over", partial(opened, folder, skip_broken=True))
        found.open(f"pool: {name}", partial(pooled, folder))
    assert not found.bugs, str(found)
    assert min(found.counts["fine"], found.counts["refused"]) > 20


def sample() -> Iterator[tuple[str, str, bytes]]:
    """Some of all files: every 40th."""
    for kind, make in KINDS.items():
        for name, raw in islice(make(), 0, None, 40):
            yield kind, name, raw


def test_projects(tmp_path: Path, tally: TallyOf) -> None:
    found = tally("projects")
    for kind, name, raw in sample():
        path = tmp_path / f"x.{kind}"
        path.write_bytes(raw)
        found.open(name, partial(made, path))
    assert not found.bugs, str(found)
    assert min(found.counts["fine"], found.counts["refused"]) > 10


def test_the_command_line(tmp_path: Path, tally: TallyOf) -> None:
    """Exit code 2 and a message, never 70, which is a bug."""
    found = tally("pauca label init")
    for number, (kind, name, raw) in enumerate(islice(sample(), 0, None, 4)):
        path = tmp_path / f"x.{kind}"
        path.write_bytes(raw)
        command = [
            "label",
            "init",
            str(path),
            "--out",
            str(tmp_path / str(number)),
            "--classes",
            "a,b",
        ]
        found.take(name, CODES.get(main(command), "bug: of the command line"))
    assert not found.bugs, str(found)
    assert min(found.counts["fine"], found.counts["refused"]) > 3
