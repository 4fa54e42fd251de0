"""The double on a real socket: uvicorn's protocol on an event loop in a thread of its own.

No rule and no state lives here; a LiveServer is a Mockscope that also has an address.
"""

import asyncio
import signal
import socket
import string
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_from_bytes

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS, ServerState

from mockscope import wire
from mockscope.double import Mockscope
from mockscope.seeding import SeedSource

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as AutoHTTPProtocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

# A test that thinks for a minute between two requests must not find its pooled connection closed.
KEEP_ALIVE_SECONDS: Final = 600
BACKLOG: Final = 2048
# How long requests that are under way may still take when a signal ends the server.
GRACE_SECONDS: Final = 3


class LiveServer(Mockscope):
    """A server on a port, in a thread. Use it in a ``with`` block, or call start and stop.

    Args:
        seed: a path to a seed file, or the same as plain data.
        host: the address to bind to.
        port: the port; 0 lets the kernel choose.
        hint_header: whether answers carry ``X-Mockscope-Hint`` (HTTP-10).

    Raises:
        SeedError: the seed can't be loaded.
        OSError: the seed can't be read.
    """

    def __init__(
        self, seed: SeedSource | None = None, *, host: str = "127.0.0.1", port: int = 0, hint_header: bool = True
    ) -> None:
        super().__init__(seed, hint_header=hint_header)
        self._address = (host, port)
        self._url: str | None = None
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end.

        Raises:
            RuntimeError: the server is not running.
        """
        if self._url is None:
            raise RuntimeError("the server is not running: use it in a with block, or call start()")
        return self._url

    def __repr__(self) -> str:
        return f"<LiveServer {self._url or 'not running'}: {len(self.directory)} sites>"

    def __enter__(self) -> "LiveServer":
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> "LiveServer":
        """Bind and answer. When this returns, the port accepts.

        Raises:
            OSError: the port is taken, or the address is not this machine's.
            RuntimeError: the server is running already.
        """
        if self._thread is not None:
            raise RuntimeError(f"the server is running already, at {self._url}")
        listener = bind(*self._address)
        ready: Future[None] = Future()
        self._thread = Thread(target=self._run, args=(listener, ready), name="mockscope", daemon=True)
        self._thread.start()
        ready.result()
        self._url = url_of(listener)
        return self

    def stop(self) -> None:
        """Close the port and every connection. A server that is not running is left as it is."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = self._loop = self._stopping = self._url = None

    def _run(self, listener: socket.socket, ready: Future[None]) -> None:
        config = uvicorn_config(self.app, date_header=False)
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._serve(config, listener, ready))

    async def _serve(self, config: uvicorn.Config, listener: socket.socket, ready: Future[None]) -> None:
        loop = self._loop = asyncio.get_running_loop()
        stopping = self._stopping = asyncio.Event()
        state = ServerState()
        state.default_headers = config.encoded_headers

        # uvicorn.Server would poll ten times a second and take 0.2 s to stop; its protocol class needs neither.
        def connect() -> asyncio.Protocol:
            protocol: Any = config.http_protocol_class
            made: asyncio.Protocol = protocol(config=config, server_state=state, app_state={}, _loop=loop)
            return made

        try:
            server = await loop.create_server(connect, sock=listener, backlog=BACKLOG)
        except BaseException as error:
            ready.set_exception(error)
            raise
        ready.set_result(None)
        await stopping.wait()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


class _ForegroundServer(uvicorn.Server):
    """uvicorn's server, ended by a signal as by a wish: without raising it again, so that the exit status is 0."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve_in_foreground(double: Mockscope, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Answer on a bound socket in this thread until SIGINT or SIGTERM.

    Args:
        double: what answers.
        listener: the socket.
        on_ready: called once the port accepts.
    """
    _ForegroundServer(uvicorn_config(double.app), on_ready).run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to an address and not listening yet.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: with it on, a client
    # that keeps its connection gets some 20 answers a second.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL of a bound socket; one bound to every address is called by its loopback name."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class JSONProtocol(AutoHTTPProtocol):
    """uvicorn's protocol, with an answer in JSON even to what is no HTTP at all (HTTP-1)."""

    def send_400_response(self, msg: str) -> None:
        body = wire.encode(wire.Message(msg))
        head = "HTTP/1.1 400 Bad Request\r\nserver: mockscope\r\ncontent-type: application/json; charset=utf-8\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def on_url(self, url: bytes) -> None:
        # curl sends what is typed: a group's name in raw UTF-8 is read as if it had been percent-encoded (GROUP-5).
        super().on_url(url if url.isascii() else quote_from_bytes(url, safe=string.printable).encode())


def uvicorn_config(app: ASGIApp, *, date_header: bool = True) -> uvicorn.Config:
    """How uvicorn runs the application: fast parser and loop where they are, and never an access log."""
    config = uvicorn.Config(
        app,
        http=JSONProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        date_header=date_header,
        server_header=False,
        headers=[("server", "mockscope")],
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    config.load()
    return config


def serve(
    seed: SeedSource | None = None, *, host: str = "127.0.0.1", port: int = 0, hint_header: bool = True
) -> LiveServer:
    """A server for a ``with`` block: ``with mockscope.serve() as server: ...``.

    Args:
        seed: a path to a seed file, or the same as plain data; without it there are no sites yet.
        host: the address to bind to.
        port: the port; 0 lets the kernel choose.
        hint_header: whether answers carry ``X-Mockscope-Hint`` (HTTP-10).

    Raises:
        SeedError: the seed can't be loaded.
        OSError: the seed can't be read.
    """
    return LiveServer(seed, host=host, port=port, hint_header=hint_header)
