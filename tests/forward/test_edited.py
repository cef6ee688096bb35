from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.errors import InputError
from pauca.forward import (
    AbstractNormalisation,
    BatchNorm,
    ChannelWise,
    ForwardNet,
    L2Scaling,
    LayerNorm,
    LinearLayer,
    NoLabel,
    Overlay,
    edited,
    goodness_under,
    goodnesses,
)
from pauca.rng import generator_from

C = 4


def net(
    normalisation: AbstractNormalisation | None = None, *, convolution: bool = False
) -> ForwardNet:
    windows = {"name": "conv2d", "channels": 3, "pool": 2}
    widths: list[int | dict[str, Any]] = [windows, 9] if convolution else [12, 10, 8]
    return ForwardNet(
        Overlay(shape=(1, 6, 6), classes=C, on=[1.0], off=[0.0]),
        widths,
        goodness=goodnesses.make("l2", {}),
        normalisation=normalisation or L2Scaling(),
        generator=generator_from(0),
    )


def x(n: int = 7) -> Tensor:
    return torch.rand(n, 36, generator=generator_from(1))


def mask(u: int, seed: int = 2) -> Tensor:
    return torch.rand(u, generator=generator_from(seed)) < 0.4


def off(units: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda h: h * ~units


def plain(whole: ForwardNet, items: Tensor, number: int, units: Tensor) -> Tensor:
    """Goodness with units at zero in a layer, label by label, each item written out."""
    found = []
    for label in range(C):
        rows = torch.full((len(items),), label)
        h = whole.code.write(items, rows).view(-1, *whole.code.shape)
        lengths = []
        for at in range(whole.depth):
            h = whole.layer(at)(h)
            if at == number:
                h = (h.flatten(1) * ~units).view_as(h)
            lengths.append(h.flatten(1).norm(dim=1))
        found.append(torch.stack(lengths, 1))
    return torch.stack(found, 1).detach()


FORMS: dict[str, Callable[[], ForwardNet]] = {
    "l2": net,
    "layer": lambda: net(LayerNorm()),
    "batch": lambda: net(BatchNorm()),
    "convolution": lambda: net(convolution=True),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", [0, 1])
def test_a_lesion_reaches_every_way_in_which_the_net_is_asked(form: str, number: int) -> None:
    whole, items = FORMS[form](), x()
    units = mask(whole.widths[number])
    right = plain(whole, items, number, units)
    untouched = whole.label_goodness(items)
    with edited(whole, {number: off(units)}):
        torch.testing.assert_close(whole.label_goodness(items), right, atol=1e-5, rtol=1e-4)
        shown = [h.detach() for h in whole(items, torch.zeros(7, dtype=torch.int64))]
        first = whole.first_goodness(whole.prepare(items))
    torch.testing.assert_close(first, right[..., 0], atol=1e-5, rtol=1e-4)
    assert float(shown[number][:, units].abs().max()) == 0
    for at, h in enumerate(shown):
        torch.testing.assert_close(h.norm(dim=1), right[:, 0, at], atol=1e-5, rtol=1e-4)
    (under,) = goodness_under(whole, items, number, [off(units)])
    torch.testing.assert_close(under, right, atol=1e-5, rtol=1e-4)
    assert torch.equal(whole.label_goodness(items), untouched)


def test_zero_weights_and_bias_are_the_same_lesion() -> None:
    whole, items, units = net(), x(), mask(12)
    (found,) = goodness_under(whole, items, 0, [off(units)])
    layer = whole.layer(0)
    assert isinstance(layer, LinearLayer)
    with torch.no_grad():
        layer.weight[units], layer.bias[units] = 0.0, 0.0
    torch.testing.assert_close(whole.label_goodness(items), found)


def test_a_lesion_that_leaves_an_item_nearly_silent_is_exact() -> None:
    """What is left is normalised to full length, and so would be errors of a shared product."""
    whole, items = net(), x()
    with torch.no_grad():
        for at in (0, 1):
            whole.layer(at).get_parameter("bias").fill_(-0.01)
        weight = whole.layer(1).get_parameter("weight")
        weight[0] = 1000 * weight[0].abs()  # one unit outshines all others
    alone = torch.arange(10) == 0
    (found,) = goodness_under(whole, items, 1, [off(alone)])
    torch.testing.assert_close(found, plain(whole, items, 1, alone), atol=1e-5, rtol=1e-4)


def test_edits_of_several_layers_add_up_and_end_with_their_context() -> None:
    whole, items = net(), x()
    keys, kept = list(whole.state_dict()), [whole.layer(at) for at in range(3)]
    a, b = mask(12), mask(10, 3)
    with edited(whole, {0: off(a)}), edited(whole, {1: off(b)}):
        nested = whole.label_goodness(items)
        (under,) = goodness_under(whole, items, 2, [lambda h: h])
    with edited(whole, {0: off(a), 1: off(b)}):
        torch.testing.assert_close(whole.label_goodness(items), nested)
    torch.testing.assert_close(under, nested)
    with edited(whole, {0: lambda h: h + 1}), edited(whole, {0: off(a)}):
        shown = whole(items, torch.zeros(7, dtype=torch.int64))[0].detach()
    assert float(shown[:, a].max()) == 0  # the outer one first
    assert float(shown[:, ~a].min()) >= 1
    with pytest.raises(RuntimeError), edited(whole, {0: off(a)}):
        raise RuntimeError
    assert [whole.layer(at) for at in range(3)] == kept
    assert list(whole.state_dict()) == keys


def test_running_values_of_a_normalisation_are_the_layers_own() -> None:
    whole, items = net(BatchNorm()), x()
    whole.layer(0).normalisation.get_buffer("mean").fill_(0.3)
    whole.layer(1).normalisation.get_buffer("variance").fill_(4.0)
    before = whole.label_goodness(items)
    with edited(whole, {0: lambda h: h, 1: lambda h: h}):
        torch.testing.assert_close(whole.label_goodness(items), before)


def test_goodness_by_class_is_lesioned_without_a_label() -> None:
    whole = ForwardNet(
        NoLabel(shape=(1, 6, 6), classes=C, on=[1.0], off=[0.0]),
        [8, 12],
        goodness=ChannelWise(),
        normalisation=L2Scaling(),
        generator=generator_from(0),
    )
    items, units = x(), torch.arange(8) < 2  # all that speaks for class 0
    (found,) = goodness_under(whole, items, 0, [off(units)])
    before = whole.label_goodness(items)
    assert float(found[:, 0, 0].max()) == 0
    torch.testing.assert_close(found[:, 1:, 0], before[:, 1:, 0])
    with edited(whole, {0: off(units)}):
        torch.testing.assert_close(whole.label_goodness(items), found)


def test_what_lies_below_is_computed_once_for_all_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {0: 0, 1: 0, 2: 0}
    whole = net()
    for at in calls:
        multiply = whole.layer(at).multiply

        def counted(h: Tensor, at: int = at, multiply: object = multiply) -> Tensor:
            calls[at] += 1
            return multiply(h)  # type: ignore[operator, no-any-return]

        monkeypatch.setattr(whole.layer(at), "multiply", counted)
    list(goodness_under(whole, x(), 1, [off(mask(10, seed)) for seed in range(5)]))
    assert calls == {0: 1, 1: 1, 2: 5}


def test_layers_that_are_not_there_and_edits_that_do_not_fit_are_refused() -> None:
    whole, items = net(), x()
    for wrong in (-1, 3):
        with pytest.raises(InputError, match="number"), edited(whole, {wrong: off(mask(12))}):
            pass
        with pytest.raises(InputError, match="number of a layer"):
            list(goodness_under(whole, items, wrong, []))
    with pytest.raises(InputError, match="shape"):
        list(goodness_under(whole, items, 0, [lambda h: h[..., :3]]))
    with (
        pytest.raises(InputError, match="shape"),
        edited(whole, {0: lambda h: h[..., :3]}),
    ):
        whole.label_goodness(items)
