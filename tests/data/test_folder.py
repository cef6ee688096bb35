from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pauca.data import load_dataset
from pauca.data.images import ImageForm, allocate, choose_form, survey
from pauca.errors import DataError, PaucaError, UnknownNameError, UsageError
from pauca.testing.datasets import check_dataset
from tests.data import small


def make(root: Path, classes: int = 2, each: int = 5, shape: tuple[int, ...] = (8, 8, 3)) -> Path:
    for c in range(classes):
        for i in range(each):
            small.write_image(root / f"class{c}" / f"{i}.png", small.pixels(10 * c + i, *shape))
    return root


def test_one_folder_a_class(tmp_path: Path) -> None:
    root = make(tmp_path / "birds", classes=3)
    dataset = load_dataset(root)
    check_dataset(dataset)
    assert dataset.test is not None
    assert dataset.classes == ("class0", "class1", "class2")
    assert (len(dataset.train), len(dataset.test)) == (12, 3)
    assert dataset.name == "birds"
    assert any("3 of 15 items were held out" in note for note in dataset.notes)
    for split in (dataset.train, dataset.test):
        assert split.y is not None
        for i, source in enumerate(split.sources or ()):
            wanted = np.asarray(Image.open(root / source)).transpose(2, 0, 1)
            np.testing.assert_array_equal(split.x[i].numpy(), wanted)
            assert dataset.classes[int(split.y[i])] == source.split("/")[0]


def test_train_and_test_folders(tmp_path: Path) -> None:
    make(tmp_path / "Train")
    make(tmp_path / "val", each=2)
    dataset = load_dataset(tmp_path)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (10, 4)
    assert dataset.test.y is not None
    assert dataset.test.y.tolist() == [0, 0, 1, 1]


def test_all_for_training_when_asked(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path), test_fraction=0)
    assert dataset.test is None
    assert len(dataset.train) == 10


def test_flat_folder_is_a_pool_without_labels(tmp_path: Path) -> None:
    for i in range(4):
        small.write_image(tmp_path / f"{i}.png", small.pixels(i, 6, 6))
    dataset = load_dataset(tmp_path)
    assert dataset.train.y is None
    assert dataset.test is None
    assert dataset.classes == ()
    assert dataset.task.shape == (1, 6, 6)
    assert any("without labels" in note for note in dataset.notes)
    check_dataset(dataset)
    assert load_dataset(tmp_path, classes=("a", "b")).classes == ("a", "b")


def test_order_and_split_do_not_depend_on_the_file_system(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), tmp_path / "two"
    for file in sorted(one.rglob("*.png"), reverse=True):
        target = two / file.relative_to(one)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    left, right = load_dataset(one), load_dataset(two)
    assert left.train.sources == right.train.sources
    assert torch.equal(left.train.x, right.train.x)
    assert load_dataset(one, seed=4).train.sources != left.train.sources


def test_mixed_sizes_become_the_stated_default(tmp_path: Path) -> None:
    make(tmp_path)
    small.write_image(tmp_path / "class0" / "wide.png", small.pixels(0, 30, 90, 3))
    dataset = load_dataset(tmp_path)
    assert dataset.task.shape == (3, 64, 64)
    assert any("2 sizes, 8 x 8 to 30 x 90" in note and "64 x 64" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"size": 5}, (3, 5, 5)),
        ({"size": [4, 6]}, (3, 4, 6)),
        ({"size": 5, "mode": "L"}, (1, 5, 5)),
        ({"mode": "L"}, (1, 8, 8)),
        ({"size": 20, "fit": "pad"}, (3, 20, 20)),
    ],
)
def test_size_and_mode_as_asked(options: dict[str, Any], shape: object, tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path), **options)
    assert dataset.task.shape == shape
    assert any("as asked" in note for note in dataset.notes)
    check_dataset(dataset)


def test_fit_crops_pads_and_stretches(tmp_path: Path) -> None:
    image = np.zeros((10, 30), np.uint8)
    image[:, 10:20] = 200
    for i in range(2):
        small.write_image(tmp_path / f"{i}.png", image)
    cut = load_dataset(tmp_path, size=10, fit="crop").train.x[0, 0]
    assert (cut == 200).all()
    flat = load_dataset(tmp_path, size=10, fit="stretch").train.x[0, 0]
    assert (flat[:, 4:6] == 200).all()
    assert flat[:, 0].max() < 20
    padded = load_dataset(tmp_path, size=30, fit="pad").train.x[0, 0]
    assert (padded[:9] == 0).all()
    assert (padded[12:18, 12:18] == 200).all()


