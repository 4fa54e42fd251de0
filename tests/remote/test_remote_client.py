"""The client of the commands that call another server: rate, limits, errors, and the redacted key."""

import gzip
import os
import re
import subprocess
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import pytest
from support.other_server import endless, hasty, ok, scripted
from support.ports import held_port

import mockscope
from mockscope import Authority, LiveServer, MockSite
from mockscope.remote.client import SiteClient, Unreachable
from mockscope.remote.exchange import Exchange

HOST: Final = "central_perk"
KEY: Final = "e179017a-62b0-4996-8a38-e91aa9f1"
TOO_MANY: Final = ok(b'{"message": "slower"}', status="429 Too Many Requests")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def site(server: LiveServer) -> Iterator[MockSite]:
    with server.site(HOST, api_key=KEY) as site:
        yield site


def fields_of(request: bytes) -> list[str]:
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


# -- requests --------------------------------------------------------------------------------------------------


def test_a_request_has_user_agent_and_credentials(server: LiveServer, site: MockSite) -> None:
    with SiteClient(server.url, HOST, KEY) as client:
        exchange = client.request("GET", "/api/v1/users")

    assert (exchange.status, exchange.json["total_users"]) == (200, 1)
    assert exchange.header("CONTENT-type") == "application/json; charset=utf-8"
    assert exchange.header("Retry-After") is None
    headers = dict(site.calls[0].headers)
    assert headers["user-agent"] == f"mockscope/{mockscope.__version__}"


def test_a_request_is_sent_as_the_caller_gave_it() -> None:
    with scripted([ok(), ok(), ok(), ok(), ok()]) as server, SiteClient(f"{server.url}/in/front/", HOST, KEY) as client:
        address = server.url.removeprefix("http://")
        client.request("GET", "/api/v1/users", query={"next_page_start": "joey+1@example.com", "test_mode": "a b"})
        client.request("PUT", "/api/v1/groups/NY%20Knicks", query="test_mode=TRUE&+", json={"name": "Zoë"})
        client.request("POST", "/api/v1/users", auth=False)
        client.request("DELETE", "/api/v1/users", headers=[("HTTP-X-PARTNER-AUTH", "x"), ("A", ""), ("A", "b")])
        client.request("POST", "/x", body=b"\xff", headers=[("host", "elsewhere"), ("user-agent", "me")])

    always = [f"Host: {address}", "Accept-Encoding: identity"]
    agent = f"User-Agent: mockscope/{mockscope.__version__}"
    auth = f"Http-X-Partner-Auth: {HOST}:{KEY}"
    assert [fields_of(request) for request in server.requests[0]] == [
        [
            "GET /in/front/api/v1/users?next_page_start=joey%2B1%40example.com&test_mode=a%20b HTTP/1.1",
            *always,
            agent,
            auth,
        ],
        [
            "PUT /in/front/api/v1/groups/NY%20Knicks?test_mode=TRUE&+ HTTP/1.1",
            *always,
            "Content-Length: 16",
            agent,
            auth,
            "Content-Type: application/json",
        ],
        ["POST /in/front/api/v1/users HTTP/1.1", *always, "Content-Length: 0", agent],
        ["DELETE /in/front/api/v1/users HTTP/1.1", *always, agent, "HTTP-X-PARTNER-AUTH: x", "A: ", "A: b"],
        [
            "POST /in/front/x HTTP/1.1",
            "Accept-Encoding: identity",
            "Content-Length: 1",
            auth,
            "host: elsewhere",
            "user-agent: me",
        ],
    ]
    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests[0]] == [
        b"",
        '{"name": "Zoë"}'.encode(),
        b"",
        b"",
        b"\xff",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "central_perk",
        "ftp://example.com",
        "http://",
        "http://a:b",
        "http://a:0",
        "http://a b",
        "http://a..b",
        "http://\x1b",
    ],
)
def test_an_invalid_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a server: write it like https://"):
        SiteClient(url, HOST, KEY)


@pytest.mark.parametrize(
    "url", ["http://example.com/?k=secret", "http://example.com/#secret", "http://a:b?secret", "?secret"]
)
def test_a_url_with_a_query_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"must not have a query or a fragment|is not the URL of a server") as caught:
        SiteClient(url, HOST, KEY)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("start", ["http://example.com", "http://example.com/in/front", "http://example.com/api/v2"])
