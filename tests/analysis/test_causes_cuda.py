"""Lesions, drive, inhibition and unseen categories give on a GPU what they give on the CPU."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.analysis import (
    ModuleSubject,
    ablation,
    class_drives,
    control_sets,
    dominance,
    draw_episodes,
    drive_matrix,
    formation,
    inside_against_between,
    lesion_matrix,
    nearest_ensemble,
    nearest_mean,
    novelty_auroc,
    overlap_novelty,
    pruning_curve,
    record,
    removal_order,
    shared_units,
    unit_drives,
    weight_blocks,
    without_weights,
)
from pauca.rng import generator_from
from tests.analysis.planted_net import C, linked, planted_items, planted_members
from tests.analysis.test_sets_cuda import assert_same
from tests.analysis.test_unseen import detector, items, seen


def everything(device: str) -> dict[str, Any]:
    def g() -> Any:
        return generator_from(0)

    x, y = (part.to(device) for part in planted_items())
    model, members = linked().to(device), planted_members().to(device)
    followers = torch.eye(C, dtype=torch.bool, device=device).repeat_interleave(2, 1)
    subject = ModuleSubject(model, ["act", "act2"])
    known, told = (part.to(device) for part in seen())
    new = items(4, 16, 9).to(device)
    w: Tensor = model.link.weight.detach() + 0.01
    lesions = lesion_matrix(subject, x, y, members, layer="act", generator=g(), draws=3)
    return {
        "record": record(model, x, ["act"])["act"],
        "lesions": lesions,
        "dominance": dominance(lesions.drop, generator=g(), draws=20),
        "drive": drive_matrix(
            subject, x, y, members, followers, layer="act", read="act2", generator=g(), draws=2
        ),
        "sets": control_sets(members[0], 3, generator=g(), activity=x.mean(0)),
        "order": removal_order(x, "least-selective", labels=y, generator=g()),
        "pruning": pruning_curve(
            subject, x, y, {"act": removal_order(x, "random", generator=g())}, shares=[0.5]
        )[0].accuracy,
        "drives": unit_drives(w, model.link.bias, x),
        "class drives": class_drives(w, model.link.bias, x, y),
        "without": without_weights(w, "random", count=9, generator=g()),
        "ablation": ablation(subject, x, y, "link.weight", generator=g(), draws=2),
        "blocks": weight_blocks(w, members, followers),
        "between": inside_against_between(w, members, followers, generator=g(), draws=9),
        "formation": formation(detector, known, told, new, generator=g(), splits=2, nulls=2),
        "shared": shared_units(members[0] | members[1], members),
        "novelty": overlap_novelty(x, members),
        "auroc": novelty_auroc({"activity": x.sum(1)}, y == 0)["activity"],
        "ensemble": nearest_ensemble(x, draw_episodes(y, shots=2, queries=3, generator=g())),
        "mean": nearest_mean(x, draw_episodes(y, shots=2, queries=3, generator=g())),
    }


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_everything_is_as_on_the_cpu() -> None:
    here, there = everything("cpu"), everything("cuda")
    for name, result in here.items():
        assert_same(result, there[name], name)


def test_the_same_seeds_give_the_same() -> None:
    here, again = everything("cpu"), everything("cpu")
    for name, result in here.items():
        if isinstance(result, Tensor):
            assert torch.equal(result, again[name]), name
