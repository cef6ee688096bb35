import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from pauca.data.augment import (
    AbstractStep,
    Normalise,
    Pipeline,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    Standardise,
    ToFloat,
)
from pauca.errors import InputError
from pauca.rng import generator_from


def images(seed: int, *shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=generator_from(seed), dtype=torch.uint8)


RANDOM: list[AbstractStep] = [
    RandomCrop(2),
    RandomFlip(),
    RandomFlip("vertical"),
    RandomRotation(20),
]


def test_to_float_is_over_255() -> None:
    x = images(0, 3, 1, 4, 4)
    expected = x.numpy().astype(np.float32) / 255
    np.testing.assert_allclose(ToFloat().apply(x, None).numpy(), expected, rtol=1e-7)
    with pytest.raises(InputError, match="not as stored"):
        ToFloat().apply(x.float(), None)


def test_normalise_by_channel() -> None:
    x = torch.rand(5, 3, 4, 2, generator=generator_from(1))
    mean, std = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    out = Normalise(mean, std).apply(x, None)
    for channel in range(3):
        wanted = (x[:, channel].numpy() - mean[channel]) / std[channel]
        np.testing.assert_allclose(out[:, channel].numpy(), wanted, rtol=1e-6)


def test_normalise_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="do not fit"):
        Normalise((0.5,), (0.5,)).apply(torch.zeros(2, 3, 4, 4), None)
    with pytest.raises(InputError, match="differ in length"):
        Normalise((0.5,), (0.5, 0.5))
    with pytest.raises(InputError, match="out of range"):
        Normalise((0.5,), (0.0,))


def test_standardise_against_sklearn_with_constant_columns() -> None:
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x = rng.normal(3, 7, (50, 6)).astype(np.float32)
    x[:, 2], x[:, 4] = 0.1, 0
    step = Standardise.of(torch.from_numpy(x))
    wanted = StandardScaler().fit(x.astype(np.float64)).transform(x.astype(np.float64))
    out = step.apply(torch.from_numpy(x), None)
    np.testing.assert_allclose(out.numpy(), wanted, atol=1e-6)
    assert (out[:, [2, 4]] == 0).all()
    assert step.scale[2] == step.scale[4] == 0


def test_standardise_of_one_row_is_zero() -> None:
    x = torch.tensor([[1.0, -2.0]])
    assert (Standardise.of(x).apply(x, None) == 0).all()


