"""From image files to one uint8 tensor: sizes and modes looked at first, memory taken once.

Images of more than 8 bits a pixel (16 or 32 bits, floats) are brought to 0..255 by one linear map
for the whole set: its levels, the two values that become 0 and 255. Only files in the formats of
``pillow_formats`` are decoded, whatever their suffix, and none with more than ``MOST_PIXELS``.

The tensor is made before the first image is decoded and filled in place, so n images of c
channels, h by w pixels, need n c h w bytes and a few images more. Images of some size are decoded
by a pool of threads (Pillow lets go of the interpreter while it decodes); for tiny ones threads
cost more than they bring, and one is used.
"""

import io
import math
import os
import re
import stat
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.png import decode_small_pngs
from pauca.errors import DataError, InputError
from pauca.formats.base import Raw, machine_memory
from pauca.formats.folder import FOREIGN, blocks_of, pillow_formats

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = [
    "DEFAULT_SIZE",
    "MOST_PIXELS",
    "Fit",
    "ImageForm",
    "Levels",
    "Mode",
    "Progress",
    "Raw",
    "Scale",
    "Size",
    "Survey",
    "allocate",
    "blocks_of",
    "both_sides",
    "choose_form",
    "decode_all",
    "is_deep_png",
    "kept_blocks",
    "memory_note",
    "png_of",
    "suffix_of",
    "survey",
    "to_eight_bits",
]

Mode = Literal["L", "RGB"]
"""One channel (grey) or three."""

Fit = Literal["crop", "stretch", "pad"]
"""How another shape becomes the wanted one: cut the middle out, distort, or add black margins."""

Size = int | tuple[int, int]
"""Side of a square, or (height, width), in pixels."""

Levels = tuple[float, float]
"""The values of images of more than 8 bits that become 0 and 255."""

Scale = Literal["range"] | Levels | float
"""How the levels are found: least and greatest value of the set; two values; or one number p in
(0, 50), for the p-th and (100 - p)-th percentile of all values."""

Progress = Callable[[float], None]
"""Told, from time to time, which fraction is done (0 to 1)."""

DEFAULT_SIZE = 64
"""Side in pixels that images of mixed sizes are brought to when no size is asked for."""

MOST_PIXELS = 178_956_970
"""An image of more pixels (13,377 a side) is refused before memory is taken: as Pillow does."""


_THREADED_BYTES = 16_384
_BLOCK = 256
_BROKEN = 10  # broken images that a message lists
_LONGEST = 200  # letters of a reason


_DENSEST = {"raw": 1, "zip": 1032}
"""By how much Pillow's codecs can grow what they read, where there is a limit."""

_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "PPM": ".pnm", "JPEG2000": ".jp2"}


_SIGNS = (
    (re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE), "a web page (HTML), not an image"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", re.DOTALL), ".svg"),
    (re.compile(rb".{4}ftyp(heic|heix|heim|hevc|mif1|msf1)", re.DOTALL), ".heic"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), ".avif"),
    (re.compile(rb"\xff\x0a|\x00\x00\x00\x0cJXL "), ".jxl"),
    (re.compile(rb"8BPS"), ".psd"),
    (re.compile(rb".{128}DICM", re.DOTALL), ".dcm"),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer: fetch it with git lfs pull"),
    (re.compile(rb"%PDF|%!PS"), "a PDF or PostScript document: convert it to PNG"),
    (re.compile(rb"PK\x03\x04"), "a zip archive: unpack it"),
)
"""What the first bytes of a file that is not decoded tell: its suffix above, or words."""


@dataclass(frozen=True)
class ImageForm:
    """What every image becomes.

    Args:
        height: Pixels.
        width: Pixels.
        mode: ``L`` (one channel) or ``RGB``.
        fit: How another shape becomes this one; None refuses any other size.
        upright: Turn photographs upright as their EXIF orientation says.
        levels: The values that become 0 and 255 in images of more than 8 bits a pixel; None
            refuses such images.
    """

    height: int
    width: int
    mode: Mode
    fit: Fit | None = None
    upright: bool = False
    levels: Levels | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (1 if self.mode == "L" else 3, self.height, self.width)


