import hashlib
from typing import get_args

import pytest
import torch
from torch import Generator

from pauca import rng
from pauca.errors import InputError
from pauca.rng import StreamName, Streams, generator_from, isolated, split
from pauca.testing.process import OtherProcess

NAMES: tuple[StreamName, ...] = get_args(StreamName)


def draw(generator: Generator, count: int = 4) -> list[int]:
    return torch.randint(2**40, (count,), generator=generator).tolist()


def test_a_stream_starts_afresh_whenever_it_is_asked_for() -> None:
    streams = Streams(1, 2)
    assert draw(streams.generator("model", 3)) == draw(streams.generator("model", 3))
    assert draw(Streams(1, 2).generator("noise")) == draw(streams.generator("noise"))


def test_streams_of_different_names_seeds_repetitions_and_rounds_differ() -> None:
    found = {
        tuple(draw(Streams(seed, repetition).generator(name, *index)))
        for seed in (0, 1)
        for repetition in (0, 1, 10)
        for name in NAMES
        for index in ((), (0,), (1,), (10,), (1, 0))
    }
    assert len(found) == 2 * 3 * len(NAMES) * 5


def test_a_seed_is_a_hash_of_a_readable_path() -> None:
    digest = hashlib.sha256(b"pauca-1/7/2/model/3").digest()
    expected = generator_from(int.from_bytes(digest[:8], "big") >> 1)
    assert draw(Streams(7, 2).generator("model", 3)) == draw(expected)


def test_an_unknown_stream_is_refused() -> None:
    with pytest.raises(InputError, match="expected: split, initial, model"):
        Streams(0).generator("weights")  # type: ignore[arg-type]


def path_of(seed: int) -> tuple[list[int], list[list[int]]]:
    generator = Streams(seed).generator("strategy", 1)
    return draw(generator), [draw(child) for child in split(generator, "a", "b")]


def test_streams_are_the_same_in_another_process(other_process: OtherProcess) -> None:
    assert other_process.call(path_of, 5) == path_of(5)


def test_children_depend_on_their_own_name_alone() -> None:
    a, b = split(generator_from(0), "a", "b")
    (alone,) = split(generator_from(0), "b")
    draw(a, 1000)
    assert draw(b) == draw(alone)
    assert draw(generator_from(0)) != draw(b)


def test_splitting_advances_the_parent_by_one_draw() -> None:
    one, other = generator_from(0), generator_from(0)
    split(one, "a", "b", "c")
    torch.randint(2**62, (), generator=other)
    assert draw(one) == draw(other)


def test_isolated_code_draws_from_the_generator_and_leaks_nothing() -> None:
    before = torch.random.get_rng_state()
    with isolated(generator_from(3)):
        first = torch.nn.Linear(4, 4).weight.detach().clone()
    assert torch.equal(torch.random.get_rng_state(), before)
    with isolated(generator_from(3)):
        again = torch.nn.Linear(4, 4).weight.detach().clone()
    with isolated(generator_from(4)):
        other = torch.nn.Linear(4, 4).weight.detach().clone()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_isolated_puts_the_state_back_after_an_error() -> None:
    before = torch.random.get_rng_state()
    with pytest.raises(RuntimeError), isolated(generator_from(0)):
        torch.nn.Linear(4, 4)(torch.rand(3))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_public_name_is_there() -> None:
    assert all(hasattr(rng, name) for name in rng.__all__)
