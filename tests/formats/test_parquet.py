"""Parquet: typed cells, pictures, descriptions of the Hub, and what is broken about files."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pauca.errors import DataError
from pauca.formats import Items, TextOptions, find_format
from tests.data.small import encoded, pixels, write_hub


def read(path: Path, **options: Any) -> Items:
    return find_format(path).read_items(path, TextOptions(**options))


def written(path: Path, metadata: dict[str, str] | None = None, **columns: Any) -> Path:
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return path


def test_cells_keep_their_types_and_digits(tmp_path: Path) -> None:
    big = 2**60 + 1
    part = read(
        written(
            tmp_path / "a.parquet", a=[big, None], b=[[1.5], []], c=["007", None], d=[True, None]
        )
    ).train
    assert part.frame["a"].tolist() == [big, None]
    assert [list(cell) for cell in part.frame["b"]] == [[1.5], []]
    assert part.frame["c"][0] == "007"
    assert part.frame["d"].tolist() == [True, None]


def test_the_index_of_a_frame_is_no_column(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2]}, index=[5, 9]).to_parquet(tmp_path / "a.parquet")
    part = read(tmp_path / "a.parquet").train
    assert list(part.frame.columns) == ["a"]
    assert part.notes == ("the index of a DataFrame is left out: __index_level_0__",)


def test_pictures_and_class_names(tmp_path: Path) -> None:
    raws = [encoded(pixels(i, 5, 5, 3)) for i in range(4)]
    path = write_hub(
        tmp_path / "p.parquet", raws, {"label": [1, 0, 1, 1]}, names={"label": ["ant", "bee"]}
    )
    part = read(path).train
    assert part.class_names == {"label": ("ant", "bee")}
    assert part.images is not None
    assert [raw for block in part.images.blocks() for raw in block] == raws
    with pytest.raises(DataError, match="did you mean 'image'"):
        read(path, image="imago")


@pytest.mark.parametrize(
    "described",
    [
        "", "{", "[]", "3", "null", '{"info": 1}', '{"info": {"features": []}}',
        '{"info": {"features": {"label": 3}}}', '{"info": {"features": {"label": {"names": 4}}}}',
        '{"info": {"features": {"label": {"names": [1, 2]}}}}',
        '{"info": {"features": {"label": {"names": ["a", "a"]}}}}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_description_that_is_none(described: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"huggingface": described}, label=[0, 1])
    assert read(path).train.class_names == {}


def test_a_good_description_of_one_column_beside_a_broken_one(tmp_path: Path) -> None:
    features = {"kind": {"names": ["a", "b"]}, "label": {"names": None}}
    path = written(
        tmp_path / "a.parquet",
        {"huggingface": json.dumps({"info": {"features": features}})},
        kind=[0],
    )
    assert read(path).train.class_names == {"kind": ("a", "b")}


def test_broken_files_and_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", a=[1])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"cannot be read.*a\.parquet"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="zero bytes"):
        read(path)
    with pytest.raises(DataError, match="no rows"):
        read(written(tmp_path / "b.parquet", a=pa.array([], pa.int64())))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(twice, tmp_path / "c.parquet")
    with pytest.raises(DataError, match="column name occurs twice"):
        read(tmp_path / "c.parquet")


def test_shards_must_have_the_same_columns(tmp_path: Path) -> None:
    written(tmp_path / "train-0.parquet", a=[1], b=[2])
    written(tmp_path / "train-1.parquet", b=[3], a=[4])
    assert read(tmp_path).train.frame.to_dict("list") == {"a": [1, 4], "b": [2, 3]}
    written(tmp_path / "train-1.parquet", c=[3])
    with pytest.raises(DataError, match="other columns"):
        read(tmp_path)
