"""Delays run on the site's clock, so that a test need not wait. Drawn delays are the same in every run."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from math import inf

import pytest
import requests
from support.bounds import WAIT_SECONDS, result, until

from mockscope import Call, CannedResponse, LiveServer, LogNormal, MockSite, Uniform
from mockscope.instruments.fault import MAX_DELAY_SECONDS

USERS = "/api/v1/users"
JOEY = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "invited_by_email": "admin@example.com",
}
NOON = "2024-05-06T12:00:00Z"


def send_request(site: MockSite) -> int:
    return requests.get(f"{site.url}{USERS}", headers=site.headers, timeout=WAIT_SECONDS).status_code


def create(site: MockSite, *, patience: float = WAIT_SECONDS) -> int:
    """Create a user, and wait some seconds for the response. Connecting has a longer timeout."""
    timeout = WAIT_SECONDS, patience
    return requests.post(f"{site.url}{USERS}", headers=site.headers, json=JOEY, timeout=timeout).status_code


def durations(site: MockSite) -> list[float]:
    return [round(call.duration, 3) for call in site.calls if call.duration is not None]


class Arrivals:
    """A criterion that matches any call and releases the test's thread for each."""

    def __init__(self) -> None:
        self._counted = threading.Semaphore(0)

    def __call__(self, call: Call) -> bool:
        self._counted.release()
        return True

    def await_one(self) -> None:
        assert self._counted.acquire(timeout=WAIT_SECONDS)


def await_held(site: MockSite) -> None:
    until(lambda: any(call.is_delayed for call in site.calls.settled(0)))


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Assert that the server logs no delayed or missing response."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.WARNING] == []


@pytest.fixture
def in_background() -> Iterator[Callable[..., Future[int]]]:
    pool = ThreadPoolExecutor(4)
    yield pool.submit
    # After a failed test a call may be delayed until its site is removed.
    pool.shutdown(wait=False)


# -- which delays ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frozen_at", [NOON, "2100-01-01T00:00:00Z"])
def test_a_delayed_call_writes_nothing_into_a_site_that_was_reset_meanwhile(
    mockscope: MockSite, in_background: Callable[..., Future[int]], frozen_at: str
) -> None:
    arrivals = Arrivals()
    # The clock that the reset leads to is past the end of the one delay, and before that of the other.
    mockscope.clock.freeze(frozen_at)
    mockscope.faults.add("create_user", delay=60, where=arrivals)
    creating = in_background(create, mockscope)
    arrivals.await_one()

    mockscope.calls.settled()
    mockscope.reset()
    mockscope.clock.move_to("2101-01-01T00:00:00Z")

    with pytest.raises(requests.ConnectionError):
        result(creating)
    assert (list(mockscope.users), list(mockscope.calls), mockscope.findings()) == (["admin@example.com"], [], [])


def test_a_delayed_call_continues_when_the_calls_are_cleared(
    mockscope: MockSite, in_background: Callable[..., Future[int]]
) -> None:
    mockscope.clock.freeze()
    mockscope.faults.add("create_user", delay=60)
    creating = in_background(create, mockscope)
    await_held(mockscope)

    mockscope.calls.clear()
    mockscope.clock.shift(seconds=60)

    assert (result(creating), list(mockscope.users)) == (201, ["admin@example.com", "joey@example.com"])


def test_a_delay_ends_at_once_on_a_clock_that_jumps(mockscope: MockSite) -> None:
    mockscope.clock.freeze(NOON, autojump=True)
    mockscope.faults.add("list_users", delay=3600)
    assert [send_request(mockscope), send_request(mockscope)] == [200, 200]
    assert f"{mockscope.clock.now():%H:%M}" == "13:00"
    assert durations(mockscope) == [3600, 0]


@pytest.mark.parametrize("ahead", [0, 10])
def test_a_delay_ends_with_the_years_of_the_clock(ahead: int) -> None:
    with LiveServer() as server:
        site = server.site()
        server.clock.freeze("9999-12-31T23:59:59Z", autojump=True)
        site.clock.shift(seconds=-ahead)
        site.faults.add("list_users", delay=3600)
        assert (send_request(site), site.calls.last.fault) == (200, "fault-1")
        assert f"{server.clock.now():%H:%M:%S.%f}" == "23:59:59.999000"


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        (0.25, [0.25, 0.25, 0.25, 0.25]),
        (Uniform(low=1, high=3), [2.689, 2.516, 1.841, 1.518]),
        (Uniform(low=1, high=3, seed=7), [1.648, 1.302, 2.302, 1.145]),
        (Uniform(low=2, high=2), [2, 2, 2, 2]),
        (LogNormal(median=2, sigma=0), [2, 2, 2, 2]),
        (LogNormal(median=2), [1.824, 2.033, 2.836, 1.906]),
    ],
    ids=str,
)
def test_the_same_delays_are_drawn_every_time(
    mockscope_server: LiveServer, delay: float | Uniform | LogNormal, expected: list[float]
) -> None:
    for _ in range(2):
        with mockscope_server.site() as site:
            site.clock.freeze(NOON, autojump=True)
            site.faults.add("list_users", delay=delay, times=None)
            assert [send_request(site) for _ in expected] == [200] * len(expected)
            assert durations(site) == expected


