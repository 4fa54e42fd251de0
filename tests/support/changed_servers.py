"""A mock that breaks the contract in a few ways, and the command that finds them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

import mockscope
from support.bounds import WAIT_SECONDS

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
# The environment that commands start from: nothing in it is about mockscope, or about a proxy.
PLAIN: Final = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("MOCKSCOPE_", "SCHEMATHESIS_")) and not name.upper().endswith("_PROXY")
}


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``mockscope contract`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mockscope", "contract", *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
        env=PLAIN | environment,
    )


class Fork:
    """The mock with some of its responses broken. It sends no hints."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        headers = {name: value for name, value in sent[0]["headers"] if name.lower() != b"x-mockscope-hint"}
        body = json.loads(b"".join(message.get("body", b"") for message in sent[1:]) or b"{}")
        status, body = broken(scope, sent[0]["status"], headers, body)
        content = json.dumps(body).encode() if scope["method"] != "HEAD" else b""
        headers[b"content-length"] = b"%d" % len(content)
        await send({"type": "http.response.start", "status": status, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": content})


def broken(scope: Scope, status: int, headers: dict[bytes, bytes], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return status and body of the fork's response: the mock's, broken in some cases."""
    match scope["method"], scope["path"].startswith(GROUPS), status:
        case "GET", False, 200:
            # A key is missing.
            for user in body.get("users", [body]):
                del user["tfa_enabled"]
        case "POST", True, 201:
            # It crashes, and its message repeats the credentials.
            credentials = dict(scope["headers"])[b"http-x-partner-auth"].decode()
            return 500, {"message": f"crashed while serving {credentials}"}
        case "PUT", True, 200:
            # A status that is not documented.
            return 202, body
        case "DELETE", False, 200:
            # Another content type.
            headers[b"content-type"] = b"text/plain"
    return status, body


@contextmanager
def forked(seed: dict[str, Any]) -> Iterator[mockscope.LiveServer]:
    """Run the fork on a server."""
    server = mockscope.LiveServer(seed)
    server.app.add_middleware(Fork)
    with server:
        yield server
