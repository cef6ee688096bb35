"""The application: the page's own files, what it asks for, and the guard in front of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pauca.label.project import Project
from pauca.label.web.api import Api
from pauca.label.web.guard import Door, Guard, TooLarge, refuse
from pauca.label.web.work import Work

__all__ = ["make_app"]

_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


def make_app(
    project: Project, *, door: Door | None = None, work: Work | None = None, lease: float = 600.0
) -> ASGIApp:
    """An ASGI application that lets people label a project.

    Args:
        project: Open; whoever made it closes it.
        door: What a request has to show; that of this machine alone if None.
        work: What goes on in the background; started and stopped with the application.
        lease: Seconds for which an item is a person's.
    """
    door, work = door or Door(), work or Work(project)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        work.start()
        yield
        work.stop()

    own = _own_files()

    async def page(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in own:
            return refuse(404, "there is no such file")
        return Response(own[name], media_type=_TYPES[name.rpartition(".")[2]])

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/static/{name}", page),
            *Api(project, work, door, lease=lease).routes(),
        ],
        exception_handlers={
            HTTPException: _told,
            TooLarge: _too_large,
            ClientDisconnect: _gone,
            Exception: _broken,
        },
        lifespan=life,
    )
    return Guard(app, door)


def _own_files() -> dict[str, bytes]:
    """The page's files by name; nothing else can be asked for."""
    folder = files("pauca.label.web") / "static"
    return {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if each.name.rpartition(".")[2] in _TYPES
    }


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refuse(error.status_code, error.detail.lower())


async def _too_large(request: Request, error: Exception) -> Response:
    return refuse(413, "the body is too large")


async def _gone(request: Request, error: Exception) -> Response:
    return refuse(400, "the body broke off")


async def _broken(request: Request, error: Exception) -> Response:
    return refuse(500, "something broke here", got=type(error).__name__, todo="see the server")
