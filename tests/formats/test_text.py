"""Encodings and delimiters as people have them."""

from pathlib import Path

import pytest

from pauca.errors import DataError, UnknownNameError, UsageError
from pauca.formats.text import check_delimiter, decode, detect_delimiter, read_text

GERMAN = "id,text\n1,Größe “schön” naïve\n2,Straße\n"
RUSSIAN = "id,text\n" + "1,Кошка сидит на окне и смотрит на улицу\n2,Собака лает каждый день\n" * 20
JAPANESE = "id,text\n1,猫は窓に座って通りを見ています。\u3000\n2,犬は毎日大声で吠えます。\n"


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE, "a\n1\n"])
@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"),
        *("utf-32-le", "utf-32-be"),
    ],
)
def test_unicode_is_detected(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding), "t.csv")
    assert found.text == text
    assert bool(found.notes) == ("utf-8" not in encoding)
    assert all(encoding.partition("-sig")[0] in note for note in found.notes)


@pytest.mark.parametrize("order", ["le", "be"])
def test_byte_order_marks_of_both_orders(order: str) -> None:
    for width in (16, 32):
        data = ("\ufeff" + GERMAN).encode(f"utf-{width}-{order}")
        assert decode(data, "t.csv").text == GERMAN
        assert decode(data, "t.csv", f"utf-{width}-{order}").text == GERMAN


def test_western_bytes_are_cp1252_or_latin_1_and_said() -> None:
    found = decode(GERMAN.encode("cp1252"), "t.csv")
    assert found.text == GERMAN
    assert found.notes == ("read as cp1252 (not UTF-8): say encoding for another",)
    assert decode(b"id,text\n1,caf\xe9 \x8d\n", "t.csv").encoding == "latin-1"


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8-r", "koi8_r"),
        (JAPANESE, "shift-jis", "cp932"),
        ("id,text\n1,猫坐在窗台上看着街道\n2,狗每天都大声叫\n" * 9, "gb18030", "gb18030"),
    ],
)
def test_other_scripts_are_named_as_a_guess(text: str, encoding: str, guess: str) -> None:
    found = decode(text.encode(encoding), "t.csv")
    assert found.encoding in ("cp1252", "latin-1")
    assert f"by its letters {guess} is likelier" in found.notes[0]
    assert decode(text.encode(encoding), "t.csv", encoding).text == text


def test_damaged_utf_8_is_not_read_as_something_else() -> None:
    data = GERMAN.encode()
    cut = data[: data.index("ß".encode(), 30) + 1]
    for broken in (cut, data.replace("ö".encode(), b"\xf6", 1)):
        with pytest.raises(DataError, match=r"UTF-8 with damaged bytes.*line [23]"):
            decode(broken, "t.csv")
    assert decode(cut, "t.csv", "latin-1").text.startswith("id,text\n1,GrÃ")


def test_an_encoding_that_is_asked_for_wins() -> None:
    found = decode("\ufeffid\n".encode(), "t.csv", "latin-1")
    assert found.text == "ï»¿id\n"
    assert found.notes == ("read as latin-1, as asked, though it begins with the mark of utf-8",)
    assert decode("\ufeffid\n".encode(), "t.csv", "utf-8").notes == ()
    assert decode("\ufeffid\n".encode("utf-16-le"), "t.csv", "utf-16-le").notes == ()
    with pytest.raises(DataError, match=r"is not ascii; got: 0xc3 at byte 12.*line 2"):
        decode(GERMAN.encode(), "t.csv", "ascii")
    with pytest.raises(UnknownNameError, match="did you mean 'latin-1'"):
        decode(b"id\n", "t.csv", "latin1x")
    for name in ("rot13", "base64", "unicode_escape", "utf-7", "no\0such", ""):
        with pytest.raises(UnknownNameError):
            decode(b"id\n", "t.csv", name)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a,b\n1,\x002\n", "NUL byte; where: t.csv: line 2"),
        (b"a\rb\r\nc\0\n", "NUL byte; where: t.csv: line 3"),
        (b"PK\x03\x04rest", "a zip file, as .xlsx is"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"\xd0\xcf\x11\xe0\xa1", "old office program"),
        ("\ufeffid,text\n".encode("utf-16-le")[:-1], "is not utf-16"),
    ],
)
def test_what_is_no_text(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        decode(data, "t.csv")
    assert caught.value.todo


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_text(tmp_path / "none.csv", None, "a table")
    with pytest.raises(DataError, match="this is no file"):
        read_text(Path("/dev/zero"), None, "a table")
    (tmp_path / "t.csv").touch()
    with pytest.raises(DataError, match="zero bytes; expected: a table"):
        read_text(tmp_path / "t.csv", None, "a table")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id;text\n1;a, b, c\n", ";"),
        ("id\ttext\n1\ta, b; c\n", "\t"),
        ("id|text\n1|a\n", "|"),
        ('"a;b",c\n1,2\n', ","),
        ("price;amount\n1,5;2\n2,5;3\n", ";"),
        ("comment, raw;label\na;x\nb;y\n", ";"),
        ("text\nhello; you\n", ","),
        ('id;"a\nb, c";d\n1;2;3\n', ";"),
        ("a,b\n" + "1,2\n" * 30_000, ","),
    ],
)
def test_delimiters_are_detected(text: str, expected: str) -> None:
    assert detect_delimiter(text, ",") == (expected, ())


def test_a_delimiter_that_fits_as_well_is_said() -> None:
    assert detect_delimiter("a;b,c\n1;2,3\n", ",") == (",", (";",))
    assert detect_delimiter("a;b,c\n1;2,3\n4;5\n", ",") == (";", ())


def test_delimiters_that_are_asked_for() -> None:
    assert [check_delimiter(mark) for mark in (";", "tab", "\\t", "\t", "|", "^")] == [
        *(";", "\t", "\t", "\t", "|", "^")
    ]
    for mark in ("", ";;", '"', "\n", "x", "7", "\0"):
        with pytest.raises(UsageError, match="separates no cells"):
            check_delimiter(mark)
