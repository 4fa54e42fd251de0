"""Virtual time for a mock server. The clock of the process is never changed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final, NamedTuple

from mockscope._support.arguments import check_type
from mockscope._support.monotonic import unix_time_ns
from mockscope._support.timestamps import format_time, parse_time
from mockscope.instruments.events import EventChannel, EventLog

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
NANOSECONDS: Final = 1_000_000_000
# The range of times, in nanoseconds since 1970. Whole milliseconds, so that each format can represent both ends.
MIN_NANOSECONDS: Final = -62_135_596_800 * NANOSECONDS
MAX_NANOSECONDS: Final = 253_402_300_799_999 * 1_000_000
OUT_OF_RANGE: Final = "the clock would leave the years 1 to 9999"


class _Adjustment(NamedTuple):
    """The difference between a clock and its parent. It is immutable, so that threads read it without a lock."""

    offset: int = 0
    frozen_at: int | None = None
    autojump: bool = False


class Clock:
    """A clock that can be frozen, shifted and moved. By default it shows the time of the machine.

    The clock of a site follows the clock of its server. A change of the server's clock changes the time of all sites. A
    change of a site's clock changes only that site. The time stays in the years 1 to 9999. A clock is thread-safe.

    Args:
        parent: the clock to follow; None follows the machine.
        source: returns the nanoseconds since 1970, for a clock without a parent.
        events: publishes the changes of this clock.
    """

    def __init__(
        self,
        parent: "Clock | None" = None,
        *,
        source: Callable[[], int] = unix_time_ns,
        events: EventChannel | None = None,
    ) -> None:
        self._parent = parent
        self._events = events or EventChannel(EventLog())
        self._adjustment = _Adjustment()
        self._group: _ClockGroup = _ClockGroup(source) if parent is None else parent._group

    def __repr__(self) -> str:
        return f"<Clock {'frozen at' if self.is_frozen else 'running, now'} {self.now():%Y-%m-%dT%H:%M:%S.%fZ}>"

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return EPOCH + timedelta(microseconds=self._now() // 1000)

    def time(self) -> float:
        """Return the time in seconds since 1970."""
        return self._now() / NANOSECONDS

    @property
    def is_frozen(self) -> bool:
        """Return whether this clock or its parent is frozen."""
        return self._frozen_clock() is not None

    @property
    def autojump(self) -> bool:
        """Return whether the clock is frozen and jumps to the end of each planned delay."""
        stopped = self._frozen_clock()
        return stopped is not None and stopped._adjustment.autojump

    def freeze(self, at: datetime | str | None = None, *, autojump: bool = False) -> None:
        """Stop time.

        Args:
            at: the time to show: an aware datetime, or a string in ISO 8601 with an offset; None is now.
            autojump: end each planned delay at once, and move the clock by the delay. Without it, a delayed response
                waits until the clock is moved.

        Raises:
            ValueError: If it is not a time, has no offset from UTC, or is not in the years 1 to 9999.
        """
        with self._group.lock:
            moment = self._now() if at is None else _nanoseconds(at)
            self._set(_Adjustment(frozen_at=moment, autojump=autojump))

    def resume(self) -> None:
        """Let time run on from the time that the clock shows. A clock with a frozen parent stays frozen."""
        with self._group.lock:
            if self._adjustment.frozen_at is not None:
                self._set(_Adjustment(offset=self._adjustment.frozen_at - self._parent_time()))

    def shift(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move the clock by a duration. A running clock runs on from there. A negative duration moves it back.

        Raises:
            ValueError: If an argument is not a number, or the clock would leave the years 1 to 9999.
        """
        distance = parse_distance(days=days, hours=hours, minutes=minutes, seconds=seconds) // MICROSECOND * 1000
        with self._group.lock:
            self._move(_check_range(self._now() + distance))

    def move_to(self, moment: datetime | str) -> None:
        """Move the clock to a time. A running clock runs on from there.

        Args:
            moment: the time: an aware datetime, or a string in ISO 8601 with an offset.

        Raises:
            ValueError: If it is not a time, has no offset from UTC, or is not in the years 1 to 9999.
        """
        due = _nanoseconds(moment)
        with self._group.lock:
            self._move(due)

    def reset(self) -> None:
        """Undo all changes of this clock, so that it shows the time of its parent or of the machine."""
        with self._group.lock:
            self._set(_Adjustment())

    def as_dict(self) -> dict[str, Any]:
        """Return the state of the clock as plain data, as the control API shows it."""
        return {"now": format_time(self.now()), "frozen": self.is_frozen, "autojump": self.autojump}

    async def sleep(self, seconds: float) -> None:
        """Wait until a number of seconds has passed on this clock, or it has reached the year 9999."""
        due = min(self._now() + round(seconds * NANOSECONDS), MAX_NANOSECONDS)
        while True:
            # The future is registered before the time is read, so that no move is missed.
            with self._group.watch_moves() as moved:
                left = due - self._now()
                if left <= 0:
                    return
                stopped = self._frozen_clock()
                if stopped is not None and stopped._adjustment.autojump:
                    with self._group.lock:
                        # Not an error: the user did not ask for a jump past the year 9999.
                        stopped._move(min(stopped._now() + left, MAX_NANOSECONDS))
                    return
                # asyncio.wait_for would return some iterations of the loop later, when a later request may have been
                # handled before the delayed response.
                timer = None
                if stopped is None:
                    timer = moved.get_loop().call_later(left / NANOSECONDS, _complete, moved)
                try:
                    await moved
                finally:
                    if timer is not None:
                        timer.cancel()

    def _now(self) -> int:
        # A short path, because each call reads the time twice, and most clocks are never moved.
        if not self._group.is_moved:
            return self._group.source()
        offset, frozen_at, _ = self._adjustment
        moment = self._parent_time() + offset if frozen_at is None else frozen_at
        # A running clock, or a move of the parent, may leave the range.
        return min(max(moment, MIN_NANOSECONDS), MAX_NANOSECONDS)

    def _parent_time(self) -> int:
        return self._group.source() if self._parent is None else self._parent._now()

    def _frozen_clock(self) -> "Clock | None":
        """Return this clock or its nearest ancestor that is frozen; None if time runs."""
        clock: Clock | None = self
        while clock is not None and clock._adjustment.frozen_at is None:
            clock = clock._parent
        return clock

    def _move(self, moment: int) -> None:
        if self._adjustment.frozen_at is None:
            self._set(_Adjustment(offset=moment - self._parent_time()))
        else:
            self._set(self._adjustment._replace(frozen_at=moment))

    def _set(self, adjustment: _Adjustment) -> None:
        is_changed, self._adjustment = adjustment != self._adjustment, adjustment
        self._group.is_moved = True
        if is_changed:
            self._events.publish("clock.moved", lambda: {"clock": self.as_dict()})
        self._group.wake()