def test_a_lognormal_delay_is_short_as_often_as_long() -> None:
    drawn = LogNormal(median=2, sigma=1, seed=5).delays()
    delays = [next(drawn) for _ in range(1000)]
    assert 450 < sum(delay < 2 for delay in delays) < 550
    assert max(delays) > 5 * 2


def test_no_delay_is_longer_than_a_year() -> None:
    delays = LogNormal(median=MAX_DELAY_SECONDS, sigma=10).delays()
    assert max(next(delays) for _ in range(10)) == MAX_DELAY_SECONDS


def test_a_delay_takes_real_time_on_a_running_clock(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", delay=0.1)
    assert send_request(mockscope) == 200
    assert (mockscope.calls.last.duration or 0) >= 0.1


# -- frozen time -----------------------------------------------------------------------------------------------


def test_a_delayed_response_arrives_when_the_clock_is_shifted(
    mockscope: MockSite, in_background: Callable[..., Future[int]]
) -> None:
    mockscope.clock.freeze(NOON)
    mockscope.faults.add("list_users", delay=60)
    response = in_background(send_request, mockscope)
    await_held(mockscope)
    mockscope.clock.shift(seconds=59)
    assert not response.done()
    mockscope.clock.shift(seconds=1)
    assert response.result(WAIT_SECONDS) == 200
    assert durations(mockscope) == [60]


def test_a_shift_between_receipt_and_delay_counts(mockscope: MockSite) -> None:
    def shift(call: Call) -> bool:
        mockscope.clock.shift(seconds=60)
        return True

    mockscope.clock.freeze(NOON)
    mockscope.faults.add("list_users", delay=60, where=shift)
    assert send_request(mockscope) == 200
    assert durations(mockscope) == [60]


def test_a_delayed_call_blocks_neither_other_calls_nor_reading_them(
    mockscope: MockSite, in_background: Callable[..., Future[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mockscope.clock.freeze(NOON)
    mockscope.faults.add("create_user", delay=60)
    response = in_background(create, mockscope)
    await_held(mockscope)
    assert send_request(mockscope) == 200
    mockscope.calls.settled()
    with monkeypatch.context() as patch:
        # Reading the calls would raise TypeError if it waited.
        patch.setattr("mockscope.instruments.call_log.monotonic", None)
        seen = [(call.operation, call.fault, call.status) for call in mockscope.calls]
    assert seen == [("create_user", "fault-1", None), ("list_users", None, 200)]
    mockscope.clock.shift(minutes=1)
    assert response.result(WAIT_SECONDS) == 201


def test_a_call_whose_delay_is_over_waits_for_its_action_only(mockscope: MockSite) -> None:
    held: list[float | None] = []

    def look(call: Call, response: CannedResponse | None) -> None:
        held.append(call.delayed_until)

    mockscope.clock.freeze(NOON, autojump=True)
    mockscope.faults.add("list_users", delay=60, action=look)
    assert send_request(mockscope) == 200
    assert held == [inf]
    assert mockscope.calls.last.delayed_until is None


def test_the_servers_clock_moves_delays_too(in_background: Callable[..., Future[int]]) -> None:
    with LiveServer() as server:
        site = server.site()
        site.faults.add("list_users", delay=3600)
        response = in_background(send_request, site)
        await_held(site)
        server.clock.shift(hours=1)
        assert response.result(WAIT_SECONDS) == 200


# -- clients that do not wait ----------------------------------------------------------------------------------


def test_a_write_is_carried_out_when_the_client_disconnects_during_the_delay(mockscope: MockSite) -> None:
    mockscope.clock.freeze(NOON)
    mockscope.faults.add("create_user", delay=60)
    with pytest.raises(requests.ReadTimeout):
        create(mockscope, patience=0.1)
    await_held(mockscope)
    assert "joey@example.com" not in mockscope.users
    mockscope.clock.shift(minutes=1)
    # Reading the calls waits for calls that are due.
    assert (mockscope.calls.last.status, "joey@example.com" in mockscope.users) == (201, True)
    assert create(mockscope) == 409


def test_a_delay_after_the_commit_leaves_a_user_when_the_client_times_out(mockscope: MockSite) -> None:
    mockscope.clock.freeze(NOON)
    mockscope.faults.add("create_user", delay=60, after_commit=True)
    with pytest.raises(requests.ReadTimeout):
        create(mockscope, patience=0.1)
    await_held(mockscope)
    assert "joey@example.com" in mockscope.users


def test_a_delay_combines_with_a_status_and_with_a_transport_fault(mockscope: MockSite) -> None:
    mockscope.clock.freeze(NOON, autojump=True)
    mockscope.faults.add("list_users", delay=30, status=504)
    mockscope.faults.add("list_users", delay=20, transport="reset")
    assert send_request(mockscope) == 504
    with pytest.raises(requests.ConnectionError):
        send_request(mockscope)
    assert durations(mockscope) == [30, 20]


def test_a_server_stops_at_once_despite_delayed_responses(
    in_background: Callable[..., Future[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server that waited for the responses would hang.
    monkeypatch.setattr("mockscope.server.event_loop.GRACE_SECONDS", 2 * WAIT_SECONDS)
    with LiveServer() as server:
        site = server.site()
        site.faults.add("list_users", delay=3600)
        response = in_background(send_request, site)
        await_held(site)
        server.stop()
    with pytest.raises(requests.ConnectionError):
        response.result(WAIT_SECONDS)
