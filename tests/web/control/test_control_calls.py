"""Calls over the control API: equal to those in Python, filtered, deleted, and as an archive."""

import json
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from support.bounds import WAIT_SECONDS, result, until
from support.control_client import BASE, path_of

from mockscope import Call, LiveServer, MockSite

MONICA = {"Http-X-Email": "monica@example.com"}


@pytest.fixture
def control(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, verify=False) as client:
        yield client


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    """A site with four calls: a page, a refusal, a dry run, a creation."""
    site = server.site()
    monica = {
        "first_name": "Monica",
        "last_name": "Geller",
        "email": "monica@example.com",
        "invited_by_email": "admin@example.com",
    }
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=site.headers, verify=False) as client:
        client.get("/users")
        client.get("/users", headers=MONICA)
        client.post("/users", json=monica, params={"test_mode": "true"})
        client.post("/users", json=monica)
    return site


def ids(calls: Any) -> list[str]:
    return [call.id for call in calls]


def test_the_calls_of_a_site_equal_those_in_python(control: httpx.Client, site: MockSite) -> None:
    response = control.get(f"{path_of(site.host)}/calls")

    assert response.status_code == 200
    assert response.json() == {"total": 4, "calls": [call.as_dict() for call in site.calls]}
    last = response.json()["calls"][-1]
    assert (last["operation"], last["status"], last["site"]) == ("create_user", 201, site.host)
    assert site.api_key not in response.text


def test_one_call_is_read_by_its_request_id(control: httpx.Client, site: MockSite, server: LiveServer) -> None:
    response = httpx.get(f"{server.url}/api/v1/users", headers=site.headers | MONICA, verify=False)

    call = control.get(f"{path_of(site.host)}/calls/{response.headers['X-Request-Id']}")
    unknown = control.get(f"{path_of(site.host)}/calls/ffffffff-1")

    assert (call.status_code, call.json()) == (200, site.calls.last.as_dict())
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"message": "There is no call ffffffff-1 here. It was never received, or it was removed."},
    )


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("operation=list_users", [0]),
        ("status=400", [1]),
        ("email=MONICA@example.com", [1, 2, 3]),
        ("email=monica@example.com&operation=create_user&test_mode=false", [3]),
        ("test_mode=true", [2]),
        ("method=POST", [2, 3]),
        (f"path={quote('/api/v1/users', safe='')}&limit=2", [2, 3]),
        ("rule=USER-GET-1", [1]),
        ("hint=user-unknown", [1]),
        ("fault=fault-1", []),
        ("group=Sales", []),
        ("limit=1", [3]),
    ],
)
def test_calls_are_filtered_by_the_query(control: httpx.Client, site: MockSite, query: str, places: list[int]) -> None:
    every = ids(site.calls)

    response = control.get(f"{path_of(site.host)}/calls?{query}")

    assert [call["id"] for call in response.json()["calls"]] == [every[place] for place in places]


def test_the_number_of_matching_calls_is_given_beside_the_limit(control: httpx.Client, site: MockSite) -> None:
    response = control.get(f"{path_of(site.host)}/calls", params={"operation": "create_user", "limit": 1})

    assert response.json() == {"total": 2, "calls": [site.calls.last.as_dict()]}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("operation=create_usr", "there is no operation 'create_usr'; did you mean create_user?"),
        ("stauts=400", "there is no field stauts here; did you mean status?"),
        (
            "json={}",
            "there is no field json here; known: operation, method, path, email, group, test_mode, status, "
            "rule, hint, fault, limit",
        ),
        ("status=bad", "status: Expected `int`, got `str`"),
        ("limit=0", "limit: Expected `int` >= 1"),
        ("status=400&status=403", "status is there twice: send it once"),
    ],
)
def test_invalid_criteria_are_refused(control: httpx.Client, site: MockSite, query: str, message: str) -> None:
    response = control.get(f"{path_of(site.host)}/calls?{query}")

    assert (response.status_code, response.json()) == (400, {"message": message})


