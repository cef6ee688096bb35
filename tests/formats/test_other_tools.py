"""What people have from other tools: right labels, or a refusal that says what it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from pauca.errors import DataError, PaucaError, UsageError
from pauca.formats import TextOptions, find_format
from pauca.label import Imported, PoolOptions, Project, import_file
from tests.label.helpers import images, npz, table

TEXTS = [
    "cats are great", "dogs bark loudly", "birds fly high", "fish swim deep", "horses run fast",
    "cows eat grass", "ants work hard", "bees make honey",
]  # fmt: skip
CLASSES = ("spam", "ham")


@pytest.fixture
def pool(tmp_path: Path) -> Project:
    rows = [{"nr": f"m{i}", "text": text} for i, text in enumerate(TEXTS)]
    options = PoolOptions(text="text", id="nr")
    data = table(tmp_path / "pool.csv", rows)
    return Project.create(data, tmp_path / "pool", classes=CLASSES, options=options)


@pytest.fixture
def numbered(tmp_path: Path) -> Project:
    """Without ids of their own, items are numbered from 0."""
    data = table(tmp_path / "noid.csv", [{"text": text} for text in TEXTS])
    options = PoolOptions(text="text")
    return Project.create(data, tmp_path / "noid", classes=CLASSES, options=options)


def take(project: Project, name: str, content: Any, **options: Any) -> Imported:
    """Import a file with this content: a text, JSON lines of dicts, or JSON of a list."""
    path = project.folder.parent / name
    if not isinstance(content, str | bytes):
        lines = "\n".join(json.dumps(each) for each in content)
        content = lines if name.endswith(".jsonl") else json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return import_file(project, path, **options)


def told(project: Project) -> list[tuple[str, str, str | None, str]]:
    """Every answer that stands: id, action, class, person."""
    return [
        (
            project.items.key(e.item),
            e.action,
            None if e.cls is None else project.classes.name(e.cls),
            e.person,
        )
        for e in project.answers()
    ]


def task(number: int, result: list[Any], key: bool = True, **more: Any) -> dict[str, Any]:
    data = {"text": TEXTS[number], **({"pauca_id": f"m{number}"} if key else {})}
    annotation = {"id": 1, "completed_by": 1, "was_cancelled": False, "lead_time": 3.2}
    return {"id": 101 + number, "data": data, "annotations": [{**annotation, "result": result}],
            **more}  # fmt: skip


def choice(name: str, control: str = "class", **value: Any) -> dict[str, Any]:
    value = {"choices": [name], **value}
    return {"type": "choices", "from_name": control, "to_name": "item", "value": value}


def region(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "from_name": "b", "to_name": "item", "value": value}


# Label Studio


def test_the_control_of_our_configuration_is_read_whatever_else_is_asked(pool: Project) -> None:
    both = [choice("spam"), choice("ham", "second_opinion")]
    found = take(pool, "e.json", [task(0, both), task(1, [choice("spam", "second_opinion")])])
    assert told(pool) == [("m0", "label", "spam", "label-studio-1")]
    assert (found.new, found.blank) == (1, 1)
    assert "second_opinion were left out" in found.notes[0]


def test_another_control_is_read_where_it_is_the_only_one_and_that_is_said(pool: Project) -> None:
    found = take(pool, "e.json", [task(0, [choice("spam", "mood")], key=False)])
    assert told(pool) == [("m0", "label", "spam", "label-studio-1")]
    assert found.notes == ("labels are the answers to 'mood', the only question",)


def test_another_question_than_ours_is_no_label(pool: Project) -> None:
    content = [task(0, [choice("spam", "mood")])]  # with our id: we asked for 'class'
    with pytest.raises(DataError, match=r"another question.*'class'.*mood.*--control"):
        take(pool, "e.json", content)
    assert told(pool) == []
    take(pool, "e.json", content, control="mood")
    assert told(pool) == [("m0", "label", "spam", "label-studio-1")]


def test_one_of_several_controls_has_to_be_named(pool: Project) -> None:
    content = [task(0, [choice("spam", "mood"), choice("ham", "kind")])]
    with pytest.raises(DataError, match=r"several questions.*mood, kind.*--control"):
        take(pool, "e.json", content)
    with pytest.raises(DataError, match=r"no question 'moot' .*did you mean 'mood'"):
        take(pool, "e.json", content, control="moot")
    take(pool, "e.json", content, control="kind")
    assert told(pool) == [("m0", "label", "ham", "label-studio-1")]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("rectanglelabels", {"x": 1, "rectanglelabels": ["spam"]}, "boxes"),
        ("polygonlabels", {"points": [[1, 2]], "polygonlabels": ["spam"]}, "polygons"),
        ("brushlabels", {"rle": [1], "brushlabels": ["spam"]}, "brush"),
        ("labels", {"start": 0, "end": 4, "labels": ["spam"]}, "spans"),
        ("taxonomy", {"taxonomy": [["spam", "bulk"]]}, "taxonomy"),
        ("rating", {"rating": 4}, "rating"),
        ("textarea", {"text": ["spam"]}, "free text"),
        ("pairwise", {"selected": "left"}, "comparison"),
        ("number", {"number": 3}, "a number"),
    ],
)
def test_other_tasks_are_refused_by_name(pool: Project, kind: str, value: Any, words: str) -> None:
    with pytest.raises(DataError, match=f"another task: .*{words}"):
        take(pool, "e.json", [task(0, [region(kind, value)])])
    assert told(pool) == []
    found = take(pool, "e.json", [task(0, [region(kind, value), choice("spam")])])
    assert told(pool) == [("m0", "label", "spam", "label-studio-1")]
    assert f"type {kind}) were left out" in found.notes[0]


def test_choices_for_regions_and_several_choices_are_refused(pool: Project) -> None:
    with pytest.raises(DataError, match="choices for regions"):
        take(pool, "e.json", [task(0, [choice("spam", x=1, y=2)])])
    with pytest.raises(DataError, match=r"several .multi-label"):
        take(pool, "e.json", [task(0, [choice("spam"), choice("ham")])])


def test_a_task_without_an_annotation_is_passed_over(pool: Project) -> None:
    guess = {"predictions": [{"result": [choice("ham")], "score": 0.9}]}
    content = [
        {"id": 1, "data": {"pauca_id": "m0", "text": TEXTS[0]}, "annotations": [], **guess},
        {"id": 2, "data": {"pauca_id": "m1", "text": TEXTS[1]}, "total_annotations": 0},
        task(2, [], drafts=[{"result": [choice("spam")]}]),
        {**task(3, []), "annotations": [{"completed_by": 2, "was_cancelled": True, "result": []}]},
        {"id": 9, "data": {"pauca_id": "m4"}, "completions": [
            {"created_at": 1600000000, "lead_time": 2, "result": [choice("ham")]}]},
    ]  # fmt: skip
    found = take(pool, "e.json", content)
    assert (found.new, found.blank) == (2, 3)
    assert told(pool) == [("m3", "skip", None, "label-studio-2"), ("m4", "label", "ham", "import")]
    assert [note.split(" were")[0] for note in found.notes] == [
        "drafts of 1 tasks", "predictions for 1 tasks that nobody annotated are no answers",
    ]  # fmt: skip


SHORT = [
    {"id": 101, "text": TEXTS[0], "pauca_id": "m0", "mood": "spam", "annotator": 1,
     "annotation_id": 5, "lead_time": 3.2},
    {"id": 102, "text": TEXTS[1], "pauca_id": "m1", "annotator": 1},
]  # fmt: skip


def test_flat_tasks_are_read_by_their_control(pool: Project) -> None:
    assert take(pool, "e.json", SHORT).blank == 1
    assert told(pool) == [("m0", "label", "spam", "label-studio-1")]
    assert pool.answers()[0].ms == 3200
    boxes = [{**SHORT[0], "mood": [{"x": 1, "y": 1, "rectanglelabels": ["spam"]}]}]
    with pytest.raises(DataError, match="boxes"):
        take(pool, "e.json", boxes)
    two = [{**SHORT[0], "kind": "spam"}]
    with pytest.raises(DataError, match="several questions"):
        take(pool, "e.json", two)
    assert take(pool, "e.json", two, control="kind").new == 0
    # what a task shows stands before its id
    real = {"source": "x", "text": TEXTS[2], "pauca_id": "m2", **{**SHORT[0], "mood": "ham"}}
    real |= {"text": TEXTS[2], "pauca_id": "m2"}
    take(pool, "e.json", [real])
    assert told(pool)[-1] == ("m2", "label", "ham", "label-studio-1")


@pytest.mark.parametrize(
    ("annotator", "person"),
    [("2", "label-studio-2"), ("ann@example.org", "ann@example.org"),
     ('"{""id"": 3, ""email"": ""bo@example.org""}"', "bo@example.org")],
)  # fmt: skip
def test_csv_says_the_same_of_people_and_times(pool: Project, annotator: str, person: str) -> None:
    head = "annotation_id,annotator,class,created_at,id,lead_time,pauca_id,text,updated_at\n"
    row = f"9,{annotator},ham,2024-01-01T00:00:00Z,5,1.25,m3,{TEXTS[3]},2024-01-02T00:00:00Z\n"
    blank = f"10,1,,2024-01-01T00:00:00Z,6,1.25,m4,{TEXTS[4]},2024-01-02T00:00:00Z\n"
    assert take(pool, "e.csv", head + row + blank).blank == 1
    assert told(pool) == [("m3", "label", "ham", person)]
    event = pool.answers()[0]
    assert (event.ms, event.at) == (1250, 1704153600.0)


def test_several_choices_in_a_csv_cell_are_seen(pool: Project) -> None:
    head = "annotation_id,annotator,class,id,lead_time,pauca_id\n"
    with pytest.raises(DataError, match="multi-label"):
        take(pool, "e.csv", head + '9,1,"{""choices"": [""spam"", ""ham""]}",5,1.2,m3\n')


def test_a_project_made_there_is_matched_by_its_texts(numbered: Project) -> None:
    content = [task(i, [choice("spam")], key=False) for i in (3, 1)]
    content[0]["data"] = {"body": f"  {TEXTS[3]}\n"}
    take(numbered, "e.json", content)
    assert {key for key, *_ in told(numbered)} == {"3", "1"}
    other = {**task(2, [choice("ham")]), "data": {"text": "else"}}
    with pytest.raises(DataError, match=r"task 2 .id 103.: no item is like this: text 'else'"):
        take(numbered, "e.json", [task(0, [choice("spam")], key=False), other])
    found = take(
        numbered, "e.json",
        [task(4, [choice("ham")], key=False), {**task(2, [choice("ham")]), "data": {"text": "?"}}],
        unmatched="skip",
    )  # fmt: skip
    assert (found.new, found.unmatched) == (1, 1)
    assert "1 rows of no item" in found.notes[-1]


def test_texts_that_occur_twice_match_nothing(tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv", [{"text": text} for text in ("one", "two", "one")])
    with Project.create(data, tmp_path / "t", classes=CLASSES) as made:
        rows = [{"text": "two", "label": "spam"}, {"text": "one", "label": "spam"}]
        with pytest.raises(DataError, match=r"2 items are like this .'0', '2'.: text 'one'"):
            take(made, "a.jsonl", rows)
        assert take(made, "a.jsonl", rows, unmatched="skip").new == 1


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("/data/local-files/?d=deep/a%20b.png", "deep/a b.png"),
        ("/data/upload/3/1a2b3c4d-a_b.png", "deep/a b.png"),
        ("s3://bucket/pets/deep/a%20b.png", "deep/a b.png"),
        ("https://example.org/x/c%2B%C3%A9.png?sig=1", "c+é.png"),
        ("/data/upload/3/1a2b3c4d-c.png", "er/c.png"),
    ],
)
def test_pictures_are_known_by_their_names(tmp_path: Path, value: str, key: str) -> None:
    folder = images(tmp_path / "pets", ["deep/a b.png", "c+é.png", "er/c.png", "x.png", "er/x.png"])
    with Project.create(folder, tmp_path / "p", classes=CLASSES, options=None) as made:
        content = [{"id": 1, "data": {"image": value}, "annotations": [
            {"completed_by": 1, "result": [choice("spam")]}]}]  # fmt: skip
        take(made, "e.json", content)
        assert [each[0] for each in told(made)] == [key]
        content[0]["data"] = {"image": "/data/upload/3/1a2b3c4d-x.png"}
        with pytest.raises(DataError, match=r"no column of ids|2 items are like this"):
            take(made, "e.json", content)
        content[0]["data"] = {"image": value, "pauca_id": "er/x.png"}
        with pytest.raises(DataError, match=r"id 'er/x.png' has in the project image 'er/x.png'"):
            take(made, "e.json", content)


def test_a_project_made_there_becomes_a_pool(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text(json.dumps([task(0, [choice("spam")], key=False), task(1, [], key=False)]))
    part = find_format(path, "items").read_items(path, TextOptions()).train
    assert (part.n, part.text, part.label, part.id) == (2, ("text",), "label", "task_id")
    assert part.frame["text"].tolist() == TEXTS[:2]
    assert part.frame["label"].tolist() == ["spam", None]
    other = [{"id": i, "data": {"body": t, "kind": "x y z"}} for i, t in enumerate(TEXTS)]
    path.write_text(json.dumps(other))
    part = find_format(path, "items").read_items(path, TextOptions()).train
    assert (part.text, part.notes) == (
        ("body",), ("texts are those of 'body', the only column of sentences",),
    )  # fmt: skip
    images(tmp_path, ["cat.png", "images/dog.png"])
    shown = ["/data/upload/1/1a2b3c4d-cat.png", "/data/local-files/?d=x/dog.png"]
    tasks = [{"id": i, "data": {"image": name}} for i, name in enumerate(shown)]
    path.write_text(json.dumps(tasks))
    part = find_format(path, "items").read_items(path, TextOptions()).train
    assert part.images is not None
    assert [Path(str(each)).name for block in part.images.blocks() for each in block] == [
        "cat.png", "dog.png",
    ]  # fmt: skip
    path.write_text(json.dumps([*tasks, {"id": 3, "data": {"image": "../../etc/x.png"}}]))
    part = find_format(path, "items").read_items(path, TextOptions()).train
    assert part.images is None
    path.write_text(json.dumps([*tasks, {"id": 3, "data": {"image": "gone.png"}}]))
    with pytest.raises(DataError, match="1 of 3 pictures are not beside the file"):
        find_format(path, "items").read_items(path, TextOptions())


@pytest.mark.parametrize("kind", ["text", "image"])
def test_answers_come_into_a_pool_that_was_taken_over(tmp_path: Path, kind: str) -> None:
    """Persons and times too; tasks are known by their numbers."""
    images(tmp_path, [f"images/1a2b3c4d-{i}.png" for i in range(8)])
    shown = [{"text": text} for text in TEXTS]
    if kind == "image":
        shown = [{"image": f"/data/upload/3/1a2b3c4d-{i}.png"} for i in range(8)]
    tasks = [{**task(i, [choice(CLASSES[i % 2])]), "data": data} for i, data in enumerate(shown)]
    path = tmp_path / "e.json"
    path.write_text(json.dumps(tasks))
    options = PoolOptions(known=False)
    with Project.create(path, tmp_path / "p", classes=CLASSES, options=options) as made:
        assert (made.settings.source.kind, made.labels.m) == (kind, 0)
        assert import_file(made, path).new == 8
        assert told(made)[1] == ("102", "label", "ham", "label-studio-1")
        assert import_file(made, path).new == 0


# Prodigy


def example(number: int, **more: Any) -> dict[str, Any]:
    return {"text": TEXTS[number], "_input_hash": number, "_task_hash": 4, "meta": {"source": "x"},
            "_view_id": "classification", **more}  # fmt: skip


def test_verdicts_mean_what_they_mean(pool: Project) -> None:
    content = [
        example(0, label="spam", answer="accept", _session_id="set-a", _timestamp=1600000000),
        example(1, label="spam", answer="reject", _session_id="set-a"),
        example(2, label="spam", answer="ignore", _annotator_id="bo"),
        example(3, options=[{"id": "ham", "text": "Ham"}], accept=["ham"], answer="accept",
                _view_id="choice"),
        example(4, options=[{"id": 1, "text": "ham"}], accept=[1], answer="accept"),
        example(5, options=[{"id": "ham"}], accept=[], answer="accept"),
        example(6),
    ]  # fmt: skip
    found = take(pool, "p.jsonl", content)
    assert told(pool) == [
        ("m0", "label", "spam", "set-a"), ("m2", "skip", None, "bo"),
        ("m3", "label", "ham", "import"), ("m4", "label", "ham", "import"),
    ]  # fmt: skip
    assert (found.new, found.blank) == (4, 3)
    assert found.notes == ("1 rejected: an item that is not of one class has no label by that",)
    assert pool.answers()[0].at == 1600000000


def test_an_id_of_prodigy_is_a_hint_and_the_text_decides(pool: Project, numbered: Project) -> None:
    content = [
        {"id": 3, "text": TEXTS[3], "label": "ham", "answer": "accept"},
        {"id": 0, "text": TEXTS[1], "label": "spam", "answer": "accept"},
    ]
    for project in (pool, numbered):
        assert take(project, "p.jsonl", content).new == 2
        assert [key.strip("m") for key, *_ in told(project)] == ["3", "1"]
    with pytest.raises(DataError, match="id 'm2' has in the project text 'birds fly high', in"):
        take(pool, "p.jsonl", [{**content[0], "pauca_id": "m2"}])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"spans": [{"start": 0, "end": 4, "label": "spam"}], "_view_id": "ner_manual"}, "spans"),
        ({"spans": [{"start": 0, "end": 4, "label": "spam"}]}, "spans"),
        ({"spans": [{"points": [[0, 1]], "label": "x"}], "image": "a.png"}, "boxes or polygons"),
        ({"relations": [{"head": 0, "child": 1}]}, "relations"),
        ({"accept": ["spam", "ham"]}, "multi-label"),
    ],
)
def test_other_tasks_of_prodigy_are_refused(
    pool: Project, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        take(pool, "p.jsonl", [example(0, answer="accept", **more)])
    assert told(pool) == []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_verdicts_in_a_table_of_our_own(numbered: Project, form: str) -> None:
    rows = [
        {"id": i, "text": TEXTS[i], "label": "spam", "answer": said}
        for i, said in enumerate(("accept", "reject", "ignore"))
    ]
    if form == "csv":
        table(numbered.folder.parent / "p.csv", rows)
        found = import_file(numbered, numbered.folder.parent / "p.csv", form="csv")
    else:
        found = take(numbered, "p.jsonl", rows, form="jsonl")
    assert told(numbered) == [("0", "label", "spam", "import"), ("2", "skip", None, "import")]
    assert "1 rejected" in found.notes[-1]


# doccano


def test_labels_of_doccano_are_matched_by_text(numbered: Project) -> None:
    content = [
        {"id": 1, "text": TEXTS[0], "label": ["spam"], "Comments": []},
        {"id": 2, "text": TEXTS[1], "label": [], "Comments": []},
        {"id": 3, "text": TEXTS[2], "label": ["ham"], "Comments": ["sure?"]},
    ]
    assert take(numbered, "d.jsonl", content).blank == 1
    assert told(numbered) == [("0", "label", "spam", "import"), ("2", "label", "ham", "import")]


def test_numbers_of_doccano_are_no_ids(numbered: Project) -> None:
    content = f"id,text,label\n1,{TEXTS[0]},spam\n2,{TEXTS[1]},ham\n"
    with pytest.raises(
        DataError,
        match=f"id '1' has in the project text '{TEXTS[1]}', in the file text '{TEXTS[0]}'",
    ):
        take(numbered, "d.csv", content)
    assert told(numbered) == []
    assert take(numbered, "d.csv", content, form="doccano").new == 2
    assert take(numbered, "d.csv", content, match="content").new == 0
    assert [key for key, *_ in told(numbered)] == ["0", "1"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"label": [[0, 3, "spam"]]}, "spans"),
        ({"label": ["spam", "ham"]}, "multi-label"),
        ({"label": [], "entities": [{"start_offset": 0, "label": "x"}]}, "spans"),
        ({"label": [], "relations": [{"id": 1}]}, "relations"),
        ({"annotations": [{"label": 3, "user": 1}], "Comments": []}, "numbers of a database"),
    ],
)
def test_other_tasks_of_doccano_are_refused(
    pool: Project, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        take(pool, "d.jsonl", [{"id": 3, "text": TEXTS[0], **more}])


# Argilla


def test_responses_of_version_2(pool: Project) -> None:
    def record(number: int, status: str, **more: Any) -> dict[str, Any]:
        return {"id": f"8a{number}", "status": status, "fields": {"text": TEXTS[number]},
                "suggestions": {"label": {"value": "ham"}}, "responses": {}, **more}  # fmt: skip

    content = [
        record(0, "completed", responses={"label": [{"value": "spam", "user_id": "u"}]}),
        record(1, "pending"),
        record(2, "pending", responses={"label": [{"value": "spam", "user_id": "u"}]}),
        record(3, "discarded", responses={"label": [{"value": "spam", "user_id": "u"}]}),
        record(4, "completed", responses={"label": [
            {"value": "ham", "user_id": "u", "status": "submitted"},
            {"value": "spam", "user_id": "v", "status": "draft"},
            {"value": None, "user_id": "w", "status": "discarded"}]}),
    ]  # fmt: skip
    found = take(pool, "a.jsonl", content)
    assert told(pool) == [
        ("m0", "label", "spam", "u"), ("m3", "skip", None, "u"), ("m4", "label", "ham", "u"),
        ("m4", "skip", None, "w"),
    ]  # fmt: skip
    assert found.notes == (
        "suggestions for 5 records are no answers",
        "2 responses were left out: pending, or drafts",
    )


def test_responses_of_version_1(pool: Project) -> None:
    feedback = {"fields": {"text": TEXTS[0]}, "metadata": {}, "responses": [
        {"user_id": "u", "status": "submitted", "values": {"label": {"value": "spam"}}},
        {"user_id": "v", "status": "discarded", "values": {}}]}  # fmt: skip
    old: dict[str, Any] = {"text": TEXTS[1], "inputs": {"text": TEXTS[1]}, "annotation": "ham"}
    old |= {"annotation_agent": "w", "status": "Validated", "prediction": [["spam", 0.9]]}
    take(pool, "a.json", [feedback])
    take(pool, "b.json", [old, {**old, "text": TEXTS[2], "inputs": {"text": TEXTS[2]},
                                "status": "Default"}])  # fmt: skip
    assert told(pool) == [
        ("m0", "label", "spam", "u"), ("m0", "skip", None, "v"), ("m1", "label", "ham", "w"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("responses", "words"),
    [
        ({"a": [{"value": "spam"}], "b": [{"value": "ham"}]}, "several questions.*--control"),
        ({"a": [{"value": 4}]}, "a rating"),
        ({"a": [{"value": [{"value": "x", "rank": 1}]}]}, "a ranking"),
        ({"a": [{"value": [{"start": 0, "end": 3, "label": "x"}]}]}, "spans"),
        ({"a": [{"value": ["spam", "ham"]}]}, "multi-label"),
    ],
)
def test_other_questions_of_argilla_are_refused(
    pool: Project, responses: dict[str, Any], words: str
) -> None:
    content = [{"id": "x", "status": "completed", "fields": {"text": TEXTS[0]},
                "responses": responses}]  # fmt: skip
    with pytest.raises(DataError, match=words):
        take(pool, "a.jsonl", content)


# ids, labels, people


def test_ids_are_checked_against_what_the_file_shows(pool: Project, tmp_path: Path) -> None:
    right = [{"id": "m1", "text": f" {TEXTS[1]}\n", "label": "spam"}]
    assert take(pool, "a.jsonl", right).new == 1
    with pytest.raises(DataError, match="id 'm1' has in the project text 'dogs bark loudly', in"):
        take(pool, "a.jsonl", [{**right[0], "text": TEXTS[2]}])
    rows = [{"a": i, "word": "xy"[i % 2], "person": f"c{i}"} for i in range(4)]
    data = table(tmp_path / "r.csv", rows)
    options = PoolOptions(features=("a",))
    with Project.create(data, tmp_path / "r", classes=CLASSES, options=options) as made:
        take(made, "a.jsonl", [{"id": 2, "a": "2.0", "word": "x", "label": "ham"}])
        with pytest.raises(DataError, match="id '2' has in the project word 'x', in the file word"):
            take(made, "a.jsonl", [{"id": 2, "word": "y", "label": "ham"}])
        take(made, "a.jsonl", [{"a": 3, "word": "y", "item.person": "c3", "label": "ham"}])
        assert [key for key, *_ in told(made)] == ["2", "3"]


def test_embeddings_cannot_be_matched(tmp_path: Path) -> None:
    import numpy as np

    data = npz(tmp_path / "e.npz", x=np.eye(4, dtype=np.float32))
    made = Project.create(data, tmp_path / "e", classes=CLASSES)
    with pytest.raises(DataError, match="no column of ids"):
        take(made, "a.jsonl", [{"text": "x", "label": "spam"}])


def test_names_that_look_alike_are_not_joined_unasked(pool: Project) -> None:
    for name in ("Spam", "spa\u200bm", " SPAM "):
        with pytest.raises(DataError, match=r"did you mean 'spam'.*--join-labels"):
            take(pool, "a.jsonl", [{"id": "m0", "label": name}])
    found = take(pool, "a.jsonl", [{"id": "m0", "label": "Spam"}], join_labels=True)
    assert found.notes == ("names of classes were joined: 'Spam' as 'spam'",)
    assert told(pool) == [("m0", "label", "spam", "import")]


@pytest.mark.parametrize("label", [None, "", [], -1, "-1", float("nan")])
def test_what_is_no_label_everywhere(pool: Project, label: Any) -> None:
    found = take(pool, "a.jsonl", [{"id": "m0", "label": label}, {"id": "m1", "label": ["ham"]}])
    assert (found.new, found.blank) == (1, 1)


def test_answers_of_nobody_that_say_what_stands_add_nothing(pool: Project) -> None:
    pool.answer("anna", 0, 0)
    pool.answer("bo", 1, action="unsure")
    rows = [{"id": "m0", "label": "spam"}, {"id": "m1", "action": "unsure", "label": None}]
    assert take(pool, "a.jsonl", rows).new == 0
    assert take(pool, "a.jsonl", rows, person="cleo").new == 2
    assert take(pool, "a.jsonl", [{"id": "m0", "label": "ham"}]).new == 1


def test_wrong_choices_are_refused(pool: Project) -> None:
    for words in ({"match": "name"}, {"unmatched": "drop"}, {"form": "imagefolder"}):
        with pytest.raises(UsageError, match=r"no such choice|cannot read answers"):
            take(pool, "a.jsonl", [], **words)
    with pytest.raises(PaucaError, match="zero bytes"):
        take(pool, "a.jsonl", b"")


def test_a_pool_says_which_other_task_its_answers_are_of(tmp_path: Path) -> None:
    rows = [{"id": i, "text": text, "label": [[0, 3, "ORG"]]} for i, text in enumerate(TEXTS)]
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    part = find_format(path).read_items(path, TextOptions()).train
    assert part.label is None
    assert any("another task: spans in texts" in note for note in part.notes)
