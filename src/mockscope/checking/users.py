"""The rules of users: USER-1, USER-2, USER-GET-1, USER-CREATE-1 to 5, USER-UPDATE-1 and 2, USER-DELETE-1 to 3."""

import re
from collections.abc import Iterator
from typing import Any, Final

from mockscope.checking.comparing import accepted, answered, field_of, refused, shown
from mockscope.checking.outcome import Level, differs, unseen
from mockscope.checking.session import ADMINISTRATORS, ALL_USERS, Session
from mockscope.checking.table import Family
from mockscope.checking.walking import USER_LIST, Fields, content
from mockscope.remote.client import EMAIL_HEADER, USERS
from mockscope.remote.exchange import Exchange

FAMILY: Final = Family("Users")
check = FAMILY.check

KEYS: Final = ["first_name", "last_name", "email", "groups", "last_login_at", "password_updated_at", "tfa_enabled"]
TIME: Final = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-6]\d\.\d{3}Z", re.ASCII)
REQUIRED: Final = ("first_name", "last_name", "email", "invited_by_email")
# Not texts: blank, null, or of another type.
BLANKS: Final = ("", "  ")
MISTYPED: Final[tuple[object, ...]] = (5, ["Mockscope"])
# They leave the groups to the server.
NO_GROUPS: Final[tuple[object, ...]] = (..., None, [])
# Not lists of strings.
NOT_NAMES: Final = ("Sales", {"name": "Sales"}, [5], [None])


# -- USER-1: looks through all responses -----------------------------------------------------------------------


def _users(session: Session) -> Iterator[tuple[Exchange, Any]]:
    """Yield all users that were shown, each with its exchange.

    Raises:
        Verdict: If there are none.
    """
    is_empty = True
    for exchange, body in session.answers:
        path = exchange.path.partition("?")[0].rstrip("/")
        if path != USERS or exchange.status >= 300 or not isinstance(body, Fields) or body.names == ["message"]:
            continue
        has_email = any(name.lower() == EMAIL_HEADER.lower() for name, _ in exchange.headers)
        found: list[Any] = [body] if exchange.method in ("POST", "PUT") or has_email else []
        if isinstance(body.get("users"), list) and "email" not in body:
            found = [user for user in body["users"] if isinstance(user, Fields)]
        is_empty = is_empty and not found
        yield from ((exchange, user) for user in found)
    if is_empty:
        raise unseen("no user was shown")


@check("USER-1", "A user has the keys of the page, in its order", is_last=True)
def keys_in_order(session: Session) -> None:
    for exchange, user in _users(session):
        if user.names != KEYS:
            raise differs(f"a user has {', '.join(KEYS)}, in this order, and nothing else", exchange)


@check("USER-1", "Each value is of its type", is_last=True)
def types(session: Session) -> None:
    for exchange, user in _users(session):
        for name, value in user.items():
            if not _is_of_its_type(name, value):
                raise differs(f"{name} is {_type_of(name)}", exchange)


def _is_of_its_type(name: str, value: Any) -> bool:
    match name:
        case "first_name" | "last_name" | "email":
            return isinstance(value, str)
        case "groups":
            return isinstance(value, list) and all(isinstance(group, str) for group in value)
        case "last_login_at" | "password_updated_at":
            return value is None or (isinstance(value, str) and bool(TIME.fullmatch(value)))
        case "tfa_enabled":
            return isinstance(value, bool)
    return True


def _type_of(name: str) -> str:
    if name.endswith("_at"):
        return "null or a time in UTC, with milliseconds and Z"
    return {"groups": "a list of strings", "tfa_enabled": "true or false"}.get(name, "a string")


# -- USER-2 ----------------------------------------------------------------------------------------------------


@check("USER-2", "A user is found in any case of the email")
def found_in_any_case(session: Session) -> None:
    email = next((user["email"] for user in session.site_users if user["email"].upper() != user["email"]), None)
    if email is None or session.get_user(email).status != 200:
        raise unseen("no user was found whose email could be written in capitals")
    exchange = session.get_user(email.upper())
    if exchange.status != 200 or field_of(exchange, "email") != email:
        raise differs("the user is found in capitals too, and the spelling is kept", exchange)


