"""The same behaviours through each client that people use, over a real socket."""

import json

import pytest
from support.wire import Client, quoted, through_every_client

from mockscope import MockSite, Refusal, Refused

LIMIT = 1024 * 1024
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["All Users", "Sales"],
    "invited_by_email": "admin@example.com",
}
ADMIN_RECORD = {
    "first_name": "Site",
    "last_name": "Administrator",
    "email": "admin@example.com",
    "groups": ["Administrators", "All Users"],
    "last_login_at": None,
    "password_updated_at": None,
    "tfa_enabled": False,
}
PHOEBE_RECORD = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["All Users", "Sales"],
    "last_login_at": None,
    "password_updated_at": None,
    "tfa_enabled": False,
}

pytestmark = through_every_client


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.rule("HTTP-1", "PAGE-2")
def test_a_page_of_users_is_listed(client: Client, mockscope: MockSite) -> None:
    response = client.ask("GET", f"{mockscope.url}/api/v1/users", mockscope.headers, None)
    assert response.status == 200
    assert response.json() == {
        "total_users": 1,
        "users_this_page": 1,
        "next_page_start": None,
        "users": [ADMIN_RECORD],
    }


@pytest.mark.rule("USER-GET-1")
def test_one_user_is_named_by_header(client: Client, mockscope: MockSite) -> None:
    headers = {**mockscope.headers, "Http-X-Email": "admin@example.com"}
    response = client.ask("GET", f"{mockscope.url}/api/v1/users", headers, None)
    assert response.status == 200
    assert response.json() == ADMIN_RECORD


@pytest.mark.rule("HTTP-3", "HTTP-4", "USER-CREATE-5")
@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/users/"])
def test_a_user_is_created_whatever_content_type_the_client_chooses(
    client: Client, path: str, mockscope: MockSite
) -> None:
    mockscope.add_group("Sales")
    response = client.ask("POST", f"{mockscope.url}{path}", mockscope.headers, encoded(PHOEBE))
    assert response.status == 201
    assert response.json() == PHOEBE_RECORD
    assert list(mockscope.users) == ["admin@example.com", "phoebe@example.com"]


@pytest.mark.rule("TEST-1", "TEST-2", "TEST-4")
def test_test_mode_writes_nothing(client: Client, mockscope: MockSite) -> None:
    mockscope.add_group("Sales")
    before = mockscope.export()
    response = client.ask("POST", f"{mockscope.url}/api/v1/users?test_mode=true", mockscope.headers, encoded(PHOEBE))
    assert response.status == 200
    assert response.json() == {"message": "Action would have completed successfully"}
    assert mockscope.export() == before


@pytest.mark.rule("USER-UPDATE-2")
def test_a_user_is_updated(client: Client, mockscope: MockSite) -> None:
    mockscope.add_user("joey@example.com", first_name="Joey", last_name="Tribbiani")
    headers = {**mockscope.headers, "Http-X-Email": "joey@example.com", "Content-Type": "application/json"}
    response = client.ask("PUT", f"{mockscope.url}/api/v1/users", headers, b'{"first_name": "Jos\xc3\xa9"}')
    assert response.status == 200
    assert response.json() == {
        "first_name": "José",
        "last_name": "Tribbiani",
        "email": "joey@example.com",
        "groups": ["All Users"],
        "last_login_at": None,
        "password_updated_at": None,
        "tfa_enabled": False,
    }


@pytest.mark.rule("USER-DELETE-1")
def test_a_user_is_deleted(client: Client, mockscope: MockSite) -> None:
    mockscope.add_user("joey@example.com")
    headers = {**mockscope.headers, "Http-X-Email": "joey@example.com"}
    response = client.ask("DELETE", f"{mockscope.url}/api/v1/users", headers, None)
    assert response.status == 200
    assert response.json() == {"message": f"User removed from {mockscope.host}"}
    assert list(mockscope.users) == ["admin@example.com"]


@pytest.mark.rule("HTTP-1", "HTTP-4")
def test_a_broken_body_is_400_in_json(client: Client, mockscope: MockSite) -> None:
    response = client.ask("POST", f"{mockscope.url}/api/v1/users", mockscope.headers, b'{"first_name": "Phoebe",}')
    assert response.status == 400
    assert list(response.json()) == ["message"]
    assert response.headers["x-mockscope-hint"] == "json-trailing-comma"


@pytest.mark.rule("HTTP-5")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_without_a_body_is_400_in_json(client: Client, method: str, mockscope: MockSite) -> None:
    headers = {**mockscope.headers, "Http-X-Email": "admin@example.com"}
    response = client.ask(method, f"{mockscope.url}/api/v1/users", headers, None)
    assert response.status == 400
    assert response.json() == {"message": Refused(Refusal.BODY_MISSING).message}


