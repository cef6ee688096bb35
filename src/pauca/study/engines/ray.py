"""The engine of many machines: Ray places workers, one clerk beside the folder keeps the store."""

import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import Field

from pauca.errors import PaucaError, RunError, UsageError
from pauca.study.engines._deaths import ATTEMPTS, Deaths
from pauca.study.engines._remote import Clerk, Order, Worker, versions
from pauca.study.engines.base import AbstractEngine, Job, engines, thread_limits
from pauca.study.provenance import cores

__all__ = ["Ray"]

_PATIENCE = 120.0  # seconds without a word from any worker before that is said


@engines.register("ray")
class Ray(AbstractEngine):
    """Workers on a Ray cluster, or on a Ray of its own on this machine.

    Each worker is an actor that holds as many processors as it has threads. The study's folder is
    seen by this machine alone: here sits one more actor, the clerk, and workers claim, append and
    finish through it, under their own names. A run whose worker or machine dies is taken up again
    after its last finished round, elsewhere, and given up after the third death without a round
    kept in between. Every machine reads the data from its own PAUCA_DATA; other values than here
    are refused.

    Args:
        address: Of the cluster, ``HOST:PORT`` or ``auto``; RAY_ADDRESS if left out, and without
            that a Ray of its own on this machine.
        gpus_per_cell: GPUs, or a part of one, that each worker holds; one if left out and the
            study's device is cuda.
    """

    name = "ray"
    summary = "workers on a Ray cluster; pip install 'pauca[ray]'"
    elastic = True

    def __init__(
        self,
        *,
        address: str | None = None,
        gpus_per_cell: Annotated[float, Field(ge=0)] | None = None,
    ) -> None:
        self.address = address
        self.gpus_per_cell = gpus_per_cell
        self._gpus = gpus_per_cell or 0.0

    def check(self, device: str) -> None:
        """Refuse a missing Ray, and a device that no worker would have.

        Raises:
            UsageError: as said.
        """
        if find_spec("ray") is None:
            raise UsageError(
                "Ray is not installed",
                where="--engine ray",
                todo="pip install 'pauca[ray]', or leave out --engine to use this machine alone",
            )
        if (self.address or "").startswith("ray://"):
            raise UsageError(
                "Ray's client cannot be used",
                expected="HOST:PORT or auto, on a machine of the cluster: the study's folder is "
                "kept there",
                got=self.address,
                where="--address",
                todo="run pauca on the cluster's head, say",
            )
        kind, _, number = device.partition(":")
        self._gpus = float(kind == "cuda") if self.gpus_per_cell is None else self.gpus_per_cell
        if kind == "cuda" and (number or not self._gpus):
            raise UsageError(
                "the device does not go with this engine",
                expected='device = "cuda" and at least a part of a GPU per cell: Ray shows a '
                "worker its own only",
                got=f'device = "{device}", {self._gpus:g} GPUs per cell',
                where="--gpus-per-cell",
                todo="change one of these",
            )

    def work(self, job: Job) -> None:
        """Start the workers and stay until the last is done."""
        with _connected(self.address, job.threads) as ray:
            _Crew(ray, job, self._gpus).work()


