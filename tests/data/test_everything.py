"""Everything under PAUCA_DATA that is made of columns: what is decided about it, and said."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pauca.data import Dataset, load_dataset
from pauca.data.columns import ColumnOptions, Roles, find_roles, items_of
from pauca.data.tables import table_dataset
from pauca.errors import DataError
from pauca.formats import read_items
from pauca.testing.datasets import check_dataset


def folder(name: str) -> Path:
    return Path(os.environ["PAUCA_DATA"]) / name


def decided(data: pd.DataFrame, where: str, **options: Any) -> Roles:
    return find_roles(items_of(data, None, where), ColumnOptions(**options))


def dataset_of(name: str, file: str, test: str | None = None) -> Dataset:
    train = read_items(folder(name) / file).train.frame
    later = None if test is None else read_items(folder(name) / test).train.frame
    return table_dataset(name, items_of(train, later, name), ColumnOptions(vocabulary=200))


# columns of words, and of numbers that never change, by the number of the table
TABLES = {
    3: ("all", set()), 6: ((), set()), 21: ("all", set()), 24: ("all", {"veil-type"}),
    26: ("all", set()),
    28: ((), {"input1", "input40"}), 30: ((), set()), 36: ((), {"region-pixel-count"}),
    31: (
        ("checking_status", "credit_history", "purpose", "savings_status", "employment",
         "personal_status", "other_parties", "property_magnitude", "other_payment_plans",
         "housing", "job", "own_telephone", "foreign_worker"), set(),
    ),
    44: ((), set()), 54: ((), set()), 60: ((), set()),
    307: (("Train or Test", "Speaker Number", "Sex"), set()),
}  # fmt: skip


@pytest.mark.data("openml")
@pytest.mark.parametrize("number", TABLES)
def test_no_column_of_an_openml_table_is_left_out(number: int) -> None:
    data = read_items(folder("openml") / f"{number}.csv").train.frame
    found = decided(data, f"openml:{number}")
    words, constant = TABLES[number]
    features = [name for name in data.columns if name != "class"]
    assert found.label == "class"
    assert (found.features, dict(found.left_out)) == (tuple(features), {})
    told = [name for name in features if found.columns[name].content == "words"]
    assert told == (features if words == "all" else list(words))
    said = " ".join(note for note in found.notes if "never change" in note)
    assert {name for name in features if repr(name) in said} == constant


@pytest.mark.data("openml")
def test_the_names_of_openml_46_are_unusable() -> None:
    with pytest.raises(
        DataError, match=r"'Instance_name' is neither.*3178 .*unusable = 'leave-out'"
    ):
        load_dataset("openml:46")
    dataset = load_dataset("openml:46", unusable="leave-out")
    assert dataset.task.c == 3
    assert "left out of the features: 'Instance_name'" in " ".join(dataset.notes)


@pytest.mark.data("openml")
def test_an_openml_table_with_its_row_numbers_saved_along() -> None:
    data = read_items(folder("openml") / "54.csv").train.frame
    data.insert(0, "Unnamed: 0", [str(i) for i in range(len(data))])
    data.insert(3, "vehicle_nr", [str(v) for v in np.random.default_rng(0).permutation(len(data))])
    found = decided(data, "54")
    assert set(found.left_out) == {"Unnamed: 0", "vehicle_nr"}
    assert len(found.features) == 18


@pytest.mark.data("regression")
@pytest.mark.parametrize("name", ["abalone", "cal-housing", "elevators", "kin8nm"])
def test_regression_is_refused_by_its_name(name: str) -> None:
    data = read_items(folder("regression") / f"{name}.csv").train.frame
    found = decided(data, name)
    # every column but the target was measured
    assert found.left_out == {}
    with pytest.raises(DataError, match=r"this is regression.*column 'target'"):
        table_dataset(name, items_of(data, None, name), ColumnOptions())


@pytest.mark.data("newsgroups")
def test_newsgroups_has_empty_posts() -> None:
    dataset = dataset_of("newsgroups", "newsgroups.csv")
    check_dataset(dataset)
    assert (dataset.kind, dataset.task.c) == ("text", 20)
    assert "11 of 6000 items have no text and are left out" in dataset.notes
    assert any("items of the test part stand in training too" in note for note in dataset.notes)


@pytest.mark.data("agnews")
def test_agnews_has_copies_in_both_parts() -> None:
    dataset = dataset_of("agnews", "train.csv", "test.csv")
    check_dataset(dataset)
    assert dataset.classes == ("Business", "Sci/Tech", "Sports", "World")
    assert any(note.startswith("16 of 7600 items of the test part") for note in dataset.notes)


@pytest.mark.data("subj")
def test_subj_is_told_by_its_content_too() -> None:
    data = read_items(folder("subj") / "subj.csv").train.frame.rename(columns={"text": "sentence"})
    assert decided(data, "subj").text == ("sentence",)
    assert dataset_of("subj", "subj.csv").classes == ("objective", "subjective")


@pytest.mark.data("banking77")
def test_banking77_is_told_by_its_content_too() -> None:
    data = read_items(folder("banking77") / "train.csv").train.frame.rename(
        columns={"text": "question"}
    )
    assert decided(data, "banking77").text == ("question",)
    assert dataset_of("banking77", "train.csv", "test.csv").task.c == 77


EVERY = {
    "agnews": ("text", 8_000, ""),
    "banking77": ("text", 10_003, ""),
    "cifar10": ("image", 50_000, ""),
    "cifar100": ("image", 25_000, ""),
    "fashion-mnist": ("image", 60_000, ""),
    "mnist": ("image", 60_000, ""),
    "newsgroups/newsgroups.csv": ("text", 4_791, "11 of 6000 items have no text"),
    "pneumonia": ("image", 4_708, ""),
    "subj/subj.csv": ("text", 8_000, ""),
    "tiny-imagenet": ("image", 16_000, ""),
}
"""By path below PAUCA_DATA: kind, items of the training part, what has to be said."""


LARGE = ("cifar10", "fashion-mnist", "mnist")  # read by the catalogue's tests as well


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in LARGE else []) for n in EVERY]
)
def test_every_folder_is_read_by_its_path(name: str) -> None:
    """No catalogue helps here: what a stranger with the same files would get."""
    kind, n, said = EVERY[name]
    root = os.environ.get("PAUCA_DATA")
    if root is None or not (Path(root) / name).exists():
        pytest.skip(f"no {name} under PAUCA_DATA")
    labels: dict[str, dict[str, Any]] = {"cifar100": {"label": "fine_label"}}
    dataset = load_dataset(Path(root) / name, **labels.get(name, {}))
    check_dataset(dataset)
    assert (dataset.kind, len(dataset.train)) == (kind, n)
    assert dataset.test is not None
    assert any(said in note for note in dataset.notes)
