"""Every format that discovery finds keeps its promises."""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pauca.errors import CapabilityError, PaucaError
from pauca.formats import (
    AbstractFormat,
    AnswerRow,
    ItemRecord,
    LabelSheet,
    TextOptions,
    find_format,
    formats,
)

NAMES = formats.names()
METHODS = {
    "items": "read_items", "answers": "read_answers", "labels": "write_labels",
    "batch": "write_batch",
}  # fmt: skip
CLASSES = (
    "a", "007", "NA", "nan", "null", "=1+1", "a,b", 'q"q', "it's", "#x", "ü", "🎈", "שלום", "-1",
    "true", "[x]", "{y}", "a;b", "a\u2028b", "1.0", "accept",
)  # fmt: skip
TEXTS = tuple(f"{name} text {i}\twith a tab" for i, name in enumerate(CLASSES))
ODD = (
    "\u2028",
    "\x85",
    "two\nlines",
    "two\r\nlines",
    "\ufeffmark",
    "e\u0301",
    "👍🏽",
    '"',
    "=x",
    "'",
)


def made(name: str) -> AbstractFormat:
    return formats.make(name, {})


def able(ability: Any) -> list[str]:
    return [name for name in NAMES if ability in made(name).abilities]


def sheet(texts: tuple[str, ...] = TEXTS) -> LabelSheet:
    """One labelled text of each class, answered by two people."""

    def records() -> Any:
        for i, text in enumerate(texts):
            label = CLASSES[i % len(CLASSES)]
            row = AnswerRow("", f"k{i}", "label", label, "ann", 1.5e9, 1200, more={"seq": i + 1})
            yield ItemRecord(i, f"k{i}", {"text": text}, label, answers=(row,))

    return LabelSheet("text", CLASSES, ("text",), records, people=("ann",))


def written(name: str, path: Path, texts: tuple[str, ...] = TEXTS) -> Path:
    out = path / f"out{made(name).suffixes[0]}"
    assert made(name).write_labels(out, sheet(texts)) == len(texts)
    return out


def one_class_a_text(name: str, path: Path, texts: tuple[str, ...]) -> dict[str, str | None]:
    found = made(name).read_answers(written(name, path, texts), TextOptions())
    return {str(row.key): row.label for row in found}


@pytest.mark.parametrize("name", NAMES)
def test_what_it_says_of_itself(name: str) -> None:
    each = made(name)
    assert (each.name, bool(each.title)) == (name, True)
    assert each.abilities <= METHODS.keys()
    for ability, method in METHODS.items():
        own = getattr(type(each), method) is not getattr(AbstractFormat, method)
        if ability in ("labels", "batch"):
            own = own or each.writes_tables()
            assert own or ability not in each.abilities
        else:
            assert own == (ability in each.abilities), f"{name}: {ability}"
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in each.suffixes)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_cannot_it_refuses_in_words(name: str, tmp_path: Path) -> None:
    each = made(name)
    calls: dict[str, Callable[[], Any]] = {
        "items": lambda: each.read_items(tmp_path / "x", TextOptions()),
        "answers": lambda: each.read_answers(tmp_path / "x", TextOptions()),
        "labels": lambda: each.write_labels(tmp_path / "y", sheet()),
        "batch": lambda: each.write_batch(tmp_path / "y", sheet()),
    }
    for ability, call in calls.items():
        if ability not in each.abilities:
            with pytest.raises(PaucaError):
                call()


BOTH = [name for name in able("labels") if name in able("answers")]


@pytest.mark.parametrize("name", BOTH)
def test_labels_come_back(name: str, tmp_path: Path) -> None:
    wanted = {f"k{i}": label for i, label in enumerate(CLASSES)}
    assert one_class_a_text(name, tmp_path, TEXTS) == wanted


