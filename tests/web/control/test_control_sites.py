"""Sites over the control API: a change over HTTP is visible in Python, and the reverse."""

from collections.abc import Iterator
from threading import Barrier
from typing import Any

import httpx
import pytest
from support.bounds import at_once
from support.control_client import BASE, path_of

import mockscope as package
from mockscope import LiveServer, MockSite, serve

POLICY = {
    "page_size": 100,
    "test_mode_create_status": 200,
    "unknown_groups": "reject",
    "implicit_all_users": False,
    "creator_must_be_admin": False,
    "protect_builtin_groups": True,
    "require_json_content_type": False,
}
TAKEN = {
    "message": "there is a site taken already: hosts are unique on a server; choose another, or remove that site first"
}
# A host with Spaces, and all that a path has a meaning for.
ODD_HOST = "a:b/c%2Fd?e#f;g=h&i+j..~{x}"


@pytest.fixture
def control(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, verify=False) as client:
        yield client


def users(server: LiveServer, host: str, api_key: str) -> httpx.Response:
    return httpx.get(f"{server.url}/api/v1/users", headers={"Http-X-Partner-Auth": f"{host}:{api_key}"}, verify=False)


def shown(site: MockSite, **other: Any) -> dict[str, Any]:
    return {
        "host": site.host,
        "api_key": site.api_key,
        "enabled": True,
        "strict": False,
        "contract": False,
        "label": "",
        "temporary": False,
        "admin": "admin@example.com",
        "policy": POLICY,
        "counts": {"users": 1, "groups": 2, "dashboards": 0, "calls": 0, "faults": 0},
        **other,
    }


# -- the server ------------------------------------------------------------------------------------------------


def test_health_and_version_are_served(control: httpx.Client) -> None:
    assert control.get(f"{BASE}/health").json() == {"status": "ok"}
    assert control.get(f"{BASE}/version").json() == {"version": package.__version__}


def test_the_sites_are_listed_as_they_were_added(server: LiveServer, control: httpx.Client) -> None:
    first, second = server.site("first"), server.site("second", page_size=3)

    response = control.get(f"{BASE}/sites")

    assert (response.status_code, response.json()) == (
        200,
        {"sites": [shown(first), shown(second, policy=POLICY | {"page_size": 3})]},
    )


