"""The command line: what it prints, where, and its exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import pauca
from pauca.cli import main
from tests.study.helpers import numbers, rounds_kept, until
from tests.study.plugin import NAME, study

TEXT = """
name = "quick"
seed = 5
[data]
name = "tiny"
[active]
repetitions = 2
strategies = ["random", "margin"]
initial = 6
query = 5
budget = 20
[active.learner]
name = "fake"
[models]
repetitions = 2
learners = ["fake"]
"""

COMMANDS = ("demo", "run", "resume", "status", "report", "export", "merge", "list", "label")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line here: exit code, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are worked on in this process, which is quicker."""
    from pauca.study import runner

    monkeypatch.setattr(runner, "_workers", lambda wanted, settings: 0)


def write(folder: Path, text: str = TEXT) -> Path:
    path = folder / "quick.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_help_is_light() -> None:
    """Nothing heavy is loaded, whatever the processor is busy with; so it is quick."""
    code = """if True:
        import sys
        from pauca.__main__ import main
        sys.argv = ["pauca", "--help"]
        code = main()
        heavy = {"torch", "datasets", "matplotlib", "pydantic", "numpy", "pandas", "scipy", "ray"}
        sys.exit(f"loaded {heavy & set(sys.modules)}" if heavy & set(sys.modules) else code)
    """
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", ended.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli: Run, command: str) -> None:
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert f"pauca {command}" in out.split("Usage", 1)[1].replace("\n", " ")
    assert "Example" in out


def test_version(cli: Run) -> None:
    assert cli("--version") == (0, f"pauca {pauca.__version__}\n", "")


@pytest.mark.parametrize(
    "words", [("lst",), ("list", "things"), ("run",), ("run", "x.toml"), ("status",), ("--what",)]
)
def test_wrong_usage(cli: Run, words: tuple[str, ...]) -> None:
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert "Usage" in err


