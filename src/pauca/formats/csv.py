"""Tables in text: csv, tsv, and txt, which is a text a line or a table."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np
from numpy.typing import NDArray

from pauca.errors import DataError
from pauca.formats.answers import answers_of_items
from pauca.formats.base import Ability, AbstractFormat, Answers, Items, Part, TextOptions, formats
from pauca.formats.tables import as_text, checked_names, cut_list, read_parts
from pauca.formats.text import (
    DELIMITERS,
    Decoded,
    check_delimiter,
    detect_delimiter,
    line_at,
    read_text,
    text_out,
)

if TYPE_CHECKING:
    import _csv

    import pandas as pd

__all__ = ["CsvFormat", "TsvFormat", "TxtFormat", "read_table", "write_table"]

_EXPECTED = "a header, and rows of as many cells"
_SEPARATOR = re.compile(r"sep=([^\w\s\"]|\t)(\r\n|\r|\n|$)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

Row = Mapping[str, Any]
Rows = list[tuple[int, list[str]]]
"""Cells of rows, each with the line where it begins."""


@dataclass(frozen=True, eq=False)
class _Table:
    """A header [d], columns of n cells [d], and how many lines stand before each row, int64 [n].

    ``blank`` rows without any content are passed over.
    """

    header: list[str]
    columns: "list[pd.Series[str]]"
    lines: NDArray[np.int64]
    blank: int


class CsvFormat(AbstractFormat):
    """Cells separated by commas, or as detected: ``;`` tab or ``|``; with a header.

    Cells are read as the texts that they are: "007", "NaN" and "1,5" stay. What is written is read
    back equal but for rows without any content, a row that repeats the header, and null, which is
    written as the empty text. Characters of control and U+2028 stand as they are.
    """

    name: ClassVar[str] = "csv"
    title: ClassVar[str] = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    abilities: ClassVar[frozenset[Ability]] = frozenset({"items", "answers", "labels", "batch"})
    options: ClassVar[tuple[str, ...]] = ("encoding", "delimiter")
    delimiter: ClassVar[str] = ","

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The rows of a table, or of a folder with train and test."""
        return read_parts(
            path, self.suffixes, lambda file: read_table(file, options, self.delimiter)
        )

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The answers that the rows hold; see ``answers_of_rows``."""
        return answers_of_items(self.read_items(path, options), options)

    def write_rows(self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
        r"""Write a header and rows, UTF-8, ended by \n.

        Raises:
            DataError: a NUL character in a cell.
        """
        return write_table(out, columns, rows, self.delimiter)


class TsvFormat(CsvFormat):
    """Cells separated by tabs, or as detected; otherwise as csv."""

    name: ClassVar[str] = "tsv"
    title: ClassVar[str] = "tsv"
    suffixes: ClassVar[tuple[str, ...]] = (".tsv", ".tab")
    delimiter: ClassVar[str] = "\t"


class TxtFormat(AbstractFormat):
    """A text a line; a table where every line has the same number of tabs, or a delimiter is named.

    Office programs call a table with tabs .txt. Which of the two it was read as is said.
    """

    name: ClassVar[str] = "txt"
    title: ClassVar[str] = "a text a line"
    suffixes: ClassVar[tuple[str, ...]] = (".txt",)
    abilities: ClassVar[frozenset[Ability]] = frozenset({"items"})
    options: ClassVar[tuple[str, ...]] = ("encoding", "delimiter")

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The lines as texts, or the rows of a table; a file, or a folder with train and test."""
        return read_parts(path, self.suffixes, lambda file: _read_txt(file, options))


formats.register("csv")(CsvFormat)
formats.register("tsv")(TsvFormat)
formats.register("txt")(TxtFormat)


def read_table(path: Path, options: TextOptions, preferred: str = ",") -> Part:
    """The table of a file, every cell as its text.

    Blanks that follow a delimiter other than a tab belong to it. Passed over and counted: rows
    without any content, rows that repeat the header (of files that were joined), and columns with
    neither name nor content.

    Args:
        path: The file.
        options: Encoding and delimiter; what is None is detected and said.
        preferred: What separates cells where nothing says otherwise.

    Raises:
        DataError: no such file, empty, not text, a quote that is not closed, a column name twice,
            or rows whose number of cells is not that of the header; by line.
        UsageError: an unknown encoding or delimiter.
    """
    return _table(read_text(path, options.encoding, _EXPECTED), str(path), options, preferred)


