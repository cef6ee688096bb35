"""What a project is set to: project.toml, whose keys, types and ranges are checked."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pauca.data.columns import Missing
from pauca.errors import UsageError
from pauca.study.toml import to_toml

__all__ = ["ProjectSettings", "Source", "read_settings", "write_settings"]

Count = Annotated[int, Field(ge=1, lt=2**31)]
Share = Annotated[float, Field(ge=0, le=1)]


def _named(choice: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(choice.get("name"), str):
        raise ValueError("a name is missing")
    return choice


Chosen = Annotated[dict[str, Any], AfterValidator(_named)]


class _Frozen(BaseModel):
    """Never changes, knows its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Frozen):
    """Where the items are from.

    Args:
        path: Folder or file.
        format: Name of one of ``pauca.formats``.
        kind: image, text, table or embedding.
        items: How many there are.
        fingerprint: sha256 of the file, or of the names and sizes of a folder's images.
        text: Column of the texts, or several that are joined.
        label: Column of the labels that are known.
        id: Column of the ids.
        image: Column of the images.
        features: Columns of numbers.
        missing: What an empty cell of a number column does.
        size: Side of the square that images are read at for their features.
        vocabulary: At most this many words for tf-idf.
        read: Further options of ``pauca.load_dataset`` that the file was read with.
        levels: The values of images of more than 8 bits a pixel that become 0 and 255.
    """

    path: str
    format: str
    kind: Literal["image", "text", "table", "embedding"]
    items: Count
    fingerprint: str
    text: str | tuple[str, ...] | None = None
    label: str | None = None
    id: str | None = None
    image: str | None = None
    features: tuple[str, ...] | None = None
    missing: Missing = "refuse"
    size: Count | None = None
    vocabulary: Count = 4096
    read: dict[str, Any] | None = None
    levels: tuple[float, float] | None = None


class ProjectSettings(_Frozen):
    """Everything that decides what a project does. All but the source and the features may change.

    Args:
        name: Of the project.
        source: Where the items are from.
        features: Name and settings of what turns items into features.
        learner: Name and settings of what learns.
        strategy: Name and settings of what chooses, once every class was seen.
        batch: Items chosen at a time.
        random_share: Share of what is asked for that is a random sample of the whole pool.
        overlap: Answers an item gets, by as many people.
        seed: Of every random number.
        folds: Parts of the cross-validation.
        candidates: Most items that a strategy looks at in one round.
        cold_labels: Labels a class, on average, after which the strategy takes over though some
            class was never seen.
        duplicates: Cosine similarity from which items count as near-duplicates.
        device: Where to compute.
        target: Accuracy that is wanted, or None.
        budget: Labels that may be spent, or None.
        tolerance: Gain in accuracy by the later half of the labels that is not worth them.
        wanted: Name of a class whose items are to be found, or None.
        recall: Share of them that is to be found, or None.
    """

    name: str
    source: Source
    features: Chosen
    learner: Chosen = Field(default_factory=lambda: {"name": "probe"})
    strategy: Chosen = Field(default_factory=lambda: {"name": "margin"})
    batch: Count = 20
    random_share: Share = 0.1
    overlap: Count = 1
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    folds: Annotated[int, Field(ge=2, lt=2**31)] = 5
    candidates: Annotated[int, Field(ge=100, lt=2**31)] = 50_000
    cold_labels: Count = 3
    duplicates: Annotated[float, Field(gt=0, le=1)] = 0.95
    device: str = "cpu"
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    budget: Count | None = None
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.02
    wanted: str | None = None
    recall: Annotated[float, Field(gt=0, le=1)] | None = None


def read_settings(path: Path) -> ProjectSettings:
    """The settings of a project.

    Raises:
        UsageError: no such file; not TOML; an unknown key, or a value that does not fit.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(None, "something else than a file")
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            "there is no project here",
            expected=f"a file {path.name}",
            got=error.strerror,
            where=path.parent,
            todo="`pauca label init DATA --classes a,b --out PROJECT` makes one",
        ) from None
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number without end
        raise UsageError(
            "the file is not TOML",
            got=str(error)[:200],
            where=path,
            todo="mend the line, or put back a copy",
        ) from None
    return settings_from(raw, str(path))


def settings_from(raw: Mapping[str, Any], where: str) -> ProjectSettings:
    """Settings from plain values.

    Raises:
        UsageError: an unknown key, or a value that does not fit.
    """
    try:
        return ProjectSettings.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"setting {key!r}: {first['msg']}",
            got=None if first["type"] == "missing" else repr(first["input"])[:200],
            where=where,
            todo="correct it, or leave it out for the default",
        ) from None


def write_settings(path: Path, settings: ProjectSettings) -> None:
    """The settings as TOML."""
    path.write_text(to_toml(settings.model_dump(mode="json")), encoding="utf-8")
