import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pauca.data import load_dataset
from pauca.errors import DataError, InputError, UnknownNameError, UsageError
from pauca.testing.datasets import check_dataset

ROWS = [
    {"a": i, "b": i % 3 + 0.5, "word": "xyz"[i % 3], "label": ["no", "yes"][i % 2]}
    for i in range(30)
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    frame = pd.DataFrame(rows)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_of_any_format(suffix: str, tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / f"t.{suffix}", ROWS))
    check_dataset(dataset)
    assert dataset.kind == "table"
    assert dataset.classes == ("no", "yes")
    assert dataset.task.shape == (5,)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (24, 6)
    assert any("word (3)" in note for note in dataset.notes)
    out = dataset.task.evaluate(dataset.train.x, None)
    assert out.mean(0).abs().max() < 1e-6
    assert (out.std(0, correction=0) - 1).abs().max() < 1e-5
    # a, b and one column for each of x, y, z
    for row, label in zip(dataset.train.x.tolist(), dataset.train.y.tolist(), strict=True):  # type: ignore[union-attr]
        i = int(row[0])
        assert row == [i, i % 3 + 0.5, *[float(i % 3 == k) for k in range(3)]]
        assert label == i % 2


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_folder_with_train_and_test(suffix: str, tmp_path: Path) -> None:
    write(tmp_path / f"train.{suffix}", ROWS[:20])
    late = [{**row, "word": "w"} for row in ROWS[20:]]
    write(tmp_path / f"test.{suffix}", late)
    dataset = load_dataset(tmp_path)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (20, 10)
    # a word never met in training is no word
    assert (dataset.test.x[:, 2:] == 0).all()


def test_options_choose_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS)
    dataset = load_dataset(
        path, label="word", features=["b", "a"], group="label", test_fraction=0.3
    )
    assert dataset.classes == ("x", "y", "z")
    assert dataset.task.shape == (2,)
    assert dataset.group_names == ("no", "yes")
    assert dataset.train.groups is not None
    assert dataset.train.groups.tolist() == [int(a) % 2 for a in dataset.train.x[:, 1].tolist()]
    check_dataset(dataset)


def test_without_a_label_column_it_is_a_pool(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [{"a": i, "b": -i} for i in range(5)])
    dataset = load_dataset(path)
    assert dataset.train.y is None
    assert dataset.test is None
    assert any("pool without labels" in note for note in dataset.notes)
    check_dataset(dataset)


def test_texts(tmp_path: Path) -> None:
    rows = [
        {"text": f"NA word{i % 4}, null", "label": "NA" if i % 2 else "None"} for i in range(20)
    ]
    dataset = load_dataset(write(tmp_path / "t.csv", rows))
    assert dataset.kind == "text"
    # words that look like empty cells are words
    assert dataset.classes == ("NA", "None")
    assert dataset.task.shape == (6,)
    assert dataset.train.sources is not None
    assert all(text.startswith("NA word") for text in dataset.train.sources)
    check_dataset(dataset)
    assert load_dataset(tmp_path / "t.csv", vocabulary=3).task.shape == (3,)


def test_tfidf_is_computed_on_training_alone(tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = [{"text": f"one two{i} three{i % 3}", "label": "ab"[i % 2]} for i in range(20)]
    dataset = load_dataset(write(tmp_path / "t.csv", rows), test_fraction=0.4)
    assert dataset.test is not None
    assert dataset.test.sources is not None
    reference = TfidfVectorizer(sublinear_tf=True).fit(dataset.train.sources)
    np.testing.assert_allclose(
        dataset.test.x.numpy(), reference.transform(dataset.test.sources).toarray(), atol=1e-6
    )


def test_vectors_in_parquet_are_an_embedding(tmp_path: Path) -> None:
    rows = [{"vector": [float(i), -i, 1.0], "label": i % 2} for i in range(12)]
    path = write(tmp_path / "t.parquet", rows)
    dataset = load_dataset(path)
    assert dataset.kind == "embedding"
    assert dataset.task.shape == (3,)
    check_dataset(dataset)
    rows[5]["vector"] = [1.0, float("nan"), 2.0]
    with pytest.raises(DataError, match=r"row \d+, column 'vector', place 1"):
        load_dataset(write(path, rows))
    rows[5]["vector"] = [1.0]
    with pytest.raises(DataError, match="differ in length"):
        load_dataset(write(path, rows))


def spoiled(i: int, **cells: Any) -> list[dict[str, Any]]:
    return [{**row, **cells} if n == i else row for n, row in enumerate(ROWS)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (spoiled(7, a=None), ["NaN", "row 7", "column 'a'", "missing = 'mean'"]),
        (spoiled(7, b=float("inf")), ["infinite", "row 7", "column 'b'"]),
        (spoiled(7, label=None), ["a label is missing", "row 7"]),
        ([{**row, "label": "yes"} for row in ROWS], ["only one class", "yes"]),
        ([{"label": row["label"]} for row in ROWS], ["no column of features"]),
        ([{**row, "class": 1} for row in ROWS], ["more than one column", "label, class"]),
        (
            [{**row, "free": f"sentence {i}"} for i, row in enumerate(ROWS * 3)],
            ["'free'", "72 different"],
        ),
    ],
)
def test_broken_tables(
    rows: list[dict[str, Any]], words: list[str], suffix: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"t.{suffix}", rows)
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert caught.value.exit_code == 2


