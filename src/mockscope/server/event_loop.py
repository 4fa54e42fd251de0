"""The event loop of a server: it accepts connections, and closes them when the server stops."""

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from mockscope._support.monotonic import monotonic
from mockscope.server.listeners import BACKLOG, Listeners, abort_connections
from mockscope.server.protocol import protocol_class
from mockscope.sites.registry import SiteRegistry
from mockscope.web.app import without_routing

# A pooled connection must survive minutes between two requests of a test, e.g. in a debugger.
KEEP_ALIVE_SECONDS: Final = 600
# The time for requests in progress when a signal ends the server.
GRACE_SECONDS: Final = 3
# The number of turns of the loop that event streams have to send their end. A stream is not waited for any longer if
# its client reads nothing.
MAX_STREAM_TURNS: Final = 20
# The time for tasks to end after their connections were aborted. A task that runs longer is cancelled.
ABORT_SECONDS: Final = 2
POLL_SECONDS: Final = 0.01
WAKE_SECONDS: Final = 0.1


def run_event_loop(
    app: Starlette,
    registry: SiteRegistry,
    listeners: Listeners,
    on_ready: Callable[[asyncio.Event], None],
    should_abort: Callable[[], bool] | None = None,
) -> None:
    """Serve on bound sockets in this thread.

    Args:
        app: the application.
        registry: its sites.
        listeners: the listeners with their bound sockets.
        on_ready: called in the loop once the ports accept, with the event that ends the server.
        should_abort: returns whether to stop waiting for requests in progress. None aborts them at once.
    """
    config = uvicorn_config(without_routing(app))
    # The default loop of Windows cannot register the copy of a socket, from which TLS starts.
    factory = asyncio.SelectorEventLoop if sys.platform == "win32" else config.get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(registry, config, listeners, on_ready, should_abort))


def wake_regularly(loop: asyncio.AbstractEventLoop) -> None:
    """Wake a loop ten times a second, so that Python can handle signals between."""
    loop.call_later(WAKE_SECONDS, wake_regularly, loop)


async def _serve(
    registry: SiteRegistry,
    config: uvicorn.Config,
    listeners: Listeners,
    on_ready: Callable[[asyncio.Event], None],
    should_abort: Callable[[], bool] | None,
) -> None:
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.BaseEventLoop):
        # A test may freeze the clock of the process. uvloop reads its own clock.
        loop.time = monotonic  # type: ignore[method-assign]
    # uvicorn.Server would poll ten times a second and take 0.2 s to stop; its protocol class needs neither.
    state = ServerState()
    state.default_headers = config.encoded_headers
    protocol: Any = config.http_protocol_class
    new_protocol = partial(protocol, config=config, server_state=state, app_state={}, _loop=loop)
    stopping = asyncio.Event()
    registry.is_stopping = False
    for listener, listener_socket in listeners.items():
        await listener.open(listener_socket, new_protocol, backlog=BACKLOG)
    on_ready(stopping)
    await stopping.wait()
    registry.is_stopping = True
    if should_abort is None:
        await _close(listeners)
    for close in tuple(registry.close_callbacks):
        close()
    for _ in range(MAX_STREAM_TURNS):
        # A stream removes its callback after its last byte is written.
        if registry.close_callbacks:
            await asyncio.sleep(0)
    if should_abort is not None:
        connections = set(state.connections)
        for connection in connections:
            connection.shutdown()
        # The ports accept new connections meanwhile, so that a probe can see that the server stops.
        await _wait_for(lambda: not (state.connections & connections or state.tasks) or should_abort(), GRACE_SECONDS)
        await _close(listeners)
    await abort_connections(lambda: [connection.transport for connection in state.connections])
    if should_abort is not None:
        await _wait_for(lambda: not state.tasks, ABORT_SECONDS)
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)


async def _close(listeners: Listeners) -> None:
    for listener in listeners:
        await listener.close()


async def _wait_for(is_done: Callable[[], bool], seconds: float) -> None:
    deadline = monotonic() + seconds
    while not is_done() and monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)


def uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    """Return the settings of uvicorn: the fast parser and loop if they are installed, and never an access log."""
    config = uvicorn.Config(
        app,
        http=protocol_class(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        # uvicorn would send the machine's time; each site has a clock of its own.
        date_header=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
    )
    config.load()
    return config