def test_modes_people_have(tmp_path: Path) -> None:
    grey = small.pixels(0, 8, 8)
    Image.fromarray(grey).save(tmp_path / "a-grey.png")
    Image.fromarray(grey.astype(np.uint16) * 256).save(tmp_path / "b-sixteen.png")
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "c-colour.png")
    clear = np.dstack([grey, grey, grey, np.zeros_like(grey)])
    Image.fromarray(clear).save(tmp_path / "d-clear.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "e-palette.png")
    Image.fromarray(grey > 127).save(tmp_path / "f-bits.png")
    Image.fromarray(np.dstack([grey] * 3)).convert("CMYK").save(tmp_path / "g-cmyk.tif")
    dataset = load_dataset(tmp_path)
    assert dataset.task.shape == (3, 8, 8)
    assert any("3 of 7 images were turned into RGB" in note for note in dataset.notes)
    x = dict(zip(dataset.train.sources or (), dataset.train.x, strict=True))
    for name in ("a-grey.png", "b-sixteen.png", "c-colour.png", "e-palette.png"):
        np.testing.assert_array_equal(x[name].numpy(), np.stack([grey] * 3))
    assert (x["d-clear.png"] == 255).all()
    np.testing.assert_array_equal(x["f-bits.png"][0].numpy(), (grey > 127) * np.uint8(255))


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # the camera was turned to the right
    image = Image.fromarray(small.pixels(0, 16, 32, 3))
    for i in range(2):
        image.save(tmp_path / f"{i}.png", exif=tags)
    x = load_dataset(tmp_path).train.x
    assert tuple(x.shape[1:]) == (3, 32, 16)
    wanted = np.rot90(np.asarray(image), -1).transpose(2, 0, 1)
    np.testing.assert_array_equal(x[0].numpy(), wanted)


def test_large_photographs_come_through_the_threads(tmp_path: Path) -> None:
    gradient = np.linspace(0, 255, 600).astype(np.uint8)
    image = np.stack([np.tile(gradient, (400, 1))] * 3, axis=-1)
    noisy = image // 2 + small.pixels(0, 400, 600, 3) // 4
    for i in range(6):
        small.write_image(tmp_path / f"{i}.jpg", noisy)
    assert (tmp_path / "0.jpg").stat().st_size > 16_384
    x = load_dataset(tmp_path, size=20, fit="stretch").train.x.float()
    assert (x == x[0]).all()
    wanted = noisy.reshape(20, 20, 20, 30, 3).mean((1, 3)).transpose(2, 0, 1)
    assert np.abs(x[0].numpy() - wanted).max() < 6


def test_other_files_are_passed_over_and_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "class0" / "notes.txt").write_text("hello")
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "class0" / ".hidden.png").write_text("hello")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "class1" / "deeper").mkdir()
    small.write_image(tmp_path / "class1" / "deeper" / "x.png", small.pixels(0, 8, 8, 3))
    dataset = load_dataset(tmp_path, test_fraction=0)
    assert len(dataset.train) == 11
    assert any("2 files that are no images" in note for note in dataset.notes)


def _unreadable(root: Path) -> None:
    (root / "class1" / "bad.png").write_text("this is no image")
    file = root / "class0" / "0.png"
    file.write_bytes(file.read_bytes()[:60])
    (root / "class0" / "1.png").write_bytes(b"")


def _loose(root: Path) -> None:
    small.write_image(root / "loose.png", small.pixels(0, 8, 8, 3))


def _empty_class(root: Path) -> None:
    (root / "class9").mkdir()


def _case(root: Path) -> None:
    small.write_image(root / "CLASS1" / "a.png", small.pixels(0, 8, 8, 3))


def _one_class(root: Path) -> None:
    for file in (root / "class1").iterdir():
        file.unlink()
    (root / "class1").rmdir()


