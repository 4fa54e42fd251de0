"""Planned faults on their way to the client: what to answer instead, and which bytes break a connection.

When a fault strikes is decided in instruments/faults.py.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from http.client import responses
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mockscope import wire
from mockscope.domain.refusals import Refused
from mockscope.instruments.clock import Clock
from mockscope.instruments.entry import Entry, kept
from mockscope.instruments.faults import READS, WITH_ANSWER, Answer, Fault, Faults
from mockscope.instruments.rates import Verdict
from mockscope.web.reading import Call
from mockscope.web.routes import JSONAnswer

# Where the protocol leaves the connection's transport: in the state that uvicorn hands to each request.
TRANSPORT: Final = "mockscope.transport"
# Closing with this option set sends RST: on, and no time to linger.
AT_ONCE: Final = struct.pack("ii", 1, 0)
GARBAGE: Final = b"\x16\x03\x01 this is no HTTP \xff\xfe\x00\r\n\r\n"
# These have no body, whatever is planned.
BODILESS: Final = (204, 205, 304)

Endpoint = Callable[[Call], Awaitable[Response]]


async def answer_or_break(call: Call, endpoint: Endpoint, faults: Faults, clock: Clock) -> Response:
    """What a site with planned faults answers.

    Raises:
        Refused: what the operation refuses; then nothing of it was broken.
    """
    entry = call.entry
    for limit in faults.limits:
        if limit.is_for(entry):
            verdict = limit.admit()
            call.answer_headers.update(verdict.headers)
            if not verdict.passes:
                entry.fault = limit.id
                return _too_many(verdict)
    if any(rule.reads_body for rule in faults):
        await call.peek_body()
    fault = faults.taken(entry)
    return await endpoint(call) if fault is None else await _broken(fault, call, endpoint, faults, clock)


async def _broken(fault: Fault, call: Call, endpoint: Endpoint, faults: Faults, clock: Clock) -> Response:
    entry = call.entry
    answer: Response | None = None
    if fault.after_commit or (fault.transport in WITH_ANSWER and entry.operation in READS):
        try:
            answer = await endpoint(call)
        except Refused:
            faults.give_back(fault)
            raise
    entry.fault = fault.id
    if fault.delay:
        _hold(entry)
        await clock.sleep(fault.next_delay())
    if fault.action is not None:
        given = fault.action(entry, None if answer is None else _taken_apart(answer))
        return _put_together(given) if given is not None else await endpoint(call) if answer is None else answer
    if fault.transport is not None:
        return BrokenAnswer(fault, call, _planned(fault) if fault.status or answer is None else _taken_apart(answer))
    if fault.status is not None:
        return _put_together(_planned(fault))
    return await endpoint(call) if answer is None else answer


class BrokenAnswer(Response):
    """An answer that does not arrive as one.

    Args:
        fault: what happens to it.
        call: the request.
        answer: what would have been said.
    """

    def __init__(self, fault: Fault, call: Call, answer: Answer) -> None:
        self._fault = fault
        self._call = call
        self._answer = answer
        whole = answer.body
        self._part = whole[: len(whole) // 2 if fault.after_bytes is None else fault.after_bytes]
        super().__init__(self._part, answer.status, answer.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._fault.transport == "bad_json":
            await _put_together(self._answer._replace(body=self._part))(scope, receive, send)
            return
        if self._fault.transport == "hang":
            _hold(self._call.entry)
        else:
            await self._break(scope.get("state", {}).get(TRANSPORT))
        # What uvicorn still holds of this request ends when it learns that the connection is gone.
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _break(self, transport: asyncio.Transport | None) -> None:
        if transport is None:
            # Without a socket there is nothing to break: whoever called the application sees it at once.
            raise ConnectionResetError(f"planned fault {self._fault.id}: {self._fault.transport}")
        if self._fault.transport == "reset":
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            transport.abort()
            return
        # Closing on bytes that nobody read would be a reset too.
        await self._call.drain()
        if self._fault.transport == "garbage":
            transport.write(GARBAGE)
        elif self._fault.transport == "truncate":
            transport.write(self._head() + self._part)
            self._call.entry.status, self._call.entry.answer = self._answer.status, kept(self._part)
        transport.close()

    def _head(self) -> bytes:
        whole = _put_together(self._answer)
        lines = b"".join(b"%s: %s\r\n" % (name, value) for name, value in whole.raw_headers)
        status = self._answer.status
        return f"HTTP/1.1 {status} {responses.get(status, '')}\r\nserver: mockscope\r\n".encode() + lines + b"\r\n"


def _hold(entry: Entry) -> None:
    if entry.journal is not None:
        entry.journal.hold(entry)


def _too_many(verdict: Verdict) -> Response:
    limit = verdict.limit
    text = f"Too many calls: {limit.calls} per {limit.per:g} seconds are let through, by a planned rate limit."
    return JSONAnswer(wire.encode(wire.Message(text)), 429)


def _planned(fault: Fault) -> Answer:
    status = fault.status or 200
    said = wire.encode(wire.Message(f"A planned fault: {status} {responses.get(status, '')}".rstrip()))
    body = b"" if status in BODILESS else said if fault.body is None else fault.body
    return Answer(status, body, fault.headers)


def _taken_apart(response: Response) -> Answer:
    return Answer(response.status_code, bytes(response.body))


def _put_together(answer: Answer) -> Response:
    made = JSONAnswer(answer.body, answer.status)
    made.headers.update(answer.headers)
    return made
