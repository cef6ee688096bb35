"""What a column is, on frames as readers give them: texts of csv, typed cells of the others."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.data.columns import (
    ColumnOptions,
    Labels,
    Roles,
    find_roles,
    folded,
    items_of,
    joined_texts,
    numbers_of,
    pool_notes,
    read_labels,
)
from pauca.data.tables import table_dataset
from pauca.errors import DataError, PaucaError
from pauca.formats.base import Images, Items, Part

N = 40
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=N).round(3)
CLASSES = ["xy"[i % 2] for i in range(N)]


def frame(text: bool = True, **columns: Any) -> pd.DataFrame:
    """A measurement, these columns and a label; as csv has them, or typed."""
    made = pd.DataFrame({"value": VALUES[: len(CLASSES)], **columns, "label": CLASSES})
    return made.astype(str) if text else made


def roles(data: pd.DataFrame, **options: Any) -> Roles:
    return find_roles(items_of(data, None, "t.csv"), ColumnOptions(**options))


def labels(values: Any, **options: Any) -> Labels:
    return read_labels([values], "t.csv, column 'y'", ColumnOptions(**options))


# ------------------------------------------------------------------------------- which is the label


@pytest.mark.parametrize("name", ["label", "Class", "TARGET", "category"])
def test_the_label_is_found_by_its_name(name: str) -> None:
    assert roles(frame().rename(columns={"label": name})).label == name


def test_what_the_format_says_comes_before_the_name() -> None:
    data = frame(kind=CLASSES, nr=[f"n{i}" for i in range(N)])
    part = Part("t.csv", data, label="kind", id="nr")
    found = find_roles(Items(part), ColumnOptions(features=("value",)))
    assert (found.label, found.id) == ("kind", "nr")
    assert find_roles(Items(part), ColumnOptions(label="label")).label == "label"


def test_a_name_that_is_nearly_a_label_is_mentioned() -> None:
    whole = frame().rename(columns={"label": "labels"})
    found = roles(whole)
    assert found.label is None
    assert "perhaps 'labels'" in pool_notes(items_of(whole, None, "t"), found)[0]


def test_several_labels_are_refused() -> None:
    with pytest.raises(DataError, match=r"more than one column may be the label.*label, target"):
        roles(frame().assign(target="x"))


def test_pictures_need_no_features() -> None:
    images = Images(lambda: (), str)
    data = pd.DataFrame({"label": CLASSES, "note": [f"a b c d {i}" for i in range(N)]})
    found = find_roles(Items(Part("t.parquet", data, images=images)), ColumnOptions())
    assert (found.label, found.features, found.text) == ("label", (), ())


# ------------------------------------------------------------------------------ numbers of the rows


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("nr", range(N)),
        ("nr", range(1, N + 1)),
        ("nr", RNG.permutation(N)),
        ("nr", np.arange(N, dtype=float)),
        ("nr", range(1000, 1000 + 3 * N, 3)),
        ("Unnamed: 0", VALUES),
        ("", RNG.permutation(N)),
        ("index", RNG.permutation(10_000)[:N]),
        ("level_0", RNG.permutation(10_000)[:N]),
        ("uuid", [f"{i * 7919:08x}a" for i in range(N)]),
        ("customer_id", np.arange(N) ** 3),
        ("customerID", [f"c{i}" for i in range(N)]),
        ("name", [f"word{i}" for i in range(N)]),
    ],
)
def test_ids_and_row_numbers_are_left_out_and_said(name: str, values: Any, text: bool) -> None:
    data = frame(text, **{name: list(values)})
    found = roles(data)
    assert found.features == ("value",)
    assert name in found.left_out
    assert any(repr(name) in note and "left out" in note for note in found.notes)


def test_what_is_asked_for_is_kept() -> None:
    data = frame(nr=range(N))
    assert roles(data, keep=("nr",)).features == ("value", "nr")
    assert any("'nr' is kept as asked for" in note for note in roles(data, keep=("nr",)).notes)
    assert roles(data, features=("nr",)).features == ("nr",)
    with pytest.raises(DataError, match=r"no column 'no'.*"):
        roles(data, keep=("no",))


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("size", VALUES + 5),
        ("size", np.arange(N) // 2),
        ("time", 1_700_000_000_000 + np.arange(N) * 17),
        ("t", 1_700_000_000_000.0 + np.arange(N)),
        ("income", np.array([20_000 + 997 * (i * 7 % N) + i * i for i in range(N)])),
        ("flag", np.arange(N) % 2),
        ("id_number", np.arange(N) % 7),
    ],
)
def test_measurements_stay(name: str, values: Any, text: bool) -> None:
    found = roles(frame(text, **{name: values}))
    assert found.features == ("value", name)
    np.testing.assert_array_equal(found.columns[name].numbers, np.asarray(values, dtype=float))


def test_few_rows_are_measured() -> None:
    """Whole numbers of few rows differ by chance; row numbers and ids are told still."""
    data = pd.DataFrame(
        {"a": ["3", "9", "4", "12"], "b": ["1", "2", "3", "4"], "label": list("xyxy")}
    )
    assert roles(data).features == ("a", "b")
    data = pd.DataFrame({"a": [5, 3, 9, 4, 12, 8], "b": range(6), "label": list("xyxyxy")})
    assert roles(data).features == ("a",)


def test_the_only_column_is_kept_and_said() -> None:
    data = pd.DataFrame({"code": np.arange(N) * 1000 + 7, "label": CLASSES})
    assert roles(data).features == ("code",)
    assert any("kept because there is no other" in note for note in roles(data).notes)
    data = pd.DataFrame({"code": np.arange(N), "label": CLASSES})
    with pytest.raises(DataError, match=r"no column of features.*'code': the numbers of the rows"):
        roles(data)


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 1),
    n=st.integers(5, 60),
    seed=st.integers(0, 5),
    form=st.sampled_from(["int", "float", "text", "decimals"]),
)
def test_row_numbers_in_any_form_and_order(start: int, n: int, seed: int, form: str) -> None:
    numbers = np.random.default_rng(seed).permutation(n) + start
    cells: Any = numbers if form == "int" else numbers.astype(float)
    if form in ("text", "decimals"):
        cells = [str(v) for v in (numbers if form == "text" else cells)]
    values = np.random.default_rng(seed).normal(size=n)
    found = roles(pd.DataFrame({"v": values, "q": cells, "label": ["x", *["y"] * (n - 1)]}))
    assert found.features == ("v",)


# -------------------------------------------------------------------------- how numbers are written


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1.234,56", "7,5", "12"], [1234.56, 7.5, 12]),
        (["1,234.56", "7.5", "12"], [1234.56, 7.5, 12]),
        (["0,5", "1,25", "3"], [0.5, 1.25, 3]),
        (["1 234,5", "-2,0", "1\u00a0000"], [1234.5, -2, 1000]),
        (["1'234.5", "2", "3.0"], [1234.5, 2, 3]),
        (["1.234.567", "1.000", "12"], [1234567, 1000, 12]),
        (["true", "False", "TRUE"], [1, 0, 1]),
        (["2020-01-01", "2020-01-02", ""], [1577836800, 1577923200, np.nan]),
        (["2020-01-01T00:00:01Z", "2020-01-01 01:00:00+01:00"] * 2, [1577836801, 1577836800] * 2),
        (["00:00:10", "12:30:00", "1:00:00"], [10, 45000, 3600]),
        (["1", "2e1", "?"], [1, 20, np.nan]),
    ],
)  # fmt: skip
def test_ways_to_write_numbers(cells: list[str], numbers: list[float]) -> None:
    data = frame(other=(cells * N)[:N])
    column = roles(data).columns["other"]
    assert column.numbers is not None
    np.testing.assert_allclose(column.numbers[: len(numbers)], numbers)
    np.testing.assert_allclose(numbers_of(column, pd.Series(cells), "test"), numbers)
    assert (column.said is None) == (cells[0] in ("true", "1"))


def test_mostly_empty_is_unusable() -> None:
    cells = ["1.5", "NA", "?"]
    with pytest.raises(DataError, match=r"'other' is mostly empty: 65% of its cells.*unusable"):
        roles(frame(other=(cells * N)[:N]))


def test_one_mark_alone_is_not_guessed() -> None:
    data = frame(price=["1,234", "5,678", "12"] * 13 + ["7"])
    with pytest.raises(DataError, match=r"'price'.*decimal or thousands.*'1,234'"):
        roles(data)
    for option, first in (
        (("decimal", ","), 1.234),
        (("decimal", "."), 1234),
        (("thousands", ","), 1234),
    ):
        numbers = roles(data, **dict([option])).columns["price"].numbers
        assert numbers is not None
        assert numbers[0] == first


def test_one_column_decides_the_mark_of_the_others() -> None:
    data = frame(
        price=["1,234", "5,678"] * 20, share=["0,5", "12,25"] * 20, many=["1.200", "7"] * 20
    )
    found = roles(data)
    first = [found.columns[name].numbers[0] for name in ("price", "share", "many")]  # type: ignore[index]
    assert first == [1.234, 0.5, 1200]
    assert found.columns["value"].numbers is not None
    np.testing.assert_array_equal(found.columns["value"].numbers, VALUES)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.decimals(-(10**7), 10**7, places=2, allow_nan=False), min_size=5, max_size=30
    ),
    marks=st.sampled_from([(",", "."), (".", ","), (",", " "), (".", "'"), (",", "")]),
)
def test_marked_numbers_come_back(values: list[Any], marks: tuple[str, str]) -> None:
    decimal, thousands = marks
    made = [f"{v:,.2f}".translate({44: thousands, 46: decimal}) for v in values]
    data = pd.DataFrame({"a": made, "w": ["x", "y", *["x"] * (len(made) - 2)]})
    found = roles(data, decimal=decimal).columns["a"]
    assert found.numbers is not None
    np.testing.assert_array_equal(found.numbers, [float(v) for v in values])


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([f"{i}%" for i in range(N)], "a sign or unit \\(%\\)"),
        ([f"{i % 30} kg" for i in range(N)], "a sign or unit \\(kg\\)"),
        ([f"€ {i % 30},50" for i in range(N)], "a sign or unit \\(€\\)"),
        ([f"{i % 28 + 1}.{i % 11 + 1}.2020" for i in range(60)], "not written as 2020-12-31"),
        ([f"[{i % 55}, 2]" for i in range(60)], "lists that are written as text"),
        (["1.5"] * (N - 1) + ["1O"], "a word among numbers.*'1O'.*row 39"),
        (["", "NA"] * 20, "is empty"),
    ],
)
def test_what_cannot_be_read_is_named(cells: list[str], words: str) -> None:
    n = len(cells)
    data = pd.DataFrame({"v": np.arange(n) % 3 / 4, "odd": cells, "label": (["x", "y"] * n)[:n]})
    data["v"] = data["v"].astype(str)
    with pytest.raises(DataError, match=f"'odd'.*{words}|{words}.*'odd'"):
        roles(data)
    found = roles(data, unusable="leave-out")
    assert found.features == ("v",)
    assert "odd" in found.left_out


def test_all_unusable_columns_are_named_at_once() -> None:
    n = 120
    data = pd.DataFrame(
        {
            "v": np.arange(n) % 7 / 2,
            "words": [f"w{i % 60}" for i in range(n)],
            "empty": [None] * n,
            "record": [{"a": i} for i in range(n)],
            "label": ["x", "y"] * (n // 2),
        }
    )
    with pytest.raises(
        DataError, match=r"3 columns.*'words'.*60 different.*'empty'.*'record'.*Argilla"
    ):
        roles(data)
    assert roles(data, unusable="leave-out").features == ("v",)


def test_dates_of_any_type_are_seconds() -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=i) for i in range(N)]
    typed = pd.DataFrame(
        {
            "stamp": pd.to_datetime(days),
            "day": [d.date() for d in days],
            "span": [timedelta(minutes=i % 9) for i in range(N)],
            "naive": pd.to_datetime([d.replace(tzinfo=None) for d in days]),
            "label": CLASSES,
        }
    )
    assert isinstance(typed["day"].iloc[0], date)
    found = roles(typed)
    assert found.features == ("stamp", "day", "span", "naive")
    for name in ("stamp", "day", "naive"):
        np.testing.assert_array_equal(found.columns[name].numbers, [d.timestamp() for d in days])
    np.testing.assert_array_equal(found.columns["span"].numbers, [i % 9 * 60 for i in range(N)])
    assert any("seconds since 1970" in note for note in found.notes)


def test_constant_columns_are_said_and_stay() -> None:
    found = roles(frame(same=["3"] * N))
    assert found.features == ("value", "same")
    assert "columns that never change: 'same'" in found.notes
    assert any("'word'" in note for note in roles(frame(word=["a"] * N)).notes)


def test_codes_of_words_are_words() -> None:
    found = roles(frame(colour=["red", "2", "blue", "4"] * 10, truth=["yes", "no"] * 20))
    assert [found.columns[c].content for c in ("colour", "truth")] == ["words", "words"]


# ------------------------------------------------------------------------------------------- texts

SENTENCES = [f"this is the sentence with number {i} of all" for i in range(N)]


def test_texts_are_told_by_their_content() -> None:
    data = pd.DataFrame({"review": SENTENCES, "nr": [str(i) for i in range(N)], "label": CLASSES})
    found = roles(data)
    assert (found.text, found.features) == (("review",), ())
    assert any("'review', the only one that holds texts" in note for note in found.notes)
    few = pd.DataFrame(
        {"grade": ["very good indeed sir", "not so bad at all"] * 20, "label": CLASSES}
    )
    assert roles(few).columns["grade"].content == "words"


def test_texts_beside_numbers_are_left_out_and_said() -> None:
    found = roles(frame(review=SENTENCES))
    assert found.features == ("value",)
    assert "name it with text" in found.left_out["review"]
    assert roles(frame(review=SENTENCES), text=("review",)).text == ("review",)


def test_several_texts_are_asked_about() -> None:
    data = pd.DataFrame({"title": SENTENCES, "abstract": SENTENCES[::-1], "label": CLASSES})
    with pytest.raises(DataError, match=r"more than one column may be the text.*title, abstract"):
        roles(data)
    assert roles(data, text=("title", "abstract")).text == ("title", "abstract")
    assert find_roles(Items(Part("a.ris", data, text=("title", "abstract"))), ColumnOptions()).text


def test_texts_are_joined_and_missing_ones_passed_by() -> None:
    data = pd.DataFrame({"title": ["T", None, ""], "abstract": ["A", "B", float("nan")]})
    assert joined_texts(data, ("title", "abstract"), "t") == ["T\n\nA", "B", ""]
    with pytest.raises(DataError, match=r"'fields' holds objects.*Argilla"):
        joined_texts(pd.DataFrame({"fields": [{"text": "a"}]}), ("fields",), "t")
    with pytest.raises(DataError, match=r"holds objects.*'text'"):
        joined_texts(pd.DataFrame({"fields": ["a", {"text": "b"}]}), ("fields",), "t")
    with pytest.raises(DataError, match="lists of words"):
        joined_texts(pd.DataFrame({"tokens": [["a", "b"]]}), ("tokens",), "t")


def test_vectors_are_an_embedding_whatever_stands_beside() -> None:
    data = pd.DataFrame({"vector": [[0.5, i] for i in range(N)], "kind": "a", "label": CLASSES})
    found = roles(data)
    assert found.features == ("vector",)
    assert found.left_out["kind"] == "the features are the vectors of 'vector'"
    with pytest.raises(DataError, match=r"2 columns.*'vector' holds vectors beside other columns"):
        roles(data.assign(other=data["vector"]))


def test_the_label_among_others_is_refused() -> None:
    with pytest.raises(DataError, match="the label is among the features"):
        roles(frame(), features=("value", "label"))
    with pytest.raises(DataError, match="both text and features"):
        roles(frame(review=SENTENCES), features=("value",), text=("review",))


# ------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("values", "classes", "names"),
    [
        (["b", "a", "b"], ("a", "b"), ["b", "a", "b"]),
        ([2, 10, 2], ("2", "10"), ["2", "10", "2"]),
        ([True, False, True], ("False", "True"), ["True", "False", "True"]),
        ([["a"], ["b"], []], ("a", "b"), ["a", "b", None]),
        ([("a",), np.array(["b"]), np.array([])], ("a", "b"), ["a", "b", None]),
        ([[None], ["b"], ["a"]], ("a", "b"), [None, "b", "a"]),
        (["a", "", "b"], ("a", "b"), ["a", None, "b"]),
        (["a", None, "b", float("nan"), pd.NA], ("a", "b"), ["a", None, "b", None, None]),
        ([0, -1, 1], ("0", "1"), ["0", None, "1"]),
        (["0", "-1", "1", "-1.0"], ("0", "1"), ["0", None, "1", None]),
        (np.array([0.0, -1.0, 1.0]), ("0", "1"), ["0", None, "1"]),
        (["-1", "1", "1"], ("-1", "1"), ["-1", "1", "1"]),
        (["a", "-1", "b"], ("-1", "a", "b"), ["a", "-1", "b"]),
        (["1.0", "2.0", ""], ("1", "2"), ["1", "2", None]),
        (["1.0", "1", "2"], ("1", "2"), ["1", "1", "2"]),
        (["007", "7", "12"], ("007", "7", "12"), ["007", "7", "12"]),
        (["NA", "nan", "None"], ("NA", "None", "nan"), ["NA", "nan", "None"]),
        (["1", "nan", "2", "NaN"], ("1", "2"), ["1", None, "2", None]),
        ([b"a", b"b", "a"], ("a", "b"), ["a", "b", "a"]),
        (["['a']", "['b']", "[]"], ("a", "b"), ["a", "b", None]),
        (["[now]", "[late]", "[now]"], ("[late]", "[now]"), ["[now]", "[late]", "[now]"]),
        ([None, "", []], (), [None, None, None]),
    ],
)  # fmt: skip
def test_what_labels_say(values: Any, classes: tuple[str, ...], names: list[str | None]) -> None:
    found = labels(values)
    assert found.classes == classes
    assert found.values == (names,)


@settings(max_examples=80, deadline=None)
@given(
    values=st.lists(st.sampled_from(["cat", "dog", None]), min_size=2, max_size=20),
    form=st.sampled_from(["plain", "list", "tuple", "array", "bytes", "series"]),
)
def test_labels_mean_the_same_in_any_form(values: list[str | None], form: str) -> None:
    wrap: dict[str, Any] = {
        "plain": lambda v: v,
        "series": lambda v: v,
        "list": lambda v: [] if v is None else [v],
        "tuple": lambda v: () if v is None else (v,),
        "array": lambda v: np.array([] if v is None else [v]),
        "bytes": lambda v: b"" if v is None else v.encode(),
    }
    cells = [wrap[form](v) for v in values]
    found = labels(pd.Series(cells, dtype=object) if form == "series" else cells)
    assert found.values == (values,)


def test_minus_one_is_said_and_can_be_a_class() -> None:
    found = labels([0, 1, -1, -1])
    assert any("2 labels are -1: read as no label" in note for note in found.notes)
    found = labels([0, 1, -1, -1], classes=("-1", "0", "1"))
    assert found.values == (["0", "1", "-1", "-1"],)
    assert any("-1 is read as a class" in note for note in labels([1, -1, 1]).notes)
    assert labels([0, -1], classes=("cat", "dog")).values == (["cat", None],)


MANY = [round(float(v), 1) for v in np.random.default_rng(0).normal(50, 3, 400)]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", ["a", "b"]], "multi-label classification"),
        ([["a"], np.array(["a", "b"])], "multi-label classification"),
        ([{"sport": 1, "news": 0}, None], "multi-label classification"),
        ([[0, 1, 1], [1, 0, 0]], "multi-label classification"),
        (["['a', 'b']", "['a']"], "multi-label classification"),
        ([[{"start": 0, "end": 4, "label": "PER"}], []], "span or box annotation"),
        ([[[0, 4, "PER"]], []], "span or box annotation"),
        ([{"x": 1, "y": 2, "width": 3, "height": 4}], "span or box annotation"),
        (["[[0, 4, 'PER']]"], "span or box annotation"),
        ([[[[0, 4, "PER"]]]], "span or box annotation"),
        ([[[["a"]]]], "multi-label classification"),
        (MANY, "regression"),
        ([str(v) for v in MANY], "regression"),
        ([0.5, 1.0, 1.5], "regression"),
        (["0,5", "1,5", "2"], "regression"),
        ([float(v) for v in range(30)] * 3, "regression"),
        (list(range(0, 60 * 13, 13)), "regression"),
        (list(range(25)), "regression"),
        ([f"a text of its own, {i}" for i in range(60)], "is this the id or the text"),
    ],
)
def test_other_tasks_are_refused_by_their_name(values: list[Any], task: str) -> None:
    with pytest.raises(DataError, match=task) as caught:
        labels(values)
    assert caught.value.todo
    assert "test_fraction" not in str(caught.value)


def test_numbers_that_are_listed_are_classes() -> None:
    found = labels([0.5, 1.5, 0.5], classes=("0.5", "1.5"))
    assert found.values == (["0.5", "1.5", "0.5"],)


@pytest.mark.parametrize("values", [list(range(26)) * 20, [float(v) for v in range(26)] * 20])
def test_many_whole_numbers_are_classes(values: list[Any]) -> None:
    assert len(labels(values).classes) == 26


def test_the_separator_of_several_labels() -> None:
    assert labels(["a", "b;", " "], label_separator=";").values == (["a", "b", None],)
    with pytest.raises(DataError, match="multi-label"):
        labels(["a", "b;a"], label_separator=";")


ALIKE = [
    ["cat", "Cat"], ["cat", "cat "], ["new york", "new  york"], ["caf\u00e9", "cafe\u0301"],
    ["cat", "c\u200bat"], ["cat", "\uff43at"], ["a b", "a\u00a0b"],
]  # fmt: skip


@pytest.mark.parametrize("pair", ALIKE)
def test_labels_that_look_alike_are_said_and_joined(pair: list[str]) -> None:
    values = [pair[0], pair[0], pair[1], "other"]
    found = labels(values)
    assert set(found.classes) == {*pair, "other"}
    assert any(f"{pair[0]!r}" in n and f"{pair[1]!r}" in n for n in found.notes), found.notes
    joined = labels(values, join_labels=True)
    assert set(joined.classes) == {pair[0], "other"}
    assert joined.values == ([pair[0]] * 3 + ["other"],)
    assert any(f"joined to {pair[0]!r}" in note for note in joined.notes)


@given(st.text(max_size=8))
def test_folding_is_stable(text: str) -> None:
    assert folded(f" {text} ") == folded(text)
    assert folded(f"{text}\u200b") == folded(text)


def test_names_of_numbers() -> None:
    options = ColumnOptions()
    found = read_labels([[0, 1, -1], [1, None]], "t", options, ("cat", "dog", "eel"))
    assert found.classes == ("cat", "dog", "eel")
    assert found.values == (["cat", "dog", None], ["dog", None])
    found = read_labels([[1, 0]], "t", ColumnOptions(classes=("dog", "cat")), ("cat", "dog"))
    assert (found.classes, found.values) == (("dog", "cat"), (["dog", "cat"],))
    with pytest.raises(DataError, match=r"not in the class list.*'3'.*row 1"):
        read_labels([[0, 3]], "t", options, ("cat", "dog"))


def test_strangers_are_named_with_their_row() -> None:
    cells = pd.Series(["cat", "dgo"], index=[7, 9])
    with pytest.raises(DataError, match=r"'dgo'.*row 9.*did you mean 'dog'"):
        labels(cells, classes=("cat", "dog"))
    with pytest.raises(DataError, match=r"test part, row 0"):
        read_labels([["cat"], ["eel"]], "t", ColumnOptions(classes=("cat", "dog")))


def test_a_header_that_stands_again_is_said() -> None:
    found = read_labels([["a", "b", "label", "a"]], "t", ColumnOptions(), column="label")
    assert any("a header that stands again" in note for note in found.notes)


def test_more_classes_than_half_of_the_items_is_said() -> None:
    assert any("4 classes in 6 items" in note for note in labels(list("aabbcd")).notes)
    assert not labels(list("aabbcc")).notes


def test_hundred_thousand_labels_are_read_at_once() -> None:
    values = pd.Series(RNG.choice(["x", "y", ""], 100_000))
    found = labels(values)
    assert found.values[0].count(None) == int((values == "").sum())
    assert torch.tensor([v == "x" for v in found.values[0]]).sum() == (values == "x").sum()


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(
        ["", "NA", "1,5", "1.234,5", "5%", "2020-01-01", "10:00", "-1", "[1]", "['a']"]
    ),
    st.sampled_from(["nan", "1e999", "1_0", "\ufeff", "--", "{", "{}", "[[", "(1,", "9" * 400]),
    st.binary(max_size=3),
    st.decimals(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.complex_numbers(),
    st.lists(st.one_of(st.integers(-2, 2), st.none(), st.text(max_size=2)), max_size=3),
    st.lists(st.lists(st.integers(0, 2), max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(0, 2), max_size=2),
    st.builds(lambda v: np.array(v), st.lists(st.floats(), max_size=3)),
    st.sampled_from([pd.NA, pd.NaT, np.float32(1), np.int8(-1), np.array(3), ("a",), {"a"}]),
)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), n=st.integers(1, 8), plain=st.booleans(), options=st.sampled_from([
    {}, {"unusable": "leave-out"}, {"missing": "mean", "test_fraction": 0.0}, {"decimal": ","},
    {"label": "a"}, {"text": ("a", "b")}, {"group": "b"}, {"features": ("a",)},
    {"keep": ("a", "b"), "unusable": "leave-out", "missing": "mean", "join_labels": True},
]))  # fmt: skip
def test_no_frame_ends_in_a_bug(data: st.DataObject, n: int, plain: bool, options: Any) -> None:
    """Whatever stands in the cells: a data set, or an error of pauca's with something to do."""
    one_kind = data.draw(st.sampled_from([ODD, st.integers(0, 3), st.sampled_from("xy")]))
    cells = {name: data.draw(st.lists(ODD, min_size=n, max_size=n)) for name in ("a", "b")}
    cells["label"] = data.draw(st.lists(one_kind, min_size=n, max_size=n))
    made = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in cells.items()})
    if plain:
        made = made.map(lambda cell: "" if cell is None else str(cell)).astype(str)
    with contextlib.suppress(PaucaError):
        dataset = table_dataset("t", items_of(made, None, "t"), ColumnOptions(**options))
        assert 0 < len(dataset.train) <= n


