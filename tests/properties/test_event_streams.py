"""Streams over sockets that are cut anywhere and resumed, while threads act on a site over HTTP and from Python."""

from contextlib import suppress
from random import Random
from threading import Event as Flag
from threading import Thread
from typing import Any, Final

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bounds import join
from support.control_client import BASE, path_of
from support.event_source import EventSource, Message, connected

import mockscope
from mockscope import LiveServer, MockSite, Refused
from mockscope.instruments.events import MAX_EVENTS, EventReader
from mockscope.web.control import event_stream

FRIENDS: Final = ("monica", "chandler", "ross", "rachel", "joey", "phoebe")
GROUPS: Final = ("Friends", "Family")


def act(site: MockSite, client: httpx.Client, draw: Random) -> None:
    """Do one random act; the site may refuse it."""
    name = draw.choice(FRIENDS)
    email = f"{name}@example.com"
    headers = site.headers | {"Http-X-Email": email}
    group, other = draw.choice(GROUPS), draw.choice(GROUPS)
    new_user = {"first_name": name, "last_name": "Geller", "email": email, "invited_by_email": "admin@example.com"}
    acts = (
        lambda: client.post("/api/v1/users", headers=site.headers, json=new_user),
        lambda: client.put("/api/v1/users", headers=headers, json={"groups": ["All Users", group]}),
        lambda: client.delete("/api/v1/users", headers=headers),
        lambda: client.get("/api/v1/users", headers=site.headers),
        lambda: client.post(f"{path_of(site.host)}/clock/shift", json={"seconds": draw.random()}),
        lambda: client.post(f"{path_of(site.host)}/faults", json={"operation": "list_groups", "status": 503}),
        lambda: client.get("/api/v1/groups", headers=site.headers),
        lambda: site.add_group(group),
        lambda: site.update_group(group, new_name=other),
        lambda: site.remove_group(group),
        lambda: site.add_dashboard(name, owner=email),
        lambda: site.remove_user(email),
        lambda: site.snapshot(draw.choice(("one", "two"))),
        lambda: site.restore(draw.choice(("one", "two"))),
        lambda: site.faults.clear(),
    )
    with suppress(Refused, LookupError):
        draw.choice(acts)()


def act_often(site: MockSite, seed: int, number: int) -> None:
    draw = Random(seed)
    with httpx.Client(base_url=site.url, verify=False, timeout=300) as client:
        for _ in range(number):
            act(site, client, draw)


def follow(url: str, start: EventReader, seed: int, seen: list[Message], is_over: Flag) -> None:
    """Read a stream from the position of a reader, cut each connection at a random byte, and resume it."""
    draw = Random(seed)
    source = EventSource()
    source.last_event_id = start.last_id
    while True:
        # Looked up first: afterwards, a connection without an event has them all.
        was_over, before = is_over.is_set(), len(seen)
        with connected(url, source) as connection:
            seen += connection.messages
            for piece in connection.pieces(draw.randrange(20_000)):
                seen += source.feed(piece)
                if was_over and source.comments[-1] == "still here":
                    break
        if was_over and len(seen) == before and source.comments[-1] == "still here":
            return


def records(site: MockSite) -> dict[tuple[str, str], Any]:
    """Return the records as plain data, by kind and name."""
    kinds = {"user": site.users, "group": site.groups, "dashboard": site.dashboards}
    return {
        (kind, name): msgspec.json.decode(msgspec.json.encode(record, enc_hook=dict))
        for kind, table in kinds.items()
        for name, record in table.items()
    }


def replay(state: dict[tuple[str, str], Any], changes: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Return a state after changes."""
    before = {(change["kind"], change["name"]): state.get((change["kind"], change["name"])) for change in changes}
    after = {key: record for key, record in state.items() if key not in before}
    for change in changes:
        # A restored snapshot may give a record the name that another one loses.
        record = before[change["kind"], change["name"]] or {} if change["change"] != "created" else {}
        assert all(record.get(field) == old for field, (old, _) in change["fields"].items())
        if change["change"] != "removed":
            record = record | {field: new for field, (_, new) in change["fields"].items()}
            after[change["kind"], record["email" if change["kind"] == "user" else "name"]] = record
    return after


def run(server: LiveServer, seed: int, threads: int, acts: int, max_events: int) -> None:
    """Let threads act, and compare what a client of each stream has seen with the events that a reader has."""
    site, other = server.site(), server.site()
    server.registry.event_log.max_events = max_events
    every, reader, is_over = server.events(), server.events(), Flag()
    before = records(site)
    streams = [f"{server.url}{BASE}/events", f"{server.url}{BASE}/events?site={site.host}"]
    seen: list[list[Message]] = [[] for _ in streams]
    following = [
        Thread(target=follow, args=(url, reader, seed + place, seen[place], is_over))
        for place, url in enumerate(streams)
    ]
    acting = [Thread(target=act_often, args=(site, seed + place, acts)) for place in range(threads)]
    acting.append(Thread(target=act_often, args=(other, seed, acts)))
    for thread in (*following, *acting):
        thread.start()
    join(*acting)
    assert [call for call in (*site.calls, *other.calls) if call.duration is None] == []
    # A call is complete right before its event. The thread that publishes it has responded to this request afterwards.
    httpx.get(f"{server.url}{BASE}/health", verify=False, timeout=300)
    is_over.set()
    join(*following)

    check_numbers(seen[0], every.last_id)
    if max_events == MAX_EVENTS:
        published = [Message(event.id, event.kind, event.data) for event in every.read()]
        assert seen[0] == published
        assert seen[1] == [message for message in published if message.data["site"] == site.host]
        for message in seen[1]:
            if message.event == "records.changed":
                before = replay(before, message.data["changes"])
        assert before == records(site)


def check_numbers(seen: list[Message], start: str) -> None:
    """Check that nothing was lost without a word, and nothing came twice."""
    position = int(start.rpartition("-")[2])
    for message in seen:
        position += message.data["dropped"] if message.event == "dropped" else 1
        assert int(message.id.rpartition("-")[2]) == position


@pytest.mark.parametrize("max_events", [MAX_EVENTS, 20])
def test_a_stream_that_is_cut_anywhere_loses_nothing_without_saying_so(
    monkeypatch: pytest.MonkeyPatch, max_events: int
) -> None:
    # A silent connection must come to its cut.
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.01)
    with mockscope.serve() as server:
        run(server, seed=1, threads=3, acts=40, max_events=max_events)


@pytest.mark.slow
@given(seed=st.integers(0, 2**32), threads=st.integers(1, 5), max_events=st.sampled_from([MAX_EVENTS, 200, 20, 1]))
@settings(deadline=None, max_examples=30)
def test_any_stream_that_is_cut_anywhere_loses_nothing_without_saying_so(
    seed: int, threads: int, max_events: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, mockscope.serve() as server:
        monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.01)
        run(server, seed, threads, 60, max_events)
