"""Calls of users' functions in threads of their own, so that a blocking function does not block the server."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call a function in a new daemon thread, and return its result. The event loop is not blocked.

    Raises:
        Exception: If the function raises one.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # the function's own
        else:
            future.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except Exception as raised:  # noqa: BLE001 - it is raised in the awaiting task
            error = raised
        # The loop may be closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    Thread(target=run, name="mockscope: a function of a planned fault", daemon=True).start()
    return await future
