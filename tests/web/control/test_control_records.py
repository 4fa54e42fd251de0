"""Users, groups and dashboards over the control API: lists, searches and changes, none of which is a call."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from support.control_client import path_of
from support.site_comparison import assert_like_fresh

from mockscope import Dashboard, DashboardAccess, LiveServer, MockSite

PEOPLE = ("Monica Geller", "Chandler Bing", "Ross Geller", "Rachel Green", "Joey Tribbiani", "Phoebe Buffay")
ROSS = {
    "first_name": "Ross",
    "last_name": "Geller",
    "email": "ross@example.com",
    "groups": ["All Users"],
    "last_login_at": None,
    "password_updated_at": None,
    "tfa_enabled": False,
}
# All that a path has a meaning for, and text beyond ASCII.
ODD_NAME = "a/b c+d%2Fe?f#g..é"


@pytest.fixture
def site(server: LiveServer) -> Iterator[MockSite]:
    """A site with the people and a fault for every call; there must be no call."""
    site = server.site("example_site")
    site.add_group("NY Knicks", access="Discovery")
    site.add_group("Sales")
    for name in PEOPLE:
        first, last = name.split()
        groups = {"Joey": ["NY Knicks"], "Rachel": ["All Users", "Sales"]}.get(first)
        site.add_user(f"{first.lower()}@example.com", first_name=first, last_name=last, groups=groups)
    site.add_dashboard("Example Dashboard", owner="monica@example.com", access={"Administrators": "Edit"})
    site.add_dashboard("Revenue", access={"Sales": "View", "NY Knicks": "Edit"})
    fault = site.faults.add("*", status=503, times=None)
    yield site
    assert (list(site.calls), fault.hits) == ([], 0)
    site.faults.clear()
    assert_like_fresh(server, site)


@pytest.fixture
def control(server: LiveServer, site: MockSite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}{path_of(site.host)}", verify=False) as client:
        yield client


# -- lists -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "total", "names", "start"),
    [
        ("", 7, ["admin", "chandler", "joey", "monica", "phoebe", "rachel", "ross"], None),
        ("?limit=2", 7, ["admin", "chandler"], "joey@example.com"),
        ("?limit=2&start=joey@example.com", 7, ["joey", "monica"], "phoebe@example.com"),
        ("?limit=1&start=ross@example.com", 7, ["ross"], None),
        ("?start=z", 7, [], None),
        ("?q=", 7, ["admin", "chandler", "joey", "monica", "phoebe", "rachel", "ross"], None),
        ("?q=JOEY@", 1, ["joey"], None),
        ("?q=geller", 2, ["monica", "ross"], None),
        ("?q=geller&limit=1", 2, ["monica"], "ross@example.com"),
        ("?q=geller&limit=1&start=ross@example.com", 2, ["ross"], None),
        ("?q=geller&start=n", 2, ["ross"], None),
        ("?q=monica+gel", 1, ["monica"], None),
        ("?q=Knick", 1, ["joey"], None),
        ("?q=sql", 0, [], None),
        ("?group=Sales", 1, ["rachel"], None),
        ("?group=All+Users&limit=1&start=c", 6, ["chandler"], "monica@example.com"),
        ("?group=All+Users&q=geller", 2, ["monica", "ross"], None),
        ("?group=Sale", 0, [], None),
    ],
)
def test_users_are_listed_searched_and_paged(
    control: httpx.Client, query: str, total: int, names: list[str], start: str | None
) -> None:
    response = control.get(f"/users{query}")

    page = response.json()
    assert (response.status_code, list(page), page["total"], page["next"]) == (
        200,
        ["total", "items", "next"],
        total,
        start,
    )
    assert [user["email"] for user in page["items"]] == [f"{name}@example.com" for name in names]


def test_the_pages_hold_every_user_as_the_api_shows_one(control: httpx.Client, site: MockSite) -> None:
    pages, start = [], ""
    while start is not None:
        pages.append(control.get("/users", params={"start": start, "limit": 3}).json())
        start = pages[-1]["next"]

    assert [len(page["items"]) for page in pages] == [3, 3, 1]
    found = [user for page in pages for user in page["items"]]
    assert [user["email"] for user in found] == list(site.users)
    assert found[-1] == ROSS
    assert control.head("/users").status_code == 200


@pytest.mark.rule("PAGE-3")
@pytest.mark.parametrize("start", ["joey%2Bwork@example.com", "joey+work@example.com", "JOEY+WORK@EXAMPLE.COM"])
def test_a_cursor_of_users_is_compared_without_case_and_with_a_blank_as_plus(
    control: httpx.Client, site: MockSite, start: str
) -> None:
    site.add_user("Joey+Work@example.com")
    path = f"/users?limit=1&start={start}"
    assert control.get(path).json()["items"][0]["email"] == "Joey+Work@example.com"

    # It need not exist.
    site.remove_user("joey+work@example.com")
    assert control.get(path).json()["items"][0]["email"] == "joey@example.com"


@pytest.mark.rule("GROUP-3")
def test_groups_are_listed_with_permissions_and_the_number_of_members(control: httpx.Client) -> None:
    assert control.get("/groups").json() == {
        "total": 4,
        "items": [
            {"name": "Administrators", "access": "Sql", "can_edit": True, "can_drag_and_drop": False, "members": 1},
            {"name": "All Users", "access": "Sql", "can_edit": True, "can_drag_and_drop": False, "members": 6},
            {"name": "NY Knicks", "access": "Discovery", "can_edit": False, "can_drag_and_drop": True, "members": 1},
            {"name": "Sales", "access": "View", "can_edit": False, "can_drag_and_drop": False, "members": 1},
        ],
        "next": None,
    }


def test_dashboards_are_listed_with_owner_and_access(control: httpx.Client) -> None:
    assert control.get("/dashboards").json() == {
        "total": 2,
        "items": [
            {"name": "Example Dashboard", "owner": "monica@example.com", "access": {"Administrators": "Edit"}},
            {"name": "Revenue", "owner": None, "access": {"Sales": "View", "NY Knicks": "Edit"}},
        ],
        "next": None,
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("owner=Monica@example.com", ["Example Dashboard"]),
        ("group=Sales", ["Revenue"]),
        ("group=NY+Knicks&q=EXA", []),
        ("group=Administrators&owner=monica@example.com", ["Example Dashboard"]),
        ("group=Sales&owner=monica@example.com", []),
        ("owner=nobody@example.com", []),
    ],
)
def test_dashboards_are_selected_by_owner_and_group(control: httpx.Client, query: str, names: list[str]) -> None:
    page = control.get(f"/dashboards?{query}").json()

    assert ([board["name"] for board in page["items"]], page["total"]) == (names, len(names))


@pytest.mark.rule("PAGE-3")
@pytest.mark.parametrize("kind", ["groups", "dashboards"])
def test_names_are_searched_without_case_and_a_blank_in_a_cursor_may_be_a_plus(
    control: httpx.Client, site: MockSite, kind: str
) -> None:
    add = site.add_group if kind == "groups" else site.add_dashboard
    for name in ("QA+Dev", "QA Team", "Straße"):
        add(name)

    def names(query: str) -> tuple[int, list[str], str | None]:
        page = control.get(f"/{kind}?{query}").json()
        return page["total"], [each["name"] for each in page["items"]], page["next"]

    assert names("q=qa") == (2, ["QA Team", "QA+Dev"], None)
    assert names("q=QA&limit=1") == (2, ["QA Team"], "QA+Dev")
    assert names("q=qa&limit=1&start=QA+Dev") == (2, ["QA+Dev"], None)
    assert names("q=qa&limit=1&start=QA%2BDev") == (2, ["QA+Dev"], None)
    assert names("q=qa&start=qa") == (2, [], None)
    assert names("q=STRASSE") == (1, ["Straße"], None)


@pytest.mark.parametrize("kind", ["users", "groups", "dashboards"])
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit must be a whole number between 1 and 100, not 0"),
        ("limit=101", "limit must be a whole number between 1 and 100, not 101"),
        ("limit=many", "limit must be a whole number between 1 and 100, not 'many'"),
        ("strat=a", "there is no field strat here; did you mean start?"),
        ("q=a&q=b", "q is there twice: send it once"),
    ],
)
def test_an_invalid_query_of_records_is_refused(control: httpx.Client, kind: str, query: str, message: str) -> None:
    response = control.get(f"/{kind}?{query}")

    assert (response.status_code, response.json()) == (400, {"message": message})


# -- changes ---------------------------------------------------------------------------------------------------


def test_a_user_is_added_read_changed_and_removed(control: httpx.Client, site: MockSite) -> None:
    gunther = {
        "first_name": "Gunther",
        "last_name": "Central",
        "email": "gunther+perk@example.com",
        "groups": ["Sales"],
        "last_login_at": "2014-02-06T23:46:07.118Z",
        "password_updated_at": None,
        "tfa_enabled": True,
    }
    changed = {**gunther, "last_name": "Perk", "groups": ["All Users"], "tfa_enabled": False}
    path = "/users/Gunther+Perk%40example.com"

    added = control.post("/users", json={**gunther, "last_login_at": "2014-02-07T00:46:07.118+01:00"})
    read = control.get(path)
    patched = control.patch(path, json={"last_name": "Perk", "groups": [], "tfa_enabled": False})
    same = control.patch(path)
    removed = control.delete(path)

    assert (added.status_code, added.json()) == (201, gunther)
    assert (read.status_code, read.json()) == (200, gunther)
    assert (patched.status_code, patched.json()) == (200, changed)
    assert (same.status_code, same.json()) == (200, changed)
    assert (removed.status_code, removed.content) == (204, b"")
    assert "gunther+perk@example.com" not in site.users
    assert control.post("/users", json={"email": "carol@example.com"}).json() == {
        **ROSS,
        "first_name": "Test",
        "last_name": "User",
        "email": "carol@example.com",
    }


@pytest.mark.rule("USER-DELETE-2")
def test_a_dashboard_of_a_removed_user_is_owned_by_nobody(control: httpx.Client, site: MockSite) -> None:
    control.delete("/users/monica@example.com")

    access = {"Administrators": "Edit"}
    assert control.get("/dashboards/Example%20Dashboard").json() == {
        "name": "Example Dashboard",
        "owner": None,
        "access": access,
    }
    assert site.export()["sites"][0]["dashboards"][0] == {"name": "Example Dashboard", "owner": None, "access": access}


@pytest.mark.rule("GROUP-5", "GROUP-UPDATE-3")
def test_a_group_is_added_read_renamed_and_removed(control: httpx.Client, site: MockSite) -> None:
    shown = {"name": ODD_NAME, "access": "View", "can_edit": False, "can_drag_and_drop": False, "members": 0}

    added = control.post("/groups", json={"name": ODD_NAME})
    read = control.get(f"/groups/{quote(ODD_NAME, safe='')}")
    renamed = control.patch("/groups/Sales", json={"name": "a/b", "access": "SQL"})

    assert (added.status_code, added.json()) == (201, shown)
    assert (read.status_code, read.json()) == (200, shown)
    assert (renamed.status_code, renamed.json()) == (
        200,
        {"name": "a/b", "access": "Sql", "can_edit": True, "can_drag_and_drop": False, "members": 1},
    )
    assert site.users["rachel@example.com"].groups == ("All Users", "a/b")
    assert site.dashboards["Revenue"].access == {"a/b": DashboardAccess.VIEW, "NY Knicks": DashboardAccess.EDIT}
    assert [control.delete(f"/groups/{quote(name, safe='')}").status_code for name in ("a/b", ODD_NAME)] == [204, 204]
    assert list(site.groups) == ["Administrators", "All Users", "NY Knicks"]


def test_a_dashboard_is_added_read_changed_and_removed(control: httpx.Client, site: MockSite) -> None:
    path = f"/dashboards/{quote(ODD_NAME, safe='')}"
    shown = {"name": ODD_NAME, "owner": "ross@example.com", "access": {"Sales": "Edit"}}

    added = control.post("/dashboards", json={**shown, "owner": "ROSS@example.com", "access": {"Sales": "edit"}})
    read = control.get(path)
    access = control.patch(path, json={"access": {"NY Knicks": "View"}})
    orphan = control.patch(path, json={"owner": None, "name": "Dinosaurs"})

    assert (added.status_code, added.json()) == (201, shown)
    assert (read.status_code, read.json()) == (200, shown)
    assert (access.status_code, access.json()) == (200, {**shown, "access": {"NY Knicks": "View"}})
    assert (orphan.status_code, orphan.json()) == (
        200,
        {"name": "Dinosaurs", "owner": None, "access": {"NY Knicks": "View"}},
    )
    assert site.dashboards["Dinosaurs"] == Dashboard("Dinosaurs", None, {"NY Knicks": DashboardAccess.VIEW})
    assert (control.delete("/dashboards/Dinosaurs").status_code, "Dinosaurs" in site.dashboards) == (204, False)


TAKEN = "exists already."
NO_USER = "No user of the site example_site has the email"
NO_GROUP = "The site example_site has no group"
NO_DASHBOARD = "The site example_site has no dashboard"
INVALID = "The request has invalid fields:"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/users/joye@example.com", None, 404, f"{NO_USER} joye@example.com; did you mean joey@example.com?"),
        ("PATCH", "/users/joye@example.com", {}, 404, f"{NO_USER} joye@example.com; did you mean joey@example.com?"),
        ("DELETE", "/users/janice@example.com", None, 404, f"{NO_USER} janice@example.com."),
        ("GET", "/groups/Slaes", None, 404, f"{NO_GROUP} Slaes; did you mean Sales?"),
        ("PATCH", "/groups/sales", {}, 404, f"{NO_GROUP} sales; did you mean Sales?"),
        ("DELETE", "/groups/a%2Fb", None, 404, f"{NO_GROUP} a/b."),
        ("GET", "/dashboards/Revenu", None, 404, f"{NO_DASHBOARD} Revenu; did you mean Revenue?"),
        ("PATCH", "/dashboards/revenue", {}, 404, f"{NO_DASHBOARD} revenue; did you mean Revenue?"),
        ("DELETE", "/dashboards/x", None, 404, f"{NO_DASHBOARD} x."),
        ("POST", "/users", {}, 400, "email is missing"),
        ("POST", "/users", {"email": "joey"}, 400, f"{INVALID} email is not a valid email address."),
        (
            "POST",
            "/users",
            {"email": "JOEY@example.com"},
            409,
            f"A user with the email JOEY@example.com {TAKEN}",
        ),
        (
            "POST",
            "/users",
            {"email": "a@example.com", "groups": ["Slaes"]},
            400,
            f"{NO_GROUP} Slaes; did you mean Sales?",
        ),
        (
            "POST",
            "/users",
            {"email": "a@example.com", "last_login_at": "now"},
            400,
            "last_login_at must be a time with an offset, such as 2014-02-06T23:46:07.118Z or null, not 'now'",
        ),
        ("POST", "/users", {"emial": "a@example.com"}, 400, "there is no field emial here; did you mean email?"),
        (
            "PATCH",
            "/users/joey@example.com",
            {"email": "jo@example.com"},
            400,
            "there is no field email here; known: first_name, last_name, groups, tfa_enabled",
        ),
        ("PATCH", "/users/joey@example.com", {"first_name": " "}, 400, f"{INVALID} first_name is blank."),
        ("PATCH", "/users/joey@example.com", {"groups": None}, 400, "groups must be a list, not None"),
        ("PATCH", "/users/joey@example.com", {"groups": ["Sales", 1]}, 400, "groups[1] must be text, not 1"),
        (
            "POST",
            "/dashboards",
            {"name": "x", "access": {"Sales": None}},
            400,
            "access must be an object of names and texts, not {'Sales': None}",
        ),
        (
            "POST",
            "/users",
            {"email": ["a@example.com"] * 9},
            400,
            f"email must be text, not {str(['a@example.com'] * 9)[:79]}…",
        ),
        (
            "PATCH",
            "/users/joey@example.com",
            {"groups": ["Knicks"]},
            400,
            f"{NO_GROUP} Knicks; did you mean NY Knicks?",
        ),
        ("POST", "/groups", {"name": "Sales"}, 409, f"A group with the name Sales {TAKEN}"),
        ("POST", "/groups", {"name": "\t"}, 400, f"{INVALID} name is blank."),
        (
            "POST",
            "/groups",
            {"name": "x", "access": "Edit"},
            400,
            f"{INVALID} access must be one of sql, discovery and view.",
        ),
        ("PATCH", "/groups/Sales", {"name": "NY Knicks"}, 409, f"A group with the name NY Knicks {TAKEN}"),
        ("PATCH", "/groups/Sales", {"nmae": "x"}, 400, "there is no field nmae here; did you mean name?"),
        (
            "PATCH",
            "/groups/Administrators",
            {"name": "x"},
            400,
            "The group Administrators is built in and can't be renamed.",
        ),
        ("DELETE", "/groups/All%20Users", None, 400, "The group All Users is built in and can't be deleted."),
        ("POST", "/dashboards", {"name": "Revenue"}, 409, f"A dashboard with the name Revenue {TAKEN}"),
        (
            "POST",
            "/dashboards",
            {"name": "x", "owner": "joye@example.com"},
            400,
            "The owner is not a user of the site example_site: joye@example.com; did you mean joey@example.com?",
        ),
        ("PATCH", "/dashboards/Revenue", {"access": {"Slaes": "Edit"}}, 400, f"{NO_GROUP} Slaes; did you mean Sales?"),
        (
            "PATCH",
            "/dashboards/Revenue",
            {"access": {"Sales": "Own"}, "owner": None},
            400,
            f"{INVALID} access must be Edit or View for each group.",
        ),
        (
            "PATCH",
            "/dashboards/Revenue",
            {"name": "Example Dashboard"},
            409,
            f"A dashboard with the name Example Dashboard {TAKEN}",
        ),
    ],
)
def test_a_refused_request_names_the_mistake_and_changes_nothing(
    control: httpx.Client, site: MockSite, method: str, path: str, body: Any, status: int, message: str
) -> None:
    before = site.export()

    response = control.request(method, path, json=body)

    assert (response.status_code, response.json()) == (status, {"message": message})
    assert site.export() == before


def test_records_of_an_unknown_site_are_not_found(server: LiveServer, site: MockSite) -> None:
    response = httpx.get(f"{server.url}{path_of('example_stie')}/users", verify=False)

    assert (response.status_code, response.json()) == (
        404,
        {"message": "There is no site example_stie; did you mean example_site?"},
    )
