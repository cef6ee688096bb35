import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.analysis import dead_units, hoyer, mean_defined, silent_samples
from pauca.data.augment import Normalise, Pipeline, ToFloat
from pauca.data.dataset import Task
from pauca.errors import CapabilityError, InputError, PaucaError, UsageError
from pauca.learners.base import learners, make_learner
from pauca.learners.forward_forward import AbstractForward
from pauca.rng import generator_from

NAMES = ("forward-forward", "bp-ff")
both = pytest.mark.parametrize("name", NAMES)
C = 4


def a_task(shape: tuple[int, ...] = (1, 6, 6), c: int = C) -> Task:
    if len(shape) == 3:
        mean, std = (0.2,) * shape[0], (0.4,) * shape[0]
        transform = Pipeline((ToFloat(), Normalise(mean, std)))
    else:
        transform = Pipeline(())
    return Task("tiny", "image", shape, tuple(str(k) for k in range(c)), transform, transform)


def some(n: int = 120, task: Task | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Bright bars at a place for each class, over noise."""
    task = task or a_task()
    g = generator_from(seed)
    y = torch.arange(n) % task.c
    if len(task.shape) == 1:
        centres = torch.eye(task.c).repeat_interleave(task.shape[0] // task.c, 1)
        return 2 * centres[y] + 0.3 * torch.randn(n, *task.shape, generator=g), y
    x = torch.randint(60, (n, *task.shape), generator=g)
    for k in range(task.c):
        x[y == k, :, 2 + k % 4] += 150
    return x.to(torch.uint8), y


def a_learner(name: str, task: Task | None = None, **settings: Any) -> AbstractForward:
    chosen = {"widths": [24, 16], "steps": 60, "batch": 32, "rate": 0.02, **settings}
    learner = make_learner(name, task=task or a_task(), **chosen)
    assert isinstance(learner, AbstractForward)
    return learner


def trained(name: str, seed: int = 1, **settings: Any) -> AbstractForward:
    learner = a_learner(name, **settings)
    learner.fit(*some(), generator=generator_from(seed))
    return learner


def ids_of(x: Tensor) -> Tensor:
    return torch.arange(len(x))


ALL = frozenset({"probs", "features", "goodness"})
GIVEN = ALL | {"layers", "members", "theta"}


@both
@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 6, 6), (12,)], ids=["grey", "colour", "table"])
def test_learns_grey_and_colour_images_and_tables(name: str, shape: tuple[int, ...]) -> None:
    task = a_task(shape)
    learner = a_learner(name, task, steps=240)
    x, y = some(task=task)
    learner.fit(x, y, generator=generator_from(0))
    new, right = some(task=task, seed=9)
    assert float((learner.predict(new) == right).double().mean()) > 0.9


@both
def test_outputs_hold_what_is_needed_with_the_right_shapes(name: str) -> None:
    learner, (x, _) = trained(name), some()
    out = learner.outputs(x, ids_of(x) + 7, needs=ALL)
    assert learner.gives == GIVEN
    assert out.probs.shape == (1, 120, C)
    assert out.goodness is not None
    assert out.goodness.shape == (120, C, 2)
    assert out.features is not None
    assert out.features.shape == (120, 40)
    assert out.ids.tolist() == list(range(7, 127))
    bare = learner.outputs(x, ids_of(x))
    assert bare.features is None
    assert bare.goodness is None


@both
@pytest.mark.parametrize("readout", ["softmax-sum", "sum"])
def test_the_likeliest_label_is_the_readouts_choice(name: str, readout: str) -> None:
    learner, (x, _) = trained(name, readout=readout), some(seed=3)
    out = learner.outputs(x, ids_of(x), needs=ALL)
    g = out.goodness
    assert g is not None
    rule = g.softmax(1).sum(-1) if readout == "softmax-sum" else g.sum(-1)
    assert torch.equal(out.mean_probs.argmax(-1), rule.argmax(-1))


@both
def test_goodness_is_the_norm_of_the_activity_under_each_label(name: str) -> None:
    learner, (x, _) = trained(name), some(20)
    g = learner.outputs(x, ids_of(x), needs=ALL).goodness
    assert g is not None
    for label in range(C):
        shown = learner.activations(x, label=torch.full((20,), label))
        for layer in range(2):
            torch.testing.assert_close(g[:, label, layer], shown[f"layer{layer + 1}"].norm(dim=1))


@both
def test_features_are_neutral_activity_side_by_side(name: str) -> None:
    learner, (x, _) = trained(name), some(20)
    shown = learner.activations(x)
    assert list(shown) == ["layer1", "layer2"]
    assert shown["layer1"].shape == (20, 24)
    assert shown["layer2"].shape == (20, 16)
    features = learner.outputs(x, ids_of(x), needs=ALL).features
    assert features is not None
    assert torch.equal(features, torch.cat([shown["layer1"], shown["layer2"]], 1))
    assert float(features.min()) >= 0


@both
def test_conditions_differ_and_unknown_ones_are_refused(name: str) -> None:
    learner, (x, y) = trained(name), some(20)
    shown = [learner.activations(x, label=at)["layer1"] for at in (y, "neutral", "absent")]
    assert not torch.equal(shown[0], shown[1])
    assert not torch.equal(shown[1], shown[2])
    for wrong in ("true", y[:3], y + C):
        with pytest.raises(InputError):
            learner.activations(x, label=wrong)  # type: ignore[arg-type]


@both
def test_sparsity_is_defined_under_the_neutral_label_on_every_sample_and_silence_is_counted(
    name: str,
) -> None:
    learner, (x, _) = trained(name), some()
    black = torch.zeros_like(x[:5])
    for layer in learner.activations(torch.cat([x, black])).values():
        mean = mean_defined(hoyer(layer))
        assert mean.defined + mean.undefined == 125
        assert mean.undefined == int(silent_samples(layer).sum())
        assert 0 <= mean.mean <= 1
        assert dead_units(layer).shape == (layer.shape[1],)
    silenced = learner.state()
    silenced["net"]["layers.0.bias"] -= 1e3
    learner.load_state(silenced)
    for layer in learner.activations(x).values():
        # with the first layer silent the second sees nothing but its bias
        assert mean_defined(hoyer(layer)).undefined in (0, 120)
    assert int(silent_samples(learner.activations(x)["layer1"]).sum()) == 120


@both
def test_on_and_off_are_constants_of_the_model_whatever_the_batch(name: str) -> None:
    learner, (x, _) = trained(name), some()
    patterns = learner.net.code.patterns
    assert float(patterns.max()) == pytest.approx((1 - 0.2) / 0.4)  # a white pixel
    assert float(patterns[:C].min()) == pytest.approx((0 - 0.2) / 0.4)  # a black one
    dim = learner.outputs(x[:1] // 4, ids_of(x[:1]), needs=ALL).goodness
    beside_bright = torch.cat([x[:1] // 4, torch.full_like(x[:1], 255)])
    both_lit = learner.outputs(beside_bright, torch.arange(2), needs=ALL).goodness
    assert dim is not None
    assert both_lit is not None
    torch.testing.assert_close(both_lit[:1], dim)


@both
def test_an_appended_label_has_a_length_that_fits_the_items_and_travels(name: str) -> None:
    task = a_task((12,))
    x, y = some(task=task)
    learner = a_learner(name, task)
    learner.fit(100 * x, y, generator=generator_from(0))
    on = float(learner.net.code.patterns.max())
    assert on == pytest.approx(0.3 * float((100 * x).norm(dim=1).median()))
    other = a_learner(name, task)
    other.load_state(learner.state())
    assert float(other.net.code.patterns.max()) == on
    zeros = a_learner(name, task)
    zeros.fit(torch.zeros_like(x), y, generator=generator_from(0))
    assert float(zeros.net.code.patterns.max()) == 1


@both
def test_prediction_is_independent_of_the_batch(name: str) -> None:
    learner, (x, _) = trained(name), some()
    whole = learner.outputs(x, ids_of(x), needs=ALL)
    order = torch.randperm(120, generator=generator_from(4))
    at = 0
    for size in (1, 2, 50, 67):
        index = order[at : at + size]
        part = learner.outputs(x[index], index, needs=ALL)
        torch.testing.assert_close(part.probs, whole.probs[:, index], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(part.goodness, whole.take(index).goodness, rtol=1e-4, atol=1e-5)
        at += size


@both
def test_a_pool_larger_than_a_block_and_an_empty_one(name: str) -> None:
    learner, (x, _) = trained(name), some(5000)
    out = learner.outputs(x, ids_of(x), needs=ALL)
    tail = learner.outputs(x[-3:], ids_of(x)[-3:], needs=ALL)
    torch.testing.assert_close(out.probs[:, -3:], tail.probs, rtol=1e-4, atol=1e-6)
    assert learner.outputs(x[:0], ids_of(x[:0]), needs=ALL).n == 0


@both
def test_evaluation_keeps_no_graph_and_changes_nothing(name: str) -> None:
    learner, (x, y) = trained(name), some()
    before = learner.state()
    saved: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = learner.outputs(x, ids_of(x), needs=ALL)
        shown = learner.activations(x, label=y)
    assert saved == []
    found = [out.probs, out.features, out.goodness, *shown.values()]
    assert not any(value is None or value.requires_grad for value in found)
    assert same(before, learner.state())


def same(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    return one["net"].keys() == two["net"].keys() and all(
        torch.equal(value, two["net"][key]) for key, value in one["net"].items()
    )


@both
def test_same_seed_same_model_another_seed_another(name: str) -> None:
    assert same(trained(name, seed=1).state(), trained(name, seed=1).state())
    assert not same(trained(name, seed=1).state(), trained(name, seed=2).state())


@both
def test_training_again_starts_afresh(name: str) -> None:
    learner = trained(name, seed=1)
    learner.fit(*some(), generator=generator_from(1))
    assert same(learner.state(), trained(name, seed=1).state())


@both
def test_state_round_trip_is_bit_identical_through_a_file(name: str) -> None:
    learner, (x, y) = trained(name), some(seed=5)
    file = io.BytesIO()
    torch.save(learner.state(), file)
    file.seek(0)
    other = a_learner(name)
    other.load_state(torch.load(file, weights_only=True))
    one, two = (found.outputs(x, ids_of(x), needs=ALL) for found in (learner, other))
    assert torch.equal(one.probs, two.probs)
    assert one.goodness is not None
    assert two.goodness is not None
    assert torch.equal(one.goodness, two.goodness)
    for a, b in zip(
        learner.activations(x, label=y).values(),
        other.activations(x, label=y).values(),
        strict=True,
    ):
        assert torch.equal(a, b)


@both
def test_a_state_is_a_copy_and_a_foreign_one_is_refused(name: str) -> None:
    learner = trained(name)
    learner.state()["net"]["layers.0.bias"].fill_(5.0)
    assert same(learner.state(), trained(name).state())
    foreign = trained(name, widths=[10, 16]).state()
    with pytest.raises(InputError, match="another net"):
        learner.load_state(foreign)
    with pytest.raises(InputError, match="another net"):
        learner.load_state({})
    assert same(learner.state(), trained(name).state())


@both
@pytest.mark.parametrize("n", [1, 2, 40])
def test_few_items_and_missing_classes(name: str, n: int) -> None:
    x, _ = some(n)
    learner = a_learner(name)
    report = learner.fit(x, torch.full((n,), 2), generator=generator_from(0))
    assert report.steps == 60
    assert report.examples > 0
    assert learner.outputs(x, ids_of(x)).c == C


@both
def test_steps_are_the_same_however_many_labels_there_are(name: str) -> None:
    for n in (5, 33, 120):
        learner = a_learner(name)
        assert learner.fit(*some(n), generator=generator_from(0)).steps == 60


@both
def test_epochs_and_history(name: str) -> None:
    learner = a_learner(name, steps=None, epochs=3)
    told: list[float] = []
    report = learner.fit(*some(), generator=generator_from(0), progress=told.append)
    stages = 2 if name == "forward-forward" else 1
    assert report.steps == stages * 3 * 4  # 120 items in batches of 32
    assert len(report.history) == 6
    assert set(report.history[0]) == {
        "layer",
        "epoch",
        "steps",
        "loss",
        "goodness_positive",
        "goodness_negative",
        "separation",
        "dead_units",
        "accuracy",
    }
    assert told[-1] == 1


@both
def test_settings_are_completed_and_refused_by_name(name: str) -> None:
    whole = learners.resolve(name, {})
    assert whole["epochs"] == (30 if name == "forward-forward" else 10)
    assert whole["steps"] is None
    assert whole["rate"] == (0.01 if name == "forward-forward" else 0.001)
    assert learners.resolve(name, whole) == whole
    assert learners.resolve(name, {"steps": 5})["epochs"] is None
    wrong: list[dict[str, Any]] = [
        {"steps": 5, "epochs": 5},
        {"widths": []},
        {"widths": [0]},
        {"rate": -1.0},
        {"batch": 0},
        {"loss": "thresold"},
        {"readout": "sun"},
        {"width": 3},
    ]
    for settings in wrong:
        with pytest.raises(UsageError):
            make_learner(name, task=a_task(), **settings)
    with pytest.raises(InputError, match="theta"):
        make_learner(name, task=a_task(), loss={"name": "threshold", "theta": 0.0})


def test_layers_that_learn_in_turn_need_a_step_each() -> None:
    with pytest.raises(UsageError, match="would not learn"):
        make_learner("forward-forward", task=a_task(), widths=[4, 4, 4], steps=2)
    assert make_learner("bp-ff", task=a_task(), widths=[4, 4, 4], steps=2) is not None


@both
def test_what_could_never_be_trained_is_refused_before_training(name: str) -> None:
    with pytest.raises(InputError, match="too small"):
        a_learner(name, a_task((1, 3, 3), c=9))
    with pytest.raises(InputError, match="classes"):
        a_learner(name, a_task(c=1))


@both
def test_misuse_is_refused(name: str) -> None:
    learner, (x, y) = a_learner(name), some()
    with pytest.raises(InputError, match="not trained"):
        learner.outputs(x, ids_of(x))
    with pytest.raises(InputError, match="not trained"):
        learner.state()
    for items, labels in ((x[:0], y[:0]), (x, y[:5]), (x, y + C), (x[:, :, :3], y)):
        with pytest.raises(PaucaError):
            learner.fit(items, labels, generator=generator_from(0))
    assert not learner.fitted
    learner.fit(x, y, generator=generator_from(0))
    with pytest.raises(CapabilityError, match="predicted_loss"):
        learner.outputs(x, ids_of(x), needs=frozenset({"predicted_loss"}))


@both
def test_the_evaluation_transform_alone_is_used(name: str) -> None:
    def broken(x: Tensor, generator: object) -> Tensor:
        raise AssertionError("the published form does not augment")

    learner = a_learner(name, replace(a_task(), train=broken))
    learner.fit(*some(), generator=generator_from(0))
    assert learner.fitted


def test_the_two_models_differ_only_in_schedule() -> None:
    one, two = (learners.resolve(name, {"rate": 0.01, "epochs": 1}) for name in NAMES)
    assert one.pop("schedule") == {"name": "greedy"}
    assert two.pop("schedule") == {"name": "end-to-end"}
    assert one == two
    assert not same(trained("forward-forward").state(), trained("bp-ff").state())


@both
def test_the_mean_training_image_is_a_constant_of_the_model(name: str) -> None:
    learner, (x, _) = trained(name, pixels="centred"), some(seed=5)
    mean = some()[0].double().div(255).mean(0).flatten()
    torch.testing.assert_close(learner.state()["centre"].double(), mean, rtol=1e-5, atol=1e-6)
    other = a_learner(name, pixels="centred")
    other.load_state(learner.state())
    one, two = (a.outputs(x[:7], ids_of(x[:7]), needs=ALL) for a in (learner, other))
    assert one.goodness is not None
    assert two.goodness is not None
    assert torch.equal(one.goodness, two.goodness)
    # written out for the first layer: pixels less the mean, then the label in black and white
    read = x[:7].flatten(1).float() / 255 - mean.float()
    read[:, :C] = torch.eye(C)[2]
    h = torch.relu(
        torch.nn.functional.normalize(read) @ learner.net.layers[0].weight.T  # type: ignore[operator]
        + learner.net.layers[0].bias
    )
    torch.testing.assert_close(one.goodness[:, 2, 0], h.norm(dim=1), rtol=1e-4, atol=1e-5)


def test_quick_recipe_fills_in_what_is_left_out_and_gives_way_to_what_is_given() -> None:
    whole = learners.resolve("forward-forward", {"recipe": "quick", "widths": [30]})
    assert whole["widths"] == (30,)
    assert whole["negatives"] == {"name": "all"}
    assert whole["loss"]["name"] == "cross-entropy"
    assert learners.resolve("forward-forward", whole) == whole
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        learners.resolve("forward-forward", {"recipe": "quik"})


@pytest.mark.parametrize("name", ["dropout", "item_dropout", "adversarial"])
@pytest.mark.parametrize("value", [1.0, -0.1])
def test_what_makes_learning_harder_is_checked_before_any_training(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        learners.make("forward-forward", {name: value}, task=a_task(), device="cpu")
