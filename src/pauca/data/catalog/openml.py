"""Tables of OpenML by their number (Vanschoren et al., SIGKDD Explorations, 2013)."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.checks import check_count
from pauca.data.catalog._entry import Entry, datasets
from pauca.data.columns import LABEL_NAMES, ColumnOptions, Missing, Unusable, items_of
from pauca.data.dataset import Dataset
from pauca.data.images import Progress
from pauca.data.labels import Copies
from pauca.data.rows import data_folder
from pauca.data.tables import table_dataset
from pauca.errors import DataError
from pauca.formats import read_items

if TYPE_CHECKING:
    import pandas as pd


def _read(
    *,
    id: int,
    label: str | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    missing: Missing = "refuse",
    unusable: Unusable = "refuse",
    features: tuple[str, ...] | None = None,
    classes: tuple[str, ...] | None = None,
    join_labels: bool = False,
    copies: Copies = "note",
    progress: Progress | None = None,
) -> Dataset:
    check_count(id, "id", least=1)
    file = _local(id)
    if file is not None:
        frame = read_items(file).train.frame
        target, source = label or _target(frame), f"local copy PAUCA_DATA/openml/{file.name}"
    else:
        frame, named = fetch(id)
        target, source = label or named, f"OpenML: {id}"
    if progress is not None:
        progress(0.5)
    options = ColumnOptions(
        label=target,
        test_fraction=test_fraction,
        seed=seed,
        missing=missing,
        unusable=unusable,
        features=features,
        # the columns of a published table are its features
        keep=tuple(str(column) for column in frame.columns),
        classes=classes,
        join_labels=join_labels,
        copies=copies,
    )
    return table_dataset(
        f"openml:{id}",
        items_of(frame, None, f"openml:{id}"),
        options,
        licence=f"see openml.org/d/{id}",
        source=source,
        notes=(f"the label is column {target!r}",),
    )


def fetch(id: int) -> tuple["pd.DataFrame", str]:
    """The table and the name of its label column, from OpenML.

    Raises:
        DataError: not to be had, or it has no single label column.
    """
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning for each repeated attempt
            found = fetch_openml(data_id=id, as_frame=True, parser="pandas", delay=0.5)
    except (OSError, ValueError) as error:
        raise DataError(
            f"openml:{id} is neither in the data folder nor to be had from OpenML",
            expected=f"PAUCA_DATA/openml/{id}.csv or {id}.parquet, or a network",
            got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}",
            todo=f"save the table of openml.org/d/{id} as DATA/openml/{id}.csv and set "
            "PAUCA_DATA=DATA",
        ) from error
    names = list(found.target_names or ())
    if len(names) != 1:
        raise DataError(
            "the table has no single label column",
            got=", ".join(names) or "none",
            where=f"openml:{id}",
            todo="choose another table",
        )
    frame: pd.DataFrame = found.frame
    return frame, str(names[0])


def _local(id: int) -> Path | None:
    folder = data_folder("openml")
    names = (f"{id}.parquet", f"{id}.csv")
    return next((folder / n for n in names if (folder / n).is_file()), None) if folder else None


def _target(frame: "pd.DataFrame") -> str:
    """The column called as labels are, or the last one."""
    known = [str(name) for name in frame.columns if str(name).lower() in LABEL_NAMES]
    return known[0] if len(known) == 1 else str(frame.columns[-1])


ENTRY = Entry(
    name="openml:<id>",
    kind="table",
    summary="any table of OpenML by its number, such as openml:61 (iris)",
    source="OpenML, through scikit-learn",
    licence="each table has its own",
    class_count=None,
    read=_read,
    folder="openml/<id>.csv or <id>.parquet",
    notes=("words become one column each; empty cells are refused unless missing = 'mean'",),
    later=frozenset({"unusable", "features", "classes", "join_labels", "copies"}),
)
datasets.register(ENTRY.name)(ENTRY)
