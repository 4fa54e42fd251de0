"""The rules of users: USER-1, USER-2, USER-GET-1, USER-CREATE-1 to 5, USER-UPDATE-1 and 2, USER-DELETE-1 to 3."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any, Final

from mockscope._vendor import ADMINISTRATORS, ALL_USERS, INVITER_FIELD, NEXT_PAGE_START, USER_FIELDS, USERS_PATH
from mockscope.conformance.check_factories import (
    BAD_TEXTS,
    BLANKS,
    Check,
    creates,
    expects,
    unobservable,
    updates,
)
from mockscope.conformance.listing import GROUP, USER
from mockscope.conformance.outcome import (
    DRY_RUN,
    FULL,
    OK,
    expect,
    expect_same_refusal,
    expect_status,
    skip,
    skip_unless,
)
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

KEYS: Final = [*USER_FIELDS]
TIME: Final = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-6]\d\.\d{3}Z", re.ASCII)
REQUIRED: Final = ("first_name", "last_name", "email", INVITER_FIELD)
NEW_USER: Final = {"last_login_at": None, "password_updated_at": None, "tfa_enabled": False}
# They leave the groups to the server.
NO_GROUPS: Final[tuple[object, ...]] = (..., None, [])
# Not lists of strings.
NOT_NAMES: Final = ("Sales", {"name": "Sales"}, [5], [None])
EMAILS: Final = ("+sales@example.com", ".m_g'9@example.test", "-x@a-b.c.example.com")
# Each follows the mark of the run, so that one that is taken for valid can be found and removed.
NO_EMAILS: Final = (
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


# What the value of a key is, and whether a value is one.
TYPES: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    **dict.fromkeys(("first_name", "last_name", "email"), ("a string", _is_text)),
    **dict.fromkeys(
        ("last_login_at", "password_updated_at"), ("null or a time in UTC, with milliseconds and Z", _is_time)
    ),
    "groups": ("a list of strings", lambda value: isinstance(value, list) and all(map(_is_text, value))),
    "tfa_enabled": ("true or false", lambda value: isinstance(value, bool)),
}


def _keys_in_order(session: Session) -> None:
    for response, user in session.shown_records(USER):
        expected = f"a user has {', '.join(KEYS)}, in this order, and nothing else"
        expect(user.names == KEYS, expected, response.exchange)


def _types(session: Session) -> None:
    for response, user in session.shown_records(USER):
        for name, (words, is_one) in TYPES.items():
            expect(name not in user or is_one(user[name]), f"{name} is {words}", response.exchange)


# -- USER-2, USER-GET-1 ----------------------------------------------------------------------------------------


def _found_in_any_case(session: Session) -> None:
    email = next((user["email"] for user in session.site_users if user["email"].upper() != user["email"]), None)
    is_one = email is not None and session.get_record(USER, email).status == 200
    skip_unless(is_one, "no user was found whose email could be written in capitals")
    exchange = session.get_record(USER, str(email).upper())
    is_same_response = exchange.status == 200 and field_in(exchange, "email") == email
    expect(is_same_response, "the user is found in capitals too, and the spelling is kept", exchange)


def _marked(tail: str) -> Callable[[Session], str]:
    return lambda session: f"{session.names.mark}{tail}"


def _taken_in_any_case(session: Session) -> None:
    body = session.existing(USER)
    plain = session.write("POST", USERS_PATH, json=body)
    expect_same_refusal(plain, session.write("POST", USERS_PATH, json=body | {"email": body["email"].swapcase()}))


def _spelling(session: Session) -> None:
    email = session.names.email().replace("mockscope-check", "Mockscope-Check")
    exchange = session.get_record(USER, session.create_own(USER, email=email))
    expect(field_in(exchange, "email") == email, "the spelling that was given at creation is kept", exchange)


def _found(session: Session) -> None:
    skip_unless(session.site_users, "no user was seen")
    for user, query in product((session.site_users[0], session.site_users[-1]), ({}, {NEXT_PAGE_START: "a"})):
        exchange = session.get(USERS_PATH, email=user["email"], query=query)
        is_one = has_record(exchange, USER, user["email"])
        expect(is_one, "200 with the user of that email, whatever the cursor", exchange)


# -- USER-CREATE -----------------------------------------------------------------------------------------------


def _unknown_groups(session: Session) -> None:
    policy, group = session.policy, session.names.group()
    expected = policy.expected("unknown_groups")
    exchange = session.create(USER, groups=[*session.default_groups, group])
    expect(exchange.status < 300 or exchange.status == 400, expected, exchange)
    if exchange.status == 400:
        return policy.observe("unknown_groups", "reject", exchange)
    if session.level is not FULL:
        more = "(whether it is left out or created, --full tells)"
        expect(policy["unknown_groups"] != "reject", f"{expected} {more}", exchange)
        skip("only --full can tell whether an unknown group is left out or created")
    seen = session.get_record(GROUP, group)
    return policy.observe("unknown_groups", "create" if seen.status == 200 else "ignore", exchange, seen)


def _is_in(exchange: Exchange, groups: list[str]) -> None:
    # implicit_all_users has a check of its own.
    is_in = record_in(exchange).get("groups") in (groups, [ALL_USERS, *groups])
    expect(is_in, f"the user is in {', '.join(groups)} now", exchange)


def _no_groups_are_all_users(session: Session) -> None:
    for groups in NO_GROUPS:
        _is_in(session.get_record(USER, session.create_own(USER, groups=groups)), [ALL_USERS])


def _groups_as_sent(session: Session) -> None:
    one, two = session.create_own(GROUP), session.create_own(GROUP)
    exchange = session.get_record(USER, session.create_own(USER, groups=[two, one, two]))
    groups = record_in(exchange).get("groups")
    expected = f"{session.policy.expected('implicit_all_users')}, each once"
    expect(groups in ([two, one], [ALL_USERS, two, one]), expected, exchange)
    session.policy.observe("implicit_all_users", groups != [two, one], exchange)


def _invited_by_an_administrator(session: Session) -> None:
    inviter = session.create_own(USER, groups=[ADMINISTRATORS])
    exchange = session.create(USER, invited_by_email=inviter)
    # Only the site's own administrators stay, for the check of the last one.
    session.delete(USER, inviter)
    expect_status(OK, exchange)


# -- USER-UPDATE, USER-DELETE ----------------------------------------------------------------------------------


def _of_nobody(session: Session, method: str) -> Iterator[Exchange]:
    for email in (None, *BLANKS, session.names.email()):
        yield session.write(method, USERS_PATH, email=email, json={} if method == "PUT" else None)


def _updated(session: Session) -> None:
    email = session.create_own(USER)
    exchange = session.update(USER, email, {"first_name": "Changed"})
    check_update_response(USER, exchange, session.get_record(USER, email))


def _only_what_is_sent(session: Session) -> None:
    group = session.create_own(GROUP)
    for changes in ({}, {"first_name": "One"}, {"last_name": "Two"}, {"first_name": "Three", "last_name": "Four"}):
        check_update(session, USER, session.create_own(USER, groups=[group]), changes)


def _groups_of_an_update(session: Session) -> None:
    one, two = session.create_own(GROUP), session.create_own(GROUP)
    for groups, expected in (([two, one], [two, one]), (None, [ALL_USERS]), ([], [ALL_USERS])):
        email = session.create_own(USER, groups=[one])
        expect_status(OK, session.update(USER, email, {"groups": groups}))
        _is_in(session.get_record(USER, email), expected)


def _an_inviter_may_go(session: Session) -> None:
    inviter = session.create_own(USER, groups=[ADMINISTRATORS])
    guest = session.create_own(USER, invited_by_email=inviter)
    expect_status(OK, session.delete(USER, inviter))
    exchange = session.get_record(USER, guest)
    expect(exchange.status == 200, "a user who was invited stays", exchange)


def _the_last_administrator_may_go(session: Session) -> None:
    administrators = [user["email"] for user in session.site_users if ADMINISTRATORS in user["groups"]]
    is_one = len(administrators) == 1 and session.listing(USER).is_complete
    skip_unless(is_one, "the site has not exactly one administrator, whose deletion test mode could try")
    session.prove_test_mode("DELETE", USER)
    expect_status(OK, session.write_in_test_mode("DELETE", USERS_PATH, email=administrators[0]))


CHECKS: Final = (
    Check("USER-1", "A user has the keys of the page, in its order", _keys_in_order, runs_last=True),
    Check("USER-1", "Each value is of its type", _types, runs_last=True),
    Check("USER-2", "A user is found in any case of the email", _found_in_any_case),
    Check("USER-2", "An email that is taken is taken in any case", _taken_in_any_case, DRY_RUN),
    creates("USER-2", "A valid email", OK, USER, ["email"], *map(_marked, EMAILS)),
    creates("USER-2", "An invalid email", 400, USER, ["email"], *map(_marked, NO_EMAILS)),
    Check("USER-2", "The spelling at creation is kept", _spelling, FULL),
    Check("USER-GET-1", "A user is found by Http-X-Email, whatever next_page_start", _found),
    expects("USER-GET-1", "An unknown email", 400, lambda s: [s.get_record(USER, s.names.email())]),
    expects("USER-GET-1", "A blank header", 400, lambda s: (s.get_record(USER, blank) for blank in BLANKS)),
    creates("USER-CREATE-1", "A missing field", 400, USER, REQUIRED, ...),
    creates("USER-CREATE-1", "A field that is blank, null or of another type", 400, USER, REQUIRED, *BAD_TEXTS),
    creates("USER-CREATE-2", "A list of groups that is missing, null or []", OK, USER, ["groups"], *NO_GROUPS),
    creates("USER-CREATE-2", "A value of groups that is not a list of names", 400, USER, ["groups"], *NOT_NAMES),
    Check("USER-CREATE-2", "An unknown group is 400", _unknown_groups, DRY_RUN),
    Check("USER-CREATE-2", "Without groups a user is in All Users", _no_groups_are_all_users, FULL),
    Check("USER-CREATE-2", "Groups are those that were sent, in their order, each once", _groups_as_sent, FULL),
    creates("USER-CREATE-3", "An unknown inviter", 400, USER, [INVITER_FIELD], lambda s: s.names.email()),
    creates("USER-CREATE-3", "An inviter without access", 400, USER, [INVITER_FIELD], lambda s: s.non_administrator),
    Check("USER-CREATE-3", "A member of Administrators may invite", _invited_by_an_administrator, FULL),
    expects("USER-CREATE-4", "An email that is taken", 409, lambda s: [s.create(USER, **s.existing(USER))], DRY_RUN),
    Check("USER-CREATE-5", "A create is 201 with the user", partial(check_create, kind=USER, values=NEW_USER), FULL),
    expects("USER-UPDATE-1", "An update without a known user", 400, lambda s: _of_nobody(s, "PUT"), DRY_RUN),
    Check("USER-UPDATE-1", "An update is 200 with the whole user", _updated, FULL),
    expects("USER-UPDATE-2", "An empty update", OK, lambda s: [s.update(USER, s.update_target(USER), {})], DRY_RUN),
    Check("USER-UPDATE-2", "What is left out stays", _only_what_is_sent, FULL),
    Check("USER-UPDATE-2", "Groups are set, and without any a user is in All Users", _groups_of_an_update, FULL),
    updates("USER-UPDATE-2", "A blank or mistyped name", 400, USER, ["first_name", "last_name"], *BAD_TEXTS),
    updates("USER-UPDATE-2", "A value of groups that is not a list of names", 400, USER, ["groups"], *NOT_NAMES),
    expects("USER-DELETE-1", "A deletion without a known user", 400, lambda s: _of_nobody(s, "DELETE"), DRY_RUN),
    Check("USER-DELETE-1", "A deletion is 200 with the message of the page", partial(check_delete, kind=USER), FULL),
    unobservable("USER-DELETE-2", "the API does not show who owns a dashboard"),
    Check("USER-DELETE-3", "A user who invited others may be deleted", _an_inviter_may_go, FULL),
    Check("USER-DELETE-3", "The last administrator may be deleted", _the_last_administrator_may_go, FULL),
)
