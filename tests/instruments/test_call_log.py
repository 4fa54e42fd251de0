"""The call log: each request is a call from its receipt on, and the log is bounded."""

import asyncio
import gc
import json
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from threading import Event, Thread
from time import monotonic
from typing import Any, ClassVar

import httpx
import pytest
from support.bounds import WAIT_SECONDS, at_once, join, until
from support.callers import GROUPS, PHOEBE, USERS, Half, announcing, send, send_to

import mockscope
from mockscope import Call, Clock, LiveServer, MockSite, Refusal, Refused
from mockscope.instruments import call_log as call_log_module
from mockscope.instruments.call import MAX_BODY_BYTES
from mockscope.instruments.call_log import CallLog
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.packed_headers import encode_headers
from mockscope.instruments.redaction import Redactor
from mockscope.web.request import MAX_REQUEST_BODY_BYTES

KEY = "e179017a-62b0-4996-8a38-e91aa9f1"


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site("example-site", KEY)


# -- the contents of a call ------------------------------------------------------------------------------------


def test_a_call_records_its_request_and_response(site: MockSite) -> None:
    site.clock.freeze("2024-02-06T12:00:00Z")

    response = send_to(site, "POST", f"{USERS}?test_mode=true", PHOEBE)

    assert site.calls.last.as_dict() == {
        "id": response.headers["x-request-id"],
        "time": "2024-02-06T12:00:00.000Z",
        "site": "example-site",
        "operation": "create_user",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/users",
        "query": "test_mode=true",
        "params": {"test_mode": "true"},
        "headers": [
            ["host", site.url.removeprefix("http://")],
            ["http-x-partner-auth", "example-site:…a9f1"],
            ["content-length", "119"],
            ["content-type", "application/json"],
        ],
        "body": '{"first_name": "Phoebe", "last_name": "Buffay", "email": "phoebe@example.com", '
        '"invited_by_email": "admin@example.com"}',
        "body_cut": False,
        "email": "phoebe@example.com",
        "group": None,
        "status": 200,
        "response_headers": [
            ["server", "mockscope"],
            ["content-length", "54"],
            ["content-type", "application/json; charset=utf-8"],
            ["x-request-id", response.headers["x-request-id"]],
        ],
        "response": '{"message":"Action would have completed successfully"}',
        "response_cut": False,
        "duration_ms": 0.0,
        "is_open": False,
        "test_mode": True,
        "rule": None,
        "hint": None,
        "hints": [],
        "fault": None,
        "changes": [],
        "changes_cut": False,
    }


def test_a_refused_call_records_rule_and_hint(site: MockSite) -> None:
    send_to(site, "GET", f"{GROUPS}/Sale")

    call = site.calls.last
    assert (call.status, call.rule, call.hint and call.hint.code) == (404, "GROUP-GET-1", "group-unknown")
    assert call.response_json == {"message": Refused(Refusal.GROUP_UNKNOWN, host="example-site", name="Sale").message}
    assert call.hints == ()


def test_a_call_records_the_headers_of_its_response(site: MockSite) -> None:
    response = send_to(site, "GET", GROUPS)

    assert site.calls.last.response_headers == [
        ("server", "mockscope"),
        ("content-length", str(len(response.body))),
        ("content-type", "application/json; charset=utf-8"),
        ("x-request-id", response.headers["x-request-id"]),
    ]


def test_a_call_records_the_fault_that_hit_it(site: MockSite) -> None:
    fault = site.faults.add("list_users", status=503)

    send_to(site, "GET", USERS)

    assert (site.calls.last.status, site.calls.last.fault) == (503, fault.id)


