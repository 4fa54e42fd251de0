"""The server without httptools, without uvloop, and without both: over h11, and over asyncio's own loop."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator

import pytest
import requests
from support.bounds import WAIT_SECONDS
from support.messages import PLAIN_HTTP_PORT
from support.wire import Wire, head, message

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.instruments.fault import Transport
from mockscope.server.protocol import H11ServerProtocol, HttpToolsServerProtocol, protocol_class

JOEY = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "invited_by_email": "admin@example.com",
}
BODY = json.dumps(JOEY).encode()
VARIANTS = [
    pytest.param((), id="httptools and uvloop"),
    pytest.param(("uvloop",), id="httptools and asyncio"),
    pytest.param(("httptools",), id="h11 and uvloop"),
    pytest.param(("httptools", "uvloop"), id="h11 and asyncio"),
]


@pytest.fixture(params=VARIANTS)
def missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The packages that cannot be imported while the test runs."""
    names: tuple[str, ...] = request.param
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)
    return names


@pytest.fixture
def site(missing: tuple[str, ...]) -> Iterator[MockSite]:
    with mockscope.serve() as server:
        yield server.site()


@pytest.fixture
def wire(site: MockSite) -> Iterator[Wire]:
    with Wire(site.url) as connection:
        yield connection


def test_the_installed_parser_and_event_loop_are_used(missing: tuple[str, ...]) -> None:
    assert protocol_class() is (H11ServerProtocol if "httptools" in missing else HttpToolsServerProtocol)
    loops: list[str] = []
    server = LiveServer()
    server.observers.append(lambda call: loops.append(type(asyncio.get_running_loop()).__module__))
    with server:
        requests.get(f"{server.url}/api/v1/users", timeout=WAIT_SECONDS)
    assert [name.partition(".")[0] for name in loops] == ["asyncio" if "uvloop" in missing else "uvloop"]


def test_pipelined_responses_come_in_the_order_of_their_requests(site: MockSite, wire: Wire) -> None:
    joey = {**site.headers, "Http-X-Email": "joey@example.com"}
    create = message("POST", "/api/v1/users", BODY, site.headers)
    wire.send(create + head("GET", "/api/v1/users", joey) + head("DELETE", "/api/v1/users", joey) + create)

    assert [wire.response().status for _ in range(4)] == [201, 200, 200, 201]
    assert [call.status for call in site.calls] == [201, 200, 200, 201]


def test_a_request_in_pieces_gets_a_response(site: MockSite, wire: Wire) -> None:
    sent = message("POST", "/api/v1/users", BODY, site.headers)
    for start in range(0, len(sent), 50):
        wire.send(sent[start : start + 50])

    assert wire.response().json()["email"] == "joey@example.com"


def test_a_request_that_is_not_http_is_400_in_json(site: MockSite, wire: Wire) -> None:
    wire.send(head("GET", "/api/v1/groups", site.headers) + b"hello\r\n\r\n")

    assert wire.response().status == 200
    response = wire.response()
    assert (response.status, response.json()) == (400, {"message": "Invalid HTTP request received."})
    assert wire.rest() == b""


def test_tls_on_a_port_for_plain_http_is_explained(wire: Wire) -> None:
    wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))

    response = wire.response()
    assert (response.status, response.json()) == (400, {"message": PLAIN_HTTP_PORT})
    assert wire.rest() == b""


def test_connection_close_closes_the_connection(site: MockSite, wire: Wire) -> None:
    wire.send(head("GET", "/api/v1/groups", site.headers, {"Connection": "close"}))

    assert wire.response().status == 200
    assert wire.rest() == b""


def test_a_response_to_an_unsent_body_closes_the_connection(site: MockSite, wire: Wire) -> None:
    wire.send(head("POST", "/api/v1/users", {"Content-Length": "100", "Expect": "100-continue"}))

    response = wire.response()
    assert (response.status, response.headers["connection"]) == (403, "close")
    assert wire.rest() == b""


@pytest.mark.parametrize("path", ["/_mockscope/v1/sites", "/openapi.yaml"])
def test_a_client_that_closes_its_own_side_gets_a_slow_response(site: MockSite, wire: Wire, path: str) -> None:
    wire.send(head("GET", path))
    wire.socket.shutdown(socket.SHUT_WR)

    response = wire.response()
    assert (response.status, len(response.body)) == (200, int(response.headers["content-length"]))
    assert wire.rest() == b""


@pytest.mark.parametrize("whole", [1, 2])
@pytest.mark.parametrize("cut", [b"", b"GET / HTTP/1.1"])
def test_a_client_that_closes_its_own_side_gets_a_delayed_response(
    site: MockSite, wire: Wire, whole: int, cut: bytes
) -> None:
    site.clock.freeze()
    site.faults.add("list_groups", delay=60)
    wire.send(head("GET", "/api/v1/groups", site.headers) * whole + cut)
    wire.socket.shutdown(socket.SHUT_WR)
    # The server has seen the end before this one.
    with Wire(site.url) as other:
        other.send(head("GET", "/api/v1/users", site.headers))
        assert other.response().status == 200

    site.clock.shift(seconds=60)
    assert [wire.response().status for _ in range(whole)] == [200] * whole
    assert wire.rest() == b""


def test_a_hanging_request_ends_when_the_client_closes_its_own_side(site: MockSite, wire: Wire) -> None:
    site.faults.add("list_groups", transport="hang")
    wire.send(head("GET", "/api/v1/groups", site.headers))
    wire.socket.shutdown(socket.SHUT_WR)

    assert wire.rest() == b""
    assert [call.status for call in site.calls] == [None]


@pytest.mark.parametrize("transport", ["reset", "drop", "hang"])
def test_planned_faults_break_the_connection(site: MockSite, wire: Wire, transport: Transport) -> None:
    fault = site.faults.add("list_groups", transport=transport)
    wire.send(head("GET", "/api/v1/groups", site.headers))
    if transport == "hang":
        with Wire(site.url) as other:
            other.send(head("GET", "/api/v1/users", site.headers))
            assert other.response().status == 200
        site.reset()

    assert wire.is_over()
    assert fault.hits == 1


def test_a_disconnected_client_leaves_no_task(site: MockSite) -> None:
    for _ in range(3):
        with Wire(site.url) as leaving:
            leaving.send(message("POST", "/api/v1/users", BODY, site.headers)[:-5])
            leaving.socket.shutdown(socket.SHUT_RDWR)

    with Wire(site.url) as staying:
        staying.send(head("GET", "/api/v1/users", site.headers))
        assert staying.response().json()["total_users"] == 1
