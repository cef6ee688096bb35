"""Studies that cross settings, files that include others, and what the command line overrides."""

import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca.errors import UsageError
from pauca.study import plan, read_study, settings_from
from pauca.study.composing import composed
from pauca.study.factors import combinations, placed, shown_level
from pauca.study.reading import variants
from tests.study.plugin import study

SMALL = {"active__strategies": ["random"], "active__repetitions": 1}


def crossed(**factors: Any) -> dict[str, Any]:
    named = {name.replace("__", "."): levels for name, levels in factors.items()}
    return {**study(**SMALL), "factors": named}


def runs_of(plain: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(run.settings) for run in plan(settings_from(plain), lambda data: 10)]


def test_every_combination_is_a_study() -> None:
    plain = crossed(active__query=[2, 7], active__learner__pause=[0.0, 0.1, 0.2])
    met = [(s["query"], s["learner"]["pause"]) for s in runs_of(plain)]
    assert met == list(product([2, 7], [0.0, 0.1, 0.2]))


def test_a_variant_is_the_study_written_by_hand() -> None:
    for variant in variants(settings_from(crossed(active__query=[2, 7]))):
        by_hand = settings_from(study(**SMALL, active__query=variant.levels["active.query"]))
        assert variant.settings == by_hand


def test_what_is_the_same_at_several_levels_is_done_once() -> None:
    plain = {**crossed(active__query=[2, 7]), "models": {"repetitions": 2, "learners": ["fake"]}}
    kinds = [run.kind for run in plan(settings_from(plain), lambda data: 10)]
    assert kinds.count("active") == 2
    assert kinds.count("model") == 2


def test_runs_are_balanced_over_repetitions() -> None:
    plain = crossed(active__query=[2, 7])
    plain["active"]["repetitions"] = 2
    assert [(s["repetition"], s["query"]) for s in runs_of(plain)] == [
        (0, 2),
        (0, 7),
        (1, 2),
        (1, 7),
    ]


def test_levels_that_decide_several_settings() -> None:
    levels = [
        {"data": {"name": "tiny", "n": 70}, "active.budget": 16},
        {"data": {"name": "tiny", "n": 90}, "active.budget": 11},
    ]
    met = [(s["data"]["n"], s["budget"]) for s in runs_of(crossed(set=levels))]
    assert met == [(70, 16), (90, 11)]


def test_paths_of_a_level_may_be_tables_in_tables() -> None:
    """As TOML reads ``{ data.name = "tiny", active.budget = 16 }``."""
    flat = [{"data": {"name": "tiny"}, "active.budget": 16}]
    nested = [{"data": {"name": "tiny"}, "active": {"budget": 16}}]
    assert runs_of(crossed(set=flat)) == runs_of(crossed(set=nested))


def test_a_factor_may_choose_what_learns_and_then_one_of_its_settings() -> None:
    fakes = [{"name": "fake"}, {"name": "fake", "warm": True}]
    plain = crossed(active__learner__pause=[0.0, 0.1], active__learner=fakes)
    met = [(s["learner"]["pause"], s["learner"]["warm"]) for s in runs_of(plain)]
    assert met == [(0.0, False), (0.0, True), (0.1, False), (0.1, True)]


def test_defaults_do_not_stand_in_the_way_of_a_level() -> None:
    plain = crossed(active__learner__epochs=[1, 2])
    plain["active"]["learner"] = "backprop"  # whose steps are 500 unless it has epochs
    assert [(s["learner"]["epochs"], s["learner"]["steps"]) for s in runs_of(plain)] == [
        (1, None),
        (2, None),
    ]


def test_plain_values_give_the_study_again() -> None:
    settings = settings_from(crossed(active__query=[2, 7]))
    assert settings_from(settings.plain()) == settings


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({}, "there is no factor"),
        ({"active.query": 3}, "has no levels"),
        ({"active.query": []}, "no levels"),
        ({"active.query": [3, 3]}, "a level twice"),
        ({"query": [3, 4]}, "names no setting"),
        ({"active.query": [3], "both": [{"active.query": 4}]}, "two factors decide"),
        ({"both": [{"active.query": 4}, {"active.budget": 9}]}, "decide different settings"),
        ({"active.strategies.name": ["random"]}, "leads nowhere"),
        ({"active.query": [3, "x"]}, "does not fit"),
        ({"active.qerry": [3]}, "qerry"),
        ({"active.query": [3], "active.learner": ["fake", "fale"]}, "fale"),
    ],
)
def test_what_makes_no_sense_is_refused(factors: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings_from({**study(**SMALL), "factors": factors})


def test_a_refused_combination_is_named() -> None:
    with pytest.raises(UsageError, match=r"active\.budget = 3"):
        settings_from(crossed(active__budget=[20, 3]))


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.integers(), min_size=1, max_size=4, unique=True)
    )
)
def test_combinations_are_the_product(factors: dict[str, list[int]]) -> None:
    found = list(combinations(factors))
    assert [tuple(each.values()) for each in found] == list(product(*factors.values()))


