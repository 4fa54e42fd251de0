"""Assertions about calls, and their messages when they fail."""

import json
import re
from typing import Any

import pytest
from dirty_equals import Contains, IsPartialDict, IsStr
from support.callers import GROUPS, PHOEBE, USERS, send, send_to

from mockscope import Call, Clock, LiveServer, MockSite
from mockscope._vendor import OPERATIONS
from mockscope.instruments.call_log import CallLog
from mockscope.instruments.hints import HintTemplate
from mockscope.web.routes import ROUTES

JOEY = "joey@example.com"


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    """A site that was called five times."""
    site = server.site("example-site")
    site.add_user(JOEY, first_name="Joey", last_name="Tribbiani")
    send_to(site, "GET", USERS)
    send_to(site, "POST", USERS, PHOEBE)
    send_to(site, "PUT", USERS, {"groups": ["Sales"]}, email=JOEY)
    send_to(site, "PUT", f"{USERS}?test_mode=true", {"last_name": "Tribbiani", "first_name": "Joe"}, email=JOEY)
    send_to(site, "DELETE", USERS, email=JOEY)
    return site


def call_log_of(*bodies: dict[str, Any], operation: str = "create_user") -> CallLog:
    """Return a call log without a server."""
    call_log = CallLog("the site example-site", Clock())
    for number, body in enumerate(bodies):
        call = Call(str(number), "POST", USERS, number=number)
        call_log.open(call)
        call.operation, call.status = operation, 201
        call.body = json.dumps(body).encode()
        call_log.close(call)
    return call_log


def complaint(caught: pytest.ExceptionInfo[BaseException]) -> str:
    return str(caught.value)


# -- questions -------------------------------------------------------------------------------------------------


def test_calls_are_a_sequence_in_the_order_of_their_receipt(site: MockSite) -> None:
    operations = ["list_users", "create_user", "update_user", "update_user", "delete_user"]

    assert len(site.calls) == 5
    assert [call.operation for call in site.calls] == operations
    assert [call.operation for call in reversed(site.calls)] == operations[::-1]
    assert (site.calls[0].operation, site.calls[-1].operation) == ("list_users", "delete_user")
    assert [call.operation for call in site.calls[1:3]] == ["create_user", "update_user"]
    assert site.calls.last is site.calls[4]
    assert site.calls.last in site.calls
    assert (site.calls.index(site.calls[3]), site.calls.count(site.calls[3])) == (3, 1)
    with pytest.raises(ValueError, match="not in list"):
        site.calls.index(Call("1", "GET", USERS))
    with pytest.raises(IndexError):
        site.calls[5]


def test_calls_are_true_when_there_are_any(server: LiveServer, site: MockSite) -> None:
    assert site.calls
    assert not server.calls


def test_the_operations_of_criteria_are_those_of_the_routes() -> None:
    assert tuple(row.operation for row in ROUTES) == OPERATIONS


def test_last_returns_none_without_a_call(site: MockSite) -> None:
    with pytest.raises(LookupError) as caught:
        site.calls.for_operation("list_groups").last  # noqa: B018 - the look itself is what fails
    assert complaint(caught) == "the site example-site received no call of list_groups"


def test_the_calls_of_an_operation_are_read_live(site: MockSite) -> None:
    lists = site.calls.for_operation("list_users")
    assert len(lists) == 1

    send_to(site, "GET", USERS)

    assert len(lists) == 2