def test_reset_restores_every_site(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    before = server.export()
    site.add_user("joey@example.com")
    users(server, site.host, "wrong")
    server.clock.freeze()

    response = control.post(f"{BASE}/reset")

    assert (response.status_code, response.json()) == (200, {"sites": [shown(site)]})
    assert (server.export(), len(server.calls), server.clock.is_frozen) == (before, 0, False)


def test_an_export_can_be_imported_by_another_server(server: LiveServer, control: httpx.Client) -> None:
    site = server.site(ODD_HOST)
    site.add_user("joey@example.com", groups=["All Users"])
    site.add_dashboard("Revenue", owner="joey@example.com", access={"All Users": "Edit"})

    exported = control.get(f"{BASE}/export")
    with serve() as other:
        imported = httpx.post(f"{other.url}{BASE}/import", json=exported.json(), verify=False)

        assert exported.json() == server.export()
        assert (imported.status_code, [each["host"] for each in imported.json()["sites"]]) == (201, [ODD_HOST])
        assert other.export() == server.export()


def test_an_import_of_sites_adds_all_or_none(server: LiveServer, control: httpx.Client) -> None:
    server.site("taken")

    response = control.post(f"{BASE}/import", json={"mockscope": 1, "sites": [{"host": "free"}, {"host": "taken"}]})

    assert (response.status_code, response.json()) == (
        409,
        TAKEN,
    )
    assert list(server.sites) == ["taken"]


def test_an_invalid_seed_is_refused_with_place_and_nearest_key(server: LiveServer, control: httpx.Client) -> None:
    response = control.post(f"{BASE}/import", json={"mockscope": 1, "sites": [{"host": "a", "polcy": {}}]})

    assert (response.status_code, response.json()) == (
        400,
        {"message": "seed.sites[0].polcy: unknown key polcy; did you mean policy?"},
    )
    assert server.sites == {}


def test_the_state_is_saved_when_the_server_has_a_state_file(server: LiveServer, control: httpx.Client) -> None:
    refused = control.post(f"{BASE}/save")
    saved: list[dict[str, Any]] = []
    server.registry.save = lambda: saved.append(server.export())

    response = control.post(f"{BASE}/save")

    assert (refused.status_code, refused.json()) == (
        409,
        {"message": "This server has no state file: start it with mockscope serve --state FILE."},
    )
    assert (response.status_code, response.content, saved) == (204, b"", [server.export()])


# -- making, reading, changing, removing -----------------------------------------------------------------------


def test_a_site_is_created_from_an_empty_body(server: LiveServer, control: httpx.Client) -> None:
    response = control.post(f"{BASE}/sites")

    [site] = server.sites.values()
    assert (response.status_code, response.json()) == (201, shown(site))
    assert users(server, site.host, site.api_key).status_code == 200


def test_a_site_is_created_as_requested(server: LiveServer, control: httpx.Client) -> None:
    seed = {
        "mockscope": 1,
        "sites": [
            {
                "host": "elsewhere",
                "users": [{"email": "joey@example.com", "first_name": "Joey", "last_name": "Tribbiani"}],
            }
        ],
    }
    response = control.post(
        f"{BASE}/sites",
        json={
            "host": ODD_HOST,
            "api_key": "a-key",
            "seed": seed,
            "strict": True,
            "label": "off-boarding",
            "policy": {"page_size": 3},
        },
    )

    site = server.sites[ODD_HOST]
    assert (response.status_code, response.json()) == (
        201,
        shown(site, strict=True, label="off-boarding", admin=None, policy=POLICY | {"page_size": 3}),
    )
    assert (site.api_key, site.strict, site.label, site.policy.page_size) == ("a-key", True, "off-boarding", 3)
    assert list(site.users) == ["joey@example.com"]
    assert users(server, ODD_HOST, "a-key").json()["total_users"] == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"hots": "a"}', "there is no field hots here; did you mean host?"),
        (
            b'{"zzz": "a"}',
            "there is no field zzz here; known: host, api_key, temporary, seed, scenario, faults, timeline, strict, "
            "contract, label, policy",
        ),
        (b'{"policy": {"page_sise": 3}}', "policy: there is no field page_sise here; did you mean page_size?"),
        (b'{"policy": {"page_size": 0}}', "policy.page_size must be a whole number between 1 and 1000, not 0"),
        (b'{"policy": {"strict": true}}', "policy: there is no field strict here; known: " + ", ".join(POLICY)),
        (b'{"policy": {"self": 0}}', "policy: there is no field self here; known: " + ", ".join(POLICY)),
        (b'{"host": "a b"}', "the host 'a b' can't stand in a header: use visible ASCII without blanks"),
        (b'{"host": ""}', "host must be text of at least one character or null, not ''"),
        (
            b'{"host": "a", "api_key": "a:b"}',
            "the API key of a can't stand in a header: visible ASCII without blank or colon",
        ),
        (b'{"seed": "seed.yaml"}', "seed must be an object of names and values or null, not 'seed.yaml'"),
        (b'{"seed": {"mockscope": 2}}', "seed.mockscope: this mockscope reads version 1 of the format only"),
        (b'{"seed": {"a": 1e999}}', "seed: a number is too large: the largest is about 1.8e308"),
        (b'{"seed": {"a": ' + b"9" * 6001 + b"}}", "seed: a whole number has too many digits"),
        (b'{"label": 1}', "label must be text, not 1"),
        (b'{"faults": [1]}', "faults[0] must be an object of names and values, not 1"),
        (b'{"timeline": ["a"]}', "timeline[0] must be an object of names and values, not 'a'"),
        (b"[]", "the body must be an object of names and values, not []"),
        (b'{"label": 1, ', "the body is not JSON: Input data was truncated"),
        (b"{", "the body is not JSON: Input data was truncated"),
        (b'{"label": "\xff"}', "the body is not UTF-8: invalid start byte at byte 11"),
        # How deep that is depends on the version of Python.
        (b'{"seed":' * 100_000, "the body is nested too deeply"),
    ],
)
def test_an_invalid_site_is_refused_and_not_created(
    server: LiveServer, control: httpx.Client, body: bytes, message: str
) -> None:
    response = control.post(f"{BASE}/sites", content=body)

    assert (response.status_code, response.json()) == (400, {"message": message})
    assert server.sites == {}


def test_a_taken_host_is_a_conflict(server: LiveServer, control: httpx.Client) -> None:
    site = server.site("taken")
    made = control.post(f"{BASE}/sites", json={"host": "taken"})
    forked = control.post(f"{path_of(site.host)}/fork", json={"host": "taken"})

    assert (made.status_code, made.json()) == (409, TAKEN)
    assert (forked.status_code, forked.json()) == (409, TAKEN)
    assert list(server.sites) == ["taken"]


