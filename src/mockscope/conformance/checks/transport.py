"""The rules of transport: HTTP-1 to HTTP-10."""

from collections.abc import Iterator
from itertools import product
from json import dumps
from typing import Final

from mockscope._vendor import API_PATH, GROUPS_PATH, NEXT_PAGE_START, USERS_PATH, VENDOR_HOSTS
from mockscope.conformance.check_factories import LISTS, Check, expects, ignores, limits, refuses_alike, untestable
from mockscope.conformance.listing import GROUP, KINDS, USER, JSONObject
from mockscope.conformance.outcome import DRY_RUN, FULL, OK, expect, expect_same_response, expect_status, skip_unless
from mockscope.conformance.session import Session
from mockscope.remote.client import group_path
from mockscope.remote.exchange import Exchange

OTHER_HOSTS: Final = [{"headers": [("Host", name)]} for name in VENDOR_HOSTS]
UNKNOWN_PATH: Final = f"{API_PATH}/nothing"
# Paths of the vendor's later API.
LATER_PATHS: Final = ("/api/v2/users", f"{API_PATH}/roles", f"{API_PATH}/dashboards")
# HTTP-8
MAX_BODY_BYTES: Final = 1024 * 1024
LONG_TEXT: Final = "9" * 64 * 1024
ALL_METHODS: Final = {"GET", "POST", "PUT", "DELETE"}
NOT_JSON: Final = b"{no json"
AS_JSON: Final = [("Content-Type", "application/json")]
AS_TEXT: Final = [("Content-Type", "text/plain")]
BAD_ACCESS: Final = {"access": "no such word"}


# -- HTTP-1: looks through all responses -----------------------------------------------------------------------


def _check_json(session: Session) -> None:
    # Responses of several statuses.
    session.get(USERS_PATH, auth=False)
    session.get(UNKNOWN_PATH)
    for kind, name in ((USER, session.names.email()), (GROUP, session.names.group())):
        session.listing(kind)
        session.get_record(kind, name)
    for exchange, body in session.responses:
        # A check of HTTP-3 looks for redirects.
        if 300 <= exchange.status < 400:
            continue
        media_type = (exchange.header("Content-Type") or "").lower().replace('"', "").replace(" ", "")
        is_json = media_type == "application/json;charset=utf-8" and not isinstance(body, bytes)
        expect(is_json, "every response is JSON, application/json; charset=utf-8", exchange)
        if exchange.status >= 400:
            message = body["message"] if isinstance(body, JSONObject) and body.names == ["message"] else None
            is_one = isinstance(message, str) and message.strip()
            expect(is_one, 'every refusal is {"message": "<one sentence>"}', exchange)


def _check_lists(session: Session) -> None:
    for kind, (exchange, body) in product(KINDS, session.responses):
        # A user has groups too.
        is_list = isinstance(body, JSONObject) and kind.plural in body and "email" not in body
        if is_list and exchange.method == "GET" and exchange.status == 200:
            page = [f"total_{kind.plural}", f"{kind.plural}_this_page", NEXT_PAGE_START, kind.plural]
            # PAGE-2 and PAGE-5 check that the cursor and the counts are there.
            names = [name for name in page if name in body.names or name == kind.plural]
            expect(body.names == names, f"a list has {', '.join(page)}, in this order, and nothing else", exchange)
            records = body[kind.plural]
            are_records = isinstance(records, list) and all(isinstance(record, JSONObject) for record in records)
            expect(are_records, f"{kind.plural} is a list of objects", exchange)


# -- HTTP-2 to HTTP-5 ------------------------------------------------------------------------------------------


def _check_reads_with_slash(session: Session) -> None:
    for path in (*LISTS, *map(group_path, session.group_names[:1])):
        plain = session.get(path)
        # GROUP-GET-1 checks that a group is found at all.
        if plain.status == 200:
            expect_same_response(session.get(f"{path}/"), plain)


def _check_writes_with_slash(session: Session) -> None:
    # Without a user, and with an empty update of a group, nothing can be changed.
    writes = [("POST", USERS_PATH), ("POST", GROUPS_PATH), ("PUT", USERS_PATH), ("DELETE", USERS_PATH)]
    for method, path in (*writes, ("PUT", group_path(session.update_target(GROUP)))):
        plain, slashed = session.write(method, path, body=b"{}"), session.write(method, f"{path}/", body=b"{}")
        expect(plain.status == slashed.status, "both spellings of the path get the same status", slashed, plain)


def _new_user_json(session: Session, **changes: object) -> bytes:
    return dumps(session.new_body(USER, **changes)).encode()


def _post_user(session: Session, body: bytes) -> Exchange:
    return session.write("POST", USERS_PATH, body=body, headers=AS_JSON)


