"""Groups of near-duplicates against all pairs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.label.duplicates import find_groups, members_of, read_groups, write_groups


def planted(seed: int, n: int = 60, d: int = 16) -> NDArray[np.float32]:
    """Random rows, some of them copies of others with a little noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    for copy, of in zip(range(40, n), rng.integers(0, 25, n - 40), strict=True):
        x[copy] = x[of] * rng.uniform(0.5, 2) + 0.05 * rng.normal(size=d)
    return x.astype(np.float32)


def by_hand(x: NDArray[np.float32], threshold: float) -> list[set[int]]:
    """The rule as it is stated, with all pairs."""
    unit = x.astype(float) / np.linalg.norm(x.astype(float), axis=1, keepdims=True)
    alike, free, groups = unit @ unit.T >= threshold, set(range(len(x))), []
    for i in range(len(x)):
        if i in free:
            group = {j for j in free if alike[i, j]}
            if len(group) > 1:
                free -= group
                groups.append(group)
    return groups


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.8, 0.95]))
def test_as_all_pairs_say(seed: int, threshold: float) -> None:
    x = planted(seed)
    found = find_groups(torch.from_numpy(x), threshold)
    groups = [set(np.flatnonzero(found == g).tolist()) for g in range(found.max() + 1)]
    assert groups == by_hand(x, threshold)


def test_cells_find_the_same_here() -> None:
    x = np.concatenate([planted(seed) for seed in range(8)])
    exact = find_groups(torch.from_numpy(x), 0.95, exact=True)
    cells = find_groups(torch.from_numpy(x), 0.95, exact=False)
    assert np.mean((exact >= 0) == (cells >= 0)) > 0.95
    assert set(np.flatnonzero(cells >= 0)) <= set(np.flatnonzero(exact >= 0))


def test_many_equal_items_are_one_group() -> None:
    x = torch.ones(500, 16)
    x[::2] = torch.randn(250, 16, generator=torch.Generator().manual_seed(0))
    found = find_groups(x, 0.99)
    assert (found[1::2] == found[1]).all()
    assert (found[::2] < 0).all()


def test_members_and_file(tmp_path: Path) -> None:
    groups = np.array([-1, 0, 1, 0, 0], dtype=np.int32)
    assert (members_of(groups, 3), members_of(groups, 0)) == ((1, 4), ())
    write_groups(tmp_path, 0.9, groups)
    found = read_groups(tmp_path, 0.9, 5)
    assert found is not None
    assert (found == groups).all()
    assert read_groups(tmp_path, 0.8, 5) is None
    assert read_groups(tmp_path, 0.9, 6) is None


def test_rows_of_zeros_and_few_features() -> None:
    assert (find_groups(torch.zeros(9, 20), 0.5) == -1).all()
    assert (find_groups(torch.ones(9, 3), 0.5) == -1).all()
    with pytest.raises(InputError):
        find_groups(torch.ones(9, 20), 1.5)


def test_a_search_tells_how_far_it_is_and_can_be_ended() -> None:
    class Ended(Exception):
        pass

    x = torch.randn(9000, 8, generator=torch.Generator().manual_seed(0))
    told: list[float] = []
    find_groups(x, 0.99, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 1

    def end(fraction: float) -> None:
        raise Ended

    with pytest.raises(Ended):
        find_groups(x, 0.99, progress=end)
