"""References as RIS, which reference managers and databases of literature export."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pauca.errors import DataError
from pauca.formats.base import Ability, AbstractFormat, Items, Part, TextOptions, formats, reading
from pauca.formats.tables import object_frame, read_parts
from pauca.formats.text import read_text

__all__ = ["RisFormat"]

_TAG = re.compile(r"([A-Z][A-Z0-9]) {1,2}-(?: (.*)|$)")
_NAMES = {
    **{"TI": "title", "T1": "title", "AB": "abstract", "N2": "abstract"},
    **{"AU": "authors", "A1": "authors", "PY": "year", "Y1": "year", "DO": "doi"},
    **{"KW": "keywords", "ID": "id", "TY": "type"},
}
_FIRST = ("title", "abstract", "authors", "year", "doi", "keywords")
_PROSE = ("title", "abstract")


class RisFormat(AbstractFormat):
    """References as RIS: title and abstract are the text, other tags are columns.

    What stands several times (authors, keywords) is joined by "; ". A year is four digits. The id
    is the tag ID, or the DOI, where every reference has one and no two are alike.
    """

    name: ClassVar[str] = "ris"
    title: ClassVar[str] = "RIS"
    suffixes: ClassVar[tuple[str, ...]] = (".ris",)
    abilities: ClassVar[frozenset[Ability]] = frozenset({"items"})
    options: ClassVar[tuple[str, ...]] = ("encoding",)
    package: ClassVar[str | None] = "rispy"

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The references of a file as rows, or of a folder with train and test."""
        return read_parts(path, self.suffixes, lambda file: self._read(file, options))

    def _read(self, path: Path, options: TextOptions) -> Part:
        rispy = self.needed_package()
        decoded = read_text(path, options.encoding, "references as RIS")
        where = str(path)
        lines = [_as_rispy(line) for line in re.split(r"\r\n|\r|\n", decoded.text)]
        starts, notes = _checked(lines, where)
        tags = sorted({line[:2] for line in lines if _TAG.match(line)} | {"TY", "ER"})
        with reading(path, "references as RIS", "export the references again as RIS"):
            parser = rispy.RisParser(
                mapping={tag: tag for tag in tags}, list_tags=tags, delimiter_tags_mapping={}
            )
            found = parser.parse("\n".join(lines))
            names = {**rispy.config.TAG_KEY_MAPPING, **_NAMES}
        rows = [_row(record, names) for record in found]
        order = [name for name in _FIRST if any(name in row for row in rows)]
        order = list(dict.fromkeys([*order, *(name for row in rows for name in row)]))
        frame = object_frame({name: [row.get(name) for row in rows] for name in order}, len(rows))
        return Part(
            where,
            frame,
            id=_id(rows),
            text=tuple(name for name in _PROSE if name in order),
            notes=(*decoded.notes, *notes),
            lines=np.array(starts, dtype=np.int64),
        )


formats.register("ris")(RisFormat)


def _as_rispy(line: str) -> str:
    """A line with a tag as the library knows it: two blanks before the dash."""
    match = _TAG.match(line)
    return line if match is None else f"{match[1]}  - {match[2] or ''}".rstrip()


def _checked(lines: Iterable[str], where: str) -> tuple[list[int], tuple[str, ...]]:
    """Lines where references begin, and what is said.

    Raises:
        DataError: a reference without its end, or without its beginning; there is none.
    """
    starts, inside, outside = list[int](), False, 0
    for number, line in enumerate(lines, start=1):
        tag = line[:2] if _TAG.match(line) else None
        if (tag == "TY") if inside else (tag is not None and tag != "TY"):
            raise DataError(
                "a reference has no end" if inside else "a reference has no beginning",
                expected="TY first and ER last in each reference",
                got=tag,
                where=f"{where}: line {number}",
                todo="write the missing line, or export the references again",
            )
        if tag == "TY":
            starts.append(number)
        inside = tag == "TY" or (inside and tag != "ER")
        outside += not inside and tag is None and bool(line.strip())
    if inside or not starts:
        raise DataError(
            "the last reference has no end" if inside else "the file has no references",
            expected="references with TY first and ER last",
            where=f"{where}: line {starts[-1]}" if inside else where,
            todo="export the references again as RIS: the file may be cut short",
        )
    return starts, (f"{outside} lines between references are passed over",) if outside else ()


def _row(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Cells of a reference; the first of several tags for one thing holds."""
    row: dict[str, str] = {}
    for tag, found in record.items():
        name = names.get(tag, tag)
        values = [found] if isinstance(found, str) else [value for value in found if value]
        if name in _PROSE:
            text = " ".join(values)
        elif name == "year":
            year = re.match(r"\d{4}(?!\d)", values[0]) if values else None
            text = year[0] if year else "; ".join(values)
        else:
            text = "; ".join(values)
        if text and (name not in row or tag in ("TI", "AB", "AU", "PY")):
            row[name] = text
    return row


def _id(rows: list[dict[str, str]]) -> str | None:
    """The column that names each reference and no two alike."""
    for name in ("id", "doi"):
        if len({row[name] for row in rows if name in row}) == len(rows):
            return name
    return None
