import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.forward import RandomWrong, negatives
from pauca.rng import generator_from


def test_names() -> None:
    assert negatives.names() == ("all", "hard", "hybrid-mask", "random", "self-contrastive")


@settings(deadline=None)
@given(st.integers(2, 30), st.integers(0, 50), st.integers(0, 1000))
def test_a_negative_is_a_label_and_never_the_right_one(c: int, n: int, seed: int) -> None:
    g = generator_from(seed)
    y = torch.randint(c, (n,), generator=g)
    wrong = RandomWrong().draw(y, c, g)
    assert wrong.shape == (1, n)  # each paired with its own item
    assert wrong.dtype == torch.int64
    assert not bool((wrong == y).any())
    assert bool(((wrong >= 0) & (wrong < c)).all())


def test_every_wrong_label_is_equally_likely() -> None:
    c, n = 5, 40_000
    y = torch.arange(n) % c
    wrong = RandomWrong().draw(y, c, generator_from(3))[0]
    counts = torch.zeros(c, c).index_put_((y, wrong), torch.ones(n), accumulate=True)
    expected = n / c / (c - 1)
    off_diagonal = counts[~torch.eye(c, dtype=torch.bool)]
    chi_square = float(((off_diagonal - expected) ** 2 / expected).sum())
    assert chi_square < 37.7  # 15 degrees of freedom, p = .001
    assert torch.equal(counts.diagonal(), torch.zeros(c))


def test_negatives_are_fresh_at_every_draw_and_the_same_for_the_same_seed() -> None:
    y = torch.zeros(200, dtype=torch.int64)
    g = generator_from(7)
    first, second = RandomWrong().draw(y, 10, g), RandomWrong().draw(y, 10, g)
    assert not torch.equal(first, second)
    assert torch.equal(first, RandomWrong().draw(y, 10, generator_from(7)))
