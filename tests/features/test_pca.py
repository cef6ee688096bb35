from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA as Reference
from torch import Tensor

import pauca.features.base as base
import pauca.features.pca as pca
from pauca.data.dataset import Dataset, Split
from pauca.features import featured
from pauca.rng import generator_from
from pauca.select.pca import signed
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset


def rows_of(data: Dataset, split: Split | None) -> NDArray[Any]:
    assert split is not None
    rows: NDArray[Any] = data.task.evaluate(split.x, None).flatten(1).double().numpy()
    return rows


def parts(found: Dataset) -> tuple[Tensor, Tensor]:
    assert found.test is not None
    return found.train.x, found.test.x


def a_table(x: Tensor) -> Dataset:
    data = tiny_table_dataset(len(x), d=x.shape[1])
    return replace(data, train=Split(x, None), test=None)


@pytest.mark.parametrize("data", [tiny_image_dataset(90), tiny_table_dataset(70, d=6)])
@pytest.mark.parametrize("p", [1, 4])
def test_coordinates_are_scikit_learns_up_to_sign(data: Dataset, p: int) -> None:
    train, test = parts(featured(data, {"name": "pca", "dimensions": p, "scale": "none"}))
    model = Reference(p, svd_solver="full").fit(rows_of(data, data.train))
    for found, split in ((train, data.train), (test, data.test)):
        theirs = model.transform(rows_of(data, split))
        signs = np.sign((theirs * found.numpy()).sum(0))
        np.testing.assert_allclose(found.numpy(), theirs * signs, atol=1e-4)


def test_whitened_coordinates_have_variance_one_and_are_scikit_learns() -> None:
    data = tiny_table_dataset(70, d=6)
    train, test = parts(featured(data, {"name": "pca", "dimensions": 4, "scale": "whiten"}))
    assert torch.allclose(train.double().var(0, correction=0), torch.ones(4).double(), atol=1e-5)
    model = Reference(4, svd_solver="full", whiten=True).fit(rows_of(data, data.train))
    theirs = model.transform(rows_of(data, data.test)) * np.sqrt(70 / 69)
    np.testing.assert_allclose(np.abs(test.numpy()), np.abs(theirs), atol=1e-4)


def test_common_scale_keeps_the_proportions_of_distances() -> None:
    data = tiny_image_dataset(40)
    plain, _ = parts(featured(data, {"name": "pca", "dimensions": 5, "scale": "none"}))
    scaled, _ = parts(featured(data, {"name": "pca", "dimensions": 5}))
    assert float(scaled.var(0, correction=0).mean()) == pytest.approx(1, abs=1e-5)
    ratio = torch.pdist(plain) / torch.pdist(scaled)
    assert float(ratio.std() / ratio.mean()) < 1e-5


def test_all_components_keep_every_distance() -> None:
    data = tiny_table_dataset(30, d=5)
    train, test = parts(featured(data, {"name": "pca", "scale": "none"}))
    assert train.shape[1] == 5
    whole = np.concatenate([rows_of(data, data.train), rows_of(data, data.test)])
    np.testing.assert_allclose(
        torch.pdist(torch.cat([train, test])), torch.pdist(torch.from_numpy(whole)), rtol=1e-4
    )


def test_directions_in_which_nothing_varies_are_left_out() -> None:
    g = generator_from(0)
    flat = torch.randn(50, 3, generator=g) @ torch.randn(3, 12, generator=g)
    found = featured(a_table(flat.float()), {"name": "pca", "dimensions": 12})
    few = featured(a_table(torch.randn(4, 12, generator=g)), "pca")
    # float32 rows of rank 3 are of rank 12 at 1e-7 of their length
    assert found.train.x.shape[1] >= 3
    assert few.train.x.shape == (4, 3)
    assert any("only 3 vary" in note for note in few.notes)


def test_a_mean_far_away_costs_no_digits() -> None:
    g = generator_from(1)
    x = torch.randn(200, 4, generator=g) * torch.tensor([4.0, 2.0, 1.0, 0.5])
    near = featured(a_table(x), {"name": "pca", "scale": "none"}).train.x
    far = featured(a_table(x + 4096), {"name": "pca", "scale": "none"}).train.x
    assert torch.allclose(near, far, atol=5e-3)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = parts(featured(tiny_image_dataset(50), {"name": "pca", "dimensions": 6}))
    monkeypatch.setattr(base, "_NUMBERS", 64 * 7)
    found, _ = parts(featured(tiny_image_dataset(50), {"name": "pca", "dimensions": 6}))
    assert torch.allclose(found, whole, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 30), d=st.integers(1, 12), p=st.integers(1, 14), seed=st.integers(0, 999))
def test_no_directions_hold_more(n: int, d: int, p: int, seed: int) -> None:
    """The variance held is that of the leading singular values; coordinates do not correlate."""
    x = torch.randn(n, d, generator=generator_from(seed))
    z = featured(a_table(x), {"name": "pca", "dimensions": p, "scale": "none"}).train.x.double()
    sizes = torch.linalg.svdvals((x - x.mean(0)).double()).square()
    assert z.shape[1] == min(p, d, n - 1)
    assert torch.allclose(z.square().sum(0), sizes[: z.shape[1]], rtol=1e-4, atol=1e-6)
    cross = z.T @ z - torch.diag(z.square().sum(0))
    assert float(cross.abs().max()) <= 1e-4 * float(sizes[0])


@pytest.mark.parametrize("n", [2, 7, 40, 59])
def test_few_items_of_many_numbers_have_the_directions_of_the_covariance(n: int) -> None:
    """The n x n way and the d x d way are one answer, and that of the singular values."""
    d, p = 60, 12
    scales = torch.logspace(0, -3, d)
    data = a_table(torch.randn(n, d, generator=generator_from(n)) * scales + 5)
    x, most = data.train.x, min(p, n - 1)
    ways = [way(data.task, x, most) for way in (pca._from_items, pca._from_numbers)]
    for items, numbers in zip(*ways, strict=True):
        torch.testing.assert_close(
            torch.as_tensor(items), torch.as_tensor(numbers), atol=1e-7, rtol=1e-9
        )
    rows = data.task.evaluate(x, None).double()
    _, sizes, right = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    torch.testing.assert_close(ways[0][3], sizes[:most].square(), rtol=1e-9, atol=0)
    torch.testing.assert_close(ways[0][2], signed(right[:most].T), atol=1e-7, rtol=0)


def test_few_items_never_make_the_large_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca, "_from_numbers", None)
    found = featured(a_table(torch.randn(5, 30, generator=generator_from(0))), "pca")
    assert found.train.x.shape == (5, 4)
