"""The rules of transport: HTTP-1 to HTTP-10."""

from collections.abc import Iterator
from json import dumps
from typing import Final

from mockscope.checking.comparing import accepted, refused, same
from mockscope.checking.guard import Answer
from mockscope.checking.outcome import Level, differs, unseen
from mockscope.checking.session import Session
from mockscope.checking.table import Family
from mockscope.checking.walking import LISTS, Fields
from mockscope.remote.client import GROUPS, USERS, RateLimited, Unreachable, group_path
from mockscope.remote.exchange import Exchange

FAMILY: Final = Family("Transport")
check = FAMILY.check

VENDOR_HOSTS: Final = ("app.periscopedata.com", "api.periscopedata.com")
NOWHERE: Final = "/api/v1/nothing"
# Paths of the vendor's later API.
LATER_PATHS: Final = ("/api/v2/users", "/api/v1/roles", "/api/v1/dashboards")
# HTTP-8
MAX_BODY_BYTES: Final = 1024 * 1024
ALL_METHODS: Final = {"GET", "POST", "PUT", "DELETE"}
NOT_JSON: Final = b"{no json"
AS_JSON: Final = [("Content-Type", "application/json")]
AS_TEXT: Final = [("Content-Type", "text/plain")]


# -- HTTP-1: looks through all responses -----------------------------------------------------------------------


def _answers(session: Session) -> Iterator[Answer]:
    # A redirect says nothing; that there should be none is for HTTP-3.
    return (answer for answer in session.answers if not 300 <= answer.exchange.status < 400)


@check("HTTP-1", "A look around at several statuses")
def look_around(session: Session) -> None:
    for kind in LISTS:
        session.walk(kind)
    session.get(USERS, auth=False)
    session.get(NOWHERE)
    session.get_user(session.names.email())
    session.get_group(session.names.group())


@check("HTTP-1", "Every response is application/json; charset=utf-8", is_last=True)
def media_type(session: Session) -> None:
    for answer in _answers(session):
        kind, _, parameters = (answer.exchange.header("Content-Type") or "").lower().partition(";")
        if (kind.strip(), parameters.strip().replace('"', "")) != ("application/json", "charset=utf-8"):
            raise differs("every response is application/json; charset=utf-8", answer.exchange)


@check("HTTP-1", "Every response is JSON", is_last=True)
def is_json(session: Session) -> None:
    for answer in _answers(session):
        if isinstance(answer.body, bytes):
            raise differs("every response is JSON", answer.exchange)


@check("HTTP-1", "Every refusal is an object with one message", is_last=True)
def refusals_say_why(session: Session) -> None:
    for exchange, body in _answers(session):
        # That it is not JSON at all is for the check before.
        if exchange.status >= 400 and not isinstance(body, bytes) and not _is_message(body):
            raise differs('every refusal is {"message": "<one sentence>"}', exchange)


def _is_message(body: object) -> bool:
    if not isinstance(body, Fields) or body.names != ["message"]:
        return False
    return isinstance(body["message"], str) and bool(body["message"].strip())


@check("HTTP-1", "Lists are as on the page", is_last=True)
def lists(session: Session) -> None:
    for kind in LISTS:
        page = [f"total_{kind.name}", f"{kind.name}_this_page", "next_page_start", kind.name]
        for exchange, body in _answers(session):
            # A user has groups too.
            if not isinstance(body, Fields) or kind.name not in body or "email" in body:
                continue
            if exchange.method != "GET" or exchange.status != 200:
                continue
            # Counts and cursor have rules of their own, which say that they are there.
            if body.names != [name for name in page if name in body.names or name == kind.name]:
                raise differs(f"a list has {', '.join(page)}, in this order, and nothing else", exchange)
            records = body[kind.name]
            if not isinstance(records, list) or not all(isinstance(record, Fields) for record in records):
                raise differs(f"{kind.name} is a list of objects", exchange)


# -- HTTP-2 to HTTP-5 ------------------------------------------------------------------------------------------


@check("HTTP-2", "The Host header is ignored")
def any_host(session: Session) -> None:
    plain = session.get(GROUPS)
    for host in VENDOR_HOSTS:
        same(session.get(GROUPS, headers=[("Host", host)]), plain)


@check("HTTP-3", "Lists are there with a slash and without")
def lists_in_both_spellings(session: Session) -> None:
    for path in (USERS, GROUPS):
        same(session.get(f"{path}/"), session.get(path))


@check("HTTP-3", "Writes may go to both spellings", Level.DRY_RUN)
def writes_in_both_spellings(session: Session) -> None:
    # No record is named, so that none can be written.
    for method, path in (("POST", USERS), ("POST", GROUPS), ("PUT", USERS), ("DELETE", USERS)):
        body = b"" if method == "DELETE" else b"{}"
        plain, slashed = session.write(method, path, body=body), session.write(method, f"{path}/", body=body)
        if plain.status != slashed.status:
            raise differs("both spellings are answered alike", slashed, plain)


