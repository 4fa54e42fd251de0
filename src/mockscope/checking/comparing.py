"""Answers compared with what a rule says of them: what is not so is raised as a verdict."""

from typing import Any

from mockscope.checking.outcome import differs, unseen
from mockscope.checking.walking import Fields, NoJson, parsed
from mockscope.target import Exchange


def refused(exchange: Exchange, status: int = 400) -> None:
    """Judge that a request was refused.

    Raises:
        Verdict: it was not, or with another status.
    """
    if exchange.status != status:
        raise differs(f"the status is {status}", exchange)


def accepted(exchange: Exchange) -> None:
    """Judge that a request was not refused.

    Raises:
        Verdict: it was.
    """
    if exchange.status >= 300:
        raise differs("the request is not refused", exchange)


def same(exchange: Exchange, plain: Exchange) -> None:
    """Judge that two answers are the same.

    Raises:
        Verdict: they are not.
    """
    if exchange.status != plain.status or content(exchange) != content(plain):
        raise differs("both answers are the same", exchange, plain)


def content(exchange: Exchange) -> Any:
    """The answer as JSON or, where it is none, as it came."""
    try:
        return parsed(exchange)
    except NoJson:
        return exchange.answer


def shown(exchange: Exchange) -> Fields:
    """The record in an answer.

    Raises:
        Verdict: there is none to be judged.
    """
    record = content(exchange)
    if exchange.status >= 300 or not isinstance(record, Fields):
        raise unseen(f"{exchange.method} is answered {exchange.status}, without a record to look at")
    return record


def answered(exchange: Exchange, status: int, body: object, expected: str) -> None:
    """Judge an answer whole.

    Raises:
        Verdict: it is another one.
    """
    if exchange.status != status or content(exchange) != body:
        raise differs(expected, exchange)
