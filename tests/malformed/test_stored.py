"""Malformed files of studies and projects: each is refused in words, or read; none is a bug."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from pauca.data.dataset import Dataset
from pauca.errors import InputError
from pauca.features.net import NetFeatures
from pauca.label import Project
from pauca.nets import make_net
from pauca.report import export_study, write_report
from pauca.rng import generator_from
from pauca.store import SqliteStore
from pauca.store.salvage import salvaged
from pauca.study import merge_studies, resume_study, study_status
from pauca.study.checkpoint import FileCheckpoint
from pauca.study.toml import to_toml
from pauca.testing import tiny_image_dataset
from pauca.testing.malformed import (
    WRONG,
    flip,
    foreign,
    misplaced,
    mutations,
    torch_bytes,
    variations,
)
from tests.label.helpers import NAMES, clusters, npz, truth
from tests.malformed.conftest import TallyOf
from tests.study.helpers import run
from tests.study.plugin import NAME

OLD = Path(__file__).parents[1] / "fixtures"

Inputs = Iterable[tuple[str, bytes]]
Tried = Callable[..., None]


@pytest.fixture
def tried(tally: TallyOf) -> Tried:
    """Puts each input in the place of a file, and opens it; the file comes back at the end.

    Its arguments are the file, what to put there, what opens it, and whether a log of SQLite lies
    beside it, as a kill leaves one.
    """

    def put(path: Path, inputs: Inputs, call: Callable[[], object], *, log: bool = False) -> None:
        whole, found = path.read_bytes(), tally(f"{path.name}, stored")
        for name, content in inputs:
            for left in path.parent.glob(f"{path.name}-*"):
                left.unlink()
            if log:
                path.with_name(f"{path.name}-wal").write_bytes(b"what a kill left")
            path.write_bytes(content)
            found.open(name, call)
        path.write_bytes(whole)
        for name in misplaced(path):
            found.open(name, call)
        assert not found.bugs, str(found)
        assert found.counts["refused"] > 8

    return put


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of this version."""
    folder = tmp_path_factory.mktemp("study") / "study"
    run(folder, workers=0, active__repetitions=1, active__learner={"name": "fake", "warm": True})
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A study that has no digests."""
    shutil.copytree(OLD / "study-before-digests", tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("project")
    data = npz(home / "data.npz", x=clusters(45)[0])
    with Project.create(data, home / "project", classes=NAMES) as made:
        for lease in made.lease("ann", 12):
            made.answer("ann", lease.item, truth(lease.item))
        made.train(assessed=False)
        made.duplicates()
    return home / "project"


def all_of(folder: Path) -> None:
    """Status, export, every run and array, and what salvage makes of it."""
    study_status(folder)
    export_study(folder, folder / "out.csv")
    with SqliteStore(folder / "study.db", readonly=True) as store:
        for each in store.runs():
            for name in store.blobs(each.spec.id):
                store.blob(each.spec.id, name)


def salvage(folder: Path) -> None:
    with SqliteStore(folder / "study.db", readonly=True) as store:
        salvaged(store)


def opened(folder: Path) -> None:
    """Everything of a project that is read from its files."""
    with Project.open(folder) as made:
        made.items.keys()
        for item in range(0, made.n, 7):
            made.items.source(item)
        made.features.sum()
        made.answers()
        made.trainings()
        made.status()
        made.relabels(3)
        made.waiting("ann")
        if made.model is not None:
            list(made.predict())
        made.duplicates()


def test_databases_of_studies(tried: Tried, study: Path) -> None:
    raw = (study / "study.db").read_bytes()
    inputs = chain(mutations(raw, 0, 200), foreign())
    tried(study / "study.db", inputs, lambda: all_of(study))


def test_databases_of_studies_without_digests(tried: Tried, old: Path) -> None:
    raw = (old / "study.db").read_bytes()
    tried(old / "study.db", mutations(raw, 1, 150), lambda: all_of(old))


def test_salvage(tried: Tried, old: Path) -> None:
    raw = (old / "study.db").read_bytes()
    tried(old / "study.db", mutations(raw, 2, 150), lambda: salvage(old))


def test_merge_resume_and_report(tried: Tried, old: Path, tmp_path: Path) -> None:
    """These take longer; damage is in the pages of what they read."""
    raw = (old / "study.db").read_bytes()
    places = [at for at in range(len(raw)) if raw[at : at + 8] == b'"metrics']
    places += [raw.find(b"items.npy") + more for more in (0, 200, 400, 600)]
    rng = random.Random(3)

    def inputs(count: int) -> Iterator[tuple[str, bytes]]:
        for number in range(count):
            at = rng.choice(places) + rng.randrange(-40, 120)
            yield f"flip at {at} (number {number})", flip(raw, at, rng.randrange(8))
        yield from mutations(raw, 4, 8)

    def merged() -> None:
        shutil.rmtree(tmp_path / "merged", ignore_errors=True)
        merge_studies([old], tmp_path / "merged", salvage=True, imports=[NAME])

    tried(old / "study.db", inputs(8), lambda: write_report(old))
    tried(old / "study.db", inputs(8), merged)
    tried(old / "study.db", inputs(0), merged, log=True)
    tried(old / "study.db", inputs(8), lambda: resume_study(old, workers=0, imports=[NAME]))


def test_values_of_another_form_in_studies_without_digests(tried: Tried, old: Path) -> None:
    """As another program, or another version, might write them."""
    path = old / "study.db"
    db = sqlite3.connect(path)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    db.commit()
    record = json.loads(db.execute("SELECT record FROM rounds").fetchone()[0])
    meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
    db.close()
    raw = path.read_bytes()

    def inputs() -> Iterator[tuple[str, bytes]]:
        for name, value in variations(record, 5, 120):
            yield f"record: {name}", changed("UPDATE rounds SET record = ?", json.dumps(value))
        for key, text in meta.items():
            for name, value in variations(json.loads(text), 6, 12):
                statement = f"UPDATE meta SET value = ? WHERE key = '{key}'"
                yield f"meta {key}: {name}", changed(statement, json.dumps(value))

    def changed(statement: str, text: str) -> bytes:
        path.write_bytes(raw)
        into = sqlite3.connect(path)
        into.execute("PRAGMA synchronous = OFF")
        into.execute(statement, (text,))
        into.commit()
        into.close()
        return path.read_bytes()

    tried(path, inputs(), lambda: all_of(old))


@pytest.mark.parametrize(
    ("name", "count"),
    [("features.npy", 60), ("items.arrow", 150), ("model.pt", 150), ("project.db", 150)],
)
def test_files_of_projects(tried: Tried, project: Path, name: str, count: int) -> None:
    raw = (project / name).read_bytes()
    inputs = chain(mutations(raw, 7, count), foreign())
    tried(project / name, inputs, lambda: opened(project))


@pytest.mark.parametrize(("name", "count"), [("items.arrow", 150), ("model.pt", 60)])
def test_files_of_projects_without_digests(
    tried: Tried, project: Path, tmp_path: Path, name: str, count: int
) -> None:
    shutil.copytree(project, tmp_path / "project")
    (tmp_path / "project" / "project.sha256").unlink()
    raw = (project / name).read_bytes()
    tried(
        tmp_path / "project" / name,
        chain(mutations(raw, 8, count), foreign()),
        lambda: opened(tmp_path / "project"),
    )


def test_models_of_another_form(tried: Tried, project: Path) -> None:
    kept = torch.load(project / "model.pt", weights_only=True)
    inputs = ((name, torch_bytes(value)) for name, value in variations(kept, 9, 150))
    tried(project / "model.pt", inputs, lambda: opened(project))


def test_settings_of_projects(tried: Tried, project: Path) -> None:
    import tomllib

    path = project / "project.toml"
    raw = path.read_bytes()
    plain = tomllib.loads(raw.decode())

    def inputs() -> Iterator[tuple[str, bytes]]:
        yield from mutations(raw, 10, 100)
        yield from foreign()
        for name, value in variations(plain, 11, 150):
            try:
                yield name, to_toml(value).encode()
            except (InputError, AttributeError, ValueError):  # nothing that TOML can say
                continue

    tried(path, inputs(), lambda: opened(project))


def test_settings_of_projects_that_are_worked_with(
    tried: Tried, project: Path, tmp_path: Path
) -> None:
    """Names and settings of learner and strategy are only looked at where they are used."""
    import tomllib

    shutil.copytree(project, tmp_path / "project")
    path = tmp_path / "project" / "project.toml"
    plain = tomllib.loads(path.read_text())
    used = ("learner", "strategy", "seed", "device", "random_share", "duplicates", "batch")

    def inputs() -> Iterator[tuple[str, bytes]]:
        for name, value in variations({key: plain[key] for key in used}, 17, 120):
            try:
                yield name, to_toml({**plain, **value}).encode()
            except (InputError, TypeError, ValueError):  # nothing that TOML can say
                continue

    def worked() -> None:
        with Project.open(path.parent) as made:
            made.refill(1)
            made.train(assessed=False)
            list(made.predict([0]))

    tried(path, inputs(), worked)


def test_checkpoints(tried: Tried, tmp_path: Path) -> None:
    path = tmp_path / "c" / "run.pt"
    FileCheckpoint(path).save({"a": torch.arange(50), "b": {"c": [1, 2.5]}})
    raw = path.read_bytes()
    kept = torch.load(path, weights_only=True)
    inputs = chain(
        mutations(raw, 12, 100),
        foreign(),
        ((name, torch_bytes(value)) for name, value in variations(kept, 13, 60)),
        ((f"{value!r:.40}", torch_bytes(value)) for value in WRONG),
    )
    tried(path, inputs, lambda: FileCheckpoint(path).load())


def test_weights_of_nets(tried: Tried, tmp_path: Path) -> None:
    dataset: Dataset = tiny_image_dataset(12)
    path = tmp_path / "weights.pt"
    shape = tuple(dataset.task.shape)
    net = make_net("mlp", shape=shape, classes=3, generator=generator_from(0), widths=[8])
    path.write_bytes(torch_bytes(net.state_dict()))
    raw, state = path.read_bytes(), dict(net.state_dict())
    extractor = NetFeatures(path=str(path), net="mlp", net_params={"widths": [8]})
    odd: list[Any] = [
        state["head.weight"].expand(10, *state["head.weight"].shape),
        state["head.weight"].to_sparse(),
        torch.zeros(1).expand(2**40, 8),
        torch.empty(3, 8, device="meta"),
        torch.zeros(3, 8, dtype=torch.complex64),
        torch.zeros(3, 8, dtype=torch.int64),
        torch.zeros(0, 8),
        torch.zeros(3, 9),
    ]
    inputs = chain(
        mutations(raw, 14, 100),
        foreign(),
        ((name, torch_bytes(value)) for name, value in variations(state, 15, 60)),
        ((f"odd {i}", torch_bytes({**state, "head.weight": x})) for i, x in enumerate(odd)),
        [("legacy", _legacy(state)), *mutations(_legacy(state), 16, 60)],
    )
    tried(path, inputs, lambda: extractor.extract(dataset, torch.device("cpu")))


def _legacy(state: dict[str, Any]) -> bytes:
    """As torch wrote files before version 1.6."""
    import io

    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=False)
    return file.getvalue()
