"""Malformed inputs for every door, the same ones for a seed, and what becomes of them.

Each input has a name that says what was done to it. ``ending`` opens one and says how that ended;
a ``Tally`` counts, and its text is what a test prints.
"""

import gzip
import io
import json
import os
import random
import resource
import signal
import sqlite3
import threading
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pauca.errors import PaucaError, shown

__all__ = [
    "WRONG",
    "Tally",
    "cut",
    "ending",
    "flip",
    "foreign",
    "forged_npy",
    "misplaced",
    "mutations",
    "torch_bytes",
    "variations",
]

_MIB = 2**20
_HUGE = 2**62
_LONGEST = 3000  # characters of a message: five parts, each bounded

WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 7, _HUGE, 10**400, 0.5, float("nan"), float("inf"), "", "x", "\0", "é" * 400,
    [], [1], [[]], [None], ["a", 1], {}, {"x": 1}, {"name": None}, {"": {"": []}},
)  # fmt: skip
"""Plain values of every type, one of which is wrong anywhere."""


def flip(raw: bytes, at: int, bit: int = 0) -> bytes:
    """The same bytes but for one bit of byte ``at``."""
    return raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]


def cut(raw: bytes, size: int) -> bytes:
    """The first bytes."""
    return raw[:size]


def mutations(
    raw: bytes, seed: int, count: int, tokens: Sequence[bytes] = ()
) -> Iterator[tuple[str, bytes]]:
    """``count`` damaged copies of a file that is well formed, each with what was done.

    Bits that flipped, in one place or several; ends cut off; parts filled with zeros or ones,
    left out, doubled or from elsewhere; numbers in binary or in digits that became huge or
    negative. None equals the file.

    Args:
        raw: The file, at least one byte.
        seed: Of what is drawn.
        count: How many.
        tokens: What stands oddly in a file of this kind, and is put somewhere.
    """
    rng = random.Random(seed)
    deeds = [*_DEEDS.items(), *([("token", _token(tokens))] * 5 if tokens else [])]
    if count < len(deeds):  # not always the first ones
        rng.shuffle(deeds)
    done = 0
    while done < count:
        name, deed = deeds[done % len(deeds)]
        # headers are at both ends, and there most goes wrong
        wide = rng.random() < 0.6
        near = rng.randrange(len(raw)) if wide else min(len(raw) - 1, rng.randrange(256))
        at = near if wide or rng.random() < 0.6 else len(raw) - 1 - near
        made = deed(raw, at, rng)
        if made == raw:  # as digits are where none are
            name, made = "flip", flip(raw, at, rng.randrange(8))
        yield f"{name} at {at} of {len(raw)} (seed {seed}, number {done})", made
        done += 1


def _flips(raw: bytes, at: int, rng: random.Random) -> bytes:
    for _ in range(rng.randrange(2, 30)):
        raw = flip(raw, rng.randrange(len(raw)), rng.randrange(8))
    return raw


def _fill(raw: bytes, at: int, rng: random.Random) -> bytes:
    size = min(rng.choice((1, 2, 4, 8, 64, 4096)), len(raw) - at)
    return raw[:at] + bytes([rng.choice((0, 0xFF, 0x20))]) * size + raw[at + size :]


def _number(raw: bytes, at: int, rng: random.Random) -> bytes:
    size = rng.choice((2, 4, 8))
    bits = 8 * size
    value = rng.choice((0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1, 2 ** (bits - 6)))
    return raw[:at] + value.to_bytes(size, rng.choice(("little", "big"))) + raw[at + size :]


def _digits(raw: bytes, at: int, rng: random.Random) -> bytes:
    """The next number in digits becomes another."""
    start = next((i for i in range(at, len(raw)) if raw[i : i + 1].isdigit()), len(raw))
    end = next((i for i in range(start, len(raw)) if not raw[i : i + 1].isdigit()), len(raw))
    other = rng.choice((b"-1", b"0", b"9" * 18, b"1" * 5000, b"1e999", b"NaN", b"0.5", b"x"))
    return raw if start == len(raw) else raw[:start] + other + raw[end:]