def both_sides(size: Size) -> tuple[int, int]:
    """(height, width) of a size.

    Raises:
        DataError: a side is below 1.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise DataError(
            "size is out of range",
            expected="sides >= 1 pixel",
            got=size,
            todo="pass a side, or height and width, of at least 1 pixel",
        )
    return height, width


@dataclass(frozen=True)
class Survey:
    """What images are, before memory is taken for them.

    Args:
        counts: How often each (height, width, is grey) occurs.
        levels: The values that become 0 and 255 in images of more than 8 bits; None without any.
        skipped: Numbers of the images that were passed over, ascending.
        notes: What has to be said.
    """

    counts: Counter[tuple[int, int, bool]]
    levels: Levels | None = None
    skipped: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many images, those passed over left out."""
        return self.counts.total()

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Every (height, width), sorted."""
        return sorted({(height, width) for height, width, _ in self.counts})


def survey(
    raws: Iterable[Raw],
    name: Callable[[int], str],
    *,
    upright: bool = False,
    scale: Scale = "range",
    skip_broken: bool = False,
) -> Survey:
    """Sizes, modes and values of images, from the headers alone where these say enough.

    Images of more than 8 bits a pixel are decoded to find the range of the set, unless ``scale``
    gives it. In a set where others have 8 bits, whole numbers from 0 on are scaled by the number
    of bits they use, so that the brightness of the two kinds can be compared.

    Args:
        raws: The images, in order.
        name: Where image i is from, for messages.
        upright: Count the sides of photographs as they stand upright.
        scale: How the values that become 0 and 255 are found; percentiles to 0.05% of a value.
        skip_broken: Pass over images that cannot be read instead of refusing; every image is
            decoded to find out.

    Raises:
        DataError: some cannot be read (the first ten are named), or all.
        InputError: ``scale`` is out of range.
    """
    state = _SurveyState(upright, *_checked_scale(scale), skip_broken)
    numbered = enumerate(raws)
    with _quiet(), ThreadPoolExecutor(max_workers=_threads()) as pool:
        while block := list(islice(numbered, _BLOCK)):
            # headers alone are read faster without threads
            decodes = skip_broken or (state.depths and state.asked is None)
            run = pool.map if decodes and _worth_threads([raw for _, raw in block]) else map
            results = run(state.facts, (raw for _, raw in block))
            for (i, raw), facts in zip(block, results, strict=True):
                state.add(i, raw, facts, name)
    return state.survey()


def choose_form(
    found: Survey, size: Size | None, mode: Mode | None, fit: Fit
) -> tuple[ImageForm, tuple[str, ...]]:
    """The one form for images of these sizes, modes and values, and what has to be said about it.

    Without ``size``, images of one size keep it and mixed ones become 64 x 64; without ``mode``,
    grey ones stay grey if all are, and everything becomes RGB otherwise.
    """
    sizes, total = found.sizes, len(found)
    grey = sum(count for (_, _, is_grey), count in found.counts.items() if is_grey)
    chosen: Mode = mode or ("L" if grey == total else "RGB")
    notes = list(found.notes)
    if size is None:
        side = sizes[0] if len(sizes) == 1 else (DEFAULT_SIZE, DEFAULT_SIZE)
    else:
        side = both_sides(size)
    if sizes != [side]:
        why = "as asked" if size is not None else "the default, ask for another with size"
        notes.append(
            f"{total} images of {_sizes(sizes)} were brought to {_by(side)} by {fit} ({why})"
        )
    changed = total - grey if chosen == "L" else grey
    if changed:
        why = "as asked" if mode is not None else "the default for mixed modes"
        notes.append(f"{changed} of {total} images were turned into {chosen} ({why})")
    form = ImageForm(*side, mode=chosen, fit=fit, upright=True, levels=found.levels)
    return form, tuple(notes)


def memory_note(n: int, shape: Sequence[int]) -> str:
    """What n images of this shape take in memory, in words."""
    return f"{n} images take {n * int(np.prod(shape)) / 1e6:,.1f} MB of memory"


def allocate(n: int, form: ImageForm) -> Tensor:
    """Room for n images, uint8 [n, channels, height, width], not filled.

    Raises:
        DataError: more than the machine has; says how much is needed.
    """
    need = n * int(np.prod(form.shape))
    have = machine_memory()
    if have is not None and need > have * 0.8:
        raise DataError(
            f"{n} images of {_by((form.height, form.width))} do not fit into memory",
            expected=f"at most 80 % of {have / 1e9:.1f} GB",
            got=f"{need / 1e9:.1f} GB",
            todo="ask for a smaller size, such as size = 64",
        )
    return torch.empty((n, *form.shape), dtype=torch.uint8)


def decode_all(
    blocks: Iterable[Sequence[Raw]],
    n: int,
    form: ImageForm,
    name: Callable[[int], str],
    progress: Progress | None = None,
    places: Sequence[int] | None = None,
) -> Tensor:
    """Decode n images that come in blocks into one tensor.

    Args:
        blocks: The images, in order.
        n: How many there are in all.
        form: What every image becomes.
        name: Where image i is from, for messages.
        progress: Told which fraction is done.
        places: Row of the tensor for each image; in order by default. Splitting without a copy.

    Returns:
        uint8 [n, channels, height, width].

    Raises:
        DataError: some cannot be decoded, or have another size and ``form`` does not allow it; the
            first ten are named. Too few or too many images. Not enough memory.
    """
    x = allocate(n, form)
    room = x.numpy()
    broken: list[str] = []
    start = 0

    def one(i: int, raw: Raw) -> None:
        try:
            room[i if places is None else places[i]] = _decode(raw, form)
        except Exception as error:  # Pillow's readers raise many kinds on broken files
            broken.append(f"{name(i)} ({_reason(raw, error)})")

    with _quiet(), ThreadPoolExecutor(max_workers=_threads()) as pool:
        for block in blocks:
            if start + len(block) > n:
                raise DataError(
                    "more images than were counted",
                    expected=n,
                    where=name(n - 1),
                    todo="read the files again: they changed while they were read",
                )
            numbers = range(start, start + len(block))
            small = _small(block, form)
            if small is not None:
                room[
                    slice(start, start + len(block))
                    if places is None
                    else [places[i] for i in numbers]
                ] = small
            else:
                run = pool.map if _worth_threads(block) else map
                for _ in run(one, numbers, block):
                    pass
            start += len(block)
            if progress is not None and n:
                progress(start / n)
    _refuse(sorted(broken))
    if start != n:
        raise DataError(
            "fewer images than were counted",
            expected=n,
            got=start,
            todo="read the files again: they changed while they were read",
        )
    return x


def kept_blocks(
    blocks: Iterable[Sequence[Raw]], skipped: Collection[int]
) -> Iterator[Sequence[Raw]]:
    """Blocks for ``decode_all`` without the images of these numbers, counted over all blocks."""
    left_out, start = set(skipped), 0
    for block in blocks:
        yield [raw for i, raw in enumerate(block, start) if i not in left_out]
        start += len(block)


def is_deep_png(raw: bytes) -> bool:
    """Whether these are the first bytes of a grey PNG of 16 bits, which browsers show as they like.

    Its range is not that of 16 bits, as a rule, so what is shown is black.
    """
    return raw[:8] == b"\x89PNG\r\n\x1a\n" and raw[24:26] == b"\x10\x00"


def png_of(raw: Raw, levels: Levels | None, where: str) -> bytes:
    """An image as PNG, as it is read for a model: upright, white behind, scaled by the levels.

    Args:
        raw: The image.
        levels: The values that become 0 and 255 where it has more than 8 bits; its own range
            if None.
        where: For messages.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with _quiet(), _open(raw) as image:
            shown = _turned(_plain(image, levels, own=True))
            out = io.BytesIO()
            _to_mode(shown, "L" if _is_grey(shown.mode) else "RGB").save(out, "PNG")
    except Exception as error:  # Pillow's readers raise many kinds on broken files
        raise DataError(
            "the image cannot be read",
            expected="the image file that the data held",
            got=_reason(raw, error),
            where=where,
            todo="put the file back, or repair it",
        ) from None
    return out.getvalue()