@check("USER-2", "An email that is taken is taken in any case", Level.DRY_RUN)
def taken_in_any_case(session: Session) -> None:
    body = session.taken_user()
    email = str(body["email"])
    plain = session.write("POST", USERS, json=body)
    if plain.status < 300 or email.upper() == email:
        raise unseen("an email that is taken is not refused (USER-CREATE-4)")
    refused(session.write("POST", USERS, json=body | {"email": email.upper()}), status=plain.status)


@check("USER-2", "Valid emails are accepted", Level.DRY_RUN)
def valid_emails(session: Session) -> None:
    for tag, domain in (("+sales", "example.com"), (".m_g'9", "example.test"), ("-x", "a-b.c.example.com")):
        accepted(session.create_user(email=session.names.email(tag, domain=domain)))


@check("USER-2", "Invalid emails are 400", Level.DRY_RUN)
def invalid_emails(session: Session) -> None:
    # Each begins with the mark, so that one that is taken for valid can be found and removed.
    for tail in ("", "@", "@example com", " x@example.com", "@@example.com", "@-example.com", "@example..com", "@ex_1"):
        refused(session.create_user(email=f"{session.names.mark}{tail}"))


@check("USER-2", "The spelling at creation is kept", Level.FULL)
def spelling(session: Session) -> None:
    email = session.names.email().replace("mockscope-check", "Mockscope-Check")
    exchange = session.get_user(session.own_user(email=email))
    if field_of(exchange, "email") != email:
        raise differs("the spelling that was given at creation is kept", exchange)


# -- USER-GET-1 ------------------------------------------------------------------------------------------------


def _some(session: Session) -> list[Fields]:
    if not session.site_users:
        raise unseen("no user was seen")
    return [session.site_users[0], session.site_users[-1]]


def _is_shown(exchange: Exchange, user: Fields, expected: str) -> None:
    if exchange.status != 200 or USER_LIST.key(content(exchange)) != USER_LIST.key(user):
        raise differs(expected, exchange)


@check("USER-GET-1", "A user is found by Http-X-Email")
def one_user(session: Session) -> None:
    for user in _some(session):
        _is_shown(session.get_user(user["email"]), user, "200 with the user of that email")


@check("USER-GET-1", "An unknown email is 400")
def one_unknown_user(session: Session) -> None:
    refused(session.get_user(session.names.email()))


@check("USER-GET-1", "The header wins over next_page_start")
def header_wins(session: Session) -> None:
    user = _some(session)[0]
    exchange = session.get(USERS, email=user["email"], query={"next_page_start": "a"})
    _is_shown(exchange, user, "200 with the user of that email, whatever the cursor")


@check("USER-GET-1", "A blank header is 400")
def blank_header(session: Session) -> None:
    for blank in BLANKS:
        refused(session.get_user(blank))


# -- USER-CREATE -----------------------------------------------------------------------------------------------


@check("USER-CREATE-1", "A missing field is 400", Level.DRY_RUN, values=(...,))
def required(session: Session, values: tuple[object, ...]) -> None:
    for name in REQUIRED:
        for value in values:
            refused(session.create_user(**{name: value}))


check("USER-CREATE-1", "A blank field is 400", Level.DRY_RUN, values=BLANKS)(required)
check("USER-CREATE-1", "A field that is null is 400", Level.DRY_RUN, values=(None,))(required)
check("USER-CREATE-1", "A field of another type is 400", Level.DRY_RUN, values=MISTYPED)(required)


@check("USER-CREATE-2", "groups may be absent, null or []", Level.DRY_RUN)
def no_groups(session: Session) -> None:
    for groups in NO_GROUPS:
        accepted(session.create_user(groups=groups))


@check("USER-CREATE-2", "groups of another type are 400", Level.DRY_RUN)
def no_list_of_names(session: Session) -> None:
    for groups in NOT_NAMES:
        refused(session.create_user(groups=groups))


