"""The ring of events: recorded for readers alone, rendered once, bounded, and resumed without loss or repetition."""

from collections.abc import Callable, Mapping
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bounds import WAIT_SECONDS
from support.friends import unhurried

from mockscope.instruments.events import EVENT_BYTES, Event, EventChannel, EventLog, EventReader

SITE = "example_site"


@pytest.fixture
def log() -> EventLog:
    return EventLog()


@pytest.fixture
def site(log: EventLog) -> EventChannel:
    return EventChannel(log, SITE)


def numbered(number: int) -> Callable[[], Mapping[str, object]]:
    return lambda: {"clock": number}


def publish(channel: EventChannel, *numbers: int) -> None:
    for number in numbers:
        channel.publish("clock.moved", numbered(number))


def shown(events: list[Event]) -> list[Any]:
    """Return the number in the data of each event, or that of the lost events."""
    return [
        event.data["clock"] if event.kind == "clock.moved" else {event.kind: event.data.get("dropped")}
        for event in events
    ]


def test_an_event_has_an_id_a_kind_and_its_data_with_the_site(log: EventLog, site: EventChannel) -> None:
    reader = site.reader()
    site.publish("fault.hit", lambda: {"fault": {"id": "fault-1"}, "call": "fb9452d3-1"})
    site.publish("site.removed")

    hit, removed = reader.read()
    assert (hit.id, hit.kind, hit.data) == (
        f"{log.epoch}-1",
        "fault.hit",
        {"site": SITE, "fault": {"id": "fault-1"}, "call": "fb9452d3-1"},
    )
    assert (removed.id, removed.kind, removed.data) == (f"{log.epoch}-2", "site.removed", {"site": SITE})
    assert repr(removed) == f"<Event {removed.id}: site.removed of {SITE}>"
    assert repr(reader) == f"<EventReader of {SITE} after {removed.id}>"


def test_nothing_is_rendered_or_recorded_before_the_first_reader(log: EventLog, site: EventChannel) -> None:
    def render() -> Mapping[str, object]:
        raise AssertionError("rendered for nobody")

    site.publish("site.made", render)
    reader = site.reader()

    assert (reader.read(), reader.last_id) == ([], f"{log.epoch}-0")


def test_an_event_whose_data_cannot_change_is_rendered_on_demand_and_once(log: EventLog, site: EventChannel) -> None:
    rendered: list[str] = []

    def render(when: str) -> Mapping[str, object]:
        rendered.append(when)
        return {"clock": when}

    readers = [site.reader() for _ in range(2)]
    site.publish("clock.moved", lambda: render("at once"))
    site.publish("clock.moved", lambda: render("on demand"), 10)

    assert rendered == ["at once"]
    for reader in readers:
        assert shown(reader.read()) == ["at once", "on demand"]
    assert rendered == ["at once", "on demand"]


def test_a_reader_of_a_site_gets_its_events_and_the_moves_of_the_server_s_clock(
    log: EventLog, site: EventChannel
) -> None:
    server, other = EventChannel(log), EventChannel(log, "other_site")
    own, every = site.reader(), server.reader()
    for channel in (site, other, server):
        channel.publish("site.made")
        channel.publish("clock.moved")

    assert [(event.kind, event.site) for event in own.read()] == [
        ("site.made", SITE),
        ("clock.moved", SITE),
        ("clock.moved", None),
    ]
    assert len(every.read()) == 6


def test_a_reader_resumes_after_an_event(site: EventChannel) -> None:
    reader = site.reader()
    publish(site, 1, 2, 3)
    events = reader.read()

    assert [shown(site.reader(event.id).read()) for event in events] == [[2, 3], [3], []]
    assert site.reader(events[0].id).last_id == events[0].id


@pytest.mark.parametrize(
    "last_id", ["{epoch}-4", "{epoch}-99999999999999999999999999", "other-1", "{epoch}-²", "x", "-"]
)
def test_an_unknown_id_gets_all_that_is_kept_after_an_event_dropped(
    log: EventLog, site: EventChannel, last_id: str
) -> None:
    site.reader()
    publish(site, 1, 2, 3)

    events = site.reader(last_id.format(epoch=log.epoch)).read()

    assert shown(events) == [{"dropped": None}, 1, 2, 3]
    assert (events[0].id, events[0].data) == (f"{log.epoch}-0", {"site": SITE, "dropped": None})


