"""Thousands of malformed tables: each is read or refused as a DataError; none is a bug."""

import io
import json
import random
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pauca.formats import AbstractFormat, Part, TextOptions, formats
from pauca.testing.malformed import mutations
from tests.malformed.conftest import TallyOf

Change = Callable[[bytes, random.Random], bytes]

ROWS = [{"id": f"{i:03}", "text": f"a cat, the {i}. “dog”", "label": "ab"[i % 2]} for i in range(6)]
RIS = "".join(
    f"TY  - JOUR\nID  - {i}\nTI  - Cats {i}\nAB  - Dogs\n  and “more”\nAU  - Doe\nAU  - R\nER  - \n"
    for i in range(3)
)
ODD = [
    *(b"\0", b'"', b'""', b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff\x00", b"\xc3", b"\xe2\x80\xa8"),
    *(b"\r", b"\n", b"\r\n", b",", b";", b"\t", b"|", b"sep=;\n", b" ", b"\\", b"\\ud800"),
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 5_000, b"[" * 3_000, b'{"a":' * 3_000),
    *(b'"id": 1, ', b"null", b"{}", b"[]", b"id,text,label\n", b"ER  - \n", b"TY  - \n", b"A1  -"),
    *(b"<!DOCTYPE a>", b"<row r='9999999999'/>", b"<c t='s'><v>-7</v></c>", b"<v>1e400</v>"),
    *(b"<c r='ZZZ1' t='b'><v>x</v></c>", b"&#0;", b"&a;", b"_x0000_", b"<c t='d'><v>0</v></c>"),
]


def good(folder: Path, kind: str) -> bytes:
    """A small file that is read without a word."""
    if kind == "ris":
        return RIS.encode()
    if kind == "txt":
        return "".join(row["text"] + "\n" for row in ROWS).encode()
    if kind == "json":
        return json.dumps(ROWS, indent=1, ensure_ascii=False).encode()
    formats.make(kind, {}).write_rows(folder / "good", list(ROWS[0]), ROWS)
    return (folder / "good").read_bytes()


def mutate(data: bytes, draw: random.Random) -> bytes:
    """One of the changes that every file is tried with, or an odd token put in."""
    return next(mutations(data or b" ", draw.randrange(2**32), 1, ODD))[1]


def recode(data: bytes, draw: random.Random) -> bytes:
    names = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp037", "utf-7", "koi8-r"]
    return data.decode("utf-8", "replace").encode(draw.choice(names), "replace")


def shuffle(data: bytes, draw: random.Random) -> bytes:
    lines = data.split(b"\n")
    draw.shuffle(lines)
    return b"\n".join(lines)


TEXT: list[Change] = [mutate, mutate, mutate, mutate, mutate, recode, shuffle]


def member(data: bytes, draw: random.Random) -> bytes:
    """One member of a zip file is changed, with its checksum; or is left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        chosen = draw.choice([*names, *["xl/worksheets/sheet1.xml"] * len(names)])
        for name in names:
            held = old.read(name)
            if name == chosen and draw.random() < 0.1:
                continue
            change = draw.choice([mutate, mutate, attribute])
            new.writestr(name, change(held, draw) if name == chosen else held)
    return out.getvalue()


def attribute(data: bytes, draw: random.Random) -> bytes:
    """The value of one attribute, or the text of one element, becomes something else."""
    places = [i for i, code in enumerate(data) if code in b'">']
    at = draw.choice(places) + 1
    end = min((i for i in (data.find(b'"', at), data.find(b"<", at)) if i >= 0), default=at)
    other = draw.choice(
        [b"", b"-1", b"x", b"9" * 30, b"1.5", b"NaN", b"e", b"true", b"A0", b"\xff"]
    )
    return data[:at] + other + data[end:]


def header(data: bytes, draw: random.Random) -> bytes:
    """A field in a header of the zip file is forged: method, flags, sizes, offsets."""
    changed = bytearray(data)
    mark = draw.choice([b"PK\x01\x02", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"])
    starts = [i for i in range(len(data)) if data.startswith(mark, i)]
    at = draw.choice(starts) + 4 + 2 * draw.randrange(21)
    value = draw.choice([0, 1, 8, 9, 12, 14, 99, 0x7FFF, 0xFFFF])
    changed[at : at + 2] = value.to_bytes(2, "little")
    return bytes(changed)


SHEET: list[Change] = [mutate, mutate, member, member, member, member, header, header]


def check(part: Part) -> None:
    """What was read is as a part is promised to be."""
    assert part.lines is None or len(part.lines) == part.n
    assert part.frame.columns.is_unique
    json.dumps(part.frame.to_dict("list"), ensure_ascii=False, default=str).encode()
    assert set(part.text) | {part.id} - {None} <= set(part.frame.columns)
    assert all(len(note) < 1000 for note in part.notes)


def read(form: AbstractFormat, path: Path) -> None:
    check(form.read_items(path, TextOptions()).train)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        *(("csv", 400), ("tsv", 200), ("txt", 100), ("jsonl", 400), ("json", 200)),
        *(("xlsx", 500), ("ris", 300)),
    ],
)
def test_malformed_tables_are_read_or_refused(
    tmp_path: Path, tally: TallyOf, kind: str, count: int
) -> None:
    form, data = formats.make(kind, {}), good(tmp_path, kind)
    path, found = tmp_path / f"t.{kind}", tally(kind)
    for seed in range(count):
        draw = random.Random(f"{kind} {seed}")
        path.write_bytes(draw.choice(SHEET if kind == "xlsx" else TEXT)(data, draw))
        found.open(f"{kind}, seed {seed}", partial(read, form, path))
    assert not found.bugs, str(found)
    assert min(found.counts["fine"], found.counts["refused"]) > count / 50
