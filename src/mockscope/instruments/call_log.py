"""The calls of a site: a ring buffer, with the queries and assertions of a test.

This module knows neither HTTP nor the domain.
"""

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import ndiff
from threading import Condition, get_ident
from typing import Any, Final, overload

from mockscope._support.arguments import check_kind
from mockscope._support.monotonic import monotonic
from mockscope._support.text import printable
from mockscope.instruments.call import Call, Observer
from mockscope.instruments.clock import Clock
from mockscope.instruments.matching import (
    Criteria,
    agreement,
    check_operation,
    differences,
    fits,
    nearest_calls,
    spelled,
)
from mockscope.instruments.matching import wanted as wanted_of
from mockscope.instruments.observers import CALL_OBSERVERS
from mockscope.instruments.redaction import Redactor

logger: Final = logging.getLogger("mockscope")

# Default limits: the number of calls, and the bytes of their heads and bodies together. The oldest calls lose theirs
# first, and calls with less than LIGHT bytes are not counted.
MOST_CALLS: Final = 10_000
MOST_BYTES: Final = 48 * 1024 * 1024
LIGHT: Final = 1024
# The time that each query waits for requests in progress, in seconds.
PATIENCE: Final = 2.0
# The number of calls that a failed assertion shows.
NEAREST_SHOWN: Final = 3
# The number of calls that are shown before the first difference of two sequences, and from it on.
CONTEXT: Final = 2
MOST_PARTED: Final = 20
# Calls with findings are kept apart, so that a long test does not lose its first findings.
MOST_SUSPICIOUS: Final = 1000


