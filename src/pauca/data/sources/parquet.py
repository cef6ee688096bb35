"""Parquet of one's own: images, vectors, texts or a table; a file, or a folder as on the Hub."""

from pathlib import Path

import torch

from pauca.checks import check_fraction
from pauca.data.catalog._hub_images import raw_images
from pauca.data.columns import LABEL_NAMES, ColumnOptions, Missing, items_of
from pauca.data.dataset import Dataset, Split
from pauca.data.frames import read_parquet_frame
from pauca.data.images import (
    Fit,
    ImageForm,
    Mode,
    Progress,
    Size,
    choose_form,
    decode_all,
    survey,
)
from pauca.data.labels import (
    check_classes,
    class_names,
    encode_labels,
    held_out_note,
    places_of,
    stratified_split,
)
from pauca.data.own import cut, image_dataset_of_own
from pauca.data.rows import ParquetRows, parquet_files
from pauca.data.sources._registry import own_sources
from pauca.data.tables import table_dataset
from pauca.errors import DataError

__all__ = ["image_column", "parquet_source"]


@own_sources.register("parquet")
def parquet_source(
    *,
    path: Path,
    label: str | None = None,
    text: str | None = None,
    features: tuple[str, ...] | None = None,
    group: str | None = None,
    classes: tuple[str, ...] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    missing: Missing = "refuse",
    vocabulary: int = 4096,
    image: str | None = None,
    size: Size | None = None,
    mode: Mode | None = None,
    fit: Fit = "crop",
    flip: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """A parquet file, or a folder with train-*.parquet and test-*.parquet.

    With a column of images (the bytes of files, as the Hub keeps them) it is read as images, with
    the options image, size, mode, fit and flip of a folder of images; otherwise as a table, with
    the options of csv. Classes are those that the file names, as the Hub's files do.

    Raises:
        DataError: not parquet or cut short, a missing column, and all that a folder of images or a
            csv file is refused for.
    """
    check_fraction(test_fraction, "test_fraction", open_end=True)
    train, test = _files(path)
    rows = [ParquetRows(files) for files in (train, test) if files]
    found = image or image_column(rows[0])
    if found is None:
        if size is not None or mode is not None:
            raise DataError(
                "there is no column of images to bring to a size or mode",
                got=", ".join(rows[0].columns),
                where=path.name,
                todo="say which column with image, or leave size and mode out",
            )
        named = classes or _named_classes(rows[0], label)
        options = ColumnOptions(
            label=label,
            text=None if text is None else (text,),
            features=features,
            group=group,
            classes=named,
            test_fraction=test_fraction,
            seed=seed,
            missing=missing,
            vocabulary=vocabulary,
        )
        return _table(path, train, test, options)
    form, notes = _form(rows, found, size, mode, fit)
    known, labels = _labels(rows, label, classes)
    held_out = test_fraction if len(rows) == 1 and labels is not None else 0.0
    read = _read_images(rows, found, form, labels, held_out, seed, progress)
    return image_dataset_of_own(
        path.stem,
        *read[:2],
        known,
        flip=flip,
        source=f"parquet: {path.name}",
        notes=(*notes, *read[2]),
    )


def _files(path: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    if path.is_file():
        return (path,), ()
    train = parquet_files(path, "train")
    tests = (parquet_files(path, name) for name in ("test", "valid", "validation"))
    test = next((files for files in tests if files), ())
    if not train:
        raise DataError(
            "there is no training part",
            expected="train-*.parquet",
            got=", ".join(sorted(p.name for p in path.glob("*"))[:8]) or "nothing",
            where=str(path),
            todo="name the files as the Hub does, or give the path of one file",
        )
    return train, test


def image_column(rows: ParquetRows) -> str | None:
    """The first column of bytes, or of a struct that holds bytes."""
    import pyarrow as pa

    for field in rows.schema:
        kind = field.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return str(field.name)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return str(field.name)
    return None


def _form(
    rows: list[ParquetRows], image: str, size: Size | None, mode: Mode | None, fit: Fit
) -> tuple[ImageForm, tuple[str, ...]]:
    raws = (raw for one in rows for block in raw_images(one, image) for raw in block)
    found = survey(raws, lambda i: _row(rows, i), upright=True)
    if not found:
        raise DataError("the file has no rows", where=rows[0].where)
    return choose_form(found, size, mode, fit)


def _row(rows: list[ParquetRows], i: int) -> str:
    for one in rows[:-1]:
        if i < one.n:
            return f"row {i} of {one.where}"
        i -= one.n
    return f"row {i} of {rows[-1].where}"


def _labels(
    rows: list[ParquetRows], label: str | None, classes: tuple[str, ...] | None
) -> tuple[tuple[str, ...], torch.Tensor | None]:
    """Class names, and the labels of all rows, int64 [n]."""
    given = None if classes is None else check_classes(classes, "classes")
    column = label or next((c for c in rows[0].columns if c.lower() in LABEL_NAMES), None)
    if column is None:
        return given or (), None
    values = [one.column(column) for one in rows]
    known = given or rows[0].class_names(column) or class_names(values[0], rows[0].where)
    coded = [encode_labels(v, known, one.where) for v, one in zip(values, rows, strict=True)]
    return known, torch.cat(coded)


def _read_images(
    rows: list[ParquetRows],
    image: str,
    form: ImageForm,
    y: torch.Tensor | None,
    test_fraction: float,
    seed: int,
    progress: Progress | None,
) -> tuple[Split, Split | None, tuple[str, ...]]:
    n = sum(one.n for one in rows)
    kept, held = torch.arange(rows[0].n), torch.arange(rows[0].n, n)
    notes: tuple[str, ...] = ()
    if y is not None and test_fraction > 0:
        kept, held = stratified_split(y, test_fraction, seed)
        notes = (held_out_note(len(held), n, seed),)
    blocks = (block for one in rows for block in raw_images(one, image))
    places = places_of(kept, held)
    x = decode_all(blocks, n, form, lambda i: _row(rows, i), progress, places)
    order = torch.cat([kept, held])
    train, test = cut(x, None if y is None else y[order], None, len(kept))
    return train, test, notes


def _named_classes(rows: ParquetRows, label: str | None) -> tuple[str, ...] | None:
    """Classes that the file names for a label column of numbers.

    None where names are whole numbers themselves: these are labels and not their places.
    """
    column = label or next((c for c in rows.columns if c.lower() in LABEL_NAMES), None)
    names = None if column not in rows.columns else rows.class_names(str(column))
    if names is None or len(names) < 2 or any(name.isdigit() for name in names):
        return None
    return names


def _table(
    path: Path, train: tuple[Path, ...], test: tuple[Path, ...], options: ColumnOptions
) -> Dataset:
    import pandas as pd

    frames = [
        pd.concat([read_parquet_frame(file) for file in files], ignore_index=True)
        for files in (train, test)
        if files
    ]
    later = frames[1] if len(frames) > 1 else None
    return table_dataset(
        path.stem,
        items_of(frames[0], later, path.name),
        options,
        source=f"parquet: {path.name}",
    )
