"""The seven switches over HTTP, each with every value."""

import pytest
from support.web_client import FRIENDS, GROUPS, PHOEBE, USERS, page_site, refusal_body

from mockscope import Refusal

TEST_MODE_MESSAGE = {"message": "Action would have completed successfully"}


@pytest.mark.rule("PAGE-2")
@pytest.mark.parametrize(("size", "users", "start"), [(1, 1, "joey@example.com"), (5, 5, None), (1000, 5, None)])
def test_page_size(size: int, users: int, start: str | None) -> None:
    page = page_site(page_size=size).get(USERS).json()

    assert (page["total_users"], page["users_this_page"], page["next_page_start"]) == (5, users, start)


@pytest.mark.rule("TEST-2")
@pytest.mark.parametrize("status", [200, 201])
def test_test_mode_create_status(status: int) -> None:
    client = page_site(test_mode_create_status=status)

    found = [client.post(f"{path}?test_mode=true", body) for path, body in ((USERS, PHOEBE), (GROUPS, FRIENDS))]

    assert [(response.status, response.json()) for response in found] == [(status, TEST_MODE_MESSAGE)] * 2


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize(
    ("policy", "status", "kept"),
    [("reject", 400, None), ("ignore", 201, ["Sales"]), ("create", 201, ["Friends", "Sales"])],
)
def test_unknown_groups(policy: str, status: int, kept: list[str] | None) -> None:
    client = page_site(unknown_groups=policy)

    response = client.post(USERS, {**PHOEBE, "groups": ["Friends", "Sales"]})

    assert (response.status, response.json().get("groups")) == (status, kept)
    created = client.get(f"{GROUPS}/Friends")
    assert created.status == (200 if policy == "create" else 404)
    if policy == "create":
        assert created.json() == {"name": "Friends", "access": "View", "dashboards": []}


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize(
    ("implicit", "kept"), [(False, ["Sales"]), (True, ["All Users", "Sales"])], ids=["literal", "implicit"]
)
def test_implicit_all_users(*, implicit: bool, kept: list[str]) -> None:
    client = page_site(implicit_all_users=implicit)

    created = client.post(USERS, {**PHOEBE, "groups": ["Sales"]})
    updated = client.put(USERS, {"groups": ["Sales"]}, email="joey@example.com")

    assert (created.json()["groups"], updated.json()["groups"]) == (kept, kept)


@pytest.mark.rule("GROUP-CREATE-2")
@pytest.mark.parametrize(("required", "status"), [(False, 201), (True, 400)], ids=["any user", "administrators"])
def test_creator_must_be_admin(*, required: bool, status: int) -> None:
    client = page_site(creator_must_be_admin=required)

    assert client.post(GROUPS, {**FRIENDS, "created_by_email": "joey@example.com"}).status == status
    assert client.post(GROUPS, {**FRIENDS, "name": "Zoo"}).status == 201


@pytest.mark.rule("GROUP-BUILTIN-1")
@pytest.mark.parametrize(("protected", "status"), [(True, 400), (False, 200)], ids=["protected", "unprotected"])
def test_protect_builtin_groups(*, protected: bool, status: int) -> None:
    client = page_site(protect_builtin_groups=protected)

    renamed = client.put(f"{GROUPS}/Administrators", {"name": "Friends"})
    deleted = client.delete(f"{GROUPS}/All%20Users")

    assert (renamed.status, deleted.status) == (status, status)


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 400),
        ("text/plain", 400),
        ("application/x-www-form-urlencoded", 400),
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("application/vnd.api+json", 201),
    ],
)
def test_require_json_content_type(content_type: str | None, status: int) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert page_site(require_json_content_type=True).post(USERS, PHOEBE, headers=headers).status == status
    assert page_site(require_json_content_type=False).post(USERS, PHOEBE, headers=headers).status == 201


@pytest.mark.rule("HTTP-4")
def test_the_message_says_which_content_type_was_sent() -> None:
    response = page_site(require_json_content_type=True).post(USERS, PHOEBE, headers={"Content-Type": "text/plain"})

    assert response.json() == refusal_body(Refusal.CONTENT_TYPE_WRONG, sent="text/plain")


def test_a_policy_can_be_changed_while_the_site_is_served() -> None:
    client = page_site()
    client.site.set_policy(page_size=2)

    assert client.get(USERS).json()["users_this_page"] == 2
