"""A folder of images of one's own: one sub-folder a class, or none for an unlabelled pool."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from pauca.checks import check_fraction
from pauca.data.dataset import Dataset
from pauca.data.images import (
    IMAGE_SUFFIXES,
    Fit,
    Mode,
    Progress,
    Size,
    blocks_of,
    choose_form,
    decode_all,
    survey,
)
from pauca.data.labels import check_classes, held_out_note, places_of, stratified_split
from pauca.data.own import cut, image_dataset_of_own
from pauca.data.sources._registry import own_sources
from pauca.errors import DataError, nearest

__all__ = ["IMAGE_SUFFIXES", "TEST_NAMES", "TRAIN_NAMES", "folder_source"]

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")
"""Names of the sub-folders of a data set that is already split; of several, the first is taken."""


@dataclass(frozen=True)
class _Found:
    """What lies in one folder: the images, the class folder of each (or None), the other files."""

    files: list[Path]
    labels: list[str] | None
    others: list[Path]


@own_sources.register("folder")
def folder_source(
    *,
    path: Path,
    size: Size | None = None,
    mode: Mode | None = None,
    fit: Fit = "crop",
    flip: bool = False,
    classes: tuple[str, ...] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Images in one sub-folder a class, with or without train and test folders above, or flat.

    A flat folder is a pool without labels. Folders inside a class folder belong to the class.
    Hidden files and folders, and files that are not images by their suffix, are passed over.
    Photographs are turned upright, transparency becomes white, and grey of 16 or 32 bits and
    floats are scaled by the range of the set.

    Args:
        path: The folder.
        size: Side or (height, width). By default the size of the images if they have one size, and
            64 otherwise.
        mode: L or RGB; by default L if all images are grey, RGB otherwise.
        fit: How another shape becomes the wanted one: crop, stretch or pad.
        flip: Mirror half of the images left to right in training.
        classes: Every class; the folders by default.
        test_fraction: Share held out when there is no test folder and there are labels.
        seed: Decides which are held out.
        progress: Told which fraction is done.

    Raises:
        DataError: no images, one class only, images that cannot be read (the first are named),
            class folders that differ only in case, a class without images, too little memory.
    """
    check_fraction(test_fraction, "test_fraction", open_end=True)
    given = None if classes is None else check_classes(classes, "classes")
    parts = _parts(path)
    found = [_look(part) for part in parts]
    files = [file for one in found for file in one.files]
    names = [file.relative_to(path).as_posix() for file in files]
    form, notes = choose_form(survey(files, names.__getitem__, upright=True), size, mode, fit)
    others = [file for one in found for file in one.others]
    if others:
        notes = (*notes, f"{len(others)} files that are no images were passed over: {_few(others)}")
    if len(found) > 1 and (found[0].labels is None) != (found[1].labels is None):
        raise DataError("only one of train and test has class folders", where=str(path))
    labels = [label for one in found for label in one.labels or ()]
    known = given or (_class_folders(found[0]) if labels else ())
    y = torch.tensor([_number(label, known, path) for label in labels]) if labels else None
    kept, held = torch.arange(len(found[0].files)), torch.arange(len(found[0].files), len(files))
    if len(found) == 1 and y is not None and test_fraction > 0:
        kept, held = stratified_split(y, test_fraction, seed)
        notes = (*notes, held_out_note(len(held), len(y), seed))
    order, places = torch.cat([kept, held]), places_of(kept, held)
    x = decode_all(blocks_of(files), len(files), form, names.__getitem__, progress, places)
    ordered = [names[i] for i in order.tolist()]
    train, test = cut(x, None if y is None else y[order], ordered, len(kept))
    if y is None and not known:
        notes = (*notes, "no class folders: a pool without labels (list the classes with classes)")
    return image_dataset_of_own(
        path.name, train, test, known, flip=flip, source=f"folder: {path.name}", notes=notes
    )


def _parts(path: Path) -> tuple[Path, ...]:
    """The folder itself, or its train and test folders."""
    if not path.is_dir():
        raise DataError("there is no such folder", got=str(path), todo="check the path")
    below = {child.name.lower(): child for child in _children(path) if child.is_dir()}
    train = next((below[name] for name in TRAIN_NAMES if name in below), None)
    test = next((below[name] for name in TEST_NAMES if name in below), None)
    if train is None:
        return (path,)
    return (train,) if test is None else (train, test)


def _children(folder: Path) -> list[Path]:
    hidden = (".", "__MACOSX")
    return sorted(child for child in folder.iterdir() if not child.name.startswith(hidden))


def _look(folder: Path) -> _Found:
    children = _children(folder)
    below = [child for child in children if child.is_dir()]
    loose = [child for child in children if child.is_file()]
    images = [file for file in loose if file.suffix.lower() in IMAGE_SUFFIXES]
    others = [file for file in loose if file not in set(images)]
    if not below:
        if not images:
            raise DataError(
                "the folder holds no images",
                expected=f"files ending in {', '.join(sorted(IMAGE_SUFFIXES))}, or class folders",
                got=_few(others) or "an empty folder",
                where=str(folder),
            )
        return _Found(images, None, others)
    if images:
        raise DataError(
            "images lie both in class folders and beside them",
            expected="class folders only, or images only",
            got=_few(images),
            where=str(folder),
            todo="move the loose ones into a class folder, or elsewhere",
        )
    _check_case(below, folder)
    files, labels = [], []
    for child in below:
        inside = [
            file for file in sorted(child.rglob("*")) if file.is_file() and _shown(file, child)
        ]
        mine = [file for file in inside if file.suffix.lower() in IMAGE_SUFFIXES]
        if not mine:
            raise DataError(
                f"class folder {child.name!r} holds no images",
                expected="at least one image a class",
                got=_few(inside) or "an empty folder",
                where=str(child),
                todo="add images, or remove the folder",
            )
        others += [file for file in inside if file.suffix.lower() not in IMAGE_SUFFIXES]
        files += mine
        labels += [child.name] * len(mine)
    return _Found(files, labels, others)


def _shown(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _check_case(folders: list[Path], where: Path) -> None:
    lower = Counter(folder.name.lower() for folder in folders)
    twice = [folder.name for folder in folders if lower[folder.name.lower()] > 1]
    if twice:
        raise DataError(
            "class folders differ only in case",
            expected="one folder a class",
            got=", ".join(twice),
            where=str(where),
            todo="join or rename them: other systems take them for one",
        )


def _class_folders(found: _Found) -> tuple[str, ...]:
    return check_classes(sorted(set(found.labels or ())), "class folders")


def _number(label: str, classes: tuple[str, ...], path: Path) -> int:
    if label not in classes:
        close = nearest(label, classes)
        raise DataError(
            "a class folder is not in the class list",
            expected=", ".join(classes[:10]),
            got=repr(label),
            where=str(path),
            todo=f"did you mean {close!r}?" if close else "rename the folder, or list the class",
        )
    return classes.index(label)


def _few(files: list[Path]) -> str:
    return ", ".join(file.name for file in files[:5]) + (", ..." if len(files) > 5 else "")
