"""What is typed after ``pauca label``, as values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

__all__ = ["choice", "options", "pair", "read_text", "words", "write_text"]


def words(given: str | None) -> list[str]:
    """Words between commas."""
    return [part.strip() for part in (given or "").split(",") if part.strip()]


def pair(given: str) -> tuple[str, str]:
    """What stands on either side of the sign of equality."""
    old, sign, new = given.partition("=")
    if not sign:
        raise typer.BadParameter(f"{given!r} has no =", param_hint="'--rename' / '--merge'")
    return old.strip(), new.strip()


def choice(given: str | None) -> dict[str, Any] | None:
    """``name`` or ``name:key=value,key=value`` as a table; values as in TOML, else texts."""
    from pauca.errors import UsageError

    if not given:
        return None
    name, _, rest = given.partition(":")
    found: dict[str, Any] = {"name": name.strip()}
    for part in rest.split(",") if rest else ():
        key, sign, value = part.partition("=")
        if not sign:
            raise UsageError(
                "a setting has no value",
                expected="NAME:KEY=VALUE,...",
                got=repr(given),
                todo="write an equals sign between key and value, a comma between settings",
            )
        found[key.strip()] = _value(value.strip())
    return found


def options(given: Sequence[str] | None) -> dict[str, Any]:
    """``NAME=VALUE``, each once, as a table; values as in TOML, else texts."""
    from pauca.errors import UsageError

    found: dict[str, Any] = {}
    for part in given or ():
        name, sign, value = part.partition("=")
        if not sign or name.strip() in found:
            raise UsageError(
                "an option of reading has no value" if not sign else "an option is given twice",
                expected="--read NAME=VALUE",
                got=repr(part),
                todo="write an equals sign between name and value, each name once",
            )
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):  # numbers of 5,000 digits
        return text


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        DataError: it cannot be read.
    """
    from pauca.errors import DataError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "the file cannot be read",
            got=str(error),
            where=str(path),
            todo="check the path, and that you may read it",
        ) from None


def write_text(path: Path, text: str, force: bool) -> None:
    """Write a file, whole or not at all.

    Raises:
        UsageError: it is there already.
    """
    from pauca.label.atomic import new_file

    with new_file(path, force=force) as draft:
        draft.write_text(text, encoding="utf-8")
