"""Functions of users that faults call: they may ask the server, look at it, raise anything, or never return."""

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


def ask(site: MockSite, method: str = "GET", **headers: str) -> tuple[int, Any]:
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
    answers = []

    def delete(call: Call, answer: CannedResponse | None) -> None:
        answers.append(ask(site, "DELETE", **{"Http-X-Email": "joey@example.com"})[0])

    site.faults.add("get_user", action=delete)

    assert ask(site, **{"Http-X-Email": "joey@example.com"})[0] == 400
    assert answers == [200]


def test_a_where_function_may_send_requests_to_the_server(site: MockSite) -> None:
    def asked(query: str) -> int:
        return httpx.get(
            f"{site.url}{USERS}?{query}", headers=site.headers, timeout=WAIT_SECONDS, verify=False
        ).status_code

    site.faults.add("list_users", status=503, where=lambda call: call.query == "a=b" and asked("c=d") == 200)
    assert asked("a=b") == 503


@pytest.mark.parametrize("as_where", [False, True])
def test_a_function_can_read_its_own_call_without_waiting(site: MockSite, *, as_where: bool) -> None:
    seen: list[int] = []

    def look(call: Call, answer: CannedResponse | None = None) -> bool | None:
        seen.append(len(site.calls))
        return True if as_where else None

    if as_where:
        site.faults.add("list_users", status=200, where=look)  # type: ignore[arg-type]
    else:
        site.faults.add("list_users", action=look)  # type: ignore[arg-type]
    assert ask(site)[0] == 200
    assert seen == [1]


def test_other_requests_are_served_while_a_function_runs(server: LiveServer, site: MockSite) -> None:
    begun, may_end = Event(), Event()

    def wait(call: Call, answer: CannedResponse | None) -> None:
        begun.set()
        may_end.wait(WAIT_SECONDS)

    site.faults.add("list_users", action=wait)
    asking = in_a_thread(lambda: ask(site))
    assert begun.wait(WAIT_SECONDS)

    assert (ask(site)[0], ask(server.site())[0]) == (200, 200)
    may_end.set()
    asking.join(WAIT_SECONDS)
    assert [call.status for call in site.calls] == [200, 200]


def test_a_server_stops_despite_a_function_that_does_not_return_and_logs_its_name(
    server: LiveServer, site: MockSite, caplog: pytest.LogCaptureFixture
) -> None:
    begun, never = Event(), Event()

    def wait(call: Call, answer: CannedResponse | None) -> None:
        begun.set()
        never.wait(WAIT_SECONDS)

    def asked() -> None:
        with pytest.raises(ConnectionError):
            ask(site)

    site.faults.add("list_users", action=wait)
    asking = in_a_thread(asked)
    assert begun.wait(WAIT_SECONDS)

    server.stop()

    asking.join(WAIT_SECONDS)
    assert not asking.is_alive()
    [record] = caplog.records
    assert record.getMessage() == (
        "The server stops, and a function of fault-1 has not returned from ... list_users [fault-1]."
    )
    never.set()


@pytest.mark.parametrize("as_where", [False, True])
def test_an_exception_in_a_function_gives_a_response_that_names_the_fault(site: MockSite, *, as_where: bool) -> None:
    def fail(call: Call, answer: CannedResponse | None = None) -> Any:
        # Not an Exception: frameworks of tests raise such things.
        pytest.fail("no user was expected")

    if as_where:
        site.faults.add("list_users", status=503, where=fail)
    else:
        site.faults.add("list_users", action=fail)

    assert ask(site) == (
        500,
        {"message": "A planned fault failed: the function of fault-1 raised Failed: no user was expected."},
    )
    assert site.calls.last.hint is not None
    assert (site.calls.last.hint.code, site.calls.last.fault) == ("action-failed", "fault-1")
    assert ask(site)[0] == (500 if as_where else 200)


@pytest.mark.parametrize("fault", [{"delay": 3600}, {"transport": "hang"}, {"action": ...}], ids=str)
@pytest.mark.parametrize("end", ["reset", "remove"])
def test_removing_a_site_resets_the_connections_of_its_delayed_calls(
    site: MockSite, fault: dict[str, Any], end: str
) -> None:
    if "action" in fault:
        fault = {"action": lambda call, answer: Event().wait(WAIT_SECONDS) and None}
    site.faults.add("list_users", **fault)
    raised: list[type[Exception]] = []

    def asked() -> None:
        try:
            ask(site)
        except ConnectionError as error:
            raised.append(type(error))

    asking = in_a_thread(asked)
    until(lambda: any(call.is_delayed for call in site.calls.settled(0)))

    getattr(site, end)()

    asking.join(WAIT_SECONDS)
    assert raised == [ConnectionResetError]


@pytest.mark.parametrize("fault", [{"delay": 3600}, {"transport": "hang"}], ids=str)
async def test_removing_a_site_ends_delayed_calls_without_a_socket(fault: dict[str, Any]) -> None:
    double = Mockscope()
    site = double.site()
    transport = httpx.ASGITransport(double.app)
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