@pytest.mark.rule("HTTP-1", "AUTH-2")
def test_a_wrong_key_is_403_in_json(client: Client, mockscope: MockSite) -> None:
    headers = {"Http-X-Partner-Auth": f"{mockscope.host}:e179017a-62b0-4996-8a38-e91aa9f1"}
    response = client.ask("GET", f"{mockscope.url}/api/v1/users", headers, None)
    assert response.status == 403
    assert response.json() == {"message": Refused(Refusal.KEY_WRONG, host=mockscope.host).message}


@pytest.mark.rule("HTTP-1", "GROUP-GET-1")
def test_an_unknown_group_is_404_in_json(client: Client, mockscope: MockSite) -> None:
    response = client.ask("GET", f"{mockscope.url}/api/v1/groups/Sales", mockscope.headers, None)
    assert response.status == 404
    assert response.json() == {"message": Refused(Refusal.GROUP_UNKNOWN, host=mockscope.host, name="Sales").message}


@pytest.mark.rule("HTTP-1", "HTTP-6")
def test_a_method_that_is_not_offered_is_405_with_allow(client: Client, mockscope: MockSite) -> None:
    response = client.ask("PATCH", f"{mockscope.url}/api/v1/users", mockscope.headers, b"{}")
    assert response.status == 405
    allowed = "DELETE, GET, HEAD, POST, PUT"
    assert response.headers["allow"] == allowed
    refused = Refused(Refusal.METHOD_NOT_ALLOWED, method="PATCH", path="/api/v1/users", allowed=allowed)
    assert response.json() == {"message": refused.message}


@pytest.mark.rule("HTTP-1", "HTTP-8")
@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_a_body_over_the_limit_is_413_in_json(client: Client, size: int, mockscope: MockSite) -> None:
    before = mockscope.export()
    response = client.ask("POST", f"{mockscope.url}/api/v1/users", mockscope.headers, b" " * size)
    assert response.status == 413
    assert response.json() == {"message": Refused(Refusal.BODY_TOO_LARGE, limit=str(LIMIT)).message}
    assert mockscope.export() == before


@pytest.mark.rule("HTTP-8")
def test_a_body_of_exactly_the_limit_is_read(client: Client, mockscope: MockSite) -> None:
    mockscope.add_group("Sales")
    response = client.ask("POST", f"{mockscope.url}/api/v1/users", mockscope.headers, encoded(PHOEBE).ljust(LIMIT))
    assert response.status == 201
    assert response.json() == PHOEBE_RECORD


@pytest.mark.rule("HTTP-1")
def test_head_has_the_headers_of_get_and_no_body(client: Client, mockscope: MockSite) -> None:
    url = f"{mockscope.url}/api/v1/users"
    get = client.ask("GET", url, mockscope.headers, None)
    head = client.ask("HEAD", url, mockscope.headers, None)
    assert head.status == 200
    assert head.body == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    # aiohttp, undici and the others agree that it is the length that GET would have.
    assert head.headers["content-length"] == str(len(get.body))


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize(
    "name", ["NY Knicks", "R+D", "Café", "東京", "Sales/EMEA", "100%", "a?b#c", "a%2Fb", "Sales.csv", '"quoted"']
)
def test_a_percent_encoded_name_of_a_group_arrives_whole(client: Client, name: str, mockscope: MockSite) -> None:
    mockscope.add_group(name, access="Discovery")
    response = client.ask("GET", f"{mockscope.url}/api/v1/groups/{quoted(name)}", mockscope.headers, None)
    assert response.status == 200
    assert response.json() == {"name": name, "access": "Discovery", "dashboards": []}


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize("name", ["NY Knicks", "R+D", "Café", "東京 Sales"])
def test_a_name_of_a_group_as_people_type_it_arrives_whole(client: Client, name: str, mockscope: MockSite) -> None:
    mockscope.add_group(name, access="Discovery")
    response = client.ask("GET", f"{mockscope.url}/api/v1/groups/{client.typed(name)}", mockscope.headers, None)
    assert response.status == 200
    assert response.json() == {"name": name, "access": "Discovery", "dashboards": []}


@pytest.mark.rule("GROUP-UPDATE-1", "GROUP-DELETE-1", "GROUP-5")
def test_a_group_with_a_slash_in_its_name_is_renamed_and_deleted(client: Client, mockscope: MockSite) -> None:
    mockscope.add_group("Sales/EMEA")
    url = f"{mockscope.url}/api/v1/groups/"
    renamed = client.ask("PUT", url + quoted("Sales/EMEA"), mockscope.headers, encoded({"name": "Sales/APAC"}))
    assert renamed.status == 200
    assert renamed.json() == {"name": "Sales/APAC", "access": "View"}
    deleted = client.ask("DELETE", url + quoted("Sales/APAC"), mockscope.headers, None)
    assert deleted.status == 200
    assert deleted.json() == {"message": f"Group removed from {mockscope.host}"}
    assert list(mockscope.groups) == ["Administrators", "All Users"]