def _token(tokens: Sequence[bytes]) -> Callable[[bytes, int, random.Random], bytes]:
    def put(raw: bytes, at: int, rng: random.Random) -> bytes:
        for place in (at, *rng.choices(range(len(raw) + 1), k=rng.choice((0, 0, 1, 3)))):
            raw = raw[:place] + rng.choice(tokens) + raw[place:]
        return raw

    return put


_DEEDS: Mapping[str, Callable[[bytes, int, random.Random], bytes]] = {
    "flip": lambda raw, at, rng: flip(raw, at, rng.randrange(8)),
    "cut": lambda raw, at, rng: raw[:at],
    "fill": _fill,
    "number": _number,
    "flips": _flips,
    "leave out": lambda raw, at, rng: raw[:at] + raw[at + rng.choice((1, 2, 16, 1000)) :],
    "digits": _digits,
    "double": lambda raw, at, rng: raw[:at] + raw[max(0, at - rng.randrange(1, 1000)) :],
    "insert": lambda raw, at, rng: raw[:at] + rng.randbytes(rng.choice((1, 3, 40))) + raw[at:],
    "append": lambda raw, at, rng: raw + rng.randbytes(rng.choice((1, 4096))),
    "behead": lambda raw, at, rng: raw[at + 1 :],
    "overwrite": lambda raw, at, rng: (raw[:at] + rng.randbytes(64) + raw[at + 64 :])[: len(raw)],
}  # fmt: skip


def variations(
    value: Any, seed: int, count: int, wrongs: Sequence[Any] = WRONG
) -> Iterator[tuple[str, Any]]:
    """``count`` copies of nested plain values with one part wrong.

    It is of another type, gone or new, wrapped in a list or a mapping, or in another one's place.

    Args:
        value: Mappings, lists and leaves.
        seed: Of what is drawn.
        count: How many.
        wrongs: Values that are wrong.
    """
    rng = random.Random(seed)
    places = list(_places(value, ()))
    for number in range(count):
        place = rng.choice(places)
        wrong, inner = rng.choice(wrongs), _part(value, place)
        what = rng.choice(("wrong", "wrong", "wrong", "gone", "new", "wrapped", "moved"))
        if what == "wrapped":
            wrong = rng.choice(([inner], {"value": inner}))
        elif what == "moved":
            wrong = _part(value, rng.choice(places))
        made = wrong if not place else _varied(value, place, what, wrong)
        spot = ".".join(map(str, place)) or "the whole"
        yield f"{spot} {what} {shown(wrong)[:40]} (seed {seed}, number {number})", made


