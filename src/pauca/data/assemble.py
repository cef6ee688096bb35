"""From what a file holds to a data set: which items, which labels, which features."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.augment import Pipeline, Standardise
from pauca.data.cache import cached_images
from pauca.data.columns import ColumnOptions
from pauca.data.dataset import Dataset, Kind, Split, Task
from pauca.data.features import standardised
from pauca.data.images import (
    Fit,
    Mode,
    Progress,
    Scale,
    Size,
    choose_form,
    decode_all,
    kept_blocks,
    survey,
)
from pauca.data.own import image_arrays, image_dataset_of_own
from pauca.data.sparse import text_features
from pauca.data.tables import Chosen, choose, row_keys, table_dataset
from pauca.errors import DataError, InputError
from pauca.formats import Images, Items, Part, Raw, TextOptions

__all__ = ["DataOptions", "assemble"]


@dataclass(frozen=True)
class DataOptions:
    """How data of one's own become a data set.

    Args:
        columns: How columns are read, and what is held out.
        reading: How files are read.
        kind: image or sequence, where numbers with three axes could be either.
        channels: Where the channels of arrays of images are, first or last, where both could be.
        size: Side or (height, width) of images; their own if they have one, else 64.
        mode: L or RGB; by default L if all images are grey.
        fit: How another shape becomes the wanted one.
        flip: Whether half of the images are mirrored in training.
        skip_broken: Whether images that cannot be read are passed over.
        scale: How images of more than 8 bits become 0 to 255.
    """

    columns: ColumnOptions = field(default_factory=ColumnOptions)
    reading: TextOptions = field(default_factory=TextOptions)
    kind: Kind | None = None
    channels: Literal["first", "last"] | None = None
    size: Size | None = None
    mode: Mode | None = None
    fit: Fit = "crop"
    flip: bool = False
    skip_broken: bool = False
    scale: Scale = "range"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "DataOptions":
        """The options of ``load_dataset`` by name; those that are missing have their defaults."""
        text = options.get("text")
        named = {**options, "text": (text,) if isinstance(text, str) else text}

        def some(of: type) -> dict[str, Any]:
            return {each.name: named[each.name] for each in fields(of) if each.name in named}

        own = some(cls)
        parts = {
            "columns": ColumnOptions(**some(ColumnOptions)),
            "reading": TextOptions(**some(TextOptions)),
        }
        return cls(**{**own, **parts})


def assemble(
    items: Items,
    options: DataOptions,
    *,
    name: str,
    source: str,
    progress: Progress | None = None,
) -> Dataset:
    """A data set of what a file, or memory, holds; everything fitted is fitted on training alone.

    Args:
        items: The raw items.
        options: How they are read.
        name: Of the data set.
        source: Where they are from.
        progress: Told which fraction is done.

    Raises:
        DataError: nothing to learn from; labels of another task; what pictures or columns are
            refused for.
    """
    train = items.train
    if train.images is None and not (train.array is not None and train.array.ndim == 3):
        _check_no_pictures(train, options)
    if train.images is not None:
        made = _pictures(items, options, name, source, progress)
    elif hasattr(train.array, "tocsr"):
        made = _sparse_rows(items, options, name, source)
    elif train.array is not None:
        made = _arrays(items, options, name, source)
    else:
        made = table_dataset(name, items, options.columns, source=source)
    if progress is not None:
        progress(1.0)
    return made


def _check_no_pictures(part: Part, options: DataOptions) -> None:
    """Refuse options of pictures where there are none."""
    if options.size is not None or options.mode is not None or options.kind == "image":
        raise DataError(
            "there is no column of images to bring to a size or mode",
            got=", ".join(map(str, part.frame.columns[:20])) or "rows of numbers",
            where=part.where,
            todo="say which column with image, or leave size, mode and kind out",
        )


def _pictures(
    items: Items, options: DataOptions, name: str, source: str, progress: Progress | None
) -> Dataset:
    """Images of files or cells, decoded; or of an array, as they are."""
    assert items.train.images is not None
    if items.train.images.stored is not None:
        x, notes = _stacked(items, options)
        chosen = choose(items, options.columns, keys=_keys(x))
        x = _ordered(x, _places(items, chosen))
    else:
        x, chosen, notes = _decoded(items, options, progress)
    train, test = _splits(items, chosen, x)
    return image_dataset_of_own(
        name,
        train,
        test,
        chosen.classes,
        flip=options.flip,
        source=source,
        notes=(*chosen.notes, *notes),
        group_names=chosen.group_names,
    )


def _decoded(
    items: Items, options: DataOptions, progress: Progress | None
) -> tuple[Tensor, Chosen, tuple[str, ...]]:
    """Pictures uint8 [n, channels, h, w] in the order in which they are chosen."""
    pictures = [(part, part.images) for part in items.parts if part.images is not None]
    where = _namer(pictures)
    found = survey(
        _raws(pictures), where, upright=True, scale=options.scale, skip_broken=options.skip_broken
    )
    form, said = choose_form(found, options.size, options.mode, options.fit)
    skipped = frozenset(found.skipped)
    n = sum(part.n for part in items.parts)
    rows = [row for row in range(n) if row not in skipped]

    def decode() -> Tensor:
        blocks = (block for _, images in pictures for block in images.blocks())
        kept = kept_blocks(blocks, skipped) if skipped else blocks
        return decode_all(kept, len(rows), form, lambda i: where(rows[i]), progress)

    files = [file for _, images in pictures for file in images.files]
    depends = {**asdict(form), "image": items.train.image, "skipped": sorted(skipped)}
    x, kept = cached_images(files, depends, decode, n=len(rows))
    keys = np.arange(n, dtype=np.uint64)
    keys[rows] = _keys(x)
    chosen = choose(items, options.columns, skipped=skipped, keys=keys)
    place = np.zeros(n, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    return _ordered(x, place[_places(items, chosen)]), chosen, (*said, *kept)


def _arrays(items: Items, options: DataOptions, name: str, source: str) -> Dataset:
    """Rows [n, d], or sequences [n, t, d]; 3 axes of numbers may be either sequences or images."""
    assert items.train.array is not None
    ndim = items.train.array.ndim
    if ndim == 3 and options.kind != "sequence":
        return _pictures(_as_images(items, options), options, name, source, None)
    wide = np.concatenate([_finite(part) for part in items.parts])
    columns = wide.reshape(len(wide), -1).T
    chosen = choose(items, options.columns, keys=row_keys([*columns], len(wide)))
    wide = wide[_places(items, chosen)]
    d, cut = wide.shape[-1], len(chosen.train)
    later = wide[cut:].reshape(-1, d) if len(wide) > cut else None
    low, high, notes = standardised(wide[:cut].reshape(-1, d), later)
    x = torch.cat([low] if high is None else [low, high]).reshape(wide.shape)
    transform = Pipeline((Standardise.of(low),))
    kind: Kind = "sequence" if ndim == 3 else "embedding"
    task = Task(name, kind, tuple(wide.shape[1:]), chosen.classes, transform, transform)
    return Dataset(
        task,
        *_splits(items, chosen, x),
        group_names=chosen.group_names,
        source=source,
        notes=(*chosen.notes, *notes),
    )


def _sparse_rows(items: Items, options: DataOptions, name: str, source: str) -> Dataset:
    """Rows of SciPy matrices as they are, sparse where they are large; nothing is standardised."""
    from scipy.sparse import vstack

    rows: Any = vstack([part.array for part in items.parts], format="csr")
    rows.sum_duplicates()
    rows.eliminate_zeros()
    ends = zip(rows.indptr[:-1].tolist(), rows.indptr[1:].tolist(), strict=True)
    held = ((rows.indices[a:b].tobytes(), rows.data[a:b].tobytes()) for a, b in ends)
    digests = [hashlib.blake2b(b"".join(each), digest_size=8).digest() for each in held]
    chosen = choose(items, options.columns, keys=np.frombuffer(b"".join(digests), dtype=np.uint64))
    x = text_features(rows[_places(items, chosen)])
    task = Task(name, "embedding", (x.shape[1],), chosen.classes, Pipeline(), Pipeline())
    return Dataset(
        task,
        *_splits(items, chosen, x),
        group_names=chosen.group_names,
        source=source,
        notes=(*chosen.notes, "sparse rows are kept as they are, not standardised"),
    )


def _places(items: Items, chosen: Chosen) -> NDArray[np.int64]:
    """Rows, counted through both parts of the file, in the order in which they were chosen."""
    low = 0 if items.test is None else items.train.n
    rows = [chosen.train.frame.index.to_numpy()]
    if chosen.test is not None:
        rows.append(chosen.test.frame.index.to_numpy() + low)
    return np.concatenate(rows).astype(np.int64)


def _splits(items: Items, chosen: Chosen, x: Tensor) -> tuple[Split, Split | None]:
    """Items [n, ...] in the order in which they were chosen, as a training and a test part."""
    made: list[Split] = []
    names = _names(items, chosen)
    low = 0
    for rows in chosen.parts:
        at = slice(low, low + len(rows))
        sources = None if names is None else tuple(names[at])
        made.append(Split(x[at], rows.y, rows.groups, sources))
        low = at.stop
    return made[0], made[1] if len(made) > 1 else None


def _names(items: Items, chosen: Chosen) -> list[str] | None:
    """Ids of the chosen rows, where the file has any."""
    id_ = chosen.roles.id
    if id_ is None:
        return None
    names = [str(cell) for part in items.parts for cell in part.frame[id_].tolist()]
    return [names[row] for row in _places(items, chosen).tolist()]


def _ordered(x: Tensor, order: NDArray[np.int64]) -> Tensor:
    """The items in this order; themselves, without a copy, where it is theirs."""
    same = len(order) == len(x) and bool((order == np.arange(len(x))).all())
    return x if same else x[torch.from_numpy(order)]


def _keys(x: Tensor) -> NDArray[np.uint64]:
    """What stands for each picture, uint64 [n]: equal for equal pixels."""
    rows = x.reshape(len(x), -1).numpy()
    found = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(found), dtype=np.uint64)


def _stacked(items: Items, options: DataOptions) -> tuple[Tensor, tuple[str, ...]]:
    """Arrays of images of both parts in their stored form."""
    arrays = [part.images.stored for part in items.parts if part.images is not None]
    given = [array for array in arrays if array is not None]
    tensors, notes = image_arrays(*given, channels=options.channels, where=items.train.where)
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors), notes


def _as_images(items: Items, options: DataOptions) -> Items:
    """Three axes of numbers taken for pictures, which has to be asked for unless they are bytes."""
    array = items.train.array
    assert array is not None
    if options.kind != "image" and array.dtype != np.uint8:
        raise InputError(
            "numbers with three axes may be grey images or sequences",
            expected="[n, height, width] with kind='image', or [n, time, d] with kind='sequence'",
            got=f"{array.dtype} {list(array.shape)}",
            where=items.train.where,
            todo="say which with kind, or save images as uint8",
        )
    parts = [_with_images(part) for part in items.parts]
    return Items(parts[0], parts[1] if len(parts) > 1 else None)


def _with_images(part: Part) -> Part:
    images = Images(lambda: (), lambda i: f"image {i} of {part.where}", part.array)
    return Part(part.where, part.frame, images, part.array, part.class_names, part.label, part.id)


def _finite(part: Part) -> NDArray[Any]:
    """The array of a part, if all of it are finite numbers."""
    array = part.array
    assert array is not None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        raise DataError(
            f"{len(bad)} numbers are NaN or infinite",
            got=array[tuple(bad[0])],
            where=f"{part.where}, row {bad[0][0]}, column {bad[0][-1]}",
            todo="fill them in or leave the rows out",
        )
    return array


def _raws(pictures: Sequence[tuple[Part, Images]]) -> Iterable[Raw]:
    return (raw for _, images in pictures for block in images.blocks() for raw in block)


def _namer(pictures: Sequence[tuple[Part, Images]]) -> Any:
    def name(i: int) -> str:
        for part, images in pictures[:-1]:
            if i < part.n:
                return images.name(i)
            i -= part.n
        return pictures[-1][1].name(i)

    return name
