"""The generator of malformed inputs makes what it says, the same for a seed, and tells endings."""

import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pauca.errors import DataError
from pauca.testing.malformed import (
    Tally,
    ending,
    foreign,
    forged_npy,
    misplaced,
    mutations,
    variations,
)

RAW = b'{"shape": 128, "values": [1, 2, 3]}' * 20


def test_every_mutation_differs_from_the_file_and_is_the_same_for_a_seed() -> None:
    found = list(mutations(RAW, 3, 300))
    assert len(found) == 300
    assert found == list(mutations(RAW, 3, 300))
    assert all(made != RAW for _, made in found)
    assert len({made for _, made in found}) > 280
    assert len({name.split(" at ")[0] for name, _ in found}) == 12


@pytest.mark.parametrize("raw", [b"x", b"1", b"\0\0"])
def test_the_smallest_files_are_mutated_too(raw: bytes) -> None:
    assert all(made != raw for _, made in mutations(raw, 0, 60))


def test_variations_reach_every_place() -> None:
    value = {"a": {"b": [1, {"c": 2}]}, "d": "x"}
    found = list(variations(value, 0, 600))
    places = {name.split(" ")[0] for name, _ in found}
    assert places == {"the", "a", "a.b", "a.b.0", "a.b.1", "a.b.1.c", "d"}
    assert value == {"a": {"b": [1, {"c": 2}]}, "d": "x"}
    assert any("dx" in made for _, made in found if isinstance(made, dict))


def test_foreign_files_have_names_of_their_own() -> None:
    names = [name for name, _ in foreign()]
    assert len(set(names)) == len(names) > 30


def test_a_forged_header_is_one_that_numpy_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(forged_npy("<f4", (2, 2), np.arange(4, dtype=np.float32).tobytes()))
    assert np.load(path).tolist() == [[0, 1], [2, 3]]


def test_misplaced_puts_the_file_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    names = list(misplaced(path))
    assert len(names) == 7
    assert path.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [path]


def _refuse(todo: str | None, what: str = "no") -> None:
    raise DataError(what, todo=todo)


class _Long(DataError):
    def __str__(self) -> str:
        return "x" * 5000


def _long() -> None:
    raise _Long("no", todo="mend it")


def _fault() -> None:
    raise KeyError("gone")


def _caught() -> None:
    with suppress(TimeoutError):
        time.sleep(5)


def test_endings_are_told_apart() -> None:
    assert ending(lambda: 1) == "fine"
    assert ending(lambda: _refuse("mend it")) == "refused"
    assert ending(_fault).startswith("bug: KeyError: 'gone' (test_malformed.py:")
    assert "without what to do" in ending(lambda: _refuse(None))
    assert ending(lambda: _refuse(None), advice=False) == "refused"
    assert "characters" in ending(_long)
    assert "still at work after 1 s" in ending(lambda: time.sleep(5), seconds=1)
    assert ending(_caught, seconds=1) == "bug: still at work after 1 s"


def test_memory_is_watched() -> None:
    assert ending(lambda: bytearray(2**36)).startswith("bug: MemoryError")
    assert ending(lambda: np.ones(2**24), most=2**26).startswith("bug: it took 1")
    assert ending(lambda: np.ones(2**20), most=2**26) == "fine"


def test_a_tally_counts_and_prints() -> None:
    tally = Tally()
    for how in ("fine", "refused", "refused", "bug: KeyError: x"):
        tally.take("an input", how)
    first, second = str(tally).splitlines()
    assert first == "4 malformed inputs, 1 ended as a bug (1 bug, 1 fine, 2 refused)"
    assert second == "an input: bug: KeyError: x"
