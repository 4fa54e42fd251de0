"""HTTP-1 to HTTP-3 and HTTP-5 to HTTP-10: the rules for every request."""

import logging
from typing import Any
from urllib.parse import unquote

import pytest
from support.web_client import CHANDLER, FRIENDS, GROUPS, PHOEBE, USERS, Client, page_site, refusal_body

from mockscope import Call, Refusal
from mockscope.domain.site import Site

JSON = "application/json; charset=utf-8"
MIB = 1024 * 1024


@pytest.fixture
def client() -> Client:
    return page_site()


def crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def list_users(self: Site, start: str = "") -> None:
        raise RuntimeError("out of coffee")

    monkeypatch.setattr(Site, "list_users", list_users)


@pytest.mark.rule("HTTP-1")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", USERS, None, 200),
        ("POST", USERS, PHOEBE, 201),
        ("POST", USERS, "no JSON", 400),
        ("GET", f"{GROUPS}/Friends", None, 404),
        ("GET", "/", None, 404),
        ("GET", "/api/v1/users/monica@example.com", None, 404),
        ("GET", "/favicon.png", None, 404),
        ("PATCH", USERS, {}, 405),
        ("OPTIONS", USERS, None, 405),
        ("POST", USERS, {**PHOEBE, "email": "monica@example.com"}, 409),
        ("POST", USERS, b" " * (MIB + 1), 413),
    ],
)
def test_every_response_is_json(client: Client, method: str, path: str, body: str | bytes | None, status: int) -> None:
    response = client.request(method, path, body)

    assert (response.status, response.header("content-type")) == (status, JSON)
    assert response.header("content-length") == str(len(response.body))
    if status >= 400:
        assert list(response.json()) == ["message"]
        assert response.json()["message"].endswith(".")


@pytest.mark.rule("HTTP-1")
@pytest.mark.parametrize("path", [USERS, "/", "/api/v2/users"])
def test_a_refusal_for_lack_of_credentials_is_json_on_every_path(client: Client, path: str) -> None:
    response = client.get(path, authenticated=False)

    assert (response.status, response.header("content-type")) == (403, JSON)
    assert response.json() == refusal_body(Refusal.AUTH_MISSING)


@pytest.mark.rule("HTTP-2")
@pytest.mark.parametrize("host", ["app.periscopedata.com", "api.periscopedata.com", "localhost:1", "", "nonsense host"])
def test_the_host_header_is_ignored(client: Client, host: str) -> None:
    assert client.get(USERS, headers={"Host": host}, email="chandler@example.com").json() == CHANDLER


@pytest.mark.rule("HTTP-3")
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_spellings_of_a_collection_are_served_without_a_redirect(client: Client, slash: str) -> None:
    users, groups = USERS + slash, GROUPS + slash

    statuses = [
        client.get(users).status,
        client.get(users, email="chandler@example.com").status,
        client.post(users, PHOEBE).status,
        client.put(users, {}, email="phoebe@example.com").status,
        client.delete(users, email="phoebe@example.com").status,
        client.get(groups).status,
        client.get(f"{groups}?next_page_start=Sales").status,
        client.post(groups, FRIENDS).status,
        client.post(f"{groups}?test_mode=true", {**FRIENDS, "name": "Zoo"}).status,
    ]

    assert statuses == [200, 200, 201, 200, 200, 200, 200, 201, 200]


@pytest.mark.rule("HTTP-3", "GROUP-5")
@pytest.mark.parametrize("name", ["Sales", "%2F", "Sales%2F"])
def test_one_slash_after_the_name_of_a_group_is_ignored(client: Client, name: str) -> None:
    client.site.add_group("/")
    client.site.add_group("Sales/")
    path = f"{GROUPS}/{name}"

    assert client.get(f"{path}/").text == client.get(path).text
    assert client.put(f"{path}/", {"access": "sql"}).text == client.put(path, {"access": "sql"}).text
    assert client.put(f"{path}/", {"access": "sql"}).json()["name"] == unquote(name)
    assert client.delete(f"{path}/?test_mode=true").status == 200
    assert client.delete(f"{path}/").status == 200
    assert client.get(path).status == client.get(f"{path}/").status == 404


