"""Snapshots, resets and forks of a site and of a whole server."""

import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from threading import Barrier, Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.bounds import WAIT_SECONDS, result
from support.site_comparison import FRIENDS, KEY, USERS, assert_like_fresh, friends, indexed, send_request

from mockscope import Mockscope, MockSite, Refused, SeedError

MONICA = "monica@example.com"


# -- snapshots -------------------------------------------------------------------------------------------------


def test_a_rollback_block_restores_the_site_at_its_end() -> None:
    mock, site = friends()
    before = site.export()

    with site.snapshot() as snapshot:
        send_request(mock, site, "DELETE", USERS, email=MONICA)
        send_request(mock, site, "PUT", "/api/v1/groups/Sales", {"name": "Friends"})
        site.rotate_key("another-key")
        site.set_policy(page_size=1)
        site.enabled = False
        assert site.export() != before

    assert site.export() == before
    assert repr(snapshot) == "<SiteSnapshot without a name of example_site>"
    assert_like_fresh(mock, site)


def test_a_rollback_block_that_raises_restores_the_site_too() -> None:
    _, site = friends()
    before = site.export()

    def fail() -> None:
        with site.snapshot():
            site.record_login(MONICA)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert site.export() == before


def test_a_named_snapshot_can_be_restored_any_number_of_times() -> None:
    _, site = friends()
    site.snapshot("before")
    before = site.export()
    for _ in range(3):
        site.record_login(MONICA)
        site.restore("before")
        assert site.export() == before

    site.record_login(MONICA, "2014-02-06T23:46:07.118Z")
    replaced = site.snapshot("before")
    site.load(FRIENDS)
    site.restore("before")
    assert site.users[MONICA].last_login_at == "2014-02-06T23:46:07.118Z"
    assert (site.snapshots, repr(replaced)) == ({"before": replaced}, "<SiteSnapshot before of example_site>")


def test_an_unknown_snapshot_is_refused_and_the_known_ones_are_named() -> None:
    _, site = friends()
    with pytest.raises(LookupError, match=r"^the site example_site has no snapshot 'before'; known: none$"):
        site.restore("before")

    site.snapshot("one")
    site.snapshot("two")
    with pytest.raises(LookupError, match=r"^the site example_site has no snapshot 'before'; known: one, two$"):
        site.restore("before")


@pytest.mark.parametrize("other", [5, None, b"before", {"mockscope": 1}])
def test_an_object_that_is_not_a_snapshot_is_refused(other: Any) -> None:
    _, site = friends()

    message = f"snapshot must be a snapshot of this site or the name of one, not {other!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        site.restore(other)


def test_a_snapshot_of_another_site_is_refused_and_nothing_changes() -> None:
    mock, site = friends()
    fork = site.fork(host="fork")
    fork.record_login(MONICA)
    before = site.export()

    with pytest.raises(ValueError, match=r"^this is a snapshot of fork, not of example_site$"):
        site.restore(fork.snapshot())
    again = Mockscope(FRIENDS).sites["example_site"]
    with pytest.raises(ValueError, match=r"^this is a snapshot of example_site, not of example_site$"):
        site.restore(again.snapshot())
    assert site.export() == before
    assert_like_fresh(mock, site)


def test_restoring_does_not_change_calls_faults_and_the_clock() -> None:
    mock, site = friends()
    snapshot = site.snapshot()
    send_request(mock, site, "DELETE", USERS, email=MONICA)
    fault = site.faults.add("create_user", status=503)
    site.clock.freeze("2014-02-06T23:46:07.118Z")

    snapshot.restore()

    assert [call.operation for call in site.calls] == ["delete_user"]
    assert list(site.faults) == [fault]
    assert site.clock.is_frozen


def test_a_page_that_was_listed_before_a_restore_is_rendered_anew() -> None:
    mock, site = friends()
    with site.snapshot():
        site.record_login("Chandler@example.com", "2014-02-06T23:46:07.118Z")
        assert send_request(mock, site, "GET", USERS)[1]["users"][0]["last_login_at"] == "2014-02-06T23:46:07.118Z"

    assert send_request(mock, site, "GET", USERS)[1]["users"][0]["last_login_at"] is None


def test_churn_does_not_make_the_history_grow() -> None:
    _, site = friends()
    head: Any = site._site.history._latest
    for _ in range(10_000):
        site.add_user("joey@example.com")
        site._site.delete_user("joey@example.com")

    assert site._site.history._latest is head
    assert head.undo == ({}, {}, {})


# -- reset -----------------------------------------------------------------------------------------------------


def test_a_reset_site_has_its_seed_and_no_calls_faults_snapshots_or_time_of_its_own() -> None:
    mock, site = friends()
    seed = site.export()
    site.faults.add("create_user", status=503)
    site.faults.rate_limit(100, per=60)
    site.clock.shift(days=90)
    site.snapshot("before")
    send_request(mock, site, "PUT", USERS, {"frist_name": "Monica"}, email=MONICA)
    site.load({"mockscope": 1, "sites": [{"host": "any", "enabled": False, "policy": {"page_size": 1}}]})
    site.rotate_key("another-key")
    mock.clock.freeze("2014-02-06T23:46:07.118Z")

    site.reset()

    assert site.export() == seed
    assert (list(site.calls), bool(site.faults), site.snapshots) == ([], False, {})
    assert site.findings() == []
    assert site.clock.now() == mock.clock.now()
    assert_like_fresh(mock, site)


