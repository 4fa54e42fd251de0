"""A proxy that answers for the vendor's hosts itself, and refuses or passes all others.

Connections are opened and relayed here; what is answered on them is the business of the protocol that it is given.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
from collections import Counter
from ipaddress import ip_address
from typing import Final, Literal, NamedTuple

from mockscope.gate import FAREWELL, PATIENCE, Connect, Gate
from mockscope.tls import VENDOR_HOSTS

Others = Literal["refuse", "pass"]

LONGEST_HEAD: Final = 65_536
END: Final = b"\r\n\r\n"
HTTP_PORT: Final = 80
CONNECT: Final = re.compile(rb"CONNECT (?:\[([^\]]+)\]|([^\s:\[\]]+)):(\d{1,5}) HTTP/1\.[01]\r\n")
ABSOLUTE: Final = re.compile(
    rb"(\S+) https?://(?:[^/?#\s@]*@)?(?:\[([^\]]+)\]|([^\s:/?#\[\]]+))(?::(\d{1,5}))?"
    rb"([/?][^\s#]*)? (HTTP/1\.[01])\r\n",
    re.IGNORECASE,
)
# What a client says to its proxy alone (RFC 9110, 7.6.1).
TO_THE_PROXY: Final = re.compile(rb"(?im)^(?:proxy-connection|proxy-authorization|connection|keep-alive):[^\n]*\n")
# What may come before an answer (RFC 9110, 15.2).
INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1.*?\r\n\r\n", re.DOTALL)
# Closing with this option set sends RST: on, and no time to linger.
AT_ONCE: Final = struct.pack("ii", 1, 0)


class Proxy(Gate):
    """A proxy on a port; each connection is an object of its own.

    Args:
        context: the certificate that it shows for the vendor's hosts.
        others: whether other hosts are refused or passed. Loopback always passes for who is on this machine.
    """

    def __init__(self, context: ssl.SSLContext, *, others: Others = "refuse") -> None:
        super().__init__(context)
        self.others = others
        # How often which other host was refused, and which of the vendor's hosts a client did not believe.
        self.refused: Counter[str] = Counter()
        self.doubted: Counter[str] = Counter()
        self.transports: set[asyncio.Transport] = set()

    async def open(self, listener: socket.socket, connect: Connect, *, backlog: int) -> None:
        self._connect = connect
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), sock=listener, backlog=backlog)

    async def close(self) -> None:
        self._server.close()
        # A connection that was just accepted is made known a step later.
        for _ in range(3):
            for transport in list(self.transports):
                transport.abort()
            await asyncio.sleep(0)
        await super().close()

    def take(self, client: "_Client", target: "_Target | None", rest: bytes) -> None:
        """See to a client that said where it wants to go."""
        self._spawn(client.go(target, rest))

    async def secure(self, transport: asyncio.Transport) -> bool:
        """Put TLS on a connection that is not being read, and hand it over. False: the client gave up on it."""
        waiting = _Waiting()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                waiting,
                self.context,
                server_side=True,
                ssl_handshake_timeout=PATIENCE,
                ssl_shutdown_timeout=FAREWELL,
            )
        except OSError:
            # ssl.SSLError is one too: no common ground, or the certificate was not believed.
            secured = None
        finally:
            self.transports.discard(transport)
        if secured is None or waiting.is_over:
            transport.abort()
            return False
        self.hand_over(secured, waiting.received)
        return True

    def hand_over(self, transport: asyncio.Transport, received: bytes = b"") -> None:
        """Let the answering protocol have a connection, and what was read of it.

        Args:
            transport: the connection; whether it is being read or not.
            received: what its client has said already.
        """
        self.transports.discard(transport)
        protocol = self._connect()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if received:
            protocol.data_received(received)
        if not transport.is_closing():
            transport.resume_reading()


class _Target(NamedTuple):
    """Where a request wants to go, and what is to be said there."""

    host: str
    port: int
    is_tunnel: bool
    head: bytes

    @property
    def is_vendor(self) -> bool:
        return self.host in VENDOR_HOSTS

    @property
    def name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Kept(asyncio.Protocol):
    """A connection in the hands of the proxy.

    Args:
        proxy: where it came in.
    """

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    # Streams have an asyncio.Transport; the base class speaks of pipes too.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.proxy.transports.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.transports.discard(self.transport)


class _Client(_Kept):
    """A client that has not said yet where it wants to go."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(proxy)
        self._received = b""
        self._is_over = False

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._received += data
        head, end, rest = self._received.partition(END)
        if end or len(self._received) > LONGEST_HEAD:
            self.transport.pause_reading()
            target = _target(head + end) if end else None
            self.proxy.take(self, target, rest)

    async def go(self, target: _Target | None, rest: bytes) -> None:
        if target is None or (target.is_tunnel and rest):
            self._say(
                400,
                "This is a proxy: ask it for absolute http:// URLs or with CONNECT, one connection for each request.",
            )
        elif target.is_vendor and target.is_tunnel:
            await self._answer_in_tunnel(target)
        elif target.is_vendor:
            self.proxy.hand_over(self.transport, target.head + rest)
        elif self.proxy.others == "pass" or (_is_loopback(target.host) and self._is_from_here()):
            await self._relay(target, rest)
        else:
            self.proxy.refused[target.name] += 1
            self._say(403, f"mockscope refuses {target.name}: --proxy-others pass would let it through")

    async def _answer_in_tunnel(self, target: _Target) -> None:
        self._open_tunnel()
        if target.port == HTTP_PORT:
            self.proxy.hand_over(self.transport)
        elif not await self.proxy.secure(self.transport):
            self.proxy.doubted[target.name] += 1

    async def _relay(self, target: _Target, rest: bytes) -> None:
        there = (_Relay if target.is_tunnel else _Answers)(self.proxy, self.transport)
        try:
            await asyncio.get_running_loop().create_connection(lambda: there, target.host, target.port)
        except OSError as error:
            self._say(502, f"mockscope can't reach {target.name}: {error.strerror or error}")
            return
        here = _Relay(self.proxy, there.transport)
        here.transport = self.transport
        self.transport.set_protocol(here)
        if target.is_tunnel:
            self._open_tunnel()
        else:
            there.transport.write(target.head + rest)
        self.transport.resume_reading()

    def _open_tunnel(self) -> None:
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    def _say(self, status: int, message: str) -> None:
        # The message is the reason too: most clients show no more of a CONNECT that failed.
        body = json.dumps({"message": message}).encode()
        fields = f"content-type: application/json; charset=utf-8\r\ncontent-length: {len(body)}\r\nconnection: close"
        self.transport.write(f"HTTP/1.1 {status} {message}\r\nserver: mockscope\r\n{fields}\r\n\r\n".encode() + body)
        # What the client is still sending is read: closing on it would be a reset, and could take the answer along.
        self._is_over = True
        self.transport.write_eof()
        self.transport.resume_reading()

    def _is_from_here(self) -> bool:
        # Whoever reaches this port over the network must not reach through it what listens on loopback alone.
        return _is_loopback(self.transport.get_extra_info("peername")[0])


