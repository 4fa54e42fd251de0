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

SUCCESS: Final = {"message": TEST_MODE_MESSAGE}

# The arguments of a write: method, path, and options.
WriteArguments = tuple[str, str, dict[str, Any]]


# -- TEST-1 ----------------------------------------------------------------------------------------------------


def _impossible_writes(session: Session) -> Iterator[WriteArguments]:
    """Yield writes that no server can carry out."""
    yield "POST", GROUPS_PATH, {"json": {}}
    yield "PUT", USERS_PATH, {"json": {}, "email": session.names.email()}
    yield "PUT", group_path(session.names.group()), {"json": {}}
    yield "DELETE", USERS_PATH, {"email": session.names.email()}
    yield "DELETE", group_path(session.names.group()), {}


def _invalid_writes(session: Session) -> Iterator[WriteArguments]:
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


def _check_impossible_writes(session: Session) -> None:
    tries = [session.write_in_test_mode(method, path, **more) for method, path, more in _impossible_writes(session)]
    # One accepted write does not count: the rule of that write checks it.
    is_checked = session.refused_test_write.status >= 400 and any(exchange.status >= 400 for exchange in tries)
    expect(is_checked, "test mode refuses writes that cannot be carried out", session.refused_test_write, *tries)


def _check_same_refusals(session: Session) -> None:
    for method, path, options in (*_impossible_writes(session), *_invalid_writes(session)):
        real = session.write(method, path, **options)
        # If the real write is accepted, the rule of that write checks it.
        if real.status >= 400:
            tested = session.write_in_test_mode(method, path, **options)
            expect(tested.status == real.status, "a write is refused in test mode as without it", tested, real)


def _create_with_test_mode(session: Session, value: str) -> tuple[Exchange, Exchange]:
    """Create a user with a value of test_mode. Return the exchange, and that of a GET for the user."""
    body = session.new_body(USER)
    exchange = session.request("POST", USERS_PATH, json=body, query={TEST_MODE: value})
    return exchange, session.get_record(USER, body["email"])


def _check_spellings_of_true(session: Session) -> None:
    skip_unless(not session.test_mode_leaks, "test mode writes on this server (TEST-4)")
    for value in ("TRUE", "True", "tRue"):
        exchange, seen = _create_with_test_mode(session, value)
        expect(seen.status != 200, f"test_mode={value} is test mode", exchange, seen)


# -- TEST-2, TEST-3 --------------------------------------------------------------------------------------------


def _expect_success_message(*exchanges: Exchange, statuses: tuple[int, ...] = (200,)) -> None:
    for exchange in exchanges:
        skip_unless(exchange.status < 400, f"{exchange.method} is refused in test mode: {exchange.status}")
        is_passed = exchange.status in statuses and parse_body(exchange) == SUCCESS
        expect(is_passed, f'the response is {{"message": "{SUCCESS["message"]}"}}', exchange)


def _check_creates(session: Session) -> None:
    tries = [session.write_in_test_mode("POST", kind.create_path, json=session.new_body(kind)) for kind in KINDS]
    _expect_success_message(*tries, statuses=(200, 201))
    expect(len({exchange.status for exchange in tries}) == 1, "both creates get the same status", *tries)
    session.policy.observe("test_mode_create_status", tries[0].status, *tries)


def _check_updates(session: Session) -> None:
    # Empty updates, which change nothing even without test mode.
    for kind in KINDS:
        _expect_success_message(session.write_in_test_mode("PUT", **kind.target(session.update_target(kind)), json={}))


def _check_deletions(session: Session) -> None:
    for kind in KINDS:
        _expect_success_message(session.write_in_test_mode("DELETE", **kind.target(session.create_own(kind))))


def _check_other_values(session: Session) -> None:
    for value in ("false", "", "1", "yes"):
        exchange, seen = _create_with_test_mode(session, value)
        expect_status(OK, exchange)
        expect(seen.status == 200, f"test_mode={value} is not test mode", exchange, seen)


# -- TEST-4 ----------------------------------------------------------------------------------------------------


def _check_no_record_is_created(session: Session) -> None:
    expect(not session.test_mode_leaks, "test mode creates no record", *session.test_mode_leaks)


def _check_no_record_is_changed(session: Session) -> None:
    for method, kind in product(("PUT", "DELETE"), KINDS):
        before, write, after = session.try_in_test_mode(method, kind)
        skip_unless(before.status == 200, f"the check could not create a {kind}")
        expect(is_same_response(after, before), f"test mode leaves a {kind} unchanged", before, write, after)


def _expect_unchanged(session: Session, kind: RecordKind, name: str, write: Callable[[], Exchange]) -> None:
    before, exchange = session.get_record(kind, name), write()
    # If the write is accepted, the rule of that write checks it.
    if exchange.status >= 400:
        after = session.get_record(kind, name)
        expect(is_same_response(after, before), "a refused write changes nothing", exchange, before, after)


def _check_refused_calls(session: Session) -> None:
    user, group, new = session.create_own(USER), session.create_own(GROUP), session.names.group()
    for kind, name, changes in (
        (USER, user, {"first_name": "Half", "last_name": ""}),
        (USER, user, {"first_name": "Half", "groups": 5}),
        (GROUP, group, {"name": new, "access": ""}),
        (GROUP, group, {"access": "sql", "name": ""}),
    ):
        _expect_unchanged(session, kind, name, partial(session.update, kind, name, changes))
    _expect_unchanged(session, USER, user, partial(session.create, USER, email=user, first_name="Other"))
    _expect_unchanged(session, GROUP, group, partial(session.create, GROUP, name=group, access="sql"))


def _check_refused_creates(session: Session) -> None:
    email, name, nobody = session.names.email(), session.names.group(), session.names.email()
    _expect_unchanged(session, USER, email, partial(session.create, USER, email=email, invited_by_email=nobody))
    _expect_unchanged(session, GROUP, name, partial(session.create, GROUP, name=name, access="no such word"))


CHECKS: Final = (
    Check("TEST-1", "Test mode refuses writes that cannot be carried out", _check_impossible_writes, DRY_RUN),
    Check("TEST-1", "A write is refused in test mode as without it", _check_same_refusals, FULL),
    Check("TEST-1", "true may be in any case", _check_spellings_of_true, FULL),
    Check("TEST-2", "A create that would succeed gets the message", _check_creates, DRY_RUN),
    Check("TEST-2", "An update that would succeed gets the message", _check_updates, DRY_RUN),
    Check("TEST-2", "A deletion that would succeed gets the message", _check_deletions, FULL),
    ignores("TEST-3", "GET ignores test_mode", LISTS, {"query": IN_TEST_MODE}),
    Check("TEST-3", "Any other value than true is not test mode", _check_other_values, FULL),
    Check("TEST-4", "A create in test mode creates nothing", _check_no_record_is_created, DRY_RUN),
    Check("TEST-4", "An update or a deletion in test mode changes nothing", _check_no_record_is_changed, FULL),
    Check("TEST-4", "A refused write changes nothing", _check_refused_calls, FULL),
    Check("TEST-4", "A refused create creates nothing", _check_refused_creates, FULL),
)
