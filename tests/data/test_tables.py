import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.data import Dataset, load_dataset
from pauca.data.columns import ColumnOptions, items_of
from pauca.data.features import standardised, text_weights
from pauca.data.tables import row_keys, table_dataset, text_keys
from pauca.errors import DataError, InputError, UnknownNameError, UsageError
from pauca.testing.datasets import check_dataset

ROWS = [
    {"a": i + 0.25, "b": i % 3 + 0.5, "word": "xyz"[i % 3], "label": ["no", "yes"][i % 2]}
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
        assert row == [i + 0.25, i % 3 + 0.5, *[float(i % 3 == k) for k in range(3)]]
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
    path = write(tmp_path / "t.csv", [{"a": i / 4, "b": -i} for i in range(5)])
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
        ([{**row, "label": "yes"} for row in ROWS], ["only one class", "yes"]),
        ([{"label": row["label"]} for row in ROWS], ["no column of features"]),
        ([{**row, "class": 1} for row in ROWS], ["more than one column", "label, class"]),
        (
            [{**row, "free": f"sentence {i % 80}"} for i, row in enumerate(ROWS * 3)],
            ["'free'", "80 different", "unusable = 'leave-out'"],
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
    assert dataset.train.x[3, 0] == pytest.approx(np.mean(known) + 0.25)
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
    with pytest.raises(DataError, match=r"different columns.*test\.csv"):
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
    with pytest.raises(DataError, match=r"cannot be read.*whole parquet file"):
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


def made(train: pd.DataFrame, test: pd.DataFrame | None = None, **options: Any) -> Dataset:
    return table_dataset("t", items_of(train, test, "t"), ColumnOptions(**options))


def labelled(n: int, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({**columns, "label": [["no", "yes"][i % 2] for i in range(n)]})


@pytest.mark.parametrize("form", ["text", "float64", "int64", "vectors"])
def test_large_offsets_keep_their_digits(form: str) -> None:
    times = 1_700_000_000_000 + np.arange(400) * 7.0
    cells: Any = times.astype(np.int64) if form == "int64" else times
    if form == "text":
        cells = [str(v) for v in times]
    if form == "vectors":
        cells = [[v, -v] for v in times]
    dataset = made(labelled(400, time=cells))
    column = dataset.train.x[:, 0]
    assert len(set(column.tolist())) == 320
    out = dataset.task.evaluate(dataset.train.x, None)
    assert out.mean(0).abs().max() < 1e-6
    assert (out.std(0, correction=0) - 1).abs().max() < 1e-5
    assert any("standardised in float64 before float32" in note for note in dataset.notes)
    check_dataset(dataset)


@settings(max_examples=60, deadline=None)
@given(
    offset=st.sampled_from([0.0, 1.0, 100.0, 1e6, 1e9, 1e12, -1e12]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 9),
)
def test_no_column_loses_more_than_a_millionth(offset: float, scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(60, 1)) * scale + offset
    x, x_test, notes = standardised(values, values[:9], ["v"])
    assert x_test is not None
    assert torch.equal(x[:9], x_test)
    if not notes:
        assert torch.equal(x, torch.from_numpy(values.astype(np.float32)))
    wide = x.double().numpy()
    shown = (wide - wide.mean()) / wide.std()
    right = ((values - values[0]) - (values - values[0]).mean()) / (values - values[0]).std()
    assert np.abs(shown - right).max() < 1e-5
    coarse = abs(offset) * 2.0**-53 > 1e-6 * scale
    assert any("float64 loses" in note for note in notes) == coarse


def test_what_float32_holds_stays_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    values = np.stack(
        [
            rng.normal(size=90),
            rng.integers(0, 2**24, 90).astype(float),
            np.full(90, 1e9 + 0.1),
            np.arange(90) / 8 + 1e5,
        ],
        axis=1,
    )
    x, _, notes = standardised(values)
    assert notes == ()
    assert torch.equal(x, torch.from_numpy(values.astype(np.float32)))
    for kind in (np.float32, np.int16, np.uint8, np.bool_):
        small = rng.integers(0, 2, (9, 3)).astype(kind)
        assert standardised(small)[0].tolist() == small.astype(float).tolist()
    x, _, notes = standardised(np.array([[1e300], [-1e300], [0.0]]))
    assert torch.isfinite(x).all()
    assert "1 of 1 columns" in notes[0]


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    data = labelled(90, a=np.arange(90) / 7, b=np.arange(90) % 4)
    data.loc[data.index % 3 == 0, "label"] = ""
    dataset = made(data)
    assert "30 of 90 items have no label and are left out" in dataset.notes
    assert dataset.test is not None
    assert len(dataset.train) + len(dataset.test) == 60
    pool = made(data.assign(label=None))
    assert (pool.train.y, pool.test, len(pool.train)) == (None, None, 90)


def test_minus_one_is_no_label() -> None:
    data = pd.DataFrame({"a": np.arange(90) / 7, "y": [i % 2 if i % 3 else -1 for i in range(90)]})
    dataset = made(data, label="y")
    assert dataset.classes == ("0", "1")
    assert "30 of 90 items have no label and are left out" in dataset.notes
    assert made(data, label="y", classes=("-1", "0", "1")).classes == ("-1", "0", "1")


def test_a_test_part_without_labels_is_left_aside() -> None:
    data = labelled(40, a=np.arange(40) / 7)
    dataset = made(data, data.assign(label=""))
    assert dataset.test is not None
    assert len(dataset.test) == 8
    assert any("the test part is left aside" in note for note in dataset.notes)


def test_a_class_that_training_lacks_is_said() -> None:
    data = labelled(40, a=np.arange(40) / 7)
    late = data.assign(label=["new", *data["label"][1:]])
    dataset = made(data, late)
    assert dataset.classes == ("new", "no", "yes")
    assert any("that training lacks: 'new'" in note for note in dataset.notes)


def test_groups_stay_whole_and_copies_are_said() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "a": rng.normal(size=200),
            "patient": [f"p{i // 10}" for i in range(200)],
            "label": ["xy"[i // 10 % 2] for i in range(200)],
        }
    )
    dataset = made(data, group="patient")
    assert dataset.test is not None
    assert dataset.train.groups is not None
    assert dataset.test.groups is not None
    assert not set(dataset.train.groups.tolist()) & set(dataset.test.groups.tolist())
    assert len(dataset.test) == 40
    rows = np.repeat(rng.normal(size=(50, 3)).round(3), 4, 0)
    copies = pd.DataFrame(rows, columns=list("abc")).assign(label=np.repeat(np.arange(50) % 2, 4))
    dataset = made(copies)
    assert any("40 of 40 items of the test part stand in training too" in n for n in dataset.notes)
    dataset = made(copies, copies="together")
    assert dataset.test is not None
    seen = {tuple(row) for row in dataset.train.x.tolist()}
    assert not any(tuple(row) in seen for row in dataset.test.x.tolist())


def test_near_copies_of_texts_are_counted() -> None:
    texts = [f"word{i // 2} and more words" for i in range(80)]
    texts[1::2] = [text.upper() + "  " for text in texts[1::2]]
    data = pd.DataFrame({"text": texts, "label": ["a", "b"] * 40})
    assert any("more but for case and blanks" in note for note in made(data).notes)
    exact, near = text_keys(texts)
    assert (len(set(exact.tolist())), len(set(near.tolist()))) == (80, 40)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(-3, 3), st.floats(-2, 2, width=16)), min_size=2))
