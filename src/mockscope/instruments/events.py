"""The events of a server, in a ring that is bounded by number and bytes, and their readers.

Nothing is recorded before the first reader. An event is rendered at most once, for all readers.
"""

from collections.abc import Callable, Mapping
from threading import Event as Flag
from threading import Lock
from typing import Any, Final, Literal

import msgspec

from mockscope._support.arguments import check_type
from mockscope._support.monotonic import monotonic
from mockscope._support.randomness import random_hex
from mockscope.instruments.record_changes import RecordChanges
from mockscope.instruments.redaction import Redactor

EventKind = Literal[
    "call.received",
    "call.completed",
    "calls.cleared",
    "records.changed",
    "fault.planned",
    "fault.hit",
    "fault.removed",
    "clock.moved",
    "site.made",
    "site.removed",
    "site.reset",
    "dropped",
]
# Limits of the ring. The latest event is kept, whatever its size.
MAX_EVENTS: Final = 10_000
MAX_EVENT_BYTES: Final = 32 * 1024 * 1024
# Limits of the events that a reader takes at once. A slow reader holds them, and the lock is held meanwhile.
MAX_TAKEN: Final = 256
MAX_TAKEN_BYTES: Final = 256 * 1024
# The maximum size of the changed records in an event. Above it, the event has none of them.
MAX_CHANGES_BYTES: Final = 4 * 1024 * 1024
# The estimated size of an event without its parts.
EVENT_BYTES: Final = 512

Render = Callable[[], Mapping[str, object]]
Wake = Callable[[], None]
Filter = Callable[["Event"], bool]

_encode: Final = msgspec.json.Encoder().encode


class Event:
    """An event: its ``id``, its ``kind``, and the host of its ``site``, or None for the server."""

    __slots__ = ("_log", "_parts", "_render", "id", "kind", "number", "site", "size_bytes")

    def __init__(self, log: "EventLog", kind: EventKind, site: str | None, render: Render, size_bytes: int) -> None:
        self.kind = kind
        self.site = site
        self.id = ""
        self.number = 0
        self.size_bytes = size_bytes
        self._log = log
        self._render: Render | None = render
        self._parts: Mapping[str, bytes] = {}

    def __repr__(self) -> str:
        return f"<Event {self.id}: {self.kind} of {self.site or 'the server'}>"

    @property
    def parts(self) -> Mapping[str, bytes]:
        """The data beside ``site``: the names of its fields, and their values as JSON."""
        if self._render is not None:
            with self._log.render_lock:
                self.render()
            self._log.resize(self, EVENT_BYTES + sum(map(len, self._parts.values())))
        return self._parts

    def render(self) -> None:
        """Render the data, if it was not rendered yet."""
        if self._render is not None:
            self._parts = {name: _encode(value) for name, value in self._render().items()}
            self._render = None

    @property
    def json(self) -> bytes:
        """The data as JSON, an object with ``site``, and the call, fault, changes or clock."""
        return _encode({"site": self.site, **{name: msgspec.Raw(part) for name, part in self.parts.items()}})

    @property
    def data(self) -> dict[str, Any]:
        """The data as plain data."""
        data: dict[str, Any] = msgspec.json.decode(self.json)
        return data


class EventLog:
    """The events of a server. It is thread-safe.

    ``max_events`` is the maximum number of events that are kept, and ``max_bytes`` the maximum of their size in bytes.
    """

    def __init__(self) -> None:
        self.epoch = random_hex(8)
        # False until the first reader. Publishers read it for each request.
        self.is_recording = False
        self.render_lock = Lock()
        self.max_events = MAX_EVENTS
        self.max_bytes = MAX_EVENT_BYTES
        self._lock = Lock()
        # By number, oldest first, without gaps.
        self._events: dict[int, Event] = {}
        self._first = self._next = 1
        self._bytes = 0
        self._waiting: set[Wake] = set()

    def publish(self, kind: EventKind, site: str | None, render: Render, size_bytes: int | None = None) -> None:
        """Add an event, and wake the readers. Without a reader so far, it does nothing.

        Args:
            kind: the kind.
            site: the host of the site; None is the server.
            render: returns the data beside ``site``.
            size_bytes: the estimated size of the data, if it cannot change any more. It is rendered on demand then.
        """
        if not self.is_recording:
            return
        event = Event(self, kind, site, render, EVENT_BYTES + (size_bytes or 0))
        if size_bytes is None:
            event.render()
            event.size_bytes += sum(map(len, event.parts.values()))
        with self._lock:
            event.number = self._next
            event.id = f"{self.epoch}-{self._next}"
            self._events[self._next] = event
            self._next += 1
            self._bytes += event.size_bytes
            self._evict()
            woken, self._waiting = self._waiting, set()
        for wake in woken:
            wake()

    def reader(self, wants: Filter, site: str | None = None, last_id: str | None = None) -> "EventReader":
        """Return a reader of the events from now on, or of those after an earlier event. Recording starts.

        Args:
            wants: returns whether the reader gets an event.
            site: the host that an event ``dropped`` has; None is the server.
            last_id: the id of the last event that was read; None is the latest event.
        """
        with self._lock:
            self.is_recording = True
            if not last_id:
                return EventReader(self, wants, site, self._next)
            number = self._number_in(last_id)
            if number is not None and number < self._next:
                return EventReader(self, wants, site, number + 1)
            # The id is of another server, or of this one before its process was started again.
            return EventReader(self, wants, site, self._first, is_unknown=True)

    def take(self, start: int) -> tuple[int, list[Event]]:
        """Return the number of lost events from a number on, and some of the next events, at least one if there is one.

        Args:
            start: the number of the first event to return.
        """
        with self._lock:
            first = max(start, self._first)
            taken: list[Event] = []
            left = MAX_TAKEN_BYTES
            for number in range(first, min(first + MAX_TAKEN, self._next)):
                taken.append(self._events[number])
                left -= taken[-1].size_bytes
                if left <= 0:
                    break
            return first - start, taken

    def wake_at(self, number: int, wake: Wake) -> bool:
        """Register a function that is called once, on the next event. Return False if there is one with this number."""
        with self._lock:
            if number < self._next:
                return False
            self._waiting.add(wake)
            return True

    def cancel(self, wake: Wake) -> None:
        """Remove a function that was registered by ``wake_at``."""
        with self._lock:
            self._waiting.discard(wake)

    def resize(self, event: Event, size_bytes: int) -> None:
        """Set the size of an event."""
        with self._lock:
            if event.number >= self._first and event.number:
                self._bytes += size_bytes - event.size_bytes
                self._evict()
            event.size_bytes = size_bytes

    def _number_in(self, id: str) -> int | None:
        epoch, _, number = id.rpartition("-")
        is_own = epoch == self.epoch and number.isascii() and number.isdigit()
        # Cut, because Python refuses to convert thousands of digits.
        return int(number[:20]) if is_own else None

    def _evict(self) -> None:
        while len(self._events) > 1 and (len(self._events) > self.max_events or self._bytes > self.max_bytes):
            self._bytes -= self._events.pop(self._first).size_bytes
            self._first += 1


