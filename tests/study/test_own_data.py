"""Data of one's own in a study: images of floats, sequences and rows with an index, by path."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pauca.data import load_dataset
from pauca.study import run_study, settings_from
from tests.study.plugin import study

Y = np.arange(60) % 2
NOISE = np.random.default_rng(0).random((60, 4, 5, 3))
SHIFT = Y[:, None, None, None] / 4


@pytest.mark.parametrize(
    ("x", "options", "shape"),
    [
        (NOISE + SHIFT, {"channels": "last"}, (3, 4, 5)),
        (np.concatenate([NOISE, NOISE[..., :1]], -1), {"channels": "last"}, (4, 4, 5)),
        ((NOISE + SHIFT)[..., 0], {"kind": "sequence"}, (4, 5)),
        ((NOISE + SHIFT)[..., 0], {"kind": "image"}, (1, 4, 5)),
        ((NOISE * 4095).astype(np.uint16), {"channels": "last"}, (3, 4, 5)),
    ],
    ids=["floats", "four channels", "sequences", "grey floats", "16 bits"],
)
def test_arrays_of_every_kind_in_a_study(
    x: Any, options: dict[str, Any], shape: tuple[int, ...], tmp_path: Path
) -> None:
    np.savez(tmp_path / "own.npz", x=x, y=Y)
    made = study(
        data={"path": str(tmp_path / "own.npz"), **options},
        active__learner={"name": "backprop", "net": "mlp", "steps": 3},
    )
    assert settings_from(made).data.get("kind") == options.get("kind")
    result = run_study(made, tmp_path / "out", workers=0)
    assert not result.failed
    assert result.done
    assert load_dataset(tmp_path / "own.npz", **options).task.shape == shape
