"""The recorded calls of a site, in a ring buffer, with queries and assertions for tests."""

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from difflib import ndiff
from threading import Condition, get_ident
from typing import Any, Final, overload

from mockscope._support.arguments import check_type
from mockscope._support.monotonic import monotonic
from mockscope._support.text import escape_control
from mockscope.instruments.call import Call, Observer, describe_target
from mockscope.instruments.clock import Clock
from mockscope.instruments.events import EventChannel, EventLog
from mockscope.instruments.matching import (
    Criteria,
    build_criteria,
    check_operation,
    describe_criteria,
    describe_differences,
    find_similar_calls,
    first_difference,
    matches,
)
from mockscope.instruments.observers import CALL_OBSERVERS
from mockscope.instruments.redaction import Redactor

logger: Final = logging.getLogger("mockscope")

# Returns a function that exports the present records of a site later.
States = Callable[[], Callable[[], dict[str, Any]]]

# Default limits: the number of calls, and the total bytes of their heads, bodies and changes. Above it, those of the
# oldest calls are discarded. Calls below MIN_COUNTED_BYTES are not counted.
MAX_CALLS: Final = 10_000
MAX_TOTAL_BYTES: Final = 48 * 1024 * 1024
MIN_COUNTED_BYTES: Final = 1024
# The maximum time that a query waits for calls in progress.
WAIT_SECONDS: Final = 2.0
# The maximum number of calls in the message of a failed assertion.
MAX_SHOWN_CALLS: Final = 3
# The maximum number of calls in a message before the first difference of two sequences, and from it on.
CONTEXT_CALLS: Final = 2
MAX_SEQUENCE_CALLS: Final = 20
# Calls that only worked by accident are kept in a list of their own, so that a long test does not lose the first ones.
MAX_ACCIDENTAL_CALLS: Final = 1000


