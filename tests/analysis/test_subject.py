from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pauca.analysis import (
    ModuleSubject,
    Tap,
    ablation,
    pruning_curve,
    record,
    replaced,
    silence,
)
from pauca.errors import InputError, UnknownNameError
from pauca.rng import generator_from
from tests.analysis.models import Chain, Conv, Former, items, made

MASK = torch.tensor([True, False, True, False, False, True])
NONE = torch.zeros(6, dtype=torch.bool)


def chain() -> tuple[Any, ModuleSubject, Tensor]:
    model = made(Chain)
    return model, ModuleSubject(model, ["act#1", "act#2"]), items(40, 4)


def test_it_answers_as_its_model_does_and_shows_its_layers() -> None:
    model, subject, x = chain()
    with torch.no_grad():
        assert torch.equal(subject.predict(x), model(x).argmax(1))
    shown = subject.activations(x)
    assert list(shown) == list(subject.layers) == ["act#1", "act#2"]
    assert torch.equal(shown["act#1"], record(model, x, ["act#1"])["act#1"])
    assert subject.module is model


def test_a_lesion_is_zeroing_by_hand_here_and_above_and_leaves_the_subject_alone() -> None:
    model, subject, x = chain()
    before = subject.predict(x)
    lesioned = subject.lesioned("act#1", MASK)
    with torch.no_grad():
        low = model.low(x).relu() * ~MASK
        high = model.high(low).relu()
        right = model.head(high).argmax(1)
    shown = lesioned.activations(x)
    torch.testing.assert_close(shown["act#1"], low)
    torch.testing.assert_close(shown["act#2"], high)
    assert torch.equal(lesioned.predict(x), right)
    assert torch.equal(subject.predict(x), before)
    assert float(subject.activations(x)["act#1"][:, MASK].sum()) > 0


def test_a_lesion_of_nothing_changes_nothing_and_one_of_everything_leaves_one_answer() -> None:
    _, subject, x = chain()
    assert torch.equal(subject.lesioned("act#1", NONE).predict(x), subject.predict(x))
    for layer, u in (("act#1", 6), ("act#2", 5)):
        every = torch.ones(u, dtype=torch.bool)
        assert len(torch.unique(subject.lesioned(layer, every).predict(x))) == 1


def test_operations_add_up_in_their_order() -> None:
    model, subject, x = chain()
    both = subject.driven("act#1", MASK, 2.0).lesioned("act#1", MASK.roll(1))
    with torch.no_grad():
        low = torch.where(MASK, torch.tensor(2.0), model.low(x).relu()) * ~MASK.roll(1)
    torch.testing.assert_close(both.activations(x)["act#1"], low)
    split = subject.lesioned("act#1", MASK).lesioned("act#2", MASK[:5])
    at_once = subject.edited({"act#1": silence(MASK), "act#2": silence(MASK[:5])})
    for layer in subject.layers:
        assert torch.equal(split.activations(x)[layer], at_once.activations(x)[layer])


def test_answers_under_each_edit_are_those_of_each_edited_subject() -> None:
    _, subject, x = chain()
    edits = [silence(NONE), silence(MASK), silence(~MASK)]
    found = subject.predict_each(x, "act#1", edits)
    assert found.shape == (3, 40)
    for row, edit in zip(found, edits, strict=True):
        assert torch.equal(row, subject.edited({"act#1": edit}).predict(x))
    driven = subject.driven("act#2", MASK[:5], 3.0)
    again = driven.predict_each(x, "act#1", edits)
    assert torch.equal(again[1], driven.lesioned("act#1", MASK).predict(x))


