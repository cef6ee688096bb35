"""From image files to one uint8 tensor: sizes and modes looked at first, memory taken once.

The tensor is made before the first image is decoded and filled in place, so n images of c
channels, h by w pixels, need n c h w bytes and a few images more. Images of some size are decoded
by a pool of threads (Pillow lets go of the interpreter while it decodes); for tiny ones threads
cost more than they bring, and one is used.
"""

import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.png import decode_small_pngs
from pauca.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "DEFAULT_SIZE",
    "Fit",
    "ImageForm",
    "Mode",
    "Progress",
    "Raw",
    "Size",
    "allocate",
    "blocks_of",
    "both_sides",
    "choose_form",
    "decode_all",
    "memory_note",
    "survey",
]

Mode = Literal["L", "RGB"]
"""One channel (grey) or three."""

Fit = Literal["crop", "stretch", "pad"]
"""How another shape becomes the wanted one: cut the middle out, distort, or add black margins."""

Size = int | tuple[int, int]
"""Side of a square, or (height, width), in pixels."""

Raw = Path | bytes
"""An image as it is kept: a file, or the bytes of one."""

Progress = Callable[[float], None]
"""Told, from time to time, which fraction is done (0 to 1)."""

DEFAULT_SIZE = 64
"""Side in pixels that images of mixed sizes are brought to when no size is asked for."""

_THREADED_BYTES = 16_384
_BLOCK = 256
_SHOWN = 5


@dataclass(frozen=True)
class ImageForm:
    """What every image becomes.

    Args:
        height: Pixels.
        width: Pixels.
        mode: ``L`` (one channel) or ``RGB``.
        fit: How another shape becomes this one; None refuses any other size.
        upright: Turn photographs upright as their EXIF orientation says.
    """

    height: int
    width: int
    mode: Mode
    fit: Fit | None = None
    upright: bool = False

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
        raise DataError("size is out of range", expected="sides >= 1 pixel", got=size)
    return height, width


def survey(
    raws: Iterable[Raw], name: Callable[[int], str], *, upright: bool = False
) -> Counter[tuple[int, int, bool]]:
    """How often each (height, width, is grey) occurs, from the headers alone.

    Raises:
        DataError: some cannot be opened; the first few are named.
    """
    found: Counter[tuple[int, int, bool]] = Counter()
    broken: list[str] = []
    with _large_photographs():
        for i, raw in enumerate(raws):
            try:
                found[_header(raw, upright)] += 1
            except Exception as error:  # Pillow's readers raise many kinds on broken files
                broken.append(f"{name(i)} ({_reason(raw, error)})")
    _refuse(broken)
    return found


def choose_form(
    found: Counter[tuple[int, int, bool]],
    size: Size | None,
    mode: Mode | None,
    fit: Fit,
) -> tuple[ImageForm, tuple[str, ...]]:
    """The one form for images of these sizes and modes, and what has to be said about it.

    Without ``size``, images of one size keep it and mixed ones become 64 x 64; without ``mode``,
    grey ones stay grey if all are, and everything becomes RGB otherwise.
    """
    sizes = sorted({(height, width) for height, width, _ in found})
    grey = sum(count for (_, _, is_grey), count in found.items() if is_grey)
    total = found.total()
    chosen: Mode = mode or ("L" if grey == total else "RGB")
    notes: list[str] = []
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
    return ImageForm(*side, mode=chosen, fit=fit, upright=True), tuple(notes)


def memory_note(n: int, shape: Sequence[int]) -> str:
    """What n images of this shape take in memory, in words."""
    return f"{n} images take {n * int(np.prod(shape)) / 1e6:,.1f} MB of memory"


def allocate(n: int, form: ImageForm) -> Tensor:
    """Room for n images, uint8 [n, channels, height, width], not filled.

    Raises:
        DataError: more than the machine has; says how much is needed.
    """
    need = n * int(np.prod(form.shape))
    have = _physical_memory()
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
            first few are named. Too few or too many images. Not enough memory.
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

    with _large_photographs(), ThreadPoolExecutor(max_workers=_threads()) as pool:
        for block in blocks:
            if start + len(block) > n:
                raise DataError("more images than were counted", expected=n, where=name(n - 1))
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
        raise DataError("fewer images than were counted", expected=n, got=start)
    return x


def blocks_of(raws: Sequence[Raw]) -> Iterable[Sequence[Raw]]:
    """A sequence cut into blocks for ``decode_all``."""
    return (raws[i : i + _BLOCK] for i in range(0, len(raws), _BLOCK))


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


def _open(raw: Raw) -> "Image":
    from PIL import Image

    return Image.open(raw if isinstance(raw, Path) else io.BytesIO(raw))


@contextmanager
def _large_photographs() -> Iterator[None]:
    """No warning at 90 million pixels; Pillow refuses twice that all the same."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _header(raw: Raw, upright: bool) -> tuple[int, int, bool]:
    with _open(raw) as image:
        width, height = image.size
        if upright and image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
            width, height = height, width
        return height, width, _is_grey(image.mode)


def _is_grey(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;16")


def _decode(raw: Raw, form: ImageForm) -> NDArray[np.uint8]:
    """uint8 [channels, height, width]."""
    from PIL import ImageOps

    with _open(raw) as image:
        if form.fit is not None:
            # lets a JPEG be decoded at a fraction of its size when that is enough
            longest = max(form.height, form.width)
            image.draft(None, (2 * longest, 2 * longest))
        shown = ImageOps.exif_transpose(image) if form.upright else image
        shown = _to_mode(shown, form.mode)
        if shown.size != (form.width, form.height):
            shown = _to_size(shown, form)
        pixels = np.asarray(shown)
    return pixels[None] if form.mode == "L" else pixels.transpose(2, 0, 1)


def _to_mode(image: "Image", mode: Mode) -> "Image":
    from PIL import Image

    if image.mode == mode:
        return image
    if image.mode == "F":
        raise ValueError("pixels are floats; save it with 8 bits a channel")
    if image.mode == "I" or image.mode.startswith("I;16"):
        # 16 bits a pixel: keep the upper eight (Pillow itself would cut off at 255)
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
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
    if (len(raw) if isinstance(raw, bytes) else _file_size(raw)) == 0:
        return "zero bytes"
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image" if text.startswith("cannot identify") else text


def _refuse(broken: list[str]) -> None:
    if broken:
        more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise DataError(
            f"{len(broken)} image{'s' * (len(broken) > 1)} cannot be read",
            expected="whole image files of the size the data set has (or ask for one with size)",
            got="; ".join(broken[:_SHOWN]) + more,
            todo="repair, replace or remove them",
        )


def _by(side: tuple[int, int]) -> str:
    return f"{side[0]} x {side[1]}"


def _sizes(sizes: list[tuple[int, int]]) -> str:
    if len(sizes) == 1:
        return _by(sizes[0])
    return f"{len(sizes)} sizes, {_by(sizes[0])} to {_by(sizes[-1])},"


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not known on this system
        return None
