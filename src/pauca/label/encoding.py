"""Better features for a project that is at work: computed beside, then put in their place at once.

An encoder takes minutes where labelling could begin in seconds. So a project begins with features
that are there at once; those of the encoder are written to another file of the project, and one
write of project.toml makes them its features. Whoever is killed on the way has changed nothing that
anybody answered, and what the encoder had computed is found again (``pauca.data.cache.RowCache``).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from pauca.data.images import Survey
from pauca.errors import DataError, PaucaError
from pauca.formats import Images
from pauca.label.atomic import keep_sums
from pauca.label.embed import open_features, write_features
from pauca.label.items import Items
from pauca.label.pool import Pool
from pauca.label.settings import SETTINGS, ProjectSettings, Source, read_settings, write_settings
from pauca.learners.base import Progress

__all__ = ["CurrentFeatures", "data_files", "encode", "pool_of", "put_in_place", "want"]

_BLOCK = 64  # images that are read at once


class CurrentFeatures:
    """Settings and features of a project, whichever process put others in their place.

    Args:
        folder: The project's.
        settings: The project's, as they were read.
        n: Items.

    Raises:
        DataError: the features are damaged, or not those of n items.
    """

    def __init__(self, folder: Path, settings: ProjectSettings, n: int) -> None:
        self._path, self._n = folder / SETTINGS, n
        self._stamp = self._told()
        try:
            self._now = settings, open_features(folder, n, settings.features_file)
        except DataError:
            later = _replaced(settings, self._path)
            if later is None:
                raise
            self._now = later, open_features(folder, n, later.features_file)

    @property
    def now(self) -> tuple[ProjectSettings, Tensor]:
        """Settings and features [n, d] that belong together."""
        stamp = self._told()
        if stamp != self._stamp:
            later = _replaced(self._now[0], self._path)
            if later is not None:
                features = open_features(self._path.parent, self._n, later.features_file)
                self._now = later, features
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
    *,
    progress: Progress | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Compute the features that are to come into a file of their own; nothing else changes.

    Args:
        folder: The project's.
        settings: The project's, with ``next_features``.
        pool: Its items.
        progress: Told which fraction is done; what it raises ends the work.

    Returns:
        The name of the file, and what was done.
    """
    assert settings.next_features is not None
    name = settings.next_features["name"]
    names = [f"features-{name}.npy", f"features-{name}-2.npy"]
    file = next(each for each in names if each != settings.features_file)
    notes = write_features(
        folder,
        pool,
        settings.next_features,
        vocabulary=settings.source.vocabulary,
        device=settings.device,
        seed=settings.seed,
        files=data_files(Path(settings.source.path)),
        file=file,
        progress=progress,
    )
    keep_sums(folder, (file,))
    return file, notes


def want(folder: Path, choice: Mapping[str, Any]) -> None:
    """Keep which features are to come."""
    settings = read_settings(folder / SETTINGS)
    write_settings(folder / SETTINGS, settings.model_copy(update={"next_features": dict(choice)}))


def put_in_place(folder: Path, file: str) -> None:
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
    (folder / settings.features_file).unlink(missing_ok=True)


def pool_of(items: Items, source: Source, original: Callable[[int], tuple[bytes, str]]) -> Pool:
    """The items of a project as a pool without labels.

    Args:
        items: Texts or images.
        source: Where they are from.
        original: Gives bytes and name of a picture.
    """
    keys, none = items.keys(), [None] * items.n
    if source.kind == "text":
        texts = [each["text"] for each in items.shown(range(items.n))]
        return Pool(source.format, source.kind, keys, texts, none)

    def blocks() -> Iterator[Sequence[Any]]:
        for low in range(0, items.n, _BLOCK):
            yield [original(item)[0] for item in range(low, min(items.n, low + _BLOCK))]

    survey = Survey(Counter({(1, 1, False): items.n}), source.levels)
    images = Images(blocks, lambda item: keys[item])
    return Pool(source.format, source.kind, keys, None, none, images=images, survey=survey)


def data_files(source: Path) -> list[Path]:
    """What stands for the data where a cache looks for a place beside them."""
    return [source / SETTINGS] if source.is_dir() else [source]
