"""The rules of test mode: TEST-1 to TEST-4."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from mockscope.checking.comparing import accepted, same
from mockscope.checking.names import Kind
from mockscope.checking.outcome import Level, differs, unseen
from mockscope.checking.session import Session
from mockscope.checking.table import Family
from mockscope.checking.walking import content
from mockscope.remote.client import GROUPS, USERS, group_path
from mockscope.remote.exchange import Exchange

FAMILY: Final = Family("Test mode")
check = FAMILY.check

PASSED: Final = {"message": "Action would have completed successfully"}

# A write: method, path, and what goes with it.
Call = tuple[str, str, dict[str, Any]]


# -- TEST-1 ----------------------------------------------------------------------------------------------------


def _plainly_wrong(session: Session) -> Iterator[Call]:
    """Yield calls that no server could carry out."""
    yield "POST", GROUPS, {"json": {}}
    yield "PUT", USERS, {"json": {}, "email": session.names.email()}
    yield "PUT", group_path(session.names.group()), {"json": {}}
    yield "DELETE", USERS, {"email": session.names.email()}
    yield "DELETE", group_path(session.names.group()), {}


def _wrong_in_other_ways(session: Session) -> Iterator[Call]:
    nobody = session.names.email()
    user, group = session.spare_user, session.spare_group
    yield "POST", USERS, {"json": session.new_user(last_name="")}
    yield "POST", USERS, {"json": session.new_user(invited_by_email=nobody)}
    yield "POST", USERS, {"json": session.new_user(groups=[session.names.group()])}
    yield "POST", USERS, {"json": session.new_user(email=user)}
    yield "POST", USERS, {"json": session.new_user(email=user, invited_by_email=nobody)}
    yield "POST", GROUPS, {"json": session.new_group(access="no such word")}
    yield "POST", GROUPS, {"json": session.new_group(name=group)}
    yield "POST", GROUPS, {"json": session.new_group(name=group, created_by_email=nobody)}
    yield "PUT", USERS, {"email": user, "json": {"first_name": ""}}
    yield "PUT", group_path(group), {"json": {"name": session.own_group()}}


@check("TEST-1", "What is plainly wrong is refused in test mode too", Level.DRY_RUN)
def checks_run(session: Session) -> None:
    tries = [session.write_in_test_mode(method, path, **options) for method, path, options in _plainly_wrong(session)]
    # One alone that is not refused may be for the rule that says so.
    if not session.probe.is_checked or all(exchange.status < 400 for exchange in tries):
        raise differs("what is plainly wrong is refused in test mode too", session.probe.refusal, *tries)


@check("TEST-1", "A call is refused in test mode as it is for real", Level.FULL)
def same_refusals(session: Session) -> None:
    for method, path, options in (*_plainly_wrong(session), *_wrong_in_other_ways(session)):
        real = session.write(method, path, **options)
        # A call that is not refused for real is for the rule that says so.
        tested = session.write_in_test_mode(method, path, **options) if real.status >= 400 else real
        if tested.status != real.status:
            raise differs("a call is refused in test mode as it is for real", tested, real)


def _create_with(session: Session, value: str) -> tuple[Exchange, Exchange]:
    """Create a user with a value of test_mode; return the response, and that of a look at the user."""
    body = session.new_user()
    exchange = session.request("POST", USERS, json=body, query={"test_mode": value})
    return exchange, session.get_user(str(body["email"]))


@check("TEST-1", "true may be spelled in any case", Level.FULL)
def in_any_case(session: Session) -> None:
    if session.probe.leaks:
        raise unseen("test mode writes on this server (TEST-4)")
    for value in ("TRUE", "True", "tRue"):
        exchange, seen = _create_with(session, value)
        if seen.status == 200:
            raise differs(f"test_mode={value} is test mode", exchange, seen)


# -- TEST-2, TEST-3 --------------------------------------------------------------------------------------------


def _passes(exchange: Exchange, statuses: tuple[int, ...] = (200,)) -> None:
    if exchange.status >= 400:
        raise unseen(f"{exchange.method} is refused in test mode: {exchange.status}")
    if exchange.status not in statuses or content(exchange) != PASSED:
        raise differs(f'the response is {{"message": "{PASSED["message"]}"}}', exchange)


@check("TEST-2", "A create that would succeed is answered with the message", Level.DRY_RUN)
def message_of_creates(session: Session) -> None:
    tries = [
        session.write_in_test_mode("POST", USERS, json=session.new_user()),
        session.write_in_test_mode("POST", GROUPS, json=session.new_group()),
    ]
    for exchange in tries:
        _passes(exchange, (200, 201))
    if len({exchange.status for exchange in tries}) > 1:
        raise differs("both creates are answered alike", *tries)
    session.readings.judge("test_mode_create_status", tries[0].status, *tries)


@check("TEST-2", "An update that would succeed is answered with the message", Level.DRY_RUN)
def message_of_updates(session: Session) -> None:
    # Updates that would change nothing for real either.
    _passes(session.write_in_test_mode("PUT", USERS, email=session.subject(), json={}))
    _passes(session.write_in_test_mode("PUT", group_path(session.subject_group()), json={}))


@check("TEST-2", "A deletion that would succeed is answered with the message", Level.FULL)
def message_of_deletions(session: Session) -> None:
    _passes(session.write_in_test_mode("DELETE", USERS, email=session.own_user()))
    _passes(session.write_in_test_mode("DELETE", group_path(session.own_group())))


@check("TEST-3", "GET ignores test_mode")
def get_ignores_it(session: Session) -> None:
    for path in (USERS, GROUPS):
        same(session.get(path, query={"test_mode": "true"}), session.get(path))


@check("TEST-3", "Any value but true is a real call", Level.FULL)
def other_values(session: Session) -> None:
    for value in ("false", "", "1", "yes"):
        exchange, seen = _create_with(session, value)
        accepted(exchange)
        if seen.status != 200:
            raise differs(f"test_mode={value} is a real call", exchange, seen)


# -- TEST-4 ----------------------------------------------------------------------------------------------------


@check("TEST-4", "A create in test mode leaves nothing behind", Level.DRY_RUN)
def creates_leave_nothing(session: Session) -> None:
    if session.probe.leaks:
        raise differs("nothing is created in test mode", *session.probe.leaks)


@check("TEST-4", "A deletion of a group in test mode changes nothing", Level.FULL, method="DELETE", kind="group")
@check("TEST-4", "A deletion of a user in test mode changes nothing", Level.FULL, method="DELETE", kind="user")
@check("TEST-4", "An update of a group in test mode changes nothing", Level.FULL, method="PUT", kind="group")
@check("TEST-4", "An update of a user in test mode changes nothing", Level.FULL, method="PUT", kind="user")
def changes_nothing(session: Session, method: str, kind: Kind) -> None:
    proof = session.prove(method, kind)
    if proof.before.status != 200:
        raise unseen(f"no {kind} could be made for it")
    if not proof.is_unchanged:
        raise differs(f"test mode leaves a {kind} as it was", *proof)


def _stays(see: Callable[[str], Exchange], name: object, write: Callable[[], Exchange]) -> None:
    before, exchange = see(str(name)), write()
    # A call that is not refused is for the rule that says so.
    if exchange.status >= 400:
        after = see(str(name))
        if (after.status, content(after)) != (before.status, content(before)):
            raise differs("a call that is refused changes nothing", exchange, before, after)


@check("TEST-4", "A call that is refused changes nothing", Level.FULL)
def refused_calls(session: Session) -> None:
    user, group = session.own_user(), session.own_group()
    for changes in ({"first_name": "Half", "last_name": ""}, {"first_name": "Half", "groups": 5}):
        _stays(session.get_user, user, partial(session.update_user, user, changes))
    for changes in ({"name": session.names.group(), "access": ""}, {"access": "sql", "name": ""}):
        _stays(session.get_group, group, partial(session.update_group, group, changes))
    _stays(session.get_user, user, partial(session.create_user, email=user, first_name="Other"))
    _stays(session.get_group, group, partial(session.create_group, name=group, access="sql"))


@check("TEST-4", "A create that is refused leaves nothing behind", Level.FULL)
def refused_creates(session: Session) -> None:
    email, name = session.names.email(), session.names.group()
    nobody = session.names.email()
    _stays(session.get_user, email, partial(session.create_user, email=email, invited_by_email=nobody))
    _stays(session.get_group, name, partial(session.create_group, name=name, access="no such word"))
