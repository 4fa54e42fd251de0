"""Copies of calls over the control API."""

from collections.abc import Iterator

import httpx
import pytest
from support.control_client import BASE, DEMO, path_of

from mockscope import LiveServer, MockSite, serve

JOEY = {"Http-X-Email": "joey@example.com"}


@pytest.fixture(scope="module")
def live() -> Iterator[LiveServer]:
    with serve(DEMO) as live:
        yield live


@pytest.fixture(scope="module")
def control(live: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url, verify=False, timeout=300) as client:
        yield client


@pytest.fixture(scope="module")
def site(live: LiveServer, control: httpx.Client) -> MockSite:
    """A site that read Joey once, and got a body once that is too large to be kept."""
    site = live.sites["example_site"]
    control.get("/api/v1/users", headers=site.headers | JOEY)
    control.put("/api/v1/users", headers=site.headers | JOEY, json={"last_name": "x" * 70_000})
    return site


def copy(
    control: httpx.Client, site: MockSite, query: dict[str, str] | None = None, *, place: int = 0
) -> tuple[int, dict[str, str]]:
    response = control.get(f"{path_of(site.host)}/calls/{site.calls[place].id}/copy", params=query)
    return response.status_code, response.json()


def test_a_copy_is_that_of_the_call_in_python(control: httpx.Client, site: MockSite) -> None:
    call, elsewhere = site.calls[0], "http://mockscope:8765"

    assert copy(control, site) == (200, {"text": call.as_curl()})
    assert copy(control, site, {"format": "httpx"}) == (200, {"text": call.as_httpx()})
    assert copy(control, site, {"format": "pytest"}) == (200, {"text": call.as_pytest()})
    for form, expected in (
        ("curl", call.as_curl(include_key=True, url=elsewhere)),
        ("httpx", call.as_httpx(include_key=True, url=elsewhere)),
        # A test has a site of its own.
        ("pytest", call.as_pytest()),
    ):
        query = {"format": form, "include_key": "true", "url": elsewhere}
        assert copy(control, site, query) == (200, {"text": expected})


def test_a_call_that_reached_no_site_is_copied(control: httpx.Client, live: LiveServer) -> None:
    control.get("/api/v1/users")
    call = live.calls.last
    path = f"{BASE}/calls/{call.id}/copy"

    assert control.get(path).json() == {"text": call.as_curl()}
    response = control.get(path, params={"format": "pytest"})
    assert (response.status_code, response.json()) == (
        400,
        {"message": f"the call {call.id} reached no site: there are no records to test it with"},
    )


def test_a_call_whose_body_was_cut_is_a_conflict(control: httpx.Client, site: MockSite) -> None:
    message = f"the call {site.calls[1].id} cannot be repeated: its body was cut to 65536 bytes"
    assert copy(control, site, place=1) == (409, {"message": message})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"format": "perl"}, "format must be curl or httpx or pytest, not 'perl'"),
        ({"include_key": "yes"}, "include_key must be true or false, not 'yes'"),
        ({"url": "mockscope:8765"}, "url must be the URL of a server, such as site.url, not 'mockscope:8765'"),
        ({"urll": "x"}, "there is no field urll here; did you mean url?"),
    ],
)
def test_a_wrong_query_is_refused(control: httpx.Client, site: MockSite, query: dict[str, str], message: str) -> None:
    assert copy(control, site, query) == (400, {"message": message})
