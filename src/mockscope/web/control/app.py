"""The reserved paths as one ASGI application: access, the table of rows, and the rendering of errors."""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from mockscope._support.suggestions import find_nearest
from mockscope.contract import document
from mockscope.contract.validation import ExtraMissing
from mockscope.domain.directory import HostTaken
from mockscope.domain.refusals import Refusal, Refused
from mockscope.sites.registry import SiteRegistry
from mockscope.web.control.access import ControlAccess
from mockscope.web.control.endpoints import BASE, ROWS, YAML, Row
from mockscope.web.control.request import WITH_BODY, ControlRequest, body_of
from mockscope.web.control.views import respond
from mockscope.web.response import JSONResponse

logger: Final = logging.getLogger("mockscope")

CONTROL: Final = BASE.removesuffix("/v1")
# For browsers: what the control API shows is for no page of another site.
FOR_BROWSERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
# These write over records, keys, a clock or a file: a path that is not there is never taken for one of them.
NEVER_SUGGESTED: Final = ("/reset", "/import", "/restore", "/rotate-key", "/save")
# The contract of the vendor's API is for everybody.
OPEN_ROWS: Final = (
    Row("GET", "/openapi.yaml", lambda request: Response(document.openapi_yaml(), media_type=YAML), query=None),
    Row("GET", "/openapi.json", lambda request: JSONResponse(document.openapi_json()), query=None),
)


class ReservedPaths:
    """The paths that are ours.

    Args:
        registry: the sites, with their instruments.
        access: who may use the control API; None switches it off.
    """

    def __init__(self, registry: SiteRegistry, access: ControlAccess | None) -> None:
        self._access = access
        rows: dict[str, dict[str, Row]] = {}
        for row in OPEN_ROWS if access is None else (*OPEN_ROWS, *ROWS):
            rows.setdefault(row.path, {})[row.method] = row
        # Compared without their common beginning, or any two would be alike.
        self._suggested = {path.removeprefix(BASE): path for path in rows if not path.endswith(NEVER_SUGGESTED)}
        self._router = Router(
            [Route(path, Resource(methods, registry)) for path, methods in rows.items()],
            redirect_slashes=False,
            default=self._nothing,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        # Matched on the path as it was sent: a host may hold a slash, as %2F (see web/routes.py).
        raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        inner = {**scope, "path": raw.decode("utf-8", "replace")}
        is_control = inner["path"].startswith(CONTROL)

        async def send_guarded(message: Message) -> None:
            if is_control and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *FOR_BROWSERS]}
            await send(message)

        try:
            if self._access is not None and is_control:
                self._access.check(inner)
            await self._router(inner, receive, send_guarded)
        except HTTPException as error:
            await refused(error, inner)(inner, receive, send_guarded)

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        path: str = scope["path"]
        if self._access is None and path.startswith(CONTROL):
            raise HTTPException(404, "The control API of this server is switched off (--no-control, control=False).")
        guess = find_nearest(path.removeprefix(BASE), self._suggested)
        hint = f"did you mean {self._suggested[guess]}?" if guess else f"{BASE}/openapi.yaml describes the paths."
        raise HTTPException(404, f"There is no {path}; {hint}")


class Resource:
    """One path: a row for each method.

    Args:
        rows: method -> row.
        registry: the sites, with their instruments.
    """

    def __init__(self, rows: Mapping[str, Row], registry: SiteRegistry) -> None:
        self._rows = rows
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        row = self._rows.get("GET" if method == "HEAD" else method)
        if row is None:
            allowed = ", ".join(sorted({*self._rows, *(["HEAD"] if "GET" in self._rows else [])}))
            raise HTTPException(
                405, f"{scope['path']} does not answer {method}: use one of {allowed}.", {"Allow": allowed}
            )
        received = Request(scope, receive)
        try:
            request = ControlRequest(received, self._registry, await body_of(received) if method in WITH_BODY else b"")
            # In a thread like a test's own: looks at the calls wait for requests that this thread has to answer.
            response = await run_in_threadpool(row.response, request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - HTTP-8: whatever goes wrong, the answer is JSON
            response = refused(error, scope)
        if method == "HEAD":
            response.body = b""
        await response(scope, receive, send)


def refused(error: Exception, scope: Scope) -> Response:
    """Return the answer to a request that was refused, in the shape of the vendor's API."""
    match error:
        case HTTPException():
            return respond({"message": error.detail}, error.status_code, error.headers)
        case Refused():
            return respond({"message": error.message}, error.status)
        case HostTaken():
            return respond({"message": str(error)}, 409)
        # A key that is missing is a slip of our own.
        case LookupError() if not isinstance(error, KeyError | IndexError):
            return respond({"message": str(error)}, 404)
        case ValueError() | ExtraMissing():
            return respond({"message": str(error)}, 400)
    logger.error("crashed on %s %s", scope["method"], scope["path"], exc_info=error)
    return respond({"message": Refused(Refusal.CRASHED).message}, 500)
