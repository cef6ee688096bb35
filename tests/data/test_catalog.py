"""Every entry, on small files in the format of its source."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pauca.data import datasets, load_dataset, resolve_options
from pauca.data.augment import Pipeline
from pauca.data.catalog import Entry, entries, entry
from pauca.data.catalog.breakhis import patient_of, patient_split
from pauca.errors import DataError, UnknownNameError, UsageError
from pauca.testing.datasets import check_dataset
from tests.data import small

NAMED = (
    "agnews",
    "banking77",
    "breakhis",
    "cifar10",
    "cifar10-imbalanced",
    "cifar100",
    "digits",
    "emnist-byclass",
    "fashion-mnist",
    "mnist",
    "newsgroups",
    "openml:<id>",
    "pneumonia",
    "subj",
    "svhn",
    "tiny-imagenet",
    "waterbirds",
)


def _places(n: int) -> dict[str, list[int]]:
    return {"place": [(i // 2) % 2 for i in range(n)], "bird": [0] * n}


def _emnist(root: Path) -> None:
    for split, seed in (("train", 0), ("test", 1)):
        stem = root / "emnist-byclass" / f"emnist-byclass-{split}"
        small.write_idx(Path(f"{stem}-images-idx3-ubyte.gz"), small.pixels(seed, 124, 28, 28))
        labels = np.arange(124, dtype=np.uint8) % 62
        small.write_idx(Path(f"{stem}-labels-idx1-ubyte.gz"), labels)


def _banking(root: Path) -> None:
    (root / "banking77").mkdir()
    lines = [f"question {i} on topic{i % 77},intent_{i % 77:02}" for i in range(154)]
    for split in ("train", "test"):
        text = "\n".join(["text,category", *lines]) + "\n"
        (root / "banking77" / f"{split}.csv").write_text(text)


def _texts(name: str, *parts: str) -> Callable[[Path], None]:
    """A copy in csv files of these names, six texts a class in each, one of them empty."""

    def write(root: Path) -> None:
        (root / name).mkdir()
        for part in parts:
            lines = [
                f"a text {i} on {label},{label}" for label in entry(name).classes for i in range(6)
            ]
            lines.append(f'"  ",{entry(name).classes[0]}')
            (root / name / f"{part}.csv").write_text("\n".join(["text,label", *lines]) + "\n")

    return write


def _openml(root: Path) -> None:
    (root / "openml").mkdir()
    rows = [f"{i},{i % 7 / 3},{'red' if i % 2 else 'blue'},{'ab'[i % 2]}" for i in range(40)]
    text = "\n".join(["width,height,colour,kind", *rows]) + "\n"
    (root / "openml" / "61.csv").write_text(text)


def _breakhis(root: Path) -> None:
    small.write_breakhis(root / "breakhis")


def _hub(name: str, **settings: Any) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        small.hub_copy(root, name, **settings)

    return write


SMALL: dict[str, Callable[[Path], None]] = {
    "agnews": _texts("agnews", "train", "test"),
    "banking77": _banking,
    "breakhis": _breakhis,
    "cifar10": _hub("cifar10", shape=(32, 32, 3), classes=10, image="img"),
    "cifar10-imbalanced": _hub("cifar10", shape=(32, 32, 3), classes=10, image="img"),
    "cifar100": _hub("cifar100", shape=(32, 32, 3), classes=100, image="img", label="fine_label"),
    "digits": lambda root: None,
    "emnist-byclass": _emnist,
    "fashion-mnist": _hub("fashion-mnist", shape=(28, 28), classes=10),
    "mnist": _hub("mnist", shape=(28, 28), classes=10),
    "newsgroups": _texts("newsgroups", "newsgroups"),
    "openml:61": _openml,
    "pneumonia": _hub(
        "pneumonia", shape=(50, 70), classes=2, splits=("train", "validation", "test")
    ),
    "subj": _texts("subj", "subj"),
    "svhn": _hub("svhn", shape=(32, 32, 3), classes=10),
    "tiny-imagenet": _hub(
        "tiny-imagenet",
        shape=(64, 64, 3),
        classes=200,
        splits=("train", "valid"),
        names=[f"n{i:08}" for i in range(200)],
    ),
    "waterbirds": _hub("waterbirds", shape=(60, 50, 3), classes=2, extras=_places),
}
SIZES = {"breakhis": {"size": 32}, "waterbirds": {"size": 48}}


def test_every_name_is_there_and_has_a_small_copy() -> None:
    """Only those of the catalogue itself: other tests register data sets of their own."""
    own = tuple(one.name for one in entries() if one.__module__.startswith("pauca.data.catalog."))
    assert own == NAMED
    assert {name if ":" not in name else "openml:<id>" for name in SMALL} == set(NAMED)


@pytest.mark.parametrize("one", [entry(name) for name in NAMED], ids=lambda one: one.name)
def test_entry_describes_itself_without_reading(one: Entry, root: Path) -> None:
    assert one.summary
    assert one.source
    assert one.licence
    assert datasets.get(one.name) is one
    if one.classes:
        assert len(set(one.classes)) == len(one.classes) == one.class_count
    if one.kind == "image":
        assert one.normalisation is not None
        assert isinstance(one.evaluate, Pipeline)
        assert isinstance(one.train, Pipeline)
        assert one.train.random
        assert not one.evaluate.random


@pytest.mark.parametrize("name", SMALL)
def test_contract(name: str, root: Path) -> None:
    SMALL[name](root)
    heard: list[float] = []
    dataset = load_dataset(name, progress=heard.append, **SIZES.get(name, {}))
    check_dataset(dataset)
    assert dataset.name == name
    assert dataset.test is not None
    assert heard
    assert heard == sorted(heard)
    assert all(0 <= part <= 1 for part in heard)
    described = entry("openml:<id>" if name.startswith("openml") else name)
    assert described.class_count in (None, dataset.task.c)
    assert dataset.licence


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "svhn", "cifar10", "cifar100"])
def test_pixels_and_labels_are_those_of_the_files(name: str, root: Path) -> None:
    settings: dict[str, dict[str, Any]] = {
        "mnist": {},
        "fashion-mnist": {},
        "svhn": {},
        "cifar10": {"image": "img"},
    }
    more = settings.get(name, {"image": "img", "label": "fine_label"})
    shape = (28, 28) if "mnist" in name else (32, 32, 3)
    classes = entry(name).class_count or 0
    written = small.hub_copy(root, name, shape=shape, classes=classes, **more)
    dataset = load_dataset(name)
    for split, key in ((dataset.train, "train"), (dataset.test, "test")):
        x, y = written[key]
        wanted = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
        assert split is not None
        assert split.y is not None
        np.testing.assert_array_equal(split.x.numpy(), wanted)
        assert split.y.tolist() == y


def test_labels_go_by_name_when_the_file_orders_the_names_otherwise(root: Path) -> None:
    names = list(reversed(entry("cifar10").classes))
    settings: dict[str, Any] = {"shape": (32, 32, 3), "classes": 10, "image": "img", "names": names}
    small.hub_copy(root, "cifar10", **settings)
    y = load_dataset("cifar10").train.y
    assert y is not None
    assert y.tolist() == [9 - i % 10 for i in range(20)]


def test_digits_split_is_fixed_stratified_and_whole() -> None:
    one, two = load_dataset("digits"), load_dataset("digits")
    assert one.test is not None
    assert two.test is not None
    assert (len(one.train), len(one.test)) == (1297, 500)
    assert torch.equal(one.test.x, two.test.x)
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    both = torch.cat([one.train.x, one.test.x]).flatten(1).double() * 16 / 255
    assert sorted(map(tuple, both.round().long().tolist())) == sorted(
        map(tuple, pixels.astype(int).tolist())
    )
    assert one.test.y is not None
    shares = np.bincount(one.test.y.numpy()) / np.bincount(labels)
    assert np.abs(shares - 500 / 1797).max() < 0.004


def test_digits_constants_are_those_of_the_training_part() -> None:
    x = load_dataset("digits").train.x.double() / 255
    known = entry("digits").normalisation
    assert known is not None
    assert abs(float(x.mean()) - known.mean[0]) < 1e-3
    assert abs(float(x.std()) - known.std[0]) < 1e-3


def test_emnist_is_turned_upright_and_names_62_classes(root: Path) -> None:
    _emnist(root)
    dataset = load_dataset("emnist-byclass")
    stored = small.pixels(0, 124, 28, 28)
    np.testing.assert_array_equal(dataset.train.x[:, 0].numpy(), stored.transpose(0, 2, 1))
    assert (
        "".join(dataset.classes) == string.digits + string.ascii_uppercase + string.ascii_lowercase
    )


def test_emnist_truncated_archive_is_refused(root: Path) -> None:
    _emnist(root)
    file = root / "emnist-byclass" / "emnist-byclass-train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DataError, match="IDX file cannot be read") as caught:
        load_dataset("emnist-byclass")
    assert str(file) in str(caught.value)


def test_waterbirds_groups_are_twice_the_label_plus_the_place(root: Path) -> None:
    SMALL["waterbirds"](root)
    dataset = load_dataset("waterbirds", size=16)
    assert dataset.train.groups is not None
    assert dataset.train.y is not None
    place = torch.tensor(_places(len(dataset.train))["place"])
    assert torch.equal(dataset.train.groups, 2 * dataset.train.y + place)
    assert dataset.group_names[1] == "landbird on water"
    assert dataset.group_names[2] == "waterbird on land"
    assert dataset.task.shape == (3, 16, 16)


def test_pneumonia_joins_train_and_validation(root: Path) -> None:
    SMALL["pneumonia"](root)
    dataset = load_dataset("pneumonia")
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (8, 4)
    assert dataset.task.shape == (1, 28, 28)
    assert any("PneumoniaMNIST" in note for note in dataset.notes)


def test_imbalanced_keeps_class_i_with_probability_a_tenth_of_i_plus_one(root: Path) -> None:
    n, tiny = 4000, small.encoded(small.pixels(0, 32, 32, 3))
    y = [i % 10 for i in range(n)]
    for split, count in (("train", n), ("test", 20)):
        path = root / "cifar10" / f"{split}-0.parquet"
        small.write_hub(path, [tiny] * count, {"label": y[:count]}, image="img")
    dataset = load_dataset("cifar10-imbalanced", seed=1)
    assert dataset.train.y is not None
    assert dataset.test is not None
    counts = np.bincount(dataset.train.y.numpy(), minlength=10)
    chance = (np.arange(10) + 1) / 10
    spread = np.sqrt(400 * chance * (1 - chance))
    assert (np.abs(counts - 400 * chance) <= 4 * spread).all()
    assert counts[9] == 400
    assert len(dataset.test) == 20
    again = load_dataset("cifar10-imbalanced", seed=1).train.y
    other = load_dataset("cifar10-imbalanced", seed=2).train.y
    assert again is not None
    assert other is not None
    assert torch.equal(again, dataset.train.y)
    assert other.tolist() != dataset.train.y.tolist()


def test_breakhis_no_patient_crosses_the_split(root: Path) -> None:
    small.write_breakhis(root / "breakhis")
    for seed in range(5):
        dataset = load_dataset("breakhis", size=16, seed=seed)
        assert dataset.test is not None
        sides = [
            {patient_of(Path(name)) for name in split.sources or ()}
            for split in (dataset.train, dataset.test)
        ]
        assert not sides[0] & sides[1]
        assert len(sides[0] | sides[1]) == 10
        assert dataset.test.y is not None
        assert set(dataset.test.y.tolist()) == {0, 1}


def test_breakhis_magnification(root: Path) -> None:
    small.write_breakhis(root / "breakhis")
    for power, count in (("40X", 36), ("100X", 36), ("all", 72)):
        dataset = load_dataset("breakhis", size=8, magnification=power)
        assert dataset.test is not None
        assert len(dataset.train) + len(dataset.test) == count
    with pytest.raises(DataError, match="no images of this magnification"):
        load_dataset("breakhis", magnification="400X")
    with pytest.raises(UsageError, match="magnification"):
        load_dataset("breakhis", magnification="41X")


def test_breakhis_images_lie_with_their_labels(root: Path) -> None:
    base = small.write_breakhis(root / "breakhis")
    dataset = load_dataset("breakhis", size=(46, 70))
    for split in (dataset.train, dataset.test):
        assert split is not None
        assert split.y is not None
        for i, name in enumerate(split.sources or ()):
            from PIL import Image

            wanted = np.asarray(Image.open(base / name)).transpose(2, 0, 1)
            np.testing.assert_array_equal(split.x[i].numpy(), wanted)
            assert int(split.y[i]) == int(name.startswith("malignant"))


def test_patient_split_keeps_a_patient_of_each_class_in_training() -> None:
    y = torch.tensor([0, 0, 1, 1, 1, 1])
    held = patient_split(["a", "b", "c", "c", "c", "d"], y, 0.5, 0)
    assert held.any()
    assert set(y[held].tolist()) == set(y[~held].tolist()) == {0, 1}


def test_openml_local_copy_takes_the_last_column_as_the_label(root: Path) -> None:
    _openml(root)
    dataset = load_dataset("openml:61")
    assert dataset.classes == ("a", "b")
    assert dataset.task.shape == (4,)
    assert any("'kind'" in note for note in dataset.notes)
    with pytest.raises(DataError, match="did you mean 'colour'"):
        load_dataset("openml:61", label="colours")


def test_banking77_texts_are_kept_and_the_vocabulary_is_of_training_only(root: Path) -> None:
    _banking(root)
    test = root / "banking77" / "test.csv"
    test.write_text(test.read_text().replace("question 1 ", "unheardof 1 "))
    dataset = load_dataset("banking77")
    assert dataset.kind == "text"
    assert dataset.test is not None
    assert dataset.train.sources is not None
    assert dataset.train.sources[1] == "question 1 on topic1"
    # question, on, topic0 .. topic76 and the numbers of two figures or more
    assert dataset.task.shape == (2 + 77 + 144,)
    norms = dataset.train.x.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms))


def test_banking77_missing_column_is_named(root: Path) -> None:
    _banking(root)
    file = root / "banking77" / "train.csv"
    file.write_text(file.read_text().replace("text,category", "text,categorie"))
    with pytest.raises(DataError, match="did you mean 'categorie'"):
        load_dataset("banking77")


@pytest.mark.parametrize(("name", "parts"), [("agnews", 2), ("newsgroups", 1), ("subj", 1)])
def test_what_a_copy_of_texts_lacks_is_said(name: str, parts: int, root: Path) -> None:
    SMALL[name](root)
    dataset = load_dataset(name)
    said = "\n".join(dataset.notes)
    assert dataset.test is not None
    c = dataset.task.c
    assert len(dataset.train) + len(dataset.test) == parts * 6 * c
    assert f"{parts} of {parts * (6 * c + 1)} texts are empty and were left out" in said
    whole = {"agnews": "120,000 training", "newsgroups": "18,846", "subj": "10,000"}[name]
    assert f"{6 * c} of {whole} texts" in said
    assert ("no test part" in said) == (parts == 1)
    assert dataset.train.y is not None
    assert len(set(dataset.train.y.bincount(minlength=c).tolist())) <= 2


def test_texts_that_somebody_cut_are_counted(root: Path) -> None:
    SMALL["subj"](root)
    file = root / "subj" / "subj.csv"
    file.write_text(file.read_text() + "".join(f"{'word ' * 79}{i}abcd,objective\n" for i in "123"))
    assert any("3 texts have exactly 400 letters" in note for note in load_dataset("subj").notes)


def test_texts_on_the_hub_are_read_by_the_names_of_their_classes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import ClassLabel, Features, Value, disable_progress_bars
    from datasets import Dataset as Table

    disable_progress_bars()
    names = ["Sports", "World", "Business", "Sci/Tech"]  # another order than the catalogue's
    features = Features(text=Value("string"), label=ClassLabel(names=names))

    def give(repo: str, config: str | None, split: str) -> Table:
        cells = {"text": [f"words of {k}" for k in range(4)], "label": [0, 1, 2, 3]}
        return Table.from_dict(cells, features=features)

    monkeypatch.setattr("pauca.data.rows.load_from_hub", give)
    dataset = load_dataset("agnews")
    assert dataset.source == "Hub: fancyzhx/ag_news"
    assert dataset.train.y is not None
    assert dataset.train.y.tolist() == [1, 0, 2, 3]


def test_a_copy_of_texts_without_its_files_says_what_belongs_there(root: Path) -> None:
    (root / "subj").mkdir()
    with pytest.raises(DataError, match="has no train part") as caught:
        load_dataset("subj")
    assert "subj.csv" in str(caught.value)
    assert "hf download SetFit/subj" in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", None, 5])
def test_what_names_nothing_is_refused(name: Any) -> None:
    with pytest.raises(UsageError, match="the data set is not named"):
        load_dataset(name)


def test_unknown_names_and_options() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fashion-mnist'"):
        load_dataset("fashion_mnist")
    with pytest.raises(UnknownNameError, match=r"'sead'.*did you mean 'seed'"):
        load_dataset("cifar10-imbalanced", sead=1)
    with pytest.raises(UnknownNameError, match="'size'"):
        load_dataset("mnist", size=3)
    with pytest.raises(UsageError, match="by its number"):
        load_dataset("openml")


def test_resolved_options_hold_the_defaults() -> None:
    assert resolve_options("waterbirds", {"size": [32, 48]}) == {"size": (32, 48)}
    assert resolve_options("mnist", {}) == {}
    assert resolve_options("openml:61", {})["id"] == 61
    assert resolve_options("cifar10-imbalanced", {}) == {"seed": 0}
