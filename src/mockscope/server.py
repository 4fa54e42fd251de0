"""The double on a real socket: uvicorn's protocol on an event loop in a thread of its own.

No rule and no state lives here; a LiveServer is a Mockscope that also has an address.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any, Final, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS, ServerState

from mockscope.double import Mockscope
from mockscope.instruments.calls import MOST_CALLS
from mockscope.protocol import best_protocol
from mockscope.seeding import SeedSource

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
        strict: whether its sites are in strict mode unless they say otherwise.
        calls_kept: how many calls each site keeps, and how many are kept that reached no site.

    Raises:
        SeedError: the seed can't be loaded.
        OSError: the seed can't be read.
    """

    def __init__(
        self,
        seed: SeedSource | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hint_header: bool = True,
        strict: bool = False,
        calls_kept: int = MOST_CALLS,
    ) -> None:
        super().__init__(seed, hint_header=hint_header, strict=strict, calls_kept=calls_kept)
        self._address = (host, port)
        self._url: str | None = None
        self._life = Lock()
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

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self.stop()
        for site in self.sites.values():
            if site.strict and kind is None:
                site.assert_no_findings()

    def start(self) -> Self:
        """Bind and answer. When this returns, the port accepts.

        Raises:
            OSError: the port is taken, or the address is not this machine's.
            RuntimeError: the server is running already.
        """
        with self._life:
            if self._thread is not None:
                raise RuntimeError(f"the server is running already, at {self._url}")
            listener = bind(*self._address)
            ready: Future[None] = Future()
            thread = Thread(target=self._run, args=(listener, ready), name="mockscope", daemon=True)
            try:
                # Here, because uvloop swallows a listen that fails: two may bind one port, and only one can listen.
                listener.listen(BACKLOG)
                thread.start()
                ready.result()
            except BaseException:
                listener.close()
                raise
            self._thread, self._url = thread, url_of(listener)
            return self

    def stop(self) -> None:
        """Close the port and every connection. A server that is not running is left as it is."""
        with self._life:
            if self._thread is None or self._loop is None or self._stopping is None:
                return
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = self._loop = self._stopping = self._url = None

    def _run(self, listener: socket.socket, ready: Future[None]) -> None:
        try:
            config = uvicorn_config(self.app, date_header=False)
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(self._serve(config, listener, ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

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

        server = await loop.create_server(connect, sock=listener, backlog=BACKLOG)
        ready.set_result(None)
        await stopping.wait()
        server.close()
        # A connection that was just accepted is made known a step later, and uvloop would wait for it forever;
        # a request that waits for its body ends by itself once it learns, in two steps, that its client is gone.
        for _ in range(3):
            for connection in list(state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
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


def uvicorn_config(app: ASGIApp, *, date_header: bool = True) -> uvicorn.Config:
    """How uvicorn runs the application: fast parser and loop where they are, and never an access log."""
    config = uvicorn.Config(
        app,
        http=best_protocol(),
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
    seed: SeedSource | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    hint_header: bool = True,
    strict: bool = False,
    calls_kept: int = MOST_CALLS,
) -> LiveServer:
    """A server for a ``with`` block: ``with mockscope.serve() as server: ...``.

    Args:
        seed: a path to a seed file, or the same as plain data; without it there are no sites yet.
        host: the address to bind to.
        port: the port; 0 lets the kernel choose.
        hint_header: whether answers carry ``X-Mockscope-Hint`` (HTTP-10).
        strict: whether its sites are in strict mode unless they say otherwise.
        calls_kept: how many calls each site keeps, and how many are kept that reached no site.

    Raises:
        SeedError: the seed can't be loaded.
        OSError: the seed can't be read.
    """
    return LiveServer(seed, host=host, port=port, hint_header=hint_header, strict=strict, calls_kept=calls_kept)
