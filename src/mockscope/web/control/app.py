"""The reserved paths as one ASGI application: the door, the table of rows, and one rendering of refusals."""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from mockscope import _spec
from mockscope.bench import Bench
from mockscope.contracting import ExtraMissing
from mockscope.domain.directory import HostTaken
from mockscope.domain.refusals import Refusal, Refused
from mockscope.nearness import nearest
from mockscope.web.answer import JSONAnswer
from mockscope.web.control.asking import Ask, Conflict, TooLarge, body_of
from mockscope.web.control.door import Door
from mockscope.web.control.rendering import refused
from mockscope.web.control.rows import BASE, ROWS, YAML, Row

logger: Final = logging.getLogger("mockscope")

CONTROL: Final = BASE.removesuffix("/v1")
WITH_BODY: Final = ("POST", "PUT", "PATCH")


def get_openapi_yaml(ask: Ask) -> Response:
    return Response(_spec.openapi_yaml(), media_type=YAML)


def get_openapi_json(ask: Ask) -> Response:
    return JSONAnswer(_spec.openapi_json())


# The contract of the vendor's API is for everybody.
OPEN_ROWS: Final = (
    Row("GET", "/openapi.yaml", get_openapi_yaml, None),
    Row("GET", "/openapi.json", get_openapi_json, None),
)


class ReservedPaths:
    """The paths that are ours.

    Args:
        bench: the sites, with their instruments.
        door: who may use the control API; None switches it off.
    """

    def __init__(self, bench: Bench, door: Door | None) -> None:
        self._door = door
        rows: dict[str, dict[str, Row]] = {}
        for row in OPEN_ROWS if door is None else (*OPEN_ROWS, *ROWS):
            rows.setdefault(row.path, {})[row.method] = row
        self._paths = tuple(rows)
        self._router = Router(
            [Route(path, Resource(methods, bench)) for path, methods in rows.items()],
            redirect_slashes=False,
            default=self._nothing,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        try:
            # Matched on the path as it was sent: a host may hold a slash, as %2F (see web/routes.py).
            raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
            inner = {**scope, "path": raw.decode("utf-8", "replace")}
            if self._door is not None and inner["path"].startswith(CONTROL):
                self._door.check(inner)
            await self._router(inner, receive, send)
        except HTTPException as error:
            await refused(error.status_code, error.detail, error.headers)(scope, receive, send)

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        path: str = scope["path"]
        if self._door is None and path.startswith(CONTROL):
            raise HTTPException(404, "The control API of this server is switched off (--no-control, control=False).")
        # Whoever asks for the beginning of all paths means none of them.
        guess = None if BASE.startswith(path.rstrip("/")) else nearest(path, self._paths)
        raise HTTPException(
            404,
            f"There is no {path}; "
            + (f"did you mean {guess}?" if guess else f"{BASE}/openapi.yaml describes the paths that there are."),
        )


class Resource:
    """One path: a row for each method.

    Args:
        rows: method -> row.
        bench: the sites, with their instruments.
    """

    def __init__(self, rows: Mapping[str, Row], bench: Bench) -> None:
        self._rows = rows
        self._bench = bench

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        row = self._rows.get("GET" if method == "HEAD" else method)
        if row is None:
            head = ("HEAD",) if "GET" in self._rows else ()
            allowed = ", ".join(sorted((*self._rows, *head)))
            raise HTTPException(
                405, f"{scope['path']} does not answer {method}: use one of {allowed}.", {"Allow": allowed}
            )
        try:
            response = await self._answer(row, Request(scope, receive))
        except ClientDisconnect:
            return
        if method == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _answer(self, row: Row, request: Request) -> Response:
        try:
            ask = Ask(request, self._bench, await body_of(request) if request.method in WITH_BODY else b"")
            if row.query is not None:
                # Before anything happens: whoever sends a filter to what takes none means less than all.
                ask.question(row.query)
            # In a thread like a test's own: looks at the calls wait for requests that this thread has to answer.
            return await run_in_threadpool(row.endpoint, ask)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - HTTP-8: whatever goes wrong, the answer is JSON
            return refused(*status_and_message(error, request))


def status_and_message(error: Exception, request: Request) -> tuple[int, str]:
    """What is answered, by what refused: the bench, its instruments, or the reading of the request."""
    match error:
        case Refused():
            return error.status, error.message
        case Conflict() | HostTaken():
            return 409, str(error)
        case TooLarge():
            return 413, str(error)
        # A key that is missing is a slip of our own.
        case LookupError() if not isinstance(error, KeyError | IndexError):
            return 404, str(error)
        case ValueError() | ExtraMissing():
            return 400, str(error)
        case OSError():
            return 500, str(error)
    logger.error("crashed on %s %s", request.method, request.scope["path"], exc_info=error)
    return 500, Refused(Refusal.CRASHED).message
