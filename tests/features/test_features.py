import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pauca.data.dataset import Dataset, Split
from pauca.errors import DataError, InputError, UnknownNameError, UsageError
from pauca.features import Extracted, extractors, featured, resolve_features
from pauca.features.base import AbstractExtractor
from pauca.testing import check_dataset
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset

_IMAGES, _TABLE = tiny_image_dataset(30), tiny_table_dataset(30)


def test_extractors_say_what_they_are() -> None:
    assert {"net", "pca", "transformers"} <= set(extractors.names())
    for name in extractors.names():
        found: Any = extractors.get(name)
        assert found.name == name
        assert found.summary
        assert found.reference


def test_every_default_is_written_down() -> None:
    whole = {"name": "pca", "dimensions": 64, "scale": "common"}
    assert resolve_features("pca") == whole
    assert resolve_features({"name": "pca"}) == whole
    assert resolve_features(whole) == whole
    assert resolve_features({"scale": "none", "name": "pca"})["scale"] == "none"
    for choice in ("pca", {"name": "net", "path": "a"}, {"name": "transformers", "path": "a"}):
        found = json.loads(json.dumps(resolve_features(choice)))
        assert resolve_features(found) == found


def test_a_relative_path_starts_at_the_folder(tmp_path: Path) -> None:
    choice = {"name": "net", "path": "weights.pt"}
    assert resolve_features(choice)["path"] == "weights.pt"
    found = resolve_features(choice, folder=tmp_path)
    assert found["path"] == str((tmp_path / "weights.pt").resolve())
    assert resolve_features(found, folder=Path("elsewhere")) == found


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        ("pcs", "did you mean 'pca'"),
        ({"name": "pca", "dimension": 3}, "did you mean 'dimensions'"),
        ({"name": "pca", "dimensions": 0}, "dimensions"),
        ({"name": "pca", "dimensions": "8"}, "dimensions"),
        ({"name": "pca", "scale": "robust"}, "scale"),
        ({"name": "net"}, "missing.*path"),
        ({"dimensions": 3}, "not named"),
        ({"name": 3}, "not named"),
        (3, "not named"),
        ("", "unknown features"),
    ],
)
def test_choices_that_cannot_be(choice: Any, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        resolve_features(choice)
    with pytest.raises(UsageError, match=word):
        featured(_IMAGES, choice)


@pytest.mark.parametrize("data", [_IMAGES, _TABLE], ids=["images", "table"])
def test_all_but_the_items_stays(data: Dataset) -> None:
    named = replace(data.train, sources=tuple(f"item {i}" for i in range(30)))
    data = replace(data, train=named, notes=("first",))
    found = featured(data, {"name": "pca", "dimensions": 3})
    check_dataset(found)
    assert found.kind == "embedding"
    assert found.task.shape == (3,)
    assert found.train.x.shape == (30, 3)
    assert found.train.x.dtype == torch.float32
    assert (found.name, found.classes) == (data.name, data.classes)
    assert (found.licence, found.source) == (data.licence, data.source)
    assert found.group_names == data.group_names
    assert found.train.y is data.train.y
    assert found.train.groups is data.train.groups
    assert found.train.sources == named.sources
    assert found.test is not None
    assert data.test is not None
    assert found.test.y is data.test.y
    assert found.notes[0] == "first"
    assert any("3 principal components" in note for note in found.notes)


def test_labels_and_test_items_have_no_say() -> None:
    hidden = replace(_IMAGES, train=replace(_IMAGES.train, y=None), test=None)
    with_labels = featured(_IMAGES, "pca")
    assert torch.equal(featured(hidden, "pca").train.x, with_labels.train.x)
    assert featured(hidden, "pca").test is None


def test_computed_once_for_each_choice() -> None:
    data = tiny_image_dataset(20)
    one = featured(data, "pca")
    assert featured(data, {"name": "pca", "dimensions": 64}) is one
    assert featured(data, {"name": "pca", "dimensions": 2}) is not one
    assert featured(tiny_image_dataset(20), "pca") is not one


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown device"):
        featured(_IMAGES, "pca", device="gpu")


class _Odd(AbstractExtractor):
    name = summary = reference = "odd"

    def __init__(self, found: Extracted) -> None:
        self.found = found

    def extract(self, dataset: Dataset, device: torch.device) -> Extracted:
        return self.found


@pytest.mark.parametrize(
    ("train", "test", "word"),
    [
        (torch.ones(29, 2), torch.ones(15, 2), "size"),
        (torch.full((30, 2), torch.nan), torch.ones(15, 2), "NaN"),
        (torch.ones(30, 2), None, "parts"),
    ],
)
def test_an_extractor_that_goes_wrong_is_told(
    train: torch.Tensor,
    test: torch.Tensor | None,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = _Odd(Extracted(train, test, _IMAGES.task.evaluate))
    monkeypatch.setattr(extractors, "make", lambda name, settings: made)
    with pytest.raises(InputError, match=word):
        featured(tiny_image_dataset(30), "pca")


def test_items_all_alike_are_refused() -> None:
    same = Split(torch.full((5, 1, 8, 8), 7, dtype=torch.uint8), None)
    with pytest.raises(DataError, match="all alike"):
        featured(replace(_IMAGES, train=same, test=None), "pca")
    with pytest.raises(DataError, match="empty"):
        featured(replace(_IMAGES, train=_IMAGES.train.take(torch.arange(0))), "pca")
    with pytest.raises(UnknownNameError):
        featured(_IMAGES, "nosuch")
