"""The whole loop with an oracle that answers by itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pauca.checks import check_count
from pauca.errors import InputError
from pauca.oracle import AbstractOracle
from pauca.session.session import Session

__all__ = ["Answered", "run"]


@dataclass(frozen=True, eq=False)
class Answered:
    """One turn of the loop: items that were asked for and answered.

    Args:
        round: Number of the round that is now under way.
        ids: What was asked for, int64 [k].
        labels: What was answered, int64 [k]; ``UNKNOWN`` where no known class fits.
        spent: Answers so far: items labelled or rejected.
    """

    round: int
    ids: Tensor
    labels: Tensor
    spent: int


def run(
    session: Session, oracle: AbstractOracle, *, k: int, budget: int, initial: int | None = None
) -> Iterator[Answered]:
    """Ask and tell until the budget is spent or the pool is empty; yields after every answer.

    Between two turns the caller may train and evaluate the learner, or stop. What was pending is
    answered first, so a session that was interrupted goes on where it stood.

    Args:
        session: Where to ask.
        oracle: Who answers.
        k: Items a round, >= 1; the last round may be smaller.
        budget: Answers to end with.
        initial: Items of the first round, while nothing is labelled; ``k`` if None.
    """
    for value, kind in ((session, Session), (oracle, AbstractOracle)):
        if not isinstance(value, kind):
            raise InputError(
                "the loop is given something of the wrong kind",
                expected=f"a {kind.__name__}",
                got=type(value).__name__,
                todo="call run(session, oracle, k=..., budget=...)",
            )
    check_count(k, "k", least=1)
    check_count(budget, "budget")
    first = check_count(k if initial is None else initial, "initial", least=1)
    return _turns(session, oracle, k, budget, first)


def _turns(
    session: Session, oracle: AbstractOracle, k: int, budget: int, first: int
) -> Iterator[Answered]:
    while (spent := session.spent) < budget:
        ids = session.pending[: budget - spent]
        if not len(ids):
            if not len(session.remaining):
                return
            ids = session.ask(min(k if session.state.labelled else first, budget - spent))
        labels = oracle.answer(ids)
        session.answer(ids, labels)
        yield Answered(round=session.round, ids=ids, labels=labels, spent=session.spent)
