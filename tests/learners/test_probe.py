import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from pauca.data.dataset import Dataset
from pauca.errors import CapabilityError, InputError, UnknownNameError, UsageError
from pauca.learners import LOGITS, learners, make_learner
from pauca.learners._softmax import softmax_regression
from pauca.learners.companions import attach
from pauca.learners.objective import AbstractObjective, Training
from pauca.learners.probe import Probe
from pauca.learners.subject import subject
from pauca.learners.wiring import wiring
from pauca.rng import Streams, generator_from
from pauca.select.adversarial import deepfool_distances
from pauca.session import Session
from pauca.strategies import make_strategy, strategies
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset
from pauca.testing.learners import LEARNER_CHECKS, Make, check_other_process, maker
from pauca.testing.process import OtherProcess
from tests.own import own_names

_TABLE, _IMAGES = tiny_table_dataset(40), tiny_image_dataset(40)
_MLP: dict[str, Any] = {
    "head": "mlp",
    "hidden": 6,
    "steps": 12,
    "batch": 8,
    "passes": 2,
    "attack_steps": 3,
}
_ALL = frozenset({"probs", "features", "adversarial_deepfool"})


def trained(data: Dataset = _TABLE, n: int = 40, **settings: Any) -> Probe:
    learner = make_learner("probe", task=data.task, **settings)
    assert isinstance(learner, Probe)
    assert data.train.y is not None
    learner.fit(data.train.x[:n], data.train.y[:n], generator=generator_from(1))
    return learner


@pytest.mark.parametrize("data", [_TABLE, _IMAGES], ids=["table", "images"])
@pytest.mark.parametrize(
    "settings",
    [
        {"attack_steps": 3},
        _MLP,
        {**_MLP, "dropout": 0.0, "warm": True},
        {**_MLP, "validation": 0.3, "patience": 1, "check_every": 4},
    ],
    ids=["logistic", "mlp", "warm", "validation"],
)
@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_contract(
    settings: dict[str, Any], data: Dataset, check: Callable[[Make, Dataset], None]
) -> None:
    check(maker("probe", **settings), data)


@pytest.mark.parametrize("settings", [{"attack_steps": 3}, _MLP], ids=["logistic", "mlp"])
def test_contract_in_another_process(settings: dict[str, Any], other_process: OtherProcess) -> None:
    check_other_process(maker("probe", **settings), _TABLE, other_process)


@pytest.mark.parametrize("head", ["logistic", "mlp"])
def test_learns_to_tell_bars_apart(head: str) -> None:
    learner = trained(_IMAGES, head=head)
    assert _IMAGES.test is not None
    assert _IMAGES.test.y is not None
    right = (learner.predict(_IMAGES.test.x) == _IMAGES.test.y).double().mean()
    assert right > 0.9


def test_probabilities_are_the_softmax_of_the_optimum_on_flattened_transformed_items() -> None:
    learner = trained(_IMAGES, n=20, l2=0.5)
    rows = _IMAGES.task.evaluate(_IMAGES.train.x, None).flatten(1)
    assert _IMAGES.train.y is not None
    best = softmax_regression(rows[:20], _IMAGES.train.y[:20], 3, 0.5)
    told = learner.outputs(_IMAGES.train.x, torch.arange(40), needs=_ALL)
    expected = (rows.double() @ best.weight.T + best.bias).softmax(1)
    assert torch.allclose(told.probs[0].double(), expected, atol=1e-5)
    assert float((told.probs.sum(-1) - 1).abs().max()) < 1e-6
    assert told.features is not None
    assert torch.equal(told.features, rows)
    assert torch.equal(learner.activations(_IMAGES.train.x)["rows"], rows)


def test_deepfool_is_the_distance_to_the_nearest_hyperplane() -> None:
    learner = trained()
    told = learner.outputs(_TABLE.train.x, torch.arange(40), needs=_ALL)
    state = learner.state()
    weight, bias = state["weight"], state["bias"]
    expected = []
    for row in _TABLE.train.x.double():
        z = weight @ row + bias
        own = int(z.argmax())
        away = [
            float(z[own] - z[k]) / float((weight[own] - weight[k]).norm())
            for k in range(3)
            if k != own
        ]
        expected.append(min(away))
    found = told.extras["adversarial_deepfool"].double()
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-4)
    searched = deepfool_distances(learner.net, _TABLE.train.x).double()
    assert torch.allclose(found, searched, rtol=1e-3)


def test_where_there_is_no_other_class_no_plane_is_near() -> None:
    single = replace(_TABLE.task, classes=("all",))
    learner = make_learner("probe", task=single)
    x = _TABLE.train.x
    learner.fit(x, torch.zeros(40, dtype=torch.int64), generator=generator_from(0))
    told = learner.outputs(x, torch.arange(40), needs=learner.gives)
    assert bool(told.extras["adversarial_deepfool"].isinf().all())
    assert bool(told.extras["adversarial_bim"].isinf().all())
    assert torch.equal(told.probs, torch.ones(1, 40, 1))


