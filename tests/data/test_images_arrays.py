"""Images in arrays: what is stored of each kind, and that it is learned from."""

from typing import Any

import numpy as np
import pytest
import torch

from pauca.data import Dataset, Split, Task
from pauca.data.augment import RandomCrop, RandomFlip, RandomRotation, ToFloat
from pauca.data.own import (
    as_pixels,
    image_arrays,
    image_dataset_of_own,
    pixel_statistics,
    plain_images,
)
from pauca.errors import DataError, InputError
from pauca.learners import learners
from pauca.rng import generator_from
from pauca.testing.datasets import check_dataset
from tests.data import small


def floats(seed: int, *shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("c", [1, 3, 4])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_layouts(c: int, kind: Any) -> None:
    first = small.pixels(0, 5, c, 8, 9)
    last = np.ascontiguousarray(first.transpose(0, 2, 3, 1))
    for x in (first, last):
        (found,), notes = image_arrays(kind(x))
        assert found.dtype == torch.uint8
        np.testing.assert_array_equal(found.numpy(), first)
        assert notes == ()
    (grey,), _ = image_arrays(kind(small.pixels(0, 5, 8, 9)))
    assert grey.shape == (5, 1, 8, 9)


def test_channels_in_two_places_are_asked_for() -> None:
    x = small.pixels(0, 5, 4, 7, 3)
    with pytest.raises(DataError, match="two places") as caught:
        image_arrays(x)
    assert caught.value.todo == "say which with channels = 'first' or 'last'"
    assert image_arrays(x, channels="first")[0][0].shape == (5, 4, 7, 3)
    assert image_arrays(x, channels="last")[0][0].shape == (5, 3, 4, 7)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (small.pixels(0, 5, 8, 8, 2), "wrong channels"),
        (small.pixels(0, 5, 8), "wrong form"),
        (small.pixels(0, 5, 2, 3, 4, 5), "wrong form"),
        (np.zeros((0, 4, 4)), "wrong form"),
        (np.array([[["a"]]]), "wrong form"),
        (np.full((2, 3, 3), np.nan), "NaN"),
        (np.array([[[1.0, np.inf]]]), "image 0, channel 0, row 0, column 1"),
    ],
)
def test_arrays_that_are_refused(x: Any, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        image_arrays(x)
    assert caught.value.todo


def test_channels_that_are_not_there() -> None:
    with pytest.raises(DataError, match="wrong channels"):
        image_arrays(small.pixels(0, 5, 3, 8, 8), channels="last")


def test_floats_in_the_unit_range_stay() -> None:
    x = floats(0, 6, 3, 8, 8).astype(np.float32)
    (found,), notes = image_arrays(x)
    np.testing.assert_array_equal(found.numpy(), x)
    assert found.dtype == torch.float32
    assert "kept as floats" in notes[0]


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(-1, 1, np.float64), (0, 4095, np.uint16), (-1000, 3000, np.int16), (0, 16, np.float64)],
)
def test_other_ranges_are_scaled_by_the_range_of_all_parts(low: int, high: int, kind: Any) -> None:
    x = (floats(0, 6, 8, 9) * (high - low) + low).astype(kind)
    x[0, 0, 0] = low
    test = np.full((2, 8, 9), high, kind)
    (train, later), notes = image_arrays(x, test)
    np.testing.assert_allclose(
        train[:, 0].numpy(), (x.astype(float) - low) / (high - low), rtol=1e-6, atol=1e-7
    )
    assert (later == 1).all()
    assert notes == (f"images hold values {low} to {high} ({np.dtype(kind)}): scaled to [0, 1] by "
                     "this range",)  # fmt: skip


@pytest.mark.parametrize("kind", [np.int64, np.float32, np.uint16])
def test_bytes_in_a_larger_type_become_bytes(kind: Any) -> None:
    x = small.pixels(0, 6, 8, 9)
    (found,), notes = image_arrays(x.astype(kind))
    np.testing.assert_array_equal(found[:, 0].numpy(), x)
    assert found.dtype == torch.uint8
    assert "whole numbers, kept as 8 bits" in notes[0]


