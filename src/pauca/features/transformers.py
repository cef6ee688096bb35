"""Embeddings of a pre-trained Hugging Face model that lies in a local folder."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pauca.data.augment import ToFloat
from pauca.data.dataset import Dataset, Split
from pauca.errors import CapabilityError, DataError, InputError
from pauca.features.base import AbstractExtractor, Extracted, extractors, transform_of
from pauca.rng import generator_from, isolated

__all__ = ["Transformers"]

_FIRST = "cls"
_READ = frozenset({".json", ".safetensors", ".txt", ".model", ".bin"})


@extractors.register("transformers")
class Transformers(AbstractExtractor):
    """The last hidden states of a backbone, one vector an item. Needs the extra ``pauca[hub]``.

    Nothing is downloaded and no code of the folder is run: ``path`` is a folder made by
    ``save_pretrained`` (for texts with its tokenizer). Images are scaled to [0, 1], brought to the
    model's size (bicubic) and normalised by ``preprocessor_config.json``, or by mean and deviation
    .5 where there is none; grey ones become three equal channels where the model wants them.

    Args:
        path: The model's folder.
        pooling: ``mean`` over tokens (of a text, those that are not padding) or places; ``cls`` for
            the first token.
        batch: Items at once.
        max_length: Most tokens of a text; the rest is cut off.
        standardise: Whether the transform gives each feature mean 0 and deviation 1 over the
            training part.
    """

    name = "transformers"
    frozen = True
    summary = "last hidden states of a Hugging Face model in a local folder; extra pauca[hub]"
    reference = "Wolf et al., EMNLP demonstrations 2020"

    def __init__(
        self,
        *,
        path: str,
        pooling: Literal["mean", "cls"] = "mean",
        batch: Annotated[int, Field(ge=1)] = 32,
        max_length: Annotated[int, Field(ge=1)] = 128,
        standardise: bool = True,
    ) -> None:
        self.path, self.pooling, self.batch = path, pooling, batch
        self.max_length, self.standardise = max_length, standardise

    def identity(self) -> dict[str, str]:
        """The digest of the folder's files that a model is made of.

        Raises:
            DataError: there is no such folder.
        """
        return {"sha256": _digest(self._folder())}

    def _folder(self) -> Path:
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            raise DataError(
                "there is no such folder",
                expected="the folder of a model, as save_pretrained makes it",
                got=self.path,
                where="features 'transformers', setting 'path'",
                todo="download the model once and save it there with save_pretrained",
            )
        return folder

    def extract(self, dataset: Dataset, device: torch.device) -> Extracted:
        """Embeddings of both parts.

        Raises:
            CapabilityError: the package transformers is not installed.
            DataError: no such folder, or no model (or tokenizer) in it.
            InputError: neither images nor texts; no first token where ``cls`` is asked for.
        """
        if dataset.kind not in ("image", "text"):
            raise InputError(
                "a backbone reads images or texts",
                expected="a data set of kind image or text",
                got=dataset.kind,
                where=dataset.name,
                todo="take features 'pca', or the rows as they are",
            )
        folder = self._folder()
        library = _library()
        model = _loaded(library.AutoModel, folder).to(device).eval().requires_grad_(False)
        reader = _Texts if dataset.kind == "text" else _Images
        read = reader(library, folder, model, self.max_length)
        train = self._embedded(model, read, dataset.train, device)
        test = dataset.test
        transform, said = transform_of(train, self.standardise)
        kind = f"{type(model).__name__} in {folder.name}"
        note = f"features: {self.pooling} of {kind}, {read.said}; {said}"
        found = None if test is None else self._embedded(model, read, test, device)
        return Extracted(train, found, transform, (note,))

    @torch.no_grad()
    def _embedded(
        self, model: Any, read: "_Texts | _Images", split: Split, device: torch.device
    ) -> Tensor:
        """float32 [n, d] on the CPU."""
        found = []
        for given in read.batches(split, self.batch):
            moved = {name: value.to(device) for name, value in given.items()}
            hidden = model(**moved).last_hidden_state
            found.append(self._pooled(hidden, moved.get("attention_mask")).float().cpu())
        if not found:
            return torch.empty(0, int(model.config.hidden_size))
        return torch.cat(found)

    def _pooled(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """[b, tokens, d] or [b, d, h, w] -> [b, d]."""
        if hidden.ndim == 4:
            if self.pooling == _FIRST:
                raise InputError(
                    "this model has no first token",
                    expected="pooling = 'mean'",
                    got="pooling = 'cls'",
                    where=self.path,
                    todo="set pooling = 'mean'",
                )
            return hidden.flatten(2).mean(2)
        if self.pooling == _FIRST:
            return hidden[:, 0]
        if mask is None:
            return hidden.mean(1)
        weight = mask[:, :, None].to(hidden.dtype)
        return (hidden * weight).sum(1) / weight.sum(1).clamp_min(1)


class _Texts:
    """Texts, kept as the sources of the items, as tokens of one batch."""

    def __init__(self, library: Any, folder: Path, model: Any, max_length: int) -> None:
        self._tokens = _loaded(library.AutoTokenizer, folder)
        most = getattr(model.config, "max_position_embeddings", max_length)
        self._most = min(max_length, int(most))
        self.said = f"texts cut to {self._most} tokens"

    def batches(self, split: Split, batch: int) -> Iterator[Mapping[str, Tensor]]:
        """What the model is given."""
        texts = split.sources
        if texts is None:
            raise InputError(
                "the texts are not there",
                expected="a data set whose sources are the texts",
                got="no sources",
                todo="load the texts with load_dataset, which keeps them as sources",
            )
        for start in range(0, len(texts), batch):
            yield self._told(texts[start : start + batch])

    def _told(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        found: Mapping[str, Tensor] = self._tokens(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self._most,
            return_tensors="pt",
        )
        return found


class _Images:
    """Stored images in the model's size, normalised as it was trained."""

    def __init__(self, library: Any, folder: Path, model: Any, max_length: int) -> None:
        self._channels = int(getattr(model.config, "num_channels", 3))
        told = _preprocessing(folder)
        size = told.get("crop_size", told.get("size", getattr(model.config, "image_size", None)))
        self._size = _sides(size)
        self._mean, self._std = (
            torch.tensor(told.get(key, [0.5] * self._channels), dtype=torch.float32)[:, None, None]
            for key in ("image_mean", "image_std")
        )
        shown = "their own size" if self._size is None else "{} x {} pixels".format(*self._size)
        self.said = f"images in {shown}"

    def batches(self, split: Split, batch: int) -> Iterator[Mapping[str, Tensor]]:
        """What the model is given."""
        for part in torch.split(split.x, batch):
            if len(part):
                yield {"pixel_values": self._told(part)}

    def _told(self, x: Tensor) -> Tensor:
        """Stored images [b, channels, h, w] -> float [b, model's channels, h', w']."""
        seen = ToFloat().apply(x, None)
        if seen.shape[1] == 1:
            seen = seen.expand(-1, self._channels, -1, -1)
        if seen.shape[1] != self._channels:
            raise InputError(
                "images do not fit the model",
                expected=f"{self._channels} channels",
                got=seen.shape[1],
                todo="choose a model for images of that many channels",
            )
        if self._size is not None and tuple(seen.shape[2:]) != self._size:
            seen = F.interpolate(seen, self._size, mode="bicubic", antialias=True).clamp(0, 1)
        return (seen - self._mean) / self._std


