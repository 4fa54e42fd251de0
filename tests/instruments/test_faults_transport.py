"""Transport faults as real clients see them. They leave a healthy server and a quiet log."""

import asyncio
import http.client
import json
import logging
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import Any, Final, NamedTuple

import aiohttp
import httpx
import httpx2
import pytest
import requests
from support.bounds import WAIT_SECONDS, until
from support.faults_document import row_of

import mockscope as package
from mockscope import MockSite, Operation
from mockscope.instruments.fault import TRANSPORTS

# A client waits so long for a response that never comes: long enough for its request to arrive on a busy machine.
HANG_PATIENCE: Final = 1.0
USERS: Final = "/api/v1/users"
PAGE_KEY: Final = "example-site:e179017a-62b0-4996-8a38-e91aa9f1"


class PlannedRequest(NamedTuple):
    """A request: method, URL, headers, body as JSON."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any = None

    @property
    def data(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body).encode()

    @property
    def full_headers(self) -> dict[str, str]:
        return {**self.headers, **({} if self.body is None else {"Content-Type": "application/json"})}


# -- clients: each sends the requests over one connection, if it keeps one, and reads the last response ------------


def with_requests(planned: Sequence[PlannedRequest], patience: float) -> None:
    with requests.Session() as session:
        for method, url, headers, body in planned:
            response = session.request(method, url, headers=dict(headers), json=body, timeout=patience)
        response.json()


def with_httpx(planned: Sequence[PlannedRequest], patience: float) -> None:
    with httpx.Client(timeout=patience, verify=False) as client:
        for method, url, headers, body in planned:
            response = client.request(method, url, headers=headers, json=body)
        response.json()


def with_httpx_async(planned: Sequence[PlannedRequest], patience: float) -> None:
    async def send_request() -> None:
        async with httpx.AsyncClient(timeout=patience, verify=False) as client:
            for method, url, headers, body in planned:
                response = await client.request(method, url, headers=headers, json=body)
            response.json()

    asyncio.run(send_request())


def with_httpx2(planned: Sequence[PlannedRequest], patience: float) -> None:
    with httpx2.Client(timeout=patience, verify=False) as client:
        for method, url, headers, body in planned:
            response = client.request(method, url, headers=headers, json=body)
        response.json()


def with_httpx2_async(planned: Sequence[PlannedRequest], patience: float) -> None:
    async def send_request() -> None:
        async with httpx2.AsyncClient(timeout=patience, verify=False) as client:
            for method, url, headers, body in planned:
                response = await client.request(method, url, headers=headers, json=body)
            response.json()

    asyncio.run(send_request())


def with_aiohttp(planned: Sequence[PlannedRequest], patience: float) -> None:
    async def send_request() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session:
            for method, url, headers, body in planned:
                async with session.request(method, url, headers=headers, json=body) as response:
                    await response.json()

    asyncio.run(send_request())


def with_urllib(planned: Sequence[PlannedRequest], patience: float) -> None:
    for row in planned:
        request = urllib.request.Request(row.url, data=row.data, headers=row.full_headers, method=row.method)
        with urllib.request.urlopen(request, timeout=patience) as response:
            json.loads(response.read())


def with_http_client(planned: Sequence[PlannedRequest], patience: float) -> None:
    parts = urllib.parse.urlsplit(planned[0].url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=patience)
    try:
        for request in planned:
            connection.request(
                request.method, urllib.parse.urlsplit(request.url).path, request.data, request.full_headers
            )
            json.loads(connection.getresponse().read())
    finally:
        connection.close()


class Exit(Exception):
    """An exit status of curl."""


def with_curl(planned: Sequence[PlannedRequest], patience: float) -> None:
    command = ["curl"]
    for request in planned:
        command += ["--next"] * (len(command) > 1) + [
            "--silent",
            "--max-time",
            str(patience),
            "--request",
            request.method,
        ]
        command += [part for name, value in request.full_headers.items() for part in ("--header", f"{name}: {value}")]
        command += [] if request.body is None else ["--data-binary", json.dumps(request.body)]
        command += [request.url]
    done = subprocess.run(command, capture_output=True, timeout=WAIT_SECONDS, check=False)
    if done.returncode:
        raise Exit(done.returncode)


Client = Callable[[Sequence[PlannedRequest], float], None]

CLIENTS: Final[Mapping[str, tuple[Client, ...]]] = {
    "requests": (with_requests,),
    "httpx": (with_httpx, with_httpx_async),
    "httpx2": (with_httpx2, with_httpx2_async),
    "aiohttp": (with_aiohttp,),
    "urllib": (with_urllib,),
    "http.client": (with_http_client,),
    "curl": (with_curl,),
}


def outcome(client: Client, planned: Sequence[PlannedRequest], *, hangs: bool = False) -> str:
    """Return the name of the error that a client raises, or the exit status of curl."""
    try:
        client(planned, HANG_PATIENCE if hangs else WAIT_SECONDS)
    except Exit as ended:
        return str(ended)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return type(error).__name__
    return "0" if client is with_curl else "an answer"


def needed(client: str) -> list[pytest.MarkDecorator]:
    missing = client == "curl" and shutil.which("curl") is None
    return [pytest.mark.skip(reason="curl is not installed")] if missing else []


EVERY_CLIENT: Final = [
    pytest.param(name, client, id=client.__name__, marks=needed(name))
    for name, clients in CLIENTS.items()
    for client in clients
]


# -- the site, and requests to it ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Assert that the server logs no planned failure."""
    yield
    noise = [record for record in caplog.get_records("call") if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in noise] == []


