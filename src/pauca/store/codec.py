"""Values to text and back, the same for every store, and for the hash that names a run."""

import hashlib
import json
from typing import Any

from pauca.errors import InputError, StoreError

__all__ = ["canonical", "damaged", "decode", "digest", "encode", "fingerprint"]


def encode(value: Any, where: str) -> str:
    """JSON text of a plain value; not-a-number and infinities are kept.

    Raises:
        InputError: the value holds something that JSON does not know.
    """
    return _dump(value, where, allow_nan=True)


def canonical(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, finite numbers only."""
    return _dump(value, "settings", allow_nan=False)


def digest(value: Any) -> str:
    """The name of a value: 20 hexadecimal digits of the SHA-256 of its canonical text."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:20]


def fingerprint(*parts: object) -> str:
    """What tells whether a stored row is as it was written: 32 hexadecimal digits of a SHA-256.

    Args:
        parts: Everything in the row, and what it belongs to; bytes, or what has a text.
    """
    found = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        found.update(b"%d:" % len(raw))  # two rows differ wherever their parts do
        found.update(raw)
    return found.hexdigest()[:32]


def decode(text: str | bytes, where: str) -> Any:
    """The value of a stored text.

    Raises:
        StoreError: the text is damaged.
    """
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise damaged(where, expected="JSON text", got=str(error)) from None


def damaged(where: object, *, expected: object = None, got: object = None) -> StoreError:
    """The error that says so, and what to do."""
    return StoreError(
        "a stored value is damaged",
        expected=expected,
        got=got,
        where=where,
        todo="put back a copy of the file, or keep what can be read: "
        "`pauca merge DIR --salvage --out NEW`",
    )


def _dump(value: Any, where: str, *, allow_nan: bool) -> str:
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=allow_nan
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            "a value cannot be stored",
            expected="plain values: numbers, text, lists, mappings with text keys",
            got=str(error),
            where=where,
            todo="turn it into plain values first",
        ) from None