class Calls(Sequence[Call]):
    """Calls in the order of their receipt, with the queries and assertions of a test.

    Every query first waits for requests in progress, at most PATIENCE seconds.

    Args:
        entries: returns the calls.
        place: the name of the site or server that received them, for messages.
        redactor: redacts keys in messages.
        kind: the criteria of these calls in words, for messages.
    """

    def __init__(self, calls: Callable[[], list[Call]], place: str, redactor: Redactor, kind: str = "") -> None:
        self._calls = calls
        self._place = place
        self.redactor = redactor
        self._kind = kind

    def __repr__(self) -> str:
        calls = self._calls()
        shown = [str(call) for call in calls[-NEAREST_SHOWN:]]
        words = "; ".join(["..."] * (len(calls) > len(shown)) + shown)
        return f"<{_calls(len(calls))}{self._kind} on {self._place}{': ' if words else ''}{words}>"

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
        """Return the place of a call.

        Raises:
            ValueError: If it is not in the sequence.
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
        """Return the calls that match.

        Args:
            operation: one of the ten operations.
            criteria: attributes of a Call and their values: ``status``, ``method``, ``path``, ``email``, ``group``,
                ``params``, ``json``, ``test_mode``, ``rule``, ``fault``, and ``hint`` for the hint's code. A value may
                be an object with its own ``==``, as in dirty-equals.

        Raises:
            ValueError: If the operation or a criterion is unknown.
        """
        wanted = wanted_of(operation, criteria)
        calls = self._calls
        return Calls(
            lambda: [call for call in calls() if fits(call, wanted)],
            self._place,
            self.redactor,
            self._narrowed(wanted),
        )

    def assert_called(self, operation: str, *, times: int | None = None, **criteria: Any) -> None:
        """Assert that an operation was called as often as expected, by calls that match the criteria.

        Args:
            operation: one of the ten operations.
            times: the expected number of calls; None is at least one.
            criteria: as in ``matching``.

        Raises:
            AssertionError: If it was not. The message shows the most similar calls and their differences.
            ValueError: If the operation or a criterion is unknown, or ``times`` is not a number of calls.
        """
        __tracebackhide__ = True
        # None would match any call, and hide a missing one.
        check_operation(operation)
        check_kind("times", times, int | None)
        if times is not None and times < 0:
            raise ValueError(f"times is 0 or more, or None for at least once; not {times}")
        if complaint := self._complaint(wanted_of(operation, criteria), times):
            raise AssertionError(complaint)

    def assert_not_called(self, operation: str | None = None, **criteria: Any) -> None:
        """Assert that no call matches an operation and criteria. Without them: that the site received no calls.

        Args:
            operation: one of the ten operations.
            criteria: as in ``matching``.

        Raises:
            AssertionError: If it was. The message shows the calls.
            ValueError: If the operation or a criterion is unknown.
        """
        __tracebackhide__ = True
        if complaint := self._complaint(wanted_of(operation, criteria), 0):
            raise AssertionError(complaint)

    def assert_sequence(self, operations: Iterable[str]) -> None:
        """Assert that the calls were exactly these operations, in this order.

        Raises:
            AssertionError: If they were not. The message shows the first difference.
            ValueError: If the operation is unknown, or it is one name instead of a list.
        """
        __tracebackhide__ = True
        if isinstance(operations, str):
            raise ValueError(f"a sequence is a list of operations, not the text {operations!r}")
        expected = list(operations)
        for operation in expected:
            check_operation(operation)
        seen = [call.operation or f"{call.method} {call.path}" for call in self._calls()]
        if seen != expected:
            raise AssertionError("\n".join(_parted(expected, seen, f"{self._kind} on {self._place}")))

    def to_har(self) -> str:
        """Return the calls as an HTTP Archive (HAR), for browsers and HTTP tools."""
        from mockscope import __version__
        from mockscope.instruments.har import to_har  # imported late: it is seldom used

        return to_har(self._calls(), version=__version__)

    def _narrowed(self, wanted: Criteria) -> str:
        """Return the matching calls in words."""
        words, of = spelled(wanted, self.redactor), " of "
        return f"{self._kind}{' and' * (self._kind.startswith(of) and words.startswith(of))}{words}"

    def _complaint(self, wanted: Criteria, times: int | None) -> str:
        """Return the error about the number of matching calls; blank if it is the expected number."""
        calls = self._calls()
        found = [call for call in calls if fits(call, wanted)]
        if len(found) == times if times is not None else found:
            return ""
        places = {call.number: place for place, call in enumerate(calls)}
        which = f"{self._narrowed(wanted)} on {self._place}"
        lines = [f"expected {_calls(times)}{which}, and there {_were(len(found))}"]
        lines += ["  ..."] * (len(found) > NEAREST_SHOWN) + [_line(call, places) for call in found[-NEAREST_SHOWN:]]
        if times is None or len(found) < times:
            near = nearest_calls(calls, wanted)[:NEAREST_SHOWN]
            lines += [f"the nearest {'other ' if found else ''}calls, and what differs:"] * bool(near)
            for call in near:
                lines += [_line(call, places), *(f"      {line}" for line in differences(call, wanted))]
        return "\n".join(lines)


class CallLog(Calls):
    """The calls of one site, or those that reached no site: a ring buffer that discards the oldest.

    Args:
        place: the name of the site or server, for messages.
        clock: the clock for the times of receipt and the durations.
        size: the maximum number of calls.
        redactor: redacts keys in calls and messages.
        shared: the observers of all calls of a server.
    """

    def __init__(
        self,
        place: str,
        clock: Clock,
        *,
        size: int = MOST_CALLS,
        redactor: Redactor | None = None,
        shared: Sequence[Observer] = (),
    ) -> None:
        super().__init__(self.settled, place, redactor or Redactor())
        self.size = size
        self.suspicious: deque[Call] = deque(maxlen=MOST_SUSPICIOUS)
        self.clock = clock
        # Called with each complete call, in the thread that responds. The lists may change at any time.
        self.observers: list[Observer] = []
        self._shared = shared
        # By the number of a delayed call, the function that ends it.
        self._held: dict[int, Callable[[], None]] = {}
        # No call up to this number may be delayed any more.
        self._let_go = 0
        self._ring: deque[Call] = deque(maxlen=size)
        self._heavy: deque[Call] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._waiting = 0

    # Both are called for every request, and need no lock: each of their steps is atomic.

    def open(self, call: Call) -> None:
        """Store a call on its receipt."""
        call.clock, call.redactor = self.clock, self.redactor
        call.received = self.clock.time()
        call.thread = get_ident()
        self._ring.append(call)
        for observe in CALL_OBSERVERS:
            observe(call, self)

    def close(self, call: Call) -> None:
        """Complete a call whose response was sent, and show it to the observers."""
        duration = self.clock.time() - call.received
        if call.hints and call.rule is None:
            self.suspicious.append(call)
        call.seal()
        if call.weight > LIGHT:
            self._weigh(call)
        # Last: to other threads, a call with a duration is complete.
        call.duration = duration
        if self._waiting:
            self._tell()
        # Copied, because an observer that waits for one call removes itself.
        for observe in (*self._shared, *self.observers):
            try:
                observe(call)
            # An observer may be a user's function, and the request is complete whatever it raises.
            except Exception:
                logger.exception("An observer of calls raised an error; the answer was out before.")

    @contextmanager
    def holding(self, call: Call, until: float, let_go: Callable[[], None]) -> Iterator[None]:
        """Mark a call as delayed by a fault, in a ``with`` block. Queries do not wait for it.

        Args:
            entry: the call.
            until: the end of the delay, on the site's clock.
            let_go: a function that ends the call when the site is reset or removed.
        """
        call.held_until = until
        self._held[call.number] = let_go
        if call.number <= self._let_go:
            let_go()
        self._tell()
        try:
            yield
        finally:
            call.held_until = None
            self._held.pop(call.number, None)

    def let_go(self) -> None:
        """End all delayed calls. No fault can delay the calls that were received so far any more."""
        # Copied: another thread may discard the calls meanwhile.
        self._let_go = max((call.number for call in self._ring.copy()), default=self._let_go)
        for let_go in tuple(self._held.values()):
            let_go()

    def reset(self) -> None:
        """Discard all calls and their findings, after waiting for those in progress.

        Calls that faults delay are ended.
        """
        self.let_go()
        self.settled()
        self.clear()
        self.suspicious.clear()

    def clear(self) -> None:
        """Discard all calls. The findings of strict mode stay."""
        with self._changed:
            self._ring.clear()
            self._heavy.clear()
            self._bytes = 0
            self._changed.notify_all()

    def settled(self, patience: float = PATIENCE) -> list[Call]:
        """Wait until the calls so far are complete, at most ``patience`` seconds, and return all calls."""
        here = get_ident()
        # A thread cannot wait for a call to which it must respond itself.
        if waited_for := [call for call in self._ring.copy() if call.is_open and call.thread != here]:
            self._wait_for(waited_for, monotonic() + patience)
        return list(self._ring.copy())

    def _wait_for(self, calls: list[Call], until: float) -> None:
        with self._changed:
            self._waiting += 1
            while any(call.is_open for call in calls) and (left := until - monotonic()) > 0:
                self._changed.wait(left)
            self._waiting -= 1

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _weigh(self, call: Call) -> None:
        with self._changed:
            self._heavy.append(call)
            self._bytes += call.weight
            # Calls that the ring has discarded have no weight.
            first = self._ring[0].number if self._ring else call.number
            while self._heavy and self._heavy[0].number < first:
                self._bytes -= self._heavy.popleft().weight
            while self._bytes > MOST_BYTES:
                oldest = self._heavy.popleft()
                self._bytes -= oldest.weight
                oldest.forget_bodies()


def _calls(number: int | None) -> str:
    return "a call" if number is None else "no call" if number == 0 else "1 call" if number == 1 else f"{number} calls"


def _were(number: int) -> str:
    return "was none" if number == 0 else "was 1:" if number == 1 else f"were {number}:"


def _line(call: Call, places: Mapping[int, int]) -> str:
    hint = f"  {printable(str(call.hint))}" if call.hint else ""
    return f"  [{places[call.number]}] {call}{hint}"


def _parted(expected: list[str], seen: list[str], which: str) -> list[str]:
    together = agreement(expected, seen)
    start, end = max(0, together - CONTEXT), together + MOST_PARTED
    lines = ndiff(expected[together:end], seen[together:end])
    rest = max(len(expected), len(seen)) > end
    return [
        f"expected {_calls(len(expected))}{which} in this order, and there {_were(len(seen))}",
        *["  ..."] * (start > 0),
        *[f"    {operation}" for operation in expected[start:together]],
        *[f"  {line}" for line in lines if not line.startswith("?")],
        *["  ..."] * rest,
        "(- expected, + received)",
    ]
