"""The clock: it runs, freezes and jumps, sites follow the server, and a change ends sleeps at once."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from threading import Thread
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bounds import WAIT_SECONDS, join

from mockscope import Clock
from mockscope.domain.model import timestamp

THE_PAGE_S = "2014-02-06T23:46:07.118Z"
MOMENT = datetime(2014, 2, 6, 23, 46, 7, 118_000, tzinfo=UTC)


class Machine:
    """The clock of a machine, advanced by the test."""

    def __init__(self) -> None:
        self.nanoseconds = int(MOMENT.timestamp() * 1000) * 1_000_000

    def __call__(self) -> int:
        return self.nanoseconds

    def tick(self, seconds: int) -> None:
        self.nanoseconds += seconds * 1_000_000_000


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def server(machine: Machine) -> Clock:
    return Clock(source=machine)


@pytest.fixture
def site(server: Clock) -> Clock:
    return Clock(server)


# -- moving ----------------------------------------------------------------------------------------------------


def test_a_clock_without_a_source_has_the_time_of_the_machine() -> None:
    before = datetime.now(UTC)
    seen = Clock().now()
    assert before <= seen <= datetime.now(UTC)


def test_a_clock_runs_with_the_machine(machine: Machine, server: Clock) -> None:
    machine.tick(5)

    assert (server.now(), server.time()) == (MOMENT + timedelta(seconds=5), MOMENT.timestamp() + 5)
    assert (server.is_frozen, server.autojump) == (False, False)


def test_a_frozen_clock_stands_still_until_it_is_resumed(machine: Machine, server: Clock) -> None:
    server.freeze()
    machine.tick(5)
    assert (server.now(), server.is_frozen) == (MOMENT, True)

    server.resume()
    machine.tick(2)
    assert (server.now(), server.is_frozen) == (MOMENT + timedelta(seconds=2), False)


@pytest.mark.parametrize("at", ["2024-02-29T12:00:00+02:00", datetime(2024, 2, 29, 10, tzinfo=UTC)])
def test_a_clock_can_be_frozen_at_a_moment(server: Clock, at: datetime | str) -> None:
    server.freeze(at)

    assert server.now() == datetime(2024, 2, 29, 10, tzinfo=UTC)


def test_a_running_clock_that_is_shifted_runs_on_from_there(machine: Machine, server: Clock) -> None:
    server.shift(days=90, hours=1, minutes=-2, seconds=0.25)
    machine.tick(3)

    assert server.now() == MOMENT + timedelta(days=90, hours=1, minutes=-2, seconds=3.25)


def test_a_running_clock_that_is_moved_runs_on_from_there(machine: Machine, server: Clock) -> None:
    server.move_to("1999-12-31T23:59:59Z")
    machine.tick(1)

    assert server.now() == datetime(2000, 1, 1, tzinfo=UTC)


def test_a_frozen_clock_that_is_moved_or_shifted_stands_at_the_new_place(machine: Machine, server: Clock) -> None:
    server.freeze(autojump=True)
    server.move_to(THE_PAGE_S)
    server.shift(days=-1)
    machine.tick(1)

    assert (server.now(), server.is_frozen, server.autojump) == (MOMENT - timedelta(days=1), True, True)


def test_a_resumed_clock_no_longer_jumps(server: Clock) -> None:
    server.freeze(autojump=True)
    server.resume()

    assert (server.autojump, server.is_frozen) == (False, False)


def test_resuming_a_clock_that_runs_changes_nothing(server: Clock) -> None:
    server.shift(days=1)
    server.resume()

    assert server.now() == MOMENT + timedelta(days=1)


def test_a_reset_clock_is_like_a_new_one(machine: Machine, server: Clock) -> None:
    server.shift(days=1)
    server.freeze(autojump=True)
    server.reset()
    machine.tick(1)

    assert (server.now(), server.is_frozen, server.autojump) == (MOMENT + timedelta(seconds=1), False, False)


def test_the_repr_of_a_clock_shows_its_state(server: Clock) -> None:
    assert repr(server) == "<Clock running, now 2014-02-06T23:46:07.118000Z>"
    server.freeze()
    assert repr(server) == "<Clock frozen at 2014-02-06T23:46:07.118000Z>"


def test_a_clock_never_changes_the_time_of_the_process() -> None:
    clock = Clock()
    before = time.time(), time.monotonic(), datetime.now(UTC)
    clock.freeze("0001-01-01T00:00:00Z")
    clock.shift(days=3_000_000)

    after = time.time(), time.monotonic(), datetime.now(UTC)
    assert before[0] <= after[0] < before[0] + 60
    assert before[1] <= after[1] < before[1] + 60
    assert before[2] <= after[2] < before[2] + timedelta(minutes=1)


# -- server and site -------------------------------------------------------------------------------------------


def test_a_change_of_the_servers_clock_applies_to_every_site(machine: Machine, server: Clock, site: Clock) -> None:
    another = Clock(server)
    server.freeze(autojump=True)
    server.shift(days=90)
    machine.tick(1)

    assert [clock.now() for clock in (server, site, another)] == [MOMENT + timedelta(days=90)] * 3
    assert (site.is_frozen, site.autojump) == (True, True)


def test_a_change_of_a_sites_clock_applies_to_that_site_only(server: Clock, site: Clock) -> None:
    another = Clock(server)
    site.shift(days=90)
    site.freeze()

    assert [clock.now() for clock in (server, site, another)] == [MOMENT, MOMENT + timedelta(days=90), MOMENT]
    assert [clock.is_frozen for clock in (server, site, another)] == [False, True, False]


def test_a_shifted_site_moves_with_the_servers_clock(server: Clock, site: Clock) -> None:
    site.shift(days=1)
    server.shift(days=10)

    assert site.now() == MOMENT + timedelta(days=11)


def test_a_frozen_site_does_not_move_with_the_servers_clock(server: Clock, site: Clock) -> None:
    site.freeze()
    server.shift(days=10)
    server.freeze(autojump=True)

    assert (site.now(), site.autojump) == (MOMENT, False)


def test_a_site_resumed_under_a_frozen_server_runs_on_with_the_server(
    machine: Machine, server: Clock, site: Clock
) -> None:
    site.freeze("2020-01-01T00:00:00Z")
    server.freeze()
    site.resume()
    machine.tick(1)
    assert (site.now(), site.is_frozen) == (datetime(2020, 1, 1, tzinfo=UTC), True)

    server.resume()
    machine.tick(1)
    assert site.now() == datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_site_that_is_reset_follows_its_server_again(server: Clock, site: Clock) -> None:
    server.shift(days=10)
    site.freeze("2020-01-01T00:00:00Z")
    site.reset()

    assert site.now() == server.now() == MOMENT + timedelta(days=10)


# -- the ends of time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_a_clock_can_show_the_first_and_the_last_millisecond(server: Clock, end: str) -> None:
    server.freeze(end)
    assert timestamp(server.now()) == end

    server.move_to(MOMENT)
    server.move_to(end)
    assert timestamp(server.now()) == end


@pytest.mark.parametrize(
    "leave",
    [
        lambda clock: clock.shift(days=3_000_000),
        lambda clock: clock.shift(days=-1_000_000),
        lambda clock: clock.shift(days=1e300),
        lambda clock: clock.shift(seconds=float("inf")),
        lambda clock: clock.move_to("9999-12-31T23:59:59-01:00"),
        lambda clock: clock.freeze("0001-01-01T00:00:00+14:00"),
    ],
)
@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_clock_can_not_be_moved_outside_the_years_1_to_9999(
    server: Clock, leave: Callable[[Clock], None], *, is_frozen: bool
) -> None:
    if is_frozen:
        server.freeze()
    with pytest.raises(ValueError, match=r"^the clock would leave the years 1 to 9999$"):
        leave(server)
    assert (server.now(), server.is_frozen) == (MOMENT, is_frozen)


def test_a_clock_stops_at_the_end_of_the_year_9999(machine: Machine, server: Clock, site: Clock) -> None:
    site.move_to("9999-12-31T23:59:59Z")
    machine.tick(5)
    assert timestamp(site.now()) == "9999-12-31T23:59:59.999Z"

    server.shift(days=1000)
    assert timestamp(site.now()) == "9999-12-31T23:59:59.999Z"

    site.shift(days=-1)
    assert timestamp(site.now()) == "9999-12-30T23:59:59.999Z"


@pytest.mark.parametrize("moment", [datetime(2014, 2, 6), "2014-02-06T23:46:07.118", "2014-02-06"])
def test_a_time_without_an_offset_is_refused(server: Clock, moment: datetime | str) -> None:
    message = rf"^{moment} has no offset from UTC; write it like 2014-02-06T23:46:07\.118Z$"
    with pytest.raises(ValueError, match=message):
        server.move_to(moment)
    with pytest.raises(ValueError, match=message):
        server.freeze(moment)
    assert (server.now(), server.is_frozen) == (MOMENT, False)


@pytest.mark.parametrize("moment", ["tomorrow", "2014", "2014-02-30T00:00:00Z", date(2014, 2, 6), 1391730367.118, []])
def test_an_invalid_time_is_refused_with_the_form_of_a_valid_one(server: Clock, moment: Any) -> None:
    message = rf"^{re.escape(repr(moment))} is not a time; write it like 2014-02-06T23:46:07\.118Z$"
    with pytest.raises(ValueError, match=message):
        server.move_to(moment)
    with pytest.raises(ValueError, match=message):
        server.freeze(moment)
    assert (server.now(), server.is_frozen) == (MOMENT, False)


def test_a_clock_can_not_be_moved_to_null(server: Clock) -> None:
    with pytest.raises(ValueError, match=r"^None is not a time; write it like 2014-02-06T23:46:07\.118Z$"):
        server.move_to(cast("Any", None))
    assert server.now() == MOMENT


# -- as numbers ------------------------------------------------------------------------------------------------

moments = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))
# Up to a hundred days there or back, in whole microseconds.
distances = st.integers(-(10**13), 10**13).map(lambda microseconds: microseconds / 1_000_000)


@given(moment=moments, one=distances, other=distances)
def test_two_shifts_of_a_frozen_clock_are_one_shift_of_their_sum(moment: datetime, one: float, other: float) -> None:
    twice, once = Clock(), Clock()
    twice.freeze(moment)
    once.freeze(moment)

    twice.shift(seconds=one)
    twice.shift(seconds=other)
    once.shift(seconds=one + other)

    assert (twice.now(), timestamp(twice.now())) == (once.now(), timestamp(once.now()))
    twice.shift(seconds=-other)
    twice.shift(seconds=-one)
    assert twice.now() == moment


@given(moment=moments)
def test_the_time_of_a_clock_is_the_time_in_an_export(moment: datetime) -> None:
    clock = Clock()
    clock.freeze(moment.astimezone(timezone(timedelta(hours=5, minutes=30))))

    assert timestamp(clock.now()) == timestamp(moment)
    assert clock.now() == moment


# -- sleeping --------------------------------------------------------------------------------------------------


async def asleep(clock: Clock, seconds: float) -> "asyncio.Task[None]":
    """Start a task, and return it once it sleeps."""
    sleeper = asyncio.create_task(clock.sleep(seconds))
    await asyncio.sleep(0)
    assert not sleeper.done()
    return sleeper


def from_another_thread(move: Callable[[], None]) -> None:
    thread = Thread(target=move)
    thread.start()
    join(thread)


async def turns(number: int = 20) -> None:
    """Run the loop some rounds, without time passing."""
    for _ in range(number):
        await asyncio.sleep(0)


async def woken(sleeper: "asyncio.Task[None]") -> None:
    # Bounded, so that a sleeper who never wakes fails here.
    await asyncio.wait_for(sleeper, WAIT_SECONDS)


@pytest.mark.parametrize(
    "move",
    [
        lambda clock: clock.shift(hours=1),
        lambda clock: clock.move_to("2014-02-07T00:46:07.118Z"),
        lambda clock: clock.freeze("2015-01-01T00:00:00Z"),
    ],
)
async def test_a_sleep_ends_at_once_when_another_thread_moves_the_clock(
    server: Clock, move: Callable[[Clock], None]
) -> None:
    sleeper = await asleep(server, 3600)

    from_another_thread(lambda: move(server))

    await woken(sleeper)


async def test_a_sleep_on_a_sites_clock_ends_when_the_servers_clock_is_moved(server: Clock, site: Clock) -> None:
    site.shift(days=1)
    sleeper = await asleep(site, 3600)

    from_another_thread(lambda: server.shift(hours=1))

    await woken(sleeper)


async def test_a_sleep_continues_when_the_clock_is_not_moved_far_enough(server: Clock, site: Clock) -> None:
    sleeper = await asleep(site, 3600)

    from_another_thread(lambda: site.shift(minutes=59))
    await turns()
    assert not sleeper.done()

    from_another_thread(lambda: site.shift(minutes=1))
    await woken(sleeper)


async def test_a_sleep_on_the_clock_of_another_site_continues(server: Clock, site: Clock) -> None:
    another = await asleep(Clock(server), 3600)

    from_another_thread(lambda: site.shift(hours=2))
    await turns()

    assert not another.done()
    another.cancel()


async def test_a_sleep_on_a_frozen_clock_ends_only_when_the_clock_is_moved(server: Clock, site: Clock) -> None:
    site.freeze()
    sleeper = await asleep(site, 0.001)
    from_another_thread(lambda: site.shift(seconds=0.0005))
    await turns()
    assert not sleeper.done()

    from_another_thread(lambda: site.shift(seconds=0.0005))
    await woken(sleeper)


async def test_a_frozen_clock_with_autojump_jumps_to_the_end_of_a_sleep(server: Clock, site: Clock) -> None:
    site.freeze(autojump=True)

    await asyncio.wait_for(site.sleep(3600), WAIT_SECONDS)

    assert (site.now(), server.now()) == (MOMENT + timedelta(hours=1), MOMENT)


async def test_autojump_jumps_the_clock_that_was_frozen_with_it(server: Clock, site: Clock) -> None:
    site.shift(days=1)
    server.freeze(autojump=True)

    await asyncio.wait_for(site.sleep(3600), WAIT_SECONDS)

    assert (site.now(), server.now()) == (MOMENT + timedelta(days=1, hours=1), MOMENT + timedelta(hours=1))


async def test_autojump_ends_sleeps_that_had_already_begun(server: Clock) -> None:
    sleeper = await asleep(server, 3600)

    from_another_thread(lambda: server.freeze(autojump=True))

    await woken(sleeper)
    assert server.now() == MOMENT + timedelta(hours=1)


async def test_a_sleep_of_zero_seconds_returns_at_once(server: Clock) -> None:
    server.freeze()

    await asyncio.wait_for(server.sleep(0), WAIT_SECONDS)

    assert server.now() == MOMENT


def test_a_clock_can_be_moved_when_the_loop_of_a_sleep_is_closed(server: Clock) -> None:
    loop = asyncio.new_event_loop()
    sleeper = loop.create_task(server.sleep(3600))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    server.shift(hours=1)

    assert server.now() == MOMENT + timedelta(hours=1)
    # Nobody is left to run it.
    sleeper.get_coro().close()
    sleeper._log_destroy_pending = False  # type: ignore[attr-defined]


def test_shifts_from_many_threads_all_count(server: Clock) -> None:
    def work() -> None:
        for _ in range(200):
            server.shift(seconds=1)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    join(*threads)

    assert server.now() == MOMENT + timedelta(seconds=1600)
