"""What is dear to compute is kept: decoded pixels, and rows that encoders made of items.

Images are decoded once: their pixels are kept in a file that every process maps into memory.

An entry is an array ``<data>-<key>.npy`` with what is known of it in ``<data>-<key>.json``:
``data`` stands for files and options, ``key`` for the content of the files, the options and the
code that decodes, so that a changed file, another option or another version is never answered with
old pixels. Of one ``data`` there is one entry: a new key takes the place of the old one. Entries
are written beside and renamed; whoever finds none waits for the one who is decoding (a lock), and
checks size and checksum of what it reads. Nothing here ever fails a load: what cannot be kept is
decoded each time, and said.

Rows of encoders (``RowCache``) stand in a file that only grows, each beside the digest of its item
and a checksum, so what a killed process had finished is there for the next one.

Where: ``.pauca-cache`` beside the data if that can be written, else the user's cache
(``XDG_CACHE_HOME`` or ``~/.cache``, folder ``pauca``). ``PAUCA_CACHE`` names another folder;
``off`` keeps nothing. The folder can be deleted at any time.
"""

import errno
import functools
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["BESIDE", "RowCache", "cache_folders", "cached_images"]

BESIDE = ".pauca-cache"
"""Name of the folder beside the data."""

_FORMAT = 1
_PATIENCE = 600.0  # seconds to wait for another process that decodes the same
_RACY = 2.0  # seconds within which a file may change without its times changing
_AN_IMAGE, _A_BYTE = 1e-4, 5e-8  # seconds to decode, roughly: small images count, large ones weigh
_LEAST = 1.0  # seconds of decoding from which an entry is worth its place


