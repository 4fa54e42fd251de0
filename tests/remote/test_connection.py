"""mockscope.connect: the handle of a server of another process."""

from collections.abc import Iterator

import httpx
import pytest

import mockscope
from mockscope import LiveServer, MockSite, RemoteServer, RemoteSite, ServerAPI, SiteAPI


@pytest.fixture(scope="module")
def live() -> Iterator[LiveServer]:
    with mockscope.serve() as server:
        yield server


@pytest.fixture
def remote(live: LiveServer) -> Iterator[RemoteServer]:
    with mockscope.connect(live.url) as server:
        yield server


def test_both_kinds_of_servers_and_sites_satisfy_the_protocols(live: LiveServer, remote: RemoteServer) -> None:
    servers: list[ServerAPI] = [live, remote]
    local: MockSite = live.site()
    far: RemoteSite = remote.site()
    sites: list[SiteAPI] = [local, far]

    assert [server.url for server in servers] == [live.url] * 2
    assert [site.url for site in sites] == [live.url] * 2
    local.remove()


def test_a_site_that_a_connection_made_ends_with_it(live: LiveServer) -> None:
    with mockscope.connect(live.url) as server:
        site = server.site("example_site")
        assert (live.sites["example_site"].api_key, list(server.sites)) == (site.api_key, ["example_site"])
        httpx.get(f"{site.url}/api/v1/users", headers=site.headers, timeout=300)
        site.calls.assert_called("list_users", times=1)
    assert dict(live.sites) == {}
