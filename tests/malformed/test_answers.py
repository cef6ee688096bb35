"""Thousands of malformed files of answers: each is read, or refused in words."""

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pauca.formats import TextOptions, find_format
from pauca.label import Project, import_file
from pauca.testing.malformed import WRONG, mutations, variations
from tests.label.helpers import table
from tests.malformed.conftest import TallyOf


def nested(depth: int) -> Any:
    made: Any = []
    for _ in range(depth):
        made = [made]
    return made


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
ODD: tuple[Any, ...] = (
    "spam", "m1", "\ud800", "🎈" * 3, "=1+1", ["spam", "ham"], {"choices": ["spam"]}, 1e308,
    {"x": 1}, [1, 2, 3], "a" * 3000, "/data/local-files/?d=../x", "given", "http://[", "9" * 50,
    {"text": None}, ["spam", ["ham"]], "2024-13-45", nested(300),
)  # fmt: skip
"""Values that are wrong in answers, beside those that are wrong anywhere."""


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


def files(name: str) -> Iterator[tuple[str, str, bytes]]:
    """Name, suffix and bytes of malformed files, always the same."""
    chance = random.Random(name)
    seed = chance.randrange(2**32)
    varied = variations(SEEDS[name], seed, EACH, (*WRONG, *ODD))
    for number, (what, records) in enumerate(varied):
        form = chance.choice(("json", "jsonl", "jsonl", "csv"))
        listed = records if isinstance(records, list) else [records]
        content = written(SEEDS[name] if number % 4 == 3 else listed, form)
        if number % 4 in (2, 3):
            told, content = next(mutations(content, seed + number, 1))
            what = f"{what}, {told}"
        yield what, form, content


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("pool")
    data = table(folder / "m.csv", [{"id": f"m{i}", "text": text} for i, text in enumerate(TEXTS)])
    with Project.create(data, folder / "p", classes=("spam", "ham")) as made:
        yield made


def read_items(path: Path) -> Any:
    return find_format(path, "items").read_items(path, TextOptions())


@pytest.mark.parametrize("name", SEEDS)
def test_malformed_answers(pool: Project, tally: TallyOf, name: str) -> None:
    answers, items = tally(f"answers, {name}"), tally(f"items, {name}")
    for number, (what, form, content) in enumerate(files(name)):
        unmatched: Any = ("refuse", "skip")[number % 2]
        file = pool.folder.parent / f"x.{form}"
        file.write_bytes(content)
        answers.open(what, partial(import_file, pool, file, unmatched=unmatched))
        items.open(what, partial(read_items, file))
    for found in (answers, items):
        assert not found.bugs, str(found)
    assert answers.counts["fine"] + items.counts["fine"] > 0
