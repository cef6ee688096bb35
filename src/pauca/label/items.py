"""The items of a project: ids, and what is shown of each; on disk, read as needed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pauca.errors import DataError, InputError, nearest
from pauca.label.atomic import new_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ANEW", "ITEMS", "Items", "Part", "inside", "write_items"]

ITEMS = "items.arrow"
"""The file of a project's items."""

ANEW = (
    "make a new project of the same data with `pauca label init` and the options that stand in "
    "project.toml, then copy this one's project.db (and project.db-wal, if it is there) into it: "
    "every answer is kept"
)
"""What to do where a file that follows from the data is damaged."""


@dataclass(frozen=True)
class Part:
    """Items that came from one place.

    Args:
        first: Number of the first of them; the first item of the next part ends it.
        root: A folder of images, or a file.
        images: Whether pictures are files below ``root``.
        prefix: What stands in front of the ids that the data give.
    """

    first: int
    root: Path
    images: bool
    prefix: str = ""


@dataclass(frozen=True)
class Items:
    """n items, numbered from 0; their texts stay in a file that is mapped into memory.

    Args:
        folder: The project's.
        kind: image, text, table or embedding.
        root: The data: a folder of images, or a file.
        images: Whether pictures are files below ``root``.
        file: Name of the file.
        added: Parts that were added, in order.
    """

    folder: Path
    kind: str
    root: Path
    images: bool
    file: str = ITEMS
    added: tuple[Part, ...] = ()

    @cached_property
    def _table(self) -> "pa.Table":
        import pyarrow as pa

        path = self.folder / self.file
        text = pa.large_string()
        wanted = pa.schema({"key": text, "source": text})
        try:
            if path.exists() and not path.is_file():
                raise OSError("something else than a file")
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            table.validate(full=True)  # a forged offset would read what is not the file's
            if table.schema != wanted or any(column.null_count for column in table.columns):
                raise pa.ArrowInvalid(f"columns {', '.join(table.schema.names)[:100]}")
            return table.combine_chunks()
        except Exception as error:  # Arrow raises whatever the bytes lead it to
            raise DataError(
                "the list of items cannot be read",
                expected="an Arrow file with columns key and source",
                got=(str(error).splitlines() or [type(error).__name__])[0][:200],
                where=str(path),
                todo=ANEW,
            ) from None

    @property
    def n(self) -> int:
        """How many."""
        return int(self._table.num_rows)

    def __len__(self) -> int:
        """How many."""
        return self.n

    def key(self, item: int) -> str:
        """Id of an item: an image's path below the folder, a cell of the id column, or its row.

        Raises:
            InputError: there is no such item.
        """
        return str(self._table.column("key")[self._checked(item)].as_py())

    def keys(self, items: Sequence[int] | None = None) -> list[str]:
        """Ids of these items; of all if None."""
        column = self._table.column("key")
        found: list[str] = (column if items is None else column.take(_whole(items))).to_pylist()
        return found

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {key: item for item, key in enumerate(self.keys())}

    def number(self, key: str) -> int:
        """The item with this id.

        Raises:
            InputError: there is none; the nearest id is named where there are few.
        """
        found = self._numbers.get(key)
        if found is None:
            close = nearest(key, self._numbers) if self.n <= 10_000 else None
            raise InputError(
                "there is no item with this id",
                got=repr(key),
                todo=f"did you mean {close!r}?" if close else "check that it is the same data",
            )
        return found

    def has(self, key: str) -> bool:
        """Whether there is an item with this id."""
        return key in self._numbers

    def source(self, item: int) -> str:
        """What the item is: an image's path, a text, a row as JSON, nothing for embeddings."""
        return str(self._table.column("source")[self._checked(item)].as_py())

    def text(self, item: int) -> str:
        """The text of an item of kind text."""
        return self.source(item)

    def row(self, item: int) -> dict[str, Any]:
        """The cells of an item of kind table, by column, as they were read."""
        return _cells(self.source(item), self.folder)

    def path(self, item: int) -> Path:
        """The file of an image, with every link followed; it lies in the data folder.

        Raises:
            InputError: the items are no files.
            DataError: it is gone, or leads out of the folder.
        """
        part = self.part(item)
        if not part.images:
            raise InputError(
                "these items are no files",
                got=f"{self.kind} in {part.root.name}",
                todo="read what they are: `source`",
            )
        return inside(part.root, self.key(item).removeprefix(part.prefix))

    def part(self, item: int) -> Part:
        """Where the item is from."""
        first = Part(0, self.root, self.images)
        return next((part for part in reversed(self.added) if part.first <= item), first)

    @property
    def all_files(self) -> bool:
        """Whether every picture is a file."""
        return self.images and all(part.images for part in self.added)

    def shown(self, items: Sequence[int]) -> Iterator[dict[str, Any]]:
        """What tables say of these items beside their ids: text, columns, or nothing."""
        if self.kind == "text":
            yield from ({"text": text} for text in self.sources(items))
        elif self.kind == "table":
            yield from (_cells(text, self.folder) for text in self.sources(items))
        else:
            yield from ({} for _ in items)

    def sources(self, items: Sequence[int] | None = None) -> list[str]:
        """What these items are (``source``); of all if None."""
        column = self._table.column("source")
        found: list[str] = (column if items is None else column.take(_whole(items))).to_pylist()
        return found

    def _checked(self, item: int) -> int:
        if not 0 <= item < self.n:
            raise InputError(
                "there is no such item",
                expected=f"0 to {self.n - 1}",
                got=item,
                todo="items are numbered from 0",
            )
        return item


