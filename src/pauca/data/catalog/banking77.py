"""Banking77: questions to a bank in 77 intents (Casanueva et al., NLP4ConvAI, 2020)."""

from typing import TYPE_CHECKING

from pauca.data.catalog._entry import Entry, datasets
from pauca.data.columns import ColumnOptions, items_of
from pauca.data.dataset import Dataset
from pauca.data.images import Progress
from pauca.data.rows import AbstractRows, data_folder, open_rows, parquet_files
from pauca.data.tables import table_dataset
from pauca.formats import read_items

if TYPE_CHECKING:
    import pandas as pd

# the Hub's columns: text, label, label_text; the original csv files: text, category
_REPO = "mteb/banking77"


def _read(*, vocabulary: int = 4096, progress: Progress | None = None) -> Dataset:
    folder = data_folder(ENTRY.name)
    if folder is not None and not parquet_files(folder, "train"):
        train, test = (
            read_items(folder / f"{split}.csv").train.frame for split in ("train", "test")
        )
        label, source = "category", f"local copy PAUCA_DATA/{ENTRY.name}, csv"
    else:
        train, test = map(_frame, open_rows(ENTRY.name, _REPO, None, ("train", "test")))
        label, source = "label_text", f"Hub: {_REPO}"
    if progress is not None:
        progress(0.5)
    options = ColumnOptions(label=label, text=("text",), vocabulary=vocabulary)
    return table_dataset(
        ENTRY.name,
        items_of(train, test, ENTRY.name),
        options,
        licence=ENTRY.licence,
        source=source,
        notes=ENTRY.notes,
    )


def _frame(rows: AbstractRows) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({name: rows.column(name) for name in ("text", "label_text")})


ENTRY = Entry(
    name="banking77",
    kind="text",
    summary="questions of a bank's customers in 77 intents, 10,003 / 3,080",
    source=f"Hub: {_REPO}",
    licence="CC BY 4.0 (PolyAI)",
    class_count=77,
    read=_read,
    folder="banking77/{train,test}.csv with columns text, category; or parquet as on the Hub",
    notes=("the texts themselves are kept as the sources of the items",),
)
datasets.register(ENTRY.name)(ENTRY)
