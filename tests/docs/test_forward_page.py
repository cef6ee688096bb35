"""What docs/forward-forward.md shows runs, and it names every entry of every axis."""

import re
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from pauca import forward
from pauca.study import plan, read_study

PAGE = (Path(__file__).parents[2] / "docs" / "forward-forward.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(found)


def test_the_python_example_runs() -> None:
    x, y = load_digits(return_X_y=True)
    images = (x[:400].reshape(-1, 8, 8) * 15).astype(np.uint8)
    names: dict[str, object] = {"images": images, "labels": y[:400].astype(str)}
    exec(block("python").replace("steps=300", "steps=20"), names)
    assert "model" in names


def test_the_study_is_one(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(block("toml"), encoding="utf-8")
    assert len(plan(read_study(file), lambda data: 10)) == 15


def test_every_entry_stands_in_a_table() -> None:
    for axis in (
        forward.goodnesses,
        forward.losses,
        forward.label_codes,
        forward.negatives,
        forward.normalisations,
        forward.schedules,
        forward.readouts,
        forward.layers,
    ):
        for name in axis.names():
            assert f"| `{name}` |" in PAGE
