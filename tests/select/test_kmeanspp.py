"""k-means++ and badge: the same picks as the papers' sampling, from the same random numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from pauca.errors import InputError
from pauca.select.embedding import Embedding
from pauca.select.kmeanspp import badge_seeding, kmeans_plusplus
from pauca.select.sketch import Plan, Sketch, leading_axes
from pauca.select.work import Work
from tests.select import reference
from tests.select.data import integers, low_rank, mnist_pixels, normal, predictions
from tests.select.watch import largest_tensor

CASES: dict[str, Callable[[], Tensor]] = {
    "normal": lambda: normal(50, 5),
    "one feature": lambda: normal(40, 1),
    "integers": lambda: integers(50, 2, 3),
    "duplicates": lambda: normal(7, 4).repeat(6, 1),
    "all equal": lambda: torch.ones(20, 3),
    "all zero": lambda: torch.zeros(18, 3),
    "far from 0": lambda: normal(50, 3) + 100,
}


def seeded(seed: int = 3) -> Generator:
    return Generator().manual_seed(seed)


def uniforms(k: int, seed: int = 3) -> list[float]:
    return [float(u) for u in torch.rand(k, dtype=torch.float64, generator=seeded(seed))]


def expected_plain(x: Tensor, k: int) -> list[int]:
    first, *rest = uniforms(k)
    return reference.kmeans_plusplus(x.double().numpy(), np.array(rest), int(first * len(x)))


def expected_badge(q: Tensor, h: Tensor, k: int) -> list[int]:
    g = reference.outer(q.double().numpy(), h.double().numpy())
    norms = (g * g).sum(1)
    first = int(np.argmax(norms >= norms.max() * (1 - 1e-12)))
    return reference.kmeans_plusplus(g, np.array(uniforms(k - 1)), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES)
def test_plain_picks_what_the_paper_samples(case: str, dtype: torch.dtype) -> None:
    x = CASES[case]().to(dtype)
    assert kmeans_plusplus(x, 15, seeded()).tolist() == expected_plain(x, 15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("c", [1, 2, 7])
@pytest.mark.parametrize("case", CASES)
def test_badge_picks_what_the_paper_samples(case: str, c: int, dtype: torch.dtype) -> None:
    h = CASES[case]().to(dtype)
    q = predictions(len(h), c).to(dtype)
    assert badge_seeding(q, h, 15, seeded()).tolist() == expected_badge(q, h, 15)


def test_badge_on_duplicates_takes_each_once() -> None:
    q, h = predictions(3, 4).repeat(10, 1), normal(3, 5).repeat(10, 1)
    picks = badge_seeding(q, h, 30, seeded()).tolist()
    assert sorted(picks) == list(range(30))
    assert len({i % 3 for i in picks[:3]}) == 3


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_never_an_item_twice(data: st.DataObject) -> None:
    n, d = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
    values = st.floats(-4, 4, width=32) | st.integers(-1, 1)
    rows = data.draw(st.lists(st.lists(values, min_size=d, max_size=d), min_size=n, max_size=n))
    x = torch.tensor(rows, dtype=torch.float32)
    seed = data.draw(st.integers(0, 99))
    assert sorted(kmeans_plusplus(x, n, seeded(seed)).tolist()) == list(range(n))
    assert sorted(badge_seeding(x, x, n, seeded(seed)).tolist()) == list(range(n))


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_scale_changes_nothing(scale: float) -> None:
    x, q = normal(60, 4), predictions(60, 3)
    large = (x.double() * scale).float()
    assert kmeans_plusplus(large, 20, seeded()).tolist() == expected_plain(x, 20)
    assert badge_seeding(q, large, 20, seeded()).tolist() == expected_badge(q, x, 20)


def test_the_share_of_each_item_is_that_of_its_squared_distance() -> None:
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    seen = torch.zeros(4, 4)
    for seed in range(1500):
        one, two = kmeans_plusplus(x, 2, seeded(seed)).tolist()
        seen[one, two] += 1
    share = torch.tensor([0.0, 1.0, 4.0, 9.0]) / 14
    assert torch.allclose(seen[0] / seen[0].sum(), share, atol=0.07)
    assert torch.allclose(seen.sum(1) / 1500, torch.full((4,), 0.25), atol=0.04)


@pytest.mark.parametrize("kind", ["low rank", "isotropic", "far from 0"])
def test_pruned_and_unpruned_pick_the_same(kind: str) -> None:
    h = normal(6000, 64) if kind == "isotropic" else low_rank(6000, 64, 6)
    h = h + 20 if kind == "far from 0" else h
    q = predictions(6000, 10)
    plain = [kmeans_plusplus(h, 200, seeded(), prune=prune) for prune in (True, False)]
    assert torch.equal(*plain)
    badge = [badge_seeding(q, h, 200, seeded(), prune=prune) for prune in (True, False)]
    assert torch.equal(*badge)


@pytest.mark.parametrize("factor", [False, True])
def test_the_bound_never_hides_a_nearer_item(factor: bool) -> None:
    h = low_rank(12000, 64, 5)
    q = predictions(12000, 5) if factor else None
    made = Embedding.of(h, q)
    axes = leading_axes(made.h.rows(torch.arange(0, 12000, 20)), 16)
    sketch = Sketch(made, Plan(4, 16, axes))
    generator = seeded()
    pruned = 0
    for one in torch.randint(12000, (20,), generator=generator).tolist():
        least = torch.rand(12000, generator=generator).pow(4) * made.norms
        sketch.slack[:12000] = ((made.norms * (1 - 1e-4) - least) / 2)[sketch.order]
        found, _, _ = sketch.nearer(one)
        if found is None:
            continue
        pruned += 1
        away = made.direct(torch.arange(12000), one)
        nearer = (away < least * (1 - 1e-4)).nonzero()[:, 0]
        assert set(nearer.tolist()) <= set(sketch.order[found].tolist())
    assert pruned >= 5


@pytest.mark.parametrize("factor", [False, True])
def test_distances_to_all_and_to_some_agree(factor: bool) -> None:
    h = torch.cat([normal(200, 6), normal(200, 6) + 1e-4]) + 3
    q = predictions(400, 4) if factor else None
    made = Embedding.of(h, q)
    exact = (h if q is None else torch.einsum("nc,nd->ncd", q, h).flatten(1)).double()
    for one in (0, 7, 250):
        true = (exact - exact[one]).square().sum(1).float()
        assert torch.allclose(made.distances(one)[0], true, rtol=2e-3, atol=1e-9)
        assert torch.allclose(made.direct(torch.arange(400), one), true, rtol=1e-3, atol=1e-9)


def test_memory_mapped_features(tmp_path: Path) -> None:
    x = normal(300, 12)
    np.save(tmp_path / "x.npy", x.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "x.npy", mmap_mode="r+"))
    assert torch.equal(kmeans_plusplus(mapped, 20, seeded()), kmeans_plusplus(x, 20, seeded()))


def test_arguments_are_checked() -> None:
    x = normal(5, 3)
    with pytest.raises(InputError, match="k is out of range"):
        kmeans_plusplus(x, 6, seeded())
    with pytest.raises(InputError, match="k is out of range"):
        badge_seeding(x, x, 6, seeded())
    with pytest.raises(InputError, match="wrong size"):
        badge_seeding(normal(4, 2), x, 2, seeded())
    x[2, 1] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        kmeans_plusplus(x, 2, seeded())
    assert kmeans_plusplus(x[:0], 0, seeded()).tolist() == []


def test_low_rank_features_need_few_distances() -> None:
    h, q, work, badge = low_rank(8000, 256, 20), predictions(8000, 10), Work(), Work()
    kmeans_plusplus(h, 200, seeded(), work=work)
    badge_seeding(q, h, 200, seeded(), work=badge)
    assert work.distances < 0.15 * 8000 * 200
    assert work.total(256) < 0.35 * 8000 * 200
    assert badge.total(266) < 0.4 * 8000 * 200


@pytest.mark.data("mnist")
def test_mnist_pixels_need_few_distances() -> None:
    h, q, work, badge = mnist_pixels(4000), predictions(4000, 10), Work(), Work()
    picks = kmeans_plusplus(h, 300, seeded(), work=work)
    assert torch.equal(picks, kmeans_plusplus(h, 300, seeded(), prune=False))
    badge_seeding(q, h, 300, seeded(), work=badge)
    assert work.total(784) < 0.4 * 4000 * 300
    assert badge.total(794) < 0.4 * 4000 * 300


def test_short_embeddings_are_ruled_out_by_their_length_alone() -> None:
    h, q = low_rank(20_000, 64, 8), predictions(20_000, 10, sharp=12.0)
    work = Work()
    picks = badge_seeding(q, h, 200, seeded(), work=work)
    assert torch.equal(picks, badge_seeding(q, h, 200, seeded(), prune=False))
    assert work.bounds < 0.5 * 11 * 20_000 * 200


@pytest.mark.parametrize("d", [64, 256])
def test_isotropic_features_cost_at_most_a_tenth_more(d: int) -> None:
    work = Work()
    kmeans_plusplus(normal(5000, d), 220, seeded(), work=work)
    assert work.fallback
    assert work.total(d) <= 1.1 * 5000 * 220
    badge = Work()
    badge_seeding(predictions(5000, 10), normal(5000, d), 220, seeded(), work=badge)
    assert badge.total(d + 10) <= 1.1 * 5000 * 220


def test_pruning_that_stops_paying_is_given_up() -> None:
    n, d, k = 6000, 128, 200
    x = torch.cat([low_rank(n // 10, d, 4, noise=0.0).repeat(10, 1)[: n // 2], normal(n // 2, d)])
    work = Work()
    picks = kmeans_plusplus(x, k, seeded(), work=work)
    assert work.total(d) <= 1.1 * n * k
    assert torch.equal(picks, kmeans_plusplus(x, k, seeded(), prune=False))


def test_memory_is_a_few_columns() -> None:
    n, d, c = 20000, 128, 100
    h, q = low_rank(n, d, 5), predictions(n, c)
    largest = largest_tensor(lambda: badge_seeding(q, h, 40, seeded()))
    assert largest <= n * d * 4
