"""The cell of kind ``active``: one strategy asks for labels, one learner learns from them."""

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import torch

from pauca.data import Dataset
from pauca.data.own import as_pixels
from pauca.errors import DataError
from pauca.files import read_tensors
from pauca.learners import AbstractLearner
from pauca.oracle import UNKNOWN, VaultOracle
from pauca.rng import Streams
from pauca.session import Session
from pauca.study.cells.base import AbstractCell, Desk, cells
from pauca.study.discoveries import Learned, Rejected, discovered
from pauca.study.evaluate import measure, npz, predictions, reliability
from pauca.study.following import Snapshot, Watch
from pauca.study.memory import Peak
from pauca.study.novelties import novelty
from pauca.study.openset import opened, so_far
from pauca.study.plan import accompanied, strategy_of
from pauca.study.pool import made_pool

__all__ = ["Active"]

_SHOWN = 10
"""Items of the first query of the first repetition whose pictures are kept."""


@cells.register("active")
class Active(AbstractCell):
    """Round t: train on all labels so far, measure on the test split, ask, be answered.

    The first round trains on the initial set, the last one asks for nothing. The test split is read
    here alone, and nothing that is learned or asked depends on it. Of an open pool the learner
    knows some classes only; an item of another one, once asked for, costs a label and is rejected.
    """

    kind = "active"

    def rounds(self, settings: Mapping[str, Any]) -> int:
        """The one on the initial set, and one for each query."""
        queried: int = settings["budget"] - settings["initial"]
        query: int = settings["query"]
        return 1 + math.ceil(queried / query)

    def label(self, settings: Mapping[str, Any]) -> str:
        """The strategy's name."""
        return str(settings["strategy"]["name"])

    def work(self, desk: Desk) -> None:
        """Go on after the last round that was kept."""
        rounds, kept = self.rounds(desk.settings), len(desk.run.rounds)
        if kept == rounds:
            return
        game = _Game(desk, rounds)
        for t in range(kept, rounds):
            game.play(t)


