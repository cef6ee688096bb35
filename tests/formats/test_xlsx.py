"""Sheets: what office programs show is what is read; the rest is said."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import DataError, UsageError
from pauca.formats import Part, TextOptions, formats


def read(path: Path) -> Part:
    return formats.make("xlsx", {}).read_items(path, TextOptions()).train


def saved(
    path: Path, *sheets: list[list[Any]], change: Callable[[Any], None] | None = None
) -> Part:
    book = openpyxl.Workbook()
    for i, rows in enumerate(sheets):
        sheet = book.active if i == 0 else book.create_sheet()
        for row in rows:
            sheet.append(row)
    if change is not None:
        change(book)
    book.save(path)
    return read(path)


def rewritten(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """The file with one member changed."""
    with zipfile.ZipFile(path) as file:
        members = {info.filename: file.read(info) for info in file.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for member, data in members.items():
            file.writestr(member, change(data) if member == name else data)
    return path


def test_cells_keep_their_kinds(tmp_path: Path) -> None:
    day, moment = date(2024, 5, 1), datetime(2024, 5, 1, 10, 30)
    rows: list[list[Any]] = [
        ["id", "n", "x", "b", "day", "at"],
        ["007", 3, 0.5, True, day, moment],
        [None, None, 2.0, False, time(8, 0), timedelta(hours=30)],
    ]
    part = saved(tmp_path / "t.xlsx", rows)
    assert part.frame.to_numpy().tolist() == [
        ["007", 3, 0.5, True, "2024-05-01", "2024-05-01T10:30:00"],
        [None, None, 2, False, "08:00:00", "1 day, 6:00:00"],
    ]
    assert type(part.frame["x"][1]) is int
    assert part.notes == ("4 dates and times are read as ISO texts",)
    assert part.lines is not None
    assert part.lines.tolist() == [2, 3]


def test_errors_formulas_and_hidden_and_merged_cells_are_said(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        sheet = book.active
        sheet["B2"].data_type = "e"
        sheet.merge_cells("A3:A4")
        sheet.row_dimensions[4].hidden = True
        sheet.column_dimensions["B"].hidden = True

    rows: list[list[Any]] = [["a", "b"], ["x", "#N/A"], ["both", "=1+1"], [None, 5]]
    part = saved(tmp_path / "t.xlsx", rows, change=change)
    assert part.frame.to_numpy().tolist() == [["x", None], ["both", None], [None, 5]]
    assert part.notes == (
        "1 cells with an error are null: #N/A in row 2",
        "1 merged ranges: only the first cell has the value: A3:A4",
        "1 hidden rows and 1 hidden columns are read too",
        "1 formulas have no stored value and are null: save it once more",
    )
    rewritten(
        tmp_path / "t.xlsx",
        "xl/worksheets/sheet1.xml",
        lambda data: data.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>").replace(
            b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"
        ),
    )
    part = read(tmp_path / "t.xlsx")
    assert part.frame["b"].tolist() == [None, 2, 5]
    assert not any("formulas" in note for note in part.notes)


def test_the_first_sheet_with_content_is_read(tmp_path: Path) -> None:
    part = saved(tmp_path / "t.xlsx", [], [[None], ["a"], [None], [1], [None]])
    assert part.frame["a"].tolist() == [1]
    assert part.lines is not None
    assert part.lines.tolist() == [4]
    assert part.notes == (
        "sheet 'Sheet1' is read, the only one with content",
        "1 rows without any content are passed over",
    )
    part = saved(tmp_path / "t.xlsx", [["a"], [1]], [["b"], [2]])
    assert part.notes == ("sheet 'Sheet' is read; others with content are left out: Sheet1",)


def test_names_of_columns(tmp_path: Path) -> None:
    part = saved(tmp_path / "t.xlsx", [[None, "a", 2020], [0, "x", 1], [1, "y", 2]])
    assert list(part.frame.columns) == ["", "a", "2020"]
    part = saved(tmp_path / "t.xlsx", [["a", None, "b"], ["x", None, "y"]])
    assert list(part.frame.columns) == ["a", "b"]
    assert part.notes == ("1 columns without name and content are left out",)
    with pytest.raises(DataError, match="column name occurs twice"):
        saved(tmp_path / "t.xlsx", [["a", "a"], [1, 2]])
    with pytest.raises(DataError, match=r"more cells than the header.*row 2 has 2 cells"):
        saved(tmp_path / "t.xlsx", [["a"], [1, 2]])
    part = saved(tmp_path / "t.xlsx", [["a", "b"]])
    assert (part.n, list(part.frame.columns)) == (0, ["a", "b"])
    with pytest.raises(DataError, match="no sheet has any content"):
        saved(tmp_path / "t.xlsx", [])


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    saved(path, [["a"], [1]])
    data = bytearray(path.read_bytes())
    size = data.rfind(b"PK\x01\x02") + 24  # of the last member, unpacked, in the directory
    data[size : size + 4] = (2**30).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match="at most 512 MiB"):
        read(path)


def test_what_a_sheet_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    saved(path, [["a"], [1]])
    sheet = "xl/worksheets/sheet1.xml"
    rewritten(path, sheet, lambda data: data.replace(b"A1:A2", b"A1:XFD1048576"))
    assert read(path).n == 1
    rewritten(path, sheet, lambda data: data.replace(b'row r="2"', b'row r="4000000000"'))
    with pytest.raises(DataError, match="more than a sheet may hold"):
        read(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "zero bytes"),
        (b"a,b\n1,2\n", "cannot be read"),
        (b"PK\x03\x04rest", "cannot be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "locked by a password"),
    ],
)
def test_what_is_no_sheet(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "t.xlsx").write_bytes(data)
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path / "t.xlsx")
    assert caught.value.todo


def test_a_doctype_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    saved(path, [["a"], [1]])
    rewritten(path, "xl/workbook.xml", lambda data: b'<!DOCTYPE a [<!ENTITY b "c">]>' + data)
    with pytest.raises(DataError, match="DOCTYPE"):
        read(path)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20) | st.sampled_from(
    ["=1+1", "#N/A", " x ", "\r\n", "\r", "\n", "_x000D_", "_x005F_x000D_", "NA", "007", "\0", "'a"]
)
CELL = st.none() | TEXT | st.booleans() | st.integers(-(10**15) + 1, 10**15 - 1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = data.draw(st.lists(TEXT.map(str.strip), min_size=1, max_size=4, unique=True))
    names = [name for name in names if name] or ["a"]
    row = st.tuples(*[CELL] * len(names)).map(lambda cells: dict(zip(names, cells, strict=True)))
    rows = data.draw(st.lists(row, max_size=5))
    rows = [row for row in rows if set(row.values()) != {None}]
    path = tmp_path_factory.getbasetemp() / "back.xlsx"
    assert formats.make("xlsx", {}).write_rows(path, names, rows) == len(rows)
    part = read(path)
    assert repr(part.frame.to_dict("records")) == repr(rows)
    assert part.notes == ()


def test_what_a_sheet_cannot_hold_is_refused_or_kept_as_a_text(tmp_path: Path) -> None:
    xlsx, path = formats.make("xlsx", {}), tmp_path / "t.xlsx"
    xlsx.write_rows(path, ["a"], [{"a": 2**60}, {"a": 0.1}, {"a": float("nan")}, {"a": [1, "é"]}])
    assert read(path).frame["a"].tolist() == [str(2**60), 0.1, '[1, "é"]']
    with pytest.raises(DataError, match="a text of 40,000 characters in row 2"):
        xlsx.write_rows(path, ["a"], [{"a": "x" * 40_000}])
    with pytest.raises(UsageError, match="to a file alone"):
        xlsx.write_rows(io.StringIO(), ["a"], [])
