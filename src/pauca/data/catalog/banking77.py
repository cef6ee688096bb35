"""Banking77: questions to a bank in 77 intents (Casanueva et al., NLP4ConvAI, 2020)."""

from pauca.data.catalog._entry import Entry, datasets
from pauca.data.catalog._hub_texts import HubTexts, text_dataset
from pauca.data.dataset import Dataset
from pauca.data.images import Progress

# the Hub's columns: text, label, label_text; the original csv files: text, category
_SOURCE = HubTexts("mteb/banking77", (10_003, 3_080), label="category", hub_label="label_text")


def _read(*, vocabulary: int = 4096, progress: Progress | None = None) -> Dataset:
    return text_dataset(ENTRY, _SOURCE, vocabulary=vocabulary, progress=progress)


ENTRY = Entry(
    name="banking77",
    kind="text",
    summary="questions of a bank's customers in 77 intents, 10,003 / 3,080",
    source=f"Hub: {_SOURCE.repo}",
    licence="CC BY 4.0 (PolyAI)",
    class_count=77,
    read=_read,
    folder="banking77/{train,test}.csv with columns text, category; or parquet as on the Hub",
    notes=("the texts themselves are kept as the sources of the items",),
)
datasets.register(ENTRY.name)(ENTRY)
