"""The proxy serves the vendor's hosts, and refuses or passes all other hosts."""

import asyncio
import http.client
import http.server
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest
import requests
import uvloop
from support.bounds import join
from support.ports import held_port

import mockscope
from mockscope import LiveServer, MockSite
from mockscope._vendor import VENDOR_HOSTS
from mockscope.instruments.fault import TRANSPORTS

# A name that cannot be resolved (RFC 6761).
ELSEWHERE: Final = "elsewhere.invalid"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with mockscope.serve(proxy=True) as server:
        yield server


@pytest.fixture
def site(server: LiveServer) -> Iterator[MockSite]:
    with server.site() as site:
        yield site


def session(server: LiveServer) -> requests.Session:
    """A client that uses the proxy, trusts its certificates, and ignores the environment."""
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"http": server.proxy_url, "https": server.proxy_url}
    session.verify = str(server.ca_file)
    return session


@contextmanager
def http_connection(server: LiveServer) -> Iterator[http.client.HTTPSConnection]:
    """A connection to the vendor's host through the proxy."""
    host, port = server.proxy_url.removeprefix("http://").split(":")
    connection = http.client.HTTPSConnection(host, int(port), context=server.authority.client_context(), timeout=300)
    connection.set_tunnel("app.periscopedata.com", 443)
    try:
        yield connection
    finally:
        connection.close()


class Other(http.server.BaseHTTPRequestHandler):
    """Another server on this machine, which records its requests."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content = json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def another() -> Iterator[int]:
    """The port of another server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield other.server_port
        finally:
            other.shutdown()
            join(thread)


def sent_by_proxy(server: LiveServer, data: bytes, *, ends: bool = False) -> bytes:
    """Send bytes to the proxy, and return all that it sends until it closes."""
    host, port = server.proxy_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=300) as connection:
        connection.sendall(data)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while more := connection.recv(65536):
            received += more
        return received


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", VENDOR_HOSTS)
def test_the_proxy_serves_the_vendor_s_urls(server: LiveServer, site: MockSite, scheme: str, host: str) -> None:
    with session(server) as client:
        listed = client.get(f"{scheme}://{host}/api/v1/users?start=0", headers=site.headers, timeout=300)
        made = client.post(
            f"{scheme}://{host}/api/v1/users",
            headers=site.headers,
            json={
                "first_name": "Phoebe",
                "last_name": "Buffay",
                "email": "phoebe@example.com",
                "invited_by_email": site.admin.email,
            },
            timeout=300,
        )

    assert [user["email"] for user in listed.json()["users"]] == [site.admin.email]
    assert (made.status_code, sorted(site.users)) == (201, sorted([site.admin.email, "phoebe@example.com"]))
    assert [dict(call.headers)["host"] for call in site.calls] == [host, host]


def test_a_tunnel_is_kept_for_the_next_request(server: LiveServer, site: MockSite) -> None:
    with http_connection(server) as connection:
        statuses = []
        for _ in range(3):
            connection.request("GET", "/api/v1/users", headers=site.headers)
            response = connection.getresponse()
            response.read()
            statuses.append((response.status, connection.sock.getsockname()))

    assert [status for status, _ in statuses] == [200, 200, 200]
    assert len({address for _, address in statuses}) == 1


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_planned_transport_fault_works_through_the_proxy(
    server: LiveServer, site: MockSite, scheme: str, transport: Any
) -> None:
    site.faults.add("list_users", transport=transport)

    with session(server) as client:
        if transport == "bad_json":
            response = client.get(f"{scheme}://app.periscopedata.com/api/v1/users", headers=site.headers, timeout=300)
            with pytest.raises(requests.JSONDecodeError):
                response.json()
        else:
            # The first is for the tunnel and its TLS.
            timeout = 300, 0.2 if transport == "hang" else 300
            with pytest.raises(requests.RequestException) as caught:
                client.get(f"{scheme}://app.periscopedata.com/api/v1/users", headers=site.headers, timeout=timeout)
            assert isinstance(caught.value, requests.Timeout) == (transport == "hang")
        again = client.get(f"{scheme}://app.periscopedata.com/api/v1/users", headers=site.headers, timeout=300)

    assert again.status_code == 200


async def test_many_clients_at_once_get_responses(server: LiveServer, site: MockSite) -> None:
    async with httpx.AsyncClient(
        proxy=server.proxy_url, verify=server.authority.client_context(), trust_env=False
    ) as client:
        url = "https://app.periscopedata.com/api/v1/users"
        responses = await asyncio.gather(*(client.get(url, headers=site.headers) for _ in range(40)))

    assert {response.status_code for response in responses} == {200}
    assert len(site.calls) == 40


