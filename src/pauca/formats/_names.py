"""What a picture may be called in a file of another tool: paths, addresses, hashed uploads."""

import re
from urllib.parse import unquote, urlsplit

__all__ = ["names_of_file", "upload_name"]

_HASH = re.compile(r"^[0-9a-f]{8}-(?=.)")
_LONGEST = 4096


def names_of_file(cell: str) -> list[str]:
    """Relative paths that a cell may stand for, the longest first; then those of the file alone.

    ``/data/local-files/?d=a/b.jpg`` is a/b.jpg, ``/data/upload/3/1a2b3c4d-cat.jpg`` may be cat.jpg,
    ``s3://bucket/a/b%20c.jpg`` may be a/b c.jpg.
    """
    if len(cell) > _LONGEST or not cell.isprintable() or cell.startswith("data:"):
        return []
    path = _path_of(cell.strip())
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if (
        not parts
        or ".." in parts
        or any(len(part.encode("utf-8", "replace")) > 255 for part in parts)
    ):
        return []
    found = ["/".join(parts[start:]) for start in range(len(parts))]
    bare = _HASH.sub("", parts[-1])
    return list(dict.fromkeys([*found, bare]))


def upload_name(name: str) -> str:
    """What becomes of a file's name when it is uploaded to Label Studio, its hash apart."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


def _path_of(cell: str) -> str:
    try:
        parts = urlsplit(cell)
    except ValueError:  # an address that is none
        return unquote(cell)
    if parts.path.endswith("/local-files/") and parts.query.startswith("d="):
        return unquote(parts.query[2:])
    if parts.scheme and parts.netloc:
        return unquote(parts.path)
    return unquote(cell)
