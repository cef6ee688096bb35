"""What the cells of an emergence study keep, beside the analysis done by hand."""

import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pauca.analysis import hoyer, mean_ratio, selective
from pauca.data import Task, load_dataset
from pauca.errors import UsageError
from pauca.learners import LabelInput, make_learner
from pauca.learners.untrained import untrained
from pauca.rng import Streams, generator_from
from pauca.store import OF_THE_MACHINE, MemoryStore, Run
from pauca.study import plan, settings_from
from pauca.study.cells.unseen import without
from pauca.study.checking import check_study
from pauca.study.emergence.examined import Examined, Shown
from pauca.study.emergence.finders import SELECTIVE, find
from pauca.study.emergence.labels import LabelControl
from pauca.study.work import work_through
from pauca.testing.fakes import FakeLearner

FORWARD = {"name": "forward-forward", "widths": [24, 16], "epochs": 10, "batch": 64}
PLAIN = {"name": "backprop", "net": "mlp", "net_params": {"widths": [24, 16]}, "steps": 60}
STUDY: dict[str, Any] = {
    "name": "tiny",
    "seed": 3,
    "data": {"name": "digits"},
    "emergence": {
        "repetitions": 1,
        "learners": [FORWARD, {**FORWARD, "untrained": True}, PLAIN],
        "items": 300,
        "unseen": {"repetitions": 1, "classes": [4], "learners": [FORWARD, PLAIN]},
    },
}


def done(*learners: dict[str, Any]) -> MemoryStore:
    """The study, or the part of it with these learners alone."""
    emergence = STUDY["emergence"]
    if learners:
        unseen = {**emergence["unseen"], "learners": list(learners)}
        emergence = {**emergence, "learners": list(learners), "unseen": unseen}
    store = MemoryStore()
    store.add(plan(settings_from({**STUDY, "emergence": emergence}), lambda data: 10))
    work_through(store, "me", lambda *event: None)
    for run in store.runs():
        assert run.status == "done", run.error
    return store


@cache
def first() -> MemoryStore:
    return done()


def record(run: Run) -> dict[str, Any]:
    return {k: v for k, v in run.rounds[0].items() if k not in OF_THE_MACHINE}


def arrays(store: MemoryStore, run: Run) -> dict[str, Any]:
    with np.load(io.BytesIO(store.blob(run.spec.id, "emergence.npz"))) as file:
        return {name: file[name] for name in file.files}


def test_every_part_is_there_and_can_be_stored() -> None:
    forward, start, plain = first().runs()[:3]
    parts = {"sparsity", "ensembles", "selectivity", "nulls", "reliability", "coactivation"}
    parts |= {"sharing", "relations", "lesions", "drive", "pruning", "inhibition"}
    for run in (forward, start, plain):
        assert parts <= set(run.rounds[0])
        assert parts <= {*run.rounds[0]["seconds"], "relations"}
        json.dumps(run.rounds[0])
    assert forward.rounds[0]["conditions"] == ["true", "neutral", "predicted", "wrong", "absent"]
    assert plain.rounds[0]["conditions"] == ["none"]
    assert set(forward.rounds[0]["label_control"]) == {"layer1", "layer2"}
    assert "label_control" not in plain.rounds[0]
    assert start.rounds[0]["steps"] == 0
    assert start.rounds[0]["metrics"]["accuracy"] < forward.rounds[0]["metrics"]["accuracy"]