def _encoded(value: object) -> bytes:
    return dumps(value).encode()


def _sent(session: Session, body: bytes) -> Exchange:
    return session.write("POST", USERS, body=body, headers=AS_JSON)


@check("HTTP-4", "A body is read as JSON whatever its Content-Type", Level.DRY_RUN)
def any_content_type(session: Session) -> None:
    if session.create_user().status >= 300:
        raise unseen("a body that says what it is is refused as well")
    kinds: list[list[tuple[str, str]]] = [[], AS_TEXT, [("Content-Type", "application/x-www-form-urlencoded")]]
    others = [session.write("POST", USERS, body=_encoded(session.new_user()), headers=headers) for headers in kinds]
    wrong = [exchange for exchange in others if exchange.status >= 300]
    if wrong and [exchange.status for exchange in wrong] != [400] * len(others):
        raise differs("a body is read as JSON whatever its Content-Type", *wrong)
    session.readings.judge("require_json_content_type", bool(wrong), *(wrong or others))


@check("HTTP-4", "Of a key that stands twice the last counts", Level.DRY_RUN)
def last_of_two(session: Session) -> None:
    if session.create_user(first_name="").status != 400:
        raise unseen("a blank name is not refused, so that nothing shows which of two names counts (USER-CREATE-1)")
    rest = _encoded(session.new_user(first_name=...))[1:]
    refused(_sent(session, b'{"first_name": "Mockscope", "first_name": "", ' + rest))
    rest = _encoded(session.new_user(first_name=...))[1:]
    accepted(_sent(session, b'{"first_name": "", "first_name": "Mockscope", ' + rest))


@check("HTTP-4", "A body that is not JSON in UTF-8 is 400", Level.DRY_RUN)
def not_json(session: Session) -> None:
    def body() -> bytes:
        return _encoded(session.new_user())

    for broken in (
        # The page's own samples have trailing commas and curly quotes.
        body()[:-1] + b",}",
        body().replace(b'"', "\u201c".encode()),
        body()[:-1],
        body() + body(),
        body().replace(b"Mockscope", "Mock\u00e9".encode("latin-1")),
        body()[:-1] + b', "shoe_size": NaN}',
        b"first_name=Mockscope&email=" + session.names.email().encode(),
    ):
        refused(_sent(session, broken))


@check("HTTP-4", "A body that is not an object is 400", Level.DRY_RUN)
def not_an_object(session: Session) -> None:
    for value in ([], [session.new_user()], "Mockscope", None, 1, True):
        refused(_sent(session, _encoded(value)))


@check("HTTP-5", "GET ignores a body")
def get_ignores_a_body(session: Session) -> None:
    for path in (USERS, GROUPS):
        same(session.get(path, body=NOT_JSON, headers=AS_TEXT), session.get(path))


@check("HTTP-5", "POST and PUT without a body are 400", Level.DRY_RUN)
def no_body(session: Session) -> None:
    for path in (USERS, GROUPS):
        refused(session.write("POST", path, headers=AS_JSON))
    refused(session.write("PUT", USERS, email=session.subject(), headers=AS_JSON))
    refused(session.write("PUT", group_path(session.subject_group()), headers=AS_JSON))


@check("HTTP-5", "DELETE ignores a body", Level.FULL)
def delete_ignores_a_body(session: Session) -> None:
    user, group = session.own_user(), session.own_group()
    accepted(session.write("DELETE", USERS, email=user, body=NOT_JSON, headers=AS_TEXT))
    accepted(session.write("DELETE", group_path(group), body=NOT_JSON, headers=AS_TEXT))


# -- HTTP-6 ----------------------------------------------------------------------------------------------------


@check("HTTP-6", "A wrong key is refused alike, whatever else is wrong")
def authentication_first(session: Session) -> None:
    for path, email in (
        (NOWHERE, None),
        (group_path(session.names.group()), None),
        (USERS, session.names.email()),
        (USERS, " "),
    ):
        refused(session.get(path, email=email, headers=session.nobody), status=session.locked_out)


@check("HTTP-6", "An unknown path is 404")
def unknown_path(session: Session) -> None:
    refused(session.get(NOWHERE), status=404)


@check("HTTP-6", "A wrong key is refused alike with any method", Level.DRY_RUN)
def authentication_before_the_method(session: Session) -> None:
    refused(session.write_in_test_mode("PATCH", GROUPS, headers=session.nobody), status=session.locked_out)


@check("HTTP-6", "An unknown path is 404 with any method", Level.DRY_RUN)
def path_before_the_method(session: Session) -> None:
    refused(session.write_in_test_mode("PATCH", NOWHERE), status=404)