def test_one_of_many_simultaneous_requests_for_a_host_succeeds_and_the_others_conflict(server: LiveServer) -> None:
    hosts = [f"site-{number}" for number in range(20)]
    together = Barrier(8)

    def make_all(_: int) -> list[int]:
        statuses = []
        with httpx.Client(base_url=server.url, verify=False) as client:
            for host in hosts:
                together.wait(300)
                statuses.append(client.post(f"{BASE}/sites", json={"host": host}).status_code)
        return statuses

    seen = at_once(make_all, range(8))

    assert [sorted(of_one_host) for of_one_host in zip(*seen, strict=True)] == [[201] + [409] * 7] * len(hosts)
    assert list(server.sites) == hosts


@pytest.mark.parametrize("host", ["example_site", ODD_HOST, "%41", "a%252Fb", "~!$'()*,@[]|\\^`\"<>"])
def test_a_site_is_found_by_a_host_of_any_characters(server: LiveServer, control: httpx.Client, host: str) -> None:
    site = server.site(host)

    response = control.get(path_of(host))

    assert (response.status_code, response.json()) == (200, shown(site))


def test_an_unknown_site_is_404_and_names_the_nearest_host(server: LiveServer, control: httpx.Client) -> None:
    server.site("example_site")

    near, far = control.get(path_of("exmaple_site")), control.get(path_of("zzz"))

    assert (near.status_code, near.json()) == (
        404,
        {"message": "There is no site exmaple_site; did you mean example_site?"},
    )
    assert (far.status_code, far.json()) == (
        404,
        {"message": "There is no site zzz; GET /_mockscope/v1/sites lists those that are there."},
    )


def test_a_change_over_http_is_visible_in_python(server: LiveServer, control: httpx.Client) -> None:
    site = server.site(page_size=3)
    place = path_of(site.host)

    changed = control.patch(place, json={"enabled": False, "label": "x", "strict": True, "policy": {"page_size": 7}})

    policy = POLICY | {"page_size": 7}
    assert changed.json() == shown(site, enabled=False, label="x", strict=True, policy=policy)
    assert (site.enabled, site.label, site.strict, site.policy.page_size) == (False, "x", True, 7)
    assert users(server, site.host, site.api_key).status_code == 404

    kept = control.patch(place, json={"enabled": True})
    assert kept.json() == shown(
        site, label="x", strict=True, policy=policy, counts=shown(site)["counts"] | {"calls": 1}
    )
    assert users(server, site.host, site.api_key).status_code == 200


