"""Units shared between classes, and whether classes that look alike or are confused share more."""

from collections.abc import Mapping
from typing import Any

from torch import Generator, Tensor

from pauca.analysis import Null, class_similarity, confusion, mantel, overlap, total_shared
from pauca.rng import split
from pauca.study.emergence.examined import Examined
from pauca.study.emergence.plain import plain

__all__ = ["alike_classes", "related", "shared"]

_DRAWS = 99


def shared(
    members: Mapping[str, Tensor], live: Tensor, activity: Tensor, generator: Generator
) -> dict[str, Any]:
    """Units shared by every two classes, by definition, beside random sets of live units.

    Args:
        members: By definition, bool [c, u].
        live: Units that can be a member, bool [u].
        activity: Mean activity of each unit, float [u].
        generator: Draws random sets.
    """
    record = {}
    for name, sets in members.items():
        among = live | sets.any(0)
        found = overlap(sets, among=among)
        plainly, matched = split(generator, f"{name} plain", f"{name} matched")
        each: dict[str, Any] = {
            "total": total_shared(sets, draws=_DRAWS, generator=plainly, among=among),
            "matched": total_shared(
                sets, draws=_DRAWS, generator=matched, among=among, activity=activity
            ),
        }
        record[name] = {
            "observed": plain(found.observed),
            "expected": plain(found.expected),
            "live": found.units,
            **{kind: _null(null) for kind, null in each.items()},
        }
    return record


def _null(null: Null[float]) -> dict[str, float]:
    return {key: getattr(null, key) for key in ("observed", "mean", "low", "high", "p")}


def alike_classes(exam: Examined) -> dict[str, Tensor]:
    """How alike classes look, and how often they are taken for each other, float64 [c, c]."""
    seen, tested = exam.defined, exam.tested
    return {
        "pixels": class_similarity(seen.x, seen.y),
        "confusion": confusion(tested.predicted, tested.y, exam.c),
    }


def related(
    members: Mapping[str, Tensor],
    live: Tensor,
    matrices: Mapping[str, Tensor],
    generator: Generator,
) -> dict[str, Any]:
    """Mantel tests of the overlap ratio against these matrices, by definition."""
    record: dict[str, Any] = {}
    for name, sets in members.items():
        ratio = overlap(sets, among=live | sets.any(0)).ratio
        record[name] = {}
        for other, matrix in matrices.items():
            (draws,) = split(generator, f"{name} {other}")
            found = mantel(ratio, matrix, draws=1999, generator=draws)
            record[name][other] = {"correlation": found.correlation, "p": found.p}
    return record
