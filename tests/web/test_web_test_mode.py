"""TEST-1 to TEST-4 over HTTP, and the policy of the status."""

import json
from typing import Any

import pytest
from support.web_client import FRIENDS, GROUPS, PHOEBE, USERS, Client, Response, page_site

TEST_MODE_MESSAGE = {"message": "Action would have completed successfully"}

Write = tuple[str, str, Any, str | None]
# method, path, body, email header
WRITES: dict[str, Write] = {
    "create_user": ("POST", USERS, PHOEBE, None),
    "update_user": ("PUT", USERS, {"first_name": "Joseph", "groups": ["Sales"]}, "joey@example.com"),
    "delete_user": ("DELETE", USERS, None, "monica@example.com"),
    "create_group": ("POST", f"{GROUPS}/", FRIENDS, None),
    "update_group": ("PUT", f"{GROUPS}/Sales", {"name": "Friends", "access": "sql"}, None),
    "delete_group": ("DELETE", f"{GROUPS}/Sales", None, None),
}
REFUSED: dict[str, Write] = {
    "no JSON": ("POST", USERS, "{", None),
    "no fields": ("POST", USERS, {}, None),
    "unknown inviter": ("POST", USERS, {**PHOEBE, "invited_by_email": "gunther@example.com"}, None),
    "unknown group": ("POST", USERS, {**PHOEBE, "groups": ["Friends"]}, None),
    "taken email": ("POST", USERS, {**PHOEBE, "email": "monica@example.com"}, None),
    "update of nobody": ("PUT", USERS, {}, "phoebe@example.com"),
    "update to an unknown group": ("PUT", USERS, {"first_name": "Joe", "groups": ["Friends"]}, "joey@example.com"),
    "deletion of nobody": ("DELETE", USERS, None, "phoebe@example.com"),
    "bad access": ("POST", GROUPS, {**FRIENDS, "access": "Edit"}, None),
    "taken name": ("POST", GROUPS, {**FRIENDS, "name": "Sales"}, None),
    "rename to a taken name": ("PUT", f"{GROUPS}/Sales", {"name": "NY Knicks"}, None),
    "rename of a built-in group": ("PUT", f"{GROUPS}/Administrators", {"name": "Friends"}, None),
    "deletion of a built-in group": ("DELETE", f"{GROUPS}/Administrators", None, None),
    "deletion of an unknown group": ("DELETE", f"{GROUPS}/Friends", None, None),
    "unknown path": ("POST", "/api/v1/user", PHOEBE, None),
    "method not offered": ("PATCH", USERS, {}, None),
}


def sent(client: Client, write: Write, query: str = "") -> Response:
    method, path, body, email = write
    return client.request(method, path + query, body, email=email)


def state_of(client: Client) -> str:
    return json.dumps(client.site.export())


@pytest.mark.rule("TEST-1", "TEST-2", "TEST-4")
@pytest.mark.parametrize("operation", list(WRITES))
@pytest.mark.parametrize("value", ["true", "TRUE", "True", "tRuE", "%74rue"])
def test_a_write_in_test_mode_is_200_with_the_message_and_changes_no_byte(operation: str, value: str) -> None:
    client = page_site()
    before = state_of(client)

    response = sent(client, WRITES[operation], f"?test_mode={value}")

    assert (response.status, response.json()) == (200, TEST_MODE_MESSAGE)
    assert state_of(client) == before


@pytest.mark.rule("TEST-1", "TEST-4")
@pytest.mark.parametrize("write", list(REFUSED))
def test_test_mode_refuses_what_the_real_call_refuses_in_the_same_words(write: str) -> None:
    client = page_site()
    before = state_of(client)

    real, dry = sent(client, REFUSED[write]), sent(client, REFUSED[write], "?test_mode=true")

    assert real.status >= 400
    assert (dry.status, dry.body, dry.hint) == (real.status, real.body, real.hint)
    assert state_of(client) == before


@pytest.mark.rule("TEST-3")
@pytest.mark.parametrize("operation", list(WRITES))
@pytest.mark.parametrize(
    "query", ["test_mode=false", "test_mode=", "test_mode", "test_mode=1", "test_mode=yes", "TEST_MODE=true"]
)
def test_any_other_value_is_a_real_call(operation: str, query: str) -> None:
    client = page_site()
    before = state_of(client)

    response = sent(client, WRITES[operation], f"?{query}")

    assert response.status in (200, 201)
    assert response.json() != TEST_MODE_MESSAGE
    assert state_of(client) != before


@pytest.mark.rule("TEST-3")
@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("true", None),
        ("FALSE", None),
        ("false", None),
        ("", "test-mode-odd"),
        ("1", "test-mode-odd"),
        ("yes", "test-mode-odd"),
        ("true%20", "test-mode-odd"),
    ],
)
def test_a_value_that_is_neither_true_nor_false_gives_a_hint(value: str, hint: str | None) -> None:
    assert page_site().delete(f"{GROUPS}/Sales?test_mode={value}").hint == hint


@pytest.mark.rule("TEST-3")
@pytest.mark.parametrize("path", [USERS, GROUPS, f"{GROUPS}/Sales"])
@pytest.mark.parametrize("value", ["true", "odd"])
def test_on_get_test_mode_is_ignored(path: str, value: str) -> None:
    client = page_site()

    response = client.get(f"{path}?test_mode={value}")

    assert (response.status, response.body, response.hint) == (200, client.get(path).body, "test-mode-on-read")


@pytest.mark.rule("TEST-2")
@pytest.mark.parametrize("operation", list(WRITES))
def test_the_policy_gives_201_for_the_two_creates_alone(operation: str) -> None:
    client = page_site(test_mode_create_status=201)

    response = sent(client, WRITES[operation], "?test_mode=true")

    expected = 201 if operation.startswith("create") else 200
    assert (response.status, response.json()) == (expected, TEST_MODE_MESSAGE)


@pytest.mark.rule("TEST-4")
def test_a_dry_run_that_would_create_groups_creates_none() -> None:
    client = page_site(unknown_groups="create")

    response = client.post(f"{USERS}?test_mode=true", {**PHOEBE, "groups": ["Friends"]})

    assert (response.status, response.json()) == (200, TEST_MODE_MESSAGE)
    assert list(client.site.groups) == ["Administrators", "All Users", "NY Knicks", "Sales"]
