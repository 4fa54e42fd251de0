"""Planned faults on their way to the client: what to answer instead, and which bytes break a connection.

When a fault strikes is decided in instruments/faults.py.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import responses
from math import inf
from typing import Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from mockscope import codec
from mockscope._support.threads import run_in_thread
from mockscope.domain.refusals import Refused
from mockscope.instruments.call import Call
from mockscope.instruments.clock import Clock
from mockscope.instruments.fault import BODILESS_STATUSES, Action, CannedResponse, Fault, FunctionFailed
from mockscope.instruments.faults import Faults
from mockscope.instruments.rate_limits import RateLimitResult
from mockscope.web.request import HTTPRequest
from mockscope.web.response import JSONResponse, render_refusal

T = TypeVar("T")

logger: Final = logging.getLogger("mockscope")

# Where the protocol leaves the connection: in the state that uvicorn hands to each request.
CONNECTION: Final = "mockscope.connection"
# In the scope of a request that came before any fault was planned: one that is planned meanwhile is not meant for it.
BEFORE_FAULTS: Final = "mockscope.before_faults"
# Closing with this option set sends RST: on, and no time to linger.
LINGER_NONE: Final = struct.pack("ii", 1, 0)
GARBAGE: Final = b"\x16\x03\x01 this is not HTTP \xff\xfe\x00\r\n\r\n"


@dataclass(eq=False, slots=True)
class Connection:
    """The connection of a request, as faults use it.

    Args:
        transport: what breaks it.
        held: the task whose answer is kept back, if one is.
        hangs: whether no answer will ever come.
        is_half_closed: whether the client sends nothing more.
    """

    transport: asyncio.Transport
    held: "asyncio.Task[None] | None" = None
    hangs: bool = False
    is_half_closed: bool = False

    def reset(self) -> None:
        """Break it with RST, unless the client has left already."""
        if self.transport.is_closing():
            return
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        self.transport.abort()

    def release(self) -> bool:
        """End it if a response is kept back; the server is about to stop.

        Returns:
            Whether one was.
        """
        if self.held is None:
            return False
        self.transport.abort()
        self.held.cancel()
        return True


async def respond_or_break(
    request: HTTPRequest, response: Callable[[], JSONResponse], faults: Faults, clock: Clock
) -> JSONResponse:
    """Return what a site with planned faults answers. The body was read, because a fault may depend on it.

    Args:
        request: The request.
        answer: Carries it out.
        faults: The planned faults.
        clock: The clock of the site.

    Raises:
        Refused: What the operation refuses; then nothing of it was broken.
    """
    if BEFORE_FAULTS in request.scope:
        return response()
    try:
        return await _respond_with_faults(request, response, faults, clock)
    except _Released:
        # It was meant for the site that was, and what there is now shall not hear of it.
        return BrokenResponse(
            Fault(id=request.call.fault or "fault", transport="reset"), request, CannedResponse(503), b""
        )


async def _respond_with_faults(
    request: HTTPRequest, endpoint: Callable[[], JSONResponse], faults: Faults, clock: Clock
) -> JSONResponse:
    verdict = faults.check_rate_limits(request.call)
    if verdict is not None:
        request.response_headers = verdict.headers
        if not verdict.passes:
            request.call.fault = verdict.limit.id
            return _rate_limited(verdict)
    fault = await _select_fault(request, faults)
    while fault is not None:
        own: JSONResponse | None = None
        try:
            if fault.after_commit:
                own = endpoint()
        except Refused:
            # Nothing was committed: the next fault strikes, or none.
            fault = await _select_fault(request, faults, instead_of=fault)
            if fault is None:
                raise
        else:
            return await _apply_fault(fault, request, endpoint, own, clock)
    return endpoint()


async def _select_fault(request: HTTPRequest, faults: Faults, instead_of: Fault | None = None) -> Fault | None:
    # Read once: a rule with a function may be planned meanwhile.
    rules = faults.rules
    select = partial(faults.select, request.call, rules, instead_of=instead_of)
    return await _run_user_function(request, select) if any(callable(rule.where) for rule in rules) else select()


async def _apply_fault(
    fault: Fault, request: HTTPRequest, endpoint: Callable[[], JSONResponse], own: JSONResponse | None, clock: Clock
) -> JSONResponse:
    """Return the response that a fault leaves.

    Args:
        fault: The fault.
        request: The request.
        endpoint: Carries the operation out.
        own: The operation's response; None where it was not carried out yet.
        clock: The clock of the site.
    """
    call = request.call
    call.fault = fault.id
    if fault.delay:
        # Counted from the receipt: a test that has seen the call may move the clock at once.
        due = call.received + fault.next_delay()
        async with _delayed(request, due):
            await clock.sleep(due - clock.time())
    if fault.cuts_own_response and own is None:
        try:
            own = endpoint()
        except Refused as refused:
            call.rule, own = refused.rule, render_refusal(refused, call.redactor)
    instead: JSONResponse | None = None
    if fault.transport is not None:
        instead = _apply_transport_fault(fault, request, own)
    elif fault.status is not None:
        instead = _to_json_response(_planned_response(fault))
    elif fault.action is not None:
        instead = await _run_action(fault.action, fault.id, request, own)
    if instead is None:
        return own or endpoint()
    # A hint is about the response that it comes with; strict mode still objects to what happened.
    call.hint = None
    return instead


def _apply_transport_fault(fault: Fault, request: HTTPRequest, own: JSONResponse | None) -> JSONResponse:
    """Return the response such as a transport fault leaves it."""
    response = (
        _planned_response(fault)
        if own is None or not fault.cuts_own_response
        else CannedResponse(own.status_code, own.body)
    )
    # Never all of it.
    wanted = len(response.body) // 2 if fault.after_bytes is None else fault.after_bytes
    part = response.body[: max(0, min(wanted, len(response.body) - 1))]
    if fault.transport == "bad_json":
        return _to_json_response(CannedResponse(response.status, part, response.headers))
    return BrokenResponse(fault, request, response, part)


class BrokenResponse(JSONResponse):
    """An answer that does not arrive as one.

    Args:
        fault: what happens to it.
        call: the request.
        answer: what would have been said.
        part: how much of its body is said.
    """

    def __init__(self, fault: Fault, request: HTTPRequest, response: CannedResponse, part: bytes) -> None:
        super().__init__(response.body, response.status)
        self.headers.update(response.headers)
        self._fault = fault
        self._request = request
        self._part = part

    def store_in(self, call: Call) -> None:
        if self._sends_part:
            call.store_response(self.status_code, self.raw_headers, self._part)

    @property
    def _sends_part(self) -> bool:
        # What is cut is a body, and HEAD is answered without one: then nothing is left.
        return self._fault.transport == "truncate" and self._request.head.method != "HEAD"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = _connection(scope)
        if self._fault.transport == "hang":
            if connection is not None:
                connection.hangs = True
                if connection.is_half_closed:
                    connection.transport.close()
            with suppress(_Released):
                with suppress(ClientDisconnect):
                    async with _delayed(self._request, inf):
                        await _wait_for_disconnect(receive)
                return
        if self._sends_part:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._part, "more_body": True})
        if connection is None:
            # Without a socket there is nothing to break: whoever called the application sees it at once.
            raise ConnectionResetError(f"planned fault {self._fault.id}: {self._fault.transport}")
        if self._fault.transport in ("reset", "hang"):
            connection.reset()
        else:
            # Closing on bytes that nobody read would be a reset too.
            await self._request.drain()
            if self._fault.transport == "garbage":
                connection.transport.write(GARBAGE)
            connection.transport.close()
        # What uvicorn still holds of this request ends when it learns that the connection is gone.
        await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive) -> None:
    """Wait for the client to go, or for the connection to be closed from here."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Released(Exception):
    """The site was reset or removed while a fault kept the answer back."""