# --------------------------------------------------------------------------- kinds met by a review


def test_numbers_of_a_file_that_names_them_are_places_though_the_names_are_numbers() -> None:
    found = read_labels([[0, 1, 2, 1]], "h.parquet", ColumnOptions(), ("1", "2", "3"))
    assert found.values == (["1", "2", "3", "2"],)


@pytest.mark.parametrize("names", [{"sentiment": ("no", "yes")}])
def test_the_only_column_whose_classes_the_file_names_is_the_label(names: Any) -> None:
    data = frame(text=False, sentiment=[i % 2 for i in range(N)]).drop(columns="label")
    part = Part("h.parquet", data, class_names=names)
    assert find_roles(Items(part), ColumnOptions()).label == "sentiment"


def test_two_columns_whose_classes_the_file_names_are_asked_about() -> None:
    data = frame(text=False, fine=CLASSES, coarse=CLASSES).drop(columns="label")
    part = Part("h.parquet", data, class_names={"fine": ("x", "y"), "coarse": ("x", "y")})
    found = find_roles(Items(part), ColumnOptions())
    assert "perhaps 'fine' or 'coarse'" in pool_notes(Items(part), found)[0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["NA", "DE", "FR"] * 5, "5 items have the label 'NA': read as a class"),
        (["?", "yes", "no"] * 5, "5 items have the label '?': read as a class"),
        (["1", "1.0", "True", "0"] * 5, "'1' and '1.0' and 'True'"),
        (["007", "07", "8"] * 5, "'007' and '07'"),
        ([i % 30 for i in range(40)] * 2, "30 classes are whole numbers, 30 of them with fewer"),
    ],
)
def test_odd_class_names_are_said(values: list[Any], said: str) -> None:
    assert any(said in note for note in labels(values).notes)


