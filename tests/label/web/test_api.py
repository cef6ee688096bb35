"""What the page asks for and sends."""

import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pauca.label import PoolOptions, Project
from tests.label.helpers import images, npz, project, table, truth
from tests.label.web.helpers import client, leased, served, wait_for


def answer(asked: Any, person: str, item: int, **more: Any) -> dict[str, Any]:
    told = asked.post("/api/answer", json={"person": person, "item": item, **more})
    assert told.status_code == 200, told.text
    found: dict[str, Any] = told.json()
    return found


def test_a_person_labels_until_nothing_is_left(tmp_path: Path) -> None:
    with served(tmp_path, n=30, batch=8, every=10) as asked:
        classes = asked.get("/api/project").json()["classes"]
        ids = [each["id"] for each in classes]
        seen: list[int] = []
        while items := leased(asked, "anna", 3):
            assert len({each["item"] for each in items}) == len(items)
            for each in items:
                seen.append(each["item"])
                answer(asked, "anna", each["item"], **{"class": ids[truth(each["item"])]})
        assert sorted(seen) == list(range(30))
        told = asked.get("/api/status").json()
        assert (told["labels"], told["items"]) == (30, 30)
        assert told["people"] == {"anna": 30}
        assert [each["labels"] for each in told["classes"]] == [10, 10, 10]
        assert told["advice"]["stop"] is True
        assert told["choosing"] is False


@pytest.mark.parametrize("features", [{"name": "tf-idf"}, {"name": "lsa", "dimensions": 2}])
def test_words_that_speak_for_a_class_are_named_as_they_are_written(
    tmp_path: Path, features: dict[str, Any]
) -> None:
    rows = [{"text": t} for t in ("The CAFÉ is nice", "the_bus is late", "café!", "bus, is") * 8]
    source = table(tmp_path / "t.csv", rows)
    options = PoolOptions(text="text")
    with Project.create(
        source, tmp_path / "p", classes=("food", "road"), options=options, features=features
    ) as made:
        for item in range(16):
            made.answer("carl", item, item % 2)
        made.train(assessed=False)
        with client(made, every=0) as asked:
            told = asked.get("/api/items?ids=20,21,22").json()["items"]
            (held,) = leased(asked, "anna")
        found = [{word for word, _ in each["words"]} for each in told]
        if features["name"] == "lsa":  # its directions are not words
            assert found == [set(), set(), set()]
            return
        assert "CAFÉ" in found[0]
        assert "the_bus" in found[1]
        assert found[2] == {"café"}
        assert told[2]["words"] == [["café", 1.0]]
        assert all(0 < share <= 1 for each in told for _, share in each["words"])
        assert held["likely"][0] == held["suggested"]
        assert sorted(held["likely"]) == [0, 1]


def test_how_fast_a_person_is_is_told_without_pauses(tmp_path: Path) -> None:
    now = [1000.0]
    with project(tmp_path, n=90, batch=30) as made:
        made.close()
    with (
        Project.open(tmp_path / "project", clock=lambda: now[0]) as made,
        client(made, every=0) as asked,
    ):
        assert asked.get("/api/status?person=anna").json()["per_hour"] is None
        for number, each in enumerate(leased(asked, "anna", 24)):
            now[0] += 3600 if number == 12 else 6  # a pause is not counted
            answer(asked, "anna", each["item"], **{"class": 0})
        told = asked.get("/api/status?person=anna").json()
        assert told["per_hour"] == pytest.approx(600)
        assert asked.get("/api/status?person=ben").json()["per_hour"] is None


def test_a_batch_that_comes_while_items_are_asked_for_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project(tmp_path, n=30, batch=10) as made:
        made.refill()
        real, missed = Project.lease, [True]

        def late(self: Project, *given: Any, **more: Any) -> Any:
            return [] if missed and missed.pop() else real(self, *given, **more)

        monkeypatch.setattr(Project, "lease", late)
        with client(made) as asked:
            told = asked.post("/api/lease", json={"person": "anna", "k": 2}).json()
            assert len(told["items"]) == 2


def test_asking_again_gives_the_same_items_and_nobody_else_gets_them(tmp_path: Path) -> None:
    with served(tmp_path, n=40, batch=10) as asked:
        anna = [each["item"] for each in leased(asked, "anna", 4)]
        assert [each["item"] for each in leased(asked, "anna", 4)] == anna  # after a reload
        ben = [each["item"] for each in leased(asked, "ben", 4)]
        assert not set(anna) & set(ben)
        assert asked.post("/api/release", json={"person": "anna"}).json() == {"released": 4}
        ben = [each["item"] for each in leased(asked, "ben", 10)]
        assert set(anna) <= set(ben)


