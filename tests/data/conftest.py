from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PAUCA_DATA."""
    folder = tmp_path / "data-folder"
    folder.mkdir()
    monkeypatch.setenv("PAUCA_DATA", str(folder))
    return folder
