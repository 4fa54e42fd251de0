"""Calls from plain data: they have what the recorded calls have, except for the keys."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

import mockscope
from mockscope import Call, LiveServer, MockSite, report
from mockscope.instruments.har import to_har
from mockscope.instruments.request_log import full_text

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
JOEY: Final = {"Http-X-Email": "joey@example.com"}
# Method, path, headers and body.
SENT: Final[list[tuple[str, str, dict[str, str], bytes | None]]] = [
    (
        "GET",
        f"{USERS}?page=2&key=0f1e2d3c-4b5a-6978-8796-a5b4c3d2",
        {"X-Copy": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2"},
        None,
    ),
    ("POST", USERS, {}, b'{"email": "phoebe@example.com", "first_name": "Phoebe", "last_name": "Buffay"}'),
    ("POST", GROUPS, {"Content-Type": "text/plain"}, b'{"name": "NY Knicks", "access": "\xff"}'),
    ("DELETE", USERS, JOEY, None),
    ("GET", f"{GROUPS}/Sal%C3%A9s", {"Http-X-Email": "caf\u00e9@example.com"}, None),
    ("PUT", USERS, JOEY, json.dumps({"email": "joey@example.com", "groups": ["x" * 70_000]}).encode()),
    (
        "POST",
        USERS,
        {},
        json.dumps({"email": "ross@example.com", "last_name": "\u00e9" * 40_000}, ensure_ascii=False).encode(),
    ),
    ("GET", "/api/v1/nothing", {"Authorization": "Bearer very-secret-token"}, None),
]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with mockscope.serve() as server:
        yield server


@pytest.fixture(scope="module")
def site(server: LiveServer) -> Iterator[MockSite]:
    with server.site("example_site", api_key="0f1e2d3c-4b5a-6978-8796-a5b4c3d2") as site:
        site.add_user("joey@example.com", groups=["All Users"])
        site.faults.add("list_users", status=503)
        site.clock.freeze("2024-02-06T12:00:00.123Z")
        with httpx.Client(base_url=site.url, timeout=300) as client:
            for method, path, headers, body in SENT:
                encoded = [(name.encode(), value.encode()) for name, value in (site.headers | headers).items()]
                client.request(method, path, headers=encoded, content=body)
        yield site


def parsed(call: Call) -> Call:
    """Return a call that was sent over the wire."""
    return Call.from_dict(json.loads(json.dumps(call.as_dict())))


ATTRIBUTES: Final = (
    *("id", "number", "received_at", "duration", "site", "operation", "method", "scheme", "path", "query", "params"),
    *("headers", "body_cut", "json", "email", "group", "test_mode", "status", "response", "response_cut"),
    *("response_json", "response_headers", "rule", "hint", "hints", "fault", "changes", "changes_cut", "is_open"),
)


def test_a_call_from_plain_data_has_what_the_recorded_call_has(site: MockSite) -> None:
    calls = [*site.calls]
    again = [parsed(call) for call in calls]

    assert [call.as_dict() for call in again] == [call.as_dict() for call in calls]
    for one, other in zip(calls, again, strict=True):
        different = [name for name in ATTRIBUTES if getattr(one, name) != getattr(other, name)]
        assert (str(one), different, one) == (str(other), [], other)
    assert report(again) == report(calls)
    assert [full_text(call) for call in again] == [full_text(call) for call in calls]
    assert to_har(again, version="1") == to_har(again, version="1")


def test_a_call_from_plain_data_is_copied_as_the_recorded_call_is(site: MockSite) -> None:
    # A key outside the auth header stays redacted, where the recorded call has a variable.
    for call in site.calls[1:]:
        for copied in (Call.as_curl, Call.as_httpx):
            assert _text(copied, parsed(call)) == _text(copied, call)


def _text(copied: Any, call: Call) -> str:
    try:
        return str(copied(call))
    except ValueError as error:
        return str(error)


def test_a_call_from_plain_data_has_neither_its_key_nor_the_records_before(site: MockSite) -> None:
    call = parsed(site.calls.matching("delete_user").last)

    assert site.api_key not in repr(call.request())
    with pytest.raises(
        ValueError, match=r"^the key of the call .* is redacted: only the server that received it knows it$"
    ):
        call.as_curl(include_key=True)
    with pytest.raises(ValueError, match=r"^the records before the call .* name a seed file with them$"):
        call.as_pytest()
    assert "seed='friends.yaml'" in call.as_pytest("friends.yaml")


def test_a_call_from_plain_data_is_replayed(site: MockSite) -> None:
    with site.fork() as fork:
        fork.add_user("joey@example.com")

        assert fork.replay(parsed(site.calls.matching("delete_user").last)).status == 200


def test_a_delayed_call_from_plain_data_is_delayed(site: MockSite) -> None:
    data = site.calls.last.as_dict()

    states = [Call.from_dict(data | {"duration_ms": None, "is_open": is_open}) for is_open in (True, False)]

    assert [(call.is_open, call.is_delayed, call.duration) for call in states] == [
        (True, False, None),
        (False, True, None),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "no number"}, "invalid literal for int"),
        ({"time": "yesterday"}, "'yesterday' is not a time"),
        ({"headers": 5}, "'int' object is not iterable"),
        ({"hint": {"code": "user-unknown"}}, "missing 2 required positional arguments"),
    ],
)
def test_data_that_is_not_a_call_is_refused(site: MockSite, change: dict[str, Any], reason: str) -> None:
    data = site.calls.last.as_dict()

    with pytest.raises(ValueError, match=f"^this is not the plain data of a call: .*{reason}"):
        Call.from_dict(data | change)
    del data["path"]
    with pytest.raises(ValueError, match=r"^this is not the plain data of a call: 'path' is missing$"):
        Call.from_dict(data)