def test_true_and_false_and_one_value() -> None:
    (found,), notes = image_arrays(small.pixels(0, 6, 8, 9) > 127)
    assert set(found.flatten().tolist()) == {0, 255}
    assert "true and false" in notes[0]
    (flat,), _ = image_arrays(np.full((3, 4, 5), 7.0))
    assert (flat == 0).all()


def test_half_precision_of_torch() -> None:
    (found,), _ = image_arrays(torch.tensor([[[0.25, 1.0]]], dtype=torch.bfloat16))
    assert found.tolist() == [[[[0.25, 1.0]]]]


def test_to_float_leaves_floats_in_the_unit_range() -> None:
    x = torch.from_numpy(floats(0, 2, 1, 4, 4)).float()
    assert torch.equal(ToFloat().apply(x, None), x)
    for wrong in (x * 255, x - 0.9, x * float("nan"), x.long()):
        with pytest.raises(InputError, match="not as stored"):
            ToFloat().apply(wrong, None)


@pytest.mark.parametrize("c", [1, 2, 4])
def test_statistics_of_floats_and_of_any_number_of_channels(c: int) -> None:
    x = floats(0, 40, c, 5, 6) * np.linspace(0.2, 1, c)[:, None, None]
    for stored in (torch.from_numpy(x).float(), torch.from_numpy((x * 255).astype(np.uint8))):
        found = pixel_statistics(stored)
        plain = ToFloat().apply(stored, None).double().numpy()
        np.testing.assert_allclose(found.mean, plain.mean((0, 2, 3)), atol=1e-4)
        np.testing.assert_allclose(found.std, plain.std((0, 2, 3)), atol=1e-4)
        out = plain_images(found)(stored)
        assert out.mean((0, 2, 3)).abs().max() < 1e-3
        assert (out.std((0, 2, 3)) - 1).abs().max() < 2e-3


def test_random_steps_take_any_number_of_channels() -> None:
    x = torch.from_numpy(floats(0, 6, 4, 8, 8)).float()
    for step in (RandomCrop(2), RandomFlip(), RandomRotation(10)):
        assert step.apply(x, generator_from(0)).shape == x.shape


def test_splits_hold_floats() -> None:
    Split(torch.zeros(3, 4, 5, 5), None)
    with pytest.raises((DataError, InputError), match="NaN"):
        Split(torch.full((3, 4, 5, 5), float("nan")), None)
    with pytest.raises(DataError, match="wrong form"):
        Split(torch.zeros(3, 4, 5, 5, dtype=torch.int64), None)


def test_pixels_to_look_at() -> None:
    assert as_pixels(torch.tensor([[[[0.0, 0.5, 1.0]]]])).tolist() == [[[[0, 128, 255]]]]
    x = torch.from_numpy(small.pixels(0, 2, 1, 3, 3))
    np.testing.assert_array_equal(as_pixels(x), x.numpy())


def four_channels(dtype: Any, n: int = 60) -> Dataset:
    """Images whose class is seen in the fourth channel alone."""
    y = np.arange(n) % 2
    x = floats(0, n, 4, 12, 12) * 0.5
    x[:, 3] += 0.5 * y[:, None, None]
    (stored,), notes = image_arrays((x * (255 if dtype == np.uint8 else 1)).astype(dtype))
    split = Split(stored, torch.from_numpy(y))
    return image_dataset_of_own(
        "four", split, split, ("a", "b"), flip=True, source="memory", notes=notes
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("net", "settings"), [("convnet", {"widths": [8, 8], "hidden": 16}), ("resnet18", {"width": 4})]
)
def test_nets_learn_from_four_channels(dtype: Any, net: str, settings: dict[str, Any]) -> None:
    data = four_channels(dtype)
    check_dataset(data)
    assert data.task.shape == (4, 12, 12)
    task: Task = data.task
    learner = learners.make(
        "backprop",
        {"net": net, "net_params": settings, "steps": 40, "batch": 20},
        task=task,
        device="cpu",
    )
    assert data.train.y is not None
    learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    ids = torch.arange(len(data.train))
    probs = learner.outputs(
        data.train.x, ids, needs=frozenset({"probs"}), generator=generator_from(1)
    ).probs
    assert probs is not None
    right = probs.mean(0).argmax(-1) == data.train.y
    assert float(right.float().mean()) > 0.9
