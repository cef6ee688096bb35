import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from pauca.analysis import dendrogram, jaccard_distances
from pauca.errors import InputError
from tests.analysis.sets import as_rows, some_sets


def test_the_nearest_are_joined_first_and_means_of_pairs_after_that() -> None:
    d = torch.tensor(
        [[0.0, 0.9, 0.2, 0.8], [0.9, 0.0, 0.7, 0.3], [0.2, 0.7, 0.0, 1.0], [0.8, 0.3, 1.0, 0.0]]
    )
    found = dendrogram(d)
    linkage = found.linkage.tolist()
    assert sorted(linkage[0][:2]) == [0, 2]
    assert sorted(linkage[1][:2]) == [1, 3]
    assert sorted(linkage[2][:2]) == [4, 5]
    heights = [row[2] for row in linkage]
    assert heights == pytest.approx([0.2, 0.3, (0.9 + 0.8 + 0.7 + 1.0) / 4])
    assert [row[3] for row in linkage] == [2, 2, 4]
    leaves = found.leaves.tolist()
    assert {frozenset(leaves[:2]), frozenset(leaves[2:])} == {frozenset({0, 2}), frozenset({1, 3})}
    tree = [0.85, 0.2, 0.85, 0.85, 0.3, 0.85]
    given_ = [0.9, 0.2, 0.8, 0.7, 0.3, 1.0]
    assert found.faithful == pytest.approx(float(np.corrcoef(given_, tree)[0, 1]))
    assert found.classes.tolist() == [0, 1, 2, 3]
    assert found.left_out.tolist() == []


def test_empty_ensembles_have_no_place_in_the_tree() -> None:
    sets = some_sets(6, 40, 0)
    sets[[1, 4]] = False
    found = dendrogram(jaccard_distances(sets))
    assert found.left_out.tolist() == [1, 4]
    assert found.classes.tolist() == [0, 2, 3, 5]
    assert sorted(found.leaves.tolist()) == [0, 2, 3, 5]
    rest = dendrogram(jaccard_distances(sets[[0, 2, 3, 5]]))
    assert torch.equal(found.linkage, rest.linkage)
    assert torch.equal(found.leaves, found.classes[rest.leaves])


@pytest.mark.parametrize("full", [0, 1])
def test_too_few_classes_make_no_tree(full: int) -> None:
    sets = torch.zeros(3, 5, dtype=torch.bool)
    sets[:full, 0] = True
    found = dendrogram(jaccard_distances(sets))
    assert found.linkage.shape == (0, 4)
    assert found.leaves.tolist() == []
    assert found.left_out.tolist() == [0, 1, 2]
    assert math.isnan(found.faithful)


def test_sets_without_a_common_unit_have_a_tree_that_says_nothing() -> None:
    found = dendrogram(jaccard_distances(as_rows([[0, 1], [2], [3, 4], [5]], 6)))
    assert found.linkage[:, 2].tolist() == [1, 1, 1]
    assert math.isnan(found.faithful)


@given(st.integers(0, 60), st.permutations(range(5)))
@settings(max_examples=15, deadline=None)
def test_relabelled_classes_are_the_same_tree(seed: int, order: list[int]) -> None:
    # noise on the distances, since equal ones may be joined in any order
    d = jaccard_distances(some_sets(5, 30, seed, 0.5))
    noise = torch.arange(25.0).reshape(5, 5).square()
    d = d + 1e-4 * (noise + noise.T).double()
    d.fill_diagonal_(0)
    one, other = dendrogram(d), dendrogram(d[order][:, order])
    assert other.linkage[:, 2].tolist() == pytest.approx(one.linkage[:, 2].tolist())
    assert other.faithful == pytest.approx(one.faithful)


def test_arrays_give_arrays_that_scipy_draws() -> None:
    found = dendrogram(jaccard_distances(some_sets(5, 30, 0).numpy()))
    assert isinstance(found.linkage, np.ndarray)
    drawn = hierarchy.dendrogram(found.linkage, no_plot=True)
    assert drawn["leaves"] == found.leaves.tolist()


def test_what_are_no_distances_is_refused() -> None:
    d = jaccard_distances(some_sets(4, 30, 0))
    with pytest.raises(InputError, match="negative"):
        dendrogram(-d)
    with pytest.raises(InputError, match="not symmetric"):
        dendrogram(d + torch.arange(4))
    d[0, 1] = d[1, 0] = torch.nan
    with pytest.raises(InputError, match="leave one of the two"):
        dendrogram(d)
