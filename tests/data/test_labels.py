import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.data.labels import (
    check_classes,
    check_several,
    encode_labels,
    group_split,
    held_out,
    in_order,
    numbered_groups,
    places_of,
    stratified_split,
)
from pauca.errors import DataError


def test_names_are_in_the_order_of_numbers_or_letters() -> None:
    assert in_order(["10", "9", "2", "9"]) == ("2", "9", "10")
    assert in_order(["b", "a", "b"]) == ("a", "b")


@pytest.mark.parametrize("bad", [None, float("nan"), "", "  "])
def test_a_missing_label_is_refused_with_its_row(bad: object) -> None:
    with pytest.raises(DataError, match=r"a label is missing.*row 1"):
        encode_labels(["a", bad], ["a", "b"], "y")


@pytest.mark.parametrize("names", [["a"], []])
def test_one_class_is_refused(names: list[str]) -> None:
    with pytest.raises(DataError, match=r"only one class|no class"):
        check_several(names, "y")


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


def reference_split(patients: list[str], y: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """Whole groups of one class each, as BreakHis was always split."""
    order = sorted(set(patients))
    shuffle = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed)).tolist()
    held = torch.zeros(len(y), dtype=torch.bool)
    rows = {name: torch.tensor([p == name for p in patients]) for name in order}
    for label in sorted(set(y.tolist())):
        mine = [order[i] for i in shuffle if int(y[rows[order[i]]][0]) == label]
        for name in mine[:-1]:
            inside = int((held & (y == label)).sum()) + int(rows[name].sum())
            if inside <= share * int((y == label).sum()):
                held |= rows[name]
        if share > 0 and len(mine) > 1 and not bool((held & (y == label)).any()):
            held |= min((rows[p] for p in mine), key=lambda mask: int(mask.sum()))
    return held


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=4, max_size=14),
    share=st.floats(0, 0.6),
    seed=st.integers(0, 9),
)
def test_groups_of_one_class_are_split_as_ever(sizes: list[int], share: float, seed: int) -> None:
    patients = [f"p{i:02}" for i, size in enumerate(sizes) for _ in range(size)]
    y = torch.tensor([i % 2 for i, size in enumerate(sizes) for _ in range(size)])
    (groups,), names = numbered_groups([patients], "t")
    assert names == tuple(sorted(set(patients)))
    assert torch.equal(
        group_split(groups, y, share, seed), reference_split(patients, y, share, seed)
    )


@settings(max_examples=80, deadline=None)
@given(
    groups=st.lists(st.integers(0, 9), min_size=4, max_size=80),
    seed=st.integers(0, 9),
    share=st.floats(0.1, 0.5),
    data=st.data(),
)
def test_groups_are_never_cut(
    groups: list[int], seed: int, share: float, data: st.DataObject
) -> None:
    y = torch.tensor(
        data.draw(st.lists(st.integers(0, 2), min_size=len(groups), max_size=len(groups)))
    )
    (coded,), _ = numbered_groups([groups], "t")
    if not bool(group_split(coded, y, share, seed).any()):
        with pytest.raises(DataError, match="no group can be held out"):
            held_out(y, coded, None, share, seed)
        return
    kept, held, notes = held_out(y, coded, None, share, seed)
    assert sorted(kept.tolist() + held.tolist()) == list(range(len(groups)))
    assert not set(coded[kept].tolist()) & set(coded[held].tolist())
    assert set(y[kept].tolist()) == set(y.tolist())
    assert "none cut" in notes[0]
    assert torch.equal(held_out(y, coded, None, share, seed)[1], held)


def test_groups_of_several_classes_keep_the_shares() -> None:
    rng = np.random.default_rng(0)
    groups = torch.from_numpy(rng.integers(0, 60, 1200))
    y = torch.from_numpy((rng.random(1200) < 0.2).astype(np.int64))
    (coded,), _ = numbered_groups([groups.tolist()], "t")
    for seed in range(5):
        _, held, _ = held_out(y, coded, None, 0.25, seed)
        assert 0.2 < len(held) / 1200 < 0.3
        assert abs(float(y[held].double().mean()) - float(y.double().mean())) < 0.05
    assert not torch.equal(
        held_out(y, coded, None, 0.25, 0)[1], held_out(y, coded, None, 0.25, 1)[1]
    )


def test_without_groups_it_is_the_stratified_split() -> None:
    y = torch.arange(90) % 3
    kept, held, notes = held_out(y, None, range(90), 0.2, 4)
    assert torch.equal(held, stratified_split(y, 0.2, 4)[1])
    assert torch.equal(kept, stratified_split(y, 0.2, 4)[0])
    assert len(notes) == 1


def test_copies_on_both_sides_are_said_or_kept_together() -> None:
    y = torch.arange(80) // 4 % 2
    exact, near = [f"item {i // 2}" for i in range(80)], [i // 4 for i in range(80)]
    kept, held, notes = held_out(y, None, exact, 0.2, 0, near_keys=near)
    both = sum(exact[i] in {exact[j] for j in kept.tolist()} for i in held.tolist())
    more = sum(near[i] in {near[j] for j in kept.tolist()} for i in held.tolist()) - both
    assert f"{both} of 16 items of the test part stand in training too, {more} more" in notes[-1]
    kept, held, notes = held_out(y, None, exact, 0.2, 0, near_keys=near, copies="together")
    assert len(held) == 16
    assert not {near[i] for i in kept.tolist()} & {near[i] for i in held.tolist()}
    assert "copies on one side" in notes[0]
    assert len(notes) == 1


def test_copies_and_groups_are_kept_together_at_once() -> None:
    y = torch.zeros(40, dtype=torch.int64)
    groups = torch.arange(40) // 4
    keys = [i // 2 if i < 38 else 0 for i in range(40)]  # the last group holds a copy of the first
    for seed in range(5):
        kept, held, _ = held_out(y, groups, keys, 0.3, seed, copies="together")
        assert not set(groups[kept].tolist()) & set(groups[held].tolist())
        assert len({0, 9} & set(groups[held].tolist())) != 1


def test_a_class_that_has_too_few_items_is_said() -> None:
    y = torch.tensor([0] * 20 + [1] * 20 + [2])
    _, _, notes = held_out(y, None, None, 0.2, 0, classes=("a", "b", "rare"))
    assert notes[-1] == "classes with too few items to stand in the test part: rare"


def test_one_group_cannot_be_held_out() -> None:
    y = torch.arange(10) % 2
    with pytest.raises(DataError, match=r"no group can be held out.*test_fraction = 0"):
        held_out(y, torch.zeros(10, dtype=torch.int64), None, 0.2, 0)
    with pytest.raises(DataError, match=r"every item has a class of its own.*label"):
        held_out(torch.arange(9), None, None, 0.2, 0)
    with pytest.raises(DataError, match=r"a group is missing.*row 1"):
        numbered_groups([["a", None]], "t")
