"""Features of a pool, once, into a file that is mapped into memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_count
from pauca.data.augment import Normalise, Pipeline
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.features import fit_texts
from pauca.data.images import ImageForm, Mode, Progress, choose_form, decode_all
from pauca.data.own import channels_first, find_pixel_map, image_arrays, image_dataset_of_own
from pauca.errors import CapabilityError, DataError, UsageError
from pauca.features import extractors, resolve_features
from pauca.features.base import Extracted, device_of
from pauca.features.encoders import ENCODERS, AbstractEncoder, ImageEncoder, looks_english
from pauca.files import map_array
from pauca.label.atomic import new_file
from pauca.label.fitting import FitState, fit_file, kept_words, write_fit
from pauca.label.intake import AbstractIntake, ImageIntake, gathered, named_from
from pauca.label.items import ANEW
from pauca.label.pool import Pool
from pauca.rng import generator_from

__all__ = [
    "FEATURES",
    "better_choice",
    "feature_notes",
    "open_features",
    "resolve_choice",
    "write_features",
]

FEATURES = "features.npy"
"""The file of a project's features, float32 [n, d]."""

_OWN = {"rows": ("table", "embedding"), "tf-idf": ("text",), "lsa": ("text",)}
_DEFAULTS = {"image": "pca", "text": "tf-idf", "table": "rows", "embedding": "rows"}
_MANY_TEXTS = 50_000
_LSA = 256
_SIDE = {"pca": 32, "transformers": 224}
_FIT = 20_000  # items that principal components are fitted on, at most
_NUMBERS = 2**23
_MODEL_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")


def resolve_choice(choice: str | Mapping[str, Any] | None, pool: Pool) -> dict[str, Any]:
    """What makes the features, with every setting.

    Beside the extractors of ``pauca.features``: ``rows`` (numbers as they are, each column with
    mean 0 and deviation 1), ``tf-idf`` (weights of words) and ``lsa`` (256 directions of them).

    Args:
        choice: A name, or ``name`` and settings. If None what is there at once: principal
            components of pixels; tf-idf, or lsa beyond 50,000 texts; rows.
        pool: Whose items.

    Raises:
        UnknownNameError: no such features or setting.
        UsageError: they are not for items of this kind.
    """
    if choice is None:
        many = pool.kind == "text" and pool.n > _MANY_TEXTS
        choice = "lsa" if many else _DEFAULTS[pool.kind]
    name = choice if isinstance(choice, str) else choice.get("name")
    if name not in _OWN:
        found = resolve_features(_local(choice))
        if name == "transformers" and pool.kind not in ("image", "text"):
            raise _misfit(name, pool.kind)
        if name in ("pca", "net") and pool.kind == "text":
            raise _misfit(str(name), pool.kind)
        if name in ENCODERS.values() and name != ENCODERS.get(pool.kind):
            raise _misfit(str(name), pool.kind)
        return found
    if pool.kind not in _OWN[str(name)]:
        raise _misfit(str(name), pool.kind)
    settings = {} if isinstance(choice, str) else {k: v for k, v in choice.items() if k != "name"}
    known = {"lsa": {"dimensions": _LSA}}.get(str(name), {})
    unknown = set(settings) - set(known)
    if unknown:
        raise UsageError(
            f"features {name!r} have no such setting",
            expected=", ".join(known) or "none",
            got=", ".join(sorted(unknown)),
            todo="leave it out",
        )
    whole = {**known, **settings}
    for value in whole.values():
        check_count(value, f"a setting of features {name!r}", least=1)
    return {"name": name, **whole}


def better_choice(kind: str, n: int) -> dict[str, Any] | None:
    """The encoder for n items of this kind, with every setting; None where none is installed.

    Beyond 50,000 texts it is the encoder alone, since the words beside it take ten times its room.

    Raises:
        DataError: its package is there with a file that is not the one that pauca knows.
    """
    name = ENCODERS.get(kind)
    if name is None or not _encoder(name).pinned.installed:
        return None
    _encoder(name).pinned.find()
    many = kind == "text" and n > _MANY_TEXTS
    return resolve_features({"name": name, **({"words": 0} if many else {})})


