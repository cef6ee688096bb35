import hashlib
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from pauca.data.dataset import Task
from pauca.errors import CapabilityError, InputError, RunError, UnknownNameError, UsageError
from pauca.learners import LOGITS, learners, make_learner
from pauca.learners.backprop import Backprop
from pauca.nets import AbstractNet, make_net
from pauca.rng import generator_from, split
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset

_DATA = tiny_image_dataset(48)
_X, _Y = _DATA.train.x, _DATA.train.y if _DATA.train.y is not None else torch.empty(0)
_IDS = torch.arange(48)
_MEMBERS = frozenset({"probs", "members"})
_SMALL: dict[str, Any] = {
    "net_params": {"widths": [4, 4], "hidden": 8},
    "batch": 16,
    "rate": 0.01,
    "passes": 3,
}


def _learner(task: Task = _DATA.task, **settings: Any) -> Backprop:
    if "steps" not in settings and "epochs" not in settings:
        settings["steps"] = 12
    if settings.get("net") == "mlp":
        settings = {"net_params": {"widths": [6]}, **settings}
    learner = make_learner("backprop", task=task, **{**_SMALL, **settings})
    assert isinstance(learner, Backprop)
    return learner


def _fit(learner: Backprop, n: int = 48, seed: int = 0) -> Backprop:
    learner.fit(_X[:n], _Y[:n], generator=generator_from(seed))
    return learner


def _hash(net: AbstractNet) -> str:
    found = hashlib.sha256()
    for key, value in net.state_dict().items():
        found.update(key.encode() + value.numpy().tobytes())
    found.update(str([part.training for part in net.modules()]).encode())
    found.update(str([len(part._forward_hooks) for part in net.modules()]).encode())
    return found.hexdigest()


def test_learns_to_tell_bars_apart() -> None:
    learner = _learner(steps=150)
    learner.fit(_X, _Y, generator=generator_from(0))
    assert _DATA.test is not None
    assert _DATA.test.y is not None
    right = (learner.predict(_DATA.test.x) == _DATA.test.y).double().mean()
    assert right > 0.9


def test_probabilities_are_the_softmax_of_the_net_in_evaluation() -> None:
    learner = _fit(_learner())
    told = learner.outputs(_X, _IDS, needs=frozenset({"probs", "features"}))
    with torch.no_grad():
        logits = learner.net(_DATA.task.evaluate(_X, None)).double()
    expected = logits.exp() / logits.exp().sum(1, keepdim=True)
    assert told.probs.dtype == torch.float32
    assert told.probs.shape == (1, 48, 3)
    assert torch.allclose(told.probs[0].double(), expected, atol=1e-6)
    assert float((told.probs.sum(-1) - 1).abs().max()) < 1e-6
    assert told.features is not None
    assert told.features.shape == (48, 8)


def test_extreme_logits_stay_probabilities() -> None:
    learner = _fit(_learner(net="mlp", net_params={"widths": [6]}))
    with torch.no_grad():
        learner.net.get_parameter("head.weight").mul_(1e6)
    probs = learner.outputs(_X, _IDS).probs
    assert bool(probs.isfinite().all())
    assert float((probs.sum(-1) - 1).abs().max()) < 1e-6


def test_outputs_are_plain_tensors_that_later_steps_may_train_on() -> None:
    told = _fit(_learner()).outputs(_X, _IDS, needs=frozenset({"probs", "features"}))
    assert told.features is not None
    assert not told.features.is_inference()
    assert not told.probs.is_inference()


def test_members_are_dropout_members() -> None:
    learner = _fit(_learner())
    told = learner.outputs(_X, _IDS, needs=_MEMBERS, generator=generator_from(3))
    assert told.s == 3
    assert told.features is None
    assert float(told.probs.std(0).max()) > 0
    other = learner.outputs(_X, _IDS, needs=_MEMBERS, generator=generator_from(4))
    assert not torch.equal(told.probs, other.probs)


