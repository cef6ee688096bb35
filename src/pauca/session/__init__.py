"""Asking and telling: the one loop of active learning, with an oracle or with a person."""

from pauca.session.loop import Answered, run
from pauca.session.session import BEFORE_LABELS, Session
from pauca.session.state import State, fold

__all__ = ["BEFORE_LABELS", "Answered", "Session", "State", "fold", "run"]
