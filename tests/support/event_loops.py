"""Event loops that stay open, so that a client made on one can be used by several calls."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import trio

from support.bounds import WAIT_SECONDS, join

# Runs an asynchronous function on a loop that stays.
Run = Callable[..., Any]
Runtime = Callable[[], AbstractContextManager[Run]]


@contextmanager
def asyncio_loop(factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> Iterator[Run]:
    """Run asyncio on an event loop of a kind."""
    with asyncio.Runner(loop_factory=factory) as runner:
        yield lambda function, *args: runner.run(function(*args))


@contextmanager
def trio_loop() -> Iterator[Run]:
    """Run trio in a thread of its own, so that a client outlives one call."""
    started = threading.Event()
    tokens: list[trio.lowlevel.TrioToken] = []
    ended = trio.Event()

    async def stay() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        started.set()
        await ended.wait()

    thread = threading.Thread(target=trio.run, args=(stay,), daemon=True)
    thread.start()
    assert started.wait(WAIT_SECONDS)
    try:
        yield lambda function, *args: trio.from_thread.run(function, *args, trio_token=tokens[0])
    finally:
        tokens[0].run_sync_soon(ended.set)
        join(thread)
