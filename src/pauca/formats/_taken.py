"""Records of another tool as items: columns of cells, and pictures that lie beside the file."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pauca.errors import DataError
from pauca.formats._names import names_of_file
from pauca.formats.base import AnswerRow, Answers, Images, Part, Raw

__all__ = ["part_of_records"]

_BLOCK = 256
_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
)
_SHOWN = 3
_LONGEST = 200
_WORDS = 3  # of a sentence, on average
LABEL = "label"


def part_of_records(
    path: Path,
    records: Sequence[tuple[str, Mapping[str, Any]]],
    read_answers: Callable[[], Answers],
) -> Part:
    """What records show, with the class that most of their answers give.

    Args:
        path: The file; pictures are looked for beside it.
        records: One an item, each with where it stands.
        read_answers: Reads the answers to these records, known by where they stand.

    Raises:
        DataError: no record; an unusual text; pictures that are not there.
    """
    import pandas as pd

    if not records:
        raise DataError("the file holds no items", where=str(path), todo="export it again")
    answers, said = _answers(read_answers)
    names = list(dict.fromkeys(name for _, record in records for name in record))
    columns: dict[str, list[Any]] = {
        name: [record.get(name) for _, record in records] for name in names
    }
    columns = {name: cells for name, cells in columns.items() if _any(cells)}
    label = LABEL
    while label in columns:
        label = f"pauca_{label}"
    labels = _labels([where for where, _ in records], answers, said)
    picture = next((name for name, cells in columns.items() if _are_pictures(cells)), None)
    images = None if picture is None else _images(path, columns[picture])
    id_ = next((name for name in ("pauca_id", "task_id") if _all_differ(columns.get(name))), None)
    text = () if images is not None else _texts(columns, said)
    if _any(labels):
        columns[label] = labels
    frame = pd.DataFrame(columns, index=range(len(records)), dtype=object)
    return Part(
        where=str(path),
        frame=frame,
        images=images,
        label=label if label in columns else None,
        id=id_,
        text=text,
        notes=tuple(said),
    )


def _answers(read_answers: Callable[[], Answers]) -> tuple[Sequence[AnswerRow], list[str]]:
    """The answers and what is said of them; none where these are of another task."""
    try:
        found = read_answers()
    except DataError as error:
        why = str(error.got or error.what).partition(";")[0]
        return (), [f"no labels were taken over, and it is a pool: {why[:_LONGEST]}"]
    return found, list(found.notes)


def _texts(columns: Mapping[str, Sequence[Any]], said: list[str]) -> tuple[str, ...]:
    """The column ``text``, else the only one that holds sentences."""
    if "text" in columns:
        return ("text",)
    found = [name for name, cells in columns.items() if _are_sentences(cells)]
    if len(found) != 1:
        return ()
    said.append(f"texts are those of {found[0]!r}, the only column of sentences")
    return (found[0],)


def _are_sentences(cells: Sequence[Any]) -> bool:
    """Whether most cells are different, and have three words on average."""
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    words = sum(len(text.split()) for text in texts)
    return 2 * len(set(texts)) > len(cells) and words >= _WORDS * len(texts)


def _any(cells: Sequence[Any]) -> bool:
    return any(cell is not None for cell in cells)


def _all_differ(cells: Sequence[Any] | None) -> bool:
    if cells is None or not all(isinstance(cell, str | int) for cell in cells):
        return False
    return len(set(cells)) == len(cells)


def _labels(
    places: Sequence[str], answers: Iterable[AnswerRow], said: list[str]
) -> list[str | None]:
    votes: dict[str, Counter[str]] = {}
    for answer in answers:
        if answer.label is not None:
            votes.setdefault(answer.where, Counter())[answer.label] += 1
    found, level = list[str | None](), 0
    for place in places:
        first = votes.get(place, Counter()).most_common(2)
        tied = len(first) > 1 and first[0][1] == first[1][1]
        level += tied
        found.append(None if tied or not first else first[0][0])
    if level:
        said.append(f"{level} items have no label: as many people say one class as another")
    return found


def _are_pictures(cells: Sequence[Any]) -> bool:
    return all(isinstance(cell, str) and _is_picture(cell) for cell in cells)


def _is_picture(cell: str) -> bool:
    names = names_of_file(cell)
    return bool(names) and os.path.splitext(names[0])[1].lower() in _SUFFIXES


def _images(path: Path, cells: Sequence[str]) -> Images:
    """The pictures, where they lie beside the file.

    Raises:
        DataError: some are not there.
    """
    top = path.resolve().parent
    files = [_beside(top, cell) for cell in cells]
    lost = [cell for cell, file in zip(cells, files, strict=True) if file is None]
    if lost:
        raise DataError(
            f"{len(lost)} of {len(cells)} pictures are not beside the file",
            expected="the pictures in the folder of the file, or in a folder images there",
            got=", ".join(repr(cell)[:100] for cell in lost[:_SHOWN]),
            where=str(path),
            todo="put them there, or begin with the folder of pictures and import the answers",
        )
    kept: list[Raw] = [file for file in files if file is not None]

    def blocks() -> Iterable[Sequence[Raw]]:
        return (kept[start : start + _BLOCK] for start in range(0, len(kept), _BLOCK))

    return Images(blocks, lambda i: str(kept[i]))


def _beside(top: Path, cell: str) -> Path | None:
    for name in names_of_file(cell):
        for place in (top / name, top / "images" / name, top / "images" / Path(name).name):
            file = place.resolve()
            if file.is_relative_to(top) and file.is_file():
                return file
    return None
