"""Edits of what a pass never calls, and nets that were compiled."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pauca.analysis import (
    ModuleSubject,
    ablation,
    drive_matrix,
    intervene,
    lesion_matrix,
    pruning_curve,
    push,
    record,
    removal_order,
    silence,
)
from pauca.errors import InputError
from pauca.rng import generator_from
from tests.analysis.models import Chain, items, made
from tests.analysis.test_taps import flags, hooks


class Attending(nn.Module):
    """Attention, whose output projection is read as weights and never called."""

    def __init__(self) -> None:
        super().__init__()
        self.attn, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x[:, None] * torch.tensor([1.0, -1.0, 2.0])[:, None]
        out: Tensor = self.head(self.attn(tokens, tokens, tokens)[0].mean(1))
        return out


class Functional(nn.Module):
    """Reads the weights of its first layer without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.head = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(F.linear(x, self.low.weight, self.low.bias).relu())
        return out


class Sometimes(nn.Module):
    """Calls its second layer for a full block of items alone."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.more, self.head = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.low(x)
        out: Tensor = self.head(self.more(h) if len(x) == 4 else h)
        return out


class Outer(nn.Module):
    """A net as a part of another."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)
        return out


def traced() -> Any:
    return torch.jit.trace(made(Chain), items(2, 4))  # type: ignore[no-untyped-call]


def scripted() -> Any:
    return torch.jit.script(made(Chain))


NEVER: dict[str, tuple[Callable[[], Any], str, int, str]] = {
    "attention": (lambda: made(Attending), "attn.out_proj", 4, "called 0 times in a pass"),
    "functional": (lambda: made(Functional), "low", 6, "called 0 times in a pass"),
    "traced": (traced, "low", 6, "called 0 times in a pass"),
    "scripted": (scripted, "low", 6, "called 0 times in a pass"),
    "a scripted part": (lambda: Outer(scripted()), "inner", 3, "called 0 times in a pass"),
    "in a scripted part": (lambda: Outer(scripted()), "inner.low", 6, "called 0 times in a pass"),
    "in a traced part": (lambda: Outer(traced()), "inner.low", 6, "called 0 times in a pass"),
    "a later call": (lambda: made(Chain), "act#3", 6, r"called 2 times in a pass.*at least 3"),
    "the last block": (lambda: made(Sometimes), "more", 6, "called 0 times in a pass"),
}
X, Y = items(10, 4), torch.arange(10) % 3


def matrix_of(subject: ModuleSubject, layer: str, u: int) -> Any:
    sets = torch.eye(3, u, dtype=torch.bool)
    return lesion_matrix(subject, X, Y, sets, layer=layer, generator=generator_from(0), draws=1)


def drive_of(subject: ModuleSubject, layer: str, u: int) -> Any:
    sets = (torch.arange(u) < 2).expand(3, u)
    given: dict[str, Any] = {"generator": generator_from(0), "draws": 1}
    return drive_matrix(subject, X, Y, sets, sets, layer=layer, read=layer, **given)


def within(subject: ModuleSubject, layer: str, u: int) -> Any:
    with intervene(subject.module, {layer: torch.ones(u, dtype=torch.bool)}):
        return [subject.module(part) for part in (X[:4], X[4:8], X[8:])]


def every(u: int) -> Tensor:
    return torch.ones(u, dtype=torch.bool)


