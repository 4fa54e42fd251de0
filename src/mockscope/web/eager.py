"""Requests are answered at once, outside a task, up to where they have to wait. Most never do, and a task costs more
than the answer. Nothing here knows what is answered."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


def begin(answering: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None] | None:
    """Run a coroutine up to where it has to wait.

    Returns:
        What is left of it, to be run in a task; None where it is through.
    """
    try:
        awaited = answering.send(None)
    except StopIteration:
        return None
    return _go_on(answering, awaited)


async def in_a_task() -> None:
    """Go on in a task, for what wants one: timeouts, task groups, and what may be cancelled."""
    if asyncio.current_task() is None:
        # Whoever began this outside a task goes on in one when it is waited for.
        await asyncio.sleep(0)


async def _go_on(answering: Coroutine[Any, Any, None], awaited: object) -> None:
    await _rest(answering, awaited)


@coroutine
def _rest(answering: Coroutine[Any, Any, None], awaited: object) -> Generator[object, object, None]:
    """What ``await answering`` would be, were it not begun already."""
    try:
        while True:
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001  (whatever it is, it is for the coroutine that waits)
                awaited = answering.throw(error)
            else:
                awaited = answering.send(sent)
    except StopIteration:
        return
