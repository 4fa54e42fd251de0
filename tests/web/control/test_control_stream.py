"""The stream of calls as server-sent events: live, bounded, and ended by either side."""

import asyncio
import json
import socket
from collections.abc import Iterator
from threading import Semaphore
from typing import Any

import httpx
import pytest
from starlette.types import Message
from support.bounds import WAIT_SECONDS, until
from support.control_client import BASE, path_of

from mockscope import Call, LiveServer, MockSite
from mockscope.instruments.call import MAX_BODY_BYTES
from mockscope.web.control import event_stream
from mockscope.web.control.event_stream import EventStream

OPENED = ": calls from here on"


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site()


def list_users(site: MockSite) -> str:
    return httpx.get(f"{site.url}/api/v1/users", headers=site.headers, verify=False).headers["X-Request-Id"]


class Reader:
    """A client of server-sent events: fields of each event, and comments on their own."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def block(self) -> list[str]:
        """Return the lines up to the next blank one; none at the end."""
        lines: list[str] = []
        for line in self._lines:
            if not line:
                break
            lines.append(line)
        return lines

    def event(self) -> dict[str, Any]:
        fields = dict(line.split(": ", 1) for line in self.block())
        return {**fields, "data": json.loads(fields["data"])}


@pytest.fixture
def reader(site: MockSite) -> Iterator[Reader]:
    with httpx.stream("GET", f"{site.url}{path_of(site.host)}/calls/stream", timeout=300, verify=False) as response:
        reader = Reader(response)
        assert reader.block() == [OPENED]
        yield reader


def test_each_completed_call_is_one_event_with_the_request_s_id(site: MockSite, reader: Reader) -> None:
    first, second = list_users(site), list_users(site)

    assert reader.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    shown = [call.as_dict() for call in site.calls]
    assert [reader.event(), reader.event()] == [
        {"id": first, "event": "call", "data": shown[0]},
        {"id": second, "event": "call", "data": shown[1]},
    ]


def test_a_stream_shows_the_calls_of_its_site_alone(server: LiveServer, site: MockSite, reader: Reader) -> None:
    list_users(server.site())
    httpx.get(f"{site.url}/api/v1/users", verify=False)
    own = list_users(site)

    assert reader.event()["id"] == own


def test_the_server_s_stream_shows_the_calls_that_reach_no_site(server: LiveServer, site: MockSite) -> None:
    with httpx.stream("GET", f"{server.url}{BASE}/calls/stream", timeout=300, verify=False) as response:
        reader = Reader(response)
        assert reader.block() == [OPENED]
        list_users(site)
        refused = httpx.get(f"{server.url}/api/v1/users", verify=False)

        event = reader.event()
    assert (event["id"], event["data"]["status"]) == (refused.headers["X-Request-Id"], 403)


def test_a_stream_ends_when_its_site_is_removed(server: LiveServer, site: MockSite, reader: Reader) -> None:
    other = server.site()
    last = list_users(site)
    other.remove()
    site.remove()

    assert (reader.event()["id"], reader.block()) == (last, [])


async def test_a_stream_ends_when_its_site_is_removed_while_it_begins(
    site: MockSite, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return await asyncio.Future()

    def is_there(*_: object) -> bool:
        site.remove()
        return True

    monkeypatch.setattr(event_stream, "_is_present", is_there)
    async with asyncio.timeout(WAIT_SECONDS):
        await EventStream(server.registry, site)({"type": "http"}, receive, send)

    assert [message.get("body") for message in sent[1:]] == [f"{OPENED}\n\n".encode(), b""]


def test_a_stream_continues_after_a_reset(site: MockSite, reader: Reader) -> None:
    site.reset()
    after = list_users(site)

    assert reader.event()["id"] == after


def test_a_stream_of_a_removed_site_is_404(server: LiveServer) -> None:
    response = httpx.get(f"{server.url}{path_of('nowhere')}/calls/stream", verify=False)

    assert response.status_code == 404


def test_a_stream_ends_when_the_server_stops(
    server: LiveServer, site: MockSite, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    last = list_users(site)
    server.stop()

    assert (reader.event()["id"], reader.block()) == (last, [])
    assert caplog.records == []


def test_a_site_may_be_removed_while_its_server_stops(server: LiveServer, site: MockSite, reader: Reader) -> None:
    [leave] = server.registry.close_callbacks
    server.stop()
    assert server.registry.close_callbacks == []
    server.registry.close_callbacks.append(leave)

    site.remove()

    assert server.sites == {}


def test_a_client_that_disconnects_ends_its_stream(server: LiveServer, site: MockSite, reader: Reader) -> None:
    assert len(site.calls.observers) == len(server.registry.close_callbacks) == 1
    reader.response.close()

    # The next call is what shows it at the latest.
    while site.calls.observers:
        list_users(site)
    assert server.registry.close_callbacks == []


def test_a_silent_stream_sends_comments(site: MockSite, monkeypatch: pytest.MonkeyPatch) -> None:
    # Set before the stream begins: it may be silent for a moment before the call.
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.01)
    with httpx.stream("GET", f"{site.url}{path_of(site.host)}/calls/stream", timeout=300, verify=False) as response:
        reader = Reader(response)
        before = [reader.block() for _ in range(2)]
        called = list_users(site)
        while (block := reader.block()) == [": still here"]:
            pass
        after = reader.block()

    assert (before, block[0], after) == ([[OPENED], [": still here"]], f"id: {called}", [": still here"])


def test_head_of_a_stream_gets_only_the_headers(site: MockSite) -> None:
    response = httpx.head(f"{site.url}{path_of(site.host)}/calls/stream", verify=False)

    assert (response.status_code, response.headers["Content-Type"], response.content) == (
        200,
        "text/event-stream; charset=utf-8",
        b"",
    )


async def test_a_slow_reader_loses_the_oldest_calls_and_gets_their_number(
    site: MockSite, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "MAX_WAITING_CALLS", 3)
    sent: list[Message] = []
    may_go_on = asyncio.Event()
    begun = asyncio.Event()
    observed = Semaphore(0)

    async def send(message: Message) -> None:
        if len(sent) == 1:
            begun.set()
            await may_go_on.wait()
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nothing ever comes")

    events = EventStream(server.registry, site)
    task = asyncio.create_task(events({"type": "http"}, receive, send))
    await begun.wait()
    # Observers get a call in the order in which they were added, once its response is out.
    site.calls.observers.append(lambda call: observed.release())
    ids = [await asyncio.to_thread(list_users, site) for _ in range(5)]
    for _ in ids:
        assert await asyncio.to_thread(observed.acquire, timeout=WAIT_SECONDS)
    site.remove()
    may_go_on.set()
    await task

    blocks = b"".join(message.get("body", b"") for message in sent).decode().split("\n\n")
    assert [block.split("\n")[0] for block in blocks] == [
        OPENED,
        "event: dropped",
        *(f"id: {id}" for id in ids[2:]),
        "",
    ]
    assert 'data: {"dropped":2}' in blocks[1]


def test_a_reader_that_reads_nothing_takes_bounded_memory(server: LiveServer, site: MockSite) -> None:
    body = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), WAIT_SECONDS) as deaf:
        deaf.sendall(f"GET {path_of(site.host)}/calls/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with deaf.makefile() as response:
            until(lambda: OPENED in response.readline())
        [observe] = site.calls.observers
        events: EventStream = observe.__self__  # type: ignore[attr-defined]
        observed = Semaphore(0)
        site.calls.observers.append(lambda call: observed.release())
        with httpx.Client(headers=site.headers, verify=False) as client:

            def post() -> None:
                client.post(f"{server.url}/api/v1/groups", content=body)
                assert observed.acquire(timeout=WAIT_SECONDS)

            # What the sockets hold comes first.
            while not events._dropped:
                post()
            for _ in range(5):
                post()

        assert (len(events._waiting), events._dropped) == (event_stream.MAX_WAITING_CALLS, 6)


def renderings(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Return a list that gets each call when it is rendered."""
    rendered: list[Call] = []
    as_dict = Call.as_dict

    def counted(call: Call) -> dict[str, Any]:
        rendered.append(call)
        return as_dict(call)

    monkeypatch.setattr(Call, "as_dict", counted)
    return rendered


async def test_no_events_are_rendered_for_a_reader_that_disconnected(
    site: MockSite, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = renderings(monkeypatch)
    begun, gone = asyncio.Event(), asyncio.Event()

    async def send(message: Message) -> None:
        # As a server does with what is sent to nobody.
        begun.set()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    events = EventStream(server.registry, site)
    task = asyncio.create_task(events({"type": "http"}, receive, send))
    await begun.wait()
    for number in range(100):
        events.observe(Call(f"{number}", "GET", "/api/v1/users"))
    gone.set()
    await task

    assert len(rendered) < 10


async def test_an_event_is_rendered_once_for_all_readers(
    site: MockSite, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = renderings(monkeypatch)
    address = f"{server.url}{path_of(site.host)}/calls/stream"
    async with (
        httpx.AsyncClient(verify=False) as client,
        client.stream("GET", address) as first,
        client.stream("GET", address) as second,
    ):
        lines = [response.aiter_lines() for response in (first, second)]
        assert [await anext(each) for each in lines] == [OPENED, OPENED]
        id = await asyncio.to_thread(list_users, site)
        for each in lines:
            while await anext(each) != f"id: {id}":
                pass

    assert len(rendered) == 1
