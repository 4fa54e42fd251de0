"""The ASGI application: the vendor's API and, beside it, the reserved paths."""

import logging
import re
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockscope._support.randomness import random_hex
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.call import Entry
from mockscope.instruments.call_log import Journal
from mockscope.instruments.fault import FunctionFailed
from mockscope.instruments.hints import Hint
from mockscope.instruments.packed_headers import pack
from mockscope.sites import Bench, MockSite
from mockscope.web.control.access import Door
from mockscope.web.fault_injection import answer_or_break
from mockscope.web.refusal_hints import BODIES, explain
from mockscope.web.request import Call
from mockscope.web.request_head import MAX_HEAD_BYTES, REFUSED_HEAD, Head
from mockscope.web.request_hints import suspect
from mockscope.web.response import SERVER, JSONAnswer, rendered
from mockscope.web.routes import Endpoint, Row, allowed_methods, route

logger: Final = logging.getLogger("mockscope")

RESERVED: Final = re.compile(r"/(_mockscope|openapi\.yaml|openapi\.json|docs)(/|$)")


def build_app(bench: Bench, *, hint_header: bool = True, door: Door | None = None) -> ASGIApp:
    """Assemble the application.

    Args:
        bench: The sites that it answers for, with their instruments.
        hint_header: Whether answers carry X-Mockscope-Hint (HTTP-10).
        door: Access to the control API; None switches it off.
    """
    return Front(Api(bench, hint_header=hint_header), Reserved(bench, door))


class Front:
    """Separates the reserved paths from the vendor's; requests to reserved paths are never recorded."""

    def __init__(self, api: ASGIApp, reserved: ASGIApp) -> None:
        self._api = api
        self._reserved = reserved

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_reserved = scope["type"] != "http" or RESERVED.match(scope["path"])
        await (self._reserved if is_reserved else self._api)(scope, receive, send)


