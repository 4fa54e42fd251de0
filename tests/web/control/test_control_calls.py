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
from mockscope.instruments.call import MAX_BODY_BYTES

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
    assert response.json() == {"total": 4, "calls": [call.as_dict() for call in reversed(site.calls)], "next": None}
    last = response.json()["calls"][0]
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
        ("status=4xx", [1]),
        ("status=2XX", [3, 2, 0]),
        ("status=100", []),
        ("email=MONICA@example.com", [3, 2, 1]),
        ("email=monica@example.com&operation=create_user&test_mode=false", [3]),
        ("test_mode=true", [2]),
        ("method=POST", [3, 2]),
        (f"path={quote('/api/v1/users', safe='')}&limit=2", [3, 2]),
        ("rule=USER-GET-1", [1]),
        ("hint=user-unknown", [1]),
        ("fault=fault-1", []),
        ("group=Sales", []),
        ("limit=1", [3]),
        ("order=oldest", [0, 1, 2, 3]),
        ("order=oldest&limit=1", [0]),
        ("q=GELLER", [3, 2]),
        ("q=User-Unknown", [1]),
        ("q=nobody", []),
        ("open=true", []),
        ("open=false&limit=1", [3]),
    ],
)
def test_calls_are_filtered_by_the_query(control: httpx.Client, site: MockSite, query: str, places: list[int]) -> None:
    every = ids(site.calls)

    response = control.get(f"{path_of(site.host)}/calls?{query}")

    assert [call["id"] for call in response.json()["calls"]] == [every[place] for place in places]


def test_the_number_of_matching_calls_is_given_beside_the_limit(control: httpx.Client, site: MockSite) -> None:
    response = control.get(f"{path_of(site.host)}/calls", params={"operation": "create_user", "limit": 1})

    last = site.calls.last
    assert response.json() == {"total": 2, "calls": [last.as_dict()], "next": last.id}


@pytest.mark.parametrize(("order", "cursor"), [("newest", "before"), ("oldest", "after")])
def test_pages_follow_one_another_by_the_id_of_a_call(
    control: httpx.Client, site: MockSite, order: str, cursor: str
) -> None:
    pages, query = [], {"order": order, "limit": "2", "q": "users"}
    for _ in range(2):
        pages.append(control.get(f"{path_of(site.host)}/calls", params=query).json())
        # A call that arrives between two pages.
        httpx.get(f"{site.url}/api/v1/groups", headers=site.headers, verify=False)
        query[cursor] = pages[-1]["next"]

    every = ids(site.calls)[:4]
    expected = every if order == "oldest" else every[::-1]
    shown = [call["id"] for page in pages for call in page["calls"]]
    assert (shown, [page["next"] for page in pages]) == (expected, [expected[1], None])
    assert [page["total"] for page in pages] == [4, 4]


def test_calls_between_two_calls_are_listed_and_archived(control: httpx.Client, site: MockSite) -> None:
    first, *between, last = site.calls
    query = {"after": first.id, "before": last.id}

    listed = control.get(f"{path_of(site.host)}/calls", params=query).json()
    archive = control.get(f"{path_of(site.host)}/calls/har", params=query)

    assert ids(site.calls.matching(after=first, before=last)) == ids(between)
    assert [call["id"] for call in listed["calls"]] == ids(between)[::-1]
    assert archive.json() == json.loads(site.calls.matching(after=first, before=last).to_har())


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("path", ["", "/har"])
def test_a_cursor_that_is_not_a_call_of_the_site_is_404(
    control: httpx.Client, site: MockSite, name: str, path: str
) -> None:
    response = control.get(f"{path_of(site.host)}/calls{path}", params={name: "ffffffff-1"})

    assert (response.status_code, response.json()) == (
        404,
        {"message": "There is no call ffffffff-1 here. It was never received, or it was removed."},
    )


def test_open_calls_are_listed_at_once_with_those_that_a_fault_delays(
    control: httpx.Client, site: MockSite, server: LiveServer
) -> None:
    site.clock.freeze()
    site.faults.add("list_groups", delay=60)
    before = site.calls.last

    with ThreadPoolExecutor() as pool:
        delayed = pool.submit(httpx.get, f"{site.url}/api/v1/groups", headers=site.headers, verify=False, timeout=300)
        until(lambda: len(site.calls.matching(open=True)) == 1)
        [call] = control.get(f"{path_of(site.host)}/calls?open=true").json()["calls"]
        assert (call["operation"], call["duration_ms"], call["status"]) == ("list_groups", None, None)
        assert site.calls.matching(open=True, after=before)[0].id == call["id"]
        site.clock.shift(seconds=60)
        result(delayed)

    assert control.get(f"{path_of(site.host)}/calls?open=true").json() == {"total": 0, "calls": [], "next": None}


