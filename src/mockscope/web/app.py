"""The ASGI application: the vendor's API behind its wrappers, and the reserved paths beside it.

HTTP-6 is one function here, and so is the rendering of a refusal.
"""

import logging
import re
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mockscope import _spec, wire
from mockscope.domain.directory import Directory
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.calls import Observer
from mockscope.instruments.hints import Hint
from mockscope.web.explaining import explain, suspect
from mockscope.web.reading import Call
from mockscope.web.recording import ENTRY, Recording
from mockscope.web.routes import JSONAnswer, allowed_methods, rows_at

logger: Final = logging.getLogger("mockscope")

RESERVED: Final = re.compile(r"/(_mockscope|openapi\.yaml|openapi\.json|docs)(/|$)")


def build_app(directory: Directory, observers: list[Observer], *, hint_header: bool = True) -> ASGIApp:
    """Assemble the application.

    Args:
        directory: the sites that it answers for.
        observers: called with each completed entry.
        hint_header: whether answers carry X-Mockscope-Hint (HTTP-10).
    """
    return Front(Recording(Api(directory), observers, hint_header=hint_header), reserved())


class Front:
    """Tells the reserved paths from the vendor's; the former are never recorded."""

    def __init__(self, api: ASGIApp, reserved: ASGIApp) -> None:
        self._api = api
        self._reserved = reserved

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].startswith("/api/") or not RESERVED.match(scope["path"])):
            await self._api(scope, receive, send)
        else:
            await self._reserved(scope, receive, send)


class Api:
    """The ten operations.

    Args:
        directory: the sites that it answers for.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, scope[ENTRY])
        try:
            response = await self._answer_or_refuse(call)
        except ClientDisconnect:
            return
        except Exception:
            # HTTP-8: a crash of our own is an answer in JSON too; the trace is for the log alone.
            logger.exception("crashed on %s %s", call.entry.method, call.entry.path)
            call.entry.rule, call.entry.advice = Refusal.CRASHED.rule, Hint.CRASHED.about()
            response = rendered(Refused(Refusal.CRASHED))
        if call.leaves_body_behind:
            await call.drain()
        if scope["method"] == "HEAD":
            # The headers of GET, its Content-Length included, and no body.
            response.body = b""
        await response(scope, receive, send)

    async def _answer_or_refuse(self, call: Call) -> Response:
        try:
            response = await self._answer(call)
            call.entry.advice = suspect(call)
            return response
        except Refused as refused:
            if refused.refusal is Refusal.EMAIL_MISSING:
                # The body has not been read yet, and may show where the email went instead.
                await call.peek_body()
            call.entry.rule, call.entry.advice = refused.rule, explain(refused, call, self._directory)
            return rendered(refused)

    async def _answer(self, call: Call) -> Response:
        """HTTP-6: authenticate, route, method, and then what the operation itself checks, in its order."""
        entry = call.entry
        rows = rows_at(call)
        row = rows.get((entry.method, call.names_user)) if rows else None
        if row is not None:
            entry.operation = row.operation
        call.site = call.authenticate(self._directory)
        entry.site = call.site.host
        if rows is None:
            raise Refused(Refusal.PATH_UNKNOWN, path=entry.path)
        if row is None:
            allowed = allowed_methods(rows)
            raise Refused(Refusal.METHOD_NOT_ALLOWED, method=entry.method, path=entry.path, allowed=allowed)
        return await row.endpoint(call)


def rendered(refused: Refused) -> Response:
    """The answer to a request that was refused (HTTP-1)."""
    response = JSONAnswer(wire.encode(wire.Message(refused.message)), refused.status)
    if refused.refusal is Refusal.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = refused.values["allowed"]
    return response


def reserved() -> Starlette:
    """The paths that are ours."""

    async def openapi_yaml(request: Request) -> Response:
        return Response(_spec.openapi_yaml(), media_type="application/yaml")

    async def openapi_json(request: Request) -> Response:
        return JSONAnswer(_spec.openapi_json())

    async def refuse(request: Request, error: Exception) -> Response:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        answer = JSONAnswer(wire.encode(wire.Message(known.detail)), known.status_code)
        answer.headers.update(known.headers or {})
        return answer

    app = Starlette(
        routes=[Route("/openapi.yaml", openapi_yaml), Route("/openapi.json", openapi_json)],
        exception_handlers={HTTPException: refuse, Exception: refuse},
    )
    # A redirect would be an answer that is not JSON (HTTP-1).
    app.router.redirect_slashes = False
    return app
