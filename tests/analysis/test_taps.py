import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pauca.analysis import Tap, hold, intervene, push, record, scale, silence
from pauca.analysis.taps import outputs
from pauca.errors import InputError, UnknownNameError
from tests.analysis.models import Chain, Conv, Former, Noisy, items, made

FORMER = {"x": items(7, 4, 3), "scale": torch.ones(7)}
MODELS: dict[str, tuple[type[nn.Module], Any, list[str]]] = {
    "chain": (Chain, items(7, 4), ["low", "head"]),
    "noisy": (Noisy, items(7, 4), ["body.2", "head"]),
    "conv": (Conv, items(7, 1, 8, 8), ["conv1", "conv2"]),
    "former": (Former, FORMER, ["encoder.layers.0", "encoder.layers.1.linear1"]),
}
each = pytest.mark.parametrize("kind", MODELS)


def flags(model: nn.Module) -> list[bool]:
    return [part.training for part in model.modules()]


def hooks(model: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())


def plain(model: nn.Module, x: Any) -> Tensor:
    """What the model says in evaluation mode, on a copy of it."""
    other = copy.deepcopy(model).eval()
    with torch.no_grad(), torch.random.fork_rng():
        said = other(**x) if isinstance(x, dict) else other(x)
    found: Tensor = said["logits"] if isinstance(said, dict) else said
    return found


@each
@pytest.mark.parametrize("batch", [1, 3, 256])
def test_a_model_is_left_bit_for_bit_as_it_was(kind: str, batch: int) -> None:
    form, x, names = MODELS[kind]
    model = made(form)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    before, modes, state = plain(model, x), flags(model), torch.random.get_rng_state()
    seen = record(model, x, names, batch=batch)
    outputs(model, x, batch=batch)
    assert list(seen) == names
    assert all(len(activity) == 7 and activity.ndim == 2 for activity in seen.values())
    assert not any(activity.requires_grad for activity in seen.values())
    assert torch.equal(state, torch.random.get_rng_state())
    assert flags(model) == modes
    assert hooks(model) == 0
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[k], v) for k, v in model.state_dict().items())
    assert torch.equal(plain(model, x), before)


