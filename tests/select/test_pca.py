"""Principal components against the singular value decomposition."""

import numpy as np
import pytest
import torch
from torch import Generator

from pauca.errors import InputError
from pauca.select.pca import principal_components
from tests.select.data import low_rank, normal
from tests.select.watch import largest_tensor


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 500.0])
def test_agrees_with_the_singular_value_decomposition(dtype: torch.dtype, offset: float) -> None:
    x = (normal(200, 8) * torch.arange(1, 9) + offset).to(dtype)
    rows = x.double().numpy()
    u, s, vt = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    largest = vt[np.arange(8), np.abs(vt).argmax(1)]
    true = (u * s * np.sign(largest))[:, :5]
    found = principal_components(x, 5)
    assert found.dtype == dtype
    assert np.allclose(found.numpy(), true, atol=2e-3 if dtype == torch.float32 else 1e-9)


def test_order_and_number_of_items() -> None:
    x = low_rank(300, 20, 3)
    order = torch.randperm(300, generator=Generator().manual_seed(1))
    assert torch.allclose(
        principal_components(x, 3)[order], principal_components(x[order], 3), atol=1e-4
    )
    assert principal_components(x).shape == (300, 20)
    assert principal_components(x[:4]).shape == (4, 4)


@pytest.mark.parametrize("m", [0, 1, 70])
def test_further_rows_are_as_if_joined(m: int) -> None:
    x, further = low_rank(300, 20, 3), normal(70, 20)[:m]
    found = principal_components(x, 5, further=further)
    assert torch.allclose(found, principal_components(torch.cat([x, further]), 5), atol=1e-4)


def test_the_inputs_are_not_copied() -> None:
    x, further = normal(20000, 64), normal(20000, 64, seed=1)
    largest = largest_tensor(lambda: principal_components(x, 3, further=further))
    assert largest <= 2**18 * 8


def test_all_components_keep_distances() -> None:
    x = normal(50, 6).double()
    turned = principal_components(x)
    assert torch.allclose(torch.cdist(turned, turned), torch.cdist(x, x), atol=1e-6)


def test_equal_items_are_at_the_origin() -> None:
    assert float(principal_components(torch.full((10, 4), 3.0), 2).abs().max()) < 1e-6


def test_arguments_are_checked() -> None:
    with pytest.raises(InputError, match="p is out of range"):
        principal_components(normal(5, 3), 0)
    with pytest.raises(InputError, match="NaN"):
        principal_components(torch.full((5, 3), torch.nan))
