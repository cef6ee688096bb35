"""The session: it asks for items, is told labels, and remembers everything as events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.checks import check_count
from pauca.data.sparse import DENSE_BYTES, SparseRows, as_dense
from pauca.errors import InputError
from pauca.learners.base import AbstractLearner, FitReport, Progress
from pauca.oracle import UNKNOWN
from pauca.outputs import Outputs
from pauca.rng import Streams
from pauca.session.events import Asked, Rejected, Skipped, Told, Undone, from_json, to_json
from pauca.session.ledger import Ledger
from pauca.session.reading import Reader, check_room, too_wide
from pauca.session.state import State, last_change
from pauca.strategies.base import AbstractStrategy, make_strategy

__all__ = ["BEFORE_LABELS", "Session"]

_PROBS = frozenset({"probs"})

BEFORE_LABELS = frozenset({"probs", "features"})
"""What an initial strategy may read, since no learner has learned anything yet."""


class Session:
    """Asks which items of a pool to label next, and learns from the answers.

    A session is the account of its events, and nothing else: the same pool, learner, strategy and
    streams with the same events stand at the same place and ask for the same items, in any process.
    The items are numbered by their row in the pool, from 0.

    A training sees the labelled items in the order of their ids, so that it matters what was
    labelled, not when. Its random stream is named by the round of the last answer,
    that of a choice by the round under way.

    Args:
        x: The pool as stored, [n, ...]: uint8 images or float rows.
        learner: Trained on what is labelled; it knows classes and transforms.
        strategy: Chooses what to ask for.
        streams: The random streams of this repetition.
        events: What happened before, as ``events`` gave it.
        initial_strategy: Chooses while there is no label, from uniform probabilities and, as
            features, the items themselves after the task's evaluation transform.
        block: Items whose Outputs are computed at once; the choice does not depend on it.

    Raises:
        CapabilityError: the strategy needs what the learner does not give.
        InputError: an empty pool, items of another shape than the task's, impossible events.
        DataError: ``events`` are not well formed.
    """

    def __init__(
        self,
        x: Tensor,
        learner: AbstractLearner,
        strategy: AbstractStrategy,
        *,
        streams: Streams,
        events: Iterable[Mapping[str, Any]] = (),
        initial_strategy: str | AbstractStrategy = "random",
        block: int = 4096,
    ) -> None:
        if isinstance(initial_strategy, str):
            initial_strategy = make_strategy(initial_strategy)
        strategy.check_needs(learner.gives | _PROBS, f"learner {learner.name!r}")
        initial_strategy.check_needs(BEFORE_LABELS, "a learner that has seen no label")
        learner.check_items(x)
        check_count(len(x), "the number of items in the pool", least=1)
        self.x = x
        self.learner = learner
        self.strategy = strategy
        self.initial_strategy = initial_strategy
        self.streams = streams
        self._reader = Reader(x, check_count(block, "block", least=1))
        self._ledger = Ledger(len(x), learner.task.c)
        self._trained: tuple[Mapping[int, int], int, FitReport] | None = None
        for place, event in enumerate(events):
            self._ledger.append(from_json(event, f"event {place}"))

    @property
    def n(self) -> int:
        """Items of the pool."""
        return len(self.x)

    @property
    def state(self) -> State:
        """Where the session stands: a pure function of the events."""
        return self._ledger.state

    @property
    def round(self) -> int:
        """How often the strategy has chosen: the number of the round under way."""
        return self.state.round

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """Everything that happened, in order, as plain values that JSON holds; a copy."""
        return tuple(to_json(event) for event in self._ledger.events)

    @property
    def labelled_ids(self) -> Tensor:
        """Labelled items in increasing order, int64 [m]."""
        return _ints(sorted(self.state.labelled))

    @property
    def labels(self) -> Tensor:
        """Their classes, int64 [m]."""
        labelled = self.state.labelled
        return _ints(labelled[i] for i in sorted(labelled))

    @property
    def pending(self) -> Tensor:
        """Items asked for and not answered, in the order of asking, int64."""
        return _ints(self.state.pending)

    @property
    def skipped(self) -> Tensor:
        """Items set aside, in increasing order, int64."""
        return _ints(sorted(self.state.skipped))

    @property
    def rejected(self) -> Tensor:
        """Items said to be of none of the known classes, in increasing order, int64."""
        return _ints(sorted(self.state.rejected))

    @property
    def spent(self) -> int:
        """Answers paid for: items labelled or rejected."""
        return len(self.state.labelled) + len(self.state.rejected)

    @property
    def remaining(self) -> Tensor:
        """Items that can be asked for: not labelled, rejected, pending or skipped; increasing."""
        free = torch.ones(self.n, dtype=torch.bool)
        state = self.state
        free[_ints([*state.labelled, *state.rejected, *state.pending, *state.skipped])] = False
        return free.nonzero()[:, 0]

    def ask(self, k: int) -> Tensor:
        """Choose the next items to label; trains the learner first if labels have changed.

        Args:
            k: How many, >= 1; where fewer remain, all that remain are asked for.

        Returns:
            int64 [min(k, remaining)], in the order of choice. They are pending until they are told
            or skipped, and are not asked for again before.

        Raises:
            InputError: k < 1, or nothing remains.
        """
        check_count(k, "k", least=1)
        pool = self.remaining
        if not len(pool):
            raise self._exhausted()
        k = min(k, len(pool))
        initial = not self.state.labelled
        chosen = self._first(pool, k) if initial else self._choose(pool, k, self.strategy)
        ids = tuple(chosen.tolist())
        self._ledger.append(Asked(ids=ids, round=self.round, initial=initial))
        return _ints(ids)

    def preview(self, strategy: AbstractStrategy, k: int) -> Tensor:
        """What another strategy would ask for now; nothing is asked, nothing is recorded.

        What this strategy reads of the pool was mostly computed already: one pass serves all.

        Returns:
            int64 [min(k, remaining)], in the order of choice.

        Raises:
            CapabilityError: the strategy needs what the learner does not give.
            InputError: k < 1, nothing is labelled, or nothing remains.
        """
        check_count(k, "k", least=1)
        strategy.check_needs(self.learner.gives | _PROBS, f"learner {self.learner.name!r}")
        pool = self.remaining
        if not len(pool):
            raise self._exhausted()
        return self._choose(pool, min(k, len(pool)), strategy)

    def tell(self, ids: Tensor | Sequence[int], labels: Tensor | Sequence[int]) -> None:
        """Label items, asked for or not; nothing changes unless everything is right.

        Args:
            ids: int64 [k >= 1], distinct, of the pool, not labelled yet. Items that were not asked
                for are recorded as such; a skipped or rejected item is so no longer.
            labels: int64 [k], classes of the task.

        Raises:
            InputError: anything else.
        """
        items = _whole(ids, "ids")
        told = Told(ids=items, labels=_whole(labels, "labels"), unasked=self._ledger.unasked(items))
        self._ledger.append(told)

    def reject(self, ids: Tensor | Sequence[int]) -> None:
        """Say that items are of none of the known classes.

        They leave the pool, count as answered, and are kept in ``rejected``; no training reads
        them, not as unlabelled items either.

        Args:
            ids: int64 [k >= 1], distinct, of the pool, neither labelled nor rejected.

        Raises:
            InputError: anything else.
        """
        items = _whole(ids, "ids")
        self._ledger.append(Rejected(ids=items, unasked=self._ledger.unasked(items)))

    def answer(self, ids: Tensor | Sequence[int], answers: Tensor | Sequence[int]) -> None:
        """Take an oracle's answers: tell the classes, reject what is ``UNKNOWN``.

        Where both occur these are two events, first the classes; nothing changes unless everything
        is right.

        Args:
            ids: As in ``tell``.
            answers: int64 [k], classes of the task or ``UNKNOWN``.

        Raises:
            InputError: as ``tell`` and ``reject``.
        """
        items, said = _whole(ids, "ids"), _whole(answers, "answers")
        if len(items) != len(said) or len(set(items)) != len(items):
            self.tell(items, said)  # which refuses it in the right words
        fits = [(i, y) for i, y in zip(items, said, strict=True) if y != UNKNOWN]
        others = tuple(i for i, y in zip(items, said, strict=True) if y == UNKNOWN)
        if others:
            self._ledger.check(Rejected(ids=others, unasked=self._ledger.unasked(others)))
        if fits or not others:
            self.tell([i for i, _ in fits], [y for _, y in fits])
        if others:
            self.reject(others)

    def skip(self, ids: Tensor | Sequence[int]) -> None:
        """Set items aside: they are not asked for again, unless the skip is undone.

        Args:
            ids: int64 [k >= 1], distinct, of the pool, neither labelled, rejected nor skipped.

        Raises:
            InputError: anything else.
        """
        self._ledger.append(Skipped(ids=_whole(ids, "ids")))

    def undo(self) -> dict[str, Any]:
        """Take back the last tell, rejection or skip; what had been asked for is pending again.

        Returns:
            The event that was taken back.

        Raises:
            InputError: there is none left.
        """
        place = last_change(self._ledger.events)
        place = -1 if place is None else place
        self._ledger.append(Undone(event=place))
        return to_json(self._ledger.events[place])

    def train(self, progress: Progress | None = None) -> FitReport:
        """Train the learner on what is labelled, unless it was already; ``ask`` does so by itself.

        A learner that carries state from one training to the next, and has none yet, first repeats
        the trainings that came before. One that was given its state goes on from there. Only
        trainings that a choice followed belong to the account: with such a learner, train right
        before asking, or a rebuilt session may differ.

        Returns:
            What the training on these labels did.

        Raises:
            InputError: nothing is labelled.
        """
        if not self.state.labelled:
            raise InputError("nothing is labelled yet", todo="ask and tell first")
        if self._trained is None and self.learner.carries_state and not self.learner.fitted:
            for state in self._trainings():
                self._fit(state, None)
        return self._fit(self.state, progress)

    def _fit(self, state: State, progress: Progress | None) -> FitReport:
        trained = self._trained
        if trained is not None and trained[:2] == (state.labelled, state.labels_round):
            return trained[2]
        # a training that breaks off leaves a learner that was trained on nothing known
        self._trained = None
        ids = sorted(state.labelled)
        unlabelled = None
        if self.learner.reads_unlabelled:
            free = torch.ones(self.n, dtype=torch.bool)
            free[_ints([*ids, *state.rejected])] = False
            unlabelled = self.x[free]
        report = self.learner.fit(
            self.x[_ints(ids)],
            _ints(state.labelled[i] for i in ids),
            generator=self.streams.generator("model", state.labels_round),
            progress=progress,
            unlabelled=unlabelled,
        )
        self._trained = (state.labelled, state.labels_round, report)
        return report

    def _trainings(self) -> Iterator[State]:
        """Where the session stood whenever the strategy chose."""
        past = Ledger(self.n, self.learner.task.c)
        for event in self._ledger.events:
            if isinstance(event, Asked) and not event.initial:
                yield past.state
            past.append(event)

    def _first(self, pool: Tensor, k: int) -> Tensor:
        generator = self.streams.generator("initial", self.state.initial)
        blank = self._blank(pool)
        if "features" in self.initial_strategy.needs:
            blank = replace(blank, features=self._bare(pool))
        return self.initial_strategy.select(blank, None, k, generator)

    def _bare(self, ids: Tensor) -> Tensor:
        """The items as a learner would read them, float32 [n, d]."""
        need = 4 * len(ids) * self.x[:1].numel()
        if isinstance(self.x, SparseRows) and need > DENSE_BYTES:
            raise too_wide(self.initial_strategy.name, len(ids), need)
        parts = torch.split(ids, 4096)
        evaluate = self.learner.task.evaluate
        items = (as_dense(self.x[part]) for part in parts)
        return torch.cat([evaluate(part, None).flatten(1).float() for part in items])

    def _blank(self, ids: Tensor) -> Outputs:
        """What is known of items without asking a learner: nothing."""
        c = self.learner.task.c
        return Outputs(ids=ids, probs=torch.full((1, 1, c), 1 / c).expand(1, len(ids), c))

    def _choose(self, pool: Tensor, k: int, strategy: AbstractStrategy) -> Tensor:
        self.train()
        generator = self.streams.generator("strategy", self.round)
        if not strategy.needs:
            return strategy.select(self._blank(pool), None, k, generator)
        labelled = self._labelled_outputs(strategy) if strategy.reads_labelled else None
        blocks = self._blocks(pool, strategy)
        if isinstance(self.x, SparseRows):
            blocks = check_room(blocks, len(pool), strategy)
        return strategy.select_from_blocks(blocks, labelled, k, generator)

    def _labelled_outputs(self, strategy: AbstractStrategy) -> Outputs:
        outputs = Outputs.concat(self._blocks(self.labelled_ids, strategy))
        return replace(outputs, labels=self.labels.to(outputs.ids.device))

    def _blocks(self, ids: Tensor, strategy: AbstractStrategy) -> Iterator[Outputs]:
        return self._reader.blocks(
            ids,
            self.learner,
            strategy.needs | _PROBS,
            model=self._trained,
            generator=lambda: self.streams.generator("outputs", self.round),
        )

    def _exhausted(self) -> InputError:
        state = self.state
        return InputError(
            "nothing is left to ask for",
            expected="an item that is not labelled, rejected, pending or skipped",
            got=f"{len(state.labelled)} labelled, {len(state.rejected)} rejected, "
            f"{len(state.pending)} pending and {len(state.skipped)} skipped of {self.n}",
            todo="answer what is pending, undo a skip, or end the session",
        )


def _ints(values: Iterable[int]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.int64)


def _whole(values: Tensor | Sequence[int], where: str) -> tuple[int, ...]:
    found = values.tolist() if isinstance(values, Tensor | np.ndarray) else values
    listed = [found] if isinstance(found, int | float) else list(found)
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InputError(
                f"{where} has the wrong form", expected="whole numbers of shape [k]", got=values
            )
    return tuple(map(int, listed))
