"""The table of checks: what each looks for, the rule that it belongs to, and the level that it needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Final, NamedTuple

from mockscope.conformance.listing import KINDS, Kind
from mockscope.conformance.outcome import (
    DRY_RUN,
    FULL,
    READ_ONLY,
    Level,
    in_words,
    refused_alike,
    require,
    respond,
    same,
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
    is_last: bool = False


Requests = Callable[[Session], Iterable[Exchange]]


def row(rule: str, subject: str, status: int | range, requests: Requests, level: Level = READ_ONLY) -> Check:
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
            respond(status, exchange)

    return Check(rule, f"{subject} is {in_words(status)}", run, level)


def creates(rule: str, subject: str, status: int | range, kind: Kind, fields: Iterable[str], *values: object) -> Check:
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

    return row(rule, subject, status, requests, DRY_RUN)


def updates(rule: str, subject: str, status: int | range, kind: Kind, fields: Iterable[str], *values: object) -> Check:
    """Return a check of updates of a record of the run; the arguments are those of ``creates``."""

    def requests(session: Session) -> Iterator[Exchange]:
        for field, value in product(fields, values):
            yield session.update(kind, session.spare(kind), {field: _value(session, value)})

    return row(rule, subject, status, requests, FULL)


def _value(session: Session, value: object) -> object:
    return value(session) if callable(value) else value


def alike(rule: str, subject: str, requests: Requests, level: Level = READ_ONLY) -> Check:
    """Return a check of requests that are all refused as the first of them is."""
    return Check(rule, f"{subject} is refused alike", lambda session: refused_alike(*requests(session)), level)


def not_visible(rule: str, reason: str) -> Check:
    """Return a check for a rule that cannot be seen from outside, and why."""
    return Check(rule, NOT_VISIBLE, lambda session: require(None, reason))


def ignores(rule: str, title: str, paths: Iterable[str], *options: Mapping[str, Any]) -> Check:
    """Return a check of GETs with some options, each answered like the GET of that path without them."""

    def run(session: Session) -> None:
        for path, more in product(paths, options):
            same(session.get(path, **more), session.get(path))

    return Check(rule, title, run)
