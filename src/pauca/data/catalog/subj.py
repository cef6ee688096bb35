"""SUBJ: subjective and objective sentences about films (Pang and Lee, ACL 2004)."""

from pauca.data.catalog._entry import Entry, datasets
from pauca.data.catalog._hub_texts import HubTexts, text_dataset
from pauca.data.dataset import Dataset
from pauca.data.images import Progress

# the Hub's columns: text, label, label_text
_SOURCE = HubTexts("SetFit/subj", (8_000, 2_000), hub_label="label_text")


def _read(*, vocabulary: int = 4096, progress: Progress | None = None) -> Dataset:
    return text_dataset(ENTRY, _SOURCE, vocabulary=vocabulary, progress=progress)


ENTRY = Entry(
    name="subj",
    kind="text",
    summary="sentences about films, subjective or objective, 8,000 / 2,000",
    source=f"Hub: {_SOURCE.repo}",
    licence="unknown; published for research (Pang and Lee, 2004)",
    class_count=2,
    classes=("objective", "subjective"),
    read=_read,
    folder="subj/subj.csv with columns text, label (a fifth is held out); or {train,test}.csv; "
    "or parquet as on the Hub",
    notes=("the texts themselves are kept as the sources of the items",),
)
datasets.register(ENTRY.name)(ENTRY)
