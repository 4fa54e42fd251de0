"""A proxy that responds for the vendor's hosts itself, and refuses or passes requests for other hosts.

It opens and relays connections. The HTTP protocol of the server responds to the requests.
"""

import asyncio
import re
import socket
import ssl
from collections import Counter
from functools import partial
from ipaddress import ip_address
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from mockscope._support.addresses import is_loopback
from mockscope._vendor import VENDOR_HOSTS
from mockscope.server.listeners import Listener, abort_connections, copy_socket
from mockscope.web import fault_injection
from mockscope.web.response import render_last_response

Others = Literal["refuse", "pass"]

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HOST_LENGTH: Final = 253
MAX_COUNTED_HOSTS: Final = 1_000
HEAD_SECONDS: Final = 30
# How long a client may keep its side of a connection open after an error.
CLOSE_SECONDS: Final = 30
HTTP_PORT: Final = 80
DEFAULT_PORTS: Final = {"http": HTTP_PORT, "https": 443}

# The first byte of a method (RFC 9110, 5.6.2). TLS and SOCKS begin with others.
METHOD_START: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")
END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
REQUEST_LINE: Final = re.compile(rb"([!-~]+) ([!-~]+) (HTTP/1\.[01])\r\n")
HOST_NAME: Final = re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}", re.ASCII)
# Headers that are for the proxy alone (RFC 9110, 7.6.1).
HOP_BY_HOP: Final = re.compile(rb"(?im)^(?:proxy-connection|proxy-authorization|connection|keep-alive):[^\n]*\n")
# An interim response, which may come before the final one (RFC 9110, 15.2).
INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1.*?\r\n\r\n", re.DOTALL)
USAGE: Final = "This is a proxy: ask it for absolute http:// URLs or with CONNECT, one connection for each request."
ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
LOOPBACK_REFUSED: Final = "clients on other machines can't reach loopback through this proxy"


class Proxy(Listener):
    """A proxy on a port. Each connection is an object of its own.

    Args:
        context: the certificate for the vendor's hosts.
        others: whether other hosts are refused or passed. Loopback always passes for clients on this machine.
    """

    def __init__(self, context: ssl.SSLContext, *, others: Others = "refuse") -> None:
        super().__init__(context)
        self.others = others
        # The number of refused requests by host, and of failed TLS handshakes by vendor host.
        self.refused_hosts: Counter[str] = Counter()
        self.handshake_failures: Counter[str] = Counter()
        self.transports: set[asyncio.Transport] = set()

    def protocol(self) -> asyncio.Protocol:
        return ClientConnection(self)

    async def close(self) -> None:
        await self.stop_listening()
        await abort_connections(lambda: self.transports)
        await super().close()

    def hand_over(self, transport: asyncio.Transport, received: bytes = b"") -> None:
        """Pass a connection to the HTTP protocol.

        Args:
            transport: the connection.
            received: the bytes that were already read from it.
        """
        self.transports.discard(transport)
        protocol = self._new_protocol()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if received:
            protocol.data_received(received)
        if not transport.is_closing():
            transport.resume_reading()


def count_name(names: Counter[str], name: str) -> None:
    """Count a name. Names beyond the first thousand count together."""
    names[name if name in names or len(names) < MAX_COUNTED_HOSTS else "other hosts"] += 1


class ProxyTarget(NamedTuple):
    """The host and port that a request is for, and the head to send there."""

    host: str
    port: int
    is_tunnel: bool
    needs_tunnel: bool
    head: bytes

    @property
    def name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, head: bytes) -> "ProxyTarget":
        """Parse the head of a request to a proxy.

        Raises:
            ValueError: If it is not one, or its host or port is not valid.
        """
        match = REQUEST_LINE.match(head)
        if match is None or not head.endswith(b"\r\n\r\n"):
            raise ValueError(USAGE)
        method, url, version = (part.decode() for part in match.groups())
        is_tunnel = method == "CONNECT"
        parts = urlsplit(f"//{url}" if is_tunnel else url)
        port = DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
        if not parts.hostname or port is None or parts.scheme not in ([""] if is_tunnel else DEFAULT_PORTS):
            raise ValueError(USAGE)
        host = parts.hostname.removesuffix(".")
        if ":" not in host and (len(host) > MAX_HOST_LENGTH or HOST_NAME.fullmatch(host) is None):
            raise ValueError("The host in the request is not valid.")
        if port == 0:
            raise ValueError("Port out of range 1-65535")
        target = url.partition("://")[2][len(parts.netloc) :].partition("#")[0]
        slash = "" if target.startswith("/") else "/"
        # Each request may be for another host, so each has a connection of its own.
        line = f"{method} {slash}{target} {version}\r\nConnection: close\r\n"
        sent_head = line.encode() + HOP_BY_HOP.sub(b"", head[match.end() :])
        return cls(host, port, is_tunnel, parts.scheme == "https", sent_head)


def reaches_loopback(address: str) -> bool:
    """Return whether a connection to an address stays on this machine. The unspecified address leads to loopback."""
    parsed = ip_address(address)
    return is_loopback(address) or (getattr(parsed, "ipv4_mapped", None) or parsed).is_unspecified


class ProxiedConnection(asyncio.Protocol):
    """A connection that the proxy handles."""

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    # Sockets have an asyncio.Transport; the base class allows for pipes too.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.proxy.transports.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.transports.discard(self.transport)


