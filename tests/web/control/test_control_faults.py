"""Faults and clocks over the control API: planned faults hit, and clock changes are visible in Python."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.control_client import BASE, path_of

from mockscope import LiveServer, MockSite, Uniform


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site("example_site")


@pytest.fixture
def control(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, verify=False) as client:
        yield client


@pytest.fixture
def faults(site: MockSite) -> str:
    return f"{path_of(site.host)}/faults"


def list_users(site: MockSite) -> httpx.Response:
    return httpx.get(f"{site.url}/api/v1/users", headers=site.headers, verify=False)


PLANNED: dict[str, Any] = {
    "id": "fault-1",
    "operation": "*",
    "status": None,
    "body": None,
    "headers": {},
    "delay": 0.0,
    "transport": None,
    "after_bytes": None,
    "times": 1,
    "nth": None,
    "after_commit": False,
    "where": {},
    "probability": None,
    "seed": 0,
    "hits": 0,
    "seen": 0,
    "left": 1,
}


def test_a_function_planned_in_python_is_shown_as_a_word_and_refused_when_it_is_sent(
    control: httpx.Client, site: MockSite, faults: str
) -> None:
    site.faults.add(action=lambda call, response: None, where=lambda call: True)
    assert control.get(faults).json() == {"faults": [PLANNED | {"where": "a function", "action": "a function"}]}
    response = control.post(faults, json={"status": 503, "where": "a function"})
    assert (response.status_code, len(site.faults)) == (400, 1)


def test_a_fault_planned_over_http_hits_and_is_counted(control: httpx.Client, site: MockSite, faults: str) -> None:
    rule = {"operation": "list_users", "status": 503, "body": {"a": [1]}, "headers": {"X-A": "b"}, "times": 2}

    planned = control.post(faults, json=rule)
    response = list_users(site)
    read = control.get(f"{faults}/{planned.json()['id']}")

    shown = {**PLANNED, **rule, "body": '{"a": [1]}', "left": 2}
    assert (planned.status_code, planned.json()) == (201, shown)
    assert (response.status_code, response.json(), response.headers["X-A"]) == (503, {"a": [1]}, "b")
    assert (read.status_code, read.json()) == (200, {**shown, "hits": 1, "seen": 1, "left": 1})
    assert site.calls.last.fault == "fault-1"


def test_a_transport_fault_breaks_the_connection_after_the_commit(
    control: httpx.Client, site: MockSite, faults: str
) -> None:
    control.post(faults, json={"operation": "delete_user", "transport": "drop", "after_commit": True})
    site.add_user("joey@example.com")

    with pytest.raises(httpx.RemoteProtocolError):
        httpx.delete(
            f"{site.url}/api/v1/users", headers=site.headers | {"Http-X-Email": "joey@example.com"}, verify=False
        )

    assert list(site.users) == ["admin@example.com"]


@pytest.mark.parametrize(
    ("delay", "shown"),
    [
        (1.5, 1.5),
        (2, 2),
        ({"uniform": {"low": 1, "high": 2}}, {"uniform": {"low": 1, "high": 2, "seed": 0}}),
        ({"lognormal": {"median": 1, "seed": 7}}, {"lognormal": {"median": 1, "sigma": 0.5, "seed": 7}}),
    ],
)
def test_a_delay_is_a_number_or_drawn(
    control: httpx.Client, site: MockSite, faults: str, delay: object, shown: object
) -> None:
    response = control.post(faults, json={"delay": delay})

    assert (response.status_code, response.json()) == (201, {**PLANNED, "delay": shown})


def test_a_fault_that_was_read_can_be_planned_again(control: httpx.Client, site: MockSite, faults: str) -> None:
    site.faults.add(
        "update_user", status=503, delay=Uniform(low=1, high=2), times=None, nth=2, where={"email": "joey@example.com"}
    )

    first = control.get(f"{faults}/fault-1").json()
    again = control.post(faults, json={key: first[key] for key in first if key not in ("id", "hits", "seen", "left")})

    assert (again.status_code, again.json()) == (201, {**first, "id": "fault-2"})


def test_a_rate_limit_is_planned_beside_the_faults(control: httpx.Client, site: MockSite, faults: str) -> None:
    planned = control.post(faults, json={"calls": 1, "per": 60, "operation": "list_users"})
    statuses = [list_users(site).status_code for _ in range(3)]

    shown = {"id": "rate-limit-1", "operation": "list_users", "calls": 1, "per": 60, "hits": 0}
    assert (planned.status_code, planned.json(), statuses) == (201, shown, [200, 429, 429])
    assert control.get(f"{faults}/rate-limit-1").json() == {**shown, "hits": 2}


def test_faults_are_listed_and_deleted_one_by_one_or_all(control: httpx.Client, site: MockSite, faults: str) -> None:
    for rule in ({"status": 503}, {"calls": 1, "per": 1}, {"transport": "reset"}):
        control.post(faults, json=rule)

    listed = control.get(faults)
    removed = control.delete(f"{faults}/fault-1")
    left = [rule.id for rule in site.faults]
    again = control.delete(f"{faults}/fault-1")
    cleared = control.delete(faults)

    assert (listed.status_code, [rule["id"] for rule in listed.json()["faults"]]) == (
        200,
        ["fault-1", "rate-limit-2", "fault-3"],
    )
    assert (removed.status_code, removed.content, left) == (204, b"", ["rate-limit-2", "fault-3"])
    assert (again.status_code, again.json()) == (
        404,
        {"message": "the site example_site has no fault 'fault-1'"},
    )
    assert (cleared.status_code, list(site.faults)) == (204, [])


def test_an_infinite_number_is_shown_as_text(control: httpx.Client, site: MockSite, faults: str) -> None:
    response = control.post(faults, content=b'{"status": 503, "delay": 1e999}')

    assert (response.status_code, response.json()) == (
        400,
        {"message": "a number is too large: the largest is about 1.8e308"},
    )
    assert list(site.faults) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"operation": "list_usr", "status": 503},
        {"stauts": 503},
        {},
        {"transport": "rest"},
        {"status": 503, "where": {"mail": "a"}},
        {"delay": {"uniform": {"low": 1, "hihg": 2}}},
        {"calls": 1},
        {"status": "500"},
        {"delay": "1"},
        {"status": 503, "times": 0},
        {"status": 503, "action": None},
    ],
    ids=str,
)
def test_an_invalid_fault_is_refused_as_in_python_and_not_planned(
    control: httpx.Client, site: MockSite, faults: str, rule: dict[str, Any]
) -> None:
    with pytest.raises(ValueError) as in_python:  # noqa: PT011  (the whole message is compared)
        site.faults.add_plain(rule)

    response = control.post(faults, json=rule)

    assert (response.status_code, response.json()) == (400, {"message": str(in_python.value)})
    assert list(site.faults) == []


# -- the clock -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_site", [True, False])
def test_a_clock_is_frozen_shifted_moved_resumed_and_reset(
    server: LiveServer, control: httpx.Client, site: MockSite, *, of_site: bool
) -> None:
    place = f"{path_of(site.host)}/clock" if of_site else f"{BASE}/clock"
    clock = site.clock if of_site else server.clock

    def changed_clock(verb: str, **body: object) -> dict[str, Any]:
        response = control.post(f"{place}/{verb}", json=body)
        assert response.status_code == 200
        read: dict[str, Any] = response.json()
        return read

    frozen = {"frozen": True, "autojump": False}
    assert changed_clock("freeze", at="2014-02-06T23:46:07.118Z") == {"now": "2014-02-06T23:46:07.118Z", **frozen}
    assert changed_clock("shift", days=90, hours=-1, minutes=1, seconds=0.5) == {
        "now": "2014-05-07T22:47:07.618Z",
        **frozen,
    }
    assert changed_clock("move", to="2018-10-18T22:08:41.794+02:00") == {"now": "2018-10-18T20:08:41.794Z", **frozen}
    assert f"{clock.now():%Y-%m-%dT%H:%M:%S}" == "2018-10-18T20:08:41"
    assert changed_clock("freeze", autojump=True) == {
        "now": "2018-10-18T20:08:41.794Z",
        "frozen": True,
        "autojump": True,
    }
    assert control.get(place).json() == {"now": "2018-10-18T20:08:41.794Z", "frozen": True, "autojump": True}
    assert changed_clock("resume")["frozen"] is clock.is_frozen is False
    assert f"{clock.now():%Y}" == "2018"
    changed_clock("freeze", at="2014-02-06T23:46:07.118Z")
    assert changed_clock("reset")["frozen"] is clock.is_frozen is False
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(hours=1)
    assert server.clock.is_frozen is False


def test_the_sites_clock_follows_the_servers_and_not_the_reverse(
    server: LiveServer, control: httpx.Client, site: MockSite
) -> None:
    control.post(f"{BASE}/clock/freeze", json={"at": "2014-02-06T23:46:07.118Z"})
    control.post(f"{path_of(site.host)}/clock/shift", json={"days": 1})

    assert control.get(f"{BASE}/clock").json()["now"] == "2014-02-06T23:46:07.118Z"
    assert control.get(f"{path_of(site.host)}/clock").json()["now"] == "2014-02-07T23:46:07.118Z"


@pytest.mark.parametrize(
    ("verb", "body", "message"),
    [
        ("freeze", {"att": "x"}, "there is no field att here; did you mean at?"),
        (
            "freeze",
            {"at": "2014-02-06T23:46:07"},
            "at must be a time with an offset, such as 2014-02-06T23:46:07.118Z or null, not '2014-02-06T23:46:07'",
        ),
        ("move", {}, "to is missing"),
        (
            "move",
            {"to": "tomorrow"},
            "to must be a time with an offset, such as 2014-02-06T23:46:07.118Z, not 'tomorrow'",
        ),
        ("move", {"to": "0001-01-01T00:00:00+14:00"}, "the clock would leave the years 1 to 9999"),
        ("freeze", {"at": "0001-01-01T00:00:00+14:00"}, "the clock would leave the years 1 to 9999"),
        ("shift", {"days": 1e300}, "the clock would leave the years 1 to 9999"),
        ("shift", {"days": "90"}, "days must be a number, not '90'"),
        ("resume", {"at": None}, "there is no field at here; known: none"),
        ("reset", {"at": None}, "there is no field at here; known: none"),
    ],
)
def test_an_invalid_time_is_refused_and_the_clock_is_unchanged(
    control: httpx.Client, site: MockSite, verb: str, body: dict[str, Any], message: str
) -> None:
    site.clock.freeze("2014-02-06T23:46:07.118Z")

    response = control.post(f"{path_of(site.host)}/clock/{verb}", json=body)

    assert (response.status_code, response.json()) == (400, {"message": message})
    assert control.get(f"{path_of(site.host)}/clock").json() == {
        "now": "2014-02-06T23:46:07.118Z",
        "frozen": True,
        "autojump": False,
    }
