"""The ASGI application: the vendor's API behind its wrappers, and the reserved paths beside it.

HTTP-6 is one function here.
"""

import logging
import re
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from mockscope.bench import Bench, MockSite
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.calls import Journal
from mockscope.instruments.entry import Entry
from mockscope.instruments.fault import FunctionFailed
from mockscope.instruments.hints import Hint
from mockscope.web.answer import JSONAnswer, rendered
from mockscope.web.breaking import answer_or_break
from mockscope.web.control.door import Door
from mockscope.web.eager import in_a_task
from mockscope.web.explaining import BODIES, explain, suspect
from mockscope.web.head import HEAD
from mockscope.web.reading import Call
from mockscope.web.recording import ENTRY, LOG, Recording
from mockscope.web.routes import Endpoint, Row, allowed_methods, place_of

logger: Final = logging.getLogger("mockscope")

RESERVED: Final = re.compile(r"/(_mockscope|openapi\.yaml|openapi\.json|docs)(/|$)")


def build_app(bench: Bench, *, hint_header: bool = True, door: Door | None = None) -> ASGIApp:
    """Assemble the application.

    Args:
        bench: the sites that it answers for, with their instruments.
        hint_header: whether answers carry X-Mockscope-Hint (HTTP-10).
        door: who may use the control API; None switches it off.
    """
    return Front(
        Recording(Api(bench, hint_header=hint_header), bench.calls, bench.observers, bench.numbers),
        Reserved(bench, door),
    )


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
        bench: the sites that it answers for, with their instruments.
        hint_header: whether answers carry X-Mockscope-Hint (HTTP-10).
    """

    def __init__(self, bench: Bench, *, hint_header: bool) -> None:
        self._bench = bench
        self._directory = bench.directory
        self._hint_header = hint_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry: Entry = scope[ENTRY]
        call = Call(scope, receive, scope[HEAD], entry)
        try:
            response = await self._answer_or_refuse(call)
        except ClientDisconnect:
            return
        except Exception as error:
            # HTTP-8: a crash of our own is an answer in JSON too; the trace is for the log alone.
            logger.exception("crashed on %s %s", entry.method, entry.path)
            failed = entry.fault if isinstance(error, FunctionFailed) else None
            advice = Hint.ACTION_FAILED.about(fault=failed) if failed else Hint.CRASHED.about()
            entry.rule, entry.advice = Refusal.CRASHED.rule, advice
            response = rendered(Refused(Refusal.CRASHED))
        if call.leaves_body_behind:
            await call.drain()
        if entry.method == "HEAD":
            response.leave_out_body()
        for name, value in call.answer_headers.items():
            # What a fault says goes before it.
            response.headers.setdefault(name, value)
        # HTTP-10: "X-Request-Id, the id of its entry in the journal"
        response.say(b"x-request-id", entry.id.encode())
        if entry.advice is not None and self._hint_header:
            response.say(b"x-mockscope-hint", entry.advice.code.encode())
        response.note(entry)
        if not response.goes_whole(send):
            await response(scope, receive, send)

    async def _answer_or_refuse(self, call: Call) -> JSONAnswer:
        entry = call.entry
        try:
            row, handle = self._admit(call)
            if handle.faults.are_planned:
                return await answer_or_break(call, partial(carried_out, row.endpoint), handle.faults, handle.clock)
            return await carried_out(row.endpoint, call)
        except Refused as refused:
            entry.rule = refused.rule
            if LOG not in call.scope:
                self._open(self._bench.calls, call)
            if (entry.operation in BODIES or refused.refusal is Refusal.EMAIL_MISSING) and not call.head.waits_to_send:
                # Nobody may have read the body yet. It belongs to the entry, and shows where an email went instead.
                await call.peek_body()
            entry.advice = explain(refused, call, self._directory)
            return rendered(refused, entry.veil)

    def _admit(self, call: Call) -> tuple[Row, MockSite]:
        """HTTP-6: authenticate, route, method; then the operation checks, in its own order."""
        entry = call.entry
        rows, row, call.group_name = place_of(call.head)
        if row is not None:
            entry.operation = row.operation
        handle = self._claim(call)
        if rows is None:
            raise Refused(Refusal.PATH_UNKNOWN, path=entry.path)
        if row is None:
            allowed = allowed_methods(rows)
            raise Refused(Refusal.METHOD_NOT_ALLOWED, method=entry.method, path=entry.path, allowed=allowed)
        entry.test_mode = row.method != "GET" and call.head.asks_test_mode
        return row, handle

    def _claim(self, call: Call) -> MockSite:
        """The site that the request opens; from here on the request is among its calls."""
        call.site = self._directory.authenticate(call.head.credentials())
        handle = self._bench.handle(call.site)
        if handle is None:
            # It was removed between two steps.
            raise Refused(Refusal.SITE_UNKNOWN, host=call.site.host)
        call.entry.site = call.site.host
        self._open(handle.calls, call)
        call.site.check_enabled()
        return handle

    def _open(self, log: Journal, call: Call) -> None:
        log.open(call.entry)
        call.scope[LOG] = log


async def carried_out(endpoint: Endpoint, call: Call) -> JSONAnswer:
    """What an operation answers. What is to be said of a request that it let pass goes into the entry.

    Raises:
        Refused: what the operation refuses.
    """
    response = await endpoint(call)
    if suspicions := suspect(call):
        call.entry.advice, call.entry.suspicions = suspicions[0], suspicions
    return response


class Reserved:
    """The paths that are ours. What answers them is loaded when one is first asked for.

    Args:
        bench: the sites, with their instruments.
        door: who may use the control API; None switches it off.
    """

    def __init__(self, bench: Bench, door: Door | None) -> None:
        self._bench = bench
        self._door = door
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from mockscope.web.control.app import ReservedPaths  # here, not above: most servers never need it

            self._app = ReservedPaths(self._bench, self._door)
        await in_a_task()
        await self._app(scope, receive, send)
