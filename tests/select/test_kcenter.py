"""k-center: the paper's greedy choice, exactly, whatever the scale, ties and evaluation order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from pauca.errors import InputError
from pauca.select.kcenter import k_center
from pauca.select.work import Work
from tests.select import reference
from tests.select.data import integers, low_rank, mnist_pixels, normal
from tests.select.watch import largest_tensor

CASES: dict[str, Callable[[], Tensor]] = {
    "normal": lambda: normal(60, 5),
    "one feature": lambda: normal(40, 1),
    "integers": lambda: integers(50, 2, 4),
    "duplicates": lambda: normal(7, 4).repeat(6, 1),
    "all equal": lambda: torch.ones(20, 3),
    "all zero": lambda: torch.zeros(15, 3),
    "one-hot": lambda: torch.eye(12).repeat(2, 1),
    "far from 0": lambda: normal(50, 3) + 1000,
    "near duplicates": lambda: torch.cat([normal(20, 6), normal(20, 6) + 1e-6]),
    "outlier": lambda: torch.cat([normal(30, 4), torch.full((1, 4), 1e6)]),
}


def expected(x: Tensor, k: int, labelled: Tensor | None = None) -> list[int]:
    there = None if labelled is None else labelled.double().numpy()
    return reference.k_center(x.double().numpy(), k, there)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [1, 3, 1000])
@pytest.mark.parametrize("case", CASES)
def test_picks_what_the_paper_picks(case: str, width: int, dtype: torch.dtype) -> None:
    x = CASES[case]().to(dtype)
    k = min(len(x), 17)
    assert k_center(x, k, width=width).tolist() == expected(x, k)


@pytest.mark.parametrize("case", CASES)
def test_labelled_points_count_as_centres(case: str) -> None:
    x = CASES[case]()
    labelled = torch.cat([x[::5], normal(3, x.shape[1], seed=9)])
    k = min(len(x), 12)
    assert k_center(x, k, labelled, width=4).tolist() == expected(x, k, labelled)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_agrees_on_anything_small(data: st.DataObject) -> None:
    n, d = data.draw(st.integers(1, 14)), data.draw(st.integers(1, 4))
    values = st.integers(-3, 3) if data.draw(st.booleans()) else st.floats(-5, 5, width=32)
    rows = data.draw(st.lists(st.lists(values, min_size=d, max_size=d), min_size=n, max_size=n))
    x = torch.tensor(rows, dtype=torch.float64)
    m = data.draw(st.integers(0, 4))
    labelled = x[:m] if m else None
    width = data.draw(st.integers(1, n))
    assert k_center(x, n, labelled, width=width).tolist() == expected(x, n, labelled)


@pytest.mark.parametrize("scale", [1e-20, 1e-10, 1e10, 1e18])
def test_scale_changes_nothing(scale: float) -> None:
    x = normal(60, 4)
    scaled = (x.double() * scale).float()
    assert k_center(scaled, 20).tolist() == expected(scaled.double() / scale, 20)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scale_changes_nothing_in_float64(scale: float) -> None:
    x = normal(60, 4).double()
    assert k_center(x * scale, 20).tolist() == k_center(x, 20).tolist()


def test_near_duplicates_give_no_nan_and_come_last() -> None:
    x = normal(200, 512)
    twice = torch.cat([x, x])
    picks = k_center(twice, 400)
    assert sorted(picks.tolist()) == list(range(400))
    assert sorted(picks[:200].tolist()) == list(range(200))


def test_half_precision_is_read_as_float32() -> None:
    x = normal(80, 8).half()
    assert k_center(x, 20).tolist() == k_center(x.float(), 20).tolist()


def test_order_of_the_pool_changes_nothing_but_ties() -> None:
    x = normal(500, 16)
    order = torch.randperm(500, generator=Generator().manual_seed(4))
    assert order[k_center(x[order], 60)].tolist() == k_center(x, 60).tolist()


def test_memory_mapped_features(tmp_path: Path) -> None:
    x = normal(300, 12)
    np.save(tmp_path / "x.npy", x.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "x.npy", mmap_mode="r+"))
    assert k_center(mapped, 40, mapped[:10]).tolist() == k_center(x, 40, x[:10]).tolist()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_pools(n: int) -> None:
    x = normal(2, 3)[:n]
    assert k_center(x, n).tolist() == list(range(n)) or n == 2
    assert sorted(k_center(x, n).tolist()) == list(range(n))
    assert k_center(x, 0).tolist() == []


@pytest.mark.parametrize("width", [2, 64])
def test_many_labelled_points_are_met_in_blocks(width: int) -> None:
    x, labelled = normal(40, 3), normal(1200, 3, seed=1)
    assert k_center(x, 10, labelled, width=width).tolist() == expected(x, 10, labelled)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("row", [0, 1999])
def test_values_that_are_no_numbers_are_refused(bad: float, row: int) -> None:
    x = normal(2000, 3)
    x[row, 1] = bad
    with pytest.raises(InputError, match="NaN or infinite"):
        k_center(x, 2)
    with pytest.raises(InputError, match="NaN or infinite"):
        k_center(normal(5, 3), 2, x)


def test_arguments_are_checked() -> None:
    x = normal(5, 3)
    with pytest.raises(InputError, match="k is out of range"):
        k_center(x, 6)
    with pytest.raises(InputError, match="wrong size"):
        k_center(x, 2, normal(5, 2))
    with pytest.raises(InputError, match="type or place"):
        k_center(x, 2, normal(5, 3).double())
    with pytest.raises(InputError, match="wrong form"):
        k_center(x.long(), 2)


def plain_work(n: int, k: int) -> int:
    return n * k


@pytest.mark.parametrize("kind", ["low rank", "isotropic"])
def test_lazy_evaluation_saves_distances(kind: str) -> None:
    x = low_rank(8000, 128, 20) if kind == "low rank" else normal(8000, 128)
    work = Work()
    k_center(x, 200, work=work)
    assert work.total(128) < 0.6 * plain_work(8000, 200)


def test_one_cluster_of_equals_costs_no_more_than_the_plain_form() -> None:
    x = torch.eye(300)
    work = Work()
    assert k_center(x, 100, work=work).tolist() == list(range(100))
    assert work.rounds < 30


@pytest.mark.data("mnist")
def test_saving_on_mnist_pixels() -> None:
    x = mnist_pixels(3000)
    work = Work()
    picks = k_center(x, 300, work=work)
    assert work.total(784) < 0.6 * plain_work(3000, 300)
    centres = x[picks].double()
    least = torch.cdist(x.double(), centres).cummin(1).values
    chosen = least[picks[1:], torch.arange(299)]
    assert bool((chosen >= least[:, :-1].amax(0) * (1 - 1e-9)).all())


def test_memory_is_a_few_columns_and_a_block() -> None:
    n, d, k = 8000, 64, 20
    x = normal(n, d)
    largest = largest_tensor(lambda: k_center(x, k, x[:800]))
    assert largest <= 2 * 2**20 * 4
    assert largest < n * n * 4 / 20
