"""A whole project: labelling, learning and predicting, in threads and from two sides."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pauca.errors import CapabilityError, DataError, InputError, UsageError
from pauca.label import Given, Project
from pauca.label.book import Book
from pauca.label.making import SETTINGS
from pauca.label.model import MODEL, tempered
from pauca.label.settings import write_settings
from tests.label.helpers import NAMES, clusters, images, npz, project, table, truth


def label(made: Project, person: str, count: int, k: int = 5) -> list[int]:
    """Answer truly until so many items are labelled."""
    done: list[int] = []
    while len(done) < count:
        for each in made.lease(person, k)[: count - len(done)]:
            made.answer(person, each.item, truth(each.item), ms=10)
            done.append(each.item)
    return done


def test_from_nothing_to_a_model(tmp_path: Path) -> None:
    with project(tmp_path, batch=6) as made:
        first = made.lease("anna", 6)
        assert {each.strategy for each in first} == {"coverage", "random"}
        assert [each.suggested for each in first] == [None] * 6
        done = label(made, "anna", 45)
        assert len(set(done)) == 45
        assert made.stale
        found = made.train()
        assert (found.labels, found.seq, made.stale) == (45, 1, False)
        told = found.record["assessment"]
        assert told["chosen"] > 0.95
        leased = made.lease("anna", 3)
        assert all(each.suggested == truth(each.item) for each in leased)
        assert all(each.confidence is not None and each.confidence > 0.4 for each in leased)
        predicted = list(made.predict())
        items = np.concatenate([part.item for part in predicted])
        assert sorted([*items.tolist(), *done]) == list(range(90))
        assert (np.concatenate([part.cls for part in predicted]) == items % 3).mean() > 0.95
        status = made.status()
        assert (status.labelled, status.items, status.since) == (45, 90, 0)
        assert status.phase == "margin"
        assert sum(status.balance.values()) == 45
        assert status.people == {"anna": 45}


def test_all_is_there_again_when_it_is_opened(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        label(made, "anna", 30)
        made.train(assessed=False)
        before = made.suggestions(range(90))
        left = [each.item for each in made.lease("anna", 4)]
        settings = made.settings
    with Project.open(tmp_path / "project") as again:
        assert again.settings == settings
        assert again.suggestions(range(90)) == before
        assert [each.item for each in again.lease("anna", 4)] == left
        assert again.labels.m == 30
        assert again.model is not None
        assert again.model.version == "probe-1"


def test_the_same_seed_asks_the_same(tmp_path: Path) -> None:
    asked = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with project(tmp_path / name, seed=7) as made:
            asked.append(label(made, "anna", 40))
    assert asked[0] == asked[1]


def test_suggest_says_the_same_until_it_is_answered(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        first = made.suggest(8)
        assert made.suggest(8) == first
        assert made.suggest(5) == first[:5]
        made.answer("anna", first[2], 0)
        assert made.suggest(7) == [*first[:2], *first[3:]]
        assert len(made.suggest(1000)) == 89  # all that is left
        assert made.suggest(1000)[:7] == made.suggest(7)


def test_a_lease_of_everything(tmp_path: Path) -> None:
    with project(tmp_path, n=12) as made:
        assert len(made.lease("anna", 20)) == 12
        assert made.lease("bob", 20) == []
        label(made, "anna", 12)
        assert made.lease("anna") == []
        assert made.status().advice.reason == "every item was asked for"


def test_threads_share_a_project(tmp_path: Path) -> None:
    """Six people label all of it while it is trained; each item is answered once."""
    with project(tmp_path, n=180, batch=9) as made:
        errors: list[BaseException] = []

        def work(person: str) -> None:
            try:
                while leased := made.lease(person, 2):
                    for each in leased:
                        made.answer(person, each.item, truth(each.item), token=f"{each.item}")
            except BaseException as error:
                errors.append(error)

        def train() -> None:
            try:
                for _ in range(4):
                    if made.labels.m:
                        made.train(assessed=False)
                    made.status()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(f"p{i}",)) for i in range(6)]
        threads.append(threading.Thread(target=train))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        history = made.history(most=None)
        assert sorted(entry.event.item for entry in history) == list(range(180))
        assert all(entry.stands for entry in history)
        assert made.status().asked == 180


def test_two_open_projects_see_each_other(tmp_path: Path) -> None:
    with project(tmp_path) as one, Project.open(tmp_path / "project") as two:
        mine = {each.item for each in one.lease("anna", 5)}
        assert not mine & {each.item for each in two.lease("bob", 5)}
        label(one, "anna", 20)
        one.train(assessed=False)
        assert two.model is not None
        assert two.suggestions([3]) == one.suggestions([3])
        label(two, "bob", 10)
        two.train(assessed=False)
        assert one.model is not None
        assert one.model.number == 2
        assert one.status().trainings == 2


def test_answers_with_near_duplicates(tmp_path: Path) -> None:
    x, _ = clusters(60)
    x[50:] = x[:10] * 1.001
    data = npz(tmp_path / "data.npz", x=np.ascontiguousarray(x))
    with Project.create(
        data, tmp_path / "p", classes=NAMES, random_share=0.0, duplicates=0.9999
    ) as made:
        assert made.duplicates().max() == 9
        asked = made.suggest(50)
        assert len(asked) == 50
        assert set(asked) == set(range(50))  # the first of each pair
        first = next(each for each in made.lease("anna", 50) if each.item == 3)
        assert first.duplicates == (53,)
        made.answer("anna", 3, 1, also=first.duplicates)
        assert dict(zip(made.labels.item.tolist(), made.labels.cls.tolist(), strict=True)) == {
            3: 1,
            53: 1,
        }
        assert made.undo("anna").items == (3, 53)
        assert made.labels.m == 0


def test_classes_change_under_a_model(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        label(made, "anna", 45)
        made.train(assessed=False)
        model, classes = made.model, made.classes
        assert model is not None
        raw = model.learner.outputs(made.features, torch.arange(90)).mean_probs
        before = model.probabilities(made.features, classes)
        torch.testing.assert_close(before, tempered(raw, model.temperature))
        made.add_classes(["dog"])
        made.merge_class("bee", "cat")
        made.rename_class("ant", "emmet")
        after = model.probabilities(made.features, made.classes)
        assert made.classes.names == ("emmet", "cat", "dog")
        torch.testing.assert_close(after[:, 0], before[:, 0])
        torch.testing.assert_close(after[:, 1], before[:, 1] + before[:, 2])
        assert (after[:, 2] == 0).all()
        assert set(made.labels.cls.tolist()) == {0, 2}
        assert made.status().balance == {
            "emmet": int((made.labels.cls == 0).sum()),
            "cat": int((made.labels.cls == 2).sum()),
            "dog": 0,
        }
        assert made.train(assessed=False).labels == 45


def test_two_people_on_the_same_items(tmp_path: Path) -> None:
    with project(tmp_path, n=30, overlap=2, batch=10) as made:
        for person in ("anna", "bob"):
            for each in made.lease(person, 10):
                wrong = person == "bob" and each.item % 5 == 0
                made.answer(person, each.item, (each.item + wrong) % 3)
        found = made.agreement()
        shared = {event.item for event in made.answers()}
        differ = {item for item in shared if item % 5 == 0}
        assert (found.items, found.method) == (10, "Cohen")
        assert {each.item for each in found.disagreements} == differ
        assert found.agreed == 10 - len(differ)
        assert found.people == {"anna": 10, "bob": 10}
        second = made.relabels()
        assert {each.item for each in second} == differ
        made.import_answers([Given("cleo", item, "label", item % 3) for item in shared])
        assert made.agreement().method == "Fleiss"
        assert {item: cls for item, cls in zip(made.labels.item, made.labels.cls, strict=True)} == {
            item: item % 3 for item in shared
        }  # two against one


def test_labels_that_the_model_doubts_come_up(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        label(made, "anna", 60)
        wrong = made.labels.item[7].item()
        made.answer("anna", wrong, (truth(wrong) + 1) % 3)
        made.train(assessed=False)
        first = made.relabels(1)[0]
        assert (first.item, first.model, first.answers) == (
            wrong, truth(wrong), {"anna": (truth(wrong) + 1) % 3},
        )  # fmt: skip
        assert first.margin is not None
        assert first.margin < 0


def test_labels_that_came_with_the_data(tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", ["a.png", "b.png", "cat/c.png", "dog/d.png"])
    with Project.create(folder, tmp_path / "p") as made:
        assert made.classes.names == ("cat", "dog")
        assert made.labels.item.tolist() == [2, 3]
        assert made.labels.given.all()
        status = made.status()
        assert (status.labelled, status.given) == (2, 2)
        assert set(made.suggest(9)) == {0, 1}
        made.answer("anna", 2, 1)
        assert made.labels.given.tolist() == [False, True] or made.labels.given.sum() == 1
        assert dict(zip(made.labels.item.tolist(), made.labels.cls.tolist(), strict=True))[2] == 1


def test_pictures(tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", ["a.png", "b.tif", "c.jpg"])
    with Project.create(folder, tmp_path / "p", classes=("x",)) as made:
        assert made.picture(0) == ((folder / "a.png").read_bytes(), "image/png")
        content, kind = made.picture(1)
        assert (content[:4], kind) == (b"\x89PNG", "image/png")
        assert made.picture(2)[1] == "image/jpeg"
        assert made.items.path(0) == (folder / "a.png").resolve()
        (folder / "a.png").unlink()
        (folder / "a.png").symlink_to(tmp_path / "p" / "project.toml")
        with pytest.raises(DataError, match="leads out of the data folder"):
            made.picture(0)
        (folder / "c.jpg").unlink()
        with pytest.raises(DataError, match="a file is gone"):
            made.picture(2)
        with pytest.raises(InputError, match="no such item"):
            made.picture(3)
    pixels = np.zeros((3, 4, 4), dtype=np.uint8)
    pixels[1] = 200
    pixels[2, 0] = 90
    with Project.create(npz(tmp_path / "i.npz", x=pixels), tmp_path / "q") as made:
        assert made.picture(1)[1] == "image/png"


def test_what_an_answer_must_be(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        for arguments, more in (
            (("anna", 90, 0), {}),
            (("anna", -1, 0), {}),
            (("anna", 1, 9), {}),
            (("anna", 1), {}),
            (("anna", 1, 0), {"action": "skip"}),
            (("anna", 1), {"action": "undo"}),
            (("anna", 1, 0), {"ms": -1}),
            (("anna", 1, 0), {"confidence": 1.5}),
            (("anna", 1, 0), {"confidence": float("nan")}),
            (("anna", 1, 0), {"token": ""}),
            (("anna", 1, 0), {"also": (2, 1)}),
            (("anna", 1, 0), {"also": (90,)}),
            (("", 1, 0), {}),
            (("given", 1, 0), {}),
            (("a\nb", 1, 0), {}),
        ):
            with pytest.raises(InputError):
                made.answer(*arguments, **more)
        assert made.history() == []
        with pytest.raises(InputError, match="nothing is labelled"):
            made.train()
        with pytest.raises(InputError, match="no model was trained"):
            next(made.predict())


def test_projects_that_are_refused(tmp_path: Path) -> None:
    x, _ = clusters(20)
    data = npz(tmp_path / "data.npz", x=x)
    with pytest.raises(CapabilityError, match="needs members"):
        Project.create(data, tmp_path / "p", strategy="bald")
    with pytest.raises(CapabilityError, match="companion"):
        Project.create(data, tmp_path / "p", strategy="vaal")
    with pytest.raises(UsageError, match="no project here"):
        Project.open(tmp_path / "p")
    folder = images(tmp_path / "pets", ["a.png"])
    with pytest.raises(UsageError, match="within its own data"):
        Project.create(folder, folder / "p")
    Project.create(data, tmp_path / "p").close()
    with pytest.raises(UsageError, match="is there already"):
        Project.create(data, tmp_path / "p")
    settings = tmp_path / "p" / "project.toml"
    text = settings.read_text()
    settings.write_text(text.replace("batch = 20", "bach = 20"))
    with pytest.raises(UsageError, match="bach"):
        Project.open(tmp_path / "p")
    settings.write_text(text.replace("batch = 20", "batch = 7"))
    with Project.open(tmp_path / "p") as made:
        assert made.refill() == 7
        (tmp_path / "p" / MODEL).write_bytes(b"nonsense")
        with pytest.raises(DataError, match="model cannot be read"):
            _ = made.model
    (tmp_path / "p" / "items.arrow").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="list of items cannot be read"):
        Project.open(tmp_path / "p")


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [{"text": "good day"}, {"text": "bad night"}])
    with Project.create(path, tmp_path / "p", classes=("only",)) as made:
        made.answer("anna", 0, 0)
        with pytest.raises(InputError, match="nothing to tell apart"):
            made.train()
        assert made.items.text(1) == "bad night"
        assert len(made.lease("anna", 5)) == 1


@pytest.mark.parametrize("change", [{"random_share": 0.9}, {"random_share": 0.9, "seed": 5}])
def test_what_a_strategy_chose_is_no_random_sample(
    tmp_path: Path, change: dict[str, object]
) -> None:
    """The share is raised: until the sample is asked for, nothing is said of the pool."""
    with project(tmp_path, n=120, random_share=0.0, batch=10) as made:
        label(made, "anna", 60, k=10)
    write_settings(tmp_path / "project" / SETTINGS, made.settings.model_copy(update=change))
    with Project.open(tmp_path / "project") as made:
        told = made.train().record["assessment"]
        assert told["random"] < 10
        assert told["accuracy"] is None
        label(made, "anna", 60, k=10)
        told = made.train().record["assessment"]
        assert told["random"] == 108
        assert told["accuracy"]["n"] == 108


def test_a_training_whose_model_never_came_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process were killed between the account and the file."""
    with project(tmp_path) as made:
        assert not made.stale
        label(made, "anna", 20)
        made.train(assessed=False)
        label(made, "anna", 20)
        with monkeypatch.context() as patch:
            patch.setattr("pauca.label.engine.save_model", lambda *_: None)
            made.train(assessed=False)
        assert made.stale
        made.train(assessed=False)
        assert not made.stale
        (made.folder / MODEL).unlink()
        assert made.stale


