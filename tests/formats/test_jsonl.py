"""Objects of JSON as rows: nothing is lost or changed without a word."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import DataError
from pauca.formats import Part, TextOptions, formats


def read(tmp_path: Path, content: str | bytes, name: str = "t.jsonl") -> Part:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return formats.make(path.suffix[1:], {}).read_items(path, TextOptions()).train


def rows_of(part: Part) -> list[dict[str, Any]]:
    return [{str(key): cell for key, cell in row.items()} for row in part.frame.to_dict("records")]


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_newlines_end_lines(tmp_path: Path, char: str) -> None:
    text = json.dumps({"text": f"free{char}and"}, ensure_ascii=False)
    part = read(tmp_path, f"\ufeff{text}\r\n\n{text}\n{{}}\n")
    assert rows_of(part) == [{"text": f"free{char}and"}] * 2
    assert part.notes == ("2 empty lines are passed over",)
    assert part.lines is not None
    assert part.lines.tolist() == [1, 3]


def test_cells_keep_their_types(tmp_path: Path) -> None:
    part = read(tmp_path, '{"b": 9007199254740993, "a": [1, 2]}\n{"c": {"d": "é"}, "b": null}\n')
    assert list(part.frame.columns) == ["b", "a", "c"]
    assert rows_of(part) == [
        {"b": 9007199254740993, "a": [1, 2], "c": None},
        {"b": None, "a": None, "c": {"d": "é"}},
    ]
    same = read(tmp_path, '{"v": [1, 2]}\n{"v": [3, 4]}\n')
    assert rows_of(same) == [{"v": [1, 2]}, {"v": [3, 4]}]


def test_what_json_does_not_have_is_said(tmp_path: Path) -> None:
    part = read(tmp_path, '{"a": NaN, "b": Infinity}\n{"a": 1, "b": 2, "a": 3}\n')
    assert rows_of(part) == [{"a": None, "b": float("inf")}, {"a": 3, "b": 2}]
    assert part.notes == (
        "1 values NaN are read as null",
        "keys stand twice in an object, 1 times; the last one holds: 'a'",
    )


def test_halves_of_surrogate_pairs_are_replaced(tmp_path: Path) -> None:
    line = r'{"a": "\ud83d\ude00 \uD83D \\ud800 \udc00\u00e9", "\ud800": 1}'
    part = read(tmp_path, line)
    assert rows_of(part) == [{"a": "😀 \ufffd \\ud800 \ufffdé", "\ufffd": 1}]
    assert part.notes == ("3 halves of surrogate pairs in texts are read as U+FFFD",)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_list_and_lines_are_told_apart_by_content(tmp_path: Path, suffix: str) -> None:
    rows = [{"a": 1}, {"a": 2}]
    part = read(tmp_path, json.dumps([rows[0], {}, rows[1]], indent=1), f"t{suffix}")
    assert rows_of(part) == rows
    assert part.notes == ("1 empty objects are passed over",)
    assert part.lines is not None
    assert part.lines.tolist() == [1, 3]
    assert rows_of(read(tmp_path, '{"a": 1}\n{"a": 2}\n', f"t{suffix}")) == rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}\n{"a": \n', "not JSON.*Expecting value.*line 2"),
        ('{"a": 1}\n[1]\n', "line 2 is not an object; .*list"),
        ('[{"a": 1}, 5]', "entry 2 is not an object"),
        ('"words"', "line 1 is not an object"),
        ("\n{}\n", "no rows"),
        ("[]", "no rows"),
        ('{"a": ' + "[" * 100_000 + "\n", "nested too deeply.*line 1"),
        ("[" * 100_000, "nested too deeply.*the list"),
        ('{"a": ' + "9" * 5_000 + "}\n", "not JSON.*4300 digits"),
        ('{"a": "x\0"}', "NUL byte"),
        ('{\n "data": [{"a": 1}],\n "n": 1\n}', "one JSON object.*'data', 'n'.*under 'data'"),
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_broken_files_are_refused(tmp_path: Path, content: str, words: str, suffix: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, content, f"t{suffix}")
    assert caught.value.todo
    assert len(str(caught.value)) < 1000


def test_an_object_that_holds_the_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="write the list under 'rows' alone"):
        read(tmp_path, '{"rows": [{"a": 1}]}', "t.json")
    with pytest.raises(DataError, match="orient='records'"):
        read(tmp_path, '{"a": {"0": 1, "1": 2}}', "t.json")
    assert rows_of(read(tmp_path, '{"a": 1, "b": [1, 2]}', "t.json")) == [{"a": 1, "b": [1, 2]}]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CELL = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = data.draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    row = st.tuples(*[CELL] * len(names)).map(lambda cells: dict(zip(names, cells, strict=True)))
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    path = tmp_path_factory.getbasetemp() / "back.jsonl"
    assert formats.make("jsonl", {}).write_rows(path, names, rows) == len(rows)
    part = formats.make("jsonl", {}).read_items(path, TextOptions()).train
    assert rows_of(part) == rows
    assert part.notes == ()
    assert repr(rows_of(part)) == repr(rows)  # True is not 1, nor 1.0


def test_nan_is_written_as_null() -> None:
    out = io.StringIO()
    formats.make("jsonl", {}).write_rows(out, ["a"], [{"a": float("nan"), "b": "é"}])
    assert out.getvalue() == '{"a": null, "b": "é"}\n'
