"""uvicorn's protocol class over httptools, on the shortest way from a request that is whole to an answer that is.

What is unusual about either is left to uvicorn.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from functools import cached_property
from typing import Any, Final, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mockscope.protocol import END_OF_HEAD, ReadableHeads
from mockscope.web.eager import begin
from mockscope.web.head import HEAD, Head

# Answers that are larger are not copied once more.
LARGE: Final = 4096
# Of heads so many are remembered, and none that is longer than so many bytes.
MOST_HEADS: Final = 1024
LONGEST_HEAD: Final = 4096


class Known(NamedTuple):
    """What a request was read as: its length in bytes, head and body, and the scope that it gives."""

    length: int
    scope: dict[str, Any]


class KnownHeads:
    """The heads of requests that came whole, and what they were read as: clients ask in the same words again and again.

    Whether a head is one of these is told by its bytes, all of them; what they mean is uvicorn's reading of them. What
    comes only once is not worth more than its bytes: it is learned when it comes again.
    """

    def __init__(self) -> None:
        # Of a dict the first is found behind all that were there before it.
        self._known: OrderedDict[bytes, Known | None] = OrderedDict()
        # The end of a head is looked for by whoever asks.
        self.get = self._known.get

    def __len__(self) -> int:
        return sum(known is not None for known in self._known.values())

    def learn(self, heard: bytes, length: int, cycle: RequestResponseCycle) -> None:
        """Remember the head of a request, unless there is anything about it that is to be looked at each time.

        Args:
            heard: the head.
            length: of all that came, in bytes.
            cycle: what uvicorn read it as.
        """
        scope: Any = cycle.scope
        if not scope["path"].startswith("/api/") or len(heard) > LONGEST_HEAD:
            return
        if heard not in self._known:
            if len(self._known) >= MOST_HEADS:
                self._known.popitem(last=False)
            self._known[heard] = None
            return
        # The list in the scope is anybody's to change.
        kept = {**scope, "headers": list(scope["headers"])}
        # The application does not read it again.
        head = scope[HEAD] = kept[HEAD] = Head(kept)
        if cycle.keep_alive and not head.waits_to_send and length == len(heard) + head.length:
            self._known[heard] = Known(length, kept)


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


class Exchange(RequestResponseCycle):
    """A request that came whole and its answer, where the head is a known one: uvicorn's own, made in fewer steps.

    Args:
        protocol: the connection.
        scope: the ASGI scope.
        body: the body.
    """

    logger = logging.getLogger("uvicorn.error")
    access_log = False
    keep_alive = True
    disconnected = False
    waiting_for_100_continue = False
    more_body = False
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0

    def __init__(self, protocol: "PromptAnswers", scope: Any, body: bytes) -> None:
        self.scope = scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.default_headers = protocol.server_state.default_headers
        self.on_response = protocol.on_response_complete
        self.send = protocol.channel  # type: ignore[method-assign]
        self._unread: bytes | None = body

    @cached_property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Set when there is something to receive. Most never wait for it."""
        return asyncio.Event()

    async def receive(self) -> Any:
        body, self._unread = self._unread, None
        if body is None or self.disconnected:
            return await super().receive()
        return {"type": "http.request", "body": body, "more_body": False}


class PromptAnswers(ReadableHeads):
    """The same, answering what has arrived whole at once: outside a task, in one piece, and without a new timer.

    Each of the three costs more than most answers do (docs/performance.md).
    """

    # One for all connections of a server.
    outgoing: Outgoing
    heads: KnownHeads
    # What is answered as soon as all is parsed that has arrived.
    _due: tuple[RequestResponseCycle, Any] | None = None
    _is_under_way = False
    # When the latest answer went out, in seconds on the loop's clock; None while one is due.
    _idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.channel = Channel(self)
        self.of_connection = {"client": self.client, "server": self.server, "scheme": self.scheme}

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.send = self.channel  # type: ignore[method-assign]
        self.answering = cycle
        if self._is_under_way:
            self._due = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        self.outgoing.send_before(self.transport)
        self._idle_since = None
        is_first = self._is_between and self._is_answered
        heard = data[: data.find(END_OF_HEAD) + len(END_OF_HEAD)] if is_first else b""
        known = self.heads.get(heard)
        if known is not None and len(data) == known.length:
            scope = {**known.scope, **self.of_connection, "state": self.app_state.copy()}
            scope["headers"] = list(scope["headers"])
            self.cycle = self.answering = Exchange(self, scope, data[len(heard) :])
            self._answer(self.cycle, self.app)
            return
        self._is_under_way = True
        super().data_received(data)
        if is_first and self._is_between and self._due is not None:
            self.heads.learn(heard, len(data), self._due[0])
        while self._due is not None:
            self._answer_due(*self._due)
        self._is_under_way = False

    @property
    def _is_answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def eof_received(self) -> None:
        self.outgoing.send_before(self.transport)
        super().eof_received()

    def shutdown(self) -> None:
        self.outgoing.send_before(self.transport)
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        # What came whole in front of it has an answer of its own.
        while self._due is not None and not self._due[0].more_body:
            self._answer_due(*self._due)
        self.outgoing.send_before(self.transport)
        # That may have been the last one of the connection.
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _answer_due(self, cycle: RequestResponseCycle, app: Any) -> None:
        # Of several that came in one go, the next one may be due when this one is answered.
        self._due = None
        self.outgoing.send_before(self.transport)
        self._answer(cycle, app)

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
        if self.pipeline:
            # Nothing more is read until all of these are answered, or one of them waits for the rest of its body.
            self._start_asgi_task(*self.pipeline.pop())
            return
        self.flow.resume_reading()
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

    __slots__ = ("_first_lines", "_protocol")

    def __init__(self, protocol: PromptAnswers) -> None:
        self._protocol = protocol
        # What every answer says.
        self._first_lines = b"".join([b"%b: %b\r\n" % pair for pair in protocol.server_state.default_headers])

    def __call__(self, message: Any) -> Coroutine[Any, Any, None]:
        cycle = self._protocol.answering
        assert cycle is not None
        if not cycle.response_started and "headers" in message:
            # uvicorn would say its own besides, where a planned fault says Server.
            said = {name.lower() for name, _ in message["headers"]}
            cycle.default_headers = [pair for pair in cycle.default_headers if pair[0] not in said]
        return RequestResponseCycle.send(cycle, message)

    def whole(self, status: int, lines: bytes, body: bytes) -> bool:
        """Send an answer in one piece, unless there is anything about the connection that uvicorn should look at.

        Args:
            status: the status.
            lines: the headers as they are on the wire. They are well formed, and tell the length of the body.
            body: the body.
        """
        protocol = self._protocol
        cycle = protocol.answering
        assert cycle is not None
        if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
            return False
        last_line = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        head = b"".join((STATUS_LINE[status], self._first_lines, lines, last_line))
        answer = (head, body) if len(body) > LARGE else (head + body,)
        cycle.response_started = cycle.response_complete = True
        if len(protocol.connections) > 1 and cycle.keep_alive:
            protocol.outgoing.put(protocol.transport, answer, protocol.loop)
        else:
            # Nobody else waits for an answer, or this is the last one.
            protocol.outgoing.send_before(protocol.transport)
            protocol.transport.writelines(answer)
        if "message_event" in vars(cycle):
            cycle.message_event.set()
        if not cycle.keep_alive:
            protocol.transport.close()
        cycle.on_response()
        return True
