"""The rules of transport: HTTP-1 to HTTP-10."""

from collections.abc import Iterator
from json import dumps
from typing import Final

from mockscope.checking.cleaning import path_of
from mockscope.checking.comparing import accepted, refused, same
from mockscope.checking.guard import GROUPS, USERS
from mockscope.checking.outcome import Level, Row, differs, never, unseen
from mockscope.checking.session import Answer, Session
from mockscope.checking.walking import LISTS, Fields
from mockscope.target import Exchange, TooFast, Unreachable

VENDOR_HOSTS: Final = ("app.periscopedata.com", "api.periscopedata.com")
NOWHERE: Final = "/api/v1/nothing"
# Paths of the vendor's later API.
LATER: Final = ("/api/v2/users", "/api/v1/roles", "/api/v1/dashboards")
# HTTP-8
LARGEST_BODY: Final = 1024 * 1024
EVERY_METHOD: Final = {"GET", "POST", "PUT", "DELETE"}


# -- HTTP-1: looks through all answers -------------------------------------------------------------------------


def _answers(look: Session) -> Iterator[Answer]:
    # A redirect has nothing to say; that it is none is for HTTP-3.
    return (answer for answer in look.answers if not 300 <= answer.exchange.status < 400)


def a_look_around(look: Session) -> None:
    # One of each status that GET can have.
    look.walk(LISTS[0])
    look.walk(LISTS[1])
    look.get(USERS, auth=None)
    look.get(NOWHERE)
    look.user(look.names.email())
    look.group(look.names.group())


def media_type(look: Session) -> None:
    for answer in _answers(look):
        kind, _, parameters = (answer.exchange.header("Content-Type") or "").partition(";")
        charset = parameters.strip().lower().replace('"', "")
        if (kind.strip().lower(), charset) != ("application/json", "charset=utf-8"):
            raise differs("every answer is application/json; charset=utf-8", answer.exchange)


def is_json(look: Session) -> None:
    for answer in _answers(look):
        if isinstance(answer.body, bytes):
            raise differs("every answer is JSON", answer.exchange)


def refusals_say_why(look: Session) -> None:
    for answer in _answers(look):
        # That it is no JSON at all is for another check.
        if answer.exchange.status >= 400 and not isinstance(answer.body, bytes) and not _is_message(answer.body):
            raise differs('every refusal is {"message": "<one sentence>"}', answer.exchange)


def _is_message(body: object) -> bool:
    if not isinstance(body, Fields) or body.names != ["message"]:
        return False
    return isinstance(body["message"], str) and bool(body["message"].strip())


def lists_are_as_on_the_page(look: Session) -> None:
    for kind in LISTS:
        page = [f"total_{kind.name}", f"{kind.name}_this_page", "next_page_start", kind.name]
        for answer in _answers(look):
            if not _is_list(answer, kind.name):
                continue
            # Counts and cursor have rules of their own, which say that they are there.
            if answer.body.names != [name for name in page if name in answer.body.names or name == kind.name]:
                raise differs(f"a list has {', '.join(page)}, in this order, and nothing else", answer.exchange)
            records = answer.body[kind.name]
            if not isinstance(records, list) or not all(isinstance(record, Fields) for record in records):
                raise differs(f"{kind.name} is a list of objects", answer.exchange)


def _is_list(answer: Answer, name: str) -> bool:
    is_shown = answer.exchange.method == "GET" and answer.exchange.status == 200
    # A user has groups too.
    return is_shown and isinstance(answer.body, Fields) and name in answer.body and "email" not in answer.body


# -- HTTP-2, HTTP-3 --------------------------------------------------------------------------------------------


def any_host(look: Session) -> None:
    plain = look.get(GROUPS)
    for host in VENDOR_HOSTS:
        same(look.get(GROUPS, headers=[("Host", host)]), plain)


def lists_in_both_spellings(look: Session) -> None:
    for path in (USERS, GROUPS):
        same(look.get(f"{path}/"), look.get(path))


