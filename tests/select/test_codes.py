"""k-center on binary codes: the choice of k-center on the unpacked bits, to the last tie."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from pauca.errors import InputError
from pauca.select import Work, hamming_distances, k_center, k_center_codes, pack_bits
from tests.select import reference

Bits = NDArray[np.bool_]


def drawn(n: int, u: int, share: float = 0.2, seed: int = 0) -> Bits:
    return np.random.default_rng(seed).random((n, u)) < share


def packed(bits: Bits) -> Tensor:
    return pack_bits(torch.from_numpy(bits))


def planted(n: int, u: int, groups: int, seed: int = 0) -> Bits:
    """Sets of active units around a few, with some units more or less."""
    rng = np.random.default_rng(seed)
    return drawn(groups, u, 0.1, seed)[rng.integers(groups, size=n)] ^ (rng.random((n, u)) < 0.02)


CASES: dict[str, Callable[[], Bits]] = {
    "sparse": lambda: drawn(60, 130, 0.05),
    "dense": lambda: drawn(60, 64, 0.5),
    "one unit": lambda: drawn(40, 1, 0.5),
    "one word and a bit": lambda: drawn(50, 65, 0.3),
    "duplicates": lambda: np.repeat(drawn(9, 70), 6, 0),
    "all equal": lambda: np.repeat(drawn(1, 30), 20, 0),
    "all silent": lambda: np.zeros((15, 12), dtype=bool),
    "one active unit each": lambda: np.tile(np.eye(12, dtype=bool), (2, 1)),
    "planted": lambda: planted(80, 200, 4),
}


@pytest.mark.parametrize("width", [1, 3, 1000])
@pytest.mark.parametrize("m", [0, 1, 7, 40])
@pytest.mark.parametrize("case", CASES)
def test_picks_what_the_paper_picks_on_the_unpacked_bits(case: str, m: int, width: int) -> None:
    bits = CASES[case]()
    known = np.concatenate([bits[: m // 2], drawn(m - m // 2, bits.shape[1], seed=9)])
    expected = reference.k_center(
        bits.astype(np.float64), min(len(bits), 17), known.astype(np.float64) if m else None
    )
    labelled = packed(known) if m else None
    found = k_center_codes(packed(bits), len(expected), labelled, width=width)
    assert found.dtype == torch.int64
    assert found.tolist() == expected


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 25),
    u=st.integers(1, 140),
    m=st.integers(0, 4),
    share=st.sampled_from([0.03, 0.3]),
    width=st.integers(1, 25),
    seed=st.integers(0, 10**6),
)
def test_agrees_on_anything_small(
    n: int, u: int, m: int, share: float, width: int, seed: int
) -> None:
    bits = drawn(n + m, u, share, seed)
    x = bits.astype(np.float64)
    expected = reference.k_center(x[:n], n, x[n:] if m else None)
    found = k_center_codes(packed(bits[:n]), n, packed(bits[n:]), width=width)
    assert found.tolist() == expected


def test_agrees_with_k_center_on_floats_over_several_blocks() -> None:
    bits = planted(5000, 150, 12)
    x = torch.from_numpy(bits).float()
    work = Work()
    found = k_center_codes(packed(bits), 60, packed(bits[::250]), work=work)
    assert found.tolist() == k_center(x, 60, x[::250]).tolist()
    assert k_center_codes(packed(bits), 60).tolist() == k_center(x, 60).tolist()
    assert work.rounds > 0


def test_most_distances_are_never_computed() -> None:
    """At most n (m + k) by definition of the greedy choice; on codes in groups far fewer."""
    n, m, k = 20_000, 100, 200
    codes = packed(planted(n + m, 500, 30))
    work = Work()
    picks = k_center_codes(codes[m:], k, codes[:m], work=work)
    assert len(torch.unique(picks)) == k
    assert 16 * n <= work.distances < 0.3 * n * (m + k)
    for case in (drawn(3000, 64, 0.5), np.zeros((3000, 64), dtype=bool)):
        hard = Work()
        k_center_codes(packed(case), 50, work=hard)
        assert hard.distances <= 3000 * 51


def test_memory_is_a_few_numbers_an_item_beside_the_codes() -> None:
    n, u = 40_000, 640
    codes = packed(np.random.default_rng(0).random((n, u)) < 0.1)
    tracemalloc.start()
    try:
        k_center_codes(codes, 20, codes[:10])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert codes.nbytes == n * u // 8  # 1/32 of the floats
    assert most < 40 * n + 2**21


def test_bits_are_packed_lowest_first_and_distances_count_them() -> None:
    bits = np.zeros((2, 70), dtype=bool)
    bits[0, [0, 9, 69]] = True
    codes = packed(bits)
    assert codes.shape == (2, 16)
    assert codes.dtype == torch.uint8
    assert codes[0].tolist() == [1, 2, *[0] * 6, 1 << 5, *[0] * 7]
    assert hamming_distances(codes, codes[1]).tolist() == [3, 0]
    many = drawn(3000, 333)
    away = hamming_distances(packed(many), packed(many)[5])
    assert away.tolist() == (many ^ many[5]).sum(1).tolist()
    assert packed(bits[:0]).shape == (0, 16)
    assert hamming_distances(packed(bits[:0]), codes[1]).tolist() == []


def test_codes_that_are_no_whole_words_and_no_piece_of_memory_are_read() -> None:
    bits = drawn(30, 24)
    bytes_ = torch.from_numpy(np.packbits(bits, axis=1, bitorder="little"))
    assert bytes_.shape == (30, 3)
    wanted = reference.k_center(bits.astype(np.float64), 9)
    assert k_center_codes(bytes_, 9).tolist() == wanted
    strided = packed(bits).repeat_interleave(2, 0)[::2]
    assert k_center_codes(strided, 9).tolist() == wanted


def test_nothing_read_is_changed() -> None:
    codes = packed(planted(200, 90, 5))
    before = codes.clone()
    k_center_codes(codes, 50, codes[:9], width=10)
    assert torch.equal(codes, before)


def test_what_does_not_fit_is_refused() -> None:
    codes = packed(drawn(5, 20))
    for k in (-1, 6, 2.0):
        with pytest.raises(InputError, match=r"k is (out of range|of the wrong kind)"):
            k_center_codes(codes, k)  # type: ignore[arg-type]
    assert k_center_codes(codes, 0).tolist() == []
    for wrong in (codes.float(), codes[0], codes[:, :0]):
        with pytest.raises(InputError, match="pack_bits"):
            k_center_codes(wrong, 1)
        with pytest.raises(InputError, match="pack_bits"):
            k_center_codes(codes, 1, wrong)
    with pytest.raises(InputError, match="labelled codes has the wrong size"):
        k_center_codes(codes, 1, packed(drawn(5, 90)))
    with pytest.raises(InputError, match="width"):
        k_center_codes(codes, 1, width=0)
    for bits in (torch.zeros(3, 4), torch.zeros(3).bool(), torch.zeros(3, 0).bool()):
        with pytest.raises(InputError, match="units have the wrong form"):
            pack_bits(bits)