DOORS: dict[str, Callable[[ModuleSubject, str, int], Any]] = {
    "record": lambda s, layer, u: record(s.module, X, [layer], batch=4),
    "activity": lambda s, layer, u: s.activity(X, layer),
    "intervene": within,
    "edited": lambda s, layer, u: s.edited({layer: lambda h: h * 2}).predict(X),
    "lesioned": lambda s, layer, u: s.lesioned(layer, every(u)).predict(X),
    "driven": lambda s, layer, u: s.driven(layer, every(u), 1.0).predict(X),
    "each": lambda s, layer, u: s.predict_each(X, layer, [silence(every(u))]),
    "pruning": lambda s, layer, u: pruning_curve(s, X, Y, {layer: torch.arange(u)}, shares=[0.1]),
    "lesions": matrix_of,
    "drive": drive_of,
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", NEVER)
def test_what_a_pass_never_calls_is_refused_at_every_door(kind: str, door: str) -> None:
    make, layer, u, message = NEVER[kind]
    model = make()
    subject = ModuleSubject(model, [layer], batch=4)
    modes = flags(model)
    with pytest.raises(InputError, match=message) as caught:
        DOORS[door](subject, layer, u)
    assert caught.value.todo
    assert hooks(model) == 0
    assert flags(model) == modes
    subject.predict(X)  # unchanged, it still answers


def test_an_edit_that_nothing_passes_is_refused_at_the_end_of_the_context() -> None:
    model, other = made(Chain), made(Chain)
    with pytest.raises(InputError, match="called 0 times"), intervene(model, {"low": every(6)}):
        other(X)
    with pytest.raises(KeyError), intervene(model, {"low": every(6)}):
        raise KeyError  # an error inside is the one that is told
    with intervene(model, {}):
        pass
    assert hooks(model) == 0


def test_numbers_of_calls_need_a_pass_and_parts_may_be_asked_by_themselves() -> None:
    model = made(Chain)
    with intervene(model, {"act": every(6)}):
        assert not model.act(model.low(X)).any()
    with (
        pytest.raises(InputError, match="outside a pass"),
        intervene(model, {"act#1": every(6)}),
    ):
        model.forward(X)


def test_other_weights_of_an_edited_subject_are_told_without_a_pass() -> None:
    subject = ModuleSubject(made(Functional), ["low"]).lesioned("low", every(6))
    weight = subject.reweighted({"head.bias": torch.ones(3)}).weight("head.bias")
    assert torch.equal(weight, torch.ones(3))


@pytest.fixture
def compiling() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def wrapped(model: nn.Module) -> tuple[Any, str]:
    return torch.compile(model, backend="eager"), "_orig_mod."


def in_place(model: nn.Module) -> tuple[Any, str]:
    model.compile(backend="eager")
    return model, ""


def its_forward(model: Any) -> tuple[Any, str]:
    model.forward = torch.compile(model.forward, backend="eager")
    return model, ""


def a_part(model: nn.Module) -> tuple[Any, str]:
    return Outer(torch.compile(model, backend="eager")), "inner._orig_mod."


@pytest.mark.usefixtures("compiling")
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("form", [wrapped, in_place, its_forward, a_part])
def test_a_compiled_net_gives_what_the_plain_one_gives(
    form: Callable[[Any], tuple[Any, str]], used: bool
) -> None:
    plain = made(Chain)
    model, prefix = form(copy.deepcopy(plain))
    if used:
        with torch.no_grad():
            model(X)
    found = []
    for net, start in ((plain, ""), (model, prefix)):
        subject, layer = ModuleSubject(net, [f"{start}act#1"], batch=4), f"{start}act#1"
        low = subject.activity(X, layer)
        order = removal_order(low, "least-active", generator=generator_from(0))
        subject_of_all = subject.edited({layer: push(every(6), 1.0)})
        curve = pruning_curve(subject, X, Y, {layer: order}, shares=(1.0, 0.5, 0.1))
        cut = ablation(subject, X, Y, f"{start}head.weight", generator=generator_from(0), draws=2)
        with torch.no_grad(), intervene(net, {layer: every(6)}):
            inside = net(X)
        found.append(
            (
                low,
                subject_of_all.predict(X),
                torch.tensor([point.accuracy for point in curve]),
                torch.tensor([cut.base, cut.negative, *cut.positive, *cut.random]),
                matrix_of(subject, layer, 6).drop,
                inside,
            )
        )
        assert hooks(net) == 0
        with torch.no_grad():
            assert torch.equal(net(X), plain(X))  # left as it was
    for own, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, own, rtol=0, atol=0, equal_nan=True)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("make", [traced, scripted])
def test_other_weights_reach_nets_of_torchscript_and_are_taken_out_again(
    make: Callable[[], Any],
) -> None:
    plain, model, new = made(Chain), make(), {"head.weight": items(3, 5, seed=3)}
    own, other = ModuleSubject(plain, []), ModuleSubject(model, [])
    assert torch.equal(other.reweighted(new).predict(X), own.reweighted(new).predict(X))
    assert torch.equal(other.reweighted(new).weight("head.weight"), new["head.weight"])
    assert torch.equal(other.weight("head.weight"), own.weight("head.weight"))
    assert torch.equal(other.predict(X), own.predict(X))