def writes_in_both_spellings(look: Session) -> None:
    # Nothing is named, so nothing could be written.
    for method, path in (("POST", USERS), ("POST", GROUPS), ("PUT", USERS), ("DELETE", USERS)):
        body = b"" if method == "DELETE" else b"{}"
        plain, slashed = look.send(method, path, body=body), look.send(method, f"{path}/", body=body)
        if plain.status != slashed.status:
            raise differs("both spellings are answered alike", slashed, plain)


# -- HTTP-4 ----------------------------------------------------------------------------------------------------


def any_content_type(look: Session) -> None:
    named = look.send("POST", USERS, json=look.new_user())
    if named.status >= 300:
        raise unseen("a body that says what it is is refused as well")
    others = []
    for kind in (None, "text/plain", "application/x-www-form-urlencoded"):
        headers = [("Content-Type", kind)] if kind else []
        others.append(look.send("POST", USERS, body=_encoded(look.new_user()), headers=headers))
    wrong = [exchange for exchange in others if exchange.status >= 300]
    if wrong and [exchange.status for exchange in wrong] != [400] * len(others):
        raise differs("a body is read as JSON whatever its Content-Type", *wrong)
    look.reading("require_json_content_type", bool(wrong), *(wrong or others))


def the_last_of_two_counts(look: Session) -> None:
    if look.send("POST", USERS, json=look.new_user(first_name="")).status != 400:
        raise unseen("a blank name is not refused, so that it can't be told which of two names counts (USER-CREATE-1)")
    rest = _encoded(look.new_user(first_name=...))[1:]
    refused(_sent(look, b'{"first_name": "Mockscope", "first_name": "", ' + rest))
    rest = _encoded(look.new_user(first_name=...))[1:]
    accepted(_sent(look, b'{"first_name": "", "first_name": "Mockscope", ' + rest))


def what_is_no_json(look: Session) -> None:
    def body() -> bytes:
        return _encoded(look.new_user())

    for broken in (
        # The page's own samples have trailing commas and curly quotes.
        body()[:-1] + b",}",
        body().replace(b'"', "\u201c".encode()),
        body()[:-1],
        body() + body(),
        body().replace(b"Mockscope", "Mock\u00e9".encode("latin-1")),
        body()[:-1] + b', "shoe_size": NaN}',
        b"first_name=Mockscope&email=" + look.names.email().encode(),
    ):
        refused(_sent(look, broken))


def what_is_no_object(look: Session) -> None:
    for value in ([], [look.new_user()], "Mockscope", None, 1, True):
        refused(_sent(look, _encoded(value)))


def _sent(look: Session, body: bytes) -> Exchange:
    return look.send("POST", USERS, body=body, headers=[("Content-Type", "application/json")])


def _encoded(value: object) -> bytes:
    return dumps(value).encode()


# -- HTTP-5 ----------------------------------------------------------------------------------------------------


def get_ignores_a_body(look: Session) -> None:
    for path in (USERS, GROUPS):
        same(look.get(path, body=b"{no json", headers=[("Content-Type", "text/plain")]), look.get(path))


def delete_ignores_a_body(look: Session) -> None:
    body, headers = b"{no json", [("Content-Type", "text/plain")]
    user, group = look.own_user(), look.own_group()
    accepted(look.ask("DELETE", USERS, email=user, body=body, headers=headers))
    accepted(look.ask("DELETE", path_of(group), body=body, headers=headers))


def no_body(look: Session) -> None:
    headers = [("Content-Type", "application/json")]
    refused(look.send("POST", USERS, headers=headers))
    refused(look.send("POST", GROUPS, headers=headers))
    refused(look.send("PUT", USERS, email=look.subject(), headers=headers))
    refused(look.send("PUT", path_of(look.subject_group()), headers=headers))


# -- HTTP-6 ----------------------------------------------------------------------------------------------------


