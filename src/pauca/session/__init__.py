"""Asking and telling: the one loop of active learning, with an oracle or with a person."""

from pauca.session.loop import Answered, run
from pauca.session.session import Session
from pauca.session.state import State, fold

__all__ = ["Answered", "Session", "State", "fold", "run"]