def test_a_word_among_numbers_is_named_with_its_row(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", spoiled(11, a="1O"))
    with pytest.raises(DataError, match=r"'a' holds a word among numbers.*'1O'.*row 11"):
        load_dataset(path)


def test_missing_cells_become_the_mean_of_training_when_asked(tmp_path: Path) -> None:
    rows = spoiled(3, a=None)
    dataset = load_dataset(write(tmp_path / "t.csv", rows), missing="mean", test_fraction=0)
    known = [i for i in range(30) if i != 3]
    assert dataset.train.x[3, 0] == pytest.approx(np.mean(known))
    assert any("1 empty cells" in note for note in dataset.notes)


def test_missing_columns_and_classes_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS)
    with pytest.raises(DataError, match=r"no column 'lable'.*did you mean 'label'"):
        load_dataset(path, label="lable")
    with pytest.raises(DataError, match=r"no column 'c'"):
        load_dataset(path, features=["a", "c"])
    with pytest.raises(DataError, match=r"'no'.*row 0"):
        load_dataset(path, classes=["yes", "nay"])
    with pytest.raises(UnknownNameError, match="did you mean 'label'"):
        load_dataset(path, lable="label")
    with pytest.raises(UsageError, match="missing"):
        load_dataset(path, missing="zero")


def test_test_part_without_the_label_column(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", ROWS)
    write(tmp_path / "test.csv", [{"a": 1, "b": 2, "word": "x"}])
    with pytest.raises(DataError, match=r"no column 'label'.*test part"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "zero bytes"),
        (b"a,label\n", "no rows"),
        (b"a,label\n1,x\n1,2,3,4\n", "expected: 2 cells.*line 3 has 4 cells"),
        (b"a,a,label\n1,2,x\n3,4,y\n", "column name occurs twice; got: 'a'"),
        (b"a,label\n0,1,x\n1,2,y\n", "2 cells.*give the first column a name"),
        (b"a,b,label\n1,2,x,\n1,2,y,\n", "3 cells.*line 2 has 4 cells"),
        (b'a,label\n1,"x\n2,y\n', "quote is never closed.*line 2"),
        (b"a,label\n1,x \n2,y\n3,x\n4,y\n", "differ by blanks only; got: 'x' and 'x '"),
        (b"\xff\xfe\x00a,label\n", "is not utf-16"),
    ],
)
def test_broken_csv(content: bytes, match: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=match):
        load_dataset(path)


def test_blanks_after_commas_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbflabel, a\r\nx, 1\r\n" + b'"y", 2\r\nx, 3\r\ny, 4\r\n')
    dataset = load_dataset(path, test_fraction=0)
    assert dataset.classes == ("x", "y")
    assert dataset.train.x.flatten().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "content", [b"a;b;label\n1;2;x\n1;3;y\n", b"a\tb\tlabel\n1\t2\tx\n1\t3\ty\n"]
)
def test_other_delimiters(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert load_dataset(path, test_fraction=0).task.shape == (2,)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS)
    with pytest.raises(InputError, match="test_fraction is out of range"):
        load_dataset(path, test_fraction=share)


def test_the_label_is_no_feature(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS)
    with pytest.raises(DataError, match="the label is among the features"):
        load_dataset(path, features=["a", "label"])


def test_broken_jsonl_and_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(DataError, match=r"one JSON object a line.*line 2"):
        load_dataset(path)
    path = write(tmp_path / "t.parquet", ROWS)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match="parquet file cannot be read"):
        load_dataset(path)


def test_rows_in_messages_are_those_of_the_file_after_the_split(tmp_path: Path) -> None:
    for row in (0, 17, 29):
        path = write(tmp_path / "t.csv", spoiled(row, b=None))
        with pytest.raises(DataError, match=rf"row {row}, column 'b'"):
            load_dataset(path, test_fraction=0.5)


def test_same_seed_same_split(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS)
    assert torch.equal(load_dataset(path).train.x, load_dataset(path).train.x)
    assert not torch.equal(load_dataset(path, seed=1).train.x, load_dataset(path).train.x)