@pytest.mark.parametrize(
    ("criteria", "places"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"status": 400}, [2]),
        ({"method": "PUT"}, [2, 3]),
        ({"path": USERS, "method": "GET"}, [0]),
        ({"email": JOEY}, [2, 3, 4]),
        ({"email": "JOEY@Example.com"}, [2, 3, 4]),
        ({"email": None}, [0]),
        ({"group": None}, [0, 1, 2, 3, 4]),
        ({"params": {"test_mode": "true"}}, [3]),
        ({"json": PHOEBE}, [1]),
        ({"json": None}, [0, 4]),
        ({"test_mode": True}, [3]),
        ({"rule": "USER-CREATE-2"}, [2]),
        ({"hint": "group-unknown"}, [2]),
        ({"hint": None}, [0, 1, 3, 4]),
        ({"fault": None, "status": 200}, [0, 3, 4]),
        ({"json": IsPartialDict(first_name=IsStr(regex="P.*"))}, [1]),
        ({"email": IsStr(regex=r"j.*@example\.com"), "status": 200}, [3, 4]),
    ],
)
def test_calls_are_found_by_any_of_their_criteria(criteria: dict[str, Any], places: list[int], site: MockSite) -> None:
    assert [site.calls.index(call) for call in site.calls.matching(**criteria)] == places


def test_calls_that_match_can_be_filtered_further(site: MockSite) -> None:
    dry = site.calls.matching("update_user").matching(test_mode=True)

    assert [call.json for call in dry] == [{"last_name": "Tribbiani", "first_name": "Joe"}]
    assert repr(dry) == (
        "<1 call of update_user with test_mode=True on the site example-site: "
        "200 update_user joey@example.com (test mode)>"
    )


@pytest.mark.parametrize("text", ["ross@EXAMPLE.com", "ross%40example", "José Weiss", "jos\\u00e9"])
def test_a_text_is_searched_in_query_and_body_as_sent_and_decoded(text: str, site: MockSite) -> None:
    send(site.url, "GET", f"{USERS}?next_page_start=ross%40example.com", site.headers)
    send(site.url, "POST", GROUPS, site.headers, {"name": "José Weiß"})

    [found] = site.calls.matching(q=text)

    assert found.operation == ("list_users" if "ross" in text else "create_group")


def test_the_calls_of_a_server_have_the_same_methods(server: LiveServer, site: MockSite) -> None:
    send(server.url, "DELETE", f"{GROUPS}/Sales")

    server.calls.assert_called("delete_group", group="Sales", status=403, rule="AUTH-2")
    assert repr(server.calls) == "<1 call on the server: 403 delete_group Sales>"


@pytest.mark.parametrize(
    ("operation", "criteria", "message"),
    [
        ("create_users", {}, "there is no operation 'create_users'; did you mean create_user?"),
        ("POST", {}, f"there is no operation 'POST'; known: {', '.join(OPERATIONS)}"),
        ("create_user", {"emial": JOEY}, "there is no criterion 'emial'; did you mean email?"),
        (
            "create_user",
            {"xyz": 1},
            "there is no criterion 'xyz'; known: method, path, email, group, params, json, test_mode, status, rule, "
            "hint, fault, q, open, after, before",
        ),
    ],
)
def test_invalid_criteria_are_refused(operation: str, criteria: dict[str, Any], message: str, site: MockSite) -> None:
    exactly = f"^{re.escape(message)}$"
    for send_request in (site.calls.matching, site.calls.assert_called, site.calls.assert_not_called):
        with pytest.raises(ValueError, match=exactly):
            send_request(operation, **criteria)
    if not criteria:
        with pytest.raises(ValueError, match=exactly):
            site.calls.for_operation(operation)
        with pytest.raises(ValueError, match=exactly):
            site.calls.assert_sequence([operation])


# -- assertions that hold --------------------------------------------------------------------------------------


def test_assertions_require_an_operation(site: MockSite) -> None:
    send_request: Any
    for send_request in (site.calls.assert_called, site.calls.for_operation):
        with pytest.raises(ValueError, match=f"^there is no operation None; known: {', '.join(OPERATIONS)}$"):
            send_request(None)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("1", "times must be a whole number, not '1'"),
        (1.0, "times must be a whole number, not 1.0"),
        (True, "times must be a whole number, not True"),
        (-1, "times is 0 or more, or None for at least once; not -1"),
    ],
)
def test_an_expected_number_of_calls_must_be_an_integer(times: Any, message: str, site: MockSite) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        site.calls.assert_called("create_user", times=times)


