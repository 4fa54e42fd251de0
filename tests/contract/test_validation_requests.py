"""With contract=True, a request that violates openapi.yaml is a finding with its place and its rule."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st
from support import grammar
from support.examples import examples
from support.yaml_documents import load_yaml

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.contract import document
from mockscope.contract.validation import contract

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
ADMIN: Final = {"Http-X-Email": "admin@example.com"}
PHOEBE: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "admin@example.com",
}
SALES: Final = {"name": "Sales", "access": "Sql", "created_by_email": "admin@example.com"}
EMAIL_PATTERN: Final = load_yaml(document.openapi_yaml())["components"]["schemas"]["Email"]["pattern"]
NO_EMAIL: Final = f'does not match "{EMAIL_PATTERN}" (Email/pattern)'
NO_HEADER_EMAIL: Final = f'"a" does not match "{EMAIL_PATTERN}" (parameters/EmailOfOneUser/schema/pattern)'
BLANK: Final = r'does not match "^[\s\S]*[^\s\x0b\x1c-\x1f\x85\xa0]"'


@pytest.fixture(scope="module")
def live() -> Iterator[LiveServer]:
    with mockscope.serve() as server:
        yield server


@pytest.fixture
def site(live: LiveServer) -> Iterator[MockSite]:
    site = live.site(contract=True)
    yield site
    site.remove()


def send(site: MockSite, method: str, target: str, body: Any = None, **headers: str) -> requests.Response:
    """Send a request with requests; a body that is not bytes is sent as JSON."""
    kind = {"data": body} if body is None or isinstance(body, bytes) else {"json": body}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, f"{site.url}{target}", headers=site.headers | named, timeout=300, **kind)


def found(site: MockSite) -> list[tuple[str | None, str | None, str]]:
    """Return the findings of a site: place, rule and problem."""
    return [(finding.where, finding.rule, finding.problem) for finding in site.active_findings()]


# -- clients that follow the contract --------------------------------------------------------------------------


def with_requests(site: MockSite, method: str, target: str, body: Any, headers: dict[str, str]) -> int:
    return requests.request(method, f"{site.url}{target}", headers=headers, json=body, timeout=300).status_code


def with_httpx(site: MockSite, method: str, target: str, body: Any, headers: dict[str, str]) -> int:
    return httpx.request(method, f"{site.url}{target}", headers=headers, json=body, verify=False).status_code


def with_urllib3(site: MockSite, method: str, target: str, body: Any, headers: dict[str, str]) -> int:
    return urllib3.request(method, f"{site.url}{target}", headers=headers, json=body).status


def with_urllib(site: MockSite, method: str, target: str, body: Any, headers: dict[str, str]) -> int:
    content = None if body is None else json.dumps(body).encode()
    if content is not None:
        headers = headers | {"Content-Type": "application/json; charset=utf-8"}
    request = urllib.request.Request(f"{site.url}{target}", content, headers, method=method)
    with urllib.request.urlopen(request, timeout=300) as response:
        return int(response.status)


def with_http_client(site: MockSite, method: str, target: str, body: Any, headers: dict[str, str]) -> int:
    connection = HTTPConnection(urlsplit(site.url).netloc, timeout=300)
    # In chunks, so that there is no Content-Length.
    content = None if body is None else iter([json.dumps(body).encode()])
    if content is not None:
        headers = headers | {"Content-Type": "application/json"}
    connection.request(method, target, content, headers, encode_chunked=True)
    status = connection.getresponse().status
    connection.close()
    return status


def with_curl(site: MockSite, method: str, target: str, body: Any, headers: dict[str, str]) -> int:
    sent = headers if body is None else headers | {"Content-Type": "application/json"}
    options = [option for name, value in sent.items() for option in ("-H", f"{name}: {value}")]
    options += [] if body is None else ["-d", json.dumps(body)]
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, *options, f"{site.url}{target}"]
    return int(subprocess.run(command, capture_output=True, check=True, timeout=300).stdout)


Client = Callable[[MockSite, str, str, Any, dict[str, str]], int]
CLIENTS: Final = [with_requests, with_httpx, with_urllib3, with_urllib, with_http_client, with_curl]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_follows_the_contract_violates_nothing(client: Client, site: MockSite) -> None:
    odd = "R&D/Ops \u00fc"
    calls: list[tuple[str, str, Any, dict[str, str]]] = [
        ("POST", f"{GROUPS}/", SALES, {}),
        ("POST", GROUPS, {"name": odd, "access": "vIEW", "created_by_email": "admin@example.com"}, {}),
        ("POST", f"{USERS}?test_mode=true", PHOEBE | {"groups": None}, {}),
        ("POST", USERS, PHOEBE | {"groups": ["Sales"]}, {}),
        ("GET", f"{USERS}?next_page_start=", None, {}),
        ("GET", USERS, None, {"Http-X-Email": "phoebe@example.com"}),
        ("PUT", f"{USERS}?test_mode=false", {"first_name": "Regina"}, {"Http-X-Email": "phoebe@example.com"}),
        ("GET", f"{GROUPS}/{quote(odd, safe='')}", None, {}),
        ("GET", f"{GROUPS}/{quote(odd, safe='')}/", None, {}),
        ("GET", f"{USERS}/", None, {}),
        ("PUT", f"{GROUPS}/Sales", {}, {}),
        ("DELETE", f"{GROUPS}/Sales", None, {}),
        ("DELETE", USERS, None, {"Http-X-Email": "phoebe@example.com"}),
    ]

    statuses = [client(site, method, target, body, site.headers | more) for method, target, body, more in calls]

    assert statuses == [201, 201, 200, 201, 200, 200, 200, 200, 200, 200, 200, 200, 200]
    assert found(site) == []


def test_a_refusal_alone_is_not_a_violation(site: MockSite) -> None:
    statuses = [
        send(site, "GET", USERS, Http_X_Email="joey@example.com").status_code,
        send(site, "POST", USERS, PHOEBE | {"groups": ["NY Knicks"]}).status_code,
        send(site, "DELETE", f"{GROUPS}/All%20Users").status_code,
        send(site, "GET", f"{GROUPS}/Sales").status_code,
        send(site, "POST", GROUPS, SALES | {"name": "All Users"}).status_code,
    ]

    assert statuses == [400, 400, 400, 404, 409]
    assert found(site) == []


def test_every_example_request_of_the_document_is_valid(site: MockSite) -> None:
    sent = 0
    contract = load_yaml(document.openapi_yaml())
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            if "requestBody" not in operation:
                continue
            body = contract["components"]["requestBodies"][operation["requestBody"]["$ref"].rpartition("/")[2]]
            for example in body["content"]["application/json"]["examples"].values():
                target = path.replace("{group_name}", "Sales")
                send(site, method.upper(), target, example["value"], Http_X_Email="joey@example.com")
                sent += 1

    assert found(site) == []
    assert len(site.calls) == sent == 22


@settings(deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_a_request_that_succeeds_violates_nothing_and_one_with_bad_fields_does(
    live: LiveServer, data: st.DataObject
) -> None:
    with live.site(contract=True) as good:
        request = data.draw(grammar.valid_requests(good))
        requests.request(request.method, request.url(good.url), headers=request.headers, data=request.content)
    bad = live.site(contract=True)
    wrong = data.draw(grammar.mistaken_requests(bad, mistakes=grammar.mistakes_of(mockscope.Refusal.FIELDS_INVALID)))
    requests.request(wrong.method, wrong.url(bad.url), headers=wrong.headers, data=wrong.content)
    active_findings = bad.active_findings()
    # The site is removed without its findings raised.
    bad.remove()

    assert len(active_findings) == 1
    assert str(wrong.mistake).split()[0] in str(active_findings[0])


@pytest.mark.parametrize("before", [0, 270, 290, 295])
def test_no_finding_shows_a_key(before: int, site: MockSite) -> None:
    key = site.api_key
    # Filler, so that a cut could leave a part of the key.
    filler = "x" * before

    send(site, "GET", f"{GROUPS}?{filler}{key.replace('-', '%2D')}=1")
    send(site, "GET", f"/api/v1/{filler}{key.replace('-', '%2D')}")
    body = json.dumps(PHOEBE | {"email": "EMAIL"}).replace("EMAIL", filler + key.replace("-", "\\u002d"))
    send(site, "POST", USERS, body.encode(), Content_Type="application/json")
    send(site, "POST", USERS, b"{}", Content_Type=f"{filler}{key}")

    shown = "\n".join(map(str, site.active_findings()))
    assert len(site.active_findings()) > 3
    assert key[:8] not in shown
    assert "xxx" in shown or not before


# -- clients that do not ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "expected"),
    [
        (
            "PUT",
            USERS,
            {"first_name": " "},
            ADMIN,
            [("body /first_name", "USER-UPDATE-2", f'" " {BLANK} (PersonName/pattern)')],
        ),
        (
            "PUT",
            USERS,
            {"groups": ["Sales", 5]},
            ADMIN,
            [("body /groups/1", "USER-CREATE-2", '5 is not of type "string" (GroupsIn/items/type)')],
        ),
        (
            "POST",
            USERS,
            {"first_name": "Phoebe", "last_name": "Buffay", "email": "phoebe@example.com"},
            {},
            [("body", "USER-CREATE-1", '"invited_by_email" is a required property (UserCreate/required)')],
        ),
        ("POST", USERS, PHOEBE | {"email": "a"}, {}, [("body /email", "USER-2", f'"a" {NO_EMAIL}')]),
        (
            "POST",
            GROUPS,
            SALES | {"access": "all"},
            {},
            [
                (
                    "body /access",
                    "GROUP-2",
                    '"all" does not match "^([Ss][Qq][Ll]|[Dd][Ii][Ss][Cc][Oo][Vv][Ee][Rr][Yy]|[Vv][Ii][Ee][Ww])$" '
                    "(AccessIn/pattern)",
                )
            ],
        ),
        (
            "POST",
            GROUPS,
            {"name": "Sales", "access": "Sql"},
            {},
            [("body", "GROUP-CREATE-1", '"created_by_email" is a required property (GroupCreate/required)')],
        ),
        # The mock accepts the spelling of the page's table, and the document has one spelling.
        (
            "POST",
            GROUPS,
            {"name": "Sales", "access": "Sql", "create_by_email": "admin@example.com"},
            {},
            [("body", "GROUP-CREATE-1", '"created_by_email" is a required property (GroupCreate/required)')],
        ),
        (
            "PUT",
            f"{GROUPS}/Sales",
            {"name": ""},
            {},
            [("body /name", "GROUP-UPDATE-1", f'"" {BLANK} (GroupName/pattern)')],
        ),
        ("PUT", USERS, {}, {}, [("header Http-X-Email", "USER-UPDATE-1", "it is missing")]),
        ("DELETE", USERS, None, {}, [("header Http-X-Email", "USER-DELETE-1", "it is missing")]),
        ("GET", USERS, None, {"Http-X-Email": "a"}, [("header Http-X-Email", "USER-2", NO_HEADER_EMAIL)]),
        ("GET", f"{GROUPS}?page=2", None, {}, [("query page", "HTTP-7", "this operation takes next_page_start")]),
        ("GET", f"{GROUPS}/All%20Users?a=1", None, {}, [("query a", "HTTP-7", "this operation takes none")]),
        (
            "HEAD",
            f"{GROUPS}?test_mode=true",
            None,
            {},
            [("query test_mode", "TEST-3", "this operation takes next_page_start")],
        ),
        (
            "GET",
            f"{USERS}?next_page_start=a&next_page_start=b",
            None,
            {},
            [("query next_page_start", "PAGE-3", "it is there more than once")],
        ),
        ("POST", USERS, None, {}, [("body", "HTTP-5", "there is none, and this operation needs one")]),
        ("DELETE", USERS, {}, ADMIN, [("body", "HTTP-5", "this operation takes none")]),
        ("POST", GROUPS, [SALES], {}, [("body", "HTTP-4", "The body must be a JSON object, and it is a list.")]),
        (
            "PUT",
            USERS,
            b"{}",
            ADMIN | {"Content-Type": "text/plain"},
            [("header Content-Type", "HTTP-4", "text/plain, where application/json is asked for")],
        ),
        (
            "PUT",
            USERS,
            b'{"first_name": 1}',
            ADMIN,
            [
                ("header Content-Type", "HTTP-4", "missing, where application/json is asked for"),
                ("body /first_name", "USER-UPDATE-2", '1 is not of type "string" (PersonName/type)'),
            ],
        ),
        (
            "PUT",
            USERS,
            b'{"first_name": "Joe",}',
            ADMIN | {"Content-Type": "application/json"},
            [
                (
                    "body",
                    "HTTP-4",
                    "The body is not valid JSON in UTF-8: Illegal trailing comma before end of object at line 1, "
                    "column 21.",
                )
            ],
        ),
        (
            "PATCH",
            f"{USERS}/",
            {},
            {},
            [("method", None, "PATCH is not among GET, PUT, POST, DELETE of /api/v1/users/")],
        ),
        ("GET", "/api/v2/users", None, {}, [("path", None, "/api/v2/users is not in openapi.yaml")]),
        ("GET", "/api/v1/users//", None, {}, [("path", None, "/api/v1/users// is not in openapi.yaml")]),
        ("GET", "/api/v1/groups/a//", None, {}, [("path", None, "/api/v1/groups/a// is not in openapi.yaml")]),
        ("GET", "/api/v1/groups/a/b", None, {}, [("path", None, "/api/v1/groups/a/b is not in openapi.yaml")]),
    ],
)
def test_each_violation_is_found_with_its_place_and_its_rule(
    method: str,
    target: str,
    body: Any,
    headers: dict[str, str],
    expected: list[tuple[str, str | None, str]],
    site: MockSite,
) -> None:
    send(site, method, target, body, **headers)

    assert found(site) == expected


def test_a_finding_names_call_rule_and_place(site: MockSite) -> None:
    response = send(site, "PUT", f"{USERS}?a=", {"groups": [{}]}, **ADMIN)

    call = response.headers["X-Request-Id"]
    assert [str(finding) for finding in site.active_findings()] == [
        f"400 update_user admin@example.com (HTTP-7, call {call}): query a: this operation takes test_mode",
        f"400 update_user admin@example.com (USER-CREATE-2, call {call}): body /groups/0: "
        '{} is not of type "string" (GroupsIn/items/type)',
    ]


def test_a_finding_of_a_long_request_is_cut(site: MockSite) -> None:
    query = "&".join(f"a{number}" for number in range(50))
    send(site, "POST", f"{USERS}?{query}", ["a" * 1000])
    send(site, "POST", USERS, PHOEBE | {"email": "a" * 1000})

    active_findings = site.active_findings()
    assert [finding.where for finding in active_findings] == [
        *(f"query a{number}" for number in range(20)),
        "body /email",
    ]
    assert active_findings[-1].problem == f'"{"a" * 298}… (Email/pattern)'


# -- calls that cannot be checked ------------------------------------------------------------------------------


def test_a_truncated_body_is_not_checked(site: MockSite) -> None:
    send(site, "PUT", f"{USERS}?a=", {"first_name": 1, "last_name": "B" * 70_000}, **ADMIN)
    # A key in a body is kept disguised, and might then be no email any more.
    key = "e179017a-62b0-4996-8a38-e91aa9f1"
    send(site, "POST", USERS, PHOEBE | {"email": f"{key}@example.com"})

    assert [finding.where for finding in site.active_findings()] == ["query a"]


def test_a_body_left_unread_by_a_fault_is_not_checked(site: MockSite) -> None:
    site.faults.add("create_user", status=503)
    assert send(site, "POST", USERS, PHOEBE).status_code == 503

    assert found(site) == []


def test_dropped_calls_are_not_checked() -> None:
    with mockscope.serve(calls_kept=1, contract=True) as server:
        site = server.site()
        send(site, "GET", f"{GROUPS}?a=")
        assert len(found(site)) == 1
        send(site, "GET", GROUPS)
        assert found(site) == []

        send(site, "GET", f"{GROUPS}?a=")
        site.calls.clear()
        assert found(site) == []


def test_requests_that_reached_no_site_are_not_findings_of_a_site(site: MockSite) -> None:
    requests.get(f"{site.url}{GROUPS}?a=", timeout=300)

    assert found(site) == []


# -- on and off ------------------------------------------------------------------------------------------------


def test_the_document_is_compiled_once() -> None:
    assert contract() is contract()


def test_a_disabled_contract_finds_and_imports_nothing() -> None:
    script = """