def _check_content_types(session: Session) -> None:
    skip_unless(session.create(USER).status < 300, "a create with Content-Type application/json is refused too")
    types: list[list[tuple[str, str]]] = [[], AS_TEXT, [("Content-Type", "application/x-www-form-urlencoded")]]
    others = [session.write("POST", USERS_PATH, body=_new_user_json(session), headers=headers) for headers in types]
    session.policy.observe_refusal("require_json_content_type", *others)


def _check_repeated_key(session: Session) -> None:
    reason = "a blank name is not refused, so that nothing shows which of two names counts (USER-CREATE-1)"
    skip_unless(session.create(USER, first_name="").status == 400, reason)
    for status, first, last in ((400, b"Mockscope", b""), (OK, b"", b"Mockscope")):
        rest = _new_user_json(session, first_name=...)[1:]
        expect_status(status, _post_user(session, b'{"first_name": "%b", "first_name": "%b", %b' % (first, last, rest)))


def _post_invalid_json(session: Session) -> Iterator[Exchange]:
    # The samples on the vendor's page have trailing commas and curly quotes.
    for body in (
        _new_user_json(session)[:-1] + b",}",
        _new_user_json(session).replace(b'"', "\u201c".encode()),
        _new_user_json(session)[:-1],
        _new_user_json(session) * 2,
        _new_user_json(session).replace(b"Mockscope", "Mock\u00e9".encode("latin-1")),
        _new_user_json(session)[:-1] + b', "shoe_size": NaN}',
        b"first_name=Mockscope&email=" + session.names.email().encode(),
    ):
        yield _post_user(session, body)


def _post_other_json(session: Session) -> Iterator[Exchange]:
    for value in ([], [session.new_body(USER)], "Mockscope", None, 1, True):
        yield _post_user(session, dumps(value).encode())


def _write_without_body(session: Session) -> Iterator[Exchange]:
    for kind in KINDS:
        yield session.write("POST", kind.create_path, headers=AS_JSON)
        yield session.write("PUT", **kind.target(session.update_target(kind)), headers=AS_JSON)


def _delete_with_body(session: Session) -> Iterator[Exchange]:
    for kind in KINDS:
        yield session.write("DELETE", **kind.target(session.create_own(kind)), body=NOT_JSON, headers=AS_TEXT)


# -- HTTP-6 to HTTP-8 ------------------------------------------------------------------------------------------


def _get_with_wrong_key(session: Session) -> Iterator[Exchange]:
    for path in (GROUPS_PATH, UNKNOWN_PATH, group_path(session.names.group())):
        yield session.get(path, headers=session.wrong_auth)
    for email in (session.names.email(), " "):
        yield session.get(USERS_PATH, email=email, headers=session.wrong_auth)


def _write_with_wrong_key(session: Session) -> Iterator[Exchange]:
    yield session.get(GROUPS_PATH, headers=session.wrong_auth)
    yield session.write_in_test_mode("POST", USERS_PATH, body=NOT_JSON, headers=session.wrong_auth)
    yield session.write_in_test_mode("POST", GROUPS_PATH, body=NOT_JSON, headers=session.wrong_auth)
    yield session.write_in_test_mode("PATCH", GROUPS_PATH, headers=session.wrong_auth)


def _check_other_method(session: Session) -> None:
    # The group does not exist, because the method is checked before the group.
    group = group_path(session.names.group())
    for path, offered in ((USERS_PATH, ALL_METHODS), (GROUPS_PATH, {"GET", "POST"}), (group, ALL_METHODS - {"POST"})):
        exchange = session.write_in_test_mode("PATCH", path)
        expect_status(405, exchange)
        allowed = {method.strip().upper() for method in (exchange.header("Allow") or "").split(",")}
        is_offered = offered <= allowed and "PATCH" not in allowed
        expect(is_offered, f"Allow names {', '.join(sorted(offered))}", exchange)


def _update_unknown_group(session: Session) -> Iterator[Exchange]:
    for body in (b"{}", NOT_JSON, dumps(BAD_ACCESS).encode()):
        yield session.write("PUT", group_path(session.names.group()), body=body)


def _check_order_of_create_checks(session: Session) -> None:
    nobody = session.names.email()
    for kind, bad in (
        (USER, {"last_name": ""}),
        (GROUP, BAD_ACCESS),
        (USER, {"invited_by_email": nobody}),
        (GROUP, {"created_by_email": nobody}),
    ):
        # Other rules check refusals without a conflict.
        if session.create(kind, **bad).status == 400:
            expect_status(400, session.create(kind, **session.existing(kind) | bad))


def _check_order_of_update_checks(session: Session) -> None:
    name, taken = session.create_own(GROUP), session.create_own(GROUP)
    if session.update(GROUP, name, BAD_ACCESS).status == 400:
        expect_status(400, session.update(GROUP, name, {"name": taken, **BAD_ACCESS}))


def _create_with_unknown_parameter(session: Session) -> Iterator[Exchange]:
    for kind in KINDS:
        body = session.new_body(kind)
        yield session.write("POST", kind.create_path, json=body, query={"dry_run": "true"})
        yield session.get_record(kind, body[kind.key_field])


