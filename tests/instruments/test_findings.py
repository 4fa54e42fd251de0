"""The findings of strict mode among the calls and the planned faults."""

import json

import pytest
from support.callers import GROUPS, PHOEBE, USERS, send, send_to

import mockscope
from mockscope import LiveServer, MockSite


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site("example-site")


def found(site: MockSite) -> list[tuple[str | None, str | None, str]]:
    """Return the findings of a site: operation, rule, and code of the hint."""
    return [
        (finding.call.operation if finding.call else None, finding.rule, finding.problem.partition(":")[0])
        for finding in site.findings()
    ]


def test_a_client_that_follows_the_documentation_has_no_findings(site: MockSite) -> None:
    send_to(site, "POST", GROUPS, {"name": "Sales", "access": "Sql", "created_by_email": "admin@example.com"})
    send_to(site, "POST", USERS, PHOEBE | {"groups": ["Sales"]})
    send_to(site, "GET", USERS)
    send_to(site, "GET", USERS, email="phoebe@example.com")
    send_to(site, "PUT", f"{USERS}?test_mode=true", {"first_name": "Regina: a"}, email="phoebe@example.com")
    send_to(site, "DELETE", f"{GROUPS}/Sales")
    send_to(site, "DELETE", USERS, email="phoebe@example.com")
    # Empty, as some clients send it where there is no body.
    send(site.url, "DELETE", USERS, site.headers | {"Http-X-Email": "admin@example.com", "Content-Length": "0"})

    assert [call.status for call in site.calls] == [201, 201, 200, 200, 200, 200, 200, 200]
    assert site.findings() == []


def test_a_refused_call_is_not_a_finding(site: MockSite) -> None:
    send_to(site, "PUT", USERS, {"role": "Viewer"})
    send_to(site, "GET", f"{GROUPS}/Nothing?test_mode=1")

    assert site.findings() == []


def test_each_hint_of_a_successful_call_is_a_finding_with_call_and_rule(site: MockSite) -> None:
    body = b'{"name": "A", "name": "Sales", "access": "Sql", "create_by_email": "admin@example.com", "rule": 1, "x": 2}'
    send_to(site, "POST", f"{GROUPS}?test_mode=yes", body)

    [call] = site.calls.matching("create_group", status=201)
    assert {finding.call for finding in site.findings()} == {call}
    assert [str(finding) for finding in site.findings()] == [
        f"201 create_group Sales (TEST-3, call {call.id}): test-mode-odd: test_mode=yes is neither true nor false, "
        "so this was a real call. Send test_mode=true for a dry run.",
        f"201 create_group Sales (HTTP-7, call {call.id}): field-unknown: The service knows no field rule here. "
        "Correct the name, or leave the field out: unknown fields are ignored.",
        f"201 create_group Sales (HTTP-7, call {call.id}): field-unknown: The service knows no field x here. "
        "Correct the name, or leave the field out: unknown fields are ignored.",
        f"201 create_group Sales (GROUP-CREATE-1, call {call.id}): create-by-email: create_by_email is what the "
        "documentation's table says; its bodies say created_by_email. Send created_by_email.",
        f"201 create_group Sales (HTTP-4, call {call.id}): field-repeated: The field name stands more than once, "
        "and the last counts. Send each field once.",
    ]


