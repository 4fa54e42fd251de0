"""The events that acts from Python and over HTTP publish."""

import gc
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
from support.control_client import BASE, path_of
from support.event_source import collect

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.instruments import events as events_module

Act = Callable[[LiveServer, MockSite], object]


def control(method: str, path: str, body: dict[str, Any] | None = None) -> Act:
    """Return an act over the control API, below the path of the site if it begins with a dot."""

    def act(server: LiveServer, site: MockSite) -> None:
        below = f"{path_of(site.host)}{path[1:]}" if path.startswith(".") else f"{BASE}{path}"
        response = httpx.request(method, f"{server.url}{below}", json=body, verify=False, timeout=300)
        assert response.is_success, response.text

    return act


def remove_twice(site: MockSite) -> None:
    site.remove()
    site.remove()


SEED: Final[dict[str, Any]] = {"mockscope": 1, "sites": [{"host": "second_site", "generate": {"users": 2}}]}
# Each act with the kinds of the events of a site that has a fault and a rate limit.
ACTS: Final[dict[str, tuple[Act, list[str]]]] = {
    "a fault": (lambda _, site: site.faults.add(status=503), ["fault.planned"]),
    "a rate limit": (lambda _, site: site.faults.rate_limit(1, per=60), ["fault.planned"]),
    "a fault over HTTP": (control("POST", "./faults", {"status": 503}), ["fault.planned"]),
    "a change": (lambda _, site: site.faults.add_change("disable", before={"call": 9}), ["fault.planned"]),
    "a change at once": (
        lambda _, site: (site.faults.add_change("disable", at="2014-02-06T23:46Z"), site.faults.unused()),
        ["fault.planned", "fault.hit"],
    ),
    "one fault is removed": (lambda _, site: site.faults.remove(site.faults.get("fault-1")), ["fault.removed"]),
    "one fault is removed over HTTP": (control("DELETE", "./faults/fault-1"), ["fault.removed"]),
    "all faults are removed": (lambda _, site: site.faults.clear(), ["fault.removed", "fault.removed"]),
    "the clock is frozen": (lambda _, site: site.clock.freeze(), ["clock.moved"]),
    "the clock is shifted over HTTP": (control("POST", "./clock/shift", {"days": 1}), ["clock.moved"]),
    "a clock that was not moved is reset": (lambda _, site: site.clock.reset(), []),
    "the server's clock is moved": (lambda server, _: server.clock.move_to("2014-03-01T00:00:00Z"), ["clock.moved"]),
    "the calls are cleared": (lambda _, site: site.calls.clear(), ["calls.cleared"]),
    "the calls are cleared over HTTP": (control("DELETE", "./calls"), ["calls.cleared"]),
    "the calls without a site are cleared": (lambda server, _: server.calls.clear(), ["calls.cleared"]),
    "a site is made": (lambda server, _: server.site(), ["site.made"]),
    "a site is forked": (lambda _, site: site.fork(), ["site.made"]),
    "sites are imported": (control("POST", "/import", SEED), ["site.made"]),
    "a site whose host is taken": (control("GET", "/sites"), []),
    "a site is removed": (lambda _, site: site.remove(), ["site.removed"]),
    "a site is removed twice": (lambda _, site: remove_twice(site), ["site.removed"]),
    "a site is removed over HTTP": (control("DELETE", "."), ["site.removed"]),
    "a site is reset": (lambda _, site: site.reset(), ["fault.removed", "fault.removed", "site.reset"]),
    "all sites are reset over HTTP": (control("POST", "/reset"), ["fault.removed", "fault.removed", "site.reset"]),
}


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    site = server.site("example_site")
    site.faults.add("list_users", status=503)
    site.faults.rate_limit(100, per=60)
    return site


@pytest.mark.parametrize("name", ACTS)
def test_each_act_publishes_its_events(server: LiveServer, site: MockSite, name: str) -> None:
    act, kinds = ACTS[name]
    events = server.events()

    act(server, site)

    assert [event.kind for event in events.read()] == kinds


