"""One suite for the sites of a server of this process, and for those of a connection to it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import mockscope
from mockscope import (
    LiveServer,
    LogNormal,
    MockSite,
    Refused,
    RemoteSite,
    SeedError,
    ServerAPI,
    SiteAPI,
    Uniform,
)

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
KEY: Final = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2"


@pytest.fixture(scope="module")
def live() -> Iterator[LiveServer]:
    with mockscope.serve() as server:
        yield server


@pytest.fixture(scope="module", params=["local", "connected"])
def server(request: pytest.FixtureRequest, live: LiveServer) -> Iterator[ServerAPI]:
    if request.param == "local":
        yield live
    else:
        with mockscope.connect(live.url) as connected:
            yield connected


@pytest.fixture
def site(server: ServerAPI) -> Iterator[SiteAPI]:
    with server.site("example_site", KEY) as site:
        site.add_user("joey@example.com", first_name="Joey", last_name="Tribbiani")
        yield site


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=300) as client:
        yield client


Send = Callable[..., httpx.Response]


@pytest.fixture
def send(client: httpx.Client, site: SiteAPI) -> Send:
    def send(method: str, path: str, email: str | None = None, **options: Any) -> httpx.Response:
        headers = site.headers | ({} if email is None else {"Http-X-Email": email})
        return client.request(method, f"{site.url}{path}", headers=headers, **options)

    return send


def refusal(call: Callable[[], object]) -> tuple[type[BaseException], str]:
    with pytest.raises((ValueError, LookupError, Refused)) as caught:
        call()
    return type(caught.value), str(caught.value)


# -- the site --------------------------------------------------------------------------------------------------


def test_a_site_is_made_as_it_is_asked_for(server: ServerAPI) -> None:
    with server.site("second", "a-key-of-its-own", strict=True, page_size=7) as site:
        assert (site.host, site.api_key, site.url) == ("second", "a-key-of-its-own", server.url)
        assert site.headers == {"Http-X-Partner-Auth": "second:a-key-of-its-own"}
        assert (site.strict, site.contract, site.enabled, site.label, site.policy.page_size) == (
            True,
            False,
            True,
            "",
            7,
        )
        assert server.sites["second"] is site
        assert repr(site).endswith(f"Site second at {server.url}: 1 users, 2 groups>")
    assert "second" not in server.sites


def test_a_site_that_cannot_be_made_is_refused(server: ServerAPI, site: SiteAPI, tmp_path: Path) -> None:
    assert refusal(lambda: server.site(page_sise=7)) == (
        ValueError,
        "there is no argument 'page_sise'; did you mean page_size?",
    )
    assert refusal(lambda: server.site("example_site"))[1].startswith("there is a site example_site already")
    assert refusal(lambda: server.site("a b"))[1].startswith("the host 'a b' can't stand in a header")
    assert refusal(lambda: server.site(scenario="no-such"))[1].startswith("there is no scenario 'no-such'")
    seed = tmp_path / "seed.yaml"
    seed.write_text("mockscope: 1\nsites:\n  - host: a\n    usrs: []\n")
    kind, message = refusal(lambda: server.site(seed=seed))
    assert (kind, message) == (SeedError, f"{seed}, line 4: unknown key usrs; did you mean users?")


def test_switches_and_labels_are_set(site: SiteAPI, send: Send) -> None:
    site.enabled, site.strict, site.contract, site.label = False, True, True, "off-boarding"
    site.set_policy(page_size=3, test_mode_create_status=201)
    assert (site.enabled, site.strict, site.contract, site.label) == (False, True, True, "off-boarding")
    assert (site.policy.page_size, site.policy.test_mode_create_status) == (3, 201)
    assert send("GET", USERS).status_code == 404
    assert refusal(lambda: setattr(site, "strict", 1)) == (ValueError, "strict must be true or false, not 1")
    assert refusal(lambda: site.set_policy(page_sise=3))[0] is ValueError
    site.strict = site.contract = False


def test_a_rotated_key_is_the_new_one_at_once(site: SiteAPI, send: Send) -> None:
    assert (site.rotate_key("another-key"), site.api_key) == ("another-key", "another-key")
    assert send("GET", USERS).status_code == 200
    assert site.rotate_key() == site.api_key != "another-key"
    assert refusal(lambda: site.rotate_key("a:b"))[0] is ValueError


# -- records ---------------------------------------------------------------------------------------------------


def test_records_are_read_as_mappings(site: SiteAPI) -> None:
    site.add_dashboard("Sandwiches", owner="joey@example.com", access={"All Users": "Edit"})

    assert [*site.users] == ["admin@example.com", "joey@example.com"]
    assert (len(site.users), site.users["JOEY@example.com"].first_name, site.users.get("x")) == (2, "Joey", None)
    assert {name: group.access for name, group in site.groups.items()} == {"Administrators": "Sql", "All Users": "Sql"}
    [board] = site.dashboards.values()
    assert (board.name, board.owner, dict(board.access)) == ("Sandwiches", "joey@example.com", {"All Users": "Edit"})
    assert ("5" in site.users, "" in site.groups, "Sandwiches" in site.dashboards) == (False, False, True)
    with pytest.raises(KeyError, match="the first record is list"):
        site.users[0]  # type: ignore[index]
    assert (repr(site.groups), site.admin.email) == ("{Administrators, All Users}", "admin@example.com")


def test_all_records_are_read_in_pages(server: ServerAPI) -> None:
    with server.site(seed={"mockscope": 1, "sites": [{"host": "crowd", "generate": {"users": 250}}]}) as site:
        assert (len(site.users), len({*site.users})) == (250, 250)
        assert [*site.users] == sorted(site.users)


def test_records_are_changed_by_the_rules(site: SiteAPI) -> None:
    site.add_group("Friends", access="sql")
    assert site.update_group("Friends", new_name="Sales & co./").name == "Sales & co./"
    assert site.update_user("joey@example.com", groups=["Sales & co./"], tfa_enabled=True).groups == ("Sales & co./",)
    assert site.record_login("joey@example.com", "2024-02-06T12:00:00Z").last_login_at == "2024-02-06T12:00:00.000Z"
    site.clock.freeze("2024-03-01T00:00:00Z")
    changed = site.record_password_change("joey@example.com")
    assert (changed.password_updated_at, changed.tfa_enabled) == ("2024-03-01T00:00:00.000Z", True)
    phoebe = site.add_user("phoebe@example.com", groups=[], last_login_at="2024-02-06T13:00:00+01:00")
    assert (phoebe.groups, phoebe.last_login_at) == (("All Users",), "2024-02-06T12:00:00.000Z")
    site.add_dashboard("Sandwiches", owner="joey@example.com")
    assert site.update_dashboard("Sandwiches", owner=None, new_name="Soup").owner is None
    site.update_dashboard("Soup", owner="phoebe@example.com")
    assert site.update_dashboard("Soup", access={"All Users": "View"}).owner == "phoebe@example.com"
    site.remove_user("joey@example.com")
    site.remove_group("Sales & co./")
    site.remove_dashboard("Soup")
    assert ([*site.users], [*site.groups], [*site.dashboards]) == (
        ["admin@example.com", "phoebe@example.com"],
        ["Administrators", "All Users"],
        [],
    )


REFUSED: Final[list[tuple[Callable[[SiteAPI], object], str]]] = [
    (lambda site: site.add_user("joey"), "USER-CREATE-1"),
    (lambda site: site.add_user("Joey@example.com"), "USER-CREATE-4"),
    (lambda site: site.add_user("ross@example.com", groups=["Nobody"]), "USER-CREATE-2"),
    (lambda site: site.update_user("ross@example.com", first_name="Ross"), "USER-UPDATE-1"),
    (lambda site: site.remove_user("ross@example.com"), "USER-DELETE-1"),
    (lambda site: site.update_group("All Users", new_name="Everybody"), "GROUP-BUILTIN-1"),
    (lambda site: site.remove_group("Friends"), "GROUP-DELETE-1"),
    (lambda site: site.add_dashboard("Soup", owner="ross@example.com"), "USER-DELETE-2"),
    (lambda site: site.record_login("ross@example.com"), "USER-1"),
]


def test_a_change_against_the_rules_is_refused_with_the_rule(live: LiveServer, site: SiteAPI) -> None:
    for change, rule in REFUSED:
        with pytest.raises(Refused) as there:
            change(live.sites["example_site"])
        with pytest.raises(Refused) as here:
            change(site)
        assert (here.value.rule, repr(here.value), here.value.values) == (rule, repr(there.value), there.value.values)
    assert refusal(lambda: site.record_login("joey@example.com", "now"))[1].startswith("'now' is not a time")
    assert refusal(lambda: site.add_dashboard("Soup", access=["Edit"]))[0] is ValueError  # type: ignore[arg-type]


# -- calls -----------------------------------------------------------------------------------------------------


def test_calls_are_read_searched_and_cleared(site: SiteAPI, send: Send) -> None:
    send("GET", f"{USERS}?page=1")
    send("DELETE", USERS, "joey@example.com")
    send("GET", f"{GROUPS}/Nobody")

    calls = site.calls
    assert [call.operation for call in calls] == ["list_users", "delete_user", "get_group"]
    assert (len(calls), calls.last.rule, calls.last.group, calls[0].params) == (
        3,
        "GROUP-GET-1",
        "Nobody",
        {"page": "1"},
    )
    assert (calls[1] in calls, calls.index(calls[1]), calls[1:] == [*calls][1:]) == (True, 1, True)
    assert [call.email for call in calls.matching("delete_user")] == ["joey@example.com"]
    assert len(calls.matching(status="4xx")) == len(calls.matching(hint="group-unknown")) == 1
    assert [call.status for call in calls.matching(q="JOEY")] == [200]
    assert len(calls.matching(after=calls[0])) == len(calls.matching(before=calls[2])) == 2
    assert [len(calls.matching(open=True)), len(calls.settled(0))] == [0, 3]
    assert calls[1].changes[0]["name"] == "joey@example.com"
    assert repr(calls).startswith(
        "<3 calls on the site example_site: 200 list_users; 200 delete_user joey@example.com;"
    )
    assert json.loads(calls.to_har())["log"]["entries"][2]["response"]["status"] == 404
    calls.clear()
    assert ([*calls], repr(calls)) == ([], "<no call on the site example_site>")
    with pytest.raises(LookupError, match=r"^the site example_site received no call$"):
        _ = calls.last


def test_assertions_on_calls_fail_with_the_same_messages(live: LiveServer, site: SiteAPI, send: Send) -> None:
    send("POST", GROUPS, json={"name": "Friends", "access": "View", "created_by_email": "admin@example.com"})
    site.calls.assert_called("create_group", times=1, status=201)
    site.calls.assert_sequence(["create_group"])
    site.calls.assert_not_called("list_users")

    failing: list[Callable[[SiteAPI], object]] = [
        lambda each: each.calls.assert_called("create_group", json={"name": "Sales", "key": KEY}),
        lambda each: each.calls.assert_not_called(),
        lambda each: each.calls.assert_sequence(["list_users", "create_group"]),
    ]
    for fail in failing:
        with pytest.raises(AssertionError) as there:
            fail(live.sites["example_site"])
        with pytest.raises(AssertionError) as here:
            fail(site)
        assert (str(here.value), KEY in str(here.value)) == (str(there.value), False)
    assert refusal(lambda: site.calls.matching("create_grp"))[1].endswith("did you mean create_group?")


def test_calls_that_reached_no_site_are_those_of_the_server(
    server: ServerAPI, site: SiteAPI, client: httpx.Client
) -> None:
    server.calls.clear()
    client.get(f"{site.url}{USERS}", headers={"Http-X-Partner-Auth": "example_site:wrong"})
    client.get(f"{site.url}{USERS}", headers=site.headers)

    assert (len(server.calls), server.calls.last.hint and server.calls.last.hint.code) == (1, "key-wrong")
    assert [call.status for call in server.all_calls()] == [403, 200]


def test_a_call_is_copied_and_replayed(site: SiteAPI, send: Send, client: httpx.Client) -> None:
    site.faults.add("delete_user", status=503)
    send("DELETE", USERS, "joey@example.com")
    call = site.calls.last
    host = site.url.removeprefix("http://")

    assert call.as_curl() == (
        "curl -i -X DELETE -H 'Http-X-Partner-Auth: example_site:'\"$MOCKSCOPE_API_KEY\" "
        f"-H 'Http-X-Email: joey@example.com' http://{host}{USERS}"
    )
    assert 'os.environ["MOCKSCOPE_API_KEY"]' in call.as_httpx()
    assert f"example_site:{KEY}" in call.as_curl(include_key=True, url="http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"^fault-1 affected the call "):
        call.as_pytest()
    with site.fork("a-fork") as fork:
        assert [fork.replay(call).status for _ in range(2)] == [200, 400]
        assert [each.status for each in fork.calls] == [200, 400]
    assert ("joey@example.com" in site.users, site.replay(call).status) == (True, 200)
    assert refusal(lambda: site.replay("call"))[1] == "call must be a call, such as site.calls.last, not 'call'"  # type: ignore[arg-type]


# -- faults ----------------------------------------------------------------------------------------------------


def test_a_fault_hits_and_is_counted(site: SiteAPI, send: Send) -> None:
    fault = site.faults.add("list_users", status=503, body={"a": 1}, headers={"X-A": "b"}, times=2)
    limit = site.faults.rate_limit(1, per=60, operation="list_groups")

    response = send("GET", USERS)
    statuses = [send("GET", GROUPS).status_code for _ in range(3)]

    assert (response.status_code, response.json(), response.headers["X-A"]) == (503, {"a": 1}, "b")
    assert (fault.id, fault.hits, fault.seen, fault.left, limit.id, limit.hits) == (
        "fault-1",
        1,
        1,
        1,
        "rate-limit-2",
        2,
    )
    assert statuses == [200, 429, 429]
    assert (len(site.faults), [str(each) for each in site.faults]) == (
        2,
        [
            "fault-1: 503 for list_users, 2 times; hit 1 of 1 call",
            "rate-limit-2: 1 calls per 60 s for list_groups; hit 2",
        ],
    )
    assert (site.faults.get("fault-1").id, str(fault)) == (
        "fault-1",
        "fault-1: 503 for list_users, 2 times; hit 1 of 1 call",
    )
    site.faults.remove(fault)
    site.faults.remove(fault)
    assert ([each.id for each in site.faults], fault.hits) == (["rate-limit-2"], 1)
    site.faults.clear()
    assert len(site.faults) == 0


def test_faults_of_every_kind_are_kept_as_they_are_planned(site: SiteAPI) -> None:
    site.faults.add("get_user", delay=Uniform(low=0.1, high=0.2, seed=3), where={"email": "joey@example.com"}, nth=2)
    site.faults.add(delay=LogNormal(median=0.3), probability=0.5, seed=7, times=None)
    site.faults.add("delete_user", transport="reset", after_commit=True)
    site.faults.add("list_users", transport="truncate", after_bytes=5)
    site.faults.add("create_user", status=500, body="text")
    site.faults.add_plain({"calls": 3, "per": 1.5})
    site.faults.add_plain({"do": "delete_user", "email": "joey@example.com", "before": {"operation": "list_users"}})

    assert [json.loads(json.dumps(each.as_dict())) for each in site.faults] == [
        json.loads(json.dumps(site.faults.get(each.id).as_dict())) for each in site.faults
    ]
    assert [str(each) for each in site.faults] == [
        "fault-1: delay for get_user with email='joey@example.com' from call 2 on, 1 time; hit 0 of 0 calls",
        "fault-2: delay for *, every time; hit 0 of 0 calls",
        "fault-3: reset after the commit for delete_user, 1 time; hit 0 of 0 calls",
        "fault-4: truncate for list_users, 1 time; hit 0 of 0 calls",
        "fault-5: 500 for create_user, 1 time; hit 0 of 0 calls",
        "rate-limit-6: 3 calls per 1.5 s for *; hit 0",
        "change-7: delete_user joey@example.com before call 1 of list_users; not made after 0 calls",
    ]
    site.faults.clear()


def test_a_fault_that_cannot_be_planned_is_refused_in_the_same_words(live: LiveServer, site: SiteAPI) -> None:
    wrong: list[Callable[[SiteAPI], object]] = [
        lambda each: each.faults.add_plain({"operation": "list_usrs", "status": 503}),
        lambda each: each.faults.add("list_users"),
        lambda each: each.faults.add("list_users", status=99),
        lambda each: each.faults.add("list_users", status=503, where={"emial": "x"}),
        lambda each: each.faults.rate_limit(0, per=1),
        lambda each: each.faults.add_change("delete_user"),
        lambda each: each.faults.add_plain({"statsu": 503}),
        lambda each: each.faults.get("fault-9"),
    ]
    for plan in wrong:
        assert refusal(partial(plan, site)) == refusal(partial(plan, live.sites["example_site"]))
    assert len(site.faults) == 0


def test_faults_and_changes_that_never_came_are_named(site: SiteAPI, send: Send) -> None:
    site.faults.add("get_user", status=503)
    site.faults.add("list_users", status=503, nth=2)
    change = site.faults.add_change("delete_user", email="joey@example.com", before={"call": 3})
    send("GET", USERS)

    assert [each.id for each in site.faults.unused()] == ["fault-1", "fault-2", "change-3"]
    with pytest.raises(AssertionError) as caught:
        site.faults.assert_all_used()
    assert str(caught.value) == (
        "planned faults of the site example_site that hit fewer calls than planned:\n"
        "  fault-1: 503 for get_user, 1 time; hit 0 of 0 calls\n"
        "  fault-2: 503 for list_users from call 2 on, 1 time; hit 0 of 1 call\n"
        "  change-3: delete_user joey@example.com before call 3 of *; not made after 1 call"
    )
    send("GET", USERS, "joey@example.com")
    send("GET", USERS)
    assert (change.hits, change.refused, "joey@example.com" in site.users) == (1, None, False)


# -- the clock -------------------------------------------------------------------------------------------------


def test_the_clock_is_frozen_moved_and_reset(server: ServerAPI, site: SiteAPI) -> None:
    clock = site.clock
    clock.freeze("2024-02-06T12:00:00Z", autojump=True)
    assert (clock.is_frozen, clock.autojump, clock.now().isoformat()) == (True, True, "2024-02-06T12:00:00+00:00")
    clock.shift(days=1, hours=-1)
    assert clock.as_dict() == {"now": "2024-02-07T11:00:00.000Z", "frozen": True, "autojump": True}
    clock.move_to("2024-03-01T01:00:00+01:00")
    assert (clock.time(), repr(clock)) == (1709251200.0, "<Clock frozen at 2024-03-01T00:00:00.000000Z>")
    clock.resume()
    assert (clock.is_frozen, clock.now().year) == (False, 2024)
    clock.reset()
    server.clock.freeze("2020-01-01T00:00:00Z")
    assert (site.clock.now().year, server.clock.is_frozen) == (2020, True)
    server.clock.reset()


def test_a_wrong_time_is_refused_in_the_same_words(site: SiteAPI) -> None:
    assert refusal(lambda: site.clock.freeze("now"))[1].startswith("'now' is not a time; write it like 2014")
    assert refusal(lambda: site.clock.move_to("2024-02-06T12:00:00"))[1].startswith("2024-02-06T12:00:00 has no offset")
    for days in (4e6, float("nan"), float("inf")):
        assert refusal(partial(site.clock.shift, days=days))[1] == "the clock would leave the years 1 to 9999"
    assert refusal(lambda: site.clock.shift(days="1"))[1] == "days must be a number, not '1'"  # type: ignore[arg-type]


def test_a_delayed_response_waits_for_the_clock(site: SiteAPI, send: Send) -> None:
    site.clock.freeze(autojump=True)
    site.faults.add("list_users", delay=3600)
    before = site.clock.time()

    assert send("GET", USERS).status_code == 200
    assert site.clock.time() - before == pytest.approx(3600, abs=0.01)


# -- states ----------------------------------------------------------------------------------------------------


def test_a_site_returns_to_a_snapshot(site: SiteAPI) -> None:
    site.snapshot("before")
    with site.snapshot() as unnamed:
        site.remove_user("joey@example.com")
        assert repr(unnamed) == "<SiteSnapshot without a name of example_site>"
        assert (unnamed.counts, unnamed.name) == ((2, 2, 0), None)
    assert ("joey@example.com" in site.users, [*site.snapshots]) == (True, ["before"])
    site.update_user("joey@example.com", first_name="Jo")
    site.restore("before")
    assert site.users["joey@example.com"].first_name == "Joey"
    assert refusal(lambda: site.restore("befor")) == (
        LookupError,
        "the site example_site has no snapshot 'befor'; did you mean before?",
    )
    assert refusal(lambda: site.restore(5))[0] is ValueError  # type: ignore[arg-type]
    with site.fork() as fork:
        assert refusal(lambda: fork.restore(unnamed))[1] == f"this is a snapshot of example_site, not of {fork.host}"


def test_an_empty_name_is_refused(site: SiteAPI) -> None:
    rules: dict[str, Callable[[], object]] = {
        "USER-DELETE-1": partial(site.remove_user, ""),
        "USER-UPDATE-1": partial(site.update_user, "", first_name="Joey"),
        "GROUP-DELETE-1": partial(site.remove_group, ""),
        "GROUP-1": partial(site.remove_dashboard, ""),
    }
    for rule, call in rules.items():
        assert (refusal(call)[0], refusal(call)[1].endswith(f"[{rule}]")) == (Refused, True)
    assert refusal(partial(site.snapshot, ""))[1] == "name must be text of at least one character or None, not ''"


def test_changed_records_are_asserted(live: LiveServer, site: SiteAPI) -> None:
    snapshot = site.snapshot()
    site.assert_unchanged(snapshot)
    site.update_user("joey@example.com", first_name="Jo")

    assert site.changes(snapshot) == [
        {"kind": "user", "name": "joey@example.com", "change": "changed", "fields": {"first_name": ["Joey", "Jo"]}}
    ]
    site.assert_changed("user", "Joey@example.com", since=snapshot, change="changed", first_name="Jo")
    assert [change["change"] for change in site.changes()] == ["created"]
    failing: list[Callable[[SiteAPI], object]] = [
        lambda each: each.assert_changed("user", "joey@example.com", first_name="Joseph", last_name=KEY),
        lambda each: each.assert_changed("group", "Sales"),
        lambda each: each.assert_unchanged(),
    ]
    for fail in failing:
        with pytest.raises(AssertionError) as there:
            fail(live.sites["example_site"])
        with pytest.raises(AssertionError) as here:
            fail(site)
        assert str(here.value) == str(there.value)
    with pytest.raises(AssertionError, match=r"^expected no changes on the site example_site since a snapshot, and 1"):
        site.assert_unchanged(snapshot)
    assert refusal(lambda: site.assert_changed("usr", "x"))[1] == "there is no kind of record 'usr'; did you mean user?"


def test_a_site_is_forked_loaded_exported_and_reset(server: ServerAPI, site: SiteAPI, tmp_path: Path) -> None:
    with site.fork("a-fork", "key-of-the-fork") as fork:
        fork.remove_user("joey@example.com")
        assert (fork.host, fork.api_key, len(fork.users), len(site.users)) == ("a-fork", "key-of-the-fork", 1, 2)
    exported = site.export()
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(exported))
    site.load({"mockscope": 1, "sites": [{"host": "x", "generate": {"users": 3}}]})
    assert len(site.users) == 3
    site.load(path)
    assert site.export() == exported
    assert [each["host"] for each in server.export()["sites"]] == ["example_site"]
    kind, message = refusal(lambda: site.load({"mockscope": 1, "sites": [{"host": "x", "usrs": []}]}))
    assert (kind, message) == (SeedError, "seed.sites[0].usrs: unknown key usrs; did you mean users?")
    site.faults.add("list_users", status=503)
    site.reset("before-reset")
    assert ([*site.users], len(site.faults), [*site.snapshots]) == (["admin@example.com"], 0, ["before-reset"])
    site.add_user("rachel@example.com")
    server.reset()
    assert len(site.users) == 1


# -- findings --------------------------------------------------------------------------------------------------


def test_findings_name_the_call_and_fail_a_strict_block(
    live: LiveServer, server: ServerAPI, client: httpx.Client
) -> None:
    with pytest.raises(AssertionError) as caught, server.site("strict", strict=True) as site:  # noqa: PT012
        client.get(f"{site.url}{USERS}?dry_run=true", headers=site.headers)
        site.faults.add("get_user", status=503)
        [first, second] = site.findings()
        assert (first.rule, first.call and first.call.operation, second.call) == ("HTTP-7", "list_users", None)
        assert site.active_findings() == [first, second] == live.sites["strict"].findings()
        site.strict = False
        assert (site.active_findings(), len(site.findings())) == ([], 2)
        site.strict = True
        with pytest.raises(AssertionError, match=r"^strict mode, strict:"):
            site.assert_no_findings()
    assert str(caught.value).count("\n  ") == 2
    assert "strict" not in server.sites


def test_violations_of_the_contract_are_findings(server: ServerAPI, client: httpx.Client) -> None:
    with pytest.raises(AssertionError, match=r"^contract, held:"), server.site("held", contract=True) as site:  # noqa: PT012
        client.post(f"{site.url}{GROUPS}", headers=site.headers, json={"name": 5})
        assert [each.where for each in site.active_findings() if each.where] != []


def test_events_are_read_and_resumed(server: ServerAPI, site: SiteAPI, send: Send) -> None:
    events, of_the_server = site.events(), server.events()
    site.update_user("joey@example.com", first_name="Jo")
    send("GET", USERS)
    site.calls.settled()

    read = events.read()
    assert [event.kind for event in read] == ["records.changed", "call.received", "call.completed"]
    assert (read[0].site, read[0].data["changes"][0]["fields"]) == ("example_site", {"first_name": ["Joey", "Jo"]})
    assert (events.read(), events.last_id, read[0].id) == ([], read[-1].id, of_the_server.read()[0].id)
    assert [event.id for event in site.events(read[0].id).read(timeout=5)] == [event.id for event in read[1:]]


def test_requests_for_the_vendors_hosts_are_redirected(server: ServerAPI, site: SiteAPI, client: httpx.Client) -> None:
    with server.redirect():
        response = client.get(f"https://api.periscopedata.com{USERS}", headers=site.headers)
    assert (response.status_code, len(site.calls)) == (200, 1)


def test_a_site_is_used_in_several_threads(site: SiteAPI) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: site.add_user(f"{number}@example.com").email, range(20)))
    assert {*made} | {"admin@example.com", "joey@example.com"} == {*site.users}


def test_both_kinds_of_site_satisfy_the_protocol(site: SiteAPI) -> None:
    wanted = [name for name in [*vars(SiteAPI), *SiteAPI.__annotations__] if not name.startswith("_")]
    assert [name for name in wanted if not hasattr(site, name)] == []
    assert len(wanted) > 40
    assert isinstance(site, RemoteSite | MockSite)
