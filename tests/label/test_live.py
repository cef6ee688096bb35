"""A project that lives: items come and go, data move, classes end; nothing answered is lost."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pauca.errors import DataError, InputError, PaucaError, UnknownNameError, UsageError
from pauca.label import PoolOptions, Project, import_file
from pauca.label.fitting import read_fit
from pauca.label.items import ITEMS
from pauca.label.parts import files_of
from tests.label.helpers import NAMES, clusters, images, npz, project, table, truth


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Project]:
    """Embeddings in three clusters, twelve of them answered."""
    with project(tmp_path, n=90) as made:
        for item in range(12):
            made.answer("anna", item, truth(item))
        yield made


def more(folder: Path, n: int = 30, name: str = "more.npz", **arrays: Any) -> Path:
    """Further items in the same clusters."""
    x, _ = clusters(90 + n)
    return npz(folder / name, x=x[90:], **arrays)


def events(made: Project) -> list[Any]:
    return [(entry.event, entry.stands) for entry in made.history(most=None)]


def texts(path: Path, rows: list[tuple[str, str]], **more: list[str]) -> Path:
    cells = [{"nr": key, "body": text} for key, text in rows]
    for name, values in more.items():
        cells = [{**row, name: value} for row, value in zip(cells, values, strict=True)]
    return table(path, cells)


MAILS = [(f"m{i}", f"{word} mail number {i}") for i, word in enumerate(["good", "bad", "odd"] * 8)]


# --------------------------------------------------------------------------------------- adding


def test_items_are_added_and_nothing_that_was_there_changes(live: Project, tmp_path: Path) -> None:
    before, old, keys = events(live), live.features.clone(), live.items.keys()
    labels = live.labels
    found = live.add(more(tmp_path))
    assert (found.items, found.known, found.labelled) == (30, 0, 0)
    assert live.n == 120
    assert live.status().items == 120
    assert torch.equal(live.features[:90], old)
    assert live.items.keys()[:90] == keys
    assert live.items.keys()[90:] == [f"more.npz:{row}" for row in range(30)]
    assert events(live) == before
    assert np.array_equal(live.labels.item, labels.item)
    assert np.array_equal(live.labels.cls, labels.cls)


def test_new_items_are_scaled_as_the_first_ones_were(live: Project, tmp_path: Path) -> None:
    x, _ = clusters(120)
    live.add(more(tmp_path))
    raw = x[:90].astype(np.float64)
    wanted = (x[90:] - raw.mean(0)) / raw.std(0)
    assert np.allclose(live.features[90:].numpy(), wanted, atol=1e-4)


def test_another_project_that_is_open_sees_them(live: Project, tmp_path: Path) -> None:
    with Project.open(live.folder) as other:
        assert other.n == 90
        live.add(more(tmp_path))
        assert other.n == 120
        other.answer("bert", 100, truth(100))
        assert live.labels.m == 13
        asked = {each.item for each in other.lease("bert", 60)}
        assert any(item >= 90 for item in asked)
    with Project.open(live.folder) as again:
        assert again.n == 120


def test_items_are_added_again_and_again(live: Project, tmp_path: Path) -> None:
    for number in range(3):
        live.add(more(tmp_path, 10, f"more{number}.npz"))
    assert live.n == 120
    assert live.version.additions == 3
    own = {path.name for path in live.folder.iterdir() if path.suffix in (".arrow", ".npy")}
    assert own == {"items-3.arrow", "features-3.npy"}  # those of before are gone
    sums = (live.folder / "project.sha256").read_text()
    assert all(name in sums for name in own)
    assert "items-2" not in sums
    live.train()  # which reads the digests of all of them
    (live.folder / "features-3.npy").write_bytes(b"x")
    with pytest.raises(DataError, match="features-3"):
        Project.open(live.folder)


def test_ids_that_are_taken_refuse_the_whole_or_are_passed_over(tmp_path: Path) -> None:
    first = texts(tmp_path / "mails.csv", MAILS[:12])
    whole = texts(tmp_path / "all.csv", MAILS)
    how = PoolOptions(text="body", id="nr")
    with Project.create(first, tmp_path / "p", classes=NAMES, options=how) as made:
        with pytest.raises(DataError, match=r"12 of 24 ids are taken.*--known skip.*--prefix"):
            made.add(whole)
        assert made.n == 12
        found = made.add(whole, known="skip")
        assert (found.items, found.known) == (12, 12)
        assert made.items.keys() == [key for key, _ in MAILS]
        assert made.items.text(20) == MAILS[20][1]
        again = made.add(whole, known="skip")
        assert (again.items, again.known) == (0, 24)
        assert made.version.additions == 1  # nothing was written
        made.add(whole, prefix="b/")
        assert made.items.key(24) == "b/m0"
        with pytest.raises(UsageError, match="choice of known"):
            made.add(whole, known="pass")  # type: ignore[arg-type]  # as a command may say
    twice = texts(tmp_path / "twice.csv", [("a", "x y"), ("a", "y z")])
    with Project.open(tmp_path / "p") as made, pytest.raises(DataError, match="occurs twice"):
        made.add(twice)


def test_rows_without_ids_are_called_by_their_file(tmp_path: Path) -> None:
    data = table(tmp_path / "a.csv", [{"body": text} for _, text in MAILS[:12]])
    new = table(tmp_path / "b.csv", [{"body": text} for _, text in MAILS[12:]])
    how = PoolOptions(text="body")
    with Project.create(data, tmp_path / "p", classes=NAMES, options=how) as made:
        made.add(new)
        assert made.items.keys()[11:14] == ["11", "b.csv:0", "b.csv:1"]
        with pytest.raises(DataError, match="are taken"):
            made.add(new)  # the same file twice is seen


def test_texts_get_the_weights_of_the_first_ones(tmp_path: Path) -> None:
    how = PoolOptions(text="body", id="nr")
    data = texts(tmp_path / "mails.csv", MAILS)
    new = texts(tmp_path / "new.csv", [("n0", MAILS[3][1]), ("n1", "words never met before")])
    for features in ("tf-idf", "lsa:dimensions=4"):
        name, _, size = features.partition(":dimensions=")
        choice = {"name": name, **({"dimensions": int(size)} if size else {})}
        folder = tmp_path / name
        with Project.create(data, folder, classes=NAMES, options=how, features=choice) as made:
            made.add(new)
            assert torch.allclose(made.features[24], made.features[3], atol=1e-5)
            assert made.features.shape[0] == 26
            assert made.items.text(25) == "words never met before"


def test_rows_of_a_table_keep_their_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def rows(n: int, **more: Any) -> list[dict[str, Any]]:
        return [
            {"id": f"{more.get('front', 'a')}{i}", "size": rng.normal(), "kind": "xy"[i % 2]}
            for i in range(n)
        ]

    data = table(tmp_path / "a.csv", rows(20))
    other = [{**row, "colour": "red"} for row in rows(2, front="b")]
    with Project.create(data, tmp_path / "p", classes=NAMES) as made:
        found = made.add(table(tmp_path / "b.csv", other))
        assert made.n == 22
        assert list(made.items.row(21)) == list(made.items.row(0))
        assert any("colour" in note for note in found.notes)
        assert made.features[20:].isfinite().all()
        lacking = [{"id": "c", "kind": "x"}]
        with pytest.raises(DataError, match="size"):
            made.add(table(tmp_path / "c.csv", lacking))
        assert made.n == 22


def test_images_of_another_folder_and_of_the_same(tmp_path: Path) -> None:
    first = images(tmp_path / "first", [f"{i}.png" for i in range(12)])
    second = images(tmp_path / "second", ["0.png", "new/1.png"])
    with Project.create(first, tmp_path / "p", classes=NAMES) as made:
        with pytest.raises(DataError, match=r"1 of 2 ids are taken.*'0\.png'"):
            made.add(second)
        made.add(second, prefix="second:")
        assert made.items.keys()[12:] == ["second:0.png", "second:new/1.png"]
        assert made.picture(12)[0] == (second / "0.png").read_bytes()
        assert made.items.path(13) == (second / "new/1.png").resolve()
        assert made.picture(0)[0] == (first / "0.png").read_bytes()
        images(first, ["later.png"])
        found = made.add(first, known="skip")
        assert (found.items, found.known) == (1, 12)
        assert made.picture(14)[0] == (first / "later.png").read_bytes()
        assert len(made.sources) == 3


def test_images_of_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (14, 3, 8, 8), dtype=np.uint8)
    data, new = npz(tmp_path / "a.npz", x=x[:10]), npz(tmp_path / "b.npz", x=x[10:])
    with Project.create(data, tmp_path / "p", classes=NAMES) as made:
        whole = made.features.clone()
        made.add(new)
        assert made.features.shape == (14, whole.shape[1])
        assert made.picture(12)[1] == "image/png"
        assert made.picture(12)[0] != made.picture(2)[0]
        made.remove([12])


def test_data_of_another_kind_are_refused(live: Project, tmp_path: Path) -> None:
    before = live.version
    wide = npz(tmp_path / "wide.npz", x=np.zeros((3, 5), dtype=np.float32))
    for data in (wide, texts(tmp_path / "t.csv", MAILS[:3]), images(tmp_path / "i", ["a.png"])):
        with pytest.raises(PaucaError):
            live.add(data)
    with pytest.raises(DataError, match="no such file"):
        live.add(tmp_path / "nowhere.npz")
    assert live.version == before
    assert sorted(p.name for p in live.folder.glob("*-1.*")) == []


def test_labels_that_new_data_hold(tmp_path: Path) -> None:
    how = PoolOptions(text="body", id="nr", label="topic")
    data = texts(tmp_path / "a.csv", MAILS[:12], topic=["ant", "bee"] * 6)
    new = texts(tmp_path / "b.csv", MAILS[12:], topic=["ant", "", "cow"] * 4)
    with Project.create(data, tmp_path / "p", classes=["ant", "bee"], options=how) as made:
        with pytest.raises(DataError, match=r"no classes.*'cow'.*--add-new-classes"):
            made.add(new)
        assert made.n == 12
        assert made.classes.names == ("ant", "bee")
        found = made.add(new, add_new_classes=True)
        assert (found.items, found.labelled, found.classes) == (12, 8, ("cow",))
        assert made.labels.m == 20
        assert made.labels.given.all()
        cls = dict(zip(made.labels.item.tolist(), made.labels.cls.tolist(), strict=True))
        assert cls[12] == made.classes.find("ant")
        assert cls[14] == made.classes.find("cow")
        assert 13 not in cls
    with Project.create(data, tmp_path / "q", classes=["ant", "bee"], options=how) as made:
        assert made.add(new, options=PoolOptions(known=False)).labelled == 0


def test_a_project_that_does_not_know_its_fit_says_so(live: Project, tmp_path: Path) -> None:
    (live.folder / "features.fit").unlink()
    with pytest.raises(DataError, match=r"features\.fit"):
        live.add(more(tmp_path))
    assert live.n == 90


def test_two_additions_at_once_are_one_after_the_other(live: Project, tmp_path: Path) -> None:
    from threading import Thread

    others = [Project.open(live.folder) for _ in range(3)]
    sources = [more(tmp_path, 5, f"n{i}.npz") for i in range(3)]
    threads = [
        Thread(target=other.add, args=(source,))
        for other, source in zip(others, sources, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live.n == 105
    assert len({*live.items.keys()}) == 105
    for other in others:
        other.close()


# ------------------------------------------------------------------------------------- removing


def test_what_is_removed_is_gone_but_for_the_account(live: Project, tmp_path: Path) -> None:
    live.train(assessed=False)
    waiting = live.suggest(5)
    before = events(live)
    with Project.open(live.folder) as other:
        assert live.remove([3, waiting[0], 60]) == 3
        assert other.removed == {3, waiting[0], 60}
        assert other.n == 90
        status = other.status()
        assert status.items == 87
        assert status.labelled == 11
        assert waiting[0] not in other.suggest(87)
        assert not {3, 60} & {each.item for each in other.lease("bert", 90)}
        told = {item for part in other.predict() for item in part.item.tolist()}
        assert not told & {3, 60, waiting[0]}
        assert len(told) == 87 - 11
        assert [event for event, _ in events(other)] == [event for event, _ in before]
        assert all(event.item != 3 for event in other.answers())
        for item in (3, 60):
            with pytest.raises(InputError, match="removed from the pool"):
                other.answer("bert", item, 0)
        with pytest.raises(InputError, match="removed from the pool"):
            other.answer("bert", 20, 0, also=[60])
        assert 20 not in other.labels.item
        with pytest.raises(InputError, match="removed"):
            other.remove([10, 3])
        assert 10 in other.labels.item  # all or none
    with pytest.raises(DataError, match="taken"):
        live.add(npz(tmp_path / "b.npz", x=clusters(1)[0], ids=["3"]))


def test_answers_to_removed_items_in_a_file(live: Project, tmp_path: Path) -> None:
    live.remove([40])
    rows = [{"id": "40", "label": "ant"}, {"id": "41", "label": "bee"}]
    file = table(tmp_path / "answers.csv", rows)
    with pytest.raises(DataError, match="was removed from the pool"):
        import_file(live, file)
    found = import_file(live, file, unmatched="skip")
    assert (found.new, found.unmatched) == (1, 1)


def test_an_undo_of_an_answer_to_a_removed_item_asks_nobody_again(live: Project) -> None:
    item = live.suggest(1)[0]
    live.answer("anna", item, 0)
    live.remove([item])
    live.undo("anna")
    assert item not in live.suggest(80)
    assert not [each for each in live.lease("bert", 80) if each.item == item]


# -------------------------------------------------------------------------------------- moving


def test_images_that_were_moved(tmp_path: Path) -> None:
    first = images(tmp_path / "first", [f"a/{i}.png" for i in range(6)])
    with (
        Project.create(first, tmp_path / "p", classes=NAMES) as made,
        Project.open(made.folder) as other,
    ):
        content = made.picture(2)[0]
        with pytest.raises(DataError, match="there is nothing"):
            made.relocate(tmp_path / "moved")
        lacking = images(tmp_path / "lacking", [f"a/{i}.png" for i in range(5)])
        with pytest.raises(DataError, match=r"1 of 6 images are not there.*5\.png"):
            made.relocate(lacking)
        images(lacking, ["a/5.png"], size=9)
        with pytest.raises(DataError, match="not the data"):
            made.relocate(lacking)
        first.rename(tmp_path / "moved")
        with pytest.raises(DataError, match="gone"):
            other.picture(2)
        images(tmp_path / "moved", ["more.png"])  # what is no item does not matter
        assert made.relocate(tmp_path / "moved") == (first, tmp_path / "moved")
        assert other.picture(2)[0] == content
    with Project.open(tmp_path / "p") as again:
        assert again.picture(2)[0] == content
        assert again.sources[0].path == str(tmp_path / "moved")
        with pytest.raises(UsageError, match="written over"):
            again.backup(tmp_path / "moved", force=True)


def test_a_file_that_was_moved(live: Project, tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    live.add(more(tmp_path))
    with pytest.raises(UsageError, match=r"several places.*--from"):
        live.relocate(tmp_path / "else.npz")
    shutil.copy(data, tmp_path / "else.npz")
    with pytest.raises(DataError, match="not the data"):
        live.relocate(tmp_path / "more.npz", old=data)
    live.relocate(tmp_path / "else.npz", old=data)
    assert [Path(each.path).name for each in live.sources] == ["else.npz", "more.npz"]
    with pytest.raises(UsageError, match="no items come from there"):
        live.relocate(data, old=data)


def test_a_path_that_is_edited_counts_more_than_an_earlier_move(live: Project) -> None:
    data, folder = Path(live.sources[0].path), live.folder
    shutil.copy(data, data.with_name("b.npz"))
    live.relocate(data.with_name("b.npz"))
    settings = folder / "project.toml"
    settings.write_text(settings.read_text().replace(str(data), str(data.with_name("c.npz"))))
    with Project.open(folder) as again:
        assert Path(again.sources[0].path).name == "c.npz"


# -------------------------------------------------------------------------------------- classes


def test_a_class_that_has_answers_is_not_deleted_without_a_word(live: Project) -> None:
    with pytest.raises(UsageError, match=r"4 answers name class 'cat'.*--into.*--unlabel"):
        live.delete_class("cat")
    with pytest.raises(UsageError, match="said twice"):
        live.delete_class("cat", into="ant", unlabel=True)
    live.add_classes(["dog"])
    assert live.delete_class("dog").names == NAMES  # nobody has answered so
    assert live.delete_class("cat", into="ant").names == ("ant", "bee")
    assert (live.labels.cls == live.classes.find("ant")).sum() == 8


def test_answers_of_a_deleted_class_count_no_more_until_it_is_restored(live: Project) -> None:
    items = live.suggest(6)
    for item in items:
        live.answer("anna", item, live.classes.find("cat"))
    live.train(assessed=False)
    before, account = live.labels, events(live)
    with Project.open(live.folder) as other:
        live.delete_class("cat", unlabel=True)
        assert other.classes.names == ("ant", "bee")
        assert other.stale
        assert other.labels.m == 8
        assert other.status().answers["label"] == 8
        assert events(other) == account  # nothing that was answered is gone
        again = {each.item for each in other.lease("anna", 6)}
        assert again == set(items)  # asked again, of the same person too
        with pytest.raises(InputError, match=r"this class was deleted.*'cat'"):
            other.answer("bert", 50, 2)
        (part,) = other.predict([2, 50])
        assert set(part.cls.tolist()) <= {0, 1}
        assert np.allclose(part.probs.sum(1), 1)
        other.answer("anna", items[0], 0)
        with pytest.raises(UnknownNameError):
            other.restore_class("dog")
        other.restore_class("cat")
        assert live.classes.names == NAMES
        assert live.labels.m == before.m
        assert items[0] in live.labels.item[live.labels.cls == 0]
        assert items[1] in live.labels.item[live.labels.cls == 2]
        assert not set(items) & set(live.suggest(5))


def test_a_name_that_was_deleted_may_be_given_again(live: Project) -> None:
    live.delete_class("cat", unlabel=True)
    live.add_classes(["cat"])
    assert live.classes.find("cat") == 3
    assert live.labels.m == 8
    with pytest.raises(InputError, match="has this name already"):
        live.restore_class("cat")
    live.rename_class("cat", "cattle")
    assert live.restore_class("cat").names == ("ant", "bee", "cat", "cattle")


def test_every_class_may_be_deleted(live: Project) -> None:
    live.train(assessed=False)
    for name in NAMES:
        live.delete_class(name, unlabel=True)
    assert live.labels.m == 0
    assert live.suggestions([1]) == {}
    with pytest.raises(InputError, match="no class to predict"):
        list(live.predict())


def test_new_classes_of_a_file(live: Project, tmp_path: Path) -> None:
    rows = [
        {"id": "40", "label": "dog"},
        {"id": "41", "label": "emu"},
        {"id": "42", "label": "ant"},
    ]
    file = table(tmp_path / "answers.csv", rows)
    with pytest.raises(DataError, match=r"no such class.*--add-new-classes"):
        import_file(live, file)
    assert live.classes.names == NAMES
    broken = table(tmp_path / "broken.csv", [*rows, {"id": "nowhere", "label": "gnu"}])
    with pytest.raises(DataError, match="nowhere"):
        import_file(live, broken, add_new_classes=True)
    assert live.classes.names == NAMES  # all or none
    near = table(tmp_path / "near.csv", [{"id": "40", "label": "Ant"}])
    with pytest.raises(DataError, match="did you mean 'ant'"):
        import_file(live, near, add_new_classes=True)
    found = import_file(live, file, add_new_classes=True)
    assert found.new == 3
    assert any("dog, emu" in note for note in found.notes)
    assert live.classes.names == (*NAMES, "dog", "emu")
    cls = dict(zip(live.labels.item.tolist(), live.labels.cls.tolist(), strict=True))
    assert (cls[40], cls[41], cls[42]) == (3, 4, 0)
    assert import_file(live, file, add_new_classes=True).new == 0


# ------------------------------------------------------------------------------- older projects


def test_a_project_without_the_newer_tables_is_opened(live: Project) -> None:
    folder = live.folder
    live.close()
    tables = ("additions", "removals", "moves", "class_ends", "deleted_classes")
    with sqlite3.connect(folder / "project.db") as db:
        for name in tables:
            db.execute(f"DROP TABLE {name}")
    os.chmod(folder / "project.db", 0o644)
    with Project.open(folder) as again:
        assert again.labels.m == 12
        again.remove([0])
        assert again.labels.m == 11


def test_the_first_files_keep_their_names() -> None:
    assert files_of(0) == (ITEMS, "features.npy")
    assert files_of(12) == ("items-12.arrow", "features-12.npy")


def test_the_fit_is_that_of_the_first_items(live: Project, tmp_path: Path) -> None:
    before = (live.folder / "features.fit").read_bytes()
    live.add(more(tmp_path))
    assert (live.folder / "features.fit").read_bytes() == before
    assert read_fit(live.folder).d == live.features.shape[1]