@pytest.mark.rule("HTTP-10")
def test_every_response_carries_the_id_of_its_call(server: LiveServer, site: MockSite) -> None:
    responses = [
        send_to(site, "GET", USERS),
        send_to(site, "DELETE", USERS),
        send_to(site, "GET", "/api/v1/no"),
        send_to(site, "PATCH", USERS),
        send(server.url, "GET", USERS),
    ]

    ids = [response.headers["x-request-id"] for response in responses]
    assert [call.id for call in [*site.calls, *server.calls]] == ids


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Http-X-Partner-Auth": ""},
        {"Http-X-Partner-Auth": KEY},
        {"Http-X-Partner-Auth": "example-site:wrong"},
        {"Http-X-Partner-Auth": f"another-site:{KEY}"},
    ],
)
def test_a_request_that_reaches_no_site_is_a_call_of_the_server(
    headers: dict[str, str], server: LiveServer, site: MockSite
) -> None:
    send(server.url, "GET", USERS, headers)

    assert [(call.status, call.site, call.operation) for call in server.calls] == [(403, None, "list_users")]
    assert list(site.calls) == []


def test_a_request_to_a_site_without_the_api_is_a_call_of_the_site(server: LiveServer, site: MockSite) -> None:
    site.enabled = False

    send_to(site, "GET", USERS)

    assert [(call.status, call.rule) for call in site.calls] == [(404, "AUTH-3")]
    assert list(server.calls) == []


def test_a_request_to_a_removed_site_is_a_call_of_the_server_and_names_the_site(
    server: LiveServer, site: MockSite
) -> None:
    site.label = "test_offboarding"
    site.remove()

    send(server.url, "GET", USERS, site.headers)

    hint = server.calls.last.hint
    assert hint is not None
    assert (hint.code, "test_offboarding" in hint.cause) == ("site-removed", True)


def test_requests_to_reserved_paths_are_not_calls(server: LiveServer, site: MockSite) -> None:
    send(server.url, "GET", "/openapi.json")

    assert [*site.calls, *server.calls] == []


@pytest.mark.parametrize(
    ("method", "target", "email"),
    [
        ("PUT", USERS, "nobody@example.com"),
        ("PUT", USERS, None),
        ("PUT", f"{GROUPS}/Nothing", None),
        ("DELETE", USERS, None),
    ],
)
def test_a_body_that_was_refused_unread_is_in_the_call(
    method: str, target: str, email: str | None, site: MockSite
) -> None:
    send_to(site, method, target, {"first_name": "Phoebe"}, email=email)

    assert site.calls.last.json == {"first_name": "Phoebe"}


def test_a_body_that_was_sent_without_a_key_is_in_the_call(server: LiveServer) -> None:
    send(server.url, "POST", USERS, {}, PHOEBE)

    assert server.calls.last.json == PHOEBE


@pytest.mark.parametrize("faults", [False, True])
def test_the_beginning_of_a_chunked_body_over_the_limit_is_kept(
    faults: bool,  # noqa: FBT001 - a parameter of the test
    site: MockSite,
) -> None:
    if faults:
        site.faults.add("delete_user", status=503)

    def chunks() -> Iterator[bytes]:
        yield b"a" * MAX_REQUEST_BODY_BYTES
        yield b"b" * MAX_REQUEST_BODY_BYTES

    response = httpx.post(f"{site.url}{USERS}", headers=site.headers, content=chunks(), trust_env=False, verify=False)

    assert response.status_code == 413
    assert site.calls.last.body == b"a" * MAX_BODY_BYTES


def test_a_client_that_disconnects_early_leaves_half_a_body(site: MockSite) -> None:
    with Half(site) as half:
        half.leave()

        # The end may be known before the last bytes are.
        call = site.calls.last
        assert (call.operation, call.status) == ("create_user", None)
        assert half.first.startswith(call.body or b"")
        assert call.duration is not None


@pytest.mark.parametrize(
    ("operation", "path", "headers", "body", "email", "group"),
    [
        ("get_user", USERS, {"Http-X-Email": "joey@example.com"}, None, "joey@example.com", None),
        ("list_users", USERS, {}, None, None, None),
        ("create_user", USERS, {"Http-X-Email": "a@b.c"}, b'{"email": "joey@example.com"}', "joey@example.com", None),
        ("create_user", USERS, {}, b'{"email": 7}', None, None),
        ("create_user", USERS, {}, b"[]", None, None),
        ("create_group", GROUPS, {"Http-X-Email": "joey@example.com"}, b'{"name": "Sales"}', None, "Sales"),
        ("update_group", f"{GROUPS}/R%2FD", {}, b'{"name": "Sales"}', None, "R/D"),
        ("update_group", f"{GROUPS}/R%2FD/", {}, b"{}", None, "R/D"),
        ("list_groups", f"{GROUPS}/", {}, None, None, None),
    ],
)
def test_a_call_has_the_email_and_the_group_of_its_request(
    operation: str, path: str, headers: dict[str, str], body: bytes | None, email: str | None, group: str | None
) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    call = Call("1", "GET", path, "", encode_headers(raw))
    call.operation = operation
    if body is not None:
        call.body = body

    assert (call.email, call.group) == (email, group)


