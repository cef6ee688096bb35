"""Files and folders are there whole or not at all."""

from pathlib import Path

import pytest

from pauca.errors import UsageError
from pauca.label.atomic import new_file, new_folder


def half_a_file(path: Path) -> None:
    with new_file(path, force=True) as draft:
        draft.write_text("half")
        raise RuntimeError


def half_a_folder(path: Path) -> None:
    with new_folder(path, force=True) as draft:
        (draft / "b").write_text("half")
        raise RuntimeError


def beside_another(path: Path) -> None:
    with new_file(path) as draft:
        draft.write_text("ours")
        path.write_text("theirs")


def test_a_file_comes_when_all_is_well(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.txt"
    with new_file(path) as draft:
        draft.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    with pytest.raises(UsageError, match="is there already"), new_file(path):
        pass
    with pytest.raises(RuntimeError):
        half_a_file(path)
    assert path.read_text() == "one"
    with new_file(path, force=True) as draft:
        draft.write_text("two")
    assert path.read_text() == "two"
    assert [child.name for child in path.parent.iterdir()] == ["x.txt"]


def test_a_file_that_came_in_between_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(UsageError, match="in the meantime"):
        beside_another(path)
    assert path.read_text() == "theirs"


def test_a_folder_comes_when_all_is_well(tmp_path: Path) -> None:
    path = tmp_path / "tree"
    path.mkdir()  # empty: as good as none
    with new_folder(path) as draft:
        (draft / "a").write_text("one")
        assert not any(path.iterdir())
    assert (path / "a").read_text() == "one"
    with pytest.raises(UsageError, match="is there already"), new_folder(path):
        pass
    with pytest.raises(RuntimeError):
        half_a_folder(path)
    with new_folder(path, force=True) as draft:
        (draft / "b").write_text("two")
    assert [child.name for child in path.iterdir()] == ["b"]
    assert [child.name for child in tmp_path.iterdir()] == ["tree"]


def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file" / "x", tmp_path):
        with pytest.raises(UsageError), new_file(place, force=True):
            pass
    with pytest.raises(UsageError), new_folder(tmp_path / "file", force=True):
        pass
    assert (tmp_path / "file").read_text() == "x"


def test_the_folder_one_is_in_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for place in (".", "..", str(tmp_path), "/"):
        with pytest.raises(UsageError, match="is the one you are in"):
            half_a_folder(Path(place))
        with pytest.raises(UsageError, match="is there already"), new_file(Path(place)):
            pass
    with new_folder(Path("../empty/new")) as draft:
        (draft / "a").write_text("one")
    assert [str(path) for path in Path().rglob("*")] == ["new", "new/a"]
