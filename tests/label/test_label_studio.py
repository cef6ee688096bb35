"""Label Studio's JSON, field by field as it is documented, out and in."""

import json
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pauca.errors import DataError
from pauca.label import Project, export, import_file, labelling_config, write_batch
from tests.label.helpers import table
from tests.label.test_formats import CLASSES, TEXTS, answered, labelled, mails, pets

__all__ = ["mails", "pets"]  # fixtures


def test_label_studio_tasks_field_by_field(mails: Project) -> None:
    answered(mails)
    mails.train(assessed=False)
    file = StringIO()
    write_batch(mails, [5], "label-studio", file)
    (task,) = json.loads(file.getvalue())
    assert set(task) == {"data", "predictions"}
    assert task["data"] == {"pauca_id": "m5", "text": TEXTS[5]}
    (prediction,) = task["predictions"]
    assert set(prediction) == {"model_version", "score", "result"}
    assert prediction["model_version"] == "probe-1"
    assert 0 <= prediction["score"] <= 1
    (result,) = prediction["result"]
    assert set(result) == {"id", "from_name", "to_name", "type", "value"}
    assert (result["from_name"], result["to_name"], result["type"]) == ("class", "item", "choices")
    assert result["value"]["choices"][0] in CLASSES
    config = labelling_config(mails)
    assert '<Text name="item" value="$text"/>' in config
    assert '<Choices name="class" toName="item" choice="single" required="true">' in config


def test_label_studio_images_and_markup(pets: Project) -> None:
    file = StringIO()
    write_batch(pets, [pets.items.number("deep/a.png")], "label-studio", file)
    assert json.loads(file.getvalue())[0]["data"] == {
        "pauca_id": "deep/a.png",
        "image": "/data/local-files/?d=deep/a.png",
    }
    pets.add_classes(['<b> & "q"'])
    values = [
        each.get("value") for each in ElementTree.fromstring(labelling_config(pets)).iter("Choice")
    ]
    assert values == ["cat", "a/b: %x", '<b> & "q"']


def test_label_studio_export_comes_back(mails: Project, tmp_path: Path) -> None:
    truth = answered(mails)
    mails.train(assessed=False)
    assert export(mails, tmp_path / "ls.json", "label-studio") == 5
    tasks = json.loads((tmp_path / "ls.json").read_text())
    first = tasks[0]
    assert set(first) == {"id", "data", "predictions", "annotations", "meta"}
    assert (first["id"], first["data"]["pauca_id"]) == (1, "m0")
    assert set(first["annotations"][0]) == {
        "id", "completed_by", "result", "was_cancelled", "ground_truth", "created_at",
        "updated_at", "lead_time", "result_count", "task",
    }  # fmt: skip
    assert [each["completed_by"] for each in first["annotations"]] == [1, 2]
    assert first["annotations"][0]["lead_time"] == 1.5
    assert first["annotations"][0]["result"][0]["value"] == {"choices": ["good"]}
    other = Project.create(tmp_path / "m.csv", tmp_path / "other", classes=CLASSES)
    assert import_file(other, tmp_path / "ls.json").new == 7
    assert labelled(other) == truth
    assert other.agreement().people == {"anna": 5, "bob": 1}
    assert {(e.event.person, e.event.action) for e in other.history()} >= {("bob", "skip")}


REAL = [
    {
        "id": 41,
        "annotations": [
            {
                "id": 7,
                "completed_by": {"id": 3, "email": "ann@example.org"},
                "result": [
                    {
                        "value": {"choices": ["bad"]},
                        "id": "q1",
                        "from_name": "class",
                        "to_name": "text",
                        "type": "choices",
                        "origin": "manual",
                    }
                ],
                "was_cancelled": False,
                "ground_truth": False,
                "lead_time": 4.288,
            },
            {"id": 8, "completed_by": 5, "result": [], "was_cancelled": True},
        ],
        "data": {"text": "bad, day", "pauca_id": "m1"},
        "predictions": [],
        "project": 83,
    }
]
SHORT = [
    {
        "id": 41,
        "text": "good day",
        "pauca_id": "m0",
        "class": "good",
        "annotator": 2,
        "lead_time": 1.0,
    }
]


