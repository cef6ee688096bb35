import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.data.labels import (
    check_classes,
    class_names,
    encode_labels,
    places_of,
    stratified_split,
)
from pauca.errors import DataError


def test_names_are_in_the_order_of_numbers_or_letters() -> None:
    assert class_names([10, 9, 2, 9.0], "y") == ("2", "9", "10")
    assert class_names(["b", "a", "b"], "y") == ("a", "b")


@pytest.mark.parametrize("bad", [None, float("nan"), "", "  "])
def test_a_missing_label_is_refused_with_its_row(bad: object) -> None:
    with pytest.raises(DataError, match=r"a label is missing.*row 2"):
        class_names(["a", "b", bad], "y")
    with pytest.raises(DataError, match=r"a label is missing.*row 1"):
        encode_labels(["a", bad], ["a", "b"], "y")


@pytest.mark.parametrize("values", [["a", "a"], []])
def test_one_class_is_refused(values: list[object]) -> None:
    with pytest.raises(DataError, match=r"only one class|no class"):
        class_names(values, "y")


def test_a_class_listed_twice_is_refused() -> None:
    with pytest.raises(DataError, match="listed twice"):
        check_classes(["a", "b", "a"], "classes")


def test_labels_by_name_and_by_number() -> None:
    assert encode_labels(["cat", "dog", "cat"], ["dog", "cat"], "y").tolist() == [1, 0, 1]
    assert encode_labels([1, 0], ["dog", "cat"], "y").tolist() == [1, 0]
    # names that are numbers are names
    assert encode_labels([7, 5], ["5", "7"], "y").tolist() == [1, 0]
    with pytest.raises(DataError, match="not in the class list"):
        encode_labels([0], ["5", "7"], "y")


def test_an_unknown_label_is_named_with_its_row_and_the_nearest() -> None:
    with pytest.raises(DataError, match=r"'dgo'.*row 1.*did you mean 'dog'"):
        encode_labels(["cat", "dgo"], ["dog", "cat"], "y")


@settings(max_examples=60, deadline=None)
@given(
    y=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    share=st.floats(0, 0.9),
    seed=st.integers(0, 9),
)
def test_split_is_a_partition_with_even_shares(y: list[int], share: float, seed: int) -> None:
    labels = torch.tensor(y)
    counts = np.bincount(y)
    wanted = round(share * len(y))
    if wanted > (np.maximum(counts, 1) - 1).sum():
        with pytest.raises(DataError, match="without training items"):
            stratified_split(labels, share, seed)
        return
    train, test = stratified_split(labels, share, seed)
    assert len(test) == wanted
    assert sorted(train.tolist() + test.tolist()) == list(range(len(y)))
    assert train.tolist() == sorted(train.tolist())
    assert set(labels[train].tolist()) == set(y)
    again = stratified_split(labels, share, seed)
    assert torch.equal(again[1], test)
    room = counts.min(initial=99, where=counts > 0) > 1 / (1 - share)
    if room:
        taken = np.bincount(labels[test].numpy(), minlength=len(counts))
        assert np.abs(taken - counts * wanted / len(y)).max() < 1 + 1e-9


def test_split_depends_on_the_seed() -> None:
    y = torch.arange(40) % 4
    assert not torch.equal(stratified_split(y, 8, 0)[1], stratified_split(y, 8, 1)[1])


def test_places_put_the_kept_first() -> None:
    kept, held = torch.tensor([0, 2, 3]), torch.tensor([1, 4])
    places = places_of(kept, held)
    out = [-1] * 5
    for item, place in enumerate(places):
        out[place] = item
    assert out == [0, 2, 3, 1, 4]