def test_strict_mode_and_observers_survive_a_reset() -> None:
    site = Mockscope().site()
    site.strict, site.contract, site.label = True, True, "of Joey"

    site.reset()

    assert (site.strict, site.contract, site.label) == (True, True, "of Joey")


def test_a_fresh_site_is_reset_to_its_one_administrator() -> None:
    site = Mockscope().site(page_size=7)
    site.add_user("joey@example.com")
    site.set_policy(page_size=8)

    site.reset()

    assert (list(site.users), list(site.groups), site.policy.page_size) == (
        ["admin@example.com"],
        ["Administrators", "All Users"],
        7,
    )


def test_a_reset_server_has_its_seed_and_its_own_clock_and_calls_are_reset_too() -> None:
    mock, site = friends()
    made = mock.site()
    exported = mock.export()
    site.record_login(MONICA)
    made.add_user("joey@example.com")
    made.clock.freeze()
    mock.clock.freeze("2014-02-06T23:46:07.118Z")
    site.rotate_key("another-key")
    assert send_request(mock, Mockscope(FRIENDS).sites["example_site"], "GET", USERS)[0] == 403

    mock.reset()

    assert mock.export() == exported
    assert (len(mock.calls), mock.clock.is_frozen, made.clock.is_frozen) == (0, False, False)


# -- forks -----------------------------------------------------------------------------------------------------


def test_a_fork_has_the_same_records_and_is_independent() -> None:
    mock, site = friends()
    site.set_policy(unknown_groups="create")
    site.enabled = False
    site.faults.add("create_user", status=503)
    site.clock.freeze("2014-02-06T23:46:07.118Z")
    site.snapshot("before")
    before = site.export()

    fork = site.fork(host="fork", api_key="fork-key")

    [record] = before["sites"]
    assert fork.export() == before | {"sites": [record | {"host": "fork", "api_key": "fork-key"}]}
    assert (list(fork.calls), list(fork.faults), fork.snapshots, fork.clock.is_frozen) == ([], [], {}, False)
    assert mock.sites == {"example_site": site, "fork": fork}
    fork.enabled = True
    assert send_request(mock, fork, "DELETE", USERS, email=MONICA) == (200, {"message": "User removed from fork"})
    assert site.export() == before
    site.enabled = True
    assert send_request(mock, site, "DELETE", USERS, email="rachel@example.com")[0] == 200
    assert list(fork.users) == ["Chandler@example.com", "rachel@example.com"]
    fork.reset()
    assert list(fork.users) == ["Chandler@example.com", MONICA, "rachel@example.com"]
    assert_like_fresh(mock, fork)


def test_a_fork_without_a_name_gets_a_host_and_a_key_of_its_own() -> None:
    _, site = friends()
    one, other = site.fork(), site.fork()

    assert len({site.host, one.host, other.host}) == 3
    assert len({site.api_key, one.api_key, other.api_key}) == 3


@pytest.mark.parametrize(
    ("host", "problem"), [("example_site", "there is a site example_site already"), ("a b", "a b")]
)
def test_a_fork_with_a_taken_or_invalid_host_is_refused(host: str, problem: str) -> None:
    mock, site = friends()
    with pytest.raises(ValueError, match=problem):
        site.fork(host=host)

    assert list(mock.sites) == ["example_site"]


def test_a_fork_is_removed_at_the_end_of_its_block() -> None:
    mock, site = friends()
    with site.fork() as fork:
        assert list(mock.sites) == ["example_site", fork.host]

    assert list(mock.sites) == ["example_site"]


# -- load ------------------------------------------------------------------------------------------------------


def test_loading_replaces_records_policy_and_enablement_and_keeps_host_and_key() -> None:
    mock, site = friends()
    seed = {
        "mockscope": 1,
        "sites": [
            {
                "host": "another",
                "api_key": "another-key",
                "enabled": False,
                "policy": {"page_size": 9},
                "users": [{"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com"}],
            }
        ],
    }
    snapshot = site.snapshot()
    before = site.export()

    site.load(seed)

    [loaded] = Mockscope(seed).export()["sites"]
    assert site.export() == {"mockscope": 1, "sites": [loaded | {"host": "example_site", "api_key": KEY}]}
    assert_like_fresh(mock, site)
    snapshot.restore()
    assert site.export() == before


def test_the_site_of_the_same_host_is_loaded_from_a_seed_with_several_sites() -> None:
    _, site = friends()
    another, mine = {"host": "another"}, {"host": "example_site", "policy": {"page_size": 9}}
    site.load({"mockscope": 1, "sites": [another, mine]})
    assert (site.policy.page_size, list(site.users)) == (9, [])

    message = (
        r"^the seed has 2 sites \(another, third\), and none of them is example_site: "
        r"keep only the one to load$"
    )
    with pytest.raises(ValueError, match=message):
        site.load({"mockscope": 1, "sites": [another, {"host": "third"}]})


