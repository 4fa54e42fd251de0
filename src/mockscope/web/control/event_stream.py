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

# The limit of events that wait for a reader. With the longest bodies, they take 32 MB.
MAX_WAITING_CALLS: Final = 256
# The number of rendered events that are kept for other readers.
MAX_CACHED_EVENTS: Final = 16
# After a silence of this length, a comment keeps the connection alive.
HEARTBEAT_SECONDS: Final = 15.0


class EventStream(StreamingResponse):
    """A stream of completed calls: those of a site, or those that reach no site.

    It ends when the site is removed, the server stops, or the client disconnects.

    Args:
        registry: The sites.
        owner: The site, or the registry for the calls that reach no site.
        head_only: Whether the request is a HEAD.
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
        # Before the first byte, so that a client that has seen the response begin misses no call.
        self._owner.calls.observers.append(self.observe)
        self._registry.close_callbacks.append(self.leave)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._registry.close_callbacks.remove(self.leave)
            self._owner.calls.observers.remove(self.observe)
            _render_event.cache_clear()

    def observe(self, call: Call) -> None:
        """Add a completed call to the stream."""
        if len(self._waiting) == MAX_WAITING_CALLS:
            self._dropped += 1
        self._waiting.append(call)
        self._wake()

    def leave(self, who: MockSite | SiteRegistry) -> None:
        """End the stream if its site is removed, or the server stops.

        Args:
            who: The removed site, or the registry of the server that stops.
        """
        if who is self._owner or who is self._registry:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        # The loop may have ended meanwhile, in another thread.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._moved.set)

    async def _events(self) -> AsyncIterator[bytes]:
        yield b": calls from here on\n\n"
        # The site may have been removed since the path was resolved.
        if not _is_present(self._registry, self._owner):
            self._ended = True
        while not self._ended or self._waiting:
            self._moved.clear()
            while self._waiting:
                if self._dropped:
                    number, self._dropped = self._dropped, 0
                    yield b'event: dropped\ndata: {"dropped":%d}\n\n' % number
                yield _render_event(self._waiting.popleft())
                # Sending to a disconnected client never waits. This lets the task run that notices the disconnect.
                await asyncio.sleep(0)
            if not self._ended:
                try:
                    await asyncio.wait_for(self._moved.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"


@lru_cache(maxsize=MAX_CACHED_EVENTS)
def _render_event(call: Call) -> bytes:
    """Return the event of a call. It is rendered once for all readers."""
    return b"id: %s\nevent: call\ndata: %s\n\n" % (call.id.encode(), as_json(call.as_dict()))


def _is_present(registry: SiteRegistry, owner: MockSite | SiteRegistry) -> bool:
    return owner is registry or owner in registry.sites.values()