class _ClockGroup:
    """The state shared by a clock and its followers: the source of time, one lock, and the waiting futures."""

    def __init__(self, source: Callable[[], int]) -> None:
        self.source = source
        self.is_moved = False
        self.lock = Lock()
        self._sleepers_lock = Lock()
        self._sleepers: set[asyncio.Future[None]] = set()

    @contextmanager
    def watch_moves(self) -> Iterator["asyncio.Future[None]"]:
        """Yield a future that is done as soon as a clock of the group is moved."""
        moved = asyncio.get_running_loop().create_future()
        with self._sleepers_lock:
            self._sleepers.add(moved)
        try:
            yield moved
        finally:
            with self._sleepers_lock:
                self._sleepers.remove(moved)

    def wake(self) -> None:
        """Wake all waiting futures."""
        with self._sleepers_lock:
            for moved in self._sleepers:
                # The loop of the future may be closed.
                with suppress(RuntimeError):
                    moved.get_loop().call_soon_threadsafe(_complete, moved)


def _complete(moved: "asyncio.Future[None]") -> None:
    if not moved.done():
        moved.set_result(None)


def _check_range(moment: int) -> int:
    if not MIN_NANOSECONDS <= moment <= MAX_NANOSECONDS:
        raise ValueError(OUT_OF_RANGE)
    return moment


def parse_distance(**parts: float) -> timedelta:
    """Return the duration of a number of days, hours, minutes and seconds.

    Raises:
        ValueError: If one is not a number, or the duration is too long for any clock.
    """
    for name, value in parts.items():
        check_type(name, value, int | float)
    try:
        return timedelta(**parts)
    except (OverflowError, ValueError):
        raise ValueError(OUT_OF_RANGE) from None


def check_moment(moment: datetime | str) -> datetime:
    """Return a time as an aware datetime.

    Raises:
        ValueError: If it is not a time, has no offset from UTC, or is not in the years 1 to 9999.
    """
    parsed = parse_time(moment)
    _check_range((parsed - EPOCH) // MICROSECOND * 1000)
    return parsed


def _nanoseconds(moment: datetime | str) -> int:
    return (check_moment(moment) - EPOCH) // MICROSECOND * 1000
