"""Values to text and back, the same for every store, and for the hash that names a run."""

import hashlib
import json
from typing import Any

from pauca.errors import InputError, StoreError

__all__ = ["canonical", "decode", "digest", "encode"]


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


def decode(text: str, where: str) -> Any:
    """The value of a stored text.

    Raises:
        StoreError: the text is damaged.
    """
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise StoreError(
            "a stored value is damaged",
            expected="JSON text",
            got=str(error),
            where=where,
            todo="put back a copy of the file, or keep what can be read: "
            "`pauca merge DIR --salvage --out NEW`",
        ) from None


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
        ) from None