class Calls(Sequence[Call]):
    """Calls in the order of receipt, with queries and assertions for tests.

    Each query first waits for calls in progress, at most WAIT_SECONDS.

    Args:
        calls: returns the calls. Its optional argument is the maximum time to wait, in seconds.
        place: the name of the site or server that received them, for messages.
        redactor: redacts keys in messages.
        kind: a description of the criteria that these calls match, for messages.
    """

    def __init__(self, calls: Callable[..., list[Call]], place: str, redactor: Redactor, kind: str = "") -> None:
        self._calls = calls
        self._place = place
        self.redactor = redactor
        self._kind = kind

    def __repr__(self) -> str:
        calls = self._calls()
        shown = [str(call) for call in calls[-MAX_SHOWN_CALLS:]]
        words = "; ".join(["..."] * (len(calls) > len(shown)) + shown)
        return f"<{_count_in_words(len(calls))}{self._kind} on {self._place}{': ' if words else ''}{words}>"

    def __len__(self) -> int:
        return len(self._calls())

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls())

    def __reversed__(self) -> Iterator[Call]:
        return reversed(self._calls())

    @overload
    def __getitem__(self, place: int) -> Call: ...

    @overload
    def __getitem__(self, place: slice) -> list[Call]: ...

    def __getitem__(self, place: int | slice) -> Call | list[Call]:
        return self._calls()[place]

    def index(self, value: Call, start: int = 0, stop: int = sys.maxsize) -> int:
        """Return the position of a call.

        Raises:
            ValueError: If the call is not in the sequence.
        """
        return self._calls().index(value, start, stop)

    @property
    def last(self) -> Call:
        """The latest call.

        Raises:
            LookupError: If no call was received.
        """
        if calls := self._calls():
            return calls[-1]
        raise LookupError(f"{self._place} received no call{self._kind}")

    def for_operation(self, operation: str) -> "Calls":
        """Return the calls of one operation.

        Raises:
            ValueError: If the operation is unknown.
        """
        check_operation(operation)
        return self.matching(operation)

    def matching(self, operation: str | None = None, **criteria: Any) -> "Calls":
        """Return the calls that match an operation and criteria.

        Args:
            operation: one of the ten operations.
            criteria: attributes of a Call and their values: ``status``, ``method``, ``path``, ``email``, ``group``,
                ``params``, ``json``, ``test_mode``, ``rule``, ``fault``, and ``hint`` for the hint's code. A value may
                be an object with its own ``==``, as in dirty-equals. A status may be a class such as ``"4xx"``. ``q``
                is a text to search for, ignoring case. ``open`` is True for calls that are not complete, which are not
                waited for. ``after`` and ``before`` are calls, for those received after or before.

        Raises:
            ValueError: If the operation or a criterion is unknown, or a value is not valid.
        """
        wanted = build_criteria(operation, criteria)

        def select(*timeout: float) -> list[Call]:
            return [call for call in self._calls_for(wanted, *timeout) if matches(call, wanted)]

        return Calls(select, self._place, self.redactor, self._describe(wanted))

    def assert_called(self, operation: str, *, times: int | None = None, **criteria: Any) -> None:
        """Assert that calls match an operation and criteria, as often as expected.

        Args:
            operation: one of the ten operations.
            times: the expected number of matching calls; None is at least one.
            criteria: as in ``matching``.

        Raises:
            AssertionError: If another number of calls matches. The message shows similar calls and their differences.
            ValueError: If the operation or a criterion is unknown, or ``times`` is negative or not an int.
        """
        __tracebackhide__ = True
        # None would match any call, and hide a missing one.
        check_operation(operation)
        check_type("times", times, int | None)
        if times is not None and times < 0:
            raise ValueError(f"times is 0 or more, or None for at least once; not {times}")
        if complaint := self._count_error(build_criteria(operation, criteria), times):
            raise AssertionError(complaint)

    def assert_not_called(self, operation: str | None = None, **criteria: Any) -> None:
        """Assert that no call matches an operation and criteria. Without them, assert that there are no calls.

        Args:
            operation: one of the ten operations.
            criteria: as in ``matching``.

        Raises:
            AssertionError: If a call matches. The message shows the matching calls.
            ValueError: If the operation or a criterion is unknown.
        """
        __tracebackhide__ = True
        if complaint := self._count_error(build_criteria(operation, criteria), 0):
            raise AssertionError(complaint)

    def assert_sequence(self, operations: Iterable[str]) -> None:
        """Assert that the calls were exactly these operations, in this order.

        Raises:
            AssertionError: If they were others. The message shows the first difference.
            ValueError: If an operation is unknown, or ``operations`` is a string.
        """
        __tracebackhide__ = True
        if isinstance(operations, str):
            raise ValueError(f"a sequence is a list of operations, not the text {operations!r}")
        expected = list(operations)
        for operation in expected:
            check_operation(operation)
        seen = [describe_target(call)[0] for call in self._calls()]
        if seen != expected:
            raise AssertionError("\n".join(_sequence_error(expected, seen, f"{self._kind} on {self._place}")))

    def to_har(self) -> str:
        """Return the calls as the text of an HTTP Archive (HAR 1.2), which browsers and HTTP tools open."""
        from mockscope import __version__
        from mockscope.instruments.har import to_har  # imported late, because it is rarely used

        return to_har(self._calls(), version=__version__)

    def _calls_for(self, wanted: Criteria, *timeout: float) -> list[Call]:
        return self._calls(0.0) if wanted.get("open") is True else self._calls(*timeout)

    def _describe(self, wanted: Criteria) -> str:
        """Return a description of these calls and further criteria."""
        words, of = describe_criteria(wanted, self.redactor), " of "
        return f"{self._kind}{' and' * (self._kind.startswith(of) and words.startswith(of))}{words}"

    def _count_error(self, wanted: Criteria, times: int | None) -> str:
        """Return the message about a wrong number of matching calls; an empty string if the number is right."""
        calls = self._calls_for(wanted)
        found = [call for call in calls if matches(call, wanted)]
        if len(found) == times if times is not None else found:
            return ""
        places = {call.number: place for place, call in enumerate(calls)}
        which = f"{self._describe(wanted)} on {self._place}"
        lines = [f"expected {_count_in_words(times)}{which}, and there {_was_or_were(len(found))}"]
        lines += ["  ..."] * (len(found) > MAX_SHOWN_CALLS) + [_line(call, places) for call in found[-MAX_SHOWN_CALLS:]]
        if times is None or len(found) < times:
            near = find_similar_calls(calls, wanted)[:MAX_SHOWN_CALLS]
            lines += [f"the nearest {'other ' if found else ''}calls, and what differs:"] * bool(near)
            for call in near:
                lines += [_line(call, places), *(f"      {line}" for line in describe_differences(call, wanted))]
        return "\n".join(lines)


