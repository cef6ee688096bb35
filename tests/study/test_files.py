"""Every study file that comes with pauca is in order."""

from pathlib import Path

import pytest

from pauca.study.reading import read_study, variants

FILES = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))


def test_there_are_some() -> None:
    assert len(FILES) > 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_is_read_and_named_after_its_file(path: Path) -> None:
    settings = read_study(path)
    assert settings.name == path.stem
    assert variants(settings)
    kinds = (settings.active, settings.models, settings.emergence)
    assert any(kind is not None for kind in kinds)
