"""BreakHis: microscopy of breast tumours, benign or malignant (Spanhol et al., IEEE TBME, 2016)."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from pauca.checks import check_fraction
from pauca.data.augment import RandomFlip
from pauca.data.cache import cached_images
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import evaluation, training
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.images import ImageForm, Progress, Size, both_sides, decode_all
from pauca.data.labels import group_split
from pauca.data.rows import data_folder
from pauca.errors import DataError
from pauca.formats.folder import blocks_of

Magnification = Literal["all", "40X", "100X", "200X", "400X"]

_PIXELS = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# SOB_B_TA-14-4659-40-001.png: procedure, class, type, year, slide (with letters), power, number
_NAME = re.compile(
    r"^SOB_(?P<side>[BM])_(?P<type>[A-Z]+)-(?P<year>\d+)-(?P<slide>\d+)(?P<part>[A-Z]*)"
    r"-(?P<power>\d+)-(?P<number>\d+)$"
)


def _read(
    *,
    magnification: Magnification = "40X",
    size: Size = 224,
    test_fraction: float = 0.25,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    check_fraction(test_fraction, "test_fraction", open_end=True)
    root = _root()
    files = _files(root, magnification)
    names = [file.relative_to(root).as_posix() for file in files]
    y = torch.tensor([0 if file.name.startswith("SOB_B") else 1 for file in files])
    patients = [patient_of(file) for file in files]
    side = both_sides(size)
    form = ImageForm(*side, mode="RGB", fit="crop")
    held = patient_split(patients, y, test_fraction, seed)
    kept, out = (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)
    x, said = cached_images(
        files,
        asdict(form),
        lambda: decode_all(blocks_of(files), len(files), form, names.__getitem__, progress),
        n=len(files),
    )
    if progress is not None:
        progress(1.0)
    whole = Split(x, y, sources=tuple(names))
    note = (
        f"{magnification}: {len(set(patients))} patients, none in both parts (seed {seed}); images "
        f"of 700 x 460 pixels were cut to the middle and brought to {side[0]} x {side[1]}"
    )
    return Dataset(
        task=Task(
            ENTRY.name,
            ENTRY.kind,
            form.shape,
            ENTRY.classes,
            evaluation(_PIXELS),
            training(_PIXELS, RandomFlip("horizontal"), RandomFlip("vertical")),
        ),
        train=whole.take(kept),
        test=whole.take(out) if len(out) else None,
        licence=ENTRY.licence,
        source="local copy PAUCA_DATA/breakhis, as its authors give it",
        notes=(*ENTRY.notes, note, *said),
    )


def patient_of(file: Path) -> str:
    """Year and number of the slide without its letters: the same for every slide of a patient.

    Raises:
        DataError: the file is not named as BreakHis names its images.
    """
    found = _NAME.match(file.stem)
    if found is None:
        raise DataError(
            "the name of an image does not say its patient",
            expected="SOB_B_TA-14-4659-40-001.png",
            got=file.name,
            where=str(file.parent),
            todo="keep the names that BreakHis gives",
        )
    return f"{found['year']}-{found['slide']}"


def patient_split(patients: Sequence[str], y: Tensor, test_fraction: float, seed: int) -> Tensor:
    """Which images are held out, bool [n]: whole patients, about that share of each class.

    A patient is never cut, and each class has one in both parts where it has two.
    """
    number = {patient: i for i, patient in enumerate(sorted(set(patients)))}
    groups = torch.tensor([number[patient] for patient in patients])
    return group_split(groups, y, test_fraction, seed)


def _root() -> Path:
    folder = data_folder("breakhis")
    if folder is None:
        raise DataError(
            "breakhis is not in the data folder",
            expected="PAUCA_DATA/breakhis/BreaKHis_v1/histology_slides/breast/...",
            todo="ask its authors for BreaKHis_v1.tar.gz, unpack it there, and set PAUCA_DATA",
        )
    for place in ("BreaKHis_v1/histology_slides/breast", "histology_slides/breast", "breast", ""):
        root = folder / place
        if (root / "benign").is_dir() and (root / "malignant").is_dir():
            return root
    raise DataError(
        "the folder is not laid out as BreakHis is",
        expected="BreaKHis_v1/histology_slides/breast/{benign,malignant}/SOB/...",
        got=", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "an empty folder",
        where="PAUCA_DATA/breakhis",
        todo="unpack the archive of BreakHis into that folder",
    )


def _files(root: Path, magnification: Magnification) -> list[Path]:
    power = "*" if magnification == "all" else magnification
    files = sorted(root.glob(f"*/SOB/*/*/{power}/*.png"))
    if not files:
        raise DataError(
            "there are no images of this magnification",
            expected=f"{{benign,malignant}}/SOB/<type>/<slide>/{magnification}/*.png",
            where=str(root),
            todo="unpack the whole archive, or choose another magnification",
        )
    return files


ENTRY = Entry(
    name="breakhis",
    kind="image",
    summary="microscopy of breast tumours, benign or malignant, 7,909 images of 82 patients",
    source="BreaKHis_v1, from its authors (Laboratorio Visao Robotica e Imagem, UFPR)",
    licence="CC BY 4.0; registration with its authors",
    class_count=2,
    classes=("benign", "malignant"),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomFlip("horizontal"), RandomFlip("vertical")),
    folder="breakhis/BreaKHis_v1/histology_slides/breast/{benign,malignant}/SOB/...",
    notes=("slides whose numbers differ only in letters count as one patient",),
)
datasets.register(ENTRY.name)(ENTRY)
