"""A redirect refuses at once what it cannot redirect, and names the mock; no request reaches the real hosts."""

import asyncio
import http.client
import re
import smtplib
import socket
import ssl
import sys
import xmlrpc.client
from collections.abc import Awaitable, Callable
from contextlib import suppress
from socket import getaddrinfo as imported_before
from typing import Any, Final

import anyio
import pytest
import requests
import trio
import uvloop
from support.child_clients import Outside
from support.child_clients import outside as outside
from support.clients import CLIENTS, ON_ASYNCIO, ON_UVLOOP, Options
from support.event_loops import Runtime

from mockscope import LiveServer, MockSite, VendorHostRefused

HOST: Final = "app.periscopedata.com"
ADDRESS: Final = (HOST, 443)
SPELLINGS: Final = (HOST, "api.periscopedata.com", "APP.PeriscopeData.com", "app.periscopedata.com.")
# The interpreter looks up the same for these; clients refuse most of them.
FOREIGN_SPELLINGS: Final = (
    "app\u3002periscopedata\u3002com",
    "\uff41pp.periscopedata.com",
    "APP\uff0ePeriscopedata.com\uff0e",
)


def refusal(site: MockSite) -> str:
    return (
        f"mockscope refused a connection to {HOST}: a redirect to {site.url} is active, and it does not support "
        "this client or port. Nothing was sent. Use requests, urllib3, urllib, http.client, httpx, httpx2 or aiohttp "
        f"on port 80 or 443, or use {site.url} (server.url) instead of the vendor's URL."
    )


def with_socket(use: Callable[[socket.socket], object], kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(1)
        use(sock)


def speak_tls_on_a_socket() -> None:
    """Wrap a connected socket in TLS, as a client does behind a proxy."""
    here, there = socket.socketpair()
    with here, there:
        ssl.create_default_context().wrap_socket(here, server_hostname=HOST, do_handshake_on_connect=False)


def speak_tls_in_memory() -> None:
    ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=HOST)


class OwnConnection(http.client.HTTPSConnection):
    """A connection that opens itself before there is a request, as in httplib2."""

    def connect(self) -> None:
        self.sock = socket.create_connection((self.host, self.port), 1)


class OwnTunnel(http.client.HTTPSConnection):
    """A connection that asks a proxy for the vendor's host by itself."""

    def connect(self) -> None:
        here, there = socket.socketpair()
        with there:
            here.settimeout(1)
            self.sock = here
            self._tunnel()  # type: ignore[attr-defined]


def ask_own_tunnel() -> None:
    connection = OwnTunnel("proxy.example")
    connection.set_tunnel(HOST)
    try:
        connection.connect()
    finally:
        connection.close()


WAYS: Final[dict[str, Callable[[], object]]] = {
    "create_connection": lambda: socket.create_connection(ADDRESS),
    "getaddrinfo": lambda: socket.getaddrinfo(HOST, 443),
    "getaddrinfo by name": lambda: socket.getaddrinfo(host=HOST.encode(), port=443),
    # It would look up nothing even if it were let through.
    "getaddrinfo imported before": lambda: imported_before(HOST, 443, flags=socket.AI_NUMERICHOST),
    "gethostbyname": lambda: socket.gethostbyname(HOST),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex(HOST),
    "gethostbyaddr": lambda: socket.gethostbyaddr(HOST),
    "connect": lambda: with_socket(lambda sock: sock.connect(ADDRESS)),
    "connect_ex": lambda: with_socket(lambda sock: sock.connect_ex(ADDRESS)),
    "sendto": lambda: with_socket(lambda sock: sock.sendto(b"?", ADDRESS), socket.SOCK_DGRAM),
    "sendmsg": lambda: with_socket(lambda sock: sock.sendmsg([b"?"], [], 0, ADDRESS), socket.SOCK_DGRAM),
    "TLS on a socket": speak_tls_on_a_socket,
    "TLS in memory": speak_tls_in_memory,
    "a connection of its own": lambda: OwnConnection(HOST).connect(),
    "a tunnel of its own": ask_own_tunnel,
    "another protocol": lambda: smtplib.SMTP(HOST, 443),
    "another port": lambda: http.client.HTTPSConnection(HOST, 8443).request("GET", "/"),
    "xmlrpc on another port": lambda: xmlrpc.client.ServerProxy(f"https://{HOST}:8443/").system.listMethods(),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_connection_that_cannot_be_redirected_is_refused(
    way: Callable[[], object], mockscope_redirect: MockSite, outside: Outside
) -> None:
    with pytest.raises(VendorHostRefused, match=f"^{re.escape(refusal(mockscope_redirect))}$"):
        way()

    assert outside.connections == 0


# -- the same on event loops -----------------------------------------------------------------------------------


async def connect_socket() -> None:
    with socket.socket() as sock:
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, ADDRESS)


LOOP_WAYS: Final[dict[str, Callable[[], Awaitable[object]]]] = {
    "open_connection": lambda: asyncio.open_connection(HOST, 443),
    "open_connection with TLS": lambda: asyncio.open_connection(HOST, 443, ssl=True),
    "create_connection": lambda: asyncio.get_running_loop().create_connection(asyncio.Protocol, host=HOST, port=443),
    "create_datagram_endpoint": lambda: asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=ADDRESS
    ),
    "getaddrinfo": lambda: asyncio.get_running_loop().getaddrinfo(HOST, 443),
    "sock_connect": connect_socket,
    "anyio": lambda: anyio.connect_tcp(HOST, 443),
}