def test_keys_are_equal_for_equal_rows_alone(rows: list[tuple[int, float]]) -> None:
    columns = [np.array([row[i] for row in rows], dtype=float) for i in (0, 1)]
    keys = row_keys(columns, len(rows)).tolist()
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (keys[i] == keys[j]) == (one == other)


def test_empty_texts_are_left_out_kept_or_refused() -> None:
    texts = [f"word{i % 5} other" for i in range(40)]
    texts[3], texts[8], texts[12] = "", " \u200b ", "\n"
    data = pd.DataFrame({"text": texts, "label": ["a", "b"] * 20})
    dataset = made(data, test_fraction=0)
    assert "3 of 40 items have no text and are left out" in dataset.notes
    assert len(dataset.train) == 37
    kept = made(data, test_fraction=0, empty_texts="keep")
    assert len(kept.train) == 40
    assert kept.train.x[3].abs().sum() == 0
    with pytest.raises(DataError, match=r"a text is missing.*3 of 40.*row 3"):
        made(data, empty_texts="refuse")
    with pytest.raises(DataError, match="every text is empty"):
        made(data.assign(text=""))


def test_signs_are_told_apart_by_their_characters() -> None:
    dataset = made(
        pd.DataFrame({"text": ["\U0001f44d", "\U0001f44e", "!?"] * 10, "label": ["a", "b"] * 15})
    )
    assert dataset.train.x.abs().sum(1).min() > 0
    assert any("the texts hold no words" in note for note in dataset.notes)
    assert text_weights(["a", "b"], None, 9, "t")[0].shape == (2, 2)
    with pytest.raises(DataError, match=r"the texts hold no words.*text"):
        text_weights(["", ""], None, 9, "t")


def test_title_and_abstract_are_one_text() -> None:
    data = pd.DataFrame(
        {"title": ["One", None] * 10, "abstract": ["more", "words"] * 10, "label": ["a", "b"] * 10}
    )
    dataset = made(data, text=("title", "abstract"), test_fraction=0)
    assert dataset.train.sources is not None
    assert dataset.train.sources[:2] == ("One\n\nmore", "words")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([[1, 2], None], "no vector of numbers.*None.*row 1"),
        ([[1, 2], [1]], "differ in length.*1 numbers, 2 before.*row 1"),
        ([[1, 2], ["a", "b"]], "no vector of numbers.*row 1"),
        ([[1, 2], [1, None]], "no vector of numbers.*row 1"),
        ([[1, 2], "1 2"], "no vector of numbers.*row 1"),
        ([[1, 2], []], r"no vector of numbers.*\[\].*row 1"),
        ([[1, 2], [1, float("inf")]], "NaN or infinity.*row 1.*place 1"),
    ],
)
def test_broken_vectors_are_named(cells: list[Any], words: str) -> None:
    data = pd.DataFrame({"v": [*cells, [3, 4], [5, 6]], "label": ["a", "b"] * 2})
    with pytest.raises(DataError, match=words):
        made(data, test_fraction=0)


def test_the_test_part_is_read_as_training_is() -> None:
    train = labelled(
        40, price=[f"{i % 7},5" for i in range(40)], day=["2020-01-01", "2020-02-01"] * 20
    )
    test = labelled(4, price=["1,5", "2", "3,25", "0,5"], day=["2021-01-01"] * 4)
    dataset = made(train, test)
    assert dataset.test is not None
    assert dataset.test.x[:, 0].tolist() == [1.5, 2, 3.25, 0.5]
    with pytest.raises(DataError, match=r"words where training holds numbers.*'1.5'.*row 2"):
        made(train, test.assign(price=["1,5", "2", "1.5", "1,5"]))
    with pytest.raises(DataError, match=r"no column 'day'.*test part"):
        made(train, test.drop(columns="day"))