def authentication_first(look: Session) -> None:
    refused(look.get(NOWHERE, auth=look.nobody), look.locked_out)
    refused(look.get(path_of(look.names.group()), auth=look.nobody), look.locked_out)
    refused(look.get(USERS, email=look.names.email(), auth=look.nobody), look.locked_out)
    refused(look.get(USERS, email=" ", auth=look.nobody), look.locked_out)


def an_unknown_path(look: Session) -> None:
    refused(look.get(NOWHERE), 404)


def authentication_before_the_method(look: Session) -> None:
    refused(look.rehearse("PATCH", GROUPS, auth=look.nobody), look.locked_out)


def the_path_before_the_method(look: Session) -> None:
    refused(look.rehearse("PATCH", NOWHERE), 404)


def another_method(look: Session) -> None:
    # Of a group that nobody has: the method comes before the target.
    one_group = path_of(look.names.group())
    for path, offered in ((USERS, EVERY_METHOD), (GROUPS, {"GET", "POST"}), (one_group, EVERY_METHOD - {"POST"})):
        exchange = look.rehearse("PATCH", path)
        refused(exchange, 405)
        allowed = {method.strip().upper() for method in (exchange.header("Allow") or "").split(",")}
        if not offered <= allowed or "PATCH" in allowed:
            raise differs(f"Allow names {', '.join(sorted(offered))}", exchange)


def authentication_before_the_body(look: Session) -> None:
    for path in (USERS, GROUPS):
        refused(look.rehearse("POST", path, body=b"{no json", auth=look.nobody), look.locked_out)


def the_target_before_the_body(look: Session) -> None:
    plain = look.send("PUT", path_of(look.names.group()), body=b"{}")
    if plain.status < 400:
        raise unseen("an update of an unknown group is not refused (GROUP-UPDATE-2)")
    for body in (b"{no json", b'{"access": "no such word"}'):
        refused(look.send("PUT", path_of(look.names.group()), body=body), plain.status)


def fields_before_the_conflict(look: Session) -> None:
    _before_the_conflict(look, {"last_name": ""}, {"access": "no such word"})


def references_before_the_conflict(look: Session) -> None:
    _before_the_conflict(look, {"invited_by_email": look.names.email()}, {"created_by_email": look.names.email()})


def _before_the_conflict(look: Session, bad_user: dict[str, str], bad_group: dict[str, str]) -> None:
    for path, fresh, taken in (
        (USERS, look.new_user() | bad_user, look.taken_user() | bad_user),
        (GROUPS, look.new_group() | bad_group, look.taken_group() | bad_group),
    ):
        # Whether it is refused where there is no conflict is for another rule.
        if look.send("POST", path, json=fresh).status == 400:
            refused(look.send("POST", path, json=taken))


def fields_before_the_conflict_of_an_update(look: Session) -> None:
    path, taken = path_of(look.own_group()), look.own_group()
    if look.ask("PUT", path, json={"access": "no such word"}).status == 400:
        refused(look.ask("PUT", path, json={"name": taken, "access": "no such word"}))


# -- HTTP-7 to HTTP-9 ------------------------------------------------------------------------------------------


def unknown_fields(look: Session) -> None:
    accepted(look.send("POST", USERS, json=look.new_user(shoe_size=9)))
    accepted(look.send("POST", GROUPS, json=look.new_group(shoe_size=9)))


def an_email_stays(look: Session) -> None:
    email, other = look.own_user(), look.names.email()
    changed = look.ask("PUT", USERS, email=email, json={"email": other, "last_name": "Changed"})
    accepted(changed)
    kept, found = look.user(email), look.user(other)
    if kept.status != 200 or found.status == 200:
        raise differs("an email can't be changed", changed, found)


def a_body_too_large(look: Session) -> None:
    body = _encoded(look.new_user())
    try:
        exchange = _sent(look, body.ljust(LARGEST_BODY + 1))
    except TooFast:
        raise
    except Unreachable as error:
        raise differs(f"a body of more than 1 MiB is 413, and there was no answer: {error}") from None
    refused(exchange, 413)


