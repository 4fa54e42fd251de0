"""Completed calls as server-sent events. A reader that is too slow loses events, and an event says how many."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mockscope.instruments.call import Call
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.web.control.views import as_json

# The events that wait for a reader: with all bodies at their longest that is 32 MB.
MAX_WAITING_CALLS: Final = 256
# The latest events that are kept for other readers.
MAX_CACHED_EVENTS: Final = 16
# The seconds between two signs of life on a connection.
HEARTBEAT_SECONDS: Final = 15.0


class EventStream(StreamingResponse):
    """The completed calls of a site, or those that reach none, until the site, the server or the client goes.

    Args:
        registry: the sites.
        owner: whose calls.
        head_only: whether the client asked for the headers alone.
    """

    media_type = "text/event-stream"

    def __init__(self, registry: SiteRegistry, owner: MockSite | SiteRegistry, *, head_only: bool = False) -> None:
        super().__init__(self._events(), headers={"Cache-Control": "no-store"})
        self._registry = registry
        self._owner = owner
        self._waiting: deque[Call] = deque(maxlen=MAX_WAITING_CALLS)
        self._dropped = 0
        self._ended = head_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._moved = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # Before the first byte: whoever has seen the answer begin misses nothing that happens from then on.
        self._owner.calls.observers.append(self.observe)
        self._registry.farewells.append(self.leave)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._registry.farewells.remove(self.leave)
            self._owner.calls.observers.remove(self.observe)
            _render_event.cache_clear()

    def observe(self, call: Call) -> None:
        """Take a completed call."""
        self._dropped += len(self._waiting) == MAX_WAITING_CALLS
        self._waiting.append(call)
        self._wake()

    def leave(self, who: MockSite | SiteRegistry) -> None:
        """End, if it is the site or the server that goes."""
        if who is self._owner or who is self._registry:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        # The server may have stopped in another thread meanwhile.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._moved.set)

    async def _events(self) -> AsyncIterator[bytes]:
        yield b": calls from here on\n\n"
        # A site may have gone between the look at the path and the first event.
        if not _is_present(self._registry, self._owner):
            self._ended = True
        while not self._ended or self._waiting:
            self._moved.clear()
            while self._waiting:
                if self._dropped:
                    number, self._dropped = self._dropped, 0
                    yield b'event: dropped\ndata: {"dropped":%d}\n\n' % number
                yield _render_event(self._waiting.popleft())
                # Sending to a client that has gone waits for nothing, and here the task that learns of it takes over.
                await asyncio.sleep(0)
            if not self._ended:
                try:
                    await asyncio.wait_for(self._moved.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"


@lru_cache(maxsize=MAX_CACHED_EVENTS)
def _render_event(call: Call) -> bytes:
    """Return the event of a call, rendered once for readers who keep pace with each other."""
    return b"id: %s\nevent: call\ndata: %s\n\n" % (call.id.encode(), as_json(call.as_dict()))


def _is_present(registry: SiteRegistry, owner: MockSite | SiteRegistry) -> bool:
    return owner is registry or owner in registry.sites.values()
