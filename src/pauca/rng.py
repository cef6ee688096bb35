"""Independent named random streams, and the one way the global generator may be used.

Every random number of a study belongs to a stream derived by name from (study seed, repetition)
and, where a stream is needed again and again, an index such as the round. A stream never depends on
what was drawn from another one, so repetition r of every strategy sees the same initial set, the
same weights and the same batches, in any process and after a resume.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, get_args

import torch
from torch import Generator

from pauca.errors import InputError, shown

__all__ = ["StreamName", "Streams", "check_generator", "generator_from", "isolated", "split"]

StreamName = Literal[
    "split", "initial", "model", "strategy", "noise", "outputs", "analysis", "unknown", "watch"
]
_WIDE = 2**63
_NAMES: tuple[str, ...] = get_args(StreamName)


def _seed(*parts: object) -> int:
    """A 63-bit seed from a readable path; stable over versions, processes and machines."""
    text = "/".join(["pauca-1", *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator_from(seed: int) -> Generator:
    """A CPU generator with this seed."""
    return Generator().manual_seed(seed)


def _whole(value: object, where: str) -> int:
    """A number as it names a stream: NumPy's print otherwise."""
    if (
        isinstance(value, bool)
        or not isinstance(value, Integral)
        or not -_WIDE <= int(value) < _WIDE
    ):
        raise InputError(
            f"{where} names no random stream",
            expected="a whole number of 64 bits",
            got=shown(value),
            todo="pass 1, say",
        )
    return int(value)


@dataclass(frozen=True)
class Streams:
    """The named random streams of one repetition of a study.

    Args:
        study_seed: Seed of the whole study.
        repetition: Number of the repetition, from 0.
    """

    study_seed: int
    repetition: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no number: the streams are named by what it prints."""
        for name in ("study_seed", "repetition"):
            object.__setattr__(self, name, _whole(getattr(self, name), name))

    def generator(self, name: StreamName, *index: int) -> Generator:
        """A fresh generator at the start of stream ``name`` (at ``index``, such as the round).

        Raises:
            InputError: ``name`` is not one of the streams.
        """
        if not isinstance(name, str) or name not in _NAMES:
            raise InputError(
                "unknown random stream",
                expected=", ".join(_NAMES),
                got=shown(name),
                todo="choose one of these",
            )
        places = [_whole(place, "index") for place in index]
        return generator_from(_seed(self.study_seed, self.repetition, name, *places))


def check_generator(generator: object) -> Generator:
    """A source of random numbers.

    Raises:
        InputError: something else.
    """
    if not isinstance(generator, Generator):
        raise InputError(
            "the source of randomness is of the wrong kind",
            expected="a torch.Generator",
            got=shown(generator),
            todo="pass torch.Generator().manual_seed(seed)",
        )
    return generator


def split(generator: Generator, *names: str) -> tuple[Generator, ...]:
    """Independent child generators by name; ``generator`` itself advances by one draw.

    What is drawn from one child never changes another, so that, say, a longer training leaves the
    validation split as it was.
    """
    check_generator(generator)
    root = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    return tuple(generator_from(_seed("child", root, name)) for name in names)


@contextmanager
def isolated(generator: Generator) -> Iterator[None]:
    """Run code that can only draw from torch's global generator, seeded from ``generator``.

    Layer initialisation and stochastic layers of any ``torch.nn.Module`` read the global state. It
    is seeded on entry and put back on exit, so nothing leaks out in either direction.
    """
    check_generator(generator)
    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = list(range(torch.cuda.device_count())) if started else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        yield
