"""The five operations on groups over HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest
from support.web_client import FRIENDS, GROUPS, JOEY, PHOEBE, USERS, Client, page_site, refusal_body

import mockscope
from mockscope import Refusal


@pytest.mark.rule("GROUP-1")
def test_groups_are_rendered_in_the_order_of_the_documentation_to_the_byte() -> None:
    client = page_site()

    assert client.get(GROUPS).text == (
        '{"total_groups":4,"groups_this_page":4,"next_page_start":null,"groups":['
        '{"name":"Administrators","access":"Sql"},{"name":"All Users","access":"Sql"},'
        '{"name":"NY Knicks","access":"Discovery"},{"name":"Sales","access":"View"}]}'
    )
    assert client.get(f"{GROUPS}/Sales").text == '{"name":"Sales","access":"View","dashboards":[]}'
    assert client.get(f"{GROUPS}/Administrators").text == (
        '{"name":"Administrators","access":"Sql","dashboards":['
        '{"name":"Example Dashboard","access":"Edit"},{"name":"Test Dashboard","access":"Edit"}]}'
    )
    assert client.post(GROUPS, FRIENDS).text == '{"name":"Friends","access":"Sql"}'
    assert client.put(f"{GROUPS}/Friends", {}).text == '{"name":"Friends","access":"Sql"}'


@pytest.mark.rule("GROUP-2")
@pytest.mark.parametrize(
    ("sent", "expected"),
    [("sql", "Sql"), ("SQL", "Sql"), ("Discovery", "Discovery"), ("dISCOVERY", "Discovery"), ("VIEW", "View")],
)
def test_access_is_read_in_any_case_and_rendered_in_one(sent: str, expected: str) -> None:
    client = page_site()

    assert client.post(GROUPS, {**FRIENDS, "access": sent}).json() == {"name": "Friends", "access": expected}
    assert client.put(f"{GROUPS}/Sales", {"access": sent}).json() == {"name": "Sales", "access": expected}


@pytest.mark.rule("GROUP-2")
@pytest.mark.parametrize("access", ["", "Edit", "sql ", None, 1, ["sql"]])
def test_any_other_access_is_400(access: object) -> None:
    client = page_site()
    message = refusal_body(Refusal.FIELDS_INVALID, problems="access must be one of sql, discovery and view")

    created = client.post(GROUPS, {**FRIENDS, "access": access})
    updated = client.put(f"{GROUPS}/Sales", {"access": access})

    assert (created.status, created.json()) == (400, message)
    assert (updated.status, updated.json()) == (400, message)


@pytest.mark.rule("GROUP-3")
@pytest.mark.parametrize(
    ("access", "roles"), [("view", (False, False)), ("sql", (True, False)), ("discovery", (False, True))]
)
def test_roles_are_attributes_of_the_group_and_in_no_response(access: str, roles: tuple[bool, bool]) -> None:
    client = page_site()

    response = client.post(GROUPS, {**FRIENDS, "access": access})

    assert "can_" not in response.text + client.get(GROUPS).text + client.get(f"{GROUPS}/Friends").text
    group = client.site.groups["Friends"]
    assert (group.can_edit, group.can_drag_and_drop) == roles


@pytest.mark.rule("GROUP-4")
def test_a_fresh_site_has_two_groups_and_one_administrator() -> None:
    mock = mockscope.Mockscope()
    client = Client(mock.site(), mock)

    assert client.get(GROUPS).json()["groups"] == [
        {"name": "Administrators", "access": "Sql"},
        {"name": "All Users", "access": "Sql"},
    ]
    (user,) = client.get(USERS).json()["users"]
    assert (user["email"], user["groups"]) == (client.site.admin.email, ["Administrators", "All Users"])


@pytest.mark.rule("GROUP-GET-1", "GROUP-5")
@pytest.mark.parametrize("name", ["Friends", "sales", "SALES", "Sales%20"])
def test_a_group_of_another_name_is_404(name: str) -> None:
    response = page_site().get(f"{GROUPS}/{name}")

    expected = name.replace("%20", " ")
    assert (response.status, response.json()) == (
        404,
        refusal_body(Refusal.GROUP_UNKNOWN, host="example-site", name=expected),
    )


@pytest.mark.rule("GROUP-CREATE-1")
def test_every_bad_field_of_a_new_group_is_named() -> None:
    client = page_site()

    missing = client.post(GROUPS, {})
    bad = client.post(GROUPS, {"name": " ", "access": "Edit", "created_by_email": 7})

    assert (missing.status, missing.json()) == (
        400,
        refusal_body(
            Refusal.FIELDS_INVALID, problems="name is missing; access is missing; created_by_email is missing"
        ),
    )
    assert (bad.status, bad.json()) == (
        400,
        refusal_body(
            Refusal.FIELDS_INVALID,
            problems="name is blank; access must be one of sql, discovery and view; "
            "created_by_email must be a string, and is a number",
        ),
    )


@pytest.mark.rule("GROUP-CREATE-1")
def test_the_creator_may_be_spelled_as_in_the_table_of_the_documentation() -> None:
    client = page_site()
    other = {"name": "Friends", "access": "Sql", "create_by_email": "rachel@example.com"}

    both = client.post(GROUPS, {**other, "created_by_email": "nobody@example.com"})
    unknown = client.post(GROUPS, {**other, "create_by_email": "nobody@example.com"})
    alone = client.post(GROUPS, other)

    assert (both.status, both.json()) == (
        400,
        refusal_body(
            Refusal.CREATOR_UNKNOWN, field="created_by_email", host="example-site", email="nobody@example.com"
        ),
    )
    assert (unknown.status, unknown.json()) == (
        400,
        refusal_body(Refusal.CREATOR_UNKNOWN, field="create_by_email", host="example-site", email="nobody@example.com"),
    )
    assert (alone.status, alone.json()) == (201, {"name": "Friends", "access": "Sql"})


@pytest.mark.rule("GROUP-CREATE-2")
def test_the_creator_must_be_a_user_and_need_not_be_an_administrator() -> None:
    client = page_site()

    unknown = client.post(GROUPS, {**FRIENDS, "created_by_email": "gunther@example.com"})
    ordinary = client.post(GROUPS, {**FRIENDS, "created_by_email": "MONICA@example.com"})

    assert (unknown.status, unknown.json()) == (
        400,
        refusal_body(
            Refusal.CREATOR_UNKNOWN, field="created_by_email", host="example-site", email="gunther@example.com"
        ),
    )
    assert (ordinary.status, ordinary.json()) == (201, {"name": "Friends", "access": "Sql"})


@pytest.mark.rule("GROUP-CREATE-3")
def test_a_name_that_exists_is_409() -> None:
    client = page_site()

    assert client.post(GROUPS, FRIENDS).status == 201
    response = client.post(GROUPS, FRIENDS)

    assert (response.status, response.json()) == (409, refusal_body(Refusal.GROUP_TAKEN, name="Friends"))


@pytest.mark.rule("GROUP-UPDATE-1")
@pytest.mark.parametrize(
    ("body", "group"),
    [
        ({}, {"name": "Sales", "access": "View"}),
        ({"name": "Friends"}, {"name": "Friends", "access": "View"}),
        ({"access": "Sql"}, {"name": "Sales", "access": "Sql"}),
        ({"name": "Friends", "access": "Sql"}, {"name": "Friends", "access": "Sql"}),
    ],
)
def test_an_update_returns_the_changed_group(body: Mapping[str, Any], group: dict[str, str]) -> None:
    client = page_site()

    response = client.put(f"{GROUPS}/Sales", body)

    assert (response.status, response.json()) == (200, group)
    assert client.get(f"{GROUPS}/{group['name']}").json() == {**group, "dashboards": []}


@pytest.mark.rule("GROUP-UPDATE-1")
@pytest.mark.parametrize(
    ("name", "problem"),
    [("", "is blank"), (None, "must be a string, and is null"), (1, "must be a string, and is a number")],
)
def test_a_blank_or_mistyped_name_is_400(name: object, problem: str) -> None:
    response = page_site().put(f"{GROUPS}/Sales", {"name": name})

    assert (response.status, response.json()) == (400, refusal_body(Refusal.FIELDS_INVALID, problems=f"name {problem}"))


@pytest.mark.rule("GROUP-UPDATE-2")
def test_an_update_of_no_group_or_to_the_name_of_another_is_refused() -> None:
    client = page_site()

    unknown = client.put(f"{GROUPS}/Friends", {})
    taken = client.put(f"{GROUPS}/Sales", {"name": "NY Knicks"})
    own = client.put(f"{GROUPS}/Sales", {"name": "Sales"})

    assert (unknown.status, unknown.json()) == (
        404,
        refusal_body(Refusal.GROUP_UNKNOWN, host="example-site", name="Friends"),
    )
    assert (taken.status, taken.json()) == (409, refusal_body(Refusal.GROUP_TAKEN, name="NY Knicks"))
    assert (own.status, own.json()) == (200, {"name": "Sales", "access": "View"})


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_rename_keeps_members_and_dashboards() -> None:
    client = page_site()
    client.put(USERS, {"groups": ["Sales", "All Users"]}, email="joey@example.com")
    client.site.add_dashboard("Revenue", access={"Sales": "View"})

    client.put(f"{GROUPS}/Sales", {"name": "Friends"})

    assert client.get(f"{GROUPS}/Sales").status == 404
    assert client.get(USERS, email="joey@example.com").json() == JOEY | {"groups": ["Friends", "All Users"]}
    assert client.get(f"{GROUPS}/Friends").json() == {
        "name": "Friends",
        "access": "View",
        "dashboards": [{"name": "Revenue", "access": "View"}],
    }


@pytest.mark.rule("GROUP-DELETE-1", "GROUP-DELETE-2")
def test_members_of_a_deleted_group_stay_users() -> None:
    client = page_site()
    client.post(USERS, {**PHOEBE, "groups": ["Sales"]})
    client.put(USERS, {"groups": ["Sales", "NY Knicks"]}, email="joey@example.com")

    response = client.delete(f"{GROUPS}/Sales")

    assert (response.status, response.json()) == (200, {"message": "Group removed from example-site"})
    assert client.get(f"{GROUPS}/Sales").status == 404
    assert client.get(USERS, email="phoebe@example.com").json()["groups"] == ["All Users"]
    assert client.get(USERS, email="joey@example.com").json()["groups"] == ["NY Knicks"]


@pytest.mark.rule("GROUP-DELETE-1")
def test_deleting_an_unknown_group_is_404() -> None:
    response = page_site().delete(f"{GROUPS}/Friends")

    assert (response.status, response.json()) == (
        404,
        refusal_body(Refusal.GROUP_UNKNOWN, host="example-site", name="Friends"),
    )


@pytest.mark.rule("GROUP-BUILTIN-1")
@pytest.mark.parametrize("name", ["Administrators", "All Users"])
def test_built_in_groups_can_only_change_their_access(name: str) -> None:
    client = page_site()
    path = f"{GROUPS}/{name.replace(' ', '%20')}"

    deleted, renamed = client.delete(path), client.put(path, {"name": "Friends"})
    changed = client.put(path, {"name": name, "access": "view"})

    assert (deleted.status, deleted.json()) == (
        400,
        refusal_body(Refusal.BUILTIN_DELETED, name=name),
    )
    assert (renamed.status, renamed.json()) == (
        400,
        refusal_body(Refusal.BUILTIN_RENAMED, name=name),
    )
    assert (changed.status, changed.json()) == (200, {"name": name, "access": "View"})


ODD_NAMES = [
    ("R%2FD", "R/D"),
    ("%2F", "/"),
    ("%2f%2F", "//"),
    (".", "."),
    ("..", ".."),
    ("%2E%2E", ".."),
    ("%2E%2E%2Fusers", "../users"),
    ("v1.2", "v1.2"),
    ("R+D", "R+D"),
    ("R%2BD", "R+D"),
    ("R%20D", "R D"),
    ("%20R%20", " R "),
    ("100%25", "100%"),
    ("100%", "100%"),
    ("%2525", "%25"),
    ("%252F", "%2F"),
    ("a%3Fb", "a?b"),
    ("a%23b", "a#b"),
    ("a&b=c;d", "a&b=c;d"),
    ("Gr%C3%BCn", "Grün"),
    ("Grün", "Grün"),
    ("%F0%9F%98%80", "😀"),
    ("a%0Ab", "a\nb"),
    ("%22quoted%22", '"quoted"'),
    ("%7Bgroup_name%7D", "{group_name}"),
    ("users", "users"),
    ("null", "null"),
    ("0", "0"),
    ("x" * 3000, "x" * 3000),
]


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize(("segment", "name"), ODD_NAMES, ids=[segment[:20] for segment, _ in ODD_NAMES])
def test_a_name_in_the_path_is_decoded_once_and_may_hold_anything(segment: str, name: str) -> None:
    client = page_site()
    assert client.post(GROUPS, {**FRIENDS, "name": name}).json() == {"name": name, "access": "Sql"}
    path = f"{GROUPS}/{segment}"

    found, changed, deleted = client.get(path), client.put(path, {"access": "view"}), client.delete(path)

    assert (found.status, found.json()) == (200, {"name": name, "access": "Sql", "dashboards": []})
    assert (changed.status, changed.json()) == (200, {"name": name, "access": "View"})
    assert (deleted.status, deleted.json()) == (200, {"message": "Group removed from example-site"})
    assert name not in client.site.groups


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize("segment", ["R/D", "Sales//", "/Sales", "/", "a/../Sales"])
def test_an_unescaped_slash_is_another_path(segment: str) -> None:
    client = page_site()
    client.site.add_group("R/D")

    response = client.get(f"{GROUPS}/{segment}")

    assert (response.status, response.json()) == (
        404,
        refusal_body(Refusal.PATH_UNKNOWN, path=f"{GROUPS}/{segment}"),
    )
