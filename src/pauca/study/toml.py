"""Plain values as TOML text, for a study that was not read from a file."""

import json
from collections.abc import Mapping
from typing import Any

from pauca.errors import InputError, shown

__all__ = ["to_toml"]


def to_toml(value: Mapping[str, Any]) -> str:
    """Keys with plain values first, then one section for each mapping; None is left out.

    Raises:
        InputError: a value that TOML does not know.
    """
    lines = [f"{_key(k)} = {_text(v)}" for k, v in _there(value) if not isinstance(v, Mapping)]
    for key, section in _there(value):
        if isinstance(section, Mapping):
            lines += ["", f"[{_key(key)}]"]
            lines += [f"{_key(k)} = {_text(v)}" for k, v in _there(section)]
    return "\n".join(lines) + "\n"


def _there(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, part) for key, part in value.items() if part is not None]


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _text(key)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)  # inf and nan are spelled as in TOML
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=True)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_text(v)}" for k, v in _there(value)) + " }"
    raise InputError(
        "a value cannot be written as TOML",
        expected="a number, a text, true or false, a list or a table",
        got=shown(value),
        todo="convert it first",
    )