def test_a_seed_without_a_site_can_not_be_loaded_into_a_site() -> None:
    mock, site = friends()
    before = mock.export()

    message = r"^the seed has no sites: add one under `sites`$"
    with pytest.raises(ValueError, match=message):
        site.load({"mockscope": 1})
    with pytest.raises(ValueError, match=message):
        mock.site(seed={"mockscope": 1, "sites": []})

    assert mock.export() == before


def test_a_new_site_takes_the_site_of_its_host_from_a_seed() -> None:
    several = {"mockscope": 1, "sites": [{"host": "another", "policy": {"page_size": 9}}, {"host": "third"}]}
    mock = Mockscope()

    assert mock.site("another", seed=several).policy.page_size == 9
    with pytest.raises(ValueError, match=r"^the seed has 2 sites \(another, third\): name one of them with host=$"):
        mock.site(seed=several)


def test_a_seed_that_can_not_be_loaded_changes_nothing() -> None:
    _, site = friends()
    before = site.export()
    with pytest.raises(SeedError):
        site.load({"mockscope": 1, "sites": [{"host": "example_site", "users": [{"email": "nobody"}]}]})

    assert site.export() == before


def test_the_export_of_a_server_is_that_of_its_sites() -> None:
    mock, site = friends()
    fork = site.fork()

    assert mock.export() == {"mockscope": 1, "sites": [site.export()["sites"][0], fork.export()["sites"][0]]}
    assert Mockscope(mock.export()).export() == mock.export()


# -- during requests -------------------------------------------------------------------------------------------


@pytest.fixture
def _switching_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching_threads_often")
@pytest.mark.mockscope(page_size=5)
def test_a_request_during_a_restore_sees_one_state_or_the_other(mockscope: MockSite) -> None:
    """A restore passes through a state without users. No request ever sees that state."""
    emails = [f"joey{number:02}@example.com" for number in range(12)]
    for email in emails:
        mockscope.add_user(email, first_name="Joey")
    early = mockscope.snapshot()
    for email in emails:
        mockscope._site.delete_user(email)
    mockscope.snapshot("nobody")
    for email in emails:
        mockscope.add_user(email, first_name="Ross")
    late = mockscope.snapshot()
    all_look = Barrier(4)
    ended = Event()

    def travel() -> None:
        all_look.wait(WAIT_SECONDS)
        for _ in range(300):
            early.restore()
            late.restore()
        ended.set()

    def look(email: str | None) -> list[tuple[int, frozenset[str]]]:
        """Return the statuses and the names, of a page or of one user, that requests got until the end."""
        found: list[tuple[int, frozenset[str]]] = []
        address = urlsplit(mockscope.url)
        headers = mockscope.headers | ({} if email is None else {"Http-X-Email": email})
        with closing(HTTPConnection(address.hostname or "", address.port, timeout=WAIT_SECONDS)) as connection:
            all_look.wait(WAIT_SECONDS)
            while not (found and ended.is_set()):
                connection.request("GET", USERS, headers=headers)
                response = connection.getresponse()
                body = json.load(response)
                names = frozenset(user.get("first_name") for user in body.get("users", [body]))
                found.append((response.status, names - {"Site"}))
        return found

    with ThreadPoolExecutor(4) as threads:
        looks = [threads.submit(look, email) for email in (None, emails[0], emails[-1])]
        result(threads.submit(travel))

    seen = {sight for each in looks for sight in result(each)}
    assert seen <= {(200, frozenset({"Joey"})), (200, frozenset({"Ross"}))}
    assert [user.first_name for user in mockscope.users.values()] == ["Site", *["Ross"] * 12]


@pytest.mark.usefixtures("_switching_threads_often")
def test_snapshots_restores_and_writes_from_several_threads_leave_a_consistent_site(mockscope: MockSite) -> None:
    before = mockscope.export()
    mockscope.add_group("Sales")
    mockscope.snapshot("beginning")

    def write(number: int) -> None:
        for turn in range(100):
            # Another thread may have gone back between any two steps: who was added is gone, or is there again.
            with suppress(Refused):
                mockscope.add_user(f"joey{number}@example.com", groups=["Sales"])
                mockscope._site.delete_user(f"joey{number}@example.com")
            if turn % 10 == 0:
                mockscope.snapshot(f"{number}")

    def travel(number: int) -> None:
        for _ in range(100):
            for name in list(mockscope.snapshots):
                mockscope.restore(name)
                Mockscope(mockscope.export())

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, number) for number in range(2) for work in (write, travel)]:
            result(done)

    fresh = Mockscope(mockscope.export()).sites[mockscope.host]
    assert indexed(mockscope) == indexed(fresh)
    mockscope.restore("beginning")
    assert (list(mockscope.users), indexed(mockscope)["members"].keys()) == (
        ["admin@example.com"],
        {"Administrators", "All Users"},
    )
    mockscope.reset()
    assert mockscope.export() == before
