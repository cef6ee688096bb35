"""Malformed files of models that were taken away: refused in words, or read; none is a bug."""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pauca.errors import DataError
from pauca.files import pack, unpack
from pauca.label import load
from pauca.testing.malformed import Tally, ending, foreign, misplaced, mutations, variations
from tests.label.test_predictor import CASES, made

KINDS = (
    "tf-idf", "lsa", "rows", "vectors by pca", "16 bits", "arrays of a range", "net",
    "forward-forward",
)  # fmt: skip


def predicted(path: Path, items: Any) -> None:
    model = load(path)
    model.describe()
    found = model.predict_proba(items[:3])
    assert found.shape == (3, len(model.classes_))
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()


@pytest.mark.parametrize("name", KINDS)
def test_models_of_another_form(name: str, tmp_path: Path) -> None:
    """Values of another type, gone or new, with digests that are right."""
    case = CASES[name](tmp_path)
    path, _ = made(tmp_path, case)
    plain, items = unpack(path.read_bytes(), path, "w", "t"), next(iter(case.items.values()))
    tally = Tally()
    for done, value in variations(plain, 20 + KINDS.index(name), 60):
        path.write_bytes(pack(value) if isinstance(value, dict) else pack({"values": value}))
        tally.take(done, ending(lambda: predicted(path, items)))
    assert not tally.bugs, str(tally)
    assert tally.counts["refused"] > 20


def test_damaged_models(tmp_path: Path) -> None:
    case = CASES["rows"](tmp_path)
    path, _ = made(tmp_path, case)
    raw, items, tally = path.read_bytes(), case.items["texts"], Tally()
    for done, content in chain(mutations(raw, 30, 200), foreign()):
        path.write_bytes(content)
        tally.take(done, ending(lambda: predicted(path, items)))
    path.write_bytes(raw)
    for done in misplaced(path):
        tally.take(done, ending(lambda: load(path)))
    assert not tally.bugs, str(tally)
    assert tally.counts["refused"] > 200


def test_every_byte_counts(tmp_path: Path) -> None:
    """A digest stands for each member; what lies between them is found by the archive itself."""
    path, _ = made(tmp_path, CASES["vectors"](tmp_path))
    raw = path.read_bytes()
    begun = raw.index(b"PK") + 60
    for at in range(begun, len(raw) - 1200, 211):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(DataError, match="cannot be read"):
            load(path)
