"""Planned changes: another client changes the site at a time, or right before a call. Over a real socket."""

import logging
import re
from typing import Any, Final

import pytest
import requests

from mockscope import LiveServer, Mockscope, MockSite, PlannedChange
from mockscope.domain.site import Site, SiteState

BEFORE_SECOND_LIST: Final = {"operation": "list_users", "call": 2}
NEW_YEAR: Final = "2026-01-01T00:00:00Z"
JOEY: Final = "joey@example.com"


def list_users(site: MockSite, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.get(f"{site.url}/api/v1/users", headers=headers or site.headers)


def emails(response: requests.Response) -> list[str]:
    return [user["email"] for user in response.json()["users"]]


def test_a_user_is_deleted_right_before_the_second_list(mockscope: MockSite) -> None:
    mockscope.add_user(JOEY)
    change = mockscope.faults.add_change("delete_user", before=BEFORE_SECOND_LIST, email=JOEY)
    requests.get(f"{mockscope.url}/api/v1/groups", headers=mockscope.headers)

    first, second = list_users(mockscope), list_users(mockscope)

    assert [emails(each) for each in (first, second)] == [["admin@example.com", JOEY], ["admin@example.com"]]
    assert [call.fault for call in mockscope.calls] == [None, None, "change-1"]
    # The change is the other client's, not the call's.
    assert mockscope.calls.last.changes == []
    assert str(change) == "change-1: delete_user joey@example.com before call 2 of list_users; made"
    mockscope.faults.assert_all_used()


def test_each_kind_of_change_is_made_as_by_another_client(mockscope: MockSite) -> None:
    mockscope.add_group("Sales")
    before: dict[str, Any] = {"before": {"operation": "list_users"}}
    plans: list[dict[str, Any]] = [
        {"do": "create_user", "email": JOEY, "first_name": "Joey", "last_name": "Tribbiani", "groups": ["Sales"]},
        {"do": "update_user", "email": JOEY, "last_name": "Green", "tfa_enabled": True},
        {"do": "delete_group", "name": "Sales"},
        {"do": "delete_user", "email": "admin@example.com"},
    ]
    for plan in plans:
        mockscope.faults.add_plain(plan | before)

    [joey] = list_users(mockscope).json()["users"]

    assert (joey["email"], joey["last_name"], joey["groups"], joey["tfa_enabled"]) == (
        *(JOEY, "Green", ["All Users"]),
        True,
    )
    assert "Sales" not in mockscope.groups
    assert mockscope.faults.unused() == []


def test_a_rotated_key_is_refused_from_the_call_on(mockscope: MockSite) -> None:
    old = mockscope.headers
    mockscope.faults.add_change("rotate_key", before={"call": 2}, api_key="ursula")

    statuses = [list_users(mockscope, old).status_code for _ in range(3)]

    assert statuses == [200, 403, 403]
    assert (mockscope.api_key, list_users(mockscope).status_code) == ("ursula", 200)


def test_calls_of_a_disabled_site_count_and_those_with_a_wrong_key_do_not(mockscope: MockSite) -> None:
    mockscope.faults.add_change("disable", before={"operation": "list_users", "call": 2})
    mockscope.faults.add_change("enable", before={"operation": "list_users", "call": 4})
    wrong = {"Http-X-Partner-Auth": f"{mockscope.host}:ursula"}

    statuses = [list_users(mockscope, headers).status_code for headers in (None, wrong, None, wrong, None, None)]

    assert statuses == [200, 403, 404, 403, 404, 200]


def test_a_change_at_a_time_is_seen_by_the_next_read_and_the_next_request(mockscope: MockSite) -> None:
    mockscope.clock.freeze("2025-12-31T23:59:59Z")
    mockscope.add_user(JOEY)
    users, key = mockscope.users, mockscope.api_key
    mockscope.faults.add_change("rotate_key", at="2026-01-01T01:00:00+01:00", api_key="ursula")
    mockscope.faults.add_change("delete_user", at=NEW_YEAR, email=JOEY)
    assert (JOEY in users, list_users(mockscope).status_code) == (True, 200)

    mockscope.clock.shift(seconds=1)

    # The client knows only the old key.
    old = {"Http-X-Partner-Auth": f"{mockscope.host}:{key}"}
    assert list_users(mockscope, old).status_code == 403
    assert (JOEY in users, mockscope.api_key) == (False, "ursula")
    assert [str(change) for change in mockscope.faults] == [
        "change-1: rotate_key at 2026-01-01T00:00:00Z; made",
        "change-2: delete_user joey@example.com at 2026-01-01T00:00:00Z; made",
    ]


@pytest.mark.parametrize("read", ["users", "export", "snapshot", "fork", "unused", "findings", "state"])
def test_nobody_sees_the_state_before_a_change_whose_time_has_come(mockscope_server: LiveServer, read: str) -> None:
    with mockscope_server.site() as site:
        site.add_user(JOEY)
        site.clock.freeze("2025-12-31T00:00:00Z")
        change = site.faults.add_change("delete_user", at=NEW_YEAR, email=JOEY)
        site.clock.move_to(NEW_YEAR)

        match read:
            case "users":
                assert list(site.users) == ["admin@example.com"]
            case "export":
                assert [user["email"] for user in site.export()["sites"][0]["users"]] == ["admin@example.com"]
            case "snapshot":
                snapshot = site.snapshot()
                site.add_user(JOEY)
                snapshot.restore()
                assert list(site.users) == ["admin@example.com"]
            case "fork":
                with site.fork() as fork:
                    assert (list(fork.users), len(fork.faults)) == (["admin@example.com"], 0)
            case "unused":
                assert site.faults.unused() == []
            case "findings":
                assert site.findings() == []
            case "state":
                [state] = [each for each in mockscope_server.registry.present_sites() if each.host == site.host]
                assert "joey@example.com" not in state.store.users

        assert change.hits == 1


def test_a_delayed_call_sees_the_changes_that_came_during_its_delay(mockscope: MockSite) -> None:
    mockscope.add_user(JOEY)
    mockscope.clock.freeze("2025-12-31T23:00:00Z", autojump=True)
    mockscope.faults.add_change("delete_user", at=NEW_YEAR, email=JOEY)
    mockscope.faults.add("list_users", delay=7200)

    assert emails(list_users(mockscope)) == ["admin@example.com"]


def test_changes_with_a_time_are_made_in_the_order_of_their_times(mockscope: MockSite) -> None:
    mockscope.clock.freeze("2025-12-30T00:00:00Z")
    mockscope.faults.add_change("update_user", at=NEW_YEAR, email=JOEY, first_name="Ken")
    mockscope.faults.add_change("create_user", at="2025-12-31T00:00:00Z", email=JOEY, first_name="Joey")
    mockscope.clock.move_to("2026-02-01T00:00:00Z")

    assert mockscope.users[JOEY].first_name == "Ken"


def test_a_change_that_the_site_refuses_is_reported_and_not_tried_again(
    mockscope: MockSite, caplog: pytest.LogCaptureFixture
) -> None:
    change = mockscope.faults.add_change("delete_user", before={"operation": "list_users"}, email=JOEY)

    assert [list_users(mockscope).status_code for _ in range(2)] == [200, 200]

    reason = f"refused: 400 No user of the site {mockscope.host} has the email joey@example.com. [USER-DELETE-1]"
    assert str(change) == f"change-1: delete_user joey@example.com before call 1 of list_users; {reason}"
    assert [finding.problem for finding in mockscope.findings()] == [f"a planned change was not made: {change}"]
    [record] = [each for each in caplog.records if each.name == "mockscope"]
    assert (record.levelno, record.getMessage()) == (
        logging.WARNING,
        f"a planned change of the site {mockscope.host} was refused: {change}",
    )


def test_a_change_that_was_not_made_is_unused(mockscope: MockSite) -> None:
    mockscope.faults.add_change("disable", before=BEFORE_SECOND_LIST)
    mockscope.faults.add_change("enable", at="9999-01-01T00:00:00Z")
    list_users(mockscope)

    lines = [
        "change-1: disable before call 2 of list_users; not made after 1 call",
        "change-2: enable at 9999-01-01T00:00:00Z; not made",
    ]
    with pytest.raises(AssertionError) as caught:
        mockscope.faults.assert_all_used()
    assert str(caught.value).splitlines()[1:] == [f"  {line}" for line in lines]
    assert [str(finding) for finding in mockscope.findings()] == [
        f"a planned change was not made: {line}" for line in lines
    ]


def test_removed_changes_are_never_made(mockscope: MockSite) -> None:
    mockscope.faults.remove(mockscope.faults.add_change("disable", before={"operation": "list_users"}))
    mockscope.faults.add_change("disable", before={"operation": "list_users"})
    mockscope.faults.clear()

    assert list_users(mockscope).status_code == 200
    assert mockscope.faults.unused() == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"do": "delete_user", "email": JOEY}, "delete_user needs one of at and before"),
        ({"do": "disable", "at": NEW_YEAR, "before": {}}, "disable needs one of at and before, not both"),
        ({"do": "delete_user", "before": {}}, "delete_user needs email"),
        ({"do": "delete_users", "before": {}}, "there is no planned change 'delete_users'; did you mean delete_user?"),
        ({"do": "disable", "before": {}, "email": JOEY}, "disable does not take email"),
        ({"do": "delete_group", "before": {}, "email": JOEY}, "delete_group does not take email; it takes name"),
        ({"do": "disable", "before": {}, "emial": JOEY}, "there is no key of a planned change 'emial'; did you mean "),
        ({"do": "delete_user", "before": {}, "email": 1}, "email must be text, not 1"),
        ({"do": "create_user", "before": {}, "email": JOEY, "groups": "Sales"}, "groups must be a list, not 'Sales'"),
        ({"do": "create_user", "before": {}, "email": JOEY, "groups": [1]}, "the name of a group must be text, not 1"),
        ({"do": "rotate_key", "before": {}, "api_key": "a b"}, "the new API key can't stand in a header: use visible"),
        ({"do": "update_user", "before": {}, "email": JOEY}, "update_user changes nothing: give one of first_name, "),
        ({"do": "disable", "before": {"operation": "list_user"}}, "there is no operation 'list_user'; did you mean "),
        ({"do": "disable", "before": {"call": 0}}, "calls are counted from 1: call can't be 0"),
        ({"do": "disable", "before": {"call": "2"}}, "call must be a whole number, not '2'"),
        ({"do": "disable", "before": {"calls": 2}}, "there is no key of a before 'calls'; did you mean call?"),
        ({"do": "disable", "before": 2}, "a before is an object of names and values, not 2"),
        ({"do": "disable", "at": "0001-01-01T00:00+01:00"}, "0001-01-01T00:00+01:00 is out of range in UTC: "),
        ({"do": "disable", "at": "2026-01-01"}, "2026-01-01 has no offset from UTC; write it like "),
    ],
)
def test_a_change_that_could_not_be_made_is_refused(data: dict[str, Any], problem: str) -> None:
    site = Mockscope().site()
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        site.faults.add_plain(data)
    assert len(site.faults) == 0


