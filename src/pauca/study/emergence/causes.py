"""What ensembles do: lesions, drive and pruning."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any, get_args

import torch
from torch import Tensor

from pauca.analysis import (
    Against,
    Dominance,
    Removal,
    dominance,
    drive_matrix,
    lesion_matrix,
    pruning_curve,
    removal_order,
)
from pauca.study.emergence.examined import Examined, Shown
from pauca.study.emergence.finders import SELECTIVE
from pauca.study.emergence.plain import plain

__all__ = ["drives", "lesions", "prunings", "removal_orders"]

Members = Mapping[str, Tensor]

_LESIONED, _DRIVEN, _PRUNED = 200, 200, 500  # test items
_DRAWS, _HALVES = 10, 5
_SHARES = (1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02)


def lesions(exam: Examined, members: Mapping[str, Members]) -> dict[str, Any]:
    """The ensemble of each class silenced in turn, by layer."""
    shown, record = _first(exam.tested, _LESIONED), {}
    for layer, by_definition in members.items():
        found = lesion_matrix(
            exam.subject,
            shown.x,
            shown.y,
            by_definition[SELECTIVE],
            layer=layer,
            generator=exam.draws("lesions", layer),
            draws=_DRAWS,
        )
        kinds = {"by_size": found.by_size, "by_activity": found.by_activity}
        record[layer] = {
            **_how(exam, len(shown.y)),
            "base": plain(found.base),
            "drop": plain(found.drop),
            "size": plain(found.size),
            **{kind: _against(each) for kind, each in kinds.items()},
            "dominance": {
                kind: _dominance(dominance(each.excess, generator=exam.draws("rows", layer, kind)))
                for kind, each in kinds.items()
            },
        }
    return record


def drives(exam: Examined, members: Mapping[str, Members]) -> dict[str, Any]:
    """Half of an ensemble held active, the next layer watched, by ``layer>next layer``."""
    shown, record = _first(exam.tested, _DRIVEN), {}
    for layer, read in pairwise(members):
        found = drive_matrix(
            exam.subject,
            shown.x,
            shown.y,
            members[layer][SELECTIVE],
            members[read][SELECTIVE],
            layer=layer,
            read=read,
            generator=exam.draws("drive", layer),
            draws=_HALVES,
        )
        parts = {"units": found.units, "answers": found.answers}
        record[f"{layer}>{read}"] = {
            **_how(exam, len(shown.y), _HALVES),
            "driven": plain(found.driven),
            **{
                part: {"change": plain(each.change), "excess": plain(each.by_activity.excess)}
                for part, each in parts.items()
            },
            "dominance": {
                part: _dominance(
                    dominance(each.by_activity.excess, generator=exam.draws("rows", layer, part))
                )
                for part, each in parts.items()
            },
        }
    return record


def removal_orders(exam: Examined, layer: str, h: Tensor) -> dict[str, Tensor]:
    """Units of a layer in the order in which they go, int64 [u], by what goes first.

    Args:
        exam: The learner.
        layer: Which.
        h: Its activity on the defining items, float [n, u].
    """
    y = exam.defined.y
    return {
        order: removal_order(h, order, labels=y, generator=exam.draws("pruning", order, layer))
        for order in get_args(Removal)
    }


def prunings(exam: Examined, orders: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Any]:
    """Accuracy while ever fewer units are kept in all layers, by what goes first.

    Args:
        exam: The learner.
        orders: By layer and by what goes first.
    """
    shown, record = _first(exam.tested, _PRUNED), {}
    for first in get_args(Removal):
        each = {layer: by_first[first] for layer, by_first in orders.items()}
        points = pruning_curve(exam.subject, shown.x, shown.y, each, shares=_SHARES)
        record[first] = {
            "kept": plain([point.kept for point in points]),
            "accuracy": plain([point.accuracy for point in points]),
            "items": len(shown.y),
        }
    return record


def _how(exam: Examined, items: int, draws: int = _DRAWS) -> dict[str, Any]:
    return {"condition": exam.usual, "definition": SELECTIVE, "items": items, "draws": draws}


def _first(shown: Shown, count: int) -> Shown:
    """The first items; they are in random order."""
    return shown.take(torch.arange(min(count, len(shown.y))))


def _against(found: Against[Tensor]) -> dict[str, Any]:
    return {key: plain(getattr(found, key)) for key in ("mean", "excess", "p")}


def _dominance(found: Dominance) -> dict[str, Any]:
    between = asdict(found.difference)
    return {
        "own": found.own.mean,
        "others": found.others.mean,
        "difference": found.difference.mean,
        "low": between["low"],
        "high": between["high"],
        "p": found.p,
    }
