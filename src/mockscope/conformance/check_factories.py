"""The table of checks: what each looks for, the rule that it belongs to, and the level that it needs."""

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
    skip_unless,
)
from mockscope.conformance.session import Session
from mockscope.remote.exchange import Exchange

# The title of a check of which nothing can be seen.
NOT_VISIBLE: Final = "It cannot be seen from outside"
# The paths of the two lists.
LISTS: Final = [kind.path for kind in KINDS]
# Values of a required field that are refused.
BLANKS: Final = ("", "  ")
BAD_TEXTS: Final = (*BLANKS, None, 5, ["Mockscope"])


class Check(NamedTuple):
    """One check of a rule. ``run`` raises a verdict unless the rule holds."""

    rule: str
    title: str
    run: Callable[[Session], None]
    level: Level = READ_ONLY
    # Whether it looks through the responses to all others.
    runs_last: bool = False


RequestSender = Callable[[Session], Iterable[Exchange]]


def expects(rule: str, subject: str, status: int | range, requests: RequestSender, level: Level = READ_ONLY) -> Check:
    """Return a check of requests whose responses all have a status.

    Args:
        rule: The rule.
        subject: What the requests have in common; the title says with which status it is answered.
        status: The status, or OK or REFUSED.
        requests: Sends the requests.
        level: The level that it needs.
    """

    def run(session: Session) -> None:
        for exchange in requests(session):
            expect_status(status, exchange)

    return Check(rule, f"{subject} is {describe_status(status)}", run, level)


def creates(
    rule: str, subject: str, status: int | range, kind: RecordKind, fields: Iterable[str], *values: object
) -> Check:
    """Return a check of creates, one for each of some fields with each of some values.

    Args:
        rule: The rule.
        subject: What the requests have in common.
        status: The status, or OK or REFUSED.
        kind: The kind of the records.
        fields: The fields.
        values: The values: ``...`` leaves the field out, and a function is called with the session.
    """

    def requests(session: Session) -> Iterator[Exchange]:
        for field, value in product(fields, values):
            yield session.create(kind, **{field: _value(session, value)})

    return expects(rule, subject, status, requests, DRY_RUN)


def updates(
    rule: str, subject: str, status: int | range, kind: RecordKind, fields: Iterable[str], *values: object
) -> Check:
    """Return a check of updates of a record of the run; the arguments are those of ``creates``."""

    def requests(session: Session) -> Iterator[Exchange]:
        for field, value in product(fields, values):
            yield session.update(kind, session.shared_record(kind), {field: _value(session, value)})

    return expects(rule, subject, status, requests, FULL)


def _value(session: Session, value: object) -> object:
    return value(session) if callable(value) else value


def refuses_alike(rule: str, subject: str, requests: RequestSender, level: Level = READ_ONLY) -> Check:
    """Return a check of requests that are all refused as the first of them is."""
    return Check(rule, f"{subject} is refused alike", lambda session: expect_same_refusal(*requests(session)), level)


def unobservable(rule: str, reason: str) -> Check:
    """Return a check for a rule that cannot be seen from outside, and why."""
    return Check(rule, NOT_VISIBLE, lambda session: skip_unless(None, reason))


def ignores(rule: str, title: str, paths: Iterable[str], *options: Mapping[str, Any]) -> Check:
    """Return a check of GETs with some options, each answered like the GET of that path without them."""

    def run(session: Session) -> None:
        for path, more in product(paths, options):
            expect_same_response(session.get(path, **more), session.get(path))

    return Check(rule, title, run)
