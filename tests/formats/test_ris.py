"""References: title and abstract are the text, and nothing is lost between two of them."""

import sys
from pathlib import Path

import pytest

from pauca.errors import CapabilityError, DataError
from pauca.formats import Part, TextOptions, formats

TWO = """Provider: nobody
TY  - JOUR
AU  - Doe, J
AU  - Roe, R
T1  - Cats are
  great
N2  - First line.
Second line\u2028goes on.
PY  - 2020/05/01
DO  - 10.1/x
KW  - cats
KW  - dogs; mice
ZZ  - unknown tag
ER  -

TY - CONF
TI - Dogs
T1  - Other title
AB  - Bark
JO  - Nature
DO  - 10.1/y
ER  -\x20
"""


def read(tmp_path: Path, content: str) -> Part:
    (tmp_path / "t.ris").write_text(content, newline="")
    return formats.make("ris", {}).read_items(tmp_path / "t.ris", TextOptions()).train


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_references_are_rows(tmp_path: Path, end: str) -> None:
    part = read(tmp_path, TWO.replace("\n", end))
    assert part.text == ("title", "abstract")
    assert part.id == "doi"
    assert part.notes == ("1 lines between references are passed over",)
    assert part.lines is not None
    assert part.lines.tolist() == [2, 16]
    rows = part.frame.to_dict("records")
    assert rows[0] == {
        "title": "Cats are great",
        "abstract": "First line. Second line\u2028goes on.",
        "authors": "Doe, J; Roe, R",
        "year": "2020",
        "doi": "10.1/x",
        "keywords": "cats; dogs; mice",
        "type": "JOUR",
        "ZZ": "unknown tag",
        "journal_name": None,
    }
    assert (rows[1]["title"], rows[1]["abstract"]) == ("Dogs", "Bark")
    assert (rows[1]["journal_name"], rows[1]["authors"]) == ("Nature", None)


def test_an_id_names_each_reference_and_no_two_alike(tmp_path: Path) -> None:
    one = "TY  - JOUR\nID  - {}\nTI  - {}\nER  - \n"
    assert read(tmp_path, one.format(1, "a") + one.format(2, "b")).id == "id"
    assert read(tmp_path, one.format(1, "a") + one.format(1, "b")).id is None
    assert read(tmp_path, one.format(1, "a") + "TY  - JOUR\nER  - \n").id is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("some text\n", "no references"),
        ("TY  - JOUR\nTI  - a\n", "last reference has no end.*line 1"),
        ("TY  - JOUR\nTI  - a\nTY  - JOUR\nER  - \n", "has no end; .*line 3"),
        ("TY  - JOUR\nER  - \nTI  - a\nER  - \n", "has no beginning; .*line 3"),
    ],
)
def test_references_that_would_be_lost(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, content)
    assert caught.value.todo


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("rispy", "openpyxl"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CapabilityError, match="pip install rispy"):
        read(tmp_path, TWO)
    xlsx = formats.make("xlsx", {})
    with pytest.raises(CapabilityError, match="pip install openpyxl"):
        xlsx.read_items(tmp_path / "t.xlsx", TextOptions())
    with pytest.raises(CapabilityError, match="pip install openpyxl"):
        xlsx.write_rows(tmp_path / "t.xlsx", ["a"], [])
