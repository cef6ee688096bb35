"""EMNIST by class: handwritten digits and letters in 62 classes (Cohen et al., 2017)."""

import string
from pathlib import Path

from torch import Tensor

from pauca.data.augment import RandomCrop
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import evaluation, training
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.idx import read_idx
from pauca.data.images import Progress
from pauca.data.rows import data_folder
from pauca.errors import DataError

_PIXELS = Normalisation((0.1736,), (0.3317,))


def _read(*, progress: Progress | None = None) -> Dataset:
    folder = data_folder("emnist-byclass")
    if folder is None:
        raise DataError(
            "emnist-byclass is not in the data folder",
            expected="four files emnist-byclass-{train,test}-{images-idx3,labels-idx1}-ubyte.gz",
            where="PAUCA_DATA/emnist-byclass",
            todo="take gzip.zip from the EMNIST page of NIST, put the four files there, "
            "and set PAUCA_DATA",
        )
    train, test = _split(folder, "train"), _split(folder, "test")
    if progress is not None:
        progress(1.0)
    shape = (1, *train.x.shape[2:])
    return Dataset(
        task=Task(
            ENTRY.name,
            ENTRY.kind,
            shape,
            ENTRY.classes,
            evaluation(_PIXELS),
            training(_PIXELS, RandomCrop(2)),
        ),
        train=train,
        test=test,
        licence=ENTRY.licence,
        source="local copy PAUCA_DATA/emnist-byclass, as NIST gives it",
        notes=ENTRY.notes,
    )


def _split(folder: Path, split: str) -> Split:
    images = read_idx(_file(folder, f"emnist-byclass-{split}-images-idx3-ubyte"))
    labels = read_idx(_file(folder, f"emnist-byclass-{split}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            "images and labels do not belong together",
            expected="[n, 28, 28] and [n]",
            got=f"{list(images.shape)} and {list(labels.shape)}",
            where=f"PAUCA_DATA/emnist-byclass, {split}",
            todo="fetch the files of this part again",
        )
    return Split(_upright(images), labels.long())


def _upright(images: Tensor) -> Tensor:
    """[n, w, h] as stored, columns first -> [n, 1, h, w]."""
    return images.transpose(1, 2).unsqueeze(1).contiguous()


def _file(folder: Path, stem: str) -> Path:
    for name in (f"{stem}.gz", stem, f"gzip/{stem}.gz"):
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        "a file is missing",
        expected=f"{stem}.gz",
        got=", ".join(sorted(p.name for p in folder.iterdir())) or "an empty folder",
        where="PAUCA_DATA/emnist-byclass",
        todo="put the four files of EMNIST by class there",
    )


ENTRY = Entry(
    name="emnist-byclass",
    kind="image",
    summary="handwritten digits and letters, 28 x 28 grey, 62 uneven classes, 697,932 / 116,323",
    source="NIST, EMNIST by class, IDX files",
    licence="public domain (NIST Special Database 19)",
    class_count=62,
    classes=tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(2)),
    folder="emnist-byclass/emnist-byclass-{train,test}-{images-idx3,labels-idx1}-ubyte.gz",
    notes=("the files hold every image transposed; it is turned upright here",),
)
datasets.register(ENTRY.name)(ENTRY)