def test_the_same_token_is_the_same_answer(tmp_path: Path) -> None:
    with served(tmp_path, n=30) as asked:
        (item,) = leased(asked, "anna")
        first = answer(asked, "anna", item["item"], **{"class": 1, "token": "t1", "ms": 900})
        again = answer(asked, "anna", item["item"], **{"class": 2, "token": "t1"})
        assert (first["again"], again["again"]) == (False, True)
        assert first["events"] == again["events"]
        (entry,) = asked.get("/api/history").json()["entries"]
        assert (entry["class"], entry["ms"], entry["stands"]) == (1, 900, True)


def test_undo_gives_the_item_back(tmp_path: Path) -> None:
    with served(tmp_path, n=30) as asked:
        (item,) = leased(asked, "anna")
        answer(asked, "anna", item["item"], **{"class": 1})
        told = asked.post("/api/undo", json={"person": "anna", "token": "u1"})
        assert told.json() == {"items": [item["item"]]}
        assert leased(asked, "anna")[0]["item"] == item["item"]
        none = asked.post("/api/undo", json={"person": "anna"})
        assert none.status_code == 404
        assert none.json()["error"]


def test_skip_unsure_and_flag(tmp_path: Path) -> None:
    with served(tmp_path, n=30, batch=6) as asked:
        items = leased(asked, "anna", 3)
        for each, action in zip(items, ("skip", "unsure", "flag"), strict=True):
            answer(asked, "anna", each["item"], action=action)
        told = asked.get("/api/status").json()["answers"]
        assert (told["skip"], told["unsure"], told["flag"]) == (1, 1, 1)
        left = {each["item"] for each in leased(asked, "anna", 20)}
        assert not left & {each["item"] for each in items}


def test_an_answer_names_what_stood_and_is_refused_where_that_changed(tmp_path: Path) -> None:
    with served(tmp_path, n=30) as asked:
        first, second = leased(asked, "anna", 2)
        assert first["stands"] is None
        body = {"person": "anna", "item": first["item"], "class": 1, "stands": {}}
        both = {**body, "also": [second["item"]]}
        given = asked.post("/api/answer", json=body).json()["events"][0]
        told = asked.post("/api/answer", json={**both, "class": 2, "token": "t"})
        assert told.status_code == 409
        assert told.json()["changed"] == [
            {"item": first["item"], "seq": given["seq"], "action": "label", "class": 1}
        ]
        (item,) = asked.get(f"/api/items?ids={first['item']}&person=anna").json()["items"]
        assert (item["stands"], item["answer"]["class"]) == (given["seq"], 1)
        stands = {str(first["item"]): given["seq"]}
        done = asked.post("/api/answer", json={**both, "class": 2, "token": "t", "stands": stands})
        assert [each["action"] for each in done.json()["events"]] == ["relabel", "label"]
        # sent again after its reply was lost, it is the same answer and no other one
        again = asked.post("/api/answer", json={**both, "class": 2, "token": "t", "stands": {}})
        assert again.json() == {**done.json(), "again": True}
        wrong = asked.post("/api/undo", json={"person": "anna", "last": given["seq"]})
        assert (wrong.status_code, len(wrong.json()["changed"])) == (409, 2)
        act = done.json()["events"][0]["seq"]
        assert asked.post("/api/undo", json={"person": "anna", "last": act}).status_code == 200
        gone = asked.post("/api/answer", json={**body, "item": second["item"], "stands": {
            str(second["item"]): act + 1}})  # fmt: skip
        assert gone.json()["changed"] == [
            {"item": second["item"], "seq": None, "action": None, "class": None}
        ]


