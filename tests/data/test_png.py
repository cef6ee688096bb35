import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pauca.data.png import decode_small_pngs
from tests.data import small

Pixels = small.Pixels


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write(rows: bytes, width: int, height: int, colour: int = 0, *, parts: int = 1) -> bytes:
    """A PNG of these rows, each led by its filter."""
    packed = zlib.compress(rows)
    step = -(-len(packed) // parts)
    pieces = [packed[i : i + step] for i in range(0, len(packed), step)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    data = b"".join(chunk(b"IDAT", piece) for piece in pieces)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"tEXt", b"a\0b") + data + chunk(b"IEND", b"")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 5),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([1, 3]),
)
def test_every_filter_as_pillow_undoes_it(
    seed: int, n: int, height: int, width: int, channels: int
) -> None:
    rng = np.random.default_rng(seed)
    raws = []
    for _ in range(n):
        lines = rng.integers(0, 256, (height, 1 + width * channels), dtype=np.uint8)
        lines[:, 0] = rng.integers(0, 5, height)
        raws.append(write(lines.tobytes(), width, height, 0 if channels == 1 else 2, parts=2))
    found = decode_small_pngs(raws, height, width, channels)
    assert found is not None
    for raw, image in zip(raws, found, strict=True):
        wanted = np.asarray(Image.open(io.BytesIO(raw)))
        wanted = wanted[None] if channels == 1 else wanted.transpose(2, 0, 1)
        np.testing.assert_array_equal(image, wanted)


def test_what_pillow_has_to_read_is_left_to_it() -> None:
    good = small.encoded(small.pixels(0, 6, 6))
    clear = small.encoded(small.pixels(0, 6, 6, 4))
    jpeg = small.encoded(small.pixels(0, 6, 6), "JPEG")
    other_size = small.encoded(small.pixels(0, 6, 7))
    flipped = bytearray(good)
    flipped[45] ^= 1
    wrong_filter = write(b"\x09" + bytes(6), 6, 1)
    assert decode_small_pngs([good, good], 6, 6, 1) is not None
    for bad in (clear, jpeg, other_size, bytes(flipped), good[:-20], good[:20], b""):
        assert decode_small_pngs([good, bad], 6, 6, 1) is None
    assert decode_small_pngs([wrong_filter], 1, 6, 1) is None
    assert decode_small_pngs([write(bytes(6), 6, 1)], 1, 6, 1) is None
    for rows in (bytes(8), bytes(1 << 20)):  # more than the header promises
        assert decode_small_pngs([write(rows, 6, 1)], 1, 6, 1) is None
    assert decode_small_pngs([good], 6, 6, 3) is None
    assert decode_small_pngs([], 6, 6, 1) is None


@pytest.mark.parametrize("size", [64, 65])
def test_large_images_are_left_to_pillow(size: int) -> None:
    raw = small.encoded(small.pixels(0, size, size))
    assert (decode_small_pngs([raw], size, size, 1) is None) == (size > 64)