@pytest.mark.parametrize("end", ["/api/v1", "/api/v1/", "/api/v1//", "/api/v1/users", "/api/v1/groups/"])
def test_a_url_with_a_path_of_the_api_is_refused_with_the_right_url(start: str, end: str) -> None:
    with pytest.raises(ValueError, match="must end before") as caught:
        SiteClient(start + end, HOST, KEY)

    assert str(caught.value) == f"'{start}{end}' must end before /api/v1: write {start}"
    assert SiteClient(start, HOST, KEY).url == start


def test_a_path_that_resembles_the_api_s_is_part_of_a_url() -> None:
    for url in ("http://example.com/api", "http://example.com/api/v10", "http://example.com/api/v1/friends"):
        assert SiteClient(url, HOST, KEY).url == url


@pytest.mark.parametrize("url", ["http://joey:secret@example.com", "http://joey:secret@a:b", "joey:secret@example.com"])
def test_a_url_with_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="must not contain a user name or a password") as caught:
        SiteClient(url, HOST, KEY)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("host", "key"), [("central perk", KEY), ("", KEY), (HOST, "a b"), (HOST, "a:b"), (HOST, "")])
def test_a_host_or_key_that_is_not_valid_in_a_header_is_refused(host: str, key: str) -> None:
    with pytest.raises(ValueError, match="must be visible ASCII without spaces"):
        SiteClient("http://127.0.0.1", host, key)


def test_a_header_that_cannot_be_sent_is_refused_and_the_next_request_is_not_affected(
    server: LiveServer, site: MockSite
) -> None:
    with SiteClient(server.url, HOST, KEY) as client:
        for headers in ([("X", f"{KEY}\n")], [("X", "€")], [("X\n", "a")]):
            with pytest.raises(ValueError, match=r"^headers and paths must be visible ASCII$"):
                client.request("GET", "/api/v1/users", headers=headers)

        assert client.request("GET", "/api/v1/users").status == 200


# -- one connection --------------------------------------------------------------------------------------------


def test_requests_share_a_connection() -> None:
    with scripted([ok(b"1"), ok(b"2"), ok(b"3")]) as server, SiteClient(server.url, HOST, KEY) as client:
        responses = [client.request("GET", "/").json for _ in range(3)]

    assert responses == [1, 2, 3]


def test_a_closed_connection_is_opened_again_even_for_a_write() -> None:
    with scripted([ok(b"1")], [ok(b"2")]) as server, SiteClient(server.url, HOST, KEY) as client:
        first = client.request("POST", "/", json={})
        assert server.closed[0].wait(300)
        second = client.request("POST", "/", json={})

    assert (first.json, second.json) == (1, 2)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_ends_without_a_response_is_an_error(method: str) -> None:
    # A response of no bytes: the request is read, and the connection closed.
    with scripted([ok(b"1"), b""], [ok(b"2")]) as server, SiteClient(server.url, HOST, KEY) as client:
        client.request(method, "/")
        with pytest.raises(Unreachable) as caught:
            client.request(method, "/")
        assert client.request(method, "/").json == 2

    assert str(caught.value) == f"{server.url}: the connection was closed before the response"
    assert [len(requests) for requests in server.requests] == [2, 1]


