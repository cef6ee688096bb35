"""Named image data sets that the Hub keeps as parquet: one column of images, one of labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from pauca.data.augment import AbstractStep, Normalise, Pipeline, ToFloat
from pauca.data.cache import cached_images
from pauca.data.catalog._entry import Entry, Normalisation
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.images import ImageForm, Progress, decode_all
from pauca.data.rows import data_folder, open_rows, row_name
from pauca.errors import DataError
from pauca.formats.parquet import AbstractRows, pictures_of

__all__ = ["HubImages", "evaluation", "image_dataset", "training"]


@dataclass(frozen=True)
class HubImages:
    """Where the images of a data set are and what their columns are called.

    Args:
        folder: Sub-folder of PAUCA_DATA.
        repo: Repository on the Hub.
        image: Column of the images.
        label: Column of the labels.
        config: Configuration on the Hub.
        train: Splits that make up the pool, joined in this order.
        test: Split to test on.
        extras: Further whole-number columns to read.
    """

    folder: str
    repo: str
    image: str = "image"
    label: str = "label"
    config: str | None = None
    train: tuple[str, ...] = ("train",)
    test: str = "test"
    extras: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class ReadSplit:
    """One split: uint8 images [n, channels, h, w], int64 labels [n], int64 extra columns [n]."""

    x: Tensor
    y: Tensor
    extras: Mapping[str, Tensor]


def evaluation(normalisation: Normalisation) -> Pipeline:
    """Pixels in [0, 1], normalised; no randomness."""
    return Pipeline((ToFloat(), Normalise(normalisation.mean, normalisation.std)))


def training(normalisation: Normalisation, *steps: AbstractStep) -> Pipeline:
    """The evaluation transform with random steps on pixels in [0, 1]: padding is black."""
    return Pipeline((ToFloat(), *steps, Normalise(normalisation.mean, normalisation.std)))


def image_dataset(
    entry: Entry,
    source: HubImages,
    form: ImageForm,
    *,
    progress: Progress | None = None,
    finish: Callable[[ReadSplit], Split] | None = None,
    group_names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Read a named image data set, from its local copy or from the Hub.

    Args:
        entry: What the catalogue says of it.
        source: Where it is.
        form: What every image becomes.
        progress: Told which fraction is done.
        finish: Makes a Split (with groups, say) of what was read; plain by default.
        group_names: Names of the groups.
        notes: What was done to the data.

    Raises:
        DataError: not found, not whole, or not as the catalogue says.
    """
    rows = open_rows(source.folder, source.repo, source.config, (*source.train, source.test))
    classes = _classes(entry, rows[0], source.label)
    labels = [_read_labels(one, source, classes) for one in rows]
    x, said = _read_images(rows, source.image, form, progress)
    cut = len(x) - rows[-1].n
    make = finish or (lambda part: Split(part.x, part.y))
    if entry.evaluate is None or entry.train is None:
        raise DataError(
            "the entry has no transforms",
            where=entry.name,
            todo="give the entry both evaluate and train",
        )
    task = Task(entry.name, "image", form.shape, classes, entry.evaluate, entry.train)
    return Dataset(
        task=task,
        train=make(_joined(x[:cut], labels[:-1])),
        test=make(_joined(x[cut:], labels[-1:])),
        group_names=group_names,
        licence=entry.licence,
        source=_source(source),
        notes=(*entry.notes, *notes, *said),
    )


def _read_labels(
    rows: AbstractRows, source: HubImages, classes: tuple[str, ...]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Labels and extra columns of one split, int64 [n] each."""
    rows.check_columns((source.image, source.label, *source.extras))
    named = rows.class_names(source.label)
    y = _labels(rows.column(source.label), named, classes, rows.where)
    return y, {name: torch.tensor(rows.column(name)).long() for name in source.extras}


def _read_images(
    rows: Sequence[AbstractRows], column: str, form: ImageForm, progress: Progress | None
) -> tuple[Tensor, tuple[str, ...]]:
    """The images of all splits in one tensor, and where they are kept."""
    n = sum(one.n for one in rows)

    def decode() -> Tensor:
        blocks = (block for one in rows for block in pictures_of(one, column))
        return decode_all(blocks, n, form, lambda i: row_name(rows, i), progress)

    files = tuple(file for one in rows for file in one.files)
    options = {"image": column, "rows": [one.n for one in rows], **asdict(form)}
    found = cached_images(files if all(one.files for one in rows) else (), options, decode, n=n)
    if progress is not None:
        progress(1.0)
    return found


def _joined(x: Tensor, labels: Sequence[tuple[Tensor, Mapping[str, Tensor]]]) -> ReadSplit:
    extras = {name: torch.cat([more[name] for _, more in labels]) for name in labels[0][1]}
    return ReadSplit(x, torch.cat([y for y, _ in labels]), extras)


def _classes(entry: Entry, rows: AbstractRows, label: str) -> tuple[str, ...]:
    if entry.classes:
        return entry.classes
    named = rows.class_names(label)
    count = entry.class_count or 0
    if named is None:
        return tuple(str(i) for i in range(count))
    if len(named) != count:
        raise DataError(
            "the files name another number of classes",
            expected=count,
            got=len(named),
            where=rows.where,
            todo=f"check that this is {entry.name}",
        )
    return named


def _labels(
    values: list[int | str | None],
    named: tuple[str, ...] | None,
    classes: tuple[str, ...],
    where: str,
) -> Tensor:
    if any(not isinstance(value, int) for value in values):
        row = next(i for i, value in enumerate(values) if not isinstance(value, int))
        raise DataError(
            "a label is not a number of a class",
            got=repr(values[row]),
            where=f"{where}, row {row}",
            todo="fetch the local copy again: its files are not those of the catalogue",
        )
    y = torch.tensor(values, dtype=torch.int64)
    if len(y) and (int(y.min()) < 0 or int(y.max()) >= len(classes)):
        row = int(((y < 0) | (y >= len(classes))).nonzero()[0])
        raise DataError(
            "a label is not in the class list",
            expected=f"0 to {len(classes) - 1}",
            got=int(y[row]),
            where=f"{where}, row {row}",
            todo="fetch the local copy again: its files are not those of the catalogue",
        )
    if named is not None and named != classes and set(named) == set(classes):
        # the same names in another order: go by the names
        y = torch.tensor([classes.index(name) for name in named])[y]
    return y


def _source(source: HubImages) -> str:
    if data_folder(source.folder) is not None:
        return f"local copy PAUCA_DATA/{source.folder}, in the layout of {source.repo}"
    return f"Hub: {source.repo}"
