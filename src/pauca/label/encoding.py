"""Better features for a project that is at work: computed beside, then put in their place at once.

An encoder takes minutes where labelling could begin in seconds. So a project begins with features
that are there at once; those of the encoder are written to another file of the project, and one
write of project.toml makes them its features. Whoever is killed on the way has changed nothing that
anybody answered, and what the encoder had computed is found again (``pauca.data.cache.RowCache``).
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from pauca.data.images import Survey
from pauca.data.in_memory import encoded_picture
from pauca.errors import PaucaError
from pauca.features.encoders import ENCODERS
from pauca.formats import Images
from pauca.label.atomic import keep_sums
from pauca.label.embed import write_features
from pauca.label.fitting import fit_file, read_fit
from pauca.label.intake import TextIntake
from pauca.label.parts import LivePool, files_of
from pauca.label.pool import Pool
from pauca.label.settings import SETTINGS, ProjectSettings, read_settings, write_settings
from pauca.learners.base import Progress

__all__ = ["CurrentSettings", "data_files", "encode", "pool_of", "put_in_place", "want"]

_BLOCK = 64  # images that are read at once


class CurrentSettings:
    """The settings of a project with the features that it has now, whichever process changed them.

    Args:
        folder: The project's.
        settings: As they were read; all but the features stay so.
    """

    def __init__(self, folder: Path, settings: ProjectSettings) -> None:
        self._path, self._now = folder / SETTINGS, settings
        self._stamp: tuple[int, int] | None = None

    @property
    def now(self) -> ProjectSettings:
        """The settings."""
        stamp = self._told()
        if stamp != self._stamp:
            self._now = _replaced(self._now, self._path) or self._now
            self._stamp = stamp
        return self._now

    def _told(self) -> tuple[int, int] | None:
        with suppress(OSError):
            told = self._path.stat()
            return told.st_mtime_ns, told.st_ino
        return None


def _replaced(settings: ProjectSettings, path: Path) -> ProjectSettings | None:
    """The settings with the features that took the place of theirs; None without any."""
    try:
        found = read_settings(path)
    except PaucaError:  # somebody is editing it; what was read goes on
        return None
    names = ("features", "next_features", "features_file")
    if all(getattr(found, name) == getattr(settings, name) for name in names):
        return None
    return settings.model_copy(update={name: getattr(found, name) for name in names})


def encode(
    folder: Path,
    settings: ProjectSettings,
    pool: Pool,
    additions: int = 0,
    *,
    progress: Progress | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Compute the features that are to come into a file of their own; nothing else changes.

    Args:
        folder: The project's.
        settings: The project's, with ``next_features``.
        pool: Its items.
        additions: How often items were added.
        progress: Told which fraction is done; what it raises ends the work.

    Returns:
        The name of the file before any addition, and what was done.
    """
    assert settings.next_features is not None
    name = settings.next_features["name"]
    names = [f"features-{name}.npy", f"features-{name}-2.npy"]
    file = next(each for each in names if each != settings.features_file)
    written = files_of(additions, file)[1]
    notes = write_features(
        folder,
        pool,
        settings.next_features,
        vocabulary=settings.source.vocabulary,
        device=settings.device,
        seed=settings.seed,
        files=data_files(Path(settings.source.path)),
        file=written,
        progress=progress,
    )
    if written != file:  # what was fitted does not change with additions
        os.replace(folder / fit_file(written), folder / fit_file(file))
    keep_sums(folder, (written, fit_file(file)))
    return file, notes


def want(folder: Path, choice: Mapping[str, Any]) -> None:
    """Keep which features are to come."""
    settings = read_settings(folder / SETTINGS)
    write_settings(folder / SETTINGS, settings.model_copy(update={"next_features": dict(choice)}))


def put_in_place(folder: Path, file: str, additions: int = 0) -> None:
    """Make a file of features those of the project. Nobody may choose or train meanwhile.

    The model and the groups of near-duplicates are those of the features before: they go first, and
    are made anew.
    """
    settings = read_settings(folder / SETTINGS)
    if settings.next_features is None:  # another process was first
        return
    for name in ("model.pt", "duplicates-*.npy"):
        for path in folder.glob(name):
            path.unlink()
    later = {"features": settings.next_features, "next_features": None, "features_file": file}
    write_settings(folder / SETTINGS, settings.model_copy(update=later))
    old = settings.features_file
    for name in (files_of(additions, old)[1], fit_file(old)):
        (folder / name).unlink(missing_ok=True)


def pool_of(folder: Path, live: LivePool) -> Pool:
    """The items of a project as a pool without labels.

    Args:
        folder: The project's.
        live: Its pool, of texts or images.
    """
    items, source = live.items, live.sources[0]
    keys, none = items.keys(), [None] * items.n
    if source.kind not in ENCODERS:
        return Pool(source.format, source.kind, keys, None, none)
    if source.kind == "text":
        columns = (source.text,) if isinstance(source.text, str) else source.text or ("text",)
        texts = [each["text"] for each in items.shown(range(items.n))]
        return Pool(source.format, "text", keys, texts, none, intake=TextIntake(columns))
    gone = frozenset(live.removed.tolist())

    def blocks() -> Iterator[Sequence[Any]]:
        for low in range(0, items.n, _BLOCK):
            some = range(low, min(items.n, low + _BLOCK))
            yield [_blank() if i in gone else live.pictures(i).original(i)[0] for i in some]

    # arrays are read in another way than files are
    intake = read_fit(folder).intake if source.format == "npz" else None
    survey = Survey(Counter({(1, 1, False): items.n}), source.levels)
    images = Images(blocks, lambda item: keys[item])
    return Pool(
        source.format, "image", keys, None, none, images=images, survey=survey, intake=intake
    )


@cache
def _blank() -> bytes:
    """Stands for a picture that was removed: its file may be gone."""
    from PIL import Image

    return encoded_picture(Image.new("L", (8, 8)))


def data_files(source: Path) -> list[Path]:
    """What stands for the data where a cache looks for a place beside them."""
    return [source / SETTINGS] if source.is_dir() else [source]