def _places(value: Any, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield above
    items = (
        value.items()
        if isinstance(value, Mapping)
        else enumerate(value)
        if isinstance(value, list | tuple)
        else ()
    )
    for key, part in items:
        yield from _places(part, (*above, key))


def _part(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _varied(value: Any, place: tuple[Any, ...], what: str, wrong: Any) -> Any:
    first, *rest = place
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    if rest:
        copy[first] = _varied(value[first], tuple(rest), what, wrong)
    elif what == "gone":
        del copy[first]
    elif what == "new" and isinstance(copy, dict):
        copy[f"{first}x"] = wrong
    else:
        copy[first] = wrong
    return copy


def foreign() -> Iterator[tuple[str, bytes]]:
    """Files that are well formed, or nearly, and of another kind than any door expects."""
    yield "an empty file", b""
    yield "one byte", b"\0"
    yield "zeros", bytes(4096)
    yield "ones", b"\xff" * 4096
    yield "a text", b"dear reader,\nthis is a letter\n"
    yield "a text in UTF-16", "dear reader".encode("utf-16")
    yield "latin-1", "caf\xe9 = 1\n".encode("latin-1")
    yield "a web page", b"<!DOCTYPE html><html><body>404 not found</body></html>"
    yield (
        "a pointer of Git LFS",
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:"
            + b"0" * 64
            + b"\nsize 12345\n"
        ),
    )
    yield "deep JSON", b"[" * 100_000
    yield "a JSON object", b'{"a": [1, 2, {"b": null}]}'
    yield "a long number", b"x = " + b"9" * 5000
    yield "a deep table", b"x = " + b"[" * 5000 + b"]" * 5000
    yield "a table of TOML", b"[a.b.c]\nd = 1979-05-27T07:32:00Z\n"
    yield "a gzip", gzip.compress(b"x" * 1000)
    yield "an empty zip", _zip({})
    yield "a zip of a text", _zip({"a.txt": b"text"})
    yield (
        "a zip that says it is of torch",
        _zip({"a/data.pkl": b"\x80\x02}.", "a/version": b"9999"}),
    )
    yield "a PNG's header", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02"
    yield "an Arrow header", b"ARROW1\0\0" + b"\xff" * 64 + b"ARROW1"
    yield "a Parquet header", b"PAR1" + b"\xff\xff\xff\x7f" + b"PAR1"
    yield "a pickle", b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94."
    yield "a pickle of a dict", b"\x80\x02}q\0."
    yield "a database of another program", _database()
    yield "an array", _npy(np.arange(6.0))
    yield "an array of texts", _npy(np.array(["a", "b"]))
    yield "an array of objects", _npy(np.array([{}], dtype=object))
    yield "an array without a dimension", _npy(np.array(1.0))
    yield "an array without a row", _npy(np.empty((0, 4), np.float32))
    for descr, shape in (
        ("<f4", (2**40, 2**20)), ("<f4", (2**63, 1)), ("<f4", (-1, 4)), ("<f4", (4,)),
        ("<f4", (3, 10**30)), ("|O", (4, 4)), ("<U1000000000", (4,)), ("<f4", "x"), ("nonsense", 4),
        ("<f4", (2**31, 2)), ([("a", "<f4")], (3,)),
    ):  # fmt: skip
        yield f"an array's header of {descr} {shape}", forged_npy(descr, shape, bytes(64))


def forged_npy(descr: Any, shape: Any, data: bytes = b"", *, fortran: Any = False) -> bytes:
    """An .npy file whose header says whatever is wanted, and what is behind it."""
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape})
    head = text.encode("latin-1")
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head + data


def torch_bytes(value: Any) -> bytes:
    """What ``torch.save`` makes of a value."""
    import torch

    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def misplaced(path: Path) -> Iterator[str]:
    """Put one thing after the other in the place of a file that no file should be: names them.

    A folder, a link to nowhere, a link to itself, a pipe that nobody writes to, and (but for the
    superuser, who may read everything) a file that may not be read. The file comes back at the end.
    """
    aside = path.with_name(f"{path.name}.aside")
    os.replace(path, aside)
    try:
        for name, put in _PLACES.items():
            put(path, aside)
            yield f"{name} in its place"
            with suppress(IsADirectoryError, PermissionError):
                path.unlink(missing_ok=True)
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
    finally:
        os.replace(aside, path)


def _unreadable(path: Path, aside: Path) -> None:
    path.write_bytes(aside.read_bytes())
    path.chmod(0 if os.geteuid() else 0o600)


_PLACES: Mapping[str, Callable[[Path, Path], None]] = {
    "nothing": lambda path, aside: None,
    "a folder": lambda path, aside: path.mkdir(),
    "a link to nowhere": lambda path, aside: path.symlink_to("nowhere"),
    "a link to itself": lambda path, aside: path.symlink_to(path.name),
    "a pipe": lambda path, aside: os.mkfifo(path),
    "a device": lambda path, aside: path.symlink_to("/dev/zero"),
    "a file that may not be read": _unreadable,
}