@check("USER-CREATE-2", "An unknown group is 400", Level.DRY_RUN)
def unknown_groups(session: Session) -> None:
    readings, group = session.readings, session.names.group()
    exchange = session.create_user(groups=[*session.everyday_groups, group])
    if exchange.status == 400:
        return readings.judge("unknown_groups", "reject", exchange)
    if exchange.status >= 300:
        raise differs(readings.expected("unknown_groups"), exchange)
    if session.level is not Level.FULL and readings["unknown_groups"] == "reject":
        more = "(whether it is left out or created, --full tells)"
        raise differs(f"{readings.expected('unknown_groups')} {more}", exchange)
    if session.level is not Level.FULL:
        raise unseen("only --full can tell whether an unknown group is left out or created")
    seen = session.get_group(group)
    readings.judge("unknown_groups", "create" if seen.status == 200 else "ignore", exchange, seen)


@check("USER-CREATE-2", "Without groups a user is in All Users", Level.FULL)
def no_groups_are_all_users(session: Session) -> None:
    for groups in NO_GROUPS:
        _is_in(session.get_user(session.own_user(groups=groups)), [ALL_USERS])


@check("USER-CREATE-2", "Groups are those that were sent, in their order, each once", Level.FULL)
def groups_as_sent(session: Session) -> None:
    one, two = session.own_group(), session.own_group()
    exchange = session.get_user(session.own_user(groups=[two, one, two]))
    groups = shown(exchange).get("groups")
    if groups not in ([two, one], [ALL_USERS, two, one]):
        raise differs(f"{session.readings.expected('implicit_all_users')}, each once", exchange)
    session.readings.judge("implicit_all_users", groups != [two, one], exchange)


@check("USER-CREATE-3", "An unknown inviter is 400", Level.DRY_RUN)
def unknown_inviter(session: Session) -> None:
    refused(session.create_user(invited_by_email=session.names.email()))


@check("USER-CREATE-3", "An inviter who is not an administrator is 400", Level.DRY_RUN)
def inviter_without_access(session: Session) -> None:
    refused(session.create_user(invited_by_email=session.outsider))


@check("USER-CREATE-3", "A member of Administrators may invite", Level.FULL)
def invited_by_an_administrator(session: Session) -> None:
    inviter = session.own_user(groups=[ADMINISTRATORS])
    exchange = session.create_user(invited_by_email=inviter)
    # Only the site's own administrators stay, for the check of the last one.
    session.delete_user(inviter)
    accepted(exchange)


@check("USER-CREATE-4", "An email that is taken is 409", Level.DRY_RUN)
def email_taken(session: Session) -> None:
    refused(session.write("POST", USERS, json=session.taken_user()), status=409)


@check("USER-CREATE-5", "A create is 201 with the user, who has not logged in", Level.FULL)
def created(session: Session) -> None:
    body = session.new_user()
    exchange = session.write("POST", USERS, json=body)
    expected = {name: body[name] for name in ("first_name", "last_name", "email")}
    expected |= {"last_login_at": None, "password_updated_at": None, "tfa_enabled": False}
    for answer, status in ((exchange, 201), (session.get_user(str(body["email"])), 200)):
        record = content(answer)
        # Whether one user is shown as an object is for USER-GET-1.
        is_user = isinstance(record, Fields) and "email" in record
        if answer.status != status or not (is_user or status == 200):
            raise differs("a create is 201 with the user, who is there from then on", answer)
        # That a key is missing, or holds a value of another type, is for USER-1.
        sent = {name: value for name, value in record.items() if _is_of_its_type(name, value)} if is_user else {}
        wrong = [name for name, value in expected.items() if sent.get(name, value) != value]
        if wrong:
            raise differs(f"{', '.join(wrong)}: as sent, and for a new user null, null and false", answer)


# -- USER-UPDATE, USER-DELETE ----------------------------------------------------------------------------------


@check("USER-UPDATE-1", "An update with no, a blank or an unknown Http-X-Email is 400", Level.DRY_RUN, method="PUT")
def without_a_user(session: Session, method: str) -> None:
    for email in (None, *BLANKS, session.names.email()):
        refused(session.write(method, USERS, email=email, json={} if method == "PUT" else None))


