"""A redirect beside mocks of HTTP clients: each handles its own requests."""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests
import responses
import respx
import vcr
from support.clients import Client, Options, through_every_client

from mockscope import LiveServer, MockSite, serve

VENDOR: Final = "https://app.periscopedata.com/api/v1/users"
ELSEWHERE: Final = "https://elsewhere.example/"


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with serve() as server:
        yield server


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site()


async def test_respx_responds_inside_a_redirect(server: LiveServer, site: MockSite) -> None:
    with server.redirect(), respx.mock:
        respx.get(ELSEWHERE).respond(204)
        # It looks at each request twice: as the client sends it, and as it goes out.
        respx.route(host="app.periscopedata.com").pass_through()
        respx.route(host="127.0.0.1").pass_through()
        async with httpx.AsyncClient() as client:
            responses = [httpx.get(ELSEWHERE), await client.get(ELSEWHERE)]
            led = [httpx.get(VENDOR, headers=site.headers), await client.get(VENDOR, headers=site.headers)]

    assert [response.status_code for response in (*responses, *led)] == [204, 204, 200, 200]
    assert len(site.calls) == 2


def test_responses_responds_inside_a_redirect(server: LiveServer, site: MockSite) -> None:
    with server.redirect(), responses.RequestsMock() as mocked:
        mocked.get(ELSEWHERE, status=204)
        mocked.add_passthru("https://app.periscopedata.com")

        assert requests.get(ELSEWHERE, timeout=300).status_code == 204
        assert requests.get(VENDOR, headers=site.headers, timeout=300).status_code == 200

    assert len(site.calls) == 1


@contextmanager
def cassette_inside(cassette: Any, server: LiveServer) -> Iterator[None]:
    with server.redirect(), cassette:
        yield


@contextmanager
def cassette_around(cassette: Any, server: LiveServer) -> Iterator[None]:
    with cassette, server.redirect():
        yield


@pytest.mark.parametrize("nested", [cassette_inside, cassette_around], ids=["inside", "around"])
@through_every_client
def test_a_vcr_cassette_has_the_vendor_s_url_and_replays_with_another_server(
    client: Client, nested: Callable[..., AbstractContextManager[None]], tmp_path: Path
) -> None:
    calls = []
    for record_mode in ("once", "none"):
        cassette = vcr.use_cassette(f"{tmp_path}/cassette.yaml", record_mode=record_mode)
        with serve() as server, server.site("example_site", "key") as site, nested(cassette, server):
            with client.open(Options()) as ask:
                assert ask("GET", VENDOR, site.headers, None).status == 200
            calls.append(len(site.calls))

    assert calls == [1, 0]
    assert f"uri: {VENDOR}\n" in (tmp_path / "cassette.yaml").read_text()


def test_a_temporary_first_meta_path_finder_removes_nothing_of_mockscope(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder(MetaPathFinder):
        def find_spec(self, *args: object) -> None:
            return None

    # As pyfakefs does around each report of a test.
    before, finder = [*sys.meta_path], Finder()
    monkeypatch.setattr(sys, "meta_path", [finder, *before])
    with server.redirect():
        assert sys.meta_path.pop(0) is finder
    assert sys.meta_path == before


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", None])
def test_the_mock_needs_no_ca_bundle(
    variable: str | None, server: LiveServer, site: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it is in a fake file system.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "missing.pem")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", "missing.pem")
    with server.redirect():
        assert requests.get(VENDOR, headers=site.headers, timeout=300).status_code == 200
        with pytest.raises(OSError, match="invalid path: absent"):
            requests.get(VENDOR, headers=site.headers, verify="absent.pem", timeout=300)
        with pytest.raises(OSError, match="invalid path: missing"):
            requests.get("https://elsewhere.example/", timeout=300)


@pytest.mark.parametrize("blocked", ["getaddrinfo", "socket"])
def test_blocked_sockets_are_explained_at_the_start_of_a_server(blocked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class SocketBlockedError(RuntimeError):
        """The error of pytest-socket."""

    def refuse(*args: object, **options: object) -> None:
        raise SocketBlockedError(f"A test tried to use socket.{blocked}.")

    server = serve()
    monkeypatch.setattr(socket, blocked, refuse)
    message = (
        f"mockscope can't open a port (A test tried to use socket.{blocked}.): start pytest with "
        "--allow-hosts=127.0.0.1 in place of --disable-socket"
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        server.start()