def feature_notes(
    choice: Mapping[str, Any], later: Mapping[str, Any] | None, pool: Pool
) -> tuple[str, ...]:
    """Which features are used, and what would be better, in a line; what to know of them.

    Args:
        choice: What is used.
        later: What takes its place once it is computed.
        pool: Whose items.
    """
    name, better = str(choice["name"]), ENCODERS.get(pool.kind)
    if better is None:
        return ()
    used = name if later is None else str(later["name"])
    if later is not None:
        line = (
            f"features: {name} at once, then {used}, which `pauca label serve` computes in the "
            "background and `pauca label encode` at once"
        )
    elif used in (better, "transformers", "net"):
        line = f"features: {name}"
    elif _encoder(better).pinned.installed:
        line = f"features: {name}; better as a rule: --features {better}"
    else:
        line = f"features: {name}; better as a rule: pip install 'pauca[encoders]'"
    if used != ENCODERS["text"] or pool.sources is None or looks_english(pool.sources):
        return (line,)
    return line, (
        "the text encoder is made for English, and these texts look otherwise (fewer than 5% of "
        "the words are common English ones, or over 20% of the letters are not ASCII): compare "
        "with --features tf-idf"
    )


def _encoder(name: str) -> type[AbstractEncoder]:
    found: Any = extractors.get(name)
    return found  # type: ignore[no-any-return]  # the registry knows makers