def suffix_of(raw: bytes) -> str:
    """The usual suffix of the format that the bytes of an image are in; ``.bin`` if unknown."""
    try:
        with _quiet(), _open(raw) as image:
            return _SUFFIXES.get(str(image.format)) or f".{image.format}".lower()
    except Exception:  # Pillow's readers raise many kinds on broken files
        return ".bin"


def _small(block: Sequence[Raw], form: ImageForm) -> NDArray[np.uint8] | None:
    """A block of small PNGs of the wanted size and mode, uint8 [b, channels, h, w]; or None."""
    raws = [raw for raw in block if isinstance(raw, bytes)]
    if len(raws) < len(block):
        return None
    return decode_small_pngs(raws, form.height, form.width, form.shape[0])


def _threads() -> int:
    return max(1, min(8, os.cpu_count() or 1))


def _worth_threads(block: Sequence[Raw]) -> bool:
    first = block[0] if block else b""
    size = len(first) if isinstance(first, bytes) else _file_size(first)
    return size >= _THREADED_BYTES and _threads() > 1


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _open(raw: Raw) -> "ImageFile":
    """The image, its header read and its size checked.

    Raises:
        Exception: whatever Pillow's readers raise.
    """
    from PIL import Image

    file: io.BytesIO | Path
    if isinstance(raw, bytes):
        size, file = len(raw), io.BytesIO(raw)
    else:
        found = raw.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("no regular file")
        size, file = found.st_size, raw
    image = Image.open(file, formats=pillow_formats())
    try:
        _check_promise(image, size)
    except Exception:
        image.close()
        raise
    return image