def write_table(
    out: Path | TextIO, columns: Sequence[str], rows: Iterable[Row], delimiter: str = ","
) -> int:
    r"""Write a header and rows, ended by \n; how many. Cells that need it are quoted.

    Raises:
        DataError: a NUL character in a cell.
    """
    special = re.compile(rf'["\r\n{delimiter}]|^[ \ufeff]')
    names = re.compile(r'["\r\n,;\t|]|^[ \ufeff]|^sep=', re.IGNORECASE)
    count = 0
    with text_out(out) as file:
        file.write(_line(columns, names, delimiter))
        for row in rows:
            line = _line([as_text(row.get(name)) for name in columns], special, delimiter)
            if "\0" in line:
                raise DataError(
                    "a cell holds a NUL character, which csv cannot have",
                    where=f"row {count + 1}",
                    todo="write jsonl",
                )
            file.write(line)
            count += 1
    return count


def _line(cells: Sequence[str], special: re.Pattern[str], delimiter: str) -> str:
    quoted = [
        '"' + cell.replace('"', '""') + '"' if special.search(cell) else cell for cell in cells
    ]
    return (delimiter.join(quoted) or '""') + "\n"


def _read_txt(path: Path, options: TextOptions) -> Part:
    import pandas as pd

    decoded = read_text(path, options.encoding, "a text a line")
    lines = re.split(r"\r\n|\r|\n", decoded.text)
    kept = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if options.delimiter is not None or _columns(kept, "\t"):
        part = _table(decoded, str(path), options, "\t")
        note = "read as a table with a header, as every line has as many tabs"
        return part if options.delimiter is not None else replace(part, notes=(note, *part.notes))
    notes = [*decoded.notes, "read as a text a line, the first line too"]
    notes += [
        f"every line has as many {_WORDS[mark]}: if this is a table, say delimiter"
        for mark in DELIMITERS
        if _columns(kept, mark)
    ][:1]
    if not kept:
        raise DataError("the file has no rows", where=str(path), todo="write it again")
    blank = len(lines) - len(kept) - (not lines[-1].strip())
    notes += [f"{blank} empty lines are passed over"] if blank else []
    frame = pd.DataFrame({"text": pd.Series([line for _, line in kept], dtype="str")})
    numbers = np.array([number for number, _ in kept], dtype=np.int64)
    return Part(str(path), frame, text=("text",), notes=tuple(notes), lines=numbers)


def _columns(lines: Sequence[tuple[int, str]], mark: str) -> bool:
    """Whether every one of several lines has the same number of these, at least one."""
    counts = {line.count(mark) for _, line in lines}
    return len(lines) > 1 and len(counts) == 1 and counts != {0}


def _table(decoded: Decoded, where: str, options: TextOptions, preferred: str) -> Part:
    import pandas as pd

    text, first, notes = decoded.text, 1, list(decoded.notes)
    said = _SEPARATOR.match(text)
    if said is not None:
        text, first = text[said.end() :], 2
    delimiter = _delimiter(text, options, preferred, said and said[1], notes)
    table = _plain(text, delimiter) or _strict(text, delimiter, where, first, notes)
    if table.blank:
        notes.append(f"{table.blank} rows without any content are passed over")
    names, columns = _named(table.header, table.columns, where, notes)
    frame = pd.DataFrame(
        dict(zip(names, columns, strict=True)),
        index=range(len(table.lines)),
        columns=pd.Index(names, dtype="str"),
    )
    return Part(where, frame, notes=tuple(notes), lines=table.lines + first)


def _strict(text: str, delimiter: str, where: str, first: int, notes: list[str]) -> _Table:
    """Any table, row by row, or what is wrong with it."""
    import pandas as pd

    rows, blank = _parsed(text, delimiter, where, first)
    header = rows[0][1]
    rows = _without_headers(rows[1:], header, where, notes)
    _refuse_ragged(rows, header, where)
    cells = list(zip(*(row for _, row in rows), strict=True)) or [()] * len(header)
    columns = [pd.Series(list(column), dtype="str") for column in cells]
    lines = np.array([line - first for line, _ in rows], dtype=np.int64)
    return _Table(header, columns, lines, blank)