def a_body_just_not_too_large(look: Session) -> None:
    exchange = _sent(look, _encoded(look.new_user()).ljust(LARGEST_BODY))
    if exchange.status == 413:
        raise differs("a body of 1 MiB is not too large", exchange)


def the_later_api(look: Session) -> None:
    for path in LATER:
        refused(look.get(path), 404)


ROWS: Final = (
    Row("HTTP-1", "A look around at several statuses", Level.READ_ONLY, a_look_around),
    Row("HTTP-1", "Every answer is application/json; charset=utf-8", Level.READ_ONLY, media_type, is_last=True),
    Row("HTTP-1", "Every answer is JSON", Level.READ_ONLY, is_json, is_last=True),
    Row("HTTP-1", "Every refusal is an object with one message", Level.READ_ONLY, refusals_say_why, is_last=True),
    Row("HTTP-1", "Lists are as on the page", Level.READ_ONLY, lists_are_as_on_the_page, is_last=True),
    Row("HTTP-2", "The Host header is not looked at", Level.READ_ONLY, any_host),
    Row("HTTP-3", "Lists are there with a slash and without", Level.READ_ONLY, lists_in_both_spellings),
    Row("HTTP-3", "Writes may go to both spellings", Level.DRY_RUN, writes_in_both_spellings),
    Row("HTTP-4", "A body is read as JSON whatever its Content-Type", Level.DRY_RUN, any_content_type),
    Row("HTTP-4", "Of a key that stands twice the last counts", Level.DRY_RUN, the_last_of_two_counts),
    Row("HTTP-4", "What is no JSON in UTF-8 is 400", Level.DRY_RUN, what_is_no_json),
    Row("HTTP-4", "What is no object is 400", Level.DRY_RUN, what_is_no_object),
    Row("HTTP-5", "GET ignores a body", Level.READ_ONLY, get_ignores_a_body),
    Row("HTTP-5", "POST and PUT without a body are 400", Level.DRY_RUN, no_body),
    Row("HTTP-5", "DELETE ignores a body", Level.FULL, delete_ignores_a_body),
    Row("HTTP-6", "A wrong key is refused alike, whatever else is wrong", Level.READ_ONLY, authentication_first),
    Row("HTTP-6", "An unknown path is 404", Level.READ_ONLY, an_unknown_path),
    Row("HTTP-6", "A wrong key is refused alike with any method", Level.DRY_RUN, authentication_before_the_method),
    Row("HTTP-6", "An unknown path is 404 with any method", Level.DRY_RUN, the_path_before_the_method),
    Row("HTTP-6", "Another method is 405, with Allow", Level.DRY_RUN, another_method),
    Row("HTTP-6", "A wrong key is refused alike, whatever the body", Level.DRY_RUN, authentication_before_the_body),
    Row("HTTP-6", "An unknown group is refused alike, whatever the body", Level.DRY_RUN, the_target_before_the_body),
    Row(
        "HTTP-6",
        "A bad field is 400, and a conflict besides is not looked at",
        Level.DRY_RUN,
        fields_before_the_conflict,
    ),
    Row(
        "HTTP-6",
        "An unknown inviter or creator is 400, and a conflict besides is not looked at",
        Level.DRY_RUN,
        references_before_the_conflict,
    ),
    Row(
        "HTTP-6",
        "A bad field of an update is 400, and a conflict besides is not looked at",
        Level.FULL,
        fields_before_the_conflict_of_an_update,
    ),
    Row("HTTP-7", "Unknown fields are ignored", Level.DRY_RUN, unknown_fields),
    Row("HTTP-7", "An email can't be changed", Level.FULL, an_email_stays),
    Row("HTTP-8", "A body over 1 MiB is 413", Level.DRY_RUN, a_body_too_large),
    Row("HTTP-8", "A body of 1 MiB is not", Level.DRY_RUN, a_body_just_not_too_large),
    Row("HTTP-9", "Paths of the vendor's later API are 404", Level.READ_ONLY, the_later_api),
    never("HTTP-10", "these headers are mockscope's own: no other server is expected to have them"),
)