@pytest.mark.parametrize("name", BOTH)
def test_odd_characters_come_back(name: str, tmp_path: Path) -> None:
    found = made(name).read_answers(written(name, tmp_path, ODD), TextOptions())
    assert [row.shown["text"] for row in found] == list(ODD)


@pytest.mark.parametrize("name", BOTH)
def test_it_is_known_by_its_content(name: str, tmp_path: Path) -> None:
    out = written(name, tmp_path)
    assert find_format(out, "answers").name == name


@pytest.mark.parametrize("name", able("answers"))
def test_people_and_times_where_it_holds_them(name: str, tmp_path: Path) -> None:
    if name not in BOTH or not made(name).every_answer:
        assert name in NAMES
        return
    for row in made(name).read_answers(written(name, tmp_path), TextOptions()):
        assert (row.person, row.at, row.ms) in (
            ("ann", 1.5e9, 1200),
            ("label-studio-1", 1.5e9, 1200),
        )


@pytest.mark.parametrize("name", able("batch"))
def test_a_batch_holds_every_item_and_no_label(name: str, tmp_path: Path) -> None:
    out = tmp_path / f"out{made(name).suffixes[0]}"
    assert made(name).write_batch(out, sheet()) == len(TEXTS)
    if name in able("answers"):
        found = made(name).read_answers(out, TextOptions())
        assert [row.action for row in found] == [None] * len(TEXTS)


@pytest.mark.parametrize("name", sorted({*able("answers"), *able("items")}))
def test_files_that_are_none(name: str, tmp_path: Path) -> None:
    each, suffix = made(name), (*made(name).suffixes, "")[0]
    (tmp_path / f"empty{suffix}").write_bytes(b"")
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"bytes{suffix}").write_bytes(bytes(range(256)))
    for what in ("empty", "folder", "bytes", "gone"):
        path = tmp_path / f"{what}{suffix}"
        for ability in ("items", "answers"):
            if ability in each.abilities:
                with pytest.raises(PaucaError) as caught:
                    getattr(each, METHODS[ability])(path, TextOptions())
                assert caught.value.todo, f"{name} {what}"
        if path.is_file():
            assert not each.recognises(path)


@pytest.mark.parametrize("name", BOTH)
def test_damaged_files_end_in_words(name: str, tmp_path: Path) -> None:
    content, chance = bytearray(written(name, tmp_path).read_bytes()), random.Random(0)
    path = tmp_path / f"bad{made(name).suffixes[0]}"
    refused = list[PaucaError]()
    for _ in range(60):
        bad = (
            bytearray(content[: chance.randrange(len(content))])
            if chance.random() < 0.3
            else (bytearray(content))
        )
        for _ in range(chance.randrange(1, 4)):
            if bad:
                bad[chance.randrange(len(bad))] = chance.randrange(256)
        path.write_bytes(bad)
        try:
            made(name).read_answers(path, TextOptions())
        except PaucaError as error:
            refused.append(error)
    assert refused
    assert all(error.todo for error in refused)


@pytest.mark.parametrize("name", [name for name in NAMES if made(name).package])
def test_a_package_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = str(made(name).package)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CapabilityError, match=f"not installed.*pip install .*{package}"):
        made(name).needed_package()


@pytest.mark.parametrize("name", ["label-studio", "prodigy", "doccano", "argilla"])
def test_a_general_reader_never_takes_a_special_file(name: str, tmp_path: Path) -> None:
    first = {
        "label-studio": [{"id": 1, "data": {"text": "x"}, "annotations": []}],
        "prodigy": {"text": "x", "_input_hash": 1, "_task_hash": 2, "answer": "accept"},
        "doccano": {"id": 1, "text": "x", "label": ["a"], "Comments": []},
        "argilla": {"fields": {"text": "x"}, "responses": {}, "status": "pending"},
    }[name]
    for suffix in (".jsonl", ".json", ".txt"):
        path = tmp_path / f"x{suffix}"
        path.write_text(json.dumps(first))
        assert find_format(path, "answers").name == name
