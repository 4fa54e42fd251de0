"""Every request is an entry from its receipt on, and no more are kept than was said."""

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
from support.callers import GROUPS, PHOEBE, USERS, Half, announcing, call, send

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.instruments import call_log as journal_module
from mockscope.instruments.call import MAX_BODY_BYTES, Call
from mockscope.instruments.call_log import CallLog
from mockscope.instruments.clock import Clock
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.packed_headers import encode_headers
from mockscope.instruments.redaction import Redactor
from mockscope.web.request import MAX_REQUEST_BODY_BYTES

KEY = "e179017a-62b0-4996-8a38-e91aa9f1"


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site("example-site", KEY)


# -- what an entry holds ---------------------------------------------------------------------------------------


def test_a_call_records_its_request_and_response(site: MockSite) -> None:
    site.clock.freeze("2024-02-06T12:00:00Z")

    answer = call(site, "POST", f"{USERS}?test_mode=true", PHOEBE)

    assert site.calls.last.as_dict() == {
        "id": answer.headers["x-request-id"],
        "time": "2024-02-06T12:00:00.000Z",
        "site": "example-site",
        "operation": "create_user",
        "method": "POST",
        "path": "/api/v1/users",
        "query": "test_mode=true",
        "headers": [
            ["host", site.url.removeprefix("http://")],
            ["http-x-partner-auth", "example-site:…a9f1"],
            ["content-length", "119"],
            ["content-type", "application/json"],
        ],
        "body": '{"first_name": "Phoebe", "last_name": "Buffay", "email": "phoebe@example.com", '
        '"invited_by_email": "admin@example.com"}',
        "status": 200,
        "response": '{"message":"Action would have completed successfully"}',
        "duration_ms": 0.0,
        "test_mode": True,
        "rule": None,
        "hint": None,
        "fault": None,
    }


def test_a_refused_call_records_rule_and_hint(site: MockSite) -> None:
    call(site, "GET", f"{GROUPS}/Sale")

    entry = site.calls.last
    assert (entry.status, entry.rule, entry.hint and entry.hint.code) == (404, "GROUP-GET-1", "group-unknown")
    assert entry.response_json == {"message": "The site example-site has no group Sale."}
    assert entry.hints == ()


def test_a_call_records_the_headers_of_its_response(site: MockSite) -> None:
    answer = call(site, "GET", GROUPS)

    assert site.calls.last.response_headers == [
        ("server", "mockscope"),
        ("content-length", str(len(answer.body))),
        ("content-type", "application/json; charset=utf-8"),
        ("x-request-id", answer.headers["x-request-id"]),
    ]


def test_a_call_records_the_fault_that_hit_it(site: MockSite) -> None:
    fault = site.faults.add("list_users", status=503)

    call(site, "GET", USERS)

    assert (site.calls.last.status, site.calls.last.fault) == (503, fault.id)


@pytest.mark.rule("HTTP-10")
def test_every_response_carries_the_id_of_its_call(server: LiveServer, site: MockSite) -> None:
    answers = [
        call(site, "GET", USERS),
        call(site, "DELETE", USERS),
        call(site, "GET", "/api/v1/no"),
        call(site, "PATCH", USERS),
        send(server.url, "GET", USERS),
    ]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [entry.id for entry in [*site.calls, *server.calls]] == ids


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

    assert [(entry.status, entry.site, entry.operation) for entry in server.calls] == [(403, None, "list_users")]
    assert list(site.calls) == []


def test_a_request_to_a_site_without_the_api_is_a_call_of_the_site(server: LiveServer, site: MockSite) -> None:
    site.enabled = False

    call(site, "GET", USERS)

    assert [(entry.status, entry.rule) for entry in site.calls] == [(404, "AUTH-3")]
    assert list(server.calls) == []


def test_a_request_to_a_removed_site_is_a_call_of_the_server_and_names_the_site(
    server: LiveServer, site: MockSite
) -> None:
    site.label = "test_offboarding"
    site.remove()

    send(server.url, "GET", USERS, site.headers)

    advice = server.calls.last.hint
    assert advice is not None
    assert advice.cause == "The site example-site was here and has been removed: it was that of test_offboarding."


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
    call(site, method, target, {"first_name": "Phoebe"}, email=email)

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
        entry = site.calls.last
        assert (entry.operation, entry.status) == ("create_user", None)
        assert half.first.startswith(entry.body or b"")
        assert entry.duration is not None


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
    entry = Call("1", "GET", path, "", encode_headers(raw))
    entry.operation = operation
    if body is not None:
        entry.body = body

    assert (entry.email, entry.group) == (email, group)


