"""Sheets of office programs, as .xlsx and .xlsm."""

import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, TextIO

import numpy as np

from pauca.errors import DataError, UsageError
from pauca.formats.answers import answers_of_items
from pauca.formats.base import (
    Ability,
    AbstractFormat,
    Answers,
    Items,
    Part,
    TextOptions,
    formats,
    reading,
)
from pauca.formats.tables import (
    as_text,
    checked_names,
    cut_list,
    object_frame,
    read_parts,
)
from pauca.formats.text import read_bytes

__all__ = ["XlsxFormat"]

_MOST_BYTES = 512 * 2**20
_MOST_MEMBERS = 10_000
_MOST_CELLS = 20_000_000
_MOST_ROWS = 2**20
_MOST_TEXT = 32_767
_EXACT = 10**15  # office programs keep 15 digits of a number

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_UNWRITABLE = re.compile(
    r"_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f\ufffe\uffff]"  # and \r, which XML makes \n
)
_EXPECTED = "a sheet with a header and rows"
_TODO = "open it in an office program and save it again as .xlsx, or as csv"


class XlsxFormat(AbstractFormat):
    """The first sheet with some content of an .xlsx file; with a header.

    Texts stay the texts they are, whole numbers become integers, dates ISO texts, formulas the
    values that were stored with them, errors (#N/A) null; rows without any content are passed over.
    What is written is read back equal but for rows without any content and empty texts, which are
    no cells; whole numbers of more than 15 digits are written as texts, as office programs would
    round them.
    """

    name: ClassVar[str] = "xlsx"
    title: ClassVar[str] = "xlsx"
    suffixes: ClassVar[tuple[str, ...]] = (".xlsx", ".xlsm")
    abilities: ClassVar[frozenset[Ability]] = frozenset({"items", "answers", "labels", "batch"})
    package: ClassVar[str | None] = "openpyxl"

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The rows of a sheet, or of a folder with train and test."""
        return read_parts(path, self.suffixes, self._read)

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The answers that the rows hold; see ``answers_of_rows``."""
        return answers_of_items(self.read_items(path, options), options)

    def write_rows(
        self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
    ) -> int:
        """Write a header and rows as one sheet; cells that begin with = are texts.

        Raises:
            UsageError: not to a file.
            DataError: a text of more than 32,767 characters, or more than 1,048,575 rows.
        """
        if not isinstance(out, Path):
            raise UsageError("xlsx is written to a file alone", todo="name a file")
        self.needed_package()
        from openpyxl import Workbook

        book = Workbook(write_only=True)
        sheet = book.create_sheet("pauca")
        count = 0
        try:
            sheet.append([_written(sheet, name, "the header") for name in columns])
            for count, row in enumerate(rows, start=1):
                if count >= _MOST_ROWS:
                    raise _too_much(f"more than {_MOST_ROWS - 1:,} rows", out.name)
                place = f"row {count + 1}"
                sheet.append([_written(sheet, row.get(name), place) for name in columns])
            book.save(out)
        finally:
            if not sheet.closed:
                sheet.close()
        return count

    def _read(self, path: Path) -> Part:
        self.needed_package()
        where = str(path)
        _check_zip(path, where)
        with reading(path, _EXPECTED, _TODO), _opened(path) as book:
            sheet, notes = _chosen(book, where)
            rows = _Rows(where)
            header, found = rows.read(sheet)
            notes += rows.notes() + _oddities(sheet, where)
        columns = [[row[i] for _, row in found] for i in range(len(header))]
        kept = [i for i, name in enumerate(header) if name is not None or set(columns[i]) != {None}]
        if len(kept) < len(header):
            notes.append(f"{len(header) - len(kept)} columns without name and content are left out")
        names, more = checked_names([as_text(header[i]) for i in kept], where)
        cells = {name: columns[i] for name, i in zip(names, kept, strict=True)}
        lines = np.array([number for number, _ in found], dtype=np.int64)
        frame = object_frame(cells, len(found))
        return Part(where, frame, notes=(*notes, *more), lines=lines)


formats.register("xlsx")(XlsxFormat)


@dataclass
class _Rows:
    """Reads the rows of a sheet, and counts what was converted."""

    where: str
    dates: int = 0
    errors: list[str] = field(default_factory=list)
    blank: int = 0

    def read(self, sheet: Any) -> tuple[list[Any], list[tuple[int, list[Any]]]]:
        """The header, and rows with as many cells, each with its number.

        Raises:
            DataError: no content, a cell beyond the header, or too many cells.
        """
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        header: list[Any] = []
        found: list[tuple[int, list[Any]]] = []
        blank = 0
        for number, cells in enumerate(sheet.iter_rows(), start=1):
            row = self._values(cells, number)
            if not row:
                blank += 1
            elif not header:
                header, blank = row, 0
            elif len(row) > len(header):
                raise self._beyond(number, len(row), len(header))
            else:
                self.blank += blank
                blank = 0
                found.append((number, row + [None] * (len(header) - len(row))))
            if number > _MOST_ROWS or len(found) * len(header) > _MOST_CELLS:
                raise _too_much(
                    f"more than {_MOST_CELLS:,} cells or {_MOST_ROWS:,} rows", self.where
                )
        if not header:
            raise DataError(
                "the sheet has no header", where=self.where, todo="write a header and rows"
            )
        return header, found

    def notes(self) -> list[str]:
        """What was converted or left out."""
        said = [f"{self.dates} dates and times are read as ISO texts"] if self.dates else []
        if self.errors:
            said.append(f"{len(self.errors)} cells with an error are null: {cut_list(self.errors)}")
        if self.blank:
            said.append(f"{self.blank} rows without any content are passed over")
        return said

    def _values(self, cells: Sequence[Any], number: int) -> list[Any]:
        """Values up to the last one that is not empty."""
        row = [None if cell.value is None else self._value(cell, number) for cell in cells]
        while row and row[-1] is None:
            row.pop()
        return row

    def _value(self, cell: Any, number: int) -> Any:
        value = cell.value
        if cell.data_type == "e":
            self.errors.append(f"{value} in row {number}")
            return None
        if isinstance(value, str):
            return _ESCAPE.sub(_character, value) or None
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        if isinstance(value, datetime | date | time | timedelta):
            self.dates += 1
            return _iso(value, cell.number_format)
        return value

    def _beyond(self, number: int, n: int, width: int) -> DataError:
        return DataError(
            "a row has more cells than the header",
            expected=f"{width} cells, as the header has",
            got=f"row {number} has {n} cells",
            where=self.where,
            todo="name every column in the first row, which is the header, or empty the cells",
        )


