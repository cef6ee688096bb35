"""What the page asks for and sends, as JSON."""

import json
import sqlite3
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from pauca.errors import InputError, PaucaError, StoreError
from pauca.formats import AbstractFormat
from pauca.label.answers import ChangedMeanwhile
from pauca.label.exporting import export, writers
from pauca.label.project import Project
from pauca.label.web.content import answer_plain, content_of, guess_plain, item_plain, plain
from pauca.label.web.guard import Door, client_of, refuse, too_many
from pauca.label.web.work import Work

__all__ = ["PROJECT", "Api"]

PROJECT = "pauca-project"
"""Header by which a request names the project that it is meant for."""

_MOST = 100
_LEAST, _TILES = 20, 24  # items set aside from which groups are looked for, shown of each
_LATELY, _PACED, _PAUSE = 100, 10, 120.0  # answers looked at, needed; seconds that are a pause
Body = dict[str, Any]


class Api:
    """Answers for one project.

    Args:
        project: Whose items.
        work: What goes on in the background.
        door: What had to be shown.
        lease: Seconds for which an item is a person's.
    """

    def __init__(self, project: Project, work: Work, door: Door, *, lease: float = 600.0) -> None:
        self.project, self.work, self.door, self.seconds = project, work, door, lease
        self._comparing = Lock()

    def routes(self) -> list[Route]:
        """Every address below /api/."""
        reads: dict[str, Callable[[Request], Any]] = {
            "project": self._project,
            "history": self._history,
            "items": self._items,
            "status": self._status,
            "agreement": self._agreement,
            "relabels": self._relabels,
            "discover": self._discover,
        }
        writes: dict[str, Callable[[Body], Any]] = {
            "lease": self._lease,
            "answer": self._answer,
            "undo": self._undo,
            "train": self._train,
            "classes": self._classes,
            "release": self._release,
            "accept": self._accept,
            "note": self._note,
        }
        found = [Route(f"/api/{name}", self._read(told)) for name, told in reads.items()]
        found += [
            Route(f"/api/{name}", self._written(told), methods=["POST"])
            for name, told in writes.items()
        ]
        return [
            *found,
            Route("/api/login", self._login, methods=["POST"]),
            Route("/api/picture/{item}", self._picture),
            Route("/api/export/{form}", self._export),
        ]

    def _read(self, told: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            return self._other(request) or await _answered(told, request)

        return answer

    def _written(self, told: Callable[[Body], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            refused = self._other(request, named=True)
            if refused is not None:
                return refused
            try:
                body = await _body(request)
            except InputError as error:
                return _refused(error)
            return await _answered(told, body)

        return answer

    def _other(self, request: Request, *, named: bool = False) -> Response | None:
        """What is said to a request that is meant for another project.

        Args:
            request: Names its project in a header, or in a link by ``?project=``.
            named: Whether it has to name one.
        """
        meant = request.headers.get(PROJECT) or request.query_params.get("project")
        if meant == self.project.id or (meant is None and not named):
            return None
        what = "another project is served here now"
        return refuse(
            409,
            what if meant is not None else "a write has to name its project",
            expected=f"the header {PROJECT} with the id that /api/project tells",
            got=meant,
            todo="load the page again",
            more={"project": {"id": self.project.id, "name": self.project.settings.name}},
        )

    async def _login(self, request: Request) -> Response:
        try:
            body = await _body(request)
        except InputError as error:
            return _refused(error)
        right = self.door.fits(str(body.get("token", "")))
        wait = await self.door.guesses.judge(client_of(request.scope), right)
        if wait:
            return too_many("too many wrong tokens", wait)
        if wait is not None:
            return refuse(403, "this is not the token", todo="copy it from where the server runs")
        answer = Response(status_code=204)
        answer.set_cookie(
            self.door.cookie,
            self.door.pass_,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            max_age=30 * 24 * 3600,
        )
        return answer

    def _project(self, request: Request) -> Any:
        settings = self.project.settings
        return {
            "id": self.project.id,
            "name": settings.name,
            "kind": settings.source.kind,
            "items": self.project.n - len(self.project.removed),
            "classes": self._named(),
            "guidelines": self.project.guidelines,
            "overlap": settings.overlap,
            "strategy": settings.strategy["name"],
            "batch": settings.batch,
            "target": settings.target,
            "budget": settings.budget,
            "token_needed": self.door.token is not None,
            "exports": [{"name": each.name, "title": each.title} for each in _exports().values()],
        }

    def _lease(self, body: Body) -> Any:
        person, k = _person(body), _whole(body, "k", 1)
        if not 1 <= k <= _MOST:
            raise InputError(
                "k is out of range",
                expected=f"1 to {_MOST}",
                got=k,
                todo="send a number in this range",
            )
        held = self.project.lease(person, k, self.seconds, refill=False)
        waiting = self.project.waiting(person)
        if len(held) < min(k, waiting):  # a batch came just now: it is not that nothing is left
            held = self.project.lease(person, k, self.seconds, refill=False)
        # early enough that nobody waits, late enough that most labels count
        low = max(k, self.project.settings.batch // 4)
        choosing = self.work.choose() if waiting < low else self.work.now.choosing
        likely = guess_plain(self.project, [each.item for each in held])
        notes = self.project.item_notes()
        items = [
            {
                **plain(each.plain()),
                "note": notes.get(each.item, {}).get(person, ""),
                "content": content_of(self.project, each.item),
                **likely[each.item],
            }
            for each in held
        ]
        return {"items": items, "waiting": waiting, "choosing": choosing}

    def _answer(self, body: Body) -> Any:
        also = body.get("also") or []
        if not isinstance(also, list) or len(also) > 10 * _MOST:
            raise InputError(
                "also is no list of items",
                expected=f"at most {10 * _MOST} numbers",
                todo="send a list of at most so many numbers",
            )
        found = self.project.answer(
            _person(body),
            _whole(body, "item"),
            None if body.get("class") is None else _whole(body, "class"),
            action=_text(body, "action", "label"),  # type: ignore[arg-type]  # checked there
            ms=None if body.get("ms") is None else _whole(body, "ms"),
            suggested=None if body.get("suggested") is None else _whole(body, "suggested"),
            confidence=_number(body, "confidence"),
            shown=body.get("shown") is True,
            token=None if body.get("token") is None else _text(body, "token"),
            also=also,
            stands=_standing(body),
        )
        self.work.answered()
        return {
            "events": [answer_plain(each.item, each) for each in found.events],
            "again": found.again,
        }

    def _undo(self, body: Body) -> Any:
        person = _person(body)
        token = None if body.get("token") is None else _text(body, "token")
        last = None if body.get("last") is None else _whole(body, "last")
        try:
            found = self.project.undo(person, token=token, seconds=self.seconds, last=last)
        except ChangedMeanwhile:
            raise
        except InputError as error:
            return refuse(404, error.what, got=error.got, todo=error.todo)
        self.work.answered()
        return {"items": list(found.items)}

    def _history(self, request: Request) -> Any:
        query = request.query_params
        person = query.get("person") or None
        most = min(_MOST, _asked(query.get("most"), "most", 50))
        before = None if "before" not in query else _asked(query["before"], "before")
        entries = self.project.history(person, most, before)
        names = (
            "seq", "at", "person", "item", "action", "suggested", "confidence", "shown", "ms",
            "undoes",
        )  # fmt: skip
        return {
            "entries": [
                {
                    **{name: plain(getattr(entry.event, name)) for name in names},
                    "key": self.project.items.key(entry.event.item),
                    "class": entry.event.cls,
                    "stands": entry.stands,
                }
                for entry in entries
            ]
        }

    def _items(self, request: Request) -> Any:
        asked = [part for part in request.query_params.get("ids", "").split(",") if part]
        if len(asked) > _MOST:
            raise InputError(
                "too many items at once",
                expected=f"at most {_MOST}",
                got=len(asked),
                todo="ask for fewer items at once",
            )
        items = [_asked(part, "ids") for part in asked]
        return {"items": item_plain(self.project, items, request.query_params.get("person"))}

    def _status(self, request: Request) -> Any:
        found, now, trainings = self.work.status(), self.work.now, self.project.trainings()
        known = found["assessment"]
        ids = {each["name"]: each["id"] for each in self._named()}
        return plain(
            {
                "version": f"{self.work.last}.{len(trainings)}",
                "labels": found["labelled"],
                "given": found["given"],
                "items": found["items"],
                "answers": dict(found["answers"]),
                "classes": [
                    {"id": ids.get(name), "name": name, "labels": count}
                    for name, count in found["balance"].items()
                ],
                "accuracy": None if known is None else known["accuracy"],
                "curve": [dict(each) for each in found["curve"]],
                "saving": None if known is None else dict(known["saving"]),
                "saving_said": found["saving"],
                "advice": found["advice"],
                "phase": found["phase"],
                "training": {
                    "running": now.training,
                    "fraction": now.fraction,
                    "stale": self.project.stale,
                    "error": now.error,
                    "labels": trainings[-1].labels if trainings else None,
                    "next_in": now.next_in,
                },
                "choosing": now.choosing,
                "encoding": now.encoding,
                "people": dict(found["people"]),
                "per_hour": self._pace(request.query_params.get("person")),
                "target": self.project.settings.target,
                "budget": self.project.settings.budget,
            }
        )

    def _pace(self, person: str | None) -> float | None:
        """Items that a person answers an hour, of late and without pauses; None from too few."""
        if not person:
            return None
        at = [
            entry.event.at
            for entry in self.project.history(person, _LATELY)
            if entry.event.action != "undo" and entry.event.round is not None
        ]
        gaps = [late - early for late, early in pairwise(at)]
        worked = [gap for gap in gaps if 0 <= gap <= _PAUSE]
        if len(worked) < _PACED or sum(worked) <= 0:
            return None
        return 3600 * len(worked) / sum(worked)

    def _agreement(self, request: Request) -> Any:
        return plain(self.project.agreement().plain())

    def _relabels(self, request: Request) -> Any:
        k = min(_MOST, _asked(request.query_params.get("k"), "k", 20))
        notes = self.project.item_notes()
        return {
            "items": [
                {
                    **plain(each.plain()),
                    "notes": notes.get(each.item, {}),
                    "key": self.project.items.key(each.item),
                    "content": content_of(self.project, each.item),
                }
                for each in self.project.relabels(k)
            ]
        }

    def _discover(self, request: Request) -> Any:
        flagged = len(self.project.labels.flagged)
        if flagged < _LEAST:
            return {"flagged": flagged, "least": _LEAST, "proposals": []}
        with self._comparing:  # one at a time: all pairs of items are in memory
            found = self.project.discover(least=_LEAST, exemplars=_TILES)
        proposals = []
        for each in found.proposals:
            number = dict(zip(each.keys, each.items, strict=True))
            shown = [
                {"item": item, "key": key, "content": content_of(self.project, item)}
                for key in each.exemplars
                for item in (number[key],)
            ]
            told = {name: getattr(each, name) for name in ("number", "size", "cohesion")}
            proposals.append({**told, "separation": each.separation, "exemplars": shown})
        return plain({**vars(found), "least": _LEAST, "proposals": proposals})

    def _accept(self, body: Body) -> Any:
        names, without = body.get("names"), body.get("without") or []
        if not isinstance(names, dict) or not all(isinstance(one, str) for one in names.values()):
            raise InputError(
                "names are no names of groups",
                expected="{number: name}",
                todo="send an object: numbers of groups, and their names",
            )
        if not isinstance(without, list) or not all(type(item) is int for item in without):
            raise InputError(
                "without is no list of items",
                expected="numbers of items",
                todo="send a list of numbers of items",
            )
        chosen = {_asked(number, "names"): name for number, name in names.items()}
        with self._comparing:
            found = self.project.accept(
                _person(body), chosen, seen=_text(body, "seen"), without=without
            )
        self.work.answered()
        return found.plain()

    def _note(self, body: Body) -> Any:
        self.project.note(_person(body), _whole(body, "item"), _text(body, "text"))
        return {}

    def _train(self, body: Body) -> Any:
        self.work.train()
        return JSONResponse({}, 202)

    def _classes(self, body: Body) -> Any:
        person, name, action = _person(body), _text(body, "name"), _text(body, "action")
        if action == "add":
            self.project.add_classes([name], person=person)
        elif action == "rename":
            self.project.rename_class(name, _text(body, "new"), person=person)
        elif action == "merge":
            self.project.merge_class(name, _text(body, "into"), person=person)
        else:
            raise InputError(
                "no such change",
                expected="add, rename or merge",
                got=repr(action),
                todo="send one of these actions",
            )
        return {"classes": self._named()}

    def _release(self, body: Body) -> Any:
        return {"released": self.project.release(_person(body))}

    async def _picture(self, request: Request) -> Response:
        other = self._other(request)
        if other is not None:
            return other
        try:
            item = _asked(request.path_params["item"], "the number of a picture")
            content, kind = await run_in_threadpool(self.project.picture, item)
        except PaucaError as error:
            return refuse(404, error.what, got=error.got, todo=error.todo)
        return Response(content, media_type=kind, headers={"cache-control": "private, max-age=600"})

    async def _export(self, request: Request) -> Response:
        form, known = request.path_params["form"], _exports()
        other = self._other(request)
        if other is not None:
            return other
        if form not in known:
            return refuse(404, "no such export", expected=", ".join(known), got=form)
        name = f"labels{known[form].suffixes[0]}"
        try:
            folder = tempfile.TemporaryDirectory(prefix="pauca-export-")
        except OSError as error:
            return _no_room(error)
        path = Path(folder.name) / name
        try:
            await run_in_threadpool(export, self.project, path, form)
        except (PaucaError, OSError) as error:
            folder.cleanup()
            return _refused(error) if isinstance(error, PaucaError) else _no_room(error)
        return FileResponse(path, filename=name, background=BackgroundTask(folder.cleanup))

    def _named(self) -> list[dict[str, Any]]:
        return [{"id": each.id, "name": each.name} for each in self.project.classes]


def _exports() -> dict[str, AbstractFormat]:
    """Formats in which labels go out as one file, by name."""
    return {each.name: each for each in writers("labels") if not each.folder}


async def _answered(told: Callable[[Any], Any], given: Any) -> Response:
    try:
        found = await run_in_threadpool(told, given)
    except PaucaError as error:
        return _refused(error)
    return found if isinstance(found, Response) else JSONResponse(found)


def _refused(error: PaucaError) -> JSONResponse:
    # where it happened is a place on this machine, which the page need not know
    status = 400 if isinstance(error, InputError) or error.exit_code != 2 else 422
    more = None
    if isinstance(error, StoreError):
        status = _unkept(error.__cause__)
    elif isinstance(error, ChangedMeanwhile):
        status, more = 409, {"changed": [answer_plain(*each) for each in error.standing.items()]}
    return refuse(
        status, error.what, expected=error.expected, got=error.got, todo=error.todo, more=more
    )


def _unkept(cause: BaseException | None) -> int:
    """507 for a full disk, 503 for what may pass too, 422 for what will not."""
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return 507
    return 422 if code == sqlite3.SQLITE_CONSTRAINT else 503


def _no_room(error: OSError) -> JSONResponse:
    todo = "free some space, or export at the command line: `pauca label export`"
    return refuse(507, "the file cannot be written", got=error.strerror, todo=todo)


async def _body(request: Request) -> Body:
    try:
        found = json.loads(await request.body() or b"{}")
        json.dumps(found, ensure_ascii=False).encode()  # halves of characters are none
    except (ValueError, RecursionError) as error:
        raise InputError(
            "the body is no JSON", got=str(error)[:200], todo="send a JSON object"
        ) from None
    if not isinstance(found, dict):
        raise InputError(
            "the body is no JSON object", got=type(found).__name__, todo="send a JSON object"
        )
    return found


def _text(body: Body, name: str, default: str | None = None) -> str:
    found = body.get(name, default)
    if not isinstance(found, str):
        raise InputError(
            f"{name} is no text", expected="a string", got=type(found).__name__, todo="send a text"
        )
    return found


def _person(body: Body) -> str:
    return _text(body, "person")


def _whole(body: Body, name: str, default: int | None = None) -> int:
    found = body.get(name, default)
    if not isinstance(found, int) or isinstance(found, bool):
        raise InputError(
            f"{name} is no whole number", got=repr(found)[:100], todo="send a whole number"
        )
    return found


def _number(body: Body, name: str) -> float | None:
    found = body.get(name)
    if found is None or isinstance(found, float):
        return found
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**53:
        return float(found)
    raise InputError(f"{name} is no number", got=repr(found)[:100], todo="send a number")


def _standing(body: Body) -> dict[int, int] | None:
    """Place of the person's answer that stands for each item, as the page believes."""
    found = body.get("stands")
    if found is None:
        return None
    if not isinstance(found, dict) or not all(type(each) is int for each in found.values()):
        raise InputError(
            "stands names no answers",
            expected="{item: place of the answer}",
            todo="send numbers of items, each with the place of the answer that stands",
        )
    return {_asked(item, "stands"): place for item, place in found.items()}


def _asked(text: str | None, name: str, default: int = 0) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InputError(
            f"{name} is no whole number", got=repr(text)[:100], todo="send a whole number"
        )
    return int(text)