def test_numbers_are_those_of_the_analysis_by_hand() -> None:
    run = first().runs()[1]
    dataset = load_dataset("digits")
    assert dataset.train.y is not None
    assert dataset.test is not None
    assert dataset.test.y is not None
    settings = {
        k: v for k, v in run.spec.settings["learner"].items() if k not in ("name", "untrained")
    }
    learner = make_learner("forward-forward", task=dataset.task, **settings)
    stream = Streams(3, 0).generator("model")
    untrained(learner, dataset.train.x, dataset.train.y, generator=stream)
    x, y = dataset.test.x, dataset.test.y
    right = learner.predict(x) == y
    kept = run.rounds[0]
    shown: dict[str, LabelInput] = {"true": y, "neutral": "neutral", "absent": "absent"}
    for condition, label in shown.items():
        for layer, h in learner.activations(x, label=label).items():
            found = kept["sparsity"][condition][layer]
            assert found["hoyer"]["all"] == pytest.approx(float(hoyer(h).nanmean()), rel=1e-4)
            assert found["hoyer"]["correct"] == pytest.approx(
                float(hoyer(h[right]).nanmean()), rel=1e-4
            )
            sizes = kept["ensembles"][condition][layer]
            assert sizes["selective"]["test_size"] == selective(h, y).members.sum(1).tolist()
            by_ratio = mean_ratio(h, y, c=2.0).members.sum(1).tolist()
            assert sizes["mean-ratio-2"]["test_size"] == by_ratio


def test_members_are_kept_as_bits() -> None:
    store = first()
    for run in store.runs()[:3]:
        kept, found = run.rounds[0], arrays(store, run)
        for condition, layers in kept["ensembles"].items():
            for layer, definitions in layers.items():
                for name, each in definitions.items():
                    bits = found[f"members/{condition}/{layer}/{name}"]
                    members = np.unpackbits(bits, axis=-1, count=kept["units"][layer])
                    assert members.sum(1).tolist() == each["size"]
                assert f"live/{condition}/{layer}" in found


def test_the_same_seed_gives_the_same_record() -> None:
    again, before = done(FORWARD), {run.spec.id: run for run in first().runs()}
    assert len(again.runs()) == 2
    for run in again.runs():
        one, two = (json.dumps(record(r), sort_keys=True) for r in (before[run.spec.id], run))
        assert one == two
        if run.spec.kind == "emergence":
            pair = (arrays(first(), run), arrays(again, run))
            assert all(np.array_equal(pair[0][name], pair[1][name]) for name in pair[0])


def test_a_category_left_out_is_never_trained_on() -> None:
    runs = [run for run in first().runs() if run.spec.kind == "unseen"]
    train = load_dataset("digits").train
    assert train.y is not None
    for run in runs:
        kept = run.rounds[0]
        assert kept["labels"] == int((train.y != 4).sum())
        assert kept["seen"] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
        assert kept["metrics"]["accuracy"] > 0.3
        for layers in kept["formation"].values():
            for definitions in layers.values():
                assert set(definitions["selective"]) == {"left-out", "noise", "seen"}
        for layers in kept["shared"].values():
            for definitions in layers.values():
                assert len(definitions["selective"]["observed"]) == 9
        assert set(kept["few_shot"]) == set(kept["few_shot_left_out"]) == {"1", "5", "10"}
        assert "confidence" in kept["novelty"]
    assert "energy" in runs[0].rounds[0]["novelty"]
    assert runs[0].rounds[0]["conditions"] == ["neutral", "predicted"]


def test_a_task_without_a_class() -> None:
    task = load_dataset("digits").task
    assert without(task, 4).classes == (*task.classes[:4], *task.classes[5:])


class Painted(FakeLearner):
    """Units that answer to the label shown, or to the class that the image shows."""

    answers: Callable[[Tensor, Tensor], Tensor]

    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        shown = label if isinstance(label, Tensor) else torch.full((len(x),), self.task.c)
        return {"layer1": type(self).answers(x, shown)}


