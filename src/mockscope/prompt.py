"""uvicorn's protocol class over httptools, on the shortest way from a request that is whole to an answer that is.

What is unusual about either is left to uvicorn.
"""

import asyncio
import re
from functools import partial
from itertools import chain
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mockscope.protocol import ReadableHeads
from mockscope.web.eager import begin

LARGE: Final = 4096
# What an answer says of its connection.
HOP_BY_HOP: Final = frozenset({b"connection", b"transfer-encoding"})
# The value of a header that nothing is to be said of.
PLAIN: Final = re.compile(rb"[\x20-\x7e]*")


class Outgoing:
    """Answers of one turn of the loop, sent one right after the other once all of them are made.

    A client that answers faster than it is answered sleeps after each, and waking it costs the server as much as an
    answer does.
    """

    def __init__(self) -> None:
        self._answers: dict[asyncio.Transport, tuple[bytes, ...]] = {}

    def put(self, transport: asyncio.Transport, answer: tuple[bytes, ...], loop: asyncio.AbstractEventLoop) -> None:
        """Send an answer at the end of this turn."""
        if not self._answers:
            loop.call_soon(self.send)
        elif transport in self._answers:
            self.send()
        self._answers[transport] = answer

    def send(self) -> None:
        """Send what there is now."""
        answers, self._answers = self._answers, {}
        for transport, answer in answers.items():
            # A client that is gone takes nobody else's answer along.
            if not transport.is_closing():
                transport.writelines(answer)

    def send_before(self, transport: asyncio.Transport) -> None:
        """See to it that nothing of a connection is kept back."""
        if transport in self._answers:
            self.send()


class PromptAnswers(ReadableHeads):
    """The same, answering what has arrived whole at once: outside a task, in one piece, and without a new timer.

    Each of the three costs more than most answers do (docs/performance.md).
    """

    # One for all connections of a server.
    outgoing: Outgoing
    # What is answered as soon as all is parsed that has arrived.
    _due: tuple[RequestResponseCycle, Any] | None = None
    _is_parsing = False
    # When the latest answer went out, in seconds on the loop's clock; None while one is due.
    _idle_since: float | None = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._is_parsing:
            self._answering = cycle
            self._due = cycle, app
        else:
            super()._start_asgi_task(cycle, partial(in_one_piece, app, self, cycle))

    def data_received(self, data: bytes) -> None:
        self.outgoing.send_before(self.transport)
        self._idle_since = None
        self._is_parsing = True
        super().data_received(data)
        self._is_parsing = False
        while self._due is not None:
            (cycle, app), self._due = self._due, None
            self._answer(cycle, app)

    def eof_received(self) -> None:
        self.outgoing.send_before(self.transport)
        super().eof_received()

    def shutdown(self) -> None:
        self.outgoing.send_before(self.transport)
        super().shutdown()

    def send(self, cycle: RequestResponseCycle, answer: tuple[bytes, ...]) -> None:
        """Send an answer: at once, unless others wait for theirs."""
        if len(self.connections) > 1 and cycle.keep_alive:
            self.outgoing.put(self.transport, answer, self.loop)
            return
        self.outgoing.send_before(self.transport)
        self.transport.writelines(answer)
        if not cycle.keep_alive:
            self.transport.close()

    def _answer(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.more_body:
            self._start_asgi_task(cycle, app)
        elif (rest := begin(cycle.run_asgi(partial(in_one_piece, app, self, cycle)))) is not None:
            task = self.loop.create_task(rest)
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)

    def on_response_complete(self) -> None:
        # As uvicorn has it, but for a timer that is set once and not for every answer.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.transport.is_closing():
            return
        idle = 0.0 if self._idle_since is None else self.loop.time() - self._idle_since
        if idle < self.timeout_keep_alive:
            self._look_again_in(self.timeout_keep_alive - idle)
        else:
            self.timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        # uvicorn asks for it with every piece of data; what is left to do is done when the connection is gone.
        if self.transport.is_closing():
            super()._unset_keepalive_if_required()


async def in_one_piece(
    app: Any, protocol: PromptAnswers, cycle: RequestResponseCycle, scope: Any, receive: Any, send: Any
) -> None:
    """Have an application answer through OnePiece."""
    await app(scope, receive, OnePiece(protocol, cycle).send)


class OnePiece:
    """An ASGI channel for an answer, held back until its body is there: most are whole then.

    Args:
        protocol: the connection.
        cycle: uvicorn's channel for the answer.
    """

    __slots__ = ("_cycle", "_protocol", "_start")

    def __init__(self, protocol: PromptAnswers, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._start: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and self._start is None:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None and self._goes_out_whole(start, message):
            return
        self._protocol.outgoing.send_before(self._protocol.transport)
        if start is not None:
            await self._cycle.send(start)
        await self._cycle.send(message)

    def _goes_out_whole(self, start: Any, message: Any) -> bool:
        """Send an answer in one piece, unless there is anything about it that uvicorn should look at itself."""
        cycle, headers, body = self._cycle, start["headers"], message.get("body", b"")
        if (
            message.get("more_body")
            or cycle.flow.write_paused
            or cycle.disconnected
            or cycle.response_started
            or (b"content-length", b"%d" % len(body)) not in headers
        ):
            return False
        parts = [STATUS_LINE[start["status"]]]
        for name, value in chain(cycle.default_headers, headers):
            if name in HOP_BY_HOP or not PLAIN.fullmatch(value):
                return False
            parts += name, b": ", value, b"\r\n"
        parts += b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body
        cycle.response_started = cycle.response_complete = True
        # What is large is not copied once more.
        self._protocol.send(cycle, (b"".join(parts[:-1]), body) if len(body) > LARGE else (b"".join(parts),))
        cycle.message_event.set()
        cycle.on_response()
        return True