def _digest(folder: Path) -> str:
    """sha256 over names and contents of the files that are read, in order."""
    whole = hashlib.sha256()
    for file in sorted(each for each in folder.iterdir() if each.suffix in _READ):
        with file.open("rb") as opened:
            own = hashlib.file_digest(opened, "sha256").hexdigest()
        whole.update(f"{own}  {file.name}\n".encode())
    return whole.hexdigest()


def _library() -> Any:
    """The package transformers, imported when it is needed.

    Raises:
        CapabilityError: it is not installed.
    """
    try:
        return import_module("transformers")
    except ImportError as error:
        raise CapabilityError(
            "features 'transformers' need the package transformers",
            expected="pauca with its extra hub",
            got=str(error),
            todo="pip install 'pauca[hub]'",
        ) from None


def _loaded(kind: Any, folder: Path) -> Any:
    """A model or tokenizer from its folder, and from nowhere else."""
    try:
        # layers that the folder has no weights for (a pooler that is not read) are drawn
        with isolated(generator_from(0)):
            return kind.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise DataError(
            f"{kind.__name__} finds nothing to load",
            expected="a folder made by save_pretrained",
            got=" ".join(str(error).split())[:300],
            where=folder,
            todo="save model (and, for texts, tokenizer) there",
        ) from None


def _preprocessing(folder: Path) -> Mapping[str, Any]:
    """What the model's folder says of how images are prepared; nothing where it says nothing."""
    file = folder / "preprocessor_config.json"
    if not file.exists():
        return {}
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            "the preprocessing cannot be read",
            got=str(error),
            where=file,
            todo="save it again with save_pretrained",
        ) from None
    return found if isinstance(found, Mapping) else {}


def _sides(size: Any) -> tuple[int, int] | None:
    """(height, width) from what a configuration says of a size."""
    if isinstance(size, Mapping):
        edge = size.get("shortest_edge")
        high, wide = size.get("height", edge), size.get("width", edge)
        return None if high is None or wide is None else (int(high), int(wide))
    if isinstance(size, Sequence) and len(size) == 2:
        return int(size[0]), int(size[1])
    return None if size is None else (int(size), int(size))
