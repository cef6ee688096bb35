"""What a study can name: strategies, learners, data sets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pauca.errors import UsageError
from pauca.registry import Registry

__all__ = ["LISTINGS", "Listing", "datasets", "learners", "strategies"]

Row = dict[str, Any]


def strategies() -> list[Row]:
    """Every strategy, by family and name."""
    from pauca.strategies import AbstractStrategy
    from pauca.strategies import strategies as known

    rows = []
    for name in known.names():
        maker = known.get(name)
        found: Any = maker
        if not (isinstance(maker, type) and issubclass(maker, AbstractStrategy)):
            found = known.make(name, {})
        rows.append(
            {
                "name": name,
                "family": found.family,
                "needs": sorted(found.needs),
                "companion": found.companion,
                "cost": found.cost,
                "when": found.when,
                "reference": found.reference,
                "settings": _defaults(known, name),
            }
        )
    return sorted(rows, key=lambda row: (row["family"] != "baseline", row["family"], row["name"]))


def learners() -> list[Row]:
    """Every learner, by name."""
    from pauca.learners import learners as known

    return [
        {
            "name": name,
            "summary": getattr(known.get(name), "summary", ""),
            "reference": getattr(known.get(name), "reference", ""),
            "settings": _defaults(known, name),
        }
        for name in known.names()
    ]


def datasets() -> list[Row]:
    """Every named data set; none is read."""
    from pauca.data import datasets as known
    from pauca.data.catalog import entries

    return [
        {
            "name": entry.name,
            "kind": entry.kind,
            "classes": entry.class_count,
            "summary": entry.summary,
            "source": entry.source,
            "licence": entry.licence,
            "notes": list(entry.notes),
            "settings": _defaults(known, entry.name),
        }
        for entry in entries()
    ]


@dataclass(frozen=True)
class Listing:
    """What is listed, and how it is shown to people.

    Args:
        rows: Makes the rows.
        columns: Keys of the line of a row.
        below: Labels of the lines under it, and their keys.
    """

    rows: Callable[[], list[Row]]
    columns: tuple[str, ...]
    below: Mapping[str, str] = field(default_factory=dict)


LISTINGS = {
    "strategies": Listing(
        strategies,
        ("name", "family", "companion", "needs"),
        {"when": "when", "cost": "cost", "source": "reference"},
    ),
    "learners": Listing(learners, ("name", "summary", "reference")),
    "datasets": Listing(datasets, ("name", "kind", "classes", "summary", "licence")),
}
"""Each thing that can be listed, by the word for it on the command line."""


def _defaults(known: Registry[Any], name: str) -> dict[str, Any] | None:
    """Settings with their defaults; None where one has none and must be given."""
    from pydantic_core import to_jsonable_python

    try:
        found: dict[str, Any] = to_jsonable_python(known.resolve(name, {}))
    except UsageError:
        return None
    return found
