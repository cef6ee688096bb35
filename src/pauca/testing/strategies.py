"""What every strategy must do, as checks that run over any of them."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pauca.errors import CapabilityError, InputError
from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.strategies.base import AbstractStrategy, make_strategy, strategies
from pauca.testing.fakes import fake_outputs
from pauca.testing.process import OtherProcess
from pauca.testing.variants import digest, double, poisoned, repeated, without

__all__ = ["STRATEGY_CHECKS", "check_other_process", "check_strategy"]

_N, _C, _D, _S, _L = 40, 4, 6, 5, 3
_COLUMNS = {"probs", "features", "members", "goodness", "layers"}


def check_strategy(
    strategy: AbstractStrategy | str, *, device: str = "cpu", process: OtherProcess | None = None
) -> None:
    """Run every check over a strategy, or over the one registered under a name.

    Args:
        strategy: What is checked.
        device: Where the Outputs lie.
        process: A second process to use; without one, one is started and ended here.

    Raises:
        AssertionError: the first rule that is broken.
    """
    if isinstance(strategy, str):
        strategy = make_strategy(strategy)
    for check in STRATEGY_CHECKS:
        check(strategy, device)
    if process is not None:
        check_other_process(strategy, process)
        return
    with OtherProcess() as own:
        check_other_process(strategy, own)


def check_description(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """It says what it is; the name it is registered under is its own."""
    for word in ("name", "family", "cost", "reference", "when"):
        value = getattr(strategy, word, None)
        _expect(isinstance(value, str) and bool(value.strip()), strategy, f"has no {word}")
    _expect(strategy.name == strategy.name.lower(), strategy, "has capitals in its name")
    _expect(isinstance(strategy.needs, frozenset), strategy, "has needs that are no frozenset")
    for name in strategies.names():
        if strategies.get(name) is type(strategy):
            _expect(name == strategy.name, strategy, f"is registered as {name!r}")


def check_choice(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """The answer holds k distinct ids of the pool, from none to all."""
    for k in (0, 1, 7, _N):
        _valid(strategy, _pool(strategy, device), k)


def check_size(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """More items than the pool holds, or fewer than none, are refused."""
    pool = _pool(strategy, device)
    for size, of in ((_N + 1, pool), (-1, pool), (1, pool.take(torch.arange(0)))):
        with _refused(InputError, strategy, f"k = {size} of {of.n} items"):
            _select(strategy, of, size)
        with _refused(InputError, strategy, f"k = {size} of {of.n} items in blocks"):
            _blockwise(strategy, of, size, 7)


def check_needs(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """Outputs without something it needs are refused by name."""
    pool = _pool(strategy, device)
    for need in strategy.needs - {"probs"}:
        with _refused(CapabilityError, strategy, f"Outputs without {need}", need):
            _select(strategy, without(pool, need), 3)


def check_repeatable(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """The same seed gives the same answer, and no global generator is read or changed."""
    pool = _pool(strategy, device)
    first = _select(strategy, pool, 7)
    before = _global_state()
    _expect(_select(strategy, pool, 7) == first, strategy, "answers differently the second time")
    _expect(_global_state() == before, strategy, "changes a global random generator")
    saved = torch.random.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)
        again = _select(strategy, pool, 7)
    finally:
        torch.random.set_rng_state(saved[0])
        random.setstate(saved[1])
        np.random.set_state(saved[2])
    _expect(again == first, strategy, "reads a global random generator")


def check_order(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """The answer depends neither on the order of the pool nor on that of the labelled items.

    Nor where items are equal: ties go by id, or by the generator.
    """
    labelled = _labelled(strategy, device)
    for pool in (_pool(strategy, device), repeated(_pool(strategy, device), 0)):
        expected = _select(strategy, pool, 7, labelled)
        for seed in range(3):
            g = generator_from(seed)
            mixed = pool.take(torch.randperm(pool.n, generator=g))
            other = labelled.take(torch.randperm(labelled.n, generator=g))
            found = _select(strategy, mixed, 7, other)
            _expect(found == expected, strategy, "depends on the order of the items")


def check_blocks(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """A pool in blocks of any size gives the answer of the pool in one piece."""
    pool, labelled = _pool(strategy, device), _labelled(strategy, device)
    for k in (1, 7, _N):
        expected = _select(strategy, pool, k, labelled)
        for size in (1, 7, _N):
            found = _blockwise(strategy, pool, k, size, labelled)
            _expect(found == expected, strategy, f"depends on blocks (of {size} items)")


def check_untouched(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """What it reads is the same afterwards, to the bit."""
    # in order of id already, so that what the strategy sees is no copy
    pool, labelled = _pool(strategy, device).by_id(), _labelled(strategy, device).by_id()
    before = digest(pool), digest(labelled)
    _select(strategy, pool, 7, labelled)
    _blockwise(strategy, pool, 7, 7, labelled)
    _expect((digest(pool), digest(labelled)) == before, strategy, "changes what it reads")


def check_labelled(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """It can do without labelled items, and reads them only if it says so."""
    pool = _pool(strategy, device)
    alone = _valid(strategy, pool, 7)
    labelled = _labelled(strategy, device)
    beside = _valid(strategy, pool, 7, labelled)
    if not strategy.reads_labelled:
        _expect(alone == beside, strategy, "reads labelled items without saying so")


def check_nan(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """NaN in anything it needs is refused before it is asked."""
    for name in {"probs", *strategy.needs} - {"members", "layers"}:
        with _refused(InputError, strategy, f"NaN in {name}"):
            _select(strategy, poisoned(_pool(strategy, device), name), 3)


def check_dtypes(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """Numbers in float32 and the same numbers in float64 give the same answer."""
    single, labelled = _pool(strategy, device), _labelled(strategy, device)
    for k in (1, 7, _N):
        found = _select(strategy, double(single), k, double(labelled))
        same = found == _select(strategy, single, k, labelled)
        _expect(same, strategy, "answers differently in float32 and float64")


def check_devices(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """The answer on this device is that of the CPU, in float64 whatever rounding does there."""
    if device == "cpu":
        return
    pool, labelled = double(_pool(strategy, "cpu")), double(_labelled(strategy, "cpu"))
    for k in (1, 7, _N):
        here = _select(strategy, pool, k, labelled)
        there = _select(strategy, pool.to(device), k, labelled.to(device))
        _expect(here == there, strategy, f"answers differently on {device} and on the CPU")


def check_degenerate(strategy: AbstractStrategy, device: str = "cpu") -> None:
    """Equal items, certain predictions, a single class, a single item: the answer stays valid."""
    pool, labelled = _pool(strategy, device), _labelled(strategy, device)
    equal = repeated(pool, 0)
    certain = torch.zeros_like(pool.probs)
    certain[..., 0] = 1
    cases = {
        "equal items": (equal, labelled),
        "certain predictions": (replace(pool, probs=certain), labelled),
        "a single class": (_pool(strategy, device, c=1), _labelled(strategy, device, c=1)),
        "two classes": (_pool(strategy, device, c=2), _labelled(strategy, device, c=2)),
    }
    if pool.features is not None:
        flat = replace(pool, features=torch.zeros_like(pool.features))
        cases["features that are all zero"] = (flat, labelled)
    for case, (items, beside) in cases.items():
        for k in (1, 7, _N):
            _valid(strategy, items, k, beside, f"with {case}")
            _valid(strategy, items, k, None, f"with {case}")
    _valid(strategy, pool.take(torch.arange(1)), 1, labelled, "with a single item")


def check_other_process(strategy: AbstractStrategy, process: OtherProcess) -> None:
    """The same seed gives the same answer in another process."""
    pool, labelled = _pool(strategy, "cpu"), _labelled(strategy, "cpu")
    expected = _select(strategy, pool, 7, labelled)
    found = process.call(_select, strategy, pool, 7, labelled)
    _expect(found == expected, strategy, "answers differently in another process")


STRATEGY_CHECKS: tuple[Callable[[AbstractStrategy, str], None], ...] = (
    check_description,
    check_choice,
    check_size,
    check_needs,
    check_repeatable,
    check_order,
    check_blocks,
    check_untouched,
    check_labelled,
    check_nan,
    check_dtypes,
    check_devices,
    check_degenerate,
)
"""Every check that needs one process only; each takes a strategy and a device."""


def _pool(strategy: AbstractStrategy, device: str, c: int = _C) -> Outputs:
    return _outputs(strategy, c, seed=1).to(device)


def _labelled(strategy: AbstractStrategy, device: str, c: int = _C) -> Outputs:
    return _outputs(strategy, c, seed=2, n=12, first=1000, labelled=True).to(device)


def _outputs(
    strategy: AbstractStrategy,
    c: int,
    *,
    seed: int,
    n: int = _N,
    first: int = 0,
    labelled: bool = False,
) -> Outputs:
    needs = strategy.needs
    return fake_outputs(
        n,
        c,
        _D if "features" in needs else 0,
        _S if "members" in needs else 1,
        _L if needs & {"goodness", "layers"} else 0,
        seed,
        labelled=labelled,
        extras=sorted(needs - _COLUMNS),
        first=first,
    )


def _select(
    strategy: AbstractStrategy, pool: Outputs, k: int, labelled: Outputs | None = None
) -> list[int]:
    return _listed(strategy, strategy.select(pool, labelled, k, generator_from(3)))


def _blockwise(
    strategy: AbstractStrategy, pool: Outputs, k: int, size: int, labelled: Outputs | None = None
) -> list[int]:
    parts = torch.split(torch.arange(pool.n), size)
    blocks = (pool.take(part.to(pool.ids.device)) for part in parts)
    chosen = strategy.select_from_blocks(blocks, labelled, k, generator_from(3))
    return _listed(strategy, chosen)


def _listed(strategy: AbstractStrategy, chosen: Tensor) -> list[int]:
    right = chosen.dtype == torch.int64 and chosen.ndim == 1
    _expect(right, strategy, f"answers with {chosen.dtype} of shape {list(chosen.shape)}")
    return [int(i) for i in chosen]


def _valid(
    strategy: AbstractStrategy,
    pool: Outputs,
    k: int,
    labelled: Outputs | None = None,
    where: str = "",
) -> list[int]:
    ids = _select(strategy, pool, k, labelled)
    _expect(len(ids) == k, strategy, f"chooses {len(ids)} items instead of {k} {where}")
    _expect(len(set(ids)) == k, strategy, f"chooses an item twice {where}")
    known = set(pool.ids.tolist())
    _expect(set(ids) <= known, strategy, f"chooses what is not in the pool {where}")
    return ids


def _global_state() -> tuple[object, ...]:
    kind, keys, *rest = np.random.get_state()
    numpys = (kind, np.asarray(keys).tobytes(), *rest)
    return torch.random.get_rng_state().numpy().tobytes(), random.getstate(), numpys


@contextmanager
def _refused(
    kind: type[Exception], strategy: AbstractStrategy, what: str, word: str = ""
) -> Iterator[None]:
    try:
        yield
    except kind as error:
        _expect(word in str(error), strategy, f"does not name {word!r} when it refuses {what}")
        return
    raise AssertionError(f"strategy {strategy.name!r} takes {what}")


def _expect(right: bool, strategy: AbstractStrategy, fault: str) -> None:
    if not right:
        name = getattr(strategy, "name", type(strategy).__name__)
        raise AssertionError(f"strategy {name!r} {fault.strip()}")