@check("HTTP-6", "Another method is 405, with Allow", Level.DRY_RUN)
def another_method(session: Session) -> None:
    # The group does not exist: the method comes before the target.
    one_group = group_path(session.names.group())
    for path, offered in ((USERS, ALL_METHODS), (GROUPS, {"GET", "POST"}), (one_group, ALL_METHODS - {"POST"})):
        exchange = session.write_in_test_mode("PATCH", path)
        refused(exchange, status=405)
        allowed = {method.strip().upper() for method in (exchange.header("Allow") or "").split(",")}
        if not offered <= allowed or "PATCH" in allowed:
            raise differs(f"Allow names {', '.join(sorted(offered))}", exchange)


@check("HTTP-6", "A wrong key is refused alike, whatever the body", Level.DRY_RUN)
def authentication_before_the_body(session: Session) -> None:
    for path in (USERS, GROUPS):
        exchange = session.write_in_test_mode("POST", path, body=NOT_JSON, headers=session.nobody)
        refused(exchange, status=session.locked_out)


@check("HTTP-6", "An unknown group is refused alike, whatever the body", Level.DRY_RUN)
def target_before_the_body(session: Session) -> None:
    plain = session.update_group(session.names.group(), {})
    if plain.status < 400:
        raise unseen("an update of an unknown group is not refused (GROUP-UPDATE-2)")
    for body in (NOT_JSON, b'{"access": "no such word"}'):
        refused(session.write("PUT", group_path(session.names.group()), body=body), status=plain.status)


def _before_the_conflict(session: Session, bad_user: dict[str, str], bad_group: dict[str, str]) -> None:
    for path, fresh, taken in (
        (USERS, session.new_user() | bad_user, session.taken_user() | bad_user),
        (GROUPS, session.new_group() | bad_group, session.taken_group() | bad_group),
    ):
        # Whether it is refused where there is no conflict is for another rule.
        if session.write("POST", path, json=fresh).status == 400:
            refused(session.write("POST", path, json=taken))


@check("HTTP-6", "A bad field is 400 before a conflict", Level.DRY_RUN)
def fields_before_the_conflict(session: Session) -> None:
    _before_the_conflict(session, {"last_name": ""}, {"access": "no such word"})


@check("HTTP-6", "An unknown inviter or creator is 400 before a conflict", Level.DRY_RUN)
def references_before_the_conflict(session: Session) -> None:
    nobody = session.names.email()
    _before_the_conflict(session, {"invited_by_email": nobody}, {"created_by_email": nobody})


@check("HTTP-6", "A bad field of an update is 400 before a conflict", Level.FULL)
def fields_before_the_conflict_of_an_update(session: Session) -> None:
    name, taken = session.own_group(), session.own_group()
    if session.update_group(name, {"access": "no such word"}).status == 400:
        refused(session.update_group(name, {"name": taken, "access": "no such word"}))


# -- HTTP-7 to HTTP-10 -----------------------------------------------------------------------------------------


@check("HTTP-7", "Unknown fields are ignored", Level.DRY_RUN)
def unknown_fields(session: Session) -> None:
    accepted(session.create_user(shoe_size=9), session.create_group(shoe_size=9))


@check("HTTP-7", "An email cannot be changed", Level.FULL)
def email_stays(session: Session) -> None:
    email, other = session.own_user(), session.names.email()
    changed = session.update_user(email, {"email": other, "last_name": "Changed"})
    accepted(changed)
    kept, found = session.get_user(email), session.get_user(other)
    if kept.status != 200 or found.status == 200:
        raise differs("an email cannot be changed", changed, found)


@check("HTTP-8", "A body over 1 MiB is 413", Level.DRY_RUN)
def body_too_large(session: Session) -> None:
    body = _encoded(session.new_user())
    try:
        exchange = _sent(session, body.ljust(MAX_BODY_BYTES + 1))
    except RateLimited:
        raise
    except Unreachable as error:
        raise differs(f"a body of more than 1 MiB is 413, but there was no response: {error}") from None
    refused(exchange, status=413)


@check("HTTP-8", "A body of 1 MiB is not", Level.DRY_RUN)
def body_not_too_large(session: Session) -> None:
    exchange = _sent(session, _encoded(session.new_user()).ljust(MAX_BODY_BYTES))
    if exchange.status == 413:
        raise differs("a body of 1 MiB is not too large", exchange)


@check("HTTP-9", "Paths of the vendor's later API are 404")
def later_api(session: Session) -> None:
    for path in LATER_PATHS:
        refused(session.get(path), status=404)


FAMILY.cannot_see("HTTP-10", "these headers are mockscope's own: no other server is expected to have them")