def test_a_sequence_of_calls_must_be_a_list(site: MockSite) -> None:
    message = "a sequence is a list of operations, not the text 'list_users'"
    with pytest.raises(ValueError, match=f"^{message}$"):
        site.calls.assert_sequence("list_users")


def test_a_failure_names_a_criterion_that_no_call_can_match(site: MockSite) -> None:
    place = f"on the site {site.host}"
    some = site.calls.matching("list_users").matching("create_user")

    assert repr(some) == f"<no call of list_users and of create_user {place}>"
    with pytest.raises(AssertionError, match=f"^expected a call of list_users and of create_user {place}, and there "):
        site.calls.for_operation("list_users").assert_called("create_user")


def test_assertions_that_hold_return_none(site: MockSite) -> None:
    site.calls.assert_called("update_user")
    site.calls.assert_called("update_user", times=2)
    site.calls.assert_called("update_user", times=1, status=400)
    site.calls.assert_called("list_groups", times=0)
    site.calls.assert_called("create_user", json=PHOEBE, email="PHOEBE@example.com", status=201)
    site.calls.assert_called("create_user", json=IsPartialDict(email=Contains("@")))
    site.calls.assert_not_called("list_groups")
    site.calls.assert_not_called("update_user", status=201)
    site.calls.assert_not_called(status=500)
    site.calls.assert_sequence(["list_users", "create_user", "update_user", "update_user", "delete_user"])
    site.calls.matching(status=400).assert_sequence(["update_user"])
    site.calls.for_operation("get_user").assert_not_called()


# -- assertions that fail --------------------------------------------------------------------------------------


def test_a_missing_call_is_reported_with_the_fields_of_the_nearest_call(site: MockSite) -> None:
    with pytest.raises(AssertionError) as caught:
        site.calls.assert_called("update_user", email=JOEY, json={"first_name": "Joseph", "groups": ["Sales"]})

    assert complaint(caught) == (
        "expected a call of update_user with email='joey@example.com', "
        "json={'first_name': 'Joseph', 'groups': ['Sales']} on the site example-site, and there was none\n"
        "the nearest calls, and what differs:\n"
        f"  [2] 400 update_user joey@example.com  {site.calls[2].hint}\n"
        "      json.first_name: nothing, and expected 'Joseph'\n"
        "  [3] 200 update_user joey@example.com (test mode)\n"
        "      json.first_name: 'Joe', and expected 'Joseph'\n"
        "      json.groups: nothing, and expected ['Sales']\n"
        "      json.last_name: 'Tribbiani', and expected nothing"
    )


def test_too_few_calls_are_reported_with_the_nearest_calls(site: MockSite) -> None:
    with pytest.raises(AssertionError) as caught:
        site.calls.assert_called("update_user", times=2, status=200)

    assert complaint(caught) == (
        "expected 2 calls of update_user with status=200 on the site example-site, and there was 1:\n"
        "  [3] 200 update_user joey@example.com (test mode)\n"
        "the nearest other calls, and what differs:\n"
        f"  [2] 400 update_user joey@example.com  {site.calls[2].hint}\n"
        "      status: 400, and expected 200"
    )


def test_without_a_call_of_the_operation_the_nearest_others_are_shown(site: MockSite) -> None:
    with pytest.raises(AssertionError) as caught:
        site.calls.assert_called("get_user", email=JOEY)

    assert complaint(caught) == (
        "expected a call of get_user with email='joey@example.com' on the site example-site, and there was none\n"
        "the nearest calls, and what differs:\n"
        "  [4] 200 delete_user joey@example.com\n"
        "      operation: 'delete_user', and expected 'get_user'\n"
        "  [3] 200 update_user joey@example.com (test mode)\n"
        "      operation: 'update_user', and expected 'get_user'\n"
        f"  [2] 400 update_user joey@example.com  {site.calls[2].hint}\n"
        "      operation: 'update_user', and expected 'get_user'"
    )


