"""The rules of test mode: TEST-1 to TEST-4."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any, Final

from mockscope._vendor import GROUPS_PATH, TEST_MODE, TEST_MODE_MESSAGE, USERS_PATH
from mockscope.conformance.check_factories import LISTS, Check, ignores
from mockscope.conformance.listing import GROUP, KINDS, USER, RecordKind, parse_body
from mockscope.conformance.outcome import DRY_RUN, FULL, OK, expect, expect_status, is_same_response, skip_unless
from mockscope.conformance.session import IN_TEST_MODE, Session
from mockscope.remote.client import group_path
from mockscope.remote.exchange import Exchange

PASSED: Final = {"message": TEST_MODE_MESSAGE}

# A write: method, path, and what goes with it.
Call = tuple[str, str, dict[str, Any]]


# -- TEST-1 ----------------------------------------------------------------------------------------------------


def _plainly_wrong(session: Session) -> Iterator[Call]:
    """Yield calls that no server could carry out."""
    yield "POST", GROUPS_PATH, {"json": {}}
    yield "PUT", USERS_PATH, {"json": {}, "email": session.names.email()}
    yield "PUT", group_path(session.names.group()), {"json": {}}
    yield "DELETE", USERS_PATH, {"email": session.names.email()}
    yield "DELETE", group_path(session.names.group()), {}


def _wrong_in_other_ways(session: Session) -> Iterator[Call]:
    nobody = session.names.email()
    user, group = session.shared_record(USER), session.shared_record(GROUP)
    yield "POST", USERS_PATH, {"json": session.new_body(USER, last_name="")}
    yield "POST", USERS_PATH, {"json": session.new_body(USER, invited_by_email=nobody)}
    yield "POST", USERS_PATH, {"json": session.new_body(USER, groups=[session.names.group()])}
    yield "POST", USERS_PATH, {"json": session.new_body(USER, email=user)}
    yield "POST", USERS_PATH, {"json": session.new_body(USER, email=user, invited_by_email=nobody)}
    yield "POST", GROUPS_PATH, {"json": session.new_body(GROUP, access="no such word")}
    yield "POST", GROUPS_PATH, {"json": session.new_body(GROUP, name=group)}
    yield "POST", GROUPS_PATH, {"json": session.new_body(GROUP, name=group, created_by_email=nobody)}
    yield "PUT", USERS_PATH, {"email": user, "json": {"first_name": ""}}
    yield "PUT", group_path(group), {"json": {"name": session.create_own(GROUP)}}


def _checks_run(session: Session) -> None:
    tries = [session.write_in_test_mode(method, path, **options) for method, path, options in _plainly_wrong(session)]
    # One alone that is not refused may be for the rule that says so.
    is_checked = session.refused_test_write.status >= 400 and any(exchange.status >= 400 for exchange in tries)
    expect(is_checked, "what is plainly wrong is refused in test mode too", session.refused_test_write, *tries)


def _same_refusals(session: Session) -> None:
    for method, path, options in (*_plainly_wrong(session), *_wrong_in_other_ways(session)):
        real = session.write(method, path, **options)
        # A call that is not refused for real is for the rule that says so.
        if real.status >= 400:
            tested = session.write_in_test_mode(method, path, **options)
            expect(tested.status == real.status, "a call is refused in test mode as it is for real", tested, real)


def _create_with(session: Session, value: str) -> tuple[Exchange, Exchange]:
    """Create a user with a value of test_mode; return the response, and that of a look at the user."""
    body = session.new_body(USER)
    exchange = session.request("POST", USERS_PATH, json=body, query={TEST_MODE: value})
    return exchange, session.get_record(USER, body["email"])


def _in_any_case(session: Session) -> None:
    skip_unless(not session.test_mode_leaks, "test mode writes on this server (TEST-4)")
    for value in ("TRUE", "True", "tRue"):
        exchange, seen = _create_with(session, value)
        expect(seen.status != 200, f"test_mode={value} is test mode", exchange, seen)


# -- TEST-2, TEST-3 --------------------------------------------------------------------------------------------


def _passes(*exchanges: Exchange, statuses: tuple[int, ...] = (200,)) -> None:
    for exchange in exchanges:
        skip_unless(exchange.status < 400, f"{exchange.method} is refused in test mode: {exchange.status}")
        is_passed = exchange.status in statuses and parse_body(exchange) == PASSED
        expect(is_passed, f'the response is {{"message": "{PASSED["message"]}"}}', exchange)


def _message_of_creates(session: Session) -> None:
    tries = [session.write_in_test_mode("POST", kind.create_path, json=session.new_body(kind)) for kind in KINDS]
    _passes(*tries, statuses=(200, 201))
    expect(len({exchange.status for exchange in tries}) == 1, "both creates are answered alike", *tries)
    session.policy.observe("test_mode_create_status", tries[0].status, *tries)


def _message_of_updates(session: Session) -> None:
    # Updates that would change nothing for real either.
    for kind in KINDS:
        _passes(session.write_in_test_mode("PUT", **kind.target(session.update_target(kind)), json={}))


def _message_of_deletions(session: Session) -> None:
    for kind in KINDS:
        _passes(session.write_in_test_mode("DELETE", **kind.target(session.create_own(kind))))


def _other_values(session: Session) -> None:
    for value in ("false", "", "1", "yes"):
        exchange, seen = _create_with(session, value)
        expect_status(OK, exchange)
        expect(seen.status == 200, f"test_mode={value} is a real call", exchange, seen)


# -- TEST-4 ----------------------------------------------------------------------------------------------------


def _creates_leave_nothing(session: Session) -> None:
    expect(not session.test_mode_leaks, "nothing is created in test mode", *session.test_mode_leaks)


def _changes_nothing(session: Session) -> None:
    for method, kind in product(("PUT", "DELETE"), KINDS):
        before, write, after = session.try_in_test_mode(method, kind)
        skip_unless(before.status == 200, f"no {kind} could be made for it")
        expect(is_same_response(after, before), f"test mode leaves a {kind} as it was", before, write, after)


def _stays(session: Session, kind: RecordKind, name: str, write: Callable[[], Exchange]) -> None:
    before, exchange = session.get_record(kind, name), write()
    # A call that is not refused is for the rule that says so.
    if exchange.status >= 400:
        after = session.get_record(kind, name)
        expect(is_same_response(after, before), "a call that is refused changes nothing", exchange, before, after)


def _refused_calls(session: Session) -> None:
    user, group, new = session.create_own(USER), session.create_own(GROUP), session.names.group()
    for kind, name, changes in (
        (USER, user, {"first_name": "Half", "last_name": ""}),
        (USER, user, {"first_name": "Half", "groups": 5}),
        (GROUP, group, {"name": new, "access": ""}),
        (GROUP, group, {"access": "sql", "name": ""}),
    ):
        _stays(session, kind, name, partial(session.update, kind, name, changes))
    _stays(session, USER, user, partial(session.create, USER, email=user, first_name="Other"))
    _stays(session, GROUP, group, partial(session.create, GROUP, name=group, access="sql"))


def _refused_creates(session: Session) -> None:
    email, name, nobody = session.names.email(), session.names.group(), session.names.email()
    _stays(session, USER, email, partial(session.create, USER, email=email, invited_by_email=nobody))
    _stays(session, GROUP, name, partial(session.create, GROUP, name=name, access="no such word"))


CHECKS: Final = (
    Check("TEST-1", "What is plainly wrong is refused in test mode too", _checks_run, DRY_RUN),
    Check("TEST-1", "A call is refused in test mode as it is for real", _same_refusals, FULL),
    Check("TEST-1", "true may be spelled in any case", _in_any_case, FULL),
    Check("TEST-2", "A create that would succeed is answered with the message", _message_of_creates, DRY_RUN),
    Check("TEST-2", "An update that would succeed is answered with the message", _message_of_updates, DRY_RUN),
    Check("TEST-2", "A deletion that would succeed is answered with the message", _message_of_deletions, FULL),
    ignores("TEST-3", "GET ignores test_mode", LISTS, {"query": IN_TEST_MODE}),
    Check("TEST-3", "Any value but true is a real call", _other_values, FULL),
    Check("TEST-4", "A create in test mode leaves nothing behind", _creates_leave_nothing, DRY_RUN),
    Check("TEST-4", "An update or a deletion in test mode changes nothing", _changes_nothing, FULL),
    Check("TEST-4", "A call that is refused changes nothing", _refused_calls, FULL),
    Check("TEST-4", "A create that is refused leaves nothing behind", _refused_creates, FULL),
)
