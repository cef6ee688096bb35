"""Sorted rows and their order are those of torch's stable sort."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pauca.analysis._sort import ordered_rows, sorted_rows

ROWS = hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)
NUMBERS = st.one_of(
    st.floats(width=32, allow_nan=False), st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0**-140])
)


@given(hnp.arrays("float32", ROWS, elements=NUMBERS))
def test_rows_are_in_order_and_equal_values_stay_so(values: object) -> None:
    x = torch.as_tensor(values)
    expected = x.sort(dim=1, stable=True)
    found, order = ordered_rows(x)
    assert torch.equal(found, expected.values)
    assert torch.equal(order, expected.indices)
    assert torch.equal(sorted_rows(x), expected.values)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
def test_any_kind_of_number(dtype: torch.dtype) -> None:
    x = torch.randint(-5, 5, (7, 50), generator=torch.Generator().manual_seed(0)).to(dtype)
    found, order = ordered_rows(x)
    assert torch.equal(found, x.sort(dim=1).values)
    assert torch.equal(x.gather(1, order), found)
    assert torch.equal(sorted_rows(x), found)


def test_columns_of_another_array_are_sorted_without_touching_it() -> None:
    x = torch.tensor([[3.0, 1.0], [2.0, 5.0], [1.0, 4.0]])
    kept = x.clone()
    assert sorted_rows(x.T).tolist() == [[1.0, 2.0, 3.0], [1.0, 4.0, 5.0]]
    assert ordered_rows(x.T)[1].tolist() == [[2, 1, 0], [0, 2, 1]]
    assert sorted_rows(x.T).is_contiguous()
    assert torch.equal(x, kept)
