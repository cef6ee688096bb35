"""From a file to settings in which nothing is left open, and every mistake told where it is."""

import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from pauca.errors import DataError, PaucaError, UnknownNameError, UsageError
from pauca.study import StudySettings, read_study, settings_from
from pauca.study.checking import check_device
from pauca.study.plan import load_items, plan
from pauca.study.toml import to_toml
from tests.study.plugin import study

TEXT = """
name = "first"
seed = 7
[data]
name = "tiny"
n = 90
[active]
strategies = ["random", { name = "margin" }]
initial = 6
query = 5
budget = 21
[active.learner]
name = "fake"
[models]
learners = ["fake", { name = "fake", warm = true }]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_default_is_written_down(tmp_path: Path) -> None:
    fake = {"name": "fake", "pause": 0.0, "warm": False, "fault": "", "at": 0, "mark": ""}
    assert read_study(write(tmp_path, TEXT)).plain() == {
        "name": "first",
        "seed": 7,
        "threads": 1,
        "device": "cpu",
        "data": {"name": "tiny", "n": 90, "seed": 0},
        "active": {
            "repetitions": 5,
            "strategies": [{"name": "random"}, {"name": "margin"}],
            "initial": 6,
            "initial_strategy": {"name": "random"},
            "query": 5,
            "budget": 21,
            "learner": fake,
            "pool": {"size": None, "imbalance": 1.0, "redundancy": 0.0, "noise": 0.0},
            "upper_bound": False,
        },
        "models": {
            "repetitions": 3,
            "learners": [fake, {**fake, "warm": True}],
            "train_size": None,
        },
    }


def test_plain_values_give_the_same_study_again(tmp_path: Path) -> None:
    settings = read_study(write(tmp_path, TEXT))
    assert settings_from(settings.plain()) == settings
    again = write(tmp_path, to_toml(settings.plain()))
    assert read_study(again) == settings


def test_settings_are_frozen() -> None:
    settings = settings_from(study())
    with pytest.raises(ValueError, match="frozen"):
        settings.seed = 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sede": 1}, r"unknown key 'sede'; where: the study; what to do: did you mean 'seed'\?"),
        (
            {"active__budgte": 1},
            r"unknown key 'budgte'; where: the study, section \[active\].*'budget'\?",
        ),
        (
            {"active__learner": {"name": "fake", "paus": 1}},
            r"unknown setting of learner 'fake' 'paus'; where: the study, section \[active\], "
            r"learner; what to do: did you mean 'pause'\?",
        ),
        (
            {"active__strategies": ["random", "margn"]},
            r"unknown strategy 'margn'; where: .*strategies\[1\].*'margin'\?",
        ),
        ({"data": {"name": "tiney"}}, r"unknown data set 'tiney'.*section \[data\].*'tiny'\?"),
        ({"data": {"name": "tiny", "m": 3}}, r"unknown setting of data set 'tiny' 'm'"),
        ({"data": {}}, r"data set is not named; expected: either `name` or `path`; got: neither"),
        ({"data": {"name": "tiny", "path": "x"}}, r"named twice; .*got: name, path"),
        ({"data": {"path": ""}}, r"the path is empty; .*section \[data\], key 'path'"),
        (
            {"active__budget": "many"},
            r"value of 'budget' does not fit; expected: a valid integer; got: 'many'; "
            r"where: the study, section \[active\]",
        ),
        ({"active__query": 0}, r"'query' does not fit; expected: greater than or equal to 1"),
        ({"active__query": True}, r"'query' does not fit"),
        ({"active__query": 2.0}, r"'query' does not fit"),
        (
            {"active__initial": 50},
            r"budget is smaller than the initial set; expected: budget >= 50",
        ),
        ({"active__strategies": []}, r"'strategies' does not fit"),
        ({"active__strategies": ["random", "random"]}, r"'random' is listed twice"),
        (
            {"active__strategies": [{"nam": "random"}]},
            r"'strategies\[0\]' does not fit; expected: a name,.*section \[active\]",
        ),
        ({"active__strategies": [3]}, r"got: 3"),
        ({"active__learner": {"name": "fake", "pause": "long"}}, r"a valid number.*'pause'"),
        ({"active": None}, r"nothing to do; expected: a section \[active\], \[models\] or"),
        ({"active": 3}, r"'active' does not fit"),
        ({"seed": -1}, r"'seed' does not fit"),
        ({"name": "a/b"}, r"'name' does not fit"),
        ({"threads": 0}, r"'threads' does not fit"),
    ],
)
def test_mistakes_are_told_where_they_are(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings_from(study(**change))


@pytest.mark.parametrize("key", ["name", "data"])
def test_missing_key(key: str) -> None:
    plain = study()
    del plain[key]
    with pytest.raises(UsageError, match=rf"the key '{key}' is missing"):
        settings_from(plain)


def test_an_unknown_name_stays_one() -> None:
    with pytest.raises(UnknownNameError):
        settings_from(study(active__learner={"name": "fakt"}))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read.*No such file.*nowhere.toml"):
        read_study(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_study(tmp_path)
    with pytest.raises(UsageError, match=r"not well-formed TOML.*line 2"):
        read_study(write(tmp_path, "a = 1\nb = = 2\n"))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(UsageError, match="not UTF-8"):
        read_study(tmp_path / "latin.toml")


def test_a_relative_path_of_data_starts_at_the_file(tmp_path: Path) -> None:
    """Options of the format are written down with their defaults, too."""
    (tmp_path / "pool").mkdir()
    rows = "".join(f"{i},{-i},{'ab'[i % 2]}\n" for i in range(12))
    (tmp_path / "pool" / "rows.csv").write_text(f"u,v,kind\n{rows}")
    text = TEXT.replace('name = "tiny"\nn = 90', 'path = "pool/rows.csv"\nlabel = "kind"')
    settings = read_study(write(tmp_path, text))
    data = settings.data
    assert (data["path"], data["label"]) == (str(tmp_path / "pool" / "rows.csv"), "kind")
    assert "test_fraction" in data
    assert settings_from(settings.plain()) == settings
    assert load_items(data).classes == ("a", "b")


def test_data_that_are_not_there(tmp_path: Path) -> None:
    text = TEXT.replace('name = "tiny"\nn = 90', 'path = "pool/rows.csv"')
    with pytest.raises(DataError, match=r"no such file or folder.*section \[data\]"):
        read_study(write(tmp_path, text))


def test_a_table_of_openml_is_named_by_its_number() -> None:
    data = settings_from(study(data={"name": "openml:61"})).data
    assert (data["name"], data["id"]) == ("openml:61", 61)
    assert settings_from(study(data=data)).data == data


def test_toml_of_odd_values() -> None:
    text = to_toml({"a b": 1e-7, "t": True, "s": 'quo"te\n\u00e9', "x": {"l": [1, {"k": [2.5]}]}})
    import tomllib

    assert tomllib.loads(text) == {
        "a b": 1e-7,
        "t": True,
        "s": 'quo"te\n\u00e9',
        "x": {"l": [1, {"k": [2.5]}]},
    }
    with pytest.raises(PaucaError, match="cannot be written"):
        to_toml({"a": object()})


def test_model_of_settings_is_public() -> None:
    assert isinstance(settings_from(study()), StudySettings)


@pytest.mark.parametrize(
    ("section", "typo", "meant"),
    [
        ("active.pool", "noize", "noise"),
        ("active.discovery", "exemplar", "exemplars"),
        ("active", "upper_bond", "upper_bound"),
        ("models", "train_sise", "train_size"),
        ("emergence", "item", "items"),
        ("emergence.unseen", "clases", "classes"),
    ],
)
def test_an_unknown_key_at_any_depth(tmp_path: Path, section: str, typo: str, meant: str) -> None:
    text = f'{TEXT}\n[emergence]\nlearners = ["fake"]\n'
    head = f"[{section}]\n"
    text = text.replace(head, f"{head}{typo} = 0.1\n") if head in text else f"{text}{head}{typo}=1"
    place = section.replace(".", r"\.")
    with pytest.raises(
        UnknownNameError,
        match=rf"unknown key '{typo}'; where: .*section \[{place}\]; .*did you mean '{meant}'\?",
    ):
        read_study(write(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed = " + "9" * 5_000, r"not well-formed TOML; got: Exceeds the limit"),
        ("seed = 0x" + "f" * 5_000, r"'seed' cannot be one of a study; expected: .*64 bits"),
        ("seed = inf", r"'seed' cannot be.*finite"),
        ("seed = 1979-05-27", r"'seed' cannot be one of a study.*got: datetime.date"),
        ('name = "a\\u0000b"', r"'name' cannot be .*without NUL"),
        ("seed = { a = 1 }", r"'seed' does not fit; expected: a valid integer; got: {'a': 1}"),
        ("seed = " + "[" * 900 + "]" * 900, "too deep"),
        ("seed = " + "[" * 40 + "]" * 40, "too deep"),
        ("seed." + "a." * 5_000 + "b = 1", "too deep"),
        ("models = 3\nseed = 1", r"'models' does not fit; expected: a table of settings"),
    ],
)
def test_values_that_no_study_holds(tmp_path: Path, line: str, message: str) -> None:
    text = "\n".join(row for row in TEXT.splitlines() if not row.startswith("seed"))
    if line.startswith("models"):
        text = text.split("[models]")[0]
    if line.startswith("name"):
        text = text.replace('name = "first"', "")
    with pytest.raises(UsageError, match=message) as caught:
        read_study(write(tmp_path, f"{line}\n{text}"))
    assert caught.value.todo
    assert len(str(caught.value)) < 2_500


def test_a_mark_at_the_beginning_and_line_ends_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert read_study(path) == read_study(write(tmp_path, TEXT))


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        read_study(tmp_path / "pipe.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_study("a\0b.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(UsageError, match="too large"):
        read_study(tmp_path / "large.toml")


def test_includes_that_go_round_or_grow(tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / f"{i}.toml").write_text(f'include = ["{i + 1}.toml", "{i + 1}.toml"]')
    (tmp_path / "12.toml").write_text("seed = 1")
    with pytest.raises(UsageError, match="includes too many files"):
        read_study(tmp_path / "0.toml")
    (tmp_path / "12.toml").write_text('include = "3.toml"')
    with pytest.raises(UsageError, match=r"includes itself; got: 0\.toml -> 1\.toml"):
        read_study(tmp_path / "0.toml")
    with pytest.raises(UsageError, match="without NUL"):
        read_study(write(tmp_path, 'include = "a\\u0000.toml"'))


def test_a_grid_of_millions_is_counted_and_not_made(tmp_path: Path) -> None:
    """10 factors of 1,000 levels: 10^30 combinations in less than the file itself takes."""
    levels = ", ".join(map(str, range(1000)))
    grid = "\n".join(f'"active.learner.s{i}" = [{levels}]' for i in range(10))
    path = write(tmp_path, f"{TEXT}\n[factors]\n{grid}\n")
    tracemalloc.start()
    with pytest.raises(
        UsageError, match=r"1,000,000,000,.* combinations; expected: at most 10,000"
    ):
        read_study(path)
    assert tracemalloc.get_traced_memory()[1] < 20 * path.stat().st_size
    tracemalloc.stop()


@pytest.mark.parametrize(
    "change",
    [
        {"active__repetitions": 10**9},
        {"models": {"repetitions": 10**12, "learners": ["fake"]}},
        {"emergence": {"learners": ["fake"], "unseen": {"repetitions": 10**9}}},
    ],
)
def test_runs_are_counted_before_they_are_listed(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"the study has [\d,]+ runs; expected: at most 1,000,000"):
        settings_from(study(**change))
    with pytest.raises(UsageError, match=r"the study has [\d,]+ runs"):
        plan(
            settings_from(study(emergence={"learners": ["fake"], "unseen": {}})), lambda data: 10**6
        )


def test_the_number_of_runs_is_that_of_the_plan() -> None:
    plain = study(
        active__upper_bound=True,
        models={"repetitions": 2, "learners": ["fake", {"name": "fake", "warm": True}]},
        emergence={"learners": ["fake"], "unseen": {"repetitions": 2}},
    )
    settings = settings_from(plain)
    assert settings.runs(10) == len(plan(settings, lambda data: 10))


@pytest.mark.parametrize("raw", [3, None, [1], {"a": object()}, {"a": {1, 2}}, {"a": "\ud800"}])
def test_studies_from_python_that_are_none(raw: Any) -> None:
    with pytest.raises(UsageError):
        settings_from(raw)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("active.query", "has no value"),
        ("=3", "has no value"),
        ("activ.query=3", "names no setting"),
        ("active.query.deep=3", "leads nowhere"),
        ("active..query=3", "unknown key ''"),
        ("factors=3", "has no levels"),
        ('factors."active.query"=3', "has no levels"),
        ("active.query=" + "9" * 5_000, "does not fit"),
        ("active.query=nan", "finite"),
        ("active.query=" + "[" * 5_000, "does not fit"),
        ("active.query=3\nbudget=1", "does not fit"),
    ],
)
def test_overrides_that_say_nothing(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_study(write(tmp_path, TEXT), [override])
    for factors in ("factors = 3", "factors = [1]", "[factors]\nx = 3"):
        with pytest.raises(UsageError):
            read_study(write(tmp_path, f"{TEXT if '[' in factors else ''}\n{factors}"), [override])


@pytest.mark.parametrize("name", ["", "meta", "cuda:99", "xla", "cpu:x", "\0", "mps:7"])
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(UsageError, match="device"):
        check_device(name)