class Api:
    """The ten operations.

    Args:
        bench: The sites that it answers for, with their instruments.
        hint_header: Whether answers carry X-Mockscope-Hint (HTTP-10).
    """

    def __init__(self, bench: Bench, *, hint_header: bool) -> None:
        self._bench = bench
        self._directory = bench.directory
        self._prefix = f"{random_hex(4)}-"
        self._hint_header = hint_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = Head(scope)
        call = Call(scope, receive, head, self._new_entry(head, scope.get("scheme", "http")))
        try:
            try:
                response = await self._answer(call)
            except ClientDisconnect:
                raise
            except FunctionFailed as error:
                # The trace is the user's function's own: frames of mockscope would bury it.
                place = call.entry.fault, call.entry.method, call.entry.path
                logger.error("the function of %s failed on %s %s", *place, exc_info=error.__cause__ or error)
                response = await self._refuse(call, Refused(Refusal.FUNCTION_FAILED, problem=str(error)))
            except Exception:
                # HTTP-8: the trace is for the log alone.
                logger.exception("crashed on %s %s", call.entry.method, call.entry.path)
                response = self._crashed(call)
            if call.leaves_body_behind:
                await call.drain()
            self._complete(response, call)
            await response(scope, receive, send)
        except ClientDisconnect:
            pass
        finally:
            self._log_of(call).close(call.entry)

    def _new_entry(self, head: Head, scheme: str) -> Entry:
        number = next(self._bench.numbers)
        id = f"{self._prefix}{number}"
        return Entry(id, head.method, head.path, head.query_string, pack(head.headers), number, scheme)

    async def _answer(self, call: Call) -> JSONAnswer:
        try:
            if refusal := call.scope.get("state", {}).get(REFUSED_HEAD):
                raise Refused(Refusal[refusal], limit=str(MAX_HEAD_BYTES))
            row, handle = self._admit(call)
            if row.has_body or (handle.faults.are_planned and call.head.announces_body):
                await call.read_body()
            if handle.faults.are_planned:
                return await answer_or_break(
                    call, partial(carried_out, row.endpoint, call), handle.faults, handle.clock
                )
            return carried_out(row.endpoint, call)
        except Refused as refused:
            return await self._refuse(call, refused)

    async def _refuse(self, call: Call, refused: Refused) -> JSONAnswer:
        entry = call.entry
        entry.rule = refused.rule
        self._log_of(call)
        if (entry.operation in BODIES or refused.refusal is Refusal.EMAIL_MISSING) and not call.head.waits_to_send:
            # It belongs to the entry, and a hint may depend on it.
            await call.read_body()
        entry.advice = advice = explain(refused, call, self._directory)
        entry.suspicions = tuple(other for other in suspect(call) if other.code != advice.code)
        return rendered(refused, entry.veil)

    def _crashed(self, call: Call) -> JSONAnswer:
        """Answer where mockscope itself failed (HTTP-8)."""
        entry = call.entry
        refused = Refused(Refusal.CRASHED)
        entry.rule, entry.advice = refused.rule, Hint.CRASHED.about()
        return rendered(refused, entry.veil)

    def _admit(self, call: Call) -> tuple[Row, MockSite]:
        """HTTP-6: authenticate, route, method; then the operation checks, in its own order."""
        entry = call.entry
        rows, call.group_name = route(call.head)
        row = rows.get((call.head.method, call.head.names_user)) if rows else None
        if row is not None:
            entry.operation = row.operation
        handle = self._authenticate(call)
        if rows is None:
            raise Refused(Refusal.PATH_UNKNOWN, path=entry.path)
        if row is None:
            allowed = allowed_methods(rows)
            raise Refused(Refusal.METHOD_NOT_ALLOWED, method=entry.method, path=entry.path, allowed=allowed)
        entry.test_mode = row.method != "GET" and call.head.asks_test_mode
        return row, handle

    def _authenticate(self, call: Call) -> MockSite:
        """Return the site that the request opens; from here on the request is among its calls."""
        call.site = self._directory.authenticate(call.head.credentials())
        handle = self._bench.handle(call.site)
        if handle is None:
            # The site was removed by another thread after it was found.
            raise Refused(Refusal.SITE_UNKNOWN, host=call.site.host)
        call.entry.site = call.site.host
        call.open_in(handle.calls)
        call.site.check_enabled()
        return handle

    def _log_of(self, call: Call) -> Journal:
        """Return the log that holds the call: that of a site, or that of calls that reached none."""
        return call.open_in(self._bench.calls) if call.log is None else call.log

    def _complete(self, response: JSONAnswer, call: Call) -> None:
        """Add the headers that every answer has, and keep the answer in the entry."""
        entry = call.entry
        for name, value in call.answer_headers.items():
            # A planned fault may have set it.
            response.headers.setdefault(name, value)
        if call.leaves_body_unsent:
            response.headers["Connection"] = "close"
        # HTTP-10: "X-Request-Id, the id of its entry in the journal"
        response.raw_headers.append((b"x-request-id", entry.id.encode()))
        if entry.advice is not None and self._hint_header:
            response.raw_headers.append((b"x-mockscope-hint", entry.advice.code.encode()))
        if entry.method == "HEAD":
            response.body = b""
        response.keep_in(entry)


def carried_out(endpoint: Endpoint, call: Call) -> JSONAnswer:
    """Return the answer of an operation, and put hints for a request that it accepted into the entry.

    Raises:
        Refused: What the operation refuses.
    """
    response = endpoint(call)
    if suspicions := suspect(call):
        call.entry.advice, call.entry.suspicions = suspicions[0], suspicions
    return response


class Reserved:
    """The reserved paths. Their application is imported at the first request.

    Args:
        bench: The sites, with their instruments.
        door: Access to the control API; None switches it off.
    """

    def __init__(self, bench: Bench, door: Door | None) -> None:
        self._bench = bench
        self._door = door
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from mockscope.web.control.app import ReservedPaths  # here, because most servers never need it

            self._app = ReservedPaths(self._bench, self._door)

        was_asked = False

        async def receive_body() -> Message:
            nonlocal was_asked
            was_asked = True
            return await receive()

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [SERVER, *(pair for pair in message["headers"] if pair[0] != b"server")]
                if not was_asked and b"expect" in dict(scope["headers"]):
                    # The client would send another request, which would be taken for the body.
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive_body, send_more)
