"""Strategies called by hand on arrays from anywhere: a right answer or an error that says why."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from pauca.errors import InputError
from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.select import kmeans
from pauca.strategies import AbstractStrategy, make_strategy, strategies
from tests.select.watch import largest_tensor

NAMES = [n for n in strategies.names() if strategies.get(n).__module__.startswith("pauca.")]
_RNG = np.random.default_rng(5)
COLUMNS = {
    column: _RNG.random(20)
    for name in NAMES
    for column in make_strategy(name).needs - {"probs", "members", "features", "goodness", "layers"}
}
FEATURES = _RNG.normal(size=(20, 5))


def arrays(strategy: AbstractStrategy, c: int = 4, n: int = 20) -> dict[str, Any]:
    """Float64 arrays that hold whatever the strategy needs."""
    s = 6 if "members" in strategy.needs else 1
    probs = np.random.default_rng(c).dirichlet(np.ones(c), (s, 20))[:, :n]
    return {
        "probs": probs,
        "features": FEATURES[:n],
        "goodness": np.random.default_rng(c).gamma(2, 1, (20, c, 3))[:n],
        "extras": {name: column[:n] for name, column in COLUMNS.items()},
    }


def ask(strategy: AbstractStrategy, given: dict[str, Any], k: Any = 7) -> list[int]:
    pool = Outputs.from_arrays(**given)
    chosen: list[int] = strategy.select(pool, None, k, generator_from(0)).tolist()
    return chosen


def changed(given: dict[str, Any], change: Any) -> dict[str, Any]:
    extras = {name: change(column) for name, column in given["extras"].items()}
    return {
        "probs": change(given["probs"]),
        "features": change(given["features"]),
        "goodness": change(given["goodness"]),
        "extras": extras,
    }


@pytest.fixture(params=NAMES)
def strategy(request: pytest.FixtureRequest) -> AbstractStrategy:
    return make_strategy(request.param)


LAYOUTS: dict[str, Any] = {
    "fortran": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "long double": lambda x: x.astype(np.longdouble),
    "lists": lambda x: x.tolist(),
    "with gradient": lambda x: torch.tensor(x, requires_grad=True),
}


def test_how_the_numbers_lie_in_memory_changes_nothing(strategy: AbstractStrategy) -> None:
    given = arrays(strategy)
    wanted = ask(strategy, given)
    assert {name: ask(strategy, changed(given, layout)) for name, layout in LAYOUTS.items()} == (
        dict.fromkeys(LAYOUTS, wanted)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_floats_are_read_as_the_float32_they_stand_for(
    strategy: AbstractStrategy, dtype: torch.dtype
) -> None:
    given = arrays(strategy)
    # shares of 64 are the same numbers in every type, so that rows sum to 1 in each
    given["probs"] = np.random.default_rng(0).multinomial(64, given["probs"]) / 64
    short = changed(given, lambda x: torch.from_numpy(x).to(dtype))
    assert ask(strategy, short) == ask(strategy, changed(short, Tensor.float))


def test_any_number_of_classes(strategy: AbstractStrategy) -> None:
    for c in (1, 2, 1000):
        assert len(set(ask(strategy, arrays(strategy, c)))) == 7
        assert ask(strategy, arrays(strategy, c, n=1), 1) == [0]


def test_whole_numbers_of_numpy_are_whole_numbers(strategy: AbstractStrategy) -> None:
    given = arrays(strategy)
    wanted = ask(strategy, given, 7)
    assert all(ask(strategy, given, k) == wanted for k in (np.int64(7), np.int32(7), np.uint8(7)))


def test_what_is_no_number_of_picks_is_refused(strategy: AbstractStrategy) -> None:
    given = arrays(strategy)
    for k in (2.0, 2.5, True, np.True_, "2", None, -1, 21, float("nan")):
        with pytest.raises(InputError, match=r"k is out of range|more items asked for"):
            ask(strategy, given, k)


def test_only_a_torch_generator_is_a_source_of_randomness(strategy: AbstractStrategy) -> None:
    pool = Outputs.from_arrays(**arrays(strategy))
    wrong: list[Any] = [None, 3, np.random.default_rng(0)]
    for generator in wrong:
        with pytest.raises(InputError, match=r"torch\.Generator"):
            strategy.select(pool, None, 3, generator)
        with pytest.raises(InputError, match=r"torch\.Generator"):
            strategy.select_from_blocks([pool], None, 3, generator)


def test_bare_arrays_are_told_how_to_become_outputs(strategy: AbstractStrategy) -> None:
    given: Any = arrays(strategy)["probs"]
    pool, g = Outputs.from_arrays(**arrays(strategy)), generator_from(0)
    with pytest.raises(InputError, match=r"the pool is no Outputs.*from_arrays"):
        strategy.select(given, None, 3, g)
    with pytest.raises(InputError, match=r"the pool is no Outputs.*from_arrays"):
        strategy.select_from_blocks([given], None, 3, g)
    with pytest.raises(InputError, match=r"labelled is no Outputs.*from_arrays"):
        strategy.select(pool, given, 3, g)


def test_nothing_labelled_and_labelled_without_items_are_the_same(
    strategy: AbstractStrategy,
) -> None:
    pool = Outputs.from_arrays(**arrays(strategy))
    none = strategy.select(pool, None, 7, generator_from(0))
    assert torch.equal(strategy.select(pool, pool.take(none[:0]), 7, generator_from(0)), none)


@pytest.mark.parametrize("name", ["k-center", "k-center-pca"])
@pytest.mark.parametrize(
    ("features", "message"),
    [
        (None, "the labelled items' Outputs have no features"),
        (FEATURES[:3, :2], "labelled features has the wrong size"),
        (FEATURES[:3].astype(np.float32), "labelled features differ .* in type"),
    ],
)
def test_labelled_features_that_do_not_fit_are_refused(
    name: str, features: Any, message: str
) -> None:
    strategy = make_strategy(name)
    given = arrays(strategy)
    known = Outputs.from_arrays(given["probs"][:, :3], features=features)
    with pytest.raises(InputError, match=message):
        strategy.select(Outputs.from_arrays(**given), known, 3, generator_from(0))


@pytest.mark.parametrize(
    "name", ["k-center", "k-center-pca", "k-means", "badge", "sparse-code-center"]
)
def test_features_without_any_number_are_refused(name: str) -> None:
    strategy = make_strategy(name)
    with pytest.raises(InputError, match="d >= 1"):
        ask(strategy, {**arrays(strategy), "features": FEATURES[:, :0]})


@pytest.mark.parametrize(
    "name", [name for name in NAMES if make_strategy(name).needs & COLUMNS.keys()]
)
def test_a_column_with_two_numbers_an_item_is_refused(name: str) -> None:
    strategy = make_strategy(name)
    given = arrays(strategy)
    extras = {column: np.stack([one, one], 1) for column, one in given["extras"].items()}
    with pytest.raises(InputError, match="more than one number an item"):
        ask(strategy, {**given, "extras": extras})


def test_a_score_with_more_numbers_an_item_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    margin = make_strategy("margin")
    monkeypatch.setattr(type(margin), "score", lambda _, pool: pool.probs[0])
    with pytest.raises(InputError, match="the score of margin has more than one number"):
        ask(margin, arrays(margin))


@pytest.mark.parametrize("name", ["k-center", "k-center-pca", "k-means", "badge", "margin"])
@pytest.mark.parametrize("mode", ["r", "c"])
def test_memory_mapped_arrays_are_read_in_place(
    name: str, mode: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file to the choice nothing of the size of the features is made."""
    monkeypatch.setattr(kmeans, "_PAIRS", 2**16)
    n, d = 6000, 128
    g = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", g.normal(size=(n, d)).astype(np.float32))
    probs = g.dirichlet(np.ones(3), n).astype(np.float32)
    mapped = np.load(tmp_path / "x.npy", mmap_mode=mode)
    strategy = make_strategy(name, **({"rounds": 2} if name == "k-means" else {}))
    found = list[Tensor]()

    def choose() -> None:
        pool = Outputs.from_arrays(probs, features=mapped)
        assert pool.features is not None
        assert pool.features.data_ptr() == mapped.ctypes.data
        found.append(strategy.select(pool, None, 6, Generator().manual_seed(0)))

    assert largest_tensor(choose) <= n * d * 4 / 1.4
    whole = Outputs.from_arrays(probs, features=np.array(mapped))
    assert torch.equal(found[0], strategy.select(whole, None, 6, Generator().manual_seed(0)))
