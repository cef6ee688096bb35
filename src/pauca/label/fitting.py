"""What was fitted on a pool, kept beside its features, so that further items get the same ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.data.augment import Normalise, Pipeline
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.features import tf_idf
from pauca.data.own import plain_images
from pauca.errors import DataError, PaucaError
from pauca.features import AbstractExtractor, extractors
from pauca.features.base import device_of
from pauca.files import pack, read_bytes, unpack
from pauca.label.atomic import new_file
from pauca.label.intake import AbstractIntake, TextIntake, intake_of
from pauca.label.items import ANEW

__all__ = ["FIT", "FitState", "kept_words", "read_fit", "write_fit"]

FIT = "features.fit"
"""The file of what was fitted on a project's items."""

_KINDS = ("image", "text", "table", "embedding")


@dataclass(frozen=True, eq=False)
class FitState:
    """How an item becomes a row of features, as it was fitted on a pool.

    Args:
        intake: How items are read.
        choice: Name and settings of the features.
        state: What was fitted, as far as there is any: ``words`` (terms and weights of tf-idf),
            ``directions`` of lsa, ``extractor`` (its own), ``identity`` of what computes,
            ``normalise`` (pixels), ``standardise`` (the features).
        d: Numbers of a row.
    """

    intake: AbstractIntake
    choice: Mapping[str, Any]
    state: Mapping[str, Any] = field(default_factory=dict)
    d: int = 0

    def features(self, block: Sequence[str] | Tensor, device: str = "cpu") -> Tensor:
        """Features of items as the intake gives them, float32 [b, d].

        Raises:
            CapabilityError: the features do not keep what they fitted; a package is missing.
            DataError: what computes is not what it was.
        """
        name = self.choice["name"]
        if name == "rows":
            assert isinstance(block, Tensor)
            x = block
        elif name in ("tf-idf", "lsa"):
            x = self._words(block)
        else:
            x = self._extractor.apply(
                self.state.get("extractor"), self._dataset(block), device_of(device)
            )
        scale = self.state.get("standardise")
        if scale is not None:
            x = torch.from_numpy((x.numpy() - scale["mean"]) / scale["scale"])
        return x.float()

    def plain(self) -> dict[str, Any]:
        """Plain values and arrays, which ``of`` takes."""
        return {
            "kind": self.intake.kind,
            "intake": self.intake.plain(),
            "choice": dict(self.choice),
            "state": dict(self.state),
            "d": self.d,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "FitState":
        """From what ``plain`` gave.

        Raises:
            Exception: whatever values of another form lead to.
        """
        kind, d, state = plain["kind"], plain["d"], plain["state"]
        if kind not in _KINDS or type(d) is not int or d < 1 or not isinstance(state, Mapping):
            raise ValueError("kind, d or state of another form")
        if not isinstance(plain["choice"]["name"], str):
            raise ValueError("features without a name")
        return cls(intake_of(kind, plain["intake"]), plain["choice"], state, d)

    def at(self, path: Path) -> "FitState":
        """The same with the folder of a backbone somewhere else."""
        return replace(self, choice={**self.choice, "path": str(path)})

    def check(self) -> None:
        """Try it on one item, unless a backbone would have to be run.

        Raises:
            Exception: whatever a state of another form leads to.
        """
        probe = self.intake.probe()
        if self.choice["name"] in ("rows", "tf-idf", "lsa") or not self._unchecked.frozen:
            found = self.features(probe)
            if tuple(found.shape) != (1, self.d):
                raise ValueError(f"features {list(found.shape)[:4]} where {self.d} are said")

    def _words(self, block: Sequence[str] | Tensor) -> Tensor:
        weights = self._vectoriser.transform(list(block))
        directions = self.state.get("directions")
        if directions is None:
            return torch.from_numpy(weights.toarray())
        return torch.from_numpy(weights @ directions.T)

    @cached_property
    def _vectoriser(self) -> Any:
        kept = self.state["words"]
        made = tf_idf(len(kept["terms"]), characters=bool(kept["characters"]))
        made.set_params(vocabulary=list(kept["terms"]))
        made.idf_ = np.asarray(kept["idf"])
        return made

    @cached_property
    def _unchecked(self) -> AbstractExtractor:
        settings = {key: value for key, value in self.choice.items() if key != "name"}
        return extractors.make(self.choice["name"], settings)

    @cached_property
    def _extractor(self) -> AbstractExtractor:
        """What computes, if it is the same as it was.

        Raises:
            DataError: it is another.
        """
        made = self._unchecked
        kept = self.state.get("identity", {})
        found = made.identity() if kept else {}
        if found != kept:
            raise DataError(
                f"what computes features {made.name!r} is not what the model was trained with",
                expected=_said(kept),
                got=_said(found),
                where=self.choice.get("path"),
                todo="put the same files back, or name their folder: load(path, encoder=FOLDER)",
            )
        return made

    def _dataset(self, block: Sequence[str] | Tensor) -> Dataset:
        """A block as a data set without labels."""
        if isinstance(self.intake, TextIntake):
            texts = tuple(map(str, block))
            beside = "words" in self.state
            x = self._words(texts) if beside else torch.zeros(len(texts), 1)
            none = Pipeline()
            task = Task("items", "text", (x.shape[1],), (), none, none)
            return Dataset(task, Split(x, None, sources=texts), None)
        assert isinstance(block, Tensor)
        kept = self.state.get("normalise")
        seen = Pipeline()
        if kept is not None:
            seen = plain_images(Normalise(tuple(kept["mean"]), tuple(kept["std"])))
        task = Task("items", self.intake.kind, tuple(block.shape[1:]), (), seen, seen)
        return Dataset(task, Split(block, None), None)


def kept_words(vectoriser: Any) -> dict[str, Any]:
    """What a fitted vectoriser of tf-idf has to keep."""
    return {
        "terms": vectoriser.get_feature_names_out().tolist(),
        "idf": np.asarray(vectoriser.idf_),
        "characters": vectoriser.analyzer == "char",
    }


def write_fit(folder: Path, fit: FitState) -> None:
    """Keep it in the project's folder."""
    with new_file(folder / FIT, force=True) as draft:
        draft.write_bytes(pack(fit.plain()))


def read_fit(folder: Path) -> FitState:
    """What was fitted on the items of a project.

    Raises:
        DataError: the file is damaged; or the project is older than such files.
    """
    path, what = folder / FIT, "what was fitted on the items cannot be read"
    if not path.exists():
        raise DataError(
            "the project does not hold what its features were fitted to",
            expected=f"a file {FIT}, which projects have that are made by this version",
            got="none",
            where=folder,
            todo=ANEW,
        )
    plain = unpack(read_bytes(path, what, ANEW), path, what, ANEW)
    try:
        fit = FitState.of(plain)
        fit.check()
    except Exception as error:  # values of another form may lead to any
        got = f"{error.what}: {error.got}" if isinstance(error, PaucaError) else repr(error)
        raise DataError(
            what,
            expected="what this version of pauca fits",
            got=" ".join(got.split())[:300],
            where=path,
            todo=ANEW,
        ) from None
    return fit


def _said(identity: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}"[:60] for key, value in identity.items()) or "nothing known"
