"""The pictures of a project's items, as bytes that a browser shows."""

import io
from collections import OrderedDict
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from pauca.data.images import is_deep_png, png_of, suffix_of
from pauca.data.own import as_pixels, image_arrays
from pauca.errors import DataError, InputError
from pauca.formats import TextOptions, formats
from pauca.formats.parquet import image_column
from pauca.label.items import Items
from pauca.label.reading import fingerprint
from pauca.label.settings import Source

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
        self._levels = source.levels
        self._groups: OrderedDict[int, Any] = OrderedDict()
        self._lock = Lock()

    def read(self, item: int) -> tuple[bytes, str]:
        """The bytes of the picture and their media type.

        What browsers do not show (TIFF, PPM) is turned into PNG, and so are grey images of more
        than 8 bits, by the levels of the source: the page shows the greys that the model reads.

        Raises:
            InputError: the items are no images; no such item.
            DataError: the file is gone, is no image, or leads out of the data folder.
        """
        if self._source.format == "npz":
            return self.original(item)[0], "image/png"
        content = self.original(item)[0]
        kind = _media_type(content)
        if kind is not None:
            return content, kind
        with self._lock:  # warnings are silenced for the whole process
            return png_of(content, self._levels, self._where(item)), "image/png"

    def original(self, item: int) -> tuple[bytes, str]:
        """The bytes of the picture as the data hold them, and the name of its file.

        The name is the file's own, or the id with the suffix of the format; images of an npz file
        come as PNG.

        Raises:
            InputError: the items are no images; no such item.
            DataError: the file is gone or leads out of the data folder.
        """
        if self._source.kind != "image":
            raise InputError("these items have no pictures", got=self._source.kind)
        key = self._items.key(item)
        if self._items.part(item).images:
            return self._file_bytes(item), PurePosixPath(key).name
        row = int(self._items.source(item) or item)  # others were left out before it
        with self._lock:
            if self._source.format == "npz":
                return _encoded(self._stored[row]), f"{key}.png"
            content, path = self._cell(row)
            own = path.replace("\\", "/").rpartition("/")[2]
            return content, own or f"{key}{suffix_of(content)}"

    def _file_bytes(self, item: int) -> bytes:
        where = self._where(item)
        try:
            return self._items.path(item).read_bytes()
        except (OSError, RuntimeError) as error:  # a RuntimeError for a ring of links
            raise DataError(
                "a file cannot be read",
                got=getattr(error, "strerror", None) or str(error),
                where=where,
                todo="put the file back, readable",
            ) from None

    def _where(self, item: int) -> str:
        if self._items.part(item).images:
            return f"{self._items.part(item).root}, {self._items.key(item)}"
        return f"row {item} of {self._source.path}"

    @cached_property
    def _stored(self) -> Tensor:
        found = formats.make("npz", {}).read_items(self._same(), TextOptions())
        arrays = [part.images.stored for part in found.parts if part.images is not None]
        given = [array for array in arrays if array is not None]
        if not given:
            raise _other(Path(self._source.path), "rows")
        return torch.cat(image_arrays(*given, where=self._source.path)[0])

    @cached_property
    def _file(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self._same())
        except (OSError, pa.ArrowException) as error:
            raise _other(Path(self._source.path), str(error)[:200]) from None

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

    def _cell(self, item: int) -> tuple[bytes, str]:
        """Bytes of a row, and the path that is kept beside them; the last row groups are kept."""
        import pyarrow as pa

        try:
            low, group = 0, 0
            while item >= low + self._file.metadata.row_group(group).num_rows:
                low += self._file.metadata.row_group(group).num_rows
                group += 1
            if group not in self._groups:
                column = self._source.image or image_column(self._file.schema_arrow)
                self._groups[group] = self._file.read_row_group(group, columns=[column]).column(0)
                if len(self._groups) > _KEPT:
                    self._groups.popitem(last=False)
            cell = self._groups[group][item - low].as_py()
        except (OSError, pa.ArrowException) as error:
            raise _other(Path(self._source.path), str(error)[:200]) from None
        if not isinstance(cell, dict):
            return bytes(cell or b""), ""
        return bytes(cell.get("bytes") or b""), str(cell.get("path") or "")


def _other(path: Path, got: str) -> DataError:
    return DataError(
        "the data cannot be read",
        expected="the file that the project was made of",
        got=got,
        where=str(path),
        todo="put the file back",
    )


def _media_type(content: bytes) -> str | None:
    """What browsers call the format; None for what they do not show, or not as it is read."""
    if is_deep_png(content):
        return None
    for mark, kind in _TYPES.items():
        if content.startswith(mark):
            return kind
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _encoded(x: Tensor) -> bytes:
    """uint8 or float in [0, 1], [channels, h, w], as PNG; of four channels the first three."""
    from PIL import Image

    pixels = as_pixels(x)
    shown = pixels[0] if len(pixels) < 3 else pixels[:3].transpose(1, 2, 0).copy()
    out = io.BytesIO()
    Image.fromarray(shown).save(out, "PNG")
    return out.getvalue()
