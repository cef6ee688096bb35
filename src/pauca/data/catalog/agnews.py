"""AG News: news in four subjects (Zhang, Zhao and LeCun, NeurIPS 2015)."""

from pauca.data.catalog._entry import Entry, datasets
from pauca.data.catalog._hub_texts import HubTexts, text_dataset
from pauca.data.dataset import Dataset
from pauca.data.images import Progress

# the Hub's columns: text, label
_SOURCE = HubTexts("fancyzhx/ag_news", (120_000, 7_600))


def _read(*, vocabulary: int = 4096, progress: Progress | None = None) -> Dataset:
    return text_dataset(ENTRY, _SOURCE, vocabulary=vocabulary, progress=progress)


ENTRY = Entry(
    name="agnews",
    kind="text",
    summary="titles and first lines of news in four subjects, 120,000 / 7,600",
    source=f"Hub: {_SOURCE.repo}",
    licence="unknown; from AG's corpus, for non-commercial research (Gulli, 2005)",
    class_count=4,
    classes=("World", "Sports", "Business", "Sci/Tech"),
    read=_read,
    folder="agnews/{train,test}.csv with columns text, label; or parquet as on the Hub",
    notes=("the texts themselves are kept as the sources of the items",),
)
datasets.register(ENTRY.name)(ENTRY)
