"""Named sets of texts: csv files of one's own copy, or the Hub's parquet, one class a text."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.data.catalog._entry import Entry
from pauca.data.columns import ColumnOptions, items_of
from pauca.data.dataset import Dataset
from pauca.data.images import Progress
from pauca.data.labels import encode_labels, stratified_split
from pauca.data.rows import (
    data_folder,
    missing_part,
    open_rows,
)
from pauca.data.tables import table_dataset
from pauca.formats import read_items
from pauca.formats.parquet import AbstractRows, check_has_columns, parquet_files

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HubTexts", "text_dataset"]

_HELD_OUT = 0.2
_CUT = 0.01  # share of texts of exactly the greatest length from which they count as cut


@dataclass(frozen=True)
class HubTexts:
    """Where the texts of a data set are and what their columns are called.

    A local copy is ``train.csv`` and ``test.csv``, or one csv file with the name of the data set,
    or parquet as on the Hub.

    Args:
        repo: Repository on the Hub, with a train and a test part.
        published: Texts of the training and the test part; a copy with fewer is said to be a part.
        label: Column of the labels in csv files.
        hub_label: Column of the labels on the Hub: numbers of classes, or their names.
    """

    repo: str
    published: tuple[int, int]
    label: str = "label"
    hub_label: str = "label"


def text_dataset(
    entry: Entry, source: HubTexts, *, vocabulary: int = 4096, progress: Progress | None = None
) -> Dataset:
    """Read a named set of texts, from its local copy or from the Hub.

    Texts without a character are left out. A copy in one file has no test part: a fifth of every
    class is held out, always the same. All of this is said in the notes.

    Args:
        entry: What the catalogue says of it.
        source: Where it is.
        vocabulary: Most words of the tf-idf features.
        progress: Told which fraction is done.

    Raises:
        DataError: not found, a column is missing, or a label is none of the classes.
    """
    label, said, frames = _frames(entry.name, source)
    if progress is not None:
        progress(0.5)
    frames, notes = _without_empty(frames, entry.name)
    notes += _parts(frames, source.published) + _cut(frames)
    train, test, held = _split(frames, label, entry)
    options = ColumnOptions(
        label=label, text=("text",), vocabulary=vocabulary, classes=entry.classes or None
    )
    return table_dataset(
        entry.name,
        items_of(train, test, entry.name),
        options,
        licence=entry.licence,
        source=said,
        notes=(*entry.notes, *notes, *held),
    )


def _frames(name: str, source: HubTexts) -> tuple[str, str, list["pd.DataFrame"]]:
    """Column of the labels, what is said of the source, and one frame or two with their texts."""
    folder = data_folder(name)
    if folder is None or parquet_files(folder, "train"):
        rows = open_rows(name, source.repo, None, ("train", "test"))
        said = f"Hub: {source.repo}"
        if folder is not None:
            said = f"local copy PAUCA_DATA/{name}, in the layout of {source.repo}"
        return source.hub_label, said, [_frame(one, source.hub_label) for one in rows]
    frames = [read_items(file).train.frame for file in _csv_files(folder, name, source.repo)]
    for frame in frames:
        check_has_columns(("text", source.label), tuple(frame.columns), name)
    return source.label, f"local copy PAUCA_DATA/{name}, csv", frames


def _csv_files(folder: Path, name: str, repo: str) -> tuple[Path, ...]:
    alone, train, test = (folder / f"{stem}.csv" for stem in (name, "train", "test"))
    if alone.exists() and not train.exists():
        return (alone,)
    for file in (train, test):
        if not file.exists():
            expected = f"train.csv and test.csv, {name}.csv, or parquet in the layout of {repo}"
            raise missing_part(folder, name, repo, file.stem, expected)
    return train, test


def _frame(rows: AbstractRows, label: str) -> "pd.DataFrame":
    """Texts and labels; numbers of classes become names where the files know these."""
    import pandas as pd

    frame = pd.DataFrame({name: rows.column(name) for name in ("text", label)})
    names = rows.class_names(label)
    if names is not None:
        frame[label] = [names[value] for value in frame[label]]
    return frame


def _without_empty(
    frames: list["pd.DataFrame"], name: str
) -> tuple[list["pd.DataFrame"], tuple[str, ...]]:
    kept = [frame[frame["text"].fillna("").str.strip() != ""] for frame in frames]
    gone = sum(map(len, frames)) - sum(map(len, kept))
    note = f"{gone} of {sum(map(len, frames)):,} texts are empty and were left out"
    return kept, (note,) if gone else ()


def _parts(frames: list["pd.DataFrame"], published: tuple[int, int]) -> tuple[str, ...]:
    """Said of a copy that lacks more than 1% of the texts."""
    here, whole = [len(frame) for frame in frames], list(published)
    if len(here) == 1:
        whole = [sum(published)]
    if all(some >= 0.99 * all_ for some, all_ in zip(here, whole, strict=True)):
        return ()
    words = ("training texts", "test texts") if len(here) == 2 else ("texts",)
    counts = [
        f"{some:,} of {all_:,} {word}" for some, all_, word in zip(here, whole, words, strict=True)
    ]
    return (f"this copy is a part of the data set: {', '.join(counts)}; say so of results",)


def _cut(frames: list["pd.DataFrame"]) -> tuple[str, ...]:
    """Said where many texts have exactly the greatest length: somebody cut them there."""
    lengths = Counter(len(text) for frame in frames for text in frame["text"])
    longest = max(lengths, default=0)
    if len(lengths) < 2 or lengths[longest] < max(2, _CUT * lengths.total()):
        return ()
    return (f"{lengths[longest]:,} texts have exactly {longest:,} letters: cut there in this copy",)


def _split(
    frames: list["pd.DataFrame"], label: str, entry: Entry
) -> tuple["pd.DataFrame", "pd.DataFrame", tuple[str, ...]]:
    if len(frames) == 2:
        return frames[0], frames[1], ()
    y = encode_labels(frames[0][label].tolist(), entry.classes, entry.name)
    kept, held = stratified_split(y, _HELD_OUT, 0)
    note = (
        f"the copy has no test part: {len(held):,} of {len(y):,} texts were held out, the same "
        "share of every class, always the same texts"
    )
    return frames[0].iloc[kept.tolist()], frames[0].iloc[held.tolist()], (note,)
