"""Which item of a project a row of a file is about, by what it says beside its id."""

import math
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pauca.formats._names import names_of_file, upload_name
from pauca.formats.tables import as_text, unsafe_cell

if TYPE_CHECKING:
    from pauca.label.project import Project

__all__ = ["ItemIndex"]

_OWN = "item."  # in front of columns of the data whose names are taken
_PICTURES = ("image", "img", "file", "file_name", "filename", "path", "url")
_LONGEST = 60


class ItemIndex:
    """Finds items by text, by the name of a file, or by all of their columns.

    Args:
        project: Whose items.
    """

    def __init__(self, project: "Project") -> None:
        self._items, self._kind = project.items, project.settings.source.kind
        named = project.settings.source.text or ()
        self._joined = (named,) if isinstance(named, str) else tuple(named)

    def tells(self, shown: Mapping[str, Any]) -> bool:
        """Whether what a file shows of an item may tell which one it is."""
        if self._kind == "text":
            return any(isinstance(value, str) for value in shown.values())
        if self._kind == "image":
            return any(isinstance(value, str) and names_of_file(value) for value in shown.values())
        return self._kind == "table" and self._columns <= _bare(shown).keys()

    def find(self, shown: Mapping[str, Any]) -> list[int]:
        """Every item that it may be: none, one, or several that are alike."""
        if self._kind == "text":
            named = self._text(shown)
            others = [value for value in shown.values() if isinstance(value, str)]
            texts = others if named is None else [named[1]]
            return sorted({i for text in texts for i in self._by_text.get(_plain(text), ())})
        if self._kind == "image":
            values = [value for value in shown.values() if isinstance(value, str)]
            return sorted({item for value in values for item in self._by_file(value)})
        if self._kind == "table" and self._columns <= _bare(shown).keys():
            return self._by_row.get(self._row(_bare(shown)), [])
        return []

    def differs(self, item: int, shown: Mapping[str, Any]) -> tuple[str, str] | None:
        """What the project and the file say of an item, where that is not the same."""
        for name, ours, theirs in self._pairs(item, shown):
            if not (self._same(ours, theirs) or self._same(ours, unsafe_cell(theirs))):
                return _short(name, ours), _short(name, theirs)
        return None

    def _pairs(self, item: int, shown: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Column, what the project holds, what the file says."""
        if self._kind == "text":
            named = self._text(shown)
            if named is not None:
                yield named[0], self._items.text(item), named[1]
        elif self._kind == "table":
            row, bare = self._items.row(item), _bare(shown)
            for name in row:
                if name in bare:
                    yield name, row[name], bare[name]
        elif self._items.part(item).images:
            for name in _PICTURES:
                if isinstance(shown.get(name), str) and names_of_file(shown[name]):
                    yield name, self._items.key(item), shown[name]

    def _text(self, shown: Mapping[str, Any]) -> tuple[str, str] | None:
        """Column and text, where the file has all columns of which the text was made, or a text."""
        parts = [shown[name] for name in self._joined if isinstance(shown.get(name), str)]
        if parts and len(parts) == len(self._joined):
            return self._joined[0], "\n\n".join(parts)
        return ("text", shown["text"]) if isinstance(shown.get("text"), str) else None

    def _same(self, ours: Any, theirs: Any) -> bool:
        if self._kind == "image":
            wanted = _variants(PurePosixPath(ours).name)
            return bool(wanted & {name.rpartition("/")[2] for name in names_of_file(theirs)})
        return bool(_cell(ours) == _cell(theirs))

    @cached_property
    def _by_text(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for item, shown in enumerate(self._items.shown(range(self._items.n))):
            found.setdefault(_plain(shown["text"]), []).append(item)
        return found

    @cached_property
    def _columns(self) -> frozenset[str]:
        return frozenset(self._items.row(0))

    def _row(self, cells: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(_cell(cells[name]) for name in sorted(self._columns))

    @cached_property
    def _by_row(self) -> Mapping[tuple[Any, ...], list[int]]:
        found: dict[tuple[Any, ...], list[int]] = {}
        for item, shown in enumerate(self._items.shown(range(self._items.n))):
            found.setdefault(self._row(shown), []).append(item)
        return found

    def _by_file(self, value: str) -> list[int]:
        """The item of this path or of its end; of a bare name, every item whose file has it."""
        names = names_of_file(value)
        for place, name in enumerate(names):
            if (place == 0 or "/" in name) and self._items.has(name):
                return [self._items.number(name)]
        bare = (name for name in names if "/" not in name)
        return next((self._by_name[name] for name in bare if name in self._by_name), [])

    @cached_property
    def _by_name(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for item, key in enumerate(self._items.keys()):
            for name in _variants(PurePosixPath(key).name):
                found.setdefault(name, []).append(item)
        return found


def _variants(name: str) -> set[str]:
    """What a file may be called after an upload."""
    return {name, upload_name(name), unicodedata.normalize("NFC", name)}


def _bare(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Columns under the names that they have in the data."""
    renamed = {name.removeprefix(_OWN): value for name, value in shown.items()}
    return {
        **renamed,
        **{name: value for name, value in shown.items() if not name.startswith(_OWN)},
    }


def _plain(text: str) -> str:
    """A text as it is compared: Unicode form and blanks say nothing."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _cell(value: Any) -> Any:
    """A cell as it is compared: numbers by value, however they are written."""
    if value is None or value == "":
        return ""
    text = as_text(value) if not isinstance(value, str) else value
    if isinstance(value, bool):
        return text.lower()
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    return _plain(text).lower() if text.lower() in ("true", "false") else _plain(text)


def _short(name: str, value: Any) -> str:
    text = _plain(as_text(value)) if not isinstance(value, str) else _plain(value)
    return f"{name} {text[:_LONGEST]!r}" + ("..." if len(text) > _LONGEST else "")
