"""Files of tensors and arrays, checked before they are believed: one door for each kind.

Nothing in them is run, no more memory is taken than the file has bytes, and whatever the libraries
raise becomes one error that says which file, what is wrong and what to do.
"""

import ast
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pauca.errors import DataError, InputError

__all__ = ["map_array", "pack", "read_bytes", "read_tensors", "unpack"]

_SHOWN = 200
_MAGIC = b"\x93NUMPY"
_LONGEST = 4096  # of the header of an array of plain numbers
_LITTLE, _STRETCH = 2**26, 16  # bytes that tensors may have, and times the bytes of their file
_PLAIN, _SUMS = "values.json", "sha256"
_BEGAN = (1980, 1, 1, 0, 0, 0)  # the same values, the same bytes


def read_bytes(path: Path, what: str, todo: str) -> bytes:
    """All of a file.

    Args:
        path: The file.
        what: What is wrong if it cannot be read.
        todo: What to do then.

    Raises:
        DataError: it is not there, may not be read, or is no file: a folder, a pipe, a device.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError(what, expected="a file", got="something else", where=path, todo=todo)
        return path.read_bytes()
    except OSError as error:
        raise DataError(what, got=error.strerror, where=path, todo=todo) from None


def read_tensors(raw: bytes, where: object, what: str, todo: str) -> Any:
    """What ``torch.save`` wrote: plain values and tensors, on the CPU.

    torch does not look at the sums that stand in its own files; they are checked here.

    Args:
        raw: The file.
        where: Where it is, for messages.
        what: What is wrong if it cannot be read.
        todo: What to do then.

    Raises:
        DataError: it is damaged, or no such file.
    """
    import torch

    def refuse(got: str) -> DataError:
        return DataError(
            what,
            expected="plain values and tensors, saved by torch.save",
            got=" ".join(got.split())[:_SHOWN],
            where=where,
            todo=todo,
        )

    damage = _damage(raw)
    if damage is not None:
        raise refuse(damage)
    try:
        found = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
        size = _size(found)
    except Exception as error:  # the unpickler raises whatever the bytes lead it to
        raise refuse(str(error) or type(error).__name__) from None
    if size > max(_LITTLE, _STRETCH * len(raw)):
        raise refuse(f"tensors of {size} bytes in a file of {len(raw)}")
    return found


def _size(value: Any) -> int:
    """Bytes that the tensors in plain values would have if each number stood for itself.

    Raises:
        ValueError: a tensor without numbers, or one that is not stored as rows.
    """
    import torch

    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.device.type != "cpu":
            raise ValueError(f"a tensor of layout {value.layout} on {value.device}")
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list | tuple | set) else 0


def _damage(raw: bytes) -> str | None:
    """What is wrong with the archive, or None; files from before torch 1.6 are none."""
    if not raw.startswith(b"PK"):
        return None if len(raw) > 1 else "an empty file"
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                return "a compressed archive"
            if sum(member.file_size for member in members) > len(raw):
                return "an archive that says it holds more than it has bytes"
            hurt = archive.testzip()
    except Exception as error:  # zipfile raises what the bytes lead it to
        return f"a damaged archive: {error}"
    return None if hurt is None else f"a damaged archive: {hurt} is not as it was written"


def pack(value: Mapping[str, Any]) -> bytes:
    """Plain values, arrays and tensors as one file: a zip archive that any program can read.

    Members, none compressed: ``values.json``, in which ``{"$array": NAME}`` or
    ``{"$tensor": NAME}`` stands for an array; a .npy file for each of those; and ``sha256``, their
    digests as sha256sum writes them. Equal values give equal bytes.

    Raises:
        InputError: a value of another type, or an array that does not hold plain numbers.
    """
    arrays: list[NDArray[Any]] = []
    plain = _plain(value, arrays)
    members = {_PLAIN: json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False).encode()}
    for number, array in enumerate(arrays):
        room = io.BytesIO()
        np.lib.format.write_array(room, array, (1, 0), allow_pickle=False)
        members[f"{number}.npy"] = room.getvalue()
    members[_SUMS] = _sums_of(members)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _BEGAN), content)
    return out.getvalue()


def unpack(raw: bytes, where: object, what: str, todo: str) -> Any:
    """What ``pack`` wrote; nothing in it is run.

    Args:
        raw: The file.
        where: Where it is, for messages.
        what: What is wrong if it cannot be read.
        todo: What to do then.

    Raises:
        DataError: it is damaged, or no such file.
    """
    damage = "no archive" if raw and not raw.startswith(b"PK") else _damage(raw)
    try:
        if damage is not None:
            raise ValueError(damage)
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
            members = {name: archive.read(name) for name in names}
        if len(names) != len(members) or not {_PLAIN, _SUMS} <= members.keys():
            raise ValueError("an archive with other members")
        if members.pop(_SUMS) != _sums_of(members):
            raise ValueError("contents that differ from their digests")
        found = json.loads(members.pop(_PLAIN).decode("utf-8"), parse_constant=_no_constant)
        arrays = {name: _array(content) for name, content in members.items()}
        return _unplain(found, arrays)
    except Exception as error:  # zipfile and json raise what the bytes lead them to
        raise DataError(
            what,
            expected="values and arrays as pauca packs them",
            got=" ".join(str(error).split())[:_SHOWN] or type(error).__name__,
            where=where,
            todo=todo,
        ) from None


def _sums_of(members: Mapping[str, bytes]) -> bytes:
    lines = (f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in members.items())
    return "".join(lines).encode()


def _plain(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """The value as JSON has it; its arrays are added to the others."""
    import torch

    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"$float": str(value)}
    if isinstance(value, np.generic):
        return _plain(value.item(), arrays)
    if isinstance(value, list):
        return [_plain(each, arrays) for each in value]
    if isinstance(value, tuple):
        return {"$tuple": [_plain(each, arrays) for each in value]}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: _plain(each, arrays) for key, each in value.items()}
        return {"$dict": [[_plain(key, arrays), _plain(value[key], arrays)] for key in value]}
    kind = "$array"
    if isinstance(value, torch.Tensor) and value.layout == torch.strided:
        kind, value = "$tensor", _numbers(value.detach().cpu())
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise InputError(
            "a value cannot be packed",
            expected="plain values, and arrays or tensors of numbers",
            got=f"{type(value).__name__} {getattr(value, 'dtype', '')}".strip(),
            todo="choose features and a learner whose state is made of these",
        )
    arrays.append(np.ascontiguousarray(value).reshape(value.shape))
    return {kind: f"{len(arrays) - 1}.npy"}


def _numbers(value: Any) -> Any:
    """A tensor as an array; as it is where NumPy has no such numbers."""
    try:
        return value.numpy()
    except TypeError:
        return value


def _unplain(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """What ``_plain`` made JSON of.

    Raises:
        ValueError: something that it does not write.
    """
    import torch

    if isinstance(value, list):
        return [_unplain(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not next(iter(value)).startswith("$"):
        return {key: _unplain(each, arrays) for key, each in value.items()}
    ((kind, held),) = value.items()
    if kind == "$float":
        return {"inf": np.inf, "-inf": -np.inf, "nan": np.nan}[held]
    if kind == "$tuple":
        return tuple(_unplain(held, arrays))
    if kind == "$dict":
        return dict(map(tuple, _unplain(held, arrays)))
    return torch.from_numpy(arrays[held]) if kind == "$tensor" else _checked(kind, arrays[held])


def _checked(kind: str, array: NDArray[Any]) -> NDArray[Any]:
    if kind != "$array":
        raise ValueError(f"values of kind {kind[:40]!r}")
    return array


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _array(raw: bytes) -> NDArray[Any]:
    """The array of a .npy file; a copy.

    Raises:
        ValueError: it is none, or not as long as its header says.
    """
    dtype, shape, fortran, start = _header(raw)
    if start + dtype.itemsize * _count(shape) != len(raw):
        raise ValueError(f"{dtype} {list(shape)[:8]} by its header, but {len(raw) - start} bytes")
    flat = np.frombuffer(raw, dtype, offset=start).copy()
    return flat.reshape(shape, order="F" if fortran else "C")


def map_array(path: Path, what: str, todo: str) -> NDArray[Any]:
    """An .npy file mapped into memory, copied where it is written to: nothing is read yet.

    Args:
        path: The file.
        what: What is wrong if it cannot be read.
        todo: What to do then.

    Raises:
        DataError: it is not there, no array of numbers, or not as long as its header says.
    """

    def refuse(got: object) -> DataError:
        return DataError(
            what, expected="an array of numbers (.npy)", got=got, where=path, todo=todo
        )

    try:
        if path.exists() and not path.is_file():
            raise refuse("something else than a file")
        with path.open("rb") as file:
            dtype, shape, fortran, start = _header(file.read(_LONGEST))
        size = path.stat().st_size
        if start + dtype.itemsize * _count(shape) != size:
            raise refuse(f"{dtype} {list(shape)[:8]} by its header, but {size - start} bytes")
        if not _count(shape):
            return np.empty(shape, dtype)
        found: NDArray[Any] = np.memmap(
            path, dtype=dtype, mode="c", offset=start, shape=shape, order="F" if fortran else "C"
        )
        return found
    except OSError as error:
        raise refuse(error.strerror) from None
    except ValueError as error:
        raise refuse(str(error)[:_SHOWN]) from None


def _count(shape: tuple[int, ...]) -> int:
    whole = 1
    for n in shape:
        whole *= n
    return whole


def _header(raw: bytes) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Type, shape, order and where the numbers begin.

    Raises:
        ValueError: it is no header of an array of plain numbers.
    """
    if not raw.startswith(_MAGIC) or len(raw) < 12:
        raise ValueError("no .npy file" if raw else "an empty file")
    wide = 2 if raw[6] == 1 else 4
    start = 8 + wide + int.from_bytes(raw[8 : 8 + wide], "little")
    if start > len(raw):
        raise ValueError("a damaged header")
    try:
        head = ast.literal_eval(raw[8 + wide : start].decode("latin-1").strip())
        text, shape, fortran = head["descr"], head["shape"], head["fortran_order"]
        dtype = np.dtype(text) if isinstance(text, str) and len(text) < 8 else None
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise ValueError("a damaged header") from None
    if dtype is None or dtype.kind not in "biuf" or not isinstance(fortran, bool):
        raise ValueError("no array of plain numbers")
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise ValueError("a damaged shape")
    return dtype, shape, fortran, start
