"""The session: it asks for items, is told labels, and remembers everything as events."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_ordered, check_tensor
from pauca.data.sparse import DENSE_BYTES, SparseRows, as_dense
from pauca.errors import InputError, nearest, shown
from pauca.learners.base import AbstractLearner, FitReport, Progress
from pauca.oracle import UNKNOWN
from pauca.outputs import Outputs
from pauca.rng import Streams
from pauca.session.events import Asked, Rejected, Skipped, Told, Undone, from_json, to_json
from pauca.session.kinds import as_learner, as_pool, as_strategy, as_streams
from pauca.session.ledger import Ledger
from pauca.session.reading import Reader, check_room, too_wide
from pauca.session.state import State, last_change
from pauca.strategies.base import AbstractStrategy

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
        x: The pool as stored, [n, ...]: uint8 images or float rows; a tensor, an array, a memory
            map (read in place), a table of numbers or lists of numbers.
        learner: Trained on what is labelled; it knows classes and transforms.
        strategy: Chooses what to ask for; or its name.
        streams: The random streams of this repetition.
        events: What happened before, as ``events`` gave it.
        initial_strategy: Chooses while there is no label, from uniform probabilities and, as
            features, the items themselves after the task's evaluation transform.
        initial: Who is asked while there is no label: ``strategy``, the initial one, which knows
            nothing of the classes; or ``learner``: the learner as it is passed in was trained
            before, on other data say, and the strategy reads what it says of the pool. Such a
            session is rebuilt with that same learner, and each choice notes its fingerprint.
        block: Items whose Outputs are computed at once; the choice does not depend on it.

    Attributes:
        notes: What was done to the pool so that it could be read; empty for a tensor.

    Raises:
        CapabilityError: the strategy needs what the learner does not give.
        InputError: something of another kind; an empty pool, items of another shape than the
            task's; impossible events; ``initial="learner"`` and a learner that was not trained.
        DataError: ``events`` are not well formed.
    """

    def __init__(
        self,
        x: Any,
        learner: AbstractLearner,
        strategy: str | AbstractStrategy,
        *,
        streams: Streams,
        events: Iterable[Mapping[str, Any]] = (),
        initial_strategy: str | AbstractStrategy = "random",
        initial: Literal["strategy", "learner"] = "strategy",
        block: int = 4096,
    ) -> None:
        self.learner = as_learner(learner)
        self.strategy = as_strategy(strategy, "strategy")
        self.initial_strategy = as_strategy(initial_strategy, "initial_strategy")
        self.streams = as_streams(streams)
        self.x, self.notes = as_pool(x)
        self.strategy.check_needs(learner.gives | _PROBS, f"learner {learner.name!r}")
        self.initial_strategy.check_needs(BEFORE_LABELS, "a learner that has seen no label")
        learner.check_items(self.x)
        check_count(len(self.x), "the number of items in the pool", least=1)
        self._before = _Before(learner) if _asks_learner(initial) else None
        self._reader = Reader(self.x, check_count(block, "block", least=1))
        self._ledger = Ledger(len(self.x), learner.task.c)
        self._trained: tuple[Mapping[int, int], int, FitReport] | None = None
        for place, plain in enumerate(check_ordered(events, "events", once=True)):
            event = from_json(plain, f"event {place}")
            if isinstance(event, Asked):
                self._check_asked(event, place)
            self._ledger.append(event)

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
        asked = self._before.fingerprint if initial and self._before is not None else ""
        self._ledger.append(Asked(ids=ids, round=self.round, initial=initial, learner=asked))
        return _ints(ids)

    def preview(self, strategy: str | AbstractStrategy, k: int) -> Tensor:
        """What another strategy would ask for now; nothing is asked, nothing is recorded.

        What this strategy reads of the pool was mostly computed already: one pass serves all.

        Returns:
            int64 [min(k, remaining)], in the order of choice.

        Raises:
            CapabilityError: the strategy needs what the learner does not give.
            InputError: k < 1, nothing is labelled, or nothing remains.
        """
        check_count(k, "k", least=1)
        strategy = as_strategy(strategy, "strategy")
        strategy.check_needs(self.learner.gives | _PROBS, f"learner {self.learner.name!r}")
        pool = self.remaining
        if not len(pool):
            raise self._exhausted()
        k = min(k, len(pool))
        if self._before is not None and not self.state.labelled:
            generator = self.streams.generator("initial", self.state.initial)
            return self._ask_before(pool, k, strategy, generator)
        return self._choose(pool, k, strategy)

    def tell(self, ids: Any, labels: Any) -> None:
        """Label items, asked for or not; nothing changes unless everything is right.

        Args:
            ids: int64 [k >= 1], distinct, of the pool, not labelled yet. Items that were not asked
                for are recorded as such; a skipped or rejected item is so no longer. A tensor, an
                array, a list, or one id.
            labels: int64 [k], classes of the task, or their names.

        Raises:
            InputError: anything else.
        """
        items = _whole(ids, "ids")
        classes = self.learner.task.classes
        told = Told(items, _whole(labels, "labels", classes), self._ledger.unasked(items))
        self._ledger.append(told)

    def reject(self, ids: Any) -> None:
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

    def answer(self, ids: Any, answers: Any) -> None:
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

    def skip(self, ids: Any) -> None:
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
        anew = self._before is not None or not self.learner.fitted
        if self._trained is None and self.learner.carries_state and anew:
            if self._before is not None:
                self._before.restore()
            for state in self._trainings():
                self._fit(state, None)
        return self._fit(self.state, progress)

    def _check_asked(self, event: Asked, place: int) -> None:
        """Refuse events that began otherwise than this session would."""
        now = self._before.fingerprint if self._before is not None and event.initial else ""
        if event.learner != now:
            raise InputError(
                "the first items were asked for by another learner than this session's",
                expected=f"a trained learner {event.learner}" if event.learner else "no learner",
                got=now or "no learner",
                where=f"event {place}",
                todo="pass the learner as it was when the session began, and initial='learner'"
                if event.learner
                else "leave `initial` out",
            )

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
        if self._before is not None:
            return self._ask_before(pool, k, self.strategy, generator)
        blank = self._blank(pool)
        if "features" in self.initial_strategy.needs:
            blank = replace(blank, features=self._bare(pool))
        return self.initial_strategy.select(blank, None, k, generator)

    def _ask_before(
        self, pool: Tensor, k: int, strategy: AbstractStrategy, generator: Generator
    ) -> Tensor:
        """What a strategy asks for from what the learner said before there was any label."""
        assert self._before is not None
        if self._trained is not None:  # on labels that were taken back since
            self._before.restore()
            self._trained = None
        blocks = self._reader.blocks(
            pool,
            self.learner,
            strategy.needs | _PROBS,
            model=self._before,
            generator=lambda: self.streams.generator("outputs", -1),
        )
        return strategy.select_from_blocks(blocks, None, k, generator)

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


