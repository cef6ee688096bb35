"""The first minute of a study: everything checked and written down before anything is trained."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pauca.errors import StoreError, UsageError
from pauca.progress import say
from pauca.store import SqliteStore
from pauca.store.codec import canonical
from pauca.study.checking import check_study
from pauca.study.folder import StudyFolder
from pauca.study.plan import load_items, plan, with_features
from pauca.study.provenance import data_facts, provenance
from pauca.study.reading import settings_from, variants
from pauca.study.settings import StudySettings
from pauca.study.share import Share, note_share

__all__ = ["begin", "check_same", "checked", "made", "stored_settings"]


@contextmanager
def made(place: StudyFolder) -> Iterator[None]:
    """Make the folder; take it away again if no study was begun in it."""
    new = not place.path.exists()
    place.make()
    try:
        yield
    finally:
        if new and not place.database.exists():
            shutil.rmtree(place.path, ignore_errors=True)


def begin(
    place: StudyFolder,
    settings: StudySettings,
    text: str | None,
    workers: int | None,
    *,
    share: Share | None = None,
) -> None:
    """Check the study against its data, then write down what it is and all of its runs.

    A study that was begun before is checked against the same data, and noted as gone on with.

    Args:
        place: Its folder.
        settings: Of the study.
        text: The study file; None if it is there already.
        workers: How many will work at once, if that is known.
        share: The runs that are done here; all of them if left out.

    Raises:
        PaucaError: it cannot be done, or the data are not those that it was begun with.
    """
    facts = checked(settings)
    with place.store(create=True) as store:
        if "study" not in store.meta():
            store.put_meta("study", settings.plain())
        for number, (section, own) in enumerate(facts.items()):
            key = f"data.{number}" if number else "data"
            _note_data(store, key, {**own, "section": section})
        if "planned" not in store.meta():
            runs = plan(settings, lambda data: len(facts[canonical(data)]["classes"]))
            if share is not None:
                runs = share.of(runs)
                note_share(store, share)
            say(f"{settings.name}: {len(runs):,} runs")
            store.add(runs)
            store.put_meta("planned", len(runs))
        _note_session(store, settings, workers)
    if text is not None:
        place.keep_text(text)


def checked(settings: StudySettings) -> dict[str, dict[str, Any]]:
    """Check the study at every level of its factors; each data set is read once.

    Returns:
        What each data set is, by the text of its section [data].

    Raises:
        PaucaError: something cannot be done.
    """
    by_data: dict[str, list[StudySettings]] = {}
    for variant in variants(settings):
        by_data.setdefault(canonical(variant.settings.data), []).append(variant.settings)
    facts = {}
    for number, (text, studies) in enumerate(by_data.items()):
        counted = f" ({number + 1} of {len(by_data)})" if len(by_data) > 1 else ""
        say(f"{settings.name}: reading the data{counted}")
        items = load_items(studies[0].data)
        dataset = with_features(items, studies[0].data)
        for note in dataset.notes:  # what was brought to one form, held out, left out
            say(f"{settings.name}: {note}")
        for study in studies:
            check_study(study, dataset)
        # of the items themselves: another machine's features may differ in their last bit
        facts[text] = {**data_facts(items), "notes": list(dataset.notes)}
    return facts


def stored_settings(store: SqliteStore, place: StudyFolder) -> StudySettings:
    """The settings that a study was begun with.

    Raises:
        StoreError: it was stopped before they were written down.
    """
    meta = store.meta()
    if "study" not in meta:
        raise StoreError(
            "this study was stopped before it began",
            where=place.path,
            todo=f"start it again: `pauca run STUDY.toml --out {place.path}`",
        )
    whole = meta["studies"][0] if "studies" in meta else meta["study"]
    return settings_from({**whole, "name": meta["study"]["name"]}, where=str(place.database))


def check_same(store: SqliteStore, settings: StudySettings, place: StudyFolder) -> None:
    """Refuse a folder that holds another study.

    Raises:
        UsageError: the first setting that differs is named.
    """
    meta = store.meta()
    known = meta.get("study")
    if known is None or known == settings.plain():
        return
    if "studies" in meta:
        raise UsageError(
            "this folder holds several studies that were merged",
            expected=", ".join(str(study["name"]) for study in meta["studies"]),
            got=settings.name,
            where=place.path,
            todo=f"go on with all of them: `pauca resume {place.path}`",
        )
    old, new = _flat(known), _flat(settings.plain())
    key = next(key for key in sorted({*old, *new}) if old.get(key) != new.get(key))
    raise UsageError(
        "this folder holds another study",
        expected=f"{key} = {old.get(key)}",
        got=f"{key} = {new.get(key)}",
        where=place.path,
        todo="name another folder with --out, or undo the change",
    )


def _note_data(store: SqliteStore, key: str, facts: Mapping[str, Any]) -> None:
    known = store.meta().get(key)
    if known is None:
        store.put_meta(key, dict(facts))
    elif known["fingerprint"] != facts["fingerprint"]:
        raise StoreError(
            f"the data set {facts['name']!r} is not the one that this study was begun with, or is "
            "read in another way now",
            expected=_fact_words(known, facts),
            got=_fact_words(facts, known),
            todo="put the data back as they were, go on with the version of pauca that it was "
            "begun with, or begin again in another folder",
        )


def _fact_words(facts: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Fingerprint, size and shape of a data set, and what is said of it that is not of another."""
    shape = " x ".join(map(str, facts.get("shape", ())))
    said = f"fingerprint {facts['fingerprint']}, {facts['train']} items of {shape}"
    notes = [note for note in facts.get("notes", ()) if note not in other.get("notes", ())]
    return said + "".join(f"; {note}" for note in notes[:3])


def _note_session(store: SqliteStore, settings: StudySettings, workers: int | None) -> None:
    """With what it is run now: ``provenance`` the first time, ``resume.1`` ... later."""
    now = provenance(threads=settings.threads, device=settings.device, workers=workers)
    meta = store.meta()
    first = meta.get("provenance")
    if first is None:
        store.put_meta("provenance", now)
        return
    store.put_meta(f"resume.{1 + sum(key.startswith('resume.') for key in meta)}", now)
    changed = [
        f"{name} {first['versions'].get(name)} -> {version}"
        for name, version in now["versions"].items()
        if first["versions"].get(name) != version
    ]
    if changed:
        say(f"note: begun with other versions ({', '.join(changed)}); results may differ a little")


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Every number of the settings by its path."""
    if isinstance(value, Mapping):
        parts = [(f"{prefix}.{key}" if prefix else str(key), v) for key, v in value.items()]
    elif isinstance(value, list):
        parts = [(f"{prefix}[{i}]", v) for i, v in enumerate(value)]
    else:
        return {prefix: value}
    return {key: leaf for path, v in parts for key, leaf in _flat(v, path).items()}