@each
def test_blocks_change_nothing_and_every_time_the_same_is_seen(kind: str) -> None:
    form, x, names = MODELS[kind]
    model = made(form)
    whole = record(model, x, names)
    for again in (record(model, x, names), record(model, x, names, batch=2)):
        for name in names:
            torch.testing.assert_close(again[name], whole[name], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(outputs(model, x, batch=3), plain(model, x), atol=1e-5, rtol=1e-5)


def test_what_is_recorded_is_what_a_hand_computes_even_if_a_later_module_works_in_place() -> None:
    model, x = made(Chain), items(5, 4)
    seen = record(model, x, ["low", "act#1", "high", "act#2", "head"])
    with torch.no_grad():
        low = x @ model.low.weight.T + model.low.bias
        high = low.relu() @ model.high.weight.T + model.high.bias
        head = high.relu() @ model.head.weight.T + model.head.bias
    by_hand = (low, low.relu(), high, high.relu(), head)
    for found, right in zip(seen.values(), by_hand, strict=True):
        torch.testing.assert_close(found, right)


def test_a_module_that_is_called_twice_needs_the_number_of_the_call() -> None:
    model, x = made(Chain), items(5, 4)
    with pytest.raises(InputError, match=r"act#1 to act#2"):
        record(model, x, ["act"])
    with pytest.raises(InputError, match="at least 3"):
        record(model, x, ["act#3"])
    for wrong in ("act#0", "act#", "act#x"):
        with pytest.raises(InputError, match="number of a call"):
            record(model, x, [wrong])
    assert hooks(model) == 0


def test_a_module_that_is_never_called_is_refused() -> None:
    model = made(Former)
    # its weights are read by the attention without a call
    with pytest.raises(InputError, match="called 0 times"):
        record(model, FORMER, ["encoder.layers.0.self_attn.out_proj"])


def test_unknown_names_are_told_the_nearest() -> None:
    model, x = made(Former), FORMER
    with pytest.raises(UnknownNameError, match=r"encoder\.layers\.0\.linear1"):
        record(model, x, ["head", "encoder.layers.0.linear11"])
    with pytest.raises(UnknownNameError, match="head"), intervene(model, {"heed": silence_none()}):
        pass
    assert hooks(model) == 0
    with pytest.raises(InputError, match="twice"):
        record(model, x, ["head", Tap("head", "max")])


def silence_none(u: int = 3) -> Tensor:
    return torch.zeros(u, dtype=torch.bool)


def test_hooks_and_modes_are_put_back_after_an_error() -> None:
    model, state = made(Noisy), torch.random.get_rng_state()
    modes = flags(model)
    with pytest.raises(RuntimeError):
        record(model, items(3, 9), ["head"])
    with pytest.raises(RuntimeError), intervene(model, {"head": silence_none()}):
        model(items(3, 9))
    assert hooks(model) == 0
    assert flags(model) == modes
    torch.random.set_rng_state(state)


@pytest.mark.parametrize(
    ("pool", "reduce"),
    [
        ("flatten", lambda h: h.reshape(7, -1)),
        ("mean", lambda h: h.mean((2, 3))),
        ("max", lambda h: h.amax((2, 3))),
    ],
)
def test_maps_of_channels_are_reduced_as_stated(
    pool: Any, reduce: Callable[[Tensor], Tensor]
) -> None:
    model, x = made(Conv), items(7, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(
            record(model, x, ["conv1"], batch=2, pool=pool)["conv1"], reduce(model.conv1(x))
        )


@pytest.mark.parametrize(
    ("pool", "reduce"),
    [
        ("flatten", lambda h: h.reshape(7, -1)),
        ("mean", lambda h: h.mean(1)),
        ("max", lambda h: h.amax(1)),
    ],
)
def test_positions_are_reduced_as_stated(pool: Any, reduce: Callable[[Tensor], Tensor]) -> None:
    model = made(Former)
    with torch.no_grad():
        states = model(**FORMER)["states"]
    found = record(model, FORMER, ["encoder"], pool=pool)["encoder"]
    torch.testing.assert_close(found, reduce(states), atol=1e-5, rtol=1e-5)


def test_a_tap_says_where_its_units_are() -> None:
    with torch.no_grad(), torch.random.fork_rng():
        model = nn.Sequential(nn.Conv1d(2, 5, 3)).eval()
    x = items(4, 2, 9)
    found = record(model, x, [Tap("0", "mean", axis=1)])["0"]
    with torch.no_grad():
        torch.testing.assert_close(found, model(x).mean(2))
    assert record(model, x, [Tap("0", "mean")])["0"].shape == (4, 7)
    for axis in (0, 3, -3):
        with pytest.raises(InputError, match="axis"):
            record(model, x, [Tap("0", "max", axis=axis)])
    with pytest.raises(InputError, match="pool"):
        record(model, x, ["0"], pool="sum")  # type: ignore[arg-type]


class Pair(nn.Module):
    """Says whatever it was made with of its input."""

    def __init__(self, say: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.say = say

    def forward(self, x: Tensor) -> Any:
        return self.say(x)


class Around(nn.Module):
    def __init__(self, say: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner = Pair(say)

    def forward(self, x: Tensor) -> Tensor:
        said = self.inner(x)
        if isinstance(said, dict):
            said = said["h"]
        while not isinstance(said, Tensor):
            said = said[0] if isinstance(said[0], Tensor) else said[1]
        return said * 2


@pytest.mark.parametrize(
    "say",
    [
        lambda x: x,
        lambda x: (x, None),
        lambda x: [None, x],
        lambda x: {"count": 3, "h": x},
        lambda x: torch.max(x.unsqueeze(2), 2),  # a named tuple of torch
    ],
)
def test_the_first_tensor_of_several_is_read_and_changed_and_the_rest_stays(
    say: Callable[[Tensor], Any],
) -> None:
    model, x = Around(say), items(4, 3)
    torch.testing.assert_close(record(model, x, ["inner"])["inner"], x)
    mask = torch.tensor([True, False, True])
    with intervene(model, {"inner": mask}):
        changed = model(x)
    assert torch.equal(changed, 2 * x * ~mask)
    kinds: list[Any] = []
    with intervene(model, {"inner": mask}):
        model.inner.register_forward_hook(lambda m, i, o: kinds.append((type(o), o)))
        model(x)
    assert kinds[0][0] is type(say(x))


@pytest.mark.parametrize("say", [lambda x: None, lambda x: {"a": 1}, lambda x: x.sum()])
def test_an_output_without_items_is_refused(say: Callable[[Tensor], Any]) -> None:
    model = nn.Sequential(Pair(say))
    with pytest.raises(InputError):
        record(model, items(4, 3), ["0"])
    with pytest.raises(InputError, match="batch_first"):
        record(nn.Sequential(Pair(lambda x: x.T)), items(4, 3), ["0"])


def test_several_inputs_are_passed_in_order_or_by_name() -> None:
    model = made(Former)
    by_name = record(model, FORMER, ["encoder"], batch=2)["encoder"]
    in_order = record(model, (FORMER["x"], FORMER["scale"]), ["encoder"], batch=2)["encoder"]
    assert torch.equal(by_name, in_order)
    with pytest.raises(InputError, match="one row an item"):
        record(model, (FORMER["x"], torch.ones(6)), ["encoder"])


def test_no_more_than_one_block_is_passed_at_a_time() -> None:
    sizes: list[int] = []
    model = made(Chain)
    model.register_forward_pre_hook(lambda m, inputs: sizes.append(len(inputs[0])))
    record(model, items(7, 4), ["low"], batch=3)
    assert sizes == [3, 3, 1]
    assert record(model, items(0, 4), ["low"])["low"].shape == (0, 6)
    with pytest.raises(InputError, match="batch"):
        record(model, items(7, 4), ["low"], batch=0)


def by_hand(model: Any, x: Tensor, edit: Callable[[Tensor], Tensor]) -> Tensor:
    h = edit((x @ model.low.weight.T + model.low.bias).relu())
    h = (h @ model.high.weight.T + model.high.bias).relu()
    out: Tensor = h @ model.head.weight.T + model.head.bias
    return out


MASK = torch.tensor([True, False, True, False, False, True])
LEVEL = torch.tensor([1.0, 2, 3, 4, 5, 6])
EDITS: dict[str, tuple[Any, Callable[[Tensor], Tensor]]] = {
    "mask": (MASK, lambda h: h * ~MASK),
    "numpy mask": (MASK.numpy(), lambda h: h * ~MASK),
    "silence": (silence(MASK), lambda h: h * ~MASK),
    "hold at a number": (hold(MASK, 0.7), lambda h: h * ~MASK + 0.7 * MASK),
    "hold at levels": (hold(MASK, LEVEL), lambda h: h * ~MASK + LEVEL * MASK),
    "hold at an array": (hold(MASK.numpy(), LEVEL.numpy()), lambda h: h * ~MASK + LEVEL * MASK),
    "scale": (scale(MASK, 1.5), lambda h: h * (1 + 0.5 * MASK)),
    "push": (push(MASK, 2), lambda h: h + 2 * MASK),
    "any function": (lambda h: h.flip(-1), lambda h: h.flip(-1)),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_intervention_is_the_pass_by_hand_with_changed_activity(name: str) -> None:
    given, edit = EDITS[name]
    model, x = made(Chain), items(9, 4)
    with torch.no_grad():
        with intervene(model, {"act#1": given}):
            found, inside = model(x), record(model, x, ["act#1"])["act#1"]
        torch.testing.assert_close(found, by_hand(model, x, edit))
        torch.testing.assert_close(model(x), by_hand(model, x, lambda h: h))
    hidden = (x @ model.low.weight.T + model.low.bias).relu()
    torch.testing.assert_close(inside, edit(hidden).detach())
    assert hooks(model) == 0


def test_an_edit_acts_at_every_call_unless_one_is_named() -> None:
    model, x = made(Chain), items(9, 4)

    def off(h: Tensor) -> Tensor:
        return h * 0

    with torch.no_grad():
        with intervene(model, {"act": off}):
            assert torch.equal(model(x), model.head.bias.expand(9, 3))
        with intervene(model, {"act#2": off}):
            for _ in range(2):  # calls are counted anew in every pass
                assert torch.equal(model(x), model.head.bias.expand(9, 3))
        with intervene(model, {"act#1": push(MASK, 1.0)}), intervene(model, {"act#1": MASK}):
            lesioned = model(x)
        torch.testing.assert_close(lesioned, by_hand(model, x, lambda h: h * ~MASK))


@each
def test_silencing_no_unit_changes_no_bit_and_gradients_flow(kind: str) -> None:
    form, x, names = MODELS[kind]
    model = made(form).eval()
    seen = record(model, x, names)
    with torch.random.fork_rng():
        before = plain(model, x)
        with intervene(model, {n: silence_none(seen[n].shape[1]) for n in names}):
            said = model(**x) if isinstance(x, dict) else model(x)
    said = said["logits"] if isinstance(said, dict) else said
    torch.testing.assert_close(said.detach(), before, atol=1e-6, rtol=1e-6)
    if kind != "former":  # whose fused pass steps aside for hooks
        assert torch.equal(said.detach(), before)
    said.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_a_channel_or_feature_is_edited_at_all_its_positions() -> None:
    model, x = made(Conv), items(7, 1, 8, 8)
    mask = torch.tensor([True, False, False, True])
    with torch.no_grad():
        h = model.conv1(x) * ~mask[:, None, None]
        right = model.head(model.conv2(h.relu()).relu().mean((2, 3)))
        with intervene(model, {"conv1": mask}, pool="mean"):
            torch.testing.assert_close(model(x), right)
            assert float(record(model, x, ["conv1"], pool="max")["conv1"][:, mask].abs().max()) == 0
        with intervene(model, {Tap("conv1", "max"): mask}):
            torch.testing.assert_close(model(x), right)
        whole = mask[:, None, None].expand(4, 6, 6).flatten()
        with intervene(model, {"conv1": whole}):
            torch.testing.assert_close(model(x), right)
    former, features = made(Former), torch.arange(8) < 3
    with torch.no_grad(), intervene(former, {"encoder": features}, pool="mean"):
        states = former(**FORMER)["states"]
    assert float(states[..., :3].abs().max()) == 0
    assert bool((states[..., 3:] != 0).all())


@pytest.mark.parametrize("wrong", [torch.ones(6), torch.zeros(2, 3, dtype=torch.bool), np.ones(6)])
def test_a_mask_is_one_truth_value_a_unit(wrong: Any) -> None:
    with pytest.raises(InputError, match="mask"):
        silence(wrong)
    with pytest.raises(InputError, match="one value a unit"):
        hold(MASK, torch.ones(5))


def test_edits_that_do_not_fit_are_refused() -> None:
    model, x = made(Chain), items(3, 4)
    with pytest.raises(InputError, match="another layer"), intervene(model, {"high": MASK}):
        model(x)
    with (
        pytest.raises(InputError, match="shape"),
        intervene(model, {"high": lambda h: h[:, :2]}),
    ):
        model(x)
    assert hooks(model) == 0


def test_silencing_ends_what_is_not_finite() -> None:
    h = torch.tensor([[float("inf"), 1.0, float("nan")]])
    assert torch.equal(silence(torch.tensor([True, False, True]))(h), torch.tensor([[0.0, 1, 0]]))
