"""Events as server-sent events (WHATWG HTML, section 9.2), which browsers resume with the header Last-Event-ID.

A reader that is too slow, or resumes too late, gets an event ``dropped``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mockscope.instruments.events import Event, EventChannel
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry

# After a silence of this length, a comment keeps the connection alive.
HEARTBEAT_SECONDS: Final = 15.0
# The time after which a browser connects again.
RETRY_MILLISECONDS: Final = 1000
# Events that wait are sent together, up to this size.
MAX_JOINED_BYTES: Final = 64 * 1024


class EventStream(StreamingResponse):
    """A stream of events. It ends when its site is removed, the server stops, or the client disconnects.

    Args:
        registry: The sites.
        site: The site whose events are sent; None is all events of the server.
        render: Renders an event; an empty result leaves it out.
        last_id: The id of the last event that the client has; None is the latest event.
        follow: Whether to wait for further events.
        head_only: Whether the request is a HEAD.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        registry: SiteRegistry,
        site: MockSite | None,
        render: Callable[[Event], bytes],
        last_id: str | None = None,
        *,
        follow: bool = True,
        head_only: bool = False,
    ) -> None:
        super().__init__(self._blocks(), headers={"Cache-Control": "no-store"})
        self._registry = registry
        self._site = site
        self._render = render
        self._last_id = last_id
        self._head_only = head_only
        # Whether the stream ends when no event is left, and whether it ends at once.
        self._is_ending = registry.is_stopping or not follow
        self._has_ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._head_only:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        self._moved = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # Before the first byte, so that a client that has seen the response begin misses no event.
        channel = EventChannel(self._registry.event_log, None if self._site is None else self._site.host)
        self._reader = channel.reader(self._last_id)
        self._registry.close_callbacks.append(self.end)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._registry.close_callbacks.remove(self.end)
            self._reader.cancel(self._wake)

    def end(self) -> None:
        """End the stream after the events up to now, because the server stops."""
        self._is_ending = True
        self._wake()

    async def _blocks(self) -> AsyncIterator[bytes]:
        # A block without data is not an event, but a client that is cut off afterwards resumes at its id. A client that
        # resumes gets its own id, because the next event may say that events were lost. A block without an id would
        # clear the id that the client has.
        id = (self._last_id or self._reader.last_id).encode("latin-1")
        yield b": events from here on\nretry: %d\nid: %b\n\n" % (RETRY_MILLISECONDS, id)
        due = self._loop.time() + HEARTBEAT_SECONDS
        # The site may have been removed since the path was resolved. An event shows a later removal.
        self._end_if_removed()
        while not self._has_ended:
            self._moved.clear()
            is_ending = self._is_ending
            events = self._reader.take()
            for block in self._join(events or ()):
                yield block
                due = self._loop.time() + HEARTBEAT_SECONDS
                # Sending to a disconnected client never waits. This lets the task run that notices the disconnect.
                await asyncio.sleep(0)
            if events is None and is_ending:
                return
            if events is None and self._reader.wake(self._wake):
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await self._moved.wait()
            if self._loop.time() >= due:
                yield b": still here\nid: %b\n\n" % self._position()
                due = self._loop.time() + HEARTBEAT_SECONDS

    def _join(self, events: list[Event] | tuple[()]) -> Iterator[bytes]:
        joined = b""
        for event in events:
            joined += self._render(event)
            if len(joined) >= MAX_JOINED_BYTES:
                yield joined
                joined = b""
            if event.kind == "dropped":
                self._end_if_removed()
            if self._site is not None and event.kind == "site.removed":
                self._has_ended = True
                break
        if joined:
            yield joined

    def _position(self) -> bytes:
        return self._reader.last_id.encode()

    def _end_if_removed(self) -> None:
        if self._site is not None and not self._registry.has(self._site):
            self._is_ending = True

    def _wake(self) -> None:
        # The loop may have ended meanwhile, in another thread.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._moved.set)


def render_event(event: Event) -> bytes:
    """Return an event as a block of the stream."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.id.encode(), event.kind.encode(), event.json)


def render_call(event: Event, site: str | None) -> bytes:
    """Return a block ``call`` for an event about a complete call of a site, or of no site. Others are left out."""
    if event.kind == "dropped":
        return render_event(event)
    if event.kind != "call.completed" or event.site != site:
        return b""
    return b"id: %b\nevent: call\ndata: %b\n\n" % (event.id.encode(), event.parts["call"])
