"""Greedy farthest-point selection among binary codes by Hamming distance, exact and lazy.

A code is the set of active units of an item, one bit a unit, packed into 64-bit words: a million
codes of 2,352 bits take 296 MB instead of the 9.4 GB of their floats, and a distance is some
exclusive-ors and population counts. The squared Euclidean distance of two binary vectors is their
Hamming distance, so the choice is that of k-center on the unpacked bits, without any rounding.

As in ``kcenter``, a least distance only falls as centres are added: an old value is an upper bound.
In each round the items with the largest bounds meet the centres they have not met yet, are dropped
as soon as their bound falls below what is outside, and the greedy choice goes on among the rest.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_count, check_size, typed
from pauca.errors import InputError
from pauca.select.work import Work

__all__ = ["hamming_distances", "k_center_codes", "pack_bits"]

Words = NDArray[np.uint64]
Whole = NDArray[np.int64]

_ROWS = 1024  # items that meet a centre at once: their words stay near the processor
_FIRST = 16  # centres that every item meets before bounds decide
_TIDY = 8  # centres between two looks at who can be dropped
_LEAST = 2048


@typed
def pack_bits(active: Tensor) -> Tensor:
    """Sets of active units as bits, bool [n, u] -> uint8 [n, b], b the multiple of 8 above u / 8.

    Bit j of a code is bit j % 8 of byte j // 8, lowest first; bits beyond u are 0. On the CPU,
    whatever device the units are on.

    Raises:
        InputError: not bool [n, u] with u >= 1.
    """
    if active.dtype != torch.bool or active.ndim != 2 or active.shape[1] < 1:
        raise InputError(
            "units have the wrong form",
            expected="bool [n, u], u >= 1",
            got=f"{active.dtype} {list(active.shape)}",
            todo="compare with a threshold first: x > 0",
        )
    packed = np.packbits(active.cpu().numpy(), axis=1, bitorder="little")
    return torch.from_numpy(_whole_words(packed))


@typed
def hamming_distances(codes: Tensor, centre: Tensor) -> Tensor:
    """In how many bits each code differs from one code, uint8 [n, b] and [b] -> int64 [n].

    Raises:
        InputError: codes of the wrong form or of different lengths.
    """
    rows, one = _words(codes, "codes"), _words(centre.unsqueeze(0), "centre")
    _check_same(codes, centre.unsqueeze(0), "centre")
    meter = _Meter(rows.shape[1])
    parts = [meter(rows[low : low + _ROWS], one[0]) for low in range(0, len(rows), _ROWS)]
    found = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return torch.from_numpy(found.astype(np.int64)).to(codes.device)


@typed
def k_center_codes(
    codes: Tensor,
    k: int,
    labelled: Tensor | None = None,
    *,
    width: int | None = None,
    work: Work | None = None,
) -> Tensor:
    """Each pick is the code farthest from its nearest labelled or already picked one.

    Hamming distances; equal ones go to the first position, so the caller's order of the pool is
    the order of ties. Duplicates have distance 0 and come last. Without labelled codes the first
    pick is the code nearest to the mean of the pool, by the Euclidean distance of the bits.

    Args:
        codes: packed by ``pack_bits``, uint8 [n, b].
        k: 0 <= k <= n.
        labelled: codes of the labelled items, uint8 [m, b].
        width: how many items are worked on at a time; changes the time, never the answer.
        work: counter of the distances computed.

    Returns:
        int64 [k], distinct positions in the order of choice, on the device of the codes; the work
        is done on the CPU.

    Raises:
        InputError: wrong shapes or types, or k out of range.

    Cost: at most O(n (m + k) b) time, mostly far less; O(n + (m + k) b) memory beside the codes.

    Reference: Sener and Savarese, ICLR 2018, algorithm 1; Gonzalez, 1985. Lazy evaluation: Minoux,
    1978.
    """
    rows = _words(codes, "codes")
    check_count(k, "k", most=len(rows))
    known = rows[:0]
    if labelled is not None:
        known = _words(labelled, "labelled codes")
        _check_same(codes, labelled, "labelled codes")
    size = max(_LEAST, len(rows) // 64) if width is None else check_count(width, "width", least=1)
    if k == 0:
        return torch.empty(0, dtype=torch.int64, device=codes.device)
    greedy = _Greedy(rows, known, k, size, work or Work())
    greedy.run()
    return torch.tensor(greedy.picks, dtype=torch.int64, device=codes.device)


def _words(codes: Tensor, where: str) -> Words:
    if codes.dtype != torch.uint8 or codes.ndim != 2 or codes.shape[1] < 1:
        raise InputError(
            f"{where} have the wrong form",
            expected="uint8 [n, b], b >= 1",
            got=f"{codes.dtype} {list(codes.shape)}",
            todo="pack sets of active units with pack_bits",
        )
    return _whole_words(codes.cpu().numpy()).view(np.uint64)


def _check_same(codes: Tensor, others: Tensor, where: str) -> None:
    check_size(others, codes.shape[1], where, axis=1)


def _whole_words(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rows of whole 64-bit words, contiguous; a copy only where they are not."""
    missing = -packed.shape[1] % 8
    if missing:
        packed = np.pad(packed, ((0, 0), (0, missing)))
    return np.ascontiguousarray(packed)