def test_members_leave_the_generator_and_the_net_as_they_were() -> None:
    learner, generator = _fit(_learner()), generator_from(3)
    state, before = generator.get_state(), _hash(learner.net)
    first = learner.outputs(_X, _IDS, needs=_MEMBERS, generator=generator)
    second = learner.outputs(_X, _IDS, needs=_MEMBERS, generator=generator)
    assert torch.equal(generator.get_state(), state)
    assert torch.equal(first.probs, second.probs)
    learner.activations(_X)
    assert _hash(learner.net) == before


def test_members_need_a_generator() -> None:
    with pytest.raises(InputError, match="generator"):
        _fit(_learner()).outputs(_X, _IDS, needs=_MEMBERS)


def test_a_net_without_dropout_gives_no_members() -> None:
    learner = _learner(net_params={**_SMALL["net_params"], "dropout": 0.0})
    assert {"probs", "features"} <= learner.gives
    assert "members" not in learner.gives
    with pytest.raises(CapabilityError, match="members"):
        _fit(learner).outputs(_X, _IDS, needs=_MEMBERS, generator=generator_from(0))
    assert "members" not in _learner(passes=1).gives
    assert "members" in _learner().gives


@pytest.mark.parametrize("block", [1, 7, 48])
def test_the_size_of_evaluation_batches_does_not_matter(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = _fit(_learner())
    needs = frozenset({"probs", "features", "members"})
    whole = learner.outputs(_X, _IDS, needs=needs, generator=generator_from(1))
    layers = learner.activations(_X)
    monkeypatch.setattr(Backprop, "eval_batch", block)
    found = learner.outputs(_X, _IDS, needs=needs, generator=generator_from(1))
    assert whole.features is not None
    assert found.features is not None
    assert torch.allclose(found.probs, whole.probs, atol=1e-5)
    assert torch.allclose(found.features, whole.features, atol=1e-5)
    for name, layer in learner.activations(_X).items():
        assert torch.allclose(layer, layers[name], atol=1e-5)


def test_activations_are_the_taps_and_labels_do_not_matter() -> None:
    learner = _fit(_learner())
    layers = learner.activations(_X)
    assert tuple(layers) == learner.net.taps == ("conv1", "conv2", "dense")
    shown = learner.activations(_X, label=_Y)
    assert all(torch.equal(layers[name], shown[name]) for name in layers)
    features = learner.outputs(_X, _IDS, needs=frozenset({"features"})).features
    assert features is not None
    assert torch.allclose(layers["dense"], features, atol=1e-6)


def test_the_weights_at_the_start_depend_on_the_generator_alone() -> None:
    """A rate too small to move anything shows the first weights, whatever the data."""
    settings: dict[str, Any] = {
        "rate": 1e-30,
        "optimiser": "sgd",
        "net": "mlp",
        "net_params": {"widths": [6]},
    }
    one = _fit(_learner(**settings), n=48).net.state_dict()
    other = _fit(_learner(**settings, batch=5, validation=0.2), n=20).net.state_dict()
    (init,) = split(generator_from(0), "init")
    fresh = make_net("mlp", shape=(1, 8, 8), classes=3, generator=init, widths=[6]).state_dict()
    for key in fresh:
        assert torch.equal(one[key], fresh[key])
        assert torch.equal(other[key], fresh[key])


def test_a_cold_start_forgets_and_a_warm_start_goes_on() -> None:
    cold, warm = _learner(), _learner(warm=True)
    assert not cold.carries_state
    assert warm.carries_state
    first = _fit(_learner(), seed=1).net.state_dict()
    for learner in (cold, warm):
        _fit(_fit(learner, seed=0), seed=1)
    again = cold.net.state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    went_on = warm.net.state_dict()
    assert not all(torch.equal(first[key], went_on[key]) for key in first)


def test_a_warm_training_resumed_from_a_state_is_the_uninterrupted_one() -> None:
    whole = _fit(_fit(_learner(warm=True), n=20, seed=0), seed=1)
    first = _fit(_learner(warm=True), n=20, seed=0)
    resumed = _learner(warm=True)
    resumed.load_state(first.state())
    _fit(resumed, seed=1)
    assert _hash(resumed.net) == _hash(whole.net)
    assert resumed.fits == whole.fits == 2


@pytest.mark.parametrize(("steps", "n"), [(5, 48), (9, 3)])
def test_a_fixed_number_of_steps_whatever_the_items(steps: int, n: int) -> None:
    report = _learner(steps=steps).fit(_X[:n], _Y[:n], generator=generator_from(0))
    assert report.steps == steps
    assert report.examples == steps * min(16, n)


def test_epochs_are_passes_over_what_is_trained_on() -> None:
    report = _learner(epochs=2).fit(_X, _Y, generator=generator_from(0))
    assert report.steps == 6
    held = _learner(epochs=2, validation=0.5).fit(_X, _Y, generator=generator_from(0))
    assert held.steps == 3
    assert held.examples == 48


def test_a_validation_part_is_counted_and_looked_at() -> None:
    seen: list[int] = []

    def spy(x: Tensor, generator: Generator | None) -> Tensor:
        seen.append(len(x))
        return _DATA.task.train(x, generator)

    task = replace(_DATA.task, train=spy)
    learner = _learner(task, validation=0.25, check_every=4, batch=100)
    report = learner.fit(_X, _Y, generator=generator_from(0))
    # 36 of the 48 labelled items are trained on, in every step
    assert set(seen) == {36}
    assert [record["step"] for record in report.history] == [4, 8, 12]
    assert all(0 <= record["validation_accuracy"] <= 1 for record in report.history)
    best = min(record["validation_loss"] for record in report.history)
    assert best < float("inf")


def test_early_stopping_reports_the_steps_it_took() -> None:
    """Labels drawn at random cannot be predicted, so the validation loss soon rises."""
    y = torch.randint(3, (48,), generator=generator_from(5))
    learner = _learner(
        steps=500, validation=0.3, patience=2, check_every=5, net="mlp", rate=0.05, augment=False
    )
    report = learner.fit(_X, y, generator=generator_from(0))
    losses = [record["validation_loss"] for record in report.history]
    assert report.steps < 500
    assert report.steps == 5 * len(losses)
    assert losses.index(min(losses)) == len(losses) - 3


def test_augmentation_is_for_training_only() -> None:
    calls = {"train": 0, "evaluate": 0}

    def count(kind: str) -> Any:
        transform = getattr(_DATA.task, kind)

        def counted(x: Tensor, generator: Generator | None) -> Tensor:
            calls[kind] += 1
            assert (generator is not None) == (kind == "train")
            out: Tensor = transform(x, generator)
            return out

        return counted

    task = replace(_DATA.task, train=count("train"), evaluate=count("evaluate"))
    _fit(_learner(task))
    assert calls == {"train": 12, "evaluate": 0}
    _fit(_learner(task, augment=False)).predict(_X)
    assert calls["train"] == 12
    assert calls["evaluate"] == 13


@pytest.mark.parametrize("net", ["convnet", "resnet18"])
@pytest.mark.parametrize(("n", "batch"), [(1, 16), (5, 1), (2, 16), (17, 16), (3, 2)])
def test_few_items_and_single_item_batches(net: str, n: int, batch: int) -> None:
    params = {"width": 2} if net == "resnet18" else _SMALL["net_params"]
    learner = _learner(net=net, net_params=params, batch=batch, steps=3)
    _fit(learner, n=n)
    told = learner.outputs(_X[:1], _IDS[:1])
    assert bool(told.probs.isfinite().all())


def test_classes_come_from_the_task() -> None:
    only = _Y == 1
    learner = _learner(validation=0.2)
    learner.fit(_X[only], _Y[only], generator=generator_from(0))
    assert learner.outputs(_X, _IDS).c == 3
    single = replace(_DATA.task, classes=("all",))
    alone = _learner(single)
    alone.fit(_X, torch.zeros_like(_Y), generator=generator_from(0))
    assert torch.equal(alone.outputs(_X, _IDS).probs, torch.ones(1, 48, 1))


def test_a_training_that_diverges_leaves_the_learner_as_it_was() -> None:
    data = tiny_table_dataset(30)
    assert data.train.y is not None
    settings = {"net": "mlp", "optimiser": "sgd", "rate": 1e30, "steps": 30, "warm": True}
    learner = _learner(data.task, **{**settings, "schedule": "constant"})
    with pytest.raises(RunError, match="rate"):
        learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    assert not learner.fitted
    tame = _learner(data.task, **{**settings, "rate": 0.01})
    tame.fit(data.train.x, data.train.y, generator=generator_from(0))
    learner.load_state(tame.state())
    before = _hash(learner.net)
    with pytest.raises(RunError):
        learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    assert _hash(learner.net) == before


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"steps": 5, "epochs": 2}, "either steps or epochs"),
        ({"patience": 2}, "validation"),
        ({"steps": 0}, "steps"),
        ({"rate": -1.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"batch": 0}, "batch"),
        ({"validation": 1.0}, "validation"),
        ({"optimiser": "rmsprop"}, "optimiser"),
        ({"net_params": {"dropout": 2.0}}, "dropout"),
        ({"passes": 0}, "passes"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        _learner(**settings)


def test_unknown_settings_are_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'rate'"):
        _learner(rates=0.1)
    with pytest.raises(UnknownNameError, match="'dropout'"):
        _learner(net_params={"dropot": 0.1})
    with pytest.raises(UnknownNameError, match="'mlp'"):
        _learner(net="mpl", net_params={})


def test_a_net_that_cannot_read_the_items_is_refused_before_training() -> None:
    with pytest.raises(InputError, match="mlp"):
        _learner(tiny_table_dataset(9).task)


def test_resolved_settings_hold_every_number() -> None:
    whole = learners.resolve("backprop", {"net": "mlp"})
    assert whole["steps"] == 500
    assert whole["net_params"] == {"widths": (784, 784, 784), "dropout": 0.0}
    assert learners.resolve("backprop", whole) == whole
    assert learners.resolve("backprop", {"epochs": 3})["steps"] is None


def test_a_state_of_another_net_is_refused() -> None:
    state = _fit(_learner()).state()
    other = _learner(net="mlp", net_params={"widths": [6]})
    for wrong in (state, {}, {"net": {}, "fits": 0}):
        with pytest.raises(InputError, match="another net"):
            other.load_state(wrong)
    assert not other.fitted


def test_a_state_is_a_copy() -> None:
    learner = _fit(_learner())
    before, state = _hash(learner.net), learner.state()
    for value in state["net"].values():
        value.zero_()
    assert _hash(learner.net) == before


def test_logits_are_what_the_softmax_reads() -> None:
    learner = _fit(_learner())
    told = learner.outputs(_X, _IDS, needs=frozenset({"probs", LOGITS}))
    with torch.no_grad():
        plain = learner.net(_DATA.task.evaluate(_X, None))
    torch.testing.assert_close(told.extras[LOGITS], plain)
    torch.testing.assert_close(told.extras[LOGITS].softmax(1), told.mean_probs)
    assert LOGITS not in learner.outputs(_X, _IDS).extras
    both = learner.outputs(_X, _IDS, needs=_MEMBERS | {LOGITS}, generator=generator_from(1))
    # the logarithm of a member's probabilities is its logits less a constant of the item
    logs = both.probs.log()
    mean = (logs - logs.mean(2, keepdim=True)).mean(0)
    found = both.extras[LOGITS] - both.extras[LOGITS].mean(1, keepdim=True)
    torch.testing.assert_close(found, mean, atol=1e-4, rtol=1e-4)
