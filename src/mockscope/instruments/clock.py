"""Virtual time: what the mock shows and measures time by. The clock of the process is read, and never touched."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that can be frozen, shifted and moved. By default it runs, and shows the time of the machine.

    A site's clock follows the server's: what is done to the server's clock happens to all sites, and what is done to
    a site's own happens to that site alone. Safe to use from several threads.

    Args:
        parent: the clock to follow; None follows the machine's.
        source: the seconds since 1970 that a clock without parent follows.
    """

    def __init__(self, parent: "Clock | None" = None, *, source: Callable[[], float] = time.time) -> None:
        self._source: Callable[[], float] = source if parent is None else parent.time
        self._sleepers: _Sleepers = _Sleepers() if parent is None else parent._sleepers
        self._parent = parent
        self._offset = 0.0
        self._frozen_at: float | None = None
        self._autojump = False

    def __repr__(self) -> str:
        return f"<Clock {'frozen at' if self.is_frozen else 'running, now'} {self.now():%Y-%m-%dT%H:%M:%S.%fZ}>"

    def time(self) -> float:
        """The time in seconds since 1970."""
        return self._source() + self._offset if self._frozen_at is None else self._frozen_at

    def now(self) -> datetime:
        """The time, in UTC."""
        return EPOCH + timedelta(seconds=self.time())

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still, here or on the clock that this one follows."""
        return self._frozen_at is not None or (self._parent is not None and self._parent.is_frozen)

    @property
    def autojump(self) -> bool:
        """Whether a frozen clock jumps to the end of whatever the mock waits for."""
        return self._autojump if self._frozen_at is not None or self._parent is None else self._parent.autojump

    def freeze(self, at: datetime | str | None = None, *, autojump: bool = False) -> None:
        """Stop time.

        Args:
            at: where to stop: an aware datetime, or ISO 8601 with an offset; None is now.
            autojump: what the mock waits for (a planned delay) is over at once, and the clock jumps there. Without
                it, a delayed answer waits until the clock is moved.

        Raises:
            ValueError: the time has no offset from UTC.
        """
        self._frozen_at = self.time() if at is None else _seconds(at)
        self._autojump = autojump
        self._sleepers.wake()

    def resume(self) -> None:
        """Let time run on from where it stands."""
        if self._frozen_at is not None:
            self._offset, self._frozen_at = self._frozen_at - self._source(), None
        self._sleepers.wake()

    def shift(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move time by a distance; a running clock runs on from there. Negative distances go back.

        Raises:
            ValueError: the clock would leave the years 1 to 9999.
        """
        distance = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        self._set(self.time() + distance)

    def move_to(self, moment: datetime | str) -> None:
        """Move time to a moment; a running clock runs on from there.

        Args:
            moment: an aware datetime, or ISO 8601 with an offset.

        Raises:
            ValueError: the time has no offset from UTC.
        """
        self._set(_seconds(moment))

    def reset(self) -> None:
        """Follow the clock it was made to follow, as on the first day."""
        self._offset, self._frozen_at, self._autojump = 0.0, None, False
        self._sleepers.wake()

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed on this clock, however they pass."""
        due = self.time() + seconds
        with self._sleepers.listening() as moved:
            while (left := due - self.time()) > 0:
                if self.is_frozen and self.autojump:
                    self._set(due)
                else:
                    await _until(moved, None if self.is_frozen else left)
                    # Cleared before the next look at the time, so that no move is missed in between.
                    moved.clear()

    def _set(self, moment: float) -> None:
        try:
            EPOCH + timedelta(seconds=moment)
        except (OverflowError, ValueError):
            raise ValueError("the clock would leave the years 1 to 9999") from None
        if self._frozen_at is None:
            self._offset = moment - self._source()
        else:
            self._frozen_at = moment
        self._sleepers.wake()


class _Sleepers:
    """Those who wait for a clock to move: one family of clocks, one list."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever a clock of the family is moved."""
        moved = asyncio.Event()
        with self._lock:
            self._waiting[moved] = asyncio.get_running_loop()
        try:
            yield moved
        finally:
            with self._lock:
                del self._waiting[moved]

    def wake(self) -> None:
        with self._lock:
            for moved, loop in self._waiting.items():
                loop.call_soon_threadsafe(moved.set)


async def _until(moved: asyncio.Event, longest: float | None) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(moved.wait(), longest)


def _seconds(moment: datetime | str) -> float:
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if when.tzinfo is None:
        raise ValueError(f"{moment} has no offset from UTC; write it like 2014-02-06T23:46:07.118Z")
    return (when - EPOCH) / timedelta(seconds=1)
