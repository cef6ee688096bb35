"""Each check of the contract must catch the defect that it is for."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from pauca.errors import CapabilityError, InputError
from pauca.outputs import Outputs
from pauca.strategies import AbstractScore, AbstractStrategy, base, make_strategy
from pauca.testing import strategies as checks
from pauca.testing.process import OtherProcess
from pauca.testing.variants import repeated


class Sound(AbstractStrategy):
    """The first k items in a random order."""

    name = "sound"
    family = "test"
    cost = "O(n)"
    reference = "none"
    when = "never"

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        return torch.randperm(pool.n, generator=generator)[:k].to(pool.ids.device)


class Nameless(Sound):
    when = " "


class Capitals(Sound):
    name = "Sound"


class Twice(Sound):
    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        return torch.zeros(k, dtype=torch.int64)


class TooFew(Sound):
    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        return torch.arange(max(k - 1, 1))


class Global(Sound):
    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        return torch.from_numpy(np.random.permutation(pool.n)[:k])


class ReadsGlobal(Sound):
    """Neither draws from nor changes torch's global generator, and yet depends on it."""

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        g = torch.Generator().manual_seed(torch.initial_seed() % 1000)
        return torch.randperm(pool.n, generator=g)[:k]


class Blockwise(Sound):
    """Takes the surest of each block."""

    def select_from_blocks(
        self, blocks: Iterable[Outputs], labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        parts = list(blocks)
        if k > sum(part.n for part in parts):
            raise InputError("too many")
        return torch.cat([part.ids for part in parts])[:k]


class Grows(Sound):
    def select_from_blocks(
        self, blocks: Iterable[Outputs], labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        whole = Outputs.concat(blocks)
        return self.select(whole, labelled, min(k, whole.n), generator)


class Changes(Sound):
    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        pool.probs[:, 0] = pool.probs[:, 1]
        return super().choose(pool, labelled, k, generator)


class ReadsLabelled(Sound):
    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        start = 0 if labelled is None else labelled.n
        return (torch.arange(k) + start) % pool.n


class Digits(AbstractScore):
    """Its score is the rounding error of float32."""

    name = "digits"
    family = "test"
    cost = "O(n)"
    reference = "none"
    when = "never"

    def score(self, pool: Outputs) -> Tensor:
        return (pool.probs[0] * 1e7).sin().sum(-1)


class NanOfOneClass(AbstractScore):
    name = "nan"
    family = "test"
    cost = "O(n)"
    reference = "none"
    when = "never"

    def score(self, pool: Outputs) -> Tensor:
        return pool.probs[0].std(-1, correction=1) if pool.c > 2 else pool.probs[0, :, 0] / 0 * 0


class Hashes(Sound):
    """Depends on Python's hash of a text, which differs from process to process."""

    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        texts = [f"item {i}" for i in range(pool.n)]
        return torch.tensor(sorted(range(pool.n), key=lambda i: hash(texts[i]))[:k])


def test_every_check_is_shown_a_defect() -> None:
    """A check that nothing fails is no check."""
    shown = Path(__file__).read_text().partition("def test_every_check")[2]
    names = [check.__name__ for check in checks.STRATEGY_CHECKS]
    assert [name for name in names if f"checks.{name}" not in shown] == []


def test_a_sound_strategy_passes(
    other_process: OtherProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks.check_strategy(Sound(), process=other_process)
    monkeypatch.setattr(checks, "OtherProcess", lambda: nullcontext(other_process))
    checks.check_strategy("margin")


@pytest.mark.parametrize(
    ("check", "strategy", "fault"),
    [
        (checks.check_description, Nameless(), "has no when"),
        (checks.check_description, Capitals(), "capitals"),
        (checks.check_choice, Twice(), "twice"),
        (checks.check_repeatable, Global(), "differently the second time|global"),
        (checks.check_repeatable, ReadsGlobal(), "reads a global"),
        (checks.check_blocks, Blockwise(), "depends on blocks"),
        (checks.check_size, Grows(), "takes k = 41 of 40 items in blocks"),
        (checks.check_untouched, Changes(), "changes what it reads"),
        (checks.check_labelled, ReadsLabelled(), "without saying so"),
        (checks.check_dtypes, Digits(), "float32 and float64"),
    ],
)
def test_a_defect_is_caught(
    check: Callable[[AbstractStrategy], None], strategy: AbstractStrategy, fault: str
) -> None:
    with pytest.raises(AssertionError, match=fault):
        check(strategy)


def test_an_answer_that_depends_on_the_device_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    margin = make_strategy("margin")
    monkeypatch.setattr(Outputs, "to", lambda outputs, _: outputs)
    checks.check_devices(margin, "elsewhere")

    def moved(outputs: Outputs, device: str) -> Outputs:
        return outputs if device == "cpu" else repeated(outputs, 0)

    monkeypatch.setattr(Outputs, "to", moved)
    with pytest.raises(AssertionError, match="differently on elsewhere"):
        checks.check_devices(margin, "elsewhere")


def test_a_size_that_cannot_be_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_check_k", lambda k, n: min(max(k, 0), n))
    with pytest.raises(AssertionError, match="takes k = 41 of 40 items"):
        checks.check_size(Sound())


def test_ties_that_go_by_place_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A score's own order of equal items is that of the pool, but for ``by_id``."""
    monkeypatch.setattr(Outputs, "by_id", lambda outputs: outputs)
    with pytest.raises(AssertionError, match="order"):
        checks.check_order(make_strategy("margin"))


def test_what_the_base_class_refuses_is_refused() -> None:
    with pytest.raises(InputError, match="wrong size"):
        checks.check_choice(TooFew())
    with pytest.raises(InputError, match="NaN"):
        checks.check_degenerate(NanOfOneClass())


def test_an_answer_that_depends_on_the_process_is_caught(other_process: OtherProcess) -> None:
    with pytest.raises(AssertionError, match="another process"):
        checks.check_other_process(Hashes(), other_process)


def test_a_strategy_that_takes_anything_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    bald = make_strategy("bald")
    monkeypatch.setattr(AbstractStrategy, "check_needs", lambda *_: None)
    with pytest.raises(AssertionError, match="takes Outputs without members"):
        checks.check_needs(bald)


def test_a_refusal_must_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CapabilityError("no")

    bald = make_strategy("bald")
    monkeypatch.setattr(AbstractStrategy, "check_needs", refuse)
    with pytest.raises(AssertionError, match="does not name 'members'"):
        checks.check_needs(bald)


def test_outputs_that_take_nan_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outputs, "__post_init__", lambda _: None)
    with pytest.raises(AssertionError, match="takes NaN in probs"):
        checks.check_nan(make_strategy("random"))


def test_an_order_that_leaks_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outputs, "by_id", lambda outputs: outputs)
    with pytest.raises(AssertionError, match="order"):
        checks.check_order(Sound())
