"""What every store must do, as checks that run over any of them."""

import multiprocessing
import pickle
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from pauca.errors import InputError, PaucaError, StoreError
from pauca.store.base import AbstractStore
from pauca.store.records import Run, RunSpec

__all__ = ["STORE_CHECKS", "MakeStore", "check_store"]

MakeStore = Callable[[], AbstractStore]
"""Gives a new and empty store at each call."""

_SETTINGS: dict[str, Any] = {"seed": 1, "rate": 0.1, "names": ["a", "é"], "deep": {"none": None}}
_RECORD: dict[str, Any] = {"round": 0, "labels": 5, "metrics": {"accuracy": 0.1 + 0.2}}


def check_store(make_store: MakeStore) -> None:
    """Run every check, each on a store of its own.

    Raises:
        AssertionError: the first rule that is broken.
    """
    for check in STORE_CHECKS:
        check(make_store)


def check_meta(make_store: MakeStore) -> None:
    """Values of the study are put once; an equal one may come again, another is refused."""
    with make_store() as store:
        _equal(dict(store.meta()), {}, "meta of an empty store")
        store.put_meta("study", _SETTINGS)
        store.put_meta("study", dict(reversed(_SETTINGS.items())))
        store.put_meta("other", [1, None, "two"])
        _refused(lambda: store.put_meta("study", {"seed": 2}), "another value of a key")
        _refused(lambda: store.put_meta("bad", {1, 2}), "a set", InputError)
        _equal(dict(store.meta()), {"study": _SETTINGS, "other": [1, None, "two"]}, "meta")


def check_add(make_store: MakeStore) -> None:
    """Runs are pending, in order of adding; those already there are left alone."""
    with make_store() as store:
        _equal(store.add(_specs(3)), 3, "new runs")
        run = _claimed(store)
        _equal(store.add([*_specs(4), *_specs(4)]), 1, "new runs of a second adding")
        _equal([r.spec.id for r in store.runs()], [s.id for s in _specs(4)], "order of runs")
        _equal(store.run(run.spec.id).status, "running", "status of a run added again")
        for run, spec in zip(store.runs()[1:], _specs(4)[1:], strict=True):
            _equal(run, Run(spec, "pending"), "a new run")
        _equal(store.add([]), 0, "nothing new")


def check_values(make_store: MakeStore) -> None:
    """Every value comes back as it was, floats to the last bit, and is shared with nobody."""
    with make_store() as store:
        store.add([RunSpec("x", "active", dict(_SETTINGS))])
        run = _claimed(store)
        record = {**_RECORD, "inf": float("-inf"), "tuple": (1, 2), "deep": [[0.1], {}]}
        store.append("x", "me", record, {"bytes": b"\x00\xff", "none": b""})
        record["deep"].append("changed later")
        run.spec.settings["deep"]["none"] = "changed later"
        kept = store.run("x")
        _equal(kept.spec.settings, _SETTINGS, "settings")
        whole = {**_RECORD, "inf": float("-inf"), "tuple": [1, 2], "deep": [[0.1], {}]}
        _equal(kept.rounds, (whole,), "a round")
        _equal(store.blobs("x"), ("bytes", "none"), "names of blobs")
        _equal((store.blob("x", "bytes"), store.blob("x", "none")), (b"\x00\xff", b""), "blobs")


def check_claim(make_store: MakeStore) -> None:
    """Pending runs go out in order of adding, each once, with owner and start."""
    before = time.time()
    with make_store() as store:
        _equal(store.claim("me"), None, "claim of an empty store")
        store.add(_specs(2))
        first, second = _claimed(store), _claimed(store, "you")
        _equal([first.spec, second.spec], _specs(2), "order of claims")
        _equal((first.status, first.owner, second.owner), ("running", "me", "you"), "a claim")
        _true(before - 1 <= (first.started or 0) <= time.time() + 1, "started is now")
        _equal(store.claim("me"), None, "claim when nothing is pending")
        _equal(store.run(first.spec.id), first, "what a claim returns")