@pytest.mark.rule("HTTP-5")
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "nonsense"])
def test_get_and_delete_ignore_a_body_and_its_type(content_type: str) -> None:
    client = page_site(require_json_content_type=True)
    headers = {"Content-Type": content_type, "Content-Length": "9"}

    assert client.request("GET", USERS, "{no json", headers=headers, email="chandler@example.com").json() == CHANDLER
    assert client.request("DELETE", USERS, "{no json", headers=headers, email="chandler@example.com").status == 200
    assert client.request("DELETE", f"{GROUPS}/Sales", "{no json", headers=headers).status == 200


@pytest.mark.rule("HTTP-5")
@pytest.mark.parametrize("body", [None, b"", [b""], [b"", b""]])
def test_a_write_without_a_body_is_400(client: Client, body: bytes | list[bytes] | None) -> None:
    found = [
        client.post(USERS, body),
        client.put(USERS, body, email="joey@example.com"),
        client.post(GROUPS, body),
        client.put(f"{GROUPS}/Sales", body),
    ]

    message = refusal_body(Refusal.BODY_MISSING)
    assert [(response.status, response.json()) for response in found] == [(400, message)] * 4


@pytest.mark.rule("HTTP-6")
@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        (USERS, "PATCH", "DELETE, GET, HEAD, POST, PUT"),
        (f"{USERS}/", "OPTIONS", "DELETE, GET, HEAD, POST, PUT"),
        (GROUPS, "PUT", "GET, HEAD, POST"),
        (f"{GROUPS}/", "DELETE", "GET, HEAD, POST"),
        (f"{GROUPS}/Sales", "POST", "DELETE, GET, HEAD, PUT"),
        (f"{GROUPS}/Friends", "BREW", "DELETE, GET, HEAD, PUT"),
    ],
)
def test_an_unsupported_method_is_405_with_the_allowed_ones(client: Client, path: str, method: str, allow: str) -> None:
    response = client.request(method, path, {})

    assert (response.status, response.header("allow")) == (405, allow)
    assert response.json() == refusal_body(Refusal.METHOD_NOT_ALLOWED, method=method, path=path, allowed=allow)


@pytest.mark.parametrize(
    ("path", "email"),
    [
        (USERS, None),
        (USERS, "chandler@example.com"),
        (USERS, "nobody@example.com"),
        (GROUPS, None),
        (f"{GROUPS}/Administrators", None),
        (f"{GROUPS}/Friends", None),
        ("/nowhere", None),
    ],
)
def test_head_has_the_headers_of_get_and_no_body(client: Client, path: str, email: str | None) -> None:
    get, head = client.get(path, email=email), client.request("HEAD", path, email=email)

    assert head.status == get.status
    assert head.body == b""
    assert {name: value for name, value in head.headers if name != "x-request-id"} == {
        name: value for name, value in get.headers if name != "x-request-id"
    }


@pytest.mark.rule("HTTP-8")
@pytest.mark.parametrize("path", [USERS, GROUPS])
def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_413(client: Client, path: str) -> None:
    largest = b"{}".ljust(MIB)
    chunk = b" " * 65536

    assert client.post(path, largest).status == 400
    found = [client.post(path, largest + b" "), client.post(path, [b"{}", *[chunk] * 16, b""])]
    message = refusal_body(Refusal.BODY_TOO_LARGE, limit="1048576")
    assert [(response.status, response.json()) for response in found] == [(413, message)] * 2


@pytest.mark.rule("HTTP-8")
def test_a_body_that_is_announced_too_large_is_refused_unread(client: Client) -> None:
    response = client.post(USERS, PHOEBE, headers={"Content-Length": str(MIB + 1)})

    assert response.status == 413


@pytest.mark.rule("HTTP-8")
@pytest.mark.parametrize("length", ["nonsense", "\xb2", "1" * 5000, "-1"])
def test_an_invalid_content_length_does_not_crash(client: Client, length: str) -> None:
    assert client.post(USERS, PHOEBE, headers={"Content-Length": length}).status in (201, 400, 413)