def _check_promise(image: "ImageFile", size: int) -> None:
    """Hold the pixels that the header promises against the limit and the bytes of the file.

    Raises:
        ValueError: too many pixels, or more than so many bytes can hold.
    """
    pixels = image.size[0] * image.size[1]
    tags = getattr(image, "tag_v2", {})
    tile = tags.get(322, 1) * tags.get(323, 1)  # of a TIFF, in pixels
    if pixels > MOST_PIXELS or tile > max(MOST_PIXELS, 4 * pixels):
        raise ValueError(_too_large(max(pixels, tile)))
    densest = _DENSEST.get(image.tile[0][0]) if image.tile else None
    if densest is not None and pixels > 8 * densest * size:
        raise ValueError(f"truncated: {size:,} bytes do not hold {pixels:,} pixels")


def _too_large(pixels: int | str) -> str:
    return f"has {int(pixels):,} pixels, more than {MOST_PIXELS:,}: make it smaller"


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of Pillow (90 million pixels, damaged EXIF): what cannot be read is refused."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


@dataclass(frozen=True)
class _Facts:
    """What one image is.

    Args:
        key: (height, width, is grey).
        depth: In words, beyond 8 bits.
        ends: Least and greatest value, beyond 8 bits.
        bins: Numbers of the histogram's bins that its values fall into, and how many do.
        halved: Whether the lower half of 16 bits a channel is lost.
        frames: Whether there are further frames or pages.
        changes: What else happens to it when it is decoded.
    """

    key: tuple[int, int, bool]
    depth: str | None = None
    ends: Levels | None = None
    bins: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    halved: bool = False
    frames: bool = False
    changes: tuple[str, ...] = ()


