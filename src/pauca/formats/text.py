"""Files of text as people have them: their encoding, and what separates their cells."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from pauca.errors import DataError, UnknownNameError, UsageError

__all__ = [
    "DELIMITERS",
    "Decoded",
    "check_delimiter",
    "decode",
    "detect_delimiter",
    "line_at",
    "read_bytes",
    "read_text",
    "text_out",
]

DELIMITERS = (",", ";", "\t", "|")

_HEAD = 1 << 16
_HEAD_ROWS = 200

_MARKS = (  # the longer ones first: that of UTF-16 begins the one of UTF-32
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FILES = (
    (b"PK\x03\x04", "a zip file, as .xlsx is"),
    (b"\xd0\xcf\x11\xe0", "a file of an old office program, as .xls is"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "a parquet file"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"SQLite format 3", "a database of SQLite"),
)
_ENCODINGS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii"),
    *("latin-1", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-15"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("koi8-r", "koi8-u", "mac-roman", "cp437", "cp850", "cp852", "cp866"),
    *("shift_jis", "cp932", "euc_jp", "gb18030", "gbk", "big5", "euc_kr", "cp949"),
)
_NOT_OF_FILES = {"unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "utf_7"}

_LINE_END = re.compile(r"\r\n|\r|\n")
_SEVERAL_BYTES = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_NO_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True)
class Decoded:
    """A file as text.

    Args:
        text: All of it, line ends as they are, without a byte order mark.
        encoding: How it was read.
        notes: What was guessed; empty for UTF-8.
    """

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def read_bytes(path: Path, expected: str) -> bytes:
    """The bytes of a regular file that has some; devices and pipes are not opened.

    Raises:
        DataError: no such file, not a file, empty, or not to be read.
    """
    if not path.is_file():
        raise DataError(
            "this is no file" if path.exists() else "there is no such file",
            expected=expected,
            got=str(path),
            todo="check the path",
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            "the file cannot be opened",
            got=error.strerror,
            where=str(path),
            todo="check its rights",
        ) from error
    if not data:
        raise DataError(
            "the file has zero bytes", expected=expected, where=str(path), todo="write it again"
        )
    return data


def read_text(path: Path, encoding: str | None, expected: str) -> Decoded:
    """A file of text; see ``decode``.

    Raises:
        DataError: no such file, empty, not text, or not of the encoding.
        UsageError: an unknown encoding.
    """
    return decode(read_bytes(path, expected), str(path), encoding)


def decode(data: bytes, where: str, encoding: str | None = None) -> Decoded:
    """Bytes to text: by the encoding named, else by what they show.

    A byte order mark decides, then the NUL bytes of UTF-16 and UTF-32, then whether they are
    UTF-8. What is none of these is read as cp1252, or as latin-1 where a byte is undefined there,
    and said; one of the many encodings of other scripts is guessed for the note alone.

    Raises:
        DataError: a file of another kind, UTF-8 with damaged bytes, a NUL byte, or not of the
            encoding.
        UsageError: an unknown encoding.
    """
    asked = None if encoding is None else _known(encoding)
    for start, kind in _OTHER_FILES:
        if data.startswith(start):
            raise DataError(
                "the file is not text",
                got=kind,
                where=where,
                todo="give the file the ending of its kind, or write it again as text",
            )
    name, notes = (asked, ()) if asked is not None else _detected(data, where)
    text = _strict(data, name, where).removeprefix("\ufeff")
    mark = _mark(data)
    if (
        asked is not None
        and mark is not None
        and codecs.lookup(mark).name
        not in (
            codecs.lookup(asked).name,
            codecs.lookup(asked).name.rpartition("-")[0],
        )
    ):
        notes = (f"read as {asked}, as asked, though it begins with the mark of {mark}",)
    at = text.find("\0")
    if at >= 0:
        raise DataError(
            "the text holds a NUL byte",
            where=f"{where}: line {line_at(text, at)}",
            todo="write it again as text, or say its encoding",
        )
    return Decoded(text, name, notes)


def line_at(text: str, position: int) -> int:
    r"""Line of a position, from 1; lines end with \n, \r\n or \r and with nothing else."""
    return len(_LINE_END.findall(text, 0, position)) + 1


def check_delimiter(delimiter: str) -> str:
    r"""The character that separates cells; ``tab`` and ``\t`` in two characters are the tab.

    Raises:
        UsageError: none that could separate cells.
    """
    if not isinstance(delimiter, str) or not delimiter:
        found = ""
    else:
        found = {"tab": "\t", "\\t": "\t"}.get(delimiter.lower(), delimiter)
    if len(found) != 1 or found.isalnum() or found in '"\r\n\0\ufeff':
        raise UsageError(
            "this separates no cells",
            expected="one character: , ; tab or |",
            got=repr(delimiter)[:40],
            where="delimiter",
            todo="name one of these, or leave it out and it is detected",
        )
    return found


def detect_delimiter(text: str, preferred: str) -> tuple[str, tuple[str, ...]]:
    """What separates the cells, by the first rows with their quotes, and the others that fit too.

    What splits the header is considered; the one that gives the most rows as many cells as the
    header is taken, ``preferred`` where several do.
    """
    fits: dict[str, tuple[float, bool, int]] = {}
    for mark in DELIMITERS:
        widths = _head_widths(text, mark)
        if widths and widths[0] > 1:
            share = sum(width == widths[0] for width in widths) / len(widths)
            fits[mark] = (share, mark == preferred, widths[0])
    if not fits:
        return preferred, ()
    best = max(fits, key=lambda mark: fits[mark])
    return best, tuple(m for m, fit in fits.items() if m != best and fit[0] == fits[best][0] == 1)


@contextmanager
def text_out(out: Path | TextIO) -> Iterator[TextIO]:
    """What text is written to, UTF-8 with line ends as they are given; a stream stays open."""
    if isinstance(out, Path):
        with out.open("w", encoding="utf-8", newline="") as file:
            yield file
    else:
        yield out


def _head_widths(text: str, mark: str) -> list[int]:
    """How many cells each of the first rows has."""
    head = text[:_HEAD]
    csv.field_size_limit(max(csv.field_size_limit(), len(head)))
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=mark, skipinitialspace=mark != "\t")
    widths = [len(row) for row in islice((row for row in rows if row), _HEAD_ROWS)]
    return widths[:-1] if len(text) > len(head) and len(widths) > 1 else widths


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)
        name = codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError):
        name = ""
    if not name or name.replace("-", "_") in _NOT_OF_FILES:
        raise UnknownNameError("encoding", str(encoding)[:40], _ENCODINGS)
    return encoding


def _mark(data: bytes) -> str | None:
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def _detected(data: bytes, where: str) -> tuple[str, tuple[str, ...]]:
    """The encoding, and what is said of it."""
    name = _mark(data) or _wide(data)
    if name is not None:
        return name, () if name == "utf-8" else (f"read as {name}",)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse_damaged(data, error.start, where)
    else:
        return "utf-8", ()
    name = "latin-1" if _NO_CP1252.search(data) else "cp1252"
    guess = _guess(data[:_HEAD])
    likelier = f", and by its letters {guess} is likelier" if guess is not None else ""
    return name, (f"read as {name} (not UTF-8{likelier}): say encoding for another",)


def _wide(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: NUL bytes at the places where its characters have them.

    A few NUL bytes in what else is UTF-8 are none of these, nor is one at the end of each line.
    """
    head = data[: min(_HEAD, len(data) // 4 * 4 or 2)]
    if head.count(0) < 0.03 * len(head):
        return None
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        text = head.decode(name, "replace")
        zeros = head[1::2].count(0) if name.endswith("le") else head[::2].count(0)
        placed = name.startswith("utf-32") or zeros >= 0.8 * head.count(0)
        whole = "\0" not in text and "\ufffd" not in text[:-2]
        if placed and whole and len({char for char in text if char.isascii()}) > 1:
            return name
    return None


def _refuse_damaged(data: bytes, start: int, where: str) -> None:
    """Refuse what is UTF-8 but for some bytes: read as anything else, its words would be wrong."""
    whole = _SEVERAL_BYTES.findall(data)
    wrong = sum(map(len, _HIGH_RUN.findall(data))) - sum(map(len, whole))
    if len(whole) > wrong:
        line = data.count(b"\n", 0, start) + 1
        raise DataError(
            "the file is UTF-8 with damaged bytes",
            got=f"byte 0x{data[start]:02x}",
            where=f"{where}: line {line}",
            todo="write it again as UTF-8, or say its encoding",
        )


def _guess(head: bytes) -> str | None:
    """What a text that is not of Western Europe may be; None for one that may be.

    Western texts have single letters beyond ASCII, other scripts have runs of them. Of texts in 13
    encodings the library names 9 rightly at a length of 3 kB, but not cp1252 itself, so it is asked
    for other scripts alone and decides nothing.
    """
    runs = [len(run) for run in _HIGH_RUN.findall(head)]
    if not _NO_CP1252.search(head) and sum(n for n in runs if n > 2) < 0.3 * sum(runs):
        return None
    from charset_normalizer import from_bytes

    best = from_bytes(head).best()
    return None if best is None else str(best.encoding)


def _strict(data: bytes, name: str, where: str) -> str:
    try:
        return data.decode(name)
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        got = f"0x{data[start]:02x}" if start < len(data) else "the end"
        line = data.count(b"\n", 0, start) + 1
        raise DataError(
            f"the file is not {name}",
            got=f"{got} at byte {start}",
            where=f"{where}: line {line}",
            todo="say another encoding, or write the file again as UTF-8",
        ) from error
