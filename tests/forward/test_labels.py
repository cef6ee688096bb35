from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.forward import AbstractLabelCode, Append, Overlay, label_codes
from pauca.rng import generator_from


def overlay(shape: Sequence[int], classes: int, on: float = 2.0, off: float = -0.5) -> Overlay:
    return Overlay(shape=shape, classes=classes, on=[on] * shape[0], off=[off] * shape[0])


def append(d: int, classes: int) -> Append:
    return Append(shape=(d,), classes=classes, on=[1.5], off=[0.0])


@st.composite
def codes(draw: st.DrawFn) -> AbstractLabelCode:
    classes = draw(st.integers(2, 12))
    if draw(st.booleans()):
        return append(draw(st.integers(1, 9)), classes)
    h, w = draw(st.integers(2, 6)), draw(st.integers(7, 9))
    return overlay((draw(st.sampled_from([1, 3])), h, w), classes)


def test_names() -> None:
    assert label_codes.names() == ("append", "none", "overlay", "random", "spatial")


@settings(deadline=None)
@given(codes(), st.integers(0, 1000))
def test_round_trip(code: AbstractLabelCode, seed: int) -> None:
    x = torch.randn(code.classes + 2, code.d_item, generator=generator_from(seed))
    rows = torch.arange(code.classes + 2)
    assert torch.equal(code.read(code.write(x, rows)), rows)


@settings(deadline=None)
@given(codes(), st.integers(0, 1000))
def test_an_encoded_item_is_the_sum_of_parts_that_do_not_overlap(
    code: AbstractLabelCode, seed: int
) -> None:
    g = generator_from(seed)
    x = torch.randn(5, code.d_item, generator=g, dtype=torch.float64)
    rows = torch.randint(code.classes + 2, (5,), generator=g)
    code.double()
    base, encoded = code.base(x), code.write(x, rows)
    pattern = torch.zeros_like(base)
    pattern[:, code.spots] = code.patterns[rows]
    assert torch.equal(encoded, base + pattern)
    assert float((base * pattern).abs().max()) == 0
    torch.testing.assert_close(
        encoded.square().sum(1), base.square().sum(1) + code.squares[rows], rtol=1e-12, atol=0
    )


def test_overlay_writes_the_first_pixels_of_every_channel() -> None:
    code = Overlay(shape=(2, 3, 4), classes=3, on=[5.0, 7.0], off=[-1.0, -2.0])
    written = code.write(torch.full((1, 24), 9.0), torch.tensor([1])).view(2, 3, 4)
    assert written[0, 0].tolist() == [-1, 5, -1, 9]
    assert written[1, 0].tolist() == [-2, 7, -2, 9]
    assert bool((written[:, 1:] == 9).all())


def test_overlay_goes_on_in_the_second_row_of_an_image_narrower_than_the_classes() -> None:
    written = overlay((1, 8, 8), 10).write(torch.zeros(1, 64), torch.tensor([9])).view(8, 8)
    assert written[0].tolist() == [-0.5] * 8
    assert written[1].tolist() == [-0.5, 2.0, *[0.0] * 6]


def test_neutral_is_a_cth_of_the_way_and_absent_is_all_off() -> None:
    code = overlay((1, 3, 4), 4, on=1.0, off=-1.0)
    x = torch.zeros(2, 12)
    written = code.write(x, torch.tensor([code.neutral, code.absent]))
    assert written[0, :4].tolist() == [-0.5] * 4
    assert written[1, :4].tolist() == [-1.0] * 4


def test_append_loses_nothing_of_the_item() -> None:
    x = torch.randn(3, 5, generator=generator_from(0))
    written = append(5, 4).write(x, torch.tensor([2, 0, 3]))
    assert torch.equal(written[:, :5], x)
    assert written[0, 5:].tolist() == [0, 0, 1.5, 0]


def test_on_and_off_are_constants_whatever_the_batch() -> None:
    code = overlay((1, 3, 4), 4)
    dim, bright = torch.zeros(1, 12), torch.full((1, 12), 100.0)
    row = torch.tensor([2])
    alone = code.write(dim, row)[0, :4]
    beside = code.write(torch.cat([dim, bright]), torch.tensor([2, 1]))[0, :4]
    assert alone.tolist() == beside.tolist() == [-0.5, -0.5, 2.0, -0.5]


def test_writing_leaves_the_items_alone() -> None:
    x = torch.ones(2, 12)
    overlay((1, 3, 4), 4).write(x, torch.tensor([0, 1]))
    assert torch.equal(x, torch.ones(2, 12))


@pytest.mark.parametrize("shape", [(1, 2, 5), (3, 1, 4)])
def test_refuses_images_that_cannot_carry_their_label(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="too small to carry their label"):
        overlay(shape, 10)


def test_refuses_a_label_that_cannot_be_seen_or_a_single_class() -> None:
    with pytest.raises(InputError, match="on > off"):
        overlay((1, 4, 4), 3, on=1.0, off=1.0)
    with pytest.raises(InputError, match="classes"):
        append(4, 1)


def test_refuses_items_of_another_size() -> None:
    with pytest.raises(InputError, match="items"):
        append(4, 3).base(torch.zeros(2, 5))
