"""Other doubles of clients may be at work at the same time: each answers what is its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests
import responses
import respx
import urllib3
import vcr

from mockscope import LiveServer, MockSite, serve
from mockscope.redirect import redirected

VENDOR: Final = "https://app.periscopedata.com/api/v1/users"
ELSEWHERE: Final = "https://elsewhere.example/"
redirects = pytest.mark.parametrize(
    "redirect",
    [lambda server: redirected(server.url), LiveServer.redirect],
    ids=["over loopback", "without a socket"],
)


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with serve() as server:
        yield server


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site()


@redirects
async def test_respx_answers_inside_a_redirect(redirect: Any, server: LiveServer, site: MockSite) -> None:
    with redirect(server), respx.mock:
        respx.get(ELSEWHERE).respond(204)
        # It looks at each request twice: as the client sends it, and as it goes out.
        respx.route(host="app.periscopedata.com").pass_through()
        respx.route(host="127.0.0.1").pass_through()
        async with httpx.AsyncClient() as client:
            answers = [httpx.get(ELSEWHERE), await client.get(ELSEWHERE)]
            led = [httpx.get(VENDOR, headers=site.headers), await client.get(VENDOR, headers=site.headers)]

    assert [answer.status_code for answer in (*answers, *led)] == [204, 204, 200, 200]
    assert len(site.calls) == 2


@redirects
def test_responses_answers_inside_a_redirect(redirect: Any, server: LiveServer, site: MockSite) -> None:
    with redirect(server), responses.RequestsMock() as mocked:
        mocked.get(ELSEWHERE, status=204)
        mocked.add_passthru("https://app.periscopedata.com")

        assert requests.get(ELSEWHERE, timeout=10).status_code == 204
        assert requests.get(VENDOR, headers=site.headers, timeout=10).status_code == 200

    assert len(site.calls) == 1


CLIENTS: Final[dict[str, Callable[[MockSite], int]]] = {
    "requests": lambda site: requests.get(VENDOR, headers=site.headers, timeout=10).status_code,
    "urllib3": lambda site: urllib3.request("GET", VENDOR, headers=site.headers).status,
    "httpx": lambda site: httpx.get(VENDOR, headers=site.headers).status_code,
}


@redirects
@pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS.keys())
def test_vcr_records_inside_a_redirect_and_plays_again(
    ask: Callable[[MockSite], int], redirect: Any, server: LiveServer, site: MockSite, tmp_path: Path
) -> None:
    for record_mode in ("once", "none"):
        with redirect(server), vcr.use_cassette(f"{tmp_path}/cassette.yaml", record_mode=record_mode) as cassette:
            assert ask(site) == 200
        assert len(cassette.requests) == 1

    assert len(site.calls) == 1
