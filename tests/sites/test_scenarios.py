"""The scenarios that come with mockscope. A naive client fails in each, and a careful one passes, over real sockets."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest
import requests

from mockscope import LiveServer, Mockscope, MockSite
from mockscope.seeds.scenarios import FOLDER, SCENARIOS

CLIENT_ERRORS: Final = (requests.RequestException, httpx.HTTPError)
NEW_JOEY: Final = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "invited_by_email": "monica@example.com",
}

# A requests.Session or an httpx.Client, and the URL of the users.
Client = Any


class KeyRefused(Exception):
    """The key was refused. The message says how far the client came."""


def list_emails(client: Client, url: str) -> list[str]:
    found: list[str] = []
    params: dict[str, str] = {}
    while True:
        page = client.get(url, params=params).json()
        found += [user["email"] for user in page["users"]]
        if page["next_page_start"] is None:
            return found
        params = {"next_page_start": page["next_page_start"]}


def delete_all_naively(client: Client, url: str) -> None:
    for email in list_emails(client, url):
        client.delete(url, headers={"Http-X-Email": email}).raise_for_status()


def delete_all_carefully(client: Client, url: str) -> None:
    for email in list_emails(client, url):
        response = client.delete(url, headers={"Http-X-Email": email})
        if response.status_code == 400 and email not in list_emails(client, url):
            continue
        response.raise_for_status()


def rename_all_naively(client: Client, url: str) -> None:
    failed = 0
    for email in list_emails(client, url):
        response = client.put(url, headers={"Http-X-Email": email}, json={"last_name": "Bing"})
        failed += response.status_code != 200
    if failed:
        raise RuntimeError(f"{failed} users could not be renamed")


def rename_all_carefully(client: Client, url: str) -> None:
    done: list[str] = []
    for email in list_emails(client, url):
        response = client.put(url, headers={"Http-X-Email": email}, json={"last_name": "Bing"})
        if response.status_code == 403:
            raise KeyRefused(f"the key was refused after {', '.join(done)}")
        response.raise_for_status()
        done.append(email)


def create_naively(client: Client, url: str) -> None:
    try:
        response = client.post(url, json=NEW_JOEY)
    except CLIENT_ERRORS:
        response = client.post(url, json=NEW_JOEY)
    response.raise_for_status()


def create_carefully(client: Client, url: str) -> None:
    for _ in range(3):
        try:
            client.post(url, json=NEW_JOEY).raise_for_status()
        except (requests.ConnectionError, httpx.TransportError):
            if client.get(url, headers={"Http-X-Email": NEW_JOEY["email"]}).status_code != 200:
                continue
        return


@pytest.fixture(params=["requests", "httpx"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with requests.Session() if request.param == "requests" else httpx.Client() as client:
        yield client


def play(server: LiveServer, scenario: str, client: Client, act: Callable[[Client, str], None]) -> MockSite:
    """Let a client act in a scenario, and return the site."""
    site = server.site(scenario=scenario)
    client.headers.update(site.headers)
    try:
        act(client, f"{site.url}/api/v1/users")
        return site
    finally:
        site.remove()


def test_a_user_vanishes_between_two_pages(mockscope_server: LiveServer, client: Client) -> None:
    with pytest.raises(CLIENT_ERRORS, match="400"):
        play(mockscope_server, "user-vanishes", client, delete_all_naively)
    site = play(mockscope_server, "user-vanishes", client, delete_all_carefully)

    assert (dict(site.users), site.findings(), site.strict) == ({}, [], True)
    refused = [call for call in site.calls if call.status != 200]
    assert [(call.operation, call.email) for call in refused] == [("delete_user", "joey@example.com")]


def test_the_key_is_rotated_mid_run(mockscope_server: LiveServer, client: Client) -> None:
    with pytest.raises(RuntimeError, match="4 users could not be renamed"):
        play(mockscope_server, "key-rotated", client, rename_all_naively)
    with mockscope_server.site(scenario="key-rotated") as site:
        client.headers.update(site.headers)
        with pytest.raises(KeyRefused, match=r"^the key was refused after chandler@example\.com, joey@example\.com$"):
            rename_all_carefully(client, f"{site.url}/api/v1/users")

        renamed = [email for email, user in site.users.items() if user.last_name == "Bing"]
        assert (renamed, site.findings()) == (["chandler@example.com", "joey@example.com"], [])
        # The one refused call is among those that reached no site.
        assert [call.operation for call in site.calls] == ["list_users", "update_user", "update_user"]


def test_the_response_to_a_commit_is_lost(mockscope_server: LiveServer, client: Client) -> None:
    with pytest.raises(CLIENT_ERRORS, match="409"):
        play(mockscope_server, "lost-response", client, create_naively)
    site = play(mockscope_server, "lost-response", client, create_carefully)

    assert ([*site.users], site.findings()) == (["joey@example.com", "monica@example.com"], [])
    assert [(call.operation, call.status) for call in site.calls] == [("create_user", None), ("get_user", 200)]


def test_each_file_is_a_scenario_and_the_other_way_round() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(SCENARIOS)
    for scenario in SCENARIOS:
        site = Mockscope().site(scenario=scenario)
        assert (site.strict, len(site.faults), [finding.call for finding in site.findings()]) == (True, 1, [None])