@pytest.mark.parametrize(
    "values", [[1, 2, 3, 4, 5] * 2, ["01067", "80331"] * 5, [f"{i:05d}" for i in range(30)] * 2]
)
def test_ratings_and_postal_codes_are_classes_without_a_word(values: list[Any]) -> None:
    assert not labels(values).notes
    assert labels(values).classes == tuple(sorted({str(value) for value in values}))


def test_a_label_in_another_case_is_told_how_to_join() -> None:
    with pytest.raises(DataError, match="join_labels"):
        labels(["Spam", "ham"] * 5, classes=("spam", "ham"))
    assert labels(["Spam", "ham"], classes=("spam", "ham"), join_labels=True).values == (
        ["spam", "ham"],
    )


@pytest.mark.parametrize("gap", [" ", "\u00a0", "\u202f", "\u2019"])
def test_gaps_between_thousands_alone_are_no_question(gap: str) -> None:
    cells = [f"{137 * i:,}".replace(",", gap) for i in range(N)]
    found = roles(frame(amount=cells))
    assert found.columns["amount"].numbers is not None
    np.testing.assert_array_equal(found.columns["amount"].numbers, 137.0 * np.arange(N))


def test_gaps_say_nothing_of_the_mark_of_other_columns() -> None:
    gaps = [f"{1000 + i:,}".replace(",", " ") for i in range(N)]
    cells = [f"{i},{i % 9}5" for i in range(N)]
    question = [f"{1 + i % 9},{100 + i}" for i in range(N)]
    found = roles(frame(gaps=gaps, clear=cells, question=question).drop(columns="value"))
    assert found.columns["question"].numbers is not None
    assert found.columns["question"].numbers[0] == 1.1