def person(name: str) -> dict[str, str]:
    return {
        "first_name": name.title(),
        "last_name": "Tribbiani",
        "email": f"{name}@example.com",
        "invited_by_email": "admin@example.com",
    }


def request_for(site: MockSite, method: str, name: str = "joey") -> PlannedRequest:
    """Return a request of a method: for all users, or for one."""
    url = f"{site.url}{USERS}"
    match method:
        case "GET":
            return PlannedRequest(method, url, site.headers)
        case "POST":
            return PlannedRequest(method, url, site.headers, person(name))
        case "PUT":
            return PlannedRequest(
                method, url, {**site.headers, "Http-X-Email": f"{name}@example.com"}, {"last_name": "Bing"}
            )
        case _:
            return PlannedRequest(method, url, {**site.headers, "Http-X-Email": f"{name}@example.com"})


OPERATIONS: Final[dict[str, Operation]] = {
    "GET": "list_users",
    "POST": "create_user",
    "PUT": "update_user",
    "DELETE": "delete_user",
}


def is_healthy(site: MockSite) -> bool:
    response = requests.get(f"{site.url}{USERS}", headers=site.headers, timeout=WAIT_SECONDS)
    return (response.status_code, response.json()["total_users"]) == (200, len(site.users))


# -- behaviour of each client --------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_commit", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("name", "client"), EVERY_CLIENT)
def test_each_client_reports_a_transport_fault_as_documented(
    mockscope: MockSite, name: str, client: Client, transport: Any, *, after_commit: bool
) -> None:
    fault = mockscope.faults.add("create_user", transport=transport, after_commit=after_commit)
    with requests.Session() as another:
        another.get(f"{mockscope.url}{USERS}", headers=mockscope.headers, timeout=WAIT_SECONDS)
        seen = outcome(client, [request_for(mockscope, "POST")], hangs=transport == "hang")
        again = another.post(
            f"{mockscope.url}{USERS}", headers=mockscope.headers, json=person("joey"), timeout=WAIT_SECONDS
        )

    assert seen == row_of(name, "Broken connections", first=1)[TRANSPORTS.index(transport)]
    status = {"truncate": 201, "bad_json": 201}.get(transport)
    # The retry shows whether the user was created.
    assert again.status_code == (409 if after_commit or status else 201)
    assert [(call.operation, call.status, call.fault) for call in mockscope.calls] == [
        ("list_users", 200, None),
        ("create_user", status, fault.id),
        ("create_user", again.status_code, None),
    ]
    assert (fault.hits, fault.left, is_healthy(mockscope)) == (1, 0, True)


METHODS: Final = (("GET", "PUT", "DELETE"), ("POST",))