def test_other_weights_are_there_for_the_question_alone() -> None:
    model, subject, x = chain()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    new = {"low.weight": model.low.weight.clamp(min=0), "low.bias": torch.zeros(6)}
    with torch.no_grad():
        right = (x @ new["low.weight"].T).relu()
    changed = subject.reweighted(new)
    torch.testing.assert_close(changed.activations(x)["act#1"], right)
    both = changed.lesioned("act#1", MASK)
    torch.testing.assert_close(both.activations(x)["act#1"], right * ~MASK)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with pytest.raises(RuntimeError), replaced(model, new):
        model(items(3, 9))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_what_is_not_there_is_refused_at_once() -> None:
    model, subject, _ = chain()
    with pytest.raises(UnknownNameError, match="act#2"):
        subject.lesioned("act#3", MASK)
    with pytest.raises(UnknownNameError, match="layer"):
        subject.predict_each(items(2, 4), "low", [silence(MASK)])
    with pytest.raises(UnknownNameError, match=r"low\.weight"):
        subject.reweighted({"low.weights": torch.zeros(6, 4)})
    with pytest.raises(InputError, match=r"low\.weight"):
        subject.reweighted({"low.weight": torch.zeros(4, 6)})
    with pytest.raises(UnknownNameError, match="high"):
        ModuleSubject(model, ["hihg"])


def test_transformers_and_convolutions_with_a_decision_of_their_own() -> None:
    x = {"x": items(9, 4, 3), "scale": torch.ones(9)}
    former = made(Former)
    subject = ModuleSubject(former, [Tap("encoder.layers.0", "mean"), "encoder.layers.1"])
    with torch.no_grad():
        assert torch.equal(subject.predict(x), former(**x)["logits"].argmax(1))
    sizes = {name: layer.shape[1] for name, layer in subject.activations(x).items()}
    assert sizes == {"encoder.layers.0": 8, "encoder.layers.1": 32}
    off = subject.lesioned("encoder.layers.0", torch.ones(8, dtype=torch.bool))
    assert len(torch.unique(off.predict(x))) == 1

    conv, images = made(Conv), items(9, 1, 8, 8)
    least = ModuleSubject(conv, ["conv1"], pool="max", decide=lambda scores: scores.argmin(1))
    with torch.no_grad():
        assert torch.equal(least.predict(images), conv(images).argmin(1))