def write_features(
    folder: Path,
    pool: Pool,
    choice: Mapping[str, Any],
    *,
    size: int | None = None,
    vocabulary: int = 4096,
    device: str = "cpu",
    seed: int = 0,
    files: Sequence[Path] = (),
    file: str = FEATURES,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Compute the features of every item into a file of the project; returns what was done.

    What was fitted goes into a file beside it, so that further items get the same features.

    Principal components are fitted on at most 20,000 items, drawn at random by the seed; a backbone
    is given images in parts, so that a large pool's pixels are never all in memory. What an encoder
    of ``pauca.features.encoders`` has computed is kept beside the data; killed, it goes on there.

    Args:
        folder: The project's.
        pool: The items.
        choice: As ``resolve_choice`` gave it.
        size: Side that images are read at; their own if they are all alike and small, else 32 for
            principal components and 224 for a backbone.
        vocabulary: Most words of tf-idf.
        device: Where a backbone computes.
        seed: Of what is drawn.
        files: The data, beside which an encoder keeps its rows.
        file: Name of the file.
        progress: Told which fraction is done.

    Raises:
        DataError: images that cannot be read; what an extractor refuses.
    """
    parts, notes, fit = _parts(pool, dict(choice), size, vocabulary, device, seed, files, progress)
    state = dict(fit.state)
    with new_file(folder / file, force=True) as draft:
        room: NDArray[np.float32] | None = None
        low = 0
        for part in parts:
            rows = np.asarray(part, dtype=np.float32)
            if room is None:
                shape = (pool.n, rows.shape[1])
                room = np.lib.format.open_memmap(draft, "w+", np.float32, shape)
            if not np.isfinite(rows).all():
                raise DataError(
                    "a feature is NaN or infinite",
                    where=f"items from {low} on",
                    todo="leave these items out, or choose other features",
                )
            room[low : low + len(rows)] = rows
            low += len(rows)
        assert room is not None
        if choice["name"] == "rows" or choice.get("standardise"):
            mean, scale = _standardise(room)
            state["standardise"] = {"mean": mean, "scale": scale}
            notes = (*notes, "features: each column has mean 0 and deviation 1 over the pool")
        room.flush()  # type: ignore[attr-defined]  # a memmap
    write_fit(folder, replace(fit, state=state, d=room.shape[1]), fit_file(file))
    return notes


def open_features(folder: Path, n: int, file: str = FEATURES) -> Tensor:
    """The features as a tensor, float32 [n, d], mapped: nothing is read before it is needed.

    Raises:
        DataError: they are not there, or not those of n items.
    """
    path = folder / file
    found = map_array(path, "the features cannot be read", ANEW)
    if found.dtype != np.float32 or found.ndim != 2 or len(found) != n or not found.size:
        raise DataError(
            "the features are those of other items",
            expected=f"float32 [{n}, d]",
            got=f"{found.dtype} {list(found.shape)[:8]}",
            where=str(path),
            todo=ANEW,
        )
    return torch.from_numpy(found)


def _misfit(name: str, kind: str) -> UsageError:
    fit = [own for own, kinds in _OWN.items() if kind in kinds]
    fit += {
        "image": ["image-encoder", "pca", "net", "transformers"],
        "text": ["text-encoder", "transformers"],
    }.get(kind, ["pca", "net"])
    return UsageError(
        f"features {name!r} are not for items of kind {kind}",
        expected=", ".join(fit),
        got=name,
        where="features",
        todo="choose one of these with --features",
    )


def _local(choice: str | Mapping[str, Any]) -> str | Mapping[str, Any]:
    """A backbone of the Hub, ``owner/name``, is fetched once and becomes a path."""
    if isinstance(choice, str) or choice.get("name") != "transformers":
        return choice
    path = str(choice.get("path", ""))
    if Path(path).expanduser().is_dir() or path.count("/") != 1 or path.startswith((".", "~")):
        return choice
    try:
        from huggingface_hub import snapshot_download

        return {**choice, "path": snapshot_download(path, allow_patterns=list(_MODEL_FILES))}
    except Exception as error:  # the library raises errors of many other libraries
        raise CapabilityError(
            "the backbone is neither a folder nor to be had from the Hub",
            expected="a folder made by save_pretrained, or owner/name and a network",
            got=(str(error).splitlines() or [type(error).__name__])[0][:200],
            where=path,
            todo="fetch it on a machine with a network: hf download " + path,
        ) from None


def _parts(
    pool: Pool,
    choice: dict[str, Any],
    size: int | None,
    vocabulary: int,
    device: str,
    seed: int,
    files: Sequence[Path],
    progress: Progress | None,
) -> tuple[Iterable[Any], tuple[str, ...], FitState]:
    """The features in parts, what is said of them, and what was fitted."""
    name = choice["name"]
    if name == "rows":
        assert pool.rows is not None
        parts = torch.split(pool.rows, max(1, _NUMBERS // pool.rows.shape[1]))
        return parts, (), FitState(_intake(pool), choice)
    if name in ("tf-idf", "lsa"):
        words, told, state = _words(pool, vocabulary, choice.get("dimensions"))
        return words, told, FitState(_intake(pool), choice, state)
    settings = {key: value for key, value in choice.items() if key != "name"}
    made = extractors.make(name, settings)
    if name in ENCODERS.values():
        return _by_encoder(pool, made, choice, vocabulary, device, files, progress)
    if name == "transformers":
        intake = _intake(pool, size if size is not None else _SIDE[name], "RGB")
        fit = FitState(intake, choice, {"identity": made.identity()})
        return _by_backbone(pool, made, size, device, progress), (f"features: {name}",), fit
    side = size if size is not None else _SIDE.get(name)
    intake = _intake(pool, side)
    data, notes = _dataset(pool, side, progress)
    if name == "pca" and pool.n > _FIT:
        order = torch.randperm(pool.n, generator=generator_from(seed))[:_FIT].sort().values
        data = Dataset(data.task, data.train.take(order), data.train)
        found = made.extract(data, device_of(device))
        said = f"features: principal components were fitted on {_FIT} items drawn at random"
        assert found.test is not None
        return [found.test], (*notes, *found.notes, said), _fit(intake, choice, data, found)
    found = made.extract(data, device_of(device))
    return [found.train], (*notes, *found.notes), _fit(intake, choice, data, found)


def _fit(
    intake: AbstractIntake, choice: Mapping[str, Any], data: Dataset, found: Extracted
) -> FitState:
    """What an extractor fitted, with how pixels are normalised."""
    state: dict[str, Any] = {"extractor": found.state}
    steps = getattr(data.task.evaluate, "steps", ())
    for step in steps:
        if isinstance(step, Normalise):
            state["normalise"] = {"mean": list(step.mean), "std": list(step.std)}
    return FitState(intake, choice, state)


def _words(
    pool: Pool, vocabulary: int, dimensions: int | None
) -> tuple[Iterable[NDArray[np.float32]], tuple[str, ...], dict[str, Any]]:
    """tf-idf weights of the texts, or the leading directions of these; and what was fitted."""
    assert pool.sources is not None
    model, sparse, said = fit_texts(pool.sources, vocabulary, "the texts of the pool")
    words, kept = sparse.shape[1], kept_words(model)
    note = f"features: {said}"
    if dimensions is not None and dimensions < min(words, pool.n):
        from sklearn.decomposition import TruncatedSVD

        svd = TruncatedSVD(dimensions, random_state=0)
        found = svd.fit_transform(sparse)
        state = {"words": kept, "directions": svd.components_}
        return [found], (f"{note}, in {dimensions} directions",), state
    size = max(1, _NUMBERS // words)
    parts = (sparse[i : i + size].toarray() for i in range(0, pool.n, size))
    return parts, (note,), {"words": kept}


def _intake(pool: Pool, side: int | None = None, mode: Mode | None = None) -> AbstractIntake:
    """How further items are read: as the pool was, pictures in the one form that its have."""
    if pool.intake is not None:
        return pool.intake
    assert pool.images is not None
    if pool.images.stored is not None:
        x = channels_first(pool.images.stored, "first", "images")
        pixels, _ = find_pixel_map([x], "images")
        channels, height, width = x.shape[1:]
        form = ImageForm(height, width, "L" if channels == 1 else "RGB", fit="crop", upright=True)
        return ImageIntake(form, pixels, channels)
    form, _ = _form(pool, side, mode)
    return ImageIntake(form, None, form.shape[0])


def _form(pool: Pool, side: int | None, mode: Mode | None) -> tuple[ImageForm, tuple[str, ...]]:
    assert pool.survey is not None
    sizes = pool.survey.sizes
    alike = mode is None and len(sizes) == 1 and max(sizes[0]) <= (side or 64)
    return choose_form(pool.survey, None if alike else side, mode, "crop")


def _dataset(
    pool: Pool, side: int | None, progress: Progress | None
) -> tuple[Dataset, tuple[str, ...]]:
    """The whole pool as a data set without labels."""
    if pool.images is None:
        assert pool.rows is not None
        none = Pipeline()
        task = Task("pool", pool.kind, tuple(pool.rows.shape[1:]), (), none, none)
        return Dataset(task, Split(pool.rows, None), None), ()
    if pool.images.stored is not None:
        (x,), notes = image_arrays(pool.images.stored, channels="first")
    else:
        form, notes = _form(pool, side, None)
        x = decode_all(pool.images.blocks(), pool.n, form, pool.images.name, progress)
    data = image_dataset_of_own(
        "pool", Split(x, None), None, (), flip=False, source="pool", notes=()
    )
    return data, notes


def _by_backbone(
    pool: Pool, made: Any, size: int | None, device: str, progress: Progress | None
) -> Iterator[Tensor]:
    """Embeddings of a pre-trained model, in parts."""
    if pool.kind == "text":
        assert pool.sources is not None
        for low in range(0, pool.n, 4096):
            texts = tuple(pool.sources[low : low + 4096])
            x = torch.zeros(len(texts), 1)
            task = Task("pool", "text", (1,), (), Pipeline(), Pipeline())
            split = Split(x, None, sources=texts)
            yield made.extract(Dataset(task, split, None), device_of(device)).train
            _tell(progress, (low + len(texts)) / pool.n)
        return
    assert pool.images is not None
    side = size if size is not None else _SIDE["transformers"]
    low = 0
    for part in _some(pool, side):
        data = image_dataset_of_own(
            "pool", Split(part, None), None, (), flip=False, source="pool", notes=()
        )
        yield made.extract(data, device_of(device)).train
        low += len(part)
        _tell(progress, low / pool.n)


def _by_encoder(
    pool: Pool,
    made: Any,
    choice: Mapping[str, Any],
    vocabulary: int,
    device: str,
    files: Sequence[Path],
    progress: Progress | None,
) -> tuple[Iterator[NDArray[np.float32]], tuple[str, ...], FitState]:
    """Rows of an encoder in parts; those of texts with their words beside them."""
    kept = made.open_cache(files)
    notes, state = (made.said, *kept.notes), {"identity": made.identity()}
    words: Any = None
    if pool.kind == "text" and made.words:
        assert pool.sources is not None
        model, words, said = fit_texts(pool.sources, vocabulary, "the texts of the pool")
        notes, state["words"] = (*notes, f"features: {said}"), kept_words(model)

    def rows() -> Iterator[NDArray[np.float32]]:
        low = 0
        for part in _encoded_parts(pool, made):
            found = made.encode(
                part,
                device=device_of(device),
                kept=kept,
                progress=_part_of(progress, low, pool.n, len(part)),
            )
            high = low + len(part)
            beside = [] if words is None else [made.words * words[low:high].toarray()]
            yield np.concatenate([found, *beside], axis=1)
            low = high

    intake = _intake(pool) if pool.kind == "text" else _intake(pool, made.size, "RGB")
    return rows(), notes, FitState(intake, choice, state)


def _encoded_parts(pool: Pool, made: Any) -> Iterator[Any]:
    """Items as an encoder reads them, some at a time."""
    if pool.kind == "text":
        assert pool.sources is not None
        for low in range(0, pool.n, 4096):
            yield pool.sources[low : low + 4096]
    else:
        assert isinstance(made, ImageEncoder)
        for part in _some(pool, made.size):
            yield made.prepare(part)


def _part_of(progress: Progress | None, low: int, n: int, size: int) -> Progress:
    """Tells of a part as of the whole."""
    return lambda fraction: _tell(progress, (low + fraction * size) / n)


def _some(pool: Pool, side: int) -> Iterator[Tensor]:
    """Images uint8 [b, channels, h, w] in one form, some at a time."""
    images = pool.images
    assert images is not None
    if images.stored is not None:
        yield from torch.split(image_arrays(images.stored, channels="first")[0][0], 2048)
        return
    assert pool.survey is not None
    form, _ = _form(pool, side, "RGB")
    low = 0
    for block in gathered(images.blocks(), 2048):
        name = named_from(images.name, low)
        yield decode_all([block], len(block), form, name)
        low += len(block)


def _tell(progress: Progress | None, fraction: float) -> None:
    if progress is not None:
        progress(fraction)


def _standardise(room: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give each column mean 0 and deviation 1, in place, block by block, sums in float64.

    Returns:
        What was taken from each and what it was divided by, [d]; infinity for a constant column.
    """
    n, d = room.shape
    size = max(1, _NUMBERS // d)
    shift = room[: min(n, size)].mean(0, dtype=np.float64)
    total, squares = np.zeros(d), np.zeros(d)
    for low in range(0, n, size):
        rows = room[low : low + size] - shift
        total += rows.sum(0)
        squares += (rows * rows).sum(0)
    mean = total / n
    scale = np.sqrt(np.maximum(squares / n - mean * mean, 0))
    # what rounding leaves of a constant column is no variance
    scale[scale <= 1e-6 * (1e-6 + np.abs(shift + mean))] = np.inf
    for low in range(0, n, size):
        room[low : low + size] = (room[low : low + size] - (shift + mean)) / scale
    return shift + mean, scale
