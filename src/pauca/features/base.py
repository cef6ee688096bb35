"""What every extractor of features is, and the data set that comes of it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from pauca.checks import check_finite, check_size
from pauca.data.augment import Pipeline, Standardise
from pauca.data.dataset import Dataset, Split, Task, Transform
from pauca.data.sparse import as_dense
from pauca.errors import CapabilityError, InputError, UsageError
from pauca.registry import Registry

__all__ = [
    "AbstractExtractor",
    "Extracted",
    "device_of",
    "extractors",
    "featured",
    "inputs",
    "resolve_features",
    "transform_of",
]

extractors: Registry["AbstractExtractor"] = Registry("features", "pauca.features", "extractors")
"""Every extractor by name; a new file in pauca/features/ that registers one is found by itself."""

_NUMBERS = 2**22  # of transformed items at once
_made: WeakKeyDictionary[Dataset, dict[str, Dataset]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Extracted:
    """Features of both parts.

    Args:
        train: float32 [n, d].
        test: float32 [t, d], or None without a test part.
        transform: For a batch of either.
        notes: What was done.
        state: What was fitted, as plain values and tensors: ``apply`` takes it. None where that is
            not kept, or nothing is fitted.
    """

    train: Tensor
    test: Tensor | None
    transform: Transform
    notes: tuple[str, ...] = field(default=())
    state: Mapping[str, Any] | None = None


class AbstractExtractor(ABC):
    """Turns every item of a data set into a row of numbers, without a look at any label.

    What is fitted is fitted on the training part alone. Settings are the keyword arguments of the
    constructor; one called ``path`` names a file or a folder.

    Class attributes:
        name: Lower case with hyphens.
        summary: One sentence on what it is.
        reference: Authors, venue, year.
        frozen: Whether nothing is fitted, so that an item's features follow from the item and the
            settings alone.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    frozen: ClassVar[bool] = False

    def identity(self) -> dict[str, str]:
        """What settings do not tell of what computes: version and digest of its weights, by name.

        Raises:
            DataError: a file is not there.
        """
        return {}

    def apply(
        self, state: Mapping[str, Any] | None, dataset: Dataset, device: torch.device
    ) -> Tensor:
        """Features of the training part as they were fitted before, float32 [n, d].

        Args:
            state: Of what ``extract`` gave then.
            dataset: Other items of the same form.
            device: Where to compute.

        Raises:
            CapabilityError: what was fitted is not kept.
            DataError: a file is not there, or does not fit the items.
        """
        if not self.frozen:
            raise CapabilityError(
                f"features {self.name!r} do not keep what they fitted",
                expected="features that can be computed for further items",
                got=self.name,
                todo="make the project with other features: pca, tf-idf, rows, net, transformers",
            )
        return self.extract(dataset, device).train

    @abstractmethod
    def extract(self, dataset: Dataset, device: torch.device) -> Extracted:
        """Features of every item of both parts, the same at every call.

        Args:
            dataset: Whose items.
            device: Where to compute, for those that run a net.

        Raises:
            DataError: a file is not there, or does not fit the data set.
            CapabilityError: a package is missing.
            InputError: the items have a form that this extractor does not read.
        """


def resolve_features(
    choice: str | Mapping[str, Any], *, folder: Path | None = None
) -> dict[str, Any]:
    """The choice of features with every setting, defaults included; no data are read.

    Applied to its own answer it changes nothing.

    Args:
        choice: A name, or ``name`` and settings, such as {"name": "pca", "dimensions": 64}.
        folder: Where a relative ``path`` starts; it then comes out as an absolute one. As it is
            if None.

    Raises:
        UnknownNameError: no such extractor or setting; the nearest known one is named.
        UsageError: no name, a setting that is missing, or a value that does not fit.
    """
    given = {"name": choice} if isinstance(choice, str) else choice
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise UsageError(
            "the features are not named",
            expected="a name, or a table with the key name",
            got=repr(choice),
            where="features",
            todo=f"choose one of: {', '.join(extractors.names())}",
        )
    name = str(given["name"])
    whole = extractors.resolve(name, {key: v for key, v in given.items() if key != "name"})
    if folder is not None and "path" in whole:
        whole["path"] = str((folder / Path(str(whole["path"])).expanduser()).resolve())
    return {"name": name, **whole}


def featured(dataset: Dataset, choice: str | Mapping[str, Any], *, device: str = "cpu") -> Dataset:
    """The data set with frozen features in place of its items; computed once a process.

    Same name, classes, labels, groups, sources and order of the items. The transforms are without
    randomness: there is no augmentation of features.

    Args:
        dataset: Images, texts or rows.
        choice: As for ``resolve_features``.
        device: Where an extractor that runs a net computes.

    Returns:
        Kind embedding, x float32 [n, d]; its notes say what was done.

    Raises:
        UnknownNameError: no such extractor or setting; the nearest known one is named.
        UsageError: a value that does not fit; an unknown device.
        DataError: a file is not there, or does not fit the data set.
        CapabilityError: a package is missing.
        InputError: the items have a form that the extractor does not read.
    """
    whole = resolve_features(choice)
    key = f"{device} {json.dumps(whole, sort_keys=True, default=list)}"
    kept = _made.setdefault(dataset, {})
    if key not in kept:
        settings = {name: value for name, value in whole.items() if name != "name"}
        made = extractors.make(whole["name"], settings)
        kept[key] = _with(dataset, made.extract(dataset, device_of(device)))
    return kept[key]


def inputs(task: Task, x: Tensor, *, most: int | None = None) -> Iterator[Tensor]:
    """Stored items [n, ...] after the evaluation transform, in blocks [b, ...] with few numbers.

    Args:
        task: Whose transform.
        x: Stored items.
        most: At most this many items a block.
    """
    size = max(1, _NUMBERS // max(1, prod(task.shape)))
    for part in torch.split(x, size if most is None else min(size, most)):
        yield task.evaluate(as_dense(part), None)


def transform_of(train: Tensor, standardise: bool) -> tuple[Transform, str]:
    """The transform of features float [n, d], and what is said of it."""
    if standardise:
        said = "standardised (mean 0, deviation 1 over the training part) by the transform"
        return Pipeline((Standardise.of(train),)), said
    return Pipeline(), "not standardised"


def device_of(name: str) -> torch.device:
    """The device of this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return torch.device(name)
    except RuntimeError:
        raise UsageError(
            "unknown device",
            expected="cpu, cuda, cuda:0, ...",
            got=repr(name)[:200],
            todo="name one that this machine has; cpu is everywhere",
        ) from None


def _with(dataset: Dataset, found: Extracted) -> Dataset:
    """The data set with these features."""
    d = found.train.shape[1]
    task = replace(
        dataset.task,
        kind="embedding",
        shape=(d,),
        evaluate=found.transform,
        train=found.transform,
    )
    if (dataset.test is None) != (found.test is None):
        raise InputError(
            "features do not fit the parts",
            expected="one for each part",
            todo="compute them again from the same data set",
        )
    return replace(
        dataset,
        task=task,
        train=_split(dataset.train, found.train, "train"),
        test=None if dataset.test is None else _split(dataset.test, found.test, "test"),
        notes=(*dataset.notes, *found.notes),
    )


def _split(split: Split, x: Tensor | None, where: str) -> Split:
    assert x is not None
    check_size(x, len(split), f"features of the {where} split")
    x = check_finite(x.to("cpu", torch.float32).contiguous(), f"features of the {where} split")
    return replace(split, x=x)
