"""The effects of planned faults on responses and connections.

instruments/faults.py selects the fault that hits a call.
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

# The key of the connection in the ASGI state of a request. The protocol class of the server stores it.
CONNECTION: Final = "mockscope.connection"
# The key in the scope of a request that faults must not hit, because it arrived before they were planned.
BEFORE_FAULTS: Final = "mockscope.before_faults"
# SO_LINGER on, with no time to linger: close() sends RST.
LINGER_NONE: Final = struct.pack("ii", 1, 0)
# Stands for a response of which no byte is sent.
UNSENT: Final = CannedResponse(503)
GARBAGE: Final = b"\x16\x03\x01 this is not HTTP \xff\xfe\x00\r\n\r\n"


@dataclass(eq=False, slots=True)
class Connection:
    """The connection of a request, as faults use it.

    Args:
        transport: The transport of the connection.
        held: The task of a request that a fault delays.
        hangs: Whether a fault never responds to the request.
        is_half_closed: Whether the client has closed its sending side.
    """

    transport: asyncio.Transport
    held: "asyncio.Task[None] | None" = None
    hangs: bool = False
    is_half_closed: bool = False

    def reset(self) -> None:
        """Reset the connection (RST), unless it is closing already."""
        if self.transport.is_closing():
            return
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        self.transport.abort()

    def abort_if_held(self) -> bool:
        """Abort the connection if a fault delays its request, because the server stops.

        Returns:
            Whether a request was delayed.
        """
        if self.held is None:
            return False
        self.transport.abort()
        self.held.cancel()
        return True


async def respond_or_break(
    request: HTTPRequest, endpoint: Callable[[], JSONResponse], faults: Faults, clock: Clock
) -> JSONResponse:
    """Return the response of a site with planned faults.

    Args:
        request: The request. Its body was read, because a fault may depend on it.
        endpoint: The function that carries out the operation.
        faults: The planned faults.
        clock: The clock of the site.

    Raises:
        Refused: If the operation refuses the request, and no fault hits it.
    """
    if BEFORE_FAULTS in request.scope:
        return endpoint()
    try:
        return await _respond_with_faults(request, endpoint, faults, clock)
    except _SiteReset:
        # The request belongs to the site as it was before its reset. It must not change the present one.
        return BrokenResponse("reset", request)


async def _respond_with_faults(
    request: HTTPRequest, endpoint: Callable[[], JSONResponse], faults: Faults, clock: Clock
) -> JSONResponse:
    verdict = faults.check_rate_limits(request.call)
    if verdict is not None:
        request.rate_limit_headers = verdict.headers
        if not verdict.passes:
            faults.mark_hit(request.call, verdict.limit)
            return _rate_limited(verdict)
    fault = await _select_fault(request, faults)
    while fault is not None:
        own: JSONResponse | None = None
        try:
            if fault.after_commit:
                own = endpoint()
        except Refused:
            # Nothing was committed, so the hit is taken back. The next fault for the call hits it, if there is one.
            fault = await _select_fault(request, faults, instead_of=fault)
            if fault is None:
                raise
        else:
            faults.mark_hit(request.call, fault)
            return await _apply_fault(fault, request, endpoint, own, faults, clock)
    return endpoint()


async def _select_fault(request: HTTPRequest, faults: Faults, instead_of: Fault | None = None) -> Fault | None:
    # Read once: another thread may plan a fault with a function meanwhile.
    rules = faults.planned_faults
    select = partial(faults.select, request.call, rules, instead_of=instead_of)
    return await _run_user_function(request, select) if any(callable(rule.where) for rule in rules) else select()


async def _apply_fault(
    fault: Fault,
    request: HTTPRequest,
    endpoint: Callable[[], JSONResponse],
    own: JSONResponse | None,
    faults: Faults,
    clock: Clock,
) -> JSONResponse:
    """Return the response to a request that a fault hits.

    Args:
        fault: The fault.
        request: The request.
        endpoint: The function that carries out the operation.
        own: The operation's own response, or None if the operation was not carried out yet.
        faults: The planned faults.
        clock: The clock of the site.
    """
    call = request.call
    if fault.delay:
        # The delay starts at the receipt, because a test may move the clock as soon as it sees the call.
        due = call.received + fault.next_delay()
        async with _delayed(request, due):
            await clock.sleep(due - clock.time())
        faults.make_due_changes()
    if fault.cuts_own_response and own is None:
        try:
            own = endpoint()
        except Refused as refused:
            call.rule, own = refused.rule, render_refusal(refused, call.redactor)
    replacement: JSONResponse | None = None
    if fault.transport is not None:
        replacement = _apply_transport_fault(fault, request, own)
    elif fault.status is not None:
        replacement = _to_json_response(_planned_response(fault))
    elif fault.action is not None:
        replacement = await _run_action(fault.action, fault.id, request, own)
    if replacement is None:
        return endpoint() if own is None else own
    # The hint would not fit this response. The findings of strict mode stay.
    call.hint = None
    return replacement


def _apply_transport_fault(fault: Fault, request: HTTPRequest, own: JSONResponse | None) -> JSONResponse:
    """Return the response to a request that a transport fault hits."""
    response = _planned_response(fault)
    if own is not None and fault.cuts_own_response:
        response = CannedResponse(own.status_code, own.body)
    # At least the last byte of the body is left out.
    wanted = len(response.body) // 2 if fault.after_bytes is None else fault.after_bytes
    part = response.body[: max(0, min(wanted, len(response.body) - 1))]
    if fault.transport == "bad_json":
        return _to_json_response(CannedResponse(response.status, part, response.headers))
    return BrokenResponse(fault.transport or "", request, response, part)


class BrokenResponse(JSONResponse):
    """A response that a transport fault breaks.

    Args:
        transport: The kind of the transport fault.
        request: The request.
        response: The response without the fault.
        part: The part of the body to send.
    """

    def __init__(
        self, transport: str, request: HTTPRequest, response: CannedResponse = UNSENT, part: bytes = b""
    ) -> None:
        super().__init__(response.body, response.status)
        self.headers.update(response.headers)
        self._transport = transport
        self._request = request
        self._part = part

    def store_in(self, call: Call) -> None:
        if self._sends_part:
            call.store_response(self.status_code, self.raw_headers, self._part)

    @property
    def _sends_part(self) -> bool:
        # The response to HEAD has no body that could be truncated.
        return self._transport == "truncate" and self._request.head.method != "HEAD"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = _connection(scope)
        if self._transport == "hang" and await self._hang(connection, receive):
            return
        if self._sends_part:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._part, "more_body": True})
        if connection is None:
            # Without a socket, the caller of the application gets an error.
            raise ConnectionResetError(f"planned fault {self._request.call.fault or 'fault'}: {self._transport}")
        if self._transport in ("reset", "hang"):
            connection.reset()
        else:
            # Closing a connection with unread bytes would reset it.
            await self._request.drain()
            if self._transport == "garbage":
                connection.transport.write(GARBAGE)
            connection.transport.close()
        # uvicorn expects the application to run until the connection is lost.
        await _wait_for_disconnect(receive)

    async def _hang(self, connection: Connection | None, receive: Receive) -> bool:
        """Wait until the client disconnects.

        Returns:
            Whether the connection is closed. If not, the site was reset or removed.
        """
        if connection is not None:
            connection.hangs = True
            if connection.is_half_closed:
                connection.transport.close()
        try:
            async with _delayed(self._request, inf):
                await _wait_for_disconnect(receive)
        except _SiteReset:
            return False
        except ClientDisconnect:
            pass
        return True


async def _wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client disconnects, or the server closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _SiteReset(Exception):
    """The site was reset or removed while a fault delayed the response."""


@asynccontextmanager
async def _delayed(request: HTTPRequest, until: float) -> AsyncIterator[None]:
    """Mark a call as delayed in an ``async with`` block. Neither queries of calls nor a stopping server wait for it.

    The block ends by itself, by its timeout if the site is reset, or by the cancellation of ``abort_if_held``.

    Args:
        request: The request.
        until: The end of the delay, on the site's clock.

    Raises:
        ClientDisconnect: If the server stops.
        _SiteReset: If the site is reset or removed.
    """
    connection, loop = _connection(request.scope), asyncio.get_running_loop()
    was_reset = False

    def end_in_loop() -> None:
        # The block may have ended meanwhile.
        with suppress(RuntimeError):
            limit.reschedule(loop.time())

    def end_from_any_thread() -> None:
        nonlocal was_reset
        was_reset = True
        # The loop may have ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end_in_loop)

    assert request.log is not None
    if connection is not None:
        connection.held = asyncio.current_task()
    try:
        async with asyncio.timeout(None) as limit:
            with request.log.mark_delayed(request.call, until, end_from_any_thread):
                yield
                # A reset may also have ended the delay, by resetting the clock.
                if was_reset:
                    raise _SiteReset
    except TimeoutError:
        raise _SiteReset from None
    except asyncio.CancelledError:
        if connection is None or not connection.transport.is_closing():
            raise
        raise ClientDisconnect from None
    finally:
        if connection is not None:
            connection.held = None


async def _run_user_function(request: HTTPRequest, function: Callable[[], T]) -> T:
    """Run a function that calls one of the user's in a thread of its own, and return its result.

    The user's function may send requests to the server, query calls, or never return.
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
    """Return the connection of a request, or None if it came without a socket."""
    connection: Connection | None = scope.get("state", {}).get(CONNECTION)
    return connection