def test_events_about_faults_show_them_as_their_own_resource_does(server: LiveServer, site: MockSite) -> None:
    site.faults.clear()
    events = site.events()
    fault = site.faults.add("list_users", status=503, where={"method": "GET"})
    planned = fault.as_dict()
    for _ in range(2):
        httpx.get(f"{site.url}/api/v1/users", headers=site.headers, verify=False)
    site.faults.remove(fault)
    site.faults.remove(fault)

    call = site.calls[0]
    assert [event.data for event in collect(events, 7) if event.kind.startswith("fault.")] == [
        {"site": "example_site", "fault": planned},
        {"site": "example_site", "fault": {**planned, "hits": 1, "seen": 1, "left": 0}, "call": call.id},
        {"site": "example_site", "fault": {**planned, "hits": 1, "seen": 2, "left": 0}},
    ]


def test_a_hit_that_is_taken_back_has_no_event(site: MockSite) -> None:
    site.faults.clear()
    events = site.events()
    site.faults.add("delete_user", status=503, after_commit=True)

    httpx.delete(f"{site.url}/api/v1/users", headers=site.headers | {"Http-X-Email": "joey@example.com"}, verify=False)

    assert site.calls.last.status == 400
    assert [event.kind for event in collect(events, 3)] == ["fault.planned", "call.received", "call.completed"]


def test_a_call_that_a_rate_limit_refuses_has_an_event_with_the_limit(site: MockSite) -> None:
    site.faults.clear()
    limit = site.faults.rate_limit(1, per=60)
    events = site.events()
    for _ in range(2):
        httpx.get(f"{site.url}/api/v1/users", headers=site.headers, verify=False)

    call = site.calls.last
    [hit] = [event for event in collect(events, 5) if event.kind == "fault.hit"]
    assert (call.status, hit.data) == (429, {"site": "example_site", "fault": limit.as_dict(), "call": call.id})


def test_a_clock_that_jumps_by_itself_has_an_event(site: MockSite) -> None:
    site.faults.clear()
    site.faults.add("list_users", delay=60)
    site.clock.freeze("2014-03-01T00:00:00Z", autojump=True)
    events = site.events()
    httpx.get(f"{site.url}/api/v1/users", headers=site.headers, verify=False)

    [moved] = [event for event in collect(events, 4) if event.kind == "clock.moved"]
    assert moved.data["clock"] == {"now": "2014-03-01T00:01:00.000Z", "frozen": True, "autojump": True}


