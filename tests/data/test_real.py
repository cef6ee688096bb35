"""The real files, where PAUCA_DATA has them; each is read once."""

from collections.abc import Callable
from functools import cache

import pytest
import torch

from pauca.data import Dataset, load_dataset
from pauca.data.catalog import entry
from pauca.testing.datasets import check_dataset


@pytest.fixture(scope="module")
def read() -> Callable[[str], Dataset]:
    return cache(load_dataset)


IMAGES = [
    pytest.param("mnist", 60_000, marks=pytest.mark.data("mnist")),
    pytest.param("fashion-mnist", 60_000, marks=pytest.mark.data("fashion-mnist")),
    pytest.param("cifar10", 50_000, marks=pytest.mark.data("cifar10")),
]


@pytest.mark.parametrize(("name", "n"), IMAGES)
def test_images(name: str, n: int, read: Callable[[str], Dataset]) -> None:
    dataset = read(name)
    check_dataset(dataset)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (n, 10_000)
    assert dataset.train.y is not None
    assert dataset.train.y.bincount(minlength=10).min() > 5_000 - 1 if name != "mnist" else True
    # every tenth image is enough for the constants
    x = dataset.train.x[::10].double() / 255
    known = entry(name).normalisation
    assert known is not None
    torch.testing.assert_close(x.mean((0, 2, 3)).tolist(), list(known.mean), atol=5e-3, rtol=0)
    torch.testing.assert_close(x.std((0, 2, 3)).tolist(), list(known.std), atol=5e-3, rtol=0)


@pytest.mark.data("banking77")
def test_banking77(read: Callable[[str], Dataset]) -> None:
    dataset = read("banking77")
    check_dataset(dataset)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (10_003, 3_080)
    assert dataset.task.c == 77
    assert dataset.train.sources is not None
    assert dataset.train.sources[0] == "I am still waiting on my card?"
    assert dataset.train.y is not None
    assert dataset.classes[int(dataset.train.y[0])] == "card_arrival"


TEXTS = [
    pytest.param("agnews", 8_000, 7_600, "8,000 of 120,000", marks=pytest.mark.data("agnews")),
    pytest.param("newsgroups", 4_791, 1_198, "11 of 6,000", marks=pytest.mark.data("newsgroups")),
    pytest.param("subj", 8_000, 2_000, "no test part", marks=pytest.mark.data("subj")),
]


@pytest.mark.parametrize(("name", "n", "t", "said"), TEXTS)
def test_texts(name: str, n: int, t: int, said: str, read: Callable[[str], Dataset]) -> None:
    dataset = read(name)
    check_dataset(dataset)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (n, t)
    assert any(said in note for note in dataset.notes)
