"""Images as people have them: depths, kinds of content, broken files, odd files in folders."""

import io
import os
import resource
import socket
import stat
import struct
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pauca.data.images import (
    ImageForm,
    Raw,
    blocks_of,
    choose_form,
    decode_all,
    kept_blocks,
    survey,
)
from pauca.errors import DataError, InputError
from pauca.formats.folder import image_suffixes, listed_images, pillow_formats
from pauca.testing.process import OtherProcess
from tests.data import small

RAMP = np.tile(np.linspace(0, 1, 64), (8, 1))


def saved(values: NDArray[Any], form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, form, **options)
    return file.getvalue()


def read(raws: list[Raw], **options: Any) -> tuple[torch.Tensor, str]:
    """The images, uint8 [n, c, h, w], and the notes."""
    form, notes = choose_form(survey(raws, str, upright=True, **options), None, None, "crop")
    return decode_all(blocks_of(raws), len(raws), form, str), "\n".join(notes)


def signed_tiff(values: NDArray[np.int16]) -> bytes:
    """A TIFF of signed 16 bits: Pillow reads these and does not write them."""
    return tiff(values.tobytes(), values.shape[1], values.shape[0], bits=16, sample=2)


def tiff(
    body: bytes,
    width: int,
    height: int,
    *,
    bits: int = 8,
    sample: int = 1,
    compression: int = 1,
    tags: dict[int, int] | None = None,
    samples: tuple[int, ...] = (),
) -> bytes:
    """A TIFF of one strip (or tile) with these tags, little-endian."""
    several = {258: samples} if samples else {}
    fields = {256: width, 257: height, 258: bits, 259: compression, 262: 2 if samples else 1}
    fields |= {273: 8, 277: len(samples) or 1, 278: height, 279: len(body), 339: sample}
    fields |= tags or {}
    table = 8 + len(body)
    far = table + 2 + 12 * len(fields) + 4
    entries, beyond = b"", b""
    for tag, value in sorted(fields.items()):
        if tag in several:
            entries += struct.pack("<HHII", tag, 3, len(samples), far + len(beyond))
            beyond += struct.pack(f"<{len(samples)}H", *several[tag])
        else:
            entries += struct.pack("<HHII", tag, 4, 1, value)
    head = b"II*\0" + struct.pack("<I", table)
    return head + body + struct.pack("<H", len(fields)) + entries + bytes(4) + beyond


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(values: NDArray[Any], colour: int) -> bytes:
    """A PNG of 16 bits a channel, [h, w, channels]: Pillow writes grey alone."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


DEEP = {
    "12 bits in a PNG of 16": saved((RAMP * 4095).astype(np.uint16), "PNG"),
    "8 bits in a TIFF of 16": saved((RAMP * 255).astype(np.uint16), "TIFF"),
    "all 16 bits": saved((RAMP * 65535).astype(np.uint16), "TIFF"),
    "int32": saved((RAMP * 100_000).astype(np.int32), "TIFF"),
    "int32, negative": saved((RAMP * 200_000 - 100_000).astype(np.int32), "TIFF"),
    "uint32": tiff((RAMP * (2**32 - 1)).astype("<u4").tobytes(), 64, 8, bits=32),
    "signed 16": signed_tiff((RAMP * 2000 - 1000).astype(np.int16)),
    "float in [0, 1]": saved(RAMP.astype(np.float32), "TIFF"),
    "float, negative": saved((RAMP * 7 - 3).astype(np.float32), "TIFF"),
    "float, huge": saved((RAMP * 6e38 - 3e38).astype(np.float32), "TIFF"),
    "PGM of 12 bits": b"P5 64 8 4095\n" + (RAMP * 4095).astype(">u2").tobytes(),
    "PGM of 16 bits": b"P5 64 8 65535\n" + (RAMP * 4095).astype(">u2").tobytes(),
}


@pytest.mark.parametrize("kind", DEEP)
def test_a_ramp_keeps_its_levels(kind: str) -> None:
    x, notes = read([DEEP[kind]] * 2)
    row = x[0, 0, 0].int()
    assert x.shape == (2, 1, 8, 64)
    assert len(set(row.tolist())) == 64
    assert bool((row.diff() > 0).all())
    assert (int(row[0]), int(row[-1])) == (0, 255)
    assert "scaled to 0..255 by the range of the set (choose with scale)" in notes


def test_one_map_for_the_whole_set() -> None:
    dark = saved(np.full((4, 4), 1000, np.uint16), "PNG")
    bright = saved(np.full((4, 4), 3000, np.uint16), "PNG")
    middle = saved(np.full((4, 4), 2000, np.uint16), "TIFF")
    x, notes = read([dark, middle, bright])
    assert x[:, 0, 0, 0].tolist() == [0, 128, 255]
    assert notes == (
        "3 images of 16 bits hold values 1000 to 3000: scaled to 0..255 by the range of the set "
        "(choose with scale)"
    )


def test_the_scale_can_be_chosen() -> None:
    raws: list[Raw] = [saved(np.full((4, 4), v, np.uint16), "PNG") for v in (0, 1000, 2000, 9000)]
    x, notes = read(raws, scale=(1000, 2000))
    assert x[:, 0, 0, 0].tolist() == [0, 0, 255, 255]
    assert "1000 becomes 0 and 2000 becomes 255, as asked" in notes
    assert "nothing was scaled" in read([small.encoded(small.pixels(0, 4, 4))], scale=(0, 1))[1]


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("p", [0.5, 10.0])
def test_percentiles_are_those_of_all_values(kind: Any, p: float) -> None:
    rng = np.random.default_rng(0)
    values = [(rng.normal(2000, 300, (50, 60)) + 500 * i).clip(0, 65535) for i in range(3)]
    raws: list[Raw] = [saved(one.astype(kind), "TIFF") for one in values]
    found = survey(raws, str, scale=p)
    together = np.concatenate([one.astype(kind).ravel() for one in values])
    wanted = np.percentile(together, [p, 100 - p])
    np.testing.assert_allclose(found.levels or (), wanted, rtol=1e-3)
    assert f"(percentiles {p:g} and {100 - p:g})" in found.notes[0]


def test_percentiles_below_zero() -> None:
    values = np.linspace(-5, 5, 10_001).astype(np.float32).reshape(73, 137)
    found = survey([saved(values, "TIFF")], str, scale=10)
    np.testing.assert_allclose(found.levels or (), (-4, 4), rtol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"scale": (5, 5)},
        {"scale": (0, float("nan"))},
        {"scale": "all"},
        {"scale": (1, 2, 3)},
        {"scale": 0},
        {"scale": 50},
        {"scale": True},
    ],
)
def test_scales_that_are_none(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        survey([DEEP["int32"]], str, **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_named(bad: float) -> None:
    values = RAMP.astype(np.float32)
    values[3, 7] = bad
    for options in ({}, {"scale": (0.0, 1.0)}):
        with pytest.raises(
            DataError, match=rf"cannot be read.*1 \(pixel at row 3, column 7 is {bad}"
        ):
            read([DEEP["float in [0, 1]"], saved(values, "TIFF")], **options)


def test_a_set_of_one_value() -> None:
    x, notes = read([saved(np.full((4, 4), 700, np.uint16), "PNG")] * 3)
    assert int(x.max()) == 0
    assert notes == "3 images of 16 bits hold the value 700 alone, which becomes 0"


def test_beside_images_of_8_bits_the_bits_in_use_count() -> None:
    plain = small.encoded((RAMP * 255).astype(np.uint8))
    x, notes = read([plain, DEEP["12 bits in a PNG of 16"]])
    assert int((x[0].int() - x[1].int()).abs().max()) <= 2
    assert "1 images of 16 bits hold values 0 to 4095: scaled to 0..255 by the 12 bits" in notes
    assert "the other 1 have 8 bits and stay as they are" in notes


def test_colours_of_16_bits_keep_their_upper_half_and_it_is_said() -> None:
    values = (RAMP * 65535).astype(np.uint16)
    for colour, bands in ((2, 3), (6, 4)):
        x, notes = read([png16(np.dstack([values] * bands), colour)])
        assert x.shape[1] == 3
        assert "1 colour images of 16 bits a channel keep the upper 8 bits of each" in notes
    body = np.dstack([values] * 3).astype("<u2").tobytes()
    raw = tiff(body, 64, 8, samples=(16, 16, 16))
    x, notes = read([raw])
    np.testing.assert_array_equal(x[0, 1].numpy(), values >> 8)
    assert "upper 8 bits" in notes
    assert "upper 8 bits" in read([b"P6 2 1 4095\n" + bytes(12)])[1]


def test_deep_photographs_are_turned_upright() -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    values = np.arange(32, dtype=np.uint16).reshape(4, 8)
    x, _ = read([saved(values, "PNG", exif=tags)])
    assert x.shape == (1, 1, 8, 4)
    wanted = np.rint(np.rot90(values, -1) * (255 / 31))
    np.testing.assert_array_equal(x[0, 0].numpy(), wanted)


def test_deep_images_without_levels_are_refused() -> None:
    with pytest.raises(DataError, match="16 bits where 8 bits are expected"):
        decode_all([[DEEP["all 16 bits"]]], 1, ImageForm(8, 64, "L"), str)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "YCbCr", "PA"])
def test_other_modes(mode: str) -> None:
    grey = small.pixels(0, 8, 8) // 128 * 255
    image = Image.fromarray(grey).convert("RGB").convert(mode if mode != "PA" else "P")
    form = {"CMYK": "TIFF", "YCbCr": "TIFF"}.get(mode, "PNG")
    file = io.BytesIO()
    image.save(file, form)
    x, _ = read([file.getvalue()])
    assert np.abs(x[0, 0].numpy().astype(int) - grey).max() <= 1


@pytest.mark.parametrize(("mode", "clear"), [("LA", (0, 0)), ("RGBA", (9, 9, 9, 0))])
def test_what_is_transparent_is_white(mode: str, clear: tuple[int, ...]) -> None:
    file = io.BytesIO()
    Image.new(mode, (4, 4), clear).save(file, "PNG")
    assert int(read([file.getvalue()])[0].min()) == 255


def test_several_frames_are_said() -> None:
    frames = [Image.fromarray(small.pixels(i, 6, 6)) for i in range(3)]
    for form in ("GIF", "TIFF", "PNG", "WEBP"):
        file = io.BytesIO()
        frames[0].save(file, form, save_all=True, append_images=frames[1:])
        x, notes = read([file.getvalue(), small.encoded(small.pixels(0, 6, 6))])
        assert "1 images have several frames or pages: the first is read" in notes, form
        assert x.shape[0] == 2


def test_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(small.encoded(small.pixels(0, 8, 8), "JPEG"))
    (tmp_path / "b.jpg").write_bytes(small.encoded(small.pixels(0, 8, 8), "BMP"))
    assert len(read([tmp_path / "a.png", tmp_path / "b.jpg"])[0]) == 2


BROKEN = {
    "empty": (b"", "zero bytes"),
    "text": (b"hello", "not an image"),
    "page": (b"\n<!DOCTYPE html><html>404</html>", "a web page (HTML), not an image"),
    "drawing": (b'<?xml version="1.0"?>\n<svg xmlns="x"></svg>', "SVG: drawings without pixels"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC: install pillow-heif"),
    "jxl": (b"\xff\x0a\0\0", "JPEG XL: install"),
    "psd": (b"8BPS\0\1" + bytes(40), "PSD: export as PNG"),
    "dicom": (bytes(128) + b"DICM", "DICOM: convert"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "cut jpeg": (small.encoded(small.pixels(0, 90, 90, 3), "JPEG")[:900], "truncated"),
    "cut png": (small.encoded(small.pixels(0, 90, 90, 3))[:900], "truncated"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_why_an_image_cannot_be_read(kind: str) -> None:
    raw, why = BROKEN[kind]
    with pytest.raises(DataError) as caught:
        read([raw])
    assert why in str(caught.value)
    assert caught.value.todo


def test_ten_broken_images_are_listed_and_the_rest_counted() -> None:
    with pytest.raises(DataError) as caught:
        survey([b"no"] * 25, lambda i: f"file {i}")
    said = str(caught.value)
    assert said.startswith("25 images cannot be read")
    assert "file 9 (not an image) and 15 more" in said
    assert "file 10 (" not in said


def test_broken_images_are_passed_over_when_asked() -> None:
    good = [small.encoded(small.pixels(i, 90, 90, 3)) for i in range(3)]
    bad = [raw for raw, _ in BROKEN.values()]
    raws: list[Raw] = [good[0], *bad, good[1], DEEP["int32"], good[2], b"x"]
    found = survey(raws, str, skip_broken=True)
    last = len(bad) + 4
    assert found.skipped == (*range(1, len(bad) + 1), last)
    assert len(found) == 4
    said = found.notes[-1]
    assert said.startswith("13 broken images were passed over: 1 (zero bytes); 2 (not an image)")
    assert said.endswith("and 3 more")
    form, _ = choose_form(found, 90, None, "crop")
    x = decode_all(kept_blocks(blocks_of(raws), found.skipped), len(found), form, str)
    np.testing.assert_array_equal(x[1].numpy(), small.pixels(1, 90, 90, 3).transpose(2, 0, 1))


def test_nothing_is_left_when_all_are_broken() -> None:
    with pytest.raises(DataError, match="2 images cannot be read"):
        survey([b"", b"x"], str, skip_broken=True)


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        survey([tmp_path / "a.png"], str)


def test_damaged_exif_is_no_reason_to_refuse() -> None:
    raw = saved(small.pixels(0, 8, 8), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\x7f" + bytes(40))
    assert len(read([raw])[0]) == 1


# folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for name in ("b.png", "cat/deep/a.PNG", "cat/z.jpg"):
        small.write_image(root / name, small.pixels(0, 8, 8))
    return root


def test_images_of_a_folder_are_listed(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / ".git").mkdir()
    small.write_image(folder / ".git" / "x.png", small.pixels(0, 8, 8))
    small.write_image(folder / "__MACOSX" / "x.png", small.pixels(0, 8, 8))
    names, notes = listed_images(folder)
    assert names == ["b.png", "cat/deep/a.PNG", "cat/z.jpg"]
    assert notes == ("1 files that are no images were passed over: notes.txt",)


def test_pipes_sockets_and_devices_are_never_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    os.symlink("/dev/zero", folder / "zero.png")
    os.symlink(folder / "pipe.png", folder / "to-pipe.png")
    with socket.socket(socket.AF_UNIX) as plug:
        before = os.getcwd()
        os.chdir(folder)  # the name of a socket has few letters
        try:
            plug.bind("plug.png")
        finally:
            os.chdir(before)
        names, notes = listed_images(folder)
    assert names == ["b.png", "cat/deep/a.PNG", "cat/z.jpg"]
    assert notes == (
        "1 links out of the folder were passed over (copy the files into it): zero.png",
        "3 pipes, devices or sockets were passed over: pipe.png, plug.png, to-pipe.png",
    )
    with pytest.raises(DataError, match=r"pipe\.png \(no regular file\)"):
        survey([folder / "pipe.png"], lambda i: "pipe.png")


def test_links_stay_in_the_folder(folder: Path, tmp_path: Path) -> None:
    small.write_image(tmp_path / "outside.png", small.pixels(0, 8, 8))
    (tmp_path / "pets-too").mkdir()
    small.write_image(tmp_path / "pets-too" / "x.png", small.pixels(0, 8, 8))
    os.symlink(folder / "b.png", folder / "inside.png")
    os.symlink(tmp_path / "outside.png", folder / "out.png")
    os.symlink(tmp_path / "pets-too" / "x.png", folder / "beside.png")
    os.symlink(folder / "nowhere", folder / "nowhere.png")
    os.symlink(folder / "ring.png", folder / "ring.png")
    os.symlink(folder, folder / "cat" / "up")
    names, notes = listed_images(folder)
    assert names == ["b.png", "cat/deep/a.PNG", "cat/z.jpg", "inside.png"]
    assert notes == (
        "1 linked folders were not followed: cat/up",
        "2 links out of the folder were passed over (copy the files into it): beside.png, out.png",
        "2 links to nothing were passed over: nowhere.png, ring.png",
    )
    os.symlink(folder, tmp_path / "linked")
    assert listed_images(tmp_path / "linked") == (names, notes)


def test_images_that_need_a_package_are_named(folder: Path) -> None:
    for name in ("a.SVG", "b.cr2", "c.NEF", "d.dcm", "e.psd"):
        (folder / name).write_bytes(b"x")
    notes = "\n".join(listed_images(folder)[1])
    assert "1 SVG images were passed over (drawings without pixels: convert to PNG): a.SVG" in notes
    assert "2 raw camera images were passed over (convert them to TIFF" in notes
    assert "1 DICOM images" in notes
    assert "1 PSD images" in notes


def test_a_folder_of_nothing_but_such_images(tmp_path: Path) -> None:
    for i in range(7):
        (tmp_path / f"{i}.svg").write_bytes(b"x")
    with pytest.raises(DataError, match="holds no images") as caught:
        listed_images(tmp_path)
    assert "7 SVG images" in str(caught.value.got)
    assert "5.svg" not in str(caught.value.got)
    assert caught.value.todo == "SVG: drawings without pixels: convert to PNG"


def test_folders_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no such folder"):
        listed_images(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no images.*no files"):
        listed_images(tmp_path)
    (tmp_path / "deep").mkdir()
    scan = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"a folder cannot be read.*deep"):
        listed_images(tmp_path)


def test_a_name_that_is_not_utf8(folder: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(DataError, match=r"not UTF-8.*udcff\.png"):
        listed_images(folder)


def test_plugins_are_used_where_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that opens HEIC registers itself with Pillow when asked."""

    def register() -> None:
        monkeypatch.setitem(Image.OPEN, "HEIF", Image.OPEN["PNG"])

    assert ".heic" not in image_suffixes()
    fake = SimpleNamespace(register_heif_opener=register)
    monkeypatch.setitem(sys.modules, "pillow_heif", fake)
    pillow_formats.cache_clear()
    try:
        assert {".heic", ".heif"} <= image_suffixes()
    finally:
        monkeypatch.undo()
        pillow_formats.cache_clear()


