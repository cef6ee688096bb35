"""One study that has the cells of several."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from pauca.study.plan import Classes, plan
from pauca.study.reading import settings_from
from pauca.study.settings import StudySettings

__all__ = ["common", "joined_name", "united"]

_LISTS = ("strategies", "learners")


def united(
    studies: Sequence[StudySettings], classes: Classes, ids: frozenset[str]
) -> StudySettings | None:
    """The study of which these are parts: lists united in order, the larger repetitions.

    None where there is none: the studies differ in something else, or the united study would have
    cells that none of them has.

    Args:
        studies: One or more.
        classes: As for ``plan``.
        ids: The cells of all of them.
    """
    plains = [study.plain() for study in studies]
    whole: dict[str, Any] | None = {**plains[0], "name": joined_name(studies)}
    for other in plains[1:]:
        whole = None if whole is None else _with(whole, {**other, "name": joined_name(studies)})
    if whole is None:
        return None
    settings = settings_from(whole)
    found = {spec.id for spec in plan(settings, classes)}
    return settings if found == ids else None


def common(studies: Sequence[StudySettings]) -> dict[str, Any]:
    """The settings on which all agree, under a name that names all."""
    first, *others = (study.plain() for study in studies)
    agreed = {k: v for k, v in first.items() if all(o.get(k) == v for o in others)}
    return {**agreed, "name": joined_name(studies)}


def joined_name(studies: Sequence[StudySettings]) -> str:
    """Every name once, in order."""
    return " + ".join(dict.fromkeys(study.name for study in studies))


def _with(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any] | None:
    """Both in one; None if they differ in what a study has once only."""
    whole: dict[str, Any] = {}
    for key in dict.fromkeys([*one, *other]):
        a, b = one.get(key), other.get(key)
        if a == b or (_is_section(a) and b is None):
            whole[key] = a
        elif _is_section(b) and a is None:
            whole[key] = b
        else:
            both = _section(a, b) if _is_section(a) and _is_section(b) else None
            if both is None:
                return None
            whole[key] = both
    return whole


def _is_section(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and "repetitions" in value


def _section(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any] | None:
    whole: dict[str, Any] = {}
    for key in dict.fromkeys([*a, *b]):
        if key == "repetitions":
            whole[key] = max(a[key], b[key])
        elif key in _LISTS and key in a and key in b:
            whole[key] = [*a[key], *(one for one in b[key] if one not in a[key])]
        elif a.get(key) == b.get(key):
            whole[key] = a.get(key)
        else:
            return None
    return whole
