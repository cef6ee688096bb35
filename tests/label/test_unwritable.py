"""A project where nothing can be written is read all the same, by `status` and `export`."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pauca.errors import StoreError
from pauca.label import Project
from pauca.label.book import Book
from pauca.store.connect import connect
from tests.label.helpers import project, truth

LIMITED = """if True:
    import sys
    from tests.study.limits import limit
    size, *words = sys.argv[1:]
    limit(int(size))
    sys.argv = ["pauca", *words]
    from pauca.__main__ import main
    sys.exit(main())
"""
PLAIN = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override")
"""Root without its right to write everywhere."""


def pauca(*words: object, size: int | None = None) -> "subprocess.CompletedProcess[str]":
    """A command that has no such right, or whose files may be so many bytes long."""
    if size is not None:
        command = [sys.executable, "-B", "-c", LIMITED, str(size)]
    else:
        command = [*(PLAIN if os.geteuid() == 0 else ()), sys.executable, "-B", "-m", "pauca"]
    command += map(str, words)
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with six answers, whose server was killed: the last are in the log alone."""
    with project(tmp_path, n=30) as made:
        for item in range(6):
            made.answer("anna", item, truth(item))
        live = tmp_path / "live"
        shutil.copytree(made.folder, live)
    assert (live / "project.db-wal").stat().st_size
    (live / "project.db-shm").unlink()
    return live


def test_a_full_disk_is_read(folder: Path, tmp_path: Path) -> None:
    """A limit on what may be written stands for a full disk, as in the tests of studies."""
    Project.open(folder).close()
    assert not (folder / "project.db-wal").exists()
    out = tmp_path / "labels.csv"
    # the index of a log takes 32 KiB, the table of labels less
    told = pauca("label", "export", folder, "--format", "csv", "--out", out, size=20_000)
    assert told.returncode == 0, told.stderr
    assert len(out.read_text().splitlines()) == 7
    told = pauca("label", "status", folder, "--json", size=100)
    assert told.returncode == 0, told.stderr
    assert '"labelled": 6' in told.stdout
    told = pauca("label", "classes", folder, "--add", "dog", size=100)
    assert told.returncode == 2
    assert "what to do: " in told.stderr


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which(PLAIN[0]), reason="root may write everywhere"
)
@pytest.mark.parametrize("left", [True, False])
def test_a_folder_that_may_not_be_written_is_read(folder: Path, tmp_path: Path, left: bool) -> None:
    """With and without a log that was left."""
    if not left:
        Project.open(folder).close()
    out = tmp_path / "labels.csv"
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        told = pauca("label", "status", folder, "--json")
        assert told.returncode == 0, told.stderr
        assert '"labelled": 6' in told.stdout
        told = pauca("label", "export", folder, "--format", "csv", "--out", out)
        assert told.returncode == 0, told.stderr
        assert len(out.read_text().splitlines()) == 7
        for words in (("classes", folder, "--add", "dog"), ("serve", folder, "--port", "0")):
            told = pauca("label", *words)
            assert told.returncode == 2
            assert "what to do: " in told.stderr
            assert "Traceback" not in told.stderr
    finally:
        folder.chmod(0o755)


CODES = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
)


@pytest.mark.parametrize("code", CODES)
def test_what_cannot_be_opened_for_writing_is_read_and_refuses_to_write(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = connect

    def refused(path: Path, *, readonly: bool, **more: object) -> sqlite3.Connection:
        if readonly and path.parent != folder:
            return real(path, readonly=True, **more)  # type: ignore[arg-type]  # passed on
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr("pauca.label.book.connect", refused)
    with Project.open(folder) as made:
        assert made.labels.m == 6
        assert len(made.id) == 32
        with pytest.raises(StoreError, match="what to do"):
            made.answer("anna", 7, 1)
        with pytest.raises(StoreError):
            made.lease("anna", 1)
        assert made.status().labelled == 6
        copy = Path(made._book._copy.name)  # type: ignore[union-attr]  # there is one
        assert copy.is_dir()
    assert not copy.exists()


def test_an_older_project_gets_an_id_when_it_is_first_opened(folder: Path) -> None:
    with sqlite3.connect(folder / "project.db") as db:
        db.execute("DROP TABLE meta")
    db.close()
    with Project.open(folder) as first, Project.open(folder) as second:
        assert first.id == second.id
        assert first.secret != first.id
    with Project.open(folder) as again:
        assert again.id == first.id
        assert again.labels.m == 6


def test_no_two_projects_have_one_id(tmp_path: Path) -> None:
    found = set()
    for name in "abc":
        (tmp_path / name).mkdir()
        with project(tmp_path / name, n=30) as made:
            found.add(made.id)
            assert Book(made.folder / "project.db").own("id") == made.id
    assert len(found) == 3