class EventReader:
    """A reader of events. ``server.events()`` and ``site.events()`` return one.

    ``last_id`` is the id of the latest event that it has passed. Events in between may have been filtered out.

    Args:
        log: the events.
        wants: returns whether the reader gets an event.
        site: the host that an event ``dropped`` has; None is the server.
        position: the number of the next event.
        is_unknown: whether the number of lost events is unknown.
    """

    def __init__(
        self, log: EventLog, wants: Filter, site: str | None, position: int, *, is_unknown: bool = False
    ) -> None:
        self._log = log
        self._wants = wants
        self._site = site
        self._position = position
        self._is_unknown = is_unknown

    def __repr__(self) -> str:
        return f"<EventReader of {self._site or 'the server'} after {self.last_id}>"

    @property
    def last_id(self) -> str:
        """The id of the latest event that this reader has passed."""
        return f"{self._log.epoch}-{self._position - 1}"

    def read(self, timeout: float = 0.0) -> list[Event]:
        """Return the events since the last read. If events were lost, the first one is ``dropped``, with their number.

        Args:
            timeout: the maximum time to wait for an event, in seconds.

        Raises:
            ValueError: If the time is not a number.
        """
        check_type("timeout", timeout, int | float)
        deadline = monotonic() + timeout
        flag = Flag()
        while True:
            found: list[Event] = []
            while (taken := self.take()) is not None:
                found += taken
            left = deadline - monotonic()
            if found or left <= 0:
                return found
            if self._log.wake_at(self._position, flag.set):
                flag.wait(left)
                self._log.cancel(flag.set)
                flag.clear()

    def take(self) -> list[Event] | None:
        """Return some of the next events, possibly none of them wanted; None after the last event."""
        lost, events = self._log.take(self._position)
        if not (lost or events or self._is_unknown):
            return None
        self._position += lost
        found = [self._dropped(lost)] if lost or self._is_unknown else []
        self._is_unknown = False
        self._position += len(events)
        return found + [event for event in events if self._wants(event)]

    def wake(self, wake: Wake) -> bool:
        """Register a function that is called once, on the next event. Return False if there is an event already."""
        return self._log.wake_at(self._position, wake)

    def cancel(self, wake: Wake) -> None:
        """Remove a function that was registered by ``wake``."""
        self._log.cancel(wake)

    def _dropped(self, lost: int) -> Event:
        number = None if self._is_unknown else lost
        event = Event(self._log, "dropped", self._site, lambda: {"dropped": number}, 0)
        event.id = self.last_id
        return event


class EventChannel:
    """The events of one site, or of a whole server.

    Args:
        log: the events of the server.
        site: the host of the site; None is the server.
    """

    __slots__ = ("log", "site")

    def __init__(self, log: EventLog, site: str | None = None) -> None:
        self.log = log
        self.site = site

    def publish(self, kind: EventKind, render: Render = dict, size_bytes: int | None = None) -> None:
        """Publish an event, as ``EventLog.publish`` does."""
        self.log.publish(kind, self.site, render, size_bytes)

    def publish_changes(self, changes: RecordChanges, call: str | None, redactor: Redactor, holder: object) -> None:
        """Publish the changes of a write.

        Args:
            changes: the changes.
            call: the id of the call that caused them, or None.
            redactor: redacts keys in the changes.
            holder: the object as long as which the site's keys are redacted.
        """
        size_bytes = changes.size_bytes
        is_cut = size_bytes > MAX_CHANGES_BYTES

        def render(_: object = holder) -> Mapping[str, object]:
            shown = [] if is_cut else redactor.redact_json(changes.render())
            return {"call": call, "changes": shown, "changes_cut": is_cut}

        # Rendered at once if they are cut, so that the event does not hold the records.
        self.publish("records.changed", render, None if is_cut else size_bytes)

    def reader(self, last_id: str | None = None) -> EventReader:
        """Return a reader of the events of the site, or of all events of the server.

        The moves of the server's clock are among the events of each site, because they move the site's clock.

        Args:
            last_id: the id of the last event that was read; None is the latest event.
        """
        site = self.site

        def wants(event: Event) -> bool:
            return site is None or event.site == site or (event.site is None and event.kind == "clock.moved")

        return self.log.reader(wants, site, last_id)
