"""Thousands of malformed files of answers: each is read, or refused in words."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pauca.errors import PaucaError
from pauca.formats import TextOptions, find_format
from pauca.label import Project, import_file
from tests.label.helpers import table

TEXTS = ["cats are great", "dogs bark loudly", "birds fly high", "fish swim deep"]
EACH = 150
RESULT = {
    "type": "choices",
    "from_name": "class",
    "to_name": "item",
    "value": {"choices": ["spam"]},
}
SEEDS: dict[str, list[dict[str, Any]]] = {
    "label-studio": [
        {
            "id": 41 + i,
            "data": {"pauca_id": f"m{i}", "text": TEXTS[i]},
            "annotations": [
                {"id": 7, "completed_by": {"id": 3, "email": "a@b.org"}, "result": [RESULT],
                 "was_cancelled": False, "lead_time": 4.2, "created_at": "2024-01-01T00:00:00Z"},
                {"id": 8, "completed_by": 5, "result": [], "was_cancelled": True},
            ],
            "drafts": [{}], "predictions": [{"score": 0.5, "result": [RESULT]}],
            "meta": {"people": {"5": "bo"}, "actions": {"5": "flag"}},
        }
        for i in range(3)
    ],
    "label-studio-min": [
        {"id": 41 + i, "text": TEXTS[i], "pauca_id": f"m{i}", "class": "spam", "annotator": 2,
         "lead_time": 1.5, "annotation_id": 3, "updated_at": "2024-01-01"}
        for i in range(3)
    ],
    "prodigy": [
        {"text": TEXTS[i], "_input_hash": 4, "_task_hash": 5, "meta": {"source": "x"},
         "options": [{"id": "spam", "text": "Spam"}, {"id": 1, "text": "ham"}],
         "accept": [("spam", 1)[i % 2]], "answer": "accept", "_session_id": "a",
         "_timestamp": 1.6e9, "pauca_ms": 30, "spans": [{"start": 0, "end": 2}]}
        for i in range(3)
    ],
    "doccano": [
        {"id": 5 + i, "text": TEXTS[i], "label": ["spam"], "Comments": [], "entities": [],
         "meta": {"pauca_id": f"m{i}"}}
        for i in range(3)
    ],
    "argilla": [
        {"id": "8a", "status": "completed", "fields": {"text": TEXTS[i]}, "metadata": {"x": 1},
         "responses": {"label": [{"value": "spam", "user_id": "u", "status": "submitted"}]},
         "suggestions": {"label": {"value": "ham"}}}
        for i in range(3)
    ],
    "argilla-1": [
        {"fields": {"text": TEXTS[i]}, "metadata": {"pauca_id": f"m{i}"}, "responses": [
            {"user_id": "u", "status": "submitted", "values": {"label": {"value": "spam"}}}]}
        for i in range(3)
    ],
    "table": [
        {"id": f"m{i}", "text": TEXTS[i], "label": "spam", "action": "label", "person": "anna",
         "ms": 30, "at": 1.6e9, "given": False}
        for i in range(3)
    ],
    "account": [
        {"seq": 1 + i, "at": 1e9 + i, "person": "anna", "id": f"m{i // 2}",
         "action": ("label", "undo")[i % 2], "label": ("spam", None)[i % 2], "suggestion": "ham",
         "confidence": 0.5, "shown": True, "ms": 20, "round": 0, "strategy": "margin",
         "undoes": (None, i)[i % 2], "stands": False, "act": 1 + i}
        for i in range(4)
    ],
}  # fmt: skip
DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 10**40, "", " ", "x", "spam", "m1", "\u0000", "\ud800",
    "🎈" * 3, "=1+1", [], {}, [[]], [{}], [None], ["spam", "ham"], {"choices": ["spam"]},
    {"x": 1}, [1, 2, 3], DEEP, "a" * 3000, float("nan"), float("inf"), "/data/local-files/?d=../x",
    "given", "http://[", {"text": None}, ["spam", ["ham"]], "2024-13-45", "9" * 50,
)  # fmt: skip


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every way to a part of a value."""
    held = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in held:
        yield (*above, key)
        if isinstance(part, dict | list):
            yield from places(part, (*above, key))


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def swapped(records: list[Any], chance: random.Random) -> list[Any]:
    """Records of which some part is something else, is missing, stands twice or is wrapped."""
    found = copy.deepcopy(records)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        ways = list(places(found))
        if not ways:
            break
        place = chance.choice(ways)
        holder, key = at(found, place[:-1]), place[-1]
        match chance.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(chance.choice(STRANGE))
            case 3:
                del holder[key]
            case 4:
                holder[key] = [holder[key]] if chance.random() < 0.5 else {"value": holder[key]}
            case _:
                other = at(found, chance.choice(ways)[:1])
                holder[key] = copy.deepcopy(other)
    return found


