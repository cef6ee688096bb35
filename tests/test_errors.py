import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca import errors
from pauca.errors import PaucaError, RunError, UnknownNameError, nearest

LEAVES = [
    errors.CapabilityError,
    errors.DataError,
    errors.InputError,
    errors.RunError,
    errors.StoreError,
    errors.UsageError,
]


@pytest.mark.parametrize("kind", LEAVES)
def test_every_error_has_one_root_and_an_exit_code(kind: type[PaucaError]) -> None:
    assert issubclass(kind, PaucaError)
    assert kind("wrong").exit_code == (1 if kind is RunError else 2)


def test_every_public_error_is_tested_here() -> None:
    public = {getattr(errors, name) for name in errors.__all__}
    assert public - {PaucaError, UnknownNameError, nearest, errors.bounded, errors.shown} == set(
        LEAVES
    )


def test_a_message_says_everything_it_was_given_in_order() -> None:
    error = errors.InputError("k is wrong", expected="3", got=0, where="row 5", todo="ask for more")
    assert str(error) == ("k is wrong; expected: 3; got: 0; where: row 5; what to do: ask for more")
    assert str(errors.InputError("k is wrong")) == "k is wrong"


@pytest.mark.parametrize("kind", LEAVES)
def test_errors_cross_a_process_border_whole(kind: type[PaucaError]) -> None:
    error = kind("wrong", expected=[1], got=2, where="here", todo="that")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert (again.what, again.expected, again.got) == ("wrong", [1], 2)
    assert (again.where, again.todo) == ("here", "that")


def test_an_unknown_name_offers_the_nearest_known_one() -> None:
    error = UnknownNameError("strategy", "margn", ["random", "margin"], where="study.toml")
    assert "unknown strategy 'margn'" in str(error)
    assert "study.toml" in str(error)
    assert "did you mean 'margin'?" in str(error)
    assert isinstance(error, errors.UsageError)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is UnknownNameError
    assert str(again) == str(error)


def test_an_unknown_name_like_nothing_known_lists_them_all() -> None:
    assert "choose one of: margin, random" in str(
        UnknownNameError("strategy", "xyz", ["random", "margin"])
    )


@given(st.sets(st.text("abcdé-", max_size=6), min_size=1, max_size=6))
def test_a_known_name_is_nearest_to_itself(known: set[str]) -> None:
    for name in known:
        assert nearest(name, known) == name


def test_nothing_is_near_to_what_is_far() -> None:
    assert nearest("abc", ["xyz"]) is None
    assert nearest("abc", []) is None


def test_every_part_of_a_message_is_bounded() -> None:
    parts = {word: "x" * 10_000 for word in ("expected", "got", "where", "todo")}
    error = errors.DataError("y" * 10_000, **parts)
    assert len(str(error)) < 3_000
    assert "characters left out) ..." in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    for _ in range(50):
        error = error.at("a place" * 20)
    assert len(str(error)) < 3_000
    names = [f"name-{i}" for i in range(10_000)]
    assert len(str(UnknownNameError("thing", "zz" * 9_000, names))) < 3_000


def test_what_steers_a_terminal_is_written_by_its_code() -> None:
    error = errors.DataError("a\x1b[31mb", got="c\u202ed\ud800\x00", where="e\nf\u2028g")
    assert str(error) == r"a\x1b[31mb; got: c\u202ed\ud800\x00; where: e f\u2028g"
    assert "👩\u200d🔬" in str(errors.DataError("👩\u200d🔬"))


class Unsayable:
    def __repr__(self) -> str:
        raise RecursionError


def test_what_has_no_text_is_told_by_its_kind() -> None:
    assert errors.shown(10**5000) == "int of 16610 bits"
    assert errors.shown(Unsayable()) == "Unsayable"
    assert "got: Unsayable" in str(errors.InputError("wrong", got=Unsayable()))
    assert "unknown thing int of 16610 bits" in str(UnknownNameError("thing", 10**5000, ["a"]))


SOURCE = Path(errors.__file__).parent


def refusals(tree: ast.AST) -> Iterator[ast.Call]:
    """Every place where an error that a user can cause is made."""
    kinds = {kind.__name__ for kind in [PaucaError, *LEAVES]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in kinds:
            yield node


def test_every_refusal_has_something_to_do() -> None:
    lacking, met = [], 0
    for path in sorted(SOURCE.rglob("*.py")):
        for call in refusals(ast.parse(path.read_text(encoding="utf-8"))):
            met += 1
            given = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if given.get("todo", "None") in ("None", "''") and None not in given:
                lacking.append(f"{path.relative_to(SOURCE)}:{call.lineno}")
    assert met > 500
    assert not lacking