@pytest.mark.parametrize("transport", ["reset", "drop"])
@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
@pytest.mark.parametrize(("name", "client"), EVERY_CLIENT)
def test_some_clients_retry_by_themselves(
    mockscope: MockSite, name: str, client: Client, transport: Any, *, kept: bool
) -> None:
    documented = row_of(name, "Clients that retry")
    for place, methods in enumerate(METHODS):
        for method in methods:
            mockscope.reset()
            for email in ("joey@example.com", "monica@example.com") * (method != "POST"):
                mockscope.add_user(email)
            planned = [request_for(mockscope, method, "monica")] * kept + [request_for(mockscope, method)]
            fault = mockscope.faults.add(OPERATIONS[method], transport=transport, nth=len(planned))

            seen = outcome(client, planned)
            repeated = len(mockscope.calls) - len(planned)
            assert (repeated, seen in ("an answer", "0")) == ((1, True) if repeated else (0, False))
            assert documented[2 * kept + place] == ("retries" if repeated else "gives up")
            assert [call.fault for call in mockscope.calls][kept:] == [fault.id] + [None] * repeated


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_request_without_a_body_is_broken_the_same_way_on_a_kept_connection(
    mockscope: MockSite, transport: Any
) -> None:
    mockscope.faults.add("list_users", transport=transport, nth=2)
    seen = outcome(with_http_client, [request_for(mockscope, "GET")] * 2, hangs=transport == "hang")
    assert seen == row_of("http.client", "Broken connections", first=1)[TRANSPORTS.index(transport)]
    assert is_healthy(mockscope)


