"""Files that are there whole or not at all."""

import os
from pathlib import Path

__all__ = ["put"]


def put(path: Path, data: bytes) -> Path:
    """Write beside the file, then put it in its place; the path.

    Raises:
        OSError: the folder may not be written.
    """
    draft = path.with_name(f"{path.name}.part")
    draft.write_bytes(data)
    os.replace(draft, path)
    return path