def test_exports_as_label_studio_writes_them(mails: Project, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(REAL))
    assert import_file(mails, path).new == 2
    events = [entry.event for entry in mails.history()][::-1]
    assert [(e.person, e.action, e.item, e.cls, e.ms) for e in events] == [
        ("ann@example.org", "label", 1, 1, 4288),
        ("label-studio-5", "skip", 1, None, None),
    ]
    path.write_text(json.dumps(SHORT))
    assert import_file(mails, path).new == 1
    assert labelled(mails) == {"m1": "bad", "m0": "good"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": {"text": "x"}}, "no item is like what the file says"),
        ({"data": {"pauca_id": "m7"}}, "task 1 .id 41.: there is no item with this id 'm7'"),
    ],
)
def test_exports_that_are_refused(
    mails: Project, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{**REAL[0], **change}]))
    with pytest.raises(DataError, match=words):
        import_file(mails, path)
    two = json.loads(json.dumps(REAL))
    two[0]["annotations"][0]["result"][0]["value"]["choices"] = ["good", "bad"]
    path.write_text(json.dumps(two))
    with pytest.raises(DataError, match="one class is wanted"):
        import_file(mails, path)
    for text in ("{}", "[1]", "[", '[{"data": {"pauca_id": "m0"}, "annotations": [3]}]'):
        path.write_text(text)
        with pytest.raises(DataError, match=r"cannot be read|this is not JSON"):
            import_file(mails, path)
    assert mails.history() == []


def test_the_number_of_a_task_is_no_id(tmp_path: Path) -> None:
    """Label Studio's csv has both; without ids of their own items are numbered as tasks are."""
    rows = [{"text": text} for text in TEXTS]
    made = Project.create(table(tmp_path / "t.csv", rows), tmp_path / "t", classes=CLASSES)
    path = tmp_path / "export.csv"
    path.write_text(
        "annotation_id,annotator,class,created_at,id,lead_time,pauca_id,text,updated_at\n"
        "9,1,bad,2024-01-01T00:00:00Z,5,1.2,4,=1+1 sum,2024-01-01T00:00:00Z\n"
    )
    assert import_file(made, path).new == 1
    assert labelled(made) == {"4": "bad"}


def test_own_export_changes_nothing(mails: Project, tmp_path: Path) -> None:
    """What was unsure or flagged is not a mere skip afterwards."""
    answered(mails)
    mails.answer("anna", 5, action="flag")
    mails.answer("bob", 2, action="unsure")
    export(mails, tmp_path / "ls.json", "label-studio")
    found = import_file(mails, tmp_path / "ls.json")
    assert (found.rows, found.new) == (9, 0)
    other = Project.create(tmp_path / "m.csv", tmp_path / "other", classes=CLASSES)
    assert import_file(other, tmp_path / "ls.json").new == 9
    assert other.labels.flagged == {5}
    assert {e.action for e in other.answers() if e.person == "bob"} == {"label", "skip", "unsure"}


def test_labels_that_came_with_the_data_come_back(tmp_path: Path) -> None:
    rows = [{"id": f"m{i}", "text": TEXTS[i], "label": ("good", "")[i % 2]} for i in range(4)]
    made = Project.create(table(tmp_path / "t.csv", rows), tmp_path / "t", classes=CLASSES)
    made.answer("anna", 1, 1)
    export(made, tmp_path / "ls.json", "label-studio")
    assert import_file(made, tmp_path / "ls.json").new == 0
    bare = [{"id": row["id"], "text": row["text"]} for row in rows]
    other = Project.create(table(tmp_path / "b.csv", bare), tmp_path / "b", classes=CLASSES)
    assert import_file(other, tmp_path / "ls.json").new == 3
    assert labelled(other) == {"m0": "good", "m1": "bad", "m2": "good"}
    assert other.status().given == 2