import sys, requests, mockscope
with mockscope.serve() as server:
    site = server.site()
    status = requests.post(f"{site.url}/api/v1/users?a=", headers=site.headers, json=[]).status_code
    print(status, site.findings(), site.active_findings(), "jsonschema_rs" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)

    assert done.stdout == "400 [] [] False\n"


def test_the_contract_may_be_turned_on_late_and_off_again(live: LiveServer) -> None:
    site = live.site()
    send(site, "PATCH", GROUPS)
    assert (found(site), site.findings()) == ([], [])

    site.contract = True
    assert [finding.where for finding in site.findings()] == ["method"]
    assert [finding.where for finding in site.active_findings()] == ["method"]
    assert site.fork().contract

    site.contract = False
    assert (found(site), site.findings()) == ([], [])


def test_a_site_may_differ_from_its_server(live: LiveServer) -> None:
    friends = {"mockscope": 1, "sites": [{"host": "friends"}]}
    mock = mockscope.Mockscope(friends, contract=True)

    assert [mock.sites["friends"].contract, mock.site().contract, mock.site(contract=False).contract] == [
        True,
        True,
        False,
    ]
    assert live.registry.settings.contract is None
    assert [live.site().contract, live.site(contract=True).contract] == [False, True]


def test_strict_mode_and_contract_have_findings_of_their_own(live: LiveServer) -> None:
    site = live.site(strict=True, contract=True)
    fault = site.faults.add("get_user", status=503)
    send(site, "PUT", f"{USERS}?test_mode=maybe&a=", b"{}", **ADMIN, Content_Type="text/plain")
    send(site, "GET", f"{GROUPS}?test_mode=true", {})
    send(site, "GET", f"{USERS}?email=joey@example.com")
    send(site, "POST", GROUPS, SALES | {"rule": 1})
    send(site, "POST", GROUPS, {"name": "Cast", "access": "Sql", "create_by_email": "admin@example.com"})

    found = [(finding.rule, finding.where, finding.problem.partition(":")[0]) for finding in site.active_findings()]
    assert found == [
        ("TEST-3", None, "test-mode-odd"),
        ("HTTP-7", None, "parameter-unknown"),
        ("HTTP-4", None, "content-type-not-json"),
        ("TEST-3", None, "test-mode-on-read"),
        ("HTTP-5", None, "body-ignored"),
        ("USER-GET-1", None, "email-not-in-header"),
        ("HTTP-7", None, "field-unknown"),
        ("GROUP-CREATE-1", None, "create-by-email"),
        (None, None, "a planned fault was hit less often than planned"),
    ]
    assert str(fault) in site.active_findings()[-1].problem
    assert site.findings() == site.active_findings()
    # Without strict mode, the contract has all of its findings.
    site.strict = False
    assert [finding.where for finding in site.active_findings()] == [
        "query a",
        "header Content-Type",
        "query test_mode",
        "body",
        "query email",
        "body",
    ]
    site.remove()