def write_items(
    folder: Path, keys: Sequence[str], sources: Sequence[str] | None, file: str = ITEMS
) -> None:
    """Keep the items in the project's folder, in a file of this name.

    Raises:
        DataError: an id occurs twice.
    """
    import pyarrow as pa

    if len(set(keys)) != len(keys):
        seen: set[str] = set()
        twice = next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DataError(
            "an id occurs twice",
            expected="a different id for every item",
            got=repr(twice),
            todo="name another column with --id, or leave it out for row numbers",
        )
    table = pa.table(
        {
            "key": pa.array(keys, pa.large_string()),
            "source": pa.array(sources or [""] * len(keys), pa.large_string()),
        }
    )
    with (
        new_file(folder / file, force=True) as draft,
        pa.OSFile(str(draft), "wb") as opened,
        pa.ipc.new_file(opened, table.schema) as writer,
    ):
        writer.write_table(table)


def inside(root: Path, name: str) -> Path:
    """The file of this name below a folder, links followed.

    Raises:
        DataError: it is not there, or lies elsewhere.
    """
    try:
        top = root.resolve()
        found = (top / name).resolve()
    except (OSError, ValueError) as error:  # a zero byte, a link to itself
        raise DataError(
            "an item has a name that no file can have",
            got=f"{name!r:.200}: {error}",
            where=str(root),
            todo=ANEW,
        ) from None
    if not found.is_relative_to(top):
        raise DataError(
            "a file leads out of the data folder",
            got=str(name),
            where=str(root),
            todo="copy the file into the folder instead of linking it",
        )
    if not found.is_file():
        raise DataError(
            "a file is gone", got=str(name), where=str(root), todo="put it back where it was"
        )
    return found


def _cells(text: str, folder: Path) -> dict[str, Any]:
    """The cells of a row by column.

    Raises:
        DataError: the text is no such row.
    """
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError(f"a {type(found).__name__}")
    except (ValueError, RecursionError) as error:
        raise DataError(
            "an item cannot be read",
            expected="cells by column",
            got=str(error)[:200],
            where=folder / ITEMS,
            todo=ANEW,
        ) from None
    return found


def _whole(items: Sequence[int]) -> "pa.Array":
    import pyarrow as pa

    return pa.array([int(item) for item in items], pa.int64())