def test_a_call_has_its_request_and_response_decoded(site: MockSite) -> None:
    send_to(site, "GET", f"{USERS}?next_page_start=joey%2B1%40example.com&test_mode=&test_mode=true")

    call = site.calls.last
    assert call.query == "next_page_start=joey%2B1%40example.com&test_mode=&test_mode=true"
    assert call.params == {"next_page_start": "joey+1@example.com", "test_mode": "true"}
    assert (call.header("HOST"), call.header("accept")) == (site.url.removeprefix("http://"), None)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_request_json_returns_none_for_a_body_that_is_not_json(body: bytes) -> None:
    call = Call("1", "POST", USERS)
    call.body = body

    assert call.json is None


def test_control_characters_are_escaped_in_the_line_of_a_call() -> None:
    call = Call("1", "POST", USERS)
    call.operation = "create_user"
    call.body = b'{"email": "\\u001b[31m\\n' + b"x" * 500 + b'"}'

    assert str(call) == f"... create_user \\x1b[31m\\n{'x' * 73}…"


# -- looking while requests are under way ----------------------------------------------------------------------


def test_a_call_is_recorded_before_its_response(site: MockSite) -> None:
    with Half(site) as half:
        [call] = site.calls.settled(0)
        assert (call.operation, call.status, call.duration, call.is_open) == ("create_user", None, None, True)

        assert half.finish() == b"HTTP/1.1 201 Created"
        assert site.calls.last is call
        assert (call.status, call.is_open) == (201, False)


