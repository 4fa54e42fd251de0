"""The dispatch of requests for reserved paths: access, methods, and errors in JSON. The table is in endpoints.py."""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockscope._support.suggestions import find_nearest
from mockscope.contract.validation import ExtraMissing
from mockscope.domain.directory import HostTaken
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.call_export import IncompleteCall
from mockscope.sites.registry import SiteRegistry
from mockscope.web.control.access import ControlAccess
from mockscope.web.control.endpoints import BASE, CONTROL_OPERATIONS, OPEN_OPERATIONS, ControlOperation
from mockscope.web.control.request import BODY_METHODS, ControlRequest, read_body
from mockscope.web.control.views import respond
from mockscope.web.inspector.endpoints import (
    INSPECTOR_OPERATIONS,
    REFERENCE_OPERATIONS,
    REPORT_OPERATIONS,
    redirect,
)
from mockscope.web.response import SERVER_HEADER

logger: Final = logging.getLogger("mockscope")

CONTROL: Final = BASE.removesuffix("/v1")
# The page and its files need no token.
PAGE: Final = re.compile(rf"{CONTROL}(/(static/.*)?)?")
# They keep pages of other sites from embedding a response for a browser or a client, or guessing its type.
BROWSER_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
# These overwrite records, keys, clocks or files, and a client might follow a suggestion. No live site has a report.
NEVER_SUGGESTED: Final = (
    *("/report", "/reset", "/replay", "/import", "/restore", "/rotate-key", "/save", "/remove-stale-sites"),
)


class ReservedPaths:
    """The documents, the probes, the control API and the pages.

    Attributes:
        routes: The routes.
        root: The application for a browser that asks for the path ``/``.
        not_found: The application for the other reserved paths.

    Args:
        registry: The sites, with their instruments.
        access: The access to the control API; None switches it off.
    """

    def __init__(self, registry: SiteRegistry, access: ControlAccess | None) -> None:
        paths: dict[str, dict[str, ControlOperation]] = {}
        controls = () if access is None else (*CONTROL_OPERATIONS, *INSPECTOR_OPERATIONS, *REPORT_OPERATIONS)
        for operation in (*OPEN_OPERATIONS, *controls, *REFERENCE_OPERATIONS):
            paths.setdefault(operation.path, {})[operation.method] = operation
        middleware = [Middleware(ReservedMiddleware, access)]
        self.routes = [
            Route(path, PathEndpoint(operations, registry), middleware=middleware) for path, operations in paths.items()
        ]
        self.root = ReservedMiddleware(redirect("docs" if access is None else "_mockscope/"), access)
        self.not_found = ReservedMiddleware(NotFound(paths, is_off=access is None), access)


class ReservedMiddleware:
    """Check the access to a reserved path, add headers, and render HTTPExceptions in JSON.

    Args:
        app: The application to call.
        access: The access to the control API; None where it is switched off.
    """

    def __init__(self, app: ASGIApp, access: ControlAccess | None) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        is_control, is_page = path.startswith(CONTROL), PAGE.fullmatch(path) is not None
        receive_was_called = False

        async def receive_body() -> Message:
            nonlocal receive_was_called
            receive_was_called = True
            return await receive()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [SERVER_HEADER, *(pair for pair in message["headers"] if pair[0] != b"server")]
                headers += BROWSER_HEADERS if is_control or path.startswith("/docs") else ()
                if not receive_was_called and b"expect" in dict(scope["headers"]):
                    # The client would send another request, which would be taken for the body.
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            if self._access is not None and is_control and not is_page:
                self._access.check(scope)
            await self._app(scope, receive_body, send_with_headers)
        except HTTPException as error:
            await render_error(error, scope)(scope, receive_body, send_with_headers)


class NotFound:
    """Raise a 404 that names the nearest known path.

    Args:
        paths: The known paths.
        is_off: Whether the control API is switched off.
    """

    def __init__(self, paths: Iterable[str], *, is_off: bool) -> None:
        # Compared without their common prefix, which would make any two similar.
        self._suggested = {path.removeprefix(BASE): path for path in paths if not path.endswith(NEVER_SUGGESTED)}
        self._is_off = is_off

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if self._is_off and path.startswith(CONTROL):
            raise HTTPException(404, "The control API of this server is switched off (--no-control, control=False).")
        guess = find_nearest(path.removeprefix(BASE), self._suggested)
        hint = f"did you mean {self._suggested[guess]}?" if guess else f"{BASE}/openapi.yaml describes the paths."
        raise HTTPException(404, f"There is no {path}; {hint}")


class PathEndpoint:
    """The ASGI application of one path. It dispatches a request to the operation of its method.

    Args:
        operations: The operations, by method.
        registry: The sites, with their instruments.
    """

    def __init__(self, operations: Mapping[str, ControlOperation], registry: SiteRegistry) -> None:
        self._operations = operations
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        operation = self._operations.get("GET" if method == "HEAD" else method)
        if operation is None:
            allowed = ", ".join(sorted({*self._operations, *(["HEAD"] if "GET" in self._operations else [])}))
            raise HTTPException(
                405, f"{scope['path']} does not have the method {method}: use one of {allowed}.", {"Allow": allowed}
            )
        received = Request(scope, receive)
        try:
            request = ControlRequest(
                received, self._registry, await read_body(received) if method in BODY_METHODS else b""
            )
            # An endpoint that reads calls waits until open calls are complete. The event loop would wait for itself.
            response = await run_in_threadpool(operation.response, request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - HTTP-8: each response is JSON, even after a crash
            response = render_error(error, scope)
        if method == "HEAD":
            response.body = b""
        await response(scope, receive, send)


def render_error(error: Exception, scope: Scope) -> Response:
    """Return the response to an error, in the form of the vendor's API. An unexpected error is logged."""
    match error:
        case HTTPException():
            return respond({"message": error.detail}, error.status_code, error.headers)
        case HostTaken() | IncompleteCall():
            return respond({"message": str(error)}, 409)
        # A KeyError or IndexError is a bug of mockscope, and not an unknown name.
        case LookupError() if not isinstance(error, KeyError | IndexError):
            return respond({"message": str(error)}, 404)
        case ValueError() | ExtraMissing():
            return respond({"message": str(error)}, 400)
    logger.error("crashed on %s %s", scope["method"], scope["path"], exc_info=error)
    return respond({"message": Refused(Refusal.CRASHED).message}, 500)
