"""Ray: several machines on one, workers and a whole machine killed, the numbers stay the same."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pauca.errors import PaucaError, RunError, StoreError, UsageError
from pauca.study import Result, resume_study, run_study, study_status
from pauca.study.engines import ray as engine
from pauca.study.engines._remote import Clerk, _Refused
from pauca.study.folder import StudyFolder
from tests.study.helpers import Lines, numbers, rounds_kept, run, until
from tests.study.plugin import NAME, study

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'pauca[ray]'")

SMALL = {"include_dashboard": False, "object_store_memory": 80_000_000}
MARK = "PAUCA_TESTS", str(os.getpid())
"""In the environment of all processes that were started from here: others may test Ray too."""
WARM = {"name": "fake", "warm": True, "pause": 0.3}
"""Goes on from its last weights: a cell that restarts elsewhere must be given them."""


@dataclass
class Machines:
    """A cluster: its head, which holds no worker, and machines that hold one each."""

    cluster: Any
    others: list[Any]

    @property
    def settings(self) -> dict[str, Any]:
        return {"address": self.cluster.address}

    def add(self) -> None:
        self.others.append(self.cluster.add_node(num_cpus=1, **SMALL))

    def lose(self) -> None:
        self.cluster.remove_node(self.others.pop(), allow_graceful=False)


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.update([MARK])
    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    found = Machines(cluster, [])
    found.add()
    found.add()
    yield found
    cluster.shutdown()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """By one local worker."""
    return run(tmp_path_factory.mktemp("alone") / "s", workers=1, active__learner=WARM)


def by_ray(machines: Machines, folder: Path, lines: Lines | None = None, **changes: Any) -> Result:
    return run_study(
        study(**changes),
        folder,
        engine="ray",
        engine_settings=machines.settings,
        imports=[NAME],
        progress=lines,
    )


def workers() -> list[int]:
    """Processes that work on a study under Ray now."""
    return processes(b"ray::Worker", b"ray::Clerk")


def processes(*names: bytes) -> list[int]:
    """Whose names begin with one of these, of those that were started from here."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            own = "=".join(MARK).encode() in path.with_name("environ").read_bytes().split(b"\0")
            if own and path.read_bytes().startswith(names):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_machine_is_lost_in_the_middle(machines: Machines, tmp_path: Path, alone: Result) -> None:
    """Its cell goes on elsewhere after its last kept round, from the weights kept with it."""
    folder, lines = tmp_path / "s", Lines()

    def lose() -> None:
        until(lambda: rounds_kept(folder) >= 3)
        machines.lose()

    loser = threading.Thread(target=lose)
    loser.start()
    result = by_ray(machines, folder, lines, active__learner=WARM)
    loser.join()
    machines.add()
    assert numbers(result.runs) == numbers(alone.runs)
    assert (len(result.done), result.failed, result.worked) == (4, (), 4)
    assert any("it is taken up again" in line for line in lines.lines)
    assert max(len(snapshot.running) for snapshot in lines.shown) == 2
    assert lines.shown[-1].done == 4
    assert not workers()