def _plain(text: str, delimiter: str) -> _Table | None:
    """A table without any of the oddities that ``_strict`` knows, several times as fast; or None.

    Quotes stand around whole cells, none follows a blank nor the other way round, no row of
    delimiters alone or that may be the header again, all have as many cells: then Arrow's parser
    and ours cannot differ.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    data = text.encode()
    starts = _row_starts(data, delimiter) if data else None
    if starts is None:
        return None
    begin, lines = starts[:, ~np.isin(np.frombuffer(data, np.uint8)[starts[0]], (10, 13))]
    if len(begin) < 2 or data.startswith(b"\xef\xbb\xbf", begin[1]):
        return None
    header = next(_reader(data[begin[0] : begin[1]].decode(), delimiter))
    if not any(header):
        return None
    kinds = {str(i): pa.large_string() for i in range(len(header))}
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(memoryview(data)[begin[1] :]),
            arrow_csv.ReadOptions(use_threads=False, column_names=list(kinds)),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(column_types=kinds),
        )
    except pa.ArrowException:
        return None
    cells = table.columns
    if delimiter != "\t" and any(pc.any(pc.starts_with(column, " ")).as_py() for column in cells):
        if b'" ' in data:  # perhaps a blank within quotes, which stays
            return None
        cells = [pc.utf8_ltrim(column, " ") for column in cells]
    again = pa.array([*header, "\ufeff" + header[0]], pa.large_string())
    if len(table) != len(begin) - 1 or pc.any(pc.is_in(cells[0], again)).as_py():
        return None
    empty = (pc.equal(column, "") for column in cells)
    if len(header) > 1 and pc.any(reduce(pc.and_, empty)).as_py():
        return None
    columns = [pd.Series(column.to_pandas(), dtype="str") for column in cells]
    return _Table(header, columns, lines[1:], starts.shape[1] - len(begin))


def _row_starts(data: bytes, delimiter: str) -> NDArray[np.int64] | None:
    """Byte and line [2, rows] where each row begins, blank ones too; None where quotes are odd.

    Quotes open and close in turn. One that opens follows a delimiter, a line end or the one that
    closed before it; one that closes stands before these.
    """
    codes = np.frombuffer(data, np.uint8)
    around = np.pad(codes, 1, constant_values=10)  # codes[i] is around[i + 1]
    quotes = np.flatnonzero(codes == 34)
    beside = np.zeros(256, bool)
    beside[[10, 13, 34, *delimiter.encode()]] = True
    closed = beside[around[quotes[::2]]].all() and beside[around[quotes[1::2] + 2]].all()
    if len(quotes) % 2 or not closed or len(delimiter.encode()) > 1:
        return None
    ends = np.flatnonzero((codes == 10) | ((codes == 13) & (around[2:] != 10)))
    ends = ends if len(ends) and ends[-1] == len(data) - 1 else np.append(ends, len(data))
    outside = np.searchsorted(quotes, ends) % 2 == 0
    begin = np.append(0, ends[outside][:-1] + 1)
    lines = np.append(0, np.flatnonzero(outside)[:-1] + 1)
    return np.stack([begin, lines])


def _delimiter(
    text: str, options: TextOptions, preferred: str, said: str | None, notes: list[str]
) -> str:
    if options.delimiter is not None:
        return check_delimiter(options.delimiter)
    if said is not None:
        notes.append(f"cells are separated by {said!r}, as the first line says")
        return said
    found, others = detect_delimiter(text, preferred)
    if found != preferred or others:
        also = f" ({' or '.join(map(repr, others))} fits too: say delimiter)" if others else ""
        notes.append(f"cells are separated by {_WORDS[found]}{also}")
    return found


def _reader(text: str, delimiter: str) -> "_csv.Reader":
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a text may be long
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        strict=True,
        skipinitialspace=delimiter != "\t",
    )


def _parsed(text: str, delimiter: str, where: str, first: int) -> tuple[Rows, int]:
    """Rows with some content, the header first, and how many have none."""
    reader = _reader(text, delimiter)
    rows: Rows = []
    before, count = 0, 0
    try:
        for cells in reader:
            single = rows and len(cells) == len(rows[0][1]) == 1
            if single or any(cells):  # "" alone is a cell, in a table of one column
                rows.append((before + first, cells))
            before = reader.line_num
            count += 1
    except csv.Error as error:
        raise _quote_error(error, text, before, reader.line_num, delimiter, where, first) from error
    if not rows:
        raise DataError(
            "the file has no rows", expected=_EXPECTED, where=where, todo="write it again"
        )
    return rows, count - len(rows)


def _quote_error(
    error: csv.Error, text: str, before: int, after: int, delimiter: str, where: str, first: int
) -> DataError:
    """What is wrong with the row that begins after ``before`` lines."""
    start = 0
    for _, end in zip(range(before), re.finditer(r"\r\n|\r|\n", text), strict=False):
        start = end.end()
    mark = re.escape(delimiter)
    opened = re.compile(rf'(?:^|(?<=[{mark}\r\n])) *("(?:[^"]++|"")*+)("|$(?![\s\S]))')
    never = next((m.start(1) for m in opened.finditer(text, start) if not m[2]), None)
    if "unexpected end" in str(error) and never is not None:
        return DataError(
            "a quote is never closed",
            where=f"{where}: line {line_at(text, never) + first - 1}",
            todo="close it, or write a quote that is part of a cell twice within quotes",
        )
    return DataError(
        "a quoted cell goes on after its quote",
        expected="the next cell or line after a closing quote",
        got=str(error)[:100],
        where=f"{where}: the row in lines {before + first} to {after + first - 1}",
        todo="write a quote that is part of a cell twice within quotes, or close the one before it",
    )


def _without_headers(rows: Rows, header: Sequence[str], where: str, notes: list[str]) -> Rows:
    """Rows but those that repeat the header, as in files that were joined.

    Raises:
        DataError: the names of the header in another order.
    """
    names = set(header)
    heads = names | {f"\ufeff{name}" for name in names}  # each file may have had a mark
    again, kept = list[int](), Rows()
    for line, cells in rows:
        if cells[0] not in heads:
            kept.append((line, cells))
            continue
        head = cells[0].removeprefix("\ufeff")
        if [head, *cells[1:]] == header:
            again.append(line)
        elif sorted([head, *cells[1:]]) == sorted(header):
            raise DataError(
                "the header stands again with its columns in another order",
                expected=cut_list(header),
                got=cut_list(cells),
                where=f"{where}: line {line}",
                todo="join the files by the names of their columns",
            )
        else:
            kept.append((line, cells))
    if again:
        notes.append(f"the header stands again and is left out: lines {cut_list(again)}")
    return kept


def _refuse_ragged(rows: Rows, header: Sequence[str], where: str) -> None:
    wrong = [(line, len(cells)) for line, cells in rows if len(cells) != len(header)]
    if wrong:
        found = [f"line {line} has {n} cells" for line, n in wrong]
        row_names = len(wrong) == len(rows) and {n for _, n in wrong} == {len(header) + 1}
        raise DataError(
            "rows have more or fewer cells than the header",
            expected=f"{len(header)} cells, as the header has",
            got=cut_list(found, 5),
            where=where,
            todo="give the first column a name: every row has one cell more than the header"
            if row_names
            else "correct the rows, put cells with a delimiter in quotes, or say another delimiter",
        )


def _named(
    header: Sequence[str], columns: Sequence["pd.Series[str]"], where: str, notes: list[str]
) -> tuple[list[str], Sequence["pd.Series[str]"]]:
    """Names and cells of the columns that have either."""
    kept = [i for i, name in enumerate(header) if name.strip() or (columns[i] != "").any()]
    if len(kept) < len(header) and len(columns[0]):
        notes.append(f"{len(header) - len(kept)} columns without name and content are left out")
    header, columns = [header[i] for i in kept], [columns[i] for i in kept]
    names, more = checked_names(header, where)
    notes += more
    if all(_NUMBER.fullmatch(name) for name in names if name):
        notes.append(f"the first row reads as data, and is taken as names: {cut_list(names)}")
    for name, cells in zip(names, columns, strict=True):
        count = int((cells == name).sum()) if name else 0
        if count > 1:
            notes.append(
                f"{name!r} is the name of a column and stands in {count} of its cells: "
                "if the file has no header, write one"
            )
    return names, columns
