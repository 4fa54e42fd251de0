"""An answer in JSON, that to a refusal included, and the way it goes out: whole, where the server lets it."""

from collections.abc import Callable
from typing import Final, Protocol

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mockscope import wire
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.entry import Entry
from mockscope.instruments.lines import Pairs, pairs_of

FIRST_LINES: Final = b"content-length: %d\r\ncontent-type: application/json; charset=utf-8\r\n"


class SendsWhole(Protocol):
    """An ASGI channel for answers that can take one whole. A wrapper's own channel can't, and sees every message."""

    def whole(self, status: int, lines: bytes, body: bytes) -> bool:
        """Send an answer in one piece, or return False: then it is to be sent as ever.

        Args:
            status: the status.
            lines: the headers as they are on the wire. They are well formed, and tell the length of the body.
            body: the body.
        """


class JSONAnswer(Response):
    """An answer in JSON (HTTP-1).

    Most say what they always say. ``lines`` is that, as it is on the wire; of the others ``raw_headers`` counts.

    Args:
        content: the body.
        status_code: the status.
    """

    # What Response would come to, without its look at what else a content and its headers might be.
    body: bytes
    background = None

    def __init__(self, content: bytes, status_code: int = 200) -> None:
        self.status_code = status_code
        self.body = content
        self.lines = FIRST_LINES % len(content)
        self._pairs: Pairs | None = None

    def __repr__(self) -> str:
        return f"<JSONAnswer {self.status_code}: {len(self.body)} bytes>"

    @property
    def raw_headers(self) -> Pairs:  # type: ignore[override]
        """Names and values. Whoever asks for them may put in anything, so that it is uvicorn's to look at them."""
        if self._pairs is None:
            self._pairs = pairs_of(self.lines)
        return self._pairs

    @property
    def headers(self) -> MutableHeaders:
        """The same, as Starlette has them."""
        return MutableHeaders(raw=self.raw_headers)

    def say(self, name: bytes, value: bytes) -> None:
        """Add a header of our own."""
        if self._pairs is None:
            self.lines += b"%b: %b\r\n" % (name, value)
        else:
            self._pairs.append((name, value))

    def leave_out_body(self) -> None:
        """Answer HEAD: with the headers of GET, its Content-Length included, and no body."""
        self._pairs, self.body = self.raw_headers, b""

    def note(self, entry: Entry) -> None:
        """Write down what the client is told."""
        entry.keep_answer(self.status_code, self.lines if self._pairs is None else self._pairs, self.body)

    def goes_whole(self, send: Send) -> bool:
        """Send it in one piece, where it is an answer like most, and the channel takes it so.

        Returns:
            Whether it did; if not, it is to be sent as ever.
        """
        channel: SendsWhole | None = send if self._pairs is None and hasattr(send, "whole") else None
        return channel is not None and channel.whole(self.status_code, self.lines, self.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def rendered(refused: Refused, shown: Callable[[str], str] = str) -> JSONAnswer:
    """The answer to a request that was refused (HTTP-1), with its message such as it may be shown."""
    response = JSONAnswer(wire.encode(wire.Message(shown(refused.message))), refused.status)
    if refused.refusal is Refusal.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = refused.values["allowed"]
    return response