def test_a_reader_begins_after_an_earlier_event(server: LiveServer, site: MockSite) -> None:
    every = server.events()
    site.clock.freeze()
    site.clock.resume()
    first, second = every.read()

    for events in (server.events(first.id), site.events(last_id=first.id)):
        assert [event.id for event in events.read()] == [second.id]
    with pytest.raises(ValueError, match=r"^last_id must be text, not 1$"):
        site.events(1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^last_id must be text, not 1$"):
        server.events(1)  # type: ignore[arg-type]


def test_the_time_of_a_read_must_be_a_number(site: MockSite) -> None:
    with pytest.raises(ValueError, match=r"^timeout must be a number, not None$"):
        site.events().read(None)  # type: ignore[arg-type]


def test_the_application_without_a_server_has_events_too() -> None:
    mock = mockscope.Mockscope()
    events = mock.events()
    site = mock.site()

    assert [(event.kind, event.data) for event in events.read()] == [("site.made", {"site": site.host})]


def test_calls_without_a_socket_have_events_and_need_no_socket(server: LiveServer, site: MockSite) -> None:
    site.faults.clear()
    events = site.events()
    with httpx.Client(transport=server.transport()) as client:
        response = client.get(f"{site.url}/api/v1/users", headers=site.headers)

    received, completed = events.read()
    assert (received.kind, completed.kind) == ("call.received", "call.completed")
    assert completed.data["call"] == site.calls.last.as_dict()
    assert completed.data["call"]["id"] == response.headers["X-Request-Id"]


# -- changed records -------------------------------------------------------------------------------------------

CHANGED: Final[dict[str, Act]] = {
    "a user is added": lambda _, site: site.add_user("ross@example.com"),
    "a user is changed": lambda _, site: site.update_user("joey@example.com", first_name="Jo"),
    "a user is removed": lambda _, site: site.remove_user("joey@example.com"),
    "a login": control("POST", "./record-login", {"email": "joey@example.com"}),
    "a dashboard": lambda _, site: site.add_dashboard("Sandwiches", owner="joey@example.com"),
    "a group is renamed": lambda _, site: site.update_group("Friends", new_name="Family"),
    "a snapshot is restored": lambda _, site: site.restore("before"),
    "a snapshot is restored over HTTP": control("POST", "./snapshots/before/restore"),
    "a seed is loaded": lambda _, site: site.load(SEED),
    "a seed is imported over HTTP": control("POST", "./import", SEED),
    "a reset": lambda _, site: site.reset(),
}


@pytest.fixture
def friends(server: LiveServer) -> MockSite:
    site = server.site("example_site")
    site.snapshot("before")
    site.add_group("Friends")
    site.add_user("joey@example.com", first_name="Joey", last_name="Tribbiani", groups=["All Users", "Friends"])
    return site


@pytest.mark.parametrize("name", CHANGED)
def test_each_write_publishes_the_records_that_it_changed(server: LiveServer, friends: MockSite, name: str) -> None:
    events = friends.events()
    before = friends.snapshot()

    CHANGED[name](server, friends)

    [changed] = [event for event in events.read() if event.kind == "records.changed"]
    changes = friends._site.changes_since(before.state).render()
    assert len(changes) > 0
    assert changed.data == {"site": "example_site", "call": None, "changes": changes, "changes_cut": False}


def test_changed_records_have_the_id_of_the_call_between_its_events(friends: MockSite) -> None:
    events = friends.events()
    headers = friends.headers | {"Http-X-Email": "joey@example.com"}
    for params in ({"test_mode": "true"}, {}, {}):
        httpx.delete(f"{friends.url}/api/v1/users", headers=headers, params=params, verify=False)

    dry_run, deletion, refusal = friends.calls
    found = [(event.kind, event.data["call"]) for event in collect(events, 7)]
    assert [(kind, call if kind == "records.changed" else call["id"]) for kind, call in found] == [
        ("call.received", dry_run.id),
        ("call.completed", dry_run.id),
        ("call.received", deletion.id),
        ("records.changed", deletion.id),
        ("call.completed", deletion.id),
        ("call.received", refusal.id),
        ("call.completed", refusal.id),
    ]
    assert found[4][1] == deletion.as_dict()
    assert deletion.changes[0]["name"] == "joey@example.com"


def test_a_write_that_changes_nothing_has_no_event(friends: MockSite) -> None:
    events = friends.events()

    friends.update_user("joey@example.com", first_name="Joey")
    friends.restore(friends.snapshot())

    assert events.read() == []


def test_changes_over_the_limit_are_cut(friends: MockSite, monkeypatch: pytest.MonkeyPatch) -> None:
    events = friends.events()
    monkeypatch.setattr(events_module, "MAX_CHANGES_BYTES", 500)

    friends.add_user("ross@example.com", first_name="R" * 200)
    friends.add_user("rachel@example.com", first_name="R" * 500)

    assert [(len(event.data["changes"]), event.data["changes_cut"]) for event in events.read()] == [
        (1, False),
        (0, True),
    ]


def test_a_key_in_an_event_is_redacted_after_its_site_is_gone(server: LiveServer) -> None:
    events = server.events()
    site = server.site("example_site", "key-of-the-site")
    site.add_group("key-of-the-site")
    httpx.get(f"{site.url}/api/v1/groups/key-of-the-site", headers=site.headers, verify=False)
    site.remove()
    del site
    gc.collect()

    shown = [event.json.decode() for event in collect(events, 5)]
    assert [("…site" in text, "key-of-the-site" in text) for text in shown] == [
        (False, False),
        (True, False),
        (True, False),
        (True, False),
        (False, False),
    ]


def test_a_key_in_a_changed_record_is_redacted(friends: MockSite) -> None:
    events = friends.events()

    friends.add_group(friends.api_key)

    assert [change["name"] for change in events.read()[0].data["changes"]] == [f"…{friends.api_key[-4:]}"]
