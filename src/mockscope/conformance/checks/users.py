"""The rules of users: USER-1, USER-2, USER-GET-1, USER-CREATE-1 to 5, USER-UPDATE-1 and 2, USER-DELETE-1 to 3."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any, Final

from mockscope._vendor import ADMINISTRATORS, ALL_USERS, NEXT_PAGE_START, USER_FIELDS, USERS_PATH
from mockscope.conformance.check_factories import BAD_TEXTS, BLANKS, Check, creates, expects, untestable, updates
from mockscope.conformance.listing import GROUP, USER
from mockscope.conformance.outcome import DRY_RUN, FULL, OK, expect, expect_same_refusal, expect_status, skip_unless
from mockscope.conformance.record_checks import (
    check_create,
    check_delete,
    check_update,
    check_update_response,
    field_in,
    has_record,
    record_in,
)
from mockscope.conformance.session import Session
from mockscope.remote.exchange import Exchange

FIELDS: Final = [*USER_FIELDS]
TIMES: Final = ("last_login_at", "password_updated_at")
TIME: Final = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-6]\d\.\d{3}Z", re.ASCII)
REQUIRED: Final = ("first_name", "last_name", "email", "invited_by_email")
NEW_USER: Final = {"last_login_at": None, "password_updated_at": None, "tfa_enabled": False}
# Values with which the server chooses the groups.
NO_GROUPS: Final[tuple[object, ...]] = (..., None, [])
# Values that are not lists of strings.
BAD_GROUPS: Final = ("Sales", {"name": "Sales"}, [5], [None])
EMAILS: Final = ("+sales@example.com", ".m_g'9@example.test", "-x@a-b.c.example.com")
# Each follows the mark of the run, so that a user with an accepted email can be found and removed.
BAD_EMAILS: Final = (
    "",
    "@",
    "@example com",
    " x@example.com",
    "@@example.com",
    "@-example.com",
    "@example..com",
    "@ex_1",
)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_time(value: object) -> bool:
    return value is None or (isinstance(value, str) and TIME.fullmatch(value) is not None)


# The description of the values of a field, and a function that returns whether a value is one of them.
TYPES: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    **dict.fromkeys(("first_name", "last_name", "email"), ("a string", _is_text)),
    **dict.fromkeys(TIMES, ("null or a time in UTC, with milliseconds and Z", _is_time)),
    "groups": ("a list of strings", lambda value: isinstance(value, list) and all(map(_is_text, value))),
    "tfa_enabled": ("true or false", lambda value: isinstance(value, bool)),
}


def _check_fields(session: Session) -> None:
    for response, user in session.shown_records(USER):
        expected = f"a user has {', '.join(FIELDS)}, in this order, and nothing else"
        expect(user.names == FIELDS, expected, response.exchange)


def _check_types(session: Session) -> None:
    for response, user in session.shown_records(USER):
        for name, (words, is_one) in TYPES.items():
            expect(name not in user or is_one(user[name]), f"{name} is {words}", response.exchange)


# -- USER-2, USER-GET-1 ----------------------------------------------------------------------------------------


def _check_email_in_capitals(session: Session) -> None:
    email = next((user["email"] for user in session.site_users if user["email"].upper() != user["email"]), None)
    is_one = email is not None and session.get_record(USER, email).status == 200
    skip_unless(is_one, "the site has no user whose email has lower-case letters")
    exchange = session.get_record(USER, str(email).upper())
    is_same_response = exchange.status == 200 and field_in(exchange, "email") == email
    expect(is_same_response, "the email in capitals finds the user, and its spelling is kept", exchange)


def _email_of_run(tail: str) -> Callable[[Session], str]:
    return lambda session: f"{session.names.mark}{tail}"


def _check_taken_email_in_any_case(session: Session) -> None:
    body = session.existing(USER)
    plain = session.write("POST", USERS_PATH, json=body)
    expect_same_refusal(plain, session.write("POST", USERS_PATH, json=body | {"email": body["email"].swapcase()}))


def _check_spelling(session: Session) -> None:
    email = session.names.email().replace("mockscope-check", "Mockscope-Check")
    exchange = session.get_record(USER, session.create_own(USER, email=email))
    expect(field_in(exchange, "email") == email, "the email keeps the spelling of the create", exchange)


def _check_get(session: Session) -> None:
    skip_unless(session.site_users, "the site has no users")
    for user, query in product((session.site_users[0], session.site_users[-1]), ({}, {NEXT_PAGE_START: "a"})):
        exchange = session.get(USERS_PATH, email=user["email"], query=query)
        is_one = has_record(exchange, USER, user["email"])
        expect(is_one, "200 with the user who has the email, with any cursor", exchange)


# -- USER-CREATE -----------------------------------------------------------------------------------------------


def _check_unknown_group(session: Session) -> None:
    policy, group = session.policy, session.names.group()
    expected = policy.expected("unknown_groups")
    exchange = session.create(USER, groups=[*session.default_groups, group])
    expect(exchange.status < 300 or exchange.status == 400, expected, exchange)
    if exchange.status == 400:
        return policy.observe("unknown_groups", "reject", exchange)
    if session.level is not FULL:
        more = "(--full finds out whether it is left out or created)"
        expect(policy["unknown_groups"] != "reject", f"{expected} {more}", exchange)
    skip_unless(session.level is FULL, "--full is needed to see whether an unknown group is left out or created")
    seen = session.get_record(GROUP, group)
    return policy.observe("unknown_groups", "create" if seen.status == 200 else "ignore", exchange, seen)


def _expect_groups(exchange: Exchange, groups: list[str]) -> None:
    # Another check observes implicit_all_users.
    is_in = record_in(exchange).get("groups") in (groups, [ALL_USERS, *groups])
    expect(is_in, f"the user is in {', '.join(groups)}", exchange)


def _check_default_group(session: Session) -> None:
    for groups in NO_GROUPS:
        _expect_groups(session.get_record(USER, session.create_own(USER, groups=groups)), [ALL_USERS])


def _check_order_of_groups(session: Session) -> None:
    one, two = session.create_own(GROUP), session.create_own(GROUP)
    exchange = session.get_record(USER, session.create_own(USER, groups=[two, one, two]))
    groups = record_in(exchange).get("groups")
    expected = f"{session.policy.expected('implicit_all_users')}, each once"
    expect(groups in ([two, one], [ALL_USERS, two, one]), expected, exchange)
    session.policy.observe("implicit_all_users", groups != [two, one], exchange)


def _check_inviter(session: Session) -> None:
    inviter = session.create_own(USER, groups=[ADMINISTRATORS])
    exchange = session.create(USER, invited_by_email=inviter)
    # The check of the last administrator counts only the administrators of the site.
    session.delete(USER, inviter)
    expect_status(OK, exchange)


# -- USER-UPDATE, USER-DELETE ----------------------------------------------------------------------------------


def _without_user(session: Session, method: str) -> Iterator[Exchange]:
    for email in (None, *BLANKS, session.names.email()):
        yield session.write(method, USERS_PATH, email=email, json={} if method == "PUT" else None)


def _check_update_response(session: Session) -> None:
    email = session.create_own(USER)
    exchange = session.update(USER, email, {"first_name": "Changed"})
    check_update_response(USER, exchange, session.get_record(USER, email))


def _check_partial_updates(session: Session) -> None:
    group = session.create_own(GROUP)
    for changes in ({}, {"first_name": "One"}, {"last_name": "Two"}, {"first_name": "Three", "last_name": "Four"}):
        check_update(session, USER, session.create_own(USER, groups=[group]), changes)


def _check_groups_of_updates(session: Session) -> None:
    one, two = session.create_own(GROUP), session.create_own(GROUP)
    for groups, expected in (([two, one], [two, one]), (None, [ALL_USERS]), ([], [ALL_USERS])):
        email = session.create_own(USER, groups=[one])
        expect_status(OK, session.update(USER, email, {"groups": groups}))
        _expect_groups(session.get_record(USER, email), expected)


def _check_deletion_of_inviter(session: Session) -> None:
    inviter = session.create_own(USER, groups=[ADMINISTRATORS])
    guest = session.create_own(USER, invited_by_email=inviter)
    expect_status(OK, session.delete(USER, inviter))
    exchange = session.get_record(USER, guest)
    expect(exchange.status == 200, "the user whom the inviter invited stays", exchange)


def _check_deletion_of_last_administrator(session: Session) -> None:
    administrators = [user["email"] for user in session.site_users if ADMINISTRATORS in user["groups"]]
    is_one = len(administrators) == 1 and session.listing(USER).is_complete
    skip_unless(is_one, "the site does not have exactly one administrator")
    session.prove_test_mode("DELETE", USER)
    expect_status(OK, session.write_in_test_mode("DELETE", USERS_PATH, email=administrators[0]))


CHECKS: Final = (
    Check("USER-1", "A user has the keys of the page, in its order", _check_fields, runs_last=True),
    Check("USER-1", "Each value is of its type", _check_types, runs_last=True),
    Check("USER-2", "A user is found in any case of the email", _check_email_in_capitals),
    Check("USER-2", "An email that is taken is taken in any case", _check_taken_email_in_any_case, DRY_RUN),
    creates("USER-2", "A valid email", OK, USER, ["email"], *map(_email_of_run, EMAILS)),
    creates("USER-2", "An invalid email", 400, USER, ["email"], *map(_email_of_run, BAD_EMAILS)),
    Check("USER-2", "The spelling at creation is kept", _check_spelling, FULL),
    Check("USER-GET-1", "A user is found by Http-X-Email, whatever next_page_start", _check_get),
    expects("USER-GET-1", "An unknown email", 400, lambda s: [s.get_record(USER, s.names.email())]),
    expects("USER-GET-1", "A blank header", 400, lambda s: (s.get_record(USER, blank) for blank in BLANKS)),
    creates("USER-CREATE-1", "A missing field", 400, USER, REQUIRED, ...),
    creates("USER-CREATE-1", "A field that is blank, null or of another type", 400, USER, REQUIRED, *BAD_TEXTS),
    creates("USER-CREATE-2", "A list of groups that is missing, null or []", OK, USER, ["groups"], *NO_GROUPS),
    creates("USER-CREATE-2", "A value of groups that is not a list of names", 400, USER, ["groups"], *BAD_GROUPS),
    Check("USER-CREATE-2", "An unknown group is 400", _check_unknown_group, DRY_RUN),
    Check("USER-CREATE-2", "Without groups a user is in All Users", _check_default_group, FULL),
    Check("USER-CREATE-2", "Groups are those that were sent, in their order, each once", _check_order_of_groups, FULL),
    creates("USER-CREATE-3", "An unknown inviter", 400, USER, ["invited_by_email"], lambda s: s.names.email()),
    creates("USER-CREATE-3", "An unauthorized inviter", 400, USER, ["invited_by_email"], lambda s: s.non_administrator),
    Check("USER-CREATE-3", "A member of Administrators may invite", _check_inviter, FULL),
    expects("USER-CREATE-4", "An email that is taken", 409, lambda s: [s.create(USER, **s.existing(USER))], DRY_RUN),
    Check("USER-CREATE-5", "A create is 201 with the user", partial(check_create, kind=USER, values=NEW_USER), FULL),
    expects("USER-UPDATE-1", "An update without a known user", 400, lambda s: _without_user(s, "PUT"), DRY_RUN),
    Check("USER-UPDATE-1", "An update is 200 with the whole user", _check_update_response, FULL),
    expects("USER-UPDATE-2", "An empty update", OK, lambda s: [s.update(USER, s.update_target(USER), {})], DRY_RUN),
    Check("USER-UPDATE-2", "What is left out stays", _check_partial_updates, FULL),
    Check("USER-UPDATE-2", "Groups are set, and without any a user is in All Users", _check_groups_of_updates, FULL),
    updates("USER-UPDATE-2", "A blank or mistyped name", 400, USER, ["first_name", "last_name"], *BAD_TEXTS),
    updates("USER-UPDATE-2", "A value of groups that is not a list of names", 400, USER, ["groups"], *BAD_GROUPS),
    expects("USER-DELETE-1", "A deletion without a known user", 400, lambda s: _without_user(s, "DELETE"), DRY_RUN),
    Check("USER-DELETE-1", "A deletion is 200 with the message of the page", partial(check_delete, kind=USER), FULL),
    untestable("USER-DELETE-2", "the API does not show who owns a dashboard"),
    Check("USER-DELETE-3", "A user who invited others may be deleted", _check_deletion_of_inviter, FULL),
    Check("USER-DELETE-3", "The last administrator may be deleted", _check_deletion_of_last_administrator, FULL),
)
