"""IDX files: the format that MNIST and EMNIST were first given in."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pauca.errors import DataError

__all__ = ["read_idx"]

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> Tensor:
    """The array of an IDX file of unsigned bytes, plain or .gz.

    Returns:
        uint8, of the shape the file says.

    Raises:
        DataError: not there, cut short, or not IDX of unsigned bytes.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            raw = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(path, f"{type(error).__name__}: {error}") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UNSIGNED_BYTE:
        raise _broken(path, f"a file that starts with {raw[:4].hex() or 'nothing'}")
    axes = raw[3]
    start = 4 + 4 * axes
    if len(raw) < start:
        raise _broken(path, f"{len(raw)} bytes")
    shape = struct.unpack(f">{axes}I", raw[4:start])
    need = start + int(np.prod(shape))
    if len(raw) != need:
        raise _broken(path, f"{len(raw)} bytes where {need} belong")
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy())


def _broken(path: Path, got: str) -> DataError:
    return DataError(
        "an IDX file cannot be read",
        expected="a whole IDX file of unsigned bytes",
        got=got,
        where=str(path),
        todo="fetch it again",
    )