@pytest.mark.parametrize(
    ("code", "status"),
    [(sqlite3.SQLITE_FULL, 507), (sqlite3.SQLITE_IOERR, 503), (sqlite3.SQLITE_BUSY, 503),
     (sqlite3.SQLITE_READONLY, 503)],
)  # fmt: skip
def test_what_cannot_be_kept_is_told_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, status: int
) -> None:
    from pauca.label import answers

    def full(*given: Any) -> None:
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        raise error

    with served(tmp_path, n=30) as asked:
        (item,) = leased(asked, "anna")
        answer(asked, "anna", item["item"], **{"class": 1})
        monkeypatch.setattr(answers, "_write", full)
        told = asked.post("/api/answer", json={"person": "anna", "item": 0, "class": 1})
        assert told.status_code == status
        assert told.json()["error"]
        assert told.json()["todo"]
        assert asked.get("/api/status").json()["labels"] == 1
        assert len(asked.get("/api/export/csv").text.splitlines()) == 2


def test_near_duplicates_are_one_act_and_one_undo(tmp_path: Path) -> None:
    with served(tmp_path, n=30, batch=6) as asked:
        first, *rest = [each["item"] for each in leased(asked, "anna", 3)]
        told = answer(asked, "anna", first, **{"class": 1, "also": rest})
        assert [e["item"] for e in told["events"]] == [first, *rest]
        back = asked.post("/api/undo", json={"person": "anna"}).json()["items"]
        assert sorted(back) == sorted([first, *rest])


def test_training_goes_on_beside_answers_and_brings_suggestions(tmp_path: Path) -> None:
    with served(tmp_path, n=90, batch=12, every=12) as asked:
        for _ in range(3):
            for each in leased(asked, "anna", 12):
                answer(asked, "anna", each["item"], **{"class": truth(each["item"])})
        wait_for(lambda: asked.get("/api/status").json()["training"]["labels"] is not None)
        wait_for(lambda: not asked.get("/api/status").json()["training"]["running"])
        items = leased(asked, "anna", 5)
        assert all(each["suggested"] == truth(each["item"]) for each in items)
        assert all(0 < each["confidence"] <= 1 for each in items)
        told = asked.get("/api/status").json()
        assert told["training"]["error"] is None
        assert 0 <= told["training"]["next_in"] <= 12


def test_training_can_be_asked_for(tmp_path: Path) -> None:
    with served(tmp_path, n=60, batch=30, every=0) as asked:
        assert asked.get("/api/status").json()["training"]["next_in"] is None
        for each in leased(asked, "anna", 30):
            answer(asked, "anna", each["item"], **{"class": truth(each["item"])})
        assert asked.get("/api/status").json()["training"]["labels"] is None
        assert asked.post("/api/train", json={}).status_code == 202
        wait_for(lambda: asked.get("/api/status").json()["training"]["labels"] == 30)


def test_a_broken_training_is_said_and_labelling_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Project, **settings: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(Project, "train", broken)
    with served(tmp_path, n=60, batch=10, every=5) as asked:
        for each in leased(asked, "anna", 6):
            answer(asked, "anna", each["item"], **{"class": truth(each["item"])})
        wait_for(lambda: asked.get("/api/status").json()["training"]["error"] is not None)
        assert "no memory" in asked.get("/api/status").json()["training"]["error"]
        assert leased(asked, "anna", 1)


def test_classes_are_added_renamed_and_merged(tmp_path: Path) -> None:
    with served(tmp_path, n=30) as asked:

        def change(**body: Any) -> Any:
            return asked.post("/api/classes", json={"person": "anna", **body})

        added = change(action="add", name="dog").json()["classes"]
        assert [each["name"] for each in added] == ["ant", "bee", "cat", "dog"]
        renamed = change(action="rename", name="dog", new="wolf").json()["classes"]
        assert renamed[3] == {"id": added[3]["id"], "name": "wolf"}
        merged = change(action="merge", name="wolf", into="cat").json()["classes"]
        assert [each["name"] for each in merged] == ["ant", "bee", "cat"]
        assert change(action="add", name="ant").status_code == 400
        assert change(action="remove", name="ant").status_code == 400
        assert change(action="rename", name="no", new="x").status_code in (400, 422)


def test_several_people_agree_and_second_looks(tmp_path: Path) -> None:
    with served(tmp_path, n=40, batch=10, overlap=2) as asked:
        for person, shift in (("anna", 0), ("ben", 1)):
            for at, each in enumerate(leased(asked, person, 8)):
                cls = (truth(each["item"]) + (shift if at == 0 else 0)) % 3
                answer(asked, person, each["item"], **{"class": cls})
        told = asked.get("/api/agreement").json()
        assert (told["items"], told["agreed"], told["method"]) == (8, 7, "Cohen")
        (differs,) = told["disagreements"]
        assert set(differs["answers"]) == {"anna", "ben"}
        (second, *_) = asked.get("/api/relabels?k=5").json()["items"]
        assert second["item"] == differs["item"]
        assert second["content"]["length"] == 12