@pytest.mark.rule("HTTP-8")
def test_a_crash_is_500_in_json_with_the_trace_in_the_log_only(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crash(monkeypatch)

    with caplog.at_level(logging.ERROR, logger="mockscope"):
        response = client.get(USERS)

    assert (response.status, response.header("content-type"), response.hint) == (500, JSON, "crashed")
    assert response.json() == refusal_body(Refusal.CRASHED)
    assert "coffee" not in response.text
    assert "RuntimeError: out of coffee" in caplog.text
    assert f"crashed on GET {USERS}" in caplog.text


@pytest.mark.rule("HTTP-8")
def test_the_next_request_after_a_crash_is_served(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        crash(patched)
        assert client.get(USERS).status == 500

    assert client.get(USERS).status == 200


@pytest.mark.rule("HTTP-9")
@pytest.mark.parametrize("path", ["/api/v2/users", "/api/v2/", "/api/v1/roles", "/api/v1/dashboards/7"])
def test_a_path_of_the_successor_is_404_and_the_hint_says_so(client: Client, path: str) -> None:
    response = client.get(path)

    assert (response.status, response.hint) == (404, "successor-api")
    assert response.json() == refusal_body(Refusal.PATH_UNKNOWN, path=path)


@pytest.mark.rule("HTTP-10")
def test_every_response_carries_its_own_id(client: Client) -> None:
    other = page_site()
    responses = [
        sender.request(*line) for sender in (client, other) for line in (("GET", USERS), ("GET", "/"), ("PATCH", "/"))
    ]
    responses += [client.get(USERS, authenticated=False), client.request("HEAD", USERS)]

    ids = [response.header("x-request-id") for response in responses]

    assert None not in ids
    assert len(set(ids)) == len(responses)


@pytest.mark.rule("HTTP-10")
def test_a_plain_success_carries_no_hint(client: Client) -> None:
    assert client.get(USERS).hint is None
    assert client.post(USERS, PHOEBE, headers={"Content-Type": "application/json"}).hint is None


@pytest.mark.rule("HTTP-10")
def test_hints_can_be_switched_off_and_ids_stay() -> None:
    response = page_site(hint_header=False).get(USERS, authenticated=False)

    assert (response.status, response.hint) == (403, None)
    assert response.header("x-request-id") is not None


@pytest.mark.rule("HTTP-10")
def test_every_observer_sees_a_call_even_if_another_one_raises(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    observers = client.mock.observers
    seen: list[str] = []

    def once(call: Call) -> None:
        observers.remove(once)
        seen.append("once")

    def fail(call: Call) -> None:
        raise RuntimeError("out of coffee")

    observers += [once, fail, lambda call: seen.append("last")]
    responses = [client.get(USERS).status, client.get(USERS).status]

    assert (responses, seen) == ([200, 200], ["once", "last", "last"])
    assert [record.exc_text is not None for record in caplog.records] == [True, True]


def test_observers_get_the_call_with_the_same_id(client: Client) -> None:
    calls: list[Call] = []
    client.mock.observers.append(calls.append)

    responses = [client.get(USERS, email="monica@example.com"), client.delete(f"{GROUPS}/Friends")]

    assert [(call.id, call.operation, call.site, call.status, call.rule) for call in calls] == [
        (responses[0].header("x-request-id"), "get_user", "example-site", 200, None),
        (responses[1].header("x-request-id"), "delete_group", "example-site", 404, "GROUP-DELETE-1"),
    ]


@pytest.mark.rule("HTTP-1")
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/openapi.yaml/"), ("GET", "/openapi.json/"), ("GET", "/_mockscope/no")]
)
def test_a_reserved_path_that_is_not_there_is_404_in_json(client: Client, method: str, path: str) -> None:
    response = client.request(method, path)

    assert (response.status, response.header("content-type")) == (404, JSON)
    assert list(response.json()) == ["message"]


@pytest.mark.rule("HTTP-1", "HTTP-6")
def test_a_reserved_path_names_its_methods_too(client: Client) -> None:
    response = client.post("/openapi.yaml", {})

    assert (response.status, response.header("content-type")) == (405, JSON)
    assert response.header("allow") is not None


@pytest.mark.rule("HTTP-8")
async def test_no_more_than_64_mib_of_an_unwanted_body_are_read(client: Client) -> None:
    pieces = [b" " * MIB] * 100
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"connection", b"close"), (b"content-length", str(100 * MIB).encode())]
    scope = {"type": "http", "method": "POST", "path": USERS, "query_string": b"", "headers": headers}
    await client.mock.app(scope, receive, send)

    assert (sent[0]["status"], len(pieces)) == (403, 100 - 64)