@pytest.mark.skipif(".avif" not in image_suffixes(), reason="this Pillow reads no AVIF")
def test_avif_is_read_where_pillow_does() -> None:
    assert len(read([saved(small.pixels(0, 16, 16, 3), "AVIF")])[0]) == 1


# bombs


def bomb(size: int) -> bytes:
    """Zeros, deflated, of this many MiB."""
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(size)), packer.flush()])


def _png(width: int, height: int, packed: bytes, *chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = (head, *chunks, chunk(b"IDAT", packed), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _gif(width: int, height: int) -> bytes:
    raw = bytearray(small.encoded(small.pixels(0, 6, 6), "GIF"))
    raw[6:10] = struct.pack("<HH", width, height)
    return bytes(raw)


def _bombs() -> dict[str, bytes]:
    packed, rows = bomb(256), zlib.compress(bytes(29 * 28))
    return {
        "small png": _png(28, 28, packed),
        "large png": _png(100, 100, packed),
        "png header": _png(60_000, 60_000, rows),
        "zTXt": _png(28, 28, rows, chunk(b"zTXt", b"a\0\0" + packed)),
        "iTXt": _png(28, 28, rows, chunk(b"iTXt", b"a\0\1\0\0\0" + packed)),
        "iCCP": _png(28, 28, rows, chunk(b"iCCP", b"a\0\0" + packed)),
        "eXIf": _png(28, 28, rows, chunk(b"eXIf", b"II*\0\x08\0\0\0" + b"\xff" * 60_000)),
        "tiff header": tiff(bytes(64), 60_000, 60_000),
        "tiff rows": tiff(bytes(64), 12, 10_000_000),
        "png rows": _png(12, 10_000_000, rows),
        "tiff strip": tiff(packed, 28, 28, compression=8),
        "tiff tile": tiff(
            packed, 28, 28, compression=8,
            tags={322: 60_000, 323: 16_000, 324: 8, 325: len(packed)},
        ),
        "tiff tile at the limit": tiff(
            packed, 28, 28, compression=8,
            tags={322: 16_384, 323: 16_384, 324: 8, 325: len(packed)},
        ),
        "gif screen": _gif(65_535, 65_535),
        "bmp": b"BM" + struct.pack("<IIIIiiHH24x", 54, 0, 54, 40, 50_000, 50_000, 1, 24),
        "pgm": b"P5 100000 100000 255\n" + bytes(10),
        "plain pgm": b"P2 90000 90000 255\n" + b"1 " * 50,
        "webp": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2,
    }  # fmt: skip


def measure_bombs() -> dict[str, tuple[str, int]]:
    """How each bomb ends, and by how many MB it raised the peak of this process."""
    ends = {}
    read([small.encoded(small.pixels(0, 9, 9))])
    for name, raw in _bombs().items():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            read([raw])
            end = "read"
        except DataError:
            end = "refused"
        ends[name] = end, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    return ends


def test_bombs_stop_at_the_size_that_the_header_promises() -> None:
    with OtherProcess() as process:  # one that has not used memory yet
        ends = process.call(measure_bombs)
    assert sum(grown for _, grown in ends.values()) < 100, ends
    large = {
        "png header", "png rows", "tiff header", "tiff rows", "tiff tile", "gif screen", "bmp",
        "pgm", "plain pgm",
    }  # fmt: skip
    assert {ends[name][0] for name in large} == {"refused"}, ends
    assert {ends[name][0] for name in ("eXIf", "large png", "small png")} == {"read"}, ends


def test_the_limit_is_stated() -> None:
    with pytest.raises(DataError, match=r"3,600,000,000 pixels, more than 178,956,970: make it"):
        survey([_png(60_000, 60_000, b"")], str)


def test_the_kind_of_a_path_is_looked_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.png")
    assert stat.S_ISFIFO((tmp_path / "p.png").stat().st_mode)
    with pytest.raises(DataError, match="no regular file"):
        decode_all([[tmp_path / "p.png"]], 1, ImageForm(4, 4, "L"), str)