@dataclass
class _SurveyState:
    """What a survey has found so far."""

    upright: bool
    asked: Levels | None
    percentile: float | None
    decode: bool
    counts: Counter[tuple[int, int, bool]] = field(default_factory=Counter)
    depths: Counter[str] = field(default_factory=Counter)
    ends: Levels | None = None
    halved: int = 0
    frames: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    histogram: NDArray[np.int64] | None = None

    def facts(self, raw: Raw) -> _Facts | Exception:
        """What an image is, or why it cannot be read."""
        try:
            with _open(raw) as image:
                return self._facts(image)
        except Exception as error:  # Pillow's readers raise many kinds on broken files
            return error

    def _facts(self, image: "ImageFile") -> _Facts:
        width, height = image.size
        depth, halved = _depth(image), _halved(image)  # before the EXIF, which may load the pixels
        turned = image.getexif().get(0x0112, 1) if self.upright else 1
        if turned in (5, 6, 7, 8):
            width, height = height, width
        key = (height, width, _is_grey(image.mode))
        frames = bool(getattr(image, "is_animated", False)) and image.format != "MPO"
        ends = bins = None
        if depth is not None and (self.asked is None or self.decode):
            values = _deep_values(image)
            ends = (float(values.min()), float(values.max()))
            bins = None if self.percentile is None else _bins(values)
        elif self.decode:
            image.load()
            _to_mode(image.crop((0, 0, 1, 1)), "RGB")
        return _Facts(key, depth, ends, bins, halved, frames, _changes(image, turned))

    def add(self, i: int, raw: Raw, facts: _Facts | Exception, name: Callable[[int], str]) -> None:
        """Count an image in."""
        if isinstance(facts, Exception):
            self.broken.append(f"{name(i)} ({_reason(raw, facts)})")
            self.skipped.append(i)
            return
        self.counts[facts.key] += 1
        self.halved += facts.halved
        self.frames += facts.frames
        self.changes.update(facts.changes)
        if facts.depth is not None:
            self.depths[facts.depth] += 1
        if facts.ends is not None:
            low, high = self.ends or facts.ends
            self.ends = min(low, facts.ends[0]), max(high, facts.ends[1])
        if facts.bins is not None:
            if self.histogram is None:
                self.histogram = np.zeros(2**_KEY_BITS, np.int64)
            self.histogram[facts.bins[0]] += facts.bins[1]

    def survey(self) -> Survey:
        """The whole of it."""
        if not self.decode or not self.counts:
            _refuse(self.broken)
        levels, said = self._levels()
        notes = [*said]
        if self.halved:
            notes.append(
                f"{self.halved} colour images of 16 bits a channel keep the upper 8 bits of each"
            )
        if self.frames:
            notes.append(f"{self.frames} images have several frames or pages: the first is read")
        notes += [f"{count} images {change}" for change, count in sorted(self.changes.items())]
        if self.broken:
            notes.append(f"{len(self.broken)} broken images were passed over: {_ten(self.broken)}")
        return Survey(self.counts, levels, tuple(self.skipped), tuple(notes))

    def _levels(self) -> tuple[Levels | None, tuple[str, ...]]:
        """The levels of the set, and what has to be said."""
        deep, n = self.depths.total(), self.counts.total()
        if not deep:
            unused = self.asked is not None or self.percentile is not None
            return None, ("no image has more than 8 bits: nothing was scaled",) * unused
        kinds = " and ".join(f"{count} images of {kind}" for kind, count in self.depths.items())
        others = f"; the other {n - deep} have 8 bits and stay as they are" if n > deep else ""
        if self.asked is not None:
            low, high = self.asked
            said = f"{kinds} were scaled: {low:g} becomes 0 and {high:g} becomes 255, as asked"
            return self.asked, (said + others,)
        assert self.ends is not None
        low, high = self.ends
        said = f"{kinds} hold values {low:.6g} to {high:.6g}: "
        if self.histogram is not None and self.percentile is not None:
            p = self.percentile
            levels = _percentiles(self.histogram, p)
            how = f"{levels[0]:.6g} to {levels[1]:.6g} scaled to 0..255 (percentiles {p:g} and "
            how += f"{100 - p:g})"
        elif n > deep and low >= 0 and "floats" not in self.depths:
            bits = max(8, int(high).bit_length())
            levels = (0.0, 255.0 * 2 ** (bits - 8))
            how = f"scaled to 0..255 by the {bits} bits they use (choose with scale)"
        elif low == high:
            return self.ends, (f"{kinds} hold the value {low:.6g} alone, which becomes 0{others}",)
        else:
            levels, how = self.ends, "scaled to 0..255 by the range of the set (choose with scale)"
        return levels, (said + how + others,)


def _checked_scale(scale: Scale) -> tuple[Levels | None, float | None]:
    """The levels that were asked for, or None; the percentile that was asked for, or None.

    Raises:
        InputError: it is none of these.
    """
    if scale == "range":
        return None, None
    if isinstance(scale, int | float) and not isinstance(scale, bool) and 0 < scale < 50:
        return None, float(scale)
    if isinstance(scale, tuple | list) and len(scale) == 2 and all(map(math.isfinite, scale)):
        low, high = map(float, scale)
        if low < high:
            return (low, high), None
    raise InputError(
        "scale is out of range",
        expected="'range'; two numbers, the lower first; or a percentile in (0, 50)",
        got=repr(scale),
        todo="choose the values that become black and white, or leave scale out",
    )


_KEY_BITS = 20  # sign, exponent and 11 bits of a float32


