"""Folders of images: class folders, parts, links, pipes and files that are no images."""

from pathlib import Path

import pytest

from pauca.errors import DataError
from pauca.formats import Items, TextOptions, find_format
from tests.data.small import pixels, write_image


def read(path: Path) -> Items:
    return find_format(path).read_items(path, TextOptions())


def images(root: Path, *names: str) -> Path:
    for name in names:
        write_image(root / name, pixels(len(name), 4, 4, 3))
    return root


def test_class_folders_and_images_beside_them(tmp_path: Path) -> None:
    part = read(images(tmp_path, "b.png", "cat/z.png", "cat/deep/a.JPG", "dog/q.png")).train
    assert part.frame["file"].tolist() == ["b.png", "cat/deep/a.JPG", "cat/z.png", "dog/q.png"]
    assert part.frame["label"].tolist() == [None, "cat", "cat", "dog"]
    assert part.images is not None
    assert [raw for block in part.images.blocks() for raw in block] == [
        tmp_path / name for name in part.frame["file"]
    ]


def test_train_and_test_folders(tmp_path: Path) -> None:
    items = read(
        images(tmp_path, "Train/cat/a.png", "Train/dog/b.png", "val/cat/c.png", "raw/x.png")
    )
    assert items.test is not None
    assert items.train.frame["label"].tolist() == ["cat", "dog"]
    assert items.test.frame["file"].tolist() == ["val/cat/c.png"]
    assert any("beside Train were passed over: raw" in note for note in items.train.notes)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"),
        ("dataset-train", "dataset-val"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("chest/train", "chest/test"),
        ("Train", "Validation"),
    ],
)
def test_parts_are_no_classes_however_they_are_called(
    train: str, test: str, tmp_path: Path
) -> None:
    names = [f"{part}/{kind}/{i}.png" for part in (train, test) for kind in "ab" for i in "01"]
    items = read(images(tmp_path, *names, *(["seg_pred/9.png"] if "seg" in train else [])))
    assert [part.n for part in items.parts] == [4, 4]
    for part in items.parts:
        assert part.frame["label"].tolist() == ["a", "a", "b", "b"]
        assert all((tmp_path / name).is_file() for name in part.frame["file"])
    assert train in ("Train",) or any("part" in note for note in items.train.notes)


def test_classes_that_are_called_like_one_part_alone_are_classes(tmp_path: Path) -> None:
    items = read(images(tmp_path, "pre_test/1.png", "post_test/1.png", "bus/1.png"))
    assert items.train.frame["label"].tolist() == ["bus", "post_test", "pre_test"]


def test_masks_are_another_task(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="segmentation"):
        read(images(tmp_path, "images/1.png", "masks/1.png"))


def test_a_table_beside_the_images_is_said_not_to_be_read(tmp_path: Path) -> None:
    root = images(tmp_path, "1.png", "2.png")
    (root / "labels.csv").write_text("file,label\n1.png,cat\n")
    assert any("labels.csv" in n and "one folder a class" in n for n in read(root).train.notes)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "data-00000-of-00001.arrow").touch()
    with pytest.raises(DataError, match="load_from_disk"):
        read(tmp_path / "disk")