@check("USER-UPDATE-1", "An update is 200 with the whole user", Level.FULL)
def updated(session: Session) -> None:
    email = session.own_user()
    exchange = session.update_user(email, {"first_name": "Changed"})
    record, whole = content(exchange), shown(session.get_user(email))
    # That a key is missing is for USER-1.
    is_user = isinstance(record, Fields) and "email" in record
    if exchange.status != 200 or not is_user or any(whole.get(name) != value for name, value in record.items()):
        raise differs("an update is 200 with the whole user", exchange)


def _is_changed(session: Session, email: str, changes: dict[str, str]) -> None:
    before = shown(session.get_user(email))
    exchange = session.update_user(email, changes)
    accepted(exchange)
    after = session.get_user(email)
    if content(after) != before | changes:
        raise differs("what was sent is changed, and what was left out stays", exchange, after)


def _is_in(exchange: Exchange, groups: list[str]) -> None:
    # implicit_all_users has a check of its own.
    if shown(exchange).get("groups") not in (groups, [ALL_USERS, *groups]):
        raise differs(f"the user is in {', '.join(groups)} now", exchange)


@check("USER-UPDATE-2", "An empty update is accepted", Level.DRY_RUN)
def empty_update(session: Session) -> None:
    accepted(session.update_user(session.subject(), {}))


@check("USER-UPDATE-2", "What is left out stays", Level.FULL)
def only_what_is_sent(session: Session) -> None:
    group = session.own_group()
    for changes in ({}, {"first_name": "One"}, {"last_name": "Two"}, {"first_name": "Three", "last_name": "Four"}):
        _is_changed(session, session.own_user(groups=[group]), changes)


@check("USER-UPDATE-2", "Groups are set", Level.FULL)
def groups_of_an_update(session: Session) -> None:
    one, two = session.own_group(), session.own_group()
    email = session.own_user(groups=[one])
    accepted(session.update_user(email, {"groups": [two, one]}))
    _is_in(session.get_user(email), [two, one])


@check("USER-UPDATE-2", "Without groups a user is in All Users", Level.FULL)
def no_groups_in_an_update(session: Session) -> None:
    group = session.own_group()
    for groups in NO_GROUPS[1:]:
        email = session.own_user(groups=[group])
        accepted(session.update_user(email, {"groups": groups}))
        _is_in(session.get_user(email), [ALL_USERS])


@check("USER-UPDATE-2", "A blank or mistyped field is 400", Level.FULL)
def bad_fields_of_an_update(session: Session) -> None:
    names = [(name, value) for name in ("first_name", "last_name") for value in (*BLANKS, None, *MISTYPED)]
    for name, value in (*names, *(("groups", groups) for groups in NOT_NAMES)):
        refused(session.update_user(session.spare_user, {name: value}))


check("USER-DELETE-1", "A deletion with no, a blank or an unknown Http-X-Email is 400", Level.DRY_RUN, method="DELETE")(
    without_a_user
)


@check("USER-DELETE-1", "A deletion is 200 with the message of the page", Level.FULL)
def deleted(session: Session) -> None:
    email = session.own_user()
    exchange = session.delete_user(email)
    message = {"message": f"User removed from {session.host}"}
    answered(exchange, 200, message, 'a deletion is 200 {"message": "User removed from <site-host>"}')
    after = session.get_user(email)
    if after.status == 200:
        raise differs("the user is not there any more", exchange, after)


FAMILY.cannot_see("USER-DELETE-2", "the API does not show who owns a dashboard")


@check("USER-DELETE-3", "A user who invited others may be deleted", Level.FULL)
def an_inviter_may_go(session: Session) -> None:
    inviter = session.own_user(groups=[ADMINISTRATORS])
    guest = session.own_user(invited_by_email=inviter)
    accepted(session.delete_user(inviter))
    exchange = session.get_user(guest)
    if exchange.status != 200:
        raise differs("a user who was invited stays", exchange)


@check("USER-DELETE-3", "The last administrator may be deleted", Level.FULL)
def the_last_administrator_may_go(session: Session) -> None:
    administrators = [user["email"] for user in session.site_users if ADMINISTRATORS in user["groups"]]
    if len(administrators) != 1 or not session.walk(USER_LIST).is_whole:
        raise unseen("the site has not exactly one administrator, whose deletion test mode could try")
    session.require_proof("DELETE", "user")
    accepted(session.write_in_test_mode("DELETE", USERS, email=administrators[0]))
