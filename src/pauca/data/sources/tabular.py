"""Tables of one's own: csv and jsonl; a file, or a folder with train and test files."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.data.columns import ColumnOptions, Missing, items_of
from pauca.data.dataset import Dataset
from pauca.data.frames import read_csv, read_jsonl
from pauca.data.images import Progress
from pauca.data.sources._registry import own_sources
from pauca.data.tables import table_dataset

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_source", "jsonl_source"]


@own_sources.register("csv")
def csv_source(
    *,
    path: Path,
    label: str | None = None,
    text: str | None = None,
    features: tuple[str, ...] | None = None,
    group: str | None = None,
    classes: tuple[str, ...] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    missing: Missing = "refuse",
    vocabulary: int = 4096,
    progress: Progress | None = None,
) -> Dataset:
    """A csv file, or a folder with train.csv and test.csv; options are those of ColumnOptions."""
    options = ColumnOptions(
        label=label,
        text=None if text is None else (text,),
        features=features,
        group=group,
        classes=classes,
        test_fraction=test_fraction,
        seed=seed,
        missing=missing,
        vocabulary=vocabulary,
    )
    return _tables(path, "csv", read_csv, options, progress)


@own_sources.register("jsonl")
def jsonl_source(
    *,
    path: Path,
    label: str | None = None,
    text: str | None = None,
    features: tuple[str, ...] | None = None,
    group: str | None = None,
    classes: tuple[str, ...] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    missing: Missing = "refuse",
    vocabulary: int = 4096,
    progress: Progress | None = None,
) -> Dataset:
    """A jsonl file, or a folder with train.jsonl and test.jsonl; options as for csv."""
    options = ColumnOptions(
        label=label,
        text=None if text is None else (text,),
        features=features,
        group=group,
        classes=classes,
        test_fraction=test_fraction,
        seed=seed,
        missing=missing,
        vocabulary=vocabulary,
    )
    return _tables(path, "jsonl", read_jsonl, options, progress)


def _tables(
    path: Path,
    suffix: str,
    read: Callable[[Path], "pd.DataFrame"],
    options: ColumnOptions,
    progress: Progress | None,
) -> Dataset:
    test = None
    if path.is_dir():
        train = read(path / f"train.{suffix}")
        if (path / f"test.{suffix}").exists():
            test = read(path / f"test.{suffix}")
    else:
        train = read(path)
    made = table_dataset(
        path.stem,
        items_of(train, test, path.name),
        options,
        source=f"{suffix}: {path.name}",
    )
    if progress is not None:
        progress(1.0)
    return made