def ending(
    call: Callable[[], object], *, most: int = 256 * _MIB, seconds: int = 20, advice: bool = True
) -> str:
    """How a call ended: ``fine``, ``refused``, or ``bug:`` and why.

    A bug is any exception but a PaucaError; a refusal that says nothing to do, that is longer than
    3,000 characters or that steers a terminal; a call that takes more memory or time than is
    allowed. Nothing can take more than 4 GiB of addresses. The time is only watched in the main
    thread.

    Args:
        call: Opens the input, and reads all of it that matters.
        most: Bytes by which the process may grow at the most.
        seconds: Time at the most.
        advice: Whether a refusal must say what to do.
    """
    try:
        with _bounded(most) as grown, _timed(seconds) as late:
            try:
                call()
                said = "fine"
            except PaucaError as error:
                said = _refusal(error, advice)
        if late():  # whoever caught that
            return f"bug: still at work after {seconds} s"
        return f"bug: it took {grown() // _MIB} MiB" if grown() > most else said
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"bug: {type(error).__name__}: {text} ({Path(last.filename).name}:{last.lineno})"


def _refusal(error: PaucaError, advice: bool) -> str:
    if advice and not error.todo:
        return f"bug: a refusal without what to do: {str(error)[:200]}"
    text = str(error)
    if len(text) > _LONGEST or not text.isprintable():
        return f"bug: a refusal of {len(text)} characters, or not printable: {text[:100]!r}"
    return "refused"


@contextmanager
def _bounded(most: int) -> Iterator[Callable[[], int]]:
    """No more than 4 GiB of addresses beyond those that are taken; tells how far the peak rose."""
    pages = [int(part) for part in Path("/proc/self/statm").read_text().split()]
    before = pages[1] * resource.getpagesize()
    with suppress(OSError):  # the peak begins anew
        Path("/proc/self/clear_refs").write_text("5")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    room = pages[0] * resource.getpagesize() + max(most, 4096 * _MIB)
    if limits[1] != resource.RLIM_INFINITY:
        room = min(room, limits[1])
    resource.setrlimit(resource.RLIMIT_AS, (room, limits[1]))
    try:
        yield lambda: max(0, _peak() - before)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _peak() -> int:
    """Most memory that the process has had, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _timed(seconds: int) -> Iterator[Callable[[], bool]]:
    """Ends what takes longer; tells whether it had to."""
    fired: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def late(number: int, frame: object) -> None:
        fired.append(number)
        raise TimeoutError(f"still at work after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield lambda: bool(fired)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Tally:
    """Counts endings.

    Args:
        counts: By ending; all bugs in one.
        bugs: Name of each input that ended as a bug, and how.
    """

    counts: Counter[str] = field(default_factory=Counter)
    bugs: list[str] = field(default_factory=list)

    def open(self, name: str, call: Callable[[], object], **limits: Any) -> str:
        """Open one input, and count how that ended; see ``ending`` for limits."""
        return self.take(name, ending(call, **limits))

    def take(self, name: str, how: str) -> str:
        """Count one ending of ``ending``, which comes back."""
        kind = how.partition(":")[0]
        self.counts[kind] += 1
        if kind == "bug":
            self.bugs.append(f"{name}: {how}")
        return how

    @property
    def total(self) -> int:
        """Inputs in all."""
        return self.counts.total()

    def __str__(self) -> str:
        """As in ``1500 malformed inputs, 0 ended as a bug``, and what each bug was."""
        first = f"{self.total} malformed inputs, {len(self.bugs)} ended as a bug"
        rest = f" ({', '.join(f'{n} {kind}' for kind, n in sorted(self.counts.items()))})"
        return "\n".join([first + rest, *self.bugs[:40]])


def _zip(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as into:
        for name, content in files.items():
            into.writestr(name, content)
    return file.getvalue()


def _npy(array: "np.ndarray[Any, Any]") -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _database() -> bytes:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE runs (id TEXT, settings TEXT)")
    db.execute("INSERT INTO runs VALUES ('a', ?)", (json.dumps({}),))
    db.commit()
    raw = db.serialize()
    db.close()
    return raw