class _Meter:
    """Hamming distances of up to ``_ROWS`` codes to one, without new arrays of their size."""

    def __init__(self, w: int) -> None:
        self._words = np.empty((_ROWS, w), dtype=np.uint64)
        self._bits = np.empty((_ROWS, w), dtype=np.uint8)

    def __call__(self, rows: Words, centre: Words) -> NDArray[np.int32]:
        """uint64 [r, w] and [w] -> int32 [r]."""
        r = len(rows)
        differing = np.bitwise_xor(rows, centre, out=self._words[:r])
        bits = np.bitwise_count(differing, out=self._bits[:r])
        away: NDArray[np.int32] = bits.sum(1, dtype=np.int32)
        return away


class _Greedy:
    """The state of one selection: for each item, the least distance over the centres it has met."""

    def __init__(self, codes: Words, known: Words, k: int, width: int, work: Work) -> None:
        n, w = codes.shape
        self.codes, self.k, self.width, self.work = codes, k, width, work
        self.meter = _Meter(w)
        self.picks: list[int] = []
        self.centres = np.empty((len(known) + k, w), dtype=np.uint64)
        self.centres[: len(known)] = known
        self.count = len(known)
        self.near = np.full(n, 64 * w, dtype=np.int32)  # -1 for what is picked
        self.met = np.zeros(n, dtype=np.int32)

    def run(self) -> None:
        """Pick k items."""
        if self.count == 0:
            self._add(_nearest_to_mean(self.codes))
        self._meet_first()
        while len(self.picks) < self.k:
            self._round()

    def _add(self, position: int) -> None:
        self.centres[self.count] = self.codes[position]
        self.picks.append(position)
        self.count += 1
        self.near[position] = -1

    def _meet_first(self) -> None:
        """Distances of all items to a few first centres: bounds to start from."""
        most = min(self.count, _FIRST)
        for low in range(0, len(self.codes), _ROWS):
            rows, near = self.codes[low : low + _ROWS], self.near[low : low + _ROWS]
            for centre in self.centres[:most]:
                np.minimum(near, self._met(rows, centre), out=near)
        self.met.fill(most)

    def _met(self, rows: Words, centre: Words) -> NDArray[np.int32]:
        self.work.distances += len(rows)
        return self.meter(rows, centre)

    def _round(self) -> None:
        """Bring the items with the largest bounds up to date, and pick among them."""
        self.work.rounds += 1
        active, least, first_left = self._largest()
        if least == 0 and int(self.near[active].max()) == 0:
            self._rest_are_duplicates()
            return
        live = self._refreshed(active, least)
        self._pick(live, least, first_left)

    def _largest(self) -> tuple[Whole, int, int]:
        """Items with the largest bounds, in order of position.

        Returns:
            Their positions; the least bound among them; the first position left out that has this
            bound, n if there is none.
        """
        n, free = len(self.near), len(self.near) - len(self.picks)
        if free <= self.width:
            return np.flatnonzero(self.near >= 0), 0, n
        least = int(np.partition(self.near, n - self.width)[n - self.width])
        above = np.flatnonzero(self.near > least)
        equal = np.flatnonzero(self.near == least)
        room = self.width - len(above)
        first_left = int(equal[room]) if room < len(equal) else n
        return np.sort(np.concatenate([above, equal[:room]])), least, first_left

    def _rest_are_duplicates(self) -> None:
        """Every item left equals a centre: the first ones, none of which changes a distance."""
        left = np.flatnonzero(self.near == 0)[: self.k - len(self.picks)]
        self.picks += left.tolist()

    def _refreshed(self, active: Whole, least: int) -> Whole:
        """Let items meet what they have not met; positions of those whose bound stays up."""
        live = []
        order = active[self.met[active].argsort(kind="stable")]
        for low in range(0, len(order), _ROWS):
            block = order[low : low + _ROWS]
            rows, near = self.codes[block], self.near[block]
            for at in range(int(self.met[block[0]]), self.count):
                if at % _TIDY == 0 and not (stay := near >= least).all():
                    gone = block[~stay]
                    self.near[gone], self.met[gone] = near[~stay], np.maximum(self.met[gone], at)
                    block, rows, near = block[stay], rows[stay], near[stay]
                    if not len(block):
                        break
                np.minimum(near, self._met(rows, self.centres[at]), out=near)
            self.near[block], self.met[block] = near, self.count
            live.append(block[near >= least])
        return np.sort(np.concatenate(live))

    def _pick(self, live: Whole, least: int, first_left: int) -> None:
        """The greedy choice among items that are up to date, while it cannot be one left out."""
        rows, near = self.codes[live], self.near[live]
        while len(self.picks) < self.k and len(live):
            best = int(near.argmax())  # the first of equal ones
            if near[best] == least and (live[best] > first_left or least == 0):
                break
            self._add(int(live[best]))
            near[best] = -1
            for low in range(0, len(live), _ROWS):
                part = near[low : low + _ROWS]
                away = self._met(rows[low : low + _ROWS], self.centres[self.count - 1])
                np.minimum(part, away, out=part)
            stay = near >= least
            if stay.sum() < 0.8 * len(live):
                self._keep(live[~stay], near[~stay])
                live, rows, near = live[stay], rows[stay], near[stay]
        self._keep(live, near)

    def _keep(self, items: Whole, near: NDArray[np.int32]) -> None:
        self.near[items], self.met[items] = near, self.count


def _nearest_to_mean(codes: Words) -> int:
    """argmin_i |b_i - mean|^2 = argmin_i n |b_i| - 2 sum_j b_ij (bit count of j), in whole numbers.

    The last sum goes byte by byte through a table of what each of its 256 values adds.
    """
    n, bytes_ = len(codes), codes.view(np.uint8)
    counts = np.zeros(8 * bytes_.shape[1], dtype=np.int64)
    for low in range(0, n, _ROWS):
        counts += np.unpackbits(bytes_[low : low + _ROWS], axis=1, bitorder="little").sum(
            0, dtype=np.int64
        )
    values = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    # [b, 256]: n bits - 2 counts, over the bits of each value
    table = (n - 2 * counts).reshape(-1, 8) @ values.T.astype(np.int64)
    best, least = 0, np.iinfo(np.int64).max
    for low in range(0, n, _ROWS):
        part = bytes_[low : low + _ROWS]
        away = table[np.arange(part.shape[1]), part].sum(1)
        if int(away.min()) < least:
            best, least = low + int(away.argmin()), int(away.min())
    return best