def test_workers_that_die_and_cells_that_raise(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ATTEMPTS", 2)
    once = {"name": "fake", "fault": "kill", "at": 60, "mark": str(tmp_path / "mark")}
    always = {"name": "fake", "fault": "kill", "at": 60}
    raising = {"name": "fake", "fault": "raise", "at": 60}
    models = {"repetitions": 1, "learners": [raising, once, always, "fake"]}
    plain = study(models=models)
    del plain["active"]
    lines = Lines()
    result = run_study(
        plain,
        tmp_path / "s",
        engine="ray",
        engine_settings=machines.settings,
        imports=[NAME],
        progress=lines,
    )
    assert [r.status for r in result.runs] == ["failed", "done", "failed", "done"]
    raised, killed = (r.error or "" for r in result.failed)
    assert "ValueError: a fault on purpose" in raised
    assert killed.startswith("given up after 2 tries: its worker died")
    assert sum("taken up again" in line for line in lines.lines) == 2
    one, other = (numbers([r])[r.spec.id][1] for r in result.done)
    assert one == other


class Full(Clerk):
    """Its disk takes five rounds."""

    kept = 0

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "append":
            self.kept += 1
            if self.kept > 5:
                return _Refused(StoreError("the disk is full", todo="pauca resume"))
        return super().ask(name, *args, **kwargs)


@pytest.mark.slow
def test_a_full_disk_stops_the_study_and_costs_nothing(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: Result
) -> None:
    monkeypatch.setattr(engine, "Clerk", Full)
    with pytest.raises(StoreError, match=r"the disk is full.*pauca resume"):
        by_ray(machines, tmp_path / "s", active__learner=WARM)
    assert not workers()
    assert rounds_kept(tmp_path / "s") == 5
    assert set(study_status(tmp_path / "s").counts) <= {"pending", "done"}
    result = resume_study(tmp_path / "s", workers=0)
    assert numbers(result.runs) == numbers(alone.runs)


def test_no_room(machines: Machines, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no machine of the cluster has room.*and 1 GPUs.*1 CPU"):
        run_study(
            study(),
            tmp_path / "s",
            engine="ray",
            engine_settings={**machines.settings, "gpus_per_cell": 1},
            imports=[NAME],
        )
    assert not workers()


def started(machines: Machines, folder: Path) -> "subprocess.Popen[bytes]":
    code = f"""if True:
        import sys
        from pauca.study import run_study
        from tests.study.plugin import study
        run_study(study(active__learner={WARM!r}), sys.argv[1], engine="ray",
                  engine_settings={machines.settings!r}, imports=[{NAME!r}])
    """
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.mark.parametrize(
    "stop",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_stopped_in_the_middle(
    machines: Machines, tmp_path: Path, alone: Result, stop: signal.Signals
) -> None:
    """Nothing is lost or done twice, no worker is left, and any engine goes on with it."""
    folder = tmp_path / "s"
    process = started(machines, folder)
    try:
        until(lambda: rounds_kept(folder) >= 3)
        os.killpg(process.pid, stop)
        assert process.wait(timeout=60) != 0
        until(lambda: not workers(), 30)
    finally:
        process.kill()
    status = study_status(folder)
    assert not status.working
    if stop != signal.SIGKILL:
        assert set(status.counts) <= {"pending", "done"}
    kept = {one.id: one.rounds for one in status.runs}
    assert sum(kept.values()) >= 3
    with StudyFolder(folder).store(readonly=True) as store:
        before = {r.spec.id: r.rounds for r in store.runs()}
    result = resume_study(folder, workers=0)
    assert numbers(result.runs) == numbers(alone.runs)
    for after in result.runs:
        assert after.rounds[: kept[after.spec.id]] == before[after.spec.id]  # times included


@pytest.mark.slow
def test_the_clerk_is_killed(machines: Machines, tmp_path: Path, alone: Result) -> None:
    folder = tmp_path / "s"

    def murder() -> None:
        until(lambda: rounds_kept(folder) >= 3)
        for pid in processes(b"ray::Clerk"):
            os.kill(pid, signal.SIGKILL)

    murderer = threading.Thread(target=murder)
    murderer.start()
    with pytest.raises(PaucaError, match=r"keeps the study's store.*pauca resume"):
        by_ray(machines, folder, active__learner=WARM)
    murderer.join()
    assert not workers()
    assert "failed" not in study_status(folder).counts
    result = resume_study(folder, workers=0)
    assert numbers(result.runs) == numbers(alone.runs)


@pytest.mark.slow
def test_a_ray_of_its_own(tmp_path: Path, alone: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    result = run_study(
        study(active__learner=WARM), tmp_path / "s", engine="ray", workers=1, imports=[NAME]
    )
    assert numbers(result.runs) == numbers(alone.runs)
    assert not workers()
    assert not ray.is_initialized()


def test_an_address_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no Ray cluster answers.*127.0.0.1:1.*ray status"):
        run_study(
            study(),
            tmp_path / "s",
            engine="ray",
            engine_settings={"address": "127.0.0.1:1"},
            imports=[NAME],
        )