def check_append(make_store: MakeStore) -> None:
    """Rounds are kept in order; a refused round leaves nothing behind."""
    with make_store() as store:
        store.add(_specs(1))
        name = _claimed(store).spec.id
        store.append(name, "me", _RECORD, {"a": b"1"})
        _refused(lambda: store.append(name, "me", _RECORD, {"b": b"2", "a": b"3"}), "a taken name")
        _equal(store.blobs(name), ("a",), "blobs after a refused round")
        _refused(lambda: store.append(name, "me", {"bad": {1}}, {}), "a set", InputError)
        store.append(name, "me", {"round": 1}, {"b": b"4"})
        _equal(store.run(name).rounds, (_RECORD, {"round": 1}), "rounds")
        _equal(store.blob(name, "a"), b"1", "a blob whose name was tried again")


def check_owner(make_store: MakeStore) -> None:
    """Only the owner of a running run writes to it."""
    with make_store() as store:
        store.add(_specs(2))
        mine, free = _claimed(store).spec.id, _specs(2)[1].id
        for run_id, owner in ((mine, "you"), (free, "me")):
            for write in _writes(store, run_id, owner):
                _refused(write, f"a write by {owner} to a run that is not theirs")
        _equal(store.requeue(running=True), 1, "requeued runs")
        for write in _writes(store, mine, "me"):
            _refused(write, "a write by an owner who lost the run")
        _equal(_claimed(store, "you").spec.id, mine, "the next claim")
        for write in _writes(store, mine, "me"):
            _refused(write, "a write by the owner before")
        _equal(store.run(mine).rounds, (), "rounds after refused writes")


def check_finish(make_store: MakeStore) -> None:
    """A done run never changes again."""
    with make_store() as store:
        store.add(_specs(1))
        name = _claimed(store).spec.id
        store.append(name, "me", _RECORD, {"a": b"1"})
        store.finish(name, "me")
        done = store.run(name)
        _equal((done.status, done.owner, done.error), ("done", None, None), "a done run")
        _true((done.ended or 0) >= (done.started or 0) > 0, "ended after it started")
        for write in _writes(store, name, "me"):
            _refused(write, "a write to a done run")
        _equal(store.requeue(running=True, failed=True), 0, "requeued runs")
        store.add(_specs(1))
        _equal((store.run(name), store.blobs(name)), (done, ("a",)), "the done run")


def check_fail(make_store: MakeStore) -> None:
    """A failed run keeps its rounds and what went wrong, and may be tried again."""
    with make_store() as store:
        store.add(_specs(1))
        first = _claimed(store)
        name = first.spec.id
        store.append(name, "me", _RECORD, {"a": b"1"})
        store.fail(name, "me", "Traceback: boom")
        failed = store.run(name)
        _equal((failed.status, failed.error, failed.owner), ("failed", "Traceback: boom", None), "")
        _true(failed.ended is not None, "a failed run has ended")
        _equal(store.claim("me"), None, "claim of a failed run")
        _equal(store.requeue(running=True), 0, "running runs")
        _equal(store.requeue(failed=True), 1, "failed runs")
        again = _claimed(store)
        _equal((again.error, again.ended, again.rounds), (None, None, (_RECORD,)), "tried again")
        _equal((again.started, store.blobs(name)), (first.started, ("a",)), "tried again")


def check_requeue(make_store: MakeStore) -> None:
    """Runs go back to pending as asked: by status, or those of one owner."""
    with make_store() as store:
        store.add(_specs(3))
        first, _ = _claimed(store, "gone"), _claimed(store, "alive")
        _equal(store.requeue(), 0, "nothing asked for")
        _equal(store.requeue(running=True, owner="nobody"), 0, "runs of a stranger")
        _equal(store.requeue(running=True, owner="gone"), 1, "runs of the owner who is gone")
        _equal([r.status for r in store.runs()], ["pending", "running", "pending"], "statuses")
        _equal(_claimed(store).spec.id, first.spec.id, "requeued runs come in their old order")
    with make_store() as store:
        store.add(_specs(3))
        failed = [_claimed(store).spec.id for _ in range(2)]
        for name in failed:
            store.fail(name, "me", "boom")
        _equal(store.requeue(failed=True, only=[]), 0, "none of the failed runs")
        _equal(store.requeue(running=True, only=failed), 0, "running ones among the failed")
        _equal(store.requeue(failed=True, only=[failed[1], "?"]), 1, "one of the failed runs")
        _equal([r.status for r in store.runs()], ["failed", "pending", "pending"], "statuses")