class ClientConnection(ProxiedConnection):
    """A connection from a client, until its first request is parsed."""

    _received = b""
    _is_refused = False

    @property
    def is_local(self) -> bool:
        """Return whether the client is on this machine."""
        return is_loopback(self.transport.get_extra_info("peername")[0])

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        later = asyncio.get_running_loop().call_later
        self._timer = later(HEAD_SECONDS, self._refuse, 408, f"No request came within {HEAD_SECONDS} seconds.")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._received += data
        end = END_OF_HEAD.search(self._received)
        length = end.end() if end else len(self._received)
        if length > MAX_HEAD_BYTES:
            status, part = (431, "head") if b"\n" in self._received[:MAX_HEAD_BYTES] else (414, "first line")
            self._refuse(status, f"The {part} of the request is longer than {MAX_HEAD_BYTES} bytes.")
        elif end is not None or not METHOD_START.match(self._received):
            self._respond(length if end else 0)

    def _respond(self, length: int) -> None:
        head, rest = self._received[:length], self._received[length:]
        try:
            target = ProxyTarget.parse(head)
            # A request for an https URL must not leave in clear text.
            if (target.is_tunnel and rest) or (target.needs_tunnel and target.host not in VENDOR_HOSTS):
                raise ValueError(USAGE)
        except ValueError as error:
            self._refuse(400, str(error))
            return
        self._timer.cancel()
        self.transport.pause_reading()
        if target.host not in VENDOR_HOSTS:
            self.proxy.spawn(self._relay(target, rest))
        elif target.is_tunnel:
            self.proxy.spawn(self._answer_in_tunnel(target))
        else:
            self.proxy.hand_over(self.transport, target.head + rest)

    async def _answer_in_tunnel(self, target: ProxyTarget) -> None:
        self.transport.write(ESTABLISHED)
        if target.port == HTTP_PORT:
            self.proxy.hand_over(self.transport)
        else:
            # A copy of the socket, because TLS on the transport could lose what arrives with the end of the handshake.
            copy = copy_socket(self.transport)
            self.transport.close()
            if not await self.proxy.start_tls(copy):
                count_name(self.proxy.handshake_failures, target.name)

    async def _relay(self, target: ProxyTarget, rest: bytes) -> None:
        try:
            upstream = await self._open_connection(target)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            self._refuse(502, f"mockscope can't reach {target.name}: {reason}")
            return
        if upstream is None:
            count_name(self.proxy.refused_hosts, target.name)
            hint = LOOPBACK_REFUSED if self.proxy.others == "pass" else "--proxy-others pass would let it through"
            self._refuse(403, f"mockscope refuses {target.name}: {hint}")
            return
        if self.transport.is_closing():
            upstream.transport.close()
            return
        client_side = Relay(self.proxy, upstream.transport)
        client_side.transport = self.transport
        self.transport.set_protocol(client_side)
        if target.is_tunnel:
            self.transport.write(ESTABLISHED)
        else:
            upstream.transport.write(target.head + rest)
        self.transport.resume_reading()

    async def _open_connection(self, target: ProxyTarget) -> "Relay | None":
        """Connect to another host, or return None if this client must not reach it.

        Raises:
            OSError, UnicodeError: If it can't be reached.
        """
        if self.proxy.others == "refuse" and not (self.is_local and is_loopback(target.host)):
            return None
        loop = asyncio.get_running_loop()
        error: OSError | None = None
        for *_, address in await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM):
            host = str(address[0])
            # A client from the network must not reach servers on loopback through this port.
            if self.is_local or not reaches_loopback(host):
                side = Relay if target.is_tunnel else UpstreamResponse
                try:
                    new_side = partial(side, self.proxy, self.transport)
                    return (await loop.create_connection(new_side, host, target.port))[1]
                except OSError as failure:
                    error = failure
        if error is not None:
            raise error
        return None

    def _refuse(self, status: int, message: str) -> None:
        self._timer.cancel()
        if self.transport.is_closing():
            return
        # The reason phrase holds the message too: most clients show nothing else of a CONNECT that failed.
        self.transport.write(render_last_response(f"{status} {message}", message))
        # Keep reading: closing the connection while the client sends would reset it, and might lose the response.
        self._is_refused = True
        self.transport.write_eof()
        self.transport.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.transport.abort)


class Relay(ProxiedConnection):
    """One side of a relayed connection. It sends all received bytes to the other side."""

    def __init__(self, proxy: Proxy, other: asyncio.Transport) -> None:
        super().__init__(proxy)
        self._other = other

    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    def eof_received(self) -> bool:
        # The other direction stays open: some clients end their request in this way.
        if self._other.is_closing() or not self._other.can_write_eof():
            return False
        self._other.write_eof()
        return True

    def pause_writing(self) -> None:
        self._other.pause_reading()

    def resume_writing(self) -> None:
        self._other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if isinstance(exc, ConnectionResetError):
            fault_injection.Connection(self._other).reset()
        else:
            self._other.close()


class UpstreamResponse(Relay):
    """The connection to a host that got one request. Its response is the last one on the connection."""

    _head: bytes | None = b""

    def data_received(self, data: bytes) -> None:
        if self._head is None:
            super().data_received(data)
            return
        self._head += data
        while self._head and (interim := INTERIM.match(self._head)):
            super().data_received(interim[0])
            self._head = self._head[interim.end() :]
        line, end, rest = self._head.partition(b"\r\n")
        if end and not line.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):
            self._head = None
            # Not every server sends this header. Without it the client would use the connection again.
            super().data_received(line + end + b"Connection: close\r\n" + rest)