def _test_with_another_class(root: Path) -> None:
    make(root / "train")
    make(root / "test", classes=3)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_unreadable, ["3 images cannot be read", "class1/bad.png", "1.png (zero bytes)", "0.png"]),
        (_one_class, ["only one class", "class0"]),
    ],
)
def test_broken_folders(spoil: Any, words: list[str], tmp_path: Path) -> None:
    root = make(tmp_path)
    spoil(root)
    with pytest.raises(DataError) as caught:
        load_dataset(root)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert caught.value.todo
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (_loose, "1 of 11 items have no label and are left out"),
        (_empty_class, "folders without images were passed over: class9"),
        (_case, "differ by case, blanks or Unicode form alone: 'CLASS1' and 'class1'"),
        (_test_with_another_class, "classes of the test part that training lacks: 'class2'"),
    ],
)
def test_what_is_odd_about_a_folder_is_said(odd: Any, said: str, tmp_path: Path) -> None:
    root = make(tmp_path / "root")
    odd(root)
    dataset = load_dataset(root)
    assert any(said in note for note in dataset.notes), dataset.notes


def test_truncated_pixels_are_found_though_the_header_is_whole(tmp_path: Path) -> None:
    root = make(tmp_path, shape=(40, 40, 3))
    file = root / "class0" / "3.png"
    file.write_bytes(file.read_bytes()[:-800])
    with pytest.raises(DataError, match=r"class0/3\.png \(.*truncated"):
        load_dataset(root)


def test_empty_folder_and_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        load_dataset(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "note.doc").write_text("x")
    with pytest.raises(DataError, match="format is not known"):
        load_dataset(tmp_path / "note.doc")


def test_a_class_list_has_to_hold_every_folder(tmp_path: Path) -> None:
    root = make(tmp_path)
    assert load_dataset(root, classes=("class1", "class0", "other")).classes[0] == "class1"
    with pytest.raises(DataError, match="did you mean 'class'"):
        load_dataset(root, classes=("class", "other"))
    with pytest.raises(DataError, match="only one class"):
        load_dataset(root, classes=("class0",))


def test_options_are_checked(tmp_path: Path) -> None:
    root = make(tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'size'"):
        load_dataset(root, sise=3)
    with pytest.raises(UsageError, match="mode"):
        load_dataset(root, mode="CMYK")
    for wrong in ({"size": 0}, {"test_fraction": 1.0}):
        with pytest.raises(PaucaError, match="out of range"):
            load_dataset(root, **wrong)


def test_flip_is_for_training_only(tmp_path: Path) -> None:
    root = make(tmp_path)
    assert not load_dataset(root).task.train.random  # type: ignore[attr-defined]
    dataset = load_dataset(root, flip=True)
    check_dataset(dataset)
    assert dataset.task.train.random  # type: ignore[attr-defined]
    assert not dataset.task.evaluate.random  # type: ignore[attr-defined]


def test_normalisation_is_that_of_the_pool(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, each=40))
    out = dataset.task.evaluate(dataset.train.x, None)
    assert out.mean((0, 2, 3)).abs().max() < 1e-3
    assert (out.std((0, 2, 3)) - 1).abs().max() < 1e-3


def test_progress_and_memory_are_told(tmp_path: Path) -> None:
    heard: list[float] = []
    dataset = load_dataset(make(tmp_path, each=200, shape=(3, 3)), progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1
    assert len(heard) > 1
    assert any("take 0.0 MB" in note for note in dataset.notes)


def test_more_than_the_memory_is_refused_before_decoding() -> None:
    with pytest.raises(DataError, match=r"do not fit into memory.*size = 64"):
        allocate(100_000_000, ImageForm(2000, 2000, "RGB"))


def test_form_of_a_survey(tmp_path: Path) -> None:
    files = [small.write_image(tmp_path / f"{i}.png", small.pixels(i, 4, 6)) for i in range(3)]
    found = survey(files, str)
    assert found.counts == {(4, 6, True): 3}
    assert (found.sizes, len(found), found.levels) == ([(4, 6)], 3, None)
    form, notes = choose_form(found, None, None, "crop")
    assert form.shape == (1, 4, 6)
    assert notes == ()


def test_what_happens_to_pixels_is_said(tmp_path: Path) -> None:
    pixels, tags = small.pixels(0, 8, 8, 3), Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=tags)
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "clear.png")
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "print.jpg")
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    notes = load_dataset(tmp_path).notes
    assert "1 images were turned upright, as their EXIF says" in notes
    assert "1 images may be transparent: what is stands on white" in notes
    assert "1 images are CMYK: their colours were converted" in notes
