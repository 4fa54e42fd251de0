"""The rules of test mode: TEST-1 to TEST-4."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from mockscope.checking.cleaning import path_of
from mockscope.checking.comparing import accepted, content, same
from mockscope.checking.guard import GROUPS, USERS
from mockscope.checking.names import Kind
from mockscope.checking.outcome import Level, Row, differs, unseen
from mockscope.checking.session import Session
from mockscope.target import Exchange

MESSAGE: Final = {"message": "Action would have completed successfully"}
REAL: Final = ("false", "", "1", "yes")

# A write: method, path, and what goes with it.
Call = tuple[str, str, dict[str, Any]]


# -- TEST-1 ----------------------------------------------------------------------------------------------------


def checks_run(look: Session) -> None:
    # The first of them is how the run itself finds out.
    tries = [look.rehearse(method, path, **options) for method, path, options in _plainly_wrong(look)]
    first = look.rehearsals.refusal
    # That one of them alone is not refused may be for the rule that says so.
    if not look.rehearsals.checks or all(exchange.status < 400 for exchange in tries):
        raise differs("what is plainly wrong is refused in test mode too", first, *tries)


def _plainly_wrong(look: Session) -> Iterator[Call]:
    """Calls that nobody could carry out."""
    yield "POST", GROUPS, {"json": {}}
    yield "PUT", USERS, {"json": {}, "email": look.names.email()}
    yield "PUT", path_of(look.names.group()), {"json": {}}
    yield "DELETE", USERS, {"email": look.names.email()}
    yield "DELETE", path_of(look.names.group()), {}


def the_same_refusals(look: Session) -> None:
    for method, path, options in (*_plainly_wrong(look), *_wrong_in_other_ways(look)):
        real = look.ask(method, path, **options)
        # What is not refused for real is for the rule that says so.
        rehearsed = look.rehearse(method, path, **options) if real.status >= 400 else real
        if rehearsed.status != real.status:
            raise differs("a call is refused in test mode as it is for real", rehearsed, real)


def _wrong_in_other_ways(look: Session) -> Iterator[Call]:
    nobody = look.names.email()
    user, group = look.spare_user, look.spare_group
    yield "POST", USERS, {"json": look.new_user(last_name="")}
    yield "POST", USERS, {"json": look.new_user(invited_by_email=nobody)}
    yield "POST", USERS, {"json": look.new_user(groups=[look.names.group()])}
    yield "POST", USERS, {"json": look.new_user(email=user)}
    yield "POST", USERS, {"json": look.new_user(email=user, invited_by_email=nobody)}
    yield "POST", GROUPS, {"json": look.new_group(access="no such word")}
    yield "POST", GROUPS, {"json": look.new_group(name=group)}
    yield "POST", GROUPS, {"json": look.new_group(name=group, created_by_email=nobody)}
    yield "PUT", USERS, {"email": user, "json": {"first_name": ""}}
    yield "PUT", path_of(group), {"json": {"name": look.own_group()}}


def in_any_case(look: Session) -> None:
    _require_test_mode(look)
    for value in ("TRUE", "True", "tRue"):
        body = look.new_user()
        exchange = look.ask("POST", USERS, json=body, query={"test_mode": value})
        seen = look.user(str(body["email"]))
        if seen.status == 200:
            raise differs(f"test_mode={value} is test mode", exchange, seen)


def _require_test_mode(look: Session) -> None:
    if look.rehearsals.leaks:
        raise unseen("test mode writes on this server (TEST-4)")


# -- TEST-2 ----------------------------------------------------------------------------------------------------


def message_of_creates(look: Session) -> None:
    tries = [look.rehearse("POST", USERS, json=look.new_user()), look.rehearse("POST", GROUPS, json=look.new_group())]
    for exchange in tries:
        if exchange.status not in (200, 201):
            raise unseen(f"a create is refused in test mode: {exchange.status}")
        if content(exchange) != MESSAGE:
            raise differs(f'the answer is {{"message": "{MESSAGE["message"]}"}}', exchange)
    if len({exchange.status for exchange in tries}) > 1:
        raise differs("both creates are answered alike", *tries)
    look.reading("test_mode_create_status", tries[0].status, *tries)


def message_of_updates(look: Session) -> None:
    # Such as would change nothing if they were for real.
    _passes(look.rehearse("PUT", USERS, email=look.subject(), json={}))
    _passes(look.rehearse("PUT", path_of(look.subject_group()), json={}))


def message_of_deletions(look: Session) -> None:
    _passes(look.rehearse("DELETE", USERS, email=look.own_user()))
    _passes(look.rehearse("DELETE", path_of(look.own_group())))


def _passes(exchange: Exchange) -> None:
    if exchange.status >= 400:
        raise unseen(f"{exchange.method} is refused in test mode: {exchange.status}")
    if exchange.status != 200 or content(exchange) != MESSAGE:
        raise differs(f'the answer is 200 {{"message": "{MESSAGE["message"]}"}}', exchange)


# -- TEST-3 ----------------------------------------------------------------------------------------------------


def other_values_are_real(look: Session) -> None:
    for value in REAL:
        body = look.new_user()
        exchange = look.ask("POST", USERS, json=body, query={"test_mode": value})
        accepted(exchange)
        seen = look.user(str(body["email"]))
        if seen.status != 200:
            raise differs(f"test_mode={value} is a real call", exchange, seen)


def get_takes_no_notice(look: Session) -> None:
    for path in (USERS, GROUPS):
        same(look.get(path, query={"test_mode": "true"}), look.get(path))


# -- TEST-4 ----------------------------------------------------------------------------------------------------


def creates_leave_nothing(look: Session) -> None:
    if look.rehearsals.leaks:
        raise differs("nothing is created in test mode", *look.rehearsals.leaks)


def leaves_it_as_it_was(look: Session, method: str, kind: Kind) -> None:
    proof = look.prove(method, kind)
    if proof.before.status != 200:
        raise unseen(f"no {kind} could be made for it")
    if not proof.is_unchanged:
        raise differs(f"test mode leaves a {kind} as it was", *proof)


def refused_calls_change_nothing(look: Session) -> None:
    user, group = look.own_user(), look.own_group()
    half_of_user: list[dict[str, object]] = [
        {"first_name": "Half", "last_name": ""},
        {"first_name": "Half", "groups": 5},
    ]
    for changes in half_of_user:
        _stays(look, "PUT", USERS, {"email": user, "json": changes}, partial(look.user, user))
    for half in ({"name": look.names.group(), "access": ""}, {"access": "sql", "name": ""}):
        _stays(look, "PUT", path_of(group), {"json": half}, partial(look.group, group))
    _stays(look, "POST", USERS, {"json": look.new_user(email=user, first_name="Other")}, partial(look.user, user))
    _stays(look, "POST", GROUPS, {"json": look.new_group(name=group, access="sql")}, partial(look.group, group))


def refused_creates_leave_nothing(look: Session) -> None:
    user, group = look.new_user(invited_by_email=look.names.email()), look.new_group(access="no such word")
    _stays(look, "POST", USERS, {"json": user}, partial(look.user, str(user["email"])))
    _stays(look, "POST", GROUPS, {"json": group}, partial(look.group, str(group["name"])))


def _stays(look: Session, method: str, path: str, options: dict[str, Any], see: Callable[[], Exchange]) -> None:
    before = see()
    exchange = look.ask(method, path, **options)
    # What is not refused is for the rule that says so.
    if exchange.status < 400:
        return
    after = see()
    if (after.status, content(after)) != (before.status, content(before)):
        raise differs("a call that is refused changes nothing", exchange, before, after)


ROWS: Final = (
    Row("TEST-1", "What is plainly wrong is refused in test mode too", Level.DRY_RUN, checks_run),
    Row("TEST-1", "A call is refused in test mode as it is for real", Level.FULL, the_same_refusals),
    Row("TEST-1", "true may be spelled in any case", Level.FULL, in_any_case),
    Row("TEST-2", "A create that would succeed is answered with the message", Level.DRY_RUN, message_of_creates),
    Row("TEST-2", "An update that would succeed is answered with the message", Level.DRY_RUN, message_of_updates),
    Row("TEST-2", "A deletion that would succeed is answered with the message", Level.FULL, message_of_deletions),
    Row("TEST-3", "GET takes no notice of test_mode", Level.READ_ONLY, get_takes_no_notice),
    Row("TEST-3", "Any value but true is a real call", Level.FULL, other_values_are_real),
    Row("TEST-4", "A create in test mode leaves nothing behind", Level.DRY_RUN, creates_leave_nothing),
    *(
        Row(
            "TEST-4",
            f"{'An update' if method == 'PUT' else 'A deletion'} of a {kind} in test mode leaves it as it was",
            Level.FULL,
            partial(leaves_it_as_it_was, method=method, kind=kind),
        )
        for method in ("PUT", "DELETE")
        for kind in ("user", "group")
    ),
    Row("TEST-4", "A call that is refused changes nothing", Level.FULL, refused_calls_change_nothing),
    Row("TEST-4", "A create that is refused leaves nothing behind", Level.FULL, refused_creates_leave_nothing),
)