def _whole(values: Any, where: str, classes: Sequence[str] = ()) -> tuple[int, ...]:
    """Whole numbers [k]; one number stands for itself, and a class for its number."""
    if isinstance(values, str | int | np.integer):
        values = [values]
    if isinstance(values, Tensor):
        check_tensor(values, where)
    array = values.tolist() if isinstance(values, Tensor | np.ndarray) else values
    listed = [array] if isinstance(array, int | float) else list(check_ordered(array, where))
    return tuple(_number(value, where, classes) for value in listed)


def _number(value: Any, where: str, classes: Sequence[str]) -> int:
    if isinstance(value, str) and value in classes:
        return classes.index(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        close = nearest(value, classes) if isinstance(value, str) else None
        names = f", or {', '.join(classes)}" if classes else ""
        raise InputError(
            f"{where} has the wrong form",
            expected=f"whole numbers of shape [k]{names}",
            got=shown(value),
            todo=f"did you mean {close!r}?" if close else "pass one whole number an item",
        )
    return int(value)


def _asks_learner(initial: object) -> bool:
    if not isinstance(initial, str) or initial not in ("strategy", "learner"):
        raise InputError(
            "nobody to ask while there is no label",
            expected="initial='strategy' or initial='learner'",
            got=shown(initial),
            todo="choose one of these; a strategy is passed as `initial_strategy`",
        )
    return initial == "learner"


class _Before:
    """A learner as it was before there was any label.

    Args:
        learner: Trained.
    """

    def __init__(self, learner: AbstractLearner) -> None:
        if not learner.fitted:
            raise InputError(
                "a learner that was not trained cannot be asked first",
                expected="a trained learner, for initial='learner'",
                got=f"learner {learner.name!r}, not trained",
                todo="train it (fit or load_state), or leave `initial` out",
            )
        self._learner = learner
        self._state = deepcopy(learner.state())
        digest = hashlib.sha256()
        _feed(digest, self._state)
        self.fingerprint = digest.hexdigest()[:16]

    def restore(self) -> None:
        """Make the learner what it was."""
        self._learner.load_state(deepcopy(self._state))


def _feed(digest: "hashlib._Hash", value: Any) -> None:
    """Tensors by type, shape and bytes, other values by what they print."""
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype} {list(value.shape)}".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest.update(f"{key!r}:".encode())
            _feed(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"{len(value)}[".encode())
        for each in value:
            _feed(digest, each)
    else:
        digest.update(repr(value).encode())
