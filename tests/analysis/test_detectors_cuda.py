"""Detectors of ensembles give on a GPU what they give on the CPU; skipped without a GPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.analysis import (
    class_means,
    class_selectivity,
    coactivation,
    d_prime,
    ks_mean,
    ks_mean_members,
    mean_ratio,
    mutual_information,
    one_vs_rest,
    planted,
    selective,
    selectivity_index,
)
from pauca.rng import generator_from

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "class_means": class_means,
    "class_selectivity": class_selectivity,
    "coactivation": lambda x, _: coactivation(x, generator=generator_from(0)),
    "d_prime": d_prime,
    "ks_mean": ks_mean,
    "ks_mean_members": ks_mean_members,
    "ks_mean_members, all": lambda x, y: ks_mean_members(x, y, pairs="all"),
    "ks_mean, all": lambda x, y: ks_mean(x, y, pairs="all"),
    "mean_ratio": mean_ratio,
    "mutual_information": mutual_information,
    "one_vs_rest": one_vs_rest,
    "one_vs_rest, shuffles": lambda x, y: one_vs_rest(
        x, y, permutations=50, generator=generator_from(0)
    ),
    "selective": selective,
    "selectivity_index": selectivity_index,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("labels_on", ["cpu", "cuda"])
def test_as_on_the_cpu(name: str, labels_on: str) -> None:
    p = planted(400, 60, [8] * 5, generator=generator_from(0), effect=2.0, spread=0.5, dead=2)
    function = FUNCTIONS[name]
    here = function(p.activations, p.labels)
    there = function(p.activations.cuda(), p.labels.to(labels_on))
    parts = (
        [(here, there)]
        if isinstance(here, Tensor)
        else zip(_parts(here), _parts(there), strict=True)
    )
    for a, b in parts:
        if isinstance(a, Tensor):
            assert b.device.type == "cuda"
            torch.testing.assert_close(b.cpu(), a, equal_nan=True, rtol=1e-6, atol=1e-9)
        else:
            assert b == pytest.approx(a)


def _parts(record: Any) -> list[Any]:
    return list(vars(record).values())


def test_planted_on_the_gpu() -> None:
    generator = torch.Generator("cuda").manual_seed(0)
    p = planted(300, 40, [5, 6, 7], generator=generator, effect=2.0)
    assert p.activations.device.type == "cuda"
    assert p.members.sum(1).tolist() == [5, 6, 7]
    assert torch.equal(selective(p.activations, p.labels).members, p.members)