class _Waiting(asyncio.Protocol):
    """Keeps what comes with the end of a handshake until somebody is there to read it."""

    def __init__(self) -> None:
        self.received = b""
        self.is_over = False

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True


class _Relay(_Kept):
    """One side of a connection that is passed: what it hears goes to the other one."""

    def __init__(self, proxy: Proxy, other: asyncio.Transport) -> None:
        super().__init__(proxy)
        self._other = other

    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    def eof_received(self) -> bool:
        # The other direction goes on: that is how some clients say that their request is complete.
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
        if isinstance(exc, ConnectionResetError) and not self._other.is_closing():
            self._other.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self._other.abort()
        else:
            self._other.close()


class _Answers(_Relay):
    """The side of a host that was asked one thing, and whose answer is the last on this connection."""

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
            # Not every server says so itself, and the client would ask again on a connection that is about to end.
            super().data_received(line + end + b"Connection: close\r\n" + rest)


def _target(head: bytes) -> _Target | None:
    if match := CONNECT.match(head):
        bracketed, bare, port = match.groups()
        return _Target(_host(bracketed or bare), int(port), is_tunnel=True, head=b"")
    if match := ABSOLUTE.match(head):
        method, bracketed, bare, port, path, version = match.groups()
        path = path or b"/"
        line = b" ".join((method, path if path.startswith(b"/") else b"/" + path, version))
        # Each request may want to go somewhere else, so each has a connection of its own.
        fields = TO_THE_PROXY.sub(b"", head[match.end() :])
        whole = line + b"\r\nConnection: close\r\n" + fields
        return _Target(_host(bracketed or bare), int(port or HTTP_PORT), is_tunnel=False, head=whole)
    return None


def _host(name: bytes) -> str:
    return name.decode("latin-1").lower().rstrip(".")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # On a port for both families, those of the old one come in with addresses of the new one.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
