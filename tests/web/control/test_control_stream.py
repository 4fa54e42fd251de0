"""The streams of events over HTTP: live, filtered, resumed, bounded, and ended by either side."""

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any, get_args

import httpx
import pytest
from jsonschema import Draft202012Validator
from starlette.types import Message
from support.bounds import WAIT_SECONDS, until
from support.control_client import BASE, CONTRACT, path_of
from support.event_source import Connection, EventSource, connected

from mockscope import Call, LiveServer, MockSite
from mockscope.instruments.call import MAX_BODY_BYTES
from mockscope.instruments.events import EventKind
from mockscope.web.control import event_stream
from mockscope.web.control.event_stream import EventStream, render_event

OPENED = "events from here on"


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site()


def list_users(site: MockSite) -> str:
    return httpx.get(f"{site.url}/api/v1/users", headers=site.headers, verify=False).headers["X-Request-Id"]


def events_of(site: MockSite) -> str:
    return f"{site.url}{BASE}/events?site={site.host}"


def calls_of(site: MockSite) -> str:
    return f"{site.url}{path_of(site.host)}/calls/stream"


@pytest.fixture
def reader(site: MockSite) -> Iterator[Connection]:
    """A stream of the events of the site."""
    with connected(events_of(site)) as reader:
        yield reader


# -- the events ------------------------------------------------------------------------------------------------


def test_a_call_has_an_event_on_its_receipt_and_one_when_it_is_complete(
    server: LiveServer, site: MockSite, reader: Connection
) -> None:
    id = list_users(site)
    received, completed = reader.next(), reader.next()

    epoch = server.registry.event_log.epoch
    assert reader.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert (received.id, received.event, received.data["site"]) == (f"{epoch}-1", "call.received", site.host)
    shown = {name: received.data["call"][name] for name in ("id", "operation", "status", "duration_ms", "is_open")}
    assert shown == {"id": id, "operation": "list_users", "status": None, "duration_ms": None, "is_open": True}
    call = httpx.get(f"{site.url}{path_of(site.host)}/calls/{id}", verify=False).json()
    assert (completed.id, completed.event) == (f"{epoch}-2", "call.completed")
    assert completed.data == {"site": site.host, "call": call}


def test_a_stream_begins_with_its_id_and_the_time_to_reconnect(server: LiveServer, site: MockSite) -> None:
    source = EventSource()
    with connected(events_of(site), source):
        pass

    assert (source.retry, source.comments) == (1000, [OPENED])
    assert source.last_event_id == f"{server.registry.event_log.epoch}-0"


def test_a_client_that_was_cut_off_before_the_first_event_misses_none(site: MockSite) -> None:
    source = EventSource()
    with connected(events_of(site), source):
        pass
    id = list_users(site)

    with connected(events_of(site), source) as reader:
        assert [reader.next().data["call"]["id"] for _ in range(2)] == [id, id]


def test_the_server_s_stream_has_the_events_of_all_sites_and_of_itself(server: LiveServer) -> None:
    with connected(f"{server.url}{BASE}/events") as reader:
        site = server.site()
        list_users(site)
        httpx.get(f"{server.url}/api/v1/users", verify=False)
        server.clock.freeze("2014-03-01T00:00:00Z")
        site.remove()
        events = [reader.next() for _ in range(7)]

    assert [(event.event, event.data["site"]) for event in events] == [
        ("site.made", site.host),
        ("call.received", site.host),
        ("call.completed", site.host),
        ("call.received", None),
        ("call.completed", None),
        ("clock.moved", None),
        ("site.removed", site.host),
    ]
    assert events[5].data["clock"] == httpx.get(f"{server.url}{BASE}/clock", verify=False).json()


def test_a_stream_of_calls_has_the_complete_calls_of_its_site(server: LiveServer, site: MockSite) -> None:
    with connected(calls_of(site)) as reader:
        list_users(server.site())
        httpx.get(f"{site.url}/api/v1/users", verify=False)
        list_users(site)
        list_users(site)
        events = [reader.next(), reader.next()]

    assert [(event.event, event.data) for event in events] == [("call", call.as_dict()) for call in site.calls]


def test_the_server_s_stream_of_calls_has_those_that_reach_no_site(server: LiveServer, site: MockSite) -> None:
    source = EventSource()
    with connected(f"{server.url}{BASE}/calls/stream", source) as reader:
        list_users(site)
        refused = httpx.get(f"{server.url}/api/v1/users", verify=False)
        event = reader.next()
    assert (event.data["id"], event.data["status"]) == (refused.headers["X-Request-Id"], 403)

    missed = httpx.get(f"{server.url}/api/v1/groups", verify=False)
    with connected(f"{server.url}{BASE}/calls/stream", source) as reader:
        assert reader.next().data["id"] == missed.headers["X-Request-Id"]


