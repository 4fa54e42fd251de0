"""The calls of a site: a ring that keeps them, and the questions that a test asks about them.

Nothing of HTTP is done here, and nothing of the domain is known.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import ndiff
from threading import Condition, get_ident
from time import monotonic
from typing import Any, Final, overload

from mockscope.instruments.clock import Clock
from mockscope.instruments.entry import Entry
from mockscope.instruments.log import text_line
from mockscope.instruments.matching import differences, fits, likeness, spelled
from mockscope.instruments.matching import wanted as wanted_of

# Of calls so many, unless told otherwise, and of their bodies and answers together so many bytes.
MOST_CALLS: Final = 10_000
MOST_BYTES: Final = 64 * 1024 * 1024
# How long a look at the calls waits, in seconds, for requests that are still being answered.
PATIENCE: Final = 2.0
# The calls that a failed assertion shows.
NEAREST_SHOWN: Final = 3
# Calls with something to remark on are kept apart, so that a long test does not forget its first ones.
MOST_SUSPICIOUS: Final = 1000


class Calls(Sequence[Entry]):
    """Calls in the order of their receipt, and what a test may ask of them.

    Every look first waits, at most PATIENCE seconds, for requests that are still being answered.

    Args:
        entries: gives the calls there are.
        about: what they are the calls of, for messages.
    """

    def __init__(self, entries: Callable[[], list[Entry]], about: str) -> None:
        self._entries = entries
        self._about = about

    def __repr__(self) -> str:
        return f"<{len(self)} calls of {self._about}>"

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries())

    @overload
    def __getitem__(self, place: int) -> Entry: ...

    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...

    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        return self._entries()[place]

    @property
    def last(self) -> Entry:
        """The latest call.

        Raises:
            LookupError: there is none.
        """
        for entry in reversed(self._entries()):
            return entry
        raise LookupError(f"{self._about} received no call")

    def for_operation(self, operation: str) -> "Calls":
        """The calls of one operation.

        Raises:
            ValueError: there is no such operation.
        """
        return self.matching(operation)

    def matching(self, operation: str | None = None, **criteria: Any) -> "Calls":
        """The calls that fit.

        Args:
            operation: one of the ten operations.
            criteria: attributes of an Entry and what they are equal to: ``status``, ``method``, ``path``, ``email``,
                ``group``, ``params``, ``json``, ``test_mode``, ``rule``, ``fault``, and ``hint`` for the hint's code.
                An object that compares itself, as those of dirty-equals do, may stand for any value.

        Raises:
            ValueError: there is no such operation or criterion.
        """
        wanted = wanted_of(operation, criteria)
        entries = self._entries
        return Calls(
            lambda: [entry for entry in entries() if fits(entry, wanted)],
            f"{self._about}{spelled(wanted)}",
        )

    def assert_called(self, operation: str, *, times: int | None = None, **criteria: Any) -> None:
        """Assert that an operation was called, and with what.

        Args:
            operation: one of the ten operations.
            times: how often; None is at least once.
            criteria: as in ``matching``.

        Raises:
            AssertionError: it was not, or not so often; shows the calls that come nearest and what differs.
            ValueError: there is no such operation or criterion.
        """
        __tracebackhide__ = True
        wanted = wanted_of(operation, criteria)
        entries = self._entries()
        found = [entry for entry in entries if fits(entry, wanted)]
        if len(found) != times if times is not None else not found:
            raise AssertionError(self._complaint(wanted, _times(times), found, entries))

    def assert_not_called(self, operation: str | None = None, **criteria: Any) -> None:
        """Assert that an operation was not called or, without one, that nothing was.

        Args:
            operation: one of the ten operations.
            criteria: as in ``matching``.

        Raises:
            AssertionError: it was; shows the calls.
            ValueError: there is no such operation or criterion.
        """
        __tracebackhide__ = True
        wanted = wanted_of(operation, criteria)
        entries = self._entries()
        found = [entry for entry in entries if fits(entry, wanted)]
        if found:
            raise AssertionError(self._complaint(wanted, "no call", found, entries))

    def assert_sequence(self, operations: Iterable[str]) -> None:
        """Assert that the calls were of these operations, in this order, and no others.

        Raises:
            AssertionError: they were not; shows where they part.
            ValueError: there is no such operation.
        """
        __tracebackhide__ = True
        expected = list(operations)
        for operation in expected:
            wanted_of(operation, {})
        entries = self._entries()
        seen = [entry.operation or f"{entry.method} {entry.path}" for entry in entries]
        if seen != expected:
            raise AssertionError("\n".join([f"{self._about} was called in another order:", *_parted(expected, seen)]))

    def to_har(self) -> str:
        """The calls as an HTTP Archive, which browsers and HTTP tools open."""
        from mockscope import __version__
        from mockscope.instruments.har import to_har  # here, not above: few ask for it

        return to_har(self._entries(), version=__version__)

    def _complaint(self, wanted: Mapping[str, Any], expected: str, found: list[Entry], entries: list[Entry]) -> str:
        lines = [f"expected {expected}{spelled(wanted)} on {self._about}, and there {_were(len(found))}"]
        if found:
            lines += [f"  {text_line(entry)}" for entry in found[-NEAREST_SHOWN:]]
            return "\n".join(lines)
        ranked = sorted(entries, key=lambda entry: -likeness(entry, wanted))[:NEAREST_SHOWN]
        if not ranked:
            return f"{lines[0]}: it received no call at all"
        lines.append("the nearest calls, and what differs:")
        for entry in ranked:
            lines.append(f"  {text_line(entry)}")
            lines += [f"      {difference}" for difference in differences(entry, wanted)]
        return "\n".join(lines)


class Journal(Calls):
    """The calls of one site, or of none: a ring that forgets the oldest.

    Args:
        about: what they are the calls of, for messages.
        clock: tells when they were received, and how long they took.
        size: how many calls are kept.
    """

    def __init__(self, about: str, clock: Clock, *, size: int = MOST_CALLS) -> None:
        super().__init__(self.settled, about)
        self.size = size
        self.suspicious: deque[Entry] = deque(maxlen=MOST_SUSPICIOUS)
        self._clock = clock
        self._ring: deque[Entry] = deque()
        self._bytes = 0
        self._open: dict[int, Entry] = {}
        self._changed = Condition()
        self._writer = 0

    def open(self, entry: Entry) -> None:
        """Keep a call that was just received."""
        entry.journal = self
        entry.received = self._clock.time()
        with self._changed:
            self._writer = get_ident()
            self._open[entry.number] = entry
            self._ring.append(entry)
            if len(self._ring) > self.size:
                self._forget()

    def close(self, entry: Entry) -> None:
        """Complete a call: its answer is out."""
        entry.duration = self._clock.time() - entry.received
        with self._changed:
            if entry.suspicions:
                self.suspicious.append(entry)
            if self._open.pop(entry.number, None) is None:
                return
            self._bytes += _weight(entry)
            while self._bytes > MOST_BYTES:
                self._forget()
            if not self._open:
                self._changed.notify_all()

    def hold(self, entry: Entry) -> None:
        """A fault keeps the answer back: nobody need wait for it."""
        with self._changed:
            entry.is_held = True
            self._changed.notify_all()

    def reset(self) -> None:
        """Forget all calls, and what there was to remark on them."""
        self.clear()
        self.suspicious.clear()

    def clear(self) -> None:
        """Forget all calls. What strict mode found stays found."""
        with self._changed:
            self._ring.clear()
            self._open.clear()
            self._bytes = 0
            self._changed.notify_all()

    def settled(self, patience: float = PATIENCE) -> list[Entry]:
        """The calls, once those are complete that were received before this was asked."""
        until = monotonic() + patience
        with self._changed:
            # In a loop's own thread, waiting for what this thread has to answer would be in vain.
            waited_for = () if self._writer == get_ident() else tuple(self._open)
            while any(number in self._open and not self._open[number].is_held for number in waited_for):
                left = until - monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return list(self._ring)

    def _forget(self) -> None:
        oldest = self._ring.popleft()
        # One that is still open has not been weighed.
        if self._open.pop(oldest.number, None) is None:
            self._bytes -= _weight(oldest)


def _weight(entry: Entry) -> int:
    return len(entry.body or b"") + len(entry.answer or b"")


def _times(times: int | None) -> str:
    return "a call" if times is None else "1 call" if times == 1 else f"{times} calls"


def _were(number: int) -> str:
    return "was none" if number == 0 else "was 1" if number == 1 else f"were {number}"


def _parted(expected: list[str], seen: list[str]) -> list[str]:
    lines = ndiff([f"{word}\n" for word in expected], [f"{word}\n" for word in seen])
    return [f"  {line.rstrip()}" for line in lines if not line.startswith("?")] + ["(- expected, + received)"]