def test_a_with_block_raises_at_its_end_with_a_heading_per_kind(live: LiveServer) -> None:
    def ends() -> None:
        with live.site("example_site", strict=True, contract=True) as site:
            calls.append(send(site, "PUT", USERS, {"first_name": "Joe", "nick": "J"}, **ADMIN))
            calls.append(send(site, "PUT", USERS, {"groups": [1]}, **ADMIN))

    calls: list[requests.Response] = []
    with pytest.raises(AssertionError) as caught:
        ends()

    done, refused = (call.headers["X-Request-Id"] for call in calls)
    assert str(caught.value) == (
        "strict mode, example_site:\n"
        f"  200 update_user admin@example.com (HTTP-7, call {done}): field-unknown: The service knows no field nick "
        "here. Correct the name, or leave the field out: unknown fields are ignored.\n"
        "contract, example_site:\n"
        f"  400 update_user admin@example.com (USER-CREATE-2, call {refused}): body /groups/0: "
        '1 is not of type "string" (GroupsIn/items/type)'
    )
    # What fails by itself is not covered up.
    with pytest.raises(ZeroDivisionError), live.site(contract=True) as site:
        1 // (send(site, "GET", f"{GROUPS}?a=").status_code - 200)


def test_findings_can_be_asserted_during_a_test(site: MockSite) -> None:
    site.assert_no_findings()
    send(site, "PATCH", GROUPS)

    with pytest.raises(AssertionError, match=r"^contract, site-\w+:\n  405 PATCH /api/v1/groups \(call .*\): method: "):
        site.assert_no_findings()


def test_a_server_raises_for_the_remaining_sites() -> None:
    server = mockscope.serve(contract=True).start()
    for site in (server.site(contract=False), server.site("example_site")):
        send(site, "GET", f"{GROUPS}?a=")

    with pytest.raises(AssertionError, match=r"^contract, example_site:\n  200 list_groups \(HTTP-7, call .*\): query"):
        server.__exit__(None, None, None)


def test_a_reset_clears_the_findings(site: MockSite) -> None:
    send(site, "GET", f"{GROUPS}?a=")
    site.reset()

    assert found(site) == []


@pytest.mark.parametrize("asked", ["Mockscope(contract=True)", "Mockscope().site(contract=True)"])
def test_a_missing_validator_is_refused_at_once_with_the_extra_to_install(asked: str) -> None:
    script = f"import sys; sys.modules['jsonschema_rs'] = None; from mockscope import Mockscope; {asked}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "mockscope.contract.validation.ExtraMissing: contract=True needs jsonschema-rs:"
        " pip install 'mockscope[contract]'"
    )
