"""One door to every data set: by name, by path, or from memory."""

import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pauca.checks import typed
from pauca.data.assemble import DataOptions, assemble
from pauca.data.catalog import datasets, entry
from pauca.data.columns import EmptyTexts, Missing, Unusable
from pauca.data.dataset import Dataset
from pauca.data.images import Fit, Mode, Progress, Scale, Size
from pauca.data.in_memory import items_of
from pauca.data.labels import Copies
from pauca.errors import DataError, UnknownNameError, UsageError, shown
from pauca.formats import AbstractFormat, Items, find_format, formats
from pauca.registry import check_settings

__all__ = [
    "dataset_from",
    "load_dataset",
    "options_of",
    "own_options",
    "resolve_options",
    "told_format",
]

_OPENML = re.compile(r"^openml:(\d{1,18})$")


def _every(
    *,
    label: str | None = None,
    text: str | tuple[str, ...] | None = None,
    features: tuple[str, ...] | None = None,
    group: str | None = None,
    classes: tuple[str, ...] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    missing: Missing = "refuse",
    vocabulary: int = 4096,
    image: str | None = None,
    size: Size | None = None,
    mode: Mode | None = None,
    fit: Fit = "crop",
    flip: bool = False,
    format: str | None = None,
    id: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: Literal[".", ","] | None = None,
    thousands: str | None = None,
    label_separator: str | None = None,
    join_labels: bool = False,
    keep: tuple[str, ...] = (),
    unusable: Unusable = "refuse",
    empty_texts: EmptyTexts = "leave-out",
    copies: Copies = "note",
    skip_broken: bool = False,
    scale: Scale = "range",
    kind: Literal["image", "sequence"] | None = None,
    channels: Literal["first", "last"] | None = None,
) -> None:
    """Every option of data of one's own; a format says which of them it has."""


_OPTIONS = inspect.signature(_every, eval_str=True).parameters
_LATER = frozenset(list(_OPTIONS)[list(_OPTIONS).index("format") :])
"""Options that came after studies had been run: at their defaults they are not written down."""


_COMMON = ("classes", "test_fraction", "seed", "format", "join_labels", "copies")
_HELD = {
    "rows": (
        "label", "text", "features", "group", "missing", "vocabulary", "id", "decimal",
        "thousands", "label_separator", "keep", "unusable", "empty_texts",
    ),
    "images": ("size", "mode", "fit", "flip", "skip_broken", "scale"),
    "arrays": ("kind", "channels", "group"),
}  # fmt: skip
_OF_FILES = ("format", "encoding", "delimiter", "image")


def load_dataset(
    name_or_path: str | Path, *, progress: Progress | None = None, **options: Any
) -> Dataset:
    """A data set by name, or data of one's own by path.

    A name is one of the catalogue (``pauca list datasets``), or ``openml:`` and a number. A local
    copy under PAUCA_DATA comes first, then the source the catalogue names. A path is a folder of
    images (one sub-folder a class, or flat: a pool without labels), a file of any format of
    ``pauca.formats`` that can read items, or a folder with train and test files of one. A text that
    is both is a name; write ./name for the path. What was guessed, left out or converted stands in
    ``notes``.

    Args:
        name_or_path: What to load.
        progress: Told which fraction is done.
        **options: Of the data set or of the format: ``size``, ``mode``, ``label``, ``text``,
            ``classes``, ``test_fraction``, ``seed``, ... (docs/datasets.md lists them).

    Raises:
        UnknownNameError: no such name, path or option; the nearest known one is named.
        UsageError: an option has a value that it cannot have.
        DataError: the data are not there, or broken; says what, where and what to do.
    """
    if progress is not None and not callable(progress):
        raise UsageError(
            "progress cannot be called",
            expected="a function of a fraction, or None",
            got=shown(progress),
            todo="pass a function, or leave it out",
        )
    kind, key, given = _find(name_or_path, options)
    if kind == "name":
        return datasets.make(key, given, progress=progress)
    path, form = _path(name_or_path), formats.make(key, {})
    made = own_options(form, given)
    items = told_format(form.read_items(path, made.reading), form, given)
    name = path.stem if path.is_file() or form.name != "folder" else path.name
    return assemble(items, made, name=name, source=f"{key}: {path.name}", progress=progress)


