"""What excites and what inhibits units, inside ensembles and outside."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.analysis import ablation, class_drives, inside_against_between
from pauca.learners import LabelInput
from pauca.learners.wiring import wiring
from pauca.study.emergence.examined import Examined
from pauca.study.emergence.finders import SELECTIVE
from pauca.study.emergence.plain import plain

__all__ = ["inhibitions"]

_READ, _ASKED = 2000, 500  # items
_BINS = 20
_DRAWS = 5


def inhibitions(
    exam: Examined, members: Mapping[str, Mapping[str, Tensor]], live: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Drives and weights of every fully connected layer, and accuracy without inhibition.

    Args:
        exam: The learner.
        members: By layer and definition, bool [c, u].
        live: Units that answer to any item, by layer, bool [u].
    """
    step = max(1, len(exam.defined.y) // _READ)  # sorted by class: of each class its share
    x, y = exam.defined.x[::step], exam.defined.y[::step]
    label: LabelInput = y if exam.reads_label else "neutral"
    wires, record = wiring(exam.learner, x, label), {}
    below: Tensor | None = None
    for layer, by_definition in members.items():
        own = by_definition[SELECTIVE]
        if layer in wires:
            wire = wires[layer]
            weights, bias = (exam.subject.weight(name) for name in (wire.weight, wire.bias))
            drives = class_drives(weights, bias, wire.inputs, y)
            others = live[layer] & ~own
            record[layer] = {
                "items": len(y),
                **_shares("inhibition", drives.inhibition, own, others),
                **_shares("bias_share", drives.bias_share, own, others),
                "histogram": _histogram(drives.inhibition, own, others),
                **_weights(exam, layer, weights, below, own),
                "ablation": _ablation(exam, layer, wire.weight),
            }
        below = own
    return record


def _shares(name: str, share: Tensor, own: Tensor, others: Tensor) -> dict[str, Any]:
    """Mean share over members of the class's ensemble, and over other live units."""
    return {
        name: {"members": float(share[own].nanmean()), "others": float(share[others].nanmean())}
    }


def _histogram(share: Tensor, own: Tensor, others: Tensor) -> dict[str, Any]:
    edges = torch.linspace(0, 1, _BINS + 1)
    return {"edges": plain(edges), **_counts(edges, members=share[own], others=share[others])}


def _counts(edges: Tensor, **values: Tensor) -> dict[str, Any]:
    """How many values in each bin, by name."""
    return {
        name: plain(torch.histogram(each[~each.isnan()].cpu().float(), edges).hist.long())
        for name, each in values.items()
    }


def _weights(
    exam: Examined, layer: str, weights: Tensor, below: Tensor | None, own: Tensor
) -> dict[str, Any]:
    """Weights between ensembles of one class and of two, from the layer below."""
    if below is None or not (below.any() and own.any()):
        return {"weights": None, "inside_between": None}
    found = inside_against_between(
        weights, below, own, generator=exam.draws("weights", layer), draws=200
    )
    # of every unit above to every unit below, whether they have an ensemble in common, and any
    common = own.T.float() @ below.float() > 0
    any_two = own.any(0)[:, None] & below.any(0)
    edge = float(np.quantile(weights[any_two].abs().cpu().numpy(), 0.999))
    edges = torch.linspace(-edge, edge, 41)
    counts = _counts(edges, inside=weights[any_two & common], between=weights[any_two & ~common])
    return {
        "weights": {"edges": plain(edges), **counts},
        "inside_between": {
            key: getattr(found, key) for key in ("inside", "between", "d", "delta", "p")
        },
    }


def _ablation(exam: Examined, layer: str, weight: str) -> dict[str, Any]:
    found = ablation(
        exam.subject,
        exam.tested.x[:_ASKED],
        exam.tested.y[:_ASKED],
        weight,
        generator=exam.draws("ablation", layer),
        draws=_DRAWS,
    )
    return {
        "items": min(_ASKED, len(exam.tested.y)),
        "base": found.base,
        "negative": found.negative,
        "positive": plain(found.positive),
        "random": plain(found.random),
        "share": found.share,
    }
