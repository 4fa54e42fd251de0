"""uvicorn's protocol class over httptools, on the shortest way from a request that is whole to an answer that is.

What is unusual about either is left to uvicorn.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mockscope.protocol import ReadableHeads
from mockscope.web.eager import begin

LARGE: Final = 4096


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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._channel = Channel(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.send = self._channel  # type: ignore[method-assign]
        self.answering = cycle
        if self._is_parsing:
            self._due = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

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

    def _answer(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.more_body:
            super()._start_asgi_task(cycle, app)
        elif (rest := begin(cycle.run_asgi(app))) is not None:
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


class Channel:
    """The ASGI channel for the answers of a connection.

    Args:
        protocol: the connection.
    """

    __slots__ = ("_protocol",)

    def __init__(self, protocol: PromptAnswers) -> None:
        self._protocol = protocol

    def __call__(self, message: Any) -> Coroutine[Any, Any, None]:
        cycle = self._protocol.answering
        assert cycle is not None
        return RequestResponseCycle.send(cycle, message)

    def whole(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send an answer in one piece, unless there is anything about it that uvicorn should look at itself."""
        protocol = self._protocol
        cycle = protocol.answering
        assert cycle is not None
        given = dict(headers)
        said = b"".join((*given, *given.values()))
        if (
            cycle.flow.write_paused
            or cycle.disconnected
            or cycle.response_started
            or given.get(b"content-length") != b"%d" % len(body)
            or b"connection" in given
            or b"transfer-encoding" in given
            or len(given) < len(headers)
            or not (said.isascii() and said.decode("ascii").isprintable())
        ):
            return False
        lines = [STATUS_LINE[status]]
        for name, value in cycle.default_headers:
            lines += name, b": ", value, b"\r\n"
        for name, value in headers:
            lines += name, b": ", value, b"\r\n"
        lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        # What is large is not copied once more.
        answer = (b"".join(lines), body) if len(body) > LARGE else (b"".join((*lines, body)),)
        cycle.response_started = cycle.response_complete = True
        if len(protocol.connections) > 1 and cycle.keep_alive:
            protocol.outgoing.put(protocol.transport, answer, protocol.loop)
        else:
            # Nobody else waits for an answer, or this is the last one.
            protocol.outgoing.send_before(protocol.transport)
            protocol.transport.writelines(answer)
        cycle.message_event.set()
        if not cycle.keep_alive:
            protocol.transport.close()
        cycle.on_response()
        return True