def test_a_truncated_read_is_its_own_response(mockscope: MockSite) -> None:
    whole = requests.get(f"{mockscope.url}{USERS}", headers=mockscope.headers, timeout=WAIT_SECONDS).content
    mockscope.faults.add("list_users", transport="bad_json")
    mockscope.faults.add("list_users", transport="bad_json", after_bytes=5)
    mockscope.faults.add("list_users", transport="bad_json", after_bytes=10**6)
    parts = [
        requests.get(f"{mockscope.url}{USERS}", headers=mockscope.headers, timeout=WAIT_SECONDS).content
        for _ in range(3)
    ]
    assert parts == [whole[: len(whole) // 2], whole[:5], whole[:-1]]
    assert mockscope.calls.last.response == whole[:-1]


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize(("method", "status"), [("POST", 201), ("PUT", 200), ("DELETE", 200)])
def test_a_truncated_write_is_carried_out(mockscope: MockSite, method: str, status: int, *, after_commit: bool) -> None:
    site = mockscope.fork()
    ends = (site, mockscope)
    for end in ends:
        if method != "POST":
            end.add_user("joey@example.com")
    mockscope.faults.add(OPERATIONS[method], transport="bad_json", after_bytes=12, after_commit=after_commit)

    whole, cut = (
        requests.request(planned.method, planned.url, headers=planned.headers, json=planned.body, timeout=WAIT_SECONDS)
        for planned in (request_for(end, method) for end in ends)
    )

    assert (whole.status_code, cut.status_code, cut.content) == (status, status, whole.content[:12])
    assert mockscope.export()["sites"][0]["users"] == site.export()["sites"][0]["users"]
    assert mockscope.faults.unused() == []


def test_a_delayed_truncated_write_is_carried_out_when_it_is_due(mockscope: MockSite) -> None:
    mockscope.clock.freeze()
    mockscope.faults.add("create_user", transport="bad_json", delay=60)
    create = request_for(mockscope, "POST")
    with ThreadPoolExecutor(1) as pool:
        response = pool.submit(
            requests.post, create.url, headers=create.headers, json=create.body, timeout=WAIT_SECONDS
        )
        until(lambda: len(mockscope.calls) == 1 and mockscope.calls[0].is_delayed)
        assert "joey@example.com" not in mockscope.users
        mockscope.clock.shift(seconds=60)
        assert response.result(WAIT_SECONDS).status_code == 201
    assert "joey@example.com" in mockscope.users


def test_a_truncated_write_with_a_status_writes_nothing(mockscope: MockSite) -> None:
    mockscope.faults.add("create_user", transport="bad_json", status=502, body="Bad Gateway", after_bytes=3)
    planned = request_for(mockscope, "POST")
    response = requests.post(planned.url, headers=planned.headers, json=planned.body, timeout=WAIT_SECONDS)
    assert (response.status_code, response.text) == (502, "Bad")
    assert "joey@example.com" not in mockscope.users


def test_the_refusal_of_a_read_is_truncated(mockscope: MockSite) -> None:
    def send_request() -> requests.Response:
        named = {**mockscope.headers, "Http-X-Email": "joey@example.com"}
        return requests.get(f"{mockscope.url}{USERS}", headers=named, timeout=WAIT_SECONDS)

    whole = send_request()
    cut = mockscope.faults.add("get_user", transport="bad_json")
    torn = mockscope.faults.add("get_user", transport="truncate")
    response = send_request()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        send_request()
    part = whole.content[: len(whole.content) // 2]
    assert (response.status_code, response.content, response.headers.get("X-Mockscope-Hint")) == (400, part, None)
    assert [(call.status, call.rule, call.fault, call.response) for call in mockscope.calls] == [
        (400, "USER-GET-1", None, whole.content),
        (400, "USER-GET-1", cut.id, part),
        (400, "USER-GET-1", torn.id, part),
    ]
    assert mockscope.findings() == []


# -- byte by byte --------------------------------------------------------------------------------------------------


class Wire:
    """A connection on which a test sends every byte itself."""

    def __init__(self, site: MockSite) -> None:
        self._site = site
        parts = urllib.parse.urlsplit(site.url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=WAIT_SECONDS)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def send(self, line: str, *headers: str, body: bytes = b"") -> None:
        lines = [line, "Host: localhost", *(f"{name}: {value}" for name, value in self._site.headers.items()), *headers]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def send_more(self, body: bytes) -> None:
        self._socket.sendall(body)

    def some(self) -> bytes:
        return self._socket.recv(65536)

    def rest(self) -> bytes:
        """Return all bytes up to the end. A reset raises."""
        parts: list[bytes] = []
        while part := self.some():
            parts.append(part)
        return b"".join(parts)


@pytest.fixture
def wire(mockscope: MockSite) -> Iterator[Wire]:
    with Wire(mockscope) as wire:
        yield wire


GET: Final = f"GET {USERS} HTTP/1.1"
HEAD: Final = re.compile(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(.*)\r\n\r\n(.*)", re.DOTALL)


def test_a_truncated_response_has_the_headers_of_the_whole_one(mockscope: MockSite, wire: Wire) -> None:
    mockscope.faults.add(
        "list_users", transport="truncate", status=502, body="Bad Gateway", headers={"Server": "nginx"}
    )
    wire.send(GET)
    match = HEAD.fullmatch(wire.rest())
    assert match is not None
    head = match[2].decode().splitlines()
    assert (match[1], match[3]) == (b"502", b"Bad G")
    assert {"content-length: 11", "server: nginx", f"x-request-id: {mockscope.calls.last.id}"} <= set(head)
    assert (mockscope.calls.last.status, mockscope.calls.last.response) == (502, b"Bad G")


@pytest.mark.parametrize(
    "head",
    [
        (f"GET {USERS} HTTP/1.0",),
        (GET, "Connection: close"),
        (GET, "Content-Length: 2"),
        (f"HEAD {USERS} HTTP/1.1",),
    ],
    ids=["HTTP/1.0", "Connection: close", "with a body", "HEAD"],
)
@pytest.mark.parametrize(
    ("transport", "seen"),
    [("drop", b""), ("truncate", b"HTTP/1.1 200 OK"), ("garbage", b"\x16\x03\x01 this is not")],
)
def test_a_truncated_response_closes_the_connection_despite_keep_alive(
    mockscope: MockSite, wire: Wire, head: Sequence[str], transport: Any, seen: bytes
) -> None:
    mockscope.faults.add("list_users", transport=transport)
    wire.send(*head, body=b"{}" if "Content-Length: 2" in head else b"")
    # A response to HEAD has no body to cut: no byte of it is sent.
    assert wire.rest()[:15] == (b"" if head[0].startswith("HEAD") and transport == "truncate" else seen)
    assert is_healthy(mockscope)


@pytest.mark.parametrize("transport", ["reset", "drop"])
def test_a_body_is_read_before_the_connection_is_broken(mockscope: MockSite, wire: Wire, transport: Any) -> None:
    mockscope.faults.add("create_user", transport=transport)
    body = json.dumps(person("joey")).encode()
    wire.send(f"POST {USERS} HTTP/1.1", "Expect: 100-continue", f"Content-Length: {len(body)}")
    assert wire.some() == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send_more(body)
    if transport == "reset":
        with pytest.raises(ConnectionResetError):
            wire.rest()
    else:
        assert wire.rest() == b""
    assert mockscope.calls.last.json == person("joey")


def test_a_body_over_the_limit_is_read_before_the_connection_ends(mockscope: MockSite, wire: Wire) -> None:
    mockscope.faults.add("create_user", transport="drop")
    body = b" " * (3 * 1024 * 1024)
    wire.send(f"POST {USERS} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    # Closing on bytes that nobody read would be a reset.
    assert wire.rest() == b""


@pytest.mark.parametrize("transport", ["reset", "drop", "truncate", "garbage"])
def test_pipelined_requests_on_a_broken_connection_get_no_response(
    mockscope: MockSite, wire: Wire, transport: Any
) -> None:
    fault = mockscope.faults.add("list_users", transport=transport)
    request = f"{GET}\r\nHost: localhost\r\nHttp-X-Partner-Auth: {mockscope.host}:{mockscope.api_key}\r\n\r\n".encode()
    wire.send_more(request * 3)
    if transport == "reset":
        with pytest.raises(ConnectionResetError):
            wire.rest()
    else:
        assert wire.rest().count(b"HTTP/1.1") == (transport == "truncate")
    assert [(call.fault, call.duration is not None) for call in mockscope.calls] == [(fault.id, True)]


def test_a_request_after_bad_json_gets_a_response_on_the_same_connection(mockscope: MockSite, wire: Wire) -> None:
    mockscope.faults.add("list_users", transport="bad_json", after_bytes=3)
    wire.send(GET)
    assert wire.some().endswith(b'\r\n\r\n{"t')
    wire.send(GET, "Connection: close")
    assert b"200 OK" in wire.rest()


# -- the server afterwards -----------------------------------------------------------------------------------------


def test_a_hanging_request_ends_when_its_client_disconnects(mockscope: MockSite) -> None:
    mockscope.faults.add("list_users", transport="hang")
    with Wire(mockscope) as wire:
        wire.send(GET)
        [held] = seen_calls(mockscope)
        assert (held.fault, held.status, held.duration) == ("fault-1", None, None)
    until(lambda: held.duration is not None)
    assert held.status is None


def test_reading_the_calls_does_not_wait_for_a_hanging_request(mockscope: MockSite, wire: Wire) -> None:
    mockscope.faults.add("list_users", transport="hang")
    wire.send(GET)
    until(lambda: any(call.fault for call in mockscope.calls))
    # Reading the calls would raise OverflowError if it waited without a timeout.
    assert [call.fault for call in mockscope.calls.settled(inf)] == ["fault-1"]


def test_a_server_stops_at_once_despite_hanging_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    # A server that waited for the requests would hang.
    monkeypatch.setattr("mockscope.server.event_loop.GRACE_SECONDS", 2 * WAIT_SECONDS)
    with package.serve() as server:
        site = server.site()
        site.faults.add(transport="hang", times=None)
        wires = [Wire(site) for _ in range(5)]
        for wire in wires:
            wire.send(GET)
        until(lambda: len(site.calls) == 5)
        server.stop()
        for wire in wires:
            with wire:
                assert is_over(wire)


SERVED_IN_FOREGROUND: Final = """
import sys
import mockscope.server.event_loop
from contextlib import ExitStack
from threading import Thread
from mockscope.server.live import LiveServer, serve_in_foreground

def print_when_delayed():
    while not any(call.is_delayed for call in site.calls):
        pass
    print("delayed", flush=True)

# uvicorn would give the responses under way that long.
mockscope.server.event_loop.GRACE_SECONDS = 600
double = LiveServer()
site = double.site(host="example-site", api_key="e179017a-62b0-4996-8a38-e91aa9f1")
site.faults.add_plain({keeps_back})
double.observers.append(lambda entry: print("answered", flush=True))
Thread(target=print_when_delayed, daemon=True).start()
serve_in_foreground(double, double.open_ports(ExitStack()), lambda: print(double.url, flush=True))
"""


@pytest.mark.parametrize("keeps_back", [{"transport": "hang"}, {"delay": 3600}], ids=str)
def test_a_signal_stops_a_server_at_once_despite_a_delayed_response(keeps_back: Any) -> None:
    code = SERVED_IN_FOREGROUND.replace("{keeps_back}", repr(keeps_back))
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with server, ThreadPoolExecutor(1) as pool:
        assert server.stdout is not None
        planned = PlannedRequest("GET", server.stdout.readline().strip() + USERS, {"Http-X-Partner-Auth": PAGE_KEY})
        response = pool.submit(outcome, with_http_client, [planned])
        try:
            assert server.stdout.readline() == "delayed\n"
            server.terminate()
            assert server.communicate(timeout=WAIT_SECONDS) == ("answered\n", "")
            assert (server.returncode, response.result(WAIT_SECONDS)) == (0, "RemoteDisconnected")
        finally:
            # A server that was not told to stop would be waited for.
            server.kill()


def is_over(wire: Wire) -> bool:
    """Return whether the connection ended, closed or reset."""
    try:
        return wire.rest() == b""
    except ConnectionResetError:
        return True


def seen_calls(site: MockSite) -> list[package.Call]:
    until(lambda: len(site.calls) > 0)
    return list(site.calls)


# -- without a socket, and without httptools -----------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["reset", "drop", "truncate", "garbage"])
async def test_in_process_a_broken_connection_is_a_connection_reset_error(transport: Any) -> None:
    mock = package.Mockscope()
    site = mock.site()
    site.faults.add("create_user", transport=transport, after_commit=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=mock.app), base_url="http://double") as client:
        with pytest.raises(ConnectionResetError, match=f"^planned fault fault-1: {transport}$"):
            await client.post(USERS, headers=site.headers, json=person("joey"))
        response = await client.get(USERS, headers=site.headers)
    assert response.json()["total_users"] == 2
    assert [call.fault for call in site.calls] == ["fault-1", None]


async def test_in_process_hang_waits_and_bad_json_is_a_response() -> None:
    mock = package.Mockscope()
    site = mock.site()
    site.faults.add("list_users", transport="hang")
    site.faults.add("list_users", transport="bad_json", after_bytes=3)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=mock.app), base_url="http://double") as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get(USERS, headers=site.headers), HANG_PATIENCE)
        assert (await client.get(USERS, headers=site.headers)).text == '{"t'


@pytest.mark.parametrize("after_commit", [False, True])
async def test_cancelling_a_request_in_process_during_a_delay_ends_it(*, after_commit: bool) -> None:
    mock = package.Mockscope()
    site = mock.site()
    site.clock.freeze()
    site.faults.add("create_user", delay=1, after_commit=after_commit)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=mock.app), base_url="http://double") as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post(USERS, headers=site.headers, json=person("joey")), HANG_PATIENCE)
        site.clock.shift(seconds=1)
        response = await client.get(USERS, headers=site.headers)
    assert response.json()["total_users"] == (2 if after_commit else 1)


