"""The rules of HTTP that need a socket to test."""

import http.client
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests
from support.web_client import FRIENDS, PHOEBE, refusal_body

import mockscope as package
from mockscope import Refusal


def connection(site: package.MockSite) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=300)


@pytest.mark.rule("HTTP-3")
@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/users/", "/api/v1/groups", "/api/v1/groups/"])
def test_no_spelling_of_a_collection_redirects(mockscope: package.MockSite, path: str) -> None:
    found = requests.get(mockscope.url + path, headers=mockscope.headers, allow_redirects=False, timeout=300)

    assert found.status_code == 200


@pytest.mark.rule("HTTP-1", "HTTP-8")
def test_a_chunked_body_over_the_limit_is_413(mockscope: package.MockSite) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"first_name": "'
        for _ in range(17):
            yield b"x" * 65536

    url = f"{mockscope.url}/api/v1/users"
    chunked = requests.post(url, data=chunks(), headers=mockscope.headers, timeout=300)
    whole = requests.post(url, data=b" " * (1024 * 1024 + 1), headers=mockscope.headers, timeout=300)

    for response in (chunked, whole):
        assert (response.status_code, response.json()) == (413, refusal_body(Refusal.BODY_TOO_LARGE, limit="1048576"))


@pytest.mark.rule("HTTP-4")
def test_a_chunked_body_under_the_limit_is_read(mockscope: package.MockSite) -> None:
    body = b'{"name": "Friends", "access": "Sql", "created_by_email": "admin@example.com"}'

    response = requests.post(
        f"{mockscope.url}/api/v1/groups/", data=iter([body[:9], body[9:]]), headers=mockscope.headers, timeout=300
    )

    assert (response.status_code, response.json()) == (201, {"name": "Friends", "access": "Sql"})


def test_head_is_get_without_the_body(mockscope: package.MockSite) -> None:
    with closing(connection(mockscope)) as client:
        client.request("HEAD", "/api/v1/users", headers=mockscope.headers)
        head = client.getresponse()
        assert head.read() == b""
        # On the same connection: a body that was sent would be read as the next response.
        client.request("GET", "/api/v1/users", headers=mockscope.headers)
        get = client.getresponse()
        body = get.read()

    assert (head.status, get.status) == (200, 200)
    assert head.getheader("content-length") == get.getheader("content-length") == str(len(body))


@pytest.mark.rule("HTTP-5")
def test_a_body_of_a_get_or_a_delete_does_not_spoil_the_connection(mockscope: package.MockSite) -> None:
    headers = mockscope.headers | {"Http-X-Email": mockscope.admin.email}
    with closing(connection(mockscope)) as client:
        statuses = []
        for method in ("GET", "DELETE", "DELETE"):
            client.request(method, "/api/v1/users", body=b"{no json" * 1000, headers=headers)
            response = client.getresponse()
            response.read()
            statuses.append(response.status)

    assert statuses == [200, 200, 400]


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize(
    ("segment", "name"),
    [
        ("R%2FD", "R/D"),
        ("..", ".."),
        (".", "."),
        ("%2e%2e", ".."),
        ("R+D", "R+D"),
        ("100%25", "100%"),
        ("Gr%C3%BCn", "Grün"),
    ],
)
def test_an_odd_name_reaches_the_site_as_it_was_sent(mockscope: package.MockSite, segment: str, name: str) -> None:
    mockscope.add_group(name, access="Sql")
    with closing(connection(mockscope)) as client:
        client.request("DELETE", f"/api/v1/groups/{segment}", headers=mockscope.headers)
        response = client.getresponse()
        response.read()

    assert response.status == 200
    assert name not in mockscope.groups


@pytest.mark.rule("HTTP-6")
def test_an_unknown_method_is_405_with_allow(mockscope: package.MockSite) -> None:
    response = requests.patch(f"{mockscope.url}/api/v1/groups", headers=mockscope.headers, timeout=300)

    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert response.json() == refusal_body(
        Refusal.METHOD_NOT_ALLOWED, method="PATCH", path="/api/v1/groups", allowed="GET, HEAD, POST"
    )


@pytest.mark.rule("AUTH-2")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_refusal_before_the_body_was_read_does_not_spoil_the_connection(
    mockscope: package.MockSite, method: str
) -> None:
    with requests.Session() as session:
        refused = session.request(
            method, f"{mockscope.url}/api/v1/users", data=b"x" * 200_000, headers={"Http-X-Email": "x"}, timeout=300
        )
        expected = session.get(f"{mockscope.url}/api/v1/users", headers=mockscope.headers, timeout=300)

    assert (refused.status_code, expected.status_code) == (403, 200)


@pytest.mark.rule("USER-CREATE-5", "GROUP-CREATE-3", "HTTP-10")
def test_a_read_sees_the_write_before_it(mockscope: package.MockSite) -> None:
    admin = mockscope.admin.email
    with requests.Session() as session:
        session.headers.update(mockscope.headers)
        group = session.post(
            f"{mockscope.url}/api/v1/groups/", json={**FRIENDS, "created_by_email": admin}, timeout=300
        )
        user = session.post(
            f"{mockscope.url}/api/v1/users",
            json={**PHOEBE, "groups": ["Friends"], "invited_by_email": admin},
            timeout=300,
        )
        listed = session.get(f"{mockscope.url}/api/v1/users", timeout=300)

    assert (group.status_code, user.status_code) == (201, 201)
    assert user.json() in listed.json()["users"]
    assert mockscope.users["phoebe@example.com"].groups == ("Friends",)
    assert len({response.headers["X-Request-Id"] for response in (group, user, listed)}) == 3
