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

from pauca.data import Dataset, Split
from pauca.errors import DataError
from pauca.learners import AbstractLearner
from pauca.oracle import VaultOracle
from pauca.rng import Streams
from pauca.session import Session
from pauca.study.cells.base import AbstractCell, Desk, cells
from pauca.study.evaluate import measure, npz, predictions
from pauca.study.memory import Peak
from pauca.study.plan import accompanied, strategy_of
from pauca.study.pool import made_pool

__all__ = ["Active"]

_SHOWN = 10
"""Items of the first query of the first repetition whose pictures are kept."""


@cells.register("active")
class Active(AbstractCell):
    """Round t: train on all labels so far, measure on the test split, ask, be answered.

    The first round trains on the initial set, the last one asks for nothing. The test split is read
    here alone, and nothing that is learned or asked depends on it.
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
        pool = made_pool(self.dataset.train, self.dataset.task.c, settings["pool"], self.streams)
        strategy = strategy_of(settings["strategy"])
        self.learner: AbstractLearner = accompanied(
            settings["learner"], strategy, self.dataset, settings["device"]
        )
        kept = desk.run.rounds
        if kept and self.learner.carries_state:
            self.learner.load_state(_unpacked(desk.blob(_state_name(len(kept) - 1))))
        self.session = Session(
            pool.x,
            self.learner,
            strategy,
            streams=self.streams,
            events=_events(kept),
            initial_strategy=strategy_of(settings["initial_strategy"]),
        )
        if pool.y is None:
            raise DataError("the pool has no labels to answer with", where=self.dataset.name)
        self.oracle = VaultOracle(pool.y)
        self.known = _Known(pool.x)
        self.known.add(self.session.labelled_ids.tolist())

    def play(self, t: int) -> None:
        """One round, kept at its end."""
        settings = self.desk.settings
        record: dict[str, Any] = {"round": t}
        if t == 0:
            ids, labels = self._asked(settings["initial"])
            self.known.add(ids)
            record |= {"initial": ids, "initial_answers": labels}
        memory: dict[str, Any] = {}
        times, peak = [perf_counter()], Peak(settings["device"])
        report = self.session.train(lambda part: self.desk.report((t + part) / self.rounds))
        times.append(perf_counter())
        memory["train"] = peak.grown()
        record |= {
            "labels": len(self.session.labelled_ids),
            "metrics": self._metrics(t),
            "steps": report.steps,
            "companion_steps": report.companion_steps,
        }
        times.append(perf_counter())
        blobs = self._state(t)
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
        train, evaluate, query = (b - a for a, b in pairwise(times))
        record |= {
            "asked": asked,
            "answers": answers,
            "duplicates": self.known.add(asked),
            "seconds": {"train": train, "query": query, "evaluate": evaluate},
            "memory": memory,
        }
        self.desk.keep(record, blobs)
        self.desk.report((t + 1) / self.rounds)

    @property
    def _left(self) -> int:
        """Labels that may still be spent."""
        return int(self.desk.settings["budget"]) - len(self.session.labelled_ids)

    def _asked(self, k: int) -> tuple[list[int], list[int]]:
        ids = self.session.ask(k)
        labels = self.oracle.answer(ids)
        self.session.tell(ids, labels)
        return ids.tolist(), labels.tolist()

    def _pictures(self, ids: Sequence[int], answers: Sequence[int]) -> dict[str, bytes]:
        """The items themselves, where they are images, or features of images."""
        settings = self.desk.settings
        source = self.desk.dataset(features=False)
        if source.kind != "image":
            return {}
        pool = made_pool(source.train, source.task.c, settings["pool"], self.streams)
        items = pool.x[torch.tensor(ids)].numpy()
        return {"picks.npz": npz({"items": items, "answers": np.array(answers)})}

    def _metrics(self, t: int) -> dict[str, float]:
        test = _test(self.dataset)
        return measure(test, predictions(self.learner, test, self.streams.generator("analysis", t)))

    def _state(self, t: int) -> dict[str, bytes]:
        """What a learner that goes on from its last training needs after a kill."""
        if not self.learner.carries_state or t + 1 == self.rounds:
            return {}
        file = io.BytesIO()
        torch.save(self.learner.state(), file)
        return {_state_name(t): file.getvalue()}


class _Known:
    """Items that were labelled, to notice those that come again."""

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


def _test(dataset: Dataset) -> Split:
    if dataset.test is None:
        raise DataError("the data set has no test split", where=dataset.name)
    return dataset.test


def _state_name(t: int) -> str:
    return f"state-{t}.pt"


def _unpacked(data: bytes) -> Mapping[str, Any]:
    state: Mapping[str, Any] = torch.load(io.BytesIO(data), weights_only=True)
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
    yield {"kind": "told", "ids": list(ids), "labels": list(labels), "unasked": []}
