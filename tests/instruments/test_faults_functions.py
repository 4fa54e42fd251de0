"""User functions called by faults: they may send requests, read the server, raise anything, or never return."""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from support.bounds import WAIT_SECONDS, until

from mockscope import Call, CannedResponse, LiveServer, Mockscope, MockSite

USERS = "/api/v1/users"


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site()


def send_request(site: MockSite, method: str = "GET", **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection(urlsplit(site.url).netloc, timeout=WAIT_SECONDS)
    try:
        connection.request(method, USERS, headers={**site.headers, **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def in_a_thread(function: Callable[[], object]) -> Thread:
    thread = Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_an_action_may_send_requests_to_the_server(site: MockSite) -> None:
    site.add_user("joey@example.com")
    responses = []

    def delete(call: Call, response: CannedResponse | None) -> None:
        responses.append(send_request(site, "DELETE", **{"Http-X-Email": "joey@example.com"})[0])

    site.faults.add("get_user", action=delete)

    assert send_request(site, **{"Http-X-Email": "joey@example.com"})[0] == 400
    assert responses == [200]


def test_a_where_function_may_send_requests_to_the_server(site: MockSite) -> None:
    def status_of(query: str) -> int:
        return httpx.get(
            f"{site.url}{USERS}?{query}", headers=site.headers, timeout=WAIT_SECONDS, verify=False
        ).status_code

    site.faults.add("list_users", status=503, where=lambda call: call.query == "a=b" and status_of("c=d") == 200)
    assert status_of("a=b") == 503


@pytest.mark.parametrize("as_where", [False, True])
def test_a_function_can_read_its_own_call_without_waiting(site: MockSite, *, as_where: bool) -> None:
    seen: list[int] = []

    def look(call: Call, response: CannedResponse | None = None) -> bool | None:
        seen.append(len(site.calls))
        return True if as_where else None

    if as_where:
        site.faults.add("list_users", status=200, where=look)  # type: ignore[arg-type]
    else:
        site.faults.add("list_users", action=look)  # type: ignore[arg-type]
    assert send_request(site)[0] == 200
    assert seen == [1]


def test_other_requests_are_served_while_a_function_runs(server: LiveServer, site: MockSite) -> None:
    begun, may_end = Event(), Event()

    def wait(call: Call, response: CannedResponse | None) -> None:
        begun.set()
        may_end.wait(WAIT_SECONDS)

    site.faults.add("list_users", action=wait)
    pending = in_a_thread(lambda: send_request(site))
    assert begun.wait(WAIT_SECONDS)

    assert (send_request(site)[0], send_request(server.site())[0]) == (200, 200)
    may_end.set()
    pending.join(WAIT_SECONDS)
    assert [call.status for call in site.calls] == [200, 200]


def test_a_server_stops_despite_a_function_that_does_not_return_and_logs_its_name(
    server: LiveServer, site: MockSite, caplog: pytest.LogCaptureFixture
) -> None:
    begun, never = Event(), Event()

    def wait(call: Call, response: CannedResponse | None) -> None:
        begun.set()
        never.wait(WAIT_SECONDS)

    def send_one() -> None:
        with pytest.raises(ConnectionError):
            send_request(site)

    site.faults.add("list_users", action=wait)
    pending = in_a_thread(send_one)
    assert begun.wait(WAIT_SECONDS)

    server.stop()

    pending.join(WAIT_SECONDS)
    assert not pending.is_alive()
    [record] = caplog.records
    assert record.getMessage() == (
        "The server stops, and a function of fault-1 has not returned from ... list_users [fault-1]."
    )
    never.set()


@pytest.mark.parametrize("as_where", [False, True])
def test_an_exception_in_a_function_gives_a_response_that_names_the_fault(site: MockSite, *, as_where: bool) -> None:
    def fail(call: Call, response: CannedResponse | None = None) -> Any:
        # Not an Exception: frameworks of tests raise such things.
        pytest.fail("no user was expected")

    if as_where:
        site.faults.add("list_users", status=503, where=fail)
    else:
        site.faults.add("list_users", action=fail)

    assert send_request(site) == (
        500,
        {"message": "A planned fault failed: the function of fault-1 raised Failed: no user was expected."},
    )
    assert site.calls.last.hint is not None
    assert (site.calls.last.hint.code, site.calls.last.fault) == ("action-failed", "fault-1")
    assert send_request(site)[0] == (500 if as_where else 200)


@pytest.mark.parametrize("fault", [{"delay": 3600}, {"transport": "hang"}, {"action": ...}], ids=str)
@pytest.mark.parametrize("end", ["reset", "remove"])
def test_removing_a_site_resets_the_connections_of_its_delayed_calls(
    site: MockSite, fault: dict[str, Any], end: str
) -> None:
    if "action" in fault:
        fault = {"action": lambda call, response: Event().wait(WAIT_SECONDS) and None}
    site.faults.add("list_users", **fault)
    raised: list[type[Exception]] = []

    def send_one() -> None:
        try:
            send_request(site)
        except ConnectionError as error:
            raised.append(type(error))

    pending = in_a_thread(send_one)
    until(lambda: any(call.is_delayed for call in site.calls.settled(0)))

    getattr(site, end)()

    pending.join(WAIT_SECONDS)
    assert raised == [ConnectionResetError]


@pytest.mark.parametrize("fault", [{"delay": 3600}, {"transport": "hang"}], ids=str)
async def test_removing_a_site_ends_delayed_calls_without_a_socket(fault: dict[str, Any]) -> None:
    mock = Mockscope()
    site = mock.site()
    transport = httpx.ASGITransport(mock.app)
    async with httpx.AsyncClient(transport=transport, base_url=site.url, headers=site.headers) as client:
        site.faults.add("list_users", **fault)

        def reset_once_held() -> None:
            until(lambda: any(call.is_delayed for call in site.calls.settled(0)))
            site.reset()

        resetting = in_a_thread(reset_once_held)
        with pytest.raises(ConnectionResetError):
            await client.get(USERS)
        resetting.join(WAIT_SECONDS)
        assert (await client.get(USERS)).status_code == 200