def _bins(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the bins of float32 numbers occur, and how often; bins are in the numbers' order."""
    plain = np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32)
    keys = np.where(plain >> 31, ~plain, plain | np.uint32(0x80000000)) >> (32 - _KEY_BITS)
    counts = np.bincount(keys)
    used = np.flatnonzero(counts)
    return used, counts[used]


def _percentiles(histogram: NDArray[np.int64], p: float) -> Levels:
    """The p-th and (100 - p)-th percentile of what was counted by ``_bins``."""
    below = np.cumsum(histogram)
    places = np.searchsorted(below, [below[-1] * p / 100, below[-1] * (1 - p / 100)], "left")
    keys = (places.astype(np.uint64) << (32 - _KEY_BITS)).astype(np.uint32)
    plain = np.where(keys >> 31, keys & np.uint32(0x7FFFFFFF), ~keys)
    low, high = plain.astype(np.uint32).view(np.float32).tolist()
    return low, high


def _depth(image: "ImageFile") -> str | None:
    """How deep the pixels are, in words; None for 8 bits and less."""
    if image.mode == "F":
        return "floats"
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return "16 bits"
    if image.mode != "I":
        return None
    return "16 bits" if getattr(image, "tag_v2", {}).get(258) == (16,) else "32 bits"


def _halved(image: "ImageFile") -> bool:
    """Whether colours of 16 bits lose their lower half in Pillow."""
    if _depth(image) is not None:
        return False
    return _most_of_ppm(image) is not None or any(";16" in str(tile[3]) for tile in image.tile)


def _most_of_ppm(image: "ImageFile") -> int | None:
    """The greatest value that the header of a PPM or PGM promises, beyond 8 bits."""
    told = image.tile[0][3] if image.format == "PPM" and image.tile else None
    most = told[1] if isinstance(told, tuple) and len(told) == 2 else 0
    return most if isinstance(most, int) and most > 255 else None


def _deep_values(image: "ImageFile") -> NDArray[Any]:
    """Values of an image of more than 8 bits a pixel that is not loaded yet, [h, w].

    Raises:
        ValueError: a pixel is NaN or infinite.
    """
    tags, most = getattr(image, "tag_v2", {}), _most_of_ppm(image)
    values = np.asarray(image)
    if most is not None:  # Pillow stretches 0..most to 16 bits
        values = np.rint(values * (most / 65535)).astype(np.int32)
    if tags.get(258) == (32,) and tags.get(339, (1,)) == (1,) and values.dtype == np.int32:
        values = values.view(np.uint32)  # Pillow knows 32 bits with a sign alone
    if values.dtype.kind == "f" and not math.isfinite(float(values.min()) + float(values.max())):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0].tolist()
            raise ValueError(f"pixel at row {row}, column {column} is {values[row, column]}")
    return values


def to_eight_bits(values: NDArray[Any], levels: Levels) -> NDArray[np.uint8]:
    """Values of any range as uint8: the levels become 0 and 255, what is beyond them is cut."""
    low, high = levels
    # float32 holds 16 bits exactly; 32 bits and the range of floats need more
    wide: NDArray[Any] = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    wide -= np.float64(low)
    wide *= np.float64(255 / ((high - low) or 1))
    return np.clip(np.rint(wide, out=wide), 0, 255, out=wide).astype(np.uint8)


def _changes(image: "ImageFile", turned: int) -> tuple[str, ...]:
    """What happens to the pixels of an image when it is decoded, beside its size and depth."""
    found = []
    if turned in range(2, 9):
        found.append("were turned upright, as their EXIF says")
    if _is_clear(image):
        found.append("may be transparent: what is stands on white")
    if image.mode not in ("RGB", "P", "PA", "RGBA", "RGBa", "RGBX") and not _is_grey(image.mode):
        found.append(f"are {image.mode}: their colours were converted")
    return tuple(found)


def _is_clear(image: "Image") -> bool:
    return image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info


def _turned(image: "Image") -> "Image":
    """The image as it stands upright; Pillow's own way writes the EXIF anew, broken or not."""
    from PIL import Image

    image.load()  # which turns some kinds
    by = Image.Transpose
    turns = {2: by.FLIP_LEFT_RIGHT, 3: by.ROTATE_180, 4: by.FLIP_TOP_BOTTOM, 5: by.TRANSPOSE,
             6: by.ROTATE_270, 7: by.TRANSVERSE, 8: by.ROTATE_90}  # fmt: skip
    turn = turns.get(image.getexif().get(0x0112, 1))
    return image if turn is None else image.transpose(turn)