# More than is read at once, so that there is something to read after the head.
LONG: Final = b"[" + b"0, " * 70_000 + b"0]"
CHUNKED: Final = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LONG), LONG)
LENGTH: Final = b"Content-Length: %d\r\n"
CLOSE: Final = b"Connection: close\r\n"
FRAMED: Final = {
    "1.0": b"HTTP/1.0 200 OK\r\n\r\n{}",
    "1.0, with a length": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "closed": b"HTTP/1.1 200 OK\r\n" + CLOSE + b"\r\n{}",
    "closed, in chunks": b"HTTP/1.1 200 OK\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "closed, with a length": b"HTTP/1.1 200 OK\r\n" + CLOSE + b"Content-Length: 2\r\n\r\n{}",
    "closed, with a great length": b"HTTP/1.1 200 OK\r\n" + CLOSE + LENGTH % len(LONG) + b"\r\n" + LONG,
    "kept": ok(b"{}"),
}


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("framing", FRAMED)
def test_a_response_is_read_to_its_end_with_every_framing(framing: str, is_secure: bool) -> None:  # noqa: FBT001 - a parameter
    authority = Authority()
    context = authority.server_context() if is_secure else None
    response = FRAMED[framing]
    with (
        # Each on a connection of its own: the server closes after one.
        scripted([response], [response], context=context) as server,
        SiteClient(server.url, HOST, KEY, ca_file=authority.ca_file) as client,
    ):
        responses = []
        for closed in server.closed:
            responses.append(client.request("GET", "/").content)
            assert closed.wait(300)

    assert responses == [LONG if LONG in response else b"{}"] * 2


def test_a_response_to_an_unread_body_is_read() -> None:
    refusal = ok(b"{}", status="413 Content Too Large")
    with hasty(refusal) as url, SiteClient(url, HOST, KEY) as client:
        assert client.request("POST", "/api/v1/users", body=b" " * 30_000_000).status == 413


def test_an_interrupted_response_is_not_taken_for_the_next() -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with (
        scripted([ok(b"1"), TOO_MANY, ok(b"2")]) as server,
        SiteClient(server.url, HOST, KEY, sleep=interrupt) as client,
    ):
        client.request("GET", "/")
        with pytest.raises(KeyboardInterrupt):
            client.request("GET", "/")

        assert client.request("GET", "/").json == 2


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/", "\x1b]0;how\x07", "http://[", ""])
def test_a_redirect_is_not_followed(location: str) -> None:
    moved = ok(b"{}", f"Location: {location}", status="302 Found")
    with scripted([moved]) as server, SiteClient(server.url, HOST, KEY) as client:
        assert client.request("GET", "/").status == 302


# -- politeness ------------------------------------------------------------------------------------------------


def waits_of(script: list[bytes], **options: Any) -> tuple[list[float], int]:
    """Return the length of each wait, and the last status."""
    waits: list[float] = []
    with scripted(script) as server, SiteClient(server.url, HOST, KEY, sleep=waits.append, **options) as client:
        status = client.request("POST", "/", json={}).status
    return waits, status


def slower(retry_after: str, status: str = "429 Too Many Requests") -> bytes:
    return ok(b"{}", f"Retry-After: {retry_after}", status=status)


def test_after_429_the_client_waits_as_retry_after_says() -> None:
    assert waits_of([slower("7"), slower("2"), ok()]) == ([7, 2], 200)


def test_after_503_with_retry_after_the_client_waits() -> None:
    assert waits_of([slower("3", "503 Service Unavailable"), ok()]) == ([3], 200)


def test_a_503_without_retry_after_is_returned() -> None:
    assert waits_of([ok(status="503 Service Unavailable")]) == ([], 503)


@pytest.mark.parametrize("sent", ["0", "-1", "soon", "1.5", "٣", "9" * 5000, formatdate(0)])
def test_without_retry_after_the_wait_starts_at_a_second_and_doubles(sent: str) -> None:
    script = [TOO_MANY, slower(sent), TOO_MANY, ok()]

    assert waits_of(script) == ([1, 2, 4], 200)


def test_retry_after_may_be_a_date() -> None:
    waits, status = waits_of([slower(formatdate(time.time() + 60, usegmt=True)), ok()])

    assert ([50 < wait <= 60 for wait in waits], status) == ([True], 200)


def test_the_last_rate_limited_response_is_returned() -> None:
    assert waits_of([slower("60"), slower("50"), slower("20")]) == ([60, 50], 429)
    assert waits_of([slower("99999999")]) == ([], 429)
    assert waits_of([slower("9" * 100)]) == ([], 429)


def test_requests_keep_the_given_rate(server: LiveServer, site: MockSite) -> None:
    waits: list[float] = []
    with SiteClient(server.url, HOST, KEY, rate=0.01, sleep=waits.append) as client:
        for _ in range(3):
            client.request("GET", "/api/v1/users")

    # The second is one interval after the first; of the third interval nothing had passed either.
    assert [round(wait, -1) for wait in waits] == [100, 200]