def test_reading_the_calls_waits_for_open_calls(site: MockSite, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = announcing(site.calls, monkeypatch)
    with Half(site) as half:
        sender = Thread(target=lambda: waiting.wait(WAIT_SECONDS) and half.finish())
        sender.start()

        assert [call.status for call in site.calls] == [201]
        join(sender)
    assert waiting.is_set()


def test_a_reset_waits_for_open_calls_and_removes_them(site: MockSite, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = announcing(site.calls, monkeypatch)
    with Half(site, PHOEBE | {"role": "Viewer"}) as half:
        sender = Thread(target=lambda: waiting.wait(WAIT_SECONDS) and half.finish())
        sender.start()

        site.reset()

        join(sender)
    assert waiting.is_set()
    assert (list(site.users), list(site.calls), site.findings()) == (["admin@example.com"], [], [])


class Spied(Call):
    """A call that records the values a reader would see at each moment at which it looks complete."""

    log: ClassVar[CallLog]
    seen: ClassVar[list[object]]

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if self.duration is not None:
            self.seen.append(self.all_of_it())

    def all_of_it(self) -> object:
        return [getattr(self, name) for name in Call.__struct_fields__], [*self.log.accidental], [*self.log._large]


def test_a_call_is_complete_only_when_all_its_fields_are_set() -> None:
    Spied.log, Spied.seen = CallLog("the site example-site", Clock()), []
    headers, response_headers = [(b"host", b"localhost")], [(b"content-type", b"application/json")]
    call = Spied("1", "POST", USERS, "", encode_headers(headers), number=1, operation="create_user")
    Spied.log.open(call)
    call.body = b'{"note": "' + b"x" * MAX_BODY_BYTES
    call.store_response(201, response_headers, b"y" * MAX_BODY_BYTES)
    call.hints = (HintTemplate.BODY_IGNORED.fill(method="GET"),)

    Spied.log.close(call)

    assert Spied.seen == [call.all_of_it()]
    head = len(USERS) + len(encode_headers(headers)) + len(encode_headers(response_headers))
    assert (len(call.body or b""), call.size_bytes) == (MAX_BODY_BYTES, 2 * MAX_BODY_BYTES + head)


def test_a_delayed_call_may_continue_while_another_thread_reads_it() -> None:
    call = Call("1", "GET", USERS, delayed_until=60.0)

    def source() -> int:
        call.delayed_until = None
        return 0

    call.clock = Clock(source=source)

    assert (call.is_delayed, call.is_delayed) == (True, False)


@pytest.mark.parametrize("name", ["body", "response"])
def test_a_body_may_be_forgotten_while_another_thread_reads_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call("1", "POST", USERS)
    call.body = b"{}"
    call.store_response(200, [], b"{}")
    raw = Redactor.redact_bytes

    def forget(redactor: Redactor) -> Callable[[bytes], bytes]:
        call.discard_content()
        return partial(raw, redactor)

    monkeypatch.setattr(Redactor, "redact_bytes", property(forget))

    assert (getattr(call, name), getattr(call, name)) == (b"{}", None)


def test_reading_the_calls_continues_as_soon_as_the_response_is_sent(
    site: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = announcing(site.calls, monkeypatch)
    began = monotonic()
    with Half(site) as half:
        sender = Thread(target=lambda: waiting.wait(WAIT_SECONDS) and half.finish())
        sender.start()

        assert [call.status for call in site.calls.settled(WAIT_SECONDS)] == [201]
        assert monotonic() - began < WAIT_SECONDS / 2
        join(sender)


def test_reading_the_calls_times_out(site: MockSite) -> None:
    with Half(site):
        assert [call.status for call in site.calls.settled(0.01)] == [None]


def test_reading_the_calls_does_not_wait_for_later_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    call_log = CallLog("the site example-site", Clock())
    waiting = announcing(call_log, monkeypatch)
    first, second = (Call(str(number), "GET", USERS, number=number) for number in (1, 2))

    def traffic() -> None:
        call_log.open(first)
        ready.set()
        waiting.wait(WAIT_SECONDS)
        call_log.open(second)
        call_log.close(first)

    ready = Event()
    server = Thread(target=traffic)
    server.start()
    assert ready.wait(WAIT_SECONDS)

    assert call_log.settled(WAIT_SECONDS)[0].is_open is False
    join(server)
    assert [call.is_open for call in call_log.settled(0)] == [False, True]


def test_reading_the_calls_does_not_wait_for_a_delayed_call(site: MockSite) -> None:
    site.clock.freeze()
    site.faults.add("list_users", delay=60)
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(send_to, site, "GET", USERS)
        until(lambda: any(call.is_delayed for call in site.calls.settled(0)))

        assert (site.calls.last.status, site.calls.last.is_delayed) == (None, True)
        site.clock.shift(seconds=60)
        assert pending.result(WAIT_SECONDS).status == 200
        assert (site.calls.last.status, site.calls.last.is_delayed) == (200, False)


async def test_reading_the_calls_from_the_servers_thread_does_not_block_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mock = mockscope.Mockscope()
    site = mock.site()
    waiting = announcing(site.calls, monkeypatch)
    started, rest = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        started.set()
        await rest.wait()
        yield b'{"name": "Sales", "access": "Sql", "created_by_email": "admin@example.com"}'

    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.app), base_url=site.url) as client:
        post = asyncio.create_task(client.post(GROUPS, content=body(), headers=site.headers))
        await started.wait()
        assert [call.status for call in site.calls] == [None]
        rest.set()
        assert (await post).status_code == 201
    assert [call.status for call in site.calls] == [201]
    assert not waiting.is_set()


# -- limits of stored calls ------------------------------------------------------------------------------------


def test_the_oldest_calls_are_forgotten_first() -> None:
    with mockscope.serve(calls_kept=3) as server:
        site = server.site()
        ids = [send_to(site, "GET", USERS).headers["x-request-id"] for _ in range(5)]
        refused = [send(server.url, "GET", USERS).headers["x-request-id"] for _ in range(5)]

        assert [call.id for call in site.calls] == ids[2:]
        assert [call.id for call in server.calls] == refused[2:]


def test_a_call_may_be_forgotten_before_its_response() -> None:
    with mockscope.serve(calls_kept=2) as server:
        site = server.site()
        with Half(site) as half:
            ids = [send_to(site, "GET", USERS).headers["x-request-id"] for _ in range(3)]
            assert half.finish() == b"HTTP/1.1 201 Created"

        assert [call.id for call in site.calls] == ids[1:]


def test_a_call_may_be_cleared_before_its_response(site: MockSite) -> None:
    with Half(site) as half:
        site.calls.clear()
        assert half.finish() == b"HTTP/1.1 201 Created"

        assert list(site.calls) == []
        send_to(site, "GET", USERS)
        assert [call.operation for call in site.calls] == ["list_users"]


@pytest.mark.parametrize("size", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 3 * MAX_BODY_BYTES])
def test_bodies_of_requests_and_responses_are_kept_up_to_their_limit(size: int, site: MockSite) -> None:
    site.faults.add("create_user", status=400, body=b"y" * size)

    assert len(send_to(site, "POST", USERS, b"x" * size).body) == size

    assert site.calls.last.body == b"x" * MAX_BODY_BYTES
    assert site.calls.last.response == b"y" * MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("target", "criteria", "body"),
    [
        (USERS, {"operation": "create_user", "email": "phoebe@example.com"}, PHOEBE),
        (GROUPS, {"operation": "create_group", "group": "Friends"}, {"name": "Friends", "access": "View"}),
    ],
)
def test_the_email_of_a_body_over_the_limit_is_kept(
    site: MockSite, target: str, criteria: dict[str, str], body: dict[str, str]
) -> None:
    send_to(site, "POST", target, {"note": "x" * MAX_BODY_BYTES} | body)

    assert len(site.calls.matching(**criteria)) == 1
    assert site.calls.last.json is None
    assert len(site.calls.last.body or b"") == MAX_BODY_BYTES