def _is_grey(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;16")


def _decode(raw: Raw, form: ImageForm) -> NDArray[np.uint8]:
    """uint8 [channels, height, width]."""
    with _open(raw) as image:
        if form.fit is not None:
            # lets a JPEG be decoded at a fraction of its size when that is enough
            longest = max(form.height, form.width)
            image.draft(None, (2 * longest, 2 * longest))
        shown = _plain(image, form.levels)
        if form.upright:
            shown = _turned(shown)
        shown = _to_mode(shown, form.mode)
        if shown.size != (form.width, form.height):
            shown = _to_size(shown, form)
        pixels = np.asarray(shown)
    return pixels[None] if form.mode == "L" else pixels.transpose(2, 0, 1)


def _plain(image: "ImageFile", levels: Levels | None, *, own: bool = False) -> "Image":
    """The image with 8 bits a channel, its orientation kept.

    Args:
        image: Not loaded yet.
        levels: The values that become 0 and 255.
        own: Take the image's own range where there are no levels.

    Raises:
        ValueError: it has more than 8 bits and there are no levels; a pixel is NaN or infinite.
    """
    from PIL import Image

    depth = _depth(image)
    if depth is None:
        return image
    if levels is None and not own:
        raise ValueError(f"pixels are {depth} where 8 bits are expected")
    values = _deep_values(image)
    levels = levels or (float(values.min()), float(values.max()))
    plain = Image.fromarray(to_eight_bits(values, levels))
    orientation = image.getexif().get(0x0112)
    if orientation is not None:
        plain.getexif()[0x0112] = orientation
    return plain


def _to_mode(image: "Image", mode: Mode) -> "Image":
    from PIL import Image

    if image.mode == mode:
        return image
    if _is_clear(image):
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image.convert(mode)


def _to_size(image: "Image", form: ImageForm) -> "Image":
    from PIL import Image, ImageOps

    side = (form.width, form.height)
    if form.fit is None:
        got = _by((image.size[1], image.size[0]))
        raise ValueError(f"is {got} and not {_by((form.height, form.width))}")
    if form.fit == "crop":
        return ImageOps.fit(image, side, method=Image.Resampling.BILINEAR)
    if form.fit == "pad":
        return ImageOps.pad(image, side, method=Image.Resampling.BILINEAR)
    return image.resize(side, Image.Resampling.BILINEAR)


def _reason(raw: Raw, error: Exception) -> str:
    """Why an image cannot be read, in a few words."""
    if raw == b"" or (isinstance(raw, Path) and raw.is_file() and _file_size(raw) == 0):
        return "zero bytes"
    said = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    text = said.splitlines()[0][:_LONGEST]
    pixels = re.search(r"Image size \((\d+) pixels\) exceeds", text)
    if pixels:
        return _too_large(pixels[1])
    return _what_it_is(raw) if text.startswith("cannot identify") else text


def _what_it_is(raw: Raw) -> str:
    """What a file is that is no image, by its first bytes."""
    start = raw[:512] if isinstance(raw, bytes) else _start(raw)
    for pattern, told in _SIGNS:
        if pattern.match(start):
            kind, todo = FOREIGN.get(told, (None, None))
            return told if kind is None else f"{kind}: {todo}"
    return "not an image"


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError:
        return b""


def _ten(broken: Sequence[str]) -> str:
    more = f" and {len(broken) - _BROKEN} more" if len(broken) > _BROKEN else ""
    return "; ".join(broken[:_BROKEN]) + more


def _refuse(broken: Sequence[str]) -> None:
    if broken:
        raise DataError(
            f"{len(broken)} image{'s' * (len(broken) > 1)} cannot be read",
            expected="whole image files of the size the data set has (or ask for one with size)",
            got=_ten(broken),
            todo="repair or remove them; of data of one's own, skip_broken passes over them",
        )


def _by(side: tuple[int, int]) -> str:
    return f"{side[0]} x {side[1]}"


def _sizes(sizes: list[tuple[int, int]]) -> str:
    if len(sizes) == 1:
        return _by(sizes[0])
    return f"{len(sizes)} sizes, {_by(sizes[0])} to {_by(sizes[-1])},"