@asynccontextmanager
async def _delayed(request: HTTPRequest, until: float) -> AsyncIterator[None]:
    """Mark a call that a fault keeps back, for a block: neither a look at the calls nor the server waits for it.

    Args:
        request: The request.
        until: The time on the clock at which it goes on.

    Raises:
        ClientDisconnect: If the server stops.
        _Released: If the site is reset or removed.
    """
    connection, loop = _connection(request.scope), asyncio.get_running_loop()
    is_released = False

    def end() -> None:
        # A call that has gone on meanwhile needs no end.
        with suppress(RuntimeError):
            limit.reschedule(loop.time())

    def release() -> None:
        nonlocal is_released
        is_released = True
        # Neither does one whose loop has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end)

    assert request.log is not None
    if connection is not None:
        connection.held = asyncio.current_task()
    try:
        async with asyncio.timeout(None) as limit:
            with request.log.mark_delayed(request.call, until, release):
                yield
                # The clock of a site that was reset may be past the end of the delay.
                if is_released:
                    raise _Released
    except TimeoutError:
        raise _Released from None
    except asyncio.CancelledError:
        if connection is None or not connection.transport.is_closing():
            raise
        raise ClientDisconnect from None
    finally:
        if connection is not None:
            connection.held = None


async def _run_user_function(request: HTTPRequest, function: Callable[[], T]) -> T:
    """Return what a function that calls one of the user's returns, in a thread of its own.

    The function may ask the server, look at the calls, or never return.
    """
    try:
        async with _delayed(request, inf):
            return await run_in_thread(function)
    except ClientDisconnect:
        logger.warning(
            "The server stops, and a function of %s has not returned from %s.", request.call.fault, request.call
        )
        raise


def _connection(scope: Scope) -> Connection | None:
    """The connection of a request; None where it came without a socket."""
    connection: Connection | None = scope.get("state", {}).get(CONNECTION)
    return connection


async def _run_action(action: Action, id: str, request: HTTPRequest, own: JSONResponse | None) -> JSONResponse | None:
    """Return the response that the action of a fault gives; None where it lets the call go on."""
    response = None if own is None else CannedResponse(own.status_code, own.body)

    def act() -> object:
        try:
            return action(request.call, response)
        except BaseException as error:
            # The error is the function's own, even if it is a refusal or a framework's.
            raise FunctionFailed(id, error) from error

    given = await _run_user_function(request, act)
    if given is not None and not isinstance(given, CannedResponse):
        raise FunctionFailed(id, given)
    return None if given is None else _to_json_response(given)


def _rate_limited(verdict: RateLimitResult) -> JSONResponse:
    limit = verdict.limit
    text = f"Too many calls: {limit.calls} per {limit.per:g} seconds are let through, by a planned rate limit."
    return JSONResponse(codec.encode(codec.Message(text)), 429)


def _planned_response(fault: Fault) -> CannedResponse:
    status = fault.status or 200
    said = codec.encode(codec.Message(f"A planned fault: {status} {responses.get(status, '')}".rstrip()))
    return CannedResponse(
        status, b"" if status in BODILESS_STATUSES else said if fault.body is None else fault.body, fault.headers
    )


def _to_json_response(response: CannedResponse) -> JSONResponse:
    made = JSONResponse(response.body, response.status)
    made.headers.update(response.headers)
    if response.status == 204:
        # RFC 9110: "A server MUST NOT send a Content-Length header field in any response with a status code of [...]
        # 204"
        del made.headers["Content-Length"]
    return made