class RowCache:
    """Rows of d numbers by the digest of the item that each was computed of.

    The file holds records of one length: digest, row, checksum. It only grows, and a block that was
    added is on the disk; the rest of a record that a killed process left is cut off by the next one
    that adds. Several processes may add. What cannot be kept is computed each time, and said in
    ``notes``.

    Args:
        name: Of what computes them: another encoder, version or setting is another name.
        d: Numbers a row.
        folders: Where to look and to write, the best place first; none to keep nothing.
    """

    def __init__(self, name: str, d: int, folders: Sequence[Path]) -> None:
        self._record = np.dtype([("item", "V32"), ("row", "<f4", (d,)), ("sum", "<u4")])
        self._path: Path | None = None
        self._known: dict[bytes, int] = {}
        self.notes: tuple[str, ...] = ()
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{name}.rows"
                path.open("ab").close()
            except OSError as error:
                self.notes = self.notes or (_not_kept(error, "rows of the encoder"),)
                continue
            self._path, self.notes = path, ()
            break
        self._known = {item.tobytes(): i for i, item in enumerate(self._records()["item"])}

    def find(self, items: Sequence[bytes]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Rows float32 [n, d] of items by their digests of 32 bytes, and which are known [n]."""
        rows = np.zeros((len(items), *self._record["row"].shape), dtype=np.float32)
        known = np.zeros(len(items), dtype=np.bool_)
        records = self._records()
        for i, item in enumerate(items):
            at = self._known.get(item, len(records))
            if at < len(records) and _sum_of(records[at]) == records[at]["sum"]:
                rows[i], known[i] = records[at]["row"], True
        return rows, known

    def add(self, items: Sequence[bytes], rows: NDArray[np.float32]) -> None:
        """Keep a block of rows, on the disk when this returns."""
        if self._path is None:
            return
        block = np.zeros(len(items), dtype=self._record)
        for record, item, row in zip(block, items, rows, strict=True):
            record["item"], record["row"] = np.void(item), row
            record["sum"] = _sum_of(record)
        try:
            with self._path.open("r+b") as file, _alone(file.fileno()):
                begin = file.seek(0, os.SEEK_END) // self._record.itemsize
                file.seek(begin * self._record.itemsize)
                file.truncate()
                file.write(block.tobytes())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._path, self.notes = None, (_not_kept(error, "rows of the encoder"),)
            return
        self._known.update((item, begin + i) for i, item in enumerate(items))

    def _records(self) -> NDArray[Any]:
        """What the file holds, mapped."""
        size = 0
        with suppress(OSError):
            size = 0 if self._path is None else self._path.stat().st_size // self._record.itemsize
        if not size:
            return np.empty(0, dtype=self._record)
        assert self._path is not None
        return np.memmap(self._path, dtype=self._record, mode="r", shape=(size,))


def _sum_of(record: Any) -> int:
    """Checksum of a record's digest and row."""
    return zlib.crc32(record["row"].tobytes(), zlib.crc32(record["item"].tobytes()))


@dataclass(frozen=True)
class _Entry:
    """Where the pixels of some files and options are kept.

    Args:
        folder: The cache.
        data: Of the files and options, in hexadecimal.
        key: Of what the pixels depend on, in hexadecimal.
    """

    folder: Path
    data: str
    key: str

    @property
    def array(self) -> Path:
        """The pixels."""
        return self.folder / f"{self.data}-{self.key}.npy"

    @property
    def facts(self) -> Path:
        """What is known of them."""
        return self.array.with_suffix(".json")


def cached_images(
    files: Sequence[Path],
    options: Mapping[str, Any],
    decode: Callable[[], Tensor],
    *,
    n: int,
) -> tuple[Tensor, tuple[str, ...]]:
    """What ``decode`` gives, from the second time on mapped from a file.

    Whether it is worth keeping (a second of decoding or more) is decided by the number of images
    and the size of the files alone.

    Args:
        files: All that ``decode`` reads, in its order; none for what comes from memory.
        options: All else that its result depends on, as plain values: size, mode, column, ...
        decode: Makes the tensor.
        n: Number of images.

    Returns:
        The tensor, copy on write where it is mapped: what a process writes to it is its own. And
        what is to be said: where it is kept, or why it is not.
    """
    try:
        if not _worth(files, n):
            return decode(), ()
        before, content = _stat_key(files), ""
    except OSError:  # what is wrong with a file, its reader says
        return decode(), ()
    trouble: OSError | None = None
    for folder in cache_folders(files):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            data = _data_key(files, options, folder)
            content = content or _content(files, before, folder / f"{data}.files.json")
            entry = _Entry(folder, data, _key(content, options))
            found = _read(entry)
            if found is not None:
                return found, (_kept(entry, found),)
            lock = (folder / f"{data}.lock").open("a")
        except OSError as error:
            trouble = trouble or error
            continue
        with lock:
            return _decoded(entry, lock.fileno(), files, before, decode)
    return decode(), () if trouble is None else (_not_kept(trouble),)


def _decoded(
    entry: _Entry, lock: int, files: Sequence[Path], before: str, decode: Callable[[], Tensor]
) -> tuple[Tensor, tuple[str, ...]]:
    """Decode and keep, unless somebody else does so meanwhile."""
    with _alone(lock) as alone:
        found = _read(entry)
        if found is not None:
            return found, (_kept(entry, found),)
        damaged = entry.array.exists()
        x = decode()
        if not alone or _stat_key(files) != before:  # files that change are nobody's content
            return x, ()
        try:
            _write(entry, x, files)
        except OSError as error:
            return x, (_not_kept(error),)
        said = ("the kept pixels were damaged and were made anew",) if damaged else ()
        found = _read(entry)
        return (x, ()) if found is None else (found, (_kept(entry, found), *said))


def _worth(files: Sequence[Path], n: int) -> bool:
    if not files or not cache_folders(files):
        return False
    size = sum(file.stat().st_size for file in files)
    return n * _AN_IMAGE + size * _A_BYTE >= _LEAST


def cache_folders(files: Sequence[Path]) -> list[Path]:
    """Where to look and to write, the best place first; none where nothing is to be kept.

    Args:
        files: The data; of none, only the user's own cache is a place.
    """
    given = os.environ.get("PAUCA_CACHE", "").strip()
    if given.lower() == "off":
        return []
    if given:
        return [Path(given).expanduser()]
    user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pauca"
    return [_common(files) / BESIDE, user] if files and _may_be_changed(_common(files)) else [user]


def _may_be_changed(folder: Path) -> bool:
    """Whether a folder's permissions let anybody write; root could all the same, and does not."""
    return bool(folder.stat().st_mode & 0o222)


def _common(files: Sequence[Path]) -> Path:
    """The innermost folder that holds all files."""
    return Path(os.path.commonpath([file.absolute().parent for file in files]))


def _data_key(files: Sequence[Path], options: Mapping[str, Any], folder: Path) -> str:
    """Of paths and options; a folder that is moved with its data stays valid."""
    base = folder.absolute().parent
    names = [os.path.relpath(file.absolute(), base) for file in files]
    return _digest([names, options])[:12]


def _key(content: str, options: Mapping[str, Any]) -> str:
    return _digest([_FORMAT, _code(), content, options])[:24]


@functools.cache
def _code() -> str:
    """Of all that decodes: pauca's version, its code for data, and Pillow."""
    found = sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        found.update(file.read_bytes())
    versions = []
    for package in ("pauca", "pillow"):
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return _digest([versions, found.hexdigest()])


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _stat_key(files: Sequence[Path]) -> str:
    """Of place, size, times and number of every file: changes whenever a file may have changed."""
    seen = [(file.absolute(), file.stat()) for file in files]
    return _digest([(str(f), s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for f, s in seen])


def _content(files: Sequence[Path], stat: str, memo: Path) -> str:
    """Of what the files hold; read anew unless it is known of files with these very times."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(memo.read_text(encoding="utf-8"))
        if known["stat"] == stat:
            return str(known["content"])
    parts = sha256()
    for file in files:
        with file.open("rb") as opened:
            parts.update(file_digest(opened, "sha256").digest())
    content = parts.hexdigest()
    newest = max(max(s.st_mtime, s.st_ctime) for s in (file.stat() for file in files))
    if time.time() - newest > _RACY:  # else it could change within the same tick of the clock
        with suppress(OSError):  # read again next time
            _replace(memo, json.dumps({"stat": stat, "content": content}).encode())
    return content


def _read(entry: _Entry) -> Tensor | None:
    """The pixels, mapped; None where they are not there, or are not whole."""
    try:
        facts = json.loads(entry.facts.read_text(encoding="utf-8"))
        if entry.array.stat().st_size != facts["bytes"]:
            return None
        found = np.load(entry.array, mmap_mode="c", allow_pickle=False)
        whole = list(found.shape) == facts["shape"] and zlib.crc32(found.data) == facts["crc32"]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return torch.from_numpy(found) if whole else None


def _write(entry: _Entry, x: Tensor, files: Sequence[Path]) -> None:
    """Array first, then what is known of it: an array without it does not count."""
    for pattern in (f"{entry.data}-*", f".{entry.data}*.part-*"):
        for old in entry.folder.glob(pattern):  # other keys, and drafts of the dead
            old.unlink(missing_ok=True)
    array = x.contiguous().numpy()
    if shutil.disk_usage(entry.folder).free < array.nbytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(entry.folder))
    draft = _draft(entry.array)
    try:
        with draft.open("wb") as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        size = draft.stat().st_size
        os.replace(draft, entry.array)
    finally:
        draft.unlink(missing_ok=True)
    facts = {
        "bytes": size,
        "shape": list(array.shape),
        "crc32": zlib.crc32(array.data),
        "files": [file.name for file in files[:3]] + ["..."] * (len(files) > 3),
    }
    _replace(entry.facts, json.dumps(facts, indent=1).encode())


def _replace(path: Path, data: bytes) -> None:
    draft = _draft(path)
    try:
        draft.write_bytes(data)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.part-{uuid4().hex[:8]}")


@contextmanager
def _alone(lock: int) -> Iterator[bool]:
    """Whether this is the only one at work; waits for another, but not for ever.

    The lock is let go when the file is closed, in whatever way the process ends.
    """
    try:
        import fcntl
    except ImportError:  # a system without these locks: the last to write wins, all are right
        yield True
        return
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                yield False
                return
            time.sleep(0.05)
        except OSError:  # a file system without locks
            yield True
            return
        else:
            yield True
            return


def _kept(entry: _Entry, x: Tensor) -> str:
    return f"decoded once into {_shown(entry.folder)}, {x.nbytes / 1e6:,.0f} MB"


def _not_kept(error: OSError, what: str = "decoded pixels") -> str:
    place = "" if error.filename is None else f" ({_shown(Path(error.filename))})"
    return (
        f"{what} are not kept: {error.strerror or error}{place}; PAUCA_CACHE can name another "
        "folder"
    )


def _shown(path: Path) -> str:
    """The folder as a user knows it."""
    if path.name == BESIDE:
        return f"{BESIDE} beside the data"
    with suppress(ValueError, RuntimeError):
        return f"~/{path.absolute().relative_to(Path.home()).as_posix()}"
    return str(path)