@settings(max_examples=30, deadline=None)
@given(
    padding=st.integers(0, 4), b=st.integers(0, 5), h=st.integers(1, 7), w=st.integers(1, 7),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_every_crop_is_a_window_of_the_padded_image(
    padding: int, b: int, h: int, w: int, seed: int
) -> None:
    x = torch.rand(b, 2, h, w, generator=generator_from(seed))
    out = RandomCrop(padding).apply(x, generator_from(seed))
    assert out.shape == x.shape
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    for i in range(b):
        windows = [
            padded[i, :, r : r + h, c : c + w]
            for r in range(2 * padding + 1)
            for c in range(2 * padding + 1)
        ]
        assert any(np.array_equal(window, out[i].numpy()) for window in windows)


def test_crop_reaches_every_shift_evenly() -> None:
    x = torch.zeros(9000, 1, 5, 5)
    x[:, :, 2, 2] = 1
    out = RandomCrop(1).apply(x, generator_from(0))
    counts = out.sum((0, 1))[1:4, 1:4].flatten().numpy()
    assert counts.sum() == 9000
    assert np.abs(counts - 1000).max() < 5 * math.sqrt(1000)


@pytest.mark.parametrize(("axis", "dim"), [("horizontal", -1), ("vertical", -2)])
def test_flip_mirrors_some_and_only_mirrors(axis: Any, dim: int) -> None:
    x = torch.rand(400, 3, 4, 5, generator=generator_from(3))
    out = RandomFlip(axis).apply(x, generator_from(4))
    same = (out == x).flatten(1).all(1)
    mirrored = (out == x.flip(dim)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 140 < int(mirrored.sum()) < 260
    assert torch.equal(RandomFlip(axis, p=0).apply(x, generator_from(4)), x)
    assert torch.equal(RandomFlip(axis, p=1).apply(x, generator_from(4)), x.flip(dim))


def test_rotation_by_nothing_is_the_image() -> None:
    x = torch.rand(3, 2, 6, 9, generator=generator_from(5))
    torch.testing.assert_close(RandomRotation(0).apply(x, generator_from(0)), x)


@pytest.mark.parametrize("shape", [(9, 9), (8, 12), (13, 7)])
def test_rotation_against_scipy(shape: tuple[int, int]) -> None:
    x = torch.rand(4, 1, *shape, dtype=torch.float64, generator=generator_from(6))
    out = RandomRotation(40).apply(x, generator_from(7))
    angles = (torch.rand(4, generator=generator_from(7)) * 2 - 1) * 40
    assert angles.abs().min() > 1
    inner = ndimage.binary_erosion
    for image, turned, angle in zip(x[:, 0], out[:, 0], angles.tolist(), strict=True):
        turn = {"reshape": False, "order": 1}
        wanted = ndimage.rotate(image.numpy(), angle, **turn)
        # at the rim the two fill in differently
        inside = inner(ndimage.rotate(np.ones(shape), angle, **turn) > 0.999)
        assert inside.sum() > 10
        np.testing.assert_allclose(turned.numpy()[inside], wanted[inside], atol=1e-5)


def test_rotation_border_brings_no_black_in() -> None:
    x = torch.ones(5, 1, 8, 8)
    assert RandomRotation(45).apply(x, generator_from(0)).min() < 0.5
    assert RandomRotation(45, "border").apply(x, generator_from(0)).min() > 0.999


@pytest.mark.parametrize("step", RANDOM, ids=repr)
def test_random_steps_need_a_generator_and_follow_it(step: AbstractStep) -> None:
    x = torch.rand(32, 1, 8, 8, generator=generator_from(8))
    before = x.clone()
    first, again = step.apply(x, generator_from(1)), step.apply(x, generator_from(1))
    assert torch.equal(first, again)
    assert not torch.equal(step.apply(x, generator_from(2)), first)
    assert torch.equal(x, before)
    assert step.apply(x[:0], generator_from(1)).shape == (0, 1, 8, 8)
    with pytest.raises(InputError, match="given no generator"):
        step.apply(x, None)


def test_pipeline_is_a_value() -> None:
    def make(padding: int) -> Pipeline:
        steps = (ToFloat(), RandomCrop(padding), RandomFlip(), Normalise((0.5,), (0.25,)))
        return Pipeline(steps)

    assert make(2) == make(2)
    assert hash(make(2)) == hash(make(2))
    assert make(2) != make(3)
    assert pickle.loads(pickle.dumps(make(2))) == make(2)
    assert copy.deepcopy(make(2)) == make(2)
    assert make(2).random
    assert not Pipeline((ToFloat(),)).random


def test_pipeline_runs_its_steps_in_order() -> None:
    x = images(9, 6, 1, 5, 5)
    steps = (ToFloat(), RandomCrop(1), RandomFlip(), Normalise((0.5,), (0.25,)))
    generator = generator_from(0)
    wanted = x
    for step in steps:
        wanted = step.apply(wanted, generator)
    assert torch.equal(Pipeline(steps)(x, generator_from(0)), wanted)
    assert torch.equal(Pipeline()(x), x)


def test_evaluation_pipeline_leaves_the_generator_alone() -> None:
    generator = generator_from(0)
    before = generator.get_state()
    Pipeline((ToFloat(), Normalise((0.5,), (0.5,))))(images(1, 2, 1, 3, 3), generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    "wrong",
    [lambda: RandomCrop(-1), lambda: RandomFlip(p=1.5), lambda: RandomRotation(181)],
)
def test_settings_out_of_range(wrong: Any) -> None:
    with pytest.raises(InputError, match="out of range"):
        wrong()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("step", RANDOM, ids=repr)
def test_cuda_draws_the_same_batch(step: AbstractStep) -> None:
    x = torch.rand(16, 1, 8, 8, generator=generator_from(8))
    there = step.apply(x.to("cuda"), generator_from(1))
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), step.apply(x, generator_from(1)))
