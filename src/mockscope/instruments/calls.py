"""The calls of a site: a ring that keeps them, and the questions that a test asks about them.

Nothing of HTTP is done here, and nothing of the domain is known.
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
from mockscope.instruments.clock import Clock
from mockscope.instruments.entry import Entry, Observer
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
from mockscope.instruments.veil import Veil

logger: Final = logging.getLogger("mockscope")

# Default limits: the number of calls, and the bytes of their heads and bodies together. The oldest calls lose theirs
# first, and calls with less than LIGHT bytes are not counted.
MOST_CALLS: Final = 10_000
MOST_BYTES: Final = 48 * 1024 * 1024
LIGHT: Final = 1024
# How long a look at the calls waits, in seconds, for requests that are still being answered.
PATIENCE: Final = 2.0
# The number of calls that a failed assertion shows.
NEAREST_SHOWN: Final = 3
# The calls that are shown of two sequences before the place where they part, and from it on.
CONTEXT: Final = 2
MOST_PARTED: Final = 20
# Calls with something to remark on are kept apart, so that a long test does not forget its first ones.
MOST_SUSPICIOUS: Final = 1000


class Calls(Sequence[Entry]):
    """Calls in the order of their receipt, with the questions and assertions of a test.

    Every look first waits, at most PATIENCE seconds, for requests that are still being answered.

    Args:
        entries: gives the calls there are.
        place: where they were received, for messages.
        veil: hides the keys in messages.
        kind: which of those calls they are, for messages.
    """

    def __init__(self, entries: Callable[[], list[Entry]], place: str, veil: Veil, kind: str = "") -> None:
        self._entries = entries
        self._place = place
        self.veil = veil
        self._kind = kind

    def __repr__(self) -> str:
        entries = self._entries()
        shown = [str(entry) for entry in entries[-NEAREST_SHOWN:]]
        words = "; ".join(["..."] * (len(entries) > len(shown)) + shown)
        return f"<{_calls(len(entries))}{self._kind} on {self._place}{': ' if words else ''}{words}>"

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries())

    def __reversed__(self) -> Iterator[Entry]:
        return reversed(self._entries())

    @overload
    def __getitem__(self, place: int) -> Entry: ...

    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...

    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        return self._entries()[place]

    def index(self, value: Entry, start: int = 0, stop: int = sys.maxsize) -> int:
        """Return the place of a call.

        Raises:
            ValueError: If it is not among them.
        """
        return self._entries().index(value, start, stop)

    @property
    def last(self) -> Entry:
        """The latest call.

        Raises:
            LookupError: If no call was received.
        """
        if entries := self._entries():
            return entries[-1]
        raise LookupError(f"{self._place} received no call{self._kind}")

    def for_operation(self, operation: str) -> "Calls":
        """Return the calls of one operation.

        Raises:
            ValueError: If the operation is unknown.
        """
        check_operation(operation)
        return self.matching(operation)

    def matching(self, operation: str | None = None, **criteria: Any) -> "Calls":
        """Return the calls that fit.

        Args:
            operation: one of the ten operations.
            criteria: attributes of an Entry and what they are equal to: ``status``, ``method``, ``path``, ``email``,
                ``group``, ``params``, ``json``, ``test_mode``, ``rule``, ``fault``, and ``hint`` for the hint's code.
                An object that compares itself, as those of dirty-equals do, may stand for any value.

        Raises:
            ValueError: If the operation or a criterion is unknown.
        """
        wanted = wanted_of(operation, criteria)
        entries = self._entries
        return Calls(
            lambda: [entry for entry in entries() if fits(entry, wanted)],
            self._place,
            self.veil,
            self._narrowed(wanted),
        )

    def assert_called(self, operation: str, *, times: int | None = None, **criteria: Any) -> None:
        """Assert that an operation was called, as often as expected and with what the criteria say.

        Args:
            operation: one of the ten operations.
            times: the number of calls; None is at least one.
            criteria: as in ``matching``.

        Raises:
            AssertionError: If it was not, or not so often; shows the calls that come nearest and what differs.
            ValueError: If the operation or a criterion is unknown, or ``times`` is not a number of calls.
        """
        __tracebackhide__ = True
        # None would be any call, and the one that is meant may be missing.
        check_operation(operation)
        check_kind("times", times, int | None)
        if times is not None and times < 0:
            raise ValueError(f"times is 0 or more, or None for at least once; not {times}")
        if complaint := self._complaint(wanted_of(operation, criteria), times):
            raise AssertionError(complaint)

    def assert_not_called(self, operation: str | None = None, **criteria: Any) -> None:
        """Assert that an operation was not called or, without one, that nothing was.

        Args:
            operation: one of the ten operations.
            criteria: as in ``matching``.

        Raises:
            AssertionError: If it was; shows the calls.
            ValueError: If the operation or a criterion is unknown.
        """
        __tracebackhide__ = True
        if complaint := self._complaint(wanted_of(operation, criteria), 0):
            raise AssertionError(complaint)

    def assert_sequence(self, operations: Iterable[str]) -> None:
        """Assert that the calls were of these operations, in this order, and no others.

        Raises:
            AssertionError: If they were not; shows where they part.
            ValueError: If the operation is unknown, or it is one name instead of a list.
        """
        __tracebackhide__ = True
        if isinstance(operations, str):
            raise ValueError(f"a sequence is a list of operations, not the text {operations!r}")
        expected = list(operations)
        for operation in expected:
            check_operation(operation)
        seen = [entry.operation or f"{entry.method} {entry.path}" for entry in self._entries()]
        if seen != expected:
            raise AssertionError("\n".join(_parted(expected, seen, f"{self._kind} on {self._place}")))

    def to_har(self) -> str:
        """Return the calls as an HTTP Archive, which browsers and HTTP tools open."""
        from mockscope import __version__
        from mockscope.instruments.har import to_har  # here, not above: few ask for it

        return to_har(self._entries(), version=__version__)

    def _narrowed(self, wanted: Criteria) -> str:
        """Return the words for those of these calls that fit."""
        words, of = spelled(wanted, self.veil), " of "
        return f"{self._kind}{' and' * (self._kind.startswith(of) and words.startswith(of))}{words}"

    def _complaint(self, wanted: Criteria, times: int | None) -> str:
        """Return the complaint about the number of calls that fit; blank if it is the expected one."""
        entries = self._entries()
        found = [entry for entry in entries if fits(entry, wanted)]
        if len(found) == times if times is not None else found:
            return ""
        places = {entry.number: place for place, entry in enumerate(entries)}
        which = f"{self._narrowed(wanted)} on {self._place}"
        lines = [f"expected {_calls(times)}{which}, and there {_were(len(found))}"]
        lines += ["  ..."] * (len(found) > NEAREST_SHOWN) + [_line(entry, places) for entry in found[-NEAREST_SHOWN:]]
        if times is None or len(found) < times:
            near = nearest_calls(entries, wanted)[:NEAREST_SHOWN]
            lines += [f"the nearest {'other ' if found else ''}calls, and what differs:"] * bool(near)
            for entry in near:
                lines += [_line(entry, places), *(f"      {line}" for line in differences(entry, wanted))]
        return "\n".join(lines)


class Journal(Calls):
    """The calls of one site, or of none: a ring that forgets the oldest.

    Args:
        place: where they are received, for messages.
        clock: tells when they were received, and how long they took.
        size: how many calls are kept.
        veil: hides the keys in what is shown of them.
        shared: the observers of all calls of a server.
    """

    def __init__(
        self,
        place: str,
        clock: Clock,
        *,
        size: int = MOST_CALLS,
        veil: Veil | None = None,
        shared: Sequence[Observer] = (),
    ) -> None:
        super().__init__(self.settled, place, veil or Veil())
        self.size = size
        self.suspicious: deque[Entry] = deque(maxlen=MOST_SUSPICIOUS)
        self.clock = clock
        # Called with each call once it is complete, in the thread that answers. The lists may change at any time.
        self.observers: list[Observer] = []
        self._shared = shared
        # By the numbers of the calls that faults keep back, what ends each.
        self._held: dict[int, Callable[[], None]] = {}
        # No call up to this number may be kept back any more.
        self._let_go = 0
        self._ring: deque[Entry] = deque(maxlen=size)
        self._heavy: deque[Entry] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._waiting = 0

    # Both are called for every request, and take no lock: what they do is one step each to other threads.

    def open(self, entry: Entry) -> None:
        """Keep a call that was just received."""
        entry.clock, entry.veil = self.clock, self.veil
        entry.received = self.clock.time()
        entry.thread = get_ident()
        self._ring.append(entry)
        for observe in CALL_OBSERVERS:
            observe(entry, self)

    def close(self, entry: Entry) -> None:
        """Complete a call whose response was sent, and show it to the observers."""
        duration = self.clock.time() - entry.received
        if entry.suspicions and entry.rule is None:
            self.suspicious.append(entry)
        entry.seal()
        if entry.weight > LIGHT:
            self._weigh(entry)
        # Last: another thread takes a call that has a duration for complete.
        entry.duration = duration
        if self._waiting:
            self._tell()
        # Copied, because an observer that waits for one call removes itself.
        for observe in (*self._shared, *self.observers):
            try:
                observe(entry)
            except Exception:
                logger.exception("An observer of calls raised an error; the answer was out before.")

    @contextmanager
    def holding(self, entry: Entry, until: float, let_go: Callable[[], None]) -> Iterator[None]:
        """Mark a call that a fault keeps back, for a ``with`` block: nobody need wait for it.

        Args:
            entry: the call.
            until: the time on the clock at which it goes on.
            let_go: ends it when the site is reset or removed.
        """
        entry.held_until = until
        self._held[entry.number] = let_go
        if entry.number <= self._let_go:
            let_go()
        self._tell()
        try:
            yield
        finally:
            entry.held_until = None
            self._held.pop(entry.number, None)

    def let_go(self) -> None:
        """End the calls that faults keep back now, and those received so far that they would keep back later."""
        # Copied: another thread may forget the calls meanwhile.
        self._let_go = max((entry.number for entry in self._ring.copy()), default=self._let_go)
        for let_go in tuple(self._held.values()):
            let_go()

    def reset(self) -> None:
        """Forget all calls and their findings, once those are complete that are being answered.

        Calls that faults keep back are ended.
        """
        self.let_go()
        self.settled()
        self.clear()
        self.suspicious.clear()

    def clear(self) -> None:
        """Forget all calls. What strict mode found stays found."""
        with self._changed:
            self._ring.clear()
            self._heavy.clear()
            self._bytes = 0
            self._changed.notify_all()

    def settled(self, patience: float = PATIENCE) -> list[Entry]:
        """Return the calls, once those are complete that were received before, or after ``patience`` seconds."""
        here = get_ident()
        # In a loop's own thread, waiting for what this thread has to answer would be in vain.
        if waited_for := [entry for entry in self._ring.copy() if entry.is_open and entry.thread != here]:
            self._wait_for(waited_for, monotonic() + patience)
        return list(self._ring.copy())

    def _wait_for(self, entries: list[Entry], until: float) -> None:
        with self._changed:
            self._waiting += 1
            while any(entry.is_open for entry in entries) and (left := until - monotonic()) > 0:
                self._changed.wait(left)
            self._waiting -= 1

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _weigh(self, entry: Entry) -> None:
        with self._changed:
            self._heavy.append(entry)
            self._bytes += entry.weight
            # What the ring has forgotten weighs nothing any more.
            first = self._ring[0].number if self._ring else entry.number
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


def _line(entry: Entry, places: Mapping[int, int]) -> str:
    hint = f"  {printable(str(entry.advice))}" if entry.advice else ""
    return f"  [{places[entry.number]}] {entry}{hint}"


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