def test_history_page_by_page(tmp_path: Path) -> None:
    with served(tmp_path, n=30, batch=10) as asked:
        items = [each["item"] for each in leased(asked, "anna", 7)]
        for item in items:
            answer(asked, "anna", item, **{"class": 1})
        first = asked.get("/api/history?person=anna&most=4").json()["entries"]
        rest = asked.get(f"/api/history?most=10&before={first[-1]['seq']}").json()["entries"]
        assert [each["item"] for each in first + rest] == items[::-1]
        assert asked.get("/api/history?person=ben").json()["entries"] == []
        told = asked.get(f"/api/items?ids={items[0]},{items[1]}").json()["items"]
        assert [each["item"] for each in told] == items[:2]


def test_texts_rows_numbers_and_pictures(tmp_path: Path) -> None:
    texts = [{"text": f"<b>{i}</b> é\n2", "n": i} for i in range(20)]
    file = table(tmp_path / "texts.csv", texts)
    options = PoolOptions(text="text")
    with (
        Project.create(file, tmp_path / "t", classes=("a", "b"), options=options) as made,
        client(made) as asked,
    ):
        (each,) = leased(asked, "anna")
        assert each["content"] == {"text": f"<b>{each['item']}</b> é\n2"}
    rows = table(tmp_path / "rows.csv", [{"x": i, "z": i * 0.5} for i in range(20)])
    with Project.create(rows, tmp_path / "r", classes=("a", "b")) as made, client(made) as asked:
        (each,) = leased(asked, "anna")
        assert float(each["content"]["row"]["x"]) == each["item"]
    folder = images(tmp_path / "photos", [f"{i}.png" for i in range(12)])
    with Project.create(folder, tmp_path / "i", classes=("a", "b")) as made, client(made) as asked:
        (each,) = leased(asked, "anna")
        got = asked.get(each["content"]["picture"])
        assert got.headers["content-type"] == "image/png"
        assert got.content == (folder / each["key"]).read_bytes()
        assert asked.get("/api/picture/99").status_code == 404
        (folder / each["key"]).unlink()
        gone = asked.get(each["content"]["picture"])
        assert gone.status_code == 404
        assert str(tmp_path) not in gone.text  # nothing of this machine's folders


def test_exports(tmp_path: Path) -> None:
    with served(tmp_path, n=30, batch=10) as asked:
        assert asked.get("/api/export/csv").status_code == 400  # nothing is labelled
        for each in leased(asked, "anna", 6):
            answer(asked, "anna", each["item"], **{"class": truth(each["item"])})
        got = asked.get("/api/export/csv")
        assert "attachment" in got.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(got.text)))
        assert len(rows) == 6
        assert all(row["label"] == ("ant", "bee", "cat")[int(row["id"]) % 3] for row in rows)
        assert len(asked.get("/api/export/jsonl").text.splitlines()) == 6
        assert len(json.loads(asked.get("/api/export/label-studio").text)) == 6
        told = [each["name"] for each in asked.get("/api/project").json()["exports"]]
        assert {"csv", "label-studio", "parquet", "prodigy"} <= set(told)
        assert all(asked.get(f"/api/export/{name}").status_code == 200 for name in told)
        assert asked.get("/api/export/imagefolder").status_code == 404


BROKEN: list[tuple[str, Any]] = [
    ("lease", {"k": 1}),
    ("lease", {"person": "", "k": 1}),
    ("lease", {"person": "anna", "k": 0}),
    ("lease", {"person": "anna", "k": 101}),
    ("lease", {"person": "anna", "k": True}),
    ("lease", {"person": ["anna"]}),
    ("lease", {"person": "given"}),
    ("answer", {"person": "anna", "item": 0}),
    ("answer", {"person": "anna", "item": 30, "class": 1}),
    ("answer", {"person": "anna", "item": -1, "class": 1}),
    ("answer", {"person": "anna", "item": "0", "class": 1}),
    ("answer", {"person": "anna", "item": 0, "class": 99}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "action": "erase"}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "also": [0]}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "also": "1"}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "also": list(range(1, 1200))}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "ms": -1}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "ms": 1e300}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "confidence": 2}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "confidence": "1"}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "token": "x" * 300}),
    ("answer", {"person": "anna", "item": 0, "class": 1, "suggested": 99}),
    ("answer", [1, 2]),
    ("answer", "text"),
]