class _Game:
    """A session with its oracle, rebuilt from the rounds that were kept."""

    def __init__(self, desk: Desk, rounds: int) -> None:
        settings = desk.settings
        self.desk, self.rounds = desk, rounds
        self.dataset: Dataset = desk.dataset()
        self.streams = Streams(settings["study_seed"], settings["repetition"])
        self.world = opened(self.dataset, settings["pool"], self.streams)
        pool = self.world.pool
        if pool.y is None:
            raise DataError(
                "the pool has no labels to answer with",
                where=self.dataset.name,
                todo="use a data set with labels",
            )
        kept = desk.run.rounds
        self.session = self._session(kept)
        self.learner: AbstractLearner = self.session.learner
        self.oracle = VaultOracle(pool.y, self.world.known)
        self.seen = _Seen(pool.x)
        self.seen.add([*self.session.labelled_ids.tolist(), *self.session.rejected.tolist()])
        self.watch = Watch(
            self.world, settings.get("stop_set", 0), settings.get("follow", False), self.streams
        )
        self.before = self._looked_before(kept)

    def _session(self, kept: Sequence[Mapping[str, Any]]) -> Session:
        """As it stood after these rounds, with the state that a learner goes on from."""
        settings = self.desk.settings
        strategy = strategy_of(settings["strategy"])
        learner = accompanied(settings["learner"], strategy, self.world.task, settings["device"])
        if kept and learner.carries_state:
            name = _state_name(len(kept) - 1)
            where = f"run {self.desk.run.spec.id}, array {name!r}"
            learner.load_state(_unpacked(self.desk.blob(name), where))
        return Session(
            self.world.pool.x,
            learner,
            strategy,
            streams=self.streams,
            events=_events(kept),
            initial_strategy=strategy_of(settings["initial_strategy"]),
        )

    def _looked_before(self, kept: Sequence[Mapping[str, Any]]) -> Snapshot | None:
        """The last model that was kept, trained once more where its weights were not."""
        if not kept or not self.watch.looks:
            return None
        if self.learner.carries_state:
            return self.watch.look(self.learner, len(kept) - 1)
        last = {**kept[-1], "asked": [], "answers": []}
        past = self._session([*kept[:-1], last])
        past.train()
        return self.watch.look(past.learner, len(kept) - 1)

    def play(self, t: int) -> None:
        """One round, kept at its end."""
        settings = self.desk.settings
        record: dict[str, Any] = {"round": t}
        if t == 0:
            ids, labels = self._asked(settings["initial"])
            self.seen.add(ids)
            record |= {"initial": ids, "initial_answers": labels}
            self._check_initial()
            if self.world.known is not None:
                record["known"] = list(self.world.known)
        memory: dict[str, Any] = {}
        times, peak = [perf_counter()], Peak(settings["device"])
        report = self.session.train(lambda part: self.desk.report((t + part) / self.rounds))
        times.append(perf_counter())
        memory["train"] = peak.grown()
        record |= {
            "labels": self.session.spent,
            **self._measured(t),
            "steps": report.steps,
            "companion_steps": report.companion_steps,
            **self._watched(t),
            **self._open(t),
        }
        times.append(perf_counter())
        blobs = self._state(t)
        record |= self._discovery(t)
        times.append(perf_counter())
        peak = Peak(settings["device"])
        asked: list[int] = []
        answers: list[int] = []
        if t + 1 < self.rounds:
            asked, answers = self._asked(min(settings["query"], self._left))
        times.append(perf_counter())
        if asked:
            memory["query"] = peak.grown()
        if t == 0 and settings["repetition"] == 0 and asked:
            blobs |= self._pictures(asked[:_SHOWN], answers[:_SHOWN])
        train, evaluate, discovery, query = (b - a for a, b in pairwise(times))
        seconds = {"train": train, "query": query, "evaluate": evaluate}
        if "discovery" in record:
            seconds["discovery"] = discovery
        record |= {
            "asked": asked,
            "answers": answers,
            "duplicates": self.seen.add(asked),
            "seconds": seconds,
            "memory": memory,
        }
        self.desk.keep(record, blobs)
        self.desk.report((t + 1) / self.rounds)

    @property
    def _left(self) -> int:
        """Labels that may still be spent."""
        return int(self.desk.settings["budget"]) - self.session.spent

    def _asked(self, k: int) -> tuple[list[int], list[int]]:
        ids = self.session.ask(k)
        labels = self.oracle.answer(ids)
        self.session.answer(ids, labels)
        return ids.tolist(), labels.tolist()

    def _check_initial(self) -> None:
        if not self.session.state.labelled:
            raise DataError(
                "no item of the initial set is of a known class",
                expected="at least one to learn from",
                got=f"{self.session.spent} of unknown classes",
                todo="raise `initial`, or leave more classes known",
            )

    def _watched(self, t: int) -> dict[str, Any]:
        """What rules of when to stop read, and ensembles, where these are asked for."""
        if not self.watch.looks:
            return {}
        now, before = self.watch.look(self.learner, t), self.before
        self.before = now
        answered = torch.cat([self.session.labelled_ids, self.session.rejected])
        return self.watch.record(now, before, answered, same_units=self.learner.keeps_units)

    def _open(self, t: int) -> dict[str, Any]:
        """What was asked of an open pool, and whether the learner notices what it does not know."""
        world, session = self.world, self.session
        if world.known is None:
            return {}
        learned = (world.pool.x[session.labelled_ids], session.labels)
        found = {
            **so_far(len(session.labels), len(session.rejected), world.pool, world.known),
            "novelty": novelty(
                self.learner,
                learned,
                world.test,
                world.strange,
                self.streams.generator("watch", 3),
                self.streams.generator("watch", 4, t),
            ),
        }
        return {"openset": found}

    def _discovery(self, t: int) -> dict[str, Any]:
        """New classes among what was rejected, in the last round, where they are asked for."""
        if "discovery" not in self.desk.settings or t + 1 < self.rounds:
            return {}
        ids, pool, session = self.session.rejected, self.world.pool, self.session
        free = torch.ones(len(pool), dtype=torch.bool)
        free[torch.cat([session.labelled_ids, ids])] = False
        learned = Learned(pool.x[session.labelled_ids], session.labels, pool.x[free])
        assert pool.y is not None
        found = discovered(
            self.learner,
            Rejected(ids, pool.x[ids], pool.y[ids]),
            learned,
            self.dataset,
            self.world,
            self.desk.settings,
            # one start for both trainings: they differ in the names alone
            [self.streams.generator("model", t, 1) for _ in range(2)]
            + [self.streams.generator("watch", 5)],
        )
        return {"discovery": found}

    def _pictures(self, ids: Sequence[int], answers: Sequence[int]) -> dict[str, bytes]:
        """The items themselves, where they are images, or features of images."""
        settings = self.desk.settings
        source = self.desk.dataset(features=False)
        if source.kind != "image":
            return {}
        pool = made_pool(source.train, source.task.c, settings["pool"], self.streams)
        items = as_pixels(pool.x[torch.tensor(ids)])
        known = self.world.known
        named = [y if known is None or y == UNKNOWN else known[y] for y in answers]
        return {"picks.npz": npz({"items": items, "answers": np.array(named)})}

    def _measured(self, t: int) -> dict[str, Any]:
        test = self.world.test
        probs = predictions(self.learner, test, self.streams.generator("analysis", t))
        return {"metrics": measure(test, probs), "calibration": reliability(test, probs)}

    def _state(self, t: int) -> dict[str, bytes]:
        """What a learner that goes on from its last training needs after a kill."""
        if not self.learner.carries_state or t + 1 == self.rounds:
            return {}
        file = io.BytesIO()
        torch.save(self.learner.state(), file)
        return {_state_name(t): file.getvalue()}