@contextmanager
def _connected(address: str | None, threads: int) -> Iterator[Any]:
    """Ray, connected; signals mean afterwards what they meant before.

    Raises:
        UsageError: nothing answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = import_module("ray")
    if ray.is_initialized():  # whoever did it ends it
        yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_answers(address)
    own = {"num_cpus": max(cores(), threads), "include_dashboard": False}
    try:
        with _signals_kept():
            ray.init(
                address=address,
                logging_level="ERROR",
                log_to_driver=False,
                **(own if address == "local" else {}),
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_answer(address, error) from None
    try:
        yield ray
    finally:
        with _signals_kept():
            ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself would try for minutes, then end the process.

    Raises:
        UsageError: nobody listens there.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise _no_answer(address, error) from None


def _no_answer(address: str, error: Exception) -> UsageError:
    return UsageError(
        "no Ray cluster answers",
        got=(str(error).splitlines() or [type(error).__name__])[0],
        where=f"address {address}",
        todo="check `ray status` there; without --address and RAY_ADDRESS, pauca starts a Ray of "
        "its own",
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Crew:
    """The clerk and all workers of a job."""

    def __init__(self, ray: Any, job: Job, gpus: float) -> None:
        self._ray = ray
        self._job = job
        self._gpus = gpus
        self._workers: dict[Any, tuple[Any, str]] = {}  # what it returns: its handle, its name
        self._deaths = Deaths(job, ATTEMPTS)
        self._stillborn = 0
        self._heard_at = time.monotonic()
        self._clerk = self._hired_clerk()

    def work(self) -> None:
        try:
            self._check_room()
            self._hire()
            while self._workers:
                self._listen()
            self._pass_on()
        finally:
            self._dismiss()

    def _hired_clerk(self) -> Any:
        """Beside the folder, so on this machine."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = self._ray.get_runtime_context().get_node_id()
        return (
            self._ray.remote(Clerk)
            .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(here, False))
            .remote(str(self._job.store.path.resolve()))
        )

    def _check_room(self) -> None:
        if not self._room():
            raise RunError(
                "no machine of the cluster has room for a cell",
                expected=f"{self._job.threads} processors and {self._gpus:g} GPUs on one machine",
                got="; ".join(map(_resources, self._machines())) or "no machine",
                todo="start a larger one, or lower `threads` or --gpus-per-cell",
            )

    def _machines(self) -> list[Mapping[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _room(self) -> int:
        """How many cells the machines could do at once, were they all ours."""
        return sum(self._slots(node["Resources"]) for node in self._machines())

    def _slots(self, resources: Mapping[str, float]) -> int:
        slots = int(resources.get("CPU", 0) // self._job.threads)
        return min(slots, int(resources.get("GPU", 0) / self._gpus)) if self._gpus else slots

    def _hire(self) -> None:
        """As many workers as there is work and room for; one to wait if there is none now."""
        wanted = max(1, self._room()) if self._job.workers is None else self._job.workers or 1
        pending = sum(run.status == "pending" for run in self._job.store.runs())
        for _ in range(min(wanted - len(self._workers), pending)):
            self._hire_one()
        self._job.watch.manned(len(self._workers))

    def _hire_one(self) -> None:
        owner = f"ray-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        folder = self._job.store.path.resolve().parent
        order = Order(
            owner=owner,
            threads=self._job.threads,
            imports=self._job.imports,
            path=str(folder),
            mark=(folder / "study.lock").read_text(encoding="utf-8"),
            data_folder=os.environ.get("PAUCA_DATA"),
            versions=versions(),
        )
        handle = (
            self._ray.remote(Worker)
            .options(
                num_cpus=self._job.threads,
                num_gpus=self._gpus,
                max_restarts=0,
                runtime_env={"env_vars": thread_limits(self._job.threads)},
            )
            .remote(self._clerk, order)
        )
        self._workers[handle.work.remote()] = (handle, owner)

    def _listen(self) -> None:
        ended, _ = self._ray.wait([*self._workers], timeout=0.25)
        self._pass_on()
        for one in ended:
            self._ended(one)
        if ended:
            self._hire()
        elif time.monotonic() - self._heard_at > _PATIENCE:
            self._heard_at = time.monotonic()
            if not any(run.status == "running" for run in self._job.store.runs()):
                self._job.watch.say(
                    "no worker has begun yet; if that lasts, no machine of the cluster has room "
                    "for a cell now (`ray status` shows what holds it)"
                )
        self._job.watch.tick()

    def _pass_on(self) -> None:
        """Tell the display what workers told the clerk."""
        try:
            news = self._ray.get(self._clerk.news.remote())
        except self._ray.exceptions.RayError as error:
            raise RunError(
                "the process that keeps the study's store died",
                got=_said(error),
                todo="go on with `pauca resume`: what was finished is kept",
            ) from None
        for event, run_id, fraction, what in news:
            self._heard_at = time.monotonic()
            self._job.watch.heard(event, run_id, fraction, what)

    def _ended(self, one: Any) -> None:
        handle, owner = self._workers.pop(one)
        try:
            refused: PaucaError | None = self._ray.get(one)
        except self._ray.exceptions.RayError as error:
            self._died(owner, _said(error))
        else:
            if refused is not None:
                raise refused
        finally:
            self._ray.kill(handle)

    def _died(self, owner: str, end: str) -> None:
        self._stillborn = 0 if self._deaths.died(owner, end) else self._stillborn + 1
        if self._stillborn >= ATTEMPTS:
            raise RunError(
                "workers die before they can begin",
                got=end,
                todo="check that pauca and its modules are installed on every machine",
            )

    def _dismiss(self) -> None:
        """End every worker now, then the clerk; what they finished is in the store."""
        for handle, _ in self._workers.values():
            self._ray.kill(handle)
        if self._workers:
            self._ray.wait([*self._workers], num_returns=len(self._workers), timeout=10)
        self._workers.clear()
        with suppress(self._ray.exceptions.RayError):
            self._ray.get(self._clerk.close.remote(), timeout=10)
        self._ray.kill(self._clerk)


def _said(error: Exception) -> str:
    """How a worker ended, in a few words: Ray says it in many, and not always the same."""
    text, kind = str(error), type(error).__name__
    if "memory" in kind.lower():
        return "its worker was ended for want of memory"
    if "Node" in kind or "node has died" in text or "node was terminated" in text:
        return "its machine is gone"
    if "Unavailable" in kind:
        return "its worker cannot be reached any more"
    if "worker process has died" in text:
        return "its worker died (out of memory?)"
    return f"its worker died: {text.strip().splitlines()[-1][:300] if text.strip() else kind}"


def _resources(node: Mapping[str, Any]) -> str:
    held = node["Resources"]
    return f"{node['NodeManagerHostname']}: {held.get('CPU', 0):g} CPU, {held.get('GPU', 0):g} GPU"