def test_the_minimum_rate_is_a_request_a_day(server: LiveServer, site: MockSite) -> None:
    waits: list[float] = []
    with SiteClient(server.url, HOST, KEY, rate=1e-320, sleep=waits.append) as client:
        for _ in range(2):
            client.request("GET", "/api/v1/users")

    assert [round(wait, -2) for wait in waits] == [86_400]


# -- no response -----------------------------------------------------------------------------------------------


def reason_for(url: str, **options: Any) -> str:
    with SiteClient(url, HOST, KEY, **options) as client, pytest.raises(Unreachable) as caught:
        client.request("GET", f"/{KEY}")
    assert isinstance(caught.value, OSError)
    assert KEY not in str(caught.value)
    start, _, reason = str(caught.value).partition(": ")
    assert start == url
    return reason


def test_a_refused_connection_is_explained() -> None:
    with held_port() as port:
        assert reason_for(f"http://127.0.0.1:{port}") == "connection refused: no server listens there"


def test_a_host_that_cannot_be_resolved_is_explained() -> None:
    assert reason_for("http://elsewhere.invalid").startswith("the host name cannot be resolved: ")


def test_a_silent_server_times_out() -> None:
    with scripted([None]) as server:
        assert reason_for(server.url, timeout=0.1) == "no response within 0.1 seconds"


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", ok(b" " * 10_000)[:-9_000]])
def test_a_dribbling_response_times_out(start: bytes) -> None:
    with endless(start, b" ", pause=0.02) as url:
        assert reason_for(url, timeout=0.3) == "no response within 0.3 seconds"


def test_endless_interim_responses_are_an_error() -> None:
    with endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n") as url:
        assert reason_for(url, timeout=0.3) == "no response within 0.3 seconds"


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 10**15],
    ids=["no length", "a petabyte"],
)
def test_an_endless_body_is_an_error(head: bytes) -> None:
    with endless(head, b" " * 1024 * 1024) as url:
        assert reason_for(url) == "the response is longer than 32 MiB"


def test_the_sum_of_responses_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockscope.remote.client.MAX_TOTAL_BYTES", 3 * 1024 * 1024)
    with scripted([ok(b" " * 1024 * 1024)] * 4) as server, SiteClient(server.url, HOST, KEY) as client:
        for _ in range(3):
            client.request("GET", "/")
        with pytest.raises(Unreachable, match="the server sent more than 3 MiB in total"):
            client.request("GET", "/")


def test_an_endless_response_head_is_not_http() -> None:
    with endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n") as url:
        assert reason_for(url) == "the response is not HTTP"


def test_an_endless_429_response_is_an_error_before_the_wait() -> None:
    waits: list[float] = []
    with endless(b"HTTP/1.0 429 Too Many\r\nRetry-After: 1\r\n\r\n", b" " * 1024 * 1024) as url:
        assert reason_for(url, sleep=waits.append) == "the response is longer than 32 MiB"
    assert waits == []


def test_a_compressed_body_stays_compressed() -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    with scripted([ok(bomb, "Content-Encoding: gzip")]) as server, SiteClient(server.url, HOST, KEY) as client:
        assert client.request("GET", "/").content == bomb


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "the response is not HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "the response is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 1000 + b"\r\n", "the response is not HTTP"),
        (f"{KEY}\r\n".encode(), "the response is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "the response is incomplete"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", "the response is incomplete"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", "the response is incomplete"),
    ],
)
def test_an_incomplete_http_response_is_an_error(sent: bytes, reason: str) -> None:
    with scripted([sent]) as server:
        assert reason_for(server.url) == reason


# -- TLS and proxies -------------------------------------------------------------------------------------------


def test_tls_with_a_private_authority_is_verified() -> None:
    with mockscope.serve(tls=True) as server, SiteClient(server.url, HOST, KEY, ca_file=server.ca_file) as client:
        server.site(HOST, api_key=KEY)
        statuses = [client.request("GET", "/api/v1/users").status for _ in range(2)]

    assert statuses == [200, 200]