@pytest.mark.parametrize("last_id", ["", "0000000000000000-7"])
@pytest.mark.parametrize("stream", [events_of, calls_of])
def test_a_client_that_lost_events_gets_an_event_dropped_first(
    server: LiveServer, site: MockSite, last_id: str, stream: Callable[[MockSite], str]
) -> None:
    server.registry.event_log.max_events = 2
    source = EventSource()
    with connected(stream(site), source) as reader:
        list_users(site)
        list_users(site)
        ids = [call.id for call in site.calls]
        before = source.last_event_id
    source.last_event_id = last_id or f"{server.registry.event_log.epoch}-0"

    # It may be cut off again before that event.
    before_resuming = source.last_event_id
    with connected(stream(site), source):
        pass
    assert source.last_event_id == before_resuming
    with connected(stream(site), source) as reader:
        dropped, *events = [reader.next() for _ in range(3 if stream is events_of else 2)]

    assert (dropped.event, dropped.data) == ("dropped", {"site": site.host, "dropped": None if last_id else 2})
    assert {str(event.data.get("call", event.data)["id"]) for event in events} == {ids[1]}
    assert before == f"{server.registry.event_log.epoch}-0"


def test_the_data_of_each_event_fits_its_schema(server: LiveServer) -> None:
    described = CONTRACT["paths"][f"{BASE}/events"]["get"]["description"]
    rows = re.findall(r"^\| (`.+?) \| `(\w+)`", described, flags=re.MULTILINE)
    schemas = {kind: schema for kinds, schema in rows for kind in re.findall(r"`(\S+)`", kinds)}
    source = EventSource()
    source.last_event_id = "unknown-1"
    with connected(f"{server.url}{BASE}/events", source) as reader:
        site = server.site()
        limit, fault = site.faults.rate_limit(1, per=60), site.faults.add("list_users", delay=0.001)
        site.add_user("joey@example.com")
        list_users(site)
        list_users(site)
        site.faults.remove(limit)
        site.faults.remove(fault)
        httpx.get(f"{server.url}/api/v1/users", verify=False)
        for clock in (site.clock, server.clock):
            clock.freeze()
        for calls in (site.calls, server.calls):
            calls.clear()
        site.reset()
        site.remove()
        events = [reader.next()]
        while events[-1].event != "site.removed":
            events.append(reader.next())

    assert {event.event for event in events} == {*schemas} == {*get_args(EventKind)}
    for event in events:
        schema = {"$ref": f"#/components/schemas/{schemas[event.event]}", "components": CONTRACT["components"]}
        Draft202012Validator(schema).validate(event.data)


# -- the end of a stream ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [events_of, calls_of])
def test_a_stream_ends_when_its_site_is_removed(
    server: LiveServer, site: MockSite, stream: Callable[[MockSite], str]
) -> None:
    with connected(stream(site)) as reader:
        other = server.site()
        list_users(site)
        other.remove()
        site.remove()
        # Another site with the same host is not the site of this stream.
        server.site(site.host)
        events = [event.event for event in reader.rest()]

    assert events == (["call"] if stream is calls_of else ["call.received", "call.completed", "site.removed"])


async def test_a_stream_ends_when_its_site_is_removed_while_it_begins(site: MockSite, server: LiveServer) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return await asyncio.Future()

    stream = EventStream(server.registry, site, render_event)
    site.remove()
    async with asyncio.timeout(WAIT_SECONDS):
        await stream({"type": "http"}, receive, send)

    opened, end = [message.get("body", b"") for message in sent[1:]]
    assert (OPENED.encode() in opened, end) == (True, b"")


def test_a_stream_continues_after_a_reset(site: MockSite, reader: Connection) -> None:
    site.reset()
    after = list_users(site)

    assert [reader.next().event, reader.next().data["call"]["id"]] == ["site.reset", after]


@pytest.mark.parametrize("path", ["/sites/exmple_site/calls/stream", "/events?site=exmple_site"])
def test_a_stream_of_an_unknown_site_is_404_with_the_nearest_host(server: LiveServer, path: str) -> None:
    server.site("example_site")

    response = httpx.get(f"{server.url}{BASE}{path}", verify=False)

    assert (response.status_code, response.json()) == (
        404,
        {"message": "There is no site exmple_site; did you mean example_site?"},
    )


def test_an_unknown_filter_is_refused(server: LiveServer) -> None:
    response = httpx.get(f"{server.url}{BASE}/events?host=example_site", verify=False)

    assert (response.status_code, response.json()) == (
        400,
        {"message": "there is no field host here; known: site, follow"},
    )


