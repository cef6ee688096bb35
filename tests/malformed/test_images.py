"""Malformed images: each is decoded or refused as DataError, and none ends as another error."""

import io
import resource
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pauca.data.images import choose_form, decode_all, png_of, suffix_of, survey
from pauca.data.load import load_dataset
from pauca.errors import PaucaError
from pauca.formats.folder import blocks_of

EACH = 400
RNG = np.random.Generator
Mutation = Callable[[bytes, RNG], bytes]


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


def flip(raw: bytes, rng: RNG) -> bytes:
    """Other bytes in a few places, the head more often than the rest."""
    out = bytearray(raw)
    for _ in range(int(rng.integers(1, 6))):
        if not out:
            break
        end = min(len(out), 80) if rng.random() < 0.6 else len(out)
        out[int(rng.integers(end))] = int(rng.integers(256))
    return bytes(out)


def cut(raw: bytes, rng: RNG) -> bytes:
    """The end is missing, or a part within."""
    low, high = sorted(int(i) for i in rng.integers(0, len(raw) + 1, 2))
    return raw[:low] if rng.random() < 0.6 else raw[:low] + raw[high:]


def insert(raw: bytes, rng: RNG) -> bytes:
    """Random bytes, or a part of the file once more."""
    low, high = sorted(int(i) for i in rng.integers(0, len(raw) + 1, 2))
    more = rng.bytes(int(rng.integers(1, 40))) if rng.random() < 0.5 else raw[low:high]
    return raw[:low] + more + raw[low:]


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


MUTATIONS: tuple[Mutation, ...] = (flip, cut, insert, forge)


def malformed(kind: str, raw: bytes) -> Iterator[bytes]:
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    for i in range(EACH):
        made = MUTATIONS[i % len(MUTATIONS)](raw, rng)
        yield forge(made, rng) if rng.random() < 0.2 else made


def read_image(raw: bytes) -> None:
    form, _ = choose_form(survey([raw], str, upright=True), None, None, "crop")
    decode_all(blocks_of([raw]), 1, form, str)


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def end_of(read: Callable[[], object]) -> str:
    """``read``, ``refused``, or the error that it should not have ended in."""
    try:
        read()
    except PaucaError as error:
        return "refused" if error.todo else f"no advice: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "read"


@pytest.mark.filterwarnings("default")
def test_malformed_images(recwarn: pytest.WarningsRecorder) -> None:
    ends: Counter[str] = Counter()
    before = peak_mb()
    for kind, raw in seeds().items():
        assert end_of(partial(read_image, raw)) == "read", kind
        for bad in malformed(kind, raw):
            end = end_of(partial(read_image, bad))
            ends[end] += 1
            shown = end_of(partial(png_of, bad, None, "here"))
            ends[shown if shown not in ("read", "refused") else "shown"] += 1
            suffix_of(bad)
    bugs = {end: n for end, n in ends.items() if end not in ("read", "refused", "shown")}
    tried = ends["read"] + ends["refused"] + sum(bugs.values())
    print(f"{tried} malformed images: {ends['read']} read, {ends['refused']} refused; "
          f"{sum(bugs.values())} ended as a bug")  # fmt: skip
    assert bugs == {}
    assert tried == EACH * len(seeds())
    assert min(ends["read"], ends["refused"]) > 200
    assert [str(each.message) for each in recwarn] == []
    assert peak_mb() - before < 500


def test_many_skipped() -> None:
    """Whatever is passed over, the rest comes through in order."""
    raws = [bad for kind, raw in seeds().items() for bad in malformed(kind, raw)]
    found = survey(raws, str, upright=True, skip_broken=True)
    form, _ = choose_form(found, 12, "L", "crop")
    kept = [raw for i, raw in enumerate(raws) if i not in set(found.skipped)]
    assert len(kept) == len(found) > 200
    x = decode_all(blocks_of(kept), len(kept), form, str)
    alone = decode_all([kept[-1:]], 1, form, str)
    assert bool((x[-1] == alone[0]).all())


def test_malformed_arrays_of_images(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), dtype=np.uint8)
    np.savez(path, x=x)
    raw = path.read_bytes()
    ends: Counter[str] = Counter()
    for bad in malformed("npz", raw):
        path.write_bytes(bad)
        ends[end_of(partial(load_dataset, path))] += 1
    bugs = {end: n for end, n in ends.items() if end not in ("read", "refused")}
    print(f"{ends.total()} malformed npz files: {sum(bugs.values())} ended as a bug")
    assert bugs == {}
