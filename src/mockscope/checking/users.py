"""The rules of users: USER-1, USER-2, USER-GET-1, USER-CREATE-1 to 5, USER-UPDATE-1 and 2, USER-DELETE-1 to 3."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from mockscope.checking.comparing import accepted, answered, content, refused, shown
from mockscope.checking.guard import USERS
from mockscope.checking.outcome import Level, Row, differs, never, unseen
from mockscope.checking.policy import sentence
from mockscope.checking.session import ADMINISTRATORS, ALL_USERS, Answer, Session
from mockscope.checking.walking import USERS as USER_LIST
from mockscope.checking.walking import Fields
from mockscope.target import Exchange

KEYS: Final = [
    "first_name",
    "last_name",
    "email",
    "groups",
    "last_login_at",
    "password_updated_at",
    "tfa_enabled",
]
TIME: Final = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-6]\d\.\d{3}Z", re.ASCII)
REQUIRED: Final = ("first_name", "last_name", "email", "invited_by_email")
# What a text must not be: blank, null, or something else.
BLANKS: Final = ("", "  ")
MISTYPED: Final[tuple[object, ...]] = (5, ["Mockscope"])
# What leaves the groups to the server.
NO_GROUPS: Final[tuple[object, ...]] = (..., None, [])
# Not lists of strings.
NO_NAMES: Final = ("Sales", {"name": "Sales"}, [5], [None])


# -- USER-1: looks through all answers -------------------------------------------------------------------------


def _users_in(answer: Answer) -> Iterator[Any]:
    """What an answer shows as users."""
    exchange, body = answer.exchange, answer.body
    path = exchange.path.partition("?")[0].rstrip("/")
    if path != USERS or exchange.status >= 300 or not isinstance(body, Fields) or body.names == ["message"]:
        return
    if isinstance(body.get("users"), list) and "email" not in body:
        yield from (user for user in body["users"] if isinstance(user, Fields))
    elif exchange.method in ("POST", "PUT") or any(name.lower() == "http-x-email" for name, _ in exchange.headers):
        yield body


def _users(look: Session) -> list[tuple[Answer, Any]]:
    """All users that were shown, each with its answer.

    Raises:
        Verdict: none was.
    """
    found = [(answer, user) for answer in look.answers for user in _users_in(answer)]
    if not found:
        raise unseen("no user was shown")
    return found


def keys_in_order(look: Session) -> None:
    for answer, user in _users(look):
        if user.names != KEYS:
            raise differs(f"a user has {', '.join(KEYS)}, in this order, and nothing else", answer.exchange)


def values_of_their_kind(look: Session) -> None:
    for answer, user in _users(look):
        for name, value in user.items():
            if not _is_of_its_kind(name, value):
                raise differs(f"{name} is {_kind_of(name)}", answer.exchange)


def _is_of_its_kind(name: str, value: Any) -> bool:
    match name:
        case "first_name" | "last_name" | "email":
            return isinstance(value, str)
        case "groups":
            return isinstance(value, list) and all(isinstance(group, str) for group in value)
        case "last_login_at" | "password_updated_at":
            return value is None or (isinstance(value, str) and bool(TIME.fullmatch(value)))
        case "tfa_enabled":
            return isinstance(value, bool)
        case _:
            return True


def _kind_of(name: str) -> str:
    if name.endswith("_at"):
        return "null or a time in UTC, with milliseconds and Z"
    return {"groups": "a list of strings", "tfa_enabled": "true or false"}.get(name, "a string")


# -- USER-2 ----------------------------------------------------------------------------------------------------


def found_in_any_case(look: Session) -> None:
    email = next((user["email"] for user in look.site_users if user["email"].upper() != user["email"]), None)
    if email is None or look.user(email).status != 200:
        raise unseen("no user was found whose email could be written in capitals")
    exchange = look.user(email.upper())
    if exchange.status != 200 or _email_of(exchange) != email:
        raise differs("the user is found in capitals too, and the spelling is kept", exchange)


def taken_in_any_case(look: Session) -> None:
    body = look.taken_user()
    email = str(body["email"])
    plain = look.send("POST", USERS, json=body)
    if plain.status < 300 or email.upper() == email:
        raise unseen("an email that is taken is not refused (USER-CREATE-4)")
    refused(look.send("POST", USERS, json=body | {"email": email.upper()}), plain.status)


def the_spelling_is_kept(look: Session) -> None:
    email = look.names.email().replace("mockscope-check", "Mockscope-Check")
    exchange = look.user(look.own_user(email=email))
    if _email_of(exchange) != email:
        raise differs("the spelling that was given at creation is kept", exchange)


def valid_emails(look: Session) -> None:
    for tag, domain in (("+sales", "example.com"), (".m_g'9", "example.test"), ("-x", "a-b.c.example.com")):
        accepted(look.send("POST", USERS, json=look.new_user(email=look.names.email(tag, domain=domain))))


def invalid_emails(look: Session) -> None:
    # Each begins with the mark, so that one that is taken for valid can be found and removed.
    for tail in ("", "@", "@example com", " x@example.com", "@@example.com", "@-example.com", "@example..com", "@ex_1"):
        refused(look.send("POST", USERS, json=look.new_user(email=f"{look.names.mark}{tail}")))


def _email_of(exchange: Exchange) -> Any:
    body = content(exchange)
    return body.get("email") if isinstance(body, Fields) else None


# -- USER-GET-1 ------------------------------------------------------------------------------------------------


def one_user(look: Session) -> None:
    for user in _some(look):
        exchange = look.user(user["email"])
        if exchange.status != 200 or USER_LIST.key(content(exchange)) != USER_LIST.key(user):
            raise differs("200 with the user of that email", exchange)


def one_unknown_user(look: Session) -> None:
    refused(look.user(look.names.email()))


def the_header_wins(look: Session) -> None:
    for user in _some(look)[:1]:
        exchange = look.get(USERS, email=user["email"], query={"next_page_start": "a"})
        if exchange.status != 200 or USER_LIST.key(content(exchange)) != USER_LIST.key(user):
            raise differs("200 with the user of that email, whatever the cursor", exchange)


def a_blank_header(look: Session) -> None:
    for blank in BLANKS:
        refused(look.get(USERS, email=blank))


def _some(look: Session) -> list[Fields]:
    if not look.site_users:
        raise unseen("no user was seen")
    return [look.site_users[0], look.site_users[-1]]


# -- USER-CREATE -----------------------------------------------------------------------------------------------


def required(look: Session, values: tuple[object, ...]) -> None:
    for name in REQUIRED:
        for value in values:
            refused(look.send("POST", USERS, json=look.new_user(**{name: value})))


def no_groups(look: Session) -> None:
    for groups in NO_GROUPS:
        accepted(look.send("POST", USERS, json=look.new_user(groups=groups)))


def no_groups_are_all_users(look: Session) -> None:
    for groups in NO_GROUPS:
        _in_groups(look, look.user(look.own_user(groups=groups)), [ALL_USERS])


def no_list_of_names(look: Session) -> None:
    for groups in NO_NAMES:
        refused(look.send("POST", USERS, json=look.new_user(groups=groups)))


def groups_as_sent(look: Session) -> None:
    one, two = look.own_group(), look.own_group()
    exchange = look.user(look.own_user(groups=[two, one, two]))
    groups = shown(exchange).get("groups")
    if groups not in ([two, one], [ALL_USERS, two, one]):
        raise differs(f"{sentence('implicit_all_users', look.policy['implicit_all_users'])}, each once", exchange)
    look.reading("implicit_all_users", groups != [two, one], exchange)


def unknown_groups(look: Session) -> None:
    group = look.names.group()
    exchange = look.send("POST", USERS, json=look.new_user(groups=[*look.everyday_groups, group]))
    if exchange.status == 400:
        look.reading("unknown_groups", "reject", exchange)
        return
    rejects = look.policy["unknown_groups"] == "reject"
    if exchange.status >= 300:
        raise differs(sentence("unknown_groups", look.policy["unknown_groups"]), exchange)
    if look.level is not Level.FULL and rejects:
        raise differs(
            f"{sentence('unknown_groups', 'reject')} (whether it is left out or created, --full tells)", exchange
        )
    if look.level is not Level.FULL:
        raise unseen("whether an unknown group is left out or created can be told by --full alone")
    seen = look.group(group)
    look.reading("unknown_groups", "create" if seen.status == 200 else "ignore", exchange, seen)


def unknown_inviter(look: Session) -> None:
    refused(look.send("POST", USERS, json=look.new_user(invited_by_email=look.names.email())))


def inviter_without_access(look: Session) -> None:
    refused(look.send("POST", USERS, json=look.new_user(invited_by_email=look.outsider)))


def invited_by_an_administrator(look: Session) -> None:
    inviter = look.own_administrator()
    accepted(look.ask("POST", USERS, json=look.new_user(invited_by_email=inviter)))


def email_taken(look: Session) -> None:
    refused(look.send("POST", USERS, json=look.taken_user()), 409)


def created(look: Session) -> None:
    body = look.new_user()
    exchange = look.ask("POST", USERS, json=body)
    expected = {name: body[name] for name in ("first_name", "last_name", "email")}
    expected |= {"last_login_at": None, "password_updated_at": None, "tfa_enabled": False}
    for answer, status in ((exchange, 201), (look.user(str(body["email"])), 200)):
        record = content(answer)
        # Whether one user is shown as an object is for USER-GET-1.
        is_user = isinstance(record, Fields) and "email" in record
        if answer.status != status or not (is_user or status == 200):
            raise differs("a create is 201 with the user, who is there from then on", answer)
        if not isinstance(record, Fields):
            continue
        # That a key is missing, or holds another kind of value, is for USER-1.
        sent = {name: value for name, value in record.items() if _is_of_its_kind(name, value)}
        wrong = [name for name, value in expected.items() if sent.get(name, value) != value]
        if wrong:
            raise differs(f"{', '.join(wrong)}: as sent, and for a new user null, null and false", answer)


# -- USER-UPDATE, USER-DELETE ----------------------------------------------------------------------------------


def no_header(look: Session, method: str) -> None:
    refused(look.send(method, USERS, **_empty(method)))


def blank_header(look: Session, method: str) -> None:
    for blank in BLANKS:
        refused(look.send(method, USERS, email=blank, **_empty(method)))


def unknown_user(look: Session, method: str) -> None:
    refused(look.send(method, USERS, email=look.names.email(), **_empty(method)))


def _empty(method: str) -> dict[str, object]:
    return {"json": {}} if method == "PUT" else {}


def updated(look: Session) -> None:
    email = look.own_user()
    exchange = look.ask("PUT", USERS, email=email, json={"first_name": "Changed"})
    record, whole = content(exchange), shown(look.user(email))
    # That a key is missing is for USER-1.
    is_user = isinstance(record, Fields) and "email" in record
    if exchange.status != 200 or not is_user or any(whole.get(name) != value for name, value in record.items()):
        raise differs("an update is 200 with the whole user", exchange)


def only_what_is_sent(look: Session) -> None:
    group = look.own_group()
    for changes in ({"first_name": "One"}, {"last_name": "Two"}, {"first_name": "Three", "last_name": "Four"}):
        _changed(look, look.own_user(groups=[group]), changes)


def groups_of_an_update(look: Session) -> None:
    one, two = look.own_group(), look.own_group()
    email = look.own_user(groups=[one])
    accepted(look.ask("PUT", USERS, email=email, json={"groups": [two, one]}))
    _in_groups(look, look.user(email), [two, one])


def no_groups_in_an_update(look: Session) -> None:
    group = look.own_group()
    for groups in NO_GROUPS[1:]:
        email = look.own_user(groups=[group])
        accepted(look.ask("PUT", USERS, email=email, json={"groups": groups}))
        _in_groups(look, look.user(email), [ALL_USERS])


def an_empty_update(look: Session) -> None:
    accepted(look.send("PUT", USERS, email=look.subject(), json={}))


def an_empty_update_changes_nothing(look: Session) -> None:
    _changed(look, look.own_user(), {})


def bad_fields_of_an_update(look: Session) -> None:
    email = look.spare_user
    for name in ("first_name", "last_name"):
        for value in (*BLANKS, None, *MISTYPED):
            refused(look.ask("PUT", USERS, email=email, json={name: value}))
    for groups in NO_NAMES:
        refused(look.ask("PUT", USERS, email=email, json={"groups": groups}))


def _changed(look: Session, email: str, changes: dict[str, str]) -> None:
    before = shown(look.user(email))
    exchange = look.ask("PUT", USERS, email=email, json=changes)
    accepted(exchange)
    after = look.user(email)
    if content(after) != before | changes:
        raise differs("what was sent is changed, and what was left out stays", exchange, after)


def _in_groups(look: Session, exchange: Exchange, groups: list[str]) -> None:
    """Judge groups, whichever way implicit_all_users is set: that has a check of its own."""
    found = shown(exchange).get("groups")
    if found not in (groups, [ALL_USERS, *groups]):
        raise differs(f"the user is in {', '.join(groups)} now", exchange)


def deleted(look: Session) -> None:
    email = look.own_user()
    message = {"message": f"User removed from {look.host}"}
    exchange = look.ask("DELETE", USERS, email=email)
    answered(exchange, 200, message, 'a deletion is 200 {"message": "User removed from <site-host>"}')
    after = look.user(email)
    if after.status == 200:
        raise differs("the user is not there any more", exchange, after)


def an_inviter_may_go(look: Session) -> None:
    inviter = look.own_administrator()
    guest = look.own_user(invited_by_email=inviter)
    accepted(look.ask("DELETE", USERS, email=inviter))
    exchange = look.user(guest)
    if exchange.status != 200:
        raise differs("who was invited stays", exchange)


def the_last_administrator_may_go(look: Session) -> None:
    administrators = [user["email"] for user in look.site_users if ADMINISTRATORS in user["groups"]]
    if len(administrators) != 1 or not look.walk(USER_LIST).is_whole:
        raise unseen("the site has not exactly one administrator, who could be asked for in test mode")
    look.require_proof("DELETE", "user")
    look.remove_administrators()
    accepted(look.rehearse("DELETE", USERS, email=administrators[0]))


def _for_writes(method: str, rule: str, name: str) -> tuple[Row, ...]:
    return (
        Row(rule, f"{name} without Http-X-Email is 400", Level.DRY_RUN, partial(no_header, method=method)),
        Row(rule, f"{name} with a blank Http-X-Email is 400", Level.DRY_RUN, partial(blank_header, method=method)),
        Row(rule, f"{name} of an unknown user is 400", Level.DRY_RUN, partial(unknown_user, method=method)),
    )


ROWS: Final = (
    Row("USER-1", "A user has the keys of the page, in its order", Level.READ_ONLY, keys_in_order, is_last=True),
    Row("USER-1", "Each value is of its kind", Level.READ_ONLY, values_of_their_kind, is_last=True),
    Row("USER-2", "A user is found in any case of the email", Level.READ_ONLY, found_in_any_case),
    Row("USER-2", "An email that is taken is taken in any case", Level.DRY_RUN, taken_in_any_case),
    Row("USER-2", "Valid emails are accepted", Level.DRY_RUN, valid_emails),
    Row("USER-2", "Invalid emails are 400", Level.DRY_RUN, invalid_emails),
    Row("USER-2", "The spelling at creation is kept", Level.FULL, the_spelling_is_kept),
    Row("USER-GET-1", "A user is found by Http-X-Email", Level.READ_ONLY, one_user),
    Row("USER-GET-1", "An unknown email is 400", Level.READ_ONLY, one_unknown_user),
    Row("USER-GET-1", "The header wins over next_page_start", Level.READ_ONLY, the_header_wins),
    Row("USER-GET-1", "A blank header is 400", Level.READ_ONLY, a_blank_header),
    Row("USER-CREATE-1", "A missing field is 400", Level.DRY_RUN, partial(required, values=(...,))),
    Row("USER-CREATE-1", "A blank field is 400", Level.DRY_RUN, partial(required, values=BLANKS)),
    Row("USER-CREATE-1", "A field that is null is 400", Level.DRY_RUN, partial(required, values=(None,))),
    Row("USER-CREATE-1", "A field of another type is 400", Level.DRY_RUN, partial(required, values=MISTYPED)),
    Row("USER-CREATE-2", "groups may be absent, null or []", Level.DRY_RUN, no_groups),
    Row("USER-CREATE-2", "groups of another type are 400", Level.DRY_RUN, no_list_of_names),
    Row("USER-CREATE-2", "An unknown group is 400", Level.DRY_RUN, unknown_groups),
    Row("USER-CREATE-2", "Without groups a user is in All Users", Level.FULL, no_groups_are_all_users),
    Row("USER-CREATE-2", "Groups are those that were sent, in their order, each once", Level.FULL, groups_as_sent),
    Row("USER-CREATE-3", "An unknown inviter is 400", Level.DRY_RUN, unknown_inviter),
    Row("USER-CREATE-3", "An inviter who is no administrator is 400", Level.DRY_RUN, inviter_without_access),
    Row("USER-CREATE-3", "A member of Administrators may invite", Level.FULL, invited_by_an_administrator),
    Row("USER-CREATE-4", "An email that is taken is 409", Level.DRY_RUN, email_taken),
    Row("USER-CREATE-5", "A create is 201 with the user, who has not logged in", Level.FULL, created),
    *_for_writes("PUT", "USER-UPDATE-1", "An update"),
    Row("USER-UPDATE-1", "An update is 200 with the whole user", Level.FULL, updated),
    Row("USER-UPDATE-2", "An update that says nothing is accepted", Level.DRY_RUN, an_empty_update),
    Row("USER-UPDATE-2", "An update that says nothing changes nothing", Level.FULL, an_empty_update_changes_nothing),
    Row("USER-UPDATE-2", "What is left out stays", Level.FULL, only_what_is_sent),
    Row("USER-UPDATE-2", "Groups are set", Level.FULL, groups_of_an_update),
    Row("USER-UPDATE-2", "Without groups a user is in All Users", Level.FULL, no_groups_in_an_update),
    Row("USER-UPDATE-2", "A blank or mistyped field is 400", Level.FULL, bad_fields_of_an_update),
    *_for_writes("DELETE", "USER-DELETE-1", "A deletion"),
    Row("USER-DELETE-1", "A deletion is 200 with the message of the page", Level.FULL, deleted),
    never("USER-DELETE-2", "the API shows of no dashboard who owns it"),
    Row("USER-DELETE-3", "Who invited others may be deleted", Level.FULL, an_inviter_may_go),
    Row("USER-DELETE-3", "The last administrator may be deleted", Level.FULL, the_last_administrator_may_go),
)