@pytest.mark.parametrize("settings", [{}, _MLP], ids=["logistic", "mlp"])
def test_logits_are_what_the_softmax_reads(settings: dict[str, Any]) -> None:
    learner = trained(**settings)
    needs = frozenset({"probs", LOGITS})
    told = learner.outputs(_TABLE.train.x, torch.arange(40), needs=needs)
    with torch.no_grad():
        plain = learner.net(_TABLE.task.evaluate(_TABLE.train.x, None))
    torch.testing.assert_close(told.extras[LOGITS], plain)
    torch.testing.assert_close(told.extras[LOGITS].softmax(1), told.mean_probs)


def test_features_of_mlp_are_its_hidden_layer() -> None:
    learner = trained(**_MLP)
    told = learner.outputs(_TABLE.train.x, torch.arange(40), needs=frozenset({"features"}))
    assert told.features is not None
    assert told.features.shape == (40, 6)
    assert torch.allclose(told.features, learner.activations(_TABLE.train.x)["layer1"], atol=1e-6)


@pytest.mark.parametrize(("n", "steps"), [(3, 12), (40, 12), (40, 31)])
def test_mlp_takes_the_same_steps_whatever_the_items(n: int, steps: int) -> None:
    learner = make_learner("probe", task=_TABLE.task, **{**_MLP, "steps": steps})
    assert _TABLE.train.y is not None
    x, y = _TABLE.train.x[:n], _TABLE.train.y[:n]
    assert learner.fit(x, y, generator=generator_from(0)).steps == steps


def test_logistic_reads_no_random_number_and_tells_its_gap() -> None:
    learner = make_learner("probe", task=_TABLE.task)
    assert _TABLE.train.y is not None
    generator = generator_from(9)
    before = generator.get_state()
    report = learner.fit(_TABLE.train.x, _TABLE.train.y, generator=generator)
    assert torch.equal(generator.get_state(), before)
    (record,) = report.history
    assert 0 <= record["gap"] < 1e-6
    other = trained()
    assert torch.equal(learner.state()["weight"], other.state()["weight"])


def test_a_class_without_labels_is_unlikely_and_possible() -> None:
    assert _TABLE.train.y is not None
    seen = _TABLE.train.y != 2
    learner = make_learner("probe", task=_TABLE.task)
    learner.fit(_TABLE.train.x[seen], _TABLE.train.y[seen], generator=generator_from(0))
    probs = learner.outputs(_TABLE.train.x[seen], torch.arange(int(seen.sum()))).probs[0]
    assert float(probs[:, 2].min()) > 0
    assert float(probs[:, 2].mean()) < 0.1


def test_many_items_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in ({"attack_steps": 3}, _MLP):
        learner = trained(**settings)
        ids, needs = torch.arange(40), learner.gives
        whole = learner.outputs(_TABLE.train.x, ids, needs=needs, generator=generator_from(2))
        monkeypatch.setattr("pauca.learners.probe._NUMBERS", 35)
        parts = learner.outputs(_TABLE.train.x, ids, needs=needs, generator=generator_from(2))
        monkeypatch.undo()
        assert torch.equal(parts.ids, whole.ids)
        assert torch.allclose(parts.probs, whole.probs, atol=1e-6)
    none = trained().outputs(_TABLE.train.x[:0], torch.arange(0), needs=_ALL)
    assert none.n == 0


