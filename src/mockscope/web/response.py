"""Responses in JSON, those to refused requests included."""

from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mockscope import codec
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.call import Call

SERVER_HEADER: Final = (b"server", b"mockscope")
JSON_CONTENT_TYPE: Final = (b"content-type", b"application/json; charset=utf-8")


class JSONResponse(Response):
    """A response in JSON (HTTP-1).

    Args:
        content: The encoded body.
        status_code: The status.
    """

    body: bytes
    background = None

    def __init__(self, content: bytes, status_code: int = 200) -> None:
        # Response.__init__ would also handle other contents, media types and cookies.
        self.status_code = status_code
        self.body = content
        self.raw_headers = [SERVER_HEADER, (b"content-length", b"%d" % len(content)), JSON_CONTENT_TYPE]

    def __repr__(self) -> str:
        return f"<JSONResponse {self.status_code}: {len(self.body)} bytes>"

    def store_in(self, call: Call) -> None:
        """Store the sent response in a call."""
        call.store_response(self.status_code, self.raw_headers, self.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def render_last_response(status: str, message: str) -> bytes:
    """Return the bytes of a refusal after which the connection is closed (HTTP-1).

    Args:
        status: The status code and the reason phrase.
        message: The message in the body.
    """
    body = codec.encode(codec.Message(message))
    head = f"HTTP/1.1 {status}\r\nserver: mockscope\r\ncontent-type: application/json; charset=utf-8\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


def render_refusal(refused: Refused, redact: Callable[[str], str] = str) -> JSONResponse:
    """Return the response to a refused request (HTTP-1), with its message redacted by ``redact``."""
    response = JSONResponse(codec.encode(codec.Message(redact(refused.message))), refused.status)
    if refused.refusal is Refusal.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = refused.values["allowed"]
    return response
