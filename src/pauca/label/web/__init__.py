"""The page of a labelling project: a server, its guard, and what it does meanwhile."""

from pauca.label.web.app import make_app
from pauca.label.web.guard import Door
from pauca.label.web.serving import serve
from pauca.label.web.work import Work

__all__ = ["Door", "Work", "make_app", "serve"]