def test_a_call_has_its_request_and_response_decoded(site: MockSite) -> None:
    call(site, "GET", f"{USERS}?next_page_start=joey%2B1%40example.com&test_mode=&test_mode=true")

    entry = site.calls.last
    assert entry.query == "next_page_start=joey%2B1%40example.com&test_mode=&test_mode=true"
    assert entry.params == {"next_page_start": "joey+1@example.com", "test_mode": "true"}
    assert (entry.header("HOST"), entry.header("accept")) == (site.url.removeprefix("http://"), None)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_request_json_returns_none_for_a_body_that_is_not_json(body: bytes) -> None:
    entry = Call("1", "POST", USERS)
    entry.body = body

    assert entry.json is None


def test_control_characters_are_escaped_in_the_line_of_a_call() -> None:
    entry = Call("1", "POST", USERS)
    entry.operation = "create_user"
    entry.body = b'{"email": "\\u001b[31m\\n' + b"x" * 500 + b'"}'

    assert str(entry) == f"... create_user \\x1b[31m\\n{'x' * 73}…"


# -- looking while requests are under way ----------------------------------------------------------------------


def test_a_call_is_recorded_before_its_response(site: MockSite) -> None:
    with Half(site) as half:
        [entry] = site.calls.settled(0)
        assert (entry.operation, entry.status, entry.duration, entry.is_open) == ("create_user", None, None, True)

        assert half.finish() == b"HTTP/1.1 201 Created"
        assert site.calls.last is entry
        assert (entry.status, entry.is_open) == (201, False)