def test_bodies_that_are_cut_or_not_text_are_marked(control: httpx.Client, site: MockSite) -> None:
    def sent(body: bytes) -> dict[str, Any]:
        httpx.post(f"{site.url}/api/v1/groups", headers=site.headers, content=body, verify=False)
        call: dict[str, Any] = control.get(f"{path_of(site.host)}/calls?limit=1").json()["calls"][0]
        return {name: value for name, value in call.items() if name.startswith("body")}

    snowman = "☃".encode()
    assert sent(b"x" * MAX_BODY_BYTES) == {"body": "x" * MAX_BODY_BYTES, "body_cut": False}
    assert sent(b"x" * (MAX_BODY_BYTES - 1) + snowman) == {"body": "x" * (MAX_BODY_BYTES - 1), "body_cut": True}
    assert sent(b"\xff\xfe") == {"body_base64": "//4=", "body_cut": False}
    assert sent(snowman[:1]) == {"body_base64": "4g==", "body_cut": False}
    assert sent(b"") == {"body": None, "body_cut": False}


def test_responses_that_are_cut_or_not_text_are_marked(control: httpx.Client, site: MockSite) -> None:
    shown = []
    for body in (b"\xff\xfe", b"x" * (MAX_BODY_BYTES + 1)):
        site.faults.add("list_groups", status=503, body=body)
        httpx.get(f"{site.url}/api/v1/groups", headers=site.headers, verify=False)
        call = control.get(f"{path_of(site.host)}/calls?limit=1").json()["calls"][0]
        shown.append({name: call[name] for name in call if name in ("response", "response_base64", "response_cut")})

    assert shown == [
        {"response_base64": "//4=", "response_cut": False},
        {"response": "x" * MAX_BODY_BYTES, "response_cut": True},
    ]


def test_the_body_of_a_call_whose_content_was_discarded_is_marked_as_cut(site: MockSite) -> None:
    call = site.calls.last
    call.discard_content()

    assert {name: value for name, value in call.as_dict().items() if name.startswith(("body", "response"))} == {
        "body": None,
        "body_cut": True,
        "response_headers": [],
        "response": None,
        "response_cut": True,
    }


def test_a_name_that_utf_8_cannot_encode_is_shown_with_a_question_mark(control: httpx.Client, site: MockSite) -> None:
    body = b'{"email": "\\ud800joey@example.com"}'
    httpx.post(f"{site.url}/api/v1/users", headers=site.headers, content=body, verify=False)

    [call] = control.get(f"{path_of(site.host)}/calls?limit=1").json()["calls"]
    assert (call["email"], call["body"], call["status"]) == ("?joey@example.com", body.decode(), 400)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("operation=create_usr", "there is no operation 'create_usr'; did you mean create_user?"),
        ("stauts=400", "there is no field stauts here; did you mean status?"),
        (
            "json={}",
            "there is no field json here; known: operation, method, path, email, group, test_mode, status, "
            "rule, hint, fault, q, open, after, before, order, limit, wait",
        ),
        ("status=bad", "status is a number such as 404 or a class such as 4xx, not 'bad'"),
        ("status=6xx", "status is a number such as 404 or a class such as 4xx, not '6xx'"),
        ("open=maybe", "open must be true or false, not 'maybe'"),
        ("order=latest", "order must be newest or oldest, not 'latest'"),
        ("limit=0", "limit must be a whole number of 1 or more, not 0"),
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
    assert listed == {"total": 1, "calls": [server.calls.last.as_dict()], "next": None}
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
    looking, wait = Event(), site.calls.settled

    def settled(timeout: float) -> list[Call]:
        looking.set()
        return wait(timeout)

    body = b'{"name": "Sales", "access": "Sql", "created_by_email": "admin@example.com"}'
    auth = site.headers["Http-X-Partner-Auth"]
    head = f"POST /api/v1/groups HTTP/1.1\r\nHost: localhost\r\nHttp-X-Partner-Auth: {auth}\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), WAIT_SECONDS) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        until(lambda: len(site.calls.settled(0)) > 0)
        monkeypatch.setattr(site.calls, "settled", settled)
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