@pytest.mark.parametrize("of", ["/sites/{host}", ""])
def test_a_filter_is_refused_when_calls_are_deleted(
    server: LiveServer, control: httpx.Client, site: MockSite, of: str
) -> None:
    httpx.get(f"{server.url}/api/v1/users", verify=False)

    response = control.delete(f"{BASE}{of.format(host=site.host)}/calls?operation=list_users")

    assert (response.status_code, response.json()) == (
        400,
        {"message": "there is no field operation here; known: none"},
    )
    assert (len(site.calls), len(server.calls)) == (4, 1)


def test_calls_that_reached_no_site_are_calls_of_the_server(
    server: LiveServer, control: httpx.Client, site: MockSite
) -> None:
    httpx.get(f"{server.url}/api/v1/users", headers={"Http-X-Partner-Auth": f"{site.host}:wrong"}, verify=False)

    listed = control.get(f"{BASE}/calls").json()
    assert listed == {"total": 1, "calls": [server.calls.last.as_dict()]}
    assert (listed["calls"][0]["site"], listed["calls"][0]["status"]) == (None, 403)
    assert control.get(f"{BASE}/calls/{listed['calls'][0]['id']}").json() == listed["calls"][0]
    assert control.get(f"{BASE}/calls/{site.calls.last.id}").status_code == 404

    assert control.delete(f"{BASE}/calls").status_code == 204
    assert (len(server.calls), len(site.calls)) == (0, 4)


def test_the_calls_of_a_site_are_deleted(control: httpx.Client, site: MockSite) -> None:
    response = control.delete(f"{path_of(site.host)}/calls")

    assert (response.status_code, response.content, len(site.calls)) == (204, b"", 0)


def test_the_archive_equals_that_in_python(control: httpx.Client, site: MockSite) -> None:
    whole = control.get(f"{path_of(site.host)}/calls/har")
    refused = control.get(f"{path_of(site.host)}/calls/har?status=400")

    assert whole.json() == json.loads(site.calls.to_har())
    assert refused.json() == json.loads(site.calls.matching(status=400).to_har())
    assert [call["response"]["status"] for call in refused.json()["log"]["entries"]] == [400]


def test_reading_the_calls_waits_for_one_that_is_still_open(
    server: LiveServer, control: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = server.site()
    looking = Event()

    def settled() -> list[Call]:
        looking.set()
        return site.calls.settled()

    body = b'{"name": "Sales", "access": "Sql", "created_by_email": "admin@example.com"}'
    auth = site.headers["Http-X-Partner-Auth"]
    head = f"POST /api/v1/groups HTTP/1.1\r\nHost: localhost\r\nHttp-X-Partner-Auth: {auth}\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), WAIT_SECONDS) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        until(lambda: len(site.calls.settled(0)) > 0)
        monkeypatch.setattr(site.calls, "_calls", settled)
        with ThreadPoolExecutor() as pool:
            look = pool.submit(control.get, f"{path_of(site.host)}/calls")
            assert looking.wait(300)
            client.sendall(body[10:])
            assert [call["status"] for call in result(look).json()["calls"]] == [201]


def test_requests_to_the_control_api_are_not_calls(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    site.faults.add(status=503, times=None)
    site.faults.rate_limit(1, per=60)

    paths = [f"{BASE}/health", f"{BASE}/calls", path_of(site.host), f"{BASE}/nothing", "/openapi.yaml", "/openapi.json"]
    statuses = [control.get(path, headers=site.headers).status_code for path in paths for _ in range(2)]

    assert statuses == [200, 200, 200, 200, 200, 200, 404, 404, 200, 200, 200, 200]
    assert (server.all_calls(), [rule.hits for rule in site.faults]) == ([], [0, 0])


def test_curl_needs_nothing_but_the_path(server: LiveServer) -> None:
    site = server.site()

    made = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", f"{server.url}{path_of(site.host)}/faults", "-d", '{"status": 503}'],
        capture_output=True,
        check=True,
        timeout=300,
    ).stdout

    [fault] = site.faults
    assert json.loads(made) == fault.as_dict()