def test_an_id_that_is_too_old_gets_the_number_of_lost_events(log: EventLog, site: EventChannel) -> None:
    log.max_events = 3
    first = site.reader().last_id
    publish(site, *range(1, 8))

    events = site.reader(first).read()

    assert shown(events) == [{"dropped": 4}, 5, 6, 7]
    # A client that is cut off after the event dropped resumes at the first event that is kept.
    assert (events[0].id, shown(site.reader(events[0].id).read())) == (f"{log.epoch}-4", [5, 6, 7])


def test_a_slow_reader_gets_the_number_of_lost_events(log: EventLog, site: EventChannel) -> None:
    log.max_events = 3
    reader = site.reader()
    publish(site, 1, 2)
    before = shown(reader.read())
    publish(site, *range(3, 8))

    assert (before, shown(reader.read())) == ([1, 2], [{"dropped": 2}, 5, 6, 7])


def test_the_ring_is_bounded_by_bytes_and_keeps_the_latest_event_of_any_size(log: EventLog, site: EventChannel) -> None:
    log.max_bytes = 3 * EVENT_BYTES + 100
    start = site.reader().last_id
    publish(site, 1, 2, 3, 4)
    small = shown(site.reader(start).read())
    site.publish("clock.moved", lambda: {"clock": "x" * log.max_bytes})
    [lost, large] = site.reader(start).read()
    publish(site, 6)

    assert small == [{"dropped": 1}, 2, 3, 4]
    assert (lost.data["dropped"], len(large.data["clock"])) == (4, log.max_bytes)
    assert shown(site.reader(start).read()) == [{"dropped": 5}, 6]


def test_an_event_that_is_larger_than_estimated_pushes_out_others_once_it_is_rendered(
    log: EventLog, site: EventChannel
) -> None:
    log.max_bytes = 3 * EVENT_BYTES + 100
    start = site.reader().last_id
    publish(site, 1, 2)
    site.publish("clock.moved", lambda: {"clock": "x" * 200}, 0)
    before = site.reader(start).read()

    assert (len(before), before[2].data["clock"]) == (3, "x" * 200)
    assert shown(site.reader(start).read()) == [{"dropped": 1}, 2, "x" * 200]


def test_a_read_waits_for_an_event_of_its_site(log: EventLog, site: EventChannel) -> None:
    other = EventChannel(log, "other_site")
    reader = site.reader()

    def wait() -> None:
        seen.extend(reader.read(WAIT_SECONDS))
        done.set()

    seen: list[Event] = []
    done = Flag()
    thread = Thread(target=wait)
    thread.start()
    publish(other, *range(100))
    assert not done.is_set()
    publish(site, 1)
    thread.join(WAIT_SECONDS)

    assert shown(seen) == [1]
    assert log._waiting == set()


def read_with_cuts(start: EventReader, resume: Callable[[str], EventReader], cuts: list[int]) -> Callable[..., None]:
    """Return a function that reads until it is told to stop, and resumes from the last event after each cut."""

    def read(seen: list[Event], is_over: Flag) -> None:
        reader, remaining = start, list(cuts)
        last_id = reader.last_id
        while True:
            was_over = is_over.is_set()
            events = reader.take()
            for event in events or ():
                seen.append(event)
                last_id = event.id
                if remaining and len(seen) >= remaining[0]:
                    # The rest of what was taken is lost with the connection.
                    remaining.pop(0)
                    reader = resume(last_id)
                    break
            if events is None and was_over:
                return

    return read


@given(
    threads=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    max_events=st.integers(1, 60),
    cuts=st.lists(st.integers(1, 80), max_size=6).map(sorted),
)
@unhurried
def test_a_reader_that_is_cut_anywhere_loses_only_what_an_event_dropped_counts(
    threads: list[int], max_events: int, cuts: list[int]
) -> None:
    log = EventLog()
    log.max_events = max_events
    server = EventChannel(log)
    seen: list[Event] = []
    is_over = Flag()
    reading = Thread(target=read_with_cuts(server.reader(), server.reader, cuts), args=(seen, is_over))
    writing = [
        Thread(target=publish, args=(EventChannel(log, f"site-{place}"), *range(number)))
        for place, number in enumerate(threads)
    ]
    for thread in (reading, *writing):
        thread.start()
    for thread in writing:
        thread.join()
    is_over.set()
    reading.join()

    position = 0
    for event in seen:
        if event.kind == "dropped":
            position += event.data["dropped"]
            assert event.id == f"{log.epoch}-{position}"
        else:
            position += 1
            assert event.number == position
    assert position == sum(threads)
    if max_events >= sum(threads):
        sites = [f"site-{place}" for place in range(len(threads))]
        assert [[event.data["clock"] for event in seen if event.site == site] for site in sites] == [
            [*range(number)] for number in threads
        ]
