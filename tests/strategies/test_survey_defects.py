"""Defects seen in a toolkit of the survey's methods, each shut out from the pool to the choice.

Those of one kernel, one score or one companion stand beside it; here are those that need a trained
net, or that could befall any strategy.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

from pauca.data.dataset import Task
from pauca.errors import CapabilityError
from pauca.learners import AbstractLearner, make_learner
from pauca.learners.backprop import Backprop
from pauca.learners.companions import attach
from pauca.outputs import Outputs
from pauca.rng import Streams, generator_from
from pauca.session import Session
from pauca.strategies import AbstractScore, AbstractStrategy, make_strategy, strategies
from pauca.testing.fakes import fake_outputs, tiny_image_dataset
from pauca.testing.states import state_digest
from tests.learners.companions.toys import QUICK
from tests.select.watch import largest_tensor, types_made

OWN = [n for n in strategies.names() if strategies.get(n).__module__.startswith("pauca.")]
DROPOUT = [name for name in OWN if "members" in make_strategy(name).needs]
GIVEN = make_learner("backprop", task=tiny_image_dataset(4).task).gives
PLAIN = [  # what asks a net trained end to end, its companion attached
    name
    for name in OWN
    if make_strategy(name).companion is not None or make_strategy(name).needs <= GIVEN
]
DATA = tiny_image_dataset(40)
QUICKLY: dict[str, Any] = {"steps": 4, "batch": 8, "passes": 3, "attack_steps": 3}
SMALL: dict[str, Any] = {"net_params": {"widths": [3, 4], "hidden": 6}, **QUICKLY}
RESIDUAL: dict[str, Any] = {"net": "resnet18", "net_params": {"width": 2, "dropout": 0.3}}


def plain(task: Task, **settings: Any) -> Backprop:
    learner = make_learner("backprop", task=task, **{**SMALL, **settings})
    assert isinstance(learner, Backprop)
    return learner


def begun(
    name: str, task: Task = DATA.task, labels: Tensor | None = None, **settings: Any
) -> tuple[Session, AbstractLearner, Backprop]:
    """A session with twelve labelled items, its learner trained, and the learner inside."""
    strategy = make_strategy(name)
    inner = plain(task, **settings)
    learner = attach(strategy.companion, inner, QUICK.get(strategy.companion or "", {}))
    session = Session(DATA.train.x, learner, strategy, streams=Streams(3), block=10)
    y = DATA.train.y
    assert y is not None
    session.tell(range(12), y[:12] if labels is None else labels)
    session.train()
    return session, learner, inner


def flags(net: nn.Module) -> list[tuple[bool, int, bool]]:
    return [(part.training, len(part._forward_hooks), _graded(part)) for part in net.modules()]


def _graded(part: nn.Module) -> bool:
    return any(p.grad is not None for p in part.parameters(recurse=False))


@pytest.mark.parametrize("name", DROPOUT)
def test_dropout_strategies_refuse_a_net_without_stochastic_layers_before_any_training(
    name: str,
) -> None:
    """All passes would be alike, and every score 0."""
    for settings in ({"net_params": {"widths": [3], "hidden": 6, "dropout": 0.0}}, {"passes": 1}):
        learner = plain(DATA.task, **settings)
        with pytest.raises(CapabilityError, match=r"needs members.*give the net dropout"):
            Session(DATA.train.x, learner, make_strategy(name), streams=Streams(0))
        assert learner.fits == 0


@pytest.mark.parametrize("name", PLAIN)
def test_scoring_leaves_batchnorm_and_the_models_state_untouched(name: str) -> None:
    """Dropout by ``train()`` has BatchNorm use, and keep, the statistics of the pool."""
    session, learner, inner = begun(name, **RESIDUAL)
    norms = [part for part in inner.net.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) > 10
    seen = [str(norm.num_batches_tracked) for norm in norms]
    before, how = state_digest(learner), flags(inner.net)
    session.ask(5)
    assert state_digest(learner) == before
    assert flags(inner.net) == how
    assert [str(norm.num_batches_tracked) for norm in norms] == seen


def test_dropout_passes_differ_and_read_the_running_statistics() -> None:
    """Each member says of an item alone what it says of it among others."""
    _, learner, _ = begun("bald", **RESIDUAL)
    needs, x = frozenset({"probs", "members"}), DATA.train.x
    whole = learner.outputs(x, torch.arange(40), needs=needs, generator=generator_from(1)).probs
    alone = learner.outputs(x[:1], torch.arange(1), needs=needs, generator=generator_from(1)).probs
    assert torch.allclose(whole[:, :1], alone, atol=1e-5)
    assert bool((whole.std(0).amax(-1) > 0).all())


@given(st.integers(2, 20), st.integers(1, 12), st.integers(0, 10**6), st.booleans())
def test_bald_is_never_negative_by_rounding(s: int, c: int, seed: int, double: bool) -> None:
    g = generator_from(seed)
    near = (torch.randn(1, 30, c, generator=g) + 1e-6 * torch.randn(s, 30, c, generator=g)) * 9
    probs = (near.double() if double else near).softmax(-1)
    bald = make_strategy("bald")
    assert isinstance(bald, AbstractScore)
    scores = bald.score(Outputs(ids=torch.arange(30), probs=probs))
    assert bool((scores >= 0).all())
    assert bool((scores < 1e-3).all())


def holding(
    strategy: AbstractStrategy, n: int, c: int, d: int, *, labelled: bool = False
) -> Outputs:
    named = sorted(strategy.needs - {"probs", "members", "features", "goodness", "layers"})
    s, layers = 2 if "members" in strategy.needs else 1, 2 if "goodness" in strategy.needs else 0
    return fake_outputs(n, c, d, s, layers, labelled=labelled, extras=named).by_id()


@pytest.mark.parametrize("name", OWN)
def test_no_strategy_makes_n_by_n_or_n_by_c_d(name: str) -> None:
    n, c, d = 4000, 40, 96
    strategy = make_strategy(name, **({"rounds": 2} if "k-means" in name else {}))
    pool, labelled = holding(strategy, n, c, d), holding(strategy, 300, c, d, labelled=True)
    largest = largest_tensor(lambda: strategy.select(pool, labelled, 20, generator_from(0)))
    assert largest <= 8 * 2**20 < n * min(n, c * d) * 4 / 7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_k_center_pca_makes_no_float16(dtype: torch.dtype) -> None:
    strategy = make_strategy("k-center-pca")
    pool = fake_outputs(50, d=60, dtype=dtype)
    made = types_made(lambda: strategy.select(pool, pool.take(torch.arange(5)), 9, Generator()))
    assert not made & {torch.float16, torch.bfloat16}


@pytest.mark.parametrize("name", PLAIN)
def test_the_number_of_classes_never_comes_from_labels(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is labelled is of one class, and the net still speaks of three."""
    seen: list[int] = []
    check = Outputs.__post_init__

    def noting(outputs: Outputs) -> None:
        check(outputs)
        seen.append(outputs.c)

    monkeypatch.setattr(Outputs, "__post_init__", noting)
    session, _, _ = begun(name, labels=torch.zeros(12, dtype=torch.int64))
    assert len(session.ask(5)) == 5
    assert set(seen) == {3}


