"""Features of a Forward-Forward net that learned from a training part without labels."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from pauca.data.dataset import Dataset
from pauca.errors import DataError, InputError, UnknownNameError, UsageError
from pauca.features import featured, resolve_features
from pauca.features.forward_forward import ForwardForwardFeatures
from pauca.forward import (
    Difference,
    ForwardNet,
    HybridMask,
    Items,
    MeanOfSquares,
    Plan,
    Simultaneous,
    label_codes,
    normalisations,
    train,
)
from pauca.rng import generator_from, split
from pauca.testing import check_dataset
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset

_IMAGES, _TABLE = tiny_image_dataset(40), tiny_table_dataset(40)
_SMALL = {"name": "forward-forward", "widths": [12, 8], "steps": 30, "batch": 16}


@pytest.mark.parametrize("data", [_IMAGES, _TABLE], ids=["images", "table"])
@pytest.mark.parametrize("kind", ["self-contrastive", "hybrid-mask"])
def test_a_data_set_of_units(data: Dataset, kind: str) -> None:
    found = featured(data, {**_SMALL, "negatives": kind})
    check_dataset(found)
    assert found.train.x.shape == (len(data.train), 20)
    assert bool((found.train.x >= 0).all())
    assert float(found.train.x.std()) > 0
    assert kind in found.notes[-1]
    assert "without labels" in found.notes[-1]


def test_they_are_the_activities_of_the_net_that_its_parts_make() -> None:
    """The same training put together by hand."""
    found = featured(_IMAGES, {**_SMALL, "negatives": "hybrid-mask", "standardise": False})
    task, x = _IMAGES.task, _IMAGES.train.x
    weights, stream = split(generator_from(0), "weights", "training")
    channels = task.shape[0]
    code = label_codes.make(
        "none", {}, shape=task.shape, classes=task.c, on=[1.0] * channels, off=[0.0] * channels
    )
    net = ForwardNet(
        code,
        (12, 8),
        goodness=MeanOfSquares(),
        normalisation=normalisations.make("rms", {}),
        generator=weights,
    )
    seen = task.evaluate(x, None).flatten(1)
    items = Items(seen, torch.zeros(len(x), dtype=torch.int64), lambda b: b, shape=task.shape)
    train(
        net,
        items,
        schedule=Simultaneous(),
        loss=Difference(),
        negatives=HybridMask(),
        plan=Plan(steps=30, rate=0.003, batch=16, decay="linear"),
        generator=stream,
    )
    with torch.no_grad():
        layers = net(seen, torch.full((len(x),), code.absent))
    torch.testing.assert_close(found.train.x, torch.cat(layers, dim=1), rtol=1e-5, atol=1e-6)


def test_no_label_is_read() -> None:
    assert _IMAGES.train.y is not None
    turned = replace(_IMAGES, train=replace(_IMAGES.train, y=_IMAGES.train.y.flip(0)))
    first, second = (featured(data, _SMALL).train.x for data in (_IMAGES, turned))
    assert torch.equal(first, second)


def test_an_items_features_do_not_depend_on_the_other_test_items() -> None:
    assert _IMAGES.test is not None
    whole = featured(_IMAGES, _SMALL).test
    y = _IMAGES.test.y
    part = replace(_IMAGES.test, x=_IMAGES.test.x[:3], y=None if y is None else y[:3], groups=None)
    few = featured(replace(_IMAGES, test=part), _SMALL).test
    assert whole is not None
    assert few is not None
    torch.testing.assert_close(few.x, whole.x[:3])


def test_another_seed_is_another_net_and_the_same_the_same() -> None:
    first, again, other = (
        featured(replace(_IMAGES), {**_SMALL, "seed": seed}).train.x for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_setting_is_written_down() -> None:
    whole = json.loads(json.dumps(resolve_features("forward-forward")))
    assert whole["negatives"] == "self-contrastive"
    assert whole["loss"] == "difference"
    assert resolve_features(whole) == resolve_features("forward-forward")


@pytest.mark.parametrize(
    ("setting", "error", "word"),
    [
        ({"negatives": "random"}, UsageError, "negatives"),
        ({"loss": "differences"}, UnknownNameError, "difference"),
        ({"goodness": "channel-wise"}, UsageError, "goodness"),
        ({"schedule": "greedy", "steps": 1}, InputError, "steps"),
        ({"batch": 1}, UsageError, "batch"),
        ({"widths": []}, UsageError, "widths"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    setting: dict[str, Any], error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        featured(_IMAGES, {**_SMALL, **setting})


def test_a_single_item_is_refused() -> None:
    assert _IMAGES.train.y is not None
    split_ = replace(_IMAGES.train, x=_IMAGES.train.x[:1], y=_IMAGES.train.y[:1], groups=None)
    with pytest.raises(DataError, match="too few items"):
        ForwardForwardFeatures(steps=2).extract(replace(_IMAGES, train=split_), torch.device("cpu"))
