"""Malformed images: each is decoded or refused as DataError, and none ends as another error."""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pauca.data.images import choose_form, decode_all, png_of, suffix_of, survey
from pauca.formats.folder import blocks_of
from pauca.testing.malformed import mutations
from tests.malformed.conftest import TallyOf

EACH = 400
RNG = np.random.Generator


def seeds() -> dict[str, bytes]:
    """A small whole file of each kind."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (12, 12), dtype=np.uint8)
    colour = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    files = {
        form: _saved(colour, form) for form in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM")
    }
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    files |= {
        "PNG of 16 bits": _saved(grey.astype(np.uint16) * 16, "PNG"),
        "PGM of 16 bits": b"P5 12 12 4095\n" + (grey.astype(">u2") * 16).tobytes(),
        "TIFF of floats": _saved(grey.astype(np.float32), "TIFF"),
        "TIFF deflated": _saved(colour, "TIFF", compression="tiff_adobe_deflate"),
        "JPEG with EXIF": _saved(colour, "JPEG", exif=exif),
    }
    return files


def _saved(values: NDArray[Any], form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, form, **options)
    return file.getvalue()


def forge(raw: bytes, rng: RNG) -> bytes:
    """A number of two or four bytes in the head becomes an extreme one."""
    out = bytearray(raw)
    kind = str(rng.choice([">I", "<I", ">H", "<H"]))
    most = 2 ** (8 * struct.calcsize(kind)) - 1
    value = int(rng.choice([0, 1, 255, 32_767, 65_535, most // 2, most]))
    if len(out) < 5:
        return raw
    at = int(rng.integers(0, min(len(out), 160) - 4))
    out[at : at + struct.calcsize(kind)] = struct.pack(kind, min(value, most))
    return _with_checksums(bytes(out))


def _with_checksums(raw: bytes) -> bytes:
    """The checksums of a PNG made right again, so that its forged header is believed."""
    if raw[:8] != b"\x89PNG\r\n\x1a\n":
        return raw
    out, at = bytearray(raw), 8
    while at + 12 <= len(raw):
        length = int(struct.unpack_from(">I", raw, at)[0])
        if at + 12 + length > len(raw):
            break
        checksum = zlib.crc32(raw[at + 4 : at + 8 + length])
        struct.pack_into(">I", out, at + 8 + length, checksum)
        at += 12 + length
    return bytes(out)


def malformed(kind: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Every fourth and some others with a forged number in the head."""
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    for i, (name, made) in enumerate(mutations(raw, zlib.crc32(kind.encode()), EACH)):
        forged = i % 4 == 3 or rng.random() < 0.2
        yield f"{kind}: {name}", forge(raw if i % 4 == 3 else made, rng) if forged else made


def read_image(raw: bytes) -> None:
    form, _ = choose_form(survey([raw], str, upright=True), None, None, "crop")
    decode_all(blocks_of([raw]), 1, form, str)


@pytest.mark.filterwarnings("default")
def test_malformed_images(recwarn: pytest.WarningsRecorder, tally: TallyOf) -> None:
    found, shown = tally("images"), tally("pictures that are shown")
    for kind, raw in seeds().items():
        read_image(raw)
        for name, bad in malformed(kind, raw):
            found.open(name, partial(read_image, bad), most=500 * 2**20)
            shown.open(name, partial(png_of, bad, None, "here"), most=500 * 2**20)
            suffix_of(bad)
    for each in (found, shown):
        assert not each.bugs, str(each)
        assert each.total == EACH * len(seeds())
        assert min(each.counts["fine"], each.counts["refused"]) > 200
    assert [str(each.message) for each in recwarn] == []


def test_many_skipped() -> None:
    """Whatever is passed over, the rest comes through in order."""
    raws = [bad for kind, raw in seeds().items() for _, bad in malformed(kind, raw)]
    found = survey(raws, str, upright=True, skip_broken=True)
    form, _ = choose_form(found, 12, "L", "crop")
    kept = [raw for i, raw in enumerate(raws) if i not in set(found.skipped)]
    assert len(kept) == len(found) > 200
    x = decode_all(blocks_of(kept), len(kept), form, str)
    alone = decode_all([kept[-1:]], 1, form, str)
    assert bool((x[-1] == alone[0]).all())