@pytest.mark.parametrize("name", PLAIN)
def test_scoring_uses_the_evaluation_transform(name: str) -> None:
    """A training transform that would ruin every item is not met while scoring."""
    scoring = False

    def train(x: Tensor, generator: Generator | None) -> Tensor:
        assert not scoring, "the training transform is used while scoring"
        return DATA.task.train(x, generator)

    session, learner, _ = begun(name, replace(DATA.task, train=train))
    scoring = True
    needs = make_strategy(name).needs | {"probs"}
    told = [
        learner.outputs(DATA.train.x, torch.arange(40), needs=needs, generator=generator_from(1))
        for _ in range(2)
    ]
    columns = [[one.probs, one.features, *one.extras.values()] for one in told]
    for one, other in zip(*columns, strict=True):
        assert one is None or other is None or torch.equal(one, other)
    assert len(session.ask(5)) == 5


def counted(net: nn.Module, names: list[str]) -> Counter[str]:
    """How many items each of these parts is shown, from now on."""
    seen = Counter[str]()

    def watch(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen[name] += len(inputs[0])

        return hook

    for name in names:
        net.get_submodule(name).register_forward_pre_hook(watch(name))
    return seen


# boundary distances are attacks on top of the pass
PASSES = {"random": 0}
ATTACKS = {"adversarial-bim", "adversarial-deepfool"}


@pytest.mark.parametrize("name", sorted(set(PLAIN) - ATTACKS))
def test_one_pass_over_the_pool_serves_all_that_a_strategy_needs(name: str) -> None:
    session, _, inner = begun(name)
    seen = counted(inner.net, ["conv1"])
    strategy = make_strategy(name)
    items = len(session.remaining) + (12 if strategy.reads_labelled else 0)
    session.preview(strategy, 5)
    assert seen["conv1"] == PASSES.get(name, 1) * items


@pytest.mark.parametrize("second", ["least-confidence", "entropy", "badge", "k-means", "random"])
def test_a_second_strategy_on_the_same_model_costs_no_forward_pass(second: str) -> None:
    session, _, inner = begun("badge")
    session.preview(make_strategy("badge"), 5)
    seen = counted(inner.net, ["conv1"])
    session.preview(make_strategy(second), 5)
    session.ask(5)
    assert seen["conv1"] == 0


@pytest.mark.parametrize("name", DROPOUT)
def test_dropout_passes_run_the_part_before_the_first_dropout_once(name: str) -> None:
    session, _, inner = begun(name, passes=20)
    seen = counted(inner.net, ["conv1", "conv2", "dense", "head"])
    n = len(session.remaining)
    session.preview(make_strategy(name), 5)
    assert seen == {"conv1": n, "conv2": n, "dense": 20 * n, "head": 20 * n}


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_attacks_end_on_a_saturated_softmax_and_on_a_net_that_never_flips(name: str) -> None:
    """Without a gradient an uncapped attack goes on for ever."""
    session, learner, inner = begun(name)
    column = name.replace("-", "_")
    for weight in (1e6, 0.0):
        with torch.no_grad():
            inner.net.get_parameter("head.weight").fill_(0).add_(weight * torch.eye(3, 6))
        told = learner.outputs(DATA.train.x, torch.arange(40), needs=make_strategy(name).needs)
        assert not bool(told.extras[column].isnan().any())
        assert bool((told.probs.amax(-1) == 1).any()) == (weight > 0)
        assert len(make_strategy(name).select(told, None, 40, generator_from(0))) == 40
    assert told.extras[column].isinf().all()
    assert session.n == 40
