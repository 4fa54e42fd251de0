"""A client of server-sent events that follows the rules of browsers (WHATWG HTML, sections 9.2.5 and 9.2.6)."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from mockscope.instruments.events import Event, EventReader
from support.bounds import WAIT_SECONDS


@dataclass(frozen=True)
class Message:
    """An event that a browser would dispatch: the last event id, the type, and the data as JSON."""

    id: str
    event: str
    data: Any


class EventSource:
    """The parser of a stream. It survives connections, and keeps the last event id and the time to reconnect.

    An incomplete block at the end of a connection is discarded.
    """

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry: int | None = None
        self.comments: list[str] = []
        self.blocks = 0
        self.cut()

    def cut(self) -> None:
        """Discard an incomplete block, because the connection ended."""
        self._rest = b""
        # "They must be initialized to the empty string." So a block without an id would clear the last event id.
        self._id = ""
        self._event = ""
        self._data: list[str] = []

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the next request."""
        return {"Last-Event-ID": self.last_event_id} if self.last_event_id else {}

    def feed(self, data: bytes) -> Iterator[Message]:
        """Parse a piece of the stream, and yield the events that it completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line:
                self._read(line.decode())
            elif message := self._dispatch():
                yield message

    def _read(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments.append(value)
            case "id":
                self._id = value
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "retry":
                self.retry = int(value)

    def _dispatch(self) -> Message | None:
        self.blocks += 1
        self.last_event_id = self._id
        event, data = self._event, self._data
        self._event, self._data = "", []
        return Message(self.last_event_id, event or "message", json.loads("\n".join(data))) if data else None


class Connection:
    """One connection of an event source."""

    def __init__(self, source: EventSource, response: httpx.Response) -> None:
        self.response = response
        self._pieces = response.iter_raw()
        self._source = source
        self.messages: list[Message] = []
        # The first block is not an event.
        before = source.blocks
        self.read_until(lambda: source.blocks > before)

    def pieces(self, number: int) -> Iterator[bytes]:
        """Yield what the connection brings, up to a number of bytes. The first pieces are parsed already."""
        for piece in self._pieces:
            yield piece[:number]
            number -= len(piece)
            if number <= 0:
                return

    def next(self) -> Message:
        """Wait for the next event. StopIteration is raised at the end of the stream."""
        while not self.messages:
            self.messages += self._source.feed(next(self._pieces))
        return self.messages.pop(0)

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Read until a condition about the event source holds."""
        while not condition():
            self.messages += self._source.feed(next(self._pieces))

    def rest(self) -> list[Message]:
        """Return all further events. The stream must end."""
        for piece in self._pieces:
            self.messages += self._source.feed(piece)
        return self.messages


def collect(reader: EventReader, number: int) -> list[Event]:
    """Return the next events of a reader in Python. A call's response is out before its last event."""
    events: list[Event] = []
    while len(events) < number:
        found = reader.read(WAIT_SECONDS)
        assert found, events
        events += found
    return events


@contextmanager
def connected(url: str, source: EventSource | None = None) -> Iterator[Connection]:
    """Open a stream, and wait until it has begun."""
    source = source or EventSource()
    with httpx.stream("GET", url, headers=source.headers, timeout=300, verify=False) as response:
        assert response.status_code == 200, response.read()
        yield Connection(source, response)
    source.cut()