def _check_zip(path: Path, where: str) -> None:
    """Refuse what is no zip file, what is locked, and what would unpack to more than 512 MiB."""
    if read_bytes(path, _EXPECTED)[:4] == b"\xd0\xcf\x11\xe0":
        raise DataError(
            "the file is of an old office program, or locked by a password",
            expected=_EXPECTED,
            where=where,
            todo=_TODO,
        )
    with reading(path, _EXPECTED, _TODO), zipfile.ZipFile(path) as file:
        members = file.infolist()
        size = sum(member.file_size for member in members)
        if size > _MOST_BYTES or len(members) > _MOST_MEMBERS:
            raise _too_much(f"{size:,} bytes in {len(members)} members, unpacked", where)
        for member in members:
            if member.filename.endswith((".xml", ".rels")):
                with file.open(member) as stream:
                    if b"<!DOCTYPE" in stream.read(1024):
                        raise DataError("a sheet declares a DOCTYPE", where=where, todo=_TODO)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The workbook, read piece by piece, with the values of formulas."""
    from openpyxl import load_workbook

    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # of styles and extensions, which are not read
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            yield book
        finally:
            book.close()


def _chosen(book: Any, where: str) -> tuple[Any, list[str]]:
    """The first sheet with some content, and what is said of the others."""
    filled = []
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        rows = enumerate(sheet.iter_rows(values_only=True))
        if any(number > _MOST_ROWS or any(v is not None for v in row) for number, row in rows):
            filled.append(sheet)
    if not filled:
        raise DataError("no sheet has any content", where=where, todo="write a header and rows")
    names = [sheet.title for sheet in filled]
    notes = []
    if len(filled) > 1:
        left = cut_list(names[1:])
        notes.append(f"sheet {names[0]!r} is read; others with content are left out: {left}")
    elif len(book.worksheets) > 1:
        notes.append(f"sheet {names[0]!r} is read, the only one with content")
    if filled[0].sheet_state != "visible":
        notes.append(f"sheet {names[0]!r} is hidden")
    return filled[0], notes


def _oddities(sheet: Any, where: str) -> list[str]:
    """What is said of merged and hidden cells, and of formulas that were never computed.

    Raises:
        DataError: rows out of order, which the library leaves out in silence.
    """
    with sheet._get_source() as stream:  # the library reads these in its slow mode alone
        xml = stream.read()
    numbers = [int(n[:12]) for n in re.findall(rb'<(?:\w+:)?row [^>]*?\br="(\d+)"', xml)]
    if any(later <= number for number, later in pairwise(numbers)):
        raise DataError("the rows of the sheet are out of order", where=where, todo=_TODO)
    merged = re.findall(rb'<(?:\w+:)?mergeCell [^>]*ref="([A-Z0-9:]+)"', xml)
    rows = len(re.findall(rb'<(?:\w+:)?row [^>]*hidden="(?:1|true)"', xml))
    columns = len(re.findall(rb'<(?:\w+:)?col [^>]*hidden="(?:1|true)"', xml))
    formulas = len(re.findall(rb"<f[^>]*(?:/>|>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>", xml))
    said = []
    if merged:
        where = cut_list([ref.decode() for ref in merged])
        said.append(f"{len(merged)} merged ranges: only the first cell has the value: {where}")
    if rows or columns:
        said.append(f"{rows} hidden rows and {columns} hidden columns are read too")
    if formulas:
        said.append(f"{formulas} formulas have no stored value and are null: save it once more")
    return said


def _iso(value: datetime | date | time | timedelta, number_format: str) -> str:
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, datetime):
        shows_time = re.search(r"[hs]", re.sub(r'"[^"]*"|\[[^\]]*\]', "", number_format.lower()))
        return (
            value.isoformat() if shows_time or value.time() != time() else value.date().isoformat()
        )
    return value.isoformat()


def _written(sheet: Any, value: Any, place: str) -> Any:
    """A cell that office programs show as this value, and compute nothing from."""
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < _EXACT):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    if value is None or value != value:
        return None
    text = _UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", as_text(value))
    if len(text) > _MOST_TEXT:
        raise _too_much(f"a text of {len(text):,} characters in {place}", "xlsx")
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return match[0] if 0xD800 <= code < 0xE000 else chr(code)


def _too_much(got: str, where: str) -> DataError:
    return DataError(
        "this is more than a sheet may hold",
        expected=f"at most {_MOST_BYTES >> 20} MiB unpacked, {_MOST_CELLS:,} cells, "
        f"{_MOST_ROWS:,} rows and {_MOST_TEXT:,} characters in a cell",
        got=got,
        where=where,
        todo="use csv or jsonl, which have no such bounds",
    )