def painted(answers: Callable[[Tensor, Tensor], Tensor]) -> dict[str, Any]:
    """The label control of a net with 10 units a class; items are uint8 with their class in it."""
    draw = generator_from(1)
    y = torch.arange(400) % 4
    x = torch.zeros(400, 1, 2, 2, dtype=torch.uint8)
    x[:, 0, 0, 0] = (y + 1).to(torch.uint8)
    kind = type("One", (Painted,), {"answers": staticmethod(answers)})
    learner = kind(task=Task("a", "image", (1, 2, 2), tuple("abcd"), *_transforms()))
    items = Shown(x, y, y)
    exam = Examined(learner, items, items, draw)
    control = LabelControl(exam)
    live = torch.ones(40, dtype=torch.bool)
    for condition in ("true", "neutral", "wrong"):
        h = exam.activity("tested", condition)["layer1"]
        members = find(h, y, 4)
        if condition == "true":
            control.begin("layer1", members, live)
        if condition == "neutral":
            control.compare("layer1", members, live)
        control.look(condition, "layer1", h)
    found: dict[str, Any] = control.found["layer1"]
    return found


def _transforms() -> tuple[Any, Any]:
    task = load_dataset("digits").task
    return task.evaluate, task.train


def _units(of: Tensor) -> Tensor:
    """Ten units a class, the ones of class ``of`` active; class 4 is none."""
    on = torch.nn.functional.one_hot(of.clamp(0, 4), 5)[:, :4]
    noise = torch.rand(len(of), 40, generator=generator_from(0))
    return on.repeat_interleave(10, dim=1) * (1 + noise) + 0.1 * noise


def test_the_label_control_tells_label_units_from_image_units() -> None:
    label = painted(lambda x, shown: _units(shown))
    image = painted(lambda x, shown: _units(x[:, 0, 0, 0].long() - 1))
    for found in (label, image):
        assert found["auc"][SELECTIVE]["true"] == pytest.approx([1] * 4)
    assert label["auc"][SELECTIVE]["wrong_label"] == pytest.approx([1] * 4)
    assert max(label["auc"][SELECTIVE]["wrong_image"]) < 0.5
    assert label["auc"][SELECTIVE]["neutral"] == pytest.approx([0.5] * 4, abs=0.1)
    assert label["neutral_true"][SELECTIVE]["jaccard"] == [0.0] * 4
    assert image["auc"][SELECTIVE]["wrong_image"] == pytest.approx([1] * 4)
    assert max(image["auc"][SELECTIVE]["wrong_label"]) < 0.5
    assert image["neutral_true"][SELECTIVE]["jaccard"] == [1.0] * 4


def test_wrong_labels_are_wrong_and_the_same_each_time() -> None:
    y = torch.arange(1000) % 10
    items = Shown(y, y, y)
    exam = Examined(FakeLearner(task=load_dataset("digits").task), items, items, generator_from(0))
    wrong = exam.wrong["tested"]
    assert not (wrong == y).any()
    assert set(((wrong - y) % 10).tolist()) == set(range(1, 10))
    assert exam.label("tested", "wrong") is wrong


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learners": [{**FORWARD, "untrained": 1}]}, "true or false; got: 1"),
        ({"learners": [FORWARD, FORWARD]}, "listed twice"),
        ({"learners": [{**FORWARD, "widhts": [3]}]}, "widths"),
        ({"items": 50}, "items"),
        ({"unseen": {"learners": [{**PLAIN, "steps": 0}]}}, r"section \[emergence.unseen\]"),
    ],
)
def test_mistakes_of_the_file_are_told(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings_from({**STUDY, "emergence": {**STUDY["emergence"], **change}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unseen": {"classes": [10]}}, "no such class.*0 to 9.*got: 10"),
        ({"unseen": {"classes": [1, 1]}}, "named twice"),
        ({"groups": [["three", 1]]}, "no such class.*'three'"),
        ({"groups": [[1, 2], [2, 3]]}, "named twice.*groups"),
        ({"items": 5000}, "items is larger than the pool"),
    ],
)
def test_what_the_data_do_not_have_is_told(change: dict[str, Any], message: str) -> None:
    settings = settings_from({**STUDY, "emergence": {**STUDY["emergence"], **change}})
    with pytest.raises(Exception, match=message):
        check_study(settings, load_dataset("digits"))
