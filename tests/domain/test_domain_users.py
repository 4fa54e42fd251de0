"""The rules of users without HTTP."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import LAST_LOGIN, PASSWORD_UPDATED, PHOEBE, friends, unhurried

from mockscope import Refusal, Refused, User
from mockscope.domain.rules import NewUser, UserChanges, parse_new_user, parse_user_changes
from mockscope.domain.site import Site

FIELDS: Mapping[str, object] = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}


def problems(body: Mapping[str, object]) -> str:
    with pytest.raises(Refused) as refused:
        parse_new_user(body)
    assert refused.value.refusal is Refusal.FIELDS_INVALID
    return refused.value.values["problems"]


@pytest.mark.rule("USER-GET-1", "USER-2")
def test_a_user_is_found_in_any_case_and_keeps_the_spelling_given_at_creation() -> None:
    site = Site("example-site", "key")
    site.create_user(NewUser("Monica", "Geller", "Monica@Example.com"))

    assert site.get_user("mONICA@example.COM") == User("Monica", "Geller", "Monica@Example.com", ("All Users",))


@pytest.mark.rule("USER-GET-1")
def test_a_user_whom_the_site_does_not_have_is_refused_with_400() -> None:
    with pytest.raises(Refused) as refused:
        friends().get_user("phoebe@example.com")

    assert str(refused.value) == str(Refused(Refusal.USER_UNKNOWN, host="example-site", email="phoebe@example.com"))


@pytest.mark.rule("USER-CREATE-5")
def test_a_new_user_has_not_logged_in() -> None:
    site = friends()

    created = site.create_user(PHOEBE)

    assert created == User(
        "Phoebe", "Buffay", "phoebe@example.com", ("All Users", "Sales"), None, None, tfa_enabled=False
    )
    assert site.get_user("phoebe@example.com") == created


@pytest.mark.rule("USER-CREATE-1")
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "is blank"),
        (" \t\n", "is blank"),
        ("\u00a0\u2003\ufeff\x1c\x85", "is blank"),
        (None, "must be a string, and is null"),
        (1, "must be a string, and is a number"),
        (1.5, "must be a string, and is a number"),
        (True, "must be a string, and is true or false"),
        (["Phoebe"], "must be a string, and is a list"),
        ({"name": "Phoebe"}, "must be a string, and is an object"),
    ],
)
@pytest.mark.parametrize("field", list(FIELDS))
def test_a_required_field_must_be_a_string_that_is_not_blank(field: str, value: object, problem: str) -> None:
    assert problems({**FIELDS, field: value}) == f"{field} {problem}"


@pytest.mark.rule("USER-CREATE-1")
def test_every_missing_field_is_named() -> None:
    assert problems({}) == (
        "first_name is missing; last_name is missing; email is missing; invited_by_email is missing"
    )


@pytest.mark.rule("USER-CREATE-1")
@unhurried
@given(bad=st.sets(st.sampled_from([*FIELDS, "groups"]), min_size=1), value=st.sampled_from([True, 7, {}]))
def test_the_message_names_every_bad_field_and_no_other(bad: set[str], value: object) -> None:
    with pytest.raises(Refused) as refused:
        parse_new_user({**FIELDS, "groups": ["Sales"], **dict.fromkeys(bad, value)})

    assert set(re.findall(r"(\w+) must be", refused.value.message)) == bad


@pytest.mark.rule("USER-2")
@pytest.mark.parametrize(
    "email",
    [
        "joey@example.com",
        "joey+1@example.com",
        "joey@localhost",
        "joey@example.test",
        "j.o'e!y#$%&*/=?^_`{|}~-@a-b.example.com",
        ".joey.@example.com",
        f"joey@{'a' * 63}.com",
    ],
)
def test_an_email_of_the_html_pattern_is_valid(email: str) -> None:
    assert parse_new_user({**FIELDS, "email": email}).email == email


@pytest.mark.rule("USER-2", "USER-CREATE-1")
@pytest.mark.parametrize(
    "email",
    [
        "joey",
        "joey@",
        "@example.com",
        "joey@example..com",
        "joey@-example.com",
        "joey@example-.com",
        "joey tribbiani@example.com",
        "joey@example.com ",
        "joey@example.com\n",
        "joéy@example.com",
        "joey@exämple.com",
        "joey@exam_ple.com",
        '"joey"@example.com',
        "joey@[127.0.0.1]",
        f"joey@{'a' * 64}.com",
        "joey@example.com,monica@example.com",
    ],
)
def test_an_email_outside_the_html_pattern_is_refused(email: str) -> None:
    assert problems({**FIELDS, "email": email}) == "email is not a valid email address"


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize("groups", [None, [], ()])
def test_a_user_without_groups_is_in_all_users(groups: object) -> None:
    user = friends().create_user(parse_new_user({**FIELDS, "groups": groups}))

    assert user is not None
    assert user.groups == ("All Users",)


@pytest.mark.rule("USER-CREATE-2")
def test_groups_are_kept_in_the_order_in_which_they_were_sent_without_repeats_or_additions() -> None:
    user = friends().create_user(parse_new_user({**FIELDS, "groups": ["Sales", "NY Knicks", "Sales"]}))

    assert user is not None
    assert user.groups == ("Sales", "NY Knicks")


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize("groups", ["Sales", {"Sales": True}, 1, False, ["Sales", None], ["Sales", 1], [["Sales"]]])
def test_groups_must_be_a_list_of_strings(groups: object) -> None:
    assert problems({**FIELDS, "groups": groups}) == "groups must be a list of strings"


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize("name", ["Marketing", "sales", " Sales", ""])
def test_a_group_that_the_site_does_not_have_is_refused_and_named(name: str) -> None:
    with pytest.raises(Refused) as refused:
        friends().create_user(NewUser("Phoebe", "Buffay", "phoebe@example.com", ("Sales", name)))

    assert str(refused.value) == str(Refused(Refusal.GROUPS_UNKNOWN, host="example-site", names=name))


@pytest.mark.rule("USER-CREATE-3")
@pytest.mark.parametrize(
    ("inviter", "refusal"),
    [
        ("gunther@example.com", Refusal.INVITER_UNKNOWN),
        ("no address", Refusal.INVITER_UNKNOWN),
        ("monica@example.com", Refusal.INVITER_NOT_ADMINISTRATOR),
    ],
)
def test_an_inviter_must_be_an_administrator_of_the_site(inviter: str, refusal: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        friends().create_user(NewUser("Phoebe", "Buffay", "phoebe@example.com", (), inviter))

    assert (refused.value.refusal, refused.value.status, refused.value.rule) == (refusal, 400, "USER-CREATE-3")


@pytest.mark.rule("USER-CREATE-3")
def test_an_inviter_is_recognised_in_any_case() -> None:
    site = friends()

    site.create_user(NewUser("Phoebe", "Buffay", "phoebe@example.com", (), "MIKE@example.com"))

    assert site.get_user("phoebe@example.com").first_name == "Phoebe"


@pytest.mark.rule("USER-CREATE-3")
def test_a_former_administrator_can_not_invite() -> None:
    site = friends()
    site.update_user("mike@example.com", UserChanges(groups=("All Users",)))

    with pytest.raises(Refused) as refused:
        site.create_user(PHOEBE)

    assert refused.value.refusal is Refusal.INVITER_NOT_ADMINISTRATOR


@pytest.mark.rule("USER-CREATE-4", "USER-2")
def test_an_email_that_exists_in_another_case_is_taken() -> None:
    with pytest.raises(Refused) as refused:
        friends().create_user(NewUser("Monica", "Geller", "MONICA@example.com"))

    assert str(refused.value) == str(Refused(Refusal.EMAIL_TAKEN, email="MONICA@example.com"))


@pytest.mark.rule("USER-UPDATE-2")
@pytest.mark.parametrize(
    ("body", "first_name", "last_name", "groups"),
    [
        ({}, "Joey", "Tribbiani", ("All Users", "Sales")),
        ({"first_name": "Joseph"}, "Joseph", "Tribbiani", ("All Users", "Sales")),
        ({"last_name": "Green"}, "Joey", "Green", ("All Users", "Sales")),
        ({"groups": ["NY Knicks", "NY Knicks"]}, "Joey", "Tribbiani", ("NY Knicks",)),
        ({"groups": []}, "Joey", "Tribbiani", ("All Users",)),
        ({"groups": None}, "Joey", "Tribbiani", ("All Users",)),
        ({"first_name": "Joseph", "groups": []}, "Joseph", "Tribbiani", ("All Users",)),
        ({"email": "joseph@example.com"}, "Joey", "Tribbiani", ("All Users", "Sales")),
    ],
)
def test_an_update_changes_what_was_sent_and_nothing_else(
    body: Mapping[str, object], first_name: str, last_name: str, groups: tuple[str, ...]
) -> None:
    site = friends()

    updated = site.update_user("JOEY@example.com", parse_user_changes(body))

    assert updated == User(
        first_name, last_name, "joey@example.com", groups, LAST_LOGIN, PASSWORD_UPDATED, tfa_enabled=True
    )
    assert site.get_user("joey@example.com") == updated


@pytest.mark.rule("USER-UPDATE-2")
@pytest.mark.parametrize("field", ["first_name", "last_name"])
@pytest.mark.parametrize("value", ["", "  ", None, 1, ["Joseph"]])
def test_an_update_to_a_blank_or_mistyped_name_is_refused(field: str, value: object) -> None:
    with pytest.raises(Refused) as refused:
        parse_user_changes({field: value})

    assert (refused.value.refusal, refused.value.rule) == (Refusal.FIELDS_INVALID, "USER-UPDATE-2")
    assert refused.value.values["problems"].startswith(f"{field} ")


@pytest.mark.rule("USER-UPDATE-1")
def test_an_update_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        friends().update_user("phoebe@example.com", UserChanges(first_name="Regina"))

    assert (refused.value.refusal, refused.value.rule) == (Refusal.USER_UNKNOWN, "USER-UPDATE-1")


@pytest.mark.rule("USER-DELETE-1")
def test_a_deleted_user_is_gone_and_can_be_created_again() -> None:
    site = friends()

    gone = site.delete_user("MONICA@example.com")

    assert gone is not None
    assert gone.email == "monica@example.com"
    assert [user.first_name for user in site.list_users().records] == ["Chandler", "Joey", "Mike", "Rachel"]
    with pytest.raises(Refused) as refused:
        site.delete_user("monica@example.com")
    assert (refused.value.refusal, refused.value.rule) == (Refusal.USER_UNKNOWN, "USER-DELETE-1")
    again = site.create_user(NewUser("Monica", "Bing", "monica@example.com"))
    assert again == User("Monica", "Bing", "monica@example.com", ("All Users",))


@pytest.mark.rule("USER-DELETE-3")
def test_the_last_administrator_may_be_deleted() -> None:
    site = friends()

    site.delete_user("mike@example.com")
    site.delete_user("rachel@example.com")

    assert site.administrators() == []
    with pytest.raises(Refused) as refused:
        site.create_user(PHOEBE)
    assert refused.value.refusal is Refusal.INVITER_UNKNOWN


def test_text_that_can_not_be_sent_as_utf_8_is_refused() -> None:
    """Only Python code can pass such a text. It would crash every list with the user."""
    assert problems({**FIELDS, "first_name": "\ud800"}).startswith("first_name ")
