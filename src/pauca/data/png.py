"""Many small PNGs at once: unpacked by zlib one by one, unfiltered all together.

Pillow spends most of its time on a 28 x 28 image outside of its decoder. Here the chunks are read
by hand and the row filters of the PNG standard (section 9) are undone for a whole block of images
in each step. Only plain files are read (8 bits, grey or RGB, not interlaced, no transparency, of
one size); for all others the answer is None and Pillow is asked.
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode_small_pngs"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST = 64  # pixels a side: beyond, Pillow is as fast
_Pixels = NDArray[np.uint8]


def decode_small_pngs(
    raws: Sequence[bytes], height: int, width: int, channels: int
) -> _Pixels | None:
    """The images uint8 [n, channels, height, width], or None when any of them needs Pillow.

    Args:
        raws: n whole PNG files.
        height: Of every image.
        width: Of every image.
        channels: 1 (grey) or 3 (RGB).
    """
    if not raws or max(height, width) > _LARGEST:
        return None
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    size = height * (1 + width * channels)
    rows = np.empty((len(raws), size), dtype=np.uint8)
    for i, raw in enumerate(raws):
        packed = _packed(raw, header)
        if packed is None:
            return None
        # one byte more than the header promises tells a longer stream, whatever it inflates to
        stream = zlib.decompressobj()
        try:
            plain = stream.decompress(packed, size + 1)
        except zlib.error:
            return None
        if len(plain) != size or not stream.eof:
            return None
        rows[i] = np.frombuffer(plain, dtype=np.uint8)
    # [n, height, 1 + width channels]: each row is led by the number of its filter
    lines = rows.reshape(len(raws), height, 1 + width * channels)
    if int(lines[:, :, 0].max()) > 4:
        return None
    image = _unfilter(lines[:, :, 0], lines[:, :, 1:].reshape(len(raws), height, width, channels))
    return image.transpose(0, 3, 1, 2)


def _packed(raw: bytes, header: bytes) -> bytes | None:
    """The joined IDAT chunks of a file with this header, or None."""
    if raw[:8] != _SIGNATURE or raw[12:16] != b"IHDR" or raw[16:29] != header:
        return None
    start, parts = 33, []
    while start + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, start)
        kind = raw[start + 4 : start + 8]
        end = start + 12 + length
        if end > len(raw):  # cut short
            return None
        if kind == b"IDAT":
            if zlib.crc32(raw[start + 4 : end - 4]) != struct.unpack_from(">I", raw, end - 4)[0]:
                return None
            parts.append(raw[start + 8 : end - 4])
        elif kind == b"IEND":
            return b"".join(parts)
        elif kind in (b"tRNS", b"eXIf"):
            return None
        start = end
    return None


def _unfilter(kinds: _Pixels, filtered: _Pixels) -> _Pixels:
    """Undo the filters: kinds [n, h], filtered [n, h, w, channels] -> [n, h, w, channels]."""
    out = np.zeros_like(filtered)
    above = np.zeros_like(filtered[:, 0])
    for y in range(filtered.shape[1]):
        line, kind = filtered[:, y].copy(), kinds[:, y]
        for number, undo in enumerate((_sub, _up, _average, _paeth), start=1):
            mine = np.flatnonzero(kind == number)
            if len(mine):
                line[mine] = undo(line[mine], above[mine])
        out[:, y] = above = line
    return out


def _sub(line: _Pixels, above: _Pixels) -> _Pixels:
    return np.cumsum(line, axis=1, dtype=np.uint8)


def _up(line: _Pixels, above: _Pixels) -> _Pixels:
    return line + above


def _average(line: _Pixels, above: _Pixels) -> _Pixels:
    # columns first, so that each step works on memory in one piece
    todo, up = line.swapaxes(0, 1).copy(), above.swapaxes(0, 1).astype(np.uint16)
    left = np.zeros(todo.shape[1:], dtype=np.uint16)
    for x in range(len(todo)):
        todo[x] += ((left + up[x]) >> 1).astype(np.uint8)
        left = todo[x].astype(np.uint16)
    return todo.swapaxes(0, 1)


def _paeth(line: _Pixels, above: _Pixels) -> _Pixels:
    todo, up = line.swapaxes(0, 1).copy(), above.swapaxes(0, 1).astype(np.int16)
    left = corner = np.zeros(todo.shape[1:], dtype=np.int16)
    for x in range(len(todo)):
        over = up[x]
        by_left, by_over = np.abs(over - corner), np.abs(left - corner)
        by_corner = np.abs(left + over - 2 * corner)
        best = np.where(by_over <= by_corner, over, corner)
        best = np.where((by_left <= by_over) & (by_left <= by_corner), left, best)
        todo[x] += best.astype(np.uint8)
        left, corner = todo[x].astype(np.int16), over
    return todo.swapaxes(0, 1)