WITHOUT_HTTPTOOLS: Final = """
import http.client, logging, sys
sys.modules["httptools"] = sys.modules["uvloop"] = None
logging.basicConfig(format="noise: %(message)s", stream=sys.stdout)
import mockscope
from mockscope.instruments.fault import TRANSPORTS

with mockscope.serve() as server:
    site = server.site()
    for transport in TRANSPORTS:
        site.faults.add("list_users", transport=transport, nth=2)
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=300)
        connection.request("GET", "/api/v1/users", headers=site.headers)
        connection.getresponse().read()
        connection.request("GET", "/api/v1/users", headers=site.headers)
        if transport == "hang":
            connection.sock.settimeout(0.2)
        try:
            print(transport, connection.getresponse().read())
        except Exception as error:
            print(transport, type(error).__name__)
        connection.close()
        site.reset()
    from uvicorn.protocols.http.auto import AutoHTTPProtocol
    print(AutoHTTPProtocol.__name__)
"""


def test_without_httptools_and_uvloop_connections_break_the_same_way() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HTTPTOOLS], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)
    *lines, protocol = done.stdout.splitlines()
    seen = dict(line.split(" ", 1) for line in lines)
    assert seen.pop("bad_json").startswith('b\'{"total_users":1,')
    documented = dict(zip(TRANSPORTS, row_of("http.client", "Broken connections", first=1), strict=True))
    assert seen == {transport: documented[transport] for transport in TRANSPORTS if transport != "bad_json"}
    assert protocol == "H11Protocol"
