import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.outputs import Outputs
from pauca.testing.fakes import fake_outputs

NAN = float("nan")


def full(n: int = 9, seed: int = 0) -> Outputs:
    return fake_outputs(n, 3, 4, 2, 2, seed, labelled=True, extras=("critic",))


def columns(outputs: Outputs) -> dict[str, Any]:
    named = {f.name: getattr(outputs, f.name) for f in dataclasses.fields(outputs)}
    return {**named.pop("extras"), **named}


def assert_same(one: Outputs, other: Outputs) -> None:
    a, b = columns(one), columns(other)
    assert set(a) == set(b)
    for name, column in a.items():
        assert column is b[name] is None or torch.equal(column, b[name]), name


def test_sizes_and_what_is_there() -> None:
    outputs = full()
    assert (outputs.n, outputs.s, outputs.c) == (9, 2, 3)
    assert outputs.has == {"probs", "members", "features", "goodness", "layers", "critic"}
    assert Outputs(ids=torch.arange(2), probs=torch.full((1, 2, 2), 0.5)).has == {"probs"}
    assert torch.allclose(outputs.mean_probs, (outputs.probs[0] + outputs.probs[1]) / 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": torch.arange(8)}, "Outputs.probs has the wrong size"),
        ({"ids": torch.zeros(9, dtype=torch.int64)}, "twice"),
        ({"ids": torch.arange(9.0)}, "Outputs.ids"),
        ({"probs": torch.full((9, 3), 1 / 3)}, "number of axes"),
        ({"probs": torch.zeros(0, 9, 3)}, "empty axis"),
        ({"probs": torch.zeros(1, 9, 0)}, "empty axis"),
        ({"probs": torch.zeros(1, 9, 3)}, "sum to 1"),
        ({"probs": torch.full((1, 9, 3), NAN)}, "NaN"),
        ({"features": torch.zeros(9)}, "number of axes"),
        ({"features": torch.zeros(8, 4)}, "Outputs.features has the wrong size"),
        ({"features": torch.full((9, 4), NAN)}, "NaN"),
        ({"features": torch.zeros(9, 4, dtype=torch.int64)}, "wrong type"),
        ({"goodness": torch.zeros(9, 2, 2)}, "Outputs.goodness has the wrong size"),
        ({"goodness": torch.full((9, 3, 2), float("inf"))}, "infinite"),
        ({"labels": torch.full((9,), 3)}, "class that the task does not have"),
        ({"labels": torch.zeros(8, dtype=torch.int64)}, "Outputs.labels has the wrong size"),
        ({"extras": {"critic": torch.zeros(8)}}, r"extras\['critic'\] has the wrong size"),
        ({"extras": {"critic": torch.full((9,), NAN)}}, "holds NaN"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(full(), **change)


def test_an_extra_column_may_be_infinite_and_have_more_axes() -> None:
    extras = {"a": torch.full((9,), float("inf")), "b": torch.zeros(9, 2, 2)}
    assert dataclasses.replace(full(), extras=extras).has >= {"a", "b"}


def test_outputs_are_frozen() -> None:
    outputs = full()
    with pytest.raises(dataclasses.FrozenInstanceError):
        outputs.ids = torch.arange(9)  # type: ignore[misc]
    with pytest.raises(TypeError):
        outputs.extras["critic"] = torch.zeros(9)  # type: ignore[index]


@given(st.integers(0, 12), st.integers(0, 100))
def test_taking_all_in_another_order_and_by_id_comes_back(n: int, seed: int) -> None:
    outputs = full(n, seed)
    ordered = outputs.by_id()
    assert ordered.ids.tolist() == sorted(outputs.ids.tolist())
    mixed = outputs.take(torch.randperm(n, generator=torch.Generator().manual_seed(seed)))
    assert_same(mixed.by_id(), ordered)
    assert ordered.by_id() is ordered


def test_a_mask_takes_as_positions_do() -> None:
    outputs = full()
    mask = torch.arange(9) % 2 == 0
    assert_same(outputs.take(mask), outputs.take(mask.nonzero()[:, 0]))


@given(st.integers(1, 12), st.integers(1, 12))
def test_blocks_join_to_the_whole(n: int, size: int) -> None:
    outputs = full(n)
    blocks = [outputs.take(part) for part in torch.split(torch.arange(n), size)]
    assert_same(Outputs.concat(iter(blocks)), outputs)


def test_no_blocks_are_refused() -> None:
    with pytest.raises(InputError, match="no blocks"):
        Outputs.concat([])


def test_blocks_of_other_items_are_refused_when_they_overlap() -> None:
    outputs = full()
    with pytest.raises(InputError, match="twice"):
        Outputs.concat([outputs, outputs])


def test_outputs_survive_pickling_and_moving() -> None:
    outputs = full()
    assert_same(pickle.loads(pickle.dumps(outputs)), outputs)
    assert_same(outputs.to("cpu"), outputs)


def test_arrays_of_any_origin_make_outputs() -> None:
    probs = np.array([[0.5, 0.5], [0.2, 0.8]])
    probs.flags.writeable = False
    outputs = Outputs.from_arrays(
        probs,
        features=[[1.0], [2.0]],
        labels=np.array([0, 1], dtype=np.int8),
        extras={"critic": [0.5, 1.5]},
    )
    assert outputs.ids.tolist() == [0, 1]
    assert list(outputs.probs.shape) == [1, 2, 2]
    assert outputs.labels is not None
    assert outputs.labels.dtype == torch.int64
    assert outputs.has == {"probs", "features", "critic"}
    members = Outputs.from_arrays(np.full((3, 2, 4), 0.25), ids=[7, 5])
    assert (members.s, members.n, members.c) == (3, 2, 4)
    assert members.ids.tolist() == [7, 5]


@pytest.mark.parametrize("probs", [[0.5, 0.5], [[1, 0]], [[[[0.5, 0.5]]]], [[2.0, 3.0]]])
def test_arrays_that_are_no_probabilities_are_refused(probs: Any) -> None:
    with pytest.raises(InputError):
        Outputs.from_arrays(probs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"probs": [[0.5, 0.5], [1.0]]}, "probs is no array"),
        ({"probs": [["a", "b"]]}, "probs has the wrong type"),
        ({"probs": None}, "probs has the wrong type"),
        ({"probs": np.full((2, 2), 0.5, dtype=object)}, "probs has the wrong type"),
        ({"probs": np.full((2, 2), 0.5 + 0j)}, "probs has the wrong type"),
        ({"probs": [0.5, 0.5]}, r"\[n, c\] or \[s, n, c\]"),
        ({"ids": [0.5, 1.5]}, "ids are not whole"),
        ({"ids": [np.nan, 1.0]}, "ids are not whole"),
        ({"ids": [np.inf, 1.0]}, "ids are not whole"),
        ({"ids": ["a", "b"]}, "ids has the wrong type"),
        ({"ids": [True, False]}, "ids has the wrong type"),
        ({"ids": [3, 3]}, "an id twice"),
        ({"ids": [-1, 3]}, "negative id"),
        ({"ids": [1]}, "wrong size"),
        ({"labels": [0.7, 1.0]}, "labels are not whole"),
        ({"labels": ["cat", "dog"]}, "labels has the wrong type"),
        ({"features": [[1.0], [2.0, 3.0]]}, "features is no array"),
        ({"features": [[1], [2]]}, "wrong type"),
        ({"features": [1.0, 2.0]}, "number of axes"),
        ({"features": [[1.0], [np.inf]]}, "NaN or infinite"),
        ({"extras": {"critic": None}}, "extras.*critic.*wrong type"),
        ({"extras": {"critic": [1.0]}}, "wrong size"),
        ({"extras": {"members": [1.0, 2.0]}}, "cannot be called 'members'"),
    ],
)
def test_arrays_that_cannot_be_outputs_are_refused_in_words(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Outputs.from_arrays(**{"probs": [[0.5, 0.5], [0.1, 0.9]], **given})


def test_whole_numbers_that_came_as_floats_are_ids_and_labels() -> None:
    made = Outputs.from_arrays([[0.5, 0.5], [0.1, 0.9]], ids=[4.0, 2.0], labels=[1.0, 0.0])
    assert made.ids.tolist() == [4, 2]
    assert made.labels is not None
    assert made.labels.tolist() == [1, 0]


@pytest.mark.parametrize("name", ["ids", "probs", "features", "labels"])
def test_arrays_passed_as_they_are_are_told_the_way_in(name: str) -> None:
    columns: dict[str, Any] = {"ids": torch.arange(2), "probs": torch.full((1, 2, 2), 0.5)}
    with pytest.raises(InputError, match=f"Outputs.{name} is no tensor.*from_arrays"):
        Outputs(**{**columns, name: np.zeros((2, 2))})


def test_outputs_carry_no_gradient_and_copy_nothing() -> None:
    probs = torch.full((1, 2, 2), 0.5, requires_grad=True)
    features = torch.ones(2, 3, requires_grad=True)
    extras = {"critic": torch.ones(2, requires_grad=True)}
    made = Outputs(ids=torch.arange(2), probs=probs, features=features, extras=extras)
    assert made.features is not None
    assert not any(x.requires_grad for x in (made.probs, made.features, made.extras["critic"]))
    assert made.features.data_ptr() == features.data_ptr()
    assert probs.requires_grad
    assert features.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_means_of_short_floats_are_taken_in_float32(dtype: torch.dtype) -> None:
    probs = torch.tensor([0.25, 0.75]).repeat(7, 3, 1)
    probs[0] = torch.tensor([0.5, 0.5])
    made = Outputs(ids=torch.arange(3), probs=probs.to(dtype))
    assert torch.equal(made.mean_probs, probs.mean(0))
