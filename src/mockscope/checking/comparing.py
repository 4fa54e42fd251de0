"""Responses compared with what a rule says: each of these raises a verdict unless it holds."""

from typing import Any, Final

from mockscope.checking.outcome import expect, require, unseen
from mockscope.checking.walking import Fields, Kind, content
from mockscope.remote.exchange import Exchange

# Any status of success, and any of a refusal.
OK: Final = range(200, 300)
REFUSED: Final = range(400, 1000)


def answered(status: int | range, *exchanges: Exchange) -> None:
    """Judge the status of responses.

    Raises:
        Verdict: If one has another.
    """
    expected = "the request is not refused" if status is OK else "the request is refused"
    if isinstance(status, int):
        status, expected = range(status, status + 1), f"the status is {status}"
    for exchange in exchanges:
        expect(exchange.status in status, expected, exchange)


def refused_alike(plain: Exchange, *others: Exchange) -> None:
    """Judge that requests are refused with the status of another one.

    Raises:
        Verdict: If one is not, or that one is not refused itself: another rule says so.
    """
    require(plain.status >= 400, f"{plain.method} {plain.path} is not refused")
    answered(plain.status, *others)


def same(exchange: Exchange, plain: Exchange) -> None:
    """Judge that two responses are the same.

    Raises:
        Verdict: If they are not.
    """
    is_same = exchange.status == plain.status and content(exchange) == content(plain)
    expect(is_same, "both responses are the same", exchange, plain)


def shown(exchange: Exchange) -> Fields:
    """Return the record in a response.

    Raises:
        Verdict: If there is none to be judged.
    """
    record = content(exchange)
    if exchange.status >= 300 or not isinstance(record, Fields):
        raise unseen(f"{exchange.method} is answered {exchange.status}, without a record to look at")
    return record


def field_of(exchange: Exchange, name: str) -> Any:
    """Return a field of the record in a response, or None."""
    record = content(exchange)
    return record.get(name) if isinstance(record, Fields) else None


def is_found(exchange: Exchange, kind: Kind, name: str) -> bool:
    """Return whether a response is 200 with the record of a name."""
    return exchange.status == 200 and kind.key(content(exchange)) == kind.key({kind.by: name})