async def _run_action(action: Action, id: str, request: HTTPRequest, own: JSONResponse | None) -> JSONResponse | None:
    """Return the response of a fault's action, or None if the operation is to be carried out."""
    response = None if own is None else CannedResponse(own.status_code, own.body)

    def act() -> object:
        try:
            return action(request.call, response)
        except BaseException as error:
            # Any error of the user's function counts, even one that the server would handle, such as Refused.
            raise FunctionFailed(id, error) from error

    result = await _run_user_function(request, act)
    if result is not None and not isinstance(result, CannedResponse):
        raise FunctionFailed(id, result)
    return None if result is None else _to_json_response(result)


def _rate_limited(verdict: RateLimitResult) -> JSONResponse:
    limit = verdict.limit
    text = f"Too many calls: {limit.calls} per {limit.per:g} seconds are let through, by a planned rate limit."
    return JSONResponse(codec.encode(codec.Message(text)), 429)


def _planned_response(fault: Fault) -> CannedResponse:
    status = fault.status or 200
    message = codec.encode(codec.Message(f"A planned fault: {status} {responses.get(status, '')}".rstrip()))
    body = message if fault.body is None else fault.body
    return CannedResponse(status, b"" if status in BODILESS_STATUSES else body, fault.headers)


def _to_json_response(canned: CannedResponse) -> JSONResponse:
    response = JSONResponse(canned.body, canned.status)
    response.headers.update(canned.headers)
    if canned.status == 204:
        # RFC 9110: "A server MUST NOT send a Content-Length header field in any response with a status code of [...]
        # 204"
        del response.headers["Content-Length"]
    return response
