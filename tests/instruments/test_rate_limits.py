"""Rate limits: windows on the site's clock, and their headers in responses."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from support.bounds import WAIT_SECONDS

from mockscope import LiveServer, MockSite

USERS = "/api/v1/users"
GROUPS = "/api/v1/groups"
NOON = "2024-05-06T12:00:00Z"


def send_request(
    site: MockSite, target: str = USERS, method: str = "GET"
) -> tuple[int, str | None, str | None, str | None]:
    """Send a request; return status, limit, remaining calls and Retry-After."""
    headers = site.headers | ({"Http-X-Email": "nobody@example.com"} if method == "DELETE" else {})
    response = requests.request(method, f"{site.url}{target}", headers=headers, timeout=300)
    said = response.headers
    return (
        response.status_code,
        said.get("X-RateLimit-Limit"),
        said.get("X-RateLimit-Remaining"),
        said.get("Retry-After"),
    )


@pytest.fixture
def site(mockscope: MockSite) -> MockSite:
    mockscope.clock.freeze(NOON)
    return mockscope


def test_calls_over_the_limit_get_429_until_the_window_has_passed(site: MockSite) -> None:
    limit = site.faults.rate_limit(2, per=60)
    assert [send_request(site) for _ in range(4)] == [
        (200, "2", "1", None),
        (200, "2", "0", None),
        (429, "2", "0", "60"),
        (429, "2", "0", "60"),
    ]
    site.clock.shift(seconds=59.999)
    assert send_request(site) == (429, "2", "0", "1")
    site.clock.shift(seconds=0.001)
    assert send_request(site) == (200, "2", "1", None)
    assert limit.hits == 3


def test_a_window_slides(site: MockSite) -> None:
    site.faults.rate_limit(2, per=60)
    send_request(site)
    site.clock.shift(seconds=40)
    assert [send_request(site), send_request(site)] == [(200, "2", "0", None), (429, "2", "0", "20")]
    site.clock.shift(seconds=20)
    assert [send_request(site), send_request(site)] == [(200, "2", "0", None), (429, "2", "0", "40")]


@pytest.mark.parametrize("per", [0.001, 0.5, 1, 7, 60, 3600, 86400])
def test_a_client_that_waits_for_retry_after_passes(site: MockSite, per: float) -> None:
    site.faults.rate_limit(1, per=per)
    send_request(site)
    for _ in range(3):
        status, _, _, retry_after = send_request(site)
        assert status == 429
        assert retry_after is not None
        site.clock.shift(seconds=int(retry_after))
        assert send_request(site)[0] == 200


def test_the_429_response_gives_the_reason_in_json(site: MockSite) -> None:
    site.faults.rate_limit(1, per=0.5)
    send_request(site)
    response = requests.get(f"{site.url}{USERS}", headers=site.headers, timeout=300)
    assert response.json() == {"message": "Too many calls: 1 per 0.5 seconds are let through, by a planned rate limit."}
    call = site.calls.last
    assert (call.status, call.fault, call.rule) == (429, "rate-limit-1", None)


def test_each_operation_has_its_own_window_and_a_star_shares_one(site: MockSite) -> None:
    site.faults.rate_limit(1, per=60, operation="list_users")
    site.faults.rate_limit(1, per=60, operation="list_groups")
    assert [
        send_request(site)[0],
        send_request(site, GROUPS)[0],
        send_request(site)[0],
        send_request(site, GROUPS)[0],
    ] == [200, 200, 429, 429]
    assert send_request(site, method="DELETE") == (400, None, None, None)

    site.faults.clear()
    site.faults.rate_limit(2, per=60)
    assert [
        send_request(site)[0],
        send_request(site, GROUPS)[0],
        send_request(site)[0],
        send_request(site, GROUPS)[0],
    ] == [200, 200, 429, 429]


def test_the_tightest_of_several_limits_is_reported_and_a_refused_call_counts_in_none(site: MockSite) -> None:
    small, large = site.faults.rate_limit(1, per=1), site.faults.rate_limit(3, per=60)
    assert [send_request(site), send_request(site), send_request(site)] == [
        (200, "1", "0", None),
        (429, "1", "0", "1"),
        (429, "1", "0", "1"),
    ]
    site.clock.shift(seconds=1)
    # Two were refused, and took nothing of the larger one.
    assert send_request(site) == (200, "1", "0", None)
    site.clock.shift(seconds=1)
    assert send_request(site) == (200, "1", "0", None)
    # Both are full: the one with the longest wait is reported.
    assert send_request(site) == (429, "3", "0", "58")
    assert (small.hits, large.hits) == (2, 1)


def test_refused_calls_and_head_count_and_report_the_remaining_calls(site: MockSite) -> None:
    site.faults.rate_limit(3, per=60)
    assert send_request(site, method="DELETE") == (400, "3", "2", None)
    assert send_request(site, method="HEAD") == (200, "3", "1", None)


def test_a_planned_fault_reports_the_remaining_calls_and_hits_only_a_call_that_passes(site: MockSite) -> None:
    site.faults.rate_limit(1, per=60)
    fault = site.faults.add("list_users", status=503, nth=2)
    assert [send_request(site)[0], send_request(site)[0]] == [200, 429]
    assert (fault.seen, fault.hits) == (1, 0)
    site.clock.shift(minutes=1)
    assert send_request(site) == (503, "1", "0", None)


def test_a_clock_that_is_moved_back_opens_the_window(site: MockSite) -> None:
    site.faults.rate_limit(1, per=60)
    assert [send_request(site)[0], send_request(site)[0]] == [200, 429]
    site.clock.shift(days=-1)
    assert [send_request(site)[0], send_request(site)[0]] == [200, 429]


def test_a_clock_that_is_moved_back_forgets_only_later_calls(site: MockSite) -> None:
    site.faults.rate_limit(2, per=60)
    send_request(site)
    site.clock.shift(seconds=10)
    send_request(site)
    site.clock.shift(seconds=-5)
    assert [send_request(site), send_request(site)] == [(200, "2", "0", None), (429, "2", "0", "55")]
    site.clock.shift(seconds=55)
    assert [send_request(site), send_request(site)] == [(200, "2", "0", None), (429, "2", "0", "5")]


def test_the_servers_clock_moves_windows_too() -> None:
    with LiveServer() as server:
        site = server.site()
        server.clock.freeze(NOON)
        site.faults.rate_limit(1, per=60)
        assert [send_request(site)[0], send_request(site)[0]] == [200, 429]
        server.clock.shift(seconds=60)
        assert send_request(site)[0] == 200


def test_exactly_the_limit_of_calls_passes_under_many_threads(site: MockSite) -> None:
    limit = site.faults.rate_limit(100, per=60)
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: send_request(site)[0], range(200), timeout=WAIT_SECONDS))
    assert (responses.count(200), responses.count(429), limit.hits) == (100, 100, 100)


def test_rate_limits_without_a_hit_are_not_unused_faults(site: MockSite) -> None:
    limit = site.faults.rate_limit(1, per=60)
    site.faults.assert_all_used()
    assert site.findings() == []
    site.faults.remove(limit)
    assert [send_request(site), send_request(site)] == [(200, None, None, None)] * 2


@pytest.mark.parametrize(
    ("calls", "per", "operation", "message"),
    [
        (0, 60, "*", "calls must be 1 or more, not 0"),
        (1, 0, "*", "per must be above 0 seconds and at most a year, not 0"),
        (1, float("inf"), "*", "per must be above 0 seconds and at most a year, not inf"),
        (1.5, 60, "*", "calls must be a whole number, not 1.5"),
        (1, "60", "*", "per must be a number, not '60'"),
        (1, 60, "list_user", r"there is no operation 'list_user'; did you mean list_users\?"),
    ],
)
def test_an_invalid_rate_limit_is_refused(site: MockSite, calls: int, per: float, operation: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        site.faults.rate_limit(calls, per=per, operation=operation)
    assert len(site.faults) == 0
