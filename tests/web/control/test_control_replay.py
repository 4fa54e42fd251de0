"""Replays of calls over the control API."""

from collections.abc import Iterator

import httpx
import pytest
from support.control_client import path_of

from mockscope import LiveServer, MockSite

JOEY = {"Http-X-Email": "joey@example.com"}


@pytest.fixture
def control(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, verify=False, timeout=300) as client:
        yield client


@pytest.fixture
def site(server: LiveServer, control: httpx.Client) -> MockSite:
    """A site on which Joey's deletion failed."""
    site = server.site("example_site")
    site.add_user("joey@example.com")
    site.faults.add("delete_user", status=503, times=None)
    control.delete("/api/v1/users", headers=site.headers | JOEY)
    return site


def replay_path(site: MockSite, call: str) -> str:
    return f"{path_of(site.host)}/calls/{call}/replay"


def test_a_call_is_replayed_on_its_site_without_its_fault(control: httpx.Client, site: MockSite) -> None:
    first = site.calls.last
    response = control.post(replay_path(site, first.id), json={"on": "site"})

    assert [call.status for call in site.calls] == [503, 200]
    assert (response.status_code, response.json()) == (
        201,
        {"host": "example_site", "call": site.calls.last.as_dict()},
    )
    assert ("joey@example.com" in site.users, site.api_key in response.text) == (False, False)


def test_a_call_is_replayed_on_a_fork(control: httpx.Client, site: MockSite, server: LiveServer) -> None:
    site.faults.add_change("disable", before={"operation": "list_users"})
    response = control.post(replay_path(site, site.calls.last.id), json={"on": "fork"})

    [fork] = [each for each in server.sites.values() if each.host != "example_site"]
    assert (response.status_code, response.json()) == (201, {"host": fork.host, "call": fork.calls.last.as_dict()})
    assert ("joey@example.com" in site.users, "joey@example.com" in fork.users) == (True, False)
    assert [call.status for call in site.calls] == [503]
    # A change that nobody waits for would be a finding of the fork.
    assert (len(site.faults), len(fork.faults)) == (2, 0)


@pytest.mark.parametrize("where", ["site", "fork"])
def test_a_call_whose_body_was_cut_is_a_conflict(
    control: httpx.Client, site: MockSite, server: LiveServer, where: str
) -> None:
    control.put("/api/v1/users", headers=site.headers | JOEY, json={"last_name": "x" * 70_000})
    call = site.calls.last
    response = control.post(replay_path(site, call.id), json={"on": where})

    message = f"the call {call.id} cannot be repeated: its body was cut to 65536 bytes"
    assert (response.status_code, response.json()) == (409, {"message": message})
    assert (list(server.sites), len(site.calls)) == (["example_site"], 2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "on is missing"),
        ({"on": "sites"}, "on must be fork or site, not 'sites'"),
        ({"on": "site", "times": 2}, "there is no field times here; known: on, host"),
    ],
)
def test_a_wrong_body_is_refused(control: httpx.Client, site: MockSite, body: dict[str, object], message: str) -> None:
    response = control.post(replay_path(site, site.calls.last.id), json=body)
    assert (response.status_code, response.json()) == (400, {"message": message})
    assert len(site.calls) == 1


def test_an_unknown_call_is_not_found(control: httpx.Client, site: MockSite) -> None:
    response = control.post(replay_path(site, "call-9"), json={"on": "site"})
    message = "There is no call call-9 here. It was never received, or it was removed."
    assert (response.status_code, response.json()) == (404, {"message": message})
