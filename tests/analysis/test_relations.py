import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from pauca.analysis import class_similarity, confusion, mantel
from pauca.analysis import relations as module
from pauca.analysis.relations import Correlation
from pauca.errors import InputError
from pauca.rng import generator_from

each = pytest.mark.parametrize("method", ["spearman", "pearson"])


def symmetric(c: int, seed: int, ties: bool = False) -> Tensor:
    x = torch.randn(c, c, generator=generator_from(seed), dtype=torch.float64)
    if ties:
        x = x.round()
    return x + x.T


def plain_correlation(a: NDArray[np.float64], b: NDArray[np.float64], method: str) -> float:
    """Pair by pair, in two loops."""
    x, y = [], []
    for i in range(len(a)):
        for j in range(i):
            x.append(a[i, j])
            y.append(b[i, j])
    return float((stats.spearmanr if method == "spearman" else stats.pearsonr)(x, y)[0])


def every_relabelling(a: Tensor, b: Tensor, method: str) -> tuple[float, list[float]]:
    first, second = a.numpy(), b.numpy()
    values = [
        plain_correlation(first, second[np.ix_(order, order)], method)
        for order in itertools.permutations(range(len(first)))
    ]
    return values[0], values


@each
@pytest.mark.parametrize(("c", "ties"), [(3, False), (4, False), (5, False), (5, True)])
def test_few_classes_are_tested_by_every_relabelling(
    method: Correlation, c: int, ties: bool
) -> None:
    a, b = symmetric(c, 0, ties), symmetric(c, 1, ties)
    found = mantel(a, b, method=method, generator=generator_from(0))
    observed, values = every_relabelling(a, b, method)
    assert found.correlation == pytest.approx(observed)
    assert found.p_above == np.mean([v >= observed - 1e-9 for v in values])
    assert found.p_below == np.mean([v <= observed + 1e-9 for v in values])
    assert found.p == np.mean([abs(v) >= abs(observed) - 1e-9 for v in values])
    assert (found.exact, found.relabellings) == (True, math.factorial(c))
    assert found.classes == tuple(range(c))


@each
def test_drawn_relabellings_come_near_all_of_them(method: Correlation) -> None:
    a, b = symmetric(5, 2), symmetric(5, 3) + 0.5 * symmetric(5, 2)
    exact = mantel(a, b, method=method, generator=generator_from(0))
    drawn = mantel(a, b, method=method, draws=100, generator=generator_from(0))
    assert (exact.exact, drawn.exact, drawn.relabellings) == (True, False, 100)
    assert drawn.correlation == exact.correlation
    for name in ("p_above", "p_below", "p"):
        assert getattr(drawn, name) == pytest.approx(getattr(exact, name), abs=0.2)
        assert getattr(drawn, name) * 101 == pytest.approx(round(getattr(drawn, name) * 101))
    assert drawn.p_above >= 1 / 101


def test_a_matrix_goes_along_with_itself_and_against_its_opposite() -> None:
    a = symmetric(8, 0)
    along = mantel(a, 2 * a + 3, draws=199, generator=generator_from(0))
    against = mantel(a, -a, draws=199, generator=generator_from(0))
    assert along.correlation == pytest.approx(1)
    assert (along.p_above, along.p, along.p_below) == (1 / 200, 1 / 200, 1)
    assert against.correlation == pytest.approx(-1)
    assert (against.p_below, against.p, against.p_above) == (1 / 200, 1 / 200, 1)


@given(st.integers(0, 60), st.permutations(range(5)))
@settings(max_examples=15, deadline=None)
def test_mantel_is_symmetric_and_knows_no_order_of_classes(seed: int, order: list[int]) -> None:
    a, b = symmetric(5, seed, ties=seed % 2 == 0), symmetric(5, seed + 100)
    one = mantel(a, b, generator=generator_from(0))
    for x, y in ((b, a), (a[order][:, order], b[order][:, order]), (a.exp(), b)):
        other = mantel(x, y, generator=generator_from(0))
        assert other.correlation == pytest.approx(one.correlation)
        assert (other.p_above, other.p_below, other.p) == (one.p_above, one.p_below, one.p)
    assert -1 <= one.correlation <= 1


def test_diagonals_are_not_read() -> None:
    a, b = symmetric(6, 0), symmetric(6, 1)
    one = mantel(a, b, draws=50, generator=generator_from(0))
    a.fill_diagonal_(torch.nan)
    b.fill_diagonal_(99)
    assert mantel(a, b, draws=50, generator=generator_from(0)) == one


def test_classes_without_values_are_left_out_and_named() -> None:
    a, b = symmetric(7, 0), symmetric(7, 1)
    a[2] = a[:, 2] = torch.nan
    b[5] = b[:, 5] = torch.nan
    kept = [0, 1, 3, 4, 6]
    found = mantel(a, b, generator=generator_from(0))
    rest = mantel(a[kept][:, kept], b[kept][:, kept], generator=generator_from(0))
    assert found.classes == (0, 1, 3, 4, 6)
    assert (found.correlation, found.p) == (rest.correlation, rest.p)