@pytest.mark.parametrize("text", [True, False])
def test_durations_are_seconds(text: bool) -> None:
    seconds = [-3600 + 7919 * i for i in range(N)]
    found = roles(frame(text, took=pd.to_timedelta(seconds, unit="s")))
    assert found.columns["took"].numbers is not None
    np.testing.assert_array_equal(found.columns["took"].numbers, seconds)
    assert any("times are read as seconds: 'took'" in note for note in found.notes)


@pytest.mark.parametrize("name", ["comment", "text"])
def test_texts_without_blanks_are_texts_of_characters(name: str) -> None:
    cells = [f"\u8fd9\u662f\u4e00\u4e2a\u5f88\u597d\u7684\u4ea7\u54c1{i}" for i in range(N)]
    data = pd.DataFrame({name: cells, "label": CLASSES})
    made = table_dataset("t", items_of(data, None, "t.csv"), ColumnOptions())
    assert made.kind == "text"
    assert any("characters" in note and "share a word" in note for note in made.notes)
    assert bool((made.train.x != 0).all(0).any())  # pairs that all of them have


def test_texts_that_share_words_are_told_by_their_words() -> None:
    data = pd.DataFrame({"text": [f"a text of number {i}" for i in range(N)], "label": CLASSES})
    made = table_dataset("t", items_of(data, None, "t.csv"), ColumnOptions())
    assert not any("characters" in note for note in made.notes)


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        ([f"word{i} other{i}" for i in range(N)], {"text": ("only",)}),
        ([1000 + 7 * i * i for i in range(N)], {"keep": ("only",)}),
    ],
)
def test_the_advice_where_no_column_is_left_works(cells: Any, advice: dict[str, Any]) -> None:
    data = pd.DataFrame({"only": cells, "other": cells, "label": CLASSES})
    with pytest.raises(DataError, match=f"with {next(iter(advice))}"):
        roles(data)
    found = roles(data, **advice)
    assert "only" in (*found.text, *found.features)


def test_texts_come_before_a_few_words() -> None:
    cells = [f"a text of several words, number {i}" for i in range(N)]
    data = pd.DataFrame({"source": ["web", "app"] * (N // 2), "body": cells, "label": CLASSES})
    found = roles(data)
    assert found.text == ("body",)
    assert found.left_out == {"source": "the features are made of 'body'"}
    assert roles(data, features=("source",)).features == ("source",)