def test_a_missing_call_is_reported_without_a_nearest_call_when_there_are_no_calls() -> None:
    with pytest.raises(AssertionError) as caught:
        call_log_of().assert_called("get_user")

    assert complaint(caught) == "expected a call of get_user on the site example-site, and there was none"


@pytest.mark.parametrize("times", [0, 1])
def test_too_many_calls_are_reported_with_the_latest_calls(times: int) -> None:
    call_log = call_log_of(*({"email": f"phoebe+{number}@example.com"} for number in range(4)))

    with pytest.raises(AssertionError) as caught:
        call_log.assert_called("create_user", times=times)

    assert complaint(caught) == (
        f"expected {['no call', '1 call'][times]} of create_user on the site example-site, and there were 4:\n"
        "  ...\n"
        "  [1] 201 create_user phoebe+1@example.com\n"
        "  [2] 201 create_user phoebe+2@example.com\n"
        "  [3] 201 create_user phoebe+3@example.com"
    )


def test_an_unexpected_call_is_reported(site: MockSite) -> None:
    with pytest.raises(AssertionError) as caught:
        site.calls.assert_not_called("delete_user", email=JOEY)

    assert complaint(caught) == (
        "expected no call of delete_user with email='joey@example.com' on the site example-site, and there was 1:\n"
        "  [4] 200 delete_user joey@example.com"
    )


def test_any_call_is_reported_when_none_was_expected(site: MockSite) -> None:
    with pytest.raises(AssertionError) as caught:
        site.calls.matching(status=400).assert_not_called()

    assert complaint(caught) == (
        "expected no call with status=400 on the site example-site, and there was 1:\n"
        f"  [0] 400 update_user joey@example.com  {site.calls[2].hint}"
    )


def test_a_failure_shows_a_criterion_that_compares_by_its_own_rule(site: MockSite) -> None:
    with pytest.raises(AssertionError) as caught:
        site.calls.assert_called("create_user", json=IsPartialDict(first_name="Regina"))

    assert complaint(caught).splitlines()[0] == (
        "expected a call of create_user with json=IsPartialDict(first_name='Regina') on the site example-site, "
        "and there was none"
    )


def test_a_sequence_is_shown_up_to_the_first_difference(site: MockSite) -> None:
    with pytest.raises(AssertionError) as caught:
        site.calls.assert_sequence(["list_users", "create_user", "update_user", "delete_user", "list_users"])

    assert complaint(caught) == (
        "expected 5 calls on the site example-site in this order, and there were 5:\n"
        "  ...\n"
        "    create_user\n"
        "    update_user\n"
        "  + update_user\n"
        "    delete_user\n"
        "  - list_users\n"
        "(- expected, + received)"
    )


def test_a_long_sequence_is_shown_around_its_first_difference() -> None:
    call_log = call_log_of(*({} for _ in range(10_000)))

    with pytest.raises(AssertionError) as caught:
        call_log.assert_sequence(["create_user"] * 5000 + ["list_users"] + ["create_user"] * 4999)

    assert complaint(caught).splitlines() == [
        "expected 10000 calls on the site example-site in this order, and there were 10000:",
        "  ...",
        "    create_user",
        "    create_user",
        "  - list_users",
        *["    create_user"] * 19,
        "  + create_user",
        "  ...",
        "(- expected, + received)",
    ]


def test_calls_without_an_operation_are_named_by_method_and_path(server: LiveServer) -> None:
    site = server.site("example-site")
    send_to(site, "GET", "/api/v1/user")

    with pytest.raises(AssertionError) as caught:
        site.calls.assert_sequence([])

    assert complaint(caught) == (
        "expected no call on the site example-site in this order, and there was 1:\n"
        "  + GET /api/v1/user\n"
        "(- expected, + received)"
    )


