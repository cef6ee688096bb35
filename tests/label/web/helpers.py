"""A project behind its application, asked without a network."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from pauca.label import Project
from pauca.label.web import Door, Work, make_app
from tests.label.helpers import project

TOKEN = "a-token-that-is-long-enough"


@contextmanager
def client(made: Project, door: Door | None = None, **settings: Any) -> Iterator[TestClient]:
    """Asks the application of a project as a browser on this machine would."""
    lease = settings.pop("lease", 600.0)
    work = Work(made, copies=False, **settings)
    app = make_app(made, door=door, work=work, lease=lease)
    with TestClient(app, base_url="http://127.0.0.1:8765", client=("127.0.0.1", 1)) as asked:
        asked.headers["pauca-project"] = made.id
        yield asked


@contextmanager
def served(folder: Path, door: Door | None = None, **settings: Any) -> Iterator[TestClient]:
    """The same, with a project of embeddings in clusters."""
    own = {key: settings.pop(key) for key in ("every", "lease") if key in settings}
    folder.mkdir(exist_ok=True)
    with project(folder, **settings) as made, client(made, door, **own) as asked:
        yield asked


def leased(asked: TestClient, person: str, k: int = 1) -> list[dict[str, Any]]:
    """Items for a person, once a batch is there."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        nonlocal found
        told = asked.post("/api/lease", json={"person": person, "k": k})
        assert told.status_code == 200, told.text
        found = told.json()["items"]
        return bool(found) or not told.json()["choosing"]

    wait_for(there)
    return found


def wait_for(done: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