@pytest.mark.parametrize("runtime", [ON_ASYNCIO, ON_UVLOOP], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("way", LOOP_WAYS.values(), ids=LOOP_WAYS.keys())
def test_an_event_loop_connection_that_cannot_be_redirected_is_refused(
    way: Callable[[], Awaitable[object]], runtime: Runtime, mockscope_redirect: MockSite, outside: Outside
) -> None:
    async def go() -> None:
        await way()

    with runtime() as run, pytest.raises(VendorHostRefused, match=f"^{re.escape(refusal(mockscope_redirect))}$"):
        run(go)

    assert outside.connections == 0


@pytest.mark.parametrize("way", [trio.open_tcp_stream, trio.open_ssl_over_tcp_stream, trio.socket.getaddrinfo])
def test_a_trio_connection_that_cannot_be_redirected_is_refused(
    way: Callable[..., Awaitable[object]], mockscope_redirect: MockSite, outside: Outside
) -> None:
    async def go() -> None:
        await way(HOST, 443)

    with pytest.raises(VendorHostRefused, match=f"^{re.escape(refusal(mockscope_redirect))}$"):
        trio.run(go)

    assert outside.connections == 0


# -- how a refusal shows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLIENTS)
def test_another_port_of_a_vendor_host_is_refused_with_the_reason_in_every_client(
    name: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    with CLIENTS[name].open(Options()) as ask, pytest.raises(Exception, match=r"\(server\.url\)") as caught:
        ask("GET", f"https://{HOST}:8443/api/v1/users", mockscope_redirect.headers, None)

    assert f"mockscope refused a connection to {HOST}: " in str(caught.value)
    assert outside.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("port", [1, 79, 80, 81, 442, 443, 444, 8080, 8443, 65535])
def test_only_ports_80_and_443_are_redirected(
    port: int, scheme: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    led = []
    for name in ("requests", "httpx", "aiohttp on asyncio"):
        with CLIENTS[name].open(Options()) as ask, suppress(Exception):
            led.append(ask("GET", f"{scheme}://{HOST}:{port}/api/v1/users", mockscope_redirect.headers, None).status)

    assert led == ([200, 200, 200] if port in (80, 443) else [])
    assert (len(mockscope_redirect.calls), outside.connections) == (len(led), 0)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_vendor_host_is_redirected_or_refused(
    spelling: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    assert requests.get(f"https://{spelling}/api/v1/users", headers=mockscope_redirect.headers).status_code == 200
    for name in (spelling, spelling.encode()):
        with pytest.raises(VendorHostRefused):
            socket.getaddrinfo(name, 443)

    assert outside.connections == 0


@pytest.mark.usefixtures("mockscope_redirect")
@pytest.mark.parametrize("spelling", FOREIGN_SPELLINGS)
def test_a_spelling_with_unicode_letters_and_dots_is_refused(spelling: str, outside: Outside) -> None:
    for way in (lambda: socket.getaddrinfo(spelling, 443), lambda: socket.create_connection((spelling, 443))):
        with pytest.raises(VendorHostRefused, match=HOST):
            way()

    assert outside.connections == 0


@pytest.mark.usefixtures("mockscope_redirect")
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_connections_that_bypass_python_s_sockets_are_refused_by_the_audit_hook(event: str) -> None:
    # The interpreter does this for methods of _socket.socket. A real call would first ask the machine's resolver.
    with socket.socket() as sock, pytest.raises(VendorHostRefused, match=HOST):
        sys.audit(event, sock, ADDRESS)


def test_the_refusal_is_an_os_error_like_those_of_look_ups(mockscope_redirect: MockSite) -> None:
    with pytest.raises(OSError, match="Nothing was sent") as caught:
        socket.create_connection(ADDRESS)

    assert isinstance(caught.value, ConnectionError)


@pytest.mark.usefixtures("mockscope_redirect")
@pytest.mark.parametrize("host", ["www.periscopedata.com", "app.periscopedata.com.example", "xapp.periscopedata.com"])
def test_a_host_that_resembles_the_vendor_s_is_passed(host: str, outside: Outside) -> None:
    with socket.create_connection((host, 80)):
        assert socket.getaddrinfo(host, 80)

    with socket.create_connection(("localhost", outside.ports[80])):
        pass


@pytest.mark.usefixtures("mockscope_redirect")
@pytest.mark.parametrize("host", [None, "localhost", b"127.0.0.1", "::1"])
def test_other_types_of_host_arguments_are_passed_on(host: Any) -> None:
    assert socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM) is not None


def test_nothing_is_refused_outside_a_redirect(mockscope_server: LiveServer, outside: Outside) -> None:
    with mockscope_server.redirect():
        pass

    socket.create_connection((HOST, 80)).close()
    socket.create_connection((HOST, 443)).close()
    with pytest.raises(socket.gaierror):
        imported_before(HOST, 443, flags=socket.AI_NUMERICHOST)


@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
def test_event_loops_still_connect_to_other_hosts(
    loop: Callable[[], asyncio.AbstractEventLoop], mockscope_redirect: MockSite, outside: Outside
) -> None:
    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("www.periscopedata.com", 80)
        writer.write(b"GET / HTTP/1.1\r\nHost: www.periscopedata.com\r\n\r\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(ask()) == b"HTTP/1.1 200 OK\r\n"
    assert outside.asked == ["GET / at www.periscopedata.com"]
