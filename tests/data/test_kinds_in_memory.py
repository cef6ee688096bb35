"""Data in memory: what people pass becomes items, or is refused with advice that works."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.utils import Bunch
from torch.utils.data import TensorDataset

from pauca.data import dataset_from
from pauca.data.sparse import SparseRows
from pauca.errors import DataError, InputError

N = 40
X = np.random.default_rng(0).normal(size=(N, 3))
Y = ["no", "yes"] * (N // 2)
TEXTS = [f"some words of text {i}" for i in range(N)]
GROUPS = [f"p{i // 4}" for i in range(N)]


@pytest.mark.parametrize("group", [GROUPS, np.array(GROUPS), pd.Series(GROUPS), np.arange(N) // 4])
def test_groups_beside_items_are_held_out_whole(group: Any) -> None:
    data = dataset_from(X, Y, group=group)
    assert data.test is not None
    assert data.train.groups is not None
    assert data.test.groups is not None
    assert not set(data.train.groups.tolist()) & set(data.test.groups.tolist())
    assert any("none cut" in note for note in data.notes)


def test_groups_of_a_column_are_named() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "patient": GROUPS, "label": Y})
    assert len(dataset_from(frame, group="patient").group_names) == N // 4


def test_groups_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        dataset_from(X, Y, group=GROUPS[1:])
    with pytest.raises(InputError, match="cut off"):
        dataset_from(X, Y, x_test=X, y_test=Y, group=GROUPS)


@pytest.mark.parametrize(
    "x",
    [
        [{"a": a, "label": y} for a, y in zip(X[:, 0], Y, strict=True)],
        {"a": X[:, 0], "label": Y},
        pd.DataFrame({"a": X[:, 0], "label": Y}).to_records(index=False),
    ],
)
def test_records_and_columns_are_a_table(x: Any) -> None:
    data = dataset_from(x)
    assert data.kind == "table"
    assert data.classes == ("no", "yes")


@pytest.mark.parametrize("kind", [object, str])
def test_arrays_of_texts_are_texts(kind: Any) -> None:
    data = dataset_from(np.array(TEXTS, dtype=kind), Y)
    assert data.kind == "text"
    assert data.train.sources is not None
    assert set(data.train.sources) < set(TEXTS)


def test_what_is_masked_is_missing() -> None:
    with pytest.raises(DataError, match="NaN"):
        dataset_from(np.ma.masked_greater(X, 1), Y)
    assert len(dataset_from(np.ma.masked_array(X), Y).train) == 32


@pytest.mark.parametrize("codes", [np.eye(2)[np.arange(N) % 2], torch.eye(2)[torch.arange(N) % 2]])
def test_one_hot_codes_are_refused_and_the_advice_works(codes: Any) -> None:
    with pytest.raises(InputError, match=r"y\.argmax\(1\)"):
        dataset_from(X, codes)
    assert dataset_from(X, codes.argmax(1)).classes == ("0", "1")


def test_labels_that_are_tensors_are_numbers() -> None:
    assert dataset_from(X, list(torch.arange(N) % 2)).classes == ("0", "1")


@pytest.mark.parametrize(
    ("x", "advice"),
    [
        ((X, Y), "dataset_from(*pair)"),
        (X[:, 0], "x[:, None]"),
        (torch.from_numpy(X[:, 0]), "x[:, None]"),
        (TensorDataset(torch.from_numpy(X), torch.arange(N) % 2), "torch.stack"),
        ([X[:1], X[:2]], "all of one size"),
    ],
)
def test_refusals_say_what_to_do(x: Any, advice: str) -> None:
    with pytest.raises(InputError) as caught:
        dataset_from(x, Y)
    assert advice in str(caught.value)


def test_names_of_a_bunch_count_only_where_they_are_classes() -> None:
    target = np.arange(N) % 3
    bunch = Bunch(data=X, target=target, target_names=["a", "b", "c"])
    assert dataset_from(bunch).classes == ("a", "b", "c")
    bunch = Bunch(data=X, target=target, target_names=["class"])
    assert dataset_from(bunch).classes == ("0", "1", "2")


def test_splits_that_are_not_used_are_said() -> None:
    hub = pytest.importorskip("datasets", reason="an optional package")
    part = hub.Dataset.from_dict({"text": TEXTS, "label": Y})
    whole = hub.DatasetDict({"train": part, "validation": part, "test": part})
    assert "splits that are left out: validation" in dataset_from(whole).notes


def test_sparse_rows_are_kept_as_they_are() -> None:
    x = np.where(X > 0.5, X, 0).astype(np.float32)
    data = dataset_from(csr_array(x), Y, test_fraction=0)
    assert torch.equal(data.task.evaluate(data.train.x, None), torch.from_numpy(x))
    assert any("not standardised" in note for note in data.notes)
    wide = csr_array((np.ones(N), (np.arange(N), np.arange(N))), shape=(N, 2**22))
    assert isinstance(dataset_from(wide, Y).train.x, SparseRows)  # 670 MB of zeros otherwise


def test_labels_beside_a_bunch_are_not_passed_over() -> None:
    bunch = Bunch(data=X, target=np.arange(N) % 3, target_names=["a", "b", "c"])
    assert dataset_from(bunch, Y).classes == ("no", "yes")


@pytest.mark.parametrize("given", [{"x_test": X}, {"y_test": Y}, {"x_test": X, "y_test": Y[1:]}])
def test_a_test_part_has_labels_as_training_has(given: Any) -> None:
    with pytest.raises(InputError) as caught:
        dataset_from(X, Y, **given)
    assert caught.value.todo


@pytest.mark.parametrize("x", [X[:, :2], pd.DataFrame(X), TEXTS, csr_array(X), X[:, None, None]])
def test_parts_of_two_kinds_are_refused(x: Any) -> None:
    with pytest.raises(DataError, match="of another kind"):
        dataset_from(X, Y, x_test=x, y_test=Y)