def test_a_stream_ends_when_the_server_stops(
    server: LiveServer, site: MockSite, reader: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    last = list_users(site)
    until(lambda: site.calls.last.duration is not None)
    server.stop()

    assert [event.data["call"]["id"] for event in reader.rest()] == [last, last]
    assert (caplog.records, server.registry.close_callbacks) == ([], [])


def test_an_event_may_be_published_after_the_server_has_stopped(server: LiveServer, reader: Connection) -> None:
    [end] = server.registry.close_callbacks
    server.stop()

    # Its loop is closed.
    end()
    server.clock.shift(days=1)


def test_a_client_that_disconnects_ends_its_stream(server: LiveServer, site: MockSite, reader: Connection) -> None:
    assert len(server.registry.close_callbacks) == 1
    reader.response.close()

    # The next event is what shows it at the latest.
    while server.registry.close_callbacks:
        list_users(site)


def test_a_stream_without_events_of_its_site_sends_comments_with_its_position(
    server: LiveServer, site: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set before the stream begins: it may be silent for a moment before the call.
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.01)
    source, epoch = EventSource(), server.registry.event_log.epoch
    with connected(events_of(site), source) as reader:
        list_users(server.site())
        # Of the site that was made, and of its call.
        reader.read_until(lambda: source.last_event_id == f"{epoch}-3")
        own = list_users(site)
        event = reader.next()

    assert source.comments[:2] == [OPENED, "still here"]
    assert (event.id, event.data["call"]["id"]) == (f"{epoch}-4", own)


@pytest.mark.parametrize("stream", [events_of, calls_of])
def test_head_of_a_stream_gets_only_the_headers(
    server: LiveServer, site: MockSite, stream: Callable[[MockSite], str]
) -> None:
    response = httpx.head(stream(site), verify=False)

    assert (response.status_code, response.headers["Content-Type"], response.content) == (
        200,
        "text/event-stream; charset=utf-8",
        b"",
    )
    assert not server.registry.event_log.is_recording


# -- slow readers, and many ------------------------------------------------------------------------------------


def test_a_reader_that_reads_nothing_loses_events_and_gets_their_number(server: LiveServer, site: MockSite) -> None:
    log = server.registry.event_log
    log.max_bytes = 20 * MAX_BODY_BYTES
    body = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
    source = EventSource()
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), WAIT_SECONDS) as deaf:
        deaf.sendall(f"GET {path_of(site.host)}/calls/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with deaf.makefile("rb") as response, httpx.Client(headers=site.headers, verify=False) as client:
            until(lambda: OPENED.encode() in response.readline())
            # The sockets hold some megabytes, and the ring less than two.
            for _ in range(200):
                client.post(f"{server.url}/api/v1/groups", content=body)
            assert log._bytes <= log.max_bytes
            events: list[Any] = []
            while not any(event.event == "dropped" for event in events[:-1]):
                # The lines of the chunks between the pieces have no colon.
                line = response.readline()
                events += source.feed(line if b": " in line else b"\n" if line == b"\n" else b"")

    numbers = [int(event.id.rpartition("-")[2]) for event in events]
    [place] = [place for place, event in enumerate(events) if event.event == "dropped"]
    # Each call has two events, and this stream shows the second one.
    assert numbers[:place] == [2 * number for number in range(1, place + 1)]
    # Before it there may be the first event of a call, which this stream leaves out.
    assert numbers[place] - numbers[place - 1] - events[place].data["dropped"] in (0, 1)
    assert numbers[place + 1] - numbers[place] in (1, 2)


def renderings(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Return a list that gets each complete call when it is rendered."""
    rendered: list[Call] = []
    as_dict = Call.as_dict

    def counted(call: Call) -> dict[str, Any]:
        if call.duration is not None:
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

    task = asyncio.create_task(EventStream(server.registry, site, render_event)({"type": "http"}, receive, send))
    await begun.wait()
    for number in range(2000):
        call = Call(f"{number}", "GET", "/api/v1/users")
        site.calls.open(call)
        site.calls.close(call)
    gone.set()
    await task

    assert len(rendered) < 500


async def test_an_event_is_rendered_once_for_all_readers(
    site: MockSite, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = renderings(monkeypatch)
    async with (
        httpx.AsyncClient(verify=False) as client,
        client.stream("GET", events_of(site)) as first,
        client.stream("GET", calls_of(site)) as second,
        client.stream("GET", f"{server.url}{BASE}/events") as third,
    ):
        lines = [response.aiter_lines() for response in (first, second, third)]
        for each in lines:
            while await anext(each) != f": {OPENED}":
                pass
        id = await asyncio.to_thread(list_users, site)
        for each in lines:
            while not ((line := await anext(each)).startswith("data: ") and '"duration_ms":null' not in line):
                pass
            call = json.loads(line.removeprefix("data: "))
            assert call.get("call", call)["id"] == id

    assert len(rendered) == 1