def test_long_values_are_shown_around_their_first_difference() -> None:
    call_log = call_log_of({"first_name": "x" * 5000 + "Phoebe" + "y" * 5000, "last_name": "Buffay"})
    expected = {"first_name": "x" * 5000 + "Regina" + "y" * 5000, "last_name": "Buffay"}

    with pytest.raises(AssertionError) as caught:
        call_log.assert_called("create_user", json=expected)

    head, *rest = complaint(caught).splitlines()
    assert head == (
        f"expected a call of create_user with json={{'first_name': '{'x' * 184}… on the site example-site, "
        "and there was none"
    )
    assert rest == [
        "the nearest calls, and what differs:",
        "  [0] 201 create_user",
        f"      json.first_name: …{'x' * 30}Phoebe{'y' * 164}…, and expected …{'x' * 30}Regina{'y' * 164}…",
    ]


def test_only_the_first_of_many_differences_are_shown() -> None:
    call_log = call_log_of({f"field_{number}": number for number in range(50)})

    with pytest.raises(AssertionError) as caught:
        call_log.assert_called("create_user", json={})

    assert complaint(caught).splitlines()[3:] == [
        *[f"      json.field_{number}: {number}, and expected nothing" for number in range(10)],
        "      ... and 40 more",
    ]


def test_the_nearest_of_ten_thousand_calls_is_found() -> None:
    bodies = [PHOEBE | {"email": f"phoebe+{number}@example.com", "last_name": "x" * 300} for number in range(10_000)]
    call_log = call_log_of(*bodies)

    with pytest.raises(AssertionError) as caught:
        call_log.assert_called("create_user", email="phoebe+9990@example.org", json=bodies[9990] | {"groups": []})

    assert complaint(caught).splitlines()[2:5] == [
        "  [9990] 201 create_user phoebe+9990@example.com",
        "      email: 'phoebe+9990@example.com', and expected 'phoebe+9990@example.org'",
        "      json.groups: nothing, and expected []",
    ]


def test_control_characters_are_escaped_in_a_failure() -> None:
    call_log = call_log_of({"\x1b[31m": "\x1b[0m"})
    call_log.last.hint = HintTemplate.FIELD_UNKNOWN.fill(sent="\x1b[31m", nearest="")

    with pytest.raises(AssertionError) as caught:
        call_log.assert_called("create_user", json={})

    assert "\x1b" not in complaint(caught)
    assert complaint(caught).splitlines()[-1] == "      json.\\x1b[31m: '\\x1b[0m', and expected nothing"


# -- in pytest -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_plugins")
def test_a_failed_assertion_points_at_the_line_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_phoebe(mockscope):
            mockscope.calls.assert_called("create_user")

        def test_nobody(mockscope):
            mockscope.calls.assert_not_called()
            mockscope.calls.assert_sequence(["list_users"])
        """
    )

    result = pytester.runpytest_inprocess("--tb=short", "-p", "no:cacheprovider")

    result.assert_outcomes(failed=2)
    found = [line for line in result.outlines if ": in test_" in line or line.startswith("/")]
    assert found == [
        "test_a_failed_assertion_points_at_the_line_of_the_test.py:2: in test_phoebe",
        "test_a_failed_assertion_points_at_the_line_of_the_test.py:6: in test_nobody",
    ]


@pytest.mark.usefixtures("few_plugins")
def test_a_bare_assertion_shows_the_calls(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import urllib.request

        def test_no_call(mockscope):
            request = urllib.request.Request(f"{mockscope.url}/api/v1/users", headers=mockscope.headers)
            urllib.request.urlopen(request).read()
            assert not mockscope.calls
        """
    )

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.stdout.re_match_lines([r"E +assert not <1 call on the site site-\w+: 200 list_users>"])