TWICE = [("Http-X-Email", "admin@example.com")] * 2


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "operation", "rule", "code"),
    [
        ("GET", f"{USERS}?email=joey@example.com", [], None, "list_users", "USER-GET-1", "email-not-in-header"),
        ("GET", USERS, [("X-Email", "joey@example.com")], None, "list_users", "USER-GET-1", "email-header-renamed"),
        ("GET", f"{USERS}?next_page_start=a+b@c.de", [], None, "list_users", "PAGE-3", "cursor-blank"),
        ("GET", f"{GROUPS}?test_mode=true", [], None, "list_groups", "TEST-3", "test-mode-on-read"),
        ("GET", USERS, TWICE, None, "get_user", "USER-GET-1", "email-repeated"),
        ("GET", GROUPS, [], {}, "list_groups", "HTTP-5", "body-ignored"),
        ("HEAD", GROUPS, [], {}, "list_groups", "HTTP-5", "body-ignored"),
        ("DELETE", USERS, TWICE[:1], {}, "delete_user", "HTTP-5", "body-ignored"),
        ("PUT", f"{USERS}?test_mode=", TWICE[:1], {}, "update_user", "TEST-3", "test-mode-odd"),
        ("PUT", f"{USERS}?testMode=true", TWICE[:1], {}, "update_user", "HTTP-7", "parameter-dry-run"),
        ("PUT", USERS, TWICE[:1], {"test_mode": True}, "update_user", "HTTP-7", "test-mode-in-body"),
        ("GET", f"{USERS}?page=2", [], None, "list_users", "HTTP-7", "parameter-paging"),
        ("GET", f"{USERS}?_=1", TWICE[:1], None, "get_user", "HTTP-7", "parameter-unknown"),
        ("GET", f"{GROUPS}?next_page_start=null", [], None, "list_groups", "HTTP-7", "cursor-null"),
        ("PUT", USERS, TWICE[:1], {"email": "joey@example.com"}, "update_user", "HTTP-7", "email-unchangeable"),
        ("PUT", USERS, TWICE[:1], {"role": {"a": 1}}, "update_user", "HTTP-7", "field-unknown"),
        ("PUT", USERS, TWICE[:1], {"groups": ["All Users"] * 2}, "update_user", "USER-CREATE-2", "group-repeated"),
        ("POST", USERS, [], PHOEBE | {"groups": ["All Users"] * 2}, "create_user", "USER-CREATE-2", "group-repeated"),
    ],
)
def test_each_suspicious_success_is_one_finding(
    method: str,
    target: str,
    headers: list[tuple[str, str]],
    body: object,
    operation: str,
    rule: str,
    code: str,
    site: MockSite,
) -> None:
    send(site.url, method, target, [*site.headers.items(), *headers], body)

    assert found(site) == [(operation, rule, code)]


@pytest.mark.rule("AUTH-2")
def test_credentials_sent_twice_are_a_finding(site: MockSite) -> None:
    send(site.url, "GET", GROUPS, [*site.headers.items()] * 2)

    assert found(site) == [("list_groups", "AUTH-2", "auth-repeated")]


def test_a_header_that_mockscope_ignores_may_be_sent_twice(site: MockSite) -> None:
    send(site.url, "GET", GROUPS, [*site.headers.items(), ("Accept", "*/*"), ("Accept", "text/html")])

    assert found(site) == []


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    ("body", "repeated"),
    [
        (b'{"first_name": "Joe", "first_name": "Joey"}', ["first_name"]),
        (
            b'{"first_name" : "Joe", "last_name": "T", "first_n\\u0061me" : "Joey", "last_name": "B"}',
            ["first_name", "last_name"],
        ),
        (b'{"first_name": "a: b: c"}', []),
    ],
)
def test_a_field_that_is_sent_twice_is_a_finding(body: bytes, repeated: list[str], site: MockSite) -> None:
    send_to(site, "PUT", USERS, body, email="admin@example.com")

    assert [finding.problem for finding in site.findings()] == [
        f"field-repeated: The field {name} stands more than once, and the last counts. Send each field once."
        for name in repeated
    ]


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize("more", ["", ', "groups": null', ', "groups": ["All Users"]'])
def test_a_field_of_a_new_user_that_is_sent_twice_is_a_finding(more: str, site: MockSite) -> None:
    fields = json.dumps(PHOEBE)[1:-1]

    send_to(site, "POST", USERS, f'{{"email": "regina@example.com", {fields}{more}}}'.encode())

    assert site.users["phoebe@example.com"].first_name == "Phoebe"
    assert found(site) == [("create_user", "HTTP-4", "field-repeated")]


def test_a_nested_object_may_have_the_field_names_of_the_outer_one(site: MockSite) -> None:
    send_to(
        site, "PUT", USERS, b'{"first_name": "Joey", "extra": {"first_name": 1, "extra": 2}}', email="admin@example.com"
    )

    assert found(site) == [("update_user", "HTTP-7", "field-unknown")]


def test_a_planned_fault_without_a_hit_is_a_finding(site: MockSite) -> None:
    fault = site.faults.add("list_groups", status=503, times=2)
    send_to(site, "GET", GROUPS)

    [finding] = site.findings()
    assert (finding.rule, finding.call) == (None, None)
    assert str(finding) == f"a planned fault was hit less often than planned: {fault}"


def test_findings_outlast_the_calls(server: LiveServer) -> None:
    with mockscope.serve(calls_kept=1) as small:
        site = small.site()
        send_to(site, "GET", f"{GROUPS}?test_mode=true")
        send_to(site, "GET", GROUPS)
        site.calls.clear()
        assert found(site) == [("list_groups", "TEST-3", "test-mode-on-read")]

        site.reset()
        assert found(site) == []


def test_requests_that_reached_no_site_are_not_findings_of_a_site(server: LiveServer, site: MockSite) -> None:
    send(server.url, "GET", f"{GROUPS}?test_mode=true")

    assert found(site) == []