def spoilt(content: bytes, chance: random.Random) -> bytes:
    """Bytes that are flipped, cut, doubled or put in."""
    found = bytearray(content)
    for _ in range(chance.randrange(1, 5)):
        if not found:
            break
        start = chance.randrange(len(found))
        match chance.randrange(5):
            case 0:
                found[start] = chance.randrange(256)
            case 1:
                del found[start:]
            case 2:
                found[start:start] = found[start : start + 40]
            case 3:
                found[start:start] = chance.choice(
                    (b"9" * 5000, b"[" * 3000, b'"', b"\\ud800", b"NaN", b"\x00", b"\xff", b"}\n{")
                )
            case _:
                del found[start : start + chance.randrange(1, 30)]
    return bytes(found)


def written(records: list[Any], form: str) -> bytes:
    if form == "csv":
        names = list(dict.fromkeys(k for r in records if isinstance(r, dict) for k in r))
        cells = [[json.dumps(r.get(n)) if isinstance(r, dict) else "" for n in names] for r in
                 records]  # fmt: skip
        rows = [",".join('"' + str(c).replace('"', '""') + '"' for c in row) for row in
                [names, *cells]]  # fmt: skip
        return "\n".join(rows).encode("utf-8", "surrogatepass")
    if form == "jsonl":
        return "\n".join(map(json.dumps, records)).encode()
    return json.dumps(records).encode()


def files(name: str) -> Iterator[tuple[str, bytes]]:
    """Suffix and bytes of malformed files, always the same."""
    chance = random.Random(name)
    for number in range(EACH):
        form = chance.choice(("json", "jsonl", "jsonl", "csv"))
        records = SEEDS[name] if number % 4 == 3 else swapped(SEEDS[name], chance)
        content = written(records, form)
        yield form, spoilt(content, chance) if number % 4 in (2, 3) else content


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("pool")
    data = table(folder / "m.csv", [{"id": f"m{i}", "text": text} for i, text in enumerate(TEXTS)])
    with Project.create(data, folder / "p", classes=("spam", "ham")) as made:
        yield made


def read_items(path: Path) -> Any:
    return find_format(path, "items").read_items(path, TextOptions())


@pytest.mark.parametrize("name", SEEDS)
def test_malformed_answers(pool: Project, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, count, taken = pool.folder.parent / "x", 0, 0
    wrong = list[str]()
    for number, (form, content) in enumerate(files(name)):
        unmatched: Any = ("refuse", "skip")[number % 2]
        file = path.with_suffix(f".{form}")
        file.write_bytes(content)
        ways: tuple[Callable[[], Any], ...] = (
            partial(import_file, pool, file, unmatched=unmatched),
            partial(read_items, file),
        )
        for way in ways:
            count += 1
            try:
                way()
                taken += 1
            except PaucaError as error:
                if len(str(error)) > 4000 or not error.todo:
                    wrong.append(f"{error!r:.300}")
            except Exception as error:
                wrong.append(f"{type(error).__name__}: {error!s:.200} {content[:300]!r}")
    with capsys.disabled():
        print(f"\n{name}: {count} malformed inputs, {taken} read, {len(wrong)} ended as a bug")
    assert wrong == []
    assert 0 < taken < count
