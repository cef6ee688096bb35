"""Folders of images: class folders, parts, links, pipes and files that are no images."""

import os
from pathlib import Path

import pytest

from pauca.errors import DataError
from pauca.formats import Items, TextOptions, find_format
from pauca.formats.folder import list_images
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


def test_nothing_but_regular_files_within_the_folder_is_opened(tmp_path: Path) -> None:
    images(tmp_path, "outside.png")
    root = images(tmp_path / "pets", "a.png")
    os.mkfifo(root / "pipe.png")
    os.symlink("/dev/zero", root / "zero.png")
    os.symlink(root / "a.png", root / "twin.png")
    os.symlink(tmp_path / "outside.png", root / "out.png")
    os.symlink("loop.png", root / "loop.png")
    os.symlink(tmp_path, root / "up")
    (root / "notes.txt").write_text("hello")
    (root / "photo.HEIC").write_bytes(b"0")
    (root / ".hidden.png").write_bytes(b"")
    found = list_images(root)
    assert found.names == ["a.png", "twin.png"]
    assert sorted(found.links) == ["loop.png", "out.png", "up", "zero.png"]
    assert found.special == ["pipe.png"]
    said = " ".join(found.notes)
    assert "2 files that are no images were passed over: notes.txt, photo.HEIC" in said
    assert "1 .heic (convert it to JPEG or PNG)" in said
    assert "1 pipes, devices or sockets were not opened: pipe.png" in said


def test_a_folder_without_images_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no images.*got: nothing"):
        read(tmp_path)
    (tmp_path / "a.heic").write_bytes(b"0")
    with pytest.raises(DataError, match=r"a\.heic.*convert it"):
        read(tmp_path)
    os.makedirs(os.fsencode(tmp_path) + b"/caf\xe9.d")
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"0")
    with pytest.raises(DataError, match="not UTF-8"):
        read(tmp_path)
