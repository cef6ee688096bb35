"""Thousands of malformed tables: each is read or refused as a DataError; none is a bug."""

import io
import json
import random
import resource
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pauca.errors import DataError
from pauca.formats import AbstractFormat, Part, TextOptions, formats

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


def flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 3, 20])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut(data: bytes, draw: random.Random) -> bytes:
    start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    return draw.choice([data[:end], data[start:], data[:start] + data[end:]])


def insert(data: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice([1, 1, 2, 4])):
        at = draw.choice([0, len(data), draw.randrange(len(data) + 1)])
        data = data[:at] + draw.choice(ODD) + data[at:]
    return data


def repeat(data: bytes, draw: random.Random) -> bytes:
    start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * draw.choice([1, 2, 40]) + data[end:]


def recode(data: bytes, draw: random.Random) -> bytes:
    names = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp037", "utf-7", "koi8-r"]
    return data.decode("utf-8", "replace").encode(draw.choice(names), "replace")


def shuffle(data: bytes, draw: random.Random) -> bytes:
    lines = data.split(b"\n")
    draw.shuffle(lines)
    return b"\n".join(lines)


TEXT: list[Change] = [flip, cut, insert, insert, repeat, recode, shuffle]


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
            change = draw.choice([flip, cut, insert, repeat, attribute, attribute])
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


SHEET: list[Change] = [flip, cut, member, member, member, member, header, header]


def check(part: Part) -> None:
    """What was read is as a part is promised to be."""
    assert part.lines is None or len(part.lines) == part.n
    assert part.frame.columns.is_unique
    json.dumps(part.frame.to_dict("list"), ensure_ascii=False, default=str).encode()
    assert set(part.text) | {part.id} - {None} <= set(part.frame.columns)
    assert all(len(note) < 1000 for note in part.notes)


def ending(form: AbstractFormat, path: Path, where: str) -> str:
    """How reading ends: "read" or "refused", or the test does."""
    try:
        check(form.read_items(path, TextOptions()).train)
    except DataError as error:
        refused = error
    except Exception as error:
        raise AssertionError(f"{where}: a bug: {error!r}") from error
    else:
        return "read"
    assert refused.todo, refused
    assert len(str(refused)) < 2000
    return "refused"


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        *(("csv", 400), ("tsv", 200), ("txt", 100), ("jsonl", 400), ("json", 200)),
        *(("xlsx", 500), ("ris", 300)),
    ],
)
def test_malformed_tables_are_read_or_refused(tmp_path: Path, kind: str, count: int) -> None:
    form, data = formats.make(kind, {}), good(tmp_path, kind)
    path, ends = tmp_path / f"t.{kind}", Counter[str]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(count):
        draw = random.Random(f"{kind} {seed}")
        changed = draw.choice(SHEET if kind == "xlsx" else TEXT)(data, draw)
        path.write_bytes(changed)
        ends[ending(form, path, f"{kind}, seed {seed}")] += 1
    print(f"\n{kind}: {count} malformed inputs, {dict(ends)}; 0 ended as a bug")
    assert min(ends["read"], ends["refused"]) > count / 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024  # KiB
