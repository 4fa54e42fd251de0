"""The five operations on users over HTTP."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from support.web_client import CHANDLER, JOEY, PHOEBE, USERS, page_site, refusal_body

import mockscope
from mockscope import Refusal

KEYS = ["first_name", "last_name", "email", "groups", "last_login_at", "password_updated_at", "tfa_enabled"]


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in PHOEBE.items() if name != field}


@pytest.mark.rule("USER-1")
def test_a_user_is_rendered_in_the_order_of_the_documentation_to_the_byte() -> None:
    client = page_site()

    assert client.get(USERS, email="chandler@example.com").text == json.dumps(CHANDLER, separators=(",", ":"))
    assert [list(user) for user in client.get(USERS).json()["users"]] == [KEYS] * 5


@pytest.mark.rule("USER-1", "USER-CREATE-5")
def test_every_response_with_a_user_has_the_same_keys_in_order() -> None:
    client = page_site()

    created = client.post(USERS, PHOEBE)
    updated = client.put(USERS, {"first_name": "Regina"}, email="phoebe@example.com")

    assert created.text == (
        '{"first_name":"Phoebe","last_name":"Buffay","email":"phoebe@example.com","groups":["All Users","Sales"],'
        '"last_login_at":null,"password_updated_at":null,"tfa_enabled":false}'
    )
    assert updated.text == created.text.replace("Phoebe", "Regina")


@pytest.mark.rule("USER-1")
def test_times_are_rendered_in_utc_with_milliseconds() -> None:
    client = page_site()
    client.site.add_user("gunther@example.com", last_login_at="2014-02-07T01:46:07.118999+02:00")

    user = client.get(USERS, email="gunther@example.com").json()

    assert (user["last_login_at"], user["password_updated_at"]) == ("2014-02-06T23:46:07.118Z", None)


@pytest.mark.parametrize("sent", ["j\xf6ey@example.com", "j\xc3\xb6ey@example.com"], ids=["Latin-1", "UTF-8"])
def test_an_email_header_is_shown_as_it_was_typed(sent: str) -> None:
    client = page_site()

    response = client.get(USERS, email=sent)

    unknown = refusal_body(Refusal.USER_UNKNOWN, host="example-site", email="jöey@example.com")
    assert (response.status, response.json()) == (400, unknown)
    assert client.site.calls.last.email == "jöey@example.com"


@pytest.mark.rule("USER-1")
def test_text_beyond_ascii_is_returned_as_it_was_sent() -> None:
    client = page_site()

    created = client.post(USERS, {**PHOEBE, "first_name": "Phœbe 😀", "last_name": 'Buf"f\\ay\n'})

    assert created.json()["first_name"] == "Phœbe 😀"
    assert client.get(USERS, email="phoebe@example.com").json()["last_name"] == 'Buf"f\\ay\n'


@pytest.mark.rule("USER-GET-1", "USER-2")
@pytest.mark.parametrize("email", ["chandler@example.com", "CHANDLER@Example.com", "  chandler@example.com  "])
def test_one_user_is_found_by_the_header_in_any_case(email: str) -> None:
    response = page_site().get(USERS, email=email)

    assert (response.status, response.json()) == (200, CHANDLER)


@pytest.mark.rule("USER-2")
def test_the_spelling_given_at_creation_is_kept() -> None:
    client = page_site()
    client.post(USERS, {**PHOEBE, "email": "Phoebe+1@Example.TEST"})

    assert client.get(USERS, email="phoebe+1@example.test").json()["email"] == "Phoebe+1@Example.TEST"


@pytest.mark.rule("USER-GET-1")
def test_an_email_that_nobody_has_is_400_not_404() -> None:
    response = page_site().get(USERS, email="phoebe@example.com")

    assert (response.status, response.json()) == (
        400,
        refusal_body(Refusal.USER_UNKNOWN, host="example-site", email="phoebe@example.com"),
    )


@pytest.mark.rule("USER-GET-1")
def test_the_header_wins_over_the_cursor() -> None:
    response = page_site().get(f"{USERS}?next_page_start=zzz", email="chandler@example.com")

    assert response.json() == CHANDLER


@pytest.mark.rule("USER-GET-1", "USER-UPDATE-1", "USER-DELETE-1")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("email", ["", " ", "\t"])
def test_a_blank_header_is_400_and_never_the_list(method: str, email: str) -> None:
    response = page_site().request(method, USERS, {}, email=email)

    assert (response.status, response.json()) == (
        400,
        refusal_body(Refusal.EMAIL_BLANK),
    )


@pytest.mark.rule("USER-GET-1", "USER-UPDATE-1", "USER-DELETE-1")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_two_emails_in_the_header_are_refused(method: str) -> None:
    both = [("Http-X-Email", "joey@example.com"), ("http-x-email", "monica@example.com")]

    response = page_site().request(method, USERS, {}, headers=both)

    assert (response.status, response.json()) == (
        400,
        refusal_body(Refusal.EMAIL_REPEATED),
    )


@pytest.mark.rule("USER-UPDATE-1", "USER-DELETE-1")
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_update_or_deletion_without_an_email_is_refused(method: str) -> None:
    client = page_site()

    missing, unknown = client.request(method, USERS, {}), client.request(method, USERS, {}, email="phoebe@example.com")

    assert (missing.status, missing.json()) == (
        400,
        refusal_body(Refusal.EMAIL_MISSING),
    )
    assert (unknown.status, unknown.json()) == (
        400,
        refusal_body(Refusal.USER_UNKNOWN, host="example-site", email="phoebe@example.com"),
    )


@pytest.mark.rule("USER-CREATE-1")
@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "invited_by_email"])
def test_a_required_field_that_is_missing_blank_null_or_mistyped_is_named(field: str) -> None:
    client = page_site()

    found = [client.post(USERS, without(field))] + [
        client.post(USERS, {**PHOEBE, field: value}) for value in ("", " \t", None, 7, True, ["x"], {"x": 1})
    ]

    start = refusal_body(Refusal.FIELDS_INVALID, problems=f"{field} ")["message"].removesuffix(".")
    assert [(response.status, response.json()["message"][: len(start)]) for response in found] == [(400, start)] * 8
    assert client.site.users.get("phoebe@example.com") is None


@pytest.mark.rule("USER-CREATE-1")
def test_the_message_names_every_bad_field() -> None:
    bad = dict.fromkeys(["first_name", "last_name", "email", "groups", "invited_by_email"], True)

    response = page_site().post(USERS, bad)

    assert (response.status, response.json()) == (
        400,
        refusal_body(
            Refusal.FIELDS_INVALID,
            problems="first_name must be a string, and is true or false; "
            "last_name must be a string, and is true or false; "
            "email must be a string, and is true or false; "
            "groups must be a list of strings; "
            "invited_by_email must be a string, and is true or false",
        ),
    )


@pytest.mark.rule("USER-2", "USER-CREATE-1")
@pytest.mark.parametrize("email", ["phoebe", "phoebe@", "phoebe@example..com", "phoebe@example.com\n", "phœbe@x.com"])
def test_an_email_outside_the_html_pattern_is_refused(email: str) -> None:
    response = page_site().post(USERS, {**PHOEBE, "email": email})

    assert (response.status, response.json()) == (
        400,
        refusal_body(Refusal.FIELDS_INVALID, problems="email is not a valid email address"),
    )


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, ["All Users"]),
        ({"groups": None}, ["All Users"]),
        ({"groups": []}, ["All Users"]),
        ({"groups": ["Sales"]}, ["Sales"]),
        ({"groups": ["Sales", "NY Knicks", "Sales", "All Users"]}, ["Sales", "NY Knicks", "All Users"]),
    ],
)
def test_groups_are_what_was_sent_or_all_users(sent: Mapping[str, object], kept: list[str]) -> None:
    response = page_site().post(USERS, {**without("groups"), **sent})

    assert (response.status, response.json()["groups"]) == (201, kept)


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize("groups", ["Sales", 7, {}, [1], [None], [["Sales"]], False])
def test_groups_must_be_a_list_of_strings(groups: object) -> None:
    response = page_site().post(USERS, {**PHOEBE, "groups": groups})

    assert (response.status, response.json()) == (
        400,
        refusal_body(Refusal.FIELDS_INVALID, problems="groups must be a list of strings"),
    )


@pytest.mark.rule("USER-CREATE-2", "USER-UPDATE-2")
def test_a_group_that_the_site_does_not_have_is_named() -> None:
    client = page_site()

    created = client.post(USERS, {**PHOEBE, "groups": ["Sales", "sales"]})
    updated = client.put(USERS, {"groups": ["Friends"]}, email="joey@example.com")

    assert (created.status, created.json()) == (
        400,
        refusal_body(Refusal.GROUPS_UNKNOWN, host="example-site", names="sales"),
    )
    assert (updated.status, updated.json()) == (
        400,
        refusal_body(Refusal.GROUPS_UNKNOWN, host="example-site", names="Friends"),
    )


@pytest.mark.rule("USER-CREATE-3")
@pytest.mark.parametrize(
    ("inviter", "body"),
    [
        (
            "gunther@example.com",
            refusal_body(Refusal.INVITER_UNKNOWN, host="example-site", email="gunther@example.com"),
        ),
        ("monica@example.com", refusal_body(Refusal.INVITER_NOT_ADMINISTRATOR, email="monica@example.com")),
    ],
)
def test_an_inviter_must_be_an_administrator(inviter: str, body: dict[str, str]) -> None:
    response = page_site().post(USERS, {**PHOEBE, "invited_by_email": inviter})

    assert (response.status, response.json()) == (400, body)


@pytest.mark.rule("USER-CREATE-4")
@pytest.mark.parametrize("email", ["monica@example.com", "MONICA@EXAMPLE.COM"])
def test_an_email_that_exists_is_409(email: str) -> None:
    response = page_site().post(USERS, {**PHOEBE, "email": email})

    assert (response.status, response.json()) == (409, refusal_body(Refusal.EMAIL_TAKEN, email=email))


@pytest.mark.rule("USER-CREATE-5")
def test_a_created_user_is_201_and_there_from_then_on() -> None:
    client = page_site()
    phoebe = {
        **without("invited_by_email"),
        "last_login_at": None,
        "password_updated_at": None,
        "tfa_enabled": False,
    }

    response = client.post(USERS, PHOEBE)

    assert (response.status, response.json()) == (201, phoebe)
    assert client.get(USERS, email="phoebe@example.com").json() == phoebe
    assert client.get(USERS).json()["total_users"] == 6


@pytest.mark.rule("USER-UPDATE-2")
@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({}, {}),
        ({"first_name": "Joseph"}, {"first_name": "Joseph"}),
        ({"last_name": "Green"}, {"last_name": "Green"}),
        ({"groups": ["Sales", "Sales"]}, {"groups": ["Sales"]}),
        ({"groups": []}, {"groups": ["All Users"]}),
        ({"groups": None}, {"groups": ["All Users"]}),
        ({"email": "joseph@example.com", "tfa_enabled": False}, {}),
    ],
)
def test_an_update_returns_the_whole_changed_user(body: Mapping[str, object], changed: dict[str, object]) -> None:
    client = page_site()

    response = client.put(USERS, body, email="JOEY@example.com")

    assert (response.status, response.json()) == (200, JOEY | changed)
    assert client.get(USERS, email="joey@example.com").json() == JOEY | changed


@pytest.mark.rule("USER-UPDATE-2")
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"first_name": ""}, "first_name is blank"),
        ({"last_name": None}, "last_name must be a string, and is null"),
        (
            {"first_name": 1, "groups": "Sales"},
            "first_name must be a string, and is a number; groups must be a list of strings",
        ),
    ],
)
def test_an_update_with_a_bad_field_changes_nothing(body: Mapping[str, object], problem: str) -> None:
    client = page_site()

    response = client.put(USERS, body, email="joey@example.com")

    assert (response.status, response.json()) == (400, refusal_body(Refusal.FIELDS_INVALID, problems=problem))
    assert client.get(USERS, email="joey@example.com").json() == JOEY


@pytest.mark.rule("USER-DELETE-1")
def test_a_deleted_user_is_gone() -> None:
    client = page_site()

    response = client.delete(USERS, email="Monica@example.com")

    assert (response.status, response.json()) == (200, {"message": "User removed from example-site"})
    assert client.get(USERS, email="monica@example.com").status == 400
    assert client.delete(USERS, email="monica@example.com").status == 400


@pytest.mark.rule("USER-DELETE-2")
def test_what_a_deleted_user_owned_stays_without_an_owner() -> None:
    client = page_site()

    client.delete(USERS, email="monica@example.com")

    assert dict(client.site.dashboards) == {
        name: mockscope.Dashboard(name, None, {"Administrators": mockscope.DashboardAccess.EDIT})
        for name in ("Example Dashboard", "Test Dashboard")
    }


@pytest.mark.rule("USER-DELETE-3")
def test_an_inviter_and_the_last_administrator_may_be_deleted() -> None:
    client = page_site()
    client.post(USERS, PHOEBE)

    responses = [client.delete(USERS, email=email).status for email in ("mike@example.com", "rachel@example.com")]

    assert responses == [200, 200]
    assert client.get(USERS, email="phoebe@example.com").status == 200
