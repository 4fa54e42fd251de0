"""Planned faults: valid arguments, the calls that they hit, and their counts."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests
from dirty_equals import IsOneOf, IsPartialDict, IsStr, IsTrueLike
from support.bounds import at_once

import mockscope as package
from mockscope import (
    Call,
    CannedResponse,
    LiveServer,
    LogNormal,
    Mockscope,
    MockSite,
    Operation,
    Refusal,
    Refused,
    Uniform,
)
from mockscope.instruments.fault import MAX_DELAY_SECONDS
from mockscope.instruments.request_log import json_line, text_line

USERS = "/api/v1/users"
GROUPS = "/api/v1/groups"
JOEY = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "invited_by_email": "admin@example.com",
}
SALES = {"name": "Sales", "access": "View", "created_by_email": "admin@example.com"}


def send_request(
    site: MockSite, method: str = "GET", target: str = USERS, json: object = None, **headers: str
) -> requests.Response:
    """Send a request on a connection of its own."""
    named = {f"Http-X-{name.title()}": value for name, value in headers.items()}
    return requests.request(method, f"{site.url}{target}", headers=site.headers | named, json=json, timeout=300)


def create(site: MockSite, **changes: object) -> requests.Response:
    return send_request(site, "POST", USERS, JOEY | changes)


def statuses(site: MockSite, times: int) -> list[int]:
    return [send_request(site).status_code for _ in range(times)]


# -- invalid faults --------------------------------------------------------------------------------------------

ABOUT_DELAYS = "a delay is between 0 seconds and a year, not"
REFUSED: list[tuple[Mapping[str, Any], str]] = [
    ({"operation": "create_usr", "status": 503}, "there is no operation 'create_usr'; did you mean create_user?"),
    (
        {"operation": "zzz", "status": 503},
        "there is no operation 'zzz'; known: list_users, get_user, create_user, update_user, delete_user, list_groups, "
        "get_group, create_group, update_group, delete_group",
    ),
    ({"operation": None, "status": 503}, "operation must be text, not None"),
    ({}, "a fault needs one of status, transport, action and delay"),
    ({"times": 3}, "a fault needs one of status, transport, action and delay"),
    ({"transport": "rest"}, "there is no transport fault 'rest'; did you mean reset?"),
    ({"status": 600}, "a status is between 200 and 599, not 600"),
    ({"status": 100}, "a status is between 200 and 599, not 100"),
    ({"status": 199}, "a status is between 200 and 599, not 199"),
    ({"status": 600}, "a status is between 200 and 599, not 600"),
    ({"status": "503"}, "status must be a whole number, not '503'"),
    ({"status": True}, "status must be a whole number, not True"),
    ({"status": 204, "body": "Nothing"}, "a response 204 has no body"),
    ({"transport": "reset", "body": "Nothing"}, "body and headers need the status of a planned response"),
    ({"delay": 1, "headers": {"A": "b"}}, "body and headers need the status of a planned response"),
    ({"status": 503, "body": {1, 2}}, "a body is text, bytes, or something that JSON has: *set is not JSON*"),
    ({"status": 503, "body": float("nan")}, "a body is text, bytes, or something that JSON has: *not JSON compliant*"),
    ({"status": 503, "body": "\ud800"}, "a body is text, bytes, or something that JSON has: *surrogates not allowed"),
    (
        {"status": 503, "headers": "Retry-After: 1"},
        "headers must be an object of names and values, not 'Retry-After: 1'",
    ),
    ({"status": 503, "headers": {"Retry After": "1"}}, "no header can be called 'Retry After'"),
    ({"status": 503, "headers": {"": "1"}}, "no header can be called ''"),
    (
        {"status": 503, "headers": {"Retry-After": 1}},
        "the header Retry-After must be one line in Latin-1 without blanks around it, not 1; write '1'",
    ),
    (
        {"status": 503, "headers": {"A": "1\r\nB: 2"}},
        r"the header A must be one line in Latin-1 without blanks around it, not '1\r\nB: 2'",
    ),
    (
        {"status": 503, "headers": {"A": " 1"}},
        "the header A must be one line in Latin-1 without blanks around it, not ' 1'",
    ),
    (
        {"status": 503, "headers": {"A": "Ł"}},
        "the header A must be one line in Latin-1 without blanks around it, not 'Ł'",
    ),
    (
        {"status": 503, "headers": {"content-length": "3"}},
        "a fault can't set content-length: truncate breaks the length of a response",
    ),
    (
        {"status": 503, "headers": {"X-Request-Id": "1"}},
        "a fault can't set X-Request-Id: it is the id of the call",
    ),
    (
        {"status": 503, "transport": "reset"},
        "reset sends no response, and so no status 503: leave one of them out",
    ),
    ({"status": 304, "transport": "truncate"}, "truncate cuts a body, and this response has none"),
    ({"status": 200, "body": "", "transport": "bad_json"}, "bad_json cuts a body, and this response has none"),
    (
        {"transport": "drop", "after_bytes": 3},
        "after_bytes is a number from 0 on, for truncate and bad_json only",
    ),
    (
        {"transport": "truncate", "after_bytes": -1},
        "after_bytes is a number from 0 on, for truncate and bad_json only",
    ),
    (
        {"status": 503, "times": 0},
        "a fault that hits 0 times never hits: times is 1 or more, or None (JSON: null): always",
    ),
    ({"status": 503, "times": 1.5}, "times must be a whole number, not 1.5"),
    ({"status": 503, "nth": 0}, "calls are counted from 1: nth can't be 0"),
    ({"status": 503, "probability": 0}, "a probability is above 0 and at most 1, not 0"),
    ({"status": 503, "probability": 1.5}, "a probability is above 0 and at most 1, not 1.5"),
    ({"status": 503, "seed": None}, "seed must be a whole number, not None"),
    ({"delay": -1}, f"{ABOUT_DELAYS} -1"),
    ({"delay": float("nan")}, f"{ABOUT_DELAYS} nan"),
    ({"delay": 1e9}, f"{ABOUT_DELAYS} 1000000000.0"),
    ({"delay": MAX_DELAY_SECONDS + 1}, f"{ABOUT_DELAYS} {MAX_DELAY_SECONDS + 1}"),
    ({"delay": "1"}, "delay must be a number, not '1'"),
    ({"delay": None}, "delay must be a number, not None"),
    ({"status": 503, "where": {"emial": "joey@example.com"}}, "there is no criterion 'emial'; did you mean email?"),
    ({"status": 503, "where": {"status": 200}}, "there is no criterion 'status'; *"),
    (
        {"status": 503, "where": "joey@example.com"},
        "where must be an object of names and values, not 'joey@example.com'",
    ),
    (
        {"operation": "list_users", "status": 503, "where": {"email": "joey@example.com"}},
        "list_users names no user; get_user does",
    ),
    (
        {"operation": "create_user", "status": 503, "where": {"group": "Sales"}},
        "create_user names no group: leave group out",
    ),
    (
        {"operation": "delete_group", "status": 503, "where": {"email": "joey@example.com"}},
        "delete_group names no user: leave email out",
    ),
    (
        {"status": 503, "where": {"email": "joey@example.com", "group": "Sales"}},
        "no call names both a user and a group: leave one of them out",
    ),
    ({"operation": "create_user", "status": 503, "where": {"method": "GET"}}, "create_user is POST, never GET"),
    ({"operation": "update_group", "status": 503, "where": {"method": "put"}}, "update_group is PUT, never put"),
    ({"operation": "get_user", "status": 503, "where": {"method": "DELETE"}}, "get_user is GET or HEAD, never DELETE"),
    (
        {"status": 503, "where": {"method": "PATCH"}},
        "a call is GET or HEAD or POST or PUT or DELETE, never PATCH",
    ),
    ({"status": 503, "where": {"json": {("a",): 1}}}, "the names in json are texts, as they are sent: not ('a',)"),
    ({"status": 503, "where": {"json": {"a": [{1: 2}]}}}, "the names in json are texts, as they are sent: not 1"),
    ({"status": 503, "where": {"params": {1: "2"}}}, "the names in params are texts, as they are sent: not 1"),
    ({"status": 503, "where": {"method": None}}, "method must be text, not None"),
    ({"status": 503, "where": {"path": b"/api/v1/users"}}, "path must be text, not b'/api/v1/users'"),
    ({"status": 503, "where": {"email": 5}}, "email must be text, not 5"),
    ({"status": 503, "where": {"group": ["Sales"]}}, "group must be text, not ['Sales']"),
    ({"status": 503, "where": {"test_mode": "true"}}, "test_mode must be true or false, not 'true'"),
    ({"status": 503, "where": {"test_mode": None}}, "test_mode must be true or false, not None"),
    ({"status": 503, "where": {"test_mode": 2}}, "test_mode must be true or false, not 2"),
    (
        {"status": 503, "where": {"params": "test_mode=true"}},
        "params must be an object of names and values, not 'test_mode=true'",
    ),
    (
        {"status": 503, "where": {"params": {"test_mode": True}}},
        "params are texts, as they are sent: test_mode can't be True",
    ),
    (
        {"operation": "get_user", "status": 503, "where": {"test_mode": True}},
        "get_user is never a dry run: leave test_mode out",
    ),
    (
        {"operation": "get_user", "status": 503, "after_commit": True},
        "reads and dry runs commit nothing: after_commit is for operations that write",
    ),
    (
        {"operation": "create_user", "status": 503, "after_commit": True, "where": {"test_mode": True}},
        "reads and dry runs commit nothing: after_commit is for operations that write",
    ),
]


ACCEPTED = [
    {"status": 200},
    {"status": 599},
    {"status": 503, "times": 1, "nth": 1},
    {"status": 503, "probability": 1},
    {"status": 503, "delay": 0},
    {"delay": MAX_DELAY_SECONDS},
    {"transport": "truncate", "after_bytes": 0},
    {"delay": Uniform(low=0, high=MAX_DELAY_SECONDS)},
    {"delay": LogNormal(median=1, sigma=0)},
    {"delay": LogNormal(median=1, sigma=10)},
]


@pytest.mark.parametrize("rule", ACCEPTED, ids=str)
def test_the_last_value_within_a_limit_is_accepted(rule: dict[str, Any]) -> None:
    site = Mockscope().site()

    fault = site.faults.add(**rule)

    assert list(site.faults) == [fault]


@pytest.mark.parametrize(("calls", "per"), [(1, 0.001), (1, MAX_DELAY_SECONDS)])
def test_the_smallest_and_the_longest_rate_limit_are_accepted(calls: int, per: float) -> None:
    limit = Mockscope().site().faults.rate_limit(calls, per=per)

    assert (limit.calls, limit.per) == (calls, per)


@pytest.mark.parametrize(("calls", "per", "name"), [(0, 1, "calls"), (1, 0, "per"), (1, MAX_DELAY_SECONDS + 1, "per")])
def test_a_rate_limit_beyond_its_limits_is_refused(calls: int, per: float, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        Mockscope().site().faults.rate_limit(calls, per=per)


def exactly(message: str) -> str:
    """Return a pattern for a whole message. A star stands for words of the standard library."""
    return f"^{'.*'.join(re.escape(part) for part in message.split('*'))}$"


@pytest.mark.parametrize(("rule", "message"), REFUSED, ids=str)
def test_an_invalid_fault_is_refused_when_it_is_planned(
    mockscope: MockSite, rule: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        mockscope.faults.add(**rule)
    with pytest.raises(ValueError, match=exactly(message)):
        mockscope.faults.add_plain(rule)
    assert list(mockscope.faults) == []


def test_an_action_excludes_status_and_transport(mockscope: MockSite) -> None:
    with pytest.raises(ValueError, match="an action returns the response: leave status and transport out"):
        mockscope.faults.add("create_user", action=lambda call, response: None, status=503)


async def later(call: Call, response: CannedResponse | None = None) -> Any:
    raise AssertionError("nobody awaits it")


class Later:
    async def __call__(self, call: Call, response: CannedResponse | None = None) -> Any:
        raise AssertionError("nobody awaits it")


ABOUT_ASYNC = "can't be async: its result is not awaited"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"action": 5}, "action must be a function, not 5"),
        ({"action": 0}, "action must be a function, not 0"),
        ({"action": later}, f"action {ABOUT_ASYNC}"),
        ({"action": Later()}, f"action {ABOUT_ASYNC}"),
        ({"status": 503, "where": later}, f"where {ABOUT_ASYNC}"),
    ],
)
def test_an_object_that_can_not_be_called_is_refused_when_it_is_planned(
    mockscope: MockSite, rule: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        mockscope.faults.add(**rule)
    assert list(mockscope.faults) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(low=2, high=1), "the shortest delay, 2, is longer than the longest, 1"),
        (lambda: Uniform(low=-1, high=1), "a delay is between 0 seconds and a year, not -1"),
        (lambda: Uniform(low=0, high=1, seed="x"), "seed must be a whole number, not 'x'"),  # type: ignore[arg-type]
        (lambda: LogNormal(median=-1), "a delay is between 0 seconds and a year, not -1"),
        (lambda: LogNormal(median=1, sigma=11), "sigma is between 0 and 10, not 11"),
        (lambda: LogNormal(median=1, sigma="x"), "sigma must be a number, not 'x'"),  # type: ignore[arg-type]
    ],
)
def test_invalid_delays_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        make()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (503, "a fault is an object of names and values, not 503"),
        ({"operation": "create_user", "stauts": 503}, "there is no key of a fault 'stauts'; did you mean status?"),
        ({"operation": "create_user", "action": print}, "there is no key of a fault 'action'; did you mean operation?"),
        ({"calls": 3}, "a rate limit needs per"),
        ({"per": 3}, "a rate limit needs calls"),
        ({"calls": 3, "per": 60, "status": 429}, "there is no key of a rate limit 'status'; known: *"),
        ({"calls": "3", "per": 60}, "calls must be a whole number, not '3'"),
        ({"delay": {}}, "a delay is a number of seconds, or an object with one of uniform and lognormal"),
        ({"delay": {"unifrom": {}}}, "there is no distribution of delays 'unifrom'; did you mean uniform?"),
        ({"delay": {"uniform": 1}}, "a delay uniform is an object of names and values, not 1"),
        ({"delay": {"uniform": {"low": 1}}}, "a delay uniform needs high"),
        ({"delay": {"lognormal": {}}}, "a delay lognormal needs median"),
        (
            {"delay": {"uniform": {"low": 1, "hihg": 2}}},
            "there is no key of a delay uniform 'hihg'; did you mean high?",
        ),
        ({"delay": {"lognormal": {"median": "1"}}}, "delay must be a number, not '1'"),
    ],
    ids=str,
)
def test_invalid_plain_data_is_refused(mockscope: MockSite, data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        mockscope.faults.add_plain(data)
    assert len(mockscope.faults) == 0


# -- plain data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        {"operation": "create_user", "status": 503},
        {"status": 503, "body": {"message": "Later."}, "headers": {"Retry-After": "3"}, "times": None, "nth": 2},
        {"transport": "truncate", "after_bytes": 3, "probability": 0.5, "seed": 7},
        {"operation": "delete_user", "transport": "reset", "after_commit": True, "where": {"email": "a@example.com"}},
        {"delay": {"uniform": {"low": 1, "high": 2, "seed": 3}}},
        {"delay": {"lognormal": {"median": 1, "sigma": 0.1, "seed": 3}}},
        {"calls": 3, "per": 60, "operation": "list_users"},
    ],
    ids=str,
)
def test_a_fault_can_be_planned_again_from_its_plain_data(mockscope: MockSite, rule: Mapping[str, Any]) -> None:
    account = {"id", "hits", "seen", "left"}
    first = mockscope.faults.add_plain(rule).as_dict()
    second = mockscope.faults.add_plain({key: first[key] for key in first if key not in account}).as_dict()
    assert {**second, "id": first["id"]} == first


def test_the_plain_data_of_a_fault_is_complete(mockscope: MockSite) -> None:
    fault = mockscope.faults.add(
        "create_user", delay=Uniform(low=1, high=2), transport="hang", where={"email": "joey@example.com"}
    )
    assert fault.as_dict() == {
        "id": "fault-1",
        "operation": "create_user",
        "status": None,
        "body": None,
        "headers": {},
        "delay": {"uniform": {"low": 1, "high": 2, "seed": 0}},
        "transport": "hang",
        "after_bytes": None,
        "times": 1,
        "nth": None,
        "after_commit": False,
        "where": {"email": "joey@example.com"},
        "probability": None,
        "seed": 0,
        "hits": 0,
        "seen": 0,
        "left": 1,
    }


def test_plain_data_shows_a_function_as_a_word_that_can_not_be_planned(mockscope: MockSite) -> None:
    shown = [
        mockscope.faults.add(action=failing).as_dict(),
        mockscope.faults.add(status=503, where=failing).as_dict(),
    ]
    assert [(rule["where"], rule.get("action")) for rule in shown] == [({}, "a function"), ("a function", None)]
    first, second = [{key: rule[key] for key in rule if key not in ("id", "hits", "seen", "left")} for rule in shown]
    for rule, message in (
        (first, "there is no key of a fault 'action'; did you mean operation?"),
        (second, "where must be an object of names and values, not 'a function'"),
    ):
        with pytest.raises(ValueError, match=exactly(message)):
            mockscope.faults.add_plain(rule)


def test_plain_data_shows_criteria_that_compare_by_their_own_rule_as_text(mockscope: MockSite) -> None:
    class Anything:
        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "Anything"

    fault = mockscope.faults.add("create_user", status=503, where={"json": Anything()})
    assert fault.as_dict()["where"] == {"json": "Anything"}
    assert create(mockscope).status_code == 503


# -- the planned response --------------------------------------------------------------------------------------


def test_a_fault_without_a_body_has_a_message_like_those_of_the_api(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503)
    response = send_request(mockscope)
    assert (response.status_code, response.headers["Content-Type"], response.text) == (
        503,
        "application/json; charset=utf-8",
        '{"message":"A planned fault: 503 Service Unavailable"}',
    )


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("Away", b"Away"),
        (b"\xff", b"\xff"),
        ("", b""),
        ({"message": "Späť"}, '{"message": "Späť"}'.encode()),
        ([], b"[]"),
    ],
)
def test_a_body_is_text_bytes_or_json(mockscope: MockSite, body: object, sent: bytes) -> None:
    mockscope.faults.add("list_users", status=500, body=body)
    assert send_request(mockscope).content == sent


def test_headers_of_a_fault_override_those_of_the_api(mockscope: MockSite) -> None:
    headers = {"content-type": "text/html", "Retry-After": "120", "X-Note": "à la carte"}
    mockscope.faults.add("list_users", status=503, body="<p>Away</p>", headers=headers)
    response = send_request(mockscope)
    expected = {"Content-Type": "text/html", "Retry-After": "120", "X-Note": "à la carte", "Content-Length": "11"}
    assert {name: response.headers[name] for name in expected} == expected


def test_headers_of_a_fault_appear_once_and_override_those_of_the_response(mockscope: MockSite) -> None:
    mockscope.faults.rate_limit(5, per=60)
    said = {"X-RateLimit-Remaining": "0", "Server": "nginx", "Content-Type": "text/plain"}
    mockscope.faults.add("list_users", status=429, headers=said)
    struck, after = send_request(mockscope).raw.headers, send_request(mockscope).raw.headers
    names = ("X-RateLimit-Limit", *said, "X-Request-Id")
    first, second = mockscope.calls
    assert [struck.getlist(name) for name in names] == [["5"], ["0"], ["nginx"], ["text/plain"], [first.id]]
    assert [after.getlist(name) for name in names] == [
        ["5"],
        ["3"],
        ["mockscope"],
        ["application/json; charset=utf-8"],
        [second.id],
    ]


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_is_sent_without_one(mockscope: MockSite, status: int) -> None:
    mockscope.faults.add("list_users", status=status)
    with requests.Session() as session:
        first, second = (
            session.get(f"{mockscope.url}{USERS}", headers=mockscope.headers, timeout=300) for _ in range(2)
        )
    assert (first.status_code, first.content, second.status_code) == (status, b"", 200)
    assert ("Content-Length" in first.headers) == (status != 204)


def test_head_gets_the_fault_of_its_operation_without_a_body(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503, body="Away")
    response = send_request(mockscope, "HEAD")
    assert (response.status_code, response.headers["Content-Length"], response.content) == (503, "4", b"")


# -- which calls are meant -------------------------------------------------------------------------------------


def test_a_fault_hits_once_by_default(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503)
    assert statuses(mockscope, 3) == [503, 200, 200]


@pytest.mark.parametrize(
    ("often", "expected"),
    [
        ({"times": 2}, [503, 503, 200, 200, 200]),
        ({"times": None}, [503, 503, 503, 503, 503]),
        ({"nth": 3}, [200, 200, 503, 200, 200]),
        ({"nth": 2, "times": 2}, [200, 503, 503, 200, 200]),
        ({"nth": 4, "times": None}, [200, 200, 200, 503, 503]),
        ({"times": None, "probability": 0.5, "seed": 1}, [503, 200, 200, 503, 503]),
        ({"times": None, "probability": 1}, [503, 503, 503, 503, 503]),
    ],
    ids=str,
)
def test_times_and_nth_set_the_calls_that_are_hit(mockscope: MockSite, often: Any, expected: list[int]) -> None:
    mockscope.faults.add("list_users", status=503, **often)
    assert statuses(mockscope, 5) == expected


def test_the_first_of_several_faults_hits_and_all_count_the_call(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503)
    mockscope.faults.add(status=502, nth=3)
    mockscope.faults.add("list_users", status=500, nth=2)
    assert statuses(mockscope, 4) == [503, 500, 502, 200]


@pytest.mark.parametrize(
    ("operation", "where", "meant"),
    [
        ("create_user", {"email": "JOEY@example.com"}, [False, True, False]),
        ("create_user", {"json": JOEY | {"email": "rachel@example.com"}}, [False, False, True]),
        ("*", {"method": "POST", "path": USERS}, [True, True, True]),
        ("create_user", {"params": {"test_mode": "true"}}, [True, False, False]),
        ("create_user", {"test_mode": True}, [True, False, False]),
        ("create_user", {"test_mode": False}, [False, True, True]),
        ("update_user", {"email": "joey@example.com"}, [False, False, False]),
        ("*", {"group": None, "test_mode": 1}, [True, False, False]),
        ("*", {"method": IsOneOf("POST", "PUT"), "email": IsStr(regex="r.*")}, [False, False, True]),
        ("create_user", {"params": IsPartialDict(test_mode=IsStr), "test_mode": IsTrueLike}, [True, False, False]),
        ("*", lambda call: call.json["email"].startswith("rachel"), [False, False, True]),
    ],
)
def test_where_selects_calls(mockscope: MockSite, operation: Any, where: Any, meant: list[bool]) -> None:
    mockscope.faults.add(operation, status=503, times=None, where=where)
    responses = [
        send_request(mockscope, "POST", f"{USERS}?test_mode=true", JOEY | {"email": "monica@example.com"}),
        create(mockscope),
        create(mockscope, email="rachel@example.com"),
    ]
    assert [response.status_code == 503 for response in responses] == meant


def test_where_matches_the_group_of_the_path_and_of_the_body(mockscope: MockSite) -> None:
    mockscope.faults.add(status=503, times=None, where={"group": "NY Knicks"})
    responses = [
        send_request(mockscope, "POST", GROUPS, SALES),
        send_request(mockscope, "POST", GROUPS, SALES | {"name": "NY Knicks"}),
        send_request(mockscope, "GET", f"{GROUPS}/Sales"),
        send_request(mockscope, "DELETE", f"{GROUPS}/NY%20Knicks"),
        send_request(mockscope, "GET", GROUPS),
    ]
    assert [response.status_code for response in responses] == [201, 503, 200, 503, 200]


def test_a_where_function_may_read_the_faults(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503, where=lambda call: mockscope.faults.get("fault-1") is not None)
    assert statuses(mockscope, 2) == [503, 200]


def failing(call: Call, response: CannedResponse | None = None) -> Any:
    raise LookupError("of my own making")


def refusing(call: Call, response: CannedResponse | None) -> Any:
    raise Refused(Refusal.EMAIL_TAKEN, email="joey@example.com")


def test_a_where_function_that_raises_gives_500_and_names_the_fault(
    mockscope: MockSite, caplog: pytest.LogCaptureFixture
) -> None:
    mockscope.faults.add("list_users", status=503, where=failing)
    response = send_request(mockscope)
    assert (response.status_code, response.headers["X-Mockscope-Hint"]) == (500, "action-failed")
    assert mockscope.calls.last.fault == "fault-1"
    assert "of my own making" in caplog.text
    # The trace begins where the function is called.
    assert "answer_or_break" not in caplog.text
    mockscope.faults.clear()
    assert statuses(mockscope, 1) == [200]


def test_a_body_over_the_limit_matches_no_criterion_of_the_body(mockscope: MockSite) -> None:
    fault = mockscope.faults.add("create_user", status=503, where={"email": "joey@example.com"})
    assert create(mockscope, note="x" * 2**20).status_code == 413
    assert fault.hits == 0


# -- requests that no fault hits -------------------------------------------------------------------------------


def test_faults_never_hit_reserved_paths(mockscope: MockSite) -> None:
    fault = mockscope.faults.add(transport="reset", times=None)
    assert send_request(mockscope, target="/openapi.yaml").status_code == 200
    assert send_request(mockscope, target="/openapi.json").status_code == 200
    assert fault.hits == 0


def test_faults_never_hit_other_sites(mockscope: MockSite, mockscope_server: LiveServer) -> None:
    fault = mockscope.faults.add(status=503, times=None)
    mockscope.faults.rate_limit(1, per=60)
    with mockscope_server.site() as other:
        assert statuses(other, 3) == [200, 200, 200]
    assert fault.hits == 0


def test_faults_never_hit_requests_without_an_operation(mockscope: MockSite) -> None:
    fault = mockscope.faults.add(status=503, times=None)
    limit = mockscope.faults.rate_limit(1, per=60)
    wrong_key = {"Http-X-Partner-Auth": f"{mockscope.host}:wrong"}
    responses = [
        requests.get(f"{mockscope.url}{USERS}", headers=wrong_key, timeout=300),
        requests.get(f"{mockscope.url}{USERS}", timeout=300),
        send_request(mockscope, target="/api/v1/nowhere"),
        send_request(mockscope, "PATCH"),
    ]
    mockscope.enabled = False
    responses.append(send_request(mockscope))
    assert [response.status_code for response in responses] == [403, 403, 404, 405, 404]
    assert (fault.hits, limit.hits, fault.seen) == (0, 0, 0)


# -- after the commit ------------------------------------------------------------------------------------------


def test_a_fault_after_the_commit_leaves_a_user_that_a_naive_retry_conflicts_with(mockscope: MockSite) -> None:
    mockscope.faults.add("create_user", status=503, after_commit=True)
    assert [create(mockscope).status_code, create(mockscope).status_code] == [503, 409]
    assert mockscope.users["joey@example.com"].first_name == "Joey"


def test_without_after_commit_nothing_is_written(mockscope: MockSite) -> None:
    mockscope.faults.add("create_user", status=503)
    assert create(mockscope).status_code == 503
    assert "joey@example.com" not in mockscope.users
    assert create(mockscope).status_code == 201


def test_a_call_that_commits_nothing_is_not_hit_by_a_fault_after_the_commit(mockscope: MockSite) -> None:
    fault = mockscope.faults.add(status=503, after_commit=True)
    responses = [
        send_request(mockscope),
        send_request(mockscope, "POST", f"{USERS}?test_mode=true", JOEY),
        create(mockscope, email=""),
    ]
    assert [response.status_code for response in responses] == [200, 200, 400]
    assert (fault.hits, fault.left) == (0, 1)
    assert [call.fault for call in mockscope.calls] == [None, None, None]

    assert create(mockscope).status_code == 503
    assert (fault.hits, fault.left) == (1, 0)


def test_nth_counts_refused_calls_after_the_commit(mockscope: MockSite) -> None:
    fault = mockscope.faults.add("create_user", status=503, after_commit=True, nth=2)
    responses = [create(mockscope, email=email) for email in ("", "", "joey@example.com", "monica@example.com")]
    assert [response.status_code for response in responses] == [400, 400, 503, 201]
    assert str(fault) == "fault-1: 503 after the commit for create_user from call 2 on, 1 time; hit 1 of 4 calls"


def test_nth_does_not_count_dry_runs_after_the_commit(mockscope: MockSite) -> None:
    fault = mockscope.faults.add("create_user", status=503, after_commit=True, nth=2)
    responses = [send_request(mockscope, "POST", f"{USERS}?test_mode=true", JOEY), create(mockscope)]
    assert [response.status_code for response in responses] == [200, 201]
    assert str(fault) == "fault-1: 503 after the commit for create_user from call 2 on, 1 time; hit 0 of 1 call"


def test_a_call_without_a_commit_is_passed_to_the_next_fault(mockscope: MockSite) -> None:
    faults = mockscope.faults
    first = faults.add("create_user", transport="reset", after_commit=True)
    also = faults.add("create_user", status=502, after_commit=True)
    second = faults.add("create_user", status=503, nth=2)
    third = faults.add("create_user", action=lambda call, response: None)
    responses = [create(mockscope, email="") for _ in range(3)]
    assert [response.status_code for response in responses] == [400, 503, 400]
    assert [call.fault for call in mockscope.calls] == [third.id, second.id, None]
    assert [(rule.seen, rule.hits) for rule in (first, also, second, third)] == [(3, 0), (3, 0), (3, 1), (3, 1)]


# -- types ------------------------------------------------------------------------------------------------------


def test_a_type_checker_sees_an_unknown_operation(mockscope: MockSite) -> None:
    # mypy, which reads the tests too, reports an ignore that is not needed.
    with pytest.raises(ValueError, match=r"no operation 'delete_usr'; did you mean delete_user\?"):
        mockscope.faults.add("delete_usr", status=503)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"no operation 'delete_usr'; did you mean delete_user\?"):
        mockscope.faults.rate_limit(1, per=60, operation="delete_usr")  # type: ignore[arg-type]
    operation: Operation = "delete_user"
    assert mockscope.faults.add(operation, status=503).operation == "delete_user"


# -- actions ---------------------------------------------------------------------------------------------------


def test_an_action_returns_the_response(mockscope: MockSite) -> None:
    def later(call: Call, response: CannedResponse | None) -> CannedResponse:
        assert response is None
        return CannedResponse(503, {"message": f"{call.email} has to wait."}, {"Retry-After": "1"})

    mockscope.faults.add("create_user", action=later)
    response = create(mockscope)
    assert (response.status_code, response.headers["Retry-After"], response.json()) == (
        503,
        "1",
        {"message": "joey@example.com has to wait."},
    )
    assert "joey@example.com" not in mockscope.users


def test_an_action_after_the_commit_gets_the_response_and_may_change_it(mockscope: MockSite) -> None:
    def shout(call: Call, response: CannedResponse | None) -> CannedResponse:
        assert response is not None
        return CannedResponse(response.status, response.body.replace(b"Joey", b"JOEY"))

    mockscope.faults.add("create_user", action=shout, after_commit=True)
    response = create(mockscope)
    assert (response.status_code, response.json()["first_name"]) == (201, "JOEY")


@pytest.mark.parametrize("after_commit", [False, True])
def test_an_action_that_returns_none_lets_the_call_continue(mockscope: MockSite, *, after_commit: bool) -> None:
    seen: list[tuple[str | None, int | None]] = []

    def look(call: Call, response: CannedResponse | None) -> None:
        seen.append((call.operation, None if response is None else response.status))

    fault = mockscope.faults.add("create_user", action=look, after_commit=after_commit)
    assert create(mockscope).status_code == 201
    assert seen == [("create_user", 201 if after_commit else None)]
    assert fault.hits == 1


@pytest.mark.parametrize(
    ("action", "trace"),
    [
        (failing, "of my own making"),
        (lambda call, response: 503, "the action of fault-1 returned 503, and not a CannedResponse or None"),
        (refusing, Refused(Refusal.EMAIL_TAKEN, email="joey@example.com").message),
        (lambda call, response: CannedResponse(99), "a status is between 200 and 599, not 99"),
        (
            lambda call, response: CannedResponse(200, "", {"A": "b\n"}),
            r"the header A must be one line in Latin-1 without blanks around it, not 'b\n'",
        ),
    ],
)
def test_an_action_that_raises_gives_500_with_the_traceback_in_the_log(
    mockscope: MockSite, caplog: pytest.LogCaptureFixture, action: Any, trace: str
) -> None:
    mockscope.faults.add("list_users", action=action)
    response = send_request(mockscope)
    assert (response.status_code, response.headers["X-Mockscope-Hint"]) == (500, "action-failed")
    [record] = [record for record in caplog.records if record.name == "mockscope"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "the function of fault-1 failed on GET /api/v1/users"
    assert trace in caplog.text
    assert statuses(mockscope, 1) == [200]


def test_a_crash_of_mockscope_is_not_attributed_to_a_function(
    mockscope: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mockscope.clock, "sleep", failing)
    mockscope.faults.add("list_users", delay=1, action=lambda call, response: None)
    response = send_request(mockscope)
    assert (response.status_code, response.headers["X-Mockscope-Hint"]) == (500, "crashed")
    assert mockscope.calls.last.fault == "fault-1"


def test_the_repr_of_a_canned_response_shows_its_fields() -> None:
    assert repr(CannedResponse(503, {"a": 1}, {"B": "c"})) == "CannedResponse(503, b'{\"a\": 1}', {'B': 'c'})"


# -- accounting ------------------------------------------------------------------------------------------------


def test_hits_left_and_unused_add_up(mockscope: MockSite) -> None:
    faults = mockscope.faults
    often, always, never = (
        faults.add("list_users", status=503, times=3),
        faults.add("list_groups", status=502, times=None),
        faults.add("create_user", transport="reset", nth=2, where={"email": "joey@example.com"}, after_commit=True),
    )
    assert faults.unused() == [often, always, never]
    statuses(mockscope, 2)
    send_request(mockscope, target=GROUPS)

    assert [(rule.hits, rule.left) for rule in (often, always, never)] == [(2, 1), (1, None), (0, 1)]
    assert faults.unused() == [often, never]
    with pytest.raises(AssertionError) as caught:
        faults.assert_all_used()
    assert str(caught.value).splitlines() == [
        f"planned faults of the site {mockscope.host} that hit fewer calls than planned:",
        "  fault-1: 503 for list_users, 3 times; hit 2 of 2 calls",
        "  fault-3: reset after the commit for create_user with email='joey@example.com' from call 2 on, 1 time; "
        "hit 0 of 0 calls",
    ]

    faults.remove(never)
    statuses(mockscope, 1)
    faults.assert_all_used()


def test_faults_are_listed_found_and_removed(mockscope: MockSite) -> None:
    faults = mockscope.faults
    first, limit, second = (
        faults.add("list_users", status=503, delay=2),
        faults.rate_limit(3, per=60),
        faults.add(action=failing, where=failing, times=None),
    )
    assert list(faults) == [first, limit, second]
    assert len(faults) == 3
    assert [faults.get(rule.id) for rule in faults] == [first, limit, second]
    assert repr(faults) == (
        f"<faults of the site {mockscope.host}: fault-1: delay 503 for list_users, 1 time; hit 0 of 0 calls; "
        "rate-limit-2: 3 calls per 60 s for *; hit 0; fault-3: action for * where ..., every time; hit 0 of 0 calls>"
    )
    assert repr(first) == "<Fault fault-1: delay 503 for list_users, 1 time; hit 0 of 0 calls>"
    assert repr(limit) == "<RateLimit rate-limit-2: 3 calls per 60 s for *; hit 0>"

    faults.remove(second)
    faults.remove(second)
    assert list(faults) == [first, limit]
    with pytest.raises(LookupError, match=f"the site {mockscope.host} has no fault 'fault-3'"):
        faults.get("fault-3")
    faults.clear()
    assert (list(faults), statuses(mockscope, 5)) == ([], [200] * 5)


def test_a_removed_fault_no_longer_hits_but_keeps_its_counts(mockscope: MockSite) -> None:
    fault = mockscope.faults.add("list_users", status=503, times=None)
    assert statuses(mockscope, 2) == [503, 503]
    mockscope.faults.remove(fault)
    assert statuses(mockscope, 1) == [200]
    assert fault.hits == 2


def test_a_fault_hits_exactly_as_often_as_planned_under_many_threads(mockscope: MockSite) -> None:
    fault = mockscope.faults.add("list_users", status=503, times=100)

    def fifty(_: int) -> list[int]:
        with requests.Session() as session:
            url = f"{mockscope.url}{USERS}"
            return [session.get(url, headers=mockscope.headers, timeout=300).status_code for _ in range(50)]

    responses = [status for part in at_once(fifty, range(8)) for status in part]
    assert (responses.count(503), responses.count(200)) == (100, 300)
    assert (fault.hits, fault.left, fault.seen) == (100, 0, 400)
    assert [call.fault for call in mockscope.calls] == ["fault-1"] * 100 + [None] * 300


# -- reports ---------------------------------------------------------------------------------------------------


def test_a_call_has_the_fault_and_the_status_that_the_client_received(mockscope: MockSite) -> None:
    mockscope.faults.add("create_user", status=503)
    mockscope.faults.add("create_user", transport="reset")
    create(mockscope)
    with pytest.raises(requests.ConnectionError):
        create(mockscope)
    create(mockscope)
    seen = [(call.status, call.fault, call.rule, call.json["email"]) for call in mockscope.calls]
    assert seen == [
        (503, "fault-1", None, "joey@example.com"),
        (None, "fault-2", None, "joey@example.com"),
        (201, None, None, "joey@example.com"),
    ]
    mockscope.calls.assert_called("create_user", times=1, fault="fault-2")


def test_the_request_log_names_the_fault(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503)
    send_request(mockscope)
    call = mockscope.calls.last
    assert text_line(call).endswith(" ms  [fault-1]")
    assert '"status": 503, ' in json_line(call)
    assert '"fault": "fault-1"' in json_line(call)


def test_a_response_with_a_fault_has_no_hint(mockscope: MockSite) -> None:
    mockscope.faults.add("create_user", status=503)
    response = create(mockscope, unknown_field=1)
    assert (response.status_code, "X-Mockscope-Hint" in response.headers) == (503, False)


def test_criteria_see_a_whole_body_that_is_longer_than_the_kept_part(mockscope: MockSite) -> None:
    fault = mockscope.faults.add("create_user", status=503, where={"email": "joey@example.com"})
    whole = mockscope.faults.add("create_user", status=500, where={"json": IsPartialDict(first_name=IsStr)})

    responses = [create(mockscope, first_name="J" * 70_000).status_code for _ in range(2)]

    assert (responses, fault.hits, whole.hits) == ([503, 500], 1, 1)


@pytest.mark.parametrize(
    ("fault", "status", "hint"),
    [
        ({"delay": 0.001}, 201, "field-unknown"),
        ({"delay": 0.001, "after_commit": True}, 201, "field-unknown"),
        ({"action": lambda call, response: None}, 201, "field-unknown"),
        ({"action": lambda call, response: None, "after_commit": True}, 201, "field-unknown"),
        ({"action": lambda call, response: CannedResponse(200), "after_commit": True}, 200, None),
        ({"status": 503, "after_commit": True}, 503, None),
        ({"transport": "bad_json", "after_commit": True}, 201, None),
    ],
)
def test_undocumented_behaviour_is_a_finding_when_the_operation_ran_despite_a_fault(
    mockscope: MockSite, fault: Any, status: int, hint: str | None
) -> None:
    mockscope.faults.add("create_user", **fault)
    response = create(mockscope, nick="Joe")
    assert (response.status_code, response.headers.get("X-Mockscope-Hint")) == (status, hint)
    assert [(finding.rule, finding.call) for finding in mockscope.findings()] == [("HTTP-7", mockscope.calls.last)]
    assert (mockscope.calls.last.hint is None) == (hint is None)


def test_a_reset_of_the_site_removes_its_faults(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503, times=None)
    mockscope.faults.rate_limit(1, per=60)
    mockscope.reset()
    assert (list(mockscope.faults), statuses(mockscope, 3)) == ([], [200, 200, 200])
    assert mockscope.faults.add("list_users", status=503).id == "fault-1"


def test_ids_of_removed_faults_are_not_used_again_while_calls_name_them(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", status=503)
    mockscope.faults.clear()
    assert mockscope.faults.add("list_users", status=503).id == "fault-2"


def test_everything_that_planning_faults_needs_is_public() -> None:
    assert {"CannedResponse", "Fault", "Faults", "LogNormal", "Uniform"} <= set(package.__all__)
