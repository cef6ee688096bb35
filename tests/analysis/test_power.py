import math
from functools import partial

import pytest
import torch
from torch import Generator, Tensor

from pauca.analysis import DETECTORS, PowerRecord, measure_power, planted
from pauca.analysis.power import coactivation_by_class
from pauca.errors import InputError
from pauca.rng import generator_from

draw = partial(planted, 400, 60, [6] * 5)


def of(records: tuple[PowerRecord, ...], detector: str, effect: float) -> list[PowerRecord]:
    return [r for r in records if r.detector == detector and r.effect == effect]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_shares_of_a_record() -> None:
    record = PowerRecord("d", 1.0, 0, planted=10, found=8, hits=6, pairs=110)
    assert (record.power, record.false_discovery, record.false_positive) == (0.6, 0.25, 0.02)
    nothing = PowerRecord("d", 0.0, 0, planted=0, found=0, hits=0, pairs=100)
    assert math.isnan(nothing.power)
    assert nothing.false_discovery == nothing.false_positive == 0


def test_every_detector_sees_the_same_sets_and_the_records_are_tidy() -> None:
    small = partial(planted, 150, 40, [6] * 5)
    records = measure_power(small, [0.0, 2.0], 2, generator=generator_from(0))
    assert len(records) == 2 * 2 * len(DETECTORS)
    assert len({(r.detector, r.effect, r.repetition) for r in records}) == len(records)
    for r in records:
        assert r.planted == (30 if r.effect else 0)
        assert r.pairs == 200
    again = measure_power(small, [0.0, 2.0], 2, generator=generator_from(0))
    assert again == records


def test_noise_is_the_same_for_every_effect_and_differs_between_repetitions() -> None:
    seen: list[Tensor] = []

    def look(x: Tensor, y: Tensor, _: Generator) -> Tensor:
        seen.append(x)
        return torch.zeros(5, 60, dtype=torch.bool)

    measure_power(draw, [0.0, 2.0], 2, generator=generator_from(0), detectors={"look": look})
    same = (seen[0] == seen[1]).float().mean()
    assert same > 0.9  # all but members for their class
    assert not torch.equal(seen[0], seen[1])
    assert (seen[0] > 0).ne(seen[2] > 0).any()


def test_power_rises_with_effect_and_the_statistical_rule_holds_its_rate() -> None:
    records = measure_power(
        draw,
        [0.0, 0.5, 3.0],
        10,
        generator=generator_from(1),
        detectors={"selective": DETECTORS["selective, any effect"]},
    )
    power = [mean([r.power for r in of(records, "selective", e)]) for e in (0.5, 3.0)]
    assert power[0] < power[1]
    assert power[1] > 0.95
    for effect in (0.0, 0.5, 3.0):
        assert mean([r.false_discovery for r in of(records, "selective", effect)]) <= 0.15


def test_gains_deceive_rules_that_compare_units_and_not_the_statistical_one() -> None:
    records = measure_power(
        partial(draw, spread=1.5, active=0.4),
        [2.0],
        4,
        generator=generator_from(0),
        detectors={name: DETECTORS[name] for name in ("ks-mean", "mean-ratio, c = 1", "selective")},
    )
    false = {
        name: mean([r.false_discovery for r in of(records, name, 2.0)])
        for name in DETECTORS
        if of(records, name, 2.0)
    }
    assert false["selective"] < 0.05
    assert false["ks-mean"] > 0.5
    assert false["mean-ratio, c = 1"] > 0.3


def test_labels_only_name_what_was_found_without_them() -> None:
    p = planted(900, 80, [8] * 4 + [0] * 4, generator=generator_from(0), effect=2.0)
    found = coactivation_by_class(p.activations, p.labels, generator_from(1))
    assert torch.equal(found, p.members)
    turned = coactivation_by_class(p.activations, 7 - p.labels, generator_from(1))
    assert torch.equal(turned, found.flip(0))


def test_no_repetition_is_refused() -> None:
    with pytest.raises(InputError, match="repetitions"):
        measure_power(draw, [1.0], 0, generator=generator_from(0))
