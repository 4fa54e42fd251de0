"""The stand-in for the vendor's hosts in these tests: a server on loopback that counts requests.

The fixture goes round the look-up of names and the opening of connections before any redirect does, so whatever a
redirect lets through ends here, and never at the vendor's.
"""

import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
import uvloop

from support.bounds import join
from support.clients import Trust

# The address that names resolve to. Nothing listens there: connections go to the stand-in's real ports.
ADDRESS: Final = "127.0.0.77"
# All names that these tests speak of.
NAMES: Final = (
    *("app.periscopedata.com", "api.periscopedata.com"),
    *("www.periscopedata.com", "app.periscopedata.com.example", "xapp.periscopedata.com", "other.example"),
)
# For a Python of its own: were a client to go its own way, it would fail here, before any name is resolved.
GUARD: Final = """
import sys

def guard(event, arguments):
    if event == "socket.getaddrinfo" and "periscopedata" in str(arguments[0]):
        raise RuntimeError(f"{arguments[0]} was to be resolved, past the proxy")

sys.addaudithook(guard)
"""
BODY: Final = b'{"server": "the one outside"}'


class Outside:
    """The stand-in: its requests, and the number of its connections."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.connections = 0
        self.ports: dict[int, int] = {}

    def url(self, scheme: str = "http") -> str:
        """Return the stand-in's own URL, which is not redirected."""
        return f"{scheme}://127.0.0.1:{self.ports[443 if scheme == 'https' else 80]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    outside: Outside

    def setup(self) -> None:
        self.outside.connections += 1
        super().setup()

    def respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.outside.asked.append(f"{self.command} {self.path} at {self.headers['Host']}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    do_GET = do_POST = do_CONNECT = respond

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Do nothing: a client that disconnects is not an error."""


@contextmanager
def serving(outside: Outside, context: ssl.SSLContext | None) -> Iterator[int]:
    server = Server(("127.0.0.1", 0), type("Counting", (Handler,), {"outside": outside}))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        join(thread)


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def certified() -> ssl.SSLContext:
    """Return a server's context with a certificate for all names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*NAMES).configure_cert(context)
    return context


def leads_outside(host: object) -> bool:
    if isinstance(host, bytes | bytearray):
        host = host.decode()
    if isinstance(host, str) and not host.isascii():
        host = host.encode("idna").decode()
    return isinstance(host, str) and host.lower().removesuffix(".") in (*NAMES, ADDRESS)


def looking_up(real: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        return real(ADDRESS if leads_outside(host) else host, *args, **options)

    return getaddrinfo


def looking_up_on_a_loop(real: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(loop: Any, host: Any, *args: Any, **options: Any) -> Any:
        return real(loop, ADDRESS if leads_outside(host) else host, *args, **options)

    return getaddrinfo


def connecting(real: Callable[..., Any], outside: Outside) -> Callable[..., Any]:
    def connect(sock: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and leads_outside(address[0]):
            address = ("127.0.0.1", outside.ports.get(address[1], outside.ports[80]))
        return real(sock, address)

    return connect


def connecting_on_a_loop(real: Callable[..., Any], outside: Outside) -> Callable[..., Any]:
    def create_connection(loop: Any, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if leads_outside(host):
            host, port = "127.0.0.1", outside.ports.get(port, outside.ports[80])
        return real(loop, factory, host, port, **options)

    return create_connection


def connecting_a_socket_on_a_loop(real: Callable[..., Any], outside: Outside) -> Callable[..., Any]:
    def sock_connect(loop: Any, sock: socket.socket, address: Any) -> Any:
        if leads_outside(address[0]):
            address = ("127.0.0.1", outside.ports.get(address[1], outside.ports[80]))
        return real(loop, sock, address)

    return sock_connect


def staying_inside(*args: Any, **options: Any) -> Any:
    """Fail: this stands in for a function that would send something out."""
    raise AssertionError(f"this would have left: {args} {options}")


def reporting(event: str) -> Callable[[Any], Any]:
    """Return a function that raises the audit event of a look-up and resolves nothing."""

    def look_up(host: Any) -> None:
        sys.audit(event, host)
        staying_inside(host)

    return look_up


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """The stand-in for the vendor's hosts, and for all other hosts that are not on loopback."""
    found = Outside()
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    with ExitStack() as stack:
        found.ports = {
            80: stack.enter_context(serving(found, None)),
            443: stack.enter_context(serving(found, certified())),
        }
        monkeypatch.setattr(socket, "getaddrinfo", looking_up(socket.getaddrinfo))
        for name in ("gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
            monkeypatch.setattr(socket, name, reporting(f"socket.{name.removesuffix('_ex')}"))
        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, connecting(getattr(socket.socket, name), found))
        for name in ("sendto", "sendmsg"):
            monkeypatch.setattr(socket.socket, name, staying_inside)
        # asyncio's own loops come by the functions above.
        loop = uvloop.Loop
        monkeypatch.setattr(loop, "getaddrinfo", looking_up_on_a_loop(loop.getaddrinfo))
        monkeypatch.setattr(loop, "create_connection", connecting_on_a_loop(loop.create_connection, found))
        monkeypatch.setattr(loop, "create_datagram_endpoint", staying_inside)
        monkeypatch.setattr(loop, "sock_connect", connecting_a_socket_on_a_loop(loop.sock_connect, found))
        yield found


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """The trust that lets a client verify the stand-in."""
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    return Trust(file, ssl.create_default_context(cafile=str(file)))


def guarded_path(folder: Path) -> str:
    """Write the guard into a folder, and return a PYTHONPATH that loads it."""
    guard = folder / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD)
    return os.pathsep.join([str(guard), *filter(None, [os.environ.get("PYTHONPATH")])])
