"""Clients for tests of calls: one sends a request, the other sends half of one and keeps the rest."""

import json
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing
from http.client import HTTPConnection
from threading import Event
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import pytest

import mockscope
from support.bounds import WAIT_SECONDS

USERS = "/api/v1/users"
GROUPS = "/api/v1/groups"

PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "admin@example.com",
}

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class RawResponse(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def send(url: str, method: str, target: str, headers: Headers = (), body: Any = None) -> RawResponse:
    """Send one request on a connection of its own. A body that is not bytes is sent as JSON."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=WAIT_SECONDS)) as connection:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            connection.putheader(name, value)
        if content is not None:
            connection.putheader("Content-Length", str(len(content)))
            connection.putheader("Content-Type", "application/json")
        connection.endheaders(content)
        response = connection.getresponse()
        return RawResponse(response.status, dict(response.getheaders()), response.read())


def send_to(
    site: mockscope.MockSite, method: str, target: str, body: Any = None, *, email: str | None = None
) -> RawResponse:
    """Send a request with the credentials of a site."""
    named = {} if email is None else {"Http-X-Email": email}
    return send(site.url, method, target, site.headers | named, body)


class Half:
    """A request with half of its body sent, so that the server waits for the rest."""

    def __init__(self, site: mockscope.MockSite, body: Mapping[str, object] = PHOEBE) -> None:
        content = json.dumps(body).encode()
        address = urlsplit(site.url)
        self.first, self._rest = content[:20], content[20:]
        self._socket = socket.create_connection((str(address.hostname), address.port or 0), WAIT_SECONDS)
        head = [
            f"POST {USERS} HTTP/1.1",
            "Host: mockscope",
            *(f"{name}: {value}" for name, value in site.headers.items()),
            f"Content-Length: {len(content)}",
            "Content-Type: application/json",
            # The server sends 100 when it begins to read: then the call has been received.
            "Expect: 100-continue",
        ]
        self._socket.sendall("\r\n".join([*head, "", ""]).encode())
        assert self._socket.recv(100).startswith(b"HTTP/1.1 100")
        self._socket.sendall(self.first)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def finish(self) -> bytes:
        """Send the rest, and return the status line of the response."""
        self._socket.sendall(self._rest)
        return self._socket.recv(1000).partition(b"\r\n")[0]

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()


def announcing(call_log: object, monkeypatch: pytest.MonkeyPatch) -> Event:
    """Return an event that is set when a thread begins to wait for open calls of a call log."""
    waiting = Event()
    # There is no public sign that a thread waits.
    condition = call_log._changed  # type: ignore[attr-defined]
    wait = condition.wait

    def announced(timeout: float) -> bool:
        # The lock is held until the real wait lets go of it, so nobody can tell too early.
        waiting.set()
        return bool(wait(timeout))

    monkeypatch.setattr(condition, "wait", announced)
    return waiting