class _Seen:
    """Items that were answered, to notice those that come again."""

    def __init__(self, x: torch.Tensor) -> None:
        self._x = x
        self._seen: set[bytes] = set()

    def add(self, ids: Sequence[int]) -> float | None:
        """Share of these that equal one before them, in every number; None of none."""
        known = 0
        for i in ids:
            item = sha256(self._x[i].contiguous().numpy().data).digest()
            known += item in self._seen
            self._seen.add(item)
        return known / len(ids) if ids else None


def _state_name(t: int) -> str:
    return f"state-{t}.pt"


def _unpacked(data: bytes, where: str) -> Mapping[str, Any]:
    """The state of a learner.

    Raises:
        DataError: it is damaged.
    """
    todo = "keep what can be read: `pauca merge DIR --salvage --out NEW`"
    state: Mapping[str, Any] = read_tensors(data, where, "the state of a learner is damaged", todo)
    return state


def _events(rounds: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What happened in the session, from the rounds that were kept."""
    for record in rounds:
        if "initial" in record:
            yield from _turn(record["initial"], record["initial_answers"], 0, initial=True)
        if record["asked"]:
            yield from _turn(record["asked"], record["answers"], record["round"], initial=False)


def _turn(
    ids: Sequence[int], labels: Sequence[int], t: int, *, initial: bool
) -> Iterator[dict[str, Any]]:
    yield {"kind": "asked", "ids": list(ids), "round": t, "initial": initial}
    told = [i for i, y in zip(ids, labels, strict=True) if y != UNKNOWN]
    if told:
        classes = [y for y in labels if y != UNKNOWN]
        yield {"kind": "told", "ids": told, "labels": classes, "unasked": []}
    rejected = [i for i, y in zip(ids, labels, strict=True) if y == UNKNOWN]
    if rejected:
        yield {"kind": "rejected", "ids": rejected, "unasked": []}