class RecordedCalls(Calls):
    """All calls of a site or of a server."""

    def settled(self, timeout: float = WAIT_SECONDS) -> list[Call]:
        """Wait until the calls received so far are complete, and return all calls.

        Args:
            timeout: the maximum time to wait, in seconds.
        """
        raise NotImplementedError

    def clear(self) -> None:
        """Discard all calls. The findings of strict mode stay."""
        raise NotImplementedError


class CallLog(RecordedCalls):
    """The recorded calls of a site, or of a server for requests without a site. The oldest are discarded.

    Args:
        place: the name of the site or server, for messages.
        clock: measures times of receipt and durations.
        size: the maximum number of calls.
        redactor: redacts keys in calls and messages.
        shared: observers of the calls of all sites of the server.
        events: publishes the receipt and the completion of each call, and that the calls were cleared.
        states: returns a function that exports the present records of the site later.
    """

    def __init__(
        self,
        place: str,
        clock: Clock,
        *,
        size: int = MAX_CALLS,
        redactor: Redactor | None = None,
        shared: Sequence[Observer] = (),
        events: EventChannel | None = None,
        states: States | None = None,
    ) -> None:
        super().__init__(self.settled, place, redactor or Redactor())
        self.size = size
        self.accidental: deque[Call] = deque(maxlen=MAX_ACCIDENTAL_CALLS)
        self.clock = clock
        # A weak reference to the handle of the site; None for the calls that reached no site.
        self.owner: Callable[[], object] | None = None
        # Called with each complete call, in the thread that makes the response. Other threads may change the lists.
        self.observers: list[Observer] = []
        self._shared = shared
        self._events = events or EventChannel(EventLog())
        self._states = states
        # The functions that end delayed calls, by the number of the call.
        self._delayed: dict[int, Callable[[], None]] = {}
        # Calls up to this number must not be delayed any more.
        self._last_ended = 0
        self._ring: deque[Call] = deque(maxlen=size)
        self._large: deque[Call] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._waiting = 0
        # The time of the last call or request about the site, in seconds of the machine.
        self.last_used = monotonic()

    # `open` and `close` are called for each request. They need no lock, because each step is atomic.

    def open(self, call: Call) -> None:
        """Store a call on its receipt."""
        call.clock, call.redactor = self.clock, self.redactor
        call.received = self.clock.time()
        call.thread = get_ident()
        self.last_used = monotonic()
        if self._states is not None:
            call.export_before = self._states()
        self._ring.append(call)
        if self._events.log.is_recording:
            # A copy, so that it is rendered as it is now, and only on demand.
            received = copy(call)
            self._events.publish("call.received", lambda: {"call": received.as_dict()}, received.head_bytes)
        _call_observers(CALL_OBSERVERS, call, self)

    def close(self, call: Call) -> None:
        """Complete a call whose response was sent, and notify the observers."""
        duration = self.clock.time() - call.received
        if call.hints and call.rule is None:
            self.accidental.append(call)
        call.finish()
        if call.size_bytes > MIN_COUNTED_BYTES:
            self._limit_bytes(call)
        # Last, because to other threads a call with a duration is complete.
        call.duration = duration
        if self._waiting:
            self._notify()
        if self._events.log.is_recording:
            self._events.publish("call.completed", lambda: {"call": call.as_dict()}, call.size_bytes)
        _call_observers((*self._shared, *self.observers), call)

    @contextmanager
    def mark_delayed(self, call: Call, until: float, end: Callable[[], None]) -> Iterator[None]:
        """Mark a call as delayed by a fault, for a ``with`` block. Queries do not wait for the call.

        Args:
            call: the call.
            until: the end of the delay, in seconds since 1970 on the site's clock.
            end: ends the call. It is called when the site is reset or removed.
        """
        call.delayed_until = until
        self._delayed[call.number] = end
        if call.number <= self._last_ended:
            end()
        self._notify()
        try:
            yield
        finally:
            call.delayed_until = None
            self._delayed.pop(call.number, None)

    def end_delayed(self) -> None:
        """End all delayed calls. Calls that were received so far cannot be delayed any more."""
        # Copied, because another thread may add or discard calls meanwhile.
        self._last_ended = max((call.number for call in self._ring.copy()), default=self._last_ended)
        for end in tuple(self._delayed.values()):
            end()

    def reset(self) -> None:
        """End delayed calls, wait for calls in progress, and discard all calls and their findings."""
        self.end_delayed()
        self.settled()
        self._discard()
        self.accidental.clear()

    def clear(self) -> None:
        self._discard()
        self._events.publish("calls.cleared")

    def _discard(self) -> None:
        with self._changed:
            self._ring.clear()
            self._large.clear()
            self._bytes = 0
            self._changed.notify_all()

    def settled(self, timeout: float = WAIT_SECONDS) -> list[Call]:
        here = get_ident()
        # A thread must not wait for a call whose response it makes itself.
        if waited_for := [call for call in self._ring.copy() if call.is_open and call.thread != here]:
            self._wait_for(waited_for, monotonic() + timeout)
        return list(self._ring.copy())

    def _wait_for(self, calls: list[Call], until: float) -> None:
        with self._changed:
            self._waiting += 1
            while any(call.is_open for call in calls) and (left := until - monotonic()) > 0:
                self._changed.wait(left)
            self._waiting -= 1

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _limit_bytes(self, call: Call) -> None:
        if call.size_bytes > MAX_TOTAL_BYTES:
            # Only changes of records can be this large. All other calls would be discarded for them.
            call.discard_changes()
        with self._changed:
            self._large.append(call)
            self._bytes += call.size_bytes
            # Calls that the ring buffer has discarded are not counted.
            first = self._ring[0].number if self._ring else call.number
            while self._large and self._large[0].number < first:
                self._bytes -= self._large.popleft().size_bytes
            while self._bytes > MAX_TOTAL_BYTES:
                oldest = self._large.popleft()
                self._bytes -= oldest.size_bytes
                oldest.discard_content()


