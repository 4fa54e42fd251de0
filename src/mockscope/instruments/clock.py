"""Virtual time: what the mock shows and measures time by. The clock of the process is never touched."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final, NamedTuple

from mockscope._support.monotonic import unix_time_ns
from mockscope.moments import aware

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
NANOSECONDS: Final = 1_000_000_000
# In nanoseconds since 1970, in whole milliseconds: every text and every float of a time can still show these.
EARLIEST: Final = -62_135_596_800 * NANOSECONDS
LATEST: Final = 253_402_300_799_999 * 1_000_000
OUT_OF_RANGE: Final = "the clock would leave the years 1 to 9999"


class _Setting(NamedTuple):
    """The difference of a clock from the one that it follows. Replaced whole, so that no reader sees half of it."""

    offset: int = 0
    frozen_at: int | None = None
    autojump: bool = False


class Clock:
    """A clock that can be frozen, shifted and moved. By default it runs, and shows the time of the machine.

    A site's clock follows the server's: what is done to the server's clock happens to all sites, and what is done to
    a site's own happens to that site alone. It keeps to the years 1 to 9999. Safe to use from several threads.

    Args:
        parent: the clock to follow; None follows the machine's.
        source: the nanoseconds since 1970 that a clock without parent follows.
    """

    def __init__(self, parent: "Clock | None" = None, *, source: Callable[[], int] = unix_time_ns) -> None:
        self._parent = parent
        self._setting = _Setting()
        self._family: _Family = _Family(source) if parent is None else parent._family

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
        """Return whether time stands still, here or on the clock that this one follows."""
        return self._stopped() is not None

    @property
    def autojump(self) -> bool:
        """Return whether time stands still, but jumps to the end of each wait of the mock."""
        stopped = self._stopped()
        return stopped is not None and stopped._setting.autojump

    def freeze(self, at: datetime | str | None = None, *, autojump: bool = False) -> None:
        """Stop time.

        Args:
            at: where to stop: an aware datetime, or ISO 8601 with an offset; None is now.
            autojump: what the mock waits for (a planned delay) is over at once, and the clock jumps there. Without
                it, a delayed answer waits until the clock is moved.

        Raises:
            ValueError: If it is not a time, has no offset from UTC, or is not in the years 1 to 9999.
        """
        with self._family.lock:
            moment = self._now() if at is None else _nanoseconds(at)
            self._set(_Setting(frozen_at=moment, autojump=autojump))

    def resume(self) -> None:
        """Let time run on from where it stands. A clock that follows a frozen one goes on with that."""
        with self._family.lock:
            if self._setting.frozen_at is not None:
                self._set(_Setting(offset=self._setting.frozen_at - self._followed()))

    def shift(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move time by a distance; a running clock runs on from there. Negative distances go back.

        Raises:
            ValueError: If the clock would leave the years 1 to 9999.
        """
        try:
            distance = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds) // MICROSECOND * 1000
        except OverflowError:
            raise ValueError(OUT_OF_RANGE) from None
        with self._family.lock:
            self._move(_checked(self._now() + distance))

    def move_to(self, moment: datetime | str) -> None:
        """Move time to a moment; a running clock runs on from there.

        Args:
            moment: an aware datetime, or ISO 8601 with an offset.

        Raises:
            ValueError: If it is not a time, has no offset from UTC, or is not in the years 1 to 9999.
        """
        due = _nanoseconds(moment)
        with self._family.lock:
            self._move(due)

    def reset(self) -> None:
        """Follow the clock it was made to follow, as on the first day."""
        with self._family.lock:
            self._set(_Setting())

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed on this clock, however they pass, or it is at the end of its years."""
        due = min(self._now() + round(seconds * NANOSECONDS), LATEST)
        while True:
            # Before the look at the time, so that no move is missed in between.
            with self._family.listening() as moved:
                left = due - self._now()
                if left <= 0:
                    return
                stopped = self._stopped()
                if stopped is not None and stopped._setting.autojump:
                    with self._family.lock:
                        # Nobody asked for a moment that is not there.
                        stopped._move(min(stopped._now() + left, LATEST))
                    return
                # Not by asyncio.wait_for: what is due must be under way before a later request is, and that would be
                # four rounds of the loop later.
                timer = None
                if stopped is None:
                    timer = moved.get_loop().call_later(left / NANOSECONDS, _ring, moved)
                try:
                    await moved
                finally:
                    if timer is not None:
                        timer.cancel()

    def _now(self) -> int:
        # Every call asks for it twice, and most clocks are never moved.
        if not self._family.is_moved:
            return self._family.source()
        offset, frozen_at, _ = self._setting
        moment = self._followed() + offset if frozen_at is None else frozen_at
        # A clock may run, or be carried by the one it follows, beyond the dates of Python.
        return min(max(moment, EARLIEST), LATEST)

    def _followed(self) -> int:
        return self._family.source() if self._parent is None else self._parent._now()

    def _stopped(self) -> "Clock | None":
        """Return the clock that stands still: this one, or the nearest of those that it follows."""
        clock: Clock | None = self
        while clock is not None and clock._setting.frozen_at is None:
            clock = clock._parent
        return clock

    def _move(self, moment: int) -> None:
        if self._setting.frozen_at is None:
            self._set(_Setting(offset=moment - self._followed()))
        else:
            self._set(self._setting._replace(frozen_at=moment))

    def _set(self, setting: _Setting) -> None:
        self._setting = setting
        self._family.is_moved = True
        self._family.wake()


class _Family:
    """A clock and those that follow it: the machine's time, one lock, and all who wait for any of them to move."""

    def __init__(self, source: Callable[[], int]) -> None:
        self.source = source
        self.is_moved = False
        self.lock = Lock()
        self._sleepers_lock = Lock()
        self._sleepers: set[asyncio.Future[None]] = set()

    @contextmanager
    def listening(self) -> Iterator["asyncio.Future[None]"]:
        """Yield a future that is done when a clock of the family is moved."""
        moved = asyncio.get_running_loop().create_future()
        with self._sleepers_lock:
            self._sleepers.add(moved)
        try:
            yield moved
        finally:
            with self._sleepers_lock:
                self._sleepers.remove(moved)

    def wake(self) -> None:
        """Wake all who wait."""
        with self._sleepers_lock:
            for moved in self._sleepers:
                # One whose loop was closed under it will never wake.
                with suppress(RuntimeError):
                    moved.get_loop().call_soon_threadsafe(_ring, moved)


def _ring(moved: "asyncio.Future[None]") -> None:
    if not moved.done():
        moved.set_result(None)


def _checked(moment: int) -> int:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(OUT_OF_RANGE)
    return moment


def _nanoseconds(moment: datetime | str) -> int:
    return _checked((aware(moment) - EPOCH) // MICROSECOND * 1000)
