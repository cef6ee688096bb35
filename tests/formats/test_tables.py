"""A folder with training and test files, whatever they are written in."""

from pathlib import Path

import pytest

from pauca.errors import DataError
from pauca.formats import Items, TextOptions, formats


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def read(folder: Path) -> Items:
    return formats.make("csv", {}).read_items(folder, TextOptions())


@pytest.mark.parametrize("test", ["test", "valid", "validation"])
@pytest.mark.parametrize("place", ["", "data__"])
def test_a_folder_with_train_and_test(tmp_path: Path, test: str, place: str) -> None:
    write(tmp_path, **{f"{place}train_csv": "a,b\n1,2\n", f"{place}{test}_csv": "b,a\n3,4\n"})
    items = read(tmp_path)
    assert items.test is not None
    assert items.train.frame.to_dict("records") == [{"a": "1", "b": "2"}]
    assert items.test.frame.to_dict("list") == {"a": ["4"], "b": ["3"]}
    assert list(items.test.frame.columns) == ["a", "b"]
    assert items.train.notes == ("training part: train.csv", f"test part: {test}.csv")


def test_pieces_are_joined_in_their_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "train-00001-of-00002_csv": "b,a\n4,3\n",
            "train-00000-of-00002_csv": "a,b\n1,2\n",
            "train_labels_csv": "x\n1\n",
        },
    )
    items = read(tmp_path)
    assert items.train.frame.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}
    assert items.train.lines is None
    assert items.train.notes[0].startswith("training part: train-00000-of-00002.csv, train-00001")
    assert items.train.notes[1] == "left out: train_labels.csv"


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    write(
        tmp_path, train_csv="a\n1\n", train_old_csv="a\n2\n", test_csv="a\n3\n", valid_csv="a\n4\n"
    )
    items = read(tmp_path)
    assert items.train.frame["a"].tolist() == ["1"]
    assert items.train.notes[-1] == "left out: train_old.csv, valid.csv"


def test_folders_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no training part; expected: train\.csv; got: nothing"):
        read(tmp_path)
    write(tmp_path, train_a_csv="a\n1\n", train_b_csv="a\n1\n")
    with pytest.raises(
        DataError, match=r"more than one file.*train_a.csv, train_b.csv.*train\.csv"
    ):
        read(tmp_path)
    write(tmp_path, train_csv="a,b\n1,2\n", test_csv="a,c\n1,2\n")
    with pytest.raises(DataError, match=r"different columns; expected: a, b .*got: a, c"):
        read(tmp_path)