class Counting(nn.Module):
    """Answers its input, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.unit, self.asked = nn.Identity(), 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += 1
        out: Tensor = self.unit(x)
        return out


def test_a_subject_asks_its_model_once_a_block() -> None:
    model = Counting()
    ModuleSubject(model, ["unit"], batch=10).predict(items(25, 4))
    assert model.asked == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("batch", [2, 256])
def test_outputs_that_are_not_finite_are_no_answers_and_the_first_row_is_named(
    bad: float, batch: int
) -> None:
    x = items(9, 4)
    x[5, 2] = bad
    subjects = [
        ModuleSubject(Counting(), ["unit"], batch=batch),
        ModuleSubject(Counting(), ["unit"], batch=batch, decide=lambda scores: scores.argmin(1)),
    ]
    edits = [silence(torch.zeros(4, dtype=torch.bool))]
    for subject in subjects:
        doors: list[Any] = [
            lambda s=subject: s.predict(x),
            lambda s=subject: s.predict_each(x, "unit", edits),
            lambda s=subject: s.edited({"unit": edits[0]}).predict(x),
            lambda s=subject: pruning_curve(s, x, torch.zeros(9).long(), {"unit": torch.arange(4)}),
        ]
        for door in doors:
            with pytest.raises(InputError, match=r"NaN or infinite.*first at \(5, 2\)"):
                door()
    with pytest.raises(InputError, match="NaN or infinite"):
        ModuleSubject(Counting(), ["unit"]).driven("unit", ~edits[0].units, bad)
    with pytest.raises(InputError, match="NaN or infinite"):
        subjects[0].edited({"unit": lambda h: h + bad}).predict(items(9, 4))


class Says(nn.Module):
    """Answers whatever it was made with of its input."""

    def __init__(self, say: Any) -> None:
        super().__init__()
        self.say = say

    def forward(self, x: Tensor) -> Any:
        return self.say(x)


@pytest.mark.parametrize(
    "say",
    [
        lambda x: x[:, :1],  # one score: its highest is always class 0
        lambda x: x[:, 0],
        lambda x: x[:, :, None].expand(-1, -1, 3),  # one row of scores a position
    ],
)
def test_what_are_no_class_scores_is_not_answered_without_a_decision(say: Any) -> None:
    with pytest.raises(InputError, match="class scores"):
        ModuleSubject(Says(say), []).predict(items(9, 4))


def test_a_model_and_a_decision_give_one_answer_an_item() -> None:
    x = items(9, 4)
    with pytest.raises(InputError, match="one row an item"):
        ModuleSubject(Says(lambda x: x.T), []).predict(x)
    wrong: list[Any] = [
        lambda s: s.max(1).values,
        lambda s: s > 0,
        lambda s: s.argmax(1, keepdim=True),
        lambda s: s.argmax(1).tolist(),
        lambda s: s.argmax(1)[:3],
    ]
    for decide in wrong:
        with pytest.raises(InputError, match="answers"):
            ModuleSubject(Says(lambda x: x), [], decide=decide).predict(x)
    small = ModuleSubject(Says(lambda x: x), [], decide=lambda s: s.argmax(1).to(torch.uint8))
    assert torch.equal(small.predict(x), x.argmax(1))


def test_one_label_an_item_is_wanted_wherever_accuracy_is_measured() -> None:
    _, subject, x = chain()
    for n in (1, 39, 41):
        labels = torch.zeros(n, dtype=torch.int64)
        with pytest.raises(InputError, match="labels"):
            pruning_curve(subject, x, labels, {"act#1": torch.arange(6)}, shares=[1.0])
        with pytest.raises(InputError, match="labels"):
            ablation(subject, x, labels, "low.weight", generator=generator_from(0), draws=1)


def test_layers_are_named_once_and_edits_are_at_least_one() -> None:
    model, subject, x = chain()
    with pytest.raises(InputError, match="twice"):
        ModuleSubject(model, ["low", Tap("low", "mean")])
    with pytest.raises(InputError, match="at least one"):
        subject.predict_each(x, "act#1", [])
    with pytest.raises(InputError, match="list"):
        subject.predict_each(x, "act#1", silence(MASK))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InputError, match="list"):
        ModuleSubject(model, "low")
    with pytest.raises(InputError, match="nothing to remove"):
        pruning_curve(subject, x, torch.zeros(40).long(), {})
    for order in (torch.tensor([False, True]), torch.arange(6.0), torch.tensor([0, 1, 1, 3, 4, 5])):
        with pytest.raises(InputError, match="every unit once"):
            pruning_curve(subject, x, torch.zeros(40).long(), {"act#1": order})
    for batch in (0, -1):
        with pytest.raises(InputError, match="batch"):
            ModuleSubject(model, ["low"], batch=batch)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((5, 4)), [[0.0] * 4], None, torch.tensor(1.0), {"x": np.zeros((5, 4))}, "x"],
)
def test_inputs_that_are_no_tensors_are_told_so(wrong: Any) -> None:
    _, subject, _ = chain()
    with pytest.raises(InputError, match="no tensors"):
        subject.predict(wrong)
    with pytest.raises(InputError, match="no tensors"):
        subject.activity(wrong, "act#1")


def test_masks_levels_and_weights_come_as_tensors_arrays_or_numbers() -> None:
    model, subject, x = chain()
    right = subject.lesioned("act#1", MASK).predict(x)
    masks: list[Any] = [MASK, MASK.numpy(), MASK.tolist()]
    for mask in masks:
        assert torch.equal(subject.edited({"act#1": mask}).predict(x), right)
        assert torch.equal(subject.predict_each(x, "act#1", [mask])[0], right)
        assert torch.equal(subject.lesioned("act#1", mask).predict(x), right)
    driven = subject.driven("act#1", MASK, 2.0).activity(x, "act#1")
    levels: list[Any] = [2, np.float32(2), np.array(2.0), torch.tensor(2), np.full(6, 2.0)]
    for level in levels:
        found = subject.driven("act#1", MASK, level).activity(x, "act#1")
        assert torch.equal(found, driven)
    zeros = subject.reweighted({"low.weight": torch.zeros(6, 4)}).activity(x, "act#1")
    array = subject.reweighted({"low.weight": np.zeros((6, 4))}).activity(x, "act#1")
    assert torch.equal(array, zeros)
    for wrong in (None, "silence", [object()]):
        with pytest.raises(InputError):
            subject.edited({"act#1": wrong})  # type: ignore[dict-item]  # on purpose
    with pytest.raises(InputError, match="fit parameter"):
        subject.reweighted({"low.weight": torch.zeros(6, 4, dtype=torch.complex64)})
    model.high.bias = model.low.weight  # tied: the last one would win
    with pytest.raises(InputError, match="same parameter"):
        subject.reweighted({"low.weight": torch.zeros(6, 4), "high.bias": torch.ones(6, 4)})


class Spikes(nn.Module):
    """Units that are on or off."""

    def __init__(self) -> None:
        super().__init__()
        self.unit, self.head = Says(lambda x: x > 0), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.unit(x).float())
        return out


def nothing(_: Tensor) -> Any:
    """As an edit that works in place often ends."""


def test_units_are_changed_to_what_their_activity_can_hold() -> None:
    subject, x, mask = ModuleSubject(made(Spikes), ["unit"]), items(9, 4), torch.ones(4) > 0
    assert not subject.lesioned("unit", mask).activity(x, "unit").any()
    assert subject.driven("unit", mask, 1.0).activity(x, "unit").all()
    with pytest.raises(InputError, match="cannot hold"):
        subject.driven("unit", mask, 0.5).predict(x)
    with pytest.raises(InputError, match="type"):
        subject.edited({"unit": lambda h: h * 0.5}).predict(x)
    with pytest.raises(InputError, match="no tensor"):
        subject.edited({"unit": nothing}).predict(x)
    # wider than the layer: what it becomes is of the layer's type
    _, chained, x = chain()
    found = chained.edited({"act#1": lambda h: h.double() * 2}).predict(x)
    assert torch.equal(found, chained.edited({"act#1": lambda h: h * 2}).predict(x))


class Residual(nn.Module):
    """Dropout gives what it is given where it does not learn; so both branches share it."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.head = nn.Dropout(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x + self.drop(x))
        return out