def _call_observers(observers: Sequence[Callable[..., None]], *args: object) -> None:
    # Copied, because an observer that waits for one call removes itself.
    for observe in tuple(observers):
        try:
            observe(*args)
        # An observer may be a user's function. The response does not depend on it.
        except Exception:
            logger.exception("An observer of calls raised an error. The response is not affected.")


def _count_in_words(number: int | None) -> str:
    return "a call" if number is None else "no call" if number == 0 else "1 call" if number == 1 else f"{number} calls"


def _was_or_were(number: int) -> str:
    return "was none" if number == 0 else "was 1:" if number == 1 else f"were {number}:"


def _line(call: Call, places: Mapping[int, int]) -> str:
    hint = f"  {escape_control(str(call.hint))}" if call.hint else ""
    return f"  [{places[call.number]}] {call}{hint}"


def _sequence_error(expected: list[str], seen: list[str], which: str) -> list[str]:
    first = first_difference(expected, seen)
    start, end = max(0, first - CONTEXT_CALLS), first + MAX_SEQUENCE_CALLS
    lines = ndiff(expected[first:end], seen[first:end])
    rest = max(len(expected), len(seen)) > end
    return [
        f"expected {_count_in_words(len(expected))}{which} in this order, and there {_was_or_were(len(seen))}",
        *["  ..."] * (start > 0),
        *[f"    {operation}" for operation in expected[start:first]],
        *[f"  {line}" for line in lines if not line.startswith("?")],
        *["  ..."] * rest,
        "(- expected, + received)",
    ]