def test_without_variation_or_classes_it_is_undefined() -> None:
    flat = mantel(torch.full((5, 5), 0.1), symmetric(5, 0), generator=generator_from(0))
    few = mantel(symmetric(2, 0), symmetric(2, 1), generator=generator_from(0))
    none = mantel(torch.full((4, 4), torch.nan), symmetric(4, 0), generator=generator_from(0))
    for found in (flat, few, none):
        assert all(math.isnan(x) for x in (found.correlation, found.p, found.p_above))
    assert none.classes == ()


def test_p_values_of_unrelated_matrices_are_not_too_small() -> None:
    found = np.array(
        [
            mantel(
                symmetric(6, 2 * s), symmetric(6, 2 * s + 1), draws=99, generator=generator_from(s)
            ).p
            for s in range(200)
        ]
    )
    for level in (0.05, 0.2, 0.5):
        margin = 4 * math.sqrt(level * (1 - level) / 200)
        assert np.mean(found <= level) == pytest.approx(level, abs=margin)


def test_blocks_of_relabellings_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = symmetric(5, 0), symmetric(5, 1)
    one = mantel(a, b, generator=generator_from(0))
    monkeypatch.setattr(module, "_CELLS", 60)
    assert mantel(a, b, generator=generator_from(0)) == one


def test_same_seed_same_answer_for_tensors_and_arrays() -> None:
    a, b = symmetric(9, 0), symmetric(9, 1)
    first = mantel(a, b, draws=50, generator=generator_from(4))
    assert mantel(a.numpy(), b.numpy(), draws=50, generator=generator_from(4)) == first
    assert mantel(a, b, draws=50, generator=generator_from(5)) != first


def test_class_similarity_is_the_correlation_of_mean_images() -> None:
    generator = generator_from(0)
    x = torch.randint(0, 256, (50, 1, 4, 4), generator=generator).to(torch.uint8)
    y = torch.arange(50) % 4
    found = class_similarity(x, y)
    means = [x[y == k].double().mean(0).flatten().numpy() for k in range(4)]
    assert found.numpy() == pytest.approx(np.corrcoef(means))
    array = class_similarity(x.numpy(), y.numpy())
    assert isinstance(array, np.ndarray)
    assert array == pytest.approx(found.numpy())


def test_flat_and_missing_classes_are_like_nothing() -> None:
    x = torch.randn(9, 6, generator=generator_from(0))
    y = torch.tensor([0, 0, 0, 2, 2, 2, 3, 3, 3])
    x[y == 3] = 0.1
    found = class_similarity(x, y)
    undefined = torch.zeros(4, 4, dtype=torch.bool)
    undefined[[1, 3]] = undefined[:, [1, 3]] = True
    assert torch.equal(found.isnan(), undefined)
    assert float(found[0, 0]) == pytest.approx(1)


def test_confusion_is_symmetrised_shares() -> None:
    y = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2])
    said = torch.tensor([0, 0, 1, 2, 1, 0, 2, 0, 0])
    share = np.array([[2 / 4, 1 / 4, 1 / 4], [1 / 2, 1 / 2, 0], [2 / 3, 0, 1 / 3]])
    found = confusion(said, y, 3)
    assert found.numpy() == pytest.approx((share + share.T) / 2)
    assert isinstance(confusion(said.numpy(), y.numpy(), 3), np.ndarray)
    wider = confusion(said, y, 4)
    assert bool(wider[3].isnan().all())
    assert torch.equal(wider[:3, :3], found)


@given(st.permutations(range(4)), st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_relabelled_classes_permute_similarity_and_confusion(order: list[int], seed: int) -> None:
    generator = generator_from(seed)
    x, y = torch.randn(40, 5, generator=generator), torch.arange(40) % 4
    said = torch.randint(0, 4, (40,), generator=generator)
    place = torch.tensor(order).argsort()  # class order[k] is called k
    one = class_similarity(x, y)[order][:, order]
    assert torch.allclose(one, class_similarity(x, place[y]))
    assert torch.allclose(
        confusion(said, y, 4)[order][:, order], confusion(place[said], place[y], 4)
    )


def test_what_cannot_be_compared_is_refused() -> None:
    a, b, generator = symmetric(4, 0), symmetric(4, 1), generator_from(0)
    with pytest.raises(InputError, match="not symmetric"):
        mantel(a, b + torch.arange(4), generator=generator)
    with pytest.raises(InputError, match="wrong size"):
        mantel(a, b[:3, :3], generator=generator)
    with pytest.raises(InputError, match="a has the wrong form"):
        mantel(a[:, :3], b, generator=generator)
    with pytest.raises(InputError, match="unknown correlation"):
        mantel(a, b, method="kendall", generator=generator)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="draws"):
        mantel(a, b, draws=0, generator=generator)
    a[0, 1] = a[1, 0] = torch.nan
    with pytest.raises(InputError, match=r"NaN at \[0, 1\]"):
        mantel(a, b, generator=generator)
    with pytest.raises(InputError, match="a class that the task does not have"):
        confusion(torch.tensor([0, 3]), torch.tensor([0, 1]), 3)
    with pytest.raises(InputError, match="predicted"):
        confusion(torch.tensor([0]), torch.tensor([0, 1]), 3)