def check_missing(make_store: MakeStore) -> None:
    """What is not there is refused by name."""
    with make_store() as store:
        store.add(_specs(1))
        run_id = _specs(1)[0].id
        asks = [lambda: store.run("?"), lambda: store.blob("?", "a"), lambda: store.blobs("?")]
        for ask in [*asks, lambda: store.blob(run_id, "a"), *_writes(store, "?", "me")]:
            _refused(ask, "a run or blob that is not there")
        _equal(store.blobs(run_id), (), "blobs of a new run")


def check_close(make_store: MakeStore) -> None:
    """Closing twice is safe."""
    store = make_store()
    store.close()
    store.close()


def check_concurrent(make_store: MakeStore) -> None:
    """Several workers at once: each run is claimed exactly once and no round is lost.

    Workers are processes if the store is shared, else threads.
    """
    workers, runs = 4, 24
    with make_store() as store:
        store.add(_specs(runs))
        if store.shared:
            spawn = multiprocessing.get_context("spawn")
            pool: Executor = ProcessPoolExecutor(workers, mp_context=spawn)
            work: list[Any] = [pickle.loads(pickle.dumps(store)) for _ in range(workers)]
            for copy in work:
                copy.close()
        else:
            pool, work = ThreadPoolExecutor(workers), [store] * workers
        with pool:
            claimed = [*pool.map(_claim_all, work, [f"owner-{i}" for i in range(workers)])]
        names = sorted(name for part in claimed for name in part)
        _equal(names, sorted(spec.id for spec in _specs(runs)), "claimed runs")
        _equal({run.status for run in store.runs()}, {"done"}, "statuses")
        for run in store.runs():
            _equal(run.rounds, tuple({"round": t} for t in range(3)), f"rounds of {run.spec.id}")


def check_reopen(make_store: MakeStore) -> None:
    """A shared store is the same account through every copy, and after it was closed."""
    with make_store() as store:
        if not store.shared:
            return
        store.put_meta("study", _SETTINGS)
        store.add(_specs(2))
        name = _claimed(store).spec.id
        store.append(name, "me", _RECORD, {"a": b"1"})
        with pickle.loads(pickle.dumps(store)) as copy:
            _equal(copy.runs(), store.runs(), "runs of a copy")
            copy.finish(name, "me")
        _equal(store.run(name).status, "done", "what a copy wrote")
        text = pickle.dumps(store)
    with pickle.loads(text) as again:
        _equal(dict(again.meta()), {"study": _SETTINGS}, "meta after closing")
        _equal([run.status for run in again.runs()], ["done", "pending"], "runs after closing")
        _equal(again.blob(name, "a"), b"1", "a blob after closing")


STORE_CHECKS: tuple[Callable[[MakeStore], None], ...] = (
    check_meta,
    check_add,
    check_values,
    check_claim,
    check_append,
    check_owner,
    check_finish,
    check_fail,
    check_requeue,
    check_missing,
    check_close,
    check_concurrent,
    check_reopen,
)


def _specs(n: int) -> list[RunSpec]:
    return [RunSpec(f"run-{i}", "active", {**_SETTINGS, "repetition": i}) for i in range(n)]


def _claimed(store: AbstractStore, owner: str = "me") -> Run:
    run = store.claim(owner)
    if run is None:
        raise AssertionError("claim found no pending run where there is one")
    return run


def _claim_all(store: AbstractStore, owner: str) -> list[str]:
    """Work through the store as an engine does; the names of what was claimed."""
    if store.shared:
        store = pickle.loads(pickle.dumps(store))
    names = []
    while (run := store.claim(owner)) is not None:
        names.append(run.spec.id)
        for t in range(3):
            store.append(run.spec.id, owner, {"round": t}, {})
        store.finish(run.spec.id, owner)
    return names


def _writes(store: AbstractStore, run_id: str, owner: str) -> list[Callable[[], object]]:
    return [
        lambda: store.append(run_id, owner, _RECORD, {"never": b""}),
        lambda: store.finish(run_id, owner),
        lambda: store.fail(run_id, owner, "never"),
    ]


def _refused(call: Callable[[], object], what: str, kind: type[PaucaError] = StoreError) -> None:
    with suppress(kind):
        call()
        raise AssertionError(f"{what} was not refused with a {kind.__name__}")


def _equal(got: object, expected: object, what: str) -> None:
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


def _true(fact: bool, what: str) -> None:
    if not fact:
        raise AssertionError(f"not true: {what}")