@pytest.mark.parametrize("what", ["labels", "train", "status", "agreement", "refill"])
def test_a_class_may_be_merged_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Another process merges right after the answers were read, or before the labels are."""
    with project(tmp_path) as made, Project.open(made.folder) as other:
        label(made, "anna", 20)
        made.answer("bob", made.labels.item[0], 2)
        read, merged = Book._transaction, threading.Event()

        @contextmanager
        def reading(book: Book, begin: str) -> Iterator[sqlite3.Connection]:
            with read(book, begin) as db:
                yield db
            if book is made._book and not merged.is_set():
                merged.set()
                other.merge_class("cat", "bee")

        monkeypatch.setattr(Book, "_transaction", reading)
        if what == "labels":
            assert set(made.labels.cls.tolist()) == {0, 1, 2}
        else:
            getattr(made, what)()
        assert merged.is_set()
        assert set(made.labels.cls.tolist()) == {0, 1}


@pytest.mark.parametrize("device", ["cuda:77", "abacus"])
def test_a_device_that_is_not_here(tmp_path: Path, device: str) -> None:
    with pytest.raises(UsageError, match="device"), project(tmp_path, device=device):
        pass
    assert not (tmp_path / "project").exists()
    with project(tmp_path) as made:
        label(made, "anna", 10)
    moved = made.settings.model_copy(update={"device": device})
    write_settings(tmp_path / "project" / SETTINGS, moved)
    with Project.open(tmp_path / "project") as again, pytest.raises(UsageError, match="device"):
        again.train()


@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_pictures_of_other_data_are_refused(tmp_path: Path, form: str) -> None:
    """Rows have no names: in another file another picture stands in their place."""
    folder = images(tmp_path / "pets", [f"{i}.png" for i in range(4)])
    path = tmp_path / f"data.{form}"

    def write(numbers: list[int]) -> None:
        if form == "npz":
            npz(path, x=np.stack([np.full((4, 4), 9 * i, dtype=np.uint8) for i in numbers]))
        else:
            cells = [{"bytes": (folder / f"{i}.png").read_bytes()} for i in numbers]
            pq.write_table(pa.table({"image": cells}), path)

    write([0, 1, 2, 3])
    with Project.create(path, tmp_path / "p", classes=("x",)) as made:
        first = made.picture(3)
    for numbers in ([3, 2, 1, 0], [0]):
        write(numbers)
        with (
            Project.open(tmp_path / "p") as made,
            pytest.raises(DataError, match="not those that the project was made of"),
        ):
            made.picture(3)
    path.unlink()
    with Project.open(tmp_path / "p") as made:
        with pytest.raises(DataError, match="not those that the project was made of"):
            made.picture(3)
        write([0, 1, 2, 3])
        assert made.picture(3) == first


@pytest.mark.parametrize("wrong", [{"ant", "bee"}, {"ant": 1}.keys(), "ant"])
def test_classes_that_have_no_order_are_refused(tmp_path: Path, wrong: Any) -> None:
    with project(tmp_path) as made, pytest.raises(InputError, match="names of classes"):
        made.add_classes(wrong)
    with pytest.raises(InputError, match="names of classes"):
        Project.create(tmp_path / "data.npz", tmp_path / "p", classes=wrong)