def test_an_edit_that_works_in_place_reaches_its_layer_alone() -> None:
    model, x = made(Residual), items(9, 4)
    before = x.clone()
    edits = [lambda h: h * 0, lambda h: h.mul_(0)]
    found = ModuleSubject(model, ["drop"], decide=lambda s: (s * 1e4).round().sum(1).long())
    apart, in_place = found.predict_each(x, "drop", edits)
    assert torch.equal(apart, in_place)
    assert torch.equal(x, before)


class Batched(nn.Module):
    """Normalised by the items of the block, also where it does not learn."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x)
        return out


def test_what_a_block_would_change_is_not_cut_into_blocks() -> None:
    x = items(9, 4)
    for call in (
        lambda: ModuleSubject(made(Batched), ["norm"], batch=4).predict(x),
        lambda: record(made(Batched), x, ["norm"], batch=8),
    ):
        with pytest.raises(InputError, match="batch=9"):
            call()
    assert ModuleSubject(made(Batched), ["norm"], batch=9).predict(x).shape == (9,)


def test_a_model_that_its_first_pass_makes_is_refused_and_left_alone() -> None:
    model = nn.Sequential(nn.LazyLinear(3))
    for call in (
        lambda: ModuleSubject(model, ["0"]).predict(items(9, 4)),
        lambda: record(model, items(9, 4), ["0"]),
    ):
        with pytest.raises(InputError, match="first pass"):
            call()
    assert isinstance(model[0], nn.LazyLinear)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_items_of_different_lengths_inside_a_transformer_are_told_so() -> None:
    model, x = made(Former).encoder, items(6, 4, 8)
    pad = torch.zeros(6, 4, dtype=torch.bool)
    pad[::2, 2:] = True
    given = {"src": x, "src_key_padding_mask": pad}
    for call in (
        lambda: record(model, given, ["layers.0"]),
        lambda: ModuleSubject(model, ["layers.0"]).lesioned("layers.0", pad[0]).predict(given),
    ):
        with pytest.raises(InputError, match="enable_nested_tensor=False"):
            call()