def test_the_oldest_calls_lose_their_bodies_when_the_log_has_too_many_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_log_module, "MAX_TOTAL_BYTES", 10_000)
    call_log = CallLog("the site example-site", Clock())
    for number, size in enumerate((4000, 100, 4000, 4000, 4000)):
        call = Call(str(number), "POST", USERS, number=number)
        call_log.open(call)
        call.body = b"x" * (size // 2)
        call.store_response(200, [], b"y" * (size // 2))
        call_log.close(call)

    assert [len(call.body or b"") + len(call.response or b"") for call in call_log] == [0, 100, 0, 4000, 4000]


# Packed, it has 3999 bytes.
LARGE_HEAD = [(b"x", b"y" * 3991)]


@pytest.mark.parametrize(("most", "left"), [(8000, [4000, 4000]), (7999, [0, 4000])])
@pytest.mark.parametrize("place", ["header", "response header", "query", "path", "body", "response"])
def test_request_heads_count_as_bytes_and_one_byte_too_many_drops_the_oldest_call(
    monkeypatch: pytest.MonkeyPatch, most: int, left: list[int], place: str
) -> None:
    monkeypatch.setattr(call_log_module, "MAX_TOTAL_BYTES", most)
    log = CallLog("the site example-site", Clock())
    for number in range(2):
        large = {name: "x" * (3998 if name == place else 0) for name in ("path", "query", "body", "response")}
        headers = encode_headers(LARGE_HEAD if place == "header" else [])
        call = Call(str(number), "GET", large["path"], large["query"], headers, number=number)
        log.open(call)
        call.body = large["body"].encode()
        response_headers = LARGE_HEAD if place == "response header" else []
        call.store_response(200, response_headers, large["response"].encode())
        log.close(call)

    assert [call.size_bytes for call in log] == left
    shown = [sum(map(len, json.dumps(call.as_dict()))) for call in log]
    assert [size > 2000 for size in shown] == [size_bytes > 0 for size_bytes in left]
    assert [call.status for call in log] == [200, 200]


async def test_forgotten_calls_take_no_memory() -> None:
    mock = mockscope.Mockscope(calls_kept=100)
    site = mock.site()

    async def send_request(times: int) -> int:
        for _ in range(times):
            await client.post(USERS, json=PHOEBE, headers=site.headers)
            await client.get(USERS)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.app), base_url=site.url) as client:
        tracemalloc.start()
        try:
            before = await send_request(120)
            assert await send_request(300) - before < 100_000
        finally:
            tracemalloc.stop()
    assert (len(site.calls), len(mock.calls)) == (100, 100)


@pytest.mark.parametrize("when", ["on receipt", "after the response"])
def test_an_observer_that_raises_is_logged_and_the_response_is_sent(
    when: str, site: MockSite, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("Joey ate the sandwich")

    seen: list[str] = []
    if when == "on receipt":
        monkeypatch.setattr(call_log_module, "CALL_OBSERVERS", [fail, lambda call, calls: seen.append(call.id)])
    else:
        monkeypatch.setattr(site.calls, "observers", [fail, lambda call: seen.append(call.id)])

    response = httpx.get(f"{site.url}{USERS}", headers=site.headers, trust_env=False, verify=False)
    [call] = site.calls
    until(lambda: bool(seen))

    assert (response.status_code, seen) == (200, [call.id])
    assert caplog.messages == ["An observer of calls raised an error. The response is not affected."]


def test_a_forgotten_call_is_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    # The plugin keeps the latest calls of the test that runs.
    monkeypatch.setattr(call_log_module, "CALL_OBSERVERS", [])
    call_log = CallLog("the site example-site", Clock(), size=2)
    calls = [Call(str(number), "POST", USERS, number=number) for number in range(4)]
    unheld = sys.getrefcount(calls[0])
    for call in calls:
        call_log.open(call)
        call.body = b"x" * 10_000
        call_log.close(call)

    del call
    assert [sys.getrefcount(calls[place]) - unheld for place in (0, 1)] == [0, 0]


def test_bodies_of_forgotten_calls_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log_module, "MAX_TOTAL_BYTES", 10_000)
    call_log = CallLog("the site example-site", Clock(), size=2)
    for number in range(20):
        call = Call(str(number), "POST", USERS, number=number)
        call_log.open(call)
        call.body = b"x" * 4000
        call_log.close(call)

    assert [len(call.body or b"") for call in call_log] == [4000, 4000]


# -- several at once -------------------------------------------------------------------------------------------


def test_calls_from_many_threads_are_recorded_once_and_in_order(server: LiveServer, site: MockSite) -> None:
    threads, requests = 8, 60

    def send_request(number: int) -> list[tuple[str, str]]:
        with httpx.Client(base_url=server.url, headers=site.headers, trust_env=False, verify=False) as client:
            responses = [client.get(USERS, params={"next_page_start": f"{number}-{n}"}) for n in range(requests)]
        return [(response.headers["x-request-id"], response.request.url.query.decode()) for response in responses]

    sent = at_once(send_request, range(threads))

    calls = list(site.calls)
    assert len(calls) == threads * requests
    assert {(call.id, call.query) for call in calls} == {pair for pairs in sent for pair in pairs}
    assert [call.number for call in calls] == sorted({call.number for call in calls})
    for pairs in sent:
        mine = set(pairs)
        assert [(call.id, call.query) for call in calls if (call.id, call.query) in mine] == pairs


def test_sites_do_not_see_each_others_calls(server: LiveServer) -> None:
    sites = [server.site() for _ in range(4)]

    def send_request(site: MockSite) -> list[Any]:
        return [send_to(site, "GET", USERS).headers["x-request-id"] for _ in range(20)]

    sent_ids = at_once(send_request, sites)

    assert [[call.id for call in site.calls] for site in sites] == sent_ids


def test_a_call_that_was_received_before_a_reset_is_not_delayed_after_it() -> None:
    call_log = CallLog("the site example-site", Clock())
    before, after = (Call(str(number), "GET", USERS, number=number) for number in (1, 2))
    ended: list[str] = []

    call_log.open(before)
    call_log.end_delayed()
    call_log.open(after)
    for call in (before, after):
        with call_log.mark_delayed(call, inf, lambda call=call: ended.append(call.id)):  # type: ignore[misc]
            pass

    assert ended == ["1"]
