"""mockscope.connect: what it checks at once, what cannot travel, and the sites that a connection leaves."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

import mockscope
from mockscope import LiveServer, MockSite, RemoteServer, RemoteServerError, RemoteSite, ServerAPI, SiteAPI

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def live() -> Iterator[LiveServer]:
    with mockscope.serve() as server:
        yield server


@pytest.fixture
def remote(live: LiveServer) -> Iterator[RemoteServer]:
    with mockscope.connect(live.url) as server:
        yield server


def refusal(url: str, token: str | None = None, **options: Any) -> str:
    with pytest.raises(RemoteServerError) as caught:
        mockscope.connect(url, token, **options)
    error = caught.value
    # Nothing of urllib3 is in the trace that a user sees.
    assert (error.__cause__, error.__suppress_context__ or error.__context__ is None) == (None, True)
    assert error.url == url.rstrip("/")
    return str(caught.value).removeprefix(f"the mockscope server at {caught.value.url}: ")


def test_both_kinds_of_servers_and_sites_satisfy_the_protocols(live: LiveServer, remote: RemoteServer) -> None:
    servers: list[ServerAPI] = [live, remote]
    local: MockSite = live.site()
    far: RemoteSite = remote.site()
    sites: list[SiteAPI] = [local, far]

    assert [server.url for server in servers] == [live.url] * 2
    assert [site.url for site in sites] == [live.url] * 2
    local.remove()


# -- connecting ------------------------------------------------------------------------------------------------


def test_a_server_that_does_not_listen_is_an_error_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert refusal(f"http://127.0.0.1:{port}") == "connection refused: no server listens there"


def test_a_token_is_checked_at_once() -> None:
    with mockscope.serve(control_token=TOKEN) as server:
        assert refusal(server.url).startswith("The control API requires the header Authorization: Bearer <token>.")
        assert refusal(server.url, "wrong").startswith("The token is not that of this server: use")
        with mockscope.connect(server.url, TOKEN) as remote, remote.site() as site:
            assert (remote.control_token, TOKEN in remote.redactor(TOKEN)) == (TOKEN, False)
            assert remote.inspector_url == server.inspector_url
            assert site.host in server.sites
    with mockscope.serve(control=False) as server:
        assert refusal(server.url) == (
            "it has no control API here: The control API of this server is switched off (--no-control, control=False)."
        )


def test_a_server_of_another_version_is_refused(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockscope.remote.control_client.__version__", "9.9")

    assert refusal(live.url) == f"its version is {mockscope.__version__}, and this one is 9.9: use the same"


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"not found"), (404, b'{"detail": "no"}')])
def test_a_server_that_is_not_a_mockscope_is_refused(status: int, body: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as other:
        thread = Thread(target=other.serve_forever)
        thread.start()
        try:
            assert refusal(f"http://127.0.0.1:{other.server_port}") == "what answers there is not a mockscope server"
        finally:
            other.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "localhost:8765"}, "is not the URL of a server"),
        ({"url": "http://127.0.0.1:8765/api/v1/users"}, "must end before /api/v1"),
        ({"url": "http://127.0.0.1:8765", "token": "a b"}, "the token must be visible ASCII"),
        ({"url": "http://127.0.0.1:8765", "ca_file": "ca.pem"}, "ca_file is for https"),
        ({"url": "https://127.0.0.1:8765", "ca_file": "no-such.pem"}, "cannot read certificates from no-such.pem"),
        ({"url": 5}, "url must be text, not 5"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mockscope.connect(**arguments)


def test_a_server_with_tls_needs_its_certificate() -> None:
    with mockscope.serve(tls=True) as server:
        assert refusal(server.url).startswith("certificate verification failed: ")
        assert refusal(server.url).endswith("; use ca_file to trust other certificates")
        with mockscope.connect(server.url, ca_file=server.ca_file) as remote, remote.site() as site:
            assert len(site.users) == 1


def test_the_url_may_have_a_slash_a_path_and_an_address_of_ipv6(live: LiveServer) -> None:
    with mockscope.connect(f"{live.url}/") as remote, remote.site() as site:
        assert (remote.url, site.url) == (live.url, live.url)
    assert refusal(f"{live.url}/billing") == "it has no /_mockscope/v1 here: does its URL have another path?"
    with mockscope.serve(host="::1") as server, mockscope.connect(server.url) as remote:
        assert remote.url.startswith("http://[::1]:")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_has_sockets_of_its_own() -> None:
    clients = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            clients.add(self.client_address)
            content = json.dumps({"version": mockscope.__version__, "sites": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as stub:
        Thread(target=stub.serve_forever, daemon=True).start()
        connected = mockscope.connect(f"http://127.0.0.1:{stub.server_port}")
        if (child := os.fork()) == 0:
            os._exit(len(connected.sites))
        status = os.waitpid(child, 0)[1]
        assert (status, connected.sites, len(clients)) == (0, {}, 2)
        connected.close()
        stub.shutdown()


# -- what ends -------------------------------------------------------------------------------------------------


def test_the_sites_of_a_connection_end_with_it(live: LiveServer) -> None:
    other = live.site("of-the-process")
    with mockscope.connect(live.url) as server:
        site = server.site("of-the-connection")
        site.fork("its-fork")
        assert {*server.sites} == {"of-the-process", "of-the-connection", "its-fork"}
        assert live.sites["its-fork"].temporary
    assert [*live.sites] == ["of-the-process"]
    other.remove()
    with pytest.raises(RemoteServerError, match="the connection was closed"):
        _ = server.sites
    assert repr(site) == "<RemoteSite of-the-connection: the connection was closed>"
    server.close()


def test_a_connection_fails_on_the_findings_of_its_strict_sites(live: LiveServer) -> None:
    with pytest.raises(AssertionError, match=r"^strict mode, example_site:"), mockscope.connect(live.url) as server:
        server.site("example_site", strict=True).faults.add("list_users", status=503)
    assert dict(live.sites) == {}


def test_a_server_that_stops_is_one_clear_error() -> None:
    server = mockscope.serve().start()
    with pytest.raises(RemoteServerError) as caught, mockscope.connect(server.url) as remote:  # noqa: PT012
        site = remote.site()
        url = server.url
        server.stop()
        site.add_user("joey@example.com")
    assert str(caught.value).startswith(f"the mockscope server at {url}: ")
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


def test_sites_that_a_killed_run_left_are_removed_on_demand(live: LiveServer, remote: RemoteServer) -> None:
    killed = mockscope.connect(live.url)
    left, used, own = killed.site("left"), killed.site("used"), remote.site("own")
    of_the_process = live.site("of-the-process")
    for host in ("left", "used", "own", "of-the-process"):
        live.sites[host].calls.last_used -= 4000
    # Not by the handle, which asks the control API for the key.
    httpx.get(f"{live.url}/api/v1/users", headers=live.sites["used"].headers, timeout=300)

    assert (remote.remove_stale_sites(), {*live.sites}) == (["left"], {"used", "own", "of-the-process"})
    # A request of the control API about a site is a use too.
    live.sites["used"].calls.last_used -= 4000
    assert (len(used.users), remote.remove_stale_sites()) == (1, [])
    assert remote.remove_stale_sites(older_than=0) == ["used"]
    with pytest.raises(LookupError, match="There is no site left"):
        _ = left.label
    assert repr(left).startswith("<RemoteSite left: There is no site left;")
    left.remove()
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"^older_than is a number of seconds from 0 on, not {seconds}$"):
            remote.remove_stale_sites(seconds)
    own.remove()
    of_the_process.remove()
    killed.close()


# -- what cannot travel ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["app", "transport", "adapter", "observers"])
def test_members_of_the_process_of_the_server_are_named(remote: RemoteServer, name: str) -> None:
    with pytest.raises(AttributeError, match=f"^{name} is for a server of this process: the one at http"):
        getattr(remote, name)
    with pytest.raises(AttributeError, match=r"^'RemoteServer' object has no attribute 'sties'$"):
        _ = remote.sties


FUNCTIONS: list[Callable[[RemoteSite], object]] = [
    lambda site: site.faults.add("list_users", action=lambda call, response: None),
    lambda site: site.faults.add("list_users", status=503, where=lambda call: True),
    lambda site: site.faults.add("list_users", status=503, where={"json": object()}),
    lambda site: site.faults.add("list_users", status=503, body=b"\xff"),
]


def test_functions_and_objects_are_refused_in_words(remote: RemoteServer) -> None:
    with remote.site() as site:
        messages = []
        for plan in FUNCTIONS:
            with pytest.raises(ValueError, match="to a server elsewhere") as caught:
                plan(site)
            messages.append(str(caught.value).partition(":")[0])
        assert messages == [
            "a function cannot be sent to a server elsewhere",
            "a function cannot be sent to a server elsewhere",
            "where and body of a fault are sent to a server elsewhere as JSON",
            "where and body of a fault are sent to a server elsewhere as JSON",
        ]
        assert len(site.faults) == 0


def test_a_function_of_the_process_is_shown_and_stays_there(live: LiveServer, remote: RemoteServer) -> None:
    with live.site("example_site") as site:
        site.faults.add("list_users", action=lambda call, response: None, where=lambda call: True)
        assert [str(fault) for fault in remote.sites["example_site"].faults] == [
            "fault-1: action for list_users where ..., 1 time; hit 0 of 0 calls"
        ]