def test_the_plain_data_of_a_change_plans_an_equal_one() -> None:
    site = Mockscope().site()
    plans: list[dict[str, Any]] = [
        {"do": "delete_user", "at": NEW_YEAR, "email": JOEY},
        {"do": "disable", "before": {"operation": "get_user", "call": 3}},
    ]
    shown = [site.faults.add_plain(plan).as_dict() for plan in plans]

    assert shown[0] == {
        "id": "change-1",
        "do": "delete_user",
        "at": NEW_YEAR,
        "before": None,
        "email": JOEY,
        "hits": 0,
        "seen": 0,
        "left": 1,
        "refused": None,
    }
    for each in shown:
        plain = {name: value for name, value in each.items() if name not in ("id", "hits", "seen", "left", "refused")}
        again = site.faults.add_plain(plain)
        assert isinstance(again, PlannedChange)
        assert again.as_dict() == each | {"id": again.id}


def test_events_about_faults_and_changes_have_no_key(mockscope: MockSite) -> None:
    events = mockscope.events()
    fault = mockscope.faults.add("list_users", status=503, headers={"X-Key": mockscope.api_key})
    change = mockscope.faults.add_change("rotate_key", before={"operation": "list_groups"}, api_key="never-shown-5678")

    list_users(mockscope)
    requests.get(f"{mockscope.url}/api/v1/groups", headers=mockscope.headers)

    shown = [(event.kind, event.data["fault"]) for event in events.read() if event.kind.startswith("fault.")]
    assert [(kind, data["headers"]) for kind, data in shown if "headers" in data] == [
        ("fault.planned", {"X-Key": f"…{fault.headers['X-Key'][-4:]}"}),
        ("fault.hit", {"X-Key": f"…{fault.headers['X-Key'][-4:]}"}),
    ]
    assert [(kind, data["api_key"]) for kind, data in shown if "api_key" in data] == [
        ("fault.planned", "…5678"),
        ("fault.hit", "…5678"),
    ]
    # The change itself keeps the key.
    assert (change.as_dict()["api_key"], mockscope.api_key) == ("never-shown-5678", "never-shown-5678")


def test_a_change_that_is_due_during_a_reset_is_not_made(mockscope: MockSite, monkeypatch: pytest.MonkeyPatch) -> None:
    mockscope.clock.freeze(NEW_YEAR)
    mockscope.faults.add_change("create_user", at=NEW_YEAR, email=JOEY)
    restore = Site.restore

    def restore_and_read(site: Site, snapshot: SiteState) -> None:
        restore(site, snapshot)
        # As a client in another thread may do.
        list_users(mockscope)

    monkeypatch.setattr(Site, "restore", restore_and_read)
    mockscope.reset()

    assert list(mockscope.users) == ["admin@example.com"]
