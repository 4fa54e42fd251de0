"""HTTP-6: the earlier of two failing checks refuses a request."""

from typing import Any

import pytest
from support.web_client import FRIENDS, GROUPS, PHOEBE, USERS, Client, Response, page_site

BROKEN = "{broken"
TAKEN = {**PHOEBE, "email": "monica@example.com"}
MIB = 1024 * 1024


def request_with(client: Client, method: str, path: str, body: Any, options: dict[str, Any]) -> Response:
    client.site.enabled = not options.pop("disabled", False)
    if options.pop("wrong_key", False):
        options |= {"authenticated": False, "headers": {"Http-X-Partner-Auth": "example-site:wrong"}}
    return client.request(method, path, body, **options)


# method, path, body, what else; status and hint of the earlier check
PAIRS: dict[str, tuple[str, str, Any, dict[str, Any], int, str]] = {
    "credentials before enabled": ("GET", USERS, None, {"wrong_key": True, "disabled": True}, 403, "key-wrong"),
    "credentials before route": ("GET", "/api/v1/user", None, {"wrong_key": True}, 403, "key-wrong"),
    "credentials before method": ("PATCH", USERS, None, {"wrong_key": True}, 403, "key-wrong"),
    "credentials before target": ("GET", f"{GROUPS}/Friends", None, {"wrong_key": True}, 403, "key-wrong"),
    "credentials before size": ("POST", USERS, b" " * (MIB + 1), {"wrong_key": True}, 403, "key-wrong"),
    "enabled before route": ("GET", "/api/v1/user", None, {"disabled": True}, 404, "api-disabled"),
    "enabled before method": ("PATCH", USERS, None, {"disabled": True}, 404, "api-disabled"),
    "enabled before body": ("POST", USERS, BROKEN, {"disabled": True}, 404, "api-disabled"),
    "route before method": ("PATCH", "/api/v1/user", None, {}, 404, "path-unknown"),
    "route before body": ("POST", "/api/v1/user", BROKEN, {}, 404, "path-unknown"),
    "method before target in the path": ("POST", f"{GROUPS}/Friends", {}, {}, 405, "method-not-offered"),
    "method before target in the header": ("PATCH", USERS, {}, {"email": ""}, 405, "method-not-offered"),
    "method before body": ("PATCH", USERS, BROKEN, {}, 405, "method-not-offered"),
    "missing target before body": ("PUT", USERS, BROKEN, {}, 400, "email-header-missing"),
    "blank target before body": ("PUT", USERS, BROKEN, {"email": ""}, 400, "email-header-blank"),
    "unknown target before body": ("PUT", USERS, BROKEN, {"email": "x@example.com"}, 400, "user-unknown"),
    "unknown target before size": ("PUT", USERS, b" " * (MIB + 1), {"email": "x@example.com"}, 400, "user-unknown"),
    "unknown group before body": ("PUT", f"{GROUPS}/Friends", BROKEN, {}, 404, "group-unknown"),
    "unknown group before fields": ("PUT", f"{GROUPS}/Friends", {"access": "Edit"}, {}, 404, "group-unknown"),
    "unknown group before conflict": ("PUT", f"{GROUPS}/Friends", {"name": "Sales"}, {}, 404, "group-unknown"),
    "size before form": ("POST", USERS, b"{" * (MIB + 1), {}, 413, "body-too-large"),
    "fields before inviter": (
        "POST",
        USERS,
        {**PHOEBE, "last_name": "", "invited_by_email": "x@example.com"},
        {},
        400,
        "fields-invalid",
    ),
    "fields before groups": ("POST", USERS, {**PHOEBE, "last_name": "", "groups": ["Zoo"]}, {}, 400, "fields-invalid"),
    "fields before conflict": ("POST", USERS, {**TAKEN, "last_name": ""}, {}, 400, "fields-invalid"),
    "fields before creator": (
        "POST",
        GROUPS,
        {**FRIENDS, "access": "Edit", "created_by_email": "x@example.com"},
        {},
        400,
        "access-misspelt",
    ),
    "fields before groups of an update": (
        "PUT",
        USERS,
        {"last_name": "", "groups": ["Zoo"]},
        {"email": "joey@example.com"},
        400,
        "fields-invalid",
    ),
    "fields before built-in": (
        "PUT",
        f"{GROUPS}/Administrators",
        {"name": "Zoo", "access": "Edit"},
        {},
        400,
        "access-misspelt",
    ),
    "inviter before conflict": ("POST", USERS, {**TAKEN, "invited_by_email": "x@y"}, {}, 400, "inviter-unknown"),
    "inviter's right before conflict": (
        "POST",
        USERS,
        {**TAKEN, "invited_by_email": "joey@example.com"},
        {},
        400,
        "inviter-not-administrator",
    ),
    "groups before conflict": ("POST", USERS, {**TAKEN, "groups": ["Zoo"]}, {}, 400, "group-unknown"),
    "creator before conflict": (
        "POST",
        GROUPS,
        {**FRIENDS, "name": "Sales", "created_by_email": "x@example.com"},
        {},
        400,
        "user-unknown",
    ),
    "built-in before conflict": ("PUT", f"{GROUPS}/Administrators", {"name": "Sales"}, {}, 400, "builtin-group"),
    "conflict before test mode": ("POST", f"{USERS}?test_mode=true", TAKEN, {}, 409, "already-there"),
    "conflict of groups before test mode": (
        "POST",
        f"{GROUPS}?test_mode=true",
        {**FRIENDS, "name": "Sales"},
        {},
        409,
        "already-there",
    ),
    "conflict of a rename before test mode": (
        "PUT",
        f"{GROUPS}/Sales?test_mode=true",
        {"name": "NY Knicks"},
        {},
        409,
        "already-there",
    ),
}


@pytest.mark.rule("HTTP-6", "TEST-4")
@pytest.mark.parametrize("pair", list(PAIRS))
def test_the_earlier_of_two_failing_checks_refuses_and_nothing_is_written(pair: str) -> None:
    method, path, body, options, status, hint = PAIRS[pair]
    client = page_site()
    before = client.site.export()

    response = request_with(client, method, path, body, dict(options))

    assert (response.status, response.hint) == (status, hint)
    client.site.enabled = True
    assert client.site.export() == before


@pytest.mark.rule("HTTP-6")
def test_the_content_type_is_checked_after_the_target_and_before_the_form() -> None:
    client = page_site(require_json_content_type=True)

    unknown = client.put(USERS, BROKEN, email="x@example.com")
    untyped = client.put(USERS, BROKEN, email="joey@example.com")

    assert (unknown.hint, untyped.hint) == ("user-unknown", "content-type-not-json")


@pytest.mark.rule("HTTP-6", "GROUP-CREATE-2")
def test_the_permission_of_the_creator_is_checked_before_the_conflict() -> None:
    client = page_site(creator_must_be_admin=True)

    response = client.post(GROUPS, {**FRIENDS, "name": "Sales", "created_by_email": "joey@example.com"})

    assert (response.status, response.hint) == (400, "inviter-not-administrator")