def _check_null_cursor(session: Session) -> None:
    # The second cursor of each pair comes just before the first, with no record between them.
    for kind, (cursor, other) in product(KINDS, (("null", "nulk~"), ("None", "Nond~"))):
        pages = [session.get(kind.path, query={NEXT_PAGE_START: text}) for text in (cursor, other)]
        expect_same_response(*pages)


def _check_email_is_unchanged(session: Session) -> None:
    email, other = session.create_own(USER), session.names.email()
    response = session.update(USER, email, {"email": other, "last_name": "Changed"})
    expect_status(OK, response)
    kept, found = session.get_record(USER, email), session.get_record(USER, other)
    expect(kept.status == 200 and found.status != 200, "an email cannot be changed", response, found)


def _post_padded_user(session: Session, size: int) -> Exchange:
    return _post_user(session, _new_user_json(session).ljust(size))


def _check_largest_body(session: Session) -> None:
    exchange = _post_padded_user(session, MAX_BODY_BYTES)
    expect(exchange.status != 413, "a body of 1 MiB is not too large", exchange)


CHECKS: Final = (
    Check("HTTP-1", "Every response is JSON, and every refusal has one message", _check_json, runs_last=True),
    Check("HTTP-1", "Lists are as on the page", _check_lists, runs_last=True),
    ignores("HTTP-2", "The Host header is ignored", [GROUPS_PATH], *OTHER_HOSTS),
    Check("HTTP-3", "Lists and groups are there with a slash and without", _check_reads_with_slash),
    Check("HTTP-3", "Writes may go to both spellings", _check_writes_with_slash, DRY_RUN),
    Check("HTTP-4", "A body is read as JSON with any Content-Type", _check_content_types, DRY_RUN),
    Check("HTTP-4", "The last value of a repeated key counts", _check_repeated_key, DRY_RUN),
    expects("HTTP-4", "A body that is not JSON in UTF-8", 400, _post_invalid_json, DRY_RUN),
    expects("HTTP-4", "A body that is not an object", 400, _post_other_json, DRY_RUN),
    ignores("HTTP-5", "GET ignores a body", LISTS, {"body": NOT_JSON, "headers": AS_TEXT}),
    expects("HTTP-5", "A POST or PUT without a body", 400, _write_without_body, DRY_RUN),
    expects("HTTP-5", "A DELETE with a body", OK, _delete_with_body, FULL),
    refuses_alike("HTTP-6", "A wrong key", _get_with_wrong_key),
    refuses_alike("HTTP-6", "A wrong key of a write", _write_with_wrong_key, DRY_RUN),
    expects("HTTP-6", "An unknown path", 404, lambda s: [s.get(UNKNOWN_PATH)]),
    expects(
        "HTTP-6", "Any method at an unknown path", 404, lambda s: [s.write_in_test_mode("PATCH", UNKNOWN_PATH)], DRY_RUN
    ),
    Check("HTTP-6", "Another method is 405, with Allow", _check_other_method, DRY_RUN),
    refuses_alike("HTTP-6", "An unknown group, whatever the body,", _update_unknown_group, DRY_RUN),
    Check("HTTP-6", "A bad field, inviter or creator is 400 before a conflict", _check_order_of_create_checks, DRY_RUN),
    Check("HTTP-6", "A bad field of an update is 400 before a conflict", _check_order_of_update_checks, FULL),
    expects("HTTP-7", "An unknown field", OK, lambda s: (s.create(kind, shoe_size=9) for kind in KINDS), DRY_RUN),
    ignores("HTTP-7", "Unknown parameters are ignored", LISTS, {"query": "shoe_size=9&page=2&limit=1"}),
    expects("HTTP-7", "A create with an unknown parameter", OK, _create_with_unknown_parameter, FULL),
    Check("HTTP-7", "null and None are ordinary cursors", _check_null_cursor),
    Check("HTTP-7", "An email cannot be changed", _check_email_is_unchanged, FULL),
    limits("HTTP-8", "A request line over 64 KiB", 414, lambda s: s.get(USERS_PATH, query={"shoe_size": LONG_TEXT})),
    limits("HTTP-8", "A head over 64 KiB", 431, lambda s: s.get(USERS_PATH, headers=[("X-Shoe-Size", LONG_TEXT)])),
    limits("HTTP-8", "A body over 1 MiB", 413, lambda s: _post_padded_user(s, MAX_BODY_BYTES + 1), DRY_RUN),
    Check("HTTP-8", "A body of 1 MiB is not", _check_largest_body, DRY_RUN),
    expects("HTTP-9", "A path of the vendor's later API", 404, lambda s: (s.get(path) for path in LATER_PATHS)),
    untestable("HTTP-10", "these headers are mockscope's own, and other servers need not have them"),
)
