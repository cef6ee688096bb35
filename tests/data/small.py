"""Small files in the formats that the catalogue reads."""

import gzip
import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def pixels(seed: int, *shape: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(image: Pixels, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, form)
    return file.getvalue()


def write_image(path: Path, image: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def write_hub(
    path: Path,
    images: Sequence[bytes],
    columns: Mapping[str, Sequence[Any]],
    *,
    image: str = "image",
    names: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """A parquet file as the Hub writes them."""
    cells = pa.array(
        [{"bytes": raw, "path": None} for raw in images],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    table = pa.table({image: cells, **{k: pa.array(list(v)) for k, v in columns.items()}})
    if names is not None:
        features: dict[str, Any] = {image: {"_type": "Image"}}
        features |= {k: {"_type": "ClassLabel", "names": list(v)} for k, v in names.items()}
        kept = {"info": {"features": features}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(kept)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def write_idx(path: Path, array: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with gzip.open(path, "wb") as file:
        file.write(head + array.tobytes())
    return path


def write_breakhis(root: Path, powers: Sequence[int] = (40, 100)) -> Path:
    """Twelve slides of ten patients: 14-200AB and 14-200CD, 14-300 and 14-300EF are one each."""
    slides = [
        ("benign", "B", "adenosis", "A", s) for s in ("100", "200AB", "200CD", "300", "300EF")
    ]
    slides += [("malignant", "M", "ductal_carcinoma", "DC", str(s)) for s in range(400, 407)]
    base = root / "BreaKHis_v1" / "histology_slides" / "breast"
    for i, (side, letter, kind, code, slide) in enumerate(slides):
        for power in powers:
            for number in (1, 2, 3):
                folder = (
                    base / side / "SOB" / kind / f"SOB_{letter}_{code}_14-{slide}" / f"{power}X"
                )
                name = f"SOB_{letter}_{code}-14-{slide}-{power}-{number:03}.png"
                write_image(folder / name, pixels(i * 10 + number, 46, 70, 3))
    return base


def hub_copy(
    root: Path,
    name: str,
    *,
    shape: tuple[int, ...],
    classes: int,
    image: str = "image",
    label: str = "label",
    splits: Sequence[str] = ("train", "test"),
    names: Sequence[str] | None = None,
    extras: Callable[[int], Mapping[str, Sequence[int]]] = lambda n: {},
) -> dict[str, tuple[Pixels, list[int]]]:
    """A local copy with two images a class and split; what was written, by split."""
    written = {}
    for number, split in enumerate(splits):
        n = 2 * classes
        x, y = pixels(number, n, *shape), [i % classes for i in range(n)]
        write_hub(
            root / name / f"{split}-00000-of-00001.parquet",
            [encoded(one) for one in x],
            {label: y, **extras(n)},
            image=image,
            names=None if names is None else {label: names},
        )
        written[split] = (x, y)
    return written