def test_what_is_placed_changes_nothing_that_was_given() -> None:
    raw = {"active": {"learner": {"name": "fake"}}}
    found = placed(raw, {"active.learner.pause": 1.0, "active.pool.noise": 0.1})
    assert raw == {"active": {"learner": {"name": "fake"}}}
    assert found["active"] == {"learner": {"name": "fake", "pause": 1.0}, "pool": {"noise": 0.1}}


def test_levels_in_words() -> None:
    assert shown_level({"name": "fake", "warm": True}) == "fake, warm True"
    assert shown_level({"active.query": 3, "active.budget": 9}) == "query 3, budget 9"
    assert shown_level([{"name": "a"}, {"name": "b"}]) == "a + b"


def written(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder / "own.toml"


BASE = """
name = "base"
seed = 3
[data]
name = "digits"
[active]
strategies = ["random", "margin"]
initial = 20
query = 10
budget = 40
learner = { name = "backprop", steps = 10 }
"""


def test_what_a_file_includes_comes_below_it(tmp_path: Path) -> None:
    own = 'include = ["base.toml"]\nname = "own"\n[active]\nstrategies = ["random"]\nquery = 5'
    found = read_study(written(tmp_path, base=BASE, own=own))
    assert (found.name, found.seed, found.data["name"]) == ("own", 3, "digits")
    assert found.active is not None
    assert [s["name"] for s in found.active.strategies] == ["random"]
    assert (found.active.query, found.active.budget) == (5, 40)


def test_the_kept_text_says_all_in_one_file(tmp_path: Path) -> None:
    own = 'include = "base.toml"\n[factors]\n"active.query" = [5, 10]\n"active.pool.noise" = [0.1]'
    path = written(tmp_path, base=BASE, own=own)
    raw, text = composed(path, ["active.budget=30"])
    assert tomllib.loads(text) == raw
    assert settings_from(raw) == settings_from(tomllib.loads(text))


def test_a_choice_is_replaced_whole(tmp_path: Path) -> None:
    own = 'include = ["base.toml"]\n[active]\nlearner = { name = "bp-ff" }'
    raw, _ = composed(written(tmp_path, base=BASE, own=own))
    assert raw["active"]["learner"] == {"name": "bp-ff"}


def test_paths_of_data_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    base = BASE.replace('name = "digits"', 'path = "mine.csv"')
    written(tmp_path / "below", base=base)
    own = written(tmp_path, own='include = ["below/base.toml"]')
    assert composed(own)[0]["data"]["path"] == str(tmp_path / "below" / "mine.csv")
    levels = '[{ path = "a.csv" }, { name = "digits" }]'
    own = written(tmp_path, own=f'include = ["below/base.toml"]\n[factors]\ndata = {levels}')
    factors = composed(own)[0]["factors"]
    assert factors["data"] == [{"path": str(tmp_path / "a.csv")}, {"name": "digits"}]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ('include = ["own.toml"]', "includes itself"),
        ('include = ["none.toml"]', "cannot be read"),
        ("include = [3]", "does not fit"),
        ('include = ["base.toml"]\nqery = 3', "qery"),
    ],
)
def test_includes_that_cannot_be(tmp_path: Path, own: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_study(written(tmp_path, base=BASE, own=own))


def test_overrides_win(tmp_path: Path) -> None:
    path = written(tmp_path, own=BASE)
    found = read_study(
        path,
        ["active.query=5", "active.learner.steps = 7", "name=other", 'data.name="fashion-mnist"'],
    )
    assert found.active is not None
    assert (found.name, found.active.query, found.data["name"]) == ("other", 5, "fashion-mnist")
    assert found.active.learner["steps"] == 7
    crossed_over = read_study(path, ['factors."active.query"=[5, 10]'])
    assert crossed_over.factors == {"active.query": [5, 10]}


def test_an_override_takes_a_factor_s_place(tmp_path: Path) -> None:
    path = written(tmp_path, own=BASE + '[factors]\n"active.query" = [5, 10]')
    assert read_study(path, ["active.query=4"]).factors is None
    together = BASE + '[factors]\nboth = [{ "active.query" = 5 }]'
    with pytest.raises(UsageError, match="together with others"):
        read_study(written(tmp_path, own=together), ["active.query=4"])


@pytest.mark.parametrize("override", ["active.query", "=3", "query=3", "active.strategies.a=1"])
def test_overrides_that_say_nothing(tmp_path: Path, override: str) -> None:
    with pytest.raises(UsageError, match=r"--set|leads nowhere"):
        read_study(written(tmp_path, own=BASE), [override])