@typed
def dataset_from(
    x: Any,
    y: Any = None,
    *,
    x_test: Any = None,
    y_test: Any = None,
    group: Any = None,
    name: str = "array",
    progress: Progress | None = None,
    **options: Any,
) -> Dataset:
    """A data set of what is in memory already, by the rules that files are read by.

    Args:
        x: n items: numbers [n, d]; images [n, h, w], [n, h, w, channels] or [n, channels, h, w] of
            bytes, 16 bits or floats; sequences [n, t, d]; a list of texts or of PIL images; a
            list of dicts; a SciPy matrix of rows; a DataFrame; a ``datasets.Dataset`` or
            ``DatasetDict``; a scikit-learn Bunch.
        y: Labels [n] (words, whole numbers; None or -1 for none), or the name of their column.
        x_test: The test part; without one ``test_fraction`` is held out.
        y_test: Its labels.
        group: Group of each item [n], or the name of their column; a group is never cut.
        name: Of the data set.
        progress: Told which fraction is done.
        **options: Those of ``load_dataset`` for files: ``classes``, ``features``, ...;
            ``kind``, ``image`` or ``sequence``, where three axes of numbers could be either.

    Returns:
        Items as they are learned from, and in ``notes`` what was guessed, left out or converted.

    Raises:
        InputError: of another kind, or labels that do not fit.
        DataError: labels of another task, NaN, and all that a file is refused for.

    Example:
        >>> import numpy as np, pauca
        >>> x = np.random.default_rng(0).normal(size=(40, 3))
        >>> data = pauca.dataset_from(x, np.where(x[:, 0] > 0, "yes", "no"))
        >>> data.classes, len(data.train), len(data.test)
        (('no', 'yes'), 32, 8)
    """
    known = {key: each for key, each in _OPTIONS.items() if key not in _OF_FILES}
    if group is not None:
        options["group"] = group if isinstance(group, str) else "group"
    made = DataOptions.of(check_settings("data in memory", known, options))
    items = items_of(x, y, x_test, y_test, None if isinstance(group, str) else group)
    return assemble(items, made, name=name, source="memory", progress=progress)


def resolve_options(name_or_path: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Every option with its value, defaults included, without reading any data.

    Options that came later are left out at their defaults, so that studies keep their ids.

    Raises:
        UnknownNameError: no such name, path or option.
        UsageError: an option has a value that it cannot have.
    """
    kind, key, given = _find(name_or_path, options)
    if kind == "name":
        return _without_later(datasets.resolve(key, given), entry(key).later, entry(key).read)
    form = formats.make(key, {})
    whole = check_settings(f"format {key!r}", options_of(form), given)
    later = _LATER if "rows" in form.holds else _LATER | set(_HELD["arrays"])
    return _without_later(whole, later, _every)


def _without_later(
    options: dict[str, Any], later: frozenset[str], function: Callable[..., Any]
) -> dict[str, Any]:
    """The options without those of ``later`` that have the defaults of this function."""
    known = inspect.signature(function).parameters
    return {
        name: value
        for name, value in options.items()
        if name not in later or value != known[name].default
    }


def own_options(form: AbstractFormat, given: Mapping[str, Any]) -> DataOptions:
    """Options of data of one's own, checked by name and value, defaults filled in.

    Raises:
        UnknownNameError: the format has no such option.
        UsageError: an option has a value that it cannot have.
    """
    return DataOptions.of(check_settings(f"format {form.name!r}", options_of(form), given))


def told_format(items: Items, form: AbstractFormat, given: Mapping[str, Any]) -> Items:
    """The items, which say what they were read as where the suffix alone does not."""
    if form.general or given.get("format") is not None:
        return items
    note = f"read as {form.title}, as its first record says (format names another)"
    return replace(items, train=replace(items.train, notes=(note, *items.train.notes)))


def options_of(form: AbstractFormat) -> dict[str, inspect.Parameter]:
    """The options that a format has, by name, in their order."""
    names = {*_COMMON, *form.options, *(name for kind in form.holds for name in _HELD[kind])}
    return {name: each for name, each in _OPTIONS.items() if name in names}


def _find(name_or_path: str | Path, options: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Whether it is a name or a path, its name or format, and its options."""
    given = dict(options)
    if not isinstance(name_or_path, str | Path) or not str(name_or_path).strip():
        raise UsageError(
            "the data set is not named",
            expected="a name of the catalogue, or a path",
            got=shown(name_or_path),
            todo="see `pauca list datasets`; data in memory: pauca.dataset_from(x, y)",
        )
    if isinstance(name_or_path, str):
        numbered = _OPENML.match(name_or_path)
        if numbered:
            return "name", "openml:<id>", {**given, "id": int(numbered[1])}
        if name_or_path in datasets.names():
            return "name", name_or_path, given
    path = _path(name_or_path)
    if not os.path.exists(path):  # no error where the name is none that a file can have
        raise _unknown(name_or_path, path)
    form = given.get("format")
    return "path", find_format(path, name=form if isinstance(form, str) else None).name, given


def _path(name_or_path: str | Path) -> Path:
    return Path(os.path.expanduser(name_or_path))


def _unknown(name_or_path: str | Path, path: Path) -> Exception:
    written = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in written or "\\" in written or path.suffix:
        return DataError(
            "there is no such file or folder",
            expected="a path, or a name of the catalogue",
            got=written,
            todo="check the path",
        )
    if written.startswith("openml"):
        return UsageError(
            "an OpenML table is asked for by its number",
            expected="openml:61",
            got=repr(written),
            todo="find the number on the table's page",
        )
    return UnknownNameError("data set or path", written, datasets.names())
