"""What was labelled, and what the model says of the rest, in the formats of other tools."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError, UsageError, nearest
from pauca.formats import AbstractFormat, AnswerRow, ItemRecord, LabelSheet, formats, formats_with
from pauca.formats.answers import RESERVED
from pauca.formats.label_studio import labelling_interface
from pauca.formats.tables import safe_cell
from pauca.label.atomic import new_file, new_folder
from pauca.label.labels import GIVEN
from pauca.label.places import check_apart, check_out
from pauca.label.pool import PoolOptions
from pauca.label.predictor import Predictor
from pauca.label.project import Project
from pauca.label.reading import plain_cell
from pauca.label.records import Event

__all__ = [
    "MODELS",
    "export",
    "export_answers",
    "export_model",
    "export_with_predictions",
    "labelling_config",
    "write_batch",
    "write_new_predictions",
    "write_predictions",
    "writers",
]

_BLOCK = 1000
_SAFE = ("csv", "tsv")
_SUGGESTED = ("suggestion", "confidence")
_LOG = (
    "seq", "at", "person", "id", "action", "label", "suggestion", "confidence", "shown", "ms",
    "round", "strategy", "undoes", "stands", "act", "note",
)  # fmt: skip
Row = dict[str, Any]


def writers(what: str) -> list[AbstractFormat]:
    """Formats that write ``labels``, a ``batch``, or any ``table``."""
    if what == "table":
        found = (formats.make(name, {}) for name in formats.names())
        return [each for each in found if each.writes_tables()]
    return formats_with("labels" if what == "labels" else "batch")


def labelling_config(project: Project) -> str:
    """The labelling interface for the tasks of a batch, as Label Studio reads it."""
    return labelling_interface(project.settings.source.kind, project.classes.names)


def write_batch(
    project: Project,
    items: Sequence[int],
    form: str,
    out: Path | TextIO,
    *,
    prefix: str | None = None,
    safe_csv: bool = False,
    force: bool = False,
) -> int:
    """Write items to be labelled, with what the model suggests; how many.

    Tables have an empty column ``label`` to be filled in and imported.

    Args:
        project: Whose items.
        items: Their numbers, in order.
        form: Name of a format that writes batches.
        out: A file, or an open one.
        prefix: In front of the paths of images; what the tool takes by itself if None.
        safe_csv: Whether an apostrophe goes in front of texts that a spreadsheet would compute.
        force: Replace a file that is there.

    Raises:
        UsageError: an unknown format; the file is there already.
    """
    writer = _writer(form, "batch", safe_csv)
    columns = item_columns(project, (*RESERVED, *_SUGGESTED))
    records = _records(project, items, columns, suggested=True)
    sheet = _sheet(project, columns, records, prefix=prefix)
    sheet = _safe_sheet(sheet) if safe_csv else sheet
    if not isinstance(out, Path):
        return writer.write_batch(out, sheet)
    check_out(project, out)
    with new_file(out, force=force) as draft:
        return writer.write_batch(draft, sheet)


def write_predictions(
    project: Project,
    out: Path | TextIO,
    form: str,
    *,
    probabilities: bool = True,
    safe_csv: bool = False,
    force: bool = False,
) -> int:
    """Write likeliest class and calibrated confidence of every item without a label; how many.

    Args:
        project: Whose items.
        out: A file, or an open one.
        form: Name of a format that writes tables.
        probabilities: Whether those of all classes follow, in columns ``p:CLASS``.
        safe_csv: Whether an apostrophe goes in front of texts that a spreadsheet would compute.
        force: Replace a file that is there.

    Raises:
        InputError: no model was trained yet.
        UsageError: an unknown format; the file is there already.
    """
    if isinstance(out, Path):
        check_out(project, out)
    names = project.classes.names
    columns = item_columns(project, _predicted(names, probabilities))

    def blocks() -> Iterator[_Block]:
        for part in project.predict():
            items = part.item.tolist()
            shown = [
                {columns[name]: value for name, value in each.items()}
                for each in project.items.shown(items)
            ]
            yield project.items.keys(items), shown, part.probs

    if project.model is None:
        raise InputError("no model was trained yet", todo="train first: `pauca label train`")
    return _write_predicted(
        out, form, names, columns.values(), blocks(), probabilities, safe_csv, force
    )


def write_new_predictions(
    model: Predictor,
    data: Path,
    out: Path | TextIO,
    form: str,
    *,
    options: PoolOptions | None = None,
    probabilities: bool = True,
    safe_csv: bool = False,
    force: bool = False,
) -> tuple[int, tuple[str, ...]]:
    """Write what a model says of the items of a file, or of a folder of images.

    Args:
        model: That was taken away, or is that of a project (``Predictor.of``).
        data: Of the kind that the pool had, in any format that holds items.
        out: A file, or an open one.
        form: Name of a format that writes tables.
        options: How the data are read: ``text``, ``id``, ``format``, ``more``.
        probabilities: Whether those of all classes follow, in columns ``p:CLASS``.
        safe_csv: Whether an apostrophe goes in front of texts that a spreadsheet would compute.
        force: Replace a file that is there.

    Returns:
        How many items, and what was done to the data.

    Raises:
        DataError: the data are broken, or of another kind than the pool.
        UsageError: an unknown format; the file is there already.
    """
    if isinstance(out, Path):
        check_apart(out, data=data)
    keys, fresh = model.read(data, options)
    names = model.classes_.tolist()
    taken = _predicted(names, probabilities)
    columns = {name: f"item.{name}" if name in taken else name for name in fresh.shown}

    def blocks() -> Iterator[_Block]:
        low = 0
        for probs in model.blocks(fresh):
            rows = range(low, low + len(probs))
            shown = [
                {columns[name]: plain_cell(cells[row]) for name, cells in fresh.shown.items()}
                for row in rows
            ]
            yield [keys[row] for row in rows], shown, probs
            low += len(probs)

    count = _write_predicted(
        out, form, names, columns.values(), blocks(), probabilities, safe_csv, force
    )
    return count, fresh.notes


_Block = tuple[Sequence[str], Sequence[Row], NDArray[np.float64]]


def _predicted(names: Sequence[str], probabilities: bool) -> tuple[str, ...]:
    """Columns that predictions have of their own."""
    return ("id", "label", "confidence", *(f"p:{name}" for name in names if probabilities))


def _write_predicted(
    out: Path | TextIO,
    form: str,
    names: Sequence[str],
    columns: Iterable[str],
    blocks: Iterator[_Block],
    probabilities: bool,
    safe_csv: bool,
    force: bool,
) -> int:
    """Write ids, what the items are, likeliest class, confidence, probabilities; how many rows."""
    writer = _writer(form, "table", safe_csv)
    id_, *told = _predicted(names, probabilities)

    def rows() -> Iterator[Row]:
        for keys, shown, probs in blocks:
            best = probs.argmax(1).tolist()
            for key, cells, place, row in zip(keys, shown, best, probs.tolist(), strict=True):
                values = (names[place], row[place], *(row if probabilities else ()))
                yield {id_: key, **cells, **dict(zip(told, values, strict=True))}

    header, found = _table([id_, *columns, *told], rows(), safe_csv)
    if not isinstance(out, Path):
        return writer.write_rows(out, header, found)
    with new_file(out, force=force) as draft:
        return writer.write_rows(draft, header, found)


MODELS = {
    "model": "a model to take away: predicts on new items (pauca.label.load)",
    "onnx": "scaling and head of the model as an ONNX graph",
}
"""What ``export`` writes of the model itself, by name of its format."""


def export_model(project: Project, out: Path, form: str = "model", *, force: bool = False) -> str:
    """Write the model that the project has now; what it is, in a few lines.

    Args:
        project: Whose.
        out: File to make.
        form: ``model``, or ``onnx``.
        force: Replace a file that is there.

    Raises:
        InputError: no model was trained yet.
        DataError: what the features were fitted to is not kept, or damaged.
        CapabilityError: a head that cannot be written as ONNX; the package onnx is missing.
        UsageError: the file is there already.
    """
    check_out(project, out)
    model = Predictor.of(project)
    (model.save if form == "model" else model.to_onnx)(out, force=force)
    return model.describe()


def export(
    project: Project,
    out: Path,
    form: str,
    *,
    link: bool = False,
    prefix: str | None = None,
    safe_csv: bool = False,
    force: bool = False,
) -> int:
    """Write the labelled items in the order of the pool, one class an item; how many.

    Label Studio and Prodigy get every answer of every person.

    Args:
        project: Whose.
        out: File to make, or folder for imagefolder.
        form: Name of a format that writes labels: csv, jsonl, parquet (as the Hub has it, with the
            names of the classes), imagefolder (one folder a class), label-studio, prodigy, ...
        link: Hard links in place of copies, for imagefolder.
        prefix: In front of the paths of images; what the tool takes by itself if None.
        safe_csv: Whether an apostrophe goes in front of texts that a spreadsheet would compute.
        force: Replace what is there.

    Raises:
        InputError: nothing is labelled; items that are no images, for imagefolder.
        UsageError: an unknown format; something is there already.
    """
    writer = _writer(form, "labels", safe_csv)
    check_out(project, out, folder=writer.folder)
    labels = project.labels
    if not labels.m:
        raise InputError("nothing is labelled yet", todo="label some items first")
    named = {
        item: project.classes.name(cls)
        for item, cls in zip(labels.item.tolist(), labels.cls.tolist(), strict=True)
    }
    answers = _answers(project) if writer.every_answer else {}
    items = sorted(answers or named)
    columns = item_columns(project, RESERVED)
    records = _records(
        project, items, columns, labels=named, answers=answers, suggested=writer.every_answer
    )
    people = {answer.person or "" for given in answers.values() for answer in given}
    sheet = _sheet(project, columns, records, people=sorted(people), prefix=prefix, link=link)
    sheet = _safe_sheet(sheet) if safe_csv else sheet
    with (new_folder if writer.folder else new_file)(out, force=force) as draft:
        return writer.write_labels(draft, sheet)


def export_answers(
    project: Project,
    out: Path,
    form: str,
    *,
    person: str | None = None,
    safe_csv: bool = False,
    force: bool = False,
) -> int:
    """Write every event of the account, the ones that were taken back included; how many.

    A new project of the same data takes it over with ``import_file``. A person's note on an item
    stands beside each of their answers to it; where there is none, in a row without an action.

    Args:
        project: Whose.
        out: File to make.
        form: Name of a format that writes tables.
        person: Whose answers; everybody's if None.
        safe_csv: Whether an apostrophe goes in front of texts that a spreadsheet would compute.
        force: Replace a file that is there.

    Raises:
        InputError: the person has not answered.
        UsageError: an unknown format; the file is there already.
    """
    writer = _writer(form, "table", safe_csv)
    check_out(project, out)
    classes, items, notes = project.classes, project.items, project.item_notes()
    entries = project.history(person, most=None)
    if person is not None and not entries:
        people = sorted({entry.event.person for entry in project.history(most=None)})
        close = nearest(person, people)
        raise InputError(
            "this person has not answered",
            expected=", ".join(people)[:300] or "somebody who has; nobody has yet",
            got=repr(person)[:200],
            todo=f"did you mean {close!r}?" if close else "name one of these with --person",
        )

    def rows() -> Iterator[Row]:
        for entry in reversed(entries):
            event = entry.event
            named = (None if one is None else classes.name(one) for one in
                     (event.cls, event.suggested))  # fmt: skip
            label, suggestion = named
            told = {**vars(event), "id": items.key(event.item), "label": label}
            told |= {"suggestion": suggestion, "stands": entry.stands}
            told["note"] = notes.get(event.item, {}).get(event.person)
            yield {name: told[name] for name in _LOG}
        answered = {(entry.event.item, entry.event.person) for entry in entries}
        for item, of_people in notes.items():
            for who, note in of_people.items():
                if (item, who) not in answered and person in (None, who):
                    alone = {"id": items.key(item), "person": who, "note": note}
                    yield {name: alone.get(name) for name in _LOG}

    with new_file(out, force=force) as draft:
        return writer.write_rows(draft, *_table(_LOG, rows(), safe_csv))


def export_with_predictions(
    project: Project, out: Path, form: str, *, safe_csv: bool = False, force: bool = False
) -> int:
    """Write a class for every item of the pool, in its order; how many.

    Columns: ``label``; ``source``: "human", "given" where the data came with it, "model" where
    nobody has labelled the item; ``confidence`` of the model's, else nothing. Items that are set
    aside as unfit are left out: they are of none of the classes. ``import_file`` passes over rows
    of the model.

    Args:
        project: Whose.
        out: File to make.
        form: Name of a format that writes tables.
        safe_csv: Whether an apostrophe goes in front of texts that a spreadsheet would compute.
        force: Replace a file that is there.

    Raises:
        InputError: no model was trained yet.
        UsageError: an unknown format; the file is there already.
    """
    writer = _writer(form, "table", safe_csv)
    check_out(project, out)
    if project.model is None:
        raise InputError("no model was trained yet", todo="train first: `pauca label train`")
    labels, classes, told = project.labels, project.classes, ("label", "source", "confidence")
    columns = item_columns(project, ("id", *told))
    named: dict[int, tuple[str, str, float | None]] = {}
    for part in project.predict():
        found = zip(part.item.tolist(), part.cls.tolist(), part.confidence.tolist(), strict=True)
        named |= {item: (classes.name(cls), "model", sure) for item, cls, sure in found}
    known = zip(labels.item.tolist(), labels.cls.tolist(), labels.given.tolist(), strict=True)
    for item, cls, given in known:
        named[item] = (classes.name(cls), "given" if given else "human", None)
    whole = sorted(named)

    def rows() -> Iterator[Row]:
        for low in range(0, len(whole), _BLOCK):
            block = whole[low : low + _BLOCK]
            keys, shown = project.items.keys(block), project.items.shown(block)
            for item, key, cells in zip(block, keys, shown, strict=True):
                own = {columns[name]: value for name, value in cells.items()}
                yield {"id": key, **own, **dict(zip(told, named[item], strict=True))}

    header = ["id", *columns.values(), *told]
    with new_file(out, force=force) as draft:
        return writer.write_rows(draft, *_table(header, rows(), safe_csv))


def item_columns(project: Project, taken: Sequence[str]) -> dict[str, str]:
    """Columns that show what an item is, and under which name they are written.

    One whose name is taken gets ``item.`` in front.
    """
    kind = project.settings.source.kind
    names: list[str] = []
    if kind == "text":
        names = ["text"]
    if kind == "table":
        names = list(project.items.row(0))
    return {name: f"item.{name}" if name in taken else name for name in names}


def _writer(form: str, what: str, safe_csv: bool = False) -> AbstractFormat:
    if safe_csv and form not in _SAFE:
        raise UsageError(
            "only tables in text hold cells that a spreadsheet would compute",
            expected=" or ".join(_SAFE),
            got=form,
            todo="leave --safe-csv out, or write csv",
        )
    able = writers(what)
    found = next((each for each in able if each.name == form), None)
    if found is None:
        names = ", ".join([each.name for each in able] + list(MODELS if what == "labels" else ()))
        raise UsageError(
            "the format is not known", expected=names, got=form, todo="choose one of these"
        )
    return found


def _safe_row(row: Mapping[str, Any]) -> Row:
    return {safe_cell(name): safe_cell(value) for name, value in row.items()}


def _table(
    header: Iterable[str], rows: Iterable[Row], safe: bool
) -> tuple[list[str], Iterator[Row]]:
    """Header and rows, made safe for spreadsheets or as they are."""
    if not safe:
        return list(header), iter(rows)
    return [safe_cell(name) for name in header], map(_safe_row, rows)


def _safe_sheet(sheet: LabelSheet) -> LabelSheet:
    """The same with texts that no spreadsheet computes."""

    def records() -> Iterator[ItemRecord]:
        for each in sheet.records():
            yield replace(
                each,
                key=safe_cell(each.key),
                shown=_safe_row(each.shown),
                label=safe_cell(each.label),
                suggestion=safe_cell(each.suggestion),
            )

    columns = tuple(safe_cell(name) for name in sheet.columns)
    return replace(sheet, columns=columns, records=records)


def _records(
    project: Project,
    items: Sequence[int],
    columns: Mapping[str, str],
    *,
    suggested: bool,
    labels: Mapping[int, str] | None = None,
    answers: Mapping[int, tuple[AnswerRow, ...]] | None = None,
) -> Callable[[], Iterator[ItemRecord]]:
    """Gives the items anew, with what is known of each."""
    labels, answers = labels or {}, answers or {}
    classes = project.classes

    def records() -> Iterator[ItemRecord]:
        for start in range(0, len(items), _BLOCK):
            block = list(items[start : start + _BLOCK])
            told = project.suggestions(block) if suggested else {}
            keys = project.items.keys(block)
            for item, key, shown in zip(block, keys, project.items.shown(block), strict=True):
                cls, sure = told.get(item, (None, None))
                yield ItemRecord(
                    number=item,
                    key=key,
                    shown={columns[name]: value for name, value in shown.items()},
                    label=labels.get(item),
                    suggestion=None if cls is None else classes.name(cls),
                    confidence=sure,
                    answers=answers.get(item, ()),
                )

    return records


def _sheet(
    project: Project,
    columns: Mapping[str, str],
    records: Callable[[], Iterator[ItemRecord]],
    *,
    people: Sequence[str] = (),
    prefix: str | None = None,
    link: bool = False,
) -> LabelSheet:
    source, model = project.settings.source, project.model
    return LabelSheet(
        kind=source.kind,
        classes=project.classes.names,
        columns=tuple(columns.values()),
        records=records,
        model=None if model is None else model.version,
        people=tuple(people),
        prefix=prefix,
        link=link,
        untyped=source.format in ("csv", "tsv", "txt"),
        original=project.original if source.kind == "image" else None,
        file=project.items.path if project.items.all_files else None,
        vector=(lambda item: _vector(project, item)) if source.kind == "embedding" else None,
    )


def _vector(project: Project, item: int) -> NDArray[np.float32]:
    found: NDArray[np.float32] = project.features[item].numpy()
    return found


def _answers(project: Project) -> dict[int, tuple[AnswerRow, ...]]:
    """By item, the answers that stand, of all people, in order."""
    found: dict[int, list[Event]] = {}
    for event in project.answers():
        found.setdefault(event.item, []).append(event)
    classes, items = project.classes, project.items

    def answer(event: Event) -> AnswerRow:
        return AnswerRow(
            where="",
            key=items.key(event.item),
            action="label" if event.action == "relabel" else event.action,
            label=None if event.cls is None else classes.name(event.cls),
            person=event.person,
            at=event.at,
            ms=event.ms,
            given=event.person == GIVEN,
            more={"seq": event.seq},
        )

    return {item: tuple(map(answer, events)) for item, events in found.items()}
