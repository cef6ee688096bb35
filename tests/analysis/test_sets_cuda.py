"""Functions on ensembles give on a GPU what they give on the CPU; skipped without a GPU."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.analysis import (
    activity_matched_sets,
    bootstrap_membership,
    class_means,
    class_similarity,
    combine_overlaps,
    confusion,
    dendrogram,
    group_contrast,
    jaccard_distances,
    mantel,
    match_units,
    null_distribution,
    overlap,
    random_sets,
    seed_stability,
    shuffle_labels,
    shuffle_units,
    split_half,
    total_shared,
)
from pauca.rng import generator_from

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def everything(device: str) -> dict[str, Any]:
    generator = generator_from(0)
    x = torch.rand(60, 24, generator=generator, dtype=torch.float64).to(device)
    y = (torch.arange(60) % 4).to(device)
    said = torch.randint(0, 4, (60,), generator=generator).to(device)

    def detector(part: Tensor, labels: Tensor) -> Tensor:
        means = class_means(part, labels)
        return means > means.mean() + 0.03

    sets, profiles = detector(x, y), class_means(x, y)
    nets = [overlap(sets), overlap(sets.roll(3, 1))]
    return {
        "labels": shuffle_labels(y, generator),
        "units": shuffle_units(x, generator),
        "sets": random_sets(sets.sum(1), 24, generator),
        "matched sets": activity_matched_sets(sets, x.mean(0), generator),
        "null": null_distribution(
            lambda g: shuffle_units(x, g).var(1), x.var(1), draws=5, generator=generator
        ),
        "match": match_units(x, x.roll(5, 1)),
        "halves": split_half(detector, x, y, halves=3, generator=generator),
        "bootstrap": bootstrap_membership(detector, x, y, draws=3, generator=generator),
        "seeds": seed_stability(
            [profiles, profiles.roll(2, 1)], [sets, sets], draws=2, generator=generator
        ),
        "overlap": nets[1],
        "combined": combine_overlaps(nets),
        "total": total_shared(sets, draws=5, generator=generator, activity=x.mean(0)),
        "tree": dendrogram(jaccard_distances(sets)),
        "mantel": mantel(class_similarity(x, y), confusion(said, y, 4), generator=generator),
        "groups": group_contrast(nets[0].ratio, [0, 0, 1, 2], generator=generator),
    }


def assert_same(here: Any, there: Any, name: str) -> None:
    if isinstance(here, Tensor):
        assert there.device.type == "cuda", name
        assert torch.allclose(here.double(), there.cpu().double(), equal_nan=True), name
    elif dataclasses.is_dataclass(here):
        for field in dataclasses.fields(here):
            one, other = (getattr(x, field.name) for x in (here, there))
            assert_same(one, other, f"{name}.{field.name}")
    elif isinstance(here, float):
        assert there == pytest.approx(here, nan_ok=True), name
    elif isinstance(here, tuple):
        for one, other in zip(here, there, strict=True):
            assert_same(one, other, name)


def test_everything_is_as_on_the_cpu() -> None:
    here, there = everything("cpu"), everything("cuda")
    for name, result in here.items():
        assert_same(result, there[name], name)