@pytest.mark.parametrize(("name", "body"), BROKEN)
def test_what_makes_no_sense_is_refused_with_a_reason(tmp_path: Path, name: str, body: Any) -> None:
    with served(tmp_path, n=30) as asked:
        told = asked.post(f"/api/{name}", json=body)
        assert told.status_code == 400, told.text
        assert told.json()["error"]
        assert asked.get("/api/history").json()["entries"] == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 5000, b"NaN", b'{"person": NaN}', b"null"]
)
def test_a_body_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    with served(tmp_path, n=30) as asked:
        headers = {"content-type": "application/json"}
        told = asked.post("/api/answer", content=content, headers=headers)
        assert told.status_code == 400
        assert told.json()["error"]


@pytest.mark.parametrize(
    "query",
    [
        "history?most=x", "history?before=-1", "items?ids=a", "items?ids=31", "relabels?k=x",
        "items?ids=" + ",".join(map(str, range(101))), "history?before=" + "9" * 40,
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(tmp_path: Path, query: str) -> None:
    with served(tmp_path, n=30) as asked:
        assert asked.get(f"/api/{query}").status_code == 400


def test_numbers_that_are_none_are_null(tmp_path: Path) -> None:
    """JSON has no NaN."""
    with project(tmp_path, n=30) as made, client(made) as asked:
        told = asked.get("/api/status").text
        json.loads(told, parse_constant=lambda name: pytest.fail(name))


def test_npz_of_images(tmp_path: Path) -> None:
    import numpy as np

    x = np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), dtype=np.uint8)
    data = npz(tmp_path / "x.npz", x=x)
    with Project.create(data, tmp_path / "p", classes=("a", "b")) as made, client(made) as asked:
        (each,) = leased(asked, "anna")
        assert asked.get(each["content"]["picture"]).content.startswith(b"\x89PNG")


def test_new_classes_are_proposed_and_accepted(tmp_path: Path) -> None:
    with served(tmp_path, n=120, c=4, classes=("ant", "bee"), every=0) as asked:
        told = asked.get("/api/discover")
        assert (told.status_code, told.json()) == (
            200,
            {"flagged": 0, "least": 20, "proposals": []},
        )
        for item in range(80):
            if item % 4 > 1:
                answer(asked, "anna", item, action="flag")
        found = asked.get("/api/discover").json()
        assert (found["flagged"], found["compared"], found["by"]) == (40, 40, "the features")
        first, second = found["proposals"]
        assert (first["size"], second["size"], len(first["exemplars"])) == (20, 20, 20)
        items = {each["item"] for each in first["exemplars"]}
        assert len({item % 4 for item in items}) == 1
        assert {each["key"] for each in first["exemplars"]} == set(map(str, items))
        assert all("numbers" in each["content"] for each in first["exemplars"])
        body = {"person": "anna", "seen": found["seen"], "names": {"1": "cow"}}
        out = min(items)
        for wrong, said in (
            ({"seen": "0"}, "not those of now"),
            ({"seen": 1}, "seen is no text"),
            ({"names": {"3": "cow"}}, "no such proposal"),
            ({"names": {"x": "cow"}}, "names is no whole number"),
            ({"names": {"1": 2}}, "names are no names of groups"),
            ({"names": ["cow"]}, "names are no names of groups"),
            ({"names": {}}, "no proposal is accepted"),
            ({"without": "1"}, "without is no list of items"),
            ({"without": [True]}, "without is no list of items"),
            ({"without": [0]}, "belongs to none of the accepted groups"),
            ({"person": ""}, "no name of a person"),
        ):
            refused = asked.post("/api/accept", json={**body, **wrong})
            assert (refused.status_code, said in refused.json()["error"]) == (400, True), wrong
        done = asked.post("/api/accept", json={**body, "without": [out]})
        assert (done.status_code, done.json()) == (
            200,
            {"labelled": {"cow": 19}, "added": ["cow"], "flagged": [], "left": 1},
        )
        again = asked.post("/api/accept", json=body)
        assert again.status_code == 400
        back = asked.post("/api/undo", json={"person": "anna"}).json()["items"]
        assert sorted(back) == sorted(items - {out})
