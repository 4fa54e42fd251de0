"""Calls as an HTTP Archive with the structure of HAR 1.2."""

import json
from http.client import HTTPConnection
from typing import Any
from urllib.request import Request, urlopen

import jsonschema
import pytest
from support.callers import GROUPS, PHOEBE, USERS, send, send_to

import mockscope
from mockscope import LiveServer, MockSite

NUMBER = {"type": "number", "minimum": 0}
SIZE = {"type": "integer", "minimum": -1}
TEXT = {"type": "string"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}


def holds(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these members."""
    members = required | optional | {"comment": TEXT}
    return {"type": "object", "required": list(required), "properties": members, "additionalProperties": False}


def lists(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


# http://www.softwareishard.com/blog/har-12-spec/, as far as servers can fill it.
PAIRS = lists(holds({"name": TEXT, "value": TEXT}))
COOKIES = lists(holds({"name": TEXT, "value": TEXT}, path=TEXT, domain=TEXT, expires=TIME))
SHARED = {"httpVersion": TEXT, "cookies": COOKIES, "headers": PAIRS, "headersSize": SIZE, "bodySize": SIZE}
POST_DATA = holds({"mimeType": TEXT, "text": TEXT}, params=lists(holds({"name": TEXT}, value=TEXT)))
REQUEST = holds(
    {"method": TEXT, "url": {"type": "string", "pattern": "^https?://[^/ ]+/[!-~]*$"}, "queryString": PAIRS} | SHARED,
    postData=POST_DATA,
)
CONTENT = holds({"size": SIZE, "mimeType": TEXT}, compression=SIZE, text=TEXT, encoding=TEXT)
RESPONSE = holds({"status": SIZE, "statusText": TEXT, "content": CONTENT, "redirectURL": TEXT} | SHARED)
# -1: "the timing does not apply to the current request"
TIMINGS = holds({"send": NUMBER, "wait": NUMBER, "receive": NUMBER}, blocked=SIZE, dns=SIZE, connect=SIZE, ssl=SIZE)
ENTRY = holds(
    {
        "startedDateTime": TIME,
        "time": NUMBER,
        "request": REQUEST,
        "response": RESPONSE,
        "cache": holds({}),
        "timings": TIMINGS,
    }
)
MAKER = holds({"name": TEXT, "version": TEXT})
HAR = holds({"log": holds({"version": {"const": "1.2"}, "creator": MAKER, "entries": lists(ENTRY)}, browser=MAKER)})


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    site = server.site("example-site", "e179017a-62b0-4996-8a38-e91aa9f1")
    site.clock.freeze("2024-02-06T12:00:00.250Z")
    return site


def archived(calls: mockscope.Calls) -> list[Any]:
    """Validate an archive, and return its entries."""
    archive = json.loads(calls.to_har())
    jsonschema.validate(archive, HAR)
    entries = archive["log"]["entries"]
    assert isinstance(entries, list)
    return entries


def ask_as(site: MockSite, host: str) -> None:
    """Send a request with a given Host header."""
    connection = HTTPConnection(site.url.removeprefix("http://"), timeout=300)
    connection.putrequest("GET", USERS, skip_host=True)
    for name, value in (site.headers | {"Host": host}).items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()


def test_an_archive_has_the_request_and_response_of_each_call(site: MockSite) -> None:
    response = send_to(site, "POST", f"{USERS}?test_mode=true", PHOEBE)

    host = site.url.removeprefix("http://")
    assert archived(site.calls) == [
        {
            "startedDateTime": "2024-02-06T12:00:00.250000+00:00",
            "time": 0.0,
            "request": {
                "method": "POST",
                "url": f"http://{host}/api/v1/users?test_mode=true",
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": [
                    {"name": "host", "value": host},
                    {"name": "http-x-partner-auth", "value": "example-site:…a9f1"},
                    {"name": "content-length", "value": "119"},
                    {"name": "content-type", "value": "application/json"},
                ],
                "queryString": [{"name": "test_mode", "value": "true"}],
                "postData": {"mimeType": "application/json", "text": json.dumps(PHOEBE)},
                "headersSize": -1,
                "bodySize": 119,
            },
            "response": {
                "status": 200,
                "statusText": "OK",
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": [
                    {"name": "server", "value": "mockscope"},
                    {"name": "content-length", "value": "54"},
                    {"name": "content-type", "value": "application/json; charset=utf-8"},
                    {"name": "x-request-id", "value": response.headers["x-request-id"]},
                ],
                "content": {
                    "size": 54,
                    "mimeType": "application/json; charset=utf-8",
                    "text": '{"message":"Action would have completed successfully"}',
                },
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": 54,
            },
            "cache": {},
            "timings": {"send": 0, "wait": 0.0, "receive": 0, "blocked": -1, "dns": -1, "connect": -1, "ssl": -1},
            "comment": "create_user; example-site",
        }
    ]


def test_an_archive_holds_calls_of_every_kind(server: LiveServer, site: MockSite) -> None:
    send_to(site, "GET", USERS)
    send_to(site, "GET", f"{GROUPS}/R%2FD%20%C3%A9")
    send_to(site, "DELETE", USERS, b"\xff\x00", email="no@example.com")
    site.faults.add("get_user", transport="drop")
    with pytest.raises(ConnectionError):
        send_to(site, "GET", USERS, email="no@example.com")
    send(server.url, "GET", USERS)

    assert [(entry["response"]["status"], entry["comment"]) for entry in archived(site.calls)] == [
        (200, "list_users; example-site"),
        (
            404,
            f"get_group; example-site; GROUP-GET-1; {site.calls[1].hint}",
        ),
        (
            400,
            f"delete_user; example-site; USER-DELETE-1; {site.calls[2].hint}",
        ),
        # What never got a status is 0, as browsers show a connection that broke.
        (0, "get_user; example-site; fault fault-1"),
    ]
    assert [entry["response"]["status"] for entry in archived(server.calls)] == [403]


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("example.com:8765", "example.com:8765"),
        ("[::1]:8765", "[::1]:8765"),
        ("", "mockscope.invalid"),
        ("a b", "a%20b"),
        ('"x"/<y>?', "%22x%22%2F%3Cy%3E%3F"),
        ("\xe9", "%C3%A9"),
    ],
)
def test_the_url_in_an_archive_is_valid_for_any_host_header(site: MockSite, host: str, shown: str) -> None:
    ask_as(site, host)

    assert [entry["request"]["url"] for entry in archived(site.calls)] == [f"http://{shown}{USERS}"]


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        ("app.periscopedata.com", "https"),
        ("API.periscopedata.com:443", "https"),
        ("app.periscopedata.com:80", "http"),
        ("periscopedata.com.example.com", "http"),
    ],
)
def test_the_url_of_a_call_to_a_vendor_host_is_https(site: MockSite, host: str, scheme: str) -> None:
    ask_as(site, host)

    assert [entry["request"]["url"] for entry in archived(site.calls)] == [f"{scheme}://{host}{USERS}"]


def test_the_url_of_a_call_over_tls_is_https() -> None:
    with mockscope.serve(tls=True) as server:
        site = server.site()
        context = server.authority.client_context()
        # The server reads only the head of the third.
        for _ in range(3):
            urlopen(Request(f"{site.url}{USERS}", headers=site.headers), context=context).close()

        assert [entry["request"]["url"] for entry in archived(site.calls)] == [f"{server.url}{USERS}"] * 3
        assert server.url.startswith("https://")


def test_an_archive_without_calls_is_valid(site: MockSite) -> None:
    assert archived(site.calls) == []


def test_some_of_the_calls_can_be_archived(site: MockSite) -> None:
    send_to(site, "GET", USERS)
    send_to(site, "GET", GROUPS)

    assert [entry["comment"] for entry in archived(site.calls.for_operation("list_groups"))] == [
        "list_groups; example-site"
    ]


def test_an_archive_has_the_duration_of_a_call_in_milliseconds(site: MockSite) -> None:
    site.clock.freeze("2024-02-06T12:00:00Z", autojump=True)
    site.faults.add("list_users", delay=0.75)
    send_to(site, "GET", USERS)

    [entry] = archived(site.calls)
    assert (entry["startedDateTime"], entry["time"]) == ("2024-02-06T12:00:00+00:00", 750.0)
    assert entry["timings"] == {"send": 0, "wait": 750.0, "receive": 0} | dict.fromkeys(
        ("blocked", "dns", "connect", "ssl"), -1
    )


def test_a_clock_that_is_moved_back_during_a_call_gives_a_duration_of_zero(site: MockSite) -> None:
    def go_back(entry: mockscope.Call, response: mockscope.CannedResponse | None) -> None:
        site.clock.shift(days=-1)

    site.faults.add("list_users", action=go_back)
    send_to(site, "GET", USERS)

    assert [(entry["time"], entry["timings"]["wait"]) for entry in archived(site.calls)] == [(0.0, 0.0)]
