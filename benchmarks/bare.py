"""The reference of all ratios: an ASGI application with the same response of 300 bytes to every request."""

from starlette.types import Receive, Scope, Send

BODY = b'{"filler": "' + b"x" * 286 + b'"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
