from pauca.report import about
from pauca.report.view import read_study
from pauca.store import MemoryStore
from tests.report.studies import Plan, study


def facts(store: MemoryStore) -> dict[str, str]:
    rows = about.provenance_table(read_study(store)).rows
    return {row[0].text: row[1].text for row in rows}


def test_every_setting_is_shown() -> None:
    rows = about.settings_table(read_study(study(Plan(repetitions=1, rounds=1)))).rows
    shown = {row[0].text: row[1].text for row in rows}
    assert shown["active.learner.rate"] == "0.001"
    assert shown["active.strategies.2.name"] == "margin"
    assert shown["seed"] == "1"


def test_versions_seeds_data_and_times_are_shown() -> None:
    shown = facts(study(Plan(repetitions=2, rounds=1)))
    assert shown["versions.torch"] == "2.13.0"
    assert shown["study seed"] == "1"
    assert shown["repetitions"].startswith("2, each")
    assert shown["git"] == "none"
    assert shown["data.train"] == "1437"
    assert shown["data.classes"].startswith("class 0, class 1, ")
    assert shown["begun"].endswith("UTC")
    assert shown["work, summed over runs"].endswith("s")


def test_many_classes_are_counted_not_named() -> None:
    assert facts(study(Plan(repetitions=1, rounds=1, classes=62)))["data.classes"] == "62"


def test_a_study_not_begun_says_so() -> None:
    shown = facts(study(Plan(unfinished=999)))
    assert shown["begun"] == "not yet"
    empty = facts(MemoryStore())
    assert empty["study seed"] == "not recorded"
    assert empty["repetitions"].startswith("0, each")


def test_stops_are_counted() -> None:
    store = study(Plan(repetitions=1, rounds=1))
    store.put_meta("resume.1", {})
    store.put_meta("resume.2", {})
    assert facts(store)["gone on with after a stop"] == "2 times"


def test_what_changed_after_a_stop_is_shown() -> None:
    store = study(Plan(repetitions=1, rounds=1))
    store.put_meta("resume.1", {"versions": {"torch": "2.14.0"}, "command": ["pauca", "resume"]})
    shown = facts(store)
    assert shown["versions.torch"] == "2.13.0"
    assert shown["versions.torch, after a stop"] == "2.14.0"
    assert sum("after a stop" in name for name in shown) == 2


def test_the_command_can_be_pasted() -> None:
    assert about.command(read_study(study())) == "pauca run 'a study.toml' --out there"
    store = MemoryStore()
    assert about.command(read_study(store)) == ""
    store.put_meta("provenance", {"command": ["/somewhere/pauca/__main__.py", "demo"]})
    assert about.command(read_study(store)) == "python -m pauca demo"


def test_equal_failures_are_told_once() -> None:
    error = "Traceback\n  here\nRuntimeError: boom"
    view = read_study(study(Plan(repetitions=2, fails={0: error, 5: error, 2: "other"}), parts="a"))
    found = about.failures(view)
    assert [(f.what, f.runs) for f in found] == [
        ("RuntimeError: boom", ("random, repetition 1", "margin, repetition 2")),
        ("other", ("entropy, repetition 1",)),
    ]
    assert found[0].text == error


def test_a_long_error_keeps_its_end() -> None:
    error = "x" * 50_000 + "\nValueError: last"
    found = about.failures(read_study(study(Plan(repetitions=1, fails={0: error}), parts="a")))
    assert len(found[0].text) == 6000
    assert found[0].text.endswith("ValueError: last")


def test_state_of_a_study() -> None:
    assert about.state_words(read_study(study(Plan(repetitions=1, rounds=1)))) == ""
    assert "no runs yet" in about.state_words(read_study(MemoryStore()))
    view = read_study(study(Plan(repetitions=2, rounds=1, fails={0: "x"}, unfinished=3), parts="a"))
    assert "4 of 8 runs are done (1 failed, 3 pending)" in about.state_words(view)
