"""The pictures of a project's items, as bytes that a browser shows."""

import io
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pauca.errors import DataError, InputError
from pauca.label.items import Items
from pauca.label.reading import fingerprint
from pauca.label.settings import Source

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Pictures"]

_TYPES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
_KEPT = 4  # row groups


class Pictures:
    """Reads the picture of one item at a time, from a file, a parquet file or an npz file.

    Args:
        items: Of the project.
        source: Where they are from.
    """

    def __init__(self, items: Items, source: Source) -> None:
        self._items, self._source = items, source
        self._groups: OrderedDict[int, Any] = OrderedDict()
        self._lock = Lock()

    def read(self, item: int) -> tuple[bytes, str]:
        """The bytes of the picture and their media type.

        What browsers do not show (TIFF, PPM) is turned into PNG.

        Raises:
            InputError: the items are no images; no such item.
            DataError: the file is gone, is no image, or leads out of the data folder.
        """
        if self._source.kind != "image":
            raise InputError("these items have no pictures", got=self._source.kind)
        if self._items.images:
            path = self._items.path(item)
            try:
                return _shown(path.read_bytes(), str(path))
            except OSError as error:
                raise DataError(
                    "a file cannot be read", got=error.strerror, where=str(path)
                ) from None
        self._items.key(item)
        with self._lock:
            if self._source.format == "npz":
                return _encoded(self._stored[item])
            return _shown(self._cell(item), f"row {item} of {self._source.path}")

    @cached_property
    def _stored(self) -> "Tensor":
        from pauca.data.sources.arrays import read_arrays, stored_items

        path = self._same()
        return stored_items(read_arrays(path)["x"], path.name)

    @cached_property
    def _file(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self._same())
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                "the data cannot be read", got=str(error)[:200], where=self._source.path
            ) from None

    def _same(self) -> Path:
        """The file, if it still is the one that the items are rows of."""
        path = Path(self._source.path)
        if not path.is_file() or fingerprint(path) != self._source.fingerprint:
            raise DataError(
                "the data are not those that the project was made of",
                expected=f"a file with sha256 {self._source.fingerprint[:12]}...",
                got="another file" if path.is_file() else "no file",
                where=str(path),
                todo="put the file back",
            )
        return path

    def _cell(self, item: int) -> bytes:
        """The bytes of a row; the last few row groups are kept."""
        low, group = 0, 0
        while item >= low + self._file.metadata.row_group(group).num_rows:
            low += self._file.metadata.row_group(group).num_rows
            group += 1
        if group not in self._groups:
            column = self._source.image
            self._groups[group] = self._file.read_row_group(group, columns=[column]).column(0)
            if len(self._groups) > _KEPT:
                self._groups.popitem(last=False)
        cell = self._groups[group][item - low].as_py()
        found = cell.get("bytes") if isinstance(cell, dict) else cell
        return bytes(found or b"")


def _shown(content: bytes, where: str) -> tuple[bytes, str]:
    for mark, kind in _TYPES.items():
        if content.startswith(mark):
            return content, kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return content, "image/webp"
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            out = io.BytesIO()
            image.convert("RGB").save(out, "PNG")
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise DataError("this is no image", got=str(error)[:200], where=where) from None
    return out.getvalue(), "image/png"


def _encoded(x: "Tensor") -> tuple[bytes, str]:
    """uint8 [channels, h, w] as PNG."""
    from PIL import Image

    pixels = x.permute(1, 2, 0).numpy()
    out = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(out, "PNG")
    return out.getvalue(), "image/png"