def test_resolved_settings_are_those_of_the_head_alone() -> None:
    logistic = learners.resolve("probe", {})
    assert logistic["l2"] == 1.0
    assert logistic["steps"] is None
    mlp = learners.resolve("probe", {"head": "mlp", "steps": 7})
    assert (mlp["steps"], mlp["hidden"], mlp["l2"]) == (7, 128, None)
    for whole in (logistic, mlp):
        assert learners.resolve("probe", whole) == whole


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"hidden": 5}, "no setting 'hidden'.*set head to 'mlp'"),
        ({"warm": True}, "one optimum"),
        ({"warm": False}, "one optimum"),
        ({"head": "mlp", "l2": 1.0}, "weight_decay"),
        ({"head": "mlp", "patience": 2}, "validation"),
        ({"head": "linear"}, "head"),
        ({"l2": 0.0}, "l2"),
        ({"l2": math.inf}, "l2"),
        ({"head": "mlp", "dropout": 1.0}, "dropout"),
        ({"head": "mlp", "steps": 0}, "steps"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        make_learner("probe", task=_TABLE.task, **settings)


def test_unknown_settings_are_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'hidden'"):
        make_learner("probe", task=_TABLE.task, hiden=3)


def test_gives_members_with_dropout_alone() -> None:
    task = _TABLE.task
    assert "members" not in make_learner("probe", task=task).gives
    assert "members" in make_learner("probe", task=task, **_MLP).gives
    dry = make_learner("probe", task=task, **{**_MLP, "dropout": 0.0})
    assert "members" not in dry.gives


@pytest.mark.parametrize("wrong", [{}, {"head": "mlp"}, {"head": "logistic", "weight": 3}])
def test_a_state_of_another_head_or_task_is_refused(wrong: dict[str, Any]) -> None:
    learner = trained()
    before = learner.state()
    wider = trained(tiny_table_dataset(40, d=6)).state()
    for state in (wrong, wider, trained(**_MLP).state()):
        with pytest.raises(InputError, match="this state belongs to another"):
            learner.load_state(state)
    assert torch.equal(learner.state()["weight"], before["weight"])
    with pytest.raises(InputError, match="another"):
        trained(**_MLP).load_state(before)


def test_companions_join_mlp_and_refuse_logistic() -> None:
    for name in ("loss-prediction", "waal"):
        with pytest.raises(CapabilityError, match="head = 'mlp'"):
            attach(name, make_learner("probe", task=_TABLE.task))
    labelled = (_TABLE.train.x, labels(_TABLE))
    with pytest.raises(CapabilityError, match="solved to its optimum"):
        trained().fit_towards(_Nothing(), *labelled, generator=generator_from(0))


class _Nothing(AbstractObjective):
    def begin(self, training: Training) -> nn.Module:
        return nn.Identity()

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        return x.sum()


def labels(data: Dataset) -> Tensor:
    assert data.train.y is not None
    return data.train.y


@pytest.mark.parametrize("data", [_TABLE, _IMAGES], ids=["table", "images"])
@pytest.mark.parametrize("name", ["loss-prediction", "waal", "pseudo-labels"])
def test_companions_of_mlp_train_on_what_it_reads(name: str, data: Dataset) -> None:
    """The pool of images is stored as uint8; what the companion sees are the same rows."""
    learner = attach(name, make_learner("probe", task=data.task, **_MLP))
    x, y = data.train.x, data.train.y
    assert y is not None
    learner.fit(x[:20], y[:20], generator=generator_from(0), unlabelled=x[20:])
    told = learner.outputs(x, torch.arange(40), needs=learner.gives, generator=generator_from(1))
    assert learner.gives <= told.has


def test_further_items_count_as_labelled_ones() -> None:
    x, y = _TABLE.train.x, _TABLE.train.y
    assert y is not None
    whole, union = make_learner("probe", task=_TABLE.task), trained()
    whole.fit_more(x[:30], y[:30], (x[30:], y[30:]), generator=generator_from(0))
    assert torch.allclose(whole.state()["weight"], union.state()["weight"], atol=1e-5)


def test_a_transform_is_applied_once_to_every_item() -> None:
    seen: list[int] = []

    def spy(x: Tensor, generator: Generator | None) -> Tensor:
        assert generator is None
        seen.append(len(x))
        return _IMAGES.task.evaluate(x, None)

    task = replace(_IMAGES.task, evaluate=spy)
    learner = make_learner("probe", task=task, **_MLP)
    assert _IMAGES.train.y is not None
    learner.fit(_IMAGES.train.x[:30], _IMAGES.train.y[:30], generator=generator_from(0))
    assert seen == [30]


def test_its_inside_can_be_looked_at() -> None:
    x = _IMAGES.train.x
    for learner in (trained(_IMAGES), trained(_IMAGES, **_MLP)):
        looked = subject(learner)
        layer = looked.layers[0]
        assert torch.equal(looked.activations(x)[layer], learner.activations(x)[layer])
        assert torch.equal(looked.predict(x), learner.predict(x))
    assert list(wiring(learner, x)) == ["layer1"]
    assert wiring(trained(_IMAGES), x) == {}


@pytest.mark.parametrize("name", own_names(strategies))
def test_every_strategy_asks_it_or_is_refused_before_training(name: str) -> None:
    strategy = make_strategy(name)
    learner = make_learner("probe", task=_TABLE.task, **_MLP)
    whole = attach(strategy.companion, learner, strategy.companion_settings)
    if "goodness" in strategy.needs:
        with pytest.raises(CapabilityError, match="goodness"):
            Session(_TABLE.train.x, whole, strategy, streams=Streams(0))
        return
    session = Session(_TABLE.train.x, whole, strategy, streams=Streams(0))
    assert _TABLE.train.y is not None
    for _ in range(2):
        ids = session.ask(5)
        session.tell(ids, _TABLE.train.y[ids])
    assert len(session.labelled_ids) == 10
