"""20 Newsgroups: posts to twenty groups of Usenet (Lang, ICML 1995)."""

from pauca.data.catalog._entry import Entry, datasets
from pauca.data.catalog._hub_texts import HubTexts, text_dataset
from pauca.data.dataset import Dataset
from pauca.data.images import Progress

# the Hub's columns: text, label, label_text; its parts are those of the version by date
_SOURCE = HubTexts("SetFit/20_newsgroups", (11_314, 7_532), hub_label="label_text")
_CLASSES = """
alt.atheism comp.graphics comp.os.ms-windows.misc comp.sys.ibm.pc.hardware comp.sys.mac.hardware
comp.windows.x misc.forsale rec.autos rec.motorcycles rec.sport.baseball rec.sport.hockey sci.crypt
sci.electronics sci.med sci.space soc.religion.christian talk.politics.guns talk.politics.mideast
talk.politics.misc talk.religion.misc
"""


def _read(*, vocabulary: int = 4096, progress: Progress | None = None) -> Dataset:
    return text_dataset(ENTRY, _SOURCE, vocabulary=vocabulary, progress=progress)


ENTRY = Entry(
    name="newsgroups",
    kind="text",
    summary="posts to twenty newsgroups, by date 11,314 / 7,532, the empty ones left out",
    source=f"Hub: {_SOURCE.repo}",
    licence="unknown; public posts of 1993, collected for research (Lang, 1995)",
    class_count=20,
    classes=tuple(_CLASSES.split()),
    read=_read,
    folder="newsgroups/newsgroups.csv with columns text, label (a fifth is held out); or "
    "{train,test}.csv; or parquet as on the Hub",
    notes=(
        "the texts themselves are kept as the sources of the items",
        "headers are off; what posts quote of each other may still be there",
    ),
)
datasets.register(ENTRY.name)(ENTRY)