def test_another_host_is_refused_with_a_reason() -> None:
    with mockscope.serve(proxy=True) as server, session(server) as client:
        plain = client.post(f"http://{ELSEWHERE}/x", data=b"x" * 1_000_000, timeout=300)
        with pytest.raises(requests.exceptions.ProxyError, match=f"403 mockscope refuses {ELSEWHERE}:443: "):
            client.get(f"https://{ELSEWHERE}/x", timeout=300)

        assert (plain.status_code, plain.json()) == (
            403,
            {"message": f"mockscope refuses {ELSEWHERE}:80: --proxy-others pass would let it through"},
        )
        assert server.proxy is not None
        assert dict(server.proxy.refused_hosts) == {f"{ELSEWHERE}:80": 1, f"{ELSEWHERE}:443": 1}


@pytest.mark.parametrize(
    "name",
    ["app.periscopedata.com.evil.invalid", "xapp.periscopedata.com", "127.0.0.1.invalid", "10.0.0.1", "[2001:db8::1]"],
)
def test_a_host_that_resembles_the_vendor_s_is_refused(server: LiveServer, name: str) -> None:
    response = sent_by_proxy(server, f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())

    assert response.startswith(f"HTTP/1.1 403 mockscope refuses {name}:443: ".encode())


@pytest.mark.parametrize("name", ["APP.PeriscopeData.com", "app.periscopedata.com."])
def test_host_names_ignore_case_and_a_trailing_dot(server: LiveServer, site: MockSite, name: str) -> None:
    head = f"GET http://{name}/api/v1/groups HTTP/1.1\r\nHost: {name}\r\n"
    fields = "".join(f"{key}: {value}\r\n" for key, value in site.headers.items())

    assert sent_by_proxy(server, f"{head}{fields}\r\n".encode()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_loopback_passes_and_hop_by_hop_headers_stay_behind(server: LiveServer, name: str) -> None:
    with another() as port, session(server) as client:
        response = client.get(
            f"http://{name}:{port}/a%20b?c=d",
            headers={"Proxy-Authorization": "Basic eDp5", "Proxy-Connection": "keep-alive", "X-Own": "1"},
            timeout=300,
        ).json()
        echoed = client.post(f"http://{name}:{port}/", data=b"x" * 3_000_000, timeout=300)

    assert response["path"] == "/a%20b?c=d"
    assert {key: value for key, value in response["headers"].items() if key not in ("user-agent", "accept")} == {
        "connection": "close",
        "host": f"{name}:{port}",
        "accept-encoding": response["headers"]["accept-encoding"],
        "x-own": "1",
    }
    assert echoed.content == b"x" * 3_000_000


LOOPBACK_SPELLINGS: Final = (
    *("127.0.0.1", "localhost", "localhost.", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "127.0.0.2"),
    *("0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]", "[::ffff:7f00:1]"),
)


@pytest.mark.parametrize("others", ["refuse", "pass"])
def test_loopback_is_refused_for_clients_on_the_network(others: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # All of these tests come from 127.0.0.1.
    monkeypatch.setattr("mockscope.server.proxy.ClientConnection.is_local", False)
    with another() as port, mockscope.serve(proxy=True, proxy_others=others) as server:
        for spelling in LOOPBACK_SPELLINGS:
            for line in (f"GET http://{spelling}:{port}/", f"CONNECT {spelling}:{port}"):
                response = sent_by_proxy(server, f"{line} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                # Not every resolver knows every spelling.
                assert response.startswith((b"HTTP/1.1 403 mockscope refuses ", b"HTTP/1.1 502 ")), (spelling, response)
        response = sent_by_proxy(server, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        hints = {
            "refuse": b": --proxy-others pass would let it through",
            "pass": b": clients on other machines can't reach loopback through this proxy",
        }
        assert response.partition(b"\r\n")[0].endswith(hints[others])


@pytest.mark.parametrize("name", [ELSEWHERE, "127.1", "10.0.0.1", "[2001:db8::1]"])
def test_a_refused_host_is_not_resolved(server: LiveServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*args: object, **options: object) -> None:
        raise AssertionError(f"looked up: {args}")

    monkeypatch.setattr(uvloop.Loop, "getaddrinfo", look_up)
    response = sent_by_proxy(server, f"CONNECT {name}:443 HTTP/1.1\r\n\r\n".encode())

    assert response.startswith(f"HTTP/1.1 403 mockscope refuses {name}:443: ".encode())


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")
def test_loopback_passes_on_a_dual_stack_port() -> None:
    with mockscope.serve(host="::", proxy=True) as server, another() as port:
        proxy = f"http://127.0.0.1:{str(server.proxy_url).rpartition(':')[2]}"
        response = requests.get(f"http://127.0.0.1:{port}/", proxies={"http": proxy}, timeout=300)

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("", "/"),
        ("/a/%2F?b=c&d#e", "/a/%2F?b=c&d"),
        ("/a?", "/a?"),
        ("?b=http://c/", "/?b=http://c/"),
        ("/a//b", "/a//b"),
        ("/A/;b=[c]", "/A/;b=[c]"),
    ],
)
def test_a_passed_host_gets_the_client_s_request(server: LiveServer, url: str, target: str) -> None:
    with another() as port:
        response = sent_by_proxy(
            server, f"GET HTTP://x@localhost:{port}{url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )

    assert json.loads(response.partition(b"\r\n\r\n")[2])["path"] == target


def test_a_response_of_a_passed_host_has_connection_close(server: LiveServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        host, port = server.proxy_url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=300) as client:
            client.sendall(f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            there, _ = listener.accept()
            with there:
                assert there.recv(4096) == f"GET / HTTP/1.1\r\nConnection: close\r\nHost: {address}\r\n\r\n".encode()
                for part in (
                    b"HTTP/1.1 100 Con",
                    b"tinue\r\nA: b\r\n\r\nHTTP/1.",
                    b"1 200 OK\r\nC: d\r\n\r\n",
                    b"body",
                ):
                    there.sendall(part)
            content = client.makefile("rb").read()

    assert content == b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nC: d\r\n\r\nbody"


@pytest.mark.parametrize(("others", "status"), [("refuse", 403), ("pass", 200)])
def test_another_host_passes_by_option(others: Any, status: int) -> None:
    # Linux takes this address for its own, and it is not a loopback address: no packet leaves the machine.
    with another() as port, mockscope.serve(proxy=True, proxy_others=others) as server, session(server) as client:
        assert client.get(f"http://0.0.0.0:{port}/", timeout=300).status_code == status
        response = sent_by_proxy(server, f"CONNECT 0.0.0.0:{port} HTTP/1.1\r\n\r\n".encode(), ends=True)

    assert response.startswith(f"HTTP/1.1 {status} ".encode())


def test_a_tunnel_to_a_passed_host_carries_tls_end_to_end(server: LiveServer) -> None:
    with mockscope.serve(tls=True) as other, session(server) as client:
        with pytest.raises(requests.exceptions.SSLError):
            client.get(f"{other.url}/api/v1/users", timeout=300)
        client.verify = str(other.ca_file)

        assert client.get(f"{other.url}/api/v1/users", timeout=300).status_code == 403


def test_a_reset_by_a_passed_host_reaches_the_client(server: LiveServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        host, port = server.proxy_url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=300) as client:
            client.sendall(f"CONNECT {address} HTTP/1.1\r\n\r\n".encode())
            there, _ = listener.accept()
            assert client.recv(4096) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.close()

            with pytest.raises(ConnectionResetError):
                client.recv(1)


def test_half_closing_a_tunnel_leaves_the_other_direction_open(server: LiveServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        host, port = server.proxy_url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=300) as client:
            client.sendall(f"CONNECT {address} HTTP/1.1\r\n\r\n".encode())
            there, _ = listener.accept()
            with there:
                assert client.recv(4096) == b"HTTP/1.1 200 Connection established\r\n\r\n"
                client.sendall(b"question")
                client.shutdown(socket.SHUT_WR)
                assert there.makefile("rb").read() == b"question"
                there.sendall(b"response")
            assert client.makefile("rb").read() == b"response"


def test_an_unreachable_passed_host_is_502(server: LiveServer) -> None:
    with held_port() as port:
        response = sent_by_proxy(server, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())

    assert response.startswith(f"HTTP/1.1 502 mockscope can't reach 127.0.0.1:{port}: ".encode())


USAGE: Final = "This is a proxy: "
HOST: Final = "The host in the request is not valid."
PORT: Final = "Port out of range "
LONG: Final = "a" * 64
# 253 characters, the limit.
LONGEST: Final = ".".join(["a" * 63] * 3 + ["a" * 61])


@pytest.mark.parametrize("others", ["refuse", "pass"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\n\r\n", USAGE),
        (b"GET http:/// HTTP/1.1\r\n\r\n", USAGE),
        (b"GET https://127.0.0.1/ HTTP/1.1\r\n\r\n", USAGE),
        (b"GET ftp://localhost/x HTTP/1.1\r\n\r\n", USAGE),
        (b"GET //localhost/x HTTP/1.1\r\n\r\n", USAGE),
        (b"PRI * HTTP/2.0\r\n\r\n", USAGE),
        (b"CONNECT app.periscopedata.com HTTP/1.1\r\n\r\n", USAGE),
        (b"connect app.periscopedata.com:443 HTTP/1.1\r\n\r\n", USAGE),
        (b"CONNECT app.periscopedata.com:443 HTTP/1.1\r\n\r\ntoo early", USAGE),
        (b"CONNECT ::1:443 HTTP/1.1\r\n\r\n", "Port could not be cast to integer value as "),
        (b"CONNECT [::1:1 HTTP/1.1\r\n\r\n", "Invalid IPv6 URL"),
        # Line feeds alone, TLS, and SOCKS of both versions: nothing more will come.
        (b"CONNECT app.periscopedata.com:443 HTTP/1.1\n\n", USAGE),
        (b"CONNECT app.periscopedata.com:443 HTTP/1.1\r\nHost: x\n\n", USAGE),
        (b"\x16\x03\x01\x02\x00\x01\x00", USAGE),
        (b"\x05\x01\x00", USAGE),
        (b"\x04\x01\x01\xbb\x00\x00\x00\x01\x00", USAGE),
        (b"CONNECT a..invalid:443 HTTP/1.1\r\n\r\n", HOST),
        (b"CONNECT .:443 HTTP/1.1\r\n\r\n", HOST),
        (b"CONNECT \xe9.invalid:443 HTTP/1.1\r\n\r\n", USAGE),
        (b"CONNECT a\x00b.invalid:443 HTTP/1.1\r\n\r\n", USAGE),
        (b"CONNECT evil\x1b]0;pwned\x07:443 HTTP/1.1\r\n\r\n", USAGE),
        (b"CONNECT evil\x1bcX:443 HTTP/1.1\r\n\r\n", USAGE),
        (b"GET http://evil\x1bcX/ HTTP/1.1\r\n\r\n", USAGE),
        (f"CONNECT {LONG}.invalid:443 HTTP/1.1\r\n\r\n".encode(), HOST),
        (f"GET http://{LONG}.invalid/ HTTP/1.1\r\n\r\n".encode(), HOST),
        (f"CONNECT a{LONGEST}:443 HTTP/1.1\r\n\r\n".encode(), HOST),
        (b"CONNECT [127.0.0.1:x]:443 HTTP/1.1\r\n\r\n", "'127.0.0.1:x' does not appear to be an IPv4 or IPv6 address"),
        (b"CONNECT localhost:0 HTTP/1.1\r\n\r\n", PORT),
        (b"CONNECT localhost:65536 HTTP/1.1\r\n\r\n", PORT),
        (b"CONNECT app.periscopedata.com:99999 HTTP/1.1\r\n\r\n", PORT),
        (b"GET http://localhost:99999/ HTTP/1.1\r\n\r\n", PORT),
    ],
)
def test_a_request_that_is_not_for_a_proxy_is_400_at_once(others: Any, data: bytes, message: str) -> None:
    with mockscope.serve(proxy=True, proxy_others=others) as server:
        assert sent_by_proxy(server, data).startswith(f"HTTP/1.1 400 {message}".encode())


@pytest.mark.parametrize("address", ["localhost:1", "localhost:65535", f"{LONGEST}:443", "[::1]:1"])
def test_the_longest_names_and_the_highest_port_are_valid(server: LiveServer, address: str) -> None:
    status = sent_by_proxy(server, f"CONNECT {address} HTTP/1.1\r\n\r\n".encode()).split()[1]

    assert status == (b"403" if "a" in address.removeprefix("localhost") else b"502")


FIRST_LINE: Final = b"GET http://app.periscopedata.com/api/v1/users HTTP/1.1\r\n"


def padded(length: int, line: bytes = FIRST_LINE, end: bytes = b"\r\n\r\n") -> bytes:
    """Return a request head of a length, padded in one header or in the request line."""
    start = line + b"X: " if line.endswith(b"\n") else line
    return start + b"x" * (length - len(start) - len(end)) + end


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (padded(65_536), b"403"),
        (padded(65_537), b"431"),
        (padded(65_537, end=b""), b"431"),
        (padded(1_000_000, end=b""), b"431"),
        (padded(65_537, b"GET http://app.periscopedata.com/", b" HTTP/1.1\r\n\r\n"), b"431"),
        (padded(65_540, b"GET http://app.periscopedata.com/", b" HTTP/1.1\r\n\r\n"), b"414"),
        (padded(70_000, b"CONNECT ", b""), b"414"),
    ],
    ids=["longest", "longer", "no end", "far longer", "longest line", "longer line", "line without end"],
)
def test_a_request_head_over_64_kib_is_refused(server: LiveServer, data: bytes, status: bytes) -> None:
    response = sent_by_proxy(server, data)

    assert response.split()[1] == status
    assert "message" in json.loads(response.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("sent", [b"", b"CONNECT app.peri"])
def test_a_missing_request_head_times_out(server: LiveServer, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockscope.server.proxy.HEAD_SECONDS", 0.05)

    assert sent_by_proxy(server, sent).startswith(b"HTTP/1.1 408 No request came within 0.05 seconds.\r\n")


def send_for_ever(client: socket.socket) -> None:
    while True:
        client.sendall(b"x")


def test_a_client_that_stays_connected_after_an_error_is_disconnected(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockscope.server.proxy.CLOSE_SECONDS", 0.05)
    host, port = server.proxy_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=300) as client:
        client.sendall(b"\x05\x01\x00")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 400 ")

        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_for_ever(client)


def test_refused_hosts_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockscope.server.proxy.MAX_COUNTED_HOSTS", 3)
    with mockscope.serve(proxy=True) as server:
        for number in (1, 2, 3, 4, 1, 5):
            sent_by_proxy(server, f"CONNECT host-{number}:443 HTTP/1.1\r\n\r\n".encode())

        assert server.proxy is not None
        assert server.proxy.refused_hosts == {"host-1:443": 2, "host-2:443": 1, "host-3:443": 1, "other hosts": 2}


def test_a_request_head_may_arrive_byte_by_byte(server: LiveServer, site: MockSite) -> None:
    host, port = server.proxy_url.removeprefix("http://").split(":")
    fields = "".join(f"{key}: {value}\r\n" for key, value in site.headers.items())
    head = f"GET http://api.periscopedata.com/api/v1/groups HTTP/1.1\r\nHost: api.periscopedata.com\r\n{fields}\r\n"
    with socket.create_connection((host, int(port)), timeout=300) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head.encode():
            client.sendall(bytes([byte]))

        assert client.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


def test_a_client_that_rejects_the_certificate_is_counted() -> None:
    with mockscope.serve(proxy=True) as server, session(server) as client:
        client.verify = True
        with pytest.raises(requests.exceptions.SSLError):
            client.get("https://app.periscopedata.com/api/v1/users", timeout=300)
        client.close()
        server.stop()

        assert server.proxy is not None
        assert dict(server.proxy.handshake_failures) == {"app.periscopedata.com:443": 1}


def test_the_control_api_is_not_served_under_the_vendor_s_hosts(server: LiveServer) -> None:
    with session(server) as client:
        response = client.get("https://app.periscopedata.com/_mockscope/v1/health", timeout=300)

    assert response.status_code == 403


def test_a_server_stops_with_clients_in_every_state() -> None:
    server = mockscope.serve(proxy=True).start()
    host, port = server.proxy_url.removeprefix("http://").split(":")
    tunnel = b"CONNECT app.periscopedata.com:443 HTTP/1.1\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        passed = f"CONNECT 127.0.0.1:{listener.getsockname()[1]} HTTP/1.1\r\n\r\n".encode()
        clients = [socket.create_connection((host, int(port)), timeout=300) for _ in range(4)]
        for client, content in zip(clients, (b"", b"GET http", tunnel, passed), strict=True):
            client.sendall(content)
        for client in clients[2:]:
            assert client.recv(4096) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        server.stop()
        ends = [client.recv(1) for client in clients]
        for client in clients:
            client.close()

    assert ends == [b""] * 4


def test_the_proxy_gets_a_new_port_when_the_server_starts_again() -> None:
    server = mockscope.serve(proxy=True)
    for _ in range(2):
        with server, session(server) as client:
            assert client.get("https://app.periscopedata.com/api/v1/users", timeout=300).status_code == 403
    with pytest.raises(RuntimeError, match="no mockscope proxy is running"):
        _ = server.proxy_url
