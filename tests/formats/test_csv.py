"""Tables in text are read as people have them; what is left out is said."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pauca.errors import DataError, PaucaError, UsageError
from pauca.formats import AbstractFormat, Part, TextOptions, formats
from pauca.formats.csv import read_table, write_table

ANY = TextOptions()


def read(tmp_path: Path, content: str | bytes, name: str = "t.csv", **options: Any) -> Part:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    form: AbstractFormat = formats.make({".csv": "csv", ".txt": "txt"}.get(path.suffix, "tsv"), {})
    return form.read_items(path, TextOptions(**options)).train


def rows_of(part: Part) -> list[list[Any]]:
    found: list[list[Any]] = part.frame.to_numpy(dtype=object).tolist()
    return found


def test_cells_are_the_texts_that_stand_there(tmp_path: Path) -> None:
    part = read(tmp_path, 'id,word\n007,NaN\n1.50,null\n,NA\n"1,5",\' x\n')
    assert list(part.frame.columns) == ["id", "word"]
    assert rows_of(part) == [["007", "NaN"], ["1.50", "null"], ["", "NA"], ["1,5", "' x"]]
    assert part.notes == ()
    assert part.lines is not None
    assert part.lines.tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("quoted", [True, False])
def test_every_kind_of_text(
    tmp_path: Path, mark: str, end: str, encoding: str, quoted: bool
) -> None:
    cell = f'"two{end}lines, ""é"" {mark}"' if quoted else "é"
    lines = [f"id{mark}text", f"1{mark}{cell}", f'"2"{mark}b', f"3{mark}", ""]
    part = read(tmp_path, end.join(lines).encode(encoding))
    text = f'two{end}lines, "é" {mark}' if quoted else "é"
    assert rows_of(part) == [["1", text], ["2", "b"], ["3", ""]]
    assert part.lines is not None
    assert part.lines.tolist() == ([2, 4, 5] if quoted else [2, 3, 4])


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_only_newlines_end_lines(tmp_path: Path, char: str) -> None:
    part = read(tmp_path, f"id,text\n1,free{char}and the next\n2,dogs\n")
    assert rows_of(part) == [["1", f"free{char}and the next"], ["2", "dogs"]]


def test_the_line_of_excel_names_the_delimiter(tmp_path: Path) -> None:
    part = read(tmp_path, "sep=;\r\na;b,c\r\n1;2\r\n")
    assert list(part.frame.columns) == ["a", "b,c"]
    assert part.notes == ("cells are separated by ';', as the first line says",)
    assert part.lines is not None
    assert part.lines.tolist() == [3]


def test_the_delimiter_is_said_and_may_be_named(tmp_path: Path) -> None:
    text = "a;b,c\n1;2,3\n"
    assert "';' fits too" in read(tmp_path, text).notes[0]
    assert rows_of(read(tmp_path, text, delimiter=";")) == [["1", "2,3"]]
    assert read(tmp_path, "a;b\n1;2\n").notes == ("cells are separated by semicolons",)
    assert read(tmp_path, "a\tb\n1\t2\n", "t.tsv").notes == ()
    with pytest.raises(UsageError, match="separates no cells"):
        read(tmp_path, text, delimiter="ab")


def test_blanks_after_delimiters(tmp_path: Path) -> None:
    part = read(tmp_path, 'id, "text", c\n1, "a, b", x \n2," b",\n')
    assert list(part.frame.columns) == ["id", "text", "c"]
    assert rows_of(part) == [["1", "a, b", "x "], ["2", " b", ""]]
    assert rows_of(read(tmp_path, "id\ttext\n1\t  code\n", "t.tsv")) == [["1", "  code"]]


def test_names_of_columns(tmp_path: Path) -> None:
    part = read(tmp_path, ",a, b ,,\n0,1,2,,x\n1,3,4,,y\n")
    assert list(part.frame.columns) == ["", "a", "b", "Unnamed: 3"]
    assert rows_of(part) == [["0", "1", "2", "x"], ["1", "3", "4", "y"]]
    assert part.notes == (
        "1 columns without name and content are left out",
        "blanks at the ends of column names are taken off: 'b '",
        "2 columns have no name: , Unnamed: 3",
    )
    frame = pd.DataFrame({"a": [1, 2]})
    assert list(read(tmp_path, frame.to_csv()).frame.columns) == ["", "a"]
    for header in ("a,a", "a, a ", '"a","a"'):
        with pytest.raises(DataError, match="column name occurs twice; got: 'a'"):
            read(tmp_path, f"{header}\n1,2\n")


def test_a_file_without_a_header_is_said(tmp_path: Path) -> None:
    assert read(tmp_path, "1,2.5\n2,-3e4\n").notes == (
        "the first row reads as data, and is taken as names: 1, 2.5",
    )
    notes = read(tmp_path, "ham,see you\nspam,win\nham,hello\nham,well\n").notes
    assert notes == (
        "'ham' is the name of a column and stands in 2 of its cells: "
        "if the file has no header, write one",
    )


def test_headers_that_stand_again(tmp_path: Path) -> None:
    part = read(tmp_path, "id,label\n1,a\nid,label\n2,b\n\ufeffid,label\n3,label\n")
    assert rows_of(part) == [["1", "a"], ["2", "b"], ["3", "label"]]
    assert part.notes == ("the header stands again and is left out: lines 3, 5",)
    with pytest.raises(DataError, match=r"columns in another order.*line 3"):
        read(tmp_path, "id,label\n1,a\nlabel,id\nb,2\n")


def test_rows_without_content_are_counted(tmp_path: Path) -> None:
    part = read(tmp_path, "\na,b\n\n1,2\n,\n  \n3,\n,\n\n")
    assert rows_of(part) == [["1", "2"], ["3", ""]]
    assert part.notes == ("6 rows without any content are passed over",)
    assert part.lines is not None
    assert part.lines.tolist() == [4, 7]
    assert rows_of(read(tmp_path, 'a\n1\n""\n\n2\n')) == [["1"], [""], ["2"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "zero bytes"),
        ("\n\n", "no rows"),
        ("a,b\n1,2\n3\n4,5,6\n", "expected: 2 cells.*line 3 has 1 cells, line 4 has 3 cells"),
        ('a,b\n1,"x\ny"\n1,2,3\n', "line 4 has 3 cells"),
        ("a\n0,1\n1,2\n", "give the first column a name"),
        ('a,b\n1,x\n2,"open\n3,y\n4,z\n', "never closed; where: .*line 3"),
        ('a,b\n1,"x\ny","open\n3,y\n', "never closed; where: .*line 3"),
        ('a,b\n1,5" disk\n2,"open\n', "never closed; where: .*line 3"),
        ('a,b\n1,"x"y\n2,z\n', "goes on after its quote.*lines 2 to 2"),
        ('a,b\n1,"open\n2,"x"\n', "goes on after its quote.*lines 2 to 3"),
        ('sep=;\na;b\n1;"x\n', "never closed; where: .*line 3"),
        ("a,b\n1,\0\n", "NUL byte.*line 2"),
    ],
)
def test_broken_tables_are_refused_by_line(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, content)
    assert caught.value.todo


def test_large_cells(tmp_path: Path) -> None:
    long = "word " * 600_000
    part = read(tmp_path, f'id,text\n1,"{long}"\n2,"{long}\n"\n')
    assert rows_of(part) == [["1", long], ["2", long + "\n"]]


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    part = read(tmp_path, "a,b\n")
    assert (part.n, list(part.frame.columns)) == (0, ["a", "b"])


def test_txt_is_a_text_a_line(tmp_path: Path) -> None:
    part = read(tmp_path, "cats, dogs\n\n  \nfree\u2028all\r\n", "t.txt")
    assert part.frame["text"].tolist() == ["cats, dogs", "free\u2028all"]
    assert part.text == ("text",)
    assert part.notes == (
        "read as a text a line, the first line too",
        "2 empty lines are passed over",
    )
    assert part.lines is not None
    assert part.lines.tolist() == [1, 4]
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path, "\n \n", "t.txt")


def test_txt_with_tabs_is_a_table(tmp_path: Path) -> None:
    part = read(tmp_path, "id\ttext\n1\tx\n2\ty\n".encode("utf-16"), "t.txt")
    assert list(part.frame.columns) == ["id", "text"]
    assert "as many tabs" in part.notes[0]
    part = read(tmp_path, "id;text\n1;x\n", "t.txt")
    assert "every line has as many semicolons: if this is a table, say delimiter" in part.notes
    part = read(tmp_path, "id;text\n1;x\n", "t.txt", delimiter=";")
    assert rows_of(part) == [["1", "x"]]


CSV_TEXT = st.lists(
    st.sampled_from([",", '"', '""', "\n", "\r", "\r\n", " ", "a", "é", "\u2028", "\ufeff", "1"])
).map("".join)


@settings(max_examples=400, deadline=None)
@given(CSV_TEXT, st.sampled_from(["a,b\n", "a\n", '"x\ny",b\n', ""]))
@example('x,"y"\n,"z\nw"\n', "a,b\n")
@example("\ufeffa,b\n", "a,b\n")
@example('"",\n', "a,b\n")
@example('\n"x"""', "a\n")
def test_whatever_is_read_is_what_a_strict_reader_reads(
    tmp_path_factory: pytest.TempPathFactory, text: str, header: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "strict.csv"
    path.write_bytes((header + text).encode())
    try:
        part = read_table(path, TextOptions(delimiter=","))
    except PaucaError:
        return
    lines = io.StringIO((header + text).removeprefix("\ufeff"), newline="")
    rows = list(csv.reader(lines, strict=True, skipinitialspace=True))
    rows = rows[next(i for i, row in enumerate(rows) if any(row)) :]
    rows = [row for row in rows if any(row) or len(row) == len(rows[0]) == 1]
    if not any("left out" in note for note in part.notes):
        assert rows_of(part) == rows[1:]
    assert part.lines is not None
    assert len(part.lines) == part.n
    assert (np.diff(part.lines) > 0).all()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ODD = st.sampled_from(
    ["", " ", "a\r\nb", "\r", "=1+1", ' "', '"', ";", "a\tb|c", " x ", "NA", "\u2028", "\ufeff😀"]
)
NAME = TEXT.map(str.strip).filter(bool) | st.sampled_from(["a;b", "sep=;", '"', "\ufeffid", "x\ny"])


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(["csv", "tsv"]))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, form: str
) -> None:
    names = data.draw(st.lists(NAME, min_size=1, max_size=4, unique_by=str.strip))
    cells = st.tuples(*[TEXT | ODD] * len(names))
    row = cells.map(lambda found: dict(zip(names, found, strict=True)))
    rows = data.draw(st.lists(row, max_size=5))
    kept = [
        row
        for row in rows
        if (len(names) == 1 or any(row.values()))
        and sorted(value.removeprefix("\ufeff") for value in row.values())
        != sorted(name.removeprefix("\ufeff") for name in names)
    ]
    path = tmp_path_factory.getbasetemp() / f"back.{form}"
    assert formats.make(form, {}).write_rows(path, names, kept) == len(kept)
    part = formats.make(form, {}).read_items(path, ANY).train
    assert list(part.frame.columns) == names
    assert part.frame.to_dict("records") == kept


def test_what_is_written_is_what_was_always_written() -> None:
    out = io.StringIO()
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": None, "c": 0.5},
        {"a": True, "b": 'x "y"', "c": "two\r\nlines, z"},
    ]
    assert write_table(out, ["a", "b", "c"], rows) == 2
    assert out.getvalue() == 'a,b,c\n1,,0.5\nTrue,"x ""y""","two\r\nlines, z"\n'
    reference = io.StringIO()
    writer = csv.writer(reference, lineterminator="\n")
    writer.writerows([["a", "b", "c"], [1, "", 0.5], [True, 'x "y"', "two\r\nlines, z"]])
    assert out.getvalue() == reference.getvalue()


def test_a_nul_cannot_be_written() -> None:
    with pytest.raises(DataError, match=r"NUL character.*row 2.*jsonl"):
        write_table(io.StringIO(), ["a"], [{"a": "x"}, {"a": "y\0"}])
