"""Responses compared with what a rule says: each of these raises a verdict unless it holds."""

from mockscope.checking.outcome import differs, unseen
from mockscope.checking.walking import Fields, content
from mockscope.remote.exchange import Exchange


def refused(*exchanges: Exchange, status: int = 400) -> None:
    """Judge that requests were refused.

    Raises:
        Verdict: If one was not, or with another status.
    """
    for exchange in exchanges:
        if exchange.status != status:
            raise differs(f"the status is {status}", exchange)


def accepted(*exchanges: Exchange) -> None:
    """Judge that requests were not refused.

    Raises:
        Verdict: If one was.
    """
    for exchange in exchanges:
        if exchange.status >= 300:
            raise differs("the request is not refused", exchange)


def same(exchange: Exchange, plain: Exchange) -> None:
    """Judge that two responses are the same.

    Raises:
        Verdict: If they are not.
    """
    if exchange.status != plain.status or content(exchange) != content(plain):
        raise differs("both responses are the same", exchange, plain)


def shown(exchange: Exchange) -> Fields:
    """Return the record in a response.

    Raises:
        Verdict: If there is none to be judged.
    """
    record = content(exchange)
    if exchange.status >= 300 or not isinstance(record, Fields):
        raise unseen(f"{exchange.method} is answered {exchange.status}, without a record to look at")
    return record


def field_of(exchange: Exchange, name: str) -> object:
    """Return a field of the record in a response, or None."""
    record = content(exchange)
    return record.get(name) if isinstance(record, Fields) else None


def answered(exchange: Exchange, status: int, body: object, expected: str) -> None:
    """Judge a whole response.

    Raises:
        Verdict: If it is another one.
    """
    if exchange.status != status or content(exchange) != body:
        raise differs(expected, exchange)