def test_reading_the_calls_waits_for_open_calls(site: MockSite, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = announcing(site.calls, monkeypatch)
    with Half(site) as half:
        sender = Thread(target=lambda: waiting.wait(WAIT_SECONDS) and half.finish())
        sender.start()

        assert [entry.status for entry in site.calls] == [201]
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
    """A call that keeps what a reader of its log sees whenever it looks complete."""

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
    entry = Spied("1", "POST", USERS, "", encode_headers([(b"host", b"localhost")]), number=1, operation="create_user")
    Spied.log.open(entry)
    entry.body = b'{"note": "' + b"x" * MAX_BODY_BYTES
    entry.store_response(201, [(b"content-type", b"application/json")], b"y" * MAX_BODY_BYTES)
    entry.hints = (HintTemplate.BODY_IGNORED.fill(method="GET"),)

    Spied.log.close(entry)

    assert Spied.seen == [entry.all_of_it()]
    head = len(USERS) + len(entry._headers) + len(entry._response_headers)
    assert (len(entry.body or b""), entry.size_bytes) == (MAX_BODY_BYTES, 2 * MAX_BODY_BYTES + head)


def test_a_delayed_call_may_continue_while_another_thread_reads_it() -> None:
    entry = Call("1", "GET", USERS, delayed_until=60.0)

    def source() -> int:
        entry.delayed_until = None
        return 0

    entry.clock = Clock(source=source)

    assert (entry.is_delayed, entry.is_delayed) == (True, False)


@pytest.mark.parametrize("name", ["body", "response"])
def test_a_body_may_be_forgotten_while_another_thread_reads_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Call("1", "POST", USERS)
    entry.body = b"{}"
    entry.store_response(200, [], b"{}")
    raw = Redactor.raw

    def forget(veil: Redactor) -> Callable[[bytes], bytes]:
        entry.discard_content()
        return partial(raw, veil)

    monkeypatch.setattr(Redactor, "raw", property(forget))

    assert (getattr(entry, name), getattr(entry, name)) == (b"{}", None)


def test_reading_the_calls_continues_as_soon_as_the_response_is_sent(
    site: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = announcing(site.calls, monkeypatch)
    began = monotonic()
    with Half(site) as half:
        sender = Thread(target=lambda: waiting.wait(WAIT_SECONDS) and half.finish())
        sender.start()

        assert [entry.status for entry in site.calls.settled(WAIT_SECONDS)] == [201]
        assert monotonic() - began < WAIT_SECONDS / 2
        join(sender)


def test_reading_the_calls_times_out(site: MockSite) -> None:
    with Half(site):
        assert [entry.status for entry in site.calls.settled(0.01)] == [None]


def test_reading_the_calls_does_not_wait_for_later_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = CallLog("the site example-site", Clock())
    waiting = announcing(journal, monkeypatch)
    first, second = (Call(str(number), "GET", USERS, number=number) for number in (1, 2))

    def traffic() -> None:
        journal.open(first)
        ready.set()
        waiting.wait(WAIT_SECONDS)
        journal.open(second)
        journal.close(first)

    ready = Event()
    server = Thread(target=traffic)
    server.start()
    assert ready.wait(WAIT_SECONDS)

    assert journal.settled(WAIT_SECONDS)[0].is_open is False
    join(server)
    assert [entry.is_open for entry in journal.settled(0)] == [False, True]


def test_reading_the_calls_does_not_wait_for_a_delayed_call(site: MockSite) -> None:
    site.clock.freeze()
    site.faults.add("list_users", delay=60)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(call, site, "GET", USERS)
        until(lambda: any(entry.is_delayed for entry in site.calls.settled(0)))

        assert (site.calls.last.status, site.calls.last.is_delayed) == (None, True)
        site.clock.shift(seconds=60)
        assert asked.result(WAIT_SECONDS).status == 200
        assert (site.calls.last.status, site.calls.last.is_delayed) == (200, False)


async def test_reading_the_calls_from_the_servers_thread_does_not_block_it(monkeypatch: pytest.MonkeyPatch) -> None:
    double = mockscope.Mockscope()
    site = double.site()
    waiting = announcing(site.calls, monkeypatch)
    asked, rest = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        asked.set()
        await rest.wait()
        yield b'{"name": "Sales", "access": "Sql", "created_by_email": "admin@example.com"}'

    async with httpx.AsyncClient(transport=httpx.ASGITransport(double.app), base_url=site.url) as client:
        post = asyncio.create_task(client.post(GROUPS, content=body(), headers=site.headers))
        await asked.wait()
        assert [entry.status for entry in site.calls] == [None]
        rest.set()
        assert (await post).status_code == 201
    assert [entry.status for entry in site.calls] == [201]
    assert not waiting.is_set()


# -- what is kept ----------------------------------------------------------------------------------------------


def test_the_oldest_calls_are_forgotten_first() -> None:
    with mockscope.serve(calls_kept=3) as server:
        site = server.site()
        ids = [call(site, "GET", USERS).headers["x-request-id"] for _ in range(5)]
        refused = [send(server.url, "GET", USERS).headers["x-request-id"] for _ in range(5)]

        assert [entry.id for entry in site.calls] == ids[2:]
        assert [entry.id for entry in server.calls] == refused[2:]


def test_a_call_may_be_forgotten_before_its_response() -> None:
    with mockscope.serve(calls_kept=2) as server:
        site = server.site()
        with Half(site) as half:
            ids = [call(site, "GET", USERS).headers["x-request-id"] for _ in range(3)]
            assert half.finish() == b"HTTP/1.1 201 Created"

        assert [entry.id for entry in site.calls] == ids[1:]


def test_a_call_may_be_cleared_before_its_response(site: MockSite) -> None:
    with Half(site) as half:
        site.calls.clear()
        assert half.finish() == b"HTTP/1.1 201 Created"

        assert list(site.calls) == []
        call(site, "GET", USERS)
        assert [entry.operation for entry in site.calls] == ["list_users"]


@pytest.mark.parametrize("size", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 3 * MAX_BODY_BYTES])
def test_bodies_of_requests_and_responses_are_kept_up_to_their_limit(size: int, site: MockSite) -> None:
    site.faults.add("create_user", status=400, body=b"y" * size)

    assert len(call(site, "POST", USERS, b"x" * size).body) == size

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
    call(site, "POST", target, {"note": "x" * MAX_BODY_BYTES} | body)

    assert len(site.calls.matching(**criteria)) == 1
    assert site.calls.last.json is None
    assert len(site.calls.last.body or b"") == MAX_BODY_BYTES


def test_the_oldest_calls_lose_their_bodies_when_the_log_has_too_many_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "MAX_TOTAL_BYTES", 10_000)
    journal = CallLog("the site example-site", Clock())
    for number, size in enumerate((4000, 100, 4000, 4000, 4000)):
        entry = Call(str(number), "POST", USERS, number=number)
        journal.open(entry)
        entry.body = b"x" * (size // 2)
        entry.store_response(200, [], b"y" * (size // 2))
        journal.close(entry)

    assert [len(entry.body or b"") + len(entry.response or b"") for entry in journal] == [0, 100, 0, 4000, 4000]


# Packed, it has 3999 bytes.
LARGE_HEAD = [(b"x", b"y" * 3991)]


@pytest.mark.parametrize(("most", "left"), [(8000, [4000, 4000]), (7999, [0, 4000])])
@pytest.mark.parametrize("place", ["header", "answer header", "query", "path", "body", "answer"])
def test_request_heads_count_as_bytes_and_one_byte_too_many_drops_the_oldest_call(
    monkeypatch: pytest.MonkeyPatch, most: int, left: list[int], place: str
) -> None:
    monkeypatch.setattr(journal_module, "MAX_TOTAL_BYTES", most)
    log = CallLog("the site example-site", Clock())
    for number in range(2):
        large = {name: "x" * (3998 if name == place else 0) for name in ("path", "query", "body", "answer")}
        entry = Call(str(number), "GET", large["path"], large["query"], number=number)
        if place == "header":
            entry._headers = encode_headers(LARGE_HEAD)
        log.open(entry)
        entry.body = large["body"].encode()
        headers = LARGE_HEAD if place == "answer header" else []
        entry.store_response(200, headers, large["answer"].encode())
        log.close(entry)

    assert [entry.size_bytes for entry in log] == left
    shown = [sum(map(len, json.dumps(entry.as_dict()))) for entry in log]
    assert [size > 2000 for size in shown] == [place != "answer header" and size_bytes > 0 for size_bytes in left]
    assert [entry.status for entry in log] == [200, 200]


async def test_forgotten_calls_take_no_memory() -> None:
    double = mockscope.Mockscope(calls_kept=100)
    site = double.site()

    async def ask(times: int) -> int:
        for _ in range(times):
            await client.post(USERS, json=PHOEBE, headers=site.headers)
            await client.get(USERS)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(double.app), base_url=site.url) as client:
        tracemalloc.start()
        try:
            before = await ask(120)
            assert await ask(300) - before < 100_000
        finally:
            tracemalloc.stop()
    assert (len(site.calls), len(double.calls)) == (100, 100)


@pytest.mark.parametrize("when", ["on receipt", "after the response"])
def test_an_observer_that_raises_is_logged_and_the_response_is_sent(
    when: str, site: MockSite, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("Joey ate the sandwich")

    seen: list[str] = []
    if when == "on receipt":
        monkeypatch.setattr(journal_module, "CALL_OBSERVERS", [fail, lambda call, calls: seen.append(call.id)])
    else:
        monkeypatch.setattr(site.calls, "observers", [fail, lambda call: seen.append(call.id)])

    response = httpx.get(f"{site.url}{USERS}", headers=site.headers, trust_env=False, verify=False)
    [call] = site.calls
    until(lambda: bool(seen))

    assert (response.status_code, seen) == (200, [call.id])
    assert caplog.messages == ["An observer of calls raised an error. The response is not affected."]


def test_a_forgotten_call_is_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    # The plugin keeps the latest calls of the test that runs.
    monkeypatch.setattr(journal_module, "CALL_OBSERVERS", [])
    journal = CallLog("the site example-site", Clock(), size=2)
    entries = [Call(str(number), "POST", USERS, number=number) for number in range(4)]
    unheld = sys.getrefcount(entries[0])
    for entry in entries:
        journal.open(entry)
        entry.body = b"x" * 10_000
        journal.close(entry)

    del entry
    assert [sys.getrefcount(entries[place]) - unheld for place in (0, 1)] == [0, 0]


def test_bodies_of_forgotten_calls_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_TOTAL_BYTES", 10_000)
    journal = CallLog("the site example-site", Clock(), size=2)
    for number in range(20):
        entry = Call(str(number), "POST", USERS, number=number)
        journal.open(entry)
        entry.body = b"x" * 4000
        journal.close(entry)

    assert [len(entry.body or b"") for entry in journal] == [4000, 4000]


# -- several at once -------------------------------------------------------------------------------------------


def test_calls_from_many_threads_are_recorded_once_and_in_order(server: LiveServer, site: MockSite) -> None:
    threads, requests = 8, 60

    def ask(number: int) -> list[tuple[str, str]]:
        with httpx.Client(base_url=server.url, headers=site.headers, trust_env=False, verify=False) as client:
            answers = [client.get(USERS, params={"next_page_start": f"{number}-{n}"}) for n in range(requests)]
        return [(answer.headers["x-request-id"], answer.request.url.query.decode()) for answer in answers]

    asked = at_once(ask, range(threads))

    entries = list(site.calls)
    assert len(entries) == threads * requests
    assert {(entry.id, entry.query) for entry in entries} == {pair for pairs in asked for pair in pairs}
    assert [entry.number for entry in entries] == sorted({entry.number for entry in entries})
    for pairs in asked:
        mine = set(pairs)
        assert [(entry.id, entry.query) for entry in entries if (entry.id, entry.query) in mine] == pairs


def test_sites_do_not_see_each_others_calls(server: LiveServer) -> None:
    sites = [server.site() for _ in range(4)]

    def ask(site: MockSite) -> list[Any]:
        return [call(site, "GET", USERS).headers["x-request-id"] for _ in range(20)]

    asked = at_once(ask, sites)

    assert [[entry.id for entry in site.calls] for site in sites] == asked


def test_a_call_that_was_received_before_a_reset_is_not_delayed_after_it() -> None:
    journal = CallLog("the site example-site", Clock())
    before, after = (Call(str(number), "GET", USERS, number=number) for number in (1, 2))
    ended: list[str] = []

    journal.open(before)
    journal.end_delayed()
    journal.open(after)
    for entry in (before, after):
        with journal.mark_delayed(entry, inf, lambda entry=entry: ended.append(entry.id)):  # type: ignore[misc]
            pass

    assert ended == ["1"]
