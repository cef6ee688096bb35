"""Folders of images: class folders, parts, links, pipes and files that are no images."""

from pathlib import Path

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