@pytest.mark.parametrize(
    ("what", "some"),
    [
        ("strategies", {"random", "margin", "entropy", "least-confidence"}),
        ("learners", {"backprop", "forward-forward", "bp-ff"}),
        ("datasets", {"digits", "mnist", "cifar10"}),
    ],
)
def test_lists(cli: Run, what: str, some: set[str]) -> None:
    code, out, err = cli("list", what, "--json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert some <= {row["name"] for row in rows}
    assert all("settings" in row for row in rows)
    _, table, _ = cli("list", what)
    for row in rows:
        assert re.search(rf"^{re.escape(row['name'])}\s", table, re.MULTILINE), row["name"]


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_all_there_is_on_a_strategy(
    cli: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    from rich.console import Console

    from pauca.cli import show
    from pauca.cli.listing import strategies

    monkeypatch.setattr(show, "_console", lambda: Console(width=width, highlight=False))
    code, out, _ = cli("list", "strategies")
    assert code == 0
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out
    # nothing is broken inside a word, whatever is wrapped
    shown = out.split()
    for row in strategies():
        said = [row["name"], row["family"], row["companion"] or "-", *row["needs"]]
        texts = " ".join([row["when"], row["cost"], row["reference"]])
        assert set(" ".join(said).split()) <= {word.strip(",") for word in shown}, row["name"]
        assert set(texts.split()) <= set(shown), row["name"]


def test_a_study_from_beginning_to_end(cli: Run, here: None, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    code, out, err = cli("run", write(tmp_path), "--out", folder, "--import", NAME)
    assert code == 0, err
    assert out == f"report: {folder / 'report.html'}\n"
    assert "6 of 6 cells done, 6 of them now" in err
    assert (folder / "study.toml").read_text() == TEXT
    assert {"study.db", "study.toml", "report.html", "results.csv"} <= set(os.listdir(folder))

    code, out, _ = cli("status", folder)
    assert (code, "quick: 6 done" in out) == (0, True)
    code, out, _ = cli("status", folder, "--json")
    status = json.loads(out)
    assert (status["counts"], status["working"], len(status["runs"])) == ({"done": 6}, False, 6)

    for again in (("run", folder.parent / "quick.toml", "--out", folder), ("resume", folder)):
        code, _, err = cli(*again, "--import", NAME)
        assert (code, "0 of them now" in err) == (0, True)

    (folder / "report.html").unlink()
    assert cli("report", folder)[:2] == (0, f"{folder / 'report.html'}\n")
    assert (folder / "report.html").exists()


def test_failed_cells_are_summed_up(cli: Run, here: None, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    fault = f'learners = [{{ name = "fake", fault = "raise", at = 60, mark = "{mark}" }}]'
    path = write(tmp_path, TEXT.replace('learners = ["fake"]', fault))
    code, out, err = cli("run", path, "--out", tmp_path / "out", "--import", NAME)
    assert code == 1
    assert "report.html" in out
    assert "error: 1 cells failed" in err
    assert "fake, repetition 1: ValueError: a fault on purpose" in err
    assert "--failed` tries them again" in err
    code, out, _ = cli("status", tmp_path / "out", "--errors")
    assert code == 0
    assert "Traceback" in out
    assert cli("resume", tmp_path / "out", "--import", NAME)[0] == 1
    code, _, err = cli("resume", tmp_path / "out", "--cell", "nosuch", "--import", NAME)
    assert (code, "no failed cell's id begins with 'nosuch'" in err) == (2, True)
    cell = re.search(r"\(cell ([0-9a-f]{8})\)", out)
    assert cell is not None
    code, _, err = cli("resume", tmp_path / "out", "--cell", cell[1], "--import", NAME)
    assert (code, "6 of 6 cells done, 1 of them now" in err) == (0, True)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("run", "nowhere.toml", "--out", "x"), ("study file cannot be read", "nowhere.toml")),
        (("resume", "nowhere"), ("no study here", "what to do: name the folder")),
        (("status", "nowhere"), ("no study here",)),
        (("report", "nowhere"), ("no study",)),
    ],
)
def test_errors_say_what_to_do(
    cli: Run,
    words: tuple[str, ...],
    parts: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    for part in parts:
        assert part in err
    assert not list(tmp_path.iterdir())


def test_an_unknown_key_names_the_nearest(cli: Run, tmp_path: Path) -> None:
    path = write(tmp_path, TEXT.replace("budget", "budgte"))
    code, _, err = cli("run", path, "--out", tmp_path / "out", "--import", NAME)
    assert code == 2
    assert "error: unknown key 'budgte'" in err
    assert f"where: {path}, section [active]" in err
    assert "did you mean 'budget'?" in err
    assert not (tmp_path / "out").exists()


def test_an_unknown_engine(cli: Run, tmp_path: Path) -> None:
    words = ("--out", tmp_path / "out", "--import", NAME, "--engine", "lokal")
    code, _, err = cli("run", write(tmp_path), *words)
    assert (code, "did you mean 'local'?" in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_module_that_is_not_there(cli: Run, tmp_path: Path) -> None:
    words = ("--out", tmp_path / "out", "--import", "tests.nowhere")
    code, _, err = cli("run", write(tmp_path), *words)
    assert (code, "there is no module 'tests.nowhere'" in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_debug_shows_where(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAUCA_DEBUG", "1")
    code, _, err = cli("status", tmp_path)
    assert (code, "Traceback" in err) == (2, True)


def test_a_bug_is_said_to_be_one(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from pauca.cli import listing

    def broken() -> list[dict[str, object]]:
        raise ZeroDivisionError("oh")

    monkeypatch.setitem(listing.LISTINGS, "learners", listing.Listing(broken, ("name",)))
    code, _, err = cli("list", "learners")
    assert code == 1
    assert err == (
        "this is a bug in pauca: ZeroDivisionError: oh\n"
        "what to do: set PAUCA_DEBUG=1 to see where, and report it with that\n"
    )
    monkeypatch.setenv("PAUCA_DEBUG", "1")
    assert "Traceback" in cli("list", "learners")[2]


def test_a_bug_is_told_in_one_line_and_a_lack_of_memory_is_none(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pauca.cli import listing

    def broken() -> list[dict[str, object]]:
        raise error

    monkeypatch.setitem(listing.LISTINGS, "learners", listing.Listing(broken, ("name",)))
    error: Exception = ValueError("a\x1b[2J\n" * 5_000)
    code, _, err = cli("list", "learners")
    assert (code, len(err) < 1_000, err.count("\n"), "\x1b" in err) == (1, True, 2, False)
    error = MemoryError()
    code, _, err = cli("list", "learners")
    assert (code, "not enough memory" in err, "what to do" in err) == (2, True, True)


def test_whoever_reads_may_leave() -> None:
    read, write_end = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "pauca", "--help"]
    ended = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_the_demo_is_a_study_of_both_halves() -> None:
    from importlib.resources import files

    from pauca.cli.show import describe
    from pauca.study import read_study

    demo = read_study(Path(str(files("pauca.study") / "demo.toml")))
    assert demo.active is not None
    assert demo.models is not None
    assert demo.data == {"name": "digits"}
    assert {choice["name"] for choice in demo.active.strategies} == {
        "random",
        "margin",
        "entropy",
        "least-confidence",
    }
    assert demo.active.repetitions == 5
    assert (demo.active.budget - demo.active.initial) / demo.active.query >= 6
    assert [choice["name"] for choice in demo.models.learners] == [
        "forward-forward",
        "bp-ff",
        "backprop",
    ]
    assert demo.models.repetitions == 3
    assert "5 repetitions each" in describe(demo)


def test_studies_of_the_repository_are_well_formed() -> None:
    from pauca.study import read_study

    paths = sorted((Path(__file__).parents[1] / "studies").glob("*.toml"))
    assert paths
    for path in paths:
        read_study(path)


def test_a_study_shows_its_grid_before_it_is_begun(cli: Run, here: None, tmp_path: Path) -> None:
    path = write(tmp_path, TEXT + '[factors]\n"active.query" = [5, 7]\n')
    words = ("run", path, "--dry-run", "--import", NAME, "--set", "active.repetitions=4")
    code, out, err = cli(*map(str, words))
    assert code == 0, err
    assert "query 7" in out
    assert "about" in out
    rows = [line.split() for line in out.splitlines() if line.startswith("active")]
    assert all("4" in row for row in rows)
    assert list(tmp_path.iterdir()) == [path]
    code, _, err = cli("run", str(path), "--dry-run", "--set", "active.qery=3", "--import", NAME)
    assert code == 2
    assert "did you mean 'query'?" in err


def test_demo_runs_its_study(
    cli: Run, here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiny settings in place of its own; the command is the same."""
    from pauca.study import composing, reading, runner

    read = composing.composed

    def tiny(path: Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], str]:
        assert Path(path).name == "demo.toml"
        return study(name="demo"), read(path, overrides)[1]

    for module in (reading, runner):
        monkeypatch.setattr(module, "composed", tiny)
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("demo")
    assert code == 0, err
    assert "random and margin choose what to have labelled" in err
    assert out == f"report: {tmp_path / 'runs' / 'demo' / 'report.html'}\n"


def test_stopped_by_ctrl_c_and_gone_on_with(cli: Run, here: None, tmp_path: Path) -> None:
    """SIGINT to the whole group, as a terminal sends it."""
    path = write(tmp_path, TEXT.replace('"fake"\n[models]', '"fake"\npause = 0.3\n[models]'))
    folder = tmp_path / "out put"
    words = ["run", path, "--out", folder, "--import", NAME, "--workers", "1"]
    running = subprocess.Popen(
        [sys.executable, "-m", "pauca", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell that runs the tests in the background has them ignore Ctrl-C
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    until(lambda: rounds_kept(folder) >= 1)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert f"Go on with: pauca resume '{folder}'" in err
    assert "Traceback" not in err
    code, _, err = cli("resume", folder, "--import", NAME)
    assert code == 0, err
    from pauca.store import SqliteStore
    from pauca.study import run_study

    with SqliteStore(folder / "study.db", readonly=True) as store:
        found = numbers(store.runs())
    assert found == numbers(run_study(path, tmp_path / "alone", workers=0).runs)
