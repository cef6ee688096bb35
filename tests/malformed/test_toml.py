"""Some 2,000 study files that are nearly right, read and planned: none ends as a bug of pauca."""

import random
import tomllib
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from pauca.study import plan, read_study
from pauca.study.toml import to_toml
from pauca.testing.malformed import mutations
from tests.malformed.conftest import TallyOf

STUDIES = sorted((Path(__file__).resolve().parents[2] / "studies").glob("*.toml"))
INPUTS = 2_000
Tree = dict[str, Any]
Place = tuple[Any, Any]

TEXTS = [
    "",
    "x",
    "\0",
    "../..",
    "a" * 3_000,
    "\x1b[2J",
    "\u202e",
    "random",
    "mnist",
    "openml:",
    "openml:9x",
    "path",
    "nan",
]
VALUES: list[Any] = [
    0,
    -1,
    1,
    2**63,
    -(2**64),
    10**400,
    0.0,
    -0.5,
    1e308,
    float("inf"),
    float("nan"),
    True,
    False,
    [],
    [[]],
    [0],
    [1, "a", 2.5],
    [{}],
    [{"name": 1}],
    [{"name": "random"}] * 3,
    {},
    {"name": []},
    {"name": {"name": "x"}},
    {"path": 3},
    {"a": {"b": {"c": {"d": 1}}}},
    [[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]],
    list(range(3_000)),
    *TEXTS,
]


def places(tree: Any) -> list[Place]:
    """Every entry of every table and list: (what holds it, its key)."""
    keys = tree if isinstance(tree, dict) else range(len(tree))
    inner = [(tree, key) for key in keys]
    deeper = [tree[key] for key in keys if isinstance(tree[key], dict | list)]
    return inner + [place for part in deeper for place in places(part)]


def mistyped(rng: random.Random, word: str) -> str:
    at = rng.randrange(len(word))
    return word[:at] + rng.choice(["", "x", word[at] * 2, "-", "é"]) + word[at + 1 :]


def typo(rng: random.Random, tree: Tree) -> None:
    holder, key = rng.choice([place for place in places(tree) if isinstance(place[1], str)])
    holder[mistyped(rng, key)] = holder.pop(key)


def other_value(rng: random.Random, tree: Tree) -> None:
    holder, key = rng.choice(places(tree))
    holder[key] = deepcopy(rng.choice(VALUES))


def wrong_size(rng: random.Random, tree: Tree) -> None:
    numbers = [(h, k) for h, k in places(tree) if type(h[k]) in (int, float)]
    holder, key = rng.choice(numbers)
    holder[key] *= rng.choice([-1, 0, 0.5, 10**6, 10**17, 1e-9])


def moved(rng: random.Random, tree: Tree) -> None:
    """One part stands in the place of another."""
    (there, key), (here, other) = rng.choice(places(tree)), rng.choice(places(tree))
    there[key] = deepcopy(here[other])


def added(rng: random.Random, tree: Tree) -> None:
    tables = [tree, *(h[k] for h, k in places(tree) if isinstance(h[k], dict))]
    words = ["name", "path", "pool", "factors", "unseen", "include", "frozen_features", "x"]
    rng.choice(tables)[rng.choice(words)] = deepcopy(rng.choice(VALUES))


def left_out(rng: random.Random, tree: Tree) -> None:
    holder, key = rng.choice(places(tree))
    del holder[key]


MUTATIONS: list[Callable[[random.Random, Tree], None]] = [
    typo,
    other_value,
    wrong_size,
    moved,
    added,
    left_out,
]


def malformed(rng: random.Random, source: Path) -> bytes:
    text = source.read_bytes()
    if rng.random() < 0.4:
        return next(mutations(text, rng.randrange(2**32), 1))[1]
    tree = tomllib.loads(text.decode())
    for _ in range(rng.choice([1, 1, 2])):
        rng.choice(MUTATIONS)(rng, tree)
    return to_toml(tree).encode()


def planned(path: Path, overrides: list[str]) -> None:
    plan(read_study(path, overrides), lambda data: 10)


def test_no_study_file_ends_as_a_bug(tmp_path: Path, tally: TallyOf) -> None:
    rng, found = random.Random(18), tally("studies")
    (tmp_path / "common").symlink_to(STUDIES[0].parent / "common")
    path = tmp_path / "study.toml"
    for number in range(INPUTS):
        source = rng.choice(STUDIES)
        path.write_bytes(malformed(rng, source))
        overrides = []
        if number % 5 == 0:
            key = rng.choice(
                ["active.query", "active.pool", "data", "factors.x", "models.x", "seed"]
            )
            overrides = [f"{key}={rng.choice(VALUES)!r}"[:4_000]]
        name = f"input {number} of {source.name} {overrides!r:.80}"
        found.open(name, partial(planned, path, overrides))
    assert not found.bugs, str(found)
    assert found.counts["fine"] > INPUTS / 20  # some are right still: they reach the plan
