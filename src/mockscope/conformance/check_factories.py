"""The type of a check, and functions that make the frequent kinds of checks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Final, NamedTuple

from mockscope.conformance.listing import KINDS, RecordKind
from mockscope.conformance.outcome import (
    DRY_RUN,
    FULL,
    READ_ONLY,
    Level,
    describe_status,
    expect_same_refusal,
    expect_same_response,
    expect_status,
    fail,
    skip_unless,
)
from mockscope.conformance.session import Session
from mockscope.remote.client import RateLimited, Unreachable
from mockscope.remote.exchange import Exchange

# The title of a check that no request can carry out.
NOT_VISIBLE: Final = "It cannot be seen from outside"
# The paths of the two lists.
LISTS: Final = [kind.path for kind in KINDS]
# Invalid values of a required string.
BLANKS: Final = ("", "  ")
BAD_TEXTS: Final = (*BLANKS, None, 5, ["Mockscope"])


class Check(NamedTuple):
    """A check of a rule. ``run`` returns if the rule holds, else it raises an OutcomeException."""

    rule: str
    title: str
    run: Callable[[Session], None]
    level: Level = READ_ONLY
    # Whether it reads the responses to the requests of all other checks.
    runs_last: bool = False


RequestSender = Callable[[Session], Iterable[Exchange]]


def expects(rule: str, subject: str, status: int | range, requests: RequestSender, level: Level = READ_ONLY) -> Check:
    """Return a check that all responses have a status.

    Args:
        rule: The id of the rule.
        subject: The first words of the title, which continues with "is" and the status.
        status: The status, or OK or REFUSED.
        requests: A function that sends the requests and returns their exchanges.
        level: The level that the check needs.
    """

    def run(session: Session) -> None:
        for exchange in requests(session):
            expect_status(status, exchange)

    return Check(rule, f"{subject} is {describe_status(status)}", run, level)


def limits(
    rule: str, subject: str, status: int, send: Callable[[Session], Exchange], level: Level = READ_ONLY
) -> Check:
    """Return a check of a limit: the response has a status. Without a response, the check differs."""

    def run(session: Session) -> None:
        try:
            expect_status(status, send(session))
        except RateLimited:
            raise
        except Unreachable as error:
            fail(f"the status is {status}, but there was no response: {error}")

    return Check(rule, f"{subject} is {status}", run, level)


def creates(
    rule: str, subject: str, status: int | range, kind: RecordKind, fields: Iterable[str], *values: object
) -> Check:
    """Return a check that creates a record for each field with each value.

    Args:
        rule: The id of the rule.
        subject: The first words of the title, which continues with "is" and the status.
        status: The expected status, or OK or REFUSED.
        kind: The kind of the records.
        fields: The names of the fields.
        values: The values. ``...`` leaves the field out, and a function is called with the session.
    """

    def requests(session: Session) -> Iterator[Exchange]:
        return (session.create(kind, **changes) for changes in _changes(session, fields, values))

    return expects(rule, subject, status, requests, DRY_RUN)


def updates(
    rule: str, subject: str, status: int | range, kind: RecordKind, fields: Iterable[str], *values: object
) -> Check:
    """Return a check that updates a record of the run. The arguments are those of ``creates``."""

    def requests(session: Session) -> Iterator[Exchange]:
        return (session.update(kind, session.shared_record(kind), each) for each in _changes(session, fields, values))

    return expects(rule, subject, status, requests, FULL)


def _changes(session: Session, fields: Iterable[str], values: Iterable[object]) -> Iterator[dict[str, object]]:
    for field, value in product(fields, values):
        yield {field: value(session) if callable(value) else value}


def refuses_alike(rule: str, subject: str, requests: RequestSender, level: Level = READ_ONLY) -> Check:
    """Return a check that all requests are refused with the status of the first one."""
    return Check(rule, f"{subject} is refused alike", lambda session: expect_same_refusal(*requests(session)), level)


def untestable(rule: str, reason: str) -> Check:
    """Return a check of a rule that no request can check, with the reason."""
    return Check(rule, NOT_VISIBLE, lambda session: skip_unless(None, reason))


def ignores(rule: str, title: str, paths: Iterable[str], *options: Mapping[str, Any]) -> Check:
    """Return a check that a GET with options gets the same response as a GET of the same path without options."""

    def run(session: Session) -> None:
        for path, more in product(paths, options):
            expect_same_response(session.get(path, **more), session.get(path))

    return Check(rule, title, run)