def test_a_failed_certificate_verification_is_explained() -> None:
    other = Authority()
    with mockscope.serve(tls=True) as server:
        reason = reason_for(server.url, ca_file=other.ca_file)
    assert reason.startswith("certificate verification failed: ")
    assert reason.endswith("; use --ca-file to trust other certificates")


def test_a_port_without_tls_is_explained() -> None:
    with scripted([ok()]) as server:
        secured = server.url.replace("http:", "https:")
        # It waits for the end of a head that never comes; what TLS says holds none.
        assert reason_for(secured, timeout=0.2) == "no response within 0.2 seconds"
    with mockscope.serve() as live:
        reason = reason_for(live.url.replace("http:", "https:"))
    assert reason == "TLS failed: if the port is for plain HTTP, write http://"


def test_unreadable_certificates_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(ValueError, match=f"cannot read certificates from {tmp_path}/missing: No such file"):
        SiteClient("https://127.0.0.1", HOST, KEY, ca_file=tmp_path / "missing")
    with pytest.raises(ValueError, match=f"cannot read certificates from {empty}: the file has none"):
        SiteClient("https://127.0.0.1", HOST, KEY, ca_file=empty)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_proxy_in_the_environment_is_used(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with mockscope.serve(proxy=True) as server:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", server.proxy_url)
        site = server.site(HOST, api_key=KEY)
        with SiteClient(f"{scheme}://app.periscopedata.com", HOST, KEY, ca_file=server.ca_file) as client:
            statuses = [client.request("GET", "/api/v1/users").status for _ in range(2)]

        assert statuses == [200, 200]
        assert [dict(call.headers)["host"] for call in site.calls] == ["app.periscopedata.com"] * 2


def test_a_refusing_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with mockscope.serve(proxy=True) as server:
        monkeypatch.setenv("https_proxy", server.proxy_url)
        way = server.proxy_url.removeprefix("http://")
        with SiteClient("https://elsewhere.invalid", HOST, KEY) as client, pytest.raises(Unreachable) as caught:
            client.request("GET", "/")

    assert str(caught.value).startswith(
        f"https://elsewhere.invalid (through the proxy {way}): Tunnel connection failed: 403 "
    )


def test_only_the_proxy_gets_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted([ok()]) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//joey:how%20you@"))
        with SiteClient("http://elsewhere.invalid/below", HOST, KEY) as client:
            exchange = client.request("GET", "/api")

    assert [fields_of(request) for request in server.requests[0]] == [
        [
            "GET http://elsewhere.invalid/below/api HTTP/1.1",
            "Host: elsewhere.invalid",
            "Accept-Encoding: identity",
            f"User-Agent: mockscope/{mockscope.__version__}",
            f"Http-X-Partner-Auth: {HOST}:{KEY}",
            "proxy-authorization: Basic am9leTpob3cgeW91",
        ]
    ]
    assert "joey" not in f"{exchange!r}{exchange}{exchange.curl}"


def test_a_host_in_no_proxy_is_reached_directly(
    server: LiveServer, site: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with SiteClient(server.url, HOST, KEY) as client:
        assert client.request("GET", "/api/v1/users").status == 200


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://a:b", "http://"])
def test_a_proxy_of_another_kind_is_refused(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ValueError, match="the proxy for http in the environment must be an http:// or https:// URL"):
        SiteClient("http://elsewhere.invalid", HOST, KEY)


# -- exchanges as text -----------------------------------------------------------------------------------------


def echo(key: str = KEY, *, host: str = HOST) -> Exchange:
    """Return an exchange with a server that repeats its request, the key included."""
    sent = f'{{"message": "no {host}:{key}"}}'.encode()
    response = ok(sent, f"X-Echo: {host}:{key}", status="403 Forbidden")
    with scripted([response]) as server, SiteClient(server.url, host, key) as client:
        assert key not in f"{client!r}{client}"
        return client.request("PUT", f"/api/{host}:{key}", json={"key": f"{host}:{key}"})


@pytest.mark.parametrize(("key", "shown"), [(KEY, "…a9f1"), ("a-key-of-another-shape", "…hape"), ("short", "…")])
def test_an_exchange_shows_all_but_the_key(key: str, shown: str) -> None:
    exchange = echo(key)

    lines = str(exchange).splitlines()
    assert lines == [
        f"> PUT /api/{HOST}:{shown}",
        f"> User-Agent: mockscope/{mockscope.__version__}",
        f"> Http-X-Partner-Auth: {HOST}:{shown}",
        "> Content-Type: application/json",
        f'> {{"key": "{HOST}:{shown}"}}',
        "< 403",
        "< Content-Type: application/json",
        f"< Content-Length: {len(key) + 31}",
        f"< X-Echo: {HOST}:{shown}",
        f'< {{"message": "no {HOST}:{shown}"}}',
    ]
    assert key not in f"{exchange!r}{exchange.curl}"
    # The unredacted response is there for the code that needs it.
    assert exchange.json == {"message": f"no {HOST}:{key}"}


def test_a_long_body_is_cut_and_a_key_is_not_cut_in_half() -> None:
    sent = b"x" * 1990 + KEY.encode() + b"y" * 100
    with scripted([ok(sent)]) as server, SiteClient(server.url, HOST, KEY) as client:
        shown = str(client.request("GET", "/")).splitlines()[-2:]

    assert shown == [f"< {'x' * 1990}…a9f1{'y' * 5}", "< ... and 95 characters more"]


@pytest.mark.parametrize("response", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_a_response_that_is_not_json_is_a_value_error(response: bytes) -> None:
    with scripted([ok(response)]) as server, SiteClient(server.url, HOST, KEY) as client:
        exchange = client.request("GET", "/")
    with pytest.raises(ValueError, match=r"."):
        _ = exchange.json


CURLED: Final[list[dict[str, Any]]] = [
    {"method": "GET", "path": "/api/v1/users", "query": {"next_page_start": "joey+1@example.com"}},
    {"method": "GET", "path": "/api/v1/users", "headers": [("Http-X-Email", "joey's@example.com")]},
    {"method": "DELETE", "path": "/api/v1/users", "headers": [("Http-X-Email", "")], "query": "test_mode=true"},
    {"method": "PUT", "path": "/api/v1/groups/a", "json": {"name": 'it\'s @ "$HOME" `ls` \\ \n Zoë'}},
    {"method": "POST", "path": "/api/v1/users", "body": b"@seed"},
    {"method": "POST", "path": "/api/v1/users", "body": b"\x00\xff\\%s'"},
    {"method": "POST", "path": "/api/v1/users"},
    {"method": "GET", "path": "/api/v1/groups/a", "headers": [("Http-X-Partner-Auth", f"<{HOST}:{KEY}>")]},
    {"method": "GET", "path": "/api/v1/groups", "auth": False},
]


@pytest.mark.parametrize("asked", CURLED, ids=lambda asked: f"{asked['method']} {asked['path']}")
def test_the_curl_line_sends_the_same_request(asked: dict[str, Any]) -> None:
    with scripted([ok(b"")], [ok(b"")]) as server:
        with SiteClient(server.url, HOST, KEY) as client:
            line = client.request(**asked).curl
        assert KEY not in line
        subprocess.run(
            ["sh", "-c", line],
            env=os.environ | {"MOCKSCOPE_API_KEY": KEY},
            timeout=300,
            check=True,
            capture_output=True,
        )

    [[ours], [theirs]] = server.requests
    assert without_manners(theirs) == without_manners(ours)


def without_manners(request: bytes) -> tuple[list[str], bytes]:
    """Return a request without the headers that differ between clients, and with sorted headers."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    own = re.compile(r"(?i)(user-agent|accept|accept-encoding|host): ")
    kept = [re.sub(r": *$", ":", field) for field in fields if not own.match(field)]
    return [line, *sorted(kept)], body


def test_the_curl_line_names_the_certificates() -> None:
    with mockscope.serve(tls=True) as server, SiteClient(server.url, HOST, KEY, ca_file=server.ca_file) as client:
        server.site(HOST, api_key=KEY)
        line = client.request("GET", "/api/v1/groups").curl
        done = subprocess.run(
            ["sh", "-c", f"{line} -s"],
            env=os.environ | {"MOCKSCOPE_API_KEY": KEY},
            timeout=300,
            check=True,
            capture_output=True,
        )

    assert done.stdout.startswith(b"HTTP/1.1 200 OK")