def test_a_change_with_one_invalid_value_changes_nothing(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()

    response = control.patch(path_of(site.host), json={"enabled": False, "policy": {"unknown_groups": "refuse"}})

    assert (response.status_code, response.json()) == (
        400,
        {"message": "policy.unknown_groups must be create or ignore or reject, not 'refuse'"},
    )
    assert control.get(path_of(site.host)).json() == shown(site)


@pytest.mark.rule("AUTH-4")
def test_a_rotated_key_opens_the_site_and_the_old_one_does_not(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    first = site.api_key

    made_up = control.post(f"{path_of(site.host)}/rotate-key").json()["api_key"]
    second = control.post(f"{path_of(site.host)}/rotate-key", json={"api_key": "second"})

    assert len({first, made_up, "second"}) == 3
    assert (second.status_code, second.json(), site.api_key) == (200, shown(site), "second")
    statuses = [users(server, site.host, key).status_code for key in (first, made_up, "second")]
    assert statuses == [403, 403, 200]


def test_a_deleted_site_is_gone(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()

    response, again = control.delete(path_of(site.host)), control.delete(path_of(site.host))

    assert (response.status_code, response.content, again.status_code) == (204, b"", 404)
    assert (server.sites, users(server, site.host, site.api_key).status_code) == ({}, 403)


def test_a_site_is_reset_forked_exported_and_loaded(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    place, fresh = path_of(site.host), site.export()
    site.add_user("joey@example.com")
    exported = control.get(f"{place}/export")

    forked = control.post(f"{place}/fork", json={"host": "fork", "api_key": "key"})
    reset = control.post(f"{place}/reset")
    assert (reset.status_code, reset.json(), site.export()) == (200, shown(site), fresh)
    counts = shown(site)["counts"] | {"users": 2}
    assert (forked.status_code, forked.json()) == (201, shown(server.sites["fork"], counts=counts))

    loaded = control.post(f"{place}/import", json=exported.json())
    assert (loaded.status_code, loaded.json()) == (200, shown(site, counts=counts))
    assert site.export() == exported.json()


def test_a_dashboard_is_added_by_export_and_import_and_the_instruments_are_unchanged(
    server: LiveServer, control: httpx.Client
) -> None:
    site = server.site()
    fault = site.faults.add("list_users", status=503)
    site.clock.freeze()
    httpx.get(f"{server.url}/api/v1/groups", headers=site.headers, verify=False)

    seed = control.get(f"{path_of(site.host)}/export").json()
    seed["sites"][0]["dashboards"] = [{"name": "Revenue", "owner": "admin@example.com", "access": {}}]
    response = control.post(f"{path_of(site.host)}/import", json=seed)

    assert (response.status_code, site.export()) == (200, seed)
    assert (list(site.faults), len(site.calls), site.clock.is_frozen) == ([fault], 1, True)


def test_a_seed_with_several_other_sites_is_refused(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    before = site.export()

    several = control.post(
        f"{path_of(site.host)}/import", json={"mockscope": 1, "sites": [{"host": "a"}, {"host": "b"}]}
    )
    none = control.post(f"{path_of(site.host)}/import", json={"mockscope": 1})

    assert (several.status_code, several.json()) == (
        400,
        {"message": f"the seed has 2 sites (a, b), and none of them is {site.host}: keep only the one to load"},
    )
    assert (none.status_code, none.json()) == (
        400,
        {"message": "the seed has no sites: add one under `sites`"},
    )
    assert site.export() == before


# -- logins, password changes and findings ----------------------------------------------------------------------


def test_a_login_and_a_password_change_are_recorded(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    site.clock.freeze("2018-10-18T20:08:41.794Z")
    place = path_of(site.host)

    control.post(f"{place}/record-password-change", json={"email": "ADMIN@example.com"})
    response = control.post(
        f"{place}/record-login", json={"email": "admin@example.com", "at": "2014-02-07T00:46:07.118+01:00"}
    )

    assert (response.status_code, response.json()) == (
        200,
        {
            "first_name": "Site",
            "last_name": "Administrator",
            "email": "admin@example.com",
            "groups": ["Administrators", "All Users"],
            "last_login_at": "2014-02-06T23:46:07.118Z",
            "password_updated_at": "2018-10-18T20:08:41.794Z",
            "tfa_enabled": False,
        },
    )
    assert site.users["admin@example.com"].last_login_at == "2014-02-06T23:46:07.118Z"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"email": "ross@example.com"}, "No user of the site example_site has the email ross@example.com."),
        ({"mail": "admin@example.com"}, "there is no field mail here; did you mean email?"),
        ({}, "email is missing"),
        (
            {"email": "admin@example.com", "at": "now"},
            "at must be a time with an offset, such as 2014-02-06T23:46:07.118Z or null, not 'now'",
        ),
        (
            {"email": "admin@example.com", "at": "2014-02-06T23:46:07"},
            "at must be a time with an offset, such as 2014-02-06T23:46:07.118Z or null, not '2014-02-06T23:46:07'",
        ),
    ],
)
def test_an_invalid_login_is_refused(
    server: LiveServer, control: httpx.Client, body: dict[str, str], message: str
) -> None:
    site = server.site("example_site")

    response = control.post(f"{path_of(site.host)}/record-login", json=body)

    assert (response.status_code, response.json()) == (400, {"message": message})
    assert site.users["admin@example.com"].last_login_at is None


def test_the_findings_of_strict_mode_are_listed(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    fault = site.faults.add("get_user", status=503)
    response = httpx.post(
        f"{server.url}/api/v1/groups",
        content=b'{"name": "Sales", "access": "Sql", "create_by_email": "admin@example.com"}',
        headers=site.headers | {"Content-Type": "application/json"},
        verify=False,
    )

    found = control.get(f"{path_of(site.host)}/findings").json()

    assert found == {
        "findings": [
            {
                "problem": finding.problem,
                "rule": finding.rule,
                "call": finding.call and finding.call.id,
                "where": None,
            }
            for finding in site.findings()
        ]
    }
    assert [(each["rule"], each["call"]) for each in found["findings"]] == [
        ("GROUP-CREATE-1", response.headers["X-Request-Id"]),
        (None, None),
    ]
    assert str(fault) in found["findings"][1]["problem"]


# -- snapshots -------------------------------------------------------------------------------------------------


def test_a_snapshot_is_taken_listed_restored_and_deleted(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    place, before = path_of(site.host), site.export()
    one = f"{place}/snapshots/before%2Fafter"

    site.clock.freeze("2014-03-01T00:00:00Z")
    taken = control.put(one)
    site.add_user("joey@example.com")
    listed = control.get(f"{place}/snapshots")
    restored = control.post(f"{one}/restore")

    counts = {"users": 1, "groups": 2, "dashboards": 0}
    shown_snapshot = {"name": "before/after", "time": "2014-03-01T00:00:00.000Z", "counts": counts}
    assert (taken.status_code, taken.json()) == (201, shown_snapshot)
    assert (listed.status_code, listed.json()) == (200, {"snapshots": [shown_snapshot]})
    assert (restored.status_code, restored.json(), site.export()) == (200, shown(site), before)
    assert list(site.snapshots) == ["before/after"]

    replaced, deleted = control.put(one), control.delete(one)
    assert (replaced.status_code, deleted.status_code, site.snapshots) == (200, 204, {})


def test_a_snapshot_taken_in_python_is_visible_over_http(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    site.snapshot("one")
    key = site.api_key
    site.rotate_key()

    assert control.post(f"{path_of(site.host)}/snapshots/one/restore").json()["api_key"] == key == site.api_key


def test_a_reset_is_undone_by_the_snapshot_that_it_took(server: LiveServer, control: httpx.Client) -> None:
    site = server.site()
    site.add_user("joey@example.com")
    site.snapshot("earlier")
    changed = site.export()

    reset = control.post(f"{path_of(site.host)}/reset", json={"snapshot": "before"})
    assert (reset.status_code, list(site.users), list(site.snapshots)) == (200, ["admin@example.com"], ["before"])

    control.post(f"{path_of(site.host)}/snapshots/before/restore")
    assert site.export() == changed


def test_an_unknown_snapshot_is_not_found(server: LiveServer, control: httpx.Client) -> None:
    site = server.site("example_site")
    place = path_of(site.host)

    restored, deleted = control.post(f"{place}/snapshots/one/restore"), control.delete(f"{place}/snapshots/one")

    assert (restored.status_code, deleted.status_code) == (404, 404)
    assert restored.json() == {"message": "the site example_site has no snapshot 'one'; known: none"}
    assert deleted.json() == {"message": "The site example_site has no snapshot one; there are: none."}


# -- changes ---------------------------------------------------------------------------------------------------


def test_the_changes_since_a_snapshot_are_those_of_python(server: LiveServer, control: httpx.Client) -> None:
    site = server.site("example_site")
    place = f"{path_of(site.host)}/changes"
    site.add_user("joey@example.com", first_name="Joey")
    site.snapshot("before/after")
    site.update_user("joey@example.com", first_name="Jo")

    whole, since = control.get(place), control.get(f"{place}?since=before%2Fafter")

    assert (whole.status_code, whole.json()) == (200, {"changes": site.changes()})
    assert (since.status_code, since.json()) == (200, {"changes": site.changes(since="before/after")})
    assert [change["change"] for response in (whole, since) for change in response.json()["changes"]] == [
        "created",
        "changed",
    ]


def test_changes_since_an_unknown_snapshot_are_not_found(server: LiveServer, control: httpx.Client) -> None:
    site = server.site("example_site")
    site.snapshot("before")
    place = f"{path_of(site.host)}/changes"

    unknown, wrong = control.get(f"{place}?since=befor"), control.get(f"{place}?sinec=before")

    assert (unknown.status_code, unknown.json()) == (
        404,
        {"message": "the site example_site has no snapshot 'befor'; did you mean before?"},
    )
    assert (wrong.status_code, wrong.json()) == (400, {"message": "there is no field sinec here; did you mean since?"})


def test_a_number_with_the_fraction_zero_is_a_whole_number(server: LiveServer, control: httpx.Client) -> None:
    site = server.site("example_site")

    policy = control.patch(path_of("example_site"), content=b'{"policy": {"page_size": 5.0}}')
    fault = control.post(f"{path_of('example_site')}/faults", content=b'{"status": 503.0, "times": 2e0, "delay": 0.5}')

    assert (policy.status_code, site.policy.page_size) == (200, 5)
    assert (fault.status_code, [fault.json()[name] for name in ("status", "times", "delay")]) == (201, [503, 2, 0.5])
